"""One grader of a lecture at a time: two would do the same work twice, and take each other's files away."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autograder.classroom.whole import GO_ON
from autograder.course import Course, CourseError

_held: set[Path] = set()


@contextmanager
def alone(course: Course, lecture: str) -> Iterator[None]:
    """Keep other processes from grading the lecture, for the length of the block; blocks of one process may be nested.

    The kernel lets go of the lock when its process ends, however that ends. Files that cannot be written are said.
    Raises: CourseError where somebody else is at it, or a file cannot be written.
    """
    path = course.root / "workspace" / "course" / f"{lecture}.lock"
    with _said():
        if path in _held:
            yield
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            if not _taken(file.fileno()):
                file.seek(0)
                who = file.read(100).decode(errors="replace").strip() or "?"
                raise CourseError(f"Somebody is grading {lecture} already (process {who}): wait until that is done.")
            with suppress(OSError):  # the disk is full: the lock is what counts
                file.truncate(0)
                file.write(f"{os.getpid()} on {platform.node()}".encode())
            _held.add(path)
            try:
                yield
            finally:
                _held.discard(path)


@contextmanager
def _said() -> Iterator[None]:
    """Turn an error of the file system into a sentence."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise CourseError(f"{what}{error.strerror or error}. {GO_ON}") from error


def _taken(descriptor: int) -> bool:
    """Take the lock; False where another process has it. Without locks (Windows, some network folders): as if taken."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
