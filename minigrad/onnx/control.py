"""Nodes that hold graphs: choices and loops, run as they come, so that gradients flow through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.onnx.operators import OPERATORS
from minigrad.onnx.operators.table import whole
from minigrad.onnx.reading import array, attributes
from minigrad.typing import Array, Function, Keywords, Tree

if TYPE_CHECKING:
    from onnx import GraphProto


Values = dict[str, Any]


@dataclass
class Operation:
    """One node: what computes it, of which names, giving which."""

    call: Function
    inputs: list[str]
    outputs: list[str]
    attributes: Keywords

    def found(self, values: Values) -> Tree:
        """The output, or a tuple of several."""
        return self.call(*[values[n] for n in self.inputs], **self.attributes)


@dataclass
class Body:
    """A graph inside a node, which sees the names outside of it.

    Attributes
    ----------
    inputs, outputs : list of str
    constants : dict
    steps : list
    empty : list
        For each output an array of no entries along a new first axis, as far as its shape is
        told: what a loop that never runs collects.
    """

    inputs: list[str]
    outputs: list[str]
    constants: Values
    steps: list[Any]
    empty: list[Array]

    def __call__(self, values: Values, *given: Array) -> tuple[Array, ...]:
        """The outputs for the inputs ``given``."""
        inside = {**values, **self.constants, **dict(zip(self.inputs, given, strict=True))}
        follow(self.steps, inside)
        return tuple(inside[n] for n in self.outputs)


@dataclass
class Choice:
    """The node If: one of two graphs."""

    inputs: list[str]
    outputs: list[str]
    branches: dict[bool, Body]

    def found(self, values: Values) -> tuple[Array, ...]:
        """The outputs of the graph that is chosen."""
        return self.branches[truth(values[self.inputs[0]])](values)


@dataclass
class Loop:
    """The node Loop: a graph again and again, as often as is said and while it says so.

    What it carries goes from pass to pass; what it collects is stacked in front.

    Attributes
    ----------
    inputs : list of str
        How often at most and whether at all, each of them or "", and what is carried.
    outputs : list of str
        What is carried, in the end, and what was collected: (passes, ...) each.
    body : Body
        From the number of the pass, whether to go on, and what is carried, to whether to go on,
        what is carried and what is collected.
    """

    inputs: list[str]
    outputs: list[str]
    body: Body

    def found(self, values: Values) -> tuple[Array, ...]:
        """What is carried in the end, and what was collected."""
        most, going, *carried = (values[n] for n in self.inputs)
        limit = None if most is None else whole(most)[0]
        going = True if going is None else truth(going)
        n, passes = len(carried), 0
        collected: list[tuple[Array, ...]] = []
        while going and (limit is None or passes < limit):
            at, on = np.asarray(passes, np.int64), np.asarray(True)
            more, *found = self.body(values, at, on, *carried)
            carried, going = found[:n], truth(more)
            collected.append(tuple(found[n:]))
            passes += 1
        return (*carried, *stacked(collected, self.body.empty[1 + n :]))


@dataclass
class Scan:
    """The node Scan: a graph for every entry along an axis of its inputs, in step.

    Attributes
    ----------
    inputs : list of str
        States, and ``count`` arrays that are read.
    outputs : list of str
        The states in the end, and what was collected.
    body : Body
        From states and one entry of each array to states and what is collected.
    count : int
    axes, axes_out : list of int
        Of each array that is read, or collected, the axis that the entries lie along.
    backward, backward_out : list of int
        1 where an array is read, or collected, from its end.
    """

    inputs: list[str]
    outputs: list[str]
    body: Body
    count: int
    axes: list[int]
    backward: list[int]
    axes_out: list[int]
    backward_out: list[int]

    def found(self, values: Values) -> tuple[Array, ...]:
        """The states in the end, and what was collected."""
        given = [values[n] for n in self.inputs]
        n = len(given) - self.count
        states, read = given[:n], given[n:]
        read = [ops.moveaxis(x, axis, 0) for x, axis in zip(read, self.axes, strict=True)]
        read = [x[::-1] if b else x for x, b in zip(read, self.backward, strict=True)]
        if len({np.shape(x)[0] for x in read}) > 1:
            lengths = [np.shape(x)[0] for x in read]
            raise ValueError(f"Scan: its inputs have lengths {lengths}, which must be equal")
        collected = []
        for entries in zip(*read, strict=True):
            found = self.body(values, *states, *entries)
            states = list(found[:n])
            collected.append(found[n:])
        lists = stacked(collected, self.body.empty[n:])
        lists = [x[::-1] if b else x for x, b in zip(lists, self.backward_out, strict=True)]
        out = [ops.moveaxis(x, 0, axis) for x, axis in zip(lists, self.axes_out, strict=True)]
        return (*states, *out)


def stacked(collected: list[tuple[Array, ...]], empty: list[Array]) -> list[Array]:
    """What the passes gave, one output after the other, each in one array."""
    if not collected:
        return empty
    return [ops.stack(list(parts)) for parts in zip(*collected, strict=True)]


def truth(x: Array) -> bool:
    """A condition, of shape () or (1,)."""
    if np.size(x) != 1:
        raise ValueError(f"a condition has the shape {np.shape(x)}")
    return bool(x)


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


# --- reading ---------------------------------------------------------------------------


def constants_of(graph: GraphProto) -> Values:
    """Name -> array: what a graph holds itself."""
    return {t.name: array(t) for t in graph.initializer}


def body_of(graph: GraphProto, opset: int) -> Body:
    """A graph inside a node."""
    from onnx import helper

    empty = []
    for output in graph.output:
        kind = output.type.tensor_type
        known = kind.elem_type and kind.elem_type != 8  # 8: strings
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type) if known else np.float32
        empty.append(np.zeros((0, *(d.dim_value for d in kind.shape.dim)), dtype))
    return Body(
        [i.name for i in graph.input],
        [o.name for o in graph.output],
        constants_of(graph),
        [step_of(n, opset) for n in graph.node],
        empty,
    )


def choice(n: Array, opset: int) -> Choice:
    graphs = {a.name: a.g for a in n.attribute}
    names = ((True, "then_branch"), (False, "else_branch"))
    branches = {chosen: body_of(graphs[name], opset) for chosen, name in names}
    return Choice(list(n.input), list(n.output), branches)


def loop(n: Array, opset: int) -> Loop:
    inputs = [*n.input, "", ""][: max(2, len(n.input))]
    return Loop(inputs, list(n.output), body_of(n.attribute[0].g, opset))


def scan(n: Array, opset: int) -> Scan:
    if opset < 9:
        raise NotImplementedError(
            f"onnx.load: Scan ({n.name or n.output[0]}) of version 8 goes over batches, and is not "
            "known: convert the model (onnx.version_converter)"
        )
    given = {a.name: list(a.ints) for a in n.attribute}
    (body,) = (body_of(a.g, opset) for a in n.attribute if a.name == "body")
    (count,) = (a.i for a in n.attribute if a.name == "num_scan_inputs")
    results = len(body.outputs) - (len(n.input) - count)
    return Scan(
        list(n.input),
        list(n.output),
        body,
        count,
        given.get("scan_input_axes") or [0] * count,
        given.get("scan_input_directions") or [0] * count,
        given.get("scan_output_axes") or [0] * results,
        given.get("scan_output_directions") or [0] * results,
    )


CONTROL: dict[str, Callable[[Any, int], Any]] = {"If": choice, "Loop": loop, "Scan": scan}
"""Name -> what makes a step of a node that holds graphs."""


def step_of(n: Array, opset: int) -> Any:
    """A node as what computes it."""
    if n.op_type in CONTROL:
        return CONTROL[n.op_type](n, opset)
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
    return Operation(operator.call, list(n.input), list(n.output), given)
