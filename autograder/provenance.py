"""How the numbers were got: by a derivation, or by handing the work to the library, to torch, or to differences.

Best effort, and said so: what is found is flagged with the evidence for a human, and scores 0 until they say otherwise.
Reads code objects only; nothing of the student's is run here.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edf_course.edf import losses, nodes
from edf_course.exercises.marking import Comparison

DERIVATIVES = frozenset({"torch", "jax", "autograd", "tensorflow", "sympy", "micrograd", "autograder"})

# What answers are built from; anything else of the library does some exercise's work.
MATERIAL = frozenset(
    {
        "CompNode",
        "CompNodes",
        "Input",
        "Parameter",
        "ParameterPackage",
        "Parameters",
        "AffineParams",
        "as_operand",
        "xavier",
    }
    | {"GraphError", "ShapeError", "DataError", "NotComputed", "check", "hand_in", "progress", "yours_or_library"}
)
NODES = frozenset(
    n for m in (nodes, losses) for n, v in vars(m).items() if isinstance(v, type) and v.__module__ == m.__name__
)
OWN = frozenset({"edf_course", "numpy", "scipy", "builtins", "math"})  # whose functions are not the student's

SMALLEST_STEP, LARGEST_STEP = 1e-30, 2e-2
NOISE = 2e-13  # relative; a derivation in float64 stays below, a difference quotient does not


@dataclass(frozen=True)
class Finding:
    """Why a human should look: "delegates" or "numerical", and what was seen."""

    misconception: str
    evidence: str


def inspect_answer(
    thing: Any,
    comparisons: Sequence[Comparison],
    noticed: frozenset[str],
    *,
    numerical: bool = False,
    allowed: frozenset[str] = frozenset(),
) -> Finding | None:
    """Return what speaks against the answer being a derivation of its own, or None.

    `numerical`: the exercise asks for finite differences, so these are no finding. `allowed`: names of the library that
    an answer may use besides CompNode, Parameter and the like.
    """
    name = _library_name(thing, allowed)
    if name:
        return Finding("delegates", f"it is the library's {name}")
    for base in thing.__mro__ if isinstance(thing, type) else ():
        name = _library_name(base, allowed)
        if name:
            return Finding("delegates", f"{thing.__name__} is a subclass of the library's {name}")
    if "library" in noticed:
        return Finding("delegates", "the library's own code does the work inside")
    functions = list(_functions(thing))
    for function in functions:
        name = _delegate(function, allowed)
        if name:
            return Finding("delegates", f"{function.__name__} uses {name}")
    if numerical:
        return None
    if "forward-in-backward" in noticed:
        return Finding("numerical", "backward runs forward again")
    step = next((s for f in functions for s in _steps(f.__code__)), None)
    if step is not None and _noisy(comparisons):
        return Finding("numerical", f"the gradient has the error of a difference quotient, and {step!r} is in the code")
    return None


def _library_name(thing: Any, allowed: frozenset[str]) -> str | None:
    """Return the name of a class or function of the library that does an exercise's work, or None for anything else."""
    if not isinstance(thing, (type, types.FunctionType)) or not str(thing.__module__).startswith("edf_course"):
        return None
    name = thing.__name__
    return None if name in MATERIAL | allowed else name


def _functions(thing: Any, seen: set[int] | None = None) -> Iterator[types.FunctionType]:
    """Yield the student's functions behind `thing`: methods, what they close over, helpers that they call by name."""
    seen = set() if seen is None else seen
    if id(thing) in seen or str(getattr(thing, "__module__", "")).split(".")[0] in OWN:
        return
    seen.add(id(thing))
    if isinstance(thing, type):
        for base in thing.__mro__:
            for member in () if base.__module__.split(".")[0] in OWN else vars(base).values():
                yield from _functions(member, seen)
    elif isinstance(thing, (staticmethod, classmethod, types.MethodType)):
        yield from _functions(thing.__func__, seen)
    elif isinstance(thing, property):
        yield from _functions(thing.fget, seen)
    elif isinstance(thing, types.FunctionType):
        yield thing
        for cell in thing.__closure__ or ():
            yield from _functions(_contents(cell), seen)
        for name in _names(thing.__code__):
            yield from _functions(thing.__globals__.get(name), seen)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _names(code: types.CodeType) -> set[str]:
    return {name for c in _codes(code) for name in c.co_names}


def _delegate(function: types.FunctionType, allowed: frozenset[str]) -> str | None:
    """Return the name through which the function reaches library code or another package's derivatives, or None."""
    if function.__code__ in _library_code():
        return "the code of the library's node"
    names = _names(function.__code__)
    reached = {**{n: function.__globals__.get(n) for n in names}}
    reached |= {n: _contents(c) for n, c in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)}
    for name, found in sorted(reached.items()):
        module = found.__name__ if isinstance(found, types.ModuleType) else str(getattr(found, "__module__", ""))
        if name in DERIVATIVES or module.split(".")[0] in DERIVATIVES:
            return name
        if isinstance(found, types.ModuleType) and module.startswith("edf_course"):
            used = sorted(n for n in names if _library_name(getattr(found, n, None), allowed))
            if used:
                return f"{name}.{used[0]}"
        elif _library_name(found, allowed):
            return name
    return None


def _library_code() -> set[types.CodeType]:
    classes = [v for m in (nodes, losses) for v in vars(m).values() if isinstance(v, type)]
    return {f.__code__ for c in classes for f in vars(c).values() if isinstance(f, types.FunctionType)}


def _steps(code: types.CodeType) -> Iterator[Any]:
    """Yield constants that look like the step of a difference quotient, or an imaginary unit."""
    for c in _codes(code):
        for constant in c.co_consts:
            if isinstance(constant, complex):
                yield constant
            if isinstance(constant, float) and SMALLEST_STEP <= abs(constant) <= LARGEST_STEP:
                yield constant
        if {"finfo", "eps"} <= set(c.co_names):
            yield "finfo.eps"


def _noisy(comparisons: Sequence[Comparison]) -> bool:
    """Whether all right gradients carry more error than float64 arithmetic leaves, though they are in float64."""
    errors = [
        float(np.abs(c.got - c.right).max() / np.abs(c.right).max())
        for c in comparisons
        if c.name.startswith("grad.") and c.case.aspect == "gradient" and c.fits and c.got is not None
        and c.got.dtype == np.float64 and np.abs(c.right).max() > 1e-3
    ]  # fmt: skip
    return bool(errors) and min(errors) > NOISE
