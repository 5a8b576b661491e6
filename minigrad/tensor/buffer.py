"""Buffer: an array to be filled by index, each write recorded.

Nothing is overwritten.  The values written are kept one after another, and an array of
integers says for every element where among them its value stands.  A write alters those
integers alone, a read gathers what it selects, and what was read is a Tensor of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.data import CONTINUOUS, NUMERIC
from minigrad.errors import label
from minigrad.ops.record import Op
from minigrad.tensor.tensor import Tensor
from minigrad.typing import Array, DType, Index, Shape


class Buffer(Tensor):
    """What `buffer` returns: a Tensor that may be written into."""

    __slots__ = ("_dtype", "_place", "_starts", "_whole", "_written")

    def __init__(self, initial: Array, place: Index, dtype: np.dtype[Any]) -> None:
        self._written: list[Array] = [initial]
        self._starts = [0]
        self._place = place
        self._dtype = dtype
        self._whole: Tensor | None = None
        self._name = None

    @property
    def _value(self) -> Any:
        return self.read()._value

    @property
    def node(self) -> Any:
        return self.read().node

    @property
    def shape(self) -> Shape:
        return self._place.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        return self._dtype

    def __setitem__(self, key: Index, value: Array) -> None:
        key = ops.indexing.settled(key)
        place = self._place[key]
        shape = np.shape(value)
        try:
            np.broadcast_to(np.empty(shape, bool), np.shape(place))
        except ValueError:
            raise ValueError(
                f"{label(self)}[...] = value: the value has shape {shape}, its place {place.shape}"
            ) from None
        value = value if isinstance(value, Tensor) else ops.array(value)
        if not isinstance(value, Tensor):
            value = np.array(value)
        kind = value.dtype.kind
        if kind not in NUMERIC or (kind == "c" and self._dtype.kind != "c"):
            raise TypeError(f"{label(self)}[...] = value: the value has dtype {value.dtype}")
        if value.dtype != self._dtype:
            value = value.astype(self._dtype)
        start = self._starts[-1] + ops.size(self._written[-1])
        self._starts.append(start)
        self._written.append(value.read() if isinstance(value, Buffer) else value)
        self._place[key] = start + np.arange(value.size).reshape(shape)
        self._whole = None

    def __getitem__(self, key: Index) -> Any:
        if self._whole is not None:
            return self._whole[key]
        return self._gathered(self._place[ops.indexing.settled(key)])

    def read(self) -> Tensor:
        """The whole of it, as it is now."""
        if self._whole is None:
            self._whole = self._gathered(self._place)
        return self._whole

    def _gathered(self, place: Index) -> Any:
        """The values at ``place``."""
        shape, place = np.shape(place), np.ravel(place)
        if not place.size:
            return Tensor(np.zeros(shape, self._dtype))
        which = bisect_right(self._starts, place[0]) - 1
        first = self._written[which]
        run = np.arange(place[0], place[0] + place.size)
        whole = place.size == np.size(first) and place[0] == self._starts[which]
        if whole and np.array_equal(place, run):  # what was written at once is read at once
            first = first if isinstance(first, Tensor) else Tensor(first)
            return first if first.shape == shape else ops.reshape(first, shape)
        origin = np.searchsorted(self._starts, place, side="right") - 1
        used, local = np.unique(origin, return_inverse=True)
        parts = [self._written[i] for i in used]
        if len({np.shape(part) for part in parts}) == 1:
            everything = ops.reshape(ops.stack(parts), (-1,))
        else:
            everything = ops.concatenate([ops.reshape(part, (-1,)) for part in parts])
        if not isinstance(everything, Tensor):
            everything = Tensor(everything)
        sizes = [np.size(part) for part in parts]
        begins = np.cumsum([0, *sizes[:-1]])
        index = begins[local] + place - np.asarray(self._starts)[origin]
        if index.size != sum(sizes) or not np.array_equal(index, np.arange(index.size)):
            everything = ops.getitem(everything, index)
        return ops.reshape(everything, shape)

    def __reduce__(self) -> Any:
        return self.read().__reduce__()


def buffer(shape: int | Shape, fill: float = 0.0, *, dtype: DType = float) -> Buffer:
    """An array to be filled by index, through which gradients flow.

    ``b[key] = value`` takes any index of NumPy's and records the write; reading gives what
    is there at that moment.  A write costs what its value takes, whatever the size of the
    buffer; the whole is put together when it is first used.

    Parameters
    ----------
    shape : int or tuple of int
    fill : number
        What is there before anything is written.
    dtype : dtype
        A floating-point type; what is written is converted to it.

    Returns
    -------
    Tensor
        One that may be written into.

    Raises
    ------
    TypeError, ValueError
        For a dtype that is not floating-point; and, when written to, for a value that does
        not fit its place.

    Examples
    --------
    >>> import minigrad as mg
    >>> def euler(k):
    ...     u = mg.buffer(4)
    ...     u[0] = 1.0
    ...     for i in range(3):
    ...         u[i + 1] = u[i] + 0.1 * k * u[i]
    ...     return u[3]
    >>> round(float(mg.grad(euler)(2.0)), 6)
    0.432
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in CONTINUOUS:
        raise TypeError(f"mg.buffer: dtype {dtype} has no gradient: take a floating-point type")
    return Buffer(np.asarray(fill, dtype), np.zeros(shape, np.intp), dtype)


