"""What to call the parts of a derivation: factors, operands and paths, in the user's names."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from minigrad import ops
from minigrad.derivation.factors import is_simple
from minigrad.derivation.formulas.constants import computed_by
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.walk import Edge, size_of
from minigrad.graph import AnyNode
from minigrad.reading.names import Names

PRIMES = {ops.sigmoid: "σ'"}
"""What derivatives are called where it is not the function's name with a prime."""

SUPERSCRIPTS = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")


Wording = TypeVar("Wording", bound=Callable[..., str])


def remembered(f: Wording) -> Wording:
    """Said once of each part: a search asks for the same words at every slip."""

    @functools.wraps(f)
    def said(self: Words, *parts: Any) -> str:
        key = (f, *parts)
        if key not in self._said:
            self._said[key] = f(self, *parts)
        return self._said[key]

    return cast(Wording, said)


class Words:
    """The words for the parts of one graph."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._said: dict[Any, str] = {}

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
        return f"{float(np.sum(arg)):g}" if np.size(arg) == 1 else f"a constant {np.shape(arg)}"

    @remembered
    def describe(self, node: AnyNode, depth: int = 2) -> str:
        """A node by its name, or written out to a small depth."""
        if self.names.known(node) or node.op is None or not depth:
            return self.names.of(node)
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
        return f"through {self.describe(nodes[0])}"

    def through(self, below: AnyNode, user: AnyNode, chain: Sequence[AnyNode]) -> str:
        """A part of the graph by the named nodes of its ``chain``, else by where it begins."""
        named = [self.names.of(n) for n in chain if self.names.known(n)]
        if named:
            return "through " + ", ".join(named[:3])
        if chain:
            return f"through {self.describe(chain[0])}"
        return f"of {self.describe(below)} in {self.describe(user)}"
