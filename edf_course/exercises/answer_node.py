"""Putting a node class to use: operands in front of it, a weighted sum behind it, one walk forwards and one back.

The weighted sum makes the upstream gradient any array we like: its value is sum(upstream * y) for each example, so what
reaches the node as `self.grad` is `upstream`. A gradient of ones would let wrong nodes pass (softmax with zero).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from edf_course.edf import CompNode, Input, Parameter, ParameterPackage, current_graph
from edf_course.edf.errors import GraphError, ShapeError, describe
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.recording import Record, noticing

SECOND = "@2"  # the suffix of what belongs to a second instance


class Leaf(CompNode):
    """An operand with a batch index whose gradient is asked for; errors call it by the name of its class."""

    odd: Any = None
    latest: Any = None

    def __init__(self, value: np.ndarray) -> None:
        super().__init__()
        self.value = value

    def forward(self) -> None:
        """Do nothing: the value is given."""

    def backward(self) -> None:
        """Do nothing: there is nothing before it."""

    def addgrad(self, delta: Any) -> None:
        """Add `delta`; remember it, and one of the wrong shape, which tells what the mistake is."""
        if np.shape(delta) != self.value.shape:
            self.odd = delta
        self.latest = np.array(delta)
        super().addgrad(delta)


class LeafParameter(Parameter):
    """A parameter that remembers the latest gradient, and one of the wrong shape."""

    odd: Any = None
    latest: Any = None

    def addgrad_mean(self, gradient: Any) -> None:
        """Add `gradient`; remember it, and one of the wrong shape."""
        if np.shape(gradient) != self.value.shape:
            self.odd = gradient
        self.latest = np.array(gradient)
        super().addgrad_mean(gradient)


class WeightedSum(CompNode):
    """value[b] = the sum of upstream * y over everything but the batch, over all `nodes`."""

    def __init__(self, nodes: list[Any]) -> None:
        super().__init__()
        self.nodes = nodes
        self.upstreams: list[np.ndarray] = []

    def forward(self) -> None:
        """Compute the sum, after a look at the shapes."""
        total: Any = 0.0
        for node, upstream in zip(self.nodes, self.upstreams, strict=True):
            value = np.asarray(node.value)
            if value.shape != upstream.shape:
                raise ShapeError(f"forward gives shape {value.shape}, but {upstream.shape} is right here")
            total = total + (upstream * value).reshape(len(upstream), -1).sum(axis=1)
        self.value = total

    def backward(self) -> None:
        """Hand each node its upstream gradient."""
        for node, upstream in zip(self.nodes, self.upstreams, strict=True):
            node.addgrad(upstream.copy())


def run(thing: Any, probe: Probe, record: Record) -> None:
    """Answer a probe with the node class (or factory) `thing`.

    Modes: "plain"; "shared", two nodes that read the same operands; "instances", two nodes with operands of their own
    (names end in "@2"), forwards both before backwards both; "same", every operand is the first one's node;
    "repeat", Backward runs twice on each pass.
    Written down for each pass: value, grad.<operand>, odd.<operand> (a gradient of the wrong shape), and in changed.…
    by how much backward or forward changed the operands, the node's value and its gradient.
    """
    names = [n for n in probe.passes[0] if not n.startswith("upstream") and not n.endswith(SECOND)]
    leaves = {n: _leaf(n, probe.passes[0][n]) for n in names}
    if probe.mode == "same":
        leaves = dict.fromkeys(names, leaves[names[0]])
    nodes = [_make(thing, leaves)]
    everything = dict(leaves)
    if probe.mode == "shared":
        nodes.append(_make(thing, leaves))
    if probe.mode == "instances":
        second = {n: _leaf(n, probe.passes[0][n + SECOND]) for n in names}
        nodes.append(_make(thing, second))
        everything |= {n + SECOND: leaf for n, leaf in second.items()}
    end = WeightedSum(nodes)
    returned = _watch(nodes[0], list(leaves.values()), record)
    # a library node that works inside, by whatever name it was reached, is found by its backward
    with noticing(list(_library_nodes(CompNode)) if probe.backward else [], "backward", record):
        for arrays in probe.passes:
            record.begin_pass()
            _run_pass(probe, arrays, nodes, everything, end, record)
    if returned and returned[-1] is not None:
        record.noticed.add("returns")
    if probe.mode == "plain" and any(_has_twice_the_latest(leaf) for leaf in leaves.values()):
        record.noticed.add("twice")
    if any(type(c).__module__.startswith("edf_course.edf.") for c in current_graph().CompNodes):
        record.noticed.add("library")


def _has_twice_the_latest(leaf: Any) -> bool:
    """Whether one gradient came twice: by addgrad both times, or once by grad += ."""
    latest = getattr(leaf, "latest", None)
    if latest is None or latest.dtype.kind != "f" or not latest.any():
        return False
    return np.array_equal(leaf.grad, 2 * latest)


def _run_pass(
    probe: Probe, arrays: Arrays, nodes: list[Any], leaves: dict[str, Any], end: WeightedSum, record: Record
) -> None:
    given = {n: arrays[n].copy() for n in leaves if n in arrays}
    for n, leaf in leaves.items():
        if probe.mode != "same" or n == next(iter(leaves)):
            leaf.value = arrays[n].copy()
    suffixes = ["", SECOND]
    end.upstreams = [arrays["upstream" + s] for s, _ in zip(suffixes, nodes, strict=False)]
    for c in current_graph().CompNodes:
        if c is end:
            for s, node in zip(suffixes, nodes, strict=False):
                record.put("value" + s, node.value)
            value = np.array(nodes[0].value)
        c.forward()
    if not probe.backward:
        return
    for _ in range(2 if probe.mode == "repeat" else 1):
        try:
            current_graph().backward(end)
        finally:
            _put_odd(leaves, record)
    for n, leaf in leaves.items():
        if not isinstance(leaf, Input):
            record.put("grad." + n, leaf.grad)
        if probe.mode != "same" or n == next(iter(leaves)):
            record.put_change(n, given[n], leaf.value)
    record.put_change("value", value, nodes[0].value)
    record.put_change("grad", arrays["upstream"], nodes[0].grad)


def _put_odd(leaves: dict[str, Any], record: Record) -> None:
    for n, leaf in leaves.items():
        if getattr(leaf, "odd", None) is not None and np.asarray(leaf.odd).dtype.kind in "biuf":
            record.put("odd." + n, leaf.odd)


def _library_nodes(node: type) -> Iterator[type]:
    subclasses: list[type] = node.__subclasses__()
    for subclass in subclasses:
        if subclass.__module__.startswith("edf_course.edf."):
            yield subclass
            yield from _library_nodes(subclass)


def _watch(node: Any, operands: list[Any], record: Record) -> list[Any]:
    """Note what the node's backward returns, and whether it hands a gradient to the node itself.

    Noticed too is a backward that runs the node's forward again with operands nudged.
    """
    backward, forward, addgrad = node.backward, node.forward, node.addgrad
    returned: list[Any] = []
    before: list[np.ndarray] = []  # what the operands were when backward began; empty outside backward

    def watched_backward() -> None:
        before.extend(np.array(o.value) for o in operands)
        try:
            returned.append(backward())
        finally:
            before.clear()

    def watched_forward() -> Any:
        if before and not all(np.array_equal(o.value, b) for o, b in zip(operands, before, strict=True)):
            record.noticed.add("forward-in-backward")
        return forward()

    def watched_addgrad(delta: Any) -> None:
        if before:
            record.noticed.add("to-itself")
        addgrad(delta)

    node.backward, node.forward, node.addgrad = watched_backward, watched_forward, watched_addgrad
    return returned


def _leaf(name: str, value: np.ndarray) -> Any:
    if name.startswith("Phi."):
        return LeafParameter(value)
    if value.dtype.kind in "iu" or name == "t":
        return Input(value.copy(), name)
    return _leaf_class(name)(value.copy())


@functools.cache
def _leaf_class(name: str) -> type[Leaf]:
    return type(name, (Leaf,), {})


def _make(thing: Any, leaves: dict[str, Any]) -> Any:
    """Make the student's node from its operands: those named Phi.… come in one package, in front."""
    package = ParameterPackage()
    for n, leaf in leaves.items():
        if n.startswith("Phi."):
            setattr(package, n.removeprefix("Phi."), leaf)
    operands = [leaf for n, leaf in leaves.items() if not n.startswith("Phi.")]
    node = thing(*([package] if vars(package) else []), *operands)
    if any(node is leaf for leaf in leaves.values()):
        raise GraphError("it returns its operand: a node class of its own is asked for")
    for method in ("forward", "backward"):
        if not callable(getattr(node, method, None)):
            raise GraphError(f"this is {describe(node)}, and it has no method {method}: a node class is asked for")
    if not isinstance(node, CompNode):
        raise GraphError(f"{type(node).__name__} is no CompNode: write class {type(node).__name__}(CompNode)")
    if not any(c is node for c in current_graph().CompNodes):
        raise GraphError(
            f"{type(node).__name__} is not in the graph, so Forward() never reaches it: start its __init__ with "
            "super().__init__()"
        )
    return node
