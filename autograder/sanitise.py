"""From the bytes that somebody handed in to the cells that are run: whatever is wrong with them, the lecture decides.

Which cells are graded, what they hold and what they are worth follows from the instructor's notebooks alone. Of a
submission only the sources of its cells are taken; what had to be mended is listed.
"""

from __future__ import annotations

import ast
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.lecture import HandIn, Lecture

MAX_BYTES = 32 << 20
MAX_CELLS = 2000
MAX_SOURCE = 200_000  # characters of one cell

Json = dict[str, Any]


class Unreadable(Exception):
    """A submission that cannot be graded; the message is the reason."""


@dataclass(frozen=True)
class Step:
    """A code cell that is run; `hand_in` where the judge comes."""

    source: str
    hand_in: HandIn | None = None
    grade_id: str | None = None


@dataclass
class Sanitised:
    """The steps of a submission in order, and what was mended, a sentence each. `restored`: answers put back."""

    steps: list[Step]
    mended: list[str] = field(default_factory=list)
    restored: set[str] = field(default_factory=set)


def read_submission(path: Path) -> bytes:
    """Read what was handed in, if it is a file of a sane size: no link, folder or pipe. Raises: Unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise Unreadable(f"there is no {path.name} in the submission") from None
    except OSError as error:
        why = "it is a link, which is not followed" if path.is_symlink() else str(error)
        raise Unreadable(f"{path.name} cannot be read: {why}") from None
    kind = os.fstat(descriptor)
    if not stat.S_ISREG(kind.st_mode):
        os.close(descriptor)
        raise Unreadable(f"{path.name} is no file")
    with open(descriptor, "rb") as file:
        if kind.st_size > MAX_BYTES:
            raise Unreadable(f"the file is too large: {kind.st_size / 1e6:.0f} MB")
        return file.read(MAX_BYTES)


def sanitise(content: bytes, lecture: Lecture) -> Sanitised:
    """Turn a submission into the steps that are run. Raises: Unreadable."""
    mended: list[str] = []
    cells = [c for c in _cells(_notebook(content, mended), mended) if c["cell_type"] == "code"]
    marked = [(_grade_id(c, lecture), c["source"]) for c in cells]
    placed = Sanitised(_steps(marked, lecture, mended), mended)
    _restore_answers(placed, lecture)
    _place_hand_ins(placed, lecture)
    return placed


def _notebook(content: bytes, mended: list[str]) -> Json:
    if len(content) > MAX_BYTES:
        raise Unreadable(f"the file is too large: {len(content) / 1e6:.0f} MB")
    if not content.strip():
        raise Unreadable("the file is empty")
    if content.startswith(b"PK\x03\x04"):
        raise Unreadable("the file is no notebook: it is a zip archive")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = _other_encoding(content, mended)
    try:
        notebook = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Unreadable(f"the file is no notebook: {said}") from None
    if not isinstance(notebook, dict):
        raise Unreadable("the file is no notebook: it is JSON of another kind")
    version = notebook.get("nbformat", 4)
    if type(version) is int and version < 4:
        mended.append(f"It is in notebook format {version}, and was brought to 4.")
        notebook = _converted(notebook)
    return notebook


def _other_encoding(content: bytes, mended: list[str]) -> str:
    encoding: str = json.detect_encoding(content)  # by its byte order mark, and where it has zeros
    if encoding.startswith("utf-8"):
        encoding = "cp1252"
    mended.append(f"It is not in UTF-8, and was read as {encoding}.")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("the file is no notebook: it is not text") from None


def _converted(notebook: Json) -> Json:
    try:
        converted: Json = nbformat.convert(nbformat.from_dict(notebook), 4)
    except Exception as error:  # of nbformat's converters, which take much for granted
        raise Unreadable(f"the file is no notebook that can be read: {type(error).__name__}") from None
    return converted


def _cells(notebook: Json, mended: list[str]) -> list[Json]:
    """The notebook's cells, each a dict with a cell_type, a source and metadata; what is no cell is left out."""
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("the file is no notebook: it has no list of cells")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"the notebook has {len(cells)} cells")
    found, odd = [], 0
    for cell in cells:
        source = cell.get("source") if isinstance(cell, dict) else None
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str) or not isinstance(cell.get("cell_type"), str) or len(source) > MAX_SOURCE:
            odd += 1
            continue
        metadata = cell.get("metadata")
        unified = source.replace("\r\n", "\n").replace("\r", "\n")
        found.append({**cell, "source": unified, "metadata": metadata if isinstance(metadata, dict) else {}})
    if odd:
        mended.append(f"{odd} cells of no proper form were left out.")
    return found


