"""A loss is a formula: how far predictions are from targets, as one number to make small.

Every function is composed of ops, so it works on Tensors and on plain arrays, and has
derivatives of every order.  What is checked is what broadcasting and indexing would let
pass in silence: shapes that differ, labels that cannot be.

``reduction`` says what becomes of the losses of the m elements or examples: ``"mean"``,
``"sum"``, or ``"none"`` to get them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import label, variable_name
from minigrad.tensor import Tensor
from minigrad.tree import flatten

# --- what is checked -------------------------------------------------------------------


def _in_memory(x: Any) -> Any:
    """The values to check, or None for Dask's, say, that would have to be computed."""
    values = x._value if isinstance(x, Tensor) else x
    return np.asarray(values) if isinstance(values, np.ndarray | np.generic) else None


def _array(x: Any, loss: str, role: str) -> Any:
    """``x`` as a Tensor or an array of real numbers."""
    if not hasattr(x, "dtype"):
        nested = isinstance(x, list | tuple) and ops.holds_tensor(x)
        x = ops.array(x) if nested else np.asarray(x)[()]
    if x.dtype.kind not in "fiub":
        raise TypeError(
            f"{loss}: {_called(x, role)} has dtype {x.dtype}: a loss is computed of numbers; "
            "encode labels as numbers first"
        )
    if not x.size:
        raise ValueError(f"{loss}: {_called(x, role)} is empty, shape {x.shape}")
    return x


def _called(x: Any, role: str) -> str:
    return variable_name(x) or f"the {role}"


def _pair(prediction: Any, target: Any, loss: str) -> tuple[Any, Any]:
    """Both as arrays of the same shape.

    Raises
    ------
    ValueError
        For shapes that differ, even if they would broadcast: (500,) against (500, 1)
        would be 250,000 differences.
    """
    p, t = _array(prediction, loss, "prediction"), _array(target, loss, "target")
    if p.shape != t.shape:
        names = _called(prediction, "prediction"), _called(target, "target")
        raise ValueError(
            f"{loss}: {names[0]} {p.shape} and {names[1]} {t.shape} must have the same shape"
            f"{_remedy(p.shape, t.shape, *names)}"
        )
    if p.dtype.kind == "f" and t.dtype.kind != "f":
        t = t.astype(p.dtype)  # integer labels would make a float32 a float64
    return p, t


def _remedy(p: tuple[int, ...], t: tuple[int, ...], prediction: str, target: str) -> str:
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


def _within(
    x: Any, low: float, high: float, loss: str, given: Any, remedy: str, role: str = "target"
) -> None:
    """Refuse numbers of ``x``, made of ``given``, outside ``[low, high]``; a NaN is outside."""
    values = _in_memory(x)
    if values is not None:
        inside = (values >= low) & (values <= high)
        if not np.all(inside):
            raise ValueError(
                f"{loss}: {_called(given, role)} holds {values[~inside][0]:.6g}, "
                f"outside [{low:g}, {high:g}]; {remedy}"
            )


def _classes(scores: Any, target: Any, loss: str, axis: int = -1) -> tuple[Any, Any]:
    """Scores, and class indices as integers of the scores' shape without ``axis``."""
    z, y = _array(scores, loss, "logits"), _array(target, loss, "target")
    number, expected = _axis_of_classes(z, axis, loss)
    if y.shape != expected:
        name = _called(target, "target")
        hint = f": write {name.removeprefix('the ')}[..., 0]" if y.shape == (*expected, 1) else ""
        raise ValueError(
            f"{loss}: logits {z.shape} go with class indices {expected}, "
            f"but {name} has shape {y.shape}{hint}"
        )
    if y.dtype.kind not in "iu":
        name = _called(target, "target")
        raise TypeError(
            f"{loss}: {name} has dtype {y.dtype}, and class indices are integers: "
            f"write {name.removeprefix('the ')}.astype(int)"
        )
    remedy = f"{number} classes are numbered from 0 to {number - 1}"
    _within(y, 0, number - 1, loss, target, remedy)
    return z, y


def _axis_of_classes(z: Any, axis: int, loss: str) -> tuple[int, tuple[int, ...]]:
    """Number of classes, and the shape of ``z`` without their axis."""
    if not z.ndim:
        raise ValueError(f"{loss}: the logits are a single number; they need an axis of classes")
    if not -z.ndim <= axis < z.ndim:
        raise ValueError(f"{loss}: axis={axis}, and logits {z.shape} have {z.ndim} axes")
    shape = list(z.shape)
    return shape.pop(axis), tuple(shape)


def _reduced(losses: Any, reduction: str, loss: str) -> Any:
    if reduction == "mean":
        return np.mean(losses)
    if reduction == "sum":
        return np.sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f'{loss}: reduction must be "mean", "sum" or "none", not {reduction!r}')


