"""vmap: a function of one example, for many at once.

The function runs once, on stand-ins for one example; what it records is done again with the
examples along a first axis, by ``minigrad.batch.rules``.  The repetition consists of
ordinary ops, and so is itself recorded, traced, or pushed along where somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.autodiff.call import check_callable, unhidden
from minigrad.autodiff.derived import derived
from minigrad.batch import batched
from minigrad.batch.rules import Many
from minigrad.data import locked
from minigrad.errors import caller_site, label
from minigrad.graph import AnyNode, modes, tracing, variable
from minigrad.ops.record import Op
from minigrad.tensor import Tensor, handed_out
from minigrad.tensor.recorder import Recorder, tensors_in
from minigrad.tree import CONTAINERS, flatten
from minigrad.typing import Array, Axis, Function, Keywords, Shape, Tree


class Example(Recorder):
    """Records a function of one example.

    Attributes
    ----------
    many : set of nodes
        Whose values differ between examples.
    cut : set of nodes
        Through whose values no gradient flows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.many: set[AnyNode] = set()
        self.cut: set[AnyNode] = set()

    def differs(self, node: AnyNode | None) -> bool:
        """Whether the value of ``node`` differs between examples."""
        while node is not None and node.op is variable:
            node = node.parents[0]
        return node in self.many

    def refuse(self, t: Tensor, what: str) -> None:
        """Raise, if the value of ``t`` differs between examples."""
        if not self.differs(t.node):
            return
        site = caller_site()
        raise TypeError(
            f"vmap: {what} of {label(t)} would decide for all examples by the value of one"
            f"{f', at {site}' if site else ''}: choose between values with np.where, or pass what "
            "is the same for all examples with in_axes=None"
        )

    def data(self, t: Tensor) -> Array:
        """``t.data``, if it is the same for all examples."""
        self.refuse(t, ".data")
        return t._value.view() if isinstance(t._value, np.ndarray) else t._value

    def update(self, t: Tensor, value: object) -> None:
        raise TypeError(
            f"vmap: {label(t)}.data = ... would be set once for every example: return the new value"
        )

    def draw(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Random numbers, the same for all examples, as from one key in JAX."""
        return rng.random(shape)

    def passive(self, t: Tensor) -> Tensor:
        found = super().passive(t)
        self.cut.add(found.node)
        return found

    def node(
        self,
        op: Op,
        args: Sequence[Array],
        values: Array,
        parents: Sequence[AnyNode | None],
        kwargs: Keywords,
        ans: Array,
    ) -> Array:
        node = super().node(op, args, values, parents, kwargs, ans)
        of = [*parents, *(t.node for t in tensors_in(kwargs))]
        if any(map(self.differs, of)):
            self.many.add(node)
        if not self.recording():
            self.cut.add(node)
        return node

    def picked(self, node: AnyNode | None, index: int) -> AnyNode | None:
        found = super().picked(node, index)
        if found is not None and node in self.many:
            self.many.add(found)
        return found


def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """``f`` for many examples at once, as `jax.vmap`.

    ``f`` runs once, on one example; every op is then done for all examples along an axis more.
    What no rule is known for is done example by example and stacked, which is as slow as a
    loop over that op; what depends on the values of one example, in Python or in its shape,
    is an error.

    Parameters
    ----------
    f : callable
        Of numbers, arrays, and nested lists, tuples and dicts of them; it returns such.
    in_axes : int, None, or a sequence of them for the positional arguments
        Along which axis examples lie; None: the argument is the same for all.  In the place
        of a nested argument also a structure of them.  Keyword arguments are mapped along 0.
    out_axes : int, None, or a structure of them as ``f`` returns
        Where the axis of the examples goes; None: the result is the same for all.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        When the numbers of examples differ, or an axis is not there.
    TypeError
        Where the value or the shape of one example would decide for all.

    Examples
    --------
    Gradients per example, without a loop:

    >>> import numpy as np, minigrad as mg
    >>> loss = lambda w, x, y: (x @ w - y) ** 2
    >>> X, y = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([1.0, 0.0, 1.0])
    >>> mg.vmap(mg.grad(loss), in_axes=(None, 0, 0))(np.array([1.0, -1.0]), X, y)
    array([[ -4.,  -8.],
           [ -6.,  -8.],
           [-20., -24.]])
    """
    check_callable(f, "vmap")

    @derived(vmap, f, in_axes, out_axes)
    def mapped(*args: Array, **kwargs: Any) -> Array:
        axes = in_axes
        if isinstance(axes, list | tuple):
            if len(axes) != len(args):
                raise ValueError(f"vmap: in_axes has {len(axes)} entries for {len(args)} arguments")
            axes = list(axes)
        leaves, rebuild = flatten([list(args), kwargs])
        places = spread_out(axes, list(args), "in_axes") + [0] * (len(leaves) - width(args))
        many, n = examples(leaves, places)
        recorder = Example()
        known: dict[AnyNode, Array] = {}
        called = []
        for x, xs in zip(leaves, many, strict=True):
            if xs is None:
                called.append(x)
                continue
            one = xs[0]
            stand_in = recorder.stand_in(locked(one._value if isinstance(one, Tensor) else one))
            known[stand_in.node] = Many(xs)
            recorder.many.add(stand_in.node)
            called.append(stand_in)
        args, kwargs = rebuild(called)
        with modes.set(tracing, recorder):
            result = f(*args, **kwargs)
        outputs, rebuild = flatten(result)
        unhidden(outputs)
        if sum(type(y) is Tensor for y in flatten(result, whole=True)[0]) > sum(
            type(y) is Tensor for y in outputs
        ):
            raise TypeError(
                "vmap: what the function returned holds Tensors beside its parts, as attributes, "
                "and they would be those of one example: return them as parts of it"
            )
        known |= recorder.captured
        return rebuild(
            gathered(outputs, known, n, spread_out(out_axes, result, "out_axes"), recorder)
        )

    return mapped  # type: ignore[no-any-return]


def width(tree: Tree) -> int:
    return len(flatten(list(tree))[0])


def spread_out(axes: Axis, tree: Tree, what: str) -> list[int | None]:
    """One entry of ``axes`` for each leaf of ``tree``, which it describes from the top down."""
    if axes is None or isinstance(axes, int | np.integer):
        return [axes] * width([tree])
    if not isinstance(axes, CONTAINERS):
        raise TypeError(f"vmap: {what} holds integers and None, not {axes!r}")
    if isinstance(axes, dict):
        if not isinstance(tree, dict) or axes.keys() != tree.keys():
            raise ValueError(f"vmap: {what} has the keys {list(axes)}, unlike what it is for")
        pairs: Any = [(axes[key], tree[key]) for key in tree]
    else:
        if not isinstance(tree, list | tuple) or len(axes) != len(tree):
            raise ValueError(f"vmap: {what}={axes!r} does not have the structure of what it is for")
        pairs = zip(axes, tree, strict=True)
    return [place for a, t in pairs for place in spread_out(a, t, what)]


def examples(leaves: list[Array], places: list[int | None]) -> tuple[list[Array], int]:
    """Examples of each leaf along its first axis, None where it is not mapped; their number."""
    many: list[Array] = []
    counts: dict[int, str] = {}
    for x, place in zip(leaves, places, strict=True):
        if place is None:
            many.append(None)
            continue
        shape = getattr(x, "shape", ())
        if not shape:
            raise ValueError(
                f"vmap: {label(x)} has no axis of examples: pass what is the same for all of them "
                "with in_axes=None"
            )
        if not -len(shape) <= place < len(shape):
            raise ValueError(f"vmap: {label(x)} has shape {shape}, and no axis {place}")
        axis = normalize_axis_index(int(place), len(shape))
        counts.setdefault(shape[axis], f"{label(x)} has {shape[axis]} along axis {axis}")
        many.append(np.moveaxis(x, axis, 0) if axis else x)
    if len(counts) > 1:
        raise ValueError(f"vmap: the numbers of examples differ: {', '.join(counts.values())}")
    if not counts:
        raise ValueError("vmap: no argument has an axis of examples: in_axes is None for all")
    (n,) = counts
    if n == 0:
        raise ValueError(f"vmap: there is no example: {counts[n]}")
    return many, n


def gathered(
    outputs: list[Array], known: Any, n: int, places: list[Any], recorder: Example
) -> list[Array]:
    """The results of ``f`` for all examples, along an axis of their own."""
    roots = [y.node if isinstance(y, Tensor) else None for y in outputs]
    targets = list(dict.fromkeys(root for root in roots if root is not None))
    found = dict(zip(targets, batched(targets, known, n, cut=recorder.cut), strict=True))
    answers = []
    for y, root, place in zip(outputs, roots, places, strict=True):
        value = y if root is None else found[root]
        if isinstance(value, Many):
            if place is None:
                raise ValueError(
                    f"vmap: a result of shape {np.shape(y)} differs between examples, so that "
                    "its out_axes cannot be None"
                )
            value = value.values
        else:
            if not isinstance(value, int | float) and not hasattr(value, "dtype"):
                raise TypeError(f"vmap: the function returned {label(value)}, which is no array")
            value = np.asarray(value) if isinstance(value, int | float) else value
            if place is not None:
                value = np.broadcast_to(value, (n, *np.shape(value)))
        if place and not -np.ndim(value) <= place < np.ndim(value):
            raise ValueError(f"vmap: out_axes={place}, and the result has {np.ndim(value)} axes")
        if place:
            value = np.moveaxis(value, 0, normalize_axis_index(int(place), np.ndim(value)))
        if isinstance(value, np.ndarray):
            given = any(isinstance(x, Many) and x.values is value for x in known.values())
            value = value.copy() if given else value
        elif isinstance(value, Tensor) and value.node is None:
            value = value.data
        answers.append(value)
    return list(handed_out(dict(enumerate(answers))).values())  # type: ignore[arg-type]
