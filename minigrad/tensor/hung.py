"""Methods of Tensor that are functions of the library, hung in by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

from minigrad import ops
from minigrad.errors import label
from minigrad.ops.hints import METHODS as METHODS_ELSEWHERE
from minigrad.ops.kinds import conjugated
from minigrad.ops.record import Op
from minigrad.tensor.tensor import Tensor
from minigrad.typing import Array, Function


def method(function: Function) -> Callable[..., Tensor]:
    """A function of the library as a method."""
    if isinstance(function, Op):

        def call(self: Tensor, *args: Array, **kwargs: Any) -> Array:
            return Op.__call__(function, self, *args, **kwargs)  # half the cost of function(...)
    else:

        def call(self: Tensor, *args: Array, **kwargs: Any) -> Array:
            return function(self, *args, **kwargs)

    call.__name__ = function.__name__
    call.__doc__ = function.doc if isinstance(function, Op) else function.__doc__
    call.__wrapped__ = function  # type: ignore[attr-defined]  # whose signature it has
    return call


def compared(function: Function) -> Function:
    """A comparison as a method, which leaves it to operands that decline NumPy's functions."""

    def call(self: Tensor, other: Array) -> Any:
        if getattr(type(other), "__array_ufunc__", 0) is None:
            return NotImplemented
        return function(self, other)

    call.__name__ = function.__name__
    return call


def in_place(name: str, instead: str = "") -> Callable[..., NoReturn]:
    """A method of ndarray that would write into a Tensor, refused."""

    def call(self: Tensor, *args: object, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{label(self)}.{name}() would write into it, and Tensors are read-only: "
            f"use {instead or f'np.{name}(t, ...)'}"
        )

    return call


class Elsewhere:
    """The name of a function that is no method: who asks a Tensor for it learns how to call it.

    A ``__getattr__`` would do the same, and slow down every access to what there is.
    """

    __slots__ = ("name",)
    name: str

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, t: object, kind: object = None) -> NoReturn:
        instead = METHODS_ELSEWHERE.get(self.name) or self.call()
        told = f"a Tensor has no attribute {self.name!r}: write {instead}"
        raise AttributeError(told, name=self.name, obj=t)

    def call(self) -> str:
        """The function of this name, called with all that it needs."""
        needed = inspect.signature(getattr(ops, self.name)).parameters.values()
        more = [p.name for p in needed if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
        return f"mg.{self.name}({', '.join(['t', *more[1:]])})"


def names_of(self: Tensor) -> list[str]:
    """What ``dir`` lists: the names that are there."""
    own = vars(Tensor)
    return [n for n in dir(type(self)) if not isinstance(own.get(n), Elsewhere)]


METHODS = (
    "sum mean prod max min ptp var std cumsum cumprod ravel swapaxes squeeze repeat take choose "
    "diagonal trace dot clip round astype copy argmax argmin argsort any all "
    "nonzero searchsorted argpartition"
).split()
OPERATORS: dict[str, Function] = {
    "invert": ops.invert, "neg": ops.negative, "pos": ops.positive, "abs": ops.absolute,
    "and": ops.bitwise_and, "or": ops.bitwise_or, "xor": ops.bitwise_xor,
    "rand": ops.bitwise_and, "ror": ops.bitwise_or, "rxor": ops.bitwise_xor,
    "divmod": ops.divmod, "lshift": ops.left_shift, "rshift": ops.right_shift,
}  # fmt: skip
"""Python's operators but brackets and the infix ones of arithmetic, which the door hangs in."""
COMPARISONS = {
    "lt": ops.less, "le": ops.less_equal, "gt": ops.greater, "ge": ops.greater_equal,
    "eq": ops.equal, "ne": ops.not_equal,
}  # fmt: skip
WRITING = {
    "sort": "", "partition": "", "resize": "", "put": "np.where",
    "fill": "np.full_like(t, value)",
}  # fmt: skip
"""Methods of ndarray that write into it, and what is used instead."""

setattr(Tensor, "__dir__", names_of)  # noqa: B010
for _name in METHODS:
    setattr(Tensor, _name, method(getattr(ops, _name)))
for _name, _function in (("flatten", ops.ravel), ("conj", conjugated), ("conjugate", conjugated)):
    setattr(Tensor, _name, method(_function))
for _name, _op in OPERATORS.items():
    setattr(Tensor, f"__{_name}__", method(_op))
for _name, _op in COMPARISONS.items():
    setattr(Tensor, f"__{_name}__", compared(_op))
for _name, _instead in WRITING.items():
    setattr(Tensor, _name, in_place(_name, _instead))
for _name in (*ops.__all__, *METHODS_ELSEWHERE):
    if not hasattr(Tensor, _name):
        setattr(Tensor, _name, Elsewhere(_name))
