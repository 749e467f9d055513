"""The exercises on the scalar engine: what they ask."""

from __future__ import annotations

from edf_course.exercises.statement import Statement

STATEMENTS = (
    Statement("scalar.value", "Value", "Value(data)", "value", 14),
    Statement("scalar.topological_order", "Topological order", "topological_order(root)", "topological_order", 8),
)
