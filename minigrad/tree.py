"""Nested dicts, lists, tuples and dataclasses as a flat list of leaves, and the way back."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from copy import copy
from typing import Any

from minigrad.typing import Function, Keywords, Tree

CONTAINERS = (dict, list, tuple)  # ready: a union would be made at every call
NOTHING: Keywords = types.MappingProxyType({})
TOO_DEEP = "the nested lists, tuples or dicts contain themselves, or are nested too deeply"


def flatten(tree: Tree, whole: bool = False) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Leaves of ``tree``, and the function that builds the same structure of others.

    Those of the ``whole`` tree include what is `attributes_beside` the parts of containers.

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

    leaves: list[object] = []
    try:
        build = _visit(tree, leaves, whole)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None

    def rebuild(values: list[object]) -> Tree:
        try:
            return build(iter(values))
        except RecursionError:
            raise ValueError(TOO_DEEP) from None

    return leaves, rebuild


def is_leaf(t: object) -> bool:
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
    if isinstance(t, CONTAINERS):  # their parts are items, not fields
        return None
    return tuple(field.name for field in dataclasses.fields(t))


def storage(kind: Any) -> Any:
    """The class of Python's by whose methods one gets to what a container of ``kind`` holds.

    A class of the user's may answer otherwise when it is asked, whatever it holds.
    """
    if kind in CONTAINERS:
        return kind
    return next((base for base in (OrderedDict, *CONTAINERS) if issubclass(kind, base)), kind)


def children(t: object) -> list[tuple[Any, Any]] | None:
    """Keys and values one level below ``t``; None for a leaf."""
    if isinstance(t, dict):
        return list(storage(type(t)).items(t))
    if isinstance(t, list | tuple):
        return list(enumerate(storage(type(t)).__iter__(t)))
    fields = fields_of(t)
    return None if fields is None else [(name, getattr(t, name, None)) for name in fields]


def attributes_beside(t: object) -> Keywords:
    """Attributes of a container that are no parts of it, by name.

    An object of a class of the user's has them: a dict, a list, a tuple, or a dataclass with more
    than its fields.

    Examples
    --------
    >>> class Batch(list):
    ...     pass
    >>> batch = Batch([1, 2])
    >>> batch.weight = 0.5
    >>> attributes_beside(batch), attributes_beside([1, 2])
    ({'weight': 0.5}, mappingproxy({}))
    """
    kind: type = type(t)
    if kind in CONTAINERS:
        return NOTHING
    held = attribute_dict(t)
    slots = members(kind)
    if not held and not slots:
        return NOTHING
    fields = fields_of(t) or ()
    found = {name: value for name, value in held.items() if name not in fields}
    for name, member in slots.items():
        if name not in fields:
            try:
                found[name] = member.__get__(t, kind)
            except AttributeError:  # not set
                continue
    return found


def attribute_dict(t: object) -> Keywords:
    """The attributes of ``t`` that no slot holds; none of a dict that is its own."""
    held = getattr(t, "__dict__", NOTHING)
    return NOTHING if held is t else held


@functools.lru_cache(maxsize=1024)
def members(kind: Any) -> dict[str, Any]:
    """The slots of a class by name, and what reads them."""
    return {
        name: value
        for base in reversed(kind.__mro__)
        if "__slots__" in base.__dict__ or base is defaultdict
        for name, value in base.__dict__.items()
        if isinstance(value, types.MemberDescriptorType)
    }


def set_attribute(t: object, name: str, value: object) -> None:
    """Set what `attributes_beside` reads, of a frozen dataclass and behind a property too."""
    kind: type = type(t)
    member = members(kind).get(name)
    if member is not None:
        member.__set__(t, value)
    else:
        t.__dict__[name] = value


def rebuilt(t: object, values: list[object], more: Keywords = NOTHING) -> Tree:
    """A container like ``t`` that holds other ``values``, and ``more`` beside them."""
    new = _refilled(t, values)
    for name, value in more.items():
        set_attribute(new, name, value)
    return new


def _refilled(t: object, values: list[object]) -> Tree:
    kind: type = type(t)
    base = storage(kind)
    if isinstance(t, tuple):
        new = tuple_of(kind, values)
    else:
        new = copy(t) if copied_its_own_way(kind) else plain_base(kind).__new__(kind)
    for name, value in attributes_beside(t).items():
        set_attribute(new, name, value)
    if isinstance(t, dict):
        if getattr(t, "__dict__", None) is t:
            object.__setattr__(new, "__dict__", new)  # its keys are its attributes
        for key, value in zip(base.__iter__(t), values, strict=True):
            base.__setitem__(new, key, value)  # a Counter's update() would add
    elif isinstance(t, list):
        list.__setitem__(new, slice(None), values)
    for name, value in zip(fields_of(t) or (), values, strict=False):
        object.__setattr__(new, name, value)  # a frozen one too
    return new


COPYING = (
    "__copy__ __reduce__ __reduce_ex__ __getstate__ __setstate__ __getnewargs__ __getnewargs_ex__"
).split()
"""Methods by which a class has its objects copied in a way of its own."""


def plain_base(kind: Any) -> Any:
    """The class of Python's that an object of ``kind`` begins as."""
    return next((base for base in (dict, list) if issubclass(kind, base)), object)


