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
    xs, ys = zip(*places.values(), strict=True)
    room = 0.6 + 0.15 * (max(xs) - min(xs)) * (max(xs) > 2)  # for bent arcs
    width, height = max(xs) - min(xs) + 1.2, max(ys) - min(ys) + 2 * room
    figure, axes = plt.subplots(figsize=(min(width, 30), min(height + 0.4, 30)), layout="constrained")
    axes.set(xlim=(min(xs) - 0.6, max(xs) + 0.6), ylim=(min(ys) - room, max(ys) + room), title=title)
    for source, target, label in arcs:
        _arc(axes, places[source], places[target], label)
    for x, column in enumerate(layers):
        colour = NODE_COLOURS[0 if x == 0 else 2 if x == len(layers) - 1 else 1]
        for name in column:
            box = {"boxstyle": "circle,pad=0.5", "facecolor": colour, "edgecolor": "0.3"}
            axes.text(*places[name], name, ha="center", va="center", bbox=box, zorder=3)
    axes.set_aspect("equal")  # so that a label sits on its bent arc
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
    """An arrow with its label on it; one that passes other columns is bent: below one column, above several."""
    (x0, y0), (x1, y1) = start, end
    passed = round((x1 - x0) / 2.0) - 1
    bend = 0.0 if passed < 1 else 0.4 if passed == 1 else -0.3
    style = {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 16, "shrinkB": 16, "connectionstyle": f"arc3,rad={bend}"}
    axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=1)
    if label:
        dx, dy, t = x1 - x0, y1 - y0, 0.4 if bend else 0.33
        # arc3 is a parabola, pulled by `bend` times the chord turned to the right; t runs along it
        pull = 2 * t * (1 - t) * bend
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        x, y = x0 + t * dx + pull * dy, y0 + t * dy - pull * dx
        axes.text(x, y, label, ha="center", va="center", fontsize=9, bbox=box, zorder=2)
