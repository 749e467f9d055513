"""The judge: asks an answer for numbers on probes that it draws, holds them against the truth, and decides.

`judge("edf.sigmoid", Sigmoid)` puts the object to use in this process. `decide` is the part that only ever sees arrays:
whoever brings the answers, from whichever process, is judged alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograder.exercise import Exercise
from autograder.exercises import exercise
from autograder.provenance import Finding, inspect_answer
from autograder.verdict import Aspect, Evidence, Verdict
from edf_course.exercises.answering import answer
from edf_course.exercises.marking import UNCHANGED, Case, Comparison, close, mark
from edf_course.exercises.probes import Answer, Failure, Probe
from edf_course.hints import Diagnosis, diagnose, odd_shape, say
from edf_course.wording import what_is_wrong

SECONDS_PER_PROBE = 5.0


def judge(exercise_id: str, thing: Any, seed: int | None = None) -> Verdict:
    """Judge the object `thing` as an answer to an exercise, here in this process.

    `seed` decides which probes are drawn; the same seed gives the same verdict. Without one, it follows from the id.
    Raises: UnknownExercise for an id that does not exist; nothing that the student's code does is raised.
    """
    asked = exercise(exercise_id)
    cases = draw_cases(asked, seed_of(exercise_id) if seed is None else seed)
    answers = ask(lambda probe: answer(asked.statement.kind, thing, probe, SECONDS_PER_PROBE), cases)
    verdict, comparisons, noticed = decide(asked, cases, answers)
    finding = inspect_answer(thing, comparisons, noticed, asked.is_numerical) if not asked.uses_library else None
    return verdict if finding is None or verdict.points == 0 else flag(verdict, finding)


def seed_of(exercise_id: str) -> int:
    """Return the seed that belongs to an exercise when nothing else is known."""
    return int.from_bytes(hashlib.sha256(exercise_id.encode()).digest()[:8], "big")


def draw_cases(asked: Exercise, seed: int) -> list[Case]:
    """Draw the exercise's cases; those of an aspect that it does not score count with its gradient."""
    last = list(asked.aspects)[-1]
    return [
        c if c.aspect in asked.aspects else replace(c, aspect="gradient" if "gradient" in asked.aspects else last)
        for c in asked.cases(np.random.default_rng(seed))
    ]


def ask(respond: Callable[[Probe], Answer], cases: Sequence[Case]) -> list[Answer]:
    """Ask for an answer to each case; once one takes too long, the rest is not asked for any more."""
    answers: list[Answer] = []
    stopped: Failure | None = None
    for case in cases:
        a = Answer(failure=stopped) if stopped else respond(case.probe)
        stopped = stopped or (a.failure if a.failure and a.failure.kind == "time" else None)
        answers.append(a)
    return answers


def decide(
    asked: Exercise, cases: Sequence[Case], answers: Sequence[Answer]
) -> tuple[Verdict, list[Comparison], frozenset[str]]:
    """Turn answers into a verdict; also return the comparisons behind it, and what was noticed on the way."""
    comparisons = mark(cases, answers)
    noticed = frozenset().union(*(a.noticed for a in answers))
    aspects = {}
    diagnosis: Diagnosis | None = None
    shown: Comparison | None = None
    for name, points in asked.aspects.items():
        group = [c for c in comparisons if c.aspect == name]
        wrong = [c for c in group if not c.fits]
        if not wrong:
            aspects[name] = Aspect(points, points, True)
            continue
        found = explain(asked, group, answers, cases, noticed, alone=not any(not a.passed for a in aspects.values()))
        first = _telling(wrong)
        aspects[name] = Aspect(0, points, False, _sentence(first, found))
        if shown is None or (diagnosis is None and found is not None):
            shown, diagnosis = first, found or diagnosis
    points = sum(a.points for a in aspects.values())
    total = sum(asked.aspects.values())
    passed = points == total
    sentence = "Right." if passed else next(a.sentence for a in aspects.values() if not a.passed)
    verdict = Verdict(
        asked.id, points, total, passed, diagnosis.misconception if diagnosis else None, sentence, aspects,
        _evidence(shown), _remark(comparisons) if passed else None,
    )  # fmt: skip
    return verdict, comparisons, noticed


