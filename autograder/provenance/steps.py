"""Whether code takes differences: the trace that a step leaves in it, read from its source and never run.

A difference quotient divides by a small number. So the source is searched for a division by something that is known
to be small without running the code: a constant, or a name, default or attribute that stands for one. An epsilon that
is only added, as in log(q + 1e-12), is none. Where there is no source, the instructions of the code object tell less,
but mostly enough. Besides, a function of the student's own that is taken twice and subtracted is a difference.
"""

from __future__ import annotations

import ast
import builtins
import dis
import math
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from autograder.provenance.syntax import quote, statement_at, syntax_of

LARGEST_STEP = 5e-2
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
FUNCTIONS: dict[str, Callable[..., float]] = {  # of a number or its text
    **dict.fromkeys(("float", "float64", "float32", "array", "asarray", "abs", "fabs"), float),
    "sqrt": lambda a: abs(float(a)) ** 0.5,
    "cbrt": lambda a: abs(float(a)) ** (1 / 3),
    "exp": lambda a: math.exp(float(a)),
    "pow": lambda a, b: float(a) ** float(b),
    "power": lambda a, b: float(a) ** float(b),
    "ldexp": lambda a, b: math.ldexp(float(a), int(b)),
    "full": lambda shape, a: float(a),
    "full_like": lambda shape, a: float(a),
}
ONES = frozenset({"ones", "ones_like", "eye", "identity", "sign"})  # of that size, or none
OF_SAMPLES = frozenset({"gradient", "diff", "polyfit", "derivative", "derivatives", "savgol_filter", "CubicSpline"})
OF_SAMPLES |= {"chebinterpolate", "chebder", "interpolate", "legder", "make_interp_spline", "polyder"}
EXACT = frozenset({"longdouble", "float128", "float96", "clongdouble", "Decimal", "Fraction", "decimal", "fractions"})
PACKAGES = ("builtins", "math", "numpy", "scipy")


def find_step(functions: Iterable[types.FunctionType], attributes: Mapping[str, Any]) -> str | None:
    """Return, as source, the small number that one of the functions divides by; None where there is none.

    attributes: what `self.h` may stand for. An imaginary step counts too, where an imaginary part is taken.
    """
    for function in functions:
        written = list(syntax_of(function))
        for node in written:
            numbers = _Numbers(node, function, attributes)
            found = next((d for d in _divisors(node) if numbers.are_small(d)), None)
            if found is not None:
                return f"{ast.unparse(found)}, in {function.__name__}"
        if not written:
            known = _Numbers(ast.Module([], []), function, attributes)
            number = next((n for code in codes(function.__code__) if (n := _divisor_in(code, known))), None)
            if number is not None:
                return repr(number)
    return None


def find_imaginary_step(functions: Iterable[types.FunctionType]) -> str | None:
    """Return the complex number in a function that takes a part of one; no node needs complex numbers."""
    for function in functions:
        for code in codes(function.__code__):
            names = {n.rstrip("0123456789") for n in (*code.co_names, *code.co_varnames)}
            imaginary = next((repr(c) for c in code.co_consts if isinstance(c, complex)), None)
            made = imaginary or next(iter(sorted({"complex", "cdouble", "csingle"} & names)), None)
            if "imag" in names and not any("fft" in name for name in names):
                return made or "imag"
            if made is not None and {"imag", "real", "angle", "conj", "conjugate"} & names:
                return made
    return None


def find_exact_numbers(functions: Iterable[types.FunctionType]) -> str | None:
    """Return the name of numbers with more digits than float64 that a function uses."""
    for function in functions:
        for code in codes(function.__code__):
            texts = {c for c in code.co_consts if isinstance(c, str)}
            found = sorted(EXACT & {*code.co_names, *texts})
            if found:
                return found[0]
    return None


def find_difference(functions: Iterable[types.FunctionType]) -> str | None:
    """Return the line that takes a function of the student's own at several places near each other, or fits samples.

    Honest code does so too: it says something only together with the error that differences have.
    """
    for function in functions:
        for root in syntax_of(function):
            taken = _Taken(root, function.__globals__)
            found = next((n for n in ast.walk(root) if taken.is_difference(n)), None) or taken.around() or _nudge(root)
            if found is not None:
                return quote(statement_at(root, found))
    return None


