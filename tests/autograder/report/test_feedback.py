"""The feedback page: what it says, what it keeps to itself, and that nothing in it acts on whoever opens it."""

from __future__ import annotations

import base64
import re
import time
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import jupytext
import nbformat
import pytest
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from traitlets.config import Config

from autograder.judge import judge
from autograder.nbgrader_plugin import HideTests
from autograder.report.clean import MOST_MARKUP, clean, mathml
from autograder.report.feedback import MOST_BYTES, FeedbackPage, ShowVerdicts
from autograder.verdict import Verdict
from edf_course.handin import VERDICT, bundle, bundle_without_verdict
from tests.autograder.making import sig, unary
from tests.autograder.mini import REPOSITORY

HAND_IN = "# Graded when you hand in.\n### BEGIN HIDDEN TESTS\nhand_in({!r}, {})\n### END HIDDEN TESTS"
RIGHT = judge("edf.sigmoid", unary(sig, lambda x, y, g: g * y * (1 - y)))
WRONG = judge("edf.sigmoid", unary(sig, lambda x, y, g: -g * y * (1 - y)))
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 300).decode()


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.raw = text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for t, attributes in self.tags if t == tag]


def marked(cell: NotebookNode, grade_id: str, **mark: Any) -> NotebookNode:
    """The cell with nbgrader's mark, as it is after GetGrades."""
    plain = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    cell.metadata["nbgrader"] = NotebookNode({**plain, "grade_id": grade_id, **mark})
    return cell


def graded(
    verdict: Verdict | dict[str, Any], score: float | None = None, exercise: str = "edf.sigmoid"
) -> NotebookNode:
    """A hand-in cell with what the judge said."""
    shown = bundle(verdict) if isinstance(verdict, Verdict) else verdict
    points = verdict.points if score is None and isinstance(verdict, Verdict) else score or 0
    cell = new_code_cell(HAND_IN.format(exercise, "Sigmoid"))
    cell.outputs = [
        new_output("display_data", shown),
        new_output("execute_result", {"text/plain": repr(points)}),
    ]
    return marked(cell, f"{exercise.split('.')[1]}-hand-in", grade=True, locked=True, points=6, score=points)


def page_of(*cells: NotebookNode, level: str = "name", late: float = 0, student: str = "ada") -> Page:
    """The page of a notebook with these cells."""
    notebook = nbformat.from_dict(nbformat.reads(nbformat.writes(new_notebook(cells=list(cells))), as_version=4))
    config = Config({"Exporter": {"default_preprocessors": []}, "HintLevel": {"level": level}})
    exporter = FeedbackPage(config=config)
    for preprocessor in (ShowVerdicts, HideTests):
        exporter.register_preprocessor(preprocessor, enabled=True)
    score = sum(c.metadata.nbgrader.get("score", 0) for c in cells if "nbgrader" in c.metadata)
    names = {"assignment": "04_edf", "notebook": "04_edf", "student": student}
    names |= {"score": score - late, "max_score": 6, "late_penalty": late}
    return Page(exporter.from_notebook_node(notebook, {"nbgrader": names})[0])


def test_the_page_begins_with_a_table_that_leads_to_each_exercise() -> None:
    page = page_of(new_markdown_cell("# A lecture"), graded(WRONG), graded(RIGHT, exercise="edf.sigmoid"))
    assert page.text.index("What each exercise got") < page.text.index("A lecture")
    assert re.search(r"Sigmoid1 of 6At x\[", page.text)
    assert re.search(r"total\s*7 of 6", page.text)
    (link, *_) = page.all("a")
    assert link["href"] == "#sigmoid-hand-in"
    assert any(a.get("id") == "sigmoid-hand-in" for a in page.all("section"))


def test_a_verdict_is_shown_with_points_sentence_picture_and_a_cell_to_paste() -> None:
    page = page_of(graded(WRONG))
    assert "✗ Not yet right: Sigmoid, 1 of 6 points" in page.text
    assert WRONG.sentence in page.text
    assert "Points: gradient 0 of 1, accumulates 0 of 1, repeatable 0 of 1" in page.text
    assert page.text.index(WRONG.sentence) < page.text.index("your x.grad") < page.text.index("paste this")
    assert WRONG.to_paste in page.text
    assert {"pre", "code"} <= {tag for tag, _ in page.tags}


def test_right_work_is_said_to_be_right_and_no_more() -> None:
    page = page_of(graded(RIGHT))
    assert "✓ Right: Sigmoid, 6 of 6 points" in page.text
    assert page.all("figure") == []
    assert "paste" not in page.text


