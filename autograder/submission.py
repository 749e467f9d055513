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

import nbformat

from autograder.exercises import exercise
from autograder.grades import ExerciseGrade, SubmissionGrade
from autograder.jail import Jail, JailError
from autograder.judge import ask, decide, draw_cases, flag
from autograder.lecture import HandIn, Lecture
from autograder.sanitise import Sanitised, Unreadable, as_notebook, defined_names, sanitise
from autograder.secret import secret_beside
from autograder.session import Respond, Session, run
from autograder.smallest import with_cell
from autograder.sources import SourceReader
from autograder.verdict import Verdict


def grade(content: bytes, lecture: Lecture, secret: bytes, jail: Jail) -> SubmissionGrade:
    """Grade a submission. Whatever it is or does, it ends with a grade or a stated reason.

    Raises: JailError where the jail itself is gone; then nothing is known about the submission.
    """
    start = time.monotonic()
    where = "bubblewrap" if jail.jailed else "none"
    try:
        clean = sanitise(content, lecture)
    except Unreadable as error:
        return SubmissionGrade((), str(error), jail=where, seconds=time.monotonic() - start)
    bench = _Bench(clean, secret, hashlib.sha256(content).digest())
    try:
        session = run(jail, clean.steps, bench.judge)
    except JailError:
        raise
    except Exception as error:  # a fault of ours: this one is looked at by a human, the next one is graded
        why = f"the grader itself failed: {type(error).__name__}: {error}"
        return SubmissionGrade((), why, tuple(clean.mended), jail=where, seconds=time.monotonic() - start, again=True)
    grades = tuple(_grade(h, session, clean) for h in lecture.hand_ins)
    notebook = nbformat.writes(as_notebook(clean.steps, session.outputs))
    return SubmissionGrade(
        grades, "", tuple(clean.mended), tuple(session.notes), where, time.monotonic() - start, notebook
    )


class _Bench:
    """The judge of one submission."""

    def __init__(self, clean: Sanitised, secret: bytes, digest: bytes) -> None:
        self.clean, self.secret, self.digest = clean, secret, digest
        self.reader = SourceReader()

    def judge(self, hand_in: HandIn, respond: Respond) -> Verdict:
        """Ask what was handed in, and decide. An error of the judge's own is no verdict on the student."""
        asked = exercise(hand_in.exercise)
        cases = draw_cases(asked, seed_for(self.secret, hand_in.exercise, self.digest))
        answers = ask(respond, cases)
        try:
            verdict, comparisons, noticed = decide(asked, cases, answers)
            verdict = with_cell(asked, verdict, cases, answers, respond, hand_in.name)
            if verdict.points == 0:
                return verdict
            before = self.clean.steps[: self._place(hand_in)]
            finding = self.reader.inspect(
                [s.source for s in before if s.hand_in is None], hand_in.name, comparisons, noticed,
                numerical=asked.is_numerical, allowed=asked.allowed,
            )  # fmt: skip
        except Exception as error:  # the numbers are a stranger's: whatever they do to the judge ends here
            why = f"The judge itself failed ({type(error).__name__}: {error}); your instructor will look."
            return Verdict(hand_in.exercise, 0, hand_in.points, False, None, why, {}, flagged="judge failed")
        return verdict if finding is None else flag(verdict, finding)

    def _place(self, hand_in: HandIn) -> int:
        return next(i for i, s in enumerate(self.clean.steps) if s.hand_in is hand_in)


def seed_for(secret: bytes, exercise_id: str, digest: bytes) -> int:
    """The seed of the probes: the same for the same submission, and nobody without the secret can tell it."""
    made = hmac.new(secret, exercise_id.encode() + b"\0" + digest, hashlib.sha256).digest()
    return int.from_bytes(made[:16], "big")


def _grade(hand_in: HandIn, session: Session, clean: Sanitised) -> ExerciseGrade:
    restored = any(s.grade_id in clean.restored and hand_in.name in defined_names(s.source) for s in clean.steps)
    verdict = session.judged.get(hand_in.exercise)
    if verdict is None:
        reason = session.failed.get(hand_in.exercise, "it was not handed in")
        return ExerciseGrade(hand_in.exercise, hand_in.grade_id, 0.0, hand_in.points, None, reason, restored)
    points = float(verdict.points)
    return ExerciseGrade(hand_in.exercise, hand_in.grade_id, points, hand_in.points, verdict, "", restored)


__all__ = ["ExerciseGrade", "JailError", "SubmissionGrade", "grade", "secret_beside", "seed_for"]
