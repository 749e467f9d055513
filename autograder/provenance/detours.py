"""Roundabout ways to the library, read from syntax: computed names, Python's insides, text that is run.

A plain `edf.Sigmoid` is seen by provenance.py. What this finds is code that gets hold of the library as a whole, or of
anything at all, without naming it; no derivation needs that.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.provenance.syntax import quote, statement_at, syntax_of, text_of

LIBRARY = "edf_course"
ALL = frozenset({"*"})
# What reaches into Python itself, by module.
INSIDES: Mapping[str, frozenset[str]] = {
    "builtins": frozenset({"__import__", "eval", "exec", "compile", "globals", "vars"}),
    "code": ALL,
    "codeop": ALL,
    "ctypes": ALL,
    "dill": ALL,
    "dis": ALL,
    "gc": frozenset({"get_objects", "get_referrers", "get_referents"}),
    "imp": ALL,
    "importlib": ALL,
    "inspect": frozenset(
        {"currentframe", "getclosurevars", "getfile", "getmembers", "getmembers_static", "getmodule", "getsource",
         "getsourcefile", "getsourcelines", "stack", "trace"}
    ),
    "linecache": ALL,
    "marshal": ALL,
    "pickle": frozenset({"load", "loads", "Unpickler"}),
    "pkgutil": ALL,
    "pydoc": ALL,
    "runpy": ALL,
    "sys": frozenset({"_current_frames", "_getframe", "meta_path", "modules", "setprofile", "settrace"}),
    "types": frozenset({"CodeType", "FunctionType", "LambdaType"}),
    "zipimport": ALL,
}  # fmt: skip
ATTRIBUTES = frozenset(
    {"__builtins__", "__closure__", "__code__", "__globals__", "__loader__", "__spec__", "__subclasses__", "ag_frame",
     "cr_frame", "f_back", "f_builtins", "f_code", "f_globals", "f_locals", "gi_code", "gi_frame", "tb_frame",
     "user_global_ns", "user_module", "user_ns"}
)  # fmt: skip
NAMES = re.compile(r"__builtins__|__loader__|__spec__|get_ipython|In|Out|_[io]h|_{1,3}|_i?\d+")  # of a notebook
RUN_TEXT = frozenset({"eval", "exec", "compile"})

Judge = Callable[[Any], str | None]  # the name of a thing that does an exercise's work, None for any other


@dataclass(frozen=True)
class Detour:
    """What a function does ("takes the library as a whole"), the line, and the library's name where one is known."""

    what: str
    line: str
    name: str = ""


class _Found(Exception):
    """What was looked for; its arguments are what it is, the node where it is, and the library's name or ""."""


def find_detour(function: types.FunctionType, forbidden: Judge, allowed: frozenset[str] = frozenset()) -> Detour | None:
    """Return the first way by which a function reaches what it may not, or None.

    forbidden: names what an answer may not use. allowed: what is no detour in this exercise, such as "eval".
    """
    for node in syntax_of(function):
        try:
            _Reader(function.__globals__, forbidden, allowed).visit(node)
        except _Found as found:
            what, where, *name = found.args
            return Detour(what, quote(statement_at(node, where)), *name)
        except RecursionError:
            return Detour("is nested too deeply to be read", quote(node))
    return None


def names_by_text(function: types.FunctionType) -> set[str]:
    """The global names that a function reads by their text: "f" in globals()["f"], and those in a text that it runs."""
    names: set[str] = set()
    for root in syntax_of(function):
        for node in ast.walk(root):
            if isinstance(node, ast.Subscript) and _is_globals(node.value):
                names.add(text_of(node.slice, function.__globals__) or "")
            elif isinstance(node, ast.Call) and _is_get_of_globals(node):
                names.add(text_of(node.args[0], function.__globals__) or "")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RUN_TEXT:
                tree = _tree(node.args, function.__globals__)
                names |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} if tree else set()
    return names


def module_named(name: str) -> types.ModuleType:
    """The library's module of that name; for any other package an empty one that is called the same."""
    if name == LIBRARY or name in _rooms():
        with contextlib.suppress(ImportError):  # of a package that it needs and that is not here
            return importlib.import_module(name)
    return types.ModuleType(name)


@functools.cache
def is_installed(package: str) -> bool:
    """Whether there is such a package; what is not, and was imported all the same, a notebook made itself."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # one that is loaded, and does not say from where
        return package in sys.modules


def imported(module: str, name: str) -> Any:
    """What `from module import name` gives: of the library the thing itself, of another package an empty module."""
    if module.partition(".")[0] != LIBRARY:
        return types.ModuleType(f"{module}.{name}")
    owner = module_named(module)
    if not hasattr(owner, name) and f"{module}.{name}" in _rooms():
        return module_named(f"{module}.{name}")
    return getattr(owner, name, None)


@functools.cache
def _rooms() -> frozenset[str]:
    """The names of the library's modules, from its files: not all of them are imported."""
    spec = importlib.util.find_spec(LIBRARY)
    folders = [Path(p) for p in spec.submodule_search_locations or ()] if spec else []
    files = (file.relative_to(folder).with_suffix("") for folder in folders for file in folder.rglob("*.py"))
    return frozenset(".".join((LIBRARY, *file.parts)).removesuffix(".__init__") for file in files)


def _is_globals(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "globals"


def _is_get_of_globals(node: ast.Call) -> bool:
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "get"
        and _is_globals(function.value)
        and bool(node.args)
    )


def _tree(arguments: Sequence[ast.expr], names: Mapping[str, Any]) -> ast.AST | None:
    """The syntax of a text that is run; None where the text cannot be known."""
    text = text_of(arguments[0], names) if arguments else None
    if text is None:
        return None
    try:
        return ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


