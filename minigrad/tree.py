"""Nested dicts, lists and tuples as a flat list of leaves and a shape to put them back in."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

CONTAINERS = (dict, list, tuple)  # ready: a union would be made at every call


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
    if not isinstance(tree, CONTAINERS):
        return [tree], _only

    leaves: list[Any] = []
    build = _visit(tree, leaves)
    return leaves, lambda values: build(iter(values))


def _visit(t: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    """Append the leaves of ``t``; returns what builds its structure of an iterator.

    A function inside `flatten` would hold itself, and keep the leaves until the garbage
    collector comes.
    """
    if isinstance(t, dict):
        parts = {key: _visit(value, leaves) for key, value in t.items()}
        empty = {} if type(t) is dict else copy(t)  # a defaultdict, say, keeps its default
        return lambda it: empty | {key: build(it) for key, build in parts.items()}
    if isinstance(t, list | tuple):
        kind = type(t)
        builds = [_visit(value, leaves) for value in t]
        if isinstance(t, tuple) and hasattr(t, "_fields"):  # a named tuple
            return lambda it: kind(*[build(it) for build in builds])
        return lambda it: kind([build(it) for build in builds])
    leaves.append(t)
    return next


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
    _match(tree, pattern, what, found)
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
