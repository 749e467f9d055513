"""Every node of the library, what it should compute (in torch), and one way to run it and to compare the two.

Behind the node stands a weighted sum, so that the gradient that reaches it is whatever a test wants. In front of it
stand operands that keep what they are given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from edf_course import edf
from edf_course.calculus import numerical_gradient

Arrays = dict[str, np.ndarray]


class Given(edf.CompNode):
    """An operand with a batch index, whose gradient a test looks at."""

    def __init__(self, value: np.ndarray) -> None:
        super().__init__()
        self.value = value

    def forward(self) -> None:
        pass

    def backward(self) -> None:
        pass


class WeightedSum(edf.CompNode):
    """value[b] = the sum of weights * y over everything but the batch."""

    def __init__(self, y: Any, weights: np.ndarray) -> None:
        super().__init__()
        self.y, self.weights = y, weights

    def forward(self) -> None:
        self.value = (self.weights * self.y.value).reshape(len(self.weights), -1).sum(axis=1)

    def backward(self) -> None:
        self.y.addgrad(self.weights * self.grad.reshape(-1, *[1] * (self.weights.ndim - 1)))


@dataclass(frozen=True)
class Case:
    """A node: how to make it from operands, its formula in torch, and how to draw arrays for its operands.

    `draw(shape, rng)` returns the operands by name; those named W and C are parameters, integers become an Input.
    """

    make: Callable[..., Any]
    formula: Callable[..., torch.Tensor]
    draw: Callable[[tuple[int, ...], np.random.Generator], Arrays]
    ndims: tuple[int, int] = (1, 4)  # of the operands, the smallest and the largest
    loss: bool = False
    tolerance: float = 1e-12  # of value and gradients beside torch's; more where terms cancel
    random: bool = False  # draws anew in each forward pass


def one(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    return {"x": rng.normal(scale=2.0, size=shape)}


def clear_of_zero(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    return {"x": rng.uniform(0.01, 3.0, shape) * rng.choice([-1.0, 1.0], shape)}


def two(*names: str) -> Callable[[tuple[int, ...], np.random.Generator], Arrays]:
    return lambda shape, rng: {name: rng.normal(size=shape) for name in names}


def affine(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    n_out = int(rng.integers(1, 6))
    return {"x": rng.normal(size=shape), "W": rng.normal(size=(shape[1], n_out)), "C": rng.normal(size=n_out)}


def scores(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    return {"scores": rng.normal(scale=2.0, size=shape), "y": rng.integers(0, shape[1], shape[0])}


def probabilities(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    return {"q": rng.uniform(0.05, 1.0, shape), "y": rng.integers(0, shape[1], shape[0])}


def package(w: edf.Parameter, b: edf.Parameter) -> edf.ParameterPackage:
    Phi = edf.ParameterPackage()
    Phi.w, Phi.b = w, b
    return Phi


def table(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    return {"W": rng.normal(size=(3, 2)), "index": rng.integers(0, 3, shape)}  # few rows: some are looked up twice


def bits(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    return {"p": rng.uniform(0.05, 0.95, shape), "y": rng.integers(0, 2, shape)}


def features(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    shape = (shape[0] + 1, *shape[1:])  # a batch of one has no variance
    return {"x": rng.normal(size=shape), "W": rng.normal(size=shape[-1]), "C": rng.normal(size=shape[-1])}


def norm(W: edf.Parameter, C: edf.Parameter) -> edf.ParameterPackage:
    Phi: Any = edf.ParameterPackage()
    Phi.scale, Phi.shift = W, C
    return Phi


def batch_norm(x: torch.Tensor, W: torch.Tensor, C: torch.Tensor) -> torch.Tensor:
    flat = torch.nn.functional.batch_norm(x.reshape(-1, x.shape[-1]), None, None, W, C, training=True)
    return flat.reshape(x.shape)


def images(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    B, H, width, channels = shape
    arrays = {"x": rng.normal(size=(B, H + 1, width + 1, channels)), "W": rng.normal(size=(2, 3, channels, 2))}
    return arrays | {"C": rng.normal(size=2)}


def convolution(x: torch.Tensor, W: torch.Tensor, C: torch.Tensor) -> torch.Tensor:
    y = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), -C, stride=2, padding=1)
    return y.permute(0, 2, 3, 1)


def pool_images(shape: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    B, H, width, channels = shape
    shape = (B, H + 1, width + 1, channels)
    return {"x": 0.1 * rng.permutation(np.prod(shape)).reshape(shape)}  # no two so close that a nudge turns them round


def pooling(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.max_pool2d(x.permute(0, 3, 1, 2), 2, stride=1).permute(0, 2, 3, 1)


def dropped(x: torch.Tensor) -> torch.Tensor:
    return x * torch.from_numpy(np.random.default_rng(5).random(tuple(x.shape)) >= 0.3) / 0.7


CASES: dict[str, Case] = {
    "Affine": Case(lambda x, W, C: edf.Affine(package(W, C), x), lambda x, W, C: x @ W - C, affine, (2, 2)),
    "Sigmoid": Case(edf.Sigmoid, torch.sigmoid, one),
    "Tanh": Case(edf.Tanh, torch.tanh, one),
    "ReLU": Case(edf.ReLU, torch.relu, clear_of_zero),
    "Softplus": Case(edf.Softplus, lambda x: torch.logaddexp(x, torch.zeros_like(x)), one),
    "Softmax": Case(edf.Softmax, lambda x: torch.softmax(x, -1), one, (2, 4)),
    "Add": Case(edf.Add, lambda a, b: a + b, two("a", "b")),
    "Mul": Case(edf.Mul, lambda a, b: a * b, two("a", "b")),
    "LogLoss": Case(
        edf.LogLoss, lambda q, y: -torch.log(q.gather(1, y[:, None])[:, 0]), probabilities, (2, 2), loss=True
    ),
    "CrossEntropy": Case(
        edf.CrossEntropy,
        lambda scores, y: torch.nn.functional.cross_entropy(scores, y, reduction="none"),
        scores,
        (2, 2),
        loss=True,
    ),
    "SquaredError": Case(
        edf.SquaredError, lambda p, t: ((p - t) ** 2).flatten(1).sum(1) if p.ndim > 1 else (p - t) ** 2,
        two("p", "t"), loss=True,
    ),
    "BCE": Case(
        edf.BCE,
        lambda p, y: torch.nn.functional.binary_cross_entropy(p, y.to(p), reduction="none").reshape(len(p), -1).sum(1),
        bits, loss=True,
    ),
    "Sum": Case(edf.Sum, lambda x: x.reshape(len(x), -1).sum(1), one, (2, 4), loss=True),
    "Mean": Case(edf.Mean, lambda x: x.reshape(len(x), -1).mean(1), one, (2, 4), loss=True),
    "Reshape": Case(lambda x: edf.Reshape(x, (1, -1)), lambda x: x.reshape(len(x), 1, -1), one),
    "Concat": Case(lambda a, b: edf.Concat([a, b, a]), lambda a, b: torch.cat([a, b, a], -1), two("a", "b"), (2, 4)),
    "Embedding": Case(lambda W, index: edf.Embedding(W, index), lambda W, index: W[index], table, (1, 2)),
    "LayerNorm": Case(
        lambda x, W, C: edf.LayerNorm(norm(W, C), x),
        lambda x, W, C: torch.nn.functional.layer_norm(x, x.shape[-1:], W, C), features, (2, 3),
        tolerance=1e-9,
    ),
    "BatchNorm": Case(lambda x, W, C: edf.BatchNorm(norm(W, C), x), batch_norm, features, (2, 3), tolerance=1e-9),
    "Dropout": Case(lambda x: edf.Dropout(x, 0.3, rng=5), dropped, one, random=True),
    "Conv2D": Case(
        lambda x, W, C: edf.Conv2D(package(W, C), x, stride=2, padding=1), convolution, images, (4, 4)
    ),
    "MaxPool": Case(lambda x: edf.MaxPool(x, 2, stride=1), pooling, pool_images, (4, 4)),
}  # fmt: skip


@dataclass
class Answer:
    """What a node computed, and the gradient of each operand that has one."""

    value: np.ndarray
    grads: Arrays = field(default_factory=dict)


@st.composite
def probes(draw: Any, case: Case) -> tuple[Arrays, int]:
    """Draw operands for a node, of any shape that it takes, and a seed for the weights behind it."""
    ndim = draw(st.integers(*case.ndims))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=ndim, max_size=ndim)))
    seed = draw(st.integers(0, 2**32 - 1))
    return case.draw(shape, np.random.default_rng(seed)), seed


def weights_for(case: Case, arrays: Arrays, seed: int) -> np.ndarray:
    shape = case.formula(**{n: torch.from_numpy(np.asarray(v)) for n, v in arrays.items()}).shape
    dtype = next(v.dtype for v in arrays.values() if v.dtype.kind == "f")
    return np.random.default_rng([seed, 1]).normal(size=tuple(shape)).astype(dtype)


def operands(arrays: Arrays) -> dict[str, Any]:
    """Make the nodes that stand in front: parameters W and C, labels as an Input, all others with a gradient."""
    made: dict[str, Any] = {}
    for name, value in arrays.items():
        kind: Any = edf.Parameter if name in ("W", "C") else edf.Input if value.dtype.kind == "i" else Given
        made[name] = kind(value.copy())
    return made


def run(
    case: Case, arrays: Arrays, weights: np.ndarray, spoil: str = "", factor: float = 1.0, twice: str = ""
) -> Answer:
    """Run the node of `case` forwards and backwards, `weights` being the gradient that reaches it.

    `spoil` names an operand that gets `factor` times its gradient, as if backward were wrong.
    `twice`: "shared" adds up two nodes that read the same operands; "squared" multiplies the node by itself.
    """
    with edf.Graph() as graph:
        leaves = operands(arrays)
        if spoil:
            _spoil(leaves[spoil], factor)
        node = case.make(**leaves)
        if twice == "shared":
            node = edf.Add(node, case.make(**leaves))
        elif twice == "squared":
            node = edf.Mul(node, node)
        end = WeightedSum(node, weights)
    graph.forward()
    graph.backward(end)
    return Answer(node.value, {n: leaf.grad for n, leaf in leaves.items() if not isinstance(leaf, edf.Input)})


def _spoil(leaf: Any, factor: float) -> None:
    name = "addgrad_mean" if isinstance(leaf, edf.Parameter) else "addgrad"
    add = getattr(leaf, name)
    setattr(leaf, name, lambda delta: add(delta * factor))


def torch_truth(case: Case, arrays: Arrays, weights: np.ndarray, twice: str = "") -> Answer:
    """Return what torch says, in float64; the gradients of parameters averaged over the batch."""
    tensors = {n: torch.from_numpy(v.astype(float) if v.dtype.kind == "f" else v) for n, v in arrays.items()}
    wanted = {n: t.requires_grad_() for n, t in tensors.items() if t.is_floating_point()}
    y = case.formula(**tensors)
    y = 2 * y if twice == "shared" else y * y if twice == "squared" else y
    found = torch.autograd.grad((torch.from_numpy(weights.astype(float)) * y).sum(), list(wanted.values()))
    return Answer(y.detach().numpy(), mean_of_parameters(dict(zip(wanted, found, strict=True)), len(weights)))


def mean_of_parameters(grads: dict[str, Any], batch_size: int) -> Arrays:
    return {n: np.asarray(g) / (batch_size if n in ("W", "C") else 1) for n, g in grads.items()}


def difference_truth(case: Case, arrays: Arrays, weights: np.ndarray) -> Arrays:
    """Return the gradients by central differences of the node's own forward."""

    def total(name: str, value: np.ndarray) -> float:
        with edf.Graph() as graph:
            node = case.make(**operands({**arrays, name: value}))
        graph.forward()
        return float((weights * node.value).sum())

    grads = {
        name: numerical_gradient(lambda v, name=name: total(name, v), value)
        for name, value in arrays.items()
        if value.dtype.kind == "f"
    }
    return mean_of_parameters(grads, len(weights))


def assert_close(ours: Any, truth: Any, tolerance: float, what: str) -> None:
    """Hold two arrays together: same shape, and no entry off by more than `tolerance` of the largest (or of 1)."""
    ours, truth = np.asarray(ours), np.asarray(truth)
    assert ours.shape == truth.shape, f"{what} has shape {ours.shape}, not {truth.shape}"
    error = np.abs(ours - truth).max() / max(np.abs(truth).max(), 1e-3)
    assert error <= tolerance, f"{what} is off by {error:.1e} of its largest entry:\n{ours}\nnot\n{truth}"


def assert_same(ours: Answer, truth: Answer, tolerance: float = 1e-12) -> None:
    """Hold a node's value and all its gradients to the truth."""
    assert_close(ours.value, truth.value, tolerance, "the value")
    assert ours.grads.keys() == truth.grads.keys()
    for name, grad in ours.grads.items():
        assert_close(grad, truth.grads[name], tolerance, f"{name}.grad")
