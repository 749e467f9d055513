"""Grading one submission: bytes in, a result out. Nothing else is read or written, so it runs anywhere, in any order.

    with Jail() as jail:
        result = grade(content, lecture, secret, jail)

Points depend only on numbers that the submission's code returned for probes which were drawn after it was fixed; how it
got them is judged by its source, which is read here and run nowhere but in the jail.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Collection
from dataclasses import replace

from autograder.counterexample.smallest import with_cell
from autograder.exercises import exercise
from autograder.jail.jail import Jail, JailError
from autograder.judge import ask, decide, draw_cases, flag
from autograder.provenance.sources import SourceReader
from autograder.submission.assemble import as_text, assemble, outputs_of_hand_in
from autograder.submission.beside import Beside
from autograder.submission.grades import ExerciseGrade, SubmissionGrade, TestGrade
from autograder.submission.lecture import HandIn, Lecture
from autograder.submission.plain_tests import score
from autograder.submission.sanitise import Sanitised, Unreadable, sanitise
from autograder.submission.session import Respond, Session, run
from autograder.verdict import Verdict


def grade(content: bytes, lecture: Lecture, secret: bytes, jail: Jail, beside: Beside | None = None) -> SubmissionGrade:
    """Grade a submission. Whatever it is or does, it ends with a grade or a stated reason.

    beside: the files in the notebook's folder; where they are given, what it writes there is part of the result.
    Raises: JailError where the jail itself is gone; then nothing is known about the submission.
    """
    start = time.monotonic()
    where = "bubblewrap" if jail.jailed else "none"
    try:
        clean = sanitise(content, lecture)
        if clean.language.lower() not in ("python", "ipython"):
            raise Unreadable(f"it is a notebook in {clean.language}, and only Python runs in the jail")
    except Unreadable as error:
        return SubmissionGrade((), str(error), jail=where, seconds=time.monotonic() - start)
    bench = _Bench(clean, secret, hashlib.sha256(content).digest(), beside)
    try:
        session = run(jail, clean.steps, bench.judge, plain=lecture.has_tests, beside=beside)
        for name in beside.left_out if beside else ():
            session.notes.append(f"The file {name} was not given to it: too large, too many, or too long a name.")
        graded = _graded(clean, session, lecture, where)
    except JailError:
        raise
    except Exception as error:  # a fault of ours: this one is looked at by a human, the next one is graded
        why = f"the grader itself failed: {type(error).__name__}: {error}"
        graded = SubmissionGrade((), why, tuple(clean.mended), jail=where, again=True)
    return replace(graded, seconds=time.monotonic() - start)


def _graded(clean: Sanitised, session: Session, lecture: Lecture, where: str) -> SubmissionGrade:
    """The result and the notebook of what was run."""
    exercises = {h.grade_id: _grade(h, session, clean) for h in lecture.hand_ins}
    numbers = [i for i, cell in enumerate(clean.cells) if cell.runs]
    shown = {i: session.outputs.get(step, []) for step, i in enumerate(numbers)}
    shown |= {i: outputs_of_hand_in(exercises[c.hand_in.grade_id]) for i, c in enumerate(clean.cells) if c.hand_in}
    mended, notes = tuple(clean.mended), tuple(session.notes)
    notebook = assemble(clean, shown, {"mended": list(mended), "notes": list(notes), "jail": where})
    unanswered = tuple(c.of.grade_id for c in clean.cells if c.of and c.role == "answer" and c.source == c.of.source)
    tests: list[TestGrade] = []
    scores: dict[str, float | None] = {}
    for cell, made in zip(clean.cells, notebook["cells"], strict=True):
        if cell.of is None or not cell.of.mark.get("grade"):
            continue
        name = cell.of.grade_id
        if name in exercises:
            scores[name] = exercises[name].points
        elif cell.role == "check":
            scores[name] = 0.0
        elif cell.role == "answer":
            scores[name] = 0.0 if name in unanswered else None
        else:
            tests.append(TestGrade(name, score(made) or 0.0, cell.of.points))
            scores[name] = tests[-1].points
    return SubmissionGrade(
        tuple(exercises.values()), "", mended, notes, where, notebook=as_text(notebook), tests=tuple(tests),
        scores=scores, unanswered=unanswered, files=session.files,
    )  # fmt: skip


class _Bench:
    """The judge of one submission."""

    def __init__(self, clean: Sanitised, secret: bytes, digest: bytes, beside: Beside | None) -> None:
        self.clean, self.secret, self.digest = clean, secret, digest
        self.reader = SourceReader(beside.files if beside else {})

    def judge(self, hand_in: HandIn, respond: Respond, unfinished: Collection[int]) -> Verdict:
        """Ask what was handed in, and decide. An error of the judge's own is no verdict on the student.

        unfinished: the numbers of the steps before that were not run to their end.
        """
        asked = exercise(hand_in.exercise)
        try:
            cases = draw_cases(asked, seed_for(self.secret, hand_in.exercise, self.digest))
        except Exception as error:
            return _no_verdict(hand_in, error)
        answers = ask(respond, cases)
        try:
            verdict, comparisons, noticed = decide(asked, cases, answers)
            verdict = with_cell(asked, verdict, cases, answers, respond, hand_in.name)
            if verdict.points == 0:
                return verdict
            steps = self.clean.steps
            before = [i for i, cell in enumerate(steps[: self._place(hand_in)]) if cell.hand_in is None]
            finding = self.reader.inspect(
                [steps[i].source for i in before], hand_in.name, comparisons, noticed,
                unfinished=[n for n, i in enumerate(before) if i in unfinished],
                numerical=asked.is_numerical, allowed=asked.allowed,
            )  # fmt: skip
        except Exception as error:  # the numbers are a stranger's: whatever they do to the judge ends here
            return _no_verdict(hand_in, error)
        return verdict if finding is None else flag(verdict, finding)

    def _place(self, hand_in: HandIn) -> int:
        return next(i for i, cell in enumerate(self.clean.steps) if cell.hand_in is hand_in)


def _no_verdict(hand_in: HandIn, error: Exception) -> Verdict:
    why = f"The judge itself failed ({type(error).__name__}: {error}); your instructor will look."
    return Verdict(hand_in.exercise, 0, hand_in.points, False, None, why, {}, flagged="judge failed")


def seed_for(secret: bytes, exercise_id: str, digest: bytes) -> int:
    """The seed of the probes: the same for the same submission, and nobody without the secret can tell it."""
    made = hmac.new(secret, exercise_id.encode() + b"\0" + digest, hashlib.sha256).digest()
    return int.from_bytes(made[:16], "big")


def _grade(hand_in: HandIn, session: Session, clean: Sanitised) -> ExerciseGrade:
    restored = any(c.restored and c.role == "answer" and hand_in.name in c.defines for c in clean.cells)
    verdict = session.judged.get(hand_in.exercise)
    if verdict is None:
        reason = session.failed.get(hand_in.exercise, "it was not handed in")
        return ExerciseGrade(hand_in.exercise, hand_in.grade_id, 0.0, hand_in.points, None, reason, restored)
    points = min(verdict.points / verdict.max_points, 1.0) * hand_in.points  # the cell says what the exercise is worth
    return ExerciseGrade(hand_in.exercise, hand_in.grade_id, points, hand_in.points, verdict, "", restored)


__all__ = ["ExerciseGrade", "JailError", "SubmissionGrade", "grade", "seed_for"]
