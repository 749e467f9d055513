"""The handcrafted networks once more in torch.nn, to verify their gradients: importing this file imports torch.

`twin` is the *same* network: the same activations, start, float64, and loss scale. On the slides the "same topologies"
differ in all four: the multi-neuron net there is ReLU and linear, starts elsewhere, in float32, and sums the loss over
the batch, which makes its rate act B times as strongly (slides 37, 87, 88); and the better results credited to an
optimizer (slides 6, 84) are those of plain SGD. `published_net` and `train_published` are those of the slides.
Source: Kak, slides 83-89.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from edf_course.cgp.neurons import Batches, Network, NeuronError, RunningLoss, targets

_TORCH = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "linear": nn.Identity}


class Verification(NamedTuple):
    """What a run side by side found: the losses of each, and the largest difference of any gradient in any step."""

    losses: list[float]
    torch_losses: list[float]
    gradient_difference: float


def twin(network: Network, parameters: Mapping[str, float], biases: Sequence[Sequence[float]]) -> nn.Sequential:
    """Return the same network in torch.nn, in float64, with these weights and biases.

    Raises: NeuronError where a layer is not fully connected with a weight of its own on each arc, as nn.Linear is.
    """
    if not network.is_dense:
        raise NeuronError(
            "torch.nn.Linear has a weight of its own on each arc, in the order of the inputs; these expressions "
            "have not, so the twin would be another network."
        )
    modules: list[nn.Module] = []
    for W, b, activation in zip(network.weights(parameters), biases, network.activations, strict=True):
        linear = nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(W))
            linear.bias.copy_(torch.tensor(b, dtype=torch.float64))
        modules += [linear, _TORCH[activation]()]
    return nn.Sequential(*modules)


def mean_loss(model: nn.Module, x: np.ndarray, wanted: np.ndarray) -> torch.Tensor:
    """Return Eq. (20): the squared error, summed over the outputs and averaged over the batch."""
    y = model(torch.tensor(x))
    return (torch.tensor(wanted.reshape(len(x), -1)) - y).square().sum(dim=1).mean()


def gradients(model: nn.Sequential) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return what `Network.gradient` does: the gradient by all weights (P,), and by each layer's biases (n_out,)."""
    layers = [module for module in model if isinstance(module, nn.Linear)]
    by_weight = [_numbers(layer.weight.grad).ravel() for layer in layers]
    return np.concatenate(by_weight), [_numbers(layer.bias.grad) for layer in layers]


def verify(
    network: Network,
    parameters: Mapping[str, float],
    biases: Sequence[Sequence[float]],
    batches: Batches,
    iterations: int,
    learning_rate: float,
    every: int,
) -> Verification:
    """Train the network and its twin from one start on the same batches, each with its own gradients.

    Shapes: biases one list a layer, (n_out,).
    """
    weights_flat = np.array([parameters[p] for p in network.parameters])
    by_hand = [np.array(b, dtype=float) for b in biases]
    model = twin(network, parameters, biases)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    meter, torch_record, torch_sum, difference = RunningLoss(every), [], 0.0, 0.0
    for i in range(iterations):
        x, labels = batches.next()
        wanted = targets(labels, network.sizes[-1]).reshape(len(x), -1)
        weights = network.weights(dict(zip(network.parameters, weights_flat, strict=True)))
        passed = network.forward(x, weights, by_hand)
        errors = wanted - passed.values[-1]
        by_matrix, by_bias = network.gradient(passed, weights, errors)
        by_weight = network.by_weight(by_matrix)

        loss = mean_loss(model, x, wanted)
        optimizer.zero_grad()
        loss.backward()
        torch_by_weight, torch_by_bias = gradients(model)
        pairs = zip([by_weight, *by_bias], [torch_by_weight, *torch_by_bias], strict=True)
        difference = max(difference, *(float(np.abs(ours - theirs).max()) for ours, theirs in pairs))

        weights_flat -= learning_rate * by_weight
        for b, g in zip(by_hand, by_bias, strict=True):
            b -= learning_rate * g
        optimizer.step()
        meter.add(i, float((errors**2).sum() / len(x)))
        torch_sum += loss.item()
        if (i + 1) % every == 0:
            torch_record.append(torch_sum / every)
            torch_sum = 0.0
    return Verification(meter.record, torch_record, difference)


class PublishedMultiNeuronNet(nn.Module):
    """The multi-neuron net of slide 87: ReLU (as a clamp, whose slope at 0 is 1) and a linear output."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(n_in, n_hidden)
        self.linear2 = nn.Linear(n_hidden, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, n_in) to (B, n_out)."""
        hidden: torch.Tensor = self.linear1(x).clamp(min=0)
        out: torch.Tensor = self.linear2(hidden)
        return out


def published_net(option: str, n_in: int, n_out: int) -> nn.Module:
    """Return the network of slide 87, with torch's own random start."""
    if option == "one_neuron":
        return nn.Sequential(nn.Linear(n_in, n_out), nn.Sigmoid())
    return PublishedMultiNeuronNet(n_in, 2, n_out)


def train_published(
    model: nn.Module, batches: Batches, iterations: int, learning_rate: float, meter: RunningLoss
) -> None:
    """Train as slide 88 does: float32, the loss summed over the batch, plain SGD; losses go to `meter`."""
    criterion = nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), learning_rate)
    for i in range(iterations):
        x, labels = batches.next()
        y = model(torch.tensor(x, dtype=torch.float32))
        loss = criterion(y, torch.tensor(labels, dtype=torch.float32).unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        meter.add(i, loss.item())


def _numbers(tensor: torch.Tensor | None) -> np.ndarray:
    if tensor is None:
        raise RuntimeError("this tensor has no gradient: call backward() on the loss first.")
    return tensor.detach().numpy()
