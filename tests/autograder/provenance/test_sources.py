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
from tests.attacks.differences import BY_DIFFERENCES
from tests.attacks.lecture import GATE, SIGMOID, START
from tests.attacks.roundabout import HONEST, TO_THE_LIBRARY
from tests.autograder import right_answers
from tests.autograder.right_answers import RIGHT

FOLDER = Path(right_answers.__file__).parent
MAKING = (FOLDER.parent / "making.py").read_text()
MODULES = ("elementwise", "rows", "core", "calculus", "scalar", "optim", "styles", "unusual", "unusual_rows")


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


ATTEMPT = "Sigmoid = edf.Sigmoid"
DECOY = SIGMOID.replace("1 - self.value", "2 - self.value")


def with_unfinished(*cells: str) -> Finding | None:
    return SourceReader().inspect([START, *cells], "Sigmoid", [], frozenset(), unfinished=range(2, len(cells) + 1))


@pytest.mark.parametrize("before", ["1 / 0", "raise SystemExit", "import none_such", "class A(none_such):\n    pass"])
def test_a_definition_that_was_perhaps_never_reached_does_not_stand_for_the_one_before(before: str) -> None:
    assert with_unfinished(ATTEMPT, f"{before}\n{DECOY}") is not None


@pytest.mark.parametrize("how", ["@none_such\nclass", "class Base(none_such):\n    pass\nclass"])
def test_a_definition_that_failed_itself_does_not_stand_for_the_one_before(how: str) -> None:
    assert with_unfinished(ATTEMPT, DECOY.replace("class", how, 1)) is not None


def test_an_error_behind_the_answer_does_no_harm() -> None:
    assert with_unfinished(ATTEMPT, f"{SIGMOID}\nprint(Sigmoid.none_such)") is None
    assert with_unfinished(f"1 / 0\n{SIGMOID}") is None


SLOPE = "def slope(f, x, h=1e-6):\n    return (f(x + h) - f(x - h)) / (2 * h)\n"
BY_SLOPE = SIGMOID.replace(
    "self.grad * self.value * (1 - self.value)", "self.grad * slope(lambda x: 1 / (1 + np.exp(-x)), self.x.value)"
)
FILES = {  # how differences get out of a file beside the notebook: the files, and a cell
    "from": ({"h.py": SLOPE}, f"from h import slope\n{BY_SLOPE}"),
    "import": ({"h.py": SLOPE}, "import h\n" + BY_SLOPE.replace("slope(", "h.slope(")),
    "import as": ({"h.py": SLOPE}, "import h as tools\n" + BY_SLOPE.replace("slope(", "tools.slope(")),
    "in a folder": ({"tools/h.py": SLOPE}, "import tools.h\n" + BY_SLOPE.replace("slope(", "tools.h.slope(")),
    "in a package": ({"tools/__init__.py": SLOPE}, f"from tools import slope\n{BY_SLOPE}"),
    "by another": ({"a.py": "from b import slope", "b.py": SLOPE}, f"from a import slope\n{BY_SLOPE}"),
    "star": ({"h.py": START + SLOPE + BY_SLOPE}, "from h import *"),
    "run": ({"h.py": START + SLOPE + BY_SLOPE}, "%run h.py"),
    "exec": ({"h.py": START + SLOPE + BY_SLOPE}, "exec(open('h.py').read())"),
    "in the function": (
        {"h.py": SLOPE},
        BY_SLOPE.replace("        self.x.addgrad", "        from h import slope\n        self.x.addgrad"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", sorted(FILES))
def test_files_beside_a_notebook_are_read_with_it(way: str) -> None:
    files, cell = FILES[way]
    reader = SourceReader({name: text.encode() for name, text in files.items()})
    noisy, _ = run(SLOPE + BY_SLOPE)
    finding = reader.inspect([START, cell], "Sigmoid", noisy, frozenset())
    assert finding is not None
    assert finding.misconception == "numerical"


@pytest.mark.parametrize(
    "cell",
    [
        "from mine import *",
        "from mine import Sigmoid",
        "%run mine.py",
        "exec(open('mine.py').read())",
        "import mine\nSigmoid = mine.Sigmoid",
    ],
)
def test_an_answer_of_one_s_own_may_lie_in_a_file(cell: str) -> None:
    own = f"{START}\n{SIGMOID}\ndef compare(x):\n    return edf.Sigmoid(x)\n"
    reader = SourceReader({"mine.py": own.encode(), "broken.py": b"\xff(", "data.csv": b"1,2"})
    assert reader.inspect([START, cell], "Sigmoid", [], frozenset()) is None


def test_no_file_stands_before_the_library() -> None:
    files = {"edf_course.py": b"", "edf_course/edf.py": SIGMOID.encode(), "edf_course/__init__.py": b""}
    for cell in ("Sigmoid = edf.Sigmoid", "import edf_course.edf as e\nSigmoid = e.Sigmoid"):
        read = [START, "%%writefile edf_course.py\nedf = 1", START, cell]
        assert SourceReader(files).inspect(read, "Sigmoid", [], frozenset()) is not None


def test_a_file_that_is_too_long_to_be_read_is_said() -> None:
    files = {"h.py": SIGMOID.encode() + b"#" * 10**6}
    finding = SourceReader(files).inspect([START, "from h import Sigmoid"], "Sigmoid", [], frozenset())
    assert finding is not None
    assert "h, which cannot be read" in finding.evidence


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
    "doubles": "x = 'xxxxxxxxxx'\n" + "x = x + x\n" * 60,
    "joined": "x = 'xxxxxxxxxx'\n" + "x = ''.join([x, x, x, x])\n" * 30,
    "replaced": f"x = '{'x' * 1000}'\n" + "x = x.replace('x', x)\n" * 5,
    "perhaps": "if a:\n x = b()\n" * 12_000,
    "added up": "x = 0\n" + "x += 0.5\n" * 15_000,
    "walruses": "f((x := 1)" + ", (x := 1)" * 15_000 + ")",
    "functions inside": "def g():\n" + " def f(): global x\n" * 4000,
    "targets": "x, " * 9000 + "= f(" + "1, " * 9000 + ")",
}


@pytest.mark.parametrize("how", sorted(BUSY))
def test_no_source_keeps_the_reader_busy(how: str) -> None:
    start = time.process_time()
    found_in(BUSY[how] if "Sigmoid" in BUSY[how] else f"{SIGMOID}\n{BUSY[how]}")
    assert time.process_time() - start < 10


def test_reading_ends_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.provenance.sources.READ_SECONDS", 0.05)
    finding = found_in("def f():\n    return 1\nx = f()\n" * 5000 + SIGMOID)
    assert finding is not None
    assert "too long" in finding.evidence
