"""Wrong answers with the misconception that a teacher would see in each (None: wrong, but nothing to name)."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course import edf
from edf_course.calculus import jacobian, numerical_gradient
from edf_course.edf import CompNode, Parameter
from tests.autograder.making import affine, binary, loss, sig, unary


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_grad(x: Any, y: Any, g: Any) -> Any:
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


def hot(p: Any, y: Any) -> Any:
    return np.eye(p.shape[1])[y]


def pick(q: Any, y: Any) -> Any:
    return q[np.arange(len(q)), y]


class Overwrites(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        self.x.grad = self.grad * self.value * (1 - self.value)


class Returns(Overwrites):
    def backward(self):
        return self.grad * self.value * (1 - self.value)


class Stale(Overwrites):
    def forward(self):
        if not hasattr(self, "first"):
            self.first = sig(self.x.value)
        self.value = sig(self.x.value)

    def backward(self):
        y = self.first if self.first.shape == self.value.shape else self.value
        self.x.addgrad(self.grad * y * (1 - y))


class StaleRows(Stale):
    def backward(self):
        y = np.resize(self.first, self.value.shape)
        self.x.addgrad(self.grad * y * (1 - y))


class Shared(Overwrites):
    cache: Any = None

    def forward(self):
        self.value = sig(self.x.value)
        Shared.cache = self.value

    def backward(self):
        y = Shared.cache
        self.x.addgrad(self.grad * y * (1 - y))


class MutatesInput(Overwrites):
    def forward(self):
        x = self.x.value
        self.value = sig(x)
        x *= 0.5

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class MutatesGrad(Overwrites):
    def backward(self):
        self.grad *= self.value * (1 - self.value)
        self.x.addgrad(self.grad)


class Accumulator(Overwrites):
    total: Any = 0

    def backward(self):
        self.total = self.total + self.grad * self.value * (1 - self.value)
        self.x.addgrad(self.total)


class HardCoded(Overwrites):
    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        out = np.zeros_like(self.value)
        for b in range(min(6, len(self.value))):
            out[b] = self.grad[b] * self.value[b] * (1 - self.value[b])
        self.x.addgrad(out)


class Naive(Overwrites):
    def forward(self):
        self.value = np.exp(self.x.value) / (1 + np.exp(self.x.value))

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class Numerical(Overwrites):
    def backward(self):
        h = 1e-5
        self.x.addgrad(self.grad * (sig(self.x.value + h) - sig(self.x.value - h)) / (2 * h))


class NumericalForward(Overwrites):
    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        x, y = self.x.value, self.value
        self.x.value = x + 1e-6
        self.forward()
        up = self.value
        self.x.value, self.value = x, y
        self.x.addgrad(self.grad * (up - y) / 1e-6)


class Subclass(edf.Sigmoid):
    pass


class Composite(CompNode):
    def __init__(self, x):
        inner = edf.Sigmoid(x)
        super().__init__()
        self.inner = inner

    def forward(self):
        self.value = self.inner.value

    def backward(self):
        self.inner.addgrad(self.grad)


class Unbound(Overwrites):
    def forward(self):
        edf.Sigmoid.forward(self)

    def backward(self):
        edf.Sigmoid.backward(self)


class WithTorch(Overwrites):
    def backward(self):
        import torch

        x = torch.tensor(self.x.value, requires_grad=True)
        torch.sigmoid(x).backward(torch.tensor(self.grad))
        self.x.addgrad(x.grad.numpy())


class NoMean(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.sum(axis=0)


class OverwritesMean(Parameter):
    def addgrad(self, delta):
        self.grad = delta.mean(axis=0)


class FixedBatch(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.sum(axis=0) / 4


class FirstOnly(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta[0]


class TwiceMean(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.mean(axis=0) / len(delta)


class OverAll(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.mean()


class Turned(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad - delta.mean(axis=0)


class Inherits(Parameter):
    pass


class CallsSuper(Parameter):
    def addgrad(self, delta):
        super().addgrad(delta)


def backward_by_library(nodes, parameters, loss):
    edf.Backward(loss)


def backward_by_graph(nodes, parameters, loss):
    edf.current_graph().backward(loss)


def sgd_by_library(parameters, learning_rate):
    with edf.Graph() as graph:
        graph.Parameters.extend(parameters)
        graph.sgd(learning_rate)


def backward_in_order(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = 0
    loss.grad = 1.0
    for c in nodes:
        if isinstance(c.grad, int):
            c.grad = np.zeros_like(c.value)
        c.backward()


def backward_no_reset(nodes, parameters, loss):
    for c in nodes + parameters:
        if c.grad is None:
            c.grad = np.zeros_like(c.value)
    loss.grad = np.ones(len(loss.value))
    for c in nodes[::-1]:
        c.backward()


def backward_no_seed(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = np.zeros_like(c.value)
    for c in nodes[::-1]:
        c.backward()


def backward_mean_seed(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = np.zeros_like(c.value)
    loss.grad = np.ones(len(loss.value)) / len(loss.value)
    for c in nodes[::-1]:
        c.backward()


def backward_parameters_kept(nodes, parameters, loss):
    for c in nodes:
        c.grad = np.zeros_like(c.value)
    for p in parameters:
        if p.grad is None:
            p.grad = np.zeros_like(p.value)
    loss.grad = np.ones(len(loss.value))
    for c in nodes[::-1]:
        c.backward()


def sgd_ascent(parameters, learning_rate):
    for p in parameters:
        p.value += learning_rate * p.grad


def sgd_no_rate(parameters, learning_rate):
    for p in parameters:
        p.value -= p.grad


def sgd_first(parameters, learning_rate):
    p = parameters[0]
    p.value -= learning_rate * p.grad


def sgd_clears(parameters, learning_rate):
    for p in parameters:
        p.value -= learning_rate * p.grad
        p.grad = np.zeros_like(p.value)


def mlp_squashed(Phi, x):
    return x if len(Phi) == 0 else edf.Sigmoid(edf.Affine(Phi[0], mlp_squashed(Phi[1:], x)))


def mlp_linear(Phi, x):
    return x if len(Phi) == 0 else edf.Affine(Phi[0], mlp_linear(Phi[1:], x))


def mlp_reversed(Phi, x):
    for i, package in enumerate(Phi):
        x = edf.Affine(package, x)
        if i < len(Phi) - 1:
            x = edf.Sigmoid(x)
    return x


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


RMS = "edf.rms_norm"


def rms(x):
    return np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


ONE = lambda *_: 1.0  # noqa: E731
WRONG: list[tuple[str, str | None, Any]] = [
    # sigmoid
    ("edf.sigmoid", "sign", unary(sig, lambda x, y, g: -g * y * (1 - y))),
    ("edf.sigmoid", "no-upstream", unary(sig, lambda x, y, g: y * (1 - y))),
    ("edf.sigmoid", "wrong-point", unary(sig, lambda x, y, g: g * x * (1 - x))),
    ("edf.sigmoid", "wrong-point", unary(sig, lambda x, y, g: g * sig(y) * (1 - sig(y)))),
    ("edf.sigmoid", "wrong-function", unary(sig, lambda x, y, g: g * (1 - y**2))),
    ("edf.sigmoid", "tiny-factor", unary(sig, lambda x, y, g: 1.001 * g * y * (1 - y))),
    ("edf.sigmoid", "tiny-factor", unary(sig, lambda x, y, g: 1.0001 * g * y * (1 - y))),
    ("edf.sigmoid", "factor-extra", unary(sig, lambda x, y, g: 2 * g * y * (1 - y))),
    ("edf.sigmoid", "factor-missing", unary(sig, lambda x, y, g: 0.5 * g * y * (1 - y))),
    ("edf.sigmoid", "zero", unary(sig, lambda x, y, g: np.zeros_like(x))),
    ("edf.sigmoid", "zero", unary(lambda x: np.zeros_like(x), lambda x, y, g: np.zeros_like(x))),
    ("edf.sigmoid", None, unary(lambda x: np.full_like(x, np.nan), lambda x, y, g: np.full_like(x, np.nan))),
    ("edf.sigmoid", "batch-mean-twice", unary(sig, lambda x, y, g: g * y * (1 - y) / len(g))),
    ("edf.sigmoid", "batch-sum", unary(sig, lambda x, y, g: np.broadcast_to((g * y * (1 - y)).sum(axis=0), g.shape))),
    ("edf.sigmoid", "ignores-cotangent", unary(sig, lambda x, y, g: g.mean() * y * (1 - y))),
    ("edf.sigmoid", "ignores-cotangent", unary(sig, lambda x, y, g: g[0, 0] * y * (1 - y))),
    ("edf.sigmoid", "narrow-domain", unary(sig, lambda x, y, g: g * y * (1 - y) * (x > 0))),
    ("edf.sigmoid", "int-truncation", unary(lambda x: sig(x).astype(int), lambda x, y, g: g * sig(x) * (1 - sig(x)))),
    ("edf.sigmoid", "dtype", unary(lambda x: sig(x).astype(np.float16), lambda x, y, g: (g * sig(x) * (1 - sig(x))).astype(np.float16))),
    ("edf.sigmoid", "first-example", unary(sig, lambda x, y, g: np.vstack([(g * y * (1 - y))[:1], np.zeros_like(g[1:])]))),
    ("edf.sigmoid", "overwrites", Overwrites),
    ("edf.sigmoid", "returns", Returns),
    ("edf.sigmoid", "stale-state", StaleRows),
    ("edf.sigmoid", "shared-state", Shared),
    ("edf.sigmoid", "mutates-input", MutatesInput),
    ("edf.sigmoid", "mutates-grad", MutatesGrad),
    ("edf.sigmoid", "grad-not-reset", Accumulator),
    ("edf.sigmoid", "hard-coded-shape", HardCoded),
    ("edf.sigmoid", "overflow", Naive),
    ("edf.sigmoid", "numerical", Numerical),
    ("edf.sigmoid", "numerical", NumericalForward),
    ("edf.sigmoid", "delegates", Subclass),
    ("edf.sigmoid", "delegates", edf.Sigmoid),
    ("edf.sigmoid", "delegates", Composite),
    ("edf.sigmoid", "delegates", Unbound),
    ("edf.sigmoid", "delegates", WithTorch),
    # tanh
    ("edf.tanh", "wrong-point", unary(np.tanh, lambda x, y, g: g * (1 - x**2))),
    ("edf.tanh", "wrong-point", unary(np.tanh, lambda x, y, g: g * (1 - np.tanh(y) ** 2))),
    ("edf.tanh", "wrong-function", unary(np.tanh, lambda x, y, g: g * y * (1 - y))),
    ("edf.tanh", "no-upstream", unary(np.tanh, lambda x, y, g: 1 - y**2)),
    ("edf.tanh", "sign", unary(np.tanh, lambda x, y, g: g * (y**2 - 1))),
    # relu
    ("edf.relu", "relu-at-zero", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g * (x >= 0))),
    ("edf.relu", "no-gate", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g)),
    ("edf.relu", "relu-mask-upstream", unary(lambda x: np.maximum(x, 0), lambda x, y, g: np.maximum(g, 0))),
    ("edf.relu", "relu-mask-upstream", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g * (g > 0) * (x > 0))),
    ("edf.relu", "no-upstream", unary(lambda x: np.maximum(x, 0), lambda x, y, g: (x > 0) * 1.0)),
    ("edf.relu", "sign", unary(lambda x: np.maximum(x, 0), lambda x, y, g: -g * (x > 0))),
    # softplus
    ("edf.softplus", "wrong-point", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * sig(y))),
    ("edf.softplus", "wrong-function", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * (x > 0))),
    ("edf.softplus", "overflow", unary(lambda x: np.log(1 + np.exp(x)), lambda x, y, g: g * sig(x))),
    ("edf.softplus", "no-upstream", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: sig(x))),
    # softmax
    ("edf.softmax", "softmax-elementwise", unary(softmax, lambda x, y, g: g * y * (1 - y))),
    ("edf.softmax", "wrong-axis", unary(lambda x: softmax(x, 0), softmax_grad)),
    ("edf.softmax", "wrong-axis", unary(softmax, lambda x, y, g: y * (g - (g * y).sum(axis=0, keepdims=True)))),
    ("edf.softmax", "sign", unary(softmax, lambda x, y, g: -softmax_grad(x, y, g))),
    ("edf.softmax", "overflow", unary(lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True), softmax_grad)),
    ("edf.softmax", "overflow", unary(lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(axis=-1, keepdims=True), softmax_grad)),
    ("edf.softmax", "zero", unary(softmax, lambda x, y, g: np.zeros_like(y))),
    ("edf.softmax", "batch-mean-twice", unary(softmax, lambda x, y, g: softmax_grad(x, y, g) / len(g))),
    # affine
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
    # log loss
    ("edf.logloss", "not-divided-by-q", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -g * hot(q, y))),
    ("edf.logloss", "all-classes", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -g / q)),
    ("edf.logloss", "sign", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: g * hot(q, y) / q)),
    ("edf.logloss", "no-upstream", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -hot(q, y) / q)),
    ("edf.logloss", "off-by-one", loss(lambda q, y: -np.log(pick(q, y - 1)), lambda q, y, g: -g * hot(q, y - 1) / q)),
    ("edf.logloss", "wrong-function", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: g * (q - hot(q, y)))),
    ("edf.logloss", "batch-mean-twice", loss(lambda q, y: -np.log(pick(q, y)), lambda q, y, g: -g * hot(q, y) / q / len(q))),
    ("edf.logloss", None, loss(lambda q, y: -np.log(pick(q, y)).mean(), lambda q, y, g: -g * hot(q, y) / q)),
    # squared error
    ("edf.squared_error", "factor-missing", loss(lambda p, t: ((p - t) ** 2).sum(axis=1), lambda p, t, g: g * (p - t))),
    ("edf.squared_error", "sign", loss(lambda p, t: ((p - t) ** 2).sum(axis=1), lambda p, t, g: 2 * g * (t - p))),
    ("edf.squared_error", "no-upstream", loss(lambda p, t: ((p - t) ** 2).sum(axis=1), lambda p, t, g: 2 * (p - t))),
    ("edf.squared_error", "factor-missing", loss(lambda p, t: ((p - t) ** 2).mean(axis=1), lambda p, t, g: 2 * g * (p - t) / p.shape[1])),
    # mul, add, gate
    ("edf.mul", "operands-swapped", binary(np.multiply, lambda a, b, y, g: (g * a, g * b))),
    ("edf.mul", "missing-input-grad", binary(np.multiply, lambda a, b, y, g: (g * b, None))),
    ("edf.mul", "no-gate", binary(np.multiply, lambda a, b, y, g: (g, g))),
    ("edf.mul", "no-upstream", binary(np.multiply, lambda a, b, y, g: (b, a))),
    ("edf.add", "missing-input-grad", binary(np.add, lambda a, b, y, g: (g, None))),
    ("edf.add", "no-upstream", binary(np.add, lambda a, b, y, g: (np.ones_like(g), np.ones_like(g)))),
    ("edf.add", "wrong-function", binary(np.add, lambda a, b, y, g: (g * b, g * a))),
    ("edf.add", "sign", binary(np.add, lambda a, b, y, g: (g, -g))),
    ("edf.gate", "no-gate", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g, g * a * sig(b) * (1 - sig(b))))),
    ("edf.gate", "operand-missing", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), g * sig(b) * (1 - sig(b))))),
    ("edf.gate", "wrong-point", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), g * y * (1 - y)))),
    ("edf.gate", "missing-input-grad", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), None))),
    # rms norm
    (RMS, "second-path", unary(lambda x: x / rms(x), lambda x, y, g: g / rms(x))),
    (RMS, "sign", unary(lambda x: x / rms(x), lambda x, y, g: (g + y * (g * y).mean(axis=-1, keepdims=True)) / rms(x))),
    (RMS, "factor-missing", unary(lambda x: x / rms(x), lambda x, y, g: (g - y * (g * y).sum(axis=-1, keepdims=True)) / rms(x))),
    (RMS, "wrong-axis", unary(lambda x: x / np.sqrt((x**2).mean(axis=0) + 1e-5), lambda x, y, g: (g - y * (g * y).mean(axis=-1, keepdims=True)) / rms(x))),
    # core
    ("edf.addgrad", "batch-mean-missing", NoMean),
    ("edf.addgrad", "overwrites", OverwritesMean),
    ("edf.addgrad", "hard-coded-shape", FixedBatch),
    ("edf.addgrad", "first-example", FirstOnly),
    ("edf.addgrad", "batch-mean-twice", TwiceMean),
    ("edf.addgrad", None, OverAll),
    ("edf.addgrad", "delegates", Parameter),
    ("edf.addgrad", "delegates", Inherits),
    ("edf.addgrad", "delegates", CallsSuper),
    ("edf.backward_pass", "delegates", backward_by_library),
    ("edf.backward_pass", "delegates", backward_by_graph),
    ("edf.sgd", "delegates", sgd_by_library),
    ("edf.mlp", "delegates", edf.MLP),
    ("edf.mlp", "delegates", lambda Phi, x: edf.MLP(Phi, x)),
    ("calculus.numerical_gradient", "delegates", numerical_gradient),
    ("calculus.jacobian", "delegates", lambda f, p: jacobian(f, p)),
    ("edf.addgrad", "sign", Turned),
    ("edf.backward_pass", "order-reversed", backward_in_order),
    ("edf.backward_pass", "grad-not-reset", backward_no_reset),
    ("edf.backward_pass", "grad-not-reset", backward_parameters_kept),
    ("edf.backward_pass", "no-seed", backward_no_seed),
    ("edf.backward_pass", "batch-mean-twice", backward_mean_seed),
    ("edf.sgd", "sign", sgd_ascent),
    ("edf.sgd", "factor-missing", sgd_no_rate),
    ("edf.sgd", None, sgd_first),
    ("edf.sgd", "mutates-grad", sgd_clears),
    ("edf.mlp", "squashed-output", mlp_squashed),
    ("edf.mlp", "no-activation", mlp_linear),
    ("edf.mlp", "order-reversed", mlp_reversed),
    # calculus
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
