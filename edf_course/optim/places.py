"""Where a parameter's numbers are kept: in an EDF parameter, a scalar Value, a dictionary or a bare array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from numbers import Real
from typing import Any

import numpy as np


class Place:
    """One parameter, wherever it is: read it as an array, write it back, and look for its gradient.

    Raises: TypeError where there is neither a number nor an array of floats.
    """

    def __init__(self, name: Any) -> None:
        value = self.get()
        if isinstance(value, np.ndarray):
            if value.dtype.kind != "f":
                raise TypeError(f"Parameter {name} holds {value.dtype}: small steps need floats, array.astype(float).")
        elif not isinstance(value, Real):
            raise TypeError(f"Parameter {name} should be a number or an array of floats, not {type(value).__name__}.")

    def get(self) -> Any:
        """Return the number or the array itself."""
        raise NotImplementedError

    def put(self, number: float) -> None:
        """Put a number in the place of the old one; arrays are changed in place and never get here."""
        raise NotImplementedError

    def read(self) -> np.ndarray:
        """Return the value as an array of floats."""
        value = self.get()
        return value if isinstance(value, np.ndarray) else np.asarray(value, dtype=float)

    def write(self, new: np.ndarray) -> None:
        """Change the value: an array in place, so that whoever else holds it sees the change."""
        value = self.get()
        if isinstance(value, np.ndarray):
            value[...] = new
        else:
            self.put(float(new))

    def gradient(self) -> Any:
        """Return the gradient that is kept with the parameter, or None."""
        return None

    def zero_grad(self) -> None:
        """Forget the gradient that is kept with the parameter."""


class Attribute(Place):
    """A parameter that is an object with its value in one attribute, and the gradient in `.grad`."""

    def __init__(self, thing: Any, attribute: str, name: Any) -> None:
        self.thing, self.attribute = thing, attribute
        super().__init__(name)

    def get(self) -> Any:
        """Return the attribute."""
        return getattr(self.thing, self.attribute)

    def put(self, number: float) -> None:
        """Set the attribute."""
        setattr(self.thing, self.attribute, number)

    def gradient(self) -> Any:
        """Return `.grad`."""
        return self.thing.grad

    def zero_grad(self) -> None:
        """Set `.grad` to what it was before any backward pass: None for an array, 0 for a number."""
        self.thing.grad = None if isinstance(self.get(), np.ndarray) else 0


class Entry(Place):
    """A parameter that is an entry of a dictionary."""

    def __init__(self, dictionary: MutableMapping[Any, Any], key: Any) -> None:
        self.dictionary, self.key = dictionary, key
        super().__init__(key)

    def get(self) -> Any:
        """Return the entry."""
        return self.dictionary[self.key]

    def put(self, number: float) -> None:
        """Set the entry."""
        self.dictionary[self.key] = number


class Array(Place):
    """A parameter that is a bare array."""

    def __init__(self, array: np.ndarray, name: Any) -> None:
        self.array = array
        super().__init__(name)

    def get(self) -> Any:
        """Return the array."""
        return self.array


def places(parameters: Any) -> dict[Any, Place]:
    """Return where each parameter is kept, by its name in a dictionary, else by its number in the list.

    Raises: ValueError for none at all, and for one that is listed twice; TypeError for what is no parameter.
    """
    if isinstance(parameters, MutableMapping):
        found = {key: _entry(parameters, key) for key in parameters}
    else:
        things = list(parameters) if _is_a_list(parameters) else None
        if things is None:
            raise TypeError(f"The parameters come in a list or a dictionary, not as {_what(parameters)}.")
        if len({id(thing) for thing in things}) < len(things):
            raise ValueError("A parameter is listed twice: it would be changed twice in each step.")
        found = {i: _place(thing, i) for i, thing in enumerate(things)}
    if not found:
        raise ValueError("There are no parameters: was the net made before the optimizer?")
    return found


def _entry(dictionary: MutableMapping[Any, Any], key: Any) -> Place:
    thing = dictionary[key]
    return Entry(dictionary, key) if isinstance(thing, (Real, np.ndarray)) else _place(thing, key)


def _place(thing: Any, name: Any) -> Place:
    if isinstance(thing, np.ndarray):
        return Array(thing, name)
    for attribute in ("value", "data"):
        if hasattr(thing, attribute) and hasattr(thing, "grad"):
            return Attribute(thing, attribute, name)
    raise TypeError(f"Parameter {name} should be an EDF parameter, a Value or an array, not {_what(thing)}.")


def _is_a_list(parameters: Any) -> bool:
    return isinstance(parameters, Iterable) and not isinstance(parameters, (np.ndarray, str, Mapping))


def _what(thing: Any) -> str:
    """Say what came instead, and what was probably meant."""
    name = type(thing).__name__
    if hasattr(thing, "Parameters"):
        return f"a {name}; its parameters are .Parameters"
    if callable(getattr(thing, "parameters", None)):
        return f"a {name}; its parameters are .parameters()"
    if hasattr(thing, "w") and hasattr(thing, "b"):
        return f"a {name}; its parameters are .w and .b"
    return f"a single {name}" if isinstance(thing, np.ndarray) or hasattr(thing, "grad") else f"a {name}"


def at_least_0(name: str, number: Any) -> float:
    """Return a setting that may be 0 or more. Raises: ValueError for anything else."""
    if not isinstance(number, Real) or not 0 <= float(number) < float("inf"):
        raise ValueError(f"{name} should be a number, 0 or more, not {number!r}.")
    return float(number)


def below_1(name: str, number: Any) -> float:
    """Return a share that is kept from step to step, from 0 up to, but not, 1. Raises: ValueError for anything else."""
    if not isinstance(number, Real) or not 0 <= float(number) < 1:
        raise ValueError(f"{name} should be 0 or more, and below 1, not {number!r}.")
    return float(number)
