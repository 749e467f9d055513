"""An iteration of CGP's classifiers (a random batch of 8, forward, backward, update) beside that of CGP 1.1.5."""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any
from unittest import mock

import ComputationalGraphPrimer as published

from edf_course.cgp import ComputationalGraphPrimer
from tests.benchmarks.table import Row
from tests.cgp.cases import MULTI_NEURON, ONE_NEURON, seed

LIMITS = {"one": 1 / 15, "multi": 1 / 40}  # on our time / theirs
TURNS = 5
OURS, THEIRS = 2000, 200  # iterations in a turn


def rows() -> list[Row]:
    """Train each classifier in turns with its peer; the best turn of each, without its picture."""
    found = []
    for kind, name in (("one", "one neuron, 4 inputs"), ("multi", "4-2-1")):
        ours, theirs = (_training(kind, make, n) for make, n in ((ComputationalGraphPrimer, OURS), (published, THEIRS)))
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(TURNS):
            times[0].append(ours() / OURS)
            times[1].append(theirs() / THEIRS)
        mine, peer = (min(of_turns) * 1e6 for of_turns in times)
        found.append(Row(f"iteration, {name}, B=8, beside CGP 1.1.5", mine, "µs", peer, LIMITS[kind]))
    return found


def _training(kind: str, make: Any, iterations: int) -> Any:
    """A function that trains the published example of this kind, and returns its time in seconds."""
    seed(0)
    options = {**(ONE_NEURON if kind == "one" else MULTI_NEURON), "dataset_size": 5000}
    options |= {"training_iterations": iterations, "display_loss_how_often": 100}
    cgp = getattr(make, "ComputationalGraphPrimer", make)(**options)
    with contextlib.redirect_stdout(io.StringIO()):
        cgp.parse_expressions() if kind == "one" else cgp.parse_multi_layer_expressions()
    data = cgp.gen_training_data()
    loop = getattr(cgp, f"run_training_loop_{kind}_neuron_model")

    def run() -> float:
        nothing = mock.patch.multiple("matplotlib.pyplot", figure=mock.DEFAULT, plot=mock.DEFAULT, show=mock.DEFAULT)
        ours = mock.patch("edf_course.draw.cgp_network.loss_curves")
        with nothing, ours, contextlib.redirect_stdout(io.StringIO()):
            start = time.perf_counter()
            loop(data)
            return time.perf_counter() - start

    return run
