"""The workers of a Dask cluster, to grade on: an Executor for `pool`.

Scheduler and workers are machines of the course, with the same version of the autograder on each, and bubblewrap; no
file of the course needs to be there. Nobody else may reach them: whoever can talk to a scheduler can run code on it.

    dask scheduler                                        on one machine
    dask worker tcp://HOST:8786 --nthreads 1 --nworkers -1  on each of them
    edf-course grade --scheduler tcp://HOST:8786

`python -m autograder.classroom.cluster` shows it on this machine alone.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from autograder.classroom.pool import VERSION, Graders, NoCluster, NoJail, WorkerDied, get_ready

if TYPE_CHECKING:
    from distributed import Client

    from autograder.jail.jail import Limits

CONNECT = 5.0  # seconds until a scheduler has to answer
WORKERS = 2  # of the cluster that `main` makes
READY = 120.0  # seconds until a worker has to be ready: the first time it imports the judge, and starts its jail
WITHOUT_WORKERS = 30.0  # seconds that a cluster may have none: a nanny starts a new one where one died
NAME = "edf-autograder"
SAME = f"the scheduler and each worker need '{NAME}[dask]' {VERSION}, as it is here."
KEPT = "What was graded stays graded; the same command goes on from there."


def cluster_graders(address: str, limits: Limits, jailed: bool = True) -> Graders:
    """Graders on the workers of the cluster whose scheduler has this address.

    Raises: NoCluster where there is none or it is not as it must be; NoJail where a worker has no jail.
    """
    executor = ClusterExecutor(address)
    try:
        workers = executor.make_ready(limits, jailed)
    except BaseException:
        executor.shutdown()
        raise
    return Graders(lambda: executor, workers, executor.check)


class ClusterExecutor(Executor):
    """The workers of a Dask cluster. What goes wrong with the cluster is said in words of the pool.

    Raises: NoCluster where no scheduler answers, or Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = _connected(address)
        self._executor = self._client.get_executor(pure=False)
        self._since: float | None = None  # when it was first seen to have no workers

    def make_ready(self, limits: Limits, jailed: bool) -> int:
        """See to it that every worker can grade, and has its jail; returns how many there are.

        Raises: NoCluster, NoJail.
        """
        workers = self._workers()
        if not workers:
            raise NoCluster(
                f"The Dask scheduler at {self.address} has no workers: start some with `dask worker {self.address}`."
            )
        for worker, found in self._on_each(workers, version, NAME):  # nothing of ours yet, which it may not know
            if found != VERSION:
                raise NoCluster(f"The worker at {worker} has {NAME} {found}, this machine {VERSION}: {SAME}")
        for _ in self._on_each(workers, get_ready, limits, jailed):
            pass
        return len(workers)

    def _on_each(self, workers: Sequence[str], work: Callable[..., Any], *arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call `work` on each worker; yield what it returns."""
        asked = {w: self._client.submit(work, *arguments, workers=[w], pure=False) for w in workers}
        until = time.monotonic() + READY
        for worker, future in asked.items():
            try:
                yield worker, future.result(max(0.0, until - time.monotonic()))
            except NoJail as error:
                raise NoJail(f"The worker at {worker}: {error}") from None
            except TimeoutError:
                raise NoCluster(f"The worker at {worker} was not ready within {READY:g} s.") from None
            except Exception as error:
                raise NoCluster(f"The worker at {worker} cannot grade ({_line(error)}): {SAME}") from None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule a call on a worker."""
        ours: Future[Any] = Future()
        theirs = self._executor.submit(fn, *args, **kwargs)
        theirs.add_done_callback(lambda done: self._pass_on(done, ours))
        return ours

    def _pass_on(self, theirs: Future[Any], ours: Future[Any]) -> None:
        from distributed.scheduler import KilledWorker

        try:
            ours.set_result(theirs.result())
        except CancelledError:
            ours.set_exception(self._gone())
        except KilledWorker as error:
            ours.set_exception(WorkerDied(str(error)))
        except BaseException as error:
            ours.set_exception(error)

    def check(self) -> None:
        """Raise NoCluster where the scheduler is gone, or all workers are and nobody starts new ones."""
        if self._workers():
            self._since = None
            return
        now = time.monotonic()
        self._since = self._since or now
        if now - self._since > WITHOUT_WORKERS:
            raise NoCluster(f"The Dask scheduler at {self.address} has no workers any more. {KEPT}")

    def _workers(self) -> list[str]:
        try:
            return sorted(self._client.nthreads())
        except (OSError, AttributeError):  # it has closed itself
            raise self._gone() from None

    def _gone(self) -> NoCluster:
        return NoCluster(f"The Dask scheduler at {self.address} is gone. {KEPT}")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """Leave the cluster. What has not begun is not begun any more; what has is not waited for."""
        self._executor.shutdown(wait=False)
        self._client.close()


def _connected(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise NoCluster("Dask is not installed here: pip install 'edf-autograder[dask]'.") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is said by us
    warnings.filterwarnings("ignore", module="distributed")
    if not _is_an_address(address):
        raise NoCluster(f"{address!r} is no address of a Dask scheduler, such as tcp://host:8786.")
    try:
        return Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoCluster(f"No Dask scheduler answers at {address} ({_line(error)}).") from None


def _is_an_address(text: str) -> bool:
    parts = urlsplit(text)
    try:
        return parts.scheme in ("tcp", "tls") and bool(parts.hostname and parts.port)
    except ValueError:
        return False


def _line(error: BaseException) -> str:
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def main(arguments: list[str]) -> None:
    """Grade, as `edf-course grade` with these arguments, on a small cluster that is there only for that."""
    from distributed import LocalCluster

    from autograder.grading import grade

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever hands out the jobs
    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=WORKERS, threads_per_worker=1, **quiet) as cluster:
        signal.signal(signal.SIGINT, interrupted)
        click.echo(f"Dask: {WORKERS} workers, with their scheduler at {cluster.scheduler_address}.")
        grade.main(["--scheduler", cluster.scheduler_address, *arguments], prog_name="edf-course grade")


if __name__ == "__main__":
    main(sys.argv[1:])