def _grade_id(cell: Json, lecture: Lecture) -> str | None:
    """Which of the lecture's cells this is: by nbgrader's mark, else by the id that the release gave it."""
    mark = cell["metadata"].get("nbgrader")
    marked = mark.get("grade_id") if isinstance(mark, dict) else None
    for name in (marked, cell.get("id")):
        if isinstance(name, str) and name in lecture.order:
            return name
    return None


def _steps(cells: Sequence[tuple[str | None, str]], lecture: Lecture, mended: list[str]) -> list[Step]:
    """The cells in the order of the submission, graded and locked ones with the lecture's sources.

    Of several cells with one mark the last counts, as in nbgrader; a student's own copies stay as plain cells.
    """
    hand_ins = {h.grade_id: h for h in lecture.hand_ins}
    last = {grade_id: i for i, (grade_id, _) in enumerate(cells) if grade_id}
    steps = []
    for i, (grade_id, source) in enumerate(cells):
        if grade_id and last[grade_id] != i:
            mended.append(f"The cell {grade_id} is there more than once; the last one counts.")
            if grade_id not in lecture.answers:
                continue
            grade_id = None
        if grade_id is not None and grade_id in hand_ins:
            steps.append(Step(hand_ins[grade_id].source, hand_ins[grade_id], grade_id))
        elif grade_id is not None and grade_id in lecture.locked:
            if source.strip() != lecture.locked[grade_id].strip():
                mended.append(f"The cell {grade_id} was changed, and was put back.")
        elif source.strip() not in lecture.skipped:
            steps.append(Step(source, None, grade_id))
    return steps


def _restore_answers(placed: Sanitised, lecture: Lecture) -> None:
    """Put back answer cells that are missing, unless another cell has what they define."""
    present = {s.grade_id for s in placed.steps}
    defined = set().union(*(defined_names(s.source) for s in placed.steps if not s.hand_in), set())
    for grade_id, source in lecture.answers.items():
        if grade_id in present:
            continue
        if defined_names(source) & defined:
            placed.mended.append(f"The cell {grade_id} lost its mark; a cell that defines the same stands for it.")
            continue
        placed.mended.append(f"The answer's cell {grade_id} was missing, and was put back as it was released.")
        placed.restored.add(grade_id)
        placed.steps.append(Step(source, None, grade_id))


def _place_hand_ins(placed: Sanitised, lecture: Lecture) -> None:
    """See to it that each hand-in is there once, and behind the cell that defines what it hands in."""
    for hand_in in lecture.hand_ins:
        at = next((i for i, s in enumerate(placed.steps) if s.hand_in is hand_in), None)
        if at is None:
            placed.mended.append(f"The cell {hand_in.grade_id} was missing, and was put back.")
        answer = _answer_of(hand_in, placed.steps, lecture)
        if at is not None and at > answer:
            continue
        if at is not None:
            step = placed.steps.pop(at)
            placed.steps.insert(answer, step)  # what was behind it has moved up by one
        else:
            placed.steps.insert(answer + 1, Step(hand_in.source, hand_in, hand_in.grade_id))


def _answer_of(hand_in: HandIn, steps: Sequence[Step], lecture: Lecture) -> int:
    """Where the answer is: the marked cell, or else the last that defines its name; -1 where there is none."""
    marked = [
        i for i, s in enumerate(steps) if s.grade_id in lecture.answers and hand_in.name in defined_names(s.source)
    ]
    if marked:
        return marked[-1]
    found = [i for i, s in enumerate(steps) if not s.hand_in and hand_in.name in defined_names(s.source)]
    if found:
        return found[-1]
    place = lecture.order.index(hand_in.grade_id)
    before = [i for i, s in enumerate(steps) if s.grade_id in lecture.order[:place]]
    return before[-1] if before else len(steps) - 1


def defined_names(source: str) -> set[str]:
    """The names that a cell defines at its top; nothing where it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return names


def as_notebook(steps: Sequence[Step], outputs: Mapping[int, list[Json]]) -> NotebookNode:
    """What was run, with what came of it, as a notebook."""
    notebook = nbformat.v4.new_notebook()
    for number, step in enumerate(steps):
        cell = nbformat.v4.new_code_cell(step.source, id=step.grade_id or f"cell-{number}")
        cell.outputs = [NotebookNode(o) for o in outputs.get(number, [])]
        notebook.cells.append(cell)
    return notebook
