"""Where numbers stand among others."""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.onnx.graph import Graph, Value
from minigrad.ops.record import Op
from minigrad.program.equations import Var
from minigrad.typing import Array, Function


def searchsorted(
    g: Graph, out: Var, a: Value, v: Value, *, side: str = "left", sorter: None = None
) -> Value:
    """How many elements are smaller."""
    if sorter is not None:
        raise NotImplementedError("onnx.export: searchsorted with a sorter is not written")
    kind = g.kind(np.result_type(a.dtype, v.dtype))
    wide = g.op("Unsqueeze", g.cast(v, kind), g.whole([v.ndim]))
    below = g.cast(a, kind) < wide if side == "left" else g.cast(a, kind) <= wide
    return g.op("ReduceSum", g.cast(below, np.int64), g.whole([v.ndim]), keepdims=0)


def digitize(g: Graph, out: Var, x: Value, bins: Value, *, right: bool = False) -> Value:
    """How many edges are below; edges descend where the first is above the last."""
    kind = g.kind(np.result_type(x.dtype, bins.dtype))
    edges, wide = g.cast(bins, kind), g.op("Unsqueeze", g.cast(x, kind), g.whole([x.ndim]))
    first = g.op("Gather", edges, g.array(np.int64(0)))
    last = g.op("Gather", edges, g.array(np.int64(-1)))
    up = edges < wide if right else edges <= wide
    down = edges >= wide if right else edges > wide
    found = g.Where(first > last, g.cast(down, np.int64), g.cast(up, np.int64))
    return g.op("ReduceSum", found, g.whole([x.ndim]), keepdims=0)


def isclose(
    g: Graph, out: Var, a: Value, b: Value, *, rtol: Array = 1e-5, atol: Array = 1e-8,
    equal_nan: bool = False,
) -> Value:  # fmt: skip
    kind = g.kind(np.result_type(a.dtype, b.dtype, np.float64))
    x, y = g.cast(a, kind), g.cast(b, kind)
    finite = (y - y).equals(0)
    near = g.And(finite, g.Abs(x - y) <= atol + rtol * g.Abs(y))
    ans = g.Or(near, x.equals(y))
    return g.Or(ans, g.And(g.IsNaN(x), g.IsNaN(y))) if equal_nan else ans


def isin(
    g: Graph, out: Var, element: Value, test_elements: Value, *, invert: bool = False, **_: object
) -> Value:
    kind = g.kind(np.result_type(element.dtype, test_elements.dtype))
    wide = g.op("Unsqueeze", g.cast(element, kind), g.whole([element.ndim]))
    flat = g.op("Reshape", g.cast(test_elements, kind), g.whole([-1]))
    same = g.cast(wide.equals(flat), np.int64)
    found = g.op("ReduceSum", same, g.whole([element.ndim]), keepdims=0) > 0
    return g.Not(found) if invert else found


RULES: dict[Op, Function] = {
    ops.searchsorted: searchsorted,
    ops.digitize: digitize,
    ops.isclose: isclose,
    ops.isin: isin,
}
