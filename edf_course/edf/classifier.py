"""A whole network in one object, for lectures and figures that train one: graph, inputs, loss, step, prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from edf_course.edf.graph import Graph, Input
from edf_course.edf.losses import CrossEntropy
from edf_course.edf.mlp import MLP, AffineParams
from edf_course.edf.nodes import Sigmoid, Softmax, require_same_shape


class Classifier:
    """A multi-layer perceptron that tells classes apart, in a graph of its own.

    `sizes` runs from the input to the output, (64, 32, 10) for the digits; `activation` is any node class with one
    operand, a student's own too; `rng` is a Generator or a seed.
    Attributes: graph, x, y, Phi (from the output to the input, as MLP wants it), scores, q (probabilities), loss.
    """

    def __init__(
        self,
        sizes: Sequence[int] = (64, 32, 10),
        activation: Callable[[Any], Any] = Sigmoid,
        rng: np.random.Generator | int | None = 0,
    ) -> None:
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes needs an input and an output size, each at least 1, but is {tuple(sizes)}.")
        rng = np.random.default_rng(rng)
        self.sizes = tuple(sizes)
        self.x, self.y = Input(name="x"), Input(name="y")
        with Graph() as self.graph:
            self.Phi = [AffineParams(n_in, n_out, rng) for n_in, n_out in pairwise(sizes)][::-1]
            self.scores = MLP(self.Phi, self.x, activation)
            self.loss = CrossEntropy(self.scores, self.y)
        with Graph():  # apart, so that training does not compute it
            self.q = Softmax(self.scores)

    def step(self, x: np.ndarray, labels: np.ndarray, learning_rate: float) -> float:
        """Take one step of gradient descent on a batch, x (B, n_in) and labels (B,), and return its mean loss in nats.

        The loss is that before the step.
        """
        self.x.value, self.y.value = x, labels
        self.graph.forward()
        self.graph.backward(self.loss)
        self.graph.sgd(learning_rate)
        return float(self.loss.value.mean())

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Return each class's probability: x (B, n_in) -> (B, n_classes)."""
        self.x.value = x
        for c in [*self.graph.CompNodes[:-1], self.q]:  # all but the loss, which needs labels
            c.forward()
        return self.q.value

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the most probable class: x (B, n_in) -> (B,) integers."""
        return self.probabilities(x).argmax(axis=1)

    def accuracy(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Return the share of examples, 0 to 1, whose most probable class is the right one; labels (B,)."""
        found = self.predict(x)
        require_same_shape("Classifier.accuracy", prediction=found, labels=np.asarray(labels))
        return float((found == labels).mean())

    def mean_loss(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Return the mean loss, in nats, without a step."""
        self.x.value, self.y.value = x, labels
        self.graph.forward()
        return float(self.loss.value.mean())
