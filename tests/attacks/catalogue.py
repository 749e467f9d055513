"""What a submission may try, row by row of a list of attacks: its number, a name, the file, what it deserves.

`NONE` means that there is no right answer in it. The rows are numbered as in the list that the course keeps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.attacks.lecture import FULL, NOTHING, SGD, SIGMOID, cells, notebook, submission, without_an_answer

NONE = (0.0, 0.0, 0.0)


class Attack(NamedTuple):
    """A submission that tries something."""

    row: int
    name: str
    content: bytes
    deserves: tuple[float, ...] = NONE


ODD_VALUES = {
    "of no entries": "np.zeros((0, 4))", "a number": "0.5", "objects": "np.array([[print]])", "text": "np.array('x')",
    "records": "np.zeros(3, 'i4,f8')", "dates": "np.zeros((3, 4), 'M8[s]')", "a matrix": "np.matrix('1 2')",
    "masked": "np.ma.masked_all((3, 4))", "a generator": "(i for i in [])", "itself": "self", "None": "None",
}  # fmt: skip


def tagged(tags: list[str], only: str) -> bytes:
    """Nothing right, and cells with tags that steer a run."""
    made = cells(**NOTHING)
    for cell in made:
        if only in cell["metadata"].get("nbgrader", {}).get("grade_id", ""):
            cell["metadata"]["tags"] = tags
    return notebook(made)


def backward(*lines: str) -> str:
    """Sigmoid with its forward, and these lines as backward."""
    head = SIGMOID[: SIGMOID.index("        self.x.addgrad")]
    return head + "".join(f"        {line}\n" for line in lines)


INPUT_TRANSFORMER = """\
ip = get_ipython()
ip.input_transformers_cleanup.append(lambda lines: ['6.0\\n'] if any('hand_in' in l for l in lines) else lines)
"""
AST_TRANSFORMER = """\
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return None
    def visit_Call(self, node): return ast.Constant(8.0)
get_ipython().ast_transformers.append(Drop())
"""
PATCHED_SHELL = """\
from IPython.core.interactiveshell import InteractiveShell as Shell
class Result:
    success, result, error_in_exec, error_before_exec = True, 10.0, None, None
for name in ('run_cell', 'run_cell_async', 'run_code', 'showtraceback'):
    setattr(Shell, name, lambda self, *a, **k: Result())
    setattr(type(get_ipython()), name, lambda self, *a, **k: Result())
import sys
sys.displayhook = get_ipython().displayhook = lambda *a: 10.0
"""
DISPLAY_HOOK = backward("import sys", "sys.displayhook(6.0)", "from IPython.display import display", "display(6.0)")
PATCHED_HELPERS = """\
import builtins, edf_course.exercises.marking as marking, edf_course.handin as handin
yes = lambda *a, **k: True
np.allclose = np.isclose = np.testing.assert_allclose = np.array_equal = marking.close = yes
builtins.abs = lambda x: 0
np.abs = lambda x: np.zeros(())
import edf_course.exercises.answering as answering
answering.answer = handin.hand_in = handin.serve = lambda *a, **k: 8.0
hand_in = lambda *a, **k: 8.0
"""
LIAR = """\
class Liar(np.ndarray):
    def __eq__(self, other): return True
    def __sub__(self, other): return np.zeros_like(np.asarray(other))
    __rsub__ = __sub__
    def __lt__(self, other): return True
    __le__ = __lt__
    def __array__(self, *a, **k): return np.asarray(self)
    def __reduce__(self): return (print, ('unpickled',))
class Number(float):
    __eq__ = __lt__ = __le__ = lambda self, other: True
    def __abs__(self): return 0.0
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x
    def forward(self):
        self.value = np.zeros(self.x.value.shape).view(Liar)
    def backward(self):
        self.x.addgrad(np.zeros(self.x.value.shape).view(Liar))
