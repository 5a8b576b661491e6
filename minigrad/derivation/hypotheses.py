"""Why a value is wrong: slips that people make, tried one after the other.

Every hypothesis is applied to the truth and kept only where it reproduces the hand value.
The simple and telling ones are tried first, so that a sign is a sign before it is a
factor of -1, and a forgotten σ' is that before it is a number that happens to equal it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from minigrad.derivation.judges import Base, evaluate
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.walk import Call, Edge, Edit, Graph
from minigrad.derivation.words import Words
from minigrad.graph import AnyNode
from minigrad.names import Names

NUMBERS = [2, 3, 4, 5, 6, 8, 10, 100, 1.5, 2 / 3, 0.75, 4 / 3]
SIMPLE = [*NUMBERS, *(1 / x for x in NUMBERS if float(x).is_integer())]
"""Factors that people gain and lose."""

COARSE = [2, 0.5, 3, 1 / 3, 4, 0.25, 10, 0.1]
"""The same, of numbers rounded so much that others would be met by accident."""

PLAIN = [-1.0, 2.0, 0.5]
"""Second slips of a single number; any other is easily met by accident."""

STEPS = 30_000
"""How much walking one diagnosis may cost."""

LINEAR = {"add", "subtract", "negative", "positive", "sum", "mean", "reshape", "transpose",
          "broadcast_to", "getitem", "concatenate", "stack", "pick", "variable"}  # fmt: skip
"""Ops whose rules see no values, only shapes."""

WRITTEN_OUT: list[tuple[Any, Any]] = [
    (lambda x: 1 / (1 + np.exp(-x)), lambda a: a * (1 - a)),
    (np.tanh, lambda a: 1 - a**2),
]
"""Functions that are often written out, and their derivatives by their values."""


Judge = Callable[[Any], bool]
Finding = tuple[tuple[str, ...], str]


@dataclass
class Candidate:
    """A slip applied to the truth."""

    kind: str
    value: Any
    words: str


class Search(Words):
    """The hypotheses about one quantity, given one set of earlier values."""

    def __init__(self, q: Quantity, base: Base, names: Names, close: Judge, coarse: bool) -> None:
        self.q = q
        self.base = base
        super().__init__(names)
        self.close = close
        self.coarse = coarse
        self.graph: Graph = q.part.graph
        self.edges = q.part.active(base.stop) if q.u is not q.v else []
        self.means, self.sums, lengths = sizes(q)
        self.lengths = sorted({*self.sums, *self.means, *lengths})
        picks = np.random.default_rng(0).integers(0, max(1, q.hand.size), 24)
        self.sample = np.unravel_index(picks, q.hand.shape) if q.hand.size > 64 else None
        self.numbers_only = False
        """Whether only single numbers are looked for among the local factors."""
        self.pairs: list[tuple[Candidate, Finding]] = []
        """Candidates that need a second slip to reproduce the hand value."""

    # --- what is left between a candidate and the hand value -----------------------------

    def rest(self, value: Any, direct: bool = False) -> Finding | None:
        """The further slips, none at best, that turn ``value`` into the hand value."""
        hand = self.q.hand
        turned: list[tuple[tuple[str, ...], str, Any]] = [((), "", value)]
        if value.ndim >= 2:
            turned.append((("transposed",), "it is transposed", value.T))
            if value.ndim > 2:
                turned.append((("transposed",), "it is transposed", np.swapaxes(value, -1, -2)))
            half = value.ndim // 2
            if self.q.layout == "jacobian" and value.ndim == 2 * half and half > 1:
                axes = [*range(half, 2 * half), *range(half)]
                turned.append((("transposed",), "it is transposed", value.transpose(axes)))
        turned = [t for t in turned if t[2].shape == hand.shape and self.hopeful(t[2])]
        for kinds, words, v in turned:
            if self.close(v) and (kinds or not direct):
                return kinds, words
        for kinds, words, v in turned:
            more = self.ratio(v)
            if more is not None and len(kinds) + len(more[0]) <= 2:
                return (*kinds, *more[0]), join(words, more[1])
        return None

    def hopeful(self, value: Any) -> bool:
        """Whether a few entries of a large array are the hand value times one number."""
        if self.sample is None or np.any(self.q.unit):
            return True
        h, v = self.q.hand[self.sample], value[self.sample]
        square = float(np.dot(v, v))
        r = float(np.dot(h, v)) / square if square else 0.0
        slack = 1e-2 * float(np.max(np.abs(h))) + 1e-6 * float(np.max(np.abs(v)))
        return bool(np.all(np.abs(h - r * v) <= slack))

    def ratio(self, value: Any) -> Finding | None:
        """The number of a person's making that ``value`` is off by."""
        hand = self.q.hand
        square = float(np.sum(value * value))
        if not 0 < square < np.inf or not np.any(hand):
            return None
        r = float(np.sum(hand * value)) / square
        size = abs(r)
        near = 0.3 if self.coarse else 0.01
        sign: Finding = ((), "") if r > 0 else (("sign",), "its sign is flipped")
        if abs(size - 1) < near and r < 0 and self.close(-value):
            return sign
        s = np.copysign(1.0, r)
        for n in self.means:
            if abs(size / n - 1) < near and self.close(s * n * value):
                words = f"it is a sum where the mean over {n} belongs"
                return (*sign[0], "sum_for_mean"), join(sign[1], words)
        for n in self.sums | self.means:
            if abs(size * n - 1) < near and self.close(s * value / n):
                words = f"it is a mean over {n} where the sum belongs"
                return (*sign[0], "mean_for_sum"), join(sign[1], words)
        sized = [*self.lengths, *(1 / n for n in self.lengths)]
        simple = COARSE if self.coarse else [*SIMPLE, *sized]
        for k in simple:
            if abs(size / k - 1) < near and self.close(s * k * value):
                return (*sign[0], "factor"), join(sign[1], f"it is {number(k)} times the truth")
        return None

    def first(self, candidates: Iterator[Candidate]) -> tuple[Candidate, Finding] | None:
        """The first candidate that is the hand value; those off by one more slip are kept.

        Of rounded numbers several may round to the same: then the nearest is taken.
        """
        start = self.graph.steps
        hits: list[tuple[float, Candidate, Finding]] = []
        with np.errstate(all="ignore"):
            for candidate in candidates:
                if self.graph.steps - start > STEPS:
                    break
                value = candidate.value
                if value.size and np.all(np.isfinite(value)) and np.any(value):
                    found = self.rest(value)
                    if found is None or self.same(value) or not self.sure(candidate, found):
                        continue
                    if not found[0]:
                        gap = self.q.hand - value if value.shape == self.q.hand.shape else 0.0
                        hits.append((float(np.max(np.abs(gap))), candidate, found))
                        if not np.any(self.q.unit):
                            break
                    elif len(found[0]) == 1:
                        self.pairs.append((candidate, found))
        return min(hits, key=lambda hit: hit[0])[1:] if hits else None

    def sure(self, candidate: Candidate, found: Finding) -> bool:
        """Whether agreement is no coincidence: a few numbers agree with much by accident."""
        hand, value = self.q.hand, candidate.value
        if hand.size > 3 or (not found[0] and candidate.kind != "wrong_node"):
            return True
        if self.coarse:
            return not found[0]
        if hand.shape != value.shape:
            return candidate.kind != "wrong_node"
        plain = [1.0] if not found[0] else [-1.0] if candidate.kind == "wrong_node" else PLAIN
        return any(np.allclose(hand, k * value, rtol=1e-8, atol=0) for k in plain)

    def same(self, value: Any) -> bool:
        """Whether a slip changes nothing here."""
        base = self.base.value
        return value.shape == base.shape and np.allclose(value, base, rtol=1e-9, atol=0)

    def edited(self, edits: dict[Edge, Edit]) -> Any:
        """The answer with changed rules; None where the shapes do not allow it."""
        try:
            return evaluate(self.q, replace(self.base.changes, edits=edits))
        except (ValueError, TypeError, IndexError, AttributeError, FloatingPointError):
            return None

    # --- the slips -----------------------------------------------------------------------

    def unsummed(self) -> Iterator[tuple[Any, str]]:
        """The hand value of another shape, with the sums taken that it may lack."""
        hand = self.q.hand
        for axes in axis_sets(hand.ndim):
            for keep in (False, True):
                total = hand.sum(axis=axes, keepdims=keep)
                if total.shape == self.base.value.shape:
                    yield total, f"the sum over {axis_words(axes)} is missing"

    def oversummed(self) -> Iterator[tuple[Any, str]]:
        """The truth, summed or averaged where nothing is to be."""
        value = self.base.value
        for axes in axis_sets(value.ndim):
            for keep in (False, True):
                total = value.sum(axis=axes, keepdims=keep)
                if total.shape == self.q.hand.shape:
                    n = value.size // max(1, total.size)
                    yield total, f"it is summed over {axis_words(axes)}, where no sum belongs"
                    yield (
                        total / n,
                        f"it is averaged over {axis_words(axes)}, where no mean belongs",
                    )

    def with_hand(self, hand: Any) -> Search:
        """The same search for another hand value."""
        q = replace(self.q, hand=hand, unit=np.zeros(hand.shape))
        q.part = self.q.part
        peak = min(1.0, float(np.max(np.abs(self.base.value), initial=0.0)))

        def close(value: Any) -> bool:
            return bool(np.allclose(hand, value, rtol=1e-5, atol=1e-9 * peak))

        return Search(q, self.base, self.names, close, self.coarse)

    def missing(self) -> Iterator[Candidate]:
        """One local factor of the chain left out."""
        for edge in self.edges:
            if self.is_factor(edge):
                value = self.edited({edge: lambda g, call: g})
                if value is not None:
                    name = self.factor_name(edge)
                    words = f"the local factor {name} is missing"
                    yield Candidate("missing_local_factor", value, words)
        for m, t in self.links():
            value = self.jumped(m, t, lambda g, through: g)
            words = f"the local factor ∂{self.names.of(m)}/∂{self.names.of(t)} is missing"
            yield Candidate("missing_local_factor", value, words)

    def two_missing(self) -> Iterator[Candidate]:
        """Two local factors left out."""
        edges = [] if self.coarse else [e for e in self.edges if self.is_factor(e)]
        for a, b in combinations(edges[:9], 2):
            value = self.edited({a: lambda g, call: g, b: lambda g, call: g})
            if value is not None:
                both = f"{self.factor_name(a)} and {self.factor_name(b)}"
                words = f"the local factors {both} are missing"
                yield Candidate("missing_local_factor", value, words)

    def extra(self) -> Iterator[Candidate]:
        """One local factor of the graph too many, here or on the way."""
        factors = list(self.factors())
        for m, t in self.links():
            d = self.graph.between(m, t).flow(np.ones(self.graph.shape(m)))
            factors.append((f"∂{self.names.of(m)}/∂{self.names.of(t)}", np.asarray(d, float)))
        base = self.base.value
        for name, d in factors:
            if self.q.layout == "jacobian" and d.shape != ():
                continue
            if d.shape in ((), base.shape):
                yield Candidate("extra_local_factor", base * d, f"a local factor {name} too many")
        if base.size > 1 or len(self.edges) > 1:
            for node in {n: None for n, _ in self.edges}:
                shape = np.shape(node.ans)
                for name, d in factors:
                    if d.shape == shape and shape != ():
                        edits = {e: scaled(d) for e in self.edges if e[0] is node}
                        value = self.edited(edits)
                        if value is not None:
                            words = f"a local factor {name} too many"
                            yield Candidate("extra_local_factor", value, words)

    def dropped(self) -> Iterator[Candidate]:
        """One of several paths forgotten, or one with the wrong sign."""
        if self.base.changes.jumps:
            return
        paths = self.q.part.paths(self.base.stop)
        if len(paths) < 2:
            return
        if len(paths) > 16:
            for edge in self.edges[:200]:
                value = self.edited({edge: cut})
                if value is not None:
                    words = f"the paths through {self.describe(edge[0])} are missing"
                    yield Candidate("dropped_path", value, words)
            return
        parts = []
        for path in map(set, paths):
            value = self.edited({e: cut for e in self.edges if e not in path})
            if value is None:
                return
            parts.append(value)
        count = range(len(paths))
        sets = [s for k in count[1:] for s in combinations(count, k)]
        if len(paths) > 6:
            sets = [s for s in sets if len(s) in (1, len(paths) - 1)]
        for lost in sets:
            value = sum(parts[i] for i in count if i not in lost)
            routes = " and ".join(self.route(paths, i) for i in lost)
            words = f"the path {routes} is missing"
            if len(lost) > 1:
                words = f"the paths {routes} are missing"
            yield Candidate("dropped_path", value, words)
        for i in count:
            words = f"the contribution of the path {self.route(paths, i)} has the wrong sign"
            yield Candidate("sign", self.base.value - 2 * parts[i], words)

    def turned(self) -> Iterator[Candidate]:
        """A square matrix of the chain transposed, or not transposed where it should be."""
        for node, i in self.edges:
            if node.op is not None and node.op.name == "matmul":
                other = node.args[1 - i]
                if np.ndim(other) == 2 and np.shape(other)[0] == np.shape(other)[1]:
                    value = self.edited({(node, i): substituted(1 - i, other.T)})
                    if value is not None:
                        words = f"{self.operand(node, 1 - i)} is transposed"
                        yield Candidate("transposed", value, words)

    def misplaced(self) -> Iterator[Candidate]:
        """A rule evaluated at the value of another node or constant."""
        values = list(self.values())
        for node, i in self.edges:
            op: Any = node.op
            if op.name in LINEAR or type(node.ans) is tuple:
                continue
            for name, value in values:
                if len(node.args) == 1:
                    yield from self.seen(node, i, name, value)
                for j in [1 - i] if op.name in ("multiply", "matmul") else range(len(node.args)):
                    if np.shape(value) != np.shape(node.args[j]) or value is node.args[j]:
                        continue
                    if self.coarse and not self.alike(node, j, value):
                        continue
                    found = self.edited({(node, i): substituted(j, value)})
                    if found is not None:
                        words = f"{name} stands where {self.operand(node, j)} belongs"
                        yield Candidate("wrong_node", found, words)

    def seen(self, node: AnyNode, i: int, name: str, value: Any) -> Iterator[Candidate]:
        """The rule of a function of one argument, with another value in place of its output."""
        own = value is node.args[0]
        if np.shape(value) == np.shape(node.ans) and (own or not self.coarse):
            found = self.edited({(node, i): seen_as(value)})
            if found is not None:
                prime, place = self.factor_name((node, i)), self.describe(node)
                words = f"it equals {prime} with {name} in place of {place}"
                if own:
                    prime = prime.split("(")[0]
                    words = f"it equals {prime} evaluated at {name} where {place} belongs"
                yield Candidate("wrong_node", found, words)

    def written_out(self) -> Iterator[Candidate]:
        """The same of σ and tanh that were written out in simpler ops."""
        for m, t in self.links():
            out, x = (np.asarray(self.graph.values[n], float) for n in (m, t))
            for f, prime in WRITTEN_OUT:
                if np.allclose(out, f(x), rtol=1e-12, atol=0):
                    for name, value in self.values():
                        if np.shape(value) == out.shape and value is not self.graph.values[m]:
                            found = self.jumped(m, t, times(prime(value)))
                            words = f"{name} stands where {self.names.of(m)} belongs"
                            yield Candidate("wrong_node", found, words)

    def alike(self, node: AnyNode, j: int, value: Any) -> bool:
        """Whether ``value`` plays elsewhere the part that argument ``j`` plays here.

        Among rounded numbers much agrees by accident; what people mix up are two inputs,
        two weights, or two arguments of one function.
        """

        def part(n: AnyNode, k: int) -> tuple[Any, ...]:
            leaf = [p is not None and p.op is None for p in n.parents]
            return (n.op, leaf[k], len(leaf) > 1 and any(leaf))

        mine = part(node, j)
        return any(value is a for a in node.args) or any(
            a is value and part(n, k) == mine
            for n in self.graph.nodes
            if n.op is node.op
            for k, a in enumerate(n.args)
        )

    def misread(self) -> Iterator[Candidate]:
        """One operand of the forward pass mistaken for another, with all that follows."""
        small = sum(np.size(n.args[0]) for n in self.graph.nodes if n.args) < 10_000
        if self.coarse or len(self.graph.nodes) > 40 or not small:
            return
        values = list(self.values())
        for node in self.graph.nodes:
            if node.op is None or type(node.ans) is tuple:
                continue
            for j, (arg, parent) in enumerate(zip(node.args, node.parents, strict=True)):
                if parent is None and not isinstance(arg, np.ndarray | np.generic | int | float):
                    continue
                for name, value in values:
                    if np.shape(value) != np.shape(arg) or np.array_equal(value, arg):
                        continue
                    args = [value if k == j else a for k, a in enumerate(node.args)]
                    try:
                        moved = self.graph.replay({node: node.op.forward(*args, **node.kwargs)})
                        self.graph.steps += len(self.graph.nodes)
                        changes = replace(self.base.changes, values=moved)
                        found = evaluate(self.q, changes)
                    except (ValueError, TypeError, FloatingPointError):
                        continue
                    words = f"{name} stands where {self.operand(node, j)} belongs"
                    yield Candidate("wrong_node", found, words)

    # --- what they are made of -----------------------------------------------------------

    def jumped(self, m: AnyNode, t: AnyNode, make: Callable[[Any, Any], Any]) -> Any:
        """The answer when something else passes from ``m`` to ``t``."""
        part = self.graph.between(m, t)

        def sent(g: Any) -> Any:
            through = part.flow(g)
            return make(g, through) - through

        jumps = {k: list(v) for k, v in self.base.changes.jumps.items()}
        jumps.setdefault(m, []).append((t, sent))
        return evaluate(self.q, replace(self.base.changes, jumps=jumps))

    def links(self) -> list[tuple[AnyNode, AnyNode]]:
        """Neighbouring named quantities that several elementwise ops lie between."""
        reached = {n for n, _ in self.edges}
        targets = [n.parents[i] for n, i in self.edges]
        found = []
        for t in dict.fromkeys(targets):
            if t is None or not self.marked(t):
                continue
            above = self.named_above(t)
            if above in reached and above is not None:
                part = self.graph.between(above, t)
                if len(part.inside) > 1 and part.diagonal:
                    found.append((above, t))
        return found

    def marked(self, node: AnyNode) -> bool:
        """Whether a person has a name for ``node``, or grades it."""
        return self.names.known(node) or node in self.graph.marked

    def named_above(self, t: AnyNode) -> AnyNode | None:
        """The one named node that is computed from ``t`` next, if it is one."""
        seen, stack, named = {t}, [t], set()
        while stack and len(seen) < 50:
            for user, _ in self.graph.users[stack.pop()]:
                if user in seen:
                    continue
                seen.add(user)
                if self.marked(user):
                    named.add(user)
                else:
                    stack.append(user)
        return named.pop() if len(named) == 1 else None

    def is_factor(self, edge: Edge) -> bool:
        """Whether leaving the rule of ``edge`` out leaves out what a person calls a factor."""
        node, i = edge
        if node.op is None or node.op.name in LINEAR:
            return False
        if self.numbers_only and (len(node.args) < 2 or np.size(node.args[1 - i]) > 1):
            return False
        if node.op.name in ("multiply", "divide") and node.parents[1 - i] is None:
            other = node.args[1 - i]
            named = self.constant(node, 1 - i)
            return named is not None or np.size(other) > 1 or not is_simple(float(np.sum(other)))
        return True

    def factors(self) -> Iterator[tuple[str, Any]]:
        """Local derivatives of the graph, named; plain numbers left to ``factor``."""
        seen: list[Any] = []
        for node in reversed(self.graph.nodes):
            if node.op is None or not node.op.elementwise or node.op.name in LINEAR:
                continue
            for i, parent in enumerate(node.parents):
                if parent is None or not self.is_factor((node, i)) or len(seen) > 120:
                    continue
                with np.errstate(all="ignore"):
                    d = np.asarray(
                        Call(node, i, node.ans, node.args)(np.ones_like(node.ans)), float
                    )
                if d.size == 1 and is_simple(float(d.sum())):
                    continue  # that is a factor
                if any(np.array_equal(d, old) for old in seen):
                    continue
                seen.append(d)
                yield self.factor_name((node, i)), d

    def values(self) -> Iterator[tuple[str, Any]]:
        """Values that may have been taken for another: named ones, and all of small graphs."""
        every = len(self.graph.nodes) <= 60 and not self.coarse
        for node in self.graph.nodes:
            value = self.graph.values.get(node)
            known = self.names.known(node)
            if value is not None and type(value) is not tuple and (known or every):
                yield self.describe(node), value
        seen: set[int] = set()
        for node in self.graph.nodes:
            for i, (arg, parent) in enumerate(zip(node.args, node.parents, strict=True)):
                if parent is None and id(arg) not in seen and type(arg) is not tuple:
                    name = self.constant(node, i)
                    if name is not None or np.size(arg) > 1 or not is_simple(float(np.sum(arg))):
                        seen.add(id(arg))
                        yield name or self.operand(node, i), arg


