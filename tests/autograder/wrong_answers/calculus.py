"""Wrong answers: derivatives by nudging."""

from __future__ import annotations

from collections.abc import Callable
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


def jacobian_keeps_small_nudges(f, p):
    q, rows = p.astype(float), []
    for j in range(len(q)):
        before = f(q)
        q[j] += 1e-6
        rows.append((f(q) - before) / 1e-6)
    return np.array(rows).T


def gradient_keeps_small_nudges(h, one_sided=False):
    def numerical_gradient(f, x):
        x, out = np.array(x, dtype=float), np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            before = x[i]
            down = f(x)
            x[i] = before + h
            up = f(x)
            if not one_sided:
                x[i] = before - h
                down = f(x)
            out[i] = (up - down) / (h if one_sided else 2 * h)
        return out

    return numerical_gradient


def quotients(quotient: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A numerical_gradient whose entries are quotient(f, x, e), with e of ones and zeros."""

    def numerical_gradient(f, x):
        x = np.array(x, dtype=float)
        out = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            e = np.zeros_like(x)
            e[i] = 1
            out[i] = quotient(f, x, e)
        return out

    return numerical_gradient


def columns(quotient: Callable[[Any, Any, Any], Any], of: Callable[[Any], Any] = lambda J: J) -> Any:
    """A jacobian whose columns are quotient(f, p, e), and of which `of` is returned."""

    def jacobian(f, p):
        p = np.array(p, dtype=float)
        return of(np.stack([quotient(f, p, e) for e in np.eye(len(p))], axis=1))

    return jacobian


def central(f, x, e, h=1e-6):
    return (f(x + h * e) - f(x - h * e)) / (2 * h)


def gradient_by_scipy(f, x):
    from scipy.optimize import approx_fprime

    return approx_fprime(np.ravel(x).astype(float), lambda v: f(v.reshape(np.shape(x))), 1e-8).reshape(np.shape(x))


def gradient_of_vectors(f, x):
    return [(f(x + 1e-6 * e) - f(x - 1e-6 * e)) / 2e-6 for e in np.eye(x.size)]


def gradient_into_integers(f, x):
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = 1e-6
        out[i] = (f(x + e) - f(x - e)) / 2e-6
    return out


def gradient_nudges_pile_up(f, x):
    x = np.array(x, dtype=float)
    base, out = f(x), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += 1e-6
        out[i] = (f(x) - base) / 1e-6
    return out


def jacobian_in_place(f, p):
    found = []
    for j in range(len(p)):
        p[j] += 1e-6
        up = f(p)
        p[j] -= 2e-6
        found.append((up - f(p)) / 2e-6)
    return np.stack(found, axis=1)


SQUEEZED = columns(central, np.squeeze)


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
    ("calculus.numerical_gradient", "coarse-step", quotients(lambda f, x, e: (f(x + 1e-4 * e) - f(x)) / 1e-4)),
    ("calculus.numerical_gradient", "coarse-step", quotients(lambda f, x, e: f(x + e) - f(x))),
    ("calculus.numerical_gradient", None, quotients(lambda f, x, e: central(f, x, e, 1e-12))),
    ("calculus.numerical_gradient", "factor-missing", quotients(lambda f, x, e: f(x + 1e-5 * e) - f(x - 1e-5 * e))),
    ("calculus.numerical_gradient", "factor-missing", quotients(lambda f, x, e: (f(x + 1e-6 * e) - f(x)) / 2e-6)),
    ("calculus.numerical_gradient", "sign", quotients(lambda f, x, e: (f(x - 1e-6 * e) - f(x)) / 1e-6)),
    ("calculus.numerical_gradient", None, quotients(lambda f, x, e: f(x + 1e-5 * e) - f(x - 1e-5 * e) / 2e-5)),
    ("calculus.numerical_gradient", "perturbs-all", quotients(lambda f, x, e: (f(x + 1e-5) - f(x - 1e-5)) / 2e-5)),
    ("calculus.numerical_gradient", "delegates", gradient_by_scipy),
    ("calculus.numerical_gradient", "hard-coded-shape", gradient_of_vectors),
    ("calculus.numerical_gradient", "int-truncation", gradient_into_integers),
    ("calculus.numerical_gradient", "forgets-restore", gradient_nudges_pile_up),
    ("calculus.numerical_gradient", "forgets-restore", gradient_keeps_small_nudges(1e-5)),
    ("calculus.numerical_gradient", "forgets-restore", gradient_keeps_small_nudges(1e-6, one_sided=True)),
    ("calculus.numerical_gradient", "forgets-restore", gradient_keeps_small_nudges(1e-7, one_sided=True)),
    ("calculus.numerical_gradient", "coarse-step", gradient_h(0.3)),
    ("calculus.numerical_gradient", None, lambda f, x: gradient_h(1e-5)(f, x).ravel()),
    ("calculus.jacobian", "forgets-restore", jacobian_keeps_small_nudges),
    ("calculus.jacobian", "coarse-step", columns(lambda f, p, e: central(f, p, e, 0.3))),
    ("calculus.jacobian", None, columns(central, lambda J: J.sum(axis=0))),
    ("calculus.jacobian", "factor-extra", columns(central, lambda J: 2 * J)),
    ("calculus.jacobian", "sign", columns(central, lambda J: -J)),
    ("calculus.jacobian", "transposed", columns(central, lambda J: J.T)),
    ("calculus.jacobian", "perturbs-all", columns(lambda f, p, e: (f(p + 1e-6) - f(p - 1e-6)) / 2e-6)),
    ("calculus.jacobian", "forgets-restore", jacobian_in_place),
    ("calculus.jacobian", None, SQUEEZED),
]  # fmt: skip
UNSEEN_BY_CHECK = [SQUEEZED]
