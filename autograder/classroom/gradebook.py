"""nbgrader's gradebook, through nbgrader's own API: the one place that writes points, and the one that reads them.

A submission is written in one transaction. What people enter meanwhile in formgrader (points by hand, comments, extra
credit) stays: only columns that belong to automatic grading are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from nbgrader.api import Assignment, Comment, Grade, Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import case
from sqlalchemy.orm import joinedload, selectinload

from autograder.classroom.database import Database
from autograder.course import Course
from autograder.submission.grades import SubmissionGrade


@dataclass(frozen=True)
class Score:
    """The points of one graded cell: given by hand where somebody did, else by the judge; None where by nobody."""

    points: float | None
    max_points: float
    by_hand: bool


@dataclass(frozen=True)
class Standing:
    """What a student has for a lecture: the score of each graded cell by its grade_id, and the sum of it all.

    `total` counts extra credit, and `late`, which is what a late submission costs. comments: by the cell's grade_id.
    """

    scores: dict[str, Score]
    total: float
    max_total: float
    late: float
    comments: dict[str, str]


def standings(course: Course, lecture: str) -> dict[str, Standing]:
    """What each student has for the lecture; nothing for those whom the gradebook does not know.

    Raises: CourseError where it cannot be read.
    """

    def read(gradebook: Gradebook) -> dict[str, Standing]:
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
                late=submission.late_submission_penalty or 0.0,
                comments={c.cell.name: c.comment or "" for notebook in submission.notebooks for c in notebook.comments},
            )
            for submission in found.options(
                notebooks.selectinload(SubmittedNotebook.grades).joinedload(Grade.cell),
                notebooks.selectinload(SubmittedNotebook.comments).joinedload(Comment.cell),
            )
        }

    with Database(course) as database:
        return database.do(read)


def _score(grade: Grade) -> Score:
    given = grade.manual_score is not None or grade.auto_score is not None
    return Score(grade.score if given else None, grade.max_score, grade.manual_score is not None)


def knows(course: Course, lecture: str) -> bool:
    """Whether the gradebook has the cells of the lecture, without which nothing of it can be graded.

    Raises: CourseError where it cannot be read.
    """

    def read(gradebook: Gradebook) -> bool:
        try:
            gradebook.find_notebook(lecture, lecture)
        except MissingEntry:
            return False
        return True

    with Database(course) as database:
        return database.do(read)


def scored(course: Course, lecture: str) -> set[str]:
    """The students for whom the gradebook has automatic points in the lecture.

    Raises: CourseError where it cannot be read.
    """

    def read(gradebook: Gradebook) -> set[str]:
        submissions = gradebook.db.query(SubmittedAssignment.student_id).join(SubmittedAssignment.assignment)
        grades = submissions.join(SubmittedAssignment.notebooks).join(SubmittedNotebook.grades)
        found = grades.filter(Assignment.name == lecture, Grade.auto_score.is_not(None)).distinct()
        return {student for (student,) in found}

    with Database(course) as database:
        return database.do(read)


class Writer:
    """Writes what came of submissions to a lecture, each in one transaction. A context manager."""

    def __init__(self, course: Course, lecture: str) -> None:
        self.lecture = lecture
        self.database = Database(course)
        self.penalties = AssignLatePenalties(config=course.config)
        self.penalties.init_plugin()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def write(self, student: str, graded: SubmissionGrade, penalty: float | None) -> float:
        """Write the points of a submission, and what it costs that it is late; returns the latter.

        penalty: what was written the last time, if that is known. Where the gradebook has another one, which does not
        follow from the points in it either, somebody has entered that, and it stays.
        Raises: CourseError where the gradebook cannot be written; then nothing of the submission is.
        """
        return self.database.do(lambda gradebook: self._write(gradebook, student, graded, penalty))

    def clear(self, student: str, penalty: float | None) -> None:
        """Enter a submission without automatic points: it cannot be graded. What people entered stays.

        Raises: CourseError where the gradebook cannot be written.
        """
        self.database.do(lambda gradebook: self._clear(gradebook, student, penalty))

    def _write(self, gradebook: Gradebook, student: str, graded: SubmissionGrade, penalty: float | None) -> float:
        automatic = self._automatic_penalties(gradebook, student, penalty)
        self._enter(gradebook, student)
        notebook = self._locked(gradebook, student)
        flagged = {e.grade_id for e in graded.exercises if e.verdict and e.verdict.flagged}
        self._set_scores(gradebook, notebook, graded.scores, flagged)
        for comment in gradebook.db.query(Comment).filter_by(notebook_id=notebook.id).options(joinedload(Comment.cell)):
            comment.auto_comment = "No response." if comment.cell.name in graded.unanswered else None
        gradebook.db.flush()  # from here on nobody else can write, in SQLite either
        gradebook.db.expire_all()
        if (notebook.late_submission_penalty or 0.0) not in automatic:
            return penalty or 0.0
        late = self._penalty_for(notebook)
        if late != (notebook.late_submission_penalty or 0.0):
            notebook.late_submission_penalty = late
        return late

    def _clear(self, gradebook: Gradebook, student: str, penalty: float | None) -> None:
        automatic = self._automatic_penalties(gradebook, student, penalty)
        self._enter(gradebook, student)
        notebook = self._locked(gradebook, student)
        for grade in notebook.grades:
            grade.auto_score, grade.needs_manual_grade = None, True
        for comment in notebook.comments:
            comment.auto_comment = None
        gradebook.db.flush()
        gradebook.db.expire_all()
        if notebook.late_submission_penalty and notebook.late_submission_penalty in automatic:
            notebook.late_submission_penalty = None

    def _enter(self, gradebook: Gradebook, student: str) -> None:
        """Let the gradebook know the student, and when the submission was handed in, where that is written down."""
        gradebook.update_or_create_student(student)
        directory = self.database.directory
        when: dict[str, datetime] = {}
        with suppress(OSError, ValueError, OverflowError, AttributeError):  # the last is nbgrader's way to say no
            folder = directory.format_path(directory.submitted_directory, student, self.lecture)
            timestamp = directory.get_existing_timestamp(folder)
            when = {"timestamp": timestamp} if timestamp else {}
        gradebook.update_or_create_submission(self.lecture, student, **when)

    def _locked(self, gradebook: Gradebook, student: str) -> SubmittedNotebook:
        """A student's notebook, which (where the database can do that) nobody else writes until this is done."""
        notebook = gradebook.find_submission_notebook(self.lecture, self.lecture, student)
        gradebook.db.refresh(notebook, ["flagged"], with_for_update={"key_share": True})
        return notebook

    def _set_scores(
        self, gradebook: Gradebook, notebook: SubmittedNotebook, scores: Mapping[str, float | None], flagged: set[str]
    ) -> None:
        for grade in gradebook.db.query(Grade).filter_by(notebook_id=notebook.id).options(joinedload(Grade.cell)):
            points = scores.get(grade.cell.name)
            grade.auto_score = points
            look = points is None or grade.cell.name in flagged
            # of what people have given points for, they shall see that it was graded again
            grade.needs_manual_grade = case((Grade.manual_score.is_not(None), True), else_=look)

    def _automatic_penalties(self, gradebook: Gradebook, student: str, penalty: float | None) -> set[float]:
        """The late penalties that nobody has entered: what was written the last time, and what the points come to."""
        known = set() if penalty is None else {penalty}
        try:
            notebook = gradebook.find_submission_notebook(self.lecture, self.lecture, student)
        except MissingEntry:
            return known | {0.0}
        return known | {self._penalty_for(notebook)}

    def _penalty_for(self, notebook: SubmittedNotebook) -> float:
        """What a submission loses for being late, by the course's plugin: at most what it has."""
        submission = notebook.assignment
        due = submission.assignment.duedate is not None  # else an extension alone would be an error in nbgrader
        seconds = submission.total_seconds_late if due else 0.0
        if seconds <= 0:
            return 0.0
        penalty = self.penalties.plugin_inst.late_submission_penalty(submission.student_id, notebook.score, seconds)
        return min(max(float(penalty or 0.0), 0.0), notebook.score)
