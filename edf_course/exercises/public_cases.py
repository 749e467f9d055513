"""What `check` asks: published examples, then finite differences of the student's own forward, and no derivative.

Forward is held against examples first, or a zero forward with a zero backward would look right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from edf_course import edf
from edf_course.calculus import H, complex_step_gradient, complex_step_jacobian, numerical_gradient
from edf_course.exercises.answer_core import small_graph
from edf_course.exercises.answer_function import scalar_function, vector_function
from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.marking import Case, Context
from edf_course.exercises.probes import Answer, Arrays, Probe
from edf_course.exercises.public_optim import RULES, library_cases
from edf_course.exercises.public_scalar import order_cases, value_cases
from edf_course.exercises.statement import Example, Statement, as_arrays, draw

SIZES = ({"B": 3, "n": 4, "m": 2}, {"B": 9, "n": 3, "m": 3})
SINGLE_H, SINGLE_TOLERANCE = 5e-3, 2e-3  # for a forward in float32: a smaller step would drown in its rounding
Respond = Callable[[Probe], Answer]


def public_cases(asked: Statement, respond: Respond, rng: np.random.Generator) -> list[Case]:
    """Return the cases that `check` holds an answer against, in the order in which a student should hear of them.

    `respond` puts the student's object to use: the cases of a node need its forward for finite differences.
    """
    if asked.kind == "node":
        return _node_cases(asked, respond, rng)
    return _OTHERS[asked.kind](rng)


def _node_cases(asked: Statement, respond: Respond, rng: np.random.Generator) -> list[Case]:
    cases = [_example_case(asked, example) for example in asked.examples]
    for sizes in SIZES:
        arrays = draw(asked, sizes, rng)
        arrays["upstream" + SECOND] = rng.normal(size=arrays["upstream"].shape)
        truth = _Differences(asked, arrays, respond)
        if truth.failed:
            break  # forward does not run on these: plain cases say so
        right = _named(truth.vjp(arrays["upstream"]))
        contexts, tolerance = (truth.context(),), truth.tolerance()
        cases.append(Case("gradient", Probe((arrays,)), (right,), contexts=contexts, tolerance=tolerance))
        if truth.is_single:
            continue  # differences in float32 are too coarse to tell more
        cases.append(_shared_case(arrays, right, _named(truth.vjp(arrays["upstream" + SECOND]))))
        cases.append(_repeated_case(arrays, right))
        other = draw(asked, sizes, rng)
        theirs = _Differences(asked, other, respond)
        if not theirs.failed:
            both = (right, _named(theirs.vjp(other["upstream"])))
            cases.append(Case("repeatable", Probe((arrays, other)), both, fallback="stale-state"))
    if not any(c.aspect == "gradient" for c in cases):
        arrays = draw(asked, SIZES[0], rng)
        cases.append(Case("gradient", Probe((arrays,)), ({"value": np.zeros(arrays["upstream"].shape)},)))
    return cases


def _example_case(asked: Statement, example: Example) -> Case:
    right = {"value": np.array(example.value, dtype=float)}
    half_a_digit = 0.6 * 10.0**-example.digits
    return Case("value", Probe((as_arrays(example, asked),), backward=False), (right,), tolerance=half_a_digit)


def _shared_case(arrays: Arrays, first: Arrays, second: Arrays) -> Case:
    both = {n: first[n] + second[n] for n in first}
    overwritten = {"overwrites": ((first,), (second,))}
    probe = Probe((arrays,), "shared")
    return Case("accumulates", probe, (both,), fallback="no-accumulation", alternatives=overwritten)


def _repeated_case(arrays: Arrays, right: Arrays) -> Case:
    """Return the case of two Backwards: the same gradients, and nothing else is changed."""
    operands = {n: v for n, v in arrays.items() if not n.startswith("upstream")}
    unchanged = {f"changed.{n}": np.zeros(v.shape) for n, v in operands.items()}
    unchanged |= {f"changed.{n}": np.zeros(arrays["upstream"].shape) for n in ("value", "grad")}
    doubled = {n: 2 * g for n, g in right.items()}
    return Case(
        "repeatable",
        Probe((arrays,), "repeat"),
        ({**right, **unchanged},),
        fallback="stale-state",
        alternatives={"grad-not-reset": ((doubled,),)},
    )


def _named(gradients: Arrays) -> dict[str, np.ndarray]:
    return {"grad." + n: g for n, g in gradients.items()}


class _Differences:
    """The derivatives of the student's own forward, each operand's entries nudged one by one."""

    def __init__(self, asked: Statement, arrays: Arrays, respond: Respond, at_output: bool = False) -> None:
        self.asked, self.arrays, self.respond, self.at_output = asked, arrays, respond, at_output
        base = respond(Probe((arrays,), backward=False))
        dtype = base.passes[0].get("value", np.empty(0)).dtype if base.passes else None
        self.is_single = dtype in (np.float32, np.float16)
        h = SINGLE_H if self.is_single else H
        nudged: list[Arrays] = [arrays]
        wanted = [o for o in asked.operands if o.has_gradient]
        for o in wanted:
            for i in np.ndindex(arrays[o.name].shape):
                for step in (h, -h):
                    moved = arrays[o.name].copy()
                    moved[i] += step
                    nudged.append({**arrays, o.name: moved})
        answer = respond(Probe(tuple(nudged), backward=False))
        values = [p.get("value") for p in answer.passes]
        shape = arrays["upstream"].shape
        self.failed = len(values) != len(nudged) or any(v is None or v.shape != shape for v in values)
        if not self.failed:
            self.value = np.asarray(values[0], dtype=float)
            rises = np.array(values[1::2], dtype=float) - np.array(values[2::2], dtype=float)
            ends = np.cumsum([arrays[o.name].size for o in wanted])
            slopes = np.split(rises / (2 * h), ends[:-1])
            self.jacobians = {
                o.name: J.reshape(arrays[o.name].shape + shape) for o, J in zip(wanted, slopes, strict=True)
            }
            self.parameters = frozenset(o.name for o in wanted if o.role == "parameter")

    def vjp(self, upstream: np.ndarray) -> dict[str, np.ndarray]:
        """Return the gradient of each operand for this upstream gradient, parameters averaged over the batch."""
        return {
            n: np.tensordot(J, upstream, axes=upstream.ndim) / (len(upstream) if n in self.parameters else 1)
            for n, J in self.jacobians.items()
        }

    def tolerance(self) -> float | None:
        """Return how far (absolutely) a right gradient may be off, where it cannot be told as exactly as usual."""
        if not self.is_single:
            return None
        return SINGLE_TOLERANCE * max(float(np.abs(g).max()) for g in self.vjp(self.arrays["upstream"]).values())

    def context(self) -> Context:
        """Return what generic misconceptions are computed from."""
        operands = {o.name: self.arrays[o.name] for o in self.asked.operands}
        upstream, at_output = self.arrays["upstream"], self._vjp_at_output()
        return Context(operands, self.value, upstream, self.vjp, self.parameters, at_output)

    def _vjp_at_output(self) -> Callable[[np.ndarray], Arrays] | None:
        (first, *others) = self.asked.operands
        if (
            others
            or self.at_output
            or self.value.shape != self.arrays[first.name].shape
            or not np.isfinite(self.value).all()
        ):
            return None
        there = _Differences(self.asked, {**self.arrays, first.name: self.value}, self.respond, at_output=True)
        return None if there.failed else there.vjp


def _parameter_cases(rng: np.random.Generator) -> list[Case]:
    four, three = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]), rng.normal(size=(3, 2))
    two = {"value": np.zeros(2), "delta0": four, "delta1": three}
    alone = {"grad.delta0": four.mean(axis=0), "grad.delta1": three.mean(axis=0)}
    both = alone | {"grad.delta1": four.mean(axis=0) + three.mean(axis=0)}
    overwritten = {"overwrites": ((alone,),)}
    twice = Case("accumulates", Probe((two,)), (both,), fallback="no-accumulation", alternatives=overwritten)
    return [_mean_case(four), _mean_case(three), twice]


def _mean_case(delta: np.ndarray) -> Case:
    context = Context(
        {"delta": delta}, np.zeros(2), np.ones(len(delta)),
        lambda u: {"delta0": np.tensordot(u, delta, 1) / len(u)}, frozenset({"delta0"}),
    )  # fmt: skip
    arrays = {"value": np.zeros(2), "delta0": delta}
    return Case("mean", Probe((arrays,)), ({"grad.delta0": delta.mean(axis=0)},), contexts=(context,))


def _backward_pass_cases(rng: np.random.Generator) -> list[Case]:
    arrays = {
        "W1": rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "W2": rng.normal(size=(4, 2)),
        "b2": rng.normal(size=2),
        "x": rng.normal(size=(5, 3)),
        "y": rng.integers(0, 2, 5),
    }

    def mean_loss(name: str, value: np.ndarray) -> float:
        with edf.Graph() as graph:
            _, loss = small_graph({**arrays, name: value})
            graph.forward()
            return float(loss.value.mean())

    names = ("W1", "b1", "W2", "b2")
    right = {f"grad.{n}": numerical_gradient(partial(mean_loss, n), arrays[n]) for n in names}
    nothing = {n: np.zeros_like(g) for n, g in right.items()}
    doubled = {n: 2 * g for n, g in right.items()}
    once, twice = Probe((arrays,)), Probe((arrays,), "repeat")
    kept = {"grad-not-reset": ((doubled,),)}
    return [
        Case("gradient", once, (right,), alternatives={"no-seed": ((nothing,),)}),
        Case("repeatable", twice, (right,), fallback="grad-not-reset", alternatives=kept),
    ]


def _sgd_cases(rng: np.random.Generator) -> list[Case]:
    value, grad = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    arrays = {"rate": np.array([0.25]), "value1": value, "grad1": grad, "value2": grad[0], "grad2": value[0]}
    right = {"value1": value - 0.25 * grad, "value2": grad[0] - 0.25 * value[0]}
    climbs = {"value1": value + 0.25 * grad, "value2": grad[0] + 0.25 * value[0]}
    unchanged = {"changed.grad1": np.zeros((2, 3)), "changed.grad2": np.zeros(3)}
    return [Case("step", Probe((arrays,)), (right | unchanged,), alternatives={"sign": ((climbs,),)})]


def _mlp_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for sizes in ([2, 5, 4], [3, 3, 3, 3], [3, 2]):
        arrays: dict[str, np.ndarray] = {"x": rng.normal(size=(3, sizes[-1]))}
        Phi: list[Any] = []
        with edf.Graph() as graph:
            for i, (n_out, n_in) in enumerate(pairwise(sizes)):
                arrays |= {f"W{i}": rng.normal(size=(n_in, n_out)), f"b{i}": rng.normal(size=n_out)}
                package: Any = edf.ParameterPackage()
                package.w, package.b = edf.Parameter(arrays[f"W{i}"]), edf.Parameter(arrays[f"b{i}"])
                Phi.append(package)
            scores = edf.MLP(Phi, edf.Input(arrays["x"]))
            squashed = edf.Sigmoid(scores)
            graph.forward()
        alternatives = {"squashed-output": (({"value": squashed.value},),)}
        cases.append(Case("value", Probe((arrays,)), ({"value": scores.value},), alternatives=alternatives))
    return cases


def _gradient_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for x in (rng.uniform(-2, 2, 4), rng.uniform(-2, 2, (2, 3)), rng.integers(-3, 4, 5)):
        arrays = {"x": x, "a": rng.uniform(-1, 1, x.shape), "c": rng.uniform(0.5, 1.5, x.shape)}
        right = {"gradient": complex_step_gradient(scalar_function(arrays), x), "changed.x": np.zeros(x.shape)}
        integers = "int-truncation" if x.dtype.kind == "i" else None
        cases.append(Case("integers" if integers else "gradient", Probe((arrays,)), (right,), fallback=integers))
    return cases


def _jacobian_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for p in (rng.uniform(-2, 2, 3), rng.uniform(-2, 2, 5), rng.integers(-3, 4, 3)):
        arrays = {"p": p, "A": rng.uniform(-1, 1, (4, len(p))), "a": rng.uniform(-1, 1, 4)}
        J = complex_step_jacobian(vector_function(arrays), p)
        right = {"jacobian": J, "changed.p": np.zeros(p.shape)}
        integers = "int-truncation" if p.dtype.kind == "i" else None
        turned = {"transposed": (({"jacobian": J.T},),)}
        aspect = "integers" if integers else "jacobian"
        cases.append(Case(aspect, Probe((arrays,)), (right,), fallback=integers, alternatives=turned))
    return cases


_OTHERS: dict[str, Callable[[np.random.Generator], list[Case]]] = {
    "parameter": _parameter_cases,
    "backward_pass": _backward_pass_cases,
    "sgd": _sgd_cases,
    "mlp": _mlp_cases,
    "gradient": _gradient_cases,
    "jacobian": _jacobian_cases,
    "value": value_cases,
    "topological_order": order_cases,
    **{kind: partial(library_cases, kind) for kind in RULES},
}
