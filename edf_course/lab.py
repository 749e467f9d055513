"""Lays the lectures out in a folder of one's own and opens JupyterLab there.

What a person has written is theirs: a file that is there is never overwritten. A small record in the folder remembers
which release of each file was laid out, so a newer one can be laid beside it, and said once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

RECORD = ".edf-course.json"  # in the workspace: {file: version that was laid out last}
SERVER_CONFIG = Path(__file__).parent / "jupyter_config"


class LabError(Exception):
    """JupyterLab or the folder to work in cannot be made ready; the message says what to do."""


def lectures_folder() -> Path:
    """Where the released lectures are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "_lectures", package.parent / "lectures"):
        if folder.is_dir():
            return folder
    raise LabError("This installation holds no lectures: install edf-course again.")


def copy_lectures(source: Path, workspace: Path) -> list[str]:
    """Copy the lectures that are not in the workspace yet, and return what a person should know, one line each.

    Where a file is there already and its release is another one than before, the new release is laid beside it, as
    `04_edf.new-<version>.ipynb`.
    Raises: LabError where the workspace cannot be written.
    """
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        laid_out = _read_record(workspace)
        before = dict(laid_out)
        notices = []
        for released in sorted(path for path in source.rglob("*") if _is_released(path, source)):
            name = released.relative_to(source).as_posix()
            notices += _lay_out(released, workspace / name, laid_out.get(name))
            laid_out[name] = version_of(released.read_bytes())
        if laid_out != before:
            _write(workspace / RECORD, (json.dumps(laid_out, indent=1, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise LabError(f"The lectures cannot be copied to {workspace}: {error.strerror or error}.") from error
    return notices


def _is_released(path: Path, source: Path) -> bool:
    parts = path.relative_to(source).parts
    return path.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts)


def _lay_out(released: Path, target: Path, laid_out: str | None) -> list[str]:
    """Lay one released file out at `target`, or beside it; `laid_out` is the version that was laid out before."""
    content = released.read_bytes()
    version = version_of(content)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, content)
        return []
    if version in (laid_out, version_of(target.read_bytes())):
        return []
    beside = target.with_name(f"{target.stem}.new-{version}{target.suffix}")
    if beside.exists():
        return []
    _write(beside, content)
    return [f"{target} is yours and stays as it is; a new release of it is beside it, as {beside.name}."]


def version_of(content: bytes) -> str:
    """The version of a released file: the one in a notebook's metadata, else the start of its hash."""
    try:
        version = json.loads(content)["metadata"]["edf_course"]["version"]
    except (ValueError, KeyError, TypeError):
        return hashlib.sha256(content).hexdigest()[:8]
    return re.sub(r"[^A-Za-z0-9._-]", "-", str(version))


def _read_record(workspace: Path) -> dict[str, str]:
    """What was laid out before; nothing where the record is missing or damaged, then the files themselves tell."""
    try:
        record = json.loads((workspace / RECORD).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(version) for name, version in record.items()} if isinstance(record, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: nobody finds half a notebook after a crash."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def check_port(port: int) -> None:
    """Raise LabError where `port` of this machine cannot be listened on."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # a machine without IPv6
        with probe:
            if os.name != "nt":  # as the server does: a port that was closed a moment ago is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except PermissionError as error:
                raise LabError(f"Port {port} needs an administrator's rights: choose one above 1023.") from error
            except OSError as error:
                if family == socket.AF_INET6 and not _has_address(address):
                    continue
                raise LabError(
                    f"Port {port} is already taken by another program: choose another, or name none and a free one "
                    "is found."
                ) from error


def _has_address(address: str) -> bool:
    """Whether this machine has the IPv6 `address`: any port of it can be bound then."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def lab_command(folder: Path, port: int | None, arguments: Sequence[str]) -> list[str]:
    """The command that starts JupyterLab in `folder`; without a port Jupyter takes the first free one from 8888.

    Modules are not looked for in `folder` (-P): a file called random.py there is no reason not to start.
    """
    command = [sys.executable, "-P", "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"]
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if is_root():
        command.append("--allow-root")
    return [*command, *arguments]


def is_root() -> bool:
    """Whether this is the administrator, whom Jupyter turns away unless told otherwise. Never so on Windows."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _environment() -> dict[str, str]:
    """This environment with our server's settings, and with our Python first, for terminals and `!pip` in a cell."""
    before = {"JUPYTER_CONFIG_PATH": str(SERVER_CONFIG), "PATH": sysconfig.get_path("scripts")}
    joined = {name: os.pathsep.join(filter(None, (first, os.environ.get(name)))) for name, first in before.items()}
    return {**os.environ, **joined}


def start_lab(folder: Path, port: int | None, arguments: Sequence[str]) -> int:
    """Run JupyterLab in `folder` until it is stopped, and return its exit code.

    Raises: LabError where JupyterLab is not installed or the port is taken.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabError(f"JupyterLab is missing: {sys.executable} -m pip install edf-course")
    if port is not None:
        check_port(port)
    process = subprocess.Popen(lab_command(folder, port, arguments), cwd=folder, env=_environment())
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # Jupyter has heard Ctrl-C too, and asks whether it is meant
