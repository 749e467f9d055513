"""The update rules, each in a few lines of its own.

The gradient is always taken at the p that is about to be changed (by the indices of Eq. (34) and (38)-(40) it would be
the new p), and the first step is number 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edf_course.optim.optimizer import Optimizer, State
from edf_course.optim.places import at_least_0, below_1


class SGD(Optimizer):
    """p <- p - lr g: gradient descent; what makes it stochastic is that g comes from a batch.

    Source: EDF slides, "The Core of EDF"; Kak, Eq. (35).
    """

    def __init__(self, parameters: Any, lr: float = 0.01, **options: Any) -> None:
        super().__init__(parameters, lr, **options)

    def update(self, p: np.ndarray, g: np.ndarray, state: State) -> np.ndarray:
        """Return p - lr g."""
        return p - self.lr * g


class Momentum(Optimizer):
    """v <- momentum v + (1 - dampening) g, p <- p - lr v; the first v is g itself.

    A gradient that stays the same makes steps that grow towards lr g / (1 - momentum): linearly at first (slide
    111 says exponentially). A momentum that is too large overshoots.
    minus_of_eq_33: goes p + lr v, as Eq. (33) prints: there the path increment is a descent already, and is subtracted
    all the same, so the loss climbs.
    Source: Kak, Eq. (32), (33); torch.optim.SGD. The slides' increment is -lr v, the same path as long as lr stays.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.01,
        momentum: float = 0.9,
        *,
        dampening: float = 0.0,
        minus_of_eq_33: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(parameters, lr, **options)
        self.momentum = at_least_0("momentum", momentum)
        self.dampening = float(dampening)
        self.minus_of_eq_33 = minus_of_eq_33

    def update(self, p: np.ndarray, g: np.ndarray, state: State) -> np.ndarray:
        """Return p - lr v."""
        v = self._direction(g, state)
        return p + self.lr * v if self.minus_of_eq_33 else p - self.lr * v

    def _direction(self, g: np.ndarray, state: State) -> np.ndarray:
        state["v"] = self.momentum * state["v"] + (1 - self.dampening) * g if "v" in state else np.array(g)
        return state["v"]


class Nesterov(Momentum):
    """Momentum that looks ahead: v <- momentum v + g, p <- p - lr (g + momentum v).

    Source: torch.optim.SGD with nesterov=True. The slides do not have it.
    """

    def __init__(self, parameters: Any, lr: float = 0.01, momentum: float = 0.9, **options: Any) -> None:
        super().__init__(parameters, lr, momentum, **options)
        if self.momentum == 0 or self.dampening != 0:
            raise ValueError("Nesterov needs a momentum above 0, and no dampening.")

    def _direction(self, g: np.ndarray, state: State) -> np.ndarray:
        return g + self.momentum * super()._direction(g, state)


