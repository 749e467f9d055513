"""The private half of the exercises on nodes that work row by row: each truth is the forward formula."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from scipy.special import logsumexp, softmax

from autograder.exercise import Misconception, node_exercise
from edf_course.exercises.marking import Context


def _rows_far_apart(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays["x"] = arrays["x"] + np.linspace(-2000, 2000, len(arrays["x"]))[:, None]
    arrays["x"][0, 0] += 900.0
    return arrays


def _small_and_large(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays["x"] = arrays["x"] * 10.0 ** np.linspace(-3, 3, len(arrays["x"]))[:, None]
    return arrays


def _rms(c: Context) -> np.ndarray:
    return np.sqrt((c.x**2).mean(axis=-1, keepdims=True) + 1e-5)


def _exponentials(c: Context) -> np.ndarray:
    return np.exp(c.x - c.x.max(axis=-1, keepdims=True))


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
            "wrong-axis",
            "The sum below runs along the batch; it should run along the row: sum over the last axis.",
            value=lambda c: _exponentials(c) / _exponentials(c).sum(axis=0),
        ),
        Misconception(
            "wrong-axis", "The sum runs over the whole batch; each row stands for itself.", value=lambda c: softmax(c.x)
        ),
        Misconception(
            "wrong-axis",
            "The sum runs over the whole batch; each row stands for itself.",
            value=lambda c: _exponentials(c) / _exponentials(c).sum(),
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
            "softmax-elementwise",
            "Only the diagonal's y is there; the rest of the Jacobian, - y yᵀ, is missing.",
            lambda c: c.g * c.y,
        ),
        Misconception(
            "softmax-elementwise",
            "y(1 - y) is only the diagonal of the Jacobian, and the upstream gradient is missing.",
            lambda c: c.y * (1 - c.y),
        ),
        Misconception(
            "first-example",
            "The Jacobian of the first example is taken for all: each row has one of its own.",
            lambda c: c.g * c.y[:1] - (c.g * c.y[:1]).sum(axis=-1, keepdims=True) * c.y[:1],
        ),
        Misconception(
            "factor-missing",
            "What is subtracted is the sum of g y over the row, not its mean.",
            lambda c: c.y * (c.g - (c.g * c.y).mean(axis=-1, keepdims=True)),
        ),
        Misconception(
            "sign", "The exponent has the wrong sign: exp(x), not exp(-x).", value=lambda c: softmax(-c.x, axis=-1)
        ),
        Misconception(
            "wrong-function",
            "That is the logarithm of softmax.",
            value=lambda c: c.x - logsumexp(c.x, axis=-1, keepdims=True),
        ),
        Misconception(
            "wrong-function",
            "The exponential is missing: divide exp(x) by the sum of exp(x).",
            value=lambda c: c.x / c.x.sum(axis=-1, keepdims=True),
        ),
        Misconception(
            "sign",
            "The two terms of the Jacobian diag(y) - y yᵀ are added where they should be subtracted.",
            lambda c: c.y * (c.g + (c.g * c.y).sum(axis=-1, keepdims=True)),
        ),
    ],
    extreme=_rows_far_apart,
)


def _second_path(c: Context, power: int = 3, factor: float = 1.0) -> np.ndarray:
    return c.g / _rms(c) - factor * c.x * (c.g * c.x).mean(axis=-1, keepdims=True) / _rms(c) ** power


def _no_eps(c: Context, eps: float = 0.0) -> np.ndarray:
    return c.x / np.sqrt((c.x**2).mean(axis=-1, keepdims=True) + eps)


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
            "sign", "The second path is added; it should be subtracted.", lambda c: _second_path(c, factor=-1.0)
        ),
        Misconception(
            "factor-extra",
            "The 2 of the square and the 1/2 of the root cancel: the second path has no 2 in it.",
            lambda c: _second_path(c, factor=2.0),
        ),
        Misconception(
            "factor-missing",
            "The 2 of the square and the 1/2 of the root cancel: the second path has no 1/2 in it.",
            lambda c: _second_path(c, factor=0.5),
        ),
        *(
            Misconception(
                "power-rule",
                "In the second path the root stands to the third power: 1/r has the slope -1/r², and r brings a 1/r.",
                partial(_second_path, power=power),
            )
            for power in (0, 1, 2)
        ),
        Misconception(
            "wrong-axis",
            "The sum of g x runs along the batch; it belongs to each row.",
            lambda c: c.g / _rms(c) - c.x * (c.g * c.x).sum(axis=0) / c.x.shape[1] / _rms(c) ** 3,
        ),
        *(
            Misconception(
                "wrong-axis",
                "The sum of g y runs over more than the row; it belongs to each row.",
                partial(lambda axis, c: (c.g - c.y * (c.g * c.y).sum(axis=axis) / c.x.shape[1]) / _rms(c), axis),
            )
            for axis in (0, None)
        ),
        *(
            Misconception(
                "wrong-axis",
                "The mean of g y runs over more than the row; it belongs to each row.",
                partial(lambda axis, c: (c.g - c.y * (c.g * c.y).mean(axis=axis)) / _rms(c), axis),
            )
            for axis in (0, None)
        ),
        Misconception(
            "operand-missing",
            "The second path lacks x itself: the root acts on y through x / r.",
            lambda c: (c.g - (c.g * c.y).mean(axis=-1, keepdims=True)) / _rms(c),
        ),
        Misconception(
            "operand-missing",
            "The division by the root is missing.",
            lambda c: c.g - c.y * (c.g * c.y).mean(axis=-1, keepdims=True),
        ),
        Misconception(
            "softmax-elementwise",
            "Each output depends on every input of its row; yours treats each entry by itself.",
            lambda c: c.g * (1 / _rms(c) - c.x**2 / c.x.shape[1] / _rms(c) ** 3),
        ),
        Misconception(
            "softmax-elementwise",
            "Each output depends on every input of its row; yours treats each entry by itself.",
            lambda c: c.g * (1 / _rms(c) - c.x**2 / _rms(c) ** 3),
        ),
        Misconception(
            "wrong-axis",
            "The mean runs along the batch; it belongs to each row.",
            lambda c: (c.g - c.y * (c.g * c.y).mean(axis=0)) / _rms(c),
            lambda c: c.x / np.sqrt((c.x**2).mean(axis=0, keepdims=True) + 1e-5),
        ),
        Misconception(
            "wrong-axis",
            "The mean runs over the whole batch; it belongs to each row.",
            lambda c: (c.g - c.y * (c.g * c.y).mean()) / _rms(c),
            lambda c: c.x / np.sqrt((c.x**2).mean() + 1e-5),
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
        Misconception("no-eps", "The 1e-5 under the root is missing.", value=_no_eps, anywhere=True),
        *(
            Misconception(
                "no-eps",
                "Under the root stands 1e-5, no smaller number.",
                value=partial(_no_eps, eps=e),
                anywhere=True,
            )
            for e in (1e-6, 1e-8, 1e-12)
        ),
        Misconception(
            "eps-outside-root",
            "The 1e-5 belongs under the root, to the mean square.",
            value=lambda c: c.x / (np.sqrt((c.x**2).mean(axis=-1, keepdims=True)) + 1e-5),
            anywhere=True,
        ),
        Misconception(
            "wrong-function",
            "That is layer normalisation: here no mean is subtracted.",
            value=lambda c: (c.x - c.x.mean(axis=-1, keepdims=True)) / np.sqrt(c.x.var(axis=-1, keepdims=True) + 1e-5),
        ),
        Misconception(
            "wrong-function",
            "That is the standard deviation: here no mean is subtracted before the square.",
            value=lambda c: c.x / np.sqrt(c.x.var(axis=-1, keepdims=True) + 1e-5),
        ),
    ],
    extreme=_small_and_large,
    # one column alone is always 1 or -1, and its gradient next to nothing
    other_shapes=({"B": 1, "n": 5}, {"B": 2, "n": 2}, {"B": 17, "n": 8}),
)

EXERCISES = (SOFTMAX, RMS_NORM)
