"""The exercises on step sizes: what they ask. An answer has `step(params, grads)`."""

from __future__ import annotations

from edf_course.exercises.statement import Statement

STATEMENTS = (
    Statement("optim.momentum", "Momentum", "Momentum(lr, momentum)", "momentum", 8),
    Statement("optim.adagrad", "AdaGrad", "AdaGrad(lr, eps)", "adagrad", 8),
    Statement("optim.rmsprop", "RMSProp", "RMSProp(lr, alpha, eps)", "rmsprop", 8),
    Statement("optim.adam", "Adam", "Adam(lr, betas, eps)", "adam", 10),
)
