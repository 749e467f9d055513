"""The exercises on derivatives by nudging: what they ask."""

from __future__ import annotations

from edf_course.exercises.statement import Statement

STATEMENTS = (
    Statement("calculus.numerical_gradient", "Numerical gradient", "numerical_gradient(f, x)", "gradient", 8),
    Statement("calculus.jacobian", "Jacobian", "jacobian(f, p)", "jacobian", 8),
)
