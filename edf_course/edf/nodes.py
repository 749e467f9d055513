"""Computed nodes: each has its forward next to its backward, and the formula of both in its docstring.

Arrays are batch-first, x[b, i]; a node's `value` and `grad` have the same shape. Every `backward` is a vector-Jacobian
product: it turns `self.grad`, how the loss changes with y, into how the loss changes with the operands.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from edf_course.edf.errors import GraphError, ShapeError, describe
from edf_course.edf.graph import CompNode, as_operand


class Affine(CompNode):
    """A matrix and a bias: y[b, j] = sum_i x[b, i] W[i, j] - C[j], or y = xW - C.

    Shapes: x (B, n), Phi.w (n, m), Phi.b (m,) -> y (B, m).
    Backward: x.grad = y.grad Wᵀ, W.grad = xᵀ y.grad / B, C.grad = -(mean of y.grad over the batch).
    Raises: GraphError where Phi is no package with .w and .b; ShapeError where x, W and C do not fit.
    Source: EDF slides, "The Affine Class"; W.grad is its "???" (there an outer product for each example, which needs B
    times the memory; the product of matrices sums over the batch on the way).
    """

    def __init__(self, Phi: Any, x: Any) -> None:
        super().__init__()
        if not (hasattr(Phi, "w") and hasattr(Phi, "b")):
            raise GraphError(
                f"Affine(Phi, x): Phi is a package with parameters .w and .b, such as AffineParams(n_in, n_out), but "
                f"this is {describe(Phi)}."
            )
        self.Phi = Phi
        self.x = as_operand(x)

    def forward(self) -> None:
        x, W, C = self.x.value, self.Phi.w.value, self.Phi.b.value
        if x.ndim != 2 or x.shape[1] != W.shape[0]:
            columns = f"{x.shape[1]} columns" if x.ndim == 2 else f"shape {x.shape}, not (B, n),"
            raise ShapeError(f"Affine: x has {columns} but W has {W.shape[0]} rows (x {x.shape}, W {W.shape}).")
        if C.shape != W.shape[1:]:
            raise ShapeError(f"Affine: W has {W.shape[1]} columns, so b has shape {W.shape[1:]}, but it has {C.shape}.")
        self.value = x @ W  # (B, m)
        self.value -= C

    def backward(self) -> None:
        x, g = self.x.value, self.grad
        if getattr(self.x, "needs_grad", True):  # an Input would throw it away
            self.x.addgrad(g @ self.Phi.w.value.T)  # (B, n)
        share = g * (1.0 / len(g))  # each example's share of the mean
        self.Phi.w.addgrad_mean(x.T @ share)  # (n, m)
        self.Phi.b.addgrad_mean(minus_ones(len(g), g.dtype) @ share)  # (m,), faster than -share.sum(axis=0)


class Sigmoid(CompNode):
    """Squash to (0, 1): y = 1 / (1 + exp(-x)), entry by entry.

    Shapes: x (B, ...) -> y (B, ...).
    Backward: x.grad = y.grad y (1 - y).
    Source: EDF slides, "The Sigmoid Class".
    """

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x = as_operand(x)

    def forward(self) -> None:
        self.value = sigmoid(self.x.value)

    def backward(self) -> None:
        slope = 1.0 - self.value
        slope *= self.value
        slope *= self.grad
        self.x.addgrad(slope)


class Tanh(CompNode):
    """Squash to (-1, 1): y = tanh(x), entry by entry.

    Shapes: x (B, ...) -> y (B, ...).
    Backward: x.grad = y.grad (1 - y²).
    Source: notes on the micrograd video ("a neuron behaves as follows").
    """

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x = as_operand(x)

    def forward(self) -> None:
        self.value = np.tanh(self.x.value)

    def backward(self) -> None:
        self.x.addgrad(self.grad * (1.0 - self.value**2))


class ReLU(CompNode):
    """Cut off what is negative: y = max(x, 0), entry by entry.

    Shapes: x (B, ...) -> y (B, ...).
    Backward: x.grad = y.grad where x > 0, else 0; at x = 0 exactly the slope is taken as 0, as torch.relu does.
    Source: Kak, slide 77 (there: where x is not negative, which would make the slope at 0 one).
    """

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x = as_operand(x)

    def forward(self) -> None:
        self.value = np.maximum(self.x.value, 0.0)

    def backward(self) -> None:
        self.x.addgrad(self.grad * (self.x.value > 0))


class Softplus(CompNode):
    """ReLU with its corner rounded off: y = log(1 + exp(x)), entry by entry.

    Shapes: x (B, ...) -> y (B, ...).
    Backward: x.grad = y.grad sigmoid(x).
    """

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x = as_operand(x)

    def forward(self) -> None:
        self.value = np.logaddexp(self.x.value, 0.0)  # no overflow at x = 1000

    def backward(self) -> None:
        self.x.addgrad(self.grad * sigmoid(self.x.value))


class Softmax(CompNode):
    """Rows of x as probabilities: y[b, i] = exp(x[b, i]) / sum_j exp(x[b, j]).

    Shapes: x (B, ..., n) -> y (B, ..., n).
    Backward: x.grad = Jᵀ y.grad with J = diag(y) - y yᵀ for each row.
    Raises: ShapeError where x has no features beside the batch, shape (B,).
    Source: EDF slides, "MLP in EDF".
    """

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x = as_operand(x)

    def forward(self) -> None:
        x = self.x.value
        if x.ndim < 2:
            raise ShapeError(f"Softmax: x needs a batch and scores, (B, n), but has shape {x.shape}.")
        shifted = np.exp(x - x.max(axis=-1, keepdims=True))  # largest exponent 0: no overflow
        self.value = shifted / shifted.sum(axis=-1, keepdims=True)

    def backward(self) -> None:
        y, g = self.value, self.grad
        self.x.addgrad(y * (g - (g * y).sum(axis=-1, keepdims=True)))


class Add(CompNode):
    """Add two nodes of one shape: y = a + b.

    Shapes: a (B, ...), b the same -> y the same.
    Backward: a.grad = y.grad, b.grad = y.grad.
    Raises: ShapeError where the shapes differ (nothing is broadcast).
    Source: notes on the micrograd video: a sum hands the gradient on.
    """

    def __init__(self, a: Any, b: Any) -> None:
        super().__init__()
        self.a, self.b = as_operand(a), as_operand(b)

    def forward(self) -> None:
        require_same_shape("Add", a=self.a.value, b=self.b.value)
        self.value = self.a.value + self.b.value

    def backward(self) -> None:
        self.a.addgrad(self.grad)
        self.b.addgrad(self.grad)


class Mul(CompNode):
    """Multiply two nodes of one shape, entry by entry: y = a b.

    Shapes: a (B, ...), b the same -> y the same.
    Backward: a.grad = y.grad b, b.grad = y.grad a.
    Raises: ShapeError where the shapes differ (nothing is broadcast).
    """

    def __init__(self, a: Any, b: Any) -> None:
        super().__init__()
        self.a, self.b = as_operand(a), as_operand(b)

    def forward(self) -> None:
        require_same_shape("Mul", a=self.a.value, b=self.b.value)
        self.value = self.a.value * self.b.value

    def backward(self) -> None:
        self.a.addgrad(self.grad * self.b.value)
        self.b.addgrad(self.grad * self.a.value)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), in the dtype of x (float64 for integers); one array is made, not four."""
    y = np.asarray(-1.0 * x)
    with np.errstate(over="ignore"):  # below about -709 exp(-x) is inf, and 1 / inf is 0, as it should be
        np.exp(y, out=y)
    y += 1.0
    return np.divide(1.0, y, out=y)


@lru_cache(maxsize=16)
def minus_ones(n: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return n times -1: `minus_ones(B, dtype) @ g` is -g.sum(axis=0), by BLAS. Made once, so read-only."""
    row = np.full(n, -1.0, dtype)
    row.flags.writeable = False
    return row


def require_same_shape(node: str, **values: np.ndarray) -> None:
    """Raise ShapeError, naming the operands, where two values differ in shape."""
    (name_a, a), (name_b, b) = values.items()
    if a.shape != b.shape:
        raise ShapeError(f"{node}: {name_a} has shape {a.shape}, but {name_b} has shape {b.shape}.")
