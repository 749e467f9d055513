"""The private half of the exercises on EDF's core: addgrad, the backward walk, the step, and the stack of layers.

Their truths are torch's too: the same small graph and the same MLP, written as formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.exercise import Exercise, Misconception
from autograder.oracles import Truth
from autograder.provenance.provenance import NODES
from edf_course.exercises.marking import Case, Context
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.public_core import addgrad_mistakes, sgd_case
from edf_course.exercises.sayings import OF_ADDGRAD, OF_BACKWARD, OF_BACKWARD_AGAIN, OF_MLP

# --- addgrad: deltas (B, …) are averaged and added -------------------------------------------------------------------


def _draw_addgrad(aspect: str, shape: tuple[int, ...], batch_sizes: tuple[int, ...], rng: np.random.Generator) -> Case:
    arrays = {"value": rng.normal(size=shape)}
    for i, B in enumerate(batch_sizes):
        arrays[f"delta{i}"] = rng.normal(size=(B, *shape)) + 0.5
    return _addgrad_case(aspect, Probe((arrays,)))


def _addgrad_case(aspect: str, probe: Probe) -> Case:
    (arrays,) = probe.passes
    means = [arrays[f"delta{i}"].mean(axis=0) for i in range(len(arrays) - 1)]
    right = {f"grad.delta{i}": np.sum(means[: i + 1], axis=0) for i in range(len(means))}
    right |= {f"changed.{n}": np.zeros(v.shape) for n, v in arrays.items()}
    wrong = addgrad_mistakes([arrays[f"delta{i}"] for i in range(len(means))])
    # a parameter's gradient as a function of the upstream (B,), for the generic mistakes with batches
    context = Context(
        {"delta": arrays["delta0"]}, arrays["value"], np.ones(len(arrays["delta0"])),
        lambda u: {"delta0": np.tensordot(u, arrays["delta0"], 1) / len(u)}, frozenset({"delta0"}),
    )  # fmt: skip
    single = len(means) == 1
    return Case(
        aspect, probe, (right,), contexts=(context,) if single else (), alternatives={} if single else wrong,
        fallback=None if single else "no-accumulation", sentences=OF_ADDGRAD, again=partial(_addgrad_case, aspect),
    )  # fmt: skip


def _addgrad_cases(rng: np.random.Generator) -> list[Case]:
    cases = [_draw_addgrad("mean", (4, 2), (3,), rng), _draw_addgrad("mean", (3, 6), (5,), rng)]
    cases += [_draw_addgrad("accumulates", (2, 3), sizes, rng) for sizes in ((4, 4), (5, 2, 3))]
    cases += [_draw_addgrad("any shape", shape, (B,), rng) for shape, B in (((3,), 7), ((2, 3, 2), 4), ((4, 2), 1))]
    return [*cases, _addgrad_case("any shape", cases[0].probe)]  # once more: nothing is kept on the class


ADDGRAD = Exercise(
    "edf.addgrad",
    {"mean": 3, "accumulates": 2, "any shape": 1},
    _addgrad_cases,
    [
        Misconception(
            "batch-mean-missing",
            "One gradient for each example is kept: average them over the batch, the first axis.",
            lambda c: {"delta0": c.delta},
        ),
        Misconception(
            "wrong-axis",
            "The mean runs over everything: average over the batch alone.",
            lambda c: {"delta0": c.delta.mean()},
        ),
        Misconception(
            "wrong-axis",
            "The mean runs along another axis: the batch is the first one.",
            lambda c: {"delta0": c.delta.mean(axis=1)},
        ),
        Misconception(
            "wrong-axis",
            "The mean runs along another axis: the batch is the first one.",
            lambda c: {"delta0": c.delta.mean(axis=-1)},
        ),
        Misconception(
            "wrong-axis",
            "You divide by the length of another axis: the batch is the first one.",
            lambda c: {"delta0": c.delta.sum(axis=0) / c.delta.shape[1]},
        ),
        Misconception(
            "wrong-axis",
            "You divide by the length of another axis: the batch is the first one.",
            lambda c: {"delta0": c.delta.sum(axis=0) / c.delta.shape[-1]},
        ),
        *(
            Misconception(
                "wrong-axis",
                "The sum runs along another axis: the batch is the first one.",
                partial(lambda axis, c: {"delta0": c.delta.sum(axis=axis) / c.B}, axis),
            )
            for axis in (1, -1)
        ),
        Misconception(
            "broadcast",
            "Each example is divided by B, but one gradient for each is kept: add them up too, over the first axis.",
            lambda c: {"delta0": c.delta / c.B},
        ),
        Misconception(
            "factor-missing",
            "You divide by the number of all entries; it should be by the number of examples.",
            lambda c: {"delta0": c.delta.sum(axis=0) / c.delta.size},
        ),
    ],
)


# --- the backward walk -----------------------------------------------------------------------------------------------


def _small_formula(
    W1: torch.Tensor, b1: torch.Tensor, W2: torch.Tensor, b2: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Return the loss of edf_course.exercises.answer_core.small_graph."""
    h = torch.tanh(x @ W1 - b1)
    return torch.nn.functional.cross_entropy((h * h + h) @ W2 - b2, y, reduction="none")


