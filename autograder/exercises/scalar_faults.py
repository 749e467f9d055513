"""Scalar engines with known faults: what each would say of an expression, so that a student's numbers can be told.

A fault is a wrong rule for one operation, or a wrong walk over the graph.
"""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edf_course.exercises.answer_scalar import EXPRESSIONS

Gradients = dict[str, float]

SENTENCES = {
    "no-seed": "No value gets a gradient: backward starts with self.grad = 1 at the root.",
    "order-reversed": "Only what the root itself reads gets a gradient: walk from the root back, in reversed order.",
    "overwrites": "A value that is read more than once gets only one share: add to grad (+=), do not set it (=).",
    "double-count": "A node that is read twice hands on twice: let each hand on once, when its own gradient is complete.",
    "topo-order": "Some node hands on its gradient before it is complete: only a topological order, reversed, makes sure.",
    "visited-by-value": "Nodes that hold the same number are taken for one: remember the nodes you have visited, not data.",
    "no-upstream": "The upstream gradient is missing: multiply the local slope by out.grad.",
    "power-rule": "The power rule: the slope of x**n is n * x**(n-1).",
    "wrong-point": "The slope is taken at the wrong place: mind which is the operand and which the result.",
    "wrong-function": "That is the slope of another operation.",
    "operands-swapped": "The two operands' slopes are swapped: in a product each gets the other's number.",
    "no-gate": "The gradient passes as it is, where it should be multiplied by the local slope.",
    "sign": "A sign is turned around: mind the minus.",
    "factor-missing": "A sum hands the whole gradient to each operand; it is not shared out.",
    "relu-mask-upstream": "What is cut off is where the upstream gradient is negative; what counts is where x is.",
    "no-accumulation": "A value that is read more than once should get the sum of all shares.",
    "mutates-input": "Afterwards the data of a value is another: operations make new Values.",
    "missing-input-grad": "One of the two operands gets nothing: each has its share.",
    "relu-at-zero": "At 0 exactly the slope of relu is taken as 0 here (as in torch).",
    "zero": "Nothing is handed on: backward goes from the root to all that led to it, and each hands its share on.",
    "int-truncation": "Numbers are cut down to integers: keep data as it is given.",
}


@dataclass(eq=False)
class _Node:
    """One operation on plain numbers; `composed` engines make a - b and a / b from other operations."""

    data: float
    op: str = ""
    operands: tuple[_Node, ...] = ()
    exponent: float = 0.0
    composed: bool = False
    grad: float = field(default=0.0)

    def _made(self, data: float, op: str, *others: _Node, exponent: float = 0.0) -> _Node:
        return _Node(data, op, (self, *others), exponent, self.composed)

    def __add__(self, other: _Node) -> _Node:
        return self._made(self.data + other.data, "+", other)

    def __mul__(self, other: _Node) -> _Node:
        return self._made(self.data * other.data, "*", other)

    def __sub__(self, other: _Node) -> _Node:
        if self.composed:
            return self + other * _Node(-1.0, composed=True)
        return self._made(self.data - other.data, "-", other)

    def __truediv__(self, other: _Node) -> _Node:
        if self.composed:
            return self * other**-1
        return self._made(self.data / other.data, "/", other)

    def __pow__(self, n: float) -> _Node:
        return self._made(self.data**n, "**", exponent=n)

    def exp(self) -> _Node:
        return self._made(math.exp(self.data), "exp")

    def tanh(self) -> _Node:
        return self._made(math.tanh(self.data), "tanh")

    def relu(self) -> _Node:
        return self._made(max(self.data, 0.0), "relu")


def _right(node: _Node) -> tuple[float, ...]:
    """Return the slope towards each operand."""
    x = [operand.data for operand in node.operands]
    match node.op:
        case "+":
            return (1.0, 1.0)
        case "-":
            return (1.0, -1.0)
        case "*":
            return (x[1], x[0])
        case "/":
            return (1 / x[1], -x[0] / x[1] ** 2)
        case "**":
            return (node.exponent * x[0] ** (node.exponent - 1),)
        case "exp":
            return (node.data,)
        case "tanh":
            return (1 - node.data**2,)
        case "relu":
            return (float(x[0] > 0),)
    return ()


