"""as_published=True is version 1.1.5 number by number; and what is wrong with its arithmetic can be measured."""

import random

import ComputationalGraphPrimer as published
import numpy as np
import pytest

from edf_course.cgp import DAG, ComputationalGraphPrimer, as_published
from edf_course.cgp.expression import parse
from edf_course.cgp.neurons import Batches, Network
from tests.cgp.cases import DAG_EXPRESSIONS, MULTI_NEURON, ONE_NEURON, TRUTH, lines, numbers, plotted, printed, seed

Theirs = published.ComputationalGraphPrimer


def run(make, options, monkeypatch):
    """Train a classifier with `make`: the primer, what it printed, and the losses that it drew."""
    seed(7)
    with printed() as out, plotted(monkeypatch) as curves:
        cgp = make(**options)
        if options.get("num_layers"):
            cgp.parse_multi_layer_expressions()
            cgp.run_training_loop_multi_neuron_model(cgp.gen_training_data())
        else:
            cgp.parse_expressions()
            cgp.run_training_loop_one_neuron_model(cgp.gen_training_data())
    return cgp, lines(out.getvalue(), "[iter"), curves[-1] if curves else cgp.LOSS


DEEP = {
    **MULTI_NEURON,
    "num_layers": 4,
    "layers_config": [2, 3, 2, 1],
    "expressions": [
        *("xw=ap*xp+aq*xq", "xy=bp*xp+bq*xq", "xz=cp*xp+cq*xq"),
        *("xj=dw*xw+dy*xy+dz*xz", "xk=ew*xw+ey*xy+ez*xz", "xo=fj*xj+fk*xk"),
    ],
}


@pytest.mark.parametrize("options", [ONE_NEURON, MULTI_NEURON, DEEP], ids=["one", "multi", "deep"])
def test_losses_prints_and_parameters_are_those_of_1_1_5(options, monkeypatch):
    theirs, their_lines, their_losses = run(Theirs, options, monkeypatch)
    ours, our_lines, _ = run(lambda **o: ComputationalGraphPrimer(**o, as_published=True), options, monkeypatch)
    assert len(their_losses) > 2
    assert pytest.approx(their_losses, abs=1e-12) == ours.LOSS
    assert our_lines == their_lines
    assert ours.vals_for_learnable_params == pytest.approx(theirs.vals_for_learnable_params, abs=1e-12)
    assert list(ours.vals_for_learnable_params) == list(theirs.vals_for_learnable_params)
    assert numbers(ours.bias) == pytest.approx(numbers(theirs.bias), abs=1e-12)


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list:UserWarning")  # in the peer
@pytest.mark.parametrize("option", ["one_neuron", "multi_neuron"])
def test_the_torch_twin_is_that_of_1_1_5(option, monkeypatch):
    options = {k: v for k, v in ONE_NEURON.items() if k not in ("one_neuron_model", "output_vars")}
    records = []
    for make in (Theirs, lambda **o: ComputationalGraphPrimer(**o, as_published=True)):
        seed(7)
        with printed(), plotted(monkeypatch) as curves:
            cgp = make(**options, for_verification_only=True)
            cgp.parse_expressions()
            cgp.run_training_with_torchnn(option, cgp.gen_training_data())
        records.append(curves[-1] if curves else cgp.LOSS)
    assert records[1] == pytest.approx(records[0], abs=1e-12)


def test_the_dag_is_that_of_1_1_5():
    primers = []
    for make in (Theirs, lambda **o: ComputationalGraphPrimer(**o, as_published=True)):
        seed(7)
        with printed() as out:
            cgp = make(expressions=DAG_EXPRESSIONS, output_vars=["xw"], dataset_size=60, display_loss_how_often=50)
            cgp.parse_general_dag_expressions()
            cgp.learnable_params.sort()  # the order in which they get their random values
            cgp.gen_gt_dataset(vals_for_learnable_params=TRUTH)
            cgp.train_on_all_data()
        primers.append((cgp, out.getvalue()))
    (theirs, their_text), (ours, our_text) = primers
    assert ours.true_output_vals == theirs.true_output_vals
    assert pytest.approx(theirs.LOSS, abs=1e-9) == ours.LOSS
    assert ours.vals_for_learnable_params == pytest.approx(theirs.vals_for_learnable_params, abs=1e-15)
    for start in ("Initial", "=====", "input values", "predicted", "loss for", "[sample index"):
        assert lines(our_text, start) == lines(their_text, start)
        assert lines(our_text, start)


