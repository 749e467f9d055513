"""A learning rate that falls as training goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edf_course.optim.optimizer import Optimizer
from edf_course.optim.places import at_least_0


class StepDecay:
    """Multiplies the learning rate of an optimizer by `gamma` after every `step_size` calls of `step`, once an epoch.

    Source: torch.optim.lr_scheduler.StepLR; Kak, slide 109 ("decrease the learning rate with the iterations").
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if not isinstance(step_size, int) or step_size < 1:
            raise ValueError(f"step_size is a number of epochs, 1 or more, not {step_size!r}.")
        self.optimizer = optimizer
        self.step_size = step_size
        self.gamma = at_least_0("gamma", gamma)
        self.epochs = 0

    def step(self) -> None:
        """Count an epoch, and lower the learning rate where it is time."""
        self.epochs += 1
        if self.epochs % self.step_size == 0:
            self.optimizer.lr *= self.gamma

    def state_dict(self) -> dict[str, Any]:
        """Return where the schedule is; the learning rate itself is in the optimizer's state."""
        return {"step_size": self.step_size, "gamma": self.gamma, "epochs": self.epochs}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.step_size, self.gamma, self.epochs = saved["step_size"], saved["gamma"], saved["epochs"]
