"""Why an answer is wrong: from the comparisons of one aspect to the mistake behind them, for `check` and the judge.

The order is that of precision: what the answer changed that is not its own, gradients of a telling shape, numbers
that a listed mistake gives exactly, and last what fails only under special circumstances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edf_course.exercises.marking import SMALL, TOLERANCE, UNCHANGED, Case, Comparison, close
from edf_course.exercises.probes import Answer, Failure
from edf_course.hints import NOTHING, Diagnosis, diagnose, is_slight, odd_shape, say, strictness
from edf_course.misconceptions import Misconception
from edf_course.telltales import bounded, disturbed, fixed_shape, moved, same_factor
from edf_course.wording import COUNTS, place_of, what_is_wrong


def explain(
    group: Sequence[Comparison],
    cases: Sequence[Case],
    answers: Sequence[Answer],
    known: Iterable[Misconception] = (),
    *,
    numerical: bool = False,
) -> Diagnosis | None:
    """Find the mistake behind the comparisons of one aspect, right and wrong ones; None where nothing explains them.

    It should be the first aspect that fails: what fails after that may be its consequence. `known` are the exercise's
    own misconceptions, `numerical` says that the exercise asks for finite differences.
    """
    noticed = frozenset().union(*(a.noticed for a in answers))
    wrong = [c for c in group if not c.fits]
    if all((c.failure and c.failure.kind == "unwritten") or _is_reshaped(c) for c in wrong):
        return None
    of_value = group[0].aspect == "value"
    found = _mutation(answers, numerical) if not of_value else None
    found = found or disturbed(cases, answers) or _odd(cases, answers, group) or _alternative(group)
    told = None
    if found is None and not all(c.case.fallback and c.case.gentle for c in wrong):
        found = diagnose(group, known) or (told := _told(group))
    if found is None and not any(c.failure and c.failure.kind in ("time", "unwritten") for c in wrong):
        found = _fallback(wrong) or (_mutation(answers, numerical) if of_value else None)
    if found is None and "class-state" in noticed and not any(c.failure and c.failure.kind == "time" for c in wrong):
        found = say("shared-state")
    if found is None:
        return None
    seen = _in_the_light_of(noticed, found)
    return seen if seen is told and "factor" in seen.misconception else _in_words_of(group, seen)


def _is_reshaped(c: Comparison) -> bool:
    """Whether these are the right numbers in another shape, which says itself what is wrong."""
    is_it = c.got is not None and c.got.shape != c.right.shape and c.got.size == c.right.size > 1
    return is_it and c.got is not None and close(c.got.reshape(c.right.shape), c.right)


def _told(group: Sequence[Comparison]) -> Diagnosis | None:
    """Find what can be told of the group as a whole, where no mistake that is known gives its numbers."""
    names = dict.fromkeys(c.name for c in group if not c.fits and not c.name.startswith("changed."))
    gentle = [c for c in group if c.case.gentle]
    by_bound = next((d for name in names if (d := bounded(name, gentle))), None)
    return moved(group) or fixed_shape(group) or by_bound or same_factor(group)


# What gradients that come out zero may look like, where the walk was in no order
OF_WALKS = frozenset({"missing-input-grad", "missing-param-grad", "missing-node", "order-reversed", "no-seed"})


TO_ITSELF = (
    "self.addgrad hands the gradient to this node itself; hand it to what the node reads, as in self.x.addgrad(...)."
)


def _in_the_light_of(noticed: frozenset[str], found: Diagnosis) -> Diagnosis:
    """Tell apart mistakes that give the same numbers, by what was noticed while they came."""
    name = found.misconception
    if name in ("mutates-grad", "zero", "missing-input-grad") and "to-itself" in noticed:
        return Diagnosis("missing-input-grad", TO_ITSELF)
    if name == "zero" and "returns" in noticed:
        return say("returns")
    if name == "factor-extra" and "twice" in noticed:
        return say("double-count")
    if name == "order-reversed" and "walked-back" in noticed:
        return say("missing-node")
    if name == "no-seed" and "left-out" in noticed:
        return say("missing-node")
    if name == "no-seed" and "walked-forwards" in noticed:
        return say("order-reversed")
    if name in OF_WALKS and "walked-otherwise" in noticed and "left-out" not in noticed:
        return say("topo-order")
    if name == "no-seed" and "seeded" in noticed:
        return say("zero")
    return found


def _in_words_of(group: Sequence[Comparison], found: Diagnosis) -> Diagnosis:
    """Return the diagnosis with the sentence that the cases have for it, where they have one of their own."""
    own = next((s for c in group if (s := c.case.sentences.get(found.misconception))), found.sentence)
    return Diagnosis(found.misconception, own)


def _mutation(answers: Sequence[Answer], numerical: bool) -> Diagnosis | None:
    """Name what the answer changes that is not its own, wherever it was seen first."""
    for name, change in ((n, v) for a in answers for arrays in a.passes for n, v in arrays.items()):
        if name.startswith("changed.") and not (np.abs(change) <= UNCHANGED).all():
            if numerical and np.abs(change).max() < 0.1:
                return say("forgets-restore")
            return _changes(name.removeprefix("changed."))
    return None


def _changes(what: str) -> Diagnosis:
    """Name the change of something that is not the answer's own."""
    if what in ("value", "grad"):
        kind, what = f"mutates-{what}", f"self.{what}"
    elif what.startswith(("grad", "delta")):  # the gradient of a parameter, or one that is handed over
        kind = "mutates-grad"
    else:
        kind = "mutates-input"
    return Diagnosis(kind, f"Your code changes {what}: make a new array instead of writing into that one.")


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


