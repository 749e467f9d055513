"""Right answers: derivatives by nudging."""

from __future__ import annotations

from typing import Any

import numpy as np


def gradient_central(f, x, h=1e-5):
    x = np.asarray(x, dtype=float)
    g = np.zeros_like(x)
    it = np.nditer(x, flags=["multi_index"])
    for _ in it:
        i = it.multi_index
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        g[i] = (f(up) - f(down)) / (2 * h)
    return g


def gradient_flat(f, x):
    flat = np.ravel(x).astype(float)
    out = []
    for e in np.eye(flat.size) * 1e-6:
        out.append((f((flat + e).reshape(np.shape(x))) - f((flat - e).reshape(np.shape(x)))) / 2e-6)
    return np.array(out).reshape(np.shape(x))


def gradient_restoring(f, x):
    work = x if x.dtype.kind == "f" else x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        old = work[i]
        work[i] = old + 1e-5
        up = f(work)
        work[i] = old - 1e-5
        g[i] = (up - f(work)) / 2e-5
        work[i] = old
    return g


def gradient_small_one_sided(f, x):
    x = x.astype(float)
    return np.array([(f(x + 1e-7 * e.reshape(x.shape)) - f(x)) / 1e-7 for e in np.eye(x.size)]).reshape(x.shape)


def jacobian_columns(f, p):
    p = np.array(p, float)
    J = np.zeros((len(f(p)), len(p)))
    for j in range(len(p)):
        e = np.zeros(len(p))
        e[j] = 1e-5
        J[:, j] = (f(p + e) - f(p - e)) / 2e-5
    return J


def jacobian_complex(f, p):
    return np.stack([f(p + 1e-20j * e).imag / 1e-20 for e in np.eye(len(p))]).T


RIGHT: list[tuple[str, Any]] = [
    ("calculus.numerical_gradient", gradient_central),
    ("calculus.numerical_gradient", gradient_flat),
    ("calculus.numerical_gradient", gradient_restoring),
    ("calculus.numerical_gradient", gradient_small_one_sided),
    ("calculus.jacobian", jacobian_columns),
    ("calculus.jacobian", jacobian_complex),
]  # fmt: skip