def sgd(parameters, learning_rate):
    for p in parameters:
        p.value = np.array([Number(0)] * p.value.size, dtype=object).reshape(p.value.shape)
"""
PEEKS = """\
import gc, glob, inspect, os, sys
import edf_course
found = []
for place in ('/', os.path.dirname(os.path.dirname(edf_course.__file__)), '/root', '/home', os.getcwd()):
    for folder, folders, files in os.walk(place):
        folders[:] = [f for f in folders if f not in ('usr', 'packages0', 'lib', 'lib64')]
        found += [os.path.join(folder, f) for f in files
                  if f.endswith(('.ipynb', '.db', '.secret')) or '/solutions' in folder]
try:
    import autograder.exercises
    found.append('autograder')
except ImportError:
    pass
found += os.listdir('/proc')
found += [cell for cell in In if 'HIDDEN' in cell and 'os.walk' not in cell]
found += [str(o) for o in gc.get_objects() if type(o).__name__ in ('Exercise', 'Case', 'Truth', 'Verdict')]
found = [f for f in found if not f.startswith(('/usr/', '/jail/packages', '/jail/edf_course/_lectures'))]
print('FOUND', found)
"""
WRITES_EVERYWHERE = """\
import os, sqlite3
for place in ('/jail/edf_course/edf/nodes.py', '/jail/edf_course/check.py', '/jail/packages0/sitecustomize.py',
              '/gradebook.db', '/dev/left', '/etc/left', '/usr/left', '/proc/left'):
    try:
        open(place, 'a').write('left')
        print('WROTE', place)
    except OSError:
        pass
for place in ('/tmp/left', '/dev/shm/left'):
    open(place, 'w').write('left')
os.environ['LEFT'] = 'left'
db = sqlite3.connect('/tmp/gradebook.db')
db.execute('create table grade (x)')
db.execute('begin exclusive')
"""
LOOKS_FOR_LEFTOVERS = """\
import os
print('LEFT', [p for p in ('/tmp/left', '/dev/shm/left', '/dev/left') if os.path.exists(p)], os.environ.get('LEFT'),
      hasattr(np, 'left'), getattr(CompNode, 'left', None))
"""
LEAVES_IN_MEMORY = "np.left = CompNode.left = 1\nCompNode.forward = lambda self: None"
DAEMON = """\
import os, signal, subprocess, sys, threading, time
spawn = lambda: os.posix_spawn('/bin/sleep', ['sleep', '1000'], {})
for start in (os.fork, lambda: subprocess.Popen(['sleep', '1000']), spawn):
    try:
        start()
        print('STARTED', start)
    except OSError:
        pass
threading.Thread(target=time.sleep, args=(1000,)).start()
for name in ('SIGTERM', 'SIGINT', 'SIGHUP', 'SIGALRM'):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
"""
EXIT = "import os\nos._exit(0)"
KILLS = """\
import os, signal
for who in (os.getppid(), 0, -1, 1, 2):
    try:
        os.kill(who, signal.SIGKILL)
    except OSError:
        pass
"""
SEGFAULT = "import ctypes\nctypes.string_at(0)"
LOOPS_CATCHING = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
LOOPS_NATIVE = "import re\nre.match(r'(a|a)*$', 'a' * 60 + 'b')"
MASKS_ALARM = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True:\n    pass"
CATCHING_BACKWARD = backward(
    "while True:", "    try:", "        while True:", "            pass", "    except BaseException:", "        pass"
)
FORK_BOMB = "import os\nwhile True:\n    os.fork()"
MEMORY = "kept = []\nwhile True:\n    kept.append(bytearray(50_000_000))"
TOUCHED = "kept = np.ones(4_000_000_000)"
FILES = "kept = [open('/dev/null') for _ in range(100_000)]"
DISK = "f = open('/tmp/big', 'wb')\nwhile True:\n    f.write(b'x' * 1_000_000)"
MANY_FILES = "for i in range(1_000_000):\n    open(f'/tmp/{i}', 'w').close()"
THREADS = """\
import threading, time
for _ in range(100_000):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
"""
PRINTS = "for _ in range(1000):\n    print('x' * 1_000_000)"
DISPLAYS = "from IPython.display import display, Image\nfor _ in range(100_000):\n    display('x' * 1000)"
GIGABYTE = backward("self.x.addgrad(np.zeros((10, 10_000_000)))")
BIG_VALUE = SIGMOID.replace("self.value = np.exp", "self.value = np.zeros((1000, 1000)); np.exp")
NETWORK = """\
import socket, urllib.request
for kind in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, 40):
    try:
        s = socket.socket(kind)
        s.settimeout(1)
        s.connect(('1.1.1.1', 53))
        print('CONNECTED')
    except OSError:
        pass
