"""A class of submissions, graded on as many workers as there are. One that cannot be graded stops no other.

gather() puts submissions where nbgrader looks for them, grade() grades those that changed, and `results` reads what
came out. Workers only compute; this process alone writes: the gradebook first, then the graded notebook, then a line in
the journal. Killed between any two of them, it does that submission again, with the same outcome.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.course import Course, CourseError
from autograder.gradebook import GO_ON, Writer, knows
from autograder.grades import SubmissionGrade
from autograder.jailed import limits_of
from autograder.journal import Journal
from autograder.lecture import Lecture
from autograder.lecture_files import read_lecture
from autograder.pool import VERSION, Graders, NoCluster, NoJail, Terms
from autograder.release import build_release, build_source
from autograder.sample import make_submission
from autograder.sanitise import Unreadable, read_submission
from autograder.secret import secret_beside

BESIDE = 20 << 20  # bytes of all files that are handed in beside the notebook and are kept with what was graded


def prepare(course: Course, lecture: str) -> None:
    """Build the lecture, and record its cells in the course's gradebook, where either is missing or out of date.

    Raises: CourseError where the lecture cannot be built, or has other cells than what was graded already.
    """
    source = build_source(course, lecture)
    journal, known = Journal(course, lecture), knows(course, lecture)
    if not known:
        journal.forget_grades()
    if not known or journal.source != _hash(source) or not course.notebook("release", lecture).is_file():
        build_release(course, lecture)
        journal.note_source(str(_hash(source)))


def gather(course: Course, lecture: str, folder: Path) -> list[str]:
    """Copy submissions from `folder` to where nbgrader looks for them; returns what a person should know, a line each.

    A submission is STUDENT.ipynb, STUDENT/NN.ipynb, STUDENT/NN/NN.ipynb, or a small source STUDENT.py (sample.py).
    One that is there already stays, unless it was gathered before and nobody changed it since.
    Raises: CourseError where the folder holds none.
    """
    found = dict(_submissions(course, lecture, folder))
    if not found:
        raise CourseError(f"{folder} holds no submissions: notebooks STUDENT.ipynb or STUDENT/{lecture}.ipynb.")
    journal, notices = Journal(course, lecture), []
    for student, content in sorted(found.items()):
        target = course.notebook("submitted", lecture, student)
        there = _hash(target)
        new = hashlib.sha256(content).hexdigest()
        if there not in (None, new, journal.get(student, "gathered")):
            notices.append(f"{student} has handed in already: that submission stays, the one in {folder} is left out.")
            continue
        if there != new:
            write_whole(target, content)
        if journal.get(student, "gathered") != new:
            journal.note(student, gathered=new)
    return notices


def _submissions(course: Course, lecture: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    sources = sorted(folder.glob("*.py"))
    if sources:
        release, solution = (_read(course.notebook(step, lecture)) for step in ("release", "source"))
        yield from ((path.stem, make_submission(path, release, solution)) for path in sources)
    for path in sorted(folder.glob("*.ipynb")):
        yield path.stem, path.read_bytes()
    for pattern in (f"*/{lecture}.ipynb", f"*/{lecture}/{lecture}.ipynb"):
        for path in sorted(folder.glob(pattern)):
            yield path.relative_to(folder).parts[0], path.read_bytes()


@dataclass(frozen=True)
class News:
    """A submission is done: why it could not be graded ("" where it was), and the seconds that it took.

    `anew` is False where it had been graded before and nothing has changed.
    """

    student: str
    ungraded: str = ""
    seconds: float = 0.0
    anew: bool = True


def grade(
    course: Course,
    lecture: str,
    students: Iterable[str],
    graders: Graders,
    *,
    force: bool = False,
    jailed: bool = True,
    tell: Callable[[News], None] = lambda news: None,
) -> list[str]:
    """Grade the submissions of `students` that changed since they were graded (all of them with `force`).

    With `jailed=False` they run without a jail, as processes of whoever grades. After each, `tell` gets the news.
    Returns who was graded anew.
    Raises: CourseError where it cannot go on; what was graded until then stays graded.
    """
    room = _Room(course, lecture, force)
    todo, anew = [], []
    for student in students:
        before = room.standing(student)
        if before is None:
            todo.append(student)
        else:
            tell(News(student, before, anew=False))
    if not todo:
        return []
    with Writer(course, lecture) as room.writer:
        try:
            for student, result in graders.run(room.jobs(todo), room.terms(jailed)):
                room.keep(student, result)
                anew.append(student)
                tell(News(student, result.ungraded, result.seconds))
            for student, why in room.unreadable.items():
                room.keep(student, SubmissionGrade((), why))
                anew.append(student)
                tell(News(student, why))
        except (NoJail, NoCluster) as error:
            raise CourseError(str(error)) from error
        except OSError as error:
            raise CourseError(
                f"{error.strerror}: {error.filename or 'a file could not be written'}. {GO_ON}"
            ) from error
    return anew


class _Room:
    """Where one lecture's submissions come from and where their grades go."""

    writer: Writer

    def __init__(self, course: Course, lecture: str, force: bool) -> None:
        self.course, self.name, self.force = course, lecture, force
        self.journal = Journal(course, lecture)
        source, release = (course.notebook(step, lecture) for step in ("source", "release"))
        self.lecture: Lecture = read_lecture(lecture, source, release)
        self.source = _hash(source)
        self.states: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}

    def terms(self, jailed: bool) -> Terms:
        """What is the same for all submissions."""
        gradebook = self.course.root / "workspace" / "course" / "gradebook"
        return Terms(self.lecture, secret_beside(gradebook), limits_of(self.course.config), jailed)

    def standing(self, student: str) -> str | None:
        """Why a student's submission could not be graded, "" where it was; None where it has to be graded (anew)."""
        self.states[student] = self._state(student)
        ungraded: str = self.journal.get(student, "ungraded") or ""
        there = ungraded or self.course.notebook("autograded", self.name, student).is_file()
        known = there and self.journal.get(student, "graded") == self.states[student]
        return ungraded if known and not self.force else None

    def _state(self, student: str) -> str:
        """What the grade of a submission follows from."""
        folder = self.course.folder("submitted", self.name, student)
        when = _hash(folder / "timestamp.txt")
        return " ".join(str(part) for part in (self._submission(student), when, self.source, VERSION))

    def _submission(self, student: str) -> str | None:
        try:
            return hashlib.sha256(self._content(student)).hexdigest()
        except Unreadable as error:
            return str(error)

    def _content(self, student: str) -> bytes:
        path = self.course.notebook("submitted", self.name, student)
        if not path.exists():
            others = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
            there = ", ".join(others) or "an empty folder"
            raise Unreadable(f"there is no {path.name} in the submission, only {there}")
        return read_submission(path)

    def jobs(self, students: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield what was handed in, read when its turn comes; what cannot be read is put aside."""
        for student in students:
            self.states[student] = self._state(student)
            try:
                yield student, self._content(student)
            except Unreadable as error:
                self.unreadable[student] = str(error)

    def keep(self, student: str, result: SubmissionGrade) -> None:
        """Write what came of a submission, so that it is kept whatever happens next."""
        graded = self.course.notebook("autograded", self.name, student)
        before = self.journal.get(student, "penalty")
        if result.again:
            self.journal.note(student, graded="", ungraded=result.ungraded)
            return
        if result.ungraded:
            self.writer.clear(student)
            graded.unlink(missing_ok=True)
            self.journal.note(student, graded=self.states[student], ungraded=result.ungraded)
            return
        penalty = self.writer.write(student, result, self._unanswered(result), before)
        self._keep_files(student, graded.parent)
        write_whole(graded, result.notebook.encode())
        self.journal.note(student, graded=self.states[student], ungraded="", penalty=penalty)

    def _unanswered(self, result: SubmissionGrade) -> set[str]:
        """The answer cells that are as they were released."""
        cells = nbformat.reads(result.notebook, as_version=4).cells
        said = {c.metadata.get("nbgrader", {}).get("grade_id", c.get("id")): c.source for c in cells}
        return {name for name, source in self.lecture.answers.items() if said.get(name, source) == source}

    def _keep_files(self, student: str, target: Path) -> None:
        """Copy what was handed in beside the notebook: plain files of a sane size, and no links."""
        left = BESIDE
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.course.folder("submitted", self.name, student).iterdir()):
            plain = path.is_file() and not path.is_symlink() and path.suffix != ".ipynb"
            if plain and path.stat().st_size <= left:
                left -= path.stat().st_size
                shutil.copyfile(path, target / path.name, follow_symlinks=False)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that there is either the old one or the new one, whole, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _hash(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)
