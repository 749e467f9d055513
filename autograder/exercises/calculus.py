"""The private half of the exercises on derivatives by nudging; torch differentiates the functions that are nudged."""

from __future__ import annotations

import numpy as np
import torch

from autograder.exercise import Exercise
from edf_course.exercises.answer_function import scalar_function, vector_function
from edf_course.exercises.marking import Case
from edf_course.exercises.probes import Arrays, Probe

STEPS = (1.0, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-4, 1e-5)


def _gradient(arrays: Arrays) -> np.ndarray:
    x = torch.tensor(arrays["x"], dtype=torch.float64, requires_grad=True)
    a, c = torch.tensor(arrays["a"]), torch.tensor(arrays["c"])
    y = (c * torch.sin(x + a)).sum() + 0.5 * (c * x).sum() ** 2
    (gradient,) = torch.autograd.grad(y, x)
    return gradient.numpy()


def _gradient_case(aspect: str, x: np.ndarray, rng: np.random.Generator) -> Case:
    arrays = {"x": x, "a": rng.uniform(-1, 1, x.shape), "c": rng.uniform(0.5, 1.5, x.shape)}
    right = _gradient(arrays)
    f = scalar_function(arrays)
    return Case(
        aspect, Probe((arrays,)), ({"gradient": right, "changed.x": np.zeros(x.shape)},),
        fallback={"any shape": "hard-coded-shape", "integers": "int-truncation"}.get(aspect),
        alternatives=_variants("gradient", lambda h, side: _nudged(f, x, h, side), right)
        | {"perturbs-all": (({"gradient": np.full_like(right, right.sum())},),)},
    )  # fmt: skip


def _nudged(f: object, x: np.ndarray, h: float, side: str) -> np.ndarray:
    """Return the difference quotient of f with step h: "forward", "backward" or "central"."""
    result = []
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        up = f(x + e) if side != "backward" else f(x + 0.0)  # type: ignore[operator]
        down = f(x - e) if side != "forward" else f(x + 0.0)  # type: ignore[operator]
        result.append((up - down) / (h if side != "central" else 2 * h))
    return np.array(result)


def _variants(name: str, nudge: object, right: np.ndarray) -> dict[str, tuple[tuple[Arrays, ...], ...]]:
    """The numbers of common mistakes: a step that is too coarse, a lost or doubled factor of 2, the wrong sign."""
    coarse = [
        np.reshape(nudge(h, side), right.shape) if name == "gradient" else np.asarray(nudge(h, side))  # type: ignore[operator]
        for h in STEPS
        for side in ("forward", "backward", "central")
    ]
    return {
        "sign": (({name: -right},),),
        "factor-extra": (({name: 2 * right},),),
        "factor-missing": (({name: right / 2},),),
        "coarse-step": tuple(({name: c},) for c in coarse),
    }


def _gradient_cases(rng: np.random.Generator) -> list[Case]:
    return [
        _gradient_case("gradient", rng.uniform(-2, 2, 4), rng),
        _gradient_case("gradient", rng.uniform(-2, 2, 7), rng),
        _gradient_case("any shape", rng.uniform(-2, 2, (2, 3)), rng),
        _gradient_case("any shape", rng.uniform(-2, 2, (3, 1, 2)), rng),
        _gradient_case("any shape", rng.uniform(-2, 2, 1), rng),
        _gradient_case("integers", rng.integers(-3, 4, 5), rng),
        _gradient_case("integers", rng.integers(-3, 4, (2, 2)), rng),
    ]


def _jacobian_case(aspect: str, m: int, p: np.ndarray, rng: np.random.Generator) -> Case:
    arrays = {"p": p, "A": rng.uniform(-1, 1, (m, len(p))), "a": rng.uniform(-1, 1, m)}
    A, a = torch.tensor(arrays["A"]), torch.tensor(arrays["a"])
    at = torch.tensor(p, dtype=torch.float64)
    right = torch.autograd.functional.jacobian(lambda q: torch.sin(A @ q + a), at).numpy()
    f = vector_function(arrays)

    def nudge(h: float, side: str) -> np.ndarray:
        return _nudged(f, p, h, side).T

    return Case(
        aspect, Probe((arrays,)), ({"jacobian": right, "changed.p": np.zeros(p.shape)},),
        fallback={"any shape": "hard-coded-shape", "integers": "int-truncation"}.get(aspect),
        alternatives={"transposed": (({"jacobian": right.T},),)}
        | _variants("jacobian", nudge, right)
        | {"perturbs-all": (({"jacobian": np.repeat(right.sum(axis=1, keepdims=True), right.shape[1], axis=1)},),)},
    )  # fmt: skip


def _jacobian_cases(rng: np.random.Generator) -> list[Case]:
    return [
        _jacobian_case("jacobian", 5, rng.uniform(-2, 2, 3), rng),
        _jacobian_case("jacobian", 2, rng.uniform(-2, 2, 4), rng),
        _jacobian_case("any shape", 1, rng.uniform(-2, 2, 6), rng),
        _jacobian_case("any shape", 4, rng.uniform(-2, 2, 1), rng),
        _jacobian_case("integers", 4, rng.integers(-3, 4, 3), rng),
    ]


NUMERICAL_GRADIENT = Exercise(
    "calculus.numerical_gradient", {"gradient": 4, "any shape": 2, "integers": 2}, _gradient_cases, is_numerical=True
)
JACOBIAN = Exercise(
    "calculus.jacobian", {"jacobian": 5, "any shape": 1, "integers": 2}, _jacobian_cases, is_numerical=True
)

EXERCISES = (NUMERICAL_GRADIENT, JACOBIAN)
