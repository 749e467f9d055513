"""The private half of the exercises on nodes that work entry by entry: each truth is the forward formula."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.special import expit

from autograder.exercise import Misconception, node_exercise

ELEMENTWISE = {"value": 1, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1}


def _far(names: tuple[str, ...], size: float) -> Any:
    """Turn about half of the entries of the named operands into numbers of up to `size`, of either sign."""

    def extreme(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        for n in names:
            far = rng.uniform(0.1 * size, size, arrays[n].shape) * rng.choice([-1.0, 1.0], arrays[n].shape)
            arrays[n] = np.where(rng.random(arrays[n].shape) < 0.5, far, arrays[n])
            arrays[n].flat[0], arrays[n].flat[1] = -size, size
            arrays[n].flat[2] = 0.3
        return arrays

    return extreme


SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda x: expit(x) * (1 - expit(x)),
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
    "ReLU": lambda x: (x > 0).astype(float),
    "softplus": expit,
    "exp": np.exp,
    "leaky ReLU": lambda x: np.where(x > 0, 1.0, 0.01),
}


def _slopes_of_others(own: str) -> list[Misconception]:
    """Return what the slope of another function would give, in the place of the slope of `own`."""
    return [
        Misconception(
            "wrong-function",
            f"That is the slope of {other}; the slope of {own} is asked for.",
            partial(lambda slope, c: c.g * slope(c.x), slope),
        )
        for other, slope in SLOPES.items()
        if other != own
    ]


SIGMOID = node_exercise(
    "edf.sigmoid",
    torch.sigmoid,
    ELEMENTWISE | {"gradient": 1, "large inputs": 1},
    [
        Misconception(
            "wrong-point",
            "The slope y(1 - y) is meant with y = sigmoid(x), self.value; yours is taken at the wrong one of the two.",
            lambda c: c.g * c.x * (1 - c.x),
        ),
        Misconception(
            "wrong-point",
            "Sigmoid is applied once too often: self.value is sigmoid(x) already.",
            lambda c: c.g * expit(c.y) * (1 - expit(c.y)),
        ),
        Misconception(
            "wrong-function", "1 - y² is the slope of tanh; sigmoid's is y(1 - y).", lambda c: c.g * (1 - c.y**2)
        ),
        Misconception("wrong-function", "That hands y on, not its slope.", lambda c: c.g * c.y),
        Misconception(
            "wrong-function", "One factor is missing: the slope is y(1 - y), not 1 - y.", lambda c: c.g * (1 - c.y)
        ),
        Misconception("wrong-function", "The slope is y(1 - y), with a minus.", lambda c: c.g * c.y * (1 + c.y)),
        Misconception("sign", "The exponent has the wrong sign: 1 / (1 + exp(-x)).", value=lambda c: expit(-c.x)),
        Misconception("wrong-function", "That is tanh; sigmoid lies between 0 and 1.", value=lambda c: np.tanh(c.x)),
        *_slopes_of_others("sigmoid"),
    ],
    extreme=_far(("x",), 1000.0),
)

TANH = node_exercise(
    "edf.tanh",
    torch.tanh,
    ELEMENTWISE | {"gradient": 1, "large inputs": 1},
    [
        Misconception(
            "wrong-point", "The slope 1 - y² is meant with y = tanh(x), not with x.", lambda c: c.g * (1 - c.x**2)
        ),
        Misconception(
            "wrong-point",
            "Tanh is applied once too often: self.value is tanh(x) already.",
            lambda c: c.g * (1 - np.tanh(c.y) ** 2),
        ),
        Misconception(
            "wrong-function", "y(1 - y) is the slope of sigmoid; tanh's is 1 - y².", lambda c: c.g * c.y * (1 - c.y)
        ),
        Misconception(
            "power-rule", "The square is missing: the slope is 1 - y², not 1 - y.", lambda c: c.g * (1 - c.y)
        ),
        Misconception("wrong-function", "The slope is 1 - y², with a minus.", lambda c: c.g * (1 + c.y**2)),
        Misconception("power-rule", "The slope is 1 - y², not (1 - y)².", lambda c: c.g * (1 - c.y) ** 2),
        Misconception("power-rule", "The slope is 1 / cosh²; the square is missing.", lambda c: c.g / np.cosh(c.x)),
        Misconception("wrong-function", "That is sigmoid; tanh lies between -1 and 1.", value=lambda c: expit(c.x)),
        Misconception(
            "factor-missing", "That is tanh(x / 2): a factor of 2 is missing inside.", value=lambda c: np.tanh(c.x / 2)
        ),
        Misconception("wrong-function", "That hands y on, not its slope.", lambda c: c.g * c.y),
        *_slopes_of_others("tanh"),
    ],
    extreme=_far(("x",), 1000.0),
)

RELU = node_exercise(
    "edf.relu",
    torch.relu,
    ELEMENTWISE | {"gradient": 1, "at zero": 1},
    [
        Misconception(
            "relu-at-zero",
            "At x = 0 exactly the slope is taken as 0 here (as in torch); yours is 1.",
            lambda c: c.g * (c.x >= 0) if (c.x == 0).any() else None,
        ),
        Misconception(
            "relu-at-zero",
            "At x = 0 exactly the slope is taken as 0 here (as in torch); yours is one half.",
            lambda c: c.g * np.heaviside(c.x, 0.5) if (c.x == 0).any() else None,
        ),
        Misconception(
            "no-gate", "The gradient passes where x is negative too: it should be stopped there.", lambda c: c.g
        ),
        Misconception(
            "relu-mask-upstream",
            "What is cut off is where the upstream gradient is negative; what counts is where x is.",
            lambda c: np.maximum(c.g, 0.0),
        ),
        Misconception(
            "relu-mask-upstream",
            "What is cut off is where the upstream gradient is negative; what counts is where x is.",
            lambda c: np.maximum(c.g, 0.0) * (c.x > 0),
        ),
        Misconception(
            "sign",
            "It passes where x is negative and stops where x is positive: the wrong way round.",
            lambda c: c.g * (c.x < 0),
        ),
        Misconception("wrong-function", "That hands y on, not its slope: the slope is 1 or 0.", lambda c: c.g * c.y),
        Misconception(
            "wrong-function",
            "The slope is 1 or 0; the sign of x is -1 where x is negative.",
            lambda c: c.g * np.sign(c.x),
        ),
        Misconception(
            "wrong-function",
            "That is the absolute value; ReLU is 0 where x is negative.",
            value=lambda c: np.abs(c.x),
        ),
        *(
            Misconception(
                "wrong-function",
                "That is leaky ReLU: here nothing passes where x is negative.",
                partial(lambda leak, c: c.g * np.where(c.x > 0, 1.0, leak), leak),
                partial(lambda leak, c: np.where(c.x > 0, c.x, leak * c.x), leak),
            )
            for leak in (0.01, 0.1, 0.2)
        ),
        *_slopes_of_others("ReLU"),
    ],
    at_kink=0.0,
)

SOFTPLUS = node_exercise(
    "edf.softplus",
    lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    {"value": 2, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception(
            "wrong-point",
            "The slope is sigmoid(x), taken at the input; yours is taken at the output.",
            lambda c: c.g * expit(c.y),
        ),
        Misconception(
            "wrong-function",
            "The slope of softplus is sigmoid(x) itself, not the slope of sigmoid.",
            lambda c: c.g * expit(c.x) * (1 - expit(c.x)),
        ),
        Misconception(
            "wrong-function", "That is the slope of ReLU, with the corner still in it.", lambda c: c.g * (c.x > 0)
        ),
        Misconception(
            "wrong-function", "exp(x) is only the inner derivative: divide by 1 + exp(x).", lambda c: c.g * np.exp(c.x)
        ),
        Misconception(
            "wrong-function",
            "The inner derivative is missing: 1 / (1 + exp(x)) times exp(x).",
            lambda c: c.g / (1 + np.exp(c.x)),
        ),
        *_slopes_of_others("softplus"),
    ],
    extreme=_far(("x",), 1000.0),
)

MUL = node_exercise(
    "edf.mul",
    torch.mul,
    {"value": 1, "gradient": 2, "accumulates": 1, "repeatable": 1, "any shape": 1},
    [
        Misconception(
            "operands-swapped",
            "{operand} gets its own value; it should get the other's: d(ab)/da = b.",
            lambda c: {"a": c.g * c.a, "b": c.g * c.b},
        ),
        Misconception(
            "wrong-function",
            "The upstream gradient is handed on as it is, as a sum would: a product multiplies it by the other "
            "operand.",
            lambda c: {"a": c.g, "b": c.g},
        ),
        Misconception(
            "wrong-point",
            "The product is in the gradient where one operand belongs.",
            lambda c: {"a": c.g * c.y, "b": c.g * c.y},
        ),
    ],
)

ADD = node_exercise(
    "edf.add",
    torch.add,
    {"value": 1, "gradient": 1, "accumulates": 1, "repeatable": 1},
    [
        Misconception(
            "wrong-function",
            "A sum hands the gradient on unchanged; a product would multiply by the other operand.",
            lambda c: {"a": c.g * c.b, "b": c.g * c.a},
        ),
        Misconception(
            "factor-missing",
            "A sum hands the whole gradient to each operand; it is not shared out.",
            lambda c: {"a": c.g / 2, "b": c.g / 2},
        ),
        Misconception(
            "wrong-point",
            "The operand's own value is in the gradient of a sum.",
            lambda c: {"a": c.g * c.a, "b": c.g * c.b},
        ),
    ],
)

GATE = node_exercise(
    "edf.gate",
    lambda a, b: a * torch.sigmoid(b),
    {"value": 1, "gradient": 3, "accumulates": 1, "repeatable": 1, "any shape": 1, "large inputs": 1},
    [
        Misconception(
            "no-gate", "a gets the gradient as it is; it should pass through the gate sigmoid(b).", lambda c: {"a": c.g}
        ),
        Misconception(
            "operand-missing",
            "The gate's gradient has no a in it: b acts on the loss through a sigmoid(b).",
            lambda c: {"b": c.g * expit(c.b) * (1 - expit(c.b))},
        ),
        Misconception(
            "wrong-function",
            "sigmoid(b) is handed on to b where its slope belongs.",
            lambda c: {"b": c.g * c.a * expit(c.b)},
        ),
        Misconception(
            "wrong-function",
            "One factor of the slope is missing: it is s(1 - s), with s = sigmoid(b).",
            lambda c: {"b": c.g * c.a * (1 - expit(c.b))},
        ),
        Misconception(
            "wrong-function",
            "The slope of sigmoid is missing: b acts through sigmoid(b), not by itself.",
            lambda c: {"b": c.g * c.a},
        ),
        Misconception(
            "wrong-function",
            "a is multiplied by sigmoid(b), not by b, so that is what its gradient passes through.",
            lambda c: {"a": c.g * c.b},
        ),
        Misconception(
            "wrong-function",
            "The gate is sigmoid, not tanh.",
            lambda c: {"a": c.g * np.tanh(c.b), "b": c.g * c.a * (1 - np.tanh(c.b) ** 2)},
            lambda c: c.a * np.tanh(c.b),
        ),
        Misconception(
            "wrong-function",
            "1 - s² is the slope of tanh; the gate is a sigmoid, with the slope s(1 - s).",
            lambda c: {"b": c.g * c.a * (1 - expit(c.b) ** 2)},
        ),
        Misconception(
            "wrong-point",
            "Sigmoid is applied once too often: the slope is s(1 - s) with s = sigmoid(b).",
            lambda c: {"b": c.g * c.a * expit(expit(c.b)) * (1 - expit(expit(c.b)))},
        ),
        Misconception(
            "wrong-point",
            "The slope s(1 - s) is meant with s = sigmoid(b), not with the output of the node.",
            lambda c: {"b": c.g * c.y * (1 - c.y)},
        ),
        Misconception(
            "wrong-point",
            "The slope s(1 - s) is meant with s = sigmoid(b), not with b itself.",
            lambda c: {"b": c.g * c.a * c.b * (1 - c.b)},
        ),
        Misconception(
            "operands-swapped",
            "The roles are swapped: a goes through sigmoid, b is the factor.",
            lambda c: {"a": c.g * c.b * expit(c.a) * (1 - expit(c.a)), "b": c.g * expit(c.a)},
            lambda c: c.b * expit(c.a),
        ),
        Misconception(
            "operands-swapped",
            "The two gradients are handed to each other's operand.",
            lambda c: {"a": c.vjp(c.g)["b"], "b": c.vjp(c.g)["a"]},
        ),
    ],
    extreme=_far(("b",), 1000.0),
)

EXERCISES = (SIGMOID, TANH, RELU, SOFTPLUS, MUL, ADD, GATE)
