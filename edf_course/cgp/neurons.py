"""Layers of neurons, written as expressions: y = g(Wx + b), forwards and backwards over a whole batch at once.

One neuron is a network of one layer (Kak, slides 52-62), several make the multi-neuron network (slides 63-82). The loss
is Eq. (20), the squared error averaged over the batch, and gradients are its exact ones, with the 2 and the minus:

    delta_L = -2 (target - y) ⊙ g'_L / B      dW_l = delta_lᵀ y_{l-1},  db_l = sum of delta_l over the batch
    delta_{l-1} = (delta_l W_l) ⊙ g'_{l-1}

That differs from the slides, which print -1/2 of it (Eq. 29), pass the error back without g' (Eq. 30), and go uphill
in one neuron's weights (slide 59). `as_published.py` does as they do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from edf_course.cgp.expression import Exp, Formula

Array = np.ndarray


class NeuronError(ValueError):
    """The expressions are not those of a layer of neurons, or the data do not fit them."""


class Activation(NamedTuple):
    """A function g(x), or g(x, out) into an array that is there, and its slope g' computed from its *output* y."""

    value: Callable[..., Array]
    slope: Callable[[Array], Array]


ACTIVATIONS = {
    "sigmoid": Activation(expit, lambda y: y * (1.0 - y)),  # Eq. (25), (26)
    "tanh": Activation(np.tanh, lambda y: 1.0 - y * y),
    "relu": Activation(lambda x, out=None: np.maximum(x, 0.0, out=out), lambda y: (y > 0) * 1.0),  # 0 at 0
    "linear": Activation(np.positive, np.ones_like),
}


class Forward(NamedTuple):
    """What a forward pass leaves: `values[0]` is the data, `values[l]` layer l's output, `slopes[l - 1]` its g'."""

    values: list[Array]
    slopes: list[Array]


class Network:
    """Layers of neurons from their expressions, one list a layer; every term of one is weight*input.

    A weight may be used twice, be negative or have a factor, and an input may be left out. Each neuron has its own bias
    besides. `activations` is one name for all layers or a list of them: sigmoid, tanh, relu, linear. `inputs` names the
    columns of the data; without it they are the inputs as the first layer's expressions name them.
    Attributes: `layer_vars` (the names in each layer, inputs first), `layer_params` (for each layer, each neuron's
    weights), `parameters` (all weights, each once), `sizes`, `activations` (a name for each layer after the inputs).
    Raises: NeuronError where a term is something else, or an input is not in the layer before.
    """

    def __init__(
        self,
        layers: Sequence[Sequence[Exp]],
        activations: str | Sequence[str] = "sigmoid",
        inputs: Sequence[str] | None = None,
    ) -> None:
        inputs = list(inputs or dict.fromkeys(name for exp in layers[0] for name in exp.right_vars))
        self.layer_vars = [inputs, *([exp.dependent_var for exp in layer] for layer in layers)]
        self.layer_params = [[list(exp.right_params) for exp in layer] for layer in layers]
        self.parameters = list(dict.fromkeys(p for layer in self.layer_params for row in layer for p in row))
        self.sizes = [len(names) for names in self.layer_vars]
        self.activations = _activations(activations, len(layers))
        self._functions = [ACTIVATIONS[name] for name in self.activations]
        number = {p: i for i, p in enumerate(self.parameters)}
        self._links = [_Links(layer, self.layer_vars[i], number) for i, layer in enumerate(layers)]

    @property
    def is_dense(self) -> bool:
        """Whether each layer is fully connected, with a weight of its own on each arc (as torch.nn.Linear is)."""
        return all(links.dense is not None for links in self._links)

    def weights(self, parameters: Mapping[str, float]) -> list[Array]:
        """Return the matrix W (n_out, n_in) of each layer."""
        try:
            flat = np.array([parameters[p] for p in self.parameters], dtype=float)
        except (KeyError, TypeError) as error:
            raise NeuronError(
                f"each of the weights {self.parameters} needs a number; given is {parameters}."
            ) from error
        return [links.matrix(flat) for links in self._links]

    def forward(self, x: Array, weights: Sequence[Array], biases: Sequence[Any]) -> Forward:
        """Send the batch x (B, n_in) through the layers."""
        if x.ndim != 2 or x.shape[1] != self.sizes[0]:
            raise NeuronError(
                f"the inputs are {self.layer_vars[0]}, so data have shape (B, {self.sizes[0]}), not {x.shape}."
            )
        values, slopes = [x], []
        for W, b, (g, slope) in zip(weights, biases, self._functions, strict=True):
            pre = x.dot(W.T)  # (B, n_out); for small arrays much faster than @
            pre += b
            x = g(pre)
            values.append(x)
            slopes.append(slope(x))
        return Forward(values, slopes)

    def gradient(self, passed: Forward, weights: Sequence[Array], errors: Array) -> tuple[list[Array], list[Array]]:
        """Return the gradient of the batch's mean loss: by each layer's matrix (n_out, n_in) and biases (n_out,).

        Shapes: errors = targets - outputs (B, n_out).
        """
        by_matrix: list[Array] = []
        by_bias: list[Array] = []
        ones = np.ones(len(errors))
        back = errors * (-2.0 / len(errors))  # dL/dy, (B, n_out)
        for i in range(len(passed.slopes) - 1, -1, -1):
            delta = back * passed.slopes[i]  # dL/d(Wx + b)
            by_matrix.append(delta.T.dot(passed.values[i]))
            by_bias.append(ones.dot(delta))  # the sum over the batch, faster than .sum(axis=0)
            if i:
                back = delta.dot(weights[i])
        return by_matrix[::-1], by_bias[::-1]

    def by_weight(self, by_matrix: Sequence[Array]) -> Array:
        """Return (P,), for each weight the sum of what stands at its places in the matrices."""
        flat = np.zeros(len(self.parameters))
        for links, matrix in zip(self._links, by_matrix, strict=True):
            links.add_to(flat, matrix)
        return flat


