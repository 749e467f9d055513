"""The still picture of a training: its loss curve, its test accuracy, and digits with their predictions."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure as Picture
from matplotlib.ticker import LogLocator

from edf_course.explore.training import Training

OKABE_ITO = {"blue": "#0072B2", "sky": "#56B4E9", "green": "#009E73", "vermilion": "#D55E00"}


def draw(training: Training, title: str, n_digits: int = 30) -> Picture:
    """Return the picture; it belongs to no window and no pyplot."""
    picture = Picture(figsize=(8.4, 4.0), dpi=100, layout="constrained")
    picture.suptitle(title, fontsize=9)
    halves: Any = picture.subfigures(1, 2)
    _draw_curves(halves[0], training)
    _draw_digits(halves[1], training, n_digits)
    return picture


def _draw_curves(figure: Any, training: Training) -> None:
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    step, loss, smoothed = training.losses.rows().T
    n = training.n_classes
    upper.plot(step, loss, color=OKABE_ITO["sky"], linewidth=0.8, label="each batch")
    upper.plot(step, smoothed, color=OKABE_ITO["blue"], label="smoothed")
    upper.axhline(math.log(n), color="black", linestyle="--", linewidth=0.8, label=f"guessing: ln {n}")
    upper.set(ylabel="loss (nats)", yscale="log")
    upper.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    upper.yaxis.set_major_formatter("{x:g}")
    upper.yaxis.set_minor_formatter("")
    upper.legend(fontsize=8, frameon=False)
    step, accuracy = training.accuracies.rows().T
    lower.plot(step, 100 * accuracy, color=OKABE_ITO["green"], marker="." if len(step) == 1 else "")
    lower.set(ylabel="test accuracy (%)", xlabel="step", ylim=(0, 105))
    figure.align_ylabels()


def _draw_digits(figure: Any, training: Training, n_digits: int) -> None:
    images, labels = training.data.x_test[:n_digits], training.data.y_test
    side = math.isqrt(images.shape[1])
    for i, axis in enumerate(figure.subplots(math.ceil(n_digits / 6), 6).ravel()):
        axis.axis("off")
        if i >= len(images):
            continue
        axis.imshow(images[i].reshape(side, side), cmap="gray_r")
        if training.predictions is None:
            axis.set_title(f"({labels[i]})", fontsize=9, pad=2)
            continue
        p, right = training.predictions[i], training.predictions[i] == labels[i]
        axis.set_title(
            f"✓ {p}" if right else f"✗ {p} ({labels[i]})",
            color=OKABE_ITO["green" if right else "vermilion"], fontsize=9, pad=2,
        )  # fmt: skip
