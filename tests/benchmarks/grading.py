"""Grading in the jail beside stock `nbgrader autograde`: seconds a submission, on submissions that end by themselves.

Stock nbgrader has its own preprocessors and a kernel for each submission, and writes its gradebook; ours here ends with
the verdicts and the notebook as it was run. Both use one worker.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nbformat
from nbgrader.converters import Autograde

from autograder.course import Course, merged
from autograder.jail import Jail
from autograder.lecture import Lecture
from autograder.lecture_files import read_lecture
from autograder.release import build_release, build_source
from autograder.sample import make_submission
from autograder.submission import grade
from tests.autograder.mini import REPOSITORY, make_course, make_gradebook
from tests.benchmarks.table import Row

LECTURE = "04_edf"
STUDENTS = ("ada", "eva")
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


def rows() -> list[Row]:
    """Measure both on the same submissions; ours with the demonstrations that the source marks skipped, and without."""
    with tempfile.TemporaryDirectory() as folder:
        course = make_class(Path(folder))
        stock = stock_seconds(course)
        contents = [course.notebook("submitted", LECTURE, student).read_bytes() for student in STUDENTS]
        lecture = read_lecture(LECTURE, *(course.notebook(step, LECTURE) for step in ("source", "release")))
    everything = replace(lecture, skipped=frozenset())
    what = "grading one submission in the jail"
    return [
        Row(what, our_seconds(contents, lecture, rounds=8), "s", stock, 1 / 30),
        Row(f"{what}, demonstrations not skipped", our_seconds(contents[:1], everything, rounds=1), "s", stock),
    ]


def make_class(folder: Path) -> Course:
    """Lay out a course with the lecture and a few submissions to it."""
    course = make_course(folder / "course", make_gradebook(folder / "gradebook.db"))
    shutil.copy(REPOSITORY / "solutions" / f"{LECTURE}.py", course.solutions)
    build_source(course, LECTURE)
    build_release(course, LECTURE)
    release, source = (nbformat.read(course.notebook(step, LECTURE), 4) for step in ("release", "source"))
    for student in STUDENTS:
        place = course.notebook("submitted", LECTURE, student)
        place.parent.mkdir(parents=True)
        small = REPOSITORY / "tests" / "classroom" / LECTURE / f"{student}.py"
        place.write_bytes(make_submission(small, release, source))
    return course


def stock_seconds(course: Course) -> float:
    """The seconds that nbgrader's own autograde takes for one submission."""
    directory = course.directory(assignment_id=LECTURE, student_id="*")
    converter = Autograde(coursedir=directory, config=merged(course.config, STOCK))
    start = time.perf_counter()
    converter.start()
    return (time.perf_counter() - start) / len(STUDENTS)


def our_seconds(contents: Sequence[bytes], lecture: Lecture, rounds: int) -> float:
    """The seconds that grading one submission takes in a warm jail."""
    with Jail() as jail:
        if rounds > 1:
            grade(contents[0], lecture, b"a secret", jail)
        start = time.perf_counter()
        for _ in range(rounds):
            for content in contents:
                result = grade(content, lecture, b"a secret", jail)
                assert not result.ungraded
                assert result.points > 0
        return (time.perf_counter() - start) / (rounds * len(contents))
