"""The DAG: its tables, exact gradients over every path, differences beside them, and what the data determine."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from edf_course.calculus import numerical_gradient
from edf_course.cgp import DAG, GraphError
from tests.cgp.cases import DAG_EXPRESSIONS, TRUTH

PARAMETERS = {"ab": 0.7, "ac": 0.3, "bc": 0.2, "cd": 0.8}
# Values at sample 1000 of slide 47 (there rounded to six digits and more)
SLIDE_47 = {"ab": 0.6303669, "ac": 0.6490758, "bc": 0.08453221, "cd": 0.8134346}
XA = 0.8933787891895923


@pytest.fixture
def dag():
    return DAG(DAG_EXPRESSIONS)


def by_torch(inputs, parameters):
    """The lecture's DAG in torch: its output, and the derivative of the output by each parameter and by xa."""
    leaves = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in {**parameters, **inputs}.items()}
    xx = leaves["xa"] ** 2
    xz = leaves["bc"] * xx + leaves["ab"] * xx + leaves["ac"] * leaves["xa"]
    xw = leaves["cd"] * xx + xz**3
    xw.sum().backward()
    return xw.detach().numpy(), {n: leaf.grad.numpy() for n, leaf in leaves.items()}


def test_the_two_tables_are_those_of_slides_42_and_43(dag):
    assert dag.depends_on == {"xx": ["xa"], "xy": ["xx", "xa"], "xz": ["xx", "xy"], "xw": ["xx", "xz"]}
    assert dag.leads_to == {"xa": ["xx", "xy"], "xx": ["xy", "xz", "xw"], "xy": ["xz"], "xz": ["xw"], "xw": []}
    assert (dag.inputs, dag.outputs, dag.parameters) == (["xa"], ["xw"], ["ab", "ac", "bc", "cd"])
    assert dag.arcs == [("xy", "xx", "ab"), ("xy", "xa", "ac"), ("xz", "xx", "bc"), ("xw", "xx", "cd")]
    assert dag.columns() == [["xa"], ["xx"], ["xy"], ["xz"], ["xw"]]


def test_the_order_of_the_expressions_does_not_matter(dag):
    backwards = DAG(reversed(DAG_EXPRESSIONS))
    assert backwards.order == dag.order
    assert backwards.forward({"xa": XA}, PARAMETERS)["xw"] == dag.forward({"xa": XA}, PARAMETERS)["xw"]


def test_sample_1000_of_slide_47(dag):
    values, direct = dag.partials({"xa": XA}, SLIDE_47)
    assert values["xw"] == pytest.approx(2.1718835784922437, rel=1e-6)
    assert direct["xx"]["xa"] == 2 * XA  # printed with an error of 1.0000e-4
    total = dag.backward(direct, {"xw": 1.0})
    assert total["xa"] == pytest.approx(9.1024, abs=2e-4)  # there None
    assert dag.backward(direct, {"xz": 1.0})["xx"] == pytest.approx(0.7149, abs=5e-5)  # there 0.0845, one of two paths


def test_a_negative_input_keeps_its_sign(dag):
    values = dag.forward({"xa": -0.5827703346221946}, SLIDE_47)
    assert values["xw"] == pytest.approx(0.27377, abs=5e-6)  # printed -0.51577


def test_the_gradient_is_that_of_torch(dag):
    x = np.random.default_rng(0).uniform(-1, 1, 7)
    values, direct = dag.partials({"xa": x}, PARAMETERS)
    total = dag.backward(direct, {"xw": 1.0})
    expected, by = by_torch({"xa": x}, PARAMETERS)
    np.testing.assert_allclose(values["xw"], expected, rtol=1e-14)
    np.testing.assert_allclose(total["xa"], by["xa"], rtol=1e-13)
    for p in dag.parameters:
        assert np.sum(total[p]) == pytest.approx(by[p], rel=1e-13)


def test_the_gradient_is_the_sum_over_every_path(dag):
    _, direct = dag.partials({"xa": 0.9}, PARAMETERS)
    total = dag.backward(direct, {"xw": 1.0})
    for name, n_paths in (("xa", 4), ("ab", 1), ("ac", 1), ("bc", 1), ("cd", 1), ("xx", 3), ("xy", 1)):
        paths = list(dag.paths("xw", name))
        assert len(paths) == n_paths
        products = [math.prod(direct[a][b] for a, b in pairwise(path)) for path in paths]
        assert sum(products) == pytest.approx(total[name], rel=1e-14)


def test_a_parameter_on_several_arcs_gets_all_of_them():
    dag = DAG(["xb=p*xa", "xc=p*xb+p^2", "xd=sq*xb*xc"])
    parameters, x = {"p": 1.3, "sq": -0.4}, np.array([0.5, -2.0])

    def loss(v):
        return float(np.mean((dag.forward({"xa": x}, {"p": v[0], "sq": v[1]})["xd"] - 1.0) ** 2))

    found, gradient = dag.gradient({"xa": x}, parameters, {"xd": 1.0})
    assert found == pytest.approx(loss([1.3, -0.4]))
    assert list(gradient.values()) == pytest.approx(numerical_gradient(loss, [1.3, -0.4]), rel=1e-8)
    assert len(list(dag.paths("xd", "p"))) == 3


