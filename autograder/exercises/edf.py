"""The private half of the exercises on EDF's nodes: each truth is the forward formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import expit, softmax

from autograder.exercise import Misconception, node_exercise
from edf_course.exercises.marking import Context

ELEMENTWISE = {"value": 1, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1}


def _far(names: tuple[str, ...], size: float) -> Any:
    """Turn about half of the entries of the named operands into numbers of up to `size`, of either sign."""

    def extreme(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        for n in names:
            far = rng.uniform(0.1 * size, size, arrays[n].shape) * rng.choice([-1.0, 1.0], arrays[n].shape)
            arrays[n] = np.where(rng.random(arrays[n].shape) < 0.5, far, arrays[n])
            arrays[n].flat[0], arrays[n].flat[1] = -size, size
            arrays[n].flat[2] = 0.3
        return arrays

    return extreme


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


SIGMOID = node_exercise(
    "edf.sigmoid",
    torch.sigmoid,
    ELEMENTWISE | {"gradient": 1, "large inputs": 1},
    [
        Misconception(
            "wrong-point", "The slope y(1 - y) is meant with y = sigmoid(x), self.value; yours is taken at the wrong one of the two.",
            lambda c: c.g * c.x * (1 - c.x),
        ),
        Misconception(
            "wrong-point", "Sigmoid is applied once too often: self.value is sigmoid(x) already.",
            lambda c: c.g * expit(c.y) * (1 - expit(c.y)),
        ),
        Misconception("wrong-function", "1 - y² is the slope of tanh; sigmoid's is y(1 - y).", lambda c: c.g * (1 - c.y**2)),
        Misconception("wrong-function", "That hands y on, not its slope.", lambda c: c.g * c.y),
        Misconception("wrong-function", "One factor is missing: the slope is y(1 - y), not 1 - y.", lambda c: c.g * (1 - c.y)),
        Misconception("wrong-function", "The slope is y(1 - y), with a minus.", lambda c: c.g * c.y * (1 + c.y)),
        Misconception("sign", "The exponent has the wrong sign: 1 / (1 + exp(-x)).", value=lambda c: expit(-c.x)),
    ],
    extreme=_far(("x",), 1000.0),
)  # fmt: skip

TANH = node_exercise(
    "edf.tanh",
    torch.tanh,
    ELEMENTWISE | {"gradient": 1, "large inputs": 1},
    [
        Misconception("wrong-point", "The slope 1 - y² is meant with y = tanh(x), not with x.", lambda c: c.g * (1 - c.x**2)),
        Misconception(
            "wrong-point", "Tanh is applied once too often: self.value is tanh(x) already.",
            lambda c: c.g * (1 - np.tanh(c.y) ** 2),
        ),
        Misconception("wrong-function", "y(1 - y) is the slope of sigmoid; tanh's is 1 - y².", lambda c: c.g * c.y * (1 - c.y)),
        Misconception("power-rule", "The square is missing: the slope is 1 - y², not 1 - y.", lambda c: c.g * (1 - c.y)),
        Misconception("wrong-function", "The slope is 1 - y², with a minus.", lambda c: c.g * (1 + c.y**2)),
        Misconception("wrong-function", "That hands y on, not its slope.", lambda c: c.g * c.y),
    ],
    extreme=_far(("x",), 1000.0),
)  # fmt: skip

RELU = node_exercise(
    "edf.relu",
    torch.relu,
    ELEMENTWISE | {"gradient": 1, "at zero": 1},
    [
        Misconception(
            "relu-at-zero", "At x = 0 exactly the slope is taken as 0 here (as in torch); yours is 1.",
            lambda c: c.g * (c.x >= 0) if (c.x == 0).any() else None,
        ),
        Misconception(
            "relu-at-zero", "At x = 0 exactly the slope is taken as 0 here (as in torch); yours is one half.",
            lambda c: c.g * np.heaviside(c.x, 0.5) if (c.x == 0).any() else None,
        ),
        Misconception("no-gate", "The gradient passes where x is negative too: it should be stopped there.", lambda c: c.g),
        Misconception(
            "relu-mask-upstream", "What is cut off is where the upstream gradient is negative; what counts is where x is.",
            lambda c: np.maximum(c.g, 0.0),
        ),
        Misconception(
            "relu-mask-upstream", "What is cut off is where the upstream gradient is negative; what counts is where x is.",
            lambda c: np.maximum(c.g, 0.0) * (c.x > 0),
        ),
        Misconception("sign", "It passes where x is negative and stops where x is positive: the wrong way round.", lambda c: c.g * (c.x < 0)),
        Misconception("wrong-function", "That hands y on, not its slope: the slope is 1 or 0.", lambda c: c.g * c.y),
    ],
    at_kink=0.0,
)  # fmt: skip

SOFTPLUS = node_exercise(
    "edf.softplus",
    lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    {"value": 2, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception("wrong-point", "The slope is sigmoid(x), taken at the input; yours is taken at the output.", lambda c: c.g * expit(c.y)),
        Misconception("wrong-function", "The slope of softplus is sigmoid(x) itself, not the slope of sigmoid.", lambda c: c.g * expit(c.x) * (1 - expit(c.x))),
        Misconception("wrong-function", "That is the slope of ReLU, with the corner still in it.", lambda c: c.g * (c.x > 0)),
        Misconception("wrong-function", "exp(x) is only the inner derivative: divide by 1 + exp(x).", lambda c: c.g * np.exp(c.x)),
        Misconception("wrong-function", "The inner derivative is missing: 1 / (1 + exp(x)) times exp(x).", lambda c: c.g / (1 + np.exp(c.x))),
    ],
    extreme=_far(("x",), 1000.0),
)  # fmt: skip

SOFTMAX = node_exercise(
    "edf.softmax",
    lambda x: torch.softmax(x, dim=-1),
    {"value": 2, "gradient": 4, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception(
            "softmax-elementwise", "y(1 - y) is only the diagonal of the Jacobian: each output depends on every input of its row.",
            lambda c: c.g * c.y * (1 - c.y),
        ),
        Misconception(
            "wrong-axis", "Columns are summed to 1; rows should be: sum over the last axis.",
            value=lambda c: softmax(c.x, axis=0),
        ),
        Misconception("wrong-axis", "The sum runs over the whole batch; each row stands for itself.", value=lambda c: softmax(c.x)),
        Misconception(
            "wrong-axis", "The sum of g y runs along the batch; it belongs to each row.",
            lambda c: c.y * (c.g - (c.g * c.y).sum(axis=0, keepdims=True)),
        ),
        Misconception(
            "wrong-axis", "The sum of g y runs over the whole batch; it belongs to each row.",
            lambda c: c.y * (c.g - (c.g * c.y).sum()),
        ),
        Misconception(
            "operand-missing", "What is subtracted is the sum of g y, each gradient weighted by its probability; yours is the plain sum of g.",
            lambda c: c.y * (c.g - c.g.sum(axis=-1, keepdims=True)),
        ),
        Misconception("operand-missing", "The outer factor y is missing.", lambda c: c.g - (c.g * c.y).sum(axis=-1, keepdims=True)),
        Misconception("off-diagonal", "Only the diagonal's y is there; the rest of the Jacobian, - y yᵀ, is missing.", lambda c: c.g * c.y),
        Misconception(
            "sign", "The two terms of the Jacobian diag(y) - y yᵀ are added where they should be subtracted.",
            lambda c: c.y * (c.g + (c.g * c.y).sum(axis=-1, keepdims=True)),
        ),
    ],
    extreme=_rows_far_apart,
)  # fmt: skip

AFFINE = node_exercise(
    "edf.affine",
    lambda w, b, x: x @ w - b,
    {"value": 2, "gradient": 4, "accumulates": 1, "repeatable": 1, "any shape": 2},
    [
        Misconception("bias-sign", "The bias is added; here y = xW - b.", value=lambda c: c.y + 2 * c.b),
        Misconception("operand-missing", "The bias is missing: y = xW - b.", value=lambda c: c.y + c.b),
        Misconception(
            "bias-grad-sign", "b is subtracted in y = xW - b, so its gradient has a minus.",
            lambda c: {"Phi.b": -c.vjp(c.g)["Phi.b"]},
        ),
        Misconception(
            "bias-grad-sign", "b is subtracted in y = xW - b, so its gradient has a minus (and the mean over the batch is missing).",
            lambda c: {"Phi.b": -c.vjp(c.g)["Phi.b"] * c.B},
        ),
        Misconception(
            "transposed", "W stands there where its transpose should: x.grad = y.grad Wᵀ.",
            lambda c: {"x": c.g @ c.w if c.w.shape[0] == c.w.shape[1] else None},
        ),
        Misconception("no-upstream", "The upstream gradient is missing in W.grad.", lambda c: {"Phi.w": (c.x.T @ np.ones_like(c.g)) / c.B}),
    ],
)  # fmt: skip

LOGLOSS = node_exercise(
    "edf.logloss",
    lambda q, y: -torch.log(q[torch.arange(len(y)), y]),
    {"value": 2, "gradient": 3, "accumulates": 1, "repeatable": 1, "any shape": 1},
    [
        Misconception("not-divided-by-q", "The slope of -log q is -1/q; the division by q is missing.", lambda c: -_columns(c.g) * _hot(c)),
        Misconception("all-classes", "Only the probability of the right class is in the loss; all the others have gradient 0.", lambda c: -_columns(c.g) / c.q),
        Misconception("off-by-one", "The label is off by one: classes are counted from 0.", lambda c: -_columns(c.g) * _hot(c, -1) / c.q, lambda c: -np.log((c.q * _hot(c, -1)).sum(axis=1))),
        Misconception("off-by-one", "The label is off by one: classes are counted from 0.", lambda c: -_columns(c.g) * _hot(c, 1) / c.q, lambda c: -np.log((c.q * _hot(c, 1)).sum(axis=1))),
        Misconception("wrong-function", "q - onehot(y) is the gradient to the scores, behind a softmax; here the gradient to q is asked for.", lambda c: _columns(c.g) * (c.q - _hot(c))),
        Misconception("sign", "The minus is missing: the loss is -log q.", value=lambda c: -c.y),
        Misconception("all-classes", "Only the right class counts, not the sum over all.", value=lambda c: -np.log(c.q).sum(axis=1)),
        Misconception("batch-mean-twice", "Each example keeps its own loss: parameters do the averaging.", value=lambda c: np.full_like(c.y, c.y.mean())),
    ],
)  # fmt: skip

SQUARED_ERROR = node_exercise(
    "edf.squared_error",
    lambda p, t: ((p - t) ** 2).sum(dim=-1),
    {"value": 1, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1},
    [
        Misconception("factor-missing", "The 2 from the square is missing: d(e²) = 2e de.", lambda c: _columns(c.g) * (c.p - c.t)),
        Misconception("factor-missing", "The sum over the features is asked for, not their mean.", lambda c: c.vjp(c.g)["p"] / c.p.shape[1], lambda c: c.y / c.p.shape[1]),
        Misconception("factor-missing", "Half the square was asked nowhere: the loss is the sum of squares.", value=lambda c: c.y / 2),
        Misconception("power-rule", "The square root is not asked for.", value=lambda c: np.sqrt(c.y)),
        Misconception("power-rule", "The slope of e² is 2e, not e².", lambda c: _columns(c.g) * (c.p - c.t) ** 2),
        Misconception("wrong-function", "The prediction alone is differentiated: the error p - t is what is squared.", lambda c: 2 * _columns(c.g) * c.p),
        Misconception("sign", "t - p where p - t belongs: the slope with respect to p is 2(p - t).", lambda c: 2 * _columns(c.g) * (c.t - c.p)),
    ],
)  # fmt: skip

MUL = node_exercise(
    "edf.mul",
    torch.mul,
    {"value": 1, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1},
    [
        Misconception("operands-swapped", "Each operand gets its own value; it should get the other's: d(ab)/da = b.", lambda c: {"a": c.g * c.a, "b": c.g * c.b}),
        Misconception("no-gate", "The upstream gradient is handed on as it is, as a sum would: a product multiplies it by the other operand.", lambda c: {"a": c.g, "b": c.g}),
        Misconception("wrong-point", "The product is in the gradient where one operand belongs.", lambda c: {"a": c.g * c.y, "b": c.g * c.y}),
    ],
)  # fmt: skip

ADD = node_exercise(
    "edf.add",
    torch.add,
    {"value": 1, "gradient": 1, "accumulates": 1, "repeatable": 1},
    [
        Misconception("wrong-function", "A sum hands the gradient on unchanged; a product would multiply by the other operand.", lambda c: {"a": c.g * c.b, "b": c.g * c.a}),
        Misconception("factor-missing", "A sum hands the whole gradient to each operand; it is not shared out.", lambda c: {"a": c.g / 2, "b": c.g / 2}),
        Misconception("wrong-point", "The operand's own value is in the gradient of a sum.", lambda c: {"a": c.g * c.a, "b": c.g * c.b}),
    ],
)  # fmt: skip

GATE = node_exercise(
    "edf.gate",
    lambda a, b: a * torch.sigmoid(b),
    {"value": 1, "gradient": 3, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception("no-gate", "a gets the gradient as it is; it should pass through the gate sigmoid(b).", lambda c: {"a": c.g}),
        Misconception("operand-missing", "The gate's gradient has no a in it: b acts on the loss through a sigmoid(b).", lambda c: {"b": c.g * expit(c.b) * (1 - expit(c.b))}),
        Misconception("wrong-function", "sigmoid(b) is handed on to b where its slope belongs.", lambda c: {"b": c.g * c.a * expit(c.b)}),
        Misconception("wrong-point", "The slope s(1 - s) is meant with s = sigmoid(b), not with the output of the node.", lambda c: {"b": c.g * c.y * (1 - c.y)}),
        Misconception("wrong-point", "The slope s(1 - s) is meant with s = sigmoid(b), not with b itself.", lambda c: {"b": c.g * c.a * c.b * (1 - c.b)}),
        Misconception("operands-swapped", "The roles are swapped: a goes through sigmoid, b is the factor.", lambda c: {"a": c.g * c.b * expit(c.a) * (1 - expit(c.a)), "b": c.g * expit(c.a)}, lambda c: c.b * expit(c.a)),
        Misconception("operands-swapped", "The two gradients are handed to each other's operand.", lambda c: {"a": c.vjp(c.g)["b"], "b": c.vjp(c.g)["a"]}),
    ],
    extreme=_far(("b",), 1000.0),
)  # fmt: skip

RMS_NORM = node_exercise(
    "edf.rms_norm",
    lambda x: x / torch.sqrt((x**2).mean(dim=-1, keepdim=True) + 1e-5),
    {"value": 2, "gradient": 4, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception("second-path", "The root is treated as a constant; but x is in it too, so the gradient has a second path.", lambda c: c.g / _rms(c)),
        Misconception(
            "factor-missing", "The second path lacks the 1/n of the mean.",
            lambda c: c.g / _rms(c) - c.x * (c.g * c.x).sum(axis=-1, keepdims=True) / _rms(c) ** 3,
        ),
        Misconception(
            "sign", "The second path is added; it should be subtracted.",
            lambda c: c.g / _rms(c) + c.x * (c.g * c.x).mean(axis=-1, keepdims=True) / _rms(c) ** 3,
        ),
        Misconception(
            "softmax-elementwise", "Each output depends on every input of its row; yours treats each entry by itself.",
            lambda c: c.g * (1 / _rms(c) - c.x**2 / c.x.shape[1] / _rms(c) ** 3),
        ),
        Misconception(
            "wrong-axis", "The mean runs along the batch; it belongs to each row.",
            value=lambda c: c.x / np.sqrt((c.x**2).mean(axis=0, keepdims=True) + 1e-5),
        ),
        Misconception(
            "wrong-axis", "The mean runs over the whole batch; it belongs to each row.",
            value=lambda c: c.x / np.sqrt((c.x**2).mean() + 1e-5),
        ),
        Misconception(
            "factor-missing", "The sum of squares is divided by nothing: the mean is asked for.",
            value=lambda c: c.x / np.sqrt((c.x**2).sum(axis=-1, keepdims=True) + 1e-5),
        ),
        Misconception("no-root", "The square root is missing.", value=lambda c: c.x / ((c.x**2).mean(axis=-1, keepdims=True) + 1e-5)),
    ],
    extreme=_small_and_large,
)  # fmt: skip


EXERCISES = (
    SIGMOID, TANH, RELU, SOFTPLUS, SOFTMAX, AFFINE, LOGLOSS, SQUARED_ERROR, MUL, ADD, GATE, RMS_NORM,
)  # fmt: skip
