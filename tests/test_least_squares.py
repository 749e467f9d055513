"""The Jacobian of a predictor and the steps made of it, against torch, scipy and finite differences."""

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from edf_course.calculus import numerical_gradient
from edf_course.least_squares import (
    gauss_newton_step,
    gradient_step,
    levenberg_marquardt,
    levenberg_marquardt_step,
    loss_gradient,
    per_example_gradients,
    prediction_error,
    predictor_jacobian,
)


def net(x, p):
    """Two inputs, three hidden tanh, two outputs: p (15,), x (B, 2) -> (B, 2). No biases at the output but a shift."""
    W, V, shift = p[:6].reshape(2, 3), p[6:12].reshape(3, 2), p[12:14]
    return np.tanh(x @ W + p[14]) @ V + shift


def torch_net(x, p):
    W, V, shift = p[:6].reshape(2, 3), p[6:12].reshape(3, 2), p[12:14]
    return torch.tanh(x @ W + p[14]) @ V + shift


def decay(x, p):
    """One output: p (2,), x (B,) -> (B,)."""
    return p[0] * np.exp(-p[1] * x)


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    return rng.normal(size=(7, 2)), rng.normal(size=(7, 2)), rng.normal(size=15)


@pytest.fixture
def noisy_decay():
    rng = np.random.default_rng(2)
    x = np.linspace(0, 4, 30)
    return x, decay(x, [3.0, 0.8]) + 0.1 * rng.normal(size=30)


def test_the_jacobian_is_torchs_with_the_rows_sample_by_sample(batch):
    x, _, p = batch
    J = predictor_jacobian(net, x, p)
    right = torch.autograd.functional.jacobian(lambda q: torch_net(torch.tensor(x), q), torch.tensor(p))
    assert J.shape == (14, 15)
    np.testing.assert_allclose(J, right.reshape(14, 15).numpy(), atol=1e-9)


def test_one_output_has_one_row_an_example():
    assert predictor_jacobian(decay, np.arange(5.0), [3, 1]).shape == (5, 2)


def test_the_gradient_of_the_sum_of_squares_is_torchs(batch):
    x, y, p = batch
    q = torch.tensor(p, requires_grad=True)
    ((torch.tensor(y) - torch_net(torch.tensor(x), q)) ** 2).sum().backward()
    ours = loss_gradient(predictor_jacobian(net, x, p), prediction_error(net, x, y, p))
    np.testing.assert_allclose(ours, q.grad.numpy(), rtol=1e-7, atol=1e-8)


def test_the_gradient_step_goes_down_the_finite_difference_gradient(batch):
    x, y, p = batch
    step = gradient_step(predictor_jacobian(net, x, p), prediction_error(net, x, y, p), 0.01)
    right = -0.01 * numerical_gradient(lambda q: ((y - net(x, q)) ** 2).sum(), p)
    np.testing.assert_allclose(step, right, rtol=1e-6, atol=1e-9)


def test_per_example_gradients_are_those_of_the_examples_alone(batch):
    x, y, p = batch
    rows = per_example_gradients(predictor_jacobian(net, x, p), prediction_error(net, x, y, p), outputs=2)
    assert rows.shape == (7, 15)
    for b in range(7):
        q = torch.tensor(p, requires_grad=True)
        ((torch.tensor(y[b]) - torch_net(torch.tensor(x[b : b + 1]), q)[0]) ** 2).sum().backward()
        np.testing.assert_allclose(rows[b], q.grad.numpy(), rtol=1e-7, atol=1e-8)


def test_gauss_newton_solves_the_normal_equations():
    rng = np.random.default_rng(3)
    J, e = rng.normal(size=(9, 4)), rng.normal(size=9)
    np.testing.assert_allclose(gauss_newton_step(J, e), np.linalg.solve(J.T @ J, J.T @ e), rtol=1e-10)


