"""`edf-course doctor` on machines that lack something, made for real out of this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.autograder import restricted
from tests.autograder.restricted import NEEDED, NOT_NEEDED
from tests.tools import needs

REPOSITORY = Path(__file__).parents[3]
DOCTOR = "from autograder.jail.doctor import doctor; doctor()"
STARTS = """\
from autograder.jail.jail import Jail, JailError
try:
    with Jail():
        print("started")
except JailError as error:
    print("refused:", error)
"""
GRADES = """\
from autograder.jail.jail import Jail
from autograder.submission.submission import grade
from tests.attacks.lecture import LECTURE, LIMITS, SECRET, submission
with Jail(LIMITS) as jail:
    print("points", grade(submission(), LECTURE, SECRET, jail).points)
"""
only_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can change this machine")
pytestmark = pytest.mark.skipif(not shutil.which("unshare"), reason="needs util-linux")


@pytest.fixture(autouse=True)
def bubblewrap() -> str:
    """Where the real one is."""
    return needs("bwrap")


def run(around: list[str], program: str, **variables: str) -> str:
    """What a Python program says that runs inside the command `around`."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | variables
    done = subprocess.run(
        [*around, sys.executable, "-c", program], env=environment, cwd="/", capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def refusing(*calls: str) -> list[str]:
    return [sys.executable, str(restricted.__file__), ",".join(calls)]


def after(script: str) -> list[str]:
    """Run in mounts of its own, after this piece of shell."""
    return ["unshare", "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


SWITCHED_OFF = ["unshare", "-Urm", "sh", "-ec", 'echo 0 > /proc/sys/user/max_user_namespaces\nexec "$@"', "sh"]


def test_user_namespaces_that_are_switched_off() -> None:
    said = run(SWITCHED_OFF, DOCTOR)
    assert "✗ user namespaces" in said
    assert "sysctl user.max_user_namespaces" in said
    assert "Submissions cannot be graded in a jail here." in said


def test_a_container_s_filter_is_recognised_by_itself() -> None:
    said = run(refusing(*NEEDED, *NOT_NEEDED), DOCTOR)
    assert "✗ user namespaces" in said
    assert "--security-opt seccomp=unconfined" in said


def test_user_namespaces_without_mounts() -> None:
    said = run(refusing("mount"), DOCTOR)
    assert "✗ user namespaces" in said or "✗ mounts" in said
    assert "--security-opt seccomp=unconfined" in said


def test_a_filter_that_allows_what_the_doctor_names_is_enough() -> None:
    assert "✓ a jail that starts" in run(refusing(*NOT_NEEDED), DOCTOR)


@pytest.mark.parametrize("call", NEEDED)
def test_and_each_of_them_is_needed(call: str) -> None:
    assert "cannot be graded" in run(refusing(call), DOCTOR)


@only_root
def test_a_container_is_called_one() -> None:
    here = after("mount -t tmpfs tmpfs /run; touch /run/.containerenv")
    said = run([*here, *refusing(*NEEDED)], DOCTOR)
    assert "This is a container whose settings do not allow them." in said


@only_root
def test_a_proc_with_hidden_parts_does_not_matter() -> None:
    assert run(after("mount --bind /dev/null /proc/uptime"), GRADES) == "points 18.0\n"


@only_root
def test_a_missing_libseccomp() -> None:
    hidden = after('for f in $(ldconfig -p | sed -n "s/.*libseccomp.so.2.*=> //p"); do mount --bind /dev/null $f; done')
    said = run(hidden, DOCTOR)
    assert "✗ libseccomp" in said
    assert "apt install libseccomp2" in said


@only_root
def test_a_setuid_bubblewrap(tmp_path: Path, bubblewrap: str) -> None:
    script = (
        f"mount -t tmpfs -o mode=755 tmpfs {tmp_path}; cp {bubblewrap} {tmp_path}/bwrap; chmod 4755 {tmp_path}/bwrap\n"
        f"chmod 755 {tmp_path.parent} {tmp_path.parent.parent}\n"
        f"exec setpriv --reuid 65534 --regid 65534 --clear-groups {tmp_path}/bwrap --unshare-all --cap-add ALL true"
    )
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert "setuid" in done.stderr  # that is how the doctor knows it


def test_no_rights_inside(tmp_path: Path, bubblewrap: str) -> None:
    """As under the profile that Ubuntu ships: bubblewrap makes namespaces, but what runs in them has no rights."""
    fake = tmp_path / "bwrap"
    fake.write_text(
        f"#!{sys.executable}\nimport os, sys\na = sys.argv[1:]\nif '--cap-add' in a:\n"
        "    i = a.index('--cap-add')\n    del a[i:i + 2]\n"
        f"os.execv({bubblewrap!r}, ['bwrap', *a])\n"
    )
    fake.chmod(0o755)
    said = run([], DOCTOR, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert "✗ rights in there" in said
    assert "unshare: Operation not permitted" in said


def test_grading_refuses_and_says_how_to_get_a_jail_or_go_without() -> None:
    for around in (SWITCHED_OFF, refusing(*NEEDED)):
        said = run(around, STARTS)
        assert said.startswith("refused:")
        assert "edf-course doctor" in said
        assert "--no-jail" in said
    said = run([], STARTS, PATH="/nowhere")
    assert said.startswith("refused: bubblewrap is not here.")
