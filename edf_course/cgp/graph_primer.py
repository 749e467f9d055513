"""The half of ComputationalGraphPrimer that is about graphs: constructor, parsing, the general DAG and its training."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from edf_course.cgp import as_published
from edf_course.cgp.dag import DAG, GraphError
from edf_course.cgp.expression import Exp, Formula, Partials, parse

Table = dict[str, dict[str, Any]]

OPTIONS: dict[str, Any] = {  # the published keywords with their defaults, then ours
    "expressions": None,
    "output_vars": None,
    "dataset_size": None,
    "grad_delta": 1e-4,
    "learning_rate": 1e-6,
    "display_loss_how_often": 100,
    "one_neuron_model": False,
    "training_iterations": None,
    "batch_size": 4,
    "num_layers": None,
    "layers_config": None,
    "epochs": None,
    "for_verification_only": False,
    "debug": False,
    "as_published": False,
    "activation": "sigmoid",
    "finite_differences": False,
}


class GraphPrimer:
    """What ComputationalGraphPrimer does with graphs; see there."""

    expressions: list[str] | None
    output_vars: list[str] | None
    dataset_size: int | None
    grad_delta: float
    learning_rate: float
    display_loss_how_often: int
    one_neuron_model: bool
    training_iterations: int | None
    batch_size: int
    num_layers: int | None
    layers_config: list[int] | None
    epochs: int | None
    for_verification_only: bool
    debug: bool
    as_published: bool
    activation: str | Sequence[str]
    finite_differences: bool

    def __init__(self, *args: Any, **options: Any) -> None:
        if args:
            raise ValueError(f"ComputationalGraphPrimer takes keyword arguments only: {', '.join(OPTIONS)}.")
        for name in options:
            if name not in OPTIONS:
                near = difflib.get_close_matches(name, OPTIONS, n=1)
                hint = f"; did you mean {near[0]}?" if near else f". It knows {', '.join(OPTIONS)}."
                raise ValueError(f"ComputationalGraphPrimer has no keyword {name}{hint}")
        for name, default in OPTIONS.items():
            value = options.get(name)
            setattr(self, name, default if value is None else value)
        self.vals_for_learnable_params: dict[str, float] | None = None
        self.LOSS: list[float] = []
        self.dataset_input_samples: dict[int, dict[str, float]] = {}
        self.true_output_vals: dict[int, dict[str, float]] = {}
        self.training_data: dict[int, list[np.ndarray]] | None = None
        self._dag: DAG | None = None
        self._loss_every = 1  # iterations for one entry of LOSS

    @cached_property
    def device(self) -> Any:
        """torch's device, a GPU where there is one."""
        import torch

        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")

    # ------------------------------------------------------------------ parsing

    def parse_expressions(self) -> None:
        """Read the expressions, and set the attributes that describe the graph.

        These are depends_on, leads_to, all_vars, independent_vars, dependent_vars, learnable_params, output_vars,
        exp_objects, expressions_dict, var_to_var_param, var_to_int_labels, input_size and output_size. Where no
        output_vars were given, they are those that lead nowhere.
        Raises: ExpressionError, which points at the place; GraphError.
        Source: Kak, slides 42-45.
        """
        dag = DAG([parse(text) for text in self._need("expressions")], self.output_vars)
        self._dag = dag
        self.exp_objects: list[Exp] = list(dag.expressions.values())
        self.expressions_dict = {v: exp.body for v, exp in dag.expressions.items()}
        self.depends_on, self.leads_to = dag.depends_on, dag.leads_to
        self.all_vars = list(dag.variables)
        self.independent_vars = list(dag.inputs)
        if self.as_published:  # a set there: its order, and so which column belongs to which name, varies between runs
            self.independent_vars = [v for v in set(dag.variables) if v not in dag.expressions]
        self.dependent_vars = list(dag.expressions)
        self.learnable_params = list(dag.parameters)
        self.output_vars = list(dag.outputs)
        self.input_size, self.output_size = len(self.independent_vars), len(self.output_vars)
        self.var_to_var_param: dict[str, dict[str, str]] = {v: {} for v in dag.expressions}
        for node, variable, parameter in dag.arcs:
            if variable:
                self.var_to_var_param[node][variable] = parameter
        self.var_to_int_labels = {v: i for i, v in enumerate(dag.variables)}
        if self.debug:
            for name in ("all_vars", "learnable_params", "depends_on", "expressions_dict", "var_to_var_param",
                         "var_to_int_labels", "independent_vars", "leads_to"):  # fmt: skip
                print(f"\n\n{name}: {getattr(self, name)}")

    def parse_general_dag_expressions(self) -> None:
        """Read the expressions of a graph of any shape; the same as `parse_expressions`."""
        self.parse_expressions()

    @property
    def dag(self) -> DAG:
        """The graph that was parsed: its exact partials, gradients, paths, and the fit to data."""
        if self._dag is None:
            raise GraphError("there is no graph yet: call parse_expressions() first.")
        return self._dag

    # ------------------------------------------------------------------ the ground truth

    def gen_gt_dataset(self, vals_for_learnable_params: Mapping[str, float] | None = None) -> None:
        """Fill dataset_input_samples with random inputs in (-1, 1), and true_output_vals with the outputs they lead to.

        Source: Kak, slide 45. The published targets are wrong for every negative input, see as_published.py.
        """
        self._gen_gt_dataset(vals_for_learnable_params or {}, relu=False)

    def gen_gt_dataset_with_activations(self, vals_for_learnable_params: Mapping[str, float] | None = None) -> None:
        """Do as gen_gt_dataset does, with a ReLU at each computed node."""
        self._gen_gt_dataset(vals_for_learnable_params or {}, relu=True)

    def _gen_gt_dataset(self, parameters: Mapping[str, float], relu: bool) -> None:
        dag, n = self.dag, self._need("dataset_size")
        samples = [{v: random.uniform(-1, 1) for v in self.independent_vars} for _ in range(n)]
        if self.as_published:
            outputs = [as_published.forward(dag, sample, parameters, relu) for sample in samples]
        else:
            columns = {v: np.array([sample[v] for sample in samples]) for v in dag.inputs}
            values = dag.forward(columns, parameters, relu)
            rows = zip(*(np.broadcast_to(values[v], n).tolist() for v in dag.outputs), strict=True)
            outputs = [dict(zip(dag.outputs, row, strict=True)) for row in rows]
        self.dataset_input_samples = dict(enumerate(samples))
        self.true_output_vals = {i: {v: values[v] for v in dag.outputs} for i, values in enumerate(outputs)}

    # ------------------------------------------------------------------ training

    def train_on_all_data(self) -> None:
        """Train the DAG on the ground truth, one sample after the other, from random parameters in (0, 1).

        Each step goes down the gradient of that sample's squared error over every path; `epochs` passes (one, if none
        were asked for). LOSS gets the size of each error, and every display_loss_how_often samples all is printed.
        Source: Kak, slides 46-50. There the error does not enter the update, and it is said that such a graph cannot
        learn without activations; it does. ab and bc are found only as a sum, for both multiply x² in the cube.
        """
        dag = self.dag
        self.vals_for_learnable_params = {p: random.uniform(0, 1) for p in self.learnable_params}
        print(f"\n\nInitial values for all learnable parameters: {self.vals_for_learnable_params}")
        passes = 1 if self.as_published else self.epochs or 1
        for index in [i for _ in range(passes) for i in range(self._need("dataset_size"))]:
            inputs, truth = self._sample(index)
            predicted, to_param, to_var = self.forward_propagate_one_input_sample_with_partial_deriv_calc(index, inputs)
            errors = {v: truth[v] - predicted[v] for v in dag.outputs}
            loss = float(np.linalg.norm(list(errors.values())))
            if not np.isfinite(loss):
                raise FloatingPointError(
                    f"the loss of sample {index} is {loss}: learning_rate={self.learning_rate} is too large, or an "
                    "expression divides by 0."
                )
            self.LOSS.append(loss)
            direct = _from_tables(to_param, to_var)
            if self.as_published:
                steps = as_published.dag_step(dag, direct)
            else:
                steps = dag.backward(direct, {v: -2.0 * e for v, e in errors.items()})
            for p in self.learnable_params:
                self.vals_for_learnable_params[p] -= self.learning_rate * float(steps[p])
            if index > 0 and index % self.display_loss_how_often == 0:
                self._print_sample(index, inputs, predicted, loss, to_param, to_var)

    def forward_propagate_one_input_sample_with_partial_deriv_calc(
        self, sample_index: int, input_vals_for_ind_vars: Mapping[str, float]
    ) -> tuple[dict[str, float], dict[str, Table], Table]:
        """Return the outputs of one sample, and the direct partials of each node, by parameters and by variables.

        The tables are partials_by_parameter[node][variable][parameter], where the variable is the one at the other end
        of the arc, and partials_by_variable[node][variable]; None stands where there is no arc. They are exact, unless
        the constructor was given finite_differences=True: then they are differences by `grad_delta`, as in the
        lecture.
        Source: Kak, slides 46-51. None there is called undefined; it says that the arc is missing, while the *total*
        derivative exists and is a sum over paths.
        """
        dag, parameters = self.dag, self.vals_for_learnable_params or {}
        if self.as_published:
            values, direct = as_published.partials(dag, input_vals_for_ind_vars, parameters, self.grad_delta)
        elif self.finite_differences:
            values, direct = dag.differences(input_vals_for_ind_vars, parameters, self.grad_delta)
        else:
            values, direct = dag.partials(input_vals_for_ind_vars, parameters)
        return {v: float(values[v]) for v in dag.outputs}, *_to_tables(dag, direct)

    def compare_partials(self, sample_index: int = 0) -> dict[tuple[str, str], tuple[float, float]]:
        """Print and return each direct partial of a sample, {(node, name): (exact, by differences)}.

        Source: Kak, slides 46-47 (differences, one-sided: off by about grad_delta/2 times the second derivative).
        """
        inputs, _ = self._sample(sample_index)
        parameters = self.vals_for_learnable_params or {}
        _, exact = self.dag.partials(inputs, parameters)
        _, nudged = self.dag.differences(inputs, parameters, self.grad_delta)
        found = {(v, n): (float(d), float(nudged[v][n])) for v, ds in exact.items() for n, d in ds.items()}
        for (node, name), (d, difference) in found.items():
            print(f"d{node}/d{name}: exact {d:.10f}  differences {difference:.10f}  off by {difference - d:+.1e}")
        return found

    def fit_all_data(self) -> dict[str, float]:
        """Fit the parameters to all samples at once by Levenberg-Marquardt, from where they are, and return them.

        It reaches in some twenty steps what gradient descent needs hundreds of thousands for.
        """
        n = len(self.dataset_input_samples)
        if n == 0:
            raise GraphError("there are no data yet: call gen_gt_dataset() first.")
        inputs = {v: np.array([self.dataset_input_samples[i][v] for i in range(n)]) for v in self.dag.inputs}
        truth = {v: np.array([self.true_output_vals[i][v] for i in range(n)]) for v in self.dag.outputs}
        start = self.vals_for_learnable_params or {p: random.uniform(0, 1) for p in self.learnable_params}
        self.vals_for_learnable_params = self.dag.fit(inputs, truth, start)
        return self.vals_for_learnable_params

    def calculate_loss(self, predicted_val: Any, true_val: Any) -> float:
        """Return the size of the error: the root of the sum of its squares."""
        return float(np.linalg.norm(np.subtract(true_val, predicted_val)))

    def eval_expression(
        self,
        exp: str,
        vals_for_vars: Mapping[str, Any],
        vals_for_learnable_params: Mapping[str, Any],
        ind_vars: Sequence[str] | None = None,
    ) -> Any:
        """Return the value of a formula; values are numbers, or arrays (B,) for a batch.

        `ind_vars` is taken, as published, and not needed: every name in the formula is looked up.
        """
        values = {**vals_for_learnable_params, **vals_for_vars}
        if self.as_published:
            return as_published.evaluate_pasted(exp, values)
        value = Formula.read(exp).partials(values)[0]
        return float(value) if np.ndim(value) == 0 else value

    # ------------------------------------------------------------------ pictures

    def display_DAG(self) -> None:
        """Draw the graph: inputs on the left, parameters on the arcs."""
        self._draw_graph("The graph of the expressions")

    def display_network1(self) -> None:
        """Draw the graph, as display_DAG does."""
        self._draw_graph("The graph of the expressions")

    def display_network2(self) -> None:
        """Draw the graph, as display_DAG does."""
        self._draw_graph("Computational graph for the expressions")

    def plot_loss(self) -> None:
        """Draw LOSS: the error of each sample of a DAG, or the losses that a classifier's training printed."""
        self.draw_losses({"loss": self.LOSS}, self._loss_every, "Loss")

    def draw_losses(self, curves: Mapping[str, Sequence[float]], every: int, title: str) -> None:
        """Draw curves of the loss, one point for `every` iterations."""
        from edf_course.draw.cgp_network import loss_curves

        loss_curves(curves, every, title)

    def _draw_graph(self, title: str) -> None:
        from edf_course.draw.cgp_network import network

        columns = self.dag.columns()
        arcs = [(x, v, self.var_to_var_param[v].get(x, "")) for v, sources in self.depends_on.items() for x in sources]
        network(columns, arcs, title)

    # ------------------------------------------------------------------ helpers

    def _need(self, option: str) -> Any:
        value = getattr(self, option)
        if value is None:
            raise ValueError(
                f"this needs {option}: give it to the constructor, ComputationalGraphPrimer({option}=...)."
            )
        return value

    def _sample(self, index: int) -> tuple[dict[str, float], dict[str, float]]:
        if index not in self.dataset_input_samples:
            raise GraphError(
                f"there is no sample {index}: call gen_gt_dataset(vals_for_learnable_params={{...}}) first."
            )
        return self.dataset_input_samples[index], self.true_output_vals[index]

    def _print_sample(
        self,
        index: int,
        inputs: Mapping[str, float],
        predicted: Mapping[str, float],
        loss: float,
        to_param: Mapping[str, Table],
        to_var: Table,
    ) -> None:
        print(f"\n\n============  [Forward Propagation] Training with sample indexed: {index} ===============")
        print("\ninput values for independent variables: ", inputs)
        print("\npredicted value at the output nodes: ", predicted)
        print(f"\nloss for training sample indexed {index}: {loss}")
        print("\nestimated partial derivatives of vars wrt learnable parameters:")
        for node, by_parameter in to_param.items():
            print(f"\nk={node}     v={by_parameter}")
        print("\nestimated partial derivatives of vars wrt other vars:")
        for node, by_variable in to_var.items():
            print(f"\nk={node}     v={by_variable}")
        parameters = self.vals_for_learnable_params
        print(f"\n\n[sample index: {index}]: input val: {inputs}    vals for learnable parameters: {parameters}")


def _to_tables(dag: DAG, direct: Mapping[str, Partials]) -> tuple[dict[str, Table], Table]:
    """The published tables. A parameter stands in a node's table on the first arc that it is on ('': on none)."""
    to_var: Table = {v: dict.fromkeys(dag.variables) for v in dag.variables}
    to_param = {v: {w: dict.fromkeys(dag.parameters) for w in dag.variables} for v in dag.variables}
    for node, partials in direct.items():
        for name, partial in partials.items():
            if name in to_var[node]:
                to_var[node][name] = float(partial)
            else:
                arc = to_param[node].setdefault(dag.arc_of[node, name], dict.fromkeys(dag.parameters))
                arc[name] = float(partial)
    return to_param, to_var


def _from_tables(to_param: Mapping[str, Table], to_var: Table) -> dict[str, Partials]:
    """The direct partials of each node, {node: {name: derivative}}."""
    direct = {node: {v: d for v, d in row.items() if d is not None} for node, row in to_var.items()}
    for node, arcs in to_param.items():
        for by_parameter in arcs.values():
            direct[node].update({p: d for p, d in by_parameter.items() if d is not None})
    return direct
