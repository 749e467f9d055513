"""What `check` asks of an optimizer: the library's own path, on settings and gradients that are drawn each time.

`optimizer_cases` builds the cases from whatever computes the path; the judge hands it torch, and wrong paths besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from edf_course import optim
from edf_course.exercises.answer_node import SECOND
from edf_course.exercises.answer_optim import SETTINGS
from edf_course.exercises.marking import Case
from edf_course.exercises.probes import Arrays, Probe

#: From the settings, a start and the gradients of one parameter, and (which parameter it is, of how many): each next value.
Path = Callable[[Arrays, np.ndarray, Sequence[np.ndarray], tuple[int, int]], list[np.ndarray]]

SENTENCES = {
    "sign": "The step goes up the gradient: subtract it.",
    "shared-state": "What is kept from step to step is shared: keep it on self, for each parameter of each optimizer, not one "
    "for all or on the class.",
    "missing-param-grad": "Only the first parameter moves: go through all of them.",
    "zero": "Nothing moves: p = p - ... makes a new array and leaves the old one as it is; write p -= ... or p[...] = ....",
    "mutates-grad": "step changes the gradients that it is handed: make new arrays instead of writing into those.",
    "returns": "step should change the arrays themselves (p -= ..., or p[...] = ...) and return the list of them.",
}
ONE, PAIR, SEVERAL = ((3,),), ((2,), (2,)), ((2, 3), (2, 3), (1,), (4,))
RULES = {"momentum": optim.Momentum, "adagrad": optim.AdaGrad, "rmsprop": optim.RMSProp, "adam": optim.Adam}
DRAWN = {"lr": (0.2, 0.8), "momentum": (0.5, 0.9), "alpha": (0.6, 0.9), "eps": (0.05, 0.3)}


def library_cases(kind: str, rng: np.random.Generator) -> list[Case]:
    """Return the cases for `check`."""

    def path(s: Arrays, p: np.ndarray, gradients: Sequence[np.ndarray], place: tuple[int, int]) -> list[np.ndarray]:
        """Return where the library's optimizer with the settings s takes p, after each gradient."""
        p, rule = p.copy(), RULES[kind]
        optimizer = rule([p], **{n: float(v) if v.ndim == 0 else tuple(v.tolist()) for n, v in s.items()})
        steps = []
        for g in gradients:
            optimizer.step([g])
            steps.append(p.copy())
        return steps

    def climbs(s: Arrays, p: np.ndarray, gradients: Sequence[np.ndarray], place: tuple[int, int]) -> list[np.ndarray]:
        """Return the same steps the other way."""
        return [2 * p - q for q in path(s, p, gradients, place)]

    return optimizer_cases(kind, rng, path, {"sign": [climbs]}, {})


def optimizer_cases(
    kind: str,
    rng: np.random.Generator,
    path: Path,
    wrong: Mapping[str, Sequence[Path]],
    sentences: Mapping[str, str],
) -> list[Case]:
    """Return the cases: one step, several steps, several parameters, two optimizers in turns.

    `path` is the right one, `wrong` those of misconceptions, `sentences` what to say of them.
    """

    def only_first(
        s: Arrays, p: np.ndarray, gradients: Sequence[np.ndarray], place: tuple[int, int]
    ) -> list[np.ndarray]:
        return [p] * len(gradients) if place[0] else path(s, p, gradients, place)

    drawer = _Drawer(kind, rng)
    maker = _Maker(kind, path, {**wrong, "missing-param-grad": [only_first]}, {**SENTENCES, **sentences})
    first = drawer.probe(ONE, 5)
    return [
        maker.case("several steps", first),  # several first: they tell more mistakes apart
        maker.case("several steps", drawer.probe(((2, 3),), 7)),
        maker.case("first step", drawer.probe(ONE, 1)),
        maker.case("first step", drawer.probe(((2, 2),), 1)),
        maker.case("several parameters", drawer.probe(PAIR, 3)),
        maker.case("several parameters", drawer.probe(SEVERAL, 3)),
        maker.case("several parameters", drawer.probe(PAIR, 3, "instances")),
        maker.case("several parameters", first),  # once more: nothing is kept on the class
        maker.in_place(drawer.probe(PAIR, 2)),
    ]


