"""Nested dicts, lists and tuples as a flat list of leaves and a shape to put them back in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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
    if not isinstance(tree, dict | list | tuple):
        return [tree], _only

    leaves: list[Any] = []

    def visit(t: Any) -> Callable[[Any], Any]:
        if isinstance(t, dict):
            parts = {key: visit(value) for key, value in t.items()}
            kind = dict if type(t) is dict else type(t)
            return lambda it: kind((key, build(it)) for key, build in parts.items())
        if isinstance(t, tuple) and hasattr(t, "_fields"):  # a named tuple
            builds = [visit(value) for value in t]
            return lambda it: type(t)(*[build(it) for build in builds])
        if isinstance(t, list | tuple):
            builds = [visit(value) for value in t]
            return lambda it: type(t)([build(it) for build in builds])
        leaves.append(t)
        return next

    build = visit(tree)
    return leaves, lambda values: build(iter(values))


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

    def visit(t: Any, p: Any, place: str) -> None:
        if isinstance(p, dict):
            if not isinstance(t, dict) or t.keys() != p.keys():
                raise ValueError(f"{what}{place} must be a dict with the keys {list(p)}, not {shown(t)}")
            for key in p:
                visit(t[key], p[key], f"{place}[{key!r}]")
        elif isinstance(p, list | tuple):
            if not isinstance(t, list | tuple) or len(t) != len(p):
                kind = type(p).__name__
                raise ValueError(f"{what}{place} must be a {kind} of length {len(p)}, not {shown(t)}")
            for i, (u, q) in enumerate(zip(t, p, strict=True)):
                visit(u, q, f"{place}[{i}]")
        else:
            found.append(t)

    visit(tree, pattern, "")
    return found


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
