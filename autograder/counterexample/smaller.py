"""Smaller questions: from a probe on which an answer fails, those that may show the same with fewer, rounder numbers.

`smaller(statement, wrong)` yields them, the smallest first: one example of one number, and then as large as needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.answer_optim import SETTINGS
from edf_course.exercises.marking import Comparison, worst_entry
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.statement import Operand, Statement
from edf_course.explaining import telling

Shape = tuple[int, ...]
SIZES = ((1, 1, 1), (1, 2, 1), (2, 1, 1), (1, 2, 2), (2, 2, 1), (2, 2, 2), (2, 3, 2), (3, 2, 2))  # B, n, m
EXPRESSIONS_ASKED = 6
FAINT = 0.15  # an upstream gradient below shows little


def smaller(stated: Statement, wrong: Sequence[Comparison]) -> Iterator[Probe]:
    """Yield smaller probes for an exercise, from the comparisons of the first aspect that fails."""
    shown = telling(wrong)
    if stated.kind == "node":
        return _nodes(stated, shown)
    if stated.kind == "value":
        return _expressions(wrong)
    if stated.kind in SETTINGS:
        return _optimizers(SETTINGS[stated.kind], shown.case.probe)
    return _OTHERS[stated.kind](shown.case.probe)


def rounded(array: np.ndarray, digits: int = 1) -> np.ndarray:
    """Round to so many significant digits, but not to 1 or -1: a factor of 1 hides mistakes. Integers stay."""
    if array.dtype.kind != "f":
        return array
    near = np.array([float(f"{v:.{digits}g}") for v in array.flat]).reshape(array.shape)
    spared = np.sign(near) * np.where(np.abs(array) >= 1, 1.5, 0.5)
    return np.where(np.abs(near) == 1, spared, near)


def _resized(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Return round numbers from an array in another shape."""
    return np.resize(rounded(array.ravel()), shape)


def _whole(probe: Probe) -> Iterator[Probe]:
    """Yield the probe itself, with rounder numbers."""
    for digits in (1, 2, 3):
        yield replace(probe, passes=tuple({n: rounded(a, digits) for n, a in p.items()} for p in probe.passes))


# --- nodes: rows and columns are left out, those stay in which the mistake is largest ---------------------------------


def _nodes(stated: Statement, shown: Comparison) -> Iterator[Probe]:
    operands = {o.name: o for o in stated.operands}
    axes = {n: o.axes.split() for n, o in operands.items()} | {"upstream": stated.output_axes.split()}
    probe, first = shown.case.probe, _where(stated, shown)
    full = {
        letter: k for n, letters in axes.items() for letter, k in zip(letters, probe.passes[0][n].shape, strict=True)
    }
    wanted = [dict(zip("Bnm", sizes, strict=True)) for sizes in SIZES]
    wanted += [{**full, "n": 1, "m": 1}, {**full, "B": 1}, full]
    classes = any(o.role in ("probability", "label") for o in stated.operands)  # of which there are two at least
    least = {"n": 2} if classes else {}
    sizes = [{n: min(k, max(each.get(n, k), least.get(n, 1))) for n, k in full.items()} for each in wanted]
    for size in _different(sizes):
        yield replace(probe, passes=tuple(_cut(p, axes, operands, size, first, 1) for p in probe.passes))
    for digits in (2, 3):
        yield replace(probe, passes=tuple(_cut(p, axes, operands, {}, {}, digits) for p in probe.passes))


def _different(sizes: Iterable[dict[str, int]]) -> list[dict[str, int]]:
    return [dict(pairs) for pairs in dict.fromkeys(tuple(s.items()) for s in sizes)]


def _where(stated: Statement, shown: Comparison) -> dict[str, int]:
    """Return by letter of an axis where the array that is shown is furthest off."""
    if shown.got is None or shown.got.shape != shown.right.shape or shown.got.dtype.kind == "c":
        return {}
    name = shown.name.removeprefix("changed.").removeprefix("grad.").removesuffix(SECOND)
    letters = next((o.axes for o in stated.operands if o.name == name), stated.output_axes).split()
    entry = worst_entry(shown.got, shown.right)
    return dict(zip(letters, entry, strict=True)) if len(letters) == len(entry) else {}


