"""Data for the lectures: real handwritten digits, and batches of anything, drawn with and without replacement.

The digits come with scikit-learn (1797 images of 8x8 pixels, UCI "Optical recognition of handwritten digits"), so no
network is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Data for training and for the test: x (N, n_features) floats, y (N,) class numbers."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits(seed: int = 0) -> Split:
    """Return the digits, shuffled by `seed`: 1437 to train on, 360 to test on; pixels in 0 (white) to 1 (ink)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order] / 16.0, labels[order]
    return Split(images[:1437], labels[:1437], images[1437:], labels[1437:])


def batches(
    x: np.ndarray, y: np.ndarray, batch_size: int, rng: np.random.Generator | int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield one epoch: every example once, in random order, `batch_size` at a time (the last batch may be smaller).

    Raises: ValueError where the batch size is not between 1 and the number of examples, or x and y differ in length.
    """
    _check_pairs(x, y)
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size must be between 1 and {len(x)}, the number of examples, but is {batch_size}.")
    order = np.random.default_rng(rng).permutation(len(x))
    return ((x[i], y[i]) for i in np.split(order, range(batch_size, len(x), batch_size)))


def batches_with_replacement(
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    rng: np.random.Generator | int | None = None,
    n_batches: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield `n_batches` batches, each example of each drawn from all: some come twice, some never.

    Without `n_batches` it is as many as `batches` yields. N such draws from N examples leave about 1/e, 37 %, unseen:
    so random draws make no epoch.
    Raises: ValueError where the batch size is below 1, there is nothing to draw from, or x and y differ in length.
    Source: Kak, slide 54 (there random draws are said to make epochs superfluous).
    """
    _check_pairs(x, y)
    if batch_size < 1 or len(x) == 0:
        raise ValueError(f"batch_size must be at least 1 and examples there, but they are {batch_size} and {len(x)}.")
    rng = np.random.default_rng(rng)
    count = -(-len(x) // batch_size) if n_batches is None else n_batches
    draws = (rng.integers(len(x), size=batch_size) for _ in range(count))
    return ((x[i], y[i]) for i in draws)


def _check_pairs(x: np.ndarray, y: np.ndarray) -> None:
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} examples, but y has {len(y)}.")
