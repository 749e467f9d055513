"""Functions with a backward of their own, for torch's autograd: one done wrong, two done right.

Importing this file imports torch.

A custom Function promises two things: `forward` computes y, and `backward` turns dL/dy, the gradient from upstream,
into dL/dx. That is a product with the Jacobian, so it is *linear* in the upstream gradient: nothing upstream, nothing
back.
Source: Kak, slides 94-104.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Tensor = torch.Tensor


class DoSillyWithTensor(Function):
    """The published demonstration: cut the numbers down to bytes, and add what was lost to the gradient.

    What is wrong with it:
    - the sum upstream + loss of precision is no derivative of anything: it does not scale with the upstream gradient,
      and is not 0 where that is 0 (`upstream_deviation` measures it);
    - the cast to uint8 is no rounding: it truncates towards 0 and wraps outside 0...255;
    - on data, which ask for no gradient, this backward never runs (slides 102, 103).
    Source: Kak, slide 101.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return x as whole bytes, in float64."""
        precise = x.double()
        coarse = x.to(torch.uint8).double()
        ctx.save_for_backward(precise - coarse)
        return coarse

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        """Return what is no gradient."""
        (lost,) = ctx.saved_tensors
        wrong: Tensor = upstream + lost
        return wrong


class StraightThroughQuantize(Function):
    """Round to multiples of `step` between `low` and `high`; backward, act as if only the limits were there.

    Rounding has derivative 0 almost everywhere, so with the true derivative nothing before it learns. The
    straight-through estimator is a *convention*: pass the upstream gradient on where x lies within the limits, else 0.
    It is linear in the upstream gradient, as a backward must be, and it is the derivative of clamp(x, low, high), not
    that of rounding, so gradcheck rightly refuses it.
    Use: `StraightThroughQuantize.apply(x, 0.25, 0.0, 10.0)`.
    Source: Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons" (2013).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: float, low: float, high: float) -> Tensor:
        """Return x rounded and limited, in the dtype of x."""
        ctx.save_for_backward((x >= low) & (x <= high))
        return torch.round(x.clamp(low, high) / step) * step

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the upstream gradient, within the limits; step and limits get none."""
        (inside,) = ctx.saved_tensors
        return upstream * inside, None, None, None


class Softplus(Function):
    """log(1 + exp(x)), with its true derivative sigmoid(x): passes torch's gradcheck and gradgradcheck.

    What backward needs is saved in forward, and backward is made of torch operations, so it can be differentiated
    again.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return log(1 + exp(x)), without overflow."""
        ctx.save_for_backward(x)
        return torch.logaddexp(x, torch.zeros_like(x))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        """Return the upstream gradient times the derivative."""
        (x,) = ctx.saved_tensors
        return upstream * torch.sigmoid(x)


def upstream_deviation(function: Callable[[Tensor], Tensor], x: Tensor, scale: float = 1000.0) -> float:
    """Return how far backward(scale * g) is from scale * backward(g), relatively: 0 for anything that is a backward.

    For DoSillyWithTensor an upstream of 1 and one of 1000 give (1.7, 1.2) and (1000.7, 1000.2) at x = (3.7, 2.2).
    """
    upstream = torch.ones_like(function(x))
    once, scaled = (pull_back(function, x, s * upstream) for s in (1.0, scale))
    return float((scaled - scale * once).norm() / max(float(scaled.norm()), 1e-300))


def pull_back(function: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor) -> Tensor:
    """Return what `function`'s backward makes of the upstream gradient at x."""
    leaf = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(leaf), leaf, upstream)
    return gradient


def counting(function: type[Function]) -> tuple[type[Function], dict[str, int]]:
    """Return the same Function, and how often each half of it has run, {"forward": n, "backward": n}."""
    calls = {"forward": 0, "backward": 0}

    def forward(ctx: Any, *args: Any) -> Any:
        calls["forward"] += 1
        return function.forward(ctx, *args)

    def backward(ctx: Any, *upstream: Any) -> Any:
        calls["backward"] += 1
        return function.backward(ctx, *upstream)

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(f"Counting{function.__name__}", (Function,), members), calls
