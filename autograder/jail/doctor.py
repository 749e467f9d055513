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

from autograder.jail.jail import NAMESPACES, python

OLDEST = (0, 5)  # of bubblewrap: --clearenv, and what it does with capabilities
SHIPPED_PROFILE = (
    "/etc/apparmor.d/bwrap-userns-restrict"  # lets bubblewrap make namespaces, and takes away their rights
)
APPARMOR = """\
As root, allow it to bubblewrap alone; write into /etc/apparmor.d/bwrap

    abi <abi/4.0>,
    include <tunables/global>

    profile bwrap {bwrap} flags=(unconfined) {{
      userns,
      include if exists <local/bwrap>
    }}

and run: apparmor_parser -r /etc/apparmor.d/bwrap"""
WITHOUT_SHIPPED = f"""\
Before that take away the profile of the same name that Ubuntu ships, with which nothing has rights in there:
    ln -s {SHIPPED_PROFILE} /etc/apparmor.d/disable/
    apparmor_parser -R {SHIPPED_PROFILE}"""
DOCKER = """\
Start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined; it needs no --privileged.
Narrower than the first: Docker's own profile that allows besides clone, clone3, unshare, mount, umount2, pivot_root and
sethostname (--security-opt seccomp=FILE). The machine that the container runs on must allow user namespaces."""
KUBERNETES = """\
Give the container in the pod this securityContext:

    securityContext:
      seccompProfile: {type: Unconfined}
      appArmorProfile: {type: Unconfined}

(a JupyterHub's: KubeSpawner.container_security_context, in Zero to JupyterHub under hub.config). The nodes must allow
user namespaces. Or grade on a machine of its own: submissions can be copied there."""
NO_LINUX = """\
Jails are made of Linux: grade on a Linux machine or in a virtual machine with Linux (on Windows in WSL 2, on macOS for
example in Lima or Multipass). Everything else of the course works here."""
WSL_1 = """\
WSL 1 has no Linux kernel, WSL 2 has. In PowerShell: wsl --list, and with the name that it says:
wsl --set-version NAME 2"""
SETUID = """\
This bubblewrap is setuid root, and then gives nobody rights in there. As root: chmod u-s {bwrap}, and allow user
namespaces: sysctl kernel.unprivileged_userns_clone=1 (and into /etc/sysctl.d to stay)."""
# Whether what runs inside can make mounts and processes of its own, as the warm process does for each submission.
UNSHARES = (
    "import ctypes, os; c = ctypes.CDLL(None, use_errno=True)\n"
    "if c.unshare(0x28020000): raise SystemExit('unshare: ' + os.strerror(ctypes.get_errno()))"
)
IN_ALL = (*NAMESPACES, "--ro-bind", "/", "/")
LAYERS = {
    "user namespaces": ("--unshare-user", "--ro-bind", "/", "/", "--", "true"),
    "mounts, processes and a network of its own": (*IN_ALL, "--dev", "/dev", "--tmpfs", "/tmp", "--", "true"),
    "rights in there for what runs inside": (*IN_ALL, "--", str(python()), "-I", "-S", "-c", UNSHARES),
}


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
    """Look at one layer after the other, by trying it; the first that fails is the last, for the others stand on it."""
    if machine.system != "Linux":
        yield Finding(f"Linux (this is {machine.system})", False, NO_LINUX)
        return
    kernel = machine.read("/proc/version") or ""
    if "Microsoft" in kernel and "WSL2" not in kernel:
        yield Finding("Linux (this is WSL 1)", False, WSL_1)
        return
    yield Finding("Linux", True)
    yield Finding(
        "libseccomp", machine.has_library("libseccomp.so.2"), "apt install libseccomp2, or: dnf install libseccomp"
    )
    bwrap = machine.which("bwrap")
    if bwrap is None:
        yield Finding("bubblewrap", False, "apt install bubblewrap, or: dnf install bubblewrap")
        return
    said = machine.run(bwrap, "--version")[1]
    new_enough = _version(said) >= OLDEST
    yield Finding(said, new_enough, f"It is too old: {'.'.join(map(str, OLDEST))} is needed at least.")
    for what, arguments in LAYERS.items() if new_enough else ():
        code, said = machine.run(bwrap, *arguments)
        yield Finding(what, code == 0, why_not(machine, bwrap, said) if code else "")
        if code:
            return


def why_not(machine: Machine, bwrap: str, said: str) -> str:
    """Why a layer fails, as far as the machine tells, and what to do."""
    if machine.read("/proc/sys/user/max_user_namespaces") == "0":
        return "They are switched off. As root: sysctl user.max_user_namespaces=15000 (and into /etc/sysctl.d to stay)."
    if "setuid" in said:
        return SETUID.format(bwrap=bwrap)
    if machine.read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "They are for root only. As root: sysctl kernel.unprivileged_userns_clone=1 (and into /etc/sysctl.d)."
    told = f"What was tried says: {said}."
    if machine.variable("KUBERNETES_SERVICE_HOST"):
        return f"This is a pod whose settings do not allow them. {told}\n{KUBERNETES}"
    if machine.read("/.dockerenv") is not None or machine.read("/run/.containerenv") is not None:
        return f"This is a container whose settings do not allow them. {told}\n{DOCKER}"
    if machine.read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        profile = APPARMOR.format(bwrap=bwrap)
        shipped = f"\n{WITHOUT_SHIPPED}" if machine.read(SHIPPED_PROFILE) is not None else ""
        return f"AppArmor does not allow them, as on Ubuntu from 23.10 on. {told}\n{profile}{shipped}"
    if "Seccomp:\t2" in (machine.read("/proc/self/status") or ""):
        return f"A filter of system calls is upon this process, as in a container. {told}\n{DOCKER}"
    return f"{told} In a chroot there are none: then grade outside of it."


def _version(said: str) -> tuple[int, ...]:
    return tuple(int(part) for part in said.split()[-1].split(".") if part.isdigit()) if said else (0,)


def try_it() -> Finding:
    """Start a jail as grading does, and let it run a line."""
    from autograder.jail.jail import Jail, JailError

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
