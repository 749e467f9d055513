"""The warm process: everything is imported once, and each submission gets a fork of it.

It runs inside bubblewrap, with all capabilities of a user namespace and of nothing else, and runs no student's code.
For each socket that comes over its control socket it forks a child with a process tree, mounts and message queues of
its own, in which there is nobody else, nothing can be gained any more, and one submission is run.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import socket
import stat
import sys
from collections.abc import Mapping, Sequence

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAP_AMBIENT = 24, 38, 22, 47
PR_CAP_AMBIENT_CLEAR_ALL, SECCOMP_MODE_FILTER = 4, 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522
WATCH_SECONDS = 0.1


class Withheld:
    """Finds no package of these names, though there is an empty folder in the place of each."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse to look for what is withheld. Raises: ModuleNotFoundError."""
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class NotJailed(Exception):
    """A step of the confinement did not succeed; then nothing is run."""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def serve(control: socket.socket, jailed: bool, limits: Mapping[str, int], filter_: bytes) -> None:
    """Fork a child for each socket that comes, until the control socket is closed."""
    from autograder.jail.worker import make_shell

    shell = make_shell()
    if jailed:
        _protect_devices()
    limits = {**limits, "RLIMIT_AS": limits["RLIMIT_AS"] + _address_space()}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # else the first collection in each child copies every page
    control.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            return
        if os.fork() == 0:
            end = socket.socket(fileno=descriptors[0])
            _supervise(control, end, shell, jailed, limits, filter_)
        os.close(descriptors[0])


def _supervise(
    control: socket.socket, end: socket.socket, shell: object, jailed: bool, limits: Mapping[str, int], filter_: bytes
) -> None:
    """Start the child in namespaces of its own, tell who it is and how it ended. Never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        libc = ctypes.CDLL(None, use_errno=True)
        if jailed:
            _must(libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC), "unshare")
        processes = os.open("/proc", os.O_RDONLY) if jailed else -1  # for the child hides it from both
        child = os.fork()
        if child == 0:
            _be_the_child(control, end, shell, libc, jailed, limits, filter_)
        end.close()
        handles = [os.pidfd_open(child)] if hasattr(os, "pidfd_open") else []
        socket.send_fds(control, [f"started {child}".encode()], handles)
        if jailed and handles:
            shown = _place_in(processes, handles[0])
            _let_it_die_first(shown, processes)
            _watch(child, handles[0], shown, processes, limits["RLIMIT_NPROC"])
        _, status = os.waitpid(child, 0)
        control.send(f"ended {os.waitstatus_to_exitcode(status)}".encode())
    except (OSError, NotJailed) as error:
        control.send(f"failed {error}".encode()[:200])
    finally:
        os._exit(0)


def _address_space() -> int:
    """What this process has mapped already, in bytes: a torch with CUDA maps gigabytes, and uses little of them."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux
        return 0


def _place_in(processes: int, handle: int) -> str:
    """The name of a process in /proc, which is that of a container where there can be none of our own."""
    with open(os.open(f"self/fdinfo/{handle}", os.O_RDONLY, dir_fd=processes)) as file:
        return next((line.split()[1] for line in file if line.startswith("Pid:")), "-1")


def _let_it_die_first(shown: str, processes: int) -> None:
    """Have the kernel choose this process and not the grader when the machine has no memory left."""
    with contextlib.suppress(OSError):  # it has ended already, or /proc is a container's, and read-only
        score = os.open(f"{shown}/oom_score_adj", os.O_WRONLY, dir_fd=processes)
        os.write(score, b"1000")
        os.close(score)


def _watch(child: int, handle: int, shown: str, processes: int, most: int) -> None:
    """Wait until the child ends, and end it where it has too many threads: RLIMIT_NPROC does not hold for root."""
    while not select.select([handle], [], [], WATCH_SECONDS)[0]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            tasks = os.open(f"{shown}/task", os.O_RDONLY, dir_fd=processes)
            if os.fstat(tasks).st_nlink > most + 2:  # a link from itself, from above, and from each thread
                os.kill(child, signal.SIGKILL)
            os.close(tasks)


def _be_the_child(
    control: socket.socket, end: socket.socket, shell: object, libc: ctypes.CDLL, jailed: bool,
    limits: Mapping[str, int], filter_: bytes,
) -> None:  # fmt: skip
    from autograder.jail.worker import Shell, work

    code = 1
    try:
        control.close()
        os.setsid()
        if jailed:
            _hide(libc, limits["scratch"])
        for name, most in limits.items():
            if name.startswith("RLIMIT_"):
                hard = resource.getrlimit(getattr(resource, name))[1]
                most = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(getattr(resource, name), (most, most))
        os.chdir(os.environ["TMPDIR"])
        if jailed:
            _drop_everything(libc, filter_)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        os.closerange(3, end.fileno())
        os.closerange(end.fileno() + 1, 1024)
        assert isinstance(shell, Shell)
        work(end, shell)
        code = 0
    except (OSError, NotJailed) as error:
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(code)


def _protect_devices() -> None:
    """Let nobody change modes and times of devices: they are the machine's, and belong to root, who may be grading.

    /dev/zero gives memory that no limit counts, so that /dev/null stands for it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _must(libc.unshare(CLONE_NEWNS), "unshare")
    _must(libc.mount(b"/dev/null", b"/dev/zero", None, MS_BIND, None), "mount /dev/zero")
    for device in os.scandir("/dev"):
        if stat.S_ISCHR(device.stat(follow_symlinks=False).st_mode):
            kept = os.statvfs(device.path).f_flag & (MS_NOSUID | MS_NOEXEC)
            flags = MS_REMOUNT | MS_BIND | MS_RDONLY | kept
            _must(libc.mount(b"none", os.fsencode(device.path), None, flags, None), f"mount {device.path}")


def _hide(libc: ctypes.CDLL, scratch: int) -> None:
    """Put fresh, small, empty folders over everything that can be written or that tells of others."""
    _must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
    flags = MS_NOSUID | MS_NODEV
    _must(libc.mount(b"tmpfs", b"/proc", b"tmpfs", flags | MS_RDONLY, b"size=4096"), "mount /proc")
    for place, size in ((b"/dev/shm", scratch // 4), (b"/tmp", scratch)):
        options = f"size={size},nr_inodes=2000,mode=700".encode()
        _must(libc.mount(b"tmpfs", place, b"tmpfs", flags, options), f"mount {place.decode()}")


def _drop_everything(libc: ctypes.CDLL, filter_: bytes) -> None:
    """Give up every capability, for good, and every system call that a notebook has no business with."""
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # there are no more
    _must(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl ambient")
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    _must(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    _must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs")
    program = _Program(len(filter_) // 8, filter_)
    _must(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "prctl seccomp")


def _must(result: int, what: str) -> None:
    if result != 0:
        raise NotJailed(f"{what}: {os.strerror(ctypes.get_errno())}")


def main(arguments: list[str]) -> None:
    """Read the settings from the pipe that the first argument names, and serve on the socket of the second."""
    import json

    with open(int(arguments[0]), "rb") as pipe:
        settings = json.load(pipe)
    sys.path[:0] = settings["path"]
    sys.meta_path.insert(0, Withheld(settings["withheld"]))
    for name in settings["warm"]:
        __import__(name)
    control = socket.socket(fileno=int(arguments[1]))
    serve(control, settings["jailed"], settings["limits"], bytes.fromhex(settings["filter"]))
