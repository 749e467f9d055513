"""Training a few steps at a time: the numbers behind the training desk."""

import re

import numpy as np
import pytest

from edf_course import data, edf
from edf_course.explore.training import Curve, Training, TrainingStopped


@pytest.fixture(scope="module")
def digits():
    return data.digits(0)


def trained(training, steps, learning_rate=0.5, batch_size=32):
    training.advance(steps, learning_rate, batch_size)
    return training


def test_it_is_the_plain_training_loop_of_the_lecture(digits):
    training = trained(Training(edf.Classifier(), digits, seed=3), 45)  # 1437 = 44 * 32 + 29
    net = edf.Classifier()
    epoch = data.batches(digits.x_train, digits.y_train, 32, np.random.default_rng(3))
    losses = [net.step(x, labels, 0.5) for x, labels in epoch]
    np.testing.assert_array_equal(training.losses.rows()[:, 1], losses)
    assert training.epoch == 1.0
    training.assess()
    assert training.accuracy == net.accuracy(digits.x_test, digits.y_test)


def test_it_does_not_matter_in_how_many_pieces_one_trains(digits):
    whole = trained(Training(edf.Classifier(), digits), 60)
    pieces = Training(edf.Classifier(), digits)
    for steps in (1, 0, 29, 30):
        trained(pieces, steps)
    np.testing.assert_array_equal(whole.losses.rows(), pieces.losses.rows())


def test_the_digits_are_learned(digits):
    training = trained(Training(edf.Classifier(), digits), 600)
    assert training.accuracy > 0.93
    assert training.losses.rows()[-1, 2] < 0.4


def test_a_batch_of_all_examples_is_gradient_descent_at_once(digits):
    seen = []
    training = Training(edf.Classifier(), digits, step=lambda net, x, labels, rate: float(seen.append(len(x)) or 1))
    for batch_size in (32, 1437, 1437, 1):
        trained(training, 1, batch_size=batch_size)
    assert seen == [32, 1437, 1437, 1]


def test_a_step_is_taken_with_the_learning_rate_it_is_given(digits):
    rates = []
    training = Training(edf.Classifier(), digits, step=lambda net, x, labels, rate: float(rates.append(rate) or 1))
    for rate in (0.5, 0.01):
        trained(training, 1, learning_rate=rate)
    assert rates == [0.5, 0.01]


def test_reset_leads_back_to_the_net_as_it_was_handed_in(digits):
    net = edf.Classifier()
    net.step(digits.x_train[:50], digits.y_train[:50], 1.0)
    before = [p.value.copy() for p in net.graph.Parameters]
    training = trained(Training(net, digits), 30)
    first = training.losses.rows()
    training.reset()
    assert (training.steps, training.epoch, training.loss) == (0, 0, None)
    for p, value in zip(net.graph.Parameters, before, strict=True):
        np.testing.assert_array_equal(p.value, value)
    np.testing.assert_array_equal(trained(training, 30).losses.rows(), first)


def test_the_smoothed_loss_starts_at_the_loss_and_follows_it(digits):
    losses = iter([3.0] * 40 + [1.0] * 40)
    rows = trained(Training(edf.Classifier(), digits, step=lambda *_: next(losses)), 80).losses.rows()
    assert rows[0, 2] == pytest.approx(3.0)
    assert rows[39, 2] == pytest.approx(3.0)
    assert 1.0 < rows[44, 2] < 3.0
    assert rows[79, 2] == pytest.approx(1.0, abs=0.05)


class BadBackward(edf.Sigmoid):
    def backward(self):
        self.x.addgrad(self.grad[:, :3])


class Unwritten(edf.CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x


class NaNForward(edf.Sigmoid):
    def forward(self):
        self.value = self.x.value * np.nan


class Exploding(edf.ReLU):
    def backward(self):
        self.x.addgrad(self.grad * 1e200)


def test_an_error_in_a_students_node_names_its_method_and_line(digits):
    training = Training(edf.Classifier(activation=BadBackward), digits)
    training.assess()
    with pytest.raises(
        TrainingStopped, match=r"^Stopped at step 0\. BadBackward\.backward, line \d+: ShapeError"
    ) as stop:
        trained(training, 1)
    line = int(re.search(r"line (\d+)", str(stop.value))[1])
    with open(__file__) as source:
        assert "self.grad[:, :3]" in source.readlines()[line - 1]
    assert isinstance(stop.value.__cause__, edf.ShapeError)


def test_an_unwritten_forward_is_said_before_the_first_step(digits):
    with pytest.raises(TrainingStopped, match="Unwritten has no forward"):
        Training(edf.Classifier(activation=Unwritten), digits).assess()


def test_a_forward_without_numbers_is_not_blamed_on_the_learning_rate(digits):
    training = Training(edf.Classifier(activation=NaNForward), digits)
    for go in (training.assess, lambda: trained(training, 1)):
        with pytest.raises(TrainingStopped, match="before the first step"):
            go()


def test_divergence_is_told_with_what_to_do_and_reset_mends_it(digits):
    training = Training(edf.Classifier(activation=Exploding), digits)
    with pytest.raises(TrainingStopped, match=r"no longer a number.*[Ll]ower the learning rate and reset"):
        trained(training, 20)
    assert np.isfinite(training.losses.rows()).all()
    training.reset()
    training.assess()
    assert training.steps == 0
    assert 0 <= training.accuracy <= 1


def test_a_step_that_returns_no_loss_is_told(digits):
    with pytest.raises(TrainingStopped, match="number, not NoneType"):
        trained(Training(edf.Classifier(), digits, step=lambda *_: None), 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d[:3], "four arrays"),
        (lambda d: d._replace(y_test=d.y_test[:-1]), r"x_test needs shape.*\(360, 64\) and \(359,\)"),
        (lambda d: d._replace(x_train=d.x_train[:, :, None]), "x_train needs shape"),
        (lambda d: d._replace(x_train=d.x_train[:0], y_train=d.y_train[:0]), "x_train needs shape"),
    ],
)
def test_data_that_do_not_fit_together_are_refused(digits, change, message):
    with pytest.raises(ValueError, match=message):
        Training(edf.Classifier(), change(digits))


def test_a_short_curve_is_kept_whole():
    curve = Curve(2, capacity=10)
    for i in range(10):
        curve.append(i, -i)
    np.testing.assert_array_equal(curve.rows()[:, 0], np.arange(10))


@pytest.mark.parametrize("n", [11, 20, 21, 1000, 12345])
def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends(n):
    curve = Curve(1, capacity=10)
    for i in range(n):
        curve.append(i)
    steps = curve.rows()[:, 0]
    assert len(steps) <= 11
    assert (steps[0], steps[-1]) == (0, n - 1)
    assert len(set(np.diff(steps[:-1]))) == 1  # the newest row may follow sooner
    assert len(steps) >= 5


def test_the_noise_of_a_long_curve_stays_as_large_as_it_is():
    noise = np.random.default_rng(0).normal(size=20_000)
    curve = Curve(1, capacity=600)
    for value in noise:
        curve.append(value)
    assert curve.rows().std() == pytest.approx(1, abs=0.15)
