"""Right answers to the exercises on step sizes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np


class Momentum:
    def __init__(self, lr, momentum):
        self.lr, self.momentum, self.v = lr, momentum, None

    def step(self, params, grads):
        if self.v is None:
            self.v = [np.zeros_like(p) for p in params]
        for v, p, g in zip(self.v, params, grads, strict=True):
            v *= self.momentum
            v += g
            p -= self.lr * v
        return params


class MomentumOnIncrements:
    """The increment of Eq. (32), added: the same path while lr stays."""

    def __init__(self, lr, momentum):
        self.lr, self.momentum, self.deltas = lr, momentum, {}

    def step(self, params, grads):
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            self.deltas[i] = self.momentum * self.deltas.get(i, 0.0) - self.lr * g
            p += self.deltas[i]
        return list(params)


def make_momentum(lr, momentum):
    """A factory: the state is in a closure, keyed by the array itself."""
    kept: dict[int, np.ndarray] = {}

    def step(params, grads):
        for p, g in zip(params, grads, strict=True):
            kept[id(p)] = momentum * kept[id(p)] + g if id(p) in kept else g.copy()
            np.subtract(p, lr * kept[id(p)], out=p)
        return params

    return SimpleNamespace(step=step)


class AdaGrad:
    def __init__(self, lr, eps):
        self.lr, self.eps, self.s = lr, eps, {}

    def step(self, params, grads):
        for i in range(len(params)):
            self.s[i] = self.s.get(i, 0) + grads[i] ** 2
            params[i][...] = params[i] - self.lr * grads[i] / (np.sqrt(self.s[i]) + self.eps)
        return params


class AdaGradThatKeepsAll:
    """Sums anew what it has kept, entry by entry."""

    def __init__(self, lr, eps):
        self.lr, self.eps, self.history = lr, eps, []

    def step(self, params, grads):
        self.history.append([g.copy() for g in grads])
        for i, p in enumerate(params):
            for index in np.ndindex(p.shape):
                s = sum(old[i][index] ** 2 for old in self.history)
                p[index] -= self.lr * grads[i][index] / (s**0.5 + self.eps)
        return params


class RMSProp:
    def __init__(self, lr, alpha, eps):
        self.lr, self.alpha, self.eps, self.s = lr, alpha, eps, None

    def step(self, params, grads):
        self.s = self.s or [np.zeros(p.shape) for p in params]
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            self.s[i] = self.alpha * self.s[i] + (1 - self.alpha) * g * g
            p[:] -= self.lr * g / (self.s[i] ** 0.5 + self.eps)
        return params


class RMSPropTowards(RMSProp):
    """s moves a share of the way towards the new square."""

    def step(self, params, grads):
        self.s = self.s or [np.zeros(p.shape) for p in params]
        for s, p, g in zip(self.s, params, grads, strict=True):
            s += (1 - self.alpha) * (np.square(g) - s)
            p -= self.lr / (np.sqrt(s) + self.eps) * g
        return tuple(params)


class Adam:
    def __init__(self, lr, betas, eps):
        self.lr, (self.beta1, self.beta2), self.eps = lr, betas, eps
        self.t = 0

    def step(self, params, grads):
        if self.t == 0:
            self.m = [0.0 for _ in params]
            self.v = [0.0 for _ in params]
        self.t += 1
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
            m_hat = self.m[i] / (1 - self.beta1**self.t)
            v_hat = self.v[i] / (1 - self.beta2**self.t)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
        return params


class AdamWithOneFactor:
    """Both corrections in the step size, and eps scaled along; t kept for each parameter."""

    def __init__(self, lr, betas, eps):
        self.lr, self.betas, self.eps, self.kept = lr, betas, eps, {}

    def step(self, params, grads):
        b1, b2 = self.betas
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            m, v, t = self.kept.get(i, (np.zeros_like(p), np.zeros_like(p), 0))
            m, v, t = m + (1 - b1) * (g - m), v + (1 - b2) * (g * g - v), t + 1
            self.kept[i] = (m, v, t)
            root = np.sqrt(1 - b2**t)
            p -= self.lr * root / (1 - b1**t) * m / (np.sqrt(v) + self.eps * root)
        return params


class AdamInFloat32(Adam):
    def step(self, params, grads):
        small = [p.astype(np.float32) for p in params]
        super().step(small, [g.astype(np.float32) for g in grads])
        for p, new in zip(params, small, strict=True):
            p[...] = new
        return params


RIGHT = [
    ("optim.momentum", Momentum),
    ("optim.momentum", MomentumOnIncrements),
    ("optim.momentum", make_momentum),
    ("optim.adagrad", AdaGrad),
    ("optim.adagrad", AdaGradThatKeepsAll),
    ("optim.rmsprop", RMSProp),
    ("optim.rmsprop", RMSPropTowards),
    ("optim.adam", Adam),
    ("optim.adam", AdamWithOneFactor),
    ("optim.adam", AdamInFloat32),
]
