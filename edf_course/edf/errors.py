"""What EDF says when a graph is put together wrongly: what was expected, what came, and what to do."""

from __future__ import annotations

import numpy as np


class GraphError(RuntimeError):
    """The graph cannot do what was asked of it: no such node, no gradient yet, a loss that is no loss."""


class ShapeError(ValueError):
    """Two arrays do not fit; the message names both and their shapes."""


class DataError(ValueError):
    """The numbers themselves cannot be used: NaN, integers where floats are needed, labels out of range."""


class NotComputed(AttributeError):
    """A value was read before anything had put one there."""


def describe(thing: object) -> str:
    """Say in a few words what `thing` is, for an error: "an array of shape (4, 3)", "a float", "the class Sigmoid"."""
    if isinstance(thing, np.ndarray):
        return f"an array of shape {thing.shape}"
    if isinstance(thing, type):
        return f"the class {thing.__name__} (did you forget to call it?)"
    if thing is None:
        return "None"
    name = type(thing).__name__
    return f"an {name}" if name[:1] in "aeiouAEIOU" else f"a {name}"


def first_bad_entry(values: np.ndarray) -> str:
    """Say where the first entry that is NaN or infinite stands, and how many there are."""
    bad = np.argwhere(~np.isfinite(values))
    where = ", ".join(str(i) for i in bad[0])
    return f"{values[tuple(bad[0])]} at [{where}] ({len(bad)} of {values.size} entries are NaN or infinite)"
