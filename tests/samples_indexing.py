"""Samples of indexing and selection."""

from __future__ import annotations

import warnings

import numpy as np

import minigrad as mg
from samples import SHAPES, sample, values

# --- indices ---------------------------------------------------------------------------

for index in [
    0, 1, -1, np.int64(1), slice(None), slice(1, None), slice(None, None, -1), slice(None, None, 2),
    slice(5, 2),
    ..., None, (0, 1), (0, -1, 2), (slice(None), 1), (..., 1), (1, ...), (..., None),
    (None, 1, None),
    (slice(None), None, slice(0, 2)), (slice(None, None, -1), slice(1, None, 2)), (),
    (0, ..., slice(1, 3)),
]:  # fmt: skip
    sample("getitem", lambda x, i=index: x[i], (2, 3, 4))
for index in [(), ..., None, (None, None), (..., None)]:
    sample("getitem", lambda x, i=index: x[i], ())
MASK = np.array([[True, False, True], [False, False, True]])
ROW = np.array([True, False, True])
for index in [
    [0], [1, 0, 1], [], np.array([1, 1, 1]), np.array([[0, 1], [1, -1]]), [True, False], MASK,
    ~MASK & False,
    ([0, 1], [2, 2]), ([0, 0, 0], [1, 1, 1]), (slice(None), [0, 0, 2]), (slice(None), ROW),
    ([1, 0], slice(1)),
    (0, [2, 2, 1]), ([[0], [1]], [0, 2, 2]), ([1, 1], None, slice(None)), (None, [1, 1]),
    (..., [0, 0]),
    np.ix_([0, 1, 1], [2, 0]), (np.array(1), [0, 0]), np.array(1), (np.uint8(1), 2),
    ([1, 1], ROW.nonzero()[0]),
    (np.array([True, False]), [0, 0]), (np.array([True, True]), slice(None, None, -1)),
]:  # fmt: skip
    sample("getitem", lambda x, i=index: x[i], (2, 3))
sample("getitem", lambda x: x[[0, 1], :, [1, 1]], (2, 3, 4))
sample("getitem", lambda x: x[:, [0, 0], [1, 1]], (2, 3, 4))
sample("getitem", lambda x: x[:, MASK.T], (2, 3, 2))
sample("getitem", lambda x: x[MASK], (2, 3, 2))
sample("getitem", lambda x: x[mg.Tensor([1, 1, 0])], (2, 3))
sample("getitem", lambda x: x[:, mg.Tensor([True, False, True])], (2, 3))
sample("getitem", lambda x: x[mg.Tensor(1), [mg.Tensor(0), 2]], (2, 3))
sample("getitem", lambda x: x[x > 0], (2, 3), smooth=False)
sample("getitem", lambda x: x[0], (1, 0))
sample("getitem", lambda x: x[[]], (0, 3))
sample("scatter", lambda x: mg.scatter(x, (4,), np.array([0, 2, 2])), (3,))
sample("scatter", lambda x: mg.scatter(x, shape=(2, 3), index=(slice(None), 1)), (2,))
sample("scatter", lambda x: mg.scatter(x, (2, 3), MASK), (3,))

# --- taking ----------------------------------------------------------------------------

for indices in [0, -1, [1, 1, 0], np.array([[0, 1], [1, 0]]), np.array([], int), [True, False]]:
    for axis in (None, 0, 1, -1):
        sample("take", lambda x, i=indices, a=axis: np.take(x, i, a), (2, 3))
for mode in ("wrap", "clip"):
    sample("take", lambda x, m=mode: np.take(x, [-7, 9, 1, 3], axis=1, mode=m), (2, 3))
    sample("take", lambda x, m=mode: np.take(x, 11, mode=m), (2, 3))
sample("take", lambda x: np.take(x, 0), ())
sample("take", lambda x: np.take(x, range(2), axis=2), (2, 3, 4))
sample("take", lambda x: np.take(x, mg.Tensor([0, 0]), axis=0), (2, 3))
for axis, shape in [(0, (1, 3)), (0, (4, 3)), (1, (2, 2)), (-1, (2, 5)), (1, (1, 2))]:
    picks = np.random.default_rng(0).integers(0, (2, 3)[axis], shape)
    sample("take_along_axis", lambda x, i=picks, a=axis: np.take_along_axis(x, i, a), (2, 3))
sample("take_along_axis", lambda x: np.take_along_axis(x, np.array([5, 0, 0]), axis=None), (2, 3))
sample("take_along_axis", lambda x: np.take_along_axis(x, np.argsort(x, 1), 1), (2, 3))
sample("compress", lambda x: np.compress([True, False], x, axis=1), (2, 3))
sample("compress", lambda x: np.compress([0, 1, 1], x), (2, 3))
sample("compress", lambda x: np.compress([False], x, axis=0), (2, 3))
sample("extract", lambda x: np.extract(MASK, x), (2, 3))
sample("extract", lambda x: np.extract(x > 0, x), (2, 3), smooth=False)
for obj in (0, -1, [0, 1], slice(None, None, 2), np.array([], int)):
    sample("delete", lambda x, o=obj: np.delete(x, o), (5,))
    sample("delete", lambda x, o=obj: np.delete(x, o, axis=1), (2, 3))
