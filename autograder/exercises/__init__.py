"""The private half of every exercise, by id."""

from __future__ import annotations

from autograder.exercise import Exercise
from autograder.exercises import calculus, core, edf, elementwise, optim, rows, scalar
from autograder.submission.lecture import Lecture
from edf_course.exercises import statement

_EXERCISES = {e.id: e for topic in (elementwise, rows, edf, core, calculus, scalar, optim) for e in topic.EXERCISES}


def exercise(exercise_id: str) -> Exercise:
    """Return the private half of the exercise of that id.

    Raises: UnknownExercise, with the nearest names.
    """
    statement(exercise_id)
    return _EXERCISES[exercise_id]


def needs_torch(lecture: Lecture) -> bool:
    """Whether one of the lecture's exercises is about torch: then its submissions get a jail with torch in it."""
    return any(exercise(hand_in.exercise).torch for hand_in in lecture.hand_ins)


def exercises() -> tuple[Exercise, ...]:
    """Return all of them."""
    return tuple(_EXERCISES.values())
