"""Nodes that keep signals in shape while a deep net trains: normalization, and dropout.

BatchNorm and Dropout behave differently when the net is used: `graph.training = False` says so to both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course.edf.errors import ShapeError
from edf_course.edf.graph import CompNode, Parameter, as_operand, current_graph
from edf_course.edf.mlp import ParameterPackage


class NormParams(ParameterPackage):
    """What a normalization learns for each of n features: `.scale` (n,), ones, and `.shift` (n,), zeros."""

    def __init__(self, n: int) -> None:
        self.scale, self.shift = Parameter(np.ones(n)), Parameter(np.zeros(n))


class LayerNorm(CompNode):
    """Give each row mean 0 and variance 1, then scale and shift: y = scale * (x - mean) / sqrt(var + eps) + shift.

    Shapes: x (B, ..., n), Phi.scale (n,), Phi.shift (n,) -> (B, ..., n). Mean and variance (over n, not n - 1) are
    those of each row. Note the plus of the shift; `Affine` subtracts its bias.
    Backward: with z the normalized row and h = scale * y.grad, x.grad = (h - mean(h) - z mean(h z)) / sqrt(var + eps):
    every x of a row acts through the mean and the variance, too.
    Raises: ShapeError where the last axis is not n.
    """

    def __init__(self, Phi: Any, x: Any, eps: float = 1e-5) -> None:
        super().__init__()
        self.Phi, self.x, self.eps = Phi, as_operand(x), eps

    def forward(self) -> None:
        x = self.x.value
        _check_features("LayerNorm", x, self.Phi)
        self.z, self.root = _normalized(x, -1, self.eps)
        self.value = self.z * self.Phi.scale.value + self.Phi.shift.value

    def backward(self) -> None:
        _learn(self.Phi, self.z, self.grad)
        self.x.addgrad(_through(self.z, self.root, self.grad * self.Phi.scale.value, -1))


class BatchNorm(CompNode):
    """Give each feature mean 0 and variance 1 over the batch, then scale and shift.

    Shapes: x (B, ..., n), Phi.scale (n,), Phi.shift (n,) -> (B, ..., n); statistics run over all axes but the last.
    While training, those of the batch are used, and running averages are kept (`momentum` is the weight of the new one,
    as in torch, whose running variance divides by N - 1). With `graph.training = False` the averages are used instead.
    Backward: as LayerNorm's, along the batch: here, and only here, one example acts on another's loss.
    Raises: ShapeError where the last axis is not n, or a training batch has a single value for each feature.
    """

    def __init__(self, Phi: Any, x: Any, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.Phi, self.x, self.eps, self.momentum = Phi, as_operand(x), eps, momentum
        self.graph = current_graph()
        n = len(Phi.scale.value)
        self.running_mean, self.running_variance = np.zeros(n), np.ones(n)

    def forward(self) -> None:
        x = self.x.value
        _check_features("BatchNorm", x, self.Phi)
        self.axes = tuple(range(x.ndim - 1))
        self.trained = self.graph.training
        if self.trained:
            self.z, self.root = _normalized(x, self.axes, self.eps)
            self._remember(x)
        else:
            self.root = np.sqrt(self.running_variance + self.eps)
            self.z = (x - self.running_mean) / self.root
        self.value = self.z * self.Phi.scale.value + self.Phi.shift.value

    def backward(self) -> None:
        _learn(self.Phi, self.z, self.grad)
        h = self.grad * self.Phi.scale.value
        self.x.addgrad(_through(self.z, self.root, h, self.axes) if self.trained else h / self.root)

    def _remember(self, x: np.ndarray) -> None:
        count = x.size // x.shape[-1]
        if count < 2:
            raise ShapeError(
                "BatchNorm: a batch of one has no variance; train with more, or set graph.training = False."
            )
        for running, new in (
            (self.running_mean, x.mean(axis=self.axes)),
            (self.running_variance, x.var(axis=self.axes, ddof=1)),
        ):
            running += self.momentum * (new - running)


class Dropout(CompNode):
    """While training, set each entry to 0 with probability `rate` and divide the others by 1 - rate.

    Shapes: x (B, ...) -> (B, ...). The mean stays; with `graph.training = False` x passes unchanged.
    Each forward pass draws anew from `rng`, a numpy.random.Generator or a seed; backward uses what forward drew.
    Raises: ValueError where the rate is not in [0, 1).
    """

    def __init__(self, x: Any, rate: float = 0.5, rng: np.random.Generator | int | None = None) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout: rate is the share that is dropped, from 0 up to but not 1, not {rate}.")
        self.x, self.rate, self.rng = as_operand(x), rate, np.random.default_rng(rng)
        self.graph = current_graph()

    def forward(self) -> None:
        x = self.x.value
        kept = self.rng.random(x.shape) >= self.rate if self.graph.training else np.ones(x.shape, dtype=bool)
        self.mask = (kept / (1.0 - self.rate if self.graph.training else 1.0)).astype(x.dtype)
        self.value = x * self.mask

    def backward(self) -> None:
        self.x.addgrad(self.grad * self.mask)


def _normalized(x: np.ndarray, axes: int | tuple[int, ...], eps: float) -> tuple[np.ndarray, np.ndarray]:
    centred = x - x.mean(axis=axes, keepdims=True)
    root = np.sqrt((centred**2).mean(axis=axes, keepdims=True) + eps)
    return centred / root, root


def _through(z: np.ndarray, root: np.ndarray, h: np.ndarray, axes: int | tuple[int, ...]) -> np.ndarray:
    """Return the gradient of x from h, that of z, by all three ways: directly, through the mean and the variance."""
    return (h - h.mean(axis=axes, keepdims=True) - z * (h * z).mean(axis=axes, keepdims=True)) / root


def _learn(Phi: Any, z: np.ndarray, g: np.ndarray) -> None:
    rest = tuple(range(z.ndim - 1))
    Phi.scale.addgrad_mean((g * z).sum(axis=rest) / len(g))
    Phi.shift.addgrad_mean(g.sum(axis=rest) / len(g))


def _check_features(node: str, x: np.ndarray, Phi: Any) -> None:
    n = len(Phi.scale.value)
    if x.ndim < 2 or x.shape[-1] != n:
        raise ShapeError(f"{node}: the parameters are for {n} features, but x has shape {x.shape}.")