class _Links:
    """Where a layer's weights stand in its matrix."""

    def __init__(self, layer: Sequence[Exp], inputs: list[str], number: Mapping[str, int]) -> None:
        self.shape = (len(layer), len(inputs))
        self.fixed = np.zeros(self.shape)
        rows, columns, factors, index = [], [], [], []
        for row, exp in enumerate(layer):
            for factor, weight, source in _neuron_terms(exp, inputs):
                if weight is None:
                    self.fixed[row, inputs.index(source)] += factor
                else:
                    rows.append(row)
                    columns.append(inputs.index(source))
                    factors.append(factor)
                    index.append(number[weight])
        self.places = np.array(rows, dtype=int), np.array(columns, dtype=int)
        self.factors, self.index = np.array(factors), np.array(index, dtype=int)
        self.dense = self._slice_if_dense()

    def _slice_if_dense(self) -> slice | None:
        n = self.shape[0] * self.shape[1]
        in_order = len(self.index) == n and np.array_equal(np.ravel_multi_index(self.places, self.shape), np.arange(n))
        if not in_order or self.fixed.any() or (self.factors != 1).any() or (np.diff(self.index) != 1).any():
            return None
        return slice(int(self.index[0]), int(self.index[0]) + n)

    def matrix(self, flat: Array) -> Array:
        if self.dense is not None:
            return flat[self.dense].reshape(self.shape)
        W = self.fixed.copy()
        np.add.at(W, self.places, self.factors * flat[self.index])
        return W

    def add_to(self, flat: Array, by_matrix: Array) -> None:
        if self.dense is not None:
            flat[self.dense] += by_matrix.ravel()
        else:
            np.add.at(flat, self.index, self.factors * by_matrix[self.places])


