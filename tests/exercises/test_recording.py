"""What is written down of a student's object, and how one is stopped that does not end."""

import signal
import threading
import time

import numpy as np
import pytest

from edf_course.exercises.recording import MAX_ENTRIES, Record, TimeUp, time_limit


@pytest.fixture
def record():
    new = Record()
    new.begin_pass()
    return new


def test_arrays_are_copied_when_they_are_put_down(record):
    array = np.ones(3)
    record.put("value", array)
    array[:] = 7
    assert record.plain_passes()[0]["value"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("value", [[[1, 2]], 3.0, True, np.float32(2), np.arange(3), (1.0, 2.0)])
def test_numbers_of_any_make_are_arrays(record, value):
    record.put("value", value)
    assert np.array_equal(record.plain_passes()[0]["value"], np.asarray(value))


@pytest.mark.parametrize("value", [None, "0.5", object(), [None, 1.0], {"x": 1}, np.array(["a"]), b"1"])
def test_what_is_no_array_of_numbers_is_refused_by_name(record, value):
    with pytest.raises(TypeError, match=r"value should be an array of numbers, but is"):
        record.put("value", value)


def test_a_ragged_list_is_refused(record):
    with pytest.raises(ValueError, match="inhomogeneous"):
        record.put("value", [[1.0], [1.0, 2.0]])


def test_far_too_many_numbers_are_refused_before_they_are_copied(record):
    huge = np.broadcast_to(1.0, (MAX_ENTRIES + 1,))
    with pytest.raises(TypeError, match=r"value has 1000001 entries"):
        record.put("value", huge)
    record.put("value", huge[:-1])


def test_a_subclass_of_array_is_put_down_as_a_plain_one(record):
    class Odd(np.ndarray):
        pass

    record.put("value", np.ones(2).view(Odd))
    assert type(record.plain_passes()[0]["value"]) is np.ndarray


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([1.0, 2.0], [1.0, 2.0], [0, 0]),
        ([1.0, 2.0], [1.0, 2.5], [0, 0.5]),
        ([np.nan, 1.0], [np.nan, 1.0], [0, 0]),
        ([np.nan, 1.0], [0.0, 1.0], [np.nan, 0]),
        ([1, 2], [1.0, 2.0], [0, 0]),
        ([1.0, 2.0], [1.0, 2.0, 3.0], np.inf),
        ([1.0], 1.0, np.inf),
    ],
)
def test_a_change_is_put_down_entry_by_entry(record, before, after, change):
    record.put_change("x", before, after)
    np.testing.assert_equal(record.plain_passes()[0]["changed.x"], np.array(change, dtype=float))


def test_passes_are_kept_apart(record):
    record.put("value", 1.0)
    record.begin_pass()
    record.put("value", 2.0)
    assert [float(p["value"]) for p in record.plain_passes()] == [1.0, 2.0]


def endless():
    while True:
        pass


def test_an_endless_loop_is_stopped():
    start = time.monotonic()
    with pytest.raises(TimeUp), time_limit(0.2):
        endless()
    assert time.monotonic() - start < 2


def test_code_that_catches_every_exception_is_stopped_too():
    def deaf():
        while True:
            try:
                endless()
            except Exception:
                continue

    with pytest.raises(TimeUp), time_limit(0.2):
        deaf()


def test_code_that_catches_even_base_exceptions_once_is_stopped_by_the_next_alarm():
    def stubborn():
        try:
            endless()
        except BaseException:
            endless()

    start = time.monotonic()
    with pytest.raises(TimeUp), time_limit(0.1):
        stubborn()
    assert time.monotonic() - start < 3


def test_after_the_block_no_alarm_is_left():
    with time_limit(0.1):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_error_in_the_block_comes_out_as_it_is_and_leaves_no_alarm():
    with pytest.raises(ValueError, match="mine"), time_limit(0.1):
        raise ValueError("mine")
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_without_a_limit_or_off_the_main_thread_nothing_is_limited():
    done = []

    def work():
        with time_limit(0.05):
            time.sleep(0.1)
        done.append(True)

    with time_limit(None):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert done == [True]
