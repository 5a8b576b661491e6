"""Files of nested numbers: a tree as JSON, its arrays beside it, a checksum over all.

A file is an ordinary ``.npz`` (or ``.safetensors``) that other programs can open.  One
entry is the structure: dicts, lists, tuples, numbers and strings as they are, arrays by
their number.  SHA-256 of every other byte comes with it, so that a damaged file is an
error and never slightly wrong weights; nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from minigrad.data import is_masked
from minigrad.errors import label, needed
from minigrad.graph import Leaf
from minigrad.reading.files import replace_file
from minigrad.tensor import Tensor
from minigrad.typing import Array, Function, Json, Tree

STRUCTURE, CHECKSUM = "minigrad", "checksum"
PLAIN = "fiubcSUmM"
"""Kinds of dtype that are stored as they are: no objects, no records."""

Arrays = list[np.ndarray[Any, Any]]


def save(path: str | PathLike[str], tree: Tree) -> None:
    """Write nested dicts, lists and tuples of arrays, Tensors and plain values to a file.

    The file is complete or not there: it is written under another name, which then
    replaces whatever had ``path``.

    Parameters
    ----------
    path : str or path
        Ending in ``.npz``; or in ``.safetensors``, which needs the package safetensors.
    tree : nested dicts (keys str, int, float, bool or None), lists, tuples
        Of arrays, Tensors (leaves or detached), numbers, booleans, strings and None.
        What occurs twice is one object again after `load`.  Gradients are not saved.

    Raises
    ------
    TypeError, ValueError
        Naming the place in the tree of what cannot be stored, or a path of other kind.
    ImportError
        When safetensors is asked for and not installed.

    Examples
    --------
    >>> import tempfile, numpy as np, minigrad as mg
    >>> tree = {"weights": [np.ones(2), np.float32(0.5)], "epoch": 3}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mg.save(f"{folder}/run.npz", tree)
    ...     mg.load(f"{folder}/run.npz")
    {'weights': [array([1., 1.]), np.float32(0.5)], 'epoch': 3}
    """
    path, write, _ = _format(path, "mg.save")
    writer = _Writer()
    try:
        structure = writer.encode(tree, "tree")
    except RecursionError:
        raise ValueError("mg.save: tree contains itself, or is nested too deeply") from None
    replace_file(path, write(json.dumps(structure), writer.arrays))


def load(path: str | PathLike[str]) -> Any:
    """Read what `save` wrote: the same structure, dtypes, shapes and shared objects, bit for bit.

    A ``.safetensors`` file of other origin is a dict of its arrays.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    The structure: dicts, lists, tuples, arrays, Tensors, numbers and strings.

    Raises
    ------
    ValueError
        For files that are damaged, truncated, or not written by `save`, pickles among
        them.
    OSError
        For files that cannot be read.

    Examples
    --------
    >>> import numpy as np, minigrad as mg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mg.save(f"{folder}/model.npz", {"w": np.ones(2), "epoch": 3})
    ...     tree = mg.load(f"{folder}/model.npz")
    >>> tree
    {'w': array([1., 1.]), 'epoch': 3}
    """
    path, _, read = _format(path, "mg.load")
    with open(path, "rb") as file:
        data = file.read()
    try:
        structure, arrays = read(data)
        return arrays if structure is None else _Reader(arrays).decode(json.loads(structure))
    except ImportError:
        raise
    except Exception as error:  # whatever a hostile file makes the parsers raise
        why = error if isinstance(error, _DamagedError) else f"it is malformed ({error})"
        raise ValueError(f"mg.load: {path} was not loaded: {why}") from error


class _DamagedError(Exception):
    pass


def _format(path: Any, who: str) -> tuple[str, Function, Function]:
    """The path as a string, and how its kind of file is written and read."""
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{who}: the path must be a string or a path, not {label(path)}") from None
    for suffix, functions in _FORMATS.items():
        if name.endswith(suffix):
            return name, *functions
    raise ValueError(f"{who}: the path must end in .npz or .safetensors, not {name!r}")


# --- the structure ---------------------------------------------------------------------


class _Writer:
    """Trees as JSON; arrays and Tensors go to lists, each object once."""

    def __init__(self) -> None:
        self.arrays: Arrays = []
        self.known: dict[int, Json] = {}

    def encode(self, x: Any, place: str) -> Any:
        kind = type(x)
        if x is None or kind in (bool, int, float, str):
            return x
        if kind is list:
            return [self.encode(v, f"{place}[{i}]") for i, v in enumerate(x)]
        if kind is tuple:
            return {"tuple": [self.encode(v, f"{place}[{i}]") for i, v in enumerate(x)]}
        if isinstance(x, dict):
            pairs = []
            for key, v in x.items():
                if not (key is None or type(key) in (bool, int, float, str)):
                    raise TypeError(
                        f"mg.save: {place} has the key {key!r:.60}; "
                        "keys are strings, numbers, booleans or None"
                    )
                pairs.append([key, self.encode(v, f"{place}[{key!r}]")])
            return {"dict": pairs}
        if isinstance(x, Tensor | np.ndarray):
            if id(x) not in self.known:
                self.known[id(x)] = self.leaf(x, place)
            return self.known[id(x)]
        if isinstance(x, np.generic):
            return {"scalar": self.stored(np.asarray(x), place)}
        if hasattr(x, "state_dict"):
            raise TypeError(
                f"mg.save: {place} is a {kind.__name__}; store its state, {place}.state_dict()"
            )
        raise TypeError(
            f"mg.save: {place} is {label(x)} ({kind.__name__}); it stores dicts, lists, tuples, "
            "arrays, Tensors, numbers, strings and None"
        )

    def leaf(self, x: object, place: str) -> Json:
        if isinstance(x, Tensor):
            if x.node is not None and type(x.node) is not Leaf:
                raise TypeError(
                    f"mg.save: {place} is the result of a computation, which is not stored; "
                    "pass .detach()"
                )
            values = self.stored(np.asarray(x.data), place)
            return {"tensor": values, "requires_grad": x.requires_grad, "name": x.name}
        return {"array": self.stored(x, place)}

    def stored(self, x: Any, place: str) -> int:
        if is_masked(x) or x.dtype.kind not in PLAIN:
            what = "a masked array" if is_masked(x) else f"of dtype {x.dtype}"
            raise TypeError(f"mg.save: {place} is {what}; it stores numbers and strings only")
        self.arrays.append(np.asarray(x))
        return len(self.arrays) - 1


class _Reader:
    """The way back; entries of one number are one object."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.known: dict[int, Any] = {}

    def decode(self, x: object) -> Any:
        if isinstance(x, list):
            return [self.decode(v) for v in x]
        if not isinstance(x, dict):
            return x
        if "tuple" in x:
            return tuple(self.decode(v) for v in x["tuple"])
        if "dict" in x:
            return {key: self.decode(v) for key, v in x["dict"]}
        if "scalar" in x:
            return self.arrays[x["scalar"]][()]
        n = x["tensor"] if "tensor" in x else x["array"]
        if n not in self.known:
            values: Array = self.arrays[n]
            if "tensor" in x:
                values = Tensor(values, requires_grad=x["requires_grad"], name=x["name"])
            self.known[n] = values
        return self.known[n]


