"""The syntax of a student's functions, read without running them, and what is plain to see in it."""

from __future__ import annotations

import ast
import linecache
import math
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

SYNTAX = "__syntax__"  # the attribute of a stand-in that holds the statement which it stands for
LONGEST_QUOTE = 90
LONGEST_MADE = 2000  # characters of a text that is put together: a + a + a … doubles with every line
ONE_TEXT: dict[str, Callable[[Any], Any]] = {
    name: getattr(str, name) for name in ("lower", "upper", "title", "capitalize", "swapcase", "strip")
}

_until: ContextVar[float] = ContextVar("the time of this thread at which reading ends", default=math.inf)


class Unreadable(Exception):
    """A notebook that cannot be read; the message says why."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """In the block, reading may take so many seconds of this thread's own time."""
    before = _until.set(time.thread_time() + seconds)
    try:
        yield
    finally:
        _until.reset(before)


def go_on() -> None:
    """Raises: Unreadable where reading takes too long: nobody outside the jail waits for what a stranger wrote."""
    if time.thread_time() > _until.get():
        raise Unreadable("it takes too long to be read")


def syntax_of(function: types.FunctionType) -> Iterator[ast.AST]:
    """Yield the syntax of a function, and of what else begins in the same line; nothing where there is no source."""
    go_on()
    statement = getattr(function, SYNTAX, None)
    if isinstance(statement, ast.AST):
        yield statement
        return
    code = function.__code__
    for node in ast.walk(_file(code.co_filename)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            if first == code.co_firstlineno:
                yield node


@lru_cache(maxsize=16)
def _parse(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _file(name: str) -> ast.AST:
    return _parse("".join(linecache.getlines(name)))


def quote(node: ast.AST) -> str:
    """A piece of code in one short line, as evidence."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return f"{'class' if isinstance(node, ast.ClassDef) else 'def'} {node.name}"
    try:
        line = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        return "code that is nested deeply"
    return line if len(line) <= LONGEST_QUOTE else line[:LONGEST_QUOTE] + " …"


def statement_at(root: ast.AST, node: ast.AST) -> ast.AST:
    """The innermost statement of `root` that `node` stands in, without what it has inside as a block; else `root`."""
    simple = (s for s in ast.walk(root) if isinstance(s, ast.stmt) and not hasattr(s, "body"))
    return next((s for s in simple if any(inner is node for inner in ast.walk(s))), root)


def text_of(node: ast.AST, names: Mapping[str, Any]) -> str | None:
    """The text that an expression is, as far as reading tells: "Sig" + "moid"; None where it takes running the code.

    names: what names stand for; those that stand for a text are known.
    """
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        known = names.get(node.id)
        return known if isinstance(known, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined((node.left, node.right), names)
    if isinstance(node, ast.JoinedStr):
        return _joined(node.values, names)
    if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1:
        return text_of(node.value, names)
    if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "::-1":
        text = text_of(node.value, names)
        return None if text is None else text[::-1]
    if isinstance(node, ast.Call):
        return _text_of_call(node, names)
    return None


def _text_of_call(node: ast.Call, names: Mapping[str, Any]) -> str | None:
    if isinstance(node.func, ast.Name) and node.func.id == "chr" and len(node.args) == 1:
        number = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        return chr(number) if isinstance(number, int) and 0 <= number < 0x110000 else None
    if not isinstance(node.func, ast.Attribute):
        return None
    text = text_of(node.func.value, names)
    if text is None:
        return None
    if node.func.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], (ast.List, ast.Tuple)):
        return _joined(node.args[0].elts, names, text)
    if node.func.attr == "replace" and len(node.args) == 2:
        old, new = (text_of(argument, names) for argument in node.args)
        if old is None or new is None or len(text) + text.count(old) * len(new) > LONGEST_MADE:
            return None
        return text.replace(old, new)
    return ONE_TEXT[node.func.attr](text) if node.func.attr in ONE_TEXT and not node.args else None


def _joined(parts: Sequence[ast.expr], names: Mapping[str, Any], between: str = "") -> str | None:
    texts: list[str] = []
    left = LONGEST_MADE
    for part in parts:
        text = text_of(part, names)
        if text is None:
            return None
        left -= len(text) + len(between)
        if left < 0:
            return None
        texts.append(text)
    return between.join(texts)
