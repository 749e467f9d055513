"""nbgrader's own tests of autograde, with the preprocessors of our configuration in the place of nbgrader's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.course import Course
from tests.autograder.mini import REPOSITORY
from tests.tools import needs

SUITE = "nbgrader.tests.apps.test_nbgrader_autograde"
PLUGIN = ("Autograde", "GenerateFeedback", "GradeInJail", "Execute", "ExecuteSubmission")
# What they test has nothing to do with preprocessors (dates, penalties, permissions, copies of files, which notebooks
# are chosen), or another one tests it too; all of them together take long.
ELSEWHERE = (
    "help", "missing_student", "missing_assignment", "student_id_exclude", "grade_timestamp", "grade_empty_timestamp",
    "late_submission_penalty", "force_f", "permissions", "custom_permissions", "update_newer", "grade_overwrite_files",
    "filter_notebook", "skip_extra_notebooks", "missing_files", "incorrect_submitted_kernelspec", "grade_autotest",
    "grade_hashed_autotest", "handle_failure_single_notebook",
)  # fmt: skip


def failing(folder: Path, settings: str, *selected: str) -> set[str]:
    """Run nbgrader's tests with these settings; the names of those that fail."""
    config = folder / "config"
    config.mkdir(parents=True)
    (config / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "JUPYTER_CONFIG_PATH": str(config), "JUPYTER_CONFIG_DIR": str(folder)}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    command = [sys.executable, "-m", "pytest", "--pyargs", SUITE, "-q", "-p", "no:cacheprovider", "-rA", "--tb=short"]
    chosen = " or ".join(selected) if selected else " and ".join(f"not test_{name}" for name in ELSEWHERE)
    done = subprocess.run([*command, "-k", chosen], cwd=folder, env=environment, capture_output=True, text=True)
    assert "error" not in done.stdout.splitlines()[-1], done.stdout[-5000:]
    passed, failed = (
        set(re.findall(rf"^{word} .*::(test_\w+)", done.stdout, re.MULTILINE)) for word in ("PASSED", "FAILED")
    )
    assert passed | failed, done.stdout[-5000:] + done.stderr[-5000:]
    return failed


@pytest.mark.slow
def test_nbgrader_s_own_tests_pass_with_our_preprocessors_as_they_do_without(tmp_path: Path) -> None:
    needs("bwrap")
    config = Course(REPOSITORY).config
    ours = [f"c.{part}.{name} = {value!r}" for part in PLUGIN for name, value in config[part].items()]
    assert any("GradeInJail" in line for line in ours)
    failed = failing(tmp_path / "ours", "\n".join(["c = get_config()", *ours, ""]))
    assert not failed or failed == failing(tmp_path / "stock", "", *failed)
