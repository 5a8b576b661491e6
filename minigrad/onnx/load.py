"""Load: a model of ONNX as a module, differentiable like any other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.nn.module import Module
from minigrad.onnx.export import library
from minigrad.onnx.operators import OPERATORS
from minigrad.onnx.reading import array, attributes, read, subgraphs
from minigrad.tensor import Tensor

__all__ = ["Model", "load"]

DOMAINS = ("", "ai.onnx")


Values = dict[str, Any]


@dataclass
class Step:
    """One node: what computes it, of which names, giving which."""

    call: Callable[..., Any]
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    def found(self, values: Values) -> Any:
        """The output, or a tuple of several."""
        return self.call(*[values[n] for n in self.inputs], **self.attributes)


@dataclass
class Choice:
    """The node If: one of two graphs, which see the names outside of them."""

    inputs: list[str]
    outputs: list[str]
    branches: dict[bool, tuple[Values, list[Any], list[str]]]

    def found(self, values: Values) -> Any:
        """The output of the graph that is chosen, or a tuple of several."""
        constants, steps, names = self.branches[bool(values[self.inputs[0]])]
        inside = {**values, **constants}
        follow(steps, inside)
        return tuple(inside[n] for n in names)


def follow(steps: list[Any], values: Values) -> None:
    """Compute what the steps give, one after the other, into ``values``."""
    for step in steps:
        try:
            found = step.found(values)
        except MemoryError as error:
            raise MemoryError(
                f"onnx.load: the model's node that gives {', '.join(step.outputs)} asks for more "
                f"memory than there is: {error}"
            ) from None
        except Exception as error:
            error.add_note(f"in the model's node that gives {', '.join(step.outputs)}")
            raise
        several = isinstance(found, tuple | list)
        values.update(zip(step.outputs, found if several else (found,), strict=False))


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
    weights: dict[Any, Tensor]

    def __init__(
        self, inputs: list[str], outputs: list[str], steps: list[Any], constants: Any, opset: int
    ) -> None:
        self.inputs, self.outputs, self.opset = inputs, outputs, opset
        self.weights = {
            name: Tensor(x, requires_grad=True)
            for name, x in constants.items()
            if x.dtype.kind == "f" and x.ndim
        }
        self._steps = steps
        self._fixed = {n: x for n, x in constants.items() if n not in self.weights}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
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

    def _given(self, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
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
    steps = [step_of(n, opset) for n in graph.node]
    inputs = [i.name for i in graph.input if i.name not in constants]
    return Model(inputs, [o.name for o in graph.output], steps, constants, opset)


def refuse_unknown(graph: Any, file: str) -> None:
    """Raise, naming the operators of a graph and of those inside it that are not known."""
    unknown: set[str] = set()
    sparse = False
    for g in (graph, *subgraphs(graph)):
        sparse |= bool(g.sparse_initializer)
        for n in g.node:
            if n.domain not in DOMAINS:
                unknown.add(f"{n.domain}.{n.op_type}")
            elif n.op_type not in OPERATORS and n.op_type != "If":
                unknown.add(n.op_type)
    if unknown or sparse:
        what = ", ".join(sorted(unknown)) or "sparse weights"
        raise NotImplementedError(
            f"onnx.load: {file} uses {what}, which {'are' if len(unknown) > 1 else 'is'} not known"
        )


def constants_of(graph: Any) -> Values:
    return {t.name: array(t) for t in graph.initializer}


def step_of(n: Any, opset: int) -> Step | Choice:
    """A node as what computes it."""
    names = list(n.input), list(n.output)
    if n.op_type == "If":
        graphs = {a.name: a.g for a in n.attribute}
        branches = {
            chosen: (
                constants_of(graphs[name]),
                [step_of(inner, opset) for inner in graphs[name].node],
                [o.name for o in graphs[name].output],
            )
            for chosen, name in ((True, "then_branch"), (False, "else_branch"))
        }
        return Choice(*names, branches)
    operator = OPERATORS[n.op_type]
    given = attributes(n)
    if operator.versioned:
        given["opset"] = opset
    if operator.many:
        given["outputs"] = len(n.output)
    problem = operator.wrong(given)
    if problem:
        raise NotImplementedError(
            f"onnx.load: {n.op_type} ({n.name or n.output[0]}) has {problem}, which is not known"
        )
    return Step(operator.call, *names, given)
