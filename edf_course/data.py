"""Data for the lectures: real handwritten digits, and batches of anything.

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
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} examples, but y has {len(y)}.")
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size must be between 1 and {len(x)}, the number of examples, but is {batch_size}.")
    order = np.random.default_rng(rng).permutation(len(x))
    return ((x[i], y[i]) for i in np.split(order, range(batch_size, len(x), batch_size)))
