"""The gradebook is written in one place: automatic points, and nothing that people entered."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from nbgrader.api import Gradebook

from autograder.classroom import classroom, database
from autograder.classroom.gradebook import Writer, knows, scored, standings
from autograder.course import Course, CourseError
from tests.autograder.mini import MINI
from tests.autograder.rows import a_grade, points, rows

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own queries
DUE = datetime(2026, 1, 31, 12)


@pytest.fixture
def course(mini_course: Course) -> Course:
    """A course whose gradebook knows the small lecture."""
    classroom.prepare(mini_course, MINI)
    return mini_course


@pytest.fixture
def write(course: Course) -> Iterator[Callable[..., float]]:
    """Writes a made-up grade."""
    with Writer(course, MINI) as writer:
        yield lambda student="ada", penalty=None, **grade: writer.write(student, a_grade(**grade), penalty)


@contextlib.contextmanager
def by_hand(course: Course, student: str = "ada") -> Iterator[Any]:
    """What somebody does in formgrader: a function that finds a student's grade or comment, to change it."""
    with Gradebook(course.directory().db_url) as gradebook:
        yield gradebook.find_submission_notebook(MINI, MINI, student)
        gradebook.db.commit()


def grade_of(notebook: Any, cell: str = "sigmoid-hand-in") -> Any:
    return next(g for g in notebook.grades if g.name == cell)


def test_points_comments_and_what_is_to_be_looked_at(course: Course, write: Callable[..., float]) -> None:
    write(sigmoid=1, gate=0, unanswered=["gate"], flagged=["sigmoid"])
    row = rows(course)["ada"]
    assert row["grades"] == {
        "sigmoid-check": (0, None, None, False), "sigmoid-hand-in": (1, None, None, True),
        "gate-check": (0, None, None, False), "gate-hand-in": (0, None, None, False),
    }  # fmt: skip
    assert row["comments"] == {"sigmoid": (None, None), "gate": ("No response.", None)}
    write(sigmoid=6, gate=3)
    row = rows(course)["ada"]
    assert {g[3] for g in row["grades"].values()} == {False}
    assert {c[0] for c in row["comments"].values()} == {None}
    assert (row["score"], points(course)) == (9, {"ada": (6, 3)})


def test_what_people_entered_stays_and_they_see_that_it_was_graded_again(
    course: Course, write: Callable[..., float]
) -> None:
    write()
    with by_hand(course) as notebook:
        grade_of(notebook).manual_score, grade_of(notebook).extra_credit = 2.5, 1.25
        grade_of(notebook).needs_manual_grade = False
        notebook.comments[0].manual_comment = "well done"
        notebook.flagged = True
    write(sigmoid=0)
    row = rows(course)["ada"]
    assert row["grades"]["sigmoid-hand-in"] == (0, 2.5, 1.25, True)
    assert {c[1] for c in row["comments"].values()} == {"well done", None}
    assert row["score"] == 2.5 + 1.25 + 8
    score = standings(course, MINI)["ada"].scores["sigmoid-hand-in"]
    assert (score.points, score.by_hand) == (3.75, True)


def test_a_cell_that_only_a_human_can_grade_is_left_to_one(course: Course) -> None:
    grade = a_grade()
    with Writer(course, MINI) as writer:
        writer.write("ada", classroom.SubmissionGrade((), scores={**grade.scores, "gate-hand-in": None}), None)
    assert rows(course)["ada"]["grades"]["gate-hand-in"] == (None, None, None, True)
    assert standings(course, MINI)["ada"].scores["gate-hand-in"].points is None


