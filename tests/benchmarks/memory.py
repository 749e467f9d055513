"""How much memory Affine's backward needs at its peak, beside the gradients that it makes.

The slides' outer product for each example needs 411 MB at 784x256 for a batch of 256; the gradient has 1.6 MB.
"""

from __future__ import annotations

import tracemalloc

import numpy as np

from edf_course import edf
from tests.benchmarks.table import Row

LIMIT = 2.0  # times the gradient


def rows() -> list[Row]:
    """Measure the net's first layer, 784x256 and B = 256, which reads an Input."""
    peak, gradient = affine_backward()
    return [Row("peak of Affine.backward, 784x256, B=256; peer: its gradient", peak / 1e6, "MB", gradient / 1e6, LIMIT)]


def affine_backward(batch_size: int = 256, n_in: int = 784, n_out: int = 256) -> tuple[int, int]:
    """Return the peak of what one `Affine.backward` allocates, and the size of W's gradient, in bytes."""
    rng = np.random.default_rng(0)
    with edf.Graph() as graph:
        Phi = edf.AffineParams(n_in, n_out, rng)
        node = edf.Affine(Phi, edf.Input(rng.normal(size=(batch_size, n_in))))
    graph.forward()
    node.grad = rng.normal(size=(batch_size, n_out))
    tracemalloc.start()
    try:
        node.backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak, Phi.w.grad.nbytes
