"""One jail for all attacks of a module, as a grader has one for a whole class."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from autograder.jail.jail import Jail
from autograder.submission.submission import SubmissionGrade, grade
from tests.attacks.lecture import LECTURE, LIMITS, SECRET
from tests.tools import needs

Grader = Callable[[bytes], SubmissionGrade]


@pytest.fixture(scope="session")
def jail() -> Iterator[Jail]:
    """A real jail."""
    needs("bwrap")
    with Jail(LIMITS) as made:
        yield made


@pytest.fixture
def graded(jail: Jail) -> Grader:
    """Grades a submission to the small lecture in the jail."""
    return lambda content: grade(content, LECTURE, SECRET, jail)
