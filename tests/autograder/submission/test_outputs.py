"""What a cell shows, rebuilt from what came over the wire, and how much of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from autograder.jail.jail import Jail, Limits
from autograder.jail.wire import Message
from autograder.submission.outputs import CUT, NotAnOutput, read_outputs, size_of, within
from autograder.submission.session import LEAST_OUTPUT
from autograder.submission.submission import grade
from tests.attacks.lecture import FULL, LECTURE, SECRET, code, submission
from tests.tools import needs

PNG = "iVBORw0KGgoAAAANSUhEUg=="


def rebuilt(*said: Any) -> list[dict[str, Any]]:
    """What is made of these outputs."""
    return read_outputs(Message("ran", {"outputs": list(said)}))


def test_text_and_pictures_are_kept_and_nothing_else() -> None:
    data = {"text/plain": "x", "image/png": PNG, "text/html": "<script>", "image/svg+xml": "<svg/>"}
    display, value = rebuilt(
        {"output_type": "display_data", "data": data, "metadata": {"evil": 1}, "transient": {}},
        {"output_type": "execute_result", "data": {"text/plain": "1"}, "execution_count": 5},
    )
    assert display == {
        "output_type": "display_data", "data": {"text/plain": "x", "image/png": PNG}, "metadata": {},
    }  # fmt: skip
    assert value["execution_count"] is None


@pytest.mark.parametrize("picture", ["PHN2Zz4=", '"><script>', "iVBORw0KGgo'", 7, None])
def test_what_is_no_picture_is_left_out(picture: Any) -> None:
    (found,) = rebuilt({"output_type": "display_data", "data": {"image/png": picture}})
    assert found["data"] == {"text/plain": ""}


def test_control_characters_do_not_get_through() -> None:
    error = {"output_type": "error", "ename": "E\x1b[31m", "evalue": "\x07\ud83d", "traceback": ["\x9b2J"]}
    stream = {"output_type": "stream", "name": "stderr", "text": "\x1b]0;title\x07"}
    assert "".join(json.dumps(rebuilt(error, stream), ensure_ascii=False)).isprintable()


@pytest.mark.parametrize(
    "said",
    [
        None, 7, [], {}, {"output_type": "stream"}, {"output_type": "stream", "name": "stdin", "text": ""},
        {"output_type": "stream", "name": "stdout", "text": ["x"]}, {"output_type": "error", "traceback": "x"},
        {"output_type": "error", "ename": "E", "evalue": 1, "traceback": []}, {"output_type": "update_display_data"},
        {"output_type": "display_data", "data": []}, {"output_type": "display_data", "data": {"text/plain": 1}},
    ],
)  # fmt: skip
def test_what_is_no_output_is_refused(said: Any) -> None:
    with pytest.raises(NotAnOutput):
        rebuilt(said)


def test_of_too_much_the_first_is_kept_and_errors_always() -> None:
    texts: list[dict[str, Any]] = [{"output_type": "stream", "name": "stdout", "text": c * 400} for c in "abc"]
    error = {"output_type": "error", "ename": "E", "evalue": "x" * 2000, "traceback": []}
    kept = within([*texts, error, texts[0]], 1000)
    assert [o.get("text", o.get("ename")) for o in kept] == ["a" * 400, "b" * 400, CUT["text"], "E"]
    assert size_of(within(texts, 10_000)) == size_of(texts)


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    """A jail that keeps little."""
    needs("bwrap")
    with Jail(Limits(cell_output=16_000, notebook_output=30_000)) as made:
        yield made


@pytest.mark.parametrize("noise", ["print('x' * 10**6)", "print('é' * 10**6)", "for i in range(10**5): print(i)"])
def test_what_a_cell_prints_is_cut_and_that_is_said(jail: Jail, noise: str) -> None:
    result = grade(submission(between=noise), LECTURE, SECRET, jail)
    assert tuple(e.points for e in result.exercises) == FULL
    cell = next(c for c in json.loads(result.notebook)["cells"] if "".join(c["source"]) == noise)
    assert len(json.dumps(cell["outputs"])) < 4000  # an eighth of what a cell may show is text
    assert "more than is kept" in json.dumps(cell["outputs"], ensure_ascii=False)


def test_a_small_picture_is_kept_and_a_large_one_is_not(jail: Jail) -> None:
    draw = "from IPython.display import Image, display\nimport struct\n"
    show = "display({{'image/png': 'iVBORw0KGgo' + 'A' * {}}}, raw=True)"
    result = grade(
        submission(first=draw + show.format(5000), between=draw + show.format(50_000)), LECTURE, SECRET, jail
    )
    cells = [c for c in json.loads(result.notebook)["cells"] if "display({" in "".join(c["source"])]
    assert [len(c["outputs"]) for c in cells] == [1, 0]


def test_all_cells_together_show_no_more_than_a_notebook_may(jail: Jail) -> None:
    many = json.loads(submission())
    many["cells"] += [code("print('z' * 1900)")] * 100
    result = grade(json.dumps(many).encode(), LECTURE, SECRET, jail)
    assert tuple(e.points for e in result.exercises) == FULL
    shown = ["".join(o.get("text", "")) for c in json.loads(result.notebook)["cells"] for o in c.get("outputs", [])]
    assert "z" * 1900 in "".join(shown)
    assert "".join(shown).count("z") < 30_000 + 100 * LEAST_OUTPUT / 8
