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


def tree_map(f: Callable[..., Any], tree: Any) -> Any:
    """The same structure with ``f`` of every leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([f(leaf) for leaf in leaves])
