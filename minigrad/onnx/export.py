"""Export: a function, a module or a program as a model of ONNX."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.errors import label, needed
from minigrad.nn.module import Module
from minigrad.onnx.graph import IR_VERSION, OPSET, SURROGATES, Graph, Value, printable
from minigrad.onnx.rules import write
from minigrad.onnx.sizes import Merging, Size, Unclear, Varying, points
from minigrad.program.compile import Compiled
from minigrad.program.equations import Program, Var, without_dead_code
from minigrad.program.trace import arguments, function_name, record
from minigrad.reading.files import replace_file
from minigrad.tensor import Tensor
from minigrad.tree import flatten
from minigrad.typing import Array, DType, Function, Keywords, Operand, Shape

if TYPE_CHECKING:
    from onnx import ModelProto


__all__ = ["export"]


def library() -> Any:
    """The package `onnx`.

    Raises
    ------
    ImportError
        Saying what to install.
    """
    return needed("onnx", "models of ONNX need the package onnx: pip install onnx")


def export(
    f: Function,
    path: str | os.PathLike[str] | None,
    *args: Any,
    dynamic_axes: Any = None,
    output_names: list[str] | None = None,
    dtype: DType = None,
    **kwargs: Any,
) -> ModelProto:
    """Write ``f``, as it is for arguments like these, as a model of ONNX.

    What is written is the traced program, so that values and gradients are alike: the export
    of ``mg.value_and_grad(loss)`` is a model that returns both.

    Parameters
    ----------
    f : callable, Module or Program
        A module is to be in evaluation mode; its parameters keep their dotted names.
    path : path or None
        Where to write; None: only return the model.
    *args, **kwargs
        Arguments of the shapes and dtypes that the model is for: NumPy arrays and numbers,
        nested as `mg.trace` takes them.  None for a `Program`, which has them.
    dynamic_axes : dict, optional
        Name of an argument -> the axes whose size may be any, ``{axis: name}`` or a list of
        axes.  Axes of one name have one size.  By default the first axis of every argument
        of a module is ``"batch"``, and that of functions and programs is as it is; ``{}``
        leaves all sizes as they are.
    output_names : list of str, optional
        Names of the outputs, in order.
    dtype : dtype, optional
        What floating-point numbers are written as, such as float32, which more runtimes
        compute with.  By default what they are.

    Returns
    -------
    onnx.ModelProto
        Checked by ``onnx.checker``; of opset 18.

    Raises
    ------
    ImportError
        Without the package onnx.
    NotImplementedError
        For an op that ONNX cannot express, by name.
    ValueError
        For sizes that the program depends on in a way that is no formula of them.
    TypeError
        For arguments that cannot be traced, complex numbers, and whatever `mg.trace` refuses.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> model = mg.nn.Sequential(mg.nn.Linear(3, 2, rng=0), mg.nn.ReLU())
    >>> proto = mg.onnx.export(model.eval(), None, np.ones((4, 3)))
    >>> [i.name for i in proto.graph.initializer][:2], proto.graph.input[0].name
    (['0.weight', '0.bias'], 'x')
    >>> [n.op_type for n in proto.graph.node]
    ['Transpose', 'MatMul', 'Add', 'Relu', 'Identity']
    """
    library()
    if not isinstance(path, str | os.PathLike | None):
        raise TypeError(
            f"onnx.export: the path, or None, comes before the arguments, and {label(path)} is none"
        )
    program, names, axes = traced(f, args, kwargs, dynamic_axes)
    model = GraphWriter(program, names, axes, dtype, output_names).model()
    if path is not None:
        replace_file(path, model.SerializeToString())
    return model


# --- tracing ---------------------------------------------------------------------------


def traced(
    f: Function, args: tuple[Any, ...], kwargs: Keywords, dynamic: Any
) -> tuple[Program, dict[int, str], dict[str, dict[int, str]]]:
    """The program, names of Tensors in it, and the axes that vary."""
    if isinstance(f, Program):
        if args or kwargs:
            raise TypeError("onnx.export: a program has its arguments; give a function for others")
        if dynamic:
            raise TypeError("onnx.export: a program is of fixed sizes; give the function instead")
        return f, {}, {}
    names: dict[int, str] = {}
    if isinstance(f, Compiled):
        f = f.f
    module = isinstance(f, Module)
    if isinstance(f, Module):
        names = names_of(f)
        f = f.forward
    elif inspect.ismethod(f) and isinstance(f.__self__, Module):
        names = names_of(f.__self__)
    if not callable(f):
        raise TypeError(f"onnx.export takes a function, a module or a program, not {label(f)}")
    if module and not args and not kwargs:
        raise TypeError("onnx.export: give examples of the module's arguments, behind the path")
    named = arguments(f, args, kwargs)
    if dynamic is None:
        dynamic = {n: {0: "batch"} for n, x in named.items() if is_batch(x)} if module else {}
    axes = checked(dynamic, named)
    symbols = sorted({s for of in axes.values() for s in of.values()})
    longest = dict.fromkeys(symbols, 0)
    for name, of in axes.items():
        for axis, s in of.items():
            longest[s] = max(longest[s], np.shape(named[name])[axis])
    at = points(longest)
    programs = []
    for lengths in at:
        other = resized(named, axes, lengths) if symbols else named
        count = len(args)
        given = list(other.items())
        positional = [x for _, x in given[:count]]
        programs.append(without_dead_code(record(f, positional, dict(given[count:]))))
    try:
        return Merging(at).program(programs), names, axes
    except Unclear as error:
        raise ValueError(
            f"onnx.export: {function_name(f)} depends on the size of {', '.join(symbols)} in "
            f"{error}, in a way that is no formula of it: fix the size, with dynamic_axes={{}}"
        ) from None


def names_of(module: Module) -> dict[int, str]:
    """Parameters and buffers by identity: the first name of each."""
    return {id(t): name for name, t in reversed(module._tensors().items())}


def is_batch(x: Array) -> bool:
    return isinstance(x, np.ndarray | Tensor) and np.ndim(x) > 0


def checked(dynamic: Any, named: Keywords) -> dict[str, dict[int, str]]:
    """The axes that vary by argument, each with the name of its size."""
    if not isinstance(dynamic, dict):
        raise TypeError(f"onnx.export: dynamic_axes is a dict, not {dynamic!r}")
    found: dict[str, dict[int, str]] = {}
    for name, axes in dynamic.items():
        if name not in named:
            raise ValueError(
                f"onnx.export: dynamic_axes names {name!r}, and the arguments are "
                f"{', '.join(named)}"
            )
        x = named[name]
        if not is_batch(x):
            raise ValueError(f"onnx.export: dynamic_axes: {name} is no array with axes")
        if not isinstance(axes, dict):
            axes = {i: f"{name}_{i}" for i in ([axes] if isinstance(axes, int) else axes)}
        for axis, symbol in axes.items():
            if not isinstance(axis, int) or not -np.ndim(x) <= axis < np.ndim(x):
                raise ValueError(f"onnx.export: {name} has no axis {axis!r}: {np.shape(x)}")
            if not isinstance(symbol, str) or not symbol:
                raise TypeError(f"onnx.export: the size of an axis has a name, not {symbol!r}")
        found[name] = {axis % np.ndim(x): symbol for axis, symbol in axes.items()}
    return found


def resized(
    named: Keywords, axes: Mapping[str, Mapping[int, str]], lengths: dict[str, int]
) -> dict[str, Array]:
    """The arguments with other lengths: rows that are there, over and over."""
    found = dict(named)
    for name, of in axes.items():
        x = found[name]
        x = x.data if isinstance(x, Tensor) else np.asarray(x)
        for axis, symbol in of.items():
            if not x.shape[axis]:
                raise ValueError(f"onnx.export: {name} is empty along axis {axis}: give some rows")
            x = np.take(x, np.arange(lengths[symbol]) % x.shape[axis], axis)
        found[name] = x
    return found


# --- writing ---------------------------------------------------------------------------


class GraphWriter:
    """Writes one program as a graph of ONNX."""

    program: Program
    names: dict[int, str]
    axes: Any

    def __init__(
        self,
        program: Program,
        names: dict[int, str],
        axes: dict[str, dict[int, str]],
        dtype: DType,
        outputs: Any,
    ) -> None:
        self.program, self.names, self.axes = program, names, axes
        if dtype is not None and np.dtype(dtype) not in (np.float16, np.float32, np.float64):
            raise TypeError(f"onnx.export: dtype is float16, float32 or float64, not {dtype!r}")
        self.g: Graph = Graph(dtype)
        self.env: dict[Var, Value] = {}
        self.outputs = outputs

    def model(self) -> ModelProto:
        import onnx

        g, program, make = self.g, self.program, onnx.helper
        inputs = [self.input(v) for v in program.inputs]
        leaves = self.results()
        g.taken.update(name for name, _ in leaves)
        for v, c in program.constants.items():
            x = c if isinstance(c, Varying) else getattr(c, "_value", c)
            name = self.names.get(id(c), v.name)
            y = g.constant(x) if isinstance(x, Varying) else g.array(x, printable(name))
            self.env[v] = Value(g, y.name, y.dtype, v.shape)
        for e in program.equations:
            write(g, e, self.env)
        outputs = [self.output(name, x) for name, x in leaves]
        graph = make.make_graph(g.nodes, printable(program.name), inputs, outputs, g.initializers)
        model = make.make_model(
            graph,
            opset_imports=[make.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="minigrad",
        )
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            told = str(error).strip().split("\n")[0]
            raise NotImplementedError(
                f"onnx.export: ONNX has this program for other dtypes only: {told}"
            ) from None
        return model

    def info(self, name: str, dtype: DType, shape: Shape) -> Any:
        sizes = [(n.symbol or repr(n)) if isinstance(n, Size) else int(n) for n in shape]
        return self.g.helper.make_tensor_value_info(name, self.g.element(dtype), sizes)

    def input(self, v: Var) -> Any:
        g = self.g
        name = g.unique(printable(v.name))
        dtype = g.kind(v.dtype)
        self.env[v] = Value(g, name, dtype, v.shape)
        for axis, n in enumerate(v.shape):
            if isinstance(n, Size) and n.symbol:
                g.dimensions.setdefault(n.symbol, (name, axis))
        return self.info(name, dtype, v.shape)

    def results(self) -> list[tuple[str, Operand]]:
        """The outputs with names: the user's, or those of the variables, or numbers."""
        leaves = [x for x in flatten(self.program.result)[0] if x is not None]
        if not leaves:
            raise ValueError(f"onnx.export: {self.program.name} returns nothing")
        given = self.outputs
        if given is not None and (
            len(given) != len(leaves)
            or len(set(given)) != len(given)
            or not all(isinstance(n, str) and n for n in given)
        ):
            raise ValueError(
                f"onnx.export: output_names are {len(leaves)} different names, not {given!r}"
            )
        for name in given or ():
            if SURROGATES.search(name):
                raise ValueError(f"onnx.export: {name!r} is no name in UTF-8, which ONNX wants")
        if given is not None and (both := set(given) & self.g.taken):
            raise ValueError(f"onnx.export: {min(both)} is the name of an input already")
        names = []
        for i, x in enumerate(leaves):
            named = isinstance(x, Var) and x.given and x not in self.env
            default = "output" if len(leaves) == 1 else f"output_{i}"
            name = given[i] if given is not None else x.name if named else default
            names.append(name if given is not None else self.g.unique(printable(name)))
        return list(zip(names, leaves, strict=True))

    def output(self, name: str, x: Array) -> Any:
        g = self.g
        if isinstance(x, Var):
            y, shape = self.env[x], x.shape
        else:
            y = g.constant(x if isinstance(x, Varying) else np.asarray(x))
            shape = getattr(x, "shape", ())
        g.nodes.append(g.helper.make_node("Identity", [y.name], [name], name=f"{name}_output"))
        return self.info(name, y.dtype, shape)
