"""What a run grades again and what it does not; what is said of a secret, a date or a file that is not as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from autograder.classroom import classroom, feedback
from autograder.classroom.classroom import News
from autograder.classroom.journal import Journal
from autograder.classroom.pool import Graders, NoCluster, Terms
from autograder.classroom.secret import SECRET_BYTES, secret_file
from autograder.course import Course, CourseError
from autograder.submission.grades import SubmissionGrade
from tests.autograder.mini import MINI, REPOSITORY
from tests.autograder.rows import a_grade, points

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own queries


class Generous:
    """Gives everybody full points, and remembers who asked, and what was asked with."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.secrets: set[bytes] = set()

    def run(self, jobs: Iterable[tuple[str, bytes, Any]], terms: Terms) -> Iterator[tuple[str, SubmissionGrade]]:
        for student, *_ in jobs:
            self.asked.append(student)
            self.secrets.add(terms.secret)
            yield student, a_grade()


@pytest.fixture
def course(mini_course: Course) -> Course:
    """A course with what two students handed in."""
    classroom.prepare(mini_course, MINI)
    for student in ("ada", "ben"):
        hand_in(mini_course, student, b"{}")
    return mini_course


def hand_in(course: Course, student: str, content: bytes) -> None:
    path = course.notebook("submitted", MINI, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def grade(course: Course, force: bool = False) -> list[str]:
    """Grade everybody; returns who was graded, as whoever graded says."""
    graders = Generous()
    anew = classroom.grade(course, MINI, course.students(MINI), graders, force=force)  # type: ignore[arg-type]
    assert anew == graders.asked
    return anew


def remove_submission(course: Course) -> None:
    with Gradebook(course.directory().db_url) as gradebook:
        gradebook.remove_submission(MINI, "ada")


def change_source(course: Course) -> None:
    script = course.solutions / f"{MINI}.py"
    script.write_text(script.read_text().replace("The end.", "The very end."))
    classroom.prepare(course, MINI)


def timestamp(course: Course, text: str = "2026-01-31 12:00:00 UTC") -> None:
    (course.folder("submitted", MINI, "ada") / "timestamp.txt").write_text(text)


def give_points(course: Course) -> None:
    with Gradebook(course.directory().db_url) as gradebook:
        gradebook.find_grade("gate-hand-in", MINI, MINI, "ada").manual_score = 1
        gradebook.db.commit()


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda course: None, []),
        (give_points, []),
        (lambda course: hand_in(course, "ada", b"{ }"), ["ada"]),
        (lambda course: hand_in(course, "ada", b"{ }") or hand_in(course, "ada", b"{}"), []),
        (timestamp, ["ada"]),
        (remove_submission, ["ada"]),
        (lambda course: course.notebook("autograded", MINI, "ada").unlink(), ["ada"]),
        (lambda course: hand_in(course, "eva", b"{}"), ["eva"]),
        (change_source, ["ada", "ben"]),
        (lambda course: Journal(course, MINI).path.unlink(), ["ada", "ben"]),
        (lambda course: Journal(course, MINI).path.write_bytes(b"\xff" * 1000), ["ada", "ben"]),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_only_what_changed_is_graded_again(course: Course, change: Callable[[Course], Any], again: list[str]) -> None:
    assert grade(course) == ["ada", "ben"]
    change(course)
    classroom.prepare(course, MINI)
    assert grade(course) == again
    assert grade(course) == []
    assert grade(course, force=True) == course.students(MINI)


