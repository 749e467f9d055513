"""How far the gradient of a batch is from that of all examples, as the batch grows.

Each example has its own gradient; stochastic gradient descent steps by the mean over a random batch of B of them. That
mean is right on average, and off by a random error whose mean square falls as 1/B. The noise is what may carry SGD out
of a shallow valley, and what keeps it from settling in a good one.
Source: Kak, slides 3, 21-25 ("chaos" of the path), 54 (random draws); notes on EDF's core, section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def minibatch_variance(gradients: Any, batch_size: int, replacement: bool = True) -> float:
    """Return the mean square distance between a batch's mean gradient and that of all examples, by formula.

    With tr Σ the examples' own mean square distance, it is tr Σ / B for draws with replacement, and for batches
    without, as `data.batches` makes them, tr Σ / B · (N - B) / (N - 1): nothing is left when the batch is everything.
    Shapes: gradients (N, n), a row for each example.
    Raises: ValueError for other shapes, or a batch size that cannot be drawn.
    """
    g = _per_example(gradients, batch_size, replacement)
    variance = float(((g - g.mean(axis=0)) ** 2).sum(axis=1).mean()) / batch_size
    if replacement:
        return variance
    return variance * (len(g) - batch_size) / max(len(g) - 1, 1)


def measured_variance(
    gradients: Any,
    batch_size: int,
    replacement: bool = True,
    n_batches: int = 1000,
    rng: np.random.Generator | int | None = None,
) -> float:
    """Return what `minibatch_variance` foretells, measured on `n_batches` random batches.

    Its own relative error is some sqrt(2 / n_batches) or less: 4 % for 1000 batches.
    Shapes and errors: as `minibatch_variance`.
    """
    g = _per_example(gradients, batch_size, replacement)
    rng = np.random.default_rng(rng)
    everything = g.mean(axis=0)
    total = 0.0
    for _ in range(n_batches):
        batch = g[rng.choice(len(g), batch_size, replace=replacement)]
        total += float(((batch.mean(axis=0) - everything) ** 2).sum())
    return total / n_batches


def noise_scale(gradients: Any) -> float:
    """Return the batch size at which noise and gradient are of one size: tr Σ / |mean gradient|², inf where that is 0.

    Far below it steps go mostly astray, and twice the batch is worth nearly twice the steps; far above it more examples
    hardly change the step. It grows as training comes near a minimum, where the mean gradient vanishes but the
    examples' own do not: so SGD with a constant rate hovers there.
    Shapes: gradients (N, n), a row for each example.
    Source: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training" (the simple noise scale).
    """
    g = _per_example(gradients, 1, True)
    signal = float((g.mean(axis=0) ** 2).sum())
    return minibatch_variance(g, 1) / signal if signal else float("inf")


def _per_example(gradients: Any, batch_size: int, replacement: bool) -> np.ndarray:
    g = np.asarray(gradients, dtype=float)
    if g.ndim != 2 or g.size == 0:
        raise ValueError(f"gradients need a row for each example, (N, n), but have shape {g.shape}.")
    if batch_size < 1 or (batch_size > len(g) and not replacement):
        most = "" if replacement else f", and at most {len(g)}, the number of examples"
        raise ValueError(f"batch_size must be at least 1{most}, but is {batch_size}.")
    return g
