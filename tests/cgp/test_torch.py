"""The same networks in torch.nn, and Functions with a backward of their own."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from edf_course.cgp import ComputationalGraphPrimer, NeuronError, torch_twin
from edf_course.cgp.custom_function import (
    DoSillyWithTensor,
    Softplus,
    StraightThroughQuantize,
    counting,
    pull_back,
    upstream_deviation,
)
from tests.cgp.cases import MULTI_NEURON, ONE_NEURON, printed, seed
from tests.cgp.test_neurons import dense, layered, start


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("one_neuron", ONE_NEURON),
        ("multi_neuron", ONE_NEURON),  # layers are made for it: 4-2-1
        ("multi_neuron", MULTI_NEURON),
        ("multi_neuron", {**MULTI_NEURON, "activation": ["relu", "linear"]}),
        ("multi_neuron", {**MULTI_NEURON, "activation": "tanh"}),
    ],
)
def test_gradients_and_curves_agree_to_the_last_digits(option, options):
    seed(7)
    cgp = ComputationalGraphPrimer(**{**options, "learning_rate": 0.3})
    cgp.parse_multi_layer_expressions() if "num_layers" in options else cgp.parse_expressions()
    with printed() as out:
        cgp.run_training_with_torchnn(option, cgp.gen_training_data())
    losses, torch_losses, difference = cgp.verification
    assert 0 < difference < 1e-12
    assert torch_losses == pytest.approx(losses, rel=1e-11)
    assert len(losses) > 2
    assert losses[-1] < losses[0]
    assert "largest difference between the gradients" in out.getvalue()


def test_the_handcrafted_half_of_a_verification_is_the_training_loop():
    records = []
    for method in ("run_training_loop_one_neuron_model", "run_training_with_torchnn"):
        seed(7)
        cgp = ComputationalGraphPrimer(**ONE_NEURON)
        cgp.parse_expressions()
        data = cgp.gen_training_data()
        with printed():
            getattr(cgp, method)(*(["one_neuron"] if "torch" in method else []), data)
        records.append(cgp.LOSS)
    assert records[0] == pytest.approx(records[1], rel=1e-12)


def test_a_wrong_gradient_would_be_seen(monkeypatch):
    network = dense([3, 2, 1], "sigmoid")
    parameters, biases = start(network)
    right = network.gradient

    def wrong(passed, weights, errors):
        by_matrix, by_bias = right(passed, weights, errors)
        return [by_matrix[0] * 1.0001, by_matrix[1]], by_bias

    monkeypatch.setattr(network, "gradient", wrong)
    batches = torch_twin.Batches({0: [[0.1, 0.2, 0.3]], 1: [[0.5, -0.2, 0.9]]}, 4)
    with printed():
        assert torch_twin.verify(network, parameters, biases, batches, 5, 0.1, 5).gradient_difference > 1e-7


def test_a_network_that_torch_nn_does_not_have_is_refused():
    network = layered(["xh=a*xa-a*xb"])
    with pytest.raises(NeuronError, match="another network"):
        torch_twin.twin(network, {"a": 1.0}, [[0.0]])


def test_an_unknown_option_is_said():
    cgp = ComputationalGraphPrimer(**ONE_NEURON)
    with pytest.raises(ValueError, match="'one_neuron' or 'multi_neuron', not 'two'"):
        cgp.run_training_with_torchnn("two")


def test_gradients_before_backward_are_said():
    network = dense([2, 1], "sigmoid")
    with pytest.raises(RuntimeError, match="call backward"):
        torch_twin.gradients(torch_twin.twin(network, *start(network)))


# ---------------------------------------------------------------------- custom Functions


X = torch.tensor([3.7, 2.2], dtype=torch.float64)


def test_the_published_backward_is_no_derivative():
    back = [pull_back(DoSillyWithTensor.apply, X, torch.full((2,), g, dtype=torch.float64)) for g in (1.0, 1000.0, 0.0)]
    expected = [[1.7, 1.2], [1000.7, 1000.2], [0.7, 0.2]]
    torch.testing.assert_close(torch.stack(back), torch.tensor(expected, dtype=torch.float64))
    assert upstream_deviation(DoSillyWithTensor.apply, X) > 0.1
    with pytest.raises(RuntimeError, match="Jacobian"):
        gradcheck(DoSillyWithTensor.apply, (X.clone().requires_grad_(),))


def test_bytes_are_no_rounding():
    x = torch.tensor([255.9, 256.0, 300.0], dtype=torch.float64)
    assert DoSillyWithTensor.apply(x).tolist() == [255.0, 0.0, 44.0]  # no rounding


@pytest.mark.parametrize("function", [Softplus.apply, lambda x: StraightThroughQuantize.apply(x, 0.25, 0.0, 10.0)])
def test_a_backward_is_linear_in_what_comes_from_upstream(function):
    assert upstream_deviation(function, X) < 1e-15
    assert pull_back(function, X, torch.zeros(2, dtype=torch.float64)).abs().max() == 0


def test_softplus_passes_gradcheck_with_tight_tolerances():
    x = torch.linspace(-4, 4, 9, dtype=torch.float64).reshape(3, 3).requires_grad_()
    assert gradcheck(Softplus.apply, (x,), eps=1e-6, atol=1e-9, rtol=1e-7)
    assert gradgradcheck(Softplus.apply, (x,), eps=1e-6, atol=1e-9, rtol=1e-7)
    far = torch.tensor([-800.0, 800.0], dtype=torch.float64)
    assert Softplus.apply(far).tolist() == [0.0, 800.0]
    torch.testing.assert_close(Softplus.apply(x), torch.nn.functional.softplus(x))


def test_the_quantizer_rounds_and_passes_straight_through_within_its_limits():
    x = torch.tensor([-1.0, 0.1, 0.13, 9.9, 11.0], dtype=torch.float64)

    def quantize(t):
        return StraightThroughQuantize.apply(t, 0.25, 0.0, 10.0)

    assert quantize(x).tolist() == [0.0, 0.0, 0.25, 10.0, 10.0]
    assert pull_back(quantize, x, torch.full((5,), 3.0, dtype=torch.float64)).tolist() == [0, 3, 3, 3, 0]
    clamped = pull_back(lambda t: t.clamp(0.0, 10.0), x, torch.full((5,), 3.0, dtype=torch.float64))
    assert pull_back(quantize, x, torch.full((5,), 3.0, dtype=torch.float64)).tolist() == clamped.tolist()
    assert quantize(x.float()).dtype == torch.float32


def test_counting_changes_nothing_else():
    counted, calls = counting(Softplus)
    torch.testing.assert_close(pull_back(counted.apply, X, X), pull_back(Softplus.apply, X, X), rtol=0, atol=0)
    assert calls == {"forward": 1, "backward": 1}
    assert counted.__name__ == "CountingSoftplus"


# ---------------------------------------------------------------------- extending autograd


class Identity(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, upstream):
        return upstream


def customization(n=150, **options):
    seed(7)
    cgp = ComputationalGraphPrimer(**{"learning_rate": 1e-4, "epochs": 2, **options})
    extended = ComputationalGraphPrimer.AutogradCustomization(cgp=cgp, num_samples_per_class=n)
    extended.gen_training_data()
    return extended


def train(extended, *args, **kwargs):
    with printed() as out:
        extended.train_with_straight_autograd()
        extended.train_with_extended_autograd(*args, **kwargs)
    return out.getvalue()


def test_the_published_backward_never_runs():
    extended = customization()
    text = train(extended)
    assert extended.calls == {"forward": 600, "backward": 0}  # data ask for no gradient
    assert "its backward 0 times" in text
    assert text.count("epoch=1 i=199 ") == 2


def test_as_published_gives_the_losses_of_1_1_5(monkeypatch):
    from ComputationalGraphPrimer import ComputationalGraphPrimer as Theirs

    monkeypatch.setattr("matplotlib.pyplot.show", lambda *a, **k: None)
    seed(7)
    theirs = Theirs.AutogradCustomization(cgp=Theirs(learning_rate=1e-4, epochs=2), num_samples_per_class=150)
    theirs.gen_training_data()
    their_text = train(theirs)
    ours = customization(as_published=True)
    assert ours.training_data == theirs.training_data
    our_text = train(ours)
    assert our_text.rpartition("\nthe Function's")[0] == their_text.rstrip("\n")


def test_both_trainings_start_alike_and_learn_two_classes():
    extended = customization(n=200, learning_rate=1e-3, epochs=6)
    train(extended, Identity)
    assert extended.losses["straight"] == extended.losses["extended"]  # not so where the starts differ, as on slide 103
    assert extended.losses["straight"][-1] < 0.5 < extended.losses["straight"][0]
    w1, w2 = (w.detach() for w in extended.weights)
    scores = torch.tensor([x for x, _ in extended.training_data], dtype=torch.float32).mm(w1).relu().mm(w2)
    labels = torch.tensor([label - 1 for _, label in extended.training_data])
    assert (scores.argmax(dim=1) == labels).float().mean() > 0.6  # two outputs, two classes


def test_a_function_in_the_hidden_layer_runs_both_ways():
    extended = customization()
    train(extended, StraightThroughQuantize, args=(0.25, 0.0, 50.0), where="hidden")
    assert extended.calls == {"forward": 600, "backward": 600}
    assert np.isfinite(extended.losses["extended"]).all()
    assert extended.losses["extended"] != extended.losses["straight"]


def test_wrong_use_is_said():
    extended = customization()
    with pytest.raises(ValueError, match="'input' or 'hidden', not 'output'"):
        extended.train_with_extended_autograd(where="output")
    extended.training_data = []
    with pytest.raises(NeuronError, match="gen_training_data"):
        extended.train_with_straight_autograd()
    assert ComputationalGraphPrimer.AutogradCustomization.DoSillyWithTensor is DoSillyWithTensor
