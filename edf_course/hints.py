"""What a wrong gradient looks like, and what to say of it: used by `check` and by the judge.

A `Misconception` computes the numbers that a known mistake gives. It is named only where it gives *all* of a student's
numbers, in every probe, to the last digits: no diagnosis is better than a false one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edf_course.exercises.marking import Comparison, Context, close

Prediction = Callable[[Context], Any]


@dataclass(frozen=True)
class Misconception:
    """A known mistake: its id, the sentence that explains it, and the wrong numbers that it gives.

    gradient: from a Context to the wrong gradient: an array (for the only operand), or a dict by operand.
    value: from a Context to the wrong value. either may be None.
    """

    id: str
    sentence: str
    gradient: Prediction | None = None
    value: Prediction | None = None

    def predict(self, name: str, context: Context) -> np.ndarray | None:
        """Return the numbers that this mistake gives for "value" or "grad.<operand>", or None."""
        prediction = self.value if name == "value" else self.gradient if name.startswith("grad.") else None
        if prediction is None:
            return None
        with np.errstate(all="ignore"):
            numbers = prediction(context)
        if isinstance(numbers, Mapping):
            numbers = numbers.get(name.removeprefix("grad."))
        elif name.startswith("grad.") and len(context.vjp(context.g)) > 1:
            return None
        return None if numbers is None else np.asarray(numbers)


def _all(change: Callable[[np.ndarray, Context], Any]) -> Prediction:
    return lambda c: {name: change(right, c) for name, right in c.vjp(c.g).items()}


def _parameters(change: Callable[[np.ndarray, Context], Any]) -> Prediction:
    return lambda c: {name: change(right, c) for name, right in c.vjp(c.g).items() if name in c.parameters}


def _inputs(change: Callable[[np.ndarray, Context], Any]) -> Prediction:
    return lambda c: {name: change(right, c) for name, right in c.vjp(c.g).items() if name not in c.parameters}


def _first_example(c: Context) -> Mapping[str, np.ndarray]:
    only_first = np.zeros_like(c.g)
    only_first[0] = c.g[0]
    return c.vjp(only_first)


def _entry_by_entry(c: Context) -> Mapping[str, np.ndarray] | None:
    """The gradient without all that goes from one entry to another: the diagonal of the Jacobian, times g."""
    (name, x), *others = c.vjp(c.g).items()
    if others or x.shape != c.g.shape or c.g.size > 64:
        return None
    diagonal = np.zeros_like(x)
    for i in np.ndindex(c.g.shape):
        one = np.zeros_like(c.g)
        one[i] = c.g[i]
        diagonal[i] = c.vjp(one)[name][i]
    return {name: diagonal}


GENERIC = (
    Misconception(
        "sign",
        "Your gradient is the right one with its sign turned around: look for a minus that is lost, or one too many.",
        _all(lambda right, c: -right),
    ),
    Misconception(
        "no-upstream",
        "The upstream gradient is missing: multiply by self.grad, which says how the loss changes with y.",
        lambda c: c.vjp(np.ones_like(c.g)),
    ),
    Misconception(
        "batch-mean-missing",
        "Your gradient is the right one times B: the mean over the batch is missing (a sum is not a mean).",
        _parameters(lambda right, c: right * c.B),
    ),
    Misconception(
        "batch-mean-twice",
        "Your gradient is the right one divided by B: the batch is averaged twice.",
        _parameters(lambda right, c: right / c.B),
    ),
    Misconception(
        "batch-mean-twice",
        "Your gradient is the right one divided by B: only parameters average over the batch, inputs keep one gradient "
        "for each example.",
        _inputs(lambda right, c: right / c.B),
    ),
    Misconception(
        "batch-sum",
        "Every row of your gradient is the sum over the batch: each example should get its own.",
        _inputs(lambda right, c: np.broadcast_to(right.sum(axis=0), right.shape)),
    ),
    Misconception(
        "wrong-point",
        "The derivative is taken at the wrong place: at the output y, where the input x belongs.",
        lambda c: c.vjp_at_output(c.g) if c.vjp_at_output else None,
    ),
    Misconception("first-example", "Only the first example of the batch gets a gradient.", _first_example),
    Misconception(
        "first-example",
        "Only the first example of the batch is in your gradient.",
        lambda c: {n: v * c.B for n, v in _first_example(c).items() if n in c.parameters},
    ),
    Misconception(
        "transposed",
        "Your gradient is the right one transposed: swap the two factors of the product, or their transposes.",
        _all(lambda right, c: right.T if right.ndim == 2 and right.shape[0] == right.shape[1] else None),
    ),
    Misconception(
        "softmax-elementwise",
        "Each entry is treated by itself, but here each output depends on every input of its row: "
        "the Jacobian has more than its diagonal.",
        _entry_by_entry,
    ),
    Misconception(
        "int-truncation",
        "Your numbers are the right ones cut down to integers: compute with floats.",
        _all(lambda right, c: np.trunc(right)),
        lambda c: np.trunc(c.y),
    ),
)

SENTENCES = {
    "zero": "Your gradient is zero everywhere: does backward call addgrad, with what it computed?",
    "returns": "Your backward returns the gradient, but nobody takes it: hand it over with addgrad.",
    "missing-input-grad": "The gradient of {operand} is zero, though others arrive: backward owes one to each operand.",
    "missing-param-grad": "The gradient of the parameter {operand} is zero, though others arrive.",
    "tiny-factor": "Your gradient is off by a factor of {factor:.4g}: close, but not right.",
    "factor-extra": "Your gradient is the right one times {factor:.4g}.",
    "factor-missing": "Your gradient is the right one times {factor:.4g}: a factor of {inverse:.4g} is missing.",
    "hard-coded-shape": "It is right for one shape only: is a batch size or a width written into the code as a number?",
    "ignores-cotangent": "It is right only when the upstream gradient is all ones: each entry of self.grad has its "
    "own say.",
    "narrow-domain": "It is right for some inputs and wrong for others, here where {side}.",
    "overflow": "It is right for everyday numbers, but large ones become NaN or infinite: keep exponents small.",
    "overwrites": "With two readers, only one share of the gradient is there: it is overwritten (=) where it should "
    "be added to (+=, or addgrad).",
    "no-accumulation": "A node that is read twice should get the sum of both gradients.",
    "double-count": "A share of the gradient is counted twice.",
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
    "no-seed": "No node gets a gradient: the walk starts with loss.grad = 1.",
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
    candidates = (*known, *GENERIC)
    for name in dict.fromkeys(c.name for c in comparisons if not c.fits and c.got is not None):
        group = [c for c in comparisons if c.name == name and c.got is not None and c.case.gentle]
        if not any(not c.fits for c in group):
            continue
        found = (
            _zero(name, group, comparisons)
            or next((d for m in candidates if (d := _explains(m, name, group))), None)
            or _factor(group)
            or _lost_digits(group)
            or _one_sided(name, group)
            or _only_for_ones(group)
        )
        if found:
            return found
    return None


def _explains(m: Misconception, name: str, group: Sequence[Comparison]) -> Diagnosis | None:
    """Whether the mistake gives every array of the group, and differs from what is right in one that is wrong."""
    differs = False
    for c in group:
        if c.context is None or c.got is None:
            return None
        predicted = m.predict(name, c.context)
        if predicted is None or not close(c.got, predicted):
            return None
        if not c.fits and not predicted.any() and c.got.dtype.kind == "f":
            return None  # zeros explain nothing, unless they were cut down to it
        differs = differs or not c.fits
    return Diagnosis(m.id, m.sentence.format(operand=name.removeprefix("grad."))) if differs else None


def _zero(name: str, group: Sequence[Comparison], comparisons: Sequence[Comparison]) -> Diagnosis | None:
    if not name.startswith("grad.") or any(np.any(c.got) for c in group if c.got is not None):
        return None
    others = [c for c in comparisons if c.name.startswith("grad.") and c.name != name and c.got is not None]
    if any(np.any(c.got) for c in others):
        operand = name.removeprefix("grad.")
        context = group[0].context
        kind = "missing-param-grad" if context and operand in context.parameters else "missing-input-grad"
        return say(kind, operand=operand)
    return say("zero")


def _factor(group: Sequence[Comparison]) -> Diagnosis | None:
    """Every array is c times the right one; or c changes with the batch size, as a fixed number in its place would."""
    factors, sizes = [], []
    for c in group:
        norm = float((c.right * c.right).sum())
        if np.abs(c.right).max(initial=0.0) < 1e-9:
            continue
        if c.got is None or c.got.shape != c.right.shape or not np.isfinite(c.got).all():
            return None
        factor = float((c.got * c.right).sum()) / norm
        if factor <= 0 or not close(c.got, factor * c.right):
            return None
        factors.append(factor)
        sizes.append(c.context.B if c.context else 1)
    if not factors:
        return None
    if np.allclose(factors, factors[0], rtol=1e-5):
        f = factors[0]
        kind = "tiny-factor" if abs(f - 1) < 0.02 else "factor-extra" if f > 1 else "factor-missing"
        return say(kind, factor=f, inverse=1 / f)
    per_size = np.array(factors) / np.array(sizes)
    if len(set(sizes)) > 1 and np.allclose(per_size, per_size[0], rtol=1e-5):
        return say("hard-coded-shape")
    return None


def _lost_digits(group: Sequence[Comparison]) -> Diagnosis | None:
    dtypes = {c.got.dtype for c in group if c.got is not None}
    if all(c.got is not None and close(c.got, c.right, 5e-3) for c in group) and np.dtype(np.float16) in dtypes:
        return say("dtype", dtype="float16")
    return None


def _one_sided(name: str, group: Sequence[Comparison]) -> Diagnosis | None:
    """Entry by entry right where the operand is on one side of 0, and wrong on the other."""
    wrong = {False: False, True: False}
    fits = {False: False, True: False}  # somewhere that says something: where what is right is not 0
    for c in group:
        x = _operand_of(name, c.context)
        if x is None or c.got is None or x.shape != c.right.shape or c.got.shape != c.right.shape:
            return None
        scale = np.abs(c.right).max()
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(c.got - c.right) <= 1e-5 * scale)
        telling = ~bad & (np.abs(c.right) > 1e-3 * scale)
        for side, entries in ((True, x > 0), (False, x < 0)):
            wrong[side] |= bool(bad[entries].any())
            fits[side] |= bool(telling[entries].any())
    if wrong[True] == wrong[False] or not fits[wrong[False]]:
        return None
    operand = name.removeprefix("grad.") if name != "value" else "x"
    return say("narrow-domain", side=f"{operand} > 0" if wrong[True] else f"{operand} < 0")


def _operand_of(name: str, context: Context | None) -> np.ndarray | None:
    """Return the operand that a gradient belongs to; for the value, the first operand."""
    if context is None:
        return None
    operand = name.removeprefix("grad.") if name != "value" else next(iter(context.operands), "")
    return context.operands.get(operand)


def _only_for_ones(group: Sequence[Comparison]) -> Diagnosis | None:
    of_ones = [c for c in group if c.context is not None and (c.context.g == 1).all()]
    ones = [c.fits for c in of_ones if np.abs(c.right).max() > 1e-3]
    return say("ignores-cotangent") if ones and all(ones) else None


def odd_shape(operand: str, odd: np.ndarray, right: np.ndarray) -> Diagnosis | None:
    """Name the mistake behind a gradient of the wrong shape: transposed, or not summed back after broadcasting."""
    if odd.ndim == 2 and right.ndim == 2 and odd.shape == right.shape[::-1]:
        return say("transposed", operand=operand, got=odd.shape, right=right.shape)
    if odd.ndim > right.ndim and odd.shape[odd.ndim - right.ndim :] == right.shape:
        return say("broadcast", operand=operand, got=odd.shape, right=right.shape)
    return None


def say(misconception: str, **values: Any) -> Diagnosis:
    """Return the diagnosis with its sentence filled in."""
    return Diagnosis(misconception, SENTENCES[misconception].format(**values))
