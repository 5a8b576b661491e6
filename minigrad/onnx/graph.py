"""A graph of ONNX as it is being written, with values that compute like arrays.

``x * y + 1`` of two values adds two nodes to the graph; ``g.Exp(x)`` adds one by the name of
its operator.  So the rules in `minigrad.onnx.rules` read like formulas.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Hashable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.onnx.sizes import Full, Line, Ratio, Size, Triangle
from minigrad.reading.wording import unused
from minigrad.typing import Array, DType

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


OPSET = 18
"""The version of ONNX's operators that is written: what runtimes since 2023 read."""

IR_VERSION = 8
"""The version of the file's format that belongs to it."""

BOOLEAN = frozenset(
    "Equal Less LessOrEqual Greater GreaterOrEqual Not And Or Xor IsNaN IsInf".split()
)
WHOLE = frozenset("Shape ArgMax ArgMin NonZero".split())


def two(kind: str, turned: bool = False) -> Callable[[Value, Value | complex | np.generic], Value]:
    """A node of two operands as a method; ``turned`` where the other one comes first."""

    def node(self: Value, other: Value | complex | np.generic) -> Value:
        both = self, self._like(other)
        return self.graph.op(kind, *(both[::-1] if turned else both))

    return node


class Value:
    """The output of a node, an input or a constant, by its name in the graph.

    Attributes
    ----------
    name : str
    dtype : numpy.dtype
        As it is in the graph.
    shape : tuple of int and Size
        Empty where nobody asks for it.
    """

    graph: Graph
    name: str
    dtype: np.dtype[Any]
    shape: tuple[Any, ...]

    def __init__(self, graph: Graph, name: str, dtype: DType, shape: tuple[int, ...] = ()) -> None:
        self.graph, self.name, self.dtype, self.shape = graph, name, np.dtype(dtype), tuple(shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def _like(self, x: Array) -> Value:
        return x if isinstance(x, Value) else self.graph.number(x, self.dtype)

    __add__, __radd__ = two("Add"), two("Add", turned=True)
    __sub__, __rsub__ = two("Sub"), two("Sub", turned=True)
    __mul__, __rmul__ = two("Mul"), two("Mul", turned=True)
    __truediv__, __rtruediv__ = two("Div"), two("Div", turned=True)
    __lt__, __le__ = two("Less"), two("LessOrEqual")
    __gt__, __ge__ = two("Greater"), two("GreaterOrEqual")
    equals = two("Equal")

    def __neg__(self) -> Value:
        return self.graph.op("Neg", self)


class Graph:
    """Nodes, constants and names of a graph.

    Parameters
    ----------
    dtype : numpy dtype, optional
        What floating-point numbers are written as; by default what they are.
    """

    helper: Any
    numpy_helper: Any

    def __init__(self, dtype: DType = None) -> None:
        from onnx import helper, numpy_helper

        self.helper, self.numpy_helper = helper, numpy_helper
        self.floating: np.dtype[Any] | None = None if dtype is None else np.dtype(dtype)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.taken: set[str] = set()
        self.constants: dict[Hashable, Value] = {}
        self.dimensions: dict[str, tuple[str, int]] = {}
        self.lengths: dict[Hashable, Value] = {}

    # --- names and kinds ------------------------------------------------------------------

    def unique(self, name: str) -> str:
        """``name``, or with a number behind it if it is taken."""
        name = unused(name, self.taken)
        self.taken.add(name)
        return name

    def kind(self, dtype: DType) -> np.dtype[Any]:
        """What an array of ``dtype`` is in the graph.

        Raises
        ------
        TypeError
            For complex and extended numbers, which ONNX's operators do not compute with.
        """
        dtype = np.dtype(dtype)
        if dtype.kind == "f" and self.floating is not None:
            return self.floating
        if dtype.itemsize > 8 or dtype.kind not in "fiub":
            raise TypeError(f"onnx.export: ONNX does not compute with numbers of dtype {dtype}")
        return dtype

    def element(self, dtype: DType) -> int:
        """ONNX's number for a dtype."""
        return int(self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    # --- nodes ----------------------------------------------------------------------------

    def __getattr__(self, kind: str) -> Callable[..., Value]:
        if not kind[0].isupper():
            raise AttributeError(kind)
        return lambda *inputs, **attributes: self.op(kind, *inputs, **attributes)

    def op(self, kind: str, *inputs: Value | None, **attributes: Any) -> Value:
        """The output of a node of ``kind``."""
        return self.several(kind, *inputs, outputs=1, **attributes)[0]

    def several(
        self, kind: str, *inputs: Value | None, outputs: int, **attributes: Any
    ) -> tuple[Value, ...]:
        """The outputs of a node of ``kind``."""
        names = [self.unique(f"t{len(self.nodes) + 1}") for _ in range(outputs)]
        given = ["" if x is None else x.name for x in inputs]
        self.nodes.append(self.helper.make_node(kind, given, names, name=names[0], **attributes))
        first = inputs[1] if kind == "Where" else inputs[0]
        dtype: DType = first.dtype if first is not None else np.float64
        if kind in BOOLEAN:
            dtype = np.bool_
        elif kind in WHOLE:
            dtype = np.int64
        elif kind == "Cast":
            dtype = self.helper.tensor_dtype_to_np_dtype(attributes["to"])
        return tuple(Value(self, name, dtype) for name in names)

    def Where(self, condition: Value, a: Value, b: Value) -> Value:
        """``a`` where the condition holds, else ``b``; runtimes choose between numbers only."""
        if a.dtype.kind == "b":
            return self.Or(self.And(condition, a), self.And(self.Not(condition), b))
        return self.op("Where", condition, a, b)

    def cast(self, x: Value, dtype: DType) -> Value:
        """``x`` as ``dtype``, which is one of the graph's kinds."""
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        y = self.op("Cast", x, to=self.element(dtype))
        y.dtype, y.shape = dtype, x.shape
        return y

    def named(self, x: Value, name: str) -> Value:
        """``x`` under a name that is not taken."""
        last = self.nodes[-1] if self.nodes else None
        if last is not None and last.op_type != "Constant" and x.name in last.output:
            last.output[list(last.output).index(x.name)] = name
            if last.name == x.name:
                last.name = name
            x.name = name
            return x
        self.nodes.append(self.helper.make_node("Identity", [x.name], [name], name=name))
        return Value(self, name, x.dtype, x.shape)

    # --- constants ------------------------------------------------------------------------

    def number(self, x: Array, dtype: DType) -> Value:
        """One number of ``dtype``."""
        return self.array(np.asarray(x, dtype))

    def array(self, x: Array, name: str | None = None) -> Value:
        """A constant: with a name a weight of the model, else a node; equal nodes are one."""
        x = np.asarray(x)
        x = np.array(x, self.kind(x.dtype), order="C")
        if name is not None:
            unique = self.unique(name)
            self.initializers.append(self.numpy_helper.from_array(x, unique))
            return Value(self, unique, x.dtype, x.shape)
        key = (x.dtype.str, x.shape, x.tobytes())
        if key not in self.constants:
            unique = self.unique(f"c{len(self.constants) + 1}")
            value = self.numpy_helper.from_array(x, unique)
            node = self.helper.make_node("Constant", [], [unique], name=unique, value=value)
            self.nodes.append(node)
            self.constants[key] = Value(self, unique, x.dtype, x.shape)
        known = self.constants[key]
        return Value(self, known.name, known.dtype, known.shape)

    def whole(self, numbers: Sequence[Array]) -> Value:
        """One axis of whole numbers."""
        return self.array(np.asarray(numbers, np.int64).reshape(-1))

    # --- sizes ----------------------------------------------------------------------------

    def length(self, symbol: str) -> Value:
        """One of the sizes that vary, read off an input: an array of one number."""
        if symbol not in self.lengths:
            name, axis = self.dimensions[symbol]
            of = Value(self, name, np.int64)
            self.lengths[symbol] = self.op("Shape", of, start=axis, end=axis + 1)
        return self.lengths[symbol]

    def size(self, n: Array) -> Value:
        """A size, which may vary, as an array of one number."""
        if not isinstance(n, Size):
            return self.whole([n])
        if n not in self.lengths:
            terms = []
            for symbols, factor in n.terms.items():
                factors = [self.length(s) for s in symbols]
                if factor != 1 or not symbols:
                    factors.append(self.whole([factor]))
                terms.append(reduce(operator.mul, factors))
            self.lengths[n] = reduce(operator.add, terms)
        return self.lengths[n]

    def sizes(self, shape: Sequence[Any]) -> Value:
        """A shape, some of which may vary."""
        if not any(isinstance(n, Size) for n in shape):
            return self.whole(shape)
        return self.op("Concat", *[self.size(n) for n in shape], axis=0)

    def range(self, n: Array) -> Value:
        """0, 1, ..., n - 1."""
        if not isinstance(n, Size):
            return self.array(np.arange(n))
        zero, one = self.array(np.int64(0)), self.array(np.int64(1))
        return self.op("Range", zero, self.op("Squeeze", self.size(n)), one)

    # --- shapes ---------------------------------------------------------------------------

    def reshape(self, x: Value, shape: Any) -> Value:
        """``x`` in another shape, of which one size may be left open."""
        shape = tuple(shape)
        varying = [isinstance(n, Size) for n in shape]
        if sum(varying) == 1 and all(n for n, v in zip(shape, varying, strict=True) if not v):
            target = self.whole([-1 if v else n for n, v in zip(shape, varying, strict=True)])
        else:
            target = self.sizes(shape)
        y = self.op("Reshape", x, target, allowzero=1)
        y.shape = shape
        return y

    def expand(self, x: Value, shape: Any) -> Value:
        """``x`` broadcast."""
        shape = tuple(shape)
        y = self.op("Expand", x, self.sizes(shape)) if shape != x.shape else x
        y.shape = shape
        return y

    def transpose(self, x: Value, order: Any) -> Value:
        """``x`` with its axes in another order."""
        order = [int(i) for i in order]
        if order == sorted(order):
            return x
        y = self.op("Transpose", x, perm=order)
        y.shape = tuple(x.shape[i] for i in order) if len(x.shape) == len(order) else ()
        return y

    def full(self, shape: Any, x: Array, dtype: DType) -> Value:
        """An array of one number."""
        tensor = self.numpy_helper.from_array(np.asarray([x], dtype))
        y = self.op("ConstantOfShape", self.sizes(shape), value=tensor)
        y.dtype, y.shape = np.dtype(dtype), tuple(shape)
        return y

    # --- anything -------------------------------------------------------------------------

    def constant(self, x: Array, name: str | None = None) -> Value:
        """A number, an array, or one that depends on the sizes that vary."""
        if isinstance(x, Size):
            return self.op("Squeeze", self.size(x))
        if isinstance(x, Ratio):
            return self.ratio(x)
        if isinstance(x, Line):
            return self.line(x)
        if isinstance(x, Triangle):
            return self.triangle(x)
        if isinstance(x, Full):
            return self.expand(self.cast(self.constant(x.value), self.kind(x.dtype)), x.shape)
        x = np.asarray(x)
        if x.size > 16 and not any(x.strides):
            return self.full(x.shape, x.flat[0], self.kind(x.dtype))
        return self.array(x, name)

    def ratio(self, x: Ratio) -> Value:
        dtype = self.kind(x.dtype)
        terms = []
        for symbols, factor in x.above.items():
            term = self.number(factor, dtype)
            for s in symbols:
                term = term * self.cast(self.op("Squeeze", self.length(s)), dtype)
            terms.append(term)
        above = reduce(operator.add, terms)
        for s in x.below:
            above = above / self.cast(self.op("Squeeze", self.length(s)), dtype)
        return above

    def line(self, x: Line) -> Value:
        start = self.array(x.start)
        y: Any = start
        if np.any(x.step):
            steps = self.cast(self.range(x.shape[x.axis]), start.dtype)
            column = [-1 if i == x.axis else 1 for i in range(len(x.shape))]
            y = start + self.op("Reshape", steps, self.whole(column)) * self.array(x.step)
        return self.expand(y, x.shape)

    def triangle(self, x: Triangle) -> Value:
        rows, columns = (self.range(n) for n in x.shape)
        below = columns <= self.op("Unsqueeze", rows, self.whole([1])) + np.int64(x.k)
        kind = self.kind(x.dtype)
        ends = [self.number(v, kind) for v in (x.inside, x.outside)]
        y = self.Where(below, *ends)
        y.shape = x.shape
        return y


SURROGATES = re.compile("[\ud800-\udfff]")
"""What UTF-8 has no bytes for."""


def printable(name: str) -> str:
    """A name in UTF-8 without control characters, and never empty."""
    return re.sub(r"[\x00-\x1f\x7f]", "_", SURROGATES.sub("_", name)) or "_"
