"""A training step of EDF beside torch's: forward, backward and SGD on a batch that is given, one thread each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from edf_course import edf
from tests.benchmarks.table import Row, best_times

# sizes, batch size, dtype, limit on our time / torch's time
NETS: list[tuple[tuple[int, int, int], int, str, float | None]] = [
    ((64, 32, 10), 8, "float64", 0.35),
    ((64, 32, 10), 256, "float64", 0.35),
    ((784, 256, 10), 32, "float64", None),
    ((784, 256, 10), 256, "float64", 1.15),
    ((784, 256, 10), 256, "float32", 1.15),
]
LIMIT_OF_MEAN = 0.6
ACTIVATIONS = {"Sigmoid": (edf.Sigmoid, torch.nn.Sigmoid), "ReLU": (edf.ReLU, torch.nn.ReLU)}


class Twins(NamedTuple):
    """One net in EDF and in torch, and a training step of each."""

    our_step: Callable[[], None]
    their_step: Callable[[], None]
    net: edf.Classifier
    twin: torch.nn.Sequential


def rows(activation: str, seconds: float = 4.0) -> list[Row]:
    """Measure the five nets with `activation` between the layers, and the geometric mean of the five ratios."""
    found = []
    for sizes, batch_size, dtype, limit in NETS:
        pair = twins(sizes, batch_size, dtype, activation)
        ours, theirs = best_times([pair.our_step, pair.their_step], seconds)
        name = f"step, {activation}, {'-'.join(map(str, sizes))}, B={batch_size}, {dtype}"
        found.append(Row(name, ours * 1e6, "µs", theirs * 1e6, limit))
    mean = math.prod(row.judged for row in found) ** (1 / len(found))
    return [*found, Row(f"step, {activation}, geometric mean of the ratios", mean, "", limit=LIMIT_OF_MEAN)]


def twins(
    sizes: tuple[int, int, int], batch_size: int, dtype: str, activation: str, learning_rate: float = 0.1
) -> Twins:
    """Make the same net twice, with the same parameters and data."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch_size, sizes[0])).astype(dtype)
    labels = rng.integers(0, sizes[-1], batch_size)
    our_activation, their_activation = ACTIVATIONS[activation]

    net = edf.Classifier(sizes, our_activation)
    for p in net.graph.Parameters:
        p.value = p.value.astype(dtype)
    net.x.value, net.y.value = images, labels

    def our_step() -> None:
        net.graph.forward()
        net.graph.backward(net.loss)
        net.graph.sgd(learning_rate)

    twin = torch.nn.Sequential(torch.nn.Linear(*sizes[:2]), their_activation(), torch.nn.Linear(*sizes[1:])).to(
        getattr(torch, dtype)
    )
    with torch.no_grad():
        for layer, Phi in zip((twin[0], twin[2]), reversed(net.Phi), strict=True):
            layer.weight.copy_(torch.from_numpy(Phi.w.value.T))
            layer.bias.copy_(torch.from_numpy(-Phi.b.value))  # EDF subtracts its bias
    optimizer = torch.optim.SGD(twin.parameters(), lr=learning_rate)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def their_step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(twin(x), y).backward()
        optimizer.step()

    return Twins(our_step, their_step, net, twin)
