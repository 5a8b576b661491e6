"""What a distribution of `minigrad.scipy.stats` is: formulas, and SciPy's methods of them."""

from __future__ import annotations

import inspect
import math
from typing import Any, ClassVar

import numpy as np

from minigrad.ops.shape import arrayed, firm
from minigrad.tensor import concrete
from minigrad.typing import Array, Function, Keywords


def within(inside: Array, x: Array, safe: float) -> Array:
    """``x`` where it is in the support, ``safe`` elsewhere, so that no formula fails there."""
    return chosen(inside, x, safe)


def doubled(x: Array) -> Array:
    """``x``, of which SciPy's distributions make doubles where it is of less precision."""
    x = firm(arrayed(x))
    small = getattr(x, "dtype", None) in (np.float16, np.float32)
    return x.astype(np.float64) if small else x


def chosen(inside: Array, value: Array, other: Array) -> Array:
    """``value`` inside of the support and ``other`` beside it; a number for a number."""
    return number(np.where(inside, value, other))


def number(found: Array) -> Array:
    """``found``, and of an array without axes its number."""
    return found[()] if isinstance(found, np.ndarray) else found


class Distribution:
    """What both kinds share: parameters, by place and by name, and values that they may have."""

    name: str
    shapes: tuple[str, ...]
    point: ClassVar[str]
    moved: ClassVar[tuple[str, ...]]

    def __init__(self, name: str, density: Function, allowed: Function | None) -> None:
        self.name, self._density, self._allowed = name, density, allowed
        self.shapes = tuple(inspect.signature(density).parameters)[1:]
        moved = (f"{key}={int(key == 'scale')}" for key in self.moved)
        words = ", ".join([self.point, *self.shapes, *moved])
        self.__doc__ = f"The {name} distribution: functions of ({words}), as `scipy.stats.{name}`."

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def _have(self, what: str, function: Function | None) -> Function:
        if function is None:
            raise TypeError(f"{self.name}.{what} is not in the mirror: there is no formula for it")
        return function

    def _standard(
        self, args: tuple[Array, ...], kwargs: Keywords
    ) -> tuple[Array, list[Array], Array, Array]:
        """X in standard form, the shapes, the scale, and 1, or NaN where SciPy answers NaN."""
        names = (self.point, *self.shapes, *self.moved)
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
        missing = [n for n in (self.point, *self.shapes) if n not in given]
        if missing:
            raise TypeError(f"{self.name}: {', '.join(missing)} missing; it has {', '.join(names)}")
        loc, scale, *shapes = (
            firm(arrayed(v))
            for v in (given.get("loc", 0), given.get("scale", 1.0), *map(given.get, self.shapes))
        )
        x = doubled(given[self.point]) - loc
        x = x / scale if "scale" in self.moved else x
        asked = [(lambda v: v > 0, (scale,)), (lambda v: np.equal(v, v), (x,))]
        if self._allowed is None:
            asked += [(lambda v: v > 0, (v,)) for v in shapes]
        else:
            asked.append((self._allowed, tuple(shapes)))
        valid = 1.0
        for holds, values in asked:
            valid = valid * mark(holds, values)
        return x, shapes, scale, valid


def mark(holds: Function, values: tuple[Array, ...]) -> Array:
    """1 where ``values`` are such that ``holds``, NaN elsewhere: a factor of what is answered."""
    known = [concrete(v) for v in values]
    if any(v is None for v in known):
        return np.where(holds(*values), 1.0, np.nan)
    found = holds(*known)
    return 1.0 if np.all(found) else np.where(found, 1.0, np.nan)


def marked(value: Array, valid: Array) -> Array:
    """``value``, NaN where it is not ``valid``."""
    return value if type(valid) is float else value * valid


