"""ComputationalGraphPrimer as its users know it: constructor, attributes, prints, what it computes by default."""

import random
import re

import numpy as np
import pytest

from edf_course.calculus import numerical_gradient
from edf_course.cgp import ComputationalGraphPrimer, ExpressionError, GraphError, NeuronError
from tests.cgp.cases import TRUTH, dag_primer, lines, multi_neuron, one_neuron, printed, seed

# ---------------------------------------------------------------------- the constructor


def test_keywords_have_the_published_defaults():
    cgp = ComputationalGraphPrimer()
    assert (cgp.learning_rate, cgp.grad_delta, cgp.batch_size) == (1e-6, 1e-4, 4)
    assert not cgp.one_neuron_model
    assert not ComputationalGraphPrimer(one_neuron_model=False).one_neuron_model  # True in 1.1.5
    assert ComputationalGraphPrimer(batch_size=None).batch_size == 4


def test_wrong_keywords_are_said():
    with pytest.raises(ValueError, match="no keyword display_vals_how_often; did you mean display_loss_how_often"):
        ComputationalGraphPrimer(display_vals_how_often=1000)  # the spelling of slide 44
    with pytest.raises(ValueError, match="keyword arguments only"):
        ComputationalGraphPrimer(["xw=ab*xa"])


def test_what_is_missing_is_said():
    with pytest.raises(ValueError, match=r"needs expressions"):
        ComputationalGraphPrimer().parse_expressions()
    with pytest.raises(GraphError, match="call parse_expressions"):
        ComputationalGraphPrimer(dataset_size=5).gen_gt_dataset(TRUTH)
    cgp = ComputationalGraphPrimer(expressions=["xw=ab*xa"])
    cgp.parse_expressions()
    with pytest.raises(ValueError, match="needs dataset_size"):
        cgp.gen_training_data()
    with pytest.raises(NeuronError, match="call gen_training_data"):
        cgp.run_training_loop_one_neuron_model()
    with pytest.raises(NeuronError, match="parse_multi_layer_expressions"):
        cgp.run_training_loop_multi_neuron_model({0: [[1.0]]})
    with pytest.raises(ExpressionError, match="missing here"):
        ComputationalGraphPrimer(expressions=["xw=ab*"]).parse_expressions()
    with pytest.raises(NeuronError, match="one expression, but there are 4"):
        dag_primer().run_training_loop_one_neuron_model({0: [[1.0]]})
    with pytest.raises(ValueError, match="parameter ab, ac"):
        dag_primer().gen_gt_dataset({"bc": 1.0, "cd": 1.0})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_layers": 4}, "3 layers, but num_layers is 4"),
        ({"layers_config": [4, 3, 1]}, "asks for 4 expressions"),
        ({"layers_config": [3, 2, 1]}, "asks for 3 inputs"),
    ],
)
def test_expressions_that_do_not_fit_the_layers_are_said(changes, says):
    with pytest.raises(NeuronError, match=says):
        multi_neuron(**changes)


# ---------------------------------------------------------------------- attributes


def test_the_attributes_of_a_graph():
    cgp = dag_primer(output_vars=None)
    assert cgp.output_vars == ["xw"]  # inferred: it leads nowhere
    assert cgp.independent_vars == ["xa"]
    assert cgp.learnable_params == ["ab", "ac", "bc", "cd"]
    assert cgp.var_to_var_param == {"xx": {}, "xy": {"xx": "ab", "xa": "ac"}, "xz": {"xx": "bc"}, "xw": {"xx": "cd"}}
    assert cgp.depends_on["xz"] == ["xx", "xy"]
    assert cgp.leads_to["xx"] == ["xy", "xz", "xw"]
    assert (cgp.input_size, cgp.output_size) == (1, 1)
    assert [exp.body for exp in cgp.exp_objects] == list(cgp.expressions_dict.values())


def test_the_attributes_of_layers():
    cgp, data = multi_neuron()
    assert cgp.layer_vars == {0: ["xp", "xq", "xr", "xs"], 1: ["xw", "xz"], 2: ["xo"]}
    assert cgp.layer_params == {1: [["ap", "aq", "ar", "as"], ["bp", "bq", "br", "bs"]], 2: [["cp", "cq"]]}
    assert cgp.all_params == ["ap", "aq", "ar", "as", "bp", "bq", "br", "bs", "cp", "cq"]
    assert [exp.dependent_var for exp in cgp.layer_exp_objects[1]] == ["xw", "xz"]
    assert cgp.training_data is data


def test_the_data_are_those_of_slide_53():
    _, data = one_neuron(dataset_size=4000)
    means = [np.mean(data[c], axis=0) for c in (0, 1)]
    deviations = [np.std(data[c], axis=0) for c in (0, 1)]
    np.testing.assert_allclose(means, [[2] * 4, [4] * 4], atol=0.2)
    np.testing.assert_allclose(deviations, [[1] * 4, [2] * 4], atol=0.15)
    np.random.seed(7)  # noqa: NPY002
    np.testing.assert_array_equal(data[0][0], np.random.standard_normal(4) + 2.0)  # noqa: NPY002  # as published
    np.testing.assert_array_equal(data[1][0], np.random.standard_normal(4) * 2 + 4.0)  # noqa: NPY002