def test_gauss_newton_lands_on_the_answer_of_a_linear_problem_at_once():
    rng = np.random.default_rng(3)
    A, right = rng.normal(size=(9, 4)), np.array([1.0, -2.0, 3.0, 0.5])
    p = rng.normal(size=4)
    step = gauss_newton_step(predictor_jacobian(np.matmul, A, p), prediction_error(np.matmul, A, A @ right, p))
    np.testing.assert_allclose(p + step, right, rtol=1e-8)


def test_with_more_parameters_than_rows_gauss_newton_takes_the_shortest_step():
    rng = np.random.default_rng(4)
    J, e = rng.normal(size=(4, 10)), rng.normal(size=4)
    step = gauss_newton_step(J, e)
    np.testing.assert_allclose(step, np.linalg.pinv(J) @ e, rtol=1e-9)
    np.testing.assert_allclose(step, levenberg_marquardt_step(J, e, 1e-12), rtol=1e-6)


@pytest.mark.parametrize("damping", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("shape", [(9, 4), (4, 10)])
def test_levenberg_marquardt_solves_the_damped_system(shape, damping):
    rng = np.random.default_rng(5)
    J, e = rng.normal(size=shape), rng.normal(size=shape[0])
    right = np.linalg.solve(J.T @ J + damping * np.eye(shape[1]), J.T @ e)
    np.testing.assert_allclose(levenberg_marquardt_step(J, e, damping), right, rtol=1e-8)


def test_damping_turns_gauss_newton_into_gradient_descent():
    rng = np.random.default_rng(6)
    J, e = rng.normal(size=(9, 4)), rng.normal(size=9)

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    assert cosine(levenberg_marquardt_step(J, e, 1e-9), gauss_newton_step(J, e)) > 1 - 1e-12
    assert cosine(levenberg_marquardt_step(J, e, 1e7), gradient_step(J, e, 1.0)) > 1 - 1e-12
    assert cosine(gauss_newton_step(J, e), gradient_step(J, e, 1.0)) < 0.999


def test_the_loop_finds_what_scipy_finds(noisy_decay):
    x, y = noisy_decay
    fit = levenberg_marquardt(decay, x, y, [1.0, 0.1])
    right = least_squares(lambda p: decay(x, p) - y, [1.0, 0.1], method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    assert fit.converged
    np.testing.assert_allclose(fit.p, right.x, rtol=1e-6)
    assert fit.losses[-1] == pytest.approx(2 * right.cost, rel=1e-10)


def test_the_loop_finds_what_scipy_finds_with_two_outputs():
    """Where a phone stands and how loud it is, from two things that are heard at each place."""
    rng = np.random.default_rng(8)
    x = rng.uniform(-1, 1, size=(20, 2))

    def heard(x, p):
        distance = np.hypot(x[:, 0] - p[0], x[:, 1] - p[1])
        return np.stack([p[2] / (1 + distance), np.sin(distance)], axis=1)

    y = heard(x, [0.3, -0.6, 2.0]) + 0.05 * rng.normal(size=(20, 2))
    fit = levenberg_marquardt(heard, x, y, [0.0, 0.0, 1.0])
    right = least_squares(lambda q: (heard(x, q) - y).ravel(), [0.0, 0.0, 1.0], xtol=1e-13, ftol=1e-13, gtol=1e-13)
    assert fit.converged
    np.testing.assert_allclose(fit.p, right.x, atol=1e-6)


def test_the_loop_only_ever_goes_down_and_says_how_it_went(noisy_decay):
    x, y = noisy_decay
    fit = levenberg_marquardt(decay, x, y, [1.0, 5.0])
    assert (np.diff(fit.losses) < 0).all()
    assert len(fit.path) == len(fit.losses) == len(fit.dampings) <= fit.tries + 1
    for p, loss in zip(fit.path, fit.losses, strict=True):
        assert loss == pytest.approx(((y - decay(x, p)) ** 2).sum())


def test_a_refused_step_raises_the_damping(noisy_decay):
    x, y = noisy_decay
    fit = levenberg_marquardt(decay, x, y, [1.0, 5.0], damping=1e-8)
    assert fit.tries > len(fit.path) - 1  # some steps were refused
    assert fit.dampings.max() > 1e-8


def test_the_lectures_graph_gives_back_what_its_data_determine():
    """ab and bc occur only as a sum: the sum is found, each alone is not."""

    def dag(x, p):
        ab, ac, bc, cd = p
        xx = x**2
        return cd * xx + (bc * xx + ab * xx + ac * x) ** 3

    x = np.random.default_rng(7).uniform(-1, 1, 200)
    fit = levenberg_marquardt(dag, x, dag(x, [1, 4, 2, 3]), [0.7, 0.2, 0.5, 0.9])
    ab, ac, bc, cd = fit.p
    np.testing.assert_allclose([ab + bc, ac, cd], [3, 4, 3], rtol=1e-6)


def test_a_step_into_overflow_is_refused(noisy_decay):
    x, y = noisy_decay
    fit = levenberg_marquardt(lambda x, p: p[0] * np.exp(p[1] * x**2), x, y, [1.0, -0.001], damping=1e-12)
    assert np.isfinite(fit.p).all()
    assert fit.losses[-1] < fit.losses[0]


def test_a_loop_cut_short_says_so(noisy_decay):
    x, y = noisy_decay
    assert not levenberg_marquardt(decay, x, y, [1.0, 0.1], max_tries=2).converged


def test_a_perfect_start_stays(noisy_decay):
    x, _ = noisy_decay
    fit = levenberg_marquardt(decay, x, decay(x, [3.0, 0.8]), [3.0, 0.8])
    assert fit.converged
    assert fit.tries == 1
    np.testing.assert_array_equal(fit.p, [3.0, 0.8])


def test_integers_are_taken_as_floats_and_the_start_is_not_changed(noisy_decay):
    x, y = noisy_decay
    start = np.array([1, 1])
    fit = levenberg_marquardt(decay, x, y, start)
    assert fit.p[1] == pytest.approx(0.8, abs=0.1)
    np.testing.assert_array_equal(start, [1, 1])


def test_a_target_that_would_broadcast_is_an_error(noisy_decay):
    x, y = noisy_decay
    with pytest.raises(ValueError, match=r"y has shape \(30, 1\), but the predictor returned \(30,\)"):
        levenberg_marquardt(decay, x, y[:, None], [1.0, 0.1])


def test_predictions_that_are_not_finite_are_an_error(noisy_decay):
    x, y = noisy_decay
    with pytest.raises(ValueError, match="NaN or an infinite number"), np.errstate(all="ignore"):
        levenberg_marquardt(decay, x, y, [1.0, -1e4])


def test_a_jacobian_that_was_not_transposed_is_an_error():
    with pytest.raises(ValueError, match=r"shapes \(R, n\) and \(R,\), but they are \(3, 5\) and \(5,\)"):
        gradient_step(np.ones((3, 5)), np.ones(5), 0.1)


def test_a_column_of_errors_is_an_error():
    with pytest.raises(ValueError, match=r"\(5, 1\)"):
        gauss_newton_step(np.ones((5, 3)), np.ones((5, 1)))


def test_parameters_are_one_vector():
    with pytest.raises(ValueError, match=r"one vector, \(n,\), but have shape \(2, 2\)"):
        predictor_jacobian(decay, np.ones(3), np.ones((2, 2)))


@pytest.mark.parametrize("damping", [-1.0, np.nan])
def test_a_damping_below_zero_is_an_error(damping):
    with pytest.raises(ValueError, match="damping must be"):
        levenberg_marquardt_step(np.eye(2), np.ones(2), damping)
    with pytest.raises(ValueError, match="damping must be"):
        levenberg_marquardt(decay, np.ones(2), np.ones(2), [1, 1], damping=damping)


def test_outputs_that_do_not_fit_the_rows_are_an_error():
    with pytest.raises(ValueError, match="7 rows, which are no whole number of examples with 2 outputs"):
        per_example_gradients(np.ones((7, 3)), np.ones(7), outputs=2)
