"""Right answers: addgrad, the backward walk, the step and the stack of layers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from edf_course import edf
from edf_course.edf import Parameter
from tests.autograder.making import affine, sig, unary


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


class AddsAMean(Parameter):
    """Leaves the adding to addgrad_mean."""

    def addgrad(self, delta):
        self.addgrad_mean(np.average(delta, axis=0))


class AddsShares(Parameter):
    def addgrad(self, delta):
        for d in delta:
            self.grad = self.grad + d / len(delta)


class AddsWeighted(Parameter):
    def __init__(self, value):
        super().__init__(value)
        self.grad = np.zeros_like(self.value)

    def addgrad(self, delta):
        weights = np.full(len(delta), 1 / len(delta))
        self.grad = self.grad + np.tensordot(weights, np.asarray(delta), 1)


class AddsSingle(Parameter):
    def addgrad(self, delta):
        self.grad += np.mean(delta.astype(np.float32), axis=0)


class NoParameter:
    """No subclass of anything: value, grad and addgrad are all it takes."""

    def __init__(self, value):
        self.value, self.grad = value, 0

    def addgrad(self, delta):
        self.grad = self.grad + np.einsum("b...->...", delta) / len(delta)


def backward_popping(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = 0
    loss.grad = np.ones_like(loss.value)
    waiting = [*nodes]
    while waiting:
        c = waiting.pop()
        if isinstance(c.grad, int):  # nobody reads it
            c.grad = np.zeros_like(c.value)
        else:
            c.backward()


def backward_with_setattr(nodes, parameters, loss):
    [setattr(c, "grad", 0.0) for c in (*nodes, *parameters)]
    loss.grad = np.ones(loss.value.shape, dtype=np.float32)
    for c in sorted(nodes, key=nodes.index, reverse=True):
        c.grad = c.grad + np.zeros_like(c.value)
        c.backward()


def backward_from_the_loss(nodes, parameters, loss):
    for c in (*nodes, *parameters):
        c.grad = 0 * c.value
    loss.addgrad(np.ones_like(loss.value))
    for c in nodes[nodes.index(loss) :: -1]:
        if np.any(c.grad):
            c.backward()


def backward_with_a_plain_one(nodes, parameters, loss):
    for c in nodes:
        c.grad = 0
    for p in parameters:
        p.grad = 0
    loss.grad = 1
    for c in reversed(nodes):
        c.backward()


def backward_with_full_shapes(nodes, parameters, loss):
    for c in nodes:
        c.grad = np.full(c.value.shape, float(c is loss))
    for p in parameters:
        p.grad = 0
    for c in reversed(nodes):
        c.backward()


def sgd_by_slice(parameters, learning_rate):
    for p in parameters:
        p.value[...] = p.value - learning_rate * p.grad


def sgd_in_single(parameters, learning_rate):
    for i in range(len(parameters)):
        step = np.float32(learning_rate) * parameters[i].grad.astype(np.float32)
        parameters[i].value = parameters[i].value.astype(np.float32) - step


def sgd_entry_by_entry(parameters, learning_rate):
    for p in parameters:
        for i in np.ndindex(p.value.shape):
            p.value[i] -= learning_rate * p.grad[i]


OwnAffine = affine()
OwnSigmoid = unary(sig, lambda x, y, g: g * y * (1 - y))


def mlp_of_own_nodes(Phi, x):
    for k, package in enumerate(reversed(Phi)):
        x = OwnAffine(package, x)
        if k < len(Phi) - 1:
            x = OwnSigmoid(x)
    return x


def mlp_reduced(Phi, x):
    return edf.Affine(Phi[0], functools.reduce(lambda h, package: edf.Sigmoid(edf.Affine(package, h)), Phi[:0:-1], x))


def mlp_unpacked(Phi, x):
    *hidden, last = Phi[::-1]
    for package in hidden:
        x = edf.Sigmoid(edf.Affine(package, x))
    return edf.Affine(last, x)


def mlp_from_the_top(Phi, x):
    first, *rest = Phi
    return edf.Affine(first, edf.Sigmoid(mlp_from_the_top(rest, x)) if rest else x)


RIGHT: list[tuple[str, Any]] = [
    ("edf.addgrad", SlideParameter),
    ("edf.addgrad", LoopParameter),
    ("edf.backward_pass", backward_as_on_slides),
    ("edf.backward_pass", backward_with_zeros),
    ("edf.sgd", sgd_new_arrays),
    ("edf.sgd", sgd_in_place),
    ("edf.mlp", mlp_recursive),
    ("edf.mlp", mlp_loop),
    *(("edf.addgrad", answer) for answer in (AddsAMean, AddsShares, AddsWeighted, AddsSingle, NoParameter)),
    ("edf.addgrad", lambda value: AddsShares(value)),
    ("edf.backward_pass", backward_popping),
    ("edf.backward_pass", backward_with_setattr),
    ("edf.backward_pass", backward_from_the_loss),
    ("edf.backward_pass", backward_with_a_plain_one),
    ("edf.backward_pass", backward_with_full_shapes),
    *(("edf.sgd", answer) for answer in (sgd_by_slice, sgd_in_single, sgd_entry_by_entry)),
    *(("edf.mlp", answer) for answer in (mlp_of_own_nodes, mlp_reduced, mlp_unpacked, mlp_from_the_top)),
]
