"""Where something is put, read from syntax: into a name, an attribute, the notebook's own names."""

from __future__ import annotations

import ast
import types

from autograder.provenance.standins import STUDENT, Names, named
from autograder.provenance.syntax import text_of


def puts_something_somewhere(function: ast.AST) -> bool:
    """Whether something is put into a thing other than self."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            root = root_of(node)
            if not (isinstance(root, ast.Name) and root.id == "self"):
                return True
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("setattr", "setitem", "update"):
            return True
    return False


def root_of(target: ast.expr) -> ast.expr:
    """What stands at the very left: `a` of a.b[0].c."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return target


def is_namespace(node: ast.expr) -> bool:
    """Whether it is globals(), locals(), vars() or get_ipython().user_ns."""
    if isinstance(node, ast.Attribute):
        return node.attr in ("user_ns", "user_global_ns")
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("globals", "locals", "vars")
    )


def is_main(node: ast.expr, names: Names) -> bool:
    """Whether it is the module that the notebook is: by import, or sys.modules["__main__"]."""
    if isinstance(node, ast.Subscript):
        return text_of(node.slice, names) in (STUDENT, "builtins") and "modules" in ast.unparse(node.value)
    found = named(node, names)
    return isinstance(found, types.ModuleType) and found.__name__ in (STUDENT, "builtins")


def is_ipython(node: ast.expr) -> bool:
    """Whether it is get_ipython()."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_ipython"
