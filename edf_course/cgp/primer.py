"""ComputationalGraphPrimer: the published names, a thin face over the rooms of this package.

    from edf_course.cgp import ComputationalGraphPrimer

    cgp = ComputationalGraphPrimer(
        one_neuron_model=True, expressions=["xw=ab*xa+bc*xb+cd*xc+ac*xd"], output_vars=["xw"],
        dataset_size=5000, learning_rate=1e-1, training_iterations=2000, batch_size=8,
    )
    cgp.parse_expressions()
    cgp.run_training_loop_one_neuron_model(cgp.gen_training_data())

Source: Kak, slides 32-104, and the published module, version 1.1.5 (Avinash Kak, Purdue University), whose interface it
keeps: a program written for it runs after its import is changed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edf_course.cgp import as_published
from edf_course.cgp.customization import AutogradCustomization
from edf_course.cgp.expression import Exp, parse
from edf_course.cgp.graph_primer import GraphPrimer
from edf_course.cgp.neurons import Batches, Forward, Network, NeuronError, RunningLoss, targets
from edf_course.cgp.trainer import Trainer

TrainingData = Mapping[int, Sequence[Any]]


class ComputationalGraphPrimer(GraphPrimer):
    """Handcrafted graphs and networks from expressions: names that begin with x are nodes, others learnable parameters.

    Takes the published keywords, and three more: `activation` (sigmoid, tanh, relu, linear, or a list with one for
    each layer after the inputs); `finite_differences` (a DAG's partials by differences, as in the lecture); and
    `as_published`, which computes as version 1.1.5 does, faults included (see as_published.py), where by default the
    arithmetic is right.

    Made to be subclassed: the training loops call forward_prop_... and backprop_and_update_params_... for each batch,
    so either can be replaced. All state is in public attributes: vals_for_learnable_params (name -> number), bias (a
    number for one neuron, {layer: [numbers]} for several), forw_prop_vals_at_layers and gradient_vals_for_layers
    ({layer: (B, n)}), layer_vars, layer_params, learning_rate, batch_size. Random numbers come from Python's `random`
    and from `numpy.random`, in the published order, so that a script that seeds both gets the data and the start that
    it got there.
    """

    AutogradCustomization = AutogradCustomization
    AutoGradCustomization = AutogradCustomization  # as slide 96 spells it

    bias: Any = None
    _network: Network | None = None  # the layers
    _neuron: Network | None = None
    _neuron_of: list[Exp] | None = None  # the expressions that _neuron was made of

    def parse_multi_layer_expressions(self) -> None:
        """Read the expressions of a layered network; num_layers and layers_config say how many neurons each layer has.

        Sets, besides what parse_expressions sets, layer_vars {0: inputs, 1: …}, layer_params {1: [[weights of a
        neuron]]}, layer_expressions, layer_exp_objects and all_params.
        Raises: ExpressionError; NeuronError where the expressions do not fit layers_config.
        Source: Kak, slides 64-66.
        """
        config = list(self._need("layers_config"))
        if len(config) != self._need("num_layers") or len(config) < 2:
            raise NeuronError(f"layers_config {config} has {len(config)} layers, but num_layers is {self.num_layers}.")
        self.parse_expressions()
        if sum(config[1:]) != len(self.exp_objects):
            raise NeuronError(
                f"layers_config {config} asks for {sum(config[1:])} expressions, one for each neuron after the inputs, "
                f"but there are {len(self.exp_objects)}."
            )
        ends = np.cumsum(config[1:]).tolist()
        layers = [self.exp_objects[end - n : end] for n, end in zip(config[1:], ends, strict=True)]
        self._network = Network(layers, self.activation)
        if self._network.sizes[0] != config[0]:
            names = self._network.layer_vars[0]
            raise NeuronError(f"layers_config {config} asks for {config[0]} inputs, but the expressions name {names}.")
        self.layer_exp_objects = dict(enumerate(layers, 1))
        self.layer_expressions = {i: [exp.exp for exp in layer] for i, layer in self.layer_exp_objects.items()}
        self.layer_vars = dict(enumerate(self._network.layer_vars))
        self.layer_params = dict(enumerate(self._network.layer_params, 1))
        self.all_params = list(self._network.parameters)

    def gen_training_data(self) -> dict[int, list[np.ndarray]]:
        """Return {0: samples, 1: samples}, dataset_size/2 each: Gaussians of mean 2 and deviation 1, and of 4 and 2.

        Source: Kak, slide 53.
        """
        n = self._need("dataset_size") // 2
        drawn = np.random.standard_normal((n, 2, len(self.dag.inputs)))  # noqa: NPY002  # the published order
        self.training_data = {0: list(drawn[:, 0] + 2.0), 1: list(drawn[:, 1] * 2 + 4.0)}
        return self.training_data

    # ------------------------------------------------------------------ one neuron

    def run_training_loop_one_neuron_model(self, training_data: TrainingData | None = None) -> None:
        """Train the neuron from random numbers in (0, 1); print the mean loss and draw it.

        LOSS gets the mean of every display_loss_how_often losses.
        Source: Kak, slide 57.
        """
        self._start_one_neuron()
        batches, meter = self._batches(training_data), self._meter()
        if self._may_train_fast(
            self._one_neuron, "forward_prop_one_neuron_model", "backprop_and_update_params_one_neuron_model"
        ):
            self._train(self._one_neuron, [[self.bias]], batches, meter)
        else:
            for i in range(self._need("training_iterations")):
                x, labels = batches.next()
                y_preds, deriv_sigmoids = self.forward_prop_one_neuron_model(x)
                y_errors = labels - np.asarray(y_preds)
                meter.add(i, float(y_errors @ y_errors) / len(y_errors))
                self.backprop_and_update_params_one_neuron_model(x, y_preds, y_errors, deriv_sigmoids)
        self._finish(meter)

    def forward_prop_one_neuron_model(self, data_tuples_in_batch: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the neuron's outputs and its activation's slopes, both (B,), for a batch (B, n_in).

        Source: Kak, slides 58, 60; Eq. (16), (19).
        """
        network = self._one_neuron
        weights = network.weights(self._weights())
        passed = network.forward(np.asarray(data_tuples_in_batch, dtype=float), weights, [self.bias])
        return passed.values[1][:, 0], passed.slopes[0][:, 0]

    def backprop_and_update_params_one_neuron_model(
        self, data_tuples_in_batch: Any, predictions: Any, y_errors_in_batch: Any, deriv_sigmoids: Any
    ) -> None:
        """Take one step down the gradient of the batch's mean squared error, Eq. (21).

        Shapes: data (B, n_in); predictions, errors (label - prediction) and slopes (B,).
        Where we differ: slide 59 goes up in the weights, drops the factor 2, and takes for the bias a product of
        means.
        """
        x = np.asarray(data_tuples_in_batch, dtype=float)
        errors, slopes = np.asarray(y_errors_in_batch, dtype=float), np.asarray(deriv_sigmoids, dtype=float)
        if self.as_published:
            step, bias_step = as_published.one_neuron_step(x, errors, slopes)
        else:
            passed = Forward([x], [slopes[:, None]])
            (step,), ((bias_step,),) = self._one_neuron.gradient(passed, [], -errors[:, None])
        self._add(self._one_neuron, self._one_neuron.by_weight([step.reshape(1, -1)]))
        self.bias = float(self.bias + self.learning_rate * bias_step)

    def _start_one_neuron(self) -> None:
        if len(self.dag.expressions) != 1:
            raise NeuronError(f"a one-neuron model has one expression, but there are {len(self.dag.expressions)}.")
        self.vals_for_learnable_params = {p: random.uniform(0, 1) for p in self.learnable_params}
        self.bias = random.uniform(0, 1)

    @property
    def _one_neuron(self) -> Network:
        if self._neuron is None or self._neuron_of is not self.exp_objects:
            self._neuron_of = self.exp_objects
            self._neuron = Network([self.exp_objects], self.activation, self.independent_vars)
        return self._neuron

    # ------------------------------------------------------------------ several neurons

    def run_training_loop_multi_neuron_model(self, training_data: TrainingData | None = None) -> None:
        """Train the layered network from random numbers in (0, 1); print the mean loss and draw it.

        With one output it is to be the class number; with several there is one for each class.
        Source: Kak, slide 67 (whose call passes the labels for the errors).
        """
        self._start_multi_neuron()
        batches, meter = self._batches(training_data), self._meter()
        if self._may_train_fast(
            self._layered, "forward_prop_multi_neuron_model", "backprop_and_update_params_multi_neuron_model"
        ):
            self._train(self._layered, list(self.bias.values()), batches, meter)
        else:
            n_outputs = self._layered.sizes[-1]
            for i in range(self._need("training_iterations")):
                x, labels = batches.next()
                self.forward_prop_multi_neuron_model(x)
                y_preds = np.asarray(self.forw_prop_vals_at_layers[len(self.layer_vars) - 1])
                y_errors = targets(labels, n_outputs) - (y_preds[:, 0] if n_outputs == 1 else y_preds)
                meter.add(i, float(np.vdot(y_errors, y_errors)) / len(y_errors))
                self.backprop_and_update_params_multi_neuron_model(y_errors)
        self._finish(meter)

    def forward_prop_multi_neuron_model(self, data_tuples_in_batch: Any) -> None:
        """Send a batch (B, n_in) through the layers.

        Leaves forw_prop_vals_at_layers {layer: outputs (B, n)}, with the data at 0, and gradient_vals_for_layers
        {layer: slopes of the activation (B, n)}.
        Source: Kak, slides 68-69.
        """
        network = self._layered
        weights = network.weights(self._weights())
        biases = [self.bias[layer] for layer in self.layer_exp_objects]
        passed = network.forward(np.asarray(data_tuples_in_batch, dtype=float), weights, biases)
        self.forw_prop_vals_at_layers = dict(enumerate(passed.values))
        self.gradient_vals_for_layers = dict(enumerate(passed.slopes, 1))

    def backprop_and_update_params_multi_neuron_model(self, y_errors: Any) -> None:
        """Take one step down the gradient of the batch's mean squared error.

        Shapes: y_errors = targets - outputs, (B,) for one output, (B, n_out) for several.
        Where we differ: slides 77-81 pass the error back without the activation's slope, take another layer's slopes
        for the hidden biases, and leave the output's bias where it is.
        """
        network = self._layered
        weights = network.weights(self._weights())
        values = [np.asarray(v) for v in self.forw_prop_vals_at_layers.values()]
        passed = Forward(values, [np.asarray(s) for s in self.gradient_vals_for_layers.values()])
        errors = np.asarray(y_errors, dtype=float)
        if errors.ndim == 1:
            errors = errors[:, None]
        if self.as_published:
            by_matrix, bias_steps = as_published.multi_neuron_step(passed, weights, errors)
        else:
            by_matrix, bias_steps = network.gradient(passed, weights, -errors)  # the minus: against the gradient
        self._add(network, network.by_weight(by_matrix))
        for layer, step in enumerate(bias_steps, 1):
            self.bias[layer] = (self.learning_rate * step + self.bias[layer]).tolist()

    def _start_multi_neuron(self) -> None:
        self.vals_for_learnable_params = {p: random.uniform(0, 1) for p in sorted(self._layered.parameters)}
        self.bias = {layer: [random.uniform(0, 1) for _ in names] for layer, names in self.layer_vars.items() if layer}

    @property
    def _layered(self) -> Network:
        if self._network is None:
            raise NeuronError("there are no layers yet: call parse_multi_layer_expressions() first.")
        return self._network

    # ------------------------------------------------------------------ torch.nn

    def run_training_with_torchnn(self, option: str, training_data: TrainingData | None = None) -> None:
        """Train the handcrafted network and the same one in torch.nn side by side, and draw both curves.

        `option` is 'one_neuron' or 'multi_neuron'; the latter is the parsed layers, or without layers_config a network
        with 2 hidden neurons and 1 output. `verification` keeps the losses of both, and the largest difference of any
        gradient in any step (about 1e-16). With as_published=True only the net of slide 87 is trained, as there.
        Source: Kak, slides 83-89; differences in torch_twin.py.
        """
        from edf_course.cgp import torch_twin

        if option not in ("one_neuron", "multi_neuron"):
            raise ValueError(f"option is 'one_neuron' or 'multi_neuron', not {option!r}.")
        n, rate, every = self._need("training_iterations"), self.learning_rate, self.display_loss_how_often
        if self.as_published:
            batches, meter = self._batches(training_data), self._meter()
            model = torch_twin.published_net(option, len(self.dag.inputs), len(self.dag.expressions))
            torch_twin.train_published(model, batches, n, rate, meter)
            self._finish(meter)
            return
        if option == "one_neuron":
            self._start_one_neuron()
            network, biases = self._one_neuron, [[self.bias]]
        else:
            if self._network is None:
                self._make_default_layers()
            self._start_multi_neuron()
            network, biases = self._layered, list(self.bias.values())
        self.verification = torch_twin.verify(
            network, self._weights(), biases, self._batches(training_data), n, rate, every
        )
        print(f"\nlargest difference between the gradients: {self.verification.gradient_difference:.1e}")
        self.LOSS, self._loss_every = self.verification.losses, every
        curves = {"handcrafted": self.LOSS, "torch.nn": self.verification.torch_losses}
        self.draw_losses(curves, every, f"{option}: handcrafted and torch.nn")

    def _make_default_layers(self, n_hidden: int = 2) -> None:
        hidden = [_neuron(f"xh{j}", f"w{j}", self.independent_vars) for j in range(n_hidden)]
        output = _neuron("xout", "wout", [exp.dependent_var for exp in hidden])
        self._network = Network([hidden, [output]], self.activation, self.independent_vars)
        self.layer_vars = dict(enumerate(self._network.layer_vars))

    # ------------------------------------------------------------------ pictures and helpers

    def display_one_neuron_network(self) -> None:
        """Draw the neuron: inputs on the left, weights on the arcs. Source: Kak, slide 56."""
        self._draw_graph("One neuron")

    def display_multi_neuron_network(self) -> None:
        """Draw the layers: inputs on the left, weights on the arcs. Source: Kak, slide 66."""
        self._draw_graph(f"Layers of {', '.join(map(str, self._layered.sizes))}")

    def _batches(self, training_data: TrainingData | None) -> Batches:
        data = self.training_data if training_data is None else training_data
        if data is None:
            raise NeuronError("there are no training data yet: call gen_training_data() first.")
        return (as_published.PublishedBatches if self.as_published else Batches)(data, self.batch_size)

    def _meter(self) -> RunningLoss:
        return (as_published.PublishedRunningLoss if self.as_published else RunningLoss)(self.display_loss_how_often)

    def _finish(self, meter: RunningLoss) -> None:
        self.LOSS, self._loss_every = meter.record, meter.every
        self.draw_losses({"loss": meter.record}, meter.every, "Loss vs. training iterations")

    def _may_train_fast(self, network: Network, *methods: str) -> bool:
        """Whether nobody has replaced these methods: then the Trainer, which does the same faster, may stand in."""
        ours = (getattr(ComputationalGraphPrimer, name) for name in methods)
        theirs = (getattr(getattr(self, name), "__func__", None) for name in methods)
        inherited = all(a is b for a, b in zip(ours, theirs, strict=True))
        return inherited and network.is_dense and not self.as_published

    def _train(self, network: Network, biases: list[list[float]], batches: Batches, meter: RunningLoss) -> None:
        weights = self._weights()
        trainer = Trainer(network, weights, biases, self.batch_size)
        try:
            trainer.train(batches, self._need("training_iterations"), self.learning_rate, meter)
        finally:  # also when somebody stops it
            learned, biases = trainer.numbers()
            weights.update(learned)
            self.bias = biases[0][0] if network is self._neuron else dict(enumerate(biases, 1))

    def _weights(self) -> dict[str, float]:
        if self.vals_for_learnable_params is None or self.bias is None:
            raise NeuronError(
                "the weights have no values yet: run a training loop, or set vals_for_learnable_params and bias."
            )
        return self.vals_for_learnable_params

    def _add(self, network: Network, steps: np.ndarray) -> None:
        values, rate = self._weights(), self.learning_rate
        for p, step in zip(network.parameters, steps.tolist(), strict=True):
            values[p] += rate * step


def _neuron(name: str, weight: str, inputs: Sequence[str]) -> Exp:
    return parse(f"{name}=" + "+".join(f"{weight}_{i}*{v}" for i, v in enumerate(inputs)))
