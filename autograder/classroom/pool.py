"""Where submissions are graded: in processes of this machine, or wherever an executor has its workers (see `cluster`).

A job is all that grading one submission needs, as plain data, so that a worker needs nothing of this machine but the
installed packages. Jobs are handed out a few at a time; where a worker dies, its jobs are done again.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from multiprocessing import connection, forkserver, get_context, parent_process, util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.jail.jail import Jail, Limits
    from autograder.submission.beside import Beside
    from autograder.submission.grades import SubmissionGrade
    from autograder.submission.lecture import Lecture

VERSION = version("edf-autograder")
AHEAD = 2  # jobs for each worker that are handed out at a time: it never waits for the next one
DEATHS = 3  # after so many of its workers have died, a job is not tried again
LOOK = 5.0  # seconds without news, after which one looks whether the workers are still there
LONGEST_TEMP_DIR = 107 - len("/pymp-xxxxxxxx/listener-xxxxxxxx")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class NoJail(Exception):
    """A worker has no jail; the message says what to do."""


class NoCluster(Exception):
    """There is no such cluster, or it is not as it must be; the message says what to do."""


class WorkerDied(Exception):
    """So many workers of a cluster died of a job, or while they had it."""

    deaths = DEATHS - 1  # by itself it was tried several times, but hardly alone


@dataclass(frozen=True)
class Terms:
    """What is the same for all submissions of a run. The secret decides what is asked; see `submission`."""

    lecture: Lecture
    secret: bytes
    limits: Limits
    jailed: bool = True
    version: str = VERSION


def grade_here(content: bytes, terms: Terms, beside: Beside | None = None) -> SubmissionGrade:
    """Grade a submission in this process, in its warm jail. `beside`: the files in its folder; see submission.grade.

    Where the jail breaks under a submission it is begun anew, once; then the submission is at fault, and that is said.
    Raises: NoJail where this machine has none; NoCluster where another version of the autograder is installed here.
    """
    from autograder.exercises import needs_torch
    from autograder.submission.submission import JailError, grade

    if terms.version != VERSION:
        raise NoCluster(f"A worker has edf-autograder {VERSION}, the course {terms.version}: install the same on both.")
    said = ""
    with _one_at_a_time:
        for _ in range(2):
            jail = _jail_here(terms.limits, terms.jailed, needs_torch(terms.lecture), terms.lecture.is_plain)
            try:
                return grade(content, terms.lecture, terms.secret, jail, beside)
            except JailError as error:
                said = str(error)
                discard(jail)
            except Exception as error:  # a fault of ours: this one is looked at by a human, the next one is graded
                discard(jail)
                return _ungraded(f"the grader itself failed: {type(error).__name__}: {error}", terms)
    return _ungraded(f"the jail broke while it ran, twice: {said}", terms)


def get_ready(limits: Limits, jailed: bool) -> None:
    """Import the judge and start the jail of this process, before there is something to grade.

    Raises: NoJail where this machine has none.
    """
    import autograder.submission.submission  # noqa: F401

    with _one_at_a_time:
        _jail_here(limits, jailed)


def _jail_here(limits: Limits, jailed: bool, torch: bool = False, everything: bool = False) -> Jail:
    from autograder.jail.jail import JailError

    try:
        return warm_jail(limits, jailed, torch, everything)
    except JailError as error:
        raise NoJail(str(error)) from None


_warm: dict[tuple[Limits, bool, bool, bool], Jail] = {}
_one_at_a_time = threading.Lock()  # a worker of Dask has threads, a jail takes one submission at a time


def warm_jail(limits: Limits, jailed: bool, torch: bool = False, everything: bool = False) -> Jail:
    """The jail of this process with these limits; started when it is asked for first, and anew where it has ended.

    Raises: JailError where there can be none.
    """
    from autograder.jail.jail import Jail, JailError

    key = (limits, jailed, torch, everything)
    if key in _warm and not _warm[key].is_open:
        discard(_warm[key])
    if key not in _warm:
        jail = Jail(limits, jailed=jailed, torch=torch, everything=everything)
        try:
            jail.start()
        except OSError as error:
            raise JailError(f"The jail could not be started: {error}") from error
        _warm[key] = jail
    return _warm[key]


def discard(jail: Jail) -> None:
    """End a jail, so that the next one is new."""
    for key in [key for key, known in _warm.items() if known is jail]:
        del _warm[key]
    jail.close()


def _close_jails() -> None:
    for jail in list(_warm.values()):
        discard(jail)


atexit.register(_close_jails)


def _begin(limits: Limits | None, jailed: bool, temporary: str) -> None:
    """Make a new worker ready. Where it has no jail, that is said when it is given its first job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever hands out the jobs
    util.Finalize(None, _close_jails, exitpriority=1)
    threading.Thread(target=_end_with_the_parent, args=(temporary,), daemon=True).start()
    gc.freeze()  # what was imported stays for good: to look through it again and again would only cost time and pages
    if limits is not None:
        with suppress(NoJail):
            get_ready(limits, jailed)


def _end_with_the_parent(temporary: str) -> None:
    """End this worker when who hands out the jobs is gone, be it killed; and remove that process's temporary files."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    try:
        _close_jails()
        shutil.rmtree(temporary, ignore_errors=True)
    finally:
        os._exit(1)


def _use_short_temp_dir() -> None:
    """Let multiprocessing keep its sockets in /tmp where TMPDIR leaves too little of a socket's 107 bytes."""
    longer = tempfile.gettempdir()
    if len(os.fsencode(longer)) > LONGEST_TEMP_DIR:
        tempfile.tempdir = "/tmp"
        try:
            util.get_temp_dir()  # makes it; from now on this one is used, and removed at the end
        finally:
            tempfile.tempdir = longer


