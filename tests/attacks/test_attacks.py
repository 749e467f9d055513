"""What a submission may try: it gets what its code deserves, and the next one is graded as if it had not been there."""

from __future__ import annotations

import gc
import json
import os
import time
from pathlib import Path

import pytest

from autograder.jail.jail import Jail
from autograder.submission.beside import Beside
from autograder.submission.sanitise import Unreadable, read_submission
from autograder.submission.submission import SubmissionGrade, grade
from tests.attacks.catalogue import (
    ATTACKS,
    COMPLEX_STEP,
    DELEGATES,
    DIFFERENCES,
    LOOKS_FOR_LEFTOVERS,
    NONE,
    PEEKS,
    TORCH,
    UNREADABLE,
    WRITES_EVERYWHERE,
    Attack,
    backward,
)  # fmt: skip
from tests.attacks.conftest import Grader
from tests.attacks.differences import BY_DIFFERENCES
from tests.attacks.lecture import (
    FULL,
    LECTURE,
    SECRET,
    SIGMOID,
    START,
    cells,
    code,
    notebook,
    submission,
    without_an_answer,
)
from tests.attacks.roundabout import TO_THE_LIBRARY


def points(result: SubmissionGrade) -> tuple[float, ...]:
    return tuple(e.points for e in result.exercises)


def printed(result: SubmissionGrade) -> str:
    """All that the submission's cells printed or ended in."""
    outputs = [o for c in json.loads(result.notebook)["cells"] for o in c["outputs"]]
    return "\n".join("".join(o.get("text", "")) + o.get("ename", "") for o in outputs)


@pytest.mark.parametrize("attack", ATTACKS, ids=[f"{a.row} {a.name}" for a in ATTACKS])
def test_an_attack_gets_what_its_code_deserves_and_harms_nobody(graded: Grader, attack: Attack) -> None:
    result = graded(attack.content)
    assert result.ungraded == ""
    assert points(result) == attack.deserves
    assert all(e.verdict is not None or e.reason for e in result.exercises)
    bystander = graded(submission(first=LOOKS_FOR_LEFTOVERS))
    assert points(bystander) == FULL
    assert "LEFT [] None False None" in printed(bystander)


def test_nothing_that_helps_is_found_in_the_jail(graded: Grader) -> None:
    assert "FOUND []" in printed(graded(without_an_answer(first=PEEKS)))
    assert "FOUND []" in printed(graded(without_an_answer(last=PEEKS)))  # when all hand-ins were run


def test_nothing_but_an_own_tmp_can_be_written(graded: Grader) -> None:
    assert "WROTE" not in printed(graded(submission(first=WRITES_EVERYWHERE)))


@pytest.mark.parametrize("how", sorted(DELEGATES))
def test_the_library_s_node_is_recognised_and_flagged(graded: Grader, how: str) -> None:
    result = graded(submission(sigmoid=DELEGATES[how]))
    assert points(result) == (0, *FULL[1:])
    verdict = result.exercises[0].verdict
    assert verdict is not None
    assert verdict.misconception == "delegates"
    assert verdict.flagged


@pytest.mark.parametrize(
    "source",
    [
        DIFFERENCES,
        COMPLEX_STEP,
        DIFFERENCES.replace("h = 1e-6", "h = STEP") + "\nSTEP = 1e-6",
        DIFFERENCES.replace("backward(self)", "backward(self, h=1e-6)").replace("h = 1e-6", "pass"),
        DIFFERENCES.replace("h = 1e-6", "h = self.step").replace("(CompNode):", "(CompNode):\n    step = 1e-6"),
    ],
    ids=["central", "complex step", "a global step", "a default step", "a step of the class"],
)
def test_differences_are_recognised_and_flagged(graded: Grader, source: str) -> None:
    result = graded(submission(sigmoid=source))
    assert points(result) == (0, *FULL[1:])
    verdict = result.exercises[0].verdict
    assert verdict is not None
    assert verdict.misconception == "numerical"


HANDED_IN = (  # of the ways that are read in tests/autograder/provenance/test_sources.py
    "getattr", "globals", "import_module", "sys.modules", "vars", "attrgetter2", "eval3", "exec2", "type of object",
    "subclasses", "gc", "FunctionType", "pickle", "patch CompNode", "patch addgrad", "patch answering", "patch in fn",
    "patch handin", "mock", "wrap graph", "metaclass", "walrus2", "run_cell2", "push", "exec top3", "decoy in if",
    "writefile", "Out", "descriptor", "setstate", "check globals", "globals in fn", "event", "transformed away",
)  # fmt: skip


