"""The feedback page of a submission: a table of what each exercise got, then the notebook with what was said of it.

`ShowVerdicts` goes into nbgrader's list of preprocessors for feedback, `FeedbackPage` is its exporter; both stand in
nbgrader_config.py. A page holds no script, loads nothing, and shows formulas without a network.
"""

from __future__ import annotations

import copy
import html
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2.bccache import Bucket, BytecodeCache
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution, is_task
from traitlets import default
from traitlets.config import Config

from autograder.hint_level import HintLevel
from autograder.release.release import exercise_of
from autograder.report.clean import clean, clean_with_math
from autograder.verdict import Verdict
from edf_course.exercises import statement
from edf_course.handin import VERDICT, bundle, said_of

TEMPLATES = Path(__file__).parent / "templates"
MOST_BYTES = 1_900_000
LONGEST = 10_000  # characters of a cell that are coloured, or set as Markdown: a stranger can make that take for ever
SECONDS = 10.0  # of work on that for a page; what comes then stands there as it was written
MOST_SOURCE, MOST_OUTPUT = 5_000, 2_000  # characters of a cell, where the page would be too long
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
KEPT = 300  # of what stands on page after page, how much is not made again
GAP = re.compile(r"\s{1000}")  # which IPython's lexer crosses again and again
NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=]", re.ASCII)
LEFT_OUT = (
    "",
    "Pictures are left out: there are too many.",
    "Only answers and graded cells are shown, cut short: the notebook is too long.",
)


@dataclass(frozen=True)
class Row:
    """What a graded cell got: a row of the table, and what is said at the cell. verdict: of a hand-in, if judged."""

    grade_id: str
    title: str
    points: float
    max_points: float
    said: str = ""
    verdict: Verdict | None = None
    hints: str = "name"

    def card(self, heading: str) -> str:
        """Return what is shown of the verdict, with the points that the gradebook has."""
        if self.verdict is None:
            return ""
        shown = replace(self.verdict, points=self.points, max_points=self.max_points)
        text: str = bundle(shown, self.hints, heading)["text/html"]
        return f"{text}<p>{self.by_hand}</p>" if self.by_hand else text

    @property
    def by_hand(self) -> str:
        """That somebody has changed the judge's points, where somebody has."""
        if self.verdict is None or self.verdict.points == self.points:
            return ""
        return f"The judge gave {self.verdict.points:g}; somebody has changed the points by hand."


class ShowVerdicts(NbGraderPreprocessor):
    """Collects what each graded cell got, and shows verdicts as far as the release's level of hints lets it.

    Points are those of the gradebook; stands after GetGrades, and before HideTests.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook with what was said of each exercise, and the rows of the table in the resources."""
        hints = HintLevel(config=self.config).of(resources["nbgrader"]["assignment"])
        rows = [row for cell in nb.cells if (row := _row(cell, hints)) is not None]
        resources["feedback"] = {
            "rows": rows,
            "by_id": {row.grade_id: row for row in rows},
            "comments": [c.metadata.nbgrader.grade_id for c in nb.cells if _comment(c)],
        }
        return nb, resources


