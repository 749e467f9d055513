"""Submissions are gathered, nothing of what people handed in is overwritten, and what the command says of it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from autograder.classroom import classroom
from autograder.classroom.sample import make_submission, read_source
from autograder.course import Course, CourseError
from autograder.grading import grade as grade_command
from tests.autograder.mini import MINI


def _folder(course: Course, **files: str) -> Path:
    folder = course.root / "handed-in"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.ipynb").write_text(text)
    return folder


def test_gathering_overwrites_nothing_that_people_handed_in(prepared: Course) -> None:
    theirs = prepared.notebook("submitted", MINI, "ada")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    notices = classroom.gather(prepared, MINI, _folder(prepared, ada="other", ben="ben's"))
    assert theirs.read_text() == "theirs"
    assert prepared.notebook("submitted", MINI, "ben").read_text() == "ben's"
    assert [n.split(" has ")[0] for n in notices] == ["ada"]


def test_gathering_again_takes_the_newer_unless_somebody_worked_on_it(prepared: Course) -> None:
    classroom.gather(prepared, MINI, _folder(prepared, ada="one", ben="one"))
    prepared.notebook("submitted", MINI, "ben").write_text("worked on")
    notices = classroom.gather(prepared, MINI, _folder(prepared, ada="two", ben="two"))
    assert prepared.notebook("submitted", MINI, "ada").read_text() == "two"
    assert prepared.notebook("submitted", MINI, "ben").read_text() == "worked on"
    assert len(notices) == 1


def test_gathering_takes_folders_as_nbgrader_and_downloads_have_them(prepared: Course) -> None:
    folder = _folder(prepared)
    for path in (folder / "ada" / f"{MINI}.ipynb", folder / "ben" / MINI / f"{MINI}.ipynb"):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    classroom.gather(prepared, MINI, folder)
    assert prepared.students(MINI) == ["ada", "ben"]


def test_a_folder_without_submissions_is_said(prepared: Course) -> None:
    with pytest.raises(CourseError, match="holds no submissions"):
        classroom.gather(prepared, MINI, _folder(prepared))


def test_a_small_source_that_names_a_cell_the_lecture_lacks_is_refused(prepared: Course, tmp_path: Path) -> None:
    (tmp_path / "ada.py").write_text("# %% sigmoyd\n1\n")
    notebooks = [nbformat.read(prepared.notebook(step, MINI), as_version=4) for step in ("release", "source")]
    with pytest.raises(CourseError, match="no cell sigmoyd"):
        make_submission(tmp_path / "ada.py", *notebooks)


def test_a_small_source_that_begins_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ada.py").write_text("# begins with: nothing\n")
    with pytest.raises(CourseError, match="neither release nor solution"):
        read_source(tmp_path / "ada.py")


def _run(folder: Path, *arguments: str, patch: pytest.MonkeyPatch) -> tuple[int, str]:
    patch.chdir(folder)
    result = CliRunner().invoke(grade_command, ["--lecture", MINI, *arguments])
    return result.exit_code, result.output


def test_grade_outside_a_course_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = _run(tmp_path, patch=monkeypatch)
    assert code == 1
    assert "run this in the folder of the course" in said


def test_grade_without_submissions_says_so(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = _run(mini_course.root, patch=monkeypatch)
    assert code == 1
    assert f"nobody has handed in {MINI}" in said


def test_grade_of_somebody_unknown_says_who(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(mini_course, ada="{}")
    code, said = _run(mini_course.root, "--students", str(folder), "--only", "adda", patch=monkeypatch)
    assert code == 1
    assert f"adda has handed in {MINI}" in said or "adda" in said


def test_grade_prints_a_table_and_names_its_files(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(mini_course, ada="{}")
    code, said = _run(mini_course.root, "--students", str(folder), patch=monkeypatch)
    assert code == 0
    assert "not graded: the file is no notebook: it has no list of cells" in said
    assert (mini_course.reports / f"{MINI}.csv").is_file()
