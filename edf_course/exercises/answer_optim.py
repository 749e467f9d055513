"""Putting an optimizer to use: step after step on parameters and gradients that are given."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.recording import Record

#: The settings of each optimizer, in the order of its signature.
SETTINGS = {
    "momentum": ("lr", "momentum"),
    "adagrad": ("lr", "eps"),
    "rmsprop": ("lr", "alpha", "eps"),
    "adam": ("lr", "betas", "eps"),
}


def run_optimizer(settings: tuple[str, ...], thing: Any, probe: Probe, record: Record) -> None:
    """Answer with a class or factory: the first pass holds the settings and params0, params1 …, each pass grads0 ….

    Each pass is one step. Modes: "plain"; "instances", two optimizers in turns, the second on arrays that end in "@2".
    Noticed, as "class-state": what is on the class is another afterwards.
    Written down: params<i>, as returned, or else as the arrays then are; apart<i>, by how much the two differ; and
    changed.grads<i>.
    """
    sides = ["", SECOND] if probe.mode == "instances" else [""]
    first = probe.passes[0]
    on_class = _on_class(thing)
    optimizers = {side: thing(*(_setting(first[name]) for name in settings)) for side in sides}
    params = {side: [a.copy() for a in _numbered(first, "params", side)] for side in sides}
    for arrays in probe.passes:
        record.begin_pass()
        for side in sides:
            given = _numbered(arrays, "grads", side)
            grads = [g.copy() for g in given]
            returned = optimizers[side].step(list(params[side]), grads)
            came = isinstance(returned, (list, tuple)) and len(returned) == len(params[side])
            new = returned if came else params[side]
            for i, (held, value) in enumerate(zip(params[side], new, strict=True)):
                record.put(f"params{i}{side}", value)
                if came and np.shape(value) == held.shape:
                    record.put(f"apart{i}{side}", np.subtract(value, held))
                record.put_change(f"grads{i}{side}", given[i], grads[i])
            params[side] = [np.asarray(value) for value in new]
        if _on_class(thing) != on_class:
            record.noticed.add("class-state")


def _on_class(thing: Any) -> dict[str, Any]:
    """Return what can be compared of the attributes of a class: which objects they are, and which objects those hold."""
    found = vars(thing).items() if isinstance(thing, type) else ()
    return {name: (id(value), _held(value)) for name, value in found if not name.startswith("__")}


def _held(value: Any) -> list[int]:
    held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, set, tuple)) else ()
    return [id(v) for v in held]


def _numbered(arrays: Arrays, name: str, side: str) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    while f"{name}{len(found)}{side}" in arrays:
        found.append(arrays[f"{name}{len(found)}{side}"])
    return found


def _setting(array: np.ndarray) -> float | tuple[float, ...]:
    return float(array) if array.ndim == 0 else tuple(array.tolist())


PROCEDURES = {kind: partial(run_optimizer, settings) for kind, settings in SETTINGS.items()}
