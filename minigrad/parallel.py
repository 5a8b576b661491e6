"""Gradients of sums over many examples, on many processes or machines.

A loss over a data set is a sum over its parts, and so is its gradient: each part is
differentiated where it lies, and what moves is the parameters, once per step, and gradients,
added up in a tree.  Dask is the engine (``pip install 'minigrad[dask]'``); joblib is the
small sister for one machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from minigrad.autodiff import value_and_grad as here
from minigrad.autodiff.call import array_of
from minigrad.errors import label, needed
from minigrad.tree import flatten, tree_map
from minigrad.typing import Array, Function

__all__ = ["Parallel", "partitions", "value_and_grad"]


def __dir__() -> list[str]:
    return __all__


RETRIES = 3
"""How often a step is begun anew when its parameters were lost with a worker."""

Sum = tuple[float, Any, list[Any]]
"""The weight of some examples, their mean (or sum), and its gradient's leaves."""


def value_and_grad(
    f: Function,
    client: Any = None,
    *,
    backend: str | None = None,
    reduce: str = "mean",
    weight: Callable[..., float] | None = None,
    split_every: int = 8,
) -> Parallel:
    r"""The value of ``f`` over all parts of the data, and its gradient by the parameters.

    With ``reduce="mean"``, ``L = Σ n_k L_k / Σ n_k`` over the parts k of n_k examples, which is
    the mean over all examples if ``f`` is the mean over its own; with ``"sum"``, ``Σ L_k``.

    Parameters
    ----------
    f : callable
        ``f(params, *batch)``, a single number.  A compiled function travels, and is traced
        once on every worker.
    client : distributed.Client or int, optional
        The cluster; Dask's own threads without one.  For joblib the number of processes.
    backend : {"dask", "joblib"}, optional
        By default what ``client`` is of.
    reduce : {"mean", "sum"}
    weight : callable, optional
        The weight of a part, ``weight(*batch)``; by default the length of its first array.
    split_every : int
        How many gradients are added up in one task.

    Returns
    -------
    callable
        ``step(params, *data)``: data are Dask arrays, split along their first axes, or one list
        of parts: tuples of arguments, arrays, delayed objects or futures of such.

    Raises
    ------
    ImportError
        Without the package of the backend.
    TypeError, ValueError
        For data that has no parts, and options that make no sense.

    Notes
    -----
    Parameters are sent to every worker once per step.  A worker that is lost costs time: Dask
    computes its parts elsewhere.  No worker holds more than the parts that its threads work on,
    and some gradients.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> def loss(w, x, y):
    ...     return ((x @ w - y) ** 2).mean()
    >>> x, y, w = np.arange(12.0).reshape(6, 2), np.arange(6.0), np.ones(2)
    >>> step = mg.parallel.value_and_grad(loss, 1, backend="joblib")
    >>> value, gradient = step(w, mg.parallel.partitions(x, y, size=4))
    >>> print(round(float(value), 10), round(float(loss(w, x, y)), 10))
    98.5 98.5
    """
    if not callable(f):
        raise TypeError(f"parallel.value_and_grad takes a function, not {label(f)}")
    if reduce not in ("mean", "sum"):
        raise ValueError(f'parallel: reduce must be "mean" or "sum", not {reduce!r}')
    if not isinstance(split_every, int) or split_every < 2:
        raise ValueError(f"parallel: split_every must be an integer from 2 on, not {split_every!r}")
    if weight is not None and not callable(weight):
        raise TypeError(f"parallel: weight must be a function of a part, not {label(weight)}")
    if backend is None:
        backend = "joblib" if isinstance(client, int) else "dask"
    if backend not in ("dask", "joblib"):
        raise ValueError(f'parallel: backend must be "dask" or "joblib", not {backend!r}')
    return Parallel(f, client, backend, Part(f, reduce, weight), split_every)


def partitions(*arrays: Array, size: int) -> list[tuple[Array, ...]]:
    """Arrays in parts of ``size`` examples, as views.

    Parameters
    ----------
    *arrays : array_like
        Of one length.
    size : int
        Examples in a part; the last may have fewer.

    Returns
    -------
    list of tuples of arrays

    Raises
    ------
    ValueError
        For arrays of different lengths, none, or a size below 1.

    Examples
    --------
    >>> import numpy as np
    >>> [x.shape for (x,) in partitions(np.ones((5, 2)), size=2)]
    [(2, 2), (2, 2), (1, 2)]
    """
    lengths = {len(a) for a in arrays}
    if len(lengths) != 1 or not isinstance(size, int) or size < 1:
        raise ValueError(
            f"partitions: arrays of one length, in parts of at least 1; got lengths "
            f"{sorted(lengths)} and size {size!r}"
        )
    return [tuple(a[i : i + size] for a in arrays) for i in range(0, lengths.pop(), size)]


