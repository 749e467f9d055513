"""What is written into the gradebook is what nbgrader's own autograde writes, row by row."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from autograder.course import Course
from tests.autograder.handed_in import RIGHT
from tests.autograder.mini import MINI
from tests.autograder.rows import rows
from tests.autograder.running import WRONG, a_class, copy_of, run
from tests.tools import needs

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own queries
DELEGATES = RIGHT + "\n# %% sigmoid\nSigmoid = edf.Sigmoid\n"
CLASS = {
    "right": RIGHT, "wrong": WRONG, "untouched": "", "half": "# begins with: solution\n# removes: gate gate-check\n",
    "late": RIGHT, "late_and_wrong": WRONG, "in_time": RIGHT, "extended": RIGHT, "by_hand": RIGHT, "extra": WRONG,
    "delegates": DELEGATES,
}  # fmt: skip
DUE = datetime(2026, 1, 31, 12)
PLUGIN = '''
from nbgrader.plugins import BasePlugin

class APointAnHour(BasePlugin):
    """A penalty that grows, and would be more than there is."""

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 5 * total_seconds_late / 3600

c.AssignLatePenalties.plugin_class = APointAnHour
'''
ZERO = 'c.LateSubmissionPlugin.penalty_method = "zero"\n'
LATE = ("late", "late_and_wrong", "in_time", "extended")
# nbgrader's own: the course's has another one in its place, which also says whom somebody should look at.
SAVES_ITSELF = """
c.Autograde.autograde_preprocessors = [
    name.replace("autograder.nbgrader_plugin.SaveGrades", "nbgrader.preprocessors.SaveAutoGrades")
    for name in c.Autograde.autograde_preprocessors
]
"""


def nbgrader(course: Course, *arguments: str) -> None:
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(
        command, cwd=course.root, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def what_people_do(course: Course, students: Collection[str]) -> None:
    """Enter marks, extra credit, a comment and an extension."""
    marks = (
        ("by_hand", "manual_score", 2.5), ("late", "manual_score", 1.0),
        ("extra", "extra_credit", 1.25), ("late_and_wrong", "extra_credit", 2.0),
    )  # fmt: skip
    with Gradebook(course.directory().db_url) as gradebook:
        for student, what, value in [mark for mark in marks if mark[0] in students]:
            grade = gradebook.find_grade("sigmoid-hand-in", MINI, MINI, student)
            setattr(grade, what, value)
            grade.needs_manual_grade = False
        gradebook.find_comment("gate", MINI, MINI, "in_time").manual_comment = "look again"
        gradebook.grant_extension(MINI, "extended", hours=2)
        gradebook.db.commit()


@pytest.fixture(scope="module", params=[(ZERO, LATE), (PLUGIN, tuple(CLASS))], ids=["zero", "a plugin"])
def twice(request: Any, tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> list[dict[str, Any]]:
    """What is in the gradebook, graded by nbgrader and by us: once, and again after people have entered something."""
    needs("bwrap")
    penalty, students = request.param
    folder = tmp_path_factory.mktemp("course")
    ours = a_class(folder / "ours", new_gradebook, {s: CLASS[s] for s in students}, penalty)
    with Gradebook(ours.directory().db_url) as gradebook:
        gradebook.update_or_create_assignment(MINI, duedate=DUE)
    for student, hours in zip(LATE, (1, 1, -1, 1), strict=True):
        path = ours.folder("submitted", MINI, student) / "timestamp.txt"
        path.write_text(f"{DUE + timedelta(hours=hours)} UTC")
    stock = copy_of(ours, folder / "stock")
    with (stock.root / "nbgrader_config.py").open("a") as config:
        config.write(SAVES_ITSELF)
    found = []
    for _ in range(2):
        assert run(ours, "never", "--force").code == 0
        nbgrader(stock, "autograde", MINI, "--force")
        found.append({"ours": rows(ours), "stock": rows(stock)})
        what_people_do(ours, students)
        what_people_do(stock, students)
    return found


def test_all_is_as_nbgrader_writes_it_but_for_who_is_to_be_looked_at(twice: list[dict[str, Any]]) -> None:
    for both in twice:
        assert set(both["ours"]) == set(both["stock"])
        for student, row in both["stock"].items():
            if student == "delegates":  # flagged, so somebody should look
                grades = row["grades"]
                assert grades["sigmoid-hand-in"] == (0, None, None, False)
                grades["sigmoid-hand-in"] = (0, None, None, True)
            assert both["ours"][student] == row, student


def test_what_is_compared_is_there(twice: list[dict[str, Any]]) -> None:
    first, second = (both["stock"] for both in twice)
    zero = len(first) == len(LATE)
    assert first["late"]["penalty"] == (14 if zero else 5)
    assert first["late_and_wrong"]["penalty"] == (9 if zero else 5)
    assert second["late"]["penalty"] == (9 if zero else 5)
    assert second["late_and_wrong"]["penalty"] == (11 if zero else 5)
    assert (first["in_time"]["penalty"], first["extended"]["penalty"] > 0, second["extended"]["penalty"]) == (
        0,
        True,
        0,
    )
    assert first["in_time"]["timestamp"] == DUE - timedelta(hours=1)
    assert second["in_time"]["comments"]["gate"] == (None, "look again")
    if not zero:
        assert second["by_hand"]["grades"]["sigmoid-hand-in"] == (6, 2.5, None, True)
        assert second["extra"]["grades"]["sigmoid-hand-in"] == (1, None, 1.25, False)
        assert first["untouched"]["comments"] == {"sigmoid": ("No response.", None), "gate": ("No response.", None)}
        assert first["half"]["comments"] == {"sigmoid": (None, None), "gate": ("No response.", None)}
