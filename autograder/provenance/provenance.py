"""How the numbers were got: by a derivation, or by handing the work to the library, to torch, or to differences.

Best effort, and said so: what is found is flagged with the evidence for a human, and scores 0 until they say otherwise.
Reads code objects only; nothing of the student's is run here.
"""

from __future__ import annotations

import ast
import dis
import functools
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from autograder.provenance.detours import find_detour, names_by_text
from autograder.provenance.steps import (
    codes,
    contents,
    find_difference,
    find_exact_numbers,
    find_imaginary_step,
    find_step,
)
from autograder.provenance.syntax import quote, statement_at, syntax_of
from edf_course import calculus
from edf_course.edf import graph, images, losses, mlp, nodes, regularizing, shaping
from edf_course.exercises.marking import Comparison
from edf_course.scalar import value

DERIVATIVES = frozenset(
    {"aesara", "algopy", "autograd", "autograder", "casadi", "ComputationalGraphPrimer", "findiff", "functorch", "jax"}
    | {"jaxlib", "keras", "micrograd", "mpmath", "mxnet", "numdifftools", "paddle", "pytensor", "sympy", "symengine"}
    | {"tensorflow", "theano", "tinygrad", "torch", "torchvision"}
)
DERIVATIVE_MODULES = ("sklearn.neural_network", "scipy.differentiate")
DIFFERENCES = frozenset({"approx_derivative", "approx_fprime", "check_grad"})  # of scipy
OF_CALCULUS = {n for n, f in vars(calculus).items() if isinstance(f, types.FunctionType)}
DIFFERENTIATORS = DIFFERENCES | OF_CALCULUS | {"derivative", "differentiate", "_Differences"}

# What answers are built from; anything else of the library does some exercise's work.
MATERIAL = frozenset(
    {
        "CompNode",
        "CompNodes",
        "Input",
        "Parameter",
        "ParameterPackage",
        "Parameters",
        "AffineParams",
        "Graph",
        "as_operand",
        "current_graph",
        "xavier",
    }
    | {"GraphError", "ShapeError", "DataError", "NotComputed", "check", "hand_in", "progress", "yours_or_library"}
)
NODES = frozenset(
    n for m in (nodes, losses) for n, v in vars(m).items() if isinstance(v, type) and v.__module__ == m.__name__
)
LIBRARY_FILES = frozenset(str(m.__file__) for m in (graph, images, losses, mlp, nodes, regularizing, shaping, value))
# Where the library asks and answers: what is put there stands behind every answer. No derivation is in it.
MACHINERY = ("autograder", "edf_course.check", "edf_course.exercises", "edf_course.handin")
CHECKS = "edf_course.exercises.public_"  # but what `check` holds answers against is worked out there
OWN = frozenset({"edf_course", "numpy", "scipy", "builtins", "math"})  # whose functions are not the student's

NOISE = 2e-14  # relative; a derivation in float64 stays below, a difference quotient does not


@dataclass(frozen=True)
class Finding:
    """Why a human should look: "delegates" or "numerical", and what was seen."""

    misconception: str
    evidence: str


@dataclass(frozen=True)
class Several:
    """What a name may stand for where reading cannot tell which, and what was put into it besides."""

    things: tuple[Any, ...]


@dataclass(frozen=True)
class Unseen:
    """What comes from a module that is no package of this machine, nor among the files that were handed in."""

    module: str


def inspect_answer(
    thing: Any,
    comparisons: Sequence[Comparison],
    noticed: frozenset[str],
    *,
    numerical: bool = False,
    allowed: frozenset[str] = frozenset(),
) -> Finding | None:
    """Return what speaks against the answer being a derivation of its own, or None.

    `numerical`: the exercise asks for finite differences, so these are no finding. `allowed`: names of the library that
    an answer may use besides CompNode, Parameter and the like, packages that know derivatives, "eval", "exec".
    """
    for one in _each(thing):
        found = _of_the_library(one, allowed)
        if found:
            return Finding("delegates", found)
    if "library" in noticed:
        return Finding("delegates", "the library's own code does the work inside")
    functions = list(_functions(thing))
    for function in functions:
        name = _delegate(function, allowed)
        if name:
            return Finding(_kind(name, numerical), f"{function.__name__} uses {name}{_line(function, name)}")
    for function in functions:
        detour = find_detour(function, lambda found: _library_name(found, allowed), allowed)
        if detour:
            return Finding(_kind(detour.name, numerical), f"{function.__name__} {detour.what}: {detour.line}")
    return None if numerical else _numerical(thing, functions, comparisons, noticed)


def _kind(name: str, numerical: bool) -> str:
    return "numerical" if not numerical and name.rpartition(".")[2] in DIFFERENTIATORS else "delegates"


def _each(thing: Any) -> Iterator[Any]:
    if isinstance(thing, Several):
        for one in thing.things:
            yield from _each(one)
    else:
        yield thing


