"""Wrong answers with the misconception that a teacher would see in each (None: wrong, but nothing to name)."""

from __future__ import annotations

from typing import Any

from tests.autograder.wrong_answers import calculus, core, elementwise, optim, rows, scalar

WRONG: list[tuple[str, str | None, Any]] = [
    *elementwise.WRONG,
    *rows.WRONG,
    *core.WRONG,
    *calculus.WRONG,
    *scalar.WRONG,
    *optim.WRONG,
]
