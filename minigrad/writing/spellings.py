"""How NumPy spells every op: as an operator, as a method, or by name.

A spelling is given the writer, to ask for the source of arguments and metadata, the
equation, and the source of its arguments.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op, implementations
from minigrad.program.builder import shape_of
from minigrad.program.equations import Equation, Var
from minigrad.typing import Function
from minigrad.writing import literals
from minigrad.writing.literals import kind_of
from minigrad.writing.notation import NOTATION
from minigrad.writing.terms import Term, fill

if TYPE_CHECKING:
    from minigrad.writing.source import SourceWriter


METHODS = frozenset(
    {ops.sum, ops.mean, ops.max, ops.min, ops.prod, ops.any, ops.all}
    | {ops.argmax, ops.argmin, ops.cumsum, ops.cumprod}
)
"""Functions that read well as methods of their array."""

RENAMED = {ops.absolute: "np.abs", ops.bounded: "np.clip", ops.branch: "np.where"}
"""Ops whose NumPy function is composed here."""

WARNS = {ops.sigmoid: "exp(-z) may reach inf, and 1 / inf is the right 0"}
"""Ops that are printed as something that may overflow, and why that is right."""


@functools.cache
def numpy_function(op: Op) -> tuple[str, Any] | None:
    """NumPy's function for ``op``, if one takes the same arguments, and what it is called."""
    if op in RENAMED:
        return RENAMED[op], None
    for function, stands in implementations.items():
        if stands is op and hasattr(function, "__name__"):
            module = getattr(function, "__module__", None) or "numpy"
            if isinstance(function, np.ufunc):
                word = str(function.__name__)
                if vars(np).get(word) is function:
                    return f"np.{word}", None
                continue
            place = {"numpy": "np", "numpy.linalg": "np.linalg"}.get(module)
            if place and set(op.metadata) <= set(parameters(function) or op.metadata):
                return f"{place}.{function.__name__}", function
    return None


@functools.cache
def parameters(function: Function) -> dict[str, Any]:
    """The parameters of a function with their defaults; none where Python does not know."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: p.default for name, p in found.items()}


def is_default(key: str, value: object, function: Function) -> bool:
    """Whether ``function`` does the same without this keyword."""
    if isinstance(value, np.ndarray | Var | tuple):
        return False
    default = parameters(function).get(key, inspect.Parameter.empty)
    if default is np._NoValue:
        return value is default or value is {"keepdims": False, "where": True}.get(key, default)
    return bool(value is default or (type(value) is type(default) and value == default))


def operator(op: Op, left: Term, right: Term) -> Term:
    """Two operands with an operator between them."""
    if op is ops.matmul and left.level == "product" and " @ " not in left.code:
        left = Term(f"({left.code})")
    return fill(NOTATION[op]["python"], left, right)


# --- ops with a spelling of their own ----------------------------------------------------

Spelling = Callable[[Any, Equation, list[Term]], Term | None]
SPELLED: dict[Op, Spelling] = {}


def spelled(*those: Op) -> Callable[[Spelling], Spelling]:
    """Decorator: how these ops are written; None leaves it to the general way."""

    def enter(function: Spelling) -> Spelling:
        SPELLED.update(dict.fromkeys(those, function))
        return function

    return enter


@spelled(ops.multiply)
def _multiple(w: SourceWriter, e: Equation, args: list[Term]) -> Term | None:
    """``x / 150`` for a multiple of one element's share; ``2 * x * y`` needs no parentheses."""
    c, x = e.args
    if not isinstance(c, int | float | np.floating) or not isinstance(x, Var):
        return None
    if x.dtype.kind != "f" or "np." in args[0].code:
        return None
    value = float(str(c)) if isinstance(c, np.generic) else float(c)
    lengths = {n for v in (*w.program.inputs, x) for n in (*v.shape, int(np.prod(v.shape)))}
    found = [(k, n) for n in lengths if (k := literals.multiple(value, n, x.dtype)) is not None]
    for k, n in sorted(found, key=lambda pair: abs(pair[0])):
        front = {1: "", -1: "-"}.get(k, f"{k} * ")
        level = "product" if k == 1 else "unary"
        return Term(f"{front}{args[1].at(level)} / {n}", "product")
    if x in w.inlined and x not in w.name_of and is_of_one_dtype(w, x):
        return Term(f"{args[0].at('product')} * {args[1].at('product')}", "product")
    return None


