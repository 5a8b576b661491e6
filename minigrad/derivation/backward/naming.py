"""Which names mean a gradient, and of what: ``dW1``, ``W1_grad``, ``grads['W1']``, ``dxmu2``."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.derivation.backward.watch import Watch


FORMS = [re.compile(p) for p in (
    r"d(?:[LJEC]|[ljec](?=_d)|loss|cost)_?d_?(.+)", r"d_?(.+)", r"[∂∇](.+)",
    r"(?:grad|g)_(.+)", r"g(.+)", r"grad(?:ient)?_?(.+)", r"(.+?)_?(?:grad|gradient|bar|adj)",
)]  # fmt: skip
"""Ways to name the gradient of ``(.+)``."""
ALL = {"grad", "grads", "gradient", "gradients"}
"""Names of what holds gradients, and not of the gradient of ``s``."""


def last_part(path: str) -> tuple[str, str]:
    """What a path ends in, and what it is in: ``dW`` and ``grads`` of ``grads['dW']``."""
    match = re.fullmatch(r"(.*?)(?:\[((['\"]).*\3)\]|\.(\w+))", path)
    if match is None:
        return path, ""
    name = match[4] or match[2][1:-1]
    with suppress(SyntaxError):  # of two keys, one after the other
        name = match[4] or ast.literal_eval(match[2])  # a key is written as Python has it
    return name, match[1]


def readings(path: str) -> list[str]:
    """The names of which ``path`` may be the gradient."""
    name, inside = last_part(path)
    plain = name.lstrip("_")
    found = [m[1] for form in FORMS if (m := form.fullmatch(plain)) and plain not in ALL]
    if inside_gradients(path):
        found.append(name)  # grads['W1']
    if inside and name in ("g", "grad", "gradient"):
        found.append(last_part(inside)[0])  # W1.grad
    return found


def inside_gradients(path: str) -> bool:
    """Whether it is held by what is called like gradients."""
    inside = last_part(path)[1]
    return bool(inside and re.search(r"grad|^d|^g$", last_part(inside)[0]))


def plainest(name: str) -> str:
    return name.replace("_", "").lower()


@dataclass
class Meaning:
    """Of which variable a name is the gradient, and whether of all of it."""

    variable: str
    whole: bool


@dataclass
class Namer:
    """The reader of names of gradients.

    Attributes
    ----------
    variables : dict
        Name in the forward function -> the Tensors that it was.
    given : dict
        What the caller says: name in the backward function -> name in the forward one, None of
        what is no gradient.
    """

    variables: Mapping[str, list[Tensor]]
    given: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._short: dict[str, list[str]] = {}
        for name in self.variables:
            short = last_part(name)[0]
            self._short.setdefault(short, []).append(name)
        self._plain: dict[str, list[str]] = {}
        for short, names in self._short.items():
            self._plain.setdefault(plainest(short), []).extend(names)

    def meaning(self, path: str, aliases: Mapping[str, str] | None = None) -> Meaning | None:
        """What ``path`` is the gradient of; None where it is none."""
        aliases = aliases or {}
        if path in self.given:
            variable = self.given[path]
            return None if variable is None else Meaning(variable, True)
        found = readings(path)
        for name in found:  # of self.dW rather the gradient of self.W than of another W
            above = path.removesuffix(last_part(path)[0])
            beside = [f"{above}{name}", f"{above}_{name}", *self.longer(f"{above}{name}")]
            for one in beside if path.startswith("self.") else ():
                if one in self.variables:
                    return Meaning(one, True)
        for name in found:
            variable = self.variable(name) or aliases.get(name)
            if variable is not None:
                return Meaning(variable, True)
        for name in found:  # dxmu2, dx_a: a part of the gradient of xmu, of x
            part = re.fullmatch(r"(.+?)_?(?:\d+|_[a-zA-Z]\w*)", name)
            variable = part and (self.variable(part[1]) or aliases.get(part[1]))
            if variable:
                return Meaning(variable, False)
        return None

    def denied(self, *names: Any) -> bool:
        """Whether the caller says that one of these is no gradient."""
        return any(name in self.given and self.given[name] is None for name in names)

    def longer(self, path: str) -> list[str]:
        """The parameter of a layer whose name begins so, if it is the only one."""
        found = [n for n in self.variables if re.fullmatch(re.escape(path) + "[a-z]+", n)]
        nodes = [t.node for n in found for t in self.variables[n]]
        leaves = all(node is not None and node.op is None for node in nodes)
        return found if len(found) == 1 and leaves else []

    def variable(self, name: str) -> str | None:
        """The variable of the forward function that is called ``name``, or nearly so."""
        if name in self.variables:
            return name
        for known in (self._short.get(name, []), self._plain.get(plainest(name), [])):
            if len(known) > 1:  # W of params['W'] rather than of grads['W']
                known = [n for n in known if not inside_gradients(n)] or known
            nodes = {t.node for n in known for t in self.variables[n]}
            if known and (len(known) == 1 or len(nodes) == 1):
                return known[0]
        return None

    def loosely(self, path: str, variable: str) -> bool:
        """Whether a name is that of a variable but for capitals: ``grad_a`` beside ``A``."""
        short = last_part(variable)[0].lstrip("_")
        return path not in self.given and short not in readings(path)

    def alike(self, variable: str) -> list[str]:
        """A variable, and others that are called the same: ``e`` and ``self.e``."""
        others = self._short.get(last_part(variable)[0], [])
        return [n for n in dict.fromkeys([variable, *others]) if n in self.variables]

    def wanted(self, path: str) -> bool:
        """Whether ``path`` may mean a gradient: of what is told when all names are known."""
        return path in self.given or bool(readings(path))


def aliases_of(
    watch: Watch, alike: Mapping[int, tuple[Any, Tensor]], namer: Namer
) -> dict[str, str]:
    """What the backward function calls the variables of the forward one."""
    by_node = {t.node: name for name, ts in reversed(list(namer.variables.items())) for t in ts}
    found = {}
    for name, value in {**watch.met, **watch.final}.items():
        known = alike.get(id(value))
        if known is not None and known[0] is value and known[1].node in by_node:
            found[name] = by_node[known[1].node]
    return found
