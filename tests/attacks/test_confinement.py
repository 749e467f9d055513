"""What a process in the jail cannot do to the machine, to the grader, and to whoever is graded next."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.jail.jail import Jail, view, withheld
from autograder.submission.submission import SubmissionGrade, grade
from tests.attacks.conftest import Grader
from tests.attacks.lecture import FULL, LECTURE, LIMITS, SECRET, submission
from tests.tools import needs

Ran = Callable[[str], str]

CALLS = {  # of x86_64; with zeros for arguments nothing comes of those that are let through
    "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155,
    "chroot": 161, "acct": 163, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "sethostname": 170,
    "iopl": 172, "ioperm": 173, "init_module": 175, "modify_ldt": 154, "kexec_load": 246, "add_key": 248,
    "request_key": 249, "keyctl": 250, "migrate_pages": 256, "unshare": 272, "vmsplice": 278, "move_pages": 279,
    "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "finit_module": 313, "memfd_create": 319, "kexec_file_load": 320, "bpf": 321, "execveat": 322, "userfaultfd": 323,
    "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "clone3": 435, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "memfd_secret": 447, "cachestat": 451, "map_shadow_stack": 453, "statmount": 457, "listmount": 458, "newest": 1000,
    "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240, "settimeofday": 164, "inotify_init": 253,
    "x32 getpid": 0x40000000 + 39, "x32 ptrace": 0x40000000 + 521, "x32 execve": 0x40000000 + 520,
}  # fmt: skip
TRIES_CALLS = """\
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {calls!r}.items():
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6)
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        print('LET THROUGH', name)
print('getpid', libc.syscall(39))
"""
TRIES_CLONES = """\
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
VM, FS, FILES, SIGHAND, THREAD = 0x100, 0x200, 0x400, 0x800, 0x10000
for name, flag in dict(nothing=0, vm=VM, files=VM | FILES, vfork=0x4000, parent=0x8000, user=0x10000000,
                       pid=0x20000000, net=0x40000000, mounts=0x20000, cgroup=0x2000000, uts=0x4000000,
                       ipc=0x8000000, time=0x80).items():
    if libc.syscall(56, flag | 17, 0, 0, 0, 0) != -1:
        print('LET THROUGH', name)
for name, flag in dict(user=0x10000000, pid=0x20000000, net=0x40000000, mounts=0x20000).items():
    if libc.syscall(56, flag | VM | SIGHAND | THREAD, 0, 0, 0, 0) != -1:
        print('LET THROUGH a thread in another namespace:', name)
"""
TRIES_SOCKETS = """\
import socket
for family in range(46):
    for kind in (1, 2, 3, 5):
        for make in (socket.socket, socket.socketpair):
            try:
                make(family, kind)
            except OSError:
                continue
            if family != socket.AF_UNIX:
                print('LET THROUGH', family, kind, make)
"""
OF_32_BIT = """\
import ctypes, mmap
code = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
code.write(b'\\xb8\\x02\\x00\\x00\\x00\\xcd\\x80\\xc3')  # mov eax, 2 (fork); int 0x80; ret
print('LET THROUGH', ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))())
"""
TRIES_FILES = """\
import os
tried = 0
for folder, folders, files in os.walk('/'):
    folders[:] = [f for f in folders if not os.path.join(folder, f).startswith(('/tmp', '/dev/shm'))]
    for path in [folder, *(os.path.join(folder, f) for f in files[:10])]:
        if path.startswith(('/tmp', '/dev/shm')) or os.path.islink(path):
            continue
        now = os.stat(path)
        tried += 1
        for change in (lambda: os.chmod(path, now.st_mode), lambda: os.utime(path, (now.st_atime, now.st_mtime)),
                       lambda: os.setxattr(path, 'user.left', b'1'), lambda: os.rename(path, path + '.left')):
            try:
                change()
            except OSError:
                continue
            print('CHANGED', path)
print('TRIED', tried)
"""
TRIES_TERMINALS = """\
import fcntl, os
try:
    print('OPENED', os.openpty())
except OSError:
    pass
for name in ('/dev/tty', '/dev/console', '/dev/ptmx', '/dev/pts/ptmx'):
    try:
        fcntl.ioctl(os.open(name, os.O_RDWR), 0x5412, b'x')
        print('TYPED', name)
    except OSError:
        pass
"""
SHARED_MAPPINGS = """\
import ctypes, os
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
for flags, file in ((0x21, -1), (0x01, os.open('/dev/zero', os.O_RDWR))):
    place = libc.mmap(None, 100 << 20, 3, flags, file, 0)
    if place not in (None, 2**64 - 1):
        print('UNCOUNTED', flags)
"""
SOCKET_BUFFERS = """\
import array, os, socket
held, ends = 0, []
try:
    while True:
        pair = socket.socketpair()
        ends += pair
        for end in pair:
            end.setblocking(False)
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 26)
            except OSError:
                pass
            try:
                while True:
                    held += end.send(bytes(65536))
            except BlockingIOError:
                pass
