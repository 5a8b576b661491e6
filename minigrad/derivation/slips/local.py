"""Local factors of the chain: left out, one too many, or taken at the wrong value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.derivation.edits import BLIND, scaled, seen_as, substituted, transposed_arrival
from minigrad.derivation.factors import is_simple
from minigrad.derivation.judges import evaluate
from minigrad.derivation.search import Search
from minigrad.derivation.slips.functions import link_name
from minigrad.derivation.slips.registry import Found, slip
from minigrad.derivation.vocabulary import role
from minigrad.derivation.walk import Edge, Edit, RuleCall, shape_of, size_of
from minigrad.graph import AnyNode
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.ops.record import Op


PAIRED = 12
"""Of so many values, each is tried for each other one in all parts at once."""
WHOLE_POWERS = (2, -2, 3, -3)
POWERS = (1, -1, 0.5, -0.5, *WHOLE_POWERS, 1.5, -1.5)
"""By what the exponent of a value may be off."""
MANY = 100
"""Powers are tried of what enters through so many edges."""
SMALL_GRAPH, SMALL_ARRAYS = 40, 10_000
"""The forward pass is only repeated with other inputs where that is cheap."""


def skip(g: Array, call: RuleCall) -> Array:
    """What arrives, as it is; without a matrix it may be broadcast to what follows."""
    shape = shape_of(call.args[call.i])
    if call.node.op is ops.matmul and np.shape(g) != shape and np.ndim(g) == len(shape):
        return np.broadcast_to(g, shape)
    return g


# --- left out --------------------------------------------------------------------------


@slip("missing_local_factor", 15, "the local factor {} is missing")
def missing(s: Search) -> Found:
    """One local factor of the chain left out."""
    for edge in s.edges:
        if s.is_factor(edge):
            yield s.edited({edge: skip}), s.factor_name(edge)
    for m, t in s.links():
        yield s.jumped(m, t, lambda g, through: g), link_name(s, m, t)


@slip("missing_local_factor", 31, "the factor {} is missing")
def missing_in_all_parts(s: Search) -> Found:
    """A factor that several parts have in common: a value, such as f in f (log f)', or 1/s."""
    base = s.base.value
    divisors = [n.args[1] for n, i in s.edges if n.op is ops.divide and i == 0]
    for name, value in s.named_values():
        if np.all(value) and spreads(shape_of(value), base.shape):
            yield base / value, name
            if any(value is d for d in divisors):
                yield base * value, f"1/{name}"


@slip("wrong_node", 51, "{} stands where {} belongs, in all parts")
def taken_in_all_parts(s: Search) -> Found:
    """One value for another that several parts have in common: the variance for its root."""
    base = s.base.value
    if base.size < 4 or np.any(s.q.unit) or len(s.edges) < 2:
        return
    values = [(n, v) for n, v in s.named_values() if np.all(v) and spreads(shape_of(v), base.shape)]
    for (a, wrong), (b, right) in permutations(values[:PAIRED], 2):
        if np.shape(wrong) == np.shape(right) and not np.array_equal(wrong, right):
            yield base * right / wrong, a, b
            yield base * wrong / right, a, b


@slip("wrong_derivative", 52, "the power of {0} is wrong: it is the truth times {0}**{1:g}")
def another_power(s: Search) -> Found:
    """The wrong power of a value of the graph: (v + eps)**1.5 for its inverse."""
    base = s.base.value
    if np.any(s.q.unit) or not s.ample or base.size > SMALL_ARRAYS:
        return
    for node in dict.fromkeys(n for n, _ in s.edges[:MANY]):
        for i, x in enumerate(node.args):
            if type(x) is tuple or not spreads(shape_of(x), base.shape) or not np.all(x):
                continue
            for k in POWERS if np.all(np.asarray(x) > 0) else WHOLE_POWERS:
                yield base * np.asarray(x, float) ** k, s.operand(node, i), k


