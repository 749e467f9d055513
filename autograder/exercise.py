"""The private half of an exercise: the truth, how it is probed, and what each part is worth.

`node_exercise` makes one from a formula; other kinds list their cases themselves. Each aspect is worth its points when
everything asked about it is right, and nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autograder.oracles import Formula, Truth
from edf_course.exercises import statement
from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.marking import Case, Context
from edf_course.exercises.probes import Arrays, Probe
from edf_course.exercises.statement import Sizes, Statement, draw
from edf_course.misconceptions import Misconception

__all__ = ["Exercise", "Misconception", "node_exercise"]

# Batch, width and output width all differ, and no shape comes twice; the third is square, so that a forgotten transpose
# runs without an error and can be seen for what it is.
GENTLE: tuple[dict[str, int], ...] = (
    {"B": 3, "n": 4, "m": 5},
    {"B": 5, "n": 3, "m": 2},
    {"B": 4, "n": 6, "m": 6},
)
OTHER_SHAPES: tuple[dict[str, int], ...] = (
    {"B": 1, "n": 5, "m": 3},
    {"B": 2, "n": 1, "m": 1},
    {"B": 17, "n": 8, "m": 11},
)

Extreme = Callable[[dict[str, np.ndarray], np.random.Generator], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Exercise:
    """What the judge knows of an exercise.

    aspects: the points of each aspect; together those of the public statement. cases: draws the probes and works out
    what is right. misconceptions: the exercise's own; generic ones come from edf_course.misconceptions.
    allowed: names of the library that an answer may use besides CompNode, Parameter and the like.
    is_numerical: the exercise asks for finite differences. truth: of a node, its formula. torch: the exercise is about
    torch, so its answers find it in the jail and may use it.
    """

    id: str
    aspects: Mapping[str, int]
    cases: Callable[[np.random.Generator], list[Case]]
    misconceptions: Sequence[Misconception] = ()
    allowed: frozenset[str] = frozenset()
    is_numerical: bool = False
    truth: Truth | None = None
    torch: bool = False

    def __post_init__(self) -> None:
        if self.torch:
            object.__setattr__(self, "allowed", self.allowed | {"torch"})
        if sum(self.aspects.values()) != self.statement.points:
            raise ValueError(
                f"{self.id}: the aspects add up to {sum(self.aspects.values())}, not {self.statement.points}."
            )

    @property
    def statement(self) -> Statement:
        """The public half."""
        return statement(self.id)


def node_exercise(
    exercise: str,
    forward: Formula,
    aspects: Mapping[str, int],
    misconceptions: Sequence[Misconception] = (),
    *,
    extreme: Extreme | None = None,
    at_kink: float | None = None,
    other_shapes: Sequence[Sizes] = OTHER_SHAPES,
) -> Exercise:
    """Make the exercise on a node from its formula in torch.

    aspects, each with its points: "value" (forward), "gradient", "accumulates" (read twice), "repeatable" (nothing is
    kept or changed), "any shape" (`other_shapes`), and where they apply "large inputs" (`extreme` turns everyday
    operands into such) and "at zero" (operands at the kink).
    """
    stated = statement(exercise)
    truth = Truth(
        forward,
        [o.name for o in stated.operands],
        frozenset(o.name for o in stated.operands if o.role == "parameter"),
        frozenset(o.name for o in stated.operands if not o.has_gradient),
    )
    maker = _NodeCases(stated, truth, extreme, at_kink, other_shapes)
    allowed = frozenset({"sigmoid"}) if exercise != "edf.sigmoid" else frozenset()  # the function, not the node
    return Exercise(exercise, aspects, maker.cases, tuple(misconceptions), allowed, truth=truth)


def _representable(array: np.ndarray) -> np.ndarray:
    """Round floats to what float32 can hold: near 1000 it would lose digits that are asked for, through no fault."""
    return array.astype(np.float32).astype(float) if array.dtype.kind == "f" else array


def _named(gradients: Arrays) -> dict[str, np.ndarray]:
    return {"grad." + n: g for n, g in gradients.items()}


def _sum(a: Arrays, b: Arrays) -> Arrays:
    return {n: a[n] + b[n] for n in a}


class _NodeCases:
    """Draws the cases of a node exercise."""

    def __init__(
        self,
        stated: Statement,
        truth: Truth,
        extreme: Extreme | None,
        at_kink: float | None,
        other_shapes: Sequence[Sizes],
    ) -> None:
        self.stated, self.truth, self.extreme, self.at_kink = stated, truth, extreme, at_kink
        self.other_shapes = other_shapes

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Return fresh cases, forward ones first: an endless backward then costs no points of forward."""
        everyday = [self._draw(sizes, rng) for sizes in GENTLE]
        for arrays in everyday:
            self.truth.confirm(arrays, rng)
        cases = [self._case("value", [a], backward=False) for a in everyday]
        cases += [self._case("gradient", [a]) for a in everyday]
        ones = self._draw(GENTLE[0], rng)
        cases.append(self._case("gradient", [ones | {"upstream": np.ones_like(ones["upstream"])}]))
        cases += self._accumulates(rng) + self._repeatable(rng)
        cases += [self._case("any shape", [self._draw(s, rng)], fallback="hard-coded-shape") for s in self.other_shapes]
        if self.extreme is not None:
            for sizes in GENTLE[:2]:
                arrays = {n: _representable(v) for n, v in self.extreme(self._draw(sizes, rng), rng).items()}
                cases.append(self._case("large inputs", [arrays], fallback="overflow", gentle=False))
        if self.at_kink is not None:
            arrays = self._draw(GENTLE[0], rng)
            first = self.stated.operands[0].name
            arrays[first] = np.where(rng.random(arrays[first].shape) < 0.4, self.at_kink, arrays[first])
            arrays[first][0, 0] = self.at_kink
            cases.append(self._case("at zero", [arrays]))
        return cases

    def _draw(self, sizes: Sizes, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return draw(self.stated, sizes, rng)

    def _case(
        self, aspect: str, passes: list[Arrays], mode: str = "plain", backward: bool = True, **more: object
    ) -> Case:
        right = tuple(self._right(arrays, backward) for arrays in passes)
        contexts = tuple(self._context(arrays) for arrays in passes)

        def again(probe: Probe) -> Case:
            return self._case(aspect, list(probe.passes), mode, backward, **more)

        probe = Probe(tuple(passes), mode, backward)
        return Case(aspect, probe, right, contexts=contexts, again=again, **more)  # type: ignore[arg-type]

    def _right(self, arrays: Arrays, backward: bool = True) -> dict[str, np.ndarray]:
        right = {"value": self.truth.value(arrays)}
        if backward:
            right |= _named(self.truth.vjp(arrays, arrays["upstream"]))
        return right

    def _context(self, arrays: Arrays) -> Context:
        operands = {o.name: arrays[o.name] for o in self.stated.operands}
        return Context(
            operands, self.truth.value(arrays), arrays["upstream"],
            lambda upstream: self.truth.vjp(arrays, upstream), self.truth.parameters, self._vjp_at_output(arrays),
            lambda others: self._context({**arrays, **others}),
        )  # fmt: skip

    def _vjp_at_output(self, arrays: Arrays) -> Callable[[np.ndarray], Arrays] | None:
        first, *others = self.stated.operands
        y = self.truth.value(arrays)
        if others or y.shape != arrays[first.name].shape:
            return None
        return lambda upstream: self.truth.vjp({**arrays, first.name: y}, upstream)

    def _accumulates(self, rng: np.random.Generator) -> list[Case]:
        cases = []
        for sizes in GENTLE[:2]:
            arrays = self._draw(sizes, rng)
            arrays["upstream" + SECOND] = rng.normal(size=arrays["upstream"].shape)
            cases.append(self._shared(Probe((arrays,), "shared")))
        real = [o.name for o in self.stated.operands if o.role == "real"]
        if len(real) == 2:
            arrays = self._draw(GENTLE[0], rng)
            arrays[real[1]] = arrays[real[0]]
            cases.append(self._same(Probe((arrays,), "same")))
        return cases

    def _shared(self, probe: Probe) -> Case:
        """Two nodes that read the same operands."""
        (arrays,) = probe.passes
        one, other = (_named(self.truth.vjp(arrays, arrays["upstream" + s])) for s in ("", SECOND))
        return self._two_readers(probe, "overwrites", one, other, self._shared)

    def _same(self, probe: Probe) -> Case:
        """One node that reads the same operand twice; who overwrites fails with two nodes too."""
        (arrays,) = probe.passes
        a, b = (o.name for o in self.stated.operands)
        shares = self.truth.vjp(arrays, arrays["upstream"])
        one, other = {"grad." + a: shares[a]}, {"grad." + a: shares[b]}
        return self._two_readers(probe, "no-accumulation", one, other, self._same)

    def _two_readers(
        self, probe: Probe, alone: str, one: Arrays, other: Arrays, again: Callable[[Probe], Case]
    ) -> Case:
        """Return the case of an operand that is read twice: `alone` names the mistake that gives only one share."""
        right = _sum(one, other)
        wrong = {alone: ((one,), (other,)), "double-count": ((_sum(right, one),), (_sum(right, other),))}
        return Case("accumulates", probe, (right,), fallback="no-accumulation", alternatives=wrong, again=again)

    def _repeatable(self, rng: np.random.Generator) -> list[Case]:
        first, second = self._draw(GENTLE[0], rng), self._draw(GENTLE[0] | {"B": 6}, rng)
        for o in self.stated.operands:
            if o.role == "parameter":
                second[o.name] = rng.normal(size=first[o.name].shape)
        repeat = self._repeat(Probe((first,), "repeat"))
        two = self._case("repeatable", [first, second], fallback="stale-state")
        arrays, other = self._draw(GENTLE[1], rng), self._draw(GENTLE[1], rng)
        both = {**arrays, **{n + SECOND: v for n, v in other.items()}}
        return [repeat, two, self._instances(Probe((both,), "instances"))]

    def _repeat(self, probe: Probe) -> Case:
        """Backward twice: the same gradients, and nothing else is changed."""
        (arrays,) = probe.passes
        right = self._right(arrays)
        doubled = {n: 2 * v for n, v in right.items() if n.startswith("grad.")}
        return Case(
            "repeatable", probe, (right | self._unchanged(arrays),), fallback="grad-not-reset",
            alternatives={"grad-not-reset": ((doubled,),)}, again=self._repeat,
        )  # fmt: skip

    def _instances(self, probe: Probe) -> Case:
        """Two nodes with operands of their own."""
        (arrays,) = probe.passes
        theirs = {n.removesuffix(SECOND): v for n, v in arrays.items() if n.endswith(SECOND)}
        halves = (("", self._right(arrays)), (SECOND, self._right(theirs)))
        right = {n + s: v for s, half in halves for n, v in half.items() if n != "value" or s == ""}
        return Case("repeatable", probe, (right,), fallback="shared-state", again=self._instances)

    def _unchanged(self, arrays: Arrays) -> dict[str, np.ndarray]:
        changed = {"changed." + o.name: np.zeros_like(arrays[o.name], dtype=float) for o in self.stated.operands}
        upstream = arrays["upstream"]
        return changed | {"changed.value": np.zeros_like(upstream), "changed.grad": np.zeros_like(upstream)}
