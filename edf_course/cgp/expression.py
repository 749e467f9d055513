"""Expressions such as 'xy=ab*xx+ac*xa': read by Python's own parser, evaluated with their exact partial derivatives.

Names that begin with x are variables (the nodes of the graph), all others are learnable parameters. A formula may hold
names, numbers, signs, + - * / ^ (or **) and parentheses. '^' binds as it does in mathematics: -x^2 is -(x^2).
Source: Kak, slides 40-41 (the language) and 65 (`Exp`). The published module pastes values into the text before Python
reads it, so a negative x gives -0.58**2, which is -(0.58**2), and names such as x1, e or lambda break. Here the text is
read once, and values never become text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

Partials = dict[str, Any]
Dual = tuple[Any, Partials]  # a value and its partial derivatives, by name
Rule = Callable[[Mapping[str, Any]], Dual]  # from the values of the names

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<operator>\*\*|[-+*/^])|(?P<bracket>[()])"
)
_MAX_DEPTH = 100
_SHOWN = 90  # characters of an expression in an error
_OPERAND_WANTED = "a name or a number is missing here"
_OPERATOR_WANTED = "an operator (+ - * / ^) is missing here"


class ExpressionError(ValueError):
    """An expression cannot be read; the message shows it with a caret under the place."""

    def __init__(self, what: str, text: str, position: int) -> None:
        shown, at = text, position
        if len(text) > _SHOWN:
            start = max(0, position - _SHOWN // 2)
            shown, at = "…" + text[start : start + _SHOWN] + "…", position - start + 1
        super().__init__(f"{what}:\n    {shown}\n    {' ' * at}^")
        self.text = text
        self.position = position


class Exp:
    """One equation of a graph: the node on the left, and how it is computed from what stands on the right.

    Attributes: `exp` (the whole text), `body` (right of '='), `dependent_var` (left of it), `right_vars` and
    `right_params` (variables and parameters of the body, each once, in order).
    Source: Kak, slide 65; the same constructor.
    """

    def __init__(self, exp: str, body: str, dependent_var: str, right_vars: list[str], right_params: list[str]) -> None:
        self.exp = exp
        self.body = body
        self.dependent_var = dependent_var
        self.right_vars = right_vars
        self.right_params = right_params

    def __repr__(self) -> str:
        return f"Exp({self.exp!r})"

    @property
    def names(self) -> list[str]:
        """Variables and parameters of the body."""
        return [*self.right_vars, *self.right_params]

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value of the body. Values are numbers, or arrays of one shape (a batch)."""
        return Formula.read(self.body).partials(values)[0]

    def partials(self, values: Mapping[str, Any]) -> Dual:
        """Return the value of the body and its exact partial derivative by each of its names."""
        return Formula.read(self.body).partials(values)


def parse(text: str) -> Exp:
    """Read one equation, 'node = formula'.

    Raises: ExpressionError, which points at the place.
    """
    left, equals, body = text.partition("=")
    if not equals:
        raise ExpressionError("an expression is written 'node = formula', but '=' is missing", text, len(text))
    node = left.strip()
    at = len(left) - len(left.lstrip())
    if not (_TOKEN.fullmatch(node) and node[0] == "x"):
        raise ExpressionError("left of '=' stands the name of a node, and nodes begin with x", text, at)
    formula = Formula(body, text, len(left) + 1)
    return Exp(text, body, node, [n for n in formula.names if n[0] == "x"], [n for n in formula.names if n[0] != "x"])


