"""Whatever an answer returns, the judge and the check say something, raise nothing and warn of nothing."""

import warnings

import numpy as np
import pytest

from autograder.judge import judge
from edf_course.check import examine
from edf_course.edf import CompNode, Parameter
from tests.autograder.making import sig


class NoArray:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("no")


class Mute:
    def __getattr__(self, name):
        raise ValueError(name)

    def __repr__(self):
        raise ValueError


class Liar(float):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        raise ValueError

    __hash__ = float.__hash__


ODD = {
    "None": lambda r: None,
    "text": lambda r: "0.5",
    "bytes": lambda r: b"1",
    "one": lambda r: 1,
    "true": lambda r: True,
    "imaginary": lambda r: 1j,
    "complex": lambda r: r + 0j,
    "nan": lambda r: np.nan,
    "nans": lambda r: np.full(r.shape, np.nan),
    "infinities": lambda r: np.full(r.shape, -np.inf),
    "huge": lambda r: np.full(r.shape, 1e308),
    "liar": lambda r: Liar(2),
    "no array": lambda r: NoArray(),
    "mute": lambda r: Mute(),
    "nothing": lambda r: [],
    "no rows": lambda r: np.zeros((0, *r.shape[1:])),
    "ragged": lambda r: [[1.0], [1.0, 2.0]],
    "strings": lambda r: r.astype(str),
    "dates": lambda r: np.array(["2020"], dtype="M8[s]"),
    "records": lambda r: np.zeros(1, dtype=[("a", float)]),
    "bits": lambda r: r.astype(bool),
    "bytes of numbers": lambda r: r.astype(np.uint8),
    "another axis": lambda r: r[..., None],
    "a generator": lambda r: (x for x in range(3)),
    "a class": lambda r: object,
    "endless": lambda r: np.broadcast_to(0.0, (10**5, 10**5)),
}


def node(value=sig, gradient=lambda x: x):
    class Node(CompNode):
        def __init__(self, x):
            super().__init__()
            self.x = x

        def forward(self):
            self.value = value(self.x.value)

        def backward(self):
            self.x.grad = gradient(self.x.value)

    return Node


def parameter(grad):
    class MeanParameter(Parameter):
        def addgrad(self, delta):
            self.grad = grad(self.value)

    return MeanParameter


def backward_pass(grad):
    def backward(nodes, parameters, loss):
        for c in nodes + parameters:
            c.grad = grad(c.value)

    return backward


def sgd(value):
    def step(parameters, learning_rate):
        for p in parameters:
            p.value = value(p.value)

    return step


ANSWERS = {
    "edf.sigmoid, its value": ("edf.sigmoid", node),
    "edf.sigmoid, its gradient": ("edf.sigmoid", lambda odd: node(gradient=odd)),
    "edf.addgrad": ("edf.addgrad", parameter),
    "edf.backward_pass": ("edf.backward_pass", backward_pass),
    "edf.sgd": ("edf.sgd", sgd),
    "edf.mlp": ("edf.mlp", lambda odd: lambda Phi, x: odd(x.value)),
    "calculus.jacobian": ("calculus.jacobian", lambda odd: lambda f, p: odd(np.asarray(p, dtype=float))),
}


@pytest.mark.parametrize("where", ANSWERS)
@pytest.mark.parametrize("what", ODD)
def test_odd_things_fail_with_a_sentence(where, what):
    exercise, make = ANSWERS[where]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = judge(exercise, make(ODD[what]))
        result = examine(exercise, make(ODD[what]), 0)
    assert not verdict.passed
    assert not result.passed
    assert len(verdict.sentence) > 10
    assert len(result.sentence) > 10
