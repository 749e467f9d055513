"""A lecture as the grader has it: plain data, so that it can be sent to any worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

SKIP = "skip-grading"  # the tag of a cell that is not needed for grading: a demonstration, a long training
TAGS_THAT_STEER = frozenset({SKIP, "skip-execution", "raises-exception"})
RESTORED = "edf_course_restored"  # set in the metadata of a cell that was missing from the submission

Role = Literal["answer", "hand_in", "check", "test", "fixed"]


@dataclass(frozen=True)
class HandIn:
    """A graded cell of the lecture: the exercise, the name that it hands in, its source and what it is worth."""

    grade_id: str
    exercise: str
    name: str
    source: str
    points: float


@dataclass(frozen=True)
class SourceCell:
    """A cell that the gradebook knows by its grade_id.

    source: what is graded, hidden tests included; of an answer what was released. released: what students got.
    role: an "answer" is the student's to write; a "hand_in" goes to the judge; a "check" is not needed for grading; a
    "test" is graded by nbgrader's rules; what is "fixed" only has to be there. mark: nbgrader's metadata.
    """

    grade_id: str
    cell_type: str
    source: str
    released: str
    role: Role
    mark: Mapping[str, Any]

    @property
    def points(self) -> float:
        """What the cell is worth."""
        return float(self.mark.get("points", 0.0))


@dataclass(frozen=True)
class Lecture:
    """What the instructor has of a lecture: all that grading needs, as plain data.

    cells: those that the gradebook knows, in their order. skipped: the sources of the cells that are not needed for
    grading. kernelspec: of the source; empty where it has none.
    """

    name: str
    cells: tuple[SourceCell, ...]
    hand_ins: tuple[HandIn, ...]
    skipped: frozenset[str] = frozenset()
    kernelspec: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[str, SourceCell]:
        """The cells by grade_id."""
        return {cell.grade_id: cell for cell in self.cells}

    @cached_property
    def answers(self) -> Mapping[str, str]:
        """The answer cells as they were released, by grade_id."""
        return {cell.grade_id: cell.source for cell in self.cells if cell.role == "answer"}

    @property
    def has_tests(self) -> bool:
        """Whether there are tests of other kinds than this course's exercises, graded by nbgrader's rules."""
        return any(cell.role == "test" for cell in self.cells)

    @property
    def is_plain(self) -> bool:
        """Whether it has no exercise of this course in it: then every test is nbgrader's, and nothing is withheld."""
        return not self.hand_ins
