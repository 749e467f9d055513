"""What `edf-course doctor` says of machines that lack something."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from click.testing import CliRunner

from autograder.jail.doctor import SHIPPED_PROFILE, Machine, doctor, examine
from tests.tools import needs

BWRAP = "/usr/bin/bwrap"


class Imagined(Machine):
    """A machine as a test wants it: bubblewrap is there, and says what it is told to say."""

    def __init__(
        self, trial: tuple[int, str] = (0, ""), files: Mapping[str, str] | None = None, bwrap: str | None = BWRAP,
        version: str = "bubblewrap 0.8.0", system: str = "Linux", library: bool = True, **variables: str,
    ) -> None:  # fmt: skip
        self.trial, self.files, self.bwrap, self.version = trial, files or {}, bwrap, version
        self.system, self.library, self.variables = system, library, variables

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def which(self, program: str) -> str | None:
        return self.bwrap

    def run(self, *command: str) -> tuple[int, str]:
        return (0, self.version) if "--version" in command else self.trial

    def has_library(self, name: str) -> bool:
        return self.library

    def variable(self, name: str) -> str | None:
        return self.variables.get(name)


DENIED = (1, "bwrap: No permissions to create new namespace")
SETUID = (1, "bwrap: --cap-add in setuid mode can be used only by root")
UBUNTU = {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}


@pytest.mark.parametrize(
    ("machine", "remedy"),
    [
        (Imagined(system="Darwin"), "WSL 2"),
        (Imagined(bwrap=None), "apt install bubblewrap"),
        (Imagined(library=False), "apt install libseccomp2"),
        (Imagined(version="bubblewrap 0.3.1"), "too old"),
        (Imagined(DENIED, {"/proc/sys/user/max_user_namespaces": "0"}), "sysctl user.max_user_namespaces"),
        (Imagined(DENIED, {"/proc/sys/kernel/unprivileged_userns_clone": "0"}), "unprivileged_userns_clone=1"),
        (Imagined(DENIED, UBUNTU), "profile bwrap /usr/bin/bwrap flags=(unconfined) {\n      userns,"),
        (Imagined(DENIED, UBUNTU | {SHIPPED_PROFILE: "profile bwrap"}), f"apparmor_parser -R {SHIPPED_PROFILE}"),
        (Imagined(files={"/proc/version": "Linux version 4.4.0-19041-Microsoft"}), "wsl --set-version"),
        (Imagined(DENIED, {"/proc/self/status": "Name:\tpython\nSeccomp:\t2\n"}), "A filter of system calls"),
        (Imagined(SETUID), "chmod u-s /usr/bin/bwrap"),
        (Imagined(DENIED, {"/.dockerenv": ""}), "--security-opt seccomp=unconfined"),
        (Imagined(DENIED, KUBERNETES_SERVICE_HOST="10.0.0.1"), "seccompProfile"),
        (Imagined(DENIED), "No permissions to create new namespace"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(machine: Machine, remedy: str) -> None:
    missing = [f for f in examine(machine) if not f.there]
    assert len(missing) >= 1
    assert remedy in missing[0].remedy


def test_a_machine_that_has_everything_lacks_nothing() -> None:
    assert all(f.there for f in examine(Imagined()))
    assert all(f.there for f in examine(Imagined(files={"/proc/version": "Linux 5.15 microsoft-standard-WSL2"})))


def test_ubuntu_s_own_profile_is_taken_away_only_where_it_is() -> None:
    missing = [f for f in examine(Imagined(DENIED, UBUNTU)) if not f.there]
    assert "apparmor_parser -R" not in missing[0].remedy


def test_the_first_layer_that_fails_is_the_last_that_is_looked_at() -> None:
    assert [f.there for f in examine(Imagined(DENIED))] == [True, True, True, False]


def test_the_command_starts_a_jail_and_says_that_it_works() -> None:
    needs("bwrap")
    result = CliRunner().invoke(doctor)
    assert result.exit_code == 0, result.output
    assert "✓ a jail that starts" in result.output


def test_the_command_fails_where_there_can_be_no_jail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = CliRunner().invoke(doctor)
    assert result.exit_code == 1
    assert "✗ bubblewrap" in result.output
    assert "apt install bubblewrap" in result.output
