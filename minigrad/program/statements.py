"""One equation as a line of Python: the call of NumPy that takes the least time.

Constants are arrays of the loop's dtype already, sums of small matrices are products with
ones, and single numbers are added by Python's operators.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.indexing import elements, is_basic, one_entry, selects_once
from minigrad.ops.joining import joined, layered
from minigrad.ops.reduction import axes_of
from minigrad.program.builder import sample, shape_of, uniform_value
from minigrad.program.equations import Equation, Var, variables_in
from minigrad.program.memory import Memory
from minigrad.program.rules import is_plain_reduction
from minigrad.typing import Array, DType, Function, Index, Shape, Variables

ALONE = 2**13
"""Elements up to which BLAS uses one thread; in tiles, threads of its own would be in the way."""

OPERATORS = {
    ops.add: "+", ops.subtract: "-", ops.multiply: "*", ops.divide: "/", ops.power: "**",
}  # fmt: skip
JOINS: dict[Hashable, Function] = {joined: np.concatenate, layered: np.stack}
RESHAPES = (ops.reshape, ops.squeeze, ops.expand_dims)


def ufunc_of(e: Equation) -> np.ufunc | None:
    """The ufunc that computes an elementwise equation."""
    f = e.op.ufunc
    return f if f is not None and not e.kwargs and f.nin == len(e.args) and f.nout == 1 else None


def is_view(e: Equation) -> bool:
    """Whether NumPy answers with a view of its argument; of one number it never does."""
    if not (e.op.view and isinstance(e.args[0], Var) and isinstance(e.out, Var) and e.out.shape):
        return False
    return e.op is not elements or is_basic(e.kwargs["index"])


def may_be_view(e: Equation) -> bool:
    """Whether the answer may look into the memory of an argument.

    A number is a copy; so is what arrays pick out.  An index that is a number picks a part
    of the argument itself, also where it is computed.
    """
    if isinstance(e.out, Var) and not e.out.shape:
        return False
    if e.op is not elements:
        return not e.op.fresh
    index = e.kwargs["index"]
    parts = index if isinstance(index, tuple) else (index,)
    return not any(isinstance(p, Var | np.ndarray) and shape_of(p) for p in parts)


def selected_once(index: Index) -> bool:
    """Whether an index selects no element twice: where one part counts, none does."""
    parts = index if isinstance(index, tuple) else (index,)
    counts = any(
        isinstance(p, np.ndarray)
        and p.ndim == 1
        and p.dtype.kind in "iu"
        and np.diff(np.sort(p)).all()
        and (p.size == 0 or p.min() >= 0)
        for p in parts
    )
    return counts or (not any(isinstance(p, Var) for p in parts) and bool(selects_once(index)))


def plain_reduction(e: Equation) -> bool:
    """Whether a ufunc's ``reduce`` does it: over whole axes of what has elements."""
    x = e.args[0]
    if e.op.reduction is None or not isinstance(x, Var) or not x.shape or 0 in x.shape:
        return False
    return is_plain_reduction(e.kwargs) and not any(
        True for v in e.kwargs.values() for _ in variables_in(v)
    )


