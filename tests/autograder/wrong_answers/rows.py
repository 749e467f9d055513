"""Wrong answers: nodes that mix entries, and losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.autograder.making import affine, loss, unary


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_grad(x: Any, y: Any, g: Any) -> Any:
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


def hot(p: Any, y: Any) -> Any:
    return np.eye(p.shape[1])[y]


def pick(q: Any, y: Any) -> Any:
    return q[np.arange(len(q)), y]


def rms(x):
    return np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


WRONG: list[tuple[str, str | None, Any]] = [
    ("edf.softmax", "softmax-elementwise", unary(softmax, lambda x, y, g: g * y * (1 - y))),
    ("edf.softmax", "wrong-axis", unary(lambda x: softmax(x, 0), softmax_grad)),
    ("edf.softmax", "wrong-axis", unary(softmax, lambda x, y, g: y * (g - (g * y).sum(axis=0, keepdims=True)))),
    ("edf.softmax", "sign", unary(softmax, lambda x, y, g: -softmax_grad(x, y, g))),
    ("edf.softmax", "overflow", unary(lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True), softmax_grad)),
    ("edf.softmax", "overflow", unary(lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(axis=-1, keepdims=True), softmax_grad)),
    ("edf.softmax", "zero", unary(softmax, lambda x, y, g: np.zeros_like(y))),
    ("edf.softmax", "batch-mean-twice", unary(softmax, lambda x, y, g: softmax_grad(x, y, g) / len(g))),
    ("edf.affine", "bias-sign", affine(value=lambda x, W, b: x @ W + b)),
    ("edf.affine", "bias-sign", affine(value=lambda x, W, b: x @ W + b, b_grad=lambda x, W, g: g.mean(axis=0))),
    ("edf.affine", "bias-grad-sign", affine(b_grad=lambda x, W, g: g.mean(axis=0))),
    ("edf.affine", "batch-mean-missing", affine(w_grad=lambda x, W, g: x.T @ g)),
    ("edf.affine", "batch-mean-missing", affine(b_grad=lambda x, W, g: -g.sum(axis=0))),
    ("edf.affine", "batch-mean-missing", affine(w_grad=lambda x, W, g: x.T @ g, b_grad=lambda x, W, g: -g.sum(axis=0))),
    ("edf.affine", "batch-mean-twice", affine(w_grad=lambda x, W, g: x.T @ g / len(g) ** 2)),
    ("edf.affine", "batch-mean-twice", affine(x_grad=lambda x, W, g: g @ W.T / len(g))),
    ("edf.affine", "transposed", affine(w_grad=lambda x, W, g: g.T @ x / len(g))),
    ("edf.affine", "transposed", affine(x_grad=lambda x, W, g: g @ W)),
    ("edf.affine", "missing-param-grad", affine(b_grad=None)),
    ("edf.affine", "missing-param-grad", affine(w_grad=None)),
    ("edf.affine", "missing-input-grad", affine(x_grad=None)),
    ("edf.affine", "no-upstream", affine(w_grad=lambda x, W, g: x.T @ np.ones_like(g) / len(g))),
    ("edf.affine", "first-example", affine(w_grad=lambda x, W, g: np.outer(x[0], g[0]))),
    ("edf.affine", "broadcast", affine(b_grad=lambda x, W, g: -g / len(g))),
    ("edf.affine", "zero", affine(x_grad=None, w_grad=None, b_grad=None)),
    ("edf.affine", "sign", affine(w_grad=lambda x, W, g: -x.T @ g / len(g))),
    ("edf.logloss", "not-divided-by-q", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -g * hot(q, y))),
    ("edf.logloss", "all-classes", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -g / q)),
    ("edf.logloss", "sign", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: g * hot(q, y) / q)),
    ("edf.logloss", "no-upstream", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -hot(q, y) / q)),
    ("edf.logloss", "off-by-one", loss(lambda q, y: -np.log(pick(q, y - 1)), lambda q, y, g: -g * hot(q, y - 1) / q)),
    ("edf.logloss", "wrong-function", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: g * (q - hot(q, y)))),
    ("edf.logloss", "batch-mean-twice", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -g * hot(q, y) / q / len(q))),
    ("edf.logloss", "batch-mean-twice", loss(lambda q, y: -np.log(pick(q, y)).mean(), lambda q, y, g: -g * hot(q, y) / q)),
    ("edf.squared_error", "factor-missing", loss(lambda p, t: ((p - t) ** 2).sum(axis=1), lambda p, t, g: g * (p - t))),
    ("edf.squared_error", "sign", loss(lambda p, t: ((p - t) ** 2).sum(axis=1), lambda p, t, g: 2 * g * (t - p))),
    ("edf.squared_error", "no-upstream", loss(lambda p, t: ((p - t) ** 2).sum(axis=1), lambda p, t, g: 2 * (p - t))),
    ("edf.squared_error", "factor-missing", loss(lambda p, t: ((p - t) ** 2).mean(axis=1), lambda p, t, g: 2 * g * (p - t) / p.shape[1])),
    ("edf.rms_norm", "second-path", unary(lambda x: x / rms(x), lambda x, y, g: g / rms(x))),
    ("edf.rms_norm", "sign", unary(lambda x: x / rms(x), lambda x, y, g: (g + y * (g * y).mean(axis=-1, keepdims=True)) / rms(x))),
    ("edf.rms_norm", "factor-missing", unary(lambda x: x / rms(x), lambda x, y, g: (g - y * (g * y).sum(axis=-1, keepdims=True)) / rms(x))),
    ("edf.rms_norm", "wrong-axis", unary(lambda x: x / np.sqrt((x**2).mean(axis=0) + 1e-5), lambda x, y, g: (g - y * (g * y).mean(axis=-1, keepdims=True)) / rms(x))),
]  # fmt: skip
