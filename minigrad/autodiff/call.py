"""One call of a function on fresh variables: what every gradient function begins with.

Variables of an inner call are copies *of* the outer call's, so nesting needs nothing
further.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad.data import CONTINUOUS, NUMBERS
from minigrad.errors import label
from minigrad.graph import (
    NOTHING,
    AnyNode,
    Variable,
    backward_pass,
    is_asked_for,
    living,
    modes,
    node1,
    pushing,
    reached,
    recording,
    running,
    tracing,
    variable,
)
from minigrad.tensor import Tensor, handed_out, own, wrap
from minigrad.tree import CONTAINERS, flatten, is_leaf, tree_map
from minigrad.typing import Array, Function, Keywords, Tree

# --- variables -------------------------------------------------------------------------


def is_number(x: Array) -> bool:
    return isinstance(x, int | float | complex | np.number) and not isinstance(x, bool)


def variable_for(x: Array, outlives: bool) -> Any:
    """A Tensor to differentiate by, or ``x`` itself where that makes no sense.

    An array is copied if the graph may outlive the call, so that its owner may change
    it: when a pullback is kept, or gradients can be asked for of something else in it.
    """
    if type(x) is float:
        return wrap(np.float64(x), Variable())
    if type(x) is np.ndarray and x.dtype.kind in CONTINUOUS and x.ndim:
        data = x.copy() if outlives or living or running else x.view()
        data.setflags(False)  # type: ignore[call-arg]
        return wrap(data, Variable())
    if isinstance(x, Tensor):
        if x.node is not None and x.dtype.kind in "iu" and not x.shape:
            x = x.astype(float)  # a number in a program, as a variable made of a number is
        node = x.node
        if modes.special and (tracer := tracing.get()) is not None:
            node = tracer.node_of(x)  # what comes from outside of the recording is captured
        if node is not None and x.dtype.kind in CONTINUOUS:
            return wrap(x._value, node1(variable, x._value, node, NOTHING, x._value))
        return wrap(x._value, Variable()) if x.dtype.kind in CONTINUOUS else x
    if is_number(x) or getattr(getattr(x, "dtype", None), "kind", "?") in CONTINUOUS:
        return wrap(own(x, True), Variable())
    return x


def check_differentiable(argument: object, variables: list[object], i: int) -> None:
    """Refuse an argument that holds integers, or nothing to differentiate by."""
    for x in variables:
        dtype = getattr(x, "dtype", None)
        if getattr(dtype, "kind", "f") in "iu":
            raise TypeError(
                f"argument {i} holds integers (dtype {dtype}), which have no derivative; "
                "convert them with .astype(float)"
            )
    if not any(map(is_variable, variables)):
        raise TypeError(
            f"argument {i} ({label(argument)}) holds no floating-point number to differentiate by; "
            "choose other arguments with argnums="
        )


def node_of(x: Array) -> AnyNode | None:
    return x.node if isinstance(x, Tensor) else None


def unhidden(outputs: list[object]) -> list[Any]:
    """``outputs``, none of which hides a Tensor in an array of another kind.

    Raises
    ------
    TypeError
        For such, whose gradient would be lost.
    """
    for y in outputs:
        if type(y) is Tensor or type(y) in NUMBERS or y is None:
            continue
        if type(y) is np.ndarray:
            hidden = y.dtype.kind == "O" and any(isinstance(v, Tensor) for v in y.flat)
            what, remedy = "an array of objects that holds Tensors", "mg.array of them"
        else:
            hidden = isinstance(getattr(y, "data", None), Tensor) and not isinstance(y, Tensor)
            what, remedy = f"a {type(y).__name__} that holds a Tensor", "its .data"
        if hidden:
            raise TypeError(
                f"the function returned {what}, whose gradient would be lost: return {remedy}"
            )
    return outputs


def is_variable(x: Array) -> bool:
    """Whether ``x`` can be differentiated by: in a program, whole numbers have nodes too."""
    return type(x) is Tensor and x.node is not None and x._value.dtype.kind in CONTINUOUS


def array_of(x: Array) -> Array:
    """``x`` without its graph, if it is a Tensor."""
    return x.data if isinstance(x, Tensor) else x


def recording_on() -> Any:
    if not modes.special or recording.get():
        return _AS_IT_IS
    return modes.set(recording, True)


_AS_IT_IS = nullcontext()
_FIRST = operator.itemgetter(0)


def parted(
    result: Array, value: Function = array_of
) -> tuple[list[Array], Callable[[list[Array]], Tree]]:
    """`flatten` of what a function returned, with the ``value`` of what is beside the parts."""
    traced = value is array_of and modes.special and tracing.get() is not None
    if is_leaf(result) or traced:  # who traces takes care of all that is returned
        return flatten(result)
    return flatten(result)[0], flatten(tree_map(value, result, whole=True))[1]


class Call:
    """One call of ``f`` on fresh variables: what went in, what came out.

    Attributes
    ----------
    inputs : list of Tensor
        Leaves of the differentiated arguments, in order.
    nodes : set of nodes
        The variables.
    result : Any
        What ``f`` returned.
    """

    __slots__ = ("builds", "inputs", "nested", "nodes", "outer", "result")
    nodes: set[AnyNode]
    result: Tree

    def __init__(
        self,
        f: Function,
        args: Sequence[Any],
        argnums: Sequence[int],
        kwargs: Keywords,
        strict: bool = False,
        outlives: bool = False,
    ) -> None:
        called = list(args)
        self.inputs: list[Array] = []
        self.builds: list[tuple[int, Callable[[list[Array]], Tree]]] = []
        self.nested: bool = False
        for i in argnums:
            x = args[i] if isinstance(args[i], CONTAINERS) else variable_for(args[i], outlives)
            if x is not args[i] or (type(x) not in CONTAINERS and is_leaf(x)):
                called[i] = x
                if strict and not is_variable(x):
                    check_differentiable(args[i], [x], i)
                self.inputs.append(x)
                self.builds.append((1, _FIRST))
                continue
            self.nested = True
            found, build = flatten(args[i])
            variables = [variable_for(x, outlives) for x in found]
            if strict:
                check_differentiable(args[i], variables, i)
            called[i] = build(variables)
            self.inputs += variables
            self.builds.append((len(found), build))
        self.nodes = {x.node for x in self.inputs if type(x) is Tensor and x.node is not None}
        self.outer: bool = recording.get() if modes.special else True
        try:
            running.update(self.nodes)
            if modes.special:
                with recording_on():
                    self.result = f(*called, **kwargs)
            else:
                self.result = f(*called, **kwargs)
            if type(self.result) is not Tensor:
                unhidden(flatten(self.result)[0])
            running.difference_update(self.nodes)
        except BaseException:  # an interrupt may come between the two lines above
            running.difference_update(self.nodes)
            raise

    def rebuild(self, values: list[Array]) -> list[Tree]:
        """One value for each of ``inputs``, in the structure of each argument."""
        if not self.nested:
            return values
        answers, start = [], 0
        for n, build in self.builds:
            answers.append(build(values[start : start + n]))
            start += n
        return answers

    def recorded_by_caller(self, outputs: Sequence[Array]) -> bool:
        """Whether ``outputs`` depend on leaves whose gradient may still be asked for."""
        if not self.outer:
            return False
        if modes.special and tracing.get() is not None:
            return True
        if not living and not running and not (modes.special and pushing.get()):
            return False
        roots = [y.node for y in outputs if node_of(y) is not None]
        return any(map(is_asked_for, reached(*roots)))

    def pull(self, seeds: list[tuple[AnyNode, Array]], lift: Function | None = None) -> list[Array]:
        """Gradients of the inputs; zeros where nothing depends on them."""
        if modes.special:
            again = tracing.get() is not None and (running or pushing.get())
            with recording_on():
                found = backward_pass(seeds, self.nodes, lift, limits="traced" if again else True)
        else:
            found = backward_pass(seeds, self.nodes, lift)
        if lift is None:
            handed_out(found)
        answers: list[Array] = []
        for x in self.inputs:
            g = None
            if type(x) is Tensor and x.node is not None:
                if x.node in found:
                    g = found[x.node]
                elif x._value.dtype.kind in CONTINUOUS:
                    g = np.zeros_like(x._value)[()]
                if lift is not None and g is not None and type(g) is not Tensor:
                    g = wrap(g, None)
            answers.append(g)
        return answers


# --- checks ----------------------------------------------------------------------------


def numbers(argnums: int | Sequence[int], n: int) -> list[int]:
    """The chosen arguments, counted from the front."""
    if type(argnums) is int and 0 <= argnums < n:
        return [argnums]
    try:
        several: Any = argnums if isinstance(argnums, list | tuple) else [argnums]
        given = [operator.index(i) for i in several]
    except TypeError:
        raise TypeError(
            f"argnums={argnums!r}: it is the position of an argument, or a tuple of positions"
        ) from None
    for i in given:
        if not -n <= i < n:
            raise ValueError(
                f"argnums={argnums}: the function was called with {n} positional "
                f"argument{'s' * (n != 1)}; what is differentiated must be passed by position"
            )
    numbers = [i % n for i in given]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"argnums={argnums}: an argument is chosen twice")
    return numbers


def check_callable(f: Function, who: str) -> None:
    if not callable(f):
        raise TypeError(f"mg.{who} takes a function, not {label(f)}: mg.{who}(f)(x)")


def check_holomorphic(call: Call) -> None:
    """Refuse real arguments where the complex derivative is asked for."""
    for x in call.inputs:
        if node_of(x) is not None and x.dtype.kind != "c":
            raise TypeError(
                f"holomorphic=True: the derivative is by complex numbers, but an argument has "
                f"dtype {x.dtype}; write it as complex, or leave holomorphic=True out"
            )


def check_scalar(f: Function, y: Array, holomorphic: bool = False) -> None:
    """Check that ``y`` is one floating-point number, a complex one if ``holomorphic``."""
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if holomorphic:
        kind = {"f": "real", "c": "f"}.get(kind or "", kind)
    if (isinstance(y, float) and not holomorphic) or (kind == "f" and y.size == 1):
        return
    name = getattr(f, "__name__", "the function")
    if isinstance(y, list | tuple | dict):
        raise TypeError(
            f"{name} returned a {type(y).__name__}; grad needs a single number "
            "(has_aux=True takes a pair of a number and anything else)"
        )
    if kind == "c" or isinstance(y, complex):
        raise TypeError(
            f"{name} returned a complex number; grad needs a real one: take .real, .imag or "
            "np.abs, or, where it is holomorphic, ask for holomorphic=True"
        )
    if kind == "real" or isinstance(y, float):
        raise TypeError(
            f"{name} returned a real number, and no real function is holomorphic: leave out "
            "holomorphic=True"
        )
    if kind is None and not isinstance(y, int):
        raise TypeError(f"{name} returned {label(y)}; grad needs a single number")
    if kind in ("i", "u", "b") or isinstance(y, int):
        what = "a boolean" if kind == "b" or isinstance(y, bool) else "an integer"
        raise TypeError(
            f"{name} returned {what}, which has no derivative; return a floating-point number"
        )
    raise ValueError(
        f"{name} returned shape {tuple(y.shape)}; grad needs a single number: reduce it with "
        ".sum() or .mean(), or use mg.jacobian"
    )
