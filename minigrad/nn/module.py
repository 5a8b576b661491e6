"""A module is an object with Tensors in its attributes.

Nothing is registered: parameters are found by looking.  Tensors that require a gradient
are parameters, other Tensors are buffers, and modules, lists, tuples and dicts are
looked into, in the order in which they were assigned.  Attributes that begin with an
underscore are the module's own business and are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Self

import numpy as np

from minigrad.graph import Leaf
from minigrad.tensor import Tensor
from minigrad.typing import Array, Shape


class Module:
    """What layers and models are: parameters, and ``forward``, a function of the input.

    Attributes
    ----------
    training : bool
        What layers that behave differently while training go by; see `train` and `eval`.

    Raises
    ------
    NotImplementedError
        By a call, where the class defines no ``forward``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> class Line(mg.nn.Module):
    ...     def __init__(self):
    ...         self.slope = mg.Tensor(2.0, requires_grad=True)
    ...         self.offset = mg.Tensor(1.0, requires_grad=True)
    ...
    ...     def forward(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).item()
    7.0
    >>> [name for name, p in line.named_parameters()]
    ['slope', 'offset']
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output for an input; every module defines its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward: define forward(self, x), its output"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    # --- looking inside -----------------------------------------------------------------

    def parts(self) -> dict[str, Any]:
        """What is looked into, by name: the attributes."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """The module (named "") and all inside it, each once, with their dotted names."""
        seen: set[int] = set()
        for name, part in _inside(self, "", ()):
            if isinstance(part, Module) and id(part) not in seen:
                seen.add(id(part))
                yield name, part

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Parameters with their dotted names; a shared one once, under its first name."""
        seen: set[int] = set()
        for name, t in self._tensors().items():
            if type(t.node) is Leaf and id(t) not in seen:
                seen.add(id(t))
                yield name, t

    def parameters(self) -> list[Tensor]:
        """The parameters, in the order of `named_parameters`."""
        return [t for _, t in self.named_parameters()]

    def _tensors(self) -> dict[str, Tensor]:
        """All parameters and buffers by dotted name.

        Raises
        ------
        ValueError
            When two have the same name, as ``{"a.b": ..}`` and ``{"a": {"b": ..}}``.
        """
        found: dict[str, Tensor] = {}
        for name, t in _inside(self, "", ()):
            if isinstance(t, Tensor) and (t.node is None or type(t.node) is Leaf):
                if name in found:
                    raise ValueError(
                        f"{type(self).__name__} has two Tensors called {name}: rename a dict's key"
                    )
                found[name] = t
        return found

    # --- state --------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers, as arrays by dotted name."""
        return {name: np.array(t.data)[()] for name, t in self._tensors().items()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Take over the values of ``state``: all of them, or none and an error.

        Values are cast to the dtypes of the module.

        Raises
        ------
        ValueError
            Naming the entries that are missing, unexpected or of wrong shape.
        TypeError
            When ``state`` is no dict, or its values are not numbers.
        """
        who = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state, dict):
            raise TypeError(f"{who} takes a dict, as state_dict() makes it, not {state!r:.60}")
        own = self._tensors()
        values = {
            name: np.asarray(v.data if isinstance(v, Tensor) else v) for name, v in state.items()
        }
        wrong = [f"{name} is missing" for name in own if name not in state]
        for name in state:
            if name not in own:
                close = get_close_matches(str(name), own, 1)
                wrong.append(f"{name} is unexpected{f' (near {close[0]})' if close else ''}")
        taken: dict[int, tuple[str, Array]] = {}
        for name, t in own.items():
            if name not in values:
                continue
            v = values[name]
            if v.dtype.kind not in "fiub":
                raise TypeError(f"{who}: {name} holds {v.dtype}, not numbers")
            if v.shape != t.shape:
                wrong.append(f"{name} has shape {v.shape} and must have {t.shape}")
                continue
            first, before = taken.setdefault(id(t), (name, v))
            if before is not v and not np.array_equal(before, v, equal_nan=True):
                wrong.append(f"{first} and {name} are one Tensor here and differ there")
        if wrong:
            raise ValueError(f"{who}: " + "; ".join(wrong))
        for name, t in own.items():
            t.data = values[name]

    # --- modes --------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and in all modules inside; returns the module."""
        for _, module in self.named_modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """The opposite of `train`: dropout off, running statistics in use."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            p.grad = None

    def take_gradients(self, gradients: Sequence[Array]) -> None:
        """Leave ``gradients`` in the ``.grad`` of each parameter, as ``backward()`` would.

        Parameters
        ----------
        gradients : list of arrays
            In the order of `parameters`: what `mg.nn.value_and_grad` returns.

        Raises
        ------
        ValueError
            When their number or a shape differs; no parameter is changed then.
        """
        who, named = f"{type(self).__name__}.take_gradients", list(self.named_parameters())
        if len(gradients) != len(named):
            raise ValueError(
                f"{who}: there are {len(named)} parameters, and {len(gradients)} gradients"
            )
        for (name, p), g in zip(named, gradients):
            if np.shape(g) != p.shape:
                raise ValueError(f"{who}: {name} has shape {p.shape}, its gradient {np.shape(g)}")
        for (_, p), g in zip(named, gradients):
            p.grad = g

    # --- in words -----------------------------------------------------------------------

    def details(self) -> str:
        """What `repr` writes between the parentheses; a layer says its sizes here."""
        return ""

    def __repr__(self) -> str:
        return "\n".join(_lines(self, ""))


def _inside(part: object, name: str, above: Shape) -> Iterator[tuple[str, Any]]:
    """``part`` and everything in it, with dotted names; a module inside itself is not entered."""
    if isinstance(part, Module | list | tuple | dict):
        if id(part) in above:
            return
        above = (*above, id(part))
    if isinstance(part, Module | Tensor):
        yield name, part
    for key, value in _members(part):
        yield from _inside(value, f"{name}.{key}" if name else key, above)


def _members(part: object) -> Iterator[tuple[str, Any]]:
    if isinstance(part, Module):
        yield from part.parts().items()
    elif isinstance(part, dict):
        yield from ((str(key), value) for key, value in part.items())
    elif isinstance(part, list | tuple):
        yield from ((str(i), value) for i, value in enumerate(part))


def _nearest(part: object, name: str = "") -> Iterator[tuple[str, Module]]:
    """The modules in ``part`` that are not inside another one there."""
    for key, value in _members(part):
        place = f"{name}.{key}" if name else key
        if isinstance(value, Module):
            yield place, value
        else:
            yield from _nearest(value, place)


def _lines(module: Module, name: str, above: tuple[Module, ...] = ()) -> list[str]:
    """One line per module, indented below the one that it is part of."""
    size = sum(p.size for p in module.parameters())
    counted = f"  {size:,} parameter{'s' * (size != 1)}" if size else ""
    title = f"{type(module).__name__}({module.details()})"
    lines = [f"{'  ' * len(above)}{f'{name}: ' if name else ''}{title}{counted}"]
    for key, part in _nearest(module):
        if part not in (*above, module):
            lines += _lines(part, key, (*above, module))
    return lines
