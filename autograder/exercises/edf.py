"""The private half of the exercises on Affine and on losses: each truth is the forward formula."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from autograder.exercise import Misconception, node_exercise
from edf_course.exercises.marking import Context


def _unlikely(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Give the right class of each example a small probability, which code that clips would not take as it is."""
    q, y = arrays["q"].copy(), arrays["y"]
    examples = np.arange(len(q))
    q[examples, y] = rng.uniform(0.004, 0.008, len(q))
    q[examples, (y + 1) % q.shape[1]] += 1 - q.sum(axis=1)
    return {**arrays, "q": q}


def _columns(g: np.ndarray) -> np.ndarray:
    return g[:, None]


def _hot(c: Context, shift: int = 0) -> np.ndarray:
    labels = c.operands["y"]
    n = c.q.shape[1]
    return np.eye(n)[(labels + shift) % n]


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
            "transposed",
            "W is transposed: y = xW - b, with x (B, n) and W (n, m).",
            value=lambda c: c.x @ c.w.T - c.b if c.w.shape[0] == c.w.shape[1] else None,
        ),
        Misconception(
            "wrong-axis",
            "You divide by n, the number of columns of x; the mean over the batch divides by B, the number of rows.",
            lambda c: {"Phi.w": c.x.T @ c.g / c.x.shape[1]},
        ),
        Misconception(
            "wrong-axis",
            "You divide by m, the number of columns of y; the mean over the batch divides by B, the number of rows.",
            lambda c: {"Phi.w": c.x.T @ c.g / c.g.shape[1], "Phi.b": -c.g.sum(axis=0) / c.g.shape[1]},
        ),
        Misconception(
            "factor-missing",
            "You divide by the number of entries; the mean over the batch divides by B, the number of rows.",
            lambda c: {"Phi.w": c.x.T @ c.g / c.g.size, "Phi.b": -c.g.sum(axis=0) / c.g.size},
        ),
        Misconception(
            "factor-missing",
            "You divide by the number of entries; the mean over the batch divides by B, the number of rows.",
            lambda c: {"Phi.w": c.x.T @ c.g / c.x.size},
        ),
        Misconception(
            "wrong-axis",
            "The mean runs over all entries: average over the batch alone.",
            lambda c: {"Phi.b": np.full_like(c.b, -c.g.mean())},
        ),
        Misconception(
            "wrong-function",
            "The mean of a product is not the product of the means: multiply first, then average.",
            lambda c: {"Phi.w": np.outer(c.x.mean(axis=0), c.g.mean(axis=0))},
        ),
    ],
)

ONE_LOSS = (
    Misconception(
        "batch-mean-twice",
        "Each example's loss is divided by B: parameters do the averaging.",
        value=lambda c: c.y / c.B,
    ),
    Misconception(
        "batch-mean-twice",
        "Each example keeps its own loss: parameters do the averaging.",
        value=lambda c: np.full_like(c.y, c.y.mean()),
    ),
    Misconception(
        "batch-mean-twice",
        "Each example keeps its own loss, shape (B,): parameters do the averaging.",
        value=lambda c: c.y.mean(),
    ),
    Misconception(
        "batch-mean-twice",
        "Each example keeps its own loss, shape (B,): parameters do the averaging.",
        value=lambda c: c.y.mean() / c.operands["p"].shape[1] if "p" in c.operands else None,
    ),
    Misconception(
        "batch-sum",
        "Each example keeps its own loss, shape (B,): nothing is summed over the batch.",
        value=lambda c: c.y.sum(),
    ),
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
            "all-classes",
            "Only the entry of the right class is not 0: the others are not in the loss.",
            lambda c: -_columns(c.g / (c.q * _hot(c)).sum(axis=1)) * np.ones_like(c.q),
        ),
        Misconception(
            "wrong-point",
            "The slope -1/q is taken at the loss: divide by the probability q, not by self.value.",
            lambda c: -_columns(c.g / c.y) * _hot(c),
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
        *(
            Misconception(
                "off-by-one",
                "It stands one column off: classes are counted from 0.",
                partial(lambda shift, c: -_columns(c.g / (c.q * _hot(c)).sum(axis=1)) * _hot(c, shift), shift),
            )
            for shift in (-1, 1)
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
            "wrong-function",
            "The loss takes the probability of the true label y, not of the class that the net likes best.",
            lambda c: -_columns(c.g) * (c.q == c.q.max(axis=1, keepdims=True)) / c.q,
            lambda c: -np.log(c.q.max(axis=1)),
        ),
        Misconception(
            "power-rule", "The slope of log q is 1/q, not 1/q².", lambda c: -_columns(c.g) * _hot(c) / c.q**2
        ),
        *ONE_LOSS,
    ],
    extreme=_unlikely,
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
        Misconception(
            "int-truncation",
            "The errors are cut down to integers: compute with floats.",
            value=lambda c: (np.trunc(c.p - c.t) ** 2).sum(axis=1),
        ),
        Misconception("wrong-function", "The square root is not asked for.", value=lambda c: np.sqrt(c.y)),
        Misconception("wrong-function", "The square is missing.", value=lambda c: np.abs(c.p - c.t).sum(axis=1)),
        Misconception(
            "wrong-function",
            "That is the slope of the absolute value; the square's is 2(p - t).",
            lambda c: _columns(c.g) * np.sign(c.p - c.t),
        ),
        Misconception(
            "wrong-axis",
            "The sum runs over the batch; each example keeps its own loss, summed over its features.",
            value=lambda c: ((c.p - c.t) ** 2).sum(axis=0),
        ),
        Misconception(
            "wrong-axis",
            "The mean runs over the batch; each example keeps its own loss, summed over its features.",
            value=lambda c: ((c.p - c.t) ** 2).mean(axis=0),
        ),
        *ONE_LOSS,
        *(
            Misconception(
                "power-rule",
                "The slope of e² is 2e: the power goes down by one.",
                partial(lambda k, c: k * _columns(c.g) * (c.p - c.t) ** 2, k),
            )
            for k in (1, 2)
        ),
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


EXERCISES = (AFFINE, LOGLOSS, SQUARED_ERROR)
