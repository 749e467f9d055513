"""Test cells of other people's, with asserts of their own: graded by nbgrader's rules on what came of them in the jail.

They run in the student's process, so they are as tamper-proof as that process: see lecture_cells.py, which runs them.
What is decided here is what counts as having passed: a test that was never reached, or whose process died, did not.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.inputtransformer2 import TransformerManager

from autograder.jail.lecture_cells import FILE
from autograder.submission import outputs
from autograder.submission.lecture import SourceCell

Json = dict[str, Any]

_MAGICS = TransformerManager()
_LINE = re.compile(rf'  File "{re.escape(FILE)}", line (\d{{1,6}})\b.*')


@functools.lru_cache(maxsize=512)
def plain_python(source: str) -> tuple[str, bool]:
    """A lecture's cell without IPython's own syntax, and whether the value of its last line is shown.

    Done here, where no student's code can have changed how.
    """
    text = _MAGICS.transform_cell(source)
    try:
        return text, not DisplayHook.semicolon_at_end_of_expression(text)
    except Exception:  # of tokenize, for what is no Python: then running it says so
        return text, True


def outcome(cell: SourceCell, shown: Sequence[Json], succeeded: bool, value: str | None) -> list[Json]:
    """The outputs of a cell of the lecture that was run: its value comes last, and nothing else counts as one.

    In a graded cell what was written to stderr is ordinary output, since a warning is no error.
    """
    found = [_with_lines(_displayed(o), cell.source) for o in shown]
    if cell.mark.get("grade"):
        found = [o | {"name": "stdout"} if o["output_type"] == "stream" else o for o in found]
        if value is not None:
            value, complaint = _checked(value, cell.points)
            found += [complaint] if complaint else []
    if not succeeded and not any(o["output_type"] == "error" for o in found):
        found.append(outputs.error("NotRun", "it did not end well, and does not say why"))
    if value is not None:
        found.append(outputs.value({"text/plain": value}))
    return found


def _displayed(output: Json) -> Json:
    return outputs.shown(output["data"]) if output["output_type"] == "execute_result" else output


def _checked(value: str, points: float) -> tuple[str | None, Json | None]:
    """A value that is no number of points is an error, where nbgrader gives all points (NaN, -1) or gives up (99)."""
    try:
        number = float(value)
    except ValueError:
        return value, None  # something else than a number: all points, as in nbgrader
    if 0 <= number <= points:
        return value, None
    said = f"its value is {value}, and it is worth from 0 to {points:g} points"
    return None, outputs.error("NoPoints", said)


def _with_lines(output: Json, source: str) -> Json:
    """An error's traceback with the lines of the cell: where it ran, its text is kept nowhere."""
    if output["output_type"] != "error":
        return output
    text = plain_python(source)[0].splitlines()
    lines = []
    for line in "\n".join(output["traceback"]).split("\n"):
        lines.append(line)
        found = _LINE.fullmatch(line)
        if found and 0 < int(found[1]) <= len(text):
            lines.append(f"    {text[int(found[1]) - 1].strip()}")
    return output | {"traceback": lines}


def score(cell: Mapping[str, Any]) -> float | None:
    """What nbgrader gives for a graded cell of a notebook; None where a human has to."""
    import nbformat
    from nbgrader.utils import determine_grade

    points, most = determine_grade(nbformat.from_dict(cell))
    return None if points is None else float(min(points, most))
