"""What a student sees after a check or a verdict: text first, then the two arrays side by side where they differ.

The heat map is a table of numbers on coloured ground: it can be read by anyone, without colours and without a picture.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np

from edf_course.wording import number

ROWS, COLUMNS = 6, 8  # of a heat map; more is cut off, and said
MARKS = {"right": ("✓", "Right"), "wrong": ("✗", "Not yet right"), "unwritten": ("○", "Not written yet")}
COLOURS = {"right": "#009E73", "wrong": "#D55E00", "unwritten": "#767676"}  # Okabe-Ito green and vermilion


def card(state: str, title: str, lines: list[str], picture: str = "") -> str:
    """Return the HTML of one result: a mark and a word for the state, the title, a paragraph for each line."""
    mark, word = MARKS[state]
    paragraphs = "".join(f'<p style="margin:.3em 0">{html.escape(line)}</p>' for line in lines if line)
    style = f"border-left:4px solid {COLOURS[state]};padding:.2em .8em;margin:.3em 0;max-width:60em"
    return (
        f'<div class="edf-card" style="{style}">'
        f'<p style="margin:.3em 0"><strong>{mark} {word}: {html.escape(title)}</strong></p>{paragraphs}{picture}</div>'
    )


def as_text(state: str, title: str, lines: list[str]) -> str:
    """Return the same as plain text."""
    mark, word = MARKS[state]
    return "\n".join([f"{mark} {word}: {title}", *(f"  {line}" for line in lines if line)])


def heat_maps(got: np.ndarray, right: np.ndarray, name: str, source: str) -> str:
    """Return tables of both arrays and of their difference, side by side; "" where their shapes differ.

    Blue is negative, orange positive, and the deeper the further from 0.
    """
    if got.shape != right.shape or got.dtype.kind == "c":
        return ""
    scale = float(np.abs(right).max(initial=0.0)) or 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        difference = got.astype(float) - right
    captions = {f"your {name}": got, source: right, "difference": difference}
    tables = [_table(array, scale, caption) for caption, array in captions.items()]
    rows, columns = _in_rows(got).shape
    cut = f"; the first {ROWS} rows and {COLUMNS} columns" if rows > ROWS or columns > COLUMNS else ""
    words = f"Shape {got.shape}{cut}." if cut or got.ndim > 2 else ""
    note = f'<p style="margin:.2em 0">{words}</p>' if words else ""
    return f'<div style="display:flex;flex-wrap:wrap;gap:1.2em">{"".join(tables)}</div>{note}'


def _in_rows(array: np.ndarray) -> np.ndarray:
    array = np.atleast_2d(np.asarray(array, dtype=float))
    return array.reshape(-1, array.shape[-1])


def _table(array: np.ndarray, scale: float, caption: str) -> str:
    shown = _in_rows(array)[:ROWS, :COLUMNS]
    rows = "".join("<tr>" + "".join(_cell(v, scale) for v in row) + "</tr>" for row in shown)
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.3em 0">'
        f'<caption style="text-align:left;padding:.2em 0">{html.escape(caption)}</caption><tbody>{rows}</tbody></table>'
    )


def _cell(value: float, scale: float) -> str:
    if np.isfinite(value):
        strength = min(abs(value) / scale, 1.0) * 0.45  # pale enough for text in either theme
        colour = f"rgba(0,114,178,{strength:.2f})" if value < 0 else f"rgba(230,159,0,{strength:.2f})"
    else:
        colour = "rgba(204,121,167,.45)"
    style = f"background:{colour};padding:.15em .5em;text-align:right;border:1px solid rgba(128,128,128,.35)"
    shown = round(float(value), 4) if np.isfinite(value) and abs(value) < 1e4 else float(value)
    return f'<td style="{style}">{number(shown)}</td>'


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
