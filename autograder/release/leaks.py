"""Does a release give answers away? Compared with its source, line by line, outputs and metadata included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from nbformat.notebooknode import NotebookNode

from autograder.release.release import exercise_of

LEFT_OF_A_HAND_IN = "# Graded when you hand in."
MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS", "BEGIN MARK SCHEME")
TELLING = 12  # characters without spaces: `return y` or `pass` say nothing


class GivesAway(Exception):
    """A release would give answers away; the message says where."""


def leaks(source: NotebookNode, release: NotebookNode) -> list[str]:
    """What a release shows that it must not, a sentence each; nothing where all is well.

    No marker, and no line of a solution or a hidden test unless the source shows that line elsewhere too; nowhere the
    whole of an answer, not even where the source itself shows it by mistake; in a hand-in cell one comment.
    """
    hidden, shown = split(source)
    hand_ins = {_grade_id(cell) for cell in source.cells if cell.cell_type == "code" and exercise_of(cell.source)}
    found = [
        f"The hand-in cell {cell.id} holds more than {LEFT_OF_A_HAND_IN!r}: {cell.source!r}"
        for cell in release.cells
        if _grade_id(cell) in hand_ins - {None} and cell.source != LEFT_OF_A_HAND_IN
    ]
    for cell in release.cells:
        everything = json.dumps(cell, ensure_ascii=False)
        found += [f"The cell {cell.id} holds the marker {m!r}." for m in MARKERS if m in everything]
        if cell.get("outputs"):
            found.append(f"The cell {cell.id} has an output.")
    visible = {line for cell in release.cells for line in _lines(cell.source)}
    elsewhere = _in_json([release.metadata, *(_without_source(c) for c in release.cells)])
    in_source = {line for cell_lines in shown for line in cell_lines}
    for name, region in hidden:
        telling = [line for line in region if len(line) >= TELLING]
        for line in telling:
            if (line in visible and line not in in_source) or _in_json(line)[1:-1] in elsewhere:
                found.append(f"A hidden line of the cell {name} is left in: {line}")
        if telling and all(line in visible for line in region) and _fits_in_one(region, release.cells):
            found.append(f"The whole answer of the cell {name} is shown: {telling[0]}")
    return found


def split(source: NotebookNode) -> tuple[list[tuple[str, list[str]]], list[list[str]]]:
    """The hidden regions of a source, (cell id, lines) each, and the lines that it shows, cell by cell.

    A solution cell without a marker is replaced whole by nbgrader, so it is a region too.
    """
    hidden: list[tuple[str, list[str]]] = []
    shown: list[list[str]] = []
    for cell in source.cells:
        inside: list[list[str]] = []
        outside: list[str] = []
        region: list[str] | None = None
        for line in cell.source.splitlines():
            if any(marker in line for marker in MARKERS):
                region = [] if "BEGIN" in line else None
                if region is not None:
                    inside.append(region)
            elif region is not None:
                region += _lines(line)
            else:
                outside += _lines(line)
        if not inside and cell.metadata.get("nbgrader", {}).get("solution"):
            inside, outside = [outside], []
        hidden += [(str(cell.id), region) for region in inside]
        shown.append(outside)
    return hidden, shown


def _lines(text: str) -> list[str]:
    """The lines of a text, without spaces: how an answer is spaced does not hide it."""
    return [squeezed for line in text.splitlines() if (squeezed := "".join(line.split()))]


def _in_json(value: object) -> str:
    return "".join(json.dumps(value, ensure_ascii=False).split())


def _fits_in_one(region: Sequence[str], cells: Iterable[NotebookNode]) -> bool:
    return any(set(region) <= set(_lines(cell.source)) for cell in cells)


def _without_source(cell: NotebookNode) -> dict[str, object]:
    return {name: value for name, value in cell.items() if name != "source"}


def _grade_id(cell: NotebookNode) -> str | None:
    grade_id: str | None = cell.metadata.get("nbgrader", {}).get("grade_id")
    return grade_id
