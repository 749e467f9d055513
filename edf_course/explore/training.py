"""Training a classifier a few steps at a time, with its curves: what the training desk shows, as numbers."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edf_course.data import Split, batches
from edf_course.edf import Classifier

SMOOTHING = 0.9  # the smoothed loss is a mean over about 1 / (1 - 0.9) = 10 steps
PACKAGES = (Path(__file__).resolve().parents[1], Path(np.__file__).resolve().parents[1])

DIVERGED = "The loss is no longer a number: the steps were too long. Lower the learning rate and reset."
NEVER_A_NUMBER = (
    "The net's output is not a number before the first step: does the forward of a node give NaN or infinity?"
)


class TrainingStopped(RuntimeError):
    """Training cannot go on; the message says why, and what to do."""


class Curve:
    """Rows of numbers of which at most `capacity` (even) are kept, however many are appended.

    When it is full, every second row is dropped, and from then on only one in 2, 4, 8, ... is kept. Rows are
    dropped rather than averaged, so that the noise of a long curve looks as large as it is.
    """

    def __init__(self, width: int, capacity: int = 600) -> None:
        self._kept = np.empty((capacity, width))
        self._count = self._appended = 0
        self._stride = 1
        self._latest: tuple[float, ...] | None = None  # where it is not among the kept

    def append(self, *row: float) -> None:
        """Add one row."""
        self._latest = row
        if self._appended % self._stride == 0:
            if self._count == len(self._kept):
                self._count //= 2
                self._kept[: self._count] = self._kept[::2].copy()
                self._stride *= 2
            self._kept[self._count] = row
            self._count += 1
            self._latest = None
        self._appended += 1

    def rows(self) -> np.ndarray:
        """Return the kept rows, and the newest one in any case: (at most capacity + 1, width)."""
        kept = self._kept[: self._count]
        return kept.copy() if self._latest is None else np.vstack([kept, self._latest])


class Training:
    """A net, its data, and how far its training has come.

    `net` is an `edf.Classifier` or has its `graph.Parameters` and `probabilities`; `data` is a `Split`;
    `step(net, x, labels, learning_rate)` takes one step on a batch and returns its mean loss before the step.
    Attributes: steps, examples (seen so far), loss (of the last batch, in nats, None before the first),
    losses (a Curve of step, loss, smoothed loss), accuracies (a Curve of step, test accuracy), predictions
    (of the test examples), accuracy (0 to 1), n_classes.
    Raises: ValueError for data that do not fit together.
    """

    def __init__(
        self,
        net: Any,
        data: Sequence[np.ndarray],
        seed: int = 0,
        step: Callable[[Any, np.ndarray, np.ndarray, float], float] = Classifier.step,
    ) -> None:
        self.net, self.data, self.seed = net, as_split(data), seed
        self.n_classes = count_classes(self.data)
        self._take_step = step
        self._start = [np.array(p.value) for p in net.graph.Parameters]
        self.reset()

    def reset(self) -> None:
        """Go back to the start: the parameters as they were handed in, no steps, empty curves."""
        for p, value in zip(self.net.graph.Parameters, self._start, strict=True):
            p.value = value.copy()
        self._rng = np.random.default_rng(self.seed)
        self._epoch: Iterator[tuple[np.ndarray, np.ndarray]] = iter(())
        self._batch_size = 0
        self.steps = self.examples = 0
        self.loss: float | None = None
        self._smoothed = 0.0
        self.losses, self.accuracies = Curve(3), Curve(2)
        self.predictions: np.ndarray | None = None
        self.accuracy: float | None = None
        self._assessed_at: tuple[int, int] | None = None  # steps, examples

    @property
    def epoch(self) -> float:
        """How often the training set has been gone through."""
        return self.examples / len(self.data.x_train)

    def advance(self, steps: int, learning_rate: float, batch_size: int) -> None:
        """Take `steps` steps; a new batch size begins a new epoch.

        Raises: TrainingStopped where a step raises, or the loss is no longer a number.
        """
        for _ in range(steps):
            x, labels = self._next_batch(batch_size)
            with np.errstate(all="ignore"):  # a diverging net is reported below, in one sentence
                loss = self._guarded(self._take_step, self.net, x, labels, learning_rate)
            self._record(loss)
            self.steps += 1
            self.examples += len(x)
            if self._assessed_at is None or self.examples - self._assessed_at[1] >= len(self.data.x_test):
                self.assess()

    def assess(self) -> None:
        """Bring `predictions` and `accuracy`, on the test examples, up to the current step.

        Training itself does so each time it has seen as many examples as the test set has: a share of its
        cost.
        Raises: TrainingStopped where the net raises, or gives no numbers.
        """
        if self._assessed_at is not None and self._assessed_at[0] == self.steps:
            return
        with np.errstate(all="ignore"):
            q = np.asarray(self._guarded(self.net.probabilities, self.data.x_test))
        if not np.isfinite(q).all():
            raise TrainingStopped(DIVERGED if self.steps else NEVER_A_NUMBER)
        self.predictions = q.argmax(axis=1)
        self.accuracy = float((self.predictions == self.data.y_test).mean())
        self.accuracies.append(self.steps, self.accuracy)
        self._assessed_at = (self.steps, self.examples)

    def _next_batch(self, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        if batch_size != self._batch_size:
            self._epoch, self._batch_size = iter(()), batch_size
        batch = next(self._epoch, None)
        if batch is None:
            self._epoch = iter(batches(self.data.x_train, self.data.y_train, batch_size, self._rng))
            batch = next(self._epoch)
        return batch

    def _record(self, loss: Any) -> None:
        if not isinstance(loss, (int, float, np.number)):
            raise TrainingStopped(f"step must return the mean loss, a number, not {type(loss).__name__}.")
        if not math.isfinite(loss):
            raise TrainingStopped(DIVERGED if self.steps else NEVER_A_NUMBER)
        self.loss = float(loss)
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * self.loss
        unbiased = self._smoothed / (1 - SMOOTHING ** (self.steps + 1))  # the sum began at 0
        self.losses.append(self.steps, self.loss, unbiased)

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Exception as error:  # a student's node may raise anything
            raise TrainingStopped(f"Stopped at step {self.steps}. {blame(error)}") from error


def as_split(data: Sequence[np.ndarray]) -> Split:
    """Return `data` (x_train, y_train, x_test, y_test) as a Split.

    Raises: ValueError where x is no table of numbers, or x and y do not fit.
    """
    if len(data) != 4:
        raise ValueError(f"data needs four arrays, x_train, y_train, x_test and y_test, but has {len(data)}.")
    split = Split(*(np.asarray(array) for array in data))
    for name, x, y in (("train", split.x_train, split.y_train), ("test", split.x_test, split.y_test)):
        if x.ndim != 2 or y.shape != x.shape[:1] or len(x) == 0:
            shapes = f"{x.shape} and {y.shape}"
            raise ValueError(f"x_{name} needs shape (N, n) and y_{name} (N,), but they have {shapes}.")
    return split


def count_classes(data: Split) -> int:
    """Return how many classes the labels, 0, 1, ..., tell apart."""
    return int(max(data.y_train.max(), data.y_test.max())) + 1


def blame(error: BaseException) -> str:
    """Say what was raised, and in which line of the student's: the last that is in no installed package."""
    frames = [
        (frame.f_code.co_qualname, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not any(package in Path(frame.f_code.co_filename).parents for package in PACKAGES)
    ]
    what = f"{type(error).__name__}: {error}"
    return f"{frames[-1][0]}, line {frames[-1][1]}: {what}" if frames else what
