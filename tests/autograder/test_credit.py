"""Points for what is right beside what is wrong: a gradient that is wrong costs its share, and no work costs all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.exercises import exercise
from autograder.judge import judge
from edf_course.edf import CompNode
from tests.autograder.making import affine, binary, sig
from tests.autograder.wrong_answers import WRONG


def points(exercise_id: str, thing: Any) -> dict[str, float]:
    return {name: aspect.points for name, aspect in judge(exercise_id, thing).aspects.items()}


def gate(a_grad: Any = lambda a, s, g: g * s, b_grad: Any = lambda a, s, g: g * a * s * (1 - s)) -> type:
    return binary(
        lambda a, b: a * sig(b),
        lambda a, b, y, g: tuple(f and f(a, sig(b), g) for f in (a_grad, b_grad)),  # type: ignore[arg-type, return-value]
    )


class Gated(CompNode):
    """A gate without a backward."""

    def __init__(self, a: Any, b: Any) -> None:
        super().__init__()
        self.a, self.b = a, b

    def forward(self) -> None:
        self.value = self.a.value * sig(self.b.value)


def test_a_wrong_sign_of_the_bias_costs_its_share_of_the_gradient_and_nothing_else() -> None:
    verdict = judge("edf.affine", affine(b_grad=lambda x, W, g: g.mean(axis=0)))
    assert points("edf.affine", affine(b_grad=lambda x, W, g: g.mean(axis=0))) == {
        "value": 2, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 2,
    }  # fmt: skip
    assert verdict.misconception == "bias-grad-sign"
    assert not verdict.passed
    assert not verdict.aspects["gradient"].passed


@pytest.mark.parametrize(
    ("thing", "gradient"),
    [
        (affine(w_grad=lambda x, W, g: x.T @ g), 2),
        (affine(w_grad=lambda x, W, g: x.T @ g, b_grad=lambda x, W, g: -g.sum(axis=0)), 1),
        (affine(lambda x, W, b: x @ W - b, lambda x, W, g: -g @ W.T, lambda x, W, g: x.T @ g, lambda x, W, g: g[0]), 0),
    ],
)
def test_the_gradient_is_worth_what_is_right_of_it_in_whole_points(thing: type, gradient: int) -> None:
    assert points("edf.affine", thing)["gradient"] == gradient


@pytest.mark.parametrize("wrong", [{"b_grad": lambda a, s, g: g * a * s}, {"a_grad": lambda a, s, g: g}])
def test_one_of_two_gradients_keeps_what_is_asked_afterwards(wrong: dict[str, Any]) -> None:
    assert points("edf.gate", gate(**wrong)) == {
        "value": 1, "gradient": 1, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1,
    }  # fmt: skip


@pytest.mark.parametrize("right", ["x_grad", "w_grad", "b_grad"])
def test_one_of_three_gradients_does_not(right: str) -> None:
    wrong = {name: lambda x, W, g, f=f: np.cos(f(x, W, g)) for name, f in GRADIENTS.items() if name != right}
    assert points("edf.affine", affine(**wrong)) == {
        "value": 2, "gradient": 1, "accumulates": 0, "repeatable": 0, "any shape": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "thing",
    [
        gate(b_grad=None),
        gate(b_grad=lambda a, s, g: np.zeros_like(g)),
        gate(b_grad=lambda a, s, g: np.full_like(g, np.nan)),
    ],
)
def test_a_gradient_that_is_not_there_is_no_attempt_and_excuses_nothing(thing: type) -> None:
    found = points("edf.gate", thing)
    assert (found["value"], found["gradient"]) == (1, 1)
    assert sum(found.values()) == 2


def test_what_is_wrong_in_the_other_gradients_still_costs_points() -> None:
    class Overwrites(Gated):
        def backward(self) -> None:
            self.a.grad = self.grad * sig(self.b.value)
            self.b.addgrad(self.grad * self.a.value)

    found = points("edf.gate", Overwrites)
    assert (found["gradient"], found["accumulates"], found["any shape"]) == (1, 0, 1)


def test_an_error_in_backward_leaves_nothing_to_count() -> None:
    found = points("edf.affine", affine(w_grad=lambda x, W, g: (x.T @ g / len(g)).T))
    assert (found["value"], found["gradient"], found["accumulates"]) == (2, 0, 0)


def only(condition: Any, right: Any) -> Any:
    """A gradient that is right under a condition, and nothing otherwise."""
    return lambda x, W, g: right(x, W, g) if condition(g) else np.zeros_like(right(x, W, g))


def one_example(g: np.ndarray) -> bool:
    return len(g) == 1


def of_ones(g: np.ndarray) -> bool:
    return bool((g == 1).all())


X, W_, B_ = (
    lambda x, W, g: g @ W.T,
    lambda x, W, g: x.T @ g / len(g),
    lambda x, W, g: -g.mean(axis=0),
)
GRADIENTS = {"x_grad": X, "w_grad": W_, "b_grad": B_}
FORWARD = lambda x, W, b: x @ W - b  # noqa: E731


@pytest.mark.parametrize(
    ("thing", "most"),
    [
        (affine(lambda x, W, b: np.zeros((len(x), W.shape[1])), None, None, None), 0),
        (affine(lambda x, W, b: np.zeros((len(x), W.shape[1]))), 1),  # its backward is right, and adds up
        (affine(lambda x, W, b: np.full((len(x), W.shape[1]), np.nan)), 1),
        (affine(FORWARD, None, None, None), 2),
        (affine(FORWARD, *(lambda x, W, g, f=f: np.ones_like(f(x, W, g)) for f in (X, W_, B_))), 2),
        (affine(FORWARD, *(lambda x, W, g, f=f: f(x, W, g) * np.nan for f in (X, W_, B_))), 2),
        (affine(FORWARD, *(only(one_example, f) for f in (X, W_, B_))), 2),
        (affine(FORWARD, *(only(of_ones, f) for f in (X, W_, B_))), 2),
        (affine(lambda x, W, b: x @ W - b if len(x) == 1 else x @ W, X, W_, B_), 1),
    ],
)  # fmt: skip
def test_no_work_gets_no_more_than_what_is_right_of_it(thing: type, most: int) -> None:
    assert judge("edf.affine", thing).points == most


@pytest.mark.parametrize("exercise_id", ["edf.mul", "edf.add", "edf.gate", "edf.affine"])
def test_with_several_operands_the_gradient_is_never_whole_while_one_is_wrong(exercise_id: str) -> None:
    asked = exercise(exercise_id)
    for thing in (a for e, _, a in WRONG if e == exercise_id):
        verdict = judge(exercise_id, thing)
        got = verdict.aspects["gradient"]
        assert got.passed == (got.points == got.max_points)
        assert verdict.points == sum(a.points for a in verdict.aspects.values()) < verdict.max_points
        assert all(float(a.points).is_integer() for a in verdict.aspects.values())
        assert verdict.max_points == asked.statement.points


def test_an_operand_that_is_read_twice_is_owed_the_sum_by_whoever_has_all_gradients_right() -> None:
    class OnlyOnce(Gated):
        def backward(self) -> None:
            a, s = self.a.value, sig(self.b.value)
            self.a.addgrad(self.grad * s)
            if self.b is not self.a:
                self.b.addgrad(self.grad * a * s * (1 - s))

    found = points("edf.gate", OnlyOnce)
    assert (found["gradient"], found["accumulates"]) == (3, 0)
