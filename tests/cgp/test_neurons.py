"""Layers of neurons: gradients against torch and finite differences, batches as `random.choice` draws them, errors."""

import random

import numpy as np
import pytest
import torch

from edf_course.calculus import numerical_gradient
from edf_course.cgp import Network, NeuronError
from edf_course.cgp.expression import parse
from edf_course.cgp.neurons import ACTIVATIONS, Batches, RunningLoss, targets
from edf_course.cgp.trainer import Trainer

TORCH = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "linear": lambda x: x}


def layered(*layers, activations="sigmoid"):
    return Network([[parse(text) for text in layer] for layer in layers], activations)


def dense(sizes, activations):
    """A fully connected network; node and weight names by number."""
    layers, inputs = [], [f"x{i}" for i in range(sizes[0])]
    for depth, n in enumerate(sizes[1:]):
        layer = [f"xn{depth}_{j}=" + "+".join(f"w{depth}_{j}_{i}*{v}" for i, v in enumerate(inputs)) for j in range(n)]
        inputs = [text.partition("=")[0] for text in layer]
        layers.append(layer)
    return layered(*layers, activations=activations)


def start(network, seed=0):
    rng = np.random.default_rng(seed)
    parameters = {
        p: float(v) for p, v in zip(network.parameters, rng.normal(size=len(network.parameters)), strict=True)
    }
    return parameters, [rng.normal(size=n) for n in network.sizes[1:]]


def loss(network, parameters, biases, x, wanted):
    y = network.forward(x, network.weights(parameters), biases).values[-1]
    return float(((wanted - y) ** 2).sum() / len(x))


NETWORKS = [
    dense([4, 1], "sigmoid"),
    dense([4, 2, 1], "sigmoid"),
    dense([3, 5, 2], ["tanh", "linear"]),
    dense([2, 4, 3, 3, 2], ["relu", "tanh", "relu", "sigmoid"]),
    layered(["xh=a*xa-2*b*xb", "xi=a*xb+xa/4"], ["xo=c*xh-c*xi+xh"], activations="tanh"),  # shared, signed, fixed
]


@pytest.mark.parametrize("batch_size", [1, 6])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: "-".join(map(str, n.sizes)))
def test_gradients_agree_with_torch_and_with_differences(network, batch_size):
    parameters, biases = start(network)
    rng = np.random.default_rng(1)
    x, wanted = rng.normal(size=(batch_size, network.sizes[0])), rng.normal(size=(batch_size, network.sizes[-1]))
    weights = network.weights(parameters)
    passed = network.forward(x, weights, biases)
    by_matrix, by_bias = network.gradient(passed, weights, wanted - passed.values[-1])

    Ws = [torch.tensor(W, requires_grad=True) for W in weights]
    bs = [torch.tensor(b, requires_grad=True) for b in biases]
    y = torch.tensor(x)
    for W, b, name in zip(Ws, bs, network.activations, strict=True):
        y = TORCH[name](y @ W.T + b)
    (torch.tensor(wanted) - y).square().sum(dim=1).mean().backward()
    for ours, theirs in zip([*by_matrix, *by_bias], [*Ws, *bs], strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-12, atol=1e-12)

    def of(values):
        return loss(network, dict(zip(network.parameters, values, strict=True)), biases, x, wanted)

    expected = numerical_gradient(of, [parameters[p] for p in network.parameters])
    np.testing.assert_allclose(network.by_weight(by_matrix), expected, rtol=1e-6, atol=1e-8)


def test_only_a_fully_connected_network_is_dense():
    assert [network.is_dense for network in NETWORKS] == [True, True, True, True, False]
    assert not layered(["xh=a*xa+b*xb", "xi=c*xb+d*xa"]).is_dense  # another order: its matrix is not in a row
    assert not layered(["xh=a*xa+b*xb", "xi=c*xb"]).is_dense
    np.testing.assert_array_equal(
        layered(["xh=a*xa+b*xb", "xi=c*xb+d*xa"]).weights({"a": 1, "b": 2, "c": 3, "d": 4})[0], [[1, 2], [4, 3]]
    )


