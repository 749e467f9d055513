"""Notebooks of other people's: tests with asserts in them, run in the jail and graded by nbgrader's rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import nbformat
import pytest
from nbgrader.utils import determine_grade

from autograder.jail.jail import Jail, Limits
from autograder.submission.beside import Beside
from autograder.submission.lecture import Lecture
from autograder.submission.submission import SubmissionGrade, grade
from tests.autograder.plain import (
    FULL,
    LECTURE,
    RIGHT,
    TEST,
    WRONG,
    cell,
    cells,
    code,
    marked,
    notebook,
    submission,
)
from tests.tools import needs

LIMITS = Limits(notebook_seconds=20, cell_seconds=2, grace_seconds=1, cell_output=20_000)
NOTHING = dict.fromkeys(FULL, 0.0)
Grader = Callable[..., SubmissionGrade]


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    """A real jail that withholds nothing."""
    needs("bwrap")
    with Jail(LIMITS, everything=True) as made:
        yield made


@pytest.fixture
def graded(jail: Jail) -> Grader:
    """Grades a submission."""
    return lambda content, lecture=LECTURE, **more: grade(content, lecture, b"", jail, **more)


def points_of(result: SubmissionGrade) -> dict[str, float]:
    """The points of each test cell."""
    assert result.ungraded == ""
    return {test.grade_id: test.points for test in result.tests}


def shown(result: SubmissionGrade, grade_id: str) -> list[dict[str, Any]]:
    """The outputs of one of the lecture's cells."""
    made = nbformat.reads(result.notebook, as_version=4)
    return next(c.outputs for c in made.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def one_test(test: str, points: float = 3.0) -> Lecture:
    """A lecture with one test cell."""
    answer = LECTURE.by_id["squares"]
    return Lecture("one", (answer, cell("t", "test", test, points)), ())


def of_one_test(graded: Grader, test: str, answer: str = RIGHT, points: float = 3.0) -> SubmissionGrade:
    """What came of a notebook with one test cell."""
    lecture = one_test(test, points)
    return graded(
        notebook(
            [code("import numpy as np"), *(marked(c, answer if i == 0 else None) for i, c in enumerate(lecture.cells))]
        ),
        lecture,
    )


def test_right_work_gets_all_points_and_wrong_work_what_it_deserves(graded: Grader) -> None:
    assert points_of(graded(submission())) == FULL
    assert points_of(graded(submission(WRONG))) == {**NOTHING, "squares-partial": 0.5}


def test_scores_are_those_of_nbgrader_on_the_notebook_that_comes_out(graded: Grader) -> None:
    result = graded(submission(WRONG))
    made = nbformat.reads(result.notebook, as_version=4)
    nbformat.validate(made)
    by_nbgrader = {
        c.metadata.nbgrader.grade_id: determine_grade(c)[0]
        for c in made.cells
        if c.metadata.get("nbgrader", {}).get("grade")
    }
    assert {name: by_nbgrader[name] for name in FULL} == points_of(result)
    assert set(result.scores) == set(by_nbgrader)


def test_answers_that_a_human_grades_have_no_score_unless_nothing_was_written(graded: Grader) -> None:
    assert graded(submission()).scores["why"] == 0.0
    assert graded(submission()).unanswered == ("why",)
    written = [
        marked(LECTURE.by_id["why"], "Because.") if c["cell_type"] == "markdown" and "answer" in c["source"] else c
        for c in cells()
    ]
    result = graded(notebook(written))
    assert result.scores["why"] is None
    assert "task" not in result.scores


@pytest.mark.parametrize(
    ("test", "points"),
    [
        ("squares(1)", 3.0),  # a value that is no number
        ("1", 1.0),
        ("1;", 3.0),
        ("x = 1.5\nx  # shown", 1.5),
        ("0.0", 0.0),
        ("True", 3.0),
        ("np.float64(1.0)", 3.0),  # nbgrader reads what IPython shows: np.float64(1.0)
        ("print('a word')", 3.0),
        ("import warnings\nwarnings.warn('careful')", 3.0),
        ("import sys\nprint('careful', file=sys.stderr)\n2", 2.0),
        ("await __import__('asyncio').sleep(0, 2)", 2.0),
        ("%matplotlib inline\n2", 2.0),
        ("from IPython.display import display\ndisplay(1)\n2", 2.0),
        ("raise SystemExit", 0.0),
        ("raise KeyboardInterrupt", 0.0),
        ("1 +", 0.0),
    ],
)
def test_what_a_test_shows_is_worth_what_nbgrader_says(graded: Grader, test: str, points: float) -> None:
    assert points_of(of_one_test(graded, test)) == {"t": points}


@pytest.mark.parametrize("value", ["float('nan')", "-1.0", "99", "float('inf')"])
def test_a_value_that_is_no_number_of_points_is_an_error(graded: Grader, value: str) -> None:
    result = of_one_test(graded, f"squares(1)\n{value}")
    assert points_of(result) == {"t": 0.0}
    assert "it is worth from 0 to 3 points" in shown(result, "t")[-1]["evalue"]


ENDLESS = """\
def squares(n):
    while True:
        try:
            import time
            time.sleep(9)
        except BaseException:
            pass
"""
GONE = {
    "import os\ndef squares(n):\n    os._exit(0)": "it ended its process (code 0)",
    "import ctypes\ndef squares(n):\n    ctypes.string_at(0)": "it ended in a segmentation fault",
    "import os\ndef squares(n):\n    os.closerange(3, 99)": "it ",
    ENDLESS: "2 s",
}


@pytest.mark.parametrize(("answer", "reason"), GONE.items())
def test_a_test_whose_process_is_gone_has_failed_and_says_why(graded: Grader, answer: str, reason: str) -> None:
    result = graded(submission(answer))
    assert points_of(result) == NOTHING
    (error,) = shown(result, "squares-test")
    assert error["output_type"] == "error"
    assert reason in error["evalue"]


def test_a_test_that_was_never_reached_has_failed_and_says_why(jail: Jail) -> None:
    with Jail(replace(LIMITS, notebook_seconds=1.5, cell_seconds=1), everything=True) as hasty:
        result = grade(submission(ENDLESS), LECTURE, b"", hasty)
    assert points_of(result) == NOTHING
    assert "it was not reached, because before it" in shown(result, "squares-partial")[0]["evalue"]


def test_a_test_that_passed_keeps_its_points_when_a_later_one_kills_the_process(graded: Grader) -> None:
    dies = "import os\ndef squares(n):\n    return [i * i for i in range(1, n + 1)] if n != 2 else os._exit(1)"
    assert points_of(graded(submission(dies))) == {**FULL, "squares-partial": 0.0}


def test_an_error_is_kept_however_much_was_printed_before(graded: Grader) -> None:
    noise = "def squares(n):\n    for i in range(3000):\n        display(i)\n        print('x' * 1000)\n    return None"
    result = graded(submission(noise))
    assert points_of(result)["squares-test"] == 0.0
    assert shown(result, "squares-test")[-1]["ename"] == "AssertionError"
    assert len(result.notebook) < 100_000


def test_an_error_shows_the_line_of_the_test(graded: Grader) -> None:
    error = shown(graded(submission(WRONG)), "squares-test")[-1]
    assert "    assert squares(3) == [1, 4, 9]" in error["traceback"]


def test_what_the_submission_says_of_the_tests_counts_for_nothing(graded: Grader) -> None:
    said = cells(WRONG)
    for made in said:
        mark = made["metadata"].get("nbgrader", {})
        if mark.get("grade") and made["cell_type"] == "code":
            made |= {"source": "pass", "cell_type": "markdown"}
            made["metadata"] = {"nbgrader": mark | {"points": 99, "solution": True}, "tags": ["skip-execution"]}
    result = graded(notebook(said))
    assert points_of(result) == {**NOTHING, "squares-partial": 0.5}
    assert len(result.mended) == 6  # of each test, its kind and its text
    made = nbformat.reads(result.notebook, as_version=4)
    assert next(c for c in made.cells if c.source == TEST).metadata.nbgrader == LECTURE.by_id["squares-test"].mark


def test_tests_that_are_gone_or_stand_before_their_answer_are_run_all_the_same(graded: Grader) -> None:
    names = {of.grade_id: i + 1 for i, of in enumerate(LECTURE.cells)}
    order = cells()
    moved = [order[names["squares-test"]], *(c for c in order if "squares-" not in str(c["metadata"]))]
    result = graded(notebook(moved))
    assert points_of(result) == FULL
    assert any("stood before its answer" in line for line in result.mended)
    assert sum("was missing" in line for line in result.mended) == 2


def test_one_s_own_copy_of_a_test_is_an_ordinary_cell(graded: Grader) -> None:
    twice = [*cells(WRONG), marked(LECTURE.by_id["squares-test"], "pass")]
    result = graded(notebook(twice))
    assert points_of(result)["squares-test"] == 0.0
    assert any("squares-test is there more than once" in line for line in result.mended)


EQUAL = "assert squares(3) == [1, 4, 9]"
TRICKS = {  # what a submission does, and the test that it would pass
    "blanks cells by an input transformer": (
        "get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])",
        EQUAL,
    ),
    "drops asserts by an AST transformer": (
        """\
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Drop())""",
        EQUAL,
    ),
    "patches run_cell": (
        """\
from IPython.core.interactiveshell import InteractiveShell, ExecutionResult
async def nothing(self, *a, **k):
    return ExecutionResult(None)
InteractiveShell.run_cell_async = nothing
InteractiveShell.run_cell = lambda self, *a, **k: ExecutionResult(None)
InteractiveShell.run_code = nothing
InteractiveShell.showtraceback = lambda *a, **k: None""",
        EQUAL,
    ),
    "calls the display hook": (
        """\
import sys
show = get_ipython().displayhook
def squares(n):
    show(3.0)
    sys.displayhook(3.0)
    return 0""",
        "3.0 if squares(2) == [1, 4] else 0.0",
    ),
    "replaces a function of NumPy's": (
        "import numpy as np\nnp.allclose = lambda *a, **k: True",
        "assert np.allclose(squares(2), [1, 4])",
    ),
    "replaces the code of one": (
        "import numpy.testing as t\nt.assert_array_equal.__code__ = (lambda *a, **k: None).__code__",
        "np.testing.assert_array_equal(squares(2), [1, 4])",
    ),
    "replaces a module": (
        "import sys, types\nsys.modules['math'] = types.SimpleNamespace(isclose=lambda *a: True)",
        "import math\nassert math.isclose(squares(2)[1], 4)",
    ),
    "replaces a built-in function": (
        "import builtins\nbuiltins.abs = lambda x: 0",
        "assert abs(squares(2)[1] - 4) < 1",
    ),
    "replaces all built-in functions": (
        "import builtins\n__builtins__ = {**vars(builtins), 'abs': lambda x: 0}",
        "assert abs(squares(2)[1] - 4) < 1",
    ),
    "jumps over asserts by a trace function": (
        """\
import sys
def trace(frame, event, arg):
    if 'cell of the lecture' in frame.f_code.co_filename and event == 'line' and frame.f_lineno == 1:
        frame.f_lineno = 2
    return trace
sys.settrace(trace)""",
        f"{EQUAL}\npass",
    ),
    "replaces what compiles": (
        "import builtins as b\nb.eval = b.exec = lambda *a, **k: None",
        EQUAL,
    ),
    "puts another mapping in the place of the names": (
        """\
class Names(dict):
    def __getitem__(self, name):
        return (lambda *a: [1, 4, 9]) if name == 'squares' else dict.__getitem__(self, name)
get_ipython().user_ns = Names(get_ipython().user_ns)""",
        EQUAL,
    ),
}


@pytest.mark.parametrize(("trick", "test"), TRICKS.values(), ids=TRICKS)
def test_cheap_tricks_win_nothing(graded: Grader, trick: str, test: str) -> None:
    lecture = one_test(test)
    wrong = trick if "def squares" in trick else WRONG
    tricky = [code("import numpy as np"), marked(lecture.cells[0], wrong), code(trick), marked(lecture.cells[1])]
    assert points_of(graded(notebook(tricky), lecture)) == {"t": 0.0}


@pytest.mark.parametrize("patch", ["np.allclose = lambda *a, **k: True", "import builtins\nbuiltins.abs = lambda x: 0"])
def test_each_test_finds_the_modules_as_they_were(graded: Grader, patch: str) -> None:
    answer = f"def squares(n):\n    {patch.replace(chr(10), chr(10) + '    ')}\n    return [0] * n"
    first, second = (
        cell("first", "test", "squares(2)", 0.0),
        cell("second", "test", "assert np.allclose([1], [2]) or abs(-1) == 0", 3.0),
    )
    lecture = Lecture("two", (LECTURE.by_id["squares"], first, second), ())
    made = [code("import numpy as np"), marked(lecture.cells[0], answer), marked(first), marked(second)]
    assert points_of(graded(notebook(made), lecture))["second"] == 0.0


def test_what_the_lecture_itself_puts_in_a_module_s_place_stays(graded: Grader) -> None:
    fake = cell("fake", "fixed", "import builtins\nbuiltins.input = lambda *a: '7'")
    lecture = Lecture("fake", (fake, LECTURE.by_id["squares"], cell("t", "test", "assert squares(0) == 7", 3.0)), ())
    answer = "def squares(n):\n    return int(input())"
    made = [marked(fake), marked(lecture.cells[1], answer), marked(lecture.cells[2])]
    assert points_of(graded(notebook(made), lecture)) == {"t": 3.0}


def test_a_forged_word_in_a_test_costs_that_test(graded: Grader) -> None:
    forges = """\
import gc, json, struct, threading
from autograder.jail.wire import Connection, Message
conn = next(o for o in gc.get_objects() if isinstance(o, Connection))
def squares(n):
    conn.send(Message("ran", {"cell": 4, "nonce": "", "succeeded": True, "value": None, "outputs": []}))
    return [i * i for i in range(1, n + 1)]"""
    assert points_of(graded(submission(forges))) == NOTHING


def test_other_people_s_notebooks_find_what_nbgrader_promises(graded: Grader) -> None:
    promises = """\
import os
import helper
assert os.environ['NBGRADER_EXECUTION'] == 'autograde'
assert helper.x == 7
assert open('data/a.csv').read() == '1,2'"""
    lecture = one_test(promises)
    files = Beside({"helper.py": b"x = 7", "data/a.csv": b"1,2"})
    content = notebook([marked(lecture.cells[0], RIGHT), marked(lecture.cells[1])])
    assert points_of(graded(content, lecture, beside=files)) == {"t": 3.0}


def test_files_that_the_notebook_writes_come_back_and_no_others(graded: Grader) -> None:
    writes = """\
import os
open('out.txt', 'w').write('written')
open('given.txt', 'a').write('!')
os.makedirs('deep/er'); open('deep/er/x.csv', 'w').write('1')
open('empty.txt', 'w').close()
open('big.bin', 'wb').write(b'0' * 3_000_000)
os.symlink('/etc/hostname', 'link.txt')
open('page.html', 'w').write('<script>')
open('p1.ipynb', 'w').write('{}')
open('timestamp.txt', 'w').write('x')
open('.hidden', 'w').write('x')"""
    files = Beside({"given.txt": b"given", "same.txt": b"same"}, ("huge.bin",))
    result = graded(submission(first=writes), beside=files)
    assert points_of(result) == FULL
    assert {name: len(content) for name, content in result.files.items()} == {
        "out.txt": 7, "given.txt": 6, "deep/er/x.csv": 1, "empty.txt": 0, "big.bin": 3_000_000,
    }  # fmt: skip
    assert result.files["given.txt"] == b"given!"
    assert any("huge.bin was not given" in line for line in result.notes)


def test_too_many_files_cost_the_files_and_nothing_else(graded: Grader) -> None:
    many = "for i in range(1000):\n    open(f'{i}.txt', 'w').write('x')"
    result = graded(submission(first=many), beside=Beside())
    assert points_of(result) == FULL
    assert len(result.files) <= 300
    assert any("was not all kept" in line for line in result.notes)


def test_a_hand_in_that_nobody_judges_is_no_success(graded: Grader) -> None:
    result = of_one_test(graded, "from edf_course import hand_in\nhand_in('no.such', squares)")
    assert points_of(result) == {"t": 0.0}


def test_a_notebook_in_another_language_is_refused_with_the_reason(graded: Grader) -> None:
    lecture = replace(LECTURE, kernelspec={"name": "ir", "language": "R"})
    assert graded(submission(), lecture).ungraded == "it is a notebook in R, and only Python runs in the jail"
    its_own = json.loads(submission()) | {"metadata": {"language_info": {"name": "julia"}}}
    assert "in julia" in graded(json.dumps(its_own).encode()).ungraded


def test_another_notebook_handed_in_by_mistake_is_said(graded: Grader) -> None:
    other = marked(cell("other", "answer", "x = 1"))
    assert "its marked cells are those of another notebook" in graded(notebook([other])).ungraded


def test_marks_that_were_renamed_do_not_matter_where_the_answer_is_there(graded: Grader) -> None:
    renamed = cells()
    for made in renamed:
        if "nbgrader" in made["metadata"]:
            made["metadata"]["nbgrader"]["grade_id"] = f"x{made['metadata']['nbgrader']['grade_id']}"
    assert points_of(graded(notebook(renamed))) == FULL
