"""nbgrader's gradebook, through nbgrader's own API: the one place that writes points, and the one that reads them.

A submission is written in one transaction. What people enter meanwhile in formgrader (points by hand, comments, extra
credit) stays: only columns that belong to automatic grading are written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nbgrader.api import (
    Grade,
    Gradebook,
    InvalidEntry,
    MissingEntry,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import case
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import selectinload

from autograder.course import Course, CourseError
from autograder.grades import SubmissionGrade

PATIENCE = 60.0  # seconds that another program may keep the gradebook locked


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
    with _opened(course) as gradebook:
        try:
            assignment = gradebook.find_assignment(lecture)
        except MissingEntry:
            return {}
        notebooks = selectinload(SubmittedAssignment.notebooks)
        found = gradebook.db.query(SubmittedAssignment).filter_by(assignment_id=assignment.id)
        return {
            submission.student_id: Standing(
                scores={g.cell.name: _score(g) for notebook in submission.notebooks for g in notebook.grades},
                total=max(0.0, submission.score - (submission.late_submission_penalty or 0.0)),
                max_total=submission.max_score,
            )
            for submission in found.options(notebooks.selectinload(SubmittedNotebook.grades).joinedload(Grade.cell))
        }


def _score(grade: Grade) -> Score:
    given = grade.manual_score is not None or grade.auto_score is not None
    return Score(grade.score if given else None, grade.max_score, grade.manual_score is not None)


def knows(course: Course, lecture: str) -> bool:
    """Whether the gradebook has the cells of the lecture, without which nothing of it can be graded."""
    with _opened(course) as gradebook:
        try:
            gradebook.find_notebook(lecture, lecture)
        except MissingEntry:
            return False
        return True


def _opened(course: Course) -> Gradebook:
    directory = course.directory()
    return Gradebook(directory.db_url, directory.course_id)


class Writer:
    """Writes what came of submissions to a lecture, each in one transaction. A context manager."""

    def __init__(self, course: Course, lecture: str) -> None:
        self.lecture = lecture
        self.directory = course.directory(assignment_id=lecture)
        self.penalties = AssignLatePenalties(config=course.config)
        self.penalties.init_plugin()
        self._gradebook: Gradebook | None = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, student: str, grade: SubmissionGrade, unanswered: Collection[str], penalty: float | None) -> float:
        """Write the points of a submission, and what it costs that it is late; returns the latter.

        unanswered: the answer cells that are as they were released. penalty: what was written the last time; where the
        gradebook says otherwise by now, somebody has entered that, and it stays.
        Raises: CourseError where the gradebook cannot be written; then nothing of the submission is.
        """
        return self._patiently(lambda gradebook: self._write(gradebook, student, grade, unanswered, penalty))

    def clear(self, student: str) -> None:
        """Take back automatic points: what was handed in last cannot be graded. What people entered stays.

        Raises: CourseError where the gradebook cannot be written.
        """
        self._patiently(lambda gradebook: self._clear(gradebook, student))

    def _write(
        self, gradebook: Gradebook, student: str, graded: SubmissionGrade, unanswered: Collection[str],
        penalty: float | None,
    ) -> float:  # fmt: skip
        gradebook.update_or_create_student(student)
        folder = self.directory.format_path(self.directory.submitted_directory, student, self.lecture)
        timestamp = self.directory.get_existing_timestamp(folder)
        when = {"timestamp": timestamp} if timestamp else {}
        submission = gradebook.update_or_create_submission(self.lecture, student, **when)
        notebook = gradebook.find_submission_notebook(self.lecture, self.lecture, student)
        by_cell = {e.grade_id: e for e in graded.exercises}
        for grade in notebook.grades:
            exercise = by_cell.get(grade.cell.name)
            points = exercise.points if exercise else None if grade.cell.max_score else 0.0
            look = points is None or bool(exercise and exercise.verdict and exercise.verdict.flagged)
            grade.auto_score = points
            # of what people have given points for, they shall see that it was graded again
            grade.needs_manual_grade = case((Grade.manual_score.is_not(None), True), else_=look)
        for comment in notebook.comments:
            comment.auto_comment = "No response." if comment.cell.name in unanswered else None
        gradebook.db.flush()
        gradebook.db.refresh(notebook)
        if (notebook.late_submission_penalty or 0.0) != (penalty or 0.0):
            return penalty or 0.0
        late = self._late_penalty(student, notebook.score, submission.total_seconds_late)
        if late != (penalty or 0.0):
            notebook.late_submission_penalty = late
        return late

    def _late_penalty(self, student: str, points: float, seconds: float) -> float:
        """What a submission loses for being late, by the course's plugin: at most what it has."""
        if seconds <= 0:
            return 0.0
        penalty = self.penalties.plugin_inst.late_submission_penalty(student, points, seconds)
        return min(max(float(penalty or 0.0), 0.0), points)

    def _clear(self, gradebook: Gradebook, student: str) -> float:
        try:
            notebook = gradebook.find_submission_notebook(self.lecture, self.lecture, student)
        except MissingEntry:
            return 0.0
        for grade in notebook.grades:
            grade.auto_score, grade.needs_manual_grade = None, True
        return 0.0

    def _patiently(self, work: Callable[[Gradebook], float]) -> float:
        """Do the work in one transaction; again and again where another program has the gradebook locked."""
        until = time.monotonic() + PATIENCE
        pause = 0.05
        while True:
            try:
                gradebook = self._open()
                with _one_transaction(gradebook):
                    return work(gradebook)
            except (OperationalError, InvalidEntry) as error:
                self._close()
                if not _passes(error):
                    raise CourseError(f"The gradebook cannot be written: {_first_line(error)}. {GO_ON}") from error
                if time.monotonic() > until:
                    raise CourseError(f"Another program keeps the gradebook locked. {GO_ON}") from error
            except DBAPIError as error:
                self._close()
                raise CourseError(f"The gradebook cannot be written: {_first_line(error)}. {GO_ON}") from error
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _open(self) -> Gradebook:
        if self._gradebook is None:
            self._gradebook = Gradebook(self.directory.db_url, self.directory.course_id)
        return self._gradebook

    def _close(self) -> None:
        if self._gradebook is not None:
            gradebook, self._gradebook = self._gradebook, None
            gradebook.close()


GO_ON = "What was graded before stays graded; when that is put right, run the same command again and it goes on."


@contextmanager
def _one_transaction(gradebook: Gradebook) -> Iterator[None]:
    """Make one transaction of what nbgrader commits in many steps; and forget, afterwards, what was read for it."""
    session: Any = gradebook.db()
    commit, session.commit = session.commit, session.flush
    try:
        yield
        commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        del session.commit
        session.expunge_all()


def _passes(error: Exception) -> bool:
    """Whether it may go well the next time: somebody else was writing, or the server was away."""
    if isinstance(error, InvalidEntry):  # the same student or submission was entered by somebody else meanwhile
        return True
    said = str(error).lower()
    return any(word in said for word in ("locked", "deadlock", "connection", "serialize"))


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
