"""What every loss asks of its arguments: shapes that agree, labels that exist.

Broadcasting and indexing would let pass in silence what is checked here.
"""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.errors import variable_name
from minigrad.graph import tracing
from minigrad.tensor import Tensor
from minigrad.typing import Array, Shape


def in_memory(x: Array) -> Array:
    """The values to check, or None for Dask's, say, that would have to be computed."""
    values = x._value if isinstance(x, Tensor) else x
    return np.asarray(values) if isinstance(values, np.ndarray | np.generic) else None


def array(x: Array, loss: str, role: str) -> Array:
    """``x`` as a Tensor or an array of real numbers."""
    if not isinstance(getattr(x, "dtype", None), np.dtype):
        nested = isinstance(x, list | tuple) and ops.holds_tensor(x)
        x = ops.array(x) if nested else np.asarray(x)[()]
    if x.dtype.kind not in "fiub":
        raise TypeError(
            f"{loss}: {called(x, role)} has dtype {x.dtype}: a loss is computed of numbers; "
            "encode labels as numbers first"
        )
    if not x.size:
        raise ValueError(f"{loss}: {called(x, role)} is empty, shape {x.shape}")
    return x


def called(x: Array, role: str) -> str:
    return variable_name(x) or f"the {role}"


def pair(prediction: Array, target: Array, loss: str) -> tuple[Array, Array]:
    """Both as arrays of the same shape.

    Raises
    ------
    ValueError
        For shapes that differ, even if they would broadcast: (500,) against (500, 1)
        would be 250,000 differences.
    """
    p, t = array(prediction, loss, "prediction"), array(target, loss, "target")
    if p.shape != t.shape:
        names = called(prediction, "prediction"), called(target, "target")
        raise ValueError(
            f"{loss}: {names[0]} {p.shape} and {names[1]} {t.shape} must have the same shape"
            f"{remedy(p.shape, t.shape, *names)}"
        )
    if p.dtype.kind == "f" and t.dtype.kind != "f":
        t = t.astype(p.dtype)  # integer labels would make a float32 a float64
    return p, t


def remedy(p: Shape, t: Shape, prediction: str, target: str) -> str:
    if len(p) > len(t):
        short, long, name, other = t, p, target, prediction
    else:
        short, long, name, other = p, t, prediction, target
    name, other = name.removeprefix("the "), other.removeprefix("the ")
    if short == long[:-1] and long[-1] == 1:
        return f": write {other}[..., 0], or {name}[..., None]"
    if short == long[1:] and long[0] == 1:
        return f": write {other}[0], or {name}[None]"
    if short == ():
        return f": write np.full_like({other}, {name})"
    if p == t[::-1]:
        return f": write {target.removeprefix('the ')}.T"
    return ": broadcasting them is seldom meant; where it is, use np.broadcast_to"


def within(
    x: Array, low: float, high: float, loss: str, given: Array, remedy: str, role: str = "target"
) -> None:
    """Refuse numbers of ``x``, made of ``given``, outside ``[low, high]``; a NaN is outside."""
    values = in_memory(x)
    if values is not None:
        inside = (values >= low) & (values <= high)
        if not np.all(inside):
            raise ValueError(
                f"{loss}: {called(given, role)} holds {values[~inside][0]:.6g}, "
                f"outside [{low:g}, {high:g}]; {remedy}"
            )


def classes(scores: Array, target: Array, loss: str, axis: int = -1) -> tuple[Array, Array]:
    """Scores, and class indices as integers of the scores' shape without ``axis``."""
    z, y = array(scores, loss, "logits"), array(target, loss, "target")
    number, expected = axis_of_classes(z, axis, loss)
    if y.shape != expected:
        name = called(target, "target")
        hint = f": write {name.removeprefix('the ')}[..., 0]" if y.shape == (*expected, 1) else ""
        raise ValueError(
            f"{loss}: logits {z.shape} go with class indices {expected}, "
            f"but {name} has shape {y.shape}{hint}"
        )
    if y.dtype.kind not in "iu":
        name = called(target, "target")
        raise TypeError(
            f"{loss}: {name} has dtype {y.dtype}, and class indices are integers: "
            f"write {name.removeprefix('the ')}.astype(int)"
        )
    remedy = f"{number} classes are numbered from 0 to {number - 1}"
    within(y, 0, number - 1, loss, target, remedy)
    repeated = getattr(tracing.get(), "repeated", False)
    if isinstance(y, Tensor) and y.dtype.kind == "i" and repeated:
        y = np.where(y < 0, np.int64(number), y)  # later ones must not count from the end
    return z, y


def axis_of_classes(z: Array, axis: int, loss: str) -> tuple[int, Shape]:
    """Number of classes, and the shape of ``z`` without their axis."""
    if not z.ndim:
        raise ValueError(f"{loss}: the logits are a single number; they need an axis of classes")
    if not -z.ndim <= axis < z.ndim:
        raise ValueError(f"{loss}: axis={axis}, and logits {z.shape} have {z.ndim} axes")
    shape = list(z.shape)
    return shape.pop(axis), tuple(shape)


def reduced(losses: Array, reduction: str, loss: str) -> Array:
    if reduction == "mean":
        return np.mean(losses)
    if reduction == "sum":
        return np.sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f'{loss}: reduction must be "mean", "sum" or "none", not {reduction!r}')


def signs(t: Array, loss: str, given: Array) -> None:
    """Refuse labels 0 and 1 in ``t``, made of ``given``, where −1 and +1 are meant.

    Other numbers are weights of a kind, as in PyTorch: nobody writes them by mistake.
    """
    values = in_memory(t)
    if values is not None and np.all((values == 0) | (values == 1)) and np.any(values == 0):
        name = called(given, "target")
        raise ValueError(
            f"{loss}: {name} must hold −1 and +1 only; for labels 0 and 1 "
            f"write 2 * {name.removeprefix('the ')} - 1"
        )


def weights(weight: Array, number: int, loss: str) -> Array:
    """Weights of classes as an array of ``number`` of them."""
    w = array(weight, loss, "weight")
    if w.shape != (number,):
        raise ValueError(
            f"{loss}: there are {number} classes, and {called(weight, 'weight')} has shape "
            f"{w.shape}: give one weight for each class"
        )
    return w


def broadcast_weight(weight: Array, shape: Shape, loss: str, role: str) -> Array:
    """A weight that can be broadcast to the losses' ``shape``."""
    w = array(weight, loss, role)
    try:
        fits = np.broadcast_shapes(w.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{loss}: {called(weight, role)} {w.shape} does not broadcast to the losses' {shape}"
        )
    return w
