"""Gradients of functions: grad, vjp, jvp, jacobian, hessian, hvp; and of recorded Tensors.

Each function here wraps the arguments in fresh variables, calls ``f`` on them and walks
the graph that it left.  Variables of an inner call are copies *of* the outer call's, so
nesting needs nothing further.  The answer is plain arrays; it is Tensors when it
depends on something whose gradient the caller may still ask for.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad.batch import batched
from minigrad.errors import label
from minigrad.graph import (
    NOTHING,
    AnyNode,
    Leaf,
    Variable,
    ancestors,
    backward_pass,
    leaves,
    modes,
    node1,
    recording,
    tracing,
    variable,
)
from minigrad.ops.record import Op
from minigrad.tensor import Tensor, handed_out, own, wrap
from minigrad.tree import CONTAINERS, flatten, leaves_like, tree_map

F = Callable[..., Any]

running: set[AnyNode] = set()
"""Variables of the calls whose function is running: a caller may ask for their gradients."""


# --- variables -------------------------------------------------------------------------


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) and not isinstance(x, bool)


def _variable(x: Any, outlives: bool) -> Any:
    """A Tensor to differentiate by, or ``x`` itself where that makes no sense.

    An array is copied if the graph may outlive the call, so that its owner may change
    it: when a pullback is kept, or gradients can be asked for of something else in it.
    """
    if type(x) is float:
        return wrap(np.float64(x), Variable())
    if type(x) is np.ndarray and x.dtype.kind == "f" and x.ndim:
        data = x.copy() if outlives or Leaf.made or running else x.view()
        data.setflags(write=False)
        return wrap(data, Variable())
    if isinstance(x, Tensor):
        if x.node is not None and x.dtype.kind == "f":
            return wrap(x._value, node1(variable, x._value, x.node, NOTHING, x._value))
        return wrap(x._value, Variable()) if x.dtype.kind == "f" else x
    if _is_number(x) or getattr(getattr(x, "dtype", None), "kind", "") == "f":
        return wrap(own(x, True), Variable())
    return x


def _check_differentiable(argument: Any, variables: list[Any], i: int) -> None:
    """Refuse an argument that holds integers, or nothing to differentiate by."""
    for x in variables:
        dtype = getattr(x, "dtype", None)
        if getattr(dtype, "kind", "f") in "iuc":
            name = "complex numbers" if x.dtype.kind == "c" else "integers"
            raise TypeError(
                f"argument {i} holds {name} (dtype {dtype}), which have no derivative; "
                "convert them with .astype(float)"
            )
    if all(_node(x) is None for x in variables):
        raise TypeError(
            f"argument {i} ({label(argument)}) holds no floating-point number to differentiate by; "
            "choose other arguments with argnums="
        )


def _node(x: Any) -> AnyNode | None:
    return x.node if isinstance(x, Tensor) else None


def _plain(x: Any) -> Any:
    """``x`` without its graph, if it is a Tensor."""
    return x.data if isinstance(x, Tensor) else x


def _recording_on() -> Any:
    return modes.set(recording, True) if modes.special else _AS_IT_IS


_AS_IT_IS = nullcontext()
_FIRST = operator.itemgetter(0)


class _Call:
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

    def __init__(
        self,
        f: F,
        args: Sequence[Any],
        argnums: Sequence[int],
        kwargs: Any,
        strict: bool = False,
        outlives: bool = False,
    ) -> None:
        called = list(args)
        self.inputs: list[Any] = []
        self.builds: list[tuple[int, Callable[[list[Any]], Any]]] = []
        self.nested = False
        for i in argnums:
            if not isinstance(args[i], CONTAINERS):
                called[i] = x = _variable(args[i], outlives)
                if strict and _node(x) is None:
                    _check_differentiable(args[i], [x], i)
                self.inputs.append(x)
                self.builds.append((1, _FIRST))
                continue
            self.nested = True
            found, build = flatten(args[i])
            variables = [_variable(x, outlives) for x in found]
            if strict:
                _check_differentiable(args[i], variables, i)
            called[i] = build(variables)
            self.inputs += variables
            self.builds.append((len(found), build))
        self.nodes = {x.node for x in self.inputs if type(x) is Tensor and x.node is not None}
        self.outer = recording.get() if modes.special else True
        running.update(self.nodes)
        try:
            if modes.special:
                with _recording_on():
                    self.result = f(*called, **kwargs)
            else:
                self.result = f(*called, **kwargs)
        finally:
            running.difference_update(self.nodes)

    def rebuild(self, values: list[Any]) -> list[Any]:
        """One value for each of ``inputs``, in the structure of each argument."""
        if not self.nested:
            return values
        answers, start = [], 0
        for n, build in self.builds:
            answers.append(build(values[start : start + n]))
            start += n
        return answers

    def recorded_by_caller(self, outputs: Sequence[Any]) -> bool:
        """Whether ``outputs`` depend on leaves whose gradient may still be asked for."""
        if not self.outer:
            return False
        if modes.special and tracing.get() is not None:
            return True
        if not Leaf.made and not running:
            return False
        roots = [y.node for y in outputs if _node(y) is not None]
        return any(
            not isinstance(leaf, Variable) or leaf in running
            for root in roots
            for leaf in leaves(root)
        )

    def pull(self, seeds: list[tuple[AnyNode, Any]], lift: Any = None) -> list[Any]:
        """Gradients of the inputs; zeros where nothing depends on them."""
        if modes.special:
            with _recording_on():
                found = backward_pass(seeds, self.nodes, lift)
        else:
            found = backward_pass(seeds, self.nodes, lift)
        if lift is None:
            handed_out(found)
        answers: list[Any] = []
        for x in self.inputs:
            node = _node(x)
            if node is None:
                answers.append(None)
                continue
            g = found[node] if node in found else np.zeros_like(x._value)[()]
            answers.append(g if lift is None or isinstance(g, Tensor) else wrap(g, None))
        return answers


# --- grad ------------------------------------------------------------------------------


def _numbers(argnums: int | Sequence[int], n: int) -> list[int]:
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


def _callable(f: Any, who: str) -> None:
    if not callable(f):
        raise TypeError(f"mg.{who} takes a function, not {label(f)}: mg.{who}(f)(x)")


def _scalar(f: F, y: Any) -> None:
    """Check that ``y`` is one floating-point number."""
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if isinstance(y, float) or (kind == "f" and y.size == 1):
        return
    name = getattr(f, "__name__", "the function")
    if isinstance(y, list | tuple | dict):
        raise TypeError(
            f"{name} returned a {type(y).__name__}; grad needs a single number "
            "(has_aux=True takes a pair of a number and anything else)"
        )
    if kind == "c" or isinstance(y, complex):
        raise TypeError(f"{name} returned a complex number; grad needs a real one")
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


def value_and_grad(f: F, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> F:
    """A function that returns the value of ``f`` and its gradient.

    Parameters
    ----------
    f : callable
        Returns a single floating-point number (any rank, size 1).
    argnums : int or sequence of int
        Which positional arguments to differentiate by; each may be a number, an array,
        a Tensor, or nested dicts, lists and tuples of them.
    has_aux : bool
        ``f`` returns ``(number, anything else)``, and the result is
        ``((value, aux), gradient)``.

    Returns
    -------
    callable
        Called like ``f``; returns ``(value, gradient)`` with the gradient in the
        structure, shapes and dtypes of the arguments (a tuple when ``argnums`` is a
        sequence).  Plain arrays; Tensors when the caller is itself being
        differentiated.

    Raises
    ------
    TypeError
        For integer arrays as arguments, and integer or boolean results.
    ValueError
        For a result of several numbers.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.value_and_grad(lambda x: x**2 + 1)(3.0)
    (np.float64(10.0), np.float64(6.0))
    """
    _callable(f, "value_and_grad")
    numbers_of = functools.cache(functools.partial(_numbers, argnums))
    several = isinstance(argnums, list | tuple)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(len(args))
        call = _Call(f, args, numbers, kwargs, strict=True)
        y, aux, call.result = call.result, None, None
        if has_aux:
            if not isinstance(y, tuple) or len(y) != 2:
                raise TypeError("has_aux=True: the function must return a pair (number, aux)")
            y, aux = y
        _scalar(f, y)
        recorded = call.recorded_by_caller([y])
        value = y if recorded else _plain(y)
        if type(value) is float:
            value = np.float64(value)
        seeds = []
        if _node(y) is not None:
            seeds.append((y.node, y.seed()))
        del y  # so that the walk frees the graph behind it
        found = call.rebuild(call.pull(seeds, wrap if recorded else None))
        gradient = tuple(found) if several else found[0]
        if has_aux:
            return (value, aux if recorded else tree_map(_plain, aux)), gradient
        return value, gradient

    return differentiated


def grad(f: F, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> F:
    """A function that returns the gradient of ``f``.

    Parameters and errors are those of `value_and_grad`; with ``has_aux=True`` the result
    is ``(gradient, aux)``.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> mg.grad(mg.grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> mg.grad(lambda p: p["w"] * 2 + p["b"])({"w": 1.0, "b": 0.0})
    {'w': np.float64(2.0), 'b': np.float64(1.0)}
    """
    _callable(f, "grad")
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return differentiated


# --- products with the Jacobian --------------------------------------------------------


def vjp(f: F, *args: Any, **kwargs: Any) -> tuple[Any, F]:
    """Value of ``f(*args)``, and the function that pulls a cotangent back.

    Returns
    -------
    value : Any
        What ``f`` returned, in plain arrays.
    pullback : callable
        ``pullback(cotangent)``, with a cotangent of the structure and shapes of the
        value, is a tuple with one gradient per argument.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> value, pullback = mg.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 30.]), np.float64(21.0))
    """
    _callable(f, "vjp")
    call = _Call(f, args, range(len(args)), kwargs, outlives=True)
    outputs, rebuild = flatten(call.result)
    recorded = call.recorded_by_caller(outputs)
    value = call.result if recorded else rebuild([_plain(y) for y in outputs])

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        given = leaves_like(cotangent, value, "the cotangent")
        deep = recorded or any(_node(u) is not None for u in given)
        seeds = []
        for u, y in zip(given, outputs, strict=True):
            if _node(y) is None:
                continue
            if np.shape(u) != y.shape:
                raise ValueError(
                    f"the cotangent has shape {np.shape(u)}, the value of the function {y.shape}: "
                    "they must be the same"
                )
            u = _plain(u) if not deep else u
            seeds.append((y.node, u if isinstance(u, Tensor) else own(u, False, y.dtype)))
        return tuple(call.rebuild(call.pull(seeds, wrap if deep else None)))

    return value, pullback


def jvp(f: F, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value of ``f(*args)`` and its derivative in the direction ``tangents``.

    The pullback is linear in its cotangent; differentiating it by the cotangent gives
    the derivative forward, so that no second set of rules is needed.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (np.float64(6.0), np.float64(3.0))
    """
    _callable(f, "jvp")
    for given, what in ((args, "arguments"), (tangents, "tangents")):
        if not isinstance(given, list | tuple):
            raise TypeError(f"jvp: the {what} must be a tuple or list, as in mg.jvp(f, (x,), (v,))")
    if len(args) != len(tangents):
        raise ValueError(f"jvp: {len(args)} arguments, but {len(tangents)} tangents")
    given = leaves_like(list(tangents), list(args), "jvp: tangents")
    call = _Call(f, args, range(len(args)), {})
    for x, t in zip(call.inputs, given, strict=True):
        if _node(x) is None and np.any(_plain(t)):
            raise TypeError(
                f"jvp: {label(x)} is no floating-point argument, and cannot have a tangent; "
                "convert it with .astype(float)"
            )
        if _node(x) is not None and np.shape(t) != x.shape:
            raise ValueError(
                f"jvp: an argument of shape {x.shape} has a tangent of shape {np.shape(t)}"
            )
    outputs, rebuild = flatten(call.result)
    recorded = call.recorded_by_caller([*outputs, *given])
    cotangents = {
        i: wrap(np.zeros_like(y._value)[()], Variable())
        for i, y in enumerate(outputs)
        if _node(y) is not None
    }
    pulled = call.pull([(outputs[i].node, u) for i, u in cotangents.items()], wrap)
    with _recording_on():
        along = sum(
            (g * t).sum()
            for g, t in zip(pulled, given, strict=True)
            if isinstance(g, Tensor) and g.node is not None
        )
    seeds = [(along.node, along.seed())] if _node(along) is not None else []
    nodes = {u.node for u in cotangents.values()}
    with _recording_on():
        found = backward_pass(seeds, nodes, wrap if recorded else None)
    derivatives = []
    for i, y in enumerate(outputs):
        zeros = np.zeros(np.shape(y), getattr(y, "dtype", None))[()]
        u = cotangents.get(i)
        derivatives.append(zeros if u is None else found.get(u.node, zeros))
    value = call.result if recorded else rebuild([_plain(y) for y in outputs])
    return value, rebuild(derivatives)