# --- numbers: four conventions of the squared error, and two that mind outliers less ----


def mse(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Mean squared error, ``1/m Σ e²`` with ``e = prediction − target``.

    Its derivative is ``2e/m``.  `half_mse` has no 2, `half_sum_squared_error` neither 2
    nor m, `sum_squared_error` no m: derivations differ in this more than in anything.

    Parameters
    ----------
    prediction, target : array_like
        Of the same shape; m is the number of elements.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    number, or an array of the arguments' shape for ``"none"``

    Raises
    ------
    ValueError
        For shapes that differ, and empty arrays.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.mse)(np.array([2.0, 5.0]), y)
    (np.float64(5.0), array([1., 3.]))
    """
    p, t = _pair(prediction, target, "mse")
    return _reduced((p - t) ** 2, reduction, "mse")


def half_mse(prediction: Any, target: Any) -> Any:
    """Half the mean squared error, ``1/(2m) Σ e²``; its derivative is ``e/m``.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.half_mse)(np.array([2.0, 5.0]), y)
    (np.float64(2.5), array([0.5, 1.5]))
    """
    p, t = _pair(prediction, target, "half_mse")
    return 0.5 * np.mean((p - t) ** 2)


def sum_squared_error(prediction: Any, target: Any) -> Any:
    """Sum of squared errors, ``Σ e²``; its derivative is ``2e``.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.sum_squared_error)(np.array([2.0, 5.0]), y)
    (np.float64(10.0), array([2., 6.]))
    """
    p, t = _pair(prediction, target, "sum_squared_error")
    return np.sum((p - t) ** 2)


def half_sum_squared_error(prediction: Any, target: Any) -> Any:
    """Half the sum of squared errors, ``½ Σ e²``; its derivative is ``e``.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.half_sum_squared_error)(np.array([2.0, 5.0]), y)
    (np.float64(5.0), array([1., 3.]))
    """
    p, t = _pair(prediction, target, "half_sum_squared_error")
    return 0.5 * np.sum((p - t) ** 2)


def mae(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Mean absolute error, ``1/m Σ |e|``; its derivative is ``sign(e)/m``, 0 at 0.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.mae(np.array([2.0, 5.0]), np.array([1.0, 2.0]))
    np.float64(2.0)
    """
    p, t = _pair(prediction, target, "mae")
    return _reduced(np.abs(p - t), reduction, "mae")


