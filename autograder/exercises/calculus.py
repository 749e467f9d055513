"""The private half of the exercises on derivatives by nudging; torch differentiates the functions that are nudged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from autograder.exercise import Exercise
from edf_course.exercises.answer_function import (
    PAIRS,
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

STEPS = (1.0, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.025, 0.02, 0.01, 0.005, 0.002, 1e-3, 1e-4)
SMALL_STEPS = (1e-5, 1e-6)
SIDES = ("forward", "backward", "central")


def _gradient(arrays: Arrays) -> np.ndarray:
    x = torch.tensor(arrays["x"], dtype=torch.float64, requires_grad=True)
    a, c = torch.tensor(arrays["a"]), torch.tensor(arrays["c"])
    y = (c * torch.sin(3 * (x + a))).sum() + 0.5 * (c * x).sum() ** 2
    (gradient,) = torch.autograd.grad(y, x)
    return gradient.numpy()


def _gradient_case(aspect: str, arrays: Arrays) -> Case:
    right, x = _gradient(arrays), arrays["x"]
    f, shape = scalar_function(arrays), x.shape
    wrong = wrong_gradients(right) | {
        kind: (({"gradient": np.reshape(rows, shape)},),) for kind, rows in _differences(f, x).items()
    }
    return _case(aspect, arrays, {"gradient": right, "changed.x": np.zeros(shape)}, wrong, _gradient_case)


def _case(aspect: str, arrays: Arrays, right: Arrays, wrong: Variants, again: Callable[[str, Arrays], Case]) -> Case:
    fallback = {"any shape": "hard-coded-shape", "integers": "int-truncation"}.get(aspect)
    if aspect == "integers":  # zeros: a nudge that integers cut off
        wrong = {kind: numbers for kind, numbers in wrong.items() if kind != "zero"}
    if "k" in arrays:
        wrong, fallback = {}, "forgets-restore"
    return Case(
        aspect, Probe((arrays,)), (right,), alternatives=wrong, sentences=OF_DIFFERENCES, fallback=fallback,
        again=lambda probe: again(aspect, probe.passes[0]),
    )  # fmt: skip


def _differences(f: Function, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return what differences with a mistake give, a row for each entry of x, by mistake and its kind."""
    wrong = {f"coarse-step:{side} {h}": _nudged(f, x, h, side) for h in STEPS for side in SIDES}
    if x.size > 1:
        for h in (*STEPS, *SMALL_STEPS):
            wrong |= {f"forgets-restore:{way} {h}": _forgetful(f, x, h, way) for way in WAYS}
    return wrong


WAYS = ("from the start", "from there", "down")


def _forgetful(f: Function, x: np.ndarray, h: float, way: str) -> np.ndarray:
    """Return the quotients where each entry keeps its nudge while the next ones get theirs.

    way: differences to f at the start, or to f just before the nudge, or up by h and then down by 2h.
    """
    at, result = x.astype(float), []
    start = f(at)
    for i in np.ndindex(x.shape):
        before = f(at)
        at[i] += h
        up = f(at)
        if way == "down":
            at[i] -= 2 * h
        base = {"from the start": start, "from there": before, "down": f(at)}[way]
        result.append((up - base) / (2 * h if way == "down" else h))
    return np.array(result)


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
    cases = [
        _gradient_case(aspect, draw_gradient_probe(shape, rng, integers=aspect == "integers"))
        for aspect, shape in shapes
    ]
    return [*cases, _gradient_case("gradient", draw_gradient_probe((5,), rng) | {"k": PAIRS})]


def _jacobian_case(aspect: str, arrays: Arrays) -> Case:
    A, a, p = torch.tensor(arrays["A"]), torch.tensor(arrays["a"]), arrays["p"]
    at = torch.tensor(p, dtype=torch.float64)
    right = torch.autograd.functional.jacobian(lambda q: torch.sin(A @ q + a), at).numpy()
    f = vector_function(arrays)
    wrong = wrong_jacobians(right) | {kind: (({"jacobian": rows.T},),) for kind, rows in _differences(f, p).items()}
    return _case(aspect, arrays, {"jacobian": right, "changed.p": np.zeros(len(p))}, wrong, _jacobian_case)


def _jacobian_cases(rng: np.random.Generator) -> list[Case]:
    sizes = [("jacobian", 5, 3), ("jacobian", 2, 4), ("any shape", 1, 6), ("any shape", 4, 1), ("integers", 4, 3)]
    cases = [
        _jacobian_case(aspect, draw_jacobian_probe(m, n, rng, integers=aspect == "integers")) for aspect, m, n in sizes
    ]
    return [*cases, _jacobian_case("jacobian", draw_jacobian_probe(3, 4, rng) | {"k": PAIRS})]


NUMERICAL_GRADIENT = Exercise(
    "calculus.numerical_gradient", {"gradient": 4, "any shape": 2, "integers": 2}, _gradient_cases, is_numerical=True
)
JACOBIAN = Exercise(
    "calculus.jacobian", {"jacobian": 5, "any shape": 1, "integers": 2}, _jacobian_cases, is_numerical=True
)

EXERCISES = (NUMERICAL_GRADIENT, JACOBIAN)
