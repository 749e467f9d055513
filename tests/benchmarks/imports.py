"""How long a student waits for `import edf_course`, beyond what Python itself takes to start."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.benchmarks.table import Row

STATEMENTS = ["import edf_course", "from edf_course import edf"]
LIMIT = 0.3  # seconds
HEAVY = ("sklearn", "scipy", "torch", "matplotlib", "pandas")  # what an import must not bring along


def rows(repeats: int = 7) -> list[Row]:
    """Measure each import in fresh processes."""
    nothing = _seconds("pass", repeats)
    return [Row(statement, _seconds(statement, repeats) - nothing, "s", limit=LIMIT) for statement in STATEMENTS]


def heavy_modules(statement: str) -> list[str]:
    """Return which of HEAVY a fresh process has loaded after `statement`."""
    program = f"{statement}\nimport sys\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def _seconds(statement: str, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append(time.perf_counter() - start)
    return min(times)
