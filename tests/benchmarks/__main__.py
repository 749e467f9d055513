"""Print the table of times and memory: `python -m tests.benchmarks`, or `make bench`.

make bench ARGS=--long             grade 2000 submissions besides, to see that memory does not grow
make bench ARGS="cgp grading"      only these parts of the table
"""

import argparse
import os
from collections.abc import Callable

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported: one thread on both sides

import torch  # noqa: E402

from tests.benchmarks import cgp, edf_step, grading, imports, memory, scalar  # noqa: E402
from tests.benchmarks.table import Row, render  # noqa: E402

torch.set_num_threads(1)

PARTS: dict[str, Callable[[], list[Row]]] = {
    "imports": imports.rows,
    "memory": memory.rows,
    "edf_step": lambda: [row for activation in edf_step.ACTIVATIONS for row in edf_step.rows(activation)],
    "cgp": cgp.rows,
    "scalar": scalar.rows,
    "grading": lambda: grading.rows(chosen.long),
}

parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
parser.add_argument("parts", nargs="*", metavar="PART", help=f"which of {', '.join(PARTS)}; default: all")
parser.add_argument("--long", action="store_true", help="grade 2000 submissions besides")
chosen = parser.parse_args()
unknown = sorted(set(chosen.parts) - set(PARTS))
if unknown:
    parser.error(f"there is no part {', '.join(unknown)}: there is {', '.join(PARTS)}")

print("Times are the best of many, ours and torch's in turns, one thread each. A limit is on the ratio where there is")
print("a peer, on our number where there is none.\n")
print(render([row for part, rows in PARTS.items() if part in (chosen.parts or PARTS) for row in rows()]))
