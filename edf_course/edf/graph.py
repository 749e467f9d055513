"""The core of EDF: a computation graph that runs forwards, then backwards, then takes a step.

Three kinds of nodes. An `Input` is given, has a batch index and wants no gradient. A `Parameter` is given too, has no
batch index, and is what training changes. A `CompNode` is computed from other nodes and has the batch index.
Nodes join their `Graph` in the order in which they are made, so each comes after the nodes it reads: one walk along the
list computes all values (`forward`), one walk back all gradients (`backward`).

Source: EDF slides, "Kinds of Nodes" to "The Class Parameter".
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np

from edf_course.edf.errors import DataError, GraphError, NotComputed, ShapeError, describe, first_bad_entry

BLOCK = 2**15  # entries that SGD updates at once: 256 KB of float64


class Graph:
    """One computation graph: its computed nodes and its parameters, in order of creation.

    `with Graph():` makes it the current one, which new nodes join and on which the module-level `Forward`, `Backward`
    and `SGD` act. Outside any `with`, a graph that is always there is the current one.
    """

    def __init__(self) -> None:
        self.CompNodes: list[CompNode] = []
        self.Parameters: list[Parameter] = []
        self.training = True  # read by Dropout and BatchNorm; set it to False to use the net

    def __enter__(self) -> Graph:
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(self, *exception: object) -> None:
        _entered.set(_entered.get()[:-1])

    def forward(self) -> None:
        """Compute every value, in the order in which the nodes were made."""
        for c in self.CompNodes:
            c.forward()

    def backward(self, loss: CompNode) -> None:
        """Compute d(loss)/d(node) for each example, and its mean over the batch for each parameter.

        Shapes: `loss.value` (B,), one loss for each example; `c.grad` has the shape of `c.value`.
        Raises: GraphError where `loss` has no batch index, or is not in this graph.
        Source: EDF slides, "The Core of EDF".
        """
        check_loss(loss, self)
        nodes: list[Any] = [*self.CompNodes, *self.Parameters]
        for c in nodes:
            c.grad = 0  # 0 + array = array: the first addgrad brings the shape
        loss.grad = np.ones(loss.value.shape, loss.value.dtype)  # d loss[b] / d loss[b] = 1
        for c in reversed(self.CompNodes):
            if type(c.grad) is int:  # the loss does not depend on c
                c.grad = np.zeros_like(c.value)
            c.backward()
        for p in self.Parameters:
            if type(p.grad) is int:
                p.grad = np.zeros_like(p.value)

    def sgd(self, learning_rate: float) -> None:
        """Move each parameter against its gradient: p.value -= learning_rate * p.grad.

        Raises: GraphError where `backward` has not run; DataError where a value was replaced by integers.
        Source: EDF slides, "The Core of EDF" (there the learning rate is called eta).
        """
        for p in self.Parameters:
            if p.grad is None:
                raise GraphError("SGD: there are no gradients yet; call Forward() and Backward(loss) first.")
        for p in self.Parameters:
            try:
                if p.grad.size <= BLOCK:
                    p.value -= learning_rate * p.grad
                else:  # the same, some rows at a time: a product as large as p.value would not fit the cache
                    rows = max(1, BLOCK * len(p.grad) // p.grad.size)
                    for i in range(0, len(p.grad), rows):
                        p.value[i : i + rows] -= learning_rate * p.grad[i : i + rows]
            except TypeError:
                floats_only(p.value)  # integers cannot take the step: this says so
                raise

    def clear(self) -> None:
        """Forget all nodes and parameters of this graph."""
        self.CompNodes.clear()
        self.Parameters.clear()

    def add(self, node: CompNode | Parameter) -> None:
        """Put `node` at the end of its list; a node that is there already stays where it is."""
        nodes: list[Any] = self.Parameters if isinstance(node, Parameter) else self.CompNodes
        if not any(other is node for other in nodes):
            nodes.append(node)


# The graphs whose `with` we are in, innermost last; each thread and each asyncio task has its own.
_entered: ContextVar[tuple[Graph, ...]] = ContextVar("entered EDF graphs", default=(Graph(),))


def current_graph() -> Graph:
    """Return the graph that new nodes join now."""
    return _entered.get()[-1]


class Input:
    """A node whose value is given, with a batch index: `x = Input(); x.value = array`.

    Raises: DataError for NaN, infinite or no values, and for integers where the nodes that read it need floats.
    Source: EDF slides, "The Classes Input and CompNode".
    """

    needs_grad = False

    def __init__(self, value: Any = None, name: str = "Input") -> None:
        self.name = name
        self.reads_floats = False
        if value is not None:
            self.value = value

    @property
    def value(self) -> np.ndarray:
        """The array that was given, (B, ...)."""
        try:
            return self._value
        except AttributeError:
            raise NotComputed(f"{self.name} has no value yet: set its .value = array before Forward().") from None

    @value.setter
    def value(self, value: Any) -> None:
        value = np.asarray(value)
        if value.ndim == 0 or value.size == 0:
            raise DataError(f"{self.name}.value needs a batch of examples, (B, ...), but has shape {value.shape}.")
        if value.dtype.kind not in "biuf":
            raise DataError(f"{self.name}.value must hold real numbers, not {value.dtype}.")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise DataError(f"{self.name}.value holds {first_bad_entry(value)}: clean the data first.")
        if self.reads_floats:
            self._refuse_integers(value)
        self._value = value

    def require_floats(self) -> None:
        """Note that a node computes with this input, so that integers are refused from now on.

        Unsigned integers would wrap around in -x, and integer results would be cut off: better an error than that.
        """
        if hasattr(self, "_value"):
            self._refuse_integers(self._value)
        self.reads_floats = True

    def _refuse_integers(self, value: np.ndarray) -> None:
        if value.dtype.kind != "f":
            raise DataError(
                f"{self.name}.value holds integers ({value.dtype}), but the nodes that read it compute with floats: "
                "set .value = array.astype(float)."
            )

    def addgrad(self, delta: Any) -> None:
        """Do nothing: nobody asks how the loss changes with the data."""


class CompNode:
    """A node that is computed: subclasses write `forward` (sets self.value) and `backward` (calls addgrad on operands).

    A subclass joins the current graph by `super().__init__()`, or by `CompNodes.append(self)` as on the slides.
    Source: EDF slides, "The Classes Input and CompNode".
    """

    needs_grad = True
    grad: Any = None

    def __init__(self) -> None:
        current_graph().add(self)

    def forward(self) -> None:
        """Compute `self.value`, shape (B, ...), from the operands' values."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method.")

    def backward(self) -> None:
        """Hand `self.grad`, turned by the chain rule, on to the operands with `addgrad`."""
        raise NotImplementedError(f"{type(self).__name__} has no backward method.")

    def addgrad(self, delta: Any) -> None:
        """Add `delta`, of the shape of `self.value`, to `self.grad`: a node that is read twice gets both shares.

        Raises: ShapeError where the shapes differ.
        """
        delta = np.asarray(delta)
        if delta.shape != self.value.shape:
            raise ShapeError(
                f"addgrad: {type(self).__name__}.value has shape {self.value.shape}, so its gradient has that shape "
                f"too, but the one that was handed over has {delta.shape}."
            )
        if self.grad is None or type(self.grad) is int:  # the first: a copy, for its owner may go on to write into it
            self.grad = delta.copy("K")
        else:
            self.grad = self.grad + delta

    def __getattr__(self, name: str) -> Any:
        if name == "value":  # reached only while there is none
            raise NotComputed(
                f"{type(self).__name__} has no value yet: call Forward() first. (If you did: does its __init__ call "
                "super().__init__(), and does its forward set self.value?)"
            )
        message = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=self)


