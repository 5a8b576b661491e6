"""Layers that lay something around the last axes of their input."""

from __future__ import annotations

from typing import ClassVar

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.typing import Array, Sizes


class _Pad(Module):
    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init_subclass__(cls, axes: int, mode: str) -> None:
        cls.axes, cls.mode = axes, mode
        sides = "left, right, top, bottom, front, back".split(", ")[: 2 * axes]
        seen = (1, 1, *[2] * axes)
        cls.__doc__ = f"""{AROUND[mode]} around the last {axes} axes; see `F.pad`.

        Parameters
        ----------
        padding : int, or ({", ".join(sides)})
            How many places.
        value : float
            The constant, where it is one.

        Raises
        ------
        ValueError
            For another number of widths.

        Examples
        --------
        >>> import numpy as np, minigrad as mg
        >>> mg.nn.{cls.__name__}(1)(np.ones({seen})).shape
        {(1, 1, *[4] * axes)}
        """

    def __init__(self, padding: Sizes, value: float = 0.0) -> None:
        widths = padding if isinstance(padding, list | tuple) else (padding,) * (2 * self.axes)
        if len(widths) != 2 * self.axes:
            raise ValueError(
                f"{type(self).__name__}: padding must be one integer or {2 * self.axes} of them, "
                f"not {padding!r}"
            )
        self.padding, self.value = tuple(widths), value

    def forward(self, x: Array) -> Array:
        """More places along the last axes."""
        return F.pad(x, self.padding, self.mode, self.value)

    def details(self) -> str:
        return ", ".join(map(str, self.padding))


AROUND = {
    "constant": "A constant",
    "reflect": "The mirror image, without the edge,",
    "replicate": "The edge again and again",
    "circular": "The other end",
}
"""What each mode lays around."""


class ConstantPad1d(_Pad, axes=1, mode="constant"):
    pass


class ConstantPad2d(_Pad, axes=2, mode="constant"):
    pass


class ConstantPad3d(_Pad, axes=3, mode="constant"):
    pass


class ZeroPad1d(_Pad, axes=1, mode="constant"):
    pass


class ZeroPad2d(_Pad, axes=2, mode="constant"):
    pass


class ZeroPad3d(_Pad, axes=3, mode="constant"):
    pass


class ReflectionPad1d(_Pad, axes=1, mode="reflect"):
    pass


class ReflectionPad2d(_Pad, axes=2, mode="reflect"):
    pass


class ReflectionPad3d(_Pad, axes=3, mode="reflect"):
    pass


class ReplicationPad1d(_Pad, axes=1, mode="replicate"):
    pass


class ReplicationPad2d(_Pad, axes=2, mode="replicate"):
    pass


class ReplicationPad3d(_Pad, axes=3, mode="replicate"):
    pass


class CircularPad1d(_Pad, axes=1, mode="circular"):
    pass


class CircularPad2d(_Pad, axes=2, mode="circular"):
    pass


class CircularPad3d(_Pad, axes=3, mode="circular"):
    pass
