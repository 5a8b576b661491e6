"""Fourier transforms: linear maps, whose adjoints are Fourier transforms again.

There are four ops, over several axes at once: a transform and its inverse, and both for
real signals, of which half a spectrum is kept.  The matrix ``exp(-2πi jk/n)`` is symmetric:
under a convention without conjugates a transform is its own adjoint.  Cooley and Tukey,
"An algorithm for the machine calculation of complex Fourier series" (1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.ops.kinds import conjugated
from minigrad.ops.order import roll
from minigrad.ops.record import ArrayLike, composed, primitive
from minigrad.typing import Array, Axis, Function

Norm = Literal["backward", "ortho", "forward"] | None
"""Which of the two directions divides by the length, or each by its root."""

OPPOSITE: dict[Norm, Norm] = {
    None: "forward",
    "backward": "forward",
    "forward": "backward",
    "ortho": "ortho",
}
"""Norms of the transform in the other direction."""


def cut_or_padded(x: Array, lengths: Sequence[int], axes: Sequence[int]) -> Array:
    """``x`` with the given lengths along the axes: cut, or filled up with zeros."""
    found = np.shape(x)
    if all(found[k] == n for k, n in zip(axes, lengths, strict=True)):
        return x
    slices, widths = [slice(None)] * len(found), [(0, 0)] * len(found)
    for k, n in zip(axes, lengths, strict=True):
        slices[k] = slice(n)
        widths[k] = (0, max(0, n - found[k]))
    return np.pad(x[tuple(slices)], widths)


def back(transform: Function, g: Array, a: Array, s: Any, axes: Sequence[int], norm: Norm) -> Array:
    """The same transform of ``g``, and what was cut or filled up undone."""
    c = cut_or_padded(transform(g, s, axes, norm), [np.shape(a)[k] for k in axes], axes)
    return c if a.dtype.kind == "c" else np.real(c)


def doubled(n: int, half: int) -> Array:
    """2 for frequencies that stand for two, 1 for zero and the middle one of an even number."""
    once = [k == 0 or 2 * k == n for k in range(half)]
    return np.where(once, 1.0, 2.0)


def real_back(
    g: Array,
    a: Array,
    s: Any,
    axes: Sequence[int],
    norm: Norm,
) -> Array:
    """``w_k`` times the inverse transform of ``g``: every frequency stands for ``w_k`` of them."""
    c = np.fft.ifftn(g, s, axes, norm)
    half = s[-1] // 2 + 1
    c = cut_or_padded(c, [half], axes[-1:])
    weights = np.reshape(doubled(s[-1], half), (half, *[1] * (-axes[-1] - 1))).astype(g.dtype)
    return cut_or_padded(c * weights, [np.shape(a)[k] for k in axes], axes)


@primitive(
    vjps=(lambda g, ans, a, s, axes, norm=None: back(np.fft.fftn, g, a, s, axes, norm),),
    name="fft.fftn",
    fresh=True,
    linear="jointly",
    complex=True,
    cost=20,
)
def forwards(
    a: Array,
    s: Sequence[int] | None,
    axes: Sequence[int] | None,
    norm: Norm = None,
) -> Array:
    return np.fft.fftn(a, s, axes, norm)


@primitive(
    vjps=(lambda g, ans, a, s, axes, norm=None: back(np.fft.ifftn, g, a, s, axes, norm),),
    name="fft.ifftn",
    fresh=True,
    linear="jointly",
    complex=True,
    cost=20,
)
def backwards(
    a: Array,
    s: Any,
    axes: Sequence[int],
    norm: Norm = None,
) -> Array:
    return np.fft.ifftn(a, s, axes, norm)


@primitive(
    vjps=(lambda g, ans, a, s, axes, norm=None: back(np.fft.fftn, g, a, s, axes, norm),),
    name="fft.rfftn",
    fresh=True,
    linear="jointly",
    cost=20,
)
def real_forwards(
    a: Array,
    s: Sequence[int] | None,
    axes: Sequence[int] | None,
    norm: Norm = None,
) -> Array:
    return np.fft.rfftn(a, s, axes, norm)


@primitive(
    vjps=(lambda g, ans, a, s, axes, norm=None: real_back(g, a, s, axes, norm),),
    name="fft.irfftn",
    fresh=True,
    linear="jointly",
    complex=True,
    cost=20,
)
def real_backwards(
    a: Array,
    s: Sequence[int] | None,
    axes: Sequence[int] | None,
    norm: Norm = None,
) -> Array:
    return np.fft.irfftn(a, s, axes, norm)


def transformed(
    op: Function, a: Array, s: Any, axes: Any, norm: Norm, halved: bool = False
) -> Array:
    """``op`` with all lengths spelled out, and axes counted from the end."""
    shape = np.shape(a)
    if axes is None:
        axes = range(len(shape)) if s is None else range(-len(s), 0)
    axes = tuple(normalize_axis_index(k, len(shape)) - len(shape) for k in axes)
    if len(set(axes)) < len(axes):
        raise ValueError(f"an axis is given twice in axes={axes}: transform it twice instead")
    given = [None] * len(axes) if s is None else list(s)
    if len(given) != len(axes):
        raise ValueError(f"s has {len(given)} lengths for {len(axes)} axes")
    lengths = [shape[k] if n in (None, -1) else int(n) for n, k in zip(given, axes, strict=True)]
    if halved and given and given[-1] in (None, -1):
        lengths[-1] = 2 * (shape[axes[-1]] - 1)
    if any(n < 1 for n in lengths):
        raise ValueError(f"a transform needs at least one point, not {min(lengths)}")
    if norm not in OPPOSITE:
        raise ValueError(f"norm must be 'backward', 'ortho' or 'forward', not {norm!r}")
    if not axes:
        return a
    if a.dtype.kind in "iub":
        a = np.multiply(a, 1.0)
    return op(a, s=tuple(lengths), axes=axes, norm=norm)


# --- NumPy's names ---------------------------------------------------------------------


@composed(np.fft.fft, name="fft.fft", complex=True)
def fft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Discrete Fourier transform along an axis, as `numpy.fft.fft`.

    Derivative: linear: ``da = fft(dy)`` (of real numbers the real part), the matrix
    ``exp(-2πi jk/n)`` being symmetric.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.fft(mg.Tensor([1.0, 2.0]))
    Tensor([ 3.+0.j, -1.+0.j], dtype=complex128)
    """
    return transformed(forwards, a, None if n is None else (n,), (axis,), norm)


