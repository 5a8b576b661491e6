"""Filters of signals and images, by Tensors: values and dtypes are SciPy's, slopes true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg

scipy: Any = pytest.importorskip("scipy")
import scipy.ndimage as sn  # noqa: E402
import scipy.signal as ss  # noqa: E402

from minigrad.scipy import integrate, interpolate, ndimage, signal  # noqa: E402
from tables import each  # noqa: E402

rng = np.random.default_rng(15)


def parts(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def compare(ours: Any, theirs: Any, args: Any, moved: tuple[int, ...] = (0,), **kw: Any) -> None:
    """Value, dtype and shape as SciPy's, and the slope along a direction of ``moved`` arguments."""
    try:
        want = parts(theirs(*args, **kw))
    except Exception:
        with pytest.raises((TypeError, ValueError, RuntimeError, IndexError)):
            ours(*[mg.Tensor(v) if i in moved else v for i, v in enumerate(args)], **kw)
        return
    called = [mg.Tensor(v) if i in moved else v for i, v in enumerate(args)]
    got = [np.asarray(v.data) for v in parts(ours(*called, **kw))]
    for g, w in zip(got, want, strict=True):
        single = any(getattr(v, "dtype", None) == np.float32 for v in (w, *args))
        tiny = 1e-4 if single else 1e-9
        assert g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=tiny, atol=tiny)
    if any(args[i].dtype != float for i in moved) or not want[0].size:
        return
    weights = [rng.normal(size=w.shape) for w in want]
    ways = {i: rng.normal(size=args[i].shape) for i in moved}

    def total(f: Any, given: Any) -> Any:
        found = zip(weights, parts(f(*given, **kw)), strict=True)
        return sum(np.sum(c * np.real(v)) for c, v in found)

    leaves = [mg.Tensor(v, requires_grad=True) if i in moved else v for i, v in enumerate(args)]
    total(ours, leaves).backward()
    slope = sum(np.sum(leaves[i].grad * ways[i]) for i in moved)
    ends = [
        total(theirs, [v + s * ways[i] if i in moved else v for i, v in enumerate(args)])
        for s in (1e-6, -1e-6)
    ]
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-5)


MODES = "reflect grid-mirror mirror nearest wrap grid-wrap constant grid-constant bad".split()
BLURS: dict[str, tuple[Any, dict[str, Any]]] = {
    "gaussian_filter": ((1.1,), {}),
    "gaussian_filter1d": ((0.9,), {"order": 1, "axis": 0}),
    "gaussian_laplace": ((0.9,), {}),
    "gaussian_gradient_magnitude": ((0.8,), {}),
    "uniform_filter": ((3,), {"origin": 1}),
    "uniform_filter1d": ((4,), {"origin": -1}),
    "sobel": ((0,), {}),
    "prewitt": ((), {}),
    "laplace": ((), {}),
    "maximum_filter": ((3,), {}),
    "minimum_filter": ((2,), {}),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BLURS)
def test_filters_of_images(name: str, mode: str) -> None:
    rest, kw = BLURS[name]
    ours, theirs = getattr(ndimage, name), getattr(sn, name)
    for x in (rng.normal(size=(4, 5)), rng.normal(size=(5, 2)).astype(np.float32)):
        compare(ours, theirs, (x, *rest), mode=mode, **kw)


@pytest.mark.parametrize("mode", MODES[:-1])
@pytest.mark.parametrize("name", ["correlate", "convolve"])
def test_filters_by_weights(name: str, mode: str) -> None:
    x, w = rng.normal(size=(4, 5)), rng.normal(size=(3, 2))
    ours, theirs = getattr(ndimage, name), getattr(sn, name)
    for origin in (0, -1, (1, 0), 5):
        compare(ours, theirs, (x, w), (0, 1), mode=mode, cval=0.2, origin=origin)
    compare(getattr(ndimage, name + "1d"), getattr(sn, name + "1d"), (x, w[:, 0]), (0, 1), axis=0)


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("mode", MODES)
def test_between_places(order: int, mode: str) -> None:
    x, at = rng.normal(size=(4, 5)), rng.uniform(-6, 9, size=(2, 6))
    kw = {"order": order, "mode": mode, "cval": 0.3}
    compare(ndimage.map_coordinates, sn.map_coordinates, (x, at), (0, 1) if order else (0,), **kw)
    halves = np.arange(-16.5, 17, 0.5)[None]  # either neighbour, or either edge, is as near
    for n in (1, 2, 5):
        compare(ndimage.map_coordinates, sn.map_coordinates, (x[0, :n], halves), **kw)
    compare(ndimage.shift, sn.shift, (x, 0.7), **kw)
    compare(ndimage.spline_filter1d, sn.spline_filter1d, (x,), order=order, mode=mode)


