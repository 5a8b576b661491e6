"""jacobian, hessian, hvp: whole derivatives, and products with second ones."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.autodiff.call import Call, F, check_callable, is_number, node_of, numbers
from minigrad.autodiff.functions import grad, vjp
from minigrad.batch import batched
from minigrad.errors import label
from minigrad.graph import Variable, ancestors
from minigrad.tensor import Tensor, handed_out, wrap
from minigrad.tree import flatten, leaves_like


def jacobian(f: F, argnums: int | Sequence[int] = 0) -> F:
    """A function that returns the Jacobian of ``f``, of shape ``output + argument``.

    Outputs and arguments may be nested; the result nests the arguments' structure in
    the output's.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_callable(f, "jacobian")

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        given = numbers(argnums, len(args))
        call = Call(f, args, given, kwargs, strict=True)
        outputs, rebuild = flatten(call.result)
        for y in outputs:
            if not (is_number(y) or hasattr(y, "dtype")):
                name = getattr(f, "__name__", "the function")
                raise TypeError(f"{name} returned {label(y)}; jacobian needs arrays of numbers")
        recorded = call.recorded_by_caller(outputs)
        blocks = []
        for y in outputs:
            columns = columns_of(call, y, recorded)
            block = call.rebuild(columns)
            blocks.append(tuple(block) if isinstance(argnums, list | tuple) else block[0])
        return rebuild(blocks)

    return differentiated


ROOM = 2**22
"""Elements of the largest array while rows of a Jacobian are computed together."""


def columns_of(call: Call, y: Any, recorded: bool) -> list[Any]:
    """The Jacobian of ``y`` by each input; None for what is not differentiated."""
    shape = np.shape(y)
    if node_of(y) is None or not y.size:
        return [None if node_of(x) is None else no_slope(shape, x) for x in call.inputs]
    u = wrap(np.zeros_like(y._value)[()], Variable())
    pulled = call.pull([(y.node, u)], wrap)
    targets = [g.node for g in pulled if node_of(g) is not None and u.node in ancestors(g.node)]
    largest = max([y.size, *(g.size for g in pulled if g is not None)])
    step = max(1, ROOM // largest)
    seeds = np.eye(y.size, dtype=y.dtype).reshape((y.size, *shape))
    lift = wrap if recorded else None
    parts = [batched(targets, u.node, seeds[i : i + step], lift) for i in range(0, y.size, step)]
    found = dict(zip(targets, zip(*parts, strict=True), strict=True))
    columns: list[Any] = []
    for x, g in zip(call.inputs, pulled, strict=True):
        if g is None or g.node not in found:
            columns.append(None if g is None else no_slope(shape, x))
            continue
        rows = found[g.node]
        rows = rows[0] if len(rows) == 1 else np.concatenate(rows)
        columns.append(rows.reshape((*shape, *x.shape))[()])
    return columns if recorded else list(handed_out(dict(enumerate(columns))).values())  # type: ignore[arg-type]


def no_slope(shape: tuple[int, ...], x: Tensor) -> Any:
    return np.zeros((*shape, *x.shape), x.dtype)[()]


def hessian(f: F, argnums: int | Sequence[int] = 0) -> F:
    """A function that returns the matrix of second derivatives of ``f``.

    For an argument of shape ``s`` it has shape ``s + s``; nested arguments give blocks,
    nested twice.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    check_callable(f, "hessian")
    return jacobian(grad(f, argnums), argnums)


def hvp(f: F, x: Any, v: Any) -> Any:
    """Product of the Hessian of ``f`` at ``x`` with ``v``, at the cost of two gradients.

    ``x`` and ``v`` have the same structure, and so has the result.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    check_callable(f, "hvp")
    given = leaves_like(v, x, "hvp: v")
    for a, b in zip(flatten(x)[0], given, strict=True):
        if np.shape(a) != np.shape(b):
            raise ValueError(
                f"hvp: v has shape {np.shape(b)}, x {np.shape(a)}: they must be the same"
            )
    return vjp(grad(f), x)[1](v)[0]