class Statements:
    """Writes lines, and binds what they refer to.

    Attributes
    ----------
    lines : list of str
        The body of the function.
    namespace : dict
        What it refers to.
    text : dict
        Variable -> how it is written.
    memory : Memory
    """

    def __init__(self, memory: Memory, alone: int) -> None:
        self.memory = memory
        self.alone = alone
        self.namespace: Variables = {
            "np": np,
            "dot": np.dot,
            "matmul": np.matmul,
            "array": np.array,
            "asarray": np.asarray,
        }
        self.lines: list[str] = []
        self.text: dict[Var, str] = {}
        self._count = 0
        self._constants: dict[Hashable, str] = {}

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def bound(self, name: str, value: Any) -> str:
        """A name under which the kernel finds ``value``."""
        if name in self.namespace and self.namespace[name] is not value:
            name = self.name(f"{name}_")
        self.namespace[name] = value
        return name

    # --- elementwise --------------------------------------------------------------------

    def into(self, e: Equation, out: str | None, turned: bool = False) -> str | None:
        """The call that computes ``e``, into ``out`` if there is one; None: no such call."""
        tail = f", {out}" if out else ""
        f = ufunc_of(e)
        if f is not None:
            if out and f in (np.maximum, np.minimum):  # NumPy wants it by name there
                tail = f", out={out}"
            operands = self.operands(e, f)
            return operands and f"{self.bound(f.__name__, f)}({', '.join(operands)}{tail})"
        if e.op is ops.matmul:
            return self.product(e, out, turned)
        if e.op in JOINS and e.kwargs.keys() <= {"axis"}:
            parts = "".join(f"{self.argument(a)}, " for a in e.args)
            if all(isinstance(a, Var) and not a.shape and a.dtype == e.out.dtype for a in e.args):
                dtype = self.bound(self.name("dtype"), e.out.dtype)
                return f"{out}[...] = {parts}" if out else f"array(({parts}), {dtype})"
            join, axis = JOINS[e.op], self.argument(e.kwargs.get("axis", 0))
            return f"{self.bound(join.__name__, join)}(({parts}), {axis}{tail})"
        return self.reduction(e, out) if plain_reduction(e) else None

    def operands(self, e: Equation, f: np.ufunc) -> Any:
        """Arguments of a ufunc: constants as arrays of the dtype in which it computes.

        What all elements of a constant are does in its place, unless the answer would have
        another shape.  None where the ufunc has an answer of another dtype than the op: for
        powers of booleans, say.
        """
        kinds = [x.dtype if hasattr(x, "dtype") else type(x) for x in e.args]
        try:
            dtypes = f.resolve_dtypes((*kinds, None))
        except TypeError:  # an unusual loop: NumPy shall find it
            return [self.argument(a) for a in e.args]
        if dtypes[-1] != e.out.dtype:
            return None
        shapes = [shape_of(x) for x in e.args if isinstance(x, Var) or uniform_value(x) is None]
        short = np.broadcast_shapes(*shapes) == e.out.shape
        return [
            self.text[a] if isinstance(a, Var) else self.constant(a, dtype, short)
            for a, dtype in zip(e.args, dtypes, strict=False)
        ]

    def constant(self, a: Array, dtype: np.dtype[np.generic], short: bool) -> str:
        """A constant as an array of ``dtype``."""
        one = uniform_value(a)
        if one is None and np.ndim(a) == 0:
            one = a
        if one is None:
            return self.bound(self.name("c"), a)
        try:
            value = np.asarray(one, dtype)
        except OverflowError:  # a whole number beyond the dtype, to be compared with
            return self.bound(self.name("c"), a)
        shape = () if short else np.shape(a)
        key = value.tobytes(), dtype, shape
        if key not in self._constants:
            full = value if shape == () else np.full(shape, value)
            self._constants[key] = self.bound(self.name("c"), full)
        return self._constants[key]

    def on_numbers(self, e: Equation) -> str | None:
        """An equation of NumPy scalars: Python's operators are faster than ufuncs."""
        if e.op is elements and isinstance(e.args[0], Var):
            place = one_entry(e.kwargs["index"], e.args[0].shape)
            return f"{self.text[e.args[0]]}[{', '.join(map(str, place))}]" if place else None
        if (e.op not in OPERATORS and e.op is not ops.negative) or e.out.dtype.kind != "f":
            return None
        if any(not isinstance(a, Var | int | float | np.number) or shape_of(a) for a in e.args):
            return None
        words = [
            self.text[a] if isinstance(a, Var) else self.bound(self.name("c"), a) for a in e.args
        ]
        return f"-{words[0]}" if len(words) == 1 else f"{words[0]} {OPERATORS[e.op]} {words[1]}"

    # --- products and reductions ----------------------------------------------------------

    def product(self, e: Equation, out: str | None, turned: bool) -> str:
        """A matrix product: ``dot`` where it is the same thing, which has less overhead."""
        a, b = e.args
        tail = f", {out}" if out else ""
        names = [
            self.text[x] if isinstance(x, Var) else self.bound(self.name("c"), x) for x in (a, b)
        ]
        ranks = [len(shape_of(x)) for x in (a, b)]
        same = a.dtype == b.dtype == e.out.dtype and e.out.dtype.kind == "f"
        if same and ranks == [1, 1] and a.shape[0] > self.alone:
            cuts = range(0, a.shape[0], self.alone)
            pairs = [
                f"{names[0]}[{i}:{i + self.alone}], {names[1]}[{i}:{i + self.alone}]" for i in cuts
            ]
            return " + ".join(f"dot({pair})" for pair in pairs)
        if not same or max(ranks) > 2:
            return f"matmul({names[0]}, {names[1]}{tail})"
        if out and turned:
            return f"dot({names[1]}.T, {names[0]}.T, {out}.T)"
        return f"dot({names[0]}, {names[1]}{tail})"

    def reduction(self, e: Equation, out: str | None) -> str:
        """A reduction; sums of small matrices as products with ones."""
        x, keepdims = e.args[0], bool(e.kwargs.get("keepdims"))
        axes = axes_of(sample(x), e.kwargs.get("axis"))
        if e.op is ops.sum and (code := self.by_product(e, axes, keepdims, out)):
            return code
        reduce = getattr(e.op.reduction, "reduce")  # noqa: B009
        f = self.bound(f"{getattr(e.op.reduction, '__name__')}_reduce", reduce)  # noqa: B009
        over = "None" if len(axes) == len(x.shape) else axes[0] if len(axes) == 1 else axes
        return f"{f}({self.text[x]}, {over}, None, {out}, {keepdims})"

    def by_product(self, e: Equation, axes: Shape, keepdims: bool, out: str | None) -> str | None:
        """A sum over one axis of a small matrix as a product with ones."""
        x, tail = e.args[0], f", {out}" if out else ""
        small = x.dtype.kind == "f" and x.dtype.itemsize in (4, 8) and x.dtype == e.out.dtype
        if not small or len(x.shape) != 2 or x.shape[0] * x.shape[1] > self.alone:
            return None
        n, m = x.shape
        if axes == (0,) and (out is None or not keepdims) and n > 1:
            code = f"dot({self.ones((n,), x.dtype)}, {self.text[x]}"
            return f"{code}).reshape((1, {m}))" if keepdims else f"{code}{tail})"
        if axes == (1,) and m > 1:
            ones = self.ones((m, 1) if keepdims else (m,), x.dtype)
            return f"dot({self.text[x]}, {ones}{tail})"
        return None

    def ones(self, shape: Shape, dtype: DType) -> str:
        key = ("ones", shape, dtype)
        if key not in self._constants:
            self._constants[key] = self.bound(self.name("c"), np.ones(shape, dtype))
        return self._constants[key]

    # --- views and calls ------------------------------------------------------------------

    def view(self, e: Equation) -> str:
        """A view of an argument."""
        x, v = self.text[e.args[0]], e.out
        if e.op in RESHAPES:
            return f"{x}.reshape({v.shape})"
        if e.op is ops.transpose:
            axes = e.kwargs.get("axes")
            order = None if axes is None else tuple(int(a) for a in np.atleast_1d(axes))
            return f"{x}.T" if order is None else f"{x}.transpose({order})"
        if e.op is ops.swapaxes:
            axes = [self.argument(e.kwargs[k]) for k in ("axis1", "axis2")]
            return f"{x}.swapaxes({axes[0]}, {axes[1]})"
        if e.op is elements:
            return f"{x}[{self.bound(self.name('i'), e.kwargs['index'])}]"
        if e.op is ops.broadcast_to:
            return f"{self.bound('broadcast_to', np.broadcast_to)}({x}, {v.shape})"
        return self.call(e)

    def call(self, e: Equation) -> str:
        """The forward function of the op, as it is."""
        stem = re.sub(r"\W", "_", e.op.name, flags=re.ASCII)
        f = self.bound(f"{stem}_" if stem[:1].isalpha() else f"op_{stem}", e.op.forward)
        args = [self.argument(a) for a in e.args]
        args += [f"{k}={self.argument(v)}" for k, v in e.kwargs.items()]
        code = f"{f}({', '.join(args)})"
        one = isinstance(e.out, Var) and not e.out.shape
        return f"asarray({code})[()]" if one else code  # a number, not a view of a buffer

    def argument(self, a: object) -> str:
        """An argument or metadata of a call."""
        if isinstance(a, Var):
            return self.text[a]
        if type(a) is tuple and any(True for _ in variables_in(a)):
            return f"({''.join(self.argument(x) + ', ' for x in a)})"
        if type(a) in (int, bool, type(None)):
            return repr(a)
        return self.bound(self.name("c"), a)
