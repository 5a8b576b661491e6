"""Sequences of arrays, and values that may be missing.

A sequence is a list, and is never changed.  An operator that gives one gives it in a tuple, as
its only output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops
from minigrad.onnx.operators.table import Operator, table, whole


def position(at: Any, default: int) -> int:
    return default if at is None else whole(at)[0]


def sequence_empty(*, dtype: Any = None) -> Any:
    return ([],)


def sequence_construct(*parts: Any) -> Any:
    return (list(parts),)


def sequence_insert(sequence: Any, part: Any, at: Any = None) -> Any:
    i = position(at, len(sequence))
    if not -len(sequence) <= i <= len(sequence):
        raise IndexError(f"SequenceInsert at {i} of {len(sequence)}")
    i += len(sequence) * (i < 0)
    return ([*sequence[:i], part, *sequence[i:]],)


def sequence_erase(sequence: Any, at: Any = None) -> Any:
    kept = list(sequence)
    del kept[position(at, -1)]
    return (kept,)


def sequence_at(sequence: Any, at: Any) -> Any:
    return sequence[whole(at)[0]]


def sequence_length(sequence: Any) -> Any:
    return np.asarray(len(sequence), np.int64)


def concat_from_sequence(sequence: Any, *, axis: int, new_axis: int = 0) -> Any:
    return (ops.stack if new_axis else ops.concatenate)(list(sequence), axis=axis)


def split_to_sequence(x: Any, split: Any = None, *, axis: int = 0, keepdims: int = 1) -> Any:
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


def optional(x: Any = None, *, type: Any = None) -> Any:
    return (x,)


def optional_has_element(x: Any = None) -> Any:
    return np.asarray(x is not None)


def optional_get_element(x: Any) -> Any:
    if x is None:
        raise ValueError("OptionalGetElement: there is no element")
    return (x,)


OPERATORS: dict[str, Operator] = table(
    ConcatFromSequence=concat_from_sequence, Optional=optional,
    OptionalGetElement=optional_get_element, OptionalHasElement=optional_has_element,
    SequenceAt=sequence_at, SequenceConstruct=sequence_construct, SequenceEmpty=sequence_empty,
    SequenceErase=sequence_erase, SequenceInsert=sequence_insert, SequenceLength=sequence_length,
    SplitToSequence=split_to_sequence,
)  # fmt: skip
