"""Named functions: the usual mistakes in their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.derivation.edits import BLIND, EXTREMES, axis_words, scaled, times
from minigrad.derivation.factors import number
from minigrad.derivation.search import Search
from minigrad.derivation.slips.registry import Found, slip
from minigrad.derivation.walk import Edit, RuleCall, shape_of, size_of
from minigrad.graph import AnyNode
from minigrad.ops.record import Op
from minigrad.typing import Array

Local = Callable[[Array, Array], Array]

SLOPES: dict[Op | None, list[tuple[str, str, Local]]] = {
    ops.tanh: [
        ("1 + {a}**2", "1 - {a}**2", lambda x, a: 1 + a**2),
        ("-{a}**2", "1 - {a}**2", lambda x, a: -(a**2)),
        ("{a}**2", "1 - {a}**2", lambda x, a: a**2),
        ("1 - {a}", "1 - {a}**2", lambda x, a: 1 - a),
        ("{a} * (1 - {a})", "1 - {a}**2", lambda x, a: a * (1 - a)),
        ("(1 - {a})**2", "1 - {a}**2", lambda x, a: (1 - a) ** 2),
        ("1 - tanh({a})**2", "1 - {a}**2", lambda x, a: 1 - np.tanh(a) ** 2),
        ("1 / cosh({x})", "1 / cosh({x})**2", lambda x, a: 1 / np.cosh(x)),
    ],
    ops.sigmoid: [
        ("{a} * (1 + {a})", "{a} * (1 - {a})", lambda x, a: a * (1 + a)),
        ("1 - {a}", "{a} * (1 - {a})", lambda x, a: 1 - a),
        ("1 - {a}**2", "{a} * (1 - {a})", lambda x, a: 1 - a**2),
        ("{a}**2", "{a} * (1 - {a})", lambda x, a: a**2),
        ("{a}", "{a} * (1 - {a})", lambda x, a: a),
        ("{a} - 1", "{a} * (1 - {a})", lambda x, a: a - 1),
        ("σ({a}) * (1 - σ({a}))", "{a} * (1 - {a})", lambda x, a: _sigma(a) * (1 - _sigma(a))),
    ],
    ops.exp: [
        ("{x} * exp({x} - 1)", "exp({x})", lambda x, a: x * np.exp(x - 1)),
        ("{x}", "exp({x})", lambda x, a: x),
    ],
    ops.log: [
        ("log({x})", "1 / {x}", lambda x, a: a),
        ("{x}", "1 / {x}", lambda x, a: x),
        ("1 / {x}**2", "1 / {x}", lambda x, a: 1 / x**2),
    ],
    ops.sqrt: [
        ("1 / (2 * {x})", "1 / (2 * sqrt({x}))", lambda x, a: 1 / (2 * x)),
        ("sqrt({x}) / 2", "1 / (2 * sqrt({x}))", lambda x, a: a / 2),
    ],
    ops.sin: [("sin({x})", "cos({x})", lambda x, a: a)],
    ops.cos: [
        ("cos({x})", "-sin({x})", lambda x, a: a),
        ("-cos({x})", "-sin({x})", lambda x, a: -a),
    ],
    ops.relu: [
        ("{a}", "({x} > 0)", lambda x, a: a),
        ("{x}", "({x} > 0)", lambda x, a: x),
        ("1 - ({x} > 0)", "({x} > 0)", lambda x, a: 1.0 * (x <= 0)),
    ],
    ops.absolute: [
        ("{x}", "sign({x})", lambda x, a: x),
        ("abs({x})", "sign({x})", lambda x, a: a),
        ("-1", "sign({x})", lambda x, a: -np.ones(shape_of(x))),
        ("2 * {x}", "sign({x})", lambda x, a: 2 * x),
        ("1", "sign({x})", lambda x, a: np.ones(shape_of(x))),
    ],
    ops.square: [("sign({x})", "2 * {x}", lambda x, a: np.sign(x))],
    ops.reciprocal: [
        ("1 / {x}", "-1 / {x}**2", lambda x, a: a),
        ("log({x})", "-1 / {x}**2", lambda x, a: np.log(np.abs(x))),
    ],
}
"""What is written for a derivative, what belongs there, and its value by input and output."""


def _sigma(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


WRITTEN_OUT: list[tuple[Op, str, Local, str]] = [
    (ops.sigmoid, "σ", lambda x, a: a * (1 - a), "{0} * (1 - {0})"),
    (ops.tanh, "tanh", lambda x, a: 1 - a**2, "1 - {0}**2"),
]
"""Functions that are often written out in simpler ops, and their derivatives."""
NEAR = 4
"""The slope of another function is tried for so many values above."""


def link_name(s: Search, m: AnyNode, t: AnyNode) -> str:
    """The derivative over several ops: ``σ'(z)`` where they are a sigmoid written out."""
    out, x = (np.asarray(s.graph.values[n], float) for n in (m, t))
    inner = s.describe(t)
    if size_of(x) == 1 and all(is_scaling(n, i) for n, i in s.graph.between(m, t).active()):
        return number(float(np.sum(s.graph.between(m, t).flow(np.ones(np.shape(out))))))
    for op, called, *_ in WRITTEN_OUT:
        if np.shape(out) == shape_of(x) and np.allclose(out, op.forward(x), rtol=1e-12, atol=0):
            return f"{called}'{inner}" if inner.startswith("(") else f"{called}'({inner})"
    return f"∂{s.names.of(m)}/∂{inner}"


