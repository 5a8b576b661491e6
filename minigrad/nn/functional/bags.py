"""Bags of rows: what a table holds for several integers, put together."""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.nn.functional.products import embedding
from minigrad.ops.shape import arrayed, speaks_numpy
from minigrad.typing import Array

MODES = ("sum", "mean", "max")


def embedding_bag(
    indices: Array,
    weight: Array,
    offsets: Array = None,
    mode: str = "mean",
    per_sample_weights: Array = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Array:
    """The sum, mean or maximum of the rows of ``weight`` that each bag of integers names.

    Derivative: as of `embedding` and the sum, mean or maximum after it; equal largest elements
    share it evenly.  An empty bag is 0, and passes nothing back.

    Parameters
    ----------
    indices : integers, (bags, n), or (n,) with ``offsets``
    weight : (count, features)
    offsets : integers, (bags,), optional
        Where each bag begins; the first at 0.
    mode : {"mean", "sum", "max"}
    per_sample_weights : of the shape of ``indices``, optional
        What each row is multiplied by, for the mode "sum"; differentiable.
    include_last_offset : bool
        Whether ``offsets`` ends with the end of the last bag.
    padding_idx : int, optional
        A row that belongs to no bag.

    Returns
    -------
    (bags, features)

    Raises
    ------
    ValueError
        For other modes and shapes, and for offsets that do not rise from 0.
    TypeError, IndexError
        For indices that are no integers, or name no row.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> embedding_bag([2, 0, 1], table, offsets=[0, 2], mode="sum")
    array([[4., 6.],
           [2., 3.]])
    """
    indices, weights = arrayed(indices), arrayed(per_sample_weights)
    indices = indices if hasattr(indices, "dtype") else np.asarray(indices)
    if mode not in MODES:
        raise ValueError(f"embedding_bag: mode must be one of {', '.join(MODES)}, not {mode!r}")
    if weights is not None and (mode != "sum" or np.shape(weights) != np.shape(indices)):
        raise ValueError(
            'embedding_bag: per_sample_weights go with mode="sum", one for each of the indices '
            f"{np.shape(indices)}; got {np.shape(weights)} and {mode!r}"
        )
    if (np.ndim(indices), offsets is None) not in ((2, True), (1, False)):
        raise ValueError(
            "embedding_bag takes indices of shape (bags, n), or (n,) with offsets=; the shape is "
            f"{np.shape(indices)}, {'without' if offsets is None else 'with'} offsets="
        )
    full: Array = np.ones(np.shape(indices), bool)
    if padding_idx is not None:
        full = indices != padding_idx % np.shape(weight)[0]
    if offsets is not None:
        places, inside = bags(offsets, np.size(indices), include_last_offset)
        full = full[places] & inside if np.size(indices) else inside
        indices = ops.getitem(indices, places) if np.size(indices) else places
        weights = None if weights is None else ops.getitem(weights, places)
    rows, full = embedding(indices, weight), full[..., None]
    if mode == "max":
        largest = ops.max(ops.where(full, rows, -math.inf), axis=1, initial=-math.inf)
        return ops.where(np.any(full, axis=1), largest, 0.0)
    rows = rows if weights is None else rows * weights[..., None]
    total = ops.sum(ops.where(full, rows, 0.0), axis=1)
    count = np.maximum(np.sum(full, axis=1), 1)
    return total / count.astype(np.result_type(rows)) if mode == "mean" else total


def bags(offsets: Array, n: int, ended: bool) -> tuple[Array, Array]:
    """The places of every bag's integers in a line for each, and which of them are there."""
    starts = arrayed(offsets)
    if speaks_numpy(starts):
        starts = np.asarray(starts)
    ends = np.append(starts, n) if not ended else np.asarray(starts)
    sizes = np.diff(ends)
    fits = ends.ndim == 1 and sizes.size and ends[0] == 0 and np.all(sizes >= 0)
    if not fits or ends[-1] > n or (ended and ends[-1] != n):
        raise ValueError(
            f"embedding_bag: offsets must rise from 0 to {n}, got {np.asarray(offsets)}"
        )
    inside = np.arange(max(sizes)) < sizes[:, None]
    return np.where(inside, ends[:-1, None] + np.arange(max(sizes)), 0), inside