def test_published_partials_are_those_of_1_1_5():
    tables = []
    for make in (Theirs, lambda **o: ComputationalGraphPrimer(**o, as_published=True)):
        with printed():
            cgp = make(expressions=DAG_EXPRESSIONS, output_vars=["xw"], dataset_size=1)
            cgp.parse_general_dag_expressions()
        cgp.vals_for_learnable_params = dict(TRUTH)
        tables.append(cgp.forward_propagate_one_input_sample_with_partial_deriv_calc(0, {"xa": -0.58}))
    assert tables[0] == tables[1]


# ---------------------------------------------------------------------- what is wrong, by a gradient check


def test_one_neurons_weights_go_up_by_half_the_gradient():
    rng = np.random.default_rng(0)
    network = Network([[parse("xw=a*xa+b*xb+c*xc")]])
    x, labels, weights, bias = rng.normal(size=(8, 3)), rng.integers(0, 2, 8), rng.normal(size=3), 0.3
    passed = network.forward(x, [weights[None]], [[bias]])
    errors = labels - passed.values[1][:, 0]
    (right,), ((right_bias,),) = network.gradient(passed, [], errors[:, None])
    step, bias_step = as_published.one_neuron_step(x, errors, passed.slopes[0][:, 0])
    np.testing.assert_allclose(step, 0.5 * right[0], rtol=1e-12)  # added, it goes up
    assert bias_step != pytest.approx(-0.5 * right_bias, rel=1e-3)  # a product of means


def test_several_neurons_lack_a_slope_on_the_way_back():
    rng = np.random.default_rng(0)
    network = Network([[parse("xw=a*xa+b*xb"), parse("xz=c*xa+d*xb")], [parse("xo=e*xw+f*xz")]])
    weights, biases = [rng.normal(size=(2, 2)), rng.normal(size=(1, 2))], [rng.normal(size=2), rng.normal(size=1)]
    x, labels = rng.normal(size=(8, 2)), rng.integers(0, 2, (8, 1))
    passed = network.forward(x, weights, biases)
    errors = labels - passed.values[-1]
    right, right_bias = network.gradient(passed, weights, errors)
    steps, bias_steps = as_published.multi_neuron_step(passed, weights, errors)
    np.testing.assert_allclose(steps[1], -0.5 * right[1], rtol=1e-12)  # the last layer is right, but for the 2
    assert np.linalg.norm(steps[0]) > 3 * np.linalg.norm(0.5 * right[0])  # without the slope
    assert bias_steps[1] == 0  # never updated
    assert right_bias[1] != 0


def test_the_dags_step_does_not_know_the_error():
    dag = DAG(DAG_EXPRESSIONS)
    parameters = {"ab": 0.758, "ac": 0.3, "bc": 0.2, "cd": 0.8}
    _, exact = dag.partials({"xa": 0.5}, parameters)
    total = dag.backward(exact, {"xw": 1.0})
    steps = as_published.dag_step(dag, exact)
    for p in ("ab", "bc", "cd"):  # the derivative of the *output*, times the derivative along the parameter's arc
        node, source = {"ab": ("xy", "xx"), "bc": ("xz", "xx"), "cd": ("xw", "xx")}[p]
        assert steps[p] == pytest.approx(total[p] * exact[node][source])


@pytest.mark.parametrize(("x", "wrong"), [(-0.5, -0.25), (0.5, 0.25)])
def test_pasting_loses_the_sign_under_a_power(x, wrong):
    assert as_published.evaluate_pasted("xa^2", {"xa": x}) == wrong


def test_a_minus_is_read_as_a_plus():
    dag = DAG(["xw=2*xa-3*xa"])
    assert as_published.partials(dag, {"xa": 1.0}, {}, 1e-4)[0]["xw"] == 5
    assert dag.forward({"xa": 1.0}, {})["xw"] == -1


def test_a_published_batch_changes_its_samples():
    data = {0: [[1.0, 2.0]], 1: [[8.0, 4.0]]}
    seen = set()
    random.seed(0)
    batches = as_published.PublishedBatches(data, batch_size=3)
    for _ in range(20):
        x, labels = batches.next()
        seen |= {tuple(row) for row in x[labels == 0]}
    assert seen == {(0.5, 1.0), (0.125, 0.25)}  # one sample, two sets of features
    assert Batches(data, 3).scale == 8


def test_the_first_published_loss_is_a_sum_of_one_too_many(capsys):
    meter = as_published.PublishedRunningLoss(4)
    for _ in range(9):
        meter.add(_, 1.0)
    assert meter.record == [1.25, 1.0]
