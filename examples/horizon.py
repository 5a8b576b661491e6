"""Applied reinforcement learning: from logged data to a served policy, as Horizon does it.

J. Gauci et al., "Horizon: Facebook's Open Source Applied Reinforcement Learning Platform" (2018)
learn from the logs of a policy that is in use, and ask what a new one would have earned
before anybody meets it.  Here, with the pole on a cart of Gymnasium (500 steps at most):

1. A policy learns in the environment by policy gradients: REINFORCE with a baseline
   (R. J. Williams, 1992), or the advantage actor-critic (V. Mnih et al., 2016).
2. The actor-critic's, softened so that either action has a chance of a quarter, acts and is
   logged, with the probability of what it did.
3. The log is looked over: mean and spread of each feature, which become part of the model.
4. A deep Q-network learns from the log alone: double (H. van Hasselt et al., 2016), duelling
   (Z. Wang et al., 2016), and held to what the log knows (A. Kumar et al., 2020).
5. Counterfactual evaluation: importance sampling, a fitted model, and the doubly robust
   estimate (N. Jiang and L. Li, 2016) with confidence intervals, against the true return.
6. The model is written as ONNX, and ONNX Runtime serves it in the environment.

Run it with ``python examples/horizon.py --plot horizon.png``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gradient_descent_classifier import number, picture
from workbench import keep_state, restored, settings, told

import minigrad as mg
from minigrad import nn

Params = dict[str, Any]
Policy = Callable[[np.ndarray], np.ndarray]
"""From states (n, 4) to the probabilities of both actions (n, 2)."""

GAMMA = 0.99
"""What a reward is worth a step later, in training."""

EVALUATION = 0.95
"""The same in counterfactual evaluation: ratios of probabilities are multiplied step by step,
and what they say of the far future is noise."""


# --- the environment -------------------------------------------------------------------


def environments(n: int, seed: int) -> Any:
    """``n`` carts at once."""
    try:
        import gymnasium
    except ImportError:
        sys.exit("the environment comes with Gymnasium: pip install gymnasium")
    envs = gymnasium.make_vec("CartPole-v1", num_envs=n, vectorization_mode="vector_entry_point")
    envs.reset(seed=seed)
    return envs


@dataclass
class Episodes:
    """Whole episodes side by side: (steps, episodes, ...); ``alive`` says what counts.

    ``ended`` marks falls, not the end of time; ``chance`` is the probability of the action.
    """

    state: np.ndarray
    action: np.ndarray
    chance: np.ndarray
    after: np.ndarray
    ended: np.ndarray
    alive: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return self.alive.sum(axis=0)

    def discounted(self, gamma: float) -> np.ndarray:
        """The return of each episode."""
        return (gamma ** np.arange(len(self.alive)) @ self.alive).astype(float)


def play(policy: Policy, n: int, seed: int, limit: int = 500) -> Episodes:
    """``n`` episodes of a policy."""
    envs = environments(n, seed)
    rng = np.random.default_rng((seed, 1))
    state, _ = envs.reset(seed=seed)
    alive = np.ones(n, bool)
    rows = []
    for _ in range(limit):
        p = policy(state)
        action = (rng.random(n) < p[:, 1]).astype(int)
        after, _, fallen, _, _ = envs.step(action)
        rows.append((state, action, p[np.arange(n), action], after, fallen & alive, alive))
        alive = alive & ~fallen
        state = after
        if not alive.any():
            break
    envs.close()
    return Episodes(*(np.stack(column) for column in zip(*rows, strict=True)))


def true_return(policy: Policy, n: int, seed: int, gamma: float = 1.0) -> float:
    """The mean return over ``n`` new episodes."""
    return float(play(policy, n, seed).discounted(gamma).mean())


# --- one network for all ---------------------------------------------------------------


def network(hidden: int, rng: np.random.Generator, inputs: int = 4) -> Params:
    """Two hidden layers; two numbers for the actions, one for the state."""
    sizes = {"1": (inputs, hidden), "2": (hidden, hidden), "a": (hidden, 2), "v": (hidden, 1)}
    params = {}
    for name, (n, m) in sizes.items():
        scale = 0.01 if name == "a" else np.sqrt(2 / n)
        params[f"W{name}"] = (scale * rng.standard_normal((n, m))).astype(np.float32)
        params[f"b{name}"] = np.zeros(m, np.float32)
    return params


def heads(p: Params, x: Any) -> tuple[Any, Any]:
    """What the network says of both actions, and of the state."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    h = np.tanh(h @ p["W2"] + p["b2"])
    return h @ p["Wa"] + p["ba"], (h @ p["Wv"] + p["bv"])[:, 0]


