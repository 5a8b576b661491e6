"""The namespace of the Array API standard: what code that is written for any array calls.

``t.__array_namespace__()`` is this module.  Functions of Tensors are the library's; what makes
arrays, and kinds of numbers, are NumPy's, whose arrays are constants here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from minigrad.ops.record import public
from minigrad.tensor.tensor import Tensor
from minigrad.typing import Array, DType

__array_api_version__ = "2024.12"
__array_namespace_info__ = np.__array_namespace_info__


def asarray(
    obj: Array, /, *, dtype: DType = None, device: object = None, copy: bool | None = None
) -> Any:
    """``obj`` as an array: a Tensor as it is, other numbers as `numpy.asarray`.

    Examples
    --------
    >>> import minigrad as mg
    >>> t = mg.Tensor([1.0, 2.0], requires_grad=True)
    >>> asarray(t) is t, asarray(t, copy=True) is t
    (True, False)
    """
    if isinstance(obj, Tensor):
        t = obj if dtype is None or obj.dtype == dtype else obj.astype(dtype)
        return t.copy() if copy and t is obj else t
    if isinstance(obj, list | tuple):
        return public["array"](obj, dtype)
    return np.asarray(obj, dtype=dtype, copy=copy)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    if name in ("linalg", "fft"):
        return import_module(f"minigrad.{name}")
    return public.get(name) or getattr(np, name)
