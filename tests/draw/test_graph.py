"""draw.graph: what is read from the three engines, and that the picture can be read."""

import io
import random
import re
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch
from PIL import Image

from edf_course import draw, edf
from edf_course.cgp.dag import DAG
from edf_course.draw.graph_picture import Arrangement
from edf_course.draw.reading import MOST_NODES, read
from edf_course.draw.sketch import COMPUTED, GIVEN, OUTPUT, PARAMETER
from edf_course.scalar import Value

LECTURE = ["xx=xa^2", "xy=ab*xx+ac*xa", "xz=bc*xx+xy", "xw=cd*xx+xz^3"]
PARAMETERS = {"ab": 1.0, "ac": 4.0, "bc": 2.0, "cd": 3.0}


def digit_net(forward=True):
    rng = np.random.default_rng(0)
    with edf.Graph() as graph:
        x, y = edf.Input(name="x"), edf.Input(name="y")
        packages = [edf.AffineParams(5, 4, 0), edf.AffineParams(4, 3, 1)]
        loss = edf.LogLoss(edf.Softmax(edf.MLP(packages[::-1], x)), y)
    if forward:
        x.value, y.value = rng.normal(size=(7, 5)), rng.integers(3, size=7)
        graph.forward()
        graph.backward(loss)
    return graph, loss, packages


def expression_of_30_nodes():
    rng = np.random.default_rng(0)
    xs = [Value(v) for v in (0.5, -1.2, 2.0)]
    ws = [Value(rng.normal()) for _ in range(6)]
    h1 = (xs[0] * ws[0] + xs[1] * ws[1] + xs[2] * ws[2]).tanh()
    h2 = (xs[0] * ws[3] + xs[1] * ws[4] + xs[2] * ws[5]).tanh()
    root = (h1 * h2 + h1 * xs[0]).exp() / (h2**2 + 1.0)
    root.backward()
    return root


def tangle_of_30_values(seed):
    """Any earlier values added or multiplied: many long arrows, many crossings, each value used in the end."""
    draws = random.Random(seed)
    values = [Value(float(i)) for i in range(1, 7)]
    while len(values) < 29:
        values.append(draws.choice([Value.__add__, Value.__mul__])(*draws.choices(values, k=2)))
    return [v for v in values if not any(v in other._prev for other in values)]


def lecture_graph():
    dag = DAG(LECTURE)
    values, partials = dag.partials({"xa": 0.5}, PARAMETERS)
    gradients = dag.backward(partials, {"xw": 1.0})
    return read(dag, None, values | PARAMETERS, gradients, partials)


SKETCHES = {
    "net": lambda: read(digit_net()[0]),
    "expression": lambda: read(expression_of_30_nodes()),
    "tangle": lambda: read(tangle_of_30_values(1)),
    "other tangle": lambda: read(tangle_of_30_values(2)),
    "lecture": lecture_graph,
}


@pytest.fixture(params=[(name, right) for name in SKETCHES for right in (True, False)], ids=str)
def arrangement(request):
    name, right = request.param
    return Arrangement(SKETCHES[name](), right)


def overlap(a, b):
    return min(a[2], b[2]) - max(a[0], b[0]) > 1e-9 and min(a[3], b[3]) - max(a[1], b[1]) > 1e-9


# What the picture looks like


def test_no_two_boxes_or_labels_overlap(arrangement):
    boxes = arrangement.boxes + [box for box in arrangement.label_boxes if box]
    for i, a in enumerate(boxes):
        assert not any(overlap(a, b) for b in boxes[:i])


def test_no_arrow_runs_through_a_box_that_is_not_its_own(arrangement):
    """In the gaps between layers there is nothing; inside a layer an arrow runs straight, so its segments will do."""
    for edge, path in zip(arrangement.sketch.edges, arrangement.paths, strict=True):
        for i, box in enumerate(arrangement.boxes):
            if i in (edge.source, edge.target):
                continue
            left, bottom, right, top = (end + move for end, move in zip(box, (1e-3, 1e-3, -1e-3, -1e-3), strict=True))
            for (x0, y0), (x1, y1) in pairwise(path):
                beside = max(x0, x1) < left or min(x0, x1) > right
                assert beside or max(y0, y1) < bottom or min(y0, y1) > top


