"""One row of the table that `make bench` prints, and how to measure the times in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measurement, the peer's where there is one, and the limit that was asked for (on the ratio, or on ours).

    `more`: more is better, and the limit is the least that is asked for.
    """

    what: str
    ours: float
    unit: str
    peer: float | None = None
    limit: float | None = None
    more: bool = False

    @property
    def judged(self) -> float:
        """The number that the limit is about."""
        return self.ours if self.peer is None else self.ours / self.peer

    def cells(self) -> tuple[str, ...]:
        """The row as text: what, ours, peer, ratio, limit, verdict."""
        verdict, limit = "", ""
        if self.limit is not None:
            met = self.judged >= self.limit if self.more else self.judged <= self.limit
            verdict, limit = "met" if met else "MISSED", f"{'>= ' if self.more else ''}{self.limit:g}"
        return (
            self.what,
            f"{self.ours:.4g} {self.unit}".rstrip(),
            "" if self.peer is None else f"{self.peer:.4g} {self.unit}",
            "" if self.peer is None else f"{self.judged:.3f}",
            limit,
            verdict,
        )


def render(rows: Sequence[Row]) -> str:
    """Return the rows as a table of plain text."""
    cells = [("what", "ours", "peer", "ratio", "limit", ""), *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * len(widths)), *lines[1:]])


def best_times(steps: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    """Return the shortest time of one call of each step, in seconds.

    The steps take turns, a few calls at a time, so that a busy moment of the machine meets all of them.
    """
    best = [float("inf")] * len(steps)
    for step in steps:
        step()
    calls = [max(1, int(0.01 / _time(step, 3))) for step in steps]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for i, step in enumerate(steps):
            best[i] = min(best[i], _time(step, calls[i]))
    return best


def _time(step: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls
