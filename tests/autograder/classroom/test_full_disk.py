"""A disk that is full, or may only be read: it is said in a sentence, and with room again grading goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.classroom.journal import Journal
from autograder.course import Course
from tests.autograder.handed_in import RIGHT
from tests.autograder.mini import MINI, REPOSITORY
from tests.autograder.rows import points, rows
from tests.autograder.running import GRADE, WRONG, a_class, copy_of, graded_notebooks
from tests.tools import needs

CLASS = {"ada": RIGHT, "ben": "", "dora": WRONG, "eva": RIGHT}
# Each kind of file in a folder of its own, so that one can have a small disk.
PLACES = """
c.CourseDirectory.submitted_directory = "workspace/submitted"
c.CourseDirectory.autograded_directory = "workspace/autograded"
c.CourseDirectory.feedback_directory = "workspace/feedback"
c.CourseDirectory.db_url = f"sqlite:///{root / 'workspace' / 'books' / 'gradebook.db'}"
"""
# In mounts of its own: a small disk in the place of a folder, all but full; then with room; then one that may only be
# read. What is on it at last is put back.
SCRIPT = """\
set -e
mkdir -p "$PLACE"
cp -a "$PLACE" "$OUT/copy"
mount -t tmpfs -o size=64m tmpfs "$PLACE"
cp -a "$OUT/copy/." "$PLACE"
mount -o "remount,size=$(( $(df -k --output=used "$PLACE" | tail -1) + FREE_KB ))k" "$PLACE"
try() {
  code=0
  "$@" > "$OUT/said" 2> "$OUT/error" || code=$?
  cp -a "$PLACE" "$OUT/$round"
  echo "$code" > "$OUT/$round.code"
  mv "$OUT/said" "$OUT/$round.said"
  mv "$OUT/error" "$OUT/$round.error"
}
round=full; try "$@"
mount -o remount,size=64m "$PLACE"
round=room; try "$@"
mount -o remount,ro "$PLACE"
round=readonly; try "$@" --force
"""


@dataclass(frozen=True)
class Round:
    """One run of the command: its exit code, what it said, what was on the disk afterwards."""

    code: int
    said: str
    error: str
    folder: Path


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Course:
    """A class that is to be graded; to be copied."""
    needs("bwrap")
    folder = tmp_path_factory.mktemp("course") / "course"
    (folder / "workspace" / "books").mkdir(parents=True)
    shutil.copy(new_gradebook, folder / "workspace" / "books")
    return a_class(folder, new_gradebook, CLASS, PLACES)


@pytest.fixture(scope="module")
def undisturbed(handed_in: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The same class, graded with room."""
    course = copy_of(handed_in, tmp_path_factory.mktemp("undisturbed") / "course")
    subprocess.run([*GRADE, "never", "--workers", "1"], cwd=course.root, env=_environment(), check=True)
    assert points(course) == {"ada": (6, 8), "ben": (0, 0), "dora": (1, 8), "eva": (6, 8)}
    assert set(graded_notebooks(course)) == set(CLASS)
    return course


def _environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY)} | more


def run_on_small_disk(course: Course, place: str, free_kb: int, out: Path) -> dict[str, Round]:
    """Run the command three times: with so much room in `place`, with enough, and where one may only read."""
    mine = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*mine, "true"], check=False).returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("needs mounts of its own, as root or in a user namespace")
        pytest.skip("needs mounts of its own, as root or in a user namespace")
    out.mkdir()
    environment = _environment(PLACE=str(course.root / place), OUT=str(out), FREE_KB=str(free_kb))
    command = [*mine, "sh", "-c", SCRIPT, "sh", *GRADE, "never", "--workers", "1"]
    done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rounds = {}
    for name in ("full", "room", "readonly"):
        texts = [(out / f"{name}.{what}").read_text() for what in ("code", "said", "error")]
        rounds[name] = Round(int(texts[0]), texts[1], texts[2], out / name)
    shutil.rmtree(course.root / place)
    shutil.copytree(out / "readonly", course.root / place)
    return rounds


def check(rounds: dict[str, Round], course: Course, undisturbed: Course, full: str, readonly: str) -> None:
    """Whether the rounds end as they should, and all is at last as if there had been room."""
    for name, said in (("full", full), ("readonly", readonly)):
        assert rounds[name].code == 1
        assert said in rounds[name].error
        assert "run the same command again and it goes on." in rounds[name].error
        assert len(rounds[name].error.strip().splitlines()) == 1
    assert (rounds["room"].code, rounds["room"].error) == (0, "")
    assert rows(course) == rows(undisturbed)
    assert graded_notebooks(course) == graded_notebooks(undisturbed)
    for student in CLASS:
        assert Journal(course, MINI).get(student, "graded") == Journal(undisturbed, MINI).get(student, "graded")


def test_no_room_for_the_gradebook(handed_in: Course, undisturbed: Course, tmp_path: Path) -> None:
    course = copy_of(handed_in, tmp_path / "course")
    rounds = run_on_small_disk(course, "workspace/books", 24, tmp_path / "out")
    check(rounds, course, undisturbed, "gradebook.db cannot be used: database or disk is full", "readonly database")


def test_no_room_for_what_was_graded(handed_in: Course, undisturbed: Course, tmp_path: Path) -> None:
    course = copy_of(handed_in, tmp_path / "course")
    rounds = run_on_small_disk(course, "workspace/autograded", 40, tmp_path / "out")
    check(rounds, course, undisturbed, f"/{MINI}.ipynb: No space left on device", "Read-only file system")
    graded = {path.name for path in rounds["full"].folder.glob(f"*/{MINI}/{MINI}.ipynb")}
    assert graded


def test_no_room_for_the_journal(handed_in: Course, undisturbed: Course, tmp_path: Path) -> None:
    course = copy_of(handed_in, tmp_path / "course")
    journal = course.root / "workspace" / "course" / f"{MINI}.jsonl"
    size = journal.stat().st_size
    journal.write_bytes(b"x" * (4096 - 501 - size) + b"\n" + journal.read_bytes())  # room for two lines in this page
    rounds = run_on_small_disk(course, "workspace/course", 0, tmp_path / "out")
    check(rounds, course, undisturbed, f"/{MINI}.jsonl: No space left on device", "Read-only file system")
    assert (rounds["full"].folder / journal.name).read_bytes().count(b'"graded"') == 3  # the third is cut off
    assert rounds["room"].said.count("as before") == 2
