"""What the explorer's page needs to compute a graph anew: its numbers, and its program.

The program is a list of equations; what they call is written from the rules of the ops, once
for each kind of arguments, so that the page knows no derivative of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.draw.picture import Picture, Vertex
from minigrad.reading.wording import visible
from minigrad.typing import Array, Json
from minigrad.writing.script import functions

if TYPE_CHECKING:
    from minigrad.draw.boxes import Item


NUMBERS = 12_000
"""Most numbers in leaves and constants that travel with the page."""
WORK = 3_000_000
"""Most elements, and a tenth of the products of matrices, that it computes for each change."""
KINDS: dict[str, np.dtype[Any]] = {
    "i2": np.dtype("<i2"),
    "f4": np.dtype("<f4"),
    "f8": np.dtype("<f8"),
}
"""In which numbers travel, smallest first."""


def program(picture: Picture, place: Mapping[Item, int], whole: bool) -> Json:
    """The equations ``[result, function, arguments]`` behind a picture, and the arrays in it.

    Parameters
    ----------
    picture : Picture
    place : mapping
        Vertex -> its place on the page.
    whole : bool
        Whether all vertices are on the page.

    Returns
    -------
    dict
        ``program``, ``written`` (the functions as JavaScript), ``arrays`` (place -> numbers);
        where the page cannot compute it, ``fixed`` says why.
    """
    reason = refused(picture, whole)
    if reason:
        return {"fixed": reason, "written": []}
    equations: list[object] = []
    numbers: dict[Hashable, int] = {}
    written: list[str] = []
    for vertex in picture.vertices:
        node = vertex.node
        if node is None or node.op is None:
            continue
        wanted = tuple(e.argnum for e in vertex.inputs if e.differentiable)
        kinds = tuple((np.shape(y), str(np.asarray(y).dtype)) for x in node.args for y in _parts(x))
        key = (node.op, kinds, _key(node.kwargs), wanted)
        if key not in numbers:
            text = functions(node.op, node.args, vertex.value, node.kwargs, wanted)
            if text is None:
                return {"fixed": f"The page has no rule for {visible(vertex.op)}.", "written": []}
            numbers[key] = len(written)
            written.append(text)
        equations.append([place[vertex], numbers[key], [place[e.source] for e in vertex.inputs]])
    arrays = {
        str(place[v]): packed(np.asarray(v.value))
        for v in picture.vertices
        if not v.op and np.ndim(v.value)
    }
    return {"program": equations, "written": written, "arrays": arrays}


def refused(picture: Picture, whole: bool) -> str:
    """Why the page cannot compute ``picture`` anew, before anything is written."""
    if not whole:
        return "The graph is too large to travel with its program."
    given = work = 0
    for v in picture.vertices:
        for value in _parts(v.value):
            if not isinstance(value, np.ndarray | np.generic | int | float):
                return f"{visible(v.label)} is no array of NumPy's."
            kind = np.asarray(value).dtype
            if kind.kind not in "fiub" or (kind.kind == "f" and kind.itemsize not in (4, 8)):
                known = "float32 and float64" if kind.kind == "f" else "real numbers"
                return f"{visible(v.label)} is {kind}; the page knows {known}."
            given += 0 if v.op else np.size(value)
            work += np.size(value) + _products(v)
    if given > NUMBERS:
        return f"Its {given:,} numbers are too many to travel with the page."
    return "It is too large to be computed in the page." if work > WORK else ""


def _parts(value: Array) -> tuple[Array, ...]:
    """The arrays of a value; there are several where an op has several outputs."""
    return value if type(value) is tuple else (value,)


def _products(v: Vertex) -> int:
    """The cost of a product of matrices, as a number of elements."""
    if v.node is None or v.node.op is not ops.matmul:
        return 0
    return int(np.size(v.value) * np.shape(v.node.args[0])[-1] // 10)


def _key(value: Array) -> Hashable:
    """Metadata as what it can be compared by."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, dict):
        return tuple((k, _key(v)) for k, v in sorted(value.items()))
    if isinstance(value, tuple | list):
        return tuple(map(_key, value))
    return repr(value)


def packed(value: np.ndarray[Any, Any]) -> Json:
    """An array as text, in the smallest kind that holds its numbers exactly.

    Examples
    --------
    >>> packed(np.array([[1.0, 2.0]]))
    {'shape': [1, 2], 'kind': 'i2', 'text': 'AQACAA=='}
    """
    flat = value.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        kind = next(
            k for k, dtype in KINDS.items() if _same(flat.astype(dtype).astype(np.float64), flat)
        )
    text = base64.b64encode(flat.astype(KINDS[kind]).tobytes()).decode()
    return {"shape": list(value.shape), "kind": kind, "text": text}


def _same(x: Array, y: Array) -> bool:
    """Whether two arrays hold the same numbers, signs of zeros and NaN included."""
    return bool(
        np.array_equal(x, y, equal_nan=True) and np.array_equal(np.signbit(x), np.signbit(y))
    )
