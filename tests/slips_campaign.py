"""Planted slips on thirty graphs: found, found first, named, and nothing invented.

``python tests/slips_campaign.py [seeds [seconds]] [full | three] [-v]`` prints a table at full
precision and at three digits, and with ``-v`` what was not named.

The student's values come from the engine alone: a graph is built a second time with one
operation whose rule is wrong (an identity that scales or drops what passes back, a function
with the usual mistake in its derivative), so that everything that follows is carried.
"""

# A graph is a few lines, and so is a table.
# ruff: noqa: E501

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import minigrad as mg

# --- what is planted -------------------------------------------------------------------


def passing(way: Callable[[Any, Any], Any]) -> Any:
    """The identity, with ``way(g, x)`` passed back."""
    return mg.defop("identity", lambda x: x * 1.0, [lambda g, ans, x: way(g, x)])


def function(f: Any, slope: Callable[[Any, Any], Any]) -> Any:
    """``f`` with ``slope(x, a)`` for its derivative."""
    return mg.defop("function", f, [lambda g, ans, x: g * slope(x, ans)])


USES: dict[str, tuple[Any, str]] = {
    "dropped": (passing(lambda g, x: 0 * g), "dropped_path missing_local_factor"),
    "sign": (passing(lambda g, x: -g), "sign"),
    "twice": (passing(lambda g, x: 2 * g), "factor mean_for_sum sum_for_mean missing_local_factor"),
    "half": (passing(lambda g, x: g / 2), "factor mean_for_sum sum_for_mean missing_local_factor"),
    "value": (passing(lambda g, x: g * x), "extra_local_factor wrong_node wrong_derivative"),
}
"""What happens where a quantity is used, and the causes that describe it."""

ACTS: dict[str, tuple[Any, dict[str, Callable[[Any, Any], Any]]]] = {
    "tanh": (
        np.tanh,
        {"1 + a²": lambda x, a: 1 + a**2, "at x": lambda x, a: 1 - x**2, "left out": lambda x, a: 1 + 0 * x,
         "itself": lambda x, a: a, "twice": lambda x, a: (1 - a**2) ** 2},
    ),
    "sigmoid": (
        mg.sigmoid,
        {"1 - a": lambda x, a: 1 - a, "at x": lambda x, a: x * (1 - x), "left out": lambda x, a: 1 + 0 * x,
         "itself": lambda x, a: a, "twice": lambda x, a: (a * (1 - a)) ** 2},
    ),
    "exp": (np.exp, {"power rule": lambda x, a: x * np.exp(x - 1), "left out": lambda x, a: 1 + 0 * x}),
    "sin": (np.sin, {"sign": lambda x, a: -np.cos(x), "itself": lambda x, a: a, "left out": lambda x, a: 1 + 0 * x}),
    "square": (lambda x: x**2, {"itself": lambda x, a: a, "2 forgotten": lambda x, a: x}),
}  # fmt: skip
ACT_CAUSES = {
    "1 + a²": "wrong_derivative", "at x": "wrong_node", "left out": "missing_local_factor",
    "itself": "wrong_derivative wrong_node missing_local_factor", "twice": "extra_local_factor",
    "1 - a": "wrong_derivative missing_local_factor", "power rule": "wrong_derivative", "sign": "sign",
    "2 forgotten": "factor sum_for_mean mean_for_sum missing_local_factor",
}  # fmt: skip
OTHERS = {
    "one entry": "entries other",
    "a number": "other",
    "noise": "other entries",
    "neighbour": "neighbour dropped_path",
}


@dataclass
class Graph:
    """A graph being built, with one slip planted or none."""

    rng: Any
    at: int = -1
    slip: str = ""
    places: list[str] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)

    def leaf(self, name: str, *shape: int) -> Any:
        return self.name(name, mg.Tensor(self.rng.normal(size=shape) * 0.7, requires_grad=True))

    def const(self, *shape: int) -> Any:
        return self.rng.normal(size=shape)

    def name(self, name: str, t: Any) -> Any:
        t.name = name
        self.named[name] = t
        return t

    def use(self, x: Any) -> Any:
        """``x`` where it is used besides elsewhere."""
        self.places.append("use")
        return USES[self.slip][0](x) if self.at == len(self.places) - 1 else x

    def act(self, kind: str, x: Any) -> Any:
        self.places.append(kind)
        f, wrong = ACTS[kind]
        if self.at != len(self.places) - 1:
            return f(x)
        plain = {
            "tanh": np.tanh,
            "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
            "exp": np.exp,
            "sin": np.sin,
        }
        return function(plain.get(kind, f), wrong[self.slip])(x)


