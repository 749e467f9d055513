"""Right answers that nobody would expect: nodes that mix entries, and losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp

from edf_course.edf import CompNode
from tests.autograder.making import affine, loss, unary


class TurnedSoftmax(CompNode):
    """Turns everything around instead of keeping axes."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        e = np.exp(self.x.value.T - self.x.value.max(1)).T
        self.value = (e.T / e.sum(1)).T

    def backward(self):
        self.x.addgrad((self.grad.T - (self.grad * self.value).sum(1)).T * self.value)


class TensorSoftmax(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        y = self.value = np.exp(self.x.value - logsumexp(self.x.value, axis=1, keepdims=True))
        self.J = np.einsum("bi,ij->bij", y, np.eye(y.shape[1])) - y[:, :, None] * y[:, None, :]

    def backward(self):
        self.x.addgrad((self.grad[:, None, :] @ self.J)[:, 0, :])


def softmax_in_place(x):
    z = x - x.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def softmax_back(x, y, g):
    out = y * g
    out -= y * out.sum(axis=1, keepdims=True)
    return out


class ShareByShare(CompNode):
    """Adds each example's share to the parameters by itself, with += and -=."""

    def __init__(self, Phi, x):
        super().__init__()
        self.W, self.b, self.x = Phi.w, Phi.b, x

    def forward(self):
        self.value = self.x.value @ self.W.value - self.b.value

    def backward(self):
        B = self.grad.shape[0]
        for k in range(B):
            self.W.grad += np.outer(self.x.value[k], self.grad[k]) / B
            self.b.grad -= self.grad[k] / B
        self.x.grad += self.grad @ self.W.value.T


class AddAtAffine(CompNode):
    """Remembers in forward what backward needs; hands lists, and means as a batch of one."""

    def __init__(self, Phi, x):
        super().__init__()
        self.Phi, self.x = Phi, x

    def forward(self):
        self.seen = self.x.value, self.Phi.w.value
        self.value = self.seen[0] @ self.seen[1] - self.Phi.b.value

    def backward(self):
        x, W = self.seen
        of_each = np.zeros((len(x), *W.shape))
        np.add.at(of_each, np.arange(len(x)), x[:, :, None] * self.grad[:, None, :])
        self.Phi.w.addgrad(of_each)
        self.Phi.b.addgrad(-self.grad.mean(0, keepdims=True))
        self.x.addgrad([list(row) for row in np.inner(self.grad, W)])


class AddAtLogLoss(CompNode):
    def __init__(self, q, y):
        super().__init__()
        self.q, self.y = q, y

    def forward(self):
        self.p = np.choose(self.y.value, self.q.value.T)
        self.value = np.log(1 / self.p)

    def backward(self):
        delta = np.zeros_like(self.q.value)
        np.add.at(delta, (np.arange(len(delta)), self.y.value), -self.grad / self.p)
        self.q.addgrad(delta)


class MaskLogLoss(CompNode):
    """Finds the right class with a mask, and hands a gradient to the labels too (they do not mind)."""

    def __init__(self, q, y):
        super().__init__()
        self.q, self.y = q, y

    def forward(self):
        self.hot = np.arange(self.q.value.shape[-1]) == self.y.value[:, None]
        self.value = -np.log(self.q.value[self.hot])

    def backward(self):
        delta = np.zeros(self.q.value.shape)
        delta[self.hot] = -self.grad / self.q.value[self.hot]
        self.q.addgrad(delta)
        self.y.addgrad(delta)


def rms(x: Any) -> Any:
    return np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


class StepwiseRMSNorm(CompNode):
    """One step of the chain rule a line."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.mean = (self.x.value**2).mean(1, keepdims=True)
        self.r = np.sqrt(self.mean + 1e-5)
        self.inverse = 1 / self.r
        self.value = self.x.value * self.inverse

    def backward(self):
        x = self.x.value
        dx = self.grad * self.inverse
        d_inverse = (self.grad * x).sum(1, keepdims=True)
        d_r = -d_inverse / self.r**2
        d_mean = d_r * 0.5 / self.r
        dx += 2 * x * np.ones_like(x) * d_mean / x.shape[1]
        self.x.addgrad(dx)


class SingleRMSNorm(CompNode):
    eps = 1e-5

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        x = self.x.value.astype(np.float32)
        self.inverse = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self.eps))
        self.value = (x * self.inverse).astype(float)

    def backward(self):
        x, g = self.x.value.astype(np.float32), self.grad.astype(np.float32)
        second = self.inverse**3 * x * (x * g).sum(-1, keepdims=True) / x.shape[1]
        self.x.addgrad((self.inverse * g - second).astype(float))


def hot(q: Any, y: Any) -> Any:
    return np.eye(q.shape[1])[y]


RIGHT: list[tuple[str, Any]] = [
    ("edf.softmax", TurnedSoftmax),
    ("edf.softmax", TensorSoftmax),
    ("edf.softmax", unary(softmax_in_place, softmax_back)),
    ("edf.softmax", unary(lambda x: 1 / np.exp(x[:, None, :] - x[:, :, None]).sum(axis=2), softmax_back)),
    ("edf.softmax", unary(softmax_in_place, lambda x, y, g: np.array([[sum(s[j] * row[j] * ((i == j) - row[i]) for j in range(len(row))) for i in range(len(row))] for row, s in zip(y, g, strict=True)]))),
    ("edf.affine", ShareByShare),
    ("edf.affine", AddAtAffine),
    ("edf.affine", affine(value=lambda x, W, b: np.dot(x, W) + (-b), w_grad=lambda x, W, g: (g.T @ x).T / len(g))),
    ("edf.affine", affine(value=lambda x, W, b: np.einsum("bi,ij->bj", x, W) - b[None, :], x_grad=lambda x, W, g: np.einsum("bj,ij->bi", g, W))),
    ("edf.affine", affine(value=lambda x, W, b: np.c_[x, -np.ones(len(x))] @ np.r_[W, b[None]])),
    ("edf.affine", affine(w_grad=lambda x, W, g: np.mean([np.outer(a, c) for a, c in zip(x, g, strict=True)], axis=0), b_grad=lambda x, W, g: -np.average(g, axis=0))),
    ("edf.affine", affine(w_grad=lambda x, W, g: np.tensordot(x, g, axes=(0, 0)) / g.shape[0], b_grad=lambda x, W, g: np.mean(-g, 0))),
    ("edf.affine", affine(w_grad=lambda x, W, g: (x.T.astype(np.float32) @ g.astype(np.float32)) / np.float32(len(g)))),
    ("edf.logloss", loss(lambda q, y: -np.log(q.astype(np.float32)[np.arange(len(q)), y]), lambda q, y, g: (-g * hot(q, y) / q).astype(np.float32))),
    ("edf.logloss", AddAtLogLoss),
    ("edf.logloss", MaskLogLoss),
    ("edf.logloss", loss(lambda q, y: -np.log(q[np.arange(len(q)), y] + 1e-12), lambda q, y, g: -g * hot(q, y) / (q + 1e-12))),
    ("edf.logloss", loss(lambda q, y: -np.log(q[np.arange(len(q)), y] + 1e-8), lambda q, y, g: -g * hot(q, y) / (q + 1e-8))),
    ("edf.logloss", loss(lambda q, y: -np.log(q[np.arange(len(q)), y] + 1e-9), lambda q, y, g: -g * hot(q, y) / q)),
    ("edf.logloss", loss(lambda q, y: -np.log(np.clip(q, 1e-12, 1))[range(len(y)), y], lambda q, y, g: -g * hot(q, y) / np.clip(q, 1e-12, 1))),
    ("edf.logloss", loss(lambda q, y: -np.array([np.log2(row[int(k)]) for row, k in zip(q, y, strict=True)]) * np.log(2), lambda q, y, g: -(g * hot(q, y)) * q**-1)),
    ("edf.squared_error", loss(lambda p, t: ((p - t) @ (p - t).T).diagonal(), lambda p, t, g: g * 2 * p - g * 2 * t)),
    ("edf.squared_error", loss(lambda p, t: (p * p - 2 * p * t + t * t).sum(-1), lambda p, t, g: g * (2 * p - 2 * t))),
    ("edf.rms_norm", StepwiseRMSNorm),
    ("edf.rms_norm", SingleRMSNorm),
    ("edf.rms_norm", unary(lambda x: x * ((x * x).mean(1, keepdims=True) + 1e-5) ** -0.5, lambda x, y, g: (g * x.shape[1] * rms(x) ** 2 - x * (x * g).sum(1, keepdims=True)) / (x.shape[1] * rms(x) ** 3))),
    ("edf.rms_norm", unary(lambda x: x / np.sqrt(np.linalg.norm(x, axis=1, keepdims=True) ** 2 / x.shape[1] + 1e-5), lambda x, y, g: g / rms(x) - y * (y * g).mean(1)[:, None] / rms(x))),
]  # fmt: skip
