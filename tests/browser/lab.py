"""A real JupyterLab for browser tests, and a notebook in it as a page of Playwright shows it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"

OVERRIDES = {  # nothing that asks the network, nothing that moves cells away while a test looks at them
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/extensionmanager-extension:plugin": {"enabled": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
ARGUMENTS = (
    "--no-browser",
    "--ip=127.0.0.1",
    "--allow-root",  # containers of continuous integration
    "--ServerApp.port_retries=0",
    "--IdentityProvider.token=",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.expose_app_in_browser=True",
)


class Lab:
    """A running JupyterLab: `folder` is where its files are, `url` its address."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def open(self, page: Any, name: str, notebook: Any = None) -> Notebook:
        """Open `name` in `page`; `notebook`, a node or the sources of cells, is written there first."""
        if notebook is not None:
            node = notebook if isinstance(notebook, Mapping) else notebook_of(notebook)
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(node, self.folder / name)
        page.goto(f"{self.url}/lab/tree/{name}?reset")
        return Notebook(page)


def notebook_of(sources: Sequence[str]) -> Any:
    """A notebook with one code cell for each source."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return new_notebook(cells=[new_code_cell(source) for source in sources], metadata=kernel)


@contextlib.contextmanager
def running_lab(
    folder: Path, scratch: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Lab]:
    """Run JupyterLab on `folder`, with everything that it would keep for a person under `scratch` instead.

    `arguments` and `environment` are added to the server's own, for nbgrader's formgrader for instance.
    """
    settings = scratch / "settings"
    settings.mkdir(parents=True)
    (settings / "overrides.json").write_text(json.dumps(OVERRIDES))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = [f"--ServerApp.root_dir={folder}", f"--LabApp.app_settings_dir={settings}"]
    command = [sys.executable, "-m", "jupyterlab", *ARGUMENTS, f"--port={port}", *folders, *arguments]
    env = os.environ | _own_environment(scratch) | dict(environment or {})
    log = scratch / "server.log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=stream, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until(lambda: server.poll() is not None or _answers(f"{url}/api/status"), 60, log.read_text)
        assert server.poll() is None, log.read_text()
        yield Lab(folder, url)
    finally:
        server.terminate()  # ends its kernels too
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


NOTEBOOK = "jupyterapp.shell.currentWidget"


class Notebook:
    """The notebook that is open in `page`."""

    def __init__(self, page: Any) -> None:
        self.page = page
        page.wait_for_function(f"() => window.{NOTEBOOK.replace('.', '?.')}?.context?.sessionContext", timeout=60_000)
        page.evaluate(
            f"async () => {{ const {{context}} = {NOTEBOOK};"
            " await context.ready; await context.sessionContext.ready; }"
        )

    def run_all(self, seconds: float = 60) -> None:
        """Run all cells and wait until each has run."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(
            f"() => {NOTEBOOK}.content.widgets.every(({{model}}) => model.type !== 'code'"
            " || !model.sharedModel.getSource().trim() || model.executionCount !== null)",
            timeout=1000 * seconds,
        )

    def kernel(self, expression: str, code: str = "") -> str:
        """Run `code` in the kernel, beside the cells, and return the repr of `expression`."""
        answer = self.page.evaluate(
            f"async ([code, value]) => {{ const {{kernel}} = {NOTEBOOK}.context.sessionContext.session;"
            " const request = kernel.requestExecute({code, silent: true, user_expressions: {value}});"
            " return (await request.done).content; }",
            [code, expression],
        )
        assert answer["status"] == "ok", answer
        value = answer["user_expressions"]["value"]
        assert value["status"] == "ok", value
        return str(value["data"]["text/plain"])

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme, "JupyterLab Light" or "JupyterLab Dark"."""
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)


def violations(page: Any, selector: str) -> list[str]:
    """What axe-core finds inside `selector` that is serious or critical, one line each."""
    found = Axe().run(page, context=selector).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def screenshot(target: Any, name: str) -> Path:
    """Keep a picture of a page or of a part of it, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png"
    target.screenshot(path=path)
    return path


def _own_environment(scratch: Path) -> dict[str, str]:
    homes = ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(scratch / name.lower()) for name in (*homes, "MPLCONFIGDIR")}
    for path in own.values():
        Path(path).mkdir()
    own["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return own


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_until(condition: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, why()
        time.sleep(0.1)
