"""Run a command on this machine as on one that lacks something: `python restricted.py CALLS COMMAND…`.

CALLS are names of system calls, with commas between, that are refused as a container's filter refuses them;
"namespaces" stands for those flags of clone that make some.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

ALLOW, ERRNO, MASKED_EQUAL = 0x7FFF0000, 0x00050000, 7
NAMESPACE_FLAGS = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
PR_SET_NO_NEW_PRIVS = 38
# What Docker's own profile (of 2024) refuses to containers without CAP_SYS_ADMIN; and of it what a jail needs.
NEEDED = ("namespaces", "unshare", "mount", "umount2", "pivot_root", "sethostname")
NOT_NEEDED = (
    "bpf", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount_setattr", "move_mount",
    "open_tree", "perf_event_open", "quotactl", "setdomainname", "setns", "syslog", "keyctl", "add_key", "request_key",
    "userfaultfd", "kexec_load", "open_by_handle_at", "reboot", "swapon", "acct", "init_module",
)  # fmt: skip


class Comparison(ctypes.Structure):
    """libseccomp's struct scmp_arg_cmp."""

    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def refuse(calls: list[str]) -> None:
    """Refuse these system calls to this process and all that it starts."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison),
    ]  # fmt: skip
    context = library.seccomp_init(ALLOW)

    def rule(name: str, code: int, *when: Comparison) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        array = (Comparison * len(when))(*when) if when else None
        if library.seccomp_rule_add_array(context, ERRNO | code, number, len(when), array) != 0:
            raise OSError(f"no rule on {name}")

    for name in calls:
        if name == "namespaces":
            for flag in NAMESPACE_FLAGS:
                rule("clone", errno.EPERM, Comparison(0, MASKED_EQUAL, flag, flag))
            rule("clone3", errno.ENOSYS)
        else:
            rule(name, errno.EPERM)
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if library.seccomp_load(context) != 0:
        raise OSError("the filter was not taken")


if __name__ == "__main__":
    refuse(sys.argv[1].split(","))
    os.execvp(sys.argv[2], sys.argv[2:])
