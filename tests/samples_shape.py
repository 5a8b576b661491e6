"""Samples of functions that move elements about."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from samples import SHAPES, sample, values

# --- shapes ----------------------------------------------------------------------------

for given, wanted in [
    ((2, 3), (3, 2)), ((2, 3), -1), ((6,), (2, -1)), ((), (1, 1)), ((1,), ()), ((0, 3), (3, 0)),
]:  # fmt: skip
    sample("reshape", lambda x, s=wanted: np.reshape(x, s), given)
    sample("reshape", lambda x, s=wanted: x.reshape(s), given)
sample("reshape", lambda x: np.reshape(x, shape=(3, 2)) if hasattr(np, "unstack") else x, (2, 3))
sample("reshape", lambda x: mg.reshape(x, newshape=[3, -1]), (2, 3))
sample("reshape", lambda x: np.reshape(x, (3, 2), "C"), (2, 3))
for shape in [*SHAPES, (1,), (2, 3, 4)]:
    for name in ("ravel", "copy", "flip", "squeeze", "transpose", "real", "conjugate", "imag"):
        sample(name, getattr(np, name), shape)
    for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
        sample(name, getattr(np, name), shape)
    sample("expand_dims", lambda x: np.expand_dims(x, 0), shape)
    sample("expand_dims", lambda x: np.expand_dims(x, (0, -1)), shape)
    sample("broadcast_to", lambda x, s=shape: np.broadcast_to(x, (4, *s)), shape)
    sample("astype", lambda x: x.astype(np.float64), shape)
    sample("astype", lambda x: x.astype("f4").astype(float, copy=False) * 0 + x, shape)
sample("squeeze", lambda x: np.squeeze(x, 1), (2, 1, 3))
sample("squeeze", lambda x: np.squeeze(x, axis=(-1, 0)), (1, 2, 1))
sample("atleast_1d", lambda x, y: np.atleast_1d(x, y), (), (2, 3))
sample("atleast_2d", lambda x, y: np.atleast_2d(x, y), (3,), ())
sample("atleast_3d", lambda x, y: np.atleast_3d(x, y), (3,), (2, 3))

for shape, axes in [
    ((2, 3), (1, 0)), ((2, 3), (-1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (-1, 0, -2)),
    ((3, 3, 3), (1, 2, 0)), ((3, 3, 3), [-1, -3, -2]), ((3,), 0), ((), ()), ((2, 3), None),
]:  # fmt: skip
    sample("transpose", lambda x, a=axes: np.transpose(x, a), shape)
sample("transpose", lambda x: x.T, (2, 3, 4))
sample("transpose", lambda x: x.transpose(2, 0, 1), (2, 3, 4))
sample("transpose", lambda x: np.permute_dims(x, axes=(1, 0)), (2, 3))
for a, b in [(0, 1), (0, -1), (-1, -3), (1, 1)]:
    sample("swapaxes", lambda x, a=a, b=b: np.swapaxes(x, a, b), (2, 3, 4))
    sample("moveaxis", lambda x, a=a, b=b: np.moveaxis(x, a, b), (2, 3, 4))
    sample("rollaxis", lambda x, a=a, b=b: np.rollaxis(x, a, b), (2, 3, 4))
sample("moveaxis", lambda x: np.moveaxis(x, (0, 1), (-1, -2)), (2, 3, 4))
sample("moveaxis", lambda x: np.moveaxis(x, [2, 0], [0, 1]), (2, 3, 4))
sample("rollaxis", lambda x: np.rollaxis(x, 2), (2, 3, 4))
sample("rollaxis", lambda x: np.rollaxis(x, 0, 3), (2, 3, 4))
for shape in [(2, 3), (4, 2, 3)]:
    sample("matrix_transpose", np.matrix_transpose, shape)
    sample("matrix_transpose", np.linalg.matrix_transpose, shape)
    sample("matrix_transpose", lambda x: x.mT, shape)

# --- order -----------------------------------------------------------------------------

for axis in (0, 1, -1, (0, 2), (1, -1), None):
    sample("flip", lambda x, a=axis: np.flip(x, a), (2, 3, 4))
for shape in [(2, 3), (2, 3, 4), (0, 3)]:
    sample("fliplr", np.fliplr, shape)
    sample("flipud", np.flipud, shape)
sample("flipud", np.flipud, (3,))
for shape, shift, axis in [
    ((), 1, None), ((5,), 2, None), ((5,), -7, 0), ((2, 3), 1, None), ((2, 3), 2, 1),
    ((0, 3), 1, 0), ((2, 3, 4), -1, -2),
    ((2, 3), (1, 2), (0, 1)), ((2, 3), (1, -1), (1, 1)), ((2, 3), 1, (0, 1)), ((4,), (1, 2), None),
]:  # fmt: skip
    sample("roll", lambda x, s=shift, a=axis: np.roll(x, s, a), shape)
for k in (-1, 0, 1, 2, 3, 5):
    sample("rot90", lambda x, k=k: np.rot90(x, k), (2, 3))
sample("rot90", lambda x: np.rot90(x, axes=(1, 2)), (2, 3, 4))
sample("rot90", lambda x: np.rot90(x, 3, (-1, 0)), (2, 3, 4))

# --- broadcasting ----------------------------------------------------------------------

for shape, wanted in [
    ((), (2, 3)), ((), ()), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 3, 1), (4, 2, 3, 5)), ((1,), 3),
    ((1, 3), (0, 3)),
]:  # fmt: skip
    sample("broadcast_to", lambda x, s=wanted: np.broadcast_to(x, s), shape)
for shapes in [((3,), (2, 1)), ((), (2, 3)), ((2, 3), (2, 3)), ((4, 1, 1), (3,), (2, 1)), ((),)]:
    sample("broadcast_arrays", lambda *xs: np.broadcast_arrays(*xs), *shapes)
sample("broadcast_arrays", lambda x: np.broadcast_arrays(x, np.ones((4, 1)))[0], (3,))
for options in (
    {},
    {"indexing": "ij"},
    {"sparse": True},
    {"sparse": True, "indexing": "ij", "copy": False},
):
    sample("meshgrid", lambda x, y, o=options: np.meshgrid(x, y, **o), (2,), (3,))
    sample("meshgrid", lambda x, y, z, o=options: np.meshgrid(x, y, z, **o), (2,), (3,), (4,))
    sample("meshgrid", lambda x, o=options: np.meshgrid(x, **o), (3,))
    sample("meshgrid", lambda x, y, o=options: np.meshgrid(x, y, **o), (), (3,))
sample("meshgrid", lambda x: np.meshgrid(x, np.arange(3.0))[0], (2,))
sample("full_like", lambda v: mg.full_like(np.zeros((2, 3)), v), ())
sample("full", lambda v: mg.full((2, 3), v), ())
sample("full", lambda v: mg.full((2, 3), v), (3,))
sample("full_like", lambda v: mg.full_like(np.zeros(4), v, shape=(2, 3)), (3,))
for a, b in [((), ()), ((3,), (2,)), ((2, 1), (3,)), ((), (2, 2)), ((0,), (3,))]:
    sample("multiply", np.multiply.outer, a, b)
    sample("arctan2", lambda x, y: np.arctan2.outer(x, np.array([0.5, 1.5])) * y, a, ())

# --- joining ---------------------------------------------------------------------------

ONES = np.ones((2, 3))
for axis in (0, 1, -1, None):
    sample("concatenate", lambda x, y, a=axis: np.concatenate([x, y], a), (2, 3), (2, 3))
    sample("concatenate", lambda x, a=axis: np.concatenate((ONES, x, ONES, x), axis=a), (2, 3))
    sample("append", lambda x, y, a=axis: np.append(x, y, a), (2, 3), (2, 3))
sample("concatenate", lambda x, y, z: np.concatenate([x, y, z]), (2,), (0,), (3,))
sample("concatenate", lambda x, y: np.concatenate([x, y], axis=1), (2, 1), (2, 4))
sample("concatenate", lambda x, y: np.concatenate([x, y], axis=None), (), (2, 3))
sample("concatenate", lambda x: np.concatenate(x), (2, 3))
sample("concatenate", lambda x, y: np.concatenate([x, y] * 300), (2,), (1,))
sample("concatenate", lambda x: mg.concatenate([x, [1, 2]]), (3,))
sample("append", np.append, (2, 3), ())
sample("append", lambda x: np.append([1.0, 2.0], x), (3,))
for axis in (0, 1, -1):
    sample("stack", lambda x, y, a=axis: np.stack([x, y], axis=a), (3,), (3,))
    sample("stack", lambda x, y, a=axis: np.stack([x, ONES, y, x], a), (2, 3), (2, 3))
sample("stack", lambda x, y: np.stack([x, 2.0, y]), (), ())
sample("stack", lambda x: np.stack(x, axis=-1), (2, 3))
sample("stack", lambda x, y: np.stack([x, y]), (0, 2), (0, 2))
for name in ("vstack", "hstack", "dstack", "column_stack"):
    f = getattr(np, name)
    sample(name, lambda x, y, f=f: f([x, y]), (2, 3), (2, 3))
    sample(name, lambda x, y, f=f: f((x, np.ones(3), y)), (3,), (3,))
    sample(name, lambda x, f=f: f([x]), (3,))
    sample(name, lambda x, f=f: f([ONES, x, x]), (2, 3))
    sample(name, lambda x, y, f=f: f([x, 1.0, y]), (), ())
    sample(name, lambda x, f=f: f(x), (2, 3, 4))
sample("vstack", lambda x, y: np.vstack([x, y]), (3,), (2, 3))
sample("hstack", lambda x, y: np.hstack([x, y]), (), (3,))
sample("dstack", lambda x, y: np.dstack([x, y]), (2, 3), (2, 3, 2))
sample("column_stack", lambda x, y: np.column_stack([x, y]), (2,), (2, 3))
sample("block", lambda x, y: np.block([[x, ONES], [np.zeros((1, 2)), y]]), (2, 2), (1, 3))
sample("block", lambda x, y: np.block([x, y, 1.0]), (3,), ())
sample("block", lambda x: np.block(x), (2, 3))
sample("block", lambda x, y: np.block([[x], [y]]), (3,), (3,))
sample("block", lambda x, y: np.block([[[x, y]]]), (2, 3), (2, 1))
sample("array", lambda x, y: mg.array([[x, 1.0], [y, x * y]]), (), ())
sample("array", lambda x: mg.array([x, [1.0, 2.0, 3.0]]), (3,))
sample("array", lambda x: mg.array(([x[0], x[1]], [1, 2]), dtype=float), (3,))

# --- splitting -------------------------------------------------------------------------

for where, axis in [
    (2, 0),
    (4, 0),
    ([1, 3], 0),
    ([3, 1], 0),
    ([2, 2], 0),
    ([-1], 0),
    ([9], 0),
    (3, 1),
    ([2], -1),
]:
    sample("array_split", lambda x, w=where, a=axis: np.array_split(x, w, a), (4, 3))
    sample("split", lambda x, w=where, a=axis: np.split(x, w, axis=a), (4, 3))
sample("array_split", lambda x: np.array_split(x, 3), (5,))
sample("array_split", lambda x: np.array_split(x, 4), (2,))
sample("array_split", lambda x: np.array_split(x, 3)[1], (5,))
sample("split", lambda x: np.split(x, np.array([1, 2])), (4,))
sample("split", lambda x: np.split(x, 1), (0,))
sample("vsplit", lambda x: np.vsplit(x, 2), (4, 3))
sample("hsplit", lambda x: np.hsplit(x, [1]), (2, 3))
sample("hsplit", lambda x: np.hsplit(x, 2), (4,))
sample("dsplit", lambda x: np.dsplit(x, 2), (2, 3, 4))
for shape, axis in [((3,), 0), ((2, 3), 0), ((2, 3), 1), ((2, 3, 4), -2)]:
    sample("unstack", lambda x, a=axis: mg.unstack(x, axis=a), shape)
    sample("unstack", lambda x, a=axis: mg.unstack(x, axis=a)[1], shape)
if hasattr(np, "unstack"):
    sample("unstack", lambda x: np.unstack(x), (2, 3))

# --- copies ----------------------------------------------------------------------------

for shape, reps in [
    ((), 3), ((3,), 2), ((3,), (2, 2)), ((2, 3), 2), ((2, 3), (2, 1)), ((2, 3), (2, 1, 3)),
    ((3,), 0),
    ((2, 1), (1, 3)), ((0,), 2), ((3,), ()), ((2, 3), np.array([2, 2])),
]:  # fmt: skip
    sample("tile", lambda x, r=reps: np.tile(x, r), shape)
sample(
    "astype", lambda x: np.astype(x, np.float64) if hasattr(np, "astype") else x * 1, values((3,))
)
