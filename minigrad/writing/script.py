"""Ops as JavaScript, forward and backward, for the explorer's page.

No derivative is written down: the rules of an op are traced, as formulas are, and what they
leave is written in JavaScript: numbers as expressions, arrays as calls of the page's `nd`.
What only moves elements (a slice, a transpose, a concatenation) is written as where each
element comes from, which the op itself says of numbered ones.  Nothing of the user's gets
into it but numbers.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Sequence

import numpy as np

from minigrad import ops
from minigrad.graph import pick
from minigrad.ops.moments import root_mean_square
from minigrad.ops.norms import direction
from minigrad.ops.record import Op, by_name
from minigrad.program import lower
from minigrad.program.builder import shape_of
from minigrad.program.equations import Equation, Program, Var, variables_in
from minigrad.program.rules import rules
from minigrad.program.simplify import rebuilt
from minigrad.program.trace import trace
from minigrad.typing import Array, Index, Keywords
from minigrad.writing.notation import NOTATION
from minigrad.writing.numbers import python_number
from minigrad.writing.terms import Pattern, Term, fill

UNTRACEABLE = (TypeError, ValueError, LookupError, AttributeError, NotImplementedError)
"""What functions raise on stand-ins when they look at their numbers, or are not covered."""

HARMLESS = frozenset({"axis", "keepdims", "shape", "dtype", "copy"})
"""Metadata that changes nothing where there is but one number."""

LONGEST = 20_000
"""Most numbers in a literal: a constant, or the runs of what is moved."""

ARRAYS: dict[Op, Pattern] = {
    op: ("atom", f"nd.{call}")
    for op, call in {
        ops.sum: "sum({0:open}, {axis}, {keepdims})",
        ops.prod: "prod({0:open}, {axis}, {keepdims})",
        ops.max: "max({0:open}, {axis}, {keepdims})",
        ops.min: "min({0:open}, {axis}, {keepdims})",
        ops.any: "max({0:open}, {axis}, {keepdims})",
        ops.all: "min({0:open}, {axis}, {keepdims})",
        lower.shift: "shift({0:open}, {axis})",
        ops.cumsum: "cumsum({0:open}, {axis})",
        ops.cumprod: "cumprod({0:open}, {axis})",
        ops.matmul: "matmul({0:open}, {1:open})",
        by_name("einsum"): "einsum({subscripts}, {all})",
        by_name("convolve"): "convolve({0:open}, {1:open}, {mode})",
        by_name("linalg.solve"): "solve({0:open}, {1:open})",
        by_name("linalg.inv"): "inv({0:open})",
    }.items()
}
"""How ops of arrays are called in the page; elementwise ones are mapped."""

LENGTHS = (direction, root_mean_square)
"""Ops with rules of their own, which the page does without."""

LOWERED = {op: found for op, found in rules("lower").items() if op not in ARRAYS}
LOWERED |= {op: rules("run", "formula")[op] for op in LENGTHS}
WORDS = {"subscripts": re.compile("[A-Za-z,]*->[A-Za-z]*"), "mode": re.compile("full|same|valid")}
"""The words that may stand in metadata."""


class Unwritable(ValueError):
    """JavaScript has no word for it."""


def functions(
    op: Op, args: Sequence[Array], ans: Array, kwargs: Keywords, wanted: Sequence[int]
) -> str | None:
    """``[forward, [rule, …]]`` of an op for arguments like ``args``; None if that fails.

    Parameters
    ----------
    op : Op
    args : sequence of numbers and arrays
        Of which only the shapes and dtypes count.
    ans : number or array
        The op of these.
    kwargs : mapping
        Metadata, which becomes part of the functions.
    wanted : sequence of int
        The arguments by which it is to be differentiated.

    Examples
    --------
    >>> print(functions(ops.tanh, [0.5], 0.46, {}, [0]))
    [(x0) => Math.tanh(x0), [(g, ans, x0) => g * (1 - np.power(ans, 2))]]
    >>> print(functions(ops.matmul, [np.ones((1, 2)), np.ones(2)], np.ones(1), {}, [1]))
    [(x0, x1) => nd.matmul(x0, x1), [null, (g, ans, x0, x1) => \
nd.matmul(nd.take([2,1], [0,2,1], x0), g)]]
    """
    if op is pick:
        return PICKED.replace("INDEX", str(int(kwargs["index"])))
    given = [np.asarray(x) for x in args]
    names = [f"x{i}" for i in range(len(args))]
    several = type(ans) is tuple
    result = tuple(map(np.asarray, ans)) if several else np.asarray(ans)
    places = [f"[{i}]" for i in range(len(ans))] if several else [""]

    def backward(i: int) -> str:
        rule = op.rule(i)
        if rule is None or i not in wanted:
            return "null"
        ones = tuple(map(np.ones_like, result)) if several else np.ones_like(result)
        traced = trace(lambda g, ans, *xs: rule(g, ans, *xs, **kwargs), ones, result, *given)
        parts = [f"{word}{place}" for word in ("g", "ans") for place in places]
        return f"(g, ans, {', '.join(names)}) => {body(traced, [*parts, *names])}"

    try:
        with np.errstate(all="ignore"):
            outs = (
                [forward(_part(op, i), y, kwargs, names, given) for i, y in enumerate(result)]
                if several
                else [forward(op, result, kwargs, names, given)]
            )
            made = f"[{', '.join(outs)}]" if several else outs[0]
            rows = ", ".join(backward(i) for i in range(len(args)))
            return f"[({', '.join(names)}) => {made}, [{rows}]]"
    except UNTRACEABLE:
        return None


PICKED = (
    "[(x0) => x0[INDEX], [(g, ans, x0) => "
    "x0.map((y, i) => (i === INDEX ? g : nd.full(nd.shapeOf(y), 0)))]]"
)
"""One of several outputs; the gradients of the others are zero."""


def _part(op: Op, i: int) -> Op:
    """Output ``i`` of an op that has several."""
    return Op(op.name, lambda *xs, **kwargs: op.forward(*xs, **kwargs)[i], None, linear=op.linear)


def forward(
    op: Op, ans: Array, kwargs: Keywords, names: Sequence[str], given: Sequence[Array]
) -> str:
    """What an op computes: as it is called, or as what it is made of."""
    variables = tuple(Var(n, x.shape, x.dtype, True) for n, x in zip(names, given))
    out = Var("y", ans.shape, ans.dtype)
    equation = Equation(out, op, variables, dict(kwargs))
    try:
        return body(Program("f", dict(zip(names, variables)), {}, [equation], out), names)
    except UNTRACEABLE:
        return body(trace(lambda *xs: op.forward(*xs, **kwargs), *given), names)


def body(program: Program, names: Sequence[str]) -> str:
    """A program as what an arrow function of ``names`` returns, or does."""
    if any(e.op in LOWERED and not written(e) for e in program.equations):
        program = rebuilt(program, LOWERED, named=False)
    uses = program.uses()
    text = {v: Term(name) for v, name in zip(program.inputs, names, strict=True)}
    text |= {v: literal(getattr(c, "_value", c)) for v, c in program.constants.items()}
    lines: list[str] = []
    for e in program.equations:
        term = expression(e, [text[a] if isinstance(a, Var) else literal(a) for a in e.args])
        if uses.get(e.out, 0) > 1:
            lines.append(f"const t{len(lines) + 1} = {term.code}; ")
            term = Term(f"t{len(lines)}")
        text[e.out] = term
    result = program.result
    answer = text[result] if isinstance(result, Var) else literal(result)
    if isinstance(result, Var) and result.dtype.kind == "b" and not result.shape:
        answer = Term(f"Number({answer.code})")
    if not lines:
        return answer.code
    return f"(() => {{ {''.join(lines)}return {answer.code}; }})()"


def written(e: Equation) -> bool:
    """Whether there is a word for ``e`` as it is."""
    try:
        expression(e, [Term("x")] * len(e.args))
    except Unwritable:
        return False
    return True


def expression(e: Equation, args: Sequence[Term]) -> Term:
    """The right-hand side of ``e``."""
    computed = any(True for v in e.kwargs.values() for _ in variables_in(v))
    if not isinstance(e.out, Var) or computed or e.out.dtype.kind not in "fiub":
        raise Unwritable(e.op.name)
    known = "js" in NOTATION.get(e.op, {}) or e.op.linear != "jointly"
    if known and not any(shape_of(a) for a in (e.out, *e.args)):
        return of_numbers(e, args)
    if e.op in ARRAYS:
        return calling(e, ARRAYS[e.op], args)
    if e.op.by_shape:
        return literal(e.op.forward(*map(numbered, e.args), **e.kwargs))
    if e.op.elementwise or isinstance(e.op.forward, np.ufunc) or e.op in CELLWISE:
        return mapped(e, args)
    return moved(e, args)


CELLWISE = frozenset({ops.astype, ops.round, ops.nan_to_num})
"""What acts on each entry by itself, although the engine leaves no broadcasting to it."""


def of_numbers(e: Equation, args: Sequence[Term]) -> Term:
    """An op of single numbers."""
    op = e.op
    assert isinstance(e.out, Var)
    if e.out.dtype.kind == "b":  # NumPy adds truth values as such
        op = {ops.add: ops.bitwise_or, ops.multiply: ops.bitwise_and}.get(op, op)
    pattern = NOTATION.get(op, {}).get("js")
    whole = op is ops.astype and e.out.dtype.kind != "f"
    if pattern is None or whole:
        raise Unwritable(op.name)
    for key in e.kwargs.keys() - HARMLESS:
        if f"{{{key}}}" not in pattern[1]:
            raise Unwritable(op.name)
    return fill(pattern, *args, **metadata(op, e.kwargs))


def mapped(e: Equation, args: Sequence[Term]) -> Term:
    """An op of arrays, entry by entry."""
    names = [Term(f"x{i}") for i in range(len(args))]
    number = of_numbers(e, names)
    given = ", ".join(["", *(a.code for a in args)])
    return Term(f"nd.map(({', '.join(n.code for n in names)}) => {number.code}{given})")


def calling(e: Equation, pattern: Pattern, args: Sequence[Term]) -> Term:
    """An op of arrays as a call of the page's own."""
    words = metadata(e.op, e.kwargs)
    words["all"] = ", ".join(a.code for a in args)
    words.setdefault("axis", "null")
    words.setdefault("keepdims", "false")
    for key, value in e.kwargs.items():
        missing = value is None or value is np._NoValue or (key == "where" and value is True)
        if f"{{{key}}}" not in pattern[1] and not missing and key != "optimize":
            raise Unwritable(e.op.name)
    try:
        return fill(pattern, *args, brackets="({})", **words)
    except KeyError:
        raise Unwritable(e.op.name) from None