def _neuron_terms(exp: Exp, inputs: list[str]) -> list[tuple[float, str | None, str]]:
    """(factor, weight or None, input) of each term of a neuron's expression."""
    found = []
    for factor, names in Formula.read(exp.body).products():
        sources, weights = [n for n in names if n[0] == "x"], [n for n in names if n[0] != "x"]
        if factor != factor or len(sources) != 1 or len(weights) > 1:
            raise NeuronError(
                f"{exp.exp}: a neuron adds up terms weight*input, and its bias comes by itself; "
                "for other formulas use parse_general_dag_expressions()."
            )
        if sources[0] not in inputs:
            raise NeuronError(f"{exp.exp}: {sources[0]} is not in the layer before, which is {inputs}.")
        found.append((factor, weights[0] if weights else None, sources[0]))
    return found


def _activations(names: str | Sequence[str], n_layers: int) -> list[str]:
    each = [names] * n_layers if isinstance(names, str) else list(names)
    unknown = [name for name in each if name not in ACTIVATIONS]
    if unknown or len(each) != n_layers:
        raise NeuronError(
            f"activation is one of {', '.join(ACTIVATIONS)}, or a list with one for each of the {n_layers} layers "
            f"after the input, but is {names!r}."
        )
    return each


def targets(labels: Array, n_outputs: int) -> Array:
    """Return what the outputs should be: the label itself (B,) for one output, else one-hot rows (B, n_outputs)."""
    if n_outputs == 1:
        return labels.astype(float)
    if labels.max() >= n_outputs:
        raise NeuronError(f"class {labels.max()} needs {labels.max() + 1} outputs, but there are {n_outputs}.")
    return np.eye(n_outputs)[labels]


class Batches:
    """Random batches of `batch_size` from training data {0: samples, 1: samples, …}, classes equally likely.

    Samples are drawn with replacement, by `random.choice` for the class and again for the sample, in the published
    order. All are divided by the largest size in the *training set*; on slide 54 each batch is divided by its own
    largest value, so that one sample has other features in each batch.
    Source: Kak, slide 54 (there `DataLoader`).
    """

    def __init__(self, training_data: Mapping[int, Sequence[Any]], batch_size: int) -> None:
        if not training_data or any(len(samples) == 0 for samples in training_data.values()):
            raise NeuronError("training data are {0: samples, 1: samples}, each class with at least one sample.")
        self.batch_size = batch_size
        self.classes = sorted(training_data)
        self.samples = np.concatenate([np.asarray(training_data[c], dtype=float) for c in self.classes])
        sizes = [len(training_data[c]) for c in self.classes]
        firsts = [0, *np.cumsum(sizes).tolist()]
        self._blocks = [(first, n, n.bit_length()) for first, n in zip(firsts, sizes, strict=False)]
        self.labels = np.repeat(self.classes, sizes)
        self.scale = float(np.abs(self.samples).max()) or 1.0
        self.scaled = self.samples / self.scale

    def draw(self) -> list[int]:
        """Return the row numbers of the next batch: for each sample a class, and a sample of it.

        As `random.choice` draws them, but without its calls: as many random bits as the number needs, until it fits.
        """
        bits, rows = random.getrandbits, []
        n_classes, class_bits = len(self.classes), len(self.classes).bit_length()
        for _ in range(self.batch_size):
            c = bits(class_bits)
            while c >= n_classes:
                c = bits(class_bits)
            first, n, n_bits = self._blocks[c]
            i = bits(n_bits)
            while i >= n:
                i = bits(n_bits)
            rows.append(first + i)
        return rows

    def next(self) -> tuple[Array, Array]:
        """Return the next batch: x (B, n), labels (B,)."""
        rows = self.draw()
        return self.scaled.take(rows, axis=0), self.labels.take(rows)


class RunningLoss:
    """The mean of every `every` losses; printed, and kept in `record`.

    The slides print at the first iteration too, and divide that one loss by `every` (slides 57, 67).
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.record: list[float] = []
        self._sum = 0.0

    def add(self, iteration: int, loss: float) -> None:
        """Take the loss of this iteration, counted from 0."""
        self._sum += loss
        if (iteration + 1) % self.every == 0:
            self.show(iteration + 1)

    def show(self, iteration: int) -> None:
        """Print and keep the mean, and start anew."""
        mean = float(self._sum / self.every)
        self.record.append(mean)
        print(f"[iter={iteration}]  loss = {mean:.4f}")
        self._sum = 0.0
