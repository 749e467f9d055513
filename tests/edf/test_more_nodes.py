"""What the table of nodes cannot say: axes, ties, randomness, running averages, and wrong use."""

import numpy as np
import pytest
import torch

from edf_course import edf
from tests.edf.cases import Given, WeightedSum, norm, package


def run(make, *arrays, weights=None):
    """Run one node on given operands; return the graph, the node and the operands."""
    with edf.Graph() as graph:
        leaves = [Given(np.asarray(a, dtype=float)) for a in arrays]
        node = make(*leaves)
        graph.forward()
        end = WeightedSum(node, np.ones_like(node.value) if weights is None else weights)
    graph.forward()
    graph.backward(end)
    return graph, node, leaves


@pytest.mark.parametrize(("node", "reduce"), [(edf.Sum, np.sum), (edf.Mean, np.mean)])
@pytest.mark.parametrize("axis", [1, 2, -1, -2])
def test_a_feature_axis_can_be_named(node, reduce, axis):
    x = np.arange(24.0).reshape(2, 3, 4)
    _, y, (leaf,) = run(lambda x: node(x, axis), x)
    np.testing.assert_allclose(y.value, reduce(x, axis=axis))
    np.testing.assert_allclose(leaf.grad, 1.0 if node is edf.Sum else 1 / x.shape[axis])


@pytest.mark.parametrize("node", [edf.Sum, edf.Mean])
@pytest.mark.parametrize("axis", [0, -3, 3, 7])
def test_the_batch_is_never_reduced(node, axis):
    with pytest.raises(edf.ShapeError, match=f"{node.__name__}: axis"):
        run(lambda x: node(x, axis), np.ones((2, 3, 4)))


def test_reshape_keeps_the_batch_and_hands_on_no_view():
    _, y, (leaf,) = run(lambda x: edf.Reshape(x, (6,)), np.arange(12.0).reshape(2, 2, 3))
    assert y.value.shape == (2, 6)
    assert not np.shares_memory(y.value, leaf.value)
    with pytest.raises(edf.ShapeError, match=r"the features \(2, 3\) cannot take the shape \(5,\)"):
        run(lambda x: edf.Reshape(x, (5,)), np.ones((2, 2, 3)))


def test_concat_says_what_does_not_fit():
    with pytest.raises(edf.ShapeError, match=r"\(2, 3\), \(4, 3\)"):
        run(lambda a, b: edf.Concat([a, b]), np.ones((2, 3)), np.ones((4, 3)))
    with pytest.raises(edf.ShapeError, match="axis 0 is the batch"):
        run(lambda a, b: edf.Concat([a, b], axis=0), np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(edf.GraphError, match="empty"), edf.Graph():
        edf.Concat([])


def test_a_row_that_is_looked_up_twice_gets_both_gradients():
    with edf.Graph() as graph:
        table = edf.Parameter(np.zeros((4, 2)))
        node = edf.Embedding(table, edf.Input(np.array([3, 1, 3])))
        end = WeightedSum(node, np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]))
    graph.forward()
    graph.backward(end)
    np.testing.assert_allclose(table.grad, np.array([[0, 0], [10, 20], [0, 0], [101, 202]]) / 3)


@pytest.mark.parametrize(
    ("index", "says"), [([0, 4], "index 4 is out of range"), ([-1, 0], "index -1"), ([0.5, 1], "0.5")]
)
def test_an_index_that_is_none_is_named(index, says):
    with edf.Graph() as graph:
        edf.Embedding(edf.Parameter(np.zeros((4, 2))), edf.Input(np.array(index)))
    with pytest.raises(edf.DataError, match=says):
        graph.forward()


def test_ties_in_a_pool_go_to_the_first_as_in_torch():
    x = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 2.0], [2.0, 2.0, 2.0]])[None, :, :, None]
    _, _, (leaf,) = run(lambda x: edf.MaxPool(x, 2, stride=1), x)
    t = torch.tensor(x).permute(0, 3, 1, 2).requires_grad_()
    torch.nn.functional.max_pool2d(t, 2, stride=1).sum().backward()
    np.testing.assert_array_equal(leaf.grad, t.grad.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 0), (3, 1)])
