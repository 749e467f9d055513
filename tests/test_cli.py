"""`edf-course lab`: it lays lectures out without ever touching what is there, and serves them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edf_course import cli, lab


def notebook(version: str, text: str = "") -> bytes:
    content = {"cells": [], "metadata": {"edf_course": {"version": version}, "text": text}}
    return json.dumps({**content, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "lectures"
    (folder / "04_edf").mkdir(parents=True)
    (folder / "04_edf" / "04_edf.ipynb").write_bytes(notebook("1"))
    (folder / "04_edf" / "digits.png").write_bytes(b"a picture")
    return folder


@pytest.fixture
def workspace(tmp_path: Path, source: Path) -> Path:
    """A workspace that holds release 1."""
    folder = tmp_path / "workspace"
    assert lab.copy_lectures(source, folder) == []
    return folder


def release(source: Path, version: str) -> None:
    (source / "04_edf" / "04_edf.ipynb").write_bytes(notebook(version))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_lectures_and_what_lies_beside_them_are_copied(source: Path, workspace: Path) -> None:
    assert {name: content for name, content in files_of(workspace).items() if name != lab.RECORD} == files_of(source)


def test_hidden_files_and_caches_are_not_copied(source: Path, tmp_path: Path) -> None:
    for name in (".ipynb_checkpoints", "__pycache__"):
        (source / "04_edf" / name).mkdir()
        (source / "04_edf" / name / "x").write_bytes(b"")
    lab.copy_lectures(source, tmp_path / "workspace")
    assert not list((tmp_path / "workspace").rglob("x"))


def test_a_second_copy_changes_and_says_nothing(source: Path, workspace: Path) -> None:
    before = files_of(workspace)
    assert lab.copy_lectures(source, workspace) == []
    assert files_of(workspace) == before


@pytest.mark.parametrize("record", [True, False])
def test_a_students_work_stays_as_it_is(source: Path, workspace: Path, record: bool) -> None:
    mine = workspace / "04_edf" / "04_edf.ipynb"
    mine.write_bytes(notebook("1", "my answer"))
    if not record:
        (workspace / lab.RECORD).unlink()
    assert lab.copy_lectures(source, workspace) == []
    assert mine.read_bytes() == notebook("1", "my answer")
    assert len(list(mine.parent.iterdir())) == 2


def test_a_new_release_is_laid_beside_and_said_once(source: Path, workspace: Path) -> None:
    mine = workspace / "04_edf" / "04_edf.ipynb"
    mine.write_bytes(notebook("1", "my answer"))
    release(source, "2")
    notices = lab.copy_lectures(source, workspace)
    assert len(notices) == 1
    assert "04_edf.new-2.ipynb" in notices[0]
    assert "\n" not in notices[0]
    assert mine.read_bytes() == notebook("1", "my answer")
    assert (mine.parent / "04_edf.new-2.ipynb").read_bytes() == notebook("2")
    assert lab.copy_lectures(source, workspace) == []


def test_a_new_release_beside_is_never_overwritten_either(source: Path, workspace: Path) -> None:
    release(source, "2")
    beside = workspace / "04_edf" / "04_edf.new-2.ipynb"
    beside.write_bytes(b"what I wrote into the new one")
    assert lab.copy_lectures(source, workspace) == []
    assert beside.read_bytes() == b"what I wrote into the new one"


def test_a_new_release_that_was_deleted_does_not_come_back(source: Path, workspace: Path) -> None:
    release(source, "2")
    lab.copy_lectures(source, workspace)
    (workspace / "04_edf" / "04_edf.new-2.ipynb").unlink()
    assert lab.copy_lectures(source, workspace) == []
    assert not (workspace / "04_edf" / "04_edf.new-2.ipynb").exists()


def test_a_deleted_lecture_is_laid_out_again(source: Path, workspace: Path) -> None:
    (workspace / "04_edf" / "04_edf.ipynb").unlink()
    lab.copy_lectures(source, workspace)
    assert (workspace / "04_edf" / "04_edf.ipynb").read_bytes() == notebook("1")


def test_a_file_without_a_version_goes_by_its_content(source: Path, workspace: Path) -> None:
    (source / "04_edf" / "digits.png").write_bytes(b"another picture")
    assert len(lab.copy_lectures(source, workspace)) == 1
    assert (workspace / "04_edf" / "digits.png").read_bytes() == b"a picture"


@pytest.mark.parametrize("damage", ["", "{", "[]", "\x00"])
def test_a_damaged_record_costs_no_work(source: Path, workspace: Path, damage: str) -> None:
    mine = workspace / "04_edf" / "04_edf.ipynb"
    mine.write_bytes(b"not even a notebook")
    (workspace / lab.RECORD).write_text(damage)
    lab.copy_lectures(source, workspace)
    assert mine.read_bytes() == b"not even a notebook"
    assert json.loads((workspace / lab.RECORD).read_text())["04_edf/04_edf.ipynb"] == "1"


def test_a_version_cannot_lead_out_of_the_folder(source: Path, workspace: Path) -> None:
    release(source, "../../2")
    lab.copy_lectures(source, workspace)
    assert (workspace / "04_edf" / "04_edf.new-..-..-2.ipynb").exists()


def test_an_interrupted_copy_leaves_no_half_file(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(lab.LabError, match="No space left on device"):
        lab.copy_lectures(source, tmp_path / "workspace")
    assert files_of(tmp_path / "workspace") == {}


def test_a_workspace_that_is_a_file_is_said(source: Path, tmp_path: Path) -> None:
    (tmp_path / "workspace").write_text("")
    with pytest.raises(lab.LabError, match="cannot be copied to"):
        lab.copy_lectures(source, tmp_path / "workspace")


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_taken_port_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    with taken_port() as port:
        result = CliRunner().invoke(cli.main, ["lab", "--dir", str(tmp_path / "w"), "--port", str(port)])
    assert result.exit_code == 1
    assert f"Port {port} is already taken" in result.output
    assert not (tmp_path / "w").exists()


def test_a_free_port_passes() -> None:
    port = free_port()
    lab.check_port(port)
    with socket.socket() as server:  # it was left free
        server.bind(("127.0.0.1", port))
        assert server.getsockname()[1] == port


@pytest.mark.parametrize("port", ["0", "65536", "eight"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert CliRunner().invoke(cli.main, ["lab", "--port", port]).exit_code == 2


def test_a_port_is_kept_to_and_only_then() -> None:
    assert "--ServerApp.port_retries=0" in lab.lab_command(Path(), 8899, [])
    assert not [word for word in lab.lab_command(Path(), None, []) if "port" in word]


def test_root_is_allowed_only_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert "--allow-root" in lab.lab_command(Path(), None, [])
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert "--allow-root" not in lab.lab_command(Path(), None, [])
    monkeypatch.delattr(os, "geteuid")  # as on Windows
    assert "--allow-root" not in lab.lab_command(Path(), None, [])


def test_a_jupyterlab_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(cli.main, ["lab", "--dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "JupyterLab is missing" in result.output


def test_a_jupyterlab_that_fails_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edf_course.cli", "lab", "--dir", str(tmp_path)]
    ended = subprocess.run(
        [*command, "--ServerApp.port=none"], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "JupyterLab ended with code" in ended.stderr


def test_jupyterlab_runs_in_the_folder_and_finds_our_python_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started:
        def __init__(self, command: list[str], cwd: Path, env: dict[str, str]) -> None:
            self.cwd, self.env = cwd, env

        def wait(self) -> int:
            assert self.cwd == tmp_path
            assert Path(self.env["PATH"].split(os.pathsep)[0]) == Path(sys.executable).parent
            assert self.env["PATH"].endswith(os.environ["PATH"])
            assert self.env["JUPYTER_CONFIG_PATH"] == os.pathsep.join([str(lab.SERVER_CONFIG), "/mine"])
            return 7

    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/mine")
    monkeypatch.setattr(lab.subprocess, "Popen", Started)
    monkeypatch.setattr(lab.signal, "signal", lambda *_: None)
    assert lab.start_lab(tmp_path, None, []) == 7


def test_other_distributions_add_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("greet", "tests.test_cli:greet", cli.COMMANDS)
    monkeypatch.setattr(cli, "entry_points", lambda **wanted: EntryPoints([entry]).select(**wanted))
    assert "greet" in CliRunner().invoke(cli.main, ["--help"]).output
    assert CliRunner().invoke(cli.main, ["greet"]).output == "Hello.\n"


@click.command()
def greet() -> None:
    click.echo("Hello.")


def test_an_unknown_command_is_said() -> None:
    result = CliRunner().invoke(cli.main, ["teach"])
    assert result.exit_code == 2
    assert "No such command 'teach'" in result.output


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str], str]]:
    """A running `edf-course lab`: the process, what it has printed, and its address."""
    environment = {**os.environ, "HOME": str(folder.parent / "home"), "JUPYTER_CONFIG_PATH": ""}
    command = [sys.executable, "-m", "edf_course.cli", "lab", "--dir", str(folder), "--no-browser", *arguments]
    process = subprocess.Popen(
        command,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    printed: list[str] = []
    reader = threading.Thread(target=printed.extend, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        yield process, printed, wait_for_address(process, printed)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(5)


def wait_for_address(process: subprocess.Popen[str], printed: list[str], seconds: float = 90) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        address = re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", "".join(printed))
        if address:
            return address.group()
        time.sleep(0.1)
    pytest.fail("JupyterLab printed no address:\n" + "".join(printed))


def wait_until_quiet(printed: list[str]) -> None:
    """Wait until Jupyter has started everything: a Ctrl-C while its threads start can leave it waiting for them."""
    lines = -1
    while lines != len(printed):
        lines = len(printed)
        time.sleep(1)


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_lab_serves_the_lectures_and_stops_at_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "random.py").write_text("raise SystemExit('a file of a student')")
    with served(tmp_path / "a folder", "--port", str(port), "--debug") as (process, printed, address):
        assert f":{port}/" in address
        with urllib.request.urlopen(address, timeout=30) as page:
            assert page.status == 200
        contents = address.replace("/lab?", "/api/contents/04_edf?")
        with urllib.request.urlopen(contents, timeout=30) as listing:
            names = [entry["name"] for entry in json.load(listing)["content"]]
        assert "04_edf.ipynb" in names
        wait_until_quiet(printed)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal sends at Ctrl-C
        assert process.wait(30) == 0
    assert any(re.search(r"Loaded config file.*jupyter_server_config\.py", line) for line in printed)
    assert "Traceback" not in "".join(printed)


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_no_server_is_left_when_the_command_is_ended(tmp_path: Path) -> None:
    with served(tmp_path / "w") as (process, _, address):
        process.terminate()
        assert process.wait(30) == 0
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(address, timeout=5)


def test_kernel_messages_are_sent_at_once() -> None:
    program = (
        "import asyncio, runpy, sys\n"
        "from traitlets.config import Config\n"
        "from jupyter_server.services.kernels.websocket import KernelWebsocketHandler as Handler\n"
        "seen = []\n"
        "async def opened(self, kernel_id): seen.append(kernel_id)\n"
        "Handler.open = opened\n"
        "runpy.run_path(sys.argv[1], {'get_config': Config})\n"
        "handler = type('Fake', (), {'set_nodelay': lambda self, on: seen.append(on)})()\n"
        "asyncio.run(Handler.open(handler, 'kernel'))\n"
        "print(seen)\n"
    )
    config = lab.SERVER_CONFIG / "jupyter_server_config.py"
    ended = subprocess.run([sys.executable, "-c", program, config], capture_output=True, text=True, check=True)
    assert ended.stdout == "[True, 'kernel']\n"
