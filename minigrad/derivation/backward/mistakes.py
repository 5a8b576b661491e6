"""What goes wrong in lines of code: axes, steps of a loop, reductions, sides of a mask."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minigrad.derivation.backward.confusions import (
    inside,
    lost,
    masks,
    namesakes,
    ones,
    paths,
    siblings,
    two_factors,
    wider,
    wrapped,
)
from minigrad.derivation.backward.indexing import halves, neighbours, other_side, parts, rows
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import (
    INSTEAD,
    Make,
    Repair,
    also,
    always,
    binary,
    calls,
    changed,
    common_kinds,
    factors,
    further_matrices,
    further_terms,
    name,
    negative,
    operations,
    other_names,
    places,
    powers,
    signs,
    values,
)
from minigrad.typing import Shape

Kinds = Iterator[Iterator[Repair]]


def slips(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """Expressions that are one slip away, the likely ones first."""
    kinds = kinds_of_code(f), likely_kinds(f, names, shapes), other_kinds(f, names, shapes)
    return itertools.chain.from_iterable(itertools.chain(*kinds))


def kinds_of_code(f: ast.expr) -> Kinds:
    """The same, kind by kind, of axes, reductions, sizes and steps, which only code has."""
    return (kind(f) for kind in (_axes, _reductions, _sizes, _steps, _whole))


def likely_kinds(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Kinds:
    """Of the other kinds that are frequent."""
    yield namesakes(f, names, shapes)
    yield _sides(f)
    yield _by_one(f, shapes)
    yield _turned_round(f, shapes)
    for kind in (halves, neighbours, rows, _turned, signs, _negatives, _exchanged,
                 _terms, _alone, _from_the_end, _tiles, _slopes):  # fmt: skip
        yield kind(f)
    yield parts(f, names, shapes)
    yield siblings(f, names)
    yield _blocks(f, shapes)
    for more in (inside, ones, paths):
        yield more(f, names, shapes)
    yield from common_kinds(f, names, shapes)
    yield from (factors(f, names), masks(f, names, shapes))
    yield lost(f, names, shapes)


def other_kinds(
    f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape], functions: Sequence[str] = ()
) -> Kinds:
    """The kinds that are rarer, or many; ``functions`` may have been forgotten."""
    yield two_factors(f, names, shapes)
    yield _complex(f)
    yield from (wrapped(f, shapes, functions), wider(f, names, shapes), _alike(f))
    yield further_terms(f, names, shapes)
    yield further_matrices(f, names, shapes)
    yield powers(f, (3,))
    yield other_names(f, names, shapes, alike=False)


def _axes(f: ast.expr) -> Iterator[Repair]:
    """``axis=0`` for ``axis=1``, by its keyword or its place; none for one."""
    for call in calls(f):
        given = [k.value for k in call.keywords if k.arg == "axis"]
        free = len(call.args) == int(written(call.func).startswith("np."))
        if free and not given and written(call.func).endswith((".sum", ".mean", ".max")):
            for k in ("0", "1", "-1"):
                with_axis = [*call.keywords, ast.keyword("axis", name(k))]
                new = changed(f, call, lambda c: ast.Call(c.func, c.args, with_axis))  # noqa: B023
                yield "wrong_sum", new, f"it goes over all axes, where axis {k} belongs"
        method = isinstance(call.func, ast.Attribute) and call.func.attr in ("sum", "mean", "max")
        for axis in given or (call.args[:2] if method else []):
            mine = written(axis)
            for k in other_axes(axis, mine):
                new = changed(f, axis, always(name(k)))
                yield "wrong_sum", new, f"axis {mine} stands where axis {k} belongs"


def other_axes(axis: ast.expr, mine: str) -> Iterator[str]:
    """Of one axis the others, of several one more or less."""
    if re.fullmatch(r"-?\d", mine):
        yield from (k for k in ("0", "1", "2", "-1") if k != mine)
        several = (*itertools.combinations("0123", 2), *itertools.combinations("0123", 3))
        yield from (f"({', '.join(some)})" for some in several if mine in some)
    elif isinstance(axis, ast.Tuple):
        own = [written(k) for k in axis.elts]
        if all(re.fullmatch(r"-?\d", k) for k in own):
            for k in own:
                rest = [x for x in own if x != k]
                yield rest[0] if len(rest) == 1 else f"({', '.join(rest)})"
                for other in "0123":
                    if other not in own:
                        yield f"({', '.join(other if x == k else x for x in own)})"
            yield from (f"({', '.join(sorted([*own, k]))})" for k in "0123" if k not in own)


def _reductions(f: ast.expr) -> Iterator[Repair]:
    """``np.sum`` for ``np.mean``, and the like."""
    for call in calls(f):
        was = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        for other in INSTEAD.get(was, ()):
            make = lambda c, o=other: ast.Attribute(c.value, o)
            yield "wrong_node", changed(f, call.func, make), f"{was} stands where {other} belongs"


def _whole(f: ast.expr) -> Iterator[Repair]:
    """A number one off in a range or an index, or another size; a loop in the other direction."""
    for part in places(f, (ast.Call, ast.Subscript)):
        called = written(part.func) if isinstance(part, ast.Call) else ""
        inside: list[ast.expr] = []
        if isinstance(part, ast.Call) and called == "range":
            inside += part.args
        elif isinstance(part, ast.Subscript):
            inside += literals(part.slice)
        for x in inside:
            for op in (ast.Sub(), ast.Add()):
                new = shifted(x, op)
                words = f"{written(x)} stands where {written(new)} belongs"
                yield "wrong_node", changed(f, x, always(new)), words
        if called == "range":
            new = name(f"reversed({written(part)})")
            yield "order", changed(f, part, always(new)), "it goes through in the wrong direction"
    for call in calls(f):
        if written(call.func) == "reversed" and call.args:
            words = "it goes through in the wrong direction"
            yield "order", changed(f, call, always(call.args[0])), words
            held = call.args[0].value if isinstance(call.args[0], ast.Subscript) else None
            if held is not None:
                new = name(f"reversed({written(held)})")
                yield "slice", changed(f, call, always(new)), "it does not go through all of it"
    if isinstance(f, ast.Name | ast.Attribute):
        new = name(f"reversed({written(f)})")
        yield "order", new, "it goes through in the wrong direction"


def literals(index: ast.expr) -> list[ast.expr]:
    """The whole numbers in an index, with their signs."""
    signed = [x for x in places(index, ast.UnaryOp) if re.fullmatch(r"-\d+", written(x))]
    inner = [x.operand for x in signed]
    plain = [x for x in places(index, ast.Constant) if type(x.value) is int and x not in inner]
    return [*signed, *plain]


def _sizes(f: ast.expr) -> Iterator[Repair]:
    """``len(y)`` for ``y.size``."""
    for x in places(f, (ast.Call, ast.Subscript, ast.Attribute)):
        mine = written(x)
        match = re.fullmatch(r"len\((.+)\)|(.+)\.shape\[\d\]|(.+)\.size|(\w+)\.sum\(\)", mine)
        of = next(filter(None, match.groups()), "") if match else ""
        for other in (f"{of}.size", f"len({of})", f"{of}.shape[1]", f"{of}.sum()") if of else ():
            if other != mine:
                new = changed(f, x, always(name(other)))
                yield "factor", new, f"{mine} stands where {other} belongs"


def _negatives(f: ast.expr) -> Iterator[Repair]:
    """``np.exp(s)`` for ``np.exp(-s)``, and the other way round."""
    minuses = [x for x in places(f, ast.UnaryOp) if isinstance(x.op, ast.USub)]
    for minus in minuses:
        words = f"{written(minus)} stands where {written(minus.operand)} belongs"
        yield "sign", changed(f, minus, always(minus.operand)), words
    for x in values(f, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
        if any(x is minus.operand for minus in minuses):
            continue
        words = f"{written(x)} stands where -{written(x)} belongs"
        yield "sign", changed(f, x, negative), words
    for a, count in Counter(written(x) for x in values(f, ast.Name)).items():
        new = f
        for x in values(f, ast.Name) if count > 1 else ():  # sin of a rotation back
            new = changed(new, x, negative) if written(x) == a else new
        if new is not f:
            yield "sign", new, f"{a} stands where -{a} belongs, each time"


def _complex(f: ast.expr) -> Iterator[Repair]:
    """``F`` for ``np.conj(F)``, ``F.imag`` for ``F.real``."""
    for part in places(f, ast.Attribute):
        was = part.attr
        if was in ("real", "imag"):
            other = "imag" if was == "real" else "real"
            new = changed(f, part, always(ast.Attribute(part.value, other)))
            yield "wrong_node", new, f"{was} stands where {other} belongs"
    for x in values(f, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)):
        new = changed(f, x, always(name(f"np.conj({written(x)})")))
        yield "wrong_node", new, f"{written(x)} is to be conjugated"


def _steps(f: ast.expr) -> Iterator[Repair]:
    """``h[t]`` for ``h[t - 1]``."""
    for x in places(f, ast.Subscript):
        index = x.slice
        if isinstance(index, ast.Name | ast.BinOp):
            for op in (ast.Sub(), ast.Add()):
                new = changed(f, x, stepped(op))
                there = written(shifted(index, op))
                words = f"{written(x)} stands where the one at {there} belongs"
                yield "wrong_node", new, words


def stepped(op: ast.operator) -> Make:
    return lambda n: ast.Subscript(n.value, shifted(n.slice, op))


def shifted(index: ast.expr, op: ast.operator) -> ast.expr:
    """An index one step on, or back: of ``t - 1`` that is ``t``, or ``t - 2``."""
    by = 1 if isinstance(op, ast.Add) else -1
    if re.fullmatch(r"-?\d+", written(index)):
        return name(str(int(written(index)) + by))
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Add | ast.Sub):
        more = re.fullmatch(r"\d+", written(index.right))
        if more is not None:
            by += int(more[0]) if isinstance(index.op, ast.Add) else -int(more[0])
            index = index.left
    return binary(index, ast.Add() if by > 0 else ast.Sub(), ast.Constant(abs(by))) if by else index


def _slopes(f: ast.expr) -> Iterator[Repair]:
    """The slope of a sigmoid, ``s * (1 - s)``, for that of tanh, ``1 - s**2``, and the reverse."""
    for x in operations(f, ast.Mult):
        if isinstance(x.right, ast.BinOp) and isinstance(x.right.op, ast.Sub):
            one, s = written(x.right.left), written(x.right.right)
            last = x.left.right if isinstance(x.left, ast.BinOp) else x.left
            if (
                one == "1"
                and written(last) == s
                and isinstance(getattr(x.left, "op", ast.Mult()), ast.Mult)
            ):
                slope = name(f"1 - {s}**2")
                new = slope
                if isinstance(x.left, ast.BinOp):
                    new = ast.BinOp(x.left.left, ast.Mult(), slope)
                words = f"{s} * (1 - {s}) stands where 1 - {s} ** 2 belongs"
                yield "wrong_derivative", changed(f, x, always(new)), words
    for x in operations(f, ast.Pow):
        if isinstance(x.left, ast.BinOp) and isinstance(x.left.op, ast.Add | ast.Sub):
            new = ast.BinOp(x.left.left, x.left.op, ast.BinOp(x.left.right, ast.Pow(), x.right))
            words = f"{written(x)} stands where {written(new)} belongs"
            yield "wrong_derivative", changed(f, x, always(new)), words
    for x in operations(f, ast.Sub):
        squared = re.fullmatch(r"(\w+) ?\*\* ?2", written(x.right))
        if squared and written(x.left) == "1":
            new = changed(f, x, always(name(f"{squared[1]} * (1 - {squared[1]})")))
            words = f"1 - {squared[1]} ** 2 stands where {squared[1]} * (1 - {squared[1]}) belongs"
            yield "wrong_derivative", new, words


FLIPPED: dict[type, ast.cmpop] = {
    ast.Gt: ast.Lt(), ast.Lt: ast.Gt(), ast.GtE: ast.Lt(), ast.LtE: ast.Gt(),
    ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
}  # fmt: skip


AT_THE_BOUND: dict[type, ast.cmpop] = {
    ast.Gt: ast.GtE(), ast.GtE: ast.Gt(), ast.Lt: ast.LtE(), ast.LtE: ast.Lt(),
}  # fmt: skip


def _sides(f: ast.expr) -> Iterator[Repair]:
    """The wrong side of a mask, or the two values of a choice exchanged."""
    for part in places(f, ast.Subscript):
        for kind, index, words in other_side(part.slice):
            yield kind, changed(f, part, always(ast.Subscript(part.value, index))), words
    for x in places(f, ast.Compare):
        op = type(x.ops[0])
        if op in FLIPPED:
            new = changed(f, x, compared(FLIPPED[op]))
            yield "wrong_node", new, f"the other side of {written(x)} belongs there"
        if op in AT_THE_BOUND:
            new = compared(AT_THE_BOUND[op])(x)
            words = f"{written(x)} stands where {written(new)} belongs"
            yield "wrong_node", changed(f, x, always(new)), words
    for call in calls(f):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "where":
            if len(call.args) != 3:
                continue
            for k, side in ((1, "where it holds"), (2, "where it does not hold")):
                for sign in ("-", "0", "1", "-1"):
                    said = written(call.args[k])
                    what = f"-{said}" if sign == "-" else sign
                    words = f"{said} stands {side}, where {what} belongs"
                    yield "wrong_node", with_argument(f, call, k, sign), words
            turned = [call.args[0], call.args[2], call.args[1]]
            new = changed(f, call, lambda c: ast.Call(c.func, turned, c.keywords))  # noqa: B023
            yield "wrong_node", new, "its two values are exchanged"


def _turned_round(f: ast.expr, shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``dout`` for ``dout[::-1]``, or the other way round: what goes through time backwards."""
    turned = [part for part in places(f, ast.Subscript) if written(part.slice) == "::-1"]
    whole = [part.value for part in turned]
    for part in turned:
        words = f"{written(part)} stands where {written(part.value)} belongs"
        yield "order", changed(f, part, always(part.value)), words
    for x in places(f, ast.Name):
        if x not in whole and shapes.get(written(x), ()) != ():
            words = f"{written(x)} stands where {written(x)}[::-1] belongs"
            yield "order", changed(f, x, always(name(f"{written(x)}[::-1]"))), words


