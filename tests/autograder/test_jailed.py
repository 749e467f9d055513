"""nbgrader's own autograde with the jail in the place of a kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde

from autograder.classroom import classroom
from autograder.classroom.gradebook import standings
from autograder.classroom.lecture_files import read_lecture
from autograder.classroom.pool import Terms, grade_here
from autograder.classroom.secret import secret_of
from autograder.course import Course, CourseError, merged
from autograder.hint_level import level_of
from autograder.jail.jail import Limits
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


def autograde(course: Course, **settings: dict[str, object]) -> NotebookNode:
    """Let nbgrader grade the student; returns the graded notebook."""
    config = merged(course.config, {"BaseConverter": {"force": True}}, settings)
    Autograde(coursedir=course.directory(assignment_id=MINI, student_id="anna"), config=config).start()
    return nbformat.read(course.notebook("autograded", MINI, "anna"), 4)


def cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    """One of the lecture's cells."""
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def points(course: Course) -> dict[str, float | None]:
    """What the gradebook has for each graded cell."""
    return {name: score.points for name, score in standings(course, MINI)["anna"].scores.items()}


def test_points_verdicts_and_outputs_are_where_nbgrader_looks_for_them(course: Course) -> None:
    graded = autograde(course)
    assert points(course) == {"sigmoid-check": 0, "sigmoid-hand-in": 6, "gate-check": 0, "gate-hand-in": 0}
    assert cell(graded, "sigmoid-hand-in").outputs[0].data[VERDICT]["passed"]
    assert graded.cells[-1].outputs[0].text == "at the end\n"
    assert graded.cells[1].outputs[0].ename == "TimeUp"


def test_the_notebook_is_the_one_that_the_other_way_of_grading_writes(course: Course) -> None:
    by_nbgrader = autograde(course)
    source, release = (course.notebook(step, MINI) for step in ("source", "release"))
    secret = secret_of(course.directory())
    terms = Terms(read_lecture(MINI, source, release), secret, limits_of(course.config))
    result = grade_here(course.notebook("submitted", MINI, "anna").read_bytes(), terms)
    assert nbformat.reads(result.notebook, as_version=4) == by_nbgrader


def test_the_secret_lies_beside_the_gradebook(course: Course) -> None:
    autograde(course)
    assert len((course.root / "workspace" / "course" / "gradebook.secret").read_bytes()) == 32


def test_what_is_flagged_waits_for_a_human(course: Course) -> None:
    submission = course.notebook("submitted", MINI, "anna")
    notebook = nbformat.read(submission, 4)
    cell(notebook, "sigmoid").source = "class Sigmoid(edf.Sigmoid):\n    pass"
    nbformat.write(notebook, submission)
    autograde(course)
    with Gradebook(course.directory().db_url) as gradebook:
        grades = gradebook.find_submission_notebook(MINI, MINI, "anna").grades
        assert {g.name: (g.auto_score, g.needs_manual_grade) for g in grades} == {
            "sigmoid-check": (0, False), "sigmoid-hand-in": (0, True), "gate-check": (0, False),
            "gate-hand-in": (0, False),
        }  # fmt: skip


def test_what_is_not_run_is_not_judged(course: Course) -> None:
    graded = autograde(course, Execute={"enabled": False}, ClearOutput={"enabled": False})
    assert cell(graded, "sigmoid-hand-in").outputs[0].ename == "NotRun"
    assert not any(c.metadata.get("tags") for c in graded.cells)
    assert points(course)["sigmoid-hand-in"] == 0


def test_a_kernel_may_take_the_jail_s_place(course: Course) -> None:
    preprocessors = [p.replace("jailed.GradeInJail", "nbgrader_plugin.ExecuteSubmission") for p in
                     course.config.Autograde.autograde_preprocessors]  # fmt: skip
    graded = autograde(course, Autograde={"autograde_preprocessors": preprocessors}, ExecuteSubmission={"timeout": 5})
    assert points(course)["sigmoid-hand-in"] == 6
    assert next(c for c in graded.cells if "a long training" in c.source).outputs == []


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


def test_the_whole_may_take_as_long_as_nbgrader_s_setting_for_a_cell_asks_for() -> None:
    assert limits_of(merged({"Execute": {"timeout": 600}})).notebook_seconds == 1800
    assert limits_of(merged({"Execute": {"timeout": None}})) == Limits(cell_seconds=Limits.notebook_seconds)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("c.GradeInJail.memory_mb = 'much'", "'memory_mb' trait .* expected an int, not the str 'much'"),
        ("c.GradeInJail.memory_mb = -5", "'memory_mb' trait .* should not be less than 1"),
        ("c.GradeInJail.scratch_mb = 0", "'scratch_mb' trait .* should not be less than 1"),
        ("c.GradeInJail.cell_seconds = 0", "'cell_seconds' trait .* should not be less than 0.1"),
        ("c.GradeInJail.memory = 5", r"there is no c\.GradeInJail\.memory, but .* memory_mb"),
        ("c.Execute.timeout = 'x'", "'timeout' trait"),
        ("c.HintLevel.level = 'nme'", "'level' trait .* 'place', 'kind', 'name'"),
        ("c.HintLevel.by_lecture = {'04_edf': 'kin'}", "'kin'"),
        ("c.HintLevel.levl = 'off'", r"there is no c\.HintLevel\.levl, but .* level"),
        ("1 / 0", r"nbgrader_config\.py, line 2: ZeroDivisionError: division by zero"),
        ("1 +", r"SyntaxError: .*nbgrader_config\.py, line 2"),
    ],
)
def test_a_setting_that_cannot_be_is_said_before_anybody_is_graded(tmp_path: Path, setting: str, said: str) -> None:
    (tmp_path / "nbgrader_config.py").write_text(f"c = get_config()\n{setting}\nc.GradeInJail.notebook_seconds = 9\n")
    with pytest.raises(CourseError, match=said):
        _ = limits_of(Course(tmp_path).config), level_of(Course(tmp_path).config, "04_edf")
