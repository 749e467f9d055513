"""Honest work that stock nbgrader punishes keeps its points."""

from __future__ import annotations

import json

import pytest

from autograder.jail.jail import Jail
from autograder.submission.submission import grade
from tests.attacks.conftest import Grader
from tests.attacks.lecture import (
    FULL,
    GATE,
    LECTURE,
    NAMES,
    NOTHING,
    SECRET,
    SGD,
    SIGMOID,
    cells,
    code,
    notebook,
    submission,
)
from tests.tools import needs

WARNS = SIGMOID.replace(
    "    def backward(self):\n",
    "    def backward(self):\n        import logging, sys, warnings\n        warnings.warn('careful')\n"
    "        print('a log line', file=sys.stderr)\n        logging.warning('logged')\n",
)
LOOPS = SIGMOID.replace("    def backward(self):\n", "    def backward(self):\n        while True:\n            pass\n")
CRASHES = SGD.replace("    for p in parameters:\n", "    for p in parameters:\n        1 / 0\n")
ODD_ARRAYS = {  # that NumPy has, and that mean the same
    "other byte order": "{}.astype('>f8')",
    "Fortran order": "np.asfortranarray({})",
    "backwards in memory": "np.ascontiguousarray(({})[::-1, ::-1])[::-1, ::-1]",
    "read-only": "np.broadcast_to({}, self.x.value.shape)",
    "a matrix": "np.asmatrix({})",
    "long doubles": "({}).astype(np.longdouble)",
    "masked": "np.ma.masked_array({})",
}
NOT_PYTHON = "class Sigmoid(CompNode\n    pass"
SLOW = "import time\ntime.sleep(1.2)"
PLOTS = "import matplotlib.pyplot as plt\nfor i in range(5):\n    plt.figure()\n    plt.plot([1, i])\n    plt.show()"
MAGICS = "%matplotlib inline\n%timeit -n1 -r1 1 + 1\n!ls\n%%time\n1"
HANDS_IN_HIMSELF = 'hand_in("edf.sigmoid", Sigmoid)'


def points(grader: Grader, content: bytes) -> tuple[float, ...]:
    result = grader(content)
    assert result.ungraded == ""
    return tuple(e.points for e in result.exercises)


@pytest.mark.parametrize(
    "content",
    [
        submission(),
        submission(sigmoid=WARNS),
        submission(between=SLOW),
        submission(sigmoid=SIGMOID + "\n17"),
        submission(first="my_notes = 3\nmy_notes"),
        submission(between=PLOTS),
        submission(first=MAGICS),
        submission(between=HANDS_IN_HIMSELF),
        submission(last="1 / 0"),
        submission(sigmoid=SIGMOID.replace("\n", "\r\n"), gate=GATE.replace("\n", "\r\n")),
        submission().replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + submission(),
        notebook([code("import time\ntime.sleep(1000)  # a long training"), *cells()]),
        notebook(cells(), metadata={}),
        notebook([*cells(), {"cell_type": "markdown", "source": "# Notes", "metadata": {}}]),
    ],
    ids=[
        "as it should be", "warns and logs to stderr", "slow cell", "trailing number", "extra cell", "extra plots",
        "magics", "hands in himself", "one crash at the end", "Windows line ends", "Windows file",
        "byte order mark", "demonstration that is skipped", "no kernel named", "prose",
    ],
)  # fmt: skip
def test_right_work_gets_all_points(graded: Grader, content: bytes) -> None:
    assert points(graded, content) == FULL


@pytest.mark.parametrize("how", sorted(ODD_ARRAYS))
def test_a_gradient_in_an_odd_kind_of_array_is_right(graded: Grader, how: str) -> None:
    gradient = ODD_ARRAYS[how].format("self.grad * self.value * (1 - self.value)")
    content = submission(sigmoid=SIGMOID.replace("self.grad * self.value * (1 - self.value)", gradient))
    assert points(graded, content) == FULL


@pytest.mark.slow
def test_a_slow_machine_costs_nothing() -> None:
    """Stock nbgrader gives up after 4 s in which a cell says nothing."""
    needs("bwrap")
    slow = SIGMOID.replace("self.value = np.exp", "import time; time.sleep(0.1); self.value = np.exp")
    with Jail() as jail:
        result = grade(submission(first="import time\ntime.sleep(5)", sigmoid=slow), LECTURE, SECRET, jail)
    assert tuple(e.points for e in result.exercises) == FULL


@pytest.mark.parametrize(
    ("content", "first"),
    [(submission(sigmoid=LOOPS), 1.0), (submission(sigmoid=NOT_PYTHON), 0.0), (submission(sigmoid="1 / 0"), 0.0)],
    ids=["loops", "no Python", "crashes"],
)
def test_one_bad_exercise_among_right_ones_costs_only_itself(graded: Grader, content: bytes, first: float) -> None:
    assert points(graded, content) == (first, *FULL[1:])


def test_a_crash_in_an_answer_costs_only_that(graded: Grader) -> None:
    assert points(graded, submission(sgd=CRASHES)) == (FULL[0], 0, FULL[2])


def test_an_answer_that_was_moved_below_its_hand_in_is_found(graded: Grader) -> None:
    made = cells()
    made.append(made.pop(1))
    assert points(graded, notebook(made)) == FULL


def test_an_answer_that_lost_its_mark_is_found(graded: Grader) -> None:
    made = [cell | {"metadata": {}} for cell in cells()]
    result = graded(notebook(made))
    assert tuple(e.points for e in result.exercises) == FULL
    assert len(result.mended) == 3 * len(NAMES)  # the mark of each answer, check and hand-in


def test_a_deleted_answer_is_put_back_and_said(graded: Grader) -> None:
    result = graded(notebook([c for c in cells() if c["source"] != GATE]))
    assert [e.points for e in result.exercises] == [*FULL[:2], 0]
    assert [e.restored for e in result.exercises] == [False, False, True]
    assert any("gate was missing" in line for line in result.mended)


def test_a_copied_cell_does_no_harm(graded: Grader) -> None:
    made = cells()
    made[1:1] = [code(NOTHING["sigmoid"], "sigmoid"), code("# Graded when you hand in.", "sigmoid-hand-in")]
    assert points(graded, notebook(made)) == FULL


def test_outputs_are_kept_for_the_feedback(graded: Grader) -> None:
    result = graded(submission(first="print('hello')\n42"))
    outputs = json.loads(result.notebook)["cells"][1]["outputs"]
    assert [o["output_type"] for o in outputs] == ["stream", "execute_result"]
    assert "".join(outputs[1]["data"]["text/plain"]) == "42"


def test_the_same_submission_gets_the_same_verdict(graded: Grader) -> None:
    content = submission(sigmoid=SIGMOID.replace("(1 - self.value)", "(1 + self.value)"))
    one, two = graded(content), graded(content)
    assert one.exercises[0].verdict is not None
    assert two.exercises[0].verdict is not None
    assert one.exercises[0].verdict.as_json() == two.exercises[0].verdict.as_json()
