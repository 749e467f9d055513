"""The moons demo as it is written for micrograd; which engine it runs on is decided by the module it is handed."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from sklearn.datasets import make_moons


def demo(engine: Any, n: int = 100, seed: int = 1337) -> SimpleNamespace:
    """Return the demo's model and its `step(k)`, which trains once and returns loss and accuracy.

    `engine` has Value and MLP; weights are drawn by `random`, so both engines start from the same ones.
    """
    Value = engine.Value
    random.seed(seed)
    X, y = make_moons(n_samples=n, noise=0.1, random_state=seed)
    y = y * 2 - 1  # -1 or 1
    model = engine.MLP(2, [16, 16, 1])

    def loss() -> tuple[Any, float]:
        inputs = [list(map(Value, row)) for row in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        regularization = 1e-4 * sum(p * p for p in model.parameters())
        accuracy = [(yi > 0) == (score.data > 0) for yi, score in zip(y, scores, strict=True)]
        return data_loss + regularization, sum(accuracy) / len(accuracy)

    def step(k: int) -> tuple[float, float]:
        total, accuracy = loss()
        model.zero_grad()
        total.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        return total.data, accuracy

    return SimpleNamespace(model=model, loss=loss, step=step)
