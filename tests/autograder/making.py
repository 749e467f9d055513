"""Short ways to write a student's node for a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edf_course.edf import CompNode


def unary(forward: Callable[[Any], Any], gradient: Callable[[Any, Any, Any], Any]) -> type:
    """A node class (x) from forward(x) and gradient(x, y, g)."""

    class Node(CompNode):
        def __init__(self, x: Any) -> None:
            super().__init__()
            self.x = x

        def forward(self) -> None:
            self.value = forward(self.x.value)

        def backward(self) -> None:
            self.x.addgrad(gradient(self.x.value, self.value, self.grad))

    return Node


def binary(forward: Callable[[Any, Any], Any], gradients: Callable[[Any, Any, Any, Any], tuple[Any, Any]]) -> type:
    """A node class (a, b) from forward(a, b) and gradients(a, b, y, g); None stands for no addgrad."""

    class Node(CompNode):
        def __init__(self, a: Any, b: Any) -> None:
            super().__init__()
            self.a, self.b = a, b

        def forward(self) -> None:
            self.value = forward(self.a.value, self.b.value)

        def backward(self) -> None:
            for operand, delta in zip(
                (self.a, self.b), gradients(self.a.value, self.b.value, self.value, self.grad), strict=True
            ):
                if delta is not None:
                    operand.addgrad(delta)

    return Node


def affine(
    value: Callable[..., Any] = lambda x, W, b: x @ W - b,
    x_grad: Callable[..., Any] | None = lambda x, W, g: g @ W.T,
    w_grad: Callable[..., Any] | None = lambda x, W, g: x.T @ g / len(g),
    b_grad: Callable[..., Any] | None = lambda x, W, g: -g.mean(axis=0),
) -> type:
    """A node class (Phi, x) from four formulas; None stands for no gradient."""

    class Node(CompNode):
        def __init__(self, Phi: Any, x: Any) -> None:
            super().__init__()
            self.Phi, self.x = Phi, x

        def forward(self) -> None:
            self.value = value(self.x.value, self.Phi.w.value, self.Phi.b.value)

        def backward(self) -> None:
            x, W, g = self.x.value, self.Phi.w.value, self.grad
            if x_grad:
                self.x.addgrad(x_grad(x, W, g))
            if w_grad:
                self.Phi.w.addgrad_mean(w_grad(x, W, g))
            if b_grad:
                self.Phi.b.addgrad_mean(b_grad(x, W, g))

    return Node


def loss(value: Callable[[Any, Any], Any], gradient: Callable[[Any, Any, Any], Any]) -> type:
    """A loss node class (p, t) from value(p, t) and gradient(p, t, g) with g (B, 1)."""

    class Node(CompNode):
        def __init__(self, p: Any, t: Any) -> None:
            super().__init__()
            self.p, self.t = p, t

        def forward(self) -> None:
            self.value = value(self.p.value, self.t.value)

        def backward(self) -> None:
            self.p.addgrad(gradient(self.p.value, self.t.value, self.grad[:, None]))

    return Node


def sig(x: Any) -> Any:
    """Sigmoid without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)
