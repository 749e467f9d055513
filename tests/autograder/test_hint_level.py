"""The level of hints: set in nbgrader_config.py, carried by a release into its checks, obeyed by feedback pages."""

from __future__ import annotations

import ast

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode
from traitlets import TraitError
from traitlets.config import Config

from autograder.course import Course
from autograder.hint_level import HintLevel, with_hints
from autograder.release.release import build_release, build_source
from edf_course.wording import LEVELS
from tests.autograder.mini import MINI


def set_hints(course: Course, line: str) -> Course:
    """The same course with one more line in its configuration."""
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"\n{line}\n")
    return Course(course.root)


def released(course: Course) -> NotebookNode:
    build_source(course, MINI)
    build_release(course, MINI)
    return nbformat.read(course.notebook("release", MINI), as_version=4)


def sources(notebook: NotebookNode) -> dict[str, str]:
    return {cell.id: cell.source for cell in notebook.cells}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('check("edf.gate", Gate)', 'check("edf.gate", Gate, hints="kind")'),
        ('check("edf.gate", Gate)  # now', 'check("edf.gate", Gate, hints="kind")  # now'),
        ('x = 1\ncheck("a", A); check("b", B,)', 'x = 1\ncheck("a", A, hints="kind"); check("b", B, hints="kind",)'),
        ('check(\n    "edf.größe",\n    f(x),\n)', 'check(\n    "edf.größe",\n    f(x), hints="kind",\n)'),
        ('check("a", A, seed=1)', 'check("a", A, seed=1, hints="kind")'),
        ("check(*both, more, **settings)", 'check(*both, more, **settings, hints="kind")'),
        ('"größe"; check("b", g(B))', '"größe"; check("b", g(B), hints="kind")'),
        ('check("b", B, hints="off")', 'check("b", B, hints="off")'),
        ("check(x)\nmy.check(1, 2)\nrecheck(1, 2)", "check(x)\nmy.check(1, 2)\nrecheck(1, 2)"),
        ("%matplotlib inline\ncheck(1, 2)", "%matplotlib inline\ncheck(1, 2)"),
    ],
)
def test_the_level_is_written_into_calls_of_check(source: str, wanted: str) -> None:
    assert with_hints(source, "kind") == wanted
    if "%" not in wanted:
        ast.parse(wanted)


def test_a_release_says_everything_unless_told_otherwise(mini_course: Course) -> None:
    assert sources(released(mini_course))["sigmoid-check"] == 'check("edf.sigmoid", Sigmoid)'


def test_a_release_carries_the_level_in_each_check_and_is_another_version(mini_course: Course) -> None:
    plain = released(mini_course)
    kind = released(set_hints(mini_course, f'c.HintLevel.by_lecture = {{"{MINI}": "kind"}}'))
    changed = {i: s for i, s in sources(kind).items() if s != sources(plain)[i]}
    assert changed == {
        "sigmoid-check": 'check("edf.sigmoid", Sigmoid, hints="kind")',
        "gate-check": 'check("edf.gate", Gate, hints="kind")',
    }
    assert kind.metadata.edf_course.version == f"{plain.metadata.edf_course.version}-kind"


def test_one_lecture_may_have_a_level_of_its_own() -> None:
    level = HintLevel(config=Config({"HintLevel": {"level": "off", "by_lecture": {"04_edf": "place"}}}))
    assert (level.of("04_edf"), level.of("05_cgp_dag")) == ("place", "off")
    assert HintLevel().of("04_edf") == "name"


@pytest.mark.parametrize("setting", [{"level": "some"}, {"by_lecture": {"04_edf": "all"}}])
def test_a_level_that_does_not_exist_is_refused_with_those_that_do(setting: dict[str, object]) -> None:
    with pytest.raises(TraitError, match=".*".join(LEVELS)):
        HintLevel(config=Config({"HintLevel": setting}))
