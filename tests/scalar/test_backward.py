"""Value's backward: reuse, repeated calls, the order of the nodes, deep graphs, memory and time."""

import gc
import math
import time
import weakref

import numpy as np
import pytest

from edf_course.scalar import Value, topological_order


def test_any_reuse_adds_up():
    a = Value(3.0)
    (a + a).backward()
    assert a.grad == 2
    a = Value(3.0)
    (a * a + a).backward()
    assert a.grad == 7


def test_a_shared_node_hands_on_once_when_its_gradient_is_complete():
    x = Value(2.0)
    y = x * x
    z = y * 3 + y
    z.backward()
    assert (y.grad, x.grad) == (4, 16)  # recursion through operands would say 22


def test_a_square_keeps_both_edges():
    x = Value(3.0)
    y = x * x
    assert len(y._prev) == 2
    assert all(operand is x for operand in y._prev)


def test_operands_keep_their_order():
    a, b = Value(1.0), Value(2.0)
    assert (a / b)._prev[0] is a
    assert [p.data for p in (b - a)._prev] == [2.0, -1.0]


def test_a_second_backward_gives_the_same_gradients():
    x, w = Value(1.5), Value(-2.0)
    y = (x * w).tanh() * x + w
    y.backward()
    first = (x.grad, w.grad, y.grad)
    for _ in range(3):
        y.backward()
    assert (x.grad, w.grad, y.grad) == first


def test_gradients_of_two_losses_add_up_until_they_are_zeroed():
    p = Value(2.0)
    for total in (4.0, 8.0, 12.0):
        (p * p).backward()
        assert p.grad == total
    p.grad = 0
    loss = p * p
    loss.backward()
    assert p.grad == 4.0


def test_a_second_backward_after_another_loss_adds_up_too():
    p = Value(2.0)
    first, second = p * p, p * 3
    first.backward()
    second.backward()
    first.backward()
    assert p.grad == 4.0 + 3.0 + 4.0


def test_a_second_backward_after_zeroing_starts_from_nothing():
    p = Value(2.0)
    loss = p * p * p
    loss.backward()
    p.grad = 0
    loss.backward()
    assert p.grad == 12.0


def test_a_node_inside_that_was_a_root_before_is_no_trouble():
    x = Value(3.0)
    y = x * x
    y.backward()
    (y * 2).backward()
    assert x.grad == 6.0 + 12.0


def test_the_gradient_of_a_value_to_itself_is_1():
    x = Value(3.0)
    x.backward()
    x.backward()
    assert x.grad == 1


def test_a_chain_of_a_million_nodes():
    x = Value(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1e-6
    y.backward()
    assert y.data == pytest.approx(2.0)
    assert x.grad == 1.0
    del y  # frees a million nodes that each held the next, also without recursion


def test_memory_is_freed_at_once_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = Value(2.0)
        y = (x * x + 1).tanh().relu() ** 2 / x
        y.backward()
        inner = [weakref.ref(v) for v in topological_order(y) if v is not x]
        assert len(inner) == 8
        del y
        assert all(ref() is None for ref in inner)
        leaf = weakref.ref(x)
        x.backward()
        del x
        assert leaf() is None
    finally:
        gc.enable()


def test_the_topological_order_puts_operands_first_and_has_each_node_once():
    a = Value(1.0)
    b = a * 2
    c = (a + b) * (b - a) + a
    order = topological_order(c)
    place = {v: i for i, v in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is c
    assert all(place[p] < place[v] for v in order for p in v._prev)


def test_the_topological_order_is_that_of_the_recursive_search():
    def search(v, seen, order):
        if v not in seen:
            seen.add(v)
            for p in v._prev:
                search(p, seen, order)
            order.append(v)
        return order

    rng = np.random.default_rng(0)
    nodes = [Value(float(i)) for i in range(4)]
    for _ in range(60):
        i, j = rng.integers(0, len(nodes), 2)
        nodes.append(nodes[i] + nodes[j] if rng.random() < 0.7 else nodes[i].tanh())
    for root in nodes:
        assert all(a is b for a, b in zip(topological_order(root), search(root, set(), []), strict=True))


def test_an_operation_of_ones_own_as_it_is_written_for_micrograd():
    def cube_plus(a, b, c):
        out = Value(a.data**3 + b.data + c.data, (a, b, c), "cube+")

        def _backward():
            a.grad += 3 * a.data**2 * out.grad
            b.grad += out.grad
            c.grad += out.grad

        out._backward = _backward
        return out

    a, b = Value(2.0), Value(1.0)
    y = cube_plus(a, b, a * b) * 2
    y.backward()
    assert (a.grad, b.grad) == (26.0, 6.0)
    assert y._prev[0]._op == "cube+"


def test_walking_back_by_hand_as_in_the_video():
    a, b = Value(2.0), Value(-3.0)
    product = a * b
    out = product.tanh()
    out.grad = 1.0
    out._backward()
    product._backward()
    a._backward()
    assert a.grad == pytest.approx(-3.0 * (1 - math.tanh(-6.0) ** 2))


def test_a_node_without_a_backward_hands_nothing_on():
    a = Value(2.0)
    Value(3.0, (a,), "?").backward()
    assert a.grad == 0


def test_the_time_grows_with_the_number_of_nodes_only():
    def seconds(nodes):
        y = x = Value(1.0)
        for _ in range(nodes):
            y = (y + x) * 0.5
        start = time.process_time()
        y.backward()
        return time.process_time() - start

    gc.disable()
    try:
        small = min(seconds(10_000) for _ in range(5))
        assert min(seconds(80_000) for _ in range(3)) < 8 * 4 * small
    finally:
        gc.enable()
