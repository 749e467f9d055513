"""What the exercises on the scalar engine and on step sizes ask, and how it is said."""

import numpy as np
import pytest

from autograder.judge import judge
from edf_course import check, hand_in, optim, scalar
from edf_course.check import examine
from edf_course.exercises.answer_optim import PROCEDURES
from edf_course.exercises.answer_scalar import EXPRESSIONS
from edf_course.exercises.answering import answer
from edf_course.exercises.probes import Probe
from edf_course.exercises.public_scalar import order_cases
from tests.autograder.right_answers.optim import Momentum
from tests.autograder.right_answers.scalar import ClosureValue, depth_first
from tests.autograder.wrong_answers.scalar import engine

NUMBERS = {n: np.array(v) for n, v in zip("abc", (2.0, 3.0, 0.5), strict=True)}


def test_the_librarys_engine_and_order_would_pass_if_they_were_not_the_librarys():
    assert examine("scalar.value", scalar.Value, 0).passed
    assert examine("scalar.topological_order", scalar.topological_order, 0).passed


def test_a_value_is_asked_for_each_expression():
    for text in EXPRESSIONS:
        a = answer("value", ClosureValue, Probe((NUMBERS,), text))
        assert a.failure is None
        assert set(a.passes[0]) == {"value", *(f"{kind}.{n}" for kind in ("grad", "changed") for n in "abc")}


def test_a_student_reads_which_expression_went_wrong(capsys):
    check("scalar.value", engine({"-": lambda x, y: (1, 1)}), seed=1)
    printed = capsys.readouterr().out
    assert "For (a - b) * c at a = " in printed
    assert "the sign is turned around" in printed


def test_a_verdict_on_numbers_can_be_shown(capsys):
    assert hand_in("scalar.value", engine({"-": lambda x, y: (1, 1)})) == 6
    assert "A sign is turned around" in capsys.readouterr().out


def test_more_than_one_topological_order_is_right():
    graph = {"data": np.arange(3.0), "edges": np.array([[2, 0], [2, 1]]), "root": np.array(2)}
    orders = {
        tuple(answer("topological_order", f, Probe((graph,))).passes[0]["order"])
        for f in (depth_first, lambda root: [*root._prev[::-1], root])
    }
    assert orders == {(0, 1, 2), (1, 0, 2)}
    for case in order_cases(np.random.default_rng(0)):
        order = answer("topological_order", depth_first, case.probe).passes[0]
        seen = case.derive(order)
        assert all(not seen[name].any() for right in case.right for name in right)


def test_what_is_no_list_of_nodes_gives_nothing_to_compare():
    case = order_cases(np.random.default_rng(0))[0]
    for order in ({}, {"order": np.zeros((2, 2), int)}, {"order": np.array([0.5])}):
        assert case.derive(order) == {}
    huge = case.derive({"order": np.array([10**9, -5, 0]), "again": np.array([10**9])})
    assert huge["foreign"] == 1
    assert huge["lost"].sum() == 1


@pytest.mark.parametrize("kind", PROCEDURES)
def test_optimizers_take_their_settings_in_the_order_of_the_signature(kind):
    seen = []

    class Spy:
        def __init__(self, *settings):
            seen.append(settings)

        def step(self, params, grads):
            return params

    settings = {"lr": 0.1, "momentum": 0.2, "alpha": 0.3, "betas": [0.4, 0.5], "eps": 0.6}
    arrays = {n: np.array(v) for n, v in settings.items()}
    answer(kind, Spy, Probe((arrays | {"params0": np.zeros(2), "grads0": np.ones(2)},)))
    wanted = {"momentum": (0.1, 0.2), "adagrad": (0.1, 0.6), "rmsprop": (0.1, 0.3, 0.6), "adam": (0.1, (0.4, 0.5), 0.6)}
    assert seen == [wanted[kind]]


def test_the_points_of_an_answer_that_forgets_only_to_return():
    class Silent(Momentum):
        def step(self, params, grads):
            super().step(params, grads)

    verdict = judge("optim.momentum", Silent)
    assert [n for n, a in verdict.aspects.items() if not a.passed] == ["in place"]
    assert verdict.misconception is None
    assert "What step returns is not the list" in verdict.sentence


def test_the_check_of_an_optimizer_holds_it_against_the_librarys():
    def wrap(rule):
        class Wrapped:
            def __init__(self, *settings):
                self.settings, self.inner = settings, None

            def step(self, params, grads):
                self.inner = self.inner or rule(params, *self.settings)
                self.inner.step(grads)
                return params

        return Wrapped

    for name, rule in {"momentum": optim.Momentum, "adagrad": optim.AdaGrad, "rmsprop": optim.RMSProp}.items():
        assert examine(f"optim.{name}", wrap(rule), 0).passed
        assert judge(f"optim.{name}", wrap(rule)).misconception == "delegates"