def _of_the_library(thing: Any, allowed: frozenset[str]) -> str | None:
    """Say how a thing itself is the library's, or may be; None where it is the student's."""
    if isinstance(thing, Unseen):
        return f"it comes from {thing.module}, which cannot be read"
    name = _library_name(thing, allowed)
    if name:
        return f"it is the library's {name}"
    for base in thing.__mro__ if isinstance(thing, type) else ():
        name = _library_name(base, allowed)
        if name:
            return f"{thing.__name__} is a subclass of the library's {name}"
        borrowed = _borrowed(base, allowed)
        if borrowed:
            return f"{thing.__name__} borrows the library's {borrowed}"
    return None


def _line(function: types.FunctionType, name: str) -> str:
    """The line where a function has the name, as ": y = edf.Sigmoid(x)"; "" where there is no source."""
    last = name.rpartition(".")[2]
    for root in syntax_of(function):
        for node in ast.walk(root):
            if last in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "name", None)):
                return f": {quote(statement_at(root, node))}"
    return ""


def _numerical(
    thing: Any, functions: Sequence[types.FunctionType], comparisons: Sequence[Comparison], noticed: frozenset[str]
) -> Finding | None:
    if "forward-in-backward" in noticed:
        return Finding("numerical", "backward runs forward again, at other operands")
    imaginary = find_imaginary_step(functions)
    if imaginary:
        return Finding("numerical", f"a part of a complex number is taken, and {imaginary} is in the code")
    step, difference = find_step(functions, _attributes(thing)), find_difference(functions)
    exact = find_exact_numbers(functions)
    found = f"the code divides by {step}" if step else difference
    if found and _noisy(comparisons):
        return Finding("numerical", f"the gradient has the error of a difference quotient: {found}")
    if difference and exact:
        return Finding("numerical", f"it computes with {exact}, where differences leave no error: {difference}")
    if step and difference and _rounded(comparisons):
        return Finding("numerical", f"the gradient is rounded, the code divides by {step}, and there is {difference}")
    return None


def _attributes(thing: Any) -> dict[str, Any]:
    """Return what the attributes of a student's classes stand for."""
    classes = [c for one in _each(thing) for c in reversed(getattr(one, "__mro__", type(one).__mro__))]
    return {name: v for c in classes if c.__module__.split(".")[0] not in OWN for name, v in vars(c).items()}


def _library_name(thing: Any, allowed: frozenset[str]) -> str | None:
    """Return the name of a class or function of the library that does an exercise's work, or None for anything else."""
    if not isinstance(thing, (type, types.FunctionType)) or not str(thing.__module__).startswith("edf_course"):
        return None
    if thing.__module__.startswith(MACHINERY) and not thing.__module__.startswith(CHECKS):
        return None
    name = thing.__name__
    return None if name in MATERIAL | allowed else name


def _borrowed(base: type, allowed: frozenset[str]) -> str | None:
    """Return the library's method that a student's class has made its own, or None."""
    if base.__module__.split(".")[0] in OWN:
        return None
    for member in vars(base).values():
        owner = str(getattr(member, "__qualname__", "")).split(".")[0]
        if _module(member).startswith("edf_course") and owner and owner not in MATERIAL | allowed:
            return str(member.__qualname__)
    return None


def _functions(thing: Any) -> Iterator[types.FunctionType]:
    """Yield the student's functions behind `thing`: methods, what they close over, helpers that they call by name."""
    seen: set[int] = set()
    todo = [thing]
    while todo:
        one = todo.pop()
        if id(one) in seen or str(getattr(one, "__module__", "")).split(".")[0] in OWN:
            continue
        seen.add(id(one))
        if isinstance(one, types.FunctionType):
            yield one
        todo += reversed(list(_behind(one)))


def _behind(thing: Any) -> Iterator[Any]:
    """Yield what `thing` is made of, or uses."""
    if isinstance(thing, Several):
        yield from thing.things
    elif isinstance(thing, type):
        for base in thing.__mro__:
            yield from () if base.__module__.split(".")[0] in OWN else vars(base).values()
    elif isinstance(thing, (staticmethod, classmethod, types.MethodType)):
        yield thing.__func__
    elif isinstance(thing, property):
        yield from (thing.fget, thing.fset)
    elif isinstance(thing, (functools.partial, functools.partialmethod)):
        yield thing.func
        yield from (*thing.args, *thing.keywords.values())
    elif isinstance(thing, types.FunctionType):
        for cell in thing.__closure__ or ():
            yield contents(cell)
        for name in sorted(_globals(thing.__code__) | names_by_text(thing)):
            found = thing.__globals__.get(name)
            yield from _of_module(found, thing.__code__) if _is_made(found) else (found,)
        for module, imported in _imports(thing.__code__):
            own = thing.__globals__.get(f"module {module}")
            if module == "__main__":
                yield from (thing.__globals__.get(name) for code in codes(thing.__code__) for name in code.co_names)
            elif _is_made(own):
                yield from (vars(own).get(imported),) if imported else _of_module(own, thing.__code__)
    elif callable(type(thing).__dict__.get("__call__")):
        yield type(thing)


