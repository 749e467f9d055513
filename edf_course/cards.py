"""What a student sees after a check or a verdict: text first, then the two arrays side by side where they differ.

The heat map is a table of numbers on coloured ground: it can be read by anyone, without colours and without a picture.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from edf_course.wording import number

ROWS, COLUMNS = 6, 8  # of a heat map; more is cut off, and said
OFF = 1e-5  # what differs by more than this part of the largest entry is marked
HEAD = "font-weight:normal;padding:.15em .35em;text-align:right;border:none"
MARKS = {"right": ("✓", "Right"), "wrong": ("✗", "Not yet right"), "unwritten": ("○", "Not written yet")}
COLOURS = {"right": "#009E73", "wrong": "#D55E00", "unwritten": "#767676"}  # Okabe-Ito green and vermilion


def card(state: str, title: str, lines: list[str], more: str = "", heading: str = "p") -> str:
    """Return the HTML of one result: a mark and a word for the state, the title, a paragraph for each line, and more.

    `heading` is the element of the title, "p" or "h3".
    """
    mark, word = MARKS[state]
    paragraphs = "".join(f'<p style="margin:.3em 0">{html.escape(line)}</p>' for line in lines if line)
    style = f"border-left:4px solid {COLOURS[state]};padding:.2em .8em;margin:.3em 0;max-width:60em"
    return (
        f'<div class="edf-card" style="{style}">'
        f'<{heading} style="margin:.3em 0"><strong>{mark} {word}: {html.escape(title)}</strong></{heading}>'
        f"{paragraphs}{more}</div>"
    )


def as_text(state: str, title: str, lines: list[str]) -> str:
    """Return the same as plain text."""
    mark, word = MARKS[state]
    return "\n".join([f"{mark} {word}: {title}", *(f"  {line}" for line in lines if line)])


def heat_maps(got: np.ndarray, right: np.ndarray, name: str, source: str, shape: tuple[int, ...] = ()) -> str:
    """Return tables of both arrays and of their difference, side by side; "" where their shapes differ.

    What is off is bold and framed; blue is negative, orange positive, the deeper the further from 0. `shape` is that of
    the whole, where these are only the first rows of it.
    """
    if got.shape != right.shape or got.dtype.kind == "c":
        return ""
    scale = float(np.abs(right).max(initial=0.0)) or 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        difference = got.astype(float) - right
        off = ~(np.abs(difference) <= OFF * scale)
    captions = {f"your {name}": (got, off), source: (right, np.zeros_like(off)), "difference": (difference, off)}
    shape = shape or got.shape
    tables = [_table(array, marked, scale, caption, len(shape)) for caption, (array, marked) in captions.items()]
    words = _caption(name, source, shape, first_rows(got).size)
    return (
        f'<figure style="margin:.5em 0"><div style="display:flex;flex-wrap:wrap;gap:1em">{"".join(tables)}</div>'
        f'<figcaption style="margin:.2em 0">{html.escape(words)}</figcaption></figure>'
    )


def _caption(name: str, source: str, shape: tuple[int, ...], shown: int) -> str:
    """Say what the three tables hold: `shown` numbers each, of arrays of that shape."""
    truth = "what is right" if source == "right" else f"what {source} give"
    cut = f" (the first {ROWS} rows and {COLUMNS} columns of it)" if shown < prod(shape) else ""
    return (
        f"Your {name}, {truth}, and the difference, for one of the inputs that were tried. Shape {shape}{cut}. "
        "What is off is bold and framed. Blue is below 0, orange above, deeper the further."
    )


def first_rows(array: np.ndarray) -> np.ndarray:
    """Return as much of an array as a heat map shows, in rows and columns."""
    return _in_rows(array)[:ROWS, :COLUMNS]


def _in_rows(array: np.ndarray) -> np.ndarray:
    array = np.atleast_2d(np.asarray(array, dtype=float))
    return array.reshape(-1, array.shape[-1])


def _table(array: np.ndarray, off: np.ndarray, scale: float, caption: str, ndim: int) -> str:
    """Return one table: the rows of a matrix have numbers, and its columns; of a vector, the columns alone."""
    shown, marked = first_rows(array), first_rows(off) > 0
    row_head = f'<th scope="row" style="{HEAD}">{{}}</th>' if ndim > 1 else ""
    corner = f'<td style="{HEAD}"></td>' if ndim > 1 else ""
    columns = range(shown.shape[1]) if ndim else ()
    head = corner + "".join(f'<th scope="col" style="{HEAD}">{j}</th>' for j in columns)
    body = "".join(
        f"<tr>{row_head.format(i)}"
        + "".join(_cell(v, m, scale) for v, m in zip(row, row_marked, strict=True))
        + "</tr>"
        for i, (row, row_marked) in enumerate(zip(shown, marked, strict=True))
    )
    return (
        '<table style="border-collapse:collapse;font-size:.9em;font-variant-numeric:tabular-nums;margin:.3em 0">'
        f'<caption style="text-align:left;padding:.2em 0;color:inherit">{html.escape(caption)}</caption>'
        f"{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"
    )


def _cell(value: float, off: bool, scale: float) -> str:
    if np.isfinite(value):
        strength = min(abs(value) / scale, 1.0) * 0.45  # pale enough for text in either theme
        colour = f"rgba(0,114,178,{strength:.2f})" if value < 0 else f"rgba(230,159,0,{strength:.2f})"
    else:
        colour = "rgba(204,121,167,.45)"
    line = "2px solid currentColor;font-weight:bold" if off else "1px solid rgba(128,128,128,.35)"
    style = f"background-color:{colour};padding:.15em .35em;text-align:right;border:{line}"
    shown = round(float(value), 4) if np.isfinite(value) and abs(value) < 1e4 else float(value)
    return f'<td style="{style}">{number(shown)}</td>'


def to_paste(code: str) -> str:
    """Return the HTML of a cell that a student may select and paste; "" where there is none."""
    if not code:
        return ""
    style = (
        "white-space:pre-wrap;overflow-wrap:anywhere;background-color:rgba(128,128,128,.12);padding:.6em .8em;"
        "margin:.3em 0;font-family:monospace"
    )
    return (
        '<p style="margin:.5em 0 .3em">To see it, paste this into a cell below your answer and run it:</p>'
        f'<pre style="{style}"><code>{html.escape(code)}</code></pre>'
    )


def show(bundle: Mapping[str, Any], display_id: str | None = None, update: bool = False) -> None:
    """Display a bundle of representations in a notebook; elsewhere, print its text."""
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None  # type: ignore[assignment]
    if get_ipython is None or get_ipython() is None or not hasattr(get_ipython(), "kernel"):
        if not update:
            print(bundle["text/plain"])
        return
    if display_id:
        display(dict(bundle), raw=True, display_id=display_id, update=update)
    else:
        display(dict(bundle), raw=True)
