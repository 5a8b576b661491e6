"""Calls on complex arrays: for every op that is right for them a few, as in `samples`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg


@dataclass(eq=False)
class Call:
    """One call: its name, a function of arrays alone, and the arrays."""

    op: str
    f: Callable[..., Any]
    args: list[Any]


CALLS: list[Call] = []


def plane(shape: Any, seed: int = 0, size: float = 1.5) -> Any:
    """Distinct complex numbers, none on an axis: away from zeros and branch cuts."""
    n = int(np.prod(shape))
    rng = np.random.default_rng(seed + 1000 * n)
    quarter = rng.integers(0, 4, n) + rng.uniform(0.15, 0.85, n)
    radius = size * (0.3 + 0.7 * rng.permutation(np.arange(1, n + 1)) / max(n, 1))
    return (radius * np.exp(0.5j * np.pi * quarter)).reshape(shape)[()]


def line(shape: Any, seed: int = 0) -> Any:
    """Positive real numbers."""
    return np.abs(plane(shape, seed))


def call(op: str, f: Callable[..., Any], *args: Any) -> None:
    """Add a call; a shape stands for complex numbers."""
    arrays = [plane(a, seed=i) if isinstance(a, tuple) else a for i, a in enumerate(args)]
    CALLS.append(Call(op, f, arrays))


SHAPES: list[Any] = [(), (3,), (0,)]
UNARY = """
    negative positive reciprocal square sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan
    arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh sinc absolute sign
    angle conjugate real imag copy
