"""The judge: asks an answer for numbers on probes that it draws, holds them against the truth, and decides.

`judge("edf.sigmoid", Sigmoid)` puts the object to use in this process. `decide` is the part that only ever sees arrays:
whoever brings the answers, from whichever process, is judged alike.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from autograder.counterexample.smallest import with_cell
from autograder.credit import Gradients, gradients_of, keeps, share
from autograder.exercise import Exercise
from autograder.exercises import exercise
from autograder.provenance.provenance import Finding, inspect_answer
from autograder.verdict import Aspect, Evidence, Verdict
from edf_course.exercises.answering import answer
from edf_course.exercises.marking import Case, Comparison, mark
from edf_course.exercises.probes import Answer, Failure, Probe
from edf_course.explaining import explain, sentence_of, telling
from edf_course.hints import Diagnosis

SECONDS_PER_PROBE = 5.0


def judge(exercise_id: str, thing: Any, seed: int | None = None) -> Verdict:
    """Judge the object `thing` as an answer to an exercise, here in this process.

    `seed` decides which probes are drawn; the same seed gives the same verdict. Without one, it follows from the id.
    Raises: UnknownExercise for an id that does not exist; nothing that the student's code does is raised.
    """
    asked = exercise(exercise_id)
    cases = draw_cases(asked, seed_of(exercise_id) if seed is None else seed)

    def respond(probe: Probe) -> Answer:
        return answer(asked.statement.kind, thing, probe, SECONDS_PER_PROBE)

    answers = ask(respond, cases)
    verdict, comparisons, noticed = decide(asked, cases, answers)
    verdict = with_cell(asked, verdict, cases, answers, respond, asked.statement.name)
    finding = inspect_answer(thing, comparisons, noticed, numerical=asked.is_numerical, allowed=asked.allowed)
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


@np.errstate(all="ignore")  # a student's infinities are judged, not warned of
def decide(
    asked: Exercise, cases: Sequence[Case], answers: Sequence[Answer]
) -> tuple[Verdict, list[Comparison], frozenset[str]]:
    """Turn answers into a verdict; also return the comparisons behind it, and what was noticed on the way."""
    comparisons = mark(cases, answers)
    noticed = frozenset().union(*(a.noticed for a in answers))
    aspects = {}
    first: tuple[Comparison, Diagnosis | None] | None = None  # of the first aspect that fails: the cause of the others
    less: dict[str, str] = {}
    gradients = Gradients()
    for name, points in asked.aspects.items():
        group = [c for c in comparisons if c.aspect == name]
        wrong = [c for c in group if not c.fits]
        if not wrong or keeps(group, gradients):
            aspects[name] = Aspect(points, points, True)
            continue
        if name == "gradient" and asked.truth is not None:
            gradients = gradients_of(group)
        found = None
        if first is None:
            found = explain(group, cases, answers, asked.misconceptions, numerical=asked.is_numerical)
            first = (telling(wrong), found)
            less = {level: sentence_of(wrong, found, hints=level) for level in ("place", "kind")}
        gained = share(points, gradients) if name == "gradient" else 0
        aspects[name] = Aspect(gained, points, False, sentence_of(wrong, found))
    shown, diagnosis = first or (None, None)
    earned, total = sum(a.points for a in aspects.values()), sum(asked.aspects.values())
    passed = earned == total
    sentence = "Right." if passed else next(a.sentence for a in aspects.values() if not a.passed)
    verdict = Verdict(
        asked.id, earned, total, passed, diagnosis.misconception if diagnosis else None, sentence, aspects,
        _evidence(shown), _remark(comparisons) if passed else None, less=less,
    )  # fmt: skip
    return verdict, comparisons, noticed


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
        flagged=finding.evidence, remark=None, to_paste="", less={},
    )  # fmt: skip


class _CallableModule(ModuleType):
    """After `from autograder import judge` the name is this module: calling it is calling the function in it."""

    def __call__(self, exercise_id: str, thing: Any, seed: int | None = None) -> Verdict:
        """See `judge`."""
        return judge(exercise_id, thing, seed)


sys.modules[__name__].__class__ = _CallableModule
