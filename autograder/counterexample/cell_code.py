"""What the cells to paste are made of: numbers as code, prints of what is and what should be."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pprint import pformat

import numpy as np

from edf_course.exercises.marking import SMALL
from edf_course.exercises.probes import Arrays, Probe

DIGITS = 6  # of the largest entry: more than a right answer must have


@dataclass(frozen=True)
class Shown:
    """What a cell is to show: the probe, up to the first pass in which something is wrong, and what is wrong there."""

    name: str
    probe: Probe
    right: Arrays
    wrong: tuple[str, ...]

    @property
    def arrays(self) -> Arrays:
        """The first pass."""
        return self.probe.passes[0]

    def says(self, expressions: Callable[[str], str]) -> list[str]:
        """Print what each wrong array is, and what it should be; `expressions` has the code for an array's name."""
        return [says(expressions(n), self.right[n]) for n in self.wrong]


def given(array: np.ndarray) -> str:
    """Return inputs as the code of nested lists. Raises: ValueError for NaN and infinity."""
    if not np.isfinite(array).all():
        raise ValueError("an input that is no number")
    return pformat(array.tolist(), width=80, compact=True)


def says(expression: str, right: np.ndarray, label: str = "") -> str:
    """Return the code that prints what an expression is and what it should be, each with as many digits as matter."""
    scale = max(float(np.abs(right).max(initial=0.0)), SMALL)
    decimals = int(np.clip(DIGITS - 1 - np.floor(np.log10(scale)), 0, 12))
    number = given(np.round(right, decimals) + 0.0)  # no -0.0
    shown = f"np.round({expression}, {decimals})"
    line = f'print("{label or expression} is", {shown}, "and should be", np.array({number}), sep="\\n")'
    if len(line) <= 100 and "\n" not in line:
        return line
    return (
        f'print("{label or expression} is", {shown}, sep="\\n")\n'
        f'print("and should be", np.array({textwrap.indent(number, " " * 33).lstrip()}), sep="\\n")'
    )


def in_graph(lines: Sequence[str], prints: Sequence[str]) -> list[str]:
    """Return lines that stand in a graph of their own, and prints behind it."""
    return ["with edf.Graph():", *(textwrap.indent(line, "    ") for line in lines), *prints]
