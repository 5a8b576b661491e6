"""ONNX's operators, by name, as functions of arrays and Tensors.

A name in a file is no record of ours, so that this table alone is keyed by names.  Inputs come
in order, None for those left out; attributes by name.
"""

from __future__ import annotations

from minigrad.onnx.operators import arithmetic, images, networks, recurrent, sequences, shapes
from minigrad.onnx.operators.table import Operator

OPERATORS: dict[str, Operator] = {
    **arithmetic.OPERATORS,
    **images.OPERATORS,
    **networks.OPERATORS,
    **recurrent.OPERATORS,
    **sequences.OPERATORS,
    **shapes.OPERATORS,
}
"""Name -> what it computes."""