@pytest.mark.parametrize("verdict", [RIGHT, WRONG])
def test_no_hidden_test_is_on_the_page(verdict: Verdict) -> None:
    page = page_of(graded(verdict))
    assert "hand_in(" not in page.raw
    assert "HIDDEN" not in page.raw


@pytest.mark.parametrize(
    ("level", "said", "shows"),
    [
        ("off", "", False),
        ("place", "Your gradient of x is not right.", False),
        ("kind", "Your gradient of x is not right. Its sign is turned around.", True),
        ("name", WRONG.sentence, True),
    ],
)
def test_the_page_says_as_much_as_the_release_lets_it(level: str, said: str, shows: bool) -> None:
    page = page_of(graded(WRONG), level=level)
    assert said in page.text
    assert ("your x.grad" in page.text) == ("paste this" in page.text) == shows
    assert ("look for a minus" in page.text) == (level == "name")
    assert ("gradient 0 of 1" in page.text) == (level != "off")
    assert "Sigmoid, 1 of 6 points" in page.text


def test_a_submission_does_not_decide_how_much_is_said() -> None:
    cell = graded(WRONG)
    cell.metadata["edf_course"] = {"hints": "name"}
    cell.outputs[0].data["text/html"] = "<p>everything</p>"
    cell.source = cell.source.replace("Sigmoid)", "Sigmoid, hints='name')")
    page = page_of(new_code_cell("check('edf.sigmoid', Sigmoid, hints='name')"), cell, level="place")
    assert "look for a minus" not in page.text
    assert "everything" not in page.text


def test_points_that_somebody_has_changed_are_the_ones_that_are_shown() -> None:
    page = page_of(graded(WRONG, score=5))
    assert "Sigmoid, 5 of 6 points" in page.text
    assert page.text.count("The judge gave 1; somebody has changed the points by hand.") == 2  # in the table, and below


def test_a_late_penalty_and_comments_are_shown() -> None:
    answer = marked(new_code_cell("x = 1"), "sigmoid", solution=True, comment="Nice, but **see** $x^2$.")
    page = page_of(answer, graded(WRONG), late=0.5)
    assert re.search(r"handed in late−0\.5", page.text)
    assert {"href": "#comment-sigmoid"} in page.all("a")
    assert [a["class"] for a in page.all("div") if a.get("id") == "comment-sigmoid"] == ["comment"]
    assert page.all("math")


def test_tests_of_other_people_and_answers_by_hand_keep_their_points_and_outputs() -> None:
    plain = marked(new_code_cell("assert f(2) == 4"), "test-f", grade=True, locked=True, points=2, score=0)
    plain.outputs = [new_output("error", ename="AssertionError", evalue="f(2) is 5", traceback=["\x1b[31mf(2) is 5"])]
    essay = marked(new_markdown_cell("Because."), "why", grade=True, solution=True, points=4, score=3)
    page = page_of(plain, essay)
    assert "test-f: 0 of 2 points" in page.text
    assert "your answer: 3 of 4 points" in page.text
    assert "f(2) is 5" in page.text
    assert "\x1b" not in page.raw


def test_what_never_came_is_said_with_its_reason_at_every_level() -> None:
    reason = "edf.sigmoid: nothing was handed in: NameError: no Sigmoid."
    for level in ("off", "name"):
        page = page_of(graded(bundle_without_verdict("edf.sigmoid", reason)), level=level)
        assert "Sigmoid, 0 of 6 points" in page.text
        assert reason in page.text


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "text",
        {},
        {"exercise": "edf.sigmoid"},
        WRONG.as_json() | {"exercise": "edf.tanh"},
        WRONG.as_json() | {"points": "many"},
        WRONG.as_json() | {"aspects": []},
        WRONG.as_json() | {"sentence": ["<b>"]},
        WRONG.as_json() | {"evidence": {"name": "x", "got": [["1"]], "right": [["1", "2"]], "shape": [1]}},
        WRONG.as_json() | {"evidence": {"name": "x", "got": [["a"]], "right": [["1"]], "shape": [1]}},
        WRONG.as_json() | {"evidence": {"name": "x", "got": [["1"] * 99], "right": [["1"] * 99], "shape": [1]}},
    ],
)
def test_what_is_no_verdict_is_not_taken_for_one(said: Any) -> None:
    page = page_of(graded({VERDICT: said, "text/html": "<b>all points</b>", "text/plain": "all points"}, score=0))
    assert re.search(r"Sigmoid0 of 6There is no verdict\.", page.text)


def test_a_verdict_comes_back_from_its_file_as_it_was() -> None:
    back = Verdict.from_json(
        nbformat.reads(nbformat.writes(new_notebook(cells=[graded(WRONG)])), 4).cells[0].outputs[0].data[VERDICT]
    )
    assert bundle(back) == bundle(WRONG)
    assert list(back.aspects) == list(WRONG.aspects)


