"""The structure of results as source."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from minigrad.tree import children, fields_of, rebuilt

COPYING = (
    "__copy__ __reduce__ __reduce_ex__ __getstate__ __setstate__ __getnewargs__ __getnewargs_ex__"
).split()
"""Methods by which a class has its objects copied in a way of its own."""


def nested(tree: Any, words: Iterator[str], bind: Callable[[Any], str], lines: list[str]) -> str:
    """Source that builds the structure of ``tree`` of ``words``, one for each leaf.

    Keys, and containers other than Python's own, are bound to names by ``bind``; what it takes
    several statements to build has them appended to ``lines``.
    """
    parts = children(tree)
    if parts is None:
        return next(words)
    inside = [nested(part, words, bind, lines) for _, part in parts]
    kind: Any = type(tree)
    if kind is list:
        return f"[{', '.join(inside)}]"
    text = f"({''.join(f'{word}, ' for word in inside)})"
    if isinstance(tree, tuple):
        make = getattr(kind, "_make", kind) if hasattr(tree, "_fields") else kind
        return text if kind is tuple else f"{bind(make)}({text})"
    pairs = [(bind(key), word) for (key, _), word in zip(parts, inside, strict=True)]
    if kind is dict:
        return "{" + ", ".join(f"{key}: {word}" for key, word in pairs) + "}"
    empty = None if isinstance(tree, list) else emptied(tree, bind)
    if empty is None:
        return f"{bind(rebuilt)}({bind(tree)}, {text})"
    name = f"_d{len(lines)}"
    lines.append(f"{name} = {empty}")
    keys = [key for key, _ in parts]
    state = getattr(tree, "__dict__", {})
    more = {k: v for k, v in state.items() if k not in keys}
    if state is tree:  # its keys are its attributes
        lines.append(f"{bind(object.__setattr__)}({name}, '__dict__', {name})")
    elif more:
        lines.append(f"{name}.__dict__.update({bind(more)})")
    if isinstance(tree, dict):
        lines += [f"{name}[{key}] = {word}" for key, word in pairs]
    elif kind.__setattr__ is object.__setattr__:
        lines += [f"{name}.{key} = {word}" for key, word in zip(keys, inside, strict=True)]
    else:  # frozen, say
        put = bind(object.__setattr__)
        lines += [f"{put}({name}, {key}, {word})" for key, word in pairs]
    return name


def emptied(tree: Any, bind: Callable[[Any], str]) -> str | None:
    """Source of a container like ``tree`` without what it holds; None where only a copy is one."""
    kind = type(tree)
    if kind is OrderedDict:
        return f"{bind(kind)}()"
    if kind is defaultdict:
        return f"{bind(kind)}({bind(tree.default_factory)})"
    base = dict if isinstance(tree, dict) else object
    own = any(getattr(kind, name, None) is not getattr(base, name, None) for name in COPYING)
    slots = {s for c in kind.__mro__ for s in slots_of(c)} - set(fields_of(tree) or ())
    return None if own or slots else f"{bind(base.__new__)}({bind(kind)})"


def slots_of(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
