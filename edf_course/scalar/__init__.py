"""The scalar engine: derivatives of any expression of single numbers, with micrograd's interface.

    from edf_course.scalar import MLP, Value

    x = Value(3.0)
    y = x * x + 2 * x
    y.backward()
    x.grad  # 8.0

Source: notes on the micrograd video; micrograd 0.1.0 (Karpathy).
"""

from edf_course.scalar.nn import MLP, Layer, Module, Neuron
from edf_course.scalar.value import Value, topological_order

__all__ = ["MLP", "Layer", "Module", "Neuron", "Value", "topological_order"]