# --- .npz ------------------------------------------------------------------------------


def _to_npz(structure: str, arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = bytes(64)
        # Always the same date, so that the same tree makes the same file.
        entries = {f"{STRUCTURE}.json": structure.encode()}
        entries |= {f"{i}.npy": _npy(a) for i, a in enumerate(arrays)}
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    data = buffer.getvalue()[:-64]
    return data + hashlib.sha256(data).hexdigest().encode()


def _npy(a: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, a, allow_pickle=False)
    return buffer.getvalue()


def _from_npz(data: bytes) -> tuple[str | None, Any]:
    if not data.startswith(b"PK"):
        raise _DamagedError("it is no .npz file")
    if hashlib.sha256(data[:-64]).hexdigest().encode() != data[-64:]:
        raise _DamagedError("its checksum is wrong: it is damaged, cut off, or not from mg.save")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise _DamagedError("it has compressed members, which mg.save never writes")
        structure = archive.read(f"{STRUCTURE}.json").decode()
        arrays = [
            np.lib.format.read_array(io.BytesIO(archive.read(f"{i}.npy")), allow_pickle=False)
            for i in range(len(archive.namelist()) - 1)
        ]
    return structure, arrays


# --- .safetensors ----------------------------------------------------------------------


def _safetensors(who: str) -> Any:
    return needed(
        "safetensors.numpy",
        f"{who}: .safetensors files need the package safetensors (pip install safetensors); "
        ".npz files need none",
    )


def _to_safetensors(structure: str, arrays: Arrays) -> bytes:
    """The checksum is an entry like the others, first written as zeros."""
    package = _safetensors("mg.save")
    for a in arrays:
        if a.dtype.kind not in "fiub" or a.dtype.itemsize > 8:
            raise TypeError(f"mg.save: safetensors files hold no {a.dtype}; .npz files do")
    entries = {str(i): np.ascontiguousarray(a).reshape(a.shape) for i, a in enumerate(arrays)}
    entries[CHECKSUM] = np.zeros(32, np.uint8)
    data = bytearray(package.save(entries, metadata={STRUCTURE: structure}))
    place = _checksum_at(data, _header(data))
    data[place] = hashlib.sha256(data).digest()
    return bytes(data)


def _header(data: Array) -> Json:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > len(data) - 8:
        raise _DamagedError("it is no .safetensors file, or cut off")
    header = json.loads(bytes(data[8 : 8 + size]))
    if not isinstance(header, dict):
        raise _DamagedError("it is no .safetensors file")
    return header


def _checksum_at(data: Array, header: Json) -> slice:
    first, last = header[CHECKSUM]["data_offsets"]
    start = 8 + int.from_bytes(data[:8], "little")
    if last - first != 32:
        raise _DamagedError("its checksum is wrong")
    return slice(start + first, start + last)


def _from_safetensors(data: bytes) -> tuple[str | None, Any]:
    package = _safetensors("mg.load")
    header = _header(data)
    structure = header.get("__metadata__", {}).get(STRUCTURE)
    if structure is None and CHECKSUM not in header:
        return None, package.load(data)
    if structure is None or CHECKSUM not in header:
        raise _DamagedError("its header is damaged")
    place = _checksum_at(data, header)
    blank = bytearray(data)
    blank[place] = bytes(32)
    if hashlib.sha256(blank).digest() != data[place]:
        raise _DamagedError("its checksum is wrong: it is damaged")
    found = package.load(data)
    arrays = [np.array(found[str(i)]) for i in range(len(found) - 1)]
    return structure, arrays


_FORMATS: dict[str, tuple[Callable[..., bytes], Callable[[bytes], tuple[str | None, Any]]]] = {
    ".npz": (_to_npz, _from_npz),
    ".safetensors": (_to_safetensors, _from_safetensors),
}
