"""A lecture read from the notebooks that the instructor has: its source, and what was released."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat

from autograder.course import CourseError
from autograder.lecture import HandIn, Lecture
from autograder.nbgrader_plugin import SKIP
from autograder.release import exercise_of
from edf_course.exercises import statement


def read_lecture(name: str, source: Path, release: Path) -> Lecture:
    """Read a lecture from the notebooks that the instructor has: its source, and what was released.

    Raises: CourseError for a graded cell with tests of its own, which only nbgrader's own Execute can run.
    """
    cells = [c for c in nbformat.read(source, as_version=4).cells if c.cell_type == "code"]
    released = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in nbformat.read(release, as_version=4).cells}
    hand_ins, answers, locked, order = [], {}, {}, []
    for cell in cells:
        mark = cell.metadata.get("nbgrader", {})
        grade_id = mark.get("grade_id")
        if not grade_id:
            continue
        order.append(grade_id)
        exercise = exercise_of(cell.source)
        if mark.solution:
            answers[grade_id] = released[grade_id].source
        elif exercise is not None and mark.grade:
            points = float(statement(exercise).points)
            hand_ins.append(HandIn(grade_id, exercise, _handed(cell.source), cell.source, points))
        elif mark.grade and mark.get("points"):
            raise CourseError(
                f"{name}: {grade_id} is worth points, but is no hand_in: grade it with nbgrader's Execute."
            )
        else:
            locked[grade_id] = cell.source
    skipped = frozenset(c.source.strip() for c in cells if SKIP in c.metadata.get("tags", []))
    return Lecture(name, tuple(hand_ins), answers, locked, skipped, tuple(order))


def _handed(source: str) -> str:
    """The name that a hand-in cell hands in: "Sigmoid" of `hand_in("edf.sigmoid", Sigmoid)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hand_in":
            return ast.unparse(node.args[1])
    raise ValueError("no hand_in(exercise, answer) in a graded cell")
