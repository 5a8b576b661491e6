"""Back-propagation from scratch: ten steps, each a page of plain NumPy.

Every step adds one idea to a network and derives its gradient by hand: the forward pass keeps
what the backward pass needs, and the backward pass is written line by line.  minigrad
trains nothing here; it grades: `mg.check_derivation` compares every gradient of the
page with its own and with finite differences.  A network of steps 2 to 6, of a
convolution, ReLU, dropout, softmax and L2, then reads digits.

Run it with ``python examples/from_scratch.py --plot digits.png``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from digits_mlp import digits
from gradient_descent_classifier import number, picture
from workbench import keep_state, restored, settings, told

import minigrad as mg

Array = np.ndarray


@dataclass
class Page:
    """What a step hands to the grader.

    Attributes
    ----------
    title : str
    leaves : dict
        Name -> array: what the loss depends on.
    loss : callable
        The loss of those, in NumPy's functions.
    hand : dict
        Name -> gradient, by hand.
    """

    title: str
    leaves: dict[str, Any]
    loss: Callable[..., Any]
    hand: dict[str, Any]

    def grade(self) -> Any:
        """The report of `mg.check_derivation`."""
        t = {k: mg.Tensor(v, requires_grad=True, name=k) for k, v in self.leaves.items()}
        return mg.check_derivation(self.loss(**t), {t[k]: v for k, v in self.hand.items()})


# --- 1: one neuron ---------------------------------------------------------------------


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def neuron(rng: np.random.Generator) -> Page:
    """``a = σ(w·x + b)``, ``L = ½ (a − y)²``; ``dL/dz = (a − y) a (1 − a)``."""
    x, y = rng.normal(size=3), 1.0
    w, b = rng.normal(size=3), 0.1
    a = sigmoid(w @ x + b)
    dz = (a - y) * a * (1 - a)
    return Page(
        "one neuron", {"w": w, "b": b},
        lambda w, b: 0.5 * (sigmoid(w @ x + b) - y) ** 2, {"w": dz * x, "b": dz},
    )  # fmt: skip


# --- 2: mini-batches -------------------------------------------------------------------


def mini_batch(rng: np.random.Generator) -> Page:
    """The mean over a batch: ``dW = Xᵀ dZ / n``, ``db = Σ dZ / n``."""
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    w, b = rng.normal(size=(3, 2)), rng.normal(size=2)
    n = len(x)
    a = sigmoid(x @ w + b)
    dz = (a - y) * a * (1 - a) / n
    return Page(
        "mini-batches", {"W": w, "b": b},
        lambda W, b: (0.5 * (sigmoid(x @ W + b) - y) ** 2).sum() / n,
        {"W": x.T @ dz, "b": dz.sum(axis=0)},
    )  # fmt: skip


# --- 3: a hidden layer with ReLU -------------------------------------------------------


def hidden_relu(rng: np.random.Generator) -> Page:
    """``H = max(0, X U + c)``: the gradient passes where H is above 0."""
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    u, c, v = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 1))
    z = x @ u + c
    h = np.maximum(z, 0)
    out = (h @ v - y) / len(x)
    dz = out @ v.T * (z > 0)
    return Page(
        "ReLU", {"U": u, "c": c, "V": v},
        lambda U, c, V: (0.5 * (np.maximum(x @ U + c, 0) @ V - y) ** 2).sum() / len(x),
        {"V": h.T @ out, "U": x.T @ dz, "c": dz.sum(axis=0)},
    )  # fmt: skip


# --- 4: softmax and cross-entropy ------------------------------------------------------


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(z: Any, y: Array) -> Any:
    """``−mean log softmax(z)[y]``, for the grader."""
    return -mg.log_softmax(z, axis=-1)[np.arange(len(y)), y].mean()


def classes(rng: np.random.Generator) -> Page:
    """``dL/dZ = (softmax(Z) − onehot(y)) / n``: everything else cancels."""
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    w, b = rng.normal(size=(4, 3)), np.zeros(3)
    dz = (softmax(x @ w + b) - np.eye(3)[y]) / len(y)
    return Page(
        "softmax", {"W": w, "b": b}, lambda W, b: cross_entropy(x @ W + b, y),
        {"W": x.T @ dz, "b": dz.sum(axis=0)},
    )  # fmt: skip


# --- 5: dropout and L2 -----------------------------------------------------------------


def regularised(rng: np.random.Generator, keep: float = 0.8, decay: float = 0.01) -> Page:
    """A mask that was drawn is a constant: ``dH = dHd · m / keep``; L2 adds ``λ W``."""
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    u, v = rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
    m = (rng.random((6, 5)) < keep) / keep
    z = x @ u
    h = np.maximum(z, 0) * m
    dout = (softmax(h @ v) - np.eye(3)[y]) / len(y)
    dz = dout @ v.T * m * (z > 0)
    return Page(
        "dropout and L2", {"U": u, "V": v},
        lambda U, V: cross_entropy((np.maximum(x @ U, 0) * m) @ V, y)
        + 0.5 * decay * ((U**2).sum() + (V**2).sum()),
        {"U": x.T @ dz + decay * u, "V": h.T @ dout + decay * v},
    )  # fmt: skip


# --- 6: convolution --------------------------------------------------------------------


def windows(x: Array, k: int) -> Array:
    """What a kernel of k×k sees at every place, (n, places, places, k·k)."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    return seen.reshape(*seen.shape[:3], k * k)


