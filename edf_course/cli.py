"""The command `edf-course`. Other distributions add commands under the entry points `edf_course.commands`."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import click

COMMANDS = "edf_course.commands"


class CommandsOfAll(click.Group):
    """The commands defined here, and those that installed distributions register. They are loaded when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *entry_points(group=COMMANDS).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for entry in entry_points(group=COMMANDS, name=cmd_name):
            command: click.Command = entry.load()
            return command
        return None


@click.group(cls=CommandsOfAll, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edf-course")
def main() -> None:
    """A course on backpropagation, in JupyterLab."""


@main.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to serve on. Default: the first free one from 8888."
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("edf-course-workspace"),
    show_default=True,
    help="The folder to work in. It is made where it is missing.",
)
@click.argument("jupyter_arguments", nargs=-1, type=click.UNPROCESSED)
def lab(port: int | None, folder: Path, jupyter_arguments: tuple[str, ...]) -> None:
    """Copy the lectures into a folder and open JupyterLab there.

    A file that is in the folder already is never overwritten. JUPYTER_ARGUMENTS are handed on to `jupyter lab`,
    for example --no-browser.
    """
    from edf_course.lab import LabError, check_port, copy_lectures, is_root, lectures_folder, start_lab

    try:
        if port is not None:
            check_port(port)  # before anything is copied for a start that cannot be
        for notice in copy_lectures(lectures_folder(), folder):
            click.echo(notice)
        if is_root():
            click.echo("You are root, whom JupyterLab turns away by default: it is started with --allow-root.")
        click.echo(f"JupyterLab opens in {folder.resolve()}. Press Ctrl-C here to stop it.")
        code = start_lab(folder, port, jupyter_arguments)
    except LabError as error:
        raise click.ClickException(str(error)) from error
    if code:
        raise click.ClickException(f"JupyterLab ended with code {code}. The lines above say why.")


if __name__ == "__main__":
    main()
