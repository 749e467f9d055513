"""nbgrader's own commands work on the course, started in its folder like anywhere else."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from autograder.classroom.gradebook import standings
from autograder.course import Course
from autograder.release.leaks import leaks
from autograder.release.release import build_source
from edf_course import exercises
from edf_course.exercises import statement
from tests.autograder.mini import MINI, MINI_EXERCISES, make_course, solve
from tests.tools import needs

SIGMOID, GATE = (statement(exercise).points for exercise in MINI_EXERCISES)


def nbgrader(folder: Path, *arguments: str, fails: bool = False) -> str:
    """Run an nbgrader command, which succeeds (or fails), and return all that it says."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "JUPYTER_CONFIG_DIR": str(folder / "none")}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Iterator[Course]:
    """A course after generate_assignment, with two submissions: one has solved the first exercise, one nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        course = make_course(tmp_path_factory.mktemp("course"), new_gradebook)
        build_source(course, MINI)
        nbgrader(course.root, "generate_assignment", MINI)
        for student in ("ada", "ben"):
            course.folder("submitted", MINI, student).mkdir(parents=True)
            shutil.copy(course.notebook("release", MINI), course.notebook("submitted", MINI, student))
        solve(course.notebook("submitted", MINI, "ada"), "sigmoid", course)
        yield course


@pytest.fixture(scope="module")
def autograded(course: Course) -> Course:
    """The course after autograde, generate_feedback and export."""
    needs("bwrap")
    nbgrader(course.root, "autograde", MINI)
    nbgrader(course.root, "generate_feedback", MINI)
    nbgrader(course.root, "export", "--to", "grades.csv")
    return course


def test_generate_assignment_leaves_no_answer(course: Course) -> None:
    source, release = (nbformat.read(course.notebook(step, MINI), as_version=4) for step in ("source", "release"))
    assert leaks(source, release) == []


def test_generate_assignment_makes_no_release_that_gives_an_answer_away(mini_course: Course) -> None:
    source = build_source(mini_course, MINI)
    nbgrader(mini_course.root, "generate_assignment", MINI)
    text = source.read_text(encoding="utf-8")
    answer = "self.x.addgrad(self.grad * self.value * (1 - self.value))"
    source.write_text(text.replace("The end.", f"The end.\\n{answer}"), encoding="utf-8")
    assert "The whole answer" in nbgrader(mini_course.root, "generate_assignment", MINI, "--force", fails=True)
    assert not mini_course.folder("release", MINI).exists()


def test_autograde_gives_the_judges_points(autograded: Course) -> None:
    standing = standings(autograded, MINI)
    assert standing["ada"].scores["sigmoid-hand-in"].points == SIGMOID
    assert standing["ada"].scores["gate-hand-in"].points == 0
    assert (standing["ada"].total, standing["ada"].max_total) == (SIGMOID, SIGMOID + GATE)
    assert standing["ben"].total == 0


def test_generate_feedback_writes_a_page_for_each_without_hidden_tests(autograded: Course) -> None:
    for student, points in (("ada", SIGMOID), ("ben", 0)):
        page = autograded.notebook("feedback", MINI, student).read_text(encoding="utf-8")
        assert f"{points} of {SIGMOID + GATE} points" in page
        assert "HIDDEN TESTS" not in page


def test_export_writes_the_points(autograded: Course) -> None:
    with (autograded.root / "grades.csv").open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert float(rows["ada"]["score"]) == SIGMOID
    assert float(rows["ben"]["score"]) == 0


def validate(course: Course, folder: Path, *solved: str, wrong: str = "") -> str:
    """What `nbgrader validate` says of a student's notebook, in a folder where nothing is configured."""
    notebook = folder / f"{MINI}.ipynb"
    shutil.copy(course.notebook("release", MINI), notebook)
    for grade_id in solved:
        solve(notebook, grade_id, course)
    if wrong:
        text = notebook.read_text(encoding="utf-8")
        assert wrong in text
        notebook.write_text(text.replace(wrong, ""), encoding="utf-8")
    return nbgrader(folder, "validate", notebook.name)


def test_validate_passes_right_work(course: Course, tmp_path: Path) -> None:
    assert "Success! Your notebook passes all the tests." in validate(course, tmp_path, "sigmoid", "gate")


def test_validate_fails_on_unwritten_work(course: Course, tmp_path: Path) -> None:
    said = validate(course, tmp_path, "sigmoid")
    assert "VALIDATION FAILED ON 1 CELL(S)" in said
    assert 'check("edf.gate", Gate)' in said


def test_validate_fails_on_wrong_work_and_says_what_is_wrong(course: Course, tmp_path: Path) -> None:
    said = validate(course, tmp_path, "sigmoid", "gate", wrong="self.grad * self.value * ")
    assert "VALIDATION FAILED ON 1 CELL(S)" in said
    assert "CheckFailed: edf.sigmoid" in said