def test_every_arrow_goes_from_its_operand_to_its_result_and_only_forward(arrangement):
    axis = 0 if arrangement.right else 1
    for edge, path in zip(arrangement.sketch.edges, arrangement.paths, strict=True):
        for end, node in ((path[0], edge.source), (path[-1], edge.target)):
            left, bottom, right, top = arrangement.boxes[node]
            assert left - 1e-9 <= end[0] <= right + 1e-9
            assert bottom - 1e-9 <= end[1] <= top + 1e-9
        steps = np.diff([point[axis] for point in path]) * (1 if arrangement.right else -1)
        assert (steps > -1e-9).all()


def test_arrows_that_arrive_at_one_box_arrive_apart(arrangement):
    ends = [path[-1] for path in arrangement.paths]
    assert len({(round(x, 3), round(y, 3)) for x, y in ends}) == len(ends)


@pytest.mark.parametrize("name", SKETCHES)
@pytest.mark.parametrize("right", [True, False])
def test_all_text_is_drawn_inside_its_box(name, right, monkeypatch):
    """Measured on the drawn figure: where the letters really are."""
    sketch = SKETCHES[name]()
    monkeypatch.setattr("edf_course.draw.graph_picture.read", lambda *_: sketch)
    figure = draw.graph(None, direction="right" if right else "down").figure
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    boxes = Arrangement(sketch, right).boxes
    texts = [t for t in axes.texts if t.get_text() and t.get_position()[1] > 0]
    bounds = []
    for text in texts:
        box = text.get_window_extent().transformed(axes.transData.inverted())
        bounds.append((box.x0, box.y0, box.x1, box.y1))
    labels = {edge.label for edge in sketch.edges}
    in_boxes = [b for t, b in zip(texts, bounds, strict=True) if t.get_text() not in labels or any(
        overlap(b, box) for box in boxes)]  # fmt: skip
    assert len(in_boxes) >= len(boxes)
    for x0, y0, x1, y1 in in_boxes:
        assert any(a <= x0 and b <= y0 and x1 <= c and y1 <= d for a, b, c, d in boxes)
    for i, a in enumerate(bounds):
        assert not any(overlap(a, b) for b in bounds[:i])


def test_every_node_and_every_arrow_is_drawn():
    drawing = draw.graph(expression_of_30_nodes())
    axes = drawing.figure.axes[0]
    arrows = [p for p in axes.patches if isinstance(p, FancyArrowPatch)]
    boxes = [p for p in axes.patches if not isinstance(p, FancyArrowPatch)]
    assert len(arrows) == 35
    assert len(boxes) == 30 + 3  # three in the legend
    assert [t.get_text() for t in axes.texts].count("value") == 30


def test_thirty_nodes_stay_within_a_page_and_a_half():
    width, height = draw.graph(expression_of_30_nodes()).figure.get_size_inches()
    assert width < 15
    assert height < 15


def test_the_picture_belongs_to_no_window():
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    draw.graph(expression_of_30_nodes())
    assert plt.get_fignums() == before


def test_dollars_and_underscores_are_letters():
    v = Value(1.0) + 2.0
    v.label = r"$\frac$ of a_cost"  # no formula that could be set
    drawing = draw.graph(v)
    drawing.png()
    (shown,) = [t for t in drawing.figure.axes[0].texts if "frac" in t.get_text()]
    assert (shown.get_text(), shown.get_parse_math()) == (v.label, False)


# What is read: EDF


def test_a_net_is_read_with_its_kinds_and_shapes():
    sketch = read(digit_net()[1])
    kinds = {node.title: node.kind for node in sketch.nodes}
    assert kinds["x"] == kinds["y"] == GIVEN
    assert kinds["Phi1.w"] == kinds["Phi2.b"] == PARAMETER
    assert kinds["Softmax"] == COMPUTED
    assert kinds["LogLoss"] == OUTPUT
    assert {node.title: node.detail for node in sketch.nodes}["Phi1.w"] == "5×4"
    assert len(sketch.nodes) == 11
    assert len(sketch.edges) == 10


