"""What stands in a gradebook, row by row, as plain data; and grades made up, to write into one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from nbgrader.api import Gradebook, SubmittedAssignment

from autograder.course import Course
from autograder.submission.grades import ExerciseGrade, SubmissionGrade
from autograder.verdict import Verdict
from tests.autograder.mini import MINI, MINI_EXERCISES

CELLS = ("sigmoid", "gate")


def rows(course: Course) -> dict[str, Any]:
    """All that the gradebook has of the small lecture: by student, each column that grading or people write.

    A student with two submissions, or a cell with two grades, is an error.
    """
    found: dict[str, Any] = {}
    with Gradebook(course.directory().db_url) as gradebook:
        assignment = gradebook.find_assignment(MINI)
        for submission in gradebook.db.query(SubmittedAssignment).filter_by(assignment_id=assignment.id):
            assert submission.student_id not in found
            (notebook,) = submission.notebooks
            assert sorted(g.name for g in notebook.grades) == sorted(
                f"{c}-{e}" for c in CELLS for e in ("check", "hand-in")
            )
            assert sorted(c.name for c in notebook.comments) == sorted(CELLS)
            found[submission.student_id] = {
                "timestamp": submission.timestamp,
                "penalty": notebook.late_submission_penalty or 0.0,
                "score": notebook.score,
                "grades": {
                    g.name: (g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade)
                    for g in notebook.grades
                },
                "comments": {c.name: (c.auto_comment, c.manual_comment) for c in notebook.comments},
            }
    return found


def points(course: Course) -> dict[str, tuple[float | None, ...]]:
    """The automatic points of each student, exercise by exercise."""
    return {
        student: tuple(row["grades"][f"{cell}-hand-in"][0] for cell in CELLS) for student, row in rows(course).items()
    }


def a_grade(
    sigmoid: float = 6.0, gate: float = 8.0, unanswered: Collection[str] = (), flagged: Collection[str] = ()
) -> SubmissionGrade:
    """What may come of a submission to the small lecture."""
    given = dict(zip(CELLS, (sigmoid, gate), strict=True))
    why = dict.fromkeys(flagged, "looks copied")
    return SubmissionGrade(
        tuple(
            ExerciseGrade(
                exercise, f"{cell}-hand-in", given[cell], 8.0,
                Verdict(exercise, given[cell], 8.0, False, None, "", {}, flagged=why.get(cell)),
            )
            for cell, exercise in zip(CELLS, MINI_EXERCISES, strict=True)
        ),
        notebook='{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        scores={f"{cell}-hand-in": given[cell] for cell in CELLS} | {f"{cell}-check": 0.0 for cell in CELLS},
        unanswered=tuple(unanswered),
    )  # fmt: skip
