"""A few lines of Python to paste below an answer: inputs, the answer put to use, what comes of it and what should.

They are made of the judge's own numbers and of the name that the instructor's notebook has for the answer. Nothing that
came from a submission is in them.
"""

from __future__ import annotations

import string
import textwrap
from collections.abc import Callable, Sequence
from pprint import pformat

import numpy as np

from autograder.counterexample.cell_code import Shown, given, in_graph, says
from autograder.counterexample.cell_of_node import of_node
from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.answer_optim import SETTINGS
from edf_course.exercises.marking import Comparison
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.statement import Statement

MOST_ARRAYS = 3  # that are printed

#: How the expressions of edf_course.exercises.answer_scalar that are no single line are written.
LONGER = {
    "(y + c).tanh() * y, with y = a * b": "y = a * b\nroot = (y + c).tanh() * y",
    "y * (y + c).tanh(), with y = a * b": "y = a * b\nroot = y * (y + c).tanh()",
    "w * y + w * c, with w = z * y + z, z = y * c, y = a + b": (
        "y = a + b\nz = y * c\nw = z * y + z\nroot = w * y + w * c"
    ),
    "twelve times y = y * b + c, beginning with y = a": "root = a\nfor _ in range(12):\n    root = root * b + c",
}


def cell(stated: Statement, name: str, wrong: Sequence[Comparison]) -> str:
    """Return the cell for a case, from the comparisons of it that do not fit.

    `name` is what the answer is called, as the instructor's notebook has it.
    """
    case, number = wrong[0].case, min(c.number for c in wrong)
    first = [c for c in wrong if c.number == number]
    if not all(part.isidentifier() for part in name.split(".")):
        name = stated.name
    if first[0].got is None:  # what changed besides is no news beside an error
        first = [c for c in first if not c.name.startswith("changed.")] or first
    probe = Probe(case.probe.passes[: number + 1], case.probe.mode, case.probe.backward)
    shown = Shown(name, probe, case.right[number], tuple(c.name for c in first[:MOST_ARRAYS]))
    lines = _optimizer(SETTINGS[stated.kind], shown) if stated.kind in SETTINGS else _KINDS[stated.kind](stated, shown)
    how = "stops with an error" if first[0].got is None and first[0].failure else "goes wrong"
    imports = ["from edf_course import edf", ""] if any("edf." in line for line in lines) else []
    return "\n".join(
        [
            f"# The smallest inputs that were found on which your {name} {how}.",
            "# Paste this into a cell of its own below your answer, and run it.",
            "import numpy as np",
            "",
            *imports,
            "",
            "def smallest_example():",
            *(textwrap.indent(line, "    ") for line in lines),
            "",
            "",
            "smallest_example()",
        ]
    )


# --- the core ---------------------------------------------------------------------------------------------------------


def _parameter(stated: Statement, shown: Shown) -> list[str]:
    deltas = sorted(n for n in shown.arrays if n.startswith("delta"))
    first = next((n for n in shown.wrong if n.startswith("grad.")), "")
    lines = [f"{n} = np.array({given(shown.arrays[n])})" for n in deltas]
    lines += [f"p = {shown.name}(np.array({given(shown.arrays['value'])}))", "p.grad = 0"]
    for n in deltas:
        lines.append(f"p.addgrad({n})")
        if first == f"grad.{n}":
            lines.append(says("p.grad", shown.right[first]))
            break
    prints = []
    for n in (n.removeprefix("changed.") for n in shown.wrong if n.startswith("changed.")):
        expression = "p.value" if n == "value" else n
        prints.append(says(expression, shown.arrays[n], f"afterwards {expression}"))
    return in_graph(lines, prints)


def _backward_pass(stated: Statement, shown: Shown) -> list[str]:
    a = shown.arrays
    call = f"{shown.name}(list(graph.CompNodes), list(graph.Parameters), loss)"
    lines = [
        f"x, y = edf.Input({given(a['x'])}), edf.Input({given(a['y'])})",
        "first, second = edf.ParameterPackage(), edf.ParameterPackage()",
        f"first.w = W1 = edf.Parameter({given(a['W1'])})",
        f"first.b = b1 = edf.Parameter({given(a['b1'])})",
        f"second.w = W2 = edf.Parameter({given(a['W2'])})",
        f"second.b = b2 = edf.Parameter({given(a['b2'])})",
        "h = edf.Tanh(edf.Affine(first, x))",
        "s = edf.Add(edf.Mul(h, h), h)",
        "edf.Sigmoid(h)  # leads to no loss",
        "q = edf.Softmax(edf.Affine(second, s))",
        "loss = edf.LogLoss(q, y)",
        "edf.Forward()",
        *[call] * (2 if shown.probe.mode == "repeat" else 1),
    ]
    code = in_graph(lines, [])
    return ["with edf.Graph() as graph:", *code[1:], *(_says_of_graph(shown, n) for n in shown.wrong)]


