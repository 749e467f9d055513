"""The public half of an exercise: what a student may know, and all that `check` needs. No derivative is in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edf_course.exercises.probes import Arrays

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Operand:
    """One thing that a node reads.

    name: as in the signature; "Phi.w" is the parameter w of the package Phi.
    axes: its axes by letter; "B n" is a batch of vectors.
    role: "real" (a node with a gradient), "parameter", "label" (integers 0 ... n-1), "target" (floats, no gradient).
    low, high: entries are drawn from here; "probability" rows are positive and sum to 1.
    """

    name: str
    axes: str
    role: str = "real"
    low: float = -2.0
    high: float = 2.0

    @property
    def has_gradient(self) -> bool:
        """Whether backward owes this operand a gradient."""
        return self.role in ("real", "probability", "parameter")


@dataclass(frozen=True)
class Example:
    """A published example: operands, and the value that forward gives (rounded to `digits` decimals)."""

    operands: Mapping[str, Sequence[Any]]
    value: Sequence[Any]
    says: str
    digits: int = 4


@dataclass(frozen=True)
class Statement:
    """What an exercise asks.

    id: "topic.name". signature: how the answer is called. kind: which answering function serves it ("node",
    "parameter", "backward_pass", "sgd", "mlp", "gradient", "jacobian", "value", "topological_order", and the optimizers by
    name). points: what a right answer is worth.
    operands, examples: see there; only nodes have them.
    """

    id: str
    title: str
    signature: str
    kind: str
    points: int
    operands: tuple[Operand, ...] = ()
    output_axes: str = "B n"
    examples: tuple[Example, ...] = ()
    away_from: float | None = None  # entries keep clear of this kink

    @property
    def name(self) -> str:
        """What a student would call the answer: the signature without its arguments."""
        return self.signature.split("(")[0]


def draw(statement: Statement, sizes: Sizes, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw operands for a node of the given sizes ({"B": 3, "n": 4}), and an "upstream" gradient of its output."""
    arrays = {o.name: _draw_operand(o, sizes, statement.away_from, rng) for o in statement.operands}
    arrays["upstream"] = rng.normal(size=_shape(statement.output_axes, sizes)) + 0.1
    return arrays


def _shape(axes: str, sizes: Sizes) -> tuple[int, ...]:
    return tuple(sizes[axis] for axis in axes.split())


def _draw_operand(o: Operand, sizes: Sizes, away_from: float | None, rng: np.random.Generator) -> np.ndarray:
    shape = _shape(o.axes, sizes)
    if o.role == "label":
        return rng.integers(0, sizes["n"], shape)
    if o.role == "probability":
        positive = rng.uniform(0.2, 1.0, shape)
        return positive / positive.sum(axis=-1, keepdims=True)
    drawn = rng.uniform(o.low, o.high, shape)
    if away_from is not None:
        drawn += 0.05 * np.where(drawn >= away_from, 1.0, -1.0)
    return drawn


def as_arrays(example: Example, statement: Statement) -> Arrays:
    """Return the operands of a published example as arrays of the right type, with ones as the upstream gradient."""
    roles = {o.name: o.role for o in statement.operands}
    arrays = {n: np.array(v, dtype=int if roles[n] == "label" else float) for n, v in example.operands.items()}
    arrays["upstream"] = np.ones(np.shape(example.value))
    return arrays