def test_the_graph_the_loss_and_a_list_of_nodes_are_the_same_picture():
    graph, loss, _ = digit_net()
    assert draw.graph(graph).text == draw.graph(loss).text == draw.graph([loss]).text


def test_a_net_before_forward_has_shapes_of_its_parameters_and_no_values():
    graph, *_ = digit_net(forward=False)
    sketch = read(graph)
    computed = [node for node in sketch.nodes if node.kind in (COMPUTED, OUTPUT)]
    assert len(computed) == 5
    assert all(node.value is None and node.gradient is None for node in computed)
    draw.graph(graph).png()


def test_values_come_with_forward_and_gradients_with_backward():
    graph, loss, packages = digit_net()
    nodes = {node.title: node for node in read(graph).nodes}
    assert nodes["LogLoss"].value == f"mean {loss.value.mean():.4g}"
    assert nodes["LogLoss"].gradient == "all 1"
    rms = np.sqrt(np.mean(packages[0].w.grad ** 2))
    assert float(nodes["Phi1.w"].gradient.removeprefix("rms ")) == pytest.approx(rms, rel=1e-3)
    assert nodes["x"].gradient is None
    assert nodes["y"].value == "0 to 2"


def test_a_class_of_ones_own_is_drawn_with_its_name():
    class Gate(edf.CompNode):
        def __init__(self, a, b):
            super().__init__()
            self.parts = [a, b]

    with edf.Graph() as graph:
        x = edf.Input(name="x")
        Gate(edf.Sigmoid(x), x)
    sketch = read(graph)
    assert [node.title for node in sketch.nodes] == ["x", "Sigmoid", "Gate"]
    assert [(e.source, e.target) for e in sketch.edges] == [(0, 1), (1, 2), (0, 2)]


def test_names_name_nodes_and_packages():
    _, loss, packages = digit_net()
    titles = {n.title: n.detail for n in read(loss, {"hidden": packages[0], "L": loss, "_": loss.q, "q": loss.q}).nodes}
    assert "hidden.w" in titles
    assert titles["L"] == "LogLoss 7"
    assert titles["q"] == "Softmax 7×3"


def test_a_classifier_is_drawn_as_its_graph():
    assert "CrossEntropy (output" in draw.graph(edf.Classifier((4, 3, 2))).text


# What is read: Values


def test_a_product_with_itself_has_two_arrows():
    a = Value(3.0)
    sketch = read(a * a)
    assert [(e.source, e.target) for e in sketch.edges] == [(0, 1), (0, 1)]


def test_a_diamond_has_each_node_once():
    a = Value(2.0)
    b = a * 3.0
    c = a + 1.0
    d = b * c
    d.backward()
    text = draw.graph(d, names={"a": a, "b": b, "c": c, "d": d}).text
    assert text.startswith("graph of Values: 6 nodes and 6 arrows.")
    assert "a (given): value 2; gradient 15." in text
    assert "d (output, from b, c): *; value 18; gradient 1." in text


def test_labels_of_values_are_their_names():
    a = Value(2.0)
    a.label = "apples"
    assert read(a + 1.0).nodes[0].title == "apples"


def test_micrograds_own_values_are_drawn():
    engine = pytest.importorskip("micrograd.engine")
    a, b = engine.Value(2.0), engine.Value(-3.0)
    c = (a * b).relu() + a
    c.backward()
    sketch = read(c)
    assert sorted(node.value for node in sketch.nodes) == ["0", "2", "2", "−3", "−6"]
    assert len(sketch.edges) == 5


def test_a_chain_too_long_to_read_is_refused_at_once():
    v = Value(1.0)
    for _ in range(200_000):
        v = v + 1.0
    with pytest.raises(ValueError, match=f"more than {MOST_NODES} nodes"):
        draw.graph(v)


# What is read: CGP


