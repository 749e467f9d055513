"""Feedback pages in a browser: axe-core finds nothing, nothing is loaded, nothing runs, and the cell can be taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from autograder.classroom import classroom, feedback
from autograder.classroom.pool import Graders, LocalExecutor
from autograder.course import Course
from autograder.jailed import limits_of
from edf_course import exercises
from edf_course.handin import VERDICT
from tests.autograder.mini import MINI, MINI_EXERCISES, make_course, make_gradebook, solve
from tests.autograder.report.test_feedback import everywhere, page_of
from tests.browser.lab import screenshot
from tests.tools import needs

RIGHT = "self.x.addgrad(self.grad * self.value * (1 - self.value))"
WRONG = {
    "negative": "self.x.addgrad(-self.grad * self.value * (1 - self.value))",
    "crashes": "self.x.addgrad(self.gradient)",
}
FORMULAS = """Let $y = \\sigma(x)$ and
$$\\begin{aligned} a &= \\frac{1}{B}\\sum_b x_b \\\\ b &= \\sqrt{a} \\end{aligned}$$"""
WIDE = r"$$\text{a formula that is wider than a phone} = \text{what stands on its other side} + \text{more of it}$$"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """A small class, graded, with its pages."""
    needs("bwrap")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        gradebook = make_gradebook(tmp_path_factory.mktemp("gradebook") / "gradebook.db")
        course = make_course(tmp_path_factory.mktemp("course"), gradebook)
        classroom.prepare(course, MINI)
        for student in ("right", "unwritten", *WRONG):
            hand_in(course, student)
        students = course.students(MINI)
        graders = Graders(lambda: LocalExecutor(1, limits_of(course.config)), 1)
        classroom.grade(course, MINI, students, graders)
        assert [feedback.write_page(course.root, MINI, student) for student in students] == [""] * len(students)
        yield course


def hand_in(course: Course, student: str) -> None:
    path = course.notebook("submitted", MINI, student)
    path.parent.mkdir(parents=True)
    notebook = nbformat.read(course.notebook("release", MINI), as_version=4)
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell(WIDE if student == "negative" else FORMULAS))
    nbformat.write(notebook, path)
    if student != "unwritten":
        solve(path, "sigmoid", course)
        solve(path, "gate", course)
        text = path.read_text()
        assert RIGHT in text
        path.write_text(text.replace(RIGHT, WRONG.get(student, RIGHT)))


@pytest.fixture
def opened(page: Any) -> Iterator[Any]:
    """Opens a file in `page`; afterwards, nothing has been loaded, run or complained of."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: page.errors.append(message.text))
    page.on("dialog", lambda dialog: page.errors.append(dialog.message))

    def open_(path: Path) -> Any:
        page.goto(path.as_uri())
        return page

    yield open_
    assert page.errors == []
    assert [url for url in asked[1:] if not url.startswith("data:image/")] == []


def faults(page: Any) -> list[str]:
    """What axe-core finds on the whole page, of whatever weight."""
    found = Axe().run(page).response["violations"]
    return [f"{v['impact']} {v['id']}: {node['html'][:200]}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize("student", ["right", "unwritten", *WRONG])
def test_a_page_is_clean_under_axe_and_needs_no_network(course: Course, opened: Any, student: str) -> None:
    page = opened(course.notebook("feedback", MINI, student))
    screenshot(page, f"feedback-{student}")
    assert faults(page) == []
    assert page.title() == f"{MINI}: feedback for {student}"


def test_a_page_can_be_read_on_a_phone(course: Course, opened: Any, page: Any) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    opened(course.notebook("feedback", MINI, "negative"))
    screenshot(page, "feedback-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert faults(page) == []


def test_the_table_leads_to_the_verdict_and_the_text_comes_before_the_picture(course: Course, opened: Any) -> None:
    page = opened(course.notebook("feedback", MINI, "negative"))
    page.get_by_role("link", name="Sigmoid").click()
    card = page.locator("#sigmoid-hand-in")
    screenshot(page, "feedback-card")
    assert card.get_by_role("heading", name="Not yet right: Sigmoid, 1 of 6 points").is_visible()
    sentence, picture = card.get_by_text("turned around").first.bounding_box(), card.locator("figure").bounding_box()
    assert sentence["y"] < picture["y"]
    assert card.locator("figcaption").inner_text().startswith("Your x.grad, what is right, and the difference")


def test_the_cell_to_paste_can_be_selected_as_it_is(course: Course, opened: Any) -> None:
    page = opened(course.notebook("feedback", MINI, "negative"))
    selected = page.evaluate(
        "() => { const code = document.querySelector('#sigmoid-hand-in pre code');"
        " getSelection().selectAllChildren(code); return getSelection().toString(); }"
    )
    graded = nbformat.read(course.notebook("autograded", MINI, "negative"), as_version=4)
    (cell,) = (c for c in graded.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "sigmoid-hand-in")
    (verdict,) = (output.data[VERDICT] for output in cell.outputs if VERDICT in output.get("data", {}))
    assert selected == verdict["to_paste"] != ""


def test_formulas_are_drawn_as_formulas(course: Course, opened: Any) -> None:
    page = opened(course.notebook("feedback", MINI, "right"))
    inline, block = page.locator("math").all()
    screenshot(block, "feedback-formula")
    assert block.bounding_box()["height"] > 2 * inline.bounding_box()["height"]  # two rows, with a fraction
    assert "\\" not in block.text_content()


def test_what_a_submission_tries_does_nothing_and_leaves_the_page_readable(opened: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_of(*everywhere()).raw, encoding="utf-8")
    page = opened(path)
    screenshot(page, "feedback-hostile")
    page.errors.remove("Failed to load resource: net::ERR_INVALID_URL")  # the picture is none
    assert page.locator("script, iframe, object, form, input").count() == 0
    assert page.get_by_role("heading", level=1).inner_text() == "04_edf: feedback"
    assert [fault for fault in faults(page) if fault.startswith(("serious", "critical"))] == []
