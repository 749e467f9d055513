"""Graphs of the three engines, read into one kind of sketch: EDF's nodes, the scalar engine's Values, CGP's graphs.

Values are known by what they have (`_prev`, `data`, `grad`: micrograd's own too), CGP's graphs likewise (`expressions`,
`parameters`, `outputs`, or the Primer's `exp_objects`); nothing has to be built or run for a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from edf_course import edf
from edf_course.draw.drawing import summary
from edf_course.draw.sketch import COMPUTED, GIVEN, OUTPUT, PARAMETER, Edge, Node, Sketch
from edf_course.edf.errors import describe

MOST_NODES = 150
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

Operands = list[tuple[str, Any]]  # (what the node calls it, the operand)


def read(
    thing: Any,
    names: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    gradients: Mapping[str, Any] | None = None,
    partials: Mapping[str, Mapping[str, Any]] | None = None,
) -> Sketch:
    """Return the sketch of `thing`; see `draw.graph`, whose arguments these are."""
    if isinstance(thing, edf.Classifier):
        thing = thing.graph
    if is_expression_graph(thing):
        return read_expressions(thing, values or {}, gradients or {}, partials or {})
    if values is not None or gradients is not None or partials is not None:
        raise TypeError("values, gradients and partials are for a graph of expressions (CGP): other nodes hold theirs.")
    if isinstance(thing, edf.Graph):
        if not thing.CompNodes:
            raise ValueError("this edf.Graph is empty: make nodes first, inside `with graph:`.")
        return read_edf(thing.CompNodes, names or {})
    roots = list(thing) if isinstance(thing, list | tuple) else [thing]
    if roots and all(isinstance(root, edf.CompNode | edf.Parameter | edf.Input) for root in roots):
        return read_edf(roots, names or {})
    if roots and all(is_value(root) for root in roots):
        return read_values(roots, names or {})
    raise TypeError(
        f"draw.graph takes an edf.Graph, an EDF node, a Value, a CGP graph or a list of nodes, {_but(thing)}"
    )


def is_value(thing: Any) -> bool:
    """Whether `thing` is a node of the scalar engine, ours or micrograd's."""
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in ("data", "grad", "_prev", "_op"))


def is_expression_graph(thing: Any) -> bool:
    """Whether `thing` is a graph of expressions: a DAG of cgp, or a ComputationalGraphPrimer."""
    if isinstance(thing, type):
        return False
    dag = all(hasattr(thing, name) for name in ("expressions", "parameters", "outputs", "leads_to"))
    return dag or hasattr(thing, "exp_objects") or hasattr(thing, "parse_expressions")


def read_edf(roots: Iterable[Any], names: Mapping[str, Any]) -> Sketch:
    """Sketch EDF nodes and all that they read; the batch is summed up in one number."""
    nodes, operands = _walk(roots, edf_operands)
    called = _edf_names(nodes, operands, names)
    read = {id(operand) for of_node in operands.values() for _, operand in of_node}
    sketch = Sketch("EDF graph")
    for node in nodes:
        output = isinstance(node, edf.CompNode) and id(node) not in read
        kind = OUTPUT if output else COMPUTED if isinstance(node, edf.CompNode) else GIVEN
        if isinstance(node, edf.Parameter):
            kind = PARAMETER
        value: Any = getattr(node, "value", None)
        gradient: Any = getattr(node, "grad", None)
        name, operation = called.get(id(node), ""), type(node).__name__
        shape = "×".join(map(str, np.shape(value)))
        sketch.nodes.append(
            Node(
                name or operation,
                kind,
                " ".join(filter(None, [operation if name and kind in (COMPUTED, OUTPUT) else "", shape])),
                None if value is None else summary(value, mean=output and np.ndim(value) == 1),
                None if gradient is None or type(gradient) is int else summary(gradient),
            )
        )
    return _connect(sketch, nodes, operands)


