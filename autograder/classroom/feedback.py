"""The feedback pages of a class, as nbgrader makes them: `nbgrader generate_feedback`, a page at a time."""

from __future__ import annotations

import glob
import hashlib
import logging
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbgrader.converters import GenerateFeedback
from nbgrader.utils import capture_log

from autograder.classroom.gradebook import Standing, standings
from autograder.classroom.journal import Journal
from autograder.classroom.whole import write_whole
from autograder.course import Course, first_error, merged
from autograder.hint_level import level_of


class _WholePages(GenerateFeedback):
    """Writes a page whole or not at all: half a page would be taken for one that is up to date."""

    def write_single_notebook(self, output: str, resources: dict[str, Any]) -> None:
        names = resources["nbgrader"]
        folder = Path(self._format_dest(names["assignment"], names["student"]))
        write_whole(folder / (resources["unique_key"] + resources["output_extension"]), output.encode())


def due(course: Course, lecture: str, students: Iterable[str]) -> dict[str, str]:
    """The students whose page is missing or out of date; and of each what a new one will follow from.

    Whoever has written it puts that into the journal, under "page".
    """
    level, known, journal = level_of(course.config, lecture), standings(course, lecture), Journal(course, lecture)
    found = {}
    for student in students:
        graded, page = (course.notebook(step, lecture, student) for step in ("autograded", "feedback"))
        if not graded.is_file():
            continue
        newer = page.is_file() and page.stat().st_mtime_ns >= graded.stat().st_mtime_ns
        state = _state(level, known.get(student))
        if not newer or journal.get(student, "page") != state:
            found[student] = state
    return found


def _state(level: str, standing: Standing | None) -> str:
    """What a page shows besides the notebook, in short: points, also those by hand, comments, as much as hints say."""
    shown = [level]
    if standing is not None:
        shown += [repr(sorted(standing.scores.items())), repr(standing.late), repr(sorted(standing.comments.items()))]
    return hashlib.sha256("\n".join(shown).encode()).hexdigest()[:16]


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
