"""The door: every operation on a Tensor passes through ``apply``, and is recorded there.

Calling an op is passing through it, and so is every Python operator.  An operation takes four
steps: the values are taken out of its arguments (`operand`, `metadata`), the forward function
computes with them, the answer is wrapped (`wrap`), and where a gradient may flow a node is
recorded (`_record`).

``apply`` chooses who does so: whoever looks on, such as a tracer (`apply_observed`); the fast
paths `apply_unary` and `apply_binary`, which differ in speed only; or `apply_general`, which
takes all that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.constants import keep
from minigrad.data import CONTINUOUS, NUMBERS, NUMERIC, locked
from minigrad.errors import call_text, failure, label, variable_name
from minigrad.graph import (
    NOTHING,
    AnyNode,
    Node,
    Node2,
    at_work,
    inspector,
    modes,
    next_seq,
    node1,
    node2,
    picked,
    recording,
    tracing,
)
from minigrad.ops.indexing import elements, is_basic
from minigrad.ops.record import REAL_ONLY, Op, is_complex
from minigrad.tensor.tensor import Tensor
from minigrad.typing import Array, Index, Keywords, Shape

float32: type[np.float32] = np.float32
float64: type[np.float64] = np.float64
ndarray = np.ndarray
new = object.__new__


# --- what goes in, and what comes out --------------------------------------------------


FOREIGN = {
    "scipy": "{}.toarray()",
    "pandas": "{}.to_numpy()",
    "polars": "{}.to_numpy()",
    "xarray": "{}.to_numpy()",
    "torch": "{}.numpy()",
}
"""Who makes arrays that an operator would treat otherwise than NumPy's, and their values."""


def wrap(ans: Array, node: AnyNode | None) -> Tensor:
    """A Tensor of value ``ans`` that ``node`` produced."""
    t = new(Tensor)
    t._value = ans
    t.node = node
    return t


def operand(x: Array) -> tuple[Array, Array, bool]:
    """Value and node of what a person may pass as an array, and whether it is a Tensor."""
    if isinstance(x, Tensor):
        return x._value, x.node, True
    if type(x) in NUMBERS:
        return x, None, False
    if isinstance(x, list | tuple):
        if ops.holds_tensor(x):
            t = ops.array(x)
            return t._value, t.node, True
        x = np.asarray(x)
    if isinstance(x, ndarray) and type(x) is not ndarray:
        if isinstance(x, np.ma.MaskedArray):
            raise TypeError(f"{label(x)} is a masked array: use np.where(mask, other, values)")
        x = np.asarray(x)  # a matrix, say, whose * is no elementwise product
    maker = type(x).__module__.partition(".")[0]
    if maker in FOREIGN:
        raise TypeError(
            f"{label(x)} is a {type(x).__name__} of {maker}, with an arithmetic of its own: "
            f"pass {FOREIGN[maker].format(variable_name(x) or 'it')}"
        )
    dtype = getattr(x, "dtype", None)
    if dtype is None or not hasattr(dtype, "kind"):
        if not isinstance(x, int | float | complex):
            raise TypeError(
                f"{label(x)} ({type(x).__name__}) is not a number or an array of numbers"
            )
    elif dtype.kind not in NUMERIC:
        raise TypeError(f"{label(x)} has dtype {dtype}: not numbers")
    return x, None, False


def metadata(op: Op, kwargs: Keywords) -> dict[str, Any]:
    """Keywords that nobody can change later, without Tensors."""
    return {key: _frozen(op, key, v) for key, v in kwargs.items()}


def _frozen(op: Op, key: str, v: Array) -> Array:
    """Metadata as it is now; an error where a Tensor in it requires a gradient."""
    kind = type(v)
    if kind in NUMBERS or v is None or kind is str or kind is slice:
        return v
    if kind is tuple or kind is list:
        return tuple([_frozen(op, key, part) for part in v])
    if isinstance(v, Tensor):
        if v.node is not None:
            raise TypeError(
                f"{op.name}: {key}={label(v)} requires a gradient, and none flows through {key}=; "
                f"pass {key}={variable_name(v) or 'it'}.detach()"
            )
        return v._value
    if kind is ndarray and v.flags.writeable:
        v = v.copy()
        v.setflags(write=False)
    return v