def huber(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    """Squared near 0, absolute beyond: ``½e²`` if ``|e| ≤ δ``, else ``δ(|e| − ½δ)``.

    Other arguments and errors as for `mse`.  P. J. Huber, "Robust Estimation of a
    Location Parameter", Annals of Mathematical Statistics 35 (1964).

    Parameters
    ----------
    delta : float
        Positive; errors beyond it pull with a constant force of ``delta``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([0.0, 0.0])
    >>> mg.value_and_grad(mg.losses.huber)(np.array([0.5, -3.0]), y, reduction="sum")
    (np.float64(2.625), array([ 0.5, -1. ]))
    """
    if not delta > 0:
        raise ValueError(f"huber: delta must be positive, not {delta!r}")
    p, t = _pair(prediction, target, "huber")
    size = np.abs(p - t)
    near = np.minimum(size, delta)
    return _reduced(near * (size - 0.5 * near), reduction, "huber")


# --- two classes -----------------------------------------------------------------------


def binary_cross_entropy(probability: Any, target: Any, reduction: str = "mean") -> Any:
    """``−(y log p + (1 − y) log(1 − p))`` of probabilities p.

    A logarithm counts as at least −100, as in PyTorch (−87 in float32), so that a p of
    exactly 0 or 1 has a finite loss; its derivative there is that of a constant.  A
    sigmoid that saturates is better left to `binary_cross_entropy_with_logits`, which is
    exact everywhere.

    Parameters
    ----------
    probability, target : array_like
        Of the same shape, between 0 and 1.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that differ, and numbers outside [0, 1].

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> loss = mg.losses.binary_cross_entropy(np.array([0.5, 0.9]), np.array([1, 1]))
    >>> print(f"{loss:.6f}")
    0.399254
    """
    loss = "binary_cross_entropy"
    p, y = _pair(probability, target, loss)
    remedy = "these look like logits: use binary_cross_entropy_with_logits"
    values = _in_memory(p)
    if not (values is None or np.isnan(values).any()):  # a NaN is no mistake of this argument
        _within(p, 0, 1, loss, probability, remedy, "prediction")
    _within(y, 0, 1, loss, target, "the two labels are 0 and 1")
    return _reduced(-(y * _bounded_log(p) + (1 - y) * _bounded_log(1 - p)), reduction, loss)


def _bounded_log(x: Any) -> Any:
    tiny = float(np.finfo(np.result_type(x.dtype, np.float16)).tiny)
    return np.log(np.maximum(x, max(math.exp(-100), tiny)))


def binary_cross_entropy_with_logits(logit: Any, target: Any, reduction: str = "mean") -> Any:
    """``−(y log σ(z) + (1 − y) log σ(−z))`` of logits z; its derivative is ``σ(z) − y``.

    Parameters
    ----------
    logit, target : array_like
        Of the same shape; targets between 0 and 1.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that differ, and targets outside [0, 1].

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> z, y = np.array([0.0, 1e4, 1e4]), np.array([1, 1, 0])
    >>> mg.losses.binary_cross_entropy_with_logits(z, y, reduction="none").round(6)
    array([6.93147e-01, 0.00000e+00, 1.00000e+04])
    """
    loss = "binary_cross_entropy_with_logits"
    z, y = _pair(logit, target, loss)
    _within(y, 0, 1, loss, target, "the two labels are 0 and 1")
    losses = -(y * ops.log_sigmoid(z) + (1 - y) * ops.log_sigmoid(-z))
    return _reduced(losses, reduction, loss)


def hinge(score: Any, target: Any, reduction: str = "mean") -> Any:
    """``max(0, 1 − t s)`` of scores s and labels t, which are −1 and +1.

    C. Cortes and V. Vapnik, "Support-Vector Networks", Machine Learning 20 (1995).

    Parameters
    ----------
    score, target : array_like
        Of the same shape.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that differ, and labels other than −1 and +1.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.hinge(np.array([2.0, 0.5, 0.5]), np.array([1, 1, -1]), reduction="none")
    array([0. , 0.5, 1.5])
    """
    s, t = _pair(score, target, "hinge")
    values = _in_memory(t)
    if values is not None and not np.all(np.abs(values) == 1):
        name = _called(target, "target")
        raise ValueError(
            f"hinge: {name} must hold −1 and +1 only; "
            f"for labels 0 and 1 write 2 * {name.removeprefix('the ')} - 1"
        )
    return _reduced(ops.relu(1 - t * s), reduction, "hinge")


# --- many classes ----------------------------------------------------------------------


def cross_entropy(
    logits: Any,
    target: Any,
    axis: int = -1,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """``−Σ_c y_c log softmax(z)_c``; its derivative is ``softmax(z) − y``.

    Parameters
    ----------
    logits : array_like
        Scores z before softmax, one per class along ``axis``.
    target : array_like
        Either class indices: integers, of the logits' shape without ``axis``.  Or
        probabilities y, of the logits' shape, that sum to 1 along ``axis``.
    axis : int
        Where the classes are: the last axis, as opposed to PyTorch's second.
    label_smoothing : float
        ε between 0 and 1 that makes ``(1 − ε) y + ε/C`` of y, for C classes (Szegedy et
        al., "Rethinking the Inception Architecture for Computer Vision", 2016).
    reduction : {"mean", "sum", "none"}
        Over the examples.

    Raises
    ------
    TypeError
        For class indices that are no integers.
    ValueError
        For shapes that do not belong together, class indices that do not exist, and
        probabilities that are none.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> z = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 1e4, 0.0, -1e4]])
    >>> mg.losses.cross_entropy(z, np.array([2, 0]), reduction="none")
    array([1.38629436e+00, 1.00000000e+04])
    >>> mg.losses.cross_entropy(z, np.eye(4)[[2, 0]], reduction="none")
    array([1.38629436e+00, 1.00000000e+04])
    """
    loss = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{loss}: label_smoothing must be between 0 and 1, not {label_smoothing}")
    if np.shape(logits) == np.shape(target):
        z, y = _probabilities(logits, target, axis, loss)
        log_q = ops.log_softmax(z, axis=axis)
        losses = -np.sum(y * log_q, axis=axis)
    else:
        z, y = _classes(logits, target, loss, axis)
        log_q = ops.log_softmax(z, axis=axis)
        losses = -_chosen(log_q, y, axis)
    if label_smoothing:
        even = -np.mean(log_q, axis=axis)
        losses = (1 - label_smoothing) * losses + label_smoothing * even
    return _reduced(losses, reduction, loss)


def _chosen(scores: Any, y: Any, axis: int) -> Any:
    """Of each example the score of its class."""
    places: list[Any] = list(np.indices(y.shape, sparse=True))
    places.insert(axis % scores.ndim, y)
    return scores[tuple(places)]


def _probabilities(logits: Any, target: Any, axis: int, loss: str) -> tuple[Any, Any]:
    """Both as arrays of the same shape, the target summing to 1 along ``axis``."""
    z, y = _pair(logits, target, loss)
    _axis_of_classes(z, axis, loss)
    _within(y, 0, 1, loss, target, "a target of the logits' shape holds probabilities")
    values = _in_memory(y)
    if values is not None and (worst := np.max(np.abs(values.sum(axis=axis) - 1))) > 1e-3:
        raise ValueError(
            f"{loss}: the probabilities of {_called(target, 'target')} must sum to 1 along "
            f"axis {axis}; they are off by up to {worst:.3g}"
        )
    return z, y


def multiclass_hinge(scores: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """``Σ_{j ≠ y} max(0, s_j − s_y + Δ)``, the loss of a support vector machine.

    J. Weston and C. Watkins, "Support Vector Machines for Multi-Class Pattern
    Recognition", ESANN 1999.  PyTorch's ``multi_margin_loss`` divides it by the number
    of classes.

    Parameters
    ----------
    scores : array_like
        s, one per class along the last axis.
    target : array_like of int
        Class indices, of the scores' shape without the last axis.
    margin : float
        Δ, by which the right class shall win; not negative.
    reduction : {"mean", "sum", "none"}
        Over the examples.

    Raises
    ------
    TypeError, ValueError
        As for `cross_entropy` with class indices.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0]])
    >>> mg.losses.multiclass_hinge(scores, np.array([0, 1]), reduction="none").round(6)
    array([2.9, 0. ])
    """
    if not margin >= 0:
        raise ValueError(f"multiclass_hinge: margin must not be negative, as {margin!r} is")
    s, y = _classes(scores, target, "multiclass_hinge")
    own = np.expand_dims(_chosen(s, y, -1), -1)
    losses = np.sum(ops.relu(s - own + margin), axis=-1) - margin  # j = y contributes Δ
    return _reduced(losses, reduction, "multiclass_hinge")


def kl_divergence(logits: Any, target: Any, axis: int = -1, reduction: str = "mean") -> Any:
    """``D(p‖q) = Σ_c p_c (log p_c − log q_c)`` of a target p and ``q = softmax(logits)``.

    Log-probabilities are logits too: for given q pass ``np.log(q)``.  S. Kullback and
    R. A. Leibler, "On Information and Sufficiency" (1951).

    Parameters
    ----------
    logits : array_like
        Scores before softmax, one per class along ``axis``.
    target : array_like
        Probabilities p of the same shape, that sum to 1 along ``axis``.
    axis : int
    reduction : {"mean", "sum", "none"}
        Over the examples (``"batchmean"`` in PyTorch).

    Raises
    ------
    ValueError
        For shapes that differ, and probabilities that are none.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    >>> print(f"{mg.losses.kl_divergence(np.log(q), p):.6f} = log 2")
    0.693147 = log 2
    """
    z, p = _probabilities(logits, target, axis, "kl_divergence")
    log_p = np.log(np.where(p > 0, p, 1))  # 0 log 0 = 0
    losses = np.sum(p * (log_p - ops.log_softmax(z, axis=axis)), axis=axis)
    return _reduced(losses, reduction, "kl_divergence")


# --- penalties -------------------------------------------------------------------------


def l2_penalty(parameters: Any, strength: float = 1.0) -> Any:
    """``½ λ Σ θ²``; its derivative is ``λθ``, so that λ is an optimiser's weight decay.

    Parameters
    ----------
    parameters : array_like, or nested dicts, lists and tuples of them
    strength : float
        λ, not negative.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.l2_penalty({"W": np.array([1.0, 2.0]), "b": 3.0}, strength=0.1)
    np.float64(0.7000000000000001)
    """
    return 0.5 * strength * _total(parameters, strength, "l2_penalty", lambda x: x * x)


def l1_penalty(parameters: Any, strength: float = 1.0) -> Any:
    """``λ Σ |θ|``; its derivative is ``λ sign(θ)``, 0 at 0.

    Arguments as for `l2_penalty`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.l1_penalty([np.array([1.0, -2.0]), 3.0])
    np.float64(6.0)
    """
    return strength * _total(parameters, strength, "l1_penalty", np.abs)


def _total(parameters: Any, strength: float, loss: str, f: Any) -> Any:
    if not strength >= 0:
        raise ValueError(f"{loss}: strength must not be negative, as {label(strength)} is")
    if isinstance(parameters, Iterator):
        parameters = list(parameters)  # a generator, as of a module's parameters
    leaves = flatten(parameters)[0]
    if not leaves:
        raise ValueError(f"{loss}: there are no parameters")
    return sum(np.sum(f(_array(x, loss, "parameter"))) for x in leaves)
