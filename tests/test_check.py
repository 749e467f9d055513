"""What a student is told by `check`, `hand_in`, `progress` and `yours_or_library`."""

from importlib import import_module

import numpy as np
import pytest

from edf_course import CheckFailed, check, edf, hand_in, progress, yours_or_library
from edf_course.check import examine
from edf_course.exercises import LECTURES, UnknownExercise, statement, statements
from edf_course.progress import _latest, summary
from tests.autograder.making import affine, sig, unary
from tests.autograder.right_answers import RIGHT
from tests.autograder.wrong_answers import UNSEEN_BY_CHECK, WRONG

# what only the judge sees: kinks, and how the numbers were got
ONLY_THE_JUDGE = {"relu-at-zero", "delegates", "numerical", "shared-state"}


@pytest.fixture(autouse=True)
def _fresh_progress(monkeypatch):
    _latest.clear()
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


@pytest.mark.parametrize(("exercise", "answer"), RIGHT, ids=[f"{i}-{e}" for i, (e, _) in enumerate(RIGHT)])
def test_right_answers_are_said_to_be_right(exercise, answer):
    result = examine(exercise, answer, 0)
    assert result.passed, result.sentence


@pytest.mark.parametrize(
    ("exercise", "misconception", "answer"), WRONG, ids=[f"{i}-{e}-{m}" for i, (e, m, _) in enumerate(WRONG)]
)
def test_wrong_answers_are_said_to_be_wrong(exercise, misconception, answer):
    if misconception not in ONLY_THE_JUDGE and not any(answer is unseen for unseen in UNSEEN_BY_CHECK):
        assert examine(exercise, answer, 0).state == "wrong"


@pytest.mark.parametrize(
    ("answer", "misconception"),
    [
        (affine(w_grad=lambda x, W, g: x.T @ g), "batch-mean-missing"),
        (affine(w_grad=lambda x, W, g: x.T @ g / len(g) ** 2), "batch-mean-twice"),
        (affine(w_grad=lambda x, W, g: g.T @ x / len(g)), "transposed"),
        (affine(w_grad=lambda x, W, g: -x.T @ g / len(g)), "sign"),
        (affine(w_grad=lambda x, W, g: x.T @ np.ones_like(g) / len(g)), "no-upstream"),
    ],
)
def test_the_hint_names_the_likely_error_of_affine(answer, misconception):
    assert examine("edf.affine", answer, 0).misconception == misconception


def test_the_hint_names_a_derivative_taken_at_the_wrong_place():
    answer = unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * sig(y))
    assert examine("edf.softplus", answer, 0).misconception == "wrong-point"


def test_the_hint_names_overwriting():
    answer = next(a for e, m, a in WRONG if (e, m) == ("edf.sigmoid", "overwrites"))
    assert examine("edf.sigmoid", answer, 0).misconception == "overwrites"


def test_text_comes_before_the_picture(capsys):
    result = check("edf.sigmoid", unary(sig, lambda x, y, g: -g * y * (1 - y)))
    printed = capsys.readouterr().out
    assert printed.startswith("✗ Not yet right: Sigmoid")
    assert "finite differences say" in printed
    assert result.misconception == "sign"


def test_a_zero_forward_with_a_zero_backward_is_wrong():
    assert not examine("edf.sigmoid", unary(np.zeros_like, lambda x, y, g: np.zeros_like(x)), 0).passed


def test_unwritten_work_is_said_kindly_and_stops_nothing():
    def unwritten(*_):
        raise NotImplementedError

    assert check("edf.sigmoid", unary(unwritten, unwritten)).state == "unwritten"
    assert "forward is right so far" in check("edf.sigmoid", unary(sig, unwritten)).sentence