_SMALL = Truth(
    _small_formula, ("W1", "b1", "W2", "b2", "x", "y"), frozenset({"W1", "b1", "W2", "b2"}), frozenset({"y"})
)  # fmt: skip


def _small_arrays(B: int, n: int, h: int, m: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "W1": rng.normal(size=(n, h)),
        "b1": rng.normal(size=h),
        "W2": rng.normal(size=(h, m)),
        "b2": rng.normal(size=m),
        "x": rng.normal(size=(B, n)),
        "y": rng.integers(0, m, B),
        "upstream": np.ones(B),
    }


def _inner_gradients(arrays: Arrays) -> dict[str, np.ndarray]:
    """Return the gradients, example by example, of the small graph's nodes h, s and q."""
    t = {n: torch.tensor(v) for n, v in arrays.items()}
    h = torch.tanh(t["x"] @ t["W1"] - t["b1"]).requires_grad_()
    s = h * h + h
    q = torch.softmax(s @ t["W2"] - t["b2"], dim=1)
    loss = -torch.log(q[torch.arange(len(q)), t["y"]])
    gradients = torch.autograd.grad(loss.sum(), (h, s, q))
    return {n: g.numpy() for n, g in zip("hsq", gradients, strict=True)}


def _draw_backward(aspect: str, mode: str, sizes: tuple[int, int, int, int], rng: np.random.Generator) -> Case:
    arrays = _small_arrays(*sizes, rng)
    _SMALL.confirm(arrays, rng)
    return _backward_case(aspect, Probe((arrays,), mode))


def _backward_case(aspect: str, probe: Probe) -> Case:
    (arrays,) = probe.passes
    one_each = arrays["upstream"]
    of_parameters = {n: g for n, g in _SMALL.vjp(arrays, one_each).items() if n != "x"}
    inner = _inner_gradients(arrays)
    gradients = {"grad." + n: g for n, g in {**inner, **of_parameters}.items()}
    right = gradients | {f"changed.{n}": np.zeros(g.shape) for n, g in of_parameters.items()}
    right |= {"grad.loss": one_each, "grad.unread": np.zeros_like(inner["h"])}
    nothing = {n: np.zeros_like(g) for n, g in gradients.items()}
    doubled = {n: 2 * g for n, g in gradients.items()}
    context = Context(
        arrays, np.zeros_like(one_each), one_each,
        lambda u: {**{n: g * u[:, None] for n, g in _inner_gradients(arrays).items()}, **_SMALL.vjp(arrays, u)},
        frozenset(of_parameters),
    )  # fmt: skip
    # walked from the inputs to the loss, each node hands its gradient on before it has one; only q gets any
    reversed_order = nothing | {"grad.q": gradients["grad.q"]}
    without_first = gradients | {n: nothing[n] for n in ("grad.W1", "grad.b1")}
    forgotten = gradients | {f"grad.{n}": np.zeros_like(g) for n, g in inner.items()}
    plain = {
        "order-reversed": ((reversed_order,),),
        "no-seed": ((nothing,),),
        "missing-node": ((without_first,),),
        "mutates-grad": ((forgotten,),),
    }
    again: dict[str, Any] = {"grad-not-reset": ((doubled,),), "mutates-input": ((reversed_order,),)}
    repeat = probe.mode == "repeat"
    return Case(
        aspect, probe, (right,), aspects={"grad.loss": "any shape", "grad.unread": "any shape"}, contexts=(context,),
        fallback="grad-not-reset" if repeat else None, alternatives=again if repeat else plain,
        sentences=OF_BACKWARD | (OF_BACKWARD_AGAIN if repeat else {}), again=partial(_backward_case, aspect),
    )  # fmt: skip