class Parameter:
    """A value that training changes; it has no batch index, and its gradient is the mean over the batch.

    Raises: DataError for integers (a small step would be lost in them), NaN and infinite values.
    Source: EDF slides, "The Class Parameter".
    """

    needs_grad = True
    grad: Any = None

    def __init__(self, value: Any) -> None:
        value = floats_only(np.array(value))
        if not np.isfinite(value).all():
            raise DataError(f"Parameter: the value holds {first_bad_entry(value)}.")
        self.value = value
        current_graph().add(self)

    def addgrad(self, delta: Any) -> None:
        """Add the mean over the batch of `delta` (B, ...), which holds one gradient for each example.

        The batch size is read from `delta` (the slides' global nBatch goes wrong with the last, smaller batch).
        Raises: ShapeError where delta is not (B,) + the shape of the value.
        """
        shape = np.shape(delta)
        if shape[1:] != self.value.shape or len(shape) == 0:
            wanted = ", ".join(["B", *map(str, self.value.shape)])
            hint = " Averaged already? Then call addgrad_mean." if shape == self.value.shape else ""
            raise ShapeError(f"Parameter.addgrad takes a gradient for each example, ({wanted}), but got {shape}.{hint}")
        self.addgrad_mean(np.sum(delta, axis=0) / shape[0])

    def addgrad_mean(self, gradient: Any) -> None:
        """Add a gradient that is averaged over the batch already, of the value's shape, e.g. x.T @ y.grad / B.

        The first one is kept as it is, not copied (it may be large), so do not write into it afterwards.
        Raises: ShapeError where the shapes differ.
        """
        gradient = np.asarray(gradient)
        if gradient.shape != self.value.shape:
            raise ShapeError(
                f"Parameter.addgrad_mean: the value has shape {self.value.shape}, the gradient {gradient.shape}."
            )
        if self.grad is None or type(self.grad) is int:
            self.grad = gradient
        else:
            self.grad = self.grad + gradient


def floats_only(value: Any) -> np.ndarray:
    """Return a parameter's value as an array, or raise DataError where it does not hold floats."""
    value = np.asarray(value)
    if value.dtype.kind != "f":
        raise DataError(f"Parameter: {value.dtype} values cannot take small steps; give floats: array.astype(float).")
    return value


def check_loss(loss: Any, graph: Graph) -> None:
    """Raise GraphError, with what to change, where `loss` cannot be the start of a backward pass in `graph`."""
    if not isinstance(loss, CompNode):
        raise GraphError(f"Backward: the loss must be a computed node, not {describe(loss)}.")
    name, shape = type(loss).__name__, np.shape(loss.value)
    if loss not in graph.CompNodes:
        raise GraphError(
            f"Backward: this {name} is not in the current graph. Was the graph cleared after the node was made, or was "
            "the node made inside another `with edf.Graph():`?"
        )
    if len(shape) != 1:
        keep = "keep the batch index, the parameters do the averaging"
        cure = keep if len(shape) == 0 else "end with a loss node, such as LogLoss or SquaredError"
        raise GraphError(
            f"Backward: a loss has one value for each example, shape (B,), but {name}.value has {shape}: {cure}."
        )


def as_operand(node: Any, floats: bool = True) -> Any:
    """Return `node` if a computed node can read it; with `floats`, an Input is told that it must hold floats.

    Raises: GraphError for arrays, numbers, classes and whatever else is no node.
    """
    if not (hasattr(node, "addgrad") and not isinstance(node, type)):
        raise GraphError(
            f"A node reads other nodes, but this is {describe(node)}. Wrap data: x = edf.Input(); x.value = array."
        )
    if floats and isinstance(node, Input):
        node.require_floats()
    return node
