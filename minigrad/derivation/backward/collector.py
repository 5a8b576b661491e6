"""The gradients that a backward function computes and returns, read off what was watched."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.derivation.backward.calls import Runs
from minigrad.derivation.backward.claims import Claim, reshaped, widened
from minigrad.derivation.backward.flows import Edge, Flows, close
from minigrad.derivation.backward.handed import Handed, Layout, is_same, items_of, numbers_of
from minigrad.derivation.backward.naming import ALL, Namer, last_part, readings
from minigrad.derivation.backward.stages import Timed, chain_below, staged
from minigrad.derivation.backward.variables import layers_in
from minigrad.derivation.backward.watch import Event, Statement, equal, held_at, read_in
from minigrad.graph import AnyNode
from minigrad.typing import Array


class Collector:
    """Reads the claims off what was watched."""

    runs: Runs
    namer: Namer
    aliases: dict[str, str]
    flows: Flows
    named: set[AnyNode]
    inputs: list[AnyNode]

    def __init__(self, runs: Runs, namer: Namer, aliases: dict[str, str], flows: Flows) -> None:
        self.runs, self.namer, self.aliases, self.flows = runs, namer, aliases, flows
        self.named = {t.node for ts in namer.variables.values() for t in ts}
        self.inputs = [t.node for _, t in runs.inputs]
        self.ungraded: list[Handed] = []
        """What is returned that nobody knows the meaning of."""
        self.others: list[Handed] = []
        """What is returned and is no gradient: no number, or a value of the forward pass."""

    def claims(self, every_pass: bool) -> list[Claim]:
        watch = self.runs.watch
        events = watch.events if watch is not None else []
        generations = self.generations(events)
        found = [c for path, made in generations.items() for c in self.of(path, made, every_pass)]
        inputs_of = lambda value: self.inputs_named(found, value)
        known = lambda: self.named_in(found)
        self.layout = Layout(self.runs, self.flows, inputs_of, known, self.namer.denied)
        self.answer = self.layout.returned(self.runs.answer)
        handed = [*self.answer, *self.layout.listed(self.containers())]
        unknown = [h for h in handed if not self.returned(found, h, len(events))]
        # A layer hands out the gradients of its parameters as attributes, and no local ones then.
        inputs = [c for c in found if self.first_of(c) in self.inputs]
        attributes = [c for c in inputs if c.path.startswith("self.") and (
            c.whole or np.shape(c.value) == np.shape(self.flows.total[c.node]))]  # fmt: skip
        for claim in attributes or (() if self.answer else inputs):
            if claim.order == max(c.order for c in found if c.path == claim.path):
                claim.returned = True
        for claim in self.applied(inputs, attributes):
            claim.returned = True
        found += self.held_in_layers(found)
        self.laid(found, handed, unknown, len(events))
        found.sort(key=lambda c: c.order)
        for claim in found:
            truth = self.flows.total[claim.node]
            if not claim.returned:
                claim.value = widened(claim.value, truth)
            if not claim.returned and not close(claim.value, truth):
                self.as_part(claim)
        return self.settled(found)

    def applied(self, inputs: list[Claim], attributes: list[Claim]) -> Iterator[Claim]:
        """The last gradients of a layer's parameters that are variables, and not kept by it."""
        kept = {self.first_of(c) for c in attributes}
        own = {t.node for path, t in self.runs.inputs if path.startswith("self.")}
        last = {c.path: c for c in inputs if c.named_whole and self.first_of(c) in own - kept}
        yield from last.values()

    def cut_out(self, claim: Claim) -> bool:
        """Whether it is no more than a part of what comes from above."""
        value, above = np.asarray(claim.value), self.runs.upstream
        whole = [np.asarray(above[n]) for n in claim.reads if n in above]
        return any(value.size < g.size and bool(np.all(np.isin(value, g))) for g in whole)

    def generations(self, events: list[Event]) -> dict[str, list[list[Timed]]]:
        """The statements about each variable, divided where it is made anew.

        In a loop that goes back through the values that a variable had, a gradient is whole
        when others are computed from it; what is made of it then is for the pass to come.
        """
        found: dict[str, list[list[Timed]]] = {}
        whole: set[str] = set()
        for k, event in enumerate(events):
            if event.item is not None:
                continue
            path, made = event.path, found.setdefault(event.path, [])
            again = path in whole or (made and any(e.statement is event.statement
                                                   for _, e in made[-1]))  # fmt: skip
            if event.statement.fresh or not made or (again and self.several(path)):
                made.append([])
            made[-1].append((k, event))
            whole = (whole - {path}) | (event.statement.read_for(path) - {path})
        return found

    def several(self, path: str) -> bool:
        """Whether the variable that a gradient is called after had value after value."""
        meaning = self.namer.meaning(path, self.aliases)
        return meaning is not None and len(self.namer.variables.get(meaning.variable, [])) > 2

    def of(self, path: str, made: list[list[Timed]], every_pass: bool) -> Iterator[Claim]:
        """The claims about one variable: the last time that it was made, or each time."""
        meaning = self.namer.meaning(path, self.aliases)
        if meaning is None or self.is_value(path, made):
            return
        versions = self.versions(path, meaning.variable, made[-1][-1][1].after)
        if path in self.runs.upstream:  # set again: a claim where more than that arrives
            above = self.runs.upstream[path]
            versions = [n for n in versions if not close(above, self.flows.total[n])]
        chain = chain_below(self.flows, versions, self.named)
        for j, generation in enumerate(made):
            stages = staged(generation, self.flows, chain)
            for part, below in stages:
                order, event = part[-1]
                events, line = [e for _, e in part], event.statement.first
                yield Claim(path, events, event.after, below, line, order)
            if stages:
                continue
            last = j == len(made) - 1
            alone = all(g[0][1].statement is not generation[0][1].statement for g in made[j + 1 :])
            # A pass for each value that the variable had: a recurrence, begun from above.
            each = path in self.runs.upstream and len(versions) == len(made)
            if not versions or not (last or alone or each or every_pass):
                continue
            order, event = generation[-1]
            # The last value of the forward pass may not be used: then it is of no pass.
            idle = len(made) == len(versions) + 1 and not np.any(made[0][-1][1].after)
            node = self.version(versions, event.after, len(made) - idle, max(j - idle, 0))
            if node is None or not (last or j or np.any(event.after)):  # zeros, to be added to
                continue
            value = reshaped(event.after, self.flows.total[node])
            claim = Claim(path, [e for _, e in generation], value, node,
                          event.statement.first, order, whole=meaning.whole,
                          named_whole=meaning.whole and (last or every_pass))  # fmt: skip
            fits = np.shape(value) == np.shape(self.flows.total[node])
            if not (last or each or (every_pass and fits) or close(value, self.flows.total[node])):
                claim.whole = False
            yield claim

    def is_value(self, path: str, made: list[list[Timed]]) -> bool:
        """Whether it is a variable of the forward function, with the value that it had there."""
        values = [] if self.runs.both else self.namer.variables.get(path, [])
        return any(equal(made[-1][-1][1].after, t._value) for t in values)

    def versions(self, path: str, variable: str, value: Array) -> list[AnyNode]:
        """The values that a variable had; of several of that name, the one of its shape."""
        found: list[AnyNode] = []
        for name in self.namer.alike(variable):
            nodes = [t.node for t in self.namer.variables[name]]
            nodes = [n for n in nodes if n in self.flows.total]
            if any(np.shape(self.flows.total[n]) == np.shape(value) for n in nodes):
                return nodes
            found = found or nodes
        return [] if self.namer.loosely(path, variable) else found

    def node_of(self, path: str) -> AnyNode | None:
        """The last value whose gradient is called ``path``."""
        meaning = self.namer.meaning(path, self.aliases)
        found = self.namer.variables.get(meaning.variable, []) if meaning is not None else []
        return next((t.node for t in reversed(found) if t.node in self.flows.total), None)

    def version(self, versions: list[AnyNode], value: Array, made: int, j: int) -> AnyNode | None:
        """Which of the values that a variable had: the one that fits, or by the order of a loop.

        None of what a loop makes last, for a value from before it that takes no part.
        """
        for node in versions:
            if close(value, self.flows.total[node]):
                return node
        if len(versions) > 1 and made == len(versions) + 1 == j + 1:
            return None
        k = len(versions) - 1 - (j if made > 1 else 0)
        found = versions[max(0, k)]
        alike = [n for n in versions if np.shape(self.flows.total[n]) == np.shape(value)]
        other = j < made - 1 and found not in alike
        return (alike[0] if len(alike) == 1 else None) if other else found

    def laid(
        self, found: list[Claim], row: list[Handed], unknown: list[Handed], order: int
    ) -> None:
        """Give what nobody knows yet the inputs that are left: of what is returned, and kept."""
        taken = {c.node for c in found if c.returned}
        forward = [h for h in unknown if self.handed_on(h.value, row, unknown)]
        self.others += forward
        unknown = [h for h in unknown if h not in forward]
        self.layout.settle(row, unknown, taken)
        for h in unknown:
            if h.place is None or not self.returned(found, h, order):
                self.ungraded.append(h)
        left = {i for i in self.layout.free({c.node for c in found if c.returned})
                if self.runs.inputs[i][0].startswith("self.")}  # fmt: skip
        known = [c.value for c in found if c.returned]
        kept = [k for k in self.kept() if not any(equal(value, k[2]) for value in known)
                and not any(map(self.namer.variable, readings(last_part(k[0])[0])))]  # fmt: skip
        those = [Handed(value) for *_, value in kept] if left else []
        others = {n for i, n in enumerate(self.inputs) if i not in left}
        self.layout.settle(those, those, others, ordered=False)
        for (path, layer, value), h in zip(kept, those, strict=False):
            if h.place is not None:
                found.append(self.kept_in(layer, path, value, self.inputs[h.place]))

    def kept(self) -> Iterator[tuple[str, Any, Any]]:
        """What a layer, and those in it, keep that is called like a gradient."""
        paths = {path: t.node for path, t in self.runs.inputs}
        for place, layer in self.layers():
            for name, value in vars(layer).items():
                path = f"{place}.{name}"
                own = paths.get(path) in self.flows.total  # a weight that is called ``g``
                own = own or self.namer.denied(path)
                if isinstance(value, np.ndarray | float) and readings(path) and not own:
                    yield path, layer, value

    def containers(self) -> Iterator[tuple[str, str, object]]:
        """What holds several, in a layer and those in it: where it is, its name, and what."""
        for place, layer in self.layers():
            for name, value in vars(layer).items():
                if isinstance(value, dict | list | tuple):
                    yield place, name, value

    def layers(self) -> list[tuple[str, Any]]:
        """A layer and those in it, in the end, but for those that share a parameter: what one of
        these keeps is no more than its own part of the gradient.
        """
        found = list(layers_in(self.runs.layer))
        own = {t.node for path, t in self.runs.inputs if path.startswith("self.")}
        held = {path: {t.node for v in vars(layer).values() for t in self.known(v)} & own
                for path, layer in found}  # fmt: skip
        count = Counter(node for nodes in held.values() for node in nodes)
        return [(path, layer) for path, layer in found
                if path == "self" or all(count[node] == 1 for node in held[path])]  # fmt: skip

    def known(self, value: object) -> Iterator[Any]:
        """The Tensors of the forward pass that an attribute is, or holds."""
        parts = items_of(value) if isinstance(value, dict | list | tuple) else [("", value)]
        for _, v in parts or ():
            met, t = self.runs.alike.get(id(v), (None, None))
            if isinstance(v, np.ndarray) and met is v:
                yield t

    def held_in_layers(self, found: list[Claim]) -> Iterator[Claim]:
        """The gradients that layers inside a layer keep in the end: ``self.hidden.dW``."""
        paths = {path: t.node for path, t in self.runs.inputs}
        for path, layer, value in self.kept():
            name, place = last_part(path)
            nodes = [paths.get(f"{place}.{x}") for x in readings(name)]
            if name in (*ALL, "g"):  # of the only array beside it
                inside = {n for path, n in paths.items() if path.startswith(f"{place}.")}
                nodes = [*inside & {*self.flows.total}]
                nodes = nodes if len(nodes) == 1 else []
            node = next((n for n in nodes if n in self.flows.total), None)
            known = any(c.path == path or c.value is value for c in found)
            if node is not None and not known and place != "self":
                yield self.kept_in(layer, path, value, node)

    def kept_in(self, layer: Any, path: str, value: Any, node: AnyNode) -> Claim:
        """The claim about what a layer keeps."""
        watch, name = self.runs.watch, f"self.{last_part(path)[0]}"
        made = [(w, e) for w in self.runs.helpers for e in w.events
                if e.path == name and w.final.get("self") is layer]  # fmt: skip
        made = made or [(watch, e) for e in watch.events if e.path == path]
        line, order = watch.source.last, 0
        if made:
            line, order = made[-1][1].statement.first, made[-1][0].when
        source = made[-1][0].source if made else None
        events = [e for w, e in made if w is made[-1][0]]
        number = reshaped(np.asarray(value), self.flows.total[node])
        return Claim(path, events, number, node, line, order, returned=True, source=source)

    def held_lists(self) -> Iterator[tuple[str, list[Any]]]:
        """The lists that the backward function had in the end, in variables and attributes."""
        final = self.runs.watch.final if self.runs.watch is not None else {}
        own = getattr(final.get("self"), "__dict__", {})
        for name, held in [*final.items(), *((f"self.{k}", v) for k, v in own.items())]:
            if type(held) is list:
                yield name, held

    def inputs_named(self, found: list[Claim], value: Any) -> set[AnyNode]:
        """The inputs of which a value is the gradient by its names."""
        final = self.runs.watch.final if self.runs.watch is not None else {}
        same = [c for c in found if c.path and held_at(c.path, final) is value]
        nodes: list[AnyNode | None] = [self.first_of(c) for c in same]
        return {n for n in nodes if n in self.inputs}

    def named_in(self, found: list[Claim]) -> set[AnyNode]:
        """The values of which there is a gradient by name."""
        firsts = (self.first_of(c) for c in found if c.path)
        return {n for n in firsts if n is not None}

    def returned(self, found: list[Claim], h: Handed, order: int) -> bool:
        """Mark what is returned, by what it is called, by its key, or by its place.

        False where nobody knows what it is the gradient of.
        """
        key, value, place, line = h.key, h.value, h.place, self.line_of(h)
        if self.layout.denies(h):
            return True
        number = numbers_of(value)
        if number is None:
            self.others.append(h)
            return True
        node = self.keyed(key, number) if place is None else self.inputs[place]
        if node is not None and node.op is not None and equal(number, np.asarray(node.ans)):
            return True  # a value of the forward pass, under its own name
        final = self.runs.watch.final if self.runs.watch is not None else {}
        same = [c for c in reversed(found) if c.path and equal(c.value, number)]
        alike = [c for c in same if held_at(c.path, final) is value or
                 (key is not None and c.node is node)]  # fmt: skip
        alike.sort(key=lambda c: self.first_of(c) is not node)
        displaced = False
        for claim in alike[:1]:
            first = claim.node if claim.returned else self.first_of(claim)
            if first is not node and {first, node} <= {*self.inputs} and node in self.flows.total:
                truth = self.flows.total[node]
                displaced = not close(reshaped(number, truth), truth)
                if displaced or claim.returned:  # it stands for another input
                    break
            first = node if node in self.inputs else first
            claim.node = first if first in self.inputs else node or claim.node
            claim.returned = claim.node in self.flows.total
            h.place = self.inputs.index(claim.node) if claim.node in self.inputs else None
            return True
        if node is None and number.dtype.kind != "f":
            self.others.append(h)
            return True
        if node is None:
            return False
        h.place = self.inputs.index(node) if node in self.inputs else None
        if node not in self.flows.total:
            return True
        if sum(x.value is value for x in self.answer) > 1:  # for two inputs, and right for another
            displaced |= bool(self.layout.told(value)) and not is_same(
                value, self.flows.total[node]
            )
        name = "" if displaced else next((n for n, v in final.items() if v is value), "")
        if not name and not displaced:
            name, line = self.gathered(value, line)
        events = [e for e in (self.runs.watch.events if name else [])
                  if e.item is value or (e.item is None and e.path == name)]  # fmt: skip
        if events and (events[-1].item is value or equal(events[-1].after, number)):
            order = self.runs.watch.events.index(events[-1])
        if not events and (events := self.expression(key, value)):
            step = events[0].step
            order = sum(e.step < step for e in self.runs.watch.events)
        line = events[-1].statement.first if events else line
        called = name or (key if key and place is None else "")
        number = reshaped(number, self.flows.total[node])
        claim = Claim(called, events, number, node, line, order, returned=True)
        if displaced and node in self.inputs:
            of = self.runs.inputs[self.inputs.index(node)][0]
            name = alike[0].path if alike else self.layout.name_of(value)
            claim.note = f"{name} is returned where the gradient of {of} belongs"
        found.append(claim)
        return True

    def keyed(self, key: str | None, number: Array) -> AnyNode | None:
        """What stands under a key that is its own name, or that of its gradient."""
        names = [] if key is None else [key, *readings(key)]
        held = [self.namer.variables.get(self.namer.variable(x) or "", [])[:1] for x in names]
        nodes = [t.node for ts in held for t in ts if t.node in self.flows.total]
        equal = [n for n in nodes if is_same(number, self.flows.total[n])]
        return next(iter((*equal, *nodes)), None)

    def line_of(self, h: Handed) -> int:
        """Where a value is written that is returned: the line of its key, or the last one."""
        source = self.runs.watch.source if self.runs.watch is not None else None
        return source.entries.get(str(h.key), source.last) if source is not None else 0

    def handed_on(self, value: Any, row: list[Handed], unknown: list[Handed]) -> bool:
        """Whether it is no gradient, but what the forward function has computed.

        What it has left or named so, where the other values returned are called like gradients.
        """
        runs, name = self.runs, self.layout.name_of(value)
        if np.ndim(value) == 0 and any(np.ndim(v) == 0 and close(value, v) for v in runs.values):
            return True
        known = [h.key or self.layout.name_of(h.value) for h in row if h not in unknown]
        if not known or any(n == "..." for n in known):
            return False
        met, t = runs.alike.get(id(value), (None, None))
        left = met is value and t is not None and (not runs.both or t.node in self.flows.total)
        values = [] if runs.both else self.namer.variables.get(name, [])
        return left or any(equal(np.asarray(value), t._value) for t in values)

    def expression(self, key: str | None, value: Any) -> list[Event]:
        """The expression that is returned, or stands in a dict, without a variable of its own."""
        watch = self.runs.watch
        for k, step in reversed([*enumerate(watch.steps if watch is not None else ())]):
            tree: Any = getattr(step.statement.node, "value", None)
            if key is not None:
                dicts = [n for n in ast.walk(tree) if isinstance(n, ast.Dict)] if tree else []
                pairs = [p for d in dicts for p in zip(d.keys, d.values, strict=True)]
                found = {getattr(a, "value", None): b for a, b in pairs}.get(key)
            elif watch.yielded:
                found = getattr(tree, "value", None) if watch.yielded.get(k) is value else None
            else:
                found = returned_as(step.statement.node, watch.answer, value)
            if isinstance(found, ast.Name | ast.Dict | ast.Tuple):
                return []
            if found is not None:
                line = step.statement.first + found.lineno - tree.lineno
                alone = Statement(line, line, (), read_in(found), True,
                                  node=ast.Expr(found), whole=step.statement)  # fmt: skip
                return [Event("", alone, None, np.asarray(value), None, k)]
        return []

    def gathered(self, value: Any, line: int) -> tuple[str, int]:
        """The list in which ``value`` is, as ``dWs[1]``, and the line that puts it there."""
        for name, held in self.held_lists():
            at = [k for k, v in enumerate(held) if v is value]
            if at:
                adding = [s.first for s in self.runs.watch.source.statements.values()
                          if name in (*s.touches, *s.targets)]  # fmt: skip
                return f"{name}[{at[0]}]", adding[-1] if adding else line
        return "", line

    def first_of(self, claim: Claim) -> AnyNode | None:
        """What the variable that a claim is called after was at first."""
        meant = self.namer.meaning(claim.path, self.aliases)
        nodes = self.versions(claim.path, meant.variable, claim.value) if meant else []
        return nodes[0] if nodes else None

    # --- parts -------------------------------------------------------------------------

    def as_part(self, claim: Claim) -> None:
        """Find the uses through which a claim that is not all of a gradient arrives."""
        for edges, value in self.flows.parts(claim.node):
            if close(claim.value, value):
                claim.through, claim.whole = edges, False
                return
        if claim.whole:
            return
        edges = self.flows.users.get(claim.node, [])
        above = self.read_nodes(claim)
        some = [e for e in edges if self.flows.next_named(e, self.named) & above]
        if some and len(some) < len(edges):
            claim.through = some

    def missing(self, edges: list[Edge]) -> str:
        """What is lost where these uses are forgotten."""
        nodes = {n for e in edges for n in self.flows.next_named(e, self.named)}
        below = {user.parents[i] for user, i in edges} - {None}
        users = {e for n in below for e in self.flows.users.get(n, [])}  # type: ignore[arg-type]
        kept = {n for e in users - set(edges) for n in self.flows.next_named(e, self.named)}
        if nodes & kept:
            return ""  # both lead to the same
        called = [n for n, ts in self.namer.variables.items() if nodes & {t.node for t in ts}]
        return f"the path through {' and '.join(called)} is missing" if called else ""

    def read_nodes(self, claim: Claim) -> set[AnyNode]:
        """The values whose gradients the statements of a claim read."""
        found: set[AnyNode] = set()
        for name in claim.reads:
            meant = self.namer.meaning(name, self.aliases)
            if name in self.runs.upstream:
                found |= {t.node for t in self.runs.outputs}
            elif meant is not None:
                found |= {t.node for t in self.namer.variables.get(meant.variable, [])}
        return found

    def settled(self, found: list[Claim]) -> list[Claim]:
        """Wrong parts get the uses that the other parts leave; two claims are not about one."""
        for claim in found:  # all that there is of a gradient, by its name, and not all of it
            if claim.named_whole and claim.through:
                others = [c for c in found if c.node is claim.node and c is not claim]
                if not any(c.through or close(c.value, self.flows.total[c.node]) for c in others):
                    left = [e for e in self.flows.users[claim.node] if e not in claim.through]
                    claim.note = self.missing(left)
                    claim.through, claim.whole = None, True
        kept: list[Claim] = []
        for claim in found:
            unclear = not claim.whole and claim.through is None and not claim.returned
            right = close(claim.value, self.flows.total[claim.node])
            if unclear and not right:
                continue
            overlap = [c for c in kept if c.node is claim.node and c.through and claim.through
                       and set(c.through) & set(claim.through)]  # fmt: skip
            if not overlap:
                kept.append(claim)
        return kept


def returned_as(statement: ast.stmt, answer: object, value: object) -> ast.expr | None:
    """The expression of one of the values that a statement returns."""
    tree = statement.value if isinstance(statement, ast.Return) else None
    if not (isinstance(tree, ast.Tuple) and isinstance(answer, tuple)):
        return tree
    places = [i for i, v in enumerate(answer) if v is value]
    return tree.elts[places[0]] if places and len(tree.elts) == len(answer) else None
