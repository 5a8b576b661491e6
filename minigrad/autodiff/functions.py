"""grad, value_and_grad, vjp, jvp: gradients of functions.

Each wraps the arguments in fresh variables, calls ``f`` on them and walks the graph that
it left.  The answer is plain arrays; it is Tensors when it depends on something whose
gradient the caller may still ask for.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.autodiff.call import (
    Call,
    F,
    check_callable,
    check_scalar,
    node_of,
    numbers,
    plain,
    recording_on,
)
from minigrad.errors import label
from minigrad.graph import Variable, backward_pass
from minigrad.tensor import Tensor, own, wrap
from minigrad.tree import flatten, leaves_like, tree_map

# --- grad ------------------------------------------------------------------------------


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
    check_callable(f, "value_and_grad")
    numbers_of = functools.cache(functools.partial(numbers, argnums))
    several = isinstance(argnums, list | tuple)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(len(args))
        call = Call(f, args, numbers, kwargs, strict=True)
        y, aux, call.result = call.result, None, None
        if has_aux:
            if not isinstance(y, tuple) or len(y) != 2:
                raise TypeError("has_aux=True: the function must return a pair (number, aux)")
            y, aux = y
        check_scalar(f, y)
        recorded = call.recorded_by_caller([y])
        value = y if recorded else plain(y)
        if type(value) is float:
            value = np.float64(value)
        seeds = []
        if node_of(y) is not None:
            seeds.append((y.node, y.seed()))
        del y  # so that the walk frees the graph behind it
        found = call.rebuild(call.pull(seeds, wrap if recorded else None))
        gradient = tuple(found) if several else found[0]
        if has_aux:
            return (value, aux if recorded else tree_map(plain, aux)), gradient
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
    check_callable(f, "grad")
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
    check_callable(f, "vjp")
    call = Call(f, args, range(len(args)), kwargs, outlives=True)
    outputs, rebuild = flatten(call.result)
    recorded = call.recorded_by_caller(outputs)
    value = call.result if recorded else rebuild([plain(y) for y in outputs])

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        given = leaves_like(cotangent, value, "the cotangent")
        deep = recorded or any(node_of(u) is not None for u in given)
        seeds = []
        for u, y in zip(given, outputs, strict=True):
            if node_of(y) is None:
                continue
            if np.shape(u) != y.shape:
                raise ValueError(
                    f"the cotangent has shape {np.shape(u)}, the value of the function {y.shape}: "
                    "they must be the same"
                )
            u = plain(u) if not deep else u
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
    check_callable(f, "jvp")
    for given, what in ((args, "arguments"), (tangents, "tangents")):
        if not isinstance(given, list | tuple):
            raise TypeError(f"jvp: the {what} must be a tuple or list, as in mg.jvp(f, (x,), (v,))")
    if len(args) != len(tangents):
        raise ValueError(f"jvp: {len(args)} arguments, but {len(tangents)} tangents")
    given = leaves_like(list(tangents), list(args), "jvp: tangents")
    call = Call(f, args, range(len(args)), {})
    for x, t in zip(call.inputs, given, strict=True):
        if node_of(x) is None and np.any(plain(t)):
            raise TypeError(
                f"jvp: {label(x)} is no floating-point argument, and cannot have a tangent; "
                "convert it with .astype(float)"
            )
        if node_of(x) is not None and np.shape(t) != x.shape:
            raise ValueError(
                f"jvp: an argument of shape {x.shape} has a tangent of shape {np.shape(t)}"
            )
    outputs, rebuild = flatten(call.result)
    recorded = call.recorded_by_caller([*outputs, *given])
    cotangents = {
        i: wrap(np.zeros_like(y._value)[()], Variable())
        for i, y in enumerate(outputs)
        if node_of(y) is not None
    }
    pulled = call.pull([(outputs[i].node, u) for i, u in cotangents.items()], wrap)
    with recording_on():
        along = sum(
            (g * t).sum()
            for g, t in zip(pulled, given, strict=True)
            if isinstance(g, Tensor) and g.node is not None
        )
    seeds = [(along.node, along.seed())] if node_of(along) is not None else []
    nodes = {u.node for u in cotangents.values()}
    with recording_on():
        found = backward_pass(seeds, nodes, wrap if recorded else None)
    derivatives = []
    for i, y in enumerate(outputs):
        zeros = np.zeros(np.shape(y), getattr(y, "dtype", None))[()]
        u = cotangents.get(i)
        derivatives.append(zeros if u is None else found.get(u.node, zeros))
    value = call.result if recorded else rebuild([plain(y) for y in outputs])
    return value, rebuild(derivatives)
