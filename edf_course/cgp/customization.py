"""Extending torch's autograd: the same small network trained as torch does it, and with a custom Function in its way.

Torch is imported when a method needs it.
Source: Kak, slides 94-104.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from edf_course.cgp.neurons import NeuronError

if TYPE_CHECKING:
    import torch

N_IN, N_HIDDEN, N_OUT = 2, 10, 2
EVERY = 200  # samples between two printed losses


class _Imported:
    """A class attribute that is looked up in custom_function.py when it is asked for, because that imports torch."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        from edf_course.cgp import custom_function

        return getattr(custom_function, self.name)


class AutogradCustomization:
    """Two-dimensional data of two classes, and a 2-10-2 network to train on them with and without a custom Function.

    `cgp` gives learning rate, epochs and device. After a training `losses["straight"]` or `losses["extended"]` hold its
    losses, `calls` how often each half of the custom Function ran, and `weights` what was learned.

    Where we differ, unless cgp was made with as_published=True: the two outputs have targets of their own (there both
    regress the class number); both trainings start from the same weights, and the losses shown are means
    over 200 samples, not those of single ones, so the curves can be compared.
    Source: Kak, slide 96, where its name is spelled AutoGradCustomization.
    """

    DoSillyWithTensor = _Imported()
    StraightThroughQuantize = _Imported()

    def __init__(self, cgp: Any, num_samples_per_class: int) -> None:
        self.cgp = cgp
        self.num_samples_per_class = num_samples_per_class
        self.training_data: list[tuple[list[float], int]] = []
        self.losses: dict[str, list[float]] = {}
        self.calls = {"forward": 0, "backward": 0}
        self.weights: list[torch.Tensor] = []
        self._start: list[torch.Tensor] | None = None

    def gen_training_data(self) -> None:
        """Draw the samples, shuffled: Gaussians of deviation 1 around (3, 3), label 1, and around (5, 5), label 2.

        Source: Kak, slide 97.
        """
        samples = []
        for label, mean in ((1, [3.0, 3.0]), (2, [5.0, 5.0])):
            drawn = np.random.multivariate_normal(mean, np.eye(2), self.num_samples_per_class)  # noqa: NPY002
            samples += [(list(x), label) for x in drawn]
        random.shuffle(samples)
        self.training_data = samples

    def train_with_straight_autograd(self) -> None:
        """Train with torch's autograd as it is, one sample at a time. Source: Kak, slides 98-99."""
        self._train("straight", None, (), "input")

    def train_with_extended_autograd(
        self, function: Any = None, args: tuple[Any, ...] = (), where: str = "input"
    ) -> None:
        """Train with a custom Function applied to the input, or to the hidden layer with where="hidden".

        The default is the published one, DoSillyWithTensor on the input. There its backward never runs, for data ask
        for no gradient: what changes is the forward pass alone. `args` go to the function's apply, after
        the tensor: function=StraightThroughQuantize, args=(0.25, 0.0, 10.0), where="hidden".
        Source: Kak, slide 103.
        """
        if where not in ("input", "hidden"):
            raise ValueError(f"where is 'input' or 'hidden', not {where!r}.")
        self._train("extended", function or self.DoSillyWithTensor, args, where)

    def _train(self, name: str, function: Any, args: tuple[Any, ...], where: str) -> None:
        import torch

        from edf_course.cgp.custom_function import counting

        if not self.training_data:
            raise NeuronError("there are no training data yet: call gen_training_data() first.")
        counted, calls = (None, {}) if function is None else counting(function)
        weights = self._initial_weights()
        rate, published = self.cgp.learning_rate, self.cgp.as_published
        losses: list[float] = []
        recent: list[float] = []
        samples = [self._tensors(x, label) for x, label in self.training_data]
        for epoch in range(self.cgp.epochs or 1):
            for i, (x, wanted) in enumerate(samples):
                custom = {} if counted is None else {where: lambda t: counted.apply(t, *args)}
                loss = (self._predict(x, weights, custom) - wanted).pow(2).sum()
                recent.append(loss.item())
                if i % EVERY == EVERY - 1:
                    losses.append(recent[-1] if published else sum(recent) / len(recent))
                    print(f"epoch={epoch} i={i} {losses[-1]}")
                    recent = []
                loss.backward()
                with torch.no_grad():
                    for w in weights:
                        if w.grad is not None:
                            w -= rate * w.grad
                            w.grad.zero_()
        self.losses[name], self.weights = losses, weights
        print(f"\n\n\nLoss: {losses}")
        if counted is not None:
            self.calls = calls
            print(f"the Function's forward ran {calls['forward']} times, its backward {calls['backward']} times.")
        self.cgp.draw_losses({name: losses}, EVERY, f"Loss vs training ({name} autograd)")

    def _predict(self, x: torch.Tensor, weights: list[torch.Tensor], custom: dict[str, Any]) -> torch.Tensor:
        """Send one sample (2,) through the network -> (1, 2)."""
        w1, w2 = weights
        if "input" in custom:
            x = custom["input"](x)
        pre = x.float().view(1, -1).mm(w1)
        hidden = pre.clamp(min=0) if self.cgp.as_published else pre.relu()  # unequal slopes at exactly 0
        if "hidden" in custom:
            hidden = custom["hidden"](hidden).float()
        return hidden.mm(w2)

    def _tensors(self, x: list[float], label: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A sample (2,) in float64, and its target: (1, 2) one-hot, or as published the class number, ()."""
        import torch

        wanted = torch.tensor(float(label)) if self.cgp.as_published else torch.eye(N_OUT)[[label - 1]]
        return torch.tensor(np.array(x)).to(self.cgp.device), wanted.to(self.cgp.device)

    def _initial_weights(self) -> list[torch.Tensor]:
        import torch

        if self._start is None or self.cgp.as_published:
            self._start = [torch.randn(N_IN, N_HIDDEN), torch.randn(N_HIDDEN, N_OUT)]
        return [w.clone().to(self.cgp.device).requires_grad_() for w in self._start]
