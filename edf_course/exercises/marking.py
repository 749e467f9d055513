"""Holding answers against what is right: the same for `check` (right by finite differences) and for the judge.

A `Case` is a probe with the arrays that a right answer gives. `mark` compares names with names, array by array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edf_course.exercises.probes import Answer, Arrays, Failure, Probe

SMALL = 0.05  # where all that is right is smaller, it is the rest of terms that cancel, with their rounding
UNCHANGED = 1e-9  # what putting a value back may leave of rounding
TOLERANCE = 1e-5  # of the largest entry: float32 passes, a factor of 1.0001 does not


@dataclass(frozen=True)
class Context:
    """What a misconception may compute its wrong numbers from: the operands, y, the upstream g, and the true vjp."""

    operands: Arrays
    y: np.ndarray
    g: np.ndarray
    vjp: Callable[[np.ndarray], Arrays]  # upstream -> the right gradient of each operand (parameters: mean over batch)
    parameters: frozenset[str] = frozenset()
    vjp_at_output: Callable[[np.ndarray], Arrays] | None = None  # the same with y in the place of the only operand
    at: Callable[[Arrays], Context] | None = None  # all of it with other operands, where the truth can be asked

    @property
    def B(self) -> int:
        """The batch size."""
        return len(self.g)

    def __getattr__(self, name: str) -> np.ndarray:
        for operand, array in object.__getattribute__(self, "operands").items():
            if operand.split(".")[-1] == name:
                return array
        raise AttributeError(name)


@dataclass(frozen=True)
class Case:
    """A probe, what a right answer to it is, and which aspect of the exercise it is about.

    right: for each pass, the arrays by name. aspects: the aspect of a name where it is not `aspect`.
    contexts: for each pass, where misconceptions can be computed. fallback: the misconception to name where this case
    fails, though plain gradients are right, and nothing explains the numbers. alternatives: by misconception, the
    arrays that it would give, in one or several variants (of several kinds of the same misconception, each says its
    kind after a colon). gentle: numbers of everyday size, in which mistakes are looked for.
    tolerance: an absolute one, where what is right is known to so many decimals only. sentences: by misconception, what
    to say of it here. about: for each pass, the words that say what was asked ("For a * b at a = 2:"). derive: turns the
    arrays that came into those that are compared, where more than one answer is right. again: from another probe of the
    same mode to the case that asks it; the judge looks for a small one with it.
    """

    aspect: str
    probe: Probe
    right: tuple[Arrays, ...]
    aspects: Mapping[str, str] = field(default_factory=dict)
    contexts: tuple[Context | None, ...] = ()
    fallback: str | None = None
    alternatives: Mapping[str, tuple[tuple[Arrays, ...], ...]] = field(default_factory=dict)
    gentle: bool = True
    tolerance: float | None = None
    sentences: Mapping[str, str] = field(default_factory=dict)
    about: tuple[str, ...] = ()
    derive: Callable[[Arrays], Arrays] | None = None
    again: Callable[[Probe], Case] | None = None

    def aspect_of(self, name: str) -> str:
        """Which aspect the array `name` belongs to."""
        return self.aspects.get(name, self.aspect)


@dataclass(frozen=True)
class Comparison:
    """One array of one pass: what came (None where nothing did) and what is right."""

    case: Case
    name: str
    number: int
    got: np.ndarray | None
    right: np.ndarray
    failure: Failure | None

    @property
    def fits(self) -> bool:
        """Whether what came is right."""
        if self.got is None:
            return False
        if self.name.startswith("changed."):
            return bool(np.isfinite(self.got).all() and np.abs(self.got).max(initial=0.0) <= UNCHANGED)
        if self.case.tolerance is not None:
            near = self.got.shape == self.right.shape and np.abs(self.got - self.right) <= self.case.tolerance
            return bool(np.all(near))
        return close(self.got, self.right)

    @property
    def aspect(self) -> str:
        """The aspect that this array belongs to."""
        return self.case.aspect_of(self.name)

    @property
    def context(self) -> Context | None:
        """Where misconceptions can be computed, or None."""
        return self.case.contexts[self.number] if self.case.contexts else None


def close(got: np.ndarray, right: np.ndarray, tolerance: float = TOLERANCE) -> bool:
    """Whether `got` has the shape of `right` and each entry is right to `tolerance` of right's largest entry."""
    if got.shape != right.shape or not np.isfinite(got).all():
        return False
    if np.iscomplexobj(got):
        return False
    scale = max(float(np.abs(right).max(initial=0.0)), SMALL)
    with np.errstate(over="ignore"):
        return bool((np.abs(got.astype(float) - right) <= tolerance * scale).all())


def mark(cases: Sequence[Case], answers: Sequence[Answer]) -> list[Comparison]:
    """Compare each answer with its case, array by array, in order."""
    return [c for case, answer in zip(cases, answers, strict=True) for c in _compare(case, answer)]


def _compare(case: Case, answer: Answer) -> Iterator[Comparison]:
    for number, right in enumerate(case.right):
        arrays = answer.passes[number] if number < len(answer.passes) else {}
        if case.derive is not None:
            arrays = case.derive(arrays)
        for name, array in right.items():
            got = arrays.get(name)
            failure = answer.failure if got is None else None
            yield Comparison(case, name, number, got, np.asarray(array), failure)


def worst_entry(got: np.ndarray, right: np.ndarray) -> tuple[int, ...]:
    """Return where two arrays of one shape differ most, NaN counting as most of all."""
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(got.astype(float) - right)
    return tuple(
        int(i) for i in np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), right.shape)
    )
