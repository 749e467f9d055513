"""A class graded on a Dask cluster: real schedulers and workers, without a file in common with whoever grades."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autograder.classroom import cluster as autograder_cluster
from autograder.classroom import pool
from autograder.classroom.cluster import cluster_graders
from autograder.classroom.pool import Graders, NoCluster, NoJail
from autograder.course import Course
from autograder.report.results import results
from tests.autograder.dask_cluster import Cluster
from tests.autograder.handed_in import ALL, ENDLESS, RIGHT, UNTOUCHED, HandedIn, sleeping
from tests.autograder.mini import MINI
from tests.autograder.running import WRONG
from tests.autograder.workers import SOON, all_right, command, graded, have_ended, in_the_middle, is_busy, jails, until

pytest.importorskip("distributed", reason="needs Dask: pip install 'edf-autograder[dask]'")

CLASS = {"right": RIGHT, "untouched": UNTOUCHED, "no_upstream": WRONG, "slow": sleeping(0.5)}


@pytest.fixture
def cluster(mini: HandedIn, tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler without workers yet; no process of it can see the course."""
    with made(mini, tmp_path) as cluster:
        yield cluster


@contextmanager
def made(mini: HandedIn, tmp_path: Path, **environment: str) -> Iterator[Cluster]:
    scratch = tmp_path / "cluster"
    scratch.mkdir()
    with Cluster(scratch, mini.course.root, **environment) as cluster:
        yield cluster


@contextmanager
def on(cluster: Cluster, terms: pool.Terms) -> Iterator[Graders]:
    with cluster_graders(cluster.address, terms.limits, terms.jailed) as graders:
        yield graders


def test_a_class_gets_the_same_grades_as_here_though_a_worker_is_killed(mini: HandedIn, cluster: Cluster) -> None:
    terms = mini.terms()
    contents = {student: mini.notebook(source) for student, source in CLASS.items()}
    jobs = [(f"{student} {i}", content) for i in range(5) for student, content in contents.items()]
    victim, _ = cluster.add_worker(), cluster.add_worker(threads=2)

    def kill() -> None:
        until(lambda: any(is_busy(jail) for _, jail in jails(victim.pid)))
        victim.kill()

    with on(cluster, terms) as graders:
        assert graders.workers == 2
        grades = graded(graders, jobs, terms, kill)
    here = {student: pool.grade_here(content, terms) for student, content in contents.items()}
    assert here["no_upstream"].exercises[0].verdict is not None
    assert here["no_upstream"].exercises[0].verdict.misconception == "no-upstream"
    assert len(grades) == len(jobs)
    for student, grade in grades.items():
        assert [(e.exercise, e.points, e.reason) for e in grade.exercises] == [
            (e.exercise, e.points, e.reason) for e in here[student.split()[0]].exercises
        ]
        assert [e.verdict and e.verdict.as_json() for e in grade.exercises] == [
            e.verdict and e.verdict.as_json() for e in here[student.split()[0]].exercises
        ]


@pytest.fixture
def course(mini: HandedIn, tmp_path: Path) -> Course:
    """A course of its own, to which a few have handed in."""
    return Course(mini.to_copy(tmp_path / "course", CLASS))


def test_the_command_grades_on_a_cluster_and_says_no_more_than_ever(course: Course, cluster: Cluster) -> None:
    cluster.add_worker()
    with command(course.root, "--scheduler", cluster.address) as grading:
        said, _ = grading.communicate()
    assert grading.returncode == 0
    lines = said.splitlines()
    assert sorted(line.partition(":")[0] for line in lines[: len(CLASS)]) == sorted(CLASS)
    assert "distributed" not in said
    totals = {r.student: r.total for r in results(course, MINI, CLASS)}
    assert totals == {"right": ALL, "slow": ALL, "untouched": 0.0, "no_upstream": ALL - 5}


def test_where_no_scheduler_is_that_is_said(mini: HandedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autograder_cluster, "CONNECT", 0.5)
    with pytest.raises(NoCluster, match=r"No Dask scheduler answers at tcp://127.0.0.1:9 "):
        cluster_graders("tcp://127.0.0.1:9", mini.terms().limits)


@pytest.mark.parametrize("address", ["", "localhost", "localhost:8786", "http://localhost:8786", "tcp://localhost:x"])
def test_what_is_no_address_is_said(mini: HandedIn, address: str) -> None:
    with pytest.raises(NoCluster, match=r"is no address of a Dask scheduler, such as tcp://host:8786"):
        cluster_graders(address, mini.terms().limits)


def test_the_command_says_in_one_line_that_there_are_no_workers(course: Course, cluster: Cluster) -> None:
    with command(course.root, "--scheduler", cluster.address) as grading:
        said, _ = grading.communicate()
    assert grading.returncode == 1
    assert said == (
        f"Error: The Dask scheduler at {cluster.address} has no workers: "
        f"start some with `dask worker {cluster.address}`.\n"
    )


