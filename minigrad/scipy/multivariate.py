"""Distributions of several numbers, for `minigrad.scipy.stats`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp

from minigrad.ops.shape import arrayed

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
    def logpdf(x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """``−½ (δᵀ Σ⁻¹ δ + log det Σ + n log 2π)`` with ``δ = x − mean``.

        Parameters
        ----------
        x : (..., n)
        mean : (n,) or number
        cov : (n, n), (n,) for a diagonal, or number
        allow_singular : bool
            Of a singular covariance the density in the subspace that has one; −inf outside.
        """
        x, mean = arrayed(x), arrayed(mean)
        if allow_singular:
            n = np.shape(x)[-1] if np.ndim(x) else 1
            d = np.reshape(x - mean, (-1, n))
            scale, squares, outside = singular(covariance(cov, n), d)
            value = np.where(outside, -np.inf, -(squares + scale) / 2)
        else:
            squares, log_det, n = standardised(x, mean, cov)
            value = -(squares + log_det + n * LOG_2PI) / 2
        return np.reshape(value, np.shape(x)[:-1])

    @staticmethod
    def pdf(x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The density."""
        return np.exp(multivariate_normal.logpdf(x, mean, cov, allow_singular))

    @staticmethod
    def entropy(mean: Any = None, cov: Any = 1.0) -> Any:
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
    def logpdf(x: Any, loc: Any = 0.0, shape: Any = 1.0, df: Any = 1.0) -> Any:
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
        """
        x, df = arrayed(x), arrayed(df)
        squares, log_det, n = standardised(x, loc, shape)
        half = (df + n) / 2
        constant = sp.gammaln(half) - sp.gammaln(df / 2) - (n * np.log(df * math.pi) + log_det) / 2
        return np.reshape(constant - half * np.log1p(squares / df), np.shape(x)[:-1])

    @staticmethod
    def pdf(x: Any, loc: Any = 0.0, shape: Any = 1.0, df: Any = 1.0) -> Any:
        """The density, of the arguments of `logpdf`."""
        return np.exp(multivariate_t.logpdf(x, loc, shape, df))


def standardised(x: Any, mean: Any, cov: Any) -> tuple[Any, Any, int]:
    """``δᵀ Σ⁻¹ δ`` of every δ = x − mean, ``log det Σ``, and the number of coordinates."""
    n = np.shape(x)[-1] if np.ndim(x) else 1
    root = np.linalg.cholesky(covariance(cov, n))
    z = np.linalg.solve(root, np.reshape(x - arrayed(mean), (-1, n)).T)
    return np.sum(z * z, axis=0), 2 * np.sum(np.log(np.diagonal(root))), n


def covariance(cov: Any, n: int) -> Any:
    """A covariance as a matrix, of which a number or a vector is the diagonal."""
    cov = arrayed(cov)
    return cov if np.ndim(cov) == 2 else np.eye(n) * cov


def singular(cov: Any, d: Any) -> tuple[Any, Any, Any]:
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
    def logpdf(x: Any, alpha: Any) -> Any:
        """``Σ (αᵢ − 1) log xᵢ − log B(α)``; x is (n,) or (n, m), its columns summing to 1."""
        x, alpha = arrayed(x), arrayed(alpha)
        log_beta = np.sum(sp.gammaln(alpha)) - sp.gammaln(np.sum(alpha))
        a = np.reshape(alpha, (-1,) + (1,) * (np.ndim(x) - 1))
        return np.sum(sp.xlogy(a - 1, x), axis=0) - log_beta

    @staticmethod
    def pdf(x: Any, alpha: Any) -> Any:
        """The density."""
        return np.exp(dirichlet.logpdf(x, alpha))
