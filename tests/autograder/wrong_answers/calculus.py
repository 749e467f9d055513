"""Wrong answers: derivatives by nudging."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course.calculus import jacobian, numerical_gradient


def gradient_all(f, x):
    h = 1e-5
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


def gradient_h(h, scale=2.0, one_sided=False):
    def numerical_gradient(f, x):
        x = np.array(x, dtype=float)
        out = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            e = np.zeros_like(x)
            e[i] = h
            out[i] = (f(x + e) - (f(x) if one_sided else f(x - e))) / ((1 if one_sided else scale) * h)
        return out

    return numerical_gradient


def gradient_in_place(f, x):
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += 1e-5
        up = f(x)
        x[i] -= 2e-5
        out[i] = (up - f(x)) / 2e-5
    return out


def gradient_int(f, x):
    h = 1e-5
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        out[i] = (f(up) - f(down)) / (2 * h)
    return out


def gradient_flat(f, x):
    x = np.array(x, dtype=float)
    out = np.zeros(len(x))
    for i in range(len(x)):
        e = np.zeros(len(x))
        e[i] = 1e-5
        out[i] = (f(x + e) - f(x - e)) / 2e-5
    return out


def jacobian_rows(f, p):
    p = np.array(p, dtype=float)
    rows = []
    for j in range(len(p)):
        e = np.zeros(len(p))
        e[j] = 1e-5
        rows.append((f(p + e) - f(p - e)) / 2e-5)
    return np.array(rows)


def jacobian_one_sided(f, p):
    p = np.array(p, dtype=float)
    return np.stack([(f(p + 0.01 * e) - f(p)) / 0.01 for e in np.eye(len(p))], axis=1)


def jacobian_int(f, p):
    columns = []
    for j in range(len(p)):
        q = p.copy()
        q[j] += 1e-6
        columns.append((f(q) - f(p)) / 1e-6)
    return np.stack(columns, axis=1)


WRONG: list[tuple[str, str | None, Any]] = [
    ("calculus.numerical_gradient", "delegates", numerical_gradient),
    ("calculus.jacobian", "delegates", lambda f, p: jacobian(f, p)),
    ("calculus.numerical_gradient", "perturbs-all", gradient_all),
    ("calculus.numerical_gradient", "coarse-step", gradient_h(0.1)),
    ("calculus.numerical_gradient", "coarse-step", gradient_h(0.01, one_sided=True)),
    ("calculus.numerical_gradient", "factor-extra", gradient_h(1e-5, scale=1.0)),
    ("calculus.numerical_gradient", "sign", gradient_h(1e-5, scale=-2.0)),
    ("calculus.numerical_gradient", "forgets-restore", gradient_in_place),
    ("calculus.numerical_gradient", "int-truncation", gradient_int),
    ("calculus.numerical_gradient", "hard-coded-shape", gradient_flat),
    ("calculus.jacobian", "transposed", jacobian_rows),
    ("calculus.jacobian", "coarse-step", jacobian_one_sided),
    ("calculus.jacobian", "int-truncation", jacobian_int),
]  # fmt: skip
