"""What comes of a submission, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder.verdict import Verdict


@dataclass(frozen=True)
class ExerciseGrade:
    """What an exercise got: the verdict, or the reason why there is none (then `points` is 0)."""

    exercise: str
    grade_id: str
    points: float
    max_points: float
    verdict: Verdict | None = None
    reason: str = ""
    restored: bool = False


@dataclass(frozen=True)
class TestGrade:
    """What a test cell with asserts of its own got, by nbgrader's rules."""

    grade_id: str
    points: float
    max_points: float


@dataclass(frozen=True)
class SubmissionGrade:
    """What came of a submission.

    ungraded: why nothing could be graded, "" where it could. again: that was no fault of the submission, so the next
    run grades it again. mended, notes: for the instructor. jail: where it ran, "bubblewrap" or "none". notebook: the
    autograded notebook, in JSON. tests: the graded cells that are no exercises of this course. scores: of each graded
    cell, by grade_id, its automatic score as nbgrader would have it; None where a human has to look. unanswered: the
    answer cells that are as they were released. files: what the notebook wrote into its folder, where that was wanted.
    """

    exercises: tuple[ExerciseGrade, ...]
    ungraded: str = ""
    mended: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    jail: str = "bubblewrap"
    seconds: float = 0.0
    notebook: str = ""
    again: bool = False
    tests: tuple[TestGrade, ...] = ()
    scores: Mapping[str, float | None] = field(default_factory=dict)
    unanswered: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def points(self) -> float:
        """The sum over the exercises and tests."""
        return sum(e.points for e in self.exercises) + sum(t.points for t in self.tests)
