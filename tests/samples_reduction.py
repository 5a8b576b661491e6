"""Samples of reductions and scans."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from samples import sample, values

CASES = [
    ((), {}), ((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": -1}),
    ((2, 3, 4), {"axis": (0, 2)}), ((2, 3, 4), {"axis": (-1, 0), "keepdims": True}),
    ((2, 3), {"keepdims": True}), ((2, 1), {"axis": 1}),
]  # fmt: skip
MASK = np.array([[True, False, True], [True, True, False]])
for name in "sum mean prod max min var std ptp median".split():
    for shape, options in CASES:
        if name == "std" and shape in ((), (2, 1)):  # no variance, a kink
            continue
        sample(name, lambda x, f=getattr(np, name), o=options: f(x, **o), shape)
for name in "nansum nanmean average".split():
    for shape, options in CASES:
        sample(name, lambda x, f=getattr(np, name), o=options: f(x, **o), shape)
for name in ("sum", "prod"):
    sample(name, lambda x, f=getattr(np, name): f(x), (0,))
    sample(name, lambda x, f=getattr(np, name): f(x, axis=0), (0, 3))
    sample(name, lambda x, f=getattr(np, name): f(x, axis=1), (0, 3))
    sample(name, lambda x, f=getattr(np, name): f(x, axis=1, initial=2.0), (2, 3))
for name in ("sum", "mean", "prod", "var", "std"):
    sample(name, lambda x, f=getattr(np, name): f(x, axis=1, where=MASK), (2, 3))
    sample(name, lambda x, f=getattr(np, name): f(x, where=MASK), (2, 3))
    sample(
        name,
        lambda x, f=getattr(np, name): f(x, axis=0, where=MASK, keepdims=True),
        values((2, 3), 3),
    )
for name in ("max", "min"):
    start = -9.0 if name == "max" else 9.0
    sample(
        name, lambda x, f=getattr(np, name), s=start: f(x, axis=1, where=MASK, initial=s), (2, 3)
    )
    sample(name, lambda x, f=getattr(np, name): f(x, axis=1, initial=0.1), (2, 3))
for ddof in (1, 0.5):
    sample("var", lambda x, d=ddof: np.var(x, axis=1, ddof=d), (2, 3))
    sample("std", lambda x, d=ddof: np.std(x, ddof=d), (2, 3))
for zeros in ([0.0, 2.0, 3.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.5, 2.0, 3.0]):
    sample("prod", np.prod, np.array(zeros))
    sample("cumprod", np.cumprod, np.array(zeros))
sample("average", lambda x, w: np.average(x, weights=w), (3,), values((3,), 1, 0.5, 2))
sample("average", lambda x, w: np.average(x, axis=1, weights=w), (2, 3), values((3,), 1, 0.5, 2))
sample("average", lambda x, w: np.average(x, axis=0, weights=w), (2, 3), values((2, 3), 1, 0.5, 2))
sample("median", lambda x: np.median(x, axis=(0, 1)), (2, 3, 2))
sample("nansum", np.nansum, np.array([1.0, np.nan, 3.0]), smooth=False)

for shape, options in CASES:
    sample("logsumexp", lambda x, o=options: mg.logsumexp(x, **o), shape)
for shape, axis in [((3,), -1), ((2, 3), 0), ((2, 3), 1), ((2, 3), None), ((2, 3, 4), (0, 1))]:
    sample("softmax", lambda x, a=axis: mg.softmax(x, axis=a), shape)
    sample("log_softmax", lambda x, a=axis: mg.log_softmax(x, axis=a), shape)
for name in ("cumsum", "cumprod"):
    for shape, options in [
        ((3,), {}),
        ((2, 3), {}),
        ((2, 3), {"axis": 0}),
        ((2, 3), {"axis": -1}),
        ((0,), {}),
    ]:
        sample(name, lambda x, f=getattr(np, name), o=options: f(x, **o), shape)
for shape, options in [
    ((4,), {}), ((2, 3), {}), ((3, 2), {"axis": 0}), ((5,), {"n": 2}), ((3,), {"n": 0}),
    ((2, 3), {"prepend": 0.5}), ((2, 3), {"append": np.ones((2, 1))}), ((1,), {}),
]:  # fmt: skip
    sample("diff", lambda x, o=options: np.diff(x, **o), shape)
sample("diff", lambda x, y: np.diff(x, prepend=y), (3,), (2,))
