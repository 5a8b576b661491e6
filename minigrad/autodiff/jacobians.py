"""jacobian, hessian, hvp: whole derivatives, and products with second ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.autodiff.call import (
    Call,
    check_callable,
    check_differentiable,
    check_scalar,
    is_number,
    node_of,
    numbers,
    parted,
    recording_on,
    variable_for,
)
from minigrad.autodiff.derived import derived
from minigrad.autodiff.forward import Pusher, TooLarge, can_push, handed, push_along
from minigrad.autodiff.functions import grad, jvp
from minigrad.autodiff.tangents import in_order, push_through, stand_in
from minigrad.batch import batched
from minigrad.batch.rules import Many
from minigrad.errors import label
from minigrad.graph import reached, running
from minigrad.ops.record import is_complex
from minigrad.tensor import Tensor, handed_out, wrap
from minigrad.tree import flatten, leaves_like
from minigrad.typing import Array, Function, Keywords, Shape, Tree

ROOM = 2**22
"""Elements of the largest array while columns or rows of a Jacobian are computed together."""


def jacobian(
    f: Function, argnums: int | Sequence[int] = 0, mode: str = "auto", holomorphic: bool = False
) -> Function:
    """A function that returns the Jacobian of ``f``, of shape ``output + argument``.

    Outputs and arguments may be nested; the result nests the arguments' structure in
    the output's.

    Parameters
    ----------
    f : callable
    argnums : int or sequence of int
        The arguments that it is differentiated by.
    mode : {"auto", "forward", "reverse"}
        Column by column, a tangent for every element of the arguments, or row by row, a
        gradient for every element of the output; in either case all in one pass.  "auto"
        takes what there is less of, and columns where there are at most four.
    holomorphic : bool
        ``f`` is a holomorphic function of complex arguments, and the Jacobian that of its
        complex derivatives.

    Raises
    ------
    ValueError
        For another mode.
    TypeError
        For integers, and for complex numbers, unless ``holomorphic``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_callable(f, "jacobian")
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f'jacobian: mode must be "auto", "forward" or "reverse", not {mode!r}')

    @derived(jacobian, f, argnums, mode, holomorphic)
    def differentiated(*args: object, **kwargs: Any) -> Tree:
        given = numbers(argnums, len(args))
        leaves = [x for i in given for x in flatten(args[i])[0]]
        if holomorphic and not all(map(is_complex, leaves)):
            raise TypeError("jacobian: holomorphic=True is for complex arguments only")
        if not holomorphic:
            check_real_arguments(leaves, "jacobian")
        forward = mode == "forward" or (mode == "auto" and is_small(args, given))
        if forward and can_push(args):
            blocks, rebuild = pushed_columns(f, args, given, kwargs)
        else:
            blocks, rebuild = recorded_blocks(f, args, given, kwargs, mode)
        several = isinstance(argnums, list | tuple)
        return rebuild([tuple(block) if several else block[0] for block in blocks])

    return differentiated  # type: ignore[no-any-return]


def check_real_arguments(leaves: Sequence[Array], who: str) -> None:
    if any(map(is_complex, leaves)):
        raise TypeError(
            f"{who}: by complex numbers there are two derivatives, by the real and by the "
            "imaginary part: differentiate by each, take mg.vjp and mg.jvp, or write "
            "holomorphic=True where the two are one"
        )


FEW = 4
"""Elements of all arguments together for which tangents cost no more than a backward pass."""


def is_small(args: tuple[Array, ...], given: Sequence[int]) -> bool:
    """Whether there are so few columns that recording would not pay, however few the rows."""
    found = [x for i in given for x in flatten(args[i])[0]]
    return sum([np.size(x) for x in found]) <= FEW


def check_outputs(f: Function, outputs: Sequence[Array]) -> None:
    for y in outputs:
        if not (is_number(y) or hasattr(y, "dtype")):
            name = getattr(f, "__name__", "the function")
            raise TypeError(f"{name} returned {label(y)}; jacobian needs arrays of numbers")