@pytest.mark.parametrize("network", NETWORKS[:-1], ids=lambda n: "-".join(map(str, n.sizes)))
def test_the_trainer_takes_the_steps_of_the_network(network):
    parameters, biases = start(network)
    trainer = Trainer(network, parameters, biases, batch_size=5)
    rng = np.random.default_rng(2)
    for _ in range(20):
        x, wanted = rng.normal(size=(5, network.sizes[0])), rng.normal(size=(5, network.sizes[-1]))
        weights = network.weights(parameters)
        passed = network.forward(x, weights, biases)
        by_matrix, by_bias = network.gradient(passed, weights, wanted - passed.values[-1])
        assert trainer.step(x, wanted, 0.1) == pytest.approx(loss(network, parameters, biases, x, wanted), rel=1e-12)
        by_weight = network.by_weight(by_matrix)
        parameters = {p: parameters[p] - 0.1 * g for p, g in zip(network.parameters, by_weight, strict=True)}
        biases = [b - 0.1 * g for b, g in zip(biases, by_bias, strict=True)]
    learned, learned_biases = trainer.numbers()
    assert learned == pytest.approx(parameters, rel=1e-10)
    for ours, theirs in zip(learned_biases, biases, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-10)


def test_a_trainer_needs_a_fully_connected_network():
    parameters, biases = start(NETWORKS[-1])
    with pytest.raises(NeuronError, match="fully connected"):
        Trainer(NETWORKS[-1], parameters, biases, 4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_those_of_torch_also_at_zero_and_far_out(name):
    x = np.array([-800.0, -1.0, 0.0, 2.0, 800.0])
    leaf = torch.tensor(x, requires_grad=True)
    TORCH[name](leaf).sum().backward()
    with np.errstate(all="raise", under="ignore"):
        y = ACTIVATIONS[name].value(x)
        np.testing.assert_allclose(ACTIVATIONS[name].slope(y), leaf.grad.numpy(), atol=1e-15)


def test_batches_are_those_of_random_choice():
    data = {0: [[1.0, 2.0]] * 37, 1: [[3.0, -4.0]] * 64, 2: [[0.0, 0.0]] * 5}
    batches, first = Batches(data, batch_size=6), {0: 0, 1: 37, 2: 101}
    for seed in range(30):
        random.seed(seed)
        expected = []
        for _ in range(6):
            c = random.choice([0, 1, 2])
            expected.append(first[c] + random.choice(range(len(data[c]))))
        random.seed(seed)
        assert batches.draw() == expected


def test_a_sample_has_the_same_features_in_every_batch():
    batches = Batches({0: [[1.0, 2.0]], 1: [[-8.0, 4.0]]}, batch_size=3)
    for _ in range(20):
        x, labels = batches.next()
        assert {tuple(row) for row in x[labels == 0]} <= {(0.125, 0.25)}  # all divided by 8
        assert {tuple(row) for row in x[labels == 1]} <= {(-1.0, 0.5)}


def test_targets_are_labels_or_one_hot():
    labels = np.array([1, 0, 2])
    assert targets(labels, 1).tolist() == [1.0, 0.0, 2.0]
    assert targets(labels, 3).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    with pytest.raises(NeuronError, match="class 2 needs 3 outputs"):
        targets(labels, 2)


def test_the_running_loss_is_a_mean(capsys):
    meter = RunningLoss(4)
    for i in range(9):
        meter.add(i, float(i))
    assert meter.record == [1.5, 5.5]
    assert capsys.readouterr().out == "[iter=4]  loss = 1.5000\n[iter=8]  loss = 5.5000\n"


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([["xw=a*xa^2"]], "a neuron adds up terms"),
        ([["xw=a*xa+b"]], "its bias comes by itself"),
        ([["xw=a*b*xa"]], "adds up terms"),
        ([["xw=a*(xa+xb)"]], "adds up terms"),
        ([["xh=a*xa"], ["xo=b*xa"]], r"xa is not in the layer before, which is \['xh'\]"),
    ],
)
def test_what_is_no_layer_is_said(layers, says):
    with pytest.raises(NeuronError, match=says):
        layered(*layers)


@pytest.mark.parametrize("activations", ["softmax", ["relu"], ["relu", "swish"]])
def test_an_unknown_activation_is_said(activations):
    with pytest.raises(NeuronError, match="activation is one of sigmoid, tanh, relu, linear"):
        layered(["xh=a*xa"], ["xo=b*xh"], activations=activations)


def test_wrong_data_are_said():
    network = dense([4, 1], "sigmoid")
    parameters, biases = start(network)
    with pytest.raises(NeuronError, match=r"shape \(B, 4\), not \(3, 2\)"):
        network.forward(np.ones((3, 2)), network.weights(parameters), biases)
    with pytest.raises(NeuronError, match="needs a number"):
        network.weights({"w0_0_0": 1.0})
    with pytest.raises(NeuronError, match="at least one sample"):
        Batches({0: [[1.0]], 1: []}, 2)
