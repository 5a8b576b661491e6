"""The structure of results as source."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from minigrad.tree import children, rebuilt


def nested(tree: Any, words: Iterator[str], bind: Callable[[Any], str]) -> str:
    """Source that builds the structure of ``tree`` of ``words``, one for each leaf.

    Keys, and containers other than Python's own, are bound to names by ``bind``.
    """
    parts = children(tree)
    if parts is None:
        return next(words)
    inside = [nested(part, words, bind) for _, part in parts]
    if type(tree) is list:
        return f"[{', '.join(inside)}]"
    if isinstance(tree, dict):
        pairs = [(bind(key), word) for key, word in zip(tree, inside, strict=True)]
        if type(tree) is OrderedDict:  # of pairs in half the time that it takes of a dict
            return f"{bind(OrderedDict)}(({''.join(f'({k}, {w}), ' for k, w in pairs)}))"
        literal = "{" + ", ".join(f"{k}: {word}" for k, word in pairs) + "}"
        if type(tree) is dict:
            return literal
        if type(tree) is defaultdict:
            return f"{bind(defaultdict)}({bind(tree.default_factory)}, {literal})"
    text = f"({''.join(f'{word}, ' for word in inside)})"
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return f"{bind(type(tree)._make)}({text})"  # type: ignore[attr-defined]
    return text if type(tree) is tuple else f"{bind(rebuilt)}({bind(tree)}, {text})"
