"""Recurrent cells, one step in time each, and layers that run them along sequences."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from minigrad.nn import functional as F
from minigrad.nn.checks import count, floating, fraction, generator, laid_out, sized
from minigrad.nn.layers import uniform
from minigrad.nn.module import Module
from minigrad.ops.shape import arrayed
from minigrad.tensor import Tensor
from minigrad.typing import Array, DType, Random, Shape


class _Cell(Module):
    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
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

    def _weights(self) -> tuple[Array, Array, Array, Array]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _rest(self, x: Array) -> Array:
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
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f'RNNCell: nonlinearity must be "tanh" or "relu", not {nonlinearity!r}'
            )
        super().__init__(input_size, hidden_size, bias, rng=rng, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, x: Array, h: Array = None) -> Array:
        """The next state; without ``h`` the last was 0."""
        x = arrayed(x)
        h = self._rest(x) if h is None else h
        return F.rnn_cell(x, h, *self._weights(), nonlinearity=self.nonlinearity)


class GRUCell(_Cell):
    """One step of a gated recurrent unit: `nn.functional.gru_cell` with learned weights.

    They are called as in `RNNCell`, and have ``3 hidden`` rows.

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

    def forward(self, x: Array, h: Array = None) -> Array:
        """The next state; without ``h`` the last was 0."""
        x = arrayed(x)
        return F.gru_cell(x, self._rest(x) if h is None else h, *self._weights())


class LSTMCell(_Cell):
    """One step of long short-term memory: `nn.functional.lstm_cell` with learned weights.

    They are called as in `RNNCell`, and have ``4 hidden`` rows.

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

    def forward(self, x: Array, state: Array = None) -> tuple[Array, Array]:
        """The next state (h, c); without ``state`` the last was 0."""
        x = arrayed(x)
        state = (self._rest(x), self._rest(x)) if state is None else state
        return F.lstm_cell(x, state, *self._weights())


# --- along sequences ---------------------------------------------------------------------


Weights = tuple[Array, Array, Array, Array]
"""W, U, b and c of a cell."""


class _Recurrent(Module):
    """Parameters are named as PyTorch names them: ``weight_ih_l0``, ..., ``_reverse`` backward."""

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        who = type(self).__name__
        inputs = count(who, "input_size", input_size)
        hidden = count(who, "hidden_size", hidden_size)
        self.num_layers = count(who, "num_layers", num_layers)
        self.hidden_size, self.batch_first, self.bias = hidden, batch_first, bias
        self.dropout, self.bidirectional = fraction(who, "dropout", dropout), bidirectional
        self.rng, dtype = generator(who, rng), floating(who, dtype)
        n = self.gates * hidden
        for layer in range(self.num_layers):
            for end in self._ends():
                shapes: dict[str, Shape] = {"weight_ih": (n, inputs), "weight_hh": (n, hidden)}
                shapes |= {"bias_ih": (n,), "bias_hh": (n,)} if bias else {}
                for key, shape in shapes.items():
                    setattr(self, f"{key}_l{layer}{end}", uniform(self.rng, shape, hidden, dtype))
            inputs = hidden * len(self._ends())

    def _ends(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _cell(self, x: Array, state: tuple[Array, ...], weights: Weights) -> tuple[Array, ...]:
        """One step: the next state, the output first."""
        raise NotImplementedError

    def _run(self, x: Array, states: tuple[Array, ...]) -> tuple[Array, list[Array]]:
        """From (time, batch, features), and the states of every layer and direction."""
        ends = []
        for layer in range(self.num_layers):
            outputs = []
            for way, end in enumerate(self._ends()):
                keys = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                w, u, b, c = (getattr(self, f"{k}_l{layer}{end}", None) for k in keys)
                state = tuple(s[layer * len(self._ends()) + way] for s in states)
                steps = []
                for t in range(np.shape(x)[0])[:: -1 if end else 1]:
                    state = self._cell(x[t], state, (w, u, b, c))
                    steps.append(state[0])
                outputs.append(np.stack(steps[:: -1 if end else 1]))
                ends.append(state)
            x = np.concatenate(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.rng)
        return x, [np.stack(parts) for parts in zip(*ends, strict=True)]

    def _states(self, x: Array, given: Array, n: int) -> tuple[Array, ...]:
        """The ``n`` states before the first step: those given, or zeros."""
        shape = (self.num_layers * len(self._ends()), np.shape(x)[1], self.hidden_size)
        if given is None:
            return (np.zeros(shape, self.weight_hh_l0.dtype),) * n  # type: ignore[attr-defined]
        for state in given:
            if np.shape(state) != shape:
                raise ValueError(
                    f"{type(self).__name__} wants a state of shape {shape}, not {np.shape(state)}"
                )
        return tuple(given)

    def _along(self, x: Array, given: Array, n: int) -> tuple[Array, list[Array]]:
        """`_run`, for sequences of whatever layout."""
        layout = "(batch, time, features)" if self.batch_first else "(time, batch, features)"
        x = laid_out(type(self).__name__, x, (2, 3), f"input of shape {layout}")
        sized(type(self).__name__, x, -1, self.weight_ih_l0.shape[1], "inputs")  # type: ignore[attr-defined]
        if np.ndim(x) == 2:
            given = given if given is None else [np.expand_dims(s, 1) for s in given]
            x = np.expand_dims(x, 1)
            y, ends = self._run(x, self._states(x, given, n))
            return np.squeeze(y, 1), [np.squeeze(e, 1) for e in ends]
        x = np.swapaxes(x, 0, 1) if self.batch_first else x
        y, ends = self._run(x, self._states(x, given, n))
        return np.swapaxes(y, 0, 1) if self.batch_first else y, ends

    def forward(self, x: Array, h: Array = None) -> tuple[Array, Array]:
        """The last layer's outputs, and every layer's last state."""
        y, (end,) = self._along(x, h if h is None else [h], 1)
        return y, end

    def details(self) -> str:
        words = [f"{self.weight_ih_l0.shape[1]}, {self.hidden_size}"]  # type: ignore[attr-defined]
        words += [f"num_layers={self.num_layers}"] * (self.num_layers > 1)
        flags = {"bias=False": not self.bias, "batch_first=True": self.batch_first}
        flags["bidirectional=True"] = self.bidirectional
        return ", ".join(words + [word for word, told in flags.items() if told])


class RNN(_Recurrent):
    """A recurrent network (Elman's) over sequences: `RNNCell` at each step, in stacked layers.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
    nonlinearity : {"tanh", "relu"}
    bias : bool
    batch_first : bool
        Whether sequences are (batch, time, features) and not (time, batch, features).
    dropout : float
        The probability that an output of a layer but the last is dropped in training.
    bidirectional : bool
        Whether each layer also runs backward in time; the outputs are concatenated.
    rng, dtype
        As for `Linear`; uniform on ±1/√hidden.

    Raises
    ------
    ValueError
        For another nonlinearity, and input and states of another shape.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y, h = mg.nn.RNN(3, 5, num_layers=2, rng=0)(np.ones((7, 2, 3)))
    >>> y.shape, h.shape  # (time, batch, hidden), (layers, batch, hidden)
    ((7, 2, 5), (2, 2, 5))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f'RNN: nonlinearity must be "tanh" or "relu", not {nonlinearity!r}')
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            rng=rng, dtype=dtype,
        )  # fmt: skip

    def _cell(self, x: Array, state: tuple[Array, ...], weights: Weights) -> tuple[Array, ...]:
        return (F.rnn_cell(x, state[0], *weights, self.nonlinearity),)


