"""What `check` asks of a scalar engine: finite differences of each expression, and what holds of any topological order.

How numbers and graphs are drawn is public, and the judge draws in the same way; its own truths are elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edf_course.calculus import numerical_gradient
from edf_course.exercises.answer_scalar import EXPRESSIONS, ORDER, REUSE, SINGLE, TWINS
from edf_course.exercises.marking import Case
from edf_course.exercises.probes import Arrays, Probe
from edf_course.scalar import Value

NAMES = "abc"
ASPECTS = {"gradient": SINGLE, "reuse": REUSE, "order": ORDER | TWINS}

VALUE_SENTENCES = {
    "no-seed": "No value gets a gradient: backward starts with 1 at the root, and goes from there to all that led to it.",
    "overwrites": "A value that is read more than once gets only one share: add to grad (+=), do not set it (=).",
    "topo-order": "Some node hands its gradient on before it is complete: first sort, then walk from the root back.",
    "no-accumulation": "A value that is read more than once should get the sum of all shares.",
    "visited-by-value": "Nodes that hold the same number are taken for one: remember the nodes you have visited, not data.",
    "mutates-input": "Afterwards the data of a value is another: operations make new Values.",
    "order-reversed": "Only what the root itself reads gets a gradient: walk from the root back, in reversed order.",
    "relu-at-zero": "At 0 exactly the slope of relu is taken as 0, as on its left.",
    "zero": "Nothing is handed on: backward goes from the root to all that led to it, and each hands its share on.",
}
ORDER_SENTENCES = {
    "stale-state": "Something is kept from an earlier call: make the list and the set of visited nodes anew in each.",
    "missing-node": "Everything that leads to the root belongs in the list: follow _prev down to the nodes that have none, "
    "and put in the root itself.",
    "visited-by-value": "Nodes that hold the same number are taken for one: remember the nodes you have visited, not data.",
    "double-count": "A node that is read twice is reached twice: remember which nodes you have visited.",
    "topo-order": "Put a node into the list when everything it was made from is in there, not when you first meet it.",
    "order-reversed": "The list runs the wrong way round: it should begin with the inputs and end with the root.",
}


def draw_numbers(text: str, rng: np.random.Generator) -> list[Arrays]:
    """Draw a, b and c for one of EXPRESSIONS: single operations twice, relu with every sign of a and of what comes back.

    And relu at 0.
    """
    signs = rng.choice([-1.0, 1.0], 2)
    a, b, c = rng.uniform(0.4, 1.6), signs[0] * rng.uniform(0.4, 1.1), signs[1] * rng.uniform(0.4, 1.6)
    b = abs(b) if "b**" in text else b  # whoever takes the logarithm may do so
    drawn = [(a, a if text in TWINS else b, c)]
    if "relu" in text:
        drawn += [(-a, b, c), (a, b, -c), (-a, b, -c), (0.0, b, c)]
    elif text in SINGLE:
        other = rng.uniform(0.4, 1.1)
        drawn.append((rng.uniform(0.4, 1.6), other if b > 0 else -other, signs[1] * rng.uniform(0.4, 1.6)))
    return [{n: np.array(v) for n, v in zip(NAMES, numbers, strict=True)} for numbers in drawn]


def say_numbers(text: str, arrays: Arrays) -> str:
    """Return the words that tell what was asked."""
    return f"For {text} at " + ", ".join(f"{n} = {float(arrays[n]):.3g}" for n in NAMES) + ":"


def value_cases(rng: np.random.Generator) -> list[Case]:
    """Return the cases for a class Value: what each expression gives, then its gradient."""
    drawn = [
        (aspect, text, arrays)
        for aspect, table in ASPECTS.items()
        for text in table
        for arrays in draw_numbers(text, rng)
    ]
    values = [
        Case(
            "value",
            Probe((arrays,), text, backward=False),
            ({"value": _value(text, arrays)},),
            about=(say_numbers(text, arrays),),
        )
        for _, text, arrays in drawn
    ]
    return values + [_gradient_case(aspect, text, arrays) for aspect, text, arrays in drawn]


def fallback_of(aspect: str, text: str) -> str | None:
    """Return the misconception to name where only this fails, and nothing explains the numbers."""
    if text in TWINS:
        return "visited-by-value"
    if "relu" in text:  # where a is positive, a and a.relu() hold the same number too
        return None
    return {"order": "topo-order", "reuse": "no-accumulation"}.get(aspect)


def slopes_of(value: Callable[[np.ndarray], float], text: str, arrays: Arrays) -> dict[str, np.ndarray]:
    """Return the slopes towards a, b and c by differences of `value`; at the corner of relu that on its left."""
    point = np.array([float(arrays[n]) for n in NAMES])
    slopes = numerical_gradient(value, point)
    if is_at_corner(text, arrays):
        left = np.array([1e-6, 0.0, 0.0])
        slopes[0] = (value(point) - value(point - left)) / 1e-6
    return {n: np.array(slope) for n, slope in zip(NAMES, slopes, strict=True)}


def is_at_corner(text: str, arrays: Arrays) -> bool:
    """Whether relu is asked for at 0."""
    return "relu" in text and float(arrays["a"]) == 0


def _gradient_case(aspect: str, text: str, arrays: Arrays) -> Case:
    slopes = slopes_of(lambda p: float(_value(text, dict(zip(NAMES, p, strict=True)))), text, arrays)
    right = {"grad." + n: slope for n, slope in slopes.items()}
    unchanged = {"changed." + n: np.zeros(1) for n in NAMES}
    nothing = {n: np.array(0.0) for n in right}
    half = {n: g / 2 for n, g in right.items()}
    alternatives = {"no-seed": ((nothing,),)} | ({"overwrites": ((half,),)} if text in ("a + a", "a * a") else {})
    if text in SINGLE:  # all of these end with "* c"
        alternatives["order-reversed"] = ((nothing | {"grad.c": right["grad.c"]},),)
    return Case(
        aspect, Probe((arrays,), text), (right | unchanged,), alternatives=alternatives, sentences=VALUE_SENTENCES,
        fallback="relu-at-zero" if is_at_corner(text, arrays) else fallback_of(aspect, text),
        about=(say_numbers(text, arrays),),
    )  # fmt: skip


def _value(text: str, arrays: Arrays) -> np.ndarray:
    return np.array(EXPRESSIONS[text](*(Value(float(arrays[n])) for n in NAMES)).data)


def order_cases(rng: np.random.Generator) -> list[Case]:
    """Return the cases for a topological order; more than one order is right, so what is compared is derived."""
    graphs = [_diamond(rng, turned=False), _diamond(rng, turned=True), *(_random_graph(rng, n) for n in (1, 6, 14, 25))]
    cases = [_order_case("all nodes", "stale-state", ("earlier", "lost"), g) for g in graphs]
    cases += [_order_case("all nodes", "missing-node", ("missing",), g) for g in graphs]
    cases += [_order_case("all nodes", None, ("foreign",), g) for g in graphs]
    cases += [_order_case("each once", "double-count", ("repeated",), g) for g in graphs]
    cases += [_order_case("order", "topo-order", ("early", "unfinished"), g) for g in graphs]
    for g in graphs[-2:]:
        equal = {**g, "data": np.full(len(g["data"]), 0.5)}
        cases.append(_order_case("equal numbers", "visited-by-value", ("missing",), equal))
    return cases


def _order_case(aspect: str, fallback: str | None, names: tuple[str, ...], graph: Arrays) -> Case:
    nodes, edges = len(graph["data"]), len(graph["edges"])
    sizes = {
        "missing": nodes,
        "repeated": nodes,
        "foreign": 1,
        "early": edges,
        "unfinished": 1,
        "earlier": 1,
        "lost": nodes,
    }
    right = {n: np.zeros(sizes[n]) for n in names}
    reversed_order = {"order-reversed": (({"early": np.ones(edges)},),)} if "early" in names and edges else {}
    return Case(
        aspect, Probe((graph,)), (right,), fallback=fallback, alternatives=reversed_order, sentences=ORDER_SENTENCES,
        derive=_flags(graph), again=lambda probe: _order_case(aspect, fallback, names, probe.passes[0]),
    )  # fmt: skip


def _flags(graph: Arrays) -> Callable[[Arrays], Arrays]:
    """Return the function that says of an order which nodes are missing or repeated, and which edges run backwards."""
    nodes, root = len(graph["data"]), int(graph["root"])

    def derive(arrays: Arrays) -> Arrays:
        order = arrays.get("order")
        if order is None or order.ndim != 1 or order.dtype.kind not in "iu":
            return {}
        known = order[(order >= 0) & (order < nodes)]
        counts, again = _counts(order, nodes), _counts(arrays.get("again", order), nodes)
        place = np.full(nodes, -1)
        place[known[::-1]] = np.arange(len(known))[::-1]  # where each comes first
        node, operand = graph["edges"].reshape(-1, 2).T
        return {
            "missing": (counts == 0).astype(float),
            "repeated": (counts > 1).astype(float),
            "foreign": np.array([float(((order < 0) & (order != -2) | (order >= nodes)).any())]),
            "earlier": np.array([float((order == -2).any())]),
            "lost": ((counts > 0) & (again == 0)).astype(float),
            "early": ((place[operand] > place[node]) & (place[node] >= 0)).astype(float),
            "unfinished": np.array([float(len(order) == 0 or order[-1] != root)]),
        }

    return derive


def _counts(order: np.ndarray, nodes: int) -> np.ndarray:
    """Return how often each node is in the list."""
    known = order.ravel()[(order.ravel() >= 0) & (order.ravel() < nodes)]
    return np.bincount(known.astype(int), minlength=nodes)


def _diamond(rng: np.random.Generator, turned: bool) -> Arrays:
    """A chain of nodes that all read the first one too, the root as well: short and long ways lead to the same node."""
    edges = [(i, j) for i in range(1, 7) for j in dict.fromkeys((0, i - 1))]
    return _numbered([(i, j) for i, j in (reversed(edges) if turned else edges)], 7, rng)


def _random_graph(rng: np.random.Generator, n: int) -> Arrays:
    """Up to `n` nodes that read one to three earlier ones, the last one being the root; all lead to it."""
    edges = [(i, int(j)) for i in range(2, n) for j in rng.integers(max(0, i - 6), i, rng.integers(1, 4))]
    edges += [(n - 1, n - 2)] if n > 1 else []
    leads = {n - 1}
    for i, j in sorted(edges, reverse=True):
        if i in leads:
            leads.add(j)
    new = {old: i for i, old in enumerate(sorted(leads))}
    return _numbered([(new[i], new[j]) for i, j in edges if i in leads], len(leads), rng)


def _numbered(edges: list[tuple[int, int]], nodes: int, rng: np.random.Generator) -> Arrays:
    """Give the nodes numbers in random order, so that numbers tell nothing, and different data each."""
    numbers = rng.permutation(nodes)
    return {
        "data": rng.permutation(nodes) / 4 - 1.0,
        "edges": np.array([(numbers[i], numbers[j]) for i, j in edges], dtype=int).reshape(-1, 2),
        "root": np.array(numbers[nodes - 1]),
    }
