"""The sample class of lecture 04, graded once: everybody gets what `04_edf/expected.toml` says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from autograder.classroom import classroom
from autograder.classroom.pool import Graders, LocalExecutor
from autograder.course import Course
from autograder.jailed import limits_of
from autograder.report.results import StudentResult
from autograder.report.results import results as read_results
from edf_course.exercises import LECTURES, statement
from tests.autograder.mini import REPOSITORY, make_course, make_gradebook
from tests.tools import needs

LECTURE = "04_edf"
SAMPLE = Path(__file__).parent / LECTURE
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((SAMPLE / "expected.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StudentResult]:
    """The class's results by student."""
    needs("bwrap")
    gradebook = make_gradebook(tmp_path_factory.mktemp("gradebook") / "gradebook.db")
    course = make_course(tmp_path_factory.mktemp("course"), gradebook)
    script = REPOSITORY / "solutions" / f"{LECTURE}.py"
    (course.solutions / script.name).write_bytes(script.read_bytes())
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write("c.GradeInJail.cell_seconds = 5\n")  # Nils's endless cell
    return grade(course)


def grade(course: Course) -> dict[str, StudentResult]:
    """Grade the sample class in `course`."""
    classroom.prepare(course, LECTURE)
    assert classroom.gather_sample(course, LECTURE, SAMPLE) == []
    students = course.students(LECTURE)
    limits = limits_of(course.config)
    with Graders(lambda: LocalExecutor(2, limits), 2) as graders:
        assert sorted(classroom.grade(course, LECTURE, students, graders)) == students
    return {r.student: r for r in read_results(course, LECTURE, students)}


def test_everybody_in_the_sample_is_expected() -> None:
    assert {path.stem for path in SAMPLE.glob("*.py")} == set(EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize("student", sorted(EXPECTED))
def test_points_and_misconceptions(results: dict[str, StudentResult], student: str) -> None:
    expected, result = dict(EXPECTED[student]), results[student]
    reason = expected.pop("ungraded", "")
    assert result.ungraded.startswith(reason) if reason else result.ungraded == ""
    if reason:
        assert result.total is None
        return
    wanted = {}
    for exercise in LECTURES[LECTURE]:
        points, *misconception = expected.pop(exercise.removeprefix("edf."), [statement(exercise).points])
        wanted[exercise] = (points, misconception[0] if misconception else None)
    assert not expected, "expected.toml names exercises that the lecture does not have"
    assert {e.exercise: (e.points, e.misconception) for e in result.exercises} == wanted
    assert result.total == sum(points for points, _ in wanted.values())


@pytest.mark.slow
def test_whoever_lost_points_is_told_why(results: dict[str, StudentResult]) -> None:
    lost = [e for r in results.values() for e in r.exercises if e.points is not None and e.points < e.max_points]
    assert len(lost) > 30
    assert all(e.sentence for e in lost)
