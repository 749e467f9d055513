"""The report of a graded class as files: CSV for a spreadsheet, HTML to read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from autograder.report.page import class_page, to_look_at
from autograder.report.results import StudentResult
from autograder.report.table import short


def write_files(lecture: str, results: Sequence[StudentResult], folder: Path, jailed: bool = True) -> list[Path]:
    """Write NN.csv and NN.html into `folder`; returns their paths. Does nothing where nobody handed in.

    `jailed` says whether submissions ran in a jail; the page tells.
    """
    if not results:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    table, page = folder / f"{lecture}.csv", folder / f"{lecture}.html"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        names = [e.exercise for e in results[0].exercises]
        writer.writerow(["student", *names, "total", "not graded", "what was wrong", "to look at"])
        for r in results:
            wrong = " | ".join(f"{short(e.exercise)}: {e.sentence}" for e in r.exercises if e.sentence)
            points = [*(e.points for e in r.exercises), r.total]
            texts = (r.ungraded, wrong, " | ".join(to_look_at(r)))
            writer.writerow([no_formula(r.student), *points, *map(no_formula, texts)])
    page.write_text(class_page(lecture, results, jailed), encoding="utf-8")
    return [table, page]


def no_formula(text: str) -> str:
    """Text that a spreadsheet shows and does not run: one that begins like a formula gets an apostrophe in front."""
    runs = text.startswith(("\t", "\r")) or text.lstrip().startswith(("=", "+", "-", "@"))
    return f"'{text}" if runs else text
