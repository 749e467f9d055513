"""How a wrong number is said: right or wrong in words, with one entry as an example."""

from __future__ import annotations

import re

import numpy as np

from edf_course.exercises.marking import Comparison, worst_entry

WHAT = {"value": "value", "gradient": "numerical gradient", "jacobian": "Jacobian"}
NUMBERED = re.compile(r"(value|grad)(\d+)")  # of the first parameter, the second …
COUNTS = {
    "missing": "{n} of the {of} nodes that lead to the root are not in your list.",
    "foreign": "Your list holds things that are no nodes.",
    "earlier": "Your list holds nodes of another graph, which was asked for before.",
    "lost": "Asked for a second time, {n} of the {of} nodes are not in your list any more.",
    "repeated": "{n} of the {of} nodes are in your list more than once.",
    "early": "{n} of the {of} edges point the wrong way: a node comes before an operand that it was made from.",
    "unfinished": "The root is not the last node of your list.",
}  # arrays of flags: what to say where some are set

#: How much a hint says: points only, which part is wrong, also what kind of wrong it is, everything.
LEVELS = ("off", "place", "kind", "name")

#: By aspect: under which circumstances it is asked.
WHERE = {
    "accumulates": "where a node is read twice",
    "repeatable": "when it runs again: twice, with other values, or beside another of its kind",
    "any shape": "with another shape or number of examples",
    "large inputs": "where numbers are very large or very small",
    "at zero": "where x is exactly 0",
    "any depth": "with another number of layers",
    "integers": "where x holds integers",
    "reuse": "where a value is read more than once",
    "order": "where nodes are read more than once",
    "equal numbers": "where nodes hold the same number",
    "several steps": "after several steps",
    "first step": "in the first step",
    "several parameters": "where there are several parameters",
}


def what_is_wrong(c: Comparison, source: str = "it should be", with_ratio: bool = True) -> str:
    """Say what is wrong with one array, with the entry that is furthest off as the example.

    `source` introduces the right number: "it should be", or "finite differences say"; `with_ratio` says "twice as much"
    where it is.
    """
    thing, symbol, operand = _naming(c.name)
    if c.name.startswith("apart"):
        return "What step returns is not the list of parameters, or not what the arrays themselves hold."
    if c.got is None:
        return f"Your {thing} did not come."
    if c.got.shape != c.right.shape:
        return f"Your {thing} has shape {c.got.shape}, but {c.right.shape} is right here."
    if c.name.startswith("changed."):
        most = number(float(np.abs(c.got).max()))
        return f"Afterwards {_changed(c.name)} is not what it was: it changed by up to {most}."
    if c.got.dtype.kind == "c":
        return f"Your {thing} is complex; a real one is asked for."
    if c.name in COUNTS:
        return COUNTS[c.name].format(n=int(c.got.sum()), of=c.got.size)
    entry = worst_entry(c.got, c.right)
    got, right = float(c.got[entry]), float(c.right[entry])
    x = c.context.operands.get(operand) if c.context else None
    index = f"[{', '.join(map(str, entry))}]" if entry else ""
    at = f"{symbol}{index}"
    if x is not None and x.shape == c.right.shape:
        at = f"{operand.split('.')[-1]}{index} = {number(float(x[entry]))}"
    ratio = _ratio(got, right) if with_ratio else ""
    said, asked = _told_apart(got, right)
    return f"At {at} your {thing} is {said}; {source} {asked}{ratio}."


def place_of(c: Comparison) -> str:
    """Say which part is wrong, and where it is, and no more."""
    where = f", {WHERE[c.aspect]}" if c.aspect in WHERE else ""
    if c.name.startswith("changed."):
        return f"{_changed(c.name)} is not left as it was{where}."
    thing = _naming(c.name)[0]
    if c.name in COUNTS:
        thing = "list of nodes"
    if c.name.startswith("apart"):
        return "What step returns is not right."
    return f"Your {thing} is not right{where}."


def symbol(name: str) -> str:
    """Return what an array is called in a formula: "value", "x.grad", "w.grad"."""
    return _naming(name)[1]


def _naming(name: str) -> tuple[str, str, str]:
    """Return what to call the array, the symbol for its entries, and the operand that it belongs to."""
    if name.startswith("grad."):
        operand = name.removeprefix("grad.").removesuffix("@2")
        if operand.startswith("delta"):
            return ("gradient of the parameter", "grad", operand)
        short = operand.split(".")[-1]
        return (f"gradient of {short}", f"{short}.grad", operand)
    if (found := NUMBERED.fullmatch(name)) and found[1] == "value":
        return ("value", _of_parameter(*found.groups()), "")
    if name.startswith("params"):
        listed = f"params[{name.removeprefix('params').removesuffix('@2')}]"
        return (listed, listed, "")
    return (WHAT.get(name, name), name, "x" if name == "value" else "")


def _changed(name: str) -> str:
    """Return what to call that of which "changed.<name>" says how much it changed."""
    name = name.removeprefix("changed.")
    found = NUMBERED.fullmatch(name)
    return _of_parameter(*found.groups()) if found else name


def _of_parameter(what: str, counted: str) -> str:
    """Return how the value or gradient of a parameter is written; the probes count from 1."""
    return f"parameters[{int(counted) - 1}].{what}"


def _ratio(got: float, right: float) -> str:
    if right == 0 or got == 0 or not np.isfinite(got):
        return ""
    ratio = got / right
    for factor, words in ((2.0, "twice as much"), (0.5, "half as much"), (-1.0, "the sign is turned around")):
        if np.isclose(ratio, factor, rtol=1e-4):
            return f": {words}"
    return ""


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Write two numbers with as many digits as it takes to see which is which."""
    return next(
        ((a, b) for digits in range(4, 13) if (a := number(one, digits)) != (b := number(other, digits))),
        (number(one), number(other)),
    )


def number(value: float, digits: int = 4) -> str:
    """Write a number, rounded to so many decimals: -1.3, 0.25, 1.2e-05, nan."""
    if not np.isfinite(value):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
        return "0" if text in ("-0", "") else text
    return f"{value:.{digits - 1}g}"
