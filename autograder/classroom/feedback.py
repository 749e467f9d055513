"""The feedback pages of a class, as nbgrader makes them: `nbgrader generate_feedback`, a page at a time."""

from __future__ import annotations

import glob
import logging
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbgrader.converters import GenerateFeedback
from nbgrader.utils import capture_log

from autograder.classroom.whole import write_whole
from autograder.course import Course, first_error, merged


class _WholePages(GenerateFeedback):
    """Writes a page whole or not at all: half a page would be taken for one that is up to date."""

    def write_single_notebook(self, output: str, resources: dict[str, Any]) -> None:
        names = resources["nbgrader"]
        folder = Path(self._format_dest(names["assignment"], names["student"]))
        write_whole(folder / (resources["unique_key"] + resources["output_extension"]), output.encode())


def due(course: Course, lecture: str, students: Iterable[str]) -> list[str]:
    """The students whose page is missing, or older than what was graded."""
    found = []
    for student in students:
        graded, page = (course.notebook(step, lecture, student) for step in ("autograded", "feedback"))
        if graded.is_file() and not (page.is_file() and page.stat().st_mtime_ns >= graded.stat().st_mtime_ns):
            found.append(student)
    return found


def write_page(root: Path, lecture: str, student: str) -> str:
    """Write the page of a student; returns why it could not be done, or ""."""
    course = Course(root)
    directory = course.directory(assignment_id=lecture, student_id=glob.escape(student))
    step = _WholePages(coursedir=directory, config=merged(course.config, {"BaseConverter": {"force": True}}))
    step.log = logging.getLogger("edf_course.grade")
    step.log.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbgrader's own, of SQLAlchemy and nbformat
        outcome = capture_log(step)
    if outcome["success"]:
        return ""
    name, says = first_error(outcome)
    return f"nbgrader says {name}: {says}"
