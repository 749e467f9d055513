"""The Makefile's set-up, with a Python that only notes what it is asked to do, so no test installs anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make: apt install make")

FAKE_PYTHON = """#!/bin/sh
echo "$*" >> "$NOTES"
case "$*" in
  *version_info*) [ ! -e "$NOTES.too-old" ] ;;
  *ensurepip*) [ ! -e "$NOTES.no-venv" ] ;;
  "-m venv --clear .venv")
    rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/edf-course ;;
  *"pip install -c"*)
    [ ! -e "$NOTES.cut-off" ] || kill -KILL $PPID
    [ ! -e "$NOTES.offline" ] ;;
esac
"""

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that set-up needs, in a folder whose name has a space."""
    folder = tmp_path / "my course"
    (folder / "autograder").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "autograder/pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def make(checkout: Path, tmp_path: Path) -> Make:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "make", "awk", "cat", "cp", "kill", "mkdir", "mv", "rm"):
        program = shutil.which(name)
        assert program
        (programs / name).symlink_to(program)
    (programs / "python3").write_text(FAKE_PYTHON)
    (programs / "python3").chmod(0o755)

    def run(*arguments: str, cwd: Path = checkout) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(programs), "NOTES": str(tmp_path / "notes")}
        return subprocess.run(
            [str(programs / "make"), *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def set_state(tmp_path: Path, name: str, on: bool = True) -> None:
    flag = tmp_path / f"notes.{name}"
    flag.touch() if on else flag.unlink()


def notes(tmp_path: Path) -> list[str]:
    """What Python was asked to do since the last look, without the Makefile's looks at Python itself."""
    file = tmp_path / "notes"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return [line for line in lines if not line.startswith("-c")]


def outdate(checkout: Path) -> None:
    later = (checkout / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (later, later))


def test_help_is_the_default_and_lists_every_target(make: Make, tmp_path: Path) -> None:
    result = make()
    assert result.returncode == 0
    for target in ("lab", "test", "grade", "lectures", "bench", "formgrader", "lint", "format", "clean", "help"):
        assert f"  {target} " in result.stdout
    assert notes(tmp_path) == []


def test_a_dry_run_does_nothing(make: Make, checkout: Path, tmp_path: Path) -> None:
    result = make("-n", "lab", "PORT=8899", "ARGS=--no-browser")
    assert result.returncode == 0
    assert ".venv/bin/edf-course lab --dir workspace --port 8899 --no-browser" in result.stdout
    assert notes(tmp_path) == []
    assert not (checkout / ".venv").exists()


def test_lab_sets_up_and_starts(make: Make, tmp_path: Path) -> None:
    assert make("lab", "PORT=8899", "ARGS=--no-browser").returncode == 0
    asked = notes(tmp_path)
    assert asked[0] == "-m venv --clear .venv"
    assert any("-c constraints.txt" in line and "-e autograder" in line for line in asked)
    assert asked[-1] == "lab --dir workspace --port 8899 --no-browser"


def test_a_second_run_installs_nothing(make: Make, tmp_path: Path) -> None:
    make("setup")
    notes(tmp_path)
    assert make("setup").returncode == 0
    assert notes(tmp_path) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "autograder/pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_is_installed_into_the_same_environment(
    make: Make, checkout: Path, tmp_path: Path, name: str
) -> None:
    make("setup")
    notes(tmp_path)
    later = (checkout / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(checkout / name, (later, later))
    make("setup")
    asked = notes(tmp_path)
    assert asked
    assert all("pip install" in line for line in asked)


def test_a_set_up_that_was_cut_off_is_made_again_whole(make: Make, tmp_path: Path) -> None:
    set_state(tmp_path, "cut-off")
    assert make("setup").returncode != 0
    set_state(tmp_path, "cut-off", on=False)
    notes(tmp_path)
    assert make("setup").returncode == 0
    assert notes(tmp_path)[0] == "-m venv --clear .venv"


def test_an_update_that_was_cut_off_is_made_again_whole(make: Make, checkout: Path, tmp_path: Path) -> None:
    make("setup")
    outdate(checkout)
    set_state(tmp_path, "cut-off")
    assert make("setup").returncode != 0
    set_state(tmp_path, "cut-off", on=False)
    notes(tmp_path)
    assert make("setup").returncode == 0
    assert notes(tmp_path)[0] == "-m venv --clear .venv"


def test_an_update_that_fails_is_said_and_tried_again(make: Make, checkout: Path, tmp_path: Path) -> None:
    make("setup")
    outdate(checkout)
    set_state(tmp_path, "offline")
    failed = make("setup")
    assert failed.returncode != 0
    assert "Setting up failed" in failed.stderr
    set_state(tmp_path, "offline", on=False)
    notes(tmp_path)
    assert make("setup").returncode == 0
    assert all("pip install" in line for line in notes(tmp_path))


def test_an_environment_whose_python_is_gone_is_made_again(make: Make, checkout: Path, tmp_path: Path) -> None:
    make("setup")
    (checkout / ".venv" / "bin" / "python").unlink()
    notes(tmp_path)
    assert make("setup").returncode == 0
    assert notes(tmp_path)[0] == "-m venv --clear .venv"


def test_a_checkout_that_was_moved_is_set_up_again(make: Make, checkout: Path, tmp_path: Path) -> None:
    make("setup")
    notes(tmp_path)
    elsewhere = checkout.rename(tmp_path / "elsewhere")
    assert make("setup", cwd=elsewhere).returncode == 0
    assert notes(tmp_path)[0] == "-m venv --clear .venv"


def said(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on stderr that are not make's own."""
    return [line for line in result.stderr.splitlines() if not line.startswith("make: ***")]


def test_a_too_old_python_is_said_in_one_line(make: Make, checkout: Path, tmp_path: Path) -> None:
    set_state(tmp_path, "too-old")
    result = make("lab")
    assert result.returncode != 0
    assert len(said(result)) == 1
    assert "needs Python 3.11, 3.12 or 3.13" in said(result)[0]
    assert "make PYTHON=" in said(result)[0]
    assert not (checkout / ".venv").exists()


def test_a_missing_python_is_said_in_one_line(make: Make, tmp_path: Path) -> None:
    (tmp_path / "bin" / "python3").unlink()
    result = make("test")
    assert result.returncode != 0
    assert len(said(result)) == 1
    assert "needs Python 3.11, 3.12 or 3.13" in said(result)[0]


def test_a_named_python_is_the_only_one_tried(make: Make) -> None:
    result = make("lab", "PYTHON=/no such/python")
    assert result.returncode != 0
    assert "(tried: /no such/python)" in result.stderr


def test_a_newer_name_is_found_where_python3_is_missing(make: Make, tmp_path: Path) -> None:
    (tmp_path / "bin" / "python3").rename(tmp_path / "bin" / "python3.12")
    assert make("setup").returncode == 0


def test_a_python_without_venv_is_said_in_one_line(make: Make, tmp_path: Path) -> None:
    set_state(tmp_path, "no-venv")
    result = make("lab")
    assert result.returncode != 0
    assert len(said(result)) == 1
    assert "python3-venv" in said(result)[0]


def test_another_index_is_asked_for_torch_alone(make: Make, tmp_path: Path) -> None:
    make("setup", "TORCH_INDEX=file:///wheels")
    asked = [line for line in notes(tmp_path) if "index" in line]
    assert asked == ["-m pip install --no-deps -c constraints.txt --index-url file:///wheels torch"]


def test_clean_keeps_peoples_work(make: Make, checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "find").symlink_to(str(shutil.which("find")))
    for name in ("build/x", "workspace/__pycache__/mine", "tests/__pycache__/x"):
        (checkout / name).parent.mkdir(parents=True)
        (checkout / name).touch()
    assert make("clean").returncode == 0
    left = {path.relative_to(checkout).as_posix() for path in checkout.rglob("*") if path.is_file()}
    assert "workspace/__pycache__/mine" in left
    assert not {"build/x", "tests/__pycache__/x"} & left
