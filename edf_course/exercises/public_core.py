"""What `check` asks of addgrad, the backward walk, the step and the stack of layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from edf_course import edf
from edf_course.calculus import numerical_gradient
from edf_course.exercises.answer_core import small_graph
from edf_course.exercises.marking import Case, Context
from edf_course.exercises.probes import Probe
from edf_course.exercises.sayings import OF_ADDGRAD, OF_BACKWARD, OF_BACKWARD_AGAIN, OF_MLP, OF_SGD


def parameter_cases(rng: np.random.Generator) -> list[Case]:
    """Deltas of several examples, alone and one after the other."""
    four, three = np.array([[1.0, -2.0], [3.0, -4.0], [5.0, 6.0], [7.0, -8.0]]), rng.normal(size=(3, 2))
    two = {"value": np.zeros(2), "delta0": four, "delta1": three}
    both = {"grad.delta0": four.mean(axis=0), "grad.delta1": four.mean(axis=0) + three.mean(axis=0)}
    wrong = addgrad_mistakes([four, three])
    twice = Case(
        "accumulates", Probe((two,)), (both,), fallback="no-accumulation", alternatives=wrong, sentences=OF_ADDGRAD
    )
    return [_mean_case(four), _mean_case(rng.normal(size=(2, 5))), twice]


def addgrad_mistakes(deltas: Sequence[np.ndarray]) -> dict[str, tuple[tuple[dict[str, np.ndarray]], ...]]:
    """Return what self.grad is after each of several calls of addgrad, by mistake; also used by the judge."""
    means = [delta.mean(axis=0) for delta in deltas]
    first_size = [delta.sum(axis=0) / len(deltas[0]) for delta in deltas]
    sums = {
        "overwrites": means,
        "no-accumulation": means[:1] * len(means),
        "stale-state": [np.sum(first_size[: i + 1], axis=0) for i in range(len(means))],
    }
    return {name: (({f"grad.delta{i}": g for i, g in enumerate(found)},),) for name, found in sums.items()}


def _mean_case(delta: np.ndarray) -> Case:
    value = np.zeros(delta.shape[1:])
    right = {"grad.delta0": delta.mean(axis=0), "changed.delta0": np.zeros(delta.shape), "changed.value": value}

    def vjp(upstream: np.ndarray) -> dict[str, np.ndarray]:
        return {"delta0": np.tensordot(upstream, delta, 1) / len(delta)}

    context = Context({"delta": delta}, value, np.ones(len(delta)), vjp, frozenset({"delta0"}))
    probe = Probe(({"value": value, "delta0": delta},))
    return Case("mean", probe, (right,), contexts=(context,), sentences=OF_ADDGRAD)


def backward_pass_cases(rng: np.random.Generator) -> list[Case]:
    """The small graph, whose parameters' gradients are found by finite differences; once, and twice."""
    arrays = {
        "W1": rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "W2": rng.normal(size=(4, 2)),
        "b2": rng.normal(size=2),
        "x": rng.normal(size=(5, 3)),
        "y": rng.integers(0, 2, 5),
    }

    def mean_loss(name: str, value: np.ndarray) -> float:
        """Return the small graph's loss, averaged over the batch, with `value` for the parameter `name`."""
        with edf.Graph() as graph:
            _, loss = small_graph({**arrays, name: value})
            graph.forward()
            return float(loss.value.mean())

    names = ("W1", "b1", "W2", "b2")
    gradients = {f"grad.{n}": numerical_gradient(partial(mean_loss, n), arrays[n]) for n in names}
    scaled = {k: {n: k * g for n, g in gradients.items()} for k in (0.0, -1.0, 0.2, 2.0)}
    behind = {n: g * (n in ("grad.W2", "grad.b2")) for n, g in gradients.items()}
    wrong = {
        "no-seed": ((scaled[0.0],),),
        "sign": ((scaled[-1.0],),),
        "batch-mean-twice": ((scaled[0.2],),),
        "missing-node": ((behind,),),
        "mutates-grad": (({"grad.loss": np.zeros(5)},),),
    }
    right = gradients | {f"changed.{n}": np.zeros(arrays[n].shape) for n in names}
    right |= {"grad.loss": np.ones(5), "grad.unread": np.zeros((5, 4))}
    shapes = dict.fromkeys(("grad.loss", "grad.unread"), "any shape")
    once, twice = Probe((arrays,)), Probe((arrays,), "repeat")
    kept = {"grad-not-reset": ((scaled[2.0],),), "mutates-input": ((scaled[0.0],),)}
    return [
        Case("gradient", once, (right,), shapes, alternatives=wrong, sentences=OF_BACKWARD),
        Case(
            "repeatable", twice, (right,), shapes, fallback="grad-not-reset", alternatives=kept,
            sentences=OF_BACKWARD | OF_BACKWARD_AGAIN,
        ),
    ]  # fmt: skip