@composed(np.fft.ifft, name="fft.ifft", complex=True)
def ifft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Inverse of `fft`, as `numpy.fft.ifft`.

    Derivative: linear: ``da = ifft(dy)`` (of real numbers the real part), the matrix
    ``exp(2πi jk/n)/n`` being symmetric.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.ifft(mg.Tensor([1.0, 2.0]))
    Tensor([ 1.5+0.j, -0.5+0.j], dtype=complex128)
    """
    return transformed(backwards, a, None if n is None else (n,), (axis,), norm)


@composed(np.fft.rfft, name="fft.rfft")
def rfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Non-negative frequencies of a real signal, along an axis, as `numpy.fft.rfft`.

    Derivative: linear: ``da = Re Σ_k dy_k exp(-2πi jk/n)``, over the frequencies that are kept.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.rfft(mg.Tensor([1.0, 2.0]))
    Tensor([ 3.+0.j, -1.+0.j], dtype=complex128)
    """
    return transformed(real_forwards, a, None if n is None else (n,), (axis,), norm)


@composed(np.fft.irfft, name="fft.irfft", complex=True)
def irfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Inverse of `rfft`, as `numpy.fft.irfft`.

    Derivative: linear: `rfft` of ``dy`` over n, conjugated, frequencies that stand for two
    counted twice.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.irfft(mg.Tensor([1.0, 2.0]))
    Tensor([ 1.5, -0.5])
    """
    return transformed(real_backwards, a, None if n is None else (n,), (axis,), norm, True)


@composed(np.fft.hfft, name="fft.hfft", complex=True)
def hfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Transform of a signal with a real spectrum, of which half is given, as `numpy.fft.hfft`.

    Derivative: linear: the adjoint, frequencies that stand for two counted twice.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.hfft(mg.Tensor([1.0, 2.0]))
    Tensor([ 3., -1.])
    """
    return irfft(conjugated(a), n, axis, OPPOSITE.get(norm, norm))


