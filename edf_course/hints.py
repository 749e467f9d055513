"""What a wrong number looks like, and what to say of it: used by `check` and by the judge.

First the known mistakes, whose numbers are computed; then what can be seen of the numbers without knowing the mistake:
zeros, a factor, lost digits, one side of 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from edf_course.exercises.marking import TOLERANCE, Comparison, Context, close
from edf_course.misconceptions import GENERIC, Misconception, doubled

NOTHING = 1e-12  # gradients below are zero, but for the rounding of terms that cancel
SLIGHT = 1e-3  # off by less than that part: numbers, not a mistake that can be told by where it shows
MOST = 0.7  # of the entries, for a mistake that leaves none right but by chance
TINY = 0.02  # a factor that differs from 1 by less
TELLING = 4  # entries that are not 0 it takes to see a factor in them


SENTENCES = {
    "zero": "Your gradient is zero everywhere: does backward call addgrad, with what it computed?",
    "returns": "Your backward returns the gradient, but nobody takes it: hand it over with addgrad.",
    "missing-input-grad": "The gradient of {operand} is zero, though others arrive: backward owes one to each operand.",
    "missing-param-grad": "The gradient of the parameter {operand} is zero, though others arrive.",
    "tiny-factor": "Your {what} is off by a factor of {factor:.6g}: close, but not right.",
    "factor-extra": "Your {what} is the right one times {factor:.4g}.",
    "factor-missing": "Your {what} is the right one times {factor:.4g}: a factor of {inverse:.4g} is missing.",
    "batch-sum": "The gradient of {operand} is summed over the batch: each example should get its own.",
    "batch-mean-twice": "The gradient of {operand} is the mean over the batch: each example should get its own.",
    "hard-coded-shape": "It is right for one shape only: is a batch size or a width written into the code as a number?",
    "ignores-cotangent": "It is right only when the upstream gradient is all ones: each entry of self.grad has its "
    "own say.",
    "narrow-domain": "It is right for some inputs and wrong for others, here where {side}.",
    "overflow": "It is right for everyday numbers, but large ones become NaN or infinite: keep exponents small.",
    "overwrites": "With two readers, only one share of the gradient is there: it is overwritten (=) where it should "
    "be added to (+=, or addgrad).",
    "no-accumulation": "A node that is read twice should get the sum of both gradients.",
    "double-count": "A share of the gradient is counted twice: each is to be added once.",
    "grad-not-reset": "The second Backward on the same graph gives another gradient: something is kept from the first.",
    "stale-state": "With new values, the second pass is wrong: something is kept from the first (compute it in "
    "forward).",
    "shared-state": "Two of your nodes in one graph disturb each other: keep values on self, not on the class or in a "
    "global.",
    "mutates-input": "Your node changes its input's value: make a new array instead of writing into that one.",
    "mutates-grad": "Your backward changes self.grad: make a new array instead of writing into that one.",
    "mutates-value": "Your backward changes self.value: make a new array instead of writing into that one.",
    "broadcast": "The gradient of {operand} has shape {got}, but {operand} has shape {right}: sum over the axes along "
    "which it was broadcast.",
    "transposed": "The gradient of {operand} has shape {got}, but {operand} has shape {right}: it is transposed.",
    "forgets-restore": "Your function changes x and does not put it back: nudge a copy, or restore each entry.",
    "int-truncation": "An integer x cannot take a small step: make it floats first (np.array(x, dtype=float)).",
    "no-seed": "No gradient arrives anywhere: clear the old ones, then set loss.grad = 1, then call backward of each "
    "node, that of the loss first.",
    "order-reversed": "The order is the wrong way round.",
    "topo-order": "Something comes before all that it needs is there.",
    "missing-node": "A node is left out.",
    "dtype": "The numbers have lost digits: they were computed in {dtype}.",
}


@dataclass(frozen=True)
class Diagnosis:
    """A misconception that explains a student's numbers, and the sentence to say."""

    misconception: str
    sentence: str


def diagnose(comparisons: Sequence[Comparison], known: Iterable[Misconception] = ()) -> Diagnosis | None:
    """Find the mistake that explains the comparisons that do not fit: the exercise's own ones first, then generic ones.

    `comparisons` are those of one aspect, right and wrong ones. Returns None where nothing explains all the numbers.
    """
    known = tuple(known)
    names = dict.fromkeys(c.name for c in comparisons if not c.fits and c.got is not None)
    for name in ["value"] if "value" in names else names:  # gradients of another value tell of that only
        of_name = [c for c in comparisons if c.name == name and c.got is not None]
        anywhere = [m for m in known if m.anywhere]
        gentle = [c for c in of_name if c.case.gentle]
        if any(not c.fits for c in gentle):
            found = _look_at(name, gentle, comparisons, known)
        else:
            found = next((d for m in anywhere if (d := _explains(m, name, of_name))), None)
        if found:
            return found
    return None