# --- nothing acts -----------------------------------------------------------------------------------------------------

EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><iframe src='javascript:alert(1)'></iframe>"
    "<svg onload=alert(1)><style>*{display:none}</style></svg><a href='javascript:alert(1)'>a</a>"
    "<form action='https://evil.example'><input autofocus onfocus=alert(1)></form><object data='x'></object>"
    "<div style='position:fixed;background:url(https://evil.example/x)'>over</div><base href='//evil.example'>"
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>"
    "<link rel=stylesheet href='//evil.example/x.css'><meta http-equiv=refresh content='0;url=//evil.example'>"
)


def everywhere() -> list[NotebookNode]:
    """Cells that try to get something onto the page that acts."""
    told = WRONG.as_json() | {"sentence": EVIL, "to_paste": "</code></pre>" + EVIL, "remark": EVIL}
    told["aspects"] = {EVIL: WRONG.as_json()["aspects"]["gradient"]}
    told["order"] = [EVIL]
    told["evidence"] = {**told["evidence"], "name": EVIL[:90]}
    shows = new_code_cell(f"'{EVIL}'")
    shows.outputs = [
        new_output("stream", text=EVIL),
        new_output("display_data", {"text/html": EVIL}),
        new_output(
            "display_data", {"text/markdown": EVIL + "\n\n[a](javascript:alert(1)) ![b](https://evil.example/x.png)"}
        ),
        new_output("display_data", {"application/javascript": "alert(1)", "text/plain": EVIL}),
        new_output("display_data", {"text/latex": EVIL}),
        new_output("display_data", {"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{EVIL}</svg>"}),
        new_output("display_data", {"image/png": f'{PNG}" onerror="alert(1)', "text/plain": f'"{EVIL}'}),
        new_output(
            "display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": EVIL}, "text/plain": EVIL}
        ),
        new_output("error", ename=EVIL, evalue=EVIL, traceback=[f"\x1b[31m{EVIL}"]),
    ]
    return [
        new_markdown_cell(EVIL + f"\n\n$$ {EVIL} $$ and $ \\text{{{EVIL}}} $"),
        new_markdown_cell(
            "![x](data:text/html;base64,PHNjcmlwdD4=) [y](data:text/html,x) `" + EVIL + "`\n\n```js\nalert(1)\n```"
        ),
        new_raw_cell(EVIL),
        shows,
        marked(new_code_cell(EVIL), '"><script>alert(1)</script>', solution=True, comment=EVIL),
        graded({VERDICT: told, "text/html": EVIL, "text/plain": EVIL}, score=1),
    ]


def test_nothing_on_the_page_acts_or_loads() -> None:
    page = page_of(*everywhere(), student=EVIL)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "base",
        "link",
        "svg",
        "frame",
        "video",
        "audio",
    }
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert attributes.get("href", "#").startswith(("#", "http", "mailto"))
        assert attributes.get("src", "data:image/").startswith("data:image/")
        style = attributes.get("style", "")
        assert "url" not in style
        assert "position" not in style
    assert len(page.all("style")) == 1  # the page's own
    assert "alert(1)" in page.text  # shown, as text


def test_the_browser_is_told_to_run_and_load_nothing() -> None:
    (policy,) = (a["content"] for a in page_of(graded(RIGHT)).all("meta") if "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_markup_that_only_formats_stays() -> None:
    kept = '<details open><summary>a</summary><table><tbody><tr><td colspan="2">b</td></tr></tbody></table></details>'
    assert clean(kept) == kept
    assert clean('<p style="color: red; position: fixed">x</p>') == '<p style="color: red;">x</p>'
    assert clean("<b>" * 100_000).count("&lt;b&gt;") == MOST_MARKUP // 3


# --- what everybody can read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tex", "parts"),
    [
        (r"\frac{1}{B}\sum_b x_b", ("<mfrac>", "<msub>", "∑")),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", ("<mtable", "<mtr")),
        (r"\underbrace{x}_{\text{pass on}}", ("<munder>", "pass on")),
    ],
)
def test_formulas_are_mathml_with_their_tex_beside(tex: str, parts: tuple[str, ...]) -> None:
    made = mathml(tex, display=True)
    assert all(part in made for part in parts)
    assert 'display="block"' in made
    assert f'alttext="{tex.replace("&", "&amp;")}"' in made


