"""Loss nodes: one value for each example, shape (B,). The batch is averaged later, in the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course.edf.errors import DataError, ShapeError
from edf_course.edf.graph import CompNode, as_operand
from edf_course.edf.nodes import require_same_shape


class LogLoss(CompNode):
    """How surprising the right class is: value[b] = -log q[b, y[b]].

    Shapes: probabilities q (B, n), labels y (B,) in 0 ... n-1 -> (B,), in nats.
    Backward: q.grad[b, y[b]] = -grad[b] / q[b, y[b]], all other entries 0. Where q[b, y[b]] is 0 the loss is infinite,
    and so is its slope, with NumPy's warnings; `CrossEntropy` of the scores stays finite.
    Raises: DataError for labels that are no whole numbers, or out of range; ShapeError for other shapes.
    Source: EDF slides, "MLP in EDF".
    """

    def __init__(self, q: Any, y: Any) -> None:
        super().__init__()
        self.q, self.y = as_operand(q), as_operand(y, floats=False)

    def forward(self) -> None:
        q = self.q.value
        self.labels = class_labels("LogLoss", self.y.value, q)
        self.value = -np.log(q[np.arange(len(q)), self.labels])

    def backward(self) -> None:
        q = self.q.value
        rows = np.arange(len(q))
        delta = np.zeros_like(q)
        delta[rows, self.labels] = -self.grad / q[rows, self.labels]
        self.q.addgrad(delta)


class CrossEntropy(CompNode):
    """LogLoss(Softmax(scores), y) in one node, exact where the two of them would divide by a probability of 0.

    value[b] = log(sum_j exp(scores[b, j])) - scores[b, y[b]].
    Shapes: scores (B, n), labels y (B,) in 0 ... n-1 -> (B,), in nats.
    Backward: scores.grad[b] = grad[b] (q[b] - onehot(y[b])), with q = softmax of the scores.
    Raises: as LogLoss.
    """

    def __init__(self, scores: Any, y: Any) -> None:
        super().__init__()
        self.scores, self.y = as_operand(scores), as_operand(y, floats=False)

    def forward(self) -> None:
        labels = class_labels("CrossEntropy", self.y.value, self.scores.value)
        shifted = self.scores.value.T.copy()  # (n, B): NumPy is fastest at sums over the first axis
        self.at = labels * len(labels) + np.arange(len(labels))  # where in it the right class of each example stands
        shifted -= shifted.max(axis=0)  # largest exponent 0: no overflow
        exponentials = np.exp(shifted)
        total = exponentials.sum(axis=0)  # (B,)
        self.q = exponentials / total  # (n, B)
        self.value = np.log(total) - shifted.take(self.at)

    def backward(self) -> None:
        delta = self.q.copy()
        delta.reshape(-1)[self.at] -= 1.0
        delta *= self.grad  # (n, B)
        self.scores.addgrad(delta.T)


class SquaredError(CompNode):
    """The squared distance to the target: value[b] = sum_i (p[b, i] - t[b, i])².

    Shapes: prediction p (B, n), target t (B, n) -> (B,). A sum over features, not a mean (Kak's Eq. (1)).
    Backward: p.grad = 2 grad (p - t), and t.grad = -p.grad where the target is computed too.
    Raises: ShapeError where the shapes differ: (B, n) against (B,) would broadcast to something else.
    """

    def __init__(self, p: Any, t: Any) -> None:
        super().__init__()
        self.p, self.t = as_operand(p), as_operand(t)

    def forward(self) -> None:
        require_same_shape("SquaredError", p=self.p.value, t=self.t.value)
        self.error = self.p.value - self.t.value
        self.value = (self.error**2).reshape(len(self.error), -1).sum(axis=1)

    def backward(self) -> None:
        grad = np.reshape(self.grad, (-1,) + (1,) * (self.error.ndim - 1))  # (B, 1, ...)
        delta = 2.0 * grad * self.error
        self.p.addgrad(delta)
        self.t.addgrad(-delta)


class BCE(CompNode):
    """Binary cross-entropy: value[b] = -sum_i (y[b, i] log p[b, i] + (1 - y[b, i]) log(1 - p[b, i])).

    Shapes: probabilities p (B,) or (B, n), and y the same, 0 or 1 or between -> (B,), in nats.
    Backward: p.grad = grad ((1 - y) / (1 - p) - y / p); a term whose weight is 0 is 0, also where p is 0 or 1.
    Raises: ShapeError where the shapes differ; DataError where y leaves 0 ... 1.
    """

    def __init__(self, p: Any, y: Any) -> None:
        super().__init__()
        self.p, self.y = as_operand(p), as_operand(y, floats=False)

    def forward(self) -> None:
        p, y = self.p.value, self.y.value.astype(self.p.value.dtype)
        require_same_shape("BCE", p=p, y=y)
        if y.min() < 0 or y.max() > 1:
            raise DataError(f"BCE: y is 0 or 1 (or a probability), but goes from {y.min()} to {y.max()}.")
        with np.errstate(divide="ignore"):
            surprise = -_weighted(y, np.log, p) - _weighted(1 - y, np.log, 1 - p)
        self.value = surprise.reshape(len(p), -1).sum(axis=1)

    def backward(self) -> None:
        p, y = self.p.value, self.y.value.astype(self.p.value.dtype)
        grad = np.reshape(self.grad, (-1,) + (1,) * (p.ndim - 1))
        with np.errstate(divide="ignore"):
            self.p.addgrad(grad * (_weighted(1 - y, np.reciprocal, 1 - p) - _weighted(y, np.reciprocal, p)))


def _weighted(weight: np.ndarray, f: Any, x: np.ndarray) -> np.ndarray:
    """Return weight * f(x), and 0 where the weight is 0, whatever f(x) is there."""
    weighted: np.ndarray = weight * np.where(weight > 0, f(x), 0.0)
    return weighted


def class_labels(node: str, y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the labels `y` as integers that can index the columns of `scores`.

    Raises: DataError or ShapeError, naming the entry, where they cannot.
    """
    n = scores.shape[-1]
    if scores.ndim != 2 or y.shape != scores.shape[:1]:
        raise ShapeError(
            f"{node}: one label for each row is needed, so shapes (B, n) and (B,), but they are {scores.shape} and "
            f"{y.shape}."
        )
    labels = y.astype(np.intp, copy=False)
    if y.dtype.kind not in "iu" and not np.array_equal(labels, y):
        at = int(np.argmax(labels != y))
        raise DataError(
            f"{node}: labels are class numbers, whole numbers from 0 to {n - 1}, but that of example {at} is {y[at]}."
        )
    if labels.astype(np.uintp).max() >= n:  # unsigned, a negative label is a very large one
        at = int(np.argmax((labels < 0) | (labels >= n)))
        raise DataError(
            f"{node}: label {labels[at]} of example {at} is out of range: {n} classes have labels 0 to {n - 1}."
        )
    return labels
