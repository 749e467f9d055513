"""What tests need besides Python: skipped where it is missing, but a failure in continuous integration."""

from __future__ import annotations

import glob
import os
import shutil

import pytest

TOOLS = {  # name: (programs, or patterns of their paths, any of which will do; how to get it)
    "chromium": (
        ("chromium", "chromium-browser", "google-chrome"),
        "apt install chromium, or any Chromium on the PATH",
    ),
    "bwrap": (("bwrap",), "apt install bubblewrap"),
    "postgresql": (("/usr/lib/postgresql/*/bin/pg_ctl", "pg_ctl"), "apt install postgresql"),
}


def needs(tool: str) -> str:
    """The path of `tool`'s program; where there is none the test is skipped, or fails under CI=true."""
    programs, how = TOOLS[tool]
    for program in programs:
        found = sorted(glob.glob(program)) if "/" in program else []
        path = shutil.which(found[-1] if found else program)
        if path:
            return path
    reason = f"needs {tool}, which is not here: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