def is_scaling(node: AnyNode, i: int) -> bool:
    """Whether a value is multiplied by a number there, or added to others."""
    if node.op in (ops.multiply, ops.divide):
        divides = node.op is ops.divide and i == 1
        return node.parents[1 - i] is None and not divides
    return node.op in (ops.negative, ops.add, ops.subtract)


def instead(d: Array) -> Edit:
    return lambda g, call: g * d


@slip("wrong_derivative", 27, "{} stands where {} belongs")
def usual_slopes(s: Search) -> Found:
    """1 + tanh², x e^(x-1), 1 - σ, and others of their kind."""
    for node, i in s.edges:
        for wrong, right, slope in SLOPES.get(function_of(node, i), ()):
            x, a = node.args[i], node.ans
            names = {"x": s.operand(node, i), "a": s.short(node)}
            value = s.edited({(node, i): instead(slope(x, a))})
            yield value, wrong.format(**names), right.format(**names)
    for m, t in s.links():
        out, x = (np.asarray(s.graph.values[n], float) for n in (m, t))
        for op, *_ in WRITTEN_OUT:
            if np.allclose(out, op.forward(x), rtol=1e-12, atol=0):
                names = {"x": s.describe(t), "a": s.names.of(m)}
                for wrong, right, slope in SLOPES[op]:
                    value = s.jumped(m, t, times(slope(x, out)))
                    yield value, wrong.format(**names), right.format(**names)


def function_of(node: AnyNode, i: int) -> Op | None:
    """The op; ReLU for a maximum with 0."""
    others = [a for k, a in enumerate(node.args) if k != i]
    relu = node.op is ops.maximum and len(others) == 1 and not np.any(others[0])
    return ops.relu if relu and node.parents[1 - i] is None else node.op


@slip("wrong_derivative", 50, "{} stands where {} belongs")
def slope_of_another(s: Search) -> Found:
    """σ' for the slope of something that is made with σ: x σ(x), written out."""
    x = np.asarray(s.graph.values[s.q.v])
    above = {n for n, _ in s.edges if s.marked(n) and shape_of(n.ans) == shape_of(x)}
    for m in sorted(above, key=lambda n: n.seq)[:NEAR] if x.shape else ():
        part = s.graph.between(m, s.q.v)
        g = s.gradients.get(m) if len(part.inside) > 1 and part.diagonal else None
        for op, called, slope, _ in WRITTEN_OUT if g is not None else ():
            a, v = op.forward(x), s.names.of(s.q.v)
            yield g * slope(x, a), f"{called}'({v})", f"∂{s.names.of(m)}/∂{v}"
            yield g * a, f"{called}({v})", f"∂{s.names.of(m)}/∂{v}"


@slip("wrong_derivative", 33, "{} stands where {} belongs")
def powers(s: Search) -> Found:
    """The power rule: the exponent not lowered, not multiplied, or not lowered by 1."""
    for node, i in s.edges:
        if node.op is not ops.power:
            continue
        for wrong, right, d in wrong_bases(s, node) if i == 0 else wrong_exponents(s, node):
            yield s.edited({(node, i): instead(d)}), wrong, right