class Continuous(Distribution):
    """A distribution on the line, moved by ``loc`` and stretched by ``scale``.

    Parameters
    ----------
    name : str
    logpdf : callable
        ``logpdf(x, *shapes)`` of the standard form, inside of the support; its parameters are
        called as SciPy calls the shapes.
    support : callable, optional
        ``support(x, *shapes)``: whether x is in the support; by default everywhere.
    safe : float
        A point of the support.
    cdf, sf, logcdf, logsf : callable, optional
        Of ``(x, *shapes)``, standard form, inside of the support.
    allowed : callable, optional
        ``allowed(*shapes)``: whether there is such a distribution; by default where all are > 0.
    """

    point, moved = "x", ("loc", "scale")

    def __init__(
        self,
        name: str,
        logpdf: Function,
        *,
        support: Function | None = None,
        safe: float = 0.5,
        cdf: Function | None = None,
        sf: Function | None = None,
        logcdf: Function | None = None,
        logsf: Function | None = None,
        allowed: Function | None = None,
    ) -> None:
        super().__init__(name, logpdf, allowed)
        self._support, self._safe = support, safe
        self._cdf, self._sf, self._logcdf, self._logsf = cdf, sf, logcdf, logsf

    def logpdf(self, *args: Array, **kwargs: Any) -> Array:
        """The logarithm of the density."""
        density: Function = lambda scale, x, *shapes: self._density(x, *shapes) - np.log(scale)
        return self._of(density, -math.inf, -math.inf, args, kwargs)

    def pdf(self, *args: Array, **kwargs: Any) -> Array:
        """The density."""
        density: Function = lambda scale, x, *shapes: np.exp(self._density(x, *shapes)) / scale
        return self._of(density, 0.0, 0.0, args, kwargs)

    def _of(
        self,
        function: Function,
        left: float,
        right: float,
        args: tuple[Array, ...],
        kwargs: Keywords,
    ) -> Array:
        """A function that is ``left`` in front of the support, and ``right`` behind it."""
        x, shapes, scale, valid = self._standard(args, kwargs)
        if self._support is None:
            return marked(number(function(scale, x, *shapes)), valid)
        inside = self._support(x, *shapes)
        value = function(scale, within(inside, x, self._safe), *shapes)
        outside = left if left == right else np.where(x < self._safe, left, right)
        return marked(chosen(inside, value, outside), valid)

    def cdf(self, *args: Array, **kwargs: Any) -> Array:
        """The probability of at most x."""
        cdf = self._have("cdf", self._cdf)
        return self._of(lambda _, *x: cdf(*x), 0.0, 1.0, args, kwargs)

    def sf(self, *args: Array, **kwargs: Any) -> Array:
        """The probability of more than x."""
        cdf = self._have("sf", self._cdf)
        function = self._sf or (lambda *x: 1 - cdf(*x))
        return self._of(lambda _, *x: function(*x), 1.0, 0.0, args, kwargs)

    def logcdf(self, *args: Array, **kwargs: Any) -> Array:
        """The logarithm of `cdf`."""
        cdf = self._have("logcdf", self._cdf)
        function = self._logcdf or (lambda *x: np.log(cdf(*x)))
        return self._of(lambda _, *x: function(*x), -math.inf, 0.0, args, kwargs)

    def logsf(self, *args: Array, **kwargs: Any) -> Array:
        """The logarithm of `sf`."""
        cdf = self._have("logsf", self._cdf)
        survival = self._sf or (lambda *x: 1 - cdf(*x))
        function = self._logsf or (lambda *x: np.log(survival(*x)))
        return self._of(lambda _, *x: function(*x), 0.0, -math.inf, args, kwargs)


class Discrete(Distribution):
    """A distribution on whole numbers, moved by ``loc``.

    Parameters
    ----------
    name : str
    logpmf : callable
        ``logpmf(k, *shapes)`` inside of the support; its parameters are called as
        SciPy calls the shapes.
    support : callable
        ``support(k, *shapes)``.
    cdf : callable, optional
        ``cdf(k, *shapes)`` for k in the support.
    allowed : callable, optional
        ``allowed(*shapes)``: whether there is such a distribution; by default where all are > 0.
    """

    point, moved = "k", ("loc",)

    def __init__(
        self,
        name: str,
        logpmf: Function,
        support: Function,
        cdf: Function | None = None,
        safe: float = 1.0,
        allowed: Function | None = None,
    ) -> None:
        super().__init__(name, logpmf, allowed)
        self._support, self._cdf, self._safe = support, cdf, safe

    def _of(
        self, args: tuple[Array, ...], kwargs: Keywords, function: Function, outside: float
    ) -> Array:
        """A function of k in the support, and what it is elsewhere."""
        k, shapes, _, valid = self._standard(args, kwargs)
        inside = np.logical_and(np.equal(np.floor(k), k), self._support(k, *shapes))
        value = function(within(inside, k, self._safe), *shapes)
        return marked(chosen(inside, value, outside), valid)

    def logpmf(self, *args: Array, **kwargs: Any) -> Array:
        """The logarithm of the probability of k."""
        return self._of(args, kwargs, self._density, -math.inf)

    def pmf(self, *args: Array, **kwargs: Any) -> Array:
        """The probability of k."""
        return self._of(args, kwargs, lambda *v: np.exp(self._density(*v)), 0.0)

    def cdf(self, *args: Array, **kwargs: Any) -> Array:
        """The probability of at most k."""
        cdf = self._have("cdf", self._cdf)
        k, shapes, _, valid = self._standard(args, kwargs)
        k = np.floor(k)
        inside = self._support(k, *shapes)
        value = cdf(within(inside, k, self._safe), *shapes)
        return marked(chosen(inside, value, np.where(k < self._safe, 0.0, 1.0)), valid)

    def logcdf(self, *args: Array, **kwargs: Any) -> Array:
        """The logarithm of `cdf`."""
        return np.log(self.cdf(*args, **kwargs))
