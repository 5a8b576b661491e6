"""Distributions of several numbers, for `minigrad.scipy.stats`."""

from __future__ import annotations

import math

import numpy as np
import scipy.special as sp

from minigrad.ops.shape import arrayed
from minigrad.tensor import concrete
from minigrad.typing import Array, Shape

LOG_2PI = math.log(2 * math.pi)


class multivariate_normal:
    """The normal distribution of vectors, as `scipy.stats.multivariate_normal`.

    Examples
    --------
    >>> import numpy as np
    >>> print(f"{float(multivariate_normal.logpdf([0.0, 0.0], [0.0, 0.0], np.eye(2))):.4f}")
    -1.8379
    """

    @staticmethod
    def logpdf(
        x: Array, mean: Array = 0.0, cov: Array = 1.0, allow_singular: bool = False
    ) -> Array:
        """``−½ (δᵀ Σ⁻¹ δ + log det Σ + n log 2π)`` with ``δ = x − mean``.

        Parameters
        ----------
        x : (..., n)
        mean : (n,) or number
        cov : (n, n), (n,) for a diagonal, or number
        allow_singular : bool
            Of a singular covariance the density in the subspace that has one; −inf outside.

        Raises
        ------
        ValueError
            For x and a mean of another number of coordinates than the covariance has.
        """
        d, shape = deviations("multivariate_normal", x, mean, cov)
        n = np.shape(d)[1]
        if allow_singular:
            scale, squares, outside = singular(covariance(cov, n), d)
            value = np.where(outside, -np.inf, -(squares + scale) / 2)
        else:
            squares, log_det = standardised(d, cov)
            value = -(squares + log_det + n * LOG_2PI) / 2
        return np.reshape(value, shape)

    @staticmethod
    def pdf(x: Array, mean: Array = 0.0, cov: Array = 1.0, allow_singular: bool = False) -> Array:
        """The density."""
        return np.exp(multivariate_normal.logpdf(x, mean, cov, allow_singular))

    @staticmethod
    def entropy(mean: Array = None, cov: Array = 1.0) -> Array:
        """``½ log det(2πe Σ)``, wherever the mean is."""
        n = 1 if mean is None else np.size(mean)
        cov = covariance(cov, np.shape(cov)[-1] if np.ndim(cov) else n)
        log_det = np.linalg.slogdet(cov)[1]
        return 0.5 * (log_det + np.shape(cov)[-1] * (1 + LOG_2PI))


class multivariate_t:
    """Student's distribution of vectors, as `scipy.stats.multivariate_t`.

    Far from its centre it is denser than the normal distribution, the more so the fewer its
    degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> x, centre = [3.0, 0.0], [0.0, 0.0]
    >>> for df in (1, 10, 1000):
    ...     print(f"{float(multivariate_t.logpdf(x, centre, np.eye(2), df)):.3f}")
    -5.292
    -5.689
    -6.327
    >>> print(f"{float(multivariate_normal.logpdf(x, centre, np.eye(2))):.3f}")
    -6.338
    """

    @staticmethod
    def logpdf(x: Array, loc: Array = 0.0, shape: Array = 1.0, df: Array = 1.0) -> Array:
        """``log Γ(h)/(Γ(ν/2) √det(νπ Σ)) − h log(1 + δᵀ Σ⁻¹ δ/ν)``, h = (ν + n)/2, δ = x − μ.

        Parameters
        ----------
        x : (..., n)
        loc : (n,) or number
        shape : (n, n), (n,) for a diagonal, or number
        df : number
            ν, the degrees of freedom.

        Returns
        -------
        (...)
            A number for each vector; differentiable by all four arguments.

        Raises
        ------
        numpy.linalg.LinAlgError
            For a ``shape`` that is not positive definite.
        ValueError
            For degrees of freedom that are not positive, and as `multivariate_normal`.
        """
        df = arrayed(df)
        known = concrete(df)
        if known is not None and not 0 < known < math.inf:
            raise ValueError(
                f"multivariate_t: df must be positive, not {known!r}, and for infinity it is "
                "multivariate_normal"
            )
        d, lead = deviations("multivariate_t", x, loc, shape)
        squares, log_det = standardised(d, shape)
        n = np.shape(d)[1]
        half = (df + n) / 2
        constant = sp.gammaln(half) - sp.gammaln(df / 2) - (n * np.log(df * math.pi) + log_det) / 2
        return np.reshape(constant - half * np.log1p(squares / df), lead)

    @staticmethod
    def pdf(x: Array, loc: Array = 0.0, shape: Array = 1.0, df: Array = 1.0) -> Array:
        """The density, of the arguments of `logpdf`."""
        return np.exp(multivariate_t.logpdf(x, loc, shape, df))


