"""The judge on right answers in many styles, on wrong ones with their misconception, and on what is no answer."""

import json
import re
import time

import numpy as np
import pytest

from autograder.exercises import exercise, exercises
from autograder.judge import draw_cases, judge
from autograder.oracles import OracleDisagreement, Truth
from edf_course import edf
from edf_course.exercises import UnknownExercise, statement, statements
from edf_course.exercises.public_cases import public_cases
from edf_course.hints import SENTENCES
from tests.autograder.making import affine, sig, unary
from tests.autograder.right_answers import RIGHT
from tests.autograder.wrong_answers import WRONG

right = pytest.mark.parametrize(("exercise_id", "answer"), RIGHT, ids=[f"{i}-{e}" for i, (e, _) in enumerate(RIGHT)])
wrong = pytest.mark.parametrize(  # each with one of three seeds, or this would take minutes
    ("exercise_id", "misconception", "answer", "seed"),
    [(*entry, (None, 1, 2)[i % 3]) for i, entry in enumerate(WRONG)],
    ids=[f"{i}-{e}-{m}" for i, (e, m, _) in enumerate(WRONG)],
)


@right
@pytest.mark.parametrize("seed", [None, 1])
def test_right_work_passes_in_whatever_style(exercise_id, answer, seed):
    verdict = judge(exercise_id, answer, seed)
    assert verdict.passed, verdict.sentence
    assert verdict.points == verdict.max_points
    assert verdict.misconception is None


@wrong
def test_wrong_work_fails_with_its_reason(exercise_id, misconception, answer, seed):
    verdict = judge(exercise_id, answer, seed)
    assert not verdict.passed
    assert verdict.points < verdict.max_points
    assert verdict.misconception == misconception
    assert len(verdict.sentence) > 10


def test_every_exercise_has_a_private_half_whose_points_add_up():
    for stated in statements():
        assert sum(exercise(stated.id).aspects.values()) == stated.points


def test_every_exercise_is_in_both_corpora():
    ids = {s.id for s in statements()}
    assert {e for e, _ in RIGHT} == ids == {e for e, _, _ in WRONG}


def test_a_sign_error_keeps_the_points_of_forward():
    verdict = judge("edf.sigmoid", unary(sig, lambda x, y, g: -g * y * (1 - y)))
    assert verdict.aspects["value"].passed
    assert verdict.points == exercise("edf.sigmoid").aspects["value"]


@pytest.mark.parametrize("seed", [7, 8, 27])
def test_what_is_right_for_one_shape_by_chance_is_no_shape_written_into_the_code(seed):
    late = unary(lambda x: np.maximum(x, 0), lambda x, y, g: g * (x > 0.5))
    cases = [case for case in draw_cases(exercise("edf.relu"), seed) if case.aspect == "gradient"]
    wrong = [((x > 0) & (x <= 0.5)).sum() for x in (case.probe.passes[0]["x"] for case in cases)]
    assert 0 in wrong
    assert judge("edf.relu", late, seed).misconception in ("narrow-domain", None)


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_are_wrong_are_no_side_of_zero_even_where_they_happen_to_lie_on_one(seed):
    first_four = affine(x_grad=lambda x, W, g: (g @ W.T) * (np.arange(len(g)) < 4)[:, None])
    assert judge("edf.affine", first_four, seed).misconception != "narrow-domain"


def test_a_bound_is_told_by_the_roundest_number_that_it_may_be():
    clipped = unary(lambda x: sig(np.clip(x, -1, 1)), lambda x, y, g: g * y * (1 - y))
    assert "|x| > 1." in judge("edf.sigmoid", clipped).sentence


def test_a_parameter_that_is_moved_wrongly_is_named_as_the_student_finds_it():
    assert "At parameters[0].value[" in judge("edf.sgd", lambda parameters, learning_rate: None).sentence


def test_two_numbers_that_are_nearly_the_same_are_told_with_the_digits_that_differ():
    def step(parameters, learning_rate):
        for p in parameters:
            p.value -= 1.0001 * learning_rate * p.grad

    got, right = re.findall(r"-?\d\.\d+", judge("edf.sgd", step).sentence)[:2]
    assert got != right


def test_overwriting_costs_only_accumulation():
    verdict = next(judge(e, a) for e, m, a in WRONG if m == "overwrites" and e == "edf.sigmoid")
    assert [n for n, a in verdict.aspects.items() if not a.passed] == ["accumulates"]


def test_the_sentence_shows_one_entry_and_the_cause():
    verdict = judge("edf.sigmoid", unary(sig, lambda x, y, g: -g * y * (1 - y)))
    assert "x[" in verdict.sentence
    assert "sign" in verdict.sentence