def wrong_bases(s: Search, node: AnyNode) -> Iterator[tuple[str, str, Array]]:
    """What is written for the slope of x**p by x: both as words, and its value."""
    if size_of(node.args[1]) != 1:
        return
    x, p = node.args[0], float(np.sum(node.args[1]))
    name = s.operand(node, 0)
    for wrong, d in [
        (f"{p:g} * {raised(name, p)}", p * x**p),
        (raised(name, p), x**p),
        (f"{p:g} * {raised(name, p + 1)}", p * x ** (p + 1)),
        (f"{p - 1:g} * {raised(name, p - 1)}", (p - 1) * x ** (p - 1) if p > 2 else 0 * x),
        (f"{p:g}", np.full(shape_of(x), p)),
    ]:
        yield wrong, f"{p:g} * {raised(name, p - 1)}", d


def wrong_exponents(s: Search, node: AnyNode) -> Iterator[tuple[str, str, Array]]:
    """The same for its slope by the exponent."""
    x, p = node.args
    name, up = s.operand(node, 0), s.operand(node, 1)
    whole = f"{name}**{up}"
    for wrong, d in [
        (whole, node.ans),
        (f"log({name})", np.log(x)),
        (f"{up} * {name}**({up} - 1)", p * x ** (p - 1)),
        (f"{whole} * log({up})", node.ans * np.log(p)),
        (f"{whole} / {name}", node.ans / x),
    ]:
        yield wrong, f"{whole} * log({name})", d


def raised(name: str, p: float) -> str:
    return name if p == 1 else f"{name}**{p:g}"


@slip("wrong_derivative", 33, "{} stands where {} belongs")
def quotients(s: Search) -> Found:
    """The quotient rule: the denominator not squared, the numerator forgotten."""
    for node, i in s.edges:
        if node.op is not ops.divide or i != 1:
            continue
        a, b = node.args
        top, bottom = s.operand(node, 0), s.operand(node, 1)
        right = f"-{top} / {bottom}**2"
        for wrong, d in [
            (f"{top} / {bottom}**2", a / b**2),
            (f"-1 / {bottom}**2", -1 / b**2),
            (f"-{top} / {bottom}", -a / b),
            (f"1 / {bottom}", 1 / b),
            (f"{top}", a),
        ]:
            yield s.edited({(node, i): instead(d)}), wrong, right


@slip("wrong_derivative", 34, "{} stands where its derivative {} belongs")
def function_for_derivative(s: Search) -> Found:
    """The function itself, once or twice, for its derivative: σ(f) for σ'(f)."""
    for node, i in s.edges:
        op = node.op
        if op is None or not op.elementwise or len(node.args) != 1 or op in BLIND:
            continue
        prime = s.factor_name((node, i))
        function = prime.replace("'", "", 1)
        yield s.edited({(node, i): instead(node.ans)}), function, prime
        outer = op.forward(node.ans, **node.kwargs)
        inside = s.short(node)
        twice = f"{function.split('(')[0]}({inside})"
        yield s.edited({(node, i): instead(outer)}), twice, prime


@slip("wrong_derivative", 36, "the slope {}")
def one_branch(s: Search) -> Found:
    """One branch of a function with a kink: leaky ReLU as ReLU, ELU without its left side."""
    for node, i in s.edges:
        op = node.op
        if op is None or not op.elementwise or op in BLIND or (len(node.args) > 1 and op.symbol):
            continue
        others = [k for k in range(len(node.args)) if k != i]
        if any(node.parents[k] is not None or size_of(node.args[k]) > 1 for k in others):
            continue
        x = np.asarray(node.args[i])
        if not (np.any(x > 0) and np.any(x < 0)):
            continue
        d = RuleCall(node, i, node.ans, node.args)(np.ones_like(node.ans))
        name = s.operand(node, i)
        for side, words in [(x < 0, "negative side"), (x > 0, "positive side")]:
            there = f"of the {words}, where {name} {'<' if words[0] == 'n' else '>'} 0,"
            for value, what in [(0.0, "0"), (1.0, "1"), (-1.0, "-1")]:
                changed = s.edited({(node, i): instead(np.where(side, value, d))})
                yield changed, f"{there} is taken for {what}"
        left, right = np.unique(d[x < 0]), np.unique(d[x > 0])
        if len(left) == len(right) == 1 and np.shape(d) == shape_of(x):
            turned = np.where(x > 0, left[0], right[0])
            words = f"of the two sides of {name} = 0 is exchanged"
            yield s.edited({(node, i): instead(turned)}), words


