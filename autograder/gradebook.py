"""What nbgrader's gradebook says of a lecture, through nbgrader's own API: nothing else here reads points."""

from __future__ import annotations

from dataclasses import dataclass

from nbgrader.api import Grade, Gradebook, MissingEntry

from autograder.course import Course


@dataclass(frozen=True)
class Score:
    """The points of one graded cell: given by hand where somebody did, else by the judge; None where by nobody."""

    points: float | None
    max_points: float
    by_hand: bool


@dataclass(frozen=True)
class Standing:
    """What a student has for a lecture: the score of each graded cell by its grade_id, and the sum of it all.

    `total` counts extra credit, and what a late submission costs.
    """

    scores: dict[str, Score]
    total: float
    max_total: float


def standings(course: Course, lecture: str) -> dict[str, Standing]:
    """What each student has for the lecture; nothing for those whom the gradebook does not know."""
    with Gradebook(course.directory().db_url) as gradebook:
        try:
            assignment = gradebook.find_assignment(lecture)
        except MissingEntry:
            return {}
        return {
            submission.student_id: Standing(
                scores={grade.name: _score(grade) for notebook in submission.notebooks for grade in notebook.grades},
                total=max(0.0, submission.score - (submission.late_submission_penalty or 0.0)),
                max_total=submission.max_score,
            )
            for submission in assignment.submissions
        }


def _score(grade: Grade) -> Score:
    given = grade.manual_score is not None or grade.auto_score is not None
    return Score(grade.score if given else None, grade.max_score, grade.manual_score is not None)


def knows(course: Course, lecture: str) -> bool:
    """Whether the gradebook has the cells of the lecture, without which nothing of it can be graded."""
    with Gradebook(course.directory().db_url) as gradebook:
        try:
            gradebook.find_notebook(lecture, lecture)
        except MissingEntry:
            return False
        return True
