"""What the judge says: points, the likely mistake, and the sentence that the student reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Aspect:
    """One aspect of an exercise: its points, and why they are lost where they are."""

    points: float
    max_points: float
    passed: bool
    sentence: str = ""


@dataclass(frozen=True)
class Evidence:
    """The array that shows the mistake best: what came, and what is right. For the picture; never for the points."""

    name: str
    got: np.ndarray
    right: np.ndarray
    operand: np.ndarray | None = None


@dataclass(frozen=True)
class Verdict:
    """The judge's verdict on one answer.

    points, max_points: of this exercise. passed: all points. misconception: an id, or None where nothing explains the
    numbers. sentence: what the student reads. aspects: by name. remark: said even of a right answer. flagged: why a
    human should look at it, or None. to_paste: a cell that shows the mistake on the smallest inputs found, or "".
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

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain data, without the arrays."""
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
            "aspects": {name: asdict(aspect) for name, aspect in self.aspects.items()},
        }
