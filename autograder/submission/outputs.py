"""What a cell shows, rebuilt from what came over the wire: plain text and PNG pictures, within bounds.

Nothing else of a stranger's is kept, so that no markup or script acts on whoever opens the notebook or its page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autograder.jail.wire import Message, printable

Json = dict[str, Any]

MAX_OUTPUTS = 500  # of one cell
MAX_TEXT = 200_000  # characters of one text
CUT = {"output_type": "stream", "name": "stdout", "text": "… more than is kept\n"}

_BASE64 = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/=\n]*", re.ASCII)  # begins as every PNG does


class NotAnOutput(Exception):
    """What came is not the form of an output."""


def read_outputs(message: Message) -> list[Json]:
    """The outputs in a message. Raises: NotAnOutput for anything else."""
    said = message.values.get("outputs")
    if not isinstance(said, list) or message.arrays or len(said) > MAX_OUTPUTS:
        raise NotAnOutput("more than anybody asked for")
    return [_output(o) for o in said]


def _output(said: Any) -> Json:
    kind = said.get("output_type") if isinstance(said, dict) else None
    if kind == "stream" and said.get("name") in ("stdout", "stderr"):
        return {"output_type": kind, "name": said["name"], "text": _text(said.get("text"))}
    if kind == "error" and isinstance(said.get("traceback"), list):
        lines = [_text(line) for line in said["traceback"]]
        return error(_text(said.get("ename")), _text(said.get("evalue")), lines)
    if kind in ("display_data", "execute_result") and isinstance(said.get("data"), dict):
        data = {"text/plain": _text(said["data"].get("text/plain", ""))}
        picture = said["data"].get("image/png")
        if isinstance(picture, str) and _BASE64.fullmatch(picture):
            data["image/png"] = picture
        return value(data) if kind == "execute_result" else shown(data)
    raise NotAnOutput("an output of another form")


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise NotAnOutput("an output of another form")
    return printable(said, MAX_TEXT)


def error(name: str, text: str, traceback: Sequence[str] | None = None) -> Json:
    """The output of a cell that ended in an error."""
    lines = list(traceback) if traceback is not None else [f"{name}: {text}"]
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": lines}


def shown(data: Mapping[str, Any]) -> Json:
    """The output of what was displayed."""
    return {"output_type": "display_data", "data": dict(data), "metadata": {}}


def value(data: Mapping[str, Any]) -> Json:
    """The output of a cell's last line."""
    return {"output_type": "execute_result", "data": dict(data), "metadata": {}, "execution_count": None}


def within(outputs: Sequence[Json], most: int) -> list[Json]:
    """The first of the outputs, as many as fit into so many bytes of JSON; errors always."""
    kept, cut = [], False
    for output in outputs:
        size = len(json.dumps(output))
        if size <= most or output["output_type"] == "error":
            most -= size
            kept.append(output)
        elif not cut:
            cut = True
            kept.append(dict(CUT))
    return kept


def size_of(outputs: Sequence[Json]) -> int:
    """How many bytes of JSON they are."""
    return sum(len(json.dumps(output)) for output in outputs)
