"""The private half of the exercises on derivatives by nudging; torch differentiates the functions that are nudged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from autograder.exercise import Exercise
from edf_course.exercises.answer_function import (
    Function,
    draw_gradient_probe,
    draw_jacobian_probe,
    scalar_function,
    vector_function,
)
from edf_course.exercises.marking import Case
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.public_functions import Variants, wrong_gradients, wrong_jacobians
from edf_course.exercises.sayings import OF_DIFFERENCES

STEPS = (1.0, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-4)
SIDES = ("forward", "backward", "central")


def _gradient(arrays: Arrays) -> np.ndarray:
    x = torch.tensor(arrays["x"], dtype=torch.float64, requires_grad=True)
    a, c = torch.tensor(arrays["a"]), torch.tensor(arrays["c"])
    y = (c * torch.sin(x + a)).sum() + 0.5 * (c * x).sum() ** 2
    (gradient,) = torch.autograd.grad(y, x)
    return gradient.numpy()


def _gradient_case(aspect: str, arrays: Arrays) -> Case:
    right, x = _gradient(arrays), arrays["x"]
    f, shape = scalar_function(arrays), x.shape
    coarse = tuple(({"gradient": np.reshape(_nudged(f, x, h, side), shape)},) for h in STEPS for side in SIDES)
    wrong = wrong_gradients(right) | {"coarse-step": coarse}
    return _case(aspect, arrays, {"gradient": right, "changed.x": np.zeros(shape)}, wrong, _gradient_case)


def _case(aspect: str, arrays: Arrays, right: Arrays, wrong: Variants, again: Callable[[str, Arrays], Case]) -> Case:
    return Case(
        aspect, Probe((arrays,)), (right,), alternatives=wrong, sentences=OF_DIFFERENCES,
        fallback={"any shape": "hard-coded-shape", "integers": "int-truncation"}.get(aspect),
        again=lambda probe: again(aspect, probe.passes[0]),
    )  # fmt: skip


def _nudged(f: Function, x: np.ndarray, h: float, side: str) -> np.ndarray:
    """Return the difference quotients of f with step h, a row for each entry of x."""
    result = []
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        up = f(x + e) if side != "backward" else f(x + 0.0)
        down = f(x - e) if side != "forward" else f(x + 0.0)
        result.append((up - down) / (h if side != "central" else 2 * h))
    return np.array(result)


def _gradient_cases(rng: np.random.Generator) -> list[Case]:
    shapes: list[tuple[str, tuple[int, ...]]] = [
        ("gradient", (4,)),
        ("gradient", (7,)),
        ("any shape", (2, 3)),
        ("any shape", (3, 1, 2)),
        ("any shape", (1,)),
        ("integers", (5,)),
        ("integers", (2, 2)),
    ]
    return [
        _gradient_case(aspect, draw_gradient_probe(shape, rng, integers=aspect == "integers"))
        for aspect, shape in shapes
    ]


def _jacobian_case(aspect: str, arrays: Arrays) -> Case:
    A, a, p = torch.tensor(arrays["A"]), torch.tensor(arrays["a"]), arrays["p"]
    at = torch.tensor(p, dtype=torch.float64)
    right = torch.autograd.functional.jacobian(lambda q: torch.sin(A @ q + a), at).numpy()
    f = vector_function(arrays)
    coarse = tuple(({"jacobian": _nudged(f, p, h, side).T},) for h in STEPS for side in SIDES)
    wrong = wrong_jacobians(right) | {"coarse-step": coarse}
    return _case(aspect, arrays, {"jacobian": right, "changed.p": np.zeros(len(p))}, wrong, _jacobian_case)


def _jacobian_cases(rng: np.random.Generator) -> list[Case]:
    sizes = [("jacobian", 5, 3), ("jacobian", 2, 4), ("any shape", 1, 6), ("any shape", 4, 1), ("integers", 4, 3)]
    return [
        _jacobian_case(aspect, draw_jacobian_probe(m, n, rng, integers=aspect == "integers")) for aspect, m, n in sizes
    ]


NUMERICAL_GRADIENT = Exercise(
    "calculus.numerical_gradient", {"gradient": 4, "any shape": 2, "integers": 2}, _gradient_cases, is_numerical=True
)
JACOBIAN = Exercise(
    "calculus.jacobian", {"jacobian": 5, "any shape": 1, "integers": 2}, _jacobian_cases, is_numerical=True
)

EXERCISES = (NUMERICAL_GRADIENT, JACOBIAN)
