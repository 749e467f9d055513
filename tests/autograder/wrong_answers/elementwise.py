"""Wrong answers: nodes that work entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course import edf
from edf_course.edf import CompNode
from tests.autograder.making import binary, sig, unary


class Overwrites(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        self.x.grad = self.grad * self.value * (1 - self.value)


class Returns(Overwrites):
    def backward(self):
        return self.grad * self.value * (1 - self.value)


class Stale(Overwrites):
    def forward(self):
        if not hasattr(self, "first"):
            self.first = sig(self.x.value)
        self.value = sig(self.x.value)

    def backward(self):
        y = self.first if self.first.shape == self.value.shape else self.value
        self.x.addgrad(self.grad * y * (1 - y))


class StaleRows(Stale):
    def backward(self):
        y = np.resize(self.first, self.value.shape)
        self.x.addgrad(self.grad * y * (1 - y))


class Shared(Overwrites):
    cache: Any = None

    def forward(self):
        self.value = sig(self.x.value)
        Shared.cache = self.value

    def backward(self):
        y = Shared.cache
        self.x.addgrad(self.grad * y * (1 - y))


class MutatesInput(Overwrites):
    def forward(self):
        x = self.x.value
        self.value = sig(x)
        x *= 0.5

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class MutatesGrad(Overwrites):
    def backward(self):
        self.grad *= self.value * (1 - self.value)
        self.x.addgrad(self.grad)


class Accumulator(Overwrites):
    total: Any = 0

    def backward(self):
        self.total = self.total + self.grad * self.value * (1 - self.value)
        self.x.addgrad(self.total)


class HardCoded(Overwrites):
    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        out = np.zeros_like(self.value)
        for b in range(min(6, len(self.value))):
            out[b] = self.grad[b] * self.value[b] * (1 - self.value[b])
        self.x.addgrad(out)


class Naive(Overwrites):
    def forward(self):
        self.value = np.exp(self.x.value) / (1 + np.exp(self.x.value))

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class Numerical(Overwrites):
    def backward(self):
        h = 1e-5
        self.x.addgrad(self.grad * (sig(self.x.value + h) - sig(self.x.value - h)) / (2 * h))


class NumericalForward(Overwrites):
    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        x, y = self.x.value, self.value
        self.x.value = x + 1e-6
        self.forward()
        up = self.value
        self.x.value, self.value = x, y
        self.x.addgrad(self.grad * (up - y) / 1e-6)


class Subclass(edf.Sigmoid):
    pass


class Composite(CompNode):
    def __init__(self, x):
        inner = edf.Sigmoid(x)
        super().__init__()
        self.inner = inner

    def forward(self):
        self.value = self.inner.value

    def backward(self):
        self.inner.addgrad(self.grad)


class Unbound(Overwrites):
    def forward(self):
        edf.Sigmoid.forward(self)

    def backward(self):
        edf.Sigmoid.backward(self)


class WithTorch(Overwrites):
    def backward(self):
        import torch

        x = torch.tensor(self.x.value, requires_grad=True)
        torch.sigmoid(x).backward(torch.tensor(self.grad))
        self.x.addgrad(x.grad.numpy())


WRONG: list[tuple[str, str | None, Any]] = [
    ("edf.sigmoid", "sign", unary(sig, lambda x, y, g: -g * y * (1 - y))),
    ("edf.sigmoid", "no-upstream", unary(sig, lambda x, y, g: y * (1 - y))),
    ("edf.sigmoid", "wrong-point", unary(sig, lambda x, y, g: g * x * (1 - x))),
    ("edf.sigmoid", "wrong-point", unary(sig, lambda x, y, g: g * sig(y) * (1 - sig(y)))),
    ("edf.sigmoid", "wrong-function", unary(sig, lambda x, y, g: g * (1 - y**2))),
    ("edf.sigmoid", "tiny-factor", unary(sig, lambda x, y, g: 1.001 * g * y * (1 - y))),
    ("edf.sigmoid", "tiny-factor", unary(sig, lambda x, y, g: 1.0001 * g * y * (1 - y))),
    ("edf.sigmoid", "factor-extra", unary(sig, lambda x, y, g: 2 * g * y * (1 - y))),
    ("edf.sigmoid", "factor-missing", unary(sig, lambda x, y, g: 0.5 * g * y * (1 - y))),
    ("edf.sigmoid", "zero", unary(sig, lambda x, y, g: np.zeros_like(x))),
    ("edf.sigmoid", "zero", unary(lambda x: np.zeros_like(x), lambda x, y, g: np.zeros_like(x))),
    ("edf.sigmoid", None, unary(lambda x: np.full_like(x, np.nan), lambda x, y, g: np.full_like(x, np.nan))),
    ("edf.sigmoid", "batch-mean-twice", unary(sig, lambda x, y, g: g * y * (1 - y) / len(g))),
    ("edf.sigmoid", "batch-sum", unary(sig, lambda x, y, g: np.broadcast_to((g * y * (1 - y)).sum(axis=0), g.shape))),
    ("edf.sigmoid", "ignores-cotangent", unary(sig, lambda x, y, g: g.mean() * y * (1 - y))),
    ("edf.sigmoid", "ignores-cotangent", unary(sig, lambda x, y, g: g[0, 0] * y * (1 - y))),
    ("edf.sigmoid", "narrow-domain", unary(sig, lambda x, y, g: g * y * (1 - y) * (x > 0))),
    ("edf.sigmoid", "int-truncation", unary(lambda x: sig(x).astype(int), lambda x, y, g: g * sig(x) * (1 - sig(x)))),
    ("edf.sigmoid", "int-truncation", unary(lambda x: sig(x.astype(int)), lambda x, y, g: g * y * (1 - y))),
    ("edf.tanh", "int-truncation", unary(np.tanh, lambda x, y, g: g * (1 - np.tanh(np.int64(x)) ** 2))),
    ("edf.mul", "int-truncation", binary(lambda a, b: a * b, lambda a, b, y, g: (g * b.round(), g * a.round()))),
    ("edf.sigmoid", "dtype", unary(lambda x: sig(x).astype(np.float16), lambda x, y, g: (g * sig(x) * (1 - sig(x))).astype(np.float16))),
    ("edf.sigmoid", "first-example", unary(sig, lambda x, y, g: np.vstack([(g * y * (1 - y))[:1], np.zeros_like(g[1:])]))),
    ("edf.sigmoid", "overwrites", Overwrites),
    ("edf.sigmoid", "returns", Returns),
    ("edf.sigmoid", "stale-state", StaleRows),
    ("edf.sigmoid", "shared-state", Shared),
    ("edf.sigmoid", "mutates-input", MutatesInput),
    ("edf.sigmoid", "mutates-grad", MutatesGrad),
    ("edf.sigmoid", "grad-not-reset", Accumulator),
    ("edf.sigmoid", "hard-coded-shape", HardCoded),
    ("edf.sigmoid", "overflow", Naive),
    ("edf.sigmoid", "numerical", Numerical),
    ("edf.sigmoid", "numerical", NumericalForward),
    ("edf.sigmoid", "delegates", Subclass),
    ("edf.sigmoid", "delegates", edf.Sigmoid),
    ("edf.sigmoid", "delegates", Composite),
    ("edf.sigmoid", "delegates", Unbound),
    ("edf.sigmoid", "delegates", WithTorch),
    ("edf.tanh", "wrong-point", unary(np.tanh, lambda x, y, g: g * (1 - x**2))),
    ("edf.tanh", "wrong-point", unary(np.tanh, lambda x, y, g: g * (1 - np.tanh(y) ** 2))),
    ("edf.tanh", "wrong-function", unary(np.tanh, lambda x, y, g: g * y * (1 - y))),
    ("edf.tanh", "no-upstream", unary(np.tanh, lambda x, y, g: 1 - y**2)),
    ("edf.tanh", "sign", unary(np.tanh, lambda x, y, g: g * (y**2 - 1))),
    ("edf.relu", "relu-at-zero", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g * (x >= 0))),
    ("edf.relu", "no-gate", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g)),
    ("edf.relu", "relu-mask-upstream", unary(lambda x: np.maximum(x, 0), lambda x, y, g: np.maximum(g, 0))),
    ("edf.relu", "relu-mask-upstream", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g * (g > 0) * (x > 0))),
    ("edf.relu", "no-upstream", unary(lambda x: np.maximum(x, 0), lambda x, y, g: (x > 0) * 1.0)),
    ("edf.relu", "sign", unary(lambda x: np.maximum(x, 0), lambda x, y, g: -g * (x > 0))),
    ("edf.softplus", "wrong-point", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * sig(y))),
    ("edf.softplus", "wrong-function", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * (x > 0))),
    ("edf.softplus", "overflow", unary(lambda x: np.log(1 + np.exp(x)), lambda x, y, g: g * sig(x))),
    ("edf.softplus", "no-upstream", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: sig(x))),
    ("edf.mul", "operands-swapped", binary(np.multiply, lambda a, b, y, g: (g * a, g * b))),
    ("edf.mul", "missing-input-grad", binary(np.multiply, lambda a, b, y, g: (g * b, None))),
    ("edf.mul", "wrong-function", binary(np.multiply, lambda a, b, y, g: (g, g))),
    ("edf.mul", "no-upstream", binary(np.multiply, lambda a, b, y, g: (b, a))),
    ("edf.add", "missing-input-grad", binary(np.add, lambda a, b, y, g: (g, None))),
    ("edf.add", "no-upstream", binary(np.add, lambda a, b, y, g: (np.ones_like(g), np.ones_like(g)))),
    ("edf.add", "wrong-function", binary(np.add, lambda a, b, y, g: (g * b, g * a))),
    ("edf.add", "sign", binary(np.add, lambda a, b, y, g: (g, -g))),
    ("edf.gate", "no-gate", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g, g * a * sig(b) * (1 - sig(b))))),
    ("edf.gate", "operand-missing", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), g * sig(b) * (1 - sig(b))))),
    ("edf.gate", "wrong-point", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), g * y * (1 - y)))),
    ("edf.gate", "missing-input-grad", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), None))),
]  # fmt: skip
