"""From bytes to a grade: the cells that are run, what their names stand for, the seed, and the whole sample class."""

from __future__ import annotations

import ast
import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.classroom.lecture_files import read_lecture
from autograder.classroom.sample import make_submission
from autograder.course import Course
from autograder.exercise import Exercise
from autograder.jail.jail import Jail, JailError, Limits
from autograder.provenance.sources import SourceReader
from autograder.release.release import build_release, build_source
from autograder.submission import submission as submission_module
from autograder.submission.lecture import Lecture
from autograder.submission.sanitise import Unreadable, sanitise
from autograder.submission.submission import grade, seed_for
from edf_course.exercises import LECTURES, statement
from tests.attacks.lecture import (
    FULL,
    LECTURE,
    LIMITS,
    NOTHING,
    SECRET,
    SIGMOID,
    START,
    cells,
    code,
    notebook,
    submission,
)
from tests.autograder.mini import REPOSITORY, make_course
from tests.tools import needs

SAMPLE = REPOSITORY / "tests" / "classroom" / "04_edf"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((SAMPLE / "expected.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Course:
    """A course with lecture 04, built."""
    made = make_course(tmp_path_factory.mktemp("course"), new_gradebook)
    script = REPOSITORY / "solutions" / "04_edf.py"
    (made.solutions / script.name).write_bytes(script.read_bytes())
    build_source(made, "04_edf")
    build_release(made, "04_edf")
    return made


@pytest.fixture(scope="module")
def lecture(course: Course) -> Lecture:
    """What the instructor has of it."""
    return read_lecture("04_edf", course.notebook("source", "04_edf"), course.notebook("release", "04_edf"))


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    """A real jail, with little patience."""
    needs("bwrap")
    with Jail(Limits(cell_seconds=3, probe_seconds=2)) as made:
        yield made


def test_a_lecture_is_read_from_the_instructor_s_notebooks(lecture: Lecture) -> None:
    assert tuple(h.exercise for h in lecture.hand_ins) == LECTURES["04_edf"]
    assert [h.points for h in lecture.hand_ins] == [statement(e).points for e in LECTURES["04_edf"]]
    assert {h.name for h in lecture.hand_ins} >= {"Sigmoid", "backward_pass", "RMSNorm"}
    assert "NotImplementedError" in lecture.answers["softmax"]
    assert len(lecture.skipped) > 20
    assert {cell.role for cell in lecture.cells} == {"answer", "check", "hand_in"}
    assert lecture.kernelspec["language"] == "python"


@pytest.mark.slow
@pytest.mark.parametrize("student", sorted(EXPECTED))
def test_the_sample_class_gets_in_the_jail_what_it_deserves(
    jail: Jail, lecture: Lecture, course: Course, student: str
) -> None:
    release, source = (nbformat.read(course.notebook(step, "04_edf"), 4) for step in ("release", "source"))
    result = grade(make_submission(SAMPLE / f"{student}.py", release, source), lecture, SECRET, jail)
    expected = dict(EXPECTED[student])
    reason = expected.pop("ungraded", "")
    assert result.ungraded.startswith(reason) if reason else result.ungraded == ""
    if not reason:
        wanted = {i: expected.get(i.removeprefix("edf."), [statement(i).points])[0] for i in LECTURES["04_edf"]}
        assert {e.exercise: e.points for e in result.exercises} == wanted
        named = {e.exercise: e.verdict.misconception for e in result.exercises if e.verdict}
        for name, (_, *misconception) in expected.items():
            if misconception:
                assert named[f"edf.{name}"] == misconception[0]


def test_cells_run_in_the_submission_s_order_with_the_lecture_s_hand_ins() -> None:
    clean = sanitise(submission(first="mine = 1"), LECTURE)
    assert [s.grade_id for s in clean.steps] == [
        None, None, "sigmoid", "sigmoid-hand-in", "sgd", "sgd-hand-in", "gate", "gate-hand-in",
    ]  # fmt: skip
    assert [s.hand_in.exercise for s in clean.steps if s.hand_in] == ["edf.sigmoid", "edf.sgd", "edf.gate"]
    assert all("hand_in(" in s.source for s in clean.steps if s.hand_in)
    assert clean.mended == []


def test_what_a_submission_says_of_its_hand_ins_is_not_run() -> None:
    changed = [c | {"source": "evil()"} if "hand-in" in str(c["metadata"]) else c for c in cells()]
    assert not any("evil" in s.source for s in sanitise(notebook(changed), LECTURE).steps)


def test_what_was_mended_is_listed() -> None:
    made = [c for c in cells() if c["metadata"].get("nbgrader", {}).get("grade_id") not in ("gate", "sgd-hand-in")]
    made[2]["source"] = "check = print"
    made += [code(NOTHING["sigmoid"], "sigmoid"), {"cell_type": "code"}]  # type: ignore[list-item]
    clean = sanitise(notebook(made), LECTURE)
    said = "\n".join(clean.mended)
    for part in ("gate was missing", "sgd-hand-in was missing", "sigmoid-check was changed", "sigmoid is there more"):
        assert part in said
    assert "1 cells of no proper form" in said
    assert clean.restored == {"gate"}


def test_of_an_answer_s_copies_the_last_counts_and_of_the_lecture_s_own_cells_the_first() -> None:
    made = cells()
    clean = sanitise(notebook([*made, code(NOTHING["gate"], "gate"), made[3]]), LECTURE)
    assert [c.source for c in clean.cells if c.grade_id == "gate"] == [NOTHING["gate"]]
    assert [c.grade_id for c in clean.cells][-2:] == ["gate-hand-in", None]  # moved behind the answer; the copy
    assert "The cell gate is there more than once; the last one counts." in clean.mended
    assert "The cell sigmoid-hand-in is there more than once; the first one counts." in clean.mended


def test_cells_that_lost_their_marks_are_found_again_by_what_they_say() -> None:
    made = [c | {"metadata": {}} for c in cells()]
    clean = sanitise(notebook(made), LECTURE)
    assert [c.grade_id for c in clean.cells] == [None, *(of.grade_id for of in LECTURE.cells)]
    assert not clean.restored
    assert all("lost its mark" in line for line in clean.mended)


def test_what_is_missing_is_put_back_at_its_place() -> None:
    made = [c for c in cells() if "sgd" not in str(c["metadata"])]
    clean = sanitise(notebook(made), LECTURE)
    assert [c.grade_id for c in clean.cells] == [None, *(of.grade_id for of in LECTURE.cells)]
    assert [c.grade_id for c in clean.cells if c.restored] == ["sgd", "sgd-check", "sgd-hand-in"]


def test_half_a_character_is_no_reason_to_stop() -> None:
    clean = sanitise(notebook([code("x = '\ud83d'"), *cells()]), LECTURE)
    assert clean.cells[0].source.encode() == b"x = '?'"


def test_more_source_than_anybody_writes_is_said() -> None:
    with pytest.raises(Unreadable, match="4 million characters"):
        sanitise(notebook([code("x" * 190_000)] * 20), LECTURE)


def test_too_large_a_file_is_said_without_reading_it_as_json() -> None:
    with pytest.raises(Unreadable, match="too large: 34 MB"):
        sanitise(b" " * 34_000_000, LECTURE)


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        (SIGMOID, None),
        ("from edf_course import calculus\n" + SIGMOID, None),
        ("mine = edf.Sigmoid\n" + SIGMOID, None),
        (SIGMOID + "\nassert Sigmoid is not edf.Sigmoid", None),
        ("Sigmoid = edf.Sigmoid", "it is the library's Sigmoid"),
        ("Other = edf.Sigmoid\nSigmoid = Other", "it is the library's Sigmoid"),
        (
            "import torch\n" + SIGMOID.replace("self.grad *", "torch.no_grad() and self.grad *"),
            "backward uses torch: self.x.addgrad(torch.no_grad() and self.grad * self.value * (1 - self.value))",
        ),
        ("import torch.autograd as a\nclass Sigmoid(a.Function):\n    pass", "Sigmoid uses a: a.Function"),
        ("x = 1", "what Sigmoid is cannot be seen in the notebook's cells"),
    ],
)
def test_provenance_is_read_from_the_source(source: str, finding: str | None) -> None:
    found = SourceReader().inspect(
        [START, "%matplotlib inline", "this is no Python", source], "Sigmoid", [], frozenset()
    )
    assert (found and found.evidence) == finding