except OSError:
    print('HELD', held >> 20)
"""
SMALL_THREADS = """\
import threading, time
threading.stack_size(65536)
try:
    for _ in range(3000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
except RuntimeError:
    pass
time.sleep(1)
print('MADE', threading.active_count())
"""
LOOKS_FOR_THE_TRUTH = """\
import gc, sys
def arrays():
    frame = sys._getframe()
    while frame:
        yield from frame.f_locals.values()
        yield from (v for v in frame.f_globals.values() if isinstance(v, (np.ndarray, dict, list, tuple)))
        frame = frame.f_back
    yield from gc.get_objects()
def is_there(right):
    todo, seen = list(arrays()), set()
    while todo:
        thing = todo.pop()
        if thing is right or id(thing) in seen or len(seen) > 200_000:
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray) and thing.shape == right.shape and thing.dtype.kind == 'f':
            if np.allclose(thing, right) and not np.allclose(right, 0):
                return True
        elif isinstance(thing, dict):
            todo += [v for v in thing.values() if isinstance(v, (np.ndarray, dict, list, tuple))]
        elif isinstance(thing, (list, tuple)) and len(thing) < 100:
            todo += [v for v in thing if isinstance(v, (np.ndarray, dict, list, tuple))]
    return False
looked, found = [], []
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x
    def forward(self):
        x = self.x.value
        found.append(is_there(1 / (1 + np.exp(-x))))
        self.value = x * 0
    def backward(self):
        y = 1 / (1 + np.exp(-self.x.value))
        looked.append(1)
        found.append(is_there(self.grad * (1 / (1 + np.exp(-self.x.value))) * (1 - 1 / (1 + np.exp(-self.x.value)))))
        self.x.addgrad(self.grad * 0)
"""
LEAVES_THINGS = """\
import ctypes, os, socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
for name in ('\\0left', '/tmp/left', '/dev/shm/left'):
    try:
        s = socket.socket(socket.AF_UNIX)
        s.bind(name)
        s.listen()
    except OSError as error:
        print(error)
for place in ('/dev/null', '/dev/pts', '/jail', '/usr', '/tmp', '/proc'):
    try:
        os.chmod(place, 0o701)
        os.utime(place, (1, 1))
    except OSError:
        pass
os.umask(0o777)
os.nice(5)
np.random.seed(4321)
sys.path.insert(0, '/tmp')
sys.modules['left'] = sys
"""
FINDS_THINGS = """\
import os, socket, sys
found = []
for name in ('\\0left', '/tmp/left', '/dev/shm/left'):
    try:
        socket.socket(socket.AF_UNIX).connect(name)
        found.append(name)
    except OSError:
        pass
found += [p for p in ('/dev/null', '/dev/pts', '/jail', '/usr', '/proc') if os.stat(p).st_mtime == 1]
found += ['mode' for p in ('/dev/null', '/dev/pts') if os.stat(p).st_mode & 0o777 == 0o701]
mask = os.umask(0o022)
if mask == 0o777 or os.nice(0) or 'left' in sys.modules or '/tmp' in sys.path:
    found.append('state')
if np.random.get_state()[1][0] == 4321:
    found.append('random state')
print('FOUND', found)
"""
READS_EVERYTHING = """\
import os
kept = {'/jail/autograder/jail/' + name for name in ('wire.py', 'worker.py', 'zygote.py', 'lecture_cells.py')}
seen = 0
for folder, folders, files in os.walk('/'):
    for name in files:
        path = os.path.join(folder, name)
        seen += 1
        parts = path.split('/')
        a_gradebook = name == 'gradebook.db' and 'nbgrader' not in parts
        if 'autograder' in parts[:-1] and path not in kept or 'solutions' in parts or a_gradebook:
            print('FOUND', path)
        if folder.startswith('/jail/packages') and parts[3] in ('torch', 'jax', 'autograd', 'sympy', 'micrograd'):
            print('FOUND', path)
        is_text = name.endswith(('.py', '.pth', '.json', '.ipynb', '.txt'))
        may_be_ours = is_text and ('edf' in path or 'packages' not in path) and os.path.exists(path)
        if may_be_ours and os.path.getsize(path) < 1_000_000:
            text = open(path, errors='replace').read()
            if 'BEGIN ' 'SOLUTION' in text or 'node_' 'exercise(' in text:
                print('FOUND', path)
