"""What was handed in: each entry read, and placed in the graph.

Entries that cannot be read become rows of their own; a bare name is a value or a
derivative, whichever its number is; a value is taken in the layout in which it is right.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.judges import Error, combine, evaluate
from minigrad.derivation.keys import Keys
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.report import Row
from minigrad.derivation.tolerance import CHECK, Options, Tolerance
from minigrad.derivation.values import COARSE as SPACINGS
from minigrad.derivation.values import Missing, Unreadable, read
from minigrad.derivation.walk import Graph
from minigrad.errors import label
from minigrad.explain.asked import refuse_complex
from minigrad.reading.names import Names, names
from minigrad.tensor import Tensor
from minigrad.typing import Array

if TYPE_CHECKING:
    pass


LONG = 80
"""Longer keys are cut off in their rows."""


class Intake(Tolerance):
    """The entries of one derivation, and the graph that they are about."""

    hand: Mapping[Any, Any]
    options: Options
    values: list[Quantity]
    derivatives: list[Quantity]
    updates: list[Quantity]

    def __init__(self, output: object, hand: Mapping[object, object], options: Options) -> None:
        if not isinstance(hand, Mapping):
            raise TypeError(
                f"{CHECK}: hand is a dict of quantities and values such as "
                f'{{"dL/da": 0.5}}, not {type(hand).__name__}'
            )
        if not hand and not options.required:
            raise ValueError(f"{CHECK}: nothing was handed in; required=[...] says what is missing")
        self.hand, self.options = hand, options
        keys = [k for key in hand for k in (key if isinstance(key, tuple) else (key,))]
        tensors = [k for k in keys if isinstance(k, Tensor) and k.node is not None]
        self.output: Tensor = objective(output, options.upstream)
        self.names: Names = names([self.output.node, *(t.node for t in tensors)])
        self.reader: Keys = Keys(self.output, self.names, CHECK)
        self.failed: list[Row] = []
        """Rows of entries that cannot be graded."""
        found = self.read_all()
        ends = {n for q in found for n in (q.u, q.v)}
        self.graph: Graph = Graph(
            [self.output.node, *ends],
            {self.output.node: self.output._value} | self.reader.values,
        )
        self.graph.marked = ends
        if not ends <= self.names.nodes:
            of = {node: ends for ends, node in self.reader.second.items()}
            roots = [self.output.node, *ends, *(u for u, _ in of.values())]
            self.names = names(roots, self.names.scopes)
            self.reader.use(self.names)
            for node, (u, v) in of.items():
                self.names.node.setdefault(
                    node, f"d{self.reader.called(u)}/d{self.reader.called(v)}"
                )
        types = {str(getattr(v, "dtype", "")) for v in self.graph.values.values()}
        self.spacing: float = max((SPACINGS.get(t, 0.0) for t in types), default=0.0)
        self.conventions: list[str] = []
        with np.errstate(all="ignore"):
            found = self.meant([q for q in found if self.indexed(q)])
            placed = [p for q in found if (p := self.placed(q)) is not None]
        self.sort(placed)

    def read_all(self) -> list[Quantity]:
        """The quantities; entries that cannot be read become rows of their own.

        Raises
        ------
        TypeError, ValueError
            Where no key can be read, for the first one.
        """
        found: list[Quantity] = []
        first: Exception | None = None
        seen: set[Hashable] = set()
        for key, value in self.hand.items():
            try:
                read_key = self.reader.read(key)
            except Exception as error:  # objects of the caller's may raise anything
                first = first or error
                text = called(key)
                why = str(error).removeprefix(f"{CHECK}: ").removeprefix(f"{text!r}: ")
                self.failed.append(unread(text, value, "missing", why))
                continue
            seen.add((read_key.kind, read_key.u, read_key.v))
            try:
                found.append(Quantity.of(read_key, read(value, self.options.digits)))
            except Missing as error:
                self.failed.append(unread(read_key.text, value, "missing", str(error)))
            except Unreadable as error:
                self.failed.append(unread(read_key.text, value, "wrong", str(error)))
        if first is not None and not seen:
            raise first
        for key in self.options.required or ():
            wanted = self.reader.read(key)
            if wanted.bare:
                wanted = replace(wanted, kind="derivative", u=self.output.node, bare=False)
            bare = ("value", wanted.v, wanted.v)
            if (wanted.kind, wanted.u, wanted.v) not in seen and bare not in seen:
                self.failed.append(unread(wanted.text, None, "missing", "it was not handed in"))
        return found

    def indexed(self, q: Quantity) -> bool:
        """Whether there are the entries that a key names; else it gets its row."""
        if q.index is None:
            return True
        q.place(self.graph)
        try:
            q.expected  # noqa: B018
        except (IndexError, ValueError) as error:
            why = f"there is no such entry, of shape {q.whole_shape}: {error}"
            self.failed.append(unread(q.text, q.hand, "wrong", why))
            return False
        return True

    def meant(self, found: list[Quantity]) -> list[Quantity]:
        """Bare names read as what their numbers are: values, or derivatives of the output."""
        bare = [q for q in found if q.bare]
        fits: dict[int, str] = {}
        for q in bare:
            value = np.asarray(self.graph.values[q.v], float)
            value = value if q.index is None else np.asarray(value[q.index])
            for kind in ("value", "derivative"):
                truth = value if kind == "value" else self.truth(self.as_derivative(q))
                form = q.changed_shape(truth.shape)
                if form is not None and self.near(form, truth):
                    fits[id(q)] = kind
                    break
        told = [fits[id(q)] for q in bare if id(q) in fits and np.any(q.hand)]
        counts = [told.count(kind) for kind in ("value", "derivative")]
        # Nobody hands in what the parameters are: a dict of them is one of gradients.
        parameters = sum(q.v.op is None and fits.get(id(q)) != "value" for q in bare)
        counts[1] += parameters if not counts[0] else 0
        read = []
        for q in found:
            kind = fits.get(id(q), "")
            if q.bare and not kind:
                usual = counts[1] > counts[0] or (q.v.op is None and counts[0] == counts[1])
                kind = "derivative" if usual or self.explains(q, found) else "value"
            if kind == "derivative":
                q = self.as_derivative(q)
                q.note = f"read as the derivative by {self.names.of(q.v)}, not its value"
            read.append(q)
        return read

    def explains(self, q: Quantity, others: list[Quantity]) -> bool:
        """Whether a wrong derivative follows from a bare entry that is taken for one."""
        taken = self.as_derivative(q)
        if not taken.fits or q.index is not None or q.v.op is None:
            return False
        for p in others:
            if p.kind != "derivative" or p.u is not taken.u:
                continue
            p.place(self.graph)
            wrong = p.fits and q.v in p.part.inside and not self.near(p, self.truth(p))
            if wrong and self.near(p, evaluate(p, combine(p, [taken], [], {}))):
                return True
        return False

    def as_derivative(self, q: Quantity) -> Quantity:
        new = replace(q, kind="derivative", u=self.output.node)
        new.place(self.graph)
        return new

    def placed(self, q: Quantity) -> Quantity | None:
        """``q`` in the layout in which it is right, else in the usual one."""
        q.place(self.graph)
        if q.kind == "derivative" and not q.connected and np.any(q.hand):
            u, v = self.reader.called(q.u), self.reader.called(q.v)
            why = f"{u} does not depend on {v}: this derivative is zero"
            self.failed.append(unread(q.text, q.hand, "wrong", why, 0.0))
            return None
        if q.kind == "update":
            forms = [q, *q.reshaped()]
            return next((f for f in forms if f.fits), q)
        forms = list(islice(q.forms(self.options.layout), 12))
        chosen = forms[0] if forms else q
        if len(forms) > 1:
            usual = q.fits and not (self.options.layout and forms[0].turned)
            for form in forms:
                if usual and form.turned:
                    continue  # a square matrix: whether it is transposed, its use must tell
                if self.near(form, self.truth(form)):
                    chosen = form
                    break
        if q.note and chosen is not q:
            chosen.note = f"{q.note}; {chosen.note}"
        return chosen

    def sort(self, found: list[Quantity]) -> None:
        values = [q for q in found if q.kind == "value"]
        self.values = sorted(values, key=lambda q: q.v.seq)
        derivatives = [q for q in found if q.kind == "derivative"]
        self.derivatives = sorted(derivatives, key=lambda q: (-self.graph.position(q.v), q.u.seq))
        self.updates = [q for q in found if q.kind == "update"]


def objective(output: object, upstream: object) -> Any:
    """What is differentiated: the output, and what arrives from above times its results.

    Raises
    ------
    TypeError, ValueError
        For what was not recorded, and gradients of another shape.
    """
    if output is None and not isinstance(upstream, Mapping):
        raise TypeError(f"{CHECK}: without an output, upstream={{h: dh}} says what arrives where")
    if output is not None and not isinstance(output, Tensor):
        raise TypeError(f"{CHECK}: the output {label(output)} is not a Tensor")
    if output is not None and output.node is None:
        raise ValueError(
            f"{CHECK}: the output {label(output)} was not recorded: make the parameters "
            "with mg.Tensor(..., requires_grad=True) before computing with them"
        )
    if output is not None:
        refuse_complex(CHECK, output)
    if upstream is None:
        return output
    arriving = dict(upstream) if isinstance(upstream, Mapping) else {output: upstream}
    alone = output is None or output.size != 1 or any(h is output for h in arriving)
    total: Array = 0.0 if alone else output
    for h, g in arriving.items():
        if isinstance(h, str):
            found = names([output.node] if output is not None else []).value(h)
            h = h if found is None else found
        if not isinstance(h, Tensor) or h.node is None:
            raise TypeError(f"{CHECK}: upstream: {label(h)} is not a recorded Tensor")
        try:
            g = np.asarray(read(g).array)
        except ValueError as error:
            raise ValueError(f"{CHECK}: upstream: what arrives at {label(h)}: {error}") from None
        if g.shape != h.shape:
            raise ValueError(
                f"{CHECK}: upstream: what arrives at {label(h)} has shape {g.shape}, and "
                f"{tuple(h.shape)} is expected"
            )
        total = total + (h * g).sum()
    return total


def unread(text: str, value: object, verdict: str, why: str, truth: Array | None = None) -> Row:
    """The row of an entry that cannot be graded."""
    shown = value if isinstance(value, np.ndarray | float | int) else spelled(value)[:40]
    shown = "" if value is None else shown
    return Row(
        text, shown, truth, None, Error(float("nan"), float("nan"), ()), verdict,
        Diagnosis(verdict if verdict == "missing" else "other", None, why, ("other",)),
    )  # fmt: skip


def called(key: Any) -> str:
    """What a key that cannot be read is called in its row."""
    if isinstance(key, str):
        return str.__str__(key)[:LONG]
    try:
        return label(key)
    except Exception:
        return spelled(key)


def spelled(value: object) -> str:
    """``repr``, which objects of the caller's may refuse."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