# --- what is only moved ------------------------------------------------------------------


def numbered(x: object, start: int = 1) -> Array:
    """Elements that know their place, counted from ``start``."""
    n = math.prod(shape_of(x))
    return np.arange(start, start + n, dtype=np.float64).reshape(shape_of(x))


def moved(e: Equation, args: Sequence[Term]) -> Term:
    """Where each element of the answer comes from; zeros come from nowhere.

    A sum of elements is no place: trying the op on other numbers tells.
    """
    start, places, others = 1, [], []
    for a in e.args:
        places.append(numbered(a, start))
        start += places[-1].size
        others.append(np.cos(places[-1] * 1.7) + 2)
    found = e.op.forward(*places, **e.kwargs)
    if not isinstance(found, np.ndarray | np.generic) or found.dtype.kind != "f":
        raise Unwritable(e.op.name)
    every = np.concatenate([np.zeros(1), *(o.ravel() for o in others)])
    index = found.ravel().astype(np.int64)
    sound = np.all((index >= 0) & (index < start) & (index == found.ravel()))
    if not sound or not np.array_equal(
        every[index].reshape(found.shape), e.op.forward(*others, **e.kwargs)
    ):
        return gathered(e, args)
    sizes = json.dumps(list(found.shape), separators=(",", ":"))
    return Term(f"nd.take({sizes}, {runs(index - 1)}, {', '.join(a.code for a in args)})")


