"""What a distribution of `minigrad.scipy.stats` is: formulas, and SciPy's methods of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.ops.shape import arrayed, firm


def within(inside: Any, x: Any, safe: float) -> Any:
    """``x`` where it is in the support, ``safe`` elsewhere, so that no formula fails there."""
    return chosen(inside, x, safe)


def doubled(x: Any) -> Any:
    """``x``, of which SciPy's distributions make doubles where it is of less precision."""
    x = firm(arrayed(x))
    small = getattr(x, "dtype", None) in (np.float16, np.float32)
    return x.astype(np.float64) if small else x


def chosen(inside: Any, value: Any, other: Any) -> Any:
    """``value`` inside of the support and ``other`` beside it; a number for a number."""
    return number(np.where(inside, value, other))


def number(found: Any) -> Any:
    """``found``, and of an array without axes its number."""
    return found[()] if isinstance(found, np.ndarray) else found


class Continuous:
    """A distribution on the line, moved by ``loc`` and stretched by ``scale``.

    Parameters
    ----------
    name : str
    shapes : str
        Names of its shape parameters, in SciPy's order.
    logpdf : callable
        ``logpdf(x, *shapes)`` of the standard form, inside of the support.
    support : callable, optional
        ``support(x, *shapes)``: whether x is in the support; by default everywhere.
    safe : float
        A point of the support.
    cdf, sf, logcdf, logsf : callable, optional
        Of ``(x, *shapes)``, standard form, inside of the support.
    """

    name: str
    shapes: tuple[str, ...]

    def __init__(
        self,
        name: str,
        shapes: str,
        logpdf: Callable[..., Any],
        *,
        support: Callable[..., Any] | None = None,
        safe: float = 0.5,
        cdf: Callable[..., Any] | None = None,
        sf: Callable[..., Any] | None = None,
        logcdf: Callable[..., Any] | None = None,
        logsf: Callable[..., Any] | None = None,
    ) -> None:
        self.name, self.shapes = name, tuple(shapes.split())
        self._logpdf, self._support, self._safe = logpdf, support, safe
        self._cdf, self._sf, self._logcdf, self._logsf = cdf, sf, logcdf, logsf
        words = ", ".join(["x", *self.shapes, "loc=0", "scale=1"])
        self.__doc__ = f"The {name} distribution: functions of ({words}), as `scipy.stats.{name}`."

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def _standard(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, list[Any], Any]:
        """X in standard form, the shapes, and the scale."""
        names = ("x", *self.shapes, "loc", "scale")
        if len(args) > len(names):
            raise TypeError(
                f"{self.name} takes {', '.join(names)}: {len(names)} arguments at most, "
                f"got {len(args)}"
            )
        given = dict(zip(names, args, strict=False))
        for key, value in kwargs.items():
            if key not in names or key in given:
                problem = "is given twice" if key in given else "is no parameter"
                raise TypeError(f"{self.name}: {key} {problem}; it has {', '.join(names)}")
            given[key] = value
        missing = [n for n in ("x", *self.shapes) if n not in given]
        if missing:
            raise TypeError(f"{self.name}: {', '.join(missing)} missing; it has {', '.join(names)}")
        loc, scale = arrayed(given.get("loc", 0.0)), arrayed(given.get("scale", 1.0))
        x = (doubled(given["x"]) - loc) / scale
        return x, [arrayed(given[n]) for n in self.shapes], scale

    def _inside(self, x: Any, shapes: list[Any]) -> Any:
        return True if self._support is None else self._support(x, *shapes)

    def logpdf(self, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the density."""
        x, shapes, scale = self._standard(args, kwargs)
        if self._support is None:
            return self._logpdf(x, *shapes) - np.log(scale)
        inside = self._support(x, *shapes)
        value = self._logpdf(within(inside, x, self._safe), *shapes) - np.log(scale)
        return chosen(inside, value, -math.inf)

    def pdf(self, *args: Any, **kwargs: Any) -> Any:
        """The density."""
        x, shapes, scale = self._standard(args, kwargs)
        if self._support is None:
            return np.exp(self._logpdf(x, *shapes)) / scale
        inside = self._support(x, *shapes)
        value = np.exp(self._logpdf(within(inside, x, self._safe), *shapes)) / scale
        return chosen(inside, value, 0.0)

    def _have(self, what: str, function: Callable[..., Any] | None) -> Callable[..., Any]:
        if function is None:
            raise TypeError(f"{self.name}.{what} is not in the mirror: there is no formula for it")
        return function

    def _below(
        self, function: Callable[..., Any], left: float, right: float, args: Any, kwargs: Any
    ) -> Any:
        """A function that is ``left`` in front of the support, and ``right`` behind it."""
        x, shapes, _ = self._standard(args, kwargs)
        if self._support is None:
            return number(function(x, *shapes))
        inside = self._support(x, *shapes)
        value = function(within(inside, x, self._safe), *shapes)
        return chosen(inside, value, np.where(x < self._safe, left, right))

    def cdf(self, *args: Any, **kwargs: Any) -> Any:
        """The probability of at most x."""
        return self._below(self._have("cdf", self._cdf), 0.0, 1.0, args, kwargs)

    def sf(self, *args: Any, **kwargs: Any) -> Any:
        """The probability of more than x."""
        cdf = self._have("sf", self._cdf)
        function = self._sf or (lambda *a: 1 - cdf(*a))
        return self._below(function, 1.0, 0.0, args, kwargs)

    def logcdf(self, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `cdf`."""
        cdf = self._have("logcdf", self._cdf)
        function = self._logcdf or (lambda *a: np.log(cdf(*a)))
        return self._below(function, -math.inf, 0.0, args, kwargs)

    def logsf(self, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `sf`."""
        cdf = self._have("logsf", self._cdf)
        survival = self._sf or (lambda *a: 1 - cdf(*a))
        function = self._logsf or (lambda *a: np.log(survival(*a)))
        return self._below(function, 0.0, -math.inf, args, kwargs)


class Discrete:
    """A distribution on whole numbers, moved by ``loc``.

    Parameters
    ----------
    name, shapes : str
    logpmf : callable
        ``logpmf(k, *shapes)`` inside of the support.
    support : callable
        ``support(k, *shapes)``.
    cdf : callable, optional
        ``cdf(k, *shapes)`` for k in the support.
    """

    name: str
    shapes: tuple[str, ...]

    def __init__(
        self,
        name: str,
        shapes: str,
        logpmf: Callable[..., Any],
        support: Callable[..., Any],
        cdf: Callable[..., Any] | None = None,
        safe: float = 1.0,
    ) -> None:
        self.name, self._logpmf, self._support, self._cdf = name, logpmf, support, cdf
        self._safe, self.shapes = safe, tuple(shapes.split())
        words = ", ".join(["k", *self.shapes, "loc=0"])
        self.__doc__ = f"The {name} distribution: functions of ({words}), as `scipy.stats.{name}`."

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def _standard(self, k: Any, shapes: tuple[Any, ...], loc: Any) -> tuple[Any, list[Any]]:
        if len(shapes) != len(self.shapes):
            raise TypeError(
                f"{self.name} takes k, {', '.join(self.shapes)}; got {len(shapes)} shapes"
            )
        return doubled(k) - arrayed(loc), [arrayed(s) for s in shapes]

    def logpmf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The logarithm of the probability of k."""
        k, found = self._standard(k, shapes, loc)
        inside = np.logical_and(np.equal(np.floor(k), k), self._support(k, *found))
        return chosen(inside, self._logpmf(within(inside, k, self._safe), *found), -math.inf)

    def pmf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The probability of k."""
        k, found = self._standard(k, shapes, loc)
        inside = np.logical_and(np.equal(np.floor(k), k), self._support(k, *found))
        return chosen(inside, np.exp(self._logpmf(within(inside, k, self._safe), *found)), 0.0)

    def cdf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The probability of at most k."""
        if self._cdf is None:
            raise TypeError(f"{self.name}.cdf is not in the mirror: there is no formula for it")
        k, found = self._standard(k, shapes, loc)
        k = np.floor(k)
        inside = self._support(k, *found)
        value = self._cdf(within(inside, k, self._safe), *found)
        return chosen(inside, value, np.where(k < self._safe, 0.0, 1.0))

    def logcdf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The logarithm of `cdf`."""
        return np.log(self.cdf(k, *shapes, loc=loc))
