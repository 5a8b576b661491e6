"""How the functions are called: with NumPy's parameters, in NumPy's order.

A function is written with the parameters that it can do something with.  The others of
NumPy's function are read from its signature: they keep their places, and are refused by
name where they ask for more than the default.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.typing import Function, Keywords

ArrayLike = Any
"""What NumPy's functions take for an array: `composed` makes arrays of nested lists."""

RENAMED = {
    "dim": ("axis", "NumPy calls it axis="),
    "keepdim": ("keepdims", "NumPy calls it keepdims="),
    "unbiased": ("ddof", "NumPy writes ddof=1 for unbiased=True, and ddof=0 otherwise"),
    "p": ("ord", "NumPy calls the order of a norm ord="),
    "params": ("parameters", "it is called parameters= here"),
    "learning_rate": ("lr", "it is called lr= here"),
    "weight": ("weights", "it is called weights= here"),
    "size_average": ("reduction", "write reduction='mean', or 'sum'"),
    "reduce": ("reduction", "write reduction='none' for all of them"),
}
"""Keywords of other libraries: what it is here, for functions that have that, and what to say."""
REMEDIES = {
    "input": "give arrays by place",
    "other": "give arrays by place",
    "inplace": "results are always new arrays",
    "out": "results are never written into existing arrays; assign the result instead",
    "order": "elements are taken in C order; use .T before and after for another",
    "casting": "use .astype() on the input",
    "subok": "results are always Tensors",
    "like": "use .astype() or mg.array",
    "where": "use np.where(mask, result, other)",
    "dtype": "use .astype() on the input or the result",
    "axes": "use np.moveaxis on the inputs",
    "axis": "use np.moveaxis on the inputs",
    "signature": "use .astype() on the inputs",
    "device": "Tensors live where their data live",
    "copy": "use .copy()",
    "interpolation": "use method='linear'",
}
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "out": (None,),
    "order": ("C", "K", None),
    "casting": ("same_kind",),
    "subok": (False, True),
    "like": (None,),
    "where": (True,),
    "dtype": (None,),
    "device": (None, "cpu"),
    "inplace": (False,),
    "overwrite_input": (False, True),
    "weights": (None,),
    "interpolation": (None,),
}
P = inspect.Parameter
BY_PLACE = (P.POSITIONAL_ONLY, P.POSITIONAL_OR_KEYWORD)


def refuse_keyword(name: str, key: str, value: object, known: Iterable[str] = ()) -> None:
    """Pass over a keyword that asks for the default; refuse any other by name.

    Raises
    ------
    TypeError
        Naming the function, the keyword and the remedy.
    """
    if isinstance(value, tuple) and len(value) == 1:  # as ufuncs are given their outputs
        value = value[0]
    if isinstance(value, tuple) and len(value) == 1:  # as ufuncs are given their outputs
        value = value[0]
    harmless = (np._NoValue, *_HARMLESS.get(key, ()))
    if any(value is v or (type(v) is type(value) and value == v) for v in harmless):
        return
    known = list(known)
    here, renamed = RENAMED.get(key, ("", ""))
    why = renamed if here in known else REMEDIES.get(key)
    takes = f"it takes {', '.join(known)}" if known else "leave it out"
    raise TypeError(f"{name}: {key}= is not supported ({why or takes})")


def refuse_keywords(name: str, keywords: Keywords) -> None:
    """Pass over keywords that ask for the default; refuse the others by name."""
    for key, value in keywords.items():
        refuse_keyword(name, key, value)


def answering(function: Function, name: str = "") -> Function:
    """``function``, which says of a keyword that it does not have what is written instead.

    A method ``__init__`` speaks in the name of its class.
    """
    own = listed(function)
    known = {p.name for p in own}
    if any(p.kind is P.VAR_KEYWORD for p in own) or hasattr(function, "answers"):
        return function
    taken = [p.name for p in own if p.name != "self"]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not known >= kwargs.keys():
            for key in kwargs.keys() - known:
                called = name or type(args[0]).__name__
                refuse_keyword(called, key, kwargs.pop(key), taken)
        return function(*args, **kwargs)

    call.answers = True  # type: ignore[attr-defined]
    return call


def parameters(function: Function) -> tuple[str, ...]:
    """Names of a function's parameters; of a ufunc, its inputs; none where Python is not told."""
    function = inspect.unwrap(function)
    if isinstance(function, np.ufunc):
        return ("x",) if function.nin == 1 else tuple(f"x{i + 1}" for i in range(function.nin))
    return tuple(p.name for p in listed(function) if p.kind is not P.VAR_POSITIONAL)


