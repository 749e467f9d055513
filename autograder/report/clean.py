"""Markup of strangers, made harmless: what formats stays, what acts or loads something goes. TeX becomes MathML."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Callable
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from nbconvert.preprocessors.sanitize import SanitizeHTML

MOST_MARKUP = 200_000  # characters; more is shown as text
MOST_TEX = 3_000  # of one formula
TAGS = """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr
    i ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var
"""
STYLES = """
    background-color border border-bottom border-collapse border-left border-right border-top color display flex-wrap
    font-family font-size font-style font-variant-numeric font-weight gap margin max-width overflow-wrap padding
    text-align text-decoration vertical-align white-space width
"""
#: Environments of TeX that the converter knows by another name, or does without.
ENVIRONMENTS = {
    "aligned": "align*",
    "gathered": "align*",
    "gather": "align*",
    "gather*": "align*",
    "eqnarray": "align*",
}
ENVIRONMENTS |= {"equation": "", "equation*": "", "displaymath": "", "math": ""}
_ENVIRONMENT = re.compile(rf"\\(begin|end)\{{({'|'.join(map(re.escape, ENVIRONMENTS))})\}}")
LINK = re.compile(r"https?://|mailto:|#", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)


def _attribute(tag: str, name: str, value: str) -> bool:
    if name in ("style", "title"):
        return True
    if tag == "a":
        return name == "href" and LINK.match(value) is not None
    if tag in ("td", "th", "col", "colgroup"):
        return name in ("colspan", "rowspan", "span", "scope")
    return (tag, name) in {("details", "open"), ("ol", "start")}


_sanitizer = SanitizeHTML(tags=TAGS.split(), attributes=_attribute, styles=STYLES.split(), strip=True)


def clean(markup: str) -> str:
    """Return HTML with which nothing can be done but to look at it: no scripts, no frames, nothing from elsewhere."""
    if len(markup) > MOST_MARKUP:
        return f"<pre>{html.escape(markup[:MOST_MARKUP])}</pre>"
    return str(_sanitizer.sanitize_html_tags(_UNSEEN.sub("", markup)))


def clean_with_math(render: Callable[[Callable[[str, bool], str]], str]) -> str:
    """Return what `render(math)` makes, cleaned, with formulas as MathML; `math(tex, display)` stands for each of them.

    The formulas are kept aside while the rest is cleaned.
    """
    mark = f"formula-{secrets.token_hex(8)}-"
    formulas: list[str] = []

    def math(tex: str, display: bool) -> str:
        formulas.append(mathml(tex, display))
        return f"{mark}{len(formulas) - 1}."

    return re.sub(rf"{mark}(\d+)\.", lambda m: formulas[int(m[1])], clean(render(math)))


def _environment(found: re.Match[str]) -> str:
    name = ENVIRONMENTS[found[2]]
    return f"\\{found[1]}{{{name}}}" if name else " "


def mathml(tex: str, display: bool) -> str:
    """Return a formula as MathML, which browsers show by themselves; as code where it is no TeX that can be read."""
    tex = tex.strip()
    try:
        if len(tex) > MOST_TEX:
            raise ValueError("too long")
        made = convert_to_element(_ENVIRONMENT.sub(_environment, tex), display="block" if display else "inline")
    except Exception:  # of many kinds, for what a student may write
        return f"<code>{html.escape(tex)}</code>"
    for element in made.iter():  # signs are there by their numbers in HTML; what a student wrote is escaped below
        element.text = html.unescape(element.text or "")
    made.set("alttext", tex)
    if display:  # where it is wider than the page, it is scrolled, also by keys
        made.set("tabindex", "0")
    return ElementTree.tostring(made, encoding="unicode")
