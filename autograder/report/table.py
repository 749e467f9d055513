"""The table of a graded class, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.report.results import ExerciseResult, StudentResult

MOST_OFTEN = 5  # misconceptions that are named
WIDEST = 10_000  # columns that no terminal has


@dataclass(frozen=True)
class Mistake:
    """A misconception in the class: how many students have it, and in which exercises."""

    name: str
    students: int
    where: str


def class_table(lecture: str, results: Sequence[StudentResult]) -> Group:
    """Points by student and exercise; then what was wrong, what somebody should look at, and what is common to many."""
    return Group(
        _Points(lecture, results), "", *what_was_wrong(results), "", *to_look_at(results), *most_often(results)
    )


class _Points:
    """The points of a class. Where the exercises' names take too much room they have numbers, explained below."""

    def __init__(self, lecture: str, results: Sequence[StudentResult]) -> None:
        self.title = f"{lecture}: {len(results)} submissions"
        self.results = results
        self.exercises = [short(exercise.exercise) for exercise in results[0].exercises] if results else []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        named = self._table(self.exercises)
        if console.measure(named, options=options.update(max_width=WIDEST)).maximum <= options.max_width:
            yield named
            return
        numbers = [str(number) for number, _ in enumerate(self.exercises, 1)]
        yield self._table(numbers)
        yield Text(", ".join(map(" ".join, zip(numbers, self.exercises, strict=True))))

    def _table(self, heads: Sequence[str]) -> Table:
        table = Table(title=self.title, title_justify="left")
        table.add_column("student", overflow="fold")
        for head in heads:
            table.add_column(head, justify="right", overflow="fold")
        table.add_column("total", justify="right", style="bold", overflow="fold")
        for r in self.results:
            table.add_row(escape(r.student), *(points(e.points) for e in r.exercises), points(r.total))
        full = next((r for r in self.results if r.total is not None), None)
        if full:
            table.add_section()
            table.add_row("of", *(points(e.max_points) for e in full.exercises), points(full.max_total))
        return table


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


def mistakes(results: Sequence[StudentResult]) -> list[Mistake]:
    """The misconceptions in a class, the most frequent first."""
    found: dict[str, dict[str, set[str]]] = {}
    for result in results:
        for e in result.exercises:
            if e.misconception:
                found.setdefault(e.misconception, {}).setdefault(e.exercise, set()).add(result.student)
    made = [
        Mistake(name, len(set().union(*where.values())), ", ".join(f"{short(e)} ({len(s)})" for e, s in where.items()))
        for name, where in found.items()
    ]
    return sorted(made, key=lambda m: (-m.students, m.name))


def most_often(results: Sequence[StudentResult]) -> list[Text]:
    """The most frequent misconceptions, in a line: in how many submissions."""
    found = ", ".join(f"{m.name} ({m.students}×)" for m in mistakes(results)[:MOST_OFTEN])
    return [Text(f"Most often: {found}")] if found else []
