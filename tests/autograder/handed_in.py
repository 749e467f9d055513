"""The small lecture, and what is handed in to it, as plain data: for tests of whatever grades it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from autograder.classroom.lecture_files import read_lecture
from autograder.classroom.pool import Terms
from autograder.classroom.sample import make_submission
from autograder.course import Course
from autograder.jail.jail import Limits
from autograder.submission.lecture import Lecture
from edf_course.exercises import statement
from tests.autograder.mini import MINI, MINI_EXERCISES

ALL = float(sum(statement(exercise).points for exercise in MINI_EXERCISES))
SECRET = b"of a test, and of no course"

RIGHT = "# begins with: solution\n"
UNTOUCHED = ""
ENDLESS = RIGHT + "\n# %% new after sigmoid-hand-in\nwhile True:\n    pass\n"
STUBBORN = """
# %% new after sigmoid-hand-in
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""


def sleeping(seconds: float) -> str:
    """The small source of right work with a cell that takes its time."""
    return f"{RIGHT}\n# %% new after sigmoid-hand-in\nimport time\n\ntime.sleep({seconds})\n"


@dataclass(frozen=True)
class HandedIn:
    """The small lecture of a prepared course, and a folder to write small sources into."""

    course: Course
    scratch: Path

    @property
    def lecture(self) -> Lecture:
        """All that grading needs of it."""
        return read_lecture(MINI, *(self.course.notebook(step, MINI) for step in ("source", "release")))

    def terms(self, **limits: Any) -> Terms:
        """Terms of a run."""
        return Terms(self.lecture, SECRET, Limits(**limits))

    def notebook(self, source: str) -> bytes:
        """The notebook that a small source stands for."""
        path = self.scratch / "small.py"
        path.write_text(source)
        release, solution = (nbformat.read(self.course.notebook(s, MINI), as_version=4) for s in ("release", "source"))
        return make_submission(path, release, solution)

    def to_copy(self, folder: Path, students: Mapping[str, str], config: str = "") -> Path:
        """Copy the course, and hand in there: by student, small sources; `config` is added to its settings."""
        shutil.copytree(self.course.root, folder)
        with (folder / "nbgrader_config.py").open("a") as file:
            file.write(config)
        for student, source in students.items():
            path = Course(folder).notebook("submitted", MINI, student)
            path.parent.mkdir(parents=True)
            path.write_bytes(self.notebook(source))
        return folder


class Deadly:
    """Stands for a submission of which a worker dies: to read it is to end the process."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)
