"""Wrong answers: formulas that students write, one mistake or two in each."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course import edf
from tests.autograder.making import affine, binary, loss, sig, unary


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_grad(x: Any, y: Any, g: Any) -> Any:
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


def shift_by_column(x: Any) -> Any:
    e = np.exp(x - x.max(axis=0))
    return e / e.sum(axis=1, keepdims=True)


def hot(p: Any, y: Any) -> Any:
    return np.eye(p.shape[1])[y]


def pick(q: Any, y: Any) -> Any:
    return q[np.arange(len(q)), y]


def nll(q: Any, y: Any) -> Any:
    return -np.log(pick(q, y))


def nll_grad(q: Any, y: Any, g: Any) -> Any:
    return -g * hot(q, y) / q


def of_two_classes(q: Any, y: Any, g: Any) -> Any:
    return np.where(np.arange(q.shape[1]) < 2, nll_grad(q, y, g), 0.0)


def squares(p: Any, t: Any) -> Any:
    return ((p - t) ** 2).sum(axis=1)


def squares_grad(p: Any, t: Any, g: Any) -> Any:
    return 2 * g * (p - t)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


def gate(a: Any, b: Any) -> Any:
    return a * sig(b)


def slope(b: Any) -> Any:
    return sig(b) * (1 - sig(b))


def rms(x: Any, eps: float = 1e-5) -> Any:
    return np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)


def norm(x: Any) -> Any:
    return x / rms(x)


def rms_grad(x: Any, y: Any, g: Any) -> Any:
    return (g - y * (g * y).mean(axis=-1, keepdims=True)) / rms(x)


def along(x: Any, g: Any) -> Any:
    return x * (g * x).mean(axis=-1, keepdims=True)


SIGMOID: list[tuple[str | None, Any]] = [
    ("factor-extra", unary(lambda x: 2 * sig(x), lambda x, y, g: g * y * (1 - y))),
    ("wrong-function", unary(sig, lambda x, y, g: g * np.exp(-x) / (1 + np.exp(-x)))),
    ("wrong-function", unary(sig, lambda x, y, g: g * sig(x))),
    ("wrong-function", unary(sig, lambda x, y, g: g)),
    ("sign", unary(lambda x: 1 / (1 + np.exp(x)), lambda x, y, g: g * y * (1 - y))),
    ("sign", unary(lambda x: sig(-x), lambda x, y, g: -g * y * (1 - y))),
    ("wrong-function", unary(np.tanh, lambda x, y, g: g * (1 - y**2))),
    (None, unary(sig, lambda x, y, g: g * y * (1 - y + 1e-4))),
    ("factor-extra", unary(sig, lambda x, y, g: g * y * (1 - y) * len(g))),
    ("factor-missing", unary(sig, lambda x, y, g: g * y * (1 - y) / x.shape[1])),
    ("factor-missing", unary(sig, lambda x, y, g: g * y * (1 - y) / x.size)),
    (None, unary(sig, lambda x, y, g: np.full(x.shape, (g * y * (1 - y)).mean()))),
    ("batch-mean-twice", unary(sig, lambda x, y, g: (g * y * (1 - y)).mean(axis=0))),
    ("batch-mean-twice", unary(sig, lambda x, y, g: np.broadcast_to((g * y * (1 - y)).mean(axis=0), x.shape))),
    ("batch-sum", unary(sig, lambda x, y, g: (g * y * (1 - y)).sum(axis=0))),
    ("no-upstream", unary(sig, lambda x, y, g: -y * (1 - y))),
    ("batch-mean-twice", unary(sig, lambda x, y, g: -g * y * (1 - y) / len(g))),
    ("no-upstream", unary(sig, lambda x, y, g: y * (1 - y) / len(g))),
    ("narrow-domain", unary(sig, lambda x, y, g: np.where(x > 0, 1, -1) * g * y * (1 - y))),
    ("narrow-domain", unary(lambda x: sig(np.abs(x)), lambda x, y, g: g * sig(x) * (1 - sig(x)))),
    ("first-example", unary(sig, lambda x, y, g: np.broadcast_to((g * y * (1 - y))[0], x.shape))),
]

TANH: list[tuple[str | None, Any]] = [
    ("power-rule", unary(np.tanh, lambda x, y, g: g * (1 - y) ** 2)),
    ("power-rule", unary(np.tanh, lambda x, y, g: g / np.cosh(x))),
    ("power-rule", unary(np.tanh, lambda x, y, g: 1 - y)),
    ("wrong-function", unary(sig, lambda x, y, g: g * (1 - y**2))),
    ("factor-missing", unary(lambda x: 2 * sig(x) - 1, lambda x, y, g: g * (1 - y**2))),
    ("batch-mean-twice", unary(np.tanh, lambda x, y, g: g * (1 - y**2) / len(g))),
    ("ignores-cotangent", unary(np.tanh, lambda x, y, g: (1 - y**2) * g.mean(axis=0))),
    (None, unary(np.tanh, lambda x, y, g: (1 - y**2) * g.sum(axis=0))),
    (None, unary(np.tanh, lambda x, y, g: (1 - y**2) + g)),
    (None, unary(np.tanh, lambda x, y, g: (1 - y**2) * np.abs(g))),
    ("ignores-cotangent", unary(np.tanh, lambda x, y, g: (1 - y**2) * g.mean())),
    ("first-example", unary(np.tanh, lambda x, y, g: (1 - y**2) * g[0])),
    ("narrow-domain", unary(lambda x: np.tanh(np.clip(x, -1, 1)), lambda x, y, g: (1 - y**2) * g)),
    ("overflow", unary(lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), lambda x, y, g: g * (1 - y**2))),
]

RELU: list[tuple[str | None, Any]] = [
    ("no-upstream", unary(relu, lambda x, y, g: np.where(x > 0, 1, 0))),
    ("relu-at-zero", unary(relu, lambda x, y, g: g * np.heaviside(x, 1))),
    ("relu-at-zero", unary(relu, lambda x, y, g: g * np.heaviside(x, 0.5))),
    ("sign", unary(relu, lambda x, y, g: g * (x < 0))),
    ("wrong-function", unary(relu, lambda x, y, g: g * y)),
    ("wrong-function", unary(relu, lambda x, y, g: g * np.sign(x))),
    ("wrong-function", unary(relu, lambda x, y, g: g * np.where(x > 0, 1, 0.01))),
    ("wrong-function", unary(lambda x: np.where(x > 0, x, 0.01 * x), lambda x, y, g: g * np.where(x > 0, 1, 0.01))),
    ("wrong-function", unary(np.abs, lambda x, y, g: g * (x > 0))),
    (None, unary(lambda x: np.minimum(x, 0), lambda x, y, g: g * (x < 0))),
]

# a right value and a wrong slope, where only the judge looks: at -1000 and 1000
FAR_SLOPE = unary(softplus, lambda x, y, g: g * np.exp(x) / (1 + np.exp(x)))
SOFTPLUS: list[tuple[str | None, Any]] = [
    ("wrong-function", unary(softplus, lambda x, y, g: g * np.exp(x))),
    ("wrong-function", unary(softplus, lambda x, y, g: g / (1 + np.exp(x)))),
    ("wrong-function", unary(softplus, lambda x, y, g: g * slope(x))),
    ("narrow-domain", unary(lambda x: np.log1p(np.exp(np.clip(x, -30, 30))), lambda x, y, g: g * sig(x))),
    ("factor-extra", unary(lambda x: np.log2(1 + np.exp(np.minimum(x, 50))), lambda x, y, g: g * sig(x))),
    ("overflow", FAR_SLOPE),
]

SOFTMAX: list[tuple[str | None, Any]] = [
    ("softmax-elementwise", unary(softmax, lambda x, y, g: g * y)),
    ("softmax-elementwise", unary(softmax, lambda x, y, g: y * (1 - y))),
    ("wrong-function", unary(softmax, lambda x, y, g: g)),
    (None, unary(softmax, lambda x, y, g: y - g)),
    (None, unary(lambda x: np.exp(x) / np.exp(x).sum(axis=1), softmax_grad)),
    ("wrong-axis", unary(lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(), softmax_grad)),
    (None, unary(shift_by_column, softmax_grad)),
    ("sign", unary(lambda x: softmax(-x), softmax_grad)),
    ("sign", unary(softmax, lambda x, y, g: y * ((g * y).sum(-1, keepdims=True) - g))),
    ("factor-missing", unary(softmax, lambda x, y, g: y * (g - (g * y).mean(-1, keepdims=True)))),
    ("operand-missing", unary(softmax, lambda x, y, g: y * (g - g.sum(-1, keepdims=True)))),
    ("zero", unary(softmax, lambda x, y, g: np.stack([(np.diag(r) - np.outer(r, r)).sum(1) for r in y]))),
    ("first-example", unary(softmax, lambda x, y, g: np.broadcast_to(softmax_grad(x, y, g)[0], x.shape))),
    ("first-example", unary(softmax, lambda x, y, g: g @ (np.diag(y[0]) - np.outer(y[0], y[0])))),
    ("wrong-function", unary(lambda x: np.log(softmax(x)), softmax_grad)),
    ("wrong-function", unary(lambda x: x / x.sum(-1, keepdims=True), softmax_grad)),
    (None, unary(lambda x: np.eye(x.shape[1])[x.argmax(1)], softmax_grad)),
    ("wrong-axis", unary(softmax, lambda x, y, g: -y * (g - (g * y).sum(axis=0, keepdims=True)))),
]

AFFINE: list[tuple[str | None, Any]] = [
    ("batch-mean-missing", affine(w_grad=lambda x, W, g: -x.T @ g)),
    ("no-upstream", affine(w_grad=lambda x, W, g: -x.T @ np.ones_like(g) / len(g))),
    ("no-upstream", affine(w_grad=lambda x, W, g: x.T @ np.ones_like(g))),
    ("wrong-axis", affine(w_grad=lambda x, W, g: x.T @ g / x.shape[1])),
    ("wrong-axis", affine(w_grad=lambda x, W, g: x.T @ g / g.shape[1])),
    ("factor-missing", affine(w_grad=lambda x, W, g: x.T @ g / g.size)),
    ("wrong-axis", affine(b_grad=lambda x, W, g: -g.sum(0) / g.shape[1])),
    ("bias-grad-sign", affine(b_grad=lambda x, W, g: g.sum(0))),
    ("bias-grad-sign", affine(b_grad=lambda x, W, g: np.ones(g.shape[1]))),
    ("no-upstream", affine(b_grad=lambda x, W, g: -np.ones(g.shape[1]))),
    ("wrong-axis", affine(b_grad=lambda x, W, g: -np.full(g.shape[1], g.mean()))),
    ("first-example", affine(b_grad=lambda x, W, g: -g[0])),
    (None, affine(b_grad=lambda x, W, g: -g.mean(axis=1))),
    ("transposed", affine(w_grad=lambda x, W, g: g.T @ x)),
    ("transposed", affine(value=lambda x, W, b: x @ W.T - b)),
    ("no-upstream", affine(x_grad=lambda x, W, g: np.broadcast_to(W.sum(1), x.shape))),
    ("batch-mean-twice", affine(x_grad=lambda x, W, g: np.broadcast_to((g @ W.T).mean(0), x.shape))),
    ("sign", affine(x_grad=lambda x, W, g: -g @ W.T)),
    ("sign", affine(value=lambda x, W, b: b - x @ W)),
    ("operand-missing", affine(value=lambda x, W, b: x @ W)),
    ("wrong-function", affine(w_grad=lambda x, W, g: np.outer(x.mean(0), g.mean(0)))),
    (None, affine(x_grad=lambda x, W, g: g @ np.linalg.pinv(W))),
    ("first-example", affine(w_grad=lambda x, W, g: np.outer(x[-1], g[-1]))),
    ("first-example", affine(w_grad=lambda x, W, g: np.outer(x[-1], g[-1]) / len(g))),
    ("first-example", affine(b_grad=lambda x, W, g: -g[-1])),
]

CLIPPED = loss(lambda q, y: -np.log(np.clip(pick(q, y), 0.02, 1)), lambda q, y, g: -g * hot(q, y) / np.clip(q, 0.02, 1))
LOGLOSS: list[tuple[str | None, Any]] = [
    ("wrong-function", loss(lambda q, y: -np.log(q.max(1)), lambda q, y, g: nll_grad(q, q.argmax(1), g))),
    ("wrong-function", loss(nll, lambda q, y, g: nll_grad(q, q.argmax(1), g))),
    ("batch-mean-twice", loss(lambda q, y: np.full(len(q), nll(q, y).mean()), nll_grad)),
    ("batch-sum", loss(lambda q, y: nll(q, y).sum(), nll_grad)),
    (None, loss(lambda q, y: nll(q, y)[:, None], nll_grad)),
    ("factor-extra", loss(lambda q, y: nll(q, y) / np.log(2), nll_grad)),
    (None, loss(lambda q, y: 1 - pick(q, y), nll_grad)),
    (None, loss(lambda q, y: -pick(q, y), lambda q, y, g: -g * hot(q, y))),
    ("not-divided-by-q", loss(nll, lambda q, y, g: g * hot(q, y))),
    ("not-divided-by-q", loss(nll, lambda q, y, g: -hot(q, y))),
    ("power-rule", loss(nll, lambda q, y, g: -g * hot(q, y) / q**2)),
    ("all-classes", loss(nll, lambda q, y, g: -1 / q)),
    ("wrong-function", loss(nll, lambda q, y, g: q - hot(q, y))),
    ("no-upstream", loss(nll, lambda q, y, g: -hot(q, y) / q / len(q))),
    ("off-by-one", loss(lambda q, y: -np.log(pick(q, (y + 1) % q.shape[1])), nll_grad)),
    ("off-by-one", loss(nll, lambda q, y, g: -g / pick(q, y)[:, None] * hot(q, y - 1))),
    ("off-by-one", loss(nll, lambda q, y, g: -g / pick(q, y)[:, None] * hot(q, (y + 1) % q.shape[1]))),
    (None, loss(lambda q, y: -np.log(pick(q, y) + 1e-3), nll_grad)),
    (None, loss(nll, lambda q, y, g: -g * (hot(q, y) / q - 1))),
    (None, loss(nll, of_two_classes)),
    ("narrow-domain", CLIPPED),
]

SQUARED_ERROR: list[tuple[str | None, Any]] = [
    ("factor-missing", loss(lambda p, t: squares(p, t) / 2, lambda p, t, g: g * (p - t))),
    ("wrong-axis", loss(lambda p, t: ((p - t) ** 2).mean(0), squares_grad)),
    ("wrong-axis", loss(lambda p, t: ((p - t) ** 2).sum(0), squares_grad)),
    ("batch-mean-twice", loss(lambda p, t: ((p - t) ** 2).mean(), squares_grad)),
    ("batch-sum", loss(lambda p, t: ((p - t) ** 2).sum(), squares_grad)),
    ("wrong-function", loss(lambda p, t: abs(p - t).sum(1), lambda p, t, g: g * np.sign(p - t))),
    ("wrong-function", loss(lambda p, t: np.linalg.norm(p - t, axis=1), squares_grad)),
    ("first-example", loss(squares, lambda p, t, g: squares_grad(p, t, g[0]))),
    (None, loss(lambda p, t: (p - t) ** 2, squares_grad)),
    (None, loss(lambda p, t: (p - t).sum(1) ** 2, squares_grad)),
    ("factor-missing", loss(squares, lambda p, t, g: squares_grad(p, t, g) / p.shape[1])),
    ("batch-mean-twice", loss(squares, lambda p, t, g: squares_grad(p, t, g) / len(p))),
    ("wrong-function", loss(squares, lambda p, t, g: 2 * g * p)),
]

MUL: list[tuple[str | None, Any]] = [
    ("operands-swapped", binary(np.multiply, lambda a, b, y, g: (g * b, g * b))),
    ("operands-swapped", binary(np.multiply, lambda a, b, y, g: (a, b))),
    ("wrong-point", binary(np.multiply, lambda a, b, y, g: (g * y, g * y))),
    (None, binary(np.multiply, lambda a, b, y, g: (g * (a + b), g * (a + b)))),
    (None, binary(np.add, lambda a, b, y, g: (g, g))),
    (None, binary(lambda a, b: a @ b.T, lambda a, b, y, g: (g @ b, g.T @ a))),
]

ADD: list[tuple[str | None, Any]] = [
    ("factor-missing", binary(np.add, lambda a, b, y, g: (g / 2, g / 2))),
    ("factor-missing", binary(lambda a, b: (a + b) / 2, lambda a, b, y, g: (g / 2, g / 2))),
    ("wrong-point", binary(np.add, lambda a, b, y, g: (g * a, g * b))),
    (None, binary(np.subtract, lambda a, b, y, g: (g, -g))),
    (None, binary(np.add, lambda a, b, y, g: (g * y, g * y))),
]

GATE: list[tuple[str | None, Any]] = [
    ("operands-swapped", binary(lambda a, b: sig(a) * b, lambda a, b, y, g: (g * b * slope(a), g * sig(a)))),
    ("operands-swapped", binary(gate, lambda a, b, y, g: (g * a * slope(b), g * sig(b)))),
    ("sign", binary(gate, lambda a, b, y, g: (g * sig(b), -g * a * slope(b)))),
    ("wrong-function", binary(gate, lambda a, b, y, g: (g * sig(b), g * a))),
    ("wrong-function", binary(gate, lambda a, b, y, g: (g * sig(b), g * a * sig(b)))),
    ("wrong-function", binary(gate, lambda a, b, y, g: (g * sig(b), g * a * (1 - sig(b))))),
    ("wrong-function", binary(gate, lambda a, b, y, g: (g * b, g * a * slope(b)))),
    (
        "wrong-function",
        binary(lambda a, b: a * np.tanh(b), lambda a, b, y, g: (g * np.tanh(b), g * a * (1 - np.tanh(b) ** 2))),
    ),
    ("no-upstream", binary(gate, lambda a, b, y, g: (g * sig(b), a * slope(b)))),
    ("no-upstream", binary(gate, lambda a, b, y, g: (sig(b), a * slope(b)))),
    ("batch-mean-twice", binary(gate, lambda a, b, y, g: (g * sig(b) / len(g), g * a * slope(b)))),
    ("narrow-domain", binary(gate, lambda a, b, y, g: (g * sig(b), g * a * slope(b) * (b > 0)))),
    (None, binary(lambda a, b: b * sig(b), lambda a, b, y, g: (g * sig(b), g * a * slope(b)))),
    (None, binary(gate, lambda a, b, y, g: (g * sig(a), g * a * slope(b)))),
    (
        "overflow",
        binary(lambda a, b: a * np.exp(b) / (1 + np.exp(b)), lambda a, b, y, g: (g * sig(b), g * a * slope(b))),
    ),
    ("delegates", lambda a, b: edf.Mul(a, edf.Sigmoid(b))),
]

RMS_NORM: list[tuple[str | None, Any]] = [
    ("no-eps", unary(lambda x: x / rms(x, 0), rms_grad)),
    ("no-eps", unary(lambda x: x / rms(x, 1e-6), rms_grad)),
    ("no-eps", unary(lambda x: x / rms(x, 1e-8), rms_grad)),
    ("eps-outside-root", unary(lambda x: x / (rms(x, 0) + 1e-5), rms_grad)),
    (
        "wrong-function",
        unary(lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5), rms_grad),
    ),
    ("wrong-function", unary(lambda x: x / np.sqrt(x.var(-1, keepdims=True) + 1e-5), rms_grad)),
    ("factor-missing", unary(lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True) + 1e-5), rms_grad)),
    ("no-root", unary(lambda x: x / rms(x) ** 2, rms_grad)),
    (None, unary(lambda x: x / np.sqrt((x**2).mean(1) + 1e-5), rms_grad)),
    ("no-upstream", unary(norm, lambda x, y, g: rms_grad(x, y, np.ones_like(g)))),
    ("power-rule", unary(norm, lambda x, y, g: g / rms(x) - along(x, g))),
    ("power-rule", unary(norm, lambda x, y, g: g / rms(x) - along(x, g) / rms(x) ** 2)),
    ("factor-extra", unary(norm, lambda x, y, g: g / rms(x) - 2 * along(x, g) / rms(x) ** 3)),
    ("factor-missing", unary(norm, lambda x, y, g: g / rms(x) - along(x, g) / 2 / rms(x) ** 3)),
    ("softmax-elementwise", unary(norm, lambda x, y, g: g * (1 - y * y / x.shape[1]) / rms(x))),
    ("softmax-elementwise", unary(norm, lambda x, y, g: g * (1 - y * y) / rms(x))),
    ("wrong-axis", unary(norm, lambda x, y, g: (g - y * (g * y).mean(0, keepdims=True)) / rms(x))),
    ("wrong-axis", unary(norm, lambda x, y, g: (g - y * (g * y).mean()) / rms(x))),
    ("wrong-axis", unary(norm, lambda x, y, g: (g - y * (g * y).sum(0) / x.shape[1]) / rms(x))),
    ("wrong-axis", unary(norm, lambda x, y, g: (g - y * (g * y).sum() / x.shape[1]) / rms(x))),
    ("operand-missing", unary(norm, lambda x, y, g: (g - (g * y).mean(-1, keepdims=True)) / rms(x))),
    ("operand-missing", unary(norm, lambda x, y, g: g - y * (g * y).mean(-1, keepdims=True))),
    ("factor-missing", unary(norm, lambda x, y, g: rms_grad(x, y, g) / x.shape[1])),
    ("second-path", unary(norm, lambda x, y, g: 1 / rms(x) * np.ones_like(g))),
]

_BY_EXERCISE = {
    "edf.sigmoid": SIGMOID,
    "edf.tanh": TANH,
    "edf.relu": RELU,
    "edf.softplus": SOFTPLUS,
    "edf.softmax": SOFTMAX,
    "edf.affine": AFFINE,
    "edf.logloss": LOGLOSS,
    "edf.squared_error": SQUARED_ERROR,
    "edf.mul": MUL,
    "edf.add": ADD,
    "edf.gate": GATE,
    "edf.rms_norm": RMS_NORM,
}
WRONG: list[tuple[str, str | None, Any]] = [(e, m, a) for e, answers in _BY_EXERCISE.items() for m, a in answers]
UNSEEN_BY_CHECK = [FAR_SLOPE, CLIPPED]
