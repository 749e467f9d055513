"""ComputationalGraphPrimer in its users' programs: subclasses that override its methods, scripts, windows."""

import random
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from matplotlib import pyplot as plt

from edf_course.cgp import ComputationalGraphPrimer
from tests.cgp.cases import DAG_EXPRESSIONS, TRUTH, dag_primer, lines, multi_neuron, numbers, one_neuron, printed, seed

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


# ---------------------------------------------------------------------- scripts and windows

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


@pytest.mark.parametrize(("backend", "shown"), [("agg", 0), ("TkAgg", 1), ("module://ipympl.backend_nbagg", 1)])
def test_a_picture_is_shown_only_where_there_is_something_to_show_it(backend, shown, monkeypatch):
    calls = []
    monkeypatch.setattr(plt, "get_backend", lambda: backend)
    monkeypatch.setattr(plt, "show", lambda: calls.append(1))
    dag_primer().display_DAG()
    assert len(calls) == shown
