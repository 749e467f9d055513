"""What comes of a submission, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

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
class SubmissionGrade:
    """What came of a submission.

    ungraded: why nothing could be graded, "" where it could. again: that was no fault of the submission, so the next
    run grades it again. mended, notes: for the instructor. jail: where it ran, "bubblewrap" or "none". notebook: what
    was run with its outputs, in JSON.
    """

    exercises: tuple[ExerciseGrade, ...]
    ungraded: str = ""
    mended: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    jail: str = "bubblewrap"
    seconds: float = 0.0
    notebook: str = ""
    again: bool = False

    @property
    def points(self) -> float:
        """The sum over the exercises."""
        return sum(e.points for e in self.exercises)
