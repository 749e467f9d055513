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


def unit_steps(x: Any) -> list[Any]:
    return [e.reshape(np.shape(x)) for e in np.eye(np.size(x))]


def gradient_complex(f, x):
    x = np.asarray(x, float)
    return np.array([f(x + 1e-20j * e).imag / 1e-20 for e in unit_steps(x)]).reshape(x.shape)


def gradient_richardson(f, x):
    x = np.asarray(x).astype(np.float64)

    def central(h):
        return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in unit_steps(x)]).reshape(x.shape)

    return (4 * central(5e-4) - central(1e-3)) / 3


def gradient_flat_restoring(f, x):
    h = np.sqrt(np.finfo(float).eps)
    out, flat = np.empty(x.shape), x.astype(float).ravel()
    for i in range(flat.size):
        old = flat[i]
        flat[i] = old + h
        up = f(flat.reshape(x.shape))
        flat[i] = old
        out.flat[i] = (up - f(flat.reshape(x.shape))) / h
    return out


def gradient_as_lists(f, x):
    quotients = np.array([(f(x + 1e-4 * e) - f(x - 1e-4 * e)) / 2e-4 for e in unit_steps(x)])
    return quotients.reshape(np.shape(x)).tolist()


def gradient_relative_step(f, x, h=1e-6):
    out = np.zeros_like(x, dtype=float)
    it = np.nditer(out, flags=["multi_index"], op_flags=["readwrite"])
    for entry in it:
        e, step = np.zeros(x.shape), h * max(1, abs(x[it.multi_index]))
        e[it.multi_index] = step
        entry[...] = (f(x + e) - f(x - e)) / (2 * step)
    return out


def gradient_one_sided_at_its_limit(f, x):
    return np.array([(f(x + 1e-5 * e) - f(x)) / 1e-5 for e in unit_steps(x)]).reshape(x.shape)


def jacobian_stacked(f, p):
    p = np.asarray(p, float)
    return np.column_stack([(f(p + d) - f(p - d)) / 2e-6 for d in 1e-6 * np.eye(p.size)])


def jacobian_restoring(f, p):
    p = p * 1.0
    base = f(p)
    J = np.empty((base.size, p.size))
    for j in range(p.size):
        p[j] += 1e-7
        J[:, j] = (f(p) - base) / 1e-7
        p[j] -= 1e-7
    return J


def jacobian_of_gradients(f, p):
    return np.vstack([gradient_relative_step(lambda q, i=i: f(q)[i], p) for i in range(len(f(p)))])


RIGHT: list[tuple[str, Any]] = [
    ("calculus.numerical_gradient", gradient_central),
    ("calculus.numerical_gradient", gradient_flat),
    ("calculus.numerical_gradient", gradient_restoring),
    ("calculus.numerical_gradient", gradient_small_one_sided),
    ("calculus.jacobian", jacobian_columns),
    ("calculus.jacobian", jacobian_complex),
    ("calculus.numerical_gradient", gradient_complex),
    ("calculus.numerical_gradient", gradient_richardson),
    ("calculus.numerical_gradient", gradient_flat_restoring),
    ("calculus.numerical_gradient", gradient_as_lists),
    ("calculus.numerical_gradient", gradient_relative_step),
    ("calculus.numerical_gradient", gradient_one_sided_at_its_limit),
    ("calculus.jacobian", jacobian_stacked),
    ("calculus.jacobian", jacobian_restoring),
    ("calculus.jacobian", jacobian_of_gradients),
]
