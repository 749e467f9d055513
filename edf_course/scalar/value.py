"""Value: one number that remembers how it was computed, so that derivatives can flow back to what it came from.

Every operation stands in one place: what it computes and, beside each operand, the slope towards that operand (the
local derivative, a plain number that is known as soon as the operands are). `backward` then only walks: the root first,
operands after what was made from them, each node handing `slope * its own gradient` to its operands, which add it up.

The interface is micrograd's, so that programs written for it run unchanged. Inside it differs: nothing recurses, so a
chain of a million nodes is fine; nodes point to their operands and never back, so memory is freed at once; operands
keep their order and number, so x * x has two edges; and `backward` may be called again.
Source: notes on the micrograd video; micrograd 0.1.0. Where the notes are corrected: a local slope alone is not
enough, it is multiplied by the upstream gradient; each node hands on once, when its own gradient is complete, where a
recursion through the operands would count shared nodes repeatedly; and any reuse adds up, not only a + a.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import count
from numbers import Real
from typing import Any

_passes = count(1)  # numbers the backward passes, over all roots
_newest_pass = 0


class Value:
    """A number `data` and, after `root.backward()`, the derivative `grad` of the root with respect to it.

    `_prev`: the operands, in order (none for a value that is given); `_op`: the operation's name. Numbers mix with
    Values in + - * / ** < <= > >=. `==` between two Values asks whether they are one node, so that lists, sets and
    dicts can hold nodes; between a Value and a number it compares `data`. Other attributes may be set: v.label = "L".
    Raises: TypeError for what is no single real number. NumPy's numbers become Python's own of the same value.
    Source: notes on the micrograd video, "Summary of above"; micrograd 0.1.0, whose names and texts these are.
    """

    # Two operands in slots of their own: in a tuple they would double what the garbage collector has to look at, and
    # that is where most of the time of a large graph goes. With more than two, `_a` is the tuple of all.
    __slots__ = ("__dict__", "__weakref__", "_a", "_b", "_op", "_slope_a", "_slope_b", "data", "grad")

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str = "") -> None:
        self.data = data if type(data) is float else _number(data)
        self.grad: Any = 0
        self._op = _op
        self._a: Any = tuple(_children) or None
        self._slope_a: Any = ()  # none is known for children: whoever names them sets `_backward` too
        self._b: Any = None
        self._slope_b: Any = None

    @property
    def _prev(self) -> tuple[Value, ...]:
        a, b = self._a, self._b
        if b is not None:
            return (a, b)
        if a is None:
            return ()
        return a if type(a) is tuple else (a,)

    def _backward(self) -> None:
        """Hand `slope * grad` to each operand. A node of one's own kind is given another: `out._backward = f`."""
        a, b, g = self._a, self._b, self.grad
        if b is not None:
            a.grad += self._slope_a * g
            b.grad += self._slope_b * g
        elif type(a) is tuple:
            for operand, slope in zip(a, self._slope_a, strict=False):
                operand.grad += slope * g
        elif a is not None:
            a.grad += self._slope_a * g

    def backward(self) -> None:
        """Compute d(self)/d(v) for every node v that leads here, as `v.grad`.

        Gradients of values that are given add up over different roots until they are set to 0 (`zero_grad`); called
        again on the same root it gives the same gradients. The slopes are those at the time of the computation: data
        that is changed afterwards counts from the next computation on.
        Source: notes on the micrograd video, "Gotcha!" and "Beware!".
        """
        global _newest_pass
        if self._a is None:
            self.grad = 1
            return
        order = topological_order(self)
        given = [v for v in order if v._a is None]
        self._take_back()
        before = [v.grad for v in given]
        for v in order:
            if v._a is not None:
                v.grad = 0
        self.grad = 1
        for v in reversed(order):
            v._backward()
        _newest_pass = next(_passes)
        self._latest = (_newest_pass, given, before, [v.grad for v in given])

    def _take_back(self) -> None:
        """Undo what this root's last pass added to values that are given, if nothing has happened to them since."""
        number, *lists = getattr(self, "_latest", (0, [], [], []))
        if number == _newest_pass:
            for v, before, after in zip(*lists, strict=True):
                if v.grad is after:
                    v.grad = before

    def __add__(self, other: Any) -> Value:
        if not isinstance(other, Value) and (other := _constant(other)) is NotImplemented:
            return NotImplemented
        return _node(self.data + other.data, "+", self, 1, other, 1)

    def __mul__(self, other: Any) -> Value:
        if not isinstance(other, Value) and (other := _constant(other)) is NotImplemented:
            return NotImplemented
        return _node(self.data * other.data, "*", self, other.data, other, self.data)

    def __pow__(self, other: Any) -> Value:
        """`x ** 3` has one operand, `x ** y` and `2 ** y` have two.

        Raises: ZeroDivisionError, ValueError or OverflowError where the power is no finite real number.
        """
        x = self.data
        if isinstance(other, Value):
            y = other.data
            power = _power(x, y)
            return _node(power, "**", self, _slope_of_power(x, y), other, _slope_to_exponent(x, y, power))
        if (constant := _constant(other)) is NotImplemented:
            return NotImplemented
        n = constant.data
        return _node(_power(x, n), f"**{n}", self, _slope_of_power(x, n))

    def exp(self) -> Value:
        """e to the power of this. Raises: OverflowError above 709.78, where floats end."""
        try:
            y = math.exp(self.data)
        except OverflowError:
            raise OverflowError(f"exp({self.data}) is larger than a float can hold (1.8e308).") from None
        return _node(y, "exp", self, y)

    def log(self) -> Value:
        """The natural logarithm. Raises: ValueError for 0 and below."""
        if self.data <= 0:
            raise ValueError(f"log({self.data}): only positive numbers have a logarithm.")
        return _node(math.log(self.data), "log", self, 1 / self.data)

    def tanh(self) -> Value:
        """The hyperbolic tangent: between -1 and 1, near either only for large numbers."""
        y = math.tanh(self.data)
        return _node(y, "tanh", self, 1 - y * y)

    def sigmoid(self) -> Value:
        """1 / (1 + exp(-x)), without overflow at either end."""
        e = math.exp(-abs(self.data))
        y = (1 if self.data >= 0 else e) / (1 + e)
        return _node(y, "sigmoid", self, y * (1 - y))

    def relu(self) -> Value:
        """0 where this is negative, else this; the slope at 0 is taken as 0."""
        y = 0 if self.data < 0 else self.data
        return _node(y, "ReLU", self, y > 0)

    # What follows computes nothing of its own: it is put together from the operations above.

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Any) -> Value:
        return self + (-other)

    def __truediv__(self, other: Any) -> Value:
        if not isinstance(other, Value):
            constant = _constant(other)
            return NotImplemented if constant is NotImplemented else self * _power(constant.data, -1)
        return self * other**-1

    def __radd__(self, other: Any) -> Value:
        return self + other

    def __rsub__(self, other: Any) -> Value:
        return other + (-self)

    def __rmul__(self, other: Any) -> Value:
        return self * other

    def __rtruediv__(self, other: Any) -> Value:
        return other * self**-1

    def __rpow__(self, other: Any) -> Value:
        constant = _constant(other)
        return NotImplemented if constant is NotImplemented else constant**self

    def __lt__(self, other: Any) -> bool:
        return self.data < other.data if isinstance(other, Value) else self.data < other

    def __le__(self, other: Any) -> bool:
        return self.data <= other.data if isinstance(other, Value) else self.data <= other

    def __gt__(self, other: Any) -> bool:
        return self.data > other.data if isinstance(other, Value) else self.data > other

    def __ge__(self, other: Any) -> bool:
        return self.data >= other.data if isinstance(other, Value) else self.data >= other

    def __eq__(self, other: object) -> bool:
        return self is other if isinstance(other, Value) else self.data == other

    __hash__ = object.__hash__  # by identity, as == between Values

    def __float__(self) -> float:
        return float(self.data)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"


