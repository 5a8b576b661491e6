"""Losses against PyTorch, SciPy and their formulas; and what they refuse."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import losses

rng = np.random.default_rng(5)
P, T = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
LABELS = np.array([2, 0, 1, 1])
SOFT = rng.dirichlet(np.ones(3), size=4)
TWO = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.25], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])


# --- values and gradients --------------------------------------------------------------


def torch_losses() -> dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, Any]]:
    """Ours, PyTorch's, and arguments; both take ``reduction``."""
    F = pytest.importorskip("torch").nn.functional
    probabilities = 1 / (1 + np.exp(-P))
    return {
        "mse": (losses.mse, F.mse_loss, P, T),
        "mae": (losses.mae, F.l1_loss, P, T),
        "huber": (losses.huber, F.huber_loss, P * 2, T),
        "bce": (losses.binary_cross_entropy, F.binary_cross_entropy, probabilities, TWO),
        "logits": (
            losses.binary_cross_entropy_with_logits,
            F.binary_cross_entropy_with_logits,
            P,
            TWO,
        ),
        "indices": (losses.cross_entropy, F.cross_entropy, P, LABELS),
        "probabilities": (losses.cross_entropy, F.cross_entropy, P, SOFT),
        "smoothed indices": (
            lambda z, y, **k: losses.cross_entropy(z, y, label_smoothing=0.2, **k),
            lambda z, y, **k: F.cross_entropy(z, y, label_smoothing=0.2, **k),
            P,
            LABELS,
        ),
        "smoothed probabilities": (
            lambda z, y, **k: losses.cross_entropy(z, y, label_smoothing=0.2, **k),
            lambda z, y, **k: F.cross_entropy(z, y, label_smoothing=0.2, **k),
            P,
            SOFT,
        ),
        "multiclass hinge": (
            losses.multiclass_hinge,
            lambda z, y, **k: 3 * F.multi_margin_loss(z, y, **k),
            P,
            LABELS,
        ),
    }


