"""The jail needs no root: started by an ordinary user it confines as well (as all tests show that one runs)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import needs

REPOSITORY = Path(__file__).parents[2]
# In mounts of its own: Python, where only root may look, is put where everybody can; then root is given up.
SCRIPT = """\
set -e
if [ "${PYTHON#/root/}" != "$PYTHON" ]; then
  mkdir "$FOLDER/python"
  mount --bind "$PYTHON" "$FOLDER/python"
  mount -t tmpfs -o mode=755 tmpfs /root
  mkdir -p "$PYTHON"
  mount --bind "$FOLDER/python" "$PYTHON"
fi
cd /
exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"
"""
PROGRAM = """\
import os
from autograder.jail.jail import Jail
from autograder.submission.submission import grade
from tests.attacks.catalogue import ATTACKS
from tests.attacks.lecture import LECTURE, LIMITS, SECRET, submission
assert os.getuid() == 65534
with Jail(LIMITS) as jail:
    for attack in [a for a in ATTACKS if a.row in (8, 9, 13, 14, 18)]:
        got = tuple(e.points for e in grade(attack.content, LECTURE, SECRET, jail).exercises)
        assert got == attack.deserves, attack.name
        assert grade(submission(), LECTURE, SECRET, jail).points == 18
print("as an ordinary user")
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become an ordinary user")
@pytest.mark.skipif(REPOSITORY.is_relative_to("/root"), reason="an ordinary user cannot read what lies in /root")
@pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("setpriv"), reason="needs util-linux")
def test_the_jail_confines_when_an_ordinary_user_starts_it(tmp_path: Path) -> None:
    needs("bwrap")
    variables = {"PYTHON": sys.base_prefix, "FOLDER": str(tmp_path), "PYTHONPATH": str(REPOSITORY), "HOME": "/tmp"}
    command = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "as an ordinary user", done.stderr