# What is seen in a list that came; an error instead of one says nothing of it.
OF_LISTS = frozenset({"missing-node", "double-count", "topo-order", "visited-by-value"})
OF_ONE_OPERAND = frozenset({"overwrites", "double-count", "grad-not-reset"})  # the others may be right beside it


def _alternative(group: Sequence[Comparison]) -> Diagnosis | None:
    """Find a misconception whose precomputed numbers a case lists, and that gives all of the wrong ones.

    What is right must be in it too, but where the mistake may have been made with one operand alone.
    """
    listed = [c for c in group if c.case.alternatives]
    wrong = [c for c in listed if not c.fits]
    for kind in dict.fromkeys(k for c in wrong for k in c.case.alternatives):
        misconception, _, _ = kind.partition(":")
        must_agree = wrong if misconception in OF_ONE_OPERAND else listed
        agree = all(_given_by(c, kind) is not False for c in must_agree)
        if agree and any(_given_by(c, kind) for c in wrong):
            own = next((s for c in wrong if (s := c.case.sentences.get(misconception))), None)
            return Diagnosis(misconception, own) if own else say(misconception)
    return None


def _given_by(c: Comparison, kind: str) -> bool | None:
    """Whether this kind of misconception gives this array; None where the case has nothing to say on that."""
    variants = [v[c.number][c.name] for v in c.case.alternatives.get(kind, ()) if c.name in v[c.number]]
    if not variants or c.got is None:
        return None
    name = kind.partition(":")[0]
    if (name == "zero" and c.got.dtype != np.float64) or (name == "int-truncation" and c.got.dtype.kind not in "iu"):
        return False  # zeros of another type were cut down to it
    return any(_same(c.got, v, c.right) for v in variants)


def _same(got: np.ndarray, predicted: np.ndarray, right: np.ndarray) -> bool:
    """Whether these are the predicted numbers, NaN and infinity where they are predicted included."""
    if got.shape != predicted.shape or got.dtype.kind == "c":
        return False
    finite = np.isfinite(predicted)
    if not np.array_equal(np.isfinite(got), finite):
        return False
    got, predicted = np.where(finite, got, 0.0), np.where(finite, predicted, 0.0)
    return close(got, predicted, strictness(predicted, right))


