"""The real command on the small course in a process of its own, killed at will, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import pytest

from autograder.classroom import classroom
from autograder.course import Course
from edf_course import exercises
from tests.autograder.handed_in import RIGHT
from tests.autograder.mini import MINI, MINI_EXERCISES, REPOSITORY, make_course

WRONG = (
    RIGHT
    + """
# %% sigmoid
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = 0.5 * (np.tanh(self.x.value / 2) + 1)

    def backward(self):
        self.x.addgrad(self.value * (1 - self.value))
"""
)
CUT = RIGHT + "# is cut after: 2000\n"
GRADE = [sys.executable, "-c", "import sys; from tests.autograder.grade_mini import main; main(*sys.argv[1:])"]
KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(frozen=True)
class Outcome:
    """How a command ended, what it said, which processes it left behind, and how long it took to end when told to."""

    code: int
    said: str
    error: str
    left: list[str]
    seconds: float


def a_class(folder: Path, gradebook: Path, students: Mapping[str, str], config: str = "") -> Course:
    """A course that is ready to grade, with submissions made from small sources."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        course = make_course(folder, gradebook)
        with (folder / "nbgrader_config.py").open("a") as file:
            file.write(config)
        classroom.prepare(course, MINI)
        sources = folder / "sources"
        sources.mkdir()
        for student, source in students.items():
            (sources / f"{student}.py").write_text(source)
        classroom.gather_sample(course, MINI, sources)
    return Course(folder)


def copy_of(course: Course, folder: Path) -> Course:
    """The same course somewhere else, as it is now."""
    shutil.copytree(course.root, folder)
    return Course(folder)


def run(
    course: Course, moment: str = "never", *arguments: str, told: Callable[[psutil.Process, str], bool] | None = None,
    temporary: Path | None = None,
) -> Outcome:  # fmt: skip
    """Run the command, which ends by itself; or is told to by `told`, which is called with it and what it has said.

    `told` returns whether that is done. temporary: where the command has its temporary files.
    """
    report = course.root / "report.json"
    report.unlink(missing_ok=True)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | ({"TMPDIR": str(temporary)} if temporary else {})
    keeper = [sys.executable, str(KEEPER), str(report), *GRADE, moment, *arguments]
    said, error = course.root / "said", course.root / "error"
    with said.open("w") as out, error.open("w") as err:
        process = subprocess.Popen(
            keeper, cwd=course.root, env=environment, stdout=out, stderr=err, start_new_session=True
        )
        try:
            while told is not None and process.poll() is None:
                children = psutil.Process(process.pid).children()
                if children and told(children[0], said.read_text()):
                    break
                time.sleep(0.02)
            start = time.monotonic()
            process.wait(300)
        finally:
            process.kill()
    ended = json.loads(report.read_text())
    return Outcome(ended["code"], said.read_text(), error.read_text(), ended["left"], ended["at"] - start)


def anew(outcome: Outcome) -> set[str]:
    """Whom a run has graded, as it says."""
    return set(re.findall(r"^(\w+): (?:[\d.]+ s$|not graded)", outcome.said, flags=re.MULTILINE))


def as_before(outcome: Outcome) -> set[str]:
    """Whom a run found graded already."""
    return set(re.findall(r"^(\w+): as before", outcome.said, flags=re.MULTILINE))


def graded_notebooks(course: Course) -> dict[str, list[object]]:
    """What was graded: of each student, the sources and outputs of the cells."""
    folder = course.folder("autograded", MINI, "*").parent.parent
    return {
        path.parts[-3]: [(cell.source, cell.get("outputs")) for cell in nbformat.read(path, as_version=4).cells]
        for path in folder.glob(f"*/{MINI}/{MINI}.ipynb")
    }
