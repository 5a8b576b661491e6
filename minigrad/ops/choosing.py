"""Elements by what is said of their places: choices, conditions, open meshes."""

from __future__ import annotations

import numpy as np

from minigrad.ops.indexing import from_the_front, in_range, settled, take_along_axis
from minigrad.ops.record import ArrayLike, Op, composed
from minigrad.ops.shape import arrayed, broadcast_to, reshape, speaks_numpy
from minigrad.typing import Array


@composed(np.choose, complex=True)
def choose(a: ArrayLike, choices: Array, *, mode: str = "raise") -> Array:
    """From several arrays, the element of the one that ``a`` names, as `numpy.choose`.

    Derivative: ``dy`` goes to the element that was chosen, 0 to the others.

    Raises
    ------
    ValueError
        For values of ``a`` that name no choice.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.choose([0, 1, 0], [x, -x]).sum())(np.ones(3))
    array([ 1., -1.,  1.])
    """
    arrays = [arrayed(c) for c in choices]
    index = in_range(np.multiply(settled(a), 1), len(arrays), mode)
    index = index if speaks_numpy(index) else np.asarray(index)
    if not speaks_numpy(index) and index.size and not 0 <= index.min() <= index.max() < len(arrays):
        raise ValueError(
            f"choose: {len(arrays)} choices, but a has values outside 0..{len(arrays) - 1}"
        )
    shape = np.broadcast_shapes(np.shape(index), *[np.shape(c) for c in arrays])
    kind = np.result_type(*arrays) if isinstance(choices, list | tuple) else None
    layers = np.stack([broadcast_to(c, shape) for c in arrays])
    layers = layers if kind in (None, np.result_type(layers)) else layers.astype(kind)
    index = from_the_front(index, len(arrays))
    return take_along_axis(layers, np.broadcast_to(index, (1, *shape)), 0)[0]


@composed(np.select, complex=True)
def select(condlist: Array, choicelist: Array, default: Array = 0) -> Array:
    """The choice of the first condition that holds, else ``default``, as `numpy.select`.

    Derivative: ``dy`` goes to the choice that was taken, 0 to the others.

    Raises
    ------
    ValueError
        For another number of conditions than of choices.
    TypeError
        For conditions that are not boolean.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.select([x < 0, x > 1], [-x, x**2]).sum())(np.array([-1.0, 0.5, 2.0]))
    array([-1.,  0.,  4.])
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"select needs as many conditions as choices, and at least one: "
            f"got {len(condlist)} and {len(choicelist)}"
        )
    ans = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        mask = settled(condition)
        if np.result_type(mask).kind != "b":
            raise TypeError(f"select: conditions must be boolean, not {np.result_type(mask)}")
        ans = np.where(mask, arrayed(choice), ans)
    given = [x if type(x) in (int, float, complex) else arrayed(x) for x in (*choicelist, default)]
    kind = np.result_type(*given)
    return ans if np.result_type(ans) == kind else ans.astype(kind)


mesh: Op = Op("ix_", np.ix_, None, arity=-1)


@composed(np.ix_, complex=True)
def ix_(*args: Array) -> Array:
    """Sequences laid along an axis each, as `numpy.ix_`: an open mesh, for indexing.

    Whole numbers and booleans give arrays that no gradient flows through.

    Derivative: ``dy`` in the shape of the argument.

    Raises
    ------
    ValueError
        For anything but sequences.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.ix_([0, 1], [2])
    (array([[0],
           [1]]), array([[2]]))
    """
    args = tuple(map(arrayed, args))
    if not any(speaks_numpy(x) and x.dtype.kind in "fc" for x in args):
        return mesh(*args)
    if any(np.ndim(x) != 1 for x in args):
        raise ValueError(f"ix_ takes sequences, the shapes are {[np.shape(x) for x in args]}")
    args = tuple(np.flatnonzero(x) if np.result_type(x).kind == "b" else x for x in args)
    return tuple(
        reshape(x, [-1 if i == axis else 1 for i in range(len(args))])
        for axis, x in enumerate(args)
    )
