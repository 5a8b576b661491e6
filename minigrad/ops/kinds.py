"""Kinds of numbers: other dtypes, real and imaginary parts, pairs of real numbers as complex."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.record import Op, composed, elementwise, is_complex, primitive
from minigrad.ops.shape import reshape
from minigrad.typing import Array, DType


def astype_rule(g: Array, ans: Array, x: Array, dtype: DType, **_: object) -> Array:
    g = np.real(g) if is_complex(g) and not is_complex(x) else g
    return g.astype(x.dtype)


@primitive(
    *([np.astype] if hasattr(np, "astype") else []),
    vjps=(astype_rule,),
    fresh=True,
    linear="jointly",
    complex=True,
)
def astype(x: Array, dtype: DType, *, copy: bool = True) -> Array:
    """``x`` in another dtype; through integers and booleans no gradient flows.

    Derivative: ``dx = dy``, in the dtype of ``x``.

    Raises
    ------
    TypeError
        For dtypes that are no numbers, and to drop an imaginary part.
    """
    if np.dtype(dtype).kind not in "fciub":
        raise TypeError(f"dtype {np.dtype(dtype)} cannot be differentiated; use numbers")
    if x.dtype.kind == "c" and np.dtype(dtype).kind not in "cb":
        raise TypeError(
            f"astype({np.dtype(dtype)}) would drop the imaginary part: take .real, .imag or np.abs"
        )
    return x.astype(dtype)


def imag_rule(g: Array, ans: Array, val: Array) -> Array:
    """``-i g``: the imaginary part of ``dz`` is the real part of ``-i dz``."""
    return -1j * g if val.dtype.kind == "c" else np.zeros_like(ans)


def conjugated(x: Array) -> Array:
    """The conjugate of complex numbers, and real numbers themselves."""
    return np.conjugate(x) if is_complex(x) else x


@primitive(np.real, vjps=(lambda g, ans, val: g,), view=True, linear="jointly", complex=True)
def real(val: Array) -> Array:
    """The real part: real numbers themselves.

    Derivative: 1, of real and complex numbers (JAX's convention).
    """
    return np.real(val)


@primitive(np.imag, vjps=(imag_rule,), linear="jointly", complex=True)
def imag(val: Array) -> Array:
    """The imaginary part: 0, for real numbers.

    Derivative: 0, for real numbers; of a complex one ``-i`` (JAX's convention).
    """
    return np.imag(val)


conjugate: Op = elementwise(
    np.conjugate,
    lambda g, ans, x: conjugated(g),
    jvp=lambda ts, ans, x: conjugated(ts[0]),
    complex=True,
)
conj: Op = conjugate


@composed(shell=True, complex=True)
def viewed(x: Array, dtype: Any) -> Array:
    """Complex numbers as pairs of real ones along the last axis, or the reverse.

    Raises
    ------
    TypeError
        For any other change: the bits of a number have no derivative.
    ValueError
        For a single number, and an odd number of real ones as pairs.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.viewed(np.array([1.0 + 2.0j]), np.dtype(float))
    array([1., 2.])
    >>> mg.grad(lambda x: np.abs(mg.viewed(x, np.dtype(complex))[0]))(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    if x.dtype == dtype:
        return x
    small, large = sorted((x.dtype, dtype), key=lambda d: d.itemsize)
    if small.kind != "f" or large != np.result_type(small, np.complex64):
        raise TypeError(
            f"a Tensor of {x.dtype} cannot be viewed as {dtype}: only complex numbers as pairs of "
            "real ones, and the reverse; to convert numbers, .astype()"
        )
    shape = np.shape(x)
    if not shape:
        raise ValueError("a single number cannot be viewed as another dtype: it has no axis")
    if dtype.kind == "f":
        return reshape(np.stack([np.real(x), np.imag(x)], axis=-1), (*shape[:-1], 2 * shape[-1]))
    if shape[-1] % 2:
        raise ValueError(f"pairs of real numbers need an even last axis, the shape is {shape}")
    return x[..., ::2] + 1j * x[..., 1::2]