def _fallback(wrong: Sequence[Comparison]) -> Diagnosis | None:
    """Name the mistake by where it shows alone: with other shapes, a second time, with large numbers."""
    if not all(c.case.fallback for c in wrong) or all(is_slight(c) for c in wrong):
        return None
    for c in wrong:
        kind = c.case.fallback or ""
        if kind == "grad-not-reset" and c.got is None:
            continue  # an error the second time says itself what it is
        if kind in {"overflow", "returns", *OF_LISTS} and c.got is None:
            continue
        if kind == "overflow" and c.got is not None and np.isfinite(c.got).all():
            return say("narrow-domain", side="numbers are very large or very small")
        own = c.case.sentences.get(kind)
        return Diagnosis(kind, own) if own else say(kind)
    return None


def sentence_of(
    wrong: Sequence[Comparison], found: Diagnosis | None, source: str = "it should be", hints: str = "name"
) -> str:
    """Return what the student reads: what is wrong, with one entry as an example, and the likely cause.

    `hints`, one of LEVELS, may have it say less: "kind" which part is wrong and in what way, "place" which part, "off"
    nothing. An error is told as Python has it, but for "off".
    """
    if hints == "off":
        return ""
    c = telling(wrong)
    about = f"{c.case.about[c.number]} " if c.case.about else ""
    if c.got is None and c.failure:
        text = _failed(c.failure)
    elif hints == "name":
        text = what_is_wrong(c, source, found is None)
    else:
        text = place_of(c) if hints == "place" else f"{place_of(c)} {_kind_of(wrong)}"
    return f"{about}{text} {found.sentence}" if found and hints == "name" else about + text


def _kind_of(wrong: Sequence[Comparison]) -> str:
    """Say in what way the numbers are wrong, without a number and without a cause."""
    c = telling(wrong)
    same = [w for w in wrong if w.name == c.name and w.got is not None]
    if c.got is None or c.name in COUNTS or c.name.startswith("apart") or c.got.shape != c.right.shape:
        return what_is_wrong(c)
    if c.name.startswith("changed."):
        return "Your code writes into it."
    if c.got.dtype.kind == "c":
        return "It is complex; a real one is asked for."
    if not all(np.isfinite(w.got).all() for w in same if w.got is not None):
        return "Some of it is NaN or infinite."
    if all((np.abs(w.got) <= NOTHING).all() for w in same if w.got is not None):
        return "It is zero everywhere."
    factors = [_factor_of(w) for w in same]
    if all(f is not None for f in factors):
        turned = np.allclose(np.array(factors, dtype=float), -1)
        return "Its sign is turned around." if turned else "It is off by a constant factor."
    if all(is_slight(w) for w in same):
        return "It is close, but not close enough."
    if any(_is_partly_right(w) for w in same):
        return "Its shape is right, and some of its numbers; others are not."
    return "Its shape is right, its numbers are not."


def _factor_of(c: Comparison) -> float | None:
    """The number by which the right one is multiplied; -1 where its sign is turned around; None where there is none."""
    size = float((c.right * c.right).sum())
    if c.got is None or c.got.shape != c.right.shape or c.right.size < 2 or size == 0:
        return None
    factor = float((c.got * c.right).sum()) / size
    return factor if factor != 0 and close(c.got, factor * c.right, strictness(factor * c.right, c.right)) else None


def _is_partly_right(c: Comparison) -> bool:
    if c.got is None or c.got.shape != c.right.shape:
        return False
    near = np.abs(c.got.astype(float) - c.right) <= TOLERANCE * max(float(np.abs(c.right).max(initial=0.0)), SMALL)
    return bool((near & (c.right != 0)).any())


def telling(wrong: Sequence[Comparison]) -> Comparison:
    """Return the comparison to show: a wrong number before a missing one."""
    return next((c for c in wrong if c.got is not None), wrong[0])


def _failed(failure: Failure) -> str:
    """Say why no numbers came; where it happened stands in the failure's own text."""
    if failure.kind == "unwritten":
        return "It is not written yet."
    text = failure.text[0].upper() + failure.text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."
