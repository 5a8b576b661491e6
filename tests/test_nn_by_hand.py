"""Every layer written out once more in plain NumPy, by loops over places, gates and groups.

The values must be those of the loops; the gradients, by the input and by every parameter, must
be the loops' slope in a random direction.  No peer has to be installed.
"""

# ruff: noqa: B023 (what a loop defines is called in the same pass)

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

rng = np.random.default_rng(11)
Array = Any


def agree(ours: Callable[..., Any], by_hand: Callable[..., Any], *args: Array) -> None:
    """The same values, and gradients that are the slope of the formula by hand."""
    tensors = [mg.Tensor(a, requires_grad=True) for a in args]
    got, wanted = ours(*tensors), np.asarray(by_hand(*args))
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got.data, wanted, rtol=1e-9, atol=1e-11)
    weights = rng.normal(size=got.shape)
    (got * weights).sum().backward()
    for i, (tensor, a) in enumerate(zip(tensors, args)):
        direction, h = rng.normal(size=a.shape), 1e-5
        there, back = (
            np.sum(weights * by_hand(*args[:i], a + step * direction, *args[i + 1 :]))
            for step in (h, -h)
        )
        slope = 0.0 if tensor.grad is None else np.sum(tensor.grad * direction)
        assert slope == pytest.approx((there - back) / (2 * h), rel=1e-5, abs=1e-6), i


# --- windows -----------------------------------------------------------------------------


