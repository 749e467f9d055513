"""What an instructor reads of a graded class: a table on the screen, a page, and a file for a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from autograder.report.files import no_formula, write_files
from autograder.report.page import class_page, to_look_at
from autograder.report.results import ExerciseResult, StudentResult
from autograder.report.table import class_table, mistakes

LECTURE = "04_edf"
EVIL = StudentResult(
    "=cmd|'/c calc'!A1",
    (
        ExerciseResult("edf.sigmoid", 1.5, 6, "sign", "<script>alert(1)</script> [red]x[/red]"),
        ExerciseResult("edf.gate", None, 8),
    ),
    1.5,
    14,
)


def test_a_table_shows_text_as_it_is() -> None:
    console = Console(file=StringIO(), width=200)
    console.print(class_table(LECTURE, [EVIL]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "sigmoid: <script>alert(1)</script> [red]x[/red] [sign]" in shown
    assert "Most often: sign (1×)" in shown


def test_files_hold_nothing_that_acts_on_whoever_opens_them(tmp_path: Path) -> None:
    table, page = write_files(LECTURE, [EVIL], tmp_path / "report")
    rows = list(csv.reader(table.open(encoding="utf-8")))
    assert rows[1][:4] == ["'=cmd|'/c calc'!A1", "1.5", "", "1.5"]
    assert "<script>" not in page.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1"])
def test_formulas_are_defused(text: str) -> None:
    assert no_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["At x[0] = 1", ""])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert no_formula(text) == text


def test_without_results_no_files_are_written(tmp_path: Path) -> None:
    assert write_files(LECTURE, [], tmp_path / "report") == []
    console = Console(file=StringIO(), width=200)
    console.print(class_table(LECTURE, []))
    assert f"{LECTURE}: 0" in console.file.getvalue()  # type: ignore[attr-defined]


def _class() -> list[StudentResult]:
    """Three students: two with the same mistake, one of them in two exercises; and one whose file is broken."""
    sign = ("sign", "The sign is wrong.")
    ada = (ExerciseResult("edf.sigmoid", 1, 6, *sign), ExerciseResult("edf.gate", 2, 8, *sign))
    ben = (ExerciseResult("edf.sigmoid", 6, 6), ExerciseResult("edf.gate", 4, 8, *sign))
    flagged = ExerciseResult("edf.sigmoid", 0, 6, "delegates", "It is the library's.", "Sigmoid uses edf.Sigmoid")
    seen = ExerciseResult("edf.gate", 8, 8, None, "", "Gate uses edf.Mul", by_hand=True)
    none = tuple(ExerciseResult(e, None, 0) for e in ("edf.sigmoid", "edf.gate"))
    return [
        StudentResult("ada", ada, 3, 14),
        StudentResult("ben", ben, 10, 14, mended=("A cell was missing.",)),
        StudentResult("cleo", (flagged, seen), 8, 14),
        StudentResult("dan", none, None, 0, "the file is empty"),
    ]


def test_mistakes_are_counted_by_student_and_the_most_frequent_comes_first() -> None:
    found = mistakes(_class())
    assert [(m.name, m.students, m.where) for m in found] == [
        ("sign", 2, "sigmoid (1), gate (2)"),
        ("delegates", 1, "sigmoid (1)"),
    ]


def test_flagged_answers_are_to_be_looked_at_until_somebody_gave_points() -> None:
    lines = {r.student: to_look_at(r) for r in _class()}
    assert lines["ada"] == []
    assert lines["ben"] == ["A cell was missing."]
    assert lines["dan"] == ["not graded: the file is empty"]
    (line,) = lines["cleo"]
    assert "sigmoid is flagged (Sigmoid uses edf.Sigmoid)" in line


def test_means_are_of_what_was_graded() -> None:
    page = class_page(LECTURE, _class(), jailed=True)
    foot = page[page.index("<tfoot>") : page.index("</tfoot>")]
    assert [part.partition("<")[0] for part in foot.split("<td>")[1:]] == ["2.33", "4.67", "7", "6", "8", "14"]
    assert "without a jail" not in page
    assert "without a jail" in class_page(LECTURE, _class(), jailed=False)


def test_the_screen_says_what_to_look_at() -> None:
    console = Console(file=StringIO(), width=200)
    console.print(class_table(LECTURE, _class()))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "cleo: sigmoid is flagged (Sigmoid uses edf.Sigmoid)" in shown
    assert "ben: A cell was missing." in shown
    assert "Most often: sign (2×), delegates (1×)" in shown


def test_nothing_is_cut_off_where_the_screen_is_narrow() -> None:
    name = "maximiliane-sophie.musterfrau-von-beispielstadt@students.example"
    names = ("sigmoid", "backward_pass", "a_fairly_long_name", "another_fairly_long_name")
    exercises = tuple(ExerciseResult(f"edf.{e}", 6.25, 8) for e in names)
    console = Console(file=StringIO(), width=60)
    console.print(class_table(LECTURE, [StudentResult(name, exercises, 25, 32)]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert "".join(line.split("│")[1].strip() for line in shown.splitlines() if "│" in line) == f"{name}of"
    assert "1 sigmoid, 2 backward_pass, 3 a_fairly_long_name" in shown
    assert shown.count("6.25") == 4