def concrete(x: Array) -> Array:
    """The value of ``x`` for checks in Python; None while a trace is on, where it has none yet."""
    if isinstance(x, Tensor):
        return None if modes.special and tracing.get() is not None else x._value
    return x


def check_real(op: Op, args: Sequence[Array], values: Array, kwargs: Keywords) -> None:
    """Refuse complex numbers, for an op that is not known to be right for them."""
    if any(map(is_complex, (*values, *kwargs.values()))):
        raise TypeError(f"{call_text(op, args, kwargs)}: {REAL_ONLY}")


def plainly(x: Array) -> Array:
    """``x`` without Tensors, for functions that no gradient flows through."""
    if isinstance(x, Tensor):
        return x._value
    if isinstance(x, list | tuple) and ops.holds_tensor(x):
        return type(x)(plainly(v) for v in x)
    return x


def drawn(rng: np.random.Generator, shape: Shape) -> Array:
    """``rng.random(shape)``; in a trace, a stand-in for what is drawn at each call."""
    if modes.special and (tracer := tracing.get()) is not None:
        return tracer.draw(rng, shape)
    return rng.random(shape)


# --- the door --------------------------------------------------------------------------


# --- an operation ----------------------------------------------------------------------


def apply(op: Op, *args: Array, **kwargs: Any) -> Array:
    """The one door: run ``op`` and record it if a gradient may be asked for.

    Parameters
    ----------
    op : Op
    *args, **kwargs
        As NumPy's function takes them; arrays may be Tensors, arrays, numbers, or
        nested lists of them.

    Returns
    -------
    Tensor, tuple of Tensors, or (given no Tensor, or an op without derivative) what
    the forward function returned.

    Raises
    ------
    The error of the forward function, told in the user's words.
    """
    if modes.special:
        ans = apply_observed(op, args, kwargs)
        if ans is not None:
            return ans
    if len(args) == op.twin:
        if len(args) == 1:
            if type(args[0]) is Tensor and (not kwargs or kwargs.keys() <= op.metadata):
                return apply_unary(op, args[0], metadata(op, kwargs) if kwargs else NOTHING)
        elif len(args) == 2 and not kwargs:
            ans = apply_binary(op, *args)
            if ans is not None:
                return ans
    return apply_general(op, args, kwargs)


