"""What came of a graded class: points from the gradebook, and what was wrong from the graded notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nbformat

from autograder.classroom.gradebook import Score, standings
from autograder.classroom.journal import Journal
from autograder.course import Course
from autograder.release.release import exercise_of
from autograder.submission.lecture import RESTORED
from edf_course.handin import VERDICT

PUT_BACK = "The answer's cell was missing from the submission, and was put back as it was released."

Json = dict[str, Any]


@dataclass(frozen=True)
class ExerciseResult:
    """What a student got for one exercise. points is None where it was not graded; sentence says what was wrong.

    flagged: the evidence that the answer is no derivation of its own; somebody should look. by_hand: points that
    somebody gave.
    """

    exercise: str
    points: float | None
    max_points: float
    misconception: str | None = None
    sentence: str = ""
    flagged: str = ""
    by_hand: bool = False


@dataclass(frozen=True)
class StudentResult:
    """What came of one submission; `ungraded` says why it could not be graded, and is empty where it was.

    mended: what had to be put right before it could be graded, and notes: what happened while it ran; a sentence each.
    jailed: False where it ran without a jail.
    """

    student: str
    exercises: tuple[ExerciseResult, ...]
    total: float | None
    max_total: float
    ungraded: str = ""
    mended: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    jailed: bool = True


def results(course: Course, lecture: str, students: Iterable[str]) -> list[StudentResult]:
    """What came out: points as the gradebook has them, by hand or by the judge, and what was wrong."""
    graded_cells = _graded_cells(course, lecture)
    journal, known = Journal(course, lecture), standings(course, lecture)
    found = []
    for student in students:
        ungraded = one_line(journal.get(student, "ungraded") or "")
        standing, path = known.get(student), course.notebook("autograded", lecture, student)
        if ungraded or standing is None or not path.is_file():
            nothing = tuple(ExerciseResult(exercise, None, 0.0) for exercise in graded_cells.values())
            found.append(StudentResult(student, nothing, None, 0.0, ungraded or "it was not graded yet"))
            continue
        notebook = json.loads(path.read_bytes())
        cells = {c["metadata"].get("nbgrader", {}).get("grade_id"): c for c in notebook["cells"]}
        exercises = tuple(
            _exercise(exercise, standing.scores[grade_id], cells.get(grade_id), _answer_of(grade_id, cells))
            for grade_id, exercise in graded_cells.items()
        )
        said = notebook["metadata"].get("edf_course", {})
        mended, notes = (tuple(map(one_line, said.get(what, ()))) for what in ("mended", "notes"))
        if standing.late:
            notes += (f"It was handed in late, which costs {standing.late:g} points.",)
        total, most, jailed = standing.total, standing.max_total, said.get("jail") != "none"
        found.append(StudentResult(student, exercises, total, most, "", mended, notes, jailed))
    return found


def _graded_cells(course: Course, lecture: str) -> dict[str, str]:
    """The graded cells of a lecture: by grade_id, the exercise; where there is none, the grade_id again."""
    cells = nbformat.read(course.notebook("source", lecture), as_version=4).cells
    marks = [(cell, cell.metadata.get("nbgrader", {})) for cell in cells]
    return {
        mark.grade_id: exercise_of(cell.source) or mark.grade_id
        for cell, mark in marks
        if mark.get("grade") and mark.get("points")
    }


def _answer_of(grade_id: str, cells: Mapping[str, Json]) -> Json:
    return cells.get(grade_id.removesuffix("-hand-in"), {"metadata": {}})


def _exercise(exercise: str, score: Score, cell: Json | None, answer: Json) -> ExerciseResult:
    misconception, sentence, flagged = what_was_wrong(cell or {})
    if answer["metadata"].get(RESTORED):
        sentence = PUT_BACK
    if score.points == score.max_points:
        misconception, sentence = None, ""
    return ExerciseResult(exercise, score.points, score.max_points, misconception, sentence, flagged, score.by_hand)


def what_was_wrong(hand_in: Mapping[str, Any]) -> tuple[str | None, str, str]:
    """The misconception, the sentence and the flag of the verdict in a graded cell, or the error that it ended in.

    The text comes from where a student's code ran: it is cut, and has to be escaped by whoever shows it.
    """
    outputs = hand_in.get("outputs", [])
    for output in outputs:
        verdict = output.get("data", {}).get(VERDICT)
        if isinstance(verdict, dict):
            misconception, flagged = verdict.get("misconception"), verdict.get("flagged")
            sentence = one_line(verdict.get("sentence") or "")
            return (str(misconception)[:40] if misconception else None), sentence, one_line(flagged or "")
    for output in outputs:
        if output["output_type"] == "error":
            return None, one_line(f"{output['ename']}: {output['evalue']}".rstrip(": ")), ""
    return None, "no verdict came back", ""


def one_line(text: Any) -> str:
    """Text of whatever origin in one line that can be printed."""
    printable = "".join(c for c in str(text) if c.isprintable() or c.isspace())
    return " ".join(printable.split())[:400]
