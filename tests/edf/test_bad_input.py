"""What a student reads when something does not fit: the kind of error, with names, places and shapes."""

import re

import numpy as np
import pytest

from edf_course import edf
from edf_course.edf import DataError, GraphError, NotComputed, ShapeError
from tests.edf.cases import Given, package


@pytest.fixture(autouse=True)
def graph():
    with edf.Graph() as graph:
        yield graph


def says(*parts):
    """A pattern for a message in which all the parts stand, in this order."""
    return "(?s)" + ".*".join(re.escape(part) for part in parts)


def numbers(*shape):
    return np.random.default_rng(0).uniform(0.1, 0.9, shape)


# Shapes


def test_affine_names_the_columns_of_x_and_the_rows_of_w(graph):
    edf.Affine(edf.AffineParams(4, 2), edf.Input(numbers(5, 3)))
    with pytest.raises(ShapeError, match=says("Affine: x has 3 columns but W has 4 rows", "(5, 3)", "(4, 2)")):
        graph.forward()


@pytest.mark.parametrize("shape", [(3,), (2, 3, 3)])
def test_affine_takes_a_matrix(graph, shape):
    edf.Affine(edf.AffineParams(3, 2), edf.Input(numbers(*shape)))
    with pytest.raises(ShapeError, match=says("Affine: x has shape", str(shape), "not (B, n)")):
        graph.forward()


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 1), ()])
def test_affine_refuses_a_bias_that_would_only_broadcast(graph, shape):
    Phi = package(edf.Parameter(numbers(3, 2)), edf.Parameter(numbers(*shape)))
    edf.Affine(Phi, edf.Input(numbers(5, 3)))
    with pytest.raises(ShapeError, match=says("Affine: W has 2 columns", "(2,)", str(shape))):
        graph.forward()


@pytest.mark.parametrize("node", [edf.Add, edf.Mul, edf.SquaredError])
@pytest.mark.parametrize("other", [(4,), (4, 1), (1, 3), (5, 3)])
def test_two_operands_have_one_shape_and_nothing_is_broadcast(graph, node, other):
    node(edf.Input(numbers(4, 3)), edf.Input(numbers(*other)))
    with pytest.raises(ShapeError, match=says(node.__name__, "(4, 3)", str(other))):
        graph.forward()


def test_softmax_needs_scores_beside_the_batch(graph):
    edf.Softmax(edf.Input(numbers(4)))
    with pytest.raises(ShapeError, match=says("Softmax: x needs", "(B, n)", "(4,)")):
        graph.forward()


@pytest.mark.parametrize("loss", [edf.LogLoss, edf.CrossEntropy])
@pytest.mark.parametrize(("q", "y"), [((4, 3), (5,)), ((4, 3), (4, 1)), ((4,), (4,)), ((4, 3, 2), (4,))])
def test_a_loss_on_classes_wants_one_label_a_row(graph, loss, q, y):
    loss(edf.Input(numbers(*q)), edf.Input(np.zeros(y, dtype=int)))
    with pytest.raises(ShapeError, match=says(loss.__name__, "(B, n) and (B,)", str(q), str(y))):
        graph.forward()


@pytest.mark.parametrize("delta", [1.0, np.ones(3), np.ones((3, 4)), np.ones((1, 3))])
def test_a_gradient_has_the_shape_of_the_value(delta):
    x = Given(numbers(4, 3))
    with pytest.raises(ShapeError, match=says("Given.value has shape (4, 3)", str(np.shape(delta)))):
        x.addgrad(delta)


@pytest.mark.parametrize("delta", [1.0, np.ones((4, 2, 3)), np.ones(3)])
def test_a_parameter_takes_a_gradient_for_each_example(delta):
    p = edf.Parameter(numbers(3, 2))
    with pytest.raises(ShapeError, match=says("for each example, (B, 3, 2)", str(np.shape(delta)))):
        p.addgrad(delta)


def test_a_gradient_that_is_averaged_already_is_sent_to_addgrad_mean():
    p = edf.Parameter(numbers(3, 2))
    with pytest.raises(ShapeError, match=says("Averaged already?", "addgrad_mean")):
        p.addgrad(np.ones((3, 2)))
    with pytest.raises(ShapeError, match=says("addgrad_mean", "(3, 2)", "(4, 3, 2)")):
        p.addgrad_mean(np.ones((4, 3, 2)))