def apply_observed(op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
    """What becomes of an op where somebody looks on; None: what always does."""
    if (tracer := tracing.get()) is not None:
        return tracer.apply(op, args, kwargs)
    if (pusher := at_work()) is not None:
        ans = pusher.apply(op, args, kwargs)
        if ans is not None:
            return ans
    if recording.get() and inspector.get() is None:
        return None
    return apply_general(op, args, kwargs)


def apply_general(op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
    """``apply`` for any number of arguments, unusual ones among them."""
    if len(args) != op.arity or (kwargs and not kwargs.keys() <= op.metadata):
        args, kwargs = op.bind(args, kwargs)
    if op.vjps is None:
        values = [plainly(x) for x in args]
        kwargs = {key: plainly(v) for key, v in kwargs.items()}
        parents = [None] * len(values)
        tensors = False
    else:
        values, parents, tensors = [], [], False
        for x in args:
            if op is ops.matmul and hasattr(type(x), "toarray"):
                x = x.toarray()  # a sparse matrix: its products are those of any matrix
            try:
                value, node, is_tensor = operand(x)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{call_text(op, args, kwargs)}: {error}") from None
            values.append(value)
            parents.append(node)
            tensors = tensors or is_tensor
        if kwargs:
            kwargs = metadata(op, kwargs)
    if not op.complex:
        check_real(op, args, values, kwargs)
    try:
        ans = op.forward(*values, **kwargs)
    except Exception as error:
        raise failure(op, args, kwargs, error) from error
    if not tensors:
        return ans
    inspect = None
    if modes.special:
        if not recording.get():
            parents = [None] * len(parents)
        inspect = inspector.get()
        if inspect is not None:
            inspect.after_forward(op, args, tuple(values), kwargs, ans)
    return _finish(op, args, values, parents, kwargs, ans, inspect)


def apply_unary(op: Op, x: Tensor, kwargs: Keywords) -> Array:
    """``apply`` for one Tensor and `metadata`, while nobody looks on."""
    a, parent = x._value, x.node
    if not op.complex and type(a) is not float64 and a.dtype.kind == "c":
        check_real(op, (x,), (a,), kwargs)
    try:
        ans = op.forward(a, **kwargs) if kwargs else op.forward(a)
    except Exception as error:
        raise failure(op, (x,), kwargs, error) from error
    kind = type(ans)
    if kind is ndarray and ans.dtype.kind == "f" and ans.ndim:
        ans.setflags(False)
    elif kind is not float64 and kind is not float32:
        return _finish(op, (x,), [a], [parent], kwargs, ans)
    t = new(Tensor)
    t._value = ans
    t.node = None if parent is None else node1(op, a, parent, kwargs, ans)
    return t


def apply_binary(op: Op, x: Array, y: Array) -> Array:
    """``apply`` for two arguments, while nobody looks on; None where they are not the usual ones.

    What is usual: a Tensor, with another one, an array of numbers, or a number.
    """
    constant = None
    if type(x) is Tensor:
        a, pa = x._value, x.node
    elif type(x) in NUMBERS:
        a, pa = x, None
    elif type(x) is ndarray and x.dtype.kind in NUMERIC:
        a, pa, constant = x, None, x
    else:
        return None
    if type(y) is Tensor:
        b, pb = y._value, y.node
    elif type(x) is not Tensor:
        return None
    elif type(y) in NUMBERS:
        b, pb = y, None
    elif type(y) is ndarray and y.dtype.kind in NUMERIC:
        b, pb, constant = y, None, y
    else:
        return None
    if not op.complex and (is_complex(a) or is_complex(b)):
        return None
    try:
        ans = op.forward(a, b)
    except Exception as error:
        raise failure(op, (x, y), {}, error) from error
    kind = type(ans)
    if kind is ndarray and ans.dtype.kind == "f" and ans.ndim:
        ans.setflags(False)
    elif kind is not float64 and kind is not float32:
        return _finish(op, (x, y), [a, b], [pa, pb], {}, ans)
    t = new(Tensor)
    t._value = ans
    if pa is pb is None:
        t.node = None
        return t
    t.node = node = Node2()  # `node2`, written out
    node.op = op
    node.a = a
    node.b = b
    node.pa = pa
    node.pb = pb
    node.ans = ans
    node.seq = next_seq()
    node.kept = None if constant is None or op.linear == "jointly" else keep(constant)
    return t


def _finish(
    op: Op,
    args: Sequence[Array],
    values: list[Array],
    parents: Sequence[AnyNode | None],
    kwargs: Keywords,
    ans: Array,
    inspect: Any = None,
) -> Array:
    """The result of ``op`` as Tensors, recorded if any of ``parents`` is."""
    if type(ans) is tuple or type(ans) is list:
        ans = tuple([locked(y) for y in ans])
        if all(p is None for p in parents):
            return tuple(wrap(y, None) for y in ans)
        node = _record(op, args, values, parents, kwargs, ans)
        if inspect is not None:
            inspect.recorded(node, op, args, kwargs)
        # Integer outputs (counts, say) are constants.
        return tuple(
            wrap(y, picked(node, i) if y.dtype.kind in CONTINUOUS else None)
            for i, y in enumerate(ans)
        )
    if isinstance(ans, int | float | complex):
        ans = np.asarray(ans)
    if getattr(getattr(ans, "dtype", None), "kind", "?") not in NUMERIC:
        raise TypeError(
            f"{call_text(op, args, kwargs)} returned {type(ans).__name__} "
            f"{getattr(ans, 'dtype', '')}: a forward function returns arrays of numbers"
        )
    ans = locked(ans)
    if all(p is None for p in parents) or ans.dtype.kind not in CONTINUOUS:
        return wrap(ans, None)
    node = _record(op, args, values, parents, kwargs, ans)
    if inspect is not None:
        inspect.recorded(node, op, args, kwargs)
    return wrap(ans, node)


def _record(
    op: Op,
    args: Sequence[Array],
    values: list[Array],
    parents: Sequence[Any],
    kwargs: Keywords,
    ans: Array,
) -> AnyNode:
    """The node of an operation, with samples of its constants that may be written into later."""
    vjps = op.vjps
    if type(vjps) is tuple and None in vjps:
        for i, (rule, parent) in enumerate(zip(vjps, parents, strict=True)):
            if rule is None and parent is not None:
                raise no_derivative(op, args, kwargs, i)
    kept = {}
    if op.linear != "jointly":
        for i, x in enumerate(values):
            if parents[i] is None and type(x) is ndarray and (was := keep(x)) is not None:
                kept[i] = was
    if type(vjps) is tuple and type(ans) is not tuple:
        if len(values) == 1:
            return node1(op, values[0], parents[0], kwargs or NOTHING, ans)
        if len(values) == 2 and not kwargs:
            pair = node2(op, values[0], values[1], parents[0], parents[1], ans)
            if kept:
                (pair.kept,) = kept.values()
            return pair
    node = Node(op, tuple(values), tuple(parents), kwargs, ans, next_seq())
    if kept:
        node.kept = kept
    return node


def no_derivative(op: Op, args: Sequence[Array], kwargs: Keywords, i: int) -> TypeError:
    """The error for a gradient that does not exist, or that nobody has a formula for."""
    return TypeError(
        f"{call_text(op, args, kwargs)}: {op.unruled} with respect to "
        f"{op.parameters[i]}; pass {variable_name(args[i]) or 'it'}.detach()"
    )


# --- infix operators -------------------------------------------------------------------


def operator_method(op: Op, reflected: bool = False) -> Callable[[Tensor, Any], Any]:
    """The method behind an infix operator; ``reflected``: of a right operand."""

    def method(self: Tensor, other: Array) -> Array:
        x, y = (other, self) if reflected else (self, other)
        if not modes.special:
            ans = apply_binary(op, x, y)
        elif op.elementwise and (pusher := at_work()) is not None:
            ans = pusher.slope(op, x, y)
        else:
            ans = None
        return apply_operator(op, x, y) if ans is None else ans

    method.__name__ = f"__{'r' * reflected}{op.name}__"
    return method


def index_tensor(self: Tensor, index: Index) -> Array:
    """``self[index]``."""
    if type(index) is int or is_basic(index):
        if not modes.special:
            return apply_unary(elements, self, {"index": index})
        if (pusher := at_work()) is not None:
            ans = pusher.element(self, index)
            if ans is not None:
                return ans
    return ops.getitem(self, index)


def is_labelled(x: Array) -> bool:
    """Whether ``x`` is an array of xarray."""
    return type(x).__module__.partition(".")[0] == "xarray"


def apply_operator(op: Op, x: Array, y: Array) -> Array:
    """An infix operator between unusual operands, or while somebody looks on."""
    for operand in (x, y):
        if getattr(type(operand), "__array_ufunc__", 0) is None:  # NumPy's way to decline
            return NotImplemented
    if is_labelled(y):  # it holds Tensors, and computes with them itself
        return NotImplemented
    return apply_general(op, (x, y), {}) if not modes.special else apply(op, x, y)


INFIX = {
    "add": ops.add,
    "sub": ops.subtract,
    "mul": ops.multiply,
    "truediv": ops.divide,
    "floordiv": ops.floor_divide,
    "mod": ops.remainder,
    "pow": ops.power,
    "matmul": ops.matmul,
}
for _name, _op in INFIX.items():
    setattr(Tensor, f"__{_name}__", operator_method(_op))
    setattr(Tensor, f"__r{_name}__", operator_method(_op, reflected=True))

setattr(Tensor, "__getitem__", index_tensor)  # noqa: B010

setattr(ops.record.Op, "__call__", apply)  # noqa: B010
