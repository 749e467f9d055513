"""Points for what is right: of several gradients, those that are, and what they do when they are added up and repeated.

A node with several operands owes each of them a gradient. One that is wrong costs its share of the points for the
gradient; what is asked of the others afterwards keeps its points where at least half of the gradients are right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.marking import SMALL, Comparison
from edf_course.hints import NOTHING

GRADIENT = "grad."


@dataclass(frozen=True)
class Gradients:
    """The gradients of a node by the names of their arrays: the right ones; and of the wrong ones those that were
    handed over as numbers of the right shape, which excuses them where they are asked for again."""

    right: frozenset[str] = frozenset()
    excused: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()

    @property
    def all_excused(self) -> bool:
        """Whether at least half of them are right, and what is not is at least an attempt."""
        return len(self.right) >= max(len(self.wrong), 1) and self.wrong == self.excused


def gradients_of(group: Sequence[Comparison]) -> Gradients:
    """Tell the right gradients from the wrong ones, from the comparisons of the aspect "gradient".

    Nothing counts as right where the value that was computed is wrong, or where there was an error.
    """
    if not all(c.fits for c in group if c.name == "value"):
        return Gradients()
    of: dict[str, list[Comparison]] = {}
    for c in group:
        if c.name.startswith(GRADIENT):
            of.setdefault(c.name, []).append(c)
    right = {n for n, cs in of.items() if all(c.fits for c in cs) and _is_something(c.right for c in cs)}
    wrong = set(of) - right
    excused = {n for n in wrong if all(_is_attempt(c) for c in of[n]) and _is_something(_got(of[n]))}
    return Gradients(frozenset(right), frozenset(excused), frozenset(wrong))


def share(points: int, gradients: Gradients) -> int:
    """Return the points for the gradients that are right, in whole points; never all of them."""
    count = len(gradients.right) + len(gradients.wrong)
    return points * len(gradients.right) // count if gradients.wrong else 0


def keeps(group: Sequence[Comparison], gradients: Gradients) -> bool:
    """Whether an aspect keeps its points although gradients are wrong: all the others are right here too."""
    if not gradients.all_excused:
        return False
    counted = [
        c for c in group if c.name.removesuffix(SECOND) not in gradients.excused and c.case.probe.mode != "same"
    ]  # where an operand is read twice by the same node, its gradient is the sum of a right and a wrong one
    shown = [c.right for c in counted if c.name.startswith(GRADIENT)]
    return all(c.fits for c in counted) and _is_something(shown)


def _is_attempt(c: Comparison) -> bool:
    return c.got is not None and c.got.shape == c.right.shape and bool(np.isfinite(c.got).all())


def _got(comparisons: Iterable[Comparison]) -> list[np.ndarray]:
    return [c.got for c in comparisons if c.got is not None]


def _is_something(arrays: Iterable[np.ndarray]) -> bool:
    """Whether there are numbers that are not just zero."""
    return any(float(np.abs(a).max(initial=0.0)) > max(NOTHING, SMALL * 1e-3) for a in arrays)
