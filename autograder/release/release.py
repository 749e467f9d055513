"""From solutions/ to lectures/: what students get, built by nbgrader's own preprocessors.

solutions/04_edf.py -> build/source/04_edf/04_edf.ipynb -> build/release/04_edf -> lectures/04_edf, which is
swapped in whole, and only when everything before went well. The same source always gives the same bytes.
"""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import os
import shutil
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat.notebooknode import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import capture_log

from autograder.course import Course, CourseError, first_error, merged
from edf_course.exercises import LECTURES, statement

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class ReleaseError(CourseError):
    """A lecture cannot be released as it is; lectures/ was left as it was."""


def known_lectures(course: Course) -> list[str]:
    """The lectures that have a source, in order."""
    return sorted(path.stem for path in course.solutions.glob("*.py"))


def release(course: Course, lecture: str) -> Path:
    """Build a lecture and put it into lectures/, in place of the one that is there. Returns its folder.

    Raises: ReleaseError, and lectures/ is as it was.
    """
    build_source(course, lecture)
    built = build_release(course, lecture, db_url=_scratch_gradebook(course))
    _swap_in(built, course.lectures / lecture)
    return course.lectures / lecture


def build_source(course: Course, lecture: str) -> Path:
    """Make build/source/NN/NN.ipynb, with solutions and hand-ins, from solutions/NN.py. Returns its path.

    Raises: ReleaseError where there is no such source, or its cells are not as they must be.
    """
    script = course.solutions / f"{lecture}.py"
    if not script.is_file():
        there_is = ", ".join(known_lectures(course)) or "nothing"
        raise ReleaseError(f"There is no {script.name} in {course.solutions}; there is {there_is}.")
    notebook = source_notebook(script)
    target = course.notebook("source", lecture)
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(notebook, target)
    return target


def source_notebook(script: Path) -> NotebookNode:
    """Read a lecture's py:percent source as a notebook: ids, points and version follow from it alone."""
    lecture = script.stem
    read = jupytext.read(script, fmt="py:percent")
    notebook = nbformat.v4.new_notebook(cells=read.cells)
    exercises = [e for e in map(_prepare, notebook.cells) if e is not None]
    _check_exercises(lecture, exercises)
    _name_cells(notebook.cells)
    text = json.dumps(notebook.cells, sort_keys=True)
    notebook.metadata = NotebookNode(
        edf_course=NotebookNode(
            lecture=lecture,
            version=f"{version('edf-course')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}",
        ),
        kernelspec=KERNELSPEC,
        language_info={"name": "python"},
    )
    try:
        nbformat.validate(notebook)
        MetadataValidator().validate_nb(notebook)
    except Exception as error:  # of nbformat, jsonschema and nbgrader, which have no common base
        raise ReleaseError(f"{script.name}: {error}") from error
    return notebook


def _prepare(cell: NotebookNode) -> str | None:
    """Complete the metadata of a cell; returns the exercise's id where it is a hand-in."""
    given = cell.metadata
    cell.metadata = NotebookNode({name: given[name] for name in ("nbgrader", "tags", "jupyter") if name in given})
    if "nbgrader" not in cell.metadata:
        return None
    marks = NotebookNode(grade=False, solution=False, locked=False, task=False, schema_version=3)
    marks.update(cell.metadata["nbgrader"])
    cell.metadata["nbgrader"] = marks
    if not marks.grade or marks.solution:
        return None
    exercise = exercise_of(cell.source, "hand_in")
    marks.points = 0 if exercise is None else statement(exercise).points
    return exercise


def exercise_of(source: str, function: str = "hand_in") -> str | None:
    """The exercise that a cell hands in: "edf.sigmoid" of `hand_in("edf.sigmoid", Sigmoid)`, else None."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                return first.value
    return None


def _check_exercises(lecture: str, exercises: Sequence[str]) -> None:
    wanted = LECTURES.get(lecture)
    if wanted is None:
        raise ReleaseError(f"{lecture} is not among the lectures that edf_course.exercises.LECTURES names.")
    if tuple(exercises) != tuple(wanted):
        raise ReleaseError(
            f"{lecture}: the hand-in cells are for {', '.join(exercises) or 'nothing'}, but LECTURES says "
            f"{', '.join(wanted)}, in this order."
        )


def _name_cells(cells: Sequence[NotebookNode]) -> None:
    """Give each cell an id that stays when another exercise grows: its grade_id, or the last and a count."""
    last, count = "start", 0
    for cell in cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id:
            last, count = grade_id, 0
            cell.id = grade_id
        else:
            count += 1
            cell.id = f"{last}-{count}"
    ids = [cell.id for cell in cells]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ReleaseError(f"Two cells would have the id {twice[0]}: change a grade_id.")


def build_release(course: Course, lecture: str, db_url: str | None = None) -> Path:
    """Let nbgrader make the release of a built source. Returns its folder in build/release.

    The cells are recorded in the gradebook at `db_url` (default: the course's own, so that it can grade).
    Raises: ReleaseError where nbgrader fails, an answer is left in, or the gradebook has submissions of other
    cells.
    """
    directory = course.directory(assignment_id=lecture, **({"db_url": db_url} if db_url else {}))
    config = merged(course.config, {"BaseConverter": {"force": True}})
    converter = GenerateAssignment(coursedir=directory, config=config)
    converter.log = logging.getLogger("edf_course.release")
    converter.log.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbgrader's own, of SQLAlchemy and nbformat
        outcome = capture_log(converter)
    if not outcome["success"]:
        name, says = first_error(outcome)
        raise ReleaseError(f"nbgrader could not make the release of {lecture}. {name}: {says}")
    return course.folder("release", lecture)


def drift(course: Course, lecture: str) -> list[str]:
    """What in lectures/NN is not what solutions/NN.py gives now; nothing where it is up to date."""
    build_source(course, lecture)
    built = build_release(course, lecture, db_url=_scratch_gradebook(course))
    committed = course.lectures / lecture
    names = sorted({p.relative_to(folder) for folder in (built, committed) for p in folder.rglob("*") if p.is_file()})
    return [
        f"lectures/{lecture}/{name.as_posix()} is not what solutions/{lecture}.py gives now."
        for name in names
        if not _same(built / name, committed / name)
    ]


def errors_of_a_run(notebook: Path, timeout: int = 120) -> list[str]:
    """Run a notebook from top to bottom, as Run All does; the cells that end in an error, a sentence each."""
    ran = _read(notebook)
    quiet = ["--log-level=ERROR"]
    name = KERNELSPEC["name"]
    client = NotebookClient(ran, timeout=timeout, allow_errors=True, kernel_name=name, extra_arguments=quiet)
    client.execute(cwd=str(notebook.parent))
    return [
        f"The cell {cell.id} ends in {output.ename}: {output.evalue}"
        for cell in ran.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _scratch_gradebook(course: Course) -> str:
    """A gradebook for builds only, so that no submission in the real one keeps a lecture from changing."""
    path = course.build / "scratch" / "gradebook.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{path.as_posix()}"


def _swap_in(built: Path, target: Path) -> None:
    """Put a copy of `built` in the place of `target`: whoever looks finds one of them, whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new, old = (target.parent / f".{target.name}.{word}" for word in ("new", "old"))
    for rest in (new, old):
        shutil.rmtree(rest, ignore_errors=True)
    shutil.copytree(built, new)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)


def _read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def _write(notebook: NotebookNode, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        nbformat.write(notebook, file)