def convolution(rng: np.random.Generator) -> Page:
    """A product with every window: ``dK = Σ windowsᵀ dZ``; dX lays the windows back over X."""
    x, y = rng.normal(size=(2, 5, 5)), rng.normal(size=(2, 3, 3, 2))
    kernel = rng.normal(size=(9, 2))
    seen = windows(x, 3)
    dz = seen @ kernel - y
    dseen = (dz @ kernel.T).reshape(2, 3, 3, 3, 3)
    dx = np.zeros_like(x)
    for i in range(3):
        for j in range(3):
            dx[:, i : i + 3, j : j + 3] += dseen[:, :, :, i, j]
    dkernel = np.einsum("npqk,npqc->kc", seen, dz)

    def loss(X: Any, K: Any) -> Any:
        out = sum(
            X[:, i : i + 3, j : j + 3, None] * K[3 * i + j] for i in range(3) for j in range(3)
        )
        return (0.5 * (out - y) ** 2).sum()

    return Page("convolution", {"X": x, "K": kernel}, loss, {"X": dx, "K": dkernel})


# --- 7: embedding ----------------------------------------------------------------------


def embedding(rng: np.random.Generator) -> Page:
    """Rows looked up: the gradient is added up at the rows that were, twice where twice."""
    words, y = np.array([[0, 3, 3], [1, 0, 4]]), rng.normal(size=(2, 2))
    table, w = rng.normal(size=(5, 4)), rng.normal(size=(4, 2))
    mean = table[words].mean(axis=1)
    dout = mean @ w - y
    dmean = dout @ w.T
    dtable = np.zeros_like(table)
    np.add.at(dtable, words, dmean[:, None, :] / words.shape[1])
    return Page(
        "embedding", {"E": table, "W": w},
        lambda E, W: (0.5 * (E[words].mean(axis=1) @ W - y) ** 2).sum(),
        {"E": dtable, "W": mean.T @ dout},
    )  # fmt: skip


# --- 8: a recurrent cell ---------------------------------------------------------------


def recurrent(rng: np.random.Generator, steps: int = 4) -> Page:
    """``h' = tanh(x U + h R)``: back through time, what comes from later is added up."""
    x, y = rng.normal(size=(steps, 2, 3)), rng.normal(size=(2, 4))
    u, r = rng.normal(size=(3, 4)) / 2, rng.normal(size=(4, 4)) / 2
    h = [np.zeros((2, 4))]
    for t in range(steps):
        h.append(np.tanh(x[t] @ u + h[t] @ r))
    dh, du, dr = h[-1] - y, np.zeros_like(u), np.zeros_like(r)
    for t in reversed(range(steps)):
        dz = dh * (1 - h[t + 1] ** 2)
        du += x[t].T @ dz
        dr += h[t].T @ dz
        dh = dz @ r.T

    def loss(U: Any, R: Any) -> Any:
        state: Any = np.zeros((2, 4))
        for t in range(steps):
            state = np.tanh(x[t] @ U + state @ R)
        return (0.5 * (state - y) ** 2).sum()

    return Page("recurrent cell", {"U": u, "R": r}, loss, {"U": du, "R": dr})


# --- 9: a long short-term memory -------------------------------------------------------


