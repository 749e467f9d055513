"""Right answers in the styles that students write: all must pass, whatever they look like."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import numpy as np
from scipy.special import expit

from edf_course import edf
from edf_course.edf import CompNode, CompNodes, Parameter
from tests.autograder.making import affine, binary, loss, sig, unary


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class SlideSigmoid(CompNode):
    """As on the slides: appends itself, no super().__init__()."""

    def __init__(self, x):
        CompNodes.append(self)
        self.x = x

    def forward(self):
        with np.errstate(over="ignore"):
            self.value = 1.0 / (1.0 + np.exp(-self.x.value))

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1.0 - self.value))


class LoopSigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.inp = x

    def forward(self):
        out = np.empty(self.inp.value.shape)
        for index, v in np.ndenumerate(self.inp.value):
            out[index] = 1 / (1 + np.exp(-v)) if v > 0 else np.exp(v) / (1 + np.exp(v))
        self.value = out

    def backward(self):
        for b in range(len(self.value)):
            for i in range(self.value.shape[1]):
                delta = np.zeros(self.value.shape)
                delta[b, i] = self.grad[b, i] * self.value[b, i] * (1 - self.value[b, i])
                self.inp.addgrad(delta)


class DirectSigmoid(CompNode):
    """Adds to x.grad itself, keeps the slope, warns, prints and logs."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        warnings.warn("hello", stacklevel=1)
        self.value = expit(self.x.value)
        self.slope = self.value - self.value * self.value

    def backward(self):
        print("backward", file=sys.stderr)
        logging.getLogger("student").warning("backward")
        self.x.grad += self.grad * self.slope


class TanhSigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x
        self.value = None
        self.grad = 0

    def forward(self):
        self.value = 0.5 * (1 + np.tanh(0.5 * self.x.value))
        return self.value

    def backward(self):
        self.x.addgrad(0.25 * self.grad / np.cosh(np.clip(self.x.value / 2, -300, 300)) ** 2)