# ---------------------------------------------------------------------- right by default


def test_one_neuron_learns_and_prints_means(capsys):
    cgp, data = one_neuron(learning_rate=1.0, training_iterations=1500)
    cgp.run_training_loop_one_neuron_model(data)
    printed_losses = re.findall(r"^\[iter=(\d+)\]  loss = (\d\.\d{4})$", capsys.readouterr().out, re.MULTILINE)
    assert [int(i) for i, _ in printed_losses] == list(range(100, 1501, 100))
    assert [float(v) for _, v in printed_losses] == pytest.approx(cgp.LOSS, abs=5e-5)
    assert cgp.LOSS[-1] < 0.12 < 0.17 < cgp.LOSS[0]
    correct = [
        np.mean(
            (cgp.forward_prop_one_neuron_model(np.array(data[c]) / np.abs([*data[0], *data[1]]).max())[0] > 0.5) == c
        )
        for c in (0, 1)
    ]
    assert np.mean(correct) > 0.8


def test_several_outputs_learn_their_classes():
    expressions = [
        *("xh=a1*x1+a2*x2", "xi=b1*x1+b2*x2", "xj=c1*x1+c2*x2"),
        *("xo=d1*xh+d2*xi+d3*xj", "xq=e1*xh+e2*xi+e3*xj", "xr=f1*xh+f2*xi+f3*xj"),
    ]
    cgp, _ = multi_neuron(
        layers_config=[2, 3, 3], expressions=expressions, output_vars=None, activation=["tanh", "sigmoid"],
        learning_rate=0.5, training_iterations=1500, display_loss_how_often=500,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    centres = np.array([[3.0, 0.0], [-3.0, 3.0], [-3.0, -3.0]])
    data = {c: list(rng.normal(size=(50, 2)) + centre) for c, centre in enumerate(centres)}
    with printed():
        cgp.run_training_loop_multi_neuron_model(data)
    x = np.concatenate([data[c] for c in data])
    cgp.forward_prop_multi_neuron_model(x / np.abs(x).max())
    assert np.mean(cgp.forw_prop_vals_at_layers[2].argmax(axis=1) == np.repeat([0, 1, 2], 50)) > 0.95


def test_an_update_is_learning_rate_times_the_gradient():
    cgp, data = multi_neuron(learning_rate=0.01)
    x, labels = np.array(data[0][:3] + data[1][:3]) / 10, np.array([0, 0, 0, 1, 1, 1])
    cgp._start_multi_neuron()
    names = list(cgp.vals_for_learnable_params)
    begin = [*cgp.vals_for_learnable_params.values(), *cgp.bias[1], *cgp.bias[2]]

    def loss(numbers):
        cgp.vals_for_learnable_params = dict(zip(names, numbers, strict=False))
        cgp.bias = {1: list(numbers[10:12]), 2: [numbers[12]]}
        cgp.forward_prop_multi_neuron_model(x)
        return float(np.mean((labels - cgp.forw_prop_vals_at_layers[2][:, 0]) ** 2))

    gradient = numerical_gradient(loss, begin)
    loss(begin)
    cgp.backprop_and_update_params_multi_neuron_model(list(labels - cgp.forw_prop_vals_at_layers[2][:, 0]))
    end = [*cgp.vals_for_learnable_params.values(), *cgp.bias[1], *cgp.bias[2]]
    np.testing.assert_allclose(np.subtract(begin, end) / 0.01, gradient, rtol=1e-6, atol=1e-9)


def test_the_dag_learns_without_activations():
    cgp = dag_primer(dataset_size=1000, learning_rate=1e-5)  # ten times the rate, a tenth of the samples
    with printed() as out:
        cgp.train_on_all_data()
    assert np.mean(cgp.LOSS[:100]) > 20
    assert np.mean(cgp.LOSS[-100:]) < 5
    text = out.getvalue()
    assert len(re.findall(r"^=+  \[Forward Propagation\] Training with sample indexed: \d+ =+$", text, re.M)) == 9
    assert lines(text, "k=xw")[0].startswith("k=xw     v={'xa': {'ab': None, ")
    assert "np.float64" not in text


def test_a_step_of_the_dag_is_learning_rate_times_the_gradient():
    cgp = dag_primer(dataset_size=1, learning_rate=1e-3)
    with printed() as out:
        cgp.train_on_all_data()
    begin = eval(lines(out.getvalue(), "Initial")[0].partition(": ")[2])
    _, gradient = cgp.dag.gradient(cgp.dataset_input_samples[0], begin, cgp.true_output_vals[0])
    steps = {p: (begin[p] - cgp.vals_for_learnable_params[p]) / 1e-3 for p in begin}
    assert steps == pytest.approx(gradient, rel=1e-9)


def test_epochs_are_passes_over_the_samples():
    cgp = dag_primer(dataset_size=20, epochs=3)
    with printed():
        cgp.train_on_all_data()
    assert len(cgp.LOSS) == 60


def test_the_dag_recovers_what_the_data_determine():
    cgp = dag_primer()
    found = cgp.fit_all_data()
    assert found["ab"] + found["bc"] == pytest.approx(3, abs=1e-9)
    assert (found["ac"], found["cd"]) == pytest.approx((4, 3), abs=1e-9)
    assert cgp.vals_for_learnable_params is found


@pytest.mark.parametrize("differences", [False, True])
def test_the_tables_of_partials(differences):
    cgp = dag_primer(finite_differences=differences)
    cgp.vals_for_learnable_params = dict(TRUTH)
    outputs, to_param, to_var = cgp.forward_propagate_one_input_sample_with_partial_deriv_calc(0, {"xa": 0.5})
    assert outputs == {"xw": 3 * 0.25 + 2.75**3}
    assert to_var["xx"]["xa"] == pytest.approx(1.0001 if differences else 1.0, abs=1e-9)
    assert to_param["xy"]["xa"]["ac"] == pytest.approx(0.5)
    assert to_var["xw"]["xa"] is to_param["xw"]["xz"]["cd"] is None


def test_exact_partials_and_differences_side_by_side(capsys):
    cgp = dag_primer()
    cgp.vals_for_learnable_params = dict(TRUTH)
    found = cgp.compare_partials(3)
    assert len(found) == 11
    assert all(difference == pytest.approx(exact, rel=1e-2, abs=1e-3) for exact, difference in found.values())
    exact, difference = found["xx", "xa"]
    assert difference - exact == pytest.approx(1e-4, rel=1e-4)
    assert "dxx/dxa: exact" in capsys.readouterr().out


def test_a_rate_that_is_too_large_is_said():
    with (
        printed(),
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"learning_rate=0.1 is too large"),
    ):
        dag_primer(learning_rate=0.1).train_on_all_data()