def test_reading_a_source_runs_nothing_of_it() -> None:
    evil = """\
class Meta(type):
    def __new__(*a): raise SystemExit
class Base:
    def __init_subclass__(cls): raise SystemExit
    def __set_name__(self, *a): raise SystemExit
    def __class_getitem__(cls, i): raise SystemExit
    __mro_entries__ = property(lambda self: exit())
class Sigmoid(Base, metaclass=Meta):
    part = Base
    def __getattr__(self, name): raise SystemExit
    @property
    def backward(self): raise SystemExit
Sigmoid.x = exit()
raise SystemExit
"""
    names = SourceReader().names([evil])
    assert isinstance(names["Sigmoid"], type)
    assert SourceReader().inspect([evil], "Sigmoid", [], frozenset()) is None


@pytest.mark.parametrize("deep", ["(" * 5000, "-" * 50_000 + "1", "a" + ".b" * 50_000, "1" + "+1" * 50_000, "\0"])
def test_source_that_is_too_deep_is_read_as_nothing(deep: str) -> None:
    assert SourceReader().inspect([START, deep, f"x = {deep}", SIGMOID], "Sigmoid", [], frozenset()) is None


def test_a_seed_belongs_to_the_secret_the_exercise_and_the_submission() -> None:
    seeds = {
        seed_for(secret, exercise, digest)
        for secret in (b"a" * 32, b"b" * 32)
        for exercise in ("edf.sigmoid", "edf.gate")
        for digest in (b"1" * 32, b"2" * 32)
    }
    assert len(seeds) == 8
    assert seed_for(SECRET, "edf.gate", b"1") == seed_for(SECRET, "edf.gate", b"1")


