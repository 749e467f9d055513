"""A small course in a folder of its own: one lecture with two exercises, so that its tests are quick."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.course import Course, put_scripts_on_path
from edf_course import exercises

REPOSITORY = Path(__file__).parents[2]
MINI = "90_mini"
MINI_EXERCISES = ("edf.sigmoid", "edf.gate")


@pytest.fixture(scope="session")
def new_gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty gradebook to copy: making one takes nbgrader seconds."""
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    put_scripts_on_path()
    Gradebook(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def mini_course(tmp_path: Path, new_gradebook: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course whose only lecture is the small one."""
    monkeypatch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
    return make_course(tmp_path, new_gradebook)


def make_course(folder: Path, gradebook: Path) -> Course:
    """Lay out a course in `folder` with nothing but the small lecture's source and empty gradebooks."""
    for place in ("build/scratch", "workspace/course"):
        (folder / place).mkdir(parents=True)
        shutil.copy(gradebook, folder / place / "gradebook.db")
    shutil.copy(REPOSITORY / "nbgrader_config.py", folder)
    (folder / "solutions").mkdir()
    shutil.copy(Path(__file__).parent / f"{MINI}.py", folder / "solutions")
    return Course(folder)
