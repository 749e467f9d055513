"""How the numbers were got, read from the source of a notebook: nothing of it is run here.

Each cell's functions are compiled, never called, and put behind the names that the notebook gives them; names that come
from the library by an import stand for the library's own. Then provenance.py looks at them as at live ones.
"""

from __future__ import annotations

import ast
import functools
import importlib
import linecache
import types
from collections.abc import Iterator, Sequence
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from autograder.provenance import DERIVATIVES, Finding, inspect_answer
from edf_course.exercises.marking import Comparison

LIBRARY = "edf_course"
_MAGICS = TransformerManager()


class SourceReader:
    """Reads the cells of one notebook, and each time only those that it has not read yet."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._sources: list[str] = []
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def names(self, sources: Sequence[str]) -> dict[str, Any]:
        """What the cells' names stand for at the end, as far as reading tells: stand-ins that must not be called."""
        if list(sources[: len(self._sources)]) != self._sources:
            self._texts, self._sources, self._names = [], [], {"__name__": "__main__"}
        for number in range(len(self._sources), len(sources)):
            text, tree = _read(sources[number])
            self._sources.append(sources[number])
            self._texts.append(text)
            self._names["__file__"] = _file(number)
            for statement in _statements(tree.body):
                _bind(statement, self._names)
        return self._names

    def inspect(
        self,
        sources: Sequence[str],
        name: str,
        comparisons: Sequence[Comparison],
        noticed: frozenset[str],
        *,
        numerical: bool = False,
        allowed: frozenset[str] = frozenset(),
    ) -> Finding | None:
        """Return what speaks against the answer called `name` being a derivation of its own, or None.

        `sources` are the cells that were run before it was handed in. See provenance.inspect_answer for the rest.
        """
        names = self.names(sources)
        if name not in names:
            return Finding("delegates", f"what {name} is cannot be seen in the notebook's cells")
        try:
            for number, text in enumerate(self._texts):  # where Python looks for the lines of a function
                linecache.cache[_file(number)] = (len(text), None, text.splitlines(keepends=True), _file(number))
            return inspect_answer(names[name], comparisons, noticed, numerical=numerical, allowed=allowed)
        finally:
            for number in range(len(self._texts)):
                linecache.cache.pop(_file(number), None)


def _file(number: int) -> str:
    return f"<submitted cell {number}>"


@functools.lru_cache(maxsize=512)
def _read(source: str) -> tuple[str, ast.Module]:
    """The cell without magics, and its syntax; empty where it is no Python, which then did not run either."""
    try:
        text = _MAGICS.transform_cell(source)
        return text, ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", ast.Module([], [])


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements that bind names at the top, also inside if, for, with and try."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _statements(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body)


def _bind(statement: ast.stmt, names: dict[str, Any]) -> None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            names[alias.asname or whole] = _module(whole)
    elif isinstance(statement, ast.ImportFrom):
        _bind_from(statement, names)
    elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        names[statement.name] = _function(statement, statement.name, names)
    elif isinstance(statement, ast.ClassDef):
        names[statement.name] = _class(statement, names)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            _assign(target, statement.value, names)
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if isinstance(call.func, ast.Name) and call.func.id == "setattr" and call.args:
            _patch(call.args[0], _function(statement, "setattr", names), names)


def _bind_from(statement: ast.ImportFrom, names: dict[str, Any]) -> None:
    module = _module(statement.module or "")
    for alias in statement.names:
        if alias.name == "*":
            if module.__name__.startswith(LIBRARY):
                public = getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")])
                names.update({n: getattr(module, n) for n in public if hasattr(module, n)})
            continue
        found = getattr(module, alias.name, None)
        if found is None and module.__name__.startswith(LIBRARY):
            found = _module(f"{module.__name__}.{alias.name}")
        names[alias.asname or alias.name] = _module(module.__name__) if found is None else found


