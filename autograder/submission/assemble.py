"""The autograded notebook, as nbgrader's formgrader and its feedback need it.

Its cells are those of the submission in their order, but what makes a cell one of the lecture's (its mark, its points,
its source where nobody may change it) is the lecture's. Outputs are those that came of it in the jail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autograder.submission import outputs
from autograder.submission.grades import ExerciseGrade
from autograder.submission.lecture import RESTORED, SKIP
from autograder.submission.sanitise import Cell, Sanitised
from edf_course.handin import bundle, bundle_without_verdict

Json = dict[str, Any]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def assemble(
    clean: Sanitised, shown: Mapping[int, Sequence[Json]], about: Mapping[str, Any], *, steer: bool = False
) -> Json:
    """Make the notebook, in memory. shown: the outputs of each cell. about: what its metadata say of its grading.

    With `steer` the cells that are not to be run have a tag that says so.
    """
    ids = _ids(clean.cells)
    cells = [_cell(cell, next(ids), shown.get(i, ()), steer) for i, cell in enumerate(clean.cells)]
    metadata: Json = {"edf_course": dict(about), "language_info": {"name": "python"}}
    if clean.kernelspec:
        metadata["kernelspec"] = dict(clean.kernelspec)
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(cell: Cell, identity: str, shown: Sequence[Json], steer: bool) -> Json:
    metadata: Json = {}
    tags = [*cell.tags, *([SKIP] if steer and cell.cell_type == "code" and not cell.runs else [])]
    if tags:
        metadata["tags"] = tags
    if cell.of is not None:
        metadata |= {"nbgrader": dict(cell.of.mark), "deletable": False}
        metadata |= {} if cell.role == "answer" else {"editable": False}
        metadata |= {RESTORED: True} if cell.restored else {}
    made: Json = {"cell_type": cell.cell_type, "id": identity, "metadata": metadata, "source": cell.source}
    if cell.cell_type == "code":
        made |= {"execution_count": None, "outputs": [dict(o) for o in shown]}
    elif cell.attachments:
        made["attachments"] = {name: dict(data) for name, data in cell.attachments.items()}
    return made


def _ids(cells: Sequence[Cell]) -> Iterator[str]:
    """An id for each cell: the grade_id of a lecture's, what a student's own had, or a number; no two alike."""
    taken = {cell.grade_id for cell in cells if cell.grade_id}
    for number, cell in enumerate(cells):
        identity = cell.grade_id or cell.id
        if (cell.grade_id is None and identity in taken) or not _ID.fullmatch(identity):
            identity = next(i for i in (f"cell-{number}{'x' * n}" for n in range(50)) if i not in taken)
        taken.add(identity)
        yield identity


def outputs_of_hand_in(grade: ExerciseGrade) -> list[Json]:
    """What a hand-in cell shows: the verdict, and the points as its value, which nbgrader takes as the score."""
    if grade.verdict is not None:
        data = bundle(grade.verdict)
    else:
        data = bundle_without_verdict(grade.exercise, f"{grade.exercise}: {grade.reason}.")
    return [outputs.shown(data), outputs.value({"text/plain": repr(float(grade.points))})]


def as_text(notebook: Json) -> str:
    """The notebook as a file: as nbformat writes it, but each cell in a line, which is ten times as fast."""
    cells = ",\n".join(_json(_in_lines(cell)) for cell in notebook["cells"])
    rest = _json({name: value for name, value in notebook.items() if name != "cells"})
    return f'{{"cells": [\n{cells}\n],\n{rest[1:]}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _in_lines(cell: Json) -> Json:
    made = cell | {"source": cell["source"].splitlines(keepends=True)}
    if "outputs" in cell:
        made["outputs"] = [_output_in_lines(output) for output in cell["outputs"]]
    return made


def _output_in_lines(output: Json) -> Json:
    if "text" in output:
        return output | {"text": output["text"].splitlines(keepends=True)}
    if "data" in output:
        data = output["data"].items()
        return output | {"data": {k: v.splitlines(keepends=True) if k.startswith("text/") else v for k, v in data}}
    return output