def is_of_one_dtype(w: SourceWriter, x: Var) -> bool:
    """Whether ``x`` is a product or quotient that begins with its own dtype.

    What would meet ``mask`` instead in ``2 * mask / x`` would be a whole number.
    """
    made = w.inlined.get(x) if x not in w.name_of else None
    if made is None or made.op not in (ops.multiply, ops.divide):
        return False
    first = made.args[0]
    if not isinstance(first, Var):
        return type(first) in (int, float)
    if first.dtype != x.dtype:
        return False
    inner = w.inlined.get(first)
    return inner is None or inner.op not in (ops.multiply, ops.divide) or is_of_one_dtype(w, first)


@spelled(ops.contract)
def _contracted(w: Any, e: Equation, args: list[Term]) -> Term:
    """As NumPy has it, the subscripts first."""
    words = [repr(e.kwargs["subscripts"]).replace("'", '"'), *(a.code for a in args)]
    words += w.keywords(e.op, {k: v for k, v in e.kwargs.items() if k != "subscripts"})
    return Term(f"np.einsum({', '.join(words)})")


def power(x: Term, p: Term) -> Term:
    hugged = re.fullmatch(r"[\w.]+", x.code) and re.fullmatch(r"-?[\w.]+", p.code)
    return Term(f"{x.at('atom')}{'**' if hugged else ' ** '}{p.at('unary')}", "power")


@spelled(ops.power)
def _power(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    return power(*args)


@spelled(ops.square)
def _square(w: SourceWriter, e: Equation, args: list[Term]) -> Term | None:
    if e.out.dtype != e.args[0].dtype:  # truth values: small numbers, which a power is not
        return None
    return power(args[0], Term("2"))


@spelled(ops.transpose, ops.swapaxes)
def _transpose(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    n = len(e.out.shape)
    axes = e.kwargs.get("axes")
    if e.op is ops.swapaxes:
        swapped = sorted(int(a) % n for a in e.kwargs.values())
        if swapped == [n - 2, n - 1]:
            return Term(f"{args[0].at('atom')}.{'T' if n == 2 else 'mT'}")
        return Term(f"{args[0].at('atom')}.swapaxes({', '.join(map(w.code, e.kwargs.values()))})")
    axes = None if axes is None else tuple(int(a) % n for a in np.ravel(axes))
    if axes is None or axes == tuple(range(n))[::-1]:
        return Term(f"{args[0].at('atom')}.T")
    return Term(f"{args[0].at('atom')}.transpose({', '.join(map(str, axes))})")


@spelled(ops.reshape, ops.squeeze, ops.expand_dims)
def _reshape(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    x, shape = e.args[0], e.out.shape
    made = w.inlined.get(x) if isinstance(x, Var) and x not in w.name_of else None
    if made is not None and made.op in (ops.sum, ops.mean, ops.max, ops.min):
        before, axis = shape_of(made.args[0]), made.kwargs.get("axis")
        gone = set() if axis is None else {int(a) % len(before) for a in np.ravel(axis)}
        if gone and shape == tuple(1 if i in gone else n for i, n in enumerate(before)):
            kwargs = {**made.kwargs, "keepdims": True}
            text: Term = w.expression(Equation(e.out, made.op, made.args, kwargs))
            return text
    if not shape_of(x):
        return Term(f"np.reshape({args[0].code}, {w.code(shape)})")
    if not shape:
        return Term(f"{args[0].at('atom')}.reshape(())[()]")
    return Term(f"{args[0].at('atom')}.reshape({', '.join(map(str, shape))})")


@spelled(ops.broadcast_to)
def _broadcast_to(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    return Term(f"np.broadcast_to({args[0].code}, {w.code(e.out.shape)})")


@spelled(ops.elements)
def _getitem(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    array = args[0].at("atom") if shape_of(e.args[0]) else f"np.asarray({args[0].code})"
    return Term(f"{array}[{w.index(e.kwargs['index'])}]")


@spelled(ops.astype)
def _astype(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    if not e.out.shape:
        return Term(f"np.{kind_of(e.out.dtype)}({args[0].code})")
    return Term(f"{args[0].at('atom')}.astype(np.{kind_of(e.out.dtype)})")


@spelled(ops.joined, ops.layered)
def _concatenate(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    words = [f"[{', '.join(a.code for a in args)}]", *w.keywords(e.op, e.kwargs)]
    return Term(f"np.{'stack' if e.op is ops.layered else 'concatenate'}({', '.join(words)})")


@spelled(ops.pieces)
def _split(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    rest = {k: v for k, v in e.kwargs.items() if k != "ends"}
    words = [args[0].code, w.code(list(e.kwargs["ends"])), *w.keywords(e.op, rest)]
    return Term(f"np.split({', '.join(words)})")


@spelled(ops.unstack)
def _unstack(w: SourceWriter, e: Equation, args: list[Term]) -> Term:
    axis = e.kwargs.get("axis", 0)
    return args[0] if axis == 0 else Term(f"np.moveaxis({args[0].code}, {axis}, 0)")