def test_layers_in_the_wrong_order_are_met_with_the_order_of_phi():
    first, last = edf.AffineParams(5, 4), edf.AffineParams(4, 3)
    with pytest.raises(ShapeError, match=says("(4, 3)", "(5, 4)", "from the output to the input")):
        edf.MLP([first, last], edf.Input(numbers(2, 5)))


# Numbers


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_input_says_where_the_first_missing_value_is(bad):
    values = numbers(4, 3)
    values[2, 1] = values[3, 0] = bad
    x = edf.Input(numbers(4, 3), name="x")
    with pytest.raises(DataError, match=says("x.value holds", str(bad), "at [2, 1]", "2 of 12")):
        x.value = values
    assert np.isfinite(x.value).all(), "what is refused is not kept"


def test_infinities_that_cancel_are_seen():
    with pytest.raises(DataError, match="inf at"):
        edf.Input(np.array([[np.inf, -np.inf]]))


@pytest.mark.filterwarnings("error")
def test_numbers_whose_sum_would_overflow_are_no_missing_values():
    assert edf.Input(np.full((2, 2), 1.7e308)).value.max() == 1.7e308


@pytest.mark.parametrize("dtype", [int, np.uint8, bool])
@pytest.mark.parametrize("node", [edf.Sigmoid, edf.Softmax, lambda x: edf.Affine(edf.AffineParams(2, 2), x)])
def test_integers_are_refused_where_nodes_compute_with_floats(node, dtype):
    values = np.array([[0, 1], [1, 0]], dtype=dtype)
    message = says("holds integers", str(np.dtype(dtype)), "astype(float)")
    with pytest.raises(DataError, match=message):
        node(edf.Input(values))
    x = edf.Input(values.astype(float))
    node(x)
    with pytest.raises(DataError, match=message):
        x.value = values
    assert x.value.dtype == float


@pytest.mark.parametrize("value", ["abc", None, 1 + 1j, [[1.0], ["a"]], [{}]], ids=str)
def test_an_input_holds_real_numbers(value):
    x = edf.Input()
    with pytest.raises(DataError, match=r"Input\.value"):
        x.value = np.array([value])


@pytest.mark.parametrize("value", [1.0, np.zeros(()), [], np.zeros((0, 3))], ids=str)
def test_an_input_has_at_least_one_example(value):
    with pytest.raises(DataError, match=says("needs a batch of examples, (B, ...)", str(np.shape(value)))):
        edf.Input().value = value


@pytest.mark.parametrize("value", [[1, 2], 3, [True], ["a"]], ids=str)
def test_a_parameter_holds_floats(value):
    with pytest.raises(DataError, match=says("small steps", "astype(float)")):
        edf.Parameter(value)


def test_a_parameter_says_where_its_nan_is():
    with pytest.raises(DataError, match=says("Parameter", "nan at [1]", "1 of 3")):
        edf.Parameter([0.0, np.nan, 1.0])


def test_integers_put_into_a_parameter_later_are_refused_by_sgd(graph):
    Phi = edf.AffineParams(2, 2)
    loss = edf.SquaredError(edf.Affine(Phi, edf.Input(numbers(3, 2))), edf.Input(numbers(3, 2)))
    Phi.w.value = np.eye(2, dtype=int)
    graph.forward()
    graph.backward(loss)
    with pytest.raises(DataError, match=says("int64", "small steps")):
        graph.sgd(0.1)


@pytest.mark.parametrize("loss", [edf.LogLoss, edf.CrossEntropy])
@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        ([0, 3, 1], ("label 3 of example 1", "3 classes", "0 to 2")),
        ([0, 1, -1], ("label -1 of example 2", "3 classes", "0 to 2")),
        (np.array([0, 200, 1], dtype=np.uint8), ("label 200 of example 1", "0 to 2")),
        ([0.0, 1.5, 1.0], ("whole numbers from 0 to 2", "example 1", "1.5")),
    ],
)
def test_a_label_that_is_no_class_is_named_with_its_example(graph, loss, labels, parts):
    loss(edf.Input(numbers(3, 3)), edf.Input(np.array(labels)))
    with pytest.raises(DataError, match=says(loss.__name__, *parts)):
        graph.forward()


@pytest.mark.parametrize("loss", [edf.LogLoss, edf.CrossEntropy])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float64, np.float32])
def test_whole_labels_of_any_type_are_fine(graph, loss, dtype):
    q = edf.Input(numbers(300, 3))
    labels = np.arange(300) % 3
    right = loss(q, edf.Input(labels))
    node = loss(q, edf.Input(labels.astype(dtype)))
    graph.forward()
    np.testing.assert_array_equal(node.value, right.value)