def test_images_moved() -> None:
    x, m = rng.normal(size=(4, 5)), rng.normal(size=(2, 2))
    for matrix in (
        m,
        m[0],
        np.hstack([m, m[:, :1]]),
        np.vstack([np.hstack([m, m[:, :1]]), [0, 0, 1]]),
    ):
        compare(ndimage.affine_transform, sn.affine_transform, (x, matrix))
    compare(ndimage.affine_transform, sn.affine_transform, (x, m), output_shape=(2, 3))
    for kw in ({}, {"reshape": False}, {"axes": (0, 1)}, {"order": 1}):
        compare(ndimage.rotate, sn.rotate, (x, 33.0), **kw)
    for factor in (1.7, (2, 0.5), 0.3, (1, 2, 3)):
        for grid in (True, False):
            compare(ndimage.zoom, sn.zoom, (x, factor), mode="nearest", grid_mode=grid)
    whole = rng.integers(0, 200, size=(5, 6)).astype(np.uint8)
    for name in ("zoom", "shift"):
        got = getattr(ndimage, name)(mg.Tensor(whole), 2, order=1).data
        np.testing.assert_array_equal(got, getattr(sn, name)(whole, 2, order=1))
    angle = lambda a: np.sum(ndimage.rotate(x, a, reshape=False)[1:3, 2])
    assert mg.gradcheck(angle, 10.0)
    width = lambda s: np.sum(ndimage.gaussian_filter(x, s, radius=4)[1] ** 2)
    assert mg.gradcheck(width, 1.3)


def test_axes_are_filtered_in_the_order_of_scipy() -> None:
    x = rng.normal(size=(3, 4, 5))
    for name in ("correlate", "convolve"):
        ours, theirs = getattr(ndimage, name), getattr(sn, name)
        for axes, w in (((0, 2, 1), (2, 1, 3)), ((2, 0), (2, 3))):
            origin = (0, -1, 0)[: len(axes)]
            compare(ours, theirs, (x, rng.normal(size=w)), (0, 1), axes=axes, origin=origin)
    for name in ("gaussian_laplace", "gaussian_gradient_magnitude"):
        ours, theirs = getattr(ndimage, name), getattr(sn, name)
        compare(ours, theirs, (x, 0.9), axes=(0, 2), mode=["wrap", "nearest"])
    for sigma in (np.float64(0.8), np.array([0.8, 1.1, 0.5])):
        compare(ndimage.gaussian_filter, sn.gaussian_filter, (x, sigma), (0, 1))
    for kw in ({"prefilter": False}, {}):
        compare(ndimage.rotate, sn.rotate, (x, 33.0), mode="grid-wrap", reshape=False, **kw)
    for angle in (90.0, -360.0):
        compare(ndimage.rotate, sn.rotate, (x[0], angle), cval=2.0)


@pytest.mark.parametrize("mode", MODES[:-1])
def test_coefficients_are_read_as_they_are(mode: str) -> None:
    x, at = rng.normal(size=(3, 4)), rng.uniform(-5, 8, size=(2, 6))
    for order in (2, 3):
        kw = {"order": order, "mode": mode, "prefilter": False}
        compare(ndimage.map_coordinates, sn.map_coordinates, (x, at), (0, 1), **kw)


def test_whole_numbers_are_rounded_by_scipy() -> None:
    x = mg.Tensor(rng.integers(0, 255, size=(5, 6)).astype(np.uint8))
    for name, rest in (("zoom", 1.7), ("uniform_filter", 3), ("rotate", 180), ("shift", 0.3)):
        got = getattr(ndimage, name)(x, rest)
        np.testing.assert_array_equal(got.data, getattr(sn, name)(x.data, rest))
    with pytest.raises(TypeError, match=r"^gaussian_filter1d: .* of uint8 .*pass input\.astype"):
        ndimage.gaussian_filter(x, mg.Tensor(1.0, requires_grad=True))
    with pytest.raises(TypeError, match="maximum_filter takes real numbers"):
        ndimage.maximum_filter(mg.Tensor([1j, 2]), 2)
    value = mg.Tensor(2.0, requires_grad=True)
    assert ndimage.correlate(value, mg.Tensor(3.0), origin=()).shape == ()


