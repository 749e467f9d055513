"""ComputationalGraphPrimer as its users know it: constructor, attributes, prints, subclasses, scripts, windows."""

import random
import re
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from matplotlib import pyplot as plt

from edf_course.calculus import numerical_gradient
from edf_course.cgp import ComputationalGraphPrimer, ExpressionError, GraphError, NeuronError
from tests.cgp.cases import DAG_EXPRESSIONS, MULTI_NEURON, ONE_NEURON, TRUTH, lines, numbers, printed, seed


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close("all")


def one_neuron(make=ComputationalGraphPrimer, **options):
    seed(7)
    cgp = make(**{**ONE_NEURON, **options})
    cgp.parse_expressions()
    return cgp, cgp.gen_training_data()


def multi_neuron(make=ComputationalGraphPrimer, **options):
    seed(7)
    cgp = make(**{**MULTI_NEURON, **options})
    cgp.parse_multi_layer_expressions()
    return cgp, cgp.gen_training_data()


def dag_primer(**options):
    seed(7)
    given = {"expressions": DAG_EXPRESSIONS, "output_vars": ["xw"], "dataset_size": 200, **options}
    cgp = ComputationalGraphPrimer(**given)
    cgp.parse_general_dag_expressions()
    cgp.gen_gt_dataset(vals_for_learnable_params=TRUTH)
    return cgp


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


def test_the_dag_learns_as_errata_e18_says():
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


# ---------------------------------------------------------------------- subclasses


class Replaced(ComputationalGraphPrimer):
    """Replaces what students replace, doing the same as before: so the slower way through the methods is taken."""

    def backprop_and_update_params_one_neuron_model(self, *args):
        super().backprop_and_update_params_one_neuron_model(*args)

    def backprop_and_update_params_multi_neuron_model(self, y_errors):
        super().backprop_and_update_params_multi_neuron_model(y_errors)


@pytest.mark.parametrize("kind", ["one", "multi"])
def test_the_fast_way_and_the_way_through_the_methods_agree(kind):
    results = []
    for make in (ComputationalGraphPrimer, Replaced):
        cgp, data = (one_neuron if kind == "one" else multi_neuron)(make, learning_rate=0.5)
        with printed():
            getattr(cgp, f"run_training_loop_{kind}_neuron_model")(data)
        results.append(cgp)
    fast, slow = results
    assert pytest.approx(slow.LOSS, rel=1e-10) == fast.LOSS
    assert fast.vals_for_learnable_params == pytest.approx(slow.vals_for_learnable_params, rel=1e-10)
    assert numbers(fast.bias) == pytest.approx(numbers(slow.bias), rel=1e-10)


