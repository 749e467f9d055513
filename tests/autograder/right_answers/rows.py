"""Right answers: nodes that mix entries, and losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from edf_course.edf import CompNode, CompNodes
from tests.autograder.making import affine, loss, unary


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


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
        B = len(self.x.value)
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


RIGHT: list[tuple[str, Any]] = [
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
    ("edf.rms_norm", LoopRMSNorm),
    ("edf.rms_norm", unary(lambda x: x / rms(x), lambda x, y, g: (g - y * (g * y).mean(axis=-1, keepdims=True)) / rms(x))),
    ("edf.rms_norm", unary(lambda x: x / rms(x), lambda x, y, g: g / rms(x) - x * (g * x).sum(-1, keepdims=True) / (x.shape[1] * rms(x) ** 3))),
    ("edf.rms_norm", unary(lambda x: (x / rms(x)).astype(np.float32), lambda x, y, g: ((g - y * (g * y).mean(axis=-1, keepdims=True)) / rms(x)).astype(np.float32))),
]  # fmt: skip
