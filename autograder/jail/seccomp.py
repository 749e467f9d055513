"""Which system calls a notebook may not make, as a filter for the kernel, written by libseccomp.

No new processes and programs: then the limit on the memory of one process is the limit on all, and nothing outlives it.
No memory that this limit does not see, no sockets but local ones, and nothing of what only those need who set up a
machine. Calls that are newer than this list do not exist, and a 32-bit call ends the process. libseccomp comes with
Debian, Ubuntu and Fedora as part of the system.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import socket
import struct
import tempfile

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
MASKED_EQUAL, NOT_EQUAL, EQUAL = 7, 1, 4
CLONE_THREAD = 0x00010000
SHARED_ANONYMOUS = 0x21  # MAP_SHARED | MAP_ANONYMOUS
TIOCSTI, TIOCLINUX = 0x5412, 0x541C

PROCESSES = "fork vfork execve execveat ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd"
MOUNTS = (
    "mount umount2 pivot_root chroot unshare setns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr "
    "name_to_handle_at open_by_handle_at swapon swapoff quotactl quotactl_fd"
)
UNCOUNTED_MEMORY = (
    "memfd_create memfd_secret shmget shmat shmctl semget semop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink "
    "add_key keyctl request_key inotify_init inotify_init1 io_uring_setup io_uring_enter io_uring_register vmsplice"
)
MACHINE = (
    "bpf perf_event_open userfaultfd init_module finit_module delete_module kexec_load kexec_file_load reboot syslog "
    "acct settimeofday clock_settime clock_adjtime adjtimex iopl ioperm personality vhangup nfsservctl lookup_dcookie "
    "migrate_pages move_pages sethostname setdomainname fanotify_init modify_ldt"
)
# Numbers are the same on all architectures from 424 on. libseccomp 2.5 knows those below this one by name; the newer
# ones (memfd_secret, mount_setattr, statmount …) are optional to every program, which falls back on older ones.
NEWER = 440
LOAD_NUMBER, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x35, 0x06  # instructions of a filter: code, two jumps, an operand


class NoFilter(Exception):
    """The filter cannot be made; the message says why."""


class _Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def program() -> bytes:
    """Return the filter as the kernel takes it. Raises: NoFilter where libseccomp is missing."""
    library = _library()
    context = library.seccomp_init(ALLOW)
    try:
        for name in " ".join((PROCESSES, MOUNTS, UNCOUNTED_MEMORY, MACHINE)).split():
            _deny(library, context, name, errno.EPERM)
        _deny(library, context, "clone3", errno.ENOSYS)  # its flags cannot be seen; then clone is asked
        _deny(library, context, "clone", errno.EPERM, _Comparison(0, MASKED_EQUAL, CLONE_THREAD, 0))
        for name in ("socket", "socketpair"):
            _deny(library, context, name, errno.EAFNOSUPPORT, _Comparison(0, NOT_EQUAL, socket.AF_UNIX, 0))
        _deny(library, context, "setsockopt", errno.EPERM, _Comparison(2, EQUAL, socket.SO_SNDBUF, 0))
        # pages of a shared mapping stay when all but one of them is unmapped, and are not counted any more
        _deny(library, context, "mmap", errno.EPERM, _Comparison(3, MASKED_EQUAL, SHARED_ANONYMOUS, SHARED_ANONYMOUS))
        for request in (TIOCSTI, TIOCLINUX):
            _deny(library, context, "ioctl", errno.EPERM, _Comparison(1, EQUAL, request, 0))
        with tempfile.TemporaryFile() as file:
            if library.seccomp_export_bpf(context, file.fileno()) != 0:
                raise NoFilter("libseccomp could not write the filter")
            file.seek(0)
            return _nothing_newer() + file.read()
    finally:
        library.seccomp_release(context)


def _nothing_newer() -> bytes:
    """The beginning of a filter: a number that is newer than the list gets ENOSYS, any other goes on to the rest."""
    instructions = (LOAD_NUMBER, 0, 0, 0), (JUMP_IF_AT_LEAST, 0, 1, NEWER), (RETURN, 0, 0, ERRNO | errno.ENOSYS)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise NoFilter("libseccomp.so.2 is not here") from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison),
    ]  # fmt: skip
    return library


def _deny(library: ctypes.CDLL, context: int, name: str, code: int, *when: _Comparison) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:  # not on this architecture, or newer than this libseccomp
        return
    comparisons = (_Comparison * len(when))(*when) if when else None
    if library.seccomp_rule_add_array(context, ERRNO | code, number, len(when), comparisons) != 0:
        raise NoFilter(f"libseccomp refused the rule on {name}")