def gathered(e: Equation, args: Sequence[Term]) -> Term:
    """Elements added up in places that the answer to numbered ones does not tell."""
    if e.op is not ops.scatter:
        raise Unwritable(e.op.name)
    index = numbered(np.zeros(e.kwargs["shape"]), 0)[e.kwargs["index"]].ravel().astype(np.int64)
    sizes = json.dumps(list(e.kwargs["shape"]), separators=(",", ":"))
    return Term(f"nd.scatter({sizes}, {runs(index)}, {args[0].code})")


def runs(index: Index) -> str:
    """Whole numbers as runs of ``start, count, step``.

    Examples
    --------
    >>> runs(np.array([0, 2, 4, 5, 5, 5]))
    '[0,3,2,5,3,0]'
    """
    found: list[int] = []
    turns = np.flatnonzero(np.diff(index, 2)) + 1  # where the step changes
    at = 0
    while at < len(index):
        step = int(index[at + 1] - index[at]) if at + 1 < len(index) else 0
        turn = np.searchsorted(turns, at + 1)
        end = int(turns[turn]) + 1 if turn < len(turns) else len(index)
        found += [int(index[at]), end - at, step]
        at = end
    if len(found) > LONGEST:
        raise Unwritable("a long index")
    return json.dumps(found, separators=(",", ":"))


