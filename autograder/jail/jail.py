"""Where student code runs: a bubblewrap with a warm process in it, and for each submission a child of that.

What it promises: code in it sees Python, its packages and `edf_course`, without the autograder, sources of lectures,
the gradebook and other submissions; no network, no other process, an empty environment, a small empty /tmp of its own;
it cannot start programs, gain rights or outlive its time, and memory, files and output are limited.
What it does not: it shares the machine's kernel, so a hole in that is a hole in it. It does not hide that it is a jail,
and what else lies in /usr/lib and in Python's own lib folder can be read in it.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autograder.jail.seccomp import NoFilter, program
from autograder.jail.wire import Connection, WireError
from autograder.provenance.provenance import DERIVATIVES

MB = 1 << 20
START_SECONDS = 60.0
NOBODY = "65534"
HERE = Path(__file__).resolve().parent
AT = "/jail"  # where the packages are, inside
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/local/lib", "/lib", "/lib64", "/lib32")
WARM = ("numpy", "matplotlib.pyplot", "matplotlib.figure", "edf_course", "edf_course.data")
TORCH = ("torch", "torchgen", "functorch")
MODULES = ("wire.py", "worker.py", "lecture_cells.py", "zygote.py")
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from autograder.jail.zygote import main; main(sys.argv[1:])"
ENVIRONMENT = {
    "HOME": "/tmp", "USER": "nobody", "TMPDIR": "/tmp", "IPYTHONDIR": "/tmp/ipython", "MPLCONFIGDIR": "/tmp/matplotlib",
    "LANG": "C.UTF-8", "PYTHONUTF8": "1", "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
}  # fmt: skip


class JailError(Exception):
    """There is no jail on this machine, or it broke; the message says what to do."""


@dataclass(frozen=True)
class Limits:
    """What one submission may take: seconds of wall clock, bytes. `memory` comes on top of the warm process's."""

    notebook_seconds: float = 120.0
    cell_seconds: float = 20.0
    probe_seconds: float = 5.0
    grace_seconds: float = 2.0  # until a process that does not let itself be interrupted is killed
    restarts: int = 10  # how often a submission whose process died is begun anew, without the cell that did it
    memory: int = 2048 * MB
    scratch: int = 64 * MB
    cell_output: int = 400_000  # of what a cell shows, as it is written in JSON
    notebook_output: int = 1_500_000  # of what all cells show together
    open_files: int = 256
    threads: int = 64

    def of_process(self, jailed: bool) -> dict[str, int]:
        """The limits that a process is given before it runs."""
        limits = {
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": int(self.notebook_seconds) + 5,
            "RLIMIT_FSIZE": self.scratch,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
            "scratch": self.scratch,
        }
        return limits | (
            {"RLIMIT_NPROC": self.threads, "RLIMIT_MEMLOCK": 0, "RLIMIT_SIGPENDING": 256} if jailed else {}
        )


