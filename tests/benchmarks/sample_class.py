"""The sample class of lecture 04 in a course of its own, as often as one wants, graded by us or by stock nbgrader."""

from __future__ import annotations

import logging
import time
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbgrader.converters import Autograde
from nbgrader.utils import capture_log

from autograder.classroom import classroom
from autograder.classroom.gradebook import standings
from autograder.classroom.lecture_files import read_lecture
from autograder.classroom.sample import make_submission
from autograder.course import Course, merged
from edf_course.exercises import LECTURES, statement
from edf_course.handin import VERDICT
from tests.autograder.mini import REPOSITORY, make_course

LECTURE = "04_edf"
SAMPLE = REPOSITORY / "tests" / "classroom" / LECTURE
ENDLESS = {"mia", "nils"}
NO_NOTEBOOK = {"paul"}
HONEST = sorted(path.stem for path in SAMPLE.glob("*.py") if path.stem not in ENDLESS | NO_NOTEBOOK)
STOCK = {
    "Autograde": {
        "sanitize_preprocessors": [
            f"nbgrader.preprocessors.{name}"
            for name in (
                "ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata",
            )
        ],
        "autograde_preprocessors": [
            f"nbgrader.preprocessors.{name}"
            for name in ("Execute", "LimitOutput", "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata")
        ],
    },
    "BaseConverter": {"force": True},
}  # fmt: skip

Points = Mapping[str, Mapping[str, float]]  # by student, then by exercise


def prepared(folder: Path, gradebook: Path, *, demonstrations: bool = False) -> Course:
    """Lay out a course with the lecture, built; its demonstrations are run by the grader too where that is wanted."""
    course = make_course(folder, gradebook)
    script = (REPOSITORY / "solutions" / f"{LECTURE}.py").read_text(encoding="utf-8")
    if demonstrations:
        script = script.replace(' tags=["skip-grading"]', "")
    (course.solutions / f"{LECTURE}.py").write_text(script, encoding="utf-8")
    classroom.prepare(course, LECTURE)
    return course


def hand_in(course: Course, sources: Mapping[str, Path]) -> list[str]:
    """Hand in, by student, what small sources stand for; returns who did."""
    release, solution = (nbformat.read(course.notebook(step, LECTURE), 4) for step in ("release", "source"))
    made = {source: make_submission(source, release, solution) for source in set(sources.values())}
    for student, source in sources.items():
        place = course.notebook("submitted", LECTURE, student)
        place.parent.mkdir(parents=True)
        place.write_bytes(made[source])
    return list(sources)


def copies(count: int) -> dict[str, Path]:
    """So many submissions: the honest ones of the class again and again. Who begins with "ada" has handed in Ada's."""
    names = (HONEST[i % len(HONEST)] for i in range(count))
    return {f"{name}{i:04}": SAMPLE / f"{name}.py" for i, name in enumerate(names)}


def graded_by_stock(course: Course) -> float:
    """Let nbgrader's own autograde grade everybody; returns the seconds that it took."""
    directory = course.directory(assignment_id=LECTURE, student_id="*")
    converter = Autograde(coursedir=directory, config=merged(course.config, STOCK))
    converter.log = logging.getLogger("stock")
    converter.log.propagate = False
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        capture_log(converter)
    return time.perf_counter() - start


def points(course: Course) -> Points:
    """What the gradebook says."""
    lecture = read_lecture(LECTURE, course.notebook("source", LECTURE), course.notebook("release", LECTURE))
    return {
        student: {h.exercise: standing.scores[h.grade_id].points or 0.0 for h in lecture.hand_ins}
        for student, standing in standings(course, LECTURE).items()
    }


def why(course: Course, student: str, exercise: str) -> str:
    """What nbgrader may have seen in the graded cell of an exercise, so that it took points away."""
    path = course.notebook("autograded", LECTURE, student)
    cells = nbformat.read(path, as_version=4).cells if path.is_file() else []
    graded = [cell for cell in cells if f'hand_in("{exercise}"' in cell.source]
    for output in (output for cell in graded for output in cell.outputs):
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}".splitlines()[0]
        if output.get("name") == "stderr":
            return f"on stderr: {output.text.strip()}".splitlines()[0]
        if VERDICT in output.get("data", {}):
            aspects = output.data[VERDICT]["aspects"].values()
            return next((a["sentence"] for a in aspects if not a["passed"]), "the verdict is that it is right")
    if not cells:
        return "it was not graded"
    return "no error" if graded else "the graded cell is missing in what was handed in, and is not put back"


def deserved() -> Points:
    """What each of the class deserves."""
    told = tomllib.loads((SAMPLE / "expected.toml").read_text(encoding="utf-8"))
    return {
        student: {e: float(lost.get(e.removeprefix("edf."), [statement(e).points])[0]) for e in LECTURES[LECTURE]}
        for student, lost in told.items()
        if "ungraded" not in lost
    }