# --- literals ----------------------------------------------------------------------------


def metadata(op: Op, kwargs: Keywords) -> dict[str, str]:
    """Metadata as JavaScript, what goes without saying included."""
    known: dict[str, object] = dict(kwargs)
    if not isinstance(op.forward, np.ufunc) and op.metadata:
        for name, p in inspect.signature(op.forward).parameters.items():
            if name in op.metadata and p.default is not p.empty:
                known.setdefault(name, p.default)
    found = {key: word(key, value) for key, value in known.items()}
    return {key: code for key, code in found.items() if code is not None}


def word(key: str, value: object) -> str | None:
    """One piece of metadata; None where there is no word for it."""
    if value is None or value is np._NoValue:
        return "null"
    if isinstance(value, bool | int | float | np.number):
        return number(value).code
    if isinstance(value, tuple) and all(isinstance(v, int | np.integer) for v in value):
        return json.dumps([int(v) for v in value])
    if isinstance(value, str) and key in WORDS and WORDS[key].fullmatch(value):
        return json.dumps(value)
    return None


def literal(x: object) -> Term:
    """A constant: a number or an array.

    Examples
    --------
    >>> literal(np.zeros((2, 3))).code, literal(np.array([1.0, 2.5])).code
    ('nd.full([2,3], 0.0)', 'nd.array([2], [1.0,2.5])')
    """
    x = np.asarray(x)
    if not x.shape:
        return number(x)
    if x.dtype.kind not in "fiub" or x.size > LONGEST:
        raise Unwritable(str(x.dtype))
    sizes = json.dumps(list(x.shape), separators=(",", ":"))
    flat = x.ravel()
    if x.size and (flat == flat[0]).all():
        return Term(f"nd.full({sizes}, {number(flat[0]).code})")
    return Term(f"nd.array({sizes}, [{','.join(number(v).code for v in flat)}])")


def number(x: object) -> Term:
    """A number as JavaScript.

    Examples
    --------
    >>> [number(x).code for x in (2, -0.5, np.inf, np.nan, True)]
    ['2', '-0.5', 'Infinity', 'NaN', 'true']
    """
    x = python_number(np.asarray(x).reshape(-1)[0] if isinstance(x, np.ndarray) and x.size else x)
    if isinstance(x, bool):
        return Term(str(x).lower())
    if not isinstance(x, int | float):
        raise Unwritable(repr(type(x)))
    if not math.isfinite(x):
        if x != x:
            return Term("NaN")
        return Term("Infinity") if x > 0 else Term("-Infinity", "unary")
    return Term(repr(x), "unary" if math.copysign(1, x) < 0 else "atom")
