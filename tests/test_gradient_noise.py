"""The noise of a batch's gradient, and the draws with replacement, against enumeration and known formulas."""

from itertools import combinations, islice, product

import numpy as np
import pytest

from edf_course.data import batches, batches_with_replacement
from edf_course.gradient_noise import measured_variance, minibatch_variance, noise_scale

GRADIENTS = np.random.default_rng(0).normal(size=(6, 3)) + np.array([1.0, 0.0, -2.0])


def mean_square(batches_of_rows):
    """The mean square distance from the full gradient, over all batches there are."""
    everything = GRADIENTS.mean(axis=0)
    return np.mean([((GRADIENTS[list(b)].mean(axis=0) - everything) ** 2).sum() for b in batches_of_rows])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_with_replacement_the_formula_is_the_average_over_all_draws(size):
    assert minibatch_variance(GRADIENTS, size) == pytest.approx(mean_square(product(range(6), repeat=size)))


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_without_replacement_the_formula_is_the_average_over_all_batches(size):
    right = mean_square(combinations(range(6), size))
    assert minibatch_variance(GRADIENTS, size, replacement=False) == pytest.approx(right, abs=1e-15)


def test_four_times_the_batch_has_a_quarter_of_the_noise():
    assert minibatch_variance(GRADIENTS, 8) == pytest.approx(minibatch_variance(GRADIENTS, 2) / 4)


@pytest.mark.parametrize("replacement", [True, False])
def test_what_is_measured_is_what_the_formula_foretells(replacement):
    measured = measured_variance(GRADIENTS, 4, replacement, n_batches=4000, rng=0)
    assert measured == pytest.approx(minibatch_variance(GRADIENTS, 4, replacement), rel=0.08)


def test_the_batch_of_everything_has_no_noise():
    assert measured_variance(GRADIENTS, 6, replacement=False, n_batches=5, rng=0) == pytest.approx(0, abs=1e-25)


def test_at_the_noise_scale_noise_and_gradient_are_of_one_size():
    signal = (GRADIENTS.mean(axis=0) ** 2).sum()
    assert minibatch_variance(GRADIENTS, 1) / noise_scale(GRADIENTS) == pytest.approx(signal)


def test_the_noise_scale_at_a_minimum_is_infinite():
    assert noise_scale([[1.0, 0.0], [-1.0, 0.0]]) == float("inf")


def test_one_example_is_no_noise():
    assert minibatch_variance([[1.0, 2.0]], 1, replacement=False) == 0


@pytest.mark.parametrize(("size", "replacement"), [(0, True), (7, False)])
def test_a_batch_that_cannot_be_drawn_is_an_error(size, replacement):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        minibatch_variance(GRADIENTS, size, replacement)


def test_gradients_without_the_examples_are_an_error():
    with pytest.raises(ValueError, match=r"a row for each example, \(N, n\), but have shape \(3,\)"):
        noise_scale([1.0, 2.0, 3.0])


def test_draws_with_replacement_leave_about_a_third_unseen():
    x = np.arange(5000)
    seen = np.concatenate([b for b, _ in batches_with_replacement(x, x, 50, rng=0)])
    assert len(seen) == 5000
    assert 1 - len(np.unique(seen)) / 5000 == pytest.approx(np.exp(-1), abs=0.02)
    assert len(np.unique(np.concatenate([b for b, _ in batches(x, x, 50, rng=0)]))) == 5000


def test_draws_keep_the_pairs_together():
    x = np.arange(20.0)[:, None]
    for x_b, y_b in batches_with_replacement(x, 3 * x[:, 0], 8, rng=1, n_batches=5):
        assert x_b.shape == (8, 1)
        np.testing.assert_array_equal(3 * x_b[:, 0], y_b)


def test_there_may_be_more_draws_than_examples():
    x = np.arange(3)
    assert [len(b) for b, _ in islice(batches_with_replacement(x, x, 10, rng=0), 2)] == [10]


def test_the_same_seed_draws_the_same():
    x = np.arange(100)
    first, second = ([b.tolist() for b, _ in batches_with_replacement(x, x, 7, rng=5)] for _ in range(2))
    assert first == second
    assert len(first) == 15


@pytest.mark.parametrize(("x", "y", "size", "says"), [
    (np.arange(3), np.arange(4), 2, "x has 3 examples, but y has 4"),
    (np.arange(3), np.arange(3), 0, "batch_size must be at least 1"),
    (np.arange(0), np.arange(0), 2, "batch_size must be at least 1 and examples there"),
])  # fmt: skip
def test_draws_that_cannot_be_made_are_errors(x, y, size, says):
    with pytest.raises(ValueError, match=says):
        batches_with_replacement(x, y, size)