# --- whole derivatives -----------------------------------------------------------------


def jacobian(f: F, argnums: int | Sequence[int] = 0) -> F:
    """A function that returns the Jacobian of ``f``, of shape ``output + argument``.

    Outputs and arguments may be nested; the result nests the arguments' structure in
    the output's.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    _callable(f, "jacobian")

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        numbers = _numbers(argnums, len(args))
        call = _Call(f, args, numbers, kwargs, strict=True)
        outputs, rebuild = flatten(call.result)
        for y in outputs:
            if not (_is_number(y) or hasattr(y, "dtype")):
                name = getattr(f, "__name__", "the function")
                raise TypeError(f"{name} returned {label(y)}; jacobian needs arrays of numbers")
        recorded = call.recorded_by_caller(outputs)
        blocks = []
        for y in outputs:
            columns = _columns(call, y, recorded)
            block = call.rebuild(columns)
            blocks.append(tuple(block) if isinstance(argnums, list | tuple) else block[0])
        return rebuild(blocks)

    return differentiated


ROOM = 2**22
"""Elements of the largest array while rows of a Jacobian are computed together."""


def _columns(call: _Call, y: Any, recorded: bool) -> list[Any]:
    """The Jacobian of ``y`` by each input; None for what is not differentiated."""
    shape = np.shape(y)
    if _node(y) is None or not y.size:
        return [None if _node(x) is None else _no_slope(shape, x) for x in call.inputs]
    u = wrap(np.zeros_like(y._value)[()], Variable())
    pulled = call.pull([(y.node, u)], wrap)
    targets = [g.node for g in pulled if _node(g) is not None and u.node in ancestors(g.node)]
    largest = max([y.size, *(g.size for g in pulled if g is not None)])
    step = max(1, ROOM // largest)
    seeds = np.eye(y.size, dtype=y.dtype).reshape((y.size, *shape))
    lift = wrap if recorded else None
    parts = [batched(targets, u.node, seeds[i : i + step], lift) for i in range(0, y.size, step)]
    found = dict(zip(targets, zip(*parts, strict=True), strict=True))
    columns: list[Any] = []
    for x, g in zip(call.inputs, pulled, strict=True):
        if g is None or g.node not in found:
            columns.append(None if g is None else _no_slope(shape, x))
            continue
        rows = found[g.node]
        rows = rows[0] if len(rows) == 1 else np.concatenate(rows)
        columns.append(rows.reshape((*shape, *x.shape))[()])
    return columns if recorded else list(handed_out(dict(enumerate(columns))).values())  # type: ignore[arg-type]


def _no_slope(shape: tuple[int, ...], x: Tensor) -> Any:
    return np.zeros((*shape, *x.shape), x.dtype)[()]


def hessian(f: F, argnums: int | Sequence[int] = 0) -> F:
    """A function that returns the matrix of second derivatives of ``f``.

    For an argument of shape ``s`` it has shape ``s + s``; nested arguments give blocks,
    nested twice.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    _callable(f, "hessian")
    return jacobian(grad(f, argnums), argnums)


