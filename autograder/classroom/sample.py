"""Notebooks of a sample class, made from small sources that hold only what a student wrote differently.

A source is a text in cells, as `tests/classroom/04_edf/` has them:

    # Right, in loops.             what one should know of it
    # begins with: solution        or "release" (the default): what the answer cells hold that it does not name
    # removes: gate gate-check     cells that the student deleted
    # is cut after: 3000           the file ends after so many bytes

    # %% sigmoid                   what stands in the cell with this grade_id
    # %% new after sigmoid         a cell that the student added
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.course import CourseError

KEYS = ("begins with", "removes", "is cut after")


@dataclass(frozen=True)
class Source:
    """What a small source says."""

    begins_with: str = "release"
    removes: tuple[str, ...] = ()
    cut: int | None = None
    cells: dict[str, str] = field(default_factory=dict)
    new: tuple[tuple[str, str], ...] = ()  # (after which grade_id, source)


def read_source(path: Path) -> Source:
    """Read a small source. Raises: CourseError where it cannot be understood."""
    head, *rest = re.split(r"^# %% ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    keys = dict(re.findall(rf"^# ({'|'.join(KEYS)}): *(.*?) *$", head, flags=re.MULTILINE))
    cells, new = {}, []
    for part in rest:
        title, _, body = part.partition("\n")
        title = title.strip()
        if title.startswith("new after "):
            new.append((title.removeprefix("new after "), body.strip("\n")))
        else:
            cells[title] = body.strip("\n")
    begins_with = keys.get("begins with", "release")
    if begins_with not in ("release", "solution"):
        raise CourseError(f"{path}: begins with {begins_with!r}, which is neither release nor solution.")
    cut = int(keys["is cut after"]) if "is cut after" in keys else None
    return Source(begins_with, tuple(keys.get("removes", "").split()), cut, cells, tuple(new))


def make_submission(path: Path, release: NotebookNode, solution: NotebookNode) -> bytes:
    """Make what a student of the sample hands in, from a small source.

    Raises: CourseError where the source names cells that the lecture does not have.
    """
    source = read_source(path)
    notebook = copy.deepcopy(release)
    cells = {_grade_id(cell): cell for cell in notebook.cells}
    named = {*source.cells, *source.removes, *(after for after, _ in source.new)}
    unknown = sorted(named - set(cells))
    if unknown:
        raise CourseError(f"{path}: the lecture has no cell {', '.join(unknown)}.")
    if source.begins_with == "solution":
        for cell in solution.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cells[_grade_id(cell)].source = _without_markers(cell.source)
    for grade_id, text in source.cells.items():
        cells[grade_id].source = text
    for after, text in source.new:
        place = next(i for i, cell in enumerate(notebook.cells) if _grade_id(cell) == after)
        notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(text, id=f"new-after-{after}"))
    notebook.cells = [cell for cell in notebook.cells if _grade_id(cell) not in source.removes]
    return nbformat.writes(notebook).encode()[: source.cut]


def _grade_id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _without_markers(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if "### BEGIN" not in line and "### END" not in line)