def test_what_cannot_be_graded_any_more_loses_automatic_points_only(
    course: Course, write: Callable[..., float]
) -> None:
    write(unanswered=["gate"])
    with by_hand(course) as notebook:
        grade_of(notebook, "gate-hand-in").manual_score = 4
    with Writer(course, MINI) as writer:
        writer.clear("ada", None)
        writer.clear("ben", None)  # whom the gradebook did not know
    row = rows(course)["ada"]
    assert row["grades"]["gate-hand-in"] == (None, 4, None, True)
    assert row["score"] == 4
    assert row["comments"]["gate"] == (None, None)
    assert set(rows(course)["ben"]["grades"].values()) == {(None, None, None, True)}


def test_who_has_automatic_points_is_known(course: Course, write: Callable[..., float]) -> None:
    assert scored(course, MINI) == set()
    write()
    with Gradebook(course.directory().db_url) as gradebook:
        gradebook.add_student("ben")
        gradebook.add_submission(MINI, "ben")
    assert scored(course, MINI) == {"ada"}
    assert scored(course, "01_other") == set()


# Late penalties


@pytest.fixture
def late(course: Course) -> Course:
    """A course in which all points are lost when a submission is late, and ada's is, by an hour."""
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write('c.LateSubmissionPlugin.penalty_method = "zero"\n')
    course = Course(course.root)
    set_due(course, DUE)
    hand_in(course, DUE + timedelta(hours=1))
    return course


def set_due(course: Course, due: datetime | None) -> None:
    with Gradebook(course.directory().db_url) as gradebook:
        gradebook.update_or_create_assignment(MINI, duedate=due)


def hand_in(course: Course, when: datetime) -> None:
    folder = course.folder("submitted", MINI, "ada")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "timestamp.txt").write_text(f"{when} UTC")


def test_a_late_submission_costs_what_the_plugin_says(late: Course) -> None:
    with Writer(late, MINI) as writer:
        assert writer.write("ada", a_grade(), None) == 14
        assert (rows(late)["ada"]["penalty"], standings(late, MINI)["ada"].total) == (14, 0)
        assert rows(late)["ada"]["timestamp"] == DUE + timedelta(hours=1)
        assert writer.write("ada", a_grade(gate=1), 14) == 7
        hand_in(late, DUE)
        assert writer.write("ada", a_grade(gate=1), 7) == 0
    assert (rows(late)["ada"]["penalty"], standings(late, MINI)["ada"].total) == (0, 7)


def test_a_penalty_that_somebody_entered_stays(late: Course) -> None:
    with Writer(late, MINI) as writer:
        writer.write("ada", a_grade(), None)
        with by_hand(late) as notebook:
            notebook.late_submission_penalty = 3
        assert writer.write("ada", a_grade(gate=1), 14) == 14
        assert writer.write("ada", a_grade(gate=2), 14) == 14
    assert rows(late)["ada"]["penalty"] == 3


def test_a_penalty_that_somebody_has_waived_stays_waived(late: Course) -> None:
    with Writer(late, MINI) as writer:
        writer.write("ada", a_grade(), None)
        with by_hand(late) as notebook:
            notebook.late_submission_penalty = None
        writer.write("ada", a_grade(), 14)
        assert rows(late)["ada"]["penalty"] == 0
        writer.write("ada", a_grade(), None)  # the journal is lost
        assert rows(late)["ada"]["penalty"] == 0


def test_a_penalty_whose_line_in_the_journal_was_never_written_is_no_one_s(late: Course) -> None:
    with Writer(late, MINI) as writer:
        writer.write("ada", a_grade(), None)  # and then the grader was killed
        assert writer.write("ada", a_grade(gate=1), None) == 7
    assert rows(late)["ada"]["penalty"] == 7


def test_a_penalty_follows_points_that_were_given_by_hand(late: Course) -> None:
    with Writer(late, MINI) as writer:
        writer.write("ada", a_grade(), None)
        with by_hand(late) as notebook:
            grade_of(notebook).manual_score = 2
        assert writer.write("ada", a_grade(), 14) == 10
    assert rows(late)["ada"]["penalty"] == 10


