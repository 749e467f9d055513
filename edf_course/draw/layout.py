"""Places for boxes and arrows, in layers: every arrow goes forward, few cross, and none runs through a box.

Sugiyama, Tagawa and Toda's way (1981), in four steps: each box gets a layer; an arrow that passes over layers gets a
bend in each; the order within the layers is changed until few arrows cross; then boxes move as near to their
neighbours as those beside them allow. A label on an arrow is laid out as a small box in a layer between, so that it
covers nothing.

Two directions: "along" counts the layers, "across" runs within one. Lengths are in inches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

STARTS, SWEEPS = 8, 12  # for the order
SETTLING = 60  # for the places
BETWEEN = {"box": 0.22, "bend": 0.12}  # inches between neighbours in a layer
GAP, WIDEST_GAP, LEAN = 0.36, 1.1, 0.11  # between layers: wider where an arrow has far to go across

Size = tuple[float, float]  # along, across


class Layout(NamedTuple):
    """Centres (n, 2) of the boxes; `routes`, for each arrow the layers it touches, its ends' included, each as (where
    the layer starts, where it ends, across): inside them it runs straight along; `labels`, the centre of each arrow's
    label or None; `size`, the whole (along, across).
    """

    centres: np.ndarray
    routes: list[list[tuple[float, float, float]]]
    labels: list[tuple[float, float] | None]
    size: Size


def layered(sizes: Sequence[Size], edges: Sequence[tuple[int, int]], labels: Sequence[Size | None]) -> Layout:
    """Lay out boxes of `sizes` and arrows (from, to), each with the size of its label or None.

    Raises: ValueError where the arrows go in a circle.
    """
    step = 2 if any(label is not None for label in labels) else 1
    layer_of = [step * layer for layer in assign_layers(len(sizes), edges)]
    extents = list(sizes)
    chains = []  # for each arrow, its boxes and bends from start to end
    for (source, target), label in zip(edges, labels, strict=True):
        chain = [source]
        for layer in range(layer_of[source] + 1, layer_of[target]):
            chain.append(len(extents))
            layer_of.append(layer)
            holds_label = label is not None and layer == layer_of[target] - 1
            extents.append(label if holds_label and label is not None else (0.0, 0.0))
        chains.append([*chain, target])
    links = [(u, v) for chain in chains for u, v in pairwise(chain)]
    order = order_layers(layer_of, links)
    across = place_across(order, links, extents, len(sizes))
    straighten(across, order, extents, [chain[1:-1] for chain in chains], len(sizes))
    across -= min(across[v] - extents[v][1] / 2 for v in range(len(extents)))
    starts, ends = _place_along(order, links, extents, across)
    middle = (starts + ends) / 2
    centres = np.array([(middle[layer_of[i]], across[i]) for i in range(len(extents))])
    routes = [
        [(float(starts[layer_of[v]]), float(ends[layer_of[v]]), float(across[v])) for v in chain] for chain in chains
    ]
    spots = [
        None if label is None else (float(centres[chain[-2]][0]), float(centres[chain[-2]][1]))
        for chain, label in zip(chains, labels, strict=True)
    ]
    width = max(across[i] + extents[i][1] / 2 for i in range(len(extents)))
    return Layout(centres[: len(sizes)], routes, spots, (float(ends[-1]), float(width)))


def assign_layers(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return each node's layer: right of all it is computed from, and as near to where it is used as that allows."""
    incoming: list[list[int]] = [[] for _ in range(n)]
    outgoing: list[list[int]] = [[] for _ in range(n)]
    for source, target in edges:
        incoming[target].append(source)
        outgoing[source].append(target)
    waits_for = [len(sources) for sources in incoming]
    order = [i for i in range(n) if waits_for[i] == 0]
    layer = [0] * n
    for node in order:  # grows while it runs
        for target in outgoing[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            waits_for[target] -= 1
            if waits_for[target] == 0:
                order.append(target)
    if len(order) < n:
        raise ValueError("the arrows go in a circle, so there is no order to draw them in.")
    for node in reversed(order):  # moving right is shorter where more arrows leave than arrive
        if len(outgoing[node]) > len(incoming[node]):
            layer[node] = min(layer[target] for target in outgoing[node]) - 1
    first = min(layer, default=0)
    return [k - first for k in layer]


def order_layers(layer_of: Sequence[int], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the boxes and bends of each layer in an order with few crossings.

    Each sweep sorts every layer by the mean place of its neighbours in the layer before, then swaps neighbours where
    that helps. Tried from the order in which the nodes are computed, then from shuffled ones; the best is kept.
    """
    before: list[list[int]] = [[] for _ in layer_of]
    after: list[list[int]] = [[] for _ in layer_of]
    for u, v in links:
        after[u].append(v)
        before[v].append(u)
    start: list[list[int]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
    for v in _depth_first(len(layer_of), before):
        start[layer_of[v]].append(v)
    best, fewest = start, _all_crossings(start, after)
    rng = np.random.default_rng(0)  # the same picture every time
    for attempt in range(STARTS):
        layers = [list(rng.permutation(layer).tolist() if attempt else layer) for layer in start]
        for sweep in range(SWEEPS):
            if fewest == 0:
                return best
            _sweep(layers, before, after, forward=sweep % 2 == 0, even=sweep % 4 >= 2)
            crossings = _all_crossings(layers, after)
            if crossings < fewest:
                best, fewest = [list(layer) for layer in layers], crossings
    return best


def _sweep(
    layers: list[list[int]],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    forward: bool,
    even: bool,
) -> None:
    """Improve the order of every layer once; with `even`, neighbours are swapped too where that changes nothing."""
    for k in range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1):
        place = _places(layers[k - 1 if forward else k + 1])
        _sort_by_mean(layers[k], before if forward else after, place)
    for k in range(len(layers)):
        _swap_neighbours(layers, k, before, after, even)


def _depth_first(n: int, before: Sequence[Sequence[int]]) -> Iterator[int]:
    """Yield all nodes, operands before results and in their order: related ones come near each other."""
    seen: set[int] = set()
    has_follower = {u for sources in before for u in sources}
    for root in (v for v in range(n) if v not in has_follower):
        stack = [(root, False)]
        while stack:
            v, done = stack.pop()
            if done:
                yield v
            elif v not in seen:
                seen.add(v)
                stack.append((v, True))
                stack += [(u, False) for u in reversed(before[v])]


def _places(layer: Sequence[int]) -> dict[int, int]:
    return {v: i for i, v in enumerate(layer)}


def _sort_by_mean(layer: list[int], neighbours: Sequence[Sequence[int]], place: dict[int, int]) -> None:
    """Sort by the mean place of the neighbours; who has none keeps its own place."""
    means = {v: float(np.mean([place[u] for u in neighbours[v]])) for v in layer if neighbours[v]}
    movable = sorted(means, key=lambda v: means[v])
    rest = iter(movable)
    layer[:] = [next(rest) if v in means else v for v in layer]


def _swap_neighbours(
    layers: list[list[int]], k: int, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], even: bool
) -> None:
    left = _places(layers[k - 1]) if k > 0 else {}
    right = _places(layers[k + 1]) if k + 1 < len(layers) else {}
    layer = layers[k]
    for i in range(len(layer) - 1):
        u, v = layer[i], layer[i + 1]
        now = swapped = 0
        for neighbours, place in ((before, left), (after, right)):
            for a in (place[w] for w in neighbours[u]):
                for b in (place[w] for w in neighbours[v]):
                    now += a > b
                    swapped += a < b
        if swapped < now + even:
            layer[i], layer[i + 1] = v, u


def _all_crossings(layers: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> int:
    total = 0
    for layer, following in pairwise(layers):
        place = _places(following)
        ends = np.array([place[w] for v in layer for w in sorted(after[v], key=lambda w: place[w])])
        total += int(np.triu(ends[:, None] > ends[None, :]).sum()) if len(ends) else 0
    return total


def place_across(
    order: Sequence[Sequence[int]], links: Sequence[tuple[int, int]], extents: Sequence[Size], n_boxes: int
) -> np.ndarray:
    """Return where each box and bend stands across: near its neighbours' mean, in order, not nearer than allowed.

    Long arrows weigh more, so that they run straight. One layer at a time, the sum of squared distances is made as
    small as the order allows (exactly, see `nearest_in_order`), until nothing much moves.
    """
    neighbours: list[list[tuple[int, float]]] = [[] for _ in extents]
    for u, v in links:
        weight = (1.0, 3.0, 30.0)[(u >= n_boxes) + (v >= n_boxes)]
        neighbours[u].append((v, weight))
        neighbours[v].append((u, weight))
    across = np.zeros(len(extents))
    offsets = []
    for layer in order:
        distance = [_apart(u, v, extents, n_boxes) for u, v in pairwise(layer)]
        offsets.append(np.concatenate([[0.0], np.cumsum(distance)]))
        across[layer] = offsets[-1] - offsets[-1].mean()
    for sweep in range(SETTLING):
        for k in range(len(order)) if sweep % 2 == 0 else reversed(range(len(order))):
            layer = list(order[k])
            pulls = [sum(w for _, w in neighbours[v]) for v in layer]
            wanted = [
                sum(w * across[u] for u, w in neighbours[v]) / pull if pull else across[v]
                for v, pull in zip(layer, pulls, strict=True)
            ]
            weights = np.array([pull or 1e-3 for pull in pulls])
            across[layer] = nearest_in_order(np.array(wanted) - offsets[k], weights) + offsets[k]
    return across


def straighten(
    across: np.ndarray,
    order: Sequence[Sequence[int]],
    extents: Sequence[Size],
    bends: Sequence[Sequence[int]],
    n_boxes: int,
) -> None:
    """Bring the bends of each arrow into one line, where their neighbours leave room for it; changes `across`."""
    beside: dict[int, tuple[int | None, int | None]] = {}
    for layer in order:
        for i, v in enumerate(layer):
            beside[v] = (layer[i - 1] if i > 0 else None, layer[i + 1] if i + 1 < len(layer) else None)
    for chain in bends:
        lowest, highest = -np.inf, np.inf
        for v in chain:
            previous, following = beside[v]
            if previous is not None:
                lowest = max(lowest, across[previous] + _apart(previous, v, extents, n_boxes))
            if following is not None:
                highest = min(highest, across[following] - _apart(v, following, extents, n_boxes))
        if len(chain) > 1 and lowest <= highest:
            across[list(chain)] = np.clip(across[list(chain)].mean(), lowest, highest)


def _apart(u: int, v: int, extents: Sequence[Size], n_boxes: int) -> float:
    """Return how far the centres of two neighbours in a layer must be apart."""
    return (extents[u][1] + extents[v][1]) / 2 + BETWEEN["bend" if u >= n_boxes or v >= n_boxes else "box"]


def nearest_in_order(wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the non-decreasing sequence nearest to `wanted`, in weighted squares: pool what is out of order."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for mean, weight, count in zip(wanted, weights, [1] * len(wanted), strict=True):
        while pools and pools[-1][0] > mean:
            other, other_weight, other_count = pools.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        pools.append((mean, weight, count))
    return np.concatenate([np.full(count, mean) for mean, _, count in pools])


def _place_along(
    order: Sequence[Sequence[int]], links: Sequence[tuple[int, int]], extents: Sequence[Size], across: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where each layer starts and ends."""
    layer_of = {v: k for k, layer in enumerate(order) for v in layer}
    gaps = np.full(len(order), GAP)
    for u, v in links:
        k = layer_of[v]
        gaps[k] = min(WIDEST_GAP, max(gaps[k], GAP + LEAN * abs(across[u] - across[v])))
    thick = [max((extents[v][0] for v in layer), default=0.0) for layer in order]
    starts = np.cumsum([0.0, *(t + g for t, g in zip(thick, gaps[1:], strict=False))])[: len(order)]
    return starts, starts + thick
