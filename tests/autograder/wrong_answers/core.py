"""Wrong answers: addgrad, the backward walk, the step and the stack of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course import edf
from edf_course.edf import Parameter


class NoMean(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.sum(axis=0)


class OverwritesMean(Parameter):
    def addgrad(self, delta):
        self.grad = delta.mean(axis=0)


class FixedBatch(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.sum(axis=0) / 4


class FirstOnly(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta[0]


class TwiceMean(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.mean(axis=0) / len(delta)


class OverAll(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.mean()


class Turned(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad - delta.mean(axis=0)


class Inherits(Parameter):
    pass


class CallsSuper(Parameter):
    def addgrad(self, delta):
        super().addgrad(delta)


def backward_by_library(nodes, parameters, loss):
    edf.Backward(loss)


def backward_by_graph(nodes, parameters, loss):
    edf.current_graph().backward(loss)


def sgd_by_library(parameters, learning_rate):
    with edf.Graph() as graph:
        graph.Parameters.extend(parameters)
        graph.sgd(learning_rate)


def backward_in_order(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = 0
    loss.grad = 1.0
    for c in nodes:
        if isinstance(c.grad, int):
            c.grad = np.zeros_like(c.value)
        c.backward()


def backward_no_reset(nodes, parameters, loss):
    for c in nodes + parameters:
        if c.grad is None:
            c.grad = np.zeros_like(c.value)
    loss.grad = np.ones(len(loss.value))
    for c in nodes[::-1]:
        c.backward()


def backward_no_seed(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = np.zeros_like(c.value)
    for c in nodes[::-1]:
        c.backward()


def backward_mean_seed(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = np.zeros_like(c.value)
    loss.grad = np.ones(len(loss.value)) / len(loss.value)
    for c in nodes[::-1]:
        c.backward()


def backward_parameters_kept(nodes, parameters, loss):
    for c in nodes:
        c.grad = np.zeros_like(c.value)
    for p in parameters:
        if p.grad is None:
            p.grad = np.zeros_like(p.value)
    loss.grad = np.ones(len(loss.value))
    for c in nodes[::-1]:
        c.backward()


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


WRONG: list[tuple[str, str | None, Any]] = [
    ("edf.addgrad", "batch-mean-missing", NoMean),
    ("edf.addgrad", "overwrites", OverwritesMean),
    ("edf.addgrad", "hard-coded-shape", FixedBatch),
    ("edf.addgrad", "first-example", FirstOnly),
    ("edf.addgrad", "batch-mean-twice", TwiceMean),
    ("edf.addgrad", "wrong-axis", OverAll),
    ("edf.addgrad", "delegates", Parameter),
    ("edf.addgrad", "delegates", Inherits),
    ("edf.addgrad", "delegates", CallsSuper),
    ("edf.backward_pass", "delegates", backward_by_library),
    ("edf.backward_pass", "delegates", backward_by_graph),
    ("edf.sgd", "delegates", sgd_by_library),
    ("edf.mlp", "delegates", edf.MLP),
    ("edf.mlp", "delegates", lambda Phi, x: edf.MLP(Phi, x)),
    ("edf.addgrad", "sign", Turned),
    ("edf.backward_pass", "order-reversed", backward_in_order),
    ("edf.backward_pass", "grad-not-reset", backward_no_reset),
    ("edf.backward_pass", "grad-not-reset", backward_parameters_kept),
    ("edf.backward_pass", "no-seed", backward_no_seed),
    ("edf.backward_pass", "batch-mean-twice", backward_mean_seed),
    ("edf.sgd", "sign", sgd_ascent),
    ("edf.sgd", "factor-missing", sgd_no_rate),
    ("edf.sgd", None, sgd_first),
    ("edf.sgd", "mutates-grad", sgd_clears),
    ("edf.mlp", "squashed-output", mlp_squashed),
    ("edf.mlp", "no-activation", mlp_linear),
    ("edf.mlp", "order-reversed", mlp_reversed),
]  # fmt: skip
