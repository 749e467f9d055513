"""How a student's object answers a probe: it is put to use, and the arrays that come of it are written down.

`answer(kind, thing, probe)` never raises: what goes wrong in the student's code becomes a `Failure`, together with the
arrays there were until then. What the object prints or warns goes nowhere.
"""

from __future__ import annotations

import contextlib
import io
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edf_course.edf import Graph
from edf_course.edf.errors import describe
from edf_course.exercises import answer_core, answer_function, answer_node, answer_optim, answer_scalar
from edf_course.exercises.probes import Answer, Failure, Probe
from edf_course.exercises.recording import Record, TimeUp, time_limit

LONGEST_MESSAGE = 500  # characters of an error's text

_PROCEDURES: dict[str, Callable[[Any, Probe, Record], None]] = {
    "node": answer_node.run,
    "parameter": answer_core.run_parameter,
    "backward_pass": answer_core.run_backward_pass,
    "sgd": answer_core.run_sgd,
    "mlp": answer_core.run_mlp,
    "gradient": answer_function.run_gradient,
    "jacobian": answer_function.run_jacobian,
    "value": answer_scalar.run_value,
    "topological_order": answer_scalar.run_topological_order,
    **answer_optim.PROCEDURES,
}


def answer(kind: str, thing: Any, probe: Probe, seconds: float | None = 10.0) -> Answer:
    """Put `thing` to use as the probe says, and return what came of it.

    `seconds` limits the time (on systems with SIGALRM, in the main thread; else there is no limit).
    """
    if not callable(thing):
        return Answer(failure=Failure("unusable", f"a class or function is asked for, but this is {describe(thing)}"))
    record = Record()
    failure = None
    try:
        with quiet(), Graph(), time_limit(seconds):
            _PROCEDURES[kind](thing, probe, record)
    except NotImplementedError as error:
        failure = Failure("unwritten", f"not written yet{_where(error)}")
    except TimeUp:
        failure = Failure("time", f"it did not finish within {seconds:g} seconds: is there an endless loop?")
    except KeyboardInterrupt:  # somebody pressed stop
        raise
    except BaseException as error:  # sys.exit() ends the student's answer, not the notebook
        failure = Failure("raised", f"{type(error).__name__}: {_message(error)}{_where(error)}")
    return Answer(record.plain_passes(), failure, frozenset(record.noticed))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep prints, warnings and floating-point complaints of the student's code to ourselves."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        return "an error whose own text cannot be had"
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + " …"


def _where(error: BaseException) -> str:
    """Name the innermost place outside this library, as " (in backward, line 7: self.x.addgrad(…))", or ""."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if "edf_course" not in f.filename.replace("\\", "/").split("/")]
    if not theirs:
        return ""
    last = theirs[-1]
    line = f": {last.line.strip()}" if last.line else ""
    return f" (in {last.name}, line {last.lineno}{line})"