def _backward_cases(rng: np.random.Generator) -> list[Case]:
    return [
        _draw_backward("gradient", "plain", (4, 3, 5, 2), rng),
        _draw_backward("gradient", "plain", (3, 2, 4, 3), rng),
        _draw_backward("repeatable", "repeat", (4, 3, 5, 2), rng),
        _draw_backward("any shape", "plain", (1, 2, 3, 4), rng),
    ]


BACKWARD_PASS = Exercise(
    "edf.backward_pass",
    {"gradient": 5, "repeatable": 2, "any shape": 1},
    _backward_cases,
    [
        Misconception(
            "batch-mean-twice", "Each example's loss starts with gradient 1, not 1/B: parameters do the averaging.",
            lambda c: {n: g / c.B for n, g in c.vjp(c.g).items()},
        ),
        Misconception(
            "factor-extra", "Each example's loss starts with gradient 1, not B: it is the slope of its own loss.",
            lambda c: {n: g * c.B for n, g in c.vjp(c.g).items()},
        ),
    ],
)  # fmt: skip


# --- the step --------------------------------------------------------------------------------------------------------


def _sgd_case(aspect: str, shapes: list[tuple[int, ...]], rate: float, rng: np.random.Generator) -> Case:
    arrays: dict[str, np.ndarray] = {"rate": np.array([rate])}
    for i, shape in enumerate(shapes, start=1):
        arrays |= {f"value{i}": rng.normal(size=shape), f"grad{i}": rng.normal(size=shape)}
    return sgd_case(aspect, arrays)


def _sgd_cases(rng: np.random.Generator) -> list[Case]:
    return [
        _sgd_case("step", [(3, 2), (2,)], 0.1, rng),
        _sgd_case("step", [(4,), (2, 2, 2), (1, 3)], 0.37, rng),
        _sgd_case("step", [(2, 5)], 2.0, rng),
    ]


SGD = Exercise("edf.sgd", {"step": 4}, _sgd_cases)


# --- the stack of layers ---------------------------------------------------------------------------------------------


Activation = Callable[[torch.Tensor], torch.Tensor]


def _mlp_value(
    arrays: Arrays,
    hidden: Activation = torch.sigmoid,
    last: Activation | None = None,
    layers: Sequence[int] | None = None,
) -> np.ndarray | None:
    """Return the scores of the layers with these numbers, the last first; None where their shapes do not fit."""
    scores = _stacked({n: torch.tensor(a) for n, a in arrays.items()}, hidden, last, layers)
    return None if scores is None else scores.numpy()


def _stacked(
    named: Mapping[str, torch.Tensor],
    hidden: Activation = torch.sigmoid,
    last: Activation | None = None,
    layers: Sequence[int] | None = None,
) -> torch.Tensor | None:
    h = named["x"]
    for i in reversed(range(_depth(named)) if layers is None else layers):
        W, b = named[f"W{i}"], named[f"b{i}"]
        if h.shape[1] != W.shape[0]:
            return None
        h = h @ W - b
        h = hidden(h) if i > 0 else last(h) if last else h
    return h


def _mlp_truth(depth: int) -> Truth:
    """The squared distance of the scores to t."""
    parameters = [f"{kind}{i}" for i in range(depth) for kind in "Wb"]

    def squared_distance(*tensors: torch.Tensor) -> torch.Tensor:
        named = dict(zip([*parameters, "x", "t"], tensors, strict=True))
        scores = _stacked(named)
        assert scores is not None
        return ((scores - named["t"]) ** 2).sum(dim=1)

    return Truth(squared_distance, [*parameters, "x", "t"], frozenset(parameters), frozenset({"x", "t"}))


