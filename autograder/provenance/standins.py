"""Stand-ins for what a notebook defines: classes and functions with its code, made without running any of it.

A function is compiled and must not be called. A class has its functions under names that mean nothing to Python, so no
method of a student is ever found by the name under which it would be called.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from autograder.provenance.detours import imported
from autograder.provenance.provenance import Several
from autograder.provenance.syntax import SYNTAX, Unreadable, go_on, text_of
from edf_course import yours_or_library

Names = dict[str, Any]
STUDENT = "__main__"
LONGEST_LINE = 100  # of base classes: Python's own time for one grows with it
MOST_THINGS = 2000  # that one name may stand for


def value_of(value: ast.expr, name: str, names: Names) -> Any:
    """What an expression stands for: what it names, its number, its text, or a function that would work it out."""
    found: Any = number_of(value)
    if found is None:
        found = named(value, names)
    if found is None:
        found = text_of(value, names)
    return function_of(ast.copy_location(ast.Expr(value), value), name, names) if found is None else found


def number_of(value: ast.expr) -> float | complex | None:
    """The number that stands there, or None."""
    if isinstance(value, ast.Constant) and isinstance(value.value, (int, float, complex)):
        return value.value
    return None


def named(value: ast.expr, names: Names) -> Any:
    """What a name, or a name with dots, stands for; None where reading does not tell."""
    if isinstance(value, ast.Name):
        return names.get(value.id)
    if isinstance(value, ast.Attribute):
        owner = named(value.value, names)
        if isinstance(owner, types.ModuleType) and owner.__name__ == STUDENT:
            return names.get(value.attr)
        if isinstance(owner, types.ModuleType):
            return vars(owner)[value.attr] if value.attr in vars(owner) else imported(owner.__name__, value.attr)
    if isinstance(value, ast.Call) and value.args and named(value.func, names) is yours_or_library:
        return named(value.args[0], names)  # theirs, or else the jail notices
    return None


def class_of(statement: ast.ClassDef, names: Names) -> type:
    """A class with the same bases, as far as they are classes. Raises: Unreadable for too long a line of bases."""
    bases: list[type] = []
    parts: list[Any] = []
    for base in statement.bases:
        found = named(base, names)
        if isinstance(found, type) and found not in bases:
            bases.append(found)
        else:
            parts.append(function_of(_as_statement(base), statement.name, names))
    if sum(len(base.__mro__) for base in bases) > LONGEST_LINE:
        raise Unreadable(f"{statement.name} has too many base classes to be read")
    others = [*statement.decorator_list, *(keyword.value for keyword in statement.keywords)]
    parts += [function_of(_as_statement(e), statement.name, names) for e in others]
    for item in statement.body:
        is_function = isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))
        parts.append(function_of(item, item.name if is_function else statement.name, names))  # type: ignore[attr-defined]
    made: Names = {f"part{i}": part for i, part in enumerate(parts)} | {"__module__": STUDENT}
    made |= {name: number for item in statement.body for name, number in _numbers(item)}
    try:
        return type(statement.name, tuple(bases), made)
    except TypeError:  # bases that do not go together
        return type(statement.name, (), made | {"bases": Several(tuple(bases))})


def _as_statement(value: ast.expr) -> ast.Expr:
    return ast.copy_location(ast.Expr(value), value)


def _numbers(statement: ast.stmt) -> Iterator[tuple[str, float | complex]]:
    """The attributes of a class that are plain numbers, such as a step."""
    for target in statement.targets if isinstance(statement, ast.Assign) else ():
        number = number_of(statement.value)  # type: ignore[attr-defined]
        if isinstance(target, ast.Name) and number is not None and not target.id.startswith("__"):
            yield target.id, number


def function_of(statement: ast.stmt, name: str, names: Names) -> types.FunctionType:
    """A function with the code of a statement: of a `def` its own, of others the code that they are."""
    go_on()
    file = str(names["__file__"])
    try:
        code = compile(ast.Module([statement], []), file, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        code = compile("", file, "exec")
    defaults: tuple[Any, ...] = ()
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and not statement.decorator_list:
        inner = next((c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name), None)
        if inner is not None:
            code, defaults = inner, tuple(number_of(d) for d in statement.args.defaults)
    cells = tuple(types.CellType() for _ in code.co_freevars)
    made = types.FunctionType(code, names, name, defaults, cells)
    setattr(made, SYNTAX, statement)
    return made


def cannot_fail(statement: ast.stmt, names: Names) -> bool:
    """Whether a statement only defines: a function, or a class with nothing but functions and bases of the library."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        defaults = (*statement.args.defaults, *statement.args.kw_defaults)
        plain = all(default is None or isinstance(default, ast.Constant) for default in defaults)
        return plain and not statement.decorator_list
    if isinstance(statement, ast.ClassDef):
        bases = [named(base, names) for base in statement.bases]
        known = all(isinstance(base, type) and base.__module__ != STUDENT for base in bases)
        plain = known and not statement.decorator_list and not statement.keywords
        return plain and all(cannot_fail(inner, names) for inner in statement.body)
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def module_of(file: str) -> str:
    """The name under which a file is imported: tools/slopes.py is tools.slopes."""
    return ".".join(PurePosixPath(file).with_suffix("").parts).removesuffix(".__init__")


def touched(thing: Any, part: Any) -> Any:
    """What a name stands for after something was done to it, or may have been."""
    if isinstance(thing, type) and thing.__module__ == STUDENT:
        setattr(thing, f"part{len(vars(thing))}", part)
        return thing
    return several(thing, part)


def several(thing: Any, more: Any) -> Any:
    """Both, without what is there already. Raises: Unreadable for more than anybody writes."""
    before = thing.things if isinstance(thing, Several) else () if thing is None else (thing,)
    if len(before) >= MOST_THINGS:
        raise Unreadable("one name stands for too many things")
    things = (*before, *(() if any(more is one for one in before) else (more,)))
    return Several(things) if len(things) > 1 else things[0]