def _cut(
    arrays: Arrays,
    axes: Mapping[str, Sequence[str]],
    operands: Mapping[str, Operand],
    size: Mapping[str, int],
    first: Mapping[str, int],
    digits: int,
) -> dict[str, np.ndarray]:
    """Return the arrays with `size` entries along each axis, beginning with the entry `first`."""
    found = {}
    for name, array in arrays.items():
        base = name.removesuffix(SECOND)
        picked = []
        for letter, k in zip(axes[base], array.shape, strict=True):
            start = first.get(letter, 0) % k
            picked.append([start, *(i for i in range(k) if i != start)][: size.get(letter, k)])
        part, role = array[np.ix_(*picked)], operands[base].role if base in operands else "upstream"
        if role == "label":
            part %= min(size.get("n", array.max() + 1), array.max() + 1)
        if role == "upstream":
            part = np.where(np.abs(part) < FAINT, np.copysign(0.5, part), part)
        found[name] = _distribution(part, digits) if role == "probability" else rounded(part, digits)
    return found


def _distribution(q: np.ndarray, digits: int) -> np.ndarray:
    """Return rows of round numbers that sum to 1: the largest of each row makes up for the rest."""
    q = q / q.sum(axis=-1, keepdims=True)
    near = np.array([float(f"{v:.{digits}g}") for v in q.flat]).reshape(q.shape)
    rows, largest = np.arange(len(q)), q.argmax(axis=-1)
    near[rows, largest] = 0
    near[rows, largest] = np.round(1 - near.sum(axis=-1), 10)
    return near if (near > 0).all() else np.asarray(np.round(q, 10))


# --- the core ---------------------------------------------------------------------------------------------------------


def _capped(shape: Shape, most: int) -> Shape:
    return tuple(min(k, most) for k in shape)


def _parameters(probe: Probe) -> Iterator[Probe]:
    (arrays,) = probe.passes
    shape = arrays["value"].shape
    deltas = sorted(n for n in arrays if n.startswith("delta"))
    sizes = [(1, (1,)), (2, (1,)), (2, (2,)), (2, _capped(shape, 1)), (2, _capped(shape, 2)), (3, _capped(shape, 2))]
    for names in dict.fromkeys((tuple(deltas[:2]), tuple(deltas))):
        for B, size in dict.fromkeys(sizes):
            made = {n: _resized(arrays[n], (B, *size)) for n in names}
            yield replace(probe, passes=({"value": np.zeros(size), **made},))
    yield from _whole(probe)


def _small_graphs(probe: Probe) -> Iterator[Probe]:
    (arrays,) = probe.passes
    for B, n, h, m in ((1, 1, 1, 2), (2, 1, 1, 2), (1, 2, 2, 2), (2, 2, 2, 2), (2, 2, 3, 2)):
        shapes = {"W1": (n, h), "b1": (h,), "W2": (h, m), "b2": (m,), "x": (B, n)}
        made = {name: _resized(arrays[name], shape) for name, shape in shapes.items()}
        labels = {"y": np.resize(arrays["y"], B) % m, "upstream": np.ones(B)}
        yield replace(probe, passes=({**made, **labels},))
    for whole in _whole(probe):
        yield replace(whole, passes=({**whole.passes[0], "upstream": arrays["upstream"]},))


def _steps(probe: Probe) -> Iterator[Probe]:
    (arrays,) = probe.passes
    values = sorted(n for n in arrays if n.startswith("value"))
    for count, shape in ((1, (1,)), (1, (2,)), (2, (1,)), (2, (2,))):
        made = {"rate": rounded(arrays["rate"])}
        for n in values[:count]:
            made |= {k: _resized(arrays[k], shape) for k in (n, n.replace("value", "grad"))}
        yield replace(probe, passes=(made,))
    yield from _whole(probe)


def _stacks(probe: Probe) -> Iterator[Probe]:
    (arrays,) = probe.passes
    deepest = sum(n.startswith("W") for n in arrays)
    for depth in dict.fromkeys((1, min(2, deepest), deepest)):
        for B, width in ((1, 1), (1, 2), (2, 2)):
            made = {n: _resized(arrays[n], (B, width)) for n in ("x", "t")}
            for i in range(depth):
                made |= {
                    f"W{i}": _resized(arrays[f"W{i}"], (width, width)),
                    f"b{i}": _resized(arrays[f"b{i}"], (width,)),
                }
            yield replace(probe, passes=(made,))
    yield from _whole(probe)


