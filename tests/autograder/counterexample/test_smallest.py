"""The cell to paste: run as it is beside wrong answers it shows a difference, beside right ones none."""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import re
from typing import Any

import numpy as np
import pytest

from autograder.counterexample.pasting import LONGER
from autograder.counterexample.smaller import rounded
from autograder.counterexample.smallest import MOST_PROBES, with_cell
from autograder.exercises import exercise, exercises
from autograder.judge import ask, decide, draw_cases, judge
from edf_course import edf
from edf_course.exercises import statement
from edf_course.exercises.answer_scalar import EXPRESSIONS
from edf_course.exercises.answering import answer
from edf_course.exercises.probes import Answer, Failure, Probe
from edf_course.scalar import Value
from tests.autograder.making import affine, loss, sig, unary
from tests.autograder.right_answers import RIGHT
from tests.autograder.wrong_answers import WRONG

#: One wrong answer for each mistake in each exercise, and every third besides.
SAMPLE = {(e, m) if i % 3 else i: (e, m, a) for i, (e, m, a) in enumerate(WRONG)}.values()
sample = pytest.mark.parametrize(
    ("exercise_id", "misconception", "thing"),
    SAMPLE,
    ids=[f"{i}-{e}-{m}" for i, (e, m, _) in enumerate(SAMPLE)],
)
A_RIGHT_ONE = dict(reversed(RIGHT))