def test_filters_in_programs() -> None:
    """What is checked of numbers is left out where a program takes them as its inputs."""
    x, b, a = rng.normal(size=24), np.array([0.3, 0.4]), np.array([1.2, 0.3])
    smooth = lambda s: np.sum(ndimage.gaussian_filter(x, s, radius=4) ** 2)
    filtered = lambda b, a: np.sum(signal.filtfilt(b, a, x) ** 2)
    for f, given in ((smooth, (1.1,)), (filtered, (b, a))):
        slope = mg.grad(f, tuple(range(len(given))))
        for got, want in zip(mg.compile(slope)(*given), slope(*given), strict=True):
            np.testing.assert_allclose(got, want)
    np.testing.assert_allclose(mg.vmap(smooth)(np.array([0.7, 1.1])), [smooth(0.7), smooth(1.1)])
    with pytest.raises(TypeError, match=r"gaussian_filter1d: .* depends on sigma.*; give radius="):
        mg.compile(lambda s: ndimage.gaussian_filter(x, s))(1.1)
    sos = ss.butter(2, 0.3, output="sos")
    with pytest.raises(TypeError, match=r"sosfiltfilt: padlen depends on sos, .*; give padlen="):
        mg.compile(lambda sos: signal.sosfiltfilt(sos, x))(sos)
    got = mg.compile(lambda sos: signal.sosfiltfilt(sos, x, padlen=4))(sos)
    np.testing.assert_allclose(got, ss.sosfiltfilt(sos, x, padlen=4))


def test_whole_signals_in_a_frame_that_is_not() -> None:
    x, w = mg.Tensor([[1, 2, 3]]), rng.normal(size=(2, 2))
    for name in ("convolve2d", "correlate2d"):
        got = getattr(signal, name)(x, w, fillvalue=0.6)
        np.testing.assert_allclose(got.data, getattr(ss, name)(x.data, w, fillvalue=0.6))


def test_long_splines_are_filtered_back() -> None:
    x = rng.normal(size=150)
    for mode in MODES[:-1]:
        for order in (2, 5):
            compare(ndimage.spline_filter1d, sn.spline_filter1d, (x,), order=order, mode=mode)


# --- signals -----------------------------------------------------------------------------


@pytest.mark.parametrize("nb", [1, 2, 4])
@pytest.mark.parametrize("na", [1, 2, 4])
def test_recursive_filters_from_a_state(nb: int, na: int) -> None:
    b, a = rng.normal(size=nb), 0.3 * rng.normal(size=na)
    a[0] = 1.5
    k = max(na, nb) - 1
    for shape, axis in (((7,), -1), ((2, 6), 1), ((6, 2), 0), ((2,), -1)):
        x, state = rng.normal(size=shape), list(shape)
        state[axis] = k
        moved = (0, 1, 2, 4) if k else (0, 1, 2)
        compare(signal.lfilter, ss.lfilter, (b, a, x, axis, rng.normal(size=state)), moved)
        compare(signal.lfilter, ss.lfilter, (b, a, x, axis, rng.normal(size=k + 1)))
    if na > 1:
        compare(signal.lfilter_zi, ss.lfilter_zi, (b, a), (0, 1))
        for padtype in ("odd", "even", "constant", None, "bad"):
            x = rng.normal(size=(2, 20))
            compare(signal.filtfilt, ss.filtfilt, (b, a, x), (0, 1, 2), padtype=padtype)
            compare(signal.filtfilt, ss.filtfilt, (b, a, x[:, :3]), padtype=padtype)
    compare(signal.lfilter, ss.lfilter, (b + 1j, a, rng.normal(size=5)))
    single = [v.astype(np.float32) for v in (b, a, rng.normal(size=5))]
    compare(signal.lfilter, ss.lfilter, single)


def test_sections_of_second_order() -> None:
    sos = ss.butter(3, 0.3, output="sos")
    for shape, axis in (((40,), -1), ((2, 40), 1), ((40, 2), 0)):
        x, state = rng.normal(size=shape), list(shape)
        state[axis] = 2
        compare(signal.sosfilt, ss.sosfilt, (sos, x, axis), (1,))
        compare(signal.sosfilt, ss.sosfilt, (sos, x, axis, rng.normal(size=(2, *state))), (1, 3))
        compare(signal.sosfiltfilt, ss.sosfiltfilt, (sos, x, axis), (1,))
    compare(signal.sosfilt, ss.sosfilt, (sos[:, :5], x))
    compare(signal.sosfilt, ss.sosfilt, (2 * sos, x))


@pytest.mark.parametrize("mode", ["interp", "mirror", "constant", "nearest", "wrap", "bad"])
def test_polynomials_through_windows(mode: str) -> None:
    for x in (rng.normal(size=(2, 20)), rng.normal(size=20).astype(np.float32)):
        for width, order, deriv in (
            (5, 2, 0),
            (7, 3, 1),
            (6, 2, 0),
            (3, 3, 0),
            (21, 2, 0),
            (1, 0, 0),
        ):
            kw = {"deriv": deriv, "delta": 0.5, "mode": mode, "cval": 0.3}
            compare(signal.savgol_filter, ss.savgol_filter, (x, width, order), **kw)