def edf_operands(node: Any) -> Operands:
    """Return what an EDF node reads, as (attribute, node): nodes among its attributes, in lists, and in packages."""
    found: Operands = []
    for attribute, held in vars(node).items() if isinstance(node, edf.CompNode) else ():
        members = list(held) if isinstance(held, list | tuple) else [held]
        for member in members:
            if _is_edf_node(member):
                found.append((attribute, member))
            elif not isinstance(member, np.ndarray | edf.Graph | type):
                found += [
                    (f"{attribute}.{name}", part)
                    for name, part in getattr(member, "__dict__", {}).items()
                    if isinstance(part, edf.Parameter)
                ]
    return found


def _is_edf_node(thing: Any) -> bool:
    return isinstance(thing, edf.CompNode | edf.Parameter | edf.Input)


def _edf_names(nodes: list[Any], operands: dict[int, Operands], names: Mapping[str, Any]) -> dict[int, str]:
    """Return a name for each node that has one: the one given, an Input's own, or Phi1.w for what a package holds."""
    given = _given_names(names)
    packages: dict[tuple[int, ...], str] = {}  # parameters that come together -> "1", "2", …
    called: dict[int, str] = {}
    for node in nodes:
        in_package = [(path, p) for path, p in operands[id(node)] if "." in path]
        key = tuple(id(p) for _, p in in_package)
        for path, p in operands[id(node)]:
            if isinstance(p, edf.Parameter):
                number = packages.setdefault(key, str(len(packages) + 1)) if "." in path else ""
                called.setdefault(id(p), path.replace(".", f"{number}.", 1))
    if len(packages) == 1:
        called = {i: path.replace("1.", ".", 1) for i, path in called.items()}
    for name, thing in names.items():
        for attribute, part in getattr(thing, "__dict__", {}).items():
            if isinstance(part, edf.Parameter) and not _is_edf_node(thing):
                called[id(part)] = f"{name}.{attribute}"
    called |= {id(node): node.name for node in nodes if isinstance(node, edf.Input)}
    return called | given


def read_values(roots: Iterable[Any], names: Mapping[str, Any]) -> Sketch:
    """Sketch Values and all that they are made of; `v.label = "L"` or `names` give them names."""
    nodes, operands = _walk(roots, lambda v: [("", u) for u in v._prev])
    given = _given_names(names)
    used = {id(operand) for of_node in operands.values() for _, operand in of_node}
    sketch = Sketch("graph of Values")
    for v in nodes:
        label = given.get(id(v), "") or str(getattr(v, "label", "") or "")
        kind = GIVEN if not operands[id(v)] else COMPUTED if id(v) in used else OUTPUT
        title, detail = (label, str(v._op)) if label else (str(v._op), "")
        sketch.nodes.append(Node(title, kind, detail, summary(v.data), summary(v.grad)))
    return _connect(sketch, nodes, operands)


def read_expressions(
    thing: Any, values: Mapping[str, Any], gradients: Mapping[str, Any], partials: Mapping[str, Mapping[str, Any]]
) -> Sketch:
    """Sketch a CGP graph: variables and parameters are nodes, with the values, gradients and partials given."""
    expressions = getattr(thing, "exp_objects", None) or getattr(thing, "expressions", {})
    exps = list(expressions.values()) if isinstance(expressions, Mapping) else list(expressions)
    if not exps or isinstance(exps[0], str):
        raise ValueError("this graph has not been read yet: call parse_expressions() first.")
    values = {**(getattr(thing, "vals_for_learnable_params", None) or {}), **values}
    outputs = set(getattr(thing, "output_vars", None) or getattr(thing, "outputs", None) or ())
    body_of = {exp.dependent_var: exp for exp in exps}
    parameters = {p for exp in exps for p in exp.right_params}
    order = dict.fromkeys(name for exp in exps for name in [*exp.right_vars, *exp.right_params, exp.dependent_var])
    index = {name: i for i, name in enumerate(order)}
    unknown = [name for given in (values, gradients) for name in given if name not in index]
    if unknown:
        raise ValueError(f"there is no node {unknown[0]!r} in this graph; its nodes are {', '.join(index)}.")
    _check_size(len(index))
    sketch = Sketch("graph of expressions")
    for name in index:
        kind = PARAMETER if name in parameters else GIVEN if name not in body_of else COMPUTED
        numbers = [None if given.get(name) is None else summary(given[name]) for given in (values, gradients)]
        detail = _formula(body_of[name].body) if name in body_of else ""
        sketch.nodes.append(Node(name, OUTPUT if name in outputs else kind, detail, *numbers))
    for name, exp in body_of.items():
        for source in [*exp.right_vars, *exp.right_params]:
            partial = partials.get(name, {}).get(source)
            label = "" if partial is None else summary(partial)
            sketch.edges.append(Edge(index[source], index[name], label))
    return sketch


