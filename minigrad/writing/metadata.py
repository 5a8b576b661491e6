"""Metadata of operations as Python writes it: shapes, slices, axes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.ops.record import Op
from minigrad.program.equations import Var
from minigrad.reading.wording import visible
from minigrad.typing import Index
from minigrad.writing.numbers import decimal


def is_default(op: Op, key: str, option: object) -> bool:
    """Whether a keyword asks for nothing."""
    if isinstance(option, bool):
        return option is defaults(op).get(key, key == "where")
    if option is None or option is np._NoValue:
        return True
    usual = defaults(op).get(key, np._NoValue)
    return type(usual) is type(option) and bool(usual == option)


@functools.lru_cache(maxsize=512)
def defaults(op: Op) -> dict[str, Any]:
    """What ``op`` takes for granted: parameters with a value of their own."""
    try:
        known = inspect.signature(op.forward).parameters.values()
    except (TypeError, ValueError):
        return {}
    kinds = (int, str, tuple)
    return {p.name: p.default for p in known if isinstance(p.default, kinds)}


def between(index: Index, name: Callable[[Var], str]) -> str:
    """An index as it stands between the brackets."""
    words = python_text(index, name)
    return words[1:-1].rstrip(",") if isinstance(index, tuple) and index else words


def python_text(x: object, name: Callable[[Var], str] = repr) -> str:
    """Metadata as Python writes it."""
    if isinstance(x, Var):
        return name(x)
    if isinstance(x, tuple):
        inner = ", ".join(python_text(part, name) for part in x)
        return f"({inner}{',' * (len(x) == 1)})"
    if isinstance(x, slice):
        start, stop, step = ("" if p is None else str(p) for p in (x.start, x.stop, x.step))
        return f"{start}:{stop}{f':{step}' if step else ''}"
    if x is Ellipsis:
        return "..."
    if isinstance(x, np.ndarray):
        if x.ndim == 1 and len(x) > 3 and x.dtype.kind in "iu" and (x == np.arange(len(x))).all():
            return f"range({len(x)})"
        words = np.array2string(x, separator=", ", threshold=8, edgeitems=2)
        return " ".join(words.split())
    if isinstance(x, np.generic):
        return decimal(x)
    if isinstance(x, np.dtype | type):
        return str(np.dtype(x))
    return visible(repr(x))
