"""Wrong answers: what happens to values and gradients between nodes and calls, and who does the work."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np
import torch

from edf_course import edf
from edf_course.edf import CompNode
from tests.autograder.making import binary, sig, unary

tensor, torch_sigmoid = torch.tensor, torch.sigmoid
H = 1e-5


class Base(CompNode):
    """A right Sigmoid, to be made wrong."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = sig(self.x.value)

    def delta(self):
        return self.grad * self.value * (1 - self.value)

    def backward(self):
        self.x.addgrad(self.delta())


class AddsTwice(Base):
    def backward(self):
        self.x.addgrad(self.delta())
        self.x.addgrad(self.delta())


class AddsBothWays(Base):
    def backward(self):
        self.x.grad += self.delta()
        self.x.addgrad(self.delta())


class AddsBothWaysRound(Base):
    def backward(self):
        self.x.addgrad(self.delta())
        self.x.grad += self.delta()


class AddsWhatIsThere(Base):
    def backward(self):
        self.x.addgrad(self.x.grad + self.delta())


class AddsToItself(Base):
    def backward(self):
        self.addgrad(self.delta())


class OnlyTheFirst(Base):
    def backward(self):
        if isinstance(self.x.grad, int):
            self.x.grad = self.delta()


class AveragesReaders(Base):
    def backward(self):
        self.x.grad = self.delta() if isinstance(self.x.grad, int) else (self.x.grad + self.delta()) / 2


class PassesInBackward(Base):
    def backward(self):
        pass


class ReturnsForward(Base):
    def forward(self):
        return sig(self.x.value)


class NeverInTheGraph(Base):
    def __init__(self, x):
        self.x = x


MEMORY: dict[str, Any] = {}


class DefaultCache(Base):
    """The mutable default argument."""

    def __init__(self, x, cache=MEMORY):
        super().__init__(x)
        self.cache = cache

    def forward(self):
        self.value = self.cache["y"] = sig(self.x.value)

    def delta(self):
        return self.grad * self.cache["y"] * (1 - self.cache["y"])


class KeptFromInit(Base):
    def __init__(self, x):
        super().__init__(x)
        self.y = sig(x.value)

    def delta(self):
        return self.grad * self.y * (1 - self.y)


class ForgetsAtOnce(Base):
    def forward(self):
        self.y = self.value = sig(self.x.value)

    def backward(self):
        self.x.addgrad(self.grad * self.y * (1 - self.y))
        del self.y


class InPlace(Base):
    def forward(self):
        x = self.x.value
        np.negative(x, out=x)
        self.value = 1 / (1 + np.exp(x))


class InPlaceReLU(Base):
    def forward(self):
        x = self.x.value
        x[x < 0] = 0
        self.value = x

    def delta(self):
        return self.grad * (self.x.value > 0)


class InPlaceUpstreamReLU(Base):
    def forward(self):
        self.value = np.maximum(self.x.value, 0)

    def delta(self):
        self.grad[self.x.value <= 0] = 0
        return self.grad


class InPlaceSoftmax(Base):
    """The shift, which changes nothing of the result, changes the input."""

    def forward(self):
        x = self.x.value
        x -= x.max(axis=1, keepdims=True)
        self.value = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

    def delta(self):
        weighted = self.grad * self.value
        return weighted - self.value * weighted.sum(axis=1, keepdims=True)


class AddInto(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self):
        total = self.a.value
        total += self.b.value
        self.value = total

    def backward(self):
        self.a.addgrad(self.grad)
        self.b.addgrad(self.grad)


class Aliases(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self):
        self.value = self.a.value + self.b.value

    def backward(self):
        self.a.grad = self.grad
        self.b.grad = self.grad


class Affine(CompNode):
    """A right Affine, to be made wrong."""

    def __init__(self, Phi, x):
        super().__init__()
        self.Phi, self.x = Phi, x

    def forward(self):
        self.value = self.x.value @ self.Phi.w.value - self.Phi.b.value

    def backward(self):
        self.x.addgrad(self.grad @ self.Phi.w.value.T)
        self.Phi.w.addgrad_mean(self.x.value.T @ self.grad / len(self.grad))
        self.Phi.b.addgrad(-self.grad)


class KeptParameters(Affine):
    def __init__(self, Phi, x):
        super().__init__(Phi, x)
        self.W = Phi.w.value

    def forward(self):
        self.value = self.x.value @ self.W - self.Phi.b.value


class SumsForAddgrad(Affine):
    """Hands a sum over the batch to addgrad, which asks for one gradient for each example."""

    def backward(self):
        self.x.addgrad(self.grad @ self.Phi.w.value.T)
        self.Phi.w.addgrad(self.x.value.T @ self.grad)
        self.Phi.b.addgrad(-self.grad)


class AveragesForAddgrad(Affine):
    def backward(self):
        B = len(self.grad)
        self.x.addgrad(self.grad @ self.Phi.w.value.T)
        self.Phi.w.addgrad(self.x.value[:, :, None] * self.grad[:, None, :] / B)
        self.Phi.b.addgrad(-self.grad / B)


class OverwritesParameters(Affine):
    def backward(self):
        self.x.addgrad(self.grad @ self.Phi.w.value.T)
        self.Phi.w.grad = self.x.value.T @ self.grad / len(self.grad)
        self.Phi.b.grad = -self.grad.mean(axis=0)


class OverwritesInput(Affine):
    def backward(self):
        super().backward()
        self.x.grad = self.grad @ self.Phi.w.value.T


