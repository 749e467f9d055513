"""Optimizers against torch.optim, on every kind of parameter, and how they keep, save and refuse things."""

import json

import numpy as np
import pytest
import torch

from edf_course import edf, scalar
from edf_course.optim import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSProp, StepDecay

TORCH = torch.optim
PAIRS = [
    (SGD, TORCH.SGD, {"lr": 0.03}, {}),
    (SGD, TORCH.SGD, {"lr": 0.03, "weight_decay": 0.1, "maximize": True}, {}),
    (Momentum, TORCH.SGD, {"lr": 0.02, "momentum": 0.8}, {}),
    (Momentum, TORCH.SGD, {"lr": 0.02, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01}, {}),
    (Momentum, TORCH.SGD, {"lr": 0.02, "momentum": 0.0}, {}),
    (Nesterov, TORCH.SGD, {"lr": 0.02, "momentum": 0.9}, {"nesterov": True}),
    (Nesterov, TORCH.SGD, {"lr": 0.02, "momentum": 0.5, "weight_decay": 0.2}, {"nesterov": True}),
    (AdaGrad, TORCH.Adagrad, {}, {}),
    (AdaGrad, TORCH.Adagrad, {"lr": 0.3, "eps": 0.01, "lr_decay": 0.1, "initial_accumulator_value": 0.4}, {}),
    (AdaGrad, TORCH.Adagrad, {"lr": 0.3, "weight_decay": 0.1, "maximize": True}, {}),
    (RMSProp, TORCH.RMSprop, {}, {}),
    (RMSProp, TORCH.RMSprop, {"lr": 0.02, "alpha": 0.8, "eps": 0.05, "momentum": 0.7, "weight_decay": 0.1}, {}),
    (RMSProp, TORCH.RMSprop, {"lr": 0.02, "alpha": 0.9, "centered": True, "eps": 0.1}, {}),
    (RMSProp, TORCH.RMSprop, {"lr": 0.02, "momentum": 0.5, "centered": True, "eps": 0.1, "maximize": True}, {}),
    (Adam, TORCH.Adam, {}, {}),
    (Adam, TORCH.Adam, {"lr": 0.01, "betas": (0.7, 0.95), "eps": 0.01, "weight_decay": 0.1}, {}),
    (Adam, TORCH.Adam, {"lr": 0.05, "betas": (0.5, 0.6), "amsgrad": True, "maximize": True}, {}),
    (Adam, TORCH.Adam, {"lr": 0.05, "betas": (0.0, 0.0), "eps": 0.1}, {}),
]
ids = [f"{ours.__name__}-{'-'.join(options)}" for ours, _, options, _ in PAIRS]
on_all = pytest.mark.parametrize(("ours", "theirs", "options", "more"), PAIRS, ids=ids)
RULES = [SGD, Momentum, Nesterov, AdaGrad, RMSProp, Adam]

A = np.array([[3.0, 0.4, 0.0], [0.4, 1.0, -0.2], [0.0, -0.2, 0.05]])  # a ravine


def gradient(p):
    """Of ½ pᵀAp + log cosh p - p / 10."""
    return p @ A + np.tanh(p) - 0.1


@on_all
def test_two_hundred_steps_are_those_of_torch(ours, theirs, options, more):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(4, 3)), rng.normal(size=3)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    optimizer, twin = ours(arrays, **options), theirs(tensors, **options, **more)
    for _ in range(200):
        optimizer.step([gradient(a) for a in arrays])
        for t in tensors:
            t.grad = torch.tensor(gradient(t.detach().numpy()))  # each goes its own way: nothing puts them right
        twin.step()
        for a, t in zip(arrays, tensors, strict=True):
            np.testing.assert_allclose(a, t.detach().numpy(), rtol=1e-12, atol=1e-12)


