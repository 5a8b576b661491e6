"""The caller's own arrays as they were when an op was recorded with them.

A rule reads the constants of its op later, and their owner may have written into them by
then.  Of a small one there is a copy, which the rules read.  Of a large one a sample is kept,
and a difference is an error.  Ops that are linear in all their arrays together keep nothing:
their rules read no value.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from minigrad.errors import Site, is_user, variable_name
from minigrad.typing import Array

ndarray = np.ndarray

SMALL = 2**16
"""Bytes up to which an array is copied."""

SAMPLES = 200
"""Entries of a larger one that are looked at, about."""


class Users(dict[str, bool]):
    """File -> whether its code is the user's, asked once."""

    def __missing__(self, filename: str) -> bool:
        return self.setdefault(filename, is_user(filename))


users: Users = Users()


class Sample(NamedTuple):
    """A large array: some of its entries, as they were, its layout, and the line that used it."""

    entries: Array
    content: bytes
    layout: tuple[Hashable, ...]
    site: tuple[str, int, str] | None


def keep(x: Any) -> Array:
    """What tells later what ``x``, an ndarray, was: a copy, or a `Sample` of a large one.

    None if nobody can write to it.
    """
    if x.nbytes <= SMALL:
        return x.copy("K")
    if x.base is None and not x.flags.writeable:
        return None
    entries = sampled_entries(x)
    return Sample(entries, entries.tobytes(), (x.shape, x.strides), using())


def as_kept(kept: Any, x: Any) -> Array:
    """``x``, or a copy of it, as it was when it was kept.

    Raises
    ------
    RuntimeError
        When a large array has changed.
    """
    if type(kept) is ndarray:
        return kept
    entries, content, layout, site = kept
    if layout == (x.shape, x.strides) and entries.tobytes() == content:
        return x
    name = variable_name(x) or f"an array of shape {layout[0]}"
    where = "" if site is None else f" at {Site(*site)}"
    raise RuntimeError(
        f"{name} was changed after it was used{where}: the gradient would be wrong; "
        f"compute with {name if name.isidentifier() else 'it'}.copy(), or fill a new array "
        "each time"
    )


def itself(kept: Any, x: Any) -> Array:
    """`as_kept`, but ``x`` itself wherever it has not changed: people know it by name."""
    was = as_kept(kept, x)
    same = was is x or (was.shape == x.shape and was.tobytes() == x.tobytes())
    return x if same else was


def sampled_entries(x: Any) -> Array:
    """A view of some entries of ``x``, at a step that meets one column after another."""
    flags = x.flags
    if flags.c_contiguous:
        step = x.size // SAMPLES | 1
        while x.ndim > 1 and gcd(step, x.shape[-1]) > 1:
            step += 1
        return x.reshape(-1)[::step]
    if flags.f_contiguous:
        return sampled_entries(x.T)
    steps, wanted = [], SAMPLES
    for n in sorted(x.shape):  # short axes whole, as far as that goes
        steps.append(max(1, -(-n // max(1, wanted))))
        wanted //= min(n, max(1, wanted))
    by_axis = dict(zip(np.argsort(x.shape, kind="stable").tolist(), steps, strict=True))
    return x[tuple(slice(None, None, by_axis[i]) for i in range(x.ndim))]


def using() -> tuple[str, int, str] | None:
    """File, line and function of the user's code that is running."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if users[code.co_filename]:
            return code.co_filename, frame.f_lineno, code.co_name
        frame = frame.f_back
    return None
