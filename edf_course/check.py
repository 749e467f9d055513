"""`check("edf.sigmoid", Sigmoid)`: is my answer right, and if not, what is the likely mistake?

Forward is held against a few published values, backward against finite differences of the student's own forward, on
fresh random numbers each time. No derivative is written here, so there is nothing to copy.
"""

from __future__ import annotations

import html
import os
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

import numpy as np

from edf_course.cards import MARKS, as_text, card, heat_maps, show
from edf_course.exercises import statement
from edf_course.exercises.answering import answer
from edf_course.exercises.marking import Comparison, mark
from edf_course.exercises.probes import Answer, Probe
from edf_course.exercises.public_cases import public_cases
from edf_course.explaining import explain, sentence_of, telling
from edf_course.progress import note, state_of
from edf_course.wording import LEVELS, symbol

#: Said of an answer whose numbers are right, where it was noticed that they are not derived; the grader looks closer.
NOT_DERIVED = {
    "library": "The numbers are right, but the library's own code makes them: derive and write them yourself.",
    "forward-in-backward": "The numbers are right, but backward nudges forward to get them: derive the slope.",
}
SOURCES = dict.fromkeys(("node", "backward_pass", "value"), "finite differences say")


class CheckFailed(AssertionError):
    """An answer is wrong or not written; raised only under nbgrader's Validate, which counts on it."""


@dataclass(frozen=True)
class CheckResult:
    """How a check went: state "right", "wrong" or "unwritten", the sentence, the misconception where one is seen."""

    exercise: str
    state: str
    sentence: str
    misconception: str | None = None
    wrong: Comparison | None = field(default=None, repr=False)

    @property
    def passed(self) -> bool:
        """Whether the answer is right, as far as a check can see."""
        return self.state == "right"

    def __bool__(self) -> bool:
        return self.passed

    def _ipython_display_(self) -> None:
        """Show nothing more: `check` has shown it."""


def check(exercise: str, thing: Any, seed: int | None = None, hints: str = "name") -> CheckResult:
    """Check an answer, show how it went, and return that.

    It never stops a notebook: what is wrong, crashes or is not written yet is said, not raised. `seed` makes the random
    numbers the same each time. `hints` is how much is said of what is wrong: "off" that it is, "place" in which part,
    "kind" also in what way, "name" also the likely mistake. A release may set it.
    Raises: UnknownExercise for an id that does not exist; CheckFailed under nbgrader's Validate.
    """
    result = examine(exercise, thing, seed, hints)
    note(exercise, thing, result.state)
    _show(result)
    if not result.passed and os.environ.get("NBGRADER_EXECUTION") == "validate":
        text = f"{exercise}: {MARKS[result.state][1].lower()}. {result.sentence}"
        raise CheckFailed("\n".join(wrap(text, 90)))  # nbgrader's dialog does not wrap lines
    return result


@np.errstate(all="ignore")  # a student's infinities are reported in words, not in red
def examine(exercise: str, thing: Any, seed: int | None = None, hints: str = "name") -> CheckResult:
    """Check an answer without showing anything."""
    if hints not in LEVELS:
        raise ValueError(f"hints is {' or '.join(map(repr, LEVELS))}, not {hints!r}.")
    asked = statement(exercise)

    def respond(probe: Probe) -> Answer:
        return answer(asked.kind, thing, probe)

    cases, answers = [], []
    for case in public_cases(asked, respond, np.random.default_rng(seed)):
        cases.append(case)
        answers.append(respond(case.probe))
        failure = answers[-1].failure
        if failure and failure.kind == "unwritten":
            return CheckResult(exercise, "unwritten", _unwritten(cases, answers))
        if failure and failure.kind == "time":
            break
    comparisons = mark(cases, answers)
    wrong = next((c for c in comparisons if not c.fits), None)
    if wrong is None:
        noticed = frozenset().union(*(a.noticed for a in answers))
        said = next((text for what, text in NOT_DERIVED.items() if what in noticed), _praise(asked.kind))
        return CheckResult(exercise, "right", said)
    group = [c for c in comparisons if c.aspect == wrong.aspect]
    found = explain(group, cases, answers, numerical=asked.kind in ("gradient", "jacobian"))
    wrong_ones = [c for c in group if not c.fits]
    source = SOURCES.get(asked.kind, "it should be") if wrong.name.startswith("grad.") else "it should be"
    sentence = sentence_of(wrong_ones, found, source, hints)
    named = found.misconception if found and hints == "name" else None
    return CheckResult(exercise, "wrong", sentence, named, telling(wrong_ones) if hints in ("kind", "name") else None)


def _unwritten(cases: list[Any], answers: list[Answer]) -> str:
    forward_is_right = any(c.name == "value" and c.fits for c in mark(cases, answers))
    return "forward is right so far; backward comes next." if forward_is_right else "Take your time."


def _praise(kind: str) -> str:
    if kind == "node":
        return "The examples agree, and backward agrees with finite differences, also where the node is read twice."
    return "It agrees with what was computed another way."


def _show(result: CheckResult) -> None:
    asked = statement(result.exercise)
    lines = [result.sentence]
    if result.state == "wrong" and asked.examples and result.wrong is not None and result.wrong.name == "value":
        lines += [f"For comparison: {e.says}." for e in asked.examples]
    picture = ""
    if result.wrong is not None and result.wrong.got is not None and not result.wrong.name.startswith("changed."):
        source = "finite differences" if result.wrong.name.startswith("grad.") else "right"
        picture = heat_maps(result.wrong.got, result.wrong.right, symbol(result.wrong.name), source)
    show(
        {
            "text/plain": as_text(result.state, asked.title, lines),
            "text/html": card(result.state, asked.title, lines, picture),
        }
    )


def yours_or_library(yours: Any, library: Any) -> Any:
    """Return `yours` where its latest check was right, else `library`, and say which it is: later cells always run."""
    mine = state_of(yours) == "right"
    name = getattr(yours if mine else library, "__name__", "your answer")
    why = "your own" if mine else "the library's (yours is not checked as right yet)"
    show({"text/plain": f"{name}: {why}", "text/html": f"<p>{html.escape(str(name))}: <strong>{why}</strong></p>"})
    return yours if mine else library