# --- what runs on a worker -------------------------------------------------------------


@dataclass(eq=False)
class Part:
    """Value and gradient of one part; it travels, and is made ready once on each worker."""

    f: Any
    reduce: str
    weight: Any

    def __reduce__(self) -> Any:
        return Part, (self.f, self.reduce, self.weight)

    @functools.cached_property
    def evaluate(self) -> Any:
        f = self.f
        compiled = hasattr(f, "static")  # then so is the gradient, as one program
        return f.of(here(f.f)) if compiled else here(f)

    def __call__(self, params: Array, part: tuple[Array, ...], place: int) -> Sum | None:
        """The weight, value and gradient of ``part``; None where it has no examples."""
        batch = part if isinstance(part, tuple | list) else (part,)
        try:
            if self.reduce == "mean":
                n = float(self.weight(*batch) if self.weight else length(batch[0]))
                if n < 0 or n != n:
                    raise ValueError(f"the weight of a part must not be negative or NaN: {n:g}")
            else:
                n = float(length(batch[0])) if np.ndim(batch[0]) else 1.0
            if n == 0:
                return None
            value, gradient = self.evaluate(params, *batch)
        except Exception as error:
            shapes = ", ".join(str(np.shape(a)) for a in batch)
            error.add_note(f"in part {place} of the data, of shapes {shapes}")
            raise
        return n, np.ravel(value)[0], [array_of(g) for g in flatten(gradient)[0]]


def length(x: Array) -> int:
    if not np.ndim(x):
        raise ValueError(
            "the first argument of a part has no axis to count examples along: give weight="
        )
    return int(np.shape(x)[0])


def merged(sums: Sequence[Sum | None], reduce: str) -> Sum | None:
    """Several parts as one: means weighted, sums added."""
    found = [s for s in sums if s is not None]
    if not found:
        return None
    total = sum(n for n, _, _ in found)
    shares = [n / total if reduce == "mean" else 1.0 for n, _, _ in found]
    value = sum(share * value for share, (_, value, _) in zip(shares, found, strict=True))
    columns = zip(*(leaves for _, _, leaves in found), strict=True)
    return total, value, [added(shares, column) for column in columns]


def added(shares: Sequence[float], arrays: Sequence[Array]) -> Array:
    """The weighted sum of arrays, in place where that saves memory."""
    total = shares[0] * np.asarray(arrays[0])
    for share, x in zip(shares[1:], arrays[1:], strict=True):
        total = total + share * x
    return total


# --- what runs here --------------------------------------------------------------------


