"""One step of a recurrent cell."""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.functional.products import affine
from minigrad.ops.shape import arrayed
from minigrad.typing import Array


def _gates(
    who: str, x: Array, h: Array, w: Array, u: Array, b: Array, c: Array
) -> tuple[Array, Array]:
    """``W x + b`` and ``U h + c``, the shapes of x and h checked."""
    hidden = np.shape(u)[1]
    x, h = arrayed(x), arrayed(h)
    if np.ndim(x) not in (1, 2) or np.shape(x)[-1] != np.shape(w)[1]:
        raise ValueError(
            f"{who} wants input of shape (batch, {np.shape(w)[1]}) or ({np.shape(w)[1]},); "
            f"{label(x)} has shape {np.shape(x)}"
        )
    if np.shape(h) != (*np.shape(x)[:-1], hidden):
        raise ValueError(
            f"{who} wants a state of shape {(*np.shape(x)[:-1], hidden)}, not {np.shape(h)}"
        )
    return affine(who, x, w, b), affine(who, h, u, c)


def rnn_cell(
    x: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
    nonlinearity: str = "tanh",
) -> Array:
    """``h' = tanh(W x + b + U h + c)``, or relu in place of tanh (J. L. Elman, 1990).

    Derivative: with ``δ = dh' (1 - h'²)``: ``dW = δ xᵀ``, ``dU = δ hᵀ``, ``db = dc = δ``,
    ``dx = Wᵀ δ``, ``dh = Uᵀ δ``.

    Parameters
    ----------
    x : (batch, inputs) or (inputs,)
    h : (batch, hidden) or (hidden,)
    weight_ih, weight_hh : (hidden, inputs), (hidden, hidden)
    bias_ih, bias_hh : (hidden,), optional
    nonlinearity : {"tanh", "relu"}

    Raises
    ------
    ValueError
        For another nonlinearity, and shapes that do not match.

    Examples
    --------
    >>> rnn_cell([0.5], [0.0], [[2.0]], [[1.0]]).round(4)
    array([0.7616])
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'rnn_cell: nonlinearity must be "tanh" or "relu", not {nonlinearity!r}')
    a, b = _gates("rnn_cell", x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return ops.tanh(a + b) if nonlinearity == "tanh" else ops.relu(a + b)


def gru_cell(
    x: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
) -> Array:
    """``h' = (1 − z) n + z h`` with gates r and z, and ``n = tanh(W x + b + r (U h + c))``.

    Derivative: ``∂h'/∂h`` directly is z; ``∂h'/∂n = 1 - z`` and ``∂h'/∂z = h - n``, then through
    the gates.

    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014).
    The weights, (3 hidden, ...), hold r, z and n one below the other.

    Examples
    --------
    >>> import numpy as np
    >>> gru_cell([0.5], [0.0], np.ones((3, 1)), np.ones((3, 1))).round(4)
    array([0.1745])
    """
    a, b = _gates("gru_cell", x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=-1), np.split(b, 3, axis=-1)
    z = ops.sigmoid(az + bz)
    n = ops.tanh(an + ops.sigmoid(ar + br) * bn)
    return n + z * (h - n)


def lstm_cell(
    x: Array,
    state: tuple[Array, Array],
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
) -> tuple[Array, Array]:
    """``c' = f c + i g`` and ``h' = o tanh(c')``: the new state ``(h', c')``.

    Derivative: ``∂c'/∂c = f``, ``∂c'/∂i = g``, ``∂c'/∂f = c``, ``∂c'/∂g = i``,
    ``∂h'/∂o = tanh c'``, ``∂h'/∂c' = o (1 - tanh² c')``.

    S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory" (1997); the gates i, f and
    o are sigmoids, g is a tanh.  The weights, (4 hidden, ...), hold i, f, g, o.

    Raises
    ------
    TypeError
        For a state that is no pair.
    ValueError
        For shapes that do not match.

    Examples
    --------
    >>> import numpy as np
    >>> np.stack(lstm_cell([0.5], ([0.0], [0.0]), np.ones((4, 1)), np.ones((4, 1)))).round(4)
    array([[0.1743],
           [0.2876]])
    """
    if not isinstance(state, list | tuple) or len(state) != 2:
        raise TypeError("lstm_cell: the state is a pair (h, c)")
    h, c = state
    if np.shape(c) != np.shape(h):
        raise ValueError(f"lstm_cell: h has shape {np.shape(h)} and c {np.shape(c)}")
    a, b = _gates("lstm_cell", x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    i, f, g, o = np.split(a + b, 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c
