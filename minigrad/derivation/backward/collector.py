"""The gradients that a backward function computes and returns, read off what was watched."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.derivation.backward.calls import Runs
from minigrad.derivation.backward.claims import Claim, all_apart, leaves_of, reshaped
from minigrad.derivation.backward.flows import Edge, Flows, close
from minigrad.derivation.backward.naming import ALL, Namer, last_part, readings
from minigrad.derivation.backward.stages import Timed, chain_below, staged
from minigrad.derivation.backward.variables import layers_in
from minigrad.derivation.backward.watch import Event, Statement, equal, held_at, read_in
from minigrad.graph import AnyNode


class Collector:
    """Reads the claims off what was watched."""

    runs: Runs
    namer: Namer
    aliases: dict[str, str]
    flows: Flows
    named: set[Any]
    inputs: list[Any]

    def __init__(self, runs: Runs, namer: Namer, aliases: dict[str, str], flows: Flows) -> None:
        self.runs, self.namer, self.aliases, self.flows = runs, namer, aliases, flows
        self.named = {t.node for ts in namer.variables.values() for t in ts}
        self.inputs = [t.node for _, t in runs.inputs]
        self.ungraded: list[str] = []
        """Keys of what is returned that nobody knows the meaning of."""
        self.order: list[str] = []
        """What is returned, where that is another order than that of the inputs."""
        self.nones: list[str] = []
        """Inputs in whose places None is returned."""

    def claims(self, every_pass: bool) -> list[Claim]:
        watch = self.runs.watch
        events = watch.events if watch is not None else []
        generations = self.generations(events)
        found = [c for path, made in generations.items() for c in self.of(path, made, every_pass)]
        self.returns(found, len(events))
        # A layer hands out the gradients of its parameters as attributes, and no local ones then.
        inputs = [c for c in found if self.first_of(c) in self.inputs]
        attributes = [c for c in inputs if c.path.startswith("self.")]
        for claim in attributes or (inputs if self.runs.answer is None else ()):
            if claim.order == max(c.order for c in found if c.path == claim.path):
                claim.returned = True
        for claim in self.applied(inputs, attributes):
            claim.returned = True
        found += self.held_in_layers(found)
        found.sort(key=lambda c: c.order)
        for claim in found:
            if not claim.returned and not close(claim.value, self.flows.total[claim.node]):
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

    def of(self, path: str, made: list[Any], every_pass: bool) -> Iterator[Claim]:
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
            node = self.version(versions, event.after, len(made), j)
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

    def is_value(self, path: str, made: list[Any]) -> bool:
        """Whether it is a variable of the forward function, with the value that it had there."""
        values = [] if self.runs.both else self.namer.variables.get(path, [])
        return any(equal(made[-1][-1][1].after, t._value) for t in values)

    def versions(self, path: str, variable: str, value: Any) -> list[AnyNode]:
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

    def version(self, versions: list[AnyNode], value: Any, made: int, j: int) -> AnyNode | None:
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

    def returns(self, found: list[Claim], order: int) -> None:
        """Mark what is returned; what has no name of its own is a claim, too."""
        answer, watch = self.runs.answer, self.runs.watch
        source = watch.source if watch is not None else None
        last = max((s.last for s in source.statements.values()), default=0) if source else 0
        lines = source.entries if source else {}
        entries: list[tuple[str | None, Any, int | None, int]] = []
        if isinstance(answer, dict):
            entries = [(str(k), v, None, lines.get(str(k), last)) for k, v in answer.items()]
        elif isinstance(answer, tuple | list):
            for value, place in self.placed(found, answer):
                if isinstance(value, dict):
                    entries += [
                        (str(k), v, None, lines.get(str(k), last)) for k, v in value.items()
                    ]
                else:
                    entries.append((None, value, place, last))
        elif answer is not None:
            groups = self.groups()
            entries = [(None, answer, groups[0] if groups else None, last)]
        entries += [(None, value, place, last) for value, place in self.listed()]
        for key, value, place, line in entries:
            self.returned(found, key, value, place, line, order)

    def placed(self, found: list[Claim], answer: Any) -> Iterator[tuple[Any, int | None]]:
        """What is returned, each value with the input that it stands for by its place."""
        arguments = list(self.arguments().values())
        groups = self.places(found, answer)
        by_place = bool(groups)
        if not by_place or not all(map(self.matched, answer, arguments)):
            for places in arguments:  # the one argument that is a list
                if len(places) > 1 and (found_in := self.matched(answer, places)):
                    yield from found_in
                    return
        for i, value in enumerate(answer):
            lists = arguments[i : i + 1] if by_place else arguments
            several = (p for p in lists if len(p) > 1 and not isinstance(value, dict))
            places = next((p for p in several if self.matched(value, p)), [])
            arguments = [p for p in arguments if by_place or p is not places]
            yield from self.matched(value, places) or [(value, groups[i] if by_place else None)]

    def held_in_layers(self, found: list[Claim]) -> Iterator[Claim]:
        """The gradients that layers inside a layer keep in the end: ``self.hidden.dW``."""
        watch = self.runs.watch
        paths = {path: t.node for path, t in self.runs.inputs}
        for place, layer in layers_in(watch.final.get("self")) if watch is not None else ():
            for name, value in vars(layer).items() if place != "self" else ():
                path = f"{place}.{name}"
                nodes = [paths.get(f"{place}.{x}") for x in readings(name)]
                if name in (*ALL, "g"):  # of the only array beside it
                    inside = {n for path, n in paths.items() if path.startswith(f"{place}.")}
                    nodes = [*inside & {*self.flows.total}]
                    nodes = nodes if len(nodes) == 1 else []
                node = next((n for n in nodes if n in self.flows.total), None)
                known = any(c.path == path or c.value is value for c in found)
                if node is None or known or not isinstance(value, np.ndarray | float):
                    continue
                made = [(w, e) for w in self.runs.helpers for e in w.events
                        if e.path == f"self.{name}" and w.final.get("self") is layer]  # fmt: skip
                made = made or [(watch, e) for e in watch.events if e.path == path]
                line, order = (made[-1][1].statement.first, made[-1][0].when) if made else (0, 0)
                source = made[-1][0].source if made else None
                events = [e for w, e in made if w is made[-1][0]]
                yield Claim(path, events, np.asarray(value), node, line, order, returned=True,
                            source=source)  # fmt: skip

    def listed(self) -> Iterator[tuple[Any, int | None]]:
        """The gradients in lists that a layer keeps: ``self.dweights`` of ``self.weights``."""
        lists: dict[str, list[int]] = {}
        for i, (path, t) in enumerate(self.runs.inputs):
            if (of := re.match(r"self\.(\w+)\[", path)) and t.node in self.flows.total:
                lists.setdefault(of[1], []).append(i)
        for name, held in self.held_lists():
            for reading in lists if last_part(name)[0] in ALL else readings(name):
                if name.startswith("self.") and reading in lists:
                    yield from self.matched(held, lists[reading])

    def held_lists(self) -> Iterator[tuple[str, list[Any]]]:
        """The lists that the backward function had in the end, in variables and attributes."""
        final = self.runs.watch.final if self.runs.watch is not None else {}
        own = getattr(final.get("self"), "__dict__", {})
        for name, held in [*final.items(), *((f"self.{k}", v) for k, v in own.items())]:
            if type(held) is list:
                yield name, held

    def matched(self, value: Any, places: list[int]) -> list[tuple[Any, int | None]]:
        """What is returned, each array with its input, where all keys or all shapes agree."""
        inputs = [self.runs.inputs[i] for i in places]
        keys = [re.sub(r"^\w+", "", path) for path, _ in inputs]
        leaves = dict(leaves_of(value))
        if len(keys) > 1 and set(keys) == set(leaves):
            return [(leaves[k], i) for k, i in zip(keys, places, strict=True)]
        same = [np.shape(v) for v in leaves.values()] == [t.shape for _, t in inputs]
        return list(zip(leaves.values(), places, strict=True)) if same else []

    def in_order(self, found: list[Claim], answer: Any, groups: list[int | None]) -> bool:
        """Whether what is returned by name stands in the order of the inputs."""
        named = [self.inputs_named(found, value) for value in answer]
        wrong = any(
            place is not None and len(nodes) == 1 and self.inputs[place] not in nodes
            for nodes, place in zip(named, groups, strict=True)
        )
        return not wrong or not all_apart(named)

    def called(self, value: Any) -> str:
        """The variable of the backward function that a value is; ... of none."""
        final = self.runs.watch.final if self.runs.watch is not None else {}
        return next((n for n, v in final.items() if v is value), "...")

    def inputs_named(self, found: list[Claim], value: Any) -> set[AnyNode]:
        """The inputs of which a value is the gradient by its names."""
        final = self.runs.watch.final if self.runs.watch is not None else {}
        same = [c for c in found if c.path and held_at(c.path, final) is value]
        nodes: list[Any] = [self.first_of(c) for c in same]
        return {n for n in nodes if n in self.inputs}

    def places(self, found: list[Claim], answer: Any) -> list[int | None]:
        """The input that each value returned stands for by its place; empty where none can be told.

        Of fewer values than inputs, those inputs of which there is a gradient by name, where
        one value is returned for two of them.
        """
        groups = self.groups()
        if len(answer) == len(groups):
            if self.in_order(found, answer, groups):
                return groups
            self.order = [self.called(value) for value in answer]
            return []
        if all_apart([self.inputs_named(found, value) for value in answer]):
            return []
        known = {self.first_of(c) for c in found if c.path}
        kept = [k for k in groups if k is not None and self.inputs[k] in known]
        return [*kept, *[None] * len(answer)][: len(answer)]

    def groups(self) -> list[int | None]:
        """Of each argument, which input it is; None for those of several arrays."""
        return [p[0] if len(p) == 1 else None for p in self.arguments().values()]

    def arguments(self) -> dict[str, list[int]]:
        """The inputs that each argument holds."""
        found: dict[str, list[int]] = {}
        for i, (path, _) in enumerate(self.runs.inputs):
            found.setdefault(re.split(r"[.\[]", path)[0], []).append(i)
        return found

    def returned(
        self,
        found: list[Claim],
        key: str | None,
        value: Any,
        place: int | None,
        line: int,
        order: int,
    ) -> None:
        """One returned value: by what it is called, by its key, or by its place."""
        if value is None:
            self.nones += [] if place is None else [self.runs.inputs[place][0]]
            return
        try:
            number = np.asarray(value)
        except ValueError:  # lists of lists that no argument has
            return
        if number.dtype.kind not in "fiub":
            return
        node = None if place is None else self.inputs[place]
        for name in [] if key is None else [key, *readings(key)]:
            variable = self.namer.variable(name)
            nodes = [t.node for t in self.namer.variables[variable]] if variable is not None else []
            node = node or next((n for n in nodes[:1] if n in self.flows.total), None)
        final = self.runs.watch.final if self.runs.watch is not None else {}
        same = [c for c in reversed(found) if c.path and equal(c.value, number)]
        alike = [c for c in same if held_at(c.path, final) is value or
                 (key is not None and c.node is node)]  # fmt: skip
        alike.sort(key=lambda c: self.first_of(c) is not node)
        displaced = False
        for claim in alike[:1]:
            first: Any = self.first_of(claim)
            if first is not node and {first, node} <= {*self.inputs} and node in self.flows.total:
                truth = self.flows.total[node]
                if not close(reshaped(number, truth), truth):  # it stands for another input
                    displaced = True
                    break
            first = node if node in self.inputs else first
            claim.node = first if first in self.inputs else node or claim.node
            claim.returned = claim.node in self.flows.total
            return
        name = "" if displaced else next((n for n, v in final.items() if v is value), "")
        if node is None and key and number.dtype.kind == "f":
            self.ungraded.append(key)
        if node is not None and node in self.flows.total:
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
            claim = Claim(
                name or (key if key and place is None else ""), events, number, node, line, order
            )
            claim.returned = True
            if displaced:
                of = self.runs.inputs[self.inputs.index(node)][0]
                claim.note = f"{alike[0].path} is returned where the gradient of {of} belongs"
            found.append(claim)

    def expression(self, key: str | None, value: Any) -> list[Event]:
        """The expression that is returned, or stands in a dict, without a variable of its own."""
        watch = self.runs.watch
        for k, step in reversed([*enumerate(watch.steps if watch is not None else ())]):
            tree: Any = getattr(step.statement.node, "value", None)
            if key is not None:
                dicts = [n for n in ast.walk(tree) if isinstance(n, ast.Dict)] if tree else []
                pairs = [p for d in dicts for p in zip(d.keys, d.values, strict=True)]
                found = {getattr(a, "value", None): b for a, b in pairs}.get(key)
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


def returned_as(statement: Any, answer: Any, value: Any) -> ast.expr | None:
    """The expression of one of the values that a statement returns."""
    tree = statement.value if isinstance(statement, ast.Return) else None
    if not (isinstance(tree, ast.Tuple) and isinstance(answer, tuple)):
        return tree
    places = [i for i, v in enumerate(answer) if v is value]
    return tree.elts[places[0]] if places and len(tree.elts) == len(answer) else None