def test_an_automatic_penalty_goes_with_the_points_and_an_entered_one_stays(late: Course) -> None:
    with Writer(late, MINI) as writer:
        writer.write("ada", a_grade(), None)
        writer.clear("ada", 14)
        assert rows(late)["ada"]["penalty"] == 0
        writer.write("ada", a_grade(), 0)
        with by_hand(late) as notebook:
            notebook.late_submission_penalty = 3
        writer.clear("ada", 14)
        assert rows(late)["ada"]["penalty"] == 3


def test_an_extension_without_a_date_due_is_no_error(late: Course) -> None:
    set_due(late, None)
    with Writer(late, MINI) as writer:
        writer.write("ada", a_grade(), None)
        with Gradebook(late.directory().db_url) as gradebook:
            gradebook.grant_extension(MINI, "ada", days=1)
        assert writer.write("ada", a_grade(), 0) == 0


# One transaction, and somebody else's


def sqlite(course: Course, timeout: float = 5) -> sqlite3.Connection:
    return sqlite3.connect(course.root / "workspace" / "course" / "gradebook.db", timeout=timeout, isolation_level=None)


def test_a_write_that_fails_leaves_nothing_of_the_submission(course: Course, write: Callable[..., float]) -> None:
    with contextlib.closing(sqlite(course)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE UPDATE OF auto_comment ON comment BEGIN SELECT RAISE(ABORT, 'no more'); END"
        )
        with pytest.raises(CourseError, match=r"cannot be used: no more\. What was graded before stays graded"):
            write(unanswered=["gate"])
        assert rows(course) == {}
        assert [s for (s,) in other.execute("SELECT id FROM student")] == []
        other.execute("DROP TRIGGER full")
    write()
    assert points(course) == {"ada": (6, 8)}


