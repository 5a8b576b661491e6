"""What the variables of the forward function were, while it was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import FrameType, FunctionType, ModuleType
from typing import Any

from minigrad.errors import is_user
from minigrad.reading.names import Scope, named_values
from minigrad.tensor import Tensor, wrap


def is_layer(value: object) -> bool:
    """Whether it is an object of a class of the user's, with attributes."""
    kind: type = type(value)
    if not hasattr(value, "__dict__") or isinstance(value, type | FunctionType | ModuleType):
        return False
    methods = [m for base in kind.__mro__ for m in vars(base).values()]
    return any(isinstance(m, FunctionType) and is_user(m.__code__.co_filename) for m in methods)


def layers_in(value: Any, path: str = "self", depth: int = 4) -> Iterator[tuple[str, Any]]:
    """An object of the user's and those that it holds, each with its path."""
    if isinstance(value, dict) or type(value) in (list, tuple):
        held = value.items() if isinstance(value, dict) else enumerate(value)
        steps = [(f"[{k!r}]", v) for k, v in held]
    elif is_layer(value):
        yield path, value
        steps = [(f".{k}", v) for k, v in vars(value).items()]
    else:
        return
    for step, v in steps[:50] if depth else ():
        yield from layers_in(v, path + step, depth - 1)


class Variables:
    """Every Tensor that each variable of the user's functions was, innermost call last."""

    def __init__(self) -> None:
        self.found: dict[str, list[Tensor]] = {}
        self.live: dict[str, Tensor] = {}
        self.scopes: dict[int, Scope] = {}
        self.top: FrameType | None = None

    def choose(self, frame: FrameType) -> Any:
        if not is_user(frame.f_code.co_filename):
            return None
        self.top = self.top or frame
        return self.look

    def look(self, frame: FrameType, event: str, arg: object) -> None:
        variables = frame.f_locals
        for name, value in variables.items():
            self.meet(name, value, 4)
        if event == "return":
            code = frame.f_code
            place = (code.co_filename, code.co_name, code.co_firstlineno, frame.f_lineno, code)
            kept = {n: wrap(v._value, v.node) if isinstance(v, Tensor) else v
                    for n, v in variables.items()}  # fmt: skip
            self.scopes[id(code)] = Scope(kept, *place)
            if frame is self.top:
                self.top = None

    def meet(self, name: str, value: object, depth: int) -> None:
        if isinstance(value, Tensor):
            seen = self.found.setdefault(name, [])
            if value.node is None or any(t.node is value.node for t in seen[-3:]):
                return
            if seen and self.live.get(name) is value:  # written into
                seen.pop()
            self.live[name] = value
            seen.append(wrap(value._value, value.node))
        elif isinstance(value, dict) and depth:
            for key, v in list(value.items())[:50]:
                self.meet(f"{name}[{key!r}]", v, depth - 1)
        elif type(value) is list and depth and name.startswith("self."):
            for k, v in enumerate(value[:50]):
                if is_layer(v):
                    self.meet(f"{name}[{k}]", v, depth - 1)
        elif depth and (name == "self" or (name.startswith("self.") and is_layer(value))):
            for key, v in list(getattr(value, "__dict__", {}).items())[:50]:
                self.meet(f"{name}.{key}", v, depth - 1)


def own_names(scopes: list[Scope]) -> list[Scope]:
    """The scopes, without the helpers' names for what the function itself holds somewhere."""
    inside = named_values(scopes[0].variables, True) if scopes else ()
    kept = {t.node for _, t in inside if isinstance(t, Tensor)}
    return scopes[:1] + [
        replace(s, variables={n: v for n, v in s.variables.items()
                              if not isinstance(v, Tensor) or v.node not in kept})
        for s in scopes[1:]
    ]  # fmt: skip
