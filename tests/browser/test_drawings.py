"""Still pictures in a real JupyterLab: whole, in words too, and readable in both themes and on a narrow page."""

import io

import pytest
from PIL import Image

from tests.browser.lab import screenshot, violations

CELLS = {
    "EDF": """\
import numpy as np
from edf_course import draw, edf
net = edf.Classifier((64, 32, 10))
net.step(np.random.default_rng(0).random((7, 64)), np.arange(7), 0.1)
draw.graph(net, title="A digit net")""",
    "Values": """\
from edf_course.scalar import Value
a, b, c = Value(2.0), Value(-3.0), Value(10.0)
d = (a * b + c).tanh() * a
d.backward()
draw.graph(d, names=globals())""",
    "DAG": """\
from edf_course.cgp import DAG, ComputationalGraphPrimer
expressions = ["xx=xa^2", "xy=ab*xx+ac*xa", "xz=bc*xx+xy", "xw=cd*xx+xz^3"]
dag, parameters = DAG(expressions), {"ab": 1.0, "ac": 4.0, "bc": 2.0, "cd": 3.0}
values, partials = dag.partials({"xa": 0.5}, parameters)
gradients = dag.backward(partials, {"xw": 1.0})
draw.graph(dag, values=values | parameters, gradients=gradients, partials=partials)""",
    "curves": """\
t = np.arange(300)
losses = {"SGD": np.exp(-t / 90), "Adam": np.exp(-t / 20) + 0.01}
draw.curves(losses, ylabel="mean loss (nats)", title="Two optimizers")""",
    "surface": """\
path = [np.array([4.0, 1.0])]
for _ in range(25):
    path.append(path[-1] * (1 - 0.09 * np.array([2.0, 20.0])))
draw.surface(lambda p: p[0] ** 2 + 10 * p[1] ** 2, {"α = 0.09": path}, title="A ravine")""",
    "Primer": """\
%matplotlib inline
primer = ComputationalGraphPrimer(expressions=expressions)
primer.parse_expressions()
primer.display_DAG()""",
}
BEGINS = {
    "EDF": "A digit net: EDF graph: 10 nodes and 9 arrows.",
    "Values": "graph of Values: ",
    "DAG": "graph of expressions: 9 nodes and 11 arrows.",
    "curves": "Two optimizers: 2 curves, mean loss (nats) against step",
    "surface": "A ravine: Contours of the loss over p₁",
    "Primer": "The graph of the expressions. Nodes, column by column from the inputs: xa; xx; xy; xz; xw.",
}
IMAGE = ".jp-Cell-outputArea img"


@pytest.fixture
def pictures(lab, page):
    """The notebook, run, and its images by the names of the cells."""
    notebook = lab.open(page, "drawings.ipynb", list(CELLS.values()))
    notebook.run_all()
    page.wait_for_function(f"n => document.querySelectorAll('{IMAGE}').length === n", arg=len(CELLS))
    images = page.locator(IMAGE)
    yield notebook, {name: images.nth(i) for i, name in enumerate(CELLS)}
    assert page.errors == []
    page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")


def test_a_picture_is_shown_once_says_what_it_shows_and_is_dark_on_white_paper_in_both_themes(pictures, page):
    notebook, images = pictures
    for name, begin in BEGINS.items():
        assert images[name].get_attribute("alt").startswith(begin)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        notebook.theme(theme)
        page.wait_for_timeout(300)
        assert violations(page, ".jp-Cell-outputArea") == []
        for name, image in images.items():
            path = screenshot(image, f"drawing {name} {theme.split()[1]}")
            pixels = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
            width, height = pixels.size
            corners = {pixels.getpixel((x, y)) for x in (1, width - 2) for y in (1, height - 2)}
            assert corners == {(255, 255, 255)}
            assert min(low for low, _ in pixels.getextrema()) < 60
    assert page.locator(IMAGE).count() == len(CELLS)


def test_a_picture_is_whole_and_in_proportion_on_a_wide_and_on_a_narrow_page(pictures, page):
    _, images = pictures
    for width, scale in ((1280, 0.75), (640, 0.4)):
        if width < 800:
            page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(500)
        for name, image in images.items():
            box, outer = image.bounding_box(), image.locator("xpath=..").bounding_box()
            assert box["x"] + box["width"] <= outer["x"] + outer["width"] + 1
            natural = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
            assert box["width"] / box["height"] == pytest.approx(natural[0] / natural[1], rel=0.02)
            assert box["width"] > scale * natural[0] / 2  # the file has two pixels for one on the page
            screenshot(image, f"drawing {name} {width}")
