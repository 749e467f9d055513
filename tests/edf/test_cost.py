"""What a step may cost: memory, imports, and that the nets of the benchmark are the same on both sides.

Times are not tested: they are in the table that `make bench` prints.
"""

import numpy as np
import pytest

from edf_course import edf
from tests.benchmarks import edf_step, imports, memory
from tests.benchmarks.table import Row, render


def test_affine_backward_needs_at_its_peak_at_most_twice_the_gradient():
    peak, gradient = memory.affine_backward()
    assert gradient == 784 * 256 * 8
    assert peak <= memory.LIMIT * gradient


def test_the_measure_of_memory_would_notice_an_outer_product_for_each_example(monkeypatch):
    def backward(self):
        self.Phi.b.addgrad(-self.grad)
        self.Phi.w.addgrad(self.x.value[:, :, np.newaxis] * self.grad[:, np.newaxis, :])

    monkeypatch.setattr(edf.Affine, "backward", backward)
    peak, gradient = memory.affine_backward(batch_size=16)
    assert peak > 10 * gradient


@pytest.mark.parametrize("statement", imports.STATEMENTS)
def test_an_import_brings_no_heavy_library_along(statement):
    assert imports.heavy_modules(statement) == []


def test_the_measure_of_imports_would_notice_one():
    assert "sklearn" in imports.heavy_modules("import sklearn")


@pytest.mark.parametrize("activation", edf_step.ACTIVATIONS)
@pytest.mark.parametrize(("sizes", "batch_size", "dtype", "limit"), edf_step.NETS[:2])
def test_the_two_sides_of_the_benchmark_take_the_same_steps(sizes, batch_size, dtype, limit, activation):
    pair = edf_step.twins(sizes, batch_size, dtype, activation)
    start = pair.net.Phi[0].w.value.copy()
    for _ in range(3):
        pair.our_step()
        pair.their_step()
    last, first = pair.net.Phi
    assert np.abs(last.w.value - start).max() > 1e-4
    for ours, theirs in ((first, pair.twin[0]), (last, pair.twin[2])):
        np.testing.assert_allclose(ours.w.value, theirs.weight.detach().numpy().T, atol=1e-12)
        np.testing.assert_allclose(ours.b.value, -theirs.bias.detach().numpy(), atol=1e-12)


def test_a_row_of_the_table_is_judged_by_its_ratio_or_by_its_number():
    text = render([Row("a", 1.0, "s", 4.0, 0.3), Row("b", 1.0, "s", limit=0.3), Row("c", 1.0, "s")])
    assert [line.split()[-1] for line in text.splitlines()[2:]] == ["met", "MISSED", "s"]
