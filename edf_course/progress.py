"""How far a student is: `progress("04_edf")` shows a lecture's exercises, and every `check` updates the picture."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from edf_course.cards import COLOURS, MARKS, show
from edf_course.exercises import LECTURES, statement


@dataclass
class Latest:
    """The latest check of an exercise: the object that was checked, and how it went ("right", "wrong", "unwritten")."""

    thing: Any
    state: str


_latest: dict[str, Latest] = {}
_shown: set[str] = set()


def note(exercise: str, thing: Any, state: str) -> None:
    """Remember how the check of an exercise went, and update what `progress` has shown."""
    _latest[exercise] = Latest(thing, state)
    for lecture in _shown:
        if exercise in LECTURES[lecture]:
            show(_bundle(lecture), _display_id(lecture), update=True)


def state_of(thing: Any) -> str | None:
    """Return how the latest check of this very object went, or None where it was not checked."""
    return next((latest.state for latest in _latest.values() if latest.thing is thing), None)


def progress(lecture: str) -> None:
    """Show which exercises of the lecture are right so far; what is shown follows every `check`.

    Raises: KeyError, with the lectures there are.
    """
    if lecture not in LECTURES:
        raise KeyError(f"There is no lecture {lecture!r} with exercises; there are {', '.join(LECTURES)}.")
    _shown.add(lecture)
    show(_bundle(lecture), _display_id(lecture))


def summary(lecture: str) -> str:
    """Return a line on how far a student is: "3 of 10 exercises right, 22 of 76 points"."""
    ids = LECTURES[lecture]
    right = [i for i in ids if i in _latest and _latest[i].state == "right"]
    points = sum(statement(i).points for i in right)
    return f"{len(right)} of {len(ids)} exercises right, {points} of {sum(statement(i).points for i in ids)} points"


def _display_id(lecture: str) -> str:
    return f"edf-progress-{lecture}"


def _bundle(lecture: str) -> dict[str, str]:
    states = {i: _latest[i].state if i in _latest else "unwritten" for i in LECTURES[lecture]}
    words = [f"{MARKS[s][0]} {statement(i).title}" for i, s in states.items()]
    chips = "".join(
        f'<li style="border:1px solid {COLOURS[s]};border-radius:1em;padding:.1em .7em">{MARKS[s][0]} '
        f"{html.escape(statement(i).title)}{'' if s == 'unwritten' else ' (' + MARKS[s][1].lower() + ')'}</li>"
        for i, s in states.items()
    )
    heading = f'<p style="margin:.3em 0"><strong>Progress:</strong> {summary(lecture)}</p>'
    style = "display:flex;flex-wrap:wrap;gap:.4em;list-style:none;padding:0;margin:.4em 0"
    return {
        "text/plain": f"Progress: {summary(lecture)}\n{', '.join(words)}",
        "text/html": f'{heading}<ul style="{style}">{chips}</ul>',
    }
