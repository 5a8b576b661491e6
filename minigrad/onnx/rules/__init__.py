"""How each op is written in ONNX's operators, and which cannot be.

The tables are keyed by records: an op of the user's that is called like one of the library's
is none of these.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from minigrad.onnx.graph import Graph, Value
from minigrad.onnx.rules import elementwise, indexing, reducing, searching, shaping
from minigrad.onnx.rules.beyond import BEYOND
from minigrad.onnx.rules.elementwise import FORMULAS, TRUTH
from minigrad.onnx.sizes import Full, Line, Size, Varying
from minigrad.ops.elementwise import branch
from minigrad.ops.record import Op, registry
from minigrad.program.equations import Equation, Var
from minigrad.typing import Array, DType, Function, Keywords, Operand

RULES: dict[Op, Function] = {**reducing.RULES, **searching.RULES, **shaping.RULES, **indexing.RULES}
"""Op -> its rule, ``rule(g, out, *values, **metadata)``."""


def known(op: Op) -> bool:
    """Whether there is a way to write ``op``."""
    return any(op in table for table in (RULES, FORMULAS, TRUTH))


def reason(op: Op) -> str:
    """Why ``op`` cannot be written."""
    if op in BEYOND:
        return BEYOND[op]
    if registry.get(op.name) is op:
        return "ONNX has no such function"
    return "it is an op of yours, which ONNX does not know"


def write(g: Graph, e: Equation, env: dict[Var, Value]) -> None:
    """Add what ``e`` computes to the graph.

    Raises
    ------
    NotImplementedError
        For an op that ONNX cannot express, by name.
    """
    if not known(e.op):
        raise NotImplementedError(f"onnx.export: {e.op.name} cannot be written: {reason(e.op)}")

    args, kwargs = e.filled(env.__getitem__)
    if all(0 in v.shape for v in e.outs):  # nothing to compute
        found: Any = tuple(g.full(v.shape, 0, g.kind(v.dtype)) for v in e.outs)
    elif e.op in FORMULAS:
        found = FORMULAS[e.op](g, *promoted(g, e, args), **kwargs)
    elif e.op in TRUTH:
        found = TRUTH[e.op](g, *(as_kind(g, a, np.bool_) for a in args))
    else:
        found = ruled(g, e, args, kwargs)
    answers = found if isinstance(found, tuple) else (found,)
    for v, y in zip(e.outs, answers, strict=True):
        y = g.cast(y, g.kind(v.dtype))
        if v.given and v.name not in g.taken:
            g.taken.add(v.name)
            y = g.named(y, v.name)
        env[v] = Value(g, y.name, y.dtype, v.shape)


def ruled(
    g: Graph, e: Equation, args: list[Any], kwargs: dict[str, Any]
) -> Value | tuple[Value, ...]:
    """By the rule of an op that is no function of single elements; arrays come first."""
    rule = RULES[e.op]
    of = [p for p in inspect.signature(rule).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    places = len(of) - 2 if not any(p.kind is p.VAR_POSITIONAL for p in of) else len(args)
    places -= any(p.kind is p.VAR_KEYWORD for p in of)
    arrays = [x if isinstance(x, Value) else g.constant(shaped(x)) for x in args[:places]]
    kwargs.update(zip(e.op.parameters[places:], args[places:], strict=False))
    kwargs.pop("out", None)
    for a, x in zip(args, arrays, strict=False):
        if not isinstance(a, Value):
            x.shape = getattr(a, "shape", np.shape(a) if not isinstance(a, Varying) else ())
    found: Value | tuple[Value, ...] = rule(g, e.out, *arrays, **kwargs)
    return found


def shaped(x: Array) -> Any:
    """A constant as `Graph.constant` takes it: Python's numbers as NumPy's."""
    return x if isinstance(x, Varying) else np.asarray(x)


def dtype_of(x: Array) -> Any:
    """What counts when dtypes are promoted: Python's numbers take that of what is beside them."""
    if isinstance(x, Line):
        return x.start.dtype
    if isinstance(x, Size):
        return np.dtype(np.int64)
    return x if type(x) in (int, float, bool) else getattr(x, "dtype", None) or np.asarray(x).dtype


def promoted(g: Graph, e: Equation, args: list[Operand]) -> list[Value]:
    """The arguments in one dtype; a condition stays one."""
    out = np.dtype(e.outs[0].dtype)
    condition = e.op is branch
    kinds = [dtype_of(a) for a in args[condition:]]
    common = out if out.kind in "fc" else np.result_type(*kinds)
    if e.op in elementwise.FLOATING and common.kind != "f":
        common = np.dtype(np.float64)
    rest = [as_kind(g, a, common) for a in args[condition:]]
    return [as_kind(g, args[0], np.bool_), *rest] if condition else rest


def as_kind(g: Graph, x: Array, dtype: DType) -> Value:
    """A value of ``dtype``, as the graph has it."""
    kind = g.kind(dtype)
    if isinstance(x, Value):
        return g.cast(x, kind)
    if isinstance(x, Varying):
        return g.cast(g.constant(x), kind)
    x = np.asarray(x)
    uniform = x.size and x.ndim and not any(x.strides)
    x = np.broadcast_to(x.flat[0].astype(kind), x.shape) if uniform else x.astype(kind)
    y = g.constant(x)
    y.shape = x.shape
    return y