def conv(x: Array, w: Array, b: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """A convolution, output by output; ``padding`` as pairs, one for each axis."""
    n = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:])]
    places = [(m - r) // s + 1 for m, r, s in zip(x.shape[2:], reach, stride)]
    y = np.zeros((len(x), len(w), *places))
    depth, each = w.shape[1], len(w) // groups
    for o in range(len(w)):
        rows = slice((o // each) * depth, (o // each + 1) * depth)
        for at in np.ndindex(*places):
            window = tuple(
                slice(at[i] * stride[i], at[i] * stride[i] + reach[i], dilation[i])
                for i in range(n)
            )
            y[(slice(None), o, *at)] = np.sum(
                x[(slice(None), rows, *window)] * w[o], axis=tuple(range(1, n + 2))
            ) + (0 if b is None else b[o])
    return y


CONVOLUTIONS: list[tuple[int, dict[str, Any], tuple[int, ...]]] = [
    (1, {}, (7,)),
    (1, {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}, (9,)),
    (1, {"padding": "same", "dilation": 3}, (8,)),
    (2, {"bias": False, "padding": "valid"}, (5, 6)),
    (2, {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2), "groups": 2}, (6, 5)),
    (2, {"padding": "same", "groups": 4}, (4, 5)),
    (3, {"stride": (1, 2, 1), "padding": 1, "groups": 2}, (3, 4, 3)),
]


@pytest.mark.parametrize(("n", "options", "lengths"), CONVOLUTIONS)
def test_convolution(n: int, options: dict[str, Any], lengths: tuple[int, ...]) -> None:
    size = (3, 2, 2)[:n]
    layer = getattr(nn, f"Conv{n}d")(4, 8, size, rng=0, **options)
    each = lambda v: v if isinstance(v, tuple) else (v,) * n
    stride, dilation = (each(options.get(key, 1)) for key in ("stride", "dilation"))
    padding = options.get("padding", 0)
    if padding == "same":  # what is odd goes behind
        whole = [d * (k - 1) for d, k in zip(dilation, size)]
        pairs = [(p // 2, p - p // 2) for p in whole]
    else:
        pairs = [(p, p) for p in each(0 if padding == "valid" else padding)]
    groups, biased = options.get("groups", 1), options.get("bias", True)
    assert layer.weight.shape == (8, 4 // groups, *size)
    assert (layer.bias is not None) == biased
    parameters = [p.data for p in layer.parameters()]
    function = getattr(F, f"conv{n}d")
    rest = {k: v for k, v in options.items() if k != "bias"}
    x = rng.normal(size=(2, 4, *lengths))
    agree(
        lambda x, *p: function(x, *p, **rest),
        lambda x, w, b=None: conv(x, w, b, stride, pairs, dilation, groups),
        x, *parameters,
    )  # fmt: skip
    held = lambda x: conv(x, *parameters, *[None] * (not biased), stride, pairs, dilation, groups)
    agree(layer, held, x)
    agree(lambda x: layer(x), lambda x: held(x[None])[0], x[0])  # without a batch


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (1, {}),
        (1, {"stride": 3, "padding": 1, "output_padding": 2}),
        (2, {"stride": (2, 1), "padding": (1, 0), "output_padding": (1, 0), "groups": 2}),
        (2, {"dilation": (2, 3), "padding": 1, "bias": False, "output_padding": (1, 2)}),
        (3, {"stride": (1, 2, 1), "groups": 4}),
    ],
)
def test_transposed_convolution(n: int, options: dict[str, Any]) -> None:
    """Every input adds its multiple of the kernel to the outputs that it lies over."""
    size, lengths = (3, 2, 2)[:n], (4, 3, 2)[:n]
    layer = getattr(nn, f"ConvTranspose{n}d")(4, 8, size, rng=0, **options)
    each = lambda v: v if isinstance(v, tuple) else (v,) * n
    stride, dilation = (each(options.get(k, 1)) for k in ("stride", "dilation"))
    padding, extra = (each(options.get(k, 0)) for k in ("padding", "output_padding"))
    groups = options.get("groups", 1)

    def by_hand(x: Array, w: Array, b: Any = None) -> Array:
        full = [
            (m - 1) * s + d * (k - 1) + 1 + e
            for m, s, d, k, e in zip(x.shape[2:], stride, dilation, size, extra)
        ]
        y = np.zeros((len(x), 8, *full))
        for i, at, k in itertools.product(range(4), np.ndindex(*x.shape[2:]), np.ndindex(*size)):
            group = i // (4 // groups)
            for o in range(8 // groups):
                place = tuple(a * s + d * j for a, s, d, j in zip(at, stride, dilation, k))
                y[(slice(None), group * (8 // groups) + o, *place)] += (
                    x[(slice(None), i, *at)] * w[(i, o, *k)]
                )
        inside = tuple(slice(p, m - p) for p, m in zip(padding, full))
        y = y[(slice(None), slice(None), *inside)]
        return y if b is None else y + b.reshape(-1, *[1] * n)

    rest = {k: v for k, v in options.items() if k != "bias"}
    parameters = [p.data for p in layer.parameters()]
    assert layer.weight.shape == (4, 8 // groups, *size)
    x = rng.normal(size=(2, 4, *lengths))
    function = getattr(F, f"conv_transpose{n}d")
    agree(lambda x, *p: function(x, *p, **rest), by_hand, x, *parameters)
    agree(layer, lambda x: by_hand(x, *parameters), x)
    words = repr(layer)
    for key in options.keys() - {"output_padding"}:
        assert f"{key}=" in words


def test_a_single_place_is_left() -> None:
    w = np.array([[[2.0, 3.0, 5.0]]])
    np.testing.assert_array_equal(F.conv_transpose1d(np.ones((1, 1, 1)), w, padding=1), [[[3.0]]])
    with pytest.raises(ValueError, match=r"padding \(2,\) leaves nothing of"):
        F.conv_transpose1d(np.ones((1, 1, 1)), w, padding=2)


def pool(x: Array, size: Any, stride: Any, padding: Any, dilation: Any, f: Any, fill: Any) -> Array:
    n = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=fill)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, size)]
    places = [(m - r) // s + 1 for m, r, s in zip(x.shape[2:], reach, stride)]
    y = np.zeros((*x.shape[:2], *places))
    for at in np.ndindex(*places):
        window = tuple(
            slice(a * s, a * s + r, d) for a, s, r, d in zip(at, stride, reach, dilation)
        )
        y[(..., *at)] = f(x[(..., *window)], axis=tuple(range(2, n + 2)))
    return y


@pytest.mark.parametrize("n", [1, 2, 3])
def test_pools(n: int) -> None:
    shape = (2, 3, 7, 6, 5)[: n + 2]
    x = rng.permutation(math.prod(shape)).reshape(shape) / 10  # no ties
    ones, size = (1,) * n, (3, 2, 2)[:n]
    largest, average = getattr(nn, f"MaxPool{n}d"), getattr(nn, f"AvgPool{n}d")
    plain = [(size, size, (0,) * n, ones), (size, (2, 1, 1)[:n], (1,) * n, ones)]
    for s, stride, padding, dilation in [*plain, ((2,) * n, (2,) * n, (1,) * n, (2,) * n)]:
        layer = largest(s, stride, padding, dilation)
        agree(layer, lambda x: pool(x, s, stride, padding, dilation, np.max, -np.inf), x)
    for s, stride, padding, dilation in plain:
        layer = average(s, stride, padding)
        agree(layer, lambda x: pool(x, s, stride, padding, dilation, np.mean, 0.0), x)
        layer = average(s, stride, padding, count_include_pad=False)
        agree(
            layer,
            lambda x: pool(x, s, stride, padding, dilation, np.nanmean, np.nan), x,
        )  # fmt: skip
    if n > 1:
        function = getattr(F, f"avg_pool{n}d")
        agree(
            lambda x: function(x, size, divisor_override=5),
            lambda x: pool(x, size, size, (0,) * n, ones, np.sum, 0.0) / 5,
            x,
        )
    assert largest(2)(x).shape == average(2)(x).shape == (2, 3, *(m // 2 for m in x.shape[2:]))
    for layer in (largest(2), average(2)):
        assert "x".join("2" * n) in repr(layer)
        assert "stride" not in repr(layer)
    assert f"stride={(1,) * n}" in repr(largest(2, 1))


def test_windows_side_by_side() -> None:
    x, options = rng.normal(size=(2, 3, 5, 6)), {"dilation": (1, 2), "padding": 1, "stride": (2, 1)}

    def by_hand(x: Array) -> Array:
        x = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
        places = [(i, j) for i in range(0, x.shape[2] - 1, 2) for j in range(x.shape[3] - 4)]
        columns = [x[:, :, i : i + 2, j : j + 5 : 2].reshape(2, -1) for i, j in places]
        return np.stack(columns, -1)

    agree(lambda x: F.unfold(x, (2, 3), **options), by_hand, x)
    assert F.unfold(x, 1).flags.writeable


@pytest.mark.parametrize("r", [1, 2, 3])
def test_pixels_shuffled(r: int) -> None:
    x = rng.normal(size=(2, 2 * r * r, 2, 3))

    def by_hand(x: Array) -> Array:
        y = np.zeros((2, 2, 2 * r, 3 * r))
        for c, i, j in np.ndindex(y.shape[1:]):
            y[:, c, i, j] = x[:, r * r * c + r * (i % r) + j % r, i // r, j // r]
        return y

    agree(lambda x: F.pixel_shuffle(x, r), by_hand, x)
    np.testing.assert_array_equal(F.pixel_unshuffle(F.pixel_shuffle(x, r), r), x)
    np.testing.assert_array_equal(F.pixel_shuffle(x[0], r), by_hand(x)[0])
    for wrong in (2 * r * r + 1, r * r - 1):
        if r > 1:
            with pytest.raises(ValueError, match=r"channels of .* are no multiple of"):
                F.pixel_shuffle(np.ones((wrong, 2, 2)), r)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_adaptive_pools(n: int) -> None:
    """The window of place i is from ⌊i m / p⌋ to ⌈(i + 1) m / p⌉."""
    lengths = (7, 5, 4)[:n]
    x = rng.permutation(6 * math.prod(lengths)).reshape(2, 3, *lengths) / 10
    for sizes in ((3, 5, 2)[:n], (1,) * n, (7, 2, 3)[:n], (9, 6, 5)[:n]):
        windows = [
            [slice(i * m // p, -(-(i + 1) * m // p)) for i in range(p)]
            for m, p in zip(lengths, sizes)
        ]
        for kind, f in (("Avg", np.mean), ("Max", np.max)):

            def by_hand(x: Array, f: Any = f, windows: Any = windows) -> Array:
                y = np.zeros((2, 3, *map(len, windows)))
                for at in np.ndindex(y.shape[2:]):
                    seen = tuple(w[i] for w, i in zip(windows, at))
                    y[(..., *at)] = f(x[(..., *seen)], axis=tuple(range(2, n + 2)))
                return y

            agree(getattr(nn, f"Adaptive{kind}Pool{n}d")(sizes), by_hand, x)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_back_from_a_max_pool(n: int) -> None:
    lengths = (6, 4, 4)[:n]
    x = rng.permutation(6 * math.prod(lengths)).reshape(2, 3, *lengths) / 10 + 1
    pooled, places = getattr(F, f"max_pool{n}d")(x, 2, return_indices=True)
    flat = x.reshape(2, 3, -1)
    np.testing.assert_array_equal(
        np.take_along_axis(flat, places.reshape(2, 3, -1), 2).reshape(pooled.shape), pooled
    )

    def by_hand(y: Array) -> Array:
        laid = np.zeros_like(flat)
        np.put_along_axis(laid, places.reshape(2, 3, -1), y.reshape(2, 3, -1), 2)
        return laid.reshape(x.shape)

    unpool = getattr(F, f"max_unpool{n}d")
    agree(lambda y: unpool(y, places, 2), by_hand, pooled)
    agree(lambda y: unpool(y, places, 2, output_size=x.shape), by_hand, pooled)


def read_at(x: Array, at: tuple[float, ...], mode: str, padding: str, corners: bool) -> Array:
    """(channels, ...) at one place, in entries from the first, as the documentation has it."""

    def mirrored(a: float, m: int) -> float:
        low, high = (0.0, m - 1.0) if corners else (-0.5, m - 0.5)
        while not low <= a <= high:
            a = 2 * low - a if a < low else 2 * high - a
        return min(max(a, 0.0), m - 1.0)

    def entry(places: tuple[int, ...]) -> Array:
        inside = []
        for i, m in zip(places, x.shape[1:]):
            if not 0 <= i <= m - 1 and padding == "zeros":
                return np.zeros(len(x))
            moved = mirrored(i, m) if padding == "reflection" else min(max(i, 0), m - 1)
            inside.append(int(moved))
        return x[(slice(None), *inside)]

    if mode != "bicubic" and padding != "zeros":
        at = tuple(
            mirrored(a, m) if padding == "reflection" else min(max(a, 0.0), m - 1.0)
            for a, m in zip(at, x.shape[1:])
        )
    if mode == "nearest":
        return entry(tuple(round(a) for a in at))
    width = 2 if mode == "bicubic" else 1
    total = np.zeros(len(x))
    near = [range(math.floor(a) - width + 1, math.floor(a) + width + 1) for a in at]
    for places in itertools.product(*near):
        share = 1.0
        for a, i in zip(at, places):
            d, c = abs(a - i), -0.75
            if mode == "bilinear":
                share *= 1 - d
            elif d <= 1:
                share *= (c + 2) * d**3 - (c + 3) * d**2 + 1
            else:
                share *= c * d**3 - 5 * c * d**2 + 8 * c * d - 4 * c
        total = total + share * entry(places)
    return total


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_images_read_at_places(mode: str, padding: str, corners: bool) -> None:
    for lengths in ((4, 3), (2, 3, 2)):
        n = len(lengths)
        if mode == "bicubic" and n == 3:
            continue
        x = rng.normal(size=(2, 2, *lengths))
        grid = rng.uniform(-1.9, 1.9, size=(2, *(3, 2, 2)[:n], n))

        def by_hand(x: Array, grid: Array, n: int = n, lengths: Any = lengths) -> Array:
            y = np.zeros((2, 2, *grid.shape[1:-1]))
            for b, *place in np.ndindex(grid.shape[:-1]):
                ends = zip(grid[(b, *place)][::-1], lengths)
                at = tuple(
                    (g + 1) / 2 * (m - 1) if corners else ((g + 1) * m - 1) / 2 for g, m in ends
                )
                y[(b, slice(None), *place)] = read_at(x[b], at, mode, padding, corners)
            return y

        ours = lambda x, grid: F.grid_sample(x, grid, mode, padding, corners)
        if mode == "nearest":
            agree(lambda x, g=grid: ours(x, g), lambda x, g=grid: by_hand(x, g), x)
        else:
            agree(ours, by_hand, x, grid)


def test_affine_grids() -> None:
    for lengths in ((3, 4), (2, 3, 1)):
        n = len(lengths)
        theta = rng.normal(size=(2, n, n + 1))
        for corners in (False, True):

            def by_hand(theta: Array, lengths: Any = lengths, corners: bool = corners) -> Array:
                y = np.zeros((2, *lengths, len(lengths)))
                for place in np.ndindex(lengths):
                    at = [
                        0.0 if m == 1 else 2 * i / (m - 1) - 1 if corners else (2 * i + 1) / m - 1
                        for i, m in zip(place, lengths)
                    ]
                    y[(slice(None), *place)] = theta @ np.array([*at[::-1], 1.0])
                return y

            agree(lambda t: F.affine_grid(t, (2, 1, *lengths), corners), by_hand, theta)


def linear_at(x: Array, at: Array) -> Array:
    """Vectors at places between their entries; outside, the nearest of the ends."""
    return np.stack([np.interp(at, np.arange(len(row)), row) for row in x])


def keys_at(x: Array, at: Array) -> Array:
    """R. Keys' cubic with a = −0.75, neighbour by neighbour."""

    def weight(d: float) -> float:
        d, a = abs(d), -0.75
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0

    last = x.shape[1] - 1
    return np.stack([
        sum(
            weight(p - i) * x[:, min(max(i, 0), last)]
            for i in range(math.floor(p) - 1, math.floor(p) + 3)
        )
        for p in at
    ], axis=1)  # fmt: skip


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("new", [1, 3, 5, 8, 11])
def test_interpolation(new: int, corners: bool) -> None:
    x = rng.normal(size=(2, 1, 5))
    if corners:
        at = np.linspace(0, 4, new) if new > 1 else np.zeros(1)
    else:
        at = (np.arange(new) + 0.5) * 5 / new - 0.5
    agree(
        lambda x: F.interpolate(x, new, mode="linear", align_corners=corners),
        lambda x: linear_at(x[:, 0], at)[:, None], x,
    )  # fmt: skip
    image = rng.normal(size=(2, 1, 5, 5))
    for mode, f in (("bilinear", linear_at), ("bicubic", keys_at)):

        def by_hand(x: Array, f: Any = f) -> Array:
            rows = f(x.reshape(10, 5), at).reshape(2, 5, new)
            return f(rows.swapaxes(1, 2).reshape(-1, 5), at).reshape(2, 1, new, new).swapaxes(2, 3)

        agree(
            lambda x, mode=mode: F.interpolate(x, new, mode=mode, align_corners=corners),
            by_hand, image,
        )  # fmt: skip


def test_interpolation_by_choice_and_factor() -> None:
    x = rng.normal(size=(2, 3, 5))
    for new in (1, 3, 7, 10):
        nearest = [math.floor(i * 5 / new) for i in range(new)]
        agree(lambda x: F.interpolate(x, new), lambda x: x[..., nearest], x)
        middle = [math.floor((i + 0.5) * 5 / new) for i in range(new)]
        agree(lambda x: F.interpolate(x, new, mode="nearest-exact"), lambda x: x[..., middle], x)
    # by 1.5: 7 places; the ratio is 1/1.5 as told, or 5/7 where it is computed again
    told = np.minimum(np.floor(np.arange(7) / 1.5), 4).astype(int)
    again = np.floor(np.arange(7) * 5 / 7).astype(int)
    np.testing.assert_array_equal(F.interpolate(x, scale_factor=1.5), x[..., told])
    got = F.interpolate(x, scale_factor=1.5, recompute_scale_factor=True)
    np.testing.assert_array_equal(got, x[..., again])
    halves = x[..., :4].reshape(2, 3, 2, 2).mean(-1)
    np.testing.assert_allclose(F.interpolate(x[..., :4], 2, mode="area"), halves)
    volume = rng.normal(size=(1, 2, 2, 3, 4))
    assert F.interpolate(volume, (3, 4, 2), mode="trilinear").shape == (1, 2, 3, 4, 2)
    for factor in (0, -1.0, (2, 0)):
        with pytest.raises(ValueError, match="scale_factor must be one positive number"):
            F.interpolate(x, scale_factor=factor)
    with pytest.raises(ValueError, match=r"wants input of shape \(\.\.\., channels, height, width"):
        F.pixel_shuffle(np.ones((4, 2)), 2)


# --- normalisation -----------------------------------------------------------------------


def normalised(x: Array, axes: tuple[int, ...], eps: float = 1e-5) -> Array:
    deviation = x - x.mean(axes, keepdims=True)
    return deviation / np.sqrt((deviation**2).mean(axes, keepdims=True) + eps)


def given(layer: nn.Module) -> list[Array]:
    """Parameters other than ones and zeros, so that each has its part in the answer."""
    for p in layer.parameters():
        p.data = rng.uniform(0.5, 2.0, size=p.shape)
    return [p.data for p in layer.parameters()]


def test_layer_and_rms_norm() -> None:
    x = rng.normal(size=(2, 3, 4, 5))
    for last in (1, 2):
        axes = tuple(range(-last, 0))
        agree(
            lambda x, w, b: F.layer_norm(x, last, w, b, 0.1),
            lambda x, w, b: normalised(x, axes, 0.1) * w + b,
            x, *rng.normal(size=(2, *x.shape[-last:])),
        )  # fmt: skip
        layer = nn.LayerNorm(x.shape[-last:])
        w, b = given(layer)
        agree(layer, lambda x: normalised(x, axes) * w + b, x)
        rms = nn.RMSNorm(x.shape[-last:])
        (w,) = given(rms)
        agree(rms, lambda x: x / np.sqrt((x**2).mean(axes, keepdims=True) + 2.0**-52) * w, x)
        rms = nn.RMSNorm(x.shape[-last:], eps=0.3, elementwise_affine=False)
        agree(rms, lambda x: x / np.sqrt((x**2).mean(axes, keepdims=True) + 0.3), x)


@pytest.mark.parametrize("rest", [(), (5,), (2, 3), (2, 3, 2)])
def test_group_and_instance_norm(rest: tuple[int, ...]) -> None:
    x, per_channel = rng.normal(size=(2, 6, *rest)), (6, *[1] * len(rest))
    for groups in (1, 2, 3):
        layer = nn.GroupNorm(groups, 6)
        w, b = given(layer)

        def by_hand(x: Array, groups: int = groups, w: Array = w, b: Array = b) -> Array:
            parts = np.split(x, groups, axis=1)
            axes = tuple(range(1, x.ndim))
            y = np.concatenate([normalised(part, axes) for part in parts], axis=1)
            return y * w.reshape(per_channel) + b.reshape(per_channel)

        agree(layer, by_hand, x)
        agree(
            lambda x, w, b, groups=groups: F.group_norm(x, groups, w, b),
            lambda x, w, b, f=by_hand: f(x, w=w, b=b), x, w, b,
        )  # fmt: skip
    if rest:
        axes = tuple(range(2, x.ndim))
        layer = getattr(nn, f"InstanceNorm{len(rest)}d")(6, affine=True)
        w, b = (v.reshape(per_channel) for v in given(layer))
        agree(layer, lambda x: normalised(x, axes) * w + b, x)
        agree(F.instance_norm, lambda x: normalised(x, axes), x)


@pytest.mark.parametrize("momentum", [0.1, 0.4, None])
@pytest.mark.parametrize("rest", [(), (4,), (2, 3), (2, 1, 3)])
def test_batch_norm(rest: tuple[int, ...], momentum: float | None) -> None:
    layer = getattr(nn, f"BatchNorm{max(1, len(rest))}d")(3, momentum=momentum)
    w, b = (v.reshape(3, *[1] * len(rest)) for v in given(layer))
    axes = (0, *range(2, 2 + len(rest)))
    mean, variance = np.zeros(3), np.ones(3)
    for step in (1, 2):
        x = rng.normal(size=(5, 3, *rest))
        agree(layer, lambda x: normalised(x, axes) * w + b, x)
        share = 1 / step if momentum is None else momentum
        mean = (1 - share) * mean + share * x.mean(axes)
        variance = (1 - share) * variance + share * x.var(axes, ddof=1)
        np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_var.data, variance, rtol=1e-12)
        assert layer.num_batches_tracked.data == step
    layer.eval()
    m, v = (a.reshape(w.shape) for a in (mean, variance))
    agree(layer, lambda x: (x - m) / np.sqrt(v + 1e-5) * w + b, rng.normal(size=(2, 3, *rest)))
    assert layer.num_batches_tracked.data == 2
    pair = rng.normal(size=(2, 3, *[1] * len(rest)))  # the fewest that have a variance
    agree(layer.train(), lambda x: normalised(x, axes) * w + b, pair)
    layer.eval()
    with pytest.raises(ValueError, match="1 value per channel has no variance"):
        layer.train()(np.ones((1, 3, *[1] * len(rest))))


def test_batch_norm_without_memory_and_by_function() -> None:
    layer = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    x = rng.normal(size=(5, 3))
    for mode in (layer.train, layer.eval):
        mode()
        agree(layer, lambda x: normalised(x, (0,)), x)
    assert layer.state_dict() == {}
    m, v, w, b = rng.uniform(0.5, 2, size=(4, 3))
    agree(
        lambda *a: F.batch_norm(*a, eps=0.2),
        lambda x, m, v, w, b: (x - m) / np.sqrt(v + 0.2) * w + b,
        x, m, v, w, b,
    )  # fmt: skip


def test_spectral_norm() -> None:
    for layer, x in (
        (nn.Linear(3, 4, rng=0), rng.normal(size=(2, 3))),
        (nn.Conv2d(2, 3, 2, rng=0), rng.normal(size=(2, 2, 3, 3))),
    ):
        W, b = (p.data for p in layer.parameters())
        wrapped = nn.SpectralNorm(layer, rng=0)
        for _ in range(60):
            wrapped(x)
        largest = np.linalg.svd(W.reshape(len(W), -1), compute_uv=False)[0]
        if x.ndim == 2:
            by_hand = lambda x: x @ (W / largest).T + b
        else:
            by_hand = lambda x: conv(x, W / largest, b, (1, 1), [(0, 0)] * 2, (1, 1), 1)
        agree(wrapped, by_hand, x)
        fresh = nn.SpectralNorm(layer, rng=1)
        kept = fresh.u.data.copy()
        fresh.eval()(x)
        np.testing.assert_array_equal(fresh.u.data, kept)
        fresh.train()(x)
        assert (fresh.u.data != kept).any()
    for refused in (nn.ReLU(), nn.LayerNorm(3), lambda x: x):
        with pytest.raises(TypeError, match="SpectralNorm wraps a layer with weights of rank 2"):
            nn.SpectralNorm(refused)
    still = nn.SpectralNorm(nn.Linear(3, 4, rng=0), n_power_iterations=0, rng=0)
    u, v = still.u.data, still.v.data
    agree(
        lambda x: still(x),
        lambda x: x @ (W_ := still.layer.weight.data).T / (u @ W_ @ v) + still.layer.bias.data,
        rng.normal(size=(2, 3)),
    )
    np.testing.assert_array_equal(still.u.data, u)


# --- attention ---------------------------------------------------------------------------


def softmax(z: Array) -> Array:
    z = np.exp(z - z.max(-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)


def attend(q: Array, k: Array, v: Array, mask: Any = None, scale: float | None = None) -> Array:
    """Target by target; ``mask`` is added to the scores."""
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    if mask is not None:
        mask = mask + np.zeros((q.shape[-2], k.shape[-2]))
    for t in range(q.shape[-2]):
        scores = np.einsum("...d,...sd->...s", q[..., t, :], k)
        scores = scores * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
        if mask is not None:
            scores = scores + mask[..., t, :]
        y[..., t, :] = np.einsum("...s,...sd->...d", softmax(scores), v)
    return y


def hides(forbidden: Array) -> Array:
    return np.where(forbidden, -np.inf, 0.0)


FUTURE = np.arange(5)[None, :] > np.arange(4)[:, None]  # sources after the target's own place


def test_scaled_dot_product_attention() -> None:
    q, k, v = (rng.normal(size=(2, 3, n, d)) for n, d in ((4, 6), (5, 6), (5, 2)))
    added, allowed = rng.normal(size=(4, 5)), rng.random((2, 1, 4, 5)) < 0.6
    allowed[..., 0] = True
    attention = F.scaled_dot_product_attention
    agree(attention, attend, q, k, v)
    agree(lambda *a: attention(*a, scale=0.7), lambda *a: attend(*a, scale=0.7), q, k, v)
    agree(attention, attend, q, k, v, added)
    agree(lambda *a: attention(*a, allowed), lambda *a: attend(*a, hides(~allowed)), q, k, v)
    agree(lambda *a: attention(*a, is_causal=True), lambda *a: attend(*a, hides(FUTURE)), q, k, v)
    agree(
        lambda *a: attention(*a, is_causal=True),
        lambda q, k, v, m: attend(q, k, v, m + hides(FUTURE)), q, k, v, added,
    )  # fmt: skip
    agree(
        lambda *a: attention(*a, allowed, is_causal=True),
        lambda *a: attend(*a, hides(~allowed | FUTURE)), q, k, v,
    )  # fmt: skip
    shared = rng.normal(size=(2, 6, 4, 6))  # two heads of the query for one of the key
    agree(
        lambda *a: attention(*a, enable_gqa=True),
        lambda q, k, v: attend(q, k.repeat(2, 1), v.repeat(2, 1)), shared, k, v,
    )  # fmt: skip
    agree(attention, attend, q[0, 0], k[0, 0], v[0, 0])
    agree(
        lambda *a: attention(*a, is_causal=True),
        lambda *a: attend(*a, hides(FUTURE)), q[0], k[0], v[0],
    )  # fmt: skip


def heads(x: Array, w: Array, b: Any, n: int) -> Array:
    """(batch, places, features) through a layer, as (batch, heads, places, each)."""
    y = x @ w.T + (0 if b is None else b)
    return np.stack(np.split(y, n, axis=-1), axis=1)


@pytest.mark.parametrize("bias", [True, False])
def test_multi_head_attention(bias: bool) -> None:
    layer = nn.MultiHeadAttention(6, 3, bias=bias, rng=0)
    state = dict(zip((name for name, _ in layer.named_parameters()), given(layer)))
    w_in, w_out = state["in_proj_weight"], state["out_proj.weight"]
    b_in, b_out = state.get("in_proj_bias"), state.get("out_proj.bias")

    def by_hand(q: Array, k: Array, v: Array, mask: Any = None) -> Array:
        parts = [
            heads(x, w_in[i : i + 6], None if b_in is None else b_in[i : i + 6], 3)
            for i, x in zip((0, 6, 12), (q, k, v))
        ]
        y = np.concatenate(list(attend(*parts, mask).swapaxes(0, 1)), axis=-1)
        return y @ w_out.T + (0 if b_out is None else b_out)

    q, k, v = (0.3 * rng.normal(size=(2, n, 6)) for n in (4, 5, 5))
    agree(lambda *a: layer(*a), by_hand, q, k, v)
    agree(lambda x: layer(x), lambda x: by_hand(x, x, x), q)
    forbidden = rng.random((4, 5)) < 0.4
    forbidden[:, 0] = False
    padding = np.array([[False] * 5, [False, False, True, False, True]])
    agree(
        lambda *a: layer(*a, attn_mask=forbidden),
        lambda *a: by_hand(*a, hides(forbidden)), q, k, v,
    )  # fmt: skip
    agree(
        lambda *a: layer(*a, key_padding_mask=padding),
        lambda *a: by_hand(*a, hides(padding)[:, None, None]), q, k, v,
    )  # fmt: skip
    agree(
        lambda *a: layer(*a, key_padding_mask=padding, attn_mask=forbidden),
        lambda *a: by_hand(*a, hides(padding[:, None, None] | forbidden)), q, k, v,
    )  # fmt: skip
    full = rng.normal(size=(2 * 3, 4, 5))
    agree(
        lambda *a: layer(*a, attn_mask=full),
        lambda *a: by_hand(*a, full.reshape(2, 3, 4, 5)), q, k, v,
    )  # fmt: skip
    agree(
        lambda q, k, v: layer(q, k, v),
        lambda q, k, v: by_hand(q[None], k[None], v[None])[0], q[0], k[0], v[0],
    )  # fmt: skip
    weights = layer(q, k, v, need_weights=True)[1]
    assert weights.shape == (2, 4, 5)
    np.testing.assert_allclose(weights.data.sum(-1), 1)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_transformer_encoder_layer(first: bool, activation: str) -> None:
    layer = nn.TransformerEncoderLayer(
        4, 2, 7, activation=activation, norm_first=first, layer_norm_eps=0.01, rng=0
    )
    for p in layer.parameters():
        p.data = p.data + 0.3 * rng.normal(size=p.shape)
    s = {name: p.data for name, p in layer.named_parameters()}
    bend = {
        "relu": lambda z: np.maximum(z, 0),
        "gelu": lambda z: z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2,
    }[activation]

    def attention(x: Array) -> Array:
        return np.asarray(layer.self_attn(x).data)

    def norm(x: Array, i: int) -> Array:
        return normalised(x, (-1,), 0.01) * s[f"norm{i}.weight"] + s[f"norm{i}.bias"]

    def wide(x: Array) -> Array:
        hidden = bend(x @ s["linear1.weight"].T + s["linear1.bias"])
        return hidden @ s["linear2.weight"].T + s["linear2.bias"]

    def by_hand(x: Array) -> Array:
        if first:
            x = x + attention(norm(x, 1))
            return x + wide(norm(x, 2))
        x = norm(x + attention(x), 1)
        return norm(x + wide(x), 2)

    agree(layer, by_hand, rng.normal(size=(2, 3, 4)))


# --- recurrence, products ----------------------------------------------------------------


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def rnn(x: Array, h: Array, w: Array, u: Array, b: Array, c: Array) -> Array:
    return np.tanh(x @ w.T + b + h @ u.T + c)


def gru(x: Array, h: Array, w: Array, u: Array, b: Array, c: Array) -> Array:
    m = h.shape[-1]
    r, z, n = (slice(i * m, (i + 1) * m) for i in range(3))
    seen, held = (lambda k: x @ w[k].T + b[k]), (lambda k: h @ u[k].T + c[k])
    gate = sigmoid(seen(z) + held(z))
    new = np.tanh(seen(n) + sigmoid(seen(r) + held(r)) * held(n))
    return (1 - gate) * new + gate * h


def lstm(x: Array, h: Array, cell: Array, w: Array, u: Array, b: Array, c: Array) -> Array:
    m = h.shape[-1]
    i, f, g, o = (x @ w[k : k + m].T + b[k : k + m] + h @ u[k : k + m].T + c[k : k + m]
                  for k in range(0, 4 * m, m))  # fmt: skip
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return np.stack([sigmoid(o) * np.tanh(cell), cell])


@pytest.mark.parametrize("lead", [(2,), ()])
def test_recurrent_cells(lead: tuple[int, ...]) -> None:
    x, h, cell = (rng.normal(size=(*lead, n)) for n in (3, 5, 5))
    weights = lambda gates: [
        rng.normal(size=s) / 2 for s in ((gates * 5, 3), (gates * 5, 5), (gates * 5,), (gates * 5,))
    ]
    agree(F.rnn_cell, rnn, x, h, *weights(1))
    agree(F.gru_cell, gru, x, h, *weights(3))
    agree(
        lambda x, h, c, *w: mg.stack(list(F.lstm_cell(x, (h, c), *w))),
        lstm, x, h, cell, *weights(4),
    )  # fmt: skip
    agree(
        lambda *a: F.rnn_cell(*a, nonlinearity="relu"),
        lambda x, h, w, u, b, c: np.maximum(0, x @ w.T + b + h @ u.T + c), x, h, *weights(1),
    )  # fmt: skip
    for make, f, gates in ((nn.RNNCell, rnn, 1), (nn.GRUCell, gru, 3)):
        layer = make(3, 5, rng=0)
        parameters = [p.data for p in layer.parameters()]
        assert [p.shape for p in parameters] == [w.shape for w in weights(gates)]
        assert max(np.abs(p).max() for p in parameters) <= 1 / math.sqrt(5)
        agree(layer, lambda x, h, f=f, p=parameters: f(x, h, *p), x, h)
        agree(layer, lambda x, f=f, p=parameters: f(x, np.zeros((*lead, 5)), *p), x)
        without = make(3, 5, bias=False, rng=0)
        w, u = (p.data for p in without.parameters())
        zero = np.zeros(len(w))
        agree(without, lambda x, h, f=f, w=w, u=u, z=zero: f(x, h, w, u, z, z), x, h)
        assert "bias=False" in repr(without)
        assert "bias" not in repr(layer)
    layer = nn.LSTMCell(3, 5, rng=0)
    parameters = [p.data for p in layer.parameters()]
    agree(lambda x: mg.stack(list(layer(x))),
          lambda x: lstm(x, *np.zeros((2, *lead, 5)), *parameters), x)  # fmt: skip
    for refused in ((1, 2, 3), (4,), (3, 4), (3, 1)):
        with pytest.raises(ValueError, match="rnn_cell wants input of shape"):
            F.rnn_cell(np.ones(refused), h, *weights(1))
    with pytest.raises(ValueError, match="rnn_cell wants a state of shape"):
        F.rnn_cell(x, h[..., :4], *weights(1))


def test_products() -> None:
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    layer = nn.Linear(3, 5, rng=0)
    W, b = (p.data for p in layer.parameters())
    agree(layer, lambda x: np.einsum("ni,oi->no", x, W) + b, x)
    assert np.abs(W).max() <= 1 / math.sqrt(3)
    assert "bias" not in repr(layer)
    assert "bias=False" in repr(nn.Linear(3, 5, bias=False))
    pair = nn.Bilinear(3, 4, 5, rng=0)
    W2, b2 = (p.data for p in pair.parameters())
    agree(pair, lambda x, y: np.einsum("ni,oij,nj->no", x, W2, y) + b2, x, y)
    agree(
        F.bilinear,
        lambda x, y, w: np.einsum("ni,oij,nj->no", x, w, y),
        x,
        y,
        rng.normal(size=W2.shape),
    )
    lone = nn.Bilinear(3, 4, 5, bias=False)
    assert lone.bias is None
    assert repr(lone).startswith("Bilinear(3, 4, 5, bias=False)")
    assert repr(pair).startswith("Bilinear(3, 4, 5)")
    assert nn.Flatten()(x).shape == (2, 3)
    with pytest.raises(ValueError, match=r"Flatten wants input of shape \(batch, \.\.\.\), not"):
        nn.Flatten()(np.ones(3))
    assert np.abs(W2).max() <= 1 / math.sqrt(3)


def test_embedding() -> None:
    table, ids = rng.normal(size=(5, 3)), np.array([[1, 4], [1, 0]])
    agree(
        lambda w: F.embedding(ids, w), lambda w: np.stack([[w[i] for i in r] for r in ids]), table
    )
    w = mg.Tensor(table, requires_grad=True)
    for padding in (1, -4):
        w.grad = None
        F.embedding(ids, w, padding_idx=padding).sum().backward()
        np.testing.assert_array_equal(w.grad[:, 0], [1, 0, 0, 0, 1])
    with pytest.raises(IndexError, match="asks for 5"):
        F.embedding([5], table)
    with pytest.raises(IndexError, match="asks for -1"):
        F.embedding([-1], table)
    for padding in (5, -6):
        with pytest.raises(IndexError, match=f"padding_idx is {padding}"):
            F.embedding([0], table, padding_idx=padding)
    layer = nn.Embedding(5, 3, padding_idx=4, rng=0)
    assert not layer.weight.data[4].any()
    assert layer.weight.data[:4].all()


def test_normalize_small_vectors_and_unflatten_one() -> None:
    np.testing.assert_allclose(F.normalize(np.array([[3e-6, -4e-6]])), [[0.6, -0.8]], rtol=1e-12)
    assert nn.Unflatten(-1, (2, 3))(np.ones(6)).shape == (2, 3)


def test_pixels_are_shuffled_by_threes() -> None:
    x = np.arange(9.0).reshape(1, 9, 1, 1)
    np.testing.assert_array_equal(F.pixel_shuffle(x, 3)[0, 0], np.arange(9.0).reshape(3, 3))
    with pytest.raises(ValueError, match="pixel_shuffle"):
        F.pixel_shuffle(np.ones((1, 6, 1, 1)), 3)


@pytest.mark.parametrize("drop", [F.alpha_dropout, F.feature_alpha_dropout])
def test_alpha_dropout_keeps_mean_and_variance(drop: Any) -> None:
    p, saturated = 0.3, -1.7580993408473766  # -λα of selu
    low, high = np.unique(drop(np.ones((50, 40, 2)), p, 1))
    a = 1 / np.sqrt((1 - p) * (1 + p * saturated**2))
    np.testing.assert_allclose(
        [low, high], [a * saturated - a * p * saturated, a - a * p * saturated]
    )


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_without_a_batch(make: Any) -> None:
    layer, x = make(3, 2, rng=0), rng.normal(size=(5, 3))
    np.testing.assert_allclose(layer(x)[0].data, layer(x[:, None])[0].data[:, 0], rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_how_alike(axis: int) -> None:
    x, y = rng.normal(size=(2, 3, 4, 2))
    dot = lambda x, y: (x * y).sum(axis)
    length = lambda x: np.sqrt((x * x).sum(axis))
    agree(
        lambda x, y: F.cosine_similarity(x, y, axis),
        lambda x, y: dot(x, y) / (length(x) * length(y)), x, y,
    )  # fmt: skip
    assert F.cosine_similarity(0 * x, y, axis).any() == 0
    keep = lambda x, p: (np.abs(x) ** p).sum(axis, keepdims=True) ** (1 / p)
    for p in (1.0, 2.0, 3.0):
        agree(lambda x, p=p: F.normalize(x, p, axis), lambda x, p=p: x / keep(x, p), x)
        agree(
            lambda x, y, p=p: F.pairwise_distance(x, y, p),
            lambda x, y, p=p: (np.abs(x - y + 1e-6) ** p).sum(-1) ** (1 / p), x, y,
        )  # fmt: skip
    assert F.pairwise_distance(x, y, keepdims=True).shape == (3, 4, 1)
    np.testing.assert_array_equal(F.normalize(np.zeros((2, 2))), np.zeros((2, 2)))


# --- activations with a shape of their own -------------------------------------------------


def test_activations_with_parameters() -> None:
    x = rng.normal(size=(2, 3, 4))
    w = np.array([0.1, 0.5, 0.9])
    agree(F.prelu, lambda x, w: np.where(x > 0, x, w[:, None] * x), x, w)
    agree(F.prelu, lambda x, w: np.where(x > 0, x, w * x), x, np.array([0.3]))
    agree(F.prelu, lambda x, w: np.where(x > 0, x, w * x), x[0, :, 0], w)
    agree(nn.PReLU(), lambda x: np.where(x > 0, x, 0.25 * x), x)
    with pytest.raises(ValueError, match=r"has shape \(4,\), and .* has 3 channels"):
        F.prelu(x, np.ones(4))
    for axis in (1, 2, -1):
        even = x[:, :2]

        def gated(x: Array, axis: int = axis) -> Array:
            a, b = np.split(x, 2, axis)
            return a * sigmoid(b)

        agree(lambda x, axis=axis: F.glu(x, axis), gated, even)
        agree(nn.GLU(axis), gated, even)
        low = lambda x, axis=axis: np.exp(-x) / np.exp(-x).sum(axis, keepdims=True)
        agree(nn.Softmin(axis), low, even)
        agree(nn.Softmax(axis), lambda x, f=low: f(-x), even)
        agree(nn.LogSoftmax(axis), lambda x, f=low: np.log(f(-x)), even)


LAYERS: list[tuple[nn.Module, Callable[[Array], Array]]] = [
    (nn.ReLU(), lambda x: np.maximum(x, 0)),
    (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
    (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.ELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
    (nn.ELU(0.4), lambda x: np.where(x > 0, x, 0.4 * np.expm1(x))),
    (nn.CELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
    (nn.CELU(0.4), lambda x: np.where(x > 0, x, 0.4 * np.expm1(x / 0.4))),
    (nn.Hardtanh(), lambda x: np.clip(x, -1, 1)),
    (nn.Hardtanh(-0.5, 2), lambda x: np.clip(x, -0.5, 2)),
    (nn.Hardshrink(), lambda x: np.where(abs(x) > 0.5, x, 0)),
    (nn.Softshrink(0.2), lambda x: np.sign(x) * np.maximum(abs(x) - 0.2, 0)),
    (nn.Sigmoid(), sigmoid),
    (nn.Tanh(), np.tanh),
    (nn.SiLU(), lambda x: x * sigmoid(x)),
    (nn.Softplus(), lambda x: np.log1p(np.exp(x))),
    (nn.GELU(), lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2),
    (nn.GELU("tanh"),
     lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (nn.Flatten(), lambda x: x.reshape(len(x), -1)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "formula"), LAYERS, ids=lambda v: repr(v)[:20])
def test_activation_layers(layer: nn.Module, formula: Callable[[Array], Array]) -> None:
    x = 4 * rng.normal(size=(3, 4, 2))
    for kink in (-1, -0.5, -0.2, 0, 0.2, 0.5, 1, 2, 6):  # the slopes are taken beside them
        x[np.abs(x - kink) < 1e-3] += 0.01
    agree(layer, formula, x)


def test_what_is_drawn() -> None:
    for dtype in (np.float32, np.float64):
        y = F.dropout(np.ones((40, 50), dtype), 0.25, np.random.default_rng(0))
        assert y.dtype == dtype
        assert set(np.unique(y)) == {0, dtype(1) / dtype(0.75)}
        assert 0.2 < (y == 0).mean() < 0.3
    assert F.dropout(np.ones(50, int), 0.25, np.random.default_rng(0)).dtype == np.float64
    w = nn.init.normal((300,), np.random.default_rng(0), 3.0, 0.5)
    assert w.mean() == pytest.approx(3, abs=0.1)
    assert w.std() == pytest.approx(0.5, abs=0.05)
    assert (nn.init.normal((3,), 0, 2.0, 0.0) == 2).all()
    with pytest.raises(ValueError, match="std=-1 must not be negative"):
        nn.init.normal((3,), 0, std=-1)
    assert (nn.init.uniform((3,), 0, 2.0, 2.0) == 2).all()


# --- gradients of a module ---------------------------------------------------------------


def test_value_and_gradients_of_a_module() -> None:
    line = nn.Linear(2, 1, rng=0)
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 1))

    def loss(x: Array, y: Array) -> Any:
        e = line(x) - y
        return (e * e).mean()

    W, b = (p.data for p in line.parameters())
    e = x @ W.T + b - y
    value, (dW, db) = nn.value_and_grad(line, loss)(x, y)
    assert value == pytest.approx((e**2).mean())
    np.testing.assert_allclose(dW, 2 * e.T @ x / 5)
    np.testing.assert_allclose(db, 2 * e.mean(0))
    both = nn.value_and_grad(line, lambda x, y: (loss(x, y), {"e": line(x) - y}), has_aux=True)
    (value, aux), gradients = both(x, y)
    assert value == pytest.approx((e**2).mean())
    np.testing.assert_allclose(aux["e"], e)
    np.testing.assert_allclose(gradients[0], dW)
    for module, f in ((line, line), (line, 3), (loss, loss)):
        with pytest.raises(TypeError, match=r"nn\.value_and_grad takes a module and a function"):
            nn.value_and_grad(module, f)
    for f in (lambda: 3.0, lambda: mg.Tensor(2.0)):
        with pytest.raises(TypeError, match="which no parameter was used for"):
            nn.value_and_grad(line, f)()