def older(folder: Path) -> dict[str, str]:
    """An environment in which another version of the autograder seems to be installed."""
    (folder / "edf_autograder-0.0.1.dist-info").mkdir(parents=True)
    about = folder / "edf_autograder-0.0.1.dist-info" / "METADATA"
    about.write_text("Metadata-Version: 2.1\nName: edf-autograder\nVersion: 0.0.1\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


def without(folder: Path) -> dict[str, str]:
    """An environment in which everything is installed but the course and its autograder."""
    folder.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "edf" not in package.name:
            (folder / package.name).symlink_to(package)
    return {"PYTHONPATH": str(folder), "WITHOUT_SITE": "-S"}


def test_a_worker_with_another_version_is_refused(mini: HandedIn, cluster: Cluster, tmp_path: Path) -> None:
    cluster.add_worker(**older(tmp_path / "older"))
    with pytest.raises(
        NoCluster, match=rf"The worker at tcp://.* has edf-autograder 0\.0\.1, this machine {pool.VERSION}"
    ):
        cluster_graders(cluster.address, mini.terms().limits)


def test_a_worker_without_the_autograder_is_refused(mini: HandedIn, cluster: Cluster, tmp_path: Path) -> None:
    cluster.add_worker(**without(tmp_path / "without"))
    with pytest.raises(NoCluster, match=r"The worker at tcp://.* cannot grade .* the scheduler and each worker need"):
        cluster_graders(cluster.address, mini.terms().limits)


def test_a_scheduler_without_the_autograder_is_refused(mini: HandedIn, tmp_path: Path) -> None:
    with made(mini, tmp_path, **without(tmp_path / "without")) as cluster:
        cluster.add_worker()
        with pytest.raises(NoCluster, match=r"the scheduler and each worker need"):
            cluster_graders(cluster.address, mini.terms().limits)


def test_a_worker_without_bubblewrap_is_refused(mini: HandedIn, cluster: Cluster) -> None:
    cluster.add_worker()
    cluster.add_worker(PATH="/nowhere")
    with pytest.raises(NoJail, match=r"The worker at tcp://.*: bubblewrap is not here"):
        cluster_graders(cluster.address, mini.terms().limits)


def test_where_the_scheduler_goes_in_the_middle_that_is_said_and_what_was_graded_stays(
    mini: HandedIn, cluster: Cluster
) -> None:
    cluster.add_worker()
    terms = mini.terms(cell_seconds=100, notebook_seconds=100)
    jobs = [("quick", mini.notebook(RIGHT)), *((name, mini.notebook(ENDLESS)) for name in "ab")]
    with on(cluster, terms) as graders:
        coming = graders.run(jobs, terms)
        assert all_right(dict([next(coming)]))
        cluster.scheduler.kill()
        with pytest.raises(NoCluster, match=r"is gone. What was graded stays graded"):
            next(coming)


def test_where_all_workers_go_in_the_middle_that_is_said(
    mini: HandedIn, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autograder_cluster, "WITHOUT_WORKERS", 1.0)
    monkeypatch.setattr(pool, "LOOK", 0.5)
    worker = cluster.add_worker()
    terms = mini.terms()
    with on(cluster, terms) as graders:
        coming = graders.run([(name, mini.notebook(sleeping(1))) for name in "abc"], terms)
        next(coming)
        worker.kill()
        with pytest.raises(NoCluster, match=r"has no workers any more. What was graded stays graded"):
            next(coming)


def test_a_job_of_which_workers_die_is_given_up_and_the_others_are_done(mini: HandedIn, tmp_path: Path) -> None:
    deadly = "__import__('os')._exit(1)"  # eval is known to every scheduler and worker, what is in a test is not
    with made(mini, tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as cluster:
        cluster.add_worker(nanny=True)
        with on(cluster, mini.terms()) as graders:
            found = dict(graders.each(eval, ["'' + ''", deadly, "'a' + 'b'", "1 / 0"], ()))
    assert "all those workers died" in found.pop(deadly)
    assert found == {"'' + ''": "", "'a' + 'b'": "ab", "1 / 0": "ZeroDivisionError: division by zero"}


@pytest.fixture
def grading_for_once(mini: HandedIn, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """What `make grade-dask` does, in a course where most of what was handed in does not end."""
    config = "c.Execute.timeout = c.GradeInJail.notebook_seconds = 300\n"
    folder = mini.to_copy(tmp_path / "course", {"ada": RIGHT, "ben": ENDLESS, "cleo": ENDLESS}, config)
    program = "import sys; from autograder.classroom.cluster import main; main(sys.argv[1:])"
    with command(folder, program=program) as grading:
        yield grading


def test_a_cluster_for_one_run_that_is_stopped_leaves_nothing(grading_for_once: subprocess.Popen[str]) -> None:
    processes = in_the_middle(grading_for_once)
    os.killpg(grading_for_once.pid, signal.SIGINT)
    said, _ = grading_for_once.communicate(timeout=SOON)
    assert said == "Stopped. What was graded is kept; the same command goes on from there.\n"
    until(lambda: have_ended(processes))


def test_a_cluster_for_one_run_that_is_killed_leaves_nothing(grading_for_once: subprocess.Popen[str]) -> None:
    processes = in_the_middle(grading_for_once)
    grading_for_once.kill()
    assert until(lambda: have_ended(processes))
