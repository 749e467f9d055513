"""The gradebook in PostgreSQL: a real server, which is restarted while a class is graded into it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from nbgrader.api import Gradebook
from sqlalchemy.engine import make_url

from autograder.classroom import database
from autograder.classroom.gradebook import Writer, knows, standings
from autograder.classroom.secret import SECRET_BYTES
from autograder.course import Course, CourseError
from tests.autograder.handed_in import RIGHT
from tests.autograder.mini import MINI
from tests.autograder.people import Person, meanwhile
from tests.autograder.rows import a_grade, points, rows
from tests.autograder.running import CUT, WRONG, a_class, anew, graded_notebooks, run
from tests.tools import needs

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own queries
CLASS = {"ada": RIGHT, "ben": "", "carl": CUT, "dora": WRONG, "eva": RIGHT}
POINTS = {"ada": (6, 8), "ben": (0, 0), "carl": (None, None), "dora": (1, 8), "eva": (6, 8)}


class Server:
    """A server in a folder of its own, which answers on a Unix socket there. Root has an ordinary user run it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._control = folder, Path(needs("postgresql"))
        self._as = []
        if os.geteuid() == 0:
            user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
            shutil.chown(folder, user)
            self._as = ["runuser", "-u", user, "--"]
        self._do("initdb", "-U", "edf", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")

    def _do(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._control.with_name(program)), "-D", str(self.folder / "data"), *arguments]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start it; it answers when this returns."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=20"
        self._do("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """End it, and all connections to it."""
        self._do("pg_ctl", "-w", "-m", "fast", "stop")

    def url(self, name: str = "postgres") -> str:
        """The address of one of its databases, for nbgrader_config.py."""
        return f"postgresql+psycopg2://edf@/{name}?host={self.folder}"

    def connect(self, name: str | None = "postgres") -> Any:
        """A connection to one of its databases, each statement a transaction."""
        connection = psycopg2.connect(host=str(self.folder), user="edf", dbname=name)
        connection.autocommit = True
        return contextlib.closing(connection)

    def make(self, name: str, template: str) -> str:
        """Make a database as a copy of another; returns its address."""
        with self.connect() as connection:
            connection.cursor().execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with an empty gradebook to copy, "empty"."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            Gradebook(server.make("empty", "template0"), "edf").close()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def course(server: Server, tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Course:
    """A class that is to be graded."""
    setting = f"c.CourseDirectory.db_url = {server.make('class', 'empty')!r}\n"
    course = a_class(tmp_path_factory.mktemp("course") / "course", new_gradebook, CLASS, setting)
    server.make("prepared", "class")
    return course


@pytest.fixture
def writable(course: Course, server: Server, tmp_path: Path) -> Course:
    """A course of its own for a test that needs no submissions, whose gradebook knows the lecture."""
    name = re.sub(r"\W", "", tmp_path.name)
    setting = f"c.CourseDirectory.db_url = {server.make(name, 'prepared')!r}\n"
    shutil.copy(course.root / "nbgrader_config.py", tmp_path)
    with (tmp_path / "nbgrader_config.py").open("a") as config:
        config.write(setting)
    return Course(tmp_path)


def test_a_class_is_graded_while_people_write_and_the_server_is_restarted(course: Course, server: Server) -> None:
    needs("bwrap")
    assert points(course) == {}
    outcome = run(course)
    assert (outcome.code, outcome.error, anew(outcome)) == (0, "", set(CLASS))
    assert points(course) == POINTS
    person, restarted = Person(course), threading.Event()

    def restart_in_the_middle(process: psutil.Process, said: str) -> bool:
        if not re.search(r"[\d.]+ s$", said, flags=re.MULTILINE):
            return False
        server.stop()
        time.sleep(1)
        server.start()
        restarted.set()
        return True

    with meanwhile(person):
        outcome = run(course, "never", "--force", "--workers", "1", told=restart_in_the_middle)
    assert restarted.is_set()
    assert (outcome.code, outcome.error, anew(outcome)) == (0, "", set(CLASS))
    assert points(course) == POINTS
    person.check()
    assert set(graded_notebooks(course)) == set(POINTS) - {"carl"}
    for student in set(POINTS) - {"carl"}:
        assert "Sigmoid" in course.notebook("feedback", MINI, student).read_text(encoding="utf-8")
    given = person.entered["ada"]
    assert standings(course, MINI)["ada"].total == 6 + given["manual"] + given["extra"] - given["penalty"]
    assert re.search(r"\bada,", (course.reports / f"{MINI}.csv").read_text())
    assert len((course.root / "workspace" / "course" / "gradebook.secret").read_bytes()) == SECRET_BYTES


def test_a_server_that_is_away_is_waited_for_and_then_said(
    writable: Course, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 1.0)
    with Writer(writable, MINI) as writer:
        writer.write("ada", a_grade(), None)
        server.stop()
        try:
            start = time.monotonic()
            with pytest.raises(CourseError, match=r"The database of the gradebook, .*, cannot be reached: connection"):
                writer.write("ada", a_grade(gate=1), None)
            assert time.monotonic() - start >= 1
            with pytest.raises(CourseError, match="cannot be reached"):
                knows(writable, MINI)
        finally:
            server.start()
        writer.write("ada", a_grade(gate=2), None)
    assert points(writable) == {"ada": (6, 2)}


@contextlib.contextmanager
def locked(server: Server, course: Course) -> Iterator[Callable[[], None]]:
    """Lock the row of somebody's notebook in a transaction that somebody left open; gives the way to end it."""
    with server.connect(make_url(course.directory().db_url).database) as connection:
        connection.autocommit = False
        connection.cursor().execute("UPDATE submitted_notebook SET late_submission_penalty = 3")
        yield connection.commit


def test_a_row_that_somebody_locks_is_waited_for(writable: Course, server: Server) -> None:
    with Writer(writable, MINI) as writer:
        writer.write("ada", a_grade(), None)
        with locked(server, writable) as commit:
            waiting = threading.Thread(target=writer.write, args=("ada", a_grade(gate=1), 0.0))
            waiting.start()
            time.sleep(0.5)
            assert waiting.is_alive()
            commit()
            waiting.join(20)
    assert points(writable) == {"ada": (6, 1)}
    assert rows(writable)["ada"]["penalty"] == 3


def test_a_row_that_stays_locked_is_said(writable: Course, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.5)
    with Writer(writable, MINI) as writer:
        writer.write("ada", a_grade(), None)
        with locked(server, writable), pytest.raises(CourseError, match="Another program keeps the gradebook locked"):
            writer.write("ada", a_grade(gate=1), 0.0)
    assert points(writable) == {"ada": (6, 8)}


def test_two_who_write_at_once_write_both(writable: Course) -> None:
    together = threading.Barrier(2)

    def write() -> None:
        with Writer(writable, MINI) as writer:
            for number in range(10):
                together.wait()
                writer.write(f"student{number}", a_grade(), None)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert points(writable) == {f"student{number}": (6, 8) for number in range(10)}


@pytest.mark.parametrize(
    ("name", "user", "said"),
    [("nowhere", "edf", 'database "nowhere" does not exist'), ("postgres", "eve", 'role "eve" does not exist')],
)
def test_what_is_wrong_with_the_address_is_said_at_once(
    writable: Course, server: Server, name: str, user: str, said: str
) -> None:
    with (writable.root / "nbgrader_config.py").open("a") as config:
        config.write(f"c.CourseDirectory.db_url = {server.url(name).replace('edf@', f'{user}:geheim@')!r}\n")
    start = time.monotonic()
    with pytest.raises(CourseError, match=rf"cannot be reached: .*{said}") as error:
        knows(Course(writable.root), MINI)
    assert "geheim" not in str(error.value)
    assert time.monotonic() - start < 10
