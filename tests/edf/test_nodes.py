"""Each node's value and gradients, held to torch and to finite differences, on shapes and numbers that are drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edf_course import edf
from tests.edf.cases import (
    CASES,
    Answer,
    Given,
    WeightedSum,
    assert_close,
    assert_same,
    difference_truth,
    operands,
    package,
    probes,
    run,
    torch_truth,
    weights_for,
)

every_node = pytest.mark.parametrize("name", CASES)
every_fixed_node = pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.random])


def example(name, seed=0, shape=(3, 4), dtype=float):
    """Operands of one fixed shape (images: of two more axes) and weights for the node `name`."""
    case = CASES[name]
    shape = shape + (5, 2)[: max(case.ndims[0] - len(shape), 0)]
    arrays = case.draw(shape, np.random.default_rng(seed))
    arrays = {n: v.astype(dtype) if v.dtype.kind == "f" else v for n, v in arrays.items()}
    return case, arrays, weights_for(case, arrays, seed)


def test_every_node_of_the_library_is_in_the_table():
    classes = [v for v in vars(edf).values() if isinstance(v, type) and issubclass(v, edf.CompNode)]
    assert {c.__name__ for c in classes} - {"CompNode"} == set(CASES)


@every_node
@given(data=st.data())
def test_value_and_gradients_are_those_of_torch(name, data):
    arrays, seed = data.draw(probes(CASES[name]))
    weights = weights_for(CASES[name], arrays, seed)
    case = CASES[name]
    assert_same(run(case, arrays, weights), torch_truth(case, arrays, weights), case.tolerance)


@every_node
@given(data=st.data())
def test_gradients_are_those_of_finite_differences(name, data):
    arrays, seed = data.draw(probes(CASES[name]))
    weights = weights_for(CASES[name], arrays, seed)
    ours = run(CASES[name], arrays, weights).grads
    for operand, grad in difference_truth(CASES[name], arrays, weights).items():
        assert_close(ours[operand], grad, 1e-6, f"{operand}.grad")


@every_node
@pytest.mark.parametrize("twice", ["shared", "squared"])
@given(data=st.data())
def test_a_node_on_two_paths_to_the_loss_gets_both_gradients(name, twice, data):
    arrays, seed = data.draw(probes(CASES[name]))
    weights = weights_for(CASES[name], arrays, seed)
    ours = run(CASES[name], arrays, weights, twice=twice)
    assert_same(ours, torch_truth(CASES[name], arrays, weights, twice), CASES[name].tolerance)


@pytest.mark.parametrize(("node", "slope"), [(edf.Mul, lambda a: 2 * a), (edf.Add, lambda a: 2 + 0 * a)])
def test_both_operands_may_be_the_same_node(node, slope):
    rng = np.random.default_rng(0)
    a, weights = rng.normal(size=(2, 3, 4))
    with edf.Graph() as graph:
        leaf = Given(a)
        end = WeightedSum(node(leaf, leaf), weights)
    graph.forward()
    graph.backward(end)
    np.testing.assert_allclose(leaf.grad, weights * slope(a), rtol=1e-14)


@every_fixed_node
def test_a_second_walk_gives_the_same_to_the_last_bit(name):
    case, arrays, weights = example(name)
    with edf.Graph() as graph:
        leaves = operands(arrays)
        node = case.make(**leaves)
        end = WeightedSum(node, weights)
    seen = []
    for _ in range(2):
        graph.forward()
        graph.backward(end)
        seen.append([node.value.copy()] + [np.copy(v.grad) for v in leaves.values() if not isinstance(v, edf.Input)])
    for first, second in zip(*seen, strict=True):
        np.testing.assert_array_equal(first, second)


@every_fixed_node
@pytest.mark.parametrize("shape", [(3, 4), (7, 4), (1, 4)])
def test_new_numbers_and_another_batch_size_leave_nothing_behind(name, shape):
    case, arrays, weights = example(name, seed=1)
    _, others, _ = example(name, seed=2, shape=shape)
    others |= {n: arrays[n] for n in ("W", "C") if n in arrays}
    other_weights = weights_for(case, others, 2)
    with edf.Graph() as graph:
        leaves = operands(arrays)
        node = case.make(**leaves)
        end = WeightedSum(node, weights)
    graph.forward()
    graph.backward(end)
    for n, value in others.items():
        leaves[n].value = value
    end.weights = other_weights
    graph.forward()
    graph.backward(end)
    ours = Answer(node.value, {n: v.grad for n, v in leaves.items() if not isinstance(v, edf.Input)})
    assert_same(ours, torch_truth(case, others, other_weights))


@every_node
def test_float32_stays_float32_and_is_right(name):
    case, arrays, weights = example(name, dtype=np.float32)
    ours = run(case, arrays, weights)
    assert ours.value.dtype == np.float32
    assert {grad.dtype for grad in ours.grads.values()} == {np.dtype(np.float32)}
    assert_same(ours, torch_truth(case, arrays, weights), 1e-5)


@every_node
def test_backward_changes_no_value_and_no_gradient_but_those_of_the_operands(name):
    case, arrays, weights = example(name)
    with edf.Graph() as graph:
        leaves = operands(arrays)
        node = case.make(**leaves)
        end = WeightedSum(node, weights)
    graph.forward()
    value = node.value.copy()
    graph.backward(end)
    np.testing.assert_array_equal(node.value, value)
    np.testing.assert_array_equal(node.grad, weights)
    for n, leaf in leaves.items():
        np.testing.assert_array_equal(leaf.value, arrays[n])


@every_node
def test_gradients_share_no_memory_with_one_another_or_with_values(name):
    case, arrays, weights = example(name)
    with edf.Graph() as graph:
        leaves = operands(arrays)
        node = case.make(**leaves)
        end = WeightedSum(node, weights)
    graph.forward()
    graph.backward(end)
    nodes = [node, *(leaf for leaf in leaves.values() if not isinstance(leaf, edf.Input))]
    arrays_of = [array for n in nodes for array in (n.value, n.grad)]
    for i, first in enumerate(arrays_of):
        assert not any(np.shares_memory(first, second) for second in arrays_of[i + 1 :])


@every_node
def test_a_value_that_was_kept_does_not_change_with_the_next_forward(name):
    case, arrays, weights = example(name)
    with edf.Graph() as graph:
        leaves = operands(arrays)
        node = case.make(**leaves)
        end = WeightedSum(node, weights)
    graph.forward()
    graph.backward(end)
    kept = [node.value, node.grad, *(v.grad for v in leaves.values() if not isinstance(v, edf.Input))]
    before = [np.copy(array) for array in kept]
    for leaf in leaves.values():
        leaf.value = leaf.value * 0.5 if leaf.value.dtype.kind == "f" else leaf.value * 0
    end.weights = 3 * weights
    graph.forward()
    graph.backward(end)
    graph.sgd(0.1)
    for array, old in zip(kept, before, strict=True):
        np.testing.assert_array_equal(array, old)


@every_node
def test_a_node_that_does_not_reach_the_loss_gets_zeros(name):
    case, arrays, _ = example(name)
    rng = np.random.default_rng(3)
    with edf.Graph() as graph:
        leaves = operands(arrays)
        node = case.make(**leaves)
        elsewhere = Given(rng.normal(size=(3, 2)))
        loss = WeightedSum(edf.Sigmoid(elsewhere), rng.normal(size=(3, 2)))
    graph.forward()
    graph.backward(loss)
    for c in (node, *(leaf for leaf in leaves.values() if not isinstance(leaf, edf.Input))):
        np.testing.assert_array_equal(c.grad, np.zeros_like(c.value))
    assert np.abs(elsewhere.grad).min() > 0


SPOILED = [(name, operand) for name in CASES for operand in example(name)[1] if operand not in ("y", "index")]


@pytest.mark.parametrize("factor", [-1.0, 1.0001, 0.0, 3.0], ids=lambda f: f"times {f:g}")
@pytest.mark.parametrize(("name", "operand"), SPOILED)
def test_a_gradient_that_is_off_would_be_noticed(name, operand, factor):
    case, arrays, weights = example(name)
    truth = torch_truth(case, arrays, weights)
    assert_same(run(case, arrays, weights), truth)
    wrong = run(case, arrays, weights, spoil=operand, factor=factor)
    with pytest.raises(AssertionError, match=rf"{operand}\.grad is off"):
        assert_same(wrong, truth)
    with pytest.raises(AssertionError, match=rf"{operand}\.grad is off"):
        assert_close(wrong.grads[operand], difference_truth(case, arrays, weights)[operand], 1e-6, f"{operand}.grad")


def affine_without_mean(self):
    self.x.addgrad(self.grad @ self.Phi.w.value.T)
    self.Phi.w.addgrad_mean(self.x.value.T @ self.grad)
    self.Phi.b.addgrad_mean(-self.grad.mean(axis=0))


WRONG_BACKWARDS = {
    "Sigmoid": lambda self: self.x.addgrad(self.grad * self.value),
    "Tanh": lambda self: self.x.addgrad(self.grad * (1 - self.value)),
    "ReLU": lambda self: self.x.addgrad(self.grad * (self.grad > 0)),
    "Softplus": lambda self: self.x.addgrad(self.grad * edf.nodes.sigmoid(self.value)),
    "Softmax": lambda self: self.x.addgrad(self.grad * self.value * (1 - self.value)),
    "Mul": lambda self: (self.a.addgrad(self.grad * self.a.value), self.b.addgrad(self.grad * self.b.value)),
    "CrossEntropy": lambda self: self.scores.addgrad(self.q.T * self.grad[:, None]),
    "SquaredError": lambda self: (self.p.addgrad(2 * self.error), self.t.addgrad(-2 * self.error)),
    "Affine": affine_without_mean,
}


@pytest.mark.parametrize("name", WRONG_BACKWARDS)
def test_a_common_mistake_in_backward_would_be_noticed(name, monkeypatch):
    case, arrays, weights = example(name)
    monkeypatch.setattr(getattr(edf, name), "backward", WRONG_BACKWARDS[name])
    with pytest.raises(AssertionError, match=r"\.grad is off"):
        assert_same(run(case, arrays, weights), torch_truth(case, arrays, weights))


def test_affine_does_not_multiply_for_an_input_that_wants_no_gradient():
    case, arrays, weights = example("Affine")
    with edf.Graph() as graph:
        x = edf.Input(arrays["x"])
        node = edf.Affine(package(edf.Parameter(arrays["W"]), edf.Parameter(arrays["C"])), x)
        end = WeightedSum(node, weights)
    x.addgrad = lambda delta: pytest.fail("a gradient was computed that nobody wants")
    graph.forward()
    graph.backward(end)
    truth = torch_truth(case, arrays, weights)
    assert_close(node.Phi.w.grad, truth.grads["W"], 1e-12, "W.grad")