def scaled(x: np.ndarray) -> np.ndarray:
    """States roughly of size 1, while nothing is known of them."""
    return (x / np.array([2.4, 2.0, 0.21, 2.0])).astype(np.float32)


def softmax_policy(p: Params, floor: float = 0.0, temperature: float = 1.0) -> Policy:
    """Probabilities of the network's, none below ``floor``."""

    def policy(state: np.ndarray) -> np.ndarray:
        scores, _ = heads(p, scaled(state))
        z = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
        return floor + (1 - 2 * floor) * z / z.sum(axis=1, keepdims=True)

    return policy


class Descent:
    """Adam on a dict of arrays, by a compiled step; gradients of length 1 at most."""

    def __init__(self, loss: Callable[..., Any], params: Params, lr: float) -> None:
        self.step = mg.compile(mg.value_and_grad(loss))
        self.tensors = {k: mg.Tensor(v, requires_grad=True) for k, v in params.items()}
        self.optimiser = mg.optim.Adam(list(self.tensors.values()), lr=lr)

    @property
    def params(self) -> Params:
        return {k: t.data for k, t in self.tensors.items()}

    def __call__(self, *batch: Any) -> float:
        value, gradient = self.step(self.params, *batch)
        for k, t in self.tensors.items():
            t.grad = gradient[k]
        mg.optim.clip_grad_norm(list(self.tensors.values()), 1.0)
        self.optimiser.step()
        return float(value)


# --- 1: policy gradients ---------------------------------------------------------------


def actor_loss(p: Params, x: Any, action: Any, advantage: Any, target: Any, weight: Any) -> Any:
    """``−A log π(a|s) + ½ (V − R)² − entropy / 100``, weighted."""
    scores, value = heads(p, x)
    log_p = mg.log_softmax(scores, axis=-1)
    chosen = (log_p * action).sum(axis=1)
    entropy = -(np.exp(log_p) * log_p).sum(axis=1)
    each = -advantage * chosen + 0.5 * (value - target) ** 2 - 0.01 * entropy
    return (each * weight).sum() / weight.sum()


def one_hot(action: np.ndarray) -> np.ndarray:
    return np.eye(2, dtype=np.float32)[action]


def standardised(x: np.ndarray) -> np.ndarray:
    return ((x - x.mean()) / (x.std() + 1e-8)).astype(np.float32)


SCALE = 100.0
"""Returns are up to 100, and the network's numbers of the size of 1."""


