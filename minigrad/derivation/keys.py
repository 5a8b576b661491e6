r"""What a key of a derivation names: derivatives, values and updates, in every writing.

``dL/dW``, ``dL_dW``, ``dW``, ``grad_W``, ``∇W``, ``W.grad`` and LaTeX's
``\frac{\partial L}{\partial W}`` are the same quantity.  ``dL/dW[0, 1]`` is an entry of it,
``d2L/dw2`` and ``H`` are second derivatives.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.derivation.signals import learning_rate, signal, stepped
from minigrad.derivation.spelling import canonical, unlatex
from minigrad.errors import label
from minigrad.graph import AnyNode, backward_pass
from minigrad.reading.names import Names
from minigrad.tensor import Tensor
from minigrad.tensor.door import wrap
from minigrad.typing import Array, Index

OUTPUTS = (
    "L",
    "J",
    "E",
    "C",
    "f",
    "loss",
    "cost",
    "Loss",
    "Cost",
    "ℓ",
    "ℒ",
    r"\ell",
    r"\mathcal{L}",
)
"""What a derivation may call its output, whatever the program calls it."""

LONGEST = 500
"""Characters of a key."""
UPDATE = re.compile(r"^(.+?)\s*([-+−])\s*([^*·×]+?)\s*[*·×]\s*(.+)$")
D = "[d∂]"
SQUARE = r"(?:\^\{?2\}?|²|\*\*2|2)"
SECOND = re.compile(rf"^{D}\s*{SQUARE}\s*(.*?)\s*/\s*(.+)$")
HESSIAN = re.compile(rf"^(?:H|[Hh]ess|[Hh]essian|∇\s*{SQUARE})(?![a-z])[\s_]*(.*)$")
NABLA = re.compile(r"^∇\s*_?\s*(?:\{([^{}]+)\}|([^\s({]+))\s*(.*)$")
BEFORE = re.compile(r"^(?:gradient|grad|nabla|delta|δ|d|∂|g)(?:_of)?[_\s]*(?=\S)(.+)$")
HELD = re.compile(r"""^(?:d|g|grads?|gradients?)\[(['"])(.+)\1\]$""")
"""Of a dict of gradients that there is not."""
OVER = re.compile(r"^\\(?:bar|overline)\s*(?:\{(.+)\}|(\w.*))$")
"""An adjoint."""
PRIMED = re.compile(r"^(.+?)['′](?:\((.+)\))?$")
AFTER = re.compile(r"^(.+?)(?:[._ ]?(?:gradient|grad|bar|adj)|[._]g)$")
LETTERS = re.compile(r"^(.+?)(?:_\{?([a-z](?:[,\s]*[a-z]){0,2})\}?|\[([a-z](?:,\s*[a-z]){0,2})\])$")
"""A name with subscripts that run over its entries."""
ENTRY = re.compile(r"^(.*?)\s*((?:\[[-\d\s,:]+\])+)$")


@dataclass
class Key:
    """One key, read.

    Attributes
    ----------
    text : str
        In the user's own spelling where a string was given.
    kind : {"derivative", "value", "update"}
    u, v : nodes
        Of what, with respect to what; ``u`` is ``v`` for a value.
    rate : float
        Of an update ``v + rate * du/dv``: the learning rate with its sign.
    index : tuple or None
        Which entries of it.
    bare : bool
        Whether it is the name of a variable and no more, which may mean its derivative.
    """

    text: str
    kind: str
    u: AnyNode
    v: AnyNode
    rate: float = 0.0
    index: Index = None
    bare: bool = False


# --- reading ---------------------------------------------------------------------------


class Keys:
    """The reader of keys: strings in the caller's names, Tensors and pairs."""

    output: Tensor
    call: str

    def __init__(self, output: Tensor, names: Names, call: str) -> None:
        self.output, self.call = output, call
        self.second: dict[tuple[AnyNode, AnyNode], AnyNode] = {}
        """Gradients that were recorded for second derivatives."""
        self.values: dict[AnyNode, Array] = {}
        """Those of Tensors that keys name, which need not be in the graph of the output."""
        self.use(names)

    def use(self, names: Names) -> None:
        self.names = names
        self.spelled: dict[str, AnyNode | None] = {}
        for node, name in names.node.items():
            for text in {canonical(name), canonical(last_part(name))}:
                twice = text in self.spelled and self.spelled[text] is not node
                self.spelled[text] = None if twice else node

    def tensor(self, text: str) -> Any:
        """What the user calls ``text``, else None."""
        text = text.strip()
        node = self.names.find(text)
        if node is not None:
            return node
        held = self.lookup(text)
        if held is not None and not callable(held):
            return held
        found = self.spelled.get(canonical(text)) if text else None
        if found is not None:
            return found
        free = not self.names.known(self.output.node) or text not in self.names.node.values()
        if free and text in OUTPUTS:
            return self.output.node
        return held if held is not None else self.running(text)

    def running(self, text: str) -> Any:
        """What ``P_{uk}`` is an entry of: any letters, one for each axis; some, fewer as well."""
        match = LETTERS.match(text)
        whole = self.tensor(match[1]) if match is not None else None
        if match is None or whole is None:
            return None
        letters = re.sub(r"[,\s]", "", match[2] or match[3])
        known = whole._value if isinstance(whole, Tensor) else self.value_of(whole)
        usual = re.fullmatch("[i-nprs]*", letters)
        fits = known is not None and np.ndim(known) == len(letters)
        return whole if usual or fits else None

    def value_of(self, node: Any) -> Array | None:
        """The value of a node; of a parameter, where it is used."""
        if getattr(node, "op", None) is not None:
            return node.ans
        used = (n.args[i] for n in self.names.nodes for i, p in enumerate(n.parents) if p is node)
        return next(used, None)

    def noted(self, t: Tensor) -> AnyNode:
        """The node of a Tensor, whose value is kept: the output need not depend on it."""
        node: AnyNode = t.node
        self.values[node] = t._value
        return node

    def graph_tensor(self, text: str) -> AnyNode | None:
        """The recorded node that ``text`` names, else None."""
        found = self.tensor(text)
        if isinstance(found, Tensor) and found.node is not None:
            return self.noted(found)
        return found if hasattr(found, "parents") else None

    def lookup(self, text: str) -> Array | None:
        """The value of a variable, or of a path such as ``params['W']`` or ``net.hidden.b``."""
        try:
            part: Any = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
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
        if isinstance(found, Tensor | np.ndarray) and steps:
            return None  # an entry, or an attribute such as .grad
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
            return self.noted(found)
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

    def called(self, node: AnyNode) -> str:
        if node is self.output.node and not self.names.known(node):
            return "L"
        return self.names.of(node)

    # --- strings -------------------------------------------------------------------------

    def read(self, key: object) -> Key:
        """What ``key`` names.

        Raises
        ------
        ValueError, TypeError
        """
        if isinstance(key, str):
            if len(key) > LONGEST:
                raise ValueError(f"{self.call}: a key has at most {LONGEST} characters")
            return self.spelled_out(str.__str__(key))
        pair = key if isinstance(key, tuple) else (self.output, key)
        if len(pair) != 2:
            raise TypeError(f"{self.call}: a key of {len(pair)} parts; a pair (u, v) has two")
        u, v = (self.node(x, key) for x in pair)
        return Key(f"d{self.called(u)}/d{self.called(v)}", "derivative", u, v)

    def spelled_out(self, key: str) -> Key:
        text = unlatex(key)
        if (ends := self.primed(text)) is not None:
            return Key(key, "derivative", *ends)
        if self.graph_tensor(text) is not None and text not in OUTPUTS:
            node = self.node(text, key)
            return Key(key, "value", node, node, bare=True)
        for way in (self.quotient, self.second_order, self.single):
            ends = way(text)
            if ends is not None:
                return Key(key, "derivative", *ends)
        if (layer := self.signal(text)) is not None:
            return Key(key, "derivative", self.output.node, layer)
        update = UPDATE.match(text)
        found = self.update(key, *update.groups()) if update is not None else self.step(key, text)
        if found is not None:
            return found
        entry = ENTRY.match(text)
        if entry is not None:
            whole = self.spelled_out(entry[1])
            return Key(key, whole.kind, whole.u, whole.v, index=places(entry[2]), bare=whole.bare)
        readings = list(splits(text, "/"))
        if readings:
            u, v = (self.node(name, key) for name in readings[0])
            return Key(key, "derivative", u, v)
        if self.tensor(text) is None:
            raise ValueError(
                f"{self.call}: {key!r} is neither a derivative such as 'dL/da' nor the "
                f"name of a value; {self.known(text)}"
            )
        node = self.node(text, key)
        return Key(key, "value", node, node, bare=True)

    def quotient(self, text: str) -> tuple[AnyNode, AnyNode] | None:
        """``dL/dw``, ``dL_dw``, ``dLdw``."""
        for between in ("/", "_", ""):
            for left, right in splits(text, between):
                u, v = self.graph_tensor(left), self.graph_tensor(right)
                if u is not None and v is not None:
                    return u, v
        return None

    def single(self, text: str) -> tuple[AnyNode, AnyNode] | None:
        """``dw``, ``grad_w``, ``∇_w L``, ``w.grad``: of the output."""
        nabla = NABLA.match(text)
        if nabla is not None:
            of = nabla[3].strip(" ()")
            u = self.graph_tensor(of) if of else self.output.node
            v = self.graph_tensor(nabla[1] or nabla[2])
            if v is u and not of:  # ∇E: by its only parameter
                v = self.only_leaf()
            if u is not None and v is not None:
                return u, v
        for pattern in (BEFORE, AFTER, HELD, OVER):
            match = pattern.match(text)
            if match is None:
                continue
            name = next(filter(None, match.groups()[::-1]))
            v = self.graph_tensor(name)
            if v is None and pattern is HELD and (ends := self.single(name)) is not None:
                return ends
            if v is not None:
                return self.output.node, v
        return None

    def primed(self, text: str) -> tuple[AnyNode, AnyNode] | None:
        """``f'`` and ``f'(x)``: by what is named, or by the only parameter."""
        match = PRIMED.match(text) if self.names.find(text) is None else None
        if match is None:
            return None
        u = self.graph_tensor(match[1])
        v = self.graph_tensor(match[2]) if match[2] else self.only_leaf()
        return None if u is None or v is None or u is v else (u, v)

    def second_order(self, text: str) -> tuple[AnyNode, AnyNode] | None:
        """``d2L/dw2``, ``d²L/dwdb``, ``H``: the derivative of a recorded gradient."""
        match = SECOND.match(text)
        if match is not None:
            u = self.graph_tensor(match[1]) if match[1] else self.output.node
            for a, b in denominators(match[2].strip(" ()")):
                v, w = self.graph_tensor(a), self.graph_tensor(b)
                if u is not None and v is not None and w is not None:
                    return self.recorded(u, v), w
        match = HESSIAN.match(text)
        if match is not None and (node := self.hessian_by(match[1].strip(" (){}_"))) is not None:
            return self.recorded(self.output.node, node), node
        return None

    def hessian_by(self, text: str) -> AnyNode | None:
        """By what the Hessian is meant: what is named, else the only parameter."""
        found = self.graph_tensor(text) if text else None
        if found is not None and found is not self.output.node:
            return found
        if text and found is None:
            return None
        return self.only_leaf()

    def only_leaf(self) -> AnyNode | None:
        """The parameter, where there is one and no more."""
        leaves = [n for n in self.names.nodes if n.op is None]
        return leaves[0] if len(leaves) == 1 else None

    def recorded(self, u: AnyNode, v: AnyNode) -> AnyNode:
        """The node of ``du/dv``, recorded."""
        if (u, v) not in self.second:
            seed = np.ones(np.shape(u.ans if u.op is not None else 1.0))[()]
            if np.size(seed) != 1:
                raise ValueError(
                    f"{self.call}: second derivatives are those of one number, and "
                    f"{self.called(u)} has shape {np.shape(seed)}"
                )
            found = backward_pass([(u, seed)], {v}, wrap).get(v, 0.0)
            if not isinstance(found, Tensor) or found.node is None:
                found = Tensor(getattr(found, "_value", found), requires_grad=True)
                self.noted(found)
            self.second[u, v] = found.node
        return self.second[u, v]

    def update(self, key: str, name: str, sign: str, factor: str, rest: str) -> Key | None:
        """``w - 0.1*dL/dw``."""
        ends = self.quotient(rest) or self.single(rest)
        target = self.graph_tensor(name)
        if target is None or (ends is None and not list(splits(rest, "/"))):
            return None
        if ends is None:
            u, v = (self.node(part, key) for part in next(splits(rest, "/")))
            ends = u, v
        rate = self.rate(factor, key) * (1 if sign == "+" else -1)
        if target is not ends[1]:
            by = self.called(ends[1])
            raise ValueError(f"{self.call}: {key!r} updates {name} by a derivative by {by}")
        return Key(key, "update", *ends, rate=rate)

    def signal(self, text: str) -> AnyNode | None:
        """What an error signal, ``δ2``, is the derivative by; None for other names."""
        return signal(text, self.spelled, self.names.nodes)

    def step(self, key: str, text: str) -> Key | None:
        """``w_new``: after a step of the learning rate that the caller's variables hold."""
        name = stepped(canonical(text))
        node = self.spelled.get(name) if name is not None else None
        if node is None or node.op is not None:
            return None
        rate = learning_rate(self.names)
        if rate is None:
            w = self.names.of(node)
            raise ValueError(
                f"{self.call}: {key!r}: after which step? write "
                f"'{w} - 0.1*d{self.called(self.output.node)}/d{w}', with the learning rate"
            )
        return Key(key, "update", self.output.node, node, rate=-rate)

    def rate(self, text: str, key: str) -> float:
        try:
            return float(text)
        except ValueError:
            found = self.lookup(text)
        if found is None and text in ("α", "η", "γ", r"\alpha", r"\eta"):
            found = self.lookup(canonical(text))
        if isinstance(found, int | float | np.floating):
            return float(found)
        raise ValueError(f"{self.call}: {key!r}: the learning rate {text!r} is not a number")


def splits(text: str, between: str) -> Iterator[tuple[str, str]]:
    """The ways to read ``d<u>/d<v>``."""
    for match in re.finditer(rf"{between}\s*(?={D})", text):
        left, right = text[: match.start()].strip(), text[match.end() :].strip()
        if left[:1] in ("d", "∂") and left[1:] and right[1:]:
            for dropped in (" ()", " ()_"):  # a name may end in _
                yield left[1:].strip(dropped), right[1:].strip(dropped)


def denominators(text: str) -> Iterator[tuple[str, str]]:
    """The two variables of ``dw2``, ``dw dw``, ``dwdb``."""
    twice = re.match(rf"^{D}\s*\(?(.+?)\)?\s*{SQUARE}$", text)
    if twice is not None:
        yield twice[1], twice[1]
    for left, right in splits(text, ""):
        right = re.sub(r"(?:\.T|ᵀ|\^\{?T\}?|\^\{?\\top\}?|\^\{?⊤\}?)$", "", right)
        yield left.strip(" *·()"), right.strip(" *·()")


def places(text: str) -> tuple[int | slice, ...]:
    """The index that ``[0, 1]``, ``[0][1]`` or ``[:, 2]`` means."""
    found: list[int | slice] = []
    for part in text.strip("[]").replace("][", ",").split(","):
        if ":" in part:
            found.append(slice(*(int(p) if p.strip() else None for p in part.split(":"))))
        elif part.strip():
            found.append(int(part))
    return tuple(found)


def last_part(name: str) -> str:
    """``W1`` of ``params['W1']`` and of ``net.W1``."""
    return re.sub(r"^.*[.\[]['\"]?([^.\[\]'\"]+)['\"]?\]?$", r"\1", name)


def spellings(of: str | None, by: str) -> Iterator[str]:
    """Ways to write the derivative by ``by`` of ``of``; of the output, where that is None.

    Examples
    --------
    >>> sorted(spellings("a", "z"))
    ['da/dz', 'da_dz', '∂a/∂z', '∂a_∂z']
    >>> {"dL/dW", "grad_W", "dW"} <= set(spellings(None, "params['W']"))
    True
    """
    for name in dict.fromkeys((by, last_part(by))):
        for above in (of,) if of is not None else OUTPUTS:
            yield from (f"{d}{above}{s}{d}{name}" for d in "d∂" for s in "/_")
        if of is None:
            yield from (f"{d}{name}" for d in ("d", "d_", "grad_", "∇", "∇_"))
            yield from (f"{name}{d}" for d in (".grad", "_grad"))
