"""Why a gradient is zero, missing or cut: ``mg.why(w)``.

The answer is looked for in the record first.  Where a path leads from the output to the
Tensor, the gradient is walked down along it, and the operations are named at which something
arrives and nothing is passed on.  Where none leads there, the statements of the caller say
what took the value out of the record.
"""

from __future__ import annotations

import html
import linecache
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.errors import Site, label
from minigrad.explain.asked import name_of
from minigrad.explain.rows import short
from minigrad.explain.stops import (
    EXTREMES,
    INDICES,
    PRODUCTS,
    SATURATING,
    SELECTIONS,
    SIDES,
    TINY,
    Stop,
    entries_text,
    slopes_of,
    walk,
)
from minigrad.graph import AnyNode, Leaf, ancestors
from minigrad.ops.elementwise import zero
from minigrad.ops.record import Op
from minigrad.reading.cuts import Cut, Flow
from minigrad.reading.names import Names, Scope, callers, is_module, is_tensor, layout, named_values
from minigrad.reading.pages import piece
from minigrad.reading.statements import function_tree
from minigrad.reading.wording import shortened as crop
from minigrad.reading.wording import visible
from minigrad.tensor import Tensor
from minigrad.tree import flatten
from minigrad.typing import Array, Function

MOST = 6
"""Most places that are listed."""


@dataclass(frozen=True)
class Place:
    """Where a path ends.

    Attributes
    ----------
    operation : str
        The operation, or the expression of the user's.
    why : str
    quantity : str
        The variable whose statement it is part of; may be empty.
    site : Site or None
        The line, where it is known.
    """

    operation: str
    why: str
    quantity: str = ""
    site: Site | None = None

    @property
    def line(self) -> str:
        """File, line and code; empty where the line is not known."""
        if self.site is None:
            return ""
        code = f": {crop(self.site.code, 70)}" if self.site.code else ""
        return f"{self.site.place}{code}"

    def __str__(self) -> str:
        within = f" in {self.quantity}" if self.quantity else ""
        return visible(f"{self.operation}{within}: {self.why}")