def _by_one(f: ast.expr, shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``n`` for ``n - 1``."""
    for x in places(f, (ast.Name, ast.Attribute)):
        for sign, op in (("-", ast.Sub()), ("+", ast.Add())):
            if shapes.get(written(x)) == ():
                words = f"{written(x)} stands where {written(x)} {sign} 1 belongs"
                yield "factor", changed(f, x, also(op, ast.Constant(1))), words


def compared(op: ast.cmpop) -> Make:
    return lambda n: ast.Compare(n.left, [op], n.comparators)


def with_argument(f: ast.expr, call: ast.Call, k: int, sign: str) -> Any:
    """Another argument in a call: the negative one, or a number."""
    args = list(call.args)
    args[k] = negative(args[k]) if sign == "-" else ast.Constant(int(sign))
    return changed(f, call, lambda c: ast.Call(c.func, args, c.keywords))


def _turned(f: ast.expr) -> Iterator[Repair]:
    """An operand of a product of matrices transposed, or not."""
    for x in operations(f, ast.MatMult):
        for side in ("left", "right"):
            operand = getattr(x, side)
            turned = isinstance(operand, ast.Attribute) and operand.attr == "T"
            if turned or isinstance(operand, ast.Name):
                continue  # known to all formulas
            new = changed(f, operand, lambda n: ast.Attribute(n, "T"))
            yield "transposed", new, f"{written(operand)} is not transposed"
    for call in calls(f):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "reshape":
            held = call.func.value
            new = changed(f, held, lambda n: ast.Attribute(n, "T"))
            words = f"{written(held)} is reshaped, where {written(held)}.T belongs"
            yield "transposed", new, words


def _alone(f: ast.expr) -> Iterator[Repair]:
    """``turn(q, c), k`` for ``turn(q, c), turn(k, c)``."""
    parts = f.elts if isinstance(f, ast.Tuple) else []
    for x, call in itertools.permutations(parts, 2):
        if isinstance(x, ast.Name) and isinstance(call, ast.Call) and call.args:
            new = ast.Call(call.func, [x, *call.args[1:]], call.keywords)
            words = f"{written(x)} stands where {written(new)} belongs"
            yield "missing_local_factor", changed(f, x, always(new)), words


def _from_the_end(f: ast.expr) -> Iterator[Repair]:
    """``np.cumsum(d[::-1])[::-1]`` for ``np.cumsum(d)``."""
    for call in calls(f):
        given = [written(k.value) for k in call.keywords if k.arg == "axis"]
        axis = next(iter(given), "0")
        if written(call.func) == "np.cumsum" and axis.isdigit():
            back = ":, " * int(axis) + "::-1"
            turned = name(f"{written(call.args[0])}[{back}]")
            summed = ast.Call(call.func, [turned, *call.args[1:]], call.keywords)
            new = name(f"{written(summed)}[{back}]")
            words = "it is summed up from the front, where from the end belongs"
            yield "order", changed(f, call, always(new)), words


RESHAPED = ("reshape", "transpose")
"""Methods whose arguments are axes, in an order."""


def _exchanged(f: ast.expr) -> Iterator[Repair]:
    """Two neighbours in a tuple, a list or a call exchanged: ``np.stack((dy, dx))``."""
    for x in places(f, (ast.Tuple, ast.List, ast.Call)):
        parts: list[ast.expr] = x.args if isinstance(x, ast.Call) else x.elts  # type: ignore[attr-defined]
        field = "args" if isinstance(x, ast.Call) else "elts"
        most = 7 if getattr(getattr(x, "func", None), "attr", "") in RESHAPED else 4
        for i, j in itertools.combinations(range(len(parts)), 2) if len(parts) <= most else ():
            turned = [*parts]
            turned[i], turned[j] = parts[j], parts[i]

            def make(n: ast.expr, field: str = field, turned: list[ast.expr] = turned) -> ast.expr:
                return type(n)(**{**dict(ast.iter_fields(n)), field: turned})

            words = f"{written(parts[i])} and {written(parts[j])} are exchanged"
            yield "order", changed(f, x, make), words


def _terms(f: ast.expr) -> Iterator[Repair]:
    """``dy[:, -1]`` for the sum over axis 1."""
    for x in places(f, ast.Subscript):
        parts = x.slice.elts if isinstance(x.slice, ast.Tuple) else [x.slice]
        for axis, part in enumerate(parts):
            if re.fullmatch(r"-?\d+", written(part)):
                make = lambda n, k=axis: name(f"np.sum({written(n.value)}, axis={k})")
                words = f"{written(x)} is one term of the sum over axis {axis} alone"
                yield "wrong_sum", changed(f, x, make), words


def _tiles(f: ast.expr) -> Iterator[Repair]:
    """``np.tile`` for ``np.repeat``, and the other way round."""
    for call in calls(f):
        what = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if what not in ("tile", "repeat") or len(call.args) != 2:
            continue
        of, reps = written(call.args[0]), call.args[1]
        times = [written(e) for e in (reps.elts if isinstance(reps, ast.Tuple) else [reps])]
        if what == "tile":
            words = "np.tile puts copies of the whole one after another, where each entry is to be "
            words += "repeated (np.repeat)"
            for first in range(3 if len(times) == 1 else 1):
                text = of
                for axis, n in enumerate(times, first):
                    text = f"np.repeat({text}, {n}, axis={axis})"
                yield "order", changed(f, call, always(name(text))), words
        else:
            words = "np.repeat repeats each entry, where the whole is to be repeated (np.tile)"
            along = next((written(k.value) for k in call.keywords if k.arg == "axis"), "0")
            ones = "1, " * int(along) if along.isdigit() else ""
            for rest in ("", ", 1", ", 1, 1"):
                new = name(f"np.tile({of}, ({ones}{times[0]}{rest or ','}))")
                yield "order", changed(f, call, always(new)), words


def _blocks(f: ast.expr, shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """A stack of matrices, each of them transposed; ``G + G.T`` for ``G``."""
    for x in places(f, ast.Name):
        mine, shape = written(x), shapes.get(written(x), ())
        if len(shape) > 2:
            new = changed(f, x, always(name(f"np.swapaxes({mine}, -1, -2)")))
            yield "transposed", new, f"each matrix in {mine} has to be transposed"
        elif len(shape) == 2 and shape[0] == shape[1]:
            new = changed(f, x, always(name(f"{mine} + {mine}.T")))
            yield "dropped_path", new, f"the term + {mine}.T of {mine} is missing"


def _alike(f: ast.expr) -> Iterator[Repair]:
    """``d - h * (d * h).mean(0)`` for ``d - d.mean(0) - h * (d * h).mean(0)``."""
    sums = [c for c in calls(f) if isinstance(c.func, ast.Attribute)
            and c.func.attr in ("sum", "mean")]  # fmt: skip
    spots = [f, *(side for x in operations(f, ast.Add, ast.Sub) for side in (x.left, x.right))]
    spots += [x for x in operations(f, ast.Add, ast.Sub) if x is not f]
    names = dict.fromkeys(written(x) for x in values(f, ast.Name))
    terms: dict[str, ast.expr] = {}
    for call in sums:
        for n in names:
            new: Any = ast.Call(ast.Attribute(name(n), call.func.attr), call.args, call.keywords)  # type: ignore[attr-defined]
            if isinstance(call.func, ast.Attribute) and written(call.func.value) == "np":
                new = ast.Call(call.func, [name(n), *call.args[1:]], call.keywords)
            terms[written(ast.fix_missing_locations(new))] = new
    for text, term in terms.items():
        for spot in spots:
            for sign, op in (("-", ast.Sub()), ("+", ast.Add())):
                words = f"the term {sign} {text} is missing"
                yield "dropped_path", changed(f, spot, also(op, term)), words
