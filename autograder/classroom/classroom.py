"""A class of submissions, graded on as many workers as there are. One that cannot be graded stops no other.

gather() puts submissions where nbgrader looks for them, grade() grades those that changed, and `results` reads what
came out. Workers only compute; this process alone writes: the gradebook first, then the graded notebook, then a line in
the journal. Killed between any two of them, it does that submission again, with the same outcome.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.classroom.folder import names_in, printable, submissions_in
from autograder.classroom.gradebook import Writer, knows, scored
from autograder.classroom.journal import Journal
from autograder.classroom.lecture_files import read_lecture
from autograder.classroom.lock import alone
from autograder.classroom.pool import VERSION, Graders, Terms
from autograder.classroom.sample import make_submission
from autograder.classroom.secret import BadSecret, secret_file, secret_of
from autograder.classroom.whole import write_whole
from autograder.course import RENAME, Course, CourseError, may_be_called
from autograder.jailed import limits_of
from autograder.release.release import build_release, build_source
from autograder.submission.beside import KEPT, Beside, clear_beside, over, read_beside, write_beside
from autograder.submission.grades import SubmissionGrade
from autograder.submission.lecture import Lecture
from autograder.submission.sanitise import Unreadable, read_submission


def prepare(course: Course, lecture: str) -> list[str]:
    """Build the lecture, and record its cells in the course's gradebook, where either is missing or out of date.

    Returns what a person should know, a line each.
    Raises: CourseError where the lecture cannot be built, or has other cells than what was graded already.
    """
    with alone(course, lecture):
        source = build_source(course, lecture)
        journal, known = Journal(course, lecture), knows(course, lecture)
        journal.shorten()
        if not known:
            journal.forget_grades()
        if not known or journal.source != _hash(source) or not course.notebook("release", lecture).is_file():
            journal.note("", source="")  # until it is done, neither the old source's cells nor the new one's are there
            build_release(course, lecture)
            journal.note("", source=str(_hash(source)))
        return _look_at_the_secret(course, journal) + [
            f"The folder {name!a} of what was handed in is left out: nbgrader has no such names for students; {RENAME}."
            for name in course.nameless(lecture)
        ]


def _look_at_the_secret(course: Course, journal: Journal) -> list[str]:
    """Put on record which secret is asked with, and say where it is another one than before."""
    before, now = journal.get("", "secret"), hashlib.sha256(_secret(course)).hexdigest()[:16]
    if now == before:
        return []
    journal.note("", secret=now)
    if before is None:
        return []
    return [
        f"{secret_file(course.directory())} is not the secret that {journal.path.stem} was graded with before: what is "
        "graded from now on is asked other questions. Restore it from a backup, or grade everybody again with --force."
    ]


def _secret(course: Course) -> bytes:
    try:
        return secret_of(course.directory())
    except BadSecret as error:
        raise CourseError(str(error)) from error


def gather(course: Course, lecture: str, folder: Path) -> list[str]:
    """Copy submissions from `folder` to where nbgrader looks for them; returns what a person should know, a line each.

    A submission is STUDENT.ipynb, STUDENT/NN.ipynb or STUDENT/NN/NN.ipynb.
    One that is there already stays, unless it was gathered before and nobody changed it since.
    Raises: CourseError where the folder holds none.
    """
    notebooks, notices = submissions_in(folder, lecture)
    if not notebooks:
        raise CourseError(
            f"{folder} holds no submissions, STUDENT.ipynb or STUDENT/{lecture}.ipynb, only {names_in(folder)}."
        )
    with alone(course, lecture):
        return notices + _take_in(
            course, lecture, {s: partial(read_submission, path) for s, path in notebooks.items()}, folder
        )


def gather_sample(course: Course, lecture: str, folder: Path) -> list[str]:
    """The same with the small sources of a sample class, STUDENT.py (see `sample`), which may ask for the solution."""
    with alone(course, lecture):
        return _take_in(course, lecture, _small_sources(course, lecture, folder), folder)


def _take_in(course: Course, lecture: str, found: Mapping[str, Callable[[], bytes]], folder: Path) -> list[str]:
    journal, notices = Journal(course, lecture), []
    for student, read in sorted(found.items()):
        try:
            if not may_be_called(student):
                raise Unreadable(f"nbgrader has no such names for students; {RENAME}")
            content = read()
        except Unreadable as error:
            notices.append(f"What {printable(student)} handed in is left out: {error}.")
            continue
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


def _small_sources(course: Course, lecture: str, folder: Path) -> dict[str, Callable[[], bytes]]:
    sources = sorted(folder.glob("*.py"))
    if not sources:
        return {}
    release, solution = (_read(course.notebook(step, lecture)) for step in ("release", "source"))
    return {path.stem: partial(make_submission, path, release, solution) for path in sources}


def is_the_sample(course: Course, lecture: str, folder: Path, students: Iterable[str]) -> bool:
    """Whether what these students handed in is, byte for byte, what their small sources in `folder` make."""
    made = _small_sources(course, lecture, folder) if folder.is_dir() else {}
    return all(
        student in made
        and _hash(course.notebook("submitted", lecture, student)) == hashlib.sha256(made[student]()).hexdigest()
        for student in students
    )


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
    Raises: CourseError, NoJail or NoCluster where it cannot go on; what was graded until then stays graded.
    """
    with alone(course, lecture):
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
            for student, result in _results(room, todo, graders, jailed):
                room.keep(student, result)
                anew.append(student)
                tell(News(student, result.ungraded, result.seconds))
        return anew


