"""Samples of linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg
from minigrad.ops.determinants import cofactors, cofactors_along
from minigrad.ops.moments import root_mean_square
from minigrad.ops.norms import direction, reach
from samples import sample, values


def mT(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def regular(a: Any) -> Any:
    """A well-conditioned matrix, not symmetric."""
    return a + 5 * np.eye(a.shape[-1])


def spd(a: Any) -> Any:
    """A symmetric positive definite matrix."""
    return a @ mT(a) + 3 * np.eye(a.shape[-2])


def spread(a: Any) -> Any:
    """A symmetric matrix with well separated eigenvalues."""
    return a + mT(a) + np.diag(10.0 * np.arange(a.shape[-1]))


def stepped(a: Any) -> Any:
    """A matrix with well separated singular values."""
    m, n = a.shape[-2:]
    return 0.5 * a + np.eye(m, n) * (4.0 + 4 * np.arange(n))


# --- products --------------------------------------------------------------------------

for p, q in [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 4, 3), (3,)),
    ((3,), (2, 3, 2)), ((2, 4, 3), (3, 2)), ((4, 3), (2, 3, 2)), ((2, 4, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (3, 3, 2)), ((1, 2, 3), (2, 3, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 2)), ((2, 2, 0), (0, 3)), ((1, 1), (1, 1)),
]:  # fmt: skip
    sample("matmul", np.matmul, p, q)
    sample("matmul", lambda a, b: a @ b, p, q)
sample("matmul", np.linalg.matmul, (2, 3), (3, 2))
sample("matmul", lambda a: a @ a, (3, 3))
sample("matmul", lambda a: np.arange(6.0).reshape(2, 3) @ a, (3, 2))
for p, q in [
    ((), ()), ((), (2, 3)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 2)),
    ((3,), (2, 3, 2)), ((2, 3), (2, 3, 2)), ((2, 2, 3), (3,)), ((2, 2, 3), (2, 3, 2)), ((0,), (0,)),
]:  # fmt: skip
    sample("dot", np.dot, p, q)
    sample("inner", np.inner, p, q[:-2] + q[:-3:-1] if len(q) > 1 and p else q)
for p, q in [((), ()), ((3,), ()), ((3,), (2,)), ((2, 2), (3,)), ((0,), (2,))]:
    sample("outer", np.outer, p, q)
sample("linalg.outer", np.linalg.outer, (3,), (2,))
for p, q in [((), ()), ((3,), (3,)), ((2, 3), (3, 2)), ((2, 3), (6,)), ((0,), (0,))]:
    sample("vdot", np.vdot, p, q)
for p, q in [((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3)), ((2, 0), (0,))]:
    sample("vecdot", np.vecdot, p, q)
sample("vecdot", np.linalg.vecdot, (2, 3), (2, 3))
sample("vecdot", lambda a, b: np.linalg.vecdot(a, b, axis=0), (3, 2), (3, 2))
sample("vecdot", lambda a, b: np.vecdot(a, b, axis=-2), (3, 2), (2, 3, 1))
for p, q in [((2, 3), (3,)), ((2, 3), (4, 3)), ((2, 1, 2, 3), (4, 3))]:
    sample("matvec", mg.matvec, p, q)
    sample("vecmat", lambda a, b: mg.vecmat(b, mT(a)), p, q)
for shape in [(2, 3), (2, 2, 3), (0, 2)]:
    sample("matrix_transpose", np.matrix_transpose, shape)
sample("matrix_transpose", np.linalg.matrix_transpose, (2, 3))
for options in [{}, {"offset": 1}, {"offset": -1}, {"offset": 7}]:
    sample("trace", lambda a, o=options: np.trace(a, **o), (3, 4))
sample("trace", np.trace, (3, 2, 2))
sample("trace", lambda a: np.trace(a, offset=1, axis1=-1, axis2=0), (3, 2, 4))
sample("trace", lambda a: a.trace() if isinstance(a, np.ndarray) else np.trace(a), (2, 2))
sample("linalg.trace", np.linalg.trace, (2, 3, 3))
sample("linalg.trace", lambda a: np.linalg.trace(a, offset=1), (2, 3))
sample("linalg.diagonal", np.linalg.diagonal, (2, 3, 3))
sample("linalg.diagonal", lambda a: np.linalg.diagonal(a, offset=-1), (2, 3))

for p, q, axes in [
    ((2, 3), (3, 2), 1), ((2, 3), (2, 3), 2), ((2,), (3, 2), 0), ((), (2,), 0), ((2,), (2,), 1),
    ((2, 3, 4), (4, 3, 2), ([1, 2], [1, 0])), ((2, 3, 4), (4, 3), ((-1, -2), (0, 1))),
    ((2, 3), (3, 2), (0, -1)), ((2, 3), (2, 4), ((0,), (0,))), ((0, 3), (3, 2), 1),
    ((2, 0), (0, 3), 1),
]:  # fmt: skip
    sample("tensordot", lambda a, b, x=axes: np.tensordot(a, b, x), p, q)
sample("tensordot", lambda a, b: np.tensordot(a, b), (2, 3), (2, 3))
sample("tensordot", lambda a, b: np.linalg.tensordot(a, b, axes=1), (2, 3), (3, 2))
for p, q in [
    ((), ()), ((), (2,)), ((2,), (3,)), ((2, 3), (2, 2)), ((2, 3), (2,)), ((2,), (2, 3)),
    ((2, 1, 2), (2, 2)), ((0,), (2,)),
]:  # fmt: skip
    sample("kron", np.kron, p, q)

for p, q in [((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3)), ((0, 3), (3,))]:
    sample("cross", np.cross, p, q)
for p, q in [((2,), (2,)), ((2, 2), (2,)), ((2,), (3,)), ((4, 3), (2,))]:  # deprecated in NumPy
    sample("cross", mg.cross, p, q)
sample("cross", lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 2))
sample("cross", lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), (3, 2), (2, 3))
sample("cross", lambda a, b: np.cross(a, b, axisc=1), (2, 4, 3), (4, 3))
sample("linalg.cross", np.linalg.cross, (2, 3), (2, 3))
sample("linalg.cross", lambda a, b: np.linalg.cross(a, b, axis=0), (3, 2), (3, 2))

for mode in ("full", "same", "valid"):
    for p, q in [
        ((5,), (3,)),
        ((3,), (5,)),
        ((5,), (4,)),
        ((4,), (5,)),
        ((4,), (4,)),
        ((1,), (3,)),
        ((2,), (1,)),
    ]:
        sample("convolve", lambda a, v, m=mode: np.convolve(a, v, m), p, q)
        sample("correlate", lambda a, v, m=mode: np.correlate(a, v, m), p, q)
sample("convolve", np.convolve, (), (3,))
sample("correlate", np.correlate, (4,), (3,))


# --- einsum ----------------------------------------------------------------------------

for subscripts, shapes in [
    ("i->", [(3,)]), ("i", [(3,)]), ("ij->ji", [(2, 3)]), ("ba", [(2, 3)]), ("ij->j", [(2, 3)]),
    ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("iij->ij", [(2, 2, 3)]), ("iji->j", [(2, 3, 2)]),
    ("iii->i", [(2, 2, 2)]), ("ijij->ij", [(2, 3, 2, 3)]), ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]), ("ij,kj->", [(2, 3), (4, 3)]), ("ij,k->j", [(2, 3), (4,)]),
    ("i,j->ij", [(2,), (3,)]), ("i,i", [(3,), (3,)]), (" i j , j -> i ", [(2, 3), (3,)]),
    (",->", [(), ()]), (",i", [(), (3,)]), ("ii,jj->ij", [(2, 2), (3, 3)]),
    ("ii,i->", [(2, 2), (2,)]),
    ("i,ii->i", [(2,), (2, 2)]), ("...ij,...jk->...ik", [(2, 2, 3), (3, 2)]),
    ("...ij,...jk", [(2, 1, 2, 3), (3, 3, 1)]), ("...->...", [(2, 3)]), ("...i->...", [(2, 3)]),
    ("i...->...i", [(2, 3, 1)]), ("...ii->...i", [(2, 3, 3)]), ("...i,i->...", [(3,), (3,)]),
    ("...,...", [(2, 1), (3,)]), ("i...j,...->...j", [(2, 3, 2), (3,)]),
    ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]), ("bhqd,bhkd->bhqk", [(1, 2, 3, 2), (1, 2, 2, 2)]),
    ("i,ij,j->", [(2,), (2, 3), (3,)]), ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 3)]),
    ("ij,ij->ij", [(1, 3), (2, 3)]), ("ij,ij->i", [(2, 1), (2, 3)]),
    ("ij,jk->ik", [(2, 1), (3, 2)]),
    ("ij,j->", [(2, 3), (1,)]), ("i,i->", [(1,), (3,)]), ("ij->ij", [(0, 3)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    ("aB,Bc->ac", [(2, 3), (3, 2)]),
]:  # fmt: skip
    sample("einsum", lambda *x, s=subscripts: np.einsum(s, *x), *shapes)
for optimize in (True, "greedy", "optimal", ["einsum_path", (1, 2), (0, 1)]):
    sample(
        "einsum",
        lambda a, b, c, o=optimize: np.einsum("ij,jk,kl->il", a, b, c, optimize=o),
        (2, 3),
        (3, 2),
        (2, 2),
    )
sample("einsum", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), (2, 3), (3, 2))
sample("einsum", lambda a, b: np.einsum(a, [0, 1], b, [1, 30]), (2, 3), (3, 2))
sample("einsum", lambda a, b: np.einsum(a, [..., 1], b, [1], [...]), (2, 3), (3,))
sample("einsum", lambda a: np.einsum(a, [0, 0]), (3, 3))
sample("einsum", lambda a: np.einsum("ij,jk,ki", a, a, a), (2, 2))
sample("einsum", lambda a: np.einsum("ij,j->i", np.arange(6.0).reshape(2, 3), a), (3,))


# --- inverses and determinants ---------------------------------------------------------

SQUARE = [(1, 1), (3, 3), (2, 3, 3), (0, 0), (0, 2, 2)]
for shape in SQUARE:
    sample("linalg.inv", lambda a: np.linalg.inv(regular(a)), shape)
    sample("linalg.det", np.linalg.det, shape)
    sample("linalg.cofactors", cofactors, shape)
    sample("linalg.cofactors_along", cofactors_along, shape, shape)
    sample("linalg.slogdet", lambda a: tuple(np.linalg.slogdet(regular(a))), shape)
    sample("linalg.slogdet", lambda a: np.linalg.slogdet(-regular(a)).logabsdet, shape)
    sample("linalg.cholesky", lambda a: np.linalg.cholesky(spd(a)), shape)
sample("linalg.cholesky", lambda a: np.linalg.cholesky(spd(a), upper=True), (3, 3))
for p, q in [
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3, 2)), ((2, 3, 3), (2, 3, 1)),
    ((2, 3, 3), (3,)),
    ((3, 3), (2, 3, 2)), ((2, 1, 3, 3), (2, 3, 1)), ((1, 1), (1,)), ((0, 0), (0,)),
    ((3, 3), (3, 0)),
]:  # fmt: skip
    sample("linalg.solve", lambda a, b: np.linalg.solve(regular(a), b), p, q)
sample("linalg.solve", lambda a: np.linalg.solve(regular(a), np.ones(3)), (3, 3))
SINGULAR = [
    np.array([[1.0, 2.0], [2.0, 4.0]]), np.zeros((2, 2)), np.eye(3),
    np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]]),
    np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]), np.stack([np.ones((2, 2)), np.eye(2)[::-1]]),
]  # fmt: skip
for a in SINGULAR:
    sample("linalg.det", np.linalg.det, a)
    sample("linalg.cofactors", cofactors, a)
    sample("linalg.cofactors_along", cofactors_along, values(a.shape), a)
for shape in [(3, 2), (2, 3), (2, 3, 2), (2, 2)]:
    sample("linalg.pinv", lambda a: np.linalg.pinv(stepped(a)), shape)
sample("linalg.pinv", lambda a, b: np.linalg.pinv(np.outer(a, b), rcond=1e-8), (3,), (2,))
sample("linalg.pinv", lambda a: np.linalg.pinv(stepped(a), rtol=None), (3, 2))
for shape in ((3, 3), (3, 2), (2, 3)):  # singular values that are not 0 are dropped
    sample("linalg.pinv", lambda a: np.linalg.pinv(stepped(a), 0.5), shape)
sample("linalg.pinv", lambda a: np.linalg.pinv(stepped(a), np.array([0.5, 0.01])), (2, 3, 2))
sample(
    "linalg.tensorinv", lambda a: np.linalg.tensorinv(a + 9 * np.eye(4).reshape(2, 2, 4)), (2, 2, 4)
)
sample(
    "linalg.tensorinv",
    lambda a: np.linalg.tensorinv(a + 9 * np.eye(4).reshape(4, 2, 2), 1),
    (4, 2, 2),
)
sample(
    "linalg.tensorsolve",
    lambda a, b: np.linalg.tensorsolve(a + 9 * np.eye(4).reshape(4, 2, 2), b),
    (4, 2, 2),
    (4,),
)
sample(
    "linalg.tensorsolve",
    lambda a, b: np.linalg.tensorsolve(
        np.moveaxis(a + 9 * np.eye(4).reshape(4, 2, 2), 1, 0), b, axes=(0,)
    ),
    (4, 2, 2),
    (4,),
)
for p, q in [((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 2), (2,)), ((2, 3), (2, 2)), ((2, 3), (2,))]:
    sample("linalg.lstsq", lambda a, b: np.linalg.lstsq(stepped(a), b)[0], p, q)
    sample("linalg.lstsq", lambda a, b: np.linalg.lstsq(stepped(a), b)[1], p, q)
    sample("linalg.lstsq", lambda a, b: np.linalg.lstsq(stepped(a), b, 1e-12)[::3], p, q)
    for cutoff in (0.5, 1.5, -1.0):  # LAPACK has its default for what is no share
        sample("linalg.lstsq", lambda a, b, c=cutoff: np.linalg.lstsq(stepped(a), b, c)[0], p, q)
for n in (0, 1, 2, 3, 5, 6, -1, -2):
    sample(
        "linalg.matrix_power",
        lambda a, n=n: np.linalg.matrix_power(regular(a), n),
        (2, 2),
        low=-1,
        high=1,
    )
sample("linalg.matrix_power", lambda a: np.linalg.matrix_power(a, 3), (2, 2, 2))
sample("linalg.matrix_power", lambda a: np.linalg.matrix_power(a, 0), (2, 2, 2))
for shapes in [
    [(2, 3), (3, 2)], [(3,), (3, 2)], [(3,), (3, 2), (2,)], [(2, 3), (3,)], [(3,), (3,)],
    [(4, 1), (1, 3), (3, 2)], [(1, 3), (3, 4), (4, 1), (1, 2)], [(2, 3), (3, 1), (1, 4), (4,)],
]:  # fmt: skip
    sample("linalg.multi_dot", lambda *x: np.linalg.multi_dot(x), *shapes)


# --- factorisations --------------------------------------------------------------------

for shape in [(1, 1), (3, 3), (2, 3, 3)]:
    for uplo in "LU":
        sample("linalg.eigh", lambda a, u=uplo: tuple(np.linalg.eigh(spread(a), u)), shape)
        sample("linalg.eigvalsh", lambda a, u=uplo: np.linalg.eigvalsh(spread(a), u), shape)
for shape in [(2, 2), (3, 2), (2, 3), (2, 3, 2), (1, 3)]:
    sample("linalg.svd", lambda a: tuple(np.linalg.svd(stepped(a), full_matrices=False)), shape)
    sample("linalg.svd", lambda a: np.linalg.svd(stepped(a), compute_uv=False), shape)
    sample("linalg.svdvals", lambda a: np.linalg.svdvals(stepped(a)), shape)
    sample("linalg.qr", lambda a: tuple(np.linalg.qr(stepped(a))), shape)
    sample("linalg.qr", lambda a: np.linalg.qr(stepped(a), "r"), shape)
sample("linalg.svd", lambda a: tuple(np.linalg.svd(stepped(a))), (3, 3))
sample("linalg.qr", lambda a: tuple(np.linalg.qr(stepped(a), "complete")), (2, 3))


# --- norms -----------------------------------------------------------------------------

INF = np.inf
for ord in (None, 2, 1, 3, 1.5, 0.5, -1, -2.5, INF, -INF, 0):
    for shape, options in [
        ((3,), {}),
        ((2, 3), {"axis": 1}),
        ((2, 3), {"axis": 0, "keepdims": True}),
    ]:
        sample("linalg.norm", lambda x, p=ord, o=options: np.linalg.norm(x, p, **o), shape)
    if ord is not None:
        sample("linalg.vector_norm", lambda x, p=ord: np.linalg.vector_norm(x, ord=p), (2, 3))
sample("linalg.vector_norm", lambda x: np.linalg.vector_norm(x, axis=(0, 2)), (2, 3, 2))
for name, op in (("linalg.direction", direction), ("linalg.reach", reach)):
    sample(name, lambda x, r, op=op: op(x, 1 + r * r), (2, 3), ())
    sample(name, lambda x, r, op=op: op(x, 1 + r * r, axis=1), (2, 3), (2, 1))
sample("linalg.root_mean_square", lambda x: root_mean_square(x, n=4.0), (2, 3))
for how in ({"axis": 0, "keepdims": True}, {"axis": (0, 1)}):
    sample("linalg.root_mean_square", lambda x, how=how: root_mean_square(x, n=2.0, **how), (2, 3))
sample("linalg.vector_norm", lambda x: np.linalg.vector_norm(x, axis=(0, -1), ord=3), (2, 3, 2))
sample("linalg.vector_norm", lambda x: np.linalg.vector_norm(x, keepdims=True), (2, 3))
for ord in (None, "fro", "nuc", 1, -1, 2, -2, INF, -INF):
    for shape, options in [
        ((2, 3), {}), ((2, 3), {"keepdims": True}), ((2, 3), {"axis": (1, 0)}),
        ((2, 2, 3), {"axis": (0, 2)}),
        ((2, 2, 3), {"axis": (-1, 0), "keepdims": True}),
    ]:  # fmt: skip
        sample("linalg.norm", lambda x, p=ord, o=options: np.linalg.norm(x, p, **o), shape)
    if ord is not None:
        sample(
            "linalg.matrix_norm",
            lambda x, p=ord: np.linalg.matrix_norm(x, ord=p),
            values((2, 2, 3), 5),
        )
sample("linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x, keepdims=True), (2, 3))
for shape in [(), (0,), (2, 3, 2)]:
    sample("linalg.norm", np.linalg.norm, shape, smooth=shape != (0,))
sample("linalg.norm", lambda x: np.linalg.norm(x, keepdims=True), (2, 3, 2))
if np.lib.NumpyVersion(np.__version__) >= "2.3.0":  # which found the norm of nothing to be 0
    sample("linalg.norm", lambda x: np.linalg.norm(x, INF), (0,))
    sample("linalg.norm", lambda x: np.linalg.norm(x, 1, axis=(1, 2)), (2, 3, 0))
for p in (None, 2, -2, 1, -1, INF, -INF, "fro", "nuc"):
    sample("linalg.cond", lambda a, p=p: np.linalg.cond(stepped(a), p), (2, 2))
sample("linalg.cond", lambda a: np.linalg.cond(stepped(a)), (2, 3, 2))

for UPLO in "LU":
    sample(
        "linalg.eigvalsh",
        lambda a, u=UPLO: np.linalg.eigvalsh(a + 5 * np.diag([0, 1, 2]), u),
        (3, 3),
    )
sample("linalg.eigvals", lambda a: np.linalg.eigvals(a + 9 * np.diag([0, 1])).real, (2, 2))
sample("linalg.eig", lambda a: np.linalg.eig(a + 9 * np.diag([0, 1])).eigenvectors.real, (2, 2))
