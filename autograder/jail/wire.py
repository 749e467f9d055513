"""Messages over one socket, between the judge and a process that runs a stranger's code.

A frame is a length, a header in JSON and the arrays that it names, each as .npy without pickle. Whatever is not exactly
that is refused with a `WireError` before anything is made of it: nothing that is received is unpickled, evaluated or
called, and no number in it decides how much memory is taken.
"""

from __future__ import annotations

import functools
import io
import json
import math
import re
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib import format as npy

from edf_course.exercises.probes import Answer, Arrays, Failure, Probe

MAX_FRAME = 4_000_000  # bytes of one message
MAX_HEADER = 1_000_000  # of which JSON
MAX_ARRAYS = 200
MAX_PROBE_PASSES = 16
MAX_TEXT = 700  # characters of a failure's text
KINDS = "biufc"
FAILURES = frozenset({"unwritten", "raised", "time", "unusable"})
MAX_NOTICED = 20
MAX_NPY_HEADER = 512  # bytes; NumPy's own are shorter
FILE_PART = 1 << 20  # bytes of a file in one message

PLAIN = frozenset(b"b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split())  # kinds of numbers, and their bytes
# .npy as NumPy writes it, version 1.0: byte order, kind and width of the numbers, and the shape.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|])([a-z]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,9}(?:, (?=\d)|,?(?=\))))*)\), \} *\n",
    re.DOTALL,
)
_NAME = re.compile(r"[\w.@]{1,64}", re.ASCII)
_REMARK = re.compile(r"[a-z][a-z-]{0,40}", re.ASCII)
_LENGTHS = struct.Struct(">II")  # of the whole rest, of the header


class WireError(Exception):
    """What came over the socket is no message that was asked for."""


class Gone(WireError):
    """The other end is closed."""


class Late(WireError):
    """The other end took longer than it may."""


@dataclass(frozen=True)
class Message:
    """What a frame holds: its type, plain values, and arrays by name."""

    type: str
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)


class Connection:
    """One end of a socket. Every call has a deadline (of time.monotonic), so nobody can be kept waiting."""

    def __init__(self, end: socket.socket, max_frame: int = MAX_FRAME) -> None:
        self._socket = end
        self._max_frame = max_frame

    def fileno(self) -> int:
        """The socket's number."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def send(self, message: Message, deadline: float | None = None) -> None:
        """Send a message. Raises: WireError where it is too long, Gone, Late."""
        frame = encode(message, self._max_frame)
        try:
            self._wait(deadline)
            self._socket.sendall(frame)
        except TimeoutError as error:
            raise Late("it did not read what it was sent") from error
        except OSError as error:
            raise Gone("the other end is closed") from error

    def receive(self, deadline: float | None = None) -> Message:
        """Receive the next message. Raises: WireError where it is none, Gone, Late."""
        size, header_size = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        if not header_size <= size <= self._max_frame or header_size > MAX_HEADER:
            raise WireError(f"a message of {size} bytes")
        return decode(self._read(header_size, deadline), self._read(size - header_size, deadline))

    def _read(self, count: int, deadline: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            try:
                self._wait(deadline)
                part = self._socket.recv(min(count - len(parts), 1 << 16))
            except TimeoutError as error:
                raise Late("no answer came in time") from error
            except OSError as error:
                raise Gone("the other end is closed") from error
            if not part:
                raise Gone("the other end is closed")
            parts += part
        return bytes(parts)

    def _wait(self, deadline: float | None) -> None:
        if deadline is None:
            self._socket.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def encode(message: Message, max_frame: int = MAX_FRAME) -> bytes:
    """Return a message as a frame. Raises: WireError where it is too long or an array has no plain numbers."""
    blobs = [_npy(name, array) for name, array in message.arrays.items()]
    named = [[name, len(blob)] for name, blob in zip(message.arrays, blobs, strict=True)]
    head = json.dumps({"type": message.type, "values": message.values, "arrays": named}).encode()
    size = len(head) + sum(map(len, blobs))
    if size > max_frame or len(head) > MAX_HEADER:
        raise WireError(f"a message of {size} bytes, and {max_frame} is the most")
    return _LENGTHS.pack(size, len(head)) + head + b"".join(blobs)


def decode(head: bytes, body: bytes) -> Message:
    """Return what a frame's header and body hold. Raises: WireError."""
    try:
        said = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise WireError("a header that is no JSON") from error
    if not isinstance(said, dict) or set(said) != {"type", "values", "arrays"}:
        raise WireError("a header of another form")
    kind, values, named = said["type"], said["values"], said["arrays"]
    if not isinstance(kind, str) or not isinstance(values, dict) or not isinstance(named, list):
        raise WireError("a header of another form")
    if len(named) > MAX_ARRAYS:
        raise WireError(f"{len(named)} arrays")
    arrays: dict[str, np.ndarray] = {}
    place = 0
    for entry in named:
        name, size = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in arrays:
            raise WireError("an array without a proper name")
        if type(size) is not int or not 0 < size <= len(body) - place:
            raise WireError(f"the array {name} is not as long as it says")
        arrays[name] = _array(name, body[place : place + size])
        place += size
    if place != len(body):
        raise WireError("more bytes than the header names")
    return Message(kind, values, arrays)


