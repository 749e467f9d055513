"""What `check` asks of derivatives by nudging: they are held against complex steps, which are right to the last digit."""

from __future__ import annotations

import numpy as np

from edf_course.calculus import complex_step_gradient, complex_step_jacobian
from edf_course.exercises.answer_function import (
    PAIRS,
    draw_gradient_probe,
    draw_jacobian_probe,
    scalar_function,
    vector_function,
)
from edf_course.exercises.marking import Case
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.sayings import OF_DIFFERENCES

Variants = dict[str, tuple[tuple[Arrays, ...], ...]]


def gradient_cases(rng: np.random.Generator) -> list[Case]:
    """Functions of vectors, of a matrix, of integers, and one whose entries act on each other's derivatives alone."""
    cases = []
    for aspect, shape in (("gradient", (4,)), ("gradient", (2, 3)), ("integers", (5,)), ("pairs", (5,))):
        arrays = draw_gradient_probe(shape, rng, integers=aspect == "integers")
        if aspect == "pairs":
            aspect, arrays = "gradient", arrays | {"k": PAIRS}
        right = complex_step_gradient(scalar_function(arrays), arrays["x"])
        cases.append(_case(aspect, arrays, "gradient", right, "x", wrong_gradients(right)))
    return cases


def jacobian_cases(rng: np.random.Generator) -> list[Case]:
    """Functions of few and of many parameters, of integers, and one whose parameters act on each other's columns."""
    cases = []
    for aspect, m, n in (("jacobian", 4, 3), ("jacobian", 4, 5), ("integers", 4, 3), ("pairs", 3, 4)):
        arrays = draw_jacobian_probe(m, n, rng, integers=aspect == "integers")
        if aspect == "pairs":
            aspect, arrays = "jacobian", arrays | {"k": PAIRS}
        right = complex_step_jacobian(vector_function(arrays), arrays["p"])
        cases.append(_case(aspect, arrays, "jacobian", right, "p", wrong_jacobians(right)))
    return cases


def _case(aspect: str, arrays: Arrays, name: str, right: np.ndarray, at: str, wrong: Variants) -> Case:
    arrays_right = {name: right, f"changed.{at}": np.zeros(arrays[at].shape)}
    fallback = None
    if aspect == "integers":  # zeros: a nudge that integers cut off
        fallback, wrong = "int-truncation", {kind: numbers for kind, numbers in wrong.items() if kind != "zero"}
    if "k" in arrays:
        fallback, wrong = "forgets-restore", {}
    probe = Probe((arrays,))
    return Case(aspect, probe, (arrays_right,), fallback=fallback, alternatives=wrong, sentences=OF_DIFFERENCES)


def wrong_gradients(right: np.ndarray) -> Variants:
    """Return the numbers that common mistakes give in the place of the gradient `right`."""
    together = {
        "perturbs-all": np.full_like(right, right.sum()),
        "forgets-restore": np.cumsum(right).reshape(right.shape),
    }
    if right.ndim > 1:
        together["transposed"] = right.T
    return _scaled("gradient", right) | (
        {n: (({"gradient": g},),) for n, g in together.items()} if right.size > 1 else {}
    )


def wrong_jacobians(right: np.ndarray) -> Variants:
    """Return the numbers that common mistakes give in the place of the Jacobian `right`."""
    together = {
        "transposed": right.T,
        "perturbs-all": np.repeat(right.sum(axis=1, keepdims=True), right.shape[1], axis=1),
        "forgets-restore": np.cumsum(right, axis=1),
    }
    return _scaled("jacobian", right) | (
        {n: (({"jacobian": J},),) for n, J in together.items()} if right.size > 1 else {}
    )


def _scaled(name: str, right: np.ndarray) -> Variants:
    factors = {"sign": -1.0, "factor-extra": 2.0, "factor-missing": 0.5, "zero": 0.0}
    wrong = {misconception: k * right for misconception, k in factors.items()} | {"int-truncation": np.trunc(right)}
    return {misconception: (({name: numbers},),) for misconception, numbers in wrong.items()}
