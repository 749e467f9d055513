"""The cell to paste for a node: operands in front of it, a weighted sum behind it, as a student would write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograder.counterexample.cell_code import Shown, given, in_graph, says
from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.probes import Arrays
from edf_course.exercises.statement import Statement


def of_node(stated: Statement, shown: Shown) -> list[str]:
    """Return the lines of the cell."""
    mode, passes = shown.probe.mode, shown.probe.passes
    wrong = [n for n in shown.wrong if n.startswith("value")] or list(shown.wrong)  # a wrong value explains the rest
    backward = shown.probe.backward and not wrong[0].startswith("value")
    sides = ["", SECOND] if mode == "instances" else [""]
    lines = [line for side in sides for line in _operands(stated, shown, side, backward)]
    outs = ["out", "out2"] if mode in ("shared", "instances") else ["out"]
    if mode == "shared":
        lines.append(f"out2 = {_call(stated, shown, '')}")
    if backward:
        lines += _loss(stated, shown, outs)
    for i, arrays in enumerate(passes):
        if i > 0:
            lines += ["# the same graph with other values", *_other_values(stated, arrays, backward)]
        lines.append("edf.Forward()")
        if backward:
            lines += ["edf.Backward(loss)"] * (2 if mode == "repeat" else 1)
    return in_graph(lines, [_says(shown, n) for n in wrong])


def _variable(name: str) -> str:
    """Return the name in the cell: x2 for x@2, Phi2.w for Phi.w@2."""
    head, dot, tail = name.removesuffix(SECOND).partition(".")
    return head + ("2" if name.endswith(SECOND) else "") + dot + tail


def _operands(stated: Statement, shown: Shown, side: str, backward: bool) -> list[str]:
    """Make one node with its operands."""
    lines, several = [], len(shown.probe.passes) > 1
    if any(o.role == "parameter" for o in stated.operands):
        lines.append(f"{_variable('Phi' + side)} = edf.ParameterPackage()")
    for o in stated.operands[: 1 if shown.probe.mode == "same" else None]:
        name, array = _variable(o.name + side), shown.arrays[o.name + side]
        if o.role == "parameter":
            lines.append(f"{name} = edf.Parameter({given(array)})")
        elif not backward or not o.has_gradient:
            lines.append(_inputs(name, array))
        elif several:
            lines += [
                _inputs(f"{name}_given", array),
                f"{name} = edf.Concat([{name}_given])  # this one has a gradient",
            ]
        else:
            lines.append(f"{name} = edf.Concat([edf.Input({given(array)})])  # a computed node: it has a gradient")
    return [*lines, f"out{'2' if side else ''} = {_call(stated, shown, side)}"]


def _call(stated: Statement, shown: Shown, side: str) -> str:
    """Put the answer to use; parameters come in one package, in front."""
    names = [o.name for o in stated.operands if o.role != "parameter"]
    if shown.probe.mode == "same":
        names = [names[0]] * len(names)
    package = ["Phi"] if len(names) < len(stated.operands) else []
    return f"{shown.name}({', '.join(_variable(n + side) for n in [*package, *names])})"


def _loss(stated: Statement, shown: Shown, outs: Sequence[str]) -> list[str]:
    """Weight the node's values, so that the weights are the upstream gradient."""
    lines, terms = [], []
    for out, side in zip(outs, ("", SECOND), strict=False):
        upstream = shown.arrays["upstream" + side]
        name = f"upstream{'2' if side else ''}"
        lines.append(f"{_inputs(name, upstream)}  # what {out}.grad will be")
        terms.append(f"edf.Mul({out}, {name})")
    total = terms[0] if len(terms) == 1 else f"edf.Add({', '.join(terms)})"
    loss = f"edf.Sum({total})" if len(stated.output_axes.split()) > 1 else total
    return [*lines, f"loss = {loss}"]


def _other_values(stated: Statement, arrays: Arrays, backward: bool) -> list[str]:
    lines = []
    for o in stated.operands:
        is_node = backward and o.has_gradient and o.role != "parameter"
        lines.append(f"{o.name}{'_given' if is_node else ''}.value = np.array({given(arrays[o.name])})")
    if backward:
        lines.append(f"upstream.value = np.array({given(arrays['upstream'])})")
    return lines


def _says(shown: Shown, name: str) -> str:
    last = shown.probe.passes[-1]
    if name.startswith("changed."):
        of = name.removeprefix("changed.")
        known = {"value": ("out.value", shown.right.get("value")), "grad": ("out.grad", last["upstream"])}
        expression, right = known.get(of) or (f"{_variable(of)}.value", last[of])
        if right is None:
            raise ValueError(f"nothing to compare {of} with")
        return says(expression, right, f"afterwards {expression}")
    if name.startswith("value"):
        expression = "out2.value" if name.endswith(SECOND) else "out.value"
    else:
        expression = _variable(name.removeprefix("grad.")) + ".grad"
    return says(expression, shown.right[name])


def _inputs(name: str, array: np.ndarray) -> str:
    return f"{name} = edf.Input({given(array)})"
