"""Wrong answers to the exercises on the scalar engine."""

from __future__ import annotations

import math
from typing import Any

from edf_course import scalar
from tests.autograder.right_answers.scalar import ClosureValue, depth_first

SLOPES = {
    "+": lambda x, y: (1, 1),
    "-": lambda x, y: (1, -1),
    "*": lambda x, y: (x[1], x[0]),
    "/": lambda x, y: (1 / x[1], -x[0] / x[1] ** 2),
    "exp": lambda x, y: (y,),
    "tanh": lambda x, y: (1 - y**2,),
    "relu": lambda x, y: (x[0] > 0,),
}


def power(x, n):
    return n * x ** (n - 1)


def postorder(root):
    return depth_first(root)[::-1]


def engine(
    slopes: Any = None, power: Any = power, walk: Any = postorder, assigns: str = "", forgets: str = "", seed: Any = 1.0
):
    """Make a Value class: wrong slopes by operation, a wrong walk, operations that assign or forget the upstream."""
    rules = SLOPES | (slopes or {})

    class Value:
        def __init__(self, data, _prev=(), op="", slopes=()):
            self.data, self.grad, self._prev, self.op, self.slopes = data, 0.0, _prev, op, slopes

        def made(self, op, data, *others):
            prev = (self, *others)
            return Value(data, prev, op, rules[op]([p.data for p in prev], data))

        def __add__(self, o):
            return self.made("+", self.data + o.data, o)

        def __sub__(self, o):
            return self.made("-", self.data - o.data, o)

        def __mul__(self, o):
            return self.made("*", self.data * o.data, o)

        def __truediv__(self, o):
            return self.made("/", self.data / o.data, o)

        def __pow__(self, n):
            return Value(self.data**n, (self,), "**", (power(self.data, n),))

        def exp(self):
            return self.made("exp", math.exp(self.data))

        def tanh(self):
            return self.made("tanh", math.tanh(self.data))

        def relu(self):
            return self.made("relu", max(self.data, 0.0))

        def hand_on(self):
            for p, slope in zip(self._prev, self.slopes, strict=True):
                share = slope * (1 if self.op and self.op in forgets else self.grad)
                p.grad = share if self.op and self.op in assigns else p.grad + share

        def backward(self):
            self.grad = seed
            for node in walk(self):
                node.hand_on()

    return Value


def every_path(root):
    return [root, *(node for p in root._prev for node in every_path(p))]


def level_by_level(root):
    order = [root]
    for node in order:
        order += [p for p in dict.fromkeys(node._prev) if p not in order]
    return order


def when_first_met(root):
    return list(dict.fromkeys(every_path(root)))


def stepping(root):
    """Takes a step of gradient descent within backward."""
    order = postorder(root)
    yield from order
    for node in order:
        node.data -= 0.1 * node.grad


def by_value(root):
    order, visited = [], set()

    def visit(node):
        if node.data not in visited:
            visited.add(node.data)
            for p in node._prev:
                visit(p)
            order.append(node)

    visit(root)
    return order[::-1]


class EqualByValue(ClosureValue):
    """== and hash by data: the set of visited nodes then takes equal numbers for one node."""

    def __eq__(self, other):
        return self.data == other.data

    def __hash__(self):
        return hash(self.data)

    def __add__(self, other):
        return self._made(self.data + other.data, other, 1.0, 1.0)

    def __mul__(self, other):
        return self._made(self.data * other.data, other, other.data, self.data)

    def _made(self, data, other, mine, theirs):
        out = EqualByValue(data)
        out._prev = (self, other)

        def _backward():
            self.grad += mine * out.grad
            other.grad += theirs * out.grad

        out._backward = _backward
        return out

    def __sub__(self, other):
        return self._made(self.data - other.data, other, 1.0, -1.0)

    def __truediv__(self, other):
        return self._made(self.data / other.data, other, 1 / other.data, -self.data / other.data**2)

    def _unary(self, data, slope):
        out = self._made(data, EqualByValue(123.456), slope, 0.0)
        return out


class WithTorch:
    def __init__(self, data):
        import torch

        self.t = torch.tensor(data, dtype=torch.float64, requires_grad=True)
        self.data = data


def before_its_operands(root):
    order, visited = [], set()

    def visit(node):
        if node not in visited:
            visited.add(node)
            order.append(node)
            for p in node._prev:
                visit(p)

    visit(root)
    return order[::-1]


