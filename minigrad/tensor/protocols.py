"""What NumPy and Python ask of a Tensor: their protocols."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.errors import label, list_with, variable_name
from minigrad.graph import Variable, ancestors, modes, tracing, variable
from minigrad.numbers import asked_by_others, asked_for_people, asking, refusal
from minigrad.ops.record import Op, implementations
from minigrad.typing import Array, DType, Function, Keywords

if TYPE_CHECKING:
    from minigrad.tensor.tensor import Tensor

float64 = np.float64
ndarray = np.ndarray


def as_numpys(ans: Array) -> Array:
    """What a function of NumPy's returned: in a program no number of Python's any more."""
    if modes.special and (tracer := tracing.get()) is not None:
        return tracer.strong(ans)
    return ans


class Protocols:
    """NumPy's two dispatch protocols, and conversions to what Python has itself."""

    __slots__ = ()

    # --- NumPy's protocols --------------------------------------------------------------

    def __array_ufunc__(
        self: Array, ufunc: np.ufunc, method: str, *inputs: Array, **kwargs: Any
    ) -> Array:
        key = ufunc if method == "__call__" else (ufunc, method)
        function = implementations.get(key)
        if not kwargs and type(function) is Op and not modes.special:
            return Op.__call__(function, *inputs)
        if kwargs and method == "__call__" and kwargs.get("where", True) is not True:
            return ops.selected(ufunc, *inputs, **kwargs)
        if type(function) is Op:
            return as_numpys(Op.__call__(function, *inputs, **kwargs))
        if function is None and "scipy.special" in sys.modules:
            import_module("minigrad.ops.scipy_special")  # most programs need none of them
            function = implementations.get(key)
        if function is not None:
            return as_numpys(function(*inputs, **kwargs))
        if method == "outer" and ufunc in implementations:
            ops.record.refuse_keywords(f"{ufunc.__name__}.outer", kwargs)
            return ops.outer_of(implementations[ufunc], *inputs)
        raise _not_covered(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}")

    def _firm(self: Array) -> Array:
        """Itself as an array: in a program no number of Python's any more."""
        if modes.special and (tracer := tracing.get()) is not None:
            return tracer.firm(self)
        return self

    def __array_namespace__(self: Array, *, api_version: str | None = None) -> ModuleType:
        """The functions of the Array API standard, for code written for any array."""
        return import_module("minigrad.tensor.namespace")

    @property
    def device(self: Array) -> str:
        """Where the data are: always "cpu", by the words of the Array API standard."""
        return "cpu"

    def to_device(self: Array, device: object, /, *, stream: object = None) -> Array:
        """Itself, for the only device there is."""
        if device != "cpu":
            raise ValueError(f"a Tensor lives where its data live, on the cpu, not on {device!r}")
        return self

    def __array_function__(
        self: Array,
        func: Function,
        types: Iterable[type],
        args: tuple[Array, ...],
        kwargs: Keywords,
    ) -> Any:
        function = implementations.get(func)
        if function is None:
            raise _not_covered(f"{func.__module__}.{func.__name__}".removeprefix("numpy."))
        ans = function(*args, **kwargs)
        if func in PARTS:
            return ans
        if type(function) is Op:
            return as_numpys(ans)
        return ans._firm() if isinstance(ans, Protocols) else ans  # it may be an argument itself

    def __array__(
        self: Array, dtype: DType = None, copy: bool | None = None
    ) -> np.ndarray[Any, np.dtype[np.object_]]:  # so that NumPy's stubs promise no floats
        self._look("np.asarray()")
        if self.node is not None and not rounds_in_words(dtype, sys._getframe(1)):
            if str(sys._getframe(1).f_globals.get("__name__")).startswith("scipy.sparse."):
                asked = np.empty((), object)  # SciPy then leaves S @ t to our __rmatmul__
                asked[()] = self
                return asked
            if (masked := masked_above()) is not None:
                raise TypeError(
                    f"{label(masked)} is a masked array: use np.where(mask, other, values)"
                )
            held = list_with(self) if variable_name(self) is None else None
            raise TypeError(
                f"{f'an entry of {held}' if held else label(self)} requires a gradient: as an "
                "array it would lose it silently; take .data (read-only values) or .detach() on "
                f"purpose, or build arrays of Tensors with mg.array{f'({held})' * bool(held)} or "
                f"mg.stack{', or pass an array in place of the list' * bool(held)}"
            )
        array = np.asarray(self.data)  # a view: nobody can unlock it
        if copy:
            return np.array(array, dtype=dtype)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __dlpack__(self: Array, **kwargs: Any) -> Any:
        """The values, for libraries that share memory; as `__array__`, without gradient only.

        Who does not say that he knows of memory that is read-only gets a copy.
        """
        values = self.__array__()
        if (kwargs.get("max_version") or (0, 0)) < (1, 0):
            values = values.copy()
        return values.__dlpack__(**kwargs)

    def __dlpack_device__(self: Array) -> tuple[int, int]:
        """The cpu, by the numbers of the standard."""
        return 1, 0

    # --- Python's protocols -------------------------------------------------------------

    def __repr__(self: Array) -> str:
        if is_stand_in(self) and not asked_for_people(self.node not in tracing.get().weak):
            self._look("str()")
        data = self._value
        words = []
        if type(data) is ndarray:
            text = np.array2string(data, separator=", ", prefix="Tensor(")
            if data.size > np.get_printoptions()["threshold"] or not data.size:
                words.append(f"shape={data.shape}")
        elif isinstance(data, np.generic):
            text = np.array2string(np.asarray(data))
        else:
            text = repr(data)
        if self.dtype != float64 and not (
            self.dtype.kind in "ib" and self.dtype.itemsize in (1, 8)
        ):
            words.append(f"dtype={self.dtype}")
        if self.name:
            words.append(f"name={self.name!r}")
        if self.node is not None:
            words.append("requires_grad=True")
        return f"Tensor({', '.join([text, *words])})"

    def __format__(self: Array, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __len__(self: Array) -> int:
        if not self.shape:
            raise TypeError(f"{label(self)} is a single number: it has no len()")
        return int(self.shape[0])

    def __iter__(self: Array) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError(f"{label(self)} is a single number: it cannot be iterated or unpacked")
        return iter(ops.unstack(self))

    def __contains__(self: Array, value: Array) -> bool:
        return bool(np.any(self._look("in") == getattr(value, "_value", value)))

    def __bool__(self: Array) -> bool:
        if self.size != 1:
            raise ValueError(
                f"{label(self)} has shape {self.shape}: the truth of {self.size} elements is "
                "ambiguous; use .any() or .all()"
            )
        return bool(self._look("bool()"))

    def __float__(self: Array) -> float:
        self._look("float()")
        if self.node is not None and any(
            isinstance(node, Variable) or node.op is variable for node in ancestors(self.node)
        ):
            raise TypeError(
                f"float({label(self)}) would cut it out of the gradient that is being computed: "
                "use NumPy's functions instead of math's, or .item() where no gradient shall flow"
            )
        if self.node is not None and self.size == 1 and (who := asked_by_others()):
            raise refusal(label(self), who)
        return float(self.item())

    def __int__(self: Array) -> int:
        self._look("int()")
        if self.node is not None and self.size == 1 and (who := asked_by_others()):
            raise refusal(label(self), who)
        return int(self.item())

    def __complex__(self: Array) -> complex:
        self._look("complex()")
        if self.node is not None and self.size == 1 and (who := asked_by_others()):
            raise refusal(label(self), who)
        return complex(self.item())

    def __index__(self: Array) -> int:
        self._look("an index")
        if self.shape or self.dtype.kind not in "iu":
            raise TypeError(f"{label(self)} is not an integer: it cannot be an index here")
        return int(self._value)

    def __hash__(self: Array) -> int:
        if is_stand_in(self):  # NumPy's numbers are found by their values
            self._look("hash()")
        return object.__hash__(self)

    def __copy__(self: Array) -> Array:
        if is_stand_in(self):
            return self
        make, given = self.__reduce__()
        return make(*given)

    def __deepcopy__(self: Array, memo: dict[int, object]) -> Array:
        return self.__copy__()


PARTS = (np.real, np.imag)
"""NumPy's functions that give what attributes of their argument are: numbers of Python's, too."""


def is_stand_in(t: object) -> bool:
    """Whether ``t`` was made by a function that is being recorded, or stands for its argument."""
    recorder = tracing.get() if modes.special else None
    return recorder is not None and bool(recorder.made(t))


def rounds_in_words(dtype: DType, frame: FrameType) -> bool:
    """Whether ``np.int64(t)`` or its like is called in ``frame``: the derivative is zero."""
    if dtype is None or np.dtype(dtype).kind not in "iub":
        return False
    return asking(frame.f_code, frame.f_lasti)[0] == "call"


def masked_above() -> Any:
    """The masked array that an operator or function of `numpy.ma` was called with, if it was."""
    frame = sys._getframe(2)
    while str(frame.f_globals.get("__name__")).startswith("numpy.ma.") and frame.f_back:
        for x in frame.f_locals.values():
            if isinstance(x, np.ma.MaskedArray):
                return x
        frame = frame.f_back
    return None


WRITERS = dict.fromkeys(
    ("copyto", "put", "putmask", "place", "put_along_axis", "fill_diagonal"),
    "t.at[index].set(value), np.where(mask, value, t), mg.full_like, or fill a mg.buffer(shape)",
)
"""NumPy's functions that write into an array, and what is used instead."""


def _not_covered(name: str) -> TypeError:
    if name in WRITERS:
        return TypeError(
            f"{name} writes into an array that is there, which no gradient can follow: use "
            f"{WRITERS[name]}"
        )
    return TypeError(
        f"{name} is not covered by minigrad: write it with functions that are, add it with "
        f"mg.defop(name, forward, vjps), or take .data where no gradient is needed"
    )
