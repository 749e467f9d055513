"""What `check` asks of an optimizer: the library's own path, on settings and gradients that are drawn each time.

`optimizer_cases` builds the cases from whatever computes the path; the judge hands it torch, and wrong paths besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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
    "shared-state": "With one parameter it is right, with several they disturb each other: keep a state for each parameter of "
    "each optimizer, not one for all.",
    "mutates-grad": "step changes the gradients that it is handed: make new arrays instead of writing into those.",
    "not-in-place": "step should change the arrays themselves (p -= ..., or p[...] = ...) and return the list of them.",
}
ONE, PAIR, SEVERAL = ((3,),), ((2,), (2,)), ((2, 3), (2, 3), (1,), (4,))
RULES = {"momentum": optim.Momentum, "adagrad": optim.AdaGrad, "rmsprop": optim.RMSProp, "adam": optim.Adam}
DRAWN = {"lr": (0.2, 0.8), "momentum": (0.5, 0.9), "alpha": (0.6, 0.9), "eps": (0.05, 0.3)}


def library_cases(kind: str, rng: np.random.Generator) -> list[Case]:
    """Return the cases for `check`."""

    def path(s: Arrays, p: np.ndarray, gradients: Sequence[np.ndarray], place: tuple[int, int]) -> list[np.ndarray]:
        p, rule = p.copy(), RULES[kind]
        optimizer = rule([p], **{n: float(v) if v.ndim == 0 else tuple(v.tolist()) for n, v in s.items()})
        steps = []
        for g in gradients:
            optimizer.step([g])
            steps.append(p.copy())
        return steps

    def climbs(s: Arrays, p: np.ndarray, gradients: Sequence[np.ndarray], place: tuple[int, int]) -> list[np.ndarray]:
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
    maker = _Maker(kind, rng, path, wrong, {**SENTENCES, **sentences})
    return [
        maker.case("several steps", ONE, 5),  # these first: they tell more mistakes apart
        maker.case("several steps", ((2, 3),), 7),
        maker.case("first step", ONE, 1),
        maker.case("first step", ((2, 2),), 1),
        maker.case("several parameters", PAIR, 3),
        maker.case("several parameters", SEVERAL, 3),
        maker.case("several parameters", PAIR, 3, "instances"),
        maker.in_place(),
    ]


class _Maker:
    def __init__(
        self,
        kind: str,
        rng: np.random.Generator,
        path: Path,
        wrong: Mapping[str, Sequence[Path]],
        sentences: Mapping[str, str],
    ) -> None:
        self.kind, self.rng, self.path, self.wrong, self.sentences = kind, rng, path, wrong, sentences

    def case(self, aspect: str, shapes: Sequence[tuple[int, ...]], steps: int, mode: str = "plain") -> Case:
        """Return a case of `steps` steps on parameters of these shapes, in each of two optimizers for "instances"."""
        settings, passes, places = self._draw(shapes, steps, ["", SECOND] if mode == "instances" else [""])
        right = self._steps(self.path, settings, passes, places)
        alternatives = {
            m: tuple(self._steps(path, settings, passes, places) for path in paths) for m, paths in self.wrong.items()
        }
        unchanged = {f"changed.grads{n}": np.zeros(passes[0][f"grads{n}"].shape) for n in places}
        said = ", ".join(f"{n} = {np.round(v, 3).tolist()}" for n, v in settings.items())
        return Case(
            aspect, Probe(passes, mode), tuple({**step, **unchanged} for step in right), alternatives=alternatives,
            fallback="shared-state" if aspect == "several parameters" else None, sentences=self.sentences,
            aspects=dict.fromkeys(unchanged, "in place"),
            about=tuple(f"After step {k + 1} with {said}:" for k in range(steps)),
        )  # fmt: skip

    def in_place(self) -> Case:
        """Return the case that asks whether what is returned is what the arrays then hold."""
        _, passes, places = self._draw(PAIR, 2, [""])
        right = {f"apart{n}": np.zeros(passes[0][f"params{n}"].shape) for n in places}
        return Case("in place", Probe(passes), (right, right), fallback="not-in-place", sentences=self.sentences)

    def _draw(
        self, shapes: Sequence[tuple[int, ...]], steps: int, sides: list[str]
    ) -> tuple[Arrays, tuple[Arrays, ...], dict[str, tuple[int, int]]]:
        """Draw settings and passes; also return the names' ends, with (which parameter, of how many)."""
        rng = self.rng
        settings = {n: self._setting(n) for n in SETTINGS[self.kind]}
        places = {f"{i}{side}": (i, len(shapes)) for side in sides for i in range(len(shapes))}
        passes = [
            {
                f"grads{n}": np.where(rng.random(shapes[i]) < 0.1, 0.0, rng.normal(size=shapes[i]))
                for n, (i, _) in places.items()
            }
            for _ in range(steps)
        ]
        passes[0] |= settings | {f"params{n}": rng.uniform(-0.5, 0.5, shapes[i]) for n, (i, _) in places.items()}
        return settings, tuple(passes), places

    def _setting(self, name: str) -> np.ndarray:
        if name == "betas":
            return np.array([self.rng.uniform(0.5, 0.8), self.rng.uniform(0.85, 0.98)])
        return np.array(self.rng.uniform(*DRAWN[name]))

    def _steps(
        self, path: Path, settings: Arrays, passes: tuple[Arrays, ...], places: Mapping[str, tuple[int, int]]
    ) -> tuple[Arrays, ...]:
        found: list[dict[str, np.ndarray]] = [{} for _ in passes]
        with np.errstate(all="ignore"):
            for n, place in places.items():
                gradients = [arrays[f"grads{n}"] for arrays in passes]
                for step, value in zip(found, path(settings, passes[0][f"params{n}"], gradients, place), strict=True):
                    step[f"params{n}"] = value
        return tuple(found)