def topological_order(root: Any) -> list[Any]:
    """Return the nodes that lead to `root`, each once: operands before what was made from them, `root` last.

    Reads `_prev` only, so any graph of nodes will do. Nodes are told apart by identity, not by what they hold. It walks
    as the recursive depth-first search does, but keeps what is half done in a list instead of on Python's call stack.
    Source: notes on the micrograd video, "reversed topological sort".
    """
    order: list[Any] = []
    entered = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if node is None:  # a mark: everything that leads to the node below it is in the order
            order.append(pending.pop())
        elif id(node) not in entered:
            entered.add(id(node))
            pending += (node, None, *reversed(tuple(node._prev)))
    return order


def weighted_sum(weights: list[Value], x: list[Any], bias: Value) -> Value:
    """Return bias + w[0] x[0] + w[1] x[1] + … as one node, added in that order.

    The slope towards each weight is its x, towards each x its weight, towards the bias 1.
    """
    inputs = [v if isinstance(v, Value) else Value(v) for v in x]
    total = bias.data
    for w, v in zip(weights, inputs, strict=True):
        total = total + w.data * v.data
    operands = (bias, *weights, *inputs)
    slopes = (1, *(v.data for v in inputs), *(w.data for w in weights))
    return _node(total, "w·x+b", operands, slopes)