def listed(function: Function) -> list[inspect.Parameter]:
    """The parameters of a function; none of a ufunc, and where Python is not told."""
    if isinstance(function, np.ufunc):
        return []
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # a few C functions
        return []


def positional(forward: Function) -> tuple[float, float]:
    """The least and largest number of positional arguments that ``forward`` takes."""
    if isinstance(forward, np.ufunc):
        return forward.nin, forward.nin
    found = listed(forward)
    if not found or any(p.kind is P.VAR_POSITIONAL for p in found):
        return 0, float("inf")
    places = [p for p in found if p.kind in BY_PLACE]
    return sum(p.default is p.empty for p in places), len(places)


def shown(names: Sequence[str], places: Sequence[str], forward: Function) -> inspect.Signature:
    """The signature of an op: its parameters, those beyond ``places`` by keyword only."""
    own = {p.name: p for p in listed(inspect.unwrap(forward))}
    if any(p.kind is P.VAR_POSITIONAL for p in own.values()):
        return inspect.Signature(list(own.values()))
    if not names:  # a C function that Python is not told about
        return inspect.Signature([P("args", P.VAR_POSITIONAL), P("kwargs", P.VAR_KEYWORD)])
    both = [
        P(
            name,
            P.POSITIONAL_OR_KEYWORD if name in places else P.KEYWORD_ONLY,
            default=own[name].default if name in own else P.empty,
        )
        for name in names
    ]
    return inspect.Signature(sorted(both, key=lambda p: p.kind))


def merged(function: Function, numpy_functions: Sequence[Any]) -> inspect.Signature:
    """The signature of ``function`` with what only NumPy's function has, in NumPy's order."""
    own = listed(function)
    known = {p.name: p for p in own}
    theirs = next((found for f in numpy_functions if (found := listed(f))), own)
    if any(p.kind is P.VAR_POSITIONAL for p in own):
        return inspect.Signature(own)
    shared = {p.name for p in theirs if p.name in known}
    if not shared and own:
        theirs = own
    both = [
        p.replace(default=known[p.name].default) if p.name in known else p
        for p in theirs
        if p.kind not in (P.VAR_POSITIONAL, P.VAR_KEYWORD)
    ]
    names = {p.name for p in both}
    both += [p for p in own if p.name not in names]
    return inspect.Signature(sorted(both, key=lambda p: p.kind))


class Calling:
    """How a call of a function is brought into the form that the function has.

    Attributes
    ----------
    signature : inspect.Signature
        NumPy's parameters, and those that are ours alone.
    """

    order: list[str]

    def __init__(self, name: str, function: Function, *numpy_functions: Any) -> None:
        own = listed(function)
        self.name = name
        self.signature: inspect.Signature = merged(function, numpy_functions)
        self.order = [p.name for p in self.signature.parameters.values() if p.kind in BY_PLACE]
        self.places: list[str] = [p.name for p in own if p.kind in BY_PLACE]
        same = [a == b for a, b in zip(self.order, self.places, strict=False)]
        self.alike: int = (*same, False).index(False)
        if any(p.kind is P.VAR_POSITIONAL for p in own):
            self.alike = 2**31
        open_ended = any(p.kind is P.VAR_KEYWORD for p in own)
        known = {p.name for p in own}
        self.refused: set[str] = self.signature.parameters.keys() - known
        self.known: set[str] | None = None if open_ended else known
        self.arrays: list[int] = [i for i, p in enumerate(own) if p.annotation == "ArrayLike"]
        self.named: set[str] = {own[i].name for i in self.arrays}
        self.taken: list[str] = [n for n in self.signature.parameters if n in known]

    def __call__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], array: Callable[[Any], Any]
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """Arguments as the function has them; ``array`` makes arrays of nested lists."""
        alike = self.alike
        if len(args) > alike:
            if len(args) > len(self.order):
                raise TypeError(
                    f"{self.name} takes {', '.join(self.order)}: {len(self.order)} arguments at "
                    f"most, got {len(args)}"
                )
            for key, value in zip(self.order[alike:], args[alike:], strict=False):
                if key in kwargs:
                    raise TypeError(f"{self.name}: {key}= is given twice")
                kwargs[key] = value
            args = args[:alike]
        if kwargs:
            known, given = self.known, kwargs.keys()
            for key in self.refused & given if known is None else given - known:
                refuse_keyword(self.name, key, kwargs.pop(key), self.taken)
            for key in self.named & kwargs.keys():
                if isinstance(kwargs[key], list | tuple):
                    kwargs[key] = array(kwargs[key])
        for i in self.arrays:
            if i < len(args) and isinstance(args[i], list | tuple):
                return [
                    array(a) if k in self.arrays and isinstance(a, list | tuple) else a
                    for k, a in enumerate(args)
                ], kwargs
        return args, kwargs