def copied_its_own_way(kind: type) -> bool:
    """Whether only a copy of a container of this class is sure to be one."""
    base = plain_base(kind)
    return any(getattr(kind, name, None) is not getattr(base, name, None) for name in COPYING)


def tuple_of(kind: Any, values: Any) -> Any:
    """A tuple of a class, whose own ``__new__`` may take something else."""
    try:
        return tuple.__new__(kind, values)
    except TypeError:  # one of C's structs
        return kind(values)


def _visit(t: object, leaves: list[object], whole: bool) -> Callable[[Any], Any]:
    """Append the leaves of ``t``; returns what builds its structure of an iterator.

    A function inside `flatten` would hold itself, and keep the leaves until the garbage
    collector comes.
    """
    parts = children(t)
    if parts is None:
        leaves.append(t)
        return next
    builds = [_visit(value, leaves, whole) for _, value in parts]
    if type(t) is list:
        return lambda it: [build(it) for build in builds]
    if type(t) is tuple:
        return lambda it: tuple([build(it) for build in builds])
    if type(t) is dict:
        keys = list(t)
        return lambda it: {key: build(it) for key, build in zip(keys, builds, strict=True)}
    if not whole or not (held := attributes_beside(t)):
        return lambda it: rebuilt(t, [build(it) for build in builds])
    more = {name: _visit(value, leaves, whole) for name, value in held.items()}
    return lambda it: rebuilt(
        t, [build(it) for build in builds], {name: build(it) for name, build in more.items()}
    )


def leaves_like(tree: Tree, pattern: object, what: str, whole: bool = False) -> list[Any]:
    """Leaves of ``tree`` in the order of those of ``pattern``, whose structure it must have.

    Dicts are matched by key, in whatever order they were filled.  Of the ``whole`` tree also
    those `attributes_beside` the parts of containers.

    Raises
    ------
    ValueError
        Naming ``what`` and the place where the structures differ.

    Examples
    --------
    >>> leaves_like({"b": 1, "a": 2}, {"a": 0, "b": 0}, "tree")
    [2, 1]
    """
    found: list[object] = []
    try:
        _match(tree, pattern, what, found, whole)
    except RecursionError:
        raise ValueError(f"{what}: {TOO_DEEP}") from None
    return found


def _match(t: object, p: object, place: str, found: list[object], whole: bool) -> None:
    if isinstance(p, dict):
        if not isinstance(t, dict) or t.keys() != p.keys():
            raise ValueError(
                f"{place} must be a dict with the keys {list(p)}, not {description(t)}"
            )
        for key in p:
            _match(t[key], p[key], f"{place}[{key!r}]", found, whole)
    elif isinstance(p, list | tuple):
        if not isinstance(t, list | tuple) or len(t) != len(p):
            kind = type(p).__name__
            raise ValueError(f"{place} must be a {kind} of length {len(p)}, not {description(t)}")
        for i, (u, q) in enumerate(zip(t, p, strict=True)):
            _match(u, q, f"{place}[{i}]", found, whole)
    elif (fields := fields_of(p)) is not None:
        if type(t) is not type(p):
            raise ValueError(f"{place} must be a {type(p).__name__}, not {description(t)}")
        for name in fields:
            _match(getattr(t, name), getattr(p, name), f"{place}.{name}", found, whole)
    else:
        found.append(t)
        return
    if whole and type(p) not in CONTAINERS:
        held, given = attributes_beside(p), attributes_beside(t)
        if given.keys() != held.keys():
            raise ValueError(
                f"{place} must have the attributes {list(held)} beside its parts, not {list(given)}"
            )
        for name in held:
            _match(given[name], held[name], f"{place}.{name}", found, whole)


def description(t: object) -> str:
    """The type of ``t``, in a few words."""
    if isinstance(t, dict):
        return f"one with {list(t)}"
    if isinstance(t, list | tuple):
        return f"a {type(t).__name__} of length {len(t)}"
    shape = getattr(t, "shape", None)
    return f"an array of shape {shape}" if shape else f"{t!r}"


def _only(values: list[object]) -> Tree:
    return values[0]


def tree_map(f: Function, tree: Tree, whole: bool = False) -> Tree:
    """``tree`` with ``f`` applied to every leaf."""
    leaves, rebuild = flatten(tree, whole)
    return rebuild([f(leaf) for leaf in leaves])
