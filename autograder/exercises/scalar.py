"""The private half of the exercises on the scalar engine: torch's gradients, and those of engines with known faults."""

from __future__ import annotations

import numpy as np
import torch

from autograder.exercise import Exercise
from autograder.exercises.scalar_faults import FAULTS, SENTENCES, cut_down, wrong_gradients
from autograder.oracles import OracleDisagreement
from edf_course.exercises.answer_scalar import EXPRESSIONS
from edf_course.exercises.marking import Case, close
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.public_functions import Variants
from edf_course.exercises.public_scalar import (
    ASPECTS,
    NAMES,
    draw_numbers,
    fallback_of,
    order_cases,
    say_numbers,
    slopes_of,
)


def _value(text: str, point: np.ndarray) -> float:
    return float(EXPRESSIONS[text](*(torch.tensor(float(v), dtype=torch.float64) for v in point)))


def _truth(text: str, arrays: Arrays) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return value and gradient by torch, after finite differences have confirmed the gradient."""
    leaves = [torch.tensor(float(arrays[n]), dtype=torch.float64, requires_grad=True) for n in NAMES]
    root = EXPRESSIONS[text](*leaves)
    found = torch.autograd.grad(root, leaves, allow_unused=True)
    gradient = {n: np.array(0.0 if g is None else float(g)) for n, g in zip(NAMES, found, strict=True)}
    differences = slopes_of(lambda p: _value(text, p), text, arrays)
    if not all(close(differences[n], g) for n, g in gradient.items()):
        raise OracleDisagreement(f"{text}: torch says {gradient}, finite differences {differences}")
    return root.detach().numpy(), gradient


def _gradient_case(aspect: str, text: str, arrays: Arrays) -> Case:
    _, gradient = _truth(text, arrays)
    right = {"grad." + n: g for n, g in gradient.items()}
    unchanged = {"changed." + n: np.zeros(1) for n in NAMES}
    found = wrong_gradients(text, {n: float(arrays[n]) for n in NAMES})
    alternatives: Variants = {
        fault: tuple(({"grad." + n: np.array(v) for n, v in variant.items()},) for variant in variants)
        for fault, variants in found.items()
    }
    alternatives |= {fault: ((right,),) for fault in FAULTS if fault not in found}  # this expression does without that
    return Case(
        aspect, Probe((arrays,), text), (right | unchanged,), alternatives=alternatives, sentences=SENTENCES,
        fallback=fallback_of(aspect, text),
        about=(say_numbers(text, arrays),), again=lambda probe: _gradient_case(aspect, probe.mode, probe.passes[0]),
    )  # fmt: skip


def _value_case(text: str, arrays: Arrays) -> Case:
    cut = cut_down(text, {n: float(arrays[n]) for n in NAMES})
    wrong = {"int-truncation": (({"value": np.array(cut)},),)} if cut is not None else {}
    return Case(
        "value", Probe((arrays,), text, backward=False), ({"value": _truth(text, arrays)[0]},), alternatives=wrong,
        sentences=SENTENCES, about=(say_numbers(text, arrays),), again=lambda probe: _value_case(probe.mode, probe.passes[0]),
    )  # fmt: skip


def _value_cases(rng: np.random.Generator) -> list[Case]:
    drawn = [
        (aspect, text, arrays)
        for aspect, table in ASPECTS.items()
        for text in table
        for arrays in draw_numbers(text, rng)
    ]
    return [_value_case(text, arrays) for _, text, arrays in drawn] + [
        _gradient_case(aspect, text, arrays) for aspect, text, arrays in drawn
    ]


VALUE = Exercise("scalar.value", {"value": 2, "gradient": 5, "reuse": 3, "order": 4}, _value_cases)
TOPOLOGICAL_ORDER = Exercise(
    "scalar.topological_order", {"all nodes": 2, "each once": 2, "order": 3, "equal numbers": 1}, order_cases
)

EXERCISES = (VALUE, TOPOLOGICAL_ORDER)
