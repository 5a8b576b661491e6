"""Models of ONNX: functions and modules written as such, and models read as modules.

ONNX (https://onnx.ai) is the format that runtimes on servers, telephones and in browsers
take.  `export` writes the traced program, and `load` makes a differentiable module of a
model from anywhere.  Both need the package onnx: ``pip install minigrad[onnx]``.
"""

from minigrad.onnx.export import export as export
from minigrad.onnx.graph import OPSET as OPSET
from minigrad.onnx.load import Model as Model
from minigrad.onnx.load import load as load

__all__ = ["OPSET", "Model", "export", "load"]


def __dir__() -> list[str]:
    return __all__