@dataclass(eq=False, repr=False)
class At:
    """``t.at[key]``: a place in ``t``, for a copy with something else there."""

    t: Tensor
    key: Any = None

    def __getitem__(self, key: object) -> At:
        return At(self.t, key)

    def set(self, value: Array) -> Tensor:
        """A copy of ``t`` with ``value`` there."""
        t = self.t
        whole = Buffer(t, np.arange(t.size).reshape(t.shape), t.dtype)
        whole[self.key] = value
        return whole.read()

    def add(self, value: Array) -> Tensor:
        """A copy of ``t`` with ``value`` added there, as often as the place is named."""
        t, key = self.t, ops.indexing.settled(self.key)
        place = np.empty(t.shape, bool)[key]
        if not isinstance(value, Tensor):
            value = ops.array(value) if ops.holds_tensor([value]) else Tensor(value)
        value = ops.broadcast_to(ops.astype(value, t.dtype), np.shape(place))
        return t + ops.indexing.scatter(value, shape=t.shape, index=key)  # type: ignore[no-any-return]

    def multiply(self, value: Array) -> Tensor:
        """A copy of ``t`` with what is there multiplied, as often as the place is named."""
        return self._in_turn(ops.multiply, value)

    def min(self, value: Array) -> Tensor:
        """A copy of ``t`` with the smaller of what is there and ``value``."""
        return self._in_turn(ops.minimum, value)

    def max(self, value: Array) -> Tensor:
        """A copy of ``t`` with the larger of what is there and ``value``."""
        return self._in_turn(ops.maximum, value)

    def _in_turn(self, op: Op, value: Array) -> Tensor:
        """``op`` of what is there and ``value``: first where places are named first, and so on."""
        t = self.t
        places = np.arange(t.size).reshape(t.shape)[ops.indexing.settled(self.key)]
        value = ops.array(value) if isinstance(value, list | tuple) else value
        values = ops.reshape(ops.broadcast_to(value, np.shape(places)), (-1,))
        flat = np.reshape(places, (-1,))
        order, n = np.argsort(flat, kind="stable"), np.arange(flat.size)
        fresh = np.diff(flat[order], prepend=-1) != 0
        turn = np.empty_like(n)
        turn[order] = n - np.maximum.accumulate(np.where(fresh, n, 0))
        whole = ops.reshape(t, (-1,))
        for i in range(turn.max(initial=-1) + 1):
            (named,) = np.nonzero(turn == i)
            at = flat[named]
            whole = At(whole, at).set(op(whole[at], values[named]))
        return ops.reshape(whole, t.shape)  # type: ignore[no-any-return]


_at = property(
    At, doc="A place in it: ``t.at[i].set(v)``, ``add``, ``multiply``, ``min``, ``max`` are copies."
)
setattr(Tensor, "at", _at)  # noqa: B010
