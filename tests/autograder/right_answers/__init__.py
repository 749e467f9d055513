"""Right answers in the styles that students write: all must pass, whatever they look like."""

from __future__ import annotations

from typing import Any

from tests.autograder.right_answers import (
    calculus,
    core,
    elementwise,
    optim,
    rows,
    scalar,
    styles,
    unusual,
    unusual_rows,
)

RIGHT: list[tuple[str, Any]] = [
    *elementwise.RIGHT,
    *rows.RIGHT,
    *core.RIGHT,
    *calculus.RIGHT,
    *scalar.RIGHT,
    *optim.RIGHT,
    *styles.RIGHT,
    *unusual.RIGHT,
    *unusual_rows.RIGHT,
]
