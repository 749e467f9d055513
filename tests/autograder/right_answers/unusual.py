"""Right answers that nobody would expect: nodes that work entry by entry."""

from __future__ import annotations

import abc
import dataclasses
import functools
from typing import Any

import numpy as np
from scipy.special import expit

from edf_course import edf
from edf_course.edf import CompNode
from tests.autograder.making import binary, sig, unary

MySigmoid = unary(sig, lambda x, y, g: g * y * (1 - y))
MyMul = binary(np.multiply, lambda a, b, y, g: (g * b, g * a))


@dataclasses.dataclass
class DataclassSigmoid(CompNode):
    """Compares equal by its fields, and joins the graph after its fields are set."""

    x: Any

    def __post_init__(self):
        super().__init__()

    def forward(self):
        self.value = expit(self.x.value)

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class JoinsTwice(CompNode):
    """Joins the graph late and twice, and runs its own forward again in backward, at the same place."""

    def __init__(self, x):
        self.x = x
        super().__init__()
        super().__init__()

    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        self.forward()
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class LazySigmoid(CompNode):
    """Computes its value whenever somebody asks."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        pass

    @property
    def value(self):
        return sig(self.x.value)

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class Node(CompNode, abc.ABC):
    """A student's framework: operands of any number, functions for value and gradients."""

    def __init__(self, *operands):
        CompNode.__init__(self)
        self.operands = operands

    @abc.abstractmethod
    def f(self, *values): ...

    @abc.abstractmethod
    def gradients(self, g, *values): ...

    def forward(self):
        self.value = self.f(*[o.value for o in self.operands])

    def backward(self):
        values = [o.value for o in self.operands]
        for operand, gradient in zip(self.operands, self.gradients(self.grad, *values), strict=True):
            operand.addgrad(gradient)


class Unary(Node):
    """One operand."""


class ChainSigmoid(Unary):
    def f(self, x):
        return expit(x)

    def gradients(self, g, x):
        return [g * expit(x) * expit(-x)]


class ChainGate(Node):
    def f(self, a, b):
        return a * expit(b)

    def gradients(self, g, a, b):
        s = expit(b)
        return g * s, g * a * s * (1 - s)


class SlopeTimesUpstream:
    def backward(self):
        self.x.addgrad(np.multiply(self.grad, self.slope()))


class MixinTanh(SlopeTimesUpstream, CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = np.tanh(self.x.value)

    def slope(self):
        return 1 / np.cosh(np.clip(self.x.value, -300, 300)) ** 2


class Configured(CompNode):
    """For functools.partial: the functions come first."""

    def __init__(self, f, df, x):
        super().__init__()
        self.f, self.df, self.x = f, df, x

    def forward(self):
        self.value = self.f(self.x.value)

    def backward(self):
        self.x.addgrad(self.df(self.x.value) * self.grad)


class ReLUFactory:
    """An object that makes nodes when it is called."""

    def __call__(self, x):
        return Configured(lambda v: np.maximum(v, 0), lambda v: (v > 0).astype(float), x)


def _init(self, x):
    CompNode.__init__(self)
    self.x = x


MadeByType = type(
    "Sigmoid",
    (CompNode,),
    {
        "__init__": _init,
        "forward": lambda self: setattr(self, "value", expit(self.x.value)),
        "backward": lambda self: self.x.addgrad(self.grad * self.value * (1 - self.value)),
    },
)


def with_memory():
    """A class that keeps its values in a closure, each node's under its own key."""
    memory = {}

    class Sigmoid(CompNode):
        def __init__(self, x):
            super().__init__()
            self.x = x

        def forward(self):
            self.value = memory[id(self)] = expit(self.x.value)

        def backward(self):
            y = memory[id(self)]
            self.x.addgrad(self.grad * y * (1 - y))

    return Sigmoid


class StoredJacobian(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = expit(self.x.value)
        self.J = np.stack([np.diag(row * (1 - row)) for row in self.value])

    def backward(self):
        self.x.addgrad(np.einsum("bij,bi->bj", self.J, self.grad))


class SingleInside(CompNode):
    """Computes in float32 and hands float64 on."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = expit(self.x.value.astype(np.float32)).astype(float)

    def backward(self):
        self.x.addgrad((self.grad * self.value * (1 - self.value)).astype(np.float32).astype(float))


class WithAGradientCheck(CompNode):
    """Brings its own test by differences, which nobody calls; the derivation itself is exact."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = expit(self.x.value)

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))

    def looks_right(self, h=1e-5):
        x = self.x.value
        return np.allclose((expit(x + h) - expit(x - h)) / (2 * h), self.value * (1 - self.value))


