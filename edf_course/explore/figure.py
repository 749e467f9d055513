"""What every explorable shares: a front end in files beside the Python, a still picture, and words for it.

A new explorable `name` is four pieces: a pure class or function that computes (tested without a notebook),
`name.py` with a `Figure` whose traits the front end reads, `name.js` and `name.css`. These two are sent along
as text, with `figure.js` and `figure.css` in front of them, so that a figure fetches nothing.
"""

from __future__ import annotations

import asyncio
import base64
import io
from importlib import resources
from typing import Any

import anywidget
from matplotlib.figure import Figure as Picture
from traitlets import TraitError, Unicode


def front_end(name: str) -> tuple[str, str]:
    """Return the script and the style of the explorable `name`, each with the shared part in front."""
    here = resources.files("edf_course.explore")
    script, style = (
        "\n".join((here / f"{part}.{ending}").read_text(encoding="utf-8") for part in ("figure", name))
        for ending in ("js", "css")
    )
    return script, style


class Figure(anywidget.AnyWidget):
    """A figure that is alive in a notebook, and a still picture with a text where the notebook is only read.

    Subclasses set `_esm, _css = front_end(name)`, and write `picture` and `describe`.
    """

    message = Unicode("", help="What the figure says about itself, an error too.").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._loop = running_loop()
        super().__init__(**traits)

    def picture(self) -> Picture:
        """Draw the figure as it stands, for pages on which nothing is alive."""
        raise NotImplementedError(f"{type(self).__name__} has no picture method.")

    def describe(self) -> str:
        """Say in words what the figure shows, for those who cannot see it."""
        raise NotImplementedError(f"{type(self).__name__} has no describe method.")

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        text = self.describe()
        png = io.BytesIO()
        self.picture().savefig(png, format="png")
        data |= {"text/plain": text, "image/png": base64.b64encode(png.getvalue()).decode("ascii")}
        return data, {**metadata, "image/png": {"alt": text}}

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        """Handle a message of the front end in the thread in which cells run.

        JupyterLab sends such messages to a subshell, which is another thread: a value would change in the
        middle of a step, and two threads would send at once.
        """
        if self._loop is None or self._loop is running_loop():
            super()._handle_msg(msg)
        else:
            self._loop.call_soon_threadsafe(super()._handle_msg, msg)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take values from the front end; where one is refused, say why there, and put the old value back."""
        try:
            super().set_state(sync_data)
        except TraitError as error:
            self.message = str(error)
            self.send_state([name for name in sync_data if name in self.keys])


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop of this thread, or None where there is none (a plain script)."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
