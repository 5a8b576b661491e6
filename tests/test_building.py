"""Arrays built of parts, functions spread over arrays, and what sets and windows refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

A, B, M = np.array([1.5, -2.0, 0.5]), np.array([0.25, 3.0, 1.0]), np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize("name", ["r_", "c_"])
@pytest.mark.parametrize("parts", [(A, B), (A,), (M, M), (2.0, A)], ids=["two", "one", "rows", "0"])
def test_joined_by_index(name: str, parts: Any) -> None:
    if name == "c_" and np.ndim(parts[0]) == 0:
        parts = (B, *parts[1:])
    expected = getattr(np, name)[parts]
    tensors = [mg.Tensor(p, requires_grad=True) for p in parts]
    got = getattr(mg, name)[tuple(tensors)]
    np.testing.assert_array_equal(got.data, expected)
    (got * np.arange(expected.size).reshape(expected.shape)).sum().backward()
    assert all(t.grad.shape == t.shape for t in tensors)


def test_ranges_and_directives() -> None:
    t = mg.Tensor(A, requires_grad=True)
    np.testing.assert_array_equal(mg.r_[2:5, t, 0:1:3j].data, np.r_[2:5, A, 0:1:3j])
    np.testing.assert_array_equal(mg.c_[M, t].data, np.c_[M, A])
    assert repr(mg.r_) == "mg.r_"
    with pytest.raises(TypeError, match="directives in words are not supported"):
        mg.r_["0,2", t]


def test_vectorize() -> None:
    f = mg.vectorize(lambda x, n, scale: x**n * scale if x > 0 else x, excluded=["scale"])
    x, n = np.array([[2.0], [-3.0]]), np.array([1.0, 3.0])
    got = mg.grad(lambda x: f(x, n, scale=10.0).sum())(x)
    np.testing.assert_allclose(got, [[10 + 120], [2]])
    np.testing.assert_allclose(f(x, n, scale=10.0), [[20, 80], [-3, -3]])
    with pytest.raises(ValueError, match="there is no element to call the function for"):
        f(np.zeros(0), 1.0, scale=1.0)
    with pytest.raises(TypeError, match="pyfunc must be a function, not 3"):
        mg.vectorize(3)


def test_bessel_functions_to_every_order_and_size() -> None:
    sp = pytest.importorskip("scipy.special")
    x = np.array([-700.0, -30.0, -2.0, 0.0, 1e-8, 0.5, 9.0, 100.0, 700.0])
    f = np.i0
    for order in range(4):
        expected = sp.ivp(0, x, order)
        np.testing.assert_allclose(f(x), expected, rtol=1e-13, atol=1e-14)
        f = mg.grad(lambda x, f=f: np.sum(f(x)))


def test_histograms_count_as_numpy() -> None:
    rng = np.random.default_rng(0)
    a, w = np.round(rng.uniform(-1, 5, 200), 1), rng.uniform(size=200)
    for bins, span in ((7, None), (7, (0, 4)), ([0, 1, 1.5, 4], None), ("auto", None)):
        for density in (False, True):
            for weights in (None, w):
                if bins == "auto" and weights is not None:
                    continue
                expected = np.histogram(a, bins, span, density, weights)
                got = mg.histogram(a, bins, span, density, weights)
                for e, g in zip(expected, got):
                    np.testing.assert_allclose(g, e, rtol=1e-12)
    compiled = mg.compile(mg.grad(lambda w: (np.histogram(a, 7, (0, 4), weights=w)[0] ** 2).sum()))
    for v in (w, w[::-1].copy()):
        h, edges = np.histogram(a, 7, (0, 4), weights=v)
        at = np.clip(np.searchsorted(edges, a, side="right") - 1, 0, 6)
        inside = (a >= 0) & (a <= 4)
        np.testing.assert_allclose(compiled(v), 2 * h[at] * inside, rtol=1e-12)


X = np.array([0.3, 1.1, 1.9, 2.4])
MISTAKES: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda t: np.polyfit(t, np.ones(3), 1), ValueError, "polyfit takes a vector x and as many"),
    (lambda t: np.polyfit(t, t, -1), ValueError, "the degree must not be negative, as -1 is"),
    (lambda t: np.polyfit(t, t, 1, full=True), TypeError, "full=True is not supported"),
    (lambda t: np.polyfit(t * 0 + 1, t, 1), np.linalg.LinAlgError, "do not determine a polynomial"),
    (lambda t: np.polyfit(t, t, 1, w=np.ones(3)), ValueError, "must have the shape of x"),
    (lambda t: np.polyfit(t[:2], t[:2], 1, cov=True), ValueError, "more points than coefficients"),
    (lambda t: np.polyder(t, -1), ValueError, "polyder: .* must not be negative; use polyint"),
    (lambda t: np.polyint(t, -1), ValueError, "polyint: .* must not be negative; use polyder"),
    (lambda t: np.polyint(t, 3, [1.0, 2.0]), ValueError, "one constant or 3 of them, not 2"),
    (lambda t: np.poly(t[None]), ValueError, "poly takes a vector of zeros here: of a matrix"),
    (lambda t: np.polymul(t[None], t), ValueError, "polymul takes vectors of coefficients"),
    (lambda t: np.trim_zeros(t, "front"), ValueError, "trim must be made of 'f' and 'b', not 'fr"),
    (lambda t: np.histogram(t, weights=t[:2]), ValueError, "must have the shape of a"),
    (lambda t: np.ediff1d(t.astype(int), np.nan), TypeError, "float64 at an end does not go with"),
    (lambda t: np.histogram(t, "fd", weights=t), TypeError, "give the number of bins and not 'fd'"),
    (lambda t: np.interp(t, t, t, period=0), ValueError, "the period must not be 0"),
    (
        lambda t: np.quantile(t, 0.5, weights=t * 0, method="inverted_cdf"),
        ValueError,
        "weights must be finite, and not all 0",
    ),
    (
        lambda t: np.lib.stride_tricks.sliding_window_view(t, len(t) + 1),
        ValueError,
        "a window of 5 does not fit into axis 0 of length 4",
    ),
    (
        lambda t: np.lib.stride_tricks.sliding_window_view(t, (2, 2)),
        ValueError,
        "must have one length for each axis",
    ),
    (
        lambda t: np.apply_over_axes(lambda a, axis: a[None, None], t, [0]),
        ValueError,
        "keep the number",
    ),
]


@pytest.mark.parametrize(("call", "kind", "words"), MISTAKES, ids=[m[2][:40] for m in MISTAKES])
def test_mistakes(call: Callable[[Any], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call(mg.Tensor(X, requires_grad=True))
