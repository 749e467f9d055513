"""Runs the cells of one submission, and lets the judge's probes reach what is handed in.

This is the far end of the wire, in the jail, beside the student's code and no safer than it: nothing here is believed
by the judge, which only takes numbers. It knows no truth. Of the autograder it needs wire.py and nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import io
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

from autograder.wire import Connection, Gone, Message, WireError, answer_message, printable, read_probe
from edf_course import handin
from edf_course.exercises.answering import answer
from edf_course.exercises.probes import Answer, Failure
from edf_course.exercises.recording import TimeUp

MAX_TEXT = 50_000  # characters of all output of a cell
MAX_PICTURE = 300_000  # bytes in base64 of all pictures of a cell
MAX_OUTPUTS = 100  # of a cell


class Outputs:
    """What a cell shows, within bounds: text and PNG pictures only, so that no one's markup or script is kept."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew, for the next cell."""
        self.kept: list[dict[str, Any]] = []
        self.text_left, self.picture_left, self.cut = MAX_TEXT, MAX_PICTURE, False

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
        """Keep how a cell ended."""
        self._keep(
            {"output_type": "error", "ename": printable(name, 100), "evalue": self._within(printable(value, 1000)),
             "traceback": self._within("\n".join(lines)).split("\n")}
        )  # fmt: skip

    def _keep(self, output: dict[str, Any]) -> None:
        if len(self.kept) < MAX_OUTPUTS:
            self.kept.append(output)

    def _within(self, text: str) -> str:
        kept = text[: self.text_left]
        self.text_left -= len(kept)
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
    return shell


class Worker:
    """Runs cells as the messages say, until the other end closes."""

    def __init__(self, connection: Connection, shell: Shell) -> None:
        self.connection, self.shell = connection, shell
        self.handing_in = False

    def run(self) -> None:
        """Answer messages until there are no more."""
        handin.serve = self.serve
        self.connection.send(Message("ready"))
        while True:
            try:
                message = self.connection.receive()
            except WireError:
                return
            values = message.values
            self.handing_in = values["hand_in"]
            succeeded = self._run_cell(values["source"], values["seconds"])
            ran = {"cell": values["cell"], "succeeded": succeeded, "outputs": self.shell.outputs.kept}
            try:
                self.connection.send(Message("ran", ran))
            except Gone:
                return
            except WireError:
                self.connection.send(Message("ran", ran | {"outputs": []}))

    def _run_cell(self, source: str, seconds: float) -> bool:
        outputs = self.shell.outputs
        outputs.start()
        streams = Stream(outputs, "stdout"), Stream(outputs, "stderr")
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            try:
                with _alarm(None if self.handing_in else seconds):
                    return bool(self.shell.run_cell(source, store_history=True).success)
            except BaseException as error:  # TimeUp between two lines of IPython's own
                outputs.error(type(error).__name__, "", traceback.format_exception_only(error))
                return False

    def serve(self, exercise: str, thing: Any) -> None:
        """Stand in for `hand_in`: announce the object, and answer the judge's probes until it has seen enough."""
        if not self.handing_in:
            print(f"{exercise} is graded when you hand in.")
            return
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
    Worker(Connection(end), shell).run()