# --- edits -----------------------------------------------------------------------------


def cut(g: Any, call: Call) -> Any:
    return None


def times(d: Any) -> Callable[[Any, Any], Any]:
    return lambda g, through: g * d


def scaled(d: Any) -> Edit:
    return lambda g, call: call(g * d)


def seen_as(value: Any) -> Edit:
    """The rule, shown ``value`` as the output of its op."""
    return lambda g, call: call(g, ans=value)


def substituted(j: int, value: Any) -> Edit:
    """The rule with argument ``j`` replaced, and its output with it."""

    def edit(g: Any, call: Call) -> Any:
        args = [value if k == j else a for k, a in enumerate(call.args)]
        ans = call.node.op.forward(*args, **call.node.kwargs)  # type: ignore[union-attr]
        return call(g, ans=ans, args=args)

    return edit


# --- small questions -------------------------------------------------------------------


def is_simple(x: float) -> bool:
    return any(abs(abs(x) / k - 1) < 1e-12 for k in [1.0, *SIMPLE])


def number(x: float) -> str:
    known = {0.5: "½", 1 / 3: "⅓", 2 / 3: "⅔", 0.25: "¼", 0.75: "¾"}
    return next((text for k, text in known.items() if abs(x - k) < 1e-12), f"{x:g}")


