"""Where submissions are graded: in processes of this machine, or on the workers of a Dask cluster.

A job is all that grading one submission needs, as plain data, so that a worker needs nothing of this machine but the
installed packages. Jobs are handed out a few at a time; where a worker dies, its jobs are done again.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import connection, forkserver, get_context, parent_process, util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.grades import SubmissionGrade
    from autograder.jail import Jail, Limits
    from autograder.lecture import Lecture

VERSION = version("edf-autograder")
AHEAD = 2  # jobs for each worker that are handed out at a time: it never waits for the next one
DEATHS = 3  # after so many of its workers have died, a submission is not tried again
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class NoJail(Exception):
    """A worker has no jail; the message says what to do."""


class NoCluster(Exception):
    """There is no such cluster, or it is not as it must be; the message says what to do."""


@dataclass(frozen=True)
class Terms:
    """What is the same for all submissions of a run. The secret decides what is asked; see `submission`."""

    lecture: Lecture
    secret: bytes
    limits: Limits
    jailed: bool = True
    version: str = VERSION


def grade_here(content: bytes, terms: Terms) -> SubmissionGrade:
    """Grade a submission in this process, in its warm jail.

    Where the jail breaks under a submission it is begun anew, once; then the submission is at fault, and that is said.
    Raises: NoJail where this machine has none; NoCluster where another version of the autograder is installed here.
    """
    from autograder.submission import JailError, grade

    if terms.version != VERSION:
        raise NoCluster(f"A worker has edf-autograder {VERSION}, the course {terms.version}: install the same on both.")
    said = ""
    with _one_at_a_time:
        for _ in range(2):
            try:
                jail = warm_jail(terms.limits, terms.jailed)
            except JailError as error:
                raise NoJail(str(error)) from None
            try:
                return grade(content, terms.lecture, terms.secret, jail)
            except JailError as error:
                said = str(error)
                discard(jail)
    return _ungraded(f"the jail broke while it ran, twice: {said}", terms)


_warm: dict[tuple[Limits, bool, bool], Jail] = {}
_one_at_a_time = threading.Lock()  # a worker of Dask has threads, a jail takes one submission at a time


def warm_jail(limits: Limits, jailed: bool, torch: bool = False) -> Jail:
    """The jail of this process with these limits; started when it is asked for first, and anew where it has ended.

    Raises: JailError where there can be none.
    """
    from autograder.jail import Jail

    key = (limits, jailed, torch)
    if key in _warm and not _warm[key].is_open:
        discard(_warm[key])
    if key not in _warm:
        jail = Jail(limits, jailed=jailed, torch=torch)
        jail.start()
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


def _begin(limits: Limits | None, jailed: bool) -> None:
    """Make a new worker ready. Where it has no jail, that is said when it is given its first job."""
    from autograder.jail import JailError

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever hands out the jobs
    util.Finalize(None, _close_jails, exitpriority=1)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    if limits is not None:
        with suppress(JailError):
            warm_jail(limits, jailed)


def _end_with_the_parent() -> None:
    """End this worker when the process that hands out the jobs is gone, be it killed: nobody waits for it any more."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    _close_jails()
    os._exit(1)


def preheat() -> None:
    """Start the process that local workers are forked from: it imports the judge, while this one does other things."""
    os.environ.update(ONE_THREAD | dict(os.environ))
    get_context("forkserver").set_forkserver_preload(["autograder.submission"])
    forkserver.ensure_running()


class LocalExecutor(ProcessPoolExecutor):
    """Processes of this machine, forked from one that has imported the judge; with `limits`, each has a warm jail."""

    def __init__(self, workers: int, limits: Limits | None = None, jailed: bool = True) -> None:
        preheat()
        context = get_context("forkserver")
        super().__init__(workers, mp_context=context, initializer=_begin, initargs=(limits, jailed))
        self.submit(os.getpid)  # it starts processes only when there is work

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """Let the workers go; what has not begun is not begun any more."""
        super().shutdown(wait, cancel_futures=cancel_futures)


