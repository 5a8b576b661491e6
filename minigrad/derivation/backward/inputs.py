"""What is handed in: arrays of numbers, in whatever holds them, as Tensors or as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import last_part, readings
from minigrad.derivation.backward.variables import is_layer
from minigrad.tensor import Tensor

Make = Callable[[str, Any], Any]


def refilled(
    tree: Any, path: str, floats: bool, make: Make, seen: dict[int, Any] | None = None,
    kinds: str = "f",
) -> Any:  # fmt: skip
    """A copy of ``tree`` with what ``make`` makes of its arrays of floats, given their paths.

    Objects of the user's classes are copied with what they hold, each once.
    """
    seen = {} if seen is None else seen

    def go(value: Any, step: str, floats: bool = floats) -> Any:
        return refilled(value, f"{path}{step}", floats, make, seen, kinds)

    if id(tree) in seen:
        return seen[id(tree)]
    if isinstance(tree, Tensor):
        tree = tree._value
    if isinstance(tree, np.ndarray) and tree.dtype.kind in kinds:
        return seen.setdefault(id(tree), make(path, tree))
    if floats and isinstance(tree, float | np.floating):
        return make(path, float(tree))
    if isinstance(tree, dict):
        return {k: go(v, f"[{k!r}]") for k, v in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(go(v, f"[{i}]", False) for i, v in enumerate(tree))
    if is_layer(tree):
        made = seen[id(tree)] = copy(tree)
        vars(made).update({k: go(v, f".{k}", False) for k, v in vars(tree).items()})
        return made
    return deepcopy(tree)


def in_double(function: Any, inputs: dict[str, Any], instance: Any) -> tuple[Any, Any]:
    """The inputs and the instance in double precision, whole numbers that have gradients, too.

    Of which there are gradients, the names in ``function`` tell; of all, if no input
    is real.
    """
    code = getattr(function, "__code__", None)
    told = (*code.co_varnames[code.co_argcount :], *code.co_names, *code.co_consts) if code else ()
    found = {r for n in told if isinstance(n, str) for r in readings(n)}
    real: list[str] = []
    refilled((inputs, instance), "", True, lambda path, value: real.append(path))

    def make(path: str, value: Any) -> Any:
        wanted = value.dtype.kind == "f" or not real or last_part(path)[0] in found
        return np.array(value, float) if wanted else value.copy()

    args = [refilled(a, n, False, make, kinds="fiu") for n, a in inputs.items()]
    return args, refilled(instance, "self", False, make, kinds="fiu")


def without_tensors(tree: Any) -> Any:
    """A copy of ``tree`` with arrays in place of Tensors."""
    if isinstance(tree, Tensor):
        return np.array(tree._value)[()]
    if isinstance(tree, dict):
        return {k: without_tensors(v) for k, v in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(without_tensors(v) for v in tree)
    return deepcopy(tree)


def in_step(t: Any, a: Any, depth: int = 6) -> Iterator[tuple[Tensor, Any]]:
    """Tensors of one run with what stands in their places in the other."""
    if isinstance(t, Tensor):
        yield t, a
    elif not depth or type(t).__name__ != type(a).__name__:
        return
    elif isinstance(t, dict):
        for key in t.keys() & a.keys():
            yield from in_step(t[key], a[key], depth - 1)
    elif isinstance(t, list | tuple):
        for one, other in zip(t, a, strict=False):
            yield from in_step(one, other, depth - 1)
    elif hasattr(t, "__dict__") and (is_layer(t) or not callable(t)):
        yield from in_step(vars(t), vars(a), depth - 1)
