"""The graph: which one is current, what joins it, the walks over it, and how gradients add up."""

import asyncio
import subprocess
import sys
import threading

import numpy as np
import pytest

from edf_course import edf
from tests.edf.cases import Given, WeightedSum


@pytest.fixture(autouse=True)
def empty_graph():
    """Every test starts with nothing in the graph that is always there."""
    edf.clear()
    yield
    edf.clear()


def squared(x):
    """A loss that is easy to differentiate: the gradient of x is 2 x."""
    return edf.SquaredError(x, edf.Input(np.zeros_like(x.value)))


def test_nodes_join_the_graph_whose_with_they_are_made_in():
    with edf.Graph() as outer:
        a = Given(np.ones((1, 1)))
        with edf.Graph() as inner:
            b = Given(np.ones((1, 1)))
        c = Given(np.ones((1, 1)))
    assert outer.CompNodes == [a, c]
    assert inner.CompNodes == [b]
    assert list(edf.CompNodes) == []


def test_an_error_in_a_with_gives_the_graph_before_back():
    before = edf.current_graph()
    with pytest.raises(ZeroDivisionError), edf.Graph(), edf.Graph():
        _ = 1 / 0
    assert edf.current_graph() is before


def test_a_graph_may_be_entered_again_even_within_itself():
    graph = edf.Graph()
    with graph:
        with graph:
            Given(np.ones((1, 1)))
        Given(np.ones((1, 1)))
        assert edf.current_graph() is graph
    assert len(graph.CompNodes) == 2
    assert edf.current_graph() is not graph


def test_a_thread_starts_with_the_graph_that_is_always_there_and_leaves_ours_alone():
    found = []

    def elsewhere():
        found.append(edf.current_graph())
        with edf.Graph() as its_own:
            found.append(its_own)
            found.append(edf.current_graph())

    always = edf.current_graph()
    with edf.Graph() as ours:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert edf.current_graph() is ours
    assert found[0] is always
    assert found[1] is found[2] is not ours


def test_tasks_that_take_turns_each_keep_their_graph():
    async def build():
        with edf.Graph() as graph:
            for _ in range(3):
                Given(np.ones((1, 1)))
                await asyncio.sleep(0)
                assert edf.current_graph() is graph
        return graph

    async def both():
        return await asyncio.gather(build(), build())

    first, second = asyncio.run(both())
    assert first is not second
    assert len(first.CompNodes) == len(second.CompNodes) == 3


class ByAppending(edf.CompNode):
    def __init__(self, x):
        edf.CompNodes.append(self)
        self.x = x


