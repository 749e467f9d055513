"""What somebody handed in: from bytes to cells, whatever the bytes are."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_BYTES = 32 << 20
MAX_CELLS = 2000
MAX_SOURCE = 200_000  # characters of one cell
MAX_SOURCES = 3_000_000  # of all cells: all of it is parsed
CELL_TYPES = ("code", "markdown", "raw")
PICTURES = ("image/png", "image/jpeg", "image/gif")  # that are kept of what somebody pasted into a text

_GAPS = re.compile(r"[\s\\]+")
_ENDLESS_NAME = re.compile(r"(?:\.\w+){200}")  # Python needs minutes to read `import a.a.a.…`
_TAG = re.compile(r"[\w-]{1,40}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\n]*", re.ASCII)

Json = dict[str, Any]


class Unreadable(Exception):
    """A submission that cannot be graded; the message is the reason."""


@dataclass(frozen=True)
class HandedCell:
    """A cell as it was handed in: of proper form, and no more of it than grading and reading need.

    place: its number in the file. grade_id: of nbgrader's mark, None where it has none.
    """

    place: int
    cell_type: str
    source: str
    grade_id: str | None = None
    id: str = ""
    tags: tuple[str, ...] = ()
    attachments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class HandedNotebook:
    """What was handed in. mended: what had to be done to read it, a sentence each. kernelspec: as it says itself."""

    cells: tuple[HandedCell, ...]
    mended: tuple[str, ...] = ()
    kernelspec: Mapping[str, str] = field(default_factory=dict)


def read_submission(path: Path) -> bytes:
    """Read what was handed in, if it is a file of a sane size: no link, folder or pipe. Raises: Unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise Unreadable(f"there is no {path.name} in the submission") from None
    except OSError as error:
        why = "it is a link, which is not followed" if path.is_symlink() else str(error)
        raise Unreadable(f"{path.name} cannot be read: {why}") from None
    kind = os.fstat(descriptor)
    if not stat.S_ISREG(kind.st_mode):
        os.close(descriptor)
        raise Unreadable(f"{path.name} is no file")
    with open(descriptor, "rb") as file:
        if kind.st_size > MAX_BYTES:
            raise Unreadable(f"the file is too large: {kind.st_size / 1e6:.0f} MB")
        return file.read(MAX_BYTES)


def read_notebook(content: bytes) -> HandedNotebook:
    """Read a notebook's cells, and its kernelspec. Raises: Unreadable."""
    mended: list[str] = []
    notebook = _notebook(content, mended)
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("the file is no notebook: it has no list of cells")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"the notebook has {len(cells)} cells")
    found = [cell for place, said in enumerate(cells) if (cell := _cell(place, said)) is not None]
    size = sum(len(cell.source) for cell in found)
    if size > MAX_SOURCES:
        raise Unreadable(f"the notebook's cells hold {size / 1e6:.0f} million characters")
    if len(found) < len(cells):
        mended.append(f"{len(cells) - len(found)} cells of no proper form were left out.")
    return HandedNotebook(tuple(found), tuple(mended), _kernelspec(notebook.get("metadata")))


def _notebook(content: bytes, mended: list[str]) -> Json:
    if len(content) > MAX_BYTES:
        raise Unreadable(f"the file is too large: {len(content) / 1e6:.0f} MB")
    if not content.strip():
        raise Unreadable("the file is empty")
    if content.startswith(b"PK\x03\x04"):
        raise Unreadable("the file is no notebook: it is a zip archive")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = _other_encoding(content, mended)
    try:
        notebook = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Unreadable(f"the file is no notebook: {said}") from None
    if not isinstance(notebook, dict):
        raise Unreadable("the file is no notebook: it is JSON of another kind")
    version = notebook.get("nbformat", 4)
    if type(version) is int and version < 4:
        mended.append(f"It is in notebook format {version}, and was brought to 4.")
        notebook = _converted(notebook)
    return notebook


def _other_encoding(content: bytes, mended: list[str]) -> str:
    encoding: str = json.detect_encoding(content)  # by its byte order mark, and where it has zeros
    if encoding.startswith("utf-8"):
        encoding = "cp1252"
    mended.append(f"It is not in UTF-8, and was read as {encoding}.")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("the file is no notebook: it is not text") from None


def _converted(notebook: Json) -> Json:
    import nbformat

    try:
        converted: Json = nbformat.reads(json.dumps(notebook), as_version=4)
    except Exception as error:  # of nbformat's converters, which take much for granted
        raise Unreadable(f"the file is no notebook that can be read: {type(error).__name__}") from None
    return converted


def _cell(place: int, said: Any) -> HandedCell | None:
    """A cell of the file, None where it has no proper form."""
    source = said.get("source") if isinstance(said, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or len(source) > MAX_SOURCE or said.get("cell_type") not in CELL_TYPES:
        return None
    if said["cell_type"] == "code" and _ENDLESS_NAME.search(_GAPS.sub("", source)):
        return None
    metadata = said.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    mark = metadata.get("nbgrader")
    grade_id = mark.get("grade_id") if isinstance(mark, dict) else None
    tags = metadata.get("tags")
    return HandedCell(
        place,
        said["cell_type"],
        _text(source),
        grade_id if isinstance(grade_id, str) and grade_id else None,
        said["id"] if isinstance(said.get("id"), str) else "",
        tuple(t for t in tags if isinstance(t, str) and _TAG.fullmatch(t)) if isinstance(tags, list) else (),
        _attachments(said.get("attachments")) if said["cell_type"] != "code" else {},
    )


def _text(source: str) -> str:
    """Text with Unix's line ends, and of characters that can be written."""
    if not source.isascii():
        source = source.encode("utf-8", "replace").decode("utf-8")  # half a character, alone
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _attachments(said: Any) -> Mapping[str, Mapping[str, str]]:
    """The pictures that were pasted into a text, by name; nothing else that may hang on it."""
    found: dict[str, dict[str, str]] = {}
    for name, bundle in said.items() if isinstance(said, dict) else ():
        kept = {
            kind: data
            for kind, data in (bundle.items() if isinstance(bundle, dict) else ())
            if kind in PICTURES and isinstance(data, str) and _BASE64.fullmatch(data)
        }
        if kept and name.isprintable():
            found[name] = kept
    return found


def _kernelspec(metadata: Any) -> Mapping[str, str]:
    """The kernel that the file asks for, as far as it is of proper form; its language is looked for at both places."""
    metadata = metadata if isinstance(metadata, dict) else {}
    spec, info = (v if isinstance(v := metadata.get(k), dict) else {} for k in ("kernelspec", "language_info"))
    kept = {k: v for k in ("name", "display_name", "language") if isinstance(v := spec.get(k), str) and v.isprintable()}
    if "language" not in kept and isinstance(language := info.get("name"), str) and language.isprintable():
        kept["language"] = language
    return kept
