"""How the numbers were got, read from the source of a notebook: nothing of it is run here.

Each cell's functions are compiled, never called, and put behind the names that the notebook gives them; names that come
from the library by an import stand for the library's own. Then provenance.py looks at them as at live ones.
"""

from __future__ import annotations

import ast
import functools
import re
import time
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from autograder.provenance.detours import LIBRARY, imported, is_installed, module_named
from autograder.provenance.places import is_ipython, is_main, is_namespace, puts_something_somewhere, root_of
from autograder.provenance.provenance import MACHINERY, Finding, Several, Unseen, inspect_answer
from autograder.provenance.standins import (
    STUDENT,
    Names,
    cannot_fail,
    class_of,
    function_of,
    module_of,
    named,
    several,
    touched,
    value_of,
)
from autograder.provenance.syntax import Unreadable, go_on, patience, text_of
from edf_course.exercises.marking import Comparison

PUBLIC = frozenset({"edf_course.check", "edf_course.exercises"})  # functions, and a list of what there is
WORDS = (":=", "autograder", "course.check", "exercises", "handin")  # cells without them need no second look
STEERING = ("_transformers", "run_code", "run_cell_async", "run_ast_nodes")  # what is run is not what is written then
LONGEST_MODULE, MOST_MODULES = 100_000, 20  # bytes of a file beside the notebook, and how many are read
HAND_IN = "hand_in"  # a name that they may have given to something else
READ_SECONDS = 8.0  # of work, for a whole notebook; an honest one takes a few hundredths
DEPTHS = ("body", "orelse", "finalbody")
MOST_MAGICS = 1_000_000  # characters of a cell times lines in it that look like magics: IPython's time grows with that
_MAGIC = re.compile(r"^\s*[%!?,;/]|\?\s*$|=\s*[%!]", re.MULTILINE)
_MAGICS = TransformerManager()
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class SourceReader:
    """Reads the cells of one notebook, and each time only those that it has not read yet.

    beside: the files in the notebook's folder; of these, the modules that it may import.
    """

    def __init__(self, beside: Mapping[str, bytes] | None = None) -> None:
        modules = {n: text for n, text in (beside or {}).items() if n.endswith(".py") and len(text) <= LONGEST_MODULE}
        self._beside = dict(list(modules.items())[:MOST_MODULES])
        self._seconds = READ_SECONDS
        self._begin()

    def _begin(self) -> None:
        self._sources: list[tuple[str, bool]] = []
        self._names: Names = {"__name__": STUDENT}
        self._steered = False
        self._latest: tuple[ast.expr | None, Any] = None, None  # one value may be given to many names
        self._patches: list[Any] = []  # what is put into the library, or may be put anywhere
        self._unreadable = ""
        self._words: set[str] = set()  # of WORDS, those that the cells have until now

    def names(self, sources: Sequence[str], unfinished: Collection[int] = ()) -> Names:
        """What the cells' names stand for at the end, as far as reading tells: stand-ins that must not be called."""
        cells = [(source, number in unfinished) for number, source in enumerate(sources)]
        if cells[: len(self._sources)] != self._sources:
            self._begin()
        try:
            if not self._sources:
                self._read_beside()
            for number in range(len(self._sources), len(cells)):
                self._read_cell(number, *cells[number])
        except (Unreadable, RecursionError) as error:
            where = f"cell {len(self._sources)}" if self._sources else "a file beside the notebook"
            self._unreadable = f"{where}: {str(error) or 'it is nested too deeply to be read'}"
        return self._names

    def _read_beside(self) -> None:
        for _ in range(2):  # the second time each finds what the others define
            for name, content in self._beside.items():
                self._add_module(module_of(name), content.decode("utf-8", "replace"))

    def _read_cell(self, number: int, source: str, unfinished: bool) -> None:
        self._sources.append((source, unfinished))
        self._names["__file__"] = f"<submitted cell {number}>"
        self._words |= {word for word in WORDS if word in source}
        body = _read(source).body
        whole = len(body)
        if unfinished:
            whole = next((i for i, statement in enumerate(body) if not cannot_fail(statement, self._names)), whole)
        self._read(body[:whole], not self._steered)
        self._read(body[whole:], False)
        self._steered |= any(word in source for word in STEERING)

    def _add_module(self, name: str, source: str) -> None:
        """A module of their own: what it defines is read as a notebook's cell is. None stands before the library."""
        if name.partition(".")[0] == LIBRARY:
            return
        reader = SourceReader()
        reader._names |= {n: known for n, known in self._names.items() if n.startswith("module ")}
        made = reader.names([source])
        if reader._unreadable:
            raise Unreadable(f"{name}: {reader._unreadable}")
        module = self._names.setdefault(f"module {name}", types.ModuleType(name))
        module.__dict__.update((n, v) for n, v in made.items() if not n.startswith("__") and " " not in n)
        *above, last = name.split(".")
        if above:
            package = self._names.setdefault(f"module {'.'.join(above)}", types.ModuleType(".".join(above)))
            setattr(package, last, module)

    def inspect(
        self,
        sources: Sequence[str],
        name: str,
        comparisons: Sequence[Comparison],
        noticed: frozenset[str],
        *,
        unfinished: Collection[int] = (),
        numerical: bool = False,
        allowed: frozenset[str] = frozenset(),
    ) -> Finding | None:
        """Return what speaks against the answer called `name` being a derivation of its own, or None.

        `sources` are the cells that were run before it was handed in, `unfinished` the numbers of those that ended in
        an error, so that not all of their lines were. See provenance.inspect_answer for the rest.
        """
        start = time.thread_time()
        try:
            with patience(self._seconds):
                names = self.names(sources, unfinished)
                if self._unreadable:
                    return Finding("delegates", self._unreadable)
                if name not in names:
                    return Finding("delegates", f"what {name} is cannot be seen in the notebook's cells")
                answer = Several((names[name], names.get(HAND_IN), *self._patches))
                return inspect_answer(answer, comparisons, noticed, numerical=numerical, allowed=allowed)
        except Unreadable as error:
            return Finding("delegates", str(error))
        finally:
            self._seconds -= time.thread_time() - start

    def _read(self, body: Sequence[ast.stmt], certain: bool = True) -> None:
        """Bind the names of these statements; where it is not certain that they are run, beside what there was."""
        for statement in body:
            go_on()
            self._bind(statement, certain)
            for part in DEPTHS:
                if not isinstance(statement, (*_FUNCTION, ast.ClassDef)):
                    self._read(getattr(statement, part, []), False)
            for inner in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                self._read(inner.body, False)

    def _set(self, name: str, value: Any, certain: bool = True) -> None:
        self._names[name] = value if certain else several(self._names.get(name), value)

    def _bind(self, statement: ast.stmt, certain: bool) -> None:
        match statement:
            case ast.Import():
                for alias in statement.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    found = self._names.get(f"module {whole}")
                    if not found and certain and not is_installed(whole.partition(".")[0]):
                        found = Unseen(whole)
                    self._set(alias.asname or whole, found or module_named(whole), certain)
            case ast.ImportFrom():
                self._import_from(statement, certain)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._set(statement.name, function_of(statement, statement.name, self._names), certain)
                self._read_inside(statement)
            case ast.ClassDef():
                self._set(statement.name, class_of(statement, self._names), certain)
                self._read_inside(statement)
            case ast.Assign() | ast.AnnAssign() if statement.value is not None:
                for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                    self._assign(target, statement.value, certain)
            case ast.AugAssign():
                self._assign(statement.target, statement.value, False)
            case ast.For() | ast.AsyncFor():
                self._assign(statement.target, statement.iter, False)
            case ast.With() | ast.AsyncWith():
                for item in statement.items:
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, item.context_expr, certain)
            case ast.Expr(ast.Call() as call):
                self._call(call, statement)
            case ast.Match():
                for pattern in (p for c in statement.cases for p in ast.walk(c.pattern)):
                    for name in filter(None, (getattr(pattern, "name", None), getattr(pattern, "rest", None))):
                        self._set(name, value_of(statement.subject, name, self._names), False)
        expressions = ast.iter_child_nodes(statement) if ":=" in self._words else ()
        for expression in (e for e in expressions if isinstance(e, ast.expr)):
            walruses = [n for n in ast.walk(expression) if isinstance(n, ast.NamedExpr)]
            part = function_of(ast.copy_location(ast.Expr(expression), expression), "a walrus", self._names)
            for walrus in walruses:
                self._set(walrus.target.id, several(value_of(walrus.value, "a walrus", self._names), part), False)

    def _import_from(self, statement: ast.ImportFrom, certain: bool) -> None:
        module = statement.module or ""
        own = self._names.get(f"module {module}")
        unseen = Unseen(module) if certain and not own and not is_installed(module.partition(".")[0]) else None
        for alias in statement.names:
            if alias.name != "*":
                found = unseen or (getattr(own, alias.name, None) if own else imported(module, alias.name))
                self._set(alias.asname or alias.name, found, certain)
            elif own or module.partition(".")[0] == LIBRARY:
                whole = own or module_named(module)
                public = getattr(whole, "__all__", [n for n in vars(whole) if not n.startswith("_")])
                for name in public:
                    self._set(name, getattr(whole, name, None), certain)

    def _assign(self, target: ast.expr, value: ast.expr, certain: bool) -> None:
        if isinstance(target, ast.Name):
            if value is not self._latest[0]:
                self._latest = value, value_of(value, target.id, self._names)
            self._set(target.id, self._latest[1], certain)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            for i, part in enumerate(target.elts):
                self._assign(part, parts[i] if len(parts) == len(target.elts) else value, certain)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, value, certain)
        elif isinstance(target, (ast.Attribute, ast.Subscript)):
            self._store(target, value)

    def _store(self, target: ast.Attribute | ast.Subscript, value: ast.expr) -> None:
        """Something is put into something: a class of theirs, a global by its text, the library."""
        root = root_of(target)
        part = value_of(value, root.id if isinstance(root, ast.Name) else "it", self._names)
        if isinstance(target, ast.Subscript) and is_namespace(target.value):
            name = text_of(target.slice, self._names)
            if name is None:
                self._patches.append(part)
            else:
                self._set(name, part)
        elif isinstance(target, ast.Attribute) and is_main(target.value, self._names):
            self._set(target.attr, part)
        elif self._is_library_s(target) or isinstance(named(root, self._names), types.ModuleType):
            self._patches.append(part)
        elif isinstance(root, ast.Name) and self._is_theirs(root.id):
            self._names[root.id] = touched(self._names[root.id], part)

    def _is_theirs(self, name: str) -> bool:
        found = self._names.get(name)
        return isinstance(found, (types.FunctionType, Several)) or getattr(found, "__module__", "") == STUDENT

    def _is_library_s(self, target: ast.expr) -> bool:
        """Whether a class of the library, or a place from which the judge is answered, is on the way to `target`."""
        while isinstance(target, (ast.Attribute, ast.Subscript, ast.Call)):
            target = target.func if isinstance(target, ast.Call) else target.value
            found = named(target, self._names)
            if isinstance(found, types.ModuleType) and found.__name__.startswith(MACHINERY):
                return True
            of_a_function = isinstance(found, types.FunctionType) and found.__module__ != STUDENT
            if (isinstance(found, type) or of_a_function) and found.__module__.startswith(LIBRARY):
                return True
        return False

    def _call(self, call: ast.Call, statement: ast.Expr) -> None:
        """A call that may change what a name stands for: setattr, a method, exec, a magic."""
        function = call.func
        called = function.id if isinstance(function, ast.Name) else ""
        if called in ("setattr", "delattr") and len(call.args) > 2:
            key = text_of(call.args[1], self._names) or "it"
            self._store(ast.Attribute(call.args[0], key, ast.Store()), call.args[2])
        elif called == "exec" and call.args:
            file = next((f for f in self._beside if ast.unparse(call.args[0]) == f"open({f!r}).read()"), None)
            text = text_of(call.args[0], self._names)
            self._run_text(text if file is None else self._beside[file].decode("utf-8", "replace"), statement)
        elif isinstance(function, ast.Attribute) and is_ipython(function.value):
            self._ipython(function.attr, call, statement)
        elif isinstance(function, ast.Attribute) and function.attr == "register":  # something that is called later
            self._patches += [value_of(argument, "a call", self._names) for argument in call.args[1:]]
        elif isinstance(function, ast.Attribute) and is_namespace(function.value):  # globals().update(…)
            self._update(call)
        elif self._mentions_machinery(statement) or "mock.patch" in ast.unparse(function):
            self._patches.append(function_of(statement, "a call", self._names))
        elif isinstance(function, ast.Attribute):
            root = root_of(function)
            if isinstance(root, ast.Name) and self._is_theirs(root.id):
                part = function_of(statement, root.id, self._names)
                self._names[root.id] = touched(self._names[root.id], part)

    def _mentions_machinery(self, statement: ast.AST) -> bool:
        for node in ast.walk(statement) if self._words - {":="} else ():
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {f"{getattr(node, 'module', '')}.{alias.name}".removeprefix(".") for alias in node.names}
                if any(name.startswith(MACHINERY) and name not in PUBLIC for name in names):
                    return True
            found = named(node, self._names) if isinstance(node, (ast.Name, ast.Attribute)) else None
            if isinstance(found, types.ModuleType) and found.__name__.startswith(MACHINERY):
                return True
        return False

    def _update(self, call: ast.Call) -> None:
        for argument in call.args:
            self._patches.append(value_of(argument, "globals", self._names))
        for keyword in call.keywords:
            self._set(keyword.arg or "", value_of(keyword.value, "globals", self._names))

    def _ipython(self, method: str, call: ast.Call, statement: ast.Expr) -> None:
        texts = [text_of(argument, self._names) for argument in call.args]
        if method in ("run_cell_magic", "run_line_magic") and texts and texts[-1] is not None:
            if texts[0] == "writefile" and len(texts) == 3:
                self._add_module(str(texts[1]).removesuffix(".py"), texts[-1])
            elif texts[0] == "run" and texts[-1].split(" ")[-1] in self._beside:
                ran = self._names[f"module {module_of(texts[-1].split(' ')[-1])}"]
                self._names |= {n: v for n, v in vars(ran).items() if not n.startswith("__")}
            else:
                self._read(_read(texts[-1]).body, False)
        elif method in ("run_cell", "ex", "ev", "run_code", "run_cell_async"):
            self._run_text(texts[0] if texts else None, statement)
        elif method == "push":
            self._patches.append(function_of(statement, "a call", self._names))

    def _run_text(self, text: str | None, statement: ast.Expr) -> None:
        if text is None:  # whatever it may be, it is looked at with every answer
            self._patches.append(function_of(statement, "a call", self._names))
        else:
            self._read(_read(text).body, False)

    def _read_inside(self, statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """What a function does to the names outside, should it be called."""
        whole = functools.cache(lambda: function_of(statement, statement.name, self._names))
        for function in (n for n in ast.walk(statement) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))):
            go_on()
            if puts_something_somewhere(function) and self._mentions_machinery(function):
                self._patches.append(whole())
            for inner in ast.walk(function):
                if isinstance(inner, ast.Global):
                    for name in inner.names:
                        self._set(name, whole(), False)
                elif isinstance(inner, (ast.Attribute, ast.Subscript)) and isinstance(inner.ctx, ast.Store):
                    self._store_inside(inner, statement.name, whole)
                elif isinstance(inner, ast.Call):
                    self._call_inside(inner, statement.name, whole)

    def _store_inside(self, target: ast.Attribute | ast.Subscript, name: str, whole: Callable[[], Any]) -> None:
        """A function puts something into the library, or into another class of theirs."""
        root = root_of(target)
        into_names = isinstance(target, ast.Subscript) and is_namespace(target.value)
        if into_names or (isinstance(target, ast.Attribute) and is_main(target.value, self._names)):
            key = target.attr if isinstance(target, ast.Attribute) else text_of(target.slice, self._names)
            self._patches.append(whole()) if key is None else self._set(key, whole(), False)
        elif self._is_library_s(target):
            self._patches.append(whole())
        elif isinstance(root, ast.Name) and root.id not in ("self", name) and self._is_theirs(root.id):
            found = self._names[root.id]
            self._names[root.id] = touched(found, whole()) if isinstance(found, type) else found

    def _call_inside(self, call: ast.Call, name: str, whole: Callable[[], Any]) -> None:
        """A function calls what changes names outside: setattr, push or update."""
        called = call.func
        if isinstance(called, ast.Name) and called.id == "setattr" and len(call.args) > 2:
            key = text_of(call.args[1], self._names) or "it"
            self._store_inside(ast.Attribute(call.args[0], key, ast.Store()), name, whole)
        elif isinstance(called, ast.Attribute) and called.attr in ("push", "update"):
            self._patches += [whole()] if is_ipython(called.value) or is_namespace(called.value) else []


@functools.lru_cache(maxsize=512)
def _read(source: str) -> ast.Module:
    """The cell's syntax without magics; empty where it is no Python, which then did not run either.

    Raises: Unreadable for more magics than anybody writes.
    """
    if len(_MAGIC.findall(source)) * len(source) > MOST_MAGICS:
        raise Unreadable("it has too many magics to be read")
    try:
        return ast.parse(_MAGICS.transform_cell(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