class _Maker:
    """Makes cases from probes."""

    def __init__(
        self, kind: str, path: Path, wrong: Mapping[str, Sequence[Path]], sentences: Mapping[str, str]
    ) -> None:
        self.kind, self.path, self.wrong, self.sentences = kind, path, wrong, sentences

    def case(self, aspect: str, probe: Probe) -> Case:
        """Return the case of one step for each pass of the probe."""
        first = probe.passes[0]
        right = self._steps(self.path, probe)
        unchanged = {f"changed.grads{n}": np.zeros(first[f"grads{n}"].shape) for n in _places(probe)}
        said = ", ".join(f"{n} = {np.round(first[n], 3).tolist()}" for n in SETTINGS[self.kind])
        return Case(
            aspect, probe, tuple({**step, **unchanged} for step in right),
            alternatives={
                f"{m}:{i}": (self._steps(path, probe),) for m, paths in self.wrong.items() for i, path in enumerate(paths)
            },
            fallback="shared-state" if aspect == "several parameters" else None, sentences=self.sentences,
            aspects=dict.fromkeys(unchanged, "in place"), again=partial(self.case, aspect),
            about=tuple(f"After step {k + 1} with {said}:" for k in range(len(right))),
        )  # fmt: skip

    def in_place(self, probe: Probe) -> Case:
        """Return the case that asks whether what is returned is what the arrays then hold."""
        right = {f"apart{n}": np.zeros(probe.passes[0][f"params{n}"].shape) for n in _places(probe)}
        return Case(
            "in place", probe, (right,) * len(probe.passes), fallback="returns", sentences=self.sentences,
            again=self.in_place,
        )  # fmt: skip

    def _steps(self, path: Path, probe: Probe) -> tuple[Arrays, ...]:
        first = probe.passes[0]
        settings = {n: first[n] for n in SETTINGS[self.kind]}
        found: list[dict[str, np.ndarray]] = [{} for _ in probe.passes]
        with np.errstate(all="ignore"):
            for n, place in _places(probe).items():
                gradients = [arrays[f"grads{n}"] for arrays in probe.passes]
                for step, value in zip(found, path(settings, first[f"params{n}"], gradients, place), strict=True):
                    step[f"params{n}"] = value
        return tuple(found)


def _places(probe: Probe) -> dict[str, tuple[int, int]]:
    """Return the ends of the parameters' names, with (which parameter, of how many)."""
    ends = [n.removeprefix("params") for n in probe.passes[0] if n.startswith("params")]
    count = sum(not end.endswith(SECOND) for end in ends)
    return {end: (int(end.removesuffix(SECOND)), count) for end in ends}


class _Drawer:
    """Draws settings, parameters and gradients."""

    def __init__(self, kind: str, rng: np.random.Generator) -> None:
        self.kind, self.rng = kind, rng

    def probe(self, shapes: Sequence[tuple[int, ...]], steps: int, mode: str = "plain") -> Probe:
        """Return a probe of `steps` steps on parameters of these shapes, in each of two optimizers for "instances"."""
        rng = self.rng
        settings = {n: self._setting(n) for n in SETTINGS[self.kind]}
        sides = ["", SECOND] if mode == "instances" else [""]
        shape_of = {f"{i}{side}": shape for side in sides for i, shape in enumerate(shapes)}
        passes = [
            {
                f"grads{n}": np.where(rng.random(shape) < 0.1, 0.0, rng.normal(size=shape))
                for n, shape in shape_of.items()
            }
            for _ in range(steps)
        ]
        passes[0] |= settings | {f"params{n}": rng.uniform(-0.5, 0.5, shape) for n, shape in shape_of.items()}
        return Probe(tuple(passes), mode)

    def _setting(self, name: str) -> np.ndarray:
        if name == "betas":
            return np.array([self.rng.uniform(0.5, 0.8), self.rng.uniform(0.85, 0.98)])
        return np.array(self.rng.uniform(*DRAWN[name]))