class WithMomentum(ComputationalGraphPrimer):
    """The homework: a step-size rule of one's own, in the published interface only."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.velocity, self.bias_velocity = {}, 0.0

    def backprop_and_update_params_one_neuron_model(
        self, data_tuples_in_batch, predictions, y_errors_in_batch, deriv_sigmoids
    ):
        var_of = {param: var for var, param in self.var_to_var_param[self.output_vars[0]].items()}
        for param in self.vals_for_learnable_params:
            gradient = 0.0
            for j in range(self.batch_size):
                inputs = dict(zip(self.independent_vars, list(data_tuples_in_batch[j]), strict=True))
                gradient -= 2 * y_errors_in_batch[j] * inputs[var_of[param]] * deriv_sigmoids[j] / self.batch_size
            self.velocity[param] = 0.9 * self.velocity.get(param, 0.0) + gradient
            self.vals_for_learnable_params[param] -= self.learning_rate * self.velocity[param]
        gradient = -2 * sum(e * s for e, s in zip(y_errors_in_batch, deriv_sigmoids, strict=True)) / self.batch_size
        self.bias_velocity = 0.9 * self.bias_velocity + gradient
        self.bias -= self.learning_rate * self.bias_velocity


def test_a_students_momentum_is_used_and_learns_faster():
    losses = []
    for make in (ComputationalGraphPrimer, WithMomentum):
        cgp, data = one_neuron(make, learning_rate=0.1, training_iterations=400)
        with printed():
            cgp.run_training_loop_one_neuron_model(data)
        losses.append(cgp.LOSS[-1])
    assert losses[1] < losses[0] - 0.02


class OwnLoop(ComputationalGraphPrimer):
    """A training loop of one's own around the library's forward and backward, with plain dicts and lists."""

    def run_training_loop_multi_neuron_model(self, training_data):
        self.vals_for_learnable_params = {param: random.uniform(0, 1) for param in sorted(self.learnable_params)}
        self.bias = {i: [random.uniform(0, 1) for _ in range(self.layers_config[i])] for i in range(1, self.num_layers)}
        samples = [(item, label) for label in training_data for item in training_data[label]]
        for _ in range(self.training_iterations):
            batch = random.sample(samples, self.batch_size)
            self.forward_prop_multi_neuron_model([item / 10 for item, _ in batch])
            y_preds = [y for outputs in self.forw_prop_vals_at_layers[self.num_layers - 1] for y in outputs]
            y_errors = [label - y for (_, label), y in zip(batch, y_preds, strict=True)]
            self.LOSS.append(sum(e**2 for e in y_errors) / self.batch_size)
            self.backprop_and_update_params_multi_neuron_model(y_errors)


def test_a_students_own_loop_runs():
    cgp, data = multi_neuron(OwnLoop, learning_rate=0.5, training_iterations=800)
    cgp.run_training_loop_multi_neuron_model(data)
    assert np.mean(cgp.LOSS[-100:]) < np.mean(cgp.LOSS[:100]) - 0.05


class OwnBackprop(ComputationalGraphPrimer):
    """Backprop of several neurons by hand, sample by sample, from what the forward pass left."""

    def backprop_and_update_params_multi_neuron_model(self, y_errors):
        steps, bias_steps = dict.fromkeys(self.all_params, 0.0), {i: [0.0] * len(b) for i, b in self.bias.items()}
        for b in range(self.batch_size):
            back = [-2 * y_errors[b] / self.batch_size]
            for layer in reversed(range(1, self.num_layers)):
                delta = [e * s for e, s in zip(back, self.gradient_vals_for_layers[layer][b], strict=True)]
                inputs = self.forw_prop_vals_at_layers[layer - 1][b]
                rows = self.layer_params[layer]
                for j, row in enumerate(rows):
                    bias_steps[layer][j] += delta[j]
                    for param, value in zip(row, inputs, strict=True):
                        steps[param] += delta[j] * value
                back = [
                    sum(self.vals_for_learnable_params[row[k]] * d for row, d in zip(rows, delta, strict=True))
                    for k in range(len(inputs))
                ]
        for param, step in steps.items():
            self.vals_for_learnable_params[param] -= self.learning_rate * step
        for layer, steps_of_layer in bias_steps.items():
            for k, step in enumerate(steps_of_layer):
                self.bias[layer][k] -= self.learning_rate * step


def test_a_students_backprop_by_hand_gives_what_the_library_gives():
    results = []
    for make in (ComputationalGraphPrimer, OwnBackprop):
        cgp, data = multi_neuron(make)
        with printed():
            cgp.run_training_loop_multi_neuron_model(data)
        results.append(cgp)
    assert pytest.approx(results[1].LOSS, rel=1e-9) == results[0].LOSS
    assert numbers(results[0].bias) == pytest.approx(numbers(results[1].bias), rel=1e-9)


class Differences(ComputationalGraphPrimer):
    """A forward pass of one's own in the DAG: its partials are the ones that are used."""

    def forward_propagate_one_input_sample_with_partial_deriv_calc(self, sample_index, input_vals_for_ind_vars):
        outputs, to_param, to_var = super().forward_propagate_one_input_sample_with_partial_deriv_calc(
            sample_index, input_vals_for_ind_vars
        )
        to_param["xw"]["xx"]["cd"] = 0.0
        return outputs, to_param, to_var


def test_a_students_partials_are_used():
    seed(7)
    cgp = Differences(expressions=DAG_EXPRESSIONS, dataset_size=50, learning_rate=1e-4)
    cgp.parse_expressions()
    cgp.gen_gt_dataset(TRUTH)
    with printed() as out:
        cgp.train_on_all_data()
    begin = eval(lines(out.getvalue(), "Initial")[0].partition(": ")[2])
    assert cgp.vals_for_learnable_params["cd"] == begin["cd"]
    assert cgp.vals_for_learnable_params["ab"] != begin["ab"]


def test_weights_may_be_shared_and_arcs_left_out():
    cgp, data = multi_neuron(
        layers_config=[2, 2, 1], expressions=["xw=a*xp-a*xq", "xz=2*b*xq", "xo=c*xw+d*xz"], learning_rate=0.5
    )
    with printed():
        cgp.run_training_loop_multi_neuron_model(data | {0: [v[:2] for v in data[0]], 1: [v[:2] for v in data[1]]})
    assert sorted(cgp.vals_for_learnable_params) == ["a", "b", "c", "d"]
    assert np.isfinite(cgp.LOSS).all()


