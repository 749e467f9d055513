"""A graph of any of the three engines in one style, values and gradients in its boxes; no system program is needed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from edf_course.draw.drawing import BLACK, BLUE, FONT, GREEN, GREY, ORANGE, PAPER, VERMILION, Drawing
from edf_course.draw.layout import Layout, layered
from edf_course.draw.reading import read
from edf_course.draw.sketch import COMPUTED, GIVEN, OUTPUT, PARAMETER, Edge, Node, Sketch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE, TEXT, LABEL = 9.5, 8.5, 8.0  # font sizes, points
LINE = 0.165  # inches from line to line
PAD = 0.09  # inches between a box and its text
HINTING = 1.03  # letters are moved to whole pixels, so text may be wider than its outlines
GRID = 0.15  # widths are multiples of it, so that neighbours tend to be of one width
MARGIN = 0.15
PAGE = (11.0, 14.0)  # inches that a notebook shows well: width, and height before it is tiring
SPREAD = 0.7  # of a box's side, over which arriving arrows are spread
ROOM, MOST_ROOM = 0.13, 1.6  # inches of side for each arriving arrow, and of that side at most

Point = tuple[float, float]
Bounds = tuple[float, float, float, float]  # left, bottom, right, top


class Look(NamedTuple):
    """How the boxes of one kind look: shape and border say it besides the colour."""

    edge: str
    fill: str
    rounding: float
    width: float
    legend: str


LOOKS = {
    GIVEN: Look(GREEN, "#E9F6F1", 0.0, 1.3, "given"),
    PARAMETER: Look(ORANGE, "#FEF5E1", 0.17, 1.3, "parameter"),
    COMPUTED: Look(GREY, "white", 0.06, 1.0, "computed"),
    OUTPUT: Look(VERMILION, "#FDEEE4", 0.06, 2.4, "output"),
}


def graph(
    thing: Any,
    *,
    names: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    gradients: Mapping[str, Any] | None = None,
    partials: Mapping[str, Mapping[str, Any]] | None = None,
    title: str = "",
    direction: str = "auto",
) -> Drawing:
    """Draw a computation graph, and say in words what it shows.

        draw.graph(loss)                        # an EDF node with all that it reads; or the edf.Graph itself
        draw.graph(L, names=globals())          # a Value; names as in your cell
        values, direct = dag.partials(inputs, parameters)
        draw.graph(dag, values=values, gradients=dag.backward(direct, {"xw": 1.0}), partials=direct)

    Each box holds the node's value and gradient, as far as they are computed. Arrays are summed up: up to four entries
    are written out, of more the root mean square (rms), of the loss its mean; "all 1" says that all are equal.
    Arrows go the way of the values; gradients come back along them. A node that is used twice has two arrows.

    `names` maps names to nodes or packages. `values`, `gradients` (both name -> number or array) and `partials` (node
    -> {name: number}, written on the arrows) are for CGP, whose graphs hold no numbers. `direction` is "right", "down",
    or "auto", which fits the page.
    Raises: TypeError for what is no graph; ValueError for one that is empty or has more than 150 nodes.
    """
    if direction not in ("auto", "right", "down"):
        raise ValueError(f'direction is "right", "down" or "auto", not {direction!r}.')
    sketch = read(thing, names, values, gradients, partials)
    figure = _draw(_arrange(sketch, direction), title)
    return Drawing(figure, f"{title}: {sketch.describe()}" if title else sketch.describe())


class Arrangement:
    """A sketch with places in inches, y upwards: `boxes` and `label_boxes` (bounds, or None), `paths` (points)."""

    def __init__(self, sketch: Sketch, right: bool) -> None:
        self.sketch, self.right = sketch, right
        arrows = Counter(edge.target for edge in sketch.edges)
        self.sizes = [box_size(node, arrows[i], right) for i, node in enumerate(sketch.nodes)]
        label_sizes = [label_size(edge) for edge in sketch.edges]
        pairs = [(edge.source, edge.target) for edge in sketch.edges]
        turned = [s if right or s is None else s[::-1] for s in [*self.sizes, *label_sizes]]
        n = len(self.sizes)
        layout = layered([s for s in turned[:n] if s], pairs, turned[n:])
        along, across = layout.size
        self.width, self.height = (along, across) if right else (across, along)
        self.boxes = [
            _around(self._point(*centre), size) for centre, size in zip(layout.centres, self.sizes, strict=True)
        ]
        self.label_boxes = [
            None if spot is None or size is None else _around(self._point(*spot), size)
            for spot, size in zip(layout.labels, label_sizes, strict=True)
        ]
        self.paths = self._paths(layout)

    def _point(self, along: float, across: float) -> Point:
        """Return the place on the page: the first node stands at the left, or at the top."""
        return (along, self.height - across) if self.right else (across, self.height - along)

    def _paths(self, layout: Layout) -> list[list[Point]]:
        """Return each arrow's points: pairs between which it runs straight; from pair to pair it bends."""
        sides = [self.sizes[i] if self.right else self.sizes[i][::-1] for i in range(len(self.sizes))]
        arriving: dict[int, list[int]] = defaultdict(list)
        for i, edge in enumerate(self.sketch.edges):
            arriving[edge.target].append(i)
        shift = {}
        for target, indices in arriving.items():
            indices.sort(key=lambda i: (layout.routes[i][-2][2], i))
            for k, i in enumerate(indices):
                shift[i] = SPREAD * sides[target][1] * ((k + 0.5) / len(indices) - 0.5)
        paths = []
        for i, (edge, route) in enumerate(zip(self.sketch.edges, layout.routes, strict=True)):
            start = layout.centres[edge.source][0] + sides[edge.source][0] / 2
            end = layout.centres[edge.target][0] - sides[edge.target][0] / 2
            port = route[-1][2] + shift[i]
            points = [(start, route[0][2]), (route[0][1], route[0][2])]
            for bend_start, bend_end, across in route[1:-1]:
                points += [(bend_start, across), (bend_end, across)]
            points += [(route[-1][0], port), (end, port)]
            paths.append([self._point(float(x), float(y)) for x, y in points])
        return paths

    def misfit(self) -> float:
        """How much larger than a page it is, 1 where it fits."""
        return max(1.0, self.width / PAGE[0], self.height / PAGE[1])


