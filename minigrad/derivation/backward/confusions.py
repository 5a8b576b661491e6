"""What goes wrong with names: one in the place of another, or forgotten."""

from __future__ import annotations

import ast
import copy
import itertools
import operator
import re
from collections.abc import Iterator, Mapping, Sequence

from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import (
    Repair,
    also,
    always,
    calls,
    changed,
    factors,
    name,
    operations,
    places,
    values,
)
from minigrad.typing import Shape


def forgotten(f: ast.expr, unread: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """A variable that nothing reads, where something else stands, or as a factor."""
    spots = values(f, (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Call))
    for n, form, x in itertools.product(unread, ("{}", "({} > 0)"), spots):
        if isinstance(x, ast.Call) and shapes[n] != ():
            continue  # len(x) may be meant for n, but what NumPy computes is no array at hand
        new = name(form.format(n))
        words = f"{written(x)} stands where {form.format(n)} belongs"
        yield "wrong_node", changed(f, x, always(new)), words
    if unread:
        yield from factors(f, unread)


def namesakes(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``k2`` for ``k1``, ``i`` for ``j``: a name in the place of one that differs by a letter."""
    mine = dict.fromkeys(written(x) for x in places(f, ast.Name))
    for a, b in itertools.combinations(mine, 2):
        if differ_by_a_letter(a, b):
            yield "order", renamed(f, {a: b, b: a}), f"{a} and {b} are exchanged"
    for x in places(f, ast.Name):
        a = written(x)
        for b in names if a in shapes else ():
            if differ_by_a_letter(a, b) and shapes[a] == shapes[b]:
                new = changed(f, x, always(name(b)))
                yield "wrong_node", new, f"{a} stands where {b} belongs"


def differ_by_a_letter(a: str, b: str) -> bool:
    return len(a) == len(b) and sum(map(operator.ne, a, b)) == 1


def two_factors(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``n`` for ``n * (h * w)``."""
    mine = {written(x) for x in places(f, ast.Name)}
    scalars = [n for n in names if shapes[n] == () and n.isidentifier() and n not in mine]
    for pair in itertools.combinations(scalars, 2):
        both = name(" * ".join(pair))
        for op, what in ((ast.Mult(), "factor"), (ast.Div(), "division by")):
            words = f"the {what} {written(both)} is missing"
            yield "missing_local_factor", also(op, both)(f), words


def other_indices(f: ast.expr, indices: Mapping[str, tuple[int, ...]]) -> Iterator[Repair]:
    """``centers`` for ``contexts``: an array of whole numbers in the place of another."""
    for x in places(f, (ast.Name, ast.Attribute)):
        mine = written(x)
        for other, shape in indices.items() if mine in indices else ():
            if other != mine and shape == indices[mine]:
                new = changed(f, x, always(name(other)))
                yield "wrong_node", new, f"{mine} stands where {other} belongs"


def siblings(f: ast.expr, names: Sequence[str]) -> Iterator[Repair]:
    """``dz @ Uz.T`` for ``dz @ Uz.T + dr @ Ur.T``: a term that another has with other letters."""
    letters = sorted({c for n in names if n.isidentifier() for c in n})
    terms = [side for x in operations(f, ast.Add, ast.Sub) for side in (x.left, x.right)]
    for term in terms:
        mine = words_in(term)
        own = sorted({c for n in mine for c in n}) if len(written(term)) > 1 else []
        for a, b in itertools.product(own, letters):
            new = renamed(term, {n: n.replace(a, b) for n in mine})
            read = {written(x) for x in places(new, ast.Name)} - mine
            read |= {written(x) for x in places(new, ast.Subscript)}
            if a != b and read <= {*names}:
                words = f"the term + {written(new)} is missing"
                yield "dropped_path", ast.BinOp(f, ast.Add(), new), words


def words_in(f: ast.expr) -> set[str]:
    """The names, and the keys that are texts."""
    keys = (x.value for x in places(f, ast.Constant) if isinstance(x, ast.Constant))
    return {written(x) for x in places(f, ast.Name)} | {k for k in keys if isinstance(k, str)}


def renamed(f: ast.expr, names: Mapping[str, str]) -> ast.expr:
    """The expression with other names, and other keys that are texts."""
    new = copy.deepcopy(f)
    for x in ast.walk(new):
        if isinstance(x, ast.Name):
            x.id = names.get(x.id, x.id)
        elif isinstance(x, ast.Constant) and isinstance(x.value, str):
            x.value = names.get(x.value, x.value)
    return new


def wrapped(f: ast.expr, shapes: Mapping[str, Shape], functions: Sequence[str]) -> Iterator[Repair]:
    """``1 - z ** 2`` for ``1 - np.tanh(z) ** 2``, ``p * g`` for ``p * g.sum()``."""
    spots = places(f, (ast.Name, ast.Attribute, ast.Subscript))
    for x, how in itertools.product(spots, ("", "axis=-1, keepdims=True")):
        mine = written(x)
        if shapes.get(mine, ()) != ():
            new = changed(f, x, always(name(f"{mine}.sum({how})")))
            yield "wrong_sum", new, f"{mine} stands where {mine}.sum({how}) belongs"
    for x in spots:
        mine = written(x)
        for function in functions if shapes.get(mine, ()) != () else ():
            new = changed(f, x, always(name(f"{function}({mine})")))
            yield "wrong_node", new, f"{mine} stands where {function}({mine}) belongs"


def wider(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``norm`` for ``gamma``, which is of another shape; ``dy.sum()`` for ``dh``."""
    for x in places(f, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
        mine = written(x)
        call = isinstance(x, ast.Call) or ".shape[" in mine
        for other in names if call or shapes.get(mine, ()) != () else ():
            if shapes[other] not in ((), shapes.get(mine, ())):
                new = changed(f, x, always(name(other)))
                yield "wrong_node", new, f"{mine} stands where {other} belongs"


def masks(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``h`` or ones for ``(z > 0)``."""
    for call in calls(f):
        if re.fullmatch(r"np\.(ones|full)(_like)?", written(call.func)):
            for other in names:
                for form in ("{}", "({} > 0)", "({} > 0)[:, None]") if shapes[other] else ():
                    text = form.format(other)
                    words = f"{written(call)} stands where {text} belongs"
                    yield "wrong_node", changed(f, call, always(name(text))), words
    for x in places(f, (ast.Name, ast.Attribute)):
        mine = written(x)
        for other in names if shapes.get(mine, ()) != () else ():
            if shapes[other] == shapes[mine]:
                new = changed(f, x, always(name(f"({other} > 0)")))
                yield "wrong_node", new, f"{mine} stands where ({other} > 0) belongs"


def paths(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``self.a`` for ``self.b``, ``a[:1]`` for ``b``."""
    for x in places(f, (ast.Attribute, ast.Subscript)):
        mine = written(x)
        for other in names if mine in shapes or isinstance(x, ast.Subscript) else ():
            if other != mine and shapes[other] == shapes.get(mine, shapes[other]) != ():
                yield (
                    "wrong_node", changed(f, x, always(name(other))),
                    f"{mine} stands where {other} belongs",
                )  # fmt: skip


def inside(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``X.T @ d`` for ``X.T @ (d * y)``, ``np.outer(h, d)`` for ``np.outer(r * h, d)``."""
    parts = [side for x in operations(f, ast.MatMult) for side in (x.left, x.right)]
    parts += [a for call in calls(f) for a in call.args]
    parts += [
        call.func.value for call in calls(f)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("sum", "mean", "dot")
        and written(call.func.value) != "np"
    ]  # fmt: skip
    parts = [x.value if isinstance(x, ast.Attribute) and x.attr == "T" else x for x in parts]
    for x in parts:
        mine = written(x)
        for other in names:
            fits = len(shapes[other]) == len(shapes.get(mine, shapes[other])) > 0
            if fits and other != mine:
                new = changed(f, x, also(ast.Mult(), name(other)))
                yield "missing_local_factor", new, f"the factor {other} of {mine} is missing"


def ones(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``p - 1`` for ``p - np.eye(N)``, ``1`` for ``1 - p``."""
    for x in places(f, ast.Constant):
        for n in names if written(x) == "1" else ():
            words = f"1 stands where 1 - {n} belongs"
            yield "wrong_node", changed(f, x, always(name(f"1 - {n}"))), words
    sizes = [n for n in names if shapes[n] == ()]
    sizes += [f"len({n})" for n in names if len(shapes[n]) == 2]
    for side in [e.right for e in operations(f, ast.Sub, ast.Add) if written(e.right) == "1"]:
        for n in sizes:
            new = changed(f, side, always(name(f"np.eye({n})")))
            yield "wrong_node", new, f"1 stands everywhere, where np.eye({n}) belongs"


def lost(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``dy @ W.T`` for ``dy @ W.T + dy``: what goes past a layer, or comes back later."""
    for n in names:
        if shapes[n] != ():
            new = ast.BinOp(f, ast.Add(), name(n))
            yield "dropped_path", new, f"the term + {n} is missing"
