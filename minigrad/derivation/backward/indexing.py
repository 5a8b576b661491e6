"""What goes wrong in indices: parts of arrays, neighbours, rows, sides of a mask."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import Repair, always, changed, name, places
from minigrad.typing import Shape


def halves(f: ast.expr) -> Iterator[Repair]:
    """``x[:n]`` for ``x[n:]``."""
    for x in places(f, ast.Slice):
        if (x.lower is None) != (x.upper is None):
            yield other_part(f, x, ast.Slice(x.upper, x.lower))


def parts(f: ast.expr, names: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[Repair]:
    """``x[:n - k]`` for ``x[k:]``, ``x[:-2]`` for ``x[1:-1]``: a part by another number."""
    whole = [*(n for n in names if shapes[n] == ()), "1"]
    for x in places(f, ast.Slice):
        if x.lower is None and x.upper is None:
            continue
        for n in whole:
            for form in ("{0}:", ":{0}", "-{0}:", ":-{0}", "{0}:-{0}"):
                new: Any = name(f"x[{form.format(n)}]")
                yield other_part(f, x, new.slice)


def other_part(f: ast.expr, x: ast.Slice, new: ast.Slice) -> Repair:
    words = f"[{written(x)}] stands where [{written(new)}] belongs"
    return "wrong_node", changed(f, x, always(new)), words


def neighbours(f: ast.expr) -> Iterator[Repair]:
    """``(y, x + 1)`` for ``(y + 1, x)``."""
    for x in places(f, ast.Tuple):
        bases = [re.sub(r" [+-] 1$", "", written(part)) for part in x.elts]
        if 1 < len(bases) < 4 and all(map(str.isidentifier, bases)):
            for ends in itertools.product(("", " + 1", " - 1"), repeat=len(bases)):
                new = name(", ".join(map("".join, zip(bases, ends, strict=True))))
                if written(new) != written(x):
                    words = f"{written(x)} stands where {written(new)} belongs"
                    yield "order", changed(f, x, always(new)), words


def rows(f: ast.expr) -> Iterator[Repair]:
    """``x[:, labels]`` for ``x[np.arange(n), labels]``."""
    for x in places(f, ast.Tuple):
        for k, column in itertools.permutations(x.elts, 2):
            if written(k) == ":" and isinstance(column, ast.Name | ast.Attribute):
                new = name(f"np.arange(len({written(column)}))")
                words = f"all rows are meant, where each has its own of {written(column)}"
                yield "entries", changed(f, k, always(new)), words


def other_side(mask: ast.expr) -> Iterator[Repair]:
    """``x[mask]`` for ``x[~mask]``."""
    if isinstance(mask, ast.Name | ast.Attribute | ast.Compare | ast.UnaryOp):
        inverted = isinstance(mask, ast.UnaryOp)
        new = mask.operand if inverted else ast.UnaryOp(ast.Invert(), mask)  # type: ignore[union-attr]
        yield "wrong_node", new, f"the other side of {written(new if inverted else mask)}"
