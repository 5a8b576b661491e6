"""What large parameters cost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.errors import label
from minigrad.losses.checks import array
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Tree


def l2_penalty(parameters: Tree, strength: float = 1.0) -> Array:
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
    return 0.5 * strength * total(parameters, strength, "l2_penalty", lambda x: x * x)


def l1_penalty(parameters: Tree, strength: float = 1.0) -> Array:
    """``λ Σ |θ|``; its derivative is ``λ sign(θ)``, 0 at 0.

    Arguments as for `l2_penalty`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.l1_penalty([np.array([1.0, -2.0]), 3.0])
    np.float64(6.0)
    """
    return strength * total(parameters, strength, "l1_penalty", np.abs)


def total(parameters: Tree, strength: float, loss: str, f: Function) -> Array:
    if not strength >= 0:
        raise ValueError(f"{loss}: strength must not be negative, as {label(strength)} is")
    if isinstance(parameters, Iterator):
        parameters = list(parameters)  # a generator, as of a module's parameters
    leaves = flatten(parameters)[0]
    if not leaves:
        raise ValueError(f"{loss}: there are no parameters")
    return sum(np.sum(f(array(x, loss, "parameter"))) for x in leaves)