print('SEEN', seen)
"""


@pytest.fixture(scope="module")
def patient() -> Iterator[Jail]:
    """A jail with time to look at every file."""
    needs("bwrap")
    with Jail(replace(LIMITS, cell_seconds=60, notebook_seconds=90)) as made:
        yield made


@pytest.fixture
def ran(graded: Grader) -> Ran:
    """What a cell prints, in a submission that is graded rightly all the same."""

    def run(source: str) -> str:
        result = graded(submission(first=source))
        assert tuple(e.points for e in result.exercises) == FULL
        return printed(result)

    return run


def printed(result: SubmissionGrade) -> str:
    outputs = [o for c in json.loads(result.notebook)["cells"] for o in c.get("outputs", [])]
    return "\n".join("".join(o.get("text", "")) + o.get("evalue", "") for o in outputs)


on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86_64")


@on_x86
def test_no_system_call_goes_through_that_only_a_machine_s_owner_needs(graded: Grader) -> None:
    said = printed(graded(submission(between=TRIES_CALLS.format(calls=CALLS))))
    assert "LET THROUGH" not in said
    assert "getpid 1" in said  # and others do


@on_x86
def test_no_process_and_no_namespace_can_be_made(ran: Ran) -> None:
    assert "LET THROUGH" not in ran(TRIES_CLONES)


@on_x86
def test_a_32_bit_call_ends_the_process(graded: Grader) -> None:
    result = graded(submission(between=OF_32_BIT))
    assert tuple(e.points for e in result.exercises) == FULL
    assert "code -31" in result.notes[0]  # SIGSYS


def test_there_are_only_local_sockets(ran: Ran) -> None:
    assert "LET THROUGH" not in ran(TRIES_SOCKETS)


def test_nothing_but_an_own_tmp_can_be_changed_not_even_a_mode_or_a_time(patient: Jail) -> None:
    said = printed(grade(submission(last=TRIES_FILES), LECTURE, SECRET, patient))
    assert "CHANGED" not in said
    assert int(said.partition("TRIED ")[2].split()[0]) > 1000


def test_there_is_no_terminal_to_type_into(ran: Ran) -> None:
    said = ran(TRIES_TERMINALS)
    assert "OPENED" not in said
    assert "TYPED" not in said


def test_memory_that_no_limit_counts_is_not_to_be_had(ran: Ran) -> None:
    assert "UNCOUNTED" not in ran(SHARED_MAPPINGS)
    held = re.search(r"HELD (\d+)", ran(SOCKET_BUFFERS))
    assert held is not None
    assert int(held[1]) < 200


def test_threads_are_limited_also_where_root_grades(jail: Jail) -> None:
    result = grade(submission(between=SMALL_THREADS), LECTURE, SECRET, jail)
    assert tuple(e.points for e in result.exercises) == FULL
    made = re.search(r"MADE (\d+)", printed(result))
    killed = any("killed" in note for note in result.notes)
    assert killed if made is None else int(made[1]) <= jail.limits.threads


def descendants(process: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{process}/task"):
            for child in Path(f"/proc/{process}/task/{task}/children").read_text().split():
                found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found


def test_a_submission_is_the_first_to_die_when_memory_runs_out(jail: Jail) -> None:
    scores: list[int] = []

    def watch() -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and 1000 not in scores:
            for process in descendants(os.getpid()):
                with contextlib.suppress(OSError):
                    scores.append(int(Path(f"/proc/{process}/oom_score_adj").read_text()))
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    grade(submission(first="import time\ntime.sleep(0.5)"), LECTURE, SECRET, jail)
    watcher.join()
    assert max(scores) == 1000
    assert int(Path("/proc/self/oom_score_adj").read_text()) < 1000


def test_the_truth_is_nowhere_in_the_process_while_it_is_asked(graded: Grader) -> None:
    result = graded(submission(sigmoid=LOOKS_FOR_THE_TRUTH, last="print('LOOKED', len(looked), any(found))"))
    said = re.search(r"LOOKED (\d+) (\w+)", printed(result))
    assert said is not None
    assert int(said[1]) > 0
    assert said[2] == "False"
    assert result.exercises[0].points == 0


def test_the_search_for_the_truth_finds_it_where_it_is(graded: Grader) -> None:
    """So that the test above can fail: here the right gradient lies in a global."""
    planted = LOOKS_FOR_THE_TRUTH.replace(
        "looked.append(1)", "looked.append(1); looked.append(self.grad * y * (1 - y))"
    )
    result = graded(submission(sigmoid=planted, last="print('LOOKED', any(found))"))
    assert "LOOKED True" in printed(result)


def test_nothing_is_left_for_the_next_one(graded: Grader) -> None:
    graded(submission(between=LEAVES_THINGS, last="import os\nos._exit(0)"))
    assert "FOUND []" in printed(graded(submission(first=FINDS_THINGS)))


def test_no_answer_and_no_judge_lies_among_the_files_that_can_be_read(patient: Jail) -> None:
    said = printed(grade(submission(last=READS_EVERYTHING), LECTURE, SECRET, patient))
    assert "FOUND" not in said
    assert int(said.partition("SEEN ")[2].split()[0]) > 1000


def test_the_folder_that_the_grader_comes_from_is_not_shown_even_inside_a_shown_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = Path("/usr/lib/python3/course") / "autograder"
    monkeypatch.setattr("autograder.jail.jail.HERE", course / "jail")
    monkeypatch.setattr(Path, "is_dir", lambda self: True)
    arguments, _ = view(withheld(torch=False))
    hidden = {arguments[i + 1] for i, argument in enumerate(arguments) if argument == "--tmpfs"}
    assert str(course.parent) in hidden