#: From the node, its operands' data and the gradient that came: what is handed to each operand.
Rule = Callable[[_Node, list[float], float], tuple[float, ...]]


def _without_upstream(node: _Node, x: list[float], g: float) -> tuple[float, ...]:
    return _right(node)


def _negated(node: _Node, x: list[float], g: float) -> tuple[float, ...]:
    return tuple(-slope * g for slope in _right(node))


def _shared_out(node: _Node, x: list[float], g: float) -> tuple[float, ...]:
    return tuple(slope * g / len(x) for slope in _right(node))


_RULES: list[tuple[str, str, Rule]] = [
    ("+", "wrong-function", lambda n, x, g: (g * x[1], g * x[0])),
    ("+", "wrong-function", lambda n, x, g: (g * x[0], g * x[1])),
    ("+", "factor-missing", lambda n, x, g: (g / 2, g / 2)),
    ("-", "sign", lambda n, x, g: (g, g)),
    ("-", "sign", lambda n, x, g: (-g, g)),
    ("*", "operands-swapped", lambda n, x, g: (g * x[0], g * x[1])),
    ("*", "wrong-function", lambda n, x, g: (g, g)),
    ("*", "wrong-point", lambda n, x, g: (g * n.data, g * n.data)),
    ("/", "sign", lambda n, x, g: (g / x[1], g * x[0] / x[1] ** 2)),
    ("/", "power-rule", lambda n, x, g: (g / x[1], -g * x[0] / x[1])),
    ("/", "power-rule", lambda n, x, g: (g / x[1], -g / x[1] ** 2)),
    ("/", "wrong-function", lambda n, x, g: (g * x[1], g * x[0])),
    ("/", "wrong-function", lambda n, x, g: (g / x[1], g / x[0])),
    ("**", "power-rule", lambda n, x, g: (g * x[0] ** (n.exponent - 1),)),
    ("**", "power-rule", lambda n, x, g: (g * n.exponent * x[0] ** n.exponent,)),
    ("**", "power-rule", lambda n, x, g: (g * n.exponent * x[0],)),
    ("**", "power-rule", lambda n, x, g: (g * (n.exponent - 1) * x[0] ** (n.exponent - 1),)),
    ("**", "power-rule", lambda n, x, g: (g * n.exponent * x[0] ** (n.exponent + 1),)),
    ("**", "power-rule", lambda n, x, g: (g * (n.exponent - 1) * x[0] ** n.exponent,)),
    ("**", "wrong-function", lambda n, x, g: (g * n.data * math.log(abs(x[0])),)),
    ("**", "power-rule", lambda n, x, g: (g * n.data,)),
    ("exp", "wrong-point", lambda n, x, g: (g * x[0],)),
    ("exp", "wrong-point", lambda n, x, g: (g * math.exp(n.data),)),
    ("exp", "wrong-function", lambda n, x, g: (g * x[0] * math.exp(x[0] - 1),)),
    ("exp", "wrong-function", lambda n, x, g: (g,)),
    ("tanh", "wrong-point", lambda n, x, g: (g * (1 - x[0] ** 2),)),
    ("tanh", "wrong-point", lambda n, x, g: (g * (1 - math.tanh(n.data) ** 2),)),
    ("tanh", "wrong-function", lambda n, x, g: (g * (1 - n.data),)),
    ("tanh", "wrong-function", lambda n, x, g: (g * n.data * (1 - n.data),)),
    ("tanh", "wrong-function", lambda n, x, g: (g * n.data,)),
    ("tanh", "sign", lambda n, x, g: (g * (1 + n.data**2),)),
    ("tanh", "wrong-function", lambda n, x, g: (g,)),
    ("relu", "no-gate", lambda n, x, g: (g,)),
    ("relu", "wrong-function", lambda n, x, g: (g * n.data,)),
    ("relu", "sign", lambda n, x, g: (g * (x[0] < 0),)),
    ("relu", "relu-at-zero", lambda n, x, g: (g * (x[0] >= 0),)),
    ("relu", "relu-at-zero", lambda n, x, g: (g * (x[0] > 0) + g / 2 * (x[0] == 0),)),
    ("relu", "relu-mask-upstream", lambda n, x, g: (max(g, 0.0),)),
    ("relu", "relu-mask-upstream", lambda n, x, g: (max(g, 0.0) * (x[0] > 0),)),
]
OPERATIONS = ("+", "-", "*", "/", "**", "exp", "tanh", "relu")
_RULES += [(op, "sign", _negated) for op in OPERATIONS]
_RULES += [(op, "missing-input-grad", lambda n, x, g: (_right(n)[0] * g, 0.0)) for op in OPERATIONS[:4]]
_RULES += [(op, "missing-input-grad", lambda n, x, g: (0.0, _right(n)[1] * g)) for op in OPERATIONS[:4]]