@contextmanager
def _nothing_imported_from_here() -> Iterator[None]:
    """Keep a Python that is started from importing what lies in the current folder, which may be a submission's."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before


def preheat() -> None:
    """Start the process that local workers are forked from: it imports the judge, while this one does other things."""
    os.environ.update(ONE_THREAD | dict(os.environ))
    _use_short_temp_dir()
    get_context("forkserver").set_forkserver_preload(["autograder.submission.submission"])
    with _nothing_imported_from_here():
        forkserver.ensure_running()


class LocalExecutor(ProcessPoolExecutor):
    """Processes of this machine, forked from one that has imported the judge; with `limits`, each has a warm jail.

    The first worker gets ready while whoever grades does; the others start when it is.
    """

    def __init__(self, workers: int, limits: Limits | None = None, jailed: bool = True) -> None:
        preheat()
        context = get_context("forkserver")
        settings = (limits, jailed, util.get_temp_dir())
        super().__init__(workers, mp_context=context, initializer=_begin, initargs=settings)
        self._first = threading.Thread(target=self._start, daemon=True)
        self._first.start()

    def _start(self) -> None:
        """Start a worker, by giving it nothing to do; that waits until there is a process to fork it from."""
        with suppress(BrokenProcessPool, CancelledError, RuntimeError):  # it died, or nobody wants it any more
            super().submit(os.getpid).result()

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule a call on a worker."""
        self._first.join()
        return super().submit(*args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """Let the workers go: when they have done what they do, or at once where one does not `wait` for that."""
        workers = list((self._processes or {}).values())
        super().shutdown(wait, cancel_futures=cancel_futures)
        if not wait:
            for worker in workers:
                worker.terminate()


@dataclass(frozen=True)
class _Job:
    """A call of `work` for one student."""

    student: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]


class Graders:
    """Hands jobs to an executor and gives back what came of them, in the order in which they end.

    `make` makes the executor, and makes it anew where its workers have died. `check` raises NoCluster where there are
    no workers any more; it is called when there is no news. A context manager.
    """

    def __init__(self, make: Callable[[], Executor], workers: int, check: Callable[[], None] = lambda: None) -> None:
        self._make, self.workers, self._check = make, workers, check
        self._executor = make()
        self._running: dict[Future[Any], _Job] = {}

    def __enter__(self) -> Graders:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, jobs: Iterable[tuple[str, bytes] | tuple[str, bytes, Beside]], terms: Terms
    ) -> Iterator[tuple[str, SubmissionGrade]]:
        """Grade submissions (whose, the notebook, the files beside it); yield the grade of each as soon as it is there.

        A submission under which workers die again and again, at last alone, is not graded, and that is said.
        Raises: NoJail, NoCluster; whoever asks may begin again.
        """
        for student, future in self._all(_Job(job[0], grade_here, (job[1], terms, *job[2:])) for job in jobs):
            yield student, _grade_of(future, terms)

    def each(self, work: Callable[..., str], students: Iterable[str], of: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
        """Call `work(*of, student)` for each student on the workers; yield what it says, or how it failed."""
        for student, future in self._all(_Job(student, work, (*of, student)) for student in students):
            error = future.exception()
            yield student, f"{type(error).__name__}: {error}" if error else future.result()

    def _all(self, jobs: Iterable[_Job]) -> Iterator[tuple[str, Future[Any]]]:
        """Do all jobs; yield whose it was and the future of each as it ends."""
        coming = iter(jobs)
        again: deque[_Job] = deque()  # done last, and alone: of whom a worker dies then is at fault
        deaths: Counter[str] = Counter()
        running = self._running = {}
        stillborn = 0  # pools of which no worker lived until it got a job, one after the other
        while True:
            while len(running) < AHEAD * self.workers:
                job = next(coming, None) or (again.popleft() if again and not running else None)
                if job is None:
                    break
                try:
                    running[self._executor.submit(job.work, *job.arguments)] = job
                    stillborn = 0
                except BrokenProcessPool:
                    coming = chain([job], coming)
                    if running:  # they say so themselves
                        break
                    stillborn += 1
                    if stillborn == DEATHS:
                        raise NoCluster("No worker lives: each ends at once; the lines above say why.") from None
                    self._begin_anew()
            if not running:
                return
            done, _ = wait(running, LOOK, FIRST_COMPLETED)
            if not done:
                self._check()
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                done, _ = wait(running)  # it broke for all of them
                self._begin_anew()
            for future in done:
                job, error = running.pop(future), future.exception()
                if isinstance(error, (BrokenProcessPool, WorkerDied)):
                    deaths[job.student] += error.deaths if isinstance(error, WorkerDied) else 1
                    if deaths[job.student] < DEATHS:
                        again.append(job)
                        continue
                yield job.student, future

    def _begin_anew(self) -> None:
        self._executor.shutdown(wait=False)
        self._executor = self._make()

    def close(self) -> None:
        """Let the workers go, and end them where they are still at work."""
        self._executor.shutdown(wait=not self._running)


def _grade_of(future: Future[SubmissionGrade], terms: Terms) -> SubmissionGrade:
    """What came of a submission. Raises: NoJail, NoCluster."""
    try:
        return future.result()
    except (NoJail, NoCluster):
        raise
    except (BrokenProcessPool, WorkerDied):
        return _ungraded("the process that grades it dies each time: out of memory?", terms)
    except Exception as error:  # of ours, or of the cluster: this one is looked at, the next one is graded
        return _ungraded(f"the grader itself failed: {type(error).__name__}: {error}", terms)


def _ungraded(why: str, terms: Terms) -> SubmissionGrade:
    from autograder.submission.grades import SubmissionGrade

    return SubmissionGrade((), why, jail="bubblewrap" if terms.jailed else "none", again=True)
