"""What was gathered and graded of a lecture: a line a piece of news, in a file beside the gradebook.

A line is written when everything that it tells of is on disk, so a run that is killed goes on where it was: what is not
in here is done again, with the same outcome. The last line may be cut off; where the file is lost, all is done again.
Only who holds the lecture's lock writes; others may read at any time.
"""

from __future__ import annotations

import json
import os
from typing import Any

from autograder.classroom.whole import write_whole
from autograder.course import Course

KINDS: dict[str, type | tuple[type, ...]] = {  # what may be on record of a student, and of the lecture ("")
    "gathered": str, "graded": str, "ungraded": str, "penalty": (int, float), "page": str, "source": str,
    "secret": str,
}  # fmt: skip


class Journal:
    """The journal of a lecture. `source`: the hash of the source whose cells the gradebook has."""

    def __init__(self, course: Course, lecture: str) -> None:
        self.path = course.root / "workspace" / "course" / f"{lecture}.jsonl"
        self._students: dict[str, dict[str, Any]] = {}
        self._lines = self.path.read_bytes().splitlines() if self.path.is_file() else []
        for line in self._lines:
            try:
                news = json.loads(line)
                student = news.pop("student")
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # cut off, when the machine went down or the disk was full
            if isinstance(student, str):
                self._take(student, news)

    @property
    def source(self) -> str | None:
        """The hash of the source whose cells the gradebook has; None or "" where that is not known."""
        found: str | None = self.get("", "source")
        return found

    def get(self, student: str, what: str) -> Any:
        """What is on record of a student ("gathered", "graded", "ungraded", "penalty", "page"), or None.

        Of the lecture, which is the student "": "source", and "secret", by which one tells it from another.
        """
        return self._students.get(student, {}).get(what)

    def note(self, student: str, **what: str | float) -> None:
        """Put something on record; it is on disk when this returns."""
        self._write(student, what)
        self._take(student, what)

    def forget_grades(self) -> None:
        """Let everybody be graded again: the gradebook knows of nobody."""
        for known in self._students.values():
            for what in ("graded", "penalty"):
                known.pop(what, None)
        self._rewrite()

    def shorten(self) -> None:
        """Leave out what is no longer so, where the file has become long."""
        if len(self._lines) > 2 * len(self._students) + 8:
            self._rewrite()

    def _take(self, student: str, what: dict[str, Any]) -> None:
        known = self._students.setdefault(student, {})
        known.update({key: value for key, value in what.items() if isinstance(value, KINDS.get(key, ()))})

    def _write(self, student: str, what: dict[str, Any]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                start = b"\n" if file.tell() and not self._ends_with_a_line(file) else b""
                file.write(start + json.dumps({"student": student, **what}).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    @staticmethod
    def _ends_with_a_line(file: Any) -> bool:
        file.seek(-1, os.SEEK_END)
        return bool(file.read(1) == b"\n")

    def _rewrite(self) -> None:
        """Write the file anew, a line for each student."""
        self._lines = [json.dumps({"student": s, **known}).encode() for s, known in self._students.items()]
        write_whole(self.path, b"".join(line + b"\n" for line in self._lines))