def test_a_node_used_twice_and_two_outputs():
    dag = DAG(["xb=p*xa*xa", "xc=xb-q*xa", "xd=xb+xb"])
    assert dag.outputs == ["xc", "xd"]
    x, t = np.array([0.5, 1.5, -1.0]), {"xc": 0.3, "xd": np.array([1.0, 2.0, 3.0])}

    def loss(v):
        y = dag.forward({"xa": x}, {"p": v[0], "q": v[1]})
        return float(np.mean((y["xc"] - t["xc"]) ** 2 + (y["xd"] - t["xd"]) ** 2))

    _, gradient = dag.gradient({"xa": x}, {"p": 0.7, "q": 0.2}, t)
    assert list(gradient.values()) == pytest.approx(numerical_gradient(loss, [0.7, 0.2]), rel=1e-8)
    J = dag.jacobian({"xa": x}, {"p": 0.7, "q": 0.2})
    np.testing.assert_allclose(J[0::2], np.stack([x**2, -x], axis=1))  # rows: samples, in each its outputs
    np.testing.assert_allclose(J[1::2], np.stack([2 * x**2, 0 * x], axis=1))


@pytest.mark.parametrize("delta", [1e-3, 1e-4])
def test_differences_are_off_by_half_delta_times_the_curvature(dag, delta):
    _, exact = dag.partials({"xa": 0.9}, PARAMETERS)
    values, nudged = dag.differences({"xa": 0.9}, PARAMETERS, delta)
    assert nudged["xx"]["xa"] - exact["xx"]["xa"] == pytest.approx(delta, rel=1e-6)
    assert nudged["xw"]["xz"] - exact["xw"]["xz"] == pytest.approx(3 * values["xz"] * delta, rel=1e-3)
    assert nudged["xy"]["ab"] == pytest.approx(exact["xy"]["ab"], abs=1e-10)  # linear: no error but rounding


def test_ab_and_bc_cannot_be_told_apart(dag):
    x = np.random.default_rng(0).uniform(-1, 1, 1000)
    singular = np.linalg.svd(dag.jacobian({"xa": x}, TRUTH), compute_uv=False)
    assert singular[2] > 1
    assert singular[3] < 1e-10  # ab and bc occur only as a sum


@pytest.mark.parametrize("start", [(0.7, 0.3, 0.2, 0.8), (0.1, 0.9, 0.8, 0.3)])
def test_what_the_data_determine_is_recovered(dag, start):
    x = np.random.default_rng(1).uniform(-1, 1, 200)
    targets = dag.forward({"xa": x}, TRUTH)
    begin = dict(zip(dag.parameters, start, strict=True))
    found = dag.fit({"xa": x}, targets, begin)
    assert found["ab"] + found["bc"] == pytest.approx(3, abs=1e-9)
    assert (found["ac"], found["cd"]) == pytest.approx((4, 3), abs=1e-9)
    assert found["ab"] - found["bc"] == pytest.approx(begin["ab"] - begin["bc"], abs=1e-6)


def test_scipy_finds_the_same_with_our_jacobian(dag):
    x = np.random.default_rng(1).uniform(-1, 1, 200)
    wanted = dag.forward({"xa": x}, TRUTH)["xw"]

    def named(v):
        return dict(zip(dag.parameters, v, strict=True))

    found = least_squares(
        lambda v: dag.forward({"xa": x}, named(v))["xw"] - wanted,
        [0.7, 0.3, 0.2, 0.8],
        jac=lambda v: dag.jacobian({"xa": x}, named(v)),
    )
    ab, ac, bc, cd = found.x
    assert (ab + bc, ac, cd) == pytest.approx((3, 4, 3), abs=1e-6)


def test_a_constant_node_and_a_relu():
    dag = DAG(["xb=2", "xc=-p*xb+xa"])
    x = np.array([1.0, 5.0])
    np.testing.assert_array_equal(dag.forward({"xa": x}, {"p": 1.0}, relu=True)["xc"], [0.0, 3.0])
    assert dag.columns() == [["xa"], ["xb"], ["xc"]]
    loss, gradient = dag.gradient({"xa": x}, {"p": 1.0}, {"xc": 0.0})
    assert (loss, gradient["p"]) == (5.0, -4.0)  # outputs -1, 3; slope -2 each


@pytest.mark.parametrize(
    ("expressions", "outputs", "says"),
    [
        ([], None, "at least one"),
        (["xw=xa", "xw=xb"], None, "twice: xw=xa and xw=xb"),
        (["xb=xc", "xc=xd+xa", "xd=xb"], None, "xb depends on xc depends on xd depends on xb"),
        (["xe=xb", "xb=xb+xa"], None, "xb depends on xb"),
        (["xw=ab*xa"], ["xz"], "'xz' is to be an output"),
        (["xw=ab*xa"], ["xa"], "'xa' is to be an output"),
    ],
)
def test_what_is_no_graph_is_said(expressions, outputs, says):
    with pytest.raises(GraphError, match=says):
        DAG(expressions, outputs)


def test_missing_values_are_named(dag):
    with pytest.raises(ValueError, match="input xa"):
        dag.forward({}, PARAMETERS)
    with pytest.raises(ValueError, match="parameter ab, cd"):
        dag.partials({"xa": 1.0}, {"ac": 1.0, "bc": 1.0, "cd": None})
