"""Whatever ends the grader, the same command goes on: each submission is graded once, and nobody is left behind."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autograder.classroom.journal import Journal
from autograder.course import Course
from tests.autograder import running
from tests.autograder.handed_in import ENDLESS, RIGHT
from tests.autograder.mini import MINI
from tests.autograder.rows import points, rows
from tests.autograder.running import CUT, WRONG, a_class, anew, as_before, copy_of, run
from tests.tools import needs

CLASS = {"ada": RIGHT, "ben": "", "carl": CUT, "dora": WRONG, "eva": RIGHT, "fred": WRONG}
POINTS = {"ada": (6, 8), "ben": (0, 0), "dora": (1, 8), "eva": (6, 8), "fred": (1, 8)}


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Course:
    """A class that is to be graded; to be copied."""
    needs("bwrap")
    return a_class(tmp_path_factory.mktemp("course") / "course", new_gradebook, CLASS)


@pytest.fixture(scope="module")
def undisturbed(handed_in: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The same class, graded in one go."""
    course = copy_of(handed_in, tmp_path_factory.mktemp("undisturbed") / "course")
    outcome = run(course)
    assert (outcome.code, outcome.error, outcome.left) == (0, "", [])
    assert anew(outcome) == set(CLASS)
    assert points(course) == POINTS | {"carl": (None, None)}
    assert set(running.graded_notebooks(course)) == set(POINTS)
    return course


ALONE = ("--workers", "1")  # starts faster

MOMENTS = [
    "before the first verdict:1", "before the gradebook:1", "in the gradebook:1", "before the notebook:2",
    "before the journal:2", "after the journal:1",
]  # fmt: skip


def test_killed_at_any_moment_it_goes_on_where_it_was(handed_in: Course, undisturbed: Course, tmp_path: Path) -> None:
    course = copy_of(handed_in, tmp_path / "course")
    done: set[str] = set()
    for moment in MOMENTS:
        outcome = run(course, moment, *ALONE)
        assert (outcome.code, outcome.left) == (-signal.SIGKILL, []), moment
        assert as_before(outcome) == done - {"carl"}, moment
        assert rows(course).items() <= rows(undisturbed).items(), moment
        done = {s for s in CLASS if Journal(course, MINI).get(s, "graded")}
    assert len(done) >= 3
    outcome = run(course, "never", *ALONE)
    assert outcome.code == 0
    assert anew(outcome) - {"carl"} == set(CLASS) - done - {"carl"}
    same(course, undisturbed)
    outcome = run(course, "never", *ALONE)
    assert as_before(outcome) == set(CLASS) - {"carl"}
    same(course, undisturbed)


def same(course: Course, undisturbed: Course) -> None:
    """Whether all is there as if nothing had happened: in the gradebook, in the notebooks, and nothing besides."""
    assert rows(course) == rows(undisturbed)
    assert running.graded_notebooks(course) == running.graded_notebooks(undisturbed)
    files = [sorted(p.relative_to(c.root) for p in c.root.rglob("*") if p.is_file()) for c in (course, undisturbed)]
    assert files[0] == files[1]
    for student in CLASS:
        for what in ("gathered", "graded", "ungraded", "penalty"):
            assert Journal(course, MINI).get(student, what) == Journal(undisturbed, MINI).get(student, what)


def test_with_another_secret_the_points_are_the_same_and_it_is_said(undisturbed: Course, tmp_path: Path) -> None:
    course = copy_of(undisturbed, tmp_path / "course")
    secret = course.root / "workspace" / "course" / "gradebook.secret"
    before = secret.read_bytes()
    secret.unlink()
    outcome = run(course, "never", "--force", *ALONE)
    assert (outcome.code, anew(outcome)) == (0, set(CLASS))
    assert f"is not the secret that {MINI} was graded with before" in " ".join(outcome.said.split())
    assert secret.read_bytes() != before
    assert rows(course) == rows(undisturbed)


SICK_CLASS = {"ada": RIGHT, "ben": ENDLESS, "dora": WRONG, "eva": RIGHT, "fred": WRONG}
SICK_POINTS = {"ada": (6, 8), "ben": (6, 8), "dora": (1, 8), "eva": (6, 8), "fred": (1, 8)}


@pytest.fixture
def sick(tmp_path: Path, new_gradebook: Path) -> Course:
    """A class with an endless submission in it."""
    needs("bwrap")
    return a_class(tmp_path / "course", new_gradebook, SICK_CLASS, "c.GradeInJail.cell_seconds = 5\n")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """An empty folder for the command's temporary files, with a short name, as sockets need it."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Path(folder)


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """The processes that grade: those which Python's fork server has forked."""
    servers = [p for p in process.children() if any("forkserver" in part for part in p.cmdline())]
    return [worker for server in servers for worker in server.children()]


def test_told_to_stop_it_does_so_at_once_and_a_killed_worker_stops_nothing(sick: Course, temporary: Path) -> None:
    done: set[str] = set()
    for number, ctrl_c in ((signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, False)):

        def told(process: psutil.Process, said: str, number: int = number, ctrl_c: bool = ctrl_c) -> bool:
            if not re.search(r"[\d.]+ s$|as before$", said, flags=re.MULTILINE) or len(workers_of(process)) < 2:
                return False
            os.killpg(os.getpgid(process.pid), number) if ctrl_c else process.send_signal(number)
            return True

        outcome = run(sick, told=told, temporary=temporary)
        assert outcome.code == (130 if ctrl_c else -number)
        assert outcome.left == []
        assert outcome.seconds < 5
        assert ("Stopped. What was graded is kept" in outcome.said) == ctrl_c
        assert "Traceback" not in outcome.error
        assert as_before(outcome) == done
        done = {s for s in SICK_CLASS if Journal(sick, MINI).get(s, "graded")}
        assert "ben" not in done
    victims: list[int] = []

    def kill_a_worker(process: psutil.Process, said: str) -> bool:
        busy = [w for w in workers_of(process) if w.children()]
        if len(busy) < 2:
            return False
        victims.append(busy[0].pid)
        busy[0].kill()
        return True

    outcome = run(sick, told=kill_a_worker, temporary=temporary)
    assert (outcome.code, outcome.left, len(victims)) == (0, [], 1)
    assert points(sick) == SICK_POINTS
    assert {s: len(rows(sick)[s]["grades"]) for s in SICK_CLASS} == dict.fromkeys(SICK_CLASS, 4)
    assert list(temporary.iterdir()) == []