@slip("missing_local_factor", 24, "the factor {} is missing")
def missing_on_the_way(s: Search) -> Found:
    """Half of σ' on the way to a sum, where the rule of σ was recorded: σ for σ (1 - σ)."""
    factors = [(s.short(n), n.ans) for n in s.graph.nodes if n.op is ops.sigmoid]
    for node in {n: None for n, _ in s.edges if s.q.u is not s.q.v}:
        for name, a in factors:
            if shape_of(a) != shape_of(node.ans) or size_of(a) < 2:
                continue
            for text, f in ((name, a), (f"(1 - {name})", 1 - a)):
                yield s.edited({e: scaled(1 / f) for e in s.edges if e[0] is node}), text


@slip("factor", 60, "{}")
def a_named_number(s: Search) -> Found:
    """Off by a number that the caller has a name for: the share kept by dropout, a rate."""
    for name, k in s.named_numbers():
        yield s.base.value * k, f"it is {name} = {k:g} times the truth"
        yield s.base.value / k, f"it is the truth divided by {name} = {k:g}"


@slip("missing_local_factor", 26, "{} is missing from the product {}")
def operand_left_out(s: Search) -> Found:
    """One of three or more operands of a product left out, as though it were 1."""
    for node, i in s.edges:
        products = (ops.multiply, ops.divide, ops.matmul)  # whose factors are looked at alone
        if node.op is not None and node.op.linear == "each" and node.op not in products:
            for j, other in enumerate(node.args):
                if j != i:
                    edit = substituted(j, np.ones_like(other))
                    yield s.edited({(node, i): edit}), s.operand(node, j), s.short(node)


@slip("missing_local_factor", 48, "{} is left out: of the value, and of the derivative with it")
def left_out_altogether(s: Search) -> Found:
    """An array, such as a mask, that multiplies a value and its derivative, forgotten in both."""
    for node, i in s.edges:
        if node.op is not ops.multiply or size_of(node.args[1 - i]) < 2:
            continue
        if shape_of(node.args[i]) == shape_of(node.ans):
            values = s.graph.replay({node: node.args[i]})
            s.graph.steps += len(s.graph.nodes)
            yield s.seen_values(values, {(node, i): skip}), s.operand(node, 1 - i)


@slip("missing_local_factor", 50, "the local factors {} and {} are missing")
def two_missing(s: Search) -> Found:
    """Two local factors left out."""
    edges = [e for e in s.edges if s.is_factor(e)] if s.ample else []
    if s.sieve is not None:  # of large arrays, slopes of functions only
        edges = [(n, i) for n, i in edges if len(n.args) == 1 or size_of(n.args[1 - i]) == 1]
    for a, b in combinations(edges[:5], 2):
        yield s.edited({a: skip, b: skip}), s.factor_name(a), s.factor_name(b)


