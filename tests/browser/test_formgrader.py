"""nbgrader's formgrader and Validate button in a real JupyterLab: each button is clicked, none gives an answer away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.utils import get_username

from autograder.course import Course
from autograder.release.leaks import MARKERS, leaks
from autograder.release.release import build_source
from edf_course import exercises
from edf_course.exercises import statement
from tests.autograder.mini import MINI, MINI_EXERCISES, make_course, make_gradebook, solve
from tests.browser.lab import Lab, running_lab, screenshot

SIGMOID, GATE = (statement(exercise).points for exercise in MINI_EXERCISES)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """A course with the source of one small lecture, and nothing released yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        gradebook = make_gradebook(tmp_path_factory.mktemp("gradebook") / "gradebook.db")
        course = make_course(tmp_path_factory.mktemp("course"), gradebook)
        build_source(course, MINI)
        yield course


@pytest.fixture(scope="module")
def instructor_lab(course: Course, browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab in the folder of the course."""
    with running_lab(course.root, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def open_formgrader(lab: Lab, page: Any) -> Any:
    """Open formgrader from JupyterLab's menu, and return its frame once it lists the lecture."""
    page.goto(f"{lab.url}/lab?reset")
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    frame = page.frame_locator("iframe[src*='formgrader']")
    frame.locator("td.name", has_text=MINI).wait_for()
    return frame


def click(page: Any, frame: Any, button: str) -> str:
    """Click a button of the lecture's (or submission's) row, and return what formgrader says when it is done."""
    frame.locator(f"td.{button} a").click()
    modal = frame.locator(".modal-dialog")
    modal.locator(".modal-title").wait_for(timeout=120_000)
    said = str(modal.inner_text())
    screenshot(page, f"formgrader-{button}")
    assert modal.locator(".modal-title").inner_text() == "Success", said
    modal.get_by_role("button", name="OK").click()
    modal.wait_for(state="detached")
    frame.locator(f"td.{button} a").wait_for()
    return said


def gives_away(course: Course, folder: Path) -> list[str]:
    """What under `folder` holds a marker, a hidden test, or an answer of the source."""
    source = nbformat.read(course.notebook("source", MINI), as_version=4)
    found = []
    for path in (p for p in folder.rglob("*") if p.is_file()):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            found += leaks(source, nbformat.reads(text, as_version=4))
        plain = re.sub(r"<[^>]*>", "", text)  # highlighting puts tags into each line
        found += [f"{path}: {m}" for m in (*MARKERS, "hand_in(&quot;", 'hand_in("', "self.a.addgrad(") if m in plain]
    return found


def submit_as_student(course: Course, folder: Path) -> None:
    """Fetch the lecture from the exchange, write Sigmoid only, and submit, as a student does with nbgrader."""
    (folder / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(course.root / 'workspace' / 'exchange')!r}\n"
        f"c.Exchange.cache = {str(folder / 'cache')!r}\nc.CourseDirectory.course_id = 'edf'\n"
    )
    student = [sys.executable, "-m", "nbgrader"]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(folder), "HOME": str(folder)}
    subprocess.run([*student, "fetch_assignment", MINI], cwd=folder, env=environment, check=True, capture_output=True)
    solve(folder / MINI / f"{MINI}.ipynb", "sigmoid", course)
    subprocess.run([*student, "submit", MINI], cwd=folder, env=environment, check=True, capture_output=True)


def test_every_button_does_its_work_and_none_publishes_an_answer(
    course: Course, instructor_lab: Lab, page: Any, tmp_path: Path
) -> None:
    frame = open_formgrader(instructor_lab, page)
    exchange = course.root / "workspace" / "exchange" / "edf"

    click(page, frame, "assign")
    released = course.notebook("release", MINI)
    assert "raise NotImplementedError()" in released.read_text()
    assert gives_away(course, released.parent) == []

    frame.locator("td.preview a").click()
    page.locator(".jp-DirListing-item", has_text=f"{MINI}.ipynb").dblclick()
    previewed = page.locator(".jp-Notebook")
    previewed.get_by_role("heading", name="Exercise 1").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .cm-content').length > 3")
    screenshot(page, "formgrader-preview")
    assert "YOUR CODE HERE" in previewed.inner_text()
    assert not any(marker in previewed.inner_text() for marker in (*MARKERS, "hand_in("))

    frame = open_formgrader(instructor_lab, page)
    click(page, frame, "release")
    assert (exchange / "outbound" / MINI / f"{MINI}.ipynb").read_bytes() == released.read_bytes()
    assert gives_away(course, exchange / "outbound") == []
    assert frame.locator("td.status").inner_text() == "released"

    submit_as_student(course, tmp_path)
    assert "Collecting submission" in click(page, frame, "collect")
    assert course.notebook("submitted", MINI, get_username()).is_file()
    frame.locator("td.num-submissions a").click()
    click(page, frame, "autograde")
    assert frame.locator("td.status").inner_text() == "graded"
    assert frame.locator("td.score").inner_text() == f"{SIGMOID} / {SIGMOID + GATE}"

    click(page, frame, "generate-feedback")
    feedback = course.folder("feedback", MINI, get_username())
    assert f"{SIGMOID} of {SIGMOID + GATE} points" in (feedback / f"{MINI}.html").read_text()
    assert gives_away(course, feedback) == []
    click(page, frame, "release-feedback")
    assert [p.suffix for p in (exchange / "feedback").rglob("*") if p.is_file()] == [".html"]
    assert gives_away(course, exchange / "feedback") == []


def test_a_graded_submission_opens_for_grading_by_hand(course: Course, instructor_lab: Lab, page: Any) -> None:
    page.goto(f"{instructor_lab.url}/formgrader/gradebook/{MINI}/{MINI}")
    page.locator("td.name a").first.click()
    page.locator(".nbgrader_cell").first.wait_for()
    screenshot(page, "formgrader-by-hand")
    assert page.locator("input.score").first.is_visible()


@pytest.mark.parametrize(
    ("state", "answer", "said"),
    [
        ("right", None, "Success"),
        ("wrong", "self.x.addgrad(self.value * (1 - self.value))", "upstream gradient is missing"),
        ("unwritten", "", "CheckFailed: edf.sigmoid"),
    ],
)
def test_validate_passes_right_work_only(
    course: Course, instructor_lab: Lab, page: Any, state: str, answer: str | None, said: str
) -> None:
    path = course.root / "workspace" / f"{state}.ipynb"
    nbformat.write(nbformat.read(course.notebook("release", MINI), as_version=4), path)
    if state != "unwritten":
        solve(path, "sigmoid", course)
        solve(path, "gate", course)
    if answer:
        text = path.read_text()
        right = "self.x.addgrad(self.grad * self.value * (1 - self.value))"
        assert right in text
        path.write_text(text.replace(right, answer))
    instructor_lab.open(page, f"workspace/{state}.ipynb")
    page.get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_text(re.compile("Validation Results|Success|FAILED", re.IGNORECASE)).first.wait_for(timeout=120_000)
    screenshot(page, f"validate-{state}")
    assert said in dialog.inner_text()
