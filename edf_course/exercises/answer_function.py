"""Putting numerical_gradient and jacobian to use: the function that they nudge is made from the probe's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.recording import Record

Function = Callable[[np.ndarray], Any]


def scalar_function(arrays: Arrays) -> Function:
    """Return f(x) = sum(c sin(x + a)) + ½ (sum(c x))², of x of any shape; every entry acts on every derivative."""
    a, c = arrays["a"], arrays["c"]

    def f(x: np.ndarray) -> Any:
        return (c * np.sin(x + a)).sum() + 0.5 * (c * x).sum() ** 2

    return f


def vector_function(arrays: Arrays) -> Function:
    """Return f(p) = sin(A p + a), (n,) -> (m,)."""
    A, a = arrays["A"], arrays["a"]

    def f(p: np.ndarray) -> Any:
        return np.sin(A @ p + a)

    return f


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
