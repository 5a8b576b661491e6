"""What is wrong in a formula: the smallest change that makes it right, at every point."""

from __future__ import annotations

import ast
import copy
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from minigrad.derivation.formulas.functions import ALONE, OWN
from minigrad.derivation.formulas.grammar import names_in, written
from minigrad.typing import Shape

NUMBERS = (2.0, 3.0, 4.0, 0.5, 1.0, 0.25)
Repair = tuple[str, ast.expr, str]
"""The kind of slip, the formula without it, and the slip in words."""


def repairs(
    formula: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[Repair]:
    """Formulas that are one slip away, the likeliest slips first."""
    return itertools.chain.from_iterable(by_kind(formula, names, shapes))


def by_kind(
    formula: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[Iterator[Repair]]:
    """The same, kind by kind."""
    yield from common_kinds(formula, names, shapes)
    yield further_terms(formula, names, shapes)
    yield factors(formula, names)
    yield further_matrices(formula, names, shapes)
    yield powers(formula, (3,))
    yield other_names(formula, names, shapes, alike=False)


def common_kinds(
    formula: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[Iterator[Repair]]:
    """What goes wrong most, in formulas and in code."""
    yield iter([("sign", negative(formula), "its sign is flipped")])
    for kind in KINDS:
        yield kind(formula)
    yield other_names(formula, names, shapes)
    yield factors(formula, ())


def explained(formula: ast.expr, repair: Repair) -> str:
    """A slip with what is to be written."""
    return f"{repair[2]}: write {written(repair[1])}"


# --- ways to change a tree -------------------------------------------------------------


Part = TypeVar("Part", bound=ast.AST)


def places(root: ast.AST, kind: type[Part] | tuple[type[Part], ...]) -> list[Part]:
    return [x for x in ast.walk(root) if isinstance(x, kind)]


MODULES = ("np", "numpy", "math", "special", "scipy")


def values(root: ast.AST, kind: type[Part] | tuple[type[Part], ...]) -> list[Part]:
    """Places where a value stands: neither what is called nor a module."""
    called = [x.func for x in places(root, ast.Call)]
    called += [x.value for x in called if isinstance(x, ast.Attribute) and is_module(x.value)]
    return [x for x in places(root, kind) if x not in called and not is_module(x)]


def is_module(x: ast.AST) -> bool:
    """Whether it is ``np`` or ``np.linalg``."""
    inner = x.value if isinstance(x, ast.Attribute) and x.attr in ("linalg", "fft") else x
    return isinstance(inner, ast.Name) and inner.id in MODULES


def changed(root: ast.expr, place: ast.AST, make: Callable[[Any], Any]) -> Any:
    """The tree with one part made anew; what is not around that part is shared."""

    def go(node: Any) -> Any:
        if node is place:
            return make(node)
        for name, held in ast.iter_fields(node):
            parts = held if isinstance(held, list) else [held]
            for k, part in enumerate(parts):
                new = go(part) if isinstance(part, ast.AST) else part
                if new is not part:
                    made = copy.copy(node)
                    whole = new if parts is not held else [*parts[:k], new, *parts[k + 1 :]]
                    setattr(made, name, whole)
                    return made
        return node

    return go(root)


def negative(x: ast.expr) -> ast.expr:
    if isinstance(x, ast.UnaryOp) and isinstance(x.op, ast.USub):
        return x.operand
    return ast.UnaryOp(ast.USub(), x)


def binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.BinOp:
    return ast.BinOp(left, op, right)


def name(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


Make = Callable[[Any], ast.expr]


def joined_by(op: ast.operator) -> Make:
    return lambda n: binary(n.left, op, n.right)


def always(new: ast.expr) -> Make:
    return lambda n: new


def also(op: ast.operator, k: ast.expr) -> Make:
    return lambda n: binary(n, op, k)


# --- the slips -------------------------------------------------------------------------


def operations(f: ast.expr, *kinds: type[ast.operator]) -> Iterator[ast.BinOp]:
    yield from (x for x in places(f, ast.BinOp) if not kinds or isinstance(x.op, kinds))


def calls(f: ast.expr) -> Iterator[ast.Call]:
    yield from places(f, ast.Call)


def _without(f: ast.expr) -> Iterator[Repair]:
    """A factor or a term too many."""
    words: dict[type, str] = {ast.Add: "the term ", ast.Sub: "the term ", ast.Pow: "the power "}
    for x in operations(f):
        parts: list[tuple[ast.expr, Make]] = [(x.right, lambda n: n.left)]
        if isinstance(x.op, ast.Mult | ast.MatMult | ast.Add):
            parts.insert(0, (x.left, lambda n: n.right))
        elif isinstance(x.op, ast.Sub):
            parts.append((x.left, lambda n: negative(n.right)))
        over = "/ " if isinstance(x.op, ast.Div) else ""
        for lost, keep in parts:
            what = f"without {words.get(type(x.op), 'the ')}{over}{written(lost)}"
            yield "extra_local_factor", changed(f, x, keep), what
    for x in operations(f):
        if x is not f:
            yield "extra_local_factor", x, f"only {written(x)} belongs there"
    for call in calls(f):
        if call.args:
            new = changed(f, call, always(call.args[0]))
            yield "wrong_node", new, f"without the {written(call.func)}"


def without_numbers(f: ast.expr) -> Iterator[Repair]:
    """A number too many that multiplies, or divides."""
    for x in operations(f, ast.Mult, ast.Div):
        parts: list[tuple[ast.expr, Make]] = [(x.right, lambda n: n.left)]
        if isinstance(x.op, ast.Mult):
            parts.append((x.left, lambda n: n.right))
        for lost, keep in parts:
            if isinstance(lost, ast.Constant):
                over = "/ " if isinstance(x.op, ast.Div) else ""
                yield (
                    "extra_local_factor",
                    changed(f, x, keep),
                    f"without the {over}{written(lost)}",
                )


def signs(f: ast.expr) -> Iterator[Repair]:
    for x in operations(f, ast.Add, ast.Sub):
        plus = isinstance(x.op, ast.Add)
        new = changed(f, x, joined_by(ast.Sub() if plus else ast.Add()))
        mine, right = ("+", "-") if plus else ("-", "+")
        term = written(x.right)
        yield "sign", new, f"{mine} {term} stands where {right} {term} belongs"
        first: Make = lambda n: binary(negative(n.left), ast.Sub(), n.right)
        if plus:
            first = lambda n: binary(n.right, ast.Sub(), n.left)
        yield "sign", changed(f, x, first), f"the sign of {written(x.left)} is flipped"
    for x in operations(f, ast.Mult, ast.Div):
        times = isinstance(x.op, ast.Mult)
        new = changed(f, x, joined_by(ast.Div() if times else ast.Mult()))
        mine, right = "times", "divided by it"
        if not times:
            mine, right = "divided by", "times it"
        yield "factor", new, f"{mine} {written(x.right)}, where it is {right}"
    for call in calls(f):
        if len(call.args) == 1 and written(call.func) in ALONE:
            new = ast.Call(call.func, [negative(call.args[0])], call.keywords)
            words = f"{written(call)} stands where {written(new)} belongs"
            yield "sign", changed(f, call, always(new)), words


def _numbers(f: ast.expr) -> Iterator[Repair]:
    for x in [side for c in places(f, ast.Compare) for side in (c.left, *c.comparators)]:
        if re.fullmatch(r"-?\d*\.?\d+", written(x)) and float(written(x)):
            words = f"{written(x)} stands where 0 belongs"
            yield "factor", changed(f, x, always(ast.Constant(0))), words
    for x in places(f, ast.Constant):
        value = x.value
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        for k in dict.fromkeys((*NUMBERS, value + 1.0, value - 1.0)):
            if k != value:
                right = int(k) if k.is_integer() else k
                words = f"{value:g} stands where {right:g} belongs"
                yield "factor", changed(f, x, always(ast.Constant(right))), words


def _complements(f: ast.expr) -> Iterator[Repair]:
    """``a`` for ``1 - a``, or the other way."""
    for x in values(f, (ast.Name, ast.BinOp)):
        new: ast.expr = binary(ast.Constant(1), ast.Sub(), x)
        if isinstance(x, ast.BinOp):
            one = isinstance(x.left, ast.Constant) and x.left.value == 1
            if not (one and isinstance(x.op, ast.Sub)):
                continue
            new = x.right
        words = f"{written(x)} stands where {written(new)} belongs"
        yield "wrong_node", changed(f, x, always(new)), words


def _letters(f: ast.expr) -> Iterator[Repair]:
    """``p_i`` for ``p_j``, which are ``p[:, None]`` and ``p[None, :]``."""
    for x in places(f, ast.Subscript):
        parts = x.slice.elts if isinstance(x.slice, ast.Tuple) else []
        if len(parts) == 2 and sorted(map(written, parts)) == [":", "None"]:
            new = changed(f, x, turned)
            yield "wrong_node", new, f"{written(x)} stands where {written(turned(x))} belongs"


def turned(x: Any) -> ast.expr:
    return ast.Subscript(x.value, ast.Tuple(x.slice.elts[::-1]))


def powers(f: ast.expr, exponents: Sequence[int] = (2, -1)) -> Iterator[Repair]:
    sums = operations(f, ast.Add, ast.Sub)
    for x in [*values(f, (ast.Name, ast.Call, ast.Subscript)), *sums]:
        for k in exponents:
            power = ast.UnaryOp(ast.USub(), ast.Constant(1)) if k < 0 else ast.Constant(k)
            new = binary(x, ast.Pow(), power)
            words = f"{written(x)} stands where {written(new)} belongs"
            yield "factor", changed(f, x, always(new)), words


INSTEAD = {"sum": ["mean", "trace"], "mean": ["sum"], "sin": ["cos"], "cos": ["sin"],
           "tanh": ["sigmoid"], "sigmoid": ["tanh"], "log": ["exp"],
           "min": ["max"], "max": ["min"], "amin": ["amax"], "amax": ["amin"],
           "argmin": ["argmax"], "argmax": ["argmin"], "minimum": ["maximum"],
           "maximum": ["minimum"], "cumsum": ["sum"], "real": ["imag"], "imag": ["real"],
           "fft": ["ifft"], "ifft": ["fft"], "rfft": ["irfft"], "irfft": ["rfft"],
           "fft2": ["ifft2"], "ifft2": ["fft2"]}  # fmt: skip


def _functions(f: ast.expr) -> Iterator[Repair]:
    for x in calls(f):
        if not isinstance(x.func, ast.Name):
            continue
        was = x.func.id
        bare = was.removesuffix("_prime")
        others = [*INSTEAD.get(was, []), bare if was != bare else f"{was}_prime"]
        for other in others if bare in (*ALONE, "sum", "mean", "σ") else []:
            new = changed(f, x, always(ast.Call(name(other), x.args, x.keywords)))
            words = f"{was} stands where {other} belongs"
            yield "wrong_node", new, words.replace("_prime", "'")
        if was in OWN.get():
            other = was.removesuffix("prime") if was.endswith("prime") else f"{was}prime"
            call = ast.Call(name(other), x.args, x.keywords)
            words = f"{written(x)} stands where {written(call)} belongs"
            yield "wrong_node", changed(f, x, always(call)), words


TURNED: dict[type, ast.cmpop] = {ast.Gt: ast.Lt(), ast.GtE: ast.LtE(), ast.Lt: ast.Gt(),
                                 ast.LtE: ast.GtE()}  # fmt: skip


def _branches(f: ast.expr) -> Iterator[Repair]:
    """The other side of a condition."""
    for x in places(f, ast.Compare):
        if len(x.ops) == 1 and type(x.ops[0]) in TURNED:
            new = ast.Compare(x.left, [TURNED[type(x.ops[0])]], x.comparators)
            yield (
                "sign",
                changed(f, x, always(new)),
                f"{written(x)} stands where {written(new)} belongs",
            )


def _matrices(f: ast.expr) -> Iterator[Repair]:
    for x in operations(f, ast.Mult, ast.MatMult):
        times = isinstance(x.op, ast.Mult)
        new = changed(f, x, joined_by(ast.MatMult() if times else ast.Mult()))
        yield "other", new, "* stands where @ belongs" if times else "@ stands where * belongs"
    transposes = [x for x in places(f, ast.Attribute) if x.attr == "T"]
    for part in values(f, (ast.Name, ast.Attribute)):
        if part in transposes:
            new = changed(f, part, always(part.value))
            yield "transposed", new, f"{written(part.value)} is transposed"
        elif isinstance(part, ast.Name) and part not in [x.value for x in transposes]:
            new = changed(f, part, always(ast.Attribute(part, "T")))
            yield "transposed", new, f"{part.id} is not transposed"
    for x in operations(f, ast.MatMult, ast.Sub, ast.Div):
        new = changed(f, x, lambda n: binary(n.right, n.op, n.left))
        yield "transposed", new, f"the two sides of {written(x)} are exchanged"


def other_names(
    f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape], alike: bool = True
) -> Iterator[Repair]:
    """A name where another belongs, of its shape or of any other."""
    for x in places(f, ast.Name):
        mine = x.id
        for other in names if mine in names_in(f) else ():
            if other != mine and (shapes.get(other) == shapes.get(mine)) is alike:
                new = changed(f, x, always(name(other)))
                yield "wrong_node", new, f"{mine} stands where {other} belongs"


def further_terms(
    f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[Repair]:
    """A term that is missing: of the whole, of a name, or of a number."""
    names = [n for n in names if not n[0].isdigit()]  # a constant that is forgotten is a factor
    scalars = [n for n in names if shapes[n] == ()]
    spots = [f, *values(f, (ast.Name, ast.Attribute, ast.Constant, ast.Subscript))]
    spots = [x for x in spots if not isinstance(x, ast.Constant)
             or type(x.value) in (int, float)]  # fmt: skip
    signs: list[tuple[str, ast.operator]] = [("+", ast.Add()), ("-", ast.Sub())]
    for spot in spots:
        text = written(spot)
        one = [] if isinstance(spot, ast.Constant) else ["1"]  # numbers one off are known
        for other in (*one, *(names if spot is f or shapes.get(text, ()) != () else scalars)):
            fits = spot is f or other == "1" or shapes.get(text, ()) == shapes[other]
            for sign, op in signs if fits and other != text else ():
                new = changed(f, spot, also(op, name(other)))
                missing = f"the term {sign} {other} is missing"
                longer = f"{text} stands where {text} {sign} {other} belongs"
                words = missing if spot is f else longer
                yield "dropped_path", new, words
    for x in operations(f, ast.Mult, ast.Div):  # p / n, where (p - 1) / n belongs
        for (sign, op), side in itertools.product(signs, (x.left, x.right)):
            if not isinstance(side, ast.Constant | ast.Name | ast.Attribute | ast.Subscript):
                words = f"the term {sign} 1 of {written(side)} is missing"
                yield "dropped_path", changed(f, side, also(op, ast.Constant(1))), words
    for top, below in itertools.permutations(scalars, 2):  # eps / C of smoothed labels
        for sign, op in signs:
            ratio = f"{top} / {below}"
            new = changed(f, f, also(op, name(ratio)))
            yield "dropped_path", new, f"the term {sign} {ratio} is missing"
    for other in names:  # a penalty, by its rate
        for rate in scalars if shapes[other] != () else ():
            for k in ("", "2 * "):
                for sign, op in signs:
                    new = changed(f, f, also(op, name(f"{k}{rate} * {other}")))
                    words = f"the term {sign} {k}{rate} * {other} is missing"
                    yield "dropped_path", new, words


def further_matrices(
    f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[Repair]:
    """A matrix that is missing: D.T @ D @ c for c."""
    for x in [*places(f, ast.Name), *operations(f, ast.Add, ast.Sub)]:
        array = isinstance(x, ast.BinOp) or shapes.get(written(x), ()) != ()
        for m in names:
            if len(shapes[m]) == 2 and array and m != written(x):
                for form in (f"{m} @ ({{}})", f"{m}.T @ ({{}})", f"{m}.T @ ({m} @ {{}})"):
                    new = name(form.format(written(x)))
                    words = f"{written(x)} stands where {written(new)} belongs"
                    yield "missing_local_factor", changed(f, x, always(new)), words


def factors(f: ast.expr, names: Sequence[str]) -> Iterator[Repair]:
    """A factor that is missing, of the whole or of a term."""
    spots: list[ast.expr] = [*f.elts] if isinstance(f, ast.Tuple) else [f]
    for x in operations(f, ast.Add, ast.Sub):
        spots += [x.left, x.right]
    ways: tuple[tuple[ast.operator, str], ...] = (
        (ast.Mult(), "factor"),
        (ast.Div(), "division by"),
    )
    for form, (op, what) in itertools.product(("{}", "(1 - {})", "(1 - {}**2)"), ways):
        wanted: list[ast.expr] = [name(form.format(n)) for n in names]
        wanted += [ast.Constant(2), ast.Constant(3)] if form == "{}" else []
        for spot, factor in itertools.product(spots, wanted):
            of = "" if spot is f else f" of {written(spot)}"
            words = f"the {what} {written(factor)}{of} is missing"
            yield "missing_local_factor", changed(f, spot, also(op, factor)), words


KINDS = (_without, signs, _numbers, _complements, _letters, powers, _functions, _branches,
         _matrices)  # fmt: skip
"""The slips that need no other names, the likeliest first."""


def first_right(
    formula: ast.expr,
    names: Sequence[str],
    shapes: Mapping[str, Shape],
    holds: Callable[[ast.expr], bool],
    most: int,
) -> Repair | None:
    """The first repair that holds."""
    with np.errstate(all="ignore"):
        for k, repair in enumerate(repairs(formula, names, shapes)):
            if k > most:
                return None
            if holds(repair[1]):
                return repair
    return None