def dask_executor(address: str) -> tuple[Executor, int]:
    """The workers of the Dask cluster whose scheduler has this address, and how many there are.

    Raises: NoCluster where there is none, or dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise NoCluster("Dask is not installed here: pip install 'edf-autograder[dask]'.") from None
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoCluster(f"No Dask scheduler answers at {address}: {error}") from None
    workers = len(client.scheduler_info(n_workers=-1)["workers"])
    if not workers:
        client.close()
        raise NoCluster(f"The Dask scheduler at {address} has no workers: start some with `dask worker {address}`.")
    atexit.register(client.close)
    return client.get_executor(), workers


class Graders:
    """Hands submissions to an executor and gives back what came of them, in the order in which they end.

    `make` makes the executor, and makes it anew where its workers have died.
    """

    def __init__(self, make: Callable[[], Executor], workers: int) -> None:
        self._make, self.workers = make, workers
        self._executor = make()
        self._deaths: Counter[str] = Counter()

    def run(self, jobs: Iterable[tuple[str, bytes]], terms: Terms) -> Iterator[tuple[str, SubmissionGrade]]:
        """Grade submissions (whose, and what); yield the grade of each as soon as it is there.

        A submission under which workers die again and again, at last alone, is not graded, and that is said.
        Raises: NoJail, NoCluster; whoever asks may begin again.
        """
        coming = iter(jobs)
        again: deque[tuple[str, bytes]] = deque()
        running: dict[Future[SubmissionGrade], tuple[str, bytes]] = {}
        width = 1  # until the first is there: so that it comes soon
        while True:
            while len(running) < width:
                job = next(coming, None) or (again.popleft() if again and not running else None)
                if job is None:
                    break
                running[self._submit(job[1], terms)] = job
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            died = []
            for future in done:
                job = running.pop(future)
                grade = self._grade_of(future, terms)
                if grade is None:
                    died.append(job)
                else:
                    yield job[0], grade
                    width = AHEAD * self.workers
            if died:  # and with them all that was waiting in the same pool
                died += running.values()
                running.clear()
                self._begin_anew()
            for job in died:
                self._deaths[job[0]] += 1
                if self._deaths[job[0]] < DEATHS:
                    again.append(job)
                else:
                    yield job[0], _ungraded("the process that grades it dies each time: out of memory?", terms)

    def each(self, work: Callable[..., Any], students: Iterable[str], of: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        """Call `work(*of, student)` for each student on the workers; yield what it returns, as it comes."""
        running = {self._executor.submit(work, *of, student): student for student in students}
        for future in as_completed(running):
            yield running[future], future.result()

    def _submit(self, content: bytes, terms: Terms) -> Future[SubmissionGrade]:
        try:
            return self._executor.submit(grade_here, content, terms)
        except BrokenProcessPool:  # a worker died while none was busy
            self._begin_anew()
            return self._executor.submit(grade_here, content, terms)

    def _grade_of(self, future: Future[SubmissionGrade], terms: Terms) -> SubmissionGrade | None:
        """What came of a submission; None where the pool broke."""
        try:
            return future.result()
        except BrokenProcessPool:
            return None
        except (NoJail, NoCluster):
            raise
        except CancelledError as error:
            raise NoCluster(f"The cluster is gone ({error}). What was graded stays graded.") from error
        except Exception as error:  # a fault of ours, or of the cluster: this one is looked at, the next is graded
            return _ungraded(f"the grader itself failed: {type(error).__name__}: {error}", terms)

    def _begin_anew(self) -> None:
        self._executor.shutdown(wait=False)
        self._executor = self._make()

    def close(self) -> None:
        """Let the workers go."""
        self._executor.shutdown()


def _ungraded(why: str, terms: Terms) -> SubmissionGrade:
    from autograder.grades import SubmissionGrade

    return SubmissionGrade((), why, jail="bubblewrap" if terms.jailed else "none", again=True)