#: The faults of single operations, by the names that `wrong_gradients` gives them.
FAULTS = (
    *(f"{name}:{number}" for number, (_, name, _) in enumerate(_RULES)),
    *(f"{name}:{(op,)}" for name in ("overwrites", "no-upstream") for op in OPERATIONS),
)


def wrong_gradients(text: str, numbers: Mapping[str, float]) -> dict[str, list[Gradients]]:
    """Return the gradients that each fault gives for one of EXPRESSIONS, in one or several variants.

    A fault is named by its misconception and, after a colon, by what sets it apart from others of that name.
    """
    found: dict[str, list[Gradients]] = {}
    for fault, gradients in _all_faults(text, numbers):
        found.setdefault(fault, []).append(gradients)
    return found


class _Whole:
    """A number that is cut down to an integer whenever one is made."""

    def __init__(self, data: float) -> None:
        self.data = int(data)

    def _with(self, f: Callable[..., float], *others: _Whole) -> _Whole:
        return _Whole(f(self.data, *(other.data for other in others)))

    def __add__(self, other: _Whole) -> _Whole:
        return self._with(operator.add, other)

    def __sub__(self, other: _Whole) -> _Whole:
        return self._with(operator.sub, other)

    def __mul__(self, other: _Whole) -> _Whole:
        return self._with(operator.mul, other)

    def __truediv__(self, other: _Whole) -> _Whole:
        return self._with(operator.truediv, other)

    def __pow__(self, n: float) -> _Whole:
        return self._with(lambda x: float(x) ** n)

    def exp(self) -> _Whole:
        return self._with(math.exp)

    def tanh(self) -> _Whole:
        return self._with(math.tanh)

    def relu(self) -> _Whole:
        return self._with(lambda x: max(x, 0))


def cut_down(text: str, numbers: Mapping[str, float]) -> float | None:
    """Return the value of one of EXPRESSIONS where each number is cut down to an integer; None where that fails."""
    try:
        return float(EXPRESSIONS[text](**{n: _Whole(v) for n, v in numbers.items()}).data)
    except (ArithmeticError, ValueError, TypeError):
        return None


def _all_faults(text: str, numbers: Mapping[str, float]) -> Iterator[tuple[str, Gradients]]:
    yield "no-seed", dict.fromkeys(numbers, 0.0)
    engines = []
    for composed in (False, True):
        leaves = {n: _Node(v, composed=composed) for n, v in numbers.items()}
        engines.append((leaves, EXPRESSIONS[text](**leaves)))
    # what one kind of engine uses is listed for both: where the other does not use it, it is right
    used = [op for op in OPERATIONS if any(node.op == op for _, root in engines for node in _sorted(root))]
    for leaves, root in engines:
        order = _sorted(root)
        for name, walk in _walks(root):
            yield name, _walked(walk, leaves, root)
        for ops in (*((op,) for op in used), ("+", "*"), OPERATIONS):
            yield f"overwrites:{ops}", _walked(order[::-1], leaves, root, overwrites=ops)
            yield f"overwrites:{ops}", _walked(_sorted(root, -1)[::-1], leaves, root, overwrites=ops)
            forgets = dict.fromkeys(ops, _without_upstream)
            yield f"no-upstream:{ops}", _walked(order[::-1], leaves, root, rules=forgets)
        turned = _walked(order[::-1], leaves, root)
        yield "sign:seed", {n: -g for n, g in turned.items()}
        hops = dict.fromkeys(OPERATIONS, _negated)
        yield "sign:every", _walked(order[::-1], leaves, root, rules=hops)
        yield "no-accumulation:first", _walked(order[::-1], leaves, root, keeps_first=True)
        yield "no-accumulation:first", _walked(_sorted(root, -1)[::-1], leaves, root, keeps_first=True)
        shared = dict.fromkeys(OPERATIONS, _shared_out)
        yield "factor-missing:every", _walked(order[::-1], leaves, root, rules=shared)
        for number, (op, name, rule) in enumerate(_RULES):
            if op in used:
                yield f"{name}:{number}", _walked(order[::-1], leaves, root, rules={op: rule})


