"""A graph as it is to be drawn, whichever engine it comes from: boxes, arrows, and how both are said in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

GIVEN, PARAMETER, COMPUTED, OUTPUT = "given", "parameter", "computed", "output"


@dataclass
class Node:
    """One box: `title` and `detail` (a shape, an expression) in its first lines, then `value` and `gradient`.

    Both are written already, and None where there is none yet; `kind` is one of the four above.
    """

    title: str
    kind: str
    detail: str = ""
    value: str | None = None
    gradient: str | None = None


@dataclass
class Edge:
    """One arrow, from an operand to what is computed from it (indices of nodes); `label` stands on it."""

    source: int
    target: int
    label: str = ""


@dataclass
class Sketch:
    """Boxes and arrows; `what` names the kind of graph."""

    what: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return a name for each node that no other has: its title, numbered where several share it."""
        count = Counter(node.title for node in self.nodes)
        seen: Counter[str] = Counter()
        names = []
        for node in self.nodes:
            seen[node.title] += 1
            alone = count[node.title] == 1 and node.title
            names.append(node.title if alone else f"{node.title or 'number'} #{seen[node.title]}")
        return names

    def describe(self) -> str:
        """Say all that the picture shows: each node with what it is made of, its value and its gradient."""
        names = self.names()
        sentences = [f"{self.what}: {_many(len(self.nodes), 'node')} and {_many(len(self.edges), 'arrow')}."]
        for i, node in enumerate(self.nodes):
            operands = [names[e.source] + (f" ({e.label})" if e.label else "") for e in self.edges if e.target == i]
            made = f", from {', '.join(operands)}" if operands else ""
            facts = [node.detail, node.value and f"value {node.value}", node.gradient and f"gradient {node.gradient}"]
            known = "; ".join(filter(None, facts))
            sentences.append(f"{names[i]} ({node.kind}{made}){': ' + known if known else ''}.")
        return " ".join(sentences)


def _many(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"
