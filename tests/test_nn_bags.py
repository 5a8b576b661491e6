"""Bags of rows, and pools at random places: by hand, and beside PyTorch where it is."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F

rng = np.random.default_rng(3)
TABLE = rng.normal(size=(6, 3))
LINE = np.array([1, 4, 4, 0, 2, 5, 1])
BAGS: dict[str, tuple[Any, Any, bool]] = {
    "rectangle": (np.array([[0, 1, 1], [5, 2, 2]]), None, False),
    "line": (LINE, [0, 2, 2, 6], False),
    "with its end": (LINE, [0, 3, 7], True),
    "empty at the end": (LINE, [0, 7], False),
    "none at all": (LINE[:0], [0, 0], False),
}


def by_hand(
    table: Any, indices: Any, offsets: Any, ended: bool, mode: str, w: Any, pad: Any
) -> Any:
    if offsets is None:
        w = w if w is None else w.reshape(-1)
        offsets, indices = np.arange(0, indices.size, indices.shape[1]), indices.reshape(-1)
    ends = [*offsets, *([] if ended else [indices.size])]
    found = []
    for a, b in itertools.pairwise(ends):
        at = [i for i in range(a, b) if indices[i] != pad]
        rows = [table[indices[i]] * (1.0 if w is None else w[i]) for i in at]
        if not rows:
            found.append(np.zeros(table.shape[1]))
        elif mode == "max":
            found.append(np.max(mg.stack(rows), axis=0))
        else:
            found.append(sum(rows) / (len(rows) if mode == "mean" else 1))
    return mg.stack(found)


@pytest.mark.parametrize("name", BAGS)
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("pad", [None, 4, -2])
def test_bags(name: str, mode: str, pad: Any) -> None:
    indices, offsets, ended = BAGS[name]
    row = None if pad is None else pad % 6
    weights = [None, rng.normal(size=indices.shape)] if mode == "sum" else [None]
    for w in weights:
        ours = lambda t, w=w: F.embedding_bag(indices, t, offsets, mode, w, ended, pad)
        hand = lambda t, w=w: by_hand(t, indices, offsets, ended, mode, w, row)
        np.testing.assert_allclose(ours(TABLE), hand(TABLE), atol=1e-14)
        down = rng.normal(size=np.shape(ours(TABLE)))
        for power in (1, 2):
            slopes = [
                mg.grad(lambda t, f=f, d=down, p=power: (f(t) ** p * d).sum())(TABLE)
                for f in (ours, hand)
            ]
            np.testing.assert_allclose(*slopes, atol=1e-13)
        if w is not None:
            by_w = lambda w, f=F.embedding_bag: f(indices, TABLE, offsets, mode, w, ended, pad)
            assert mg.gradcheck(by_w, w)
    t = mg.Tensor(TABLE.astype(np.float32), requires_grad=True)
    y = F.embedding_bag(indices, t, offsets, mode, None, ended, pad)
    y.sum().backward()
    assert y.dtype == t.grad.dtype == np.float32


def test_bags_beside_torch() -> None:
    torch = pytest.importorskip("torch")
    for name, mode, pad in itertools.product(BAGS, ("sum", "mean", "max"), (None, 4)):
        indices, offsets, ended = BAGS[name]
        if mode == "max" and name == "rectangle":
            indices = np.array([[0, 1, 3], [5, 2, 4]])  # PyTorch gives the first of equal ones all
        t = torch.tensor(TABLE, requires_grad=True)
        at = None if offsets is None else torch.tensor(offsets)
        theirs = torch.nn.functional.embedding_bag(
            torch.tensor(indices), t, at, mode=mode, include_last_offset=ended, padding_idx=pad
        )
        down = rng.normal(size=theirs.shape)
        (theirs * torch.tensor(down)).sum().backward()
        f = lambda v: F.embedding_bag(indices, v, offsets, mode, None, ended, pad)  # noqa: B023
        np.testing.assert_allclose(f(TABLE), theirs.detach().numpy(), atol=1e-14)
        if mode != "max" or name == "rectangle":
            got = mg.grad(lambda v: (f(v) * down).sum())(TABLE)  # noqa: B023
            np.testing.assert_allclose(got, t.grad.numpy(), atol=1e-14)


def test_bags_in_programs_and_layers() -> None:
    layer = mg.nn.EmbeddingBag(6, 3, mode="sum", padding_idx=2, rng=0)
    assert not layer.weight.data[2].any()
    np.testing.assert_allclose(layer(LINE, [0, 3]).data[0], layer.weight.data[LINE[:3]].sum(0))
    assert layer.details() == "6, 3, mode=sum, padding_idx=2"
    compiled = mg.compile(mg.grad(lambda t, i: (F.embedding_bag(i, t) ** 2).sum()))
    for i in (np.array([[0, 1], [2, 3]]), np.array([[5, 5], [1, 0]])):
        want = mg.grad(lambda t, i=i: (F.embedding_bag(i, t) ** 2).sum())(TABLE)
        np.testing.assert_allclose(compiled(TABLE, i), want)


@pytest.mark.parametrize("n", [2, 3])
def test_fractional_pools_beside_torch(n: int) -> None:
    torch = pytest.importorskip("torch")
    x = rng.normal(size=(2, 3, 7, 9, 6)[: 2 + n])
    ours = getattr(F, f"fractional_max_pool{n}d")
    theirs = getattr(torch.nn.functional, f"fractional_max_pool{n}d")
    for kernel, how in ((2, {"output_size": 3}), (1, {"output_ratio": (0.7, 0.5, 0.8)[:n]}),
                        ((2, 3, 2)[:n], {"output_size": (4, 1, 3)[:n]})):  # fmt: skip
        u = rng.uniform(size=(2, 3, n))
        t = torch.tensor(x, requires_grad=True)
        y, at = theirs(t, kernel, **how, return_indices=True, _random_samples=torch.tensor(u))
        (y**2).sum().backward()
        found, places = ours(x, kernel, **how, return_indices=True, samples=u)
        np.testing.assert_array_equal(found, y.detach().numpy())
        np.testing.assert_array_equal(places, at.numpy())
        got = mg.grad(lambda x: (ours(x, kernel, **how, samples=u) ** 2).sum())(x)  # noqa: B023
        np.testing.assert_allclose(got, t.grad.numpy())
        np.testing.assert_array_equal(ours(x[0], kernel, **how, samples=u[:1]), found[0])


def test_fractional_pools_by_hand() -> None:
    x, u = rng.normal(size=(1, 1, 8, 8)), np.array([[[0.3, 0.8]]])
    found = F.fractional_max_pool2d(x, 2, 5, samples=u)
    begin = lambda i, u: 6 if i == 4 else int((i + u) * 1.5) - int(u * 1.5)
    for i, j in itertools.product(range(5), range(5)):
        a, b = begin(i, 0.8), begin(j, 0.3)
        assert found[0, 0, i, j] == x[0, 0, a : a + 2, b : b + 2].max()
    mg.nn.seed(1)
    first = F.fractional_max_pool2d(x, 2, 5)
    mg.nn.seed(1)
    np.testing.assert_array_equal(F.fractional_max_pool2d(x, 2, 5), first)
    layer = mg.nn.FractionalMaxPool2d(2, output_ratio=0.5, rng=0)
    assert layer(x).shape == (1, 1, 4, 4)
    g = mg.grad(lambda x: layer(x).sum())(x)
    assert g.sum() == 16
    compiled = mg.compile(lambda x, u: F.fractional_max_pool2d(x, 2, 5, samples=u))
    for v in (u, 1 - u):
        np.testing.assert_array_equal(compiled(x, v), F.fractional_max_pool2d(x, 2, 5, samples=v))


IMAGE = np.ones((1, 1, 4, 4))
WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "mode": (lambda: F.embedding_bag([[1]], TABLE, mode="prod"), ValueError, "sum, mean, max"),
    "line": (lambda: F.embedding_bag([1], TABLE), ValueError, r"\(1,\), without offsets="),
    "both": (lambda: F.embedding_bag([[1]], TABLE, [0]), ValueError, "with offsets="),
    "weights": (
        lambda: F.embedding_bag([[1]], TABLE, per_sample_weights=[[2.0]]),
        ValueError,
        'go with mode="sum"',
    ),
    "start": (lambda: F.embedding_bag([1], TABLE, [1]), ValueError, "must rise from 0 to 1"),
    "falls": (lambda: F.embedding_bag([1, 2], TABLE, [0, 2, 1]), ValueError, "must rise"),
    "short": (
        lambda: F.embedding_bag([1, 2], TABLE, [0, 1], include_last_offset=True),
        ValueError,
        "must rise from 0 to 2",
    ),
    "nothing": (
        lambda: F.embedding_bag([1], TABLE, np.zeros(0, int), include_last_offset=True),
        ValueError,
        "must rise",
    ),
    "row": (lambda: F.embedding_bag([[6]], TABLE), IndexError, "rows 0 to 5"),
    "floats": (lambda: F.embedding_bag([[0.5]], TABLE), TypeError, "wants integers"),
    "no size": (lambda: F.fractional_max_pool2d(IMAGE, 2), ValueError, "and not both"),
    "ratio": (lambda: F.fractional_max_pool2d(IMAGE, 2, None, 1.0), ValueError, "between 0 and 1"),
    "too many": (lambda: F.fractional_max_pool2d(IMAGE, 2, 4), ValueError, "do not fit into"),
    "samples": (
        lambda: F.fractional_max_pool2d(IMAGE, 2, 3, samples=[0.1, 0.2]),
        ValueError,
        r"the shape \(1, 1, 2\)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name: str) -> None:
    call, kind, match = WRONG[name]
    with pytest.raises(kind, match=match):
        call()
