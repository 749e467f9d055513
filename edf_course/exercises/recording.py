"""Writing down what a student's object does, and stopping it when it does not end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edf_course.exercises.probes import Arrays

MAX_ENTRIES = 1_000_000  # of one array: what is asked for is thousands of times smaller


class TimeUp(BaseException):
    """The student's code took too long. No Exception, so that no `except Exception` in that code swallows it."""


class Record:
    """The named arrays of each pass, and what was noticed. Arrays are copied when they are put down."""

    def __init__(self) -> None:
        self.passes: list[dict[str, np.ndarray]] = []
        self.noticed: set[str] = set()

    def begin_pass(self) -> None:
        """Start the next pass: what is put down from now on belongs to it."""
        self.passes.append({})

    def put(self, name: str, value: Any) -> None:
        """Write down a copy of `value`; what is no array of numbers of a sane size raises TypeError."""
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{name} should be an array of numbers, but is {type(value).__name__} {str(value)[:60]!r}")
        if array.size > MAX_ENTRIES:
            raise TypeError(f"{name} has {array.size} entries, far more than were asked for")
        self.passes[-1][name] = np.array(array, subok=False, order="C")

    def put_change(self, name: str, before: Any, after: Any) -> None:
        """Write down by how much `name` changed, as "changed.<name>"; NaN that stays NaN is no change."""
        before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
        same = (before == after) | (np.isnan(before) & np.isnan(after)) if before.shape == after.shape else False
        self.put("changed." + name, np.where(same, 0.0, np.subtract(after, before) if np.shape(same) else np.inf))

    def plain_passes(self) -> tuple[Arrays, ...]:
        """Return what was written down."""
        return tuple(self.passes)


@contextlib.contextmanager
def noticing(owners: Sequence[type], method: str, record: Record) -> Iterator[None]:
    """Notice, as "library", when the library's own method does the work, inherited or called."""
    originals = [(owner, vars(owner)[method]) for owner in owners if method in vars(owner)]
    for owner, original in originals:
        setattr(owner, method, _noticed(original, record))
    try:
        yield
    finally:
        for owner, original in originals:
            setattr(owner, method, original)


def _noticed(original: Callable[..., Any], record: Record) -> Callable[..., Any]:
    def noticed(*args: Any, **kwargs: Any) -> Any:
        record.noticed.add("library")
        return original(*args, **kwargs)

    return noticed


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimeUp in the block when it takes longer; does nothing off the main thread, or without SIGALRM."""
    if seconds is None or not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def up(*_: object) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)  # again and again, should the code catch even BaseException
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