def _results(room: _Room, todo: Iterable[str], graders: Graders, jailed: bool) -> Iterator[tuple[str, SubmissionGrade]]:
    """What comes of submissions, in the order in which they end; at last of those that cannot be read."""
    yield from graders.run(room.jobs(todo), room.terms(jailed))
    for student, why in room.unreadable.items():
        yield student, SubmissionGrade((), why)


class _Room:
    """Where one lecture's submissions come from and where their grades go."""

    writer: Writer

    def __init__(self, course: Course, lecture: str, force: bool) -> None:
        self.course, self.name, self.force = course, lecture, force
        self.journal = Journal(course, lecture)
        source, release = (course.notebook(step, lecture) for step in ("source", "release"))
        self.lecture: Lecture = read_lecture(lecture, source, release)
        self.source = _hash(source)
        self.scored = scored(course, lecture)
        self.limits = limits_of(course.config)
        self.master = read_beside(source.parent, self.limits.scratch // 2)  # what the course has beside the notebook
        self.states: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}

    def terms(self, jailed: bool) -> Terms:
        """What is the same for all submissions."""
        return Terms(self.lecture, _secret(self.course), self.limits, jailed)

    def standing(self, student: str) -> str | None:
        """Why a student's submission could not be graded, "" where it was; None where it has to be graded (anew)."""
        self.states[student] = self._state(student)
        ungraded: str = self.journal.get(student, "ungraded") or ""
        notebook = self.course.notebook("autograded", self.name, student)
        there = ungraded or (student in self.scored and notebook.is_file())
        known = there and self.journal.get(student, "graded") == self.states[student]
        return ungraded if known and not self.force else None

    def _state(self, student: str) -> str:
        """What the grade of a submission follows from."""
        try:
            parts: list[str | None] = [hashlib.sha256(self._content(student)).hexdigest()]
            parts.append(_hash(self.course.folder("submitted", self.name, student) / "timestamp.txt"))
        except Unreadable as error:
            parts = [str(error)]
        return " ".join(str(part) for part in (*parts, self.source, VERSION, *_told(self._beside(student))))

    def _content(self, student: str) -> bytes:
        path = self.course.notebook("submitted", self.name, student)
        try:
            there = path.exists()
        except OSError as error:
            raise Unreadable(f"its folder cannot be read: {error.strerror}") from None
        if not there:
            raise Unreadable(f"there is no {path.name} in the submission, only {names_in(path.parent)}")
        self._check_timestamp(path.parent)
        return read_submission(path)

    def _check_timestamp(self, folder: Path) -> None:
        """Raises: Unreadable where nbgrader could not read when it was handed in."""
        try:
            self.course.directory().get_existing_timestamp(str(folder))
        except (OSError, ValueError, OverflowError, AttributeError):  # the last is nbgrader's way to say no
            raise Unreadable("its timestamp.txt holds no date: put that right, or remove the file") from None

    def _beside(self, student: str) -> Beside:
        """The files that lie beside the notebook: those that were handed in, and over them the course's own."""
        handed = read_beside(self.course.folder("submitted", self.name, student), self.limits.scratch // 2)
        return Beside(over(handed.files, self.master.files), handed.left_out)

    def jobs(self, students: Iterable[str]) -> Iterator[tuple[str, bytes, Beside]]:
        """Yield what was handed in, read when its turn comes; what cannot be read is put aside."""
        for student in students:
            self.states[student] = self._state(student)
            try:
                yield student, self._content(student), self._beside(student)
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
            self.writer.clear(student, before)
            graded.unlink(missing_ok=True)
            self.journal.note(student, graded=self.states[student], ungraded=result.ungraded)
            return
        penalty = self.writer.write(student, result, before)
        clear_beside(graded)
        for name, content in self._beside(student).files.items():
            write_whole(graded.parent / name, content)
        write_beside(graded.parent, result.files)
        write_whole(graded, result.notebook.encode())
        self.journal.note(student, graded=self.states[student], ungraded="", penalty=penalty)


def _told(beside: Beside) -> list[str]:
    """The files beside a notebook in short, to see whether they have changed; nbgrader's own is told apart."""
    return [
        f"{name}={hashlib.sha256(content).hexdigest()}"
        for name, content in sorted(beside.files.items())
        if name not in KEPT
    ]


def _hash(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)
