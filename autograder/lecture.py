"""A lecture as the grader has it: plain data, so that it can be sent to any worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class HandIn:
    """A graded cell of the lecture: the exercise, the name that it hands in, its source and what it is worth."""

    grade_id: str
    exercise: str
    name: str
    source: str
    points: float


@dataclass(frozen=True)
class Lecture:
    """What the instructor has of a lecture: all that grading needs, as plain data.

    answers: by grade_id, the answer cells as they were released. locked: the grade_ids of the other cells that nobody
    may change (checks). skipped: the sources of the cells that are not needed for grading.
    """

    name: str
    hand_ins: tuple[HandIn, ...]
    answers: Mapping[str, str]
    locked: Mapping[str, str]
    skipped: frozenset[str]
    order: tuple[str, ...]