GRAPHS: list[Callable[[Graph], Any]] = []


def graph(f: Callable[[Graph], Any]) -> Callable[[Graph], Any]:
    GRAPHS.append(f)
    return f


# --- thirty graphs ---------------------------------------------------------------------


@graph
def elastic_net(g: Graph) -> Any:
    X, y, w = g.const(9, 4), g.const(9), g.leaf("w", 4)
    fit = g.name("fit", np.mean((X @ g.use(w) - y) ** 2))
    ridge = g.name("ridge", 0.3 * np.sum(g.use(w) ** 2))
    rough = g.name("rough", 0.2 * np.sum((g.use(w)[1:] - w[:-1]) ** 2))
    return fit + ridge + rough


@graph
def residual_block(g: Graph) -> Any:
    x, W, V = g.const(6, 3), g.leaf("W", 3, 3), g.leaf("V", 3, 3)
    u = g.name("u", x @ W)
    h = g.name("h", g.act("tanh", u))
    o = g.name("o", g.use(u) + h @ V)
    return np.sum(g.act("sigmoid", o) * g.const(6, 3))


@graph
def gated_unit(g: Graph) -> Any:
    x, A, B = g.const(5, 3), g.leaf("A", 3, 4), g.leaf("B", 3, 4)
    a, b = g.name("a", x @ A), g.name("b", x @ B)
    s = g.name("s", g.act("sigmoid", b))
    y = g.name("y", a * s)
    return np.mean((y - g.const(5, 4)) ** 2)


@graph
def gru_step(g: Graph) -> Any:
    x, h0 = g.const(3), g.leaf("h0", 4)
    Wz, Wh, Uz, Uh = g.leaf("Wz", 4, 3), g.leaf("Wh", 4, 3), g.leaf("Uz", 4, 4), g.leaf("Uh", 4, 4)
    z = g.name("z", g.act("sigmoid", Wz @ x + Uz @ g.use(h0)))
    n = g.name("n", g.act("tanh", Wh @ x + Uh @ g.use(h0)))
    h = g.name("h", (1 - g.use(z)) * n + z * h0)
    return np.sum(h * g.const(4))


@graph
def autoencoder(g: Graph) -> Any:
    X, W = g.const(6, 5), g.leaf("W", 5, 3)
    code = g.name("code", g.act("tanh", X @ g.use(W)))
    back = g.name("back", code @ W.T)
    return np.mean((back - X) ** 2)


@graph
def gaussian_likelihood(g: Graph) -> Any:
    y, mu, rho = g.const(8), g.leaf("mu"), g.leaf("rho")
    sigma = g.name("sigma", g.act("exp", rho))
    r = g.name("r", (y - mu) / g.use(sigma))
    return np.sum(r**2) / 2 + 8 * np.log(sigma)


@graph
def kepler(g: Graph) -> Any:
    t, w, phi, amp = g.const(7), g.leaf("w"), g.leaf("phi"), g.leaf("amp")
    angle = g.name("angle", w * t + phi)
    wave = g.name("wave", amp * g.act("sin", angle))
    return np.sum((wave - g.const(7)) ** 2) + 0.1 * g.use(amp) ** 2


@graph
def layer_norm(g: Graph) -> Any:
    x, gain = g.leaf("x", 4, 5), g.leaf("gain", 5)
    mean = g.name("mean", x.mean(1, keepdims=True))
    d = g.name("d", x - g.use(mean))
    var = g.name("var", (g.use(d) ** 2).mean(1, keepdims=True))
    out = g.name("out", d / np.sqrt(var + 0.1) * gain)
    return np.sum(out * g.const(4, 5))


@graph
def bilinear(g: Graph) -> Any:
    x, A, y = g.leaf("x", 4), g.leaf("A", 4, 3), g.leaf("y", 3)
    s = g.name("s", x @ A @ y)
    p = g.name("p", g.act("sigmoid", s))
    return -np.log(p) + 0.5 * np.sum(g.use(x) ** 2)


@graph
def mixture(g: Graph) -> Any:
    x, m = g.const(9, 1), g.leaf("m", 3)
    e = g.name("e", -0.5 * (x - m) ** 2)
    top = g.name("top", g.act("exp", e))
    total = g.name("total", top.sum(1))
    return -np.sum(np.log(total)) + 0.2 * np.sum(g.use(m) ** 2)