def test_under_validate_wrong_and_unwritten_work_raises_and_right_work_passes(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")

    def unwritten(*_):
        raise NotImplementedError

    with pytest.raises(CheckFailed, match="sign"):
        check("edf.sigmoid", unary(sig, lambda x, y, g: -g * y * (1 - y)))
    with pytest.raises(CheckFailed):
        check("edf.sigmoid", unary(sig, unwritten))
    assert check("edf.sigmoid", edf.Sigmoid).passed


def test_an_unknown_exercise_is_an_error_that_helps():
    with pytest.raises(UnknownExercise, match=r"Did you mean edf\.softmax"):
        check("edf.softmaxx", edf.Softmax)


@pytest.mark.parametrize("thing", [None, 3, np.zeros(2), edf.Sigmoid(edf.Input(np.zeros((1, 2)))), lambda x: x])
def test_an_object_that_is_no_node_is_explained(thing):
    result = examine("edf.sigmoid", thing, 0)
    assert result.state == "wrong"
    assert "is asked for" in result.sentence


def test_progress_follows_the_checks(capsys):
    progress("04_edf")
    assert summary("04_edf") == "0 of 10 exercises right, 0 of 76 points"
    check("edf.sigmoid", edf.Sigmoid)
    assert summary("04_edf") == "1 of 10 exercises right, 6 of 76 points"
    check("edf.sigmoid", unary(sig, lambda x, y, g: -g))
    assert summary("04_edf").startswith("0 of 10")
    assert "Progress: 0 of 10" in capsys.readouterr().out


def test_progress_of_a_lecture_that_does_not_exist_names_those_that_do():
    with pytest.raises(KeyError, match="04_edf"):
        progress("99_nothing")


def test_yours_or_library_takes_yours_only_when_it_was_checked_as_right(capsys):
    class Sigmoid(edf.Sigmoid):
        pass

    assert yours_or_library(Sigmoid, edf.Sigmoid) is edf.Sigmoid
    check("edf.sigmoid", Sigmoid)
    assert yours_or_library(Sigmoid, edf.Sigmoid) is Sigmoid
    assert "your own" in capsys.readouterr().out


def test_hand_in_gives_the_judges_points_and_never_raises(capsys):
    assert hand_in("edf.sigmoid", unary(sig, lambda x, y, g: g * y * (1 - y))) == 6.0
    assert hand_in("edf.sigmoid", None) == 0.0
    assert hand_in("edf.no_such", edf.Sigmoid) == 0.0
    assert "6 of 6 points" in capsys.readouterr().out


def test_without_a_judge_nbgrader_gets_no_points_by_mistake(monkeypatch, capsys):
    monkeypatch.setattr("edf_course.handin.entry_points", lambda group: [])
    assert hand_in("edf.sigmoid", edf.Sigmoid) is None
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert hand_in("edf.sigmoid", edf.Sigmoid) == 0.0  # no result at all would be full marks
    assert "no judge" in capsys.readouterr().out


def test_the_examples_in_the_statements_are_right():
    """Published values are held against the library, or against the withheld truth by the judge's own tests."""
    for stated in statements():
        library = getattr(edf, stated.name, None)
        if stated.kind == "node" and library is not None:
            assert examine(stated.id, library, 0).passed


def test_the_lecture_is_worth_what_it_says():
    assert sum(statement(i).points for i in LECTURES["04_edf"]) == 76


NEGATIVE = unary(sig, lambda x, y, g: -g * y * (1 - y))
SAID = {
    "off": "",
    "place": "Your gradient of x is not right.",
    "kind": "Your gradient of x is not right. Its sign is turned around.",
}


@pytest.mark.parametrize(("hints", "sentence"), SAID.items())
def test_a_check_says_no_more_than_it_may(hints, sentence, capsys):
    result = check("edf.sigmoid", NEGATIVE, seed=0, hints=hints)
    assert (result.state, result.sentence, result.misconception) == ("wrong", sentence, None)
    assert capsys.readouterr().out.split("\n", 1)[1].strip() == sentence
    assert (result.wrong is not None) == (hints == "kind")  # the picture shows the numbers


def test_everything_is_said_unless_a_level_is_given():
    plain, full = (check("edf.sigmoid", NEGATIVE, seed=0, **more) for more in ({}, {"hints": "name"}))
    assert plain.sentence == full.sentence
    assert plain.misconception == full.misconception == "sign"


@pytest.mark.parametrize("hints", ["off", "place"])
def test_at_the_lower_levels_there_is_no_picture_and_no_number(hints, monkeypatch):
    shown = []
    monkeypatch.setattr(import_module("edf_course.check"), "show", shown.append)
    check("edf.sigmoid", NEGATIVE, hints=hints)
    assert "<table" not in shown[0]["text/html"]
    assert not any(digit in shown[0]["text/plain"] for digit in "0123456789")


@pytest.mark.parametrize("hints", ["off", "place", "kind"])
def test_validate_fails_wrong_work_at_every_level_and_says_no_more(hints, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(CheckFailed, match="not yet right") as failed:
        check("edf.sigmoid", NEGATIVE, hints=hints)
    assert "look for a minus" not in str(failed.value)
    assert check("edf.sigmoid", unary(sig, lambda x, y, g: g * y * (1 - y)), hints=hints)


def test_a_level_that_does_not_exist_is_an_error_that_names_them():
    with pytest.raises(ValueError, match="'off' or 'place' or 'kind' or 'name', not 'some'"):
        check("edf.sigmoid", NEGATIVE, hints="some")


def test_an_error_of_the_students_own_is_said_at_every_level_but_off():
    def crashes(x, y, g):
        return undefined  # noqa: F821

    for hints, said in (("place", True), ("kind", True), ("off", False)):
        assert ("undefined" in check("edf.sigmoid", unary(sig, crashes), hints=hints).sentence) == said


@pytest.mark.parametrize(
    ("exercise", "misconception", "answer"), WRONG[::7], ids=[f"{i}-{e}-{m}" for i, (e, m, _) in enumerate(WRONG[::7])]
)
def test_every_mistake_has_a_place_and_a_kind_that_do_not_name_it(exercise, misconception, answer):
    named, kind, place, off = (
        examine(exercise, answer, 0, hints).sentence for hints in ("name", "kind", "place", "off")
    )
    if examine(exercise, answer, 0).passed:  # what only the judge sees
        return
    assert off == ""
    if named and named != place:  # an error is the same everywhere
        assert kind.startswith(place.rstrip("."))
        assert "it should be" not in kind
        assert "finite differences say" not in kind