@composed(np.fft.ihfft, name="fft.ihfft")
def ihfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Inverse of `hfft`, as `numpy.fft.ihfft`.

    Derivative: linear: the adjoint, as of `rfft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.ihfft(mg.Tensor([1.0, 2.0]))
    Tensor([ 1.5-0.j, -0.5-0.j], dtype=complex128)
    """
    return conjugated(rfft(a, n, axis, OPPOSITE.get(norm, norm)))


@composed(np.fft.fftn, name="fft.fftn", complex=True)
def fftn(
    a: ArrayLike,
    s: Any = None,
    axes: Any = None,
    norm: Norm = None,
) -> Array:
    """Discrete Fourier transform over several axes, as `numpy.fft.fftn`.

    Derivative: linear: ``da = fftn(dy)``, as of `fft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.fftn(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 3.+0.j, -1.+0.j]], dtype=complex128)
    """
    return transformed(forwards, a, s, axes, norm)


@composed(np.fft.fft2, name="fft.fft2", complex=True)
def fft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axis = (-2, -1), norm: Norm = None
) -> Array:
    """Discrete Fourier transform over two axes, as `numpy.fft.fft2`.

    Derivative: linear: ``da = fft2(dy)``, as of `fft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.fft2(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 3.+0.j, -1.+0.j]], dtype=complex128)
    """
    return transformed(forwards, a, s, axes, norm)


@composed(np.fft.ifftn, name="fft.ifftn", complex=True)
def ifftn(
    a: ArrayLike,
    s: Any = None,
    axes: Any = None,
    norm: Norm = None,
) -> Array:
    """Inverse of `fftn`, as `numpy.fft.ifftn`.

    Derivative: linear: ``da = ifftn(dy)``, as of `ifft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.ifftn(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 1.5+0.j, -0.5+0.j]], dtype=complex128)
    """
    return transformed(backwards, a, s, axes, norm)


@composed(np.fft.ifft2, name="fft.ifft2", complex=True)
def ifft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axis = (-2, -1), norm: Norm = None
) -> Array:
    """Inverse of `fft2`, as `numpy.fft.ifft2`.

    Derivative: linear: ``da = ifft2(dy)``, as of `ifft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.ifft2(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 1.5+0.j, -0.5+0.j]], dtype=complex128)
    """
    return transformed(backwards, a, s, axes, norm)


@composed(np.fft.rfftn, name="fft.rfftn")
def rfftn(
    a: ArrayLike,
    s: Any = None,
    axes: Any = None,
    norm: Norm = None,
) -> Array:
    """Transform of a real signal over several axes, half of the last, as `numpy.fft.rfftn`.

    Derivative: linear: the adjoint, as of `rfft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.rfftn(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 3.+0.j, -1.+0.j]], dtype=complex128)
    """
    return transformed(real_forwards, a, s, axes, norm)


@composed(np.fft.rfft2, name="fft.rfft2")
def rfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axis = (-2, -1), norm: Norm = None
) -> Array:
    """Transform of a real signal over two axes, half of the last, as `numpy.fft.rfft2`.

    Derivative: linear: the adjoint, as of `rfft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.rfft2(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 3.+0.j, -1.+0.j]], dtype=complex128)
    """
    return transformed(real_forwards, a, s, axes, norm)


@composed(np.fft.irfftn, name="fft.irfftn", complex=True)
def irfftn(
    a: ArrayLike,
    s: Any = None,
    axes: Any = None,
    norm: Norm = None,
) -> Array:
    """Inverse of `rfftn`, as `numpy.fft.irfftn`.

    Derivative: linear: the adjoint, as of `irfft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.irfftn(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 1.5, -0.5]])
    """
    return transformed(real_backwards, a, s, axes, norm, True)


@composed(np.fft.irfft2, name="fft.irfft2", complex=True)
def irfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axis = (-2, -1), norm: Norm = None
) -> Array:
    """Inverse of `rfft2`, as `numpy.fft.irfft2`.

    Derivative: linear: the adjoint, as of `irfft`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.irfft2(mg.Tensor([[1.0, 2.0]]))
    Tensor([[ 1.5, -0.5]])
    """
    return transformed(real_backwards, a, s, axes, norm, True)


def shifted(x: Array, axes: Axis, sign: int) -> Array:
    shape = np.shape(x)
    if axes is None:
        axes = range(len(shape))
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    return roll(x, tuple(sign * (shape[k] // 2) for k in axes), axes)


@composed(np.fft.fftshift, name="fft.fftshift", complex=True)
def fftshift(x: ArrayLike, axes: Axis = None) -> Array:
    """Frequency zero moved to the middle, as `numpy.fft.fftshift`.

    Derivative: linear: ``dx = ifftshift(dy)``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.fftshift(mg.Tensor([0.0, 1.0, -1.0]))
    Tensor([-1.,  0.,  1.])
    """
    return shifted(x, axes, 1)


@composed(np.fft.ifftshift, name="fft.ifftshift", complex=True)
def ifftshift(x: ArrayLike, axes: Axis = None) -> Array:
    """Inverse of `fftshift`, as `numpy.fft.ifftshift`.

    Derivative: linear: ``dx = fftshift(dy)``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> np.fft.ifftshift(mg.Tensor([-1.0, 0.0, 1.0]))
    Tensor([ 0.,  1., -1.])
    """
    return shifted(x, axes, -1)
