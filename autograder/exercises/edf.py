"""The private half of the exercises on nodes that mix entries, and on losses: each truth is the forward formula."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import softmax

from autograder.exercise import Misconception, node_exercise
from edf_course.exercises.marking import Context


def _rows_far_apart(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays["x"] = arrays["x"] + np.linspace(-2000, 2000, len(arrays["x"]))[:, None]
    arrays["x"][0, 0] += 900.0
    return arrays


def _small_and_large(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays["x"] = arrays["x"] * 10.0 ** np.linspace(-3, 3, len(arrays["x"]))[:, None]
    return arrays


def _columns(g: np.ndarray) -> np.ndarray:
    return g[:, None]


def _hot(c: Context, shift: int = 0) -> np.ndarray:
    labels = c.operands["y"]
    n = c.q.shape[1]
    return np.eye(n)[(labels + shift) % n]


def _rms(c: Context) -> np.ndarray:
    return np.sqrt((c.x**2).mean(axis=-1, keepdims=True) + 1e-5)


SOFTMAX = node_exercise(
    "edf.softmax",
    lambda x: torch.softmax(x, dim=-1),
    {"value": 2, "gradient": 4, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception(
            "softmax-elementwise",
            "y(1 - y) is only the diagonal of the Jacobian: each output depends on every input of its row.",
            lambda c: c.g * c.y * (1 - c.y),
        ),
        Misconception(
            "wrong-axis",
            "Columns are summed to 1; rows should be: sum over the last axis.",
            value=lambda c: softmax(c.x, axis=0),
        ),
        Misconception(
            "wrong-axis", "The sum runs over the whole batch; each row stands for itself.", value=lambda c: softmax(c.x)
        ),
        Misconception(
            "wrong-axis",
            "The sum of g y runs along the batch; it belongs to each row.",
            lambda c: c.y * (c.g - (c.g * c.y).sum(axis=0, keepdims=True)),
        ),
        Misconception(
            "wrong-axis",
            "The sum of g y runs over the whole batch; it belongs to each row.",
            lambda c: c.y * (c.g - (c.g * c.y).sum()),
        ),
        Misconception(
            "operand-missing",
            "What is subtracted is the sum of g y, each gradient weighted by its probability; yours is the plain sum "
            "of g.",
            lambda c: c.y * (c.g - c.g.sum(axis=-1, keepdims=True)),
        ),
        Misconception(
            "operand-missing", "The outer factor y is missing.", lambda c: c.g - (c.g * c.y).sum(axis=-1, keepdims=True)
        ),
        Misconception(
            "off-diagonal",
            "Only the diagonal's y is there; the rest of the Jacobian, - y yᵀ, is missing.",
            lambda c: c.g * c.y,
        ),
        Misconception(
            "sign",
            "The two terms of the Jacobian diag(y) - y yᵀ are added where they should be subtracted.",
            lambda c: c.y * (c.g + (c.g * c.y).sum(axis=-1, keepdims=True)),
        ),
    ],
    extreme=_rows_far_apart,
)

AFFINE = node_exercise(
    "edf.affine",
    lambda w, b, x: x @ w - b,
    {"value": 2, "gradient": 4, "accumulates": 1, "repeatable": 1, "any shape": 2},
    [
        Misconception("bias-sign", "The bias is added; here y = xW - b.", value=lambda c: c.y + 2 * c.b),
        Misconception("operand-missing", "The bias is missing: y = xW - b.", value=lambda c: c.y + c.b),
        Misconception(
            "bias-grad-sign",
            "b is subtracted in y = xW - b, so its gradient has a minus.",
            lambda c: {"Phi.b": -c.vjp(c.g)["Phi.b"]},
        ),
        Misconception(
            "bias-grad-sign",
            "b is subtracted in y = xW - b, so its gradient has a minus (and the mean over the batch is missing).",
            lambda c: {"Phi.b": -c.vjp(c.g)["Phi.b"] * c.B},
        ),
        Misconception(
            "transposed",
            "W stands there where its transpose should: x.grad = y.grad Wᵀ.",
            lambda c: {"x": c.g @ c.w if c.w.shape[0] == c.w.shape[1] else None},
        ),
        Misconception(
            "no-upstream",
            "The upstream gradient is missing in W.grad.",
            lambda c: {"Phi.w": (c.x.T @ np.ones_like(c.g)) / c.B},
        ),
    ],
)

LOGLOSS = node_exercise(
    "edf.logloss",
    lambda q, y: -torch.log(q[torch.arange(len(y)), y]),
    {"value": 2, "gradient": 3, "accumulates": 1, "repeatable": 1, "any shape": 1},
    [
        Misconception(
            "not-divided-by-q",
            "The slope of -log q is -1/q; the division by q is missing.",
            lambda c: -_columns(c.g) * _hot(c),
        ),
        Misconception(
            "all-classes",
            "Only the probability of the right class is in the loss; all the others have gradient 0.",
            lambda c: -_columns(c.g) / c.q,
        ),
        Misconception(
            "off-by-one",
            "The label is off by one: classes are counted from 0.",
            lambda c: -_columns(c.g) * _hot(c, -1) / c.q,
            lambda c: -np.log((c.q * _hot(c, -1)).sum(axis=1)),
        ),
        Misconception(
            "off-by-one",
            "The label is off by one: classes are counted from 0.",
            lambda c: -_columns(c.g) * _hot(c, 1) / c.q,
            lambda c: -np.log((c.q * _hot(c, 1)).sum(axis=1)),
        ),
        Misconception(
            "wrong-function",
            "q - onehot(y) is the gradient to the scores, behind a softmax; here the gradient to q is asked for.",
            lambda c: _columns(c.g) * (c.q - _hot(c)),
        ),
        Misconception("sign", "The minus is missing: the loss is -log q.", value=lambda c: -c.y),
        Misconception(
            "all-classes",
            "Only the right class counts, not the sum over all.",
            value=lambda c: -np.log(c.q).sum(axis=1),
        ),
        Misconception(
            "batch-mean-twice",
            "Each example keeps its own loss: parameters do the averaging.",
            value=lambda c: np.full_like(c.y, c.y.mean()),
        ),
    ],
)

SQUARED_ERROR = node_exercise(
    "edf.squared_error",
    lambda p, t: ((p - t) ** 2).sum(dim=-1),
    {"value": 1, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1},
    [
        Misconception(
            "factor-missing", "The 2 from the square is missing: d(e²) = 2e de.", lambda c: _columns(c.g) * (c.p - c.t)
        ),
        Misconception(
            "factor-missing",
            "The sum over the features is asked for, not their mean.",
            lambda c: c.vjp(c.g)["p"] / c.p.shape[1],
            lambda c: c.y / c.p.shape[1],
        ),
        Misconception(
            "factor-missing",
            "Half the square was asked nowhere: the loss is the sum of squares.",
            value=lambda c: c.y / 2,
        ),
        Misconception("power-rule", "The square root is not asked for.", value=lambda c: np.sqrt(c.y)),
        Misconception("power-rule", "The slope of e² is 2e, not e².", lambda c: _columns(c.g) * (c.p - c.t) ** 2),
        Misconception(
            "wrong-function",
            "The prediction alone is differentiated: the error p - t is what is squared.",
            lambda c: 2 * _columns(c.g) * c.p,
        ),
        Misconception(
            "sign",
            "t - p where p - t belongs: the slope with respect to p is 2(p - t).",
            lambda c: 2 * _columns(c.g) * (c.t - c.p),
        ),
    ],
)

RMS_NORM = node_exercise(
    "edf.rms_norm",
    lambda x: x / torch.sqrt((x**2).mean(dim=-1, keepdim=True) + 1e-5),
    {"value": 2, "gradient": 4, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception(
            "second-path",
            "The root is treated as a constant; but x is in it too, so the gradient has a second path.",
            lambda c: c.g / _rms(c),
        ),
        Misconception(
            "factor-missing",
            "The second path lacks the 1/n of the mean.",
            lambda c: c.g / _rms(c) - c.x * (c.g * c.x).sum(axis=-1, keepdims=True) / _rms(c) ** 3,
        ),
        Misconception(
            "sign",
            "The second path is added; it should be subtracted.",
            lambda c: c.g / _rms(c) + c.x * (c.g * c.x).mean(axis=-1, keepdims=True) / _rms(c) ** 3,
        ),
        Misconception(
            "softmax-elementwise",
            "Each output depends on every input of its row; yours treats each entry by itself.",
            lambda c: c.g * (1 / _rms(c) - c.x**2 / c.x.shape[1] / _rms(c) ** 3),
        ),
        Misconception(
            "wrong-axis",
            "The mean runs along the batch; it belongs to each row.",
            value=lambda c: c.x / np.sqrt((c.x**2).mean(axis=0, keepdims=True) + 1e-5),
        ),
        Misconception(
            "wrong-axis",
            "The mean runs over the whole batch; it belongs to each row.",
            value=lambda c: c.x / np.sqrt((c.x**2).mean() + 1e-5),
        ),
        Misconception(
            "factor-missing",
            "The sum of squares is divided by nothing: the mean is asked for.",
            value=lambda c: c.x / np.sqrt((c.x**2).sum(axis=-1, keepdims=True) + 1e-5),
        ),
        Misconception(
            "no-root",
            "The square root is missing.",
            value=lambda c: c.x / ((c.x**2).mean(axis=-1, keepdims=True) + 1e-5),
        ),
    ],
    extreme=_small_and_large,
)

EXERCISES = (SOFTMAX, AFFINE, LOGLOSS, SQUARED_ERROR, RMS_NORM)
