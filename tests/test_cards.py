"""What a student sees: text first, tables that anyone can read, and nothing of theirs that acts."""

import re
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pytest

from edf_course import check, edf, hand_in, progress, yours_or_library
from edf_course.cards import COLOURS, COLUMNS, MARKS, ROWS, as_text, card, heat_maps, show
from tests.autograder.making import sig, unary

EVIL = "<script>alert(1)</script>"


class Tags(HTMLParser):
    """The tags, attributes and text of a piece of HTML; complains of tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def count(self, tag):
        return sum(t == tag for t, _ in self.tags)


@pytest.fixture
def shown(monkeypatch):
    """All bundles that are shown."""
    bundles = []
    monkeypatch.setattr(import_module("edf_course.progress"), "_shown", set())  # what other tests have shown
    for name in ("check", "handin", "progress"):
        module = import_module(f"edf_course.{name}")  # the package has functions of the same names
        monkeypatch.setattr(module, "show", lambda bundle, *a, **k: bundles.append(bundle))
    return bundles


def assert_harmless(bundle):
    parsed = Tags(bundle["text/html"])
    assert parsed.count("script") == 0
    assert EVIL not in bundle["text/html"]
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)


@pytest.mark.parametrize("state", MARKS)
def test_a_card_says_its_state_in_a_word_and_a_mark_not_by_colour_alone(state):
    parsed = Tags(card(state, "Sigmoid", ["first", "second"]))
    mark, word = MARKS[state]
    assert parsed.text == f"{mark} {word}: Sigmoidfirstsecond"
    assert COLOURS[state] in parsed.tags[0][1]["style"]
    assert as_text(state, "Sigmoid", ["first", "second"]) == f"{mark} {word}: Sigmoid\n  first\n  second"


def test_empty_lines_are_left_out():
    assert Tags(card("right", "T", ["", "one"])).count("p") == 2
    assert as_text("right", "T", ["", "one"]) == "✓ Right: T\n  one"


def test_titles_and_lines_are_escaped():
    parsed = Tags(card("wrong", EVIL, [EVIL, '" onmouseover="x']))
    assert parsed.count("script") == 0
    assert parsed.text.count(EVIL) == 2


def test_the_text_of_a_students_error_is_escaped(shown):
    def crashes(x):
        raise ValueError(EVIL)

    check("edf.sigmoid", unary(crashes, None))
    hand_in("edf.sigmoid", unary(crashes, None))
    assert len(shown) == 2
    for bundle in shown:
        assert EVIL in bundle["text/plain"]
        assert_harmless(bundle)


def test_the_name_of_a_students_class_is_escaped(shown):
    Evil = type(EVIL, (edf.Sigmoid,), {})
    Plain = type(EVIL, (), {"__init__": lambda self, x: None})
    check("edf.sigmoid", Evil)
    yours_or_library(Evil, edf.Sigmoid)
    hand_in("edf.sigmoid", Evil)
    check("edf.tanh", Plain)
    hand_in("edf.tanh", Plain)
    yours_or_library(Plain, type(EVIL, (), {}))
    assert len(shown) == 6
    for bundle in shown:
        assert_harmless(bundle)


def test_a_judge_that_fails_is_told_of_without_its_text_acting(shown, monkeypatch):
    def fails(exercise, thing):
        raise RuntimeError(EVIL)

    monkeypatch.setattr("edf_course.handin._find_judge", lambda: fails)
    assert hand_in("edf.sigmoid", None) == 0.0
    assert EVIL in shown[0]["text/plain"]
    assert_harmless(shown[0])


def test_names_in_a_heat_map_are_escaped():
    assert Tags(heat_maps(np.ones(2), np.zeros(2), EVIL, EVIL)).count("script") == 0


def test_a_heat_map_shows_three_tables_with_captions_and_every_number():
    got, right = np.array([[0.25, -1.0]]), np.array([[0.5, -1.0]])
    parsed = Tags(heat_maps(got, right, "x", "finite differences"))
    assert parsed.count("table") == parsed.count("caption") == 3
    assert parsed.count("figcaption") == 1
    tables, caption = parsed.text.split("Your x, ")
    assert tables == "your x0100.25-1finite differences0100.5-1difference010-0.250"  # columns 0 1, row 0, the numbers
    assert caption.startswith("what finite differences give, and the difference")


def styles(text):
    """Those of the numbers, without the empty corner of each table."""
    return [a["style"] for t, a in Tags(text).tags if t == "td" and "background" in a["style"]]


def test_what_is_off_is_framed_and_bold_so_that_it_is_seen_without_colours():
    got, right = np.array([[0.25, -1.0, np.nan]]), np.array([[0.25 + 1e-9, 1.0, 2.0]])
    yours, truth, difference = (styles(heat_maps(got, right, "x", "right"))[i : i + 3] for i in (0, 3, 6))
    for marked in (yours, difference):
        assert ["bold" in s and "2px solid" in s for s in marked] == [False, True, True]
    assert not any("bold" in s for s in truth)


def test_every_number_has_the_head_of_its_row_and_of_its_column():
    parsed = Tags(heat_maps(np.ones((2, 3)), np.zeros((2, 3)), "x", "right"))
    heads = [a["scope"] for t, a in parsed.tags if t == "th"]
    assert (heads.count("col"), heads.count("row")) == (9, 6)


def test_blue_is_negative_orange_positive_and_zero_has_no_colour():
    numbers = np.array([[-1.0, 1.0, 0.0, np.nan]])
    cells = styles(heat_maps(numbers, np.zeros((1, 4)), "x", "s"))[:4]
    assert "rgba(0,114,178,0.45)" in cells[0]
    assert "rgba(230,159,0,0.45)" in cells[1]
    assert "0.00)" in cells[2]
    assert "rgba(204,121,167,.45)" in cells[3]


def luminance(rgb):
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in np.array(rgb) / 255]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize(("text", "ground"), [((33, 33, 33), (255, 255, 255)), ((224, 224, 224), (17, 17, 17))])
def test_numbers_can_be_read_on_their_ground_in_light_and_dark(text, ground):
    everything = heat_maps(np.array([[-9.0, 9.0, np.nan, np.inf]]), np.ones((1, 4)), "x", "s")
    colours = set(re.findall(r"background-color:rgba\((\d+),(\d+),(\d+),([\d.]+)\)", everything))
    assert len(colours) >= 3
    for *rgb, alpha in colours:
        mixed = float(alpha) * np.array(rgb, dtype=float) + (1 - float(alpha)) * np.array(ground)
        bright, dark = sorted((luminance(text), luminance(mixed)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, AA


def test_large_arrays_are_cut_off_and_that_is_said():
    parsed = Tags(heat_maps(np.ones((20, 30)), np.zeros((20, 30)), "x", "s"))
    assert parsed.count("td") == 3 * (ROWS * COLUMNS + 1)
    assert "Shape (20, 30) (the first 6 rows and 8 columns of it)." in parsed.text


def test_the_first_rows_of_a_larger_array_are_said_to_be_that():
    assert "Shape (20, 30) (the first" in heat_maps(np.ones((6, 8)), np.zeros((6, 8)), "x", "right", (20, 30))


@pytest.mark.parametrize("shape", [(6, 8), (8,), (1, 1), ()])
def test_what_fits_is_shown_whole_without_a_word(shape):
    parsed = Tags(heat_maps(np.ones(shape), np.zeros(shape), "x", "s"))
    assert len(styles(heat_maps(np.ones(shape), np.zeros(shape), "x", "s"))) == 3 * int(np.prod(shape))
    assert "the first" not in parsed.text
    heads = [a["scope"] for t, a in parsed.tags if t == "th"]
    assert set(heads) == {(): set(), (8,): {"col"}}.get(shape, {"col", "row"})


def test_stacks_of_matrices_are_laid_out_row_by_row():
    parsed = Tags(heat_maps(np.ones((2, 2, 3)), np.zeros((2, 2, 3)), "x", "s"))
    assert parsed.count("tr") == 3 * (1 + 4)
    assert "Shape (2, 2, 3)" in parsed.text


@pytest.mark.parametrize("got", [np.ones(3), np.ones((2, 1)), np.ones(2, dtype=complex)])
def test_arrays_that_cannot_be_laid_beside_each_other_give_no_picture(got):
    assert heat_maps(got, np.ones(2), "x", "s") == ""


@pytest.mark.parametrize("got", [np.array([True, False]), np.array([1, 2]), np.array([1e300, -1e-300])])
def test_numbers_of_any_kind_and_size_are_shown(got):
    assert len(styles(heat_maps(got, np.ones(2), "x", "s"))) == 6


def test_outside_a_notebook_the_text_is_printed_once(capsys):
    show({"text/plain": "words", "text/html": "<p>words</p>"})
    show({"text/plain": "again", "text/html": "<p>again</p>"}, "some-id", update=True)
    assert capsys.readouterr().out == "words\n"


def test_the_html_of_progress_is_well_formed(shown):
    progress("04_edf")
    parsed = Tags(shown[0]["text/html"])
    assert parsed.count("li") == 10
    assert "Progress:" in parsed.text


def test_a_check_shows_text_and_the_picture_after_it(shown):
    check("edf.sigmoid", unary(sig, lambda x, y, g: -g * y * (1 - y)))
    html = shown[-1]["text/html"]
    assert html.index("sign turned around") < html.index("<table")
    assert "your x.grad" in html