class GRU(_Recurrent):
    """A gated recurrent unit over sequences: `GRUCell` at each step, in stacked layers.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y, h = mg.nn.GRU(3, 5, bidirectional=True, rng=0)(np.ones((7, 2, 3)))
    >>> y.shape, h.shape
    ((7, 2, 10), (2, 2, 5))
    """

    gates = 3

    def _cell(self, x: Array, state: tuple[Array, ...], weights: Weights) -> tuple[Array, ...]:
        return (F.gru_cell(x, state[0], *weights),)


class LSTM(_Recurrent):
    """Long short-term memory over sequences: `LSTMCell` at each step, in stacked layers.

    Raises
    ------
    TypeError
        For a state that is no pair.
    ValueError
        For input and states of another shape.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y, (h, c) = mg.nn.LSTM(3, 5, batch_first=True, rng=0)(np.ones((2, 7, 3)))
    >>> y.shape, h.shape, c.shape
    ((2, 7, 5), (1, 2, 5), (1, 2, 5))
    """

    gates = 4

    def _cell(self, x: Array, state: tuple[Array, ...], weights: Weights) -> tuple[Array, ...]:
        return F.lstm_cell(x, (state[0], state[1]), *weights)

    def forward(self, x: Array, state: Array = None) -> tuple[Array, tuple[Array, Array]]:
        """The last layer's outputs, and every layer's last state (h, c)."""
        if state is not None and (not isinstance(state, list | tuple) or len(state) != 2):
            raise TypeError("LSTM: the state is a pair (h, c)")
        y, (h, c) = self._along(x, state, 2)
        return y, (h, c)
