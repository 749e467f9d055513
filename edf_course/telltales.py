"""What can be told of wrong answers without a list of mistakes: by when they are right, and by how far they move.

Each function looks at the comparisons of one aspect, and returns None where it sees nothing that is certain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from edf_course.exercises.marking import TOLERANCE, Case, Comparison, close
from edf_course.exercises.probes import Answer
from edf_course.hints import Diagnosis, say, strictness

CHANCE = 1e-3  # that something is so without the mistake that it is taken for
ENOUGH = 3  # entries on either side of a bound
JUMP = 1e-3  # of the largest entry: beyond a bound most are off by more, or it is a slope that is right near one point
MOST_SLIGHT = 0.1  # of the right entries, and of the wrong ones: so many may be off by less, near the bound
OF_SHAPES = re.compile(r"shape|size|index|dimension|broadcast|unpack|axis|axes|length")


def disturbed(cases: Sequence[Case], answers: Sequence[Answer]) -> Diagnosis | None:
    """Find a question that was asked twice, of a new object each time, and answered differently."""
    first: dict[int, Answer] = {}
    for case, answer in zip(cases, answers, strict=True):
        before = first.setdefault(id(case.probe), answer)
        failures = [a.failure.kind if a.failure else None for a in (before, answer)]
        if "time" not in failures and (failures[0] != failures[1] or not _same_arrays(before, answer)):
            return say("shared-state")
    return None


def _same_arrays(one: Answer, other: Answer) -> bool:
    if [list(p) for p in one.passes] != [list(p) for p in other.passes]:
        return False
    pairs = [(a, q[n]) for p, q in zip(one.passes, other.passes, strict=True) for n, a in p.items()]
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def fixed_shape(group: Sequence[Comparison]) -> Diagnosis | None:
    """Find a shape that is written into the code: right for that one only, or in the text of every error."""
    cases = list({id(c.case): c.case for c in group}.values())
    fits = {id(case): all(c.fits for c in group if c.case is case) for case in cases}
    by_shape: dict[tuple[tuple[int, ...], ...], list[Case]] = {}
    for case in cases:
        by_shape.setdefault(tuple(a.shape for a in case.right[0].values()), []).append(case)
    if len(by_shape) < 2:
        return None
    wrong = [case for case in cases if not fits[id(case)]]
    texts = {id(c.case): c.failure.text for c in group if c.failure and c.failure.kind == "raised"}
    all_raise = all(OF_SHAPES.search(texts.get(id(case), "").partition(" (in ")[0]) for case in wrong)
    right = [same for same in by_shape.values() if all(fits[id(case)] for case in same)]
    mixed = len(right) + sum(not any(fits[id(case)] for case in same) for same in by_shape.values()) < len(by_shape)
    if len(right) == 1 and not mixed and (all_raise or len(right[0]) > 1):
        theirs = [c for c in group if any(c.case is case for case in right[0])]
        return None if _may_be_chance(theirs, [c for c in group if not c.fits]) else say("hard-coded-shape")
    if right or not all_raise:
        return None
    common = set.intersection(*(_shapes_in(texts[id(case)]) - _shapes_of(case) for case in wrong))
    return say("hard-coded-shape") if common else None


def _may_be_chance(right: Sequence[Comparison], wrong: Sequence[Comparison]) -> bool:
    """Whether all these entries could be right by chance, where of the wrong arrays so many are."""
    fitting = 0
    for c in wrong:
        got = _numbers(c, finite=False)
        if got is not None:
            fitting += int((np.abs(got - c.right) <= TOLERANCE * float(np.abs(c.right).max(initial=0.0))).sum())
    share = fitting / max(sum(c.right.size for c in wrong), 1)
    names = {c.name for c in wrong}
    return bool(share ** sum(c.right.size for c in right if c.name in names) > CHANCE)


def _shapes_in(text: str) -> set[tuple[int, ...]]:
    message = text.partition(" (in ")[0]  # without the student's line
    return {tuple(map(int, re.findall(r"\d+", shape))) for shape in re.findall(r"\(\d+,[\d, ]*\)", message)}


def _shapes_of(case: Case) -> set[tuple[int, ...]]:
    return {a.shape for arrays in (*case.probe.passes, *case.right) for a in arrays.values()}


def _numbers(c: Comparison, finite: bool = True) -> np.ndarray | None:
    """Return what came, where it is real numbers in the right shape, finite ones if need be."""
    if c.got is None or c.got.shape != c.right.shape or c.got.dtype.kind not in "biuf":
        return None
    return None if finite and not np.isfinite(c.got).all() else c.got


def moved(group: Sequence[Comparison]) -> Diagnosis | None:
    """Find steps that are all the right ones times a number: of what is in the probe, and is moved from there."""
    steps = []
    for c in group:
        start = c.case.probe.passes[0].get(c.name)
        if start is not None:
            if (got := _numbers(c)) is None:
                return None
            steps.append((got, c.right, start))
    size = sum(float(((right - start) ** 2).sum()) for _, right, start in steps)
    if size == 0:
        return None
    factor = sum(float(((got - start) * (right - start)).sum()) for got, right, start in steps) / size
    for got, right, start in steps:
        predicted = start + factor * (right - start)
        if not close(got, predicted, strictness(predicted, right)):
            return None
    if abs(factor) < 1e-9:
        return say("zero")
    if factor < 0:
        return Diagnosis("sign", "The step goes up the gradient: subtract it.") if abs(factor + 1) < 1e-6 else None
    kind = "tiny-factor" if abs(factor - 1) < 0.02 else "factor-extra" if factor > 1 else "factor-missing"
    return say(kind, what="step", factor=factor, inverse=1 / factor)


def same_factor(group: Sequence[Comparison]) -> Diagnosis | None:
    """Find several wrong numbers, of different probes, that are the right ones times the same number."""
    wrong = [c for c in group if not c.fits]
    if len({id(c.case) for c in wrong}) < 2 or any(
        c.got is None or c.got.shape or c.right.shape or c.right == 0 for c in wrong
    ):
        return None
    factors = np.array([float(c.got / c.right) for c in wrong if c.got is not None])
    factor = float(factors[0])
    if not np.isfinite(factors).all() or factor <= 0 or not np.allclose(factors, factor, rtol=1e-6):
        return None
    kind = "tiny-factor" if abs(factor - 1) < 0.02 else "factor-extra" if factor > 1 else "factor-missing"
    return say(kind, what="gradient", factor=factor, inverse=1 / factor)


def bounded(name: str, group: Sequence[Comparison]) -> Diagnosis | None:
    """Find a bound of the operand: entry by entry right on one side of it, and wrong on the other.

    Arrays that are wrong as a whole tell nothing of it: only those count that are right in part.
    """
    operand = name.removeprefix("grad.")
    bad: list[np.ndarray] = []
    good: list[np.ndarray] = []
    mixed, slight = False, 0
    for c in (c for c in group if c.name == name):
        x = next(iter(c.context.operands.values())) if c.context and name == "value" else None
        x = c.context.operands.get(operand) if c.context and x is None else x
        got = _numbers(c, finite=False)
        if x is None or got is None or x.shape != got.shape:
            return None
        scale = np.abs(c.right).max()
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(got - c.right) <= 1e-5 * scale)
            slight += int((wrong & (np.abs(got - c.right) <= JUMP * scale)).sum())
        bad.append(x[wrong])
        good.append(x[~wrong & (np.abs(c.right) > 1e-3 * scale)])  # where right is 0, it says little
        mixed |= min(bad[-1].size, good[-1].size) >= ENOUGH
    wrong_at, right_at = (np.concatenate(parts) if parts else np.empty(0) for parts in (bad, good))
    if not mixed or slight > MOST_SLIGHT * min(wrong_at.size, right_at.size):
        return None
    shown = operand if name != "value" else "x"
    for text, measure in ((shown, lambda x: x), (f"|{shown}|", np.abs)):
        lies, fits = measure(wrong_at), measure(right_at)
        if lies.min() > fits.max():
            return say("narrow-domain", side=f"{text} > {_between(fits.max(), lies.min())}")
        if lies.max() < fits.min():
            return say("narrow-domain", side=f"{text} < {_between(lies.max(), fits.min())}")
    return None


def _between(low: float, high: float) -> str:
    """Return the shortest number between two, such as somebody may have written."""
    digits = next((d for d in range(6) if low <= round((low + high) / 2, d) <= high), 6)
    return f"{round((low + high) / 2, digits):g}"
