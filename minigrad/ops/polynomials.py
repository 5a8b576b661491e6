"""Polynomials by their coefficients, the highest first, as `numpy.polyval` has them."""

from __future__ import annotations

import numpy as np

from minigrad.ops.record import ArrayLike, composed, primitive
from minigrad.ops.shape import arrayed, some
from minigrad.typing import Array


def vector(p: Array) -> Array:
    """Coefficients as a vector; leading zeros say nothing and go.

    Raises
    ------
    ValueError
        For arrays of more than one axis.
    """
    p = arrayed(p)
    if np.ndim(p) > 1:
        raise ValueError(f"polymul takes vectors of coefficients, the shape is {np.shape(p)}")
    if not np.ndim(p):
        p = np.reshape(p, (1,))
    (places,) = np.nonzero(p)
    return p[places[0] if len(places) else np.size(p) - 1 :]


@composed(np.polyval, complex=True)
def polyval(p: ArrayLike, x: ArrayLike) -> Array:
    """The polynomial with coefficients ``p``, highest first, at ``x``, as `numpy.polyval`.

    Derivative: by the coefficients the powers of x, highest first; by x, ``p'(x)``.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(mg.polyval, argnums=(0, 1))([3.0, 1.0], 2.0)[1]
    np.float64(3.0)
    """
    ans: Array = np.zeros_like(x)
    for coefficient in p:  # Horner's scheme
        ans = ans * x + coefficient
    return ans


@composed(np.vander, complex=True)
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """Powers of ``x`` in columns, the highest first, as `numpy.vander`.

    Derivative: ``∂xᵖ/∂x = p xᵖ⁻¹``, summed over the columns.

    Raises
    ------
    ValueError
        For anything but a vector.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.vander(mg.Tensor([2.0, 3.0]), 3)
    Tensor([[4., 2., 1.],
            [9., 3., 1.]])
    """
    if np.ndim(x) != 1:
        raise ValueError(f"vander takes a vector, the shape is {np.shape(x)}")
    n = np.size(x) if N is None else N
    exponents = np.arange(n) if increasing else np.arange(n)[::-1]
    return np.power(x[:, None], exponents)


def aligned(a1: Array, a2: Array) -> tuple[Array, Array]:
    """Two polynomials with as many coefficients, zeros in front of the shorter one."""
    a1, a2 = (np.reshape(p, (1,)) if not np.ndim(p) else p for p in (a1, a2))
    n = max(np.size(a1), np.size(a2))
    first, second = (np.pad(p, (n - np.size(p), 0)) for p in (a1, a2))
    return first, second


@composed(np.polyadd, complex=True)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The sum of two polynomials, as `numpy.polyadd`.

    Derivative: ``dy`` for both, without the leading places that an array does not have.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda p: mg.polyadd(p, [1.0, 2.0])[0])(np.array([3.0]))
    array([0.])
    """
    first, second = aligned(a1, a2)
    return first + second


@composed(np.polysub, complex=True)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The difference of two polynomials, as `numpy.polysub`.

    Derivative: ``dy`` for the first, ``-dy`` for the second.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.polysub(np.array([3.0]), [1.0, 2.0])
    array([-1.,  1.])
    """
    first, second = aligned(a1, a2)
    return first - second


@composed(np.polymul, complex=True)
def polymul(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The product of two polynomials, as `numpy.polymul`.

    Derivative: the correlation of ``dy`` with the other polynomial, as of `convolve`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda p: mg.polymul(p, [1.0, 2.0])[1])(np.array([3.0, 4.0]))
    array([2., 1.])
    """
    return np.convolve(vector(a1), vector(a2))


@composed(np.polydiv, complex=True)
def polydiv(u: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """Quotient and remainder of two polynomials, as `numpy.polydiv`.

    Derivative: of ``u = q v + r``, the rules of its product and sum, solved for q and r.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.polydiv(np.array([3.0, 5.0, 2.0]), np.array([2.0, 1.0]))
    (array([1.5 , 1.75]), array([0.25]))
    """
    u, v = (np.reshape(p, (1,)) if not np.ndim(p) else p for p in (u, v))
    kinds = [np.result_type(p) for p in (u, v)]
    kind = np.result_type(*(float if k.kind in "iub" else k for k in kinds))
    u, v = u + np.zeros(1), v + np.zeros(1)
    m, n = np.size(u), np.size(v)
    scale = 1.0 / v[0]
    quotient, rest = [], u
    for k in range(m - n + 1):
        d = scale * rest[k]
        quotient.append(d)
        rest = rest - np.pad(d * v, (k, m - n - k))
    first = 0
    while np.allclose(rest[first], 0, rtol=1e-14) and first < m - 1:
        first += 1
    whole = np.stack(quotient) if quotient else np.zeros(1)
    ans = [p if np.result_type(p) == kind else p.astype(kind) for p in (whole, rest[first:])]
    return ans[0], ans[1]


@composed(np.polyder, complex=True)
def polyder(p: ArrayLike, m: int = 1) -> Array:
    """The ``m``-th derivative of a polynomial, as `numpy.polyder`.

    Raises
    ------
    ValueError
        For a negative order.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.polyder(np.array([1.0, 2.0, 3.0]))
    array([2., 2.])
    """
    if m < 0:
        raise ValueError("polyder: the order of the derivative must not be negative; use polyint")
    for _ in range(m):
        p = p[:-1] * np.arange(np.size(p) - 1, 0, -1)
    return p


@composed(np.polyint, complex=True)
def polyint(p: ArrayLike, m: int = 1, k: ArrayLike = None) -> Array:
    """The ``m``-th integral of a polynomial with constants ``k``, as `numpy.polyint`.

    Derivative: ``dp_k`` is ``dy_k`` divided by the power that the term has afterwards.

    Raises
    ------
    ValueError
        For a negative order, and another number of constants.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.polyint(np.array([2.0, 2.0]), k=5.0)
    array([1., 2., 5.])
    """
    if m < 0:
        raise ValueError("polyint: the order of the integral must not be negative; use polyder")
    k = np.zeros(m) if k is None else np.reshape(k, (-1,))
    if np.size(k) == 1 and m > 1:
        k = k * np.ones(m)
    if np.size(k) < m:
        raise ValueError(f"polyint: k must be one constant or {m} of them, not {np.size(k)}")
    for i in range(m):
        p = np.concatenate([p / np.arange(np.size(p), 0, -1), k[i : i + 1]])
    return p


@composed(np.poly, complex=True)
def poly(seq_of_zeros: ArrayLike) -> Array:
    """The polynomial with these zeros, as `numpy.poly`.

    Derivative: by Vieta: ``-1`` times the coefficients of the polynomial of the other zeros.

    Raises
    ------
    ValueError
        For a matrix, whose eigenvalues `numpy.linalg.eigvals` gives.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda z: mg.poly(z)[2])(np.array([2.0, 3.0]))
    array([3., 2.])
    """
    if np.ndim(seq_of_zeros) > 1:
        raise ValueError(
            "poly takes a vector of zeros here: of a matrix, write poly(np.linalg.eigvalsh(A)), "
            "if its eigenvalues are real"
        )
    if seq_of_zeros.dtype.kind in "iub" or seq_of_zeros.dtype == np.float16:
        seq_of_zeros = seq_of_zeros.astype(np.float64)
    ans: Array = np.ones(1, seq_of_zeros.dtype)
    for z in np.reshape(seq_of_zeros, (-1,)):
        ans = np.convolve(ans, np.stack([np.ones((), seq_of_zeros.dtype), -z]))
    return ans if np.size(seq_of_zeros) else 1.0


def roots_rule(g: Array, ans: Array, p: Array) -> Array:
    """``dr/dp_k = -r^(n-k) / p'(r)``: where a coefficient moves, the root keeps p at zero."""
    steepness = np.polyval(np.polyder(p), ans)
    return -(g / steepness) @ np.vander(ans, np.size(p))


