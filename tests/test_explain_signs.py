"""What a teacher reads: signs for long steps, shares, moments, loops, names of what was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import signal

import minigrad as mg
from formulas import check
from minigrad import losses
from minigrad.nn import functional as F

rng = np.random.default_rng(5)


def param(*shape: int) -> mg.Tensor:
    return mg.Tensor(rng.normal(size=shape), requires_grad=True)


def positive(n: int) -> mg.Tensor:
    B = rng.normal(size=(n, n))
    return mg.Tensor(B @ B.T + np.eye(n), requires_grad=True)


def rows(explanation: Any, text: bool = True) -> dict[str, str]:
    """The formulas, each worth the number beside it."""
    if text:
        check(explanation)
    for row in explanation.rows:
        if row.expression is not None:
            found = np.broadcast_to(row.expression.evaluate(), row.shape)
            np.testing.assert_allclose(found, row.value, rtol=1e-9, atol=1e-11)
    return {row.quantity: row.formula for row in explanation.rows}


def final(explanation: Any, name: str) -> str:
    """The last line of a closed form, each line of which is worth the gradient."""
    gradient = explanation.gradients[name]
    for step in explanation.closed[name]:
        found = np.broadcast_to(step.formula.evaluate(), np.shape(gradient))
        np.testing.assert_allclose(found, gradient, rtol=1e-8, atol=1e-11)
    return str(explanation.closed[name][-1].text)


# --- convolution and pooling -----------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2}, {"dilation": 2}])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_convolution(n: int, options: dict[str, int]) -> None:
    x, K, b = param(2, 3, *[6] * n), param(4, 3, *[2] * n), param(4)
    conv = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    y = conv(x, K, b, **options)
    L = np.sum(y**2)
    explanation = mg.explain(L, [x, K, b])
    found = rows(explanation)
    assert (found["dx"], found["dK"]) == ("dy ∗ K", "x ⋆ dy")
    assert "u ∗ v is a full convolution, the adjoint of ⋆: the kernel is flipped" in str(
        explanation
    )
    assert r"\frac{\partial L}{\partial y} \ast K" in explanation.to_latex()
    assert "<mo>⋆</mo>" in explanation.to_html()


def test_the_signs_mean_what_scipy_computes() -> None:
    x, K = param(1, 1, 6, 5), param(1, 1, 3, 2)
    y = F.conv2d(x, K)
    np.testing.assert_allclose(
        y.data[0, 0], signal.correlate2d(x.data[0, 0], K.data[0, 0], "valid")
    )
    T = rng.normal(size=y.shape)
    L = np.sum((y - T) ** 2)
    explanation = mg.explain(L, [x, K])
    dy = 2 * (y.data - T)[0, 0]
    found = {row.quantity: row for row in explanation.rows}
    dK = signal.correlate2d(x.data[0, 0], dy, "valid")
    np.testing.assert_allclose(found["dK"].expression.evaluate()[0, 0], dK)
    dx = signal.convolve2d(dy, K.data[0, 0], "full")
    np.testing.assert_allclose(found["dx"].expression.evaluate()[0, 0], dx)


@pytest.mark.parametrize("options", [{}, {"stride": 1}, {"padding": 1}])
def test_pooling(options: dict[str, int]) -> None:
    x = param(2, 3, 6, 6)
    p = F.max_pool2d(x, 2, **options)
    L = np.sum(p**2)
    explanation = mg.explain(L, x)
    assert rows(explanation)["dx"] == "dp ⊙ 1[x = max]"
    assert "the winner; ties share it" in str(explanation)
    q = F.avg_pool2d(x, 2, **options)
    M = np.sum(q**2)
    assert rows(mg.explain(M, x))["dx"] == "spread(dq)/4"


def test_ties_of_a_pooling_are_shared() -> None:
    x = mg.Tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    p = F.max_pool2d(x, 2)
    L = np.sum(p**3)
    assert rows(mg.explain(L, x))["dx"] == "dp ⊙ 1[x = max]"


def test_a_network_of_layers() -> None:
    net = mg.nn.Sequential(
        mg.nn.Conv2d(1, 2, 3),
        mg.nn.ReLU(),
        mg.nn.MaxPool2d(2),
        mg.nn.Flatten(),
        mg.nn.Linear(18, 3),
    )
    x, y = rng.normal(size=(4, 1, 8, 8)), rng.integers(0, 3, 4)
    L = losses.cross_entropy(net(x), y)
    found = rows(mg.explain(L, net.parameters()), text=False)
    assert found["dz2"] == "(softmax(z2) - onehot(y))/4"
    assert found["dz1"] == "(dz2 @ net[4].weight) ⊙ 1[relu(z1) = max] ⊙ 1[z1 > 0]"
    assert found["dnet[0].weight"] == "x ⋆ dz1"


def test_convolution_of_sequences() -> None:
    a, k = param(12), param(3)
    y = np.convolve(a, k)
    L = np.sum(y**2)
    assert rows(mg.explain(L, [a, k])) == {
        "dy": "2·y",
        "da": "correlate(dy, k)",
        "dk": "correlate(dy, a)",
    }
    z = np.correlate(a, k, mode="valid")
    M = np.sum(z**2)
    assert rows(mg.explain(M, [a, k])) == {
        "dz": "2·z",
        "da": "convolve(dz, k)",
        "dk": "correlate(a, dz)",
    }


# --- shares ----------------------------------------------------------------------------------


def test_softmax_from_exp_and_sum() -> None:
    X, y, W = rng.normal(size=(32, 4)), rng.integers(0, 3, 32), param(4, 3)
    scores = X @ W
    scores = scores - np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(32), y]).mean()
    explanation = mg.explain(loss, W, simplify=True)
    assert final(explanation, "W") == "Xᵀ(probs - onehot(y))/32"
    assert "each row of probs sums to 1" in str(explanation)
    z, t = param(5), 2
    L = np.log(np.sum(np.exp(z))) - z[t]
    assert final(mg.explain(L, z, simplify=True), "z") == "softmax(z) - onehot(t)"


def test_every_step_of_cross_entropy_by_hand() -> None:
    logits, Yb, n = param(8, 5), rng.integers(0, 5, 8), 8
    logit_maxes = logits.max(1, keepdims=True)
    norm_logits = logits - logit_maxes
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    loss = -logprobs[range(n), Yb].mean()
    explanation = mg.explain(loss, logits, simplify=True)
    found = rows(explanation)
    assert found["dlogprobs"] == "-onehot(Yb)/8"
    assert found["dlogits via logit_maxes"] == "dlogit_maxes ⊙ 1[logits == logit_maxes]"
    assert final(explanation, "logits") == "(probs - onehot(Yb))/8"


def test_sigmoid_from_exp() -> None:
    X, y, s, w = rng.normal(size=(16, 3)), rng.random(16), np.sign(rng.normal(size=16)), param(3)
    z = X @ w
    L = np.mean(np.log(1 + np.exp(z)) - y * z)
    assert final(mg.explain(L, w, simplify=True), "w") == "Xᵀ(σ(z) - y)/16"
    M = np.mean(np.log1p(np.exp(-s * (X @ w))))
    assert final(mg.explain(M, w, simplify=True), "w") == "-Xᵀ(s ⊙ σ(-s ⊙ X w))/16"


def test_entropy_and_smoothed_labels() -> None:
    z, X, W, y = param(5), rng.normal(size=(16, 3)), param(3, 4), rng.integers(0, 4, 16)
    p = mg.softmax(z)
    H = -np.sum(p * np.log(p))
    assert final(mg.explain(H, z, simplify=True), "z") == ("p ⊙ (sum(p ⊙ log(p)) - log(p))")
    L = losses.cross_entropy(X @ W, y, label_smoothing=0.1)
    assert final(mg.explain(L, W, simplify=True), "W") == (
        "Xᵀ(softmax(X W) - (0.9·onehot(y) + 0.1/4))/16"
    )


def test_what_sums_to_one_by_chance_is_said_so() -> None:
    """A fact about values is a reason that is printed, and others are not invented."""
    z, v = param(4), rng.normal(size=4)
    L = np.sum(v * mg.log_softmax(z))
    assert "sums to 1" not in str(mg.explain(L, z, simplify=True))
    A, x = rng.normal(size=(3, 3)), param(3)
    S = A + A.T
    q = x @ S @ x
    explanation = mg.explain(q, x, simplify=True)
    assert final(explanation, "x") == "2·S x"
    assert "S is symmetric" in str(explanation)
    r = x @ A @ x
    assert final(mg.explain(r, x, simplify=True), "x") == "(A + Aᵀ)x"


# --- entries, moments, matrices --------------------------------------------------------------


def test_embeddings_in_closed_form() -> None:
    C, ix = param(9, 2), rng.integers(0, 9, (4, 3))
    emb = C[ix]
    L = np.sum(emb**2)
    assert final(mg.explain(L, C, simplify=True), "C") == "0; np.add.at(dC, ix, 2·emb)"
    E, o, neg, v = param(10, 4), 5, np.array([1, 2, 7]), rng.normal(size=4)
    M = (E[o] @ v) ** 2 + np.sum((E[neg] @ v) ** 2)
    assert final(mg.explain(M, E, simplify=True), "E") == (
        "0; np.add.at(dE, neg, 2·E[neg] v vᵀ); np.add.at(dE, o, 2·E[o]ᵀ v·v)"
    )


def test_variances() -> None:
    R, w, Z = rng.normal(size=(30, 3)), param(3), param(16, 4)
    p = R @ w
    sharpe = p.mean() / p.std()
    assert rows(mg.explain(sharpe, w))["dp"] == "(1/std(p) - sharpe·(p - mean(p))/std(p)²)/30"
    mu, sigma2 = np.mean(Z, axis=0), np.var(Z, axis=0)
    Znorm = (Z - mu) / np.sqrt(sigma2 + 1e-8)
    J = np.mean(Znorm**4)
    explanation = mg.explain(J, Z, simplify=True)
    assert rows(explanation)["dZ via sigma2"] == "2·dsigma2 ⊙ (Z - mean(Z, axis=0))/16"
    final(explanation, "Z")


def test_variances_of_samples_without_the_axes_that_they_keep() -> None:
    X = param(4, 3)
    L = np.sum((X - X.mean(axis=0, keepdims=True)) ** 3 / X.var(axis=0, ddof=1, keepdims=True))
    assert rows(mg.explain(L, X))["dX"] == (
        "3·s1²/s2 - 2·sum(s1³, axis=0) ⊙ s1/(3·s2²) - 3·sum(s1², axis=0)/(4·s2) "
        "where s1 = X - mean(X, axis=0); s2 = var(X, axis=0, ddof=1)"
    )


def test_factors_stay_within_sums_that_begin_with_a_number() -> None:
    X = param(2, 3)
    found = rows(mg.explain(np.sum(np.sum(2 * X, axis=0, initial=3.0) ** 2), X))
    assert "sum(2·X, axis=0, initial=3.0)" in found["dX"]


def test_maxima_and_winners() -> None:
    x = param(4, 5)
    m = np.max(x, axis=1)
    L = np.sum(m**2)
    assert rows(mg.explain(L, x))["dx"] == "dm[:, None] ⊙ 1[x == m[:, None]]"
    tied = mg.Tensor(np.ones((2, 2)), requires_grad=True)
    M = np.sum(np.max(tied, axis=1) ** 2)
    assert "sum(1[" in rows(mg.explain(M, tied))["dtied"]


def test_decompositions() -> None:
    A, B = positive(3), positive(3)
    w, V = np.linalg.eigh(A)
    f = w[-1]
    assert V.shape == (3, 3)
    assert rows(mg.explain(f, A)) == {
        "dw": "onehot(-1)",
        "dA": "2·tril(s1) - s1 ⊙ I where s1 = (V @ diag(dw)) @ Vᵀ",
    }
    C = np.linalg.cholesky(B)
    g = 2 * np.sum(np.log(np.diag(C)))
    assert rows(mg.explain(g, B))["dC"] == "diag(2/diag(C))"


def test_traces_and_sums_of_products() -> None:
    S, T, n = positive(3), rng.normal(size=(3, 3)), 20
    M = T @ T.T
    ll = -n / 2 * (np.linalg.slogdet(S)[1] + np.trace(np.linalg.inv(S) @ M))
    assert final(mg.explain(ll, S, simplify=True), "S") == "½·n·(S⁻ᵀ M S⁻ᵀ - S⁻ᵀ)"
    x, W, y = param(4), param(4, 3), param(3)
    s = np.einsum("i,ij,j->", x, W, y)
    assert rows(mg.explain(s, [x, W])) == {"dx": "W @ y", "dW": "x yᵀ"}
    Q, K = param(2, 5, 4), param(2, 5, 4)
    A = np.einsum("bid,bjd->bij", Q, K)
    L = np.sum(A**2)
    assert rows(mg.explain(L, Q))["dQ"] == "einsum('bij,bjd->bid', dA, K)"


def test_a_cell_whose_gates_are_split() -> None:
    x, W = rng.normal(size=(2, 3)), param(3, 4)
    i, f = np.split(x @ W, 2, axis=1)
    h = i * np.tanh(f)
    L = np.sum(h**2)
    assert final(mg.explain(L, W, simplify=True), "W") == (
        "xᵀ concatenate([2·h ⊙ tanh(f), 2·h ⊙ i ⊙ (1 - tanh(f)²)], axis=1)"
    )


@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (lambda x, y, k: np.abs(x) * x, "2·abs(x)"),
        (lambda x, y, k: np.sign(x) * x**3, "3·x ⊙ abs(x)"),
        (lambda x, y, k: k * np.log(y) * y * x, "k ⊙ y ⊙ log(y)"),
        (lambda x, y, k: -x - x**2 / 2, "-(1 + x)"),
        (lambda x, y, k: -x / (0.5 * y), "-2/y"),
        (lambda x, y, k: -2 * x**2 / y, "-4·x/y"),
        (lambda x, y, k: 2 * x * (-3 * y), "-6·y"),
        (lambda x, y, k: (x + y) ** 3 - x**3 - 3 * x**2 * y, "3·y²"),
    ],
)
def test_products_and_powers_are_put_together(f: Any, formula: str) -> None:
    x, y, k = (mg.Tensor(v, requires_grad=True) for v in ([3, -2, 1.0], [0.4, 2, 0.3], [3, 2, 1.0]))
    assert final(mg.explain(np.sum(f(x, y, k)), x, simplify=True), "x") == formula


@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (lambda x, y: np.linalg.norm(x, axis=1, keepdims=True), "x/norm(x, axis=1, keepdims=True)"),
        (lambda x, y: mg.log_softmax(x, axis=1) * y,
         "ones((2, 3))·y - softmax(x) ⊙ sum(ones((2, 3))·y, axis=1, keepdims=True)"),
    ],
)  # fmt: skip
def test_what_is_asked_of_a_function_is_written(f: Any, formula: str) -> None:
    x, y = param(2, 3), mg.Tensor([0.4, 2.0, 0.3], requires_grad=True)
    assert rows(mg.explain(np.sum(f(x, y)), x))["dx"] == formula


# --- names -----------------------------------------------------------------------------------


def test_a_product_that_has_a_name_is_called_by_it() -> None:
    x, w, t = (mg.Tensor(v, requires_grad=True) for v in ([1.0, 2, 3], [2.0, 4, 5], [1.0, 1, 3]))
    a = x / w
    assert final(mg.explain(np.sum(np.exp(t * w) * a), [t, x], simplify=True), "t") == (
        "x ⊙ exp(t ⊙ w)"
    )


@pytest.mark.parametrize(
    ("shape", "formula"), [((), "arctan2(x, full((3,), 2))"), ((2, 3), "arctan2(x, 2)")]
)
def test_equal_entries_are_a_number_where_the_shape_is_seen(
    shape: tuple[int, ...], formula: str
) -> None:
    x = mg.Tensor(np.full(shape, 0.5), requires_grad=True)
    assert f"L = sum({formula})" in str(mg.explain(np.sum(np.arctan2(x, np.full(3, 2.0))), x))


def test_a_row_for_each_pass_of_a_loop() -> None:
    X, Wx, Wh = rng.normal(size=(3, 2)), param(4, 2), param(4, 4)
    h = np.zeros(4)
    for t in range(3):
        h = np.tanh(Wx @ X[t] + Wh @ h)
    L = np.sum(h**2)
    explanation = mg.explain(L, [Wx, Wh])
    found = rows(explanation, text=False)
    assert found["dh_1"] == "Whᵀ @ (dh_2 ⊙ (1 - h_2²))"
    assert found["dWx via h_1"] == "(dh_1 ⊙ (1 - h_1²)) X[0]ᵀ"
    assert found["dWh via h"] == "(dh ⊙ (1 - h²)) h_2ᵀ"
    assert "with h_1, h_2: h in the passes of the loop before the last" in str(explanation)


def test_a_number_that_is_the_same_for_all_is_not_spread_out() -> None:
    x, k = param(3), param()
    assert rows(mg.explain(np.sum(x * k + 1), x))["dx"] == "k"
    x, k = mg.Tensor([1.0, 2.0], requires_grad=True), mg.Tensor(2.5, requires_grad=True)
    assert rows(mg.explain(np.sum(x**k * x), x))["dx"] == "x^k + k·x^k"


def test_both_sides_of_an_equation_stand_apart() -> None:
    pytest.importorskip("matplotlib")
    x = param(2)
    figure = mg.explain(np.sum(x**2), x).plot()
    boxes = [text.get_window_extent() for text in figure.texts]
    assert all(left.x1 < right.x0 for left, right in zip(boxes[::2], boxes[1::2], strict=True))


def test_a_bound_that_only_guards_is_left_out() -> None:
    p = mg.Tensor([0.2, 0.5], requires_grad=True)
    assert rows(mg.explain(np.sum(np.log(np.maximum(p, 1e-9))), p))["dp"] == "1/p"


def test_no_name_for_what_a_function_made_of_it() -> None:
    x, rate = param(2), 2.0
    shifted = lambda x: x + 2.0
    L = np.sum(shifted(x) ** 2)
    shifted = lambda x: x * rate  # by now
    assert rows(mg.explain(L, x))["dx"] == "2·(x + 2)"
    mixed = lambda a, b: np.square(x) * (a + b)
    L = np.sum(mixed(rng.normal(size=2), rng.normal(size=2)))
    assert rows(mg.explain(L, x))["dx"] == "2·c1 ⊙ x"


def test_passes_over_pairs_and_what_they_add() -> None:
    w, total = param(), 0.0
    for x, y in [(1.0, 2.0), (2.0, 3.0), (3.0, 5.0)]:
        total += (w * x - y) ** 2
    loss = total / 3
    assert rows(mg.explain(loss, w))["∂total_2/∂w"] == "4·(2·w - 3)"  # no x, which is 3 by now
    v = param()
    a = v * 1.0
    for _ in range(100):
        a = np.sin(a) * v
    explanation = mg.explain(a, v)
    assert rows(explanation)["∂a_100/∂a_99"] == "v·cos(a_99)"
    assert str(explanation).count("\n") < 60


def test_what_was_drawn_is_called_by_what_drew_it() -> None:
    X, W = rng.normal(size=(4, 3)), param(3, 2)
    h = (X @ W) * (rng.random((4, 2)) > 0.5)
    L = np.sum((h - rng.normal(size=(4, 2))) ** 2)
    explanation = mg.explain(L, W)
    assert rows(explanation, text=False) == {
        "dh": "2·(h - rng.normal(size=(4, 2)))",
        "dW": "Xᵀ @ (dh ⊙ 1[rng.random((4, 2)) > ½])",
    }
    assert "rng.random((4, 2)): as it was then, (4, 2)" in str(explanation)
    assert r"\mathrm{rng.random((4,\ 2))} > \frac{1}{2}" in explanation.to_latex()

    def data() -> Any:
        return rng.normal(size=(2, 3))

    s = np.sum((data() @ W) * (data() @ W))
    assert rows(mg.explain(s, W), text=False)["dW"].count("data()′") == 2


def test_numbers_that_a_function_of_the_users_stands_between() -> None:
    S, K, r, T = param(), 95.0, 0.05, 0.5

    def cdf(x: Any) -> Any:
        print("", end="")
        return 0.5 * (1 + mg.erf(x / np.sqrt(2)))

    C = cdf(S) - K * np.exp(-r * T) * cdf(2 * S)
    (row,) = mg.explain(C, S).rows
    assert "K·exp(-r·T)" in row.formula


def test_numbers_without_what_rounding_left() -> None:
    x = param()
    y = 0.1 * x + 0.2 * x
    assert rows(mg.explain(y, x))["dy/dx"] == "0.3"


def test_an_index_of_as_many_entries_is_an_index_still() -> None:
    """Entries in another order are no axes that were put in front."""
    q, dist, ke = (
        np.array([1.0, -1.0, 2.0]),
        mg.Tensor(1 + rng.random((3, 3)), requires_grad=True),
        8.99,
    )
    i, j = np.triu_indices(3, 1)
    U = ke * np.sum(q[i] * q[j] / dist[i, j])
    assert rows(mg.explain(U, dist), text=False)["ddist"] == (
        "0; np.add.at(ddist, np.s_[i, j], -ke·q[i] ⊙ q[j]/dist[i, j]²)"
    )
    v, w = param(3), rng.normal(size=3)
    k = np.array([2, 0, 1])
    s = np.sum(v[k] * v * w[k])
    rows(mg.explain(s, v))


def test_containers_of_objects_have_names() -> None:
    class Net:
        def __init__(self) -> None:
            self.layers, self.out = [param(3, 3)], {"W": param(3, 1)}

    net, x = Net(), rng.normal(size=(4, 3))
    h = np.tanh(x @ net.layers[0])
    L = np.sum((h @ net.out["W"]) ** 2)
    found = mg.explain(L, [net.layers[0], net.out["W"]])
    assert {"dnet.layers[0]", "dnet.out['W']"} <= {row.quantity for row in found.rows}


def test_identities_of_two_sizes_stay_apart() -> None:
    """Both are written I, in the derivative of a pseudoinverse."""
    A = mg.Tensor(np.random.default_rng(0).normal(size=(3, 2)), requires_grad=True)
    L = np.linalg.pinv(A).sum()
    (row,) = [r for r in mg.explain(L, A).rows if r.formula != "1"]
    assert row.formula.count("I") == 2
    np.testing.assert_allclose(row.expression.evaluate(), row.value, rtol=1e-9)
