"""What all optimizers share. Each adds one method, `update`: from p, its gradient g and what is kept, the new p."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from edf_course.optim.places import at_least_0, places

State = dict[str, Any]


class Optimizer:
    """What all of them share: the parameters, what is kept for each, and one step over all.

    parameters: EDF parameters, scalar Values or float arrays in a list, or a dictionary from names to numbers, arrays
    or parameters.
    weight_decay: adds weight_decay * p to each gradient. maximize: goes up instead of down.
    Raises: ValueError for settings out of range, for no parameters and for one that is listed twice; TypeError for what
    is no parameter.
    """

    def __init__(self, parameters: Any, lr: float, *, weight_decay: float = 0.0, maximize: bool = False) -> None:
        self.lr = at_least_0("lr", lr)
        self.weight_decay = at_least_0("weight_decay", weight_decay)
        self.maximize = maximize
        self._places = places(parameters)
        self._states: dict[Any, State] = {key: {} for key in self._places}

    def step(self, gradients: Any = None) -> None:
        """Change every parameter once, by its own `.grad`, or by `gradients`: a dictionary, or a list in their order.

        A parameter whose gradient is None or is not in the dictionary stays as it is.
        Raises: ValueError where there is no gradient at all, or one has another shape than its parameter.
        """
        found = {key: place.gradient() for key, place in self._places.items()} if gradients is None else gradients
        pairs = list(self._matched(found))
        if not pairs:
            raise ValueError("step: there are no gradients; call backward first, or hand them over: step(gradients).")
        for key, p, g in pairs:
            if self.maximize:
                g = -g
            if self.weight_decay:
                g = g + self.weight_decay * p
            self._places[key].write(self.update(p, g, self._states[key]))

    def update(self, p: np.ndarray, g: np.ndarray, state: State) -> np.ndarray:
        """Return the new value of the parameter p with gradient g; `state` is kept for this parameter alone."""
        raise NotImplementedError(f"{type(self).__name__} has no method update(p, g, state).")

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0, where they keep their own; scalar Values add up until then."""
        for place in self._places.values():
            place.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Return settings and state as plain data, copied; with it and the parameters training can go on elsewhere."""
        settings = {n: v for n, v in vars(self).items() if not n.startswith("_")}
        return copy.deepcopy({"kind": type(self).__name__, "settings": settings, "states": self._states})

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises: ValueError where it belongs to another kind of optimizer, or to other parameters.
        """
        if saved.get("kind") != type(self).__name__:
            raise ValueError(f"This state is of {saved.get('kind')}, and cannot be loaded into {type(self).__name__}.")
        states = saved["states"]
        if list(states) != list(self._places):
            raise ValueError(f"This state is for the parameters {list(states)}, but here are {list(self._places)}.")
        for key, place in self._places.items():
            shapes = {np.shape(kept) for n, kept in states[key].items() if n != "t"}
            if shapes - {place.read().shape}:
                raise ValueError(f"This state is for a parameter {key} of another shape than {place.read().shape}.")
        vars(self).update(copy.deepcopy(dict(saved["settings"])))
        self._states = copy.deepcopy(dict(states))

    def _matched(self, gradients: Any) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
        """Yield each parameter that has a gradient: its key, its value, and the gradient."""
        if not isinstance(gradients, Mapping):
            gradients = list(gradients)
            if len(gradients) != len(self._places):
                raise ValueError(f"step: {len(gradients)} gradients came for {len(self._places)} parameters.")
            gradients = dict(zip(self._places, gradients, strict=True))
        unknown = [key for key in gradients if key not in self._places]
        if unknown:
            names = ", ".join(map(str, self._places))
            raise ValueError(f"step: there is no parameter {unknown[0]!r}; there are {names}.")
        for key, gradient in gradients.items():
            if gradient is None:
                continue
            p, g = self._places[key].read(), np.asarray(gradient)
            if g.shape != p.shape:
                hint = " Is it averaged over the batch?" if g.shape[1:] == p.shape else ""
                raise ValueError(f"step: parameter {key} has shape {p.shape}, but its gradient has {g.shape}.{hint}")
            yield key, p, g