@pytest.mark.parametrize("n", [7, 8])
def test_other_rates_and_trends(n: int) -> None:
    x = rng.normal(size=(n, 2))
    for num in (1, 2, 4, n - 1, n, n + 1, 2 * n, 2 * n + 1):
        compare(signal.resample, ss.resample, (x, num))
        compare(signal.resample, ss.resample, (x + 1j * x[::-1], num))
        compare(signal.hilbert, ss.hilbert, (x,), N=num, axis=0)
    for kw in ({}, {"type": "constant"}, {"bp": 3}, {"bp": [2, 5]}, {"bp": 100}, {"type": "bad"}):
        compare(signal.detrend, ss.detrend, (x,), axis=0, **kw)


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm", "bad"])
@pytest.mark.parametrize("mode", ["full", "same", "valid", "bad"])
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_planes(name: str, mode: str, boundary: str) -> None:
    for first, second in (((5, 6), (3, 2)), ((3, 3), (3, 3)), ((2, 2), (3, 4)), ((4, 4), (5, 2))):
        a, b = rng.normal(size=first), rng.normal(size=second)
        ours, theirs = getattr(signal, name), getattr(ss, name)
        compare(ours, theirs, (a, b, mode, boundary, 1.5), (0, 1))
    compare(signal.oaconvolve, ss.oaconvolve, (a, b, mode), (0, 1))


# --- as they are called ------------------------------------------------------------------


def test_calls_without_tensors_are_scipys_own() -> None:
    x = np.arange(6)
    assert ndimage.gaussian_filter(x, 1.0, output=float).dtype == float
    with pytest.raises(TypeError, match="gaussian_filter: output= is not supported here"):
        ndimage.gaussian_filter(mg.Tensor(x * 0.5), 1.0, output=float)
    assert isinstance(integrate.simpson(x), np.float64)


FILTERS = [(m, name) for m in (ndimage, signal) for name in m.__all__]
SUMS = [(integrate, name) for name in ("trapezoid", "cumulative_trapezoid", "simpson")]


@each("module, name", [*FILTERS, *SUMS])
def test_every_call_without_tensors_is_scipys_own(module: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) missing \d required positional argument"):
        getattr(module, name)()


@pytest.mark.parametrize("odd", [None, "bad", {}, np.array(["a"]), object()])
def test_what_are_no_numbers(odd: Any) -> None:
    weights = mg.Tensor([1.0, 2.0])
    for call in (
        lambda: ndimage.correlate1d(odd, weights),
        lambda: signal.lfilter(weights, [1.0], odd),
        lambda: interpolate.interp1d([0.0, 1.0], odd),
        lambda: interpolate.interp1d([0.0, 1.0], [0.0, 1.0], fill_value=[odd])(0.5),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()


def test_names_that_the_mirror_does_not_have() -> None:
    with pytest.raises(AttributeError, match=r"scipy.ndimage.label takes plain arrays, t.data"):
        ndimage.label  # noqa: B018
    with pytest.raises(AttributeError, match=r"'minigrad.scipy.signal' has no attribute 'nothing'"):
        signal.nothing  # noqa: B018


def test_dtypes_of_samples() -> None:
    y, x = rng.normal(size=6).astype(np.float32), np.arange(6, dtype=np.float32)
    for n in (3, 5, 6):
        for places in (None, x[:n]):
            compare(integrate.simpson, scipy.integrate.simpson, (y[:n],), x=places)
    twice = np.array([0.0, 1.0, 1.0, 2.0, 3.0])
    compare(integrate.simpson, scipy.integrate.simpson, (rng.normal(size=5),), x=twice)
    for places in (x + 0.25, (x + 0.25).astype(float)):
        got = interpolate.interp1d(x, y)(places[:5])
        want = scipy.interpolate.interp1d(x, y)(places[:5])
        assert got.dtype == want.dtype
    shuffled = interpolate.interp1d(x[::-1], y)(1.5)
    np.testing.assert_allclose(shuffled, scipy.interpolate.interp1d(x[::-1], y)(1.5), rtol=1e-5)


@pytest.mark.parametrize("name", [n for n in dir(ndimage) if hasattr(sn, n) and n[0] != "_"])
def test_modes_are_described_as_those_of_images(name: str) -> None:
    lines = (getattr(ndimage, name).__doc__ or "").splitlines()
    told = [lines[i + 1] for i, line in enumerate(lines) if line.strip().startswith("mode : ")]
    assert all("eyond the" in line for line in told), told


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("mode", ["mirror", "reflect", "grid-mirror", "wrap", "nearest"])
def test_coordinates_beyond_the_edges(mode: str, order: int) -> None:
    x = np.array([0.3, -1.0, 2.0, 0.7, 5.0])
    places = np.array([[-11.5, -7.2, -3.3, -0.5, 0.0, 2.5, 4.5, 4.6, 9.3, 13.7]])
    ours = ndimage.map_coordinates(mg.Tensor(x), places, order=order, mode=mode)
    theirs = sn.map_coordinates(x, places, order=order, mode=mode)
    np.testing.assert_allclose(ours.data, theirs, atol=1e-14)