class Parallel:
    """What `value_and_grad` returns: ``step(params, *data)``.

    Parameters
    ----------
    f, client, backend
        As of `value_and_grad`, which makes these.
    part : callable
        The weight, value and gradient of one part of the data.
    split_every : int
        How many gradients are added up in one task.

    Attributes
    ----------
    f : callable
    backend : {"dask", "joblib"}
    retries : int
        How many steps had to be begun anew.

    Raises
    ------
    ValueError
        By a call, for data without examples.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> step = mg.parallel.value_and_grad(lambda w, x: ((x - w) ** 2).mean(), 1, backend="joblib")
    >>> value, gradient = step(0.0, mg.parallel.partitions(np.array([1.0, 2.0, 6.0]), size=2))
    >>> print(f"{value:.4f} {gradient:.4f}")
    13.6667 -6.0000
    """

    f: Function
    client: Any
    backend: str
    part: Part
    split_every: int

    def __init__(
        self, f: Function, client: object, backend: str, part: Part, split_every: int
    ) -> None:
        self.f, self.client, self.backend = f, client, backend
        self.part, self.split_every = part, split_every
        self.retries: int = 0
        self._sent: Any = None

    def __repr__(self) -> str:
        return f"<parallel {getattr(self.f, '__name__', 'f')} by {self.backend}>"

    def __call__(self, params: Array, *data: object) -> tuple[Array, Any]:
        """The value over all parts, and its gradient in the structure of ``params``."""
        parameters = tree_map(lambda x: np.array(array_of(x))[()], params)
        parts = parts_of(data)
        run = self._joblib if self.backend == "joblib" else self._dask
        total = run(parameters, parts)
        if total is None:
            raise ValueError("parallel: the data has no examples")
        _, value, leaves = total
        return value, flatten(parameters)[1](leaves)

    # --- joblib ---------------------------------------------------------------------------

    def _joblib(self, params: Array, parts: list[tuple[Array, ...]]) -> Sum | None:
        joblib = needed("joblib", "this needs joblib: pip install joblib")
        jobs = 1 if self.client is None else self.client
        pool = joblib.Parallel(n_jobs=jobs) if isinstance(jobs, int) else jobs
        calls = (joblib.delayed(self.part)(params, p, i) for i, p in enumerate(parts))
        return self._together(pool(calls), merged)  # type: ignore[no-any-return]

    # --- Dask -----------------------------------------------------------------------------

    def _dask(self, params: Array, parts: list[Any]) -> Sum | None:
        dask = imported()
        if self.client is None:
            return dask.compute(self._tree(dask, params, self.part, parts))[0]  # type: ignore[no-any-return]
        from concurrent.futures import CancelledError

        for attempt in range(RETRIES + 1):
            if attempt:
                self.client.wait_for_workers(1)
            try:
                if self._sent is None or self._sent.status != "finished":
                    self._sent = self._send(self.part)
                root = self._tree(dask, self._send(params), self._sent, parts)
                return self.client.compute(root).result()  # type: ignore[no-any-return]
            except CancelledError:  # what was sent was lost with a worker
                if attempt == RETRIES:
                    raise
                self._sent = None
                self.retries += 1
        raise AssertionError

    def _send(self, x: object) -> Any:
        """``x`` on every worker."""
        (future,) = self.client.scatter([x], broadcast=True, hash=False)
        return future

    def _tree(self, dask: ModuleType, params: Array, part: object, parts: list[object]) -> Any:
        """The tasks of a step: each part, and sums of sums."""
        call, add = dask.delayed(applied, pure=False), dask.delayed(merged, pure=False)
        return self._together([call(part, params, p, i) for i, p in enumerate(parts)], add)

    def _together(self, sums: list[object], add: Function) -> Any:
        """All sums as one, `split_every` at a time."""
        while len(sums) > 1:
            k = self.split_every
            sums = [add(sums[i : i + k], self.part.reduce) for i in range(0, len(sums), k)]
        return sums[0]


def applied(part: Part, params: Array, data: Array, place: int) -> Sum | None:
    return part(params, data, place)


def imported() -> Any:
    """Dask.

    Raises
    ------
    ImportError
        Saying what to install.
    """
    how = "this needs Dask: pip install 'dask[array,distributed]', or backend='joblib'"
    return needed("dask", how)


def parts_of(data: tuple[object, ...]) -> list[Any]:
    """The parts of the data: blocks of Dask arrays side by side, or what a list holds.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if data and all(is_dask_array(x) for x in data):
        return blocks(data)
    if len(data) == 1 and isinstance(data[0], list | tuple):
        parts = list(data[0])
    elif len(data) == 1 and hasattr(data[0], "to_delayed"):  # a bag, a data frame
        parts = list(np.ravel(data[0].to_delayed()))
    else:
        given = ", ".join(type(x).__name__ for x in data) or "nothing"
        raise TypeError(
            "parallel: data are Dask arrays, or one list of parts (mg.parallel.partitions makes "
            f"one of NumPy's arrays); got {given}"
        )
    if not parts:
        raise ValueError("parallel: the data has no parts")
    return parts


def is_dask_array(x: object) -> bool:
    return hasattr(x, "dask") and hasattr(x, "chunks") and hasattr(x, "rechunk")


def blocks(arrays: tuple[Any, ...]) -> list[Any]:
    """Blocks along the first axis, as many in each array."""
    dask = imported()
    first = arrays[0]
    columns = []
    for x in arrays:
        if not x.ndim:
            raise ValueError("parallel: a Dask array without axes cannot be split")
        known = not any(n != n for n in (*x.chunks[0], *first.chunks[0]))
        if known and x.shape[0] != first.shape[0]:
            raise ValueError(
                f"parallel: arrays must have as many examples: {first.shape[0]} and {x.shape[0]}"
            )
        wanted = {0: first.chunks[0]} if known and x.chunks[0] != first.chunks[0] else {}
        wanted |= {axis: -1 for axis in range(1, x.ndim) if len(x.chunks[axis]) > 1}
        columns.append(list(np.ravel((x.rechunk(wanted) if wanted else x).to_delayed())))
    if len({len(c) for c in columns}) > 1:
        raise ValueError("parallel: arrays of unknown sizes must have as many blocks")
    return [dask.delayed(tuple)(list(row)) for row in zip(*columns, strict=True)]
