"""Wrong answers: addgrad and the backward walk."""

from __future__ import annotations

from collections.abc import Callable
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


def adding(share: Callable[[Any], Any]) -> type:
    """A Parameter that adds `share(delta)`."""

    class Adds(Parameter):
        def addgrad(self, delta):
            self.grad = self.grad + share(delta)

    return Adds


class ReturnsTheMean(Parameter):
    def addgrad(self, delta):
        return self.grad + delta.mean(axis=0)


class DoesNothing(Parameter):
    def addgrad(self, delta):
        pass


class AveragesCalls(Parameter):
    def addgrad(self, delta):
        self.grad = delta.mean(0) if isinstance(self.grad, int) else (self.grad + delta.mean(0)) / 2


class DividesAll(Parameter):
    def addgrad(self, delta):
        self.grad = (self.grad + delta.sum(0)) / len(delta)


class StepsToo(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.mean(0)
        self.value = self.value - delta.mean(0)


class DividesInPlace(Parameter):
    def addgrad(self, delta):
        delta /= len(delta)
        self.grad = self.grad + delta.sum(0)


def cleared(nodes, parameters):
    for c in nodes + parameters:
        c.grad = np.zeros_like(c.value)


def seeded(nodes, parameters, loss):
    cleared(nodes, parameters)
    loss.grad = np.ones_like(loss.value)


def backward_without_the_first(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    for i in range(len(nodes) - 1, 0, -1):
        nodes[i].backward()


def backward_without_the_loss(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    for c in nodes[-2::-1]:
        c.backward()


def backward_of_the_loss_alone(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    loss.backward()


def backward_seeded_too_late(nodes, parameters, loss):
    cleared(nodes, parameters)
    for c in reversed(nodes):
        c.backward()
    loss.grad = np.ones_like(loss.value)


def backward_cleared_too_late(nodes, parameters, loss):
    loss.grad = np.ones_like(loss.value)
    cleared(nodes, parameters)
    for c in reversed(nodes):
        c.backward()


def backward_from_minus_one(nodes, parameters, loss):
    cleared(nodes, parameters)
    loss.grad = -np.ones_like(loss.value)
    for c in reversed(nodes):
        c.backward()


def backward_from_the_value(nodes, parameters, loss):
    cleared(nodes, parameters)
    loss.grad = loss.value.copy()
    for c in reversed(nodes):
        c.backward()


def backward_nodes_kept(nodes, parameters, loss):
    for p in parameters:
        p.grad = np.zeros_like(p.value)
    for c in nodes:
        if c.grad is None:
            c.grad = np.zeros_like(c.value)
    loss.grad = np.ones_like(loss.value)
    for c in reversed(nodes):
        c.backward()


def backward_wiping(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    for c in reversed(nodes):
        c.backward()
        c.grad = np.zeros_like(c.value)


def backward_of_each_twice(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    for c in reversed(nodes):
        c.backward()
        c.backward()


def backward_divided(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    for c in reversed(nodes):
        c.backward()
    for p in parameters:
        p.grad = p.grad / len(loss.value)


def backward_not_called(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    for c in reversed(nodes):
        _ = c.backward


def backward_with_a_step(nodes, parameters, loss):
    seeded(nodes, parameters, loss)
    for c in reversed(nodes):
        c.forward()
        c.backward()
    for p in parameters:
        p.value = p.value - 0.1 * p.grad


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
    ("edf.addgrad", "sign", Turned),
    ("edf.backward_pass", "order-reversed", backward_in_order),
    ("edf.backward_pass", "grad-not-reset", backward_no_reset),
    ("edf.backward_pass", "grad-not-reset", backward_parameters_kept),
    ("edf.backward_pass", "no-seed", backward_no_seed),
    ("edf.backward_pass", "batch-mean-twice", backward_mean_seed),
    ("edf.addgrad", "batch-mean-missing", adding(lambda d: -d.sum(0))),
    ("edf.addgrad", "batch-mean-missing", adding(lambda d: d)),
    ("edf.addgrad", "wrong-axis", adding(lambda d: d.sum(0) / d.shape[1])),
    ("edf.addgrad", "wrong-axis", adding(lambda d: d.sum(0) / d.shape[-1])),
    ("edf.addgrad", "wrong-axis", adding(lambda d: d.mean(1))),
    ("edf.addgrad", "wrong-axis", adding(lambda d: d.mean(-1))),
    ("edf.addgrad", "factor-missing", adding(lambda d: d.sum(0) / d.size)),
    ("edf.addgrad", "factor-extra", adding(lambda d: 2 * d.mean(0))),
    ("edf.addgrad", None, adding(lambda d: d.max(0))),
    ("edf.addgrad", "first-example", adding(lambda d: d[-1])),
    ("edf.addgrad", None, adding(lambda d: d.sum(0) / max(1, len(d) - 1))),
    ("edf.addgrad", "wrong-axis", adding(lambda d: d.sum(1) / len(d))),
    ("edf.addgrad", "wrong-axis", adding(lambda d: d.sum(-1) / len(d))),
    ("edf.addgrad", "broadcast", adding(lambda d: d / len(d))),
    ("edf.addgrad", "tiny-factor", adding(lambda d: d.sum(0) / (len(d) + 1e-3))),
    ("edf.addgrad", "returns", ReturnsTheMean),
    ("edf.addgrad", "zero", DoesNothing),
    ("edf.addgrad", "no-accumulation", AveragesCalls),
    ("edf.addgrad", "no-accumulation", DividesAll),
    ("edf.addgrad", "mutates-value", StepsToo),
    ("edf.addgrad", "mutates-grad", DividesInPlace),
    ("edf.backward_pass", "missing-node", backward_without_the_first),
    ("edf.backward_pass", "missing-node", backward_without_the_loss),
    ("edf.backward_pass", "missing-node", backward_of_the_loss_alone),
    ("edf.backward_pass", "no-seed", backward_seeded_too_late),
    ("edf.backward_pass", "no-seed", backward_cleared_too_late),
    ("edf.backward_pass", "sign", backward_from_minus_one),
    ("edf.backward_pass", None, backward_from_the_value),
    ("edf.backward_pass", "grad-not-reset", backward_nodes_kept),
    ("edf.backward_pass", "mutates-grad", backward_wiping),
    ("edf.backward_pass", "double-count", backward_of_each_twice),
    ("edf.backward_pass", "batch-mean-twice", backward_divided),
    ("edf.backward_pass", "missing-node", backward_not_called),
    ("edf.backward_pass", "mutates-input", backward_with_a_step),
]
