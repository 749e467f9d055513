"""What a machine lacks for a jail, and what to do about it: `edf-course doctor`."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

OLDEST = (0, 5)  # of bubblewrap: --clearenv, and what it does with capabilities
APPARMOR = """\
As root, allow it to bubblewrap alone; write into /etc/apparmor.d/bwrap

    abi <abi/4.0>,
    include <tunables/global>
    profile bwrap /usr/bin/bwrap flags=(unconfined) {
      userns,
    }

and run: apparmor_parser -r /etc/apparmor.d/bwrap"""
DOCKER = """\
Start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined
--security-opt systempaths=unconfined; it needs no --privileged."""
KUBERNETES = """\
Give the pod (for a hub: singleuser.extra_pod_config or the spawner's extra_container_config) a securityContext with
seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined} and procMount: Unmasked with hostUsers: false;
or grade on a machine of its own: submissions can be copied there."""


@dataclass(frozen=True)
class Finding:
    """One thing that a jail needs: whether it is there, and what to do where it is not."""

    what: str
    there: bool
    remedy: str = ""


class Machine:
    """What is asked about a machine; tests put another in its place."""

    system = platform.system()

    def read(self, path: str) -> str | None:
        """The text of a file, or None."""
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError:
            return None

    def which(self, program: str) -> str | None:
        """Where a program is, or None."""
        return shutil.which(program)

    def run(self, *command: str) -> tuple[int, str]:
        """How a command ends, and what it says."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return 1, str(error)
        return done.returncode, (done.stdout + done.stderr).strip()

    def has_library(self, name: str) -> bool:
        """Whether a shared library can be loaded."""
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    def variable(self, name: str) -> str | None:
        """A variable of the environment, or None."""
        return os.environ.get(name)


def examine(machine: Machine) -> Iterator[Finding]:
    """Look at one thing after the other; the rest is not looked at where there is no sense in it."""
    if machine.system != "Linux":
        yield Finding(
            f"Linux (this is {machine.system})", False, "Jails are made of Linux: grade on a Linux machine, in WSL 2, "
            "or in a virtual machine. Everything else of the course works here.",
        )  # fmt: skip
        return
    yield Finding("Linux", True)
    bwrap = machine.which("bwrap")
    yield Finding("bubblewrap", bwrap is not None, "apt install bubblewrap, or: dnf install bubblewrap")
    yield Finding(
        "libseccomp", machine.has_library("libseccomp.so.2"), "apt install libseccomp2, or: dnf install libseccomp"
    )
    if bwrap is None:
        return
    said = machine.run(bwrap, "--version")[1]
    yield Finding(said, _version(said) >= OLDEST, f"It is too old: {'.'.join(map(str, OLDEST))} is needed at least.")
    trial = (bwrap, "--unshare-all", "--cap-add", "ALL", "--uid", "65534", "--ro-bind", "/", "/")
    code, said = machine.run(*trial, "--", "true")
    yield Finding("user namespaces", code == 0, why_not(machine, said) if code else "")
    if code == 0:
        code, said = machine.run(*trial, "--proc", "/proc", "--dev", "/dev", "--", "true")
        yield Finding("a /proc of its own", code == 0, f"{said}\n{_container(machine)}".strip() if code else "")


def why_not(machine: Machine, said: str) -> str:
    """Why there are no user namespaces, as far as the machine tells, and what to do."""
    if machine.read("/proc/sys/user/max_user_namespaces") == "0":
        return "They are switched off. As root: sysctl user.max_user_namespaces=15000 (and into /etc/sysctl.d to stay)."
    if machine.read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "They are for root only. As root: sysctl kernel.unprivileged_userns_clone=1 (and into /etc/sysctl.d)."
    container = _container(machine)
    if container:
        return container
    if machine.read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return f"AppArmor keeps programs from making them, as on Ubuntu from 23.10 on. {APPARMOR}"
    return f"bubblewrap says: {said}"


def _container(machine: Machine) -> str:
    if machine.variable("KUBERNETES_SERVICE_HOST"):
        return f"This is a pod whose settings do not allow them. {KUBERNETES}"
    if machine.read("/.dockerenv") is not None or machine.read("/run/.containerenv") is not None:
        return f"This is a container whose settings do not allow them. {DOCKER}"
    return ""


def _version(said: str) -> tuple[int, ...]:
    return tuple(int(part) for part in said.split()[-1].split(".") if part.isdigit()) if said else (0,)


def try_it() -> Finding:
    """Start a jail as grading does, and let it run a line."""
    from autograder.jail import Jail, JailError

    try:
        with Jail() as jail, jail.inmate():
            return Finding("a jail that starts, and confines a process", True)
    except JailError as error:
        return Finding("a jail that starts, and confines a process", False, str(error))


@click.command()
def doctor() -> None:
    """Say what this machine lacks for grading in a jail, and what to do."""
    findings = list(examine(Machine()))
    if all(f.there for f in findings):
        findings.append(try_it())
    for finding in findings:
        click.echo(f"{'✓' if finding.there else '✗'} {finding.what}")
        if not finding.there:
            click.echo("\n".join(f"    {line}" for line in finding.remedy.splitlines()))
    if not all(f.there for f in findings):
        raise click.ClickException("Submissions cannot be graded in a jail here.")
    click.echo("Submissions are graded in a jail here.")
