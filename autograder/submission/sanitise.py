"""From what somebody handed in to the notebook that is graded: whatever is wrong with it, the lecture decides.

Which cells are graded, what they hold and what they are worth follows from the instructor's notebooks alone. Of a
submission only its answers and its own cells are taken; what had to be mended is listed.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autograder.submission.lecture import TAGS_THAT_STEER, HandIn, Lecture, SourceCell
from autograder.submission.submitted import HandedCell, HandedNotebook, Unreadable, read_notebook, read_submission


@dataclass(eq=False)
class Cell:
    """A cell of the notebook that is graded: one of the lecture's (`of`), or a student's own.

    restored: it was missing. runs: it is code that grading needs. place: its number in the file that was handed in.
    """

    cell_type: str
    source: str
    of: SourceCell | None = None
    hand_in: HandIn | None = None
    restored: bool = False
    runs: bool = False
    place: int | None = None
    id: str = ""
    tags: tuple[str, ...] = ()
    attachments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def grade_id(self) -> str | None:
        """What nbgrader calls the cell; None for a student's own."""
        return self.of.grade_id if self.of else None

    @functools.cached_property
    def defines(self) -> frozenset[str]:
        """The names that it defines, read once: each hand-in looks for its own, in what may be thousands of cells."""
        return defined_names(self.source)

    @property
    def role(self) -> str:
        """What it is in the lecture, "" for a student's own."""
        return self.of.role if self.of else ""


@dataclass
class Sanitised:
    """The cells of a submission in order, and what was mended, a sentence each."""

    cells: list[Cell]
    mended: list[str] = field(default_factory=list)
    kernelspec: Mapping[str, str] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """What its code is written in."""
        return self.kernelspec.get("language", "python")

    @property
    def steps(self) -> list[Cell]:
        """The cells that are run."""
        return [cell for cell in self.cells if cell.runs]

    @property
    def restored(self) -> set[str]:
        """The answers that were missing, by grade_id."""
        return {cell.of.grade_id for cell in self.cells if cell.of and cell.restored and cell.role == "answer"}

    def where(self, wanted: SourceCell) -> int | None:
        """The number of one of the lecture's cells; None where it is missing."""
        return next((i for i, cell in enumerate(self.cells) if cell.of is wanted), None)


def sanitise(content: bytes, lecture: Lecture) -> Sanitised:
    """Turn a submission into the notebook that is graded. Raises: Unreadable."""
    handed = read_notebook(content)
    names = [_grade_id(cell, lecture) for cell in handed.cells]
    if not any(names):
        _refuse_another_s(handed, lecture)
    clean = Sanitised([], list(handed.mended), lecture.kernelspec or handed.kernelspec)
    _place(clean, list(zip(handed.cells, names, strict=True)), lecture)
    _restore(clean, lecture)
    _put_hand_ins_behind_answers(clean, lecture)
    _put_tests_behind_answers(clean, lecture)
    return clean


def _grade_id(cell: HandedCell, lecture: Lecture) -> str | None:
    """Which of the lecture's cells this is: by nbgrader's mark, else by the id that the release gave it."""
    return next((name for name in (cell.grade_id, cell.id) if name in lecture.by_id), None)


def _refuse_another_s(handed: HandedNotebook, lecture: Lecture) -> None:
    """Refuse what was handed in by mistake: its marks are another notebook's, and nothing is what is asked for."""
    marked = any(cell.grade_id for cell in handed.cells)
    wanted = {h.name for h in lecture.hand_ins}
    wanted |= {name for cell in lecture.cells if cell.role == "test" for name in used_names(cell.source)}
    if marked and not any(defined_names(cell.source) & wanted for cell in handed.cells if cell.cell_type == "code"):
        raise Unreadable(f"it is no submission to {lecture.name}: its marked cells are those of another notebook")


def _place(clean: Sanitised, handed: list[tuple[HandedCell, str | None]], lecture: Lecture) -> None:
    """Take the cells in their order, the lecture's with its sources.

    Of several answers with one mark the last counts, as in nbgrader; of cells that all say the same the first. The
    others stay as a student's own.
    """
    answers = {name: i for i, (_, name) in enumerate(handed) if name in lecture.answers}
    counts = {name: i for i, (_, name) in reversed(list(enumerate(handed))) if name} | answers
    for i, (cell, name) in enumerate(handed):
        if name is not None and counts[name] != i:
            which = "last" if name in answers else "first"
            clean.mended.append(f"The cell {name} is there more than once; the {which} one counts.")
            name = None
        clean.cells.append(_own(cell, lecture) if name is None else _lecture_s(cell, name, lecture, clean.mended))


def _own(cell: HandedCell, lecture: Lecture) -> Cell:
    text = cell.source.strip()
    runs = cell.cell_type == "code" and bool(text) and text not in lecture.skipped
    tags = tuple(tag for tag in cell.tags if tag not in TAGS_THAT_STEER)
    return Cell(
        cell.cell_type, cell.source, runs=runs, place=cell.place, id=cell.id, tags=tags, attachments=cell.attachments
    )


