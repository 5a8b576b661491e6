"""Tensor: an array that remembers how it was computed.

A Tensor speaks NumPy's two dispatch protocols, so NumPy's own functions work on it; it
holds NumPy scalars, ndarrays or any duck array.  What is done with it goes through the
door of the next file, which also adds the infix operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from warnings import warn

import numpy as np

from minigrad import ops
from minigrad.data import CONTINUOUS, owned
from minigrad.errors import label
from minigrad.graph import (
    AnyNode,
    Leaf,
    Passive,
    Variable,
    ancestors,
    backward_pass,
    is_alive,
    modes,
    running,
    tracing,
    variable,
    writing,
)
from minigrad.tensor.protocols import Protocols
from minigrad.typing import Array, Axis, DType, Index, Shape, Tree

if TYPE_CHECKING:
    from minigrad.tensor.methods import Methods
else:
    Methods = object
"""What type checkers know of the operators and methods that are hung in below."""

float64: type[np.float64] = np.float64
ndarray = np.ndarray
new = object.__new__
ONES = {kind: kind(1) for kind in (float64, np.float32)}


# --- the class -------------------------------------------------------------------------


class Tensor(Protocols, Methods):
    """An array that records what is done with it.

    Parameters
    ----------
    data : array_like or duck array
        Copied, so that later changes to it are not seen; duck arrays that cannot be
        written to (Dask's, say) are kept as they are.
    requires_grad : bool
        Whether ``backward()`` shall leave a gradient here.  Numbers then become
        floating-point scalars; arrays must already be floating-point.
    name : str, optional
        What pictures, formulas and errors call it; by default the variable's name.
    dtype : dtype, optional
        As for ``numpy.array``.

    Attributes
    ----------
    data : array
        The values, read-only.  Assigning replaces them (same shape) and leaves graphs
        that are already recorded as they were.
    grad : None or array
        Gradient that ``backward()`` left here, of the shape and dtype of ``data``.
        Only Tensors made with ``requires_grad=True`` keep one; for intermediate results
        ask ``mg.gradients``.

    Raises
    ------
    TypeError
        For data that are not numbers, and for integers that shall have a gradient.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.Tensor(3.0, requires_grad=True)
    >>> (w**2).backward()
    >>> float(w.grad)
    6.0
    """

    __slots__ = ("__weakref__", "_leaf", "_name", "_value", "node")
    _leaf: Leaf
    _value: Array
    node: Any

    def __init__(
        self,
        data: Array,
        requires_grad: bool = False,
        *,
        name: str | None = None,
        dtype: DType = None,
    ) -> None:
        self.name = name
        self._value = own(data, requires_grad, dtype)
        self.node = Leaf() if requires_grad else None

    # --- what it is ---------------------------------------------------------------------

    def _look(self, what: str) -> Array:
        """The value; while a trace is on, looking at it would bake it into the program."""
        if modes.special and (tracer := tracing.get()) is not None:
            tracer.refuse(self, what)
        return self._value

    @property
    def data(self) -> Array:
        """The values, read-only."""
        if modes.special and (tracer := tracing.get()) is not None:
            return tracer.data(self)
        data = self._value
        return data.view() if type(data) is ndarray else data

    @data.setter
    def data(self, value: Array) -> None:
        self._leaf_only("its data cannot be replaced; make a new Tensor, or .detach() it first")
        if modes.special and (tracer := tracing.get()) is not None:
            tracer.update(self, value)
            return
        value = own(value, False, self.dtype)
        if value.shape != self.shape:
            raise ValueError(
                f"{label(self)}.data has shape {self.shape}, the new data {value.shape}; "
                "make a new Tensor for another shape"
            )
        self._value = value

    @property
    def grad(self) -> Any:
        """The gradient that ``backward()`` left here, or None.

        Results of computations have one after ``backward(keep=True)`` only; asking them for it
        otherwise warns.
        """
        found = getattr(self.node, "grad", None)
        if found is None and self.requires_grad and not isinstance(self.node, Leaf):
            name = label(self)
            warn(
                f"{name} is the result of a computation, which keeps no gradient: use "
                f"mg.gradients(loss, {name}), or loss.backward(keep=True) before {name}.grad",
                stacklevel=2,
            )
        return found

    @grad.setter
    def grad(self, value: Array) -> None:
        if value is None and type(self.node) is Leaf:
            self.node.grad = None
            return
        if type(self.node) is not Leaf:
            raise TypeError(
                f"{label(self)} keeps no gradient: only leaves with requires_grad=True do"
            )
        value = own(value, False, self.dtype, lock=False)
        if value.shape != self.shape:
            raise ValueError(
                f"the gradient of {label(self)} must have its shape {self.shape}, not {value.shape}"
            )
        self.node.grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it."""
        return self.node is not None and type(self.node) is not Passive

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.node is None:
            if self.dtype.kind not in CONTINUOUS:
                raise TypeError(
                    f"{label(self)} has dtype {self.dtype} and cannot require a gradient: "
                    "convert it with .astype(float)"
                )
            self.node = getattr(self, "_leaf", None) or Leaf()
        elif not value and self.node is not None:
            self._leaf_only("it requires a gradient because its inputs do; use .detach()")
            self._leaf = self.node  # switched on again, it is who recorded graphs mean
            self.node = None

    def _leaf_only(self, remedy: str) -> None:
        """Refuse what only a Tensor that the user made can have done to it."""
        if isinstance(self.node, Variable) or (self.node and self.node.op is variable):
            raise TypeError(f"{label(self)} is being differentiated by: {remedy}")
        if self.node is not None and self.node.op is not None:
            raise TypeError(f"{label(self)} is the result of {self.node.op.name}: {remedy}")

    @property
    def name(self) -> str | None:
        """What pictures, formulas and errors call it."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise TypeError(f"Tensor: name must be a string, not {value!r}")
        self._name = value

    @property
    def shape(self) -> Shape:
        return self._value.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return len(self._value.shape)

    @property
    def size(self) -> int:
        return self._value.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        return self._value.dtype

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def real(self) -> Tensor:
        """The real part."""
        return ops.real(self)  # type: ignore[no-any-return]

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return ops.imag(self)  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """All axes reversed, as NumPy's."""
        return ops.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ValueError(f"{label(self)}.mT needs at least two axes, the shape is {self.shape}")
        return ops.swapaxes(self, -1, -2)  # type: ignore[no-any-return]

    # --- leaving the graph --------------------------------------------------------------

    def numpy(self) -> Array:
        """The values as NumPy's: a read-only array, or a scalar."""
        return self.data

    def item(self, *index: object) -> Array:
        """The only value, or the one at ``index``, as a Python number."""
        if index:
            return self._look(".item()").item(*index)
        if self.size != 1:
            raise ValueError(
                f"{label(self)}.item() needs a single value, the shape is {self.shape}"
            )
        return self._look(".item()").item()

    def tolist(self) -> Tree:
        """The values as nested lists of Python numbers."""
        return self._look(".tolist()").tolist()

    def detach(self) -> Tensor:
        """The same values, out of the graph: no gradient flows through."""
        if modes.special and (tracer := tracing.get()) is not None:
            return tracer.passive(self)  # type: ignore[no-any-return]
        t = new(Tensor)
        t._value = self._value
        t.node = None
        t._name = self.name
        return t

    def _refuse_in_trace(self) -> None:
        if tracing.get() is not None:
            raise RuntimeError(
                f"{label(self)}.backward() inside a trace would leave its gradient in .grad once, "
                "not at every call: return gradients with mg.value_and_grad or mg.gradients"
            )

    def backward(self, gradient: Array = None, *, keep: bool = False) -> None:
        """Add the gradient of this Tensor to ``.grad`` of every leaf it depends on.

        Parameters
        ----------
        gradient : array_like, optional
            Gradient of this Tensor itself, of its shape; 1 by default, which only makes
            sense for a single number.
        keep : bool
            Leave the gradients of all results on the way in their ``.grad`` too, which this
            walk alone makes: they do not add up over several.

        Raises
        ------
        RuntimeError
            When nothing was recorded, and in a function that is being differentiated, of what
            depends on its arguments: the gradient in ``.grad`` is plain numbers.
        ValueError
            For a result of several numbers without ``gradient``, or one of wrong shape.
        """
        if modes.special:
            self._refuse_in_trace()
        seed = self.seed(gradient)
        assert self.node is not None
        everything = ancestors(self.node) if keep else None
        found = handed_out(backward_pass([(self.node, seed)], everything))
        if (running or modes.special) and any(
            isinstance(leaf, Variable) and is_alive(leaf) for leaf in (self.node, *found)
        ):
            raise RuntimeError(
                f"{label(self)}.backward() depends on what is being differentiated itself, and "
                "would leave plain numbers in .grad, which lose that derivative: use "
                "mg.gradients(..., create_graph=True) or mg.grad"
            )
        for node, g in found.items():
            old = getattr(node, "grad", None) if isinstance(node, Leaf) else None
            node.grad = g if old is None else old + g

    def seed(self, gradient: Array = None) -> Array:
        """The gradient of this Tensor itself, checked, to start a backward walk with."""
        if self.node is None:
            raise RuntimeError(
                f"{label(self)} was not computed from anything that requires a gradient; "
                "make a Tensor with requires_grad=True before computing with it"
            )
        if gradient is None:
            one = ONES.get(type(self._value))
            if one is not None:
                return one
            if self.size != 1:
                raise ValueError(
                    f"{label(self)} has shape {self.shape}, and only a single number has a "
                    "gradient of its own: reduce it with .sum() or .mean(), or pass the gradient "
                    "of each element"
                )
            if self.dtype.kind == "c":
                raise TypeError(
                    f"{label(self)} is complex, and only a real number is a loss: take .real, "
                    ".imag or np.abs, or pass the gradient"
                )
            return np.ones_like(self._value)[()]
        if isinstance(gradient, Tensor) and gradient.node is not None:
            seed = gradient
        else:
            try:
                seed = own(gradient, False, self.dtype)
            except (TypeError, ValueError) as error:
                why = str(error).removeprefix("Tensor: ")
                raise type(error)(f"backward: the gradient of {label(self)}: {why}") from None
        if seed.shape != self.shape:
            raise ValueError(
                f"the gradient of {label(self)} must have its shape {self.shape}, not {seed.shape}"
            )
        return seed

    # --- what would write into it ---------------------------------------------------------

    def __setitem__(self, key: Index, value: Array) -> None:
        if modes.special and (write := writing.get()) is not None:
            write(self, key, value)
            return
        name = label(self)
        raise TypeError(
            f"{name}[...] = value: Tensors are never written into; "
            f"write {name} = {name}.at[...].set(value) or np.where(mask, value, {name}), "
            "or fill a mg.buffer(shape) and build it in one go"
        )

    def __delitem__(self, key: object) -> NoReturn:
        raise TypeError(
            f"del {label(self)}[...]: Tensors are never written into; index what to keep"
        )

    def __reduce__(self) -> Any:
        self._leaf_only("only leaves are copied or pickled; use .detach()")
        return _rebuild, (
            type(self),
            self._look("a copy"),
            self.requires_grad,
            self.name,
            self.grad,
        )

    # --- methods that are more than a function --------------------------------------------

    def __rdivmod__(self, other: Array) -> tuple[Tensor, Tensor]:
        return ops.divmod(other, self)

    def __rlshift__(self, other: Array) -> Array:
        return ops.left_shift(other, self)

    def __rrshift__(self, other: Array) -> Array:
        return ops.right_shift(other, self)

    def __round__(self, ndigits: int | None = None) -> Tensor:
        return ops.round(self, ndigits or 0)  # type: ignore[no-any-return]

    def reshape(self, *shape: int | Sequence[int], order: str = "C") -> Tensor:
        """The same elements in another shape: ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[no-any-return]

    def view(self, dtype: DType = None, *shape: int | Sequence[int]) -> Tensor:
        """Itself; or complex numbers as pairs of real ones along the last axis, or the reverse."""
        if shape or isinstance(dtype, int | tuple | list):
            raise TypeError("view(dtype) is NumPy's: for another shape write t.reshape(...)")
        return ops.viewed(self, self.dtype if dtype is None else np.dtype(dtype))  # type: ignore[no-any-return]

    def transpose(self, *axes: Axis) -> Tensor:
        """Axes permuted: ``t.transpose(1, 0)``, ``t.transpose((1, 0))`` or reversed."""
        order = axes[0] if len(axes) == 1 else axes or None
        return ops.transpose(self, order)  # type: ignore[no-any-return]

    def compress(self, condition: Array, axis: int | None = None) -> Tensor:
        """The elements (or slices along ``axis``) where ``condition`` holds."""
        return ops.compress(condition, self, axis)  # type: ignore[no-any-return]


def _rebuild(
    kind: type[Tensor], data: Array, requires_grad: bool, name: str | None, grad: Array
) -> Tensor:
    t = new(kind)
    t._value = own(data, False, None)
    t.node = Leaf() if requires_grad else None
    t._name = name
    if grad is not None:
        t.node.grad = np.array(grad)[()]
    return t


# --- in and out ------------------------------------------------------------------------


def own(data: Array, requires_grad: bool = False, dtype: DType = None, lock: bool = True) -> Array:
    """A private copy of ``data``, which must not be a Tensor that requires a gradient."""
    if isinstance(data, Tensor):
        if data.node is not None:
            raise TypeError(
                f"{label(data)} requires a gradient, and a Tensor made from it would lose it; "
                "use it as it is, or .detach() it on purpose"
            )
        data = data._value
    elif isinstance(data, list | tuple) and ops.holds_tensor(data):
        raise TypeError("a list that contains Tensors: mg.array([...]) keeps their gradients")
    return owned(data, requires_grad, dtype, lock)


def handed_out(found: dict[AnyNode, Array]) -> dict[AnyNode, Array]:
    """Gradients that may be handed out: no two share memory, none is read-only."""
    seen: set[int] = set()
    for node, g in found.items():
        if type(g) is ndarray:
            if not g.ndim:
                found[node] = g[()]
            elif g.base is not None or not g.flags.writeable or id(g) in seen:
                found[node] = g = g.copy()
            seen.add(id(g))
    return found