NAMES = [
    "mse", "mae", "huber", "bce", "logits", "indices", "probabilities", "smoothed indices",
    "smoothed probabilities", "multiclass hinge",
]  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients_are_pytorchs(name: str, reduction: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, prediction, target = torch_losses()[name]
    x = torch.tensor(prediction, requires_grad=True)
    expected = theirs(x, torch.tensor(target), reduction=reduction)
    expected.sum().backward()
    p = mg.Tensor(prediction, requires_grad=True)
    got = ours(p, target, reduction=reduction)
    got.sum().backward()
    np.testing.assert_allclose(got.data, expected.detach().numpy(), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(p.grad, x.grad.numpy(), rtol=1e-12, atol=1e-14)
    assert np.allclose(ours(prediction, target, reduction=reduction), got.data, rtol=1e-15)


# --- the others: a formula in NumPy for each, and PyTorch where it is installed ----------

V = rng.uniform(0.5, 2.0, size=(4, 3))
COUNTS = np.array([[0.0, 1, 4], [2, 0, 3], [1, 1, 0], [7, 2, 5]])
SIGNS = np.array([[1.0, -1, 1], [-1, -1, 1], [1, 1, -1], [-1, 1, 1]])
LOG_Q = np.log(rng.dirichlet(np.ones(3), size=4))
W3 = np.array([0.5, 2.0, 1.0])
SOME = np.array([2, -100, 1, 1])


def at_labels(z: Any, y: Any) -> Any:
    return z[np.arange(len(y)), y]


def log_softmax(z: Any) -> Any:
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def norm(d: Any, p: float = 2.0) -> Any:
    return (np.abs(d) ** p).sum(-1) ** (1 / p)


def cosine(a: Any, b: Any) -> Any:
    return (a * b).sum(-1) / (norm(a) * norm(b))


def triplet(a: Any, b: Any, c: Any, p: float, swap: bool) -> Any:
    far = norm(a - c + 1e-6, p)
    far = np.minimum(far, norm(b - c + 1e-6, p)) if swap else far
    return np.maximum(0, norm(a - b + 1e-6, p) - far + 1)


def stirling(t: Any) -> Any:
    many = np.maximum(t, 1)
    full = many * np.log(many) - many + 0.5 * np.log(2 * np.pi * many)
    return np.where(t > 1, full, 0)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


OTHERS: list[tuple[str, Any, tuple[Any, ...], dict[str, Any], Any, str]] = [
    (
        "smooth_l1", losses.smooth_l1, (2 * P, T), {"beta": 0.7},
        lambda p, t, beta: np.where(
            abs(p - t) < beta, (p - t) ** 2 / (2 * beta), abs(p - t) - beta / 2
        ),
        "smooth_l1_loss",
    ),
    (
        "huber", losses.huber, (2 * P, T), {"delta": 0.7},
        lambda p, t, delta: np.where(
            abs(p - t) < delta, (p - t) ** 2 / 2, delta * (abs(p - t) - delta / 2)
        ),
        "huber_loss",
    ),
    ("mse", losses.mse, (P, T), {}, lambda p, t: (p - t) ** 2, "mse_loss"),
    ("mae", losses.mae, (P, T), {}, lambda p, t: abs(p - t), "l1_loss"),
    ("smooth_l1, no beta", losses.smooth_l1, (P, T), {"beta": 0.0},
     lambda p, t, beta: abs(p - t), "smooth_l1_loss"),
    ("gaussian_nll", losses.gaussian_nll, (P, T, V), {},
     lambda p, t, v: (np.log(v) + (p - t) ** 2 / v) / 2, "gaussian_nll_loss"),
    ("gaussian_nll, full", losses.gaussian_nll, (P, T, V), {"full": True},
     lambda p, t, v, full: (np.log(2 * np.pi * v) + (p - t) ** 2 / v) / 2, "gaussian_nll_loss"),
    ("poisson_nll", losses.poisson_nll, (P, COUNTS), {},
     lambda p, t: np.exp(p) - t * p, "poisson_nll_loss"),
    ("poisson_nll, rates", losses.poisson_nll, (V, COUNTS), {"log_input": False, "full": True},
     lambda p, t, log_input, full: p - t * np.log(p + 1e-8) + stirling(t), "poisson_nll_loss"),
    ("soft_margin", losses.soft_margin, (P, SIGNS), {},
     lambda s, t: np.log1p(np.exp(-t * s)), "soft_margin_loss"),
    ("margin_ranking", losses.margin_ranking, (P, T, SIGNS), {"margin": 0.3},
     lambda a, b, t, margin: np.maximum(0, margin - t * (a - b)), "margin_ranking_loss"),
    ("hinge_embedding", losses.hinge_embedding, (V, SIGNS), {"margin": 1.2},
     lambda d, t, margin: np.where(t > 0, d, np.maximum(0, margin - d)), "hinge_embedding_loss"),
    ("cosine_embedding", losses.cosine_embedding, (P, T, SIGNS[:, 0]), {"margin": 0.1},
     lambda a, b, t, margin: np.where(
         t > 0, 1 - cosine(a, b), np.maximum(0, cosine(a, b) - margin)),
     "cosine_embedding_loss"),
    ("triplet_margin", losses.triplet_margin, (P, T, V), {"p": 2.0, "swap": False},
     triplet, "triplet_margin_loss"),
    ("triplet_margin, swap", losses.triplet_margin, (P, T, P[::-1].copy()),
     {"p": 3.0, "swap": True},
     triplet, "triplet_margin_loss"),
    ("bce, weight", losses.binary_cross_entropy, (sigmoid(P), TWO), {"weight": W3},
     lambda p, y, weight: -weight * (y * np.log(p) + (1 - y) * np.log(1 - p)),
     "binary_cross_entropy"),
    ("logits, weights", losses.binary_cross_entropy_with_logits, (P, TWO),
     {"weight": W3, "pos_weight": W3[::-1].copy()},
     lambda z, y, weight, pos_weight: -weight * (
         pos_weight * y * np.log(sigmoid(z)) + (1 - y) * np.log(sigmoid(-z))),
     "binary_cross_entropy_with_logits"),
]  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("row", OTHERS, ids=lambda row: row[0])
def test_formulas(row: Any, reduction: str) -> None:
    _, loss, args, options, formula, theirs = row
    reduce = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduction]
    got = loss(*args, **options, reduction=reduction)
    np.testing.assert_allclose(got, reduce(formula(*args, **options)), rtol=1e-9, atol=1e-12)
    total = lambda *a: np.sum(loss(*a, *args[len(a) :], **options, reduction=reduction))
    differentiated = 1 if len(args) < 3 else 2
    assert mg.gradcheck(total, *args[:differentiated])
    if torch := _torch():
        as_torch = lambda x: torch.tensor(x) if isinstance(x, np.ndarray) else x
        xs = [torch.tensor(a, requires_grad=i < differentiated) for i, a in enumerate(args)]
        told = {k: as_torch(v) for k, v in options.items()}
        expected = getattr(torch.nn.functional, theirs)(*xs, **told, reduction=reduction)
        np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-9, atol=1e-12)
        expected.sum().backward()
        slopes = mg.grad(total, argnums=tuple(range(differentiated)))(*args[:differentiated])
        for slope, x in zip(slopes, xs):
            np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-8, atol=1e-10)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        return None
    return torch