def spreads(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Whether broadcasting takes ``shape`` into the other one."""
    tail = into[len(into) - len(shape) :]
    return len(shape) <= len(into) and all(n in (1, m) for n, m in zip(shape, tail, strict=True))


# --- one too many ----------------------------------------------------------------------


@slip("extra_local_factor", 28, "a local factor {} too many")
def extra(s: Search) -> Found:
    """One local factor of the graph too many, here or on the way."""
    factors = list(s.factors())
    for m, t in s.links():
        d = s.graph.between(m, t).flow(np.ones(s.graph.shape(m)))
        factors.append((link_name(s, m, t), np.asarray(d, float)))
    yield from multiplied(s, factors)


@slip("extra_local_factor", 45, "a factor {} too many")
def extra_value(s: Search) -> Found:
    """A value where nothing is to be multiplied: ``dZ * Z``, or the slope of what it may be."""
    named = [(n, np.asarray(v)) for n, v in s.named_values()]
    yield from multiplied(s, named)
    if s.ample:
        yield from multiplied(s, [
            *((f"{n} * (1 - {n})", v * (1 - v)) for n, v in named if np.all((v > 0) & (v < 1))),
            *((f"1 - {n}**2", 1 - v**2) for n, v in named if np.all(np.abs(v) < 1)),
        ])  # fmt: skip


def multiplied(s: Search, factors: list[tuple[str, Array]]) -> Found:
    base = s.base.value
    for name, d in factors:
        if s.q.layout == "jacobian" and d.shape != ():
            continue
        if d.shape in ((), base.shape):
            yield base * d, name
    if base.size > 1 or len(s.edges) > 1:
        for node in {n: None for n, _ in s.edges}:
            shape = shape_of(node.ans)
            for name, d in factors:
                if d.shape == shape and shape != ():
                    yield s.edited({e: scaled(d) for e in s.edges if e[0] is node}), name


# --- the wrong value -------------------------------------------------------------------


@slip("wrong_node", 20, "{}")
def at_input(s: Search) -> Found:
    """The rule of a function of one argument, seen at that argument: z (1 - z)."""
    for node, i in s.edges:
        if len(node.args) == 1 and node.op is not None and node.op not in BLIND:
            yield from seen(s, node, i, s.operand(node, 0), node.args[0])


def seen(s: Search, node: AnyNode, i: int, name: str, value: Array) -> Found:
    """The rule of a function of one argument, with another value in place of its output."""
    if shape_of(value) != shape_of(node.ans):
        return
    prime, place = s.factor_name((node, i)), s.describe(node)
    words = f"it equals {prime} with {name} in place of {place}"
    if value is node.args[0]:
        if s.names.known(node):
            place += f" = {prime.replace(chr(39), '', 1)}"
        words = f"it equals {prime} evaluated at {name} where {place} belongs"
        words += s.remedy(node, i)
    yield s.edited({(node, i): seen_as(value)}), words


@slip("wrong_node", 25, "{} stands where {} belongs")
def swapped(s: Search) -> Found:
    """An operand taken for one that plays the same part: two inputs, two weights."""
    for edge, j, name, value in substitutes(s, list(s.values())):
        found = s.edited({edge: substituted(j, value)}) if alike(s, edge[0], j, value) else None
        if found is not None:
            yield found, *by_output(s, edge[0], value, (name, s.operand(edge[0], j)))
    for node, i in s.edges:
        other: AnyNode | None = node.parents[1 - i] if node.op is ops.matmul else None
        if other is not None and other.op is ops.transpose and len(shape_of(other.ans)) == 2:
            for name, value in s.values():
                if shape_of(value) == shape_of(other.args[0]) and value is not other.args[0]:
                    edit = substituted(1 - i, np.transpose(value))
                    yield s.edited({(node, i): edit}), name, s.operand(other, 0)


def by_output(s: Search, node: AnyNode, value: Array, words: tuple[str, str]) -> tuple[str, str]:
    """The names of what a function makes of two arguments, where these have none."""
    inner = words[1]  # of what has no name, a formula or what it is called for a while
    if len(node.args) == 1 and s.names.known(node) and (inner.startswith("(") or inner[-1] == "_"):
        alike_ = (n for n in s.graph.nodes if n.op is node.op and np.array_equal(n.args[0], value))
        other = next(filter(s.names.known, alike_), None)
        if other is not None:
            return s.names.of(other), s.names.of(node)
    return words


@slip("wrong_node", 35, "{} stands where {} belongs")
def gradient_for_value(s: Search) -> Found:
    """A gradient taken for the value: dW2 where W2 belongs."""
    for edge, j, name, value in substitutes(s, list(s.others())):
        yield s.edited({edge: substituted(j, value)}), name, s.operand(edge[0], j)


@slip("wrong_node", 45, "{} stands where {} belongs")
def misplaced(s: Search) -> Found:
    """A rule evaluated at the value of any other node or constant."""
    for edge, j, name, value in substitutes(s, list(s.values())):
        found = None if alike(s, edge[0], j, value) else s.edited({edge: substituted(j, value)})
        yield found, name, s.operand(edge[0], j)


@slip("wrong_node", 46, "{}")
def another_output(s: Search) -> Found:
    """The slope of a function with another value in place of its output."""
    values = [*s.values(), *s.others()]
    for node, i in s.edges:
        if len(node.args) == 1 and node.op not in BLIND:
            for name, value in values:
                if value is not node.args[0]:
                    yield from seen(s, node, i, name, value)


@slip("wrong_node", 46, "it equals {} evaluated at {} where {} belongs")
def slope_elsewhere(s: Search) -> Found:
    """The slope of a single number taken at an array of another layer."""
    base = s.base.value
    values = [(name, v) for name, v in s.values() if shape_of(v) == base.shape]
    if len(s.segments) > 1 or base.size == 1:
        return
    for node, i in s.edges:
        single = len(node.args) == 1 and size_of(node.ans) == 1 and node.op not in BLIND
        if not single or node.op is None or not node.op.elementwise:
            continue
        d = float(np.sum(RuleCall(node, i, node.ans, node.args)(np.ones_like(node.ans))))
        for name, value in values:
            there = node.op.forward(value, **node.kwargs)
            slope = node.op.rule(i)(np.ones(base.shape), there, value, **node.kwargs)  # type: ignore[misc]
            yield base / d * slope, s.factor_name((node, i)), name, s.operand(node, 0)


def substitutes(
    s: Search, values: list[tuple[str, Array]]
) -> Iterator[tuple[Edge, int, str, Array]]:
    """Edges whose rules see an argument, and what may have been taken for it."""
    for node, i in s.edges:
        op: Any = node.op
        if op in BLIND or type(node.ans) is tuple:
            continue
        for name, value in values:
            s.graph.steps += 1
            for j in [1 - i] if op in (ops.multiply, ops.matmul) else range(len(node.args)):
                arg = node.args[j]
                if shape_of(value) == shape_of(arg) and value is not arg and tells(value, arg):
                    yield (node, i), j, name, value


def tells(value: Array, arg: Array) -> bool:
    """Whether one may be told from the other times a small number, which is a ``factor``."""
    if size_of(value) > 1 or not np.all(value) or not np.all(arg):
        return True
    return not is_simple(float(np.sum(value)) / float(np.sum(arg)))


def alike(s: Search, node: AnyNode, j: int, value: Array) -> bool:
    """Whether ``value`` plays elsewhere the part that argument ``j`` plays here.
    Among rounded numbers much agrees by accident; what people mix up are two inputs,
    two weights, or two arguments of one function.
    """
    return any(value is a for a in node.args) or (role(node, j), id(value)) in s.roles


@slip("wrong_node", 37, "{0} {1} {2} stands where {0} {3} {2} belongs")
def sign_of_an_operand(s: Search) -> Found:
    """A residual with the wrong sign in it: h + y for h - y."""
    for node in s.q.graph.nodes:
        if node.op not in (ops.add, ops.subtract):
            continue
        other: Op = ops.subtract if node.op is ops.add else ops.add
        moved = other.forward(*node.args)
        if np.shape(moved) == shape_of(node.ans):
            left, right = s.operand(node, 0), s.operand(node, 1)
            wrong, belongs = other.symbol, node.op.symbol
            yield s.seen_values({node: moved}), left, wrong, right, belongs


@slip("wrong_node", 38, "{} alone stands where {} belongs")
def operand_forgotten(s: Search) -> Found:
    """A residual without its other operand: h for h - y."""
    for node in s.q.graph.nodes:
        if node.op in (ops.add, ops.subtract):
            for k, arg in enumerate(node.args):
                if shape_of(arg) == shape_of(node.ans):
                    words = s.operand(node, k), s.describe_inside(node)
                    yield s.seen_values({node: arg}), *words


@slip("wrong_node", 49, "{} stands where {} belongs")
def array_of_the_caller(s: Search) -> Found:
    """An array that takes no part in the computation: labels for what was made of them."""
    if not np.any(s.q.unit):
        for edge, j, name, value in substitutes(s, list(s.arrays_beside())):
            yield s.edited({edge: substituted(j, value)}), name, s.operand(edge[0], j)


@slip("wrong_node", 55, "{} stands where {} belongs")
def misread(s: Search) -> Found:
    """One operand of the forward pass mistaken for another, with all that follows."""
    graph = s.graph
    small = sum(size_of(n.args[0]) for n in graph.nodes if n.args) < SMALL_ARRAYS
    if not s.ample or len(graph.nodes) > SMALL_GRAPH or not small or np.any(s.q.unit):
        return
    values = list(s.values())
    for node in graph.nodes:
        if node.op is None or tuple in (type(node.ans), *map(type, node.args)):
            continue
        for j, (arg, parent) in enumerate(zip(node.args, node.parents, strict=True)):
            if parent is None and not isinstance(arg, np.ndarray | np.generic | int | float):
                continue
            for name, value in values:
                if shape_of(value) != shape_of(arg) or np.array_equal(value, arg):
                    continue
                args = [value if k == j else a for k, a in enumerate(node.args)]
                try:
                    moved = graph.replay({node: node.op.forward(*args, **node.kwargs)})
                    graph.steps += len(graph.nodes)
                    changes = replace(s.base.changes, values=moved)
                    found = evaluate(s.q, changes)
                except (ValueError, TypeError, ArithmeticError):
                    continue
                yield found, name, s.operand(node, j)


@slip("wrong_node", 43, "{}")
def another_step(s: Search) -> Found:
    """In a recurrence, the states one step late or early: h_t where h_{t-1} belongs."""
    uses = [e for e in s.edges if e[0].parents[e[1]] is s.q.v and len(e[0].args) == 2]
    uses = [e for e in uses if e[0].op in (ops.matmul, ops.multiply)]
    if len(uses) < 2 or len({e[1] for e in uses}) > 1:
        return
    for order, words in ((uses, "late"), (uses[::-1], "early")):
        states = [n.args[1 - i] for n, i in order]
        shapes = {shape_of(x) for x in states}
        if len(shapes) > 1:
            return
        edits = {e: substituted(1 - e[1], x) for e, x in zip(order, states[1:], strict=False)}
        (last, i), belongs = order[-1], s.operand(order[-1][0], 1 - order[-1][1])
        for name, value in s.values():
            if {shape_of(value)} == shapes and value is not last.args[1 - i]:
                found = s.edited({**edits, (last, i): substituted(1 - i, value)})
                yield (
                    found,
                    f"{name} stands where {belongs} belongs, and so on: one step too {words}",
                )


# --- matrices --------------------------------------------------------------------------


@slip("transposed", 22, "{} is transposed")
def turned(s: Search) -> Found:
    """A square matrix of the chain transposed, or not transposed where it should be."""
    for node, i in s.edges:
        if node.op is ops.matmul:
            other = node.args[1 - i]
            if np.ndim(other) > 1 and np.shape(other)[-1] == np.shape(other)[-2]:
                edit = substituted(1 - i, np.swapaxes(other, -1, -2))
                yield s.edited({(node, i): edit}), s.operand(node, 1 - i)
            out = shape_of(node.ans)
            if len(out) > 1 and out[-1] == out[-2]:
                edit = transposed_arrival
                yield s.edited({(node, i): edit}), f"what arrives from {s.describe(node)}"
        elif node.op is not None and node.op.linear == "each" and not node.op.elementwise:
            for j, other in enumerate(node.args):  # einsum
                for a, b in combinations(range(np.ndim(other)), 2) if j != i else ():
                    if np.shape(other)[a] == np.shape(other)[b]:
                        edit = substituted(j, np.swapaxes(other, a, b))
                        yield s.edited({(node, i): edit}), s.operand(node, j)


@slip("wrong_product", 49, "an elementwise product stands where the matrix product {} belongs")
def elementwise_for_matrix(s: Search) -> Found:
    """``*`` for ``@``."""
    for node, i in s.edges:
        if node.op is ops.matmul:
            other = node.args[1 - i]
            for turned_ in (other, np.swapaxes(other, -1, -2) if np.ndim(other) > 1 else other):
                edit: Edit = lambda g, call, o=turned_: shaped(g * o, call)  # type: ignore[misc]
                yield s.edited({(node, i): edit}), s.describe_inside(node)


@slip("wrong_product", 49, "a matrix product with {} stands where an elementwise one belongs")
def matrix_for_elementwise(s: Search) -> Found:
    """``@`` for ``*``."""
    for node, i in s.edges:
        if node.op is None or not node.op.elementwise or len(shape_of(node.ans)) != 2:
            continue
        name = s.factor_name((node, i))
        for left in (False, True):
            edit: Edit = lambda g, call, le=left: matrix_product(g, call, le)  # type: ignore[misc]
            yield s.edited({(node, i): edit}), name


def matrix_product(g: Array, call: RuleCall, left: bool) -> Array:
    d = call(np.ones_like(g))
    if np.ndim(g) != 2 or np.ndim(d) != 2:
        raise ValueError("no matrices")
    return shaped(d @ g if left else g @ d, call)


def shaped(value: Array, call: RuleCall) -> Array:
    if shape_of(value) != shape_of(call.args[call.i]):
        raise ValueError("of another shape")
    return value