# ---------------------------------------------------------------------- scripts, windows, imports

SCRIPTS = {
    "graph": """
        import random
        random.seed(0)
        from edf_course.cgp import *
        cgp = ComputationalGraphPrimer(
            expressions=["xx=xa^2", "xy=ab*xx+ac*xa", "xz=bc*xx+xy", "xw=cd*xx+xz^3"], output_vars=["xw"],
            dataset_size=300, learning_rate=1e-6, display_loss_how_often=100, grad_delta=1e-4)
        cgp.parse_general_dag_expressions()
        cgp.display_DAG(); cgp.display_network1(); cgp.display_network2()
        cgp.gen_gt_dataset(vals_for_learnable_params={"ab": 1.0, "bc": 2.0, "cd": 3.0, "ac": 4.0})
        cgp.train_on_all_data()
        cgp.plot_loss()
    """,
    "one": """
        import random, numpy
        random.seed(0); numpy.random.seed(0)
        from edf_course.cgp import *
        cgp = ComputationalGraphPrimer(
            one_neuron_model=True, expressions=["xw=ab*xa+bc*xb+cd*xc+ac*xd"], output_vars=["xw"], dataset_size=200,
            learning_rate=1e-3, training_iterations=200, batch_size=8, display_loss_how_often=100, debug=True)
        cgp.parse_expressions()
        cgp.display_one_neuron_network()
        cgp.run_training_loop_one_neuron_model(cgp.gen_training_data())
        cgp.plot_loss()
    """,
    "multi": """
        import random, numpy
        random.seed(100); numpy.random.seed(100)
        from edf_course.cgp import *
        cgp = ComputationalGraphPrimer(
            num_layers=3, layers_config=[4, 2, 1],
            expressions=["xw=ap*xp+aq*xq+ar*xr+as*xs", "xz=bp*xp+bq*xq+br*xr+bs*xs", "xo=cp*xw+cq*xz"],
            output_vars=["xo"], dataset_size=200, learning_rate=9e-2, training_iterations=200, batch_size=8,
            display_loss_how_often=100, debug=True)
        cgp.parse_multi_layer_expressions()
        cgp.display_multi_neuron_network()
        cgp.run_training_loop_multi_neuron_model(cgp.gen_training_data())
        import sys
        assert "torch" not in sys.modules
    """,
    "torch": """
        import random, numpy, torch
        random.seed(0); numpy.random.seed(0); torch.manual_seed(0)
        from edf_course.cgp import *
        cgp = ComputationalGraphPrimer(
            for_verification_only=True, expressions=["xw=ab*xa+bc*xb+cd*xc+ac*xd"], dataset_size=200,
            learning_rate=1e-6, training_iterations=200, batch_size=8, display_loss_how_often=100)
        cgp.parse_expressions()
        cgp.run_training_with_torchnn("multi_neuron", cgp.gen_training_data())
        ext_auto = ComputationalGraphPrimer.AutogradCustomization(
            cgp=ComputationalGraphPrimer(learning_rate=1e-6, epochs=1), num_samples_per_class=100)
        ext_auto.gen_training_data()
        ext_auto.train_with_straight_autograd()
        ext_auto.train_with_extended_autograd()
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_with_the_published_calls_runs_and_no_window_holds_it_up(name, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPTS[name]))
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert {"graph": "[sample index: 200]", "torch": "epoch=0 i=199 "}.get(name, "[iter=200]  loss = ") in done.stdout
    assert time.perf_counter() - begin < 100


def test_pictures_have_axes_labels_and_names():
    cgp, data = multi_neuron()
    cgp.display_multi_neuron_network()
    texts = {text.get_text() for text in plt.gcf().axes[0].texts}
    assert {"xp", "xo", "as", "cq"} <= texts
    with printed():
        cgp.run_training_loop_multi_neuron_model(data)
    axes = plt.gcf().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "loss")
    assert axes.lines[0].get_xydata().tolist() == [[50 * (i + 1), loss] for i, loss in enumerate(cgp.LOSS)]


@pytest.mark.parametrize(("backend", "shown"), [("agg", 0), ("TkAgg", 1), ("inline", 1)])
def test_a_picture_is_shown_only_where_there_is_something_to_show_it(backend, shown, monkeypatch):
    calls = []
    monkeypatch.setattr(plt, "get_backend", lambda: backend)
    monkeypatch.setattr(plt, "show", lambda: calls.append(1))
    dag_primer().display_DAG()
    assert len(calls) == shown


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
