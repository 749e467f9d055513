"""The secret behind the probes: one for a course, wherever one looks from, and kept."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from nbgrader.coursedir import CourseDirectory

from autograder.classroom.secret import BadSecret, secret_file, secret_of


def directory(root: Path, url: str = "") -> CourseDirectory:
    settings = {"db_url": url} if url else {}
    return CourseDirectory(root=str(root), submitted_directory="workspace/course/submitted", **settings)


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = secret_of(directory(tmp_path))
    assert len(first) == 32
    assert secret_of(directory(tmp_path)) == first
    file = tmp_path / "gradebook.secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert secret_of(directory(tmp_path, f"sqlite:///{tmp_path}/other.db")) != first


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("", "gradebook.secret"),
        ("sqlite:///{root}/books/of.2026.db", "books/of.2026.secret"),
        ("sqlite+pysqlite:///{root}/my.db?timeout=30", "my.secret"),
        ("sqlite://", "workspace/course/gradebook.secret"),
        ("postgresql+psycopg2://me@somewhere/edf", "workspace/course/gradebook.secret"),
    ],
)
def test_the_secret_lies_beside_the_gradebook_or_what_was_handed_in(tmp_path: Path, url: str, place: str) -> None:
    assert secret_file(directory(tmp_path, url.format(root=tmp_path))) == tmp_path / place
    assert len(secret_of(directory(tmp_path, url.format(root=tmp_path)))) == 32


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_file_that_is_no_secret_is_said_and_stays(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "gradebook.secret"
    file.write_bytes(content)
    with pytest.raises(BadSecret, match=r"is no secret of 32 bytes: restore it .* --force"):
        secret_of(directory(tmp_path))
    assert file.read_bytes() == content


def test_two_who_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    together, found = threading.Barrier(8), []

    def make() -> None:
        together.wait()
        found.append(secret_of(directory(tmp_path)))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_one_that_could_not_be_written_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            secret_of(directory(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert len(secret_of(directory(tmp_path))) == 32


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert secret_of(directory(tmp_path)) == secret_of(directory(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["gradebook.secret"]
