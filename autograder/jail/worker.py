"""Runs the cells of one submission, and lets the judge's probes reach what is handed in.

This is the far end of the wire, in the jail, beside the student's code and no safer than it: nothing here is believed
by the judge, which only takes numbers. It knows no truth. Of the autograder it needs wire.py and lecture_cells.py.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import signal
import socket
import stat
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

from autograder.jail.lecture_cells import LectureCells
from autograder.jail.wire import (
    Connection,
    Gone,
    Message,
    WireError,
    answer_message,
    file_messages,
    printable,
    read_probe,
)
from edf_course import handin
from edf_course.exercises.answering import answer
from edf_course.exercises.probes import Answer, Failure
from edf_course.exercises.recording import TimeUp

MAX_OUTPUTS = 100  # of a cell
MAX_ERRORS, MAX_ERROR = 5, 8000  # of a cell, characters of each: they are kept whatever else was shown
TEXT, PICTURES = 1 / 8, 3 / 4  # how the bytes of a cell's output are shared out


class Outputs:
    """What a cell shows, within bounds: text and PNG pictures only, so that no one's markup or script is kept."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, most: int) -> None:
        """Begin anew, for the next cell, which may show so many bytes of JSON."""
        self.kept: list[dict[str, Any]] = []
        self.text_left, self.picture_left, self.cut = int(most * TEXT), int(most * PICTURES), False

    def stream(self, name: str, text: str) -> None:
        """Keep what was printed to stdout or stderr."""
        text = self._within(text)
        if not text:
            return
        if self.kept and self.kept[-1].get("name") == name:
            self.kept[-1]["text"] += text
        else:
            self._keep({"output_type": "stream", "name": name, "text": text})

    def show(self, data: dict[str, Any], output_type: str) -> None:
        """Keep what was displayed, or the value of the cell's last line."""
        kept: dict[str, str] = {}
        if isinstance(data.get("text/plain"), str):
            kept["text/plain"] = self._within(data["text/plain"])
        picture = data.get("image/png")
        if isinstance(picture, bytes):
            picture = base64.b64encode(picture).decode()
        if isinstance(picture, str) and len(picture) <= self.picture_left:
            self.picture_left -= len(picture)
            kept["image/png"] = picture
        if any(kept.values()):
            self._keep({"output_type": output_type, "data": kept})

    def error(self, name: str, value: str, lines: list[str]) -> None:
        """Keep how a cell ended: the last error, whatever else is too much."""
        text = "\n".join(lines)
        if len(text) > MAX_ERROR:
            text = f"{text[: MAX_ERROR // 2]}\n…\n{text[-MAX_ERROR // 4 :]}"
        errors = [output for output in self.kept if output["output_type"] == "error"]
        if len(errors) >= MAX_ERRORS:
            self.kept.remove(errors[-1])
        self.kept.append(
            {"output_type": "error", "ename": printable(name, 100), "evalue": printable(value, 1000),
             "traceback": printable(text, MAX_ERROR).split("\n")}
        )  # fmt: skip

    def _keep(self, output: dict[str, Any]) -> None:
        if len(self.kept) < MAX_OUTPUTS:
            self.kept.append(output)

    def _within(self, text: str) -> str:
        kept = text[: self.text_left]
        while kept and len(json.dumps(kept)) - 2 > self.text_left:
            kept = kept[: len(kept) // 2]
        self.text_left -= len(json.dumps(kept)) - 2
        if len(kept) < len(text) and not self.cut:
            self.cut = True
            kept += "\n… more than is kept"
        return kept


class Stream(io.TextIOBase):
    """stdout or stderr of a cell."""

    encoding = "utf-8"

    def __init__(self, outputs: Outputs, name: str) -> None:
        self.outputs, self.name = outputs, name

    def write(self, text: str) -> int:
        """Keep the text."""
        self.outputs.stream(self.name, str(text))
        return len(text)

    def writable(self) -> bool:
        """Say yes."""
        return True


class Publisher(DisplayPublisher):
    """Keeps what is displayed."""

    shell: Any

    def publish(self, data: Any, *args: Any, **more: Any) -> None:
        if not more.get("update"):
            self.shell.outputs.show(data, "display_data")


class Hook(DisplayHook):
    """Keeps the value of a cell's last line."""

    shell: Any

    def start_displayhook(self) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shell.outputs.show(format_dict, "execute_result")

    def finish_displayhook(self) -> None:
        pass


class Shell(InteractiveShell):
    """IPython without a terminal and without a kernel: magics, top-level await and rich display work."""

    history_manager: Any
    lecture_cells: LectureCells
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)

    def __init__(self, **more: Any) -> None:
        self.outputs = Outputs()
        super().__init__(**more)
        self.colors = "nocolor"
        self.history_manager.enabled = False

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing: there is no screen."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        try:
            said = str(evalue)
        except Exception:
            said = "an error whose own text cannot be had"
        self.outputs.error(getattr(etype, "__name__", "Error"), said, [str(line) for line in stb])


