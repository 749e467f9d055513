"""Submissions are gathered, nothing of what people handed in is overwritten, and what the command says of it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from autograder.classroom import classroom
from autograder.classroom.pool import NoJail
from autograder.classroom.sample import make_submission, read_source
from autograder.course import Course, CourseError, may_be_called
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


def test_a_folder_without_submissions_is_said_with_what_is_in_it(prepared: Course) -> None:
    folder = _folder(prepared)
    (folder / "all of them.zip").touch()
    with pytest.raises(CourseError, match=r"holds no submissions, .* only all of them\.zip"):
        classroom.gather(prepared, MINI, folder)


def test_the_small_sources_of_a_sample_class_are_not_taken_from_strangers(prepared: Course) -> None:
    folder = _folder(prepared)
    (folder / "ada.py").write_text("# begins with: solution\n")
    with pytest.raises(CourseError, match=r"holds no submissions, .* only ada\.py"):
        classroom.gather(prepared, MINI, folder)


def test_nothing_in_a_folder_of_submissions_is_passed_over_in_silence(prepared: Course) -> None:
    folder = _folder(prepared, ada="right", ben="one of two")
    for path in ("ben/{}", "other name/my work.ipynb", "two/a.ipynb", "two/b.ipynb", "deep/er/{}"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.format(f"{MINI}.ipynb")).write_text("{}")
    (folder / "empty").mkdir()
    for name in ("cleo.zip", "dan.pdf", "dan.py", ".hidden"):
        (folder / name).touch()
    assert classroom.gather(prepared, MINI, folder) == [
        f"ben.ipynb is left out: ben/{MINI}.ipynb is taken for that student.",
        "cleo.zip is left out: unpack it first.",
        "dan.pdf is left out: it is no notebook.",
        "dan.py is left out: it is no notebook.",
        f"deep is left out: there is no {MINI}.ipynb in it, only er.",
        f"empty is left out: there is no {MINI}.ipynb in it, only an empty folder.",
        f"other name is left out: there is no {MINI}.ipynb in it, only my work.ipynb.",
        f"two is left out: there is no {MINI}.ipynb in it, only a.ipynb, b.ipynb.",
    ]
    assert prepared.students(MINI) == ["ada", "ben"]


@pytest.mark.parametrize("name", ["a*", "a?", "a[b]c", " ada", "ada ", "..", ".ada", "a" * 129, "\x1b[2J", "\udcff"])
def test_some_names_nobody_can_have_in_nbgrader_or_its_database(name: str) -> None:
    """PostgreSQL takes no more than 128 characters."""
    assert not may_be_called(name)


@pytest.mark.parametrize("name", ["Müller, Jörg", "O'Brien", 'quote"d', "日本語", "x+y@uni.example", "ü" * 128, "=1"])
def test_other_names_are_taken_as_they_are(name: str) -> None:
    assert may_be_called(name)


def test_a_name_that_nobody_can_have_costs_that_submission_alone(prepared: Course) -> None:
    long = "a" * 129
    (notice,) = classroom.gather(prepared, MINI, _folder(prepared, **{long: "{}", "eva": "{}"}))
    assert f"What {long} handed in is left out: nbgrader has no such names" in notice
    (prepared.folder("submitted", MINI, long)).mkdir(parents=True)
    assert prepared.students(MINI) == ["eva"]
    (notice,) = classroom.prepare(prepared, MINI)
    assert long in notice
    assert "rename it" in notice


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
    assert f"Nothing of {MINI} was handed in by anybody" in said


def test_grade_of_somebody_unknown_says_who(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(mini_course, ada="{}")
    code, said = _run(mini_course.root, "--students", str(folder), "--only", "adda", patch=monkeypatch)
    assert code == 1
    assert f"Nothing of {MINI} was handed in by adda" in said


def test_grade_prints_a_table_and_names_its_files(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(mini_course, ada="{}")
    code, said = _run(mini_course.root, "--students", str(folder), patch=monkeypatch)
    assert code == 0
    assert "not graded: the file is no notebook: it has no list of cells" in said
    assert (mini_course.reports / f"{MINI}.csv").is_file()


def test_names_of_files_do_nothing_to_the_terminal(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mini_course.folder("submitted", MINI, "mallory")
    folder.mkdir(parents=True)
    (folder / "\x1b]0;gotcha\x07").touch()
    _, said = _run(mini_course.root, patch=monkeypatch)
    assert f"there is no {MINI}.ipynb in the submission, only '\\x1b]0;gotcha\\x07'" in said
    assert "\x1b" not in said


def _sample(course: Course) -> Path:
    """A sample class of two, where the command looks for it."""
    folder = course.root / "tests" / "classroom" / MINI
    folder.mkdir(parents=True)
    for student in ("ada", "ben"):
        (folder / f"{student}.py").write_text("# As it was released.\n")
    return folder


def test_the_sample_class_is_not_mixed_with_others(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    _sample(mini_course)
    code, said = _run(mini_course.root, "--students", str(_folder(mini_course, eva="{}")), patch=monkeypatch)
    assert code == 0, said
    _run(mini_course.root, patch=monkeypatch)
    assert mini_course.students(MINI) == ["eva"]


def test_where_is_no_jail_only_the_sample_class_itself_is_graded(
    mini_course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not somebody who has the name of a student of it."""

    def grade(*_: object, jailed: bool, **__: object) -> None:
        if jailed:
            raise NoJail("there is none")
        tried.append("without a jail")

    _sample(mini_course)
    tried: list[str] = []
    monkeypatch.setattr(classroom, "grade", grade)
    _run(mini_course.root, patch=monkeypatch)
    assert tried == ["without a jail"]
    mini_course.notebook("submitted", MINI, "ada").write_text("{}")
    code, said = _run(mini_course.root, patch=monkeypatch)
    assert tried == ["without a jail"]
    assert code == 1
    assert "Error: there is none" in said
