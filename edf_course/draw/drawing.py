"""What every still picture is: a matplotlib figure, and its content in words for those who cannot see it."""

from __future__ import annotations

import base64
import html
import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import LayoutEngine

# Okabe and Ito's colours, which colour-blind readers can tell apart; none of them carries a meaning alone.
BLUE, SKY, GREEN, ORANGE, VERMILION = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"
PURPLE, BLACK, GREY = "#CC79A7", "#1A1A1A", "#555555"
PAPER = "white"  # opaque, so that a picture reads the same on a dark page
FONT = "DejaVu Sans"  # comes with matplotlib: what was measured is what is drawn
DPI = 100  # of the picture on the page; the file has twice as many, for sharp screens
MARGIN = 0.12  # inches of paper around what is drawn: on a dark page its edge shows


class Drawing:
    """A still picture for a notebook: displayed as an image with its alternative text.

    Attributes: `figure` (a matplotlib Figure that belongs to no window; `figure.savefig(path)` keeps it), `text` (the
    same in words).
    """

    def __init__(self, figure: Figure, text: str) -> None:
        self.figure = figure
        self.text = text

    def png(self) -> bytes:
        """Return the picture as a PNG file, of 128 colours: a third or less of its size, and no eye sees it."""
        from PIL import Image, PngImagePlugin

        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=2 * DPI, facecolor=PAPER)
        few = Image.open(file).convert("RGB").quantize(128, dither=Image.Dither.NONE)
        words = PngImagePlugin.PngInfo()
        words.add_itxt("Description", self.text)
        file = io.BytesIO()
        few.save(file, format="png", optimize=True, dpi=(2 * DPI, 2 * DPI), pnginfo=words)
        return file.getvalue()

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the text, the PNG, and HTML around it: JupyterLab shows no alternative text of a bare PNG."""
        png = base64.b64encode(self.png()).decode("ascii")
        width, height = (round(DPI * inches) for inches in self.figure.get_size_inches())
        image = f'<img src="data:image/png;base64,{png}" alt="{html.escape(self.text)}" width="{width}">'
        data = {"text/plain": self.text, "text/html": image, "image/png": png}
        return data, {"image/png": {"alt": self.text, "width": width, "height": height}}


def styled_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches, which belongs to no window and no pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout=layout_with_margin(), facecolor=PAPER)


def layout_with_margin() -> LayoutEngine:
    """Return matplotlib's constrained layout with a margin of paper around it."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN)


def short(value: float) -> str:
    """Write a number in about four digits, with a real minus: −0.7071, 12, 1.2e−5, nan."""
    value = float(value) + 0.0  # makes 0 of -0
    plain = value == 0 or 1e-3 <= abs(value) < 1e5 or not math.isfinite(value)
    text = f"{value:.3g}" if not plain else f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def summary(array: Any, mean: bool = False) -> str:
    """Write an array in a few characters: the number, up to four of them, "all 1", the mean or the root mean square.

    Integers, which are labels, have their least and greatest written.
    """
    entries = np.asarray(array).ravel()
    if entries.dtype.kind in "iu" and entries.size > 4 and not mean:
        return f"{entries.min()} to {entries.max()}"
    entries = entries.astype(float)
    if entries.size == 1:
        return short(entries[0])
    if mean and entries.size:
        return f"mean {short(entries.mean())}"
    if entries.size and (entries == entries[0]).all():
        return f"all {short(entries[0])}"
    if entries.size <= 4:
        return "[" + ", ".join(short(float(f"{e:.3g}")) for e in entries) + "]"
    return f"rms {short(np.sqrt(np.mean(entries**2)))}"
