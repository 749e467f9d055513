"""A training step of the moons demo beside micrograd's, each with Python's garbage collector on, as users run them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace

import micrograd.engine
import micrograd.nn

from edf_course import scalar
from tests.benchmarks.table import Row
from tests.scalar.moons import demo

LIMIT = 1 / 8  # on our time / micrograd's
STEPS = 3


def rows() -> list[Row]:
    """Train both nets for a few steps in turns; the median step of each, in processor time."""
    theirs = demo(SimpleNamespace(Value=micrograd.engine.Value, MLP=micrograd.nn.MLP))
    ours = demo(scalar)
    times: tuple[list[float], list[float]] = ([], [])
    for k in range(STEPS):
        for found, step in zip(times, (ours.step, theirs.step), strict=True):
            gc.collect()  # neither pays for what the other left behind
            found.append(_time(step, k))
    mine, peer = (statistics.median(found) * 1e3 for found in times)
    return [Row("moons step, MLP 2-16-16-1, 100 points, beside micrograd", mine, "ms", peer, LIMIT)]


def _time(step: Callable[[int], object], k: int) -> float:
    start = time.process_time()
    step(k)
    return time.process_time() - start
