"""Putting the core of EDF to use: addgrad of parameters, the backward walk, the step, and the stack of layers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from edf_course import edf
from edf_course.edf.errors import GraphError, describe
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.recording import Record, noticing


def run_parameter(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with a Parameter class: passes hold value and delta1, delta2 …, which are added one after the other."""
    for arrays in probe.passes:
        record.begin_pass()
        parameter = thing(arrays["value"].copy())
        if not hasattr(parameter, "addgrad"):
            raise GraphError(f"this is {describe(parameter)}, and it has no addgrad: a Parameter class is asked for")
        parameter.grad = 0
        for name in sorted(n for n in arrays if n.startswith("delta")):
            delta = arrays[name].copy()
            with noticing([edf.Parameter], "addgrad", record):
                if parameter.addgrad(delta) is not None:
                    record.noticed.add("returns")
            untouched = type(parameter.grad) is int and parameter.grad == 0
            record.put("grad." + name, np.zeros(arrays["value"].shape) if untouched else parameter.grad)
            record.put_change(name, arrays[name], delta)
        record.put_change("value", arrays["value"], parameter.value)


def run_backward_pass(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with a function (nodes, parameters, loss), on the graph of `small_graph`.

    Modes: "plain"; "repeat", the function is called twice.
    """
    for arrays in probe.passes:
        record.begin_pass()
        with edf.Graph() as graph:
            named, loss = small_graph(arrays)
            graph.forward()
            nodes = list(graph.CompNodes)  # handed over both times: who turns it round walks the wrong way next time
            for _ in range(2 if probe.mode == "repeat" else 1):
                with noticing([edf.Graph], "backward", record), _noticing_the_walk(graph.CompNodes, record):
                    thing(nodes, list(graph.Parameters), loss)
            for name, node in named.items():
                record.put("grad." + name, np.broadcast_to(node.grad, node.value.shape))
                if isinstance(node, edf.Parameter):
                    record.put_change(name, arrays[name], node.value)


@contextlib.contextmanager
def _noticing_the_walk(nodes: Sequence[Any], record: Record) -> Iterator[None]:
    """Notice in which order backward is called: "walked-back", "walked-forwards", "walked-otherwise", or "twice".

    "twice" is for the same node, "left-out" where some node is not called at all, "seeded" where the last begins with 1.
    """
    order: list[int] = []

    def called(i: int, backward: Callable[[], None]) -> None:
        order.append(i)
        if i == len(nodes) - 1 and np.all(np.asarray(nodes[i].grad) == 1):
            record.noticed.add("seeded")
        backward()

    for i, node in enumerate(nodes):
        node.backward = partial(called, i, node.backward)
    try:
        yield
    finally:
        for node in nodes:
            del node.backward
        if len(set(order)) < len(nodes):
            record.noticed.add("left-out")
        if len(set(order)) < len(order):
            record.noticed.add("twice")
        elif order and order == sorted(order, reverse=True):
            record.noticed.add("walked-back")
        elif order and order == sorted(order):
            record.noticed.add("walked-forwards")
        elif order:
            record.noticed.add("walked-otherwise")


def small_graph(arrays: Arrays) -> tuple[dict[str, Any], Any]:
    """Build loss = LogLoss(Softmax(Affine(h * h + h)), y), h = Tanh(Affine(x)): h is read three times.

    A node that does not lead to the loss is in the graph too. Returns the nodes whose gradients are asked for, by name.
    """
    x, y = edf.Input(arrays["x"].copy(), "x"), edf.Input(arrays["y"].copy(), "y")
    first, second = edf.ParameterPackage(), edf.ParameterPackage()
    first.w, first.b = edf.Parameter(arrays["W1"]), edf.Parameter(arrays["b1"])  # type: ignore[attr-defined]
    second.w, second.b = edf.Parameter(arrays["W2"]), edf.Parameter(arrays["b2"])  # type: ignore[attr-defined]
    h = edf.Tanh(edf.Affine(first, x))
    s = edf.Add(edf.Mul(h, h), h)
    unread = edf.Sigmoid(h)
    q = edf.Softmax(edf.Affine(second, s))
    loss = edf.LogLoss(q, y)
    named = {"h": h, "s": s, "q": q, "W1": first.w, "b1": first.b, "W2": second.w, "b2": second.b}  # type: ignore[attr-defined]
    named |= {"loss": loss, "unread": unread}
    return named, loss


class _Moved(edf.Parameter):
    """A parameter that counts how often its value is set, the first time included."""

    times = 0

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__["times"] = self.times + (name == "value")
        super().__setattr__(name, value)


def run_sgd(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with a function (parameters, learning_rate): passes hold value1, grad1, value2, grad2 … and rate."""
    for arrays in probe.passes:
        record.begin_pass()
        parameters = []
        for name in sorted(n for n in arrays if n.startswith("value")):
            parameter = _Moved(arrays[name])
            parameter.grad = arrays["grad" + name.removeprefix("value")].copy()
            parameters.append(parameter)
        with noticing([edf.Graph], "sgd", record):
            if thing(parameters, float(arrays["rate"][0])) is not None:
                record.noticed.add("returns")
        if any(parameter.times > 2 for parameter in parameters):
            record.noticed.add("twice")
        for i, parameter in enumerate(parameters, start=1):
            record.put(f"value{i}", parameter.value)
            record.put_change(f"grad{i}", arrays[f"grad{i}"], parameter.grad)


def run_mlp(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with a function (Phi, x): passes hold W0, b0, W1, b1 … from the output to the input, x and a target t.

    The graph is made while x holds zeros, so that scores that are computed too early show. The gradients are those of
    the squared distance to t.
    """
    for arrays in probe.passes:
        record.begin_pass()
        with edf.Graph() as graph:
            Phi = []
            for i in range(sum(n.startswith("W") for n in arrays)):
                package: Any = edf.ParameterPackage()
                package.w, package.b = edf.Parameter(arrays[f"W{i}"]), edf.Parameter(arrays[f"b{i}"])
                Phi.append(package)
            x = edf.Input(np.zeros_like(arrays["x"]), "x")
            before = list(Phi)
            scores = thing(Phi, x)
            same = len(Phi) == len(before) and all(now is then for now, then in zip(Phi, before, strict=True))
            if not isinstance(scores, (edf.CompNode, edf.Input)):
                raise GraphError(f"mlp should return the node of the scores, not {describe(scores)}")
            x.value = arrays["x"].copy()
            graph.forward()
            record.put("value", scores.value)
            record.put("changed.Phi", [0.0 if same else 1.0])
            loss = edf.SquaredError(scores, edf.Input(arrays["t"].copy(), "t"))
            loss.forward()
            graph.backward(loss)
            for i, package in enumerate(before):
                record.put(f"grad.W{i}", package.w.grad)
                record.put(f"grad.b{i}", package.b.grad)
