"""The smallest inputs on which an answer goes wrong in the same way as on the judge's own, as a cell to paste.

A few more probes are asked, smaller ones first. They are for the student's eyes only: verdict and points are settled.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from autograder.counterexample.pasting import cell
from autograder.counterexample.smaller import smaller
from autograder.exercise import Exercise
from autograder.verdict import Verdict
from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.marking import SMALL, Case, Comparison, mark
from edf_course.exercises.probes import Answer, Failure, Probe
from edf_course.explaining import explain, telling

MOST_PROBES = 12
MOST_SECONDS = 2.0  # for all of them together; an answer that runs as it should takes milliseconds for each
SILENT = frozenset({"time", "unwritten", "unusable"})  # failures of which no example tells more than the sentence

Respond = Callable[[Probe], Answer]


def with_cell(
    asked: Exercise, verdict: Verdict, cases: Sequence[Case], answers: Sequence[Answer], respond: Respond, name: str
) -> Verdict:
    """Return the verdict with `to_paste` filled in, where something is wrong that an example can show.

    `name` is what the answer is called in the notebook. Nothing else of the verdict changes, and nothing is raised.
    """
    if verdict.passed or verdict.flagged:
        return verdict
    try:
        with np.errstate(all="ignore"):
            wrong = _smallest(asked, verdict, cases, answers, respond)
            return replace(verdict, to_paste=cell(asked.statement, name, wrong)) if wrong else verdict
    except Exception:  # a stranger's numbers: whatever they do here, the verdict stands
        return verdict


def _smallest(
    asked: Exercise, verdict: Verdict, cases: Sequence[Case], answers: Sequence[Answer], respond: Respond
) -> list[Comparison]:
    """Return what is wrong with the answer to the smallest probe that was found; nothing where nothing can be shown."""
    aspect = next(n for n, a in verdict.aspects.items() if not a.passed)
    group = [c for c in mark(cases, answers) if c.aspect == aspect]
    wrong = [c for c in group if not c.fits]
    shown = telling(wrong)
    if any(c.failure and _is_silent(c.failure) for c in wrong) or shown.case.again is None:
        return []
    until = time.monotonic() + MOST_SECONDS
    for probe in islice(smaller(asked.statement, wrong), MOST_PROBES):
        case = replace(shown.case.again(probe), aspect=shown.case.aspect)
        if time.monotonic() > until:
            break
        answer = respond(probe)
        if answer.failure and answer.failure.kind == "time":
            break
        new = [c for c in mark([case], [answer]) if c.aspect == aspect]
        if not any(_alike(c, shown) and _plain(c) for c in new):
            continue
        if verdict.misconception is not None:
            found = explain(
                [*group, *new], [*cases, case], [*answers, answer], asked.misconceptions, numerical=asked.is_numerical
            )
            if found is None or found.misconception != verdict.misconception:
                continue
        return [c for c in new if not c.fits]
    return [c for c in wrong if c.case is shown.case]


def _is_silent(failure: Failure) -> bool:
    """Whether no example should be looked for; an error without its name is that of a process that is gone."""
    return failure.kind in SILENT or ":" not in failure.text


def _alike(c: Comparison, shown: Comparison) -> bool:
    """Whether `c` is wrong as `shown` is: a wrong number in an array of that name, or the same error in its place."""
    if c.fits or _family(c.name) != _family(shown.name) or (c.got is None) != (shown.got is None):
        return False
    return c.got is not None or _error(c) == _error(shown)


def _plain(c: Comparison) -> bool:
    """Whether the numbers are large enough to be seen, which those of terms that cancel are not."""
    if c.got is None or c.name.startswith("changed.") or c.got.shape != c.right.shape or not np.isfinite(c.got).all():
        return True
    return float(max(np.abs(c.got).max(initial=0.0), np.abs(c.right).max(initial=0.0))) >= SMALL


def _family(name: str) -> str:
    return re.sub(r"\d+$", "", name.removesuffix(SECOND))


def _error(c: Comparison) -> tuple[str, str] | None:
    return (c.failure.kind, c.failure.text.split(":")[0]) if c.failure else None
