"""Whatever bytes come over the wire: a message, or a WireError; nothing else is raised, and nothing grows."""

from __future__ import annotations

import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.jail.wire import WireError, decode, read_answer
from edf_course.exercises.probes import Probe
from tests.attacks.catalogue import HEADERS

PROBE = Probe(({"x": np.zeros(3)},))
descriptions = st.sampled_from(
    [d for d, _ in HEADERS.values()]
    + ["'<f8'", "'>f4'", "'<f1'", "'|b1'", "'<c8'", "'<f16'", "None", "{}", "[]", "('<f8', 3)", "'i4,f8'", "'<b2'"]
)
names = st.sampled_from(["type", "values", "arrays", "number", "passes", "failure", "noticed", "x"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner),
)
axes = st.lists(st.one_of(st.integers(-2, 4), st.integers(0, 2**70)), max_size=40)


def npy(descr: str, shape: str, body: bytes, version: bytes = b"\x01\x00") -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(head)) + head + body


def answer(blob: bytes) -> bytes:
    values = {"number": 1, "passes": [1], "failure": None, "noticed": []}
    return json.dumps({"type": "answer", "values": values, "arrays": [["0.value", len(blob)]]}).encode()


def read(blob: bytes) -> np.ndarray | None:
    try:
        return read_answer(decode(answer(blob), blob), 1, PROBE).passes[0]["value"]
    except WireError:
        return None


@given(descriptions, axes, st.binary(max_size=64), st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x00\x00"]))
def test_an_array_is_plain_or_refused(descr: str, shape: list[int], body: bytes, version: bytes) -> None:
    written = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    got = read(npy(descr, written, body, version))
    assert got is None or (got.dtype.kind in "biufc" and got.shape == tuple(shape) and got.nbytes == len(body))


@given(st.binary(max_size=200), st.integers(0, 127), st.binary(max_size=4))
def test_a_broken_array_is_plain_or_refused(body: bytes, place: int, patch: bytes) -> None:
    whole = npy("'<f8'", "(3,)", bytes(24))
    got = read(whole[:place] + patch + whole[place + len(patch) :])
    assert got is None or got.dtype.kind in "biufc"
    assert read(body or b"x") is None


@given(anything)
def test_a_header_of_any_form_is_an_answer_or_refused(said: object) -> None:
    for values in (
        said,
        {"type": "answer", "values": said, "arrays": []},
        {"type": "answer", "values": {}, "arrays": said},
    ):
        with pytest.raises(WireError):
            read_answer(decode(json.dumps(values).encode(), b""), 1, PROBE)


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_what_a_header_announces_is_not_allocated(name: str) -> None:
    descr, shape = HEADERS[name]
    tracemalloc.start()
    try:
        assert read(npy(descr, shape, bytes(8))) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
