"""Backpropagation, learned by building it: the library, the exercises and the figures of the course.

    from edf_course import edf, check, hand_in, progress, yours_or_library

`edf` is the Educational Framework, `calculus` derivatives by nudging, `data` the digits, `exercises` what the lectures
ask, `check` whether an answer is right, `explore` figures that answer to the hand.
"""

from edf_course.check import CheckFailed, CheckResult, check, yours_or_library
from edf_course.handin import hand_in
from edf_course.progress import progress

__all__ = ["CheckFailed", "CheckResult", "check", "hand_in", "progress", "yours_or_library"]
