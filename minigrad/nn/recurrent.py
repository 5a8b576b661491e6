"""Recurrent cells: one step in time each; a loop over the steps is the user's."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from minigrad.nn import functional as F
from minigrad.nn.checks import count, floating, generator
from minigrad.nn.layers import uniform
from minigrad.nn.module import Module
from minigrad.ops.shape import arrayed
from minigrad.tensor import Tensor


class _Cell(Module):
    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        rng: Any = None,
        dtype: Any = np.float64,
    ) -> None:
        who = type(self).__name__
        inputs = count(who, "input_size", input_size)
        hidden = count(who, "hidden_size", hidden_size)
        self.hidden_size: int = hidden
        rng, dtype = generator(who, rng), floating(who, dtype)
        n = self.gates * hidden
        self.weight_ih: Tensor = uniform(rng, (n, inputs), hidden, dtype)
        self.weight_hh: Tensor = uniform(rng, (n, hidden), hidden, dtype)
        self.bias_ih: Tensor | None = uniform(rng, (n,), hidden, dtype) if bias else None
        self.bias_hh: Tensor | None = uniform(rng, (n,), hidden, dtype) if bias else None

    def _weights(self) -> tuple[Any, Any, Any, Any]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _rest(self, x: Any) -> Any:
        """The state before the first step: zeros."""
        return np.zeros((*np.shape(x)[:-1], self.hidden_size), self.weight_hh.dtype)

    def details(self) -> str:
        inputs = self.weight_ih.shape[1]
        return f"{inputs}, {self.hidden_size}{', bias=False' * (self.bias_ih is None)}"


class RNNCell(_Cell):
    """``h' = tanh(W x + b + U h + c)``: `nn.functional.rnn_cell` with parameters.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    nonlinearity : {"tanh", "relu"}
    rng, dtype
        As for `Linear`; uniform on ±1/√hidden.

    Attributes
    ----------
    weight_ih, weight_hh : (hidden, inputs), (hidden, hidden)
    bias_ih, bias_hh : (hidden,), or None

    Raises
    ------
    ValueError
        For another nonlinearity, and input of another size.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> cell = mg.nn.RNNCell(3, 5, rng=0)
    >>> h = None
    >>> for x in np.ones((7, 2, 3)):  # 7 steps of a batch of 2
    ...     h = cell(x, h)
    >>> h.shape
    (2, 5)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: Any = None,
        dtype: Any = np.float64,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f'RNNCell: nonlinearity must be "tanh" or "relu", not {nonlinearity!r}'
            )
        super().__init__(input_size, hidden_size, bias, rng=rng, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, h: Any = None) -> Any:
        """The next state; without ``h`` the last was 0."""
        x = arrayed(x)
        h = self._rest(x) if h is None else h
        return F.rnn_cell(x, h, *self._weights(), nonlinearity=self.nonlinearity)


class GRUCell(_Cell):
    """`nn.functional.gru_cell` with parameters; those of `RNNCell`, 3 hidden rows each.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> cell, h = mg.nn.GRUCell(2, 3, rng=0), None
    >>> for x in np.ones((5, 4, 2)):  # five steps of four sequences
    ...     h = cell(x, h)
    >>> h.shape
    (4, 3)
    """

    gates = 3

    def forward(self, x: Any, h: Any = None) -> Any:
        """The next state; without ``h`` the last was 0."""
        x = arrayed(x)
        return F.gru_cell(x, self._rest(x) if h is None else h, *self._weights())


class LSTMCell(_Cell):
    """`nn.functional.lstm_cell` with parameters; those of `RNNCell`, 4 hidden rows each.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> cell, state = mg.nn.LSTMCell(2, 3, rng=0), None
    >>> for x in np.ones((5, 4, 2)):  # five steps of four sequences
    ...     state = cell(x, state)
    >>> h, c = state
    >>> h.shape, c.shape
    ((4, 3), (4, 3))
    """

    gates = 4

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """The next state (h, c); without ``state`` the last was 0."""
        x = arrayed(x)
        state = (self._rest(x), self._rest(x)) if state is None else state
        return F.lstm_cell(x, state, *self._weights())
