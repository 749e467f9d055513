"""A notebook of other people's in a few words: answers, tests with asserts, and submissions to it."""

from __future__ import annotations

import json
from typing import Any

from autograder.classroom.lecture_files import without_hidden
from autograder.submission.lecture import Lecture, Role, SourceCell

START = "import numpy as np"
STUB = "def squares(n):\n    raise NotImplementedError()"
RIGHT = "def squares(n):\n    return [i * i for i in range(1, n + 1)]"
WRONG = "def squares(n):\n    return list(range(1, n + 1))"
HELPER = "def close(a, b):\n    assert np.allclose(a, b), 'not close'"
TEST = "assert squares(1) == [1]\n### BEGIN HIDDEN TESTS\nassert squares(3) == [1, 4, 9]\n### END HIDDEN TESTS"
CLOSE = "close(squares(3), [1, 4, 9])"
PARTIAL = "2.0 if squares(2) == [1, 4] else 0.5"


def cell(grade_id: str, role: Role, source: str, points: float | None = None, cell_type: str = "code") -> SourceCell:
    """A cell as the gradebook has it; `points` where it is graded."""
    solution, task = role == "answer", points is not None and role == "fixed"
    mark: dict[str, Any] = {
        "grade_id": grade_id, "schema_version": 3, "solution": solution, "grade": points is not None and not task,
        "locked": not solution, "task": task, "cell_type": cell_type,
    }  # fmt: skip
    mark |= {} if points is None else {"points": points}
    return SourceCell(grade_id, cell_type, source, without_hidden(source), role, mark)


LECTURE = Lecture(
    "plain",
    (
        cell("helper", "fixed", HELPER),
        cell("squares", "answer", STUB),
        cell("squares-test", "test", TEST, 3.0),
        cell("squares-close", "test", CLOSE, 1.0),
        cell("squares-partial", "test", PARTIAL, 2.0),
        cell("why", "answer", "Your answer.", 4.0, "markdown"),
        cell("task", "fixed", "Draw a graph.", 5.0, "markdown"),
    ),
    (),
)
FULL = {"squares-test": 3.0, "squares-close": 1.0, "squares-partial": 2.0}


def marked(of: SourceCell, source: str | None = None) -> dict[str, Any]:
    """One of the lecture's cells as it was released, or as a student filled it in."""
    text = of.released if source is None else source
    made: dict[str, Any] = {"cell_type": of.cell_type, "source": text, "metadata": {"nbgrader": dict(of.mark)}}
    return made | ({"outputs": [], "execution_count": None} if of.cell_type == "code" else {})


def code(source: str, **metadata: Any) -> dict[str, Any]:
    """A code cell of a student's own."""
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def cells(answer: str = RIGHT, first: str = "", before_tests: str = "") -> list[dict[str, Any]]:
    """The cells of a submission with this answer, and cells of the student's own."""
    made = [code(START), *([code(first)] if first else [])]
    for of in LECTURE.cells:
        made += [code(before_tests)] if before_tests and of.grade_id == "squares-test" else []
        made.append(marked(of, answer if of.grade_id == "squares" else None))
    return made


def notebook(of: list[dict[str, Any]], **more: Any) -> bytes:
    """A notebook file of these cells."""
    return json.dumps({"cells": of, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}).encode()


def submission(answer: str = RIGHT, **more: str) -> bytes:
    """A submission; see `cells`."""
    return notebook(cells(answer, **more))
