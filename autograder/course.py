"""Where a course has its folders: what nbgrader_config.py says, and a few that nbgrader has no word for."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from traitlets import TraitError
from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

CONFIG_FILE = "nbgrader_config.py"
LONGEST_NAME = 128  # characters that nbgrader's gradebook has for a student's name
RENAME = f"rename it: at most {LONGEST_NAME} printable characters, none of * ? [, no dot in front, no space at an end"


class CourseError(Exception):
    """Something about the course is not as it must be; the message says what, and what to do."""


@dataclass(frozen=True)
class Course:
    """A folder with an nbgrader_config.py. Raises: CourseError where it has none."""

    root: Path

    def __post_init__(self) -> None:
        if not (self.root / CONFIG_FILE).is_file():
            raise CourseError(f"{self.root} holds no {CONFIG_FILE}: run this in the folder of the course.")
        put_scripts_on_path()

    @cached_property
    def config(self) -> Config:
        """What nbgrader_config.py sets. Raises: CourseError where it cannot be read."""
        try:
            return PyFileConfigLoader(CONFIG_FILE, path=str(self.root)).load_config()
        except Exception as error:  # it is a program
            steps = traceback.extract_tb(error.__traceback__)
            lines = [f", line {step.lineno}" for step in steps if step.filename.endswith(CONFIG_FILE)]
            where = lines[-1] if lines else ""
            raise CourseError(f"{self.root / CONFIG_FILE}{where}: {type(error).__name__}: {error}") from error

    def directory(self, **changes: str) -> CourseDirectory:
        """nbgrader's view of the folders; `changes` are traits of CourseDirectory, such as db_url."""
        return CourseDirectory(config=self.config, **changes)

    def folder(self, step: str, lecture: str, student: str = ".") -> Path:
        """The folder of one step of a lecture: "source", "release", "submitted", "autograded", "feedback"."""
        directory = self.directory()
        return Path(directory.format_path(getattr(directory, f"{step}_directory"), student, lecture))

    def notebook(self, step: str, lecture: str, student: str = ".") -> Path:
        """The notebook in that folder; for "feedback" the page that nbgrader made of it."""
        return self.folder(step, lecture, student) / f"{lecture}.{'html' if step == 'feedback' else 'ipynb'}"

    def students(self, lecture: str) -> list[str]:
        """Who has handed in, in alphabetical order; without those of `nameless`."""
        return [name for name in self._folders(lecture) if may_be_called(name)]

    def nameless(self, lecture: str) -> list[str]:
        """Folders of what was handed in that nbgrader has no such names for, or whose names cannot be printed."""
        return [name for name in self._folders(lecture) if not may_be_called(name)]

    def _folders(self, lecture: str) -> list[str]:
        submitted = self.folder("submitted", lecture, "*").parent.parent
        there = submitted.iterdir() if submitted.is_dir() else ()
        return sorted(folder.name for folder in there if _may_be_there(folder / lecture))

    @property
    def solutions(self) -> Path:
        """The sources of the lectures."""
        return self.root / "solutions"

    @property
    def lectures(self) -> Path:
        """The released lectures, as students get them."""
        return self.root / "lectures"

    @property
    def build(self) -> Path:
        """Where things are staged; all of it can be made again."""
        return self.root / "build"

    @property
    def reports(self) -> Path:
        """Where the tables of a graded class are written."""
        return self.root / "workspace" / "course" / "report"


def _may_be_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # one may not look: that is said when it is to be graded
        return True


def may_be_called(student: str) -> bool:
    """Whether nbgrader finds a student of that name in its folders and gradebook, and the name can be printed."""
    fits = student.isprintable() and len(student) <= LONGEST_NAME
    return fits and student == student.strip() and not student.startswith(".") and not set(student) & set("*?[")


@contextmanager
def settings_of(kind: type[Configurable], config: Config) -> Iterator[None]:
    """Say in words what is wrong with the settings of a class, for as long as they are read.

    Raises: CourseError where one cannot have its value, or there is none of that name.
    """
    known = sorted(name for name in kind.class_own_traits() if kind.class_traits()[name].metadata.get("config"))
    unknown = sorted(set(config.get(kind.__name__, {})) - set(kind.class_traits(config=True)))
    if unknown:
        name = kind.__name__
        raise CourseError(f"{CONFIG_FILE}: there is no c.{name}.{unknown[0]}, but c.{name}.{', '.join(known)}.")
    try:
        yield
    except TraitError as error:
        raise CourseError(f"{CONFIG_FILE}: {error}") from error


def find_course(start: Path) -> Course:
    """The course that `start` lies in: the nearest folder upwards with an nbgrader_config.py.

    One that lies in the workspace of a course is passed over: somebody may have handed it in, and it would be run.
    Raises: CourseError where there is none.
    """
    start = start.resolve()
    found = [folder for folder in (start, *start.parents) if (folder / CONFIG_FILE).is_file()]
    if not found:
        raise CourseError(f"No {CONFIG_FILE} in {start} or above it: run this in the folder of the course.")
    root = found[0]
    for outer in found[1:]:
        if root.is_relative_to(outer / "workspace"):
            root = outer
    return Course(root)


def first_error(outcome: Mapping[str, object]) -> tuple[str, str]:
    """The name and the message of the error that ended a piece of nbgrader's work, of what capture_log returned.

    It is the last line of the first traceback; where there is none, the name is empty, and the message the log's end.
    """
    text = str(outcome.get("log") or outcome["error"]).strip()
    found = re.search(r"^ *(?:[\w.]+\.)?(\w+(?:Error|Exception|Exit|Entry|Away))\b:? ?(.*)$", text, flags=re.MULTILINE)
    return (found[1], found[2]) if found else ("", text.splitlines()[-1] if text else "nothing")


def put_scripts_on_path() -> None:
    """Let nbgrader find `alembic`, which it starts by name, where the environment was not activated."""
    scripts = os.path.dirname(sys.executable)
    path = os.environ.get("PATH", "")
    if scripts not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, path]) if path else scripts


def merged(*configs: Config | Mapping[str, Mapping[str, object]]) -> Config:
    """One nbgrader configuration of several; the later ones win."""
    result = Config()
    for config in configs:
        result.merge(Config(config))
    return result
