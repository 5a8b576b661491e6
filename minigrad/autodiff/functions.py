"""grad, value_and_grad, vjp, jvp, linearize: derivatives of functions.

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
    array_of,
    check_callable,
    check_holomorphic,
    check_scalar,
    is_number,
    node_of,
    numbers,
    parted,
    recording_on,
)
from minigrad.autodiff.derived import derived
from minigrad.autodiff.forward import Pusher, can_push, handed, push_along
from minigrad.autodiff.tangents import in_order, push_through
from minigrad.data import CONTINUOUS
from minigrad.errors import label
from minigrad.graph import modes, pushing, tracing
from minigrad.tensor import Tensor, own, wrap
from minigrad.tree import flatten, leaves_like, tree_map
from minigrad.typing import Array, Function, Keywords, Tree

# --- grad ------------------------------------------------------------------------------


def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
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
    holomorphic : bool
        ``f`` is a holomorphic function of complex arguments, and the gradient its complex
        derivative.  Otherwise the result must be real, and the gradient by a complex
        ``z = x + iy`` is ``∂f/∂x - i ∂f/∂y``, as JAX has it.

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
        For integer arrays as arguments, and integer or boolean results; for complex results,
        or with ``holomorphic`` for anything real.
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

    @derived(value_and_grad, f, argnums, has_aux, holomorphic)
    def differentiated(*args: object, **kwargs: Any) -> Tree:
        found = numbers_of(len(args))
        value, aux, gradients = reversed_through(f, found, has_aux, holomorphic, args, kwargs, True)
        gradient = tuple(gradients) if isinstance(argnums, list | tuple) else gradients[0]
        return ((value, aux) if has_aux else value), gradient

    return differentiated  # type: ignore[no-any-return]


def reversed_through(
    f: Function,
    argnums: Sequence[int],
    has_aux: bool,
    holomorphic: bool,
    args: Sequence[object],
    kwargs: Keywords,
    valued: bool,
) -> tuple[Array, Any, list[Tree]]:
    """The value of ``f`` (unless nobody wants it, as ``valued`` says), aux, and gradients."""
    call = Call(f, args, argnums, kwargs, strict=True)
    if holomorphic:
        check_holomorphic(call)
    y, aux, call.result = call.result, None, None
    if has_aux:
        if not isinstance(y, tuple) or len(y) != 2:
            raise TypeError("has_aux=True: the function must return a pair (number, aux)")
        y, aux = y
    check_scalar(f, y, holomorphic)
    recorded = call.recorded_by_caller([y])
    value = (y if recorded else array_of(y)) if valued else None
    if type(value) is float:
        value = np.float64(value)
    seeds = []
    if node_of(y) is not None:
        seeds.append((y.node, np.ones_like(y._value)[()] if holomorphic else y.seed()))
    del y  # so that the walk frees the graph behind it
    pulled = call.pull(seeds, wrap if recorded else None)
    pusher = pushing.get() if recorded and modes.special else None
    if pusher is not None and tracing.get() is None:  # who does it again pushes tangents then
        value, *pulled = pusher.settled([value, *pulled])
    if has_aux and not recorded:
        aux = tree_map(array_of, aux, whole=True)
    return value, aux, call.rebuild(pulled)


def grad(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """A function that returns the gradient of ``f``.

    Parameters
    ----------
    f : callable
        Returns a single floating-point number (any rank, size 1).
    argnums : int or sequence of int
        Which positional arguments to differentiate by; each may be a number, an array,
        a Tensor, or nested dicts, lists and tuples of them.
    has_aux : bool
        ``f`` returns ``(number, anything else)``, and the result is ``(gradient, aux)``.
    holomorphic : bool
        The complex derivative of a holomorphic function; see `value_and_grad`.

    Returns
    -------
    callable
        Called like ``f``; returns the gradient in the structure, shapes and dtypes of the
        arguments (a tuple when ``argnums`` is a sequence): plain arrays, and Tensors when the
        caller is itself being differentiated.

    Raises
    ------
    TypeError
        For integer arrays as arguments, and integer or boolean results; for complex results,
        or with ``holomorphic`` for anything real.
    ValueError
        For a result of several numbers: `jacobian` or `vjp` is for those.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> mg.grad(mg.grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> mg.grad(lambda p: p["w"] * 2 + p["b"])({"w": 1.0, "b": 0.0})
    {'w': np.float64(2.0), 'b': np.float64(1.0)}
    >>> mg.grad(lambda z: z**3, holomorphic=True)(1j)
    np.complex128(-3+0j)
    """
    check_callable(f, "grad")
    numbers_of = functools.cache(functools.partial(numbers, argnums))

    @derived(grad, f, argnums, has_aux, holomorphic)
    def differentiated(*args: object, **kwargs: Any) -> Tree:
        found = numbers_of(len(args))
        _, aux, gradients = reversed_through(f, found, has_aux, holomorphic, args, kwargs, False)
        gradient = tuple(gradients) if isinstance(argnums, list | tuple) else gradients[0]
        return (gradient, aux) if has_aux else gradient

    return differentiated  # type: ignore[no-any-return]


# --- products with the Jacobian --------------------------------------------------------


def vjp(f: Function, *args: object, **kwargs: Any) -> tuple[Tree, Function]:
    """Value of ``f(*args)``, and the function that pulls a cotangent back.

    Parameters
    ----------
    f : callable
        Returns arrays, or nested dicts, lists and tuples of them.
    *args : number, array, or nested structure of them
        What is differentiated by; of booleans and strings the gradient is None.
    **kwargs
        Passed on to ``f``, and not differentiated.

    Returns
    -------
    value : Any
        What ``f`` returned, in plain arrays.
    pullback : callable
        ``pullback(cotangent)``, with a cotangent of the structure and shapes of the
        value, is a tuple with one gradient per argument.

    Raises
    ------
    ValueError
        By ``pullback``, for a cotangent that is not like the value.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> value, pullback = mg.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 30.]), np.float64(21.0))
    """
    check_callable(f, "vjp")
    call = Call(f, args, range(len(args)), kwargs, outlives=True)
    outputs, rebuild = parted(call.result)
    recorded = call.recorded_by_caller(outputs)
    value = call.result if recorded else rebuild([array_of(y) for y in outputs])

    def pullback(cotangent: Array) -> tuple[Tree, ...]:
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
            u = array_of(u) if not deep else u
            seeds.append((y.node, u if isinstance(u, Tensor) else own(u, False, y.dtype)))
        return tuple(call.rebuild(call.pull(seeds, wrap if deep else None)))

    return value, pullback


def jvp(f: Function, args: Sequence[Tree], tangents: Sequence[Tree]) -> tuple[Tree, Tree]:
    """Value of ``f(*args)`` and its derivative in the direction ``tangents``: forward mode.

    One pass: tangents are pushed along while ``f`` runs, and nothing is recorded, so that
    the memory does not grow with the length of the computation.

    Parameters
    ----------
    f : callable
    args : sequence of array_like, or nested structures of them
    tangents : sequence of the same structure and shapes

    Returns
    -------
    value, tangent
        Of the same structure and shapes.

    Raises
    ------
    TypeError
        For arguments or tangents that are no tuple or list.
    ValueError
        For tangents that are not like the arguments.

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
    if can_push(args):
        found, _ = flatten(list(args))
        ts = [direction("jvp", x, t) for x, t in zip(found, given, strict=True)]
        outputs, pushed, rebuild = push_along(f, args, ts, {}, Pusher())
        return rebuild(outputs), rebuild(pushed)
    call = Call(f, args, range(len(args)), {})
    outputs, rebuild = parted(call.result)
    recorded = call.recorded_by_caller([*outputs, *given])
    value = call.result if recorded else rebuild([array_of(y) for y in outputs])
    return value, rebuild(pushed_through(call, outputs, "jvp", given, recorded))


