"""Putting numerical_gradient and jacobian to use: the function that they nudge is made from the probe's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.recording import Record

Function = Callable[[np.ndarray], Any]

PAIRS = np.array(1e6)  # so strong that a nudge of 1e-7 that an entry keeps is felt by all the others


def scalar_function(arrays: Arrays) -> Function:
    """Return f(x) = sum(c sin 3(x + a)) + ½ (sum(c x))², of x of any shape; every entry acts on every derivative.

    Where the arrays hold a number k, k times the pairs is added, see `_pairs`.
    """
    a, c = arrays["a"], arrays["c"]

    def f(x: np.ndarray) -> Any:
        return (c * np.sin(3 * (x + a))).sum() + 0.5 * (c * x).sum() ** 2 + _pairs(x, arrays["x"], arrays.get("k"))

    return f


def vector_function(arrays: Arrays) -> Function:
    """Return f(p) = sin(A p + a), (n,) -> (m,). Where the arrays hold a number k, k times the pairs is added to each."""
    A, a = arrays["A"], arrays["a"]

    def f(p: np.ndarray) -> Any:
        return np.sin(A @ p + a) + _pairs(p, arrays["p"], arrays.get("k"))

    return f


def _pairs(x: np.ndarray, start: np.ndarray, k: np.ndarray | None) -> Any:
    """Return k times the sum of z_i z_j over all pairs, with z = x - start.

    At the start it is 0, and so are its derivatives. It stays 0 while one entry alone is nudged, however coarsely.
    """
    if k is None:
        return 0.0
    z = x - start
    return k * (z.sum() ** 2 - (z * z).sum()) / 2


def draw_gradient_probe(
    shape: tuple[int, ...], rng: np.random.Generator, integers: bool = False
) -> dict[str, np.ndarray]:
    """Draw x, a and c of `scalar_function`, so that all probes punish a coarse step alike.

    sum(c x) is kept between 3 and 4 (or so, with integers) or their negatives, and the sine bends the same way in every
    entry: one-sided differences with h = 1e-5 are always near enough, as are central ones with h = 1e-3, and ten times as
    much is too coarse for either.
    """
    c = rng.uniform(0.9, 1.1, shape)
    x: np.ndarray
    if integers:
        x = rng.integers(-3, 4, shape)
        while not 3 <= abs(x.sum()) <= 4:
            x = rng.integers(-3, 4, shape)
    else:
        x = rng.uniform(-2, 2, shape)
        x += (rng.choice([-1, 1]) * rng.uniform(3, 4) - (c * x).sum()) / c.sum()
    phase = np.pi * ((c * x).sum() < 0) + np.arcsin(rng.uniform(-0.3, -0.2, shape) * (1 if (c * x).sum() > 0 else -1))
    return {"x": x, "a": phase / 3 - x, "c": c}


def draw_jacobian_probe(m: int, n: int, rng: np.random.Generator, integers: bool = False) -> dict[str, np.ndarray]:
    """Draw p (n,), A (m, n) and a (m,) of `vector_function`, so that all probes punish a coarse step alike."""
    p = rng.integers(-3, 4, n) if integers else rng.uniform(-2, 2, n)
    A = rng.uniform(0.5, 1.2, (m, n)) * rng.choice([-1, 1], (m, n))
    z = rng.uniform(0.5, 0.9, m) * rng.choice([-1, 1], m)
    return {"p": p, "A": A, "a": z - A @ p}


def run_gradient(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with numerical_gradient(f, x): passes hold x, and a and c of `scalar_function`."""
    _run(thing, probe, record, scalar_function, "x", "gradient")


def run_jacobian(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with jacobian(f, p): passes hold p, and A and a of `vector_function`."""
    _run(thing, probe, record, vector_function, "p", "jacobian")


def _run(thing: Any, probe: Probe, record: Record, make: Callable[[Arrays], Function], at: str, result: str) -> None:
    for arrays in probe.passes:
        record.begin_pass()
        x = arrays[at].copy()
        returned = thing(make(arrays), x)
        record.put_change(at, arrays[at], x)
        if returned is None:
            raise TypeError(f"{getattr(thing, '__name__', 'the function')} returned nothing: return the {result}")
        record.put(result, returned)
