"""What was gathered and graded of a lecture: a line a piece of news, in a file beside the gradebook.

A line is written when everything that it tells of is on disk, so a run that is killed goes on where it was: what is not
in here is done again, with the same outcome. The last line may be cut off; where the file is lost, all is done again.
"""

from __future__ import annotations

import json
import os
from typing import Any

from autograder.course import Course


class Journal:
    """The journal of a lecture. `source`: the hash of the source whose cells the gradebook has."""

    def __init__(self, course: Course, lecture: str) -> None:
        self.path = course.root / "workspace" / "course" / f"{lecture}.jsonl"
        self.source: str | None = None
        self._students: dict[str, dict[str, Any]] = {}
        lines = self.path.read_bytes().splitlines() if self.path.is_file() else []
        for line in lines:
            try:
                news = json.loads(line)
                self._take(news.pop("student"), news)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # cut off, when the machine went down or the disk was full
        if len(lines) > 2 * len(self._students) + 8:
            self._rewrite()

    def get(self, student: str, what: str) -> Any:
        """What is on record of a student ("gathered", "graded", "ungraded", "penalty"), or None."""
        return self._students.get(student, {}).get(what)

    def note(self, student: str, **what: Any) -> None:
        """Put something on record; it is on disk when this returns."""
        self._write(student, what)
        self._take(student, what)

    def note_source(self, source: str) -> None:
        """Put on record that the gradebook has the cells of this source."""
        self.note("", source=source)

    def forget_grades(self) -> None:
        """Let everybody be graded again: the gradebook knows of nobody."""
        for known in self._students.values():
            known.pop("graded", None)
        self._rewrite()

    def _take(self, student: str, what: dict[str, Any]) -> None:
        self._students.setdefault(student, {}).update(what)
        self.source = self._students.get("", {}).get("source")

    def _write(self, student: str, what: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.tell() and not self._ends_with_a_line(file):
                file.write(b"\n")
            file.write(json.dumps({"student": student, **what}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _ends_with_a_line(file: Any) -> bool:
        file.seek(-1, os.SEEK_END)
        return bool(file.read(1) == b"\n")

    def _rewrite(self) -> None:
        """Write the file anew, a line for each student."""
        lines = [json.dumps({"student": student, **known}) for student, known in self._students.items()]
        part = self.path.with_suffix(".part")
        part.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        part.replace(self.path)
