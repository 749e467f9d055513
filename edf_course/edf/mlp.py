"""The multi-layer perceptron: parameter packages, a good start for them, and the procedure that stacks the layers.

Source: EDF slides, "MLP in EDF" and "Procedures in EDF".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from edf_course.edf.errors import ShapeError
from edf_course.edf.graph import Parameter
from edf_course.edf.nodes import Affine, Sigmoid


class ParameterPackage:
    """Parameters that belong together, as the matrix and the bias of one layer do."""


class AffineParams(ParameterPackage):
    """The parameters of one Affine node: `.w` (n_in, n_out) drawn by `xavier`, `.b` (n_out,) zeros.

    `rng` is a numpy.random.Generator or a seed; without one, each package starts differently.
    """

    def __init__(self, n_in: int, n_out: int, rng: np.random.Generator | int | None = None) -> None:
        self.w = Parameter(xavier((n_in, n_out), rng))
        self.b = Parameter(np.zeros(n_out))


def xavier(shape: Sequence[int], rng: np.random.Generator | int | None = None) -> np.ndarray:
    """Draw weights of `shape` (n_in, n_out), uniform with variance 1/n_in: sums keep the size of what goes in."""
    limit = np.sqrt(3.0 / np.prod(shape[:-1]))
    return np.random.default_rng(rng).uniform(-limit, limit, tuple(shape))


def MLP(Phi: Sequence[Any], x: Any, activation: Callable[[Any], Any] = Sigmoid) -> Any:
    """Stack Affine layers with `activation` between them, and return the node of the scores.

    Shapes: x (B, n_in) -> (B, n_out).
    `Phi` lists the packages as on the slides, from the output to the input: Phi[0] is applied last. The last layer is
    affine only: a softmax of sigmoids could not even be sure of one class in ten (at most 0.23), so this differs from
    the slides, where every layer ends in a sigmoid.
    Raises: ShapeError where two neighbours do not fit, with a word on the order.
    Source: EDF slides, "Procedures in EDF".
    """
    for later, earlier in pairwise(Phi):
        if later.w.value.shape[0] != earlier.w.value.shape[1]:
            raise ShapeError(
                f"MLP: a layer {earlier.w.value.shape} cannot feed a layer {later.w.value.shape}. Phi runs from the "
                "output to the input: is it the other way round?"
            )
    if not Phi:
        return x
    return Affine(Phi[0], _hidden(Phi[1:], x, activation))


def _hidden(Phi: Sequence[Any], x: Any, activation: Callable[[Any], Any]) -> Any:
    return x if not Phi else activation(Affine(Phi[0], _hidden(Phi[1:], x, activation)))