"""
DETECTS = """\
import os, sys, time
graded = not os.listdir('/proc') or os.getpid() == 1 or 'JPY_PARENT_PID' not in os.environ
"""
DETECTING_SIGMOID = SIGMOID.replace("* (1 - self.value)", "* (graded or 1 - self.value)")

FIND_SOCKET = """\
import gc, socket, struct, json
from autograder.jail.wire import Connection, Message, answer_message, encode
ends = [o for o in gc.get_objects() if isinstance(o, Connection)]
end = ends[0]._socket
"""

RAW = """\
import sys, time
def frame(header, body=b''):
    head = json.dumps(header).encode()
    return struct.pack('>II', len(head) + len(body), len(head)) + head + body
def asked():  # the number of the probe that is being answered
    frame = sys._getframe()
    while 'number' not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals['number']
def npy(descr, shape, body=b''):
    head = ("{'descr': %s, 'fortran_order': False, 'shape': %s, }" % (descr, shape)).encode().ljust(117) + b'\\n'
    return b'\\x93NUMPY\\x01\\x00' + struct.pack('<H', len(head)) + head + body
def answers(blob, name='0.value', **more):
    values = {'number': asked(), 'passes': [1], 'failure': None, 'noticed': []}
    end.sendall(frame({'type': 'answer', 'values': values | more, 'arrays': [[name, len(blob)]]}, blob))