@pytest.mark.parametrize("way", HANDED_IN)
def test_a_roundabout_way_to_the_library_is_flagged(graded: Grader, way: str) -> None:
    source = TO_THE_LIBRARY[way]
    *before, answer = source if isinstance(source, list) else [source]
    result = graded(submission(sigmoid=answer, first="\n".join(before)))
    assert points(result)[0] == 0
    verdict = result.exercises[0].verdict
    assert verdict is not None
    assert verdict.misconception == "delegates"
    assert verdict.flagged


DECOY = SIGMOID.replace("1 - self.value", "2 - self.value")


@pytest.mark.parametrize("before", ["1 / 0", "import os\nos._exit(0)", "while True: pass"])
def test_a_definition_that_is_never_reached_does_not_stand_for_the_one_that_is(graded: Grader, before: str) -> None:
    made = cells(sigmoid=DIFFERENCES)
    made.insert(2, code(f"{before}\n{DECOY}"))
    result = graded(notebook(made))
    assert points(result) == (0, *FULL[1:])
    assert result.exercises[0].verdict is not None
    assert result.exercises[0].verdict.misconception == "numerical"


def test_what_is_handed_in_is_the_answer_whatever_hand_in_was_made_to_be(graded: Grader) -> None:
    mine = DIFFERENCES.replace("class Sigmoid", "class Mine")
    other = f"{mine}\nold = hand_in\nhand_in = lambda exercise, thing: old(exercise, Mine)"
    assert points(graded(submission(first=other))) == FULL
    assert points(graded(submission(first=other, sigmoid=DECOY))) == (1, *FULL[1:])
    assert points(graded(submission(last="hand_in = 5", first="del hand_in"))) == FULL


def test_differences_in_a_file_beside_the_notebook_are_flagged(jail: Jail) -> None:
    slope = "def slope(f, x, h=1e-6):\n    return (f(x + h) - f(x - h)) / (2 * h)"
    says = {"first": "from tools import slope", "sigmoid": backward(
        "self.x.addgrad(self.grad * slope(lambda x: 1 / (1 + np.exp(-x)), self.x.value))")}  # fmt: skip
    result = grade(submission(**says), LECTURE, SECRET, jail, Beside({"tools.py": slope.encode()}))
    assert points(result) == (0, *FULL[1:])
    assert result.exercises[0].verdict is not None
    assert result.exercises[0].verdict.misconception == "numerical"
    own = Beside({"mine.py": (START + SIGMOID).encode()})
    assert points(grade(submission(sigmoid="from mine import *"), LECTURE, SECRET, jail, own)) == FULL


@pytest.mark.parametrize("way", ["config", "stack", "five point", "polyfit", "cauchy", "dtype D", "self forward data",
                                 "longdouble", "decimal", "rounded"])  # fmt: skip
def test_roundabout_differences_are_flagged(graded: Grader, way: str) -> None:
    result = graded(submission(sigmoid=BY_DIFFERENCES[way]))
    assert points(result) == (0, *FULL[1:])
    verdict = result.exercises[0].verdict
    assert verdict is not None
    assert verdict.misconception == "numerical"


def test_own_numbers_through_a_patched_judge_s_end_are_judged_as_what_they_are(graded: Grader) -> None:
    """Whoever answers the probes by a derivation of his own, from wherever, has derived it."""
    patch = (
        "from edf_course.exercises import answering\nold = answering.answer\n"
        "def answer(kind, thing, probe, *more):\n"
        "    return old(kind, Mine if thing is Sigmoid else thing, probe, *more)\nimport autograder.jail.worker\n"
        "autograder.jail.worker.answer = answer\n" + SIGMOID.replace("Sigmoid", "Mine")
    )
    empty = "class Sigmoid(CompNode):\n    pass"
    assert points(graded(submission(sigmoid=empty, first=patch))) == FULL


def test_torch_is_not_there(graded: Grader) -> None:
    result = graded(submission(sigmoid=TORCH))
    assert points(result) == (0, *FULL[1:])


