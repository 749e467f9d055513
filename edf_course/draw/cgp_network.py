"""Pictures for CGP: a graph with its parameters on the arcs, and curves of the loss.

In a notebook they are Drawings, which say in words what they show. A window opens, and waits to be closed, only where
matplotlib has windows; elsewhere the figure is just made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edf_course.draw.curve_picture import in_words
from edf_course.draw.drawing import Drawing, layout_with_margin

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
    lengths = [places[target][0] - places[source][0] for source, target, _ in arcs]
    room = 0.5 + max((abs(_bend(length)) * length / 2 for length in lengths), default=0.0)  # for bent arcs
    width, height = max(xs) - min(xs) + 1.2, max(ys) - min(ys) + 2 * room
    figure, axes = plt.subplots(figsize=(min(width, 30), min(height + 0.4, 30)), layout=layout_with_margin())
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
    columns = "; ".join(", ".join(column) for column in layers)
    said = ", ".join(f"{source} to {target}" + (f" ({label})" if label else "") for source, target, label in arcs)
    show(figure, f"{title}. Nodes, column by column from the inputs: {columns}. Arcs: {said}.")
    return figure


def loss_curves(curves: Mapping[str, Sequence[float]], every: int, title: str) -> Figure:
    """Draw curves of the loss, by their labels, one point for `every` iterations."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(layout=layout_with_margin())
    said = [f"{title}: loss against iteration."]
    for i, (label, losses) in enumerate(curves.items()):
        dash = "-" if i == 0 else "--"  # curves that agree lie on each other
        iterations = every * np.arange(1, len(losses) + 1)
        said.append(in_words(label, iterations, np.array(losses, dtype=float), "iteration"))
        axes.plot(iterations, losses, dash, label=label, color=COLOURS[i % len(COLOURS)], linewidth=3 - i % 2)
    axes.set(xlabel="iteration", ylabel="loss", title=title)
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend()
    show(figure, " ".join(said))
    return figure


def show(figure: Figure, text: str) -> None:
    """Show a figure of pyplot: as a Drawing with its text in a notebook, else in a window, if there are any."""
    from matplotlib import pyplot as plt

    backend = plt.get_backend().lower()
    if backend.endswith("inline"):
        from IPython.display import display

        display(Drawing(figure, text))
        plt.close(figure)  # or the notebook shows it once more, without its text
    elif backend not in NO_WINDOWS:
        plt.show()


def _arc(axes: Any, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    """An arrow with its label on it."""
    (x0, y0), (x1, y1) = start, end
    bend = _bend(x1 - x0)
    style = {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 16, "shrinkB": 16, "connectionstyle": f"arc3,rad={bend}"}
    axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=1)
    if label:
        dx, dy, t = x1 - x0, y1 - y0, 0.4 if bend else 0.33
        # arc3 is a parabola, pulled by `bend` times the chord turned to the right; t runs along it
        pull = 2 * t * (1 - t) * bend
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        x, y = x0 + t * dx + pull * dy, y0 + t * dy - pull * dx
        axes.text(x, y, label, ha="center", va="center", fontsize=9, bbox=box, zorder=2)


def _bend(length: float) -> float:
    """How far an arc is bent, in parts of its length: one that passes other columns below one, above several."""
    passed = round(length / 2.0) - 1
    return 0.0 if passed < 1 else 0.4 if passed == 1 else -0.3
