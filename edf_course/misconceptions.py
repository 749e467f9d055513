"""Known mistakes as numbers: what a wrong gradient is, where a known mistake was made.

A `Misconception` computes the numbers that the mistake gives. It is named only where it gives *all* of a student's
numbers, in every probe, to the last digits: no diagnosis is better than a false one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from edf_course.exercises.marking import Context

Prediction = Callable[[Context], Any]
Change = Callable[[np.ndarray, Context], Any]


@dataclass(frozen=True)
class Misconception:
    """A known mistake: its id, the sentence that explains it, and the wrong numbers that it gives.

    gradient: from a Context to the wrong gradient: an array (for the only operand), or a dict by operand.
    value: from a Context to the wrong value. either may be None.
    anywhere: it is looked for in extreme numbers too, where many mistakes look alike.
    """

    id: str
    sentence: str
    gradient: Prediction | None = None
    value: Prediction | None = None
    anywhere: bool = False

    def predict(self, name: str, context: Context) -> np.ndarray | None:
        """Return the numbers that this mistake gives for "value" or "grad.<operand>", or None."""
        if name == "value":
            with np.errstate(all="ignore"):
                value = self.value(context) if self.value else None
            return None if value is None else np.asarray(value)
        return self.gradients(context).get(name.removeprefix("grad.")) if name.startswith("grad.") else None

    def gradients(self, context: Context) -> dict[str, np.ndarray]:
        """Return the wrong gradients by operand; none for operands that the mistake does not concern."""
        if self.gradient is None:
            return {}
        with np.errstate(all="ignore"):
            numbers = self.gradient(context)
        if not isinstance(numbers, Mapping):
            operands = list(context.vjp(context.g))
            numbers = {operands[0]: numbers} if len(operands) == 1 else {}
        return {n: np.asarray(v) for n, v in numbers.items() if v is not None}


def _all(change: Change) -> Prediction:
    return lambda c: {name: change(right, c) for name, right in c.vjp(c.g).items()}


def _parameters(change: Change) -> Prediction:
    return lambda c: {name: change(right, c) for name, right in c.vjp(c.g).items() if name in c.parameters}


def _inputs(change: Change) -> Prediction:
    return lambda c: {name: change(right, c) for name, right in c.vjp(c.g).items() if name not in c.parameters}


def _one_example(c: Context, which: int = 0) -> Mapping[str, np.ndarray]:
    only_one = np.zeros_like(c.g)
    only_one[which] = c.g[which]
    return c.vjp(only_one)


def _last_example(c: Context, as_mean: bool) -> Mapping[str, np.ndarray]:
    factor = 1 if as_mean else c.B
    return {n: v * factor for n, v in _one_example(c, -1).items() if n in c.parameters}


def _in_integers(c: Context, cut: Callable[[np.ndarray], np.ndarray]) -> Context | None:
    """The same question with operands cut down to integers, but for parameters; None where it has no answer."""
    if c.at is None:
        return None
    other = c.at({n: cut(a) for n, a in c.operands.items() if a.dtype.kind == "f" and n not in c.parameters})
    return other if np.isfinite(other.y).all() else None


def _value_in_integers(c: Context, cut: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | None:
    other = _in_integers(c, cut)
    return None if other is None else other.y


def _gradient_in_integers(c: Context, cut: Callable[[np.ndarray], np.ndarray]) -> Mapping[str, np.ndarray]:
    other, right = _in_integers(c, cut), c.vjp(c.g)
    gradients = {} if other is None else other.vjp(c.g)
    if not all(np.isfinite(g).all() for g in gradients.values()):
        return {}
    if all(((g == right[n]) | (g == 0)).all() for n, g in gradients.items()):  # a kink that is elsewhere does the same
        return {}
    return gradients


def _first_row(y: np.ndarray) -> np.ndarray:
    only_first = np.zeros_like(y)
    only_first[:1] = y[:1]
    return only_first


def _entry_by_entry(c: Context) -> Mapping[str, np.ndarray] | None:
    """The gradient without all that goes from one entry to another: the diagonal of the Jacobian, times g."""
    (name, x), *others = c.vjp(c.g).items()
    if others or x.shape != c.g.shape or c.g.size > 64:
        return None
    diagonal = np.zeros_like(x)
    for i in np.ndindex(c.g.shape):
        one = np.zeros_like(c.g)
        one[i] = c.g[i]
        diagonal[i] = c.vjp(one)[name][i]
    return {name: diagonal}


NO_UPSTREAM = Misconception(
    "no-upstream",
    "The upstream gradient is missing: multiply by self.grad, which says how the loss changes with y.",
    lambda c: c.vjp(np.ones_like(c.g)),
)
MEAN_MISSING = Misconception(
    "batch-mean-missing",
    "Your gradient is the right one times B: the mean over the batch is missing (a sum is not a mean).",
    _parameters(lambda right, c: right * c.B),
)
MEAN_TWICE = Misconception(
    "batch-mean-twice",
    "Your gradient is the right one divided by B: the batch is averaged twice.",
    _parameters(lambda right, c: right / c.B),
)
MEAN_OF_INPUTS = Misconception(
    "batch-mean-twice",
    "Your gradient is the right one divided by B: only parameters average over the batch, inputs keep one gradient "
    "for each example.",
    _inputs(lambda right, c: right / c.B),
)

LAST_EXAMPLE = (
    "Only the last example of the batch is in your gradient: in a loop over the examples, = keeps the last one alone; "
    "add them up with +=."
)

GENERIC = (
    Misconception(
        "sign",
        "Your gradient is the right one with its sign turned around: look for a minus that is lost, or one too many.",
        _all(lambda right, c: -right),
    ),
    Misconception("sign", "The sign of your value is turned around.", value=lambda c: -c.y),
    NO_UPSTREAM,
    MEAN_MISSING,
    MEAN_TWICE,
    MEAN_OF_INPUTS,
    Misconception(
        "batch-mean-twice",
        "Every row of your gradient is the mean over the batch: each example should get its own.",
        _inputs(lambda right, c: np.broadcast_to(right.mean(axis=0), right.shape)),
    ),
    Misconception(
        "batch-sum",
        "Every row of your gradient is the sum over the batch: each example should get its own.",
        _inputs(lambda right, c: np.broadcast_to(right.sum(axis=0), right.shape)),
    ),
    Misconception(
        "wrong-point",
        "The derivative is taken at the wrong place: at the output y, where the input x belongs.",
        lambda c: c.vjp_at_output(c.g) if c.vjp_at_output else None,
    ),
    Misconception("first-example", "Only the first example of the batch gets a gradient.", _one_example),
    Misconception("first-example", "Only the first example gets a value.", value=lambda c: _first_row(c.y)),
    Misconception(
        "first-example",
        "Every example gets the value of the first one.",
        value=lambda c: np.broadcast_to(c.y[:1], c.y.shape),
    ),
    Misconception(
        "first-example",
        "Only the first example of the batch is in your gradient.",
        lambda c: {n: v * c.B for n, v in _one_example(c).items() if n in c.parameters},
    ),
    Misconception(
        "first-example",
        "The upstream gradient of the first example is used for all: each row of self.grad belongs to its own.",
        lambda c: c.vjp(np.repeat(c.g[:1], len(c.g), axis=0)),
    ),
    *(Misconception("first-example", LAST_EXAMPLE, partial(_last_example, as_mean=mean)) for mean in (True, False)),
    Misconception(
        "first-example",
        "Every example gets the gradient of the first one.",
        _inputs(lambda right, c: np.broadcast_to(right[:1], right.shape)),
    ),
    Misconception(
        "transposed",
        "Your gradient is the right one transposed: swap the two factors of the product, or their transposes.",
        _all(lambda right, c: right.T if right.ndim == 2 and right.shape[0] == right.shape[1] else None),
    ),
    Misconception(
        "softmax-elementwise",
        "Each entry is treated by itself, but here each output depends on every input of its row: "
        "the Jacobian has more than its diagonal.",
        _entry_by_entry,
    ),
    Misconception(
        "int-truncation",
        "Your numbers are the right ones cut down to integers: compute with floats.",
        _all(lambda right, c: np.trunc(right)),
        lambda c: np.trunc(c.y),
    ),
    *(
        Misconception(
            "int-truncation",
            "What comes in is cut down to integers before it is used: compute with floats.",
            partial(_gradient_in_integers, cut=cut),
            partial(_value_in_integers, cut=cut),
        )
        for cut in (np.trunc, np.rint)
    ),
    Misconception(
        "wrong-function",
        "The upstream gradient is handed on as it is: multiply it by the slope of this node.",
        _inputs(lambda right, c: c.g if right.shape == c.g.shape else None),
    ),
    Misconception(
        "factor-extra",
        "Your gradient is the right one times B, the number of examples: inputs keep one gradient for each example.",
        _inputs(lambda right, c: right * c.B),
    ),
    Misconception(
        "factor-missing",
        "Your gradient is the right one divided by the number of columns: nothing is averaged over them.",
        _inputs(lambda right, c: right / right.shape[-1] if right.ndim == 2 else None),
    ),
    Misconception(
        "factor-missing",
        "Your gradient is the right one divided by the number of entries: nothing is averaged over them.",
        _inputs(lambda right, c: right / right.size if right.ndim == 2 else None),
    ),
)


def doubled(known: Iterable[Misconception]) -> Iterator[Misconception]:
    """Yield what two mistakes at once give: one that is named, and a common one besides."""
    means = (MEAN_MISSING, MEAN_TWICE, MEAN_OF_INPUTS)
    for m in (*known, NO_UPSTREAM, *means):
        if m.gradient is None:
            continue
        yield _besides(m, "its sign is turned around", lambda g, c, name: -g)
        if m is not NO_UPSTREAM:
            yield _besides(m, "the upstream gradient is missing", lambda g, c, name: g, ones=True)
        if m not in means:
            yield _besides(
                m, "the mean over the batch is missing", lambda g, c, name: g * c.B if name in c.parameters else None
            )
            yield _besides(m, "it is divided by B once too often", lambda g, c, name: g / c.B)


def _besides(
    m: Misconception, what: str, change: Callable[[np.ndarray, Context, str], Any], ones: bool = False
) -> Misconception:
    def gradient(c: Context) -> Mapping[str, Any]:
        at = replace(c, g=np.ones_like(c.g)) if ones else c
        return {n: change(g, c, n) for n, g in m.gradients(at).items()}

    return Misconception(m.id, f"{m.sentence} Besides, {what}.", gradient)