def test_ground_truth_with_activations_is_never_negative():
    cgp = dag_primer()
    cgp.gen_gt_dataset_with_activations(vals_for_learnable_params=TRUTH)
    outputs = [sample["xw"] for sample in cgp.true_output_vals.values()]
    assert min(outputs) >= 0
    x = cgp.dataset_input_samples[0]["xa"]
    assert outputs[0] == pytest.approx(3 * x**2 + max(2 * x**2 + max(x**2 + 4 * x, 0), 0) ** 3)


def test_small_helpers():
    cgp = dag_primer()
    assert cgp.eval_expression("ab*xa^2-x1", {"xa": -0.5, "x1": 1}, {"ab": 2}) == -0.5
    assert cgp.eval_expression("ab*xa", {"xa": 3.0}, {"ab": 2}, ["xa"]) == 6.0
    assert cgp.calculate_loss(np.array([1.0, 2.0]), np.array([4.0, 6.0])) == 5.0
    assert cgp.calculate_loss(1.0, 3.0) == 2.0


def test_weights_may_be_shared_and_arcs_left_out():
    cgp, data = multi_neuron(
        layers_config=[2, 2, 1], expressions=["xw=a*xp-a*xq", "xz=2*b*xq", "xo=c*xw+d*xz"], learning_rate=0.5
    )
    with printed():
        cgp.run_training_loop_multi_neuron_model(data | {0: [v[:2] for v in data[0]], 1: [v[:2] for v in data[1]]})
    assert sorted(cgp.vals_for_learnable_params) == ["a", "b", "c", "d"]
    assert np.isfinite(cgp.LOSS).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda cgp: cgp.gen_training_data(),
        lambda cgp: cgp.train_on_all_data(),
        lambda cgp: cgp.display_DAG(),
        lambda cgp: cgp.run_training_loop_one_neuron_model({0: [[1.0]]}),
        lambda cgp: cgp.run_training_with_torchnn("one_neuron", {0: [[1.0]]}),
        lambda cgp: cgp.fit_all_data(),
    ],
)
def test_what_needs_a_graph_says_so_before_there_is_one(call):
    with pytest.raises(GraphError, match="call"):
        call(ComputationalGraphPrimer(expressions=["xw=ab*xa"], dataset_size=4, training_iterations=2))


def test_weights_without_values_are_said():
    cgp, data = multi_neuron()
    with pytest.raises(NeuronError, match="no values yet"):
        cgp.forward_prop_multi_neuron_model(data[0][:2])


def test_stopping_a_training_keeps_what_was_learned(monkeypatch):
    cgp, data = multi_neuron(training_iterations=100)

    def stop(self, i, loss):
        if i == 50:
            raise KeyboardInterrupt

    monkeypatch.setattr("edf_course.cgp.neurons.RunningLoss.add", stop)
    with pytest.raises(KeyboardInterrupt):
        cgp.run_training_loop_multi_neuron_model(data)
    seed(7)
    cgp.gen_training_data()
    begin = {p: random.uniform(0, 1) for p in sorted(cgp.learnable_params)}
    assert cgp.vals_for_learnable_params.keys() == begin.keys()
    assert cgp.vals_for_learnable_params != begin