def _depth(named: Iterable[str]) -> int:
    return sum(n.startswith("W") for n in named)


def _draw_mlp(aspect: str, B: int, sizes: list[int], rng: np.random.Generator) -> Case:
    """`sizes` from the output to the input, as Phi is."""
    arrays: dict[str, np.ndarray] = {"x": rng.normal(size=(B, sizes[-1]))}
    for i in range(len(sizes) - 1):
        arrays |= {f"W{i}": rng.normal(size=(sizes[i + 1], sizes[i])), f"b{i}": rng.normal(size=sizes[i])}
    arrays["t"] = rng.normal(size=(B, sizes[0]))
    _mlp_truth(_depth(arrays)).confirm(arrays | {"upstream": np.ones(B)}, rng)
    return _mlp_case(aspect, Probe((arrays,)))


def _mlp_case(aspect: str, probe: Probe) -> Case:
    (arrays,) = probe.passes
    depth, turned = _depth(arrays), _turned(arrays)
    wrong = {f"squashed-output:{f.__name__}": _mlp_value(arrays, last=f) for f in (torch.sigmoid, _softmax)}
    if depth > 1:
        wrong["no-activation"] = _mlp_value(arrays, hidden=_nothing)
        for f in (torch.tanh, torch.relu, torch.nn.functional.softplus, _softmax):
            wrong[f"wrong-function:{f.__name__}"] = _mlp_value(arrays, f)
            wrong[f"wrong-function:{f.__name__} at the end too"] = _mlp_value(arrays, f, f)
        wrong["order-reversed:all"] = _mlp_value(turned)
        wrong["order-reversed:all, squashed"] = _mlp_value(turned, last=torch.sigmoid)
        wrong["order-reversed:hidden"] = _mlp_value(arrays, layers=[0, *range(depth - 1, 0, -1)])
        for i in range(depth):  # counted from the one end and from the other
            without = _mlp_value(arrays, layers=[k for k in range(depth) if k != i])
            wrong |= {f"missing-node:{i}": without, f"missing-node:{i - depth}": without}
    wrong["stale-state"] = _mlp_value({**arrays, "x": np.zeros_like(arrays["x"])})
    alternatives = {kind: (({"value": v},),) for kind, v in wrong.items() if v is not None}
    gradients = {"grad." + n: g for n, g in _mlp_truth(depth).vjp(arrays, np.ones(len(arrays["x"]))).items()}
    for i in range(depth):  # gradients of Phi[:i] arrive
        cut = {n: g if int(n[-1]) < i else np.zeros_like(g) for n, g in gradients.items()}
        alternatives[f"missing-param-grad:{i}"] = ((cut,),)
    right: dict[str, Any] = {"value": _mlp_value(arrays), "changed.Phi": np.zeros(1)} | gradients
    return Case(aspect, probe, (right,), alternatives=alternatives, sentences=OF_MLP, again=partial(_mlp_case, aspect))


def _turned(arrays: Arrays) -> dict[str, np.ndarray]:
    """Return the same with the layers in the opposite order."""
    last = _depth(arrays) - 1
    return {"x": arrays["x"]} | {f"{k}{last - i}": arrays[f"{k}{i}"] for k in "Wb" for i in range(last + 1)}


def _softmax(h: torch.Tensor) -> torch.Tensor:
    return torch.softmax(h, dim=-1)


def _nothing(h: torch.Tensor) -> torch.Tensor:
    return h


def _mlp_cases(rng: np.random.Generator) -> list[Case]:
    return [
        _draw_mlp("two layers", 4, [3, 3, 3], rng),
        _draw_mlp("two layers", 3, [2, 5, 4], rng),
        _draw_mlp("any depth", 5, [3, 4, 6, 2], rng),
        _draw_mlp("any depth", 2, [4, 3], rng),
        _draw_mlp("any depth", 1, [3, 2, 4, 5, 6], rng),
        _draw_mlp("any depth", 4, [3, 3, 3, 3], rng),
    ]


MLP = Exercise("edf.mlp", {"two layers": 4, "any depth": 2}, _mlp_cases, allowed=NODES)

EXERCISES = (ADDGRAD, BACKWARD_PASS, SGD, MLP)