def join(*words: str) -> str:
    return ", and beside that ".join(w for w in words if w)


def axis_sets(ndim: int) -> list[tuple[int, ...]]:
    return [s for k in range(1, ndim + 1) for s in combinations(range(ndim), k)]


def axis_words(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def sizes(q: Quantity) -> tuple[set[int], set[int], set[int]]:
    """Over how many elements the way from ``u`` to ``v`` averages, sums; lengths of axes."""
    means: set[int] = set()
    sums: set[int] = set()
    lengths: set[int] = set()
    for node, inside in q.part.inside.items():
        op: Any = node.op
        for i in inside:
            shape, out = np.shape(node.args[i]), np.shape(node.ans)
            lengths |= set(shape)
            if op.name in ("sum", "mean", "var", "std", "average"):
                into = sums if op.name == "sum" else means
                into.add(int(np.prod(shape)) // max(1, int(np.prod(out))))
                if shape and len(shape) > len(out):
                    axis = node.kwargs.get("axis")
                    into.add(shape[0] if axis is None else shape[np.ravel(axis)[0]])
            elif op.elementwise and np.prod(shape) < np.prod(out):
                sums.add(int(np.prod(out)) // max(1, int(np.prod(shape))))
            elif op.name == "matmul" and getattr(node.parents[i], "op", op) is None:
                other = np.shape(node.args[1 - i])
                sums.add(int(np.prod(other[:-1])) if i else other[-1])
    for node, inside in q.part.inside.items():
        if node.op is not None and node.op.name in ("multiply", "divide"):
            for i in inside:
                other = node.args[1 - i]
                if node.parents[1 - i] is None and np.size(other) == 1 and float(np.sum(other)):
                    n = abs(float(np.sum(other))) ** (1 if node.op.name == "divide" else -1)
                    # 1/(2m) holds the ½ of the square as well.
                    hits = [
                        [m for m in sums | lengths if abs(n - k * m) < 1e-9 * n] for k in (1, 2)
                    ]
                    means.update(hits[0] or hits[1])
    return {n for n in means if n > 1}, {n for n in sums if n > 1}, {n for n in lengths if n > 1}
