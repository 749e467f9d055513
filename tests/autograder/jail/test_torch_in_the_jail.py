"""Torch is in the jail where an exercise is about it, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from autograder import exercises as private
from autograder.classroom.pool import Terms, grade_here, warm_jail
from autograder.exercises import exercise, needs_torch
from autograder.jail.jail import MB
from tests.attacks.lecture import FULL, GATE, LECTURE, LIMITS, SECRET, SIGMOID, submission
from tests.tools import needs

BY_TORCH = GATE[: GATE.index("    def backward")] + (
    "    def backward(self):\n"
    "        import torch\n"
    "        a, b = (torch.tensor(o.value, requires_grad=True) for o in (self.a, self.b))\n"
    "        (a * torch.sigmoid(b)).backward(torch.tensor(self.grad))\n"
    "        self.a.addgrad(a.grad.numpy())\n"
    "        self.b.addgrad(b.grad.numpy())\n"
)
TERMS = Terms(LECTURE, SECRET, replace(LIMITS, probe_seconds=5, cell_seconds=10, notebook_seconds=60))
SIGMOID_BY_TORCH = SIGMOID[: SIGMOID.index("        self.x.addgrad")] + (
    "        import torch\n"
    "        x = torch.tensor(self.x.value, requires_grad=True)\n"
    "        torch.sigmoid(x).backward(torch.tensor(self.grad))\n"
    "        self.x.addgrad(x.grad.numpy())\n"
)


@pytest.fixture
def about_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exercise edf.gate, as if it were about torch."""
    needs("bwrap")
    monkeypatch.setitem(private._EXERCISES, "edf.gate", replace(exercise("edf.gate"), torch=True))


def points(content: bytes) -> tuple[float, ...]:
    return tuple(e.points for e in grade_here(content, TERMS).exercises)


@pytest.mark.usefixtures("about_torch")
def test_an_exercise_about_torch_may_use_it_and_the_others_of_its_lecture_may_not() -> None:
    assert needs_torch(LECTURE)
    assert points(submission(gate=BY_TORCH)) == FULL
    result = grade_here(submission(sigmoid=SIGMOID_BY_TORCH), TERMS)
    assert tuple(e.points for e in result.exercises) == (0.0, *FULL[1:])
    verdict = result.exercises[0].verdict
    assert verdict is not None
    assert verdict.misconception == "delegates"


def test_in_a_lecture_without_torch_there_is_none() -> None:
    needs("bwrap")
    assert not needs_torch(LECTURE)
    result = grade_here(submission(gate=BY_TORCH, last="import torch"), TERMS)
    assert result.exercises[2].points < FULL[2]
    assert "No module named 'torch'" in result.notebook


@pytest.mark.usefixtures("about_torch")
def test_memory_is_counted_from_what_the_warm_process_has_mapped() -> None:
    """A torch with CUDA maps more than any sensible limit, and uses little of it."""
    terms = replace(TERMS, limits=replace(TERMS.limits, memory=400 * MB))
    jail = warm_jail(terms.limits, True, torch=True)
    takes = "import numpy as np\nfor size in (100, 300, 500):\n    np.ones(size << 17)\n    print('TOOK', size)"
    made = json.loads(grade_here(submission(first=takes), terms).notebook)
    said = "".join("".join(o.get("text", "")) for cell in made["cells"] for o in cell.get("outputs", []))
    jail.close()
    assert "TOOK 300" in said
    assert "TOOK 500" not in said
