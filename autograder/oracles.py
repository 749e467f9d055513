"""Two independent truths: torch differentiates an exercise's formula in float64, finite differences confirm it.

No reference backward is written by hand anywhere, so there is none to be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from edf_course.calculus import projection_error
from edf_course.exercises.probes import Arrays

Formula = Callable[..., Any]  # torch tensors, in the order of the signature -> torch tensor

AGREEMENT = 1e-6  # central differences in float64 agree with a right gradient to about 5e-10
DIRECTIONS = 5  # of which one has to agree


class OracleDisagreement(AssertionError):
    """Torch and finite differences differ: the exercise is wrong, and no student is judged by it."""


class Truth:
    """The value and the gradients of one formula.

    operands: the names of what it takes, in order; parameters: those of them that have no batch index, whose gradient
    is the mean over the batch; fixed: those that have no gradient.
    """

    def __init__(
        self, formula: Formula, operands: Sequence[str], parameters: frozenset[str], fixed: frozenset[str]
    ) -> None:
        self.formula, self.operands, self.parameters, self.fixed = formula, tuple(operands), parameters, fixed

    def value(self, arrays: Arrays) -> np.ndarray:
        """Return the formula's value at the operands in `arrays`."""
        with torch.no_grad():
            value: np.ndarray = self.formula(*(torch.tensor(arrays[n]) for n in self.operands)).numpy()
            return value

    def vjp(self, arrays: Arrays, upstream: np.ndarray) -> dict[str, np.ndarray]:
        """Return the gradients of sum(upstream * value) to the operands that have one, parameters' averaged over B."""
        tensors = {n: torch.tensor(arrays[n]) for n in self.operands}
        wanted = [n for n in self.operands if n not in self.fixed]
        for n in wanted:
            tensors[n].requires_grad_()
        total = (torch.tensor(upstream) * self.formula(*tensors.values())).sum()  # a number: else torch imports SymPy
        gradients = torch.autograd.grad(total, [tensors[n] for n in wanted], allow_unused=True)
        B = len(upstream)
        return {
            n: (np.zeros_like(arrays[n]) if g is None else g.numpy()) / (B if n in self.parameters else 1)
            for n, g in zip(wanted, gradients, strict=True)
        }

    def confirm(self, arrays: Arrays, rng: np.random.Generator) -> None:
        """Hold torch's gradients against finite differences, for each operand along a random direction.

        A direction may happen to be one along which next to nothing changes; then the differences are rounding, and
        another direction is taken. A wrong gradient is wrong along them all. Raises: OracleDisagreement.
        """
        for n in (n for n in self.operands if n not in self.fixed):
            B = len(arrays["upstream"]) if n in self.parameters else 1

            def f(array: np.ndarray, n: str = n) -> np.ndarray:
                return self.value({**arrays, n: array})

            def vjp(u: np.ndarray, n: str = n, B: int = B) -> np.ndarray:
                return self.vjp(arrays, u)[n] * B

            for _ in range(DIRECTIONS):
                error = projection_error(f, vjp, arrays[n], rng)
                if error <= AGREEMENT:
                    break
            else:
                raise OracleDisagreement(f"torch and finite differences differ by {error:.1e} in {n}")