def _says_of_graph(shown: Shown, name: str) -> str:
    of = name.removeprefix("changed.").removeprefix("grad.")
    if name.startswith("changed."):
        return says(f"{of}.value", shown.arrays[of], f"afterwards {of}.value")
    return says(f"{of}.grad", shown.right[name])


def _sgd(stated: Statement, shown: Shown) -> list[str]:
    values = sorted(n for n in shown.arrays if n.startswith("value"))
    numbers = [n.removeprefix("value") for n in values]
    lines = []
    for i in numbers:
        lines.append(f"p{i} = edf.Parameter({given(shown.arrays['value' + i])})")
        lines.append(f"p{i}.grad = np.array({given(shown.arrays['grad' + i])})")
    lines.append(f"{shown.name}([{', '.join('p' + i for i in numbers)}], {float(shown.arrays['rate'][0])!r})")
    prints = []
    for n in shown.wrong:
        if n.startswith("changed."):
            i = n.removeprefix("changed.grad")
            prints.append(says(f"p{i}.grad", shown.arrays["grad" + i], f"afterwards p{i}.grad"))
        else:
            prints.append(says(f"p{n.removeprefix('value')}.value", shown.right[n]))
    return in_graph(lines, prints)


def _mlp(stated: Statement, shown: Shown) -> list[str]:
    layers = [n.removeprefix("W") for n in shown.arrays if n.startswith("W")]
    pairs = ",\n".join(f"({given(shown.arrays['W' + i])}, {given(shown.arrays['b' + i])})" for i in layers)
    lines = [
        "Phi = []",
        f"for w, b in [{textwrap.indent(pairs, ' ' * 13).lstrip()}]:",
        "    Phi.append(edf.ParameterPackage())",
        "    Phi[-1].w, Phi[-1].b = edf.Parameter(w), edf.Parameter(b)",
        f"x = edf.Input(np.zeros({shown.arrays['x'].shape}))",
        f"scores = {shown.name}(Phi, x)",
        f"x.value = {given(shown.arrays['x'])}",
    ]
    if shown.wrong[0].startswith("grad."):
        lines += [f"loss = edf.SquaredError(scores, edf.Input({given(shown.arrays['t'])}))", "edf.Forward()"]
        return in_graph([*lines, "edf.Backward(loss)"], [_says_of_stack(shown, n) for n in shown.wrong])
    values = [n for n in shown.wrong if not n.startswith("grad.")]
    before = ["before = list(Phi)"] if "changed.Phi" in values else []
    return in_graph([*lines[:4], *before, *lines[4:], "edf.Forward()"], [_says_of_stack(shown, n) for n in values])


def _says_of_stack(shown: Shown, name: str) -> str:
    if name == "value":
        return says("scores.value", shown.right[name])
    if name == "changed.Phi":
        layers = np.arange(sum(n.startswith("W") for n in shown.arrays))
        return says("[before.index(package) for package in Phi]", layers, "afterwards the order of Phi")
    kind, number = name[len("grad.")], name[len("grad.") + 1 :]
    return says(f"Phi[{number}].{kind.lower()}.grad", shown.right[name])


# --- derivatives by nudging -------------------------------------------------------------------------------------------


def _nudged(shown: Shown, at: str, argument: str, function: str, made: Sequence[str], result: str) -> list[str]:
    call = f"result = {shown.name}(f, {at})"
    body = [f"return {function}"]
    if "k" in shown.arrays:
        made = [*made, f"start = np.array({given(shown.arrays[at])})"]
        pairs = f"return y + {float(shown.arrays['k']):.0f} * (z.sum() ** 2 - (z**2).sum()) / 2"
        body = [f"y = {function}", f"z = {argument} - start  # the nudge: of one entry at a time", pairs]
    lines = [
        *made,
        *([""] if made else []),
        f"def f({argument}):",
        *(f"    {line}" for line in body),
        "",
        f"{at} = np.array({given(shown.arrays[at])})",
        call,
    ]
    for n in shown.wrong:
        if n.startswith("changed."):
            change = f"np.subtract({at}, {given(shown.arrays[at])})"  # small: as large as a nudge
            lines.append(f'print("the change of {at} is", {change}, sep="\\n")')
            lines.append(f'print("and should be", np.array({given(np.zeros(shown.arrays[at].shape))}), sep="\\n")')
        else:
            lines.append(says("result", shown.right[n], f"the {result}"))
    return lines


def _gradient(stated: Statement, shown: Shown) -> list[str]:
    a, c = shown.arrays["a"], shown.arrays["c"]
    if not a.any() and (c == 1).all():
        return _nudged(shown, "x", "x", "np.sin(3 * x).sum() + 0.5 * x.sum() ** 2", [], "gradient")
    made = [f"a = np.array({given(a)})", f"c = np.array({given(c)})"]
    function = "(c * np.sin(3 * (x + a))).sum() + 0.5 * (c * x).sum() ** 2"
    return _nudged(shown, "x", "x", function, made, "gradient")