# Order of calls


def test_an_input_without_a_value_says_what_to_set(graph):
    edf.Sigmoid(edf.Input())
    with pytest.raises(NotComputed, match=says("Input has no value yet", ".value = array")):
        graph.forward()
    with pytest.raises(NotComputed, match="pixels has no value yet"):
        _ = edf.Input(name="pixels").value


def test_backward_before_forward_says_so(graph):
    loss = edf.SquaredError(edf.Input(numbers(2, 2)), edf.Input(numbers(2, 2)))
    with pytest.raises(NotComputed, match=says("SquaredError has no value yet", "Forward()")):
        graph.backward(loss)


def test_sgd_before_backward_says_so(graph):
    edf.AffineParams(2, 2)
    with pytest.raises(GraphError, match=says("no gradients yet", "Backward(loss)")):
        graph.sgd(0.1)


def test_a_node_that_never_joined_the_graph_is_explained(graph):
    class Lost(edf.CompNode):
        def __init__(self, x):
            self.x = x

    edf.Sigmoid(Lost(edf.Input(numbers(2, 2))))
    with pytest.raises(NotComputed, match=says("Lost has no value yet", "super().__init__()")):
        graph.forward()


def test_an_unwritten_method_is_named(graph):
    class Half(edf.CompNode):
        def forward(self):
            self.value = np.ones(2)

    loss = Half()
    graph.forward()
    with pytest.raises(NotImplementedError, match="Half has no backward method"):
        graph.backward(loss)


# Not a node, not a loss


@pytest.mark.parametrize(
    ("thing", "named"),
    [
        (np.ones((2, 3)), "an array of shape (2, 3)"),
        (3.0, "a float"),
        (None, "None"),
        ([1, 2], "a list"),
        (edf.Sigmoid, "the class Sigmoid (did you forget to call it?)"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "node", [edf.Sigmoid, edf.Softmax, lambda x: edf.Affine(edf.AffineParams(3, 2), x), lambda x: edf.Add(x, x)]
)
def test_an_operand_that_is_no_node_is_named(node, thing, named):
    with pytest.raises(GraphError, match=says(named, "edf.Input()")):
        node(thing)


@pytest.mark.parametrize("Phi", [np.ones((3, 2)), edf.Input(), edf.AffineParams, None], ids=lambda v: type(v).__name__)
def test_affine_wants_a_package_first(Phi):
    with pytest.raises(GraphError, match=says("Affine(Phi, x)", "AffineParams(n_in, n_out)")):
        edf.Affine(Phi, edf.Input(numbers(2, 3)))


@pytest.mark.parametrize("loss", [np.ones(3), 1.0, None, edf.SquaredError, edf.Input()], ids=lambda v: type(v).__name__)
def test_a_loss_that_is_no_computed_node_is_refused(graph, loss):
    with pytest.raises(GraphError, match="the loss must be a computed node, not"):
        graph.backward(loss)


@pytest.mark.parametrize(
    ("value", "cure"),
    [(np.float64(1.5), "keep the batch index"), (np.ones((4, 2)), "end with a loss node")],
    ids=["scalar", "matrix"],
)
def test_a_loss_has_one_value_for_each_example(graph, value, cure):
    with pytest.raises(GraphError, match=says("shape (B,)", str(np.shape(value)), cure)):
        graph.backward(Given(value))


def test_a_loss_of_another_graph_is_refused(graph):
    with edf.Graph():
        loss = Given(np.ones(2))
    with pytest.raises(GraphError, match=says("this Given is not in the current graph", "with edf.Graph()")):
        graph.backward(loss)


def test_a_class_without_compnode_as_its_base_is_told_what_to_write():
    class Sigmoid:
        def __init__(self, x):
            edf.CompNodes.append(self)

    with pytest.raises(GraphError, match=says("class Sigmoid(CompNode)", "addgrad")):
        Sigmoid(edf.Input())


@pytest.mark.parametrize("sizes", [(), (3,), (3, 0), (3, -1, 2)], ids=str)
def test_a_classifier_needs_sizes_to_join(sizes):
    with pytest.raises(ValueError, match=says("sizes needs an input and an output size", str(sizes))):
        edf.Classifier(sizes)


def test_a_classifier_compares_predictions_with_labels_one_by_one():
    net = edf.Classifier((3, 2))
    with pytest.raises(ShapeError, match=says("prediction has shape (4,)", "labels has shape (4, 1)")):
        net.accuracy(numbers(4, 3), np.zeros((4, 1), dtype=int))