def _formula(body: str) -> str:
    """Write ab*xx+ac*xa^2 as it is written on paper: ab·xx + ac·xa²."""
    text = body.replace(" ", "").replace("**", "^").replace("+", " + ").replace("*", "·")
    head, *powers = text.split("^")
    for power in powers:
        digits = len(power) - len(power.lstrip("0123456789"))
        whole = digits and power[digits : digits + 1] != "."
        head += power[:digits].translate(SUPERSCRIPT) + power[digits:] if whole else "^" + power
    return head


def _walk(roots: Iterable[Any], operands_of: Callable[[Any], Operands]) -> tuple[list[Any], dict[int, Operands]]:
    """Return all nodes, operands first, and each one's operands by its id. Nothing recurses: a chain may be long.

    Nodes without operands come just before what is computed from them first.
    """
    nodes: list[Any] = []
    operands: dict[int, Operands] = {}
    listed: set[int] = set()
    tops = list(roots)
    stack: list[tuple[Any, bool]] = [(root, False) for root in reversed(tops)]
    while stack:
        node, done = stack.pop()
        if done and id(node) not in listed:
            fresh = {id(u): u for _, u in operands[id(node)] if not operands[id(u)] and id(u) not in listed}
            nodes += [*fresh.values(), node]
            listed |= {*fresh, id(node)}
        elif not done and id(node) not in operands:
            operands[id(node)] = list(operands_of(node))
            _check_size(len(operands))
            if operands[id(node)] or any(node is root for root in tops):
                stack.append((node, True))
            stack += [(operand, False) for _, operand in reversed(operands[id(node)])]
    return nodes, operands


def _check_size(n: int) -> None:
    if n > MOST_NODES:
        raise ValueError(f"this graph has more than {MOST_NODES} nodes, too many to read: draw a part of it.")


def _connect(sketch: Sketch, nodes: list[Any], operands: dict[int, Operands]) -> Sketch:
    index = {id(node): i for i, node in enumerate(nodes)}
    sketch.edges += [Edge(index[id(u)], i) for i, node in enumerate(nodes) for _, u in operands[id(node)]]
    return sketch


def _given_names(names: Mapping[str, Any]) -> dict[int, str]:
    """Return names by the id of what they name; `globals()` will do, its underscores are left out."""
    given: dict[int, str] = {}
    for name, thing in names.items():
        if not name.startswith("_"):
            given.setdefault(id(thing), name)
    return given


def _but(thing: Any) -> str:
    if isinstance(thing, list | tuple):
        strangers = [node for node in thing if not (_is_edf_node(node) or is_value(node))]
        if not thing:
            return "not an empty list."
        return f"not a list that holds {describe(strangers[0])}." if strangers else "not a list of both kinds of nodes."
    if callable(thing) and not isinstance(thing, type):
        return f"not {describe(thing)}: call it, and draw what it returns."
    return f"not {describe(thing)}."
