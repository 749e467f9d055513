"""`hand_in("edf.sigmoid", Sigmoid)`: the student's end of grading.

Who runs it decides what it does. In the grader's jail it announces the object and serves the judge's probes, and what
it returns counts for nothing. With the autograder installed, its judge is found through the entry point
`edf_course.judge` and run here, in the same process: that works anywhere, but is not tamper-proof. Without one there is
nobody to grade, and that is said.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from edf_course.cards import as_text, card, heat_maps, show, to_paste
from edf_course.exercises import statement
from edf_course.wording import symbol

VERDICT = "application/vnd.edf-course.verdict+json"

#: Set by the process that runs a submission in the jail: it takes the object, and lets the judge's probes come.
serve: Callable[[str, Any], None] | None = None


def hand_in(exercise: str, thing: Any) -> float | None:
    """Hand an answer to the judge, show its verdict, and return the points; never raises.

    Returns None in the jail, where the judge decides elsewhere, and (saying so) where no judge is installed and nobody
    is grading; while nbgrader is grading, that is 0.0 instead, because to nbgrader a test cell without a result has
    earned all its points.
    """
    if serve is not None:
        serve(exercise, thing)
        return None
    judge = _find_judge()
    if judge is None:
        grading = os.environ.get("NBGRADER_EXECUTION") == "autograde"
        more = ": install edf-autograder, and grade again." if grading else "; your instructor has one."
        text = f"There is no judge on this machine{more}"
        show({"text/plain": text, "text/html": f"<p>{text}</p>"})
        return 0.0 if grading else None
    try:
        verdict = judge(exercise, thing)
    except Exception as error:
        # the judge's own failure, no verdict on the student: seen in the report, to be graded by hand
        text = f"The judge itself failed ({type(error).__name__}: {error}); your instructor will look."
        show(bundle_without_verdict(exercise, text, "judge failed"))
        return 0.0
    show(bundle(verdict))
    return float(verdict.points)


def _find_judge() -> Callable[[str, Any], Any] | None:
    found = next(iter(entry_points(group="edf_course.judge")), None)
    return None if found is None else found.load()


def bundle(verdict: Any, hints: str = "name", heading: str = "p") -> dict[str, Any]:
    """Return what is shown of a verdict: by MIME type, the data, the text and the card.

    `hints`, one of wording.LEVELS, is how much is said: "off" the points alone, "place" which part is wrong and what it
    cost, "kind" also in what way, with the picture and the cell to paste, "name" also the likely mistake.
    The data is always the whole of it. `heading` is the element of the card's title.
    """
    state = "right" if verdict.passed else "wrong"
    title = f"{statement(verdict.exercise).title}, {verdict.points:g} of {verdict.max_points:g} points"
    lines = [said_of(verdict, hints)] if not verdict.passed or verdict.remark else []
    lost = {n: a for n, a in verdict.aspects.items() if not a.passed}
    if lost and hints != "off":
        lines.append("Points: " + ", ".join(f"{n} {a.points:g} of {a.max_points:g}" for n, a in lost.items()) + ".")
    more = ""
    shows = hints in ("kind", "name")
    shown = verdict.evidence
    if shows and shown is not None and not shown.name.startswith("changed."):
        more = heat_maps(shown.got, shown.right, symbol(shown.name), "right", shown.shape)
    code = verdict.to_paste if shows else ""
    return {
        VERDICT: verdict.as_json(),
        "text/plain": as_text(state, title, [*lines, *(code and f"\n{code}\n").splitlines()]),
        "text/html": card(state, title, lines, more + to_paste(code), heading),
    }


def said_of(verdict: Any, hints: str = "name") -> str:
    """Return the sentence of a verdict, as much of it as `hints` lets be said.

    A flag, and that there was nothing to judge, is always said.
    """
    if verdict.passed:
        return str(verdict.remark or "Right.")
    if hints == "name" or verdict.flagged or not verdict.aspects:
        return str(verdict.sentence)
    return str(verdict.less.get(hints, ""))


def bundle_without_verdict(exercise: str, text: str, flagged: str | None = None) -> dict[str, Any]:
    """Return what is shown where there is no verdict, and why."""
    failed = {
        "exercise": exercise,
        "points": 0.0,
        "max_points": None,
        "passed": False,
        "misconception": None,
        "sentence": text,
        "flagged": flagged,
        "aspects": {},
    }
    return {VERDICT: failed, "text/plain": text, "text/html": f"<p>{html.escape(text)}</p>"}