def memory(rng: np.random.Generator, steps: int = 3) -> Page:
    """``c' = f c + i g``, ``h' = o tanh(c')``: the sum in c is a road without weights."""
    n = 3
    x, y = rng.normal(size=(steps, 2, 2)), rng.normal(size=(2, n))
    w, r = rng.normal(size=(2, 4 * n)) / 2, rng.normal(size=(n, 4 * n)) / 2
    h, c, kept = np.zeros((2, n)), np.zeros((2, n)), []
    for t in range(steps):
        zi, zf, zg, zo = np.split(x[t] @ w + h @ r, 4, axis=1)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
        new = f * c + i * g
        kept.append((h, c, i, f, g, o, np.tanh(new)))
        h, c = o * np.tanh(new), new
    dh, dc = h - y, np.zeros((2, n))
    dw, dr = np.zeros_like(w), np.zeros_like(r)
    for t in reversed(range(steps)):
        before, c, i, f, g, o, bent = kept[t]
        dc = dc + dh * o * (1 - bent**2)
        dz = np.hstack([
            dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2),
            dh * bent * o * (1 - o),
        ])  # fmt: skip
        dw += x[t].T @ dz
        dr += before.T @ dz
        dh, dc = dz @ r.T, dc * f

    def loss(W: Any, R: Any) -> Any:
        h: Any = np.zeros((2, n))
        c: Any = np.zeros((2, n))
        for t in range(steps):
            i, f, g, o = np.split(x[t] @ W + h @ R, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return (0.5 * (h - y) ** 2).sum()

    return Page("LSTM", {"W": w, "R": r}, loss, {"W": dw, "R": dr})


# --- 10: attention ---------------------------------------------------------------------


def attention(rng: np.random.Generator) -> Page:
    """``A = softmax(Q Kᵀ / √d)``, ``O = A V``; ``dS = A ∘ (dA − Σ dA ∘ A)``."""
    q, k, v = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    y = rng.normal(size=(4, 2))
    scale = 1 / np.sqrt(3)
    a = softmax(q @ k.T * scale)
    dout = a @ v - y
    da = dout @ v.T
    ds = a * (da - (da * a).sum(axis=1, keepdims=True)) * scale
    return Page(
        "attention", {"Q": q, "K": k, "V": v},
        lambda Q, K, V: (0.5 * (mg.softmax(Q @ K.T * scale, axis=-1) @ V - y) ** 2).sum(),
        {"Q": ds @ k, "K": ds.T @ q, "V": a.T @ dout},
    )  # fmt: skip


PAGES = (neuron, mini_batch, hidden_relu, classes, regularised, convolution, embedding, recurrent,
         memory, attention)  # fmt: skip
"""The ten steps, in order."""


# --- all of it: digits -----------------------------------------------------------------


class Network:
    """A convolution, ReLU, dropout, softmax: steps 2 to 6 in one, trained by momentum."""

    def __init__(self, kernels: int, rng: np.random.Generator, keep: float = 0.8) -> None:
        self.rng, self.keep, self.decay = rng, keep, 1e-4
        n = 64 * kernels
        self.p = {
            "K": rng.normal(size=(9, kernels)) / 3, "k": np.zeros(kernels),
            "W": rng.normal(size=(n, 10)) / np.sqrt(n), "b": np.zeros(10),
        }  # fmt: skip
        self.v = {name: np.zeros_like(x) for name, x in self.p.items()}

    def scores(self, x: Array, mask: Any = 1.0) -> tuple[Array, Array, Array]:
        """Scores, and what the backward pass needs: the windows and the hidden units."""
        seen = windows(np.pad(x, ((0, 0), (1, 1), (1, 1))), 3)
        h = np.maximum(seen @ self.p["K"] + self.p["k"], 0).reshape(len(x), -1) * mask
        return h @ self.p["W"] + self.p["b"], seen, h

    def gradients(self, x: Array, y: Array, mask: Any) -> tuple[float, dict[str, Array]]:
        """The loss and its gradients, by hand."""
        p = self.p
        z, seen, h = self.scores(x, mask)
        s = softmax(z)
        dz = (s - np.eye(10)[y]) / len(y)
        dh = (dz @ p["W"].T * mask * (h > 0)).reshape(*seen.shape[:3], -1)
        g = {
            "W": h.T @ dz + self.decay * p["W"], "b": dz.sum(axis=0),
            "K": np.tensordot(seen, dh, ((0, 1, 2), (0, 1, 2))) + self.decay * p["K"],
            "k": dh.sum(axis=(0, 1, 2)),
        }  # fmt: skip
        penalty = 0.5 * self.decay * ((p["W"] ** 2).sum() + (p["K"] ** 2).sum())
        return float(-np.log(s[np.arange(len(y)), y]).mean() + penalty), g

    def step(self, x: Array, y: Array, lr: float) -> float:
        """One step down; the loss."""
        units = self.p["W"].shape[0]
        mask = (self.rng.random((len(x), units)) < self.keep) / self.keep
        loss, g = self.gradients(x, y, mask)
        for name in self.p:
            self.v[name] = 0.9 * self.v[name] - lr * g[name]
            self.p[name] = self.p[name] + self.v[name]
        return loss

    def grade(self, x: Array, y: Array) -> Any:
        """The whole backward pass under `mg.check_derivation`, dropout included."""
        mask = (self.rng.random((len(x), self.p["W"].shape[0])) < self.keep) / self.keep
        t = {k: mg.Tensor(v, requires_grad=True, name=k) for k, v in self.p.items()}
        seen = windows(np.pad(x, ((0, 0), (1, 1), (1, 1))), 3)
        h = np.maximum(seen @ t["K"] + t["k"], 0).reshape(len(x), -1) * mask
        decay = 0.5 * self.decay * ((t["W"] ** 2).sum() + (t["K"] ** 2).sum())
        loss = cross_entropy(h @ t["W"] + t["b"], y) + decay
        return mg.check_derivation(
            loss, {t[k]: g for k, g in self.gradients(x, y, mask)[1].items()}
        )


def train(
    network: Network,
    epochs: int,
    keep: str | None,
    report: Any = print,
    own: dict[str, Any] | None = None,
) -> list[tuple[float, float]]:
    """Loss and test accuracy by epoch; resumed from the file ``keep`` if it is there.

    ``own`` is what the file must be about.
    """
    data = digits()
    x, test = data.train_x[:, 0].astype(float), data.test_x[:, 0].astype(float)
    curve: list[tuple[float, float]] = []
    if state := restored(keep, own or {}):
        network.p, network.v = state["p"], state["v"]
        network.rng.bit_generator.state = json.loads(str(state["rng"]))
        curve = [tuple(row) for row in state["curve"].tolist()]
    for epoch in told("training", epochs, len(curve)):
        lr = 0.05 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        order = network.rng.permutation(len(x))
        losses = [
            network.step(x[i], data.train_y[i], lr) for i in np.split(order, range(32, len(x), 32))
        ]
        found = network.scores(test)[0].argmax(axis=1)
        curve.append((float(np.mean(losses)), float(np.mean(found == data.test_y))))
        if (epoch + 1) % max(1, epochs // 5) == 0:
            report(f"epoch {epoch + 1:3}   loss {curve[-1][0]:.4f}   test {curve[-1][1]:.2%}")
        rng = json.dumps(network.rng.bit_generator.state)
        state = {"p": network.p, "v": network.v, "rng": rng, "curve": np.array(curve)}
        keep_state(keep, own or {}, state)
    return curve


def draw(network: Network, curve: list[tuple[float, float]], path: str) -> None:
    """Loss and error by epoch, and the kernels that were learned."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    ax = left.subplots()
    ax.semilogy([loss for loss, _ in curve], label="training loss")
    ax.semilogy([max(1 - a, 1e-4) for _, a in curve], label="test error")
    ax.set(xlabel="epoch")
    ax.legend()
    for ax, kernel in zip(right.subplots(4, 4).flat, network.p["K"].T, strict=False):
        ax.imshow(kernel.reshape(3, 3), cmap="RdBu")
        ax.set_axis_off()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> float:
    """Grade the ten pages, train, and test."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    whole = number(1, kind=int)
    parser.add_argument("--epochs", type=whole, default=20, help="(20)")
    parser.add_argument("--kernels", type=whole, default=16, help="(16)")
    parser.add_argument("--seed", type=number(0, kind=int), default=0, help="(0)")
    parser.add_argument("--checkpoint", metavar="PATH", help="keep the training here, or go on")
    parser.add_argument("--plot", metavar="PATH", help="draw to this file")
    options = parser.parse_args(arguments)
    for i, make in enumerate(PAGES, 1):
        page = make(np.random.default_rng(options.seed))
        report = page.grade()
        names = ", ".join(f"dL/d{k}" for k in page.hand)
        print(f"{i:2}  {page.title:16} {'right' if report else 'WRONG'}   {names}")
        assert report, report
    network = Network(options.kernels, np.random.default_rng(options.seed))
    data = digits()
    assert network.grade(data.train_x[:4, 0].astype(float), data.train_y[:4])
    print("\nthe whole network: right")
    start = time.perf_counter()
    own = settings(options, "epochs kernels seed", "from_scratch")
    curve = train(network, options.epochs, options.checkpoint, own=own)
    print(f"{time.perf_counter() - start:.1f} s; test accuracy {curve[-1][1]:.2%}")
    if options.plot:
        picture(lambda: draw(network, curve, options.plot), options.plot)
    return curve[-1][1]


if __name__ == "__main__":
    main()
