"""How a student's object answers probes: never with an exception, and with what it did besides."""

import sys
import warnings

import numpy as np
import pytest

from edf_course import edf
from edf_course.exercises.answering import answer
from edf_course.exercises.probes import Probe
from tests.autograder.making import affine, binary, sig, unary

X = {"x": np.array([[0.5, -1.0, 2.0]]), "upstream": np.array([[1.0, 2.0, 3.0]])}
TWO = X | {"upstream@2": np.array([[-1.0, 0.0, 5.0]])}
Identity = unary(lambda x: x * 1.0, lambda x, y, g: g)


def test_a_node_gets_the_upstream_gradient_of_the_probe():
    a = answer("node", Identity, Probe((X,)))
    assert a.failure is None
    np.testing.assert_array_equal(a.passes[0]["value"], X["x"])
    np.testing.assert_array_equal(a.passes[0]["grad.x"], X["upstream"])
    assert not a.passes[0]["changed.x"].any()


def test_without_backward_there_is_a_value_only():
    assert set(answer("node", Identity, Probe((X,), backward=False)).passes[0]) == {"value"}


def test_two_readers_add_up():
    a = answer("node", Identity, Probe((TWO,), "shared"))
    np.testing.assert_array_equal(a.passes[0]["grad.x"], TWO["upstream"] + TWO["upstream@2"])


def test_two_instances_have_operands_of_their_own():
    arrays = TWO | {"x@2": np.array([[9.0, 8.0, 7.0]])}
    a = answer("node", Identity, Probe((arrays,), "instances"))
    np.testing.assert_array_equal(a.passes[0]["value@2"], arrays["x@2"])
    np.testing.assert_array_equal(a.passes[0]["grad.x@2"], TWO["upstream@2"])
    np.testing.assert_array_equal(a.passes[0]["grad.x"], TWO["upstream"])


def test_one_node_may_be_both_operands():
    arrays = {"a": X["x"], "b": X["x"], "upstream": X["upstream"]}
    a = answer("node", binary(np.multiply, lambda a, b, y, g: (g * b, g * a)), Probe((arrays,), "same"))
    np.testing.assert_array_equal(a.passes[0]["grad.a"], 2 * X["x"] * X["upstream"])


def test_backward_twice_is_asked_for_without_adding_up():
    a = answer("node", Identity, Probe((X,), "repeat"))
    np.testing.assert_array_equal(a.passes[0]["grad.x"], X["upstream"])


def test_passes_follow_each_other_on_the_same_object():
    other = {"x": np.array([[4.0], [5.0]]), "upstream": np.array([[1.0], [1.0]])}
    a = answer("node", Identity, Probe((X, other)))
    assert [p["value"].shape for p in a.passes] == [(1, 3), (2, 1)]


def test_a_gradient_of_the_wrong_shape_is_kept_as_evidence():
    probe = {"Phi.w": np.ones((2, 3)), "Phi.b": np.ones(3), "x": np.ones((4, 2)), "upstream": np.ones((4, 3))}
    a = answer("node", affine(w_grad=lambda x, W, g: g.T @ x / len(g)), Probe((probe,)))
    assert a.passes[0]["odd.Phi.w"].shape == (3, 2)
    assert a.failure.kind == "raised"


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (lambda x: x, "returns its operand"),
        (lambda x: np.ones(3), "no method forward"),
        (lambda x: type("Plain", (), {"forward": print, "backward": print})(), "Plain is no CompNode"),
        (type("Lost", (edf.CompNode,), {"__init__": lambda self, x: None}), "super().__init__()"),
        (lambda: None, "takes 0 positional arguments"),
    ],
)
def test_what_is_no_node_fails_with_what_to_do(thing, says):
    a = answer("node", thing, Probe((X,)))
    assert a.failure.kind == "raised"
    assert says in a.failure.text


@pytest.mark.parametrize("thing", [None, 3, np.ones(2), "Sigmoid"])
def test_what_cannot_be_called_is_unusable(thing):
    assert answer("node", thing, Probe((X,))).failure.kind == "unusable"