class MaskReLU(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.off = self.x.value <= 0
        self.value = self.x.value.copy()
        self.value[self.off] = 0

    def backward(self):
        delta = self.grad.copy()
        delta[self.off] = 0
        self.x.addgrad(delta)


class SumOfAny(CompNode):
    def __init__(self, *operands):
        super().__init__()
        self.operands = operands

    def forward(self):
        self.value = sum(o.value for o in self.operands)

    def backward(self):
        for o in self.operands:
            o.grad = o.grad + self.grad


class GateOfNodes(CompNode):
    """Made of the student's own nodes, in the same graph."""

    def __init__(self, a, b):
        self.product = MyMul(a, MySigmoid(b))
        super().__init__()

    def forward(self):
        self.value = self.product.value

    def backward(self):
        self.product.addgrad(self.grad)


class GateOfAHiddenNode(CompNode):
    """Keeps the student's own Sigmoid in a graph apart, and runs it by hand."""

    def __init__(self, a, b):
        with edf.Graph():
            self.s = MySigmoid(b)
        super().__init__()
        self.a = a

    def forward(self):
        self.s.forward()
        self.value = self.a.value * self.s.value

    def backward(self):
        self.a.addgrad(self.grad * self.s.value)
        self.s.grad = self.grad * self.a.value
        self.s.backward()


RIGHT: list[tuple[str, Any]] = [
    ("edf.sigmoid", DataclassSigmoid),
    ("edf.sigmoid", JoinsTwice),
    ("edf.sigmoid", LazySigmoid),
    ("edf.sigmoid", ChainSigmoid),
    ("edf.sigmoid", functools.partial(Configured, expit, lambda x: expit(x) * expit(-x))),
    ("edf.sigmoid", MadeByType),
    ("edf.sigmoid", with_memory()),
    ("edf.sigmoid", StoredJacobian),
    ("edf.sigmoid", SingleInside),
    ("edf.sigmoid", WithAGradientCheck),
    ("edf.tanh", MixinTanh),
    ("edf.tanh", functools.partial(Configured, np.tanh, lambda x: 1 - np.tanh(x) ** 2)),
    ("edf.relu", ReLUFactory()),
    ("edf.relu", MaskReLU),
    ("edf.relu", unary(lambda x: np.array([[max(0, v) for v in row] for row in x]), lambda x, y, g: np.array([[s if v > 0 else 0 for s, v in zip(gs, row, strict=True)] for gs, row in zip(g, x, strict=True)]))),
    ("edf.relu", unary(lambda x: np.where(x > 0, x, 0), lambda x, y, g: np.sign(y) * g)),
    ("edf.softplus", unary(lambda x: x * (x > 0) + np.log1p(np.exp(-abs(x))), lambda x, y, g: g * np.exp(x - y))),
    ("edf.softplus", unary(lambda x: np.where(x > 30, x, np.log1p(np.exp(np.minimum(x, 30)))), lambda x, y, g: g / (1 + np.exp(-x)))),
    ("edf.softplus", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * (0.5 * (1 + np.tanh(x / 2))))),
    ("edf.mul", binary(lambda a, b: ((a + b) ** 2 - (a - b) ** 2) / 4, lambda a, b, y, g: (g * y / a, g * y / b))),
    ("edf.add", SumOfAny),
    ("edf.add", binary(lambda a, b: np.stack([a, b]).sum(0), lambda a, b, y, g: np.broadcast_to(g, (2, *g.shape)))),
    ("edf.gate", ChainGate),
    ("edf.gate", GateOfNodes),
    ("edf.gate", GateOfAHiddenNode),
    ("edf.gate", lambda a, b: MyMul(a, MySigmoid(b))),
    ("edf.gate", binary(lambda a, b: a / (1 + np.exp(-b)), lambda a, b, y, g: (g / (1 + np.exp(-b)), g * a * (0.25 * (1 - np.tanh(b / 2) ** 2))))),
]  # fmt: skip
