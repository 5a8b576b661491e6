"""Arrays built of parts by index notation, and functions of numbers spread over arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.ops.record import ArrayLike, composed
from minigrad.ops.shape import arrayed, holds_tensor, reshape
from minigrad.typing import Array, Function


class Joiner:
    """What ``mg.r_`` and ``mg.c_`` are: joined along an axis by being indexed with the parts."""

    def __init__(self, name: str, axis: int, columns: bool) -> None:
        self._name, self._axis, self._columns = name, axis, columns

    def __repr__(self) -> str:
        return f"mg.{self._name}"

    def __getitem__(self, parts: Array) -> Any:
        parts = parts if isinstance(parts, tuple) else (parts,)
        if any(isinstance(p, str) for p in parts):
            raise TypeError(f"mg.{self._name}: directives in words are not supported; use np.stack")
        arrays = []
        for part in parts:
            if isinstance(part, slice):
                part = np.r_[part]
            part = arrayed(part)
            if not np.ndim(part):
                part = reshape(part, (1,))
            arrays.append(reshape(part, (-1, 1)) if self._columns and np.ndim(part) == 1 else part)
        return np.concatenate(arrays, axis=self._axis)


r_: Joiner = Joiner("r_", 0, columns=False)
c_: Joiner = Joiner("c_", -1, columns=True)


@composed(np.apply_over_axes, complex=True)
def apply_over_axes(func: Function, a: ArrayLike, axes: int | Sequence[int]) -> Array:
    """``func(a, axis)`` for one axis after the other, as `numpy.apply_over_axes`.

    Derivative: that of ``func``, one axis after the other, by the chain rule.

    Raises
    ------
    ValueError
        Where ``func`` changes the number of axes by more than one.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.apply_over_axes(np.sum, np.ones((2, 3)), [0, 1])
    array([[6.]])
    """
    n = np.ndim(a)
    for axis in np.reshape(axes, -1):
        axis = int(axis) % n
        found = func(a, axis)
        if np.ndim(found) != n:
            found = np.expand_dims(found, axis)
            if np.ndim(found) != n:
                raise ValueError(
                    "apply_over_axes: func must keep the number of axes, or take one away"
                )
        a = found
    return a


class vectorize:
    """A function of numbers as one of arrays, as `numpy.vectorize`: called for each of them.

    Parameters
    ----------
    pyfunc : callable
        Of numbers, with a number as its answer.
    excluded : set of int and str, optional
        Arguments that are passed on as they are.

    Raises
    ------
    TypeError
        For what is no function.
    ValueError
        Where there is no element to call it for.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> f = mg.vectorize(lambda x, y: x * y if x > y else x + y)
    >>> mg.grad(lambda x: f(x, 2.0).sum())(np.array([1.0, 3.0]))
    array([1., 2.])
    """

    pyfunc: Function
    excluded: frozenset[Any]

    def __init__(self, pyfunc: Function, excluded: Iterable[int | str] = ()) -> None:
        if not callable(pyfunc):
            raise TypeError(f"vectorize: pyfunc must be a function, not {pyfunc!r}")
        self.pyfunc, self.excluded = pyfunc, frozenset(excluded)

    def __call__(self, *args: Array, **kwargs: Any) -> Any:
        named: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        spread = {k: arrayed(v) for k, v in named.items() if k not in self.excluded}
        shape = np.broadcast_shapes(*(np.shape(v) for v in spread.values()))
        if 0 in shape:
            raise ValueError("vectorize: there is no element to call the function for")
        flat = {k: reshape(np.broadcast_to(v, shape), (-1,)) for k, v in spread.items()}
        answers = []
        for i in range(int(np.prod(shape))):
            now = {**named, **{k: v[i] for k, v in flat.items()}}
            places = [now[k] for k in range(len(args))]
            answers.append(self.pyfunc(*places, **{k: now[k] for k in kwargs}))
        joined = np.stack(answers) if holds_tensor(answers) else np.array(answers)
        return reshape(joined, shape)
