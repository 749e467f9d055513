"""The slides' way of writing a program: module-level functions and lists that act on the current graph.

`edf.learning_rate` (on the slides `edf.eta`) is a plain number that a program sets and `SGD()` reads.
Source: EDF slides, "The Core of EDF".
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, MutableSequence
from types import ModuleType
from typing import Any

from edf_course.edf.errors import GraphError, describe
from edf_course.edf.graph import CompNode, Parameter, current_graph

_MODULE = "edf_course.edf"


def Forward() -> None:
    """Compute every value of the current graph; see `Graph.forward`."""
    current_graph().forward()


def Backward(loss: CompNode) -> None:
    """Compute every gradient of the current graph; see `Graph.backward`."""
    current_graph().backward(loss)


def SGD(learning_rate: float | None = None) -> None:
    """Take one step with `learning_rate`, or with `edf.learning_rate` where none is given; see `Graph.sgd`."""
    current_graph().sgd(sys.modules[_MODULE].learning_rate if learning_rate is None else learning_rate)


UpdateParameters = SGD  # its name in another dialect


def clear() -> None:
    """Empty the current graph. Do so before a cell builds a graph again, or the old nodes stay in it."""
    current_graph().clear()


clear_compgraph = clear


class _CurrentNodes(MutableSequence[Any]):
    """The list `attribute` of whatever graph is current; appending what is in it already does nothing."""

    def __init__(self, attribute: str, kind: type) -> None:
        self._attribute, self._kind = attribute, kind

    def _nodes(self) -> list[Any]:
        nodes: list[Any] = getattr(current_graph(), self._attribute)
        return nodes

    def __len__(self) -> int:
        return len(self._nodes())

    def __getitem__(self, index: Any) -> Any:
        return self._nodes()[index]

    def __setitem__(self, index: Any, node: Any) -> None:
        self._nodes()[index] = node

    def __delitem__(self, index: Any) -> None:
        del self._nodes()[index]

    def insert(self, index: int, value: Any) -> None:
        self._check(value)
        if not any(other is value for other in self._nodes()):
            self._nodes().insert(index, value)

    def __add__(self, other: Iterable[Any]) -> list[Any]:
        return [*self, *other]

    def __radd__(self, other: Iterable[Any]) -> list[Any]:
        return [*other, *self]

    def __repr__(self) -> str:
        return repr(self._nodes())

    def _check(self, node: Any) -> None:
        if not isinstance(node, self._kind):
            kind = self._kind.__name__
            raise GraphError(
                f"{self._attribute} takes {kind}s, but this is {describe(node)}: write class "
                f"{type(node).__name__}({kind}), which brings addgrad along."
            )


CompNodes = _CurrentNodes("CompNodes", CompNode)
Parameters = _CurrentNodes("Parameters", Parameter)


class _EDFModule(ModuleType):
    """The module `edf_course.edf` with `eta` as a second name of `learning_rate`."""

    @property
    def eta(self) -> float:
        return self.learning_rate

    @eta.setter
    def eta(self, value: float) -> None:
        self.learning_rate = value


def install(name: str) -> None:
    """Let the module `name` answer to `eta` as well as to `learning_rate`."""
    sys.modules[name].__class__ = _EDFModule
