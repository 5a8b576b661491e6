"""Nested dicts, lists, tuples and dataclasses as a flat list of leaves, and the way back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from copy import copy
from typing import Any

CONTAINERS = (dict, list, tuple)  # ready: a union would be made at every call
TOO_DEEP = "the nested lists, tuples or dicts contain themselves, or are nested too deeply"


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Leaves of ``tree``, and the function that builds the same structure of others.

    Examples
    --------
    >>> leaves, rebuild = flatten({"w": [1, 2], "b": 3})
    >>> leaves
    [1, 2, 3]
    >>> rebuild([x * 10 for x in leaves])
    {'w': [10, 20], 'b': 30}
    """
    if is_leaf(tree):
        return [tree], _only

    leaves: list[Any] = []
    try:
        build = _visit(tree, leaves)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None

    def rebuild(values: list[Any]) -> Any:
        try:
            return build(iter(values))
        except RecursionError:
            raise ValueError(TOO_DEEP) from None

    return leaves, rebuild


def is_leaf(t: Any) -> bool:
    """Whether ``t`` holds no more."""
    return not isinstance(t, CONTAINERS) and fields_of(t) is None


def fields_of(t: Any) -> tuple[str, ...] | None:
    """Names of the values that the dataclass ``t`` holds; None for anything else.

    Those that can be called, such as modules, are no containers.
    """
    kind = type(t)
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is None or callable(t) or kind.__module__.partition(".")[0] == "minigrad":
        return None
    return tuple(field.name for field in dataclasses.fields(t))


def children(t: Any) -> list[tuple[Any, Any]] | None:
    """Keys and values one level below ``t``; None for a leaf."""
    if isinstance(t, dict):
        return list(t.items())
    if isinstance(t, list | tuple):
        return list(enumerate(t))
    fields = fields_of(t)
    return None if fields is None else [(name, getattr(t, name, None)) for name in fields]


def rebuilt(t: Any, values: list[Any]) -> Any:
    """A container like ``t`` that holds other ``values``."""
    if isinstance(t, dict):
        filled = copy(t)  # a defaultdict, say, keeps its default
        for key, value in zip(t, values, strict=True):
            filled[key] = value  # a Counter's update() would add
        if getattr(t, "__dict__", None) is t:  # its keys are its attributes
            object.__setattr__(filled, "__dict__", filled)
        return filled
    if isinstance(t, tuple) and hasattr(t, "_fields"):  # a named tuple
        return type(t)._make(values)  # type: ignore[attr-defined]
    if isinstance(t, tuple):
        return type(t)(values)
    new = copy(t)
    if isinstance(t, list):
        list.__setitem__(new, slice(None), values)
        return new
    for name, value in zip(fields_of(t) or (), values, strict=True):
        object.__setattr__(new, name, value)  # a frozen one too
    return new


def _visit(t: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    """Append the leaves of ``t``; returns what builds its structure of an iterator.

    A function inside `flatten` would hold itself, and keep the leaves until the garbage
    collector comes.
    """
    parts = children(t)
    if parts is None:
        leaves.append(t)
        return next
    builds = [_visit(value, leaves) for _, value in parts]
    if type(t) is list:
        return lambda it: [build(it) for build in builds]
    if type(t) is tuple:
        return lambda it: tuple([build(it) for build in builds])
    if type(t) is dict:
        keys = list(t)
        return lambda it: {key: build(it) for key, build in zip(keys, builds, strict=True)}
    return lambda it: rebuilt(t, [build(it) for build in builds])


def leaves_like(tree: Any, pattern: Any, what: str) -> list[Any]:
    """Leaves of ``tree`` in the order of those of ``pattern``, whose structure it must have.

    Dicts are matched by key, in whatever order they were filled.

    Raises
    ------
    ValueError
        Naming ``what`` and the place where the structures differ.

    Examples
    --------
    >>> leaves_like({"b": 1, "a": 2}, {"a": 0, "b": 0}, "tree")
    [2, 1]
    """
    found: list[Any] = []
    try:
        _match(tree, pattern, what, found)
    except RecursionError:
        raise ValueError(f"{what}: {TOO_DEEP}") from None
    return found


def _match(t: Any, p: Any, place: str, found: list[Any]) -> None:
    if isinstance(p, dict):
        if not isinstance(t, dict) or t.keys() != p.keys():
            raise ValueError(f"{place} must be a dict with the keys {list(p)}, not {shown(t)}")
        for key in p:
            _match(t[key], p[key], f"{place}[{key!r}]", found)
    elif isinstance(p, list | tuple):
        if not isinstance(t, list | tuple) or len(t) != len(p):
            kind = type(p).__name__
            raise ValueError(f"{place} must be a {kind} of length {len(p)}, not {shown(t)}")
        for i, (u, q) in enumerate(zip(t, p, strict=True)):
            _match(u, q, f"{place}[{i}]", found)
    elif (fields := fields_of(p)) is not None:
        if type(t) is not type(p):
            raise ValueError(f"{place} must be a {type(p).__name__}, not {shown(t)}")
        for name in fields:
            _match(getattr(t, name), getattr(p, name), f"{place}.{name}", found)
    else:
        found.append(t)


def shown(t: Any) -> str:
    """What ``t`` is, in a few words."""
    if isinstance(t, dict):
        return f"one with {list(t)}"
    if isinstance(t, list | tuple):
        return f"a {type(t).__name__} of length {len(t)}"
    shape = getattr(t, "shape", None)
    return f"an array of shape {shape}" if shape else f"{t!r}"


def _only(values: list[Any]) -> Any:
    return values[0]


def tree_map(f: Callable[..., Any], tree: Any) -> Any:
    """The same structure with ``f`` of every leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([f(leaf) for leaf in leaves])
