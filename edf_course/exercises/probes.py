"""What passes between the one who asks and the one who answers: arrays in, arrays out, and nothing else.

A `Probe` is a question ("here are x and an upstream gradient: run"), an `Answer` what a student's object made of it.
Neither holds code or objects, so both can cross from one process to another as plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Probe:
    """A question to a student's object.

    passes: the named arrays of each pass, one pass after the other on the same object (a second pass with other values
        shows what was kept from the first). Which names there are depends on the kind of exercise.
    mode: how the object is put to use; see the kind's answering function.
    backward: whether gradients are asked for as well.
    """

    passes: tuple[Arrays, ...]
    mode: str = "plain"
    backward: bool = True


@dataclass(frozen=True)
class Failure:
    """Why a student's object gave no answer.

    kind: "unwritten" (NotImplementedError), "raised", "time" or "unusable" (no node, no such method …).
    text: one or two lines for the student, with the line of their code where it happened.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What came back: the named arrays of each pass, what went wrong, and what was noticed on the way."""

    passes: tuple[Arrays, ...] = ()
    failure: Failure | None = None
    noticed: frozenset[str] = field(default_factory=frozenset)
