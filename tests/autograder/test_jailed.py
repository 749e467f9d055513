"""nbgrader's own autograde with the jail in the place of a kernel."""

from __future__ import annotations

import nbformat
import pytest
from nbgrader.converters import Autograde

from autograder import classroom
from autograder.course import Course, merged
from autograder.gradebook import standings
from autograder.jail import Limits
from autograder.jailed import limits_of
from edf_course.handin import VERDICT
from tests.autograder.mini import MINI, REPOSITORY, solve
from tests.tools import needs


@pytest.fixture
def course(mini_course: Course) -> Course:
    """The small course, with a student who solved one exercise and has an endless cell."""
    needs("bwrap")
    with (mini_course.root / "nbgrader_config.py").open("a") as config:
        config.write("c.GradeInJail.cell_seconds = 1\n")
    classroom.prepare(mini_course, MINI)
    submission = mini_course.notebook("submitted", MINI, "anna")
    submission.parent.mkdir(parents=True)
    submission.write_bytes(mini_course.notebook("release", MINI).read_bytes())
    solve(submission, "sigmoid", mini_course)
    notebook = nbformat.read(submission, 4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell("while True:\n    pass"))
    notebook.cells.append(nbformat.v4.new_code_cell("print('at the end')"))
    nbformat.write(notebook, submission)
    return mini_course


def test_points_verdicts_and_outputs_are_where_nbgrader_looks_for_them(course: Course) -> None:
    directory = course.directory(assignment_id=MINI, student_id="anna")
    Autograde(coursedir=directory, config=merged(course.config, {"BaseConverter": {"force": True}})).start()
    scores = standings(course, MINI)["anna"].scores
    assert {name: score.points for name, score in scores.items()} == {
        "sigmoid-check": 0, "sigmoid-hand-in": 6, "gate-check": 0, "gate-hand-in": 0,
    }  # fmt: skip
    graded = nbformat.read(course.notebook("autograded", MINI, "anna"), 4)
    cells = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in graded.cells}
    assert cells["sigmoid-hand-in"].outputs[0].data[VERDICT]["passed"]
    assert graded.cells[-1].outputs[0].text == "at the end\n"
    assert graded.cells[1].outputs[0].ename == "TimeUp"


def test_the_secret_lies_beside_the_gradebook(course: Course) -> None:
    Autograde(coursedir=course.directory(assignment_id=MINI, student_id="anna"), config=course.config).start()
    assert len((course.root / "workspace" / "course" / "gradebook.secret").read_bytes()) == 32


@pytest.mark.parametrize(
    ("set_", "seconds"),
    [
        ({}, Limits.cell_seconds),
        ({"Execute": {"timeout": 3}}, 3),
        ({"Execute": {"timeout": None}}, 77),
        ({"Execute": {"timeout": -1}}, 77),
        ({"Execute": {"timeout": 3}, "GradeInJail": {"cell_seconds": 5}}, 5),
    ],
)
def test_a_cell_may_take_what_nbgrader_s_own_setting_says_where_ours_is_silent(
    set_: dict[str, dict[str, float]], seconds: float
) -> None:
    limits = limits_of(merged({"GradeInJail": {"notebook_seconds": 77}}, set_))
    assert (limits.cell_seconds, limits.notebook_seconds) == (seconds, 77)


def test_the_limits_in_the_course_s_configuration_are_those_that_are_documented() -> None:
    assert limits_of(Course(REPOSITORY).config) == Limits()
