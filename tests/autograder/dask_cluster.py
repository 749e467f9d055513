"""A real Dask scheduler and real workers, as their command line starts them, which can see no file of a course."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

SECONDS = 60.0  # until they are there, on a busy machine


class Cluster:
    """A scheduler on a free port of this machine, and the workers that are started for it. A context manager.

    scratch: an empty folder for what they write. hidden: a folder that none of them can see. environment: what the
    scheduler's is besides.
    """

    def __init__(self, scratch: Path, hidden: Path, **environment: str) -> None:
        self.scratch, self.hidden = scratch, hidden
        self.workers: list[subprocess.Popen[bytes]] = []
        arguments = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0")
        self.scheduler = self._start("scheduler", *arguments, **environment)
        self.address = self._wait_for("scheduler", "Scheduler at:").split()[-1]

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers, self.scheduler):
            for child in (*psutil.Process(process.pid).children(), process) if process.poll() is None else ():
                child.kill()
            process.wait()

    def add_worker(self, *, threads: int = 1, nanny: bool = False, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker and return it when the scheduler knows it; with a nanny another follows where it dies."""
        name = f"worker{len(self.workers)}"
        folder = self.scratch / name
        folder.mkdir()
        arguments = ("worker", self.address, "--nthreads", str(threads), "--no-dashboard", "--local-directory", folder)
        self.workers.append(self._start(name, *arguments, "--nanny" if nanny else "--no-nanny", **environment))
        self._wait_for(name, "Registered to:")
        return self.workers[-1]

    def _start(self, name: str, *arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        hiding = ["--dev-bind", "/", "/", "--tmpfs", self.hidden, "--die-with-parent", "--chdir", self.scratch]
        python = [sys.executable, *filter(None, [environment.pop("WITHOUT_SITE", "")])]
        command = [str(shutil.which("bwrap")), *hiding, *python, "-m", "dask", *arguments]
        with (self.scratch / f"{name}.log").open("wb") as log:
            return subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)

    def _wait_for(self, name: str, text: str) -> str:
        """The line of a log with that text, as soon as there is one."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            log = (self.scratch / f"{name}.log").read_text()
            for line in log.splitlines():
                if text in line:
                    return line
            time.sleep(0.1)
        raise AssertionError(f"the {name} did not start:\n{log}")