for repeats in (0, 1, 3, [2], np.array(2)):
    for shape, axis in [((3,), None), ((2, 3), None), ((2, 3), 0), ((2, 3), -1)]:
        sample("repeat", lambda x, r=repeats, a=axis: np.repeat(x, r, a), shape)
sample("repeat", lambda x: np.repeat(x, 2), ())
sample("repeat", lambda x: np.repeat(x, [1, 0, 3]), (3,))
sample("repeat", lambda x: np.repeat(x, mg.Tensor([0, 2, 1]), axis=1), (2, 3))
for shape in [(4,), 4, (2, 2), (3, 5), (0,), ()]:
    sample("resize", lambda x, s=shape: np.resize(x, s), (2, 3))
sample("resize", lambda x: np.resize(x, (2, 2)), (0,))

for f in (np.take, np.repeat):
    for axis in (0, -1):
        sample(f.__name__, lambda x, f=f, a=axis: f(x, 0 if f is np.take else 3, axis=a), ())
sample("take", lambda x: np.take(x, [0, 0, -1], axis=0), ())
for obj, count in [
    (0, 1),
    (2, 1),
    (-1, 1),
    (1, 3),
    ([1], 3),
    ([0, 2, 2], 3),
    ([0, 2], 1),
    (slice(0, 3), 1),
]:
    values_ = (count,) if count > 1 else ()
    sample("insert", lambda x, v, o=obj: np.insert(x, o, v), (5,), values_)
sample("insert", lambda x, v: np.insert(x, 1, v), (2, 3), ())
with warnings.catch_warnings(record=True) as casts:  # older NumPys make whole numbers of masks
    warnings.simplefilter("always")
    np.insert(np.ones(3), np.array([True, False, True]), 0)
if not casts:
    sample("insert", lambda x, v: np.insert(x, np.array([True, False, True]), v), (3,), ())
sample("insert", lambda x, v: np.insert(x, 1, v, axis=1), (2, 3), (2,))
sample("insert", lambda x, v: np.insert(x, [1], v, axis=1), (2, 3), (2, 2))
sample("insert", lambda x, v: np.insert(x, [0, 2], v, axis=0), (2, 3), (3,))
sample("insert", lambda x, v: np.insert(x, 1, v, axis=0), (2, 3), (3,))
sample("unique", np.unique, (2, 3))
sample("unique", lambda x: np.unique(x, axis=0), (3, 2))
sample("unique", lambda x: np.unique(x, return_counts=True)[0], (4,))
sample("bincount", lambda w: np.bincount([0, 3, 3, 1], w), (4,))
sample("bincount", lambda w: np.bincount([0, 3, 3, 1], w, minlength=7), (4,))

# --- padding ---------------------------------------------------------------------------

PADS = [0, 1, (1, 2), ((0, 2), (1, 0)), ((3, 1),), [(1,), (2,)], np.array([4, 7])]
for width in PADS:
    sample("pad", lambda x, w=width: np.pad(x, w), (2, 3))
    sample("pad", lambda x, w=width: np.pad(x, w, constant_values=(5, 6)), (2, 3))
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        sample("pad", lambda x, w=width, m=mode: np.pad(x, w, mode=m), (2, 3))
for mode in ("edge", "reflect", "symmetric", "wrap", "constant"):
    sample("pad", lambda x, m=mode: np.pad(x, (9, 12), m), (3,))
    sample("pad", lambda x, m=mode: np.pad(x, 2, mode=m), (1,))
    sample("pad", lambda x, m=mode: np.pad(x, ((0, 0), (1, 1)), mode=m), (0, 3))
    sample("pad", lambda x, m=mode: np.pad(x, 1, mode=m), ())
sample("pad", lambda x: np.pad(x, 2, constant_values=((1, 2), (3, 4))), (2, 3))
sample("pad", lambda x: np.pad(x, 1, "reflect", reflect_type="even"), (3,))
for mode in ("reflect", "symmetric"):
    for width in (1, (2, 3), (9, 0), (0, 8), (7, 11)):
        odd = {"mode": mode, "reflect_type": "odd"}
        sample("pad", lambda x, w=width, o=odd: np.pad(x, w, **o), (4,))
        sample("pad", lambda x, w=width, o=odd: np.pad(x, w, **o), (2, 3))
        sample("pad", lambda x, w=width, o=odd: np.pad(x, w, **o), (1,))
