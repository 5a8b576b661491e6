"""A perceptron trained on data larger than the memory of the workers that train it.

Horizon (J. Gauci et al., 2018) trains on Spark; here the engine is Dask.  Each part of the
data is drawn where it is used, from its number, as if it were read from a file: 1 GB in
parts of 20 MB, for workers of 400 MiB each.  A step sends the parameters out, takes value and
gradient of every part, and adds them up in a tree.  A model of the costs, calibrated on
one process, is checked on one and two, and says what to expect of more.

Run it with ``python examples/scale_out.py --plot scaling.png``.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gradient_descent_classifier import number, picture
from workbench import keep_state, restored, settings

import minigrad as mg


def part(i: int, examples: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Part ``i`` of the data: inputs, and what a perceptron that nobody knows says of them."""
    rng = np.random.default_rng((seed, i))
    x = rng.standard_normal((examples, features))
    teacher = np.random.default_rng((seed, 2**31)).standard_normal((features, 4))
    y = np.tanh(x @ teacher / math.sqrt(features)).sum(axis=1)
    return x, y + 0.1 * rng.standard_normal(examples)


def first(features: int, hidden: int, seed: int) -> dict[str, np.ndarray]:
    """The parameters at the start."""
    rng = np.random.default_rng(seed)
    return {
        "W": rng.standard_normal((features, hidden)) / math.sqrt(features),
        "b": np.zeros(hidden),
        "v": rng.standard_normal(hidden) / math.sqrt(hidden),
    }


def loss(p: Any, x: Any, y: Any) -> Any:
    """The mean squared error of one hidden layer."""
    return ((np.tanh(x @ p["W"] + p["b"]) @ p["v"] - y) ** 2).mean()


@dataclass
class Costs:
    """What a step costs, in seconds, measured on one process.

    Attributes
    ----------
    part : float
        Drawing one part, and its value and gradient.
    task : float
        Planning, sending and finishing one task, which the scheduler does one by one.
    bytes : int
        Of the parameters, and so of a gradient.
    bandwidth : float
        Bytes per second between machines.
    fan : int
        Gradients that are added up in one task.
    """

    part: float
    task: float
    bytes: int
    bandwidth: float = 1e9
    fan: int = 8

    def step(self, workers: int, parts: int) -> float:
        """Parts in turns, all tasks through the scheduler, and gradients up a tree.

        ``⌈parts / workers⌉ · part + tasks · task + (levels · fan + log₂ workers) · bytes /
        bandwidth``
        """
        levels = max(1, math.ceil(math.log(max(parts, 2), self.fan)))
        moved = (levels * self.fan + math.log2(max(workers, 2))) * self.bytes / self.bandwidth
        tasks = parts * (2 + 1 / (self.fan - 1))
        return math.ceil(parts / workers) * self.part + tasks * self.task + moved


def measured(client: Any, shape: tuple[int, int], p: Any, seed: int) -> Costs:
    """The costs of a part and of a task, each the median of a few."""
    evaluate = mg.value_and_grad(loss)
    evaluate(p, *part(0, *shape, seed))
    of_part = seconds(lambda: evaluate(p, *part(0, *shape, seed)), 3)
    task = seconds(lambda: client.gather(client.map(abs, range(-100, 0), pure=False)), 1) / 100
    return Costs(of_part, task, sum(x.nbytes for x in p.values()))


def by_hand(client: Any, p: Any, tasks: int, shape: tuple[int, int], seed: int) -> float:
    """A step as one writes it with Dask alone; the loss."""

    def one(p: Any, i: int) -> Any:
        return mg.value_and_grad(loss)(p, *part(i, *shape, seed))

    [sent] = client.scatter([p], broadcast=True, hash=False)
    found = client.gather([client.submit(one, sent, i, pure=False) for i in range(tasks)])
    return float(np.mean([value for value, _ in found]))


def arrays_inside(p: Any, data: Any, shape: tuple[int, int]) -> float:
    """A step on Tensors that hold Dask's arrays, blocks and all; the loss.

    The gradient is one graph over all blocks, and what its tasks need of each other moves.
    """
    import dask
    import dask.array as da

    pairs = [dask.delayed(tuple, nout=2)(d) for d in data]
    x = da.concatenate([da.from_delayed(a, shape, float) for a, _ in pairs])
    y = da.concatenate([da.from_delayed(b, shape[:1], float) for _, b in pairs])
    value, gradient = dask.compute(*mg.value_and_grad(loss)(p, x, y))
    assert all(np.isfinite(g).all() for g in gradient.values())
    return float(value)


def sent(client: Any) -> int:
    """Bytes that all workers have sent to each other."""
    each = client.run(lambda dask_worker: dask_worker.transfer_outgoing_bytes_total)
    return sum(each.values())


def train(step: Any, p: Any, data: Any, options: argparse.Namespace, report: Any) -> list[float]:
    """Gradient descent, resumed from the checkpoint if it is there; all losses."""
    losses: list[float] = []
    keep = options.checkpoint
    own = settings(options, "examples part features hidden lr seed", "scale_out")
    if state := restored(keep, own):
        p, losses = state["p"], list(state["losses"])
        report(f"{len(losses)} steps are in {keep}: going on")
    for i in range(len(losses), options.steps):
        start = time.perf_counter()
        value, gradient = step(p, data)
        p = {name: p[name] - options.lr * gradient[name] for name in p}
        losses.append(float(value))
        report(f"step {i + 1:3}   loss {value:.5f}   {time.perf_counter() - start:6.2f} s")
        keep_state(keep, own, {"p": p, "losses": np.array(losses)})
    return losses


