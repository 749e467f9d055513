"""A lecture of three exercises, and submissions to it in a few words: what each cell says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from autograder.jail.jail import MB, Limits
from autograder.submission.lecture import HandIn, Lecture, Role, SourceCell

SECRET = b"a secret of the tests' own, 32 B"
LIMITS = Limits(notebook_seconds=15, cell_seconds=1.5, probe_seconds=1, grace_seconds=1, memory=1024 * MB)
POINTS = {"edf.sigmoid": 6.0, "edf.sgd": 4.0, "edf.gate": 8.0}
FULL = tuple(POINTS.values())

START = """\
import numpy as np

from edf_course import check, data, edf, hand_in, progress, yours_or_library
from edf_course.edf import CompNode, Input, Parameter
"""
SIGMOID = """\
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = np.exp(-np.logaddexp(0.0, -self.x.value))

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))
"""
SGD = """\
def sgd(parameters, learning_rate):
    for p in parameters:
        p.value = p.value - learning_rate * p.grad
"""
GATE = """\
class Gate(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self):
        self.open = np.exp(-np.logaddexp(0.0, -self.b.value))
        self.value = self.a.value * self.open

    def backward(self):
        self.a.addgrad(self.grad * self.open)
        self.b.addgrad(self.grad * self.a.value * self.open * (1 - self.open))
"""
RIGHT = {"sigmoid": SIGMOID, "sgd": SGD, "gate": GATE}
NOTHING = {  # as it is released
    "sigmoid": """\
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        raise NotImplementedError()

    def backward(self):
        raise NotImplementedError()
""",
    "sgd": """\
def sgd(parameters, learning_rate):
    raise NotImplementedError()
""",
    "gate": """\
class Gate(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self):
        raise NotImplementedError()

    def backward(self):
        raise NotImplementedError()
""",
}
NAMES = {"sigmoid": "Sigmoid", "sgd": "sgd", "gate": "Gate"}


def hand_in_source(key: str) -> str:
    """The hidden hand-in cell of an exercise."""
    return f'# Graded when you hand in.\nhand_in("edf.{key}", {NAMES[key]})'


def check_source(key: str) -> str:
    """The check cell of an exercise."""
    return f'check("edf.{key}", {NAMES[key]})'


def source_cell(grade_id: str, role: Role, source: str, released: str, points: float | None = None) -> SourceCell:
    """A cell as the gradebook has it."""
    answers = role == "answer"
    mark: dict[str, Any] = {"grade_id": grade_id, "schema_version": 3, "solution": answers, "grade": points is not None}
    mark |= {"locked": not answers, "task": False, "cell_type": "code"} | ({} if points is None else {"points": points})
    return SourceCell(grade_id, "code", source, released, role, mark)


LECTURE = Lecture(
    "small",
    tuple(
        cell
        for k in NAMES
        for cell in (
            source_cell(k, "answer", NOTHING[k], NOTHING[k]),
            source_cell(f"{k}-check", "check", check_source(k), check_source(k), 0.0),
            source_cell(f"{k}-hand-in", "hand_in", hand_in_source(k), "# Graded when you hand in.", POINTS[f"edf.{k}"]),
        )
    ),
    tuple(HandIn(f"{k}-hand-in", f"edf.{k}", NAMES[k], hand_in_source(k), POINTS[f"edf.{k}"]) for k in NAMES),
    frozenset({"import time\ntime.sleep(1000)  # a long training"}),
)


def code(source: str, grade_id: str | None = None, **metadata: Any) -> dict[str, Any]:
    """A code cell, with nbgrader's mark where it has a grade_id."""
    if grade_id:
        mark = {"grade_id": grade_id, "schema_version": 3, "solution": grade_id in NAMES, "grade": "-" in grade_id}
        metadata = {"nbgrader": mark | {"locked": "-" in grade_id, "task": False}} | metadata
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def cells(first: str = "", last: str = "", between: str = "", **answers: str) -> list[dict[str, Any]]:
    """The lecture's cells with these answers (default: right ones), and cells of the student's own."""
    made = [code(START)]
    made += [code(first)] if first else []
    for i, key in enumerate(NAMES):
        made += [
            code(answers.get(key, RIGHT[key]), key),
            code(check_source(key), f"{key}-check"),
            code("# Graded when you hand in.", f"{key}-hand-in"),
        ]
        made += [code(between)] if between and i == 0 else []
    return made + ([code(last)] if last else [])


def notebook(of: Iterable[dict[str, Any]], **more: Any) -> bytes:
    """A notebook file of these cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": list(of), "metadata": kernel, "nbformat": 4, "nbformat_minor": 5, **more}).encode()


def submission(**says: str) -> bytes:
    """A submission that says this; see `cells`."""
    return notebook(cells(**says))


def without_an_answer(**says: str) -> bytes:
    """A submission with nothing right in it, and what else it says."""
    return notebook(cells(**{**NOTHING, **says}))
