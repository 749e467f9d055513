"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

GO_ON = "What was graded before stays graded; when that is put right, run the same command again and it goes on."
LONGEST = 40  # characters of a name, of which that of its part is made: both are to fit into 255 bytes
PART = ".part"  # a file that begins with a dot and ends so is the rest of one that was being written


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that there is either the old one or the new one, whole, whatever happens.

    Raises: OSError, with the file's name.
    """
    part = path.with_name(f".{path.name[:LONGEST]}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def put_where_none_is(made: Path, path: Path) -> None:
    """Move a file to its place, unless there is one already: then that stays, and the new one is removed."""
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        os.replace(made, path)
        return
    made.unlink()


def is_part(path: Path) -> bool:
    """Whether a file is the rest of one that was being written when its writer was killed."""
    return path.name.startswith(".") and path.name.endswith(PART)