@pytest.mark.sampled(5)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, W3])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("target", [LABELS, SOME, SOFT], ids=["all", "ignored", "soft"])
def test_weighted_cross_entropy(target: Any, smoothing: float, weight: Any, reduction: str) -> None:
    w = np.ones(3) if weight is None else weight
    log_q = log_softmax(P) * w
    if target is SOFT:
        shares, expected = np.ones(4), -(SOFT * log_q).sum(1)
    else:
        counted = target >= 0
        y = np.where(counted, target, 0)
        shares, expected = w[y] * counted, -at_labels(log_q, y) * counted
    even = -log_q.mean(1) * (1 if target is SOFT else counted)
    expected = (1 - smoothing) * expected + smoothing * even
    if reduction != "none":
        expected = expected.sum() / (shares.sum() if reduction == "mean" else 1)
    ignored = {"ignore_index": -100} if target is SOME else {}
    options = {"weight": weight, "label_smoothing": smoothing, "reduction": reduction, **ignored}
    got = losses.cross_entropy(P, target, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    if torch := _torch():
        options["weight"] = None if weight is None else torch.tensor(weight)
        theirs = torch.nn.functional.cross_entropy(torch.tensor(P), torch.tensor(target), **options)
        np.testing.assert_allclose(got, theirs.numpy(), rtol=1e-12)
    if smoothing == 0 and target is not SOFT:
        options = {"weight": weight, "reduction": reduction, **ignored}
        np.testing.assert_allclose(losses.nll(log_softmax(P), target, **options), expected)
    assert mg.gradcheck(
        lambda z: np.sum(
            losses.cross_entropy(
                z, target, weight=weight, label_smoothing=smoothing, reduction=reduction, **ignored
            )
        ),
        P,
    )


def test_classes_along_another_axis_are_weighted_and_ignored() -> None:
    z, y = rng.normal(size=(2, 3, 5)), rng.integers(0, 3, size=(2, 5))
    y[0, 2] = 7
    options = {"weight": W3, "ignore_index": 7}
    rows = losses.cross_entropy(z.swapaxes(1, 2).reshape(10, 3), y.ravel(), **options)
    assert losses.cross_entropy(z, y, axis=1, **options) == pytest.approx(rows, rel=1e-13)
    w = np.where(y == 7, 0, W3[np.where(y == 7, 0, y)])
    log_q = np.log(np.exp(z) / np.exp(z).sum(1, keepdims=True))
    own = np.take_along_axis(log_q, np.where(y == 7, 0, y)[:, None], 1)[:, 0]
    assert rows == pytest.approx(-(w * own).sum() / w.sum(), rel=1e-13)


def test_batchmean_and_weighted_hinge() -> None:
    q, p = rng.dirichlet(np.ones(3), size=(4, 2)), rng.dirichlet(np.ones(3), size=(4, 2))
    total = (p * np.log(p / q)).sum()
    got = losses.kl_divergence(np.log(q), p, reduction="batchmean")
    assert got == pytest.approx(total / 4, rel=1e-12)
    assert losses.kl_divergence(np.log(q), p) == pytest.approx(total / 8, rel=1e-12)
    plain = losses.multiclass_hinge(P, LABELS, reduction="none")
    got = losses.multiclass_hinge(P, LABELS, reduction="none", weight=W3)
    np.testing.assert_allclose(got, plain * W3[LABELS], rtol=1e-14)


def test_a_variance_below_eps_is_a_constant() -> None:
    slope = mg.grad(losses.gaussian_nll, argnums=2)([1.0], [1.0], np.array([1e-9]))
    assert slope == 0


def test_kl_divergence_is_scipys() -> None:
    entropy = pytest.importorskip("scipy.stats").entropy
    q = rng.dirichlet(np.ones(3), size=4)
    got = losses.kl_divergence(np.log(q), SOFT, reduction="none")
    np.testing.assert_allclose(got, entropy(SOFT, q, axis=1), rtol=1e-12)
    zero = np.array([[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(losses.kl_divergence(np.log(q[:1]), zero), -np.log(q[0, 0]))
    got = mg.grad(losses.kl_divergence)(P, SOFT, reduction="sum")
    np.testing.assert_allclose(got, mg.softmax(P) - SOFT, atol=1e-14)
    assert mg.gradcheck(lambda u: losses.kl_divergence(P, mg.softmax(u)), T)


def test_the_four_conventions_of_the_squared_error() -> None:
    e, m = P - T, P.size
    for loss, value, slope in [
        (losses.mse, (e**2).sum() / m, 2 * e / m),
        (losses.half_mse, (e**2).sum() / (2 * m), e / m),
        (losses.sum_squared_error, (e**2).sum(), 2 * e),
        (losses.half_sum_squared_error, (e**2).sum() / 2, e),
    ]:
        got, gradient = mg.value_and_grad(loss)(P, T)
        np.testing.assert_allclose(got, value, rtol=1e-14)
        np.testing.assert_allclose(gradient, slope, rtol=1e-14)


def test_hinge_and_penalties() -> None:
    t = np.sign(T)
    np.testing.assert_allclose(losses.hinge(P, t), np.maximum(0, 1 - t * P).mean())
    np.testing.assert_allclose(
        mg.grad(losses.hinge)(P, t, reduction="sum"), np.where(t * P < 1, -t, 0)
    )
    tree = {"W": P, "b": [T[0], 2.0]}
    assert losses.l2_penalty(tree, 0.3) == pytest.approx(
        0.15 * ((P**2).sum() + (T[0] ** 2).sum() + 4)
    )
    assert losses.l1_penalty(tree, 0.3) == pytest.approx(0.3 * (abs(P).sum() + abs(T[0]).sum() + 2))
    slopes = mg.grad(losses.l2_penalty)(tree, 0.3)
    np.testing.assert_allclose(slopes["W"], 0.3 * P)
    assert losses.l1_penalty(x for x in [mg.Tensor([1.0, -2.0])]).item() == 3.0

    assert losses.l2_penalty(tree, 0) == losses.l1_penalty(tree, 0) == 0


def test_directions_of_any_number_of_vectors() -> None:
    a, b = rng.normal(size=(2, 2, 3, 4))
    t = np.array([[1, -1, 1], [-1, -1, 1]])
    expected = np.where(t > 0, 1 - cosine(a, b), np.maximum(0, cosine(a, b) + 1))
    got = losses.cosine_embedding(a, b, t, margin=-1.0, reduction="none")
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    # a vector of zeros is at a right angle to every other, also to itself
    zeros = np.zeros((2, 4))
    assert losses.cosine_embedding(zeros, a[0, :2], np.ones(2)) == 1.0
    assert losses.cosine_embedding(zeros, zeros, np.ones(2)) == 1.0
    slopes = mg.grad(losses.cosine_embedding)(zeros, a[0, :2], np.ones(2))
    unit = a[0, :2] / np.sqrt((a[0, :2] ** 2).sum(-1, keepdims=True))
    np.testing.assert_allclose(slopes, -unit / np.sqrt(1e-12) / 2, rtol=1e-6)
    for margin in (-1.1, 1.5):
        with pytest.raises(ValueError, match=f"margin must be between -1 and 1, not {margin}"):
            losses.cosine_embedding(a, b, t, margin=margin)


def test_classes_along_another_axis() -> None:
    z, y = rng.normal(size=(2, 3, 5)), rng.integers(0, 3, size=(2, 5))
    F, torch = pytest.importorskip("torch").nn.functional, pytest.importorskip("torch")
    expected = F.cross_entropy(torch.tensor(z), torch.tensor(y)).item()
    assert losses.cross_entropy(z, y, axis=1) == pytest.approx(expected, rel=1e-13)
    assert losses.cross_entropy(z.swapaxes(1, 2), y) == pytest.approx(expected, rel=1e-13)
    assert losses.cross_entropy(z[0, :, 0], 2) == pytest.approx(-mg.log_softmax(z[0, :, 0])[2])


EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (losses.mse, EXTREME[::-1]),
        (losses.mae, EXTREME[::-1]),
        (losses.huber, EXTREME[::-1]),
        (losses.binary_cross_entropy_with_logits, np.array([[0.0, 1, 1], [0, 1, 0]])),
        (
            lambda z, y: losses.binary_cross_entropy(mg.sigmoid(z), y),
            np.array([[0.0, 1, 1], [0, 1, 0]]),
        ),
        (losses.hinge, np.array([[-1, 1, 1], [-1, 1, 1]])),
        (losses.cross_entropy, np.array([1, 0])),
        (losses.cross_entropy, np.array([[0.0, 1, 0], [1, 0, 0]])),
        (
            lambda z, y: losses.cross_entropy(z, y, label_smoothing=0.1),
            np.array([1, 0]),
        ),
        (losses.multiclass_hinge, np.array([1, 0])),
        (losses.kl_divergence, np.array([[0.0, 1, 0], [1, 0, 0]])),
    ],
)
def test_stable_at_extreme_logits(loss: Any, target: Any, dtype: Any) -> None:
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient = mg.value_and_grad(loss)(EXTREME.astype(dtype), target)
    assert value.dtype == dtype
    assert gradient.dtype == dtype
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert value > 1


def test_a_logit_far_out_on_the_right_side_is_exact() -> None:
    z = np.array([40.0, -40.0])
    y = np.array([1.0, 0.0])
    got, slope = mg.value_and_grad(losses.binary_cross_entropy_with_logits)(z, y, reduction="sum")
    assert got == pytest.approx(2 * np.exp(-40), rel=1e-12)
    np.testing.assert_allclose(slope, [-np.exp(-40), np.exp(-40)], rtol=1e-12)


def test_bounded_logarithm_of_probabilities() -> None:
    got = losses.binary_cross_entropy(np.array([0.0, 1.0, 0.0]), [1, 0, 0], reduction="none")
    np.testing.assert_allclose(got, [100, 100, 0], rtol=1e-14)


@pytest.mark.parametrize("loss", [losses.mse, losses.huber, losses.half_mse])
def test_gradients_of_every_order(loss: Any) -> None:
    assert mg.gradcheck(lambda p: loss(p, T), P + 0.01, order=2)
    assert mg.gradcheck(lambda t: loss(P, t), T)


# --- what is refused -------------------------------------------------------------------

PAIRED = [
    losses.mse,
    losses.half_mse,
    losses.sum_squared_error,
    losses.half_sum_squared_error,
    losses.mae,
    losses.huber,
    losses.binary_cross_entropy,
    losses.binary_cross_entropy_with_logits,
    losses.hinge,
    losses.smooth_l1,
    losses.poisson_nll,
    losses.soft_margin,
    losses.hinge_embedding,
]


@pytest.mark.parametrize("loss", PAIRED, ids=lambda f: f.__name__)
def test_shapes_that_would_broadcast(loss: Any) -> None:
    y_hat, y = np.full((500, 1), 0.5), np.ones(500)
    with pytest.raises(
        ValueError,
        match=rf"{loss.__name__}: y_hat \(500, 1\) and y \(500,\) must have the same shape: "
        r"write y_hat\[..., 0\], or y\[..., None\]",
    ):
        loss(y_hat, y)


@pytest.mark.parametrize(
    ("shape", "other", "remedy"),
    [
        ((5,), (5, 1), r"write y\[..., 0\], or p\[..., None\]"),
        ((4, 2), (4, 2, 1), r"write y\[..., 0\], or p\[..., None\]"),
        ((1, 5), (5,), r"write p\[0\], or y\[None\]"),
        ((5,), (), r"write np.full_like\(p, y\)"),
        ((5, 3), (3, 5), r"write y.T"),
        ((5, 3), (5,), r"use np.broadcast_to"),
    ],
)
def test_remedies(shape: Any, other: Any, remedy: str) -> None:
    p, y = mg.Tensor(np.ones(shape), requires_grad=True), np.ones(other)
    with pytest.raises(ValueError, match=remedy):
        losses.mse(p, y)


def test_unnamed_arguments_are_called_by_their_role() -> None:
    with pytest.raises(ValueError, match=r"the prediction \(2,\) and the target \(3,\)"):
        losses.mse(np.ones(3)[1:], np.zeros(4)[1:])


def test_labels_that_cannot_be() -> None:
    z = np.zeros((3, 4))
    y = np.array([0, 4, 1])
    with pytest.raises(ValueError, match=r"y holds 4, outside \[0, 3\]; 4 classes are numbered"):
        losses.cross_entropy(z, y)
    with pytest.raises(ValueError, match=r"multiclass_hinge: y holds 4"):
        losses.multiclass_hinge(z, y)
    negative = np.array([0, -1, 1])
    with pytest.raises(ValueError, match=r"negative holds -1, outside"):
        losses.cross_entropy(z, negative)
    floats = np.array([0.0, 1.0, 2.0])
    with pytest.raises(TypeError, match=r"floats has dtype float64.*write floats.astype\(int\)"):
        losses.cross_entropy(z, floats)
    with pytest.raises(TypeError, match=r"class indices are integers"):
        losses.cross_entropy(z, np.array([True, False, True]))
    column = np.array([[0], [1], [2]])
    with pytest.raises(ValueError, match=r"logits \(3, 4\) go with class indices \(3,\).*\[..., 0"):
        losses.cross_entropy(z, column)
    words = np.array(["cat", "dog", "cat"])
    with pytest.raises(TypeError, match=r"words has dtype <U3.*encode labels as numbers"):
        losses.cross_entropy(z, words)
    with pytest.raises(ValueError, match="a single number; they need an axis of classes"):
        losses.cross_entropy(1.0, 0)


def test_probabilities_that_cannot_be() -> None:
    y = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match=r"y holds 2, outside \[0, 1\]; the two labels are 0 and"):
        losses.binary_cross_entropy_with_logits(np.zeros(2), y)
    with pytest.raises(ValueError, match=r"holds nan, outside"):
        losses.binary_cross_entropy_with_logits(np.zeros(2), np.array([np.nan, 1.0]))
    z = np.array([3.0, 0.5])
    with pytest.raises(ValueError, match=r"z holds 3.*use binary_cross_entropy_with_logits"):
        losses.binary_cross_entropy(z, np.ones(2))
    y = np.array([1.0, 0.0])
    with pytest.raises(ValueError, match=r"hinge: y must hold −1 and \+1 only.*2 \* y - 1"):
        losses.hinge(np.zeros(2), y)
    q = np.array([[0.5, 0.4]])
    for loss in (losses.cross_entropy, losses.kl_divergence):
        with pytest.raises(ValueError, match=r"probabilities of q must sum to 1.*off by up to 0.1"):
            loss(np.zeros((1, 2)), q)
        with pytest.raises(ValueError, match=r"holds 2, outside \[0, 1\]; a target of the logits'"):
            loss(np.zeros((1, 2)), q * 4)
    with pytest.raises(ValueError, match="the logits are a single number"):
        losses.kl_divergence(1.0, 1.0)


def test_other_arguments_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"cross_entropy: axis=2, and logits \(4, 3\) have 2 axes"):
        losses.cross_entropy(P, LABELS, axis=2)
    with pytest.raises(ValueError, match='mse: reduction must be "mean", "sum" or "none", not'):
        losses.mse(P, T, reduction="average")
    with pytest.raises(ValueError, match="mse: the prediction is empty, shape"):
        losses.mse([], [])
    with pytest.raises(ValueError, match="huber: delta must be positive, not 0"):
        losses.huber(P, T, delta=0)
    with pytest.raises(ValueError, match="label_smoothing must be between 0 and 1, not 2"):
        losses.cross_entropy(P, LABELS, label_smoothing=2)
    with pytest.raises(ValueError, match="margin must not be negative, as -1 is"):
        losses.multiclass_hinge(P, LABELS, margin=-1)
    with pytest.raises(ValueError, match="l2_penalty: strength must not be negative, as -1 is"):
        losses.l2_penalty(P, -1)
    with pytest.raises(ValueError, match="l1_penalty: there are no parameters"):
        losses.l1_penalty([])