def test_without_bubblewrap_grading_refuses_and_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(JailError, match=r"bubblewrap is not here.*edf-course doctor.*--no-jail"):
        Jail().start()


def test_a_jail_that_cannot_start_says_what_bubblewrap_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(JailError, match=r"No permissions to create new namespace.*doctor"):
        Jail().start()


def test_without_a_jail_the_same_worker_runs_and_the_result_says_so() -> None:
    with Jail(LIMITS, jailed=False) as plain:
        right = grade(submission(), LECTURE, SECRET, plain)
        endless = grade(
            submission(between="while True:\n    try:\n        pass\n    except:\n        pass"), LECTURE, SECRET, plain
        )
        dead = grade(submission(between="import os\nos._exit(0)"), LECTURE, SECRET, plain)
    for result in (right, endless, dead):
        assert tuple(e.points for e in result.exercises) == FULL
        assert result.jail == "none"


def test_an_error_of_python_in_the_answer_s_cell_is_told_by_its_line_not_by_a_made_up_file(jail: Jail) -> None:
    first, *_ = grade(submission(sigmoid="class Sigmoid(CompNode):\n    x ="), LECTURE, SECRET, jail).exercises
    assert "SyntaxError" in first.reason
    assert "(line 2)" in first.reason
    assert "ipython" not in first.reason


def test_a_jail_that_is_gone_is_no_verdict(jail: Jail) -> None:
    with Jail(LIMITS) as short:
        assert short._process is not None
        short._process.kill()
        short._process.wait()
        with pytest.raises(JailError):
            grade(submission(), LECTURE, SECRET, short)


@pytest.mark.parametrize("step", ["draw_cases", "decide"])
def test_a_fault_of_the_judge_costs_that_exercise_alone_and_waits_for_a_human(
    jail: Jail, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    does = getattr(submission_module, step)

    def fails(asked: Exercise, *more: Any) -> Any:
        if asked.id == "edf.sigmoid":
            raise ValueError("no numbers today")
        return does(asked, *more)

    monkeypatch.setattr(submission_module, step, fails)
    first, *others = grade(submission(), LECTURE, SECRET, jail).exercises
    assert first.verdict is not None
    assert (first.points, first.verdict.flagged) == (0, "judge failed")
    assert "no numbers today" in first.verdict.sentence
    assert tuple(e.points for e in others) == FULL[1:]


def test_the_result_is_plain_data_for_another_machine(jail: Jail) -> None:
    import pickle

    result = grade(submission(), LECTURE, SECRET, jail)
    again = pickle.loads(pickle.dumps((result, LECTURE)))  # between our own machines, as executors do
    assert again[0].points == sum(FULL)
    assert json.loads(again[0].notebook)["nbformat"] == 4


def test_each_of_thousands_of_cells_is_parsed_once_or_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: Counter[str] = Counter()

    def counted(source: str) -> list[ast.stmt]:
        parsed[source] += 1
        return ast.parse(source).body

    monkeypatch.setattr("autograder.submission.sanitise._statements", counted)
    own = [f"a{i} = {i}  # and no answer" for i in range(1900)]
    sanitise(notebook(map(code, own)), LECTURE)
    assert 1 <= max(parsed[source] for source in own) <= 2
