"""Runs the lecture's own cells beside a stranger's code: as they are written, whatever that code did to IPython.

Tests of other people's are asserts on the student's objects, so they have to run in the student's process. Before each,
what earlier code put in the place of built-in functions, of NumPy's and of the library's is taken out again; the cell
is compiled and run without IPython's transformers, hooks and displays. That keeps out what is tried in passing. Whoever
aims at this file from within the same process can still deceive it: only the judge's exercises are out of reach.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import importlib
import inspect
import sys
import traceback
import types
from typing import Any

from IPython.core.formatters import PlainTextFormatter

FILE = "<a cell of the lecture>"
GUARDED = (
    "builtins", "math", "cmath", "operator", "functools", "statistics", "random", "unittest", "unittest.case",
    "numpy", "numpy.linalg", "numpy.random", "numpy.testing",
)  # fmt: skip
MAX_VALUE = 10_000  # characters

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class LectureCells:
    """Runs them in the namespace of a shell, and keeps what modules held before any student's code ran."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._namespace: dict[str, Any] = shell.user_ns
        self._text = PlainTextFormatter()
        for name in GUARDED:
            importlib.import_module(name)
        self.keep()

    def keep(self) -> None:
        """From now on things are as they are to be: what the lecture itself changes, stays."""
        modules = {name: sys.modules[name] for name in GUARDED if name in sys.modules}
        self._modules = {name: (module, dict(vars(module))) for name, module in modules.items()}
        functions = [v for _, held in self._modules.values() for v in held.values() if type(v) is types.FunctionType]
        self._codes = [(function, function.__code__) for function in functions]

    def _put_back(self) -> None:
        sys.settrace(None)
        sys.setprofile(None)
        for name, (module, held) in self._modules.items():
            sys.modules[name] = module
            now = vars(module)
            for key, value in held.items():
                if now.get(key) is not value:
                    now[key] = value
        for function, code in self._codes:
            if function.__code__ is not code:
                function.__code__ = code
        self._namespace["__builtins__"] = builtins

    def run(self, source: str, show_value: bool, guard: bool) -> tuple[bool, str | None]:
        """Run a cell of plain Python. Return whether it ended without an error, and its value's text, if it has one.

        guard: put modules back before.
        """
        if guard:
            self._put_back()
        outputs = self.shell.outputs
        try:
            with self.shell.builtin_trap:
                value = self._value_of(source, show_value)
            text = None if value is None else self._text_of(value)
        except BaseException as error:
            outputs.error(type(error).__name__, _said(error), _traceback(error))
            return False, None
        return True, text

    def _value_of(self, source: str, show_value: bool) -> Any:
        body = compile(source, FILE, "exec", _FLAGS | ast.PyCF_ONLY_AST, dont_inherit=True).body
        last = body.pop() if show_value and body and isinstance(body[-1], ast.Expr) else None
        if body:
            self._execute(compile(ast.Module(body, []), FILE, "exec", _FLAGS, dont_inherit=True))
        if last is None:
            return None
        return self._execute(compile(ast.Expression(last.value), FILE, "eval", _FLAGS, dont_inherit=True))

    def _execute(self, code: types.CodeType) -> Any:
        value = eval(code, self._namespace)
        return asyncio.run(value) if code.co_flags & inspect.CO_COROUTINE else value

    def _text_of(self, value: Any) -> str:
        if type(value) in (int, float, bool):
            return repr(value)
        text = self._text(value)
        return text[:MAX_VALUE] if isinstance(text, str) and text else f"<{type(value).__name__}>"


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return "an error whose own text cannot be had"


def _traceback(error: BaseException) -> list[str]:
    """The traceback from the cell on, without the lines above it that are this file's."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != FILE:
        at = at.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, at)).rstrip("\n").split("\n")
    except BaseException:
        return [type(error).__name__]
