"""What the tests of CGP share: the lecture's networks, seeds, and the published module as a peer."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from edf_course.cgp import ComputationalGraphPrimer

DAG_EXPRESSIONS = ["xx=xa^2", "xy=ab*xx+ac*xa", "xz=bc*xx+xy", "xw=cd*xx+xz^3"]
TRUTH = {"ab": 1.0, "bc": 2.0, "cd": 3.0, "ac": 4.0}

ONE_NEURON: dict[str, Any] = {
    "one_neuron_model": True,
    "expressions": ["xw=ab*xa+bc*xb+cd*xc+ac*xd"],
    "output_vars": ["xw"],
    "dataset_size": 300,
    "learning_rate": 1e-3,
    "training_iterations": 301,
    "batch_size": 8,
    "display_loss_how_often": 100,
}
MULTI_NEURON: dict[str, Any] = {
    "num_layers": 3,
    "layers_config": [4, 2, 1],
    "expressions": ["xw=ap*xp+aq*xq+ar*xr+as*xs", "xz=bp*xp+bq*xq+br*xr+bs*xs", "xo=cp*xw+cq*xz"],
    "output_vars": ["xo"],
    "dataset_size": 300,
    "learning_rate": 9e-2,
    "training_iterations": 201,
    "batch_size": 8,
    "display_loss_how_often": 50,
}


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  # what the published scripts seed
    torch.manual_seed(number)


@contextlib.contextmanager
def printed() -> Iterator[io.StringIO]:
    """What is printed meanwhile."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        yield out


@contextlib.contextmanager
def plotted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[float]]]:
    """The curves that pyplot is asked to draw meanwhile: where the published module leaves its losses."""
    curves: list[list[float]] = []
    with monkeypatch.context() as patch:
        patch.setattr(plt, "plot", lambda y, *a, **k: curves.append([float(v) for v in y]))
        patch.setattr(plt, "show", lambda *a, **k: None)
        yield curves


def numbers(bias: Any) -> list[float]:
    """The biases of a primer in a row: one number, or {layer: [numbers]}."""
    return [float(b) for layer in bias.values() for b in layer] if isinstance(bias, dict) else [float(bias)]


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


Make = Callable[..., ComputationalGraphPrimer]


def one_neuron(make: Make = ComputationalGraphPrimer, **options: Any) -> tuple[ComputationalGraphPrimer, Any]:
    """The lecture's neuron, parsed, and its data."""
    seed(7)
    cgp = make(**{**ONE_NEURON, **options})
    cgp.parse_expressions()
    return cgp, cgp.gen_training_data()


def multi_neuron(make: Make = ComputationalGraphPrimer, **options: Any) -> tuple[ComputationalGraphPrimer, Any]:
    """The lecture's network of three neurons, parsed, and its data."""
    seed(7)
    cgp = make(**{**MULTI_NEURON, **options})
    cgp.parse_multi_layer_expressions()
    return cgp, cgp.gen_training_data()


def dag_primer(**options: Any) -> ComputationalGraphPrimer:
    """The lecture's DAG, parsed, with the samples that its ground truth gives."""
    seed(7)
    given = {"expressions": DAG_EXPRESSIONS, "output_vars": ["xw"], "dataset_size": 200, **options}
    cgp = ComputationalGraphPrimer(**given)
    cgp.parse_general_dag_expressions()
    cgp.gen_gt_dataset(vals_for_learnable_params=TRUTH)
    return cgp
