"""Right answers to the exercises on the scalar engine."""

from __future__ import annotations

import math
from graphlib import TopologicalSorter
from typing import Any


class ClosureValue:
    """As in the video: a closure in each node, a set of children, a recursive sort."""

    def __init__(self, data, _children=()):
        self.data = data
        self.grad = 0
        self._backward = lambda: None
        self._prev = set(_children)

    def __add__(self, other):
        other = other if isinstance(other, ClosureValue) else ClosureValue(other)
        out = ClosureValue(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, ClosureValue) else ClosureValue(other)
        out = ClosureValue(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def _unary(self, data, slope):
        out = ClosureValue(data, (self,))

        def _backward():
            self.grad += slope * out.grad

        out._backward = _backward
        return out

    def __pow__(self, n):
        return self._unary(self.data**n, n * self.data ** (n - 1))

    def exp(self):
        return self._unary(math.exp(self.data), math.exp(self.data))

    def tanh(self):
        t = math.tanh(self.data)
        return self._unary(t, 1 - t**2)

    def relu(self):
        return self._unary(max(0, self.data), float(self.data > 0))

    def __sub__(self, other):
        return self + other * -1

    def __truediv__(self, other):
        return self * other**-1

    def backward(self):
        order, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                order.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(order):
            v._backward()


class SlopesValue:
    """Slopes beside the operands, own rules for - and /, an iterative walk that counts readers."""

    def __init__(self, data: float, edges: Any = ()):
        self.data, self.edges, self.grad = data, list(edges), 0.0

    def __add__(self, o):
        return SlopesValue(self.data + o.data, [(self, 1.0), (o, 1.0)])

    def __sub__(self, o):
        return SlopesValue(self.data - o.data, [(self, 1.0), (o, -1.0)])

    def __mul__(self, o):
        return SlopesValue(self.data * o.data, [(self, o.data), (o, self.data)])

    def __truediv__(self, o):
        return SlopesValue(self.data / o.data, [(self, 1 / o.data), (o, -self.data / o.data**2)])

    def __pow__(self, n):
        return SlopesValue(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        y = math.e**self.data
        return SlopesValue(y, [(self, y)])

    def tanh(self):
        y = (math.exp(2 * self.data) - 1) / (math.exp(2 * self.data) + 1)
        return SlopesValue(y, [(self, 1 - y * y)])

    def relu(self):
        return SlopesValue(self.data if self.data > 0 else 0.0, [(self, 1.0 if self.data > 0 else 0.0)])

    def backward(self):
        readers, stack, seen = {}, [self], {id(self)}
        while stack:
            for v, _ in stack.pop().edges:
                readers[id(v)] = readers.get(id(v), 0) + 1
                if id(v) not in seen:
                    seen.add(id(v))
                    stack.append(v)
        self.grad = 1.0
        ready = [self]
        while ready:
            node = ready.pop()
            for v, slope in node.edges:
                v.grad += slope * node.grad
                readers[id(v)] -= 1
                if readers[id(v)] == 0:
                    ready.append(v)


class PathsValue(SlopesValue):
    """Slow but right: every path from the root is walked, and adds its own product of slopes."""

    def backward(self):
        self.grad = 0.0
        self._add(1.0)

    def _add(self, share):
        self.grad += share
        for v, slope in self.edges:
            PathsValue._add(v, share * slope)


def depth_first(root):
    order, visited = [], set()

    def visit(node):
        if node not in visited:
            visited.add(node)
            for child in node._prev:
                visit(child)
            order.append(node)

    visit(root)
    return order


def with_a_list(root):
    """Looks nodes up in a list, right child first."""
    order = []

    def visit(node):
        if node in order:
            return
        for child in reversed(tuple(node._prev)):
            visit(child)
        order.append(node)

    visit(root)
    return order


def by_counting(root):
    """Kahn's algorithm from the root, then turned around; as a tuple."""
    readers, stack, seen = {root: 0}, [root], {root}
    while stack:
        for p in stack.pop()._prev:
            readers[p] = readers.get(p, 0) + 1
            if p not in seen:
                seen.add(p)
                stack.append(p)
    ready, order = [root], []
    while ready:
        node = ready.pop(0)
        order.append(node)
        for p in node._prev:
            readers[p] -= 1
            if readers[p] == 0:
                ready.append(p)
    return tuple(order[::-1])


def by_the_standard_library(root):
    graph, stack = {}, [root]
    while stack:
        node = stack.pop()
        if node not in graph:
            graph[node] = set(node._prev)
            stack.extend(node._prev)
    return list(TopologicalSorter(graph).static_order())


def as_a_generator(root):
    visited = set()

    def visit(node):
        if id(node) in visited:
            return
        visited.add(id(node))
        for child in node._prev:
            yield from visit(child)
        yield node

    return visit(root)


RIGHT = [
    ("scalar.value", ClosureValue),
    ("scalar.value", SlopesValue),
    ("scalar.value", PathsValue),
    ("scalar.value", lambda data: ClosureValue(data)),
    ("scalar.topological_order", depth_first),
    ("scalar.topological_order", with_a_list),
    ("scalar.topological_order", by_counting),
    ("scalar.topological_order", by_the_standard_library),
    ("scalar.topological_order", as_a_generator),
]