@dataclass
class Row:
    """One line of the table: seconds per step, the most MiB, bytes between workers per step."""

    workers: int
    measured: float
    expected: float
    hand: float
    peak: float
    moved: float
    in_arrays: float


def scaled(
    options: argparse.Namespace, p: Any, report: Any = print
) -> tuple[list[Row], list[float], Costs]:
    """Training on as many processes as asked for, and the table from one on."""
    import dask
    from dask.distributed import Client

    shape = (options.part, options.features)
    tasks = options.examples // options.part
    data = [dask.delayed(part)(i, *shape, options.seed) for i in range(tasks)]
    rows, losses, costs = [], [], None
    for workers in range(1, options.workers + 1):
        # Threads share one process, whose other memory would make a limited worker pause.
        limit = 0 if options.threads else options.memory
        with Client(
            n_workers=workers, threads_per_worker=1, memory_limit=limit,
            dashboard_address=None, processes=not options.threads,
        ) as client:  # fmt: skip
            client.run(os.getpid)
            costs = costs or measured(client, shape, p, options.seed)
            step = mg.parallel.value_and_grad(loss, client)
            step(p, data)  # so that the workers have imported all they need
            report(f"{workers} of {options.workers} workers: measuring", file=sys.stderr)
            before = sent(client)
            step(p, data)
            moved = sent(client) - before
            ours, hand = in_turn(
                [
                    lambda f=step: f(p, data),
                    lambda c=client: by_hand(c, p, tasks, shape, options.seed),
                ],
                options.repeats,
            )
            memory = max(client.run(peak).values()) / 2**20
            inside = float("nan")
            if options.arrays:
                before = sent(client)
                arrays_inside(p, data, shape)
                inside = sent(client) - before
            expected = costs.step(workers, tasks)
            rows.append(Row(workers, ours, expected, hand, memory, moved, inside))
            if workers == options.workers:
                losses = train(step, p, data, options, report)
    assert costs is not None
    return rows, losses, costs


def seconds(call: Any, repeats: int) -> float:
    """The median time that a call takes."""
    return in_turn([call], repeats)[0]


def in_turn(calls: Sequence[Any], repeats: int) -> list[float]:
    """The median time that each call takes, one after the other, over and over."""
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, times in zip(calls, found):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [float(np.median(times)) for times in found]


def peak() -> int:
    """The most memory that this process has had, in bytes; 0 where nobody knows."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def draw(rows: list[Row], costs: Costs, losses: list[float], tasks: int, path: str) -> None:
    """Seconds per step over machines, as measured and as expected; the losses."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    many = np.unique(np.geomspace(1, 1000, 60).astype(int))
    left.loglog(many, [costs.step(int(n), tasks) for n in many], label="expected")
    left.loglog([r.workers for r in rows], [r.measured for r in rows], "o", label="measured")
    left.set(xlabel="workers", ylabel="seconds per step")
    left.grid(alpha=0.3)
    left.legend()
    right.plot(range(1, len(losses) + 1), losses, "o-")
    right.set(xlabel="step", ylabel="loss")
    right.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> tuple[list[Row], list[float]]:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    whole = number(1, kind=int)
    for name, default in {
        "workers": 2, "examples": 1_000_000, "part": 20_000, "features": 128, "hidden": 32,
        "steps": 5, "repeats": 3,
    }.items():  # fmt: skip
        parser.add_argument(f"--{name}", type=whole, default=default, help=f"({default:,})")
    parser.add_argument("--lr", type=number(0, open_=True), default=0.05, help="(0.05)")
    parser.add_argument("--memory", default="400MiB", help="of each worker (400MiB)")
    parser.add_argument("--seed", type=number(0, kind=int), default=0, help="(0)")
    parser.add_argument("--threads", action="store_true", help="workers in this process")
    parser.add_argument("--arrays", action="store_true", help="beside Dask arrays in Tensors")
    parser.add_argument("--checkpoint", metavar="PATH", help="keep the training here, or go on")
    parser.add_argument("--plot", metavar="PATH", help="draw the scaling to this file")
    options = parser.parse_args(arguments)
    p = first(options.features, options.hidden, options.seed)
    size = options.examples * options.features * 8 / 1e9
    tasks = options.examples // options.part
    print(f"{size:.2f} GB in {tasks} parts; {options.workers} workers of {options.memory}")
    rows, losses, costs = scaled(options, p)
    arrays = "   arrays in Tensors" if options.arrays else ""
    print(f"\nworkers   s/step   expected   by hand   most memory   moved per step{arrays}")
    for r in rows:
        inside = f"{r.in_arrays / 1e6:17.2f} MB" if options.arrays else ""
        print(
            f"{r.workers:7}{r.measured:9.2f}{r.expected:11.2f}{r.hand:10.2f}{r.peak:10.0f} MiB"
            f"{r.moved / 1e6:14.3f} MB{inside}"
        )
    for n in (10, 1000):
        print(f"{n:7}        –{costs.step(n, tasks):11.2f}")
    if options.plot:
        picture(lambda: draw(rows, costs, losses, tasks, options.plot), options.plot)
    return rows, losses


if __name__ == "__main__":
    main()
