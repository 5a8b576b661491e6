"""What to call the parts of a derivation: factors, operands and paths, in the user's names."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar, cast

import numpy as np

from minigrad import ops
from minigrad.derivation.factors import is_simple
from minigrad.derivation.formulas.constants import computed_by
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.walk import Edge, size_of
from minigrad.graph import AnyNode
from minigrad.reading.names import Names
from minigrad.typing import Index

PRIMES = {ops.sigmoid: "σ'"}
"""What derivatives are called where it is not the function's name with a prime."""

SUPERSCRIPTS = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")


Wording = TypeVar("Wording", bound=Callable[..., str])


def remembered(f: Wording) -> Wording:
    """Said once of each part: a search asks for the same words at every slip."""

    @functools.wraps(f)
    def said(self: Words, *parts: Hashable) -> str:
        key = (f, *parts)
        if key not in self._said:
            self._said[key] = f(self, *parts)
        return self._said[key]

    return cast(Wording, said)


class Words:
    """The words for the parts of one graph."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._said: dict[Hashable, str] = {}

    @remembered
    def operand(self, node: AnyNode, i: int) -> str:
        """What the user calls argument ``i`` of ``node``."""
        parent = node.parents[i]
        if parent is not None:
            return self.describe(parent)
        name = self.names.constant(node, i)
        if name is not None:
            return name
        arg = node.args[i]
        if np.size(arg) == 1 and is_simple(float(np.sum(arg))):
            return f"{float(np.sum(arg)):g}"
        computed, told = computed_by(self.names, node, i) or (None, False)
        if computed is not None and told:
            return f"({written(computed)})"
        if np.size(arg) == 1:
            return f"{float(np.sum(arg)):g}"
        return self.names.part(arg) or f"a constant {np.shape(arg)}"

    @remembered
    def describe(self, node: AnyNode, depth: int = 2) -> str:
        """A node by its name, or written out to a small depth."""
        if self.names.known(node) or node.op is None or not depth:
            return self.names.of(node)
        if node.op is ops.elements:
            place = spelled(node.kwargs["index"])
            return f"{self.operand(node, 0)}[{place}]"
        if node.op is ops.multiply and (one := one_of(node)) is not None:
            return self.operand(node, 1 - one)
        parts = [
            self.describe(p, depth - 1) if p is not None else self.operand(node, i)
            for i, p in enumerate(node.parents)
        ]
        if node.op.symbol and len(parts) == 2:
            if parts[1].startswith("-"):
                parts[1] = f"({parts[1]})"
            return f"({parts[0]} {node.op.symbol} {parts[1]})"
        return f"{node.op.name}({', '.join(parts)})"

    def short(self, node: AnyNode) -> str:
        """A node by its name, or as a call of its function."""
        return self.describe(node, 1)

    @remembered
    def describe_inside(self, node: AnyNode) -> str:
        """The operation of a node, written out even where it has a name."""
        parts = [self.operand(node, i) for i in range(len(node.args))]
        if node.op is not None and node.op.symbol and len(parts) == 2:
            return f"{parts[0]} {node.op.symbol} {parts[1]}"
        return self.describe(node)

    @remembered
    def factor_name(self, edge: Edge) -> str:
        """A local derivative as a person would call it."""
        node, i = edge
        op = node.op
        if op in (ops.multiply, ops.matmul):
            return self.operand(node, 1 - i)
        if op is ops.divide and i == 0:
            return f"1/{self.operand(node, 1)}"
        if op is ops.power and i == 0 and node.parents[1] is None and size_of(node.args[1]) == 1:
            p = float(np.sum(node.args[1]))
            x = self.operand(node, 0)
            return f"{p:g}·{x}" if p == 2 else f"{p:g}·{x}^{p - 1:g}"
        if op is not None and len(node.args) == 1:
            inner = self.operand(node, 0)
            inner = inner if inner.startswith("(") else f"({inner})"
            if op is ops.absolute:
                return f"sign{inner}"
            return f"{PRIMES.get(op, op.name + chr(39))}{inner}"
        return f"∂({self.describe(node)})/∂{self.operand(node, i)}"

    def remedy(self, node: AnyNode, i: int) -> str:
        """What to write for the derivative of a named node: ``: write a * (1 - a)``."""
        if not self.names.known(node) or not any(self.names.known(p) for p in node.parents if p):
            return ""
        from minigrad.explain import local_formula  # it takes long to load, and is seldom needed

        formula = local_formula(node, i, self.names).replace("·", " * ")
        formula = SUPERSCRIPTS.sub(lambda m: f"**{unicodedata.normalize('NFKC', m[0])}", formula)
        return f": write {formula}" if 0 < len(formula) <= 40 else ""

    def route(self, paths: list[list[Edge]], which: int) -> str:
        """A path by the named nodes that not all paths share."""
        others = [{n for n, _ in p} for k, p in enumerate(paths) if k != which]
        shared = set.intersection(*others) if others else set()
        nodes = [n for n, _ in paths[which] if n not in shared]
        if not nodes:
            return f"number {which + 1} of {len(paths)}"
        named = [self.names.of(n) for n in nodes if self.names.known(n)]
        if named:
            return "through " + ", ".join(named[:3])
        return f"through {self.placed(nodes[0])}"

    def placed(self, node: AnyNode) -> str:
        """An entry and what it is part of, ``q[1:] in z``, of which there are often several."""
        inside = self.above(node) if node.op is ops.elements else ""
        return f"{self.describe(node)}{f' in {inside}' if inside else ''}"

    def above(self, node: AnyNode) -> str:
        """The named quantity that an operation without a name is part of; else empty."""
        return ""

    def told(self, words: str) -> str:
        """Words to be read: what has no name is passed over."""

        def one(name: re.Match[str]) -> str:
            node = self.names.find(name[0])
            return name[0] if node is None or self.names.known(node) else "…"

        return re.sub(r"\bt\d+\b", one, words)

    def through(self, below: AnyNode, user: AnyNode, chain: Sequence[AnyNode]) -> str:
        """A part of the graph by the named nodes of its ``chain``, else by where it begins."""
        named = [self.names.of(n) for n in chain if self.names.known(n)]
        if named:
            return "through " + ", ".join(named[:3])
        if chain:
            return f"through {self.placed(chain[0])}"
        return f"of {self.describe(below)} in {self.describe(user)}"


def spelled(index: Index) -> str:
    """What stands between the brackets of an index."""
    if isinstance(index, tuple):
        return ", ".join(map(spelled, index))
    if isinstance(index, slice):
        ends = ["" if k is None else str(k) for k in (index.start, index.stop, index.step)]
        return ":".join(ends if ends[2] else ends[:2])
    plain = index is None or index is Ellipsis or np.ndim(index) == 0
    return "..." if index is Ellipsis or not plain else str(index)


def one_of(node: AnyNode) -> int | None:
    """Which argument of a product is the number 1."""
    alone = [i for i, p in enumerate(node.parents) if p is None and np.ndim(node.args[i]) == 0]
    return next((i for i in alone if node.args[i] == 1), None)
