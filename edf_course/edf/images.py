"""Nodes on images, x[b, i, j, c]: batch, row, column, channel.

A convolution is an affine map of every little window of the image, the same one everywhere. So its backward is that
of Affine, summed over the places where the window stood: the filter collects from all of them, and a pixel from all
windows that saw it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from edf_course.edf.errors import ShapeError
from edf_course.edf.graph import CompNode, Parameter, as_operand
from edf_course.edf.mlp import ParameterPackage, xavier


class ConvParams(ParameterPackage):
    """The parameters of one Conv2D: `.w` (h, w, c_in, c_out) drawn by `xavier`, `.b` (c_out,) zeros."""

    def __init__(self, h: int, w: int, c_in: int, c_out: int, rng: np.random.Generator | int | None = None) -> None:
        self.w = Parameter(xavier((h, w, c_in, c_out), rng))
        self.b = Parameter(np.zeros(c_out))


class Conv2D(CompNode):
    """Slide a filter over images: y[b, i, j, k] = sum over u, v, c of x[b, si+u, sj+v, c] W[u, v, c, k] - C[k].

    Shapes: x (B, H, W, c_in), Phi.w (h, w, c_in, c_out), Phi.b (c_out,) -> (B, (H + 2 padding - h) // stride + 1, ...,
    c_out). The bias is subtracted, as in Affine; like torch's, this is a correlation, W is not turned over.
    Backward: W.grad sums window times y.grad over all places, divided by B; x.grad adds y.grad times W to each window.
    Raises: ShapeError where x is no batch of images with c_in channels, or is smaller than the filter.
    """

    def __init__(self, Phi: Any, x: Any, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        if stride < 1 or padding < 0:
            raise ShapeError(f"Conv2D: stride must be at least 1 and padding at least 0, not {stride} and {padding}.")
        self.Phi, self.x, self.stride, self.padding = Phi, as_operand(x), stride, padding

    def forward(self) -> None:
        x, W = self.x.value, self.Phi.w.value
        if x.ndim != 4 or x.shape[3] != W.shape[2]:
            raise ShapeError(f"Conv2D: x has shape {x.shape}, but (B, H, W, {W.shape[2]}) is needed for W {W.shape}.")
        self.padded = _padded(x, self.padding)
        windows = _windows("Conv2D", self.padded, W.shape[:2], self.stride)  # (B, I, J, c, u, v)
        self.value = np.tensordot(windows, W, axes=([3, 4, 5], [2, 0, 1])) - self.Phi.b.value  # (B, I, J, k)

    def backward(self) -> None:
        g, W = self.grad, self.Phi.w.value
        windows = _windows("Conv2D", self.padded, W.shape[:2], self.stride)
        share = g / len(g)
        self.Phi.w.addgrad_mean(np.tensordot(windows, share, axes=([0, 1, 2], [0, 1, 2])).transpose(1, 2, 0, 3))
        self.Phi.b.addgrad_mean(-share.sum(axis=(0, 1, 2)))
        if getattr(self.x, "needs_grad", True):
            spread = np.zeros_like(self.padded)
            for u, v, seen in _places(spread, W.shape[:2], self.stride, g.shape[1:3]):
                seen += g @ W[u, v].T  # all pixels that stood at (u, v) of a window: (B, I, J, c)
            self.x.addgrad(_cropped(spread, self.padding))


class MaxPool(CompNode):
    """The largest of each window: y[b, i, j, c] = max over u, v of x[b, si+u, sj+v, c].

    Shapes: x (B, H, W, c) -> (B, (H - size) // stride + 1, ..., c); stride is `size` unless told otherwise.
    Backward: the gradient goes to where the largest was, in a tie to the first of them in reading order, as torch does.
    Raises: ShapeError where x is no batch of images, or smaller than the window.
    """

    def __init__(self, x: Any, size: int = 2, stride: int | None = None) -> None:
        super().__init__()
        self.x, self.size, self.stride = as_operand(x), size, size if stride is None else stride

    def forward(self) -> None:
        x = self.x.value
        if x.ndim != 4:
            raise ShapeError(f"MaxPool: x has shape {x.shape}, but (B, H, W, channels) is needed.")
        windows = _windows("MaxPool", x, (self.size, self.size), self.stride)
        flat = windows.reshape(*windows.shape[:4], -1)  # (B, I, J, c, u*v)
        self.first = flat.argmax(axis=-1)  # (B, I, J, c)
        self.value = np.take_along_axis(flat, self.first[..., None], axis=-1)[..., 0]

    def backward(self) -> None:
        spread = np.zeros_like(self.x.value)
        size = (self.size, self.size)
        for u, v, seen in _places(spread, size, self.stride, self.grad.shape[1:3]):
            seen += np.where(self.first == u * self.size + v, self.grad, 0.0)
        self.x.addgrad(spread)


def _padded(x: np.ndarray, padding: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0))) if padding else x


def _cropped(x: np.ndarray, padding: int) -> np.ndarray:
    return x[:, padding : x.shape[1] - padding, padding : x.shape[2] - padding] if padding else x


def _windows(node: str, x: np.ndarray, size: tuple[int, ...], stride: int) -> np.ndarray:
    """Return a view of all windows of `size`: (B, I, J, c, u, v)."""
    if x.shape[1] < size[0] or x.shape[2] < size[1]:
        raise ShapeError(f"{node}: a window {size} does not fit into images {x.shape[1:3]} (padding included).")
    return sliding_window_view(x, size, axis=(1, 2))[:, ::stride, ::stride]


def _places(
    x: np.ndarray, size: tuple[int, ...], stride: int, outputs: tuple[int, ...]
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield each place (u, v) in a window with a view of the pixels that stand there, one for each window."""
    for u, v in np.ndindex(*size):
        yield u, v, x[:, u : u + stride * outputs[0] : stride, v : v + stride * outputs[1] : stride]
