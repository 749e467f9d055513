"""What the exercises say in public: who draws what, and whether the published numbers are right."""

import dataclasses

import numpy as np
import pytest

from autograder.exercises import exercise
from edf_course.exercises import LECTURES, UnknownExercise, statement, statements
from edf_course.exercises.statement import Example, Operand, Statement, as_arrays, draw

NODES = [s for s in statements() if s.kind == "node"]
nodes = pytest.mark.parametrize("stated", NODES, ids=[s.id for s in NODES])
SIZES = {"B": 7, "n": 5, "m": 3}


@nodes
def test_operands_are_drawn_in_the_shapes_that_are_stated(stated):
    arrays = draw(stated, SIZES, np.random.default_rng(0))
    assert set(arrays) == {o.name for o in stated.operands} | {"upstream"}
    for o in stated.operands:
        assert arrays[o.name].shape == tuple(SIZES[a] for a in o.axes.split())
    assert arrays["upstream"].shape == tuple(SIZES[a] for a in stated.output_axes.split())


@nodes
def test_operands_are_drawn_as_their_roles_ask(stated):
    for seed in range(20):
        arrays = draw(stated, SIZES, np.random.default_rng(seed))
        for o in stated.operands:
            array = arrays[o.name]
            if o.role == "label":
                assert array.dtype.kind == "i"
                assert ((array >= 0) & (array < SIZES["n"])).all()
            elif o.role == "probability":
                assert (array > 0).all()
                np.testing.assert_allclose(array.sum(axis=-1), 1.0)
            else:
                assert array.dtype == np.float64
                assert (np.abs(array) <= 2.05).all()
            if stated.away_from is not None:
                assert (np.abs(array - stated.away_from) >= 0.05).all()


@nodes
def test_the_upstream_gradient_is_never_all_ones(stated):
    for seed in range(20):
        upstream = draw(stated, SIZES, np.random.default_rng(seed))["upstream"]
        assert upstream.std() > 0.1


@nodes
def test_the_same_seed_draws_the_same_and_another_one_something_else(stated):
    one, same, other = (draw(stated, SIZES, np.random.default_rng(s)) for s in (1, 1, 2))
    assert all(np.array_equal(one[n], same[n]) for n in one)
    assert any(not np.array_equal(one[n], other[n]) for n in one)


@nodes
def test_the_published_examples_are_what_torch_says_to_their_last_digit(stated):
    truth = exercise(stated.id).truth
    assert stated.examples
    for example in stated.examples:
        right = truth.value(as_arrays(example, stated))
        np.testing.assert_allclose(right, example.value, rtol=0, atol=0.5001 * 10.0**-example.digits)


@nodes
def test_an_example_that_is_off_in_its_last_digit_would_be_noticed(stated):
    example = stated.examples[0]
    right = exercise(stated.id).truth.value(as_arrays(example, stated))
    off = np.array(example.value) + 2 * 10.0**-example.digits
    assert not np.allclose(right, off, rtol=0, atol=0.5001 * 10.0**-example.digits)


@nodes
def test_the_words_of_an_example_hold_its_numbers(stated):
    for example in stated.examples:
        for number in np.unique(np.abs(np.array(example.value))):
            if number not in (0.3333, 1.0):  # "1/3" and a row that goes without saying
                assert f"{number:.4f}".rstrip("0").rstrip(".") in example.says


def test_arrays_of_an_example_have_the_types_that_their_roles_ask():
    stated = statement("edf.logloss")
    arrays = as_arrays(stated.examples[0], stated)
    assert arrays["q"].dtype == np.float64
    assert arrays["y"].dtype.kind == "i"
    assert arrays["upstream"].tolist() == [1.0, 1.0]


def test_only_what_backward_owes_a_gradient_has_one():
    owes = {o.name: o.has_gradient for s in NODES for o in s.operands}
    assert owes == {
        "x": True, "a": True, "b": True, "Phi.w": True, "Phi.b": True, "q": True, "p": True, "y": False, "t": False,
    }  # fmt: skip


def test_a_name_is_the_signature_without_its_arguments():
    assert statement("edf.rms_norm").name == "RMSNorm"
    assert statement("edf.backward_pass").name == "backward_pass"


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("edf.sigmiod", "edf.sigmoid"), ("softmax", "edf.softmax"), ("edf.rmsnorm", "edf.rms_norm"),
     ("calculus.numeric_gradient", "calculus.numerical_gradient"), ("edf.backward", "edf.backward_pass")],
)  # fmt: skip
def test_an_unknown_id_offers_the_nearest(wrong, near):
    with pytest.raises(UnknownExercise) as error:
        statement(wrong)
    assert str(error.value).startswith(f"There is no exercise {wrong!r}. Did you mean ")
    assert near in str(error.value)


@pytest.mark.parametrize("wrong", ["", "???", "4"])
def test_an_id_that_is_near_to_none_lists_them_all(wrong):
    with pytest.raises(UnknownExercise, match=r"There are calculus\.jacobian, .*edf\.tanh"):
        statement(wrong)


@pytest.mark.parametrize("wrong", [None, 3, ("edf.sigmoid",), np.float64])
def test_what_is_no_id_at_all_is_an_unknown_exercise_too(wrong):
    with pytest.raises(UnknownExercise, match="There is no exercise"):
        statement(wrong)


def test_ids_are_unique_and_lectures_name_known_ones():
    ids = [s.id for s in statements()]
    assert len(ids) == len(set(ids))
    assert all(i in ids for lecture in LECTURES.values() for i in lecture)


def test_a_statement_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        statement("edf.sigmoid").points = 100


def test_entries_are_pushed_away_from_a_kink_wherever_it_is():
    stated = Statement("x.y", "Y", "Y(x)", "node", 1, (Operand("x", "B n"),), away_from=1.0)
    x = draw(stated, {"B": 50, "n": 50}, np.random.default_rng(0))["x"]
    assert (np.abs(x - 1.0) >= 0.05).all()
    assert (x > 1).any()
    assert (x < 1).any()


def test_an_example_says_how_many_digits_it_has():
    assert Example({"x": [[1.0]]}, [[1.0]], "one").digits == 4
