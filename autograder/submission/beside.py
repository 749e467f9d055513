"""Files beside a notebook: what was handed in with it goes into the jail, what it writes comes out, within bounds."""

from __future__ import annotations

import mimetypes
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MAX_FILES = 300
MAX_NAME = 200  # bytes of a path
ACTIVE = re.compile(r"html|xml|javascript|ecmascript|svg")  # in the media type of what a browser would run
KEPT = ("timestamp.txt",)  # nbgrader's own: no submission writes it

_PART = re.compile(r"[\w][\w .()+=@,%~-]{0,99}")


@dataclass(frozen=True)
class Beside:
    """Files by their path from the notebook's folder, and the paths of those that are too much."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def read_beside(folder: Path, most: int, without: Collection[str] = ()) -> Beside:
    """Read what lies in a notebook's folder besides notebooks: plain files, no links; at most so many bytes."""
    files: dict[str, bytes] = {}
    left_out = []
    for name in _walk(folder):
        path = folder / name
        try:
            kind = path.lstat()
            if not stat.S_ISREG(kind.st_mode) or name in without or name.endswith(".ipynb"):
                continue
            if kind.st_size > most or len(files) >= MAX_FILES or _is_long(name):
                left_out.append(name)
                continue
            files[name] = path.read_bytes()
        except OSError:  # it may not be read, or is gone by now
            left_out.append(name)
            continue
        most -= len(files[name])
    return Beside(files, tuple(left_out))


def over(handed: Mapping[str, bytes], own: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of both; where they cannot lie in one folder, the course's own."""
    folders = {folder for name in own for folder in _folders_of(name)}
    fits = {n: c for n, c in handed.items() if n not in folders and not any(f in own for f in _folders_of(n))}
    return {**fits, **own}


def _folders_of(name: str) -> list[str]:
    return [str(folder) for folder in PurePosixPath(name).parents]


def links_in(folder: Path) -> set[str]:
    """The paths in a folder that are links, whatever they lead to."""
    return {name for name in _walk(folder) if (folder / name).is_symlink()}


def _is_long(name: str) -> bool:
    return len(os.fsencode(name)) > MAX_NAME


def _walk(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__")
        for name in sorted(names):
            path = (Path(place) / name).relative_to(folder).as_posix()
            if not name.startswith(".") and path.isprintable():
                yield path


def may_be_written(name: str) -> bool:
    """Whether a file that a submission wrote may be kept under this name, where people and servers will find it.

    No notebook, nothing that leads elsewhere, and nothing that a browser would run.
    """
    parts = PurePosixPath(name).parts
    if not parts or "/".join(parts) != name or not all(map(_PART.fullmatch, parts)) or _is_long(name):
        return False
    media, _ = mimetypes.guess_type(name)
    return not name.lower().endswith(".ipynb") and name not in KEPT and not ACTIVE.search(media or "")


def write_beside(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files that a submission wrote into the folder of its notebook; links are replaced, never followed.

    What cannot be where something else is already is left out.
    """
    for name, content in files.items():
        if not may_be_written(name):
            continue
        target = folder / name
        within = [parent for parent in target.parents if parent.is_relative_to(folder)]
        if target.is_dir() or any(p.is_symlink() or (p.exists() and not p.is_dir()) for p in within if p != folder):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(content)


def clear_beside(notebook: Path) -> None:
    """Remove what an earlier grading has left in a notebook's folder, but for the notebook."""
    for path in notebook.parent.iterdir() if notebook.parent.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != notebook:
            path.unlink()
