"""Losses against PyTorch, SciPy and their formulas; and what they refuse."""

from __future__ import annotations

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
