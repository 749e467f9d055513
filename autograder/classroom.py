"""A class of submissions, graded one after the other by nbgrader. One that cannot be graded stops no other.

gather() puts submissions where nbgrader looks for them, grade() grades those that changed, results() reads what came
out: the points from the gradebook, what was wrong from the verdicts in the graded notebooks.
"""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.utils import capture_log

from autograder.course import Course, CourseError, first_error, merged
from autograder.gradebook import knows, standings
from autograder.nbgrader_plugin import RESTORED
from autograder.release import build_release, build_source, exercise_of
from autograder.sample import make_submission
from edf_course.handin import VERDICT

NO_JAIL = {"GradeInJail": {"jailed": False}}
PUT_BACK = "The answer's cell was missing from the submission, and was put back as it was released."


@dataclass(frozen=True)
class ExerciseResult:
    """What a student got for one exercise. points is None where it was not graded; sentence says what was wrong."""

    exercise: str
    points: float | None
    max_points: float
    misconception: str | None = None
    sentence: str = ""


@dataclass(frozen=True)
class StudentResult:
    """What came of one submission; `ungraded` says why it could not be graded, and is empty where it was."""

    student: str
    exercises: tuple[ExerciseResult, ...]
    total: float | None
    max_total: float
    ungraded: str = ""


def prepare(course: Course, lecture: str) -> None:
    """Build the lecture, and record its cells in the course's gradebook, where either is missing or out of date.

    Raises: CourseError where the lecture cannot be built, or has other cells than what was graded already.
    """
    source = build_source(course, lecture)
    record, known = Record(course, lecture), knows(course, lecture)
    if not known:
        record.forget_grades()
    if not known or record.source != _hash(source) or not course.notebook("release", lecture).is_file():
        build_release(course, lecture)
        record.source = _hash(source)
    record.save()


def gather(course: Course, lecture: str, folder: Path) -> list[str]:
    """Copy submissions from `folder` to where nbgrader looks for them; returns what a person should know, a line each.

    A submission is STUDENT.ipynb, STUDENT/NN.ipynb, STUDENT/NN/NN.ipynb, or a small source STUDENT.py (sample.py).
    One that is there already stays, unless it was gathered before and nobody changed it since.
    Raises: CourseError where the folder holds none.
    """
    found = dict(_submissions(course, lecture, folder))
    if not found:
        raise CourseError(f"{folder} holds no submissions: notebooks STUDENT.ipynb or STUDENT/{lecture}.ipynb.")
    record, notices = Record(course, lecture), []
    for student, content in sorted(found.items()):
        target = course.notebook("submitted", lecture, student)
        there = _hash(target)
        new = hashlib.sha256(content).hexdigest()
        if there not in (None, new, record.get(student, "gathered")):
            notices.append(f"{student} has handed in already: that submission stays, the one in {folder} is left out.")
            continue
        if there != new:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        record.set(student, gathered=new)
    record.save()
    return notices


def _submissions(course: Course, lecture: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("*.py")):
        release, solution = (_read(course.notebook(step, lecture)) for step in ("release", "source"))
        yield path.stem, make_submission(path, release, solution)
    for path in sorted(folder.glob("*.ipynb")):
        yield path.stem, path.read_bytes()
    for pattern in (f"*/{lecture}.ipynb", f"*/{lecture}/{lecture}.ipynb"):
        for path in sorted(folder.glob(pattern)):
            yield path.relative_to(folder).parts[0], path.read_bytes()


def grade(
    course: Course,
    lecture: str,
    students: Iterable[str],
    force: bool = False,
    done: Callable[[str, str, float], None] = lambda student, ungraded, seconds: None,
    jailed: bool = True,
) -> None:
    """Grade the submissions of `students` that changed since they were graded (all of them with `force`).

    With `jailed=False` they run without a jail, as processes of whoever grades.

    After each, `done` gets the student, why it could not be graded ("" where it was), and the seconds it took (0.0
    where it was graded before).
    """
    record = Record(course, lecture)
    for student in students:
        start = time.monotonic()
        submission = course.notebook("submitted", lecture, student)
        state = f"{_hash(submission)} {_hash(course.notebook('source', lecture))} {version('edf-autograder')}"
        before = record.get(student, "ungraded") or ""
        there = before or course.notebook("autograded", lecture, student).is_file()
        if not force and there and record.get(student, "graded") == state:
            done(student, before, 0.0)
            continue
        ungraded = why_unreadable(submission) or _autograde(course, lecture, student, jailed)
        record.set(student, graded=state, ungraded=ungraded)
        record.save()
        done(student, ungraded, time.monotonic() - start)


def why_unreadable(submission: Path) -> str:
    """Why a file is no notebook that could be graded; "" where it is one."""
    if not submission.is_file():
        others = sorted(p.name for p in submission.parent.glob("*"))
        return f"there is no {submission.name} in the submission, only {', '.join(others) or 'an empty folder'}"
    try:
        notebook = json.loads(submission.read_bytes())
    except UnicodeDecodeError:
        return "the file is no notebook: it is not text in UTF-8"
    except (ValueError, RecursionError) as error:
        return f"the file is no notebook: {error}"
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        return "the file is no notebook of format 4: it has no list of cells"
    return ""


