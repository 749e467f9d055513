"""Messages over a socket: what is sent arrives, and nothing else is believed."""

from __future__ import annotations

import io
import json
import pickle
import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.jail.wire import (
    MAX_HEADER,
    Connection,
    Gone,
    Late,
    Message,
    WireError,
    answer_message,
    decode,
    encode,
    printable,
    probe_message,
    read_answer,
    read_probe,
)
from edf_course.exercises.probes import Answer, Failure, Probe

ARRAYS = {
    "x": np.arange(6.0).reshape(2, 3),
    "y": np.array([1, 2]),
    "z": np.float32(3),
    "empty": np.zeros((0, 4)),
    "changed.Phi.w": np.array([True, False]),
    "complex": np.array([1 + 2j]),
}
PROBE = Probe(({"x": np.ones((2, 3)), "upstream": np.ones(2)}, {"x": np.zeros((2, 3))}), "shared", False)


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and the bare socket at its other end."""
    one, other = socket.socketpair()
    with one, other:
        yield Connection(one), other


def soon(seconds: float = 2.0) -> float:
    return time.monotonic() + seconds


def frame(header: object, body: bytes = b"") -> tuple[bytes, bytes]:
    return json.dumps(header).encode(), body


def npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def test_what_is_sent_arrives(ends: tuple[Connection, socket.socket]) -> None:
    Connection(ends[1]).send(Message("type", {"a": [1, None, "é"]}, ARRAYS), soon())
    got = ends[0].receive(soon())
    assert (got.type, got.values) == ("type", {"a": [1, None, "é"]})
    assert set(got.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert np.array_equal(got.arrays[name], array)
        assert got.arrays[name].dtype == np.asarray(array).dtype
        assert got.arrays[name].shape == np.shape(array)


def test_probes_and_answers_arrive_as_they_were() -> None:
    message = probe_message(7, "node", PROBE, 2.5)
    number, kind, probe, seconds = read_probe(message)
    assert (number, kind, seconds, probe.mode, probe.backward) == (7, "node", 2.5, "shared", False)
    assert [sorted(p) for p in probe.passes] == [["upstream", "x"], ["x"]]
    answer = Answer(({"value": np.ones(2)}, {}), Failure("raised", "no"), frozenset({"returns"}))
    got = read_answer(answer_message(7, answer), 7, PROBE)
    assert (got.failure, got.noticed) == (answer.failure, answer.noticed)
    assert [sorted(p) for p in got.passes] == [["value"], []]


@pytest.mark.parametrize(
    "array",
    [np.array([print], dtype=object), np.array(["text"]), np.array([(1, 2.0)], dtype="i4,f8"), "text", None],
    ids=["objects", "text", "records", "a string", "nothing"],
)
def test_only_numbers_are_sent(array: object) -> None:
    with pytest.raises(WireError):
        encode(Message("m", {}, {"x": array}))  # type: ignore[dict-item]


def test_subclasses_of_arrays_are_sent_as_plain_ones() -> None:
    class Liar(np.ndarray):
        def __reduce__(self) -> object:
            raise AssertionError("pickled")

    frame = encode(Message("m", {}, {"x": np.ones(3).view(Liar)}))
    head = struct.unpack(">II", frame[:8])[1]
    assert type(decode(frame[8 : 8 + head], frame[8 + head :]).arrays["x"]) is np.ndarray


OBJECTS = npy(np.array([print], dtype=object), allow_pickle=True)
RIGHT = npy(np.ones(3))


def lying(shape: str, descr: str = "<f8", body: bytes = b"") -> bytes:
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ([], b""),
        ({"type": "m", "values": {}}, b""),
        ({"type": 5, "values": {}, "arrays": []}, b""),
        ({"type": "m", "values": [], "arrays": []}, b""),
        ({"type": "m", "values": {}, "arrays": {}}, b""),
        ({"type": "m", "values": {}, "arrays": [["x", len(OBJECTS)]]}, OBJECTS),
        ({"type": "m", "values": {}, "arrays": [["x", len(RIGHT)]]}, RIGHT[:-1]),
        ({"type": "m", "values": {}, "arrays": [["x", len(RIGHT) - 1]]}, RIGHT),
        ({"type": "m", "values": {}, "arrays": [["x", len(RIGHT)]]}, RIGHT + b"more"),
        ({"type": "m", "values": {}, "arrays": [["x", -1]]}, RIGHT),
        ({"type": "m", "values": {}, "arrays": [["x", True]]}, RIGHT),
        ({"type": "m", "values": {}, "arrays": [["../x", len(RIGHT)]]}, RIGHT),
        ({"type": "m", "values": {}, "arrays": [["x", len(RIGHT)], ["x", len(RIGHT)]]}, RIGHT + RIGHT),
        ({"type": "m", "values": {}, "arrays": [["x"]]}, RIGHT),
        ({"type": "m", "values": {}, "arrays": [["x", 20]]}, pickle.dumps(list(range(100)))[:20]),
        ({"type": "m", "values": {}, "arrays": [["x", 1]] * 1000}, b"x" * 1000),
    ],
    ids=[
        "a list", "no arrays", "a type that is a number", "values in a list", "arrays in a dict", "pickled objects",
        "too short", "shorter than it is", "longer than it says", "negative", "a truth value", "a path", "twice",
        "no length", "a pickle", "too many",
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(header: object, body: bytes) -> None:
    with pytest.raises(WireError):
        decode(*frame(header, body))


@pytest.mark.parametrize(
    "blob",
    [
        lying("(1000000000000,)"),
        lying("(-1, -3)", body=b"x" * 24),
        lying("(0, 1000000000000, 5)", body=b"x"),
        lying("(True,)", body=b"x" * 8),
        lying("(3,)", "|O", b"x" * 24),
        lying("(3,)", "<f16", b"x" * 48),
        lying("(3,)", "<M8[s]", b"x" * 24),
        lying("(3,)", "|V8", b"x" * 24),
        lying("(" + "1," * 40 + ")", body=b"x" * 8),
        lying("(" * 300 + ")" * 300),
        lying("__import__('os').abort()"),
        b"\x93NUMPY\x03\x00" + b"\xff" * 20,
        b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 65535,
    ],
)
def test_what_is_no_plain_npy_is_refused(blob: bytes) -> None:
    with pytest.raises(WireError):
        decode(*frame({"type": "m", "values": {}, "arrays": [["x", len(blob)]]}, blob))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_wire_error(head: bytes, body: bytes) -> None:
    try:
        message = decode(head, body)
    except WireError:
        return
    assert sum(array.nbytes for array in message.arrays.values()) <= len(body)


@given(st.binary(max_size=200))
def test_any_array_is_one_or_a_wire_error(tail: bytes) -> None:
    blob = RIGHT[:20] + tail
    try:
        message = decode(*frame({"type": "m", "values": {}, "arrays": [["x", len(blob)]]}, blob))
    except WireError:
        return
    assert message.arrays["x"].dtype.kind in "biufc"
    assert message.arrays["x"].nbytes <= len(tail)


def test_headers_that_are_too_deep_or_no_json_are_refused() -> None:
    for head in (b"[" * 100_000, b"\xff", b"{", b"1" * 5000):
        with pytest.raises(WireError):
            decode(head, b"")


@pytest.mark.parametrize("lengths", [(2**32 - 1, 10), (10, 20), (MAX_HEADER * 2, MAX_HEADER + 1)])
def test_lengths_are_looked_at_before_anything_is_read(
    ends: tuple[Connection, socket.socket], lengths: tuple[int, int]
) -> None:
    ends[1].sendall(struct.pack(">II", *lengths))
    with pytest.raises(WireError, match="bytes"):
        ends[0].receive(soon())


def test_a_message_that_is_too_long_is_not_sent(ends: tuple[Connection, socket.socket]) -> None:
    with pytest.raises(WireError, match="the most"):
        ends[0].send(Message("m", {}, {"x": np.zeros(10**6)}), soon())


def test_nobody_is_kept_waiting(ends: tuple[Connection, socket.socket]) -> None:
    start = time.monotonic()
    with pytest.raises(Late):
        ends[0].receive(soon(0.1))
    with pytest.raises(Late):
        ends[0].send(Message("m", {}, {"x": np.zeros(400_000)}), soon(0.1))  # nobody reads
    assert time.monotonic() - start < 1


def test_dripping_does_not_prolong_a_deadline(ends: tuple[Connection, socket.socket]) -> None:
    def drip() -> None:
        for byte in struct.pack(">II", 1000, 1000) + b" " * 100:
            try:
                ends[1].send(bytes([byte]))
            except OSError:
                return
            time.sleep(0.02)

    thread = threading.Thread(target=drip)
    thread.start()
    start = time.monotonic()
    with pytest.raises(Late):
        ends[0].receive(soon(0.3))
    assert time.monotonic() - start < 1
    ends[0].close()
    thread.join()


def test_a_closed_end_is_gone(ends: tuple[Connection, socket.socket]) -> None:
    ends[1].close()
    with pytest.raises(Gone):
        ends[0].receive(soon())
    with pytest.raises(Gone):
        ends[0].send(Message("m"), soon())


def changed(**values: object) -> Message:
    message = answer_message(3, Answer(({"value": np.ones(2)},)))
    return Message(message.type, {**message.values, **values}, message.arrays)


@pytest.mark.parametrize(
    "message",
    [
        Message("ran", changed().values, changed().arrays),
        changed(number=4),
        changed(number=True),
        changed(number="3"),
        changed(passes=[2]),
        changed(passes=[1, 0, 0]),
        changed(passes="1"),
        changed(passes=[0] * 1000),
        changed(failure=["judge failed", "x"]),
        changed(failure=["raised", 5]),
        changed(failure=["raised", ""]),
        changed(failure=["raised", " \n"]),
        changed(failure="raised"),
        changed(failure=[["raised"], "x"]),
        changed(noticed=["<b>right</b>"]),
        changed(noticed=["returns"] * 1000),
        changed(noticed="returns"),
        changed(noticed=[["returns"]]),
        changed(points=6),
        Message("answer", {}, {}),
        Message("answer", changed().values, {"value": np.ones(2)}),
        Message("answer", changed().values, {"9.value": np.ones(2)}),
    ],
)
def test_an_answer_is_looked_at_from_all_sides(message: Message) -> None:
    with pytest.raises(WireError):
        read_answer(message, 3, PROBE)


def test_text_of_strangers_has_no_control_characters() -> None:
    assert printable("a\x1b[31mb\x00\x9bc\nd", 100) == "a�[31mb��c\nd"
    assert printable("x" * 50, 10) == "x" * 10 + " …"
    failure = read_answer(changed(failure=["raised", "\x1b]0;" + "y" * 10_000]), 3, PROBE).failure
    assert failure is not None
    assert "\x1b" not in failure.text
    assert len(failure.text) < 800
