"""Neurons, layers and multi-layer perceptrons made of Values, with micrograd's names, texts and order of random draws.

Numbers agree with micrograd's to the last digit. One thing is done otherwise: a neuron's weighted sum is one node,
"w·x+b", with an edge to each weight and input, where micrograd makes a product and a sum for each. A net then has a
tenth of the nodes, and a drawing of it shows neurons.
Source: notes on the micrograd video, "MLP" and "Layer class"; micrograd 0.1.0.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from edf_course.scalar.value import Value, weighted_sum


class Module:
    """Anything with parameters."""

    def zero_grad(self) -> None:
        """Set the gradient of each parameter to 0: before each `backward`, or the gradients add up."""
        for p in self.parameters():
            p.grad = 0

    def parameters(self) -> list[Value]:
        """Return what training changes."""
        return []


class Neuron(Module):
    """ReLU(w·x + b), or w·x + b where `nonlin` is False; weights are drawn from (-1, 1) by `random`, the bias is 0.

    Raises: TypeError where `nin` is no whole number (it is *how many* inputs there are); ValueError where
    x has another number of entries.
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(_whole(nin, "nin"))]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Iterable[Any]) -> Value:
        """Return the neuron's output for `nin` numbers or Values."""
        x = list(x)
        if len(x) != len(self.w):
            raise ValueError(f"This neuron has {len(self.w)} weights, but x has {len(x)} entries.")
        act = weighted_sum(self.w, x, self.b)
        return act.relu() if self.nonlin else act

    def parameters(self) -> list[Value]:
        """Return the weights and the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """`nout` neurons that read the same `nin` inputs."""

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(_whole(nout, "nout"))]

    def __call__(self, x: Any) -> Any:
        """Return the neurons' outputs for `nin` numbers or Values: a list, or a Value where there is one neuron."""
        x = [x] if isinstance(x, Value) else list(x)  # a layer of one neuron before this one hands over a bare Value
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """Return the neurons' parameters, neuron by neuron."""
        return [p for n in self.neurons for p in n.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(n) for n in self.neurons)}]"


class MLP(Module):
    """Layers of `nouts` neurons one after the other, on `nin` inputs; all but the last layer end in ReLU."""

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        sizes = [nin, *nouts]
        last = len(sizes) - 2
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(last + 1)]

    def __call__(self, x: Any) -> Any:
        """Return the last layer's outputs for `nin` numbers or Values: a list, or a Value where it has one neuron."""
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        """Return the layers' parameters, from the input to the output."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"


def _whole(number: Any, name: str) -> int:
    if isinstance(number, (list, tuple)):
        raise TypeError(f"{name} is a number (how many there are), not a list: {name}={len(number)}?")
    return number
