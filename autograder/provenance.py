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

AUTOGRAD_PACKAGES = frozenset({"torch", "jax", "autograd", "tensorflow", "autograder"})
SMALLEST_STEP, LARGEST_STEP = 1e-30, 2e-2


@dataclass(frozen=True)
class Finding:
    """Why a human should look: "delegates" or "numerical", and what was seen."""

    misconception: str
    evidence: str


def inspect_answer(thing: Any, comparisons: Sequence[Comparison], noticed: frozenset[str], numerical: bool) -> Finding | None:
    """Return what speaks against the answer being a derivation of its own, or None.

    `numerical`: the exercise asks for finite differences, so these are no finding.
    """
    if isinstance(thing, type):
        for base in thing.__mro__:
            if base.__module__ in (nodes.__name__, losses.__name__):
                return Finding("delegates", f"{thing.__name__} is the library's {base.__name__}, or a subclass of it")
    if "library-node" in noticed:
        return Finding("delegates", "the library's own node does the work inside")
    for function in _functions(thing):
        name = _delegate(function)
        if name:
            return Finding("delegates", f"{function.__name__} uses {name}")
    if numerical:
        return None
    if "forward-in-backward" in noticed:
        return Finding("numerical", "backward runs forward again")
    step = next((s for f in _functions(thing) for s in _steps(f.__code__)), None)
    if step is not None and _noisy(comparisons):
        return Finding("numerical", f"the gradient has the error of a difference quotient, and {step!r} is in the code")
    return None


def _functions(thing: Any, seen: set[int] | None = None) -> Iterator[types.FunctionType]:
    """Yield the student's functions behind `thing`: methods, what they close over, and helpers that they call by name."""
    seen = set() if seen is None else seen
    if id(thing) in seen or _is_library(thing):
        return
    seen.add(id(thing))
    if isinstance(thing, type):
        for base in thing.__mro__:
            if not _is_library(base) and base is not object:
                for member in vars(base).values():
                    yield from _functions(member, seen)
    elif isinstance(thing, (staticmethod, classmethod)):
        yield from _functions(thing.__func__, seen)
    elif isinstance(thing, property):
        yield from _functions(thing.fget, seen)
    elif isinstance(thing, types.MethodType):
        yield from _functions(thing.__func__, seen)
    elif isinstance(thing, types.FunctionType):
        yield thing
        for cell in thing.__closure__ or ():
            yield from _functions(_contents(cell), seen)
        for name in _names(thing.__code__):
            yield from _functions(thing.__globals__.get(name), seen)


def _is_library(thing: Any) -> bool:
    module = getattr(thing, "__module__", None) or ""
    return str(module).split(".")[0] in {"edf_course", "numpy", "scipy", "builtins", "math"}


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _names(code: types.CodeType) -> set[str]:
    return {name for c in _codes(code) for name in c.co_names}


def _delegate(function: types.FunctionType) -> str | None:
    """Return the name through which the function reaches a library node or another package's derivatives, or None."""
    names = _names(function.__code__)
    imported = names & AUTOGRAD_PACKAGES
    if imported:
        return min(imported)
    library = {n for m in (nodes, losses) for n, v in vars(m).items() if isinstance(v, type) and v.__module__ == m.__name__}
    for name in names:
        found = function.__globals__.get(name)
        package = (found.__name__ if isinstance(found, types.ModuleType) else str(getattr(found, "__module__", ""))).split(".")
        if package[0] in AUTOGRAD_PACKAGES:
            return name
        if isinstance(found, type) and found.__module__ in (nodes.__name__, losses.__name__):
            return name
        if isinstance(found, types.ModuleType) and package[0] == "edf_course":
            used = names & (library | {"numerical_gradient", "complex_step_gradient", "jacobian", "complex_step_jacobian"})
            if used:
                return f"{name}.{min(used)}"
        if getattr(found, "__module__", "") == "edf_course.calculus":
            return name
        if found is not None and getattr(found, "__code__", None) in _library_code():
            return name
    return "the code of the library's node" if function.__code__ in _library_code() else None


def _library_code() -> set[types.CodeType]:
    return {
        f.__code__
        for m in (nodes, losses)
        for v in vars(m).values()
        if isinstance(v, type)
        for f in vars(v).values()
        if isinstance(f, types.FunctionType)
    }


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
    """Whether the right gradients carry more error than float64 arithmetic leaves, though they are in float64."""
    errors = [
        float(np.abs(c.got - c.right).max() / np.abs(c.right).max())
        for c in comparisons
        if c.name.startswith("grad.") and c.case.aspect == "gradient" and c.fits and c.got is not None
        and c.got.dtype == np.float64 and np.abs(c.right).max() > 1e-3
    ]  # fmt: skip
    return bool(errors) and min(errors) > 2e-13
