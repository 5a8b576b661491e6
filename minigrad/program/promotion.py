"""How Python's numbers count in a program: what NumPy promotes them to, beside what.

A number that may change between calls is a double in a program, and stands for one of
Python's: floats take the dtype of the arrays beside them, whole numbers stay whole, and
comparisons give truth values that add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from minigrad import ops
from minigrad.graph import AnyNode
from minigrad.ops.record import Op
from minigrad.program.equations import is_library_op
from minigrad.tensor import Tensor
from minigrad.tensor.recorder import Firm, Recorder, Truth, read
from minigrad.typing import Array, Keywords

ARITHMETIC = frozenset(
    {
        ops.add, ops.subtract, ops.multiply, ops.divide, ops.power,
        ops.negative, ops.positive, ops.absolute, ops.floor_divide, ops.remainder, ops.round,
        ops.real, ops.imag, ops.conjugate,
    }
)  # fmt: skip
"""What two of Python's numbers give another of Python's numbers by."""

WHOLE: dict[Op, Any] = {ops.add: sum, ops.subtract: sum, ops.multiply: math.prod, ops.negative: sum}
"""What whole numbers stay whole by, and the bound of the answer by the bounds of both."""

SIGNED = frozenset({ops.multiply, ops.negative})
"""What gives -0 of whole numbers that are doubles."""

COMPARISONS = frozenset(
    {ops.less, ops.less_equal, ops.greater, ops.greater_equal, ops.equal, ops.not_equal}
)
"""What two of Python's numbers give one of its truth values by."""

LOGIC = frozenset({ops.bitwise_and, ops.bitwise_or, ops.bitwise_xor})
"""What two of Python's truth values give another by."""

EXACT = 2.0**53
"""Whole numbers up to which are doubles."""


VARYING = "a whole number that varies, and a program has only fixed ones"


class Unwritable(TypeError):
    """A function does what no program can."""


