"""The private half of the exercises on step sizes: torch's paths, and those of formulas with known faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from autograder.exercise import Exercise
from edf_course.exercises.marking import Case
from edf_course.exercises.probes import Arrays
from edf_course.exercises.public_optim import Path, optimizer_cases

Place = tuple[int, int]  # which parameter, of how many

# --- the truth: torch's own steps -------------------------------------------------------------------------------------
# By the functions behind torch.optim's classes: the classes take two seconds to import what compiles them.

Step = Callable[[dict[str, Any], list[torch.Tensor], list[torch.Tensor], dict[str, Any]], None]


def _torch_path(
    step: Step, s: Arrays, p: np.ndarray, gradients: Sequence[np.ndarray], place: Place
) -> list[np.ndarray]:
    settings = {n: float(v) if v.ndim == 0 else v.tolist() for n, v in s.items()}
    params = [torch.tensor(p)]
    state: dict[str, Any] = {
        "m": [torch.zeros_like(params[0])],
        "s": [torch.zeros_like(params[0])],
        "v": [None],
        "t": [torch.tensor(0.0)],
    }
    found = []
    for g in gradients:
        step(settings, params, [torch.tensor(g)], state)
        found.append(params[0].numpy().copy())
    return found


def _sgd(s: dict[str, Any], params: list[torch.Tensor], grads: list[torch.Tensor], state: dict[str, Any]) -> None:
    sgd(
        params, grads, state["v"], foreach=False, weight_decay=0.0, momentum=s["momentum"], lr=s["lr"], dampening=0.0,
        nesterov=False, maximize=False,
    )  # fmt: skip


def _adagrad(s: dict[str, Any], params: list[torch.Tensor], grads: list[torch.Tensor], state: dict[str, Any]) -> None:
    adagrad(
        params, grads, state["s"], state["t"], foreach=False, lr=s["lr"], weight_decay=0.0, lr_decay=0.0, eps=s["eps"],
        maximize=False,
    )  # fmt: skip


def _rmsprop(s: dict[str, Any], params: list[torch.Tensor], grads: list[torch.Tensor], state: dict[str, Any]) -> None:
    rmsprop(
        params, grads, state["s"], [], [], state["t"], foreach=False, lr=s["lr"], alpha=s["alpha"], eps=s["eps"],
        weight_decay=0.0, momentum=0.0, centered=False,
    )  # fmt: skip


def _adam(s: dict[str, Any], params: list[torch.Tensor], grads: list[torch.Tensor], state: dict[str, Any]) -> None:
    adam(
        params, grads, state["m"], state["s"], [], state["t"], foreach=False, amsgrad=False, beta1=s["betas"][0],
        beta2=s["betas"][1], lr=s["lr"], weight_decay=0.0, eps=s["eps"], maximize=False,
    )  # fmt: skip


# --- formulas with faults ---------------------------------------------------------------------------------------------

State = dict[str, Any]
#: From the settings, p, g, the state and the number of the step, from 1: the new p.
Rule = Callable[[Arrays, np.ndarray, np.ndarray, State, int], np.ndarray]


def _path(rule: Rule, s: Arrays, p: np.ndarray, gradients: Sequence[np.ndarray], place: Place) -> list[np.ndarray]:
    state: State = {"v": np.zeros_like(p), "s": np.zeros_like(p), "m": np.zeros_like(p), "place": place}
    found = []
    for t, g in enumerate(gradients, start=1):
        p = np.asarray(rule(s, p, g, state, t))
        found.append(p)
    return found


def _moving(
    keep: Callable[[Arrays, np.ndarray, np.ndarray, int], np.ndarray],
    move: Callable[[Arrays, np.ndarray, np.ndarray, np.ndarray], np.ndarray] = lambda s, v, g, before: s["lr"] * v,
) -> Path:
    """Return a momentum with faults: `keep` makes the new velocity, `move` what is subtracted from p."""

    def rule(s: Arrays, p: np.ndarray, g: np.ndarray, state: State, t: int) -> np.ndarray:
        before = state["v"]
        state["v"] = keep(s, before, g, t)
        return p - move(s, state["v"], g, before)

    return partial(_path, rule)


def _velocity(s: Arrays, v: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    return s["momentum"] * v + g


_MOMENTUM: dict[str, list[Path]] = {
    "sign": [_moving(_velocity, lambda s, v, g, b: -s["lr"] * v), _moving(lambda s, v, g, t: s["momentum"] * v - g)],
    "dampened": [
        _moving(lambda s, v, g, t: s["momentum"] * v + (1 - s["momentum"]) * g),
        _moving(lambda s, v, g, t: s["momentum"] * v + (1 - s["momentum"]) * g if t > 1 else g),
    ],
    "beta-swapped": [_moving(lambda s, v, g, t: (1 - s["momentum"]) * v + s["momentum"] * g)],
    "stale-state": [_moving(_velocity, lambda s, v, g, b: s["lr"] * b)],
    "momentum-misplaced": [
        _moving(_velocity, lambda s, v, g, b: s["lr"] * (g + s["momentum"] * v)),
        _moving(_velocity, lambda s, v, g, b: s["lr"] * s["momentum"] * v),
        _moving(_velocity, lambda s, v, g, b: s["lr"] * (g + v)),
        _moving(_velocity, lambda s, v, g, b: s["lr"] * g + s["momentum"] * v),
        _moving(_velocity, lambda s, v, g, b: s["lr"] * g + s["momentum"] * b),
        _moving(lambda s, v, g, t: s["momentum"] * (v + g)),
        _moving(lambda s, v, g, t: v + s["momentum"] * g),
        _moving(lambda s, v, g, t: s["momentum"] * g),
        _moving(lambda s, v, g, t: g, lambda s, v, g, b: s["lr"] * (g + s["momentum"] * b)),
    ],
    "sums": [_moving(lambda s, v, g, t: v + g)],
    "overwrites": [_moving(lambda s, v, g, t: g)],
    "factor-missing": [_moving(_velocity, lambda s, v, g, b: v)],
    "factor-extra": [_moving(lambda s, v, g, t: s["momentum"] * v + s["lr"] * g)],
}  # fmt: skip
_MOMENTUM_SENTENCES = {
    "dampened": "The gradient is weighted by 1 - momentum; here it is added whole: v = momentum * v + g.",
    "momentum-misplaced": "momentum belongs to what is kept: v = momentum * v + g, and then p goes by -lr * v.",
    "beta-swapped": "The weights are swapped, and the gradient needs none: v = momentum * v + g.",
    "stale-state": "The step goes along v as it was before: update v first, then p.",
    "sums": "All gradients are summed up; each step keeps only its share: v = momentum * v + g.",
    "overwrites": "Nothing is carried from step to step: v has to be kept for each parameter.",
    "factor-missing": "The learning rate is missing.",
    "factor-extra": "The learning rate is in there twice: in v and in the step.",
}


def _scaled(
    keep: Callable[[Arrays, np.ndarray, np.ndarray, int], np.ndarray],
    below: Callable[[Arrays, np.ndarray], np.ndarray] = lambda s, kept: np.sqrt(kept) + s["eps"],
    rate: Callable[[Arrays, int], Any] = lambda s, t: s["lr"],
) -> Path:
    """Return an AdaGrad or RMSProp with faults: `keep` makes the new sum, `below` the divisor, `rate` the factor of g."""

    def rule(s: Arrays, p: np.ndarray, g: np.ndarray, state: State, t: int) -> np.ndarray:
        state["s"] = keep(s, state["s"], g, t)
        return p - rate(s, t) * g / below(s, state["s"])

    return partial(_path, rule)


Keep = Callable[[Arrays, np.ndarray, np.ndarray, int], np.ndarray]


def _scaled_by_the_last(keep: Keep) -> Path:
    """Return the path of steps that divide by the root before the new square is in it."""

    def rule(s: Arrays, p: np.ndarray, g: np.ndarray, state: State, t: int) -> np.ndarray:
        before, state["s"] = state["s"], keep(s, state["s"], g, t)
        return p - s["lr"] * g / (np.sqrt(before) + s["eps"])

    return partial(_path, rule)


def _faults_of_scaling(keep: Keep, unsquared: Keep) -> dict[str, list[Path]]:
    """Return the faults that AdaGrad and RMSProp have in common."""
    return {
        "sign": [_scaled(keep, rate=lambda s, t: -s["lr"])],
        "no-root": [
            _scaled(keep, lambda s, kept: kept + s["eps"]),
            _scaled(keep, lambda s, kept: kept),
        ],
        "eps-inside-root": [_scaled(keep, lambda s, kept: np.sqrt(kept + s["eps"]))],
        "no-eps": [_scaled(keep, lambda s, kept: np.sqrt(kept))],
        "stale-state": [_scaled_by_the_last(keep)],
        "overwrites": [_scaled(lambda s, kept, g, t: g * g), _scaled(lambda s, kept, g, t: (1 - s["alpha"]) * g * g if "alpha" in s else g * g)],
        "not-squared": [_scaled(unsquared), _scaled(lambda s, kept, g, t: unsquared(s, kept, np.abs(g), t))],
        "factor-missing": [_scaled(keep, rate=lambda s, t: 1.0)],
    }  # fmt: skip


_ADAGRAD = _faults_of_scaling(lambda s, kept, g, t: kept + g * g, lambda s, kept, g, t: kept + g) | {
    "decays": [
        *(
            _scaled(partial(lambda r, s, kept, g, t: r * kept + (1 - r) * g * g, r))
            for r in (0.5, 0.9, 0.95, 0.99, 0.999)
        ),
        *(_scaled(partial(lambda r, s, kept, g, t: r * kept + g * g, r)) for r in (0.5, 0.9, 0.95, 0.99, 0.999)),
        _scaled(lambda s, kept, g, t: (kept * (t - 1) + g * g) / t),
    ],
}
_SCALING_SENTENCES = {
    "no-root": "The square root is missing: divide by sqrt(s) + eps.",
    "eps-inside-root": "eps stands inside the root, as on the slides; torch adds it to the root: sqrt(s) + eps.",
    "no-eps": "eps is missing: divide by sqrt(s) + eps.",
    "overwrites": "Nothing is carried from step to step: s has to be kept for each parameter.",
    "not-squared": "The gradients are to be squared before they go into s.",
    "factor-missing": "A factor is missing: the learning rate.",
    "stale-state": "The step divides by what was kept before: update s first, then p.",
}
_ADAGRAD_SENTENCES = _SCALING_SENTENCES | {
    "decays": "Old squares fade, or are averaged; AdaGrad keeps the plain sum: s = s + g**2.",
}


def _fading(s: Arrays, kept: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
    return s["alpha"] * kept + (1 - s["alpha"]) * g * g


_RMSPROP = _faults_of_scaling(_fading, lambda s, kept, g, t: s["alpha"] * kept + (1 - s["alpha"]) * g) | {
    "sums": [
        _scaled(lambda s, kept, g, t: kept + g * g),
        _scaled(lambda s, kept, g, t: (kept * (t - 1) + g * g) / t),
        _scaled(lambda s, kept, g, t: kept + (1 - s["alpha"]) * g * g),
    ],
    "beta-swapped": [_scaled(lambda s, kept, g, t: (1 - s["alpha"]) * kept + s["alpha"] * g * g)],
    "weight-missing": [_scaled(lambda s, kept, g, t: s["alpha"] * kept + g * g)],
    "bias-correction": [
        _scaled(_fading, lambda s, kept: np.sqrt(kept) + s["eps"], lambda s, t: s["lr"] * np.sqrt(1 - s["alpha"] ** t)),
        partial(_path, lambda s, p, g, state, t: _corrected_rmsprop(s, p, g, state, t)),
    ],
}


def _corrected_rmsprop(s: Arrays, p: np.ndarray, g: np.ndarray, state: State, t: int) -> np.ndarray:
    state["s"] = _fading(s, state["s"], g, t)
    return p - s["lr"] * g / (np.sqrt(state["s"] / (1 - s["alpha"] ** t)) + s["eps"])


_RMSPROP_SENTENCES = _SCALING_SENTENCES | {
    "sums": "All squares so far weigh the same; old ones should fade: s = alpha * s + (1 - alpha) * g**2.",
    "beta-swapped": "The two weights are swapped: alpha belongs to the old s, 1 - alpha to the new square.",
    "weight-missing": "The new square has a weight too, 1 - alpha.",
    "bias-correction": "The start at 0 is corrected for; that is Adam, RMSProp does without.",
}

# --- Adam, with a fault in one of its parts ---------------------------------------------------------------------------


def _adam_with(
    betas: Callable[[Arrays], Any] = lambda s: s["betas"],
    weights: Callable[[Any], Any] = lambda b: ((b[0], 1 - b[0]), (b[1], 1 - b[1])),
    t_of: Callable[[int, Place], int] = lambda t, place: t,
    correct: tuple[bool, bool] = (True, True),
    below: Callable[[Arrays, np.ndarray], np.ndarray] = lambda s, kept: np.sqrt(kept) + s["eps"],
    square: Callable[[np.ndarray], np.ndarray] = np.square,
    rate: Callable[[Arrays], Any] = lambda s: s["lr"],
    late: bool = False,
) -> Path:
    """Return an Adam with a fault in one of its parts; `late`: the step goes along m as it was before."""

    def rule(s: Arrays, p: np.ndarray, g: np.ndarray, state: State, t: int) -> np.ndarray:
        b = betas(s)
        (keep_m, new_m), (keep_s, new_s) = weights(b)
        before = state["m"]
        state["m"] = keep_m * state["m"] + new_m * g
        state["s"] = keep_s * state["s"] + new_s * square(g)
        t = t_of(t, state["place"])
        m = before if late else state["m"]
        m = m / (1 - b[0] ** t) if correct[0] else m
        kept = state["s"] / (1 - b[1] ** t) if correct[1] else state["s"]
        return p - rate(s) * m / below(s, kept)

    return partial(_path, rule)


def _eps_before_correction(s: Arrays, p: np.ndarray, g: np.ndarray, state: State, t: int) -> np.ndarray:
    b = s["betas"]
    state["m"], state["s"] = b[0] * state["m"] + (1 - b[0]) * g, b[1] * state["s"] + (1 - b[1]) * g * g
    return p - s["lr"] * np.sqrt(1 - b[1] ** t) / (1 - b[0] ** t) * state["m"] / (np.sqrt(state["s"]) + s["eps"])


def _one_for_both(s: Arrays, p: np.ndarray, g: np.ndarray, state: State, t: int) -> np.ndarray:
    """Step with one variable for m and for s, as self.m = self.v = {} makes it."""
    b = s["betas"]
    kept = b[1] * (b[0] * state["s"] + (1 - b[0]) * g) + (1 - b[1]) * g * g
    state["s"] = kept
    return p - s["lr"] * kept / (1 - b[0] ** t) / (np.sqrt(kept / (1 - b[1] ** t)) + s["eps"])


_ADAM: dict[str, list[Path]] = {
    "sign": [_adam_with(rate=lambda s: -s["lr"])],
    "bias-correction": [
        _adam_with(correct=(False, False)),
        _adam_with(correct=(True, False)),
        _adam_with(correct=(False, True)),
        _adam_with(t_of=lambda t, place: 1),
    ],
    "t-off-by-one": [
        _adam_with(t_of=lambda t, place: t + 1),
        _adam_with(t_of=lambda t, place: t - 1),
        _adam_with(t_of=lambda t, place: (t - 1) * place[1] + place[0] + 1),
        _adam_with(t_of=lambda t, place: (t - 1) * place[1] + place[0]),
    ],
    "beta-swapped": [
        _adam_with(betas=lambda s: s["betas"][::-1]),
        _adam_with(weights=lambda b: ((1 - b[0], b[0]), (1 - b[1], b[1]))),
        _adam_with(weights=lambda b: ((1 - b[0], b[0]), (b[1], 1 - b[1]))),
        _adam_with(weights=lambda b: ((b[0], 1 - b[0]), (1 - b[1], b[1]))),
        _adam_with(weights=lambda b: ((b[1], 1 - b[1]), (b[0], 1 - b[0]))),
    ],
    "eps-inside-root": [
        _adam_with(below=lambda s, kept: np.sqrt(kept + s["eps"])),
    ],
    "eps-misplaced": [partial(_path, _eps_before_correction)],
    "no-eps": [_adam_with(below=lambda s, kept: np.sqrt(kept))],
    "no-root": [_adam_with(below=lambda s, kept: kept + s["eps"]), _adam_with(below=lambda s, kept: kept)],
    "not-squared": [_adam_with(square=lambda g: g), _adam_with(square=np.abs)],
    "weight-missing": [
        _adam_with(weights=lambda b: ((b[0], 1.0), (b[1], 1 - b[1]))),
        _adam_with(weights=lambda b: ((b[0], 1 - b[0]), (b[1], 1.0))),
        _adam_with(weights=lambda b: ((b[0], 1.0), (b[1], 1.0))),
    ],
    "sums": [
        _adam_with(weights=lambda b: ((b[0], 1 - b[0]), (1.0, 1.0))),
        _adam_with(weights=lambda b: ((b[0], 1 - b[0]), (1.0, 1.0)), correct=(True, False)),
    ],
    "overwrites": [
        _adam_with(weights=lambda b: ((0.0, 1 - b[0]), (0.0, 1 - b[1]))),
        _adam_with(weights=lambda b: ((0.0, 1.0), (0.0, 1.0)), correct=(False, False)),
        _adam_with(weights=lambda b: ((0.0, 1.0), (b[1], 1 - b[1]))),
        _adam_with(weights=lambda b: ((b[0], 1 - b[0]), (0.0, 1.0))),
        _adam_with(weights=lambda b: ((0.0, 1 - b[0]), (b[1], 1 - b[1]))),
        _adam_with(weights=lambda b: ((b[0], 1 - b[0]), (0.0, 1 - b[1]))),
    ],
    "stale-state": [_adam_with(late=True)],
    "shared-state": [partial(_path, _one_for_both)],
    "factor-missing": [_adam_with(rate=lambda s: 1.0)],
}
_ADAM_SENTENCES = _SCALING_SENTENCES | {
    "bias-correction": "m and s start at 0 and are too small at first; divide them by 1 - beta1**t and 1 - beta2**t, with t "
    "the number of the step.",
    "stale-state": "The step goes along m as it was before: update m and s first, then p.",
    "shared-state": "m and s are one and the same object: make one for each.",
    "t-off-by-one": "t is off: it counts steps (not parameters), goes up by 1 each step, and is 1 in the first.",
    "beta-swapped": "The betas, or their weights, are swapped: m = beta1 * m + (1 - beta1) * g, s = beta2 * s + (1 - beta2) * g**2.",
    "eps-misplaced": "eps is added before s is corrected; here it is added to the root of the corrected one.",
    "weight-missing": "What is new has a weight too: 1 - beta1 in m, 1 - beta2 in s.",
    "sums": "The squares are summed up; old ones should fade: s = beta2 * s + (1 - beta2) * g**2.",
    "overwrites": "Nothing is carried from step to step: m and s have to be kept for each parameter.",
}

# --- the exercises ----------------------------------------------------------------------------------------------------


def _exercise(
    kind: str, step: Step, wrong: dict[str, list[Path]], sentences: dict[str, str], points: dict[str, int]
) -> Exercise:
    path = partial(_torch_path, step)

    def cases(rng: np.random.Generator) -> list[Case]:
        return optimizer_cases(kind, rng, path, wrong, sentences)

    return Exercise(f"optim.{kind}", points, cases)


POINTS = {"several steps": 3, "first step": 2, "several parameters": 2, "in place": 1}
EXERCISES = (
    _exercise("momentum", _sgd, _MOMENTUM, _MOMENTUM_SENTENCES, POINTS),
    _exercise("adagrad", _adagrad, _ADAGRAD, _ADAGRAD_SENTENCES, POINTS),
    _exercise("rmsprop", _rmsprop, _RMSPROP, _RMSPROP_SENTENCES, POINTS),
    _exercise("adam", _adam, _ADAM, _ADAM_SENTENCES, POINTS | {"several steps": 4, "first step": 3}),
)
