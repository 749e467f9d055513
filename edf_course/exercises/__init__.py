"""The exercises by name: `statement("edf.sigmoid")` is what one asks, `LECTURES` says where they are set.

Here is the public half only; what is right is decided by the autograder, a distribution of its own.
"""

from __future__ import annotations

from difflib import get_close_matches

from edf_course.exercises import calculus, edf, optim, scalar
from edf_course.exercises.statement import Statement

_STATEMENTS = {s.id: s for s in (*edf.STATEMENTS, *calculus.STATEMENTS, *scalar.STATEMENTS, *optim.STATEMENTS)}

#: The exercises of each lecture, in the order in which they come.
LECTURES: dict[str, tuple[str, ...]] = {
    "04_edf": (
        "edf.sigmoid", "edf.addgrad", "edf.affine", "edf.backward_pass", "edf.sgd",
        "edf.softmax", "edf.logloss", "edf.mlp", "edf.gate", "edf.rms_norm",
    ),
}  # fmt: skip


class UnknownExercise(KeyError):
    """There is no exercise of that name; the message offers the nearest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


def statement(exercise: str) -> Statement:
    """Return what the exercise of that id asks.

    Raises: UnknownExercise, with the nearest names.
    """
    if exercise not in _STATEMENTS:
        near = get_close_matches(str(exercise), _STATEMENTS, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(sorted(_STATEMENTS))}."
        raise UnknownExercise(f"There is no exercise {exercise!r}. {hint}")
    return _STATEMENTS[exercise]


def statements() -> tuple[Statement, ...]:
    """Return all exercises, in no particular order."""
    return tuple(_STATEMENTS.values())
