"""`edf-course grade --lecture 90_mini ARGUMENTS` in the folder where it is started, which can be killed at a moment.

    python -c "import sys; from tests.autograder.grade_mini import main; main(*sys.argv[1:])" MOMENT ARGUMENTS

MOMENT is "never", or one of MOMENTS and a count, "before the notebook:3": then the process kills itself there.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from autograder.classroom import classroom, gradebook, pool
from autograder.grading import grade
from edf_course.exercises import LECTURES

MOMENTS: dict[str, tuple[Any, str, bool]] = {  # whose function, which, and whether it is over by then
    "gathering": (classroom, "write_whole", True),
    "before the first verdict": (pool.Graders, "run", False),
    "before the gradebook": (gradebook.Writer, "write", False),
    "in the gradebook": (gradebook.Writer, "_set_scores", True),
    "before the notebook": (gradebook.Writer, "write", True),
    "before the journal": (classroom, "write_whole", True),
    "in the journal": (os, "fsync", True),
    "after the journal": (classroom.Journal, "note", True),
}


def kill_at(moment: str) -> None:
    """Let this process kill itself at a moment."""
    what, _, count = moment.rpartition(":")
    owner, name, over = MOMENTS[what]
    function, left = getattr(owner, name), [int(count)]

    def counting(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0]:
            return function(*args, **kwargs)
        if over:
            function(*args, **kwargs)
        return os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, counting)


def main(moment: str, *arguments: str) -> None:
    """Run the command."""
    LECTURES["90_mini"] = ("edf.sigmoid", "edf.gate")
    if moment != "never":
        kill_at(moment)
    grade(["--lecture", "90_mini", *arguments])
