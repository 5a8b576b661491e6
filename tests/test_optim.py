"""Optimisers, schedules and clipping against PyTorch and the published formulas."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim

A = np.random.default_rng(3).normal(size=(6, 4))
TARGET = np.random.default_rng(4).normal(size=(6, 2))
SHAPES = [(4, 2), (2,), ()]


def starts(dtype: Any = np.float64) -> list[Any]:
    rng = np.random.default_rng(8)
    return [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]


def tensors(dtype: Any = np.float64) -> list[mg.Tensor]:
    return [mg.Tensor(x, requires_grad=True) for x in starts(dtype)]


def loss_of(w: Any, b: Any, c: Any, module: Any, a: Any, target: Any) -> Any:
    """Neither linear nor convex; works for minigrad and PyTorch alike."""
    return ((module.tanh(a @ w + b) * c - target) ** 2).sum() + (w**4).sum() * 0.01


# --- updates ---------------------------------------------------------------------------

CASES = [
    ("SGD", {"lr": 0.02}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.02, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.02, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.02, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "eps": 1e-6}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.1}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True, "eps": 1e-3}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.1, "eps": 1e-3}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.2}),
]


@pytest.mark.full
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_a_hundred_steps_are_pytorchs(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    theirs = [torch.tensor(x, requires_grad=True) for x in starts()]
    reference = getattr(torch.optim, name)(theirs, **options)
    a, target = torch.tensor(A), torch.tensor(TARGET)
    ours = tensors()
    optimiser = getattr(optim, name)(ours, **options)
    for _ in range(100):
        reference.zero_grad()
        loss_of(*theirs, torch, a, target).backward()
        reference.step()
        optimiser.zero_grad()
        loss_of(*ours, np, A, TARGET).backward()
        optimiser.step()
        for p, q in zip(ours, theirs):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=0, atol=1e-12)
    assert optimiser.steps == 100
    moved = max(np.max(np.abs(p.data - x)) for p, x in zip(ours, starts()))
    assert moved > 0.01


def by_hand(name: str, gradient: Any, x: Any, steps: int, lr: float, **o: Any) -> Any:
    """``steps`` steps of an optimiser, as the papers write them."""
    v: Any = 0.0
    m: Any = 0.0
    b: Any = 0.0
    for t in range(1, steps + 1):
        g = gradient(x) + o.get("weight_decay", 0.0) * x
        if name == "SGD":
            mu = o.get("momentum", 0.0)
            v = g if t == 1 else mu * v + (1 - o.get("dampening", 0.0)) * g
            x = x - lr * (g + mu * v if o.get("nesterov") else v if mu else g)
        elif name == "Adagrad":
            v = v + g**2 + (o.get("initial_accumulator_value", 0.0) if t == 1 else 0.0)
            x = x - lr / (1 + o.get("lr_decay", 0.0) * (t - 1)) * g / (np.sqrt(v) + 1e-10)
        elif name == "RMSprop":
            rho, mu = o.get("alpha", 0.99), o.get("momentum", 0.0)
            v, m = rho * v + (1 - rho) * g**2, rho * m + (1 - rho) * g
            b = mu * b + g / (np.sqrt(v - m**2 if o.get("centered") else v) + 1e-8)
            x = x - lr * b
    return x


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"weight_decay": 0.3}),
        ("SGD", {"momentum": 0.8}),
        ("SGD", {"momentum": 0.8, "dampening": 0.4}),
        ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
        ("Adagrad", {}),
        ("Adagrad", {"lr_decay": 0.5, "weight_decay": 0.2, "initial_accumulator_value": 0.7}),
        ("RMSprop", {}),
        ("RMSprop", {"alpha": 0.6, "momentum": 0.7, "weight_decay": 0.2}),
        ("RMSprop", {"alpha": 0.8, "centered": True}),
    ],
)
def test_steps_by_hand(name: str, options: dict[str, Any]) -> None:
    start = np.array([1.5, -0.7, 2.0])
    curve = np.array([1.0, 3.0, 0.5])
    x = mg.Tensor(start, requires_grad=True)
    optimiser = getattr(optim, name)([x], lr=0.07, **options)
    for steps in range(1, 6):
        optimiser.zero_grad()
        (curve * x**2).sum().backward()
        optimiser.step()
        expected = by_hand(name, lambda x: 2 * curve * x, start, steps, 0.07, **options)
        np.testing.assert_allclose(x.data, expected, rtol=1e-12)


def test_adam_by_hand_with_amsgrad_and_upwards() -> None:
    for kind, decay in ((optim.Adam, 0.0), (optim.Adam, 0.1), (optim.AdamW, 0.1)):
        for amsgrad, maximize in ((True, False), (False, True), (True, True)):
            x = starts()[0]
            w = mg.Tensor(x, requires_grad=True)
            told = {"weight_decay": decay, "amsgrad": amsgrad, "maximize": maximize}
            adam = kind([w], lr=0.1, betas=(0.8, 0.9), **told)
            m = v = largest = np.zeros_like(x)
            for t in range(1, 30):
                adam.zero_grad()
                (np.sin(3 * w) ** 2).sum().backward()
                adam.step()
                g = 3 * np.sin(6 * x) * (-1 if maximize else 1)
                g = g + (decay * x if kind is optim.Adam else 0)
                m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g**2
                largest = np.maximum(largest, v)
                scale = np.sqrt((largest if amsgrad else v) / (1 - 0.9**t)) + 1e-8
                beside = decay * x if kind is optim.AdamW else 0
                x = x - 0.1 * (m / (1 - 0.8**t) / scale + beside)
                np.testing.assert_allclose(w.data, x, rtol=0, atol=1e-12)


def test_groups_have_options_of_their_own() -> None:
    a, b = mg.Tensor([1.0], requires_grad=True), mg.Tensor([1.0], requires_grad=True)
    groups = [{"params": [a]}, {"params": {"b": b}, "lr": lambda t: 0.5 / (t + 1), "momentum": 0.5}]
    sgd = optim.SGD(groups, lr=0.1, weight_decay=0.2)
    x, y, u = 1.0, 1.0, 0.0
    for t in range(4):
        sgd.zero_grad()
        (a**2 + b**2).sum().backward()
        sgd.step()
        x -= 0.1 * (2 * x + 0.2 * x)
        u = 2 * y + 0.2 * y if t == 0 else 0.5 * u + 2 * y + 0.2 * y
        y -= 0.5 / (t + 1) * u
        assert a.item() == pytest.approx(x, rel=1e-12)
        assert b.item() == pytest.approx(y, rel=1e-12)
    saved = sgd.state_dict()
    assert saved["groups"] == [{}, {"momentum": 0.5}]
    other = optim.SGD(groups, lr=9.0)
    other.load_state_dict(saved)
    assert other.options["lr"] == 0.1
    for optimiser in (sgd, other):
        a.data, b.data = [1.0], [1.0]
        a.grad, b.grad = np.array([1.0]), np.array([1.0])
        optimiser.step()
        last = a.item(), b.item()
    assert (a.item(), b.item()) == last
    with pytest.raises(ValueError, match="SGD has 1 groups of parameters, the saved state 2"):
        optim.SGD([a, b]).load_state_dict(saved)
    for wrong, kind, words in [
        ([{"params": [a]}, [b]], TypeError, 'group 1 has no "params"'),
        ([{"params": [a]}, {"params": [a]}], ValueError, "is in two groups"),
        ([{"params": [a], "rate": 1.0}], TypeError, "SGD: rate is no option"),
        ([{"params": []}], ValueError, "SGD: there are no parameters"),
        ([{"params": [a], "lr": -1.0}], ValueError, "lr=-1 must be finite and not negative"),
    ]:
        with pytest.raises(kind, match=words):
            optim.SGD(wrong)


def test_the_same_parameter_twice_and_rates_in_words() -> None:
    w = mg.Tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="SGD: w is among the parameters twice"):
        optim.SGD([w, w])
    with pytest.raises(TypeError, match="SGD: lr must be a number, not"):
        optim.SGD([w], lr="0.1")


def test_minimize_may_climb() -> None:
    x, _ = optim.minimize(lambda x: -((x - 2) ** 2), 0.0, lr=0.25, steps=60, maximize=True)
    assert x == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
def test_defaults_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    for option, value in getattr(optim, name).defaults.items():
        assert theirs[option].default == value, option


def test_lion_is_the_published_algorithm() -> None:
    x = starts()[0]
    w = mg.Tensor(x, requires_grad=True)
    lion = optim.Lion([w], lr=0.01, betas=(0.9, 0.99), weight_decay=0.1)
    m = np.zeros_like(x)
    for _ in range(100):
        lion.zero_grad()
        (w**4).sum().backward()
        lion.step()
        g = 4 * x**3
        c = 0.9 * m + 0.1 * g  # algorithm 2 of the paper, line by line
        x = x - 0.01 * (np.sign(c) + 0.1 * x)
        m = 0.99 * m + 0.01 * g
        np.testing.assert_allclose(w.data, x, rtol=0, atol=1e-12)


EVERY = [optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adam, optim.AdamW, optim.Lion]
each = pytest.mark.parametrize("kind", EVERY, ids=lambda k: k.__name__)


def options_of(kind: Any) -> dict[str, Any]:
    return {"momentum": 0.9} if kind in (optim.SGD, optim.RMSprop) else {}


@each
def test_float32_stays_float32(kind: Any) -> None:
    ps = tensors(np.float32)
    optimiser = kind(ps, **options_of(kind), lr=lambda t: np.float64(0.01))
    for _ in range(3):
        loss_of(*ps, np, A.astype(np.float32), TARGET.astype(np.float32)).backward()
        optimiser.step()
    assert {p.dtype for p in ps} == {np.dtype(np.float32)}
    arrays = [v for s in optimiser.state for v in s.values() if not isinstance(v, int)]
    assert {v.dtype for v in arrays} == {np.dtype(np.float32)}


@each
def test_parameters_are_replaced_and_recorded_graphs_stay_right(kind: Any) -> None:
    w = mg.Tensor([1.0, -2.0], requires_grad=True)
    optimiser = kind([w], lr=0.5)
    before = w.data
    loss = (w**2).sum()
    w.grad = np.array([1.0, 1.0])
    optimiser.step()
    assert before.tolist() == [1.0, -2.0]
    assert not np.allclose(w.data, before)
    with pytest.raises(ValueError, match="read-only"):
        w.data[0] = 0.0
    optimiser.zero_grad()
    assert w.grad is None
    loss.backward()
    assert w.grad.tolist() == [2.0, -4.0]


@each
def test_gradients_that_are_written_into_after_a_step(kind: Any) -> None:
    w, v = tensors()[0], tensors()[0]
    one, other = (kind([p], **options_of(kind), lr=0.1) for p in (w, v))
    for _ in range(3):
        w.grad, v.grad = np.ones((4, 2)), np.ones((4, 2))
        one.step()
        other.step()
        w.grad[...] = 99.0
    assert (w.numpy() == v.numpy()).all()


def train(optimiser: Any, ps: list[mg.Tensor], steps: int) -> None:
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(*ps, np, A.astype(ps[0].dtype), TARGET.astype(ps[0].dtype)).backward()
        optimiser.step()


@each
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lr", [0.01, optim.cosine(0.01, 30)], ids=["rate", "schedule"])
def test_a_resumed_run_continues_bit_for_bit(kind: Any, dtype: Any, lr: Any) -> None:
    ps = tensors(dtype)
    optimiser = kind(ps, **options_of(kind), lr=lr)
    train(optimiser, ps, 7)
    weights, saved = [p.numpy().copy() for p in ps], optimiser.state_dict()
    train(optimiser, ps, 7)
    resumed = [mg.Tensor(x, requires_grad=True) for x in weights]
    other = kind(resumed, **({} if callable(lr) else {"lr": 0.3}), **options_of(kind))
    if callable(lr):
        other.lr = lr
    other.load_state_dict(saved)
    assert other.steps == 7
    train(other, resumed, 7)
    for p, q in zip(ps, resumed):
        assert p.numpy().tobytes() == q.numpy().tobytes()


@each
def test_a_state_is_plain(kind: Any) -> None:
    ps = tensors()
    optimiser = kind(ps)
    train(optimiser, ps, 2)

    def plain(x: Any) -> bool:
        if isinstance(x, dict):
            return all(isinstance(k, str) and plain(v) for k, v in x.items())
        if isinstance(x, list):
            return all(map(plain, x))
        return isinstance(x, int | float | bool | np.ndarray | np.number)

    saved = optimiser.state_dict()
    assert plain(saved)
    key = next(k for k in saved["state"][0] if k != "t") if saved["state"][0] else None
    if key:
        saved["state"][0][key][...] = 99.0
        assert not np.any(optimiser.state[0][key] == 99.0)


# --- parameters ------------------------------------------------------------------------


def test_parameters_in_all_forms() -> None:
    a, b, c = tensors()
    nested = {"layer": {"w": a, "b": b}, "more": [c]}
    assert optim.SGD(nested).parameters == [a, b, c]
    assert optim.SGD(p for p in (a, b)).parameters == [a, b]
    assert optim.SGD({"w": a, "b": b}.values()).parameters == [a, b]
    assert optim.SGD(a).parameters == [a]


def test_parameters_without_a_gradient_are_passed_over() -> None:
    a, b, _ = tensors()
    optimiser = optim.Adam([a, b], lr=0.1)
    before = b.numpy()
    (a**2).sum().backward()
    optimiser.step()
    assert (b.numpy() == before).all()
    assert optimiser.state[1] == {}


def test_parameters_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="Adam: there are no parameters; pass Tensors made with"):
        optim.Adam([])
    with pytest.raises(ValueError, match="SGD: there are no parameters"):
        optim.SGD(x for x in ())
    W = np.ones(3)
    with pytest.raises(TypeError, match="SGD: W is of type ndarray, and parameters are Tensors"):
        optim.SGD([W])
    with pytest.raises(TypeError, match="SGD: W is of type ndarray"):
        optim.SGD(W)
    constant = mg.Tensor([1.0])
    with pytest.raises(ValueError, match="constant requires no gradient: parameters are made with"):
        optim.SGD([constant])
    result = mg.Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(ValueError, match="result is the result of multiply"):
        optim.SGD([result])


def test_options_that_cannot_be() -> None:
    ps = tensors()
    for value, message in [
        (-0.1, r"SGD: lr=-0.1 must be finite and not negative"),
        (math.nan, r"SGD: lr=nan must be finite"),
        (math.inf, r"SGD: lr=inf must be finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            optim.SGD(ps, lr=value)
    with pytest.raises(TypeError, match="SGD: lr must be a number, not 'fast'"):
        optim.SGD(ps, lr="fast")
    with pytest.raises(ValueError, match=r"SGD: momentum=-0.9 must be"):
        optim.SGD(ps, 0.1, momentum=-0.9)
    with pytest.raises(ValueError, match=r"nesterov=True needs momentum > 0 and dampening = 0"):
        optim.SGD(ps, 0.1, nesterov=True)
    with pytest.raises(TypeError, match="SGD: nesterov must be True or False, not 'yes'"):
        optim.SGD(ps, 0.1, momentum=0.9, nesterov="yes")
    with pytest.raises(ValueError, match=r"Adam: betas=1 must be in \[0, 1\)"):
        optim.Adam(ps, betas=(0.9, 1.0))
    with pytest.raises(TypeError, match=r"Adam: betas must be 2 numbers, not 0.9"):
        optim.Adam(ps, betas=0.9)
    with pytest.raises(TypeError, match="Adam: momentum is no option; it has lr, betas, eps, weig"):
        optim.Adam(ps, momentum=0.9)
    with pytest.raises(TypeError, match="SGD: lr is given twice"):
        optim.SGD(ps, 0.1, lr=0.1)
    with pytest.raises(TypeError, match=r"Lion has 4 options \(lr, betas, .*\), not 5"):
        optim.Lion(ps, 0.1, (0.9, 0.99), 0.0, False, 1)
    with pytest.raises(ValueError, match=r"lr=-1 must be"):
        optim.SGD(ps).lr = -1


def test_a_step_without_gradients() -> None:
    with pytest.raises(RuntimeError, match=r"Adam.step: no parameter has a gradient; call loss"):
        optim.Adam(tensors()).step()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite(bad: float) -> None:
    W, b, c = tensors()
    optimiser = optim.Adam([W, b, c])
    W.grad, b.grad, c.grad = np.ones((4, 2)), np.array([1.0, bad]), 1.0
    before = [W.numpy(), b.numpy(), c.numpy()]
    with pytest.raises(
        FloatingPointError,
        match=r"Adam.step: the gradient of b \(2,\) is not finite at step 1; the parameters are as",
    ):
        optimiser.step()
    assert all((p.numpy() == x).all() for p, x in zip([W, b, c], before))
    assert optimiser.state == [{}, {}, {}]
    for large in (1e200, 1e308):  # whose sums only, of squares or themselves, are infinite
        b.grad = np.array([large, large])
        optim.SGD([b], lr=1e-308).step()


def test_states_that_do_not_fit() -> None:
    ps = tensors()
    adam = optim.Adam(ps)
    train(adam, ps, 1)
    saved = adam.state_dict()
    with pytest.raises(ValueError, match=r"SGD has the options lr, momentum.*optimiser with lr,"):
        optim.SGD(ps).load_state_dict(saved)
    with pytest.raises(ValueError, match="Adam has 2 parameters, the saved state 3"):
        optim.Adam(ps[:2]).load_state_dict(saved)
    other = [mg.Tensor(np.zeros((2, 4)), requires_grad=True), *ps[1:]]
    with pytest.raises(ValueError, match=r"parameter 0 .*has shape \(2, 4\).*saved m has \(4, 2\)"):
        optim.Adam(other).load_state_dict(saved)
    with pytest.raises(ValueError, match="has steps, options and state; this is one with"):
        adam.load_state_dict({"state": []})


def test_rates_and_schedules_of_a_saved_state() -> None:
    ps = tensors()
    schedule = optim.cosine(0.5, 10)
    scheduled = optim.SGD(ps, lr=schedule)
    constant = optim.SGD(ps, lr=0.25)
    kept = optim.SGD(ps, lr=0.125)
    kept.load_state_dict(scheduled.state_dict())
    assert kept.lr == 0.125
    kept.load_state_dict(constant.state_dict())
    assert kept.lr == 0.25
    scheduled.load_state_dict(constant.state_dict())
    assert scheduled.options["lr"] is schedule


def test_signature_and_repr() -> None:
    assert str(inspect.signature(optim.Lion)) == (
        "(parameters, lr=0.0001, betas=(0.9, 0.99), weight_decay=0.0, maximize=False)"
    )
    assert repr(optim.Lion(tensors(), 0.1)) == (
        "Lion(<11 numbers>, lr=0.1, betas=(0.9, 0.99), weight_decay=0.0)"
    )


def test_a_formula_of_ones_own() -> None:
    class SignDescent(optim.Optimiser):
        @staticmethod
        def update(x: Any, g: Any, state: Any, lr: float = 0.1) -> Any:
            return lr * np.sign(g)

    w = mg.Tensor([1.0, -5.0], requires_grad=True)
    own = SignDescent([w])
    (w**2).sum().backward()
    own.step()
    np.testing.assert_allclose(w.data, [0.9, -4.9])


# --- schedules -------------------------------------------------------------------------


def pytorch_rates(make: Any, lr: float, steps: int) -> list[float]:
    torch = pytest.importorskip("torch")
    p = torch.zeros(1, requires_grad=True)
    sgd = torch.optim.SGD([p], lr=lr)
    scheduler = make(torch.optim.lr_scheduler, sgd)
    rates = []
    for _ in range(steps):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return rates


@pytest.mark.full
def test_schedules_are_pytorchs() -> None:
    for schedule, make in [
        (optim.step_decay(0.3, 7, 0.5), lambda s, o: s.StepLR(o, 7, gamma=0.5)),
        (optim.cosine(0.3, 40, 0.01), lambda s, o: s.CosineAnnealingLR(o, 40, eta_min=0.01)),
        (
            optim.warm_up(0.3, 10, start=0.2),
            lambda s, o: s.LinearLR(o, start_factor=0.2, total_iters=10),
        ),
    ]:
        expected = pytorch_rates(make, 0.3, 40)
        np.testing.assert_allclose([schedule(t) for t in range(40)], expected, rtol=1e-10)


def test_warm_up_goes_over_into_another_schedule() -> None:
    rate = optim.warm_up(optim.step_decay(0.4, 5), 4, start=0.5)
    assert [rate(t) for t in (0, 2, 4, 8, 9)] == pytest.approx([0.2, 0.3, 0.4, 0.4, 0.04])


def test_an_optimiser_follows_its_schedule() -> None:
    w = mg.Tensor(0.0, requires_grad=True)
    sgd = optim.SGD([w], lr=optim.step_decay(1.0, 2))
    places = []
    for _ in range(4):
        places.append(sgd.lr)
        w.grad = 1.0
        sgd.step()
    assert places == [1.0, 1.0, 0.1, 0.1]
    assert w.item() == pytest.approx(-2.2)
    sgd.lr = 0.5
    assert sgd.lr == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.step_decay(-0.1, 5), "step_decay: lr must be a finite number of at least 0"),
        (lambda: optim.step_decay(0.1, 0), "step_decay: every must be a whole number of at least"),
        (lambda: optim.cosine(0.1, 2.5), "cosine: steps must be a whole number of at least 1, no"),
        (lambda: optim.warm_up(-1.0, 5), "warm_up: after must be a finite number of at least 0, "),
        (lambda: optim.warm_up(1.0, 5, start=math.nan), "warm_up: start must be a finite number"),
    ],
)
def test_schedules_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_that_goes_negative_is_told_with_its_step() -> None:
    sgd = optim.SGD(tensors(), lr=lambda t: 0.1 - t)
    sgd.steps = 3
    with pytest.raises(ValueError, match=r"the schedule gave the learning rate -2.9 for step 3"):
        _ = sgd.lr


# --- clipping --------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.5, 1.0, 100.0])
@pytest.mark.parametrize("what", ["norm", "value"])
def test_clipping_is_pytorchs(what: str, limit: float) -> None:
    torch = pytest.importorskip("torch")
    theirs = [torch.tensor(x, requires_grad=True) for x in starts()]
    loss_of(*theirs, torch, torch.tensor(A), torch.tensor(TARGET)).backward()
    ours = tensors()
    loss_of(*ours, np, A, TARGET).backward()
    held = [np.copy(p.grad) for p in ours], [p.grad for p in ours]
    if what == "norm":
        expected = torch.nn.utils.clip_grad_norm_(theirs, limit).item()
        assert optim.clip_grad_norm(ours, limit) == pytest.approx(expected, rel=1e-13)
    else:
        torch.nn.utils.clip_grad_value_(theirs, limit)
        optim.clip_grad_value(ours, limit)
    for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12, atol=1e-15)
    for copy, g in zip(*held):
        np.testing.assert_array_equal(copy, g)  # replaced, not written into


def test_clipping_by_hand() -> None:
    g = [np.array([[3.0, -4.0], [0.5, 0.0]]), np.array([12.0])]
    length = math.sqrt(9 + 16 + 0.25 + 144)
    for limit in (0.5, 2.0, length, 1.5 * length, 1e3):
        W, b, other = (mg.Tensor(np.zeros(x.shape), requires_grad=True) for x in (*g, g[1]))
        W.grad, b.grad = g
        assert optim.clip_grad_norm([W, b, other], limit) == pytest.approx(length, rel=1e-14)
        scale = min(1.0, limit / (length + 1e-6))
        for p, x in zip((W, b), g):
            np.testing.assert_allclose(p.grad, scale * x, rtol=1e-14)
        W.grad, b.grad = g
        optim.clip_grad_value([W, b, other], limit)
        for p, x in zip((W, b), g):
            np.testing.assert_array_equal(p.grad, np.maximum(np.minimum(x, limit), -limit))
        assert other.grad is None


def test_schedules_by_hand() -> None:
    cosine, linear = optim.cosine(0.4, 10, final=0.1), optim.linear(0.4, 10, final=0.1)
    for t in (*range(11), 12, 100):
        share = min(t, 10) / 10
        assert cosine(t) == pytest.approx(0.1 + 0.15 * (1 + math.cos(math.pi * share)))
        assert linear(t) == pytest.approx(0.4 - 0.3 * share)
        rising = 0.4 * (0.1 + 0.9 * t / 5)
        assert optim.warm_up(linear, 5)(t) == pytest.approx(rising if t < 5 else linear(t - 5))
        assert optim.warm_up(0.4, 5)(t) == pytest.approx(min(rising, 0.4))


def test_clipping_that_cannot_be() -> None:
    W = mg.Tensor([1.0, 2.0], requires_grad=True)
    for clip in (optim.clip_grad_norm, optim.clip_grad_value):
        with pytest.raises(ValueError, match=f"{clip.__name__}: the limit must be a positive num"):
            clip([W], 0)
        clip([W], 1.0)  # nothing to clip
        assert W.grad is None
    W.grad = np.array([1.0, np.nan])
    good = mg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    good.grad = np.ones(3)
    for order in ([W, good], [good, W]):
        with pytest.raises(FloatingPointError, match=r"the gradient of W \(2,\) is not finite"):
            optim.clip_grad_norm(order, 1.0)
    with pytest.raises(ValueError, match="clip_grad_value: there are no parameters"):
        optim.clip_grad_value([], 1.0)
