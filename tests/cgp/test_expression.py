"""Expressions are read as mathematics reads them, differentiated exactly, and errors point at the place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edf_course.calculus import complex_step_gradient
from edf_course.cgp.expression import Exp, ExpressionError, Formula, parse

NAMES = ["xa", "x1", "as", "lambda", "e", "α"]
VALUES = {"xa": 0.7, "x1": -1.3, "as": 2.5, "lambda": 0.4, "e": 1.9, "α": -0.8}

atoms = st.sampled_from([*NAMES, "2", "0.5", ".25", "3e-1", "007"])
formulas = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", " - ", "/"]), inner).map("".join),
        inner.map(lambda f: f"({f})"),
        inner.map(lambda f: f"-({f})^2"),
        inner.map(lambda f: f"({f})**3"),
    ),
    max_leaves=8,
)


@given(formulas)
def test_values_are_those_of_python(formula):
    python, order = formula.replace("3e-1", "0.3").replace("007", "7"), sorted(NAMES, key=len, reverse=True)
    for i, name in enumerate(order):
        python = python.replace(name, f"⟨{i}⟩")
    python = python.replace("^", "**").replace("⟨", "v[").replace("⟩", "]")
    values = [VALUES[name] for name in order]
    try:
        expected = eval(python, {"v": values})
    except ZeroDivisionError:
        return
    with np.errstate(all="ignore"):
        assert Formula(formula).partials(VALUES)[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(formulas)
def test_partials_are_those_of_complex_steps(formula):
    formula = Formula(formula)

    def at(numbers):
        return formula.partials(dict(zip(formula.names, numbers, strict=True)))[0]

    with np.errstate(all="ignore"):
        _, partials = formula.partials(VALUES)
        expected = complex_step_gradient(lambda x: at(x + 0j), [VALUES[n] for n in formula.names])
    if not np.isfinite(expected).all():
        return
    found = [partials.get(name, 0.0) for name in formula.names]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(1.0, np.abs(expected).max(initial=0)))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("-xa^2", -0.25),  # pasting gives -(-0.5**2) = +0.25
        ("xa^2", 0.25),  # pasting gives -0.25
        ("2*xa - 3*xa", 0.5),  # a minus is a minus
        ("xa^-1", -2.0),
        ("2^3^2", 512.0),
        ("8/4/2", 1.0),
        ("1-2-3", -4.0),
        ("--xa", -0.5),
    ],
)
def test_signs_and_powers(body, value):
    assert Formula(body).partials({"xa": -0.5})[0] == value


@pytest.mark.parametrize("x", [0.0, -2.0, 3.0])
def test_powers_at_zero_and_below(x):
    assert Formula("xa^2").partials({"xa": x})[1]["xa"] == 2 * x
    assert Formula("xa^0").partials({"xa": x})[1]["xa"] == 0
    assert Formula("xa^1").partials({"xa": x})[1]["xa"] == 1


def test_an_exponent_can_be_a_parameter():
    value, partials = Formula("xa^p").partials({"xa": 2.0, "p": 3.0})
    assert (value, partials["xa"], partials["p"]) == (8, 12, pytest.approx(8 * np.log(2)))
    assert Formula("xa^p").partials({"xa": 0.0, "p": 2.0})[1]["p"] == 0


def test_a_batch_is_evaluated_at_once():
    x = np.array([-1.0, 0.0, 2.0])
    value, partials = Formula("a*xa^3").partials({"xa": x, "a": 2})
    np.testing.assert_array_equal(value, 2 * x**3)
    np.testing.assert_array_equal(partials["a"], x**3)


def test_an_equation_has_a_node_variables_and_parameters():
    exp = parse(" xw = as*xa + bc*x1 + as")
    assert (exp.dependent_var, exp.right_vars, exp.right_params) == ("xw", ["xa", "x1"], ["as", "bc"])
    assert repr(Exp("xw=xa", "xa", "xw", ["xa"], [])) == "Exp('xw=xa')"


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("xw=ab*", "missing here", 6),
        ("xw=ab*/xa", "missing here", 6),
        ("xw=2xa", "operator", 4),
        ("xw=ab xa", "operator", 6),
        ("xw=exp(xa)", "operator", 6),
        ("xw=(xa+ab", "never closed", 3),
        ("xw=xa)", "closes nothing", 5),
        ("xw=ab$xa", "no meaning", 5),
        ("xw=xa=ab", "no meaning", 5),
        ("xw=", "missing here", 3),
        ("xw=()", "missing here", 4),
        ("xw", "'=' is missing", 2),
        ("yw=xa", "begin with x", 0),
        ("  ab*xa=xw", "begin with x", 2),
        ("xw=1e999", "too large", 3),
    ],
)
def test_an_error_points_at_the_place(text, what, place):
    with pytest.raises(ExpressionError, match=what) as caught:
        parse(text)
    assert caught.value.position == place
    _, shown, caret = str(caught.value).split("\n")
    assert shown[4:] == text
    assert caret == " " * (4 + place) + "^"


@pytest.mark.parametrize("body", ["(" * 300 + "xa" + ")" * 300, "-" * 3000 + "xa", "*".join(["xa"] * 300)])
def test_a_formula_nested_too_deeply_is_refused_in_few_words(body):
    with pytest.raises(ExpressionError, match="too deeply") as caught:
        parse(f"xw={body}")
    assert len(str(caught.value)) < 300


def test_a_long_sum_is_not_nested():
    exp = parse("xw=" + "+".join(f"w{i}*x{i}" for i in range(1500)))
    assert exp.evaluate(dict.fromkeys([*exp.right_vars, *exp.right_params], 2.0)) == 6000


def test_a_missing_value_is_named():
    with pytest.raises(ValueError, match="no number for ab, xb"):
        parse("xw=ab*xa+xb").evaluate({"xa": 1.0})
