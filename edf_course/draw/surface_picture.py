"""The loss over two parameters as contours, and the paths that were taken on it.

Source: Kak, slide 14 (the surface over the parameters; their plane is where one walks, the surface only its height).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from edf_course.draw.curve_picture import DASHES
from edf_course.draw.drawing import BLACK, GREEN, PURPLE, VERMILION, Drawing, short, styled_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (VERMILION, BLACK, GREEN, PURPLE)  # all of them stand out from blue
GRID = 81  # points along each side
LEVELS = 16  # one more than a multiple of the five parts that the scale is marked in
MOST_DOTS = 60  # steps of a path that get a dot each

Range = tuple[float, float]


def surface(
    loss: Callable[[np.ndarray], Any],
    paths: Mapping[str, Any] | Any = None,
    *,
    x_range: Range | None = None,
    y_range: Range | None = None,
    names: tuple[str, str] = ("p₁", "p₂"),
    label: str = "loss",
    title: str = "",
) -> Drawing:
    """Draw the contours of loss(p), p (2,), and on them paths of iterates, each (k + 1, 2) from its start.

        draw.surface(loss, {"α = 0.1": path, "α = 0.9": other})
        draw.surface(loss, x_range=(-2, 2), y_range=(-1, 3))

    Without ranges, all finite points of the paths fit in. Contours lie closer together, in height, near the least
    value. A path's first point is a ring, its last a square; NaN and infinite points are left out and mentioned.
    Raises: ValueError where there is neither a path nor both ranges, a path has another shape, or the loss is not one
    number.
    """
    walks = {str(name): _walk(str(name), path) for name, path in _by_name(paths).items()}
    x_range, y_range = (_range(k, given, walks) for k, given in enumerate((x_range, y_range)))
    x, y = np.linspace(*x_range, GRID), np.linspace(*y_range, GRID)
    heights = np.array([[_height(loss, a, b) for a in x] for b in y])  # (y, x)
    finite = heights[np.isfinite(heights)]
    if finite.size == 0:
        raise ValueError("the loss is nowhere finite in these ranges.")
    figure = styled_figure(6.4, 4.8)
    axes = figure.add_subplot(xlabel=names[0], ylabel=names[1], title=title, xlim=x_range, ylim=y_range)
    spread = float(finite.max() - finite.min()) or 1.0
    levels = finite.min() + spread * np.linspace(0, 1, LEVELS) ** 3
    _draw_contours(figure, axes, (x, y, np.ma.masked_invalid(heights)), levels, label)
    for i, (name, path) in enumerate(walks.items()):
        _draw_walk(axes, path, COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)], name)
    if any(walks):
        axes.legend(fontsize=9, framealpha=0.9)
    at = np.unravel_index(np.nanargmin(np.where(np.isfinite(heights), heights, np.nan)), heights.shape)
    ranges = " and ".join(
        f"{n} ({short(a)} to {short(b)})" for n, (a, b) in zip(names, (x_range, y_range), strict=True)
    )
    text = f"{title}: " if title else ""
    text += (
        f"Contours of the {label} over {ranges}, from {short(finite.min())} to {short(finite.max())}, "
        f"least near ({short(x[at[1]])}, {short(y[at[0]])})."
    )
    return Drawing(figure, " ".join([text, *(_in_words(n, path, loss, label) for n, path in walks.items())]))


def _by_name(paths: Any) -> Mapping[str, Any]:
    if paths is None:
        return {}
    return paths if isinstance(paths, Mapping) else {"": paths}


def _walk(name: str, path: Any) -> np.ndarray:
    points = np.asarray(path, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(f"the path {name!r} needs two parameters a row, (k + 1, 2), but has shape {points.shape}.")
    if not np.isfinite(points).all(axis=1).any():
        raise ValueError(f"the path {name!r} has no finite point.")
    return points


def _range(axis: int, given: Range | None, walks: Mapping[str, np.ndarray]) -> Range:
    if given is not None:
        low, high = (float(end) for end in given)
        if not low < high:
            raise ValueError(f"{'xy'[axis]}_range must go up, but is ({low:g}, {high:g}).")
        return low, high
    if not walks:
        raise ValueError("without a path it takes both ranges: x_range=(-1, 1), y_range=(-1, 1).")
    values = np.concatenate([path[np.isfinite(path).all(axis=1), axis] for path in walks.values()])
    margin = 0.2 * float(values.max() - values.min()) or 1.0
    return float(values.min()) - margin, float(values.max()) + margin


def _height(loss: Callable[[np.ndarray], Any], a: float, b: float) -> float:
    height = np.asarray(loss(np.array([a, b])), dtype=float)
    if height.size != 1:
        raise ValueError(f"the loss must be one number, but loss(p) has shape {height.shape}: take its mean or sum.")
    return float(height.reshape(()))


def _draw_contours(figure: Figure, axes: Axes, xyz: tuple[Any, Any, Any], levels: np.ndarray, label: str) -> None:
    from matplotlib.colors import BoundaryNorm

    by_rank = BoundaryNorm(levels, 256)  # one shade deeper from level to level, however far apart they are
    filled = axes.contourf(*xyz, levels=levels, cmap="Blues", norm=by_rank, alpha=0.6)
    axes.contour(*xyz, levels=levels, colors="#7D93A8", linewidths=0.6)
    ticks = levels[:: (LEVELS - 1) // 5]
    bar = figure.colorbar(filled, ax=axes, label=label, ticks=ticks, spacing="uniform")
    bar.set_ticklabels([short(float(f"{level:.3g}")) for level in ticks])


def _draw_walk(axes: Axes, path: np.ndarray, colour: str, dashes: str, name: str) -> None:
    from matplotlib.patheffects import Normal, Stroke

    points = path[np.isfinite(path).all(axis=1)]
    halo = [Stroke(linewidth=3.2, foreground="white"), Normal()]
    dot = "o" if len(points) <= MOST_DOTS else ""
    x, y = points.T
    axes.plot(x, y, dashes, marker=dot, color=colour, linewidth=1.4, markersize=3, label=name, path_effects=halo)
    axes.plot(x[:1], y[:1], "o", color="white", markeredgecolor=colour, markeredgewidth=1.8, markersize=8, zorder=3)
    axes.plot(x[-1:], y[-1:], "s", color=colour, markeredgecolor="white", markersize=8, zorder=3)


def _in_words(name: str, path: np.ndarray, loss: Callable[[np.ndarray], Any], label: str) -> str:
    finite = path[np.isfinite(path).all(axis=1)]
    ends = [f"({short(p[0])}, {short(p[1])}), {label} {short(_height(loss, *p))}," for p in (finite[0], finite[-1])]
    steps = f"{len(path) - 1} step" + ("" if len(path) == 2 else "s")
    text = f"Path {name}: {steps}" if name else f"Path: {steps}"
    text += f" from {ends[0]} to {ends[1]}"
    lost = len(path) - len(finite)
    return text[:-1] + (f"; {lost} {'point is' if lost == 1 else 'points are'} not finite." if lost else ".")
