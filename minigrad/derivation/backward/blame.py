"""Which of the lines that made a wrong gradient is to blame, and what it does wrong."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

import numpy as np

from minigrad.derivation.backward.calls import Runs
from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.lines import repair_of
from minigrad.derivation.backward.watch import Event, equal

VAGUE = ("other", "entries", "sign", "factor")
"""Causes that say less than what is wrong with the line that writes into an array."""


def plainly_called(claim: Claim) -> bool:
    """Whether a function that makes a gradient is given variables as they are."""
    value = getattr(claim.events[-1].statement.node, "value", None) if claim.events else None
    plain = ast.Name | ast.Attribute | ast.Subscript | ast.Constant
    return isinstance(value, ast.Call) and all(isinstance(a, plain) for a in value.args)


@dataclass
class Blame:
    """Looks through the statements that were watched."""

    runs: Runs
    flows: Flows

    def put(self, claim: Claim) -> None:
        """Say which line of its function, or of a helper, makes a gradient wrong, and how."""
        claim.line = self.blamed(claim)
        claim.note = self.last_pass_kept(claim) or self.overwritten(claim) or claim.note
        cause = claim.row.diagnosis
        vague = cause is None or (cause.kind in VAGUE and cause.factor is None)
        if not claim.note and (vague or cause.kind == "other"):
            claim.note = self.written_wrongly(claim)
        self.look_inside(claim)

    def blamed(self, claim: Claim) -> int:
        """The line that makes a gradient wrong, of those that made it."""
        statements = list(dict.fromkeys(e.statement for e in claim.events))
        if len(statements) < 2:
            return claim.line
        truth = self.flows.total[claim.node]
        if np.shape(truth) != np.shape(claim.value):
            return statements[-1].first
        peak = float(np.max(np.abs(truth), initial=0.0))
        wrong = np.abs(claim.value - truth) > 1e-6 * np.abs(truth) + 1e-9 * peak
        best, fewest = statements[-1], np.size(wrong)
        for statement in statements:
            touched = np.zeros(np.shape(wrong), bool)
            for e in claim.events:
                same = e.before is not None and np.shape(e.before) == np.shape(wrong)
                same = same and np.shape(e.after) == np.shape(wrong)
                if e.statement is statement and not statement.fresh and same:
                    touched = touched | (e.before != e.after)
            if 0 < np.sum(touched) < fewest and not np.any(wrong & ~touched):
                best, fewest = statement, int(np.sum(touched))
        return best.first

    def last_pass_kept(self, claim: Claim) -> str:
        """Whether a loop sets what it should add to, so that its last pass alone is kept."""
        statement = claim.events[-1].statement if claim.events else None
        made = [e for e in self.runs.watch.events if e.path == claim.path
                and e.statement is statement] if statement is not None else []  # fmt: skip
        if statement is None or not statement.fresh or len(made) < 2:
            return ""
        truth = self.flows.total[claim.node]
        if any(np.shape(e.after) != np.shape(truth) for e in made):
            return ""
        right = close(sum(e.after for e in made), truth)
        return "each pass sets it, where it should be added up: write +=" if right else ""

    def writes(self, claim: Claim) -> list[Event]:
        """The writes into an array that the blamed line made."""
        shape = np.shape(self.flows.total[claim.node])
        made = [e for e in claim.events if e.statement.first == claim.line]
        made = [e for e in made if e.before is not None and np.shape(e.before) == shape]
        return made if shape == np.shape(claim.value) else []

    def overwritten(self, claim: Claim) -> str:
        """Whether entries are assigned that should be added up."""
        truth, made = self.flows.total[claim.node], self.writes(claim)
        if len(made) < 2 or claim.path in made[0].statement.reads:
            return ""
        total = sum(np.where(e.before != e.after, e.after, 0.0) for e in made)
        right = close(np.asarray(total), truth)
        return "it is assigned where it should be added up: write +=" if right else ""

    def written_wrongly(self, claim: Claim) -> str:
        """What is wrong with a write into an array: too much, too little, the wrong sign."""
        truth, made = self.flows.total[claim.node], self.writes(claim)
        if not made:
            return ""
        scale = 1.0
        for e in claim.events[claim.events.index(made[-1]) + 1 :]:
            whole = e.before is not None and np.all(np.abs(e.before) > 0)
            ratio = e.after / e.before if whole else np.zeros(2)
            if (
                not np.size(ratio)
                or not np.all(ratio)
                or not np.allclose(ratio, np.ravel(ratio)[0])
            ):
                return ""
            scale *= float(np.ravel(ratio)[0])
        delta, needed = made[0].after - made[0].before, truth / scale - made[0].before
        touched = delta != 0
        if len(made) > 1 or not np.any(touched) or not np.all(needed[touched]):
            return ""
        share = delta[touched] / needed[touched]
        if not np.allclose(share, share[0], rtol=1e-6) or not close(needed * share[0], delta):
            return ""
        r = float(share[0])
        return (
            "what it adds has the wrong sign" if abs(r + 1) < 1e-6
            else f"what it adds is {r:.6g} times what it should be"
        )  # fmt: skip

    def look_inside(self, claim: Claim) -> None:
        """Move the blame into the helper that computed a gradient, where its slip is found."""
        cause = claim.row.diagnosis
        plain = cause is not None and cause.kind in ("sign", "factor")
        if plain and not plainly_called(claim):
            return  # it may as well be in what the helper is given
        for watch in reversed(self.runs.helpers):
            if type(watch.answer) is not np.ndarray or not equal(claim.value, watch.answer):
                continue
            for name in watch.source.returned:
                made = [e for e in watch.events if e.path == name]
                if not made or not equal(made[-1].after, claim.value):
                    continue
                inner = replace(claim, events=made, line=made[-1].statement.first, path=name)
                inner.line = self.blamed(inner)
                note = self.overwritten(inner) or self.written_wrongly(inner)
                found = repair_of(inner, self.flows)
                if note or found is not None:
                    claim.line, claim.source, claim.events = inner.line, watch.source, made
                    claim.note = note or (claim.note if found is None else found[0])
                    claim.written = "" if found is None else found[1]
                    return
