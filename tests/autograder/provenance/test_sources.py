"""The source of a notebook tells how its numbers were got: everything below is read, and nothing of it run."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.exercises import exercise
from autograder.judge import ask, decide, draw_cases, seed_of
from autograder.provenance.provenance import Finding
from autograder.provenance.sources import SourceReader
from edf_course.exercises.answering import answer
from edf_course.exercises.marking import Comparison
from tests.attacks.lecture import GATE, SIGMOID, START
from tests.attacks.roundabout import BY_DIFFERENCES, HONEST, TO_THE_LIBRARY
from tests.autograder import right_answers
from tests.autograder.right_answers import RIGHT

FOLDER = Path(right_answers.__file__).parent
MAKING = (FOLDER.parent / "making.py").read_text()
MODULES = ("elementwise", "rows", "core", "calculus", "scalar", "optim", "unusual", "unusual_rows")


def written() -> Iterator[tuple[str, list[str], str]]:
    """For each right answer, in the order of RIGHT: the module, the cells before it, and the expression that it is."""
    for module in MODULES:
        source = (FOLDER / f"{module}.py").read_text()
        cells = [MAKING, "\n".join(line for line in source.split("\n") if not line.startswith("from tests."))]
        if "right_answers" in source.partition("RIGHT")[0]:
            cells.insert(1, "\n".join((FOLDER / f"{m}.py").read_text() for m in MODULES[:1]))
        for expression in _entries(ast.parse(source)):
            yield module, cells, ast.unparse(expression)


def _entries(tree: ast.Module) -> Iterator[ast.expr]:
    lists = [s.value for s in tree.body if isinstance(s, (ast.Assign, ast.AnnAssign)) and "RIGHT" in ast.unparse(s)[:6]]
    assert isinstance(lists[-1], ast.List)
    for entry in lists[-1].elts:
        if isinstance(entry, ast.Tuple):
            yield entry.elts[1]
        else:  # *(("edf.sgd", answer) for answer in (…))
            assert isinstance(entry, ast.Starred)
            assert isinstance(entry.value, ast.GeneratorExp)
            assert isinstance(entry.value.generators[0].iter, ast.Tuple)
            yield from entry.value.generators[0].iter.elts


WRITTEN = list(written())


def compared(exercise_id: str, thing: Any) -> tuple[list[Comparison], frozenset[str]]:
    """What the judge sees of an answer."""
    asked = exercise(exercise_id)
    cases = draw_cases(asked, seed_of(exercise_id))
    answers = ask(lambda probe: answer(asked.statement.kind, thing, probe, 5.0), cases)
    _, comparisons, noticed = decide(asked, cases, answers)
    return comparisons, noticed


def read(cells: list[str], exercise_id: str, comparisons: list[Comparison], noticed: frozenset[str]) -> Finding | None:
    asked = exercise(exercise_id)
    return SourceReader().inspect(
        cells, "Answer", comparisons, noticed, numerical=asked.is_numerical, allowed=asked.allowed
    )


def test_every_right_answer_is_read() -> None:
    assert len(WRITTEN) == len(RIGHT)


@pytest.mark.parametrize("number", range(len(RIGHT)), ids=[f"{i}-{e}" for i, (e, _) in enumerate(RIGHT)])
def test_no_right_answer_is_suspected(number: int) -> None:
    exercise_id, thing = RIGHT[number]
    _, cells, expression = WRITTEN[number]
    comparisons, noticed = compared(exercise_id, thing)
    assert read([*cells, f"Answer = {expression}"], exercise_id, comparisons, noticed) is None


def found_in(*cells: str, name: str = "Sigmoid", seen: Any = ((), frozenset())) -> Finding | None:
    return SourceReader().inspect([START, *cells], name, *seen)


def cells_of(source: str | list[str]) -> list[str]:
    return source if isinstance(source, list) else [source]


@pytest.mark.parametrize("way", sorted(TO_THE_LIBRARY))
def test_a_way_to_the_library_is_seen_with_its_line(way: str) -> None:
    finding = found_in(*cells_of(TO_THE_LIBRARY[way]))
    assert finding is not None
    assert len(finding.evidence) > 10


@pytest.mark.parametrize("way", sorted(BY_DIFFERENCES))
def test_differences_are_seen_by_source_and_error_together(way: str) -> None:
    finding = found_in(BY_DIFFERENCES[way], seen=(run(BY_DIFFERENCES[way])[0], frozenset()))
    assert finding is not None
    assert finding.misconception == "numerical"


@pytest.mark.parametrize("way", sorted(HONEST))
def test_honest_work_is_not_suspected_for_its_surroundings(way: str) -> None:
    cells = cells_of(HONEST[way])
    seen = run(cells[0]) if len(cells) == 1 and "%" not in cells[0] else ([], frozenset())
    assert found_in(*cells, seen=seen) is None


def run(source: str) -> tuple[list[Comparison], frozenset[str]]:
    names: dict[str, Any] = {"__name__": "a_notebook"}
    exec(START, names)
    exec(source, names)
    return compared("edf.sigmoid", names["Sigmoid"])


def test_a_later_answer_may_use_the_fallback_of_an_earlier_one() -> None:
    fallback = "Sigmoid = yours_or_library(Sigmoid, edf.Sigmoid)"
    gate = "Gate = lambda a, b: Product(a, Sigmoid(b))\n" + GATE.replace("class Gate", "class Product")
    assert found_in(SIGMOID, fallback, gate, name="Gate") is None


def test_each_cell_is_read_once_and_what_was_read_is_kept() -> None:
    reader = SourceReader()
    assert reader.inspect([START, SIGMOID], "Sigmoid", [], frozenset()) is None
    assert reader.inspect([START, SIGMOID, GATE], "Gate", [], frozenset()) is None
    assert reader.inspect([START, "Sigmoid = edf.Sigmoid"], "Sigmoid", [], frozenset()) is not None


CLASSES = "class A0: pass\n" + "".join(f"class A{i}(A{i - 1}): pass\n" for i in range(1, 3000)) + "Sigmoid = A2999"
CHAIN = "".join(f"def a{i}(): return a{i + 1}()\n" for i in range(5000)) + "Sigmoid = a0"
BUSY = {
    "magics": "%a\n" * 60_000,
    "questions": "a?\n" * 60_000,
    "shells": "x = !a\n" * 20_000,
    "sum": "x = " + "1+" * 90_000 + "1",
    "dots": "x = a" + ".b" * 90_000,
    "minus": "x = " + "-" * 100_000 + "1",
    "elif": "if a: pass\n" + "elif b: pass\n" * 14_000,
    "classes": CLASSES,
    "functions": CHAIN,
    "quotes": 'x = f"' + "{1}" * 60_000 + '"',
    "power": "x = 10**100000000\ny = 9**9**9**9",
    "stores": "x = []\n" + "x[0] = 1\n" * 15_000,
    "unions": "x: " + "a|" * 50_000 + "b = 1",
    "nothing": "\0",
}


@pytest.mark.parametrize("how", sorted(BUSY))
def test_no_source_keeps_the_reader_busy(how: str) -> None:
    start = time.process_time()
    found_in(BUSY[how] if "Sigmoid" in BUSY[how] else f"{SIGMOID}\n{BUSY[how]}")
    assert time.process_time() - start < 10
