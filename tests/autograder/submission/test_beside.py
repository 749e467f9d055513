"""Files beside a notebook: which go into the jail, and which come out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.submission.beside import (
    MAX_FILES,
    clear_beside,
    links_in,
    may_be_written,
    over,
    read_beside,
    write_beside,
)


def test_plain_files_are_read_with_their_folders_and_notebooks_are_not(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_bytes(b"1")
    for name in ("helper.py", "p1.ipynb", ".hidden", "blah.txt"):
        (tmp_path / name).write_bytes(name.encode())
    found = read_beside(tmp_path, 1000)
    assert found.files == {"blah.txt": b"blah.txt", "data/a.csv": b"1", "helper.py": b"helper.py"}
    assert found.left_out == ()


def test_links_and_pipes_are_not_followed_and_links_are_named(tmp_path: Path) -> None:
    import os

    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "secret")
    (folder / "deep").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    assert read_beside(folder, 1000).files == {}
    assert links_in(folder) == {"link.txt"}
    (folder / "link.txt").unlink()
    (folder / "link.txt").write_text("a copy of what was linked")
    assert read_beside(folder, 1000, {"link.txt"}).files == {}


def test_what_is_too_much_is_left_out_and_named(tmp_path: Path) -> None:
    for name, size in (("a", 400), ("b", 700), ("c", 500)):
        (tmp_path / name).write_bytes(b"x" * size)
    found = read_beside(tmp_path, 1000)
    assert set(found.files) == {"a", "c"}
    assert found.left_out == ("b",)
    for i in range(MAX_FILES + 5):
        (tmp_path / f"f{i:03}").write_bytes(b"")
    assert len(read_beside(tmp_path, 1000).files) == MAX_FILES


@pytest.mark.parametrize("name", ["a.txt", "a b (1).csv", "deep/er/x.png", "größe.txt", "model.npz", "no_suffix"])
def test_ordinary_names_may_be_written(name: str) -> None:
    assert may_be_written(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/passwd", "../x", "a/../x", "a//b", "./a", ".bashrc", "a/.ssh/x", "-rf", "x\n", "x\x00", "x\u202etxt",
        "p1.ipynb", "P1.IPYNB", "timestamp.txt", "a.html", "a.HTM", "a.svg", "a.xhtml", "a.js", "a.xml", "x" * 300,
        "日" * 90, "a\\b", "a/", "a:b", "<b>",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_or_that_a_browser_would_run_may_not(name: str) -> None:
    assert not may_be_written(name)


def test_where_files_cannot_lie_side_by_side_those_of_the_course_stay() -> None:
    handed = {"data": b"", "table.csv/a/b": b"", "data.txt": b"", "more/x": b"", "same": b"theirs"}
    own = {"data/x": b"", "table.csv": b"", "same": b"own"}
    assert over(handed, own) == {"data.txt": b"", "more/x": b"", **own}


def test_what_an_earlier_grading_left_is_removed_but_for_the_notebook(tmp_path: Path) -> None:
    for name in ("p1.ipynb", "old", "deep/er/old", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("/tmp")
    clear_beside(tmp_path / "p1.ipynb")
    assert [path.name for path in tmp_path.iterdir()] == ["p1.ipynb"]
    clear_beside(tmp_path / "nobody" / "p1.ipynb")


def test_files_are_written_into_the_folder_and_links_are_replaced_or_left(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("as it was")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x").symlink_to(outside / "x")
    (folder / "deep").symlink_to(outside)
    (folder / "taken").mkdir()
    (folder / "old").write_text("old")
    (folder / "old").chmod(0o444)
    new = {"x": b"new", "deep/x": b"new", "taken": b"new", "old": b"new", "a/b/c": b"new", "../y": b"new"}
    new |= {"old/x": b"below a file", "a/b": b"a folder"}
    write_beside(folder, new)
    assert (outside / "x").read_text() == "as it was"
    assert not (folder / "x").is_symlink()
    assert [(folder / name).read_bytes() for name in ("x", "old", "a/b/c")] == [b"new"] * 3
    assert (folder / "taken").is_dir()
    assert not (tmp_path / "y").exists()