def _look_at(
    name: str, group: Sequence[Comparison], comparisons: Sequence[Comparison], known: Sequence[Misconception]
) -> Diagnosis | None:
    mistakes = chain(known, GENERIC, doubled(known))
    return (
        _zero(name, group, comparisons)
        or next((d for m in mistakes if (d := _explains(m, name, group))), None)
        or _of_wrong_shape(name, group)
        or (_lost_digits(group) if name in ("gradient", "jacobian") else None)  # before a step that is cut short
        or _factor(name, group)
        or _lost_digits(group)
        or _one_sided(name, group)
        or _only_for_ones(group)
    )


def is_slight(c: Comparison) -> bool:
    """Whether a wrong array is off so little that it may be a matter of digits."""
    return c.got is not None and close(c.got, c.right, SLIGHT)


def _explains(m: Misconception, name: str, group: Sequence[Comparison]) -> Diagnosis | None:
    """Whether the mistake gives every array of the group, and differs from what is right in one that is wrong."""
    differs = False
    for c in group:
        if c.context is None or c.got is None:
            return None
        predicted = m.predict(name, c.context)
        if predicted is None or not close(c.got, predicted, strictness(predicted, c.right)):
            return None
        # zeros explain nothing, unless they were cut down to it
        differs |= not c.fits and (bool(predicted.any()) or c.got.dtype.kind != "f")
    return Diagnosis(m.id, m.sentence.replace("{operand}", name.removeprefix("grad."))) if differs else None


def strictness(predicted: np.ndarray, right: np.ndarray) -> float:
    """Return how near an explanation must come: where it is near to what is right, it must be nearer by far."""
    if predicted.shape != right.shape:
        return TOLERANCE
    scale = max(float(np.abs(right).max(initial=0.0)), NOTHING)
    with np.errstate(invalid="ignore"):
        return float(np.clip(0.1 * np.abs(predicted - right).max(initial=0.0) / scale, 1e-9, TOLERANCE))


def _zero(name: str, group: Sequence[Comparison], comparisons: Sequence[Comparison]) -> Diagnosis | None:
    cut_down = any(c.got is not None and c.got.dtype.kind != "f" for c in group)
    if cut_down or any(_is_something(c) for c in group):
        return None
    if name == "value":
        return Diagnosis("zero", "Your value is zero everywhere.")
    if not name.startswith("grad."):
        return None
    if any(_is_something(c) for c in comparisons if c.name.startswith("grad.") and c.name != name):
        operand = name.removeprefix("grad.")
        context = group[0].context
        kind = "missing-param-grad" if context and operand in context.parameters else "missing-input-grad"
        return say(kind, operand=operand)
    return say("zero")


def _is_something(c: Comparison) -> bool:
    return c.got is not None and not bool((np.abs(c.got) <= NOTHING).all())


def _of_wrong_shape(name: str, group: Sequence[Comparison]) -> Diagnosis | None:
    """Every gradient of the wrong shape tells the same mistake."""
    if not name.startswith("grad.") or not all(c.got is not None and c.got.shape != c.right.shape for c in group):
        return None
    found = [odd_shape(name.removeprefix("grad."), c.got, c.right) for c in group if c.got is not None]
    same = len({d.misconception if d else None for d in found}) == 1
    return found[0] if same else None


def _factor(name: str, group: Sequence[Comparison]) -> Diagnosis | None:
    """Every array is c times the right one; or c changes with the batch size, as a fixed number in its place would."""
    factors, sizes, telling = [], [], 0
    for c in group:
        largest = float(np.abs(c.right).max(initial=0.0))
        if largest < 1e-9 and c.fits:
            continue
        if largest < 1e-9 or c.got is None or c.got.shape != c.right.shape or c.got.dtype.kind == "c":
            return None
        if c.got.ndim == 0:  # of single numbers, some here and some there may be it by chance
            return None
        if not np.isfinite(c.got).all():
            return None
        factor = float((c.got * c.right).sum()) / float((c.right * c.right).sum())
        if factor <= 0 or not close(c.got, factor * c.right, strictness(factor * c.right, c.right)):
            return None
        factors.append(factor)
        sizes.append(c.context.B if c.context else 1)
        telling += int((np.abs(c.right) > 1e-3 * largest).sum())
    if telling < TELLING:
        return None
    if np.allclose(factors, factors[0], rtol=1e-6):
        f = factors[0]
        kind = "tiny-factor" if _off(f) < TINY else "factor-extra" if f > 1 else "factor-missing"
        return say(kind, what="value" if name == "value" else "gradient", factor=f, inverse=1 / f)
    if all(_off(f) < TINY for f in factors):
        return say("tiny-factor", what="value" if name == "value" else "gradient", factor=max(factors, key=_off))
    number = np.array(sizes) / np.array(factors)
    if len(set(sizes)) > 1 and np.allclose(number, number[0], rtol=1e-5) and _is_count(float(number[0])):
        return say("hard-coded-shape")
    return None


