"""The caller's own arrays as they were when an op was recorded with them.

A rule reads the constants of its op later, and their owner may have written into them by
then.  Of a small one the bytes are kept: where they differ, the rules read what there was.
Of a large one a sample is kept, and a difference is an error.  Ops that are linear in all
their arrays together keep nothing: their rules read no value.
"""

from __future__ import annotations

import sys
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from minigrad.errors import Site, is_user, variable_name

ndarray = np.ndarray

TINY, SMALL = 2**9, 2**16
"""Bytes up to which an array is kept whole."""

SAMPLES = 200
"""Entries of a larger one that are looked at, about."""


class Users(dict[str, bool]):
    """File -> whether its code is the user's, asked once."""

    def __missing__(self, filename: str) -> bool:
        return self.setdefault(filename, is_user(filename))


users: Users = Users()


class Sample(NamedTuple):
    """A large array: some of its entries, its layout, and the line that used it."""

    layout: tuple[Any, ...]
    content: bytes
    site: tuple[str, int, str] | None


Whole = tuple[tuple[int, ...], bytes | bytearray]
"""A small array: its shape and all of its bytes."""


def keep(x: Any) -> Whole | Sample | None:
    """What tells later whether ``x``, an ndarray, has changed; None if nobody can write to it."""
    size = x.nbytes
    if size <= TINY:
        return x.shape, x.tobytes()
    if size <= SMALL:  # comparing bytearrays copies nothing; but making them takes longer
        return x.shape, bytearray(x) if x.flags.c_contiguous else x.tobytes()
    if x.base is None and not x.flags.writeable:
        return None
    return Sample((x.shape, x.strides), sample(x), using())


def as_kept(kept: Any, x: Any) -> Any:
    """``x`` as it was when it was kept: itself, if it is so still.

    Raises
    ------
    RuntimeError
        When a large array has changed.
    """
    if type(kept) is tuple:
        shape, content = kept
        same = content == (x.tobytes() if type(content) is bytes else x)
        return x if same and shape == x.shape else ndarray(shape, x.dtype, bytes(content))
    if kept.layout == (x.shape, x.strides) and kept.content == sample(x):
        return x
    name = variable_name(x) or f"an array of shape {kept.layout[0]}"
    where = "" if kept.site is None else f" at {Site(*kept.site)}"
    raise RuntimeError(
        f"{name} was changed after it was used{where}: the gradient would be wrong; "
        f"compute with {name if name.isidentifier() else 'it'}.copy(), or fill a new array "
        "each time"
    )


def sample(x: Any) -> bytes:
    """Some entries of ``x``, evenly spread, at a step that meets one column after another."""
    flags = x.flags
    if flags.c_contiguous:
        step = x.size // SAMPLES | 1
        while x.ndim > 1 and gcd(step, x.shape[-1]) > 1:
            step += 1
        return x.reshape(-1)[::step].tobytes()  # type: ignore[no-any-return]
    if flags.f_contiguous:
        return sample(x.T)
    steps, wanted = [], SAMPLES
    for n in sorted(x.shape):  # short axes whole, as far as that goes
        steps.append(max(1, -(-n // max(1, wanted))))
        wanted //= min(n, max(1, wanted))
    by_axis = dict(zip(np.argsort(x.shape, kind="stable").tolist(), steps, strict=True))
    return x[tuple(slice(None, None, by_axis[i]) for i in range(x.ndim))].tobytes()  # type: ignore[no-any-return]


def using() -> tuple[str, int, str] | None:
    """File, line and function of the user's code that is running."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if users[code.co_filename]:
            return code.co_filename, frame.f_lineno, code.co_name
        frame = frame.f_back
    return None
