"""Curves of a training: the loss, or what else was noted down, over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edf_course.draw.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Drawing, short, styled_figure

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
DASHES = ("-", "--", "-.", ":")  # told apart without colours too, and where curves lie on each other
DECADES = 1.5  # of a positive quantity, from which a logarithmic scale shows more


def curves(
    series: Mapping[str, Sequence[float] | np.ndarray] | Sequence[float] | np.ndarray,
    *,
    x: Sequence[float] | np.ndarray | None = None,
    xlabel: str = "step",
    ylabel: str = "loss",
    log: bool | None = None,
    title: str = "",
) -> Drawing:
    """Draw curves over the steps, by their names, and say in words where each begins, ends and is least.

        draw.curves(losses)
        draw.curves({"SGD": losses, "momentum": others}, ylabel="mean loss (nats)")

    `x` are the places of the entries, 0, 1, 2, … without it; `log` the vertical scale, chosen by the numbers where it
    is None. NaN and infinite entries, as of a training that diverged, are left out and mentioned.
    Raises: ValueError for nothing to draw, numbers that are no sequence, or an x that does not fit.
    """
    named = series if isinstance(series, Mapping) else {"": series}
    lines = {str(name): _points(str(name), entries, x) for name, entries in named.items()}
    if not lines:
        raise ValueError("there are no curves to draw: give numbers, or a dictionary name -> numbers.")
    shown = np.concatenate([y[np.isfinite(y)] for _, y in lines.values()])
    if log is None:
        log = bool(shown.size and shown.min() > 0 and np.log10(shown.max() / shown.min()) > DECADES)
    elif log and not (shown > 0).all():
        raise ValueError(f"a logarithmic scale has no place for {short(shown.min())}: set log=False.")
    from matplotlib.ticker import LogLocator

    figure = styled_figure(6.4, 3.8)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title, yscale="log" if log else "linear")
    for i, (name, (places, y)) in enumerate(lines.items()):
        axes.plot(
            places, np.where(np.isfinite(y), y, np.nan), label=name, color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)], linewidth=1.8, marker="o" if len(y) == 1 else "",
        )  # fmt: skip
    if log:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        axes.yaxis.set_major_formatter(lambda value, _: short(value))
        axes.yaxis.set_minor_formatter("")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.7)
    if any(lines):
        axes.legend(frameon=False)
    scale = ", on a logarithmic scale" if log else ""
    count = "One curve" if len(lines) == 1 else f"{len(lines)} curves"
    about = [f"{title}: " if title else "", f"{count}, {ylabel} against {xlabel}{scale}."]
    return Drawing(figure, " ".join(["".join(about), *(in_words(n, *line, xlabel) for n, line in lines.items())]))


def _points(name: str, entries: Any, x: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        y = np.asarray(entries, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the curve {name!r} must be a sequence of numbers.") from error
    if y.ndim != 1 or y.size == 0:
        raise ValueError(f"the curve {name!r} must be a sequence of numbers, (steps,), but has shape {y.shape}.")
    places = np.arange(len(y)) if x is None else np.asarray(x, dtype=float)
    if places.shape != y.shape:
        raise ValueError(f"the curve {name!r} has {len(y)} entries, but x has shape {places.shape}.")
    return places, y


def in_words(name: str, places: np.ndarray, y: np.ndarray, xlabel: str) -> str:
    """Say where one curve begins, ends and is least; shapes: places and y (n,)."""
    named = f"{name}: " if name else ""
    good = np.flatnonzero(np.isfinite(y))
    if len(good) == 0:
        return f"{named}no finite number."
    first, last, least = good[0], good[-1], good[np.argmin(y[good])]
    text = (
        f"{named}from {short(y[first])} at {xlabel} {short(places[first])} to {short(y[last])} at {short(places[last])}"
    )
    if y[least] < y[last]:
        text += f", least {short(y[least])} at {short(places[least])}"
    bad = np.flatnonzero(~np.isfinite(y))
    if len(bad):
        are = "is" if len(bad) == 1 else "are"
        text += f"; {len(bad)} of {len(y)} {are} not finite, the first at {short(places[bad[0]])}"
    return text + "."
