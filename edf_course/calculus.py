"""Derivatives by nudging: slow, simple, and right to many digits, so they can check the fast ones.

Two ways to nudge. The central difference (f(x + h) - f(x - h)) / 2h errs by O(h²) and loses digits when it subtracts:
at h = 1e-5 about ten digits are left. The complex step Im f(x + ih) / h subtracts nothing, so h may be 1e-20 and all
digits stay; but f must accept complex numbers (no abs, no max, no comparison).
Source: Kak, slides 7-20 (Jacobian), 46-47 (one-sided differences); notes on the micrograd video ("nudging").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

H = 1e-5  # best for central differences in float64: error of the formula h² and of rounding 1e-16 / h balance
COMPLEX_H = 1e-20


def numerical_gradient(f: Callable[[np.ndarray], Any], x: Any, h: float = H) -> np.ndarray:
    """Return the gradient of the scalar function f at x by central differences; two calls of f for each entry.

    Shapes: x any shape -> the same shape. Integers are taken as floats; x itself is never changed.
    Raises: ValueError where f does not return one number.
    """
    x = np.array(x, dtype=float)
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = (_number(f(up)) - _number(f(down))) / (2 * h)
    return gradient


def complex_step_gradient(f: Callable[[np.ndarray], Any], x: Any, h: float = COMPLEX_H) -> np.ndarray:
    """Return the gradient of f at x to the last digit by complex steps; f must accept complex arrays.

    Shapes: x any shape -> the same shape.
    Raises: ValueError where f does not return one number; TypeError where it returns a real one (it dropped the step).
    """
    x = np.array(x, dtype=float)
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        nudged = x.astype(complex)
        nudged[i] += 1j * h
        gradient[i] = _imaginary(_number(f(nudged))) / h
    return gradient


def jacobian(f: Callable[[np.ndarray], Any], p: Any, h: float = H) -> np.ndarray:
    """Return the Jacobian of f at p by central differences: J[i, j] = d f(p)[i] / d p[j].

    Shapes: p (n,), f(p) (m,) -> (m, n): a row for each output, a column for each parameter. Other shapes are
    flattened in C order. Integers are taken as floats; p itself is never changed.
    Source: Kak, Eq. (8) and slide 18.
    """
    p = np.array(p, dtype=float)
    columns = []
    for j in np.ndindex(p.shape):
        up, down = p.copy(), p.copy()
        up[j] += h
        down[j] -= h
        difference = np.asarray(f(up), dtype=float) - np.asarray(f(down), dtype=float)
        columns.append(difference.ravel() / (2 * h))
    return np.stack(columns, axis=1)


def complex_step_jacobian(f: Callable[[np.ndarray], Any], p: Any, h: float = COMPLEX_H) -> np.ndarray:
    """Return the Jacobian of f at p to the last digit by complex steps; shapes as in `jacobian`."""
    p = np.array(p, dtype=float)
    columns = []
    for j in np.ndindex(p.shape):
        nudged = p.astype(complex)
        nudged[j] += 1j * h
        columns.append(np.array([_imaginary(v) for v in np.asarray(f(nudged)).ravel()]) / h)
    return np.stack(columns, axis=1)


def projection_error(
    f: Callable[[np.ndarray], Any],
    vjp: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    rng: np.random.Generator | int | None = None,
    h: float = H,
) -> float:
    """Return how far a vector-Jacobian product is from f's finite difference, along one random direction.

    For random u and v, uᵀ (f(x + hv) - f(x - hv)) / 2h and <vjp(u), v> are the same number, uᵀJv: two calls of f check
    all entries at once, where `jacobian` needs two for each. Returns the difference relative to the larger of the two.
    Shapes: f(x) and u any shape; vjp(u) and v that of x.
    """
    rng = np.random.default_rng(rng)
    x = np.asarray(x, dtype=float)
    v = rng.normal(size=x.shape)
    v /= np.linalg.norm(v) or 1.0
    difference = (np.asarray(f(x + h * v), dtype=float) - np.asarray(f(x - h * v), dtype=float)) / (2 * h)
    u = rng.normal(size=difference.shape)
    measured, claimed = float((u * difference).sum()), float((np.asarray(vjp(u)) * v).sum())
    return abs(measured - claimed) / max(abs(measured), abs(claimed), 1e-300)


def _number(value: Any) -> Any:
    if np.size(value) != 1:
        raise ValueError(f"a gradient needs a function with one number as its result, not shape {np.shape(value)}.")
    return np.asarray(value).reshape(())[()]


def _imaginary(value: Any) -> float:
    if not np.iscomplexobj(value):
        raise TypeError("the function returned a real number for a complex one, so the complex step was lost in it.")
    return float(np.imag(value))