def _nudge(root: ast.AST) -> ast.AST | None:
    """Where an operand is given another value, in a function that runs forward."""
    nodes = list(ast.walk(root))
    if not any(isinstance(n, ast.Call) and _name(n.func) == "forward" for n in nodes):
        return None
    values = (n for n in nodes if isinstance(n, ast.Attribute) and n.attr == "value" and isinstance(n.ctx, ast.Store))
    return next((n for n in values if ast.unparse(n.value) != "self"), None)


class _Taken:
    """Which function's value an expression is, as far as that is plain to see."""

    def __init__(self, root: ast.AST, outside: Mapping[str, Any]) -> None:
        self.root, self.outside = root, dict(outside)
        for n in ast.walk(root):
            if isinstance(n, ast.ImportFrom):
                self.outside |= {a.asname or a.name: types.ModuleType(f"{n.module}.{a.name}") for a in n.names}
        self.names: dict[str, set[str]] = {}
        for n in ast.walk(root):
            if isinstance(n, ast.Assign) and len(n.targets) == 1:
                self._assign(n.targets[0], n.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, its_value in zip(target.elts, value.elts, strict=True):
                self._assign(one, its_value)
        elif isinstance(target, ast.Name):
            self.names.setdefault(target.id, set()).update(self.functions(value))

    def functions(self, node: ast.expr) -> set[str]:
        """The functions of the student's own whose value this is, or is a part of."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, set())
        if isinstance(node, ast.Attribute) and node.attr == "value":
            return self.functions(node.value)
        if isinstance(node, ast.Subscript):
            return self.functions(node.value)
        if isinstance(node, ast.Call):
            if not node.args:
                return self.functions(node.func.value) if isinstance(node.func, ast.Attribute) else set()  # y.copy()
            return set() if self._is_of_a_package(node.func) else {ast.unparse(node.func)}
        return set()

    def _is_of_a_package(self, function: ast.expr) -> bool:
        root = function
        while isinstance(root, ast.Attribute):
            root = root.value
        name = root.id if isinstance(root, ast.Name) else ""
        found = self.outside.get(name)
        if found is None:
            return hasattr(builtins, name) or name in ("np", "numpy", "scipy", "math")
        module = found.__name__ if isinstance(found, types.ModuleType) else getattr(found, "__module__", None)
        return str(module or type(found).__module__).startswith(PACKAGES)

    def is_difference(self, node: ast.AST) -> bool:
        """Whether this subtracts two values of one function, or takes differences of samples."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            return self._same(node.left, node.right)
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):
            return self._same(node.target, node.value)
        if isinstance(node, ast.Call) and _name(node.func) == "subtract" and len(node.args) > 1:
            return self._same(node.args[0], node.args[1])
        return isinstance(node, ast.Call) and _name(node.func) in OF_SAMPLES and self._is_of_a_package(node.func)

    def around(self) -> ast.AST | None:
        """Where a function of the student's own is taken at x + a, and at x + b too, or in a loop."""
        first: dict[str, str] = {}
        loops = (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.For)
        inside = {id(n) for loop in ast.walk(self.root) if isinstance(loop, loops) for n in ast.walk(loop)}
        for n in ast.walk(self.root):
            at = n.args[0] if isinstance(n, ast.Call) and len(n.args) == 1 else None
            if not (isinstance(at, ast.BinOp) and isinstance(at.op, (ast.Add, ast.Sub)) and isinstance(n, ast.Call)):
                continue
            method = (
                isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name) and n.func.value.id == "self"
            )
            if (method or isinstance(n.func, ast.Name)) and not self._is_of_a_package(n.func):
                place = ast.dump(at)
                if id(n) in inside or first.setdefault(ast.unparse(n.func), place) != place:
                    return n
        return None

    def _same(self, left: ast.expr, right: ast.expr) -> bool:
        return bool(self.functions(left) & self.functions(right)) and ast.dump(left) != ast.dump(right)


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and those of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


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
            of_the_machine = node.attr in ("eps", "epsilon", "resolution") and "inf" in ast.dump(node.value)
            return 2.2e-16 if of_the_machine else _number(self.attributes.get(node.attr))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            value = self.of(node.operand)
            return -value if value is not None and isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            return _arithmetic(type(node.op), self.of(node.left), self.of(node.right))
        if isinstance(node, ast.Call):
            return self._of_call(node)
        return None

    def _of_call(self, node: ast.Call) -> float | None:
        name = _name(node.func)
        if name in ONES:
            return 1.0
        if name not in FUNCTIONS:
            return None
        texts = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else self.of(a) for a in node.args]
        try:
            return _number(FUNCTIONS[name](*texts))
        except (ArithmeticError, TypeError, ValueError):
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
