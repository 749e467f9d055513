"""A program with the names and calls of the EDF slides, in its own words, runs on the library as it stands.

It brings its own Sigmoid, Affine and MLP, registers nodes by hand, and trains; what it computes is held to the
library's nodes and to torch. So is a student's own Forward, Backward and SGD on nodes of the library.
"""

import numpy as np
import pytest
import torch

from edf_course import edf
from edf_course.edf import (
    SGD,
    AffineParams,
    Backward,
    CompNode,
    CompNodes,
    Forward,
    Input,
    LogLoss,
    Parameter,
    ParameterPackage,
    Parameters,
    Softmax,
    clear_compgraph,
)
from tests.edf.cases import assert_close


class Sigmoid(CompNode):
    def __init__(self, x):
        CompNodes.append(self)
        self.x = x

    def forward(self):
        self.value = 1.0 / (1.0 + np.exp(-self.x.value))

    def backward(self):
        y = self.value
        self.x.addgrad(self.grad * y * (1.0 - y))


class Affine(CompNode):
    """xW - C, with an outer product for each example: the parameter averages them."""

    def __init__(self, Phi, x):
        CompNodes.append(self)
        self.Phi = Phi
        self.x = x

    def forward(self):
        self.value = np.matmul(self.x.value, self.Phi.w.value) - self.Phi.b.value

    def backward(self):
        self.x.addgrad(np.matmul(self.grad, self.Phi.w.value.transpose()))
        self.Phi.b.addgrad(-self.grad)
        self.Phi.w.addgrad(self.x.value[:, :, np.newaxis] * self.grad[:, np.newaxis, :])


def MLP(Phi, x):
    """Every layer ends in a sigmoid, as on the slides; Phi[0] is applied last."""
    if len(Phi) == 0:
        return x
    return Sigmoid(Affine(Phi[0], MLP(Phi[1:], x)))


class Package(ParameterPackage):
    """A parameter package of one's own."""

    def __init__(self, rng, n_in, n_out):
        self.w = Parameter(rng.normal(size=(n_in, n_out)))
        self.b = Parameter(rng.normal(size=n_out))


@pytest.fixture(autouse=True)
def fresh_program():
    before = edf.learning_rate
    clear_compgraph()
    yield
    clear_compgraph()
    edf.learning_rate = before


def blobs():
    """Twelve points in the plane, three classes that touch."""
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 3
    return rng.normal(scale=0.4, size=(12, 2)) + np.array([[1, 0], [-1, 0], [0, 1.5]])[labels], labels


def slides_net(seed=1):
    """Build the net in the current graph: inputs, packages from the output to the input, and the loss."""
    rng = np.random.default_rng(seed)
    x, y = Input(), Input()
    Phi1, Phi2 = Package(rng, 2, 6), Package(rng, 6, 3)
    ell = LogLoss(Softmax(MLP([Phi2, Phi1], x)), y)
    x.value, y.value = blobs()
    return x, y, [Phi2, Phi1], ell


def train(ell, steps):
    losses = []
    for _ in range(steps):
        Forward()
        Backward(ell)
        SGD()
        losses.append(ell.value.mean())
    return losses


def test_the_program_trains():
    _, _, _, ell = slides_net()
    edf.eta = 2.0
    losses = train(ell, 200)
    assert losses[-1] < 0.65 * losses[0]
    assert (ell.q.value.argmax(axis=1) == ell.y.value).mean() > 0.9


def test_its_registers_hold_six_nodes_and_four_parameters():
    slides_net()
    assert [type(c).__name__ for c in CompNodes] == ["Affine", "Sigmoid", "Affine", "Sigmoid", "Softmax", "LogLoss"]
    assert len(Parameters) == 4


def test_a_cell_that_is_run_again_after_clear_compgraph_keeps_no_old_nodes():
    for _ in range(3):
        clear_compgraph()
        _, _, _, ell = slides_net()
        train(ell, 1)
    assert (len(CompNodes), len(Parameters)) == (6, 4)


def test_it_computes_what_the_nodes_of_the_library_compute():
    _, _, Phi, ell = slides_net()
    train(ell, 5)
    ours = [p.value for package in Phi for p in (package.w, package.b)]

    with edf.Graph() as graph:
        rng = np.random.default_rng(1)
        x, y = edf.Input(), edf.Input()
        first, last = Package(rng, 2, 6), Package(rng, 6, 3)
        hidden = edf.Sigmoid(edf.Affine(first, x))
        loss = edf.LogLoss(edf.Softmax(edf.Sigmoid(edf.Affine(last, hidden))), y)
        x.value, y.value = blobs()
        for _ in range(5):
            graph.forward()
            graph.backward(loss)
            graph.sgd(edf.learning_rate)
    theirs = [p.value for package in (last, first) for p in (package.w, package.b)]
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, 1e-13, "a parameter")


def test_it_computes_what_torch_computes():
    x, y, Phi, ell = slides_net()
    W2, C2, W1, C1 = (torch.tensor(p.value, requires_grad=True) for q in Phi for p in (q.w, q.b))
    optimizer = torch.optim.SGD([W1, C1, W2, C2], lr=0.5)
    edf.learning_rate = 0.5
    for _ in range(5):
        hidden = torch.sigmoid(torch.from_numpy(x.value) @ W1 - C1)
        scores = torch.sigmoid(hidden @ W2 - C2)
        loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(y.value))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train(ell, 1)
        assert_close(ell.value.mean(), loss.item(), 1e-13, "the loss")
    for ours, theirs in ((Phi[0].w, W2), (Phi[0].b, C2), (Phi[1].w, W1), (Phi[1].b, C1)):
        assert_close(ours.value, theirs.detach().numpy(), 1e-12, "a parameter")


def test_its_nodes_and_the_library_s_work_side_by_side():
    rng = np.random.default_rng(2)
    x, y = Input(), Input()
    Phi1, Phi2 = AffineParams(2, 6, rng), Package(rng, 6, 3)
    hidden = edf.Sigmoid(Affine(Phi1, x))
    ell = LogLoss(Softmax(edf.Affine(Phi2, Sigmoid(hidden))), y)
    x.value, y.value = blobs()
    edf.learning_rate = 1.0
    losses = train(ell, 100)
    assert losses[-1] < losses[0]


def own_forward(nodes):
    for c in nodes:
        c.forward()


def own_backward(nodes, parameters, loss):
    """As on the slides: the number 0 for every gradient, the number 1 for the loss."""
    for c in nodes + parameters:
        c.grad = 0
    loss.grad = 1.0
    for c in nodes[::-1]:
        c.backward()


@pytest.mark.parametrize("loss", ["LogLoss", "CrossEntropy", "SquaredError"])
def test_a_student_s_own_walks_drive_the_nodes_of_the_library(loss):
    rng = np.random.default_rng(3)
    x, y = Input(), Input()
    scores = edf.MLP([Package(rng, 6, 3), Package(rng, 2, 6)], x)
    x.value, y.value = blobs()
    if loss == "LogLoss":
        ell = LogLoss(Softmax(scores), y)
    elif loss == "CrossEntropy":
        ell = edf.CrossEntropy(scores, y)
    else:
        y.value = rng.normal(size=(12, 3))
        ell = edf.SquaredError(scores, y)
    own_forward(CompNodes)
    own_backward(CompNodes, Parameters, ell)
    theirs = [p.grad for p in Parameters]
    Forward()
    Backward(ell)
    for mine, library in zip(theirs, Parameters, strict=True):
        assert_close(mine, library.grad, 1e-15, "a gradient")