@graph
def two_towers(g: Graph) -> Any:
    a, b, P, Q = g.const(5, 3), g.const(5, 4), g.leaf("P", 3, 2), g.leaf("Q", 4, 2)
    u, v = g.name("u", g.act("tanh", a @ P)), g.name("v", g.act("tanh", b @ Q))
    score = g.name("score", (g.use(u) * v).sum(1))
    return np.mean((score - g.const(5)) ** 2) + 0.1 * np.sum(u**2)


@graph
def recurrence(g: Graph) -> Any:
    w, c, h = g.leaf("w"), g.leaf("c"), 0.4
    xs = g.const(3)
    h1 = g.name("h1", g.act("tanh", g.use(w) * h + c * xs[0]))
    h2 = g.name("h2", g.act("tanh", g.use(w) * h1 + c * xs[1]))
    h3 = g.name("h3", g.act("tanh", w * h2 + c * xs[2]))
    return (h3 - 0.3) ** 2


@graph
def attention_scores(g: Graph) -> Any:
    Q, K, V = g.leaf("Q", 4, 3), g.leaf("K", 4, 3), g.leaf("V", 4, 2)
    S = g.name("S", Q @ K.T / np.sqrt(3))
    A = g.name("A", mg.softmax(S, axis=1))
    out = g.name("out", A @ g.use(V))
    return np.sum(out * g.const(4, 2)) + 0.1 * np.sum(V**2)


@graph
def factorisation(g: Graph) -> Any:
    R, U, V = g.const(5, 4), g.leaf("U", 5, 2), g.leaf("V", 2, 4)
    E = g.name("E", U @ V - R)
    return np.sum(E**2) + 0.3 * np.sum(g.use(U) ** 2) + 0.3 * np.sum(g.use(V) ** 2)


@graph
def embedding_bag(g: Graph) -> Any:
    C, w = g.leaf("C", 6, 3), g.leaf("w", 3)
    rows = g.name("rows", C[np.array([0, 2, 2, 5])])
    bag = g.name("bag", rows.mean(0))
    return (bag @ w - 0.5) ** 2 + 0.1 * np.sum(g.use(w) ** 2)


@graph
def finite_volume(g: Graph) -> Any:
    T, k = g.leaf("T", 8), g.leaf("k")
    flux = g.name("flux", k * (T[1:] - T[:-1]))
    div = g.name("div", flux[1:] - g.use(flux)[:-1])
    return np.sum((div - g.const(6)) ** 2) + 0.1 * g.use(k) ** 2


@graph
def rosenbrock(g: Graph) -> Any:
    x, y = g.leaf("x"), g.leaf("y")
    a = g.name("a", 1 - g.use(x))
    b = g.name("b", y - g.act("square", x))
    return a**2 + 10 * b**2


@graph
def softplus_poisson(g: Graph) -> Any:
    X, n, w = g.const(7, 3), np.arange(7.0), g.leaf("w", 3)
    eta = g.name("eta", X @ w)
    rate = g.name("rate", g.act("exp", eta))
    return np.mean(rate - n * g.use(eta))


@graph
def siamese(g: Graph) -> Any:
    a, b, W = g.const(5), g.const(5), g.leaf("W", 3, 5)
    p, q = g.name("p", g.act("tanh", g.use(W) @ a)), g.name("q", g.act("tanh", W @ b))
    gap = g.name("gap", p - q)
    return np.sum(gap**2)


@graph
def two_losses(g: Graph) -> Any:
    X, W = g.const(6, 4), g.leaf("W", 4, 3)
    z = g.name("z", X @ W)
    ce = g.name("ce", mg.losses.cross_entropy(g.use(z), np.array([0, 1, 2, 0, 1, 2])))
    smooth = g.name("smooth", np.mean(g.use(z) ** 2))
    return ce + 0.5 * smooth


@graph
def trapezoid(g: Graph) -> Any:
    a, b = g.leaf("a"), g.leaf("b")
    t = np.linspace(0, 1, 6)
    f = g.name("f", g.act("sin", a * t) + g.use(b) * t)
    area = g.name("area", np.sum((f[1:] + f[:-1]) / 2) / 5)
    return (area - 0.3) ** 2 + 0.1 * b**2


@graph
def lagrangian(g: Graph) -> Any:
    x, lam = g.leaf("x", 3), g.leaf("lam")
    cost = g.name("cost", np.sum(g.act("square", x) * np.array([1.0, 2.0, 3.0])))
    bound = g.name("bound", np.sum(g.use(x)) - 1)
    return cost + g.use(lam) * bound