def test_another_version_of_the_autograder_grades_again(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    grade(course)
    monkeypatch.setattr(classroom, "VERSION", "another")
    assert grade(course) == ["ada", "ben"]
    assert grade(course) == []


def test_what_was_graded_before_is_told_apart(course: Course) -> None:
    grade(course)
    hand_in(course, "ben", b"{ }")
    told: list[News] = []
    classroom.grade(course, MINI, ["ada", "ben"], Generous(), tell=told.append)  # type: ignore[arg-type]
    assert [(news.student, news.anew) for news in told] == [("ada", False), ("ben", True)]


class Stillborn(Executor):
    """A pool whose workers end before there is something to do."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        """Say so."""
        raise BrokenProcessPool("the initializer failed")


def test_workers_that_end_as_soon_as_they_start_end_the_run(course: Course) -> None:
    graders = Graders(Stillborn, 1)
    with pytest.raises(NoCluster, match="No worker lives: each ends at once"):
        classroom.grade(course, MINI, ["ada"], graders)


# The secret


def test_a_lost_secret_is_said_once_and_what_was_graded_stays(course: Course) -> None:
    grade(course)
    secret_file(course.directory()).unlink()
    (said,) = classroom.prepare(course, MINI)
    assert f"{secret_file(course.directory())} is not the secret that {MINI} was graded with before" in said
    assert "Restore it from a backup, or grade everybody again with --force." in said
    assert grade(course) == []
    assert classroom.prepare(course, MINI) == []


def test_a_file_that_is_no_secret_stops_before_anything_is_graded(course: Course) -> None:
    secret_file(course.directory()).write_bytes(b"too short")
    for do in (lambda: classroom.prepare(course, MINI), lambda: grade(course)):
        with pytest.raises(CourseError, match=f"is no secret of {SECRET_BYTES} bytes: restore it from a backup"):
            do()
    assert points(course) == {}


def test_all_are_asked_with_the_secret_that_nbgrader_autograde_asks_with(course: Course) -> None:
    graders = Generous()
    classroom.grade(course, MINI, ["ada"], graders, force=True)  # type: ignore[arg-type]
    assert graders.secrets == {(course.root / "workspace" / "course" / "gradebook.secret").read_bytes()}


# What is handed in beside the notebook


@pytest.mark.parametrize("content", [b"yesterday", b"\xff\xfe", b"2026-99-99 99:99:99 UTC", b"9" * 5000, None])
def test_a_timestamp_that_is_no_date_stops_nobody_else(course: Course, content: bytes | None) -> None:
    path = course.folder("submitted", MINI, "ada") / "timestamp.txt"
    path.mkdir() if content is None else path.write_bytes(content)
    told: list[News] = []
    classroom.grade(course, MINI, ["ada", "ben"], Generous(), tell=told.append)  # type: ignore[arg-type]
    said = {news.student: news.ungraded for news in told}
    assert said == {"ada": "its timestamp.txt holds no date: put that right, or remove the file", "ben": ""}
    path.rmdir() if content is None else path.unlink()
    assert grade(course) == ["ada"]


def test_files_beside_are_kept_and_what_cannot_be_read_is_left_out(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = course.folder("submitted", MINI, "ada")
    (folder / "data.csv").write_text("1,2")
    (folder / f".{MINI}.ipynb.part").write_text("the rest of a write that was killed")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "gone").symlink_to("nowhere")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "secret.txt").write_text("of whom may not read it")
    read = Path.read_bytes

    def may_not(path: Path) -> bytes:
        if path.name == "secret.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", may_not)
    grade(course)
    kept = course.folder("autograded", MINI, "ada")
    assert {path.name for path in kept.iterdir()} == {f"{MINI}.ipynb", "data.csv"}
    (kept / "data.csv").chmod(0o444)  # as nbgrader leaves it
    (folder / "data.csv").write_text("3,4")
    grade(course, force=True)
    assert (kept / "data.csv").read_text() == "3,4"


def test_the_rest_of_a_killed_write_is_not_taken_for_what_was_handed_in(course: Course) -> None:
    path = course.notebook("submitted", MINI, "eva")
    path.parent.mkdir(parents=True)
    (path.parent / f".{path.name}.part").write_text("half")
    told: list[News] = []
    classroom.grade(course, MINI, ["eva"], Generous(), tell=told.append)  # type: ignore[arg-type]
    assert told[0].ungraded == f"there is no {MINI}.ipynb in the submission, only an empty folder"


def test_what_cannot_be_gathered_is_left_out_and_said(course: Course, tmp_path: Path) -> None:
    folder = tmp_path / "handed-in"
    (folder / "ada.ipynb").mkdir(parents=True)
    (folder / "fred.ipynb").symlink_to("/etc/passwd")
    (folder / "eva.ipynb").write_text("{}")
    (folder / "\udcff.ipynb").write_text("{}")  # as a name in another encoding is read
    (folder / "\x1b[2J" / MINI).mkdir(parents=True)
    (folder / "\x1b[2J" / MINI / f"{MINI}.ipynb").write_text("{}")
    os.mkfifo(folder / "gil.ipynb")
    notices = classroom.gather(course, MINI, folder)
    assert course.students(MINI) == ["ada", "ben", "eva"]
    assert [notice.split(" ")[1] for notice in notices] == [r"'\x1b[2J'", "ada", "fred", "gil", r"'\udcff'"]


def test_a_folder_that_may_not_be_read_costs_that_submission_alone(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(course, "cleo", b"{}")
    closed, stat = course.folder("submitted", MINI, "cleo").parent, Path.stat

    def refused(path: Path, **how: Any) -> os.stat_result:
        if closed in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", refused)
    assert course.students(MINI) == ["ada", "ben", "cleo"]
    classroom.grade(course, MINI, course.students(MINI), Generous())  # type: ignore[arg-type]
    assert Journal(course, MINI).get("cleo", "ungraded") == "its folder cannot be read: Permission denied"
    assert points(course)["ada"] != (None, None)


def test_a_folder_that_is_named_after_nobody_is_left_out_and_said(course: Course) -> None:
    for name in ("\udcff", "\x1b]0;gotcha\x07"):
        hand_in(course, name, b"{}")
    assert course.students(MINI) == ["ada", "ben"]
    said = classroom.prepare(course, MINI)
    assert [notice.split(" ")[2] for notice in said] == [r"'\x1b]0;gotcha\x07'", r"'\udcff'"]
    assert grade(course) == ["ada", "ben"]


# Killed while a page or the lecture is made


def test_half_a_feedback_page_is_not_taken_for_one(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(descriptor: int) -> None:
        raise Killed

    grade(course)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        assert feedback.write_page(course.root, MINI, "ada")
    assert not course.notebook("feedback", MINI, "ada").exists()
    due = feedback.due(course, MINI, ["ada"])
    assert set(due) == {"ada"}
    assert feedback.write_page(course.root, MINI, "ada") == ""
    assert "</html>" in course.notebook("feedback", MINI, "ada").read_text()
    Journal(course, MINI).note("ada", page=due["ada"])
    assert not feedback.due(course, MINI, ["ada"])


def test_a_page_is_made_again_when_somebody_gives_points_or_writes_or_hints_say_less(course: Course) -> None:
    grade(course)

    def is_due() -> bool:
        due = feedback.due(Course(course.root), MINI, ["ada"])
        for student, state in due.items():
            Journal(course, MINI).note(student, page=state)
        return bool(due)

    assert feedback.write_page(course.root, MINI, "ada") == ""
    assert (is_due(), is_due()) == (True, False)
    for change in ("manual_score", "extra_credit", "manual_comment"):
        with Gradebook(course.directory().db_url) as gradebook:
            entry = gradebook.find_submission_notebook(MINI, MINI, "ada")
            row = entry.comments[0] if change == "manual_comment" else entry.grades[0]
            setattr(row, change, "Well done." if change == "manual_comment" else 2)
            gradebook.db.commit()
        assert (is_due(), is_due()) == (True, False), change
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write('c.HintLevel.level = "place"\n')
    assert (is_due(), is_due()) == (True, False)


BUILD = """\
import os, signal, sys
from pathlib import Path
from nbgrader.api import Gradebook
from autograder.classroom import classroom
from autograder.course import Course
from edf_course.exercises import LECTURES
LECTURES["90_mini"] = ("edf.sigmoid", "edf.gate")
left = [int(sys.argv[2])]
add = Gradebook.update_or_create_grade_cell
def add_and_die(*args, **kwargs):
    left[0] -= 1
    return add(*args, **kwargs) if left[0] else os.kill(os.getpid(), signal.SIGKILL)
Gradebook.update_or_create_grade_cell = add_and_die
classroom.prepare(Course(Path(sys.argv[1])), "90_mini")
"""


def killed_while_building(course: Course) -> None:
    command = [sys.executable, "-c", BUILD, str(course.root), "3"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, check=False)
    assert done.returncode == -signal.SIGKILL


def cells_of(course: Course) -> set[str]:
    with Gradebook(course.directory().db_url) as gradebook:
        return {cell.name for cell in gradebook.find_notebook(MINI, MINI).grade_cells}


ALL_CELLS = {f"{cell}-{end}" for cell in ("sigmoid", "gate") for end in ("check", "hand-in")}


@pytest.mark.parametrize("gradebook_was_lost", [False, True])
def test_killed_while_it_is_built_a_lecture_is_built_anew(
    mini_course: Course, new_gradebook: Path, gradebook_was_lost: bool
) -> None:
    if gradebook_was_lost:
        classroom.prepare(mini_course, MINI)
        (mini_course.root / "workspace" / "course" / "gradebook.db").write_bytes(new_gradebook.read_bytes())
    killed_while_building(mini_course)
    assert cells_of(mini_course) < ALL_CELLS
    classroom.prepare(mini_course, MINI)
    assert cells_of(mini_course) == ALL_CELLS


def test_killed_when_a_changed_lecture_was_just_built_the_old_one_is_built_again(
    mini_course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom.prepare(mini_course, MINI)
    script, release = mini_course.solutions / f"{MINI}.py", mini_course.notebook("release", MINI)
    before, text = release.read_bytes(), script.read_text()
    build = classroom.build_release

    def build_and_die(*arguments: Any) -> None:
        build(*arguments)
        raise KeyboardInterrupt

    script.write_text(text.replace("The end.", "The very end."))
    with monkeypatch.context() as patch:
        patch.setattr(classroom, "build_release", build_and_die)
        with pytest.raises(KeyboardInterrupt):
            classroom.prepare(mini_course, MINI)
    assert release.read_bytes() != before
    script.write_text(text)
    classroom.prepare(mini_course, MINI)
    assert release.read_bytes() == before
