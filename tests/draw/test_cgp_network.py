"""The Primer's pictures: what is drawn, what they say in words, and where they are shown."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.path import Path

from edf_course.draw import Drawing
from edf_course.draw.cgp_network import loss_curves, network

COLUMNS = [["xa"], ["xx"], ["xy"], ["xz"], ["xw"]]
ARCS = [("xa", "xx", ""), ("xx", "xy", "ab"), ("xa", "xy", "ac"), ("xx", "xz", "bc"), ("xx", "xw", "cd")]


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What is displayed while the backend is the notebook's."""
    displayed = []
    monkeypatch.setattr(plt, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    monkeypatch.setattr("IPython.display.display", displayed.append)
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("the notebook would show it without its text"))
    return displayed


def test_in_a_notebook_a_network_says_what_it_shows(shown):
    network(COLUMNS, ARCS, "A graph")
    (drawing,) = shown
    assert isinstance(drawing, Drawing)
    assert drawing.text == (
        "A graph. Nodes, column by column from the inputs: xa; xx; xy; xz; xw. "
        "Arcs: xa to xx, xx to xy (ab), xa to xy (ac), xx to xz (bc), xx to xw (cd)."
    )
    assert plt.get_fignums() == []  # closed, or the notebook shows it again


def test_in_a_notebook_curves_say_where_they_begin_and_end(shown):
    loss_curves({"handcrafted": [0.5, 0.25], "torch.nn": []}, 100, "Two trainings")
    (drawing,) = shown
    assert drawing.text == (
        "Two trainings: loss against iteration. handcrafted: from 0.5 at iteration 100 to 0.25 at 200. "
        "torch.nn: no finite number."
    )


def test_arcs_that_pass_columns_stay_on_the_paper():
    figure = network(COLUMNS, ARCS, "A graph")
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    frame = axes.get_window_extent()
    for arc in [note.arrow_patch for note in axes.texts if getattr(note, "arrow_patch", None)]:
        box = arc.get_window_extent()
        assert frame.y0 < box.y0
        assert box.y1 < frame.y1


def test_a_network_without_such_arcs_takes_no_room_for_them():
    layers = [["xa", "xb"], ["xc", "xd"], ["xe"]]
    arcs = [(a, b, "") for here, there in pairwise(layers) for a in here for b in there]
    height = network(layers, arcs, "Layers").get_size_inches()[1]
    assert height == pytest.approx(1 + 2 * 0.5 + 0.4)


def test_a_label_sits_on_its_arc():
    figure = network(COLUMNS, ARCS, "A graph")
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    labels = {text.get_text(): text for text in axes.texts}
    arcs = [note.arrow_patch for note in axes.texts if getattr(note, "arrow_patch", None)]
    for (_, _, label), arc in zip(ARCS, arcs, strict=True):
        if label:
            path = arc.get_transform().transform_path(arc.get_path())
            pieces = [Path(piece).interpolated(50) for piece in path.to_polygons(closed_only=False)]
            points = np.concatenate([piece.vertices for piece in pieces])
            place = axes.transData.transform(labels[label].get_position())
            assert np.linalg.norm(points - place, axis=1).min() < 6  # pixels
