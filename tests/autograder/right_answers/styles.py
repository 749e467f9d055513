"""Right answers by other mathematics: what is right by a formula that few would write."""

from __future__ import annotations

import functools
from graphlib import TopologicalSorter
from typing import Any

import numpy as np

from edf_course import edf
from edf_course.edf import CompNode, Parameter


def activation(function: Any, slope: Any) -> type:
    """A node class whose slope is written with its own value."""

    class Node(CompNode):
        def __init__(self, x):
            super().__init__()
            self.x = x

        def forward(self):
            self.value = function(self.x.value)

        def backward(self):
            self.x.addgrad(self.grad * slope(self.value))

    return Node


class ByTheBytesOfItsInput(CompNode):
    """A sigmoid that keeps its value for as long as x is the same."""

    def __init__(self, x):
        super().__init__()
        self.x = x
        self.key = self.kept = None

    def forward(self):
        key = self.x.value.tobytes()
        if key != self.key:
            self.key, self.kept = key, 0.5 * np.tanh(0.5 * self.x.value) + 0.5
        self.value = self.kept

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class TanhByExpm1(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        t = np.expm1(-2 * np.abs(self.x.value))
        self.value = -np.sign(self.x.value) * t / (t + 2)
        self.jacobians = np.stack([np.diag(1 - row**2) for row in self.value])

    def backward(self):
        self.x.addgrad((self.jacobians @ self.grad[..., None])[..., 0])


class SoftplusByItsValue(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = np.logaddexp(self.x.value, 0)

    def backward(self):
        self.x.addgrad(-np.expm1(-self.value) * self.grad)


class SoftmaxByPairs(CompNode):
    """1 / sum_j exp(x[j] - x[i]); backward by a loop over other columns."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        x = self.x.value
        self.value = 1 / np.exp(np.clip(x[:, None, :] - x[:, :, None], -700, 700)).sum(axis=2)

    def backward(self):
        y, g = self.value, self.grad
        total = g * y * (1 - y)
        for k in range(1, y.shape[1]):
            others = np.roll(np.arange(y.shape[1]), k)
            total = total - g[:, others] * y[:, others] * y
        self.x.addgrad(total)


class AffineWithAColumnMore(CompNode):
    """The bias as one more row of W, read by a column of -1."""

    def __init__(self, Phi, x):
        super().__init__()
        self.Phi, self.x = Phi, x

    def forward(self):
        self.longer = np.hstack([self.x.value, -np.ones((len(self.x.value), 1))])
        self.taller = np.vstack([self.Phi.w.value, self.Phi.b.value])
        self.value = self.longer @ self.taller

    def backward(self):
        mean = self.longer.T @ self.grad / len(self.grad)
        self.Phi.w.addgrad_mean(mean[:-1])
        self.Phi.b.addgrad_mean(mean[-1])
        self.x.addgrad((self.grad @ self.taller.T)[:, :-1])


class LogLossByItsValue(CompNode):
    def __init__(self, q, y):
        super().__init__()
        self.q, self.y = q, y

    def forward(self):
        self.value = np.log(1 / np.take_along_axis(self.q.value, self.y.value[:, None], axis=1))[:, 0]

    def backward(self):
        slopes = np.zeros(self.q.value.shape)
        np.put_along_axis(slopes, self.y.value[:, None], -np.exp(self.value)[:, None], axis=1)
        self.q.addgrad(slopes * self.grad[:, None])


class SquaredErrorMultipliedOut(CompNode):
    def __init__(self, p, t):
        super().__init__()
        self.p, self.t = p, t

    def forward(self):
        p, t = self.p.value, self.t.value
        self.value = (p * p - 2 * p * t + t * t).sum(-1)

    def backward(self):
        self.p.addgrad(np.tile(self.grad, (self.p.value.shape[1], 1)).T * (2 * self.p.value - 2 * self.t.value))


class MulOfAList(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.operands = [a, b]

    def forward(self):
        self.value = np.prod([o.value for o in self.operands], axis=0)

    def backward(self):
        for mine, other in zip(self.operands, self.operands[::-1], strict=True):
            mine.addgrad(self.grad * other.value)


class GateByTanh(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self):
        self.half = np.tanh(self.b.value / 2)
        self.value = self.a.value * (1 + self.half) / 2

    def backward(self):
        self.a.addgrad(self.grad * (1 + self.half) / 2)
        self.b.addgrad(self.grad * self.a.value * (1 - self.half**2) / 4)


class RMSNormByTwoPaths(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.mean_square = np.square(self.x.value).mean(-1, keepdims=True) + 1e-5
        self.value = self.x.value / self.mean_square**0.5

    def backward(self):
        x, g, m = self.x.value, self.grad, self.mean_square
        to_mean = (g * x * -0.5 * m**-1.5).sum(-1, keepdims=True)
        self.x.addgrad(g * m**-0.5 + to_mean * 2 * x / x.shape[-1])


class RunningMean(Parameter):
    def addgrad(self, delta):
        mean = np.zeros_like(self.value)
        for k, d in enumerate(delta, start=1):
            mean += (d - mean) / k
        self.grad = self.grad + mean


def mlp_by_recursion(Phi, x):
    head, *tail = Phi
    return edf.Affine(head, edf.Sigmoid(mlp_by_recursion(tail, x)) if tail else x)


def gradient_by_richardson(f, x):
    x, g = np.asarray(x, float), np.zeros(np.shape(x))

    def along(i, h):
        e = np.zeros(x.shape)
        e[i] = h
        return (f(x + e) - f(x - e)) / (2 * h)

    for i in np.ndindex(x.shape):
        g[i] = (4 * along(i, 5e-4) - along(i, 1e-3)) / 3
    return g


def gradient_that_puts_back_by_adding(f, x):
    x, g = np.array(x, float), np.zeros(np.shape(x))
    for i in np.ndindex(x.shape):
        x[i] += 1e-6
        up = f(x)
        x[i] -= 2e-6
        down = f(x)
        x[i] += 1e-6
        g[i] = (up - down) / 2e-6
    return g


def jacobian_with_steps_of_each_size(f, p):
    p = np.asarray(p, float)
    J = np.zeros((len(f(p)), len(p)))
    for j, at in enumerate(p):
        q = p.copy()
        q[j] += np.sqrt(np.finfo(float).eps) * max(1.0, abs(at))
        J[:, j] = (f(q) - f(p)) / (q[j] - at)
    return J


class Forwards:
    """A Value that carries its slopes along, leaf by leaf: nothing is walked back."""

    def __init__(self, data, slopes=None):
        self.data, self.grad = data, 0.0
        self.slopes = {id(self): (self, 1.0)} if slopes is None else slopes

    def _made(self, data, *terms):
        slopes: dict[int, Any] = {}
        for node, factor in terms:
            for key, (leaf, slope) in node.slopes.items():
                slopes[key] = (leaf, slopes.get(key, (leaf, 0.0))[1] + factor * slope)
        return Forwards(data, slopes)

    def __add__(self, o):
        return self._made(self.data + o.data, (self, 1), (o, 1))

    def __sub__(self, o):
        return self._made(self.data - o.data, (self, 1), (o, -1))

    def __mul__(self, o):
        return self._made(self.data * o.data, (self, o.data), (o, self.data))

    def __truediv__(self, o):
        return self._made(self.data / o.data, (self, 1 / o.data), (o, -self.data / o.data**2))

    def __pow__(self, n):
        return self._made(self.data**n, (self, n * self.data ** (n - 1)))

    def exp(self):
        return self._made(np.exp(self.data), (self, np.exp(self.data)))

    def tanh(self):
        return self._made(np.tanh(self.data), (self, np.cosh(self.data) ** -2))

    def relu(self):
        return self._made(max(self.data, 0.0), (self, float(self.data > 0)))

    def backward(self):
        for leaf, slope in self.slopes.values():
            leaf.grad = slope
        self.grad = 1.0


def order_by_depth(root):
    @functools.cache
    def depth(node):
        return 1 + max((depth(p) for p in node._prev), default=0)

    nodes, todo = [], [root]
    while todo:
        node = todo.pop()
        if not any(node is m for m in nodes):
            nodes.append(node)
            todo.extend(node._prev)
    return sorted(nodes, key=depth)


def order_by_graphlib(root):
    graph: dict[Any, set[Any]] = {}
    todo = [root]
    while todo:
        node = todo.pop()
        if node not in graph:
            graph[node] = set(node._prev)
            todo += node._prev
    return list(TopologicalSorter(graph).static_order())


class AdamByProducts:
    """The powers of the betas are kept as products; the corrections go into the rate and eps."""

    def __init__(self, lr, betas, eps):
        self.lr, self.betas, self.eps, self.powers, self.kept = lr, betas, eps, [1.0, 1.0], {}

    def step(self, params, grads):
        self.powers = [p * b for p, b in zip(self.powers, self.betas, strict=True)]
        (b1, b2), (p1, p2) = self.betas, self.powers
        for i, g in enumerate(grads):
            m, s = self.kept.get(i, (0.0, 0.0))
            m, s = m + (1 - b1) * (g - m), s + (1 - b2) * (g * g - s)
            self.kept[i] = m, s
            root = np.sqrt(1 - p2)
            params[i] -= self.lr * root / (1 - p1) * m / (np.sqrt(s) + self.eps * root)
        return params


class AdaGradByHistory:
    def __init__(self, lr, eps):
        self.lr, self.eps, self.history = lr, eps, []

    def step(self, params, grads):
        self.history.append([g.copy() for g in grads])
        for i, p in enumerate(params):
            p -= self.lr * grads[i] / (np.sqrt(sum(old[i] * old[i] for old in self.history)) + self.eps)
        return params


RIGHT: list[tuple[str, Any]] = [
    ("edf.sigmoid", ByTheBytesOfItsInput),
    ("edf.sigmoid", activation(lambda x: np.exp(-np.logaddexp(0, -x)), lambda y: 0.25 - (y - 0.5) ** 2)),
    ("edf.tanh", TanhByExpm1),
    ("edf.tanh", activation(np.tanh, lambda y: (1 - y) * (1 + y))),
    ("edf.relu", activation(lambda x: (x + np.abs(x)) / 2, np.sign)),
    ("edf.softplus", SoftplusByItsValue),
    ("edf.softmax", SoftmaxByPairs),
    ("edf.affine", AffineWithAColumnMore),
    ("edf.logloss", LogLossByItsValue),
    ("edf.squared_error", SquaredErrorMultipliedOut),
    ("edf.mul", MulOfAList),
    ("edf.gate", GateByTanh),
    ("edf.rms_norm", RMSNormByTwoPaths),
    ("edf.addgrad", RunningMean),
    ("edf.mlp", mlp_by_recursion),
    ("calculus.numerical_gradient", gradient_by_richardson),
    ("calculus.numerical_gradient", gradient_that_puts_back_by_adding),
    ("calculus.jacobian", jacobian_with_steps_of_each_size),
    ("scalar.value", Forwards),
    ("scalar.topological_order", order_by_depth),
    ("scalar.topological_order", order_by_graphlib),
    ("optim.adam", AdamByProducts),
    ("optim.adagrad", AdaGradByHistory),
]