@on_all
def test_numbers_take_the_same_path_as_arrays(ours, theirs, options, more):
    start = [0.7, -1.3, 0.4]
    array, values = np.array(start), [scalar.Value(v) for v in start]
    dictionary = dict(zip("abc", start, strict=True))
    optimizers = [ours(p, **options) for p in ([array], values, dictionary)]
    for _ in range(200):
        g = gradient(array)
        for v, slope in zip(values, g, strict=True):
            v.grad = float(slope)
        optimizers[0].step([g])
        optimizers[1].step()
        optimizers[2].step(dict(zip("abc", g.tolist(), strict=True)))
        assert [v.data for v in values] == pytest.approx(array.tolist(), rel=1e-12)
        assert list(dictionary.values()) == pytest.approx(array.tolist(), rel=1e-12)
    assert all(type(v) is float for v in [*dictionary.values(), *(v.data for v in values)])


@pytest.mark.parametrize("rule", RULES)
def test_training_an_edf_net_lowers_its_loss(rule):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    net = edf.Classifier(sizes=(5, 8, 3), rng=0)
    before = net.mean_loss(x, labels)
    arrays = [p.value for p in net.graph.Parameters]
    optimizer = rule(net.graph.Parameters, lr=0.05)
    net.x.value, net.y.value = x, labels
    for _ in range(100):
        net.graph.forward()
        net.graph.backward(net.loss)
        optimizer.step()
    assert net.mean_loss(x, labels) < 0.95 * before
    assert all(a is p.value for a, p in zip(arrays, net.graph.Parameters, strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_training_scalar_values_finds_the_minimum(rule):
    w = scalar.Value(0.0)
    optimizer = rule([w], lr=1.0 if rule is AdaGrad else 0.05)  # AdaGrad's steps shrink by themselves
    schedule = StepDecay(optimizer, 100, 0.5)
    for _ in range(600):
        optimizer.zero_grad()
        loss = (w - 3) ** 2
        loss.backward()
        optimizer.step()
        schedule.step()
    assert w.data == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize("rule", RULES)
def test_parameters_share_no_state(rule):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 2)), rng.normal(size=(10, 3, 2))
    together = [row.copy() for row in start]
    optimizer = rule(together, lr=0.1)
    alone = [[row.copy()] for row in start]
    optimizers = [rule(p, lr=0.1) for p in alone]
    for g in gradients:
        optimizer.step(list(g))
        for one, row in zip(optimizers, g, strict=True):
            one.step([row])
    np.testing.assert_array_equal(together, [p for (p,) in alone])


@pytest.mark.parametrize("rule", RULES)
def test_a_parameter_without_a_gradient_stays_and_its_steps_are_not_counted(rule):
    p, twin = {"a": 1.0, "b": 2.0}, {"a": 1.0}
    optimizer, other = rule(p, lr=0.1), rule(twin, lr=0.1)
    optimizer.step({"b": 1.0})
    optimizer.step({"a": 0.5, "b": None})
    other.step({"a": 0.5})
    assert p["a"] == twin["a"]


@on_all
def test_saved_state_continues_where_it_was(ours, theirs, options, more):
    p = {"w": np.array([1.0, -2.0]), "b": 0.5}
    optimizer = ours(p, **options)

    def train(optimizer, p, steps):
        for _ in range(steps):
            optimizer.step({"w": np.sin(p["w"]), "b": p["b"] ** 2 + 1})

    train(optimizer, p, 5)
    saved, q = optimizer.state_dict(), {"w": p["w"].copy(), "b": p["b"]}
    train(optimizer, p, 5)
    fresh = ours(q)
    fresh.load_state_dict(saved)
    train(fresh, q, 5)
    np.testing.assert_array_equal(q["w"], p["w"])
    assert q["b"] == p["b"]
    third = ours({"w": np.zeros(2), "b": 0.0})
    third.load_state_dict(saved)  # what was loaded before has not been changed by training on
    assert third.state_dict()["states"]["b"] == saved["states"]["b"]


def test_the_state_of_numbers_can_be_written_as_json():
    p = {"a": 1.0}
    optimizer = Adam(p)
    optimizer.step({"a": 0.5})
    assert json.loads(json.dumps(optimizer.state_dict()))["states"]["a"]["t"] == 1


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        (lambda: SGD({"a": 1.0}).state_dict(), "is of SGD"),
        (lambda: Adam({"b": 1.0}).state_dict(), "for the parameters"),
        (lambda: stepped(Adam({"a": np.zeros(3)}), {"a": np.ones(3)}).state_dict(), "another shape"),
    ],
)
def test_a_state_of_something_else_is_refused(saved, says):
    with pytest.raises(ValueError, match=says):
        Adam({"a": 1.0}).load_state_dict(saved())