class Promotion(Recorder):
    """A recorder that knows which of its numbers are Python's.

    Attributes
    ----------
    cast : bool
        Whether one of Python's numbers has taken another dtype than that of a double.
    doubles : set
        Nodes of floats of a class of their own: beside arrays NumPy makes doubles of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cast: bool = False
        self.doubles: set[AnyNode | None] = set()

    def apply(self, op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
        """`Recorder.apply`; whole numbers have no -0."""
        ans = super().apply(op, args, kwargs)
        if op in SIGNED and self.weak.get(getattr(ans, "node", None)) is not None:
            return super().apply(ops.add, (ans, 0), {})
        return ans

    def kept(self, v: Any) -> Any:
        """`Recorder.kept`; whole numbers are such, as an index must be."""
        v = super().kept(v)
        size = self.weak.get(v.node) if isinstance(v, Tensor) else None
        return v if size is None or type(size) is Truth else v.astype(np.int64)

    def promoted(
        self,
        op: Op,
        args: tuple[Array, ...],
        kept: Any,
        values: list[Array],
        parents: Sequence[AnyNode | None],
    ) -> tuple[tuple[Any, ...] | None, Any]:
        """How Python's numbers among the arguments of ``op`` count, as NumPy 2 has it.

        Returns
        -------
        casts : tuple or None
            The arguments, with those numbers in the dtype of the arrays beside them.
        weak : False, None or float
            What `weak` says of the answer; False if it is an array.
        """
        found = self.of_truths(op, args, values, parents)
        if found is not None:
            return found
        soft = [p in self.weak and type(self.weak[p]) is not Truth for p in parents]
        if not any(soft):  # beside arrays Python's truth values count as NumPy's
            return None, False
        if is_library_op(op) and not (op.elementwise or op.vjps is None or op in ARITHMETIC):
            if any(self.weak.get(p) is not None for p in parents):
                given = [np.asarray(x) for x in self.pythons(values, parents)]
                if narrows(op, given, values, {key: read(v) for key, v in kept.items()}):
                    self.refuse_whole(op)  # of whole numbers it is an array of such
            return None, False
        firm = [
            v.dtype
            for v, s in zip(values, soft, strict=True)
            if not s and isinstance(getattr(v, "dtype", None), np.dtype)
        ]
        sizes = [
            self.weak[p] if s else abs(v) if type(v) is int else None
            for v, p, s in zip(values, parents, soft, strict=True)
        ]
        whole = any(s and size is not None for s, size in zip(soft, sizes, strict=True))
        numpys = any(type(size) is Firm for size in sizes)
        if firm:
            if whole and not any(dtype.kind == "f" for dtype in firm):
                self.refuse_whole(op)
            double = numpys or not self.doubles.isdisjoint(parents)
            dtype = np.result_type(*firm, np.float64 if double else 1.0)
            if dtype == np.float64:
                return None, False
            given = self.pythons(values, parents)
            if not narrows(op, given, values, {key: read(v) for key, v in kept.items()}):
                return None, False
            self.cast = True
            return tuple(
                x.astype(dtype) if s else x for x, s in zip(args, soft, strict=True)
            ), False
        if not whole or None in sizes:
            return None, None if op in ARITHMETIC and not numpys else False
        if op in WHOLE:
            size = WHOLE[op](sizes)
            if size > EXACT:
                self.refuse_whole(op)
            return None, Firm(size) if numpys else size
        if op is ops.divide:
            return None, False if numpys else None
        answer = np.asarray(op.forward(*(int(v) for v in values)))
        if answer.dtype != np.float64 and answer.dtype.kind != "b":
            self.refuse_whole(op)
        return None, False

    def of_truths(
        self,
        op: Op,
        args: tuple[Array, ...],
        values: list[Array],
        parents: Sequence[AnyNode | None],
    ) -> tuple[tuple[Any, ...] | None, Any] | None:
        """What `promoted` gives where all are Python's and some, or the answer, truth values."""
        sizes = [self.weak.get(p) for p in parents]
        firm = any(hasattr(v, "dtype") and p not in self.weak for v, p in zip(values, parents))
        if firm or any(type(size) is Firm for size in sizes):
            return None
        truths = [type(size) is Truth for size in sizes]
        if op in COMPARISONS:
            return None, Truth(1)
        if not any(truths):
            return None
        if op in LOGIC and all(t or type(v) is bool for v, t in zip(values, truths)):
            return None, Truth(1)
        if op in LOGIC or op is ops.invert:
            self.refuse_whole(op)
        if op not in ARITHMETIC:
            return None
        return tuple(self.counted(x) if t else x for x, t in zip(args, truths)), False

    def counted(self, t: Any) -> Any:
        """A truth value as the whole number that it counts as."""
        number = t.astype(float)
        self.weak[number.node] = 1.0
        return number

    def pythons(self, values: list[Array], parents: Sequence[AnyNode | None]) -> list[Array]:
        """The values, with the numbers that the function itself would have for stand-ins."""
        return [
            self.python(v, p) if p in self.weak else v for v, p in zip(values, parents, strict=True)
        ]

    def python(self, value: Array, node: AnyNode | None) -> Array:
        """The number that the function itself would have in place of a stand-in."""
        size = self.weak[node]
        if type(size) is Truth:
            return bool(value)
        if size is None:
            return float(value)
        return np.int64(value) if type(size) is Firm else int(value)

    def refuse_whole(self, op: Op) -> NoReturn:
        raise Unwritable(f"{op.name}() needs {VARYING}")


def narrows(op: Op, given: list[Array], values: list[Array], kwargs: Keywords) -> bool:
    """Whether ``op`` takes Python's numbers among ``given`` in the dtype of the arrays there.

    ``values`` has doubles in their place.  A ufunc says what it takes; other functions, some of
    which make arrays of their arguments first, are asked by what they give.
    """
    if isinstance(op.forward, np.ufunc):
        soft = [type(x) in (float, int) for x in given]
        kinds = [type(x) if s else np.result_type(x) for x, s in zip(given, soft, strict=True)]
        taken = op.forward.resolve_dtypes((*kinds, *[None] * op.forward.nout))
        return any(s and kind != np.float64 for kind, s in zip(taken, soft, strict=False))
    with np.errstate(all="ignore"):
        narrow, wide = (op.forward(*x, **kwargs) for x in (given, values))
    return bool(kinds_of(narrow) != kinds_of(wide))


def kinds_of(x: object) -> Any:
    """The dtypes of an answer, or the dtype that it is."""
    if isinstance(x, tuple | list):
        return [kinds_of(part) for part in x]
    return x if isinstance(x, np.dtype) else np.asarray(x).dtype