@graph
def highway(g: Graph) -> Any:
    x, W, V = g.leaf("x", 4, 3), g.leaf("W", 3, 3), g.leaf("V", 3, 3)
    t = g.name("t", g.act("sigmoid", x @ W))
    h = g.name("h", g.act("tanh", g.use(x) @ V))
    y = g.name("y", t * h + (1 - t) * g.use(x))
    return np.mean(y * g.const(4, 3))


@graph
def spring_chain(g: Graph) -> Any:
    q, k = g.leaf("q", 5), g.leaf("k", 4)
    stretch = g.name("stretch", q[1:] - q[:-1] - 1)
    energy = g.name("energy", 0.5 * np.sum(k * g.act("square", stretch)))
    return energy + 0.05 * np.sum(g.use(q) ** 2)


@graph
def convolution(g: Graph) -> Any:
    x, w = g.leaf("x", 7), g.leaf("w", 3)
    y = g.name("y", np.stack([x[i : i + 3] @ w for i in range(5)]))
    a = g.name("a", g.act("tanh", y))
    return np.sum(a * g.const(5)) + 0.1 * np.sum(g.use(w) ** 2)


@graph
def contrast(g: Graph) -> Any:
    z, w = g.leaf("z", 5, 2), g.leaf("w", 2)
    s = g.name("s", z @ w)
    centred = g.name("centred", s - g.use(s).mean())
    return np.sum(centred**3) + np.sum(g.use(w) ** 2)


@graph
def compound_interest(g: Graph) -> Any:
    r, c = g.leaf("r"), g.leaf("c")
    one = g.name("one", 100.0 * (1 + r) + c)
    two = g.name("two", one * (1 + g.use(r)) + g.use(c))
    return two * (1 + r) / 100


@graph
def quotient(g: Graph) -> Any:
    a, b = g.leaf("a", 4), g.leaf("b", 4)
    top = g.name("top", np.sum(a * b))
    low = g.name("low", np.sum(g.use(a) ** 2) + 1)
    return top / g.use(low) + 0.1 * np.sum(b**2)


@graph
def policy(g: Graph) -> Any:
    s, W, R = g.const(6, 3), g.leaf("W", 3, 4), g.const(6, 4)
    z = g.name("z", s @ W)
    p = g.name("p", mg.softmax(z, axis=1))
    gain = g.name("gain", np.sum(g.use(p) * R))
    entropy = g.name("entropy", -np.sum(p * np.log(p)))
    return -gain - 0.1 * entropy


@graph
def three_layers(g: Graph) -> Any:
    X, W1, W2, W3 = g.const(5, 3), g.leaf("W1", 3, 4), g.leaf("W2", 4, 4), g.leaf("W3", 4, 1)
    z1 = g.name("z1", X @ W1)
    a1 = g.name("a1", g.act("tanh", z1))
    z2 = g.name("z2", a1 @ W2)
    a2 = g.name("a2", g.act("sigmoid", z2))
    return np.mean((a2 @ W3 - g.const(5, 1)) ** 2)


# --- the campaign ----------------------------------------------------------------------


@dataclass
class Case:
    """One planted slip: what the student hands in, and what is to be said."""

    graph: str
    slip: str
    output: Any
    hand: dict[Any, Any]
    truth: dict[str, Any]
    causes: str


def built(
    f: Callable[[Graph], Any], seed: int, at: int = -1, slip: str = ""
) -> tuple[Graph, Any, dict[str, Any]]:
    g = Graph(np.random.default_rng(seed), at, slip)
    output = f(g)
    found = mg.gradients(output, list(g.named.values()))
    return g, output, dict(zip(g.named, map(np.asarray, found), strict=True))


def cases(f: Callable[[Graph], Any], seed: int) -> Iterator[Case]:
    g, output, truth = built(f, seed)
    name = f.__name__
    yield Case(name, "right", output, {g.named[k]: v for k, v in truth.items()}, truth, "")
    for at, place in enumerate(g.places):
        kinds = USES if place == "use" else ACTS[place][1]
        for slip in kinds:
            _, _, wrong = built(f, seed, at, slip)
            causes = USES[slip][1] if place == "use" else ACT_CAUSES[slip]
            yield Case(name, slip, output, {g.named[k]: v for k, v in wrong.items()}, truth, causes)
    r = np.random.default_rng(seed + 1000)
    last = next(iter(truth))
    for slip, causes in OTHERS.items():
        value = truth[last].copy()
        if slip == "one entry":
            if value.size < 3:
                continue
            value.flat[int(r.integers(value.size))] += 0.1234567
        elif slip == "a number":
            value = value * r.uniform(1.1, 1.9)
        elif slip == "noise":
            value = value + 0.3 * r.normal(size=value.shape)
        else:
            like = [k for k in truth if truth[k].shape == value.shape and k != last]
            if not like or not value.shape:
                continue
            value = truth[like[0]]
        hand = {g.named[k]: value if k == last else v for k, v in truth.items()}
        yield Case(name, slip, output, hand, truth, causes)