def _comment(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("comment") or ""


def _row(cell: NotebookNode, hints: str) -> Row | None:
    """The row of a cell that is worth points, or None; a hand-in loses its outputs to its verdict."""
    mark = cell.metadata.get("nbgrader", {})
    if not (is_grade(cell) or is_task(cell)) or not mark.get("points"):
        return None
    points, most = float(mark.get("score") or 0), float(mark["points"])
    exercise = exercise_of(cell.source) if cell.cell_type == "code" and not is_solution(cell) else None
    if exercise is None:
        return Row(mark.grade_id, mark.grade_id, points, most)
    title, verdict = statement(exercise).title, _verdict(cell, exercise)
    if verdict is None:
        return Row(mark.grade_id, title, points, most, "There is no verdict.")
    cell.outputs = []
    return Row(mark.grade_id, title, points, most, said_of(verdict, hints), verdict, hints)


def _verdict(cell: NotebookNode, exercise: str) -> Verdict | None:
    for output in cell.get("outputs", []):
        try:
            verdict = Verdict.from_json(output["data"][VERDICT])
        except (KeyError, ValueError):
            continue
        if verdict.exercise == exercise:
            return verdict
    return None


class FeedbackPage(TemplateExporter):
    """Writes the page. What comes from a submission is cleaned, and a page that would be too long is shortened."""

    output_mimetype = "text/html"

    def __init__(self, config: Config | None = None, **kw: Any) -> None:
        own = Config()
        own.FeedbackPage.template_name = "edf_feedback"
        own.FeedbackPage.extra_template_basedirs = [str(TEMPLATES)]
        own.CSSHTMLHeaderPreprocessor.enabled = True
        own.CSSHTMLHeaderPreprocessor.style = "xcode"  # whose colours all have the contrast that people need
        own.merge(config or Config())
        self._level = 1
        self._until = math.inf
        super().__init__(config=own, **kw)

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".html"

    @property
    def default_config(self) -> Config:
        """nbconvert's, but for what is shown of an output that comes in several forms."""
        config = super().default_config
        config.NbConvertBase.display_data_priority = [
            *PICTURES,
            "text/html",
            "text/markdown",
            "text/latex",
            "text/plain",
        ]
        return config

    def default_filters(self) -> Any:
        """nbconvert's filters, and ours."""
        yield from super().default_filters()
        yield ("highlight_code", lambda source, metadata=None: self.highlighted(source))
        yield ("markdown2html", self.markdown2html)
        yield ("clean", clean)
        yield ("base64", lambda data: NO_BASE64.sub("", str(data)))
        yield ("card", self.card)

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> Any:
        """Return the page and nbconvert's resources."""
        page, found = "", None
        for step, note in enumerate(LEFT_OUT):
            shorter = _shortened(nb, step)
            if note != LEFT_OUT[-1] and _length(shorter) > MOST_BYTES:
                continue
            self._level, self._until = 1, time.thread_time() + SECONDS
            page, found = super().from_notebook_node(
                shorter, {**copy.deepcopy(resources or {}), "left_out": note}, **kw
            )
            if len(page.encode()) <= MOST_BYTES:
                break
        return page, found

    def card(self, row: Row) -> str:
        """Return the card of a row, with a heading that fits to where it stands."""
        return row.card(f"h{min(self._level + 1, 6)}")

    def markdown2html(self, source: str) -> str:
        """Return Markdown as HTML, made harmless, with headings below the page's own and formulas as MathML."""
        if self._is_too_much(source):
            return f"<pre>{html.escape(source[:LONGEST])}{' …' if len(source) > LONGEST else ''}</pre>"
        text, self._level = _rendered(source, self._level)
        return text

    def highlighted(self, source: str) -> str:
        """Return code as HTML, in colours where it is not too long for that."""
        if self._is_too_much(source):
            return f'<div class="highlight"><pre>{html.escape(source)}</pre></div>'
        return _highlighted(source)

    def _is_too_much(self, source: str) -> bool:
        return len(source) > LONGEST or GAP.search(source) is not None or time.thread_time() > self._until

    def _create_environment(self) -> Any:
        environment = super()._create_environment()
        environment.bytecode_cache = _templates
        return environment


class _Templates(BytecodeCache):
    """Templates as they were compiled for the first page."""

    def __init__(self) -> None:
        self.compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.compiled:
            bucket.bytecode_from_string(self.compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled[bucket.key] = bucket.bytecode_to_string()


_templates = _Templates()


@lru_cache(KEPT)
def _highlighted(source: str) -> str:
    return str(Highlight2HTML(pygments_lexer="ipython3")(source))


@lru_cache(KEPT)
def _rendered(source: str, level: int) -> tuple[str, int]:
    """Markdown as HTML, below a heading of that level; and the level of its last heading."""
    renderer = _Renderer(level)

    def render(math: Any) -> str:
        renderer.math = math
        return str(MarkdownWithMath(renderer=renderer).render(source))

    return clean_with_math(render), renderer.level


class _Renderer(IPythonRenderer):
    math: Any  # what makes a formula of TeX

    def __init__(self, level: int) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.level = level

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        """Return a heading: at least one level below the page's title, and none is left out."""
        self.level = min(level + 1, self.level + 1, 6)
        return f"<h{self.level}>{text}</h{self.level}>\n"

    def inline_math(self, body: str) -> str:
        return str(self.math(body, False))

    def block_math(self, body: str) -> str:
        return str(self.math(body, True))

    def latex_environment(self, name: str, body: str) -> str:
        return str(self.math(rf"\begin{{{name}}}{body}\end{{{name}}}", True))


def _shortened(nb: NotebookNode, step: int) -> NotebookNode:
    """The notebook as it is (0), without pictures (1), or with nothing but graded cells and answers, cut (2)."""
    if step == 0:
        return nb
    nb = copy.deepcopy(nb)
    if step == 2:
        nb.cells = [cell for cell in nb.cells if "nbgrader" in cell.metadata]
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            for kind in PICTURES:
                output.get("data", {}).pop(kind, None)
        if step == 2:
            _cut(cell)
    return nb


def _length(nb: NotebookNode) -> int:
    """How many characters there are to show."""
    outputs = [output for cell in nb.cells for output in cell.get("outputs", [])]
    texts = [text for o in outputs for text in (o.get("text"), *o.get("data", {}).values(), *o.get("traceback", []))]
    return sum(len(cell.source) for cell in nb.cells) + sum(len(text) for text in texts if isinstance(text, str))


def _cut(cell: NotebookNode) -> None:
    if "hand_in(" not in cell.source:
        cell.source = cell.source[:MOST_SOURCE]
    for output in cell.get("outputs", []):
        data: Mapping[str, Any] = output.get("data", {})
        if VERDICT in data:
            continue
        output.data = {"text/plain": str(data.get("text/plain", ""))[:MOST_OUTPUT]}
        output.text = str(output.get("text", ""))[:MOST_OUTPUT]
        output.traceback = [str(line)[:MOST_OUTPUT] for line in output.get("traceback", [])[-3:]]