def stepped(optimizer, gradients):
    optimizer.step(gradients)
    return optimizer


def test_step_decay_is_torchs_step_lr():
    p, t = {"a": 1.0}, torch.tensor(1.0, requires_grad=True, dtype=torch.float64)
    optimizer, twin = SGD(p, lr=0.8), TORCH.SGD([t], lr=0.8)
    schedule, their_schedule = StepDecay(optimizer, 3, 0.5), TORCH.lr_scheduler.StepLR(twin, 3, 0.5)
    for epoch in range(20):
        if epoch == 10:  # on another machine
            saved, schedule = schedule.state_dict(), StepDecay(optimizer, 1)
            schedule.load_state_dict(saved)
        optimizer.step({"a": 1.0})
        t.grad = torch.ones_like(t)
        twin.step()
        schedule.step()
        their_schedule.step()
        assert optimizer.lr == pytest.approx(twin.param_groups[0]["lr"], rel=1e-14)
    assert p["a"] == pytest.approx(t.item(), rel=1e-14)


def path(rule, gradients, **options):
    p = {"p": 0.0}
    optimizer = rule(p, **options)
    for g in gradients:
        optimizer.step({"p": g})
    return p["p"]


def test_the_minus_of_eq_33_climbs():
    p = {"p": 1.0}
    optimizer = Momentum(p, lr=0.1, momentum=0.5, minus_of_eq_33=True)
    for _ in range(20):
        optimizer.step({"p": 2 * p["p"]})
    assert p["p"] > 10
    assert path(Momentum, [1.0], lr=0.1) == -path(Momentum, [1.0], lr=0.1, minus_of_eq_33=True)


def test_equal_gradients_make_steps_that_grow_linearly():
    """With a momentum of 1 there is no friction; slide 111 says they grow exponentially."""
    places = [path(Momentum, [1.0] * n, lr=1.0, momentum=1.0) for n in range(1, 8)]
    assert np.diff([0.0, *places]).tolist() == [-1, -2, -3, -4, -5, -6, -7]


def test_adagrad_without_root_steps_the_less_the_larger_the_gradient():
    """With root both steps are lr."""
    assert path(AdaGrad, [10.0], lr=0.1, take_root=False) == pytest.approx(-0.01)
    assert path(AdaGrad, [0.1], lr=0.1, take_root=False) == pytest.approx(-1.0)
    assert path(AdaGrad, [10.0], lr=0.1) == pytest.approx(-0.1)
    with pytest.warns(RuntimeWarning):
        assert np.isnan(path(AdaGrad, [0.0], take_root=False, eps=0.0))


def test_where_eps_stands_matters_for_small_gradients():
    """10 gradients of 1e-5."""
    small = [1e-5] * 10
    assert path(Adam, small, lr=1e-3) == pytest.approx(-0.00999, abs=1e-5)
    assert path(Adam, small, lr=1e-3, eps_inside_root=True) == pytest.approx(-0.000995, abs=1e-6)
    assert path(AdaGrad, [1e-6], eps_inside_root=True) == pytest.approx(-0.01 * 1e-6 / np.sqrt(1e-12 + 1e-10))
    assert path(RMSProp, [1e-6], eps_inside_root=True) == pytest.approx(-0.01 * 1e-6 / np.sqrt(1e-14 + 1e-8))


def test_a_plain_mean_forgets_nothing():
    """1000 gradients of 1, then 50 of 0.01: an average that decays would be near 0.005."""
    gradients = [1.0] * 1000 + [0.01] * 50
    plain = {"p": 0.0}
    optimizer = RMSProp(plain, alpha=0.9, plain_mean=True)
    for g in gradients:
        optimizer.step({"p": g})
    assert optimizer.state_dict()["states"]["p"]["s"] == pytest.approx(np.mean(np.square(gradients)))