_new = object.__new__


def _node(data: Any, op: str, a: Any, slope_a: Any, b: Any = None, slope_b: Any = None) -> Value:
    """Return the result of an operation: what came out, and each operand with the slope towards it."""
    out = _new(Value)  # __init__ would look again at what is known to be a number
    out.data = data
    out.grad = 0
    out._op = op
    out._a = a
    out._slope_a = slope_a
    out._b = b
    out._slope_b = slope_b
    return out


def _constant(number: Any) -> Any:
    """Return a number as a Value, and NotImplemented for anything else: then it is the other operand's turn."""
    return Value(number) if isinstance(number, Real) else NotImplemented


def _number(data: Any) -> Any:
    """Return `data` as a number of Python's own; integers stay integers."""
    if type(data) is int:
        return data
    if isinstance(data, Value):
        raise TypeError(f"Value({data!r}): this is a Value already; use it as it is, or its .data.")
    if getattr(data, "shape", ()) == () and hasattr(data, "item"):  # NumPy's and torch's single numbers
        data = data.item()
    if isinstance(data, Real):
        return data
    text = str(data)
    shown = f"{text[:40]}…" if len(text) > 40 else text
    kind = type(data).__name__
    raise TypeError(f"A Value holds one real number, not {kind} {shown}: make one Value for each number.")


def _power(x: Any, n: Any) -> Any:
    try:
        power = x**n
    except ZeroDivisionError:
        raise ZeroDivisionError(f"{x} ** {n}: 0 has no negative power; is something divided by 0?") from None
    except OverflowError:
        raise OverflowError(f"{x} ** {n} is larger than a float can hold (1.8e308).") from None
    if isinstance(power, complex):
        raise ValueError(f"{x} ** {n}: a negative number has no real power with a fraction as exponent.")
    return power


def _slope_of_power(x: Any, n: Any) -> Any:
    """Return n x^(n - 1), also where x^n is a number and this is infinite."""
    if n == 0:
        return 0
    try:
        return n * x ** (n - 1)
    except (ZeroDivisionError, OverflowError):
        return math.copysign(math.inf, n * x if n % 2 == 0 else n)  # n even: n - 1 is odd, and keeps the sign of x


def _slope_to_exponent(x: Any, y: Any, power: Any) -> float:
    """Return x^y log x: 0 in the limit for x = 0, and nan for x < 0, where only some y give a number at all."""
    if x > 0:
        return power * math.log(x)
    return 0.0 if x == 0 else math.nan
