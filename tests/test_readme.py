"""What README and CONTRIBUTING tell people to run and to open is there."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edf_course.cli import main

ROOT = Path(__file__).parent.parent
PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md")}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def in_code(page):
    """What stands in backticks or blocks, by line."""
    blocks = [line for _, block in BLOCK.findall(PAGES[page]) for line in block.splitlines()]
    return blocks + re.findall(r"`([^`\n]+)`", BLOCK.sub("", PAGES[page]))


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_is_there(page):
    named = {found[1] for code in in_code(page) if (found := re.match(r"make ([a-z-]+)", code))}
    assert named
    assert named <= set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_is_there(page):
    named = {found[1] for code in in_code(page) if (found := re.match(r"edf-course ([a-z]+)", code))}
    assert named <= set(main.list_commands(None))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_is_named_is_there(page):
    """Not what is made by a run, nor places that are yet to be filled: NN, STUDENT."""
    made = ("workspace/", "edf-course-workspace/", "build/", ".venv/")
    named = [code for code in in_code(page) if re.fullmatch(r"[\w.-]+/[\w./-]*", code)]
    named += re.findall(r"\]\(([^):]+)\)", PAGES[page])
    kept = [path for path in named if not path.startswith(made) and not re.search(r"NN|STUDENT", path)]
    assert kept
    folders = (ROOT, ROOT / "tests", ROOT / "tests" / "autograder")
    assert [path for path in kept if not any((folder / path).exists() for folder in folders)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_is_named_can_be_imported(page):
    for name in {found for code in in_code(page) for found in re.findall(r"^edf_course\.[a-z_.]+$", code)}:
        assert importlib.import_module(name).__doc__


def test_programs_in_the_readme_run():
    programs = [block for language, block in BLOCK.findall(PAGES["README.md"]) if language == "python"]
    assert programs
    for program in programs:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
