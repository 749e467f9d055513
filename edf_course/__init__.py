"""Backpropagation, learned by building it: the library, the exercises and the figures of the course.

    from edf_course import edf, check, hand_in, progress, yours_or_library

Three engines: `edf` is the Educational Framework, `scalar` differentiates single numbers, `cgp` graphs of expressions.
`calculus` and `least_squares` check them by nudging, `optim` takes their steps, `data` brings digits, `draw` and
`explore` show what happens. `exercises` is what the lectures ask, `check` whether an answer is right.
"""

from edf_course.check import CheckFailed, CheckResult, check, yours_or_library
from edf_course.handin import hand_in
from edf_course.progress import progress

__all__ = ["CheckFailed", "CheckResult", "check", "hand_in", "progress", "yours_or_library"]
