"""Terms that are missing in a line, by what is missing in its numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from minigrad.derivation.backward.flows import close
from minigrad.derivation.backward.lines import Change, replaced
from minigrad.derivation.formulas.repairs import binary, name

MANY = {2: 100, 3: 24}
"""Of so many names products of so many factors are tried."""


def missing_terms(arrays: Mapping[str, Any], delta: Any) -> Iterator[tuple[str, str]]:
    """Products of two and three of these numbers that are ``delta``, with their signs."""
    real = {
        n: v
        for n, v in arrays.items()
        if np.asarray(v).dtype.kind == "f" and np.shape(v) in ((), np.shape(delta))
    }
    variables = {n: v for n, v in real.items() if n.isidentifier()}
    for count, names in ((2, variables), (3, variables), (2, arrays), (3, real)):
        for some in (
            combinations_with_replacement(names, count) if len(names) <= MANY[count] else ()
        ):
            try:
                product = np.asarray(arrays[some[0]])
                for n in some[1:]:
                    product = product * arrays[n]
            except ValueError:
                continue
            if product.shape == np.shape(delta) and np.any(product):
                for sign in "+-":
                    if close(product if sign == "+" else -product, delta):
                        yield sign, " * ".join(some)


def with_term(node: Any, sign: str, text: str) -> Change:
    """A statement with one more term."""
    op = ast.Add() if sign == "+" else ast.Sub()
    new = replaced(node, value=binary(node.value, op, name(text)))
    return "dropped_path", new, f"the term {sign} {text} is missing"
