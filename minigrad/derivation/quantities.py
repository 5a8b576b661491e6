"""What is graded: keys that name derivatives, values and updates, and the hand values given.

A key is resolved to nodes of the graph, a hand value to an array with the number of
digits that its writer gave.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from minigrad.derivation.walk import Graph, Part
from minigrad.errors import label
from minigrad.graph import AnyNode
from minigrad.reading.names import Names
from minigrad.tensor import Tensor

UPDATE = re.compile(r"^(.+?)\s*([-+−])\s*([^*·×]+?)\s*[*·×]\s*([d∂].*/.*)$")


@dataclass
class Quantity:
    """One step of the derivation, as the user wrote it.

    Attributes
    ----------
    text : str
        ``dL/da``, in the user's own spelling where a string was given.
    kind : {"derivative", "value", "update"}
    u, v : nodes
        Of what, with respect to what; ``u`` is ``v`` for a value.
    rate : float
        Of an update ``v + rate * du/dv``: the learning rate with its sign.
    hand : array
        What was derived by hand.
    unit : array
        One in the last place given, 0 where every digit counts.
    layout : {"gradient", "diagonal", "local", "jacobian"}
        How ``hand`` is laid out: of the shape of ``v``, of elementwise links, of
        elementwise links before the sum over broadcast axes, or ``u.shape + v.shape``.
    """

    text: str
    kind: str
    u: AnyNode
    v: AnyNode
    hand: Any
    unit: Any
    rate: float = 0.0
    layout: str = "gradient"
    part: Part = field(init=False)

    def place(self, graph: Graph) -> None:
        """Find the part of the graph, and how the hand value must be laid out."""
        self.part = graph.between(self.u, self.v)
        u, v, shape = graph.shape(self.u), graph.shape(self.v), np.shape(self.hand)
        if self.kind != "derivative" or math.prod(u) == 1:
            self.layout = "gradient"
            if shape in ((*u, *v), ()) and np.size(self.hand) == math.prod(v):
                self.reshape(v)
        elif self.part.diagonal and (shape != (*u, *v) or not u):
            self.layout = "diagonal"
        elif self.part.elementwise and v and shape in (u, ()) and shape != (*u, *v):
            self.layout = "local"
        else:
            self.layout = "jacobian"

    def reshape(self, shape: tuple[int, ...]) -> None:
        self.hand, self.unit = self.hand.reshape(shape), self.unit.reshape(shape)

    @property
    def expected(self) -> tuple[int, ...]:
        """The shape that the hand value must have."""
        graph = self.part.graph
        u, v = graph.shape(self.u), graph.shape(self.v)
        return {"gradient": v, "diagonal": v, "local": u}.get(self.layout, (*u, *v))


# --- keys ------------------------------------------------------------------------------


@dataclass
class Keys:
    """The reader of keys: strings in the caller's names, Tensors and pairs."""

    output: Tensor
    names: Names
    call: str

    def tensor(self, text: str) -> Any:
        """What the user calls ``text``, else None."""
        text = text.strip()
        node = self.names.find(text)
        if node is not None:
            return node
        held = self.lookup(text)
        if isinstance(held, Tensor):
            return held if held.node is None else held.node
        free = not self.names.known(self.output.node) or text == "L"
        return self.output.node if free and text in ("L", "J", "E", "C", "loss") else held

    def lookup(self, text: str) -> Any:
        """The value of a variable, or of a path such as ``params['W']`` or ``net.hidden.b``."""
        try:
            part: Any = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            return None
        steps: list[Any] = []
        while not isinstance(part, ast.Name):
            if isinstance(part, ast.Attribute):
                steps.append(part.attr)
            elif isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
                steps.append([part.slice.value])
            else:
                return None
            part = part.value
        found = self.names.value(part.id)
        for step in reversed(steps):
            try:
                found = found[step[0]] if isinstance(step, list) else getattr(found, step)
            except (AttributeError, KeyError, IndexError, TypeError):
                return None
        return found

    def node(self, x: Any, key: Any) -> AnyNode:
        """The node of one end of a derivative.

        Raises
        ------
        ValueError, TypeError
            For names that are unknown, and for what was not recorded.
        """
        found = self.tensor(x) if isinstance(x, str) else x
        if isinstance(found, Tensor) and found.node is not None:
            return found.node  # type: ignore[no-any-return]
        if hasattr(found, "parents"):
            return found  # type: ignore[no-any-return]
        if isinstance(x, str) and found is None:
            raise ValueError(f"{self.call}: {key!r}: no variable is called {x!r}; {self.known(x)}")
        name = x if isinstance(x, str) else label(x)
        if not isinstance(found, Tensor) and not isinstance(x, str):
            raise TypeError(
                f"{self.call}: the key {name} ({type(x).__name__}) is not a Tensor, a pair of "
                'Tensors or a string such as "dL/da"'
            )
        raise ValueError(
            f"{self.call}: {name} was not recorded, nothing can be differentiated by it: "
            f"make it with mg.Tensor(..., requires_grad=True) before computing with it"
        )

    def known(self, wrong: str) -> str:
        """The names that can be used, and the nearest to the ``wrong`` one."""
        names = [self.names.node[n] for n in sorted(self.names.node, key=lambda n: -n.seq)]
        near = difflib.get_close_matches(wrong, names, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"known are {', '.join(names) or 'none'}{hint}"

    def splits(self, text: str) -> Iterator[tuple[str, str]]:
        """The ways to read ``d<u>/d<v>``."""
        for match in re.finditer("/", text):
            left, right = text[: match.start()].strip(), text[match.end() :].strip()
            if left[:1] in ("d", "∂") and right[:1] in ("d", "∂"):
                yield left[1:].strip(" ()"), right[1:].strip(" ()")

    def read(self, key: Any, value: Any, digits: int | None) -> Quantity:
        """The quantity that ``key`` names, with its hand value."""
        kind, rate = "derivative", 0.0
        if isinstance(key, str):
            text, update = key, UPDATE.match(key)
            readings = list(self.splits(key))
            good = [r for r in readings if all(self.tensor(name) is not None for name in r)]
            if not good and update:
                kind = "update"
                key_v, sign, factor, rest = update.groups()
                rate = self.rate(factor, key) * (1 if sign == "+" else -1)
                ends = next(self.splits(rest), ("", ""))
                u, v = self.node(ends[0], key), self.node(ends[1], key)
                if self.node(key_v, key) is not v:
                    raise ValueError(
                        f"{self.call}: {key!r} updates {key_v} by a derivative by {ends[1]}"
                    )
            elif readings:
                names = (good or readings)[0]
                u, v = self.node(names[0], key), self.node(names[1], key)
            else:
                kind = "value"
                if self.tensor(key) is None:
                    raise ValueError(
                        f"{self.call}: {key!r} is neither a derivative such as 'dL/da' nor the "
                        f"name of a value; {self.known(key)}"
                    )
                u = v = self.node(key, key)
        else:
            pair = key if isinstance(key, tuple) else (self.output, key)
            if len(pair) != 2:
                raise TypeError(f"{self.call}: a key of {len(pair)} parts; a pair (u, v) has two")
            u, v = (self.node(x, key) for x in pair)
            text = f"d{self.called(u)}/d{self.called(v)}"
        hand, unit = numbers(value, digits, f"{self.call}: {text}")
        return Quantity(text, kind, u, v, hand, unit, rate)

    def called(self, node: AnyNode) -> str:
        if node is self.output.node and not self.names.known(node):
            return "L"
        return self.names.of(node)

    def rate(self, text: str, key: str) -> float:
        try:
            return float(text)
        except ValueError:
            found = self.lookup(text)
        if isinstance(found, int | float | np.floating):
            return float(found)
        raise ValueError(f"{self.call}: {key!r}: the learning rate {text!r} is not a number")


# --- hand values -----------------------------------------------------------------------


def numbers(value: Any, digits: int | None, where: str) -> tuple[Any, Any]:
    """A hand value as an array of float64, and one in the last place given of each entry.

    Raises
    ------
    TypeError, ValueError
        For what is not a number, an array of numbers, or nested lists of them.
    """
    value = value._value if isinstance(value, Tensor) else value
    if value is None or isinstance(value, dict | set):
        raise TypeError(f"{where}: {value!r} is not a number or an array of numbers")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{where}: the nested lists are ragged") from None
    if array.dtype.kind in "OSUT":
        cells = np.asarray(value, dtype=object)
        read = [_number(cell, digits, where) for cell in cells.ravel()]
        hand = np.array([x for x, _ in read], float).reshape(cells.shape)
        return hand, _whole(hand, np.array([unit for _, unit in read], float).reshape(cells.shape))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{where}: dtype {array.dtype} is not of real numbers")
    hand = array.astype(float)
    if digits is None:
        return hand, np.zeros(hand.shape)
    capped = np.array([_unit(x, digits, 2) for x in hand.ravel()], float)
    if hand.size > 1:  # entries of one array are often written to the same decimal place
        written = np.array([_unit(x, digits, 1) for x in hand.ravel()], float)
        capped = np.maximum(capped, np.min(written[written > 0], initial=1.0))
    return hand, capped.reshape(hand.shape)


def _number(cell: Any, digits: int | None, where: str) -> tuple[float, float]:
    if isinstance(cell, Tensor):
        cell = cell._value
    if not isinstance(cell, str):
        try:
            x = float(cell)
        except (TypeError, ValueError):
            raise TypeError(f"{where}: {cell!r} is not a number") from None
        return x, 0.0 if digits is None else _unit(x, digits, 2)
    try:
        exact = Decimal(cell.strip().replace("−", "-"))
    except InvalidOperation:
        raise ValueError(f"{where}: {cell!r} is not a number") from None
    exponent = exact.as_tuple().exponent
    return float(exact), 10.0**exponent if isinstance(exponent, int) else 0.0


def _whole(hand: Any, unit: Any) -> Any:
    """Units where ``0``, and ``1`` among decimals, are not read as rounded to whole numbers."""
    decimal = (unit < 1) & (unit > 0) & (hand != 0)
    if not np.any(decimal):
        return np.where((hand == 0) & (unit == 1), 0.0, unit)
    sizes = 10.0 ** np.floor(np.log10(np.abs(np.where(hand == 0, 1.0, hand))))
    digits = np.min(unit[decimal] / sizes[decimal])
    whole = np.where(hand == 0, np.max(unit[decimal]), digits * sizes)
    return np.where(unit == 1, whole, unit)


def _unit(x: float, digits: int, least: int) -> float:
    """One in the last of at most ``digits`` significant digits that ``x`` is written with.

    -0.94 among values of three digits was written with two; ``least`` are supposed.
    """
    if not np.isfinite(x) or x == 0:
        return 0.0
    exponent = int(np.floor(np.log10(abs(x))))
    mantissa = f"{abs(x) / 10.0**exponent:.{digits - 1}f}".rstrip("0")
    written = sum(c.isdigit() for c in mantissa)
    return float(10.0 ** (exponent - min(digits, max(written, least)) + 1))
