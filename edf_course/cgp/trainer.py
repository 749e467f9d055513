"""A training step of a layered network on arrays alone: what Network.forward and gradient and an update do, faster.

The networks of the lecture are so small that calls cost more than arithmetic. So a layer's bias is a last column of its
matrix, multiplied by a column of ones beside its input; all matrices lie in one array, and so do their gradients, which
makes the update one operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edf_course.cgp.neurons import ACTIVATIONS, Batches, Network, NeuronError, RunningLoss, targets

Array = np.ndarray


class Trainer:
    """A fully connected network with parameters and biases of its own, for batches of one size."""

    def __init__(
        self, network: Network, parameters: Mapping[str, float], biases: Sequence[Any], batch_size: int
    ) -> None:
        if not network.is_dense:
            raise NeuronError("a Trainer needs layers that are fully connected, each arc with a weight of its own.")
        self.network = network
        shapes = [(n_out, n_in + 1) for n_in, n_out in zip(network.sizes, network.sizes[1:], strict=False)]
        self._flat, self._matrices = _views(shapes)
        self._gradient, self._gradients = _views(shapes)
        for matrix, W, b in zip(self._matrices, network.weights(parameters), biases, strict=True):
            matrix[:, :-1], matrix[:, -1] = W, b
        self._inputs = [np.ones((batch_size, n + 1)) for n in network.sizes[:-1]]
        self._data = self._inputs[0][:, :-1]
        places = [*(X[:, :-1] for X in self._inputs[1:]), np.empty((batch_size, network.sizes[-1]))]
        functions = [ACTIVATIONS[name] for name in network.activations]
        self._forward = [
            (X, matrix.T, f.value, out)
            for X, matrix, f, out in zip(self._inputs, self._matrices, functions, places, strict=True)
        ]
        self._backward = [
            (X, matrix[:, :-1], gradient, f.slope, out)
            for X, matrix, gradient, f, out in zip(
                self._inputs, self._matrices, self._gradients, functions, places, strict=True
            )
        ][::-1]
        self._batch_size = batch_size

    def step(self, x: Array, wanted: Array, learning_rate: float) -> float:
        """Take one step down the gradient of the batch's mean squared error, and return that error before it.

        Shapes: x (B, n_in), wanted (B, n_out).
        """
        self._data[:] = x
        for X, transposed, g, y in self._forward:
            g(X.dot(transposed), y)
        back = wanted - y
        loss = float(np.vdot(back, back)) / self._batch_size
        for X, W, gradient, slope, y in self._backward:
            delta = slope(y)
            delta *= back
            np.dot(delta.T, X, out=gradient)
            if X is not self._inputs[0]:
                back = delta.dot(W)
        self._gradient *= 2.0 * learning_rate / self._batch_size  # of -loss, for errors are target - output
        self._flat += self._gradient
        return loss

    def train(self, batches: Batches, iterations: int, learning_rate: float, meter: RunningLoss) -> None:
        """Take `iterations` steps on random batches; the losses go to `meter`."""
        wanted = targets(batches.labels, self.network.sizes[-1]).reshape(len(batches.labels), -1)
        for i in range(iterations):
            rows = batches.draw()
            x = batches.scaled.take(rows, axis=0)
            meter.add(i, self.step(x, wanted.take(rows, axis=0), learning_rate))

    def numbers(self) -> tuple[dict[str, float], list[list[float]]]:
        """Return the weights by name, and each layer's biases."""
        weights = self.network.by_weight([matrix[:, :-1] for matrix in self._matrices])
        biases = [matrix[:, -1].tolist() for matrix in self._matrices]
        return dict(zip(self.network.parameters, weights.tolist(), strict=True)), biases


def _views(shapes: Sequence[tuple[int, int]]) -> tuple[Array, list[Array]]:
    """An array, and the matrices that it consists of."""
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    flat = np.zeros(ends[-1])
    return flat, [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
