"""One submission in the jail: its cells are run one after the other, and the judge asks what they hand in.

A process that dies, or that cannot be interrupted, is begun anew without the cell that did it; verdicts that are there
already stay. So a sick cell costs what depends on it, and nothing else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograder.jail import Inmate, Jail
from autograder.lecture import HandIn
from autograder.sanitise import Step
from autograder.wire import Gone, Late, Message, WireError, printable, probe_message, read_answer
from edf_course.exercises import statement
from edf_course.exercises.probes import Answer, Failure, Probe

Respond = Callable[[Probe], Answer]
Judge = Callable[[HandIn, Respond], Any]

MAX_OUTPUTS = 500  # of one cell
_BASE64 = re.compile(r"[A-Za-z0-9+/=\n]*", re.ASCII)


class Sick(Exception):
    """The process of a submission cannot be used any more; the message says why, for the student."""


class Forged(Sick):
    """Something came over the wire that was not asked for: no answer of this exercise is believed."""


@dataclass
class Session:
    """What came of a submission in the jail.

    judged: by exercise, what the judge said. failed: by exercise, why it could not say anything. outputs: of each step.
    notes: what an instructor should know, a sentence each.
    """

    judged: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    outputs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def run(jail: Jail, steps: Sequence[Step], judge: Judge) -> Session:
    """Run the steps in the jail and have each hand-in judged. Raises: JailError where the jail itself broke."""
    session = Session()
    deadline = time.monotonic() + jail.limits.notebook_seconds
    without: set[int] = set()
    for _ in range(jail.limits.restarts + 1):
        sick = _Attempt(jail, steps, judge, session, deadline, without).run()
        if sick is None:
            return session
        number, reason = sick
        step = steps[number]
        what = step.hand_in.exercise if step.hand_in else step.grade_id or f"number {number + 1}"
        session.notes.append(f"The cell {what} was left out in the end: {reason}.")
        without.add(number)
        if step.hand_in and step.hand_in.exercise not in session.judged:
            session.failed[step.hand_in.exercise] = reason
        if time.monotonic() >= deadline:
            break
    for step in steps:
        if step.hand_in and step.hand_in.exercise not in session.judged:
            session.failed.setdefault(step.hand_in.exercise, f"it was not reached, because before it {reason}")
    return session


class _Attempt:
    """One process that runs the steps from the first one on."""

    def __init__(
        self, jail: Jail, steps: Sequence[Step], judge: Judge, session: Session, deadline: float, without: set[int]
    ) -> None:
        self.jail, self.steps, self.judge, self.session = jail, steps, judge, session
        self.deadline, self.without = deadline, without
        self.asked = 0

    def run(self) -> tuple[int, str] | None:
        """Return the step that ended the process, and why, or None where all were run."""
        with self.jail.inmate() as inmate:
            self.inmate: Inmate = inmate
            for number, step in enumerate(self.steps):
                done = step.hand_in and step.hand_in.exercise in {**self.session.judged, **self.session.failed}
                if number in self.without or done:
                    continue
                try:
                    self._step(number, step)
                except Sick as sick:
                    return number, str(sick)
        return None

    def _step(self, number: int, step: Step) -> None:
        seconds = self.jail.limits.cell_seconds
        values = {"cell": number, "source": step.source, "hand_in": step.hand_in is not None, "seconds": seconds}
        self._send(Message("run", values))
        message = self._receive(seconds)
        if step.hand_in and message.type == "hand_in":
            if message.values != {"exercise": step.hand_in.exercise}:
                raise Forged("it handed in another exercise in this one's place")
            verdict = self._hand_in(step.hand_in)
            self._send(Message("done"))
            message = self._receive(seconds)
            outputs = _ran(message, number)
            self.session.judged[step.hand_in.exercise] = verdict
        else:
            outputs = _ran(message, number)
            if step.hand_in:
                self.session.failed[step.hand_in.exercise] = self._why_nothing(step.hand_in, outputs)
        self.session.outputs[number] = outputs

    def _why_nothing(self, hand_in: HandIn, outputs: Sequence[Mapping[str, Any]]) -> str:
        """Why no object came: the error of the answer's own cell, or else of the hand-in."""
        own = hand_in.grade_id.removesuffix("-hand-in")
        answers = [n for n, step in enumerate(self.steps) if step.grade_id == own]
        for output in [*(o for n in answers for o in self.session.outputs.get(n, [])), *outputs]:
            if output["output_type"] == "error":
                return f"nothing was handed in: {output['ename']}: {output['evalue']}".rstrip(": ")
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

        verdict = self.judge(hand_in, respond)
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

    def _send(self, message: Message) -> None:
        try:
            self.inmate.connection.send(message, time.monotonic() + self.jail.limits.grace_seconds)
        except Late as error:
            raise Sick("it could not be interrupted") from error
        except Gone as error:
            raise self._death() from error

    def _receive(self, seconds: float) -> Message:
        until = min(time.monotonic() + seconds, self.deadline) + self.jail.limits.grace_seconds
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


def _ran(message: Message, number: int) -> list[dict[str, Any]]:
    """The outputs of a cell, rebuilt from plain text and PNG pictures. Raises: Forged for anything else."""
    values = message.values
    if message.type != "ran" or values.get("cell") != number or not isinstance(values.get("outputs"), list):
        raise Forged(f"it sent {printable(message.type, 40)!r} out of turn")
    if message.arrays or len(values["outputs"]) > MAX_OUTPUTS:
        raise Forged("it sent more than anybody asked for")
    return [_output(o) for o in values["outputs"]]


def _output(said: Any) -> dict[str, Any]:
    kind = said.get("output_type") if isinstance(said, dict) else None
    if kind == "stream" and said.get("name") in ("stdout", "stderr"):
        return {"output_type": kind, "name": said["name"], "text": _text(said.get("text"))}
    if kind == "error" and isinstance(said.get("traceback"), list):
        lines = [_text(line) for line in said["traceback"]]
        return {"output_type": kind, "ename": _text(said.get("ename")), "evalue": _text(said.get("evalue")),
                "traceback": lines}  # fmt: skip
    if kind in ("display_data", "execute_result") and isinstance(said.get("data"), dict):
        data = {"text/plain": _text(said["data"].get("text/plain", ""))}
        picture = said["data"].get("image/png")
        if isinstance(picture, str) and _BASE64.fullmatch(picture):
            data["image/png"] = picture
        more = {"execution_count": None} if kind == "execute_result" else {}
        return {"output_type": kind, "data": data, "metadata": {}, **more}
    raise Forged("it sent an output of another form")


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise Forged("it sent an output of another form")
    return printable(said, 200_000)
