"""Right answers: nodes that work entry by entry."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import numpy as np
from scipy.special import expit

from edf_course.edf import CompNode, CompNodes
from tests.autograder.making import binary, sig, unary


class SlideSigmoid(CompNode):
    """As on the slides: appends itself, no super().__init__()."""

    def __init__(self, x):
        CompNodes.append(self)
        self.x = x

    def forward(self):
        with np.errstate(over="ignore"):
            self.value = 1.0 / (1.0 + np.exp(-self.x.value))

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1.0 - self.value))


class LoopSigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.inp = x

    def forward(self):
        out = np.empty(self.inp.value.shape)
        for index, v in np.ndenumerate(self.inp.value):
            out[index] = 1 / (1 + np.exp(-v)) if v > 0 else np.exp(v) / (1 + np.exp(v))
        self.value = out

    def backward(self):
        for b in range(len(self.value)):
            for i in range(self.value.shape[1]):
                delta = np.zeros(self.value.shape)
                delta[b, i] = self.grad[b, i] * self.value[b, i] * (1 - self.value[b, i])
                self.inp.addgrad(delta)


class DirectSigmoid(CompNode):
    """Adds to x.grad itself, keeps the slope, warns, prints and logs."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        warnings.warn("hello", stacklevel=1)
        self.value = expit(self.x.value)
        self.slope = self.value - self.value * self.value

    def backward(self):
        print("backward", file=sys.stderr)
        logging.getLogger("student").warning("backward")
        self.x.grad += self.grad * self.slope


class TanhSigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x
        self.value = None
        self.grad = 0

    def forward(self):
        self.value = 0.5 * (1 + np.tanh(0.5 * self.x.value))
        return self.value

    def backward(self):
        self.x.addgrad(0.25 * self.grad / np.cosh(np.clip(self.x.value / 2, -300, 300)) ** 2)


class Elementwise(CompNode):
    """A student's own base class."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = self.f(self.x.value)

    def backward(self):
        buffer = np.array(self.grad)
        buffer *= self.df(self.x.value)
        self.x.addgrad(buffer)
        buffer[:] = 99.0  # reused for something else


class BaseSigmoid(Elementwise):
    f = staticmethod(expit)

    @staticmethod
    def df(x):
        return expit(x) * expit(-x)


RIGHT: list[tuple[str, Any]] = [
    ("edf.sigmoid", SlideSigmoid),
    ("edf.sigmoid", LoopSigmoid),
    ("edf.sigmoid", DirectSigmoid),
    ("edf.sigmoid", TanhSigmoid),
    ("edf.sigmoid", BaseSigmoid),
    ("edf.sigmoid", lambda x: BaseSigmoid(x)),
    ("edf.sigmoid", unary(sig, lambda x, y, g: g * y * (1 - y))),
    ("edf.sigmoid", unary(lambda x: sig(x.astype(np.float32)), lambda x, y, g: g.astype(np.float32) * y * (1 - y))),
    ("edf.sigmoid", unary(sig, lambda x, y, g: np.einsum("bi,bi->bi", g, y - y**2))),
    ("edf.sigmoid", unary(sig, lambda x, y, g: g * np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2)),
    ("edf.tanh", unary(np.tanh, lambda x, y, g: g * (1 - y**2))),
    ("edf.tanh", unary(np.tanh, lambda x, y, g: (1 - y) * (1 + y) * g)),
    ("edf.tanh", unary(lambda x: 2 * sig(2 * x) - 1, lambda x, y, g: g * (1 - np.square(y)))),
    ("edf.relu", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g * (x > 0))),
    ("edf.relu", unary(lambda x: x * (x > 0), lambda x, y, g: np.where(y > 0, g, 0))),
    ("edf.relu", unary(lambda x: np.clip(x, 0, None), lambda x, y, g: g * np.heaviside(x, 0))),
    ("edf.relu", unary(lambda x: (abs(x) + x) / 2, lambda x, y, g: g * (np.sign(x) + 1) / 2 * (x != 0))),
    ("edf.softplus", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * sig(x))),
    ("edf.softplus", unary(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), lambda x, y, g: g * expit(x))),
    ("edf.softplus", unary(lambda x: np.logaddexp(x, 0), lambda x, y, g: g * (1 - np.exp(-y)))),
    ("edf.mul", binary(np.multiply, lambda a, b, y, g: (g * b, g * a))),
    ("edf.mul", binary(lambda a, b: a * b, lambda a, b, y, g: (b * g, a * g))),
    ("edf.add", binary(np.add, lambda a, b, y, g: (g, g))),
    ("edf.add", binary(np.add, lambda a, b, y, g: (g.copy(), 1.0 * g))),
    ("edf.gate", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), g * a * sig(b) * (1 - sig(b))))),
    ("edf.gate", binary(lambda a, b: a * expit(b), lambda a, b, y, g: (g * expit(b), g * y * expit(-b)))),
]  # fmt: skip