def test_without_bias_correction_the_first_step_is_too_large():
    """3.16 lr."""
    assert path(Adam, [1.0], lr=1.0, bias_correction=False) == pytest.approx(-0.1 / np.sqrt(0.001), rel=1e-6)
    assert path(Adam, [1.0], lr=1.0) == pytest.approx(-1.0)


def test_float32_arrays_stay_float32():
    p = np.ones(3, np.float32)
    Adam([p]).step([np.ones(3, np.float32)])
    assert p.dtype == np.float32
    assert (p < 1).all()


def test_whole_numbers_become_floats():
    p = {"a": 3}
    AdaGrad(p, lr=0.5, initial_accumulator_value=0.5).step({"a": 1})
    assert p["a"] == pytest.approx(3 - 0.5 / np.sqrt(1.5))


def test_gradients_that_are_handed_over_are_not_changed_and_not_kept():
    g = np.ones(2)
    p = np.zeros(2)
    optimizer = Momentum([p], lr=1.0, momentum=1.0, weight_decay=0.1)
    optimizer.step([g])
    assert g.tolist() == [1, 1]
    g[:] = 100
    optimizer.step([np.zeros(2)])
    assert (np.abs(p) < 3).all()


def test_zero_grad_restores_what_was_before_any_backward():
    parameter, value = edf.Parameter(np.ones(2)), scalar.Value(1.0)
    parameter.grad, value.grad = np.ones(2), 5.0
    SGD([parameter, value]).zero_grad()
    assert parameter.grad is None
    assert value.grad == 0


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: SGD([]), ValueError, "no parameters"),
        (lambda: SGD({}), ValueError, "no parameters"),
        (lambda: SGD(np.zeros(3)), TypeError, "a single ndarray"),
        (lambda: SGD(scalar.Value(1.0)), TypeError, "a single Value"),
        (lambda: SGD(scalar.MLP(1, [1])), TypeError, r"\.parameters\(\)"),
        (lambda: SGD(edf.Graph()), TypeError, r"\.Parameters"),
        (lambda: SGD([edf.AffineParams(2, 3, rng=0)]), TypeError, r"\.w and \.b"),
        (lambda: SGD(["w"]), TypeError, "not a str"),
        (lambda: SGD({"a": "1"}), TypeError, "Parameter a"),
        (lambda: SGD([np.zeros(3, int)]), TypeError, "small steps need floats"),
        (lambda: SGD([p := np.zeros(3), p]), ValueError, "listed twice"),
        (lambda: SGD({"a": 1.0}, lr=-0.1), ValueError, r"lr should be a number, 0 or more, not -0\.1"),
        (lambda: SGD({"a": 1.0}, lr="0.1"), ValueError, "lr should be"),
        (lambda: Adam({"a": 1.0}, betas=(0.9, 1.0)), ValueError, "β₂ should be 0 or more, and below 1"),
        (lambda: Adam({"a": 1.0}, betas=0.9), ValueError, "two numbers"),
        (lambda: RMSProp({"a": 1.0}, alpha=1.5), ValueError, "alpha"),
        (lambda: Nesterov({"a": 1.0}, momentum=0.0), ValueError, "momentum above 0"),
        (lambda: SGD({"a": 1.0}).step(), ValueError, "no gradients"),
        (lambda: SGD([edf.Parameter(np.zeros(2))]).step(), ValueError, "backward first"),
        (lambda: SGD({"a": 1.0}).step({"b": 1.0}), ValueError, "no parameter 'b'; there are a"),
        (lambda: SGD([np.zeros(2)]).step([]), ValueError, "0 gradients came for 1"),
        (lambda: SGD([np.zeros(2)]).step([np.zeros((4, 2))]), ValueError, "averaged over the batch"),
        (lambda: SGD([np.zeros(2)]).step([np.zeros(3)]), ValueError, r"has shape \(2,\), but its gradient has \(3,\)"),
        (lambda: StepDecay(SGD({"a": 1.0}), 0), ValueError, "1 or more"),
    ],
)
def test_wrong_use_says_what_is_wrong(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()


def test_an_error_changes_no_parameter():
    p = [np.zeros(2), np.zeros(3)]
    with pytest.raises(ValueError, match="parameter 1"):
        SGD(p).step([np.ones(2), np.ones(2)])
    assert not p[0].any()
