"""Pieces that larger models are trained with: masks, encoders, spectral norm, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

RNG = np.random.default_rng(0)


# --- masks are arguments like any other ------------------------------------------------

PADDED = np.array([[0, 0, 0, 1], [0, 0, 1, 1]], bool)
LATER = ~np.tri(4, dtype=bool)


@pytest.mark.parametrize("kind", ["boolean", "added"])
@pytest.mark.parametrize("which", ["padding", "attention", "both", "causal too"])
def test_a_compiled_attention_reads_its_masks_at_each_call(kind: str, which: str) -> None:
    attention = nn.MultiHeadAttention(8, 2, rng=0)
    x = RNG.normal(size=(2, 4, 8))

    def attend(x: Any, padding: Any, mask: Any) -> Any:
        return attention(
            x,
            key_padding_mask=padding if which != "attention" else None,
            attn_mask=mask if which != "padding" else None,
            is_causal=which == "causal too",
        )

    def laid(mask: np.ndarray) -> np.ndarray:
        return mask if kind == "boolean" else np.where(mask, -1e9, 0.0)

    compiled = mg.compile(attend)
    seen = []
    with mg.no_grad():
        for padding, mask in ((PADDED, LATER), (PADDED[::-1], LATER), (~PADDED & False, LATER.T)):
            mask = mask & (which != "causal too")
            got = compiled(x, laid(padding), laid(mask))
            np.testing.assert_allclose(got, attend(x, laid(padding), laid(mask)).data, atol=1e-12)
            seen.append(got)
    assert compiled.retraces == 0
    assert not np.allclose(seen[1], seen[2])


def test_softmax_of_masked_scores_by_hand() -> None:
    q, k, v = RNG.normal(size=(3, 2, 3))
    mask = np.array([[True, False], [True, True]])
    e = np.exp(q @ k.T / np.sqrt(3)) * mask
    found = nn.functional.scaled_dot_product_attention(q, k, v, mask)
    np.testing.assert_allclose(found, e / e.sum(1, keepdims=True) @ v, rtol=1e-12)
    listed = nn.functional.scaled_dot_product_attention(q, k, v, mask.tolist())
    np.testing.assert_array_equal(found, listed)


# --- the encoder -----------------------------------------------------------------------


def layers(n: int = 2, **options: Any) -> list[nn.TransformerEncoderLayer]:
    rng = np.random.default_rng(1)
    return [nn.TransformerEncoderLayer(8, 2, 16, rng=rng, **options) for _ in range(n)]


def test_an_encoder_is_its_layers_in_a_row() -> None:
    x, each = RNG.normal(size=(2, 4, 8)), layers(3)
    norm = nn.LayerNorm(8)
    expected = x
    for layer in each:
        expected = layer(expected, LATER, PADDED)
    encoder = nn.TransformerEncoder(each, norm)
    found = encoder(x, LATER, PADDED)
    np.testing.assert_array_equal(found.data, norm(expected).data)
    np.testing.assert_array_equal(encoder(x, is_causal=True).data, encoder(x, mask=LATER).data)


def test_an_encoder_of_one_layer_is_refused() -> None:
    with pytest.raises(TypeError, match=r"takes a list of layers, each drawn on its own"):
        nn.TransformerEncoder(layers(1)[0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes a list of layers"):
        nn.TransformerEncoder([])


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_encoder_of_pytorch(norm_first: bool, activation: str) -> None:
    torch = pytest.importorskip("torch")
    options = {"norm_first": norm_first, "activation": activation}
    ours = nn.TransformerEncoder(layers(**options), nn.LayerNorm(8))
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(
            8, 2, 16, 0.0, batch_first=True, dtype=torch.float64, **options
        ),
        2,
        torch.nn.LayerNorm(8, dtype=torch.float64),
        enable_nested_tensor=False,
    )
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    x = RNG.normal(size=(2, 4, 8))
    padded = torch.tensor(PADDED)
    y = theirs(torch.tensor(x), torch.tensor(LATER), padded)
    found = ours(x, LATER, PADDED)
    np.testing.assert_allclose(found.data, y.detach().numpy(), atol=1e-12)
    (y**2).sum().backward()
    (found**2).sum().backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), atol=1e-10, err_msg=name)


# --- spectral norm ---------------------------------------------------------------------


def test_spectral_norm_divides_by_the_largest_singular_value() -> None:
    linear = nn.Linear(5, 7, rng=0)
    layer = nn.SpectralNorm(linear, rng=1)
    x = np.eye(5)
    for _ in range(200):
        y = layer(x)
    W = linear.weight.data
    sigma = np.linalg.svd(W, compute_uv=False)[0]
    np.testing.assert_allclose(y.data, x @ W.T / sigma + linear.bias.data, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(layer.u.data), 1)
    before = layer.state_dict()
    layer.eval()
    np.testing.assert_allclose(layer(x).data, y.data, rtol=1e-9)
    assert all(np.array_equal(before[k], v) for k, v in layer.state_dict().items())
    assert set(before) == {"layer.weight", "layer.bias", "u", "v"}


def test_the_gradient_through_spectral_norm_holds_the_vectors() -> None:
    """d(W/σ) = dW/σ − W (uᵀ dW v)/σ²."""
    layer = nn.SpectralNorm(nn.Linear(4, 3, bias=False, rng=0), rng=1).eval()
    x, c = RNG.normal(size=4), RNG.normal(size=3)
    (layer(x) * c).sum().backward()
    W, u, v = layer.layer.weight.data, layer.u.data, layer.v.data
    sigma = u @ W @ v
    expected = np.outer(c, x) / sigma - (c @ W @ x) / sigma**2 * np.outer(u, v)
    np.testing.assert_allclose(layer.layer.weight.grad, expected, rtol=1e-10)


def test_the_spectral_norm_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    ours = nn.SpectralNorm(nn.Conv2d(2, 3, 3, rng=0), rng=1)
    plain = torch.nn.Conv2d(2, 3, 3, dtype=torch.float64)
    state = ours.layer.state_dict()
    plain.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    theirs = torch.nn.utils.parametrizations.spectral_norm(plain)
    inside = theirs.parametrizations.weight[0]
    inside._u.copy_(torch.tensor(ours.u.data.copy()))
    inside._v.copy_(torch.tensor(ours.v.data.copy()))
    x = RNG.normal(size=(2, 2, 5, 5))
    for _ in range(3):
        y, z = ours(x), theirs(torch.tensor(x))
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-9)
    (y**2).sum().backward()
    (z**2).sum().backward()
    expected = theirs.parametrizations.weight.original.grad.numpy()
    np.testing.assert_allclose(ours.layer.weight.grad, expected, rtol=1e-8)


def test_spectral_norm_wraps_layers_with_matrices() -> None:
    with pytest.raises(TypeError, match="as Linear has, not LayerNorm"):
        nn.SpectralNorm(nn.LayerNorm(3))
    with pytest.raises(TypeError, match="not ReLU"):
        nn.SpectralNorm(nn.ReLU())


# --- gradients as arguments ------------------------------------------------------------


def normed() -> nn.Module:
    return nn.Sequential(
        nn.SpectralNorm(nn.Linear(3, 4, rng=0), rng=1), nn.BatchNorm1d(4), nn.Linear(4, 1, rng=2)
    )


def test_a_compiled_step_is_the_step_itself() -> None:
    """A module that is called twice in a step improves its buffers twice, compiled too."""
    models = [normed(), normed()]
    steps, adams = [], []
    for model in models:
        loss = lambda x, y, m=model: (m(x) ** 2).sum() + np.tanh(m(y)).sum()
        steps.append(nn.value_and_grad(model, loss))
        adams.append(mg.optim.AdamW(mg.optim.decay_groups(model.parameters()), lr=0.01))
    compiled = mg.compile(steps[0])
    for _ in range(4):
        x, y = RNG.normal(size=(2, 5, 3))
        (value, found), (expected, gradients) = compiled(x, y), steps[1](x, y)
        np.testing.assert_allclose(value, expected, rtol=1e-10)
        for model, adam, each in zip(models, adams, (found, gradients)):
            model.take_gradients(each)
            mg.optim.clip_grad_norm(model.parameters(), 1.0)
            adam.step()
    assert compiled.retraces == 0
    for (name, a), b in zip(models[0].state_dict().items(), models[1].state_dict().values()):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-12, err_msg=name)


def test_what_is_taken_is_what_backward_leaves() -> None:
    model = nn.Linear(3, 2, rng=0)
    x = RNG.normal(size=(4, 3))
    loss = lambda x: (model(x) ** 2).sum()
    value, found = nn.value_and_grad(model, loss)(x)
    assert model.weight.grad is None
    assert float(value) == loss(x).item()
    loss(x).backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    model.take_gradients(found)
    for p, g in zip(model.parameters(), expected, strict=True):
        np.testing.assert_array_equal(p.grad, g)
    (value, aux), again = nn.value_and_grad(model, lambda x: (loss(x), "aux"), has_aux=True)(x)
    assert aux == "aux"
    np.testing.assert_array_equal(again[0], found[0])


def test_what_comes_beside_the_loss_has_no_gradient_and_is_compiled() -> None:
    model = nn.Linear(3, 2, rng=0)

    def loss(x: Any) -> Any:
        y = model(x)
        return (y**2).sum(), {"outputs": [y], "name": "y"}

    step = nn.value_and_grad(model, loss, has_aux=True)
    compiled = mg.compile(step)
    for _ in range(3):
        x = RNG.normal(size=(4, 3))
        (value, aux), found = compiled(x)
        (expected, other), gradients = step(x)
        assert type(aux["outputs"][0]) is type(other["outputs"][0]) is np.ndarray
        assert aux["name"] == "y"
        np.testing.assert_allclose(aux["outputs"][0], other["outputs"][0])
        np.testing.assert_allclose(value, expected)
        np.testing.assert_allclose(found[0], gradients[0])
    assert compiled.latest is not None
    assert not compiled.latest.recorded  # it would be called as it is, otherwise


def test_gradients_that_do_not_fit_are_refused() -> None:
    model = nn.Linear(3, 2, rng=0)
    with pytest.raises(ValueError, match="there are 2 parameters, and 1 gradients"):
        model.take_gradients([np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"bias has shape \(2,\), its gradient \(3,\)"):
        model.take_gradients([np.zeros((2, 3)), np.zeros(3)])
    assert model.weight.grad is None
    with pytest.raises(TypeError, match="takes a module and a function that calls it"):
        nn.value_and_grad(model, model)
    with pytest.raises(TypeError, match="takes a module and a function that calls it"):
        nn.value_and_grad(model.parameters(), lambda: 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="which no parameter was used for"):
        nn.value_and_grad(model, lambda x: 2.0)(1.0)


def test_groups_by_rank() -> None:
    model = nn.Sequential(nn.Embedding(5, 3, rng=0), nn.Linear(3, 2, rng=0), nn.LayerNorm(2))
    decays, others = mg.optim.decay_groups(model.parameters(), 0.1)
    assert [p.shape for p in decays["params"]] == [(5, 3), (2, 3)]
    assert (decays["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    adam = mg.optim.AdamW([decays, others], lr=0.5)
    before = model.state_dict()
    model.take_gradients([np.zeros(p.shape) for p in model.parameters()])
    adam.step()
    for name, v in model.state_dict().items():
        factor = 0.95 if v.ndim == 2 else 1  # 1 − α λ
        np.testing.assert_allclose(v, factor * before[name], err_msg=name)
    assert len(mg.optim.decay_groups([model[2].weight])) == 1