# --- derivatives by nudging -------------------------------------------------------------------------------------------


def _gradients(probe: Probe) -> Iterator[Probe]:
    """Functions with a = 0 and c = 1, at x with a sum of 3 or so, which punishes a coarse step as the others do."""
    (arrays,) = probe.passes
    x = arrays["x"]
    for shape in dict.fromkeys(((1,), (2,), _capped(x.shape, 1), _capped(x.shape, 2), (3,), x.shape)):
        made = _resized(x, shape)
        made.flat[0] += (3 if x.dtype.kind in "iu" else 3.5) - made.sum()
        kept = {"x": np.round(made, 10), "a": np.zeros(shape), "c": np.ones(shape)}
        yield replace(probe, passes=(kept | _pairs_of(arrays),))
    yield from _whole(probe)


def _jacobians(probe: Probe) -> Iterator[Probe]:
    (arrays,) = probe.passes
    z = rounded(arrays["a"] + arrays["A"] @ arrays["p"])
    for m, n in ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2)):
        A, p = _resized(arrays["A"], (m, n)), _resized(arrays["p"], (n,))
        made = {"p": p, "A": A, "a": np.round(np.resize(z, m) - A @ p, 10)}
        yield replace(probe, passes=(made | _pairs_of(arrays),))
    yield from _whole(probe)


def _pairs_of(arrays: Arrays) -> dict[str, np.ndarray]:
    return {"k": arrays["k"]} if "k" in arrays else {}


# --- the scalar engine ------------------------------------------------------------------------------------------------


def _expressions(wrong: Sequence[Comparison]) -> Iterator[Probe]:
    """The expressions that fail, the shortest first, at round numbers."""
    failing = dict.fromkeys((c.case.probe.mode, i) for c in wrong for i, _ in enumerate(c.case.probe.passes))
    probes = {(c.case.probe.mode, i): c.case.probe for c in wrong for i, _ in enumerate(c.case.probe.passes)}
    for key in sorted(failing, key=lambda k: len(k[0]))[:EXPRESSIONS_ASKED]:
        probe = probes[key]
        yield replace(probe, passes=({n: rounded(a) for n, a in probe.passes[0].items()},))
    yield from _whole(telling(wrong).case.probe)


def _graphs(probe: Probe) -> Iterator[Probe]:
    """Chains in which each node reads the first one too: there is one right order."""
    (arrays,) = probe.passes
    for nodes in (1, 2, 3, 4, 7):
        edges = [(i, j) for i in range(1, nodes) for j in dict.fromkeys((0, i - 1))]
        data = np.resize(arrays["data"], nodes)
        for turned in (edges, edges[::-1]) if nodes > 2 else (edges,):
            made = {"data": data, "edges": np.array(turned, dtype=int).reshape(-1, 2), "root": np.array(nodes - 1)}
            yield replace(probe, passes=(made,))


# --- step sizes -------------------------------------------------------------------------------------------------------


def _optimizers(settings: Sequence[str], probe: Probe) -> Iterator[Probe]:
    first = probe.passes[0]
    kept = {n: rounded(first[n], 1 if n in ("lr", "eps") else 2) for n in settings}
    ends = [n.removeprefix("params") for n in first if n.startswith("params")]
    for count, shape, steps in ((1, (1,), 1), (1, (1,), 2), (1, (1,), 3), (2, (1,), 1), (2, (1,), 2), (1, (2,), 2)):
        of = [end for end in ends if int(end.removesuffix(SECOND)) < count]
        passes = [{f"grads{e}": _resized(p[f"grads{e}"], shape) for e in of} for p in probe.passes[:steps]]
        passes[0] |= kept | {f"params{e}": _resized(first[f"params{e}"], shape) for e in of}
        yield replace(probe, passes=tuple(passes))
    for whole in _whole(probe):
        yield replace(whole, passes=({**whole.passes[0], **kept}, *whole.passes[1:]))


_OTHERS: dict[str, Callable[[Probe], Iterator[Probe]]] = {
    "parameter": _parameters,
    "backward_pass": _small_graphs,
    "sgd": _steps,
    "mlp": _stacks,
    "gradient": _gradients,
    "jacobian": _jacobians,
    "topological_order": _graphs,
}