def _autograde(course: Course, lecture: str, student: str, jailed: bool) -> str:
    """Grade one submission and write its feedback page; returns why it could not be done, or ""."""
    directory = course.directory(assignment_id=lecture, student_id=glob.escape(student))
    config = merged(course.config, {"BaseConverter": {"force": True}}, {} if jailed else NO_JAIL)
    for converter in (Autograde, GenerateFeedback):
        step = converter(coursedir=directory, config=config)
        step.log = logging.getLogger("edf_course.grade")
        step.log.propagate = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's own, of SQLAlchemy and nbformat
            outcome = capture_log(step)
        if not outcome["success"]:
            return _reason(outcome)
    return ""


REASONS = {
    "DeadKernelError": "its kernel died while the notebook ran: out of memory, or code that ends the process",
    "CellTimeoutError": "one of its cells cannot be stopped: it goes on when it is interrupted",
    "UnresponsiveKernelError": "one of its cells cannot be stopped: it goes on when it is interrupted",
}


def _reason(outcome: dict[str, Any]) -> str:
    """The error that ended nbgrader's work, in one line."""
    name, says = first_error(outcome)
    return REASONS.get(name, f"nbgrader says {name}: {says}")


def results(course: Course, lecture: str, students: Iterable[str]) -> list[StudentResult]:
    """What came out: points as the gradebook has them, by hand or by the judge, and what was wrong."""
    hand_ins = {
        cell.metadata.nbgrader.grade_id: exercise
        for cell in _read(course.notebook("source", lecture)).cells
        if cell.cell_type == "code" and (exercise := exercise_of(cell.source))
    }
    record, known = Record(course, lecture), standings(course, lecture)
    found = []
    for student in students:
        ungraded = record.get(student, "ungraded") or ""
        standing, graded = known.get(student), course.notebook("autograded", lecture, student)
        if ungraded or standing is None or not graded.is_file():
            nothing = tuple(ExerciseResult(exercise, None, 0.0) for exercise in hand_ins.values())
            found.append(StudentResult(student, nothing, None, 0.0, ungraded or "it was not graded yet"))
            continue
        cells = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in _read(graded).cells}
        exercises = []
        for grade_id, exercise in hand_ins.items():
            score = standing.scores[grade_id]
            misconception, sentence = what_was_wrong(cells[grade_id])
            if cells.get(grade_id.removesuffix("-hand-in"), NotebookNode(metadata={})).metadata.get(RESTORED):
                sentence = PUT_BACK
            if score.points == score.max_points:
                misconception, sentence = None, ""
            exercises.append(ExerciseResult(exercise, score.points, score.max_points, misconception, sentence))
        found.append(StudentResult(student, tuple(exercises), standing.total, standing.max_total, ungraded))
    return found


def what_was_wrong(hand_in: NotebookNode) -> tuple[str | None, str]:
    """The misconception and the sentence of the verdict in a graded hand-in cell, or the error that it ended in.

    The text comes from where a student's code ran: it is cut, and has to be escaped by whoever shows it.
    """
    for output in hand_in.get("outputs", []):
        verdict = output.get("data", {}).get(VERDICT)
        if isinstance(verdict, dict):
            misconception, sentence = verdict.get("misconception"), verdict.get("sentence")
            return (str(misconception)[:40] if misconception else None), _one_line(sentence or "")
    for output in hand_in.get("outputs", []):
        if output.output_type == "error":
            return None, _one_line(f"{output.ename}: {output.evalue}".rstrip(": "))
    return None, "no verdict came back"


def _one_line(text: Any) -> str:
    printable = "".join(c for c in str(text) if c.isprintable() or c.isspace())
    return " ".join(printable.split())[:400]


class Record:
    """What was gathered and graded of a lecture, kept in a small file beside the gradebook.

    `source`: the hash of the source whose cells the gradebook has. Where the file is lost, all is done once more.
    """

    def __init__(self, course: Course, lecture: str) -> None:
        self.path = course.root / "workspace" / "course" / f"{lecture}.json"
        try:
            saved = json.loads(self.path.read_text(encoding="utf-8"))
            self.source: str | None = saved["source"]
            self.students: dict[str, dict[str, str]] = saved["students"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            self.source, self.students = None, {}

    def get(self, student: str, what: str) -> str | None:
        """What is on record of a student ("gathered", "graded", "ungraded"), or None."""
        return self.students.get(student, {}).get(what)

    def set(self, student: str, **what: str) -> None:
        """Put something on record; save() keeps it."""
        self.students.setdefault(student, {}).update(what)

    def forget_grades(self) -> None:
        """Let everybody be graded again: the gradebook knows of nobody."""
        for known in self.students.values():
            known.pop("graded", None)

    def save(self) -> None:
        """Write the file, whole."""
        part = self.path.with_suffix(".part")
        state = {"source": self.source, "students": self.students}
        part.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(self.path)


def _hash(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)
