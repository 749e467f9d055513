"""Derivatives by nudging, held against derivatives that are known and against torch."""

import numpy as np
import pytest
import torch

from edf_course.calculus import (
    complex_step_gradient,
    complex_step_jacobian,
    jacobian,
    numerical_gradient,
    projection_error,
)

gradients = pytest.mark.parametrize(
    ("gradient", "digits"), [(numerical_gradient, 1e-8), (complex_step_gradient, 1e-14)]
)
jacobians = pytest.mark.parametrize(("make", "digits"), [(jacobian, 1e-9), (complex_step_jacobian, 1e-15)])


def wave(x):
    """A scalar function of x of any shape, whose derivative is known: cos(x) + 2 x s with s = sum(x²)."""
    return np.sin(x).sum() + 0.5 * (x**2).sum() ** 2


def wave_slope(x):
    return np.cos(x) + 2 * x * (x**2).sum()


def predictor(p):
    return np.array([p[0] * p[1], np.sin(p[2]), p[0] ** 2 + np.exp(p[1])])


def torch_jacobian(p):
    def f(q):
        return torch.stack([q[0] * q[1], torch.sin(q[2]), q[0] ** 2 + torch.exp(q[1])])

    return torch.autograd.functional.jacobian(f, torch.tensor(p, dtype=torch.float64)).numpy()


@gradients
@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 3)])
def test_a_gradient_is_right_in_any_shape(gradient, digits, shape):
    x = np.random.default_rng(0).uniform(-1, 1, shape)
    np.testing.assert_allclose(gradient(wave, x), wave_slope(x), rtol=0, atol=digits * 10)
    assert gradient(wave, x).shape == shape


@gradients
def test_a_gradient_agrees_with_torch(gradient, digits):
    x = np.random.default_rng(1).normal(size=(3, 2))
    t = torch.tensor(x, requires_grad=True)
    (torch.tanh(t).sum() * torch.exp(t).sum()).backward()
    ours = gradient(lambda v: np.tanh(v).sum() * np.exp(v).sum(), x)
    np.testing.assert_allclose(ours, t.grad.numpy(), rtol=0, atol=digits * 10)


@gradients
def test_integers_are_taken_as_floats_and_stay_what_they_are(gradient, digits):
    x = np.array([1, -2, 3])
    np.testing.assert_allclose(gradient(wave, x), wave_slope(x.astype(float)), rtol=digits * 10)
    assert x.dtype.kind == "i"
    assert x.tolist() == [1, -2, 3]


@gradients
def test_x_is_not_changed_even_by_a_function_that_writes_into_it(gradient, digits):
    def careless(x):
        x *= 2.0
        return x.sum()

    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(gradient(careless, x), [2.0, 2.0], atol=1e-8)
    assert x.tolist() == [1.0, 2.0]


@gradients
def test_a_list_will_do(gradient, digits):
    np.testing.assert_allclose(gradient(lambda x: (x**2).sum(), [1.0, 2.0]), [2.0, 4.0], atol=1e-8)


@gradients
@pytest.mark.parametrize("result", [np.zeros(2), np.zeros((1, 2)), []])
def test_a_function_with_more_or_fewer_results_than_one_has_no_gradient(gradient, digits, result):
    with pytest.raises(ValueError, match=r"one number.*shape"):
        gradient(lambda x: result, np.zeros(3))


def test_a_result_of_one_entry_counts_as_a_number():
    assert numerical_gradient(lambda x: (x**2).sum(keepdims=True), np.array([3.0]))[0] == pytest.approx(6.0)


@jacobians
def test_a_jacobian_agrees_with_torch_row_by_output_and_column_by_parameter(make, digits):
    p = np.array([0.3, -1.2, 2.0])
    np.testing.assert_allclose(make(predictor, p), torch_jacobian(p), rtol=0, atol=digits * 10)


@jacobians
def test_a_jacobian_has_a_row_for_each_output(make, digits):
    A = np.arange(8.0).reshape(4, 2)
    np.testing.assert_allclose(make(lambda p: A @ p, np.array([1.0, 2.0])), A, atol=1e-8)


@jacobians
def test_a_jacobian_takes_integers_and_leaves_them(make, digits):
    p = np.array([2, 1, 0])
    np.testing.assert_allclose(make(predictor, p), torch_jacobian([2.0, 1.0, 0.0]), rtol=0, atol=1e-8)
    assert p.tolist() == [2, 1, 0]


@jacobians
def test_matrices_are_flattened_in_the_order_of_c(make, digits):
    J = make(lambda p: 3.0 * p, np.ones((2, 2)))
    np.testing.assert_allclose(J, 3.0 * np.eye(4), atol=1e-8)


def test_a_complex_step_that_gets_lost_is_an_error_and_no_zero():
    with pytest.raises(TypeError, match="real number"):
        complex_step_gradient(lambda x: np.abs(x).sum(), np.ones(2))
    with pytest.raises(TypeError, match="real number"):
        complex_step_jacobian(np.abs, np.ones(2))


def test_central_differences_err_by_the_square_of_the_step():
    x = np.array([0.7])
    exact = np.cos(0.7)
    errors = [abs(numerical_gradient(lambda v: np.sin(v[0]), x, h)[0] - exact) for h in (1e-2, 1e-3)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_vjp(x, u):
    y = softmax(x)
    return y * (u - (u * y).sum(axis=-1, keepdims=True))


def test_a_right_vector_jacobian_product_has_a_tiny_projection_error():
    x = np.random.default_rng(2).normal(size=(3, 4))
    for seed in range(20):
        assert projection_error(softmax, lambda u: softmax_vjp(x, u), x, seed) < 1e-7


def test_a_ten_thousandth_too_much_is_seen_along_any_direction():
    x = np.random.default_rng(2).normal(size=(3, 4))
    for seed in range(20):
        error = projection_error(softmax, lambda u: 1.0001 * softmax_vjp(x, u), x, seed)
        assert error == pytest.approx(1e-4, rel=0.01)


def test_projection_error_of_zero_against_something_is_one():
    x = np.ones((2, 3))
    assert projection_error(np.sin, np.zeros_like, x, 0) == pytest.approx(1.0)
    assert projection_error(np.zeros_like, np.zeros_like, x, 0) == 0.0


def test_projection_error_repeats_with_a_seed_and_takes_integers():
    x = np.array([[1, 2], [3, 4]])
    one, same = (projection_error(np.sin, lambda u: np.cos(x) * u, x, 3) for _ in range(2))
    assert one == same < 1e-8
