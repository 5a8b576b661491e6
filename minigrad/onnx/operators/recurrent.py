"""Recurrent layers, one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.onnx.operators.table import Operator, table
from minigrad.typing import Array

Step = Callable[[Array, Array, Array], tuple[Array, Array]]


def directions(direction: str) -> list[bool]:
    """For each direction whether it goes backwards."""
    return {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]


def refused(who: str, **given: Any) -> None:
    """Raise for what is given and not known."""
    for name, value in given.items():
        if value is not None and value is not False and value != 0:
            raise NotImplementedError(f"onnx.load: {who} with {name} is not known")


def run(x: Array, backward: bool, h: Array, c: Array, step: Step) -> tuple[Array, Array, Array]:
    """All states of a direction, and the last ones."""
    found = []
    for t in reversed(range(np.shape(x)[0])) if backward else range(np.shape(x)[0]):
        h, c = step(x[t], h, c)
        found.append(h)
    return np.stack(found[::-1] if backward else found), h, c


def fitting(who: str, count: int, rows: int, hidden: int, **given: Any) -> None:
    """Raise for weights and states that do not belong together.

    ONNX knows no projections of an LSTM's output; exporters that leave them in place write
    weights of other sizes than ``hidden_size`` says.
    """
    seen = np.shape(given["X"])
    if len(seen) != 3:
        raise ValueError(f"onnx.load: {who}: X {seen} is not (steps, batch, inputs)")
    _, batch, inputs = seen
    wanted = {
        "W": (count, rows, inputs), "R": (count, rows, hidden), "B": (count, 2 * rows),
        "initial_h": (count, batch, hidden), "initial_c": (count, batch, hidden),
    }  # fmt: skip
    for name, shape in wanted.items():
        if given[name] is not None and np.shape(given[name]) != shape:
            raise ValueError(
                f"onnx.load: {who}: {name} {np.shape(given[name])} is not {shape}, as X {seen} and "
                f"hidden_size={hidden} ask for; ONNX has no projections (proj_size)"
            )


def layer(
    who: str, x: Array, w: Array, r: Array, b: Array, h0: Array, c0: Array, direction: str,
    hidden: int, layout: int, gates: int, cell: Callable[..., Step],
) -> tuple[Array, Array, Array]:  # fmt: skip
    refused(who, layout=layout)
    ways, given = directions(direction), {"W": w, "R": r, "B": b, "initial_h": h0, "initial_c": c0}
    fitting(who, len(ways), gates * hidden, hidden, X=x, **given)
    batch = np.shape(x)[1]
    zeros = np.zeros((batch, hidden), np.result_type(x))
    states, last_h, last_c = [], [], []
    for i, backward in enumerate(ways):
        bias = b[i] if b is not None else np.zeros(2 * gates * hidden, np.result_type(x))
        bw, br = bias[: gates * hidden], bias[gates * hidden :]
        step = cell(w[i], r[i], bw, br)
        y, h, c = run(
            x, backward, zeros if h0 is None else h0[i], zeros if c0 is None else c0[i], step
        )
        states.append(y)
        last_h.append(h)
        last_c.append(c)
    return np.stack(states, axis=1), np.stack(last_h), np.stack(last_c)


def check_activations(activations: Sequence[str] | None, expected: list[str], who: str) -> None:
    if activations and [a.decode() if isinstance(a, bytes) else a for a in activations] not in (
        expected, expected * 2,
    ):  # fmt: skip
        raise NotImplementedError(f"onnx.load: {who} with other activations is not known")


def lstm(
    x: Array, w: Array, r: Array, b: Array = None, lengths: Array = None, h0: Array = None,
    c0: Array = None, peepholes: Array = None, *, hidden_size: int, direction: str = "forward",
    layout: int = 0, activations: Sequence[str] | None = None, clip: float = 0.0,
    input_forget: int = 0,
) -> Array:  # fmt: skip
    """Gates i, o, f, c, one below the other."""
    refused("LSTM", sequence_lens=lengths, P=peepholes, clip=clip, input_forget=input_forget)
    check_activations(activations, ["Sigmoid", "Tanh", "Tanh"], "LSTM")

    def cell(w: Array, r: Array, bw: Array, br: Array) -> Step:
        def step(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
            i, o, f, g = np.split(x @ w.T + h @ r.T + (bw + br), 4, axis=-1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            return ops.sigmoid(o) * ops.tanh(c), c

        return step

    return layer("LSTM", x, w, r, b, h0, c0, direction, hidden_size, layout, 4, cell)


def gru(
    x: Array, w: Array, r: Array, b: Array = None, lengths: Array = None, h0: Array = None, *,
    hidden_size: int, direction: str = "forward", layout: int = 0,
    activations: Sequence[str] | None = None, clip: float = 0.0, linear_before_reset: int = 0,
) -> Array:  # fmt: skip
    """Gates z, r, h, one below the other."""
    refused("GRU", sequence_lens=lengths, clip=clip)
    check_activations(activations, ["Sigmoid", "Tanh"], "GRU")

    def cell(w: Array, r: Array, bw: Array, br: Array) -> Step:
        n = hidden_size

        def step(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
            a = x @ w.T + bw
            both = h @ r[: 2 * n].T + br[: 2 * n]
            z, reset = np.split(ops.sigmoid(a[..., : 2 * n] + both), 2, axis=-1)
            if linear_before_reset:
                new = ops.tanh(a[..., 2 * n :] + reset * (h @ r[2 * n :].T + br[2 * n :]))
            else:
                new = ops.tanh(a[..., 2 * n :] + (reset * h) @ r[2 * n :].T + br[2 * n :])
            return new + z * (h - new), c

        return step

    y, h, _ = layer("GRU", x, w, r, b, h0, None, direction, hidden_size, layout, 3, cell)
    return y, h


def rnn(
    x: Array, w: Array, r: Array, b: Array = None, lengths: Array = None, h0: Array = None, *,
    hidden_size: int, direction: str = "forward", layout: int = 0,
    activations: Sequence[str] | None = None, clip: float = 0.0,
) -> Array:  # fmt: skip
    refused("RNN", sequence_lens=lengths, clip=clip)
    kinds = {a.decode() if isinstance(a, bytes) else a for a in activations or ["Tanh"]}
    if kinds not in ({"Tanh"}, {"Relu"}):
        raise NotImplementedError("onnx.load: RNN with other activations is not known")
    bend = ops.tanh if kinds == {"Tanh"} else ops.relu

    def cell(w: Array, r: Array, bw: Array, br: Array) -> Step:
        return lambda x, h, c: (bend(x @ w.T + h @ r.T + (bw + br)), c)

    y, h, _ = layer("RNN", x, w, r, b, h0, None, direction, hidden_size, layout, 1, cell)
    return y, h


OPERATORS: dict[str, Operator] = table(LSTM=lstm, GRU=gru, RNN=rnn)
