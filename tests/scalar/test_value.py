"""Value's arithmetic and its derivatives against torch and finite differences; Value as a Python object."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edf_course.scalar import Value

UNARY = {
    "exp": (Value.exp, torch.exp),
    "log": (Value.log, torch.log),
    "tanh": (Value.tanh, torch.tanh),
    "sigmoid": (Value.sigmoid, torch.sigmoid),
    "relu": (Value.relu, torch.relu),
    "negation": (lambda v: -v, lambda t: -t),
    "cube": (lambda v: v**3, lambda t: t**3),
    "root": (lambda v: v**0.5, lambda t: t**0.5),
    "inverse": (lambda v: v**-1, lambda t: t**-1),
    "power of 2": (lambda v: 2**v, lambda t: 2**t),
    "from 2": (lambda v: 2 - v, lambda t: 2 - t),
    "2 over": (lambda v: 2 / v, lambda t: 2 / t),
    "over 4": (lambda v: v / 4, lambda t: t / 4),
    "to itself": (lambda v: v**v, lambda t: t**t),
    "with itself": (lambda v: v * v + v - v / v, lambda t: t * t + t - t / t),
}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}


def tensor(x):
    return torch.tensor(float(x), dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=20)
@given(x=st.floats(0.1, 3.0))
def test_functions_of_one_value_agree_with_torch(name, x):
    ours, theirs = UNARY[name]
    v, t = Value(x), tensor(x)
    y, z = ours(v), theirs(t)
    (y * y).backward()  # an upstream gradient that is not 1
    (z * z).backward()
    assert y.data == pytest.approx(z.item(), rel=1e-12)
    assert v.grad == pytest.approx(t.grad.item(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "relu", "negation", "cube", "inverse", "power of 2"])
@settings(max_examples=20)
@given(x=st.floats(-3.0, -0.1))
def test_functions_of_a_negative_value_agree_with_torch(name, x):
    ours, theirs = UNARY[name]
    v, t = Value(x), tensor(x)
    ours(v).backward()
    theirs(t).backward()
    assert v.grad == pytest.approx(t.grad.item(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=20)
@given(a=st.floats(0.2, 3.0), b=st.floats(-3.0, -0.2))
def test_functions_of_two_values_agree_with_torch(name, a, b):
    va, vb, ta, tb = Value(a), Value(b), tensor(a), tensor(b)
    (BINARY[name](va, vb) * va).backward()
    (BINARY[name](ta, tb) * ta).backward()
    assert va.grad == pytest.approx(ta.grad.item(), rel=1e-12, abs=1e-12)
    assert vb.grad == pytest.approx(tb.grad.item(), rel=1e-12, abs=1e-12)


def test_a_longer_expression_agrees_with_finite_differences():
    def f(a, b, c):
        d = (a * b + c).tanh() if isinstance(a, Value) else math.tanh(a * b + c)
        return d * d / (a + 2 * b) ** 2 + c * d - 1 / b

    values = [Value(x) for x in (0.7, -0.4, 1.3)]
    f(*values).backward()
    for i, v in enumerate(values):
        up, down = ([w.data + (h if j == i else 0) for j, w in enumerate(values)] for h in (1e-5, -1e-5))
        assert v.grad == pytest.approx((f(*up) - f(*down)) / 2e-5, rel=1e-7)


@pytest.mark.parametrize("x", [0.0, -2.5, 1000.0, -1000.0])
def test_sigmoid_and_tanh_do_not_overflow(x):
    for ours, theirs in (UNARY["sigmoid"], UNARY["tanh"], UNARY["relu"]):
        v, t = Value(x), tensor(x)
        y = ours(v)
        y.backward()
        z = theirs(t)
        z.backward()
        assert y.data == pytest.approx(z.item(), rel=1e-12)
        assert v.grad == pytest.approx(t.grad.item(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("x", "n"), [(0.0, 1), (0.0, 2), (0.0, 0), (0.0, 0.5), (-2.0, 3), (-2.0, -1), (1e-160, -1)])
def test_slopes_of_powers_at_the_edges_are_those_of_torch(x, n):
    v, t = Value(x), tensor(x)
    (v**n).backward()
    (t**n).backward()
    assert v.grad == pytest.approx(t.grad.item())


@pytest.mark.parametrize(("x", "y"), [(0.0, 2.0), (-2.0, 3.0), (1.0, 5.0)])
def test_slopes_to_the_exponent_at_the_edges_are_those_of_torch(x, y):
    b, t = Value(y), tensor(y)
    (Value(x) ** b).backward()
    (torch.tensor(x, dtype=torch.float64) ** t).backward()
    assert b.grad == pytest.approx(t.grad.item(), nan_ok=True)


@pytest.mark.parametrize("number", [np.float64(2.0), np.float32(2.0), np.int64(2), np.array(2.0), torch.tensor(2.0)])
def test_numbers_of_numpy_and_torch_become_pythons_own(number):
    assert type(Value(number).data) in (int, float)
    assert Value(number).data == 2


@pytest.mark.parametrize("number", [np.float64(2.0), np.float32(2.0), np.int64(2), 2, True])
@pytest.mark.parametrize("name", BINARY)
def test_a_number_on_either_side_gives_a_value_with_a_gradient(number, name):
    x = Value(3.0)
    left, right = BINARY[name](number, x), BINARY[name](x, number)
    assert (left.data, right.data) == (BINARY[name](float(number), 3.0), BINARY[name](3.0, float(number)))
    (left + right).backward()
    t = tensor(3.0)
    (BINARY[name](float(number), t) + BINARY[name](t, float(number))).backward()
    assert x.grad == pytest.approx(t.grad.item())


def test_arrays_work_entry_by_entry():
    x = Value(2.0)
    row = np.array([1.0, 2.0, 3.0])
    for result in (row * x, x * row, x - row, row / x, x**row):
        assert result.shape == (3,)
        assert all(isinstance(v, Value) for v in result)
    assert (x * row)[2].data == 6.0


def test_comparisons_compare_data():
    a, b = Value(1.0), Value(2.0)
    assert (a < b, a <= b, a > b, a >= b) == (True, True, False, False)
    assert (a < 2, a > 0, a >= 1.0, a >= 3) == (True, True, True, False)
    assert [x < a for x in (0, 1)] == [True, False]
    assert [v.data for v in sorted([Value(3), Value(1), Value(2)])] == [1, 2, 3]
    assert a == 1.0
    assert a != 2
    assert max(a, b) is b


def test_two_values_are_equal_only_if_they_are_one_node():
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert len({a, b}) == 2
    assert b not in [a]


def test_float_and_math_read_the_number():
    assert float(Value(2)) == 2.0
    assert math.exp(Value(0)) == 1.0
    assert f"{float(Value(0.5)):.2f}" == "0.50"


def test_reprs_are_micrograds():
    x = Value(2)
    y = x * 3.0 - 1
    assert repr(y) == "Value(data=5.0, grad=0)"
    y.backward()
    assert (repr(x), repr(y)) == ("Value(data=2, grad=3.0)", "Value(data=5.0, grad=1)")


def test_any_attribute_may_be_set():
    x = Value(1.0)
    x.label = "x"
    assert x.label == "x"


def test_values_can_be_copied_and_pickled():
    y = Value(2.0) * Value(3.0)
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        twin.backward()
        assert [p.grad for p in twin._prev] == [3.0, 2.0]


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: Value("3"), TypeError, "one real number, not str 3"),
        (lambda: Value(None), TypeError, "not NoneType"),
        (lambda: Value([1.0, 2.0]), TypeError, "one Value for each number"),
        (lambda: Value(np.zeros(3)), TypeError, "ndarray"),
        (lambda: Value(1j), TypeError, "one real number"),
        (lambda: Value(Value(1.0)), TypeError, "is a Value already"),
        (lambda: Value(1.0) + "1", TypeError, "unsupported operand"),
        (lambda: Value(1.0) < "1", TypeError, "not supported"),
        (lambda: Value(1.0) / 0, ZeroDivisionError, "divided by 0"),
        (lambda: 1 / Value(0.0), ZeroDivisionError, "divided by 0"),
        (lambda: Value(0.0) ** -2, ZeroDivisionError, r"0\.0 \*\* -2"),
        (lambda: Value(-8.0) ** (1 / 3), ValueError, "no real power"),
        (lambda: Value(-8.0) ** Value(0.5), ValueError, "no real power"),
        (lambda: Value(1e200) ** 2, OverflowError, "larger than a float"),
        (lambda: Value(1000).exp(), OverflowError, r"exp\(1000\)"),
        (lambda: Value(0.0).log(), ValueError, "only positive numbers"),
    ],
)
def test_wrong_use_says_what_is_wrong(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()
