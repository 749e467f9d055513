"""The table of a graded class, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.report.results import ExerciseResult, StudentResult


def class_table(lecture: str, results: Sequence[StudentResult]) -> Group:
    """Points by student and exercise; then what was wrong, what somebody should look at, and what is common to many."""
    table = Table(title=f"{lecture}: {len(results)} submissions", title_justify="left")
    table.add_column("student")
    for exercise in results[0].exercises if results else ():
        table.add_column(short(exercise.exercise), justify="right")
    table.add_column("total", justify="right", style="bold")
    for result in results:
        table.add_row(escape(result.student), *(points(e.points) for e in result.exercises), points(result.total))
    full = next((r for r in results if r.total is not None), None)
    if full:
        table.add_section()
        table.add_row("of", *(points(e.max_points) for e in full.exercises), points(full.max_total))
    return Group(table, "", *what_was_wrong(results), "", *to_look_at(results), *most_common(results))


def short(exercise: str) -> str:
    """An exercise's name without its topic."""
    return exercise.rpartition(".")[2]


def points(value: float | None) -> str:
    """A number of points without a needless .0; a dash where there is none."""
    return "–" if value is None else f"{value:g}"


def what_was_wrong(results: Sequence[StudentResult]) -> list[Padding]:
    """A line for each exercise that lost points, under its student; and why a submission was not graded."""
    lines = []
    for result in results:
        lost = [f"{short(e.exercise)}: {e.sentence}{_named(e)}" for e in result.exercises if e.sentence]
        if result.ungraded:
            lost.insert(0, f"not graded: {result.ungraded}")
        if lost:
            lines.append(Padding(Text(result.student, style="bold"), 0))
        lines += [Padding(Text(line), (0, 0, 0, 2)) for line in lost]
    return lines


def to_look_at(results: Sequence[StudentResult]) -> list[Text]:
    """What a person should look at: answers that are flagged, with the evidence, and what was mended or went wrong."""
    lines = [f"{r.student}: {line}" for r in results for line in (*flags(r), *r.mended, *r.notes)]
    return [Text("To look at:", style="bold"), *(Text(f"  {line}") for line in lines), Text()] if lines else []


def flags(result: StudentResult) -> list[str]:
    """The flagged answers of a student that nobody has given points by hand yet, a line each."""
    return [
        f"{short(e.exercise)} is flagged ({e.flagged}): it scores 0 until you give points in formgrader."
        for e in result.exercises
        if e.flagged and not e.by_hand
    ]


def _named(exercise: ExerciseResult) -> str:
    return f" [{exercise.misconception}]" if exercise.misconception else ""


def most_common(results: Sequence[StudentResult]) -> list[Text]:
    """What went wrong most often in the class, by name: in how many submissions."""
    counts = Counter(name for r in results for name in {e.misconception for e in r.exercises if e.misconception})
    if not counts:
        return []
    return [Text("Most often: " + ", ".join(f"{name} ({n}×)" for name, n in counts.most_common(5)))]