@dataclass(eq=False)
class Why:
    """The answer of ``mg.why``.

    Attributes
    ----------
    verdict : str
        ``"constant"``, ``"unused"``, ``"cut"``, ``"later"``, ``"zero"``, ``"partly zero"``,
        ``"vanishing"``, ``"nan"``, or ``"nonzero"``.
    text : str
        The answer in one sentence.
    places : list of Place
        Where the path ends.
    advice : str
        What to write instead; may be empty.
    gradient : array, number or None
        The derivative of the output, where a path leads to it.
    """

    verdict: str
    text: str
    places: list[Place] = field(default_factory=list)
    advice: str = ""
    gradient: Array = None

    def __str__(self) -> str:
        lines = [visible(self.text)]
        for place in self.places[:MOST]:
            lines.append(f"  {place}")
            if place.line:
                lines.append(f"    {visible(place.line)}")
        if len(self.places) > MOST:
            lines.append(f"  ⋯ ({len(self.places) - MOST:,} more, in .places)")
        return "\n".join([*lines, *([visible(self.advice)] if self.advice else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li>{html.escape(str(p))}"
            + (f"<br><code>{html.escape(visible(p.line))}</code>" if p.line else "")
            + "</li>"
            for p in self.places[:MOST]
        )
        parts = [f"<p>{html.escape(visible(self.text))}</p>", f"<ul>{items}</ul>" if items else ""]
        if self.advice:
            parts.append(f"<p>{html.escape(visible(self.advice))}</p>")
        return piece("why", "".join(parts))


def why(t: Array, output: Any = None) -> Why:
    """Say why the gradient with respect to ``t`` is zero, ``None`` or cut, and where.

    Parameters
    ----------
    t : Tensor
        A leaf or an intermediate result.
    output : Tensor, optional
        What is differentiated; by default the number among the caller's variables that was
        recorded last.

    Returns
    -------
    Why
        ``print`` shows it; ``.verdict``, ``.places``, ``.advice``, ``.gradient``.

    Raises
    ------
    TypeError
        When ``t`` or ``output`` is no Tensor.

    Notes
    -----
    Where no path of the record leads from ``t`` to the output, the caller's statements are
    read for the expression that left it (``.data``, ``float()``, ``.detach()``, an index, a
    comparison); where there is no source, constants of the record are compared with the
    values of what depends on ``t``.  An elementwise operation that passes on less than a
    millionth of what arrives is called saturated.

    Examples
    --------
    >>> import minigrad as mg
    >>> z = mg.Tensor([-1.0, -2.0], requires_grad=True)
    >>> a = mg.relu(z)
    >>> L = a.sum()
    >>> mg.why(z)
    dL/dz is zero, although L depends on z
      relu(z) in a: all 2 entries lie where its slope is 0
    """
    for x, role in ((t, "t"), (output, "output")):
        if not isinstance(x, Tensor) and (role == "t" or x is not None):
            raise TypeError(
                f"why: {role}={label(x)} ({type(x).__name__}) is not a Tensor, it has no "
                "gradient: pass mg.Tensor(..., requires_grad=True), or a result computed from one"
            )
    scopes = callers()
    t_name = name_of(t, Names(set(), scopes))
    if not t.requires_grad:
        return _constant(t, t_name, scopes)
    if output is None:
        output = latest(t, scopes)
    if output is None:
        return Why("unused", f"nothing among your variables was computed from {t_name}")
    o_name = name_of(output, Names(set(), scopes))
    nodes = ancestors(output.node) if output.node is not None else set()
    if t.node in nodes:
        return _walked(t, output, Names(nodes, scopes), t_name, o_name)
    return _without_path(t, output, Names(nodes, scopes), t_name, o_name)


def latest(t: Tensor, scopes: list[Scope]) -> Tensor | None:
    """The number that the caller computed last; another result where there is none."""
    for scope in scopes:
        found: list[Tensor] = [
            x
            for _, x in named_values(scope.variables, deep=True)
            if is_tensor(x) and x is not t and (x.node is None or x.node.op is not None)
        ]
        if recorded := [x for x in found if x.node is not None]:
            return max(recorded, key=lambda x: (x.size == 1, x.node.seq))
        if found:
            return found[-1]
    return None


# --- a path: the gradient is walked down it ----------------------------------------------


def _walked(t: Tensor, output: Tensor, known: Names, t_name: str, o_name: str) -> Why:
    ratio = f"d{o_name}/d{t_name}"
    with np.errstate(all="ignore"):
        stops, gradient, parts = walk(t.node, output.node)
    value = np.abs(np.asarray(gradient, dtype=complex if np.iscomplexobj(gradient) else float))
    called = _called(known, t, t_name)

    def places(kinds: tuple[str, ...]) -> list[Place]:
        return [_place(s, known, called) for s in stops if s.kind in kinds]

    if np.isnan(value).any():
        text = f"{ratio} is not a number"
        return Why(
            "nan", text, places(("nan",)), "mg.debug() names the first bad operation", gradient
        )
    if not value.any():
        text = f"{ratio} is zero, although {o_name} depends on {t_name}"
        found = places(("zero",))
        if parts > 1 and not found:
            found = [Place(t_name, f"the {parts} contributions to its gradient add up to 0")]
        return Why("zero", text, found, "", gradient)
    most, none = float(value.max()), int((value == 0).sum())
    if most < TINY:
        found = places(("zero", "tiny")) or [
            Place(t_name, "no step alone makes it small, all those on the way do together")
        ]
        text = f"{ratio} is nearly zero: no entry is larger than {short(most)}"
        return Why("vanishing", text, found, "", gradient)
    note = _held(t, t_name, o_name)
    if none:
        text = f"{none:,} of {value.size:,} entries of {ratio} are zero"
        return Why("partly zero", text, places(("zero", "some")), note, gradient)
    return Why("nonzero", f"{ratio} is not zero: {short(gradient)}", [], note, gradient)


def _held(t: Tensor, t_name: str, o_name: str) -> str:
    """Why ``.grad`` may be None all the same."""
    if getattr(t.node, "grad", None) is not None:
        return ""
    if not isinstance(t.node, Leaf):
        return (
            f"{t_name}.grad is None because {t_name} is a result, and backward() fills the grad "
            f"of leaves: use mg.gradients({o_name}, {t_name})"
        )
    return f"{t_name}.grad is None: {o_name}.backward() was not called"


def _place(s: Stop, known: Names, called: Function) -> Place:
    """A stop in words."""
    node, op = s.node, s.node.op
    assert op is not None
    names = [_written(node, i, known, called) for i in range(len(node.parents))]
    which = names[s.i]
    reason = _in_words(s, op, which, names)
    owner = known.owner(node)
    quantity = known.node.get(owner, "") if owner is not None else ""
    return Place(_call(node, names), reason, quantity, known.site(node))


def _in_words(s: Stop, op: Op, which: str, names: list[str]) -> str:
    """Why argument ``which`` of an operation gets nothing, or nearly nothing."""
    if s.kind == "nan":
        entries = entries_text(s.count, int(np.size(s.node.args[s.i])))
        return f"the derivative by {which} is infinite or no number at {entries}"
    rule = op.vjps[s.i] if isinstance(op.vjps, tuple) and s.i < len(op.vjps) else op.vjps
    if rule is zero:
        return f"its derivative by {which} is 0 wherever there is one: it is flat between jumps"
    slopes = slopes_of(s.node, s.i)
    flat, size = int((slopes == 0).sum()), slopes.size
    entries, most = entries_text(flat, size), float(np.max(slopes, initial=0.0))
    others = [k for k in range(len(names)) if k != s.i]
    be, lie = ("is", "lies") if size == 1 else ("are", "lie")
    if s.kind == "tiny" and op in SATURATING and most <= TINY:
        return f"saturated at {entries_text(size, size)}: no slope is larger than {short(most)}"
    if op in PRODUCTS and not any(np.any(s.node.args[k]) for k in others):
        return f"its derivative by {which} has the factor {' · '.join(names[k] for k in others)}: 0"
    entrywise = op.elementwise or op in INDICES or op in EXTREMES
    if s.kind == "tiny" or not flat or not entrywise:
        part = f"at most {short(s.largest)}" if s.kind == "tiny" else "nothing"
        return f"of the largest entry that arrives, {part} is passed on to {which}"
    found = f"its derivative by {which} is 0 at {entries}"
    if op in SELECTIONS:
        found = f"{entries} of {which} {be} not chosen"
    elif op in INDICES:
        found = f"the index does not pick {entries} of {which}"
    elif op in EXTREMES:
        found = f"{entries} of {which} {be} not the {op.name}"
    elif op in SIDES:
        found = f"{entries} {lie} where its slope is 0"
    elif op in SATURATING:
        found = f"saturated at {entries}: the slope is 0"
    return found if flat == size or s.kind == "some" else f"{found}; the others get no gradient"


def _written(node: AnyNode, i: int, known: Names, called: Function, depth: int = 2) -> str:
    """Argument ``i`` of ``node``: by its name, or as what it was computed from."""
    parent = node.parents[i]
    if parent is None:
        return known.constant(node, i) or _constant_text(node.args[i])
    if known.known(parent) or parent.op is None or not depth or called(parent) != known.of(parent):
        return str(called(parent))
    inner = [_written(parent, j, known, called, depth - 1) for j in range(len(parent.parents))]
    text = _call(parent, inner)
    return f"({text})" if node.op is not None and node.op.symbol and parent.op.symbol else text


def _call(node: AnyNode, names: list[str]) -> str:
    op = node.op
    assert op is not None
    if op.symbol and len(names) == 2:
        return f" {op.symbol} ".join(names)
    return f"{op.name}({', '.join(names)})"


def _constant_text(x: Array) -> str:
    return short(x) if np.ndim(x) == 0 else f"<{'x'.join(map(str, np.shape(x)))}>"


def _called(known: Names, t: Tensor, t_name: str) -> Function:
    return lambda node: t_name if node is t.node else known.of(node)


# --- no path: what was taken out of the record ---------------------------------------------

REMEDY = "compute with the Tensor itself, and NumPy's functions, so that the step is recorded"
SMOOTH = (
    "choose with np.where(condition, u, v), which passes gradients on, or use a smooth function"
)


def _remedy(cuts: list[Cut]) -> str:
    return SMOOTH if cuts and all(c.flat for c in cuts) else REMEDY


def _places(cuts: list[Cut]) -> list[Place]:
    leave = [f"{c.value} leaves the record, " if c.value != c.code else "" for c in cuts]
    return [Place(c.code, f"{first}{c.why}", "", c.site) for first, c in zip(leave, cuts)]


def _without_path(t: Tensor, output: Tensor, known: Names, t_name: str, o_name: str) -> Why:
    nothing = f"no gradient flows from {o_name} to {t_name}"
    node = output.node
    if node is not None and t.node is not None and t.node.op is None and t.node.seq > node.seq:
        text = f"{nothing}: this {t_name} was made after {o_name} was computed"
        return Why("later", text, [], f"compute {o_name} again, with the {t_name} that it is now")
    cuts = cuts_between({t_name, *paths_of(t, known.scopes)}, output, known.scopes)
    places = _places(cuts) or list(values_of(t, known))
    if places:
        return Why("cut", f"{nothing}: the path between them is cut", places, _remedy(cuts))
    if node is None:
        text = f"{nothing}: {o_name} was not recorded, it was computed from no Tensor with gradient"
        return Why("unused", text)
    return Why("unused", f"{nothing}: {t_name} is not used in {o_name}")


def _constant(t: Tensor, t_name: str, scopes: list[Scope]) -> Why:
    """A Tensor that no gradient flows to."""
    text = f"{t_name} has no gradient: it does not require one"
    roots = {
        path
        for scope in scopes
        for path, x in named_values(scope.variables, deep=True)
        if is_tensor(x) and x is not t and isinstance(x.node, Leaf)
    }
    cuts = cuts_between(roots, t, scopes)
    if cuts:
        return Why("cut", text, _places(cuts), _remedy(cuts))
    return Why("constant", text, [], "make it with mg.Tensor(..., requires_grad=True)")


def paths_of(t: Tensor, scopes: list[Scope]) -> set[str]:
    """All that the caller may write for ``t``, and the layers that hold it."""
    found = set()
    for scope in scopes:
        for path, x in named_values(scope.variables, deep=True):
            if x is t:
                found.add(path)
                base = path.split("[")[0].split(".")[0]
                if is_module(scope.variables.get(base)):
                    found.add(base)
    return found


def cuts_between(roots: set[str], output: Tensor, scopes: list[Scope]) -> list[Cut]:
    """The expressions of the caller's that leave the record between ``roots`` and ``output``."""
    for scope in scopes:
        tree = syntax(scope)
        names = [path for path, x in named_values(scope.variables, deep=True) if x is output]
        if tree is None or not names:
            continue
        flow = Flow(scope.filename, scope.function, scope.seen, set(roots), kept=frozenset(roots))
        flow.read(tree.body, scope.line or None)
        for name in names:
            if name not in flow.live and name in flow.dead:
                return list(flow.dead[name])
    return []


def syntax(scope: Scope) -> Any:
    source = "".join(linecache.getlines(scope.filename)) if scope.filename else ""
    return function_tree(source, scope.function, scope.first) if source else None


def values_of(t: Tensor, known: Names) -> Iterator[Place]:
    """Constants of the record that are the values of what was computed from ``t``."""
    after: dict[str, object] = {}
    for scope in known.scopes:
        for path, x in named_values(scope.variables, deep=True):
            if is_tensor(x) and x.node is not None and len(after) < 50:
                newer = t.node is not None and x.node.seq >= t.node.seq
                if path not in after and newer and t.node in ancestors(x.node):
                    after[path] = x._value
    for node in sorted(known.nodes, key=lambda n: n.seq):
        inside = flatten(list(node.kwargs.values()))[0]
        constants = [a for a, p in zip(node.args, node.parents, strict=False) if p is None]
        for path, value in after.items():
            if any(same_values(c, value) for c in (*constants, *inside)):
                owner = known.owner(node)
                name = known.node.get(owner, "") if owner is not None else ""
                op = node.op.name if node.op is not None else ""
                reason = f"it holds the values of {path} as a constant, out of the record"
                yield Place(op, reason, name, known.site(node))
                break


def same_values(c: Array, value: Array) -> bool:
    """Whether a constant can only be the values of a Tensor."""
    if isinstance(c, np.ndarray) and isinstance(value, np.ndarray) and c.size:
        if layout(c) == layout(value):
            return True
        if c.shape != value.shape:
            return False
        whole = value.astype(c.dtype) if c.dtype.kind in "iu" else value
        return c.size > 1 and len(np.unique(value)) > 1 and np.array_equal(c, whole)
    if isinstance(c, float | np.floating) and np.ndim(value) == 0:
        return float(c) == float(value) and float(c) % 0.5 != 0
    return False