def recorded_blocks(
    f: Function, args: tuple[Array, ...], given: Any, kwargs: Keywords, mode: str
) -> tuple[Any, Function]:
    """For each output the blocks of all arguments, from what one call has recorded."""
    call = Call(f, args, given, kwargs, strict=True)
    outputs, rebuild = parted(call.result)
    check_outputs(f, outputs)
    recorded = call.recorded_by_caller(outputs)
    inputs = sum([x.size for x in call.inputs if node_of(x) is not None])
    if any(map(is_complex, outputs)):  # a gradient that arrives at real numbers is real
        mode = "forward"
    if mode == "auto":
        sizes = [y.size for y in outputs if node_of(y) is not None]
        mode = "forward" if inputs < sum(sizes) else "reverse"
    if mode == "forward":
        columns = columns_through(call, outputs, inputs, recorded)
    else:
        columns = [rows_of(call, y, recorded) for y in outputs]
    return [call.rebuild(column) for column in columns], rebuild


# --- forward: columns ------------------------------------------------------------------


def directions(inputs: Sequence[Array], start: int, stop: int) -> list[Array]:
    """Tangents ``start`` to ``stop`` of those that change one element of all inputs each."""
    sizes = [0 if x is None else x.size for x in inputs]
    one_each = np.eye(stop - start, sum(sizes), start)
    tangents: list[Array] = []
    at = 0
    for x, size in zip(inputs, sizes, strict=True):
        if x is None:
            tangents.append(None)
            continue
        block = one_each[:, at : at + size].astype(x.dtype, copy=False)
        tangents.append(block.reshape((stop - start, *x.shape)))
        at += size
    return tangents


def blocks_of(columns: Array, y: Array, inputs: Sequence[Array]) -> list[Array]:
    """Tangents of an output along all directions as one block for each input."""
    found: list[Array] = []
    at, shape = 0, getattr(y, "shape", ())
    for x in inputs:
        if x is None:
            found.append(None)
            continue
        block = columns[at : at + x.size]
        block = block.T if len(shape) < 2 else np.moveaxis(block, 0, -1)
        found.append(block.reshape((*shape, *x.shape))[()])
        at += x.size
    return found