@slip("wrong_node", 47, "it equals {}'({}) evaluated at {} where {} = {}({}) belongs: write {}")
def written_out(s: Search) -> Found:
    """σ and tanh that were written out in simpler ops, their slope at another value."""
    for m, t in s.links():
        out, x = (np.asarray(s.graph.values[n], float) for n in (m, t))
        for op, called, slope, formula in WRITTEN_OUT:
            if not np.allclose(out, op.forward(x), rtol=1e-12, atol=0):
                continue
            a, z = s.names.of(m), s.describe(t)
            for name, value in s.values():
                if shape_of(value) == out.shape and value is not s.graph.values[m]:
                    found = s.jumped(m, t, times(slope(None, value)))
                    yield found, called, z, name, a, called, z, formula.format(a)


# --- reductions ---------------------------------------------------------------------------


@slip("wrong_derivative", 36, "{} {}")
def all_share(s: Search) -> Found:
    """The gradient of a maximum spread over all entries, as if it were a mean or a sum."""
    edges = [(n, i) for n, i in s.edges if n.op in EXTREMES and i == 0]
    groups = [[e] for e in edges] + ([edges] if len(edges) > 1 else [])
    for group in groups:
        op: Any = group[0][0].op
        n = size_of(group[0][0].args[0]) // max(1, size_of(group[0][0].ans))
        other = ops.min if op is ops.max else ops.max
        yield (
            s.edited(dict.fromkeys(group, received_by(other))),
            f"what arrives at {s.describe(group[-1][0])} goes to the {EXTREMES[other]} entry,",
            f"where the {EXTREMES[op]} receives it",
        )  # fmt: skip
        where = f"where only the {EXTREMES[op]} of them receives it"
        for mean, words in ((True, "is shared by"), (False, "goes to")):
            edit = lambda g, call, m=mean: averaged(g, call, m)
            yield (
                s.edited(dict.fromkeys(group, edit)),
                f"what arrives at {s.describe(group[-1][0])} {words} all {n} entries,", where,
            )  # fmt: skip


def received_by(op: Any) -> Edit:
    """The rule of the other extreme."""

    def edit(g: Array, call: RuleCall) -> Array:
        x, kwargs = call.args[0], call.node.kwargs
        return op.rule(0)(g, op.forward(x, **kwargs), x, **kwargs)

    return edit


def averaged(g: Array, call: RuleCall, mean: bool) -> Array:
    """The rule of a mean, or of a sum, in place of that of a maximum."""
    shape = shape_of(call.args[0])
    share = max(1, size_of(call.ans)) / np.prod(shape) if mean else 1.0
    return share * np.broadcast_to(opened(g, call), shape)


def opened(g: Array, call: RuleCall) -> Array:
    """What arrives at a reduction, with the axes that it removed."""
    axis, shape = call.node.kwargs.get("axis"), shape_of(call.args[0])
    if call.node.kwargs.get("keepdims") or axis is None or np.ndim(g) == len(shape):
        return g
    return np.expand_dims(g, axis)


@slip("wrong_sum", 43, "{}")
def wrongly_summed(s: Search) -> Found:
    """What was broadcast receives a sum: over another axis, or of one term alone."""
    for node, i in s.edges:
        op, shape, out = node.op, shape_of(node.args[i]), shape_of(node.ans)
        if op is None or not op.elementwise or type(node.ans) is tuple or shape == out:
            continue
        name = s.operand(node, i)
        words = f"of the sum that arrives at {name}, the terms on the diagonal alone are taken"
        yield s.edited({(node, i): diagonal_alone}), words
        if not shape:
            continue
        lead = len(out) - len(shape)
        right = tuple(k for k, n in enumerate(out) if k < lead or shape[k - lead] != n)
        for axes in combinations(range(len(out)), len(right)):
            if axes != right:
                edit = summed_over(axes)
                yield (
                    s.edited({(node, i): edit}),
                    f"what arrives at {name} is summed over {axis_words(axes)} where "
                    f"{axis_words(right)} belongs",
                )  # fmt: skip
        if len(right) < len(out):
            yield (
                s.edited({(node, i): whole}),
                f"what arrives at {name} is summed over all axes where {axis_words(right)} belongs",
            )
        for end, which in ((0, "first"), (-1, "last")):
            edit = picked(right, end)
            yield (
                s.edited({(node, i): edit}),
                f"of the sum over {axis_words(right)} that arrives at {name}, the {which} term "
                "alone is taken",
            )  # fmt: skip
        for everywhere in (False, True):
            edit = alone(right, everywhere)
            yield (
                s.edited({(node, i): edit}),
                f"of the sum over {axis_words(right)} that arrives at {name}, one term alone is "
                f"taken{', even where there is none' if everywhere else ''}",
            )  # fmt: skip


