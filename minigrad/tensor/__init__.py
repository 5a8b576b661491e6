"""Tensor, and the door that every operation on it passes through."""

from minigrad.tensor import hung as hung
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
    "Tensor", "apply", "buffer", "check_real", "concrete", "drawn", "handed_out", "no_derivative",
    "operand", "own", "plainly", "wrap",
]  # fmt: skip
