"""The secret behind the probes, kept with the gradebook: a regrade asks the same, and nobody else can tell what."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.classroom.whole import put_where_none_is

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory

SECRET_BYTES = 32


class BadSecret(ValueError):
    """The file with the secret is not as it must be; the message says what to do."""


def secret_file(directory: CourseDirectory) -> Path:
    """Where a course keeps its secret: beside its gradebook; where that is no file, in the folder of what is handed in.

    Named after the gradebook's file, else gradebook.secret. Every way of grading looks here.
    """
    from sqlalchemy.engine import make_url

    url = make_url(directory.db_url)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return Path(directory.root, str(url.database)).with_suffix(".secret")
    return Path(directory.root, directory.submitted_directory).parent / "gradebook.secret"


def secret_of(directory: CourseDirectory) -> bytes:
    """The secret of a course; made where there is none.

    Only its owner can read the file. With another secret the same submission is asked other questions.
    Raises: BadSecret.
    """
    path = secret_file(directory)
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        _make(path)
        found = path.read_bytes()
    if len(found) != SECRET_BYTES:
        raise BadSecret(
            f"{path} is no secret of {SECRET_BYTES} bytes: restore it from a backup. Without one, remove it: then "
            "submissions are asked other questions than before, so grade everybody again with --force."
        )
    return found


def _make(path: Path) -> None:
    """Put a new secret there, whole or not at all, unless somebody else was quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # only its owner can read it
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        put_where_none_is(Path(made), path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
