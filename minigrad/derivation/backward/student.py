"""What is checked: two functions, one of both, or the methods of a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import ALL
from minigrad.derivation.backward.recorder import Patched
from minigrad.derivation.backward.variables import layers_in
from minigrad.errors import label
from minigrad.typing import Function, Keywords

CHECK = "check_backward"
OUTPUTS = ("output", "outputs", "out")
"""Attributes in which a layer keeps its output, where the forward function returns nothing."""


@dataclass
class Student:
    """What is checked: functions, or the methods of an instance."""

    forward: Function
    backward: Callable[..., Any] | None
    instance: object = None

    @property
    def name(self) -> str:
        named = self.backward or self.forward
        return str(getattr(named, "__qualname__", getattr(named, "__name__", "backward")))

    def on(self, instance: Any, tensors: bool) -> tuple[Any, Any]:
        """Forward and backward, bound to ``instance`` where they are methods of one."""
        ready: Any = Patched() if tensors else (lambda f: f)
        if self.instance is None:
            return ready(self.forward), self.backward
        if tensors:
            patched = Patched()
            for _, held in layers_in(instance):
                patched.methods(held)
        found: list[Any] = [
            f and getattr(instance, f.__name__) for f in (self.forward, self.backward)
        ]

        def forward(*args: Any) -> Any:
            """What it returns; nothing where the output is an attribute of the layer."""
            result = found[0](*args)
            held = vars(instance) if hasattr(instance, "__dict__") else {}
            return next((held[n] for n in OUTPUTS if n in held), None) if result is None else result

        return (forward if self.backward else found[0]), found[1]


def student_of(forward: Any, backward: Any) -> tuple[Student, bool]:
    """What is checked, and whether ``backward`` is the first input instead.

    Raises
    ------
    TypeError
        Where there is nothing to call, and for a layer whose gradients cannot be seen.
    """
    both = callable(getattr(forward, "forward", None)) and callable(
        getattr(forward, "backward", None)
    )
    if both and not callable(backward):
        if isinstance(forward, type):
            try:
                forward = forward()
            except TypeError as error:
                raise TypeError(
                    f"{CHECK}: {forward.__name__} is a class that needs arguments ({error}): "
                    "give an instance of it"
                ) from None
        refuse_unseen(forward.forward, forward.backward)
        return Student(forward.forward, forward.backward, forward), backward is not None
    if not callable(forward):
        raise TypeError(f"{CHECK}: forward is {label(forward)}, not a function or a layer")
    instance = getattr(forward, "__self__", None) if isinstance(forward, MethodType) else None
    refuse_unseen(forward, backward)
    if not callable(backward):
        return Student(forward, None, instance), backward is not None
    if instance is not getattr(backward, "__self__", None):
        instance = None
    return Student(forward, backward, instance), False


def refuse_unseen(*methods: object) -> None:
    """Raise a TypeError for methods of a layer whose attributes are not found."""
    for method in methods:
        code = getattr(inspect.unwrap(method), "__code__", None) if callable(method) else None
        if not isinstance(method, MethodType) or isinstance(method.__self__, type):
            continue
        if not hasattr(method.__self__, "__dict__"):
            name = type(method.__self__).__name__
            raise TypeError(
                f"{CHECK}: {name} has __slots__, and what is kept in them can't be graded: "
                "leave __slots__ out"
            )
        first = code.co_varnames[0] if code is not None and code.co_argcount else "self"
        if first != "self":
            raise TypeError(
                f"{CHECK}: the first parameter of {method.__qualname__} is called {first}, and "
                "what is kept in it can't be graded: call it self"
            )


def parts_of(result: object) -> list[Any]:
    """The results of a function, one or several."""
    return list(result) if isinstance(result, tuple) else [result]


def is_alone(attributes: Keywords) -> bool:
    """Whether an object has one number, and a place for its gradient."""
    numbers = [n for n, v in attributes.items() if isinstance(v, float | np.ndarray)]
    gradients = {*ALL, "g"} & attributes.keys()
    return bool(gradients) and len({*numbers} - gradients) == 1


def plain_answer(answer: Any) -> Any:
    """What is returned, as a tuple where it is an array of anything, or yielded."""
    if isinstance(answer, Iterator):
        return tuple(answer)
    holds_any = isinstance(answer, np.ndarray) and answer.dtype == object
    return tuple(answer.flat) if holds_any and any(map(np.ndim, answer.flat)) else answer


def defaults_of(f: Function | None) -> dict[str, Any]:
    """What the parameters of a plain function are by default."""
    if type(f) is not FunctionType:
        return {}
    given = f.__defaults__ or ()
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    last = names[len(names) - len(given) :]
    return dict(zip(last, given, strict=True)) | (f.__kwdefaults__ or {})


def with_defaults(f: Any, other: Keywords) -> Any:
    """The same function with other defaults."""
    known = defaults_of(f)
    if not known.keys() & other.keys():
        return f
    made = FunctionType(f.__code__, f.__globals__, f.__name__, None, f.__closure__)
    only = {k: other.get(k, v) for k, v in (f.__kwdefaults__ or {}).items()}
    made.__kwdefaults__ = only
    made.__defaults__ = tuple(other.get(k, v) for k, v in known.items() if k not in only)
    return made


def parameters(f: Function, every: bool = False) -> list[inspect.Parameter]:
    """The parameters that can be given by position, or all but ``**options``."""
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in found if p.kind in named or (every and p.kind is not p.VAR_KEYWORD)]
