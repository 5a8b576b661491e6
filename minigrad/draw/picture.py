"""A picture is the graph, read: every vertex and edge with what a person wants to see of it.

Nothing here knows how it will look.  ``Picture`` lists the leaves, constants and operations
behind one output in topological order, by the names that the user gave them, and the edges
between them with their local derivatives; DOT, text and HTML are made of that.  It computes
the gradients that it shows by a walk of its own, so that no ``.grad`` changes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.draw.values import is_numpy, is_scalar, is_tuple, number
from minigrad.errors import label
from minigrad.graph import AnyNode, Passive, Slots, backward_pass, fit
from minigrad.reading.names import Names, names
from minigrad.reading.statements import subscripts as written_subscripts
from minigrad.reading.wording import shortened as short
from minigrad.reading.wording import visible
from minigrad.typing import Array


@dataclass(eq=False, slots=True)
class Vertex:
    """A leaf, a constant, an operation or the output.

    Attributes
    ----------
    id : int
        Place in ``picture.vertices``: inputs come before what uses them.
    kind : {"leaf", "constant", "op", "output"}
    name : str
        The user's name; else a short stable one (of a constant, its value).
    named : bool
        Whether the name is the user's.
    op : str
        The operation's name; empty for leaves and constants.
    value : array, number or tuple of arrays
    node : Node or None
        The engine's node; None for a constant.
    inputs, uses : list of Edge
        In the order of the arguments; in the order of the users.
    """

    picture: Picture
    id: int
    kind: str
    name: str
    named: bool
    op: str
    value: Array
    node: AnyNode | None
    inputs: list[Edge]
    uses: list[Edge]

    @property
    def gradient(self) -> Any:
        """∂output/∂this in the shape of the value; None for constants (and op of integers)."""
        return None if self.node is None else self.picture.gradients.get(self.node)

    @property
    def label(self) -> str:
        """The name as it can be shown: not too long, on one line, nothing hidden in it."""
        return visible(short(self.name))

    @property
    def elementwise(self) -> bool:
        """Whether it was computed entry by entry."""
        return self.node is not None and self.node.op is not None and self.node.op.elementwise

    @property
    def scalar(self) -> bool:
        """Whether the value is one number."""
        return is_scalar(self.value)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.id}: {self.name}{f' = {self.op}' if self.op else ''}>"


@dataclass(eq=False, slots=True)
class Edge:
    """``source`` is argument number ``argnum`` of ``target``."""

    source: Vertex
    target: Vertex
    argnum: int

    @property
    def differentiable(self) -> bool:
        """Whether a gradient flows back along it."""
        node = self.source.node
        return node is not None and type(node) is not Passive

    @property
    def local(self) -> Array | None:
        """The local derivative ∂target/∂source of this argument alone, where it is no matrix.

        A number between scalars; for an elementwise op the array of derivatives, entry by
        entry; for a scalar of an array the array of its partial derivatives.  Else, as for
        a matrix product, None: ``formula`` says it in words.
        """
        node = self.target.node
        if not self.differentiable or node is None or node.op is None or is_tuple(node):
            return None
        if not (node.op.elementwise or self.target.scalar):
            return None
        return self._rule(np.ones_like(node.ans) if np.ndim(node.ans) else np.float64(1))

    @property
    def contribution(self) -> Array:
        """What it adds to the gradient of ``source``: upstream gradient × local derivative."""
        upstream, node = self.target.gradient, self.target.node
        if upstream is None or not self.differentiable or node is None or node.op is None:
            return None
        found = fit(self._rule(upstream), node.args[self.argnum], node.op, self.argnum)
        return found.filled(node.args[0]) if isinstance(found, Slots) else found

    @property
    def formula(self) -> str:
        """The local derivative as a formula in the user's names; empty where there is none.

        There is none on lazy arrays either, which the making of it would compute.
        """
        found = self.expression
        return "" if found is None else str(found.text)

    @property
    def expression(self) -> Any:
        """The formula, to be written in any style; None where there is none."""
        node = self.target.node
        if not self.differentiable or node is None or not all(map(is_numpy, node.args)):
            return None
        explain = import_module("minigrad.explain")  # a reading of its own, only when asked
        return explain.local_expression(node, self.argnum, self.picture.names)

    @property
    def picture(self) -> Picture:
        return self.target.picture

    def _rule(self, g: Array) -> Array:
        node: Any = self.target.node
        with np.errstate(all="ignore"):
            return node.op.rule(self.argnum)(g, node.ans, *node.args, **node.kwargs)

    def __repr__(self) -> str:
        return f"<edge {self.source.id} -> {self.target.id} (argument {self.argnum})>"


class Picture:
    """The graph behind ``output``, read.

    Parameters
    ----------
    output : Tensor
        Recorded, of any shape; of several elements, gradients are those of their sum.
    wrt : Tensor or sequence of Tensors, optional
        Whose routes to the output are to be highlighted.

    Attributes
    ----------
    vertices : list of Vertex
        In topological order; the output is the last one.
    edges : list of Edge
        By target, then argument: the order of the forward pass; backwards, of the
        backward pass.
    output : Vertex
    wrt : list of Vertex
    names : names.Names

    Raises
    ------
    TypeError
        When ``output`` or ``wrt`` is no Tensor.
    ValueError
        When one was not recorded, or the output does not depend on ``wrt``.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.Tensor(0.3, requires_grad=True)
    >>> L = (w * 0.5 - 1) ** 2
    >>> picture = Picture(L, wrt=w)
    >>> [v.name for v in picture.vertices]
    ['w', '0.5', 't1', '1', 't2', '2', 'L']
    >>> for edge in picture.edges:
    ...     if edge.differentiable:
    ...         print(f"{edge.source.name} -> {edge.target.name}: {edge.local:g}")
    w -> t1: 0.5
    t1 -> t2: 1
    t2 -> L: -1.7
    >>> print(f"{picture.wrt[0].gradient:g}", w.grad)
    -0.85 None
    """

    def __init__(self, output: Any, wrt: Any = None) -> None:
        root = recorded(output, "output")
        self.names: Names = names([root])
        self.vertices: list[Vertex] = []
        self.edges: list[Edge] = []
        self.at: dict[AnyNode, Vertex] = {}
        """Engine node -> vertex."""
        self._constants: dict[Hashable, Vertex] = {}
        for node in sorted(self.names.nodes, key=lambda n: n.seq):
            self._read(node)
        self.output: Vertex = self.at[root]
        self.output.kind = "output"
        if root.op is None:
            self.output.value = output._value
        self._call(self.output, output.name or (None if self.output.named else "output"))
        self.wrt: list[Vertex] = self._chosen(wrt)

    def _read(self, node: AnyNode) -> None:
        sources = [
            self.at[parent] if parent is not None else self._constant(node, i)
            for i, parent in enumerate(node.parents)
        ]
        op = node.op
        kind, word = ("op", op.name) if op else ("leaf", "")
        name, named = self.names.of(node), self.names.known(node)
        vertex = self.at[node] = self._add(kind, name, named, word, node.ans, node)
        for argnum, source in enumerate(sources):
            if source.value is None:  # a leaf: its value is with whoever uses it
                source.value = node.args[argnum]
            edge = Edge(source, vertex, argnum)
            vertex.inputs.append(edge)
            source.uses.append(edge)
            self.edges.append(edge)

    def _constant(self, node: AnyNode, argnum: int) -> Vertex:
        """One vertex for all uses of a constant that has a name, or is an array."""
        value = node.args[argnum]
        name = self.names.constant(node, argnum)
        key: Any = (name, id(value)) if name or np.ndim(value) else (node, argnum)
        if key not in self._constants:
            text = name or (number(value) if is_scalar(value) else "constant")
            self._constants[key] = self._add("constant", text, name is not None, "", value, None)
        return self._constants[key]

    def _add(
        self, kind: str, name: str, named: bool, op: str, value: Array, node: AnyNode | None
    ) -> Vertex:
        place = len(self.vertices)
        vertex = Vertex(self, place, kind, name, named, op, value, node, [], [])
        self.vertices.append(vertex)
        return vertex

    def _chosen(self, wrt: Any) -> list[Vertex]:
        if wrt is None:
            return []
        chosen = []
        for t in wrt if isinstance(wrt, list | tuple) else [wrt]:
            node = recorded(t, "wrt")
            if node not in self.at:
                raise ValueError(
                    f"draw: {self.output.name} does not depend on {label(t)}, "
                    "so there is no path between them to highlight"
                )
            self._call(self.at[node], t.name)
            chosen.append(self.at[node])
        return chosen

    def _call(self, vertex: Vertex, name: str | None) -> None:
        """Give ``vertex`` the name that its Tensor was given, found among variables or not."""
        if name is not None and not vertex.named:
            vertex.name, vertex.named = name, True

    # --- gradients ---------------------------------------------------------------------

    @cached_property
    def gradients(self) -> dict[AnyNode, Array]:
        """∂output/∂node for every node; no ``.grad`` is touched."""
        root, value = self.output.node, self.output.value
        assert root is not None
        seed = np.ones_like(value) if np.ndim(value) else value.dtype.type(1)
        with np.errstate(all="ignore"):
            found = backward_pass([(root, seed)], wanted=self.at)
        return {n: g.filled(n.ans) if isinstance(g, Slots) else g for n, g in found.items()}

    @cached_property
    def subscripts(self) -> dict[int, str]:
        """Vertex -> its index as it stands in the user's statement.

        A statement's subscripts and the slices that it recorded are told apart by their order,
        where there are as many of the one as of the other.
        """
        slices: dict[AnyNode, list[Vertex]] = {}
        for v in self.vertices:
            if v.node is not None and v.node.op is ops.elements:
                owner = self.names.owner(v.node)
                if owner is not None:
                    slices.setdefault(owner, []).append(v)
        found = {}
        for owner, members in slices.items():
            value = self.names.expression(owner)
            written = [] if value is None else written_subscripts(value)
            if len(written) == len(members):
                found.update({v.id: words for v, words in zip(members, written, strict=True)})
        return found

    @property
    def subject(self) -> str:
        """What the gradients are of: ``L``, or ``Σp`` for an output of several elements."""
        name = self.output.name
        return name if self.output.scalar else f"Σ{name}"

    # --- routes ------------------------------------------------------------------------

    def downstream(self, sources: Iterable[Vertex] | None = None) -> set[int]:
        """Ids of ``sources`` (by default ``wrt``) and of all on their routes to the output."""
        reached = {v.id for v in (self.wrt if sources is None else sources)}
        if reached:
            for vertex in self.vertices[min(reached) :]:
                if any(e.source.id in reached for e in vertex.inputs):
                    reached.add(vertex.id)
        return reached


def recorded(t: object, what: str) -> AnyNode:
    """The node of the Tensor ``t``.

    Raises
    ------
    TypeError, ValueError
        When ``t`` is no Tensor, or none that was recorded.
    """
    if not (hasattr(t, "node") and hasattr(t, "_value")):
        raise TypeError(f"draw: {what} must be a Tensor, not {type(t).__name__} ({label(t)})")
    node: AnyNode | None = t.node
    if node is None:
        raise ValueError(
            f"draw: {label(t)} has no graph: nothing that it was computed from requires a "
            "gradient; make the inputs with mg.Tensor(..., requires_grad=True)"
        )
    return node
