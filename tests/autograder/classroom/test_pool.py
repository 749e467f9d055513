"""Workers grade side by side; whatever happens to one of them, each submission ends with one grade or a reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from autograder.classroom import pool
from autograder.classroom.pool import AHEAD, Graders, LocalExecutor, NoCluster, NoJail
from tests.autograder.handed_in import ALL, ENDLESS, RIGHT, STUBBORN, UNTOUCHED, Deadly, HandedIn, sleeping
from tests.autograder.workers import (
    SOON,
    WORKERS,
    all_jails,
    all_right,
    command,
    graded,
    have_ended,
    in_the_middle,
    is_busy,
    jails,
    local,
    until,
    work,
)


@pytest.fixture(scope="module")
def right(mini: HandedIn) -> bytes:
    return mini.notebook(RIGHT)


def test_workers_grade_side_by_side(mini: HandedIn, right: bytes) -> None:
    terms, slow = mini.terms(), mini.notebook(sleeping(1.5))
    with local(terms) as graders:
        graded(graders, [(name, right) for name in "abcd"], terms)
        start = time.monotonic()
        grades = graded(graders, [(name, slow) for name in "abcd"], terms)
        took = time.monotonic() - start
    assert all_right(grades)
    assert took < 0.75 * sum(grade.seconds for grade in grades.values())


def test_nobody_waits_for_whoever_came_first(mini: HandedIn, right: bytes) -> None:
    terms = mini.terms()
    jobs = [("slow", mini.notebook(sleeping(6))), *((name, right) for name in "abc")]
    with local(terms) as graders:
        grades = graded(graders, jobs, terms)
    assert list(grades)[-1] == "slow"
    assert all_right(grades)


def test_jobs_are_taken_a_few_at_a_time(mini: HandedIn, right: bytes) -> None:
    terms, taken = mini.terms(), 0

    def jobs() -> Iterator[tuple[str, bytes]]:
        nonlocal taken
        for number in range(12):
            taken += 1
            yield str(number), right

    with local(terms) as graders:
        for done, _ in enumerate(graders.run(jobs(), terms)):
            assert taken <= done + AHEAD * WORKERS
    assert taken == 12


@pytest.mark.parametrize("size", [0, 2_000_000], ids=["small", "large"])
def test_a_worker_that_is_killed_costs_nobody_the_grade(mini: HandedIn, size: int) -> None:
    terms = mini.terms()
    content = mini.notebook(f"{sleeping(0.3)}\n# %% new after sigmoid\n'{'x' * size}'\n" if size else sleeping(0.3))
    victims = []

    def kill() -> None:
        worker = until(lambda: [worker for worker, jail in jails() if is_busy(jail)])[0]
        victims.append(worker)
        worker.kill()

    with local(terms) as graders:
        grades = graded(graders, [(str(number), content) for number in range(8)], terms, kill)
        assert len(grades) == 8
        assert all_right(grades)
        assert victims[0] not in [worker for worker, _ in jails()]


def test_a_submission_of_which_workers_die_is_given_up_and_the_others_are_graded(mini: HandedIn, right: bytes) -> None:
    terms = mini.terms()
    jobs: list[Any] = [("a", right), ("deadly", Deadly()), ("b", right), ("worse", Deadly()), ("c", right)]
    with local(terms) as graders:
        grades = graded(graders, jobs, terms)
    for student in ("deadly", "worse"):
        grade = grades.pop(student)
        assert grade.ungraded == "the process that grades it dies each time: out of memory?"
        assert grade.again
    assert sorted(grades) == ["a", "b", "c"]
    assert all_right(grades)


def test_an_error_of_the_grader_is_the_reason_for_that_one(mini: HandedIn, right: bytes) -> None:
    terms = mini.terms()
    with local(terms) as graders:
        grades = graded(graders, [("a", right), ("odd", None), ("b", right)], terms)
    assert grades["odd"].ungraded.startswith("the grader itself failed: ")
    assert grades["odd"].again
    assert all_right({"a": grades["a"], "b": grades["b"]})


def test_ctrl_c_does_not_reach_workers(mini: HandedIn) -> None:
    terms, slow = mini.terms(), mini.notebook(sleeping(0.5))

    def interrupt() -> None:
        for worker, _ in jails():
            worker.send_signal(signal.SIGINT)

    with local(terms) as graders:
        before = until(lambda: [worker for worker, _ in jails()])
        grades = graded(graders, [(name, slow) for name in "abcdef"], terms, interrupt)
        assert set(before) <= {worker for worker, _ in jails()}
    assert all_right(grades)


def test_whoever_leaves_in_the_middle_waits_for_nobody(mini: HandedIn, right: bytes) -> None:
    terms = mini.terms(cell_seconds=100, notebook_seconds=100)
    jobs = [("a", right), *((name, mini.notebook(ENDLESS)) for name in "xyz")]
    graders = Graders(lambda: LocalExecutor(WORKERS, terms.limits), WORKERS)
    next(iter(graders.run(jobs, terms)))
    start = time.monotonic()
    graders.close()
    until(lambda: not list(jails()))
    assert time.monotonic() - start < SOON


def test_a_worker_that_ends_with_nothing_to_do_is_replaced(mini: HandedIn, right: bytes) -> None:
    terms = mini.terms()
    with local(terms) as graders:
        assert all_right(graded(graders, [("a", right)], terms))
        for worker, _ in list(jails()):
            worker.kill()
        until(lambda: not list(jails()))
        assert all_right(graded(graders, [("a", right), ("b", right), ("c", right)], terms))


def test_each_says_what_it_said_or_how_it_failed() -> None:
    with Graders(lambda: LocalExecutor(WORKERS), WORKERS) as graders:
        found = dict(graders.each(work, ["good", "other", "fails", "dies", "last"], ("a page",)))
    assert "terminated abruptly" in found.pop("dies")
    assert found == {
        "good": "", "other": "a page of other", "fails": "ValueError: a page cannot be had", "last": "a page of last",
    }  # fmt: skip


@pytest.fixture
def in_this_process() -> Iterator[None]:
    pool._close_jails()
    yield
    pool._close_jails()


@pytest.fixture
def breaks_jails() -> Iterator[Callable[[int], None]]:
    """A way to kill the next so many jails of this process, each soon after something has begun in it."""
    others = {jail.pid for _, jail in all_jails()}

    def busy() -> list[psutil.Process]:
        return [jail for _, jail in all_jails() if jail.pid not in others and is_busy(jail)]

    def kill(times: int) -> None:
        for _ in range(times):
            (jail,) = until(busy)
            jail.kill()
            jail.wait(SOON)

    with ThreadPoolExecutor(1) as thread:
        killing: list[Future[None]] = []
        yield lambda times: killing.append(thread.submit(kill, times))
        for each in killing:
            each.result()


@pytest.mark.usefixtures("in_this_process")
def test_a_jail_that_breaks_is_begun_anew(mini: HandedIn, breaks_jails: Callable[[int], None]) -> None:
    breaks_jails(1)
    grade = pool.grade_here(mini.notebook(sleeping(1)), mini.terms())
    assert (grade.ungraded, grade.points) == ("", ALL)


@pytest.mark.usefixtures("in_this_process")
def test_a_submission_under_which_jails_break_has_that_as_its_reason(
    mini: HandedIn, right: bytes, breaks_jails: Callable[[int], None]
) -> None:
    breaks_jails(2)
    grade = pool.grade_here(mini.notebook(sleeping(2)), mini.terms())
    assert grade.ungraded.startswith("the jail broke while it ran, twice: ")
    assert pool.grade_here(right, mini.terms()).points == ALL


@pytest.mark.usefixtures("in_this_process")
def test_what_cannot_be_interrupted_costs_no_more_than_its_own_time_limit(mini: HandedIn) -> None:
    terms = mini.terms(notebook_seconds=4, cell_seconds=3, grace_seconds=5)
    grade = pool.grade_here(mini.notebook(RIGHT + STUBBORN), terms)
    assert 4 < grade.seconds < 6
    assert grade.exercises[0].points > 0  # what came before the cell


def test_without_bubblewrap_there_is_no_jail_and_that_is_said(
    mini: HandedIn, right: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoJail, match="bubblewrap is not here"):
        pool.grade_here(right, mini.terms(cell_seconds=21))  # other limits than of a jail that there may be


def resources(processes: list[psutil.Process]) -> tuple[float, int]:
    """The memory in MB and the open files of processes."""
    return sum(p.memory_info().rss for p in processes) / 1e6, sum(p.num_fds() for p in processes)


def test_neither_memory_nor_open_files_grow(mini: HandedIn, right: bytes) -> None:
    terms = mini.terms()
    jobs = [right, mini.notebook(UNTOUCHED), b"no notebook"]
    with local(terms) as graders:
        graded(graders, [(str(number), jobs[number % 3]) for number in range(24)], terms)
        ours = [psutil.Process(), *(worker for worker, _ in jails())]
        assert len(ours) == 1 + WORKERS
        memory, files = resources(ours)
        graded(graders, [(str(number), jobs[number % 3]) for number in range(60)], terms)
        memory_after, files_after = resources(ours)
    assert files_after <= files
    assert memory_after - memory < 20


@pytest.fixture
def handed_in(mini: HandedIn, tmp_path: Path) -> Path:
    """A course of its own, to which one has handed in right work, and others what does not end."""
    config = "c.Execute.timeout = c.GradeInJail.notebook_seconds = 300\n"
    return mini.to_copy(tmp_path / "course", {"ada": RIGHT, "ben": ENDLESS, "cleo": ENDLESS, "dan": ENDLESS}, config)


def folder(parent: str, name: str) -> Path:
    Path(parent, name).mkdir(exist_ok=True)
    return Path(parent, name)


def test_of_a_grader_that_is_killed_nothing_is_left_running(handed_in: Path) -> None:
    with command(handed_in) as grading:
        processes = in_the_middle(grading)
        assert len(processes) > 3 * WORKERS
        grading.kill()
        until(lambda: have_ended(processes))


@pytest.mark.parametrize("name", ["", "too-long-a-name-for-the-folder-of-a-socket" * 2])
def test_a_grader_that_is_stopped_ends_at_once_and_leaves_nothing(handed_in: Path, name: str) -> None:
    with TemporaryDirectory() as parent, command(handed_in, TMPDIR=str(folder(parent, name))) as grading:
        processes = in_the_middle(grading)
        os.killpg(grading.pid, signal.SIGINT)
        said, _ = grading.communicate(timeout=SOON)
        assert grading.returncode == 130
        assert said == "Stopped. What was graded is kept; the same command goes on from there.\n"
        until(lambda: have_ended(processes))
        assert list(Path(parent, name).iterdir()) == []
    with command(handed_in, "--only", "ada") as again:
        assert "ada: as before" in again.communicate()[0]


def test_where_there_is_no_jail_that_is_said_once_and_soon(handed_in: Path) -> None:
    with command(handed_in, PATH="/nowhere") as grading:
        said, _ = grading.communicate(timeout=SOON)
    assert grading.returncode == 1
    assert said.count("bubblewrap is not here") == 1
    assert "--no-jail" in said


def test_another_version_of_the_autograder_grades_nothing(mini: HandedIn, right: bytes) -> None:
    with pytest.raises(NoCluster, match=f"A worker has edf-autograder {pool.VERSION}, the course 0.0.1"):
        pool.grade_here(right, replace(mini.terms(), version="0.0.1"))


def test_workers_import_nothing_from_the_folder_where_grading_was_started(tmp_path: Path) -> None:
    """It may be the folder of a submission, with a numpy.py in it."""
    submission, program = tmp_path / "submission", tmp_path / "program.py"
    submission.mkdir()
    for name in ("numpy", "signal", "autograder"):
        (submission / f"{name}.py").write_text("import os; os.mkdir('run')")
    program.write_text(
        "import os\nfrom autograder.classroom.pool import LocalExecutor\n"
        "if __name__ == '__main__':\n    print(LocalExecutor(1).submit(os.getcwd).result())\n"
    )
    done = subprocess.run([sys.executable, program], cwd=submission, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(submission)
    assert not (submission / "run").exists()
