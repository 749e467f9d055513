"""A small course in a folder of its own: one lecture with two exercises, so that tests of the machinery are quick."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from autograder.course import Course, put_scripts_on_path

REPOSITORY = Path(__file__).parents[2]
MINI = "90_mini"
MINI_EXERCISES = ("edf.sigmoid", "edf.gate")


def make_gradebook(path: Path) -> Path:
    """Make an empty gradebook, to copy: it takes nbgrader seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    put_scripts_on_path()
    Gradebook(f"sqlite:///{path}").close()
    return path


def make_course(folder: Path, gradebook: Path) -> Course:
    """Lay out a course in `folder` with nothing but the small lecture's source and copies of an empty gradebook."""
    for place in ("build/scratch", "workspace/course"):
        (folder / place).mkdir(parents=True)
        shutil.copy(gradebook, folder / place / "gradebook.db")
    shutil.copy(REPOSITORY / "nbgrader_config.py", folder)
    (folder / "solutions").mkdir()
    shutil.copy(Path(__file__).parent / f"{MINI}.py", folder / "solutions")
    return Course(folder)


def solve(notebook: Path, grade_id: str, course: Course) -> None:
    """Write the source's answer into one answer cell of a student's notebook."""
    source = nbformat.read(course.notebook("source", MINI), as_version=4)
    answer = next(cell.source for cell in source.cells if cell.id == grade_id)
    mine = nbformat.read(notebook, as_version=4)
    cell = next(cell for cell in mine.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)
    cell.source = "\n".join(line for line in answer.split("\n") if "### " not in line)
    nbformat.write(mine, notebook)