def _jacobian(stated: Statement, shown: Shown) -> list[str]:
    made = [f"{n} = np.array({given(shown.arrays[n])})" for n in ("A", "a")]
    return _nudged(shown, "p", "p", "np.sin(A @ p + a)", made, "Jacobian")


# --- the scalar engine ------------------------------------------------------------------------------------------------


def _value(stated: Statement, shown: Shown) -> list[str]:
    text = shown.probe.mode
    numbers = ", ".join(f"{shown.name}({float(shown.arrays[n])!r})" for n in "abc")
    lines = [f"a, b, c = {numbers}", LONGER.get(text, f"root = {text.split(', where')[0]}")]
    if shown.wrong[0] == "value":
        return [*lines, says("root.data", shown.right["value"])]
    lines.append("root.backward()")
    for n in shown.wrong:
        of = n.removeprefix("changed.").removeprefix("grad.")
        if n.startswith("changed."):
            lines.append(says(f"{of}.data", shown.arrays[of], f"afterwards {of}.data"))
        else:
            lines.append(says(f"{of}.grad", shown.right[n]))
    return lines


def _topological_order(stated: Statement, shown: Shown) -> list[str]:
    data, edges, root = (shown.arrays[n] for n in ("data", "edges", "root"))
    letters = [string.ascii_lowercase[i] if len(data) <= 26 else f"n{i}" for i in range(len(data))]
    order = [letters[i] for i in _one_order(edges, int(root))]
    nodes = pformat(list(zip(letters, data.tolist(), strict=True)), width=80, compact=True)
    return [
        "class Node:",
        "    def __init__(self, name, data):",
        "        self.name, self.data, self.grad, self._prev = name, data, 0, ()",
        "",
        f"nodes = [Node(name, data) for name, data in {nodes}]",
        f"for node, operand in {pformat([tuple(e) for e in edges.tolist()], width=80, compact=True)}:",
        "    nodes[node]._prev += (nodes[operand],)",
        f"order = {shown.name}(nodes[{int(root)}])",
        f'print("the order is", [getattr(n, "name", n) for n in order], "and should be", {order}, sep="\\n")',
    ]


def _one_order(edges: np.ndarray, root: int) -> list[int]:
    """Return one order in which each node comes after what it was made from, the root last."""
    made_from: dict[int, list[int]] = {root: [], **{int(n): [] for n in edges[:, 0]}}
    for node, operand in edges.tolist():
        made_from[node].append(operand)
    order: list[int] = []
    waiting = [root]
    while waiting:
        node = waiting[-1]
        missing = [o for o in made_from.get(node, []) if o not in order]
        if missing:
            waiting.append(missing[0])
        else:
            waiting.pop()
            if node not in order:
                order.append(node)
    return order


# --- step sizes -------------------------------------------------------------------------------------------------------


def _optimizer(settings: Sequence[str], shown: Shown) -> list[str]:
    first = shown.arrays
    values = ", ".join(_setting(first[n]) for n in settings)
    lines = []
    sides = ["", SECOND] if shown.probe.mode == "instances" else [""]
    for side in sides:
        two = "2" if side else ""
        lines += [f"optimizer{two} = {shown.name}({values})", f"params{two} = {_arrays(first, 'params', side)}"]
    for arrays in shown.probe.passes:
        for side in sides:
            two = "2" if side else ""
            lines += [
                f"grads{two} = {_arrays(arrays, 'grads', side)}",
                f"new{two} = optimizer{two}.step(list(params{two}), grads{two})",
            ]
            if arrays is not shown.probe.passes[-1] or not any(n.startswith("apart") for n in shown.wrong):
                lines.append(f"params{two} = new{two} if isinstance(new{two}, (list, tuple)) else params{two}")
    if any(n.startswith("apart") for n in shown.wrong):
        return [*lines, 'print("step returns", new, "and should return the arrays themselves", params, sep="\\n")']
    for n in shown.wrong:
        two = "2" if n.endswith(SECOND) else ""
        number = "".join(digit for digit in n.removesuffix(SECOND) if digit.isdigit())
        if n.startswith("changed."):
            right = shown.probe.passes[-1][n.removeprefix("changed.")]
            lines.append(says(f"grads{two}[{number}]", right, f"afterwards grads{two}[{number}]"))
        else:
            lines.append(says(f"params{two}[{number}]", shown.right[n]))
    return lines


def _arrays(arrays: Arrays, name: str, side: str) -> str:
    found: list[str] = []
    while f"{name}{len(found)}{side}" in arrays:
        found.append(f"np.array({given(arrays[f'{name}{len(found)}{side}'])})")
    return f"[{', '.join(found)}]"


def _setting(array: np.ndarray) -> str:
    return repr(float(array)) if array.ndim == 0 else repr(tuple(array.tolist()))


_KINDS: dict[str, Callable[[Statement, Shown], list[str]]] = {
    "node": of_node,
    "parameter": _parameter,
    "backward_pass": _backward_pass,
    "sgd": _sgd,
    "mlp": _mlp,
    "gradient": _gradient,
    "jacobian": _jacobian,
    "value": _value,
    "topological_order": _topological_order,
}
