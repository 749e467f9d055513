"""The digits, and batches of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from edf_course import data


@pytest.fixture(scope="module")
def digits():
    return data.digits(seed=0)


def test_the_digits_are_1437_to_train_on_and_360_to_test_on(digits):
    assert [a.shape for a in digits] == [(1437, 64), (1437,), (360, 64), (360,)]
    assert digits.x_train.dtype == digits.x_test.dtype == float
    assert digits.y_train.dtype.kind == digits.y_test.dtype.kind == "i"


def test_pixels_run_from_0_to_1_and_labels_from_0_to_9(digits):
    for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test)):
        assert (x.min(), x.max()) == (0.0, 1.0)
        assert set(y) == set(range(10))


def test_every_image_is_there_once_with_its_label(digits):
    images, labels = load_digits(return_X_y=True)
    given_rows = {(*image, label) for image, label in zip(images, labels, strict=True)}
    x, y = np.concatenate([digits.x_train, digits.x_test]) * 16, np.concatenate([digits.y_train, digits.y_test])
    found_rows = {(*image, label) for image, label in zip(x, y, strict=True)}
    assert found_rows == given_rows
    assert len(x) == len(images)


def test_a_seed_decides_who_is_in_the_test(digits):
    np.testing.assert_array_equal(data.digits(seed=0).x_test, digits.x_test)
    assert (data.digits(seed=1).y_test != digits.y_test).any()


@given(st.integers(1, 30), st.data())
def test_an_epoch_has_every_pair_once(n, drawn):
    batch_size = drawn.draw(st.integers(1, n))
    x, y = np.arange(2 * n).reshape(n, 2), np.arange(n)
    batches = list(data.batches(x, y, batch_size, rng=0))
    assert [len(xb) for xb, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert 1 <= len(batches[-1][0]) <= batch_size
    assert sorted(np.concatenate([yb for _, yb in batches])) == list(y)
    for xb, yb in batches:
        np.testing.assert_array_equal(xb, x[yb])


def test_a_generator_shuffles_anew_each_epoch_and_a_seed_does_not():
    y = np.arange(50)

    def order(rng):
        return np.concatenate([yb for _, yb in data.batches(y, y, 7, rng)])

    rng = np.random.default_rng(0)
    assert (order(rng) != order(rng)).any()
    np.testing.assert_array_equal(order(3), order(3))
    assert (order(3) != y).any()


@pytest.mark.parametrize("batch_size", [0, -1, 6])
def test_a_batch_size_that_cannot_be_is_refused_at_once(batch_size):
    with pytest.raises(ValueError, match=f"between 1 and 5, the number of examples, but is {batch_size}"):
        data.batches(np.zeros((5, 2)), np.zeros(5), batch_size)


def test_data_without_its_labels_is_refused_at_once():
    with pytest.raises(ValueError, match="x has 5 examples, but y has 4"):
        data.batches(np.zeros((5, 2)), np.zeros(4), 2)
