"""A lecture read from what the instructor has: the notebooks, or nbgrader's gradebook."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.utils import compute_checksum, is_grade, is_locked, is_solution, is_task

from autograder.release.release import exercise_of
from autograder.submission.lecture import SKIP, HandIn, Lecture, Role, SourceCell
from edf_course.exercises import UnknownExercise, statement

HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")


def read_lecture(name: str, source: Path, release: Path) -> Lecture:
    """Read a lecture from its source and from what was released: notebooks without autotests and mark schemes."""
    notebook = nbformat.read(source, as_version=4)
    released = {_mark(c).get("grade_id"): c.source for c in nbformat.read(release, as_version=4).cells}
    cells = []
    for cell in notebook.cells:
        if not (is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell)):
            continue
        shown = released[_mark(cell).grade_id]
        if is_solution(cell):
            cell.source = shown
        cells.append(_source_cell(cell, shown, compute_checksum(cell)))
    return _lecture(name, cells, _skipped(notebook.cells), notebook.metadata.get("kernelspec"))


def recorded_lecture(
    gradebook: Gradebook, assignment: str, name: str, source: Path, hidden: tuple[str, str] = HIDDEN
) -> Lecture:
    """Read a notebook of an assignment from the gradebook, which alone decides what is graded and how.

    From the source only the order of its cells is taken, and which of them are skipped; where it is no file, none are.
    `hidden`: how the lines begin and end that students did not get. Raises: MissingEntry of nbgrader.
    """
    known = gradebook.find_notebook(name, assignment)
    points = {cell.name: cell.max_score for cell in (*known.grade_cells, *known.task_cells)}
    graded, solutions, tasks = (
        {c.name for c in some} for some in (known.grade_cells, known.solution_cells, known.task_cells)
    )
    cells = []
    for row in known.source_cells:
        mark = {"grade": row.name in graded, "solution": row.name in solutions, "task": row.name in tasks}
        mark |= {"grade_id": row.name, "locked": bool(row.locked)}
        if row.name in points:
            mark["points"] = points[row.name]
        cell = NotebookNode(
            cell_type=row.cell_type, source=row.source or "", metadata=NotebookNode(nbgrader=NotebookNode(mark))
        )
        cells.append(_source_cell(cell, without_hidden(cell.source, hidden), row.checksum))
    kernelspec = json.loads(known.kernelspec) if known.kernelspec else None
    if not source.is_file():
        return _lecture(name, cells, frozenset(), kernelspec)
    notebook = nbformat.read(source, as_version=4)
    place = {_mark(cell).get("grade_id"): i for i, cell in enumerate(notebook.cells)}
    cells.sort(key=lambda cell: place.get(cell.grade_id, len(place)))
    return _lecture(name, cells, _skipped(notebook.cells), kernelspec)


def without_hidden(source: str, hidden: tuple[str, str] = HIDDEN) -> str:
    """What a student has seen of a cell."""
    begin, end = hidden
    shown, inside = [], False
    for line in source.split("\n"):
        if begin in line:
            inside = True
        elif end in line:
            inside = False
        elif not inside:
            shown.append(line)
    return "\n".join(shown)


def _lecture(
    name: str, cells: Sequence[SourceCell], skipped: frozenset[str], kernelspec: dict[str, str] | None
) -> Lecture:
    hand_ins = []
    for cell in cells:
        handed = handed_in(cell.source) if cell.role == "hand_in" else None
        if handed is not None:
            hand_ins.append(HandIn(cell.grade_id, *handed, cell.source, cell.points))
    return Lecture(name, tuple(cells), tuple(hand_ins), skipped, dict(kernelspec or {}))


def _source_cell(cell: NotebookNode, released: str, checksum: str | None) -> SourceCell:
    mark = {
        "schema_version": 3, "grade_id": _mark(cell).grade_id, "grade": is_grade(cell), "solution": is_solution(cell),
        "locked": is_locked(cell), "task": is_task(cell), "cell_type": cell.cell_type,
    }  # fmt: skip
    if is_grade(cell) or is_task(cell):
        mark["points"] = float(_mark(cell).get("points", 0.0))
    if checksum:
        mark["checksum"] = checksum
    return SourceCell(mark["grade_id"], cell.cell_type, cell.source, released, _role(cell), mark)


def _role(cell: NotebookNode) -> Role:
    if is_solution(cell):
        return "answer"
    if cell.cell_type != "code":
        return "fixed"
    if is_grade(cell) and handed_in(cell.source) is not None:
        return "hand_in"
    if not _mark(cell).get("points") and _only_checks(cell.source):
        return "check"
    return "test" if is_grade(cell) else "fixed"


def handed_in(source: str) -> tuple[str, str] | None:
    """What a cell hands in: ("edf.sigmoid", "Sigmoid") of `hand_in("edf.sigmoid", Sigmoid)`; None where nothing."""
    exercise = exercise_of(source)
    if exercise is None or not _is_known(exercise):
        return None
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _is_call(node, "hand_in"))
    names = [ast.unparse(call.args[1]) for call in calls if len(call.args) == 2]
    return (exercise, names[0]) if names else None


def _only_checks(source: str) -> bool:
    """Whether a cell holds nothing but calls of `check`."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return bool(body) and all(isinstance(node, ast.Expr) and _is_call(node.value, "check") for node in body)


def _is_call(node: Any, function: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function


def _is_known(exercise: str) -> bool:
    try:
        statement(exercise)
    except UnknownExercise:
        return False
    return True


def _skipped(cells: Iterable[NotebookNode]) -> frozenset[str]:
    return frozenset(c.source.strip() for c in cells if SKIP in c.metadata.get("tags", []))


def _mark(cell: NotebookNode) -> NotebookNode:
    mark: NotebookNode = cell.metadata.get("nbgrader", NotebookNode())
    return mark