def _walks(root: _Node) -> Iterator[tuple[str, list[_Node]]]:
    """Yield wrong orders in which the nodes may hand on, each with the name of the mistake."""
    yield "order-reversed", _sorted(root)
    yield "double-count:each twice", [node for node in _sorted(root)[::-1] for _ in range(2)]
    for turn in (1, -1):
        yield "double-count:recursion", _every_path(root, turn)
        yield "double-count:order", _sorted(root, turn, again=True)[::-1]
        yield "visited-by-value", _sorted(root, turn, key=lambda node: node.data)[::-1]
        yield f"topo-order:queue {turn}", _first_met(root, turn, in_breadth=True)
        yield f"topo-order:stack {turn}", _first_met(root, turn, in_breadth=False)
        yield f"topo-order:preorder {turn}", _preorder(root, turn)


def _walked(
    walk: Sequence[_Node],
    leaves: Mapping[str, _Node],
    root: _Node,
    rules: Mapping[str, Rule] | None = None,
    overwrites: Sequence[str] = (),
    keeps_first: bool = False,
) -> Gradients:
    """Return the leaves' gradients after the nodes of `walk` have handed on, in that order, by right or wrong rules."""
    for node in [*_sorted(root), *leaves.values()]:
        node.grad = 0.0
    root.grad = 1.0
    for node in walk:
        x, g = [operand.data for operand in node.operands], node.grad
        rule = (rules or {}).get(node.op)
        shares = rule(node, x, g) if rule else tuple(slope * g for slope in _right(node))
        for operand, share in zip(node.operands, shares, strict=True):
            if not (keeps_first and operand.grad):
                operand.grad = share if node.op in overwrites else operand.grad + share
    return {n: leaf.grad for n, leaf in leaves.items()}


def _sorted(root: _Node, turn: int = 1, again: bool = False, key: Callable[[_Node], Any] = id) -> list[_Node]:
    """Return a topological order; `again`: nodes come as often as they are met; `key`: by what nodes are told apart."""
    order: list[_Node] = []
    visited = set()

    def visit(node: _Node) -> None:
        if again or key(node) not in visited:
            visited.add(key(node))
            for operand in node.operands[::turn]:
                visit(operand)
            order.append(node)

    visit(root)
    return order


def _every_path(root: _Node, turn: int) -> list[_Node]:
    """Return the nodes as recursion from the root meets them, as often as it does."""
    return [root, *(node for operand in root.operands[::turn] for node in _every_path(operand, turn))]


def _preorder(root: _Node, turn: int) -> list[_Node]:
    """Return each node when recursion from the root first meets it."""
    return list(dict.fromkeys(_every_path(root, turn)))


def _first_met(root: _Node, turn: int, in_breadth: bool) -> list[_Node]:
    """Return each node when a queue or a stack first meets it."""
    waiting, met = deque([root]), {root: None}  # a dictionary keeps the order
    while waiting:
        node = waiting.popleft() if in_breadth else waiting.pop()
        for operand in node.operands[::turn]:
            if operand not in met:
                met[operand] = None
                waiting.append(operand)
    return list(met)