def _module(name: str) -> types.ModuleType:
    """The library's module of that name; for any other package an empty one with its name."""
    if name.partition(".")[0] == LIBRARY:
        try:
            return importlib.import_module(name)
        except ImportError:
            return types.ModuleType(name)
    return types.ModuleType(name)


def _assign(target: ast.expr, value: ast.expr, names: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = _value(value, target.id, names)
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        for i, part in enumerate(target.elts):
            _assign(part, parts[i] if len(parts) == len(target.elts) else value, names)
    elif isinstance(target, ast.Attribute):
        root: ast.expr = target.value
        while isinstance(root, ast.Attribute):
            root = root.value
        _patch(root, _value(value, target.attr, names), names)


def _patch(owner: ast.expr, value: Any, names: dict[str, Any]) -> None:
    """Sigmoid.forward = …, or setattr: one more part of a class of theirs."""
    found = names.get(owner.id) if isinstance(owner, ast.Name) else None
    if isinstance(found, type) and found.__module__ == "__main__":
        setattr(found, f"part{len(vars(found))}", value)


def _value(value: ast.expr, name: str, names: dict[str, Any]) -> Any:
    """What an expression stands for: what it names, its number, or a function that would work it out."""
    found = _number(value) or _named(value, names)
    return _function(ast.Expr(value), name, names) if found is None else found


def _number(value: ast.expr) -> float | complex | None:
    if isinstance(value, ast.Constant) and isinstance(value.value, (int, float, complex)):
        return value.value
    return None


def _named(value: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(value, ast.Name):
        return names.get(value.id)
    if isinstance(value, ast.Attribute):
        owner = _named(value.value, names)
        if isinstance(owner, types.ModuleType):
            if owner.__name__.partition(".")[0] in DERIVATIVES:
                return owner
            return getattr(owner, value.attr, None)
    return None


def _class(statement: ast.ClassDef, names: dict[str, Any]) -> type:
    """A class with the same bases, as far as they are classes, and functions under names that mean nothing.

    So no method of a student is ever found by the name under which Python would call it.
    """
    bases: list[type] = []
    parts = []
    for base in statement.bases:
        found = _named(base, names)
        if isinstance(found, type) and found not in bases:
            bases.append(found)
        else:
            parts.append(_function(ast.Expr(base), statement.name, names))
    for item in statement.body:
        if isinstance(item, ast.FunctionDef):
            parts.append(_function(item, item.name, names))
        else:
            parts.append(_function(item, statement.name, names))
    parts += [_function(ast.Expr(d), statement.name, names) for d in statement.decorator_list]
    made: dict[str, Any] = {f"part{i}": part for i, part in enumerate(parts)} | {"__module__": "__main__"}
    made |= {name: number for item in statement.body for name, number in _numbers(item)}
    try:
        return type(statement.name, tuple(bases), made)
    except TypeError:  # bases that do not go together
        return type(statement.name, (), made)


def _numbers(statement: ast.stmt) -> Iterator[tuple[str, float | complex]]:
    """The attributes of a class that are plain numbers, such as a step."""
    for target in statement.targets if isinstance(statement, ast.Assign) else ():
        number = _number(statement.value)  # type: ignore[attr-defined]
        if isinstance(target, ast.Name) and number is not None and not target.id.startswith("__"):
            yield target.id, number


def _function(statement: ast.stmt, name: str, names: dict[str, Any]) -> types.FunctionType:
    """A function with the code of a statement: of a `def` its own, of others the code that they are."""
    file = str(names["__file__"])
    try:
        code = compile(ast.fix_missing_locations(ast.Module([statement], [])), file, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        code = compile("", file, "exec")
    defaults: tuple[Any, ...] = ()
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and not statement.decorator_list:
        inner = next((c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name), None)
        if inner is not None:
            code, defaults = inner, tuple(_number(d) for d in statement.args.defaults)
    cells = tuple(types.CellType() for _ in code.co_freevars)
    return types.FunctionType(code, names, name, defaults, cells)
