"""Two of the commands that edf-autograder adds to `edf-course`: release and formgrader."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("lectures", nargs=-1)
@click.option(
    "--check", is_flag=True, help="Change nothing in lectures/: only say what is out of date or does not run."
)
def release(lectures: tuple[str, ...], check: bool) -> None:
    """Build LECTURES (default: all) from solutions/ into lectures/."""
    from autograder.course import CourseError, find_course
    from autograder.release.release import drift, errors_of_a_run, known_lectures
    from autograder.release.release import release as release_one

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


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to serve on. Default: the first free one from 8888."
)
@click.argument("jupyter_arguments", nargs=-1, type=click.UNPROCESSED)
def formgrader(port: int | None, jupyter_arguments: tuple[str, ...]) -> None:
    """Build what nbgrader needs and open its formgrader in JupyterLab."""
    from autograder.course import CourseError, find_course
    from autograder.release.release import build_source, known_lectures
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