def _off(factor: float) -> float:
    return abs(factor - 1)


def _is_count(number: float) -> bool:
    """Whether this is a number that somebody would write for a batch size."""
    return number >= 2 and abs(number - round(number)) < 1e-4


def _lost_digits(group: Sequence[Comparison]) -> Diagnosis | None:
    dtypes = {c.got.dtype for c in group if c.got is not None} & {np.dtype(np.float16), np.dtype(np.float32)}
    if dtypes and all(c.got is not None and close(c.got, c.right, 5e-3) for c in group):
        return say("dtype", dtype=min(map(str, dtypes)))
    return None


def _one_sided(name: str, group: Sequence[Comparison]) -> Diagnosis | None:
    """Entry by entry right where the operand is on one side of 0, and wrong on the other, but for a few entries."""
    wrong = {False: 0, True: 0}
    fits = {False: 0, True: 0}  # somewhere that says something: where what is right is not 0
    if all(c.fits or is_slight(c) for c in group):
        return None
    for c in group:
        x = _operand_of(name, c.context)
        if x is None or c.got is None or x.shape != c.right.shape or c.got.shape != c.right.shape:
            return None
        scale = np.abs(c.right).max()
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(c.got - c.right) <= 1e-5 * scale)
        telling = ~bad & (np.abs(c.right) > 1e-3 * scale)
        for side, entries in ((True, x > 0), (False, x < 0)):
            wrong[side] += int(bad[entries].sum())
            fits[side] += int(telling[entries].sum())
    for side, sign in ((True, ">"), (False, "<")):
        if wrong[not side] == 0 < fits[not side] and wrong[side] > 2 * fits[side]:
            operand = name.removeprefix("grad.") if name != "value" else "x"
            return say("narrow-domain", side=f"{operand} {sign} 0")
    return None


def _operand_of(name: str, context: Context | None) -> np.ndarray | None:
    """Return the operand that a gradient belongs to; for the value, the first operand."""
    if context is None:
        return None
    operand = name.removeprefix("grad.") if name != "value" else next(iter(context.operands), "")
    return context.operands.get(operand)


def _only_for_ones(group: Sequence[Comparison]) -> Diagnosis | None:
    """Right wherever the upstream gradient is all ones; elsewhere wrong, most entries and not just some."""
    told = [(c, bool((c.context.g == 1).all())) for c in group if c.context is not None]
    told = [(c, ones) for c, ones in told if np.abs(c.right).max() > 1e-3]
    if all(c.fits or is_slight(c) for c, _ in told) or not any(ones for _, ones in told):
        return None
    if not all(c.fits == ones for c, ones in told):
        return None
    wrong = np.concatenate([_wrong_entries(c) for c, ones in told if not ones])
    return say("ignores-cotangent") if wrong.mean() > MOST else None


def _wrong_entries(c: Comparison) -> np.ndarray:
    """Return which of the entries that say something are wrong; all, where the shape is."""
    scale = np.abs(c.right).max()
    telling = np.abs(c.right) > 1e-3 * scale
    if c.got is None or c.got.shape != c.right.shape:
        return np.ones(int(telling.sum()), dtype=bool)
    with np.errstate(invalid="ignore"):
        wrong: np.ndarray = ~(np.abs(c.got - c.right) <= TOLERANCE * scale)
    return wrong[telling]


def odd_shape(operand: str, odd: np.ndarray, right: np.ndarray) -> Diagnosis | None:
    """Name the mistake behind a gradient of the wrong shape: transposed, not summed back, or summed over the batch."""
    if odd.ndim == 2 and right.ndim == 2 and odd.shape == right.shape[::-1]:
        return say("transposed", operand=operand, got=odd.shape, right=right.shape)
    if odd.ndim > right.ndim and odd.shape[odd.ndim - right.ndim :] == right.shape:
        return say("broadcast", operand=operand, got=odd.shape, right=right.shape)
    of_parameter = operand.startswith(("Phi.", "delta"))
    if odd.ndim > 0 and odd.shape == right.shape[1:] and not of_parameter:  # of an input, whose first axis is the batch
        for averaged, how in ((right.sum(axis=0), "sum"), (right.mean(axis=0), "mean")):
            if right.shape[0] > 1 and close(odd, averaged):
                return say("batch-sum" if how == "sum" else "batch-mean-twice", operand=operand)
    return None


def say(misconception: str, **values: Any) -> Diagnosis:
    """Return the diagnosis with its sentence filled in."""
    return Diagnosis(misconception, SENTENCES[misconception].format(**values))