def without_visited(root):
    order = []

    def visit(node):
        for p in node._prev:
            visit(p)
        order.append(node)

    visit(root)
    return order


def without_root(root):
    return depth_first(root)[:-1]


def without_inputs(root):
    return [node for node in depth_first(root) if node._prev]


def only_first_operand(root):
    order = []
    while root is not None:
        order.append(root)
        root = root._prev[0] if root._prev else None
    return order[::-1]


def numbers(root):
    return [node.data for node in depth_first(root)]


def nothing(root):
    depth_first(root)


V, T = "scalar.value", "scalar.topological_order"
WRONG = [
    (V, "power-rule", engine(power=lambda x, n: x ** (n - 1))),
    (V, "power-rule", engine(power=lambda x, n: n * x**n)),
    (V, "power-rule", engine(power=lambda x, n: n * x)),
    (V, "power-rule", engine(power=lambda x, n: x**n)),
    (V, "wrong-function", engine(power=lambda x, n: x**n * math.log(x))),
    (V, "wrong-function", engine({"+": lambda x, y: (x[1], x[0])})),
    (V, "factor-missing", engine({"+": lambda x, y: (0.5, 0.5)})),
    (V, "sign", engine({"-": lambda x, y: (1, 1)})),
    (V, "sign", engine({"/": lambda x, y: (1 / x[1], x[0] / x[1] ** 2)})),
    (V, "power-rule", engine({"/": lambda x, y: (1 / x[1], -x[0] / x[1])})),
    (V, "operands-swapped", engine({"*": lambda x, y: (x[0], x[1])})),
    (V, "wrong-function", engine({"*": lambda x, y: (1, 1)})),
    (V, "wrong-point", engine({"exp": lambda x, y: (x[0],)})),
    (V, "wrong-point", engine({"exp": lambda x, y: (math.exp(y),)})),
    (V, "wrong-function", engine({"exp": lambda x, y: (x[0] * math.exp(x[0] - 1),)})),
    (V, "wrong-point", engine({"tanh": lambda x, y: (1 - x[0] ** 2,)})),
    (V, "wrong-function", engine({"tanh": lambda x, y: (y * (1 - y),)})),
    (V, "wrong-function", engine({"tanh": lambda x, y: (1 - y,)})),
    (V, "no-gate", engine({"relu": lambda x, y: (1,)})),
    (V, "wrong-function", engine({"relu": lambda x, y: (y,)})),
    (V, "no-upstream", engine(forgets="tanh")),
    (V, "no-upstream", engine(forgets="+")),
    (V, "no-upstream", engine(forgets="+-*/**exptanhrelu")),
    (V, "overwrites", engine(assigns="+-*/**exptanhrelu")),
    (V, "overwrites", engine(assigns="*")),
    (V, "overwrites", engine(assigns="+")),
    (V, "no-seed", engine(seed=0.0)),
    (V, "zero", engine(walk=lambda root: [])),
    (V, "topo-order", engine(walk=level_by_level)),
    (V, "topo-order", engine(walk=when_first_met)),
    (V, "order-reversed", engine(walk=depth_first)),
    (V, "order-reversed", engine(walk=lambda root: [root])),
    (V, "double-count", engine(walk=every_path)),
    (V, "visited-by-value", engine(walk=by_value)),
    (V, "visited-by-value", EqualByValue),
    (V, "mutates-input", engine(walk=stepping)),
    (V, "delegates", scalar.Value),
    (V, "delegates", type("Mine", (scalar.Value,), {})),
    (V, None, WithTorch),
    (V, None, float),
    (T, "topo-order", before_its_operands),
    (T, "topo-order", lambda root: level_by_level(root)[::-1]),
    (T, "order-reversed", lambda root: depth_first(root)[::-1]),
    (T, "missing-node", without_root),
    (T, "missing-node", without_inputs),
    (T, "missing-node", only_first_operand),
    (T, "missing-node", lambda root: []),
    (T, None, numbers),
    (T, "double-count", without_visited),
    (T, "visited-by-value", lambda root: by_value(root)[::-1]),
    (T, "delegates", scalar.topological_order),
    (T, "delegates", lambda root: scalar.topological_order(root)),
    (T, None, nothing),
]