@primitive(np.roots, vjps=(roots_rule,), fresh=True, dynamic=True, complex=True)
def roots(p: Array) -> Array:
    """Roots of the polynomial with coefficients ``p``, highest first, as `numpy.roots`.

    A root moves by ``-rⁿ⁻ᵏ / p'(r)`` where coefficient k does; double roots have no derivative.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda p: mg.roots(p)[0].real)(np.array([1.0, -3.0, 2.0])).round(6)
    array([-4., -2., -1.])
    """
    return np.roots(p)


@composed(np.polyfit)
def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike = None,
    cov: Array = False,
) -> Array:
    """The polynomial of degree ``deg`` next to the points, by least squares, as `numpy.polyfit`.

    Derivative: that of the least-squares solution ``p = V⁺ y``, V the matrix of powers of x.

    Differentiable by points and weights.

    Raises
    ------
    ValueError
        For shapes that do not match, and a negative degree.
    numpy.linalg.LinAlgError
        For points that do not determine the polynomial.
    TypeError
        For ``full=True``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([0.0, 1.0, 2.0])
    >>> mg.grad(lambda y: mg.polyfit(x, y, 1)[0])(x**2).round(9)
    array([-0.5,  0. ,  0.5])
    """
    if full:
        raise TypeError("polyfit: full=True is not supported; np.linalg.lstsq gives what it adds")
    if np.ndim(x) != 1 or np.ndim(y) not in (1, 2) or np.shape(x)[0] != np.shape(y)[0]:
        raise ValueError(
            f"polyfit takes a vector x and as many values y: x has shape {np.shape(x)}, "
            f"y {np.shape(y)}"
        )
    if deg < 0:
        raise ValueError(f"polyfit: the degree must not be negative, as {deg} is")
    columns: Array = np.vander(x + 0.0, deg + 1)
    values = y + 0.0
    if w is not None:
        w = w + 0.0
        if np.shape(w) != np.shape(x):
            raise ValueError(f"polyfit: w {np.shape(w)} must have the shape of x {np.shape(x)}")
        columns = columns * w[:, None]
        values = values * (w[:, None] if np.ndim(y) == 2 else w)
    scale = np.sqrt(np.sum(columns * columns, axis=0))
    if rcond is None:
        rcond = np.shape(x)[0] * float(np.finfo(np.result_type(x.dtype, np.float16)).eps)
    found, _, rank, _ = np.linalg.lstsq(columns / scale, values, rcond)
    ans = found / (scale[:, None] if np.ndim(y) == 2 else scale)
    if some(rank < deg + 1):
        raise np.linalg.LinAlgError(
            f"polyfit: the points do not determine a polynomial of degree {deg}; lower the degree"
        )
    if not cov:
        return ans
    base = np.linalg.inv((columns / scale).T @ (columns / scale)) / np.outer(scale, scale)
    if isinstance(cov, str) and cov == "unscaled":
        return ans, base if np.ndim(y) == 1 else base[..., None] * np.ones(np.shape(y)[1])
    spare = np.shape(x)[0] - (deg + 1)
    if spare <= 0:
        raise ValueError("polyfit: there must be more points than coefficients for cov=True")
    error = values - columns @ ans
    factor = np.sum(error * error, axis=0) / spare
    return ans, base * factor if np.ndim(y) == 1 else base[..., None] * factor
