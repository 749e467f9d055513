"""Print the table of times and memory: `python -m tests.benchmarks`, or `make bench`."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported: one thread on both sides

import torch  # noqa: E402

from tests.benchmarks import cgp, edf_step, grading, imports, memory, scalar  # noqa: E402
from tests.benchmarks.table import render  # noqa: E402

torch.set_num_threads(1)

print("Times are the best of many, ours and torch's in turns, one thread each. A limit is on the ratio where there is")
print("a peer, on our number where there is none.\n")
rows = [*imports.rows(), *memory.rows()]
for activation in edf_step.ACTIVATIONS:
    rows += edf_step.rows(activation)
rows += cgp.rows()
rows += scalar.rows()
rows += grading.rows()
print(render(rows))