class Formula:
    """The right-hand side of an expression, read once: `names` in order, and `term_names` for each term of the sum."""

    def __init__(self, body: str, text: str | None = None, start: int = 0) -> None:
        source, self.names = _to_python(body, text or body, start)
        try:
            tree = ast.parse(source, mode="eval").body
            too_deep = _depth(tree) > _MAX_DEPTH
        except (RecursionError, MemoryError, SyntaxError):  # all that Python can still refuse is the depth
            too_deep = True
        if too_deep:
            what = "this formula is nested too deeply; give a part of it a node of its own"
            raise ExpressionError(what, text or body, start)
        self._trees = _terms(tree)
        self._terms = _signed_rules(self._trees, self.names)
        self.term_names = [_names_in(term, self.names) for _, term in self._trees]

    @staticmethod
    @lru_cache(maxsize=4096)
    def read(body: str) -> Formula:
        """Return the formula of this text; the same text is read only once."""
        return Formula(body)

    def partials(self, values: Mapping[str, Any]) -> Dual:
        """Return the value of the formula and its exact partial derivative by each name.

        Raises: ValueError where a name has no value.
        """
        values = self._numbers(values)
        return _add_duals([term(values) for term in self._terms])

    def products(self) -> Iterator[tuple[float, list[str]]]:
        """Yield for each term its factor and its names; nan as factor where it is no product of names and numbers."""
        return (_product(term, self.names, float(sign)) for sign, term in self._trees)

    def _numbers(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name as NumPy's numbers, which do not raise on overflow and never turn complex."""
        try:
            given = [(name, values[name]) for name in self.names]
            return {name: v if isinstance(v, np.ndarray | np.number) else np.float64(v) for name, v in given}
        except (KeyError, TypeError) as error:
            missing = [name for name in self.names if values.get(name) is None]
            raise ValueError(f"there is no number for {', '.join(missing) or self.names}.") from error


def _rule(node: ast.expr, names: list[str]) -> Rule:
    """Return the function that computes this part of the tree, and its partial derivatives, from the values."""
    match node:
        case ast.Constant(value):
            constant = np.float64(value)  # type: ignore[arg-type]  # _to_python lets only numbers in
            return lambda values: (constant, {})
        case ast.Name(placeholder):
            name = names[int(placeholder[1:])]
            return lambda values: (values[name], {name: 1.0})
        case ast.UnaryOp(operator, operand):
            rule = _rule(operand, names)
            return _negative(rule) if isinstance(operator, ast.USub) else rule
        case ast.BinOp(_, ast.Add() | ast.Sub(), _):
            terms = _signed_rules(_terms(node), names)
            return lambda values: _add_duals([term(values) for term in terms])
        case ast.BinOp(left, operator, right):
            combine, a, b = _RULES[type(operator)], _rule(left, names), _rule(right, names)
            return lambda values: combine(a(values), b(values))
    raise TypeError(f"no rule for {ast.dump(node)}")


def _signed_rules(terms: list[tuple[int, ast.expr]], names: list[str]) -> list[Rule]:
    return [_rule(term, names) if sign > 0 else _negative(_rule(term, names)) for sign, term in terms]


def _negative(rule: Rule) -> Rule:
    def negated(values: Mapping[str, Any]) -> Dual:
        value, partials = rule(values)
        return -value, {name: -d for name, d in partials.items()}

    return negated


def _add_duals(duals: list[Dual]) -> Dual:
    total, partials = duals[0]
    if len(duals) > 1:
        partials = dict(partials)
        for value, more in duals[1:]:
            total = total + value
            for name, d in more.items():
                partials[name] = partials[name] + d if name in partials else d
    return total, partials


def _multiply(left: Dual, right: Dual) -> Dual:
    (a, da), (b, db) = left, right
    return a * b, _scaled(da, b, db, a)


def _divide(left: Dual, right: Dual) -> Dual:
    (a, da), (b, db) = left, right
    quotient = a / b
    return quotient, _scaled(da, 1.0 / b, db, -quotient / b)


def _raise(left: Dual, right: Dual) -> Dual:
    (a, da), (b, db) = left, right
    power = a**b
    by_base = b * a ** (b - 1.0) if da and np.any(b) else 0.0  # x^0 does not change, also at x = 0
    by_exponent = power * np.log(np.where(a == 0, 1.0, a)) if db else 0.0  # nor does 0^b
    return power, _scaled(da, by_base, db, by_exponent)


def _scaled(da: Partials, a_factor: Any, db: Partials, b_factor: Any) -> Partials:
    """da * a_factor + db * b_factor, name by name."""
    both = {name: d * a_factor for name, d in da.items()}
    for name, d in db.items():
        both[name] = both[name] + d * b_factor if name in both else d * b_factor
    return both


_RULES: dict[type[ast.operator], Callable[[Dual, Dual], Dual]] = {
    ast.Mult: _multiply,
    ast.Div: _divide,
    ast.Pow: _raise,
}


def _product(node: ast.expr, names: list[str], factor: float) -> tuple[float, list[str]]:
    match node:
        case ast.Constant(value):
            return factor * float(value), []  # type: ignore[arg-type]
        case ast.Name(placeholder):
            return factor, [names[int(placeholder[1:])]]
        case ast.UnaryOp(operator, operand):
            return _product(operand, names, -factor if isinstance(operator, ast.USub) else factor)
        case ast.BinOp(left, ast.Mult(), right):
            factor, found = _product(left, names, factor)
            factor, more = _product(right, names, factor)
            return factor, found + more
        case ast.BinOp(left, ast.Div(), ast.Constant(value)):
            return _product(left, names, factor / float(value))  # type: ignore[arg-type]
    return float("nan"), []


def _names_in(tree: ast.expr, names: list[str]) -> list[str]:
    """The names of this part of the tree, in order of appearance."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    found.sort(key=lambda node: node.col_offset)
    return list(dict.fromkeys(names[int(node.id[1:])] for node in found))


def _terms(node: ast.expr) -> list[tuple[int, ast.expr]]:
    """The terms of a sum with their signs, in order; a loop, so that a thousand terms are no deep recursion."""
    found = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        found.append((1 if isinstance(node.op, ast.Add) else -1, node.right))
        node = node.left
    return [(1, node), *reversed(found)]


def _depth(tree: ast.expr) -> int:
    """How deep operators stand in each other; the terms of one sum stand side by side."""
    deepest, found = 0, [(1, tree)]
    while found:
        depth, node = found.pop()
        deepest = max(deepest, depth)
        match node:
            case ast.BinOp(_, ast.Add() | ast.Sub(), _):
                found += [(depth + 1, term) for _, term in _terms(node)]
            case ast.BinOp(left, _, right):
                found += [(depth + 1, left), (depth + 1, right)]
            case ast.UnaryOp(_, operand):
                found.append((depth + 1, operand))
    return deepest


def _to_python(body: str, text: str, start: int) -> tuple[str, list[str]]:
    """Turn the formula into Python, names as _0, _1, … (so `as` and `lambda` are names too), and list the names.

    Raises: ExpressionError where Python's parser would fail: it could not say where in this text.
    """
    numbers: dict[str, int] = {}  # of the names
    python: list[str] = []
    open_brackets: list[int] = []
    operand_wanted = True
    position = 0
    while position < len(body):
        if body[position].isspace():
            position += 1
            continue
        token = _TOKEN.match(body, position)
        if token is None:
            raise ExpressionError(f"{body[position]!r} has no meaning in an expression", text, start + position)
        kind, piece = token.lastgroup, token.group()
        opens, closes = piece == "(", piece == ")"
        signs = piece in "+-" and operand_wanted
        if operand_wanted and (closes or (kind == "operator" and not signs)):
            raise ExpressionError(_OPERAND_WANTED, text, start + position)
        if not operand_wanted and (kind in ("number", "name") or opens):
            raise ExpressionError(_OPERATOR_WANTED, text, start + position)
        if opens:
            open_brackets.append(position)
        elif closes:
            if not open_brackets:
                raise ExpressionError("this ')' closes nothing", text, start + position)
            open_brackets.pop()
        if kind == "name":
            piece = f"_{numbers.setdefault(piece, len(numbers))}"
        elif kind == "number":
            piece = repr(float(piece))  # Python refuses 007
            if piece == "inf":
                raise ExpressionError("this number is too large", text, start + position)
        operand_wanted = kind == "operator" or opens
        python.append("**" if piece == "^" else piece)
        position = token.end()
    if operand_wanted:
        raise ExpressionError(_OPERAND_WANTED, text, start + len(body))
    if open_brackets:
        raise ExpressionError("this '(' is never closed", text, start + open_brackets[-1])
    return " ".join(python), list(numbers)
