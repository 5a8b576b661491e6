"""What a Tensor may hold: private copies of numbers, read-only; or duck arrays."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from minigrad.ops.shape import speaks_numpy
from minigrad.typing import Array, DType

NUMERIC = "fciub"
"""Kinds of dtype that a Tensor may have."""

CONTINUOUS = "fc"
"""Kinds of dtype that have a gradient."""

NUMBERS: frozenset[Any] = frozenset(
    {float, int, bool, np.float64, np.float32, np.float16, np.int64, np.int32, np.bool_}
    | {complex, np.complex64, np.complex128}
)
"""Types of constants that need no look before use."""


def keep_freed_memory() -> None:
    """Let the allocator keep what a training step frees, for the next step to use.

    glibc returns freed memory to the system beyond a threshold that grows with the
    largest block freed so far, and the page faults of asking for it again can take as
    long as the matrix products.  Freeing one large block, never touched and so without
    cost, raises the threshold for the process.
    """
    with suppress(MemoryError):  # a process may be limited to little memory
        np.empty(2**25 - 2**16, np.uint8)


keep_freed_memory()


def owned(data: Array, requires_grad: bool, dtype: DType, lock: bool) -> Array:
    """A private copy of ``data``, locked; duck arrays as they are, numbers as scalars.

    Raises
    ------
    TypeError, ValueError
        For data that are ragged, not numbers, or, with ``requires_grad``, integers.
    """
    if speaks_numpy(data) and hasattr(data, "dtype"):
        if dtype is not None and data.dtype != dtype:
            data = data.astype(dtype)
    else:
        if data is None or isinstance(data, dict | set | frozenset | str | bytes):
            raise TypeError(
                f"Tensor: the data are {data!r:.40} ({type(data).__name__}), no numbers"
            )
        unmasked(data)
        if requires_grad and dtype is None and isinstance(data, int | np.integer):
            dtype = np.float64
        if dtype is not None and np.dtype(dtype).kind != "c" and np.iscomplexobj(data):
            raise TypeError(
                f"complex data do not fit into dtype {np.dtype(dtype)}: take .real, .imag or np.abs"
            )
        try:
            data = np.array(data, dtype=dtype)
        except (ValueError, TypeError) as error:
            raise type(error)(f"Tensor: the data are ragged or not numbers ({error})") from None
    kind = data.dtype.kind
    if kind not in NUMERIC:
        raise TypeError(
            f"Tensor: the data have dtype {data.dtype}; minigrad computes with numbers "
            "(floating-point, complex, integer or boolean)"
        )
    if requires_grad and kind not in CONTINUOUS:
        raise TypeError(
            f"data of dtype {data.dtype} cannot require a gradient: write floats (1.0 instead "
            "of 1), or convert with .astype(float) or dtype=float"
        )
    return locked(data) if lock else data[()] if data.shape == () else data


def is_masked(x: object) -> bool:
    """Whether ``x`` is a masked array; for a plain one `numpy.ma` is not imported."""
    array = isinstance(x, np.ndarray) and type(x) is not np.ndarray
    return array and isinstance(x, np.ma.MaskedArray)


def unmasked(data: Array) -> None:
    """Refuse an array some of whose elements are masked: as plain numbers they would count."""
    if is_masked(data) and data.mask.any():
        raise TypeError(
            f"the data are a masked array, shape {data.shape}, and some of it is masked: take "
            "np.where(mask, other, values), or .compressed()"
        )


def locked(data: Array) -> Array:
    """``data`` locked if it is an array, a NumPy scalar if it is 0-dimensional.

    Here and in the fast paths ``write`` is given by place, which takes a third of the time.
    """
    if type(data) is np.ndarray:
        if data.ndim == 0:
            return data[()]
        data.setflags(False)  # type: ignore[call-arg]
    elif isinstance(data, np.ndarray):  # matrices, masked arrays, memory maps
        unmasked(data)
        return locked(np.array(data))
    elif type(data) is complex:  # of Python's complex number and a scalar
        return np.complex128(data)
    return data
