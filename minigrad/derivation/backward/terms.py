"""Terms that are missing in a line, by what is missing in its numbers."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from minigrad.derivation.backward.flows import close
from minigrad.derivation.backward.lines import Change, replaced
from minigrad.derivation.backward.room import broadcasts
from minigrad.derivation.formulas.repairs import binary, name
from minigrad.typing import Array

MANY = {2: 120, 3: 60}
"""Of so many names products of so many factors are tried."""


def missing_terms(arrays: Mapping[str, Array], delta: Array) -> Iterator[tuple[str, str]]:
    """Products of two and three of these numbers that are ``delta``, with their signs."""
    shape = np.shape(delta)
    fits = {n: v for n, v in arrays.items() if np.asarray(v).dtype.kind == "f" and
            broadcasts(np.shape(v), shape)}  # fmt: skip
    yield from matrix_products(arrays, delta)
    for count in (2, 3):
        names = list(fits) if len(fits) <= MANY[count] else [n for n in fits if n.isidentifier()]
        for k in (1, 2):
            for some in products_of(names[: MANY[count]], fits, delta / k, count):
                product = math.prod((np.asarray(fits[n]) for n in some), start=float(k))
                for sign in "+-":
                    if close(product if sign == "+" else -product, delta):
                        yield sign, " * ".join(("2", *some) if k == 2 else some)


def products_of(
    names: Sequence[str], arrays: Mapping[str, Array], delta: Array, count: int
) -> Iterator[tuple[str, ...]]:
    """The products that are ``delta`` at the place where that is largest, but for their sign."""
    if not names or not np.size(delta):
        return
    at = np.unravel_index(int(np.argmax(np.abs(delta))), np.shape(delta))
    here = np.array([np.broadcast_to(arrays[n], np.shape(delta))[at] for n in names])
    made = here
    for _ in range(count - 1):
        made = np.multiply.outer(made, here)
    wanted = abs(float(np.asarray(delta)[at]))
    for places in np.argwhere(np.abs(np.abs(made) - wanted) <= 1e-6 * wanted):
        if [*places] == sorted(places):
            yield tuple(names[k] for k in places)


def matrix_products(arrays: Mapping[str, Array], delta: Array) -> Iterator[tuple[str, str]]:
    """``A @ B``, one of them transposed, where that is ``delta``."""
    shape = np.shape(delta)
    form: dict[str, Array] = {}
    if len(shape) != 2:
        return
    for n, v in arrays.items():
        if np.ndim(v) == 2:
            form |= {n: np.asarray(v), f"{n}.T": np.asarray(v).T}
    for a, b in permutations(form, 2):
        u, v = form[a], form[b]
        if u.shape[1] == v.shape[0] and (len(u), v.shape[1]) == shape:
            for sign in "+-":
                if close(u @ v if sign == "+" else -(u @ v), delta):
                    yield sign, f"{a} @ {b}"


def with_term(node: Any, sign: str, text: str) -> Change:
    """A statement with one more term."""
    op = ast.Add() if sign == "+" else ast.Sub()
    new = replaced(node, value=binary(node.value, op, name(text)))
    return "dropped_path", new, f"the term {sign} {text} is missing"