class Elementwise(CompNode):
    """A student's own base class."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = self.f(self.x.value)

    def backward(self):
        buffer = np.array(self.grad)
        buffer *= self.df(self.x.value)
        self.x.addgrad(buffer)
        buffer[:] = 99.0  # reused for something else


class BaseSigmoid(Elementwise):
    f = staticmethod(expit)

    @staticmethod
    def df(x):
        return expit(x) * expit(-x)


class SlideAffine(CompNode):
    """The outer product of the slides, averaged by addgrad."""

    def __init__(self, Phi, x):
        CompNodes.append(self)
        self.x = x
        self.Phi = Phi

    def forward(self):
        self.value = np.matmul(self.x.value, self.Phi.w.value) - self.Phi.b.value

    def backward(self):
        self.x.addgrad(np.matmul(self.grad, self.Phi.w.value.transpose()))
        self.Phi.b.addgrad(-self.grad)
        self.Phi.w.addgrad(self.x.value[:, :, np.newaxis] * self.grad[:, np.newaxis, :])


class LoopAffine(CompNode):
    def __init__(self, Phi, x):
        super().__init__()
        self.Phi, self.x = Phi, x

    def forward(self):
        rows = []
        for b in range(self.x.value.shape[0]):
            rows.append(
                [
                    sum(self.x.value[b, i] * w for i, w in enumerate(self.Phi.w.value[:, j])) - self.Phi.b.value[j]
                    for j in range(self.Phi.w.value.shape[1])
                ]
            )
        self.value = np.array(rows)

    def backward(self):
        B, n = self.x.value.shape
        dW = np.zeros_like(self.Phi.w.value)
        for b in range(B):
            dW += np.outer(self.x.value[b], self.grad[b]) / B
        self.Phi.w.grad = self.Phi.w.grad + dW
        self.Phi.b.grad -= self.grad.mean(0)
        self.x.addgrad(np.stack([self.Phi.w.value @ self.grad[b] for b in range(B)]))


class JacobianSoftmax(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = softmax(self.x.value)

    def backward(self):
        rows = []
        for y, g in zip(self.value, self.grad, strict=True):
            J = np.diag(y) - np.outer(y, y)
            rows.append(J.T @ g)
        self.x.addgrad(np.array(rows))


class LogSoftmax(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        x = self.x.value
        self.logs = x - np.logaddexp.reduce(x, axis=1, keepdims=True)
        self.value = np.exp(self.logs)

    def backward(self):
        weighted = self.grad * np.exp(self.logs)
        self.x.addgrad(weighted - self.value * np.sum(weighted, axis=1)[:, None])


class LoopLogLoss(CompNode):
    def __init__(self, q, y):
        super().__init__()
        self.q, self.y = q, y

    def forward(self):
        self.value = np.array([-np.log(row[label]) for row, label in zip(self.q.value, self.y.value, strict=True)])

    def backward(self):
        d = np.zeros(self.q.value.shape)
        for b, label in enumerate(self.y.value):
            d[b][label] = -self.grad[b] / self.q.value[b][label]
        self.q.addgrad(d)


class SlideParameter(Parameter):
    def addgrad(self, delta):
        self.grad += np.sum(delta, axis=0) / delta.shape[0]


class LoopParameter(Parameter):
    def addgrad(self, delta):
        total = np.zeros(self.value.shape)
        for d in delta:
            total = total + d
        self.grad = self.grad + total / len(delta)


def backward_as_on_slides(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = 0
    loss.grad = 1.0
    for c in nodes[::-1]:
        if np.ndim(c.grad) == 0:
            c.grad = np.full(c.value.shape, float(c.grad))
        c.backward()


def backward_with_zeros(nodes, parameters, loss):
    for c in [*nodes, *parameters]:
        c.grad = np.zeros_like(c.value)
    loss.grad = np.ones(loss.value.shape)
    i = len(nodes) - 1
    while i >= 0:
        nodes[i].backward()
        i -= 1


def sgd_new_arrays(parameters, learning_rate):
    for p in parameters:
        p.value = p.value - learning_rate * p.grad


def sgd_in_place(parameters, learning_rate):
    for p in parameters:
        np.subtract(p.value, learning_rate * p.grad, out=p.value)


def mlp_recursive(Phi, x, last=True):
    if len(Phi) == 0:
        return x
    y = edf.Affine(Phi[0], mlp_recursive(Phi[1:], x, False))
    return y if last else edf.Sigmoid(y)


def mlp_loop(Phi, x):
    for i in range(len(Phi) - 1, 0, -1):
        x = edf.Sigmoid(edf.Affine(Phi[i], x))
    return edf.Affine(Phi[0], x)


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


def rms(x: Any) -> Any:
    return np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


class LoopRMSNorm(CompNode):
    EPS = 1e-5

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.r = [np.sqrt(np.mean(row**2) + self.EPS) for row in self.x.value]
        self.value = np.array([row / r for row, r in zip(self.x.value, self.r, strict=True)])

    def backward(self):
        n = self.value.shape[1]
        out = np.zeros_like(self.value)
        for b, row in enumerate(self.x.value):
            J = np.eye(n) / self.r[b] - np.outer(row, row) / (n * self.r[b] ** 3)
            out[b] = self.grad[b] @ J
        self.x.addgrad(out)


def f32(*arrays: Any) -> Any:
    return tuple(np.asarray(a, dtype=np.float32) for a in arrays)


RIGHT: list[tuple[str, Any]] = [
    ("edf.sigmoid", SlideSigmoid),
    ("edf.sigmoid", LoopSigmoid),
    ("edf.sigmoid", DirectSigmoid),
    ("edf.sigmoid", TanhSigmoid),
    ("edf.sigmoid", BaseSigmoid),
    ("edf.sigmoid", lambda x: BaseSigmoid(x)),
    ("edf.sigmoid", unary(sig, lambda x, y, g: g * y * (1 - y))),
    ("edf.sigmoid", unary(lambda x: sig(x.astype(np.float32)), lambda x, y, g: g.astype(np.float32) * y * (1 - y))),
    ("edf.sigmoid", unary(sig, lambda x, y, g: np.einsum("bi,bi->bi", g, y - y**2))),
    ("edf.sigmoid", unary(sig, lambda x, y, g: g * np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2)),
    ("edf.tanh", unary(np.tanh, lambda x, y, g: g * (1 - y**2))),
    ("edf.tanh", unary(np.tanh, lambda x, y, g: (1 - y) * (1 + y) * g)),
    ("edf.tanh", unary(lambda x: 2 * sig(2 * x) - 1, lambda x, y, g: g * (1 - np.square(y)))),
    ("edf.relu", unary(lambda x: np.maximum(x, 0), lambda x, y, g: g * (x > 0))),
    ("edf.relu", unary(lambda x: x * (x > 0), lambda x, y, g: np.where(y > 0, g, 0))),
    ("edf.relu", unary(lambda x: np.clip(x, 0, None), lambda x, y, g: g * np.heaviside(x, 0))),
    ("edf.relu", unary(lambda x: (abs(x) + x) / 2, lambda x, y, g: g * (np.sign(x) + 1) / 2 * (x != 0))),
    ("edf.softplus", unary(lambda x: np.logaddexp(0, x), lambda x, y, g: g * sig(x))),
    ("edf.softplus", unary(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), lambda x, y, g: g * expit(x))),
    ("edf.softplus", unary(lambda x: np.logaddexp(x, 0), lambda x, y, g: g * (1 - np.exp(-y)))),
    ("edf.softmax", JacobianSoftmax),
    ("edf.softmax", LogSoftmax),
    ("edf.softmax", unary(softmax, lambda x, y, g: y * (g - (g * y).sum(axis=-1, keepdims=True)))),
    ("edf.softmax", unary(softmax, lambda x, y, g: y * g - y * np.einsum("bi,bi->b", y, g)[:, None])),
    ("edf.softmax", unary(lambda x: softmax(x.astype(np.float32)), lambda x, y, g: (y * (g - (g * y).sum(axis=1)[:, None])).astype(np.float32))),
    ("edf.affine", SlideAffine),
    ("edf.affine", LoopAffine),
    ("edf.affine", affine()),
    ("edf.affine", affine(w_grad=lambda x, W, g: np.einsum("bi,bj->ij", x, g) / x.shape[0])),
    ("edf.affine", affine(w_grad=lambda x, W, g: (x.T / len(x)) @ g, b_grad=lambda x, W, g: -np.ones(len(g)) @ g / len(g))),
    ("edf.logloss", LoopLogLoss),
    ("edf.logloss", loss(lambda q, y: -np.log(q[np.arange(len(y)), y]), lambda q, y, g: -g * np.eye(q.shape[1])[y] / q)),
    ("edf.logloss", loss(lambda q, y: -np.log((q * np.eye(q.shape[1])[y]).sum(1)), lambda q, y, g: np.where(np.arange(q.shape[1]) == y[:, None], -g / q, 0))),
    ("edf.logloss", loss(lambda q, y: -np.log(np.take_along_axis(q, y[:, None], 1)[:, 0]), lambda q, y, g: -g * np.eye(q.shape[1])[y] / q)),
    ("edf.squared_error", loss(lambda p, t: ((p - t) ** 2).sum(axis=1), lambda p, t, g: 2 * g * (p - t))),
    ("edf.squared_error", loss(lambda p, t: np.einsum("bi,bi->b", p - t, p - t), lambda p, t, g: -2 * (t - p) * g)),
    ("edf.squared_error", loss(lambda p, t: np.linalg.norm(p - t, axis=-1) ** 2, lambda p, t, g: g * (p - t) + g * (p - t))),
    ("edf.mul", binary(np.multiply, lambda a, b, y, g: (g * b, g * a))),
    ("edf.mul", binary(lambda a, b: a * b, lambda a, b, y, g: (b * g, a * g))),
    ("edf.add", binary(np.add, lambda a, b, y, g: (g, g))),
    ("edf.add", binary(np.add, lambda a, b, y, g: (g.copy(), 1.0 * g))),
    ("edf.gate", binary(lambda a, b: a * sig(b), lambda a, b, y, g: (g * sig(b), g * a * sig(b) * (1 - sig(b))))),
    ("edf.gate", binary(lambda a, b: a * expit(b), lambda a, b, y, g: (g * expit(b), g * y * expit(-b)))),
    ("edf.rms_norm", LoopRMSNorm),
    ("edf.rms_norm", unary(lambda x: x / rms(x), lambda x, y, g: (g - y * (g * y).mean(axis=-1, keepdims=True)) / rms(x))),
    ("edf.rms_norm", unary(lambda x: x / rms(x), lambda x, y, g: g / rms(x) - x * (g * x).sum(-1, keepdims=True) / (x.shape[1] * rms(x) ** 3))),
    ("edf.rms_norm", unary(lambda x: (x / rms(x)).astype(np.float32), lambda x, y, g: ((g - y * (g * y).mean(axis=-1, keepdims=True)) / rms(x)).astype(np.float32))),
    ("edf.addgrad", SlideParameter),
    ("edf.addgrad", LoopParameter),
    ("edf.backward_pass", backward_as_on_slides),
    ("edf.backward_pass", backward_with_zeros),
    ("edf.sgd", sgd_new_arrays),
    ("edf.sgd", sgd_in_place),
    ("edf.mlp", mlp_recursive),
    ("edf.mlp", mlp_loop),
    ("calculus.numerical_gradient", gradient_central),
    ("calculus.numerical_gradient", gradient_flat),
    ("calculus.numerical_gradient", gradient_restoring),
    ("calculus.numerical_gradient", gradient_small_one_sided),
    ("calculus.jacobian", jacobian_columns),
    ("calculus.jacobian", jacobian_complex),
]  # fmt: skip