def test_a_lock_that_goes_is_waited_for(course: Course, write: Callable[..., float], monkeypatch: Any) -> None:
    impatient(course)
    with contextlib.closing(sqlite(course)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with Writer(Course(course.root), MINI) as writer:
            waiting = threading.Thread(target=writer.write, args=("ada", a_grade(), None))
            waiting.start()
            time.sleep(0.6)
            assert waiting.is_alive()
            other.execute("COMMIT")
            waiting.join(10)
    assert points(course) == {"ada": (6, 8)}


def impatient(course: Course) -> None:
    """Let SQLite itself wait for a tenth of a second only: then it is we who wait."""
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write('c.CourseDirectory.db_url += "?timeout=0.1"\n')


@pytest.mark.parametrize("what", ["write", "clear", "standings", "knows", "scored"])
def test_a_lock_that_stays_is_said(course: Course, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(course)
    monkeypatch.setattr(database, "PATIENCE", 0.3)
    impatient_course = Course(course.root)
    with contextlib.closing(sqlite(course)) as other, Writer(impatient_course, MINI) as writer:
        other.execute("BEGIN EXCLUSIVE")
        do: dict[str, Callable[[], object]] = {
            "write": lambda: writer.write("ada", a_grade(), None),
            "clear": lambda: writer.clear("ada", None),
            "standings": lambda: standings(impatient_course, MINI),
            "knows": lambda: knows(impatient_course, MINI),
            "scored": lambda: scored(impatient_course, MINI),
        }
        with pytest.raises(
            CourseError, match=r"Another program keeps the gradebook locked .*run the same command again"
        ):
            do[what]()


def test_who_is_entered_by_somebody_else_meanwhile_is_graded_all_the_same(
    course: Course, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    others = []
    find = Gradebook.find_student

    def find_and_be_overtaken(gradebook: Gradebook, student: str) -> Any:
        try:
            return find(gradebook, student)
        finally:
            if not others:
                others.append(student)
                with Gradebook(course.directory().db_url) as other:
                    other.add_student(student, first_name="Ada")
                    other.add_submission(MINI, student)

    monkeypatch.setattr(Gradebook, "find_student", find_and_be_overtaken)
    with Writer(course, MINI) as writer:
        writer.write("ada", a_grade(), None)
    assert points(course) == {"ada": (6, 8)}
    with Gradebook(course.directory().db_url) as gradebook:
        assert gradebook.find_student("ada").first_name == "Ada"
    assert caplog.records == []  # of nbgrader, which logs a traceback of what is tried again


# What is no gradebook


def say(course: Course, setting: str = "") -> str:
    """What is said of a gradebook that cannot be used."""
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"{setting}\n")
    with pytest.raises(CourseError) as error:
        knows(Course(course.root), MINI)
    return str(error.value)


def test_a_file_that_is_no_gradebook_is_said_with_what_to_do(mini_course: Course) -> None:
    path = mini_course.root / "workspace" / "course" / "gradebook.db"
    path.write_bytes(b"a text, and a long one at that" * 100)
    said = say(mini_course)
    assert f"The gradebook {path} is damaged (file is not a database). Restore it from a backup." in said
    assert path.read_bytes().startswith(b"a text")


def test_a_damaged_gradebook_is_said_with_what_to_do(course: Course, write: Callable[..., float]) -> None:
    path = course.root / "workspace" / "course" / "gradebook.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert "malformed). Restore it from a backup." in say(course)
    with pytest.raises(CourseError, match="is damaged"):
        write()


def test_a_gradebook_of_another_version_of_nbgrader_is_said(course: Course) -> None:
    with contextlib.closing(sqlite(course)) as other:
        other.execute("ALTER TABLE submitted_notebook RENAME COLUMN flagged TO other")
    with pytest.raises(CourseError, match=r"another version of nbgrader \(no such column.*nbgrader db upgrade"):
        standings_of_one(course)


def standings_of_one(course: Course) -> None:
    with Writer(course, MINI) as writer:
        writer.write("ada", a_grade(), None)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "is not the address of a database: Could not parse SQLAlchemy URL"),
        ("nosql://x/y", "is not the address of a database: Can't load plugin"),
        ("mysql://x/y", "The gradebook is in mysql, for which MySQLdb is missing here: install MySQLdb"),
        (
            "sqlite:////nowhere/at/all.db",
            "The gradebook /nowhere/at/all.db cannot be used: unable to open database file",
        ),
        ("postgresql://x/y", "edf-autograder[postgresql]', and begin its address with postgresql+psycopg2://"),
        ("postgresql+psycopg2://me:geheim@127.0.0.1:1/x", "me:***@127.0.0.1:1/x, cannot be reached: connection to"),
    ],
)
def test_an_address_at_which_there_is_no_gradebook_is_said(mini_course: Course, url: str, said: str) -> None:
    start = time.monotonic()
    assert said in (found := say(mini_course, f"c.CourseDirectory.db_url = {url!r}"))
    assert "geheim" not in found
    assert time.monotonic() - start < 30  # what was never there is not waited for


def test_a_gradebook_that_may_only_be_read_is_said(course: Course) -> None:
    path = course.root / "workspace" / "course" / "gradebook.db"
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f'c.CourseDirectory.db_url = "sqlite:///file:{path}?mode=ro&uri=true"\n')
    with pytest.raises(CourseError, match=r"cannot be used: attempt to write a readonly database"):
        standings_of_one(Course(course.root))


def test_a_gradebook_is_made_whole_or_not_at_all(mini_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mini_course.root / "workspace" / "course" / "gradebook.db"
    path.unlink()

    def killed() -> str:
        assert list(path.parent.glob(".gradebook.db.*"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nbgrader.api.get_alembic_version", killed)
        with pytest.raises(KeyboardInterrupt):
            knows(mini_course, MINI)
    assert list(path.parent.iterdir()) == []
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: "a version")
    assert not knows(mini_course, MINI)
    with contextlib.closing(sqlite(mini_course)) as made:
        assert made.execute("SELECT version_num FROM alembic_version").fetchall() == [("a version",)]
    assert list(path.parent.iterdir()) == [path]
