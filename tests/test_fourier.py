"""Fourier transforms against JAX and finite differences, in every form of call."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from complex_samples import plane
from tables import each
from test_complex import close, numeric, parts, weights_of

NORMS = (None, "ortho", "forward")
ALONG = "fft ifft rfft irfft hfft ihfft".split()
OVER = "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn".split()
REAL = {"rfft", "ihfft", "rfft2", "rfftn"}
CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    *((name, (5,), {"norm": norm}) for name, norm in product(ALONG, NORMS)),
    *((name, (4,), {"n": n}) for name, n in product(ALONG, (1, 2, 3, 4, 6, 7))),
    *((name, (3, 2), {"axis": 0, "n": n}) for name, n in product(ALONG, (None, 4))),
    *((name, (2, 3), {"norm": norm}) for name, norm in product(OVER, NORMS)),
    *(
        (name, (3, 4), {"s": s, "axes": (0, 1)})
        for name, s in product(OVER, ((2, 5), (4, 4), (5, 3)))
    ),
    *((name, (2, 3, 2), {"axes": (2, 0)}) for name in OVER),
    *((name, (2, 2, 3), {"axes": (1,), "s": (4,)}) for name in OVER),
]
each_case = each("name, shape, options", CASES)


def case(name: str, shape: tuple[int, ...], options: Any) -> tuple[Any, Any]:
    x = plane(shape)
    return (lambda x: getattr(np.fft, name)(x, **options)), x.real if name in REAL else x


@each_case
def test_gradients(name: str, shape: tuple[int, ...], options: Any) -> None:
    f, x = case(name, shape, options)
    t = mg.Tensor(x, requires_grad=True)
    y = f(t)
    np.testing.assert_allclose(y.data, f(x), rtol=1e-14, atol=1e-14)
    assert y.dtype == f(x).dtype
    w = weights_of(y, 1)
    parts(y, w).backward()
    close(t.grad, numeric(lambda x: parts(f(x), w), [x], 0), 1e-9)
    if x.dtype.kind == "c":
        real = mg.grad(lambda x: parts(f(x), w))(x.real)
        close(real, t.grad.real, 1e-12)


@each_case
def test_tangents(name: str, shape: tuple[int, ...], options: Any) -> None:
    f, x = case(name, shape, options)
    direction = plane(shape, 3) if x.dtype.kind == "c" else plane(shape, 3).real
    close(mg.jvp(f, (x,), (direction,))[1], f(direction), 1e-13)
    several = np.stack([x, direction])
    close(mg.vmap(f)(several), np.stack([f(x), f(direction)]), 1e-13)


@pytest.mark.parametrize("name", [*ALONG, *OVER])
def test_second_derivatives(name: str) -> None:
    f, x = case(name, (2, 3), {})

    def energy(x: Any) -> Any:
        return np.sum(np.abs(f(x)) ** 4)

    def change(x: Any) -> Any:
        return parts(mg.grad(energy)(x), weights_of(x, 2))

    close(mg.grad(change)(x), numeric(change, [x], 0), 1e-6)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name, norm", [*product([*ALONG, *OVER], (None, "ortho"))])
def test_as_jax(name: str, norm: str | None) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    f, x = case(name, (2, 3), {"norm": norm})

    def ours(x: Any) -> Any:
        return np.sum(np.abs(f(x) + 0.5) ** 2 * np.arange(1.0, 3)[:, None])

    def theirs(x: Any) -> Any:
        jnp = jax.numpy
        y = getattr(jnp.fft, name)(x, norm=norm)
        return jnp.sum(jnp.abs(y + 0.5) ** 2 * jnp.arange(1.0, 3)[:, None])

    close(mg.grad(ours)(x), jax.grad(theirs)(x), 1e-12)


def test_shifts() -> None:
    x = plane((2, 3))
    for f in (np.fft.fftshift, np.fft.ifftshift):
        for axes in (None, 0, (1,), (0, 1)):
            t = mg.Tensor(x, requires_grad=True)
            np.testing.assert_array_equal(f(t, axes).data, f(x, axes))
    w = weights_of(x, 1)
    back = mg.grad(lambda x: parts(np.fft.fftshift(x), w))(x)
    np.testing.assert_array_equal(back, np.fft.ifftshift(w))
    d = mg.grad(lambda d: np.sum(np.fft.fftfreq(4, d) ** 2))(2.0)
    assert d == pytest.approx(-2 * np.sum(np.fft.fftfreq(4, 2.0) ** 2) / 2.0)


def test_single_precision() -> None:
    x = np.ones(4, np.float32)
    assert np.fft.rfft(mg.Tensor(x)).dtype == np.complex64
    assert mg.grad(lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 2))(x).dtype == np.float32
    assert mg.grad(lambda x: np.sum(np.fft.irfft(np.fft.rfft(x)) ** 2))(x).dtype == np.float32


def test_traced_and_compiled() -> None:
    def low_pass(x: Any, k: Any) -> Any:
        return np.sum(np.fft.irfft(np.fft.rfft(x) * k) ** 2)

    x, k = np.arange(6.0), np.array([1.0, 0.5, 0.2, 0.1])
    expected = mg.grad(low_pass, (0, 1))(x, k)
    for got, want in zip(mg.compile(mg.grad(low_pass, (0, 1)))(x, k), expected, strict=True):
        close(got, want, 1e-12)


def test_errors() -> None:
    z = mg.Tensor(plane((2, 3)), name="z")
    for call, kind, words in (
        (lambda: np.fft.rfft(z), TypeError, r"fft.rfft\(z\).*it takes real numbers"),
        (lambda: np.fft.fft(z, 0), ValueError, r"fft.fft.*at least one point, not 0"),
        (lambda: np.fft.fft(z, norm="odd"), ValueError, r"fft.fft.*norm must be 'backward'"),
        (lambda: np.fft.fftn(z, (2,), (0, 1)), ValueError, r"fft.fftn.*1 lengths for 2 axes"),
        (lambda: np.fft.fftn(z, axes=(0, -2)), ValueError, r"fft.fftn.*an axis is given twice"),
        (lambda: np.fft.fft(z, axis=2), ValueError, r"fft.fft.*axis 2 is out of bounds"),
    ):
        with pytest.raises(kind, match=words):
            call()
