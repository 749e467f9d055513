"""draw.curves and draw.surface: what is drawn, what is said, what is refused."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from edf_course import draw
from edf_course.draw.drawing import short, summary

FALLING = 2.0 * 0.9 ** np.arange(50)


def bowl(p):
    return p[0] ** 2 + 10 * p[1] ** 2


def lines_of(drawing):
    return drawing.figure.axes[0].get_lines()


def test_each_curve_is_drawn_with_its_name():
    drawing = draw.curves({"SGD": FALLING, "Adam": FALLING**2})
    axes = drawing.figure.axes[0]
    np.testing.assert_array_equal(lines_of(drawing)[0].get_ydata(), FALLING)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["SGD", "Adam"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss")
    styles = {(line.get_color(), line.get_linestyle()) for line in lines_of(drawing)}
    assert len(styles) == 2


def test_one_curve_needs_no_name_and_no_legend():
    assert draw.curves(FALLING).figure.axes[0].get_legend() is None


def test_the_text_says_where_curves_begin_end_and_are_least():
    text = draw.curves({"a": [3.0, 1.0, 2.0]}, x=[0, 10, 20], ylabel="error", title="T").text
    assert text == "T: One curve, error against step. a: from 3 at step 0 to 2 at 20, least 1 at 10."


def test_a_curve_that_diverged_is_drawn_as_far_as_it_goes_and_says_so():
    drawing = draw.curves([1.0, 10.0, np.inf, np.nan])
    assert np.isnan(lines_of(drawing)[0].get_ydata()[2:]).all()
    assert "2 of 4 are not finite, the first at 2." in drawing.text
    drawing.png()


@pytest.mark.parametrize(("y", "scale"), [(FALLING, "log"), ([2.0, 1.0], "linear"), (FALLING - 1, "linear")])
def test_the_scale_follows_the_numbers(y, scale):
    assert draw.curves(y).figure.axes[0].get_yscale() == scale


@pytest.mark.parametrize(("series", "x", "says"), [
    ({}, None, "there are no curves to draw"),
    ([], None, r"has shape \(0,\)"),
    (np.ones((3, 2)), None, r"a sequence of numbers, \(steps,\), but has shape \(3, 2\)"),
    ({"a": "loss"}, None, "the curve 'a' must be a sequence of numbers"),
    ({"a": [1, 2]}, [1, 2, 3], "the curve 'a' has 2 entries, but x has shape"),
])  # fmt: skip
def test_what_is_no_curve_is_an_error(series, x, says):
    with pytest.raises(ValueError, match=says):
        draw.curves(series, x=x)


def test_zero_on_a_logarithmic_scale_is_an_error():
    with pytest.raises(ValueError, match="no place for 0: set log=False"):
        draw.curves([1.0, 0.0], log=True)


@pytest.mark.parametrize("make", [
    lambda: draw.curves({"loss": FALLING}, title="A title", ylabel="mean loss (nats)"),
    lambda: draw.surface(bowl, {"GD": [(4.0, 1.5), (1.0, -3.0)]}, title="A title"),
], ids=["curves", "surface"])  # fmt: skip
def test_there_is_paper_around_all_that_is_drawn(make):
    figure = make().figure
    FigureCanvasAgg(figure).draw()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1) > 0.1


def test_a_surface_shows_every_point_of_its_paths():
    path = np.array([[4.0, 1.5], [1.0, -3.0], [0.5, 0.1]])
    drawing = draw.surface(bowl, {"GD": path}, names=("w", "b"))
    axes = drawing.figure.axes[0]
    np.testing.assert_array_equal(lines_of(drawing)[0].get_xydata(), path)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("w", "b")
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    assert x0 < 0.5
    assert x1 > 4
    assert y0 < -3
    assert y1 > 1.5
    drawing.png()


def test_the_text_of_a_surface_says_where_paths_lead():
    text = draw.surface(bowl, {"GD": [(1.0, 0.0), (0.5, 0.0)]}, x_range=(-2, 2), y_range=(-1, 1)).text
    assert "over p₁ (−2 to 2) and p₂ (−1 to 1), from 0 to 14, least near (0, 0)." in text
    assert "Path GD: 1 step from (1, 0), loss 1, to (0.5, 0), loss 0.25." in text


def test_a_path_that_overflowed_is_drawn_as_far_as_it_goes():
    drawing = draw.surface(bowl, [(1.0, 1.0), (9.0, 9.0), (np.inf, np.nan)])
    assert len(lines_of(drawing)[0].get_xydata()) == 2
    assert drawing.text.endswith("; 1 point is not finite.")


@pytest.mark.parametrize(("bad", "says"), [(1, "; 1 of 3 is not finite, the first at 2."), (2, "; 2 of 3 are not")])
def test_one_entry_that_is_not_finite_is_said_as_one(bad, says):
    assert says in draw.curves([1.0] * (3 - bad) + [np.inf] * bad).text


def test_a_surface_with_holes_and_a_flat_one_can_be_drawn():
    hole = draw.surface(lambda p: np.nan if p[0] < 0 else p[0], x_range=(-1, 1), y_range=(0, 1))
    assert "from 0 to 1" in hole.text
    hole.png()
    flat = draw.surface(lambda p: 3.0, x_range=(0, 1), y_range=(0, 1))
    assert "from 3 to 3" in flat.text
    flat.png()


@pytest.mark.parametrize(("loss", "path", "ranges", "says"), [
    (bowl, None, {}, "without a path it takes both ranges"),
    (bowl, None, {"x_range": (1, -1), "y_range": (0, 1)}, "x_range must go up"),
    (bowl, [1.0, 2.0], {}, r"two parameters a row, \(k \+ 1, 2\), but has shape \(2,\)"),
    (bowl, [(np.nan, 1.0)], {}, "has no finite point"),
    (lambda p: p, [(0, 0), (1, 1)], {}, r"one number, but loss\(p\) has shape \(2,\)"),
    (lambda p: np.nan, [(0, 0), (1, 1)], {}, "nowhere finite"),
])  # fmt: skip
def test_what_is_no_surface_is_an_error(loss, path, ranges, says):
    with pytest.raises(ValueError, match=says):
        draw.surface(loss, path, **ranges)


@pytest.mark.parametrize(("value", "text"), [
    (-0.70710678, "−0.7071"), (12, "12"), (0.0000123456, "1.23e−5"), (10031, "10031"), (1234567, "1.23e6"), (-0.0, "0"),
    (float("nan"), "nan"), (float("-inf"), "−inf"),
])  # fmt: skip
def test_numbers_are_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(("array", "text"), [
    (2.5, "2.5"), ([1.0, -2.0], "[1, −2]"), (np.ones((4, 5)), "all 1"), ([3.0, 4.0] * 4, "rms 3.536"),
    (np.arange(10), "0 to 9"), ([], "[]"), ([np.nan] + [1.0] * 9, "rms nan"),
])  # fmt: skip
def test_arrays_are_summed_up(array, text):
    assert summary(array) == text


def test_drawing_is_imported_without_matplotlib():
    code = "import sys, edf_course.draw; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
