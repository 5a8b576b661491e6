"""Tensors for the suite of the Array API: its arrays are all Tensors.

The suite (data-apis/array-api-tests) makes arrays with the namespace that it tests.  Ours leaves
them to NumPy, as constants; here what makes arrays makes Tensors, so that functions of Tensors
are what is tested.  How it is run stands in docs/array_api.md.
"""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.tensor import namespace


def tensors(x: Any) -> Any:
    """``x`` with Tensors in place of arrays."""
    if isinstance(x, np.ndarray | np.generic):
        return mg.Tensor(x)
    if type(x) in (list, tuple):
        return type(x)(map(tensors, x))
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(tensors, x))
    return x


def making(function: Any) -> Any:
    """``function``, with Tensors in place of the arrays that it returns."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return tensors(function(*args, **kwargs))

    return call


class Namespace:
    """Ours, in which every array is a Tensor."""

    __name__ = "minigrad"
    __version__ = "Tensors"

    def __init__(self, module: Any) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        if isinstance(found, ModuleType):
            return Namespace(found)
        if isinstance(found, type) or not callable(found) or name.startswith("__"):
            return found
        return making(found)


xp = Namespace(namespace)
sys.modules[f"{__name__}.xp"] = xp  # type: ignore[assignment]