def sgd_cases(rng: np.random.Generator) -> list[Case]:
    """One step of two parameters."""
    arrays = {"rate": np.array([0.25])}
    for i, shape in enumerate([(2, 3), (3,)], start=1):
        arrays |= {f"value{i}": rng.normal(size=shape), f"grad{i}": rng.normal(size=shape)}
    return [sgd_case("step", arrays)]


def sgd_case(aspect: str, arrays: dict[str, np.ndarray]) -> Case:
    """Return the case of one step: `arrays` holds rate, value1, grad1, value2, grad2 …; also used by the judge."""
    rate = float(arrays["rate"][0])
    pairs = {n: (v, arrays["grad" + n.removeprefix("value")]) for n, v in arrays.items() if n.startswith("value")}
    right = {n: v - rate * g for n, (v, g) in pairs.items()}
    unchanged = {f"changed.{n}": np.zeros(g.shape) for n, g in arrays.items() if n.startswith("grad")}
    wrong = {
        "sign": {n: v + rate * g for n, (v, g) in pairs.items()},
        "factor-missing": {n: v - g for n, (v, g) in pairs.items()},
        "zero": {n: v for n, (v, _) in pairs.items()},
        "overwrites": {n: -rate * g for n, (_, g) in pairs.items()},
        "missing-param-grad": {n: v - rate * g * (n == "value1") for n, (v, g) in pairs.items()},
    }
    alternatives = {name: ((numbers,),) for name, numbers in wrong.items()}
    return Case(
        aspect, Probe((arrays,)), (right | unchanged,), alternatives=alternatives, sentences=OF_SGD,
        again=lambda probe: sgd_case(aspect, dict(probe.passes[0])),
    )  # fmt: skip


def mlp_cases(rng: np.random.Generator) -> list[Case]:
    """Stacks of one to three layers; what is right comes from the library's own."""
    cases = []
    for sizes in ([2, 5, 4], [3, 3, 3, 3], [3, 2]):
        arrays: dict[str, np.ndarray] = {"x": rng.normal(size=(3, sizes[-1])), "t": rng.normal(size=(3, sizes[0]))}
        Phi: list[Any] = []
        with edf.Graph() as graph:
            for i, (n_out, n_in) in enumerate(pairwise(sizes)):
                arrays |= {f"W{i}": rng.normal(size=(n_in, n_out)), f"b{i}": rng.normal(size=n_out)}
                package: Any = edf.ParameterPackage()
                package.w, package.b = edf.Parameter(arrays[f"W{i}"]), edf.Parameter(arrays[f"b{i}"])
                Phi.append(package)
            scores = edf.MLP(Phi, edf.Input(arrays["x"]))
            squashed = (edf.Sigmoid(scores), edf.Softmax(scores))
            linear = edf.MLP(Phi, edf.Input(arrays["x"]), activation=lambda x: x)
            early = edf.MLP(Phi, edf.Input(np.zeros_like(arrays["x"])))
            loss = edf.SquaredError(scores, edf.Input(arrays["t"]))
            graph.forward()
            graph.backward(loss)
        gradients = {f"grad.{k}{i}": p.grad for i, of in enumerate(Phi) for k, p in (("W", of.w), ("b", of.b))}
        alternatives = {"squashed-output": tuple(({"value": node.value},) for node in squashed)}
        alternatives["stale-state"] = (({"value": early.value},),)
        for depth in range(len(Phi)):  # gradients of Phi[:depth] arrive
            cut = {n: g if int(n[-1]) < depth else np.zeros_like(g) for n, g in gradients.items()}
            alternatives[f"missing-param-grad:{depth}"] = ((cut,),)
        if len(sizes) > 2:
            alternatives["no-activation"] = (({"value": linear.value},),)
        probe, right = Probe((arrays,)), {"value": scores.value, "changed.Phi": np.zeros(1)} | gradients
        cases.append(Case("value", probe, (right,), alternatives=alternatives, sentences=OF_MLP))
    return cases