def _arrange(sketch: Sketch, direction: str) -> Arrangement:
    if direction != "auto":
        return Arrangement(sketch, direction == "right")
    right = Arrangement(sketch, True)
    if right.misfit() == 1.0:
        return right
    down = Arrangement(sketch, False)
    return right if right.misfit() <= down.misfit() else down


def box_size(node: Node, arrows: int, right: bool) -> tuple[float, float]:
    """Return the width and height in inches that a node needs for its text and the arrows that arrive at its side."""
    first = text_width(node.title, TITLE, True) + (0.09 + text_width(node.detail, TEXT) if node.detail else 0.0)
    rows = [0.12 + text_width(name, TEXT) + text_width(number, TEXT) for name, number in _rows(node)]
    lines = len(rows) + bool(node.title or node.detail)
    side = min(ROOM * arrows, MOST_ROOM)
    width = max(0.5, first, *rows) + 2 * PAD
    height = max(lines, 1) * LINE + 1.4 * PAD
    return GRID * math.ceil(max(width, 0 if right else side) / GRID), max(height, side if right else 0)


def label_size(edge: Edge) -> tuple[float, float] | None:
    """Return the width and height in inches of an arrow's label, or None where it has none."""
    return (text_width(edge.label, LABEL) + 0.1, LINE + 0.02) if edge.label else None


def _rows(node: Node) -> list[tuple[str, str]]:
    return [(name, text) for name, text in (("value", node.value), ("grad", node.gradient)) if text is not None]


@lru_cache(maxsize=1000)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of `text` in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    font = FontProperties(family=FONT, weight="bold" if bold else "normal")
    escaped = text.replace("$", r"\$")
    return float(TextPath((0, 0), escaped, size=size, prop=font).get_extents().width) / 72 * HINTING