def test_weights_and_labels_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"there are 3 classes, and w has shape \(2,\)"):
        w = np.ones(2)
        losses.cross_entropy(P, LABELS, weight=w)
    with pytest.raises(ValueError, match="holds -100, outside"):
        losses.cross_entropy(P, SOME)
    with pytest.raises(TypeError, match="ignore_index must be an integer"):
        losses.cross_entropy(P, SOME, ignore_index=1.5)
    with pytest.raises(ValueError, match="ignore_index= goes with class indices"):
        losses.cross_entropy(P, SOFT, ignore_index=1)
    with pytest.raises(ValueError, match=r"weight \(4,\) does not broadcast to the losses' \(4, 3"):
        weight = np.ones(4)
        losses.binary_cross_entropy_with_logits(P, TWO, weight=weight)
    with pytest.raises(ValueError, match="the variance holds -1, outside"):
        losses.gaussian_nll(P, T, -np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"the target holds -1, outside .*a count is not negative"):
        losses.poisson_nll(P, -np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"vectors \(4, 3\) go with targets \(4,\), but SIGNS"):
        losses.cosine_embedding(P, T, SIGNS)
    with pytest.raises(ValueError, match="the first argument is a single number, not a vector"):
        losses.triplet_margin(1.0, 2.0, 3.0)
    for call, words in [
        (lambda: losses.margin_ranking(P, T, np.zeros((4, 3))), "must hold −1 and"),
        (lambda: losses.margin_ranking(P, T, SIGNS, margin=-1), "margin must not be negative"),
        (lambda: losses.hinge_embedding(P, SIGNS, margin=-1), "margin must not be negative"),
        (lambda: losses.cosine_embedding(P, T, SIGNS[:, 0], margin=2), "between -1 and 1, not 2"),
        (lambda: losses.triplet_margin(P, T, V, margin=0), "margin must be positive, not 0"),
        (lambda: losses.triplet_margin(P, T, V, p=0), "p must be positive, not 0"),
        (lambda: losses.smooth_l1(P, T, beta=-1), "beta must not be negative, as -1 is"),
        (lambda: losses.gaussian_nll(P, T, V, eps=0), "eps must be positive, not 0"),
        (lambda: losses.mse(P, T, reduction="batchmean"), "reduction must be"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()


def test_lists_and_numbers_are_arrays() -> None:
    assert losses.mse([1.0, 2.0], [1, 4]) == 2.0
    assert losses.half_sum_squared_error(3.0, 1.0) == 2.0
    w = mg.Tensor(3.0, requires_grad=True)
    losses.mse([w, w * 2], [0.0, 0.0]).backward()
    assert w.grad == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("loss", "target", "other"),
    [
        (losses.mse, T, P[::-1]),
        (losses.huber, T, P[::-1]),
        (losses.binary_cross_entropy_with_logits, TWO, TWO[::-1]),
        (lambda z, y: losses.binary_cross_entropy(mg.sigmoid(z), y), TWO, TWO[::-1]),
        (losses.cross_entropy, LABELS, LABELS[::-1]),
        (losses.cross_entropy, SOFT, SOFT[::-1]),
        (losses.multiclass_hinge, LABELS, LABELS[::-1]),
        (losses.kl_divergence, SOFT, np.eye(3)[LABELS]),
    ],
)
def test_compiled_losses_see_new_targets(loss: Any, target: Any, other: Any) -> None:
    compiled = mg.compile(mg.value_and_grad(loss))
    for y in (target, other, target):
        value, gradient = mg.value_and_grad(loss)(P, np.array(y))
        got, slope = compiled(P, np.array(y))
        assert got == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(slope, gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["cross_entropy", "nll", "multiclass_hinge"])
@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_losses_take_labels_as_the_eager_ones(name: str, weighted: bool) -> None:
    rng = np.random.default_rng(3)
    scores, labels = rng.normal(size=(6, 4)), np.array([0, 1, 2, 3, 1, 0])
    weight = np.array([1.0, 2.0, 0.5, 3.0]) if weighted else None
    eager = mg.value_and_grad(lambda z, y: getattr(mg.losses, name)(z, y, weight=weight))
    step = mg.compile(eager)
    for y in (labels, labels[::-1].copy(), labels % 2):
        for ours, truth in zip(step(scores, y), eager(scores, y), strict=True):
            np.testing.assert_allclose(ours, truth, rtol=1e-12)
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match=rf"holds {wrong}, outside"):
            eager(scores, np.where(labels == 3, wrong, labels))
        with pytest.raises(IndexError, match="out of bounds"):
            step(scores, np.where(labels == 3, wrong, labels))


