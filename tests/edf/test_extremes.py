"""Nodes at the ends of the number range: no overflow, no warning, and a backward that matches what forward computed."""

import warnings

import numpy as np
import pytest

from edf_course import edf
from edf_course.edf.nodes import sigmoid
from tests.edf.cases import CASES, assert_same, run, torch_truth, weights_for

ENDS = [-1e300, -1e3, -745.0, -709.0, -88.8, -40.0, -1.0, -1e-300, 0.0, 1e-300, 1.0, 40.0, 88.8, 709.0, 1e3, 1e300]
ENDS32 = [-1e38, -1e3, -104.0, -88.8, -40.0, -1.0, 0.0, 1.0, 40.0, 88.8, 104.0, 1e3, 1e38]


@pytest.fixture(autouse=True)
def no_warnings():
    """A warning is printed to a student, and to nbgrader anything that is printed there is a wrong answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def entry_by_entry(name, ends, dtype):
    """Run a node of one operand at each of the numbers `ends`, weights not all alike."""
    arrays = {"x": np.array(ends, dtype=dtype)[:, np.newaxis]}
    weights = weights_for(CASES[name], arrays, 0)
    return run(CASES[name], arrays, weights), torch_truth(CASES[name], arrays, weights)


@pytest.mark.parametrize("name", ["Sigmoid", "Tanh", "ReLU", "Softplus"])
@pytest.mark.parametrize(
    ("ends", "dtype", "digits"), [(ENDS, np.float64, 1e-12), (ENDS32, np.float32, 1e-5)], ids=["float64", "float32"]
)
def test_entries_at_the_ends_are_finite_and_right(name, ends, dtype, digits):
    ours, truth = entry_by_entry(name, ends, dtype)
    assert ours.value.dtype == dtype
    for found, right in ((ours.value, truth.value), (ours.grads["x"], truth.grads["x"])):
        np.testing.assert_allclose(found, right, rtol=digits, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("x", [-700.0, -100.0, -40.0, -20.0])
def test_a_small_sigmoid_is_right_to_the_last_digits_and_so_is_its_slope(x):
    answer = run(CASES["Sigmoid"], {"x": np.array([[x]])}, np.ones((1, 1)))
    assert answer.value[0, 0] == pytest.approx(np.exp(x), rel=1e-8)
    assert answer.grads["x"][0, 0] == pytest.approx(np.exp(x), rel=1e-8)


@pytest.mark.parametrize(
    "x", [0.5, 1, np.float32(0.5), np.array(0.5), np.array([[1, -1]]), np.array([0, 255], np.uint8)]
)
def test_the_function_sigmoid_takes_numbers_and_integers_too(x):
    found = sigmoid(x)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.asarray(x, dtype=float))), rtol=1e-6)
    assert found.dtype == (np.float32 if getattr(x, "dtype", None) == np.float32 else float)


def test_a_saturated_sigmoid_has_slope_zero_as_its_differences_have():
    answer = run(CASES["Sigmoid"], {"x": np.array([[-1e3, 1e3]])}, np.ones((1, 2)))
    np.testing.assert_array_equal(answer.value, [[0.0, 1.0]])
    np.testing.assert_array_equal(answer.grads["x"], [[0.0, 0.0]])


def test_the_slope_of_relu_at_zero_is_zero():
    answer = run(CASES["ReLU"], {"x": np.array([[0.0, -0.0]])}, np.full((1, 2), 5.0))
    np.testing.assert_array_equal(answer.grads["x"], [[0.0, 0.0]])


def test_softplus_of_a_large_number_is_that_number():
    answer = run(CASES["Softplus"], {"x": np.array([[1e3, -1e3, 0.0]])}, np.ones((1, 3)))
    np.testing.assert_allclose(answer.value, [[1e3, 0.0, np.log(2.0)]], rtol=1e-15)
    np.testing.assert_allclose(answer.grads["x"], [[1.0, 0.0, 0.5]], rtol=1e-15)


ROWS = {
    "far apart": [1e3, -1e3, 0.0],
    "very far apart": [1e300, -1e300, 0.0],
    "all large": [1e3, 1e3 + 1, 1e3 - 1],
    "all very negative": [-1e300, -1e300, -1e300],
    "a tie at the top": [700.0, 700.0, -700.0],
    "zeros": [0.0, 0.0, 0.0],
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("name", ["Softmax", "CrossEntropy"])
def test_rows_of_extreme_scores_are_finite_and_right(name, row, label):
    rows = np.array([row, [0.5, -1.0, 2.0]])
    labels = np.array([label, 1])
    arrays = {"x": rows} if name == "Softmax" else {"scores": rows, "y": labels}
    weights = weights_for(CASES[name], arrays, label)
    ours = run(CASES[name], arrays, weights)
    assert np.isfinite(ours.value).all()
    assert all(np.isfinite(grad).all() for grad in ours.grads.values())
    assert_same(ours, torch_truth(CASES[name], arrays, weights))


def test_a_label_of_probability_zero_costs_an_infinite_logloss_but_a_finite_cross_entropy():
    scores, label = edf.Input(np.array([[0.0, 1000.0]])), edf.Input(np.array([0]))
    with edf.Graph() as graph:
        logloss = edf.LogLoss(edf.Softmax(scores), label)
        cross_entropy = edf.CrossEntropy(scores, label)
    with np.errstate(divide="ignore"):
        graph.forward()
    assert logloss.value[0] == np.inf
    assert cross_entropy.value[0] == 1000.0


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e150])
def test_products_and_squares_of_any_size_are_right(size):
    rng = np.random.default_rng(0)
    for name in ("Mul", "SquaredError", "Affine", "Add"):
        arrays = {n: v * size for n, v in CASES[name].draw((3, 4), rng).items()}
        weights = weights_for(CASES[name], arrays, 0)
        ours, truth = run(CASES[name], arrays, weights), torch_truth(CASES[name], arrays, weights)
        np.testing.assert_allclose(ours.value, truth.value, rtol=1e-10)
        for operand, grad in ours.grads.items():
            np.testing.assert_allclose(grad, truth.grads[operand], rtol=1e-10)
