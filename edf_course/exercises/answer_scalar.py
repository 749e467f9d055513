"""Putting a scalar engine to use: a class Value on expressions, and a topological order on graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edf_course.exercises.probes import Probe
from edf_course.exercises.recording import Record


def _shared_late(a: Any, b: Any, c: Any) -> Any:
    y = a * b
    return (y + c).tanh() * y


def _shared_early(a: Any, b: Any, c: Any) -> Any:
    y = a * b
    return y * (y + c).tanh()


def _ladder(a: Any, b: Any, c: Any) -> Any:
    y = a + b
    z = y * c
    w = z * y + z
    return w * y + w * c


def _chain(a: Any, b: Any, c: Any) -> Any:
    y = a
    for _ in range(12):
        y = y * b + c
    return y


Expression = Callable[..., Any]

#: One operation each, times c: so that what comes from above is not 1.
SINGLE: dict[str, Expression] = {
    "(a + b) * c": lambda a, b, c: (a + b) * c,
    "a * b * c": lambda a, b, c: a * b * c,
    "(a - b) * c": lambda a, b, c: (a - b) * c,
    "a / b * c": lambda a, b, c: a / b * c,
    "a**3 * c": lambda a, b, c: a**3 * c,
    "a**-2 * c": lambda a, b, c: a**-2 * c,
    "a**0.5 * c": lambda a, b, c: a**0.5 * c,
    "a.exp() * c": lambda a, b, c: a.exp() * c,
    "a.tanh() * c": lambda a, b, c: a.tanh() * c,
    "a.relu() * c": lambda a, b, c: a.relu() * c,
    "(a**3 + b**2) * c": lambda a, b, c: (a**3 + b**2) * c,
}
#: A value that is read more than once, all by operations that read nothing else.
REUSE: dict[str, Expression] = {
    "a + a": lambda a, b, c: a + a,
    "a * a": lambda a, b, c: a * a,
    "a * b + a": lambda a, b, c: a * b + a,
    "(a + b) * (a - b)": lambda a, b, c: (a + b) * (a - b),
    "a / b + b + a": lambda a, b, c: a / b + b + a,
    "a**2 + a": lambda a, b, c: a**2 + a,
    "a.exp() + a": lambda a, b, c: a.exp() + a,
    "a.tanh() + a": lambda a, b, c: a.tanh() + a,
    "a.relu() + a": lambda a, b, c: a.relu() + a,
}
#: Nodes in the middle that are read more than once, near the root and far from it.
ORDER: dict[str, Expression] = {
    "(y + c).tanh() * y, with y = a * b": _shared_late,
    "y * (y + c).tanh(), with y = a * b": _shared_early,
    "w * y + w * c, with w = z * y + z, z = y * c, y = a + b": _ladder,
    "twelve times y = y * b + c, beginning with y = a": _chain,
}
#: Different nodes that hold the same number: the probe has a = b.
TWINS: dict[str, Expression] = {
    "(a + c).exp() * (b + c).exp(), where a = b": lambda a, b, c: (a + c).exp() * (b + c).exp()
}
EXPRESSIONS = SINGLE | REUSE | ORDER | TWINS


def run_value(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with a class Value: passes hold the numbers a, b and c; the mode is one of EXPRESSIONS."""
    for arrays in probe.passes:
        record.begin_pass()
        leaves = {n: thing(float(arrays[n])) for n in "abc"}
        made = {n: leaf.data for n, leaf in leaves.items()}
        root = EXPRESSIONS[probe.mode](**leaves)
        record.put("value", root.data)
        if probe.backward:
            root.backward()
            if np.all(np.asarray(root.grad) == 1):
                record.noticed.add("seeded")
            for n, leaf in leaves.items():
                record.put("grad." + n, leaf.grad)
                record.put_change(n, [made[n]], [leaf.data])


class GraphNode:
    """A node as a topological order sees it: what it was made from (`_prev`), and a number."""

    def __init__(self, number: int, data: float) -> None:
        self.number = number
        self.data = data
        self.grad: float = 0
        self._prev: tuple[GraphNode, ...] = ()

    def __repr__(self) -> str:
        return f"GraphNode({self.number}, data={self.data:g})"


def run_topological_order(thing: Any, probe: Probe, record: Record) -> None:
    """Answer with a function of the root: passes hold `data`, a number a node, `edges`, (node, operand) a row, and `root`.

    Written down: `order`, the numbers of the nodes that came back, -1 for what is none, -2 for one of another graph; and
    `again`, the same when the function is called a second time.
    """
    for arrays in probe.passes:
        record.begin_pass()
        nodes = [GraphNode(i, float(v)) for i, v in enumerate(arrays["data"])]
        for node, operand in arrays["edges"]:
            nodes[node]._prev += (nodes[operand],)
        numbers = {id(node): i for i, node in enumerate(nodes)}
        for name in ("order", "again"):
            returned = thing(nodes[int(arrays["root"])])
            if returned is None:
                raise TypeError(
                    f"{getattr(thing, '__name__', 'the function')} returned nothing: return the list of nodes"
                )
            found = [numbers.get(id(node), -2 if isinstance(node, GraphNode) else -1) for node in returned]
            record.put(name, np.array(found, dtype=int))
