"""Lifting: captured variables as inputs, in a copy of the function that captured them."""

from __future__ import annotations

import dis
import functools
import types
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from minigrad.program.captures import is_own, names_in, theirs
from minigrad.program.places import Place
from minigrad.reading.names import is_a


def variable(place: Place) -> bool:
    """Whether a place can become an input: a variable that holds an array or a float."""
    if place.kind not in ("cell", "global"):
        return False
    x = place.value
    return type(x) is float or (type(x) is np.ndarray and x.dtype.kind in "fiu")


def lifted(f: Any, swaps: dict[tuple[int, str], Any], memo: dict[int, Any]) -> Any:
    """``f`` with variables of it, and of the functions that it uses, exchanged.

    Parameters
    ----------
    swaps : dict
        (id of a cell or of a namespace, name) -> what is to be there.
    """
    if id(f) in memo:
        return memo[id(f)]
    if is_a(f, types.MethodType):
        function = lifted(f.__func__, swaps, memo)
        return f if function is f.__func__ else types.MethodType(function, f.__self__)
    if is_a(f, functools.partial) and not is_own(type(f).__module__):
        function = lifted(f.func, swaps, memo)
        return f if function is f.func else functools.partial(function, *f.args, **f.keywords)
    if is_own(type(f).__module__) and hasattr(f, "of"):
        function = lifted(f.f, swaps, memo)
        return f if function is f.f else f.of(function)
    if not is_a(f, FunctionType) or not theirs(f.__code__):
        return f
    memo[id(f)] = f  # while it is looked into, it is itself
    cells = []
    for cell, name in zip(f.__closure__ or (), f.__code__.co_freevars, strict=True):
        new = swaps.get((id(cell), name))
        if new is None:
            try:
                value = cell.cell_contents
            except ValueError:
                cells.append(cell)
                continue
            new = lifted(value, swaps, memo) if callable(value) else value
            if new is value:
                cells.append(cell)
                continue
        cells.append(types.CellType(new))
    changed = {}
    for name in set(names_in(f.__code__)) & f.__globals__.keys():
        value = f.__globals__[name]
        new = swaps.get((id(f.__globals__), name))
        if new is None:
            new = lifted(value, swaps, memo) if callable(value) else value
        if new is not value:
            changed[name] = new
    if changed or any(a is not b for a, b in zip(cells, f.__closure__ or (), strict=True)):
        namespace = {**f.__globals__, **changed} if changed else f.__globals__
        g = FunctionType(f.__code__, namespace, f.__name__, f.__defaults__, tuple(cells))
        g.__kwdefaults__ = f.__kwdefaults__
        g.__qualname__, g.__module__ = f.__qualname__, f.__module__
        memo[id(f)] = g
    return memo[id(f)]


def written(functions: list[FunctionType]) -> set[str]:
    """Names of variables that functions assign to although they are not theirs."""
    found = set()
    stack = [f.__code__ for f in functions]
    while stack:
        code = stack.pop()
        stack += [c for c in code.co_consts if is_a(c, CodeType)]
        for step in dis.get_instructions(code):
            free = step.opname == "STORE_DEREF" and step.argval in code.co_freevars
            if free or step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                found.add(str(step.argval))
    return found
