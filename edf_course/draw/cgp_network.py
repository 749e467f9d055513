"""Pictures for CGP: a graph with its parameters on the arcs, and curves of the loss.

A window opens, and waits to be closed, only where matplotlib has windows; elsewhere the figure is just made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_WINDOWS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]  # Okabe-Ito
NODE_COLOURS = ["#F0E442", "#B8DDF2", "#F5C9A9"]  # inputs, nodes between, outputs


def network(layers: Sequence[Sequence[str]], arcs: Sequence[tuple[str, str, str]], title: str) -> Figure:
    """Draw nodes in columns, one list of names a column, and arcs (from, to, label) between them."""
    from matplotlib import pyplot as plt

    places = {
        name: (2.0 * x, (len(column) - 1) / 2 - y) for x, column in enumerate(layers) for y, name in enumerate(column)
    }
    figure, axes = plt.subplots(figsize=(2 + 2 * len(layers), 2 + 0.9 * max(map(len, layers))), layout="constrained")
    for source, target, label in arcs:
        _arc(axes, places[source], places[target], label)
    for x, column in enumerate(layers):
        colour = NODE_COLOURS[0 if x == 0 else 2 if x == len(layers) - 1 else 1]
        for name in column:
            box = {"boxstyle": "circle,pad=0.5", "facecolor": colour, "edgecolor": "0.3"}
            axes.text(*places[name], name, ha="center", va="center", bbox=box, zorder=3)
    xs, ys = zip(*places.values(), strict=True)
    axes.set(xlim=(min(xs) - 0.7, max(xs) + 0.7), ylim=(min(ys) - 0.8, max(ys) + 0.8), title=title)
    axes.set_axis_off()
    show()
    return figure


def loss_curves(curves: Mapping[str, Sequence[float]], every: int, title: str) -> Figure:
    """Draw curves of the loss, by their labels, one point for `every` iterations."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(layout="constrained")
    for i, (label, losses) in enumerate(curves.items()):
        dash = "-" if i == 0 else "--"  # curves that agree lie on each other
        iterations = [every * (k + 1) for k in range(len(losses))]
        axes.plot(iterations, losses, dash, label=label, color=COLOURS[i % len(COLOURS)], linewidth=3 - i % 2)
    axes.set(xlabel="iteration", ylabel="loss", title=title)
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend()
    show()
    return figure


def show() -> None:
    """Show the figures in windows, if there are any."""
    from matplotlib import pyplot as plt

    if plt.get_backend().lower() not in NO_WINDOWS:
        plt.show()


def _arc(axes: Any, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    """An arrow with its label a third of the way; one that passes over other columns is bent around them."""
    (x0, y0), (x1, y1) = start, end
    bend = 0.0 if abs(x1 - x0) <= 2.0 else 0.3
    style = {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 16, "shrinkB": 16, "connectionstyle": f"arc3,rad={bend}"}
    axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=1)
    if label:
        dx, dy = x1 - x0, y1 - y0
        # arc3 bends towards (y, -x) of its chord, by at most half of rad times the chord's length
        x, y = x0 + dx / 3 + bend * dy * 0.44, y0 + dy / 3 - bend * dx * 0.44
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        axes.text(x, y, label, ha="center", va="center", fontsize=9, bbox=box, zorder=2)
