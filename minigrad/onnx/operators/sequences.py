"""Sequences of arrays, and values that may be missing.

A sequence is a list, and is never changed.  An operator that gives one gives it in a tuple, as
its only output.
"""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.onnx.operators.table import Operator, table, whole
from minigrad.typing import Array


def position(at: Array, default: int) -> int:
    return default if at is None else whole(at)[0]


def sequence_insert(sequence: Array, part: Array, at: Array = None) -> Array:
    i = position(at, len(sequence))
    if not -len(sequence) <= i <= len(sequence):
        raise IndexError(f"SequenceInsert at {i} of {len(sequence)}")
    i += len(sequence) * (i < 0)
    return ([*sequence[:i], part, *sequence[i:]],)


def sequence_erase(sequence: Array, at: Array = None) -> Array:
    kept = list(sequence)
    del kept[position(at, -1)]
    return (kept,)


def split_to_sequence(x: Array, split: Array = None, *, axis: int = 0, keepdims: int = 1) -> Array:
    n = np.shape(x)[axis]
    if split is None or np.ndim(split) == 0:
        size = 1 if split is None else whole(split)[0]
        ends = list(range(size, n, size))
    else:
        ends = np.cumsum(whole(split))[:-1].tolist()
    parts = ops.array_split(x, ends, axis=axis) if n else []
    # The standard keeps the axis where sizes are given; PyTorch's files, and onnxruntime, do not.
    if not keepdims and all(np.shape(p)[axis] == 1 for p in parts):
        parts = [ops.squeeze(p, axis=axis) for p in parts]
    return (list(parts),)


def optional_get_element(x: Array) -> Array:
    if x is None:
        raise ValueError("OptionalGetElement: there is no element")
    return (x,)


OPERATORS: dict[str, Operator] = table(
    ConcatFromSequence=lambda sequence, *, axis, new_axis=0: (
        ops.stack if new_axis else ops.concatenate
    )(list(sequence), axis=axis),
    Optional=lambda x=None, *, type=None: (x,),
    OptionalGetElement=optional_get_element,
    OptionalHasElement=lambda x=None: np.asarray(x is not None),
    SequenceAt=lambda sequence, at: sequence[whole(at)[0]],
    SequenceConstruct=lambda *parts: (list(parts),),
    SequenceEmpty=lambda *, dtype=None: ([],),
    SequenceErase=sequence_erase,
    SequenceInsert=sequence_insert,
    SequenceLength=lambda sequence: np.asarray(len(sequence), np.int64),
    SplitToSequence=split_to_sequence,
)
