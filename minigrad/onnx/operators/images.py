"""Images of other sizes, and what is taken from them."""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.functional.images import corners, hat, keys, mixed, shares
from minigrad.onnx.operators.networks import pairs_of
from minigrad.onnx.operators.table import Ints, Operator, table, whole
from minigrad.typing import Array


def numbers(x: Array) -> list[float]:
    """An input of numbers as a list; empty if it is left out."""
    return [] if x is None else np.asarray(getattr(x, "data", x), float).reshape(-1).tolist()


def places(length: int, new: int, scale: Array, how: str) -> Array:
    """Where the ``new`` elements of an axis are among its ``length`` old ones.

    In single precision, as runtimes compute it, so that ties are broken alike.
    """
    i, scale = np.arange(new, dtype=np.float32), np.float32(scale)
    middles = (i + 0.5) / scale - 0.5
    if how == "half_pixel":
        return middles
    if how == "pytorch_half_pixel":
        return middles if new > 1 else np.zeros(1)
    if how == "half_pixel_symmetric":
        return middles + length / 2 * (1 - new / (scale * length))
    if how == "asymmetric":
        return i / scale
    if how == "align_corners":
        return corners(length, new)
    raise NotImplementedError(f"onnx.load: Resize with coordinates of {how} is not known")


def nearest(at: Array, how: str, scale: float) -> Array:
    """The place among the old elements that is taken for the one at ``at``."""
    if how == "simple":
        how = "ceil" if scale < 1 else "floor"
    return {
        "floor": lambda: np.floor(at),
        "ceil": lambda: np.ceil(at),
        "round_prefer_floor": lambda: np.ceil(at - 0.5),
        "round_prefer_ceil": lambda: np.floor(at + 0.5),
    }[how]()


def resize(
    x: Array, roi: Array = None, scales: Array = None, sizes: Array = None, *,
    mode: str = "nearest", coordinate_transformation_mode: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor",
    cubic_coeff_a: float = -0.75, extrapolation_value: float = 0.0, exclude_outside: int = 0,
    antialias: int = 0, axes: Ints = None, keep_aspect_ratio_policy: str = "stretch", opset: int,
) -> Array:  # fmt: skip
    """Axis by axis: a choice of elements, or a product with what each new one takes."""
    if opset < 11:
        scales, coordinate_transformation_mode, nearest_mode = roi, "asymmetric", "simple"
    for name, given in {
        "antialias": antialias,
        "exclude_outside": exclude_outside and mode == "cubic",
        "keep_aspect_ratio_policy": keep_aspect_ratio_policy != "stretch",
    }.items():
        if given:
            raise NotImplementedError(f"onnx.load: Resize with {name} is not known")
    along = list(axes) if axes is not None else list(range(np.ndim(x)))
    asked = numbers(sizes)
    factors = numbers(scales) or [n / np.shape(x)[a] for n, a in zip(asked, along, strict=True)]
    for axis, factor in zip(along, factors, strict=True):
        length = np.shape(x)[axis]
        new = int(asked[along.index(axis)]) if asked else math.floor(length * factor)
        if (new, factor) == (length, 1):
            continue
        at = places(length, new, factor, coordinate_transformation_mode)
        if mode == "nearest":
            taken = nearest(at, nearest_mode, factor).astype(int)
            x = ops.take(x, np.clip(taken, 0, length - 1), axis=axis)
        else:
            kernel = hat if mode == "linear" else lambda t: keys(t, cubic_coeff_a)
            x = mixed(x, axis, shares(at, length, kernel))
    return x


def upsample(x: Array, scales: Array, *, mode: str = "nearest") -> Array:
    """`resize` as it was until version 9."""
    return resize(x, scales, mode=mode, opset=9)


def col2im(
    x: Array,
    image: Array,
    block: Array,
    *,
    dilations: Ints = None,
    pads: Ints = None,
    strides: Ints = None,
) -> Array:
    size, kernel = whole(image), whole(block)
    strides, dilations = strides or (1, 1), dilations or (1, 1)
    pairs = pairs_of(pads, "NOTSET", x, kernel, strides, dilations)
    if len(size) != 2 or any(a != b for a, b in pairs):
        raise NotImplementedError(
            "onnx.load: Col2Im of other than two axes, evenly padded, is not known"
        )
    return F.fold(
        x, tuple(size), tuple(kernel), tuple(dilations), tuple(a for a, _ in pairs),
        tuple(strides),
    )  # fmt: skip


def grid_sample(
    x: Array, grid: Array, *, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: int = 0,
) -> Array:  # fmt: skip
    """Modes have other names since version 20."""
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    return F.grid_sample(x, grid, mode, padding_mode, bool(align_corners))


OPERATORS: dict[str, Operator] = table(
    Col2Im=col2im, GridSample=grid_sample, Resize=resize, Upsample=upsample
)