def formulas() -> list[tuple[str, bool]]:
    """The formulas of all lectures."""
    found = {}
    for script in sorted((REPOSITORY / "solutions").glob("*.py")):
        for cell in jupytext.read(script, fmt="py:percent").cells:
            if cell.cell_type == "markdown":
                text = re.sub(r"`[^`]*`", "", cell.source)
                for block, inline in re.findall(r"\$\$(.*?)\$\$|(?<![$\\])\$([^$]+?)\$", text, re.DOTALL):
                    found[block or inline] = bool(block)
    return list(found.items())


def test_all_formulas_of_the_lectures_are_understood() -> None:
    assert len(formulas()) > 40
    for tex, display in formulas():
        made = ElementTree.fromstring(mathml(tex, display))
        assert made.tag.endswith("math"), tex
        assert not any(sign in (part.text or "") for part in made.iter() for sign in "\\&{}"), tex


@pytest.mark.parametrize(
    "tex", [r"\frac{1", r"\left(", "x" * 4000, "{" * 2000, "<b>&", "<b>" + "x" * 4000, r"\begin{nothing} x"]
)
def test_what_is_no_tex_is_shown_and_harmless(tex: str) -> None:
    made = mathml(tex, display=False)
    assert "<b>" not in made
    assert ("&lt;b&gt;" in made) == ("<b>" in tex)
    assert made.startswith(("<math", "<code"))


def test_every_kind_of_formula_in_a_cell_is_found_and_code_is_left_alone() -> None:
    page = page_of(
        new_markdown_cell("$a^2$ and\n\n$$b^2$$\n\n\\begin{equation} c^2 \\end{equation}\n\n`$d^2$` costs $5 or \\$6.")
    )
    assert [a["display"] for a in page.all("math")] == ["inline", "block", "block"]
    assert "$d^2$" in page.text


def test_headings_begin_below_the_pages_own_and_leave_none_out() -> None:
    page = page_of(
        new_markdown_cell("# One"), new_markdown_cell("### Three"), graded(WRONG), new_markdown_cell("## Two")
    )
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels == [1, 2, 3, 4, 3]


def test_the_same_text_has_headings_that_fit_to_where_it_stands() -> None:
    page = page_of(*(new_markdown_cell(text) for text in ("## Again", "### Deeper", "## Again")))
    assert [tag for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)] == ["h1", "h2", "h3", "h3"]


def test_pictures_have_a_description_in_words() -> None:
    cell = new_code_cell("plot()")
    cell.outputs = [
        new_output("display_data", {"image/png": PNG, "text/plain": "a curve", "text/html": "<img>"}),
        new_output("display_data", {"image/png": PNG}),
    ]
    assert [a["alt"] for a in page_of(cell).all("img")] == ["a curve", "a picture without a description"]


# --- size -------------------------------------------------------------------------------------------------------------


def with_text(text: str, picture: int = 0) -> NotebookNode:
    cell = new_code_cell("show()")
    data = {"text/plain": text} | ({"image/png": PNG + "A" * picture} if picture else {})
    cell.outputs = [new_output("display_data", data)]
    return cell


def test_a_page_with_too_many_pictures_does_without_them() -> None:
    page = page_of(*(with_text("a plot", 400_000) for _ in range(6)), graded(WRONG))
    assert page.all("img") == []
    assert "Pictures are left out" in page.text
    assert WRONG.to_paste in page.text
    assert "a plot" in page.text


def test_a_page_that_is_too_long_keeps_what_is_graded() -> None:
    answer = marked(new_code_cell("x = 1\n" * 100_000), "sigmoid", solution=True)
    page = page_of(*(with_text("long" * 50_000) for _ in range(12)), answer, graded(WRONG))
    assert len(page.raw.encode()) < MOST_BYTES
    assert "the notebook is too long" in page.text
    assert WRONG.to_paste in page.text


ENDLESS = ["*" * 190_000, " \n" * 95_000, "\t\n" * 4000 + "x", *["*" * 9000] * 20]
ENDLESS_TEXTS = ["<div>" * 38_000, r"\begin{a}" * 19_000, "\\\\(" * 60_000, *["|\n" * 4500] * 20]


def test_no_cell_keeps_the_page_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.report.feedback.SECONDS", 1.0)
    cells = [*map(new_code_cell, ENDLESS), *map(new_markdown_cell, ENDLESS_TEXTS)]
    start = time.process_time()
    page = page_of(*cells, graded(WRONG))
    assert time.process_time() - start < 8
    assert "<div><div>" in page.text
    assert WRONG.to_paste in page.text


def test_a_cell_that_is_too_long_for_colours_is_shown_as_it_is() -> None:
    page = FeedbackPage()
    assert page.highlighted("x = '<b>'\n" * 2000).count("x = &#x27;&lt;b&gt;&#x27;") == 2000
    assert page.markdown2html("# <b>" * 5000).startswith("<pre># &lt;b&gt;")