class BatchOfBiases(Affine):
    def backward(self):
        self.x.addgrad(self.grad @ self.Phi.w.value.T)
        self.Phi.w.addgrad_mean(self.x.value.T @ self.grad / len(self.grad))
        self.Phi.b.grad = self.Phi.b.grad - self.grad


class StepsAtOnce(Affine):
    def backward(self):
        super().backward()
        self.Phi.w.value -= 0.1 * self.Phi.w.grad


class Borrowed(Base):
    backward = edf.Sigmoid.backward


class ByAnotherName(Base):
    def backward(self):
        getattr(edf, "Sig" + "moid").backward(self)


class FromADictionary(Base):
    def backward(self):
        vars(edf)["Sigmoid"].backward(self)


class ImportedInside(Base):
    def backward(self):
        from edf_course.edf import Sigmoid as Node

        Node.backward(self)


class TorchByAlias(Base):
    def backward(self):
        x = tensor(self.x.value, requires_grad=True)
        torch_sigmoid(x).backward(tensor(self.grad))
        self.x.addgrad(x.grad.numpy())


class TorchByString(Base):
    def backward(self):
        t = importlib.import_module("torch")
        x = t.tensor(self.x.value, requires_grad=True)
        t.sigmoid(x).backward(t.tensor(self.grad))
        self.x.addgrad(x.grad.numpy())


class ComplexStep(Base):
    def backward(self):
        with np.errstate(all="ignore"):
            slope = (1 / (1 + np.exp(-(self.x.value + 1e-20j)))).imag / 1e-20
        self.x.addgrad(self.grad * np.nan_to_num(slope))


class OneSided(Base):
    def backward(self):
        eps = 1e-7
        self.x.addgrad(self.grad * (sig(self.x.value + eps) - self.value) / eps)


class GlobalStep(Base):
    def backward(self):
        self.x.addgrad(self.grad * (sig(self.x.value + H) - sig(self.x.value - H)) / (2 * H))


class AttributeStep(Base):
    h = 1e-4

    def backward(self):
        x = self.x.value
        self.x.addgrad(self.grad * (sig(x + self.h) - sig(x - self.h)) / (2 * self.h))


def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


def five_points(x, h=1e-3):
    near, far = np.tanh(x + h) - np.tanh(x - h), np.tanh(x + 2 * h) - np.tanh(x - 2 * h)
    return (8 * near - far) / (12 * h)


WRONG: list[tuple[str, str | None, Any]] = [
    ("edf.sigmoid", "double-count", AddsTwice),
    ("edf.sigmoid", "double-count", AddsBothWays),
    ("edf.sigmoid", "double-count", AddsBothWaysRound),
    ("edf.sigmoid", "double-count", AddsWhatIsThere),
    ("edf.sigmoid", "missing-input-grad", AddsToItself),
    ("edf.sigmoid", "overwrites", OnlyTheFirst),
    ("edf.sigmoid", "no-accumulation", AveragesReaders),
    ("edf.sigmoid", "zero", PassesInBackward),
    ("edf.sigmoid", None, ReturnsForward),
    ("edf.sigmoid", None, NeverInTheGraph),
    ("edf.sigmoid", "shared-state", DefaultCache),
    ("edf.sigmoid", "stale-state", KeptFromInit),
    ("edf.sigmoid", None, ForgetsAtOnce),
    ("edf.sigmoid", "mutates-input", InPlace),
    ("edf.relu", "mutates-input", InPlaceReLU),
    ("edf.relu", "mutates-grad", InPlaceUpstreamReLU),
    ("edf.softmax", "mutates-input", InPlaceSoftmax),
    ("edf.add", "mutates-input", AddInto),
    ("edf.add", "overwrites", Aliases),
    ("edf.affine", "stale-state", KeptParameters),
    ("edf.affine", None, SumsForAddgrad),
    ("edf.affine", "batch-mean-twice", AveragesForAddgrad),
    ("edf.affine", "overwrites", OverwritesParameters),
    ("edf.affine", "overwrites", OverwritesInput),
    ("edf.affine", "broadcast", BatchOfBiases),
    ("edf.affine", "mutates-input", StepsAtOnce),
    ("edf.sigmoid", "delegates", Borrowed),
    ("edf.sigmoid", "delegates", ByAnotherName),
    ("edf.sigmoid", "delegates", FromADictionary),
    ("edf.sigmoid", "delegates", ImportedInside),
    ("edf.sigmoid", "delegates", TorchByAlias),
    ("edf.sigmoid", "delegates", TorchByString),
    ("edf.sigmoid", "delegates", functools.partial(edf.Sigmoid)),
    ("edf.sigmoid", "delegates", functools.partial(TorchByString)),
    ("edf.sigmoid", "numerical", ComplexStep),
    ("edf.sigmoid", "numerical", OneSided),
    ("edf.sigmoid", "numerical", GlobalStep),
    ("edf.sigmoid", "numerical", AttributeStep),
    ("edf.sigmoid", "numerical", unary(sig, lambda x, y, g: g * slope(sig, x))),
    ("edf.tanh", "numerical", unary(np.tanh, lambda x, y, g: g * (np.tanh(x + 1e-5) - np.tanh(x - 1e-5)) * 5e4)),
    ("edf.tanh", "numerical", unary(np.tanh, lambda x, y, g: g * five_points(x))),
    ("edf.gate", "numerical", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), g * a * slope(sig, b)))),
]