def test_an_expression_graph_is_drawn_with_parameters_as_nodes():
    sketch = read(DAG(LECTURE))
    kinds = {node.title: node.kind for node in sketch.nodes}
    assert kinds == {
        "xa": GIVEN, "xx": COMPUTED, "ab": PARAMETER, "ac": PARAMETER, "xy": COMPUTED, "bc": PARAMETER,
        "xz": COMPUTED, "cd": PARAMETER, "xw": OUTPUT,
    }  # fmt: skip
    assert {n.title: n.detail for n in sketch.nodes}["xw"] == "cd·xx + xz³"
    assert len(sketch.edges) == 11


def test_values_gradients_and_partials_stand_where_they_belong():
    sketch = lecture_graph()
    nodes = {node.title: node for node in sketch.nodes}
    assert (nodes["xw"].value, nodes["xw"].gradient) == ("21.55", "1")
    titles = [node.title for node in sketch.nodes]
    labels = {(titles[e.source], titles[e.target]): e.label for e in sketch.edges}
    assert labels["xz", "xw"] == "22.69"  # 3 xz²
    assert labels["xx", "xw"] == "3"  # cd


def test_the_primer_is_drawn_with_the_parameters_that_it_learns():
    from edf_course.cgp import ComputationalGraphPrimer

    cgp = ComputationalGraphPrimer(expressions=LECTURE, output_vars=["xw"], dataset_size=10)
    with pytest.raises(ValueError, match=r"call parse_expressions\(\) first"):
        draw.graph(cgp)
    cgp.parse_expressions()
    cgp.vals_for_learnable_params = PARAMETERS
    assert "ab (parameter): value 1." in draw.graph(cgp).text


def test_a_value_for_no_node_is_an_error():
    with pytest.raises(ValueError, match="there is no node 'xq' in this graph; its nodes are xa, xx"):
        draw.graph(DAG(LECTURE), values={"xq": 1.0})


# In words, and for a notebook


def test_the_text_says_each_node_with_its_operands_value_and_gradient():
    text = draw.graph(digit_net()[1], title="A net").text
    assert text.startswith("A net: EDF graph: 11 nodes and 10 arrows.")
    assert re.search(r"Softmax \(computed, from Affine #2\): 7×3; value rms 0\.\d+; gradient rms \d", text)


def test_a_notebook_gets_a_png_and_its_text():
    data, metadata = draw.graph(Value(1.0) + 2.0, title='"+" & <more>')._repr_mimebundle_()
    assert data["text/plain"].startswith('"+" & <more>: graph of Values: 3 nodes and 2 arrows.')
    assert 'alt="&quot;+&quot; &amp; &lt;more&gt;: graph of Values' in data["text/html"]
    assert data["image/png"] in data["text/html"]
    assert metadata["image/png"]["alt"] == data["text/plain"]
    assert metadata["image/png"]["width"] < 500


def test_a_picture_of_thirty_nodes_is_a_small_file_that_holds_its_text():
    drawing = draw.graph(expression_of_30_nodes())
    png = drawing.png()
    assert len(png) < 200_000
    assert Image.open(io.BytesIO(png)).text["Description"] == drawing.text


# Wrong use


@pytest.mark.parametrize(("thing", "says"), [
    (3, "not an int"),
    ([], "not an empty list"),
    ([Value(1.0), 2], "not a list that holds an int"),
    (edf.Sigmoid, "not the class Sigmoid .did you forget to call it"),
    (Value, "not the class Value .did you"),
    (len, r"call it, and draw what it returns"),
    (np.ones(3), "not an array of shape"),
])  # fmt: skip
def test_what_is_no_graph_is_an_error_that_says_so(thing, says):
    with pytest.raises(TypeError, match=rf"takes an edf\.Graph, an EDF node, a Value, a CGP graph .*{says}"):
        draw.graph(thing)


def test_an_empty_graph_is_an_error():
    with pytest.raises(ValueError, match="Graph is empty: make nodes first"):
        draw.graph(edf.Graph())


def test_values_for_nodes_that_hold_theirs_are_an_error():
    with pytest.raises(TypeError, match="are for a graph of expressions"):
        draw.graph(Value(1.0), values={"a": 1})


def test_an_unknown_direction_is_an_error():
    with pytest.raises(ValueError, match="not 'up'"):
        draw.graph(Value(1.0), direction="up")