class AdaGrad(Optimizer):
    """s <- s + g², p <- p - lr g / (√s + eps), entry by entry: what seldom has a gradient takes larger steps.

    lr_decay: in step t the rate is lr / (1 + (t - 1) lr_decay). initial_accumulator_value: the first s.
    take_root: False divides by s + eps, as Eq. (36) prints (there without eps: 0/0 is nan where no gradient has come
    yet); the first step is then lr / g, the smaller the larger the gradient.
    eps_inside_root: divides by √(s + eps), as Eq. (37) prints; it differs once s is about as small as eps.
    Source: Kak, Eq. (36), (37), where the sum is meant to run over all steps so far; torch.optim.Adagrad.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.01,
        eps: float = 1e-10,
        *,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        take_root: bool = True,
        eps_inside_root: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(parameters, lr, **options)
        self.eps = at_least_0("eps", eps)
        self.lr_decay = at_least_0("lr_decay", lr_decay)
        self.initial_accumulator_value = at_least_0("initial_accumulator_value", initial_accumulator_value)
        self.take_root = take_root
        self.eps_inside_root = eps_inside_root

    def update(self, p: np.ndarray, g: np.ndarray, state: State) -> np.ndarray:
        """Return p - lr g / (√s + eps)."""
        t = state["t"] = state.get("t", 0) + 1
        s = state["s"] = state.get("s", np.full_like(p, self.initial_accumulator_value)) + g * g
        lr = self.lr / (1 + (t - 1) * self.lr_decay)
        if not self.take_root:
            return p - lr * g / (s + self.eps)
        return p - lr * g / _root(s, self.eps, self.eps_inside_root)


class RMSProp(Optimizer):
    """s <- alpha s + (1 - alpha) g², p <- p - lr g / (√s + eps): like AdaGrad, but old gradients fade.

    momentum: v <- momentum v + g / (√s + eps), p <- p - lr v. centered: the mean gradient, squared, is taken off s.
    plain_mean: s is the mean over all steps so far, as slide 116 says; it forgets nothing, and alpha is not used.
    eps_inside_root: divides by √(s + eps), as the slides do for AdaGrad and Adam.
    Source: Kak, slide 116; torch.optim.RMSprop.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        *,
        momentum: float = 0.0,
        centered: bool = False,
        plain_mean: bool = False,
        eps_inside_root: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(parameters, lr, **options)
        self.alpha = below_1("alpha", alpha)
        self.eps = at_least_0("eps", eps)
        self.momentum = at_least_0("momentum", momentum)
        self.centered = centered
        self.plain_mean = plain_mean
        self.eps_inside_root = eps_inside_root

    def update(self, p: np.ndarray, g: np.ndarray, state: State) -> np.ndarray:
        """Return p - lr g / (√s + eps)."""
        t = state["t"] = state.get("t", 0) + 1
        keep = (t - 1) / t if self.plain_mean else self.alpha
        zero = np.zeros_like(p)
        s = state["s"] = keep * state.get("s", zero) + (1 - keep) * g * g
        if self.centered:
            mean = state["mean"] = keep * state.get("mean", zero) + (1 - keep) * g
            s = s - mean * mean
        scaled = g / _root(s, self.eps, self.eps_inside_root)
        if self.momentum:
            scaled = state["v"] = self.momentum * state.get("v", zero) + scaled
        return p - self.lr * scaled


class Adam(Optimizer):
    """m <- β₁ m + (1 - β₁) g, s <- β₂ s + (1 - β₂) g², p <- p - lr m̂ / (√ŝ + eps): momentum and RMSProp together.

    m̂ = m / (1 - β₁^t) and ŝ = s / (1 - β₂^t) undo that m and s start at 0: for β₂ = 0.999 that matters for thousands of
    steps (slide 118 speaks of several).
    amsgrad: ŝ never shrinks. bias_correction: False leaves it out. eps_inside_root: divides by √(ŝ + eps), as Eq. (40)
    prints (the rate is called γ there).
    Source: Kak, Eq. (38)-(40); torch.optim.Adam.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        amsgrad: bool = False,
        bias_correction: bool = True,
        eps_inside_root: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(parameters, lr, **options)
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ValueError(f"betas are two numbers, (β₁, β₂), not {betas!r}.")
        self.betas = (below_1("β₁", betas[0]), below_1("β₂", betas[1]))
        self.eps = at_least_0("eps", eps)
        self.amsgrad = amsgrad
        self.bias_correction = bias_correction
        self.eps_inside_root = eps_inside_root

    def update(self, p: np.ndarray, g: np.ndarray, state: State) -> np.ndarray:
        """Return p - lr m̂ / (√ŝ + eps)."""
        beta1, beta2 = self.betas
        zero = np.zeros_like(p)
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = beta1 * state.get("m", zero) + (1 - beta1) * g
        s = state["s"] = beta2 * state.get("s", zero) + (1 - beta2) * g * g
        if self.amsgrad:
            s = state["largest"] = np.maximum(state.get("largest", zero), s)
        if self.bias_correction:
            m, s = m / (1 - beta1**t), s / (1 - beta2**t)
        return p - self.lr * m / _root(s, self.eps, self.eps_inside_root)


def _root(s: np.ndarray, eps: float, inside: bool) -> np.ndarray:
    return np.sqrt(s + eps) if inside else np.sqrt(s) + eps