def _draw(a: Arrangement, title: str) -> Figure:
    from matplotlib.figure import Figure

    kinds = [kind for kind in LOOKS if any(node.kind == kind for node in a.sketch.nodes)]
    legend = [(kind, text_width(LOOKS[kind].legend, LABEL)) for kind in kinds]
    legend_width = sum(width + 0.5 for _, width in legend)
    above, below = (0.3 if title else 0.0), 0.35
    width = max(a.width, legend_width, text_width(title, TITLE + 1, True)) + 2 * MARGIN
    height = a.height + above + below + 2 * MARGIN
    figure = Figure(figsize=(width, height), dpi=100, facecolor=PAPER)
    left = (width - a.width) / 2
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-left, width - left), ylim=(-below - MARGIN, height - below - MARGIN))
    axes.axis("off")
    for path, box, edge in zip(a.paths, a.label_boxes, a.sketch.edges, strict=True):
        _draw_arrow(axes, path, a.right)
        if box:
            _text(axes, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, edge.label, LABEL, "center", backed=True)
    for bounds, node in zip(a.boxes, a.sketch.nodes, strict=True):
        _draw_box(axes, bounds, node)
    if title:
        _text(axes, a.width / 2, a.height + 0.25, title, TITLE + 1, "center", bold=True)
    _draw_legend(axes, legend, (a.width - legend_width) / 2)
    return figure


def _draw_arrow(axes: Axes, points: Sequence[Point], right: bool) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        if abs(x1 - x0) + abs(y1 - y0) < 1e-9:
            continue
        straight = abs(y1 - y0) < 1e-9 if right else abs(x1 - x0) < 1e-9
        if straight:
            vertices.append((x1, y1))
            codes.append(Path.LINETO)
        else:  # leaves and arrives in the direction of the layers
            middle = [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)] if right else [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)]
            vertices += [*middle, (x1, y1)]
            codes += [Path.CURVE4] * 3
    style = "-|>,head_length=0.45,head_width=0.2"
    axes.add_patch(
        FancyArrowPatch(
            path=Path(vertices, codes),
            arrowstyle=style,
            mutation_scale=10,
            color=GREY,
            linewidth=1.0,
            joinstyle="miter",
            zorder=1,
        )
    )


def _draw_box(axes: Axes, bounds: Bounds, node: Node) -> None:
    left, bottom, right, top = bounds
    _shape(axes, bounds, node.kind)
    rows = _rows(node)
    y = (bottom + top + LINE * (len(rows) - (not (node.title or node.detail)))) / 2
    if node.title or node.detail:
        width = text_width(node.title, TITLE, True)
        whole = width + (0.09 + text_width(node.detail, TEXT) if node.detail else 0.0)
        x = (left + right - whole) / 2
        _text(axes, x, y, node.title, TITLE, "left", bold=True)
        _text(axes, x + width + 0.09, y, node.detail, TEXT, "left", GREY)
        y -= LINE
    for name, number in rows:
        colour = BLUE if name == "grad" else BLACK
        _text(axes, left + PAD, y, name, TEXT, "left", GREY)
        _text(axes, right - PAD, y, number, TEXT, "right", colour)
        y -= LINE


def _shape(axes: Axes, bounds: Bounds, kind: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    look = LOOKS[kind]
    left, bottom, right, top = bounds
    rounding = look.rounding * min(1.0, (top - bottom) / 0.34)
    style = f"round,pad=0,rounding_size={rounding}" if rounding else "square,pad=0"
    axes.add_patch(
        FancyBboxPatch(
            (left, bottom),
            right - left,
            top - bottom,
            boxstyle=style,
            facecolor=look.fill,
            edgecolor=look.edge,
            linewidth=look.width,
            zorder=2,
        )
    )


def _draw_legend(axes: Axes, entries: Sequence[tuple[str, float]], x: float) -> None:
    y = -0.3
    for kind, width in entries:
        _shape(axes, (x, y - 0.055, x + 0.2, y + 0.055), kind)
        _text(axes, x + 0.26, y, LOOKS[kind].legend, LABEL, "left", GREY)
        x += width + 0.5


def _text(
    axes: Axes, x: float, y: float, text: str, size: float, align: str, colour: str = BLACK, bold: bool = False,
    backed: bool = False,
) -> None:  # fmt: skip
    axes.text(
        x, y, text, fontsize=size, ha=align, va="center_baseline", color=colour, family=FONT, zorder=3,
        weight="bold" if bold else "normal", parse_math=False,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0} if backed else None,
    )  # fmt: skip


def _around(centre: Point, size: tuple[float, float]) -> Bounds:
    (x, y), (width, height) = centre, size
    return (float(x - width / 2), float(y - height / 2), float(x + width / 2), float(y + height / 2))
