"""The same programs on micrograd 0.1.0 and on ours: the same numbers, the same texts."""

import random
from types import SimpleNamespace

import micrograd.engine
import micrograd.nn
import pytest

from edf_course import scalar
from tests.scalar.moons import demo

THEIRS = SimpleNamespace(Value=micrograd.engine.Value, MLP=micrograd.nn.MLP)


def ordered(children=None):
    """Stands in for `set` in micrograd: its sets of operands are ordered by address, so its sums differ run by run."""
    return set() if children is None else tuple(dict.fromkeys(children))


def test_the_moons_demo_gives_the_same_numbers_digit_for_digit(monkeypatch):
    monkeypatch.setattr(micrograd.engine, "set", ordered, raising=False)
    ours, theirs = demo(scalar), demo(THEIRS)
    for k in range(3):
        assert ours.step(k) == theirs.step(k)
        pairs = list(zip(ours.model.parameters(), theirs.model.parameters(), strict=True))
        assert [p.data for p, _ in pairs] == [q.data for _, q in pairs]
        assert [p.grad for p, _ in pairs] == [q.grad for _, q in pairs]


def test_micrograd_as_it_is_agrees_to_its_own_rounding():
    ours, theirs = demo(scalar, n=20), demo(THEIRS, n=20)
    for k in range(5):
        (our_loss, our_accuracy), (their_loss, their_accuracy) = ours.step(k), theirs.step(k)
        assert our_loss == pytest.approx(their_loss, rel=1e-12)
        assert our_accuracy == their_accuracy


def test_expressions_have_the_same_numbers_operations_and_texts(monkeypatch):
    monkeypatch.setattr(micrograd.engine, "set", ordered, raising=False)

    def program(Value):
        a, b = Value(-4.0), Value(2)
        c = a + b
        d = a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + (b + a).relu()
        d += 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        g = f / 2.0
        g += 10.0 / f + (1 - b) / b
        g.backward()
        return [a, b, c, d, e, f, g]

    def operations(v):
        return (v._op, [operations(p) for p in dict.fromkeys(v._prev)])

    for our, their in zip(program(scalar.Value), program(micrograd.engine.Value), strict=True):
        assert repr(our) == repr(their)
        assert operations(our) == operations(their)


@pytest.mark.parametrize("sizes", [(3, [4, 4, 1]), (1, [1]), (2, [2]), (2, [])])
def test_nets_have_the_same_weights_and_texts(sizes):
    nets = []
    for MLP in (scalar.MLP, micrograd.nn.MLP):
        random.seed(7)
        nets.append(MLP(*sizes))
    ours, theirs = nets
    assert repr(ours) == repr(theirs)
    assert [repr(p) for p in ours.parameters()] == [repr(p) for p in theirs.parameters()]


@pytest.mark.parametrize("nonlin", [True, False])
def test_a_neuron_agrees_in_value_and_gradient(nonlin):
    results = []
    for module in (scalar.nn, micrograd.nn):
        random.seed(3)
        neuron = module.Neuron(4, nonlin)
        x = [module.Value(v) for v in (0.5, -1.5, 2.0, 0.25)]
        y = neuron(x) ** 2
        y.backward()
        results.append([repr(neuron), *map(repr, [y, *x, *neuron.parameters()])])
    assert results[0] == results[1]


def test_zero_grad_zeroes_every_parameter():
    model = scalar.MLP(2, [3, 1])
    model([1.0, 2.0]).backward()
    assert any(p.grad != 0 for p in model.parameters())
    model.zero_grad()
    assert all(p.grad == 0 for p in model.parameters())
    assert scalar.Module().parameters() == []


def test_a_hidden_layer_of_one_neuron_works():
    random.seed(0)
    y = scalar.MLP(2, [1, 3])([1.0, 2.0])
    assert len(y) == 3


def test_inputs_may_come_from_an_iterator():
    layer = scalar.Layer(2, 3)
    assert [v.data for v in layer(iter([1.0, 2.0]))] == [v.data for v in layer([1.0, 2.0])]


def test_layer_hands_its_options_to_its_neurons():
    assert repr(scalar.Layer(2, 1, nonlin=False)) == "Layer of [LinearNeuron(2)]"


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: scalar.Neuron([1.0, 2.0, 3.0]), TypeError, "nin=3"),
        (lambda: scalar.MLP([2], [4, 1]), TypeError, "how many there are"),
        (lambda: scalar.Neuron(3)([1.0, 2.0]), ValueError, "3 weights, but x has 2"),
        (lambda: scalar.MLP(2, [2])([1.0, 2.0, 3.0]), ValueError, "2 weights, but x has 3"),
    ],
)
def test_wrong_use_says_what_is_wrong(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()