@pytest.mark.parametrize("what", sorted(UNREADABLE))
def test_what_is_no_notebook_ends_with_a_reason(graded: Grader, what: str) -> None:
    result = graded(UNREADABLE[what])
    assert result.ungraded.startswith(("the file is", "the notebook"))
    assert result.exercises == ()


def test_other_encodings_and_formats_are_mended(graded: Grader) -> None:
    text = submission(sigmoid=SIGMOID + "# é").decode()
    plain = json.dumps(json.loads(text), ensure_ascii=False)
    for content in (plain.encode("utf-16"), plain.encode("cp1252")):
        result = graded(content)
        assert points(result) == FULL
        assert "not in UTF-8" in result.mended[0]
    old = [c | {"input": c["source"], "language": "python"} for c in cells()]
    worksheet = {"cells": [{k: v for k, v in c.items() if k != "source"} for c in old], "metadata": {}}
    third = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [worksheet]}
    result = graded(json.dumps(third).encode())
    assert points(result) == FULL
    assert "format 3" in result.mended[0]


def test_a_kernel_that_is_not_there_does_not_matter(graded: Grader) -> None:
    assert points(graded(notebook(cells(), metadata={"kernelspec": {"name": "none-such"}}))) == FULL


def test_links_folders_and_pipes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(__file__)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"{}")
    for name in ("folder", "link", "pipe", "missing"):
        with pytest.raises(Unreadable):
            read_submission(tmp_path / name)
    assert read_submission(tmp_path / "file") == b"{}"


def test_markup_scripts_and_escapes_do_not_leave_the_jail(graded: Grader) -> None:
    evil = (
        "from IPython.display import HTML, Javascript, display\n"
        "display(HTML('<script>alert(1)</script>'), Javascript('alert(2)'))\n"
        "print('\\x1b]0;title\\x07 \\x9b2J')\nraise ValueError('\\x1b[31m red')"
    )
    result = graded(submission(between=evil))
    assert points(result) == FULL
    cells = [
        c for c in json.loads(result.notebook)["cells"] if "nbgrader" not in c["metadata"]
    ]  # the judge writes HTML
    assert {kind for c in cells for o in c["outputs"] for kind in o.get("data", {})} == {"text/plain"}
    assert "\x1b" not in printed(result)


def test_every_submission_is_asked_other_questions(jail: Jail) -> None:
    asks = "print('ASKED', self.x.value.ravel()[0])"
    source = SIGMOID.replace(
        "    def forward(self):\n", f"    def forward(self):\n        open('/tmp/x', 'a').write(repr({asks[15:-1]}))\n"
    )
    asked = set()
    for secret, extra in ((SECRET, "1"), (SECRET, "1"), (SECRET, "2"), (b"another", "1")):
        told = "print('ASKED', open('/tmp/x').read())"
        result = grade(submission(sigmoid=source, last=told, first=extra), LECTURE, secret, jail)
        asked.add(printed(result).partition("ASKED")[2])
    assert len(asked) == 3


def test_the_grader_s_memory_and_files_stay(graded: Grader) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert points(graded(without_an_answer(last="import os\nos._exit(3)"))) == NONE
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_daemon_does_not_outlive_its_submission(jail: Jail, graded: Grader) -> None:
    from tests.attacks.catalogue import DAEMON

    assert jail._process is not None
    result = graded(without_an_answer(first=DAEMON))
    assert "STARTED" not in printed(result)
    deadline = time.monotonic() + 5
    while _descendants(jail._process.pid) > 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _descendants(jail._process.pid) == 2  # bubblewrap's own init, and the warm process


def _descendants(process: int) -> int:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return len(children) + sum(_descendants(int(child)) for child in children)


def test_the_name_of_a_cell_is_no_way_in(graded: Grader) -> None:
    evil = code("1", "=cmd|' /C calc'!A0")
    evil["id"] = "../../../etc/passwd"
    assert points(graded(notebook([evil, *cells()]))) == FULL


def test_the_differences_that_check_takes_are_no_derivation(graded: Grader) -> None:
    result = graded(submission(sigmoid=TO_THE_LIBRARY["check's differences"]))
    assert points(result) == (0, *FULL[1:])
    assert result.exercises[0].verdict is not None
    assert result.exercises[0].verdict.misconception == "numerical"
