"""What `check` asks: published examples, then finite differences of the student's own forward, and no derivative.

Forward is held against examples first, or a zero forward with a zero backward would look right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from edf_course.calculus import H
from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.marking import Case, Context
from edf_course.exercises.probes import Answer, Arrays, Probe
from edf_course.exercises.public_core import backward_pass_cases, mlp_cases, parameter_cases, sgd_cases
from edf_course.exercises.public_functions import gradient_cases, jacobian_cases
from edf_course.exercises.public_optim import RULES, library_cases
from edf_course.exercises.public_scalar import order_cases, value_cases
from edf_course.exercises.statement import Example, Statement, as_arrays, draw

SIZES = ({"B": 3, "n": 4, "m": 2}, {"B": 9, "n": 3, "m": 3})
# For a forward in float32, where a smaller step would drown in its rounding: h is that part of what x ranges over.
SINGLE_H, SINGLE_TOLERANCE = 1e-3, 2e-3
ORDER = ("value", "any shape", "gradient", "accumulates", "repeatable", "at zero", "large inputs")  # causes first
LARGE = 100.0  # numbers from here on are extreme
AT_KINK = {"relu-at-zero": "At the kink itself, x = 0, the slope is taken as 0, as on its left."}
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
    cases += [_example_case(asked, _repeated(e, asked), "any shape") for e in asked.examples[:1]]
    for sizes in SIZES:
        arrays = draw(asked, sizes, rng)
        arrays["upstream" + SECOND] = rng.normal(size=arrays["upstream"].shape)
        truth = _Differences(asked, arrays, respond)
        if truth.failed:
            break  # forward does not run on these: plain cases say so
        right = _named(truth.vjp(arrays["upstream"]))
        # a forward that does not feel an operand keeps a value from when it was made
        feels = truth.is_cut_down or all(J.any() for J in truth.jacobians.values())
        fallback = None if feels else "stale-state"
        contexts, tolerance = (truth.context(),), truth.tolerance()
        probe = Probe((arrays,))
        cases.append(Case("gradient", probe, (right,), contexts=contexts, tolerance=tolerance, fallback=fallback))
        if truth.is_single:
            continue  # differences in float32 are too coarse to tell more
        cases.append(_shared_case(arrays, right, _named(truth.vjp(arrays["upstream" + SECOND]))))
        cases.append(_repeated_case(arrays, right))
        other = draw(asked, sizes, rng)
        theirs = _Differences(asked, other, respond)
        if not theirs.failed:
            both = (right, _named(theirs.vjp(other["upstream"])))
            cases.append(Case("repeatable", Probe((arrays, other)), both, fallback="stale-state"))
            cases.append(_instances_case(arrays, other, *both))
    cases += _same_case(asked, respond, rng) + _special_cases(asked, respond, rng)
    if not any(c.aspect == "gradient" for c in cases):
        arrays = draw(asked, SIZES[0], rng)
        cases.append(Case("gradient", Probe((arrays,)), ({"value": np.zeros(arrays["upstream"].shape)},)))
    return sorted(cases, key=lambda c: ORDER.index(c.aspect))


def _example_case(asked: Statement, example: Example, aspect: str = "value") -> Case:
    right = {"value": np.array(example.value, dtype=float)}
    half_a_digit = 0.6 * 10.0**-example.digits
    return Case(aspect, Probe((as_arrays(example, asked),), backward=False), (right,), tolerance=half_a_digit)


def _repeated(example: Example, asked: Statement) -> Example:
    """Return the example with its rows three times, so that code which sees one row only is seen through."""
    batched = {o.name for o in asked.operands if o.axes.startswith("B")}
    operands = {n: [*v] * 3 if n in batched else v for n, v in example.operands.items()}
    return replace(example, operands=operands, value=[*example.value] * 3)


def _instances_case(arrays: Arrays, other: Arrays, right: Arrays, theirs: Arrays) -> Case:
    """Return the case of two nodes with operands of their own in one graph."""
    mine = {n: v for n, v in arrays.items() if not n.endswith(SECOND)}
    both = mine | {n + SECOND: v for n, v in other.items() if not n.endswith(SECOND)}
    gradients = {**right, **{n + SECOND: v for n, v in theirs.items()}}
    return Case("repeatable", Probe((both,), "instances"), (gradients,), fallback="shared-state")


def _same_case(asked: Statement, respond: Respond, rng: np.random.Generator) -> list[Case]:
    """Return the case of a node that reads the same operand twice, where it has two that may be the same."""
    names = [o.name for o in asked.operands]
    if len(names) != 2 or any(o.role != "real" for o in asked.operands):
        return []
    arrays = draw(asked, SIZES[0], rng)
    arrays[names[1]] = arrays[names[0]]
    truth = _Differences(asked, arrays, respond)
    if truth.failed or truth.is_single:
        return []
    one, other = truth.vjp(arrays["upstream"]).values()
    wrong = {"no-accumulation": (({"grad." + names[0]: one},), ({"grad." + names[0]: other},))}
    both = {"grad." + names[0]: one + other}
    probe = Probe((arrays,), "same")
    return [Case("accumulates", probe, (both,), fallback="no-accumulation", alternatives=wrong)]


def _special_cases(asked: Statement, respond: Respond, rng: np.random.Generator) -> list[Case]:
    """Return the gradients at the examples that hold very large numbers, or numbers at a kink."""
    special = [(as_arrays(e, asked), "large inputs", "overflow") for e in asked.examples if _is_large(e)]
    if asked.away_from is not None:
        arrays, (first, *_) = draw(asked, SIZES[0], rng), asked.operands
        arrays[first.name].flat[::3] = asked.away_from
        special.append((arrays, "at zero", "relu-at-zero"))
    cases = []
    for given, aspect, kind in special:
        arrays = {**given, "upstream": rng.normal(size=given["upstream"].shape) + 0.1}
        truth = _Differences(asked, arrays, respond)
        if not truth.failed and not truth.is_single:
            right = _named(truth.vjp(arrays["upstream"]))
            cases.append(Case(aspect, Probe((arrays,)), (right,), fallback=kind, gentle=False, sentences=AT_KINK))
    return cases


def _is_large(example: Example) -> bool:
    return any(np.abs(v).max() >= LARGE for v in map(np.array, example.operands.values()))


def _shared_case(arrays: Arrays, first: Arrays, second: Arrays) -> Case:
    both = {n: first[n] + second[n] for n in first}
    thrice = [{n: both[n] + share[n] for n in both} for share in (first, second)]
    wrong = {"overwrites": ((first,), (second,)), "double-count": ((thrice[0],), (thrice[1],))}
    probe = Probe((arrays,), "shared")
    return Case("accumulates", probe, (both,), fallback="no-accumulation", alternatives=wrong)


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
        fallback="grad-not-reset",
        alternatives={"grad-not-reset": ((doubled,),)},
    )


def _named(gradients: Arrays) -> dict[str, np.ndarray]:
    return {"grad." + n: g for n, g in gradients.items()}


class _Differences:
    """The derivatives of the student's own forward, each operand's entries nudged one by one."""

    def __init__(self, asked: Statement, arrays: Arrays, respond: Respond, at_output: bool = False) -> None:
        self.asked, self.arrays, self.respond, self.at_output = asked, arrays, respond, at_output
        base = respond(Probe((arrays,), backward=False))
        self.is_single = bool(base.passes) and _is_single(base.passes[0].get("value", np.empty(0)))
        nudged: list[Arrays] = [arrays]
        wanted = [o for o in asked.operands if o.has_gradient]
        steps = {o.name: SINGLE_H * np.ptp(arrays[o.name]) if self.is_single else H for o in wanted}
        widths = []
        for o in wanted:
            for i, x in np.ndenumerate(arrays[o.name]):
                up = 0.0 if x == asked.away_from else steps[o.name]  # at a kink the slope is that on its left
                widths.append(up + steps[o.name])
                for step in (up, -steps[o.name]):
                    moved = arrays[o.name].copy()
                    moved[i] += step
                    nudged.append({**arrays, o.name: moved})
        answer = respond(Probe(tuple(nudged), backward=False))
        values = [p.get("value") for p in answer.passes]
        shape = arrays["upstream"].shape
        good = [v is not None and v.shape == shape and v.dtype.kind != "c" for v in values]
        self.failed = len(values) != len(nudged) or not all(good)
        if not self.failed:
            self.value = np.asarray(values[0], dtype=float)
            self.is_cut_down = np.asarray(values[0]).dtype.kind != "f"
            rises = np.array(values[1::2], dtype=float) - np.array(values[2::2], dtype=float)
            slopes = rises / np.reshape(widths, (-1,) + (1,) * (rises.ndim - 1))
            ends = np.cumsum([arrays[o.name].size for o in wanted])
            self.jacobians = {
                o.name: of_operand.reshape(arrays[o.name].shape + shape)
                for o, of_operand in zip(wanted, np.split(slopes, ends[:-1]), strict=True)
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


def _is_single(value: np.ndarray) -> bool:
    """Whether a value was computed in float32 or less, be it that it was made float64 again."""
    if value.dtype.kind != "f":
        return False
    with np.errstate(over="ignore"):
        rounded = bool(np.array_equal(value, value.astype(np.float32)))
    return value.dtype.itemsize < 8 or (rounded and not np.array_equal(value, np.round(value)))


_OTHERS: dict[str, Callable[[np.random.Generator], list[Case]]] = {
    "parameter": parameter_cases,
    "backward_pass": backward_pass_cases,
    "sgd": sgd_cases,
    "mlp": mlp_cases,
    "gradient": gradient_cases,
    "jacobian": jacobian_cases,
    "value": value_cases,
    "topological_order": order_cases,
    **{kind: partial(library_cases, kind) for kind in RULES},
}
