"""What the judge says: points, the likely mistake, and the sentence that the student reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from edf_course.cards import COLUMNS, ROWS, first_rows


@dataclass(frozen=True)
class Aspect:
    """One aspect of an exercise: its points, and why they are lost where they are."""

    points: float
    max_points: float
    passed: bool
    sentence: str = ""

    @classmethod
    def from_json(cls, data: Any) -> Aspect:
        """Return the aspect from plain data."""
        return cls(float(data["points"]), float(data["max_points"]), bool(data["passed"]), _text(data["sentence"]))


@dataclass(frozen=True)
class Evidence:
    """The array that shows the mistake best: what came, and what is right. For the picture; never for the points."""

    name: str
    got: np.ndarray
    right: np.ndarray
    shape: tuple[int, ...] = ()  # of the whole, where these are the first rows of it

    def as_json(self) -> dict[str, Any]:
        """Return as much of it as a picture shows, as plain data; numbers as text, so that there may be NaN."""
        cut = {n: [[f"{v:.9g}" for v in row] for row in first_rows(a)] for n, a in self._arrays().items()}
        return {"name": self.name, "shape": list(self.shape or self.right.shape), **cut}

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"got": self.got, "right": self.right} if self.got.shape == self.right.shape else {}

    @classmethod
    def from_json(cls, data: Any) -> Evidence | None:
        """Return what `as_json` wrote; None where it had nothing to show. Raises: ValueError for anything else."""
        if data is None or "got" not in data:
            return None
        got, right = (np.array([[float(v) for v in row] for row in data[n][:ROWS]]) for n in ("got", "right"))
        if got.shape != right.shape or got.ndim != 2 or got.shape[1] > COLUMNS:
            raise ValueError("no picture")
        return cls(_text(data["name"], 100), got, right, tuple(int(k) for k in data["shape"][:9]))


@dataclass(frozen=True)
class Verdict:
    """The judge's verdict on one answer.

    points, max_points: of this exercise. passed: all points. misconception: an id, or None where nothing explains the
    numbers. sentence: what the student reads. aspects: by name. remark: said even of a right answer. flagged: why a
    human should look at it, or None. to_paste: a cell that shows the mistake on the smallest inputs found, or "".
    less: the sentence for the levels at which a hint says less, "place" and "kind".
    """

    exercise: str
    points: float
    max_points: float
    passed: bool
    misconception: str | None
    sentence: str
    aspects: Mapping[str, Aspect]
    evidence: Evidence | None = None
    remark: str | None = None
    flagged: str | None = field(default=None)
    to_paste: str = ""
    less: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain data, with as much of the arrays as a picture shows."""
        return {
            "exercise": self.exercise,
            "points": self.points,
            "max_points": self.max_points,
            "passed": self.passed,
            "misconception": self.misconception,
            "sentence": self.sentence,
            "remark": self.remark,
            "flagged": self.flagged,
            "to_paste": self.to_paste,
            "less": dict(self.less),
            "evidence": self.evidence.as_json() if self.evidence else None,
            "aspects": {name: asdict(aspect) for name, aspect in self.aspects.items()},
            "order": list(self.aspects),  # a notebook's file has them by the alphabet
        }

    @classmethod
    def from_json(cls, data: Any) -> Verdict:
        """Return the verdict that `as_json` wrote, with as much of the arrays as it kept.

        It may come from a notebook that somebody else has written. Raises: ValueError for what is no verdict.
        """
        try:
            if not isinstance(data["aspects"], dict):
                raise TypeError("aspects")
            order = [n for n in data.get("order", ()) if n in data["aspects"]] or list(data["aspects"])
            return cls(
                exercise=_text(data["exercise"], 100),
                points=float(data["points"]),
                max_points=float(data["max_points"] or 0),
                passed=bool(data["passed"]),
                misconception=_text(data["misconception"] or "", 100) or None,
                sentence=_text(data["sentence"]),
                aspects={_text(n, 100): Aspect.from_json(data["aspects"][n]) for n in order[:20]},
                evidence=Evidence.from_json(data.get("evidence")),
                remark=_text(data.get("remark") or "") or None,
                flagged=_text(data.get("flagged") or "") or None,
                to_paste=_text(data.get("to_paste") or ""),
                less={n: _text(s) for n, s in (data.get("less") or {}).items() if n in ("place", "kind")},
            )
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"no verdict: {type(error).__name__}: {error}") from error


def _text(value: Any, most: int = 20_000) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text was expected, and {type(value).__name__} came")
    return value[:most]
