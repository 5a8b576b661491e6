"""The verdicts: the claims graded as one derivation, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.derivation.backward.begun import where_it_begins
from minigrad.derivation.backward.calls import WORK, Check, Runs
from minigrad.derivation.backward.claims import VAGUEST, Claim, apart, first_wrong
from minigrad.derivation.backward.collector import Collector
from minigrad.derivation.backward.flows import Flows, close, slopes
from minigrad.derivation.backward.lines import blamed, target
from minigrad.derivation.backward.naming import Namer, aliases_of, last_part
from minigrad.derivation.backward.repairing import Search, Slip
from minigrad.derivation.backward.scaling import per_example
from minigrad.derivation.backward.splitting import renewed, split
from minigrad.derivation.backward.stages import is_below
from minigrad.derivation.backward.telling import looked_up_in, same, search_in, told
from minigrad.derivation.backward.unnamed import unnamed
from minigrad.derivation.backward.watch import Statement
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.grading import check_derivation
from minigrad.derivation.report import Row, worst
from minigrad.derivation.slips.entries import DISPLACED
from minigrad.derivation.words import Words
from minigrad.graph import AnyNode
from minigrad.ops.record import Op
from minigrad.reading.names import Scope, names
from minigrad.tensor import Tensor, apply, wrap
from minigrad.typing import Array

RIGHT, WRONG = ("correct", "rounded"), ("wrong", "carried")
ROUNDS = 6
UNSAID = (*VAGUEST, "shape", "neighbour")
NUMBERS = ("factor", "sign", "sum_for_mean", "mean_for_sum")
"""Causes that another line explains better."""
PLAIN = ("dropped_path",)
"""Causes that no other line can be to blame for."""
GUESSED = ("wrong_node", "neighbour", "value")
"""Causes that agree with the numbers, where the line may say that it was another."""
TWICE = 1
"""So many other values of one gradient are explained beside the first."""
NAMELESS = re.compile(r"a constant \(|…|(?<!\w)(?:t\d+|below_\d+_)(?!\w)")
"""Causes that speak of what the student has no name for."""


def named(value: Array, node: AnyNode, name: str | None = None) -> Tensor:
    t = wrap(value, node)
    if name:
        t.name = name
    return t


class Judge:
    """One backward function, its claims and their verdicts."""

    check: Check
    runs: Runs
    given: dict[str, str | None]
    every_pass: bool
    output: Tensor
    namer: Namer
    flows: Flows
    collector: Collector
    claims: list[Claim]

    def __init__(
        self, check: Check, runs: Runs, given: dict[str, str | None], every_pass: bool,
        assumed: bool = False,
    ) -> None:  # fmt: skip
        self.check, self.runs, self.given, self.every_pass = check, runs, given, every_pass
        self.assumed = assumed
        """Whether gradients of results leave out the mean over examples."""
        self.tolerances: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-9}
        if not runs.outputs:
            self.opaque()
        self.output = self.scalar()
        self.namer = Namer(runs.variables, given)
        self.flows: Flows = Flows(self.output.node)
        self.claims = self.collected()
        self.scale, self.scaled = per_example(self.claims, self.flows, assumed)
        """What some gradients are multiplied by, where the mean is taken in the end."""
        if self.scale > 1:
            self.flows.scale(self.scale, self.scaled)
            self.claims = self.collected()
        self.nameless: dict[str, str] = {}
        """What values are called for the time of a check that have no name, and what they are."""
        self.unread: list[Claim] = []
        self.settled = False
        """Whether one line is known to be wrong, and no other."""
        self.graded: dict[tuple[int, ...], list[tuple[Row, str]]] = {}
        """What came of grading some claims together: leaving one out may be tried, then done."""

    def anew(self) -> Judge:
        """The same, of every pass of a loop."""
        return Judge(self.check, self.runs, self.given, True, self.assumed)

    def elsewhere(self, chance: int) -> Search | None:
        """A search among other numbers, where what agrees by accident here does not."""
        check = self.check.elsewhere(chance)
        try:
            runs = check.run(lambda runs: Namer(runs.variables, self.given).wanted)
            if runs.stopped is not None or runs.why:
                return None
            return search_in(Judge(check, runs, self.given, self.every_pass, self.assumed))
        except Exception:  # of numbers that the student's functions do not take
            return None

    def widen(self) -> None:
        """Add what has no name, where no change of one line makes all right."""
        self.claims = unnamed(self.collector, self.claims)
        self.divide()

    def divide(self) -> None:
        """Divide the claims where one gradient is made by several statements."""
        self.claims += [c for claim in self.claims for c in self.broken_up(claim)]
        self.claims = apart(self.claims)
        self.claims.sort(key=lambda c: (c.order, c.returned))

    def collected(self) -> list[Claim]:
        runs = self.runs
        aliases = aliases_of(runs.watch, runs.alike, self.namer) if runs.watch is not None else {}
        self.collector = Collector(runs, self.namer, aliases, self.flows)
        return self.collector.claims(self.every_pass)

    def scalar(self) -> Tensor:
        """What is differentiated: the loss, or the outputs times what comes from above."""
        runs = self.runs
        seeds = list(runs.upstream.values())
        if len(runs.outputs) == 1 and not runs.outputs[0].shape and seeds[0] == 1:
            return runs.outputs[0]
        parts = [(t * seed).sum() for t, seed in zip(runs.outputs, seeds, strict=True)]
        return sum(parts[1:], parts[0])  # type: ignore[no-any-return]

    def opaque(self) -> None:
        """Where nothing was recorded: one operation, differentiated by finite differences."""
        runs = self.runs
        f = self.check.total(runs)
        cache: dict[tuple[int, ...], Array] = {}

        def rule(g: Array, ans: Array, *args: Array, argnum: int) -> Array:
            return g * slopes(f, args, argnum, cache)

        t = apply(Op("forward", f, rule), *[x for _, x in runs.inputs])
        runs.outputs, runs.upstream = [t], {"upstream": np.float64(1.0)} | runs.upstream
        runs.variables = {path: [x] for path, x in runs.inputs}
        first = {last_part(path)[0]: x for path, x in runs.inputs}
        runs.scopes = [Scope(first)]
        self.tolerances = {"rtol": 1e-4, "atol": 1e-6}
        runs.upstream = {"upstream": np.float64(1.0)}

    # --- one gradient made by several statements -------------------------------------------

    def broken_up(self, claim: Claim) -> Iterator[Claim]:
        """What each statement adds to a wrong total, where some of it is right."""
        if claim.through or len(claim.events) < 2 or self.right(claim):
            return
        if any(e.late for e in claim.events):  # what each added is not known
            return
        sums: dict[Statement, Array] = {}
        for e in claim.events:
            alone = e is claim.events[0] or e.statement.fresh
            alone = alone or np.shape(e.before) != np.shape(e.after)
            delta = e.after if alone else e.after - e.before
            if np.shape(delta) != np.shape(claim.value):
                return
            sums[e.statement] = sums[e.statement] + delta if e.statement in sums else delta
        found: list[Claim] = []
        taken: set[tuple[AnyNode, Array]] = set()
        for statement, delta in sums.items():
            through = next((p for p, v in self.flows.parts(claim.node) if close(delta, v)), None)
            made = [e for e in claim.events if e.statement is statement]
            part = replace(
                claim, value=delta, through=through, whole=False, returned=False,
                line=statement.first, events=made,
            )  # fmt: skip
            if not np.any(delta):
                continue
            if through is None and found and found[-1].through is None:  # dW += ..., dW /= n
                part.value, part.events = found[-1].value + delta, [*found.pop().events, *made]
            found.append(part)
            taken |= set(through or ())
        wrong = [c for c in found if c.through is None]
        left = [e for e in self.flows.users.get(claim.node, []) if e not in taken]
        if taken and len(wrong) == 1 and left:
            wrong[0].through = left
            yield from found

    def right(self, claim: Claim) -> bool:
        return close(claim.value, self.flows.total[claim.node])

    # --- the verdicts ------------------------------------------------------------------------

    def judge(self) -> list[Claim]:
        """Grade the claims; what is no gradient by itself, but right in its use, is not one."""
        active = list(self.claims)
        for _ in range(ROUNDS):
            self.grade(active)
            asked = [c for c in active if c.returned]
            fine = [c for c in active if c.row.verdict in RIGHT]
            odd = [c for c in active if c.row.verdict in WRONG and not c.returned]
            if not (asked and all(c in fine for c in asked)):
                odd = [c for c in odd if any(d in fine and self.telling(d)
                                             for d in self.below(c, active))]  # fmt: skip
            others = [c for c in active if c.row.verdict == "wrong" and not c.returned]
            if asked or self.runs.stopped is not None:
                odd += [c for c in others if c not in odd and self.of_another(c)]
            odd = odd or self.lower(active) or self.misled(active)
            if not odd:
                break
            self.unread += odd
            active = [c for c in active if c not in odd]
        for claim in active:
            if claim.row.verdict == "wrong" and claim.through is None:
                claim.line = blamed(claim, self.flows)
        return active

    def lower(self, active: list[Claim]) -> list[Claim]:
        """What a pass of a loop has as the gradient of what lies below, as ``dz`` before σ.

        What is made of it is right there.
        """
        flows, known = self.flows, self.collector.named
        odd = [c for c in active if c.events and not c.returned and c.row.verdict == "wrong"]
        odd = [c for c in odd if is_below(c.value, c.node, flows, known)]
        those = {c.events[-1].statement for c in odd if any(
            d.row.verdict in RIGHT and np.any(d.value) for d in self.below(c, active))}  # fmt: skip
        return [c for c in active if c.events and c.events[-1].statement in those]

    def of_another(self, claim: Claim) -> bool:
        """Whether it is rather of something else than its name says: of another shape, a part
        of what comes from above, or only other where it is not used.
        """
        cause = claim.row.diagnosis
        if cause.kind == "entries":
            return "not used" in cause.detail
        return cause.kind == "shape" or (cause.kind == "other" and self.collector.cut_out(claim))

    def reread(self, claim: Claim | None) -> None:
        """Look for the slip in the line itself, where the numbers do not tell it."""
        if claim is None or claim.note or self.settled:
            return
        cause = claim.row.diagnosis
        search = search_in(self)
        found = search.of(claim) if search is not None else None
        own = found is not None and any(same(e.statement, found.statement) for e in claim.events)
        if found is None or (not own and cause.kind in PLAIN):
            return
        self.say(claim, found, own)

    def say(self, claim: Claim, found: Slip, own: bool) -> None:
        """Tell a slip in a line, in words of its own where the numbers tell less."""
        cause = claim.row.diagnosis
        claim.written, lines = found.written, range(found.statement.first, found.statement.last + 1)
        claim.line = claim.line if claim.line in lines else found.statement.first
        claim.source = found.source or claim.source
        # An operation that is the inverse one in the line itself is no mean.
        inverted = found.words.startswith(("times ", "divided by ")) and "mean" in cause.kind
        said = cause.kind not in UNSAID and cause.detail != DISPLACED and len(cause.kinds) < 2
        said = said and (cause.kind not in GUESSED or found.kind in (cause.kind, "other"))
        said = said and (found.kind == "sign" or "in its derivative" not in cause.detail)
        part = cause.kind in ("sign", "factor") and cause.factor is None
        plainer = inverted or found.kind == "assigned" or not np.any(claim.value)
        plainer = plainer or (part and not found.statement.fresh)
        plainer = plainer or (not own and cause.kind in NUMBERS)
        if not said or plainer or NAMELESS.search(cause.detail):
            claim.note = claim.note or found.words
        elif claim.note and found.kind == "dropped_path":
            claim.note = found.words

    def verdicts(self) -> tuple[Judge, list[Claim]]:
        """What is to be reported: every pass of a loop, where one before the last is wrong.

        What is wrong in the last pass may only follow from an earlier one.
        """
        right = all(self.right(c) for c in self.claims if c.returned)
        slip = None
        if not right and self.runs.stopped is None:
            judges = [self, *self.before_the_mean()]
            self.check.work[0] //= len(judges)
            for judge in judges:
                search = search_in(judge)
                slip = search.found() if search is not None else None
                if slip is not None and judge is not self:
                    if slip.kind == "other":  # numbers do not tell that the mean is left out
                        slip = None
                        continue
                    return judge.with_slip(slip)
                if slip is not None:
                    break
                self.check.work[0] = max(self.check.work[0], 0) + WORK * (len(judges) - 1) // 2
        if slip is None and not right and self.runs.stopped is None:
            every = self.anew()
            every.widen()
            search = search_in(every)
            slip = where_it_begins(search) if search is not None else None
        if slip is not None and slip.kind != "other":
            return self.with_slip(slip)
        judge, graded = self.without_slip(right)
        if slip is not None:
            first = first_wrong(graded)
            judge.reread(first)
            if first is None or (first.row.diagnosis.kind == "other" and not first.note):
                return Judge(self.check, self.runs, self.given, self.every_pass).with_slip(slip)
        return judge, graded

    def before_the_mean(self) -> list[Judge]:
        """The same, were gradients of results left without the mean over examples."""
        if self.scale > 1:
            return []
        other = Judge(self.check, self.runs, self.given, self.every_pass, True)
        return [other] if other.scale > 1 else []

    def with_slip(self, slip: Slip) -> tuple[Judge, list[Claim]]:
        """Every pass of a loop that has the line that is wrong in it."""
        again = sum(same(x.statement, slip.statement) for x in self.runs.watch.steps) > 1
        return (judge := self.anew() if again else self), told(judge, slip)

    def without_slip(self, right: bool) -> tuple[Judge, list[Claim]]:
        """Every pass of a loop, where one before the last is wrong."""
        self.widen()
        if not right and not self.every_pass:
            every = self.anew()
            every.widen()
            if len(every.claims) > len(self.claims):
                graded = every.judge()
                first = first_wrong(graded)
                last = {c.order for c in self.claims}
                if first is not None and first.explained and first.order not in last:
                    return every, graded
        return self, self.judge()

    def misled(self, active: list[Claim]) -> list[Claim]:
        """The first wrong claim, where less is wrong without it, and explained.

        A student may divide a sum in another way than the forward function, and call a
        part of it what the forward function has a value for, or give it another sign.
        """
        wrong = [c for c in active if c.row.verdict == "wrong"]
        first = first_wrong(active)
        if first is None or first.returned or self.used(first, active):
            return []
        if first.row.diagnosis.kind not in VAGUEST and not (
            any(c.row.verdict == "wrong" for c in self.below(first, active))
        ):
            return []
        kept = [(c, c.row, c.key) for c in active]
        rest = [c for c in active if c is not first]
        self.grade(rest)
        then = [c for c in rest if c.row.verdict == "wrong"]
        explained = bool(then) and then[0].explained
        if explained and (len(then) < len(wrong) or first.row.diagnosis.kind in VAGUEST):
            return [first]
        for c, row, key in kept:
            c.row, c.key = row, key
        return []

    def used(self, claim: Claim, active: list[Claim]) -> bool:
        """Whether a wrong gradient is what its name says, as others are right given it."""
        of = [c for c in active if claim.path in c.reads and c.order > claim.order]
        return any(c.row.verdict == "carried" for c in of)

    def telling(self, claim: Claim) -> bool:
        """Whether it says something that a gradient is right: it is returned, and not zero."""
        if any(not e.statement.tells(e.path) for e in claim.events):
            return False  # what it is made of is one of several things
        arrays = [g for g in self.flows.total.values() if isinstance(g, np.ndarray | np.generic)]
        sizes = [float(np.max(np.abs(g), initial=0.0)) for g in arrays]
        size = float(np.max(np.abs(self.flows.total[claim.node]), initial=0.0))
        return claim.returned and size > 1e-9 * max(sizes)

    def below(self, claim: Claim, claims: list[Claim]) -> list[Claim]:
        """The claims that are computed from one, directly or through others."""
        watch = self.runs.watch
        if watch is None or claim.order >= len(watch.events):
            return []
        made = {id(watch.events[k]) for k in watch.made_from(claim.order)}
        later = [c for c in claims if c.order > claim.order and c.path != claim.path]
        return [c for c in later if any(id(e) in made for e in c.events)]

    def scopes(
        self, claims: list[Claim], new: dict[AnyNode, AnyNode], made: list[AnyNode]
    ) -> list[Scope]:
        """The student's variables, and those that the parts need, as a reading looks them up."""
        found = [
            replace(s, variables={k: renewed(v, new) for k, v in s.variables.items()})
            for s in self.runs.scopes
        ]
        extra: dict[str, Array] = {**self.runs.upstream}
        taken = {name for s in found for name in s.variables}
        out = new.get(self.output.node, self.output.node)
        extra["output_"] = named(self.output._value, out, "L" if "L" not in taken else "Loss")
        k = 0
        for claim in claims:
            name = self.variable(claim)
            if claim.through is not None:
                extra[f"part{k}_"] = named(claim.node_value, made[k], f"{name or 'x'}_via_{k + 1}")
                k += 1
        paths = {t.node: path for path, t in self.runs.inputs}
        for c in claims:
            if c.through is None and not self.variable(c):
                given = f"below_{len(self.nameless)}_"
                known = Words(names([self.output.node], found))
                self.nameless[given] = paths.get(c.node) or known.describe(c.node)
                extra[given] = named(c.node.ans, new.get(c.node, c.node), given)
        older = [(n, t) for n, ts in self.runs.variables.items() for t in reversed(ts)]
        for i, (name, t) in enumerate(older):
            extra[f"version{i}_"] = named(t._value, new.get(t.node, t.node), name)
        return [*found, Scope(extra)]

    def variable(self, claim: Claim) -> str:
        """What the forward function calls what a claim is about; empty where it has no name."""
        return self.called(claim.node)

    def grade(self, claims: list[Claim]) -> None:
        together = tuple(map(id, claims))
        if together not in self.graded:
            self.grade_anew(claims)
            self.graded[together] = [(c.row, c.key) for c in claims]
        for c, (row, key) in zip(claims, self.graded[together], strict=True):
            c.row, c.key = row, key

    def grade_anew(self, claims: list[Claim]) -> None:
        parts = [c for c in claims if c.through is not None]
        for c in parts:
            for user, i in c.through or ():
                c.node_value = user.args[i]
        new, made = split(self.output.node, [(c.node, c.through) for c in parts])  # type: ignore[misc]
        scopes = self.scopes(claims, new, made)
        out = new.get(self.output.node, self.output.node)
        nodes = {id(c): made[parts.index(c)] if c.through else new.get(c.node, c.node)
                 for c in claims}  # fmt: skip
        with looked_up_in(scopes, self.check.walks):
            known = names([out])
            hand: dict[str, Array] = {}
            by_key: dict[str, list[Claim]] = {}
            for c in claims:
                key = f"d{known.of(out)}/d{known.of(nodes[id(c)])}"
                by_key.setdefault(key, []).append(c)
                hand.setdefault(key, c.value / self.scale_of(c))
            output = wrap(self.output._value, out)
            rows = self.rows(output, hand)
            for key, same in by_key.items():
                others = [c for c in same if not close(c.value, same[0].value)]
                for c in same:
                    c.key, c.row, m = key, rows[key], self.scale_of(c)
                    if c in others[:TWICE]:
                        c.row = self.rows(output, {key: c.value / m})[key]
                    elif c in others:
                        c.row = self.unexplained(c)
                    if m > 1 and c.row.autodiff is not None:
                        c.row = replace(c.row, hand=c.value, autodiff=m * c.row.autodiff,
                                        error=worst(c.value, m * c.row.autodiff))  # fmt: skip

    def unexplained(self, claim: Claim) -> Row:
        """One of many values of a gradient: right, or wrong for whatever cause."""
        truth = target(claim, self.flows)
        right = close(claim.value, truth)
        cause = None if right else Diagnosis("other", None, "no known slip explains it", ("other",))
        error, verdict = worst(claim.value, truth), "correct" if right else "wrong"
        return Row(claim.key, claim.value, truth, None, error, verdict, cause)

    def scale_of(self, claim: Claim) -> int:
        return self.scale if claim.node in self.scaled else 1

    def rows(self, output: Tensor, hand: dict[str, Array]) -> dict[str, Row]:
        if not hand:
            return {}
        try:
            report = check_derivation(output, hand, **self.tolerances)
        except (ValueError, TypeError) as error:  # of a shape that nothing explains, say
            if len(hand) > 1:
                odd = [k for k, v in hand.items() if not self.gradable(output, k, v)]
                rest = {k: v for k, v in hand.items() if k not in odd}
                found = self.rows(output, rest) if rest and odd else {}
                return found | {k: self.rows(output, {k: hand[k]})[k] for k in odd}
            ((key, value),) = hand.items()
            cause = Diagnosis("shape", None, str(error).partition(f"{key} ")[2] or str(error))
            return {key: Row(key, value, np.nan, None, worst(value, np.nan), "wrong", cause)}
        return {row.quantity: row for row in report.rows}

    def gradable(self, output: Tensor, key: str, value: Any) -> bool:
        try:
            check_derivation(output, {key: value}, **self.tolerances)
        except (ValueError, TypeError):
            return False
        return True

    def called(self, node: AnyNode) -> str:
        """A variable that is this value, one that still is in the end first; empty of none."""
        found = {n: ts for n, ts in self.namer.variables.items() if any(t.node is node for t in ts)}
        return min(found, key=lambda n: found[n][-1].node is not node, default="")
