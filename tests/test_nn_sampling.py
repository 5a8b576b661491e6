"""Grids, un-pooling, and losses of several labels and of sequences, against PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import losses
from minigrad.nn import functional as F

rng = np.random.default_rng(11)
IMAGE, VOLUME = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5, 3))
PLACES = {2: rng.uniform(-1.7, 1.7, (2, 3, 2, 2)), 3: rng.uniform(-1.7, 1.7, (2, 3, 2, 2, 3))}
WAYS = [
    (n, *way)
    for n, modes in ((2, ("bilinear", "nearest", "bicubic")), (3, ("bilinear", "nearest")))
    for way in itertools.product(modes, ("zeros", "border", "reflection"), (False, True))
]


def agree(mine: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any) -> None:
    """Values and gradients of a weighted sum; arrays of whole numbers are constants."""
    torch = pytest.importorskip("torch")
    ts = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    ms = [mg.Tensor(a, requires_grad=True) if a.dtype.kind == "f" else a for a in arrays]
    expected, found = theirs(*ts), mine(*ms)
    np.testing.assert_allclose(found.data, expected.detach().numpy(), 1e-9, 1e-12)
    c = np.random.default_rng(1).normal(size=tuple(expected.shape))
    (expected * torch.tensor(c)).sum().backward()
    mg.sum(found * c).backward()
    for m, t in zip(ms, ts, strict=True):
        if t.requires_grad:
            np.testing.assert_allclose(0 if m.grad is None else m.grad, t.grad.numpy(), 1e-7, 1e-9)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_grids(way: Any) -> None:
    torch = pytest.importorskip("torch")
    n, mode, padding, corners = way
    agree(
        lambda x, g: F.grid_sample(x, g, mode, padding, corners),
        lambda x, g: torch.nn.functional.grid_sample(x, g, mode, padding, corners),
        IMAGE if n == 2 else VOLUME,
        PLACES[n],
    )


@pytest.mark.filterwarnings("ignore:Since version:UserWarning")
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("n", [2, 3])
def test_affine_grids(n: int, corners: bool) -> None:
    torch = pytest.importorskip("torch")
    size = (2, 3, 4, 1, 3)[: n + 2]
    agree(
        lambda t: F.affine_grid(t, size, corners),
        lambda t: torch.nn.functional.affine_grid(t, size, corners),
        rng.normal(size=(2, n, n + 1)),
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_pooling_finds_places_and_unpooling_returns_there(n: int) -> None:
    torch = pytest.importorskip("torch")
    x = rng.normal(size=(2, 3, 7, 6, 5)[: n + 2])
    pool, unpool = getattr(F, f"max_pool{n}d"), getattr(F, f"max_unpool{n}d")
    theirs = getattr(torch.nn.functional, f"max_pool{n}d")
    back = getattr(torch.nn.functional, f"max_unpool{n}d")
    for k, s, p, d, ceil in itertools.product((2, 3), (None, 1, 2), (0, 1), (1, 2), (False, True)):
        _, expected = theirs(torch.tensor(x), k, s, p, d, ceil_mode=ceil, return_indices=True)
        values, places = pool(x, k, s, p, d, ceil, True)
        np.testing.assert_array_equal(places, expected.numpy())
        if s is None and d == 1 and not ceil:
            agree(
                lambda v, i=places, k=k, p=p: unpool(v, i, k, None, p, x.shape[2:]),
                lambda v, i=expected, k=k, p=p: back(v, i, k, None, p, x.shape[2:]),
                values,
            )


SCORES, CLASSES, SHARES = rng.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2]), rng.random(4)
LISTS = np.array([[3, 0, -1, 1], [-1, 2, 0, 1], [0, 1, 2, 3], [2, -1, -1, -1], [1, 1, -1, 0]])
STEPS = rng.normal(size=(7, 3, 5))
WORDS = np.array([[2, 2, 2], [1, 4, 1], [3, 2, 2]])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_several_labels(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    T, tensor, r = torch.nn.functional, torch.tensor, reduction
    for p, margin, w in itertools.product((1, 2), (1.0, 0.3), (None, SHARES)):
        u = None if w is None else tensor(w)
        agree(
            lambda z, p=p, m=margin, w=w: losses.multi_margin(z, CLASSES, p, m, w, r),
            lambda z, p=p, m=margin, u=u: T.multi_margin_loss(
                z, tensor(CLASSES), p=p, margin=m, weight=u, reduction=r
            ),
            SCORES,
        )
    agree(
        lambda z: losses.multilabel_margin(z, LISTS, r),
        lambda z: T.multilabel_margin_loss(z, tensor(LISTS), reduction=r),
        SCORES,
    )
    there = 1.0 * (LISTS > 0)
    agree(
        lambda z: losses.multilabel_soft_margin(z, there, SHARES, r),
        lambda z: T.multilabel_soft_margin_loss(
            z, tensor(there), weight=tensor(SHARES), reduction=r
        ),
        SCORES,
    )
    agree(
        lambda m, t, v: losses.gaussian_nll(m, t, v, reduction=r),
        lambda m, t, v: T.gaussian_nll_loss(m, t, v, reduction=r),
        SCORES,
        SCORES[:, :1],
        SCORES**2,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_sequences_that_nobody_has_aligned(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    T, tensor = torch.nn.functional, torch.tensor
    for steps, sizes in itertools.product(([7, 7, 7], [7, 5, 4]), ([3, 3, 3], [3, 2, 0])):
        for y in (WORDS, np.concatenate([w[:n] for w, n in zip(WORDS, sizes, strict=True)])):
            options = {"reduction": reduction, "zero_infinity": True}
            agree(
                lambda z, y=y, s=steps, n=sizes, o=options: losses.ctc(
                    mg.log_softmax(z, -1), y, s, n, **o
                ),
                lambda z, y=y, s=steps, n=sizes, o=options: T.ctc_loss(
                    z.log_softmax(-1), tensor(y), tensor(s), tensor(n), **o
                ),
                STEPS,
            )


def test_a_target_too_long_is_impossible() -> None:
    z = mg.log_softmax(STEPS[:2], -1)
    assert np.isinf(losses.ctc(z, WORDS, reduction="none")).all()
    assert losses.ctc(z, WORDS, zero_infinity=True) == 0
    assert losses.ctc(z.astype(np.float32), WORDS, zero_infinity=True).dtype == np.float32
    assert losses.ctc(z[:, 0], np.array([2])) > 0


@pytest.mark.full
def test_second_derivatives_and_programs() -> None:
    loss = lambda z: losses.ctc(mg.log_softmax(z, -1), np.array([2, 2]))
    assert mg.gradcheck(loss, STEPS[:4, 0, :3], order=2)
    x, g = IMAGE[:1, :1], rng.uniform(-0.9, 0.9, (1, 1, 2, 2))
    assert mg.gradcheck(
        lambda x, g: F.grid_sample(x, g, "bicubic", "border"), x[..., :2, :2], g, order=2
    )
    compiled = mg.compile(mg.grad(lambda g, x: F.grid_sample(x, g).sum()))
    for places in (g, -g):
        plain = mg.grad(lambda g: F.grid_sample(x, g).sum())(places)
        np.testing.assert_allclose(compiled(places, x), plain, 1e-12)


def test_unpooling_in_programs() -> None:
    x = rng.normal(size=(2, 3, 4, 6))
    f = lambda y, at: (F.max_unpool2d(y, at, 2) ** 3).sum()
    compiled = mg.compile(mg.grad(f))
    for image in (x, -x, x[::-1]):
        y, at = F.max_pool2d(image, 2, return_indices=True)
        np.testing.assert_allclose(compiled(y, at), mg.grad(f)(y, at))
    for wrong in (at[0, 0, 0, 0], 24, -1):  # a program cannot ask, and says NaN
        places = np.array(at)
        places[0, 0, 0, 1] = wrong
        assert np.isnan(compiled(y, places)[0, 0, 0, 1])
    there = lambda x: (F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2) * x).sum()
    np.testing.assert_allclose(mg.compile(mg.grad(there))(x), mg.grad(there)(x))


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "grid": (lambda: F.grid_sample(IMAGE, PLACES[3]), ValueError, "one place of 2"),
    "padding": (lambda: F.grid_sample(IMAGE, PLACES[2], padding_mode="edge"), ValueError, "'edge'"),
    "mode": (lambda: F.grid_sample(VOLUME, PLACES[3], "bicubic"), ValueError, "for images"),
    "empty": (lambda: F.grid_sample(IMAGE[:, :, :0], PLACES[2]), ValueError, "no entries"),
    "theta": (lambda: F.affine_grid(np.eye(3), (1, 1, 2, 2)), ValueError, r"\(batch, 2, 3\)"),
    "unpool": (
        lambda: F.max_unpool1d(np.ones((1, 1, 2)), np.array([[[0, 9]]]), 2),
        ValueError,
        "none of the 4 places",
    ),
    "overlap": (
        lambda: F.max_unpool1d(np.ones((1, 1, 2)), np.array([[[1, 1]]]), 2),
        ValueError,
        "occurs twice",
    ),
    "p": (lambda: losses.multi_margin(SCORES, CLASSES, 3), ValueError, "p must be 1 or 2"),
    "lists": (lambda: losses.multilabel_margin(SCORES, LISTS[:3]), ValueError, r"\(3, 4\) lists"),
    "list": (lambda: losses.multilabel_margin(SCORES, LISTS + 2), ValueError, "numbered from 0"),
    "floats": (lambda: losses.multilabel_margin(SCORES, SCORES), TypeError, "astype"),
    "blank": (lambda: losses.ctc(STEPS, WORDS, blank=5), ValueError, "none of the 5 classes"),
    "label": (lambda: losses.ctc(STEPS, WORDS * 2), ValueError, "none of the classes 0 to 4"),
    "steps": (lambda: losses.ctc(STEPS, WORDS, [8, 1, 1]), ValueError, "from 0 to 7"),
    "lines": (lambda: losses.ctc(STEPS, WORDS[:2]), ValueError, "2 lines"),
    "flat": (lambda: losses.ctc(STEPS, WORDS[0]), ValueError, "need target_lengths="),
    "sizes": (lambda: losses.ctc(STEPS, WORDS[0], None, [1, 1, 0]), ValueError, "add up to 2"),
    "words": (lambda: losses.ctc(STEPS, WORDS * 1.0), TypeError, "dtype float64"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()
