"""The private half of every exercise, by id."""

from __future__ import annotations

from autograder.exercise import Exercise
from autograder.exercises import calculus, core, edf, elementwise, optim, rows, scalar
from edf_course.exercises import statement

_EXERCISES = {e.id: e for topic in (elementwise, rows, edf, core, calculus, scalar, optim) for e in topic.EXERCISES}


def exercise(exercise_id: str) -> Exercise:
    """Return the private half of the exercise of that id.

    Raises: UnknownExercise, with the nearest names.
    """
    statement(exercise_id)
    return _EXERCISES[exercise_id]


def exercises() -> tuple[Exercise, ...]:
    """Return all of them."""
    return tuple(_EXERCISES.values())