def run(cell: str, exercise_id: str, thing: Any) -> str:
    """Run a cell below an answer, as a notebook does, and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        exec(compile(cell, "cell", "exec"), {statement(exercise_id).name: thing})
    return printed.getvalue()


def pairs(printed: str) -> list[tuple[str, str]]:
    """What is, and what should be, of each array that was printed; -0. is 0., and spaces do not matter."""
    found = []
    for part in re.split(r"^(?:.* is|step returns)$", printed, flags=re.MULTILINE)[1:]:
        comes, should = re.split(r"^and should .*$", part, flags=re.MULTILINE)
        found.append((plain(comes), plain(should)))
    return found


def plain(text: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"-0\.(?!\d)", "0.", text))


@sample
def test_the_cell_shows_what_is_wrong_and_nothing_beside_a_right_answer(
    exercise_id: str, misconception: str | None, thing: Any
) -> None:
    verdict = judge(exercise_id, thing)
    if verdict.flagged:
        assert verdict.to_paste == ""
        return
    if "stops with an error" in verdict.to_paste:
        with pytest.raises(BaseException):  # noqa: B017, PT011  (whatever a student raises)
            run(verdict.to_paste, exercise_id, thing)
    else:
        assert any(comes != should for comes, should in pairs(run(verdict.to_paste, exercise_id, thing)))
    right = pairs(run(verdict.to_paste, exercise_id, A_RIGHT_ONE[exercise_id]))
    assert right
    assert all(comes == should for comes, should in right), right


@pytest.mark.parametrize("exercise_id", [e.id for e in exercises()])
def test_a_right_answer_gets_no_cell(exercise_id: str) -> None:
    assert judge(exercise_id, A_RIGHT_ONE[exercise_id]).to_paste == ""


def inputs(cell: str, name: str) -> Any:
    """The literal of `name = edf.Input(...)`, of a Parameter, or of an array."""
    found = re.search(rf"\b{re.escape(name)} = (?:edf\.Concat\(\[)?(?:edf\.\w+|np\.array)\((.*?)\)", cell, re.DOTALL)
    assert found, cell
    return np.array(ast.literal_eval(found[1]))


def test_a_sign_is_shown_on_one_example_of_one_number_with_an_upstream_gradient_that_is_not_1() -> None:
    cell = judge("edf.sigmoid", unary(sig, lambda x, y, g: -g * y * (1 - y))).to_paste
    assert inputs(cell, "x").shape == inputs(cell, "upstream").shape == (1, 1)
    assert abs(inputs(cell, "upstream")) not in (0, 1)


def test_a_mean_that_is_missing_takes_two_examples() -> None:
    cell = judge("edf.affine", affine(b_grad=lambda x, W, g: -g.sum(axis=0))).to_paste
    assert inputs(cell, "x").shape == (2, 1)
    assert "Phi.b.grad" in cell
    assert "x.grad" not in cell  # it is right


def test_a_matrix_that_is_not_transposed_takes_two_rows_and_two_columns() -> None:
    cell = judge("edf.affine", affine(x_grad=lambda x, W, g: g @ W)).to_paste
    assert inputs(cell, "Phi.w").shape == (2, 2)


def test_a_mistake_that_shows_from_seven_examples_on_is_shown_with_one_column() -> None:
    def gradient(x: Any, y: Any, g: Any) -> Any:
        return g * y * (1 - y) * (np.arange(len(g)) < 6)[:, None]

    x = inputs(judge("edf.sigmoid", unary(sig, gradient)).to_paste, "x")
    assert len(x) > 6
    assert x.shape[1] == 1


def test_an_example_that_is_wrong_in_another_way_is_passed_over() -> None:
    def gradient(x: Any, y: Any, g: Any) -> Any:
        return g * y * (1 - y) * (-1 if len(g) > 1 else 0.5)

    verdict = judge("edf.sigmoid", unary(sig, gradient))
    assert verdict.misconception == "sign"
    assert inputs(verdict.to_paste, "x").shape == (2, 1)


def test_numbers_are_round_and_never_one() -> None:
    drawn = np.array([1.234, 0.96, -1.04, 0.0371, 734.2, 0.0, -0.3])
    assert rounded(drawn).tolist() == [1.5, 0.5, -1.5, 0.04, 700, 0, -0.3]
    assert rounded(drawn, 2).tolist() == [1.2, 0.96, -1.5, 0.037, 730, 0, -0.3]
    assert rounded(np.array([1, 2])).tolist() == [1, 2]


def test_what_only_large_numbers_show_is_shown_with_a_large_number() -> None:
    cell = judge("edf.sigmoid", unary(lambda x: np.exp(x) / (1 + np.exp(x)), lambda x, y, g: g * y * (1 - y))).to_paste
    assert inputs(cell, "x").shape == (1, 1)
    assert inputs(cell, "x") > 100


def test_classes_are_two_at_least_and_their_probabilities_sum_to_1() -> None:
    thing = loss(lambda q, y: -np.log(q[np.arange(len(q)), y]), lambda q, y, g: g * np.eye(q.shape[1])[y] / q)
    cell = judge("edf.logloss", thing).to_paste
    assert inputs(cell, "q").shape == (1, 2)
    assert inputs(cell, "q").sum() == 1


def test_the_same_seed_gives_the_same_cell() -> None:
    thing = unary(sig, lambda x, y, g: g)
    assert judge("edf.sigmoid", thing, 7).to_paste == judge("edf.sigmoid", thing, 7).to_paste != ""


@pytest.mark.parametrize("index", range(0, len(WRONG), 7))
def test_the_search_asks_a_dozen_questions_at_most_and_changes_nothing_else(index: int) -> None:
    exercise_id, _, thing = WRONG[index]
    asked = exercise(exercise_id)
    cases = draw_cases(asked, 3)
    answers = ask(lambda probe: answer(asked.statement.kind, thing, probe), cases)
    verdict, *_ = decide(asked, cases, answers)
    questions: list[Probe] = []

    def respond(probe: Probe) -> Answer:
        questions.append(probe)
        return answer(asked.statement.kind, thing, probe)

    with_it = with_cell(asked, verdict, cases, answers, respond, asked.statement.name)
    assert len(questions) <= MOST_PROBES
    assert with_it.as_json() | {"to_paste": ""} == verdict.as_json()


def a_wrong_sigmoid() -> Any:
    asked, thing = exercise("edf.sigmoid"), unary(sig, lambda x, y, g: -g * y * (1 - y))
    cases = draw_cases(asked, 3)
    answers = ask(lambda probe: answer("node", thing, probe), cases)
    verdict, *_ = decide(asked, cases, answers)
    return asked, verdict, cases, answers


def test_an_answer_that_takes_too_long_is_asked_once() -> None:
    asked, verdict, cases, answers = a_wrong_sigmoid()
    late = itertools.count()

    def respond(probe: Probe) -> Answer:
        next(late)
        return Answer(failure=Failure("time", "it did not finish"))

    shown = with_cell(asked, verdict, cases, answers, respond, "Sigmoid")
    assert next(late) == 1
    assert inputs(shown.to_paste, "x").shape != (1, 1)  # of the judge's own probes, then


def test_slow_answers_are_not_asked_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, verdict, cases, answers = a_wrong_sigmoid()
    clock = itertools.count(0, 0.9)
    monkeypatch.setattr("autograder.counterexample.smallest.time.monotonic", lambda: next(clock))
    questions = itertools.count()

    def respond(probe: Probe) -> Answer:
        next(questions)
        return Answer(({"value": np.zeros((9, 9))},))

    assert with_cell(asked, verdict, cases, answers, respond, "Sigmoid").to_paste
    assert next(questions) <= 3


@pytest.mark.parametrize(
    "came",
    [
        Answer(({"value": np.full((1, 1), np.nan), "grad.x": np.full((1, 1), np.inf)},)),
        Answer(({"value": np.zeros((1, 1)), "grad.x": np.array([[1 + 2j]])},)),
        Answer(({"grad.x": np.zeros((0, 7))},) * 5),
        Answer(),
        None,
    ],
)
def test_odd_numbers_and_faults_of_the_search_leave_the_verdict_as_it_is(came: Any) -> None:
    asked, verdict, cases, answers = a_wrong_sigmoid()
    shown = with_cell(asked, verdict, cases, answers, lambda probe: came, "Sigmoid")
    assert shown.as_json() | {"to_paste": ""} == verdict.as_json()


EVIL = 'x"); import os; os.abort()  # </code></pre><script>'


def test_nothing_of_a_students_gets_into_the_cell() -> None:
    def crashes(x: Any, y: Any, g: Any) -> Any:
        raise type(EVIL, (Exception,), {})(EVIL)

    thing = unary(sig, crashes)
    thing.__name__ = thing.__qualname__ = EVIL
    cell = judge("edf.sigmoid", thing).to_paste
    assert "stops with an error" in cell
    assert not any(part in cell for part in ("abort", "script", "import os", "__"))


@pytest.mark.parametrize(("name", "called"), [("mine.Sigmoid", "mine.Sigmoid"), (f"f({EVIL})", "Sigmoid")])
def test_the_answer_is_called_as_in_the_notebook_where_that_is_a_name(name: str, called: str) -> None:
    asked, verdict, cases, answers = a_wrong_sigmoid()
    thing = unary(sig, lambda x, y, g: -g * y * (1 - y))
    shown = with_cell(asked, verdict, cases, answers, lambda probe: answer("node", thing, probe), name)
    assert f"out = {called}(x)" in shown.to_paste


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions_are_written_as_they_are_computed(text: str) -> None:
    numbers = {"a": Value(0.8), "b": Value(-0.6), "c": Value(1.3)}
    names: dict[str, Any] = dict(numbers)
    exec(LONGER.get(text, f"root = {text.split(', where')[0]}"), names)
    assert names["root"].data == EXPRESSIONS[text](**numbers).data


def test_the_cell_reads_only_what_a_lecture_has() -> None:
    cell = judge("edf.softmax", unary(lambda x: x, lambda x, y, g: g)).to_paste
    tree = ast.parse(cell)
    imported = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert imported == ["import numpy as np", "from edf_course import edf"]
    assert edf.Softmax.__name__ in cell
    assert max(map(len, cell.splitlines())) <= 120
