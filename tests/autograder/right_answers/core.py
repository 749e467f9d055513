"""Right answers: addgrad, the backward walk, the step and the stack of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course import edf
from edf_course.edf import Parameter


class SlideParameter(Parameter):
    def addgrad(self, delta):
        self.grad += np.sum(delta, axis=0) / delta.shape[0]


class LoopParameter(Parameter):
    def addgrad(self, delta):
        total = np.zeros(self.value.shape)
        for d in delta:
            total = total + d
        self.grad = self.grad + total / len(delta)


def backward_as_on_slides(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = 0
    loss.grad = 1.0
    for c in nodes[::-1]:
        if np.ndim(c.grad) == 0:
            c.grad = np.full(c.value.shape, float(c.grad))
        c.backward()


def backward_with_zeros(nodes, parameters, loss):
    for c in [*nodes, *parameters]:
        c.grad = np.zeros_like(c.value)
    loss.grad = np.ones(loss.value.shape)
    i = len(nodes) - 1
    while i >= 0:
        nodes[i].backward()
        i -= 1


def sgd_new_arrays(parameters, learning_rate):
    for p in parameters:
        p.value = p.value - learning_rate * p.grad


def sgd_in_place(parameters, learning_rate):
    for p in parameters:
        np.subtract(p.value, learning_rate * p.grad, out=p.value)


def mlp_recursive(Phi, x, last=True):
    if len(Phi) == 0:
        return x
    y = edf.Affine(Phi[0], mlp_recursive(Phi[1:], x, False))
    return y if last else edf.Sigmoid(y)


def mlp_loop(Phi, x):
    for i in range(len(Phi) - 1, 0, -1):
        x = edf.Sigmoid(edf.Affine(Phi[i], x))
    return edf.Affine(Phi[0], x)


RIGHT: list[tuple[str, Any]] = [
    ("edf.addgrad", SlideParameter),
    ("edf.addgrad", LoopParameter),
    ("edf.backward_pass", backward_as_on_slides),
    ("edf.backward_pass", backward_with_zeros),
    ("edf.sgd", sgd_new_arrays),
    ("edf.sgd", sgd_in_place),
    ("edf.mlp", mlp_recursive),
    ("edf.mlp", mlp_loop),
]  # fmt: skip
