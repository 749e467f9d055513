"""A directed acyclic graph of expressions: values and direct partials on the way forward, gradients on the way back.

Forward, each node computes its value and its *direct* partials, by the names in its own expression. Backward, a
derivative starts at each output and every node hands it to what it depends on, times the partial on that arc; what
arrives at a name over several paths is added. So a gradient holds every path.
Source: Kak, slides 39-51. The published module differentiates by differences, follows one path for each parameter, and
never uses the error (slides 46-48); `differences` is the lecture's way, to compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edf_course.cgp.expression import Exp, Formula, Partials, parse
from edf_course.least_squares import levenberg_marquardt_step

Values = dict[str, Any]  # by name: a number, or an array (B,) for a batch


class GraphError(ValueError):
    """The expressions do not make the graph that was asked for."""


class DAG:
    """The graph of a list of expressions, such as ['xx=xa^2', 'xw=ab*xx'].

    Attributes: `expressions` (node -> Exp), `order` (computed nodes, each after what it depends on), `inputs` (the
    independent variables), `outputs`, `parameters`, `variables` (all nodes), each in order of appearance; `depends_on`
    (node -> the nodes it is computed from) and `leads_to` (node -> the nodes computed from it); `arcs`, (node,
    variable, parameter) for each parameter of each term, the variable being the first of the term, '' if it has none;
    and `arc_of` ((node, parameter) -> variable), the first of those arcs.
    Raises: ExpressionError; GraphError for a node defined twice, a cycle, or an output that no expression defines.
    Source: Kak, slides 42-43 (the two tables), 44 (outputs that nobody named are those that lead nowhere).
    """

    def __init__(self, expressions: Iterable[str | Exp], outputs: Sequence[str] | None = None) -> None:
        self.expressions: dict[str, Exp] = {}
        for text in expressions:
            exp = parse(text) if isinstance(text, str) else text
            if exp.dependent_var in self.expressions:
                raise GraphError(
                    f"{exp.dependent_var} stands left of '=' twice: {self.expressions[exp.dependent_var].exp} "
                    f"and {exp.exp}."
                )
            self.expressions[exp.dependent_var] = exp
        if not self.expressions:
            raise GraphError("a graph needs at least one expression, such as 'xw=ab*xa'.")
        exps = list(self.expressions.values())
        self.variables = _unique(v for exp in exps for v in [*exp.right_vars, exp.dependent_var])
        self.parameters = _unique(p for exp in exps for p in exp.right_params)
        self.inputs = [v for v in self.variables if v not in self.expressions]
        self.depends_on: dict[str, list[str]] = {v: list(exp.right_vars) for v, exp in self.expressions.items()}
        self.leads_to: dict[str, list[str]] = {v: [] for v in self.variables}
        for node, sources in self.depends_on.items():
            for source in sources:
                self.leads_to[source].append(node)
        self.arcs = self._arcs()
        self.arc_of = {(node, p): variable for node, variable, p in reversed(self.arcs)}
        self.order = self._sort()
        self.outputs = list(outputs) if outputs else [v for v in self.order if not self.leads_to[v]]
        for v in self.outputs:
            if v not in self.expressions:
                raise GraphError(f"{v!r} is to be an output, but no expression computes it; computed are {self.order}.")

    def forward(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any], relu: bool = False) -> Values:
        """Return the value of every variable. Inputs are numbers or arrays (B,); `relu` cuts each node off at 0.

        Raises: ValueError where an input or a parameter has no value.
        """
        values = self._given(inputs, parameters)
        for node in self.order:
            value = self.expressions[node].evaluate(values)
            values[node] = np.maximum(value, 0.0) if relu else value
        return {v: values[v] for v in self.variables}

    def partials(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[Values, dict[str, Partials]]:
        """Return all values, and for each computed node its exact direct partials {node: {name: derivative}}."""
        values = self._given(inputs, parameters)
        direct: dict[str, Partials] = {}
        for node in self.order:
            values[node], direct[node] = self.expressions[node].partials(values)
        return {v: values[v] for v in self.variables}, direct

    def differences(
        self, inputs: Mapping[str, Any], parameters: Mapping[str, Any], delta: float = 1e-4
    ) -> tuple[Values, dict[str, Partials]]:
        """Return what `partials` does, the lecture's slow way: nudge each name by `delta`, and divide the change by it.

        One-sided, so each entry is off by about delta times half the second derivative.
        Source: Kak, slides 46-47.
        """
        values = self._given(inputs, parameters)
        direct: dict[str, Partials] = {}
        for node in self.order:
            exp = self.expressions[node]
            values[node] = exp.evaluate(values)
            direct[node] = {
                name: (exp.evaluate({**values, name: values[name] + delta}) - values[node]) / delta
                for name in exp.names
            }
        return {v: values[v] for v in self.variables}, direct

    def backward(self, direct: Mapping[str, Partials], seeds: Mapping[str, Any]) -> Values:
        """Return the total derivative by every variable and parameter, of the sum of the outputs times their seeds.

        `direct` comes from `partials` or `differences`; seeds are the derivatives of the loss by the outputs.
        """
        total: Values = dict.fromkeys([*self.variables, *self.parameters], 0.0)
        total.update(seeds)
        for node in reversed(self.order):
            for name, partial in direct[node].items():
                total[name] = total[name] + total[node] * partial
        return total

    def gradient(
        self, inputs: Mapping[str, Any], parameters: Mapping[str, Any], targets: Mapping[str, Any]
    ) -> tuple[float, Values]:
        """Return the loss and its gradient by each parameter; the loss is the squared error, averaged over the batch.

        Shapes: inputs and targets numbers, or arrays (B,); the outputs' squared errors are added.
        """
        values, direct = self.partials(inputs, parameters)
        errors = {v: targets[v] - values[v] for v in self.outputs}
        total = self.backward(direct, {v: -2.0 * e for v, e in errors.items()})
        loss = float(np.mean(sum(e**2 for e in errors.values())))
        batch = np.shape(next(iter(errors.values())))
        return loss, {p: float(np.mean(np.broadcast_to(total[p], batch))) for p in self.parameters}

    def jacobian(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> np.ndarray:
        """Return the Jacobian of the outputs by the parameters, (samples x outputs, parameters), samples first.

        Source: Kak, Eq. (9); with several outputs its rows are samples times outputs.
        """
        values, direct = self.partials(inputs, parameters)
        batch = np.broadcast_shapes(*(np.shape(values[v]) for v in self.outputs))
        rows = []
        for v in self.outputs:
            total = self.backward(direct, {v: 1.0})
            rows.append(np.stack([np.broadcast_to(total[p], batch).ravel() for p in self.parameters], axis=-1))
        return np.stack(rows, axis=1).reshape(-1, len(self.parameters))

    def fit(
        self, inputs: Mapping[str, Any], targets: Mapping[str, Any], start: Mapping[str, float], steps: int = 50
    ) -> dict[str, float]:
        """Return the parameters with the least squared error, by Levenberg-Marquardt from `start`.

        A step solves (JᵀJ + λI) s = Jᵀe; λ shrinks after a step that helps and grows after one that does not. What the
        data do not determine stays about where it started: on the lecture's DAG ab - bc.
        Source: Kak, slide 20 (there it is said to invert JᵀJ).
        """
        here, damping = {p: float(start[p]) for p in self.parameters}, 1e-3

        def errors(parameters: Mapping[str, float]) -> np.ndarray:
            """Return targets less outputs in one row, (samples · outputs,), in the order of the Jacobian's rows."""
            values = self.forward(inputs, parameters)
            return np.stack([np.asarray(targets[v]) - values[v] for v in self.outputs], axis=-1).ravel()

        e = errors(here)
        for _ in range(steps):
            J = self.jacobian(inputs, here)
            s = levenberg_marquardt_step(J, e, damping)
            there = {p: value + float(step) for (p, value), step in zip(here.items(), s, strict=True)}
            e_there = errors(there)
            if e_there @ e_there < e @ e:
                here, e, damping = there, e_there, damping / 10
            else:
                damping *= 10
            if damping > 1e12 or e @ e < 1e-24 * len(e):
                break
        return here

    def paths(self, output: str, name: str) -> Iterator[list[str]]:
        """Yield every path from `output` back to the variable or parameter `name`, as the names along it."""
        unfinished = [[output]]
        while unfinished:
            path = unfinished.pop()
            if path[-1] == name:
                yield path
            elif path[-1] in self.expressions:
                unfinished += [[*path, source] for source in reversed(self.expressions[path[-1]].names)]

    def columns(self) -> list[list[str]]:
        """Return all variables in columns, to draw them: inputs first, each node right of all that it depends on."""
        column = dict.fromkeys(self.inputs, 0)
        for node in self.order:
            column[node] = 1 + max((column[source] for source in self.depends_on[node]), default=0)
        return [[v for v in self.variables if column[v] == i] for i in sorted(set(column.values()))]

    def _arcs(self) -> list[tuple[str, str, str]]:
        found = []
        for node, exp in self.expressions.items():
            for names in Formula.read(exp.body).term_names:
                variable = next((name for name in names if name[0] == "x"), "")
                found += [(node, variable, name) for name in names if name[0] != "x"]
        return found

    def _given(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Values:
        for kind, names, given in (("input", self.inputs, inputs), ("parameter", self.parameters, parameters)):
            missing = [name for name in names if given.get(name) is None]
            if missing:
                raise ValueError(f"there is no value for the {kind} {', '.join(missing)}; given are {list(given)}.")
        return {n: given[n] for names, given in ((self.inputs, inputs), (self.parameters, parameters)) for n in names}

    def _sort(self) -> list[str]:
        """Order the computed nodes so that each comes after what it depends on (Kahn's way: take who waits for nobody).

        Raises: GraphError, which names the cycle.
        """
        waits_for = {v: sum(s in self.expressions for s in sources) for v, sources in self.depends_on.items()}
        ready = [v for v, n in waits_for.items() if n == 0]
        for node in ready:  # grows while it runs
            for follower in self.leads_to[node]:
                waits_for[follower] -= 1
                if waits_for[follower] == 0:
                    ready.append(follower)
        if len(ready) < len(waits_for):
            stuck = [next(v for v, n in waits_for.items() if n > 0)]
            while stuck.count(stuck[-1]) < 2:
                stuck.append(next(s for s in self.depends_on[stuck[-1]] if waits_for.get(s, 0) > 0))
            cycle = stuck[stuck.index(stuck[-1]) :]
            raise GraphError(f"{' depends on '.join(cycle)}: a graph with a cycle cannot be computed.")
        return ready


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
