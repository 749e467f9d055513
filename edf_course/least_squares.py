"""Fitting by least squares: the Jacobian of a predictor over a batch, and the steps that are made of it.

A predictor is a function f(x, p): inputs x (B, ...) and parameters p (n,) -> predictions (B,) or (B, m). The error is
target minus prediction, ε = y - f(x, p), and the loss the *sum* of its squares, L = εᵀε. All steps are to be added to
p, and all come from two things: ε as a vector, and J, the Jacobian of the predictions (not of the error, which has the
other sign):

    gradient descent       s = 2α Jᵀε
    Gauss-Newton           JᵀJ s = Jᵀε
    Levenberg-Marquardt    (JᵀJ + λI) s = Jᵀε

Source: Kak, slides 10-20. Where we differ: the slides' Eq. (8), (10) lost the transpose of Eq. (7), without which the
product does not exist unless there are as many predictions as parameters; a prediction is a real number,
not a rounded label, whose derivative would be 0 (slides 10-12); with m outputs J has B·m rows, not B (slide 18);
Levenberg-Marquardt solves a damped system, it does not invert JᵀJ (slide 20).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from edf_course.calculus import jacobian

Predictor = Callable[[Any, np.ndarray], Any]

MOST_DAMPING = 1e16  # then a step is shorter than float64 can add


def prediction_error(f: Predictor, x: Any, y: Any, p: Any) -> np.ndarray:
    """Return ε = y - f(x, p) as one vector, the first example's outputs first.

    Shapes: y and f(x, p) (B,) or (B, m), both the same -> (B·m,).
    Raises: ValueError where they differ ((B, 1) less (B,) would be a (B, B) table), or where a prediction
    is NaN or infinite.
    Source: Kak, slide 16.
    """
    target, prediction = np.asarray(y, dtype=float), np.asarray(f(x, _parameters(p)), dtype=float)
    if target.shape != prediction.shape:
        raise ValueError(
            f"y has shape {target.shape}, but the predictor returned {prediction.shape}; make them the same."
        )
    if not np.isfinite(prediction).all():
        raise ValueError(f"the predictor returned NaN or an infinite number at p = {p}.")
    return (target - prediction).ravel()


def predictor_jacobian(f: Predictor, x: Any, p: Any) -> np.ndarray:
    """Return J[r, j] = d f(x, p)[r] / d p[j] by central differences: 2n calls of f, each on the whole batch.

    Shapes: p (n,), f(x, p) (B,) or (B, m) -> (B·m, n): a row for each example and output, a column for each parameter.
    Source: Kak, Eq. (9) and slide 18 (there with one output: a row for each example).
    """
    return jacobian(lambda q: f(x, q), _parameters(p))


def loss_gradient(J: Any, error: Any) -> np.ndarray:
    """Return the gradient of the sum of squares, -2 Jᵀε; divide it by the number of examples for that of the mean.

    Shapes: J (R, n), error (R,) -> (n,).
    Source: Kak, Eq. (7); the minus because J is that of the predictions.
    """
    J, error = _system(J, error)
    return -2.0 * (J.T @ error)


def gradient_step(J: Any, error: Any, learning_rate: float) -> np.ndarray:
    """Return the step of gradient descent, +2α Jᵀε, to be added to the parameters.

    Shapes: J (R, n), error (R,) -> (n,).
    Source: Kak, Eq. (8), with the transpose that it lost.
    """
    return -learning_rate * loss_gradient(J, error)


def per_example_gradients(J: Any, error: Any, outputs: int = 1) -> np.ndarray:
    """Return the gradient of each example's own loss; the sum is `loss_gradient`, the mean what a batch goes by.

    Shapes: J (B·outputs, n), error (B·outputs,) -> (B, n).
    Raises: ValueError where the rows are no multiple of `outputs`.
    Source: notes on EDF's core, section 4 (the average over the examples).
    """
    J, error = _system(J, error)
    if outputs < 1 or len(J) % outputs:
        raise ValueError(f"J has {len(J)} rows, which are no whole number of examples with {outputs} outputs each.")
    return (-2.0 * J * error[:, None]).reshape(-1, outputs, J.shape[1]).sum(axis=1)


def gauss_newton_step(J: Any, error: Any) -> np.ndarray:
    """Return the step after which the error would be least if f were linear: JᵀJ s = Jᵀε.

    Solved as min |ε - Js|², which spares the squaring of J's condition number. Where JᵀJ is singular, as it is with
    more parameters than rows, many steps do equally well; this is the shortest, to which Levenberg-Marquardt's tend as
    λ -> 0.
    Shapes: J (R, n), error (R,) -> (n,).
    Source: Kak, slide 20 ("GN jumps").
    """
    J, error = _system(J, error)
    return np.linalg.lstsq(J, error)[0]


def levenberg_marquardt_step(J: Any, error: Any, damping: float) -> np.ndarray:
    """Return the damped step, (JᵀJ + λI) s = Jᵀε with λ = `damping`.

    A small λ gives the Gauss-Newton step, a large one a short step against the gradient, Jᵀε / λ. Solved as
    min |ε - Js|² + λ|s|², that is as least squares with √λ I below J and zeros below ε.
    Shapes: J (R, n), error (R,) -> (n,).
    Raises: ValueError for a negative damping.
    Source: Kak, slide 20, where JᵀJ is said to be inverted.
    """
    J, error = _system(J, error)
    if not damping >= 0:
        raise ValueError(f"damping must be 0 or more, but is {damping}.")
    n = J.shape[1]
    below = np.sqrt(damping) * np.eye(n)
    return np.linalg.lstsq(np.vstack([J, below]), np.concatenate([error, np.zeros(n)]))[0]


class Fit(NamedTuple):
    """What `levenberg_marquardt` found.

    `p` the parameters (n,); `path` (k + 1, n) from the start over the k accepted steps to `p`; `losses` and `dampings`
    (k + 1,) after each; `tries` the steps that were tried; `converged` whether no further step would matter.
    """

    p: np.ndarray
    path: np.ndarray
    losses: np.ndarray
    dampings: np.ndarray
    tries: int
    converged: bool


def levenberg_marquardt(
    f: Predictor, x: Any, y: Any, p: Any, damping: float = 1e-3, max_tries: int = 200, tolerance: float = 1e-12
) -> Fit:
    """Fit p so that f(x, p) comes near y, each step tried before it is taken.

    A step that lowers the loss is taken, and λ divided by 10: more like Gauss-Newton. One that does not is refused, and
    λ multiplied by 10: shorter, and nearer to the direction of the gradient. It has converged when an accepted step
    changes loss or parameters by less than `tolerance`, relatively, or when no step lowers the loss any more.
    Shapes: x (B, ...), y (B,) or (B, m), p (n,).
    Raises: ValueError for wrong shapes, a start with predictions that are not finite, a damping that is not positive.
    Source: Kak, slide 20 (a jump is accepted only after a look at its quality); Marquardt 1963.
    """
    if not damping > 0:
        raise ValueError(f"damping must be positive to begin with, but is {damping}.")
    p = _parameters(p)
    error = prediction_error(f, x, y, p)
    J = predictor_jacobian(f, x, p)
    path, losses, dampings = [p], [float(error @ error)], [damping]
    for tries in range(1, max_tries + 1):
        step = levenberg_marquardt_step(J, error, damping)
        new_error = _try(f, x, y, p + step)
        new_loss = float(new_error @ new_error)
        if not new_loss < losses[-1]:
            damping *= 10.0
            if damping > MOST_DAMPING or np.linalg.norm(step) <= tolerance * np.linalg.norm(p):
                return _fit(path, losses, dampings, tries, True)
            continue
        damping = max(damping / 10.0, 1.0 / MOST_DAMPING)
        p, error = p + step, new_error
        path, losses, dampings = [*path, p], [*losses, new_loss], [*dampings, damping]
        if losses[-2] - new_loss <= tolerance * losses[-2] or np.linalg.norm(step) <= tolerance * np.linalg.norm(p):
            return _fit(path, losses, dampings, tries, True)
        J = predictor_jacobian(f, x, p)
    return _fit(path, losses, dampings, max_tries, False)


def _try(f: Predictor, x: Any, y: Any, p: np.ndarray) -> np.ndarray:
    """Return the error at p; infinite where the predictor overflows, so that the step is refused."""
    with np.errstate(all="ignore"):
        prediction = np.asarray(f(x, p), dtype=float)
        error = (np.asarray(y, dtype=float) - prediction).ravel()
        return error if np.isfinite(error @ error) else np.array([np.inf])


def _fit(path: list[np.ndarray], losses: list[float], dampings: list[float], tries: int, converged: bool) -> Fit:
    return Fit(path[-1], np.array(path), np.array(losses), np.array(dampings), tries, converged)


def _parameters(p: Any) -> np.ndarray:
    p = np.array(p, dtype=float)
    if p.ndim != 1 or p.size == 0:
        raise ValueError(f"the parameters must be one vector, (n,), but have shape {p.shape}.")
    return p


def _system(J: Any, error: Any) -> tuple[np.ndarray, np.ndarray]:
    J, error = np.asarray(J, dtype=float), np.asarray(error, dtype=float)
    if J.ndim != 2 or error.shape != J.shape[:1]:
        raise ValueError(
            "J needs a row for each entry of the error, so shapes (R, n) and (R,), but they are "
            f"{J.shape} and {error.shape}."
        )
    return J, error
