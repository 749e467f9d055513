"""The way to the gradebook's database: waits where another program has it locked, and says in words what is wrong."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from nbgrader.api import Gradebook, InvalidEntry, MissingEntry
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError

from autograder.classroom.whole import GO_ON, PART, put_where_none_is
from autograder.course import Course, CourseError

PATIENCE = 60.0  # seconds that another program may keep the gradebook locked, or its server be away

# Errors by how their names begin, in SQLite, and their codes in PostgreSQL.
LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED", "40001", "40P01", "55P03", "53300")
MADE_MEANWHILE = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_FOREIGNKEY",
                  "23505", "23503", "42P07")  # fmt: skip
DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
AWAY = ("08", "57P")
OTHER_VERSION = ("42703", "42P01")

Result = TypeVar("Result")


class Database:
    """The gradebook of a course. A context manager; opened when it is first needed."""

    def __init__(self, course: Course) -> None:
        self.directory = course.directory()
        self._gradebook: Gradebook | None = None
        self._was_there = False

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        if self._gradebook is not None:
            gradebook, self._gradebook = self._gradebook, None
            gradebook.close()

    def do(self, work: Callable[[Gradebook], Result]) -> Result:
        """Do the work in one transaction; again and again where another program has the gradebook locked.

        Raises: CourseError where that does not end, or anything else is wrong; then nothing of the work is done.
        """
        until = time.monotonic() + PATIENCE
        pause = 0.05
        while True:
            try:
                with _quiet():
                    gradebook = self._open()
                    with _one_transaction(gradebook):
                        if gradebook.engine.dialect.name == "postgresql":  # which would wait for ever
                            gradebook.db.execute(text("SET LOCAL lock_timeout = '5s'"))
                        return work(gradebook)
            except ImportError as error:
                raise CourseError(self._no_driver(error)) from error
            except MissingEntry as error:
                raise CourseError(
                    f"{error}: somebody has changed the gradebook. Run the same command again."
                ) from error
            except (SQLAlchemyError, InvalidEntry) as error:
                self.close()
                cause = _cause(error)
                if not self._passes(cause) or time.monotonic() > until:
                    raise CourseError(self._says(cause)) from error
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _open(self) -> Gradebook:
        if self._gradebook is None:
            self._make()
            self._gradebook = Gradebook(self.directory.db_url, self.directory.course_id)
            self._was_there = True
        return self._gradebook

    def _make(self) -> None:
        """Make the file of a gradebook where there is none, whole or not at all: it takes nbgrader seconds."""
        url = make_url(self.directory.db_url)
        path = Path(url.database or "")
        if url.get_backend_name() != "sqlite" or not path.is_absolute() or path.exists() or not path.parent.is_dir():
            return
        part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
        try:
            Gradebook(url.set(database=str(part)), self.directory.course_id).close()
            put_where_none_is(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _passes(self, cause: Exception) -> bool:
        """Whether it may go well the next time: somebody else was writing, or the server was away."""
        if isinstance(cause, StaleDataError):  # somebody has removed what was to be changed
            return True
        return _code(cause).startswith((*LOCKED, *MADE_MEANWHILE)) or (self._was_there and _is_away(cause))

    def _says(self, cause: Exception) -> str:
        code, what = _code(cause), _first_line(cause)
        if isinstance(cause, (ArgumentError, NoSuchModuleError)):
            return f"c.CourseDirectory.db_url in nbgrader_config.py is not the address of a database: {what}."
        where = make_url(self.directory.db_url)
        name = where.database if where.get_backend_name() == "sqlite" else where.render_as_string(hide_password=True)
        if code.startswith(LOCKED):
            return f"Another program keeps the gradebook locked ({what}). {GO_ON}"
        if code.startswith(DAMAGED):
            return (
                f"The gradebook {name} is damaged ({what}). Restore it from a backup. Without one move it away: then "
                "everybody is graded anew, but what people entered by hand is lost."
            )
        if _is_away(cause):
            return f"The database of the gradebook, {name}, cannot be reached: {what}. {GO_ON}"
        if "no such column" in what or "no such table" in what or code.startswith(OTHER_VERSION):
            return (
                f"The gradebook {name} was made by another version of nbgrader ({what}): make a copy of it, then run "
                "`nbgrader db upgrade`."
            )
        return f"The gradebook {name} cannot be used: {what}. {GO_ON}"

    def _no_driver(self, error: ImportError) -> str:
        backend = make_url(self.directory.db_url).get_backend_name()
        how = f"install {error.name}"
        if backend == "postgresql":
            how = "pip install 'edf-autograder[postgresql]', and begin its address with postgresql+psycopg2://"
        return f"The gradebook is in {backend}, for which {error.name} is missing here: {how}."


@contextmanager
def _one_transaction(gradebook: Gradebook) -> Iterator[None]:
    """Make one transaction of what nbgrader commits in many steps; and forget, afterwards, what was read for it."""
    session: Any = gradebook.db()
    commit, session.commit = session.commit, session.flush
    try:
        yield
        commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        del session.commit
        session.expunge_all()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep nbgrader from logging the traceback of what is tried again, and SQLAlchemy from warning of its queries."""
    log = logging.getLogger("tornado.application")
    before, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


def _cause(error: Exception) -> Exception:
    """What is behind nbgrader's InvalidEntry, which it makes of every error of the database."""
    behind = error.__context__
    return behind if isinstance(error, InvalidEntry) and isinstance(behind, SQLAlchemyError) else error


def _code(error: Exception) -> str:
    """SQLite's name of an error ("SQLITE_BUSY"), or PostgreSQL's code ("40001"); "" where there is none."""
    said = getattr(error, "orig", None)
    names = ("sqlite_errorname", "pgcode", "sqlstate")  # of sqlite3, psycopg2, psycopg
    return next((str(getattr(said, name)) for name in names if getattr(said, name, None)), "")


def _is_away(error: Exception) -> bool:
    """Whether the server of the database does not answer, or not any more."""
    if _code(error).startswith(AWAY):
        return True
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    said = str(getattr(error, "orig", None) or "")
    return lost or "connection to server" in said or "server closed the connection" in said


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
