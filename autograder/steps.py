"""Whether code takes differences: the trace that a step leaves in it, read from its source and never run.

A difference quotient divides by a small number. So the source is searched for a division by something that is known
to be small without running the code: a constant, or a name, default or attribute that stands for one. An epsilon that
is only added, as in log(q + 1e-12), is none. Where there is no source, the instructions of the code object tell less,
but mostly enough.
"""

from __future__ import annotations

import ast
import dis
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
        if not linecache.getlines(function.__code__.co_filename):
            known = _Numbers(ast.Module([], []), function, attributes)
            number = next((n for code in codes(function.__code__) if (n := _divisor_in(code, known))), None)
            if number is not None:
                return repr(number)
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
                self._assign(n.targets[0], n.value)

    def _assign(self, target: ast.expr, source: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(source, ast.Tuple) and len(target.elts) == len(source.elts):
            for one, its_source in zip(target.elts, source.elts, strict=True):  # x, h = self.x.value, 1e-5
                self._assign(one, its_source)
            return
        value = self.of(source)
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Attribute) and value is not None:
            self.attributes[target.attr] = value

    def are_small(self, node: ast.expr) -> bool:
        """Whether this is a number that is known, and small."""
        return _is_small(self.of(node))

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


OPERATORS: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "**": ast.Pow}


def _divisor_in(code: types.CodeType, known: _Numbers) -> float | None:
    """Return the small number that these instructions divide by, from following the numbers that are plain to see."""
    stack: list[float | None] = []
    names = dict(known.names)
    for i in dis.get_instructions(code):
        if i.opname == "LOAD_CONST":
            stack.append(_number(i.argval))
        elif i.opname == "BINARY_OP" and len(stack) > 1:
            right, left, sign = stack.pop(), stack.pop(), i.argrepr.removesuffix("=")
            if sign == "/" and _is_small(right):
                return right
            stack.append(_arithmetic(OPERATORS[sign], left, right) if sign in OPERATORS else None)
        elif i.opname.startswith("STORE_") and isinstance(i.argval, str) and stack:
            value = stack.pop()
            if i.opname != "STORE_ATTR":
                names[i.argval] = value
        else:
            change = dis.stack_effect(i.opcode, i.arg, jump=False)
            del stack[len(stack) + min(change, 0) :]
            stack += [None] * max(change, 0)
            if stack and isinstance(i.argval, str):  # what was loaded lies on top, or else what a call returned
                stack[-1] = _number((known.attributes if "ATTR" in i.opname else names).get(i.argval))
            elif stack:
                stack[-1] = None
    return None


def _is_small(number: float | None) -> bool:
    return number is not None and 0 < abs(number) <= LARGEST_STEP


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
