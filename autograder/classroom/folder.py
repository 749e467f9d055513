"""A folder of submissions, as a website or a colleague hands it over: which notebook is whose, and what is left out."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.classroom.whole import is_part

MOST_NAMES = 5  # of files, that are said
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


def submissions_in(folder: Path, lecture: str) -> tuple[dict[str, Path], list[str]]:
    """The notebook of each student, and what is left out, a line each.

    A submission is STUDENT.ipynb, STUDENT/NN.ipynb or STUDENT/NN/NN.ipynb.
    """
    found: dict[str, Path] = {}
    left_out = []
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        notebook = _notebook(path, lecture)
        student = path.stem if notebook == path else path.name
        if notebook is None:
            left_out.append(f"{printable(path.name)} is left out: {_why(path, lecture)}.")
        elif student in found:
            there = found[student].relative_to(folder)
            left_out.append(f"{printable(path.name)} is left out: {printable(str(there))} is taken for that student.")
        else:
            found[student] = notebook
    return found, left_out


def _notebook(path: Path, lecture: str) -> Path | None:
    if path.suffix == ".ipynb":
        return path
    name = f"{lecture}.ipynb"
    return next((p for p in (path / lecture / name, path / name) if os.path.lexists(p)), None)


def _why(path: Path, lecture: str) -> str:
    if path.is_dir():
        return f"there is no {lecture}.ipynb in it, only {names_in(path)}"
    return "unpack it first" if path.suffix.lower() in ARCHIVES else "it is no notebook"


def names_in(folder: Path) -> str:
    """The names of what is in a folder, in words: the first few, printable."""
    try:
        names = sorted(path.name for path in folder.iterdir() if not is_part(path))
    except OSError:
        return "what cannot be read"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(printable, names[:MOST_NAMES])) + more or "an empty folder"


def printable(name: str) -> str:
    """A name as it is, or, where it cannot be printed, in quotes and with escapes."""
    return name if name.isprintable() else ascii(name)
