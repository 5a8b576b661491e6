"""checkpoint: memory for time.  A function that is computed again where its gradient is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.autodiff.call import check_callable, node_of, recording_on, unhidden, variable_for
from minigrad.autodiff.derived import derived
from minigrad.constants import SMALL, sampled_entries
from minigrad.graph import (
    AnyNode,
    Node,
    Variable,
    backward_pass,
    modes,
    next_seq,
    picked,
    pushing,
    recording,
    running,
    tracing,
)
from minigrad.ops.record import Op
from minigrad.tensor import Tensor, wrap
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Tree


def checkpoint(f: Function) -> Function:
    """``f`` with only its inputs recorded; the backward pass computes it again.

    What ``f`` computes inside is not kept.  A chain of n steps that is cut into √n
    checkpointed pieces needs memory for about 2√n of them, for one more forward pass.

    ``f`` must compute the same when it is called again: a result or a constant that differs,
    because of random numbers or an array that was changed, is an error.  Where tangents are
    pushed forward and in programs, which plan their memory themselves, ``f`` is called as it is.

    Parameters
    ----------
    f : callable
        Of any arguments; Tensors that it uses beside them get gradients as well.

    Raises
    ------
    RuntimeError
        In the backward pass, when ``f`` computes something else.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> block = mg.checkpoint(lambda x: np.sin(np.exp(x)))
    >>> mg.grad(lambda x: block(block(x)))(0.0)
    np.float64(-0.8534...)
    """
    check_callable(f, "checkpoint")

    @derived(checkpoint, f)
    def checkpointed(*args: object, **kwargs: Any) -> Tree:
        if modes.special and (
            tracing.get() is not None or pushing.get() is not None or not recording.get()
        ):
            return f(*args, **kwargs)
        leaves, rebuild = flatten([list(args), kwargs])
        active = [i for i, x in enumerate(leaves) if node_of(x) is not None]
        start = next_seq()
        inner = [wrap(leaves[i]._value, Variable()) for i in active]
        piece = Piece(f, leaves, rebuild, active)
        result = piece.run(inner)
        outputs, rebuild_result = flatten(result, whole=True)
        unhidden(outputs)
        roots = [node_of(y) for y in outputs]
        outside, piece.constants = reached_outside(roots, start)
        parents = [*(leaves[i].node for i in active), *outside]
        if not parents:
            return result
        piece.forget(active, list(outside))
        values = (*(leaves[i]._value for i in active), *outside.values())
        ans = tuple([y._value for y, root in zip(outputs, roots, strict=True) if root is not None])
        op = Op("checkpoint", f, piece.pull, arity=len(values), joint=True)
        node = Node(op, values, tuple(parents), {}, ans, next_seq())
        places = iter(range(len(ans)))
        return rebuild_result(
            [
                y if root is None else wrap(y._value, picked(node, next(places)))
                for y, root in zip(outputs, roots, strict=True)
            ]
        )

    return checkpointed  # type: ignore[no-any-return]


def reached_outside(
    roots: Sequence[AnyNode | None], start: int
) -> tuple[dict[AnyNode, Array], int]:
    """What ``roots`` were computed from: older nodes than ``start``, and their values; constants.

    Of these there is a `fingerprint` of all together.
    """
    given = [root for root in roots if root is not None]
    outside: dict[AnyNode, Array] = {root: root.ans for root in given if root.seq < start}
    seen, stack = set(given), [root for root in given if root.seq > start]
    constants = 0
    while stack:
        node = stack.pop()
        for v in node.kwargs.values():
            constants += fingerprint(v)
        for i, (a, parent) in enumerate(zip(node.args, node.parents, strict=True), 1):
            if parent is None:
                constants += i * fingerprint(a)
            elif parent.seq < start:
                outside[parent] = a
            elif parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return outside, constants


def fingerprint(x: Array) -> int:
    """A number that differs between values that differ, almost surely; of large arrays a sample."""
    if type(x) is float or type(x) is int:
        return hash(x) if x == x else 0
    if isinstance(x, np.ndarray) and not x.dtype.hasobject:
        entries = x if x.nbytes <= SMALL else sampled_entries(x)
        return hash((x.shape, x.dtype.str, entries.tobytes()))
    if isinstance(x, tuple | list):
        return hash(tuple(map(fingerprint, x)))
    if isinstance(x, Tensor):
        return fingerprint(x._value)
    return hash(repr(x)) if isinstance(x, complex | np.generic | slice) else 0


def alike(a: Array, b: Array) -> bool:
    """Whether two results are the same, but for the rounding of another order of operations."""
    if np.shape(a) != np.shape(b):
        return False
    rtol = float(np.finfo(a.dtype).eps) ** 0.5
    with np.errstate(invalid="ignore"):  # infinite entries are compared as they are
        size = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    return bool(np.allclose(a, b, rtol=rtol, atol=rtol * float(size), equal_nan=True))


class Piece:
    """One call of a checkpointed function: all that it takes to repeat it.

    Attributes
    ----------
    leaves : list
        Of its arguments; None where a differentiated one stood.
    active : list of int
        Which those are.
    outside : list of nodes
        What it used beside its arguments, and gradients flow to.
    constants : int
        The `fingerprint` of what else it used.
    """

    constants: int

    def __init__(
        self, f: Function, leaves: list[Array], rebuild: Function, active: list[int]
    ) -> None:
        self.f = f
        self.leaves: list[Array] = list(leaves)
        self.rebuild = rebuild
        self.active = active
        self.outside: list[AnyNode] = []

    def forget(self, active: list[int], outside: list[AnyNode]) -> None:
        """Keep no graph alive that the caller does not."""
        for i in active:
            self.leaves[i] = None
        self.outside = outside

    def run(self, inner: Sequence[Array]) -> Array:
        """The function, with ``inner`` in the place of the differentiated arguments."""
        leaves = list(self.leaves)
        for i, x in zip(self.active, inner, strict=True):
            leaves[i] = x
        args, kwargs = self.rebuild(leaves)
        nodes = {x.node for x in inner if x.node not in running}
        try:
            running.update(nodes)  # derivatives that ``f`` takes inside depend on them
            result = self.f(*args, **kwargs)
            running.difference_update(nodes)
        except BaseException:
            running.difference_update(nodes)
            raise
        return result

    def pull(self, g: Array, ans: Array, *values: Array) -> tuple[Array, ...]:
        """Gradients of all inputs: the rule of the op."""
        live = any(isinstance(x, Tensor) for x in (*g, *ans, *values))
        inner = [variable_for(x, False) for x in values[: len(self.active)]]
        start = next_seq()
        with recording_on():
            outputs = flatten(self.run(inner), whole=True)[0]
            outputs = [y for y in outputs if node_of(y) is not None]
            self.compare(outputs, ans, reached_outside([y.node for y in outputs], start)[1])
            wanted = [*(x.node for x in inner), *self.outside]
            seeds = [(y.node, part) for y, part in zip(outputs, g, strict=True)]
            found = backward_pass(seeds, set(wanted), wrap if live else None, ends=True)
        return tuple(
            [
                found[node] if node in found else np.zeros(np.shape(x), x.dtype)[()]
                for node, x in zip(wanted, values, strict=True)
            ]
        )

    def compare(self, outputs: Sequence[Array], ans: Sequence[Array], constants: int) -> None:
        kept = [y._value if isinstance(y, Tensor) else y for y in ans]
        values = [y._value for y in outputs]
        if (
            len(values) != len(kept)
            or constants != self.constants
            or not all(map(alike, values, kept))
        ):
            name = getattr(self.f, "__name__", "the function")
            raise RuntimeError(
                f"checkpoint: {name} computed something else when it was called again: what it "
                "draws at random, or changes, must be the same both times; pass it as an argument"
            )
