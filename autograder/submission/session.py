"""One submission in the jail: its cells are run one after the other, and the judge asks what they hand in.

A process that dies, or that cannot be interrupted, is begun anew without the cell that did it; verdicts that are there
already stay. So a sick cell costs what depends on it, and nothing else.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograder.jail.jail import Inmate, Jail
from autograder.jail.wire import (
    Gone,
    Late,
    Message,
    WireError,
    file_messages,
    printable,
    probe_message,
    read_answer,
    read_file_part,
)
from autograder.submission import outputs
from autograder.submission.beside import MAX_FILES, Beside, may_be_written
from autograder.submission.lecture import HandIn
from autograder.submission.outputs import Json
from autograder.submission.plain_tests import outcome, plain_python
from autograder.submission.sanitise import Cell
from edf_course.exercises import statement
from edf_course.exercises.probes import Answer, Failure, Probe

Respond = Callable[[Probe], Answer]
OF_CELL = re.compile(r"\((?:<ipython-input-[^>]*>|\d+\.py), (line \d+)\)")  # where a cell has a SyntaxError

Judge = Callable[[HandIn, Respond, Collection[int]], Any]  # with the steps that did not run to their end

LEAST_OUTPUT = 2000  # bytes that a cell may show when those before it have shown too much
ENVIRONMENT = {"NBGRADER_EXECUTION": "autograde"}  # what nbgrader tells other people's notebooks


class Sick(Exception):
    """The process of a submission cannot be used any more; the message says why, for the student."""


class Forged(Sick):
    """Something came over the wire that was not asked for: no answer of this exercise is believed."""


@dataclass
class Session:
    """What came of a submission in the jail.

    judged: by exercise, what the judge said. failed: by exercise, why it could not say anything. outputs: of each step.
    notes: what an instructor should know, a sentence each. files: what the notebook wrote, where that was asked for.
    """

    judged: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    outputs: dict[int, list[Json]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def is_done(self, number: int, step: Cell) -> bool:
        """Whether there is a verdict on the step already, which stays."""
        if step.hand_in:
            return step.hand_in.exercise in {**self.judged, **self.failed}
        return step.role == "test" and number in self.outputs


def run(
    jail: Jail, steps: Sequence[Cell], judge: Judge, *, plain: bool = False, beside: Beside | None = None
) -> Session:
    """Run the steps in the jail and have each hand-in judged.

    plain: tests of other people's are among them, and find what nbgrader promises them. beside: the files that lie in
    the notebook's folder; where they are given, what it writes there is brought back.
    Raises: JailError where the jail itself broke.
    """
    session = Session()
    deadline = time.monotonic() + jail.limits.notebook_seconds
    without: set[int] = set()
    for _ in range(jail.limits.restarts + 1):
        sick = _Attempt(jail, steps, judge, session, deadline, without).run(plain, beside)
        if sick is None:
            break
        number, reason = sick
        _leave_out(session, number, steps[number], reason)
        without.add(number)
        if time.monotonic() >= deadline:
            break
    for number, step in enumerate(steps):
        if number not in session.outputs and not session.is_done(number, step):
            because = f"it was not reached, because before it {reason}"
            session.outputs[number] = [outputs.error("NotRun", because)]
            if step.hand_in:
                session.failed[step.hand_in.exercise] = because
    return session


def _leave_out(session: Session, number: int, step: Cell, reason: str) -> None:
    what = step.hand_in.exercise if step.hand_in else step.grade_id or f"number {number + 1}"
    session.notes.append(f"The cell {what} was left out in the end: {reason}.")
    if not session.is_done(number, step):
        session.outputs[number] = [outputs.error("NotRun", reason)]
        if step.hand_in:
            session.failed[step.hand_in.exercise] = reason


class _Attempt:
    """One process that runs the steps from the first one on."""

    def __init__(
        self, jail: Jail, steps: Sequence[Cell], judge: Judge, session: Session, deadline: float, without: set[int]
    ) -> None:
        self.jail, self.steps, self.judge, self.session = jail, steps, judge, session
        self.deadline, self.without = deadline, without
        self.unfinished = set(without)
        self.asked = 0
        self.output_left = jail.limits.notebook_output

    def run(self, plain: bool, beside: Beside | None) -> tuple[int, str] | None:
        """Return the step that ended the process, and why, or None where all were run."""
        with self.jail.inmate() as inmate:
            self.inmate: Inmate = inmate
            number = 0
            try:
                self._prepare(plain, beside)
                for number, step in enumerate(self.steps):
                    skip = step.hand_in and self.session.is_done(number, step)
                    if number not in self.without and not skip:
                        self._step(number, step)
            except Sick as sick:
                return number, str(sick)
            if beside is not None:
                self._collect()
        return None

    def _prepare(self, plain: bool, beside: Beside | None) -> None:
        if plain:
            self._send(Message("environment", ENVIRONMENT))
        for name, content in beside.files.items() if beside else ():
            for part in file_messages(name, content):
                self._send(part)

    def _step(self, number: int, step: Cell) -> None:
        seconds = self.jail.limits.cell_seconds
        ran = self._run(number, step, seconds)
        if ran.values.get("succeeded") is False:
            self.unfinished.add(number)
        if step.hand_in and ran.type == "hand_in":
            if ran.values != {"exercise": step.hand_in.exercise}:
                raise Forged("it handed in another exercise in this one's place")
            verdict = self._hand_in(step.hand_in)
            self._send(Message("done"))
            shown = self._shown(self._receive(seconds), number, step)
            self.session.judged[step.hand_in.exercise] = verdict
        else:
            shown = self._shown(ran, number, step)
            if step.hand_in:
                self.session.failed[step.hand_in.exercise] = self._why_nothing(step.hand_in, shown)
        if not self.session.is_done(number, step) or step.hand_in:
            self.session.outputs[number] = shown

    def _run(self, number: int, step: Cell, seconds: float) -> Message:
        """Have a cell run, a lecture's own as plain Python."""
        kind = step.role if step.role in ("hand_in", "test", "fixed") else "student"
        source, show_value = (step.source, True) if kind == "student" else plain_python(step.source)
        self.output = min(self.jail.limits.cell_output, max(self.output_left, LEAST_OUTPUT))
        self.nonce = secrets.token_hex(8)
        values = {
            "cell": number, "source": source, "kind": kind, "seconds": seconds, "show_value": show_value,
            "output": self.output, "nonce": self.nonce,
        }  # fmt: skip
        self._send(Message("run", values))
        return self._receive(seconds)

    def _shown(self, ran: Message, number: int, step: Cell) -> list[Json]:
        """The outputs of the cell that was run. Raises: Forged for anything else."""
        values = ran.values
        value = values.get("value")
        named = (ran.type, values.get("cell"), values.get("nonce")) == ("ran", number, self.nonce)
        if not named or type(values.get("succeeded")) is not bool or not isinstance(value, str | None):
            raise Forged(f"it sent {printable(ran.type, 40)!r} out of turn")
        try:
            shown = outputs.within(outputs.read_outputs(ran), self.output)
        except outputs.NotAnOutput as error:
            raise Forged(f"it sent {error}") from error
        self.output_left -= outputs.size_of(shown)
        if step.of is None or step.role == "answer":
            return shown
        return outcome(step.of, shown, values["succeeded"], None if value is None else printable(value, 10_000))

    def _why_nothing(self, hand_in: HandIn, shown: Sequence[Mapping[str, Any]]) -> str:
        """Why no object came: the error of the answer's own cell, or else of the hand-in."""
        own = hand_in.grade_id.removesuffix("-hand-in")
        answers = [n for n, step in enumerate(self.steps) if step.grade_id == own]
        for output in [*(o for n in answers for o in self.session.outputs.get(n, [])), *shown]:
            if output["output_type"] == "error":
                said = OF_CELL.sub(r"(\1)", output["evalue"])
                return f"nothing was handed in: {output['ename']}: {said}".rstrip(": ")
        return f"nothing was handed in: hand_in was not called for {hand_in.exercise}"

    def _hand_in(self, hand_in: HandIn) -> Any:
        """Have the exercise judged. Where the process dies of a probe, the judge has what came until then."""
        sick: Sick | None = None

        def respond(probe: Probe) -> Answer:
            nonlocal sick
            if sick is None:
                try:
                    return self._ask(hand_in, probe)
                except Sick as error:
                    sick = error
            return Answer(failure=Failure("raised", str(sick)))

        verdict = self.judge(hand_in, respond, self.unfinished)
        if isinstance(sick, Forged):
            raise sick
        if sick is not None:
            self.session.judged[hand_in.exercise] = verdict
            raise sick
        return verdict

    def _ask(self, hand_in: HandIn, probe: Probe) -> Answer:
        self.asked += 1
        seconds = min(self.jail.limits.probe_seconds, max(0.1, self.deadline - time.monotonic()))
        self._send(probe_message(self.asked, statement(hand_in.exercise).kind, probe, seconds))
        message = self._receive(seconds)
        try:
            return read_answer(message, self.asked, probe)
        except WireError as error:
            raise Forged(f"it sent something else than an answer ({error})") from error

    def _collect(self) -> None:
        """Bring back the files that the notebook wrote; whatever goes wrong with them costs nothing else."""
        most, seconds = self.jail.limits.scratch // 2, self.jail.limits.cell_seconds
        self.deadline = min(self.deadline, time.monotonic() + seconds)
        found: dict[str, bytearray] = {}
        parts = 0
        try:
            self._send(Message("collect", {"most": most}))
            while (message := self._receive(seconds)).type != "all":
                name, part = read_file_part(message)
                most, parts = most - len(part), parts + 1
                if most < 0 or parts > MAX_FILES:
                    raise WireError("there is more than is kept")
                if may_be_written(name):
                    found.setdefault(name, bytearray()).extend(part)
        except (Sick, WireError) as error:
            self.session.notes.append(f"What it wrote into its folder was not all kept: {error}.")
        self.session.files = {name: bytes(content) for name, content in found.items()}

    def _send(self, message: Message) -> None:
        try:
            self.inmate.connection.send(message, time.monotonic() + self.jail.limits.grace_seconds)
        except Late as error:
            raise Sick("it could not be interrupted") from error
        except Gone as error:
            raise self._death() from error

    def _receive(self, seconds: float) -> Message:
        until = min(time.monotonic() + seconds + self.jail.limits.grace_seconds, self.deadline)
        try:
            return self.inmate.connection.receive(until)
        except Late as error:
            raise Sick(f"it did not end, and could not be interrupted, within {seconds:g} s") from error
        except Gone as error:
            raise self._death() from error
        except WireError as error:
            raise Forged(f"it sent what nobody asked for ({error})") from error

    def _death(self) -> Sick:
        """Why the process is gone."""
        code = self.inmate.kill()
        names = {-9: "it was killed, or closed its connection to the judge", -11: "it ended in a segmentation fault"}
        return Sick(names.get(code or 0, f"it ended its process (code {code})"))