def test_the_same_seed_gives_the_same_verdict_and_another_seed_other_probes():
    asked = exercise("edf.softmax")
    one, same, other = (draw_cases(asked, s)[0].probe.passes[0]["x"] for s in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_shapes_of_probes_differ_in_every_axis_and_one_has_a_single_example():
    shapes = [
        c.probe.passes[0]["Phi.w"].shape + c.probe.passes[0]["x"].shape[:1]
        for c in draw_cases(exercise("edf.affine"), 1)
    ]
    assert any(B == 1 for _, _, B in shapes)
    assert any(n != m and m != B and n != B for n, m, B in shapes)


def test_a_float32_answer_passes_with_a_remark():
    verdict = judge(
        "edf.sigmoid", unary(lambda x: sig(x.astype(np.float32)), lambda x, y, g: (g * y * (1 - y)).astype(np.float32))
    )
    assert verdict.passed
    assert "float32" in verdict.remark


@pytest.mark.parametrize("thing", [None, 5, "Sigmoid", np.zeros(3), edf, object, print, lambda x: x, lambda: None, [1]])
def test_what_is_no_node_scores_nothing_and_is_told_so(thing):
    verdict = judge("edf.tanh", thing)
    assert verdict.points == 0
    assert verdict.sentence.endswith((".", "?"))


def test_unwritten_work_is_said_to_be_unwritten():
    def backward_is_missing(x, y, g):
        raise NotImplementedError

    verdict = judge("edf.sigmoid", unary(sig, backward_is_missing))
    assert verdict.points == 1
    assert "not written yet" in verdict.sentence


def test_an_endless_backward_costs_its_own_time_only_and_keeps_the_points_of_forward(monkeypatch):
    def endless(x, y, g):
        while True:
            pass

    monkeypatch.setattr("autograder.judge.SECONDS_PER_PROBE", 0.5)
    begin = time.monotonic()
    verdict = judge("edf.sigmoid", unary(sig, endless))
    assert time.monotonic() - begin < 4
    assert verdict.points == 1
    assert "endless loop" in verdict.sentence


def test_an_exception_is_told_with_its_line():
    def crashes(x, y, g):
        return g @ y

    verdict = judge("edf.sigmoid", unary(sig, crashes))
    assert "ValueError" in verdict.sentence
    assert "return g @ y" in verdict.sentence


def test_lying_arrays_are_taken_at_their_numbers():
    class Liar(np.ndarray):
        def __eq__(self, other):
            return np.True_

        def __sub__(self, other):
            return np.zeros(1)

        def __le__(self, other):
            return np.True_

        def __array_ufunc__(self, *args, **kwargs):
            return np.True_

    verdict = judge("edf.add", unary(lambda x: np.zeros_like(x).view(Liar), lambda x, y, g: np.zeros_like(x)))
    assert verdict.points == 0
    verdict = judge(
        "edf.sigmoid", unary(lambda x: np.zeros_like(x).view(Liar), lambda x, y, g: np.zeros_like(x).view(Liar))
    )
    assert verdict.points == 0


@pytest.mark.parametrize("exercise_id", [e.id for e in exercises()])
def test_torch_and_finite_differences_agree_on_twenty_draws(exercise_id):
    for seed in range(20):  # Truth.confirm raises where they do not
        assert draw_cases(exercise(exercise_id), seed)


def test_a_formula_whose_derivative_is_off_by_a_ten_thousandth_is_refused():
    import torch

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * torch.cos(x) * 1.0001

    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(3, 4)), "upstream": rng.normal(size=(3, 4))}
    with pytest.raises(OracleDisagreement):
        Truth(Off.apply, ["x"], frozenset(), frozenset()).confirm(arrays, rng)


def test_a_direction_along_which_next_to_nothing_changes_refuses_no_formula(monkeypatch):
    """It came in one of a hundred draws for the MLP, and the whole submission was not graded."""
    import torch

    errors = iter([2e-6, 1e-9])
    monkeypatch.setattr("autograder.oracles.projection_error", lambda *_: next(errors))
    arrays = {"x": np.ones((3, 4)), "upstream": np.ones((3, 4))}
    Truth(torch.sin, ["x"], frozenset(), frozenset()).confirm(arrays, np.random.default_rng(0))
    assert next(errors, None) is None


def test_an_unknown_exercise_offers_the_nearest():
    with pytest.raises(UnknownExercise, match=r"edf\.sigmoid"):
        judge("edf.sigmoidd", None)


def test_the_module_is_called_like_the_function_in_it():
    from autograder import judge as imported

    assert imported("edf.mul", None, seed=3) == imported.judge("edf.mul", None, seed=3) == judge("edf.mul", None, 3)


def test_a_verdict_is_plain_data():
    data = json.loads(json.dumps(judge("edf.sigmoid", Wrong := unary(sig, lambda x, y, g: -g * y * (1 - y))).as_json()))
    assert Wrong
    assert data["misconception"] == "sign"
    assert data["aspects"]["value"] == {"points": 1, "max_points": 1, "passed": True, "sentence": ""}


def sayable(case, misconception):
    own = misconception in case.sentences
    return own or "{" not in SENTENCES.get(misconception, "{")


@pytest.mark.parametrize("exercise_id", [e.id for e in exercises()])
def test_every_mistake_that_a_case_may_name_has_a_sentence(exercise_id):
    asked = statement(exercise_id)
    cases = draw_cases(exercise(exercise_id), 0)
    if asked.kind != "node":
        cases += public_cases(asked, None, np.random.default_rng(0))
    for case in cases:
        named = {kind.partition(":")[0] for kind in case.alternatives} | ({case.fallback} if case.fallback else set())
        assert [m for m in named if not sayable(case, m)] == []
