"""The arithmetic of CGP 1.1.5 and of its slides, faults included, in our own code: find the bugs.

`ComputationalGraphPrimer(..., as_published=True)` computes with what stands here, so that a published run can be
repeated number by number, and its faults shown by a gradient check. Each docstring says what is wrong; the right
version is in `neurons.py` and `dag.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from edf_course.cgp.dag import DAG, Values
from edf_course.cgp.expression import Formula, Partials
from edf_course.cgp.neurons import Batches, Forward, RunningLoss

Array = np.ndarray


def one_neuron_step(x: Array, errors: Array, slopes: Array) -> tuple[Array, float]:
    """Return what is added, times the learning rate, to the weights (n,) and to the bias.

    Wrong: the weights go *up* the loss (half its gradient is added, not subtracted); the bias takes a product of means
    for the mean of a product.
    Shapes: x (B, n), errors and slopes (B,).
    Source: Kak, slide 59.
    """
    uphill = (-errors * slopes) @ x / len(x)
    return uphill, float(errors.mean() * slopes.mean())


def multi_neuron_step(passed: Forward, weights: Sequence[Array], errors: Array) -> tuple[list[Array], list[Array]]:
    """Return what is added, times the learning rate, to each layer's matrix (n_out, n_in) and to its biases (n_out,).

    Wrong: the error goes back without the slope (Eq. 30); a hidden bias takes the sum of the *next* layer's slopes;
    the output's biases never change.
    Source: Kak, slides 77-81.
    """
    batch_size = len(errors)
    by_matrix: list[Array] = [np.zeros(0)] * len(weights)
    by_bias = [np.zeros(len(W)) for W in weights]
    for layer in range(len(weights) - 1, -1, -1):
        slopes = passed.slopes[layer]
        by_matrix[layer] = (errors * slopes).T @ passed.values[layer] / batch_size
        errors = errors @ weights[layer]
        if layer > 0:
            by_bias[layer - 1] = (errors * slopes.sum(axis=1, keepdims=True)).mean(axis=0)
    return by_matrix, by_bias


class PublishedBatches(Batches):
    """Batches that are each divided by their own largest value. Source: Kak, slide 54."""

    def next(self) -> tuple[Array, Array]:
        """Return the next batch: x (B, n), labels (B,)."""
        rows = self.draw()
        x = self.samples[rows]
        return x / max(0.0, x.max()), self.labels[rows]


class PublishedRunningLoss(RunningLoss):
    """Losses shown at iterations `every`, 2 `every`, …: at first `every` + 1 of them, divided by `every`."""

    def add(self, iteration: int, loss: float) -> None:
        """Take the loss of this iteration, counted from 0."""
        self._sum += loss
        if iteration > 0 and iteration % self.every == 0:
            self.show(iteration)


def evaluate_pasted(body: str, values: Mapping[str, float]) -> float:
    """Return the value of a formula into whose text the values were pasted.

    Wrong for negative values under a power: x^2 at -0.5 becomes -0.5^2, which is -0.25.
    Source: Kak, slide 47, second listing: what is printed there for a negative input comes from it.
    """
    for name, value in values.items():
        body = body.replace(name, repr(float(value)))
    return float(Formula(body).partials({})[0])


def forward(dag: DAG, inputs: Mapping[str, float], parameters: Mapping[str, float], relu: bool = False) -> Values:
    """Return the value of every variable, computed with pasted text."""
    values = dict(inputs)
    for node in dag.order:
        exp = dag.expressions[node]
        known = {name: values[name] for name in exp.right_vars} | {name: parameters[name] for name in exp.right_params}
        value = evaluate_pasted(exp.body, known)
        values[node] = max(0, value) if relu else value
    return values


def partials(
    dag: DAG, inputs: Mapping[str, float], parameters: Mapping[str, float], delta: float
) -> tuple[Values, dict[str, Partials]]:
    """Return values and direct partials by one-sided differences, term by term, with pasted text.

    Wrong: the sign of a negative value under a power (`evaluate_pasted`), and a minus between terms is read as plus.
    """
    values = dict(inputs)
    direct: dict[str, Partials] = {}
    for node in dag.order:
        exp = dag.expressions[node]
        known = {name: values[name] for name in exp.right_vars} | {name: parameters[name] for name in exp.right_params}
        values[node], direct[node] = 0.0, {}
        for term in filter(None, exp.body.replace("-", "+").split("+")):
            here = evaluate_pasted(term, known)
            values[node] += here
            for name in Formula.read(term).names:
                nudged = evaluate_pasted(term, {**known, name: known[name] + delta})
                direct[node][name] = (nudged - here) / delta
    return values, direct


def dag_step(dag: DAG, direct: Mapping[str, Partials]) -> dict[str, float]:
    """Return what is subtracted, times the learning rate, from each parameter.

    Wrong: the error does not enter, so the *output* goes down, whatever the targets; of several paths one is followed;
    and it runs on through the parameter's own arc, which brings in a factor that does not belong there.
    Source: Kak, slide 46, step 4.
    """
    steps = {}
    for parameter in dag.parameters:
        node, variable = next((v, x) for v, x, p in dag.arcs if p == parameter)
        product = direct[node].get(variable, 1.0) * direct[node][parameter]
        path = min((path for output in dag.outputs for path in dag.paths(output, node)), key=len)
        for later, earlier in pairwise(path):
            product *= direct[later][earlier]
        steps[parameter] = product
    return steps
