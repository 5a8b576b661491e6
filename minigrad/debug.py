"""mg.debug(): name the op and the line behind a NaN, an infinity, or a changed array.

While it is on, every op notes the line that called it and a checksum of every array it
saved, and every value and gradient is looked at as it appears.  It costs a few
microseconds per op, which is why it is not always on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from minigrad.errors import Site, call_text, caller_site, label
from minigrad.graph import AnyNode, Slots, inspector, modes
from minigrad.ops.record import Op
from minigrad.tensor import plainly
from minigrad.typing import Array, Keywords

SELECTED = (
    "if np.where does not select this branch there, make its input safe inside it, "
    "np.where(ok, f(np.where(ok, x, 1)), other)"
)


@contextmanager
def debug() -> Iterator[None]:
    """Context that names the first NaN or infinity, and arrays that changed.

    Inside it (in this thread) an op that makes a NaN or an infinity of finite numbers,
    forward or backward, raises FloatingPointError with the line that called it; and
    ``backward()`` raises RuntimeError when an array that the graph depends on was
    changed after it was recorded, which would make the gradient wrong.  NumPy's own
    warnings of invalid values are silent meanwhile.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = mg.Tensor([0.0, 4.0], requires_grad=True)
    >>> with mg.debug():
    ...     y = mg.where(x.data > 0, mg.sqrt(x), 0.0).sum()
    ...     y.backward()
    Traceback (most recent call last):
        ...
    FloatingPointError: the derivative of sqrt(x) made NaN ...
    """
    with (
        modes.set(inspector, Inspector()),
        np.errstate(divide="ignore", invalid="ignore", over="ignore"),
    ):
        yield


@dataclass(frozen=True)
class Provenance:
    """What is known of a node that was recorded under `debug`."""

    call: str
    site: Site | None
    names: tuple[str, ...]
    checksums: tuple[int | None, ...]

    def __str__(self) -> str:
        return str(self.site)


class Inspector:
    """What the engine calls at every step while `debug` is on."""

    def after_forward(
        self,
        op: Op,
        args: tuple[Array, ...],
        values: tuple[Array, ...],
        kwargs: Keywords,
        ans: Array,
    ) -> None:
        """Raise if finite inputs gave an output that is not."""
        bad = what_is_wrong(ans)
        if bad and not any(what_is_wrong(v) for v in values):
            hint = f"; {SELECTED}" if op.elementwise else ""
            raise FloatingPointError(
                f"{call_text(op, args, kwargs)} made {bad} of finite numbers, at "
                f"{caller_site()}{hint}"
            )

    def recorded(self, node: AnyNode, op: Op, args: tuple[Array, ...], kwargs: Keywords) -> None:
        """Note where ``node`` comes from, and what its arrays hold."""
        call = call_text(op, args, kwargs)
        names = (*map(label, args), *map(label, arrays_in(node.kwargs)), f"the result of {call}")
        sums = tuple(checksum(v) for v in saved(node))
        node.where = Provenance(call, caller_site(), names, sums)

    def before_rules(self, node: AnyNode, g: Array) -> None:
        """Raise if an array that ``node`` saved has changed since; lock the gradient."""
        if isinstance(g, np.ndarray):
            g.setflags(write=False)  # a rule that wrote into it would change its siblings'
        record = getattr(node, "where", None)
        if record is None:
            return
        for name, value, before in zip(record.names, saved(node), record.checksums, strict=True):
            if before != checksum(value):
                raise RuntimeError(
                    f"{name} was changed after {record.call} was recorded at {record.site}: its "
                    "gradient would be wrong; compute with a copy, or make it a mg.Tensor"
                )

    def after_rule(self, node: AnyNode, argnum: int, g: Array, c: Array) -> None:
        """Raise if a finite gradient gave one that is not."""
        bad = what_is_wrong(c)
        if not bad or what_is_wrong(g):
            return
        record = getattr(node, "where", None)
        op = node.op
        assert op is not None
        call = record.call if record is not None else op.name
        at = f", recorded at {record.site}" if record is not None else ""
        why = "the gradient that arrived there was 0, times a derivative that is not finite"
        hint = f"; {why}: {SELECTED}" if op.elementwise and trapped(g, c) else ""
        raise FloatingPointError(
            f"the derivative of {call} made {bad} of a finite gradient{at}{hint}"
        )


def what_is_wrong(values: object) -> str:
    """What is wrong ("NaN", "infinity" or nothing) with what an op or a rule returned."""
    if isinstance(values, Slots):
        values = tuple(values.values())
    if isinstance(values, tuple | list):
        return next((bad for v in values if (bad := what_is_wrong(v))), "")
    values = plainly(values)
    if not isinstance(values, np.ndarray | np.floating | float):
        return ""
    if np.asarray(values).dtype.kind != "f" or np.all(np.isfinite(values)):
        return ""
    return "NaN" if np.any(np.isnan(values)) else "infinity"


def trapped(g: Array, c: Array) -> bool:
    """Whether ``c`` is not finite where a gradient of exactly 0 arrived."""
    g, c = plainly(g), plainly(c)
    return np.shape(g) == np.shape(c) and bool(np.any((g == 0) & ~np.isfinite(c)))


def saved(node: AnyNode) -> tuple[Array, ...]:
    """All values that the rules of ``node`` will read."""
    return (*node.args, *arrays_in(node.kwargs), node.ans)


def arrays_in(value: object) -> list[Array]:
    """The arrays among metadata: masks, indices, and tuples of them."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return [a for v in value for a in arrays_in(v)]
    return [value] if isinstance(value, np.ndarray) else []


def checksum(value: object) -> int | None:
    """A checksum of an array's values; None for what cannot change."""
    if not isinstance(value, np.ndarray):
        return None
    return zlib.crc32(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
