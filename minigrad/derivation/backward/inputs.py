"""What is handed in: arrays of numbers, in whatever holds them, as Tensors or as they are."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy, deepcopy
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import last_part, readings
from minigrad.derivation.backward.variables import is_layer
from minigrad.derivation.backward.watch import STEP, source_of
from minigrad.tensor import Tensor

Make = Callable[[str, Any], Any]
Counts = Callable[[str, Any], bool]
"""Whether the number at a path is an input."""


def refilled(
    tree: Any, path: str, counts: Counts, make: Make, seen: dict[int, Any] | None = None,
    kinds: str = "f",
) -> Any:  # fmt: skip
    """A copy of ``tree`` with what ``make`` makes of its arrays of floats, given their paths, and
    of the numbers that count.

    Objects of the user's classes are copied with what they hold, each once.
    """
    seen = {} if seen is None else seen

    def go(value: object, step: str) -> Any:
        return refilled(value, f"{path}{step}", counts, make, seen, kinds)

    if id(tree) in seen:
        return seen[id(tree)]
    if isinstance(tree, Tensor):
        tree = tree._value
    if isinstance(tree, np.ndarray) and tree.dtype.kind in kinds:
        return seen.setdefault(id(tree), make(path, tree))
    number = isinstance(tree, float | int | np.floating | np.integer) and type(tree) is not bool
    if number and counts(path, tree):
        return make(path, float(tree))
    if isinstance(tree, dict):
        return {k: go(v, f"[{k!r}]") for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(go(v, f"[{k!r}]") for k, v in zip(tree._fields, tree, strict=True)))
    if type(tree) in (list, tuple):
        return type(tree)(go(v, f"[{i}]") for i, v in enumerate(tree))
    if is_layer(tree):
        made = seen[id(tree)] = like(tree)
        vars(made).update({k: go(v, f".{k}") for k, v in vars(tree).items()})
        return made
    return np.float64(tree) if isinstance(tree, np.floating) else copied(tree)


def never(path: str, value: object) -> bool:
    return False


def is_plain(path: str) -> bool:
    """Whether it is that of an argument, or of a key."""
    return re.search(r"\[\d|\.", path) is None


def plainly(path: str, value: object) -> bool:
    """A number that is an argument, or stands under a key."""
    return is_plain(path) and not isinstance(value, int | np.integer)


def among(holders: set[str], fields: set[str], told: set[str], whole: bool) -> Counts:
    """A number beside arrays, or an attribute whose gradient is told.

    ``whole``: a whole number whose gradient is told, too.
    """

    def counts(path: str, value: object) -> bool:
        if isinstance(value, int | np.integer):
            return whole and is_plain(path) and last_part(path)[0] in told
        *above, last = STEP.findall(path)
        holder = "".join(above)
        names = [s.strip("._[]'") for s in (*above[-1:], last)] if above else []
        if any(name.startswith(t) for name in names for t in told if t):  # dW of weight
            return True
        if last[0] == ".":
            return holder in fields
        return is_plain(path) or (holder if above[:1] == ["self"] else above[0]) in holders

    return counts


def told_in(*functions: object) -> set[str]:
    """What functions name that may be the gradient of something: of what it is one."""
    codes = [code for f in functions if (code := getattr(f, "__code__", None)) is not None]
    told = [n for c in codes
            for n in (*c.co_varnames[c.co_argcount :], *c.co_names, *c.co_consts)]  # fmt: skip
    return {r for n in told if isinstance(n, str) for r in readings(n)}


def in_double(function: object, inputs: dict[str, object], instance: object) -> tuple[Any, Any]:
    """The inputs and the instance in double precision, whole numbers that have gradients, too.

    Of which there are gradients, the names in ``function`` tell; of all, if no input
    is real.
    """
    found = told_in(function)
    real: list[str] = []
    refilled((inputs, instance), "", plainly, lambda path, value: real.append(path))

    def make(path: str, value: Any) -> Any:
        wanted = value.dtype.kind == "f" or not real or last_part(path)[0] in found
        return np.array(value, float) if wanted else value.copy()

    args = [refilled(a, n, never, make, kinds="fiu") for n, a in inputs.items()]
    return args, refilled(instance, "self", never, make, kinds="fiu")


def without_tensors(tree: Any) -> Any:
    """A copy of ``tree`` with arrays in place of Tensors."""
    if isinstance(tree, Tensor):
        return np.array(tree._value)[()]
    if isinstance(tree, dict):
        return {k: without_tensors(v) for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*map(without_tensors, tree))
    if type(tree) in (list, tuple):
        return type(tree)(without_tensors(v) for v in tree)
    return copied(tree)


def kept(path: str, value: Any) -> Any:
    """What `refilled` makes of an array: another with the same numbers."""
    return value.copy()


def like(layer: object) -> Any:
    """An object of the same class, to be given attributes."""
    try:
        return copy(layer)
    except Exception:  # its __getattr__ asks for attributes that are not there yet
        return object.__new__(type(layer))


def copied(value: object) -> Any:
    """A copy; of what has none, such as a file or a lock, itself."""
    try:
        return deepcopy(value)
    except Exception:
        return value


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


def nearby(value: object, chance: np.random.Generator) -> Any:
    """Other numbers like some: in another order, each nearby; zeros that begin something, not 0.

    What is one-hot, or distributions, or symmetric, stays so; of masks one entry is another.
    """
    value = np.asarray(value)
    if not np.any(value) and value.dtype != bool:
        return chance.uniform(0.1, 0.2, value.shape)
    rows = chance.permutation(len(value)) if value.ndim else ()
    if value.ndim == 2 and value.shape[0] == value.shape[1] and np.array_equal(value, value.T):
        again = value[np.ix_(rows, rows)]
        return again if value.dtype == bool else chance.uniform(0.8, 1.2) * again
    sums = np.sum(value, axis=-1) if value.ndim > 1 else 0.0
    if np.allclose(sums, 1.0, rtol=1e-6):
        return value[rows]
    if value.ndim and np.all(np.isin(value, (0, 1))):
        mask = value[rows].copy()
        k = chance.integers(value.size)
        mask.flat[k] = 1 - mask.flat[k]
        return mask if np.any(mask) else value
    moved = chance.permutation(value.ravel()) * chance.uniform(0.8, 1.2, value.size)
    return moved.reshape(value.shape)


def cache_among(results: list[Any], backward: Any, name: str) -> Any:
    """Which of several results a parameter means: all of them, or the one that has as many parts
    as the function unpacks, or the keys that it asks for.
    """
    code = getattr(inspect.unwrap(backward), "__code__", None)
    tree = source_of(code).tree if code is not None else None
    for node in ast.walk(tree) if tree is not None else ():
        fits: list[Any] = []
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=aims)], value=ast.Name(id=of)) if of == name:
                same = [r for r in results if isinstance(r, tuple | list) and len(r) == len(aims)]
                fits = same if len(aims) != len(results) else []
            case ast.Subscript(ast.Name(id=of), ast.Constant(value=str(key))) if of == name:
                fits = [r for r in results if isinstance(r, Mapping) and key in r]
        if len(fits) == 1:
            return fits[0]
    return tuple(results)