# --- several labels, and sequences, by their definitions ---------------------------------


@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_counts_every_path(blank: int) -> None:
    """All paths of classes over time, each collapsed: repeats first, then blanks."""
    log_p = np.log(rng.dirichlet(np.ones(3), size=(4, 3)))  # 4 steps, a batch of 3
    first, second = (c for c in range(3) if c != blank)
    lines = [[first, second, second], [second, second], [first]]
    target = np.array([line + [0] * (3 - len(line)) for line in lines])
    steps, sizes = np.array([4, 3, 2]), np.array([3, 2, 1])

    def by_hand(log_p: Any, b: int) -> float:
        total = 0.0
        for path in itertools.product(range(3), repeat=int(steps[b])):
            spelt = [c for c, _ in itertools.groupby(path) if c != blank]
            if spelt == lines[b]:
                total += math.exp(sum(log_p[t, b, c] for t, c in enumerate(path)))
        return -math.log(total)

    each = np.array([by_hand(log_p, b) for b in range(3)])
    ctc = lambda x, **options: losses.ctc(x, target, steps, sizes, blank, **options)
    np.testing.assert_allclose(ctc(log_p, reduction="none"), each, rtol=1e-12)
    assert ctc(log_p, reduction="sum") == pytest.approx(each.sum())
    assert ctc(log_p) == pytest.approx((each / sizes).mean())
    alone = losses.ctc(log_p[:, 0], target[0], blank=blank)
    assert alone == pytest.approx(each[0] / 3)
    slopes = mg.grad(lambda x: ctc(x, reduction="sum"))(log_p)
    for t, b, c in [(0, 0, 0), (1, 0, 2), (2, 1, 1), (1, 2, 1), (3, 2, 0)]:
        there, back = log_p.copy(), log_p.copy()
        there[t, b, c] += 1e-6
        back[t, b, c] -= 1e-6
        slope = (by_hand(there, b) - by_hand(back, b)) / 2e-6
        assert slopes[t, b, c] == pytest.approx(slope, abs=1e-8)
    long = losses.ctc(log_p[:2, :1], np.array([[first, first]]), blank=blank, reduction="none")
    assert long[0] == math.inf
    short = {"blank": blank, "reduction": "none", "zero_infinity": True}
    assert losses.ctc(log_p[:2, :1], np.array([[first, first]]), **short)[0] == 0.0
    for wrong in (-1, 3):
        with pytest.raises(ValueError, match=f"blank={wrong} is none of the 3 classes"):
            losses.ctc(log_p, target, blank=wrong)


