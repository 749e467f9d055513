"""`nbgrader autograde` on a class in which most files are not as nbgrader expects them: none stops the others."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.classroom.gradebook import standings
from autograder.course import Course
from autograder.release.release import build_source
from edf_course import exercises
from tests.autograder.mini import MINI, MINI_EXERCISES, make_course, solve
from tests.autograder.test_nbgrader import SIGMOID, nbgrader
from tests.tools import needs

Json = dict[str, Any]


def changed(change: Callable[[Json], None]) -> Callable[[bytes], bytes]:
    """Makes a file of a solved notebook by a change of its JSON."""

    def make(solved: bytes) -> bytes:
        notebook = json.loads(solved)
        change(notebook)
        return json.dumps(notebook).encode()

    return make


def twice(notebook: Json) -> None:
    notebook["cells"] += [cell for cell in notebook["cells"] if cell["id"] in ("sigmoid-hand-in", "sigmoid-check")]


def old_marks(notebook: Json) -> None:
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {"schema_version": 1, "points": -3}


def odd_marks(notebook: Json) -> None:
    for number, cell in enumerate(notebook["cells"]):
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] = [None, 7, "x", {"grade_id": 5}, {"grade": True}][number % 5]


def version_3(solved: bytes) -> bytes:
    return nbformat.writes(nbformat.convert(nbformat.reads(solved, as_version=4), 3), version=3).encode()


def zipped(solved: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.ipynb", solved)
    return file.getvalue()


GRADED: dict[str, Callable[[bytes], bytes]] = {
    "right": lambda solved: solved,
    "cp1252": lambda solved: solved.decode().replace("# The end", "# Ende, müde").encode("cp1252", "replace"),
    "utf16": lambda solved: solved.decode().encode("utf-16"),
    "bom": lambda solved: b"\xef\xbb\xbf" + solved,
    "version3": version_3,
    "twice": changed(twice),
    "oldmarks": changed(old_marks),
    "oddmarks": changed(odd_marks),
    "kernel": changed(
        lambda n: n["metadata"].update(kernelspec={"name": "nowhere", "display_name": "", "language": "cobol"})
    ),
    "nometadata": changed(lambda n: n.pop("metadata")),
    "oddcells": changed(
        lambda n: n["cells"].extend([None, 7, {"cell_type": "heading"}, {"cell_type": "code", "source": 5}])
    ),
    "surrogate": changed(lambda n: n["cells"].append({"cell_type": "markdown", "source": "\ud83d", "metadata": {}})),
}
UNGRADED: dict[str, tuple[bytes | str, str]] = {
    "empty": (b"", "the file is empty"),
    "notjson": (b"hello", "the file is no notebook"),
    "deep": (b"[" * 100_000, "it is nested too deeply"),
    "zipped": (b"PK\x03\x04...", "it is a zip archive"),
    "nocells": (b"{}", "it has no list of cells"),
    "folder": ("folder", "is no file"),
    "link": ("link", "it is a link, which is not followed"),
    "pipe": ("pipe", "is no file"),
}  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> tuple[Course, str]:
    """The course after autograde, and what that said."""
    needs("bwrap")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        course = make_course(tmp_path_factory.mktemp("course"), new_gradebook)
        build_source(course, MINI)
        nbgrader(course.root, "generate_assignment", MINI)
        solved = course.root / "solved.ipynb"
        solved.write_bytes(course.notebook("release", MINI).read_bytes())
        solve(solved, "sigmoid", course)
        for student, make in GRADED.items():
            put(course, student).write_bytes(make(solved.read_bytes()))
        for student, (content, _) in UNGRADED.items():
            path = put(course, student)
            match content:
                case "folder":
                    path.mkdir()
                case "link":
                    path.symlink_to("/etc/passwd")
                case "pipe":
                    os.mkfifo(path)
                case _:
                    path.write_bytes(bytes(content))
        return course, nbgrader(course.root, "autograde", MINI, fails=True)


def put(course: Course, student: str) -> Path:
    """Where a student's notebook goes."""
    path = course.notebook("submitted", MINI, student)
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize("student", GRADED)
def test_what_can_be_read_is_graded_as_it_deserves(graded: tuple[Course, str], student: str) -> None:
    course, said = graded
    assert standings(course, MINI)[student].scores["sigmoid-hand-in"].points == SIGMOID, said
    nbformat.validate(nbformat.read(course.notebook("autograded", MINI, student), 4))


@pytest.mark.parametrize("student", UNGRADED)
def test_what_cannot_be_read_is_said_with_the_reason(graded: tuple[Course, str], student: str) -> None:
    course, said = graded
    reason = UNGRADED[student][1]
    assert not course.folder("autograded", MINI, student).exists()
    after = said[said.index(f"/{student}/{MINI}/{MINI}.ipynb") :]
    assert reason in after[: after.index("NotGradedError: ") + 200]


def test_what_was_mended_is_in_the_notebook_for_the_instructor(graded: tuple[Course, str]) -> None:
    course, _ = graded
    about = {
        s: nbformat.read(course.notebook("autograded", MINI, s), 4).metadata.edf_course for s in ("right", "twice")
    }
    assert about["right"] == {"mended": [], "notes": [], "jail": "bubblewrap"}
    assert any("more than once" in line for line in about["twice"].mended)
