"""How the numbers were got: what is found in code, and what is not held against honest code."""

import numpy as np
import pytest
import torch

from autograder.judge import judge
from autograder.provenance.provenance import _functions
from autograder.provenance.steps import find_imaginary_step, find_step
from edf_course import edf
from edf_course.edf import CompNode, Parameter, current_graph
from tests.autograder.making import sig, unary

# Names as a student's notebook may have them; honest code has attributes that are called the same.
y = torch.ones(3)
slope = edf.Sigmoid
H = 1e-6
EPS = 1e-12


def kept(nodes):
    """A student's other experiment, which uses the library."""
    return edf.Backward(edf.LogLoss(*nodes))


class SameNames(CompNode):
    """Attributes called like a tensor, a library class and a function that uses the library."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.y = self.kept = self.value = sig(self.x.value)

    def backward(self):
        self.slope = self.y * (1 - self.kept)
        self.x.addgrad(self.grad * self.slope)


class JoinsByHand(CompNode):
    """Uses the library's graph, but none of its derivatives."""

    def __init__(self, x):
        current_graph().CompNodes.append(self)
        self.x = edf.as_operand(x)

    def forward(self):
        self.value = sig(self.x.value)

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))


class MeanWithHelp(Parameter):
    def addgrad(self, delta):
        super().addgrad_mean(np.mean(delta, axis=0))


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [("edf.sigmoid", SameNames), ("edf.sigmoid", JoinsByHand), ("edf.addgrad", MeanWithHelp)],
)
def test_honest_work_is_not_flagged_for_a_name(exercise, answer):
    verdict = judge(exercise, answer)
    assert verdict.passed, verdict.sentence
    assert verdict.flagged is None


def central(f, x):
    h = 1e-5
    return (f(x + h) - f(x - h)) / (2 * h)


def with_default(f, x, h=1e-4):
    return (f(x + h) - f(x)) / h


def with_global(f, x):
    return np.divide(f(x + H) - f(x), H)


def times_a_lot(f, x):
    return (f(x + 1e-5) - f(x - 1e-5)) * 5e4


def of_machine_size(f, x):
    h = np.sqrt(np.finfo(float).eps)
    d = f(x + h) - f(x)
    d /= h
    return d


def with_power(f, x):
    return (f(x + 10.0**-6) - f(x)) / 10.0**-6


def with_attribute(self, f, x):
    return (f(x + self.h) - f(x)) / self.h


def of_a_row(f, x):
    return [(f(x + e) - f(x)) / 1e-3 for e in 1e-3 * np.eye(len(x))]


@pytest.mark.parametrize(
    "function",
    [central, with_default, with_global, times_a_lot, of_machine_size, with_power, with_attribute, of_a_row],
)
def test_a_small_divisor_is_found_however_it_is_written(function):
    assert find_step([function], {"h": 1e-5})


def safe_log(q):
    return -np.log(q + 1e-12), -1 / (q + EPS)


def root_of_mean_square(x):
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


def half(x):
    return x / 2 * 0.5 / len(x)


def clipped(q, low=1e-12):
    return 1 / np.clip(q, low, 1.0)


def learning(p, g, rate=1e-3):
    return p - rate * g


@pytest.mark.parametrize("function", [safe_log, root_of_mean_square, half, clipped, learning])
def test_small_numbers_that_are_added_or_bound_are_no_steps(function):
    assert find_step([function], {}) is None


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5", "2e-05"),
        ("h = 1e-6; return (f(x + h) - f(x - h)) / (2 * h)", "2e-06"),
        ("x, h = x * 1.0, 1e-6; r = f(x + h) - f(x - h); r /= 2 * h; return r", "2e-06"),
        ("return f(x) / (f(x + 1e-12) + 1e-12)", None),
        ("h = 1e-6; h = f(x); return f(x + h) / h", None),
    ],
)
def test_code_without_source_tells_its_step_by_its_instructions(line, step):
    namespace = {}
    exec(f"def central(f, x):\n    {line}", namespace)
    assert find_step([namespace["central"]], {}) == step


def test_an_imaginary_step_is_found_where_an_imaginary_part_is_taken():
    def slope_of(f, x):
        return f(x + 1e-20j).imag / 1e-20

    def spectrum(x):
        return np.abs(np.fft.fft(x) * 1j)

    assert find_imaginary_step([slope_of])
    assert find_imaginary_step([spectrum]) is None


def test_the_functions_behind_an_answer_are_its_own_and_its_helpers():
    names = {f.__name__ for f in _functions(unary(sig, lambda x, y, g: central(sig, x)))}
    assert {"__init__", "forward", "backward", "sig", "central", "<lambda>"} <= names
    assert "addgrad" not in names  # the library's own
