"""Grading a class beside stock `nbgrader autograde`: submissions a second, of those that end by themselves.

Ours is all that `edf-course grade` does until the last grade is kept: workers and jails are started, each submission is
run and judged; the gradebook, the autograded notebook and the journal are written. Stock nbgrader grades one copy of
each submission, with its own preprocessors, a kernel for each, and a gradebook of its own. Both should come to the
points of `expected.toml`; where stock nbgrader does not, that is printed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from autograder.classroom import classroom, feedback
from autograder.classroom.pool import Graders, LocalExecutor
from autograder.course import Course
from autograder.jailed import limits_of
from tests.autograder.handed_in import RIGHT, STUBBORN
from tests.autograder.mini import make_gradebook
from tests.autograder.workers import jails
from tests.benchmarks.sample_class import (
    HONEST,
    LECTURE,
    SAMPLE,
    copies,
    deserved,
    graded_by_stock,
    hand_in,
    points,
    prepared,
    why,
)
from tests.benchmarks.table import Row

WORKERS = os.cpu_count() or 1
CLASS, LONG_CLASS = 200, 2000
WARM = 50  # submissions after which memory is looked at for the first time
FASTER = 30.0  # times stock nbgrader
FIRST_VERDICT = 3.0  # seconds
GROWTH = 1.05  # of memory


@dataclass
class Run:
    """A class as it was graded: seconds from the start of the workers to the last grade, and megabytes on the way.

    memory: by the number of submissions that were done, of this process and of the largest worker.
    """

    seconds: float = 0.0
    took: dict[str, float] = field(default_factory=dict)
    memory: dict[int, tuple[float, float]] = field(default_factory=dict)


def rows(long: bool = False) -> list[Row]:
    """Measure all of it; `long`: memory over many more submissions besides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gradebook = make_gradebook(folder / "gradebook.db")

        def course(what: str, demonstrations: bool = False) -> Course:
            return prepared(folder / what, gradebook, demonstrations=demonstrations)

        found = [*_throughput(course), *_endless(course("endless")), _first_verdict(course("first"))]
        if long:
            found += _memory(_graded(course("long"), copies(LONG_CLASS)), CLASS, LONG_CLASS)
        return found


def _throughput(course: Callable[..., Course]) -> list[Row]:
    stock, ours, unskipped = course("stock"), course("ours"), course("unskipped", demonstrations=True)
    hand_in(stock, {name: SAMPLE / f"{name}.py" for name in HONEST})
    rate = len(HONEST) / graded_by_stock(stock)
    run = _graded(ours, copies(CLASS))
    slower = _graded(unskipped, copies(2 * len(HONEST)))
    _compare(stock, ours, unskipped)
    what = f"submissions graded in a second, a class of {CLASS} on {WORKERS} workers; peer: stock nbgrader"
    return [
        Row(what, CLASS / run.seconds, "/s", rate, FASTER, more=True),
        Row("the same, demonstrations not skipped", 2 * len(HONEST) / slower.seconds, "/s", rate, more=True),
        Row("feedback pages written in a second", _pages(ours, 2 * len(HONEST)), "/s", more=True),
        *_memory(run, WARM, CLASS),
    ]


def _compare(stock: Course, *ours: Course) -> None:
    """Hold points against what is deserved: ours have to be that; where stock nbgrader's are not, say so."""
    right, theirs = deserved(), points(stock)
    for course in ours:
        for student, got in points(course).items():
            assert got == right[student.rstrip("0123456789")], f"{student} got {got}"
    for student in HONEST:
        for exercise, deserves in right[student].items():
            given = theirs.get(student, {}).get(exercise, 0.0)
            if given != deserves:
                because = why(stock, student, exercise)
                print(f"Stock nbgrader gives {student} {given:g} of {deserves:g} points for {exercise}: {because}")


def _graded(course: Course, sources: Mapping[str, Path]) -> Run:
    """Grade submissions with all that it takes, on local workers."""
    students, run = hand_in(course, sources), Run()
    limits = limits_of(course.config)

    def tell(news: classroom.News) -> None:
        assert not news.ungraded, f"{news.student}: {news.ungraded}"
        run.took[news.student] = news.seconds
        if len(run.took) in (WARM, CLASS, len(students)):
            workers = [worker.memory_info().rss for worker, _ in jails()]
            run.memory[len(run.took)] = psutil.Process().memory_info().rss / 1e6, max(workers) / 1e6

    start = time.perf_counter()
    with Graders(lambda: LocalExecutor(WORKERS, limits), WORKERS) as graders:
        classroom.grade(course, LECTURE, students, graders, tell=tell)
        run.seconds = time.perf_counter() - start
    return run


def _memory(run: Run, first: int, last: int) -> list[Row]:
    return [
        Row(f"memory of {whose} after {last} submissions; peer: after {first}", after, "MB", before, GROWTH)
        for whose, before, after in zip(
            ("the process that writes", "the largest worker"), run.memory[first], run.memory[last], strict=True
        )
    ]


def _pages(course: Course, count: int) -> float:
    students = course.students(LECTURE)[:count]
    with Graders(lambda: LocalExecutor(WORKERS), WORKERS) as graders:
        list(graders.each(feedback.write_page, students[:WORKERS], (course.root, LECTURE)))
        start = time.perf_counter()
        faults = [f for _, f in graders.each(feedback.write_page, students, (course.root, LECTURE)) if f]
        assert not faults
        return count / (time.perf_counter() - start)


def _endless(course: Course) -> list[Row]:
    """What is spent on submissions that do not end, alone on their worker."""
    limits = limits_of(course.config)
    stubborn = course.root / "stubborn.py"
    stubborn.write_text(RIGHT + "".join(STUBBORN.replace("sigmoid", name) for name in ("sigmoid", "affine", "softmax")))
    run = _graded(course, {"nils": SAMPLE / "nils.py", "mia": SAMPLE / "mia.py", "stubborn": stubborn})
    most, cell, probe = limits.notebook_seconds, limits.cell_seconds, limits.probe_seconds
    return [
        Row(f"a submission with an endless cell ({cell:g} s for a cell)", run.took["nils"], "s", limit=most),
        Row(f"with an endless backward ({probe:g} s for a probe)", run.took["mia"], "s", limit=most),
        Row("with three endless cells that catch every interruption", run.took["stubborn"], "s", limit=most),
    ]


def _first_verdict(course: Course) -> Row:
    """Measure the command itself, in a course whose lecture is built: until its first line about a submission."""
    hand_in(course, copies(len(HONEST)))
    best = min(_until_a_verdict(course.root) for _ in range(5))
    return Row("from the start of `edf-course grade` to its first verdict", best, "s", limit=FIRST_VERDICT)


def _until_a_verdict(folder: Path) -> float:
    command = [Path(sys.executable).with_name("edf-course"), "grade", "--force"]
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True) as grading:
        assert grading.stdout is not None
        found = any(re.match(r"\w+: [\d.]+ s$", line) for line in grading.stdout)
        took = time.perf_counter() - start
        os.killpg(grading.pid, signal.SIGINT)
    assert found, "the command said nothing of a submission"
    return took
