"""Whether code takes differences: the trace that a step leaves in it, read from its source and never run.

A difference quotient divides by a small number. So the source is searched for a division by something that is known
to be small without running the code: a constant, or a name, default or attribute that stands for one. An epsilon that
is only added, as in log(q + 1e-12), is none.
"""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

LARGEST_STEP = 5e-2
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
SAME_SIZE = frozenset(
    {"float", "float64", "float32", "array", "asarray", "abs"}
)  # calls that leave a number what it is
ROOTS = {"sqrt": 0.5, "cbrt": 1 / 3}


def find_step(functions: Iterable[types.FunctionType], attributes: Mapping[str, Any]) -> str | None:
    """Return, as source, the small number that one of the functions divides by; None where there is none.

    attributes: what `self.h` may stand for. An imaginary step counts too, where an imaginary part is taken.
    """
    for function in functions:
        for node in _sources(function):
            numbers = _Numbers(node, function, attributes)
            found = next((d for d in _divisors(node) if numbers.are_small(d)), None)
            if found is not None:
                return ast.unparse(found)
    return None


def find_imaginary_step(functions: Iterable[types.FunctionType]) -> str | None:
    """Return the imaginary constant in a function that takes an imaginary part; no node needs complex numbers."""
    for function in functions:
        for code in codes(function.__code__):
            imaginary = next((c for c in code.co_consts if isinstance(c, complex)), None)
            if imaginary is not None and {"imag", "imaginary"} & set(code.co_names):
                return repr(imaginary)
    return None


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and those of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def _sources(function: types.FunctionType) -> Iterator[ast.AST]:
    """Yield the syntax of the function, and of what else begins in the same line; nothing where there is no source."""
    code = function.__code__
    for node in ast.walk(_file(code.co_filename)):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            if first == code.co_firstlineno:
                yield node


@lru_cache(maxsize=16)
def _parse(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _file(name: str) -> ast.AST:
    return _parse("".join(linecache.getlines(name)))


def _divisors(node: ast.AST) -> Iterator[ast.expr]:
    for n in ast.walk(node):
        if isinstance(n, (ast.BinOp, ast.AugAssign)) and isinstance(n.op, ast.Div):
            yield n.right if isinstance(n, ast.BinOp) else n.value
        elif isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult):  # times 1e5 is over 1e-5
            for factor in (n.left, n.right):
                yield ast.BinOp(ast.Constant(1.0), ast.Div(), factor)
        elif isinstance(n, ast.Call) and _name(n.func) in ("divide", "true_divide") and len(n.args) > 1:
            yield n.args[1]


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class _Numbers:
    """What the names in a function stand for, as far as that is plain to see."""

    def __init__(self, node: ast.AST, function: types.FunctionType, attributes: Mapping[str, Any]) -> None:
        self.attributes = dict(attributes)
        self.names: dict[str, Any] = {n: v for n, v in function.__globals__.items() if isinstance(v, float)}
        code = function.__code__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self.names[name] = contents(cell)
        defaults = function.__defaults__ or ()
        arguments = code.co_varnames[: code.co_argcount]
        self.names |= dict(zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True))
        self.names |= function.__kwdefaults__ or {}
        for n in ast.walk(node):
            if isinstance(n, ast.Assign) and len(n.targets) == 1:
                self._assign(n.targets[0], self.of(n.value))

    def _assign(self, target: ast.expr, value: float | None) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Attribute) and value is not None:
            self.attributes[target.attr] = value

    def are_small(self, node: ast.expr) -> bool:
        """Whether this is a number that is known, and small."""
        value = self.of(node)
        return value is not None and 0 < abs(value) <= LARGEST_STEP

    def of(self, node: ast.expr) -> float | None:
        """Return the number that the expression is; None where it takes running the code to know."""
        if isinstance(node, ast.Constant):
            return _number(node.value)
        if isinstance(node, ast.Name):
            return _number(self.names.get(node.id))
        if isinstance(node, ast.Attribute):
            return (
                2.2e-16 if node.attr == "eps" and "finfo" in ast.dump(node) else _number(self.attributes.get(node.attr))
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            value = self.of(node.operand)
            return -value if value is not None and isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            return _arithmetic(type(node.op), self.of(node.left), self.of(node.right))
        if isinstance(node, ast.Call) and len(node.args) >= 1 and _name(node.func) in SAME_SIZE | set(ROOTS):
            value = self.of(node.args[0])
            return None if value is None else abs(value) ** ROOTS.get(_name(node.func), 1.0)
        return None


def _arithmetic(operation: type[ast.operator], left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    try:
        return _number(ARITHMETIC[operation](left, right))
    except (ArithmeticError, ValueError):
        return None


def _number(value: Any) -> float | None:
    return (
        float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 else None
    )


def contents(cell: Any) -> Any:
    """Return what a closure's cell holds, or None."""
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