def _lecture_s(cell: HandedCell, name: str, lecture: Lecture, mended: list[str]) -> Cell:
    of = lecture.by_id[name]
    if cell.cell_type != of.cell_type:
        mended.append(f"The cell {name} was made {cell.cell_type}, and is {of.cell_type} again.")
    if of.role == "answer":
        made = Cell(of.cell_type, cell.source, of, attachments=cell.attachments)
    else:
        if cell.source.strip() not in (of.source.strip(), of.released.strip()):
            mended.append(f"The cell {name} was changed, and was put back.")
        made = _from_lecture(of, lecture)
    made.place = cell.place
    made.runs = _runs(made, lecture)
    return made


def _from_lecture(of: SourceCell, lecture: Lecture) -> Cell:
    hand_in = next((h for h in lecture.hand_ins if h.grade_id == of.grade_id), None)
    made = Cell(of.cell_type, of.source, of, hand_in)
    made.runs = _runs(made, lecture)
    return made


def _runs(cell: Cell, lecture: Lecture) -> bool:
    needed = cell.role != "check" and (cell.role != "fixed" or cell.source.strip() not in lecture.skipped)
    return cell.cell_type == "code" and needed


def _restore(clean: Sanitised, lecture: Lecture) -> None:
    """Put back what is missing, behind what comes before it in the lecture; or mark again what has lost its mark."""
    after = 0
    for of in lecture.cells:
        there = clean.where(of)
        if there is None:
            there = _unmarked_answer(clean, of) if of.role == "answer" else _unmarked(clean, of, after, lecture)
        if there is None:
            what, how = ("answer's cell", " as it was released") if of.role == "answer" else ("cell", "")
            clean.mended.append(f"The {what} {of.grade_id} was missing, and was put back{how}.")
            made = _from_lecture(of, lecture)
            made.restored = True
            clean.cells.insert(after, made)
            there = after
        after = there + 1


def _unmarked_answer(clean: Sanitised, of: SourceCell) -> int | None:
    """Mark the last of a student's own cells that defines what the missing answer defines; return its number."""
    names = defined_names(of.source)
    for i in reversed(range(len(clean.cells))):
        cell = clean.cells[i]
        if cell.of is None and cell.runs and cell.defines & names:
            clean.mended.append(f"The cell {of.grade_id} lost its mark; a cell that defines the same stands for it.")
            cell.of, cell.tags = of, ()
            return i
    return None


def _unmarked(clean: Sanitised, of: SourceCell, after: int, lecture: Lecture) -> int | None:
    """Put a missing cell of the lecture in the place of one without a mark that says the same; return its number."""
    for i in range(after, len(clean.cells)):
        cell = clean.cells[i]
        if cell.of is None and cell.cell_type == of.cell_type and cell.source.strip() == of.released.strip():
            clean.mended.append(f"The cell {of.grade_id} lost its mark, and has it again.")
            clean.cells[i] = _from_lecture(of, lecture)
            return i
    return None


def _put_hand_ins_behind_answers(clean: Sanitised, lecture: Lecture) -> None:
    """See to it that each hand-in stands behind the cell that defines what it hands in."""
    for hand_in in lecture.hand_ins:
        at = next(i for i, cell in enumerate(clean.cells) if cell.hand_in is hand_in)
        answer = _answer_of(hand_in, clean, lecture)
        if at < answer:
            _move(clean, at, answer)


def _answer_of(hand_in: HandIn, clean: Sanitised, lecture: Lecture) -> int:
    """Where the answer is: the marked cell, or else the last that defines its name, or else what comes before."""
    defining = [i for i, c in enumerate(clean.cells) if c.runs and not c.hand_in and hand_in.name in c.defines]
    marked = [i for i in defining if clean.cells[i].role == "answer"]
    if marked or defining:
        return (marked or defining)[-1]
    ids = [cell.grade_id for cell in lecture.cells]
    before = set(ids[: ids.index(hand_in.grade_id)])
    return max((i for i, cell in enumerate(clean.cells) if cell.grade_id in before), default=-1)


def _put_tests_behind_answers(clean: Sanitised, lecture: Lecture) -> None:
    """See to it that no test stands before the answer that comes before it in the lecture."""
    behind: int | None = None
    for of in lecture.cells:
        at = clean.where(of)
        assert at is not None, "all are there by now"
        if of.role == "answer":
            behind = at
        elif of.role == "test" and behind is not None and at < behind:
            _move(clean, at, behind)


def _move(clean: Sanitised, at: int, behind: int) -> None:
    cell = clean.cells.pop(at)
    clean.cells.insert(behind, cell)  # what was behind it has moved up by one
    if not cell.restored:
        clean.mended.append(f"The cell {cell.grade_id} stood before its answer, and was moved behind it.")


@functools.lru_cache(maxsize=512)
def defined_names(source: str) -> frozenset[str]:
    """The names that a cell defines at its top; nothing where it is no Python.

    What is made of itself, as in `Sigmoid = yours_or_library(Sigmoid, edf.Sigmoid)`, was defined before.
    """
    names: set[str] = set()
    for node in _statements(source):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            read = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)} - (read - names)
    return frozenset(names)


@functools.lru_cache(maxsize=512)
def used_names(source: str) -> frozenset[str]:
    """The names that a cell reads, wherever; nothing where it is no Python."""
    nodes = (node for statement in _statements(source) for node in ast.walk(statement))
    return frozenset(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def _statements(source: str) -> Iterable[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


__all__ = ["Cell", "Sanitised", "Unreadable", "defined_names", "read_submission", "sanitise", "used_names"]