def _npy(name: str, array: Any) -> bytes:
    plain = np.array(array, subok=False, order="C")
    if plain.dtype.kind not in KINDS:
        raise WireError(f"{name} is no array of numbers")
    if plain.dtype.itemsize > (16 if plain.dtype.kind == "c" else 8):  # long doubles differ from machine to machine
        plain = plain.astype(complex if plain.dtype.kind == "c" else float)
    return _header_of(plain.dtype, plain.shape) + plain.tobytes()


@functools.lru_cache(maxsize=4096)
def _header_of(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """How .npy of that kind begins, by NumPy's own hand; the same few shapes come again and again."""
    file = io.BytesIO()
    array = np.broadcast_to(np.zeros((), dtype), shape) if 0 not in shape else np.zeros(shape, dtype)
    npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array) | {"fortran_order": False})
    return file.getvalue()


def _array(name: str, blob: bytes) -> np.ndarray:
    """Read .npy by its header, and only where the header and the number of bytes say the same."""
    start = 10 + int.from_bytes(blob[8:10], "little")
    said = _kind_and_shape(blob[:start]) if start <= MAX_NPY_HEADER else None
    if said is None:
        raise WireError(f"{name} is no .npy of plain numbers")
    dtype, shape = said
    rest = blob[start:]
    if len(shape) > 8 or math.prod(shape) * dtype.itemsize != len(rest):
        raise WireError(f"{name} has another length than its shape says")
    try:
        return np.frombuffer(rest, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # of no entries, but with more axes than fit
        raise WireError(f"{name} has no proper shape") from error


@functools.lru_cache(maxsize=4096)
def _kind_and_shape(header: bytes) -> tuple[np.dtype, tuple[int, ...]] | None:
    """What the header of a .npy says; None where it says anything else, or says it otherwise than NumPy does."""
    said = _HEADER.fullmatch(header)
    if said is None or said[2] not in PLAIN:
        return None
    return np.dtype((said[1] + said[2]).decode()), tuple(int(n) for n in said[3].decode().split(",") if n)


def probe_message(number: int, kind: str, probe: Probe, seconds: float) -> Message:
    """A question: `number` has to come back with the answer."""
    arrays, counts = _numbered(probe.passes)
    values = {"number": number, "kind": kind, "mode": probe.mode, "backward": probe.backward, "seconds": seconds}
    return Message("probe", values | {"passes": counts}, arrays)


def read_probe(message: Message) -> tuple[int, str, Probe, float]:
    """The number, the kind, the probe and the seconds of a question; read where the judge is trusted."""
    v = message.values
    return v["number"], v["kind"], Probe(_passes(message), v["mode"], v["backward"]), v["seconds"]


def answer_message(number: int, answer: Answer) -> Message:
    """An answer to the question of that number."""
    arrays, counts = _numbered(answer.passes)
    failure = None if answer.failure is None else [answer.failure.kind, answer.failure.text]
    values = {"number": number, "passes": counts, "failure": failure, "noticed": sorted(answer.noticed)}
    return Message("answer", values, arrays)


def read_answer(message: Message, number: int, probe: Probe) -> Answer:
    """The answer to question `number`, looked at from all sides. Raises: WireError for anything else."""
    if message.type != "answer":
        raise WireError(f"{printable(message.type, 40)!r}, where an answer was asked for")
    values = message.values
    if set(values) != {"number", "passes", "failure", "noticed"}:
        raise WireError("an answer of another form")
    if type(values["number"]) is not int or values["number"] != number:
        raise WireError("an answer to a probe that was not asked")
    passes = _passes(message)
    if len(passes) > len(probe.passes):
        raise WireError("more passes than were asked for")
    noticed = values["noticed"]
    if not isinstance(noticed, list) or len(noticed) > MAX_NOTICED:
        raise WireError("remarks of another form")
    if not all(isinstance(n, str) and _REMARK.fullmatch(n) for n in noticed):
        raise WireError("a remark of another form")
    return Answer(passes, _failure(values["failure"]), frozenset(noticed))


def file_messages(name: str, content: bytes) -> Iterator[Message]:
    """A file in parts, none of which is too long for a frame."""
    for start in range(0, max(len(content), 1), FILE_PART):
        yield Message("file", {"name": name}, {"bytes": np.frombuffer(content[start : start + FILE_PART], np.uint8)})


def read_file_part(message: Message) -> tuple[str, bytes]:
    """The name of a file and (a part of) what is in it. Raises: WireError for anything else."""
    name, part = message.values.get("name"), message.arrays.get("bytes")
    if message.type != "file" or not isinstance(name, str) or part is None or part.dtype != np.uint8:
        raise WireError(f"{printable(message.type, 40)!r}, where a file was asked for")
    return name, part.tobytes()


def _failure(said: Any) -> Failure | None:
    if said is None:
        return None
    if not isinstance(said, list) or len(said) != 2 or not all(isinstance(s, str) for s in said):
        raise WireError("a failure of another form")
    if said[0] not in FAILURES or not said[1].strip():
        raise WireError("a failure that there is not")
    return Failure(said[0], printable(said[1], MAX_TEXT))


def _numbered(passes: Sequence[Arrays]) -> tuple[dict[str, np.ndarray], list[int]]:
    """The arrays of all passes under one roof ("grad.x" of the first pass is "0.grad.x"), and how many each has."""
    arrays = {f"{i}.{name}": a for i, one in enumerate(passes) for name, a in one.items()}
    return arrays, [len(one) for one in passes]


def _passes(message: Message) -> tuple[dict[str, np.ndarray], ...]:
    counts = message.values.get("passes")
    if not isinstance(counts, list) or len(counts) > MAX_PROBE_PASSES:
        raise WireError("passes of another form")
    passes: list[dict[str, np.ndarray]] = [{} for _ in counts]
    for name, array in message.arrays.items():
        number, dot, rest = name.partition(".")
        if not dot or not rest or not number.isdigit() or int(number) >= len(passes):
            raise WireError("an array of no pass")
        passes[int(number)][rest] = array
    if [len(p) for p in passes] != counts:
        raise WireError("passes with another number of arrays than they say")
    return tuple(passes)


def printable(text: str, most: int) -> str:
    """Text of a stranger without control characters (terminals act on them), cut to `most` characters."""
    kept = "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text[:most])
    return kept if len(text) <= most else kept + " …"
