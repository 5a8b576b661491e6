"""Load: a model of ONNX as a module, differentiable like any other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.nn.module import Module
from minigrad.onnx.control import CONTROL, Values, constants_of, follow, step_of
from minigrad.onnx.export import library
from minigrad.onnx.operators import OPERATORS
from minigrad.onnx.reading import read, subgraphs
from minigrad.tensor import Tensor
from minigrad.typing import Array, Keywords, Tree

if TYPE_CHECKING:
    from onnx import GraphProto


__all__ = ["Model", "load"]

DOMAINS = ("", "ai.onnx")


class Model(Module):
    """What `load` makes of a model.

    Called with the inputs in order or by name, it returns the output, or a tuple of several.
    Floating-point weights are parameters, single numbers aside: they can be trained on, saved,
    and exported again.

    Parameters
    ----------
    inputs, outputs : list of str
    steps : list
        What is computed, in order.
    constants : dict
        Name -> array: the weights, and what is fixed.
    opset : int

    Attributes
    ----------
    inputs, outputs : list of str
        Their names.
    opset : int
        The version of ONNX's operators that the model is written in.
    weights : dict
        Name -> Tensor: the parameters.

    Examples
    --------
    >>> import numpy as np, minigrad as mg, tempfile
    >>> from minigrad import onnx
    >>> net = mg.nn.Linear(3, 2, rng=0)
    >>> x = np.ones((4, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = onnx.export(net, f"{folder}/net.onnx", x)
    ...     model = onnx.load(f"{folder}/net.onnx")
    >>> type(model).__name__, bool(np.allclose(model(x).data, net(x).data))
    ('Model', True)
    """

    inputs: list[str]
    outputs: list[str]
    opset: int

    def __init__(
        self,
        inputs: list[str],
        outputs: list[str],
        steps: list[Any],
        constants: dict[str, Array],
        opset: int,
    ) -> None:
        self.inputs, self.outputs, self.opset = inputs, outputs, opset
        self.weights: dict[str, Tensor] = {
            name: Tensor(x, requires_grad=True)
            for name, x in constants.items()
            if x.dtype.kind == "f" and x.ndim
        }
        self._steps = steps
        self._fixed = {n: x for n, x in constants.items() if n not in self.weights}

    def forward(self, *args: object, **kwargs: Any) -> Tree:
        """The output of the model.

        Raises
        ------
        TypeError
            For inputs that are missing, unknown or given twice.
        """
        values: Values = {"": None, **self._fixed, **self.weights}
        values.update(self._given(args, kwargs))
        follow(self._steps, values)
        answers = tuple(values[name] for name in self.outputs)
        return answers if len(answers) > 1 else answers[0]

    def _given(self, args: Any, kwargs: Keywords) -> dict[str, Array]:
        expected = ", ".join(self.inputs)
        if len(args) > len(self.inputs):
            raise TypeError(f"the model takes {expected}: got {len(args)} arguments")
        given = dict(zip(self.inputs, args, strict=False))
        for name, x in kwargs.items():
            if name not in self.inputs:
                raise TypeError(f"the model has no input {name}; it takes {expected}")
            if name in given:
                raise TypeError(f"the model's input {name} is given twice")
            given[name] = x
        missing = [name for name in self.inputs if name not in given]
        if missing:
            raise TypeError(f"the model's input {missing[0]} is missing; it takes {expected}")
        return {n: x if isinstance(x, Tensor) else np.asarray(x) for n, x in given.items()}

    def details(self) -> str:
        return f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}"


def load(path: str | os.PathLike[str]) -> Model:
    """A module of the model of ONNX in a file.

    Parameters
    ----------
    path : path
        Of the file; data beside it is read from its own folder only.

    Returns
    -------
    Model
        Differentiable by its inputs and by its weights, which are parameters.

    Raises
    ------
    ImportError
        Without the package onnx.
    FileNotFoundError
        Where there is no file.
    ValueError
        For what is no model, a wrong one, and data that lies elsewhere.
    NotImplementedError
        Naming operators that are not known, all at once.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np, minigrad as mg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "square.onnx")
    ...     _ = mg.onnx.export(lambda x: x**2, path, np.ones(3))
    ...     square = mg.onnx.load(path)
    >>> mg.grad(lambda x: square(x).sum())(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    library()
    model = read(path)
    opset = max((o.version for o in model.opset_import if o.domain in DOMAINS), default=0)
    graph = model.graph
    refuse_unknown(graph, os.path.basename(path))
    constants = constants_of(graph)
    for i in graph.input:
        if not i.type.HasField("tensor_type"):
            raise NotImplementedError(
                f"onnx.load: the input {i.name} is no array, and other inputs are not known"
            )
    steps = [step_of(n, opset) for n in graph.node]
    inputs = [i.name for i in graph.input if i.name not in constants]
    return Model(inputs, [o.name for o in graph.output], steps, constants, opset)


def refuse_unknown(graph: GraphProto, file: str) -> None:
    """Raise, naming the operators of a graph and of those inside it that are not known."""
    unknown: set[str] = set()
    sparse = False
    for g in (graph, *subgraphs(graph)):
        sparse |= bool(g.sparse_initializer)
        for n in g.node:
            if n.domain not in DOMAINS:
                unknown.add(f"{n.domain}.{n.op_type}")
            elif n.op_type not in {**OPERATORS, **CONTROL}:
                unknown.add(n.op_type)
    if unknown or sparse:
        what = ", ".join(sorted(unknown)) or "sparse weights"
        raise NotImplementedError(
            f"onnx.load: {file} uses {what}, which {'are' if len(unknown) > 1 else 'is'} not known"
        )
