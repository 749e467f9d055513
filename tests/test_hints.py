"""What a wrong gradient looks like: each mistake is named where it gives all of the numbers, and only there."""

from string import Formatter

import numpy as np
import pytest

from edf_course.exercises.marking import Case, Comparison, Context
from edf_course.exercises.probes import Probe
from edf_course.hints import SENTENCES, diagnose, odd_shape, say
from edf_course.misconceptions import GENERIC, Misconception

SHAPES = ((3, 4), (5, 2), (4, 4))


def cube_context(shape=(3, 4), seed=0, upstream=None):
    """y = x³ + the row's sum: entries act on each other, and the slope depends on where it is taken."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, shape)
    g = rng.normal(size=shape) if upstream is None else upstream

    def vjp_at(x):
        return lambda u: {"x": 3 * x**2 * u + u.sum(axis=1, keepdims=True)}

    y = x**3 + x.sum(axis=1, keepdims=True)
    return Context({"x": x}, y, g, vjp_at(x), vjp_at_output=vjp_at(y))


def weights_context(shape=(3, 4), seed=0):
    """The parameter w of y = x w, x (B, n), w (n, n)."""
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=shape), rng.normal(size=shape)
    operands = {"w": rng.normal(size=(shape[1], shape[1])), "x": x}
    return Context(operands, x @ operands["w"], g, lambda u: {"w": x.T @ u / len(u)}, frozenset({"w"}))


def comparisons(wrong, contexts, operand="x", gentle=True):
    """One comparison for each context, with what `wrong(right, context)` makes of the right gradient."""
    name = f"grad.{operand}"
    made = []
    for c in contexts:
        right = c.vjp(c.g)[operand]
        case = Case("gradient", Probe(({},)), ({name: right},), contexts=(c,), gentle=gentle)
        made.append(Comparison(case, name, 0, np.asarray(wrong(right, c)), right, None))
    return made


def named(wrong, make=cube_context, operand="x", shapes=SHAPES):
    found = diagnose(comparisons(wrong, [make(s, i) for i, s in enumerate(shapes)], operand))
    return found.misconception if found else None


@pytest.mark.parametrize(
    ("misconception", "wrong"),
    [
        ("sign", lambda r, c: -r),
        ("no-upstream", lambda r, c: c.vjp(np.ones_like(c.g))["x"]),
        ("batch-mean-twice", lambda r, c: r / c.B),
        ("batch-sum", lambda r, c: np.broadcast_to(r.sum(axis=0), r.shape)),
        ("wrong-point", lambda r, c: c.vjp_at_output(c.g)["x"]),
        ("first-example", lambda r, c: np.where(np.arange(c.B)[:, None] == 0, r, 0)),
        ("softmax-elementwise", lambda r, c: c.g * (3 * c.x**2 + 1)),
        ("factor-extra", lambda r, c: 3 * r),
        ("factor-missing", lambda r, c: r / 4),
        ("tiny-factor", lambda r, c: 1.001 * r),
        ("hard-coded-shape", lambda r, c: r * c.B / 3),
        ("zero", lambda r, c: np.zeros_like(r)),
        ("dtype", lambda r, c: r.astype(np.float16)),
        ("int-truncation", lambda r, c: np.trunc(r)),
        ("narrow-domain", lambda r, c: np.where(c.x > 0, r, -3 * r)),
        (None, lambda r, c: r + 0.1),
        (None, lambda r, c: np.random.default_rng(0).normal(size=r.shape)),
        (None, lambda r, c: np.full_like(r, np.nan)),
        (None, lambda r, c: r[:, :1]),
    ],
)  # fmt: skip
def test_a_wrong_gradient_of_an_input_is_named(misconception, wrong):
    assert named(wrong) == misconception


@pytest.mark.parametrize(
    ("misconception", "wrong"),
    [
        ("sign", lambda r, c: -r),
        ("no-upstream", lambda r, c: c.vjp(np.ones_like(c.g))["w"]),
        ("batch-mean-missing", lambda r, c: r * c.B),
        ("batch-mean-twice", lambda r, c: r / c.B),
        ("first-example", lambda r, c: np.outer(c.x[0], c.g[0])),
        ("first-example", lambda r, c: np.outer(c.x[0], c.g[0]) / c.B),
        ("transposed", lambda r, c: r.T),
        (None, lambda r, c: -r.T * c.B),
    ],
)
def test_a_wrong_gradient_of_a_parameter_is_named(misconception, wrong):
    assert named(wrong, weights_context, "w") == misconception


@pytest.mark.parametrize(
    ("misconception", "besides", "wrong"),
    [
        ("batch-mean-missing", "its sign is turned around", lambda r, c: -r * c.B),
        ("no-upstream", "its sign is turned around", lambda r, c: -c.vjp(np.ones_like(c.g))["w"]),
        ("no-upstream", "the mean over the batch is missing", lambda r, c: c.B * c.vjp(np.ones_like(c.g))["w"]),
        ("no-upstream", "it is divided by B once too often", lambda r, c: c.vjp(np.ones_like(c.g))["w"] / c.B),
    ],
)
def test_two_mistakes_at_once_are_both_said(misconception, besides, wrong):
    found = diagnose(comparisons(wrong, [weights_context(s, i) for i, s in enumerate(SHAPES)], "w"))
    assert found.misconception == misconception
    assert found.sentence.endswith(f"Besides, {besides}.")


def test_an_explanation_that_is_near_to_what_is_right_must_be_nearer_to_what_came():
    almost = Misconception("almost", "Almost.", lambda c: {"x": 1.00002 * c.vjp(c.g)["x"]})
    contexts = [cube_context()]
    assert diagnose(comparisons(lambda r, c: 1.00002 * r, contexts), [almost]).misconception == "almost"
    assert diagnose(comparisons(lambda r, c: 1.00003 * r, contexts), [almost]).misconception == "tiny-factor"


def test_a_factor_is_no_explanation_of_a_number_or_two():
    right = np.array([5.0])
    case = Case("value", Probe(({},)), ({"value": right},))
    assert diagnose([Comparison(case, "value", 0, np.array([2.5]), right, None)]) is None


def test_what_is_slightly_off_is_not_put_down_to_where_it_shows():
    contexts = [cube_context(s, i) for i, s in enumerate(SHAPES)]
    slight = comparisons(lambda r, c: r * (1 + 1e-4 * (c.x > 0)), contexts)
    assert not all(c.fits for c in slight)
    assert diagnose(slight) is None


def test_nothing_is_named_where_all_is_right():
    assert named(lambda r, c: r) is None


def test_a_mistake_must_give_the_numbers_of_every_probe():
    contexts = [cube_context(s, i) for i, s in enumerate(SHAPES)]
    mixed = comparisons(lambda r, c: -r if c.B != 5 else r, contexts)
    assert diagnose(mixed) is None


def test_a_mistake_that_is_right_for_ones_only_is_named():
    contexts = [cube_context(), cube_context(upstream=np.ones((3, 4)))]
    assert diagnose(comparisons(lambda r, c: r + 0.5 * (c.g - 1), contexts)).misconception == "ignores-cotangent"


def test_one_gradient_that_is_missing_among_others_is_named_with_its_operand():
    of_w = comparisons(lambda r, c: np.zeros_like(r), [weights_context()], "w")
    of_x = comparisons(lambda r, c: r, [cube_context()])
    found = diagnose([*of_w, *of_x])
    assert found.misconception == "missing-param-grad"
    assert "parameter w is zero" in found.sentence


def test_an_exercises_own_misconceptions_come_before_generic_ones():
    own = Misconception("my-own", "That is {operand}'s.", lambda c: -c.vjp(c.g)["x"])
    found = diagnose(comparisons(lambda r, c: -r, [cube_context()]), [own])
    assert (found.misconception, found.sentence) == ("my-own", "That is x's.")


def test_mistakes_are_not_looked_for_in_extreme_numbers():
    assert diagnose(comparisons(lambda r, c: -r, [cube_context()], gentle=False)) is None


def test_factors_are_said_as_numbers():
    found = diagnose(comparisons(lambda r, c: r / 8, [cube_context()]))
    assert found.sentence == "Your gradient is the right one times 0.125: a factor of 8 is missing."


@pytest.mark.parametrize(
    ("got", "right", "misconception"),
    [
        ((4, 3), (3, 4), "transposed"),
        ((5, 3, 4), (3, 4), "broadcast"),
        ((5, 3), (3,), "broadcast"),
        ((4,), (3,), None),
        ((3, 5), (3, 4), None),
        ((), (3,), None),
    ],
)
def test_a_gradient_of_the_wrong_shape_is_named_where_the_shape_tells(got, right, misconception):
    found = odd_shape("w", np.zeros(got), np.ones(right))
    assert (found.misconception if found else None) == misconception
    assert found is None or (str(got) in found.sentence and str(right) in found.sentence)


def test_every_sentence_can_be_said_and_ends_as_one():
    values = {"operand": "x", "got": (1,), "right": (2,), "factor": 2.0, "inverse": 0.5, "side": "x > 0"}
    values |= {"dtype": "f", "what": "gradient"}
    for misconception, sentence in SENTENCES.items():
        assert {name for _, name, _, _ in Formatter().parse(sentence) if name} <= set(values)
        assert say(misconception, **values).sentence.endswith((".", "?"))
    assert all(m.sentence.endswith(".") for m in GENERIC)
