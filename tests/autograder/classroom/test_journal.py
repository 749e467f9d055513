"""The journal survives what happens to files, and one lecture is graded by one process at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.classroom.journal import Journal
from autograder.classroom.lock import alone
from autograder.classroom.whole import is_part, write_whole
from autograder.course import Course, CourseError
from tests.autograder.mini import MINI


def test_what_was_noted_is_there_for_the_next_who_reads(mini_course: Course) -> None:
    journal = Journal(mini_course, MINI)
    journal.note("ada", gathered="1", graded="2", ungraded="", penalty=1.5)
    journal.note("ada", graded="3")
    journal.note("", source="s")
    for known in (journal, Journal(mini_course, MINI)):
        assert [known.get("ada", what) for what in ("gathered", "graded", "ungraded", "penalty")] == ["1", "3", "", 1.5]
        assert known.source == "s"
        assert known.get("ben", "graded") is None


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_a_line_that_was_cut_off_is_left_out_and_the_next_is_whole(mini_course: Course, cut: int) -> None:
    journal = Journal(mini_course, MINI)
    journal.note("ada", graded="1")
    journal.note("ben", graded="2")
    journal.path.write_bytes(journal.path.read_bytes()[:-cut])
    assert Journal(mini_course, MINI).get("ada", "graded") == "1"
    assert Journal(mini_course, MINI).get("ben", "graded") in (None, "2")  # all but the end of the line is enough
    Journal(mini_course, MINI).note("eva", graded="3")
    assert Journal(mini_course, MINI).get("eva", "graded") == "3"


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\xff\xfe not even text",
        b"[]",
        b"17",
        b"null",
        b'{"student": ["ada"], "graded": "x"}',
        b'{"student": null, "graded": "x"}',
        b'{"graded": "x"}',
        b'{"student": "ada", "graded": true, "ungraded": 5, "penalty": "much", "place": "of an older form"}',
    ],
)
def test_what_is_no_news_is_left_out(mini_course: Course, line: bytes) -> None:
    journal = Journal(mini_course, MINI)
    journal.note("ada", graded="1", penalty=2.0)
    journal.path.write_bytes(line + b"\n" + journal.path.read_bytes() + line + b"\n")
    found = Journal(mini_course, MINI)
    assert [found.get("ada", what) for what in ("graded", "ungraded", "penalty")] == ["1", None, 2.0]


def test_a_long_journal_is_shortened_by_who_asks_for_it_only(mini_course: Course) -> None:
    journal = Journal(mini_course, MINI)
    for i in range(50):
        journal.note("ada", graded=str(i), gathered="g")
    journal.note("", source="s")
    assert len(journal.path.read_bytes().splitlines()) == 51
    reader = Journal(mini_course, MINI)
    assert len(journal.path.read_bytes().splitlines()) == 51
    reader.shorten()
    lines = [json.loads(line) for line in journal.path.read_bytes().splitlines()]
    assert lines == [{"student": "ada", "graded": "49", "gathered": "g"}, {"student": "", "source": "s"}]
    reader.note("ben", graded="1")
    reader.shorten()
    assert Journal(mini_course, MINI).get("ben", "graded") == "1"


def test_grades_are_forgotten_with_the_gradebook_but_not_what_was_gathered(mini_course: Course) -> None:
    journal = Journal(mini_course, MINI)
    journal.note("ada", gathered="1", graded="2", penalty=3.0)
    journal.forget_grades()
    found = Journal(mini_course, MINI)
    assert [found.get("ada", what) for what in ("gathered", "graded", "penalty")] == ["1", None, None]


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder" / "file"
    write_whole(path, b"one")
    path.chmod(0o444)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
            write_whole(path, b"two")
    assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [("file", b"one")]
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"


def test_the_rest_of_a_file_that_was_being_written_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(descriptor: int) -> None:
        raise Killed

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(Killed):
        write_whole(tmp_path / "notebook.ipynb", b"half")
    (rest,) = tmp_path.iterdir()
    assert is_part(rest)
    assert rest.suffix != ".ipynb"
    assert not is_part(tmp_path / "my.part")
    assert not is_part(tmp_path / "notebook.ipynb")


# One grader at a time

HOLDS = """\
import sys, time
from pathlib import Path
from autograder.course import Course
from autograder.classroom.lock import alone
with alone(Course(Path(sys.argv[1])), sys.argv[2]):
    print("has it", flush=True)
    time.sleep(60)
"""


def test_a_second_grader_is_told_who_the_first_one_is_until_that_is_killed(mini_course: Course) -> None:
    command = [sys.executable, "-c", HOLDS, str(mini_course.root), MINI]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "has it\n"
        refused = rf"Somebody is grading {MINI} already \(process {first.pid} on .+\): wait"
        with pytest.raises(CourseError, match=refused), alone(mini_course, MINI):
            pass
        with alone(mini_course, "01_other"):
            pass
        first.send_signal(signal.SIGKILL)
        first.wait()
    with alone(mini_course, MINI):
        pass


def test_blocks_of_one_process_may_be_nested(mini_course: Course) -> None:
    done = []
    with alone(mini_course, MINI), alone(mini_course, MINI):
        done.append("nested")
    with alone(mini_course, MINI):
        done.append("afterwards")
    assert done == ["nested", "afterwards"]


def test_an_error_of_the_file_system_is_said_in_a_sentence(mini_course: Course) -> None:
    said = r"/gone/file: No such file or directory\. What was graded before stays graded; .* run the same command again"
    with pytest.raises(CourseError, match=said), alone(mini_course, MINI):
        Path("/gone/file").read_bytes()
    with alone(mini_course, MINI):  # and the lock is free
        pass


def test_without_locks_grading_goes_on(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*how: object) -> None:
        asked.append(how)
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with alone(mini_course, MINI):
        assert asked
