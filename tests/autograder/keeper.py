"""Runs a command, and tells how it ended and which of its processes are left some seconds later.

    python keeper.py REPORT COMMAND

It inherits the orphans of the command. REPORT is a JSON file.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 20.0  # seconds until what should end by itself is taken for left behind


def keep(report: Path, command: list[str]) -> None:
    """Run the command, wait until its processes have ended, and write the report."""
    signal.signal(signal.SIGINT, lambda *_: None)  # which Ctrl-C sends to all: it is for the command
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = subprocess.Popen(command).wait()
    at = time.monotonic()
    left = _descendants()
    while left and time.monotonic() < at + PATIENCE:
        time.sleep(0.05)
        left = _descendants()
    report.write_text(json.dumps({"code": code, "at": at, "left": [str(process) for process in left]}))
    for process in left:
        process.kill()


def _descendants() -> list[psutil.Process]:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    return psutil.Process().children(recursive=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), sys.argv[2:])