"""
for name in UNARY.split():
    for shape in SHAPES:
        call(name, getattr(np, name), shape)
call("sinc", np.sinc, np.array([0.1 + 0.05j, -0.2j, 0.24 + 0.1j, 2.0 - 0.1j, 1e-8 + 1e-9j]))
call("rint", np.rint, np.array([0.2 + 0.3j, 1.3 - 0.7j]))
call("round", lambda z: np.round(z, 1), np.array([0.22 + 0.33j, 1.33 - 0.71j]))
call("angle", lambda z: np.angle(z, deg=True), (3,))

for name in "add subtract multiply divide power float_power".split():
    f = getattr(np, name)
    for a, b in [((3,), (3,)), ((), (2, 2)), ((2, 1), (2,))]:
        call(name, f, a, b)
        call(name, f, line(a), b)  # a real argument beside a complex one
        call(name, f, a, line(b))
for exponent in (2, 3, -1, 0, 1, 0.5, -2, 1.5, 2.5 - 1j):
    call("power", lambda z, p=exponent: z**p, (2, 3))
call("power", lambda p: 2.0**p, (3,))
call("power", lambda p: (-2.0) ** p, (3,))
call("multiply", lambda x: x * (1 + 2j), line((3,)))
call("subtract", lambda x: 1j - x, line(()))
call("divide", lambda z: 1 / z, ())

# --- moving elements -------------------------------------------------------------------

call("reshape", lambda z: np.reshape(z, (3, 2)), (2, 3))
call("ravel", np.ravel, (2, 3))
call("squeeze", np.squeeze, (1, 2))
call("expand_dims", lambda z: np.expand_dims(z, 1), (3,))
call("transpose", np.transpose, (2, 3))
call("swapaxes", lambda z: np.swapaxes(z, 0, 1), (2, 3))
call("moveaxis", lambda z: np.moveaxis(z, 0, -1), (2, 3))
call("rollaxis", lambda z: np.rollaxis(z, 1), (2, 3))
call("matrix_transpose", np.matrix_transpose, (2, 3))
call("flip", np.flip, (2, 3))
call("fliplr", np.fliplr, (2, 3))
call("flipud", np.flipud, (2, 3))
call("roll", lambda z: np.roll(z, 1, 1), (2, 3))
call("rot90", np.rot90, (2, 3))
call("tile", lambda z: np.tile(z, 2), (2, 3))
call("repeat", lambda z: np.repeat(z, 2, 0), (2, 3))
call("resize", lambda z: np.resize(z, (4,)), (3,))
call("broadcast_to", lambda z: np.broadcast_to(z, (2, 3)), (3,))
call("broadcast_arrays", lambda a, b: np.prod(np.stack(np.broadcast_arrays(a, b)), 0), (3,), (2, 1))
call("meshgrid", lambda a, b: np.prod(np.stack(np.meshgrid(a, b)), 0), (3,), (2,))
for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    call(name, getattr(np, name), (3,))
call("astype", lambda z: np.astype(z, np.complex128), (3,))
call("astype", lambda x: np.astype(x, np.complex128) * 1j, line((3,)))
call("full_like", lambda v: mg.full_like(np.zeros((2, 3), complex), v), ())
call("array", lambda z: mg.array([z, 2.0, z * 1j]), ())
for name in ("tril", "triu", "diag", "diagonal", "diagflat"):
    call(name, getattr(np, name), (2, 3))
call("getitem", lambda z: z[1], (2, 3))
call("getitem", lambda z: z[[0, 0, 1]], (2, 3))
call("getitem", lambda z: z[:, None, ::2], (2, 3))
call("take", lambda z: np.take(z, [0, 0, 2], 1), (2, 3))
call("take_along_axis", lambda z: np.take_along_axis(z, np.array([[0], [1]]), 1), (2, 3))
call("compress", lambda z: np.compress([True, False, True], z, 1), (2, 3))
call("extract", lambda z: np.extract(np.array([True, False, True]), z), (3,))
call("delete", lambda z: np.delete(z, 1, 1), (2, 3))
call("insert", lambda z, v: np.insert(z, 1, v, 1), (2, 3), ())
call("choose", lambda a, b: np.choose(np.array([0, 1, 0]), [a, b]), (3,), (3,))
call("select", lambda a, b: np.select([np.array([True, False, True])], [a], b), (3,), (3,))
call("piecewise", lambda z: np.piecewise(z, [[True, False, True]], [lambda t: t**2, -1j]), (3,))
call("where", lambda a, b: np.where(np.arange(3) > 1, a, b), (3,), (2, 3))
call("where", lambda a, b: np.where(np.arange(3) > 1, a, b), (3,), line((3,)))
call("pad", lambda z: np.pad(z, 1), (2, 3))
call("pad", lambda z: np.pad(z, 1, mode="wrap"), (2, 3))
call("pad", lambda z: np.pad(z, 1, mode="reflect"), (3,))
call("sliding_window_view", lambda z: np.lib.stride_tricks.sliding_window_view(z, 2), (3,))

# --- joining ----------------------------------------------------------------------------

for name in "concatenate stack vstack hstack dstack column_stack block".split():
    call(name, lambda a, b, f=getattr(np, name): f([a, b]), (2, 3), (2, 3))
    call(name, lambda a, b, f=getattr(np, name): f([a, b]), (2, 3), line((2, 3)))
call("append", np.append, (3,), (2,))
for name in ("array_split", "split", "hsplit"):
    call(name, lambda z, f=getattr(np, name): f(z, 3)[1] * 1j, (6,))
call("vsplit", lambda z: np.vsplit(z, 2)[1] * 1j, (2, 3))
call("dsplit", lambda z: np.dsplit(z, 2)[1] * 1j, (1, 1, 2))
call("unstack", lambda z: np.unstack(z)[1] * 1j, (2, 3))
call("trim_zeros", lambda z: np.trim_zeros(np.pad(z, 1)), (3,))

# --- sums and products -------------------------------------------------------------------

REDUCTIONS = "sum mean prod var std cumsum cumprod nansum nanmean average diff"
for name in REDUCTIONS.split():
    f = getattr(np, name)
    call(name, f, (3,))
    call(name, lambda z, f=f: f(z, axis=0), (2, 3))
    call(name, lambda z, f=f: f(z, axis=-1), (2, 3))
call("sum", lambda z: np.sum(z, axis=(0, 1), keepdims=True), (2, 3))
call("sum", lambda z: np.sum(z, where=np.array([True, False, True])), (2, 3))
call("mean", lambda z: np.mean(z, axis=1, where=np.array([True, False, True])), (2, 3))
call("var", lambda z: np.var(z, ddof=1), (3,))
call("var", lambda z: np.var(z, axis=1, where=np.array([True, False, True])), (2, 3))
call("prod", np.prod, np.array([1j, 0.0, 2 - 1j]))
call("cumprod", np.cumprod, np.array([1j, 0.0, 2 - 1j]))
call("average", lambda z, w: np.average(z, weights=w), (3,), (3,))
call("cumulative_sum", lambda z: np.cumulative_sum(z, include_initial=True), (3,))
call("cumulative_prod", np.cumulative_prod, (3,))
call("ediff1d", np.ediff1d, (3,))
call("trapezoid", np.trapezoid, (3,), (3,))
call("gradient", np.gradient, (3,))
call("cov", np.cov, (2, 3))
call("nanvar", np.nanvar, (2, 3))
call("nanstd", np.nanstd, (2, 3))
call("linspace", lambda a, b: np.linspace(a, b, 4), (), ())
call("logspace", lambda a, b: np.logspace(a, b, 4), (), ())
call("apply_along_axis", lambda z: np.apply_along_axis(np.sum, 0, z), (2, 3))
call("apply_over_axes", lambda z: np.apply_over_axes(np.sum, z, [0]), (2, 3))

# --- products of matrices ---------------------------------------------------------------

for a, b in [((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 2)), ((2, 2, 3), (3, 2))]:
    call("matmul", np.matmul, a, b)
    call("dot", np.dot, a, b)
    call("matmul", np.matmul, line(a), b)
call("matmul", np.matmul, (2, 2, 3), (2, 3, 1))
call("inner", np.inner, (2, 3), (3,))
call("outer", np.outer, (2,), (3,))
call("vdot", np.vdot, (2, 3), (3, 2))
call("vdot", np.vdot, (3,), line((3,)))
call("vecdot", np.vecdot, (2, 3), (3,))
call("matvec", np.matvec, (2, 3), (3,))
call("vecmat", np.vecmat, (2,), (2, 3))
call("tensordot", lambda a, b: np.tensordot(a, b, 1), (2, 3), (3, 2))
call("kron", np.kron, (2,), (2, 2))
call("cross", np.cross, (3,), (3,))
call("trace", np.trace, (2, 3))
call("einsum", lambda a, b: np.einsum("ij,kj->ik", a, b), (2, 3), (2, 3))
call("einsum", lambda a: np.einsum("ii->i", a), (3, 3))
for mode in ("full", "same", "valid"):
    call("convolve", lambda a, b, m=mode: np.convolve(a, b, m), (4,), (3,))
    call("correlate", lambda a, b, m=mode: np.correlate(a, b, m), (4,), (3,))
call("correlate", np.correlate, (2,), (3,))
call("linalg.inv", np.linalg.inv, (3, 3))
call("linalg.inv", np.linalg.inv, (2, 2, 2))
call("linalg.solve", np.linalg.solve, (3, 3), (3,))
call("linalg.solve", np.linalg.solve, line((2, 2)), (2, 3))
call("linalg.det", np.linalg.det, (3, 3))
call("linalg.det", np.linalg.det, (2, 2, 2))
call("linalg.det", np.linalg.det, np.outer([1j, 2.0], [1.0, 1 - 1j]))
call("linalg.matrix_power", lambda a: np.linalg.matrix_power(a, 3), (2, 2))
call("linalg.matrix_power", lambda a: np.linalg.matrix_power(a, -2), (2, 2))
call("linalg.multi_dot", lambda a, b, c: np.linalg.multi_dot([a, b, c]), (2, 3), (3, 2), (2,))
call("linalg.tensorinv", lambda a: np.linalg.tensorinv(a, 1), (6, 2, 3))
call("linalg.tensorsolve", np.linalg.tensorsolve, (6, 2, 3), (6,))
call("linalg.outer", np.linalg.outer, (2,), (3,))
call("linalg.cross", np.linalg.cross, (3,), (3,))
call("linalg.diagonal", np.linalg.diagonal, (3, 3))
call("linalg.trace", np.linalg.trace, (3, 3))
for order in (None, 1, 2, 3, np.inf, -np.inf):
    call("linalg.norm", lambda z, p=order: np.linalg.norm(z, p), (3,))
for order in (None, "fro", 1, -1, np.inf):
    call("linalg.norm", lambda z, p=order: np.linalg.norm(z, p), (2, 3))
call("linalg.vector_norm", np.linalg.vector_norm, (2, 3))
call("linalg.matrix_norm", np.linalg.matrix_norm, (2, 3))

# --- polynomials -------------------------------------------------------------------------

call("polyval", np.polyval, (3,), (2,))
call("vander", np.vander, (3,))
for name in ("polyadd", "polysub", "polymul"):
    call(name, getattr(np, name), (3,), (2,))
call("polydiv", lambda u, v: np.polydiv(u, v)[0], (3,), (2,))
call("polyder", np.polyder, (3,))
call("polyint", np.polyint, (3,))
call("poly", np.poly, (3,))

# --- Fourier transforms ------------------------------------------------------------------

for name in ("fftn", "ifftn", "irfftn"):
    call(f"fft.{name}", getattr(np.fft, name), (2, 3))
call("fft.rfftn", np.fft.rfftn, line((2, 3)))

# --- eigenvalues and roots ---------------------------------------------------------------


def apart(a: Any) -> Any:
    """A matrix with well separated eigenvalues."""
    return a + np.diag(3.0 * np.arange(a.shape[-1]))


turning = np.array([[0.3, -2.0, 0.2], [1.5, 0.1, 0.4], [0.3, -0.2, 2.0]])
for a in (apart(plane((3, 3))), turning, apart(line((2, 2)))):
    call("linalg.eigvals", np.linalg.eigvals, a)
    call("linalg.eig", lambda a: np.linalg.eig(a).eigenvectors, a)
    call("linalg.eig", lambda a: np.linalg.eig(a).eigenvalues ** 2, a)
call("linalg.eigvals", np.linalg.eigvals, np.stack([apart(plane((2, 2))), apart(plane((2, 2), 1))]))
for p in (plane((4,)), np.array([1.0, 2.0, 3.0]), np.array([2.0, -3.0, 1.0]), plane((2,))):
    call("roots", np.roots, p)

for name in ("max", "min"):
    call(name, getattr(np, name), (5,))
    call(name, lambda z, f=getattr(np, name): f(z, axis=1, keepdims=True), (2, 3))
call("real_if_close", lambda z: np.real_if_close(z) * 1j, (3,))
call("real_if_close", lambda z: np.real_if_close(z + np.conj(z)) * 1j, (3,))
call("where=", lambda z: np.sum(z * z, where=np.array([True, False, True])), (3,))

# --- factorisations of complex matrices --------------------------------------------------


def steep(a: Any) -> Any:
    """``a`` with values on its diagonal that are far apart, as those of factorisations shall be."""
    m, n = np.shape(a)[-2:]
    return a + 3.0 * np.eye(m, n) * np.arange(1, n + 1)


def definite(a: Any) -> Any:
    """A positive definite matrix made of ``a``."""
    return a @ np.conj(np.swapaxes(a, -1, -2)) + 2.0 * np.eye(np.shape(a)[-1])


def joined(parts: Any) -> Any:
    """All results of a factorisation in one vector."""
    return np.concatenate([np.ravel(part) for part in parts])


for shape in [(1, 1), (3, 3), (2, 3, 3)]:
    for uplo in "LU":
        call("linalg.eigh", lambda a, u=uplo: joined(np.linalg.eigh(steep(a), u)), shape)
        call("linalg.eigvalsh", lambda a, u=uplo: np.linalg.eigvalsh(steep(a), u), shape)
    call("linalg.cholesky", lambda a: np.linalg.cholesky(definite(a)), shape)
    call("linalg.cholesky", lambda a: np.linalg.cholesky(definite(a), upper=True), shape)
    call("linalg.slogdet", lambda a: joined(np.linalg.slogdet(steep(a))), shape)
    call("linalg.pinv", lambda a: np.linalg.pinv(steep(a), hermitian=True), shape)
    call("linalg.svd", lambda a: joined(np.linalg.svd(steep(a), hermitian=True)), shape)
for shape in [(2, 2), (3, 2), (2, 3), (2, 3, 2), (1, 3)]:
    call("linalg.svd", lambda a: joined(np.linalg.svd(steep(a), full_matrices=False)), shape)
    call("linalg.svdvals", lambda a: np.linalg.svdvals(steep(a)), shape)
    call("linalg.qr", lambda a: joined(np.linalg.qr(steep(a))), shape)
    call("linalg.qr", lambda a: np.linalg.qr(steep(a), "r"), shape)
    call("linalg.pinv", lambda a: np.linalg.pinv(steep(a)), shape)
call("linalg.pinv", lambda a, b: np.linalg.pinv(a @ b), (3, 1), (1, 2))
for ord in ("nuc", 2, -2):
    call("linalg.norm", lambda a, p=ord: np.linalg.norm(steep(a), p), (2, 3))
    call("linalg.cond", lambda a, p=ord: np.linalg.cond(steep(a), p), (2, 2))
call("linalg.lstsq", lambda a, b: joined(np.linalg.lstsq(a, b)[:2]), (4, 2), (4, 3))
call("linalg.lstsq", lambda a, b: np.linalg.lstsq(a, b)[0], (4, 2), (4,))

# --- SciPy's functions ---------------------------------------------------------------------

if importlib.util.find_spec("scipy"):
    import scipy.special as sp

    from minigrad.ops import scipy_special

    ORDERS = {
        "wofz": 0, "xlogy": 1, "xlog1py": 1, "eval_gegenbauer": 2, "eval_genlaguerre": 2,
        "eval_jacobi": 3, "hyp2f1": 3,
        "hyp1f1": 2, "dawsn": 0, "erfc": 0, "erfcx": 0, "erfi": 0, "exp1": 0, "expi": 0,
        "log_ndtr": 0, "ndtr": 0, "spence": 0, "wrightomega": 0,
    }  # fmt: skip
    for name in scipy_special.HOLOMORPHIC.split():
        before = [1.5, 0.5, 2.5][: ORDERS.get(name, 1)]
        if name.startswith("eval_"):
            before[0] = 3
        call(f"special.{name}", lambda z, f=getattr(sp, name), b=before: f(*b, z), (3,))
    call("erf", mg.erf, (3,))
    for name in ("kelvin", "modfresnelm", "modfresnelp"):  # of real numbers, with complex answers
        call(f"special.{name}", lambda z, f=getattr(sp, name): f(np.abs(z) + 0.5)[0], (3,))
