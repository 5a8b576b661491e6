"""Why a value is wrong: slips that people make, tried one after the other.

Every hypothesis is applied to the truth and kept only where it reproduces the hand value.
The simple and telling ones are tried first, so that a sign is a sign before it is a
factor of -1, and a forgotten σ' is that before it is a number that happens to equal it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from minigrad.derivation.factors import SIMPLE, accident, is_simple, sizes, times_truth
from minigrad.derivation.judges import Base, evaluate
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.sieve import Sieve, transposes
from minigrad.derivation.walk import Call, Edge, Edit, Graph
from minigrad.derivation.words import Words
from minigrad.graph import AnyNode
from minigrad.reading.names import Names

CHANCE = 0.012
"""How likely a wrong cause may be to agree with the digits given by accident."""
MANY = 1000
"""Room for so many candidates is room for slips that are rare."""

STEPS = 30_000
"""How much walking one diagnosis may cost."""

LINEAR = {"add", "subtract", "negative", "positive", "sum", "mean", "reshape", "transpose",
          "broadcast_to", "getitem", "concatenate", "stack", "pick", "variable"}  # fmt: skip
"""Ops whose rules see no values, only shapes."""

WRITTEN_OUT: list[tuple[str, Any, Any, str]] = [
    ("σ", lambda x: 1 / (1 + np.exp(-x)), lambda a: a * (1 - a), "{0} * (1 - {0})"),
    ("tanh", np.tanh, lambda a: 1 - a**2, "1 - {0}**2"),
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

    def __init__(self, q: Quantity, base: Base, names: Names, close: Judge, slack: Any) -> None:
        self.q = q
        self.base = base
        super().__init__(names)
        self.close = close
        self.slack = slack
        self.room = CHANCE / accident(q.hand, base.value, slack)
        """Of so many candidates, one is likely to agree by accident."""
        self.tried = 0
        self.after: list[str] = []
        """Earlier quantities that were wrong, and are taken as they are."""
        self.graph: Graph = q.part.graph
        self.edges = q.part.active(base.stop) if q.u is not q.v else []
        self.means, self.sums, lengths = sizes(q)
        self.lengths = sorted({*self.sums, *self.means, *lengths})
        work = sum(np.size(node.ans) for node in q.part.inside)
        large = (q.hand.size > 3 or work > 2000) and not np.any(q.unit)
        self.sieve = Sieve(q, base) if large else None
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
            words = "it is transposed"
            turned += [(("transposed",), words, v) for v in transposes(value, self.q.layout)]
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
        """Whether a large array may be the hand value times a number."""
        return self.sieve is None or self.sieve.passes(self.sieve.along(value), self.factors_known)

    def ratio(self, value: Any) -> Finding | None:
        """The number of a person's making that ``value`` is off by."""
        hand = self.q.hand
        square = float(np.sum(value * value))
        if not 0 < square < np.inf or not np.any(hand):
            return None
        r = float(np.sum(hand * value)) / square
        s = np.copysign(1.0, r)
        near = 0.02 + float(np.max(self.slack)) / max(float(np.max(np.abs(hand))), 1e-300)
        for k, kinds, words in self.numbers:
            if abs(abs(r) / k - 1) < near and (s < 0 or k != 1) and self.close(s * k * value):
                signs, flipped = (("sign",), "its sign is flipped") if s < 0 else ((), "")
                if len(signs) + len(kinds) <= 2:
                    return (*signs, *kinds), join(flipped, words)
        return None

    @cached_property
    def factors_known(self) -> Any:
        return np.array([k for k, *_ in self.numbers])

    @cached_property
    def numbers(self) -> list[tuple[float, tuple[str, ...], str]]:
        """Factors that a value may be off by, with their causes, the likeliest first."""
        found: list[tuple[float, tuple[str, ...], str]] = [(1.0, (), "")]
        averaged = [(float(n), "sum_for_mean", f"it is a sum where the mean over {n} belongs")
                    for n in self.means]  # fmt: skip
        averaged += [(1 / n, "mean_for_sum", f"it is a mean over {n} where the sum belongs")
                     for n in self.sums | self.means]  # fmt: skip
        found += [(k, (kind,), words) for k, kind, words in averaged]
        sized = [*self.lengths, *(1 / n for n in self.lengths)]
        often = max(2 if np.any(self.q.unit) else 8, int(min(self.room / 2, 100)))
        found += [(k, ("factor",), times_truth(k)) for k in [*SIMPLE, *sized][:often]]
        if len(found) < self.room:
            found += [(k * x, (kind, "factor"), join(words, times_truth(x)))
                      for k, kind, words in averaged for x in (2, 0.5)]  # fmt: skip
        return found

    def first(self, candidates: Iterator[Candidate]) -> tuple[Candidate, Finding] | None:
        """The first candidate that is the hand value; those off by one more slip are kept.

        Of rounded numbers several may round to the same: then the nearest is taken.
        """
        start = self.graph.steps
        hits: list[tuple[float, Candidate, Finding]] = []
        with np.errstate(all="ignore"):
            for candidate in candidates:
                self.tried += 1
                if self.graph.steps - start > STEPS:
                    break
                value = candidate.value
                if not (value.size and np.all(np.isfinite(value)) and np.any(value)):
                    continue
                found = self.rest(value)
                if found is None or self.same(value):
                    continue
                if not found[0] and self.convincing(value):
                    gap = self.q.hand - value if value.shape == self.q.hand.shape else 0.0
                    hits.append((float(np.max(np.abs(gap))), candidate, found))
                    if not np.any(self.q.unit):
                        break
                elif len(found[0]) == 1 and self.pairable(candidate):
                    self.pairs.append((candidate, found))
        return min(hits, key=lambda hit: hit[0])[1:] if hits else None

    def pairable(self, candidate: Candidate) -> bool:
        """Whether a second slip is worth a look: among few numbers many pairs agree by accident."""
        hand, value = self.q.hand, candidate.value
        if not self.ample:
            return False
        if hand.size > 3:
            return True
        plain = [-1.0] if candidate.kind == "wrong_node" else [-1.0, 2.0, 0.5]
        if np.any(self.q.unit):
            return any(self.close(k * value) for k in plain)
        return any(np.allclose(hand, k * value, 1e-8, 0) for k in plain)

    @property
    def ample(self) -> bool:
        """Whether there is room for two slips at once."""
        return 50 * self.tried < self.room

    def convincing(self, value: Any) -> bool:
        """Whether so few were tried that agreement is no accident, or it is to the last digit."""
        alike = value.shape == self.q.hand.shape
        return self.tried <= self.room or (alike and np.allclose(self.q.hand, value, 1e-12, 0))

    def same(self, value: Any) -> bool:
        """Whether a slip changes nothing here."""
        base = self.base.value
        return value.shape == base.shape and np.allclose(value, base, rtol=1e-9, atol=0)

    def edited(self, edits: dict[Edge, Edit], sifted: bool = True) -> Any:
        """The answer with changed rules; None where it is not the hand value, or has no shape."""
        try:
            if sifted and self.sieve is not None and len(edits) == 1:
                ((edge, edit),) = edits.items()
                along = self.sieve.edited(edge, edit)
                if along is not None and not self.sieve.passes(along, self.factors_known):
                    return None
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
        q = self.q.changed(hand=hand, unit=np.zeros(hand.shape))
        peak = min(1.0, float(np.max(np.abs(self.base.value), initial=0.0)))

        def close(value: Any) -> bool:
            return bool(np.allclose(hand, value, rtol=1e-5, atol=1e-9 * peak))

        return Search(q, self.base, self.names, close, np.asarray(1e-5 * np.abs(hand)))

    def close_to(self, value: Any) -> bool:
        """Whether the hand value, of another shape than expected, is ``value``."""
        return bool(np.allclose(self.q.hand, value, rtol=1e-6, atol=float(np.max(self.slack))))

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
        edges = [e for e in self.edges if self.is_factor(e)] if self.ample else []
        if self.sieve is not None:  # of large arrays, slopes of functions only
            edges = [(n, i) for n, i in edges if len(n.args) == 1 or np.size(n.args[1 - i]) == 1]
        for a, b in combinations(edges[:5], 2):
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
            value = self.edited({e: cut for e in self.edges if e not in path}, sifted=False)
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
                out = np.shape(node.ans)
                if len(out) == 2 and out[0] == out[1]:
                    value = self.edited({(node, i): lambda g, call: call(g.T)})
                    if value is not None:
                        words = f"what arrives from {self.describe(node)} is transposed"
                        yield Candidate("transposed", value, words)

    def at_input(self) -> Iterator[Candidate]:
        """The rule of a function of one argument, seen at that argument: z (1 - z)."""
        for node, i in self.edges:
            if len(node.args) == 1 and node.op is not None and node.op.name not in LINEAR:
                yield from self.seen(node, i, self.operand(node, 0), node.args[0])

    def swapped(self) -> Iterator[Candidate]:
        """An operand taken for one that plays the same part: two inputs, two weights."""
        yield from self.substitutes(alike=True)

    def misplaced(self) -> Iterator[Candidate]:
        """A rule evaluated at the value of any other node or constant."""
        yield from self.substitutes(alike=False)

    def substitutes(self, alike: bool) -> Iterator[Candidate]:
        values, rare = list(self.values()), not alike and self.room > MANY
        for node, i in self.edges:
            op: Any = node.op
            if op.name in LINEAR or type(node.ans) is tuple:
                continue
            for name, value in values:
                if len(node.args) == 1 and value is not node.args[0] and rare:
                    yield from self.seen(node, i, name, value)
                for j in [1 - i] if op.name in ("multiply", "matmul") else range(len(node.args)):
                    if np.shape(value) != np.shape(node.args[j]) or value is node.args[j]:
                        continue
                    if self.alike(node, j, value) == alike:
                        found = self.edited({(node, i): substituted(j, value)})
                        if found is not None:
                            words = f"{name} stands where {self.operand(node, j)} belongs"
                            yield Candidate("wrong_node", found, words)

    def seen(self, node: AnyNode, i: int, name: str, value: Any) -> Iterator[Candidate]:
        """The rule of a function of one argument, with another value in place of its output."""
        own = value is node.args[0]
        if np.shape(value) == np.shape(node.ans):
            found = self.edited({(node, i): seen_as(value)})
            if found is not None:
                prime, place = self.factor_name((node, i)), self.describe(node)
                words = f"it equals {prime} with {name} in place of {place}"
                if own:
                    if self.names.known(node):
                        place += f" = {prime.replace(chr(39), '', 1)}"
                    words = f"it equals {prime} evaluated at {name} where {place} belongs"
                    words += self.remedy(node, i)
                yield Candidate("wrong_node", found, words)

    def written_out(self) -> Iterator[Candidate]:
        """The same of σ and tanh that were written out in simpler ops."""
        for m, t in self.links():
            out, x = (np.asarray(self.graph.values[n], float) for n in (m, t))
            for called, f, prime, formula in WRITTEN_OUT:
                if np.allclose(out, f(x), rtol=1e-12, atol=0):
                    for name, value in self.values():
                        if np.shape(value) == out.shape and value is not self.graph.values[m]:
                            found = self.jumped(m, t, times(prime(value)))
                            a, z = self.names.of(m), self.names.of(t)
                            words = (
                                f"it equals {called}'({z}) evaluated at {name} where "
                                f"{a} = {called}({z}) belongs: write {formula.format(a)}"
                            )
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
        if self.room < MANY or not self.ample or len(self.graph.nodes) > 40 or not small:
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
            named = self.names.constant(node, 1 - i)
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
        every = len(self.graph.nodes) <= 60 and self.room > MANY
        for node in self.graph.nodes:
            value = self.graph.values.get(node)
            known = self.names.known(node)
            if value is not None and type(value) is not tuple and (known or every):
                yield self.describe(node), value
        seen: set[int] = set()
        for node in self.graph.nodes:
            for i, (arg, parent) in enumerate(zip(node.args, node.parents, strict=True)):
                if parent is None and id(arg) not in seen and type(arg) is not tuple:
                    name = self.names.constant(node, i)
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
        op: Any = call.node.op
        blind = op.name in ("multiply", "matmul")  # whose rules do not look at the output
        ans = call.ans if blind else op.forward(*args, **call.node.kwargs)
        return call(g, ans=ans, args=args)

    return edit


# --- small questions -------------------------------------------------------------------


def join(*words: str) -> str:
    return ", and beside that ".join(w for w in words if w)


def axis_sets(ndim: int) -> list[tuple[int, ...]]:
    return [s for k in range(1, ndim + 1) for s in combinations(range(ndim), k)]


def axis_words(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
