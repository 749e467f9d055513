"""Several write the gradebook at once: what people enter while a class is graded stays, and all grades are written."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from sqlalchemy.exc import OperationalError

from autograder.classroom.lock import alone
from autograder.course import Course
from tests.autograder.handed_in import RIGHT
from tests.autograder.mini import MINI
from tests.autograder.people import Entered, Person, meanwhile
from tests.autograder.rows import points, rows
from tests.autograder.running import WRONG, Outcome, a_class, anew, graded_notebooks, run
from tests.tools import needs

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own queries
CLASS = {"ada": RIGHT, "ben": "", "dora": WRONG, "eva": RIGHT, "fred": WRONG, "gil": RIGHT}
POINTS = {"ada": (6, 8), "ben": (0, 0), "dora": (1, 8), "eva": (6, 8), "fred": (1, 8), "gil": (6, 8)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Course:
    """A class that was graded."""
    needs("bwrap")
    course = a_class(tmp_path_factory.mktemp("course") / "course", new_gradebook, CLASS)
    assert run(course).code == 0
    assert points(course) == POINTS
    return course


class Locker:
    """Keeps the gradebook locked for most of the time."""

    def __init__(self, course: Course) -> None:
        self.path, self.times = course.root / "workspace" / "course" / "gradebook.db", 0

    def __call__(self) -> None:
        with contextlib.closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(0.7)
            database.execute("COMMIT")
        self.times += 1
        time.sleep(0.3)


def test_all_that_people_enter_while_a_class_is_graded_stays(graded: Course) -> None:
    person, locker, enrolled = Person(graded), Locker(graded), []

    def enrol() -> None:
        with contextlib.suppress(OperationalError), Gradebook(graded.directory().db_url) as gradebook:
            name = f"new{len(enrolled)}"
            gradebook.update_or_create_student(name, first_name=name.title())
            enrolled.append(name)
        time.sleep(0.2)

    with meanwhile(person, locker, enrol):
        outcome = run(graded, "never", "--force")
    assert (outcome.code, outcome.error, anew(outcome)) == (0, "", set(CLASS))
    assert points(graded) == POINTS
    assert min(person.rounds, locker.times, len(enrolled)) >= 2
    person.check()
    with Gradebook(graded.directory().db_url) as gradebook:
        assert {gradebook.find_student(name).first_name for name in enrolled} == {name.title() for name in enrolled}


# Through formgrader


class Formgrader:
    """A Jupyter server with formgrader on a course."""

    def __init__(self, course: Course, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/formgrader/api"
        command = [
            sys.executable, "-m", "jupyter", "server", "--allow-root", "--no-browser", "--ip=127.0.0.1",
            f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=of-this-test",
            "--ServerApp.log_level=ERROR",
            "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=course.root, env=os.environ | {"JUPYTER_CONFIG_DIR": "/nowhere"})

    def ask(self, path: str, body: Entered | None = None) -> Any:
        """What it answers; with a body, that is put there."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data, method="PUT" if data else "GET")
        request.add_header("Authorization", "token of-this-test")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.fixture
def formgrader(graded: Course) -> Iterator[Formgrader]:
    """It, ready to answer."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Formgrader(graded, port)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                server.ask("status")
                break
            except OSError:
                assert time.monotonic() < until
                assert server.process.poll() is None
                time.sleep(0.2)
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def test_all_that_is_entered_in_formgrader_while_a_class_is_graded_stays(
    graded: Course, formgrader: Formgrader
) -> None:
    entered: dict[str, Entered] = {}
    rounds = [0]

    def enter() -> None:
        rounds[0] += 1
        for submission in formgrader.ask(f"submitted_notebooks/{MINI}/{MINI}"):
            grades = formgrader.ask(f"grades?submission_id={submission['id']}")
            comments = formgrader.ask(f"comments?submission_id={submission['id']}")
            grade = next(g for g in grades if g["name"] == "sigmoid-hand-in")
            comment = next(c for c in comments if c["name"] == "gate")
            marks = {"manual_score": rounds[0] / 4, "extra_credit": rounds[0] / 8}
            formgrader.ask(f"grade/{grade['id']}", marks)
            formgrader.ask(f"comment/{comment['id']}", {"manual_comment": f"round {rounds[0]}"})
            entered[submission["student"]] = marks | {"comment": f"round {rounds[0]}"}

    with meanwhile(enter):
        outcome = run(graded, "never", "--force")
    assert (outcome.code, outcome.error, anew(outcome)) == (0, "", set(CLASS))
    assert points(graded) == POINTS
    assert rounds[0] >= 2
    assert set(entered) == set(CLASS)
    found = rows(graded)
    for student, said in entered.items():
        assert found[student]["grades"]["sigmoid-hand-in"][1:3] == (said["manual_score"], said["extra_credit"])
        assert found[student]["comments"]["gate"][1] == said["comment"]


# Two who grade


def test_a_second_grader_is_refused_in_a_sentence(graded: Course) -> None:
    with alone(graded, MINI):
        outcome = run(graded, "never", "--force")
    assert (outcome.code, anew(outcome)) == (1, set())
    assert outcome.error.startswith(f"Error: Somebody is grading {MINI} already (process {os.getpid()} on ")
    assert len(outcome.error.strip().splitlines()) == 1


def test_nbgrader_autograde_beside_it_gives_the_same(graded: Course) -> None:
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", "autograde", MINI, "--force"]
    with subprocess.Popen(
        command, cwd=graded.root, env=os.environ | {"PATH": path}, stderr=subprocess.PIPE
    ) as nbgrader:
        outcomes: list[Outcome] = []
        while nbgrader.poll() is None:
            outcomes.append(run(graded, "never", "--force", "--workers", "1"))
        assert nbgrader.stderr is not None
        assert nbgrader.wait() == 0, nbgrader.stderr.read().decode()
    for outcome in outcomes:  # nbgrader takes away the folder of whom it grades: then that is said
        assert outcome.code == 0 or "run the same command again" in outcome.error
    assert run(graded).code == 0
    assert points(graded) == POINTS
    assert set(graded_notebooks(graded)) == set(CLASS)