class _Reader(ast.NodeVisitor):
    """Walks through a function and knows which of its names are its own."""

    def __init__(self, names: Mapping[str, Any], forbidden: Judge, allowed: frozenset[str]) -> None:
        self.names, self.forbidden, self.allowed = names, forbidden, allowed
        self.own: list[dict[str, Any]] = [{}]  # of each function around: its names, and modules that they stand for

    def _resolve(self, node: ast.AST) -> Any:
        """What a name, or a name with dots, stands for; None where reading does not tell."""
        if isinstance(node, ast.Name):
            scope = next((own for own in reversed(self.own) if node.id in own), self.names)
            return scope.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._resolve(node.value)
            if isinstance(owner, types.ModuleType):
                return imported(owner.__name__, node.attr)
        return None

    def _scope(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
        own: dict[str, Any] = dict.fromkeys(a.arg for a in arguments)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                own[inner.id] = None
        for outside in (n for n in ast.walk(node) if isinstance(n, (ast.Global, ast.Nonlocal))):
            own = {name: value for name, value in own.items() if name not in outside.names}
        for default in (*given.defaults, *filter(None, given.kw_defaults), *getattr(node, "decorator_list", [])):
            self.visit(default)
        self.own.append(own)
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(part)
        self.own.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scope(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._scope(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._scope(node)

    def _comprehension(self, node: Any) -> None:
        stored = (n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name))
        self.own.append(dict.fromkeys(stored))
        self.generic_visit(node)
        self.own.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._look_at_module(alias.name, node)
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            self.own[-1][alias.asname or whole] = module_named(whole)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._look_at_module(f"{node.module or ''}.{alias.name}", node)
            found = imported(node.module or "", alias.name)
            self._look_at_library(found, node)
            self.own[-1][alias.asname or alias.name] = found

    def _look_at_module(self, name: str, node: ast.AST) -> None:
        """Report what reaches into Python itself: a module as a whole, or something in it."""
        module, _, inside = name.partition(".")
        told = INSIDES.get(module, frozenset())
        if told is ALL or inside.partition(".")[0] in told:
            raise _Found(f"reaches into Python by {name}", node)

    def visit_Name(self, node: ast.Name) -> None:
        found = self._resolve(node)
        if isinstance(found, types.ModuleType):
            if found.__name__.partition(".")[0] == LIBRARY:
                raise _Found("takes the library as a whole", node)
            if found.__name__ in INSIDES:
                raise _Found(f"takes {found.__name__} as a whole", node)
            self._look_at_module(found.__name__, node)
        elif found is None and NAMES.fullmatch(node.id) and not any(node.id in scope for scope in self.own):
            raise _Found(f"reaches into Python by {node.id}", node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._attribute(node.value, node.attr, node)

    def _attribute(self, of: ast.expr, name: str, node: ast.AST) -> None:
        if name in ATTRIBUTES:
            raise _Found(f"reaches into Python by {name}", node)
        owner = self._resolve(of)
        if not isinstance(owner, types.ModuleType):
            self.visit(of)
        elif owner.__name__.partition(".")[0] != LIBRARY:
            self._look_at_module(f"{owner.__name__}.{name}", node)
            if isinstance(of, ast.Attribute):
                self.visit(of)
        else:
            found = getattr(owner, name, None)
            if isinstance(found, types.ModuleType) or name.startswith("__"):
                raise _Found("takes the library as a whole", node)
            if isinstance(found, dict):
                raise _Found(f"looks into the library's {name}", node)
            self._look_at_library(found, node)

    def _look_at_library(self, found: Any, node: ast.AST) -> None:
        name = self.forbidden(found)
        if name:
            raise _Found(f"uses the library's {name}", node, name)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        name = text_of(node.slice, self.names) if _is_globals(node.value) else None
        if name is None:
            self.generic_visit(node)
        else:
            self.visit(ast.copy_location(ast.Name(name, ast.Load()), node))

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) and self._resolve(node.func) is None else ""
        if called == "isinstance" and node.args:
            self.visit(node.args[0])
        elif called == "getattr" and len(node.args) > 1:
            self._getattr(node)
        elif called in RUN_TEXT and called not in self.allowed:
            self._run_text(node, called)
        elif called == "__import__" or (isinstance(node.func, ast.Attribute) and node.func.attr == "import_module"):
            self._import(node)
        elif called == "globals":
            raise _Found("takes all names that there are (globals)", node)
        elif _is_get_of_globals(node):
            get = node.func
            assert isinstance(get, ast.Attribute)
            self.visit(ast.copy_location(ast.Subscript(get.value, node.args[0], ast.Load()), node))
        else:
            self.generic_visit(node)

    def _getattr(self, node: ast.Call) -> None:
        """getattr(edf, "Sigmoid") is edf.Sigmoid; of the student's own things a name may be computed."""
        key = text_of(node.args[1], self.names)
        if key is None:
            self.generic_visit(node)
        else:
            self._attribute(node.args[0], key, node)

    def _run_text(self, node: ast.Call, called: str) -> None:
        tree = _tree(node.args, self.names)
        if tree is None:
            raise _Found(f"runs a text that cannot be read ({called})", node)
        try:
            self.visit(tree)
        except _Found as found:
            raise _Found(found.args[0], node, *found.args[2:]) from None
        for more in (*node.args[1:], *node.keywords):
            self.visit(more)

    def _import(self, node: ast.Call) -> None:
        name = text_of(node.args[0], self.names) if node.args else None
        if name is None:
            raise _Found("imports by a computed name", node)
        if name.partition(".")[0] == LIBRARY:
            raise _Found("takes the library as a whole", node)
        self._look_at_module(name, node)
