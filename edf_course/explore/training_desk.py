"""A net that trains while you watch, with a learning rate and a batch size that can be turned meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Picture
from traitlets import Bool, Bytes, Float, Int, TraitError, Unicode, observe, validate

from edf_course import data as course_data
from edf_course.edf import Classifier, Sigmoid
from edf_course.explore.figure import Figure, front_end, running_loop
from edf_course.explore.training import Training, TrainingStopped, as_split, count_classes
from edf_course.explore.training_picture import draw

LEARNING_RATES = (1e-3, 10.0)
SPEEDS = (1, 10_000)  # steps a second, where the machine can
TILES = 30  # test digits shown
SLICE, REST = 0.008, 0.002  # seconds: train, then let the kernel do what else it is asked
FRAME = 0.04  # seconds between two pictures
UNSEEN = 100  # pictures that no page has acknowledged: nobody is looking


class TrainingDesk(Figure):
    """A classifier of digits that trains live: play, pause, step, reset, and turn the knobs meanwhile.

        TrainingDesk()                                # 64-32-10 with sigmoids, on the digits
        TrainingDesk(activation=MySigmoid)            # your node in its place
        TrainingDesk(net=edf.Classifier((64, 10)))    # your net
        TrainingDesk(step=my_step)                    # my_step(net, x, labels, learning_rate) -> mean loss

    Any ipywidgets control can be linked to `learning_rate`, `batch_size`, `steps_per_second` and `playing`;
    `steps`, `epoch`, `loss` (nats) and `test_accuracy` (0 to 1) can be read. Training runs in the kernel, in
    small slices, so other cells run meanwhile; it pauses when no page shows it. `train(steps)` trains at
    once, without a page. `training` holds the numbers, `error` what a node raised.
    Raises: ValueError for data that are no digits, or `net` together with `activation`; TraitError for a
    learning rate, batch size or speed out of range.
    """

    _esm, _css = front_end("training_desk")

    learning_rate = Float(0.5, help="How much of the gradient is a step; 0.001 to 10.").tag(sync=True)
    batch_size = Int(32, help="Examples a step; all of them is gradient descent.").tag(sync=True)
    steps_per_second = Int(100, help="How fast it plays, where the machine can.").tag(sync=True)
    playing = Bool(False, help="Whether it trains.").tag(sync=True)

    steps = Int(0, read_only=True, help="Steps taken.").tag(sync=True)
    epoch = Float(0.0, read_only=True, help="How often all training examples were seen.").tag(sync=True)
    loss = Float(None, allow_none=True, read_only=True, help="Of the last batch, in nats.").tag(sync=True)
    test_accuracy = Float(None, allow_none=True, read_only=True, help="From 0 to 1.").tag(sync=True)

    # For the front end only. The curves are float32, the digits bytes: 255 is ink.
    _frame = Int(0).tag(sync=True)
    _trouble = Unicode("").tag(sync=True)  # why training cannot go on, until reset
    _n_train = Int(1).tag(sync=True)
    _n_classes = Int(2).tag(sync=True)
    _losses = Bytes(b"").tag(sync=True)
    _accuracies = Bytes(b"").tag(sync=True)
    _pixels = Bytes(b"").tag(sync=True)
    _labels = Bytes(b"").tag(sync=True)
    _predictions = Bytes(b"").tag(sync=True)
    _curve_text = Unicode("").tag(sync=True)
    _digits_text = Unicode("").tag(sync=True)

    def __init__(
        self,
        net: Any = None,
        data: Sequence[np.ndarray] | None = None,
        *,
        activation: Callable[[Any], Any] | None = None,
        step: Callable[[Any, np.ndarray, np.ndarray, float], float] | None = None,
        learning_rate: float = 0.5,
        batch_size: int = 32,
        steps_per_second: int = 100,
        seed: int = 0,
    ) -> None:
        split = as_split(course_data.digits(seed) if data is None else data)
        n_features = split.x_train.shape[1]
        if math.isqrt(n_features) ** 2 != n_features:
            raise ValueError(f"TrainingDesk shows square images, but x_train has {n_features} columns.")
        if net is not None and activation is not None:
            raise ValueError("Give net or activation, not both: a net has its activation already.")
        if net is None:
            net = Classifier((n_features, 32, count_classes(split)), activation or Sigmoid, rng=seed)
        self.error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._unseen = 0
        self._published = -math.inf
        self.training = Training(net, split, seed, step or Classifier.step)
        tiles = np.clip(split.x_test[:TILES] / max(float(split.x_test.max()), 1e-9), 0, 1)
        super().__init__(
            _n_train=len(split.x_train),
            _n_classes=self.training.n_classes,
            _pixels=(255 * tiles).astype(np.uint8).tobytes(),
            _labels=split.y_test[:TILES].astype(np.uint8).tobytes(),
        )
        self.on_msg(self._heard)
        self.learning_rate, self.batch_size = learning_rate, batch_size
        self.steps_per_second = steps_per_second
        self._publish("Ready: press Play.")

    # What a person does

    def train(self, steps: int) -> str:
        """Take `steps` steps now, as `playing` would, and return the outcome in words."""
        for _ in range(steps):
            if not self._advance():
                break
            if time.monotonic() - self._published > FRAME:
                self._publish()
        self._publish(self.message if self.playing else f"Paused at step {self.training.steps}.")
        return self._trouble or self._describe_knobs() + self._curve_text

    def reset(self) -> None:
        """Pause and go back to the start: the net as it was handed in, no steps. The knobs stay."""
        self.playing = False
        self.error, self._trouble = None, ""
        self.training.reset()
        self._publish("Reset: press Play.")

    def close(self) -> None:
        """Stop training and remove the figure."""
        self.playing = False
        super().close()

    # Knobs

    @validate("learning_rate")
    def _check_learning_rate(self, proposal: Any) -> float:
        return _between(proposal, *LEARNING_RATES)

    @validate("batch_size")
    def _check_batch_size(self, proposal: Any) -> int:
        return int(_between(proposal, 1, self._n_train, ", the number of training examples"))

    @validate("steps_per_second")
    def _check_speed(self, proposal: Any) -> int:
        return int(_between(proposal, *SPEEDS))

    @validate("playing")
    def _check_playing(self, proposal: Any) -> bool:
        if proposal["value"] and self._trouble:
            raise TraitError(self._trouble)
        if proposal["value"] and (self._loop or running_loop()) is None:
            raise TraitError("playing needs a notebook, which goes on meanwhile. Here, call desk.train(steps).")
        return bool(proposal["value"])

    @observe("playing")
    def _play_or_pause(self, change: Any) -> None:
        if not change["new"]:
            if not self._trouble:
                self._publish(f"Paused at step {self.training.steps}.")
            return
        self._unseen = 0
        self.message = "Training."
        if self._task is None or self._task.done():
            self._loop = self._loop or running_loop()
            assert self._loop is not None  # _check_playing has seen to it
            self._task = self._loop.create_task(self._play())

    def _heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Do what a button of the front end asks for, or note that it has drawn."""
        match content:
            case {"seen": _}:
                self._unseen = 0
            case {"do": "step"}:
                self.playing = False
                if self._advance():
                    self._publish(f"Step {self.training.steps}.")
            case {"do": "reset"}:
                self.reset()

    # Training

    async def _play(self) -> None:
        """Train until paused, a slice at a time, and let the kernel do what else it is asked in between."""
        then, owed = time.monotonic(), 1.0
        while self.playing and self.comm is not None:
            now = time.monotonic()
            most = 0.1 * self.steps_per_second + 1  # after a cell that took long, no catching up
            owed = min(owed + (now - then) * self.steps_per_second, most)
            then = now
            while owed >= 1 and time.monotonic() < now + SLICE and self._advance():
                owed -= 1
            if now - self._published > FRAME and self.steps != self.training.steps:
                self._publish()
                self._unseen += 1
            if self._unseen > UNSEEN:
                self.playing = False
                self.message = "Paused: no page shows this figure."
            await asyncio.sleep(REST)

    def _advance(self) -> bool:
        """Take one step with the knobs as they are; False where training had to stop."""
        if self._trouble:
            self.message = self._trouble
            return False
        try:
            self.training.advance(1, self.learning_rate, self.batch_size)
        except TrainingStopped as stopped:
            self._stop(stopped)
        return not self._trouble

    def _stop(self, stopped: TrainingStopped) -> None:
        self.error, self._trouble = stopped.__cause__ or stopped, str(stopped)
        self.playing = False
        self._publish()

    def _publish(self, message: str | None = None) -> None:
        """Send the state of training to the front end, in one message."""
        training = self.training
        if not self._trouble:
            try:
                training.assess()
            except TrainingStopped as stopped:
                self.error, self._trouble = stopped.__cause__ or stopped, str(stopped)
                self.playing = False
        with self.hold_sync():
            for name, value in (
                ("steps", training.steps),
                ("epoch", training.epoch),
                ("loss", training.loss),
                ("test_accuracy", training.accuracy),
                ("_losses", training.losses.rows().astype("<f4").tobytes()),
                ("_accuracies", training.accuracies.rows().astype("<f4").tobytes()),
                ("_predictions", self._shown().astype(np.uint8).tobytes()),
                ("_curve_text", self._describe_curve()),
                ("_digits_text", self._describe_digits()),
                ("message", self._trouble or (self.message if message is None else message)),
                ("_frame", self._frame + 1),
            ):
                self.set_trait(name, value)
        self._published = time.monotonic()

    # In words and in a still picture

    def _shown(self) -> np.ndarray:
        predictions = self.training.predictions
        return np.empty(0, int) if predictions is None else predictions[:TILES]

    def describe(self) -> str:
        """Say the knobs, how far the training has come, which digits are read wrongly, and what went wrong."""
        said = self._describe_knobs() + self._describe_curve()
        return " ".join(filter(None, [said, self._digits_text, self._trouble]))

    def _describe_knobs(self) -> str:
        return f"Learning rate {self.learning_rate:.3g}, batch size {self.batch_size}. "

    def _describe_curve(self) -> str:
        training = self.training
        loss = "none yet" if training.loss is None else f"{training.loss:.3g} nats"
        accuracy = "none yet" if training.accuracy is None else f"{100 * training.accuracy:.1f} %"
        done = f"{training.steps} steps ({training.epoch:.1f} epochs)"
        return f"After {done}: loss {loss}, test accuracy {accuracy}."

    def _describe_digits(self) -> str:
        shown, labels = self._shown(), self.training.data.y_test[:TILES]
        wrong = [f"{y} read as {p}" for p, y in zip(shown, labels, strict=False) if p != y]
        if len(shown) == 0:
            return "No predictions."
        listed = f" ({', '.join(wrong)})" if wrong else ""
        return f"Of {len(shown)} test digits {len(wrong)} are read wrongly{listed}."

    def picture(self) -> Picture:
        """Draw the curves of loss and test accuracy, and the test digits with what they are read as."""
        return draw(self.training, self._describe_knobs() + self._describe_curve(), TILES)


def _between(proposal: Any, low: float, high: float, note: str = "") -> Any:
    value = proposal["value"]
    if low <= value <= high:
        return value
    name = proposal["trait"].name
    raise TraitError(f"{name} must be between {low:g} and {high:g}{note}, but is {value:g}.")