def three_digits(value: Any) -> Any:
    return np.vectorize(lambda x: f"{x:#.3g}".rstrip("."), otypes=[object])(value)


@dataclass
class Tally:
    """What was said of many cases of one kind of slip."""

    n: int = 0
    verdict: int = 0
    first: int = 0
    useful: int = 0
    invented: int = 0
    wrong: list[str] = field(default_factory=list)


def near(a: Any, b: Any, digits: bool) -> bool:
    scale = float(np.max(np.abs(b), initial=0.0))
    return bool(np.all(np.abs(a - b) <= (1.5e-2 if digits else 3e-6) * np.abs(b) + 1e-9 * scale))


def graded(case: Case, digits: bool, tally: dict[str, Tally]) -> None:
    """Grade one case, and count what is said."""
    changed = [
        k for (t, v), k in zip(case.hand.items(), case.truth, strict=True)
        if not near(np.asarray(v), case.truth[k], digits)
    ]  # fmt: skip
    if case.slip != "right" and not changed:
        return  # a slip in what is zero, or too small for the digits
    tensors = dict(zip(case.truth, case.hand, strict=True))  # where the grader finds their names
    hand = {
        tensors[k]: three_digits(v) if digits else v for k, v in zip(tensors, case.hand.values())
    }
    report = mg.check_derivation(case.output, hand)
    entry = tally.setdefault(case.slip, Tally())
    entry.n += 1
    if case.slip == "right":
        entry.verdict += report.ok
        entry.first += report.ok
        entry.useful += report.ok
        return
    entry.verdict += not report.ok
    first = report.first_error
    said = first.diagnosis.kinds if first is not None else ("",)
    rows = [r.quantity.split("/d")[-1] for r in report.rows]
    names = [k for k in rows if k in changed]
    entry.first += first is not None and first.quantity.split("/d")[-1] == names[0]
    useful = any(kind in case.causes.split() for kind in said)
    entry.useful += useful
    entry.invented += not useful and said[0] not in ("other", "entries", "")
    if not useful or first is None:
        remark = first.remark[:90] if first is not None else "accepted"
        entry.wrong.append(f"{case.graph}: {case.slip}: {said} {remark}")


def campaign(
    seeds: range, digits: bool, graphs: list[Any] = GRAPHS, seconds: float = np.inf
) -> dict[str, Tally]:
    tally: dict[str, Tally] = {}
    start = time.perf_counter()
    for k, f in enumerate(graphs):
        if time.perf_counter() - start > seconds:
            print(f"stopped after {k} graphs")
            break
        for seed in seeds:
            for case in cases(f, seed):
                graded(case, digits, tally)
    return tally


def table(tally: dict[str, Tally]) -> str:
    lines = [f"{'slip':14}{'cases':>6}{'verdict':>9}{'first':>7}{'cause':>7}{'invented':>10}"]
    total = Tally()
    for slip, t in tally.items():
        lines.append(f"{slip:14}{t.n:6}{t.verdict:9}{t.first:7}{t.useful:7}{t.invented:10}")
        if slip != "right":
            for name in ("n", "verdict", "first", "useful", "invented"):
                setattr(total, name, getattr(total, name) + getattr(t, name))
    t = total
    lines.append(f"{'all slips':14}{t.n:6}{t.verdict:9}{t.first:7}{t.useful:7}{t.invented:10}")
    return "\n".join(lines)


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    count, seconds = (numbers + [1, 10**6][len(numbers) :])[:2]
    for digits in (False, True):
        name = "three digits" if digits else "full precision"
        if ("full" in sys.argv and digits) or ("three" in sys.argv and not digits):
            continue
        start = time.perf_counter()
        found = campaign(range(count), digits, seconds=seconds)
        print(name, f"({time.perf_counter() - start:.0f} s)")
        print(table(found), end="\n\n")
        if "-v" in sys.argv:
            print("\n".join(line for t in found.values() for line in t.wrong), end="\n\n")
