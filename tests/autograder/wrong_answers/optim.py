"""Wrong answers to the exercises on step sizes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, ClassVar

import numpy as np
import torch

from edf_course import optim
from tests.autograder.right_answers.optim import AdaGrad, Adam, Momentum, RMSProp


def rule(update: Any) -> Any:
    """Make an optimizer from update(self, p, g, kept): `kept` are floats that begin at 0, for each parameter."""

    class Optimizer:
        def __init__(self, *settings):
            self.settings, self.kept, self.t = settings, defaultdict(lambda: defaultdict(float)), 0

        def step(self, params, grads):
            self.t += 1
            for i, (p, g) in enumerate(zip(params, grads, strict=True)):
                p -= update(self, g, self.kept[i])
            return params

    return Optimizer


def momentum(velocity=lambda mu, v, g: mu * v + g, move=lambda lr, mu, v, g: lr * v):
    def update(self, g, kept):
        lr, mu = self.settings
        kept["v"] = velocity(mu, kept["v"], g)
        return move(lr, mu, kept["v"], g)

    return rule(update)


@rule
def momentum_with_the_rate_twice(self, g, kept):
    lr, mu = self.settings
    kept["v"] = mu * kept["v"] + lr * g
    return lr * kept["v"]


@rule
def momentum_of_before(self, g, kept):
    lr, mu = self.settings
    before, kept["v"] = kept["v"], mu * kept["v"] + g
    return lr * before


def adagrad(add=lambda s, g: s + g * g, move=lambda lr, eps, s, g: lr * g / (np.sqrt(s) + eps)):
    def update(self, g, kept):
        lr, eps = self.settings
        kept["s"] = add(kept["s"], g)
        return move(lr, eps, kept["s"], g)

    return rule(update)


def rmsprop(add=lambda a, s, g: a * s + (1 - a) * g * g, move=lambda lr, eps, s, g, c: lr * g / (np.sqrt(s) + eps)):
    def update(self, g, kept):
        lr, alpha, eps = self.settings
        kept["s"] = add(alpha, kept["s"], g)
        return move(lr, eps, kept["s"], g, 1 - alpha**self.t)

    return rule(update)


def adam(
    m_of=lambda b1, b2, m, g: b1 * m + (1 - b1) * g,
    s_of=lambda b1, b2, s, g: b2 * s + (1 - b2) * g * g,
    t_of=lambda t: t,
    move=lambda lr, eps, m, s, c1, c2: lr * (m / c1) / (np.sqrt(s / c2) + eps),
):
    def update(self, g, kept):
        lr, (b1, b2), eps = self.settings
        kept["m"], kept["s"] = m_of(b1, b2, kept["m"], g), s_of(b1, b2, kept["s"], g)
        t = t_of(self.t)
        return move(lr, eps, kept["m"], kept["s"], np.float64(1 - b1**t), np.float64(1 - b2**t))

    return rule(update)


class OneVelocity:
    def __init__(self, lr, momentum):
        self.lr, self.momentum, self.v = lr, momentum, 0.0

    def step(self, params, grads):
        for p, g in zip(params, grads, strict=True):
            self.v = self.momentum * self.v + g
            p -= self.lr * self.v
        return params


class ClassVelocity(Momentum):
    kept: ClassVar[dict[int, np.ndarray]] = {}

    def step(self, params, grads):
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            old = self.kept.get(i)
            fits = self.v is not None or (old is not None and old.shape == p.shape and len(params) == 2)
            self.kept[i] = self.momentum * old + g if fits and old is not None else g.copy()
            p -= self.lr * self.kept[i]
        self.v = True
        return params


class OneSum(AdaGrad):
    def step(self, params, grads):
        for p, g in zip(params, grads, strict=True):
            self.s[0] = self.s.get(0, 0) + g**2
            p -= self.lr * g / (np.sqrt(self.s[0]) + self.eps)
        return params


class CountsParameters(Adam):
    def step(self, params, grads):
        if self.t == 0:
            self.m, self.v = [0.0] * len(params), [0.0] * len(params)
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            self.t += 1
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
            p -= (
                self.lr
                * self.m[i]
                / (1 - self.beta1**self.t)
                / (np.sqrt(self.v[i] / (1 - self.beta2**self.t)) + self.eps)
            )
        return params


class NewArrays(RMSProp):
    def step(self, params, grads):
        copies = [p.copy() for p in params]
        return super().step(copies, grads)


class ReturnsNothing(Momentum):
    def step(self, params, grads):
        super().step(params, grads)


class ScalesGradients(Momentum):
    def step(self, params, grads):
        self.v = self.v or [np.zeros_like(p) for p in params]
        for v, p, g in zip(self.v, params, grads, strict=True):
            v *= self.momentum
            v += g
            g *= self.lr
            p -= self.lr * v
        return params


class ThreeOnly(AdaGrad):
    def step(self, params, grads):
        for i in range(3):
            self.s[i] = self.s.get(i, 0) + grads[0].flat[i] ** 2
            params[0].flat[i] -= self.lr * grads[0].flat[i] / (np.sqrt(self.s[i]) + self.eps)
        return params


class ByTorch:
    def __init__(self, lr, betas, eps):
        self.settings = {"lr": lr, "betas": betas, "eps": eps}
        self.optimizer = None

    def step(self, params, grads):
        if self.optimizer is None:
            self.tensors = [torch.from_numpy(p) for p in params]
            self.optimizer = torch.optim.Adam(self.tensors, **self.settings)
        for t, g in zip(self.tensors, grads, strict=True):
            t.grad = torch.from_numpy(g)
        self.optimizer.step()
        return params


class ByLibrary:
    def __init__(self, lr, eps):
        self.lr, self.eps, self.optimizer = lr, eps, None

    def step(self, params, grads):
        self.optimizer = self.optimizer or optim.AdaGrad(params, self.lr, self.eps)
        self.optimizer.step(grads)
        return params


M, G, R, A = "optim.momentum", "optim.adagrad", "optim.rmsprop", "optim.adam"
WRONG = [
    (M, "sign", momentum(move=lambda lr, mu, v, g: -lr * v)),
    (M, "dampened", momentum(lambda mu, v, g: mu * v + (1 - mu) * g)),
    (M, "momentum-misplaced", momentum(move=lambda lr, mu, v, g: lr * (g + mu * v))),
    (M, "momentum-misplaced", momentum(move=lambda lr, mu, v, g: lr * mu * v)),
    (M, "momentum-misplaced", momentum(lambda mu, v, g: v + mu * g)),
    (M, "momentum-misplaced", momentum(lambda mu, v, g: mu * (v + g))),
    (M, "beta-swapped", momentum(lambda mu, v, g: (1 - mu) * v + mu * g)),
    (M, "stale-state", momentum_of_before),
    (M, "sums", momentum(lambda mu, v, g: v + g)),
    (M, "overwrites", momentum(lambda mu, v, g: g)),
    (M, "factor-missing", momentum(move=lambda lr, mu, v, g: v)),
    (M, "factor-extra", momentum_with_the_rate_twice),
    (M, "shared-state", OneVelocity),
    (M, "shared-state", ClassVelocity),
    (M, "mutates-grad", ScalesGradients),
    (M, None, ReturnsNothing),
    (M, None, lambda lr, momentum: None),
    (G, "no-root", adagrad(move=lambda lr, eps, s, g: lr * g / (s + eps))),
    (G, "eps-inside-root", adagrad(move=lambda lr, eps, s, g: lr * g / np.sqrt(s + eps))),
    (G, "no-eps", adagrad(move=lambda lr, eps, s, g: lr * g / np.sqrt(s))),
    (G, "decays", adagrad(lambda s, g: 0.9 * s + 0.1 * g * g)),
    (G, "decays", adagrad(lambda s, g: 0.99 * s + g * g)),
    (G, "overwrites", adagrad(lambda s, g: g * g)),
    (G, "not-squared", adagrad(lambda s, g: s + abs(g))),
    (G, "not-squared", adagrad(lambda s, g: s + g)),
    (G, "sign", adagrad(move=lambda lr, eps, s, g: -lr * g / (np.sqrt(s) + eps))),
    (G, "factor-missing", adagrad(move=lambda lr, eps, s, g: g / (np.sqrt(s) + eps))),
    (G, "shared-state", OneSum),
    (G, None, ThreeOnly),
    (G, "delegates", ByLibrary),
    (R, "sums", rmsprop(lambda a, s, g: s + g * g)),
    (R, "beta-swapped", rmsprop(lambda a, s, g: (1 - a) * s + a * g * g)),
    (R, "weight-missing", rmsprop(lambda a, s, g: a * s + g * g)),
    (R, "no-root", rmsprop(move=lambda lr, eps, s, g, c: lr * g / (s + eps))),
    (R, "eps-inside-root", rmsprop(move=lambda lr, eps, s, g, c: lr * g / np.sqrt(s + eps))),
    (R, "bias-correction", rmsprop(move=lambda lr, eps, s, g, c: lr * g / (np.sqrt(s / c) + eps))),
    (R, "overwrites", rmsprop(lambda a, s, g: (1 - a) * g * g)),
    (R, "sign", rmsprop(move=lambda lr, eps, s, g, c: -lr * g / (np.sqrt(s) + eps))),
    (R, "returns", NewArrays),
    (A, "bias-correction", adam(move=lambda lr, eps, m, s, c1, c2: lr * m / (np.sqrt(s) + eps))),
    (A, "bias-correction", adam(move=lambda lr, eps, m, s, c1, c2: lr * m / c1 / (np.sqrt(s) + eps))),
    (A, "bias-correction", adam(move=lambda lr, eps, m, s, c1, c2: lr * m / (np.sqrt(s / c2) + eps))),
    (A, "t-off-by-one", adam(t_of=lambda t: t + 1)),
    (A, "t-off-by-one", adam(t_of=lambda t: t - 1)),
    (A, "bias-correction", adam(t_of=lambda t: 1)),
    (A, "t-off-by-one", CountsParameters),
    (
        A,
        "beta-swapped",
        adam(lambda b1, b2, m, g: b2 * m + (1 - b2) * g, lambda b1, b2, s, g: b1 * s + (1 - b1) * g * g),
    ),
    (A, "beta-swapped", adam(lambda b1, b2, m, g: (1 - b1) * m + b1 * g)),
    (A, "beta-swapped", adam(s_of=lambda b1, b2, s, g: (1 - b2) * s + b2 * g * g)),
    (A, "eps-inside-root", adam(move=lambda lr, eps, m, s, c1, c2: lr * m / c1 / np.sqrt(s / c2 + eps))),
    (A, "eps-misplaced", adam(move=lambda lr, eps, m, s, c1, c2: lr * m / c1 * np.sqrt(c2) / (np.sqrt(s) + eps))),
    (A, "no-root", adam(move=lambda lr, eps, m, s, c1, c2: lr * m / c1 / (s / c2 + eps))),
    (A, "no-eps", adam(move=lambda lr, eps, m, s, c1, c2: lr * m / c1 / np.sqrt(s / c2))),
    (A, "not-squared", adam(s_of=lambda b1, b2, s, g: b2 * s + (1 - b2) * g)),
    (A, "weight-missing", adam(lambda b1, b2, m, g: b1 * m + g)),
    (A, "sums", adam(s_of=lambda b1, b2, s, g: s + g * g)),
    (A, "overwrites", adam(lambda b1, b2, m, g: (1 - b1) * g, lambda b1, b2, s, g: (1 - b2) * g * g)),
    (A, "sign", adam(move=lambda lr, eps, m, s, c1, c2: -lr * (m / c1) / (np.sqrt(s / c2) + eps))),
    (A, "delegates", ByTorch),
]
