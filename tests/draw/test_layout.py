"""The layered layout: few crossings, order kept, and places that are the best that order allows."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from edf_course.draw.layout import assign_layers, layered, nearest_in_order, order_layers


def crossings(layers, links):
    place = {v: (k, i) for k, layer in enumerate(layers) for i, v in enumerate(layer)}
    spans = [(place[u], place[v]) for u, v in links]
    return sum(
        a[0] == b[0] and (a[1] - b[1]) * (c[1] - d[1]) < 0
        for i, ((*a,), (*c,)) in enumerate(spans)
        for (*b,), (*d,) in spans[:i]
    )


def test_each_node_is_right_of_what_it_is_computed_from():
    edges = [(0, 1), (1, 2), (0, 2), (3, 2)]
    layer = assign_layers(4, edges)
    assert all(layer[u] < layer[v] for u, v in edges)


def test_what_is_used_late_stands_late():
    assert assign_layers(4, [(0, 1), (1, 2), (3, 2)]) == [0, 1, 2, 1]


def test_a_circle_is_an_error():
    with pytest.raises(ValueError, match="go in a circle"):
        assign_layers(3, [(0, 1), (1, 2), (2, 1)])


def test_a_tree_that_was_shuffled_is_drawn_without_crossings():
    rng = np.random.default_rng(0)
    number = rng.permutation(31)
    links = [(int(number[i]), int(number[(i - 1) // 2])) for i in range(1, 31)]
    layers = order_layers(assign_layers(31, links), links)
    assert crossings(layers, links) == 0


def test_the_least_crossings_of_two_full_layers_are_kept():
    """Two layers of 3, all joined: 9 crossings, whatever the order."""
    links = [(a, b) for a in range(3) for b in range(3, 6)]
    assert crossings(order_layers([0] * 3 + [1] * 3, links), links) == 9


@pytest.mark.parametrize("seed", range(6))
def test_crossings_are_as_few_as_any_order_has(seed):
    """Two layers of four and nine arrows: all 24 · 24 orders tried."""
    rng = np.random.default_rng(seed)
    links = [(i // 4, 4 + i % 4) for i in rng.choice(16, size=9, replace=False).tolist()]
    orders = list(permutations(range(4)))
    least = min(crossings([a, [4 + i for i in b]], links) for a in orders for b in orders)
    assert crossings(order_layers([0] * 4 + [1] * 4, links), links) == least


def test_pooling_is_isotonic_regression():
    rng = np.random.default_rng(1)
    wanted, weights = rng.normal(size=40), rng.uniform(0.1, 3, size=40)
    np.testing.assert_allclose(nearest_in_order(wanted, weights), isotonic_regression(wanted, weights=weights).x)


def test_a_chain_is_a_straight_line():
    layout = layered([(1.0, 0.5)] * 5, [(i, i + 1) for i in range(4)], [None] * 4)
    np.testing.assert_allclose(layout.centres[:, 1], layout.centres[0, 1])


def test_a_long_arrow_between_ends_at_different_heights_has_one_level():
    edges = [(0, 1), (1, 2), (2, 3), (4, 1), (5, 1), (0, 3), (6, 3), (7, 3)]
    layout = layered([(1.0, 0.5)] * 8, edges, [None] * 8)
    bends = layout.routes[edges.index((0, 3))][1:-1]
    assert len(bends) == 2
    assert bends[0][2] == pytest.approx(bends[1][2], abs=1e-9)


def test_a_long_arrow_runs_straight_past_what_is_between():
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    layout = layered([(1.0, 0.5)] * 5, edges, [None] * 5)
    bends = {round(across, 9) for _, _, across in layout.routes[4][1:-1]}
    assert len(bends) == 1
    for _, _, across in layout.routes[4][1:-1]:
        assert all(abs(across - layout.centres[i, 1]) >= 0.25 for i in (1, 2, 3))


def test_one_box_alone_has_a_place():
    assert layered([(1.0, 0.5)], [], []).size == (1.0, 0.5)
