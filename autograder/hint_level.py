"""How much a hint says: a setting of the release, in nbgrader_config.py.

    c.HintLevel.level = "kind"  # of every lecture
    c.HintLevel.by_lecture = {"04_edf": "place"}  # of this one

"off" says what is right and what is not, "place" also which part is wrong (forward, the gradient of W, where a node is
read twice …), "kind" also in what way (its sign, a constant factor, its shape …) with the numbers, and "name", which is
the default, everything: also the likely mistake.
The release writes it into each `check(...)` of what students get, so it holds wherever they take their notebook. The
feedback pages follow the same setting, never what a submission says; the instructor's report always says everything.
"""

from __future__ import annotations

import ast
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Dict, Enum, Unicode
from traitlets.config import Config

from autograder.course import settings_of
from edf_course.wording import LEVELS


class HintLevel(NbGraderPreprocessor):
    """Writes the level of hints into the checks of a release; "name" leaves them as they are."""

    level = Enum(LEVELS, "name", help="How much hints say: off, place, kind or name.").tag(config=True)
    by_lecture = Dict(
        key_trait=Unicode(), value_trait=Enum(LEVELS), help="The same for single lectures, by their names."
    ).tag(config=True)

    def of(self, lecture: str) -> str:
        """Return the level of a lecture."""
        return str(self.by_lecture.get(lecture, self.level))

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook with the level written into its checks, and the resources."""
        level = self.of(resources["nbgrader"]["assignment"])
        if level == "name":
            return nb, resources
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.source = with_hints(cell.source, level)
        ours = nb.metadata.get("edf_course", {})
        if "version" in ours:  # another release: it is laid beside the one that somebody has
            ours["version"] = f"{ours['version']}-{level}"
        return nb, resources


def with_hints(source: str, level: str) -> str:
    """Return the source of a cell with the level in each of its calls `check("…", …)` that has none of its own."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell with magics
        return source
    lines = source.encode().splitlines(keepends=True)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_check(node)]
    arguments = [[*call.args, *(keyword.value for keyword in call.keywords)] for call in calls]
    ends = [max((a.end_lineno or 0, a.end_col_offset or 0) for a in of_call) for of_call in arguments]
    for number, column in sorted(ends, reverse=True):  # behind the last argument; from the end, so that places stay
        line = lines[number - 1]
        lines[number - 1] = line[:column] + f', hints="{level}"'.encode() + line[column:]
    return b"".join(lines).decode()


def _is_check(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Name) and call.func.id == "check" and len(call.args) >= 2
    return named and not any(keyword.arg == "hints" for keyword in call.keywords)


def level_of(config: Config, lecture: str) -> str:
    """The level of a lecture by an nbgrader configuration. Raises: CourseError."""
    with settings_of(HintLevel, config):
        return HintLevel(config=config).of(lecture)
