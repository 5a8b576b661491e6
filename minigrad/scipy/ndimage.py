"""`scipy.ndimage`: values of an array between its places."""

from __future__ import annotations

import functools
import operator
from itertools import product
from typing import Any

import numpy as np
import scipy.ndimage

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.indexing import settled
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import like

__all__ = ["map_coordinates"]


def __dir__() -> list[str]:
    return __all__


@like(scipy.ndimage.map_coordinates)
def map_coordinates(
    input: Any, coordinates: Any, order: int = 3, mode: str = "constant", cval: float = 0.0
) -> Any:
    """The values of ``input`` at ``coordinates``, linear between places.

    Derivative: ``input`` gets the weights of the interpolation, ``coordinates`` the slopes
    between places.

    Differentiable by both.

    Parameters
    ----------
    input : (...,) of n axes
    coordinates : (n, ...)
    order : {0, 1}
        The nearest value, or linear interpolation; SciPy's default, 3, is not written.
    mode : {"constant", "nearest"}
        Beyond the edges: ``cval``, or the value at the edge.
    cval : float

    Raises
    ------
    ValueError
        For other orders and modes, and coordinates of another number of axes.

    Examples
    --------
    >>> import numpy as np
    >>> map_coordinates(np.array([[0.0, 1.0], [2.0, 3.0]]), [[0.5], [0.5]], order=1)
    array([1.5])
    """
    if order not in (0, 1):
        raise ValueError(
            f"map_coordinates: order must be 0 or 1 here, not {order!r}: write order=1"
        )
    if mode not in ("constant", "nearest"):
        raise ValueError(f'map_coordinates: mode must be "constant" or "nearest", not {mode!r}')
    a, at = arrayed(input) * np.float64(1), arrayed(coordinates) * np.float64(1)
    n = np.ndim(a)
    if not np.ndim(at) or np.shape(at)[0] != n:
        raise ValueError(
            f"map_coordinates: the input has {n} axes, and coordinates the shape {np.shape(at)}"
        )
    sizes = np.shape(a)
    places = [at[i] for i in range(n)]
    if mode == "nearest":
        places = [np.clip(p, 0, s - 1) for p, s in zip(places, sizes)]
    if order == 0:
        corners = [[(np.floor(p + 0.5), 1.0)] for p in places]
    else:
        lower = [np.floor(p) for p in places]
        corners = [[(f, 1 - (p - f)), (f + 1, p - f)] for p, f in zip(places, lower)]
    total: Any = 0.0
    for corner in product(*corners):
        index, share, inside = [], 1.0, True
        for (place, part), size in zip(corner, sizes):
            known = settled(place)
            index.append(np.clip(known, 0, size - 1).astype(int))
            inside = inside & (known >= 0) & (known <= size - 1)
            share = share * part
        total = total + share * np.where(inside, a[tuple(index)], cval)
    if mode == "constant":
        edges = [settled(p) for p in places]
        outside = [(p < -1e-15) | (p > s - 1 + 1e-15) for p, s in zip(edges, sizes)]
        total = np.where(functools.reduce(operator.or_, outside, False), cval, total)
    return total


_describe(vars(), OF_SCIPY)