def test_unwritten_is_no_error():
    def unwritten(*_):
        raise NotImplementedError

    a = answer("node", unary(sig, unwritten), Probe((X,)))
    assert a.failure.kind == "unwritten"
    np.testing.assert_allclose(a.passes[0]["value"], sig(X["x"]))  # what there was until then is kept


def test_an_error_is_told_with_the_line_of_the_student():
    a = answer("node", unary(lambda x: x @ x, None), Probe((X,)))
    assert a.failure.kind == "raised"
    assert "lambda x: x @ x" in a.failure.text


def test_time_is_limited():
    def endless(*_):
        while True:
            pass

    a = answer("node", unary(sig, endless), Probe((X,)), seconds=0.2)
    assert a.failure.kind == "time"
    assert "0.2 seconds" in a.failure.text
    assert "value" in a.passes[0]


def test_deep_recursion_is_an_error_like_any_other():
    def down(x, *_):
        return down(x)

    assert "RecursionError" in answer("node", unary(down, None), Probe((X,))).failure.text


@pytest.mark.parametrize("leaves", [SystemExit, GeneratorExit, type("Own", (BaseException,), {})])
def test_code_that_leaves_the_program_does_not_take_us_along(leaves):
    def go(*_):
        raise leaves

    assert answer("node", unary(sig, go), Probe((X,))).failure.kind == "raised"


def test_who_presses_stop_is_obeyed():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer("node", unary(sig, interrupted), Probe((X,)))


def test_an_error_whose_text_fails_or_never_ends_is_cut_short():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    def mute(*_):
        raise Mute

    def verbose(*_):
        raise ValueError("x" * 10**6)

    assert "cannot be had" in answer("node", unary(mute, None), Probe((X,))).failure.text
    assert len(answer("node", unary(verbose, None), Probe((X,))).failure.text) < 1000


def test_what_is_printed_or_warned_goes_nowhere(capsys):
    def chatty(x):
        print("hello")
        print("hello", file=sys.stderr)
        warnings.warn("hello", stacklevel=1)
        return np.sqrt(-np.abs(x))

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        answer("node", unary(chatty, lambda x, y, g: g), Probe((X,)))
    assert capsys.readouterr() == ("", "")
    assert not seen


def test_the_graph_around_is_left_alone():
    with edf.Graph() as graph:
        edf.Parameter(np.ones(2))
        answer("node", Identity, Probe((X,)))
        assert edf.current_graph() is graph
        assert not graph.CompNodes
        assert len(graph.Parameters) == 1


@pytest.mark.parametrize(
    ("kind", "thing", "noticed"),
    [
        ("node", edf.Sigmoid, "library"),
        ("parameter", edf.Parameter, "library"),
        ("sgd", lambda parameters, rate: edf.current_graph().sgd(rate), "library"),
    ],
)
def test_the_librarys_own_work_is_noticed(kind, thing, noticed):
    probes = {
        "node": X,
        "parameter": {"value": np.zeros(2), "delta0": np.ones((3, 2))},
        "sgd": {"rate": np.array([0.1]), "value1": np.ones(2), "grad1": np.ones(2)},
    }
    assert noticed in answer(kind, thing, Probe((probes[kind],))).noticed


def test_a_backward_that_returns_is_noticed():
    class Returns(Identity):
        def backward(self):
            return self.grad

    assert "returns" in answer("node", Returns, Probe((X,))).noticed


def test_a_function_that_returns_nothing_is_told_to_return():
    probe = Probe(({"x": np.ones(2), "a": np.ones(2), "c": np.ones(2)},))

    def numerical_gradient(f, x):
        f(x)

    assert "numerical_gradient returned nothing" in answer("gradient", numerical_gradient, probe).failure.text


def test_mlp_must_return_a_node():
    probe = Probe(({"W0": np.ones((2, 1)), "b0": np.ones(1), "x": np.ones((3, 2))},))
    assert "should return the node of the scores" in answer("mlp", lambda Phi, x: x.value, probe).failure.text


def test_a_parameter_without_addgrad_is_told():
    probe = Probe(({"value": np.zeros(2), "delta0": np.ones((3, 2))},))
    assert "has no addgrad" in answer("parameter", lambda value: value, probe).failure.text
