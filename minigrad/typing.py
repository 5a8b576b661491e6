"""Names of types: what is checked, and what can only be said.

`Array`, `Operand`, `Index` and `Tree` are not checked: functions are written once for arrays,
Tensors and stand-ins alike, which have no type in common but that of all objects.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

Array: TypeAlias = Any
"""What is computed with: a number, an array that speaks NumPy's protocols, a Tensor."""
Operand: TypeAlias = Any
"""In a program that is being rewritten: a variable, or a constant."""
Index: TypeAlias = Any
"""What may stand between brackets behind an array."""
Tree: TypeAlias = Any
"""Dicts, lists and tuples of arrays, nested, or one array."""

Tangents: TypeAlias = Sequence[Array]
"""One for each argument; None where an argument does not change."""
Function: TypeAlias = Callable[..., Any]
Keywords: TypeAlias = Mapping[str, Any]
"""What is given by name: metadata of an op, variables of a scope."""
Variables: TypeAlias = dict[str, Any]
"""A user's variables by name, whatever they hold; those of a namespace that code runs in."""
Json: TypeAlias = dict[str, Any]
"""An object of a text in JSON."""
Shape: TypeAlias = tuple[int, ...]
Axis: TypeAlias = int | Sequence[int] | None
DType: TypeAlias = DTypeLike | None
Random: TypeAlias = "np.random.Generator | int | None"  # NumPy loads its random numbers late
"""A generator, the seed of one, or None for the one that `nn.seed` seeds."""
Sizes: TypeAlias = int | Sequence[int] | None
"""One number for all axes, or one for each; None where others decide."""
