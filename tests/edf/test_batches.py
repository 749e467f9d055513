"""The batch of four of the notes on EDF's core, sections 3 and 4: what one pass over it gives, and what does not.

The notes go through the batch pair by pair, accumulate, and average in the end. The graph does the averaging in one
pass; done literally, the notes' procedure loses all pairs but the last.
"""

import numpy as np
import pytest

from edf_course import edf
from edf_course.calculus import numerical_gradient
from tests.edf.cases import assert_close

B, N_IN, N_HIDDEN, N_OUT = 4, 3, 5, 2


class Net:
    """A small net with a squared error, and a batch of four pairs."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.pairs = rng.normal(size=(B, N_IN)), rng.normal(size=(B, N_OUT))
        self.x, self.y = edf.Input(), edf.Input()
        with edf.Graph() as self.graph:
            self.Phi = [edf.AffineParams(N_HIDDEN, N_OUT, rng), edf.AffineParams(N_IN, N_HIDDEN, rng)]
            for p in self.graph.Parameters:
                p.value = rng.normal(size=p.value.shape)
            self.loss = edf.SquaredError(edf.MLP(self.Phi, self.x), self.y)

    def walk(self, examples):
        """Forward and Backward on some of the four pairs."""
        self.x.value, self.y.value = (array[examples] for array in self.pairs)
        self.graph.forward()
        self.graph.backward(self.loss)

    def gradients(self):
        return [p.grad.copy() for p in self.graph.Parameters]

    def single_gradients(self):
        """For each parameter, the gradients of the four pairs one by one, (4, ...)."""
        singles = []
        for b in range(B):
            self.walk([b])
            singles.append(self.gradients())
        return [np.stack(of_one_parameter) for of_one_parameter in zip(*singles, strict=True)]


@pytest.fixture
def net():
    return Net()


def test_one_pass_over_four_is_the_mean_of_four_single_passes(net):
    singles = net.single_gradients()
    net.walk(slice(None))
    for grad, single in zip(net.gradients(), singles, strict=True):
        assert_close(grad, single.mean(axis=0), 1e-14, "the gradient")


def test_one_pass_over_four_is_the_gradient_of_the_mean_loss(net):
    net.walk(slice(None))
    for p, grad in zip(net.graph.Parameters, net.gradients(), strict=True):

        def mean_loss(value, p=p):
            p.value = value
            net.graph.forward()
            return net.loss.value.mean()

        start = p.value
        assert_close(grad, numerical_gradient(mean_loss, start), 1e-7, "the gradient")
        p.value = start


def test_pair_by_pair_only_the_last_pair_is_left(net):
    singles = net.single_gradients()
    net.walk(slice(None))
    right = net.gradients()
    for b in range(B):
        net.walk([b])
    for grad, single, mean in zip(net.gradients(), singles, right, strict=True):
        np.testing.assert_array_equal(grad, single[-1])  # Backward begins with zeros, so the first three are gone
        error = np.linalg.norm(grad / B - mean) / np.linalg.norm(mean)
        assert error > 0.1, "a quarter of the last pair's gradient is not the mean"


def test_a_step_on_four_is_not_four_steps_on_one(net):
    net.walk(slice(None))
    net.graph.sgd(0.5)
    together = [p.value.copy() for p in net.graph.Parameters]
    other = Net()
    for b in range(B):
        other.walk([b])
        other.graph.sgd(0.5)
    assert all(np.abs(p.value - q).max() > 1e-3 for p, q in zip(other.graph.Parameters, together, strict=True))


def test_an_example_that_comes_twice_counts_twice(net):
    singles = net.single_gradients()
    net.walk([0, 0, 1])
    for grad, single in zip(net.gradients(), singles, strict=True):
        assert_close(grad, (2 * single[0] + single[1]) / 3, 1e-14, "the gradient")


def test_the_order_in_a_batch_does_not_matter(net):
    net.walk([0, 1, 2, 3])
    first = net.gradients()
    net.walk([2, 0, 3, 1])
    for grad, other in zip(net.gradients(), first, strict=True):
        assert_close(grad, other, 1e-14, "the gradient")


@pytest.mark.parametrize("batch_size", [1, 2, 4, 7])
def test_addgrad_averages_over_the_batch_that_it_is_given(batch_size):
    delta = np.random.default_rng(0).normal(size=(batch_size, 3, 2))
    with edf.Graph():
        p = edf.Parameter(np.zeros((3, 2)))
    p.addgrad(delta)
    np.testing.assert_allclose(p.grad, delta.mean(axis=0), rtol=1e-13)
    p.addgrad_mean(delta.mean(axis=0))
    np.testing.assert_allclose(p.grad, 2 * delta.mean(axis=0), rtol=1e-13)
