"""The structure of results as source."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from minigrad.tree import (
    attributes_beside,
    children,
    copied_its_own_way,
    plain_base,
    rebuilt,
    set_attribute,
    storage,
    tuple_of,
)
from minigrad.typing import Tree


def structure_source(
    tree: Tree, words: Iterator[str], bind: Callable[[object], str], lines: list[str]
) -> str:
    """Source that builds the structure of ``tree`` of ``words``, one for each leaf.

    Keys, and containers other than Python's own, are bound to names by ``bind``; what it takes
    several statements to build has them appended to ``lines``.
    """
    parts = children(tree)
    if parts is None:
        return next(words)
    inside = [structure_source(part, words, bind, lines) for _, part in parts]
    kind: Any = type(tree)
    if kind is list:
        return f"[{', '.join(inside)}]"
    text = f"({''.join(f'{word}, ' for word in inside)})"
    if kind is tuple:
        return text
    pairs = [(bind(key), word) for (key, _), word in zip(parts, inside, strict=True)]
    if kind is dict:
        return "{" + ", ".join(f"{key}: {word}" for key, word in pairs) + "}"
    more = {
        key: structure_source(part, words, bind, lines)
        for key, part in attributes_beside(tree).items()
    }
    made = f"{bind(tuple_of)}({bind(kind)}, {text})" if isinstance(tree, tuple) else None
    if made and not more:
        return made
    empty = made or (None if isinstance(tree, list) else empty_source(tree, bind))
    if empty is None:
        held = ", ".join(f"{bind(key)}: {word}" for key, word in more.items())
        return f"{bind(rebuilt)}({bind(tree)}, {text}, {{{held}}})"
    name = f"_d{len(lines)}"
    lines.append(f"{name} = {empty}")
    if getattr(tree, "__dict__", None) is tree:  # a dict whose keys are its attributes
        lines.append(f"{bind(object.__setattr__)}({name}, '__dict__', {name})")
    if isinstance(tree, dict):
        set_item = bind(storage(kind).__setitem__)
        lines += [f"{set_item}({name}, {key}, {word})" for key, word in pairs]
    elif made is None and kind.__setattr__ is object.__setattr__:
        lines += [f"{name}.{key} = {word}" for (key, _), word in zip(parts, inside, strict=True)]
    elif made is None:  # frozen, say
        set_ = bind(object.__setattr__)
        lines += [f"{set_}({name}, {key}, {word})" for key, word in pairs]
    lines += [f"{bind(set_attribute)}({name}, {bind(key)}, {word})" for key, word in more.items()]
    return name


def empty_source(tree: Tree, bind: Callable[[object], str]) -> str | None:
    """Source of a container like ``tree`` without what it holds; None where only a copy is one."""
    kind = type(tree)
    if kind is OrderedDict:
        return f"{bind(kind)}()"
    if kind is defaultdict:
        return f"{bind(kind)}({bind(tree.default_factory)})"
    if copied_its_own_way(kind):
        return None
    return f"{bind(plain_base(kind).__new__)}({bind(kind)})"