def linearize(f: Function, *args: Tree) -> tuple[Tree, Function]:
    """Value of ``f(*args)``, and the linear map of tangents there, to be used many times.

    Parameters
    ----------
    f : callable
    *args : number, array, or nested structure of them
        Where; ``f`` runs there, once.

    Returns
    -------
    value : Any
    pushforward : callable
        ``pushforward(*tangents)``, one for each argument, of its structure and shapes, is
        the tangent of the value: what `jvp` returns, without calling ``f`` again.

    Raises
    ------
    ValueError
        By ``pushforward``, for tangents that are not like the arguments.

    Examples
    --------
    >>> import minigrad as mg
    >>> value, pushforward = mg.linearize(lambda x, y: x * y, 2.0, 3.0)
    >>> pushforward(1.0, 0.0), pushforward(0.0, 1.0)
    (np.float64(3.0), np.float64(2.0))
    """
    check_callable(f, "linearize")
    call = Call(f, args, range(len(args)), {}, outlives=True)
    outputs, rebuild = parted(call.result)
    recorded = call.recorded_by_caller(outputs)
    value = call.result if recorded else rebuild([array_of(y) for y in outputs])

    def pushforward(*tangents: Tree) -> Tree:
        if len(tangents) != len(args):
            raise ValueError(f"linearize: {len(args)} arguments, but {len(tangents)} tangents")
        given = leaves_like(list(tangents), list(args), "linearize: tangents")
        live = recorded or any(node_of(t) is not None for t in given)
        return rebuild(pushed_through(call, outputs, "linearize", given, live))

    return value, pushforward


def pushed_through(
    call: Call, outputs: Sequence[Array], who: str, given: Sequence[Array], recorded: bool
) -> list[Array]:
    """Tangents of the outputs of a recorded call."""
    known: dict[Any, Any] = {}
    for x, t in zip(call.inputs, given, strict=True):
        if (t := direction(who, x, t)) is not None:
            known[node_of(x)] = t
    nodes = in_order([y.node for y in outputs if node_of(y) is not None])
    with recording_on():
        found = push_through(nodes, known, lift=wrap if recorded else None)
    return handed([found.get(node_of(y)) for y in outputs], outputs)  # type: ignore[arg-type]


def direction(who: str, x: Array, t: Array) -> Array:
    """The tangent ``t`` of the argument ``x``, checked; None where there can be none.

    Raises
    ------
    TypeError, ValueError
        For a tangent of what has no derivative, or of another shape.
    """
    kind = getattr(getattr(x, "dtype", None), "kind", "f" if is_number(x) else "?")
    number = not isinstance(x, Tensor | np.ndarray | np.generic) and is_number(x)
    if kind not in CONTINUOUS and not number:
        if np.any(array_of(t)):
            raise TypeError(
                f"{who}: {label(x)} is no floating-point argument, and cannot have a tangent; "
                "convert it with .astype(float)"
            )
        return None
    if np.shape(t) != np.shape(x):
        raise ValueError(
            f"{who}: an argument of shape {np.shape(x)} has a tangent of shape {np.shape(t)}"
        )
    if node_of(t) is not None:
        return t
    if number:
        return own(t, False, np.result_type(type(x), np.float64))
    return own(t, False, x.dtype)