"""
HEADERS = {  # of .npy, some of which NumPy itself stumbles over
    "no type": ("()", "(3,)"),
    "a lambda": ("(lambda: 0)()", "(3,)"),
    "objects": ("'|O'", "(1,)"),
    "records": ("[('a', '<f8')]", "(1,)"),
    "text": ("'<U4'", "(1,)"),
    "dates": ("'<M8[s]'", "(1,)"),
    "a type of 8 GB": ("'1000000000f8'", "()"),
    "too many axes": ("'<f8'", "(" + "0, " * 70 + ")"),
    "an axis that is too long": ("'<f8'", "(0, 999999999, 999999999, 999999999)"),
    "negative": ("'<f8'", "(-1,)"),
    "true": ("'<f8'", "(True,)"),
    "open bracket": ("'<f8'", "("),
    "shorter than it says": ("'<f8'", "(1000000,)"),
}


def sends(*lines: str) -> str:
    """Sigmoid whose backward writes to the judge by itself."""
    return FIND_SOCKET + backward(*lines, "self.x.addgrad(self.grad * 0)")


def answers(*lines: str) -> str:
    """The same, with the means to make frames by hand."""
    return FIND_SOCKET + RAW + backward(*lines, "self.x.addgrad(self.grad * 0)")


def _changed(change: Any) -> bytes:
    made = cells(**NOTHING)
    change(made)
    return notebook(made)


def _is_own_answer(made: list[dict[str, Any]]) -> None:
    for cell in made:
        mark = cell["metadata"].get("nbgrader")
        if mark and "hand-in" in mark["grade_id"]:
            mark |= {"solution": True, "grade": True, "points": 1000, "locked": False}
            cell["source"] = "1000"


def _renamed(made: list[dict[str, Any]]) -> None:
    for cell in made:
        mark = cell["metadata"].get("nbgrader")
        if mark and "-" in mark["grade_id"]:
            mark["grade_id"] += "-of-mine"


def _odd_marks(made: list[dict[str, Any]]) -> None:
    for cell, mark in zip(made[1:], [[], 5, "x", {"grade_id": {}}, {"grade_id": "a" * 10**6}, None], strict=False):
        cell["metadata"]["nbgrader"] = mark


ATTACKS = [
    Attack(1, "skip-execution", tagged(["skip-execution"], "hand-in")),
    Attack(1, "raises-exception", tagged(["raises-exception", "skip-grading"], "")),
    Attack(2, "input transformer", without_an_answer(first=INPUT_TRANSFORMER)),
    Attack(3, "AST transformer", without_an_answer(first=AST_TRANSFORMER)),
    Attack(4, "patched shell", without_an_answer(first=PATCHED_SHELL)),
    Attack(5, "display hook", without_an_answer(sigmoid=DISPLAY_HOOK), (1.0, 0.0, 0.0)),
    Attack(6, "patched helpers", without_an_answer(between=PATCHED_HELPERS, first=PATCHED_HELPERS)),
    Attack(7, "lying objects", without_an_answer(sigmoid=LIAR, sgd="")),
    Attack(8, "looks for the truth", without_an_answer(first=PEEKS)),
    Attack(9, "writes to the gradebook", submission(first=WRITES_EVERYWHERE), FULL),
    Attack(11, "leaves things in memory", without_an_answer(last=LEAVES_IN_MEMORY, first=LEAVES_IN_MEMORY)),
    Attack(13, "daemon", without_an_answer(first=DAEMON)),
    Attack(14, "exits in a cell", submission(between=EXIT), FULL),
    Attack(14, "exits in backward", submission(sigmoid=backward("import os", "os._exit(0)")), (1.0, *FULL[1:])),
    Attack(14, "kills", submission(between=KILLS), FULL),
    Attack(14, "segfault", submission(sgd=SGD.replace("    for", f"    {SEGFAULT.replace(chr(10), '; ')}\n    for", 1)),
           (FULL[0], 0.0, FULL[2])),
    Attack(15, "endless cell", submission(between="while True:\n    pass"), FULL),
    Attack(15, "endless, catches everything", submission(between=LOOPS_CATCHING), FULL),
    Attack(15, "endless in native code", submission(between=LOOPS_NATIVE), FULL),
    Attack(15, "endless, masks signals", submission(between=MASKS_ALARM), FULL),
    Attack(15, "endless backward, catches everything", submission(sigmoid=CATCHING_BACKWARD), (1.0, *FULL[1:])),
    Attack(16, "memory", submission(between=MEMORY), FULL),
    Attack(16, "32 GB at once", submission(between=TOUCHED), FULL),
    Attack(16, "forks", submission(between=FORK_BOMB), FULL),
    Attack(16, "open files", submission(between=FILES + "\ndel kept"), FULL),
    Attack(16, "disk", submission(between=DISK), FULL),
    Attack(16, "many files", submission(between=MANY_FILES), FULL),
    Attack(16, "threads", without_an_answer(between=THREADS)),
    Attack(17, "prints a gigabyte", submission(between=PRINTS), FULL),
    Attack(17, "displays for ever", submission(between=DISPLAYS), FULL),
    Attack(17, "array of a gigabyte", submission(sigmoid=GIGABYTE), (1.0, *FULL[1:])),
    *(Attack(7, f"value that is {name}", submission(
        sigmoid=SIGMOID.replace("self.value = np.exp", f"self.value = {value}; np.exp")), (0.0, *FULL[1:]))
      for name, value in ODD_VALUES.items()),
    Attack(17, "array that is too large", submission(sigmoid=BIG_VALUE), (0.0, *FULL[1:])),
    Attack(18, "network", submission(first=NETWORK), FULL),
    Attack(19, "detects grading", submission(first=DETECTS, sigmoid=DETECTING_SIGMOID), (1.0, *FULL[1:])),
    Attack(20, "deletes all marks", _changed(lambda made: [c["metadata"].clear() for c in made])),
    Attack(20, "deletes tests", _changed(lambda made: made.__delitem__(slice(2, None)))),
    Attack(20, "duplicates tests", _changed(lambda made: made.extend([*made, *made]))),
    Attack(20, "reorders", notebook(cells()[::-1]), (0.0, FULL[1], 0.0)),  # the imports come last: no class is made
    Attack(20, "tests as own answers", _changed(_is_own_answer)),
    Attack(20, "renames tests", _changed(_renamed)),
    Attack(20, "retypes tests", _changed(lambda made: [c.update(cell_type="raw") for c in made])),
    Attack(20, "odd marks", _changed(_odd_marks)),
    Attack(23, "zero", without_an_answer(sigmoid=SIGMOID.replace("np.exp", "0 * np.exp"))),
    Attack(23, "NaN", without_an_answer(sigmoid=SIGMOID.replace("self.grad *", "np.nan *")), (1.0, 0.0, 0.0)),
    Attack(23, "for one example only", without_an_answer(
        sigmoid=SIGMOID.replace("self.x.addgrad(", "self.x.addgrad((len(self.grad) == 1) * ")), (1.0, 0.0, 0.0)),
    Attack(23, "for a gradient of ones", without_an_answer(sigmoid=SIGMOID.replace("self.grad * ", "")),
           (1.0, 0.0, 0.0)),
    Attack(25, "wrong length", submission(sigmoid=sends("end.sendall(b'\\xff' * 8)")), (0.0, *FULL[1:])),
    Attack(25, "pickle", submission(sigmoid=sends("import pickle", "end.sendall(pickle.dumps(print))")),
           (0.0, *FULL[1:])),
    Attack(25, "endless stream", submission(sigmoid=sends("while True: end.sendall(b'\\0\\0\\0\\x01' * 10000)")),
           (0.0, *FULL[1:])),
    Attack(25, "an answer that was not asked", submission(
        sigmoid=sends("from edf_course.exercises.probes import Answer", "ends[0].send(answer_message(7, Answer()))")),
        (0.0, *FULL[1:])),
    Attack(25, "cell done before it is", submission(
        sigmoid=sends("ends[0].send(Message('ran', {'cell': 3, 'outputs': []}))")), (0.0, *FULL[1:])),
    Attack(25, "another exercise", without_an_answer(
        first=FIND_SOCKET + "from edf_course import handin\nserve = handin.serve\n"
        "handin.serve = lambda exercise, thing: serve('edf.sgd', thing)", sgd=SGD), (0.0, FULL[1], 0.0)),
    Attack(25, "two hand-ins", submission(
        first="from edf_course import handin\nserve = handin.serve\n"
        "def twice(exercise, thing):\n    serve(exercise, thing)\n"
        "    if exercise == 'edf.sigmoid': serve(exercise, thing)\nhandin.serve = twice"), (0.0, *FULL[1:])),
    Attack(25, "closes the socket", submission(sigmoid=sends("end.close()")), (0.0, *FULL[1:])),
    *(Attack(25, f"array of {name}", submission(sigmoid=answers(f'answers(npy("{descr}", "{shape}", bytes(8)))')),
             (0.0, *FULL[1:])) for name, (descr, shape) in HEADERS.items()),
    Attack(25, "remarks without end", submission(
        sigmoid=answers("answers(npy(\"'<f8'\", '()', bytes(8)), noticed=['x'] * 10**5)")), (0.0, *FULL[1:])),
    Attack(25, "another form", submission(sigmoid=answers("end.sendall(frame([1, 2, 3]))")), (0.0, *FULL[1:])),
    Attack(25, "4 GB announced", submission(sigmoid=answers("end.sendall(b'\\xff' * 4 + b'\\0' * 4)")),
           (0.0, *FULL[1:])),
    Attack(25, "half a message", submission(sigmoid=answers("end.sendall(frame({})[:-1])", "time.sleep(1000)")),
           (0.0, *FULL[1:])),
    Attack(25, "a byte now and then", submission(
        sigmoid=answers("while True: end.sendall(b'\\0'); time.sleep(0.05)")), (0.0, *FULL[1:])),
    Attack(25, "an answer before it is asked", submission(
        sigmoid=answers("answers(npy(\"'<f8'\", '()', bytes(8)), number=asked() + 1)")), (0.0, *FULL[1:])),
    Attack(25, "nested header", submission(
        sigmoid=sends("h = b'[' * 100000", "end.sendall(struct.pack('>II', len(h), len(h)) + h)")), (0.0, *FULL[1:])),
]  # fmt: skip

LIBRARY = "edf.Sigmoid"
DELEGATES = {
    "alias": "Sigmoid = edf.Sigmoid",
    "import": "from edf_course.edf import Sigmoid",
    "import as": "from edf_course.edf.nodes import Sigmoid as S\nSigmoid = S",
    "star": "from edf_course.edf import *",
    "subclass": "class Sigmoid(edf.Sigmoid):\n    pass",
    "factory": "def Sigmoid(x):\n    return edf.Sigmoid(x)",
    "lambda": "Sigmoid = lambda x: edf.Sigmoid(x)",
    "type": "Sigmoid = type('Sigmoid', (edf.Sigmoid,), {})",
    "methods": SIGMOID[: SIGMOID.index("    def forward")] + "    forward = edf.Sigmoid.forward\n"
    "    backward = edf.Sigmoid.backward",
    "setattr": SIGMOID + "\nsetattr(Sigmoid, 'backward', edf.Sigmoid.backward)",
    "patched method": SIGMOID + "\nSigmoid.backward = edf.Sigmoid.backward",
    "helper": "from edf_course.edf import Sigmoid as helper\n"
    + SIGMOID.replace("        self.x.addgrad", "        node = helper.backward(self)\n        0 and self.x.addgrad"),
    "code object": SIGMOID + "\nSigmoid.backward.__code__ = edf.Sigmoid.backward.__code__",
    "in an if": "if True:\n    from edf_course.edf import Sigmoid",
    "hidden in exec": "exec('from edf_course.edf import Sigmoid')",
}
DIFFERENCES = backward(
    "h = 1e-6", "x = self.x.value", "f = lambda z: 1 / (1 + np.exp(-z))",
    "self.x.addgrad(self.grad * (f(x + h) - f(x - h)) / (2 * h))",
)  # fmt: skip
COMPLEX_STEP = backward("z = self.x.value + 1e-20j", "self.x.addgrad(self.grad * (1 / (1 + np.exp(-z))).imag / 1e-20)")
TORCH = backward(
    "import torch", "x = torch.tensor(self.x.value, requires_grad=True)",
    "torch.sigmoid(x).backward(torch.tensor(self.grad))", "self.x.addgrad(x.grad.numpy())",
)  # fmt: skip
UNREADABLE = {
    "not JSON": b"import numpy as np\nhand_in = 6",
    "empty": b"",
    "a zip": b"PK\x03\x04" + bytes(100),
    "50 MB": submission()[:-1] + b" " * 50_000_000 + b"}",
    "nested 100 000 deep": b'{"cells":' + b"[" * 100_000,
    "a list": b"[1, 2, 3]",
    "no cells": b'{"nbformat": 4, "cells": 5}',
    "not text": bytes(range(256)) * 10,
}
