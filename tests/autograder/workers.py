"""Workers at work: to grade with them, to look at their processes, and to wait for something to happen to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from autograder.classroom.pool import Graders, LocalExecutor, Terms
from autograder.submission.grades import SubmissionGrade
from tests.autograder.handed_in import ALL
from tests.autograder.mini import MINI, MINI_EXERCISES

WORKERS = 2
SOON = 60.0  # seconds, on a busy machine


def descendants(of: int | None = None) -> list[psutil.Process]:
    """All processes that a process (this one) has started, directly or not."""
    return psutil.Process(of).children(recursive=True)


def jails(of: int | None = None) -> Iterator[tuple[psutil.Process, psutil.Process]]:
    """The jails that the workers of a process (this one) have: whose it is, and the bubblewrap."""
    return ((parent, jail) for parent, jail in all_jails(of) if parent.pid != os.getpid())


def all_jails(of: int | None = None) -> Iterator[tuple[psutil.Process, psutil.Process]]:
    """The jails that a process (this one) and its workers have: whose it is, and the bubblewrap."""
    for process in descendants(of):
        try:
            parent = process.parent()
            if process.name() == "bwrap" and parent is not None and parent.name() != "bwrap":
                yield parent, process
        except psutil.NoSuchProcess:
            continue


def is_busy(jail: psutil.Process) -> bool:
    """Whether a submission runs in a jail: then its warm process has a child, and that one too."""
    return len([process for process in descendants(jail.pid) if process.name() != "bwrap"]) > 2


@contextmanager
def local(terms: Terms, workers: int = WORKERS) -> Iterator[Graders]:
    with Graders(lambda: LocalExecutor(workers, terms.limits, terms.jailed), workers) as graders:
        yield graders


def graded(
    graders: Graders, jobs: Any, terms: Terms, do: Callable[[], None] = lambda: None
) -> dict[str, SubmissionGrade]:
    """Grade, and `do` something when the first grade is there; nobody may be graded twice."""
    found: dict[str, SubmissionGrade] = {}
    for student, grade in graders.run(jobs, terms):
        assert student not in found
        if not found:
            do()
        found[student] = grade
    return found


def all_right(grades: dict[str, SubmissionGrade]) -> bool:
    return all(grade.points == ALL and not grade.ungraded for grade in grades.values())


def until(is_so: Callable[[], Any]) -> Any:
    """Wait until something is so, and return it."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        found = is_so()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"after {SOON:g} s it was still not so")


def work(of: Any, student: str) -> str:
    """What `each` calls in these tests."""
    if student == "fails":
        raise ValueError(f"{of} cannot be had")
    if student == "dies":
        os._exit(1)
    return "" if student == "good" else f"{of} of {student}"


GRADE = "from autograder.grading import grade; grade(prog_name='edf-course grade')"


@contextmanager
def command(folder: Path, *arguments: str, program: str = GRADE, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`edf-course grade` in a course, in a group of processes of its own."""
    known = f"from edf_course import exercises; exercises.LECTURES[{MINI!r}] = {MINI_EXERCISES!r}"
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # also where these tests do not
    code = f"{known}; {heeds}; {program}"
    started = subprocess.Popen(
        [sys.executable, "-c", code, "--lecture", MINI, "--workers", str(WORKERS), *arguments],
        cwd=folder, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    with started:
        try:
            yield started
        finally:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)


def in_the_middle(grading: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until one is graded and others run; return all processes that there are then."""
    assert grading.stdout is not None
    said = []
    for line in iter(grading.stdout.readline, ""):
        said.append(line)
        if line.startswith("ada: "):
            break
    else:
        raise AssertionError("".join(said))
    until(lambda: len([jail for _, jail in jails(grading.pid) if is_busy(jail)]) == WORKERS)
    return [psutil.Process(grading.pid), *descendants(grading.pid)]


def have_ended(processes: list[psutil.Process]) -> bool:
    """Whether none of these runs any more."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)
