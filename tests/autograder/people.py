"""People who write the gradebook while a class is graded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from nbgrader.api import Gradebook
from sqlalchemy.exc import OperationalError

from autograder.course import Course
from tests.autograder.mini import MINI
from tests.autograder.rows import rows

Entered = dict[str, Any]


@contextlib.contextmanager
def meanwhile(*people: Callable[[], None]) -> Iterator[None]:
    """Let people do what they do again and again, each in a thread of its own, until the block ends."""
    over, faults = threading.Event(), []

    def go_on(do: Callable[[], None]) -> None:
        while not over.is_set():
            try:
                do()
            except Exception as error:
                faults.append(error)
                return

    threads = [threading.Thread(target=go_on, args=(do,)) for do in people]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert faults == []


class Person:
    """Enters marks, comments, extra credit and penalties through nbgrader's API; remembers what is in the gradebook."""

    def __init__(self, course: Course) -> None:
        self.course, self.rounds = course, 0
        self.students = list(rows(course))
        self.entered: dict[str, Entered] = {}

    def __call__(self) -> None:
        self.rounds += 1
        for student in self.students:
            entered = {
                "manual": self.rounds / 4, "extra": self.rounds / 8, "comment": f"round {self.rounds}",
                "penalty": self.rounds / 16,
            }  # fmt: skip
            with contextlib.suppress(OperationalError), Gradebook(self.course.directory().db_url) as gradebook:
                notebook = gradebook.find_submission_notebook(MINI, MINI, student)
                grade = next(g for g in notebook.grades if g.name == "gate-hand-in")
                grade.manual_score, grade.extra_credit = entered["manual"], entered["extra"]
                comment = next(c for c in notebook.comments if c.name == "gate")
                comment.manual_comment = entered["comment"]
                notebook.late_submission_penalty = entered["penalty"]
                gradebook.db.commit()
                self.entered[student] = entered

    def check(self) -> None:
        """See that all of it is still there."""
        found = rows(self.course)
        assert set(self.entered) == set(self.students)
        for student, entered in self.entered.items():
            _, manual, extra, _ = found[student]["grades"]["gate-hand-in"]
            assert (manual, extra) == (entered["manual"], entered["extra"])
            assert found[student]["penalty"] == entered["penalty"]
            assert found[student]["comments"]["gate"][1] == entered["comment"]