def test_margins_of_labels_by_hand() -> None:
    scores = rng.normal(size=(4, 3))
    target = np.array([[0, -1, -1], [2, 1, -1], [-1, 0, 1], [1, 0, 2]])
    expected = []
    for s, line in zip(scores, target):
        right = list(itertools.takewhile(lambda c: c >= 0, line))
        pairs = itertools.product(right, [c for c in range(3) if c not in right])
        expected.append(sum(max(0.0, 1 - (s[j] - s[i])) for j, i in pairs) / 3)
    got = losses.multilabel_margin(scores, target, reduction="none")
    np.testing.assert_allclose(got, expected, rtol=1e-13)
    assert losses.multilabel_margin(scores[1], target[1]) == pytest.approx(expected[1])
    assert mg.gradcheck(lambda s: losses.multilabel_margin(s, target), scores)
    y = np.array([0, 2, 1, 1])
    for p, margin, weight in ((1, 1.0, None), (2, 0.7, W3)):
        expected = []
        for s, c in zip(scores, y):
            lost = [max(0.0, margin - s[c] + s[i]) ** p for i in range(3) if i != c]
            expected.append(sum(lost) / 3 * (1 if weight is None else weight[c]))
        got = losses.multi_margin(scores, y, p, margin, weight, reduction="none")
        np.testing.assert_allclose(got, expected, rtol=1e-13)
    t = np.array([[1.0, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0.5, 0]])
    p = sigmoid(scores)
    expected = -(W3 * (t * np.log(p) + (1 - t) * np.log(1 - p))).mean(-1)
    got = losses.multilabel_soft_margin(scores, t, W3, reduction="none")
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    for name in ("margin", "p"):
        for value in (0, -1.0):
            with pytest.raises(ValueError, match=f"triplet_margin: {name} must be positive"):
                losses.triplet_margin(P, T, V, **{name: value})
