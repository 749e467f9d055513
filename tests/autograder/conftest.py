"""The small course, new for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.classroom import classroom
from autograder.course import Course
from edf_course import exercises
from tests.autograder.handed_in import HandedIn
from tests.autograder.mini import MINI, MINI_EXERCISES, make_course, make_gradebook
from tests.tools import needs


@pytest.fixture(scope="session")
def new_gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty gradebook to copy."""
    return make_gradebook(tmp_path_factory.mktemp("gradebook") / "gradebook.db")


@pytest.fixture
def mini_course(tmp_path: Path, new_gradebook: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course whose only lecture is the small one."""
    monkeypatch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
    return make_course(tmp_path, new_gradebook)


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> HandedIn:
    """The small lecture in a course that is ready to grade: not to be changed, but to copy."""
    needs("bwrap")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        course = make_course(tmp_path_factory.mktemp("course"), new_gradebook)
        classroom.prepare(course, MINI)
    return HandedIn(course, tmp_path_factory.mktemp("sources"))


@pytest.fixture
def prepared(mini_course: Course) -> Course:
    """A course that is ready to gather."""
    classroom.prepare(mini_course, MINI)
    return mini_course