def pushed_columns(
    f: Function, args: tuple[Array, ...], given: Any, kwargs: Keywords
) -> tuple[list[list[Array]], Function]:
    """The blocks, by tangents that travel with the values; in several passes if they are many."""
    leaves: list[Array] = []
    builds = []
    for i, argument in enumerate(args):
        found, build = flatten(argument)
        if i in given:
            variables = [variable_for(x, False) for x in found]
            check_differentiable(argument, variables, i)
            builds.append((len(found), build))
            leaves += [x if node_of(x) is not None else None for x in variables]
        else:
            leaves += [False] * len(found)
    chosen = [x for x in leaves if x is not False]
    n = sum([x.size for x in chosen if x is not None])
    parts: list[list[Array]] = []
    step, start = max(1, n), 0
    while start < n or not parts:
        stop = min(n, start + step)
        along = iter(directions(chosen, start, stop))
        tangents = [None if x is False else next(along) for x in leaves]
        together = stop - start  # one at a time is the least, however large it is
        pusher = Pusher(together, max(ROOM, together) if together > 1 else 0)
        try:
            outputs, columns, rebuild = push_along(f, args, tangents, kwargs, pusher)
        except TooLarge as error:
            step = max(1, ROOM // error.args[0])
            continue
        check_outputs(f, outputs)
        parts.append(columns)
        start = stop
    order: list[int] = sorted(range(len(given)), key=given.__getitem__)
    blocks = []
    for y, *columns in zip(outputs, *parts, strict=True):
        whole = columns[0] if len(columns) == 1 else np.concatenate(columns)
        found, answers = blocks_of(whole, y, chosen), [None] * len(given)
        for k, (size, build) in zip(order, builds, strict=True):
            answers[k] = build(found[:size])
            found = found[size:]
        blocks.append(answers)
    return blocks, rebuild


def columns_through(call: Call, outputs: Array, n: int, recorded: bool) -> list[list[Array]]:
    """The blocks of all outputs, by tangents pushed through what was recorded."""
    inputs = [x if node_of(x) is not None else None for x in call.inputs]
    roots = [node_of(y) for y in outputs]
    nodes = in_order([root for root in roots if root is not None])
    largest = max([1, *(getattr(node.ans, "size", 1) for node in nodes)])
    step = max(1, ROOM // largest)
    parts = []
    for start in range(0, max(n, 1), step):
        stop = min(n, start + step)
        along = zip(inputs, directions(inputs, start, stop), strict=True)
        known = {x.node: t for x, t in along if x is not None}
        with recording_on():
            found = push_through(nodes, known, stop - start, wrap if recorded else None)
        parts.append(handed([found.get(root) for root in roots], outputs, stop - start))  # type: ignore[arg-type]
    answers = []
    for y, *columns in zip(outputs, *parts, strict=True):
        whole = columns[0] if len(columns) == 1 else np.concatenate(columns)
        answers.append(blocks_of(whole, y, inputs))
    return answers


# --- reverse: rows ---------------------------------------------------------------------


def rows_of(call: Call, y: Array, recorded: bool) -> list[Array]:
    """The Jacobian of ``y`` by each input; None for what is not differentiated."""
    shape = np.shape(y)
    if node_of(y) is None or not y.size:
        return [None if node_of(x) is None else no_slope(shape, x) for x in call.inputs]
    u = stand_in(y)
    pulled = call.pull([(y.node, u)], wrap)
    targets = [g.node for g in pulled if node_of(g) is not None and u.node in reached(g.node)]
    largest = max([1, y.size, *(g.size for g in pulled if g is not None)])
    step = max(1, ROOM // largest)
    seeds = np.eye(y.size, dtype=y.dtype).reshape((y.size, *shape))
    lift = wrap if recorded else None
    parts = []
    for i in range(0, y.size, step):
        some = seeds[i : i + step]
        parts.append(batched(targets, {u.node: Many(some)}, len(some), lift))
    found = dict(zip(targets, zip(*parts, strict=True), strict=True))
    columns: list[Array] = []
    for x, g in zip(call.inputs, pulled, strict=True):
        if g is None or g.node not in found:
            columns.append(None if g is None else no_slope(shape, x))
            continue
        rows = [many.values for many in found[g.node]]
        whole = rows[0] if len(rows) == 1 else np.concatenate(rows)
        columns.append(whole.reshape((*shape, *x.shape))[()])
    return columns if recorded else list(handed_out(dict(enumerate(columns))).values())  # type: ignore[arg-type]


def no_slope(shape: Shape, x: Tensor) -> Array:
    return np.zeros((*shape, *x.shape), x.dtype)[()]


# --- second derivatives ----------------------------------------------------------------


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """A function that returns the matrix of second derivatives of ``f``: forward over reverse.

    For an argument of shape ``s`` it has shape ``s + s``; nested arguments give blocks,
    nested twice.

    Parameters
    ----------
    f : callable
        Returns a single floating-point number.
    argnums : int or sequence of int
        Which positional arguments to differentiate by.

    Returns
    -------
    callable
        Called like ``f``.

    Raises
    ------
    TypeError, ValueError
        As `grad`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    check_callable(f, "hessian")

    @derived(hessian, f, argnums)
    def differentiated(*args: object, **kwargs: Any) -> Tree:
        given = numbers(argnums, len(args))
        check_real_arguments([x for i in given for x in flatten(args[i])[0]], "hessian")
        call = Call(f, args, given, kwargs, strict=True)
        y = call.result
        check_scalar(f, y)
        recorded = call.recorded_by_caller([y])
        try:
            running.update(call.nodes)  # whoever writes a program is told that more is to come
            gradient = call.pull([] if node_of(y) is None else [(y.node, y.seed())], wrap)
        finally:
            running.difference_update(call.nodes)
        n = sum([x.size for x in call.inputs if node_of(x) is not None])
        several = isinstance(argnums, list | tuple)
        rows: list[Tree] = []
        found = columns_through(call, gradient, n, recorded)
        for g, row in zip(gradient, map(call.rebuild, found), strict=True):
            rows.append(None if g is None else tuple(row) if several else row[0])
        blocks = call.rebuild(rows)
        return tuple(blocks) if several else blocks[0]

    return differentiated  # type: ignore[no-any-return]


def hvp(f: Function, x: Array, v: Array) -> Tree:
    """Product of the Hessian of ``f`` at ``x`` with ``v``, at the cost of two gradients.

    ``x`` and ``v`` have the same structure, and so has the result.

    Parameters
    ----------
    f : callable
        Returns a single floating-point number.
    x : number, array, or nested structure of them
        Where.
    v : of the structure and shapes of ``x``
        The direction.

    Raises
    ------
    TypeError, ValueError
        As `grad`, and for a ``v`` that is not like ``x``.

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
    return jvp(grad(f), (x,), (v,))[1]
