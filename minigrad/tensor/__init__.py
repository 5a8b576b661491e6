"""Tensor, and the door that every operation on it passes through."""

import sys
import types
from typing import Any, NoReturn

from minigrad.tensor.buffer import buffer
from minigrad.tensor.door import (
    apply,
    check_real,
    concrete,
    drawn,
    no_derivative,
    operand,
    plainly,
    wrap,
)
from minigrad.tensor.tensor import Tensor, handed_out, own

__all__ = [
    "Tensor",
    "apply",
    "buffer",
    "check_real",
    "concrete",
    "drawn",
    "handed_out",
    "no_derivative",
    "operand",
    "own",
    "plainly",
    "wrap",
]


class Package(types.ModuleType):
    """What says that it is a package when it is called as PyTorch's function of that name is."""

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "mg.tensor is a package: write mg.Tensor(data, requires_grad=True), with a capital"
        )


sys.modules[__name__].__class__ = Package