def make_shell() -> Shell:
    """Make the shell, and run an empty cell: the first one takes longest, and a fork inherits it."""
    shell: Shell = Shell.instance()
    shell.run_cell("pass", store_history=False)
    shell.lecture_cells = LectureCells(shell)
    return shell


class Worker:
    """Does what the messages say, until the other end closes."""

    def __init__(self, connection: Connection, shell: Shell) -> None:
        self.connection, self.shell = connection, shell
        self.kind = ""  # of the cell that runs
        self.files = Files()

    def run(self) -> None:
        """Answer messages until there are no more."""
        handin.serve = self.serve
        self.connection.send(Message("ready"))
        with contextlib.suppress(WireError):
            while True:
                message = self.connection.receive()
                if message.type == "run":
                    self._run(message.values)
                elif message.type == "file":
                    self.files.write(message)
                elif message.type == "environment":
                    os.environ.update(message.values)
                else:
                    self.files.send(self.connection, message.values["most"])

    def _run(self, values: Mapping[str, Any]) -> None:
        self.kind = values["kind"]
        succeeded, value = self._run_cell(values)
        ran = {"cell": values["cell"], "nonce": values["nonce"], "succeeded": succeeded, "value": value}
        try:
            self.connection.send(Message("ran", ran | {"outputs": self.shell.outputs.kept}))
        except Gone:
            raise
        except WireError:
            self.connection.send(Message("ran", ran | {"outputs": []}))

    def _run_cell(self, values: Mapping[str, Any]) -> tuple[bool, str | None]:
        outputs, source = self.shell.outputs, values["source"]
        outputs.start(values["output"])
        streams = Stream(outputs, "stdout"), Stream(outputs, "stderr")
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            try:
                with _alarm(None if self.kind == "hand_in" else values["seconds"]):
                    if self.kind == "student":
                        return bool(self.shell.run_cell(source, store_history=True).success), None
                    return self._run_lecture_s(source, values["show_value"])
            except BaseException as error:  # TimeUp between two lines of IPython's own
                outputs.error(type(error).__name__, "", traceback.format_exception_only(error))
                return False, None

    def _run_lecture_s(self, source: str, show_value: bool) -> tuple[bool, str | None]:
        cells = self.shell.lecture_cells
        if self.kind == "hand_in":
            self.shell.user_ns["hand_in"] = handin.hand_in  # whatever a cell has put into its place
        ended = cells.run(source, show_value, guard=self.kind != "hand_in")
        if self.kind == "fixed":
            cells.keep()
        if self.kind != "hand_in":
            self.shell.events.trigger("post_execute")  # pictures are shown then
        return ended

    def serve(self, exercise: str, thing: Any) -> None:
        """Stand in for `hand_in`: announce the object, and answer the judge's probes until it has seen enough."""
        if self.kind == "student":
            print(f"{exercise} is graded when you hand in.")
            return
        if self.kind != "hand_in":
            raise RuntimeError(f"this grader knows of no exercise {exercise!r} in this cell")
        self.connection.send(Message("hand_in", {"exercise": str(exercise)[:100]}))
        while True:
            message = self.connection.receive()
            if message.type != "probe":
                return
            number, kind, probe, seconds = read_probe(message)
            given = answer(kind, thing, probe, seconds)
            try:
                reply = answer_message(number, given)
                self.connection.send(reply)
            except WireError as error:
                failure = Failure("unusable", f"it gives far more than was asked for ({error})")
                self.connection.send(answer_message(number, Answer(failure=failure)))


class Files:
    """The files in the notebook's folder: those that came with it, and those that it wrote."""

    def __init__(self) -> None:
        self.brought: dict[str, tuple[int, int]] = {}

    def write(self, message: Message) -> None:
        """Write (a part of) a file that was handed in beside the notebook."""
        path = Path(message.values["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(message.arrays["bytes"].tobytes())
        self.brought[path.as_posix()] = _state(path)

    def send(self, connection: Connection, most: int) -> None:
        """Send what is new or changed since, as far as it fits into so many bytes."""
        for place, folders, names in os.walk("."):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__")
            for name in sorted(names):
                path = Path(place, name)
                kind = path.lstat()
                new = stat.S_ISREG(kind.st_mode) and self.brought.get(path.as_posix()) != _state(path)
                if new and kind.st_size <= most:
                    most -= kind.st_size
                    for part in file_messages(path.as_posix(), path.read_bytes()):
                        connection.send(part)
        connection.send(Message("all"))


def _state(path: Path) -> tuple[int, int]:
    kind = path.lstat()
    return kind.st_size, kind.st_mtime_ns


@contextlib.contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    """Raise TimeUp in the block after so many seconds, and again and again where it is caught."""

    def up(*_: object) -> None:
        raise TimeUp(f"the cell took longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, seconds or 0, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def work(end: socket.socket, shell: Shell) -> None:
    """Run one submission. A student's cell may leave anything behind: this process is used for nothing else."""
    sys.stdin = io.StringIO()
    os.chdir(tempfile.mkdtemp(prefix="notebook-"))
    sys.path.insert(0, "")
    Worker(Connection(end), shell).run()