def explain(
    asked: Exercise, group: Sequence[Comparison], answers: Sequence[Answer], cases: Sequence[Case], noticed: frozenset[str],
    alone: bool,
) -> Diagnosis | None:  # fmt: skip
    """Find the mistake behind the comparisons of one aspect. `alone`: all aspects before this one are right."""
    wrong = [c for c in group if not c.fits]
    if all(c.failure and c.failure.kind == "unwritten" for c in wrong):
        return None
    mutated = _mutation(answers, asked.is_numerical) if alone and group[0].aspect != "value" else None
    if mutated:
        return mutated
    found = _odd(cases, answers, group) or _alternative(group)
    if found is None and not (alone and all(c.case.fallback for c in wrong)):
        found = diagnose(group, asked.misconceptions)
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
    "coarse-step": "The step h is too coarse for the digits asked for: central differences with h = 1e-5 are right to ten.",
    "perturbs-all": "All entries are nudged at once; each needs a nudge of its own.",
    "transposed": "It is transposed: a row for each output, a column for each parameter.",
    "no-seed": "No node gets a gradient: the walk starts with loss.grad = 1.",
    "squashed-output": "The last layer is squashed too; scores should come straight from Affine.",
    "no-activation": "There is no sigmoid between the layers: a stack of affine maps is one affine map.",
    "order-reversed": "The layers are in the wrong order: Phi runs from the output to the input, so Phi[0] comes last.",
}


def say_alternative(misconception: str) -> Diagnosis:
    """Return the diagnosis with its sentence."""
    return Diagnosis(misconception, ALTERNATIVES[misconception]) if misconception in ALTERNATIVES else say(misconception)


def _fallback(wrong: Sequence[Comparison]) -> Diagnosis | None:
    for c in wrong:
        kind = c.case.fallback
        if kind is None:
            continue
        if kind == "overflow" and (c.got is None or np.isfinite(c.got).all()):
            continue
        return say(kind)
    return None


def _telling(wrong: Sequence[Comparison]) -> Comparison:
    """The comparison to show: a wrong number before a missing one."""
    return next((c for c in wrong if c.got is not None), wrong[0])


def _sentence(c: Comparison, found: Diagnosis | None) -> str:
    if c.got is None and c.failure:
        text = f"{_where_it_stopped(c)}: {c.failure.text}."
    else:
        text = what_is_wrong(c)
    return f"{text} {found.sentence}" if found else text


def _where_it_stopped(c: Comparison) -> str:
    part = "forward" if c.name == "value" else "backward" if c.name.startswith("grad.") else "your answer"
    shape = c.right.shape
    return f"In {part} (shape {shape})" if c.case.fallback == "hard-coded-shape" else f"In {part}"


def _evidence(c: Comparison | None) -> Evidence | None:
    if c is None or c.got is None or c.got.dtype.kind == "c":
        return None
    return Evidence(c.name, c.got, c.right)


def _remark(comparisons: Sequence[Comparison]) -> str | None:
    if any(c.got is not None and c.got.dtype == np.float32 for c in comparisons):
        return "It computes in float32: seven digits, which is enough here."
    return None


def flag(verdict: Verdict, finding: Finding) -> Verdict:
    """Return the verdict with no points, until a human has looked at the evidence."""
    what = {
        "delegates": "hands the work to something that knows the derivative already",
        "numerical": "takes differences of its own forward, where a derivation is asked for",
    }[finding.misconception]
    sentence = f"Your answer {what} ({finding.evidence}). It is flagged for your instructor and scores 0 until then."
    aspects = {n: replace(a, points=0, passed=False, sentence=sentence) for n, a in verdict.aspects.items()}
    return replace(
        verdict, points=0, passed=False, misconception=finding.misconception, sentence=sentence, aspects=aspects,
        flagged=finding.evidence, remark=None,
    )  # fmt: skip