class BySuper(edf.CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x


class ByBoth(edf.CompNode):
    def __init__(self, x):
        super().__init__()
        edf.CompNodes.append(self)
        edf.CompNodes.append(self)


@pytest.mark.parametrize("kind", [ByAppending, BySuper, ByBoth])
def test_a_node_is_registered_once_however_it_registers(kind):
    node = kind(None)
    assert list(edf.CompNodes) == [node]


def test_nodes_that_are_alike_are_both_registered():
    class Alike(BySuper):
        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

    nodes = [Alike(None), Alike(None)]
    assert len(edf.CompNodes) == 2
    assert edf.current_graph().CompNodes[1] is nodes[1]


def test_the_lists_read_as_on_the_slides():
    node, p = Given(np.ones((1, 1))), edf.Parameter(np.ones(2))
    assert edf.CompNodes + edf.Parameters == [node, p]
    assert [p] + edf.CompNodes == [p, node]  # noqa: RUF005 (the sum is what is tested)
    assert edf.CompNodes[::-1] == [node]
    assert edf.CompNodes[0] is node
    assert node in edf.CompNodes
    assert repr(edf.Parameters) == repr([p])
    del edf.CompNodes[:]
    assert len(edf.CompNodes) == 0


def test_a_parameter_is_registered_once():
    p = edf.Parameter(np.ones(2))
    edf.Parameters.append(p)
    assert list(edf.Parameters) == [p]


@pytest.mark.parametrize("clear", [edf.clear, edf.clear_compgraph])
def test_clear_forgets_nodes_and_parameters_of_the_current_graph_only(clear):
    with edf.Graph() as other:
        Given(np.ones((1, 1)))
    Given(np.ones((1, 1)))
    edf.Parameter(np.ones(2))
    clear()
    assert (len(edf.CompNodes), len(edf.Parameters), len(other.CompNodes)) == (0, 0, 1)


@pytest.mark.parametrize("name", ["clear", "clear_compgraph", "Forward", "SGD"])
def test_a_fresh_program_may_begin_with_any_of_them(name):
    program = f"from edf_course import edf; edf.{name}(); print(len(edf.CompNodes + edf.Parameters))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


@pytest.fixture
def _rate():
    before = edf.learning_rate
    yield
    edf.learning_rate = before


@pytest.mark.usefixtures("_rate")
def test_sgd_reads_the_learning_rate_when_it_is_called_under_either_name():
    p = edf.Parameter(np.array([1.0]))
    p.grad = np.array([1.0])
    edf.learning_rate = 0.25
    assert edf.eta == 0.25
    edf.SGD()
    assert p.value[0] == 0.75
    edf.eta = 0.5
    assert edf.learning_rate == 0.5
    edf.SGD()
    assert p.value[0] == 0.25
    edf.SGD(1.0)
    assert p.value[0] == -0.75


@pytest.mark.parametrize("shape", [(), (3,), (784, 256), (1, 100_000), (100_000,), (7, 100, 100)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sgd_moves_every_entry_in_place_whatever_the_size(shape, dtype):
    rng = np.random.default_rng(0)
    start, gradient = rng.normal(size=(2, *shape)).astype(dtype)
    p = edf.Parameter(start)
    p.grad, array = np.array(gradient), p.value
    edf.SGD(np.float64(0.1))
    assert p.value is array
    assert p.value.dtype == dtype
    np.testing.assert_allclose(p.value, start - 0.1 * gradient, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(p.grad, gradient)


def test_sgd_moves_a_value_that_was_replaced_by_a_number():
    p = edf.Parameter(0.5)
    p.value, p.grad = 2.0, np.float64(3.0)
    edf.SGD(0.5)
    assert p.value == 0.5


def test_a_learning_rate_that_is_no_number_is_not_blamed_on_the_parameter():
    p = edf.Parameter(np.ones(2))
    p.grad = np.ones(2)
    with pytest.raises(TypeError, match="multiply"):
        edf.SGD("0.1")


def test_a_parameter_copies_what_it_is_given():
    array = np.ones(2)
    p = edf.Parameter(array)
    array[:] = 5
    np.testing.assert_array_equal(p.value, [1, 1])


def test_the_seed_of_backward_is_one_for_each_example():
    x = Given(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    loss = squared(x)
    edf.Forward()
    edf.Backward(loss)
    np.testing.assert_array_equal(loss.grad, np.ones(3))
    np.testing.assert_array_equal(x.grad, 2 * x.value)


def test_backward_twice_does_not_add_up():
    x = Given(np.array([[1.0, 2.0]]))
    loss = squared(x)
    edf.Forward()
    edf.Backward(loss)
    edf.Backward(loss)
    np.testing.assert_array_equal(x.grad, 2 * x.value)


def test_of_two_losses_each_backward_is_about_its_own():
    x = Given(np.array([[1.0, 2.0]]))
    first, second = squared(x), WeightedSum(x, np.array([[3.0, 4.0]]))
    both = edf.Add(first, second)
    edf.Forward()
    for loss, right in ((first, [[2, 4]]), (second, [[3, 4]]), (both, [[5, 8]]), (first, [[2, 4]])):
        edf.Backward(loss)
        np.testing.assert_array_equal(x.grad, right)


def test_a_loss_that_other_nodes_read_may_still_be_differentiated():
    x = Given(np.array([[1.0, 2.0]]))
    loss = squared(x)
    after = edf.Sigmoid(loss)
    edf.Forward()
    edf.Backward(loss)
    np.testing.assert_array_equal(x.grad, 2 * x.value)
    np.testing.assert_array_equal(after.grad, [0.0])


def test_a_parameter_that_no_node_reads_keeps_its_value():
    x, p = Given(np.array([[1.0, 2.0]])), edf.Parameter(np.ones((2, 3)))
    loss = squared(x)
    edf.Forward()
    edf.Backward(loss)
    edf.SGD(0.1)
    np.testing.assert_array_equal(p.grad, np.zeros((2, 3)))
    np.testing.assert_array_equal(p.value, np.ones((2, 3)))


def test_writing_into_a_delta_after_addgrad_changes_no_gradient():
    x, p = Given(np.zeros((2, 3))), edf.Parameter(np.zeros(3))
    x.grad = p.grad = 0
    for operand in (x, p):
        for _ in range(2):
            delta = np.ones((2, 3))
            operand.addgrad(delta)
            delta[:] = 99
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 2.0))
    np.testing.assert_array_equal(p.grad, np.full(3, 2.0))


def test_a_gradient_that_was_kept_does_not_grow_with_the_next_addgrad():
    x, p = Given(np.zeros((2, 3))), edf.Parameter(np.zeros(3))
    x.addgrad(np.ones((2, 3)))
    p.addgrad_mean(np.ones(3))
    kept = x.grad, p.grad
    x.addgrad(np.ones((2, 3)))
    p.addgrad_mean(np.ones(3))
    assert [k.max() for k in kept] == [1.0, 1.0]
    assert [n.grad.max() for n in (x, p)] == [2.0, 2.0]


def test_a_node_knows_what_it_lacks():
    x = Given(np.zeros((2, 3)))
    assert not hasattr(edf.Sigmoid(x), "value")
    with pytest.raises(AttributeError, match="'Sigmoid' object has no attribute 'valeu'") as error:
        _ = edf.Sigmoid(x).valeu
    assert error.value.name == "valeu"
