"""Layers and functions that users of PyTorch expect: values and gradients as there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

torch: Any = pytest.importorskip("torch")
TF, tn = torch.nn.functional, torch.nn
rng = np.random.default_rng(5)


def same(ours: Any, theirs: Any, *arrays: Any) -> None:
    """Value, and the gradients of a weighted sum of it."""
    a = [mg.Tensor(v, requires_grad=True) for v in arrays]
    b = [torch.tensor(v, requires_grad=True) for v in arrays]
    y, z = ours(*a), theirs(*b)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-9, atol=1e-12)
    c = rng.normal(size=y.shape)
    (y * c).sum().backward()
    (z * torch.tensor(c)).sum().backward()
    for u, v in zip(a, b, strict=True):
        np.testing.assert_allclose(u.grad, v.grad.numpy(), rtol=1e-8, atol=1e-10)


X1, X2, X3 = (rng.normal(size=(2, 4, *[6, 5, 4][:n])) for n in (1, 2, 3))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_around_and_pooled_by_norms(n: int) -> None:
    x = (X1, X2, X3)[n - 1]
    for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular"):
        for width in (1, tuple(range(2 * n)) if n < 3 else (1, 2, 0, 1, 1, 1)):
            args = (width, 0.5) if kind == "Constant" else (width,)
            name = f"{kind}Pad{n}d"
            same(getattr(nn, name)(*args), getattr(tn, name)(*args), x)
    for p in (1, 2, 3.0):
        for more in ({}, {"stride": 1}, {"ceil_mode": True}):
            name = f"LPPool{n}d"
            kept = getattr(nn, name)(p, 2, **more)
            same(kept, getattr(tn, name)(p, 2, **more), np.abs(x) + 0.1)
    with pytest.raises(ValueError, match=rf"ZeroPad{n}d: padding must be one integer or {2 * n}"):
        getattr(nn, f"ZeroPad{n}d")((1,) * (2 * n + 1))


@pytest.mark.parametrize(
    "widths", [(1, 2), (-1, 2), (0, 0, 1, 1), (-1, -1, 2, 0), (1, 1, 1, 1, 2, 0)]
)
def test_pad(widths: Any) -> None:
    same(lambda x: F.pad(x, widths, value=2.0), lambda x: TF.pad(x, widths, value=2.0), X2)
    if len(widths) == 4:
        for more in (widths, (-2, 3, 1, -1)):
            for mode in ("reflect", "replicate"):
                same(lambda x: F.pad(x, more, mode), lambda x: TF.pad(x, more, mode), X2)  # noqa: B023
    for bad, told in (((1,), "two each"), ((1,) * 10, "two each"), ((-9, 0), "does not go")):
        with pytest.raises(ValueError, match=told):
            F.pad(X2, bad)
    with pytest.raises(TypeError, match=r"pad: a width must be an integer, not 1.5"):
        F.pad(X2, (1.5, 1))
    with pytest.raises(ValueError, match="mode must be one of constant, reflect"):
        F.pad(X2, widths, "symmetric")
    with pytest.raises(ValueError, match="does not go with a length of 5 by 'reflect'"):
        F.pad(X2, (5, 0), "reflect")


LAYERS: list[tuple[Any, Any, Any]] = [
    (lambda m: m.LocalResponseNorm(3, 0.5, 0.7, 2.0), X2, None),
    (lambda m: m.LocalResponseNorm(2), X1, None),
    (lambda m: m.LocalResponseNorm(9, 1.0), X3, None),
    (lambda m: m.ChannelShuffle(2), X2, None),
    (lambda m: m.PixelShuffle(2), X2, None),
    (lambda m: m.PixelUnshuffle(2), X2[:, :, :, :4], None),
    (lambda m: m.Upsample(scale_factor=2, mode="bilinear"), X2, None),
    (lambda m: m.Upsample((7,), mode="linear"), X1, None),
    (lambda m: m.Unfold((2, 3), padding=1), X2, None),
    (lambda m: m.Fold((4, 5), (2, 2), stride=(2, 1)), rng.normal(size=(2, 8, 8)), None),
    (lambda m: m.Threshold(0.1, 20.0), X1, None),
    (lambda m: m.RReLU(0.1, 0.3).eval(), X1, None),
    (lambda m: m.Identity(54, some=1), X1, None),
    (lambda m: m.Flatten(2, 3), X3, None),
    (lambda m: m.Flatten(0), X2, None),
    (lambda m: m.Unflatten(1, (2, -1)), X2, None),
    (lambda m: m.Unflatten(-1, (2, -1)), X1[0, 0, :4], None),
    (lambda m: m.CosineSimilarity(), X1, X1[::-1].copy()),
    (lambda m: m.PairwiseDistance(3.0), X1, X1[::-1].copy()),
]


@pytest.mark.parametrize(("make", "x", "other"), LAYERS)
def test_layers_of_functions(make: Any, x: Any, other: Any) -> None:
    same(make(nn), make(tn), x, *[other] * (other is not None))


def test_distances_of_pairs_and_classes() -> None:
    x = rng.normal(size=(5, 3))
    for p in (1.0, 2.0, 3.0, np.inf):
        same(lambda x, p=p: F.pdist(x, p), lambda x, p=p: TF.pdist(x, p), x)
    twice = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    F.pdist(twice).sum().backward()
    np.testing.assert_array_equal(twice.grad, np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"pdist wants input of shape \(n, features\)"):
        F.pdist(x[0])
    given = np.array([[0, 2], [1, 1]])
    for n in (-1, 5):
        want = TF.one_hot(torch.tensor(given), n).numpy()
        np.testing.assert_array_equal(F.one_hot(given, n), want, strict=True)
    with pytest.raises(ValueError, match=r"2 classes are 0 to 1; x has 0 to 2"):
        F.one_hot(given, 2)
    with pytest.raises(TypeError, match="one_hot wants integers"):
        F.one_hot([0.5])
    with pytest.raises(ValueError, match="norm_type must not be 0"):
        F.lp_pool1d(X1, 0, 2)
    with pytest.raises(ValueError, match="4 channels do not divide into 3 groups"):
        F.channel_shuffle(X2, 3)
    with pytest.raises(TypeError, match=r"PixelShuffle: missing a required argument"):
        nn.PixelShuffle()
    with pytest.raises(TypeError, match=r"Threshold: too many positional arguments; it takes"):
        nn.Threshold(1.0, 2.0, 3.0)


# --- recurrent layers --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("two", [False, True])
def test_recurrent_layers(kind: str, two: bool) -> None:
    for more in ({}, {"batch_first": True, "bias": False}, {"num_layers": 2}):
        more = {**more, "bidirectional": two}
        ours = getattr(nn, kind)(3, 4, **more, rng=0)
        theirs = getattr(tn, kind)(3, 4, **more).double()
        state = ours.state_dict()
        assert list(state) == list(theirs.state_dict())
        theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
        layers = more.get("num_layers", 1) * (1 + two)
        for shape in ((5, 2, 3), (5, 3)):
            x = rng.normal(size=shape)
            batch = (2 if not more.get("batch_first") else 5,) * (len(shape) == 3)
            starts = [rng.normal(size=(layers, *batch, 4)) for _ in range(1 + (kind == "LSTM"))]

            def run(net: Any, x: Any, *states: Any) -> Any:
                given = states if kind == "LSTM" else states[0]
                y, end = net(x, given)
                return y.sum(-1) + sum(e.sum() for e in (end if kind == "LSTM" else [end]))

            same(lambda *v, n=ours: run(n, *v), lambda *v, n=theirs: run(n, *v), x, *starts)
        y, _ = ours(x)
        np.testing.assert_allclose(y.data, theirs(torch.tensor(x))[0].detach().numpy())
    assert "bidirectional=True" in repr(ours) or not two
    with pytest.raises(ValueError, match=rf"{kind} wants input of shape \(time, batch"):
        ours(np.ones(3))
    with pytest.raises(ValueError, match=rf"{kind} wants 3 inputs along axis -1"):
        ours(np.ones((5, 2, 7)))
    with pytest.raises(ValueError, match=rf"{kind} wants a state of shape"):
        ours(np.ones((5, 2, 3)), (np.ones((1, 2, 4)),) * 2 if kind == "LSTM" else np.ones(4))


def test_parameters_of_recurrent_layers_learn_and_drop() -> None:
    net = nn.LSTM(2, 3, num_layers=2, dropout=0.5, rng=0)
    x = np.ones((4, 1, 2))
    net(x)[0].sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert not np.array_equal(net(x)[0].data, net(x)[0].data)
    net.eval()
    np.testing.assert_array_equal(net(x)[0].data, net(x)[0].data)
    with pytest.raises(ValueError, match='RNN: nonlinearity must be "tanh" or "relu"'):
        nn.RNN(2, 3, nonlinearity="sin")
    with pytest.raises(TypeError, match=r"LSTM: the state is a pair \(h, c\)"):
        net(x, np.ones(3))


# --- drawn -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"])
def test_whole_channels_are_dropped(name: str) -> None:
    n = int(name[-2]) if name[-1] == "d" else 2
    x = np.full((500, 4, *[2] * n), 3.0)
    layer = getattr(nn, name)(0.3, rng=1)
    y = layer(x).reshape(500, 4, -1)
    assert (y == y[..., :1]).all()
    low = y[..., 0].min()
    assert (y[..., 0] == low).mean() == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(layer.eval()(x), x)
    if name[-1] == "d":
        assert y.max() == pytest.approx(3 / 0.7)
        assert getattr(F, name.lower())(x[0], 0.3, 0).shape == x[0].shape  # without a batch


def test_saturated_elements_keep_mean_and_variance() -> None:
    x = rng.normal(size=200_000)
    y = nn.AlphaDropout(0.4, rng=2)(x)
    assert y.mean() == pytest.approx(0, abs=0.01)
    assert y.std() == pytest.approx(1, abs=0.01)
    t = mg.Tensor(x[:9], requires_grad=True)
    F.alpha_dropout(t, 0.4, 2).sum().backward()
    stay = torch.nn.functional.selu(torch.tensor(-1e9)).item()
    scale = 1 / np.sqrt(0.6 * (1 + 0.4 * stay**2))
    assert set(np.round(t.grad, 6)) == {0.0, np.round(scale, 6)}


def test_slopes_drawn_below_zero() -> None:
    x = -np.ones(20_000)
    y = nn.RReLU(0.1, 0.3, rng=0)(x)
    assert -0.3 <= y.min() < -0.295
    assert -0.105 < y.max() <= -0.1
    np.testing.assert_array_equal(nn.RReLU(rng=0)(-x), -x)


def test_choices_that_are_differentiable() -> None:
    logits = np.log(np.array([0.2, 0.3, 0.5]))
    draws = F.gumbel_softmax(np.broadcast_to(logits, (20_000, 3)), hard=True, rng=3)
    np.testing.assert_allclose(draws.mean(0), [0.2, 0.3, 0.5], atol=0.02)
    assert set(np.unique(draws)) == {0.0, 1.0}
    soft = lambda x, hard: F.gumbel_softmax(x, 0.7, hard, rng=np.random.default_rng(1))
    assert mg.gradcheck(lambda x: np.sum(soft(x, False) * [1.0, 2.0, 4.0]), logits)
    of = [
        mg.grad(lambda x, h=h: np.sum(soft(x, h) * [1.0, 2.0, 4.0]))(logits) for h in (True, False)
    ]
    np.testing.assert_allclose(*of)
    np.testing.assert_allclose(F.gumbel_softmax(X1, axis=1, rng=0).sum(1), 1)
    assert F.gumbel_softmax(X1.astype(np.float32), axis=1, hard=True, rng=0).dtype == np.float32
    with pytest.raises(ValueError, match="tau must be positive, not 0"):
        F.gumbel_softmax(X1, 0)


# --- places ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["multiply", "min", "max"])
def test_places_changed(name: str) -> None:
    jnp = pytest.importorskip("jax.numpy")
    import jax

    t, v = rng.normal(size=(4, 3)), rng.normal(size=5)
    i, j = np.array([0, 1, 0, 3, 0]), np.array([0, 2, 0, 1, 1])
    with jax.enable_x64(True):
        for key, value in (
            ((i, j), v),
            (i, v[:, None]),
            (1, 2.0),
            (slice(1, 3), v[:3]),
            (..., v[0]),
        ):
            f = lambda t, v, k=key: getattr(t.at[k], name)(v)
            got = mg.value_and_grad(lambda t, v, f=f: np.sum(f(mg.array(t), v) ** 2), (0, 1))
            value = np.float64(value)
            if name == "multiply" and key is not Ellipsis and np.ndim(value):
                want = jnp.asarray(t)
                rows = np.arange(12).reshape(4, 3)[key]
                whole = want.ravel()
                for place, c in zip(
                    rows.ravel(), np.broadcast_to(value, rows.shape).ravel(), strict=True
                ):
                    whole = whole.at[place].multiply(c)
                np.testing.assert_allclose(f(mg.Tensor(t), value).data, whole.reshape(4, 3))
            else:
                np.testing.assert_allclose(f(mg.Tensor(t), value).data, f(jnp.asarray(t), value))
            assert mg.gradcheck(lambda t, v, f=f: np.sum(f(t, v) ** 2), mg.Tensor(t), value), got