def hvp(f: F, x: Any, v: Any) -> Any:
    """Product of the Hessian of ``f`` at ``x`` with ``v``, at the cost of two gradients.

    ``x`` and ``v`` have the same structure, and so has the result.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    _callable(f, "hvp")
    given = leaves_like(v, x, "hvp: v")
    for a, b in zip(flatten(x)[0], given, strict=True):
        if np.shape(a) != np.shape(b):
            raise ValueError(
                f"hvp: v has shape {np.shape(b)}, x {np.shape(a)}: they must be the same"
            )
    return vjp(grad(f), x)[1](v)[0]


# --- recorded Tensors ------------------------------------------------------------------


def gradients(outputs: Any, inputs: Any, gradients: Any = None, create_graph: bool = False) -> Any:
    """Gradients of recorded ``outputs`` with respect to ``inputs``; no ``.grad`` changes.

    Parameters
    ----------
    outputs : Tensor or list of Tensors
        Several outputs are summed.
    inputs : Tensor, or nested lists, tuples and dicts of them
        Leaves or intermediate results.
    gradients : array_like, or one per output, optional
        Gradients of the outputs; 1 by default, for outputs of a single number.
    create_graph : bool
        Return Tensors that can be differentiated further.

    Returns
    -------
    In the structure of ``inputs``; zeros where the outputs do not depend on one.

    Raises
    ------
    RuntimeError, ValueError
        When an output was not recorded, or is not a single number.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.Tensor(3.0, requires_grad=True)
    >>> dy = mg.gradients(x**3, x, create_graph=True)
    >>> mg.gradients(dy, x)
    np.float64(18.0)
    """
    create_graph = create_graph or bool(modes.special and tracing.get() is not None)
    roots = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    weights = gradients if isinstance(outputs, list | tuple) else [gradients]
    if weights is None:
        weights = [None] * len(roots)
    if not isinstance(weights, list | tuple):
        raise TypeError("several outputs need a list of gradients, one for each")
    for y in roots:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"the output {label(y)} is not a Tensor: outputs are a recorded Tensor "
                "or a list of them"
            )
    if len(weights) != len(roots):
        raise ValueError(f"{len(roots)} outputs, but {len(weights)} gradients of outputs")
    wanted, rebuild = flatten(inputs)
    for x in wanted:
        if not isinstance(x, Tensor) or x.node is None:
            raise ValueError(
                f"{label(x)} does not require a gradient: make it with "
                "mg.Tensor(..., requires_grad=True) before computing with it"
            )
    seeds = [(y.node, y.seed(u)) for y, u in zip(roots, weights, strict=True)]
    found = backward_pass(seeds, {x.node for x in wanted}, wrap if create_graph else None)
    if not create_graph:
        handed_out(found)
    answers = []
    given = set()
    for x in wanted:
        g = found[x.node] if x.node in found else np.zeros_like(x._value)[()]
        if create_graph:
            g = g if isinstance(g, Tensor) else wrap(g, None)
        elif isinstance(g, np.ndarray) and x.node in given:
            g = g.copy()
        given.add(x.node)
        answers.append(g)
    return rebuild(answers)


# --- new ops ---------------------------------------------------------------------------


def defop(name: str, forward: F, vjps: Sequence[F | None] | F) -> F:
    """Add an op from outside: the same record that every op of the library is.

    Parameters
    ----------
    name : str
        What errors, formulas and pictures call it.
    forward : callable
        ``forward(*arrays, **metadata)`` in NumPy; metadata are keyword parameters.
    vjps : sequence
        One rule per positional argument, ``rule(g, ans, *arrays, **metadata)``, or None
        where there is no derivative.  Rules of NumPy functions that minigrad covers can
        be differentiated again.

    Returns
    -------
    callable
        The op, for arrays and Tensors.

    Raises
    ------
    TypeError, ValueError
        When a rule is missing, is not callable, or their number is not that of the
        positional arguments.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> cube = mg.defop("cube", lambda x: x**3, [lambda g, ans, x: g * 3 * x**2])
    >>> mg.grad(cube)(2.0)
    np.float64(12.0)
    """
    return Op.checked(name, forward, vjps)
