"""Why an answer is wrong: from the comparisons of one aspect to the mistake behind them, for `check` and the judge.

The order is that of precision: what the answer changed that is not its own, gradients of a telling shape, numbers
that a listed mistake gives exactly, and last what fails only under special circumstances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edf_course.exercises.marking import UNCHANGED, Case, Comparison, close
from edf_course.exercises.probes import Answer
from edf_course.hints import Diagnosis, Misconception, diagnose, odd_shape, say
from edf_course.wording import what_is_wrong


def explain(
    group: Sequence[Comparison],
    cases: Sequence[Case],
    answers: Sequence[Answer],
    known: Iterable[Misconception] = (),
    *,
    alone: bool = True,
    numerical: bool = False,
) -> Diagnosis | None:
    """Find the mistake behind the comparisons of one aspect, right and wrong ones; None where nothing explains them.

    `known` are the exercise's own misconceptions, `alone` says that all aspects before this one are right, `numerical`
    that the exercise asks for finite differences.
    """
    noticed = frozenset().union(*(a.noticed for a in answers))
    wrong = [c for c in group if not c.fits]
    if all(c.failure and c.failure.kind == "unwritten" for c in wrong):
        return None
    mutated = _mutation(answers, numerical) if alone and group[0].aspect != "value" else None
    if mutated:
        return mutated
    found = _odd(cases, answers, group) or _alternative(group)
    if found is None and not (alone and all(c.case.fallback for c in wrong)):
        found = diagnose(group, known)
    if found and found.misconception == "zero" and "returns" in noticed:
        return say("returns")
    if found:
        return found
    if alone and not any(c.failure and c.failure.kind in ("time", "unwritten") for c in wrong):
        return _fallback(wrong)
    return None


def _mutation(answers: Sequence[Answer], numerical: bool) -> Diagnosis | None:
    """Name what the answer changes that is not its own, wherever it was seen first."""
    for name, change in ((n, v) for a in answers for arrays in a.passes for n, v in arrays.items()):
        if name.startswith("changed.") and not (np.abs(change) <= UNCHANGED).all():
            of = name.removeprefix("changed.")
            kind = "mutates-grad" if of.startswith("grad") else "mutates-value" if of == "value" else "mutates-input"
            return say("forgets-restore" if numerical and np.abs(change).max() < 0.1 else kind)
    return None


def _odd(cases: Sequence[Case], answers: Sequence[Answer], group: Sequence[Comparison]) -> Diagnosis | None:
    """Look at gradients of the wrong shape that were handed over."""
    for case, a in zip(cases, answers, strict=True):
        if not any(c.case is case for c in group):
            continue
        for right, arrays in zip(case.right, a.passes, strict=False):
            for name, odd in arrays.items():
                if name.startswith("odd.") and "grad." + name[4:] in right:
                    found = odd_shape(name[4:], odd, right["grad." + name[4:]])
                    if found:
                        return found
    return None


def _alternative(group: Sequence[Comparison]) -> Diagnosis | None:
    """Find a misconception whose precomputed numbers a case lists, and that gives all of the wrong ones."""
    listed = [c for c in group if c.case.alternatives and not c.fits]
    for misconception in dict.fromkeys(m for c in listed for m in c.case.alternatives):
        hits = [_given_by(c, misconception) for c in listed]
        if all(h is not False for h in hits) and any(hits):
            return say_alternative(misconception)
    return None


def _given_by(c: Comparison, misconception: str) -> bool | None:
    """Whether the misconception gives this array; None where the case has nothing to say on that."""
    variants = [v[c.number][c.name] for v in c.case.alternatives.get(misconception, ()) if c.name in v[c.number]]
    if not variants or c.got is None:
        return None
    return any(c.got.shape == v.shape and close(c.got, v, 1e-6) for v in variants)


ALTERNATIVES = {
    "sign": "The sign is turned around.",
    "factor-extra": "Your numbers are twice the right ones: the difference of f at x + h and x - h is divided by 2h.",
    "factor-missing": "A factor is missing.",
    "coarse-step": "The step h is too coarse for the digits asked for: central differences with h = 1e-5 give ten.",
    "perturbs-all": "All entries are nudged at once; each needs a nudge of its own.",
    "transposed": "It is transposed: a row for each output, a column for each parameter.",
    "no-seed": "No parameter gets a gradient: does the walk start with loss.grad = 1, and go from the loss back?",
    "squashed-output": "The last layer is squashed too; scores should come straight from Affine.",
    "no-activation": "There is no sigmoid between the layers: a stack of affine maps is one affine map.",
    "order-reversed": "The layers are in the wrong order: Phi runs from the output to the input, so Phi[0] comes last.",
}


def say_alternative(misconception: str) -> Diagnosis:
    """Return the diagnosis with its sentence."""
    if misconception in ALTERNATIVES:
        return Diagnosis(misconception, ALTERNATIVES[misconception])
    return say(misconception)


def _fallback(wrong: Sequence[Comparison]) -> Diagnosis | None:
    for c in wrong:
        kind = c.case.fallback
        if kind is None:
            continue
        if kind == "overflow" and (c.got is None or np.isfinite(c.got).all()):
            continue
        return say(kind)
    return None


def sentence_of(wrong: Sequence[Comparison], found: Diagnosis | None, source: str = "it should be") -> str:
    """Return what the student reads: what is wrong, with one entry as an example, and the likely cause."""
    c = telling(wrong)
    if c.got is None and c.failure:
        text = f"In {_part(c.name)}: {c.failure.text}."
    else:
        text = what_is_wrong(c, source, found is None)
    return f"{text} {found.sentence}" if found else text


def telling(wrong: Sequence[Comparison]) -> Comparison:
    """Return the comparison to show: a wrong number before a missing one."""
    return next((c for c in wrong if c.got is not None), wrong[0])


def _part(name: str) -> str:
    return "forward" if name.startswith("value") else "backward" if name.startswith("grad.") else "your answer"
