"""Wrong answers: the step, and the stack of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edf_course import edf
from tests.autograder.making import sig


def sgd_by_library(parameters, learning_rate):
    with edf.Graph() as graph:
        graph.Parameters.extend(parameters)
        graph.sgd(learning_rate)


def sgd_ascent(parameters, learning_rate):
    for p in parameters:
        p.value += learning_rate * p.grad


def sgd_no_rate(parameters, learning_rate):
    for p in parameters:
        p.value -= p.grad


def sgd_first(parameters, learning_rate):
    p = parameters[0]
    p.value -= learning_rate * p.grad


def sgd_clears(parameters, learning_rate):
    for p in parameters:
        p.value -= learning_rate * p.grad
        p.grad = np.zeros_like(p.value)


def mlp_squashed(Phi, x):
    return x if len(Phi) == 0 else edf.Sigmoid(edf.Affine(Phi[0], mlp_squashed(Phi[1:], x)))


def mlp_linear(Phi, x):
    return x if len(Phi) == 0 else edf.Affine(Phi[0], mlp_linear(Phi[1:], x))


def mlp_reversed(Phi, x):
    for i, package in enumerate(Phi):
        x = edf.Affine(package, x)
        if i < len(Phi) - 1:
            x = edf.Sigmoid(x)
    return x


def stepping(step: Callable[[Any, Any, float], Any]) -> Callable[[Any, float], None]:
    """An sgd whose new value is step(value, grad, rate)."""

    def sgd(parameters, learning_rate):
        for p in parameters:
            p.value = step(p.value, p.grad, learning_rate)

    return sgd


def sgd_without_effect(parameters, learning_rate):
    for p in parameters:
        value = p.value
        value = value - learning_rate * p.grad


def sgd_returning(parameters, learning_rate):
    return [p.value - learning_rate * p.grad for p in parameters]


def sgd_of_the_gradient(parameters, learning_rate):
    for p in parameters:
        p.grad = p.grad - learning_rate * p.value


def sgd_scaling_in_place(parameters, learning_rate):
    for p in parameters:
        p.grad *= learning_rate
        p.value = p.value - p.grad


def sgd_leaving_early(parameters, learning_rate):
    for p in parameters:
        p.value = p.value - learning_rate * p.grad
        return


def mlp_with(hidden: Any, last: Any = lambda x: x) -> Callable[[Any, Any], Any]:
    """A stack with other functions between the layers, and behind the last."""

    def mlp(Phi, x):
        for package in Phi[:0:-1]:
            x = hidden(edf.Affine(package, x))
        return last(edf.Affine(Phi[0], x))

    return mlp


def mlp_without_the_last(Phi, x):
    for package in Phi[:0:-1]:
        x = edf.Sigmoid(edf.Affine(package, x))
    return x


def mlp_of_two(Phi, x):
    return edf.Affine(Phi[0], edf.Sigmoid(edf.Affine(Phi[1], x)))


def mlp_computed_at_once(Phi, x):
    h = x.value
    for package in reversed(Phi):
        h = h @ package.w.value - package.b.value
        h = sig(h) if package is not Phi[0] else h
    return edf.Input(h, "scores")


def mlp_of_copies(Phi, x):
    for old in reversed(Phi[1:]):
        new = edf.ParameterPackage()
        new.w, new.b = edf.Parameter(old.w.value), edf.Parameter(old.b.value)
        x = edf.Sigmoid(edf.Affine(new, x))
    return edf.Affine(Phi[0], x)


class WholeStack(edf.CompNode):
    """The scores of all layers at once; nothing leads back."""

    def __init__(self, Phi, x):
        super().__init__()
        self.Phi, self.x = Phi, x

    def forward(self):
        self.value = mlp_computed_at_once(self.Phi, self.x).value

    def backward(self):
        pass


def mlp_without_backward(Phi, x):
    return WholeStack(Phi, x)


def mlp_forgetting(Phi, x):
    for package in Phi[:0:-1]:
        edf.Sigmoid(edf.Affine(package, x))
    return edf.Affine(Phi[0], x)


WRONG: list[tuple[str, str | None, Any]] = [
    ("edf.sgd", "delegates", sgd_by_library),
    ("edf.mlp", "stale-state", mlp_computed_at_once),
    ("edf.mlp", "missing-param-grad", mlp_of_copies),
    ("edf.mlp", "missing-param-grad", mlp_without_backward),
    ("edf.mlp", "delegates", edf.MLP),
    ("edf.mlp", "delegates", lambda Phi, x: edf.MLP(Phi, x)),
    ("edf.sgd", "sign", sgd_ascent),
    ("edf.sgd", "factor-missing", sgd_no_rate),
    ("edf.sgd", "missing-param-grad", sgd_first),
    ("edf.sgd", "mutates-grad", sgd_clears),
    ("edf.mlp", "squashed-output", mlp_squashed),
    ("edf.mlp", "no-activation", mlp_linear),
    ("edf.mlp", "order-reversed", mlp_reversed),
    ("edf.sgd", "zero", sgd_without_effect),
    ("edf.sgd", "returns", sgd_returning),
    ("edf.sgd", "mutates-grad", sgd_of_the_gradient),
    ("edf.sgd", "mutates-grad", sgd_scaling_in_place),
    ("edf.sgd", "missing-param-grad", sgd_leaving_early),
    ("edf.sgd", "overwrites", stepping(lambda p, g, rate: -rate * g)),
    ("edf.sgd", "factor-extra", stepping(lambda p, g, rate: p - 2 * rate * g)),
    ("edf.sgd", None, stepping(lambda p, g, rate: p - 0.1 * g)),
    ("edf.sgd", None, stepping(lambda p, g, rate: p - rate * g / len(g))),
    ("edf.sgd", None, stepping(lambda p, g, rate: p - rate * np.sign(g))),
    ("edf.sgd", None, stepping(lambda p, g, rate: p * (1 - rate * g))),
    ("edf.mlp", "wrong-function", mlp_with(edf.Tanh)),
    ("edf.mlp", "wrong-function", mlp_with(edf.Tanh, edf.Tanh)),
    ("edf.mlp", "wrong-function", mlp_with(edf.ReLU)),
    ("edf.mlp", "squashed-output", mlp_with(edf.Sigmoid, edf.Softmax)),
    ("edf.mlp", "missing-node", mlp_without_the_last),
    ("edf.mlp", "missing-node", mlp_of_two),
    ("edf.mlp", "missing-node", mlp_forgetting),
]
