"""`edf-course grade`: a class graded from the command line, with a bar that says how far it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from autograder.classroom import cluster, pool

if TYPE_CHECKING:
    from autograder.classroom.classroom import News
    from autograder.course import Course

DEFAULT_LECTURE = "04_edf"
INTERRUPTED = 130


@click.command()
@click.option("--lecture", default=DEFAULT_LECTURE, show_default=True, help="The lecture to grade.")
@click.option(
    "--students",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of submissions to gather first. Default: the sample class, unless others handed in.",
)
@click.option("--only", multiple=True, metavar="STUDENT", help="Grade this student only. May be given more than once.")
@click.option("--force", is_flag=True, help="Grade also what has not changed since it was graded.")
@click.option(
    "--no-jail", is_flag=True, help="Run submissions as ordinary processes of yours: only of people whom you trust."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="one a core",
    help="How many at once.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Grade on the workers of a Dask cluster, such as tcp://host:8786.")
def grade(
    lecture: str, students: Path | None, only: tuple[str, ...], force: bool, no_jail: bool, workers: int,
    scheduler: str | None,
) -> None:  # fmt: skip
    """Grade a class into workspace/course/ and print its table.

    What people handed in is never overwritten, and what they were given by hand stays. Stopped or killed in the middle,
    the same command goes on where it was.
    """
    if scheduler is None:
        pool.preheat()  # takes as long as what comes here now
    from autograder.classroom.lock import alone
    from autograder.course import CourseError, find_course

    console = Console()
    if not console.is_terminal:
        console.width = 120
    try:
        course = find_course(Path.cwd())
        with alone(course, lecture):
            _Run(course, lecture, console, workers, scheduler).run(students, only, force, not no_jail)
    except (CourseError, pool.NoCluster, pool.NoJail) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        console.print("Stopped. What was graded is kept; the same command goes on from there.")
        raise SystemExit(INTERRUPTED) from None


class _Run:
    """One call of the command."""

    def __init__(self, course: Course, lecture: str, console: Console, workers: int, scheduler: str | None) -> None:
        self.course, self.lecture, self.console = course, lecture, console
        self.workers, self.scheduler = workers, scheduler
        self.sample = course.root / "tests" / "classroom" / lecture

    def run(self, students: Path | None, only: tuple[str, ...], force: bool, jailed: bool) -> None:
        """Gather, grade, write feedback; print and write the tables."""
        from autograder.classroom import classroom
        from autograder.hint_level import level_of

        level_of(self.course.config, self.lecture)  # what is wrong with the settings is said before anything is done
        graders = self._graders(jailed)
        try:
            notices = classroom.prepare(self.course, self.lecture)
            notices += self._gathered(students)
            for notice in notices:
                self.console.print(notice, markup=False)
            chosen = self._chosen(only)
            try:
                self._grade(chosen, graders, force, jailed)
            except pool.NoJail as error:
                if not classroom.is_the_sample(self.course, self.lecture, self.sample, chosen):
                    raise
                self.console.print(f"No jail here: {error}", markup=False)
                self.console.print("The sample class is part of this course, so it is graded all the same.")
                graders.close()
                jailed = False
                graders = self._graders(jailed)
                self._grade(chosen, graders, force, jailed)
            self._feedback(chosen, graders)
        finally:
            graders.close()
        self._report(chosen)
        if notices:
            self.console.print(f"What was left out, or is to be known, is said at the top, in {len(notices)} lines.")

    def _gathered(self, students: Path | None) -> list[str]:
        """Gather what is in the folder `students`; without one the sample class, unless others have handed in."""
        from autograder.classroom import classroom

        if students is not None and students.resolve() != self.sample.resolve():
            return classroom.gather(self.course, self.lecture, students)
        names = {path.stem for path in self.sample.glob("*.py")}
        if students is None and not names.issuperset(self.course.students(self.lecture)):
            return []
        return classroom.gather_sample(self.course, self.lecture, self.sample) if names else []

    def _graders(self, jailed: bool) -> pool.Graders:
        from autograder.jailed import limits_of

        limits = limits_of(self.course.config)
        if self.scheduler is not None:
            return cluster.cluster_graders(self.scheduler, limits, jailed)
        return pool.Graders(lambda: pool.LocalExecutor(self.workers, limits, jailed), self.workers)

    def _chosen(self, only: tuple[str, ...]) -> list[str]:
        from autograder.course import CourseError

        everyone = self.course.students(self.lecture)
        unknown = sorted(set(only) - set(everyone))
        if unknown or not everyone:
            who = f"by {', '.join(unknown)}" if unknown else "by anybody"
            where = self.course.folder("submitted", self.lecture, unknown[0] if unknown else "STUDENT")
            raise CourseError(f"Nothing of {self.lecture} was handed in {who}: there is no {where}.")
        return [student for student in everyone if student in only or not only]

    def _grade(self, chosen: list[str], graders: pool.Graders, force: bool, jailed: bool) -> None:
        from autograder.classroom import classroom
        from autograder.report.results import one_line

        with self._progress("graded", len(chosen)) as step:

            def tell(news: News) -> None:
                said = f"not graded: {one_line(news.ungraded)}" if news.ungraded else f"{news.seconds:.1f} s"
                step(f"{news.student}: {said if news.anew or news.ungraded else 'as before'}")

            classroom.grade(self.course, self.lecture, chosen, graders, force=force, jailed=jailed, tell=tell)

    def _feedback(self, chosen: list[str], graders: pool.Graders) -> None:
        """Write the pages that are missing or out of date, on this machine."""
        from autograder.classroom import feedback
        from autograder.classroom.journal import Journal

        due = feedback.due(self.course, self.lecture, chosen)
        if not due:
            return
        journal = Journal(self.course, self.lecture)
        with self._local(graders) as local, self._progress("feedback pages", len(due)) as step:
            for student, fault in local.each(feedback.write_page, due, (self.course.root, self.lecture)):
                if not fault:
                    journal.note(student, page=due[student])
                step(f"{student}: no feedback page: {fault}" if fault else "")

    def _local(self, graders: pool.Graders) -> AbstractContextManager[pool.Graders]:
        """Workers that have the course's files: those that graded, or others where these are on a cluster."""
        if self.scheduler is None:
            return nullcontext(graders)
        return pool.Graders(lambda: pool.LocalExecutor(self.workers), self.workers)

    @contextmanager
    def _progress(self, what: str, total: int) -> Iterator[Callable[[str], None]]:
        """A bar with the rate and the time that is left, and above it what is said; without a terminal only that."""
        bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(),
            TextColumn("left"), console=self.console, disable=not self.console.is_terminal,
        )  # fmt: skip
        with bar:
            task = bar.add_task(what, total=total)

            def step(said: str) -> None:
                if said:
                    bar.console.print(said, markup=False, highlight=False)
                bar.advance(task)

            yield step

    def _report(self, chosen: list[str]) -> None:
        from autograder.report.files import write_files
        from autograder.report.results import results
        from autograder.report.table import class_table

        found = results(self.course, self.lecture, chosen)
        self.console.print(class_table(self.lecture, found), highlight=False)
        jailed = all(result.jailed for result in found)
        if not jailed:
            text = "Graded without a jail: what submissions did to this machine or to each other is not known."
            self.console.print(text)
        written = write_files(self.lecture, found, self.course.reports, jailed)
        pages = self.course.folder("feedback", self.lecture, "STUDENT").relative_to(self.course.root)
        names = (str(path.relative_to(self.course.root)) for path in written)
        self.console.print(f"Feedback pages: {pages}. Also written:", *names)


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing while there is none."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")
