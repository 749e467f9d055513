"""Nodes that add up or rearrange the features of each example. The batch, axis 0, is never touched.

Their gradients only travel: spread out behind a sum, turned back behind a reshape, cut apart behind a concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edf_course.edf.errors import DataError, GraphError, ShapeError
from edf_course.edf.graph import CompNode, as_operand


class Sum(CompNode):
    """Add up features: y[b] = sum_i x[b, i], over `axis`, or over all axes but the batch.

    Shapes: x (B, ...) -> y (B, ...) without the axis, or (B,).
    Backward: every x that went into a sum gets the sum's gradient.
    Raises: ShapeError for axis 0: the batch is averaged in one place, the parameters.
    """

    def __init__(self, x: Any, axis: int | None = None) -> None:
        super().__init__()
        self.x, self.axis = as_operand(x), axis

    def forward(self) -> None:
        self.value = self.x.value.sum(axis=self._axes())

    def backward(self) -> None:
        self.x.addgrad(self._spread(self.grad))

    def _axes(self) -> tuple[int, ...]:
        """Return the axes that are summed over, counted from the front."""
        ndim = self.x.value.ndim
        if self.axis is None:
            return tuple(range(1, ndim))
        if not -ndim <= self.axis < ndim or self.axis % ndim == 0:
            raise ShapeError(
                f"{type(self).__name__}: axis {self.axis} of a value of shape {self.x.value.shape}: features are axes "
                f"1 to {ndim - 1}; the batch, axis 0, stays (parameters average over it)."
            )
        return (self.axis % ndim,)

    def _spread(self, g: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.expand_dims(g, self._axes()), self.x.value.shape)


class Mean(Sum):
    """Average features: y[b] = the mean of x[b, i] over `axis`, or over all axes but the batch.

    Shapes: x (B, ...) -> y (B, ...) without the axis, or (B,).
    Backward: every x gets its share, 1/n of the mean's gradient.
    Raises: as Sum.
    """

    def forward(self) -> None:
        self.value = self.x.value.mean(axis=self._axes())

    def backward(self) -> None:
        n = self.x.value.size // self.value.size
        self.x.addgrad(self._spread(self.grad / n))


class Reshape(CompNode):
    """Give the features of each example another shape: (B, ...) -> (B, *shape); one entry may be -1.

    Backward: the gradient, reshaped back.
    Raises: ShapeError where the number of features differs.
    """

    def __init__(self, x: Any, shape: Sequence[int]) -> None:
        super().__init__()
        self.x, self.shape = as_operand(x), tuple(shape)

    def forward(self) -> None:
        x = self.x.value
        try:
            self.value = x.reshape(len(x), *self.shape).copy()  # a copy: nothing written into it reaches x
        except ValueError:
            raise ShapeError(f"Reshape: the features {x.shape[1:]} cannot take the shape {self.shape}.") from None

    def backward(self) -> None:
        self.x.addgrad(self.grad.reshape(self.x.value.shape))


class Concat(CompNode):
    """Lay nodes side by side along a feature axis, the last unless told otherwise.

    Shapes: (B, n1), (B, n2), ... -> (B, n1 + n2 + ...).
    Backward: each node gets its part of the gradient; a node that is in the list twice gets both parts.
    Raises: GraphError for an empty list; ShapeError where the other axes differ, or for axis 0.
    """

    def __init__(self, nodes: Sequence[Any], axis: int = -1) -> None:
        super().__init__()
        self.nodes, self.axis = [as_operand(node) for node in nodes], axis
        if not self.nodes:
            raise GraphError("Concat: the list of nodes is empty.")

    def forward(self) -> None:
        values = [node.value for node in self.nodes]
        if self.axis % values[0].ndim == 0:
            raise ShapeError("Concat: axis 0 is the batch; features are laid side by side along another axis.")
        try:
            self.value = np.concatenate(values, axis=self.axis)
        except ValueError:
            shapes = ", ".join(str(v.shape) for v in values)
            raise ShapeError(f"Concat along axis {self.axis}: the other axes must agree, but are {shapes}.") from None

    def backward(self) -> None:
        ends = np.cumsum([node.value.shape[self.axis] for node in self.nodes])
        for node, part in zip(self.nodes, np.split(self.grad, ends[:-1], axis=self.axis), strict=True):
            node.addgrad(part)


class Embedding(CompNode):
    """Look rows up in a table: y[b] = table[index[b]].

    Shapes: table, a Parameter (V, d), and index (B,) or (B, T) with integers 0 ... V-1 -> (B, d) or (B, T, d).
    Backward: a row's gradient is the sum over all places where it was looked up, divided by B; rows that were not
    looked up get 0. (A plain `table.grad[index] += g` would count a row that is looked up twice only once.)
    Raises: ShapeError or DataError for an index that is none.
    """

    def __init__(self, table: Any, index: Any) -> None:
        super().__init__()
        self.table, self.index = table, as_operand(index, floats=False)

    def forward(self) -> None:
        self.rows = row_numbers(self.index.value, len(self.table.value))
        self.value = self.table.value[self.rows]

    def backward(self) -> None:
        gradient = np.zeros_like(self.table.value)
        np.add.at(gradient, self.rows, self.grad)
        self.table.addgrad_mean(gradient / len(self.rows))


def row_numbers(index: np.ndarray, n_rows: int) -> np.ndarray:
    """Return `index` as integers that can pick rows of a table.

    Raises: DataError, naming the entry, where it cannot.
    """
    rows = index.astype(int)
    if not np.array_equal(rows, index):
        raise DataError(f"Embedding: an index is a whole number, but there is {index[rows != index].flat[0]}.")
    if rows.min() < 0 or rows.max() >= n_rows:
        wrong = rows[(rows < 0) | (rows >= n_rows)].flat[0]
        raise DataError(f"Embedding: index {wrong} is out of range: the table has rows 0 to {n_rows - 1}.")
    return rows
