"""Reading files of models: bytes in, checked structures out, nothing executed.

What a file says is taken for what a stranger says: sizes are compared with what is there,
and data beside the model is only read from its own folder.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.typing import Array

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto


Names = dict[str, Any]


def read(path: str | os.PathLike[str]) -> ModelProto:
    """The model in a file, checked, its data read.

    Raises
    ------
    ValueError
        For what is no model, or a wrong one.
    """
    import onnx

    path = Path(path)
    content = path.read_bytes()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:
        raise ValueError(f"onnx.load: {path.name} is no model of ONNX") from None
    if not model.HasField("graph") or not model.opset_import:
        raise ValueError(f"onnx.load: {path.name} is no model of ONNX: it has no graph")
    try:
        bring_in(model, path.parent)
        if model.functions:
            from onnx import inliner

            model = inliner.inline_local_functions(model)
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        told = str(error).strip().split("\n")[0]
        raise ValueError(f"onnx.load: {path.name} is not a valid model: {told}") from None
    return model


def graphs_of(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs that a node has for attributes."""
    for a in node.attribute:
        if a.HasField("g"):
            yield a.g
        yield from a.graphs


def subgraphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graphs inside a graph, however deep."""
    for node in graph.node:
        for g in graphs_of(node):
            yield g
            yield from subgraphs(g)


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """All constants of a model, those in attributes, in subgraphs and in functions too."""
    for outer in (model.graph, *model.functions):
        for g in (outer, *subgraphs(outer)):
            yield from getattr(g, "initializer", ())
            for node in g.node:
                for a in node.attribute:
                    if a.HasField("t"):
                        yield a.t
                    yield from a.tensors


def bring_in(model: ModelProto, folder: Path) -> None:
    """Read data that lies in files beside the model."""
    import onnx

    for t in tensors(model):
        if t.data_location == onnx.TensorProto.EXTERNAL:
            t.raw_data = external(t, folder)
            t.data_location = onnx.TensorProto.DEFAULT
            del t.external_data[:]


def external(t: Array, folder: Path) -> bytes:
    """The bytes of a constant that lies beside the model.

    Raises
    ------
    ValueError
        For a place outside of the model's folder, and where there is too little.
    """
    from onnx import helper

    entries = {e.key: e.value for e in t.external_data}
    location = entries.get("location", "")
    home = folder.resolve()
    target = (home / location).resolve()
    if not location or os.path.isabs(location) or not target.is_relative_to(home):
        raise ValueError(
            f"onnx.load: the data of {t.name} is said to lie at {location!r}, outside of the "
            "model's folder, and is not read"
        )
    if not target.is_file():
        raise ValueError(f"onnx.load: the data of {t.name} is missing: there is no {location}")
    size = math.prod(t.dims) * np.dtype(helper.tensor_dtype_to_np_dtype(t.data_type)).itemsize
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
    except ValueError:
        raise ValueError(f"onnx.load: the place of the data of {t.name} is no number") from None
    if length != size or offset < 0 or offset + length > target.stat().st_size:
        raise ValueError(
            f"onnx.load: {t.name} {tuple(t.dims)} takes {size} bytes, and {location} does not "
            f"hold {length} at {offset}"
        )
    with target.open("rb") as file:
        file.seek(offset)
        content: bytes = file.read(length)
    return content


def array(t: Array) -> Array:
    """A constant as an array.

    Raises
    ------
    ValueError
        Where its data is not what its shape says.
    """
    from onnx import numpy_helper

    try:
        x = numpy_helper.to_array(t)
    except Exception as error:
        raise ValueError(f"onnx.load: the data of {t.name or 'a constant'}: {error}") from None
    if x.dtype.kind not in "fiub":
        raise ValueError(f"onnx.load: {t.name or 'a constant'} holds {x.dtype}, not numbers")
    return x


def attributes(node: NodeProto) -> Names:
    """The attributes of a node, by name."""
    from onnx import AttributeProto as Kind
    from onnx import helper

    found: Names = {}
    for a in node.attribute:
        if a.type == Kind.TENSOR:
            found[a.name] = array(a.t)
        elif a.type in (Kind.GRAPH, Kind.GRAPHS):
            raise NotImplementedError(
                f"onnx.load: {node.op_type} has a graph of its own, and such are not read"
            )
        else:
            value = helper.get_attribute_value(a)
            found[a.name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return found