class Inmate:
    """The process that runs one submission: a connection to it, and a way to end it."""

    def __init__(self, connection: Connection, process: int, handle: int | None, jail: Jail) -> None:
        self.connection = connection
        self._process, self._handle, self._jail = process, handle, jail

    def kill(self) -> int | None:
        """End it, whatever it does, and all that it has started. Returns its exit code (negative: the signal)."""
        self.connection.close()
        try:
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            if not self._jail.jailed:
                os.killpg(self._process, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # it ended by itself
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        return self._jail.ending()


class Jail:
    """One warm process, for one submission at a time. A context manager.

    `jailed=False` runs the same process without any confinement but limits: for machines without bubblewrap, and for
    submissions of people whom one trusts. `torch=True` is for exercises about torch; else there is none inside.
    `everything=True` withholds no package: for tests of other people's, who may use any.
    Raises: JailError where there can be no jail.
    """

    def __init__(
        self, limits: Limits | None = None, *, jailed: bool = True, torch: bool = False, everything: bool = False
    ) -> None:
        self.limits, self.jailed, self.torch = limits or Limits(), jailed, torch
        self._withheld = [] if everything else withheld(torch)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None  # without a jail; in it there is a /tmp of its own

    def __enter__(self) -> Jail:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the warm process, and wait until it is ready."""
        if not hasattr(os, "fork"):
            raise JailError("Submissions run in forked processes, which this system does not have: grade on Linux.")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        read, write = os.pipe()
        command, environment, path = self._command(read, theirs.fileno())
        try:
            settings = {
                "path": path, "warm": [*WARM, *(["torch"] if self.torch else [])], "jailed": self.jailed,
                "withheld": self._withheld,
                "limits": self.limits.of_process(self.jailed), "filter": program().hex() if self.jailed else "",
            }  # fmt: skip
        except NoFilter as error:
            raise JailError(f"{error}. {WITHOUT}") from error
        with ours, theirs:
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=(read, theirs.fileno()), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=self._errors, start_new_session=True,
            )  # fmt: skip
            os.close(read)
            with open(write, "wb", buffering=0) as pipe, suppress(BrokenPipeError):  # it ended: said below
                pipe.write(json.dumps(settings).encode())
            self._control = ours.dup()
        if self._receive(START_SECONDS)[0] != "ready":
            said = self._said()
            self.close()
            raise JailError(f"The jail could not be started: {said}. {WITHOUT}")

    def _command(self, read: int, control: int) -> tuple[list[str], dict[str, str], list[str]]:
        end = [str(read), str(control)]
        if not self.jailed:
            here = HERE.parent.parent
            self._folder = tempfile.TemporaryDirectory(prefix="edf-jail-")
            environment = ENVIRONMENT | dict.fromkeys(("HOME", "TMPDIR"), self._folder.name)
            environment |= {"IPYTHONDIR": self._folder.name, "MPLCONFIGDIR": self._folder.name}
            return [str(python()), "-I", "-c", START, str(here), *end], environment, sys.path
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise JailError(f"bubblewrap is not here. {WITHOUT}")
        arguments, path = view(self._withheld, has_own_proc(bwrap))
        inside = [str(python()), "-I", "-S", "-c", START, AT, *end]
        return [bwrap, *arguments, "--", *inside], {"PATH": "/usr/bin:/bin"}, path

    def _receive(self, seconds: float) -> tuple[str, list[int]]:
        """The next word of the warm process, "" where none comes in time, and file descriptors with it."""
        assert self._control is not None
        if not select.select([self._control], [], [], seconds)[0]:
            return "", []
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 256, 1)
        except OSError:
            return "", []
        return message.decode(errors="replace"), list(descriptors)

    def _said(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says nothing"

    @contextmanager
    def inmate(self) -> Iterator[Inmate]:
        """A fresh process for one submission; it is ended, whatever happened, at the end of the block.

        Raises: JailError where none can be had.
        """
        assert self._control is not None, "start the jail first"
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
            except OSError as error:
                raise JailError(f"The jail is gone: {self._said()}") from error
            theirs.close()
            said, handles = self._receive(START_SECONDS)
            if not said.startswith("started "):
                raise JailError(f"The jail let nobody in: {said or self._said()}")
            inmate = Inmate(Connection(ours), int(said.split()[1]), handles[0] if handles else None, self)
            self._ended: int | None = None
            self._over = False
            try:
                if inmate.connection.receive(time.monotonic() + START_SECONDS).type != "ready":
                    raise WireError("another word than ready")
            except WireError as error:
                inmate.kill()
                raise JailError(f"A process could not be confined, and ran nothing: {self._said()}") from error
            try:
                yield inmate
            finally:
                inmate.kill()

    def ending(self) -> int | None:
        """How the latest inmate ended; waits until it has. Raises: JailError where it was never confined."""
        if not self._over:
            said, _ = self._receive(START_SECONDS)
            if not said.startswith("ended "):
                raise JailError(f"The jail is gone: {self._said()}")
            self._over, self._ended = True, int(said.split()[1])
        return self._ended

    @property
    def is_open(self) -> bool:
        """Whether the warm process is there."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the warm process, and with it everything in the jail."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._errors.close()
        if self._folder is not None:
            self._folder.cleanup()


WITHOUT = (
    "`edf-course doctor` says what this machine needs for a jail. With --no-jail submissions run as ordinary processes "
    "of yours, which can read and change all that you can: only for people whom you trust."
)


NAMESPACES = ("--unshare-all", "--cap-add", "ALL", "--uid", NOBODY, "--gid", NOBODY)


@functools.cache
def has_own_proc(bwrap: str) -> bool:
    """Whether the jail can have a /proc of its own; in a container that hides parts of its own it cannot."""
    trial = [bwrap, *NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--", "true"]
    return subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def view(withheld: Sequence[str], own_proc: bool = True) -> tuple[list[str], list[str]]:
    """What bubblewrap shows, as its arguments, and sys.path inside.

    Submissions see no /proc. The warm process, which is ours, does without one of its own where there can be none.
    """
    arguments = [*NAMESPACES, "--hostname", "jail", "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        arguments += ["--setenv", name, value]
    packages = package_folders()
    shown = [Path(place) for place in LIBRARIES]
    libraries = Path(sys.base_prefix).resolve() / "lib"
    if not any(libraries.is_relative_to(place) for place in shown):
        shown.append(libraries)
    for place in shown:
        arguments += _shown(place)
    for file in (str(python()), "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/usr/share/fonts"):
        arguments += ["--ro-bind-try", file, file]
    for hidden in sorted({*_places_of_packages(), *packages, HERE.parent.parent}):
        if hidden.is_dir() and any(hidden.is_relative_to(place) for place in shown):
            arguments += ["--tmpfs", str(hidden), "--remount-ro", str(hidden)]
    path = []
    for number, folder in enumerate(packages):
        inside = f"{AT}/packages{number}"
        arguments += ["--ro-bind", str(folder), inside, *_masks(folder, inside, withheld)]
        path.append(inside)
    arguments += ["--ro-bind", str(_folder_of("edf_course")), f"{AT}/edf_course"]
    for module in MODULES:
        arguments += ["--ro-bind", str(HERE / module), f"{AT}/autograder/jail/{module}"]
    arguments += ["--proc", "/proc"] if own_proc else ["--ro-bind", "/proc", "/proc"]
    arguments += ["--dev", "/dev", "--tmpfs", "/dev/pts", "--tmpfs", "/tmp", "--chdir", "/tmp"]
    return [*arguments, "--remount-ro", "/dev/pts", "--remount-ro", "/dev", "--remount-ro", "/"], path


def python() -> Path:
    """The program that Python is, outside any virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def withheld(torch: bool) -> list[str]:
    """The packages that there are not inside: those that know derivatives."""
    return sorted({*DERIVATIVES, *TORCH} - ({*TORCH, "sympy", "mpmath"} if torch else set()) - {"autograder"})


def package_folders(path: Sequence[str] | None = None) -> list[Path]:
    """The folders on sys.path that installed packages are in."""
    found = [Path(p).resolve() for p in (sys.path if path is None else path) if p]
    return [p for p in found if p.name in ("site-packages", "dist-packages") and p.is_dir()]


def _places_of_packages() -> set[Path]:
    """Where packages of this Python may be besides, outside its virtual environment."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    places = {Path(sysconfig.get_path(name, vars=base)) for name in ("purelib", "platlib")}
    places |= {Path(sys.base_prefix, "lib", version, "site-packages"), Path("/usr/lib/python3/dist-packages")}
    places |= set(Path("/usr/lib").glob("python3*/site-packages"))
    return places | set(Path("/usr/local/lib").glob("python3*/*-packages"))


def _shown(place: Path) -> list[str]:
    if place.is_symlink():
        return ["--symlink", os.readlink(place), str(place)]
    return ["--ro-bind", str(place), str(place)] if place.is_dir() else []


def _masks(folder: Path, inside: str, withheld: Sequence[str]) -> list[str]:
    """Empty folders over the packages that are withheld, and over those that are shown elsewhere."""
    arguments = []
    for name in [*withheld, "autograder", "edf_course"]:
        if (folder / name).is_dir():
            arguments += ["--tmpfs", f"{inside}/{name}", "--remount-ro", f"{inside}/{name}"]
    return arguments


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise JailError(f"{package} is not installed as a folder.")
    return Path(spec.submodule_search_locations[0]).resolve()