def _of_module(module: types.ModuleType, code: types.CodeType) -> Iterator[Any]:
    """Yield what a function uses of a module that they wrote, and of the modules in it; there is nothing in others."""
    used = {name for inner in codes(code) for name in inner.co_names}
    seen: list[types.ModuleType] = []
    todo = [module]
    while todo:
        seen.append(todo.pop())
        found = [vars(seen[-1]).get(name) for name in sorted(used)]
        todo += [m for m in found if _is_made(m) and not any(m is one for one in (*seen, *todo))]
        yield from (one for one in found if not isinstance(one, types.ModuleType))


def _is_made(found: Any) -> TypeGuard[types.ModuleType]:
    """Whether it is a stand-in for a module, as sources.py makes them."""
    return isinstance(found, types.ModuleType) and found.__spec__ is None


def _globals(code: types.CodeType) -> set[str]:
    """Return the names that the code reads from outside; attributes, which may be called the same, are none."""
    reads = ("LOAD_GLOBAL", "LOAD_NAME")
    return {str(i.argval) for c in codes(code) for i in dis.get_instructions(c) if i.opname in reads}


def _imports(code: types.CodeType) -> Iterator[tuple[str, str]]:
    """Yield what the code itself imports: (module, name), the name empty for the module."""
    for c in codes(code):
        module = ""
        for i in dis.get_instructions(c):
            if i.opname == "IMPORT_NAME":
                module = str(i.argval)
                yield module, ""
            elif i.opname == "IMPORT_FROM":
                yield module, str(i.argval)


def _delegate(function: types.FunctionType, allowed: frozenset[str]) -> str | None:
    """Return the name through which the function reaches library code or another package's derivatives, or None."""
    code = function.__code__
    if code.co_filename in LIBRARY_FILES:
        return "the code of the library's node"
    has_source = any(True for _ in syntax_of(function))  # then find_detour reads what is used of the library
    for module, imported in _imports(code):
        if _knows_derivatives(module, allowed):
            return module
        if not has_source and module.startswith("edf_course") and imported and imported not in MATERIAL | allowed:
            return f"{module}.{imported}"
    strings = {c for inner in codes(code) for c in inner.co_consts if isinstance(c, str)}
    attributes = {name for inner in codes(code) for name in inner.co_names}
    for name in sorted((DERIVATIVES - allowed) & strings) + sorted(DIFFERENCES & attributes):
        return name
    reached = {n: function.__globals__.get(n) for n in _globals(code) | names_by_text(function)}
    reached |= {n: contents(c) for n, c in zip(code.co_freevars, function.__closure__ or (), strict=True)}
    for name, found in ((name, one) for name, thing in sorted(reached.items()) for one in _each(thing)):
        if isinstance(found, Unseen):
            return f"{found.module}, which cannot be read"
        module = _module(found)
        if _knows_derivatives(module, allowed):
            return name
        if isinstance(found, types.ModuleType) and module.startswith("edf_course"):
            used = sorted(n for n in attributes if _library_name(getattr(found, n, None), allowed))
            if used and not has_source:
                return f"{name}.{used[0]}"
        elif _library_name(found, allowed):
            return name
    return None


def _knows_derivatives(module: str, allowed: frozenset[str]) -> bool:
    return module.partition(".")[0] in DERIVATIVES - allowed or module.startswith(DERIVATIVE_MODULES)


def _module(found: Any) -> str:
    """Return the module that something is, or that it comes from."""
    if isinstance(found, types.ModuleType):
        return found.__name__
    holder = found if getattr(found, "__module__", None) else type(getattr(found, "__self__", found))
    return str(getattr(holder, "__module__", ""))


def _noisy(comparisons: Sequence[Comparison]) -> bool:
    """Whether the gradients of an operand all carry more error than float64 leaves, though they are right float64."""
    errors: dict[str, list[float]] = {}
    for c in comparisons:
        if not (c.name.startswith("grad.") and c.case.aspect == "gradient" and c.fits) or c.got is None:
            continue
        largest = float(np.abs(c.right).max())
        if c.got.dtype == np.float64 and largest > 1e-3:
            errors.setdefault(c.name, []).append(float(np.abs(c.got - c.right).max()) / largest)
    return any(min(of_operand) > NOISE for of_operand in errors.values())


def _rounded(comparisons: Sequence[Comparison]) -> bool:
    """Whether a gradient has fewer digits than float64, so that its error tells nothing."""
    gradients = [c.got.dtype for c in comparisons if c.name.startswith("grad.") and c.got is not None]
    return any(dtype.kind == "f" and dtype.itemsize < 8 for dtype in gradients)