def reinforce(
    hidden: int, rounds: int, episodes: int, seed: int, report: Any, lr: float = 4e-3
) -> list[tuple[Params, float]]:
    """REINFORCE with the state's value as baseline: whole episodes, then a few steps."""
    rng = np.random.default_rng(seed)
    descent = Descent(actor_loss, network(hidden, rng), lr)
    curve = []
    size = 2048
    for i in told("policy gradient", rounds):
        found = play(softmax_policy(descent.params), episodes, seed + i)
        alive = found.alive
        total, togo = np.zeros(alive.shape[1]), np.zeros(alive.shape)
        # time ends, the pole does not: what would follow is what the network expects
        _, beyond = heads(descent.params, scaled(found.after[-1]))
        total = np.where(alive[-1] & ~found.ended[-1], SCALE * beyond, 0.0)
        for t in reversed(range(len(alive))):
            total = np.where(alive[t], 1 + GAMMA * total, 0.0)
            togo[t] = total
        x = scaled(found.state[alive])
        target = (togo[alive] / SCALE).astype(np.float32)
        advantage = standardised(target - heads(descent.params, x)[1])
        for _ in range(4):
            pick = rng.integers(0, len(x), size)
            ones = np.ones(size, np.float32)
            action = one_hot(found.action[alive][pick])
            descent(x[pick], action, advantage[pick], target[pick], ones)
        curve.append((descent.params, float(found.lengths.mean())))
        if (i + 1) % max(1, rounds // 6) == 0:
            report(f"  REINFORCE, round {i + 1:4}   mean length {curve[-1][1]:6.1f}")
    return curve


def actor_critic(
    hidden: int, rounds: int, envs: int, seed: int, report: Any, lr: float = 2e-3, length: int = 32
) -> list[tuple[Params, float]]:
    """Advantage actor-critic: a step every few moves, the rest of the return guessed."""
    rng = np.random.default_rng(seed)
    descent = Descent(actor_loss, network(hidden, rng), lr)
    world = environments(envs, seed)
    state, _ = world.reset(seed=seed)
    reset = np.zeros(envs, bool)
    running, finished, curve = np.zeros(envs), [20.0], []
    for i in told("actor-critic", rounds):
        rows = []
        policy = softmax_policy(descent.params)
        for _ in range(length):
            action = (rng.random(envs) < policy(state)[:, 1]).astype(int)
            after, _, fallen, over, _ = world.step(action)
            rows.append((state, action, after, fallen, fallen | over, ~reset))
            running = np.where(reset, 0, running + 1)
            finished += list(running[(fallen | over) & ~reset])
            reset = fallen | over  # the next step only puts the cart back
            state = after
        s, a, after, fallen, done, counts = (np.stack(c) for c in zip(*rows, strict=True))
        flat = s.reshape(-1, 4)
        v = heads(descent.params, scaled(flat))[1].reshape(s.shape[:2])
        v_after = heads(descent.params, scaled(after.reshape(-1, 4)))[1].reshape(v.shape)
        advantage, ahead = np.zeros_like(v), np.zeros(envs)
        for t in reversed(range(length)):
            surprise = 1 / SCALE + GAMMA * v_after[t] * ~fallen[t] - v[t]
            ahead = surprise + GAMMA * 0.95 * ahead * ~done[t]
            advantage[t] = ahead
        target = (advantage + v).reshape(-1).astype(np.float32)
        weight = counts.reshape(-1).astype(np.float32)
        x, chosen = scaled(flat), one_hot(a.reshape(-1))
        descent(x, chosen, standardised(advantage.reshape(-1)), target, weight)
        curve.append((descent.params, float(np.mean(finished[-50:]))))
        if (i + 1) % max(1, rounds // 6) == 0:
            report(f"  actor-critic, round {i + 1:4}   mean length {curve[-1][1]:6.1f}")
    world.close()
    return curve


# --- 2 and 3: the log ------------------------------------------------------------------


@dataclass
class Log:
    """Transitions of a behaviour policy, and what the looking over says of the features."""

    episodes: Episodes
    mean: np.ndarray
    spread: np.ndarray

    def normal(self, x: Any) -> Any:
        return ((x - self.mean) / self.spread).astype(np.float32)


def logged(policy: Policy, n: int, seed: int) -> Log:
    """``n`` episodes, and the statistics of their states."""
    found = play(policy, n, seed)
    states = found.state[found.alive]
    return Log(found, states.mean(axis=0), states.std(axis=0))


# --- 4: a deep Q-network from the log alone --------------------------------------------


def q_values(p: Params, x: Any) -> Any:
    """``V + A − mean A``: the duelling heads."""
    advantage, value = heads(p, x)
    return value[:, None] + advantage - advantage.mean(axis=1, keepdims=True)


def q_loss(p: Params, x: Any, action: Any, target: Any, caution: Any) -> Any:
    """Huber's loss, and ``caution · (log Σ exp Q − Q(a))``: what was not tried is not hoped for."""
    q = q_values(p, x)
    chosen = (q * action).sum(axis=1)
    e = np.abs(chosen - target)
    huber = np.where(e < 1, 0.5 * e**2, e - 0.5)
    return huber.mean() + caution * (mg.logsumexp(q, axis=1) - chosen).mean()


def q_learning(
    log: Log, hidden: int, steps: int, seed: int, report: Any, caution: float = 0.5,
    lr: float = 1e-3, batch: int = 256,
) -> Params:  # fmt: skip
    """Double Q-learning: one network chooses the next action, a slower one values it."""
    rng = np.random.default_rng(seed)
    start = network(hidden, rng)
    descent = Descent(q_loss, start, lr)
    slow = {k: v.copy() for k, v in start.items()}
    e = log.episodes
    x, after = log.normal(e.state[e.alive]), log.normal(e.after[e.alive])
    action, going = one_hot(e.action[e.alive]), ~e.ended[e.alive]
    for i in told("Q-learning", steps):
        pick = rng.integers(0, len(x), batch)
        best = q_values(descent.params, after[pick]).argmax(axis=1)
        worth = q_values(slow, after[pick])[np.arange(batch), best]
        target = (0.1 + GAMMA * worth * going[pick]).astype(np.float32)
        value = descent(x[pick], action[pick], target, np.float32(caution))
        slow = {k: v + 0.01 * (descent.params[k] - v) for k, v in slow.items()}
        if (i + 1) % max(1, steps // 5) == 0:
            report(f"  Q-learning, step {i + 1:6}   loss {value:.4f}")
    return slow


# --- 5: what would it earn? ------------------------------------------------------------


@dataclass
class Estimate:
    """A value before deployment, and an interval that holds it in 95 of 100 cases."""

    name: str
    value: float
    low: float
    high: float


def fitted(log: Log, policy: Policy, hidden: int, steps: int, seed: int) -> Params:
    """The value of a policy by fitted Q-evaluation, with `EVALUATION`."""
    rng = np.random.default_rng(seed)
    start = network(hidden, rng)
    descent = Descent(q_loss, start, 2e-3)
    slow = {k: v.copy() for k, v in start.items()}
    e = log.episodes
    x, after = log.normal(e.state[e.alive]), log.normal(e.after[e.alive])
    action, going = one_hot(e.action[e.alive]), ~e.ended[e.alive]
    chances = policy(e.after[e.alive])
    for _ in told("fitted evaluation", steps):
        pick = rng.integers(0, len(x), 256)
        worth = (q_values(slow, after[pick]) * chances[pick]).sum(axis=1)
        target = (0.1 + EVALUATION * worth * going[pick]).astype(np.float32)
        descent(x[pick], action[pick], target, np.float32(0.0))
        slow = {k: v + 0.05 * (descent.params[k] - v) for k, v in slow.items()}
    return slow


def interval(name: str, each: np.ndarray) -> Estimate:
    """The mean over episodes, and 1.96 standard errors to both sides."""
    error = 1.96 * float(each.std(ddof=1)) / np.sqrt(len(each))
    mean = float(each.mean())
    return Estimate(name, mean, mean - error, mean + error)


def counterfactual(
    log: Log, policy: Policy, hidden: int, steps: int, seed: int
) -> tuple[list[Estimate], float]:
    """The discounted return of ``policy`` from the log of another; the effective sample size.

    Importance sampling weighs each reward by how much likelier the policy was to come so far,
    ``ρ_t = Π π(a|s) / b(a|s)``; weighted, the weights of a step add up to one.  Doubly robust,
    the model's value is corrected by the weighted surprises, ``r + γ V(s') − Q(s, a)``: it is
    right if either the probabilities or the model are.
    """
    e = log.episodes
    steps_, n = e.alive.shape
    flat = lambda x: x.reshape(steps_ * n, -1)
    chance = policy(flat(e.state)).reshape(steps_, n, 2)
    taken = np.take_along_axis(chance, e.action[..., None], -1)[..., 0]
    ratio = np.cumprod(np.where(e.alive, taken / e.chance, 1.0), axis=0)
    gamma = EVALUATION ** np.arange(steps_)[:, None]
    model = fitted(log, policy, hidden, steps, seed)
    q = 10 * q_values(model, log.normal(flat(e.state))).reshape(steps_, n, 2)
    q_after = 10 * q_values(model, log.normal(flat(e.after))).reshape(steps_, n, 2)
    v_after = (q_after * policy(flat(e.after)).reshape(steps_, n, 2)).sum(axis=-1)
    v_first = (q[0] * chance[0]).sum(axis=-1)
    said = np.take_along_axis(q, e.action[..., None], -1)[..., 0]
    surprise = 1 + EVALUATION * v_after * ~e.ended - said
    sampled = (gamma * ratio * e.alive).sum(axis=0)
    robust = v_first + (gamma * ratio * surprise * e.alive).sum(axis=0)
    share = ratio / np.maximum(ratio.sum(axis=1, keepdims=True), 1e-300) * n
    weighted = (gamma * share * e.alive).sum(axis=0)
    late = ratio[min(20, steps_ - 1)]
    return [
        interval("importance sampling", sampled), interval("the same, weighted", weighted),
        interval("fitted model", v_first), interval("doubly robust", robust),
    ], float(late.sum() ** 2 / max((late**2).sum(), 1e-300))  # fmt: skip


# --- 6: serving ------------------------------------------------------------------------


class Actor(nn.Module):
    """From raw states to the values of both actions and the better one: what is deployed."""

    def __init__(self, params: Params, log: Log) -> None:
        self.mean, self.spread = (mg.Tensor(v.astype(np.float32)) for v in (log.mean, log.spread))
        self.weights = {k: mg.Tensor(v, requires_grad=True) for k, v in params.items()}

    def forward(self, state: Any) -> tuple[Any, Any]:
        q = q_values(self.weights, (state - self.mean) / self.spread)
        return q, np.argmax(q, axis=1)


def served(path: Path) -> Policy:
    """The policy of a model of ONNX, by ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda state: np.eye(2)[session.run(["action"], {"state": state})[0]]


def greedy(params: Params, log: Log) -> Policy:
    return lambda state: np.eye(2)[q_values(params, log.normal(state)).argmax(axis=1)]


def mixed(a: Policy, b: Policy, share: float) -> Policy:
    """``b`` with the chance ``share``, else ``a``: a cautious step towards a new policy."""
    return lambda state: (1 - share) * a(state) + share * b(state)


# --- all of it -------------------------------------------------------------------------


def kept(options: argparse.Namespace, stage: str, names: str, make: Callable[[], Any]) -> Any:
    """What ``make`` gives, read from the checkpoint if it is there and of the same options."""
    file = options.checkpoint and f"{options.checkpoint}.{stage}.npz"
    own = settings(options, names, f"horizon, {stage}")
    found = restored(file, own)
    if found is None:
        found = make()
        keep_state(file, own, found)
    return found


def run(options: argparse.Namespace, report: Any = print) -> dict[str, Any]:
    """All six steps; what they found."""
    o, found = options, {}
    report("1  policy gradients")

    def learn() -> dict[str, Any]:
        ways = {
            "REINFORCE": lambda: reinforce(o.hidden, o.rounds, 16, o.seed, report),
            "actor-critic": lambda: actor_critic(o.hidden, 8 * o.rounds, 16, o.seed, report),
        }
        result: dict[str, Any] = {}
        for name, way in ways.items():
            curve = way()
            best = max(curve, key=lambda row: row[1])[0]
            result[name] = {"best": best, "curve": np.array([n for _, n in curve])}
        return result

    learned = kept(o, "policies", "hidden rounds seed", learn)
    for name, row in learned.items():
        found[name] = true_return(softmax_policy(row["best"], temperature=0.1), o.test, o.seed + 9)
        report(f"  {name}: mean return {found[name]:.1f}")
    behaviour = softmax_policy(learned["actor-critic"]["best"], floor=0.25)
    log = logged(behaviour, o.episodes, o.seed + 500)
    found["behaviour"] = float(log.episodes.lengths.mean())
    report(f"2  log: {log.episodes.alive.sum()} transitions, mean return {found['behaviour']:.1f}")
    report(f"3  features: mean {log.mean.round(2)}, spread {log.spread.round(2)}")
    report("4  Q-learning from the log")
    names = "hidden rounds episodes steps seed"
    params = kept(o, "q", names, lambda: q_learning(log, o.hidden, o.steps, o.seed, report))
    report("5  counterfactual evaluation, return discounted by 0.95 a step")
    new = greedy(params, log)
    found["table"] = {}
    for name, policy in {"cautious": mixed(behaviour, new, 0.3), "greedy": new}.items():
        rows, size = counterfactual(log, policy, o.hidden, o.fit, o.seed)
        truth = true_return(policy, o.test, o.seed + 77, EVALUATION)
        found["table"][name] = (rows, size, truth)
        report(f"  {name}: true {truth:.2f}; effective sample size after 20 steps {size:.0f}")
        for r in rows:
            report(f"    {r.name:20} {r.value:7.2f}   [{r.low:.2f}, {r.high:.2f}]")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(o.onnx or Path(folder) / "actor.onnx")
        state = play(behaviour, 8, o.seed).state[0]
        mg.onnx.export(Actor(params, log), path, state, output_names=["q", "action"])
        session = served(path)
        probe = log.episodes.state[log.episodes.alive][:2000]
        found["agree"] = float(np.mean(session(probe) == new(probe)))
        found["served"] = true_return(session, o.test, o.seed + 1234)
    report(f"6  served by ONNX Runtime: mean return {found['served']:.1f}")
    found["curves"] = {name: row["curve"] for name, row in learned.items()}
    return found


def draw(found: dict[str, Any], path: str) -> None:
    """Learning curves, and the estimates with their intervals beside the truth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, 3)
    for name, curve in found["curves"].items():
        axes[0].plot(np.linspace(0, 1, len(curve)), curve, label=name)
    axes[0].set(xlabel="share of the training", ylabel="mean length of an episode")
    axes[0].legend()
    for ax, (name, (rows, _, truth)) in zip(axes[1:], found["table"].items(), strict=True):
        for i, r in enumerate(rows):
            ax.errorbar([i], [r.value], [[r.value - r.low], [r.high - r.value]], fmt="o", capsize=4)
        ax.axhline(truth, color="black", linestyle="--", label="true return")
        ax.set_xticks(range(len(rows)), [r.name for r in rows], rotation=20, fontsize=8)
        ax.set(title=f"{name} policy", ylabel="discounted return", ylim=(5, 25))
        ax.legend()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run all steps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    whole = number(1, kind=int)
    for name, default in {
        "hidden": 64, "rounds": 50, "episodes": 200, "steps": 3000, "fit": 1500, "test": 100,
    }.items():  # fmt: skip
        parser.add_argument(f"--{name}", type=whole, default=default, help=f"({default})")
    parser.add_argument("--seed", type=number(0, kind=int), default=0, help="(0)")
    parser.add_argument("--checkpoint", metavar="PATH", help="keep each stage, or go on from there")
    parser.add_argument("--onnx", metavar="PATH", help="keep the model here")
    parser.add_argument("--plot", metavar="PATH", help="draw to this file")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    found = run(options)
    print(f"{time.perf_counter() - start:.0f} s")
    if options.plot:
        picture(lambda: draw(found, options.plot), options.plot)
    return found


if __name__ == "__main__":
    main()