@slip("wrong_sum", 43, "of what arrives at the copies in {}, the {} alone is taken")
def one_copy(s: Search) -> Found:
    """What was repeated receives what arrives at one of its copies, and not the sum."""
    for node, i in s.edges:
        op, x = node.op, node.args[i]
        copies = op is not None and op.linear == "jointly" and len(node.args) == 1 and np.ndim(x)
        if op is None or not copies or size_of(node.ans) <= size_of(x):
            continue
        numbers = np.arange(1.0, size_of(x) + 1).reshape(shape_of(x))
        source = np.ravel(op.forward(numbers, **node.kwargs))
        if not np.all(np.isin(source, numbers)):
            continue
        for which, order in (("first", slice(None)), ("last", slice(None, None, -1))):
            kept = np.zeros(source.shape)
            places = np.arange(len(source))[order]
            kept[places[np.unique(source[order], return_index=True)[1]]] = 1.0
            mask = kept.reshape(shape_of(node.ans))
            yield s.edited({(node, i): scaled(mask)}), s.describe(node), which


def diagonal_alone(g: Array, call: RuleCall) -> Array:
    """The terms on the diagonal of what is summed."""
    c = call(g)
    if np.ndim(c) != 2 or np.shape(c)[0] != np.shape(c)[1]:
        raise ValueError("no square matrix")
    return c * np.eye(len(c))


def summed_over(axes: tuple[int, ...]) -> Edit:
    return lambda g, call: resummed(call(g), axes, shape_of(call.args[call.i]))


def alone(axes: tuple[int, ...], everywhere: bool) -> Edit:
    return lambda g, call: one_term(call(g), axes, call, everywhere)


def whole(g: Array, call: RuleCall) -> Array:
    """The sum over all axes, for each entry alike."""
    return np.full(shape_of(call.args[call.i]), np.sum(call(g)))


def picked(axes: tuple[int, ...], end: int) -> Edit:
    """The first or the last term of a sum."""

    def edit(g: Array, call: RuleCall) -> Array:
        c, shape = call(g), shape_of(call.args[call.i])
        if np.ndim(c) <= max(axes):
            raise ValueError("no sum is taken")
        window = tuple(end if k in axes else slice(None) for k in range(np.ndim(c)))
        return np.reshape(c[window], shape)

    return edit


def resummed(c: Array, axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    total = np.sum(c, axis=axes)
    if np.size(total) != np.prod(shape) or np.ndim(c) <= max(axes):
        raise ValueError("of another shape")
    kept = [n for n in shape if n > 1]
    if [n for n in np.shape(total) if n > 1] != kept:
        raise ValueError("of another shape")
    return total.reshape(shape)


def one_term(c: Array, axes: tuple[int, ...], call: RuleCall, everywhere: bool) -> Array:
    """The sum with all its terms, which are alike or 0, counted once."""
    if np.ndim(c) <= max(axes):
        raise ValueError("no sum is taken")
    some = np.count_nonzero(c, axis=axes, keepdims=True)
    term = np.sum(c, axis=axes, keepdims=True) / np.maximum(some, 1)
    if not np.allclose(c, np.where(c != 0, term, 0.0), rtol=1e-9, atol=0):
        raise ValueError("the terms differ")
    if everywhere:
        term = np.where(some > 0, term, np.sum(c) / max(1, np.count_nonzero(c)))
    return term.reshape(shape_of(call.args[call.i]))