sample("pad", lambda x, c: mg.pad(x, (1, 2), constant_values=c), (2, 3), ())
sample("pad", lambda x, c: mg.pad(x, 1, constant_values=c), (2, 3), (2, 2))
sample("pad", lambda x, c: mg.pad(x, (0, 2), constant_values=(1.0, c)), (3,), ())
for shape in ((), (2,), (2, 2)):
    sample("pad", lambda x, c: mg.pad(x, 2, "linear_ramp", end_values=c), (2, 3), shape)
sample("pad", lambda x: mg.pad(x, {-1: (1, 2)}), (2, 3))
sample("pad", lambda x: mg.pad(x, {0: 1, 1: (0, 2)}, "edge"), (2, 3))
sample("pad", lambda x: np.pad(x, 2), (0,))

for width in (0, 1, (1, 2), ((0, 2), (3, 0)), ((2, 1), (0, 4))):
    for mode in ("linear_ramp", "maximum", "minimum", "mean", "median"):
        sample("pad", lambda x, w=width, m=mode: np.pad(x, w, m), (2, 3))
    sample("pad", lambda x, w=width: np.pad(x, w, "linear_ramp", end_values=(5, -1)), (2, 3))
    sample("pad", lambda x, w=width: np.pad(x, w, "mean", stat_length=((1, 2), (2, 3))), (2, 3))
    sample("pad", lambda x, w=width: np.pad(x, w, "maximum", stat_length=2), (3, 4))

# --- triangles and diagonals -----------------------------------------------------------

for k in (-4, -1, 0, 1, 2, 5):
    for shape in [(2, 3), (3, 2), (3, 3)]:
        sample("tril", lambda x, k=k: np.tril(x, k), shape)
        sample("triu", lambda x, k=k: np.triu(x, k), shape)
        sample("diag", lambda x, k=k: np.diag(x, k), shape)
        sample("diagonal", lambda x, k=k: np.diagonal(x, k), shape)
    sample("diag", lambda x, k=k: np.diag(x, k=k), (3,))
    sample("diagflat", lambda x, k=k: np.diagflat(x, k), (2, 2))
for f in (np.tril, np.triu):
    sample(f.__name__, f, (3,))
    sample(f.__name__, f, (2, 3, 3))
    sample(f.__name__, f, (0, 3))
sample("diag", np.diag, (0,))
sample("diag", np.diag, (0, 3))
sample("diagflat", np.diagflat, ())
for axes in [(0, 1), (1, 0), (1, 2), (0, -1), (-1, 0)]:
    sample("diagonal", lambda x, a=axes: np.diagonal(x, 0, *a), (2, 3, 4))
    sample(
        "diagonal", lambda x, a=axes: np.diagonal(x, offset=-1, axis1=a[0], axis2=a[1]), (2, 3, 4)
    )

# --- order -----------------------------------------------------------------------------

for shape, axis in [
    ((4,), -1),
    ((2, 3), 0),
    ((2, 3), 1),
    ((2, 3), None),
    ((2, 3, 4), -2),
    ((0,), 0),
    ((0, 3), 1),
]:
    sample("sort", lambda x, a=axis: np.sort(x, a), shape)
    sample("partition", lambda x, a=axis: np.partition(x, 0, a) if x.size else x, shape)
    if axis is not None:
        sample("cummax", lambda x, a=axis: np.maximum.accumulate(x, a), shape)
        sample("cummin", lambda x, a=axis: np.minimum.accumulate(x, axis=a), shape)
sample("sort", lambda x: np.sort(x, kind="stable"), (5,))
sample("sort", lambda x: np.sort(x, stable=True, axis=0), (5, 2))
sample("sort", lambda x: np.sort(x, axis=None), ())
sample("partition", lambda x: np.partition(x, (1, 2), axis=0), (4, 2))
sample("partition", lambda x: np.partition(x, -1)[-1], (6,))

# --- choosing --------------------------------------------------------------------------

WHICH = np.array([0, 1, 1])
sample("choose", lambda x, y: np.choose(WHICH, [x, y]), (3,), (3,))
sample("choose", lambda x, y: np.choose(WHICH, [x, y]), (), (2, 1))
sample("choose", lambda x: np.choose(WHICH, [x, 7.0]), (2, 3))
sample("choose", lambda x: np.choose(WHICH, x), (2, 3))
for mode in ("wrap", "clip"):
    sample("choose", lambda x, y, m=mode: np.choose([-1, 5, 1], [x, y], mode=m), (3,), (3,))
sample("select", lambda x, y: np.select([ROW, ~ROW], [x, y]), (3,), (3,))
sample("select", lambda x, y: np.select([ROW], [x], y), (2, 3), ())
sample("select", lambda x: np.select([x < -1, x > 0], [x**2, 3.0], default=x**3), (2, 3))
for shape in SHAPES:
    sample("select", lambda x: np.select([x < 0, x > 1], [-x, x**2], 0.5), values(shape))

# --- open meshes -----------------------------------------------------------------------

sample("ix_", np.ix_, (3,), (2,))
sample("ix_", lambda x: np.ix_([1, 2], x, [True, False, True])[1], (3,))
