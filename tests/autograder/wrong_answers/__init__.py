"""Wrong answers with the misconception that a teacher would see in each (None: wrong, but nothing to name)."""

from __future__ import annotations

from typing import Any

from tests.autograder.wrong_answers import calculus, core, elementwise, flow, formulas, optim, rows, scalar, training

WRONG: list[tuple[str, str | None, Any]] = [
    *elementwise.WRONG,
    *rows.WRONG,
    *core.WRONG,
    *training.WRONG,
    *calculus.WRONG,
    *scalar.WRONG,
    *optim.WRONG,
    *flow.WRONG,
    *formulas.WRONG,
]

#: What the judge sees and a check does not: it draws fewer probes, and none that is extreme.
UNSEEN_BY_CHECK: list[Any] = [*formulas.UNSEEN_BY_CHECK, *calculus.UNSEEN_BY_CHECK]