def test_strides_and_paddings_of_a_convolution_are_torchs(stride, padding):
    rng = np.random.default_rng(stride + 10 * padding)
    x, W, C = rng.normal(size=(2, 7, 6, 3)), rng.normal(size=(3, 2, 3, 4)), rng.normal(size=4)
    with edf.Graph() as graph:
        leaf, w, c = Given(x), edf.Parameter(W), edf.Parameter(C)
        node = edf.Conv2D(package(w, c), leaf, stride, padding)
        graph.forward()
        weights = rng.normal(size=node.value.shape)
        end = WeightedSum(node, weights)
    graph.forward()
    graph.backward(end)
    tx, tw, tc = (torch.tensor(a, requires_grad=True) for a in (x, W, C))
    y = torch.nn.functional.conv2d(tx.permute(0, 3, 1, 2), tw.permute(3, 2, 0, 1), -tc, stride, padding)
    (y.permute(0, 2, 3, 1) * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(leaf.grad, tx.grad, atol=1e-12)
    np.testing.assert_allclose(w.grad, tw.grad / 2, atol=1e-12)
    np.testing.assert_allclose(c.grad, tc.grad / 2, atol=1e-12)


def test_images_of_the_wrong_shape_are_refused_with_both_shapes():
    with edf.Graph() as graph:
        edf.Conv2D(edf.ConvParams(3, 3, 2, 4, rng=0), Given(np.ones((1, 5, 5, 3))))
    with pytest.raises(edf.ShapeError, match=r"\(1, 5, 5, 3\), but \(B, H, W, 2\)"):
        graph.forward()
    with pytest.raises(edf.ShapeError, match="does not fit"):
        run(lambda x: edf.MaxPool(x, 4), np.ones((1, 3, 5, 1)))
    with pytest.raises(edf.ShapeError, match=r"\(B, H, W, channels\)"):
        run(edf.MaxPool, np.ones((2, 3)))


def test_batch_norm_keeps_torchs_running_averages_and_uses_them_afterwards():
    rng = np.random.default_rng(0)
    scale, shift = rng.normal(size=(2, 3))
    twin = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    twin.weight.data, twin.bias.data = torch.tensor(scale), torch.tensor(shift)
    with edf.Graph() as graph:
        leaf = Given(rng.normal(size=(5, 3)))
        node = edf.BatchNorm(norm(edf.Parameter(scale), edf.Parameter(shift)), leaf)
    for _ in range(4):
        leaf.value = rng.normal(loc=2.0, size=(5, 3))
        graph.forward()
        np.testing.assert_allclose(node.value, twin(torch.tensor(leaf.value)).detach(), atol=1e-12)
    np.testing.assert_allclose(node.running_variance, twin.running_var, rtol=1e-12)
    graph.training = False
    twin.eval()
    leaf.value = rng.normal(size=(1, 3))  # a single example is fine now
    graph.forward()
    np.testing.assert_allclose(node.value, twin(torch.tensor(leaf.value)).detach(), atol=1e-12)


def test_batch_norm_outside_training_hands_back_a_plain_scale():
    with edf.Graph() as graph:
        leaf = Given(np.array([[1.0, -2.0]]))
        node = edf.BatchNorm(norm(edf.Parameter(np.array([2.0, 3.0])), edf.Parameter(np.zeros(2))), leaf)
        end = WeightedSum(node, np.ones((1, 2)))
    graph.training = False
    graph.forward()
    graph.backward(end)
    np.testing.assert_allclose(leaf.grad, np.array([[2.0, 3.0]]) / np.sqrt(1 + 1e-5))


def test_a_training_batch_of_one_has_no_variance():
    with pytest.raises(edf.ShapeError, match="no variance"):
        run(lambda x: edf.BatchNorm(edf.NormParams(2), x), np.ones((1, 2)))


@pytest.mark.parametrize("node", [edf.LayerNorm, edf.BatchNorm])
def test_a_norm_for_another_number_of_features_says_so(node):
    with pytest.raises(edf.ShapeError, match=r"for 3 features, but x has shape \(2, 4\)"):
        run(lambda x: node(edf.NormParams(3), x), np.ones((2, 4)))


def test_dropout_keeps_the_mean_draws_anew_and_sends_the_gradient_where_the_value_went():
    graph, node, (leaf,) = run(lambda x: edf.Dropout(x, 0.25, rng=0), np.ones((200, 50)))
    assert abs(node.value.mean() - 1) < 0.02
    assert abs((node.value == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(leaf.grad, node.value)  # x and the weights are ones
    before = node.value
    graph.forward()
    assert not np.array_equal(before, node.value)


def test_dropout_lets_everything_pass_when_the_net_is_used():
    graph, node, (leaf,) = run(lambda x: edf.Dropout(x, 0.9, rng=0), np.arange(6.0).reshape(2, 3))
    graph.training = False
    graph.forward()
    np.testing.assert_array_equal(node.value, leaf.value)


@pytest.mark.parametrize("rate", [-0.1, 1, 2])
def test_a_dropout_rate_is_a_share(rate):
    with pytest.raises(ValueError, match="share"), edf.Graph():
        edf.Dropout(Given(np.ones((1, 1))), rate)


def test_binary_cross_entropy_is_exact_where_a_probability_is_0_or_1():
    _, node, (p,) = run(lambda p: edf.BCE(p, edf.Input(np.array([0, 1]))), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(node.value, [0, 0])
    np.testing.assert_array_equal(p.grad, [1, -1])
    with edf.Graph() as graph:
        sure_and_wrong = edf.BCE(Given(np.array([0.0, 1.0])), edf.Input(np.array([1, 0])))
    graph.forward()
    np.testing.assert_array_equal(sure_and_wrong.value, [np.inf, np.inf])


def test_binary_labels_outside_0_to_1_are_refused():
    with edf.Graph() as graph:
        edf.BCE(Given(np.array([0.5])), edf.Input(np.array([2])))
    with pytest.raises(edf.DataError, match="0 or 1"):
        graph.forward()


def test_the_names_of_the_other_dialect_are_there():
    assert edf.UpdateParameters is edf.SGD
    assert edf.BCELoss is edf.BCE
    assert edf.CrossEntropyLoss is edf.CrossEntropy


def test_a_small_convolutional_net_learns_the_digits():
    from edf_course import data

    digits = data.digits()
    rng = np.random.default_rng(0)
    x, y = edf.Input(name="x"), edf.Input(name="y")
    with edf.Graph() as graph:
        h = edf.MaxPool(edf.ReLU(edf.Conv2D(edf.ConvParams(3, 3, 1, 8, rng), x, padding=1)), 2)
        scores = edf.Affine(edf.AffineParams(128, 10, rng), edf.Reshape(h, (128,)))
        loss = edf.CrossEntropy(scores, y)
    for _ in range(4):
        for images, labels in data.batches(digits.x_train, digits.y_train, 32, rng):
            x.value, y.value = images.reshape(-1, 8, 8, 1), labels
            graph.forward()
            graph.backward(loss)
            graph.sgd(0.5)
    x.value, y.value = digits.x_test.reshape(-1, 8, 8, 1), digits.y_test
    graph.forward()
    assert (scores.value.argmax(axis=1) == digits.y_test).mean() > 0.9