def deviations(who: str, x: Array, mean: Array, cov: Array) -> tuple[Array, Shape]:
    """Rows x − mean, and the shape of the answer.

    How many coordinates there are is said by ``cov``, or the mean; of one, a vector x has many.
    """
    x, mean = arrayed(x), arrayed(mean)
    n = np.shape(arrayed(cov))[-1] if np.ndim(cov) else np.size(mean)
    if np.ndim(x) == 0 or (n == 1 and np.ndim(x) == 1):
        x = np.reshape(x, (*np.shape(x), 1))
    if np.shape(x)[-1] != n or np.size(mean) not in (1, n):
        raise ValueError(
            f"{who}: x {np.shape(x)} and the mean {np.shape(mean)} must have {n} coordinates, "
            "as the covariance says, or the mean where that is a number"
        )
    return np.reshape(x - mean, (-1, n)), np.shape(x)[:-1]


def standardised(d: Array, cov: Array) -> tuple[Array, Array]:
    """``δᵀ Σ⁻¹ δ`` of every row δ, and ``log det Σ``."""
    root = np.linalg.cholesky(covariance(cov, np.shape(d)[1]))
    z = np.linalg.solve(root, d.T)
    return np.sum(z * z, axis=0), 2 * np.sum(np.log(np.diagonal(root)))


def covariance(cov: Array, n: int) -> Array:
    """A covariance as a matrix, of which a number or a vector is the diagonal."""
    cov = arrayed(cov)
    return cov if np.ndim(cov) == 2 else np.eye(n) * cov


def singular(cov: Array, d: Array) -> tuple[Array, Array, Array]:
    """Log of the pseudo-determinant with 2π, squared distances, and what is outside the space."""
    w, v = np.linalg.eigh(cov)
    share = 1e6 * np.finfo(float).eps
    kept = w > share * np.max(np.abs(w))
    inverse = np.linalg.pinv(cov, rtol=share, hermitian=True)
    scale = np.sum(np.where(kept, np.log(np.where(kept, w, 1.0)) + LOG_2PI, 0.0))
    outside = np.sum(np.where(kept, 0.0, d @ v) ** 2, axis=-1) >= 1e-16
    return scale, np.sum((d @ inverse) * d, axis=-1), outside


class dirichlet:
    """The distribution of shares that sum to 1, as `scipy.stats.dirichlet`.

    Examples
    --------
    >>> print(f"{float(dirichlet.logpdf([0.5, 0.5], [2.0, 2.0])):.6f}")
    0.405465
    """

    @staticmethod
    def logpdf(x: Array, alpha: Array) -> Array:
        """``Σ (αᵢ − 1) log xᵢ − log B(α)``; x is (n,) or (n, m), its columns summing to 1.

        Raises
        ------
        ValueError
            For columns that do not sum to 1 or have another length, and an α that is not positive.
        """
        x, alpha = arrayed(x), arrayed(alpha)
        if np.ndim(alpha) != 1 or not np.ndim(x) or len(x) != len(alpha):
            raise ValueError(f"dirichlet: x {np.shape(x)} must have as many rows as alpha is long")
        known, powers = concrete(x), concrete(alpha)
        if known is not None and (
            np.any(known < 0) or np.any(np.abs(np.sum(known, axis=0) - 1) > 1e-4)
        ):
            raise ValueError("dirichlet: the columns of x must not be negative, and sum to 1")
        if powers is not None and not np.all(powers > 0):
            raise ValueError(f"dirichlet: alpha must be positive, not {powers!r:.60}")
        log_beta = np.sum(sp.gammaln(alpha)) - sp.gammaln(np.sum(alpha))
        a = np.reshape(alpha, (-1,) + (1,) * (np.ndim(x) - 1))
        return np.sum(sp.xlogy(a - 1, x), axis=0) - log_beta

    @staticmethod
    def pdf(x: Array, alpha: Array) -> Array:
        """The density."""
        return np.exp(dirichlet.logpdf(x, alpha))
