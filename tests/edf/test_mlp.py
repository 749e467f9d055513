"""The multi-layer perceptron, its parameters, and the classifier that learns the digits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edf_course import data, edf
from tests.edf.cases import assert_close
from tests.edf.test_bad_input import says


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.integers(1, 6), st.integers(0, 99))
def test_the_gradients_of_a_whole_mlp_are_those_of_torch(sizes, batch_size, seed):
    rng = np.random.default_rng(seed)
    net = edf.Classifier(sizes, edf.Tanh, rng)
    for p in net.graph.Parameters:
        p.value = rng.normal(size=p.value.shape)
    x, labels = rng.normal(size=(batch_size, sizes[0])), rng.integers(0, sizes[-1], batch_size)
    tensors = [torch.tensor(p.value, requires_grad=True) for p in net.graph.Parameters]
    h = torch.from_numpy(x)
    for i in range(0, len(tensors), 2):
        h = (torch.tanh(h) if i else h) @ tensors[i] - tensors[i + 1]
    loss = torch.nn.functional.cross_entropy(h, torch.from_numpy(labels))
    loss.backward()
    assert net.step(x, labels, 0.0) == pytest.approx(loss.item(), rel=1e-12, abs=1e-12)
    for p, t in zip(net.graph.Parameters, tensors, strict=True):
        assert_close(p.grad, t.grad.numpy(), 1e-10, "a gradient")


def test_phi_runs_from_the_output_to_the_input_and_the_last_layer_is_affine_only():
    rng = np.random.default_rng(0)
    x = edf.Input(rng.normal(size=(4, 5)))
    with edf.Graph() as graph:
        first, last = edf.AffineParams(5, 3, rng), edf.AffineParams(3, 2, rng)
        scores = edf.MLP([last, first], x)
    graph.forward()
    hidden = 1 / (1 + np.exp(-(x.value @ first.w.value)))
    np.testing.assert_allclose(scores.value, hidden @ last.w.value, rtol=1e-13)
    assert [type(c).__name__ for c in graph.CompNodes] == ["Affine", "Sigmoid", "Affine"]


def test_an_mlp_without_layers_is_its_input():
    x = edf.Input()
    assert edf.MLP([], x) is x


def test_an_mlp_takes_a_node_of_ones_own_as_its_activation():
    class Cube(edf.CompNode):
        def __init__(self, x):
            super().__init__()
            self.x = x

        def forward(self):
            self.value = self.x.value**3

        def backward(self):
            self.x.addgrad(3 * self.x.value**2 * self.grad)

    net = edf.Classifier((4, 3, 2), Cube)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 4)), rng.integers(0, 2, 20)
    losses = [net.step(x, labels, 0.1) for _ in range(50)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("n_in", [1, 10, 1000])
def test_xavier_keeps_the_size_of_what_goes_in(n_in):
    w = edf.xavier((n_in, 2000), 0)
    assert w.shape == (n_in, 2000)
    assert w.var() == pytest.approx(1 / n_in, rel=0.1)
    assert abs(w.mean()) < 0.1 / np.sqrt(n_in)


def test_the_same_seed_draws_the_same_parameters_and_none_draws_new_ones():
    def draw(rng):
        with edf.Graph():
            return edf.AffineParams(4, 3, rng).w.value

    np.testing.assert_array_equal(draw(7), draw(7))
    assert (draw(None) != draw(None)).all()
    rng = np.random.default_rng(7)
    assert (draw(rng) != draw(rng)).all()


def test_affine_params_are_a_package_with_a_matrix_and_a_bias_of_zeros():
    with edf.Graph() as graph:
        Phi = edf.AffineParams(4, 3)
    assert isinstance(Phi, edf.ParameterPackage)
    assert graph.Parameters == [Phi.w, Phi.b]
    assert Phi.w.value.shape == (4, 3)
    np.testing.assert_array_equal(Phi.b.value, np.zeros(3))


def test_a_net_learns_the_digits_to_more_than_95_percent_on_images_it_has_not_seen():
    digits = data.digits(seed=0)
    net = edf.Classifier((64, 32, 10), rng=0)
    rng = np.random.default_rng(0)
    assert net.accuracy(digits.x_test, digits.y_test) < 0.3
    for _ in range(20):
        for x, labels in data.batches(digits.x_train, digits.y_train, 32, rng):
            net.step(x, labels, 0.5)
    assert net.accuracy(digits.x_test, digits.y_test) > 0.95


class TestClassifier:
    @pytest.fixture
    def net(self):
        return edf.Classifier((5, 4, 3), rng=1)

    @pytest.fixture
    def batch(self):
        rng = np.random.default_rng(0)
        return rng.normal(size=(7, 5)), rng.integers(0, 3, 7)

    def test_its_graph_is_its_own(self, net):
        assert not any(c in edf.CompNodes for c in net.graph.CompNodes)
        assert len(net.graph.Parameters) == 4

    def test_probabilities_are_the_softmax_of_the_scores(self, net, batch):
        q = net.probabilities(batch[0])
        np.testing.assert_allclose(q, torch.softmax(torch.from_numpy(net.scores.value), 1).numpy(), rtol=1e-12)
        np.testing.assert_allclose(q.sum(axis=1), 1.0)
        assert q is net.q.value

    def test_predictions_need_no_labels_and_may_come_first(self, net, batch):
        assert net.predict(batch[0]).shape == (7,)
        assert net.predict(batch[0][:2]).shape == (2,)

    def test_accuracy_counts_the_right_predictions(self, net, batch):
        found = net.predict(batch[0])
        labels = found.copy()
        labels[:3] = (labels[:3] + 1) % 3
        assert net.accuracy(batch[0], labels) == pytest.approx(4 / 7)
        assert net.accuracy(batch[0], list(found)) == 1.0

    def test_mean_loss_is_that_of_the_probabilities_and_takes_no_step(self, net, batch):
        x, labels = batch
        before = [p.value.copy() for p in net.graph.Parameters]
        expected = -np.log(net.probabilities(x)[np.arange(7), labels]).mean()
        assert net.mean_loss(x, labels) == pytest.approx(expected, rel=1e-12)
        for p, old in zip(net.graph.Parameters, before, strict=True):
            np.testing.assert_array_equal(p.value, old)

    def test_a_step_returns_the_loss_before_it_and_makes_it_smaller(self, net, batch):
        before = net.mean_loss(*batch)
        assert net.step(*batch, 0.1) == before
        assert net.mean_loss(*batch) < before

    def test_the_same_seed_gives_the_same_net(self, batch):
        first, second = edf.Classifier((5, 4, 3), rng=3), edf.Classifier((5, 4, 3), rng=3)
        np.testing.assert_array_equal(first.probabilities(batch[0]), second.probabilities(batch[0]))

    def test_a_prediction_between_steps_does_not_change_them(self, batch):
        first, second = edf.Classifier((5, 4, 3), rng=3), edf.Classifier((5, 4, 3), rng=3)
        for _ in range(3):
            first.step(*batch, 0.5)
            first.predict(batch[0][:2])
            second.step(*batch, 0.5)
        for p, q in zip(first.graph.Parameters, second.graph.Parameters, strict=True):
            np.testing.assert_array_equal(p.value, q.value)

    def test_images_of_another_size_are_refused_with_both_sizes(self, net):
        with pytest.raises(edf.ShapeError, match=says("x has 6 columns but W has 5 rows")):
            net.predict(np.ones((2, 6)))
