"""The commands that edf-autograder adds to `edf-course`: release, grade and formgrader."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

DEFAULT_LECTURE = "04_edf"


@click.command()
@click.argument("lectures", nargs=-1)
@click.option(
    "--check", is_flag=True, help="Change nothing in lectures/: only say what is out of date or does not run."
)
def release(lectures: tuple[str, ...], check: bool) -> None:
    """Build LECTURES (default: all) from solutions/ into lectures/."""
    from autograder.course import CourseError, find_course
    from autograder.release import drift, errors_of_a_run, known_lectures
    from autograder.release import release as release_one

    try:
        course = find_course(Path.cwd())
        faults = []
        for lecture in lectures or known_lectures(course):
            if check:
                found = drift(course, lecture)
                faults += found or errors_of_a_run(course.lectures / lecture / f"{lecture}.ipynb")
            else:
                click.echo(f"released {release_one(course, lecture).relative_to(course.root)}")
    except CourseError as error:
        raise click.ClickException(str(error)) from error
    if faults:
        raise click.ClickException("\n".join(faults))


@click.command()
@click.option("--lecture", default=DEFAULT_LECTURE, show_default=True, help="The lecture to grade.")
@click.option(
    "--students",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of submissions to gather first. Default: the sample class in tests/classroom, where there is one.",
)
@click.option("--only", multiple=True, metavar="STUDENT", help="Grade this student only. May be given more than once.")
@click.option("--force", is_flag=True, help="Grade also what has not changed since it was graded.")
@click.option(
    "--no-jail", is_flag=True, help="Run submissions as ordinary processes of yours: only of people whom you trust."
)
def grade(lecture: str, students: Path | None, only: tuple[str, ...], force: bool, no_jail: bool) -> None:
    """Grade a class into workspace/course/ and print its table.

    What people handed in is never overwritten, and what they were given by hand stays.
    """
    from autograder import classroom
    from autograder.course import CourseError, find_course
    from autograder.report.files import write_files
    from autograder.report.table import class_table

    console = Console()
    if not console.is_terminal:
        console.width = 120
    try:
        course = find_course(Path.cwd())
        classroom.prepare(course, lecture)
        sample = course.root / "tests" / "classroom" / lecture
        if students or sample.is_dir():
            for notice in classroom.gather(course, lecture, students or sample):
                console.print(notice, markup=False)
        everyone = course.students(lecture)
        unknown = sorted(set(only) - set(everyone))
        if unknown or not everyone:
            who = f"{', '.join(unknown)} has" if unknown else "nobody has"
            raise CourseError(f"{who} handed in {lecture}: no such folder in workspace/course/submitted.")
        chosen = [student for student in everyone if student in only or not only]

        def say(student: str, ungraded: str, seconds: float) -> None:
            state = f"not graded: {ungraded}" if ungraded else f"{seconds:.1f} s" if seconds else "as before"
            console.print(f"{student}: {state}", markup=False, highlight=False)

        ours = sample.is_dir() and students in (None, sample) and set(chosen) <= {p.stem for p in sample.glob("*.*")}
        no_jail = no_jail or (ours and _no_jail_here(console))
        classroom.grade(course, lecture, chosen, force=force, done=say, jailed=not no_jail)
        results = classroom.results(course, lecture, chosen)
    except CourseError as error:
        raise click.ClickException(str(error)) from error
    console.print(class_table(lecture, results), highlight=False)
    if no_jail:
        console.print("Graded without a jail: what submissions did to this machine or to each other is not known.")
    written = write_files(lecture, results, course.reports)
    feedback = course.folder("feedback", lecture, "STUDENT").relative_to(course.root)
    console.print(f"Feedback pages: {feedback}. Also written:", *(str(p.relative_to(course.root)) for p in written))


def _no_jail_here(console: Console) -> bool:
    """Whether this machine has no jail; if so it is said, and that the sample class, which is our own, needs none."""
    from autograder.doctor import try_it

    finding = try_it()
    if not finding.there:
        console.print(f"No jail here: {finding.remedy}", markup=False)
        console.print("The sample class is part of this course, so it is graded all the same.")
    return not finding.there


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to serve on. Default: the first free one from 8888."
)
@click.argument("jupyter_arguments", nargs=-1, type=click.UNPROCESSED)
def formgrader(port: int | None, jupyter_arguments: tuple[str, ...]) -> None:
    """Build what nbgrader needs and open its formgrader in JupyterLab."""
    from autograder.course import CourseError, find_course
    from autograder.release import build_source, known_lectures
    from edf_course.lab import LabError, start_lab

    try:
        course = find_course(Path.cwd())
        for lecture in known_lectures(course):
            build_source(course, lecture)
        code = start_lab(course.root, port, ["--LabApp.default_url=/formgrader", *jupyter_arguments])
    except (CourseError, LabError) as error:
        raise click.ClickException(str(error)) from error
    if code:
        raise click.ClickException(f"JupyterLab ended with code {code}. The lines above say why.")
