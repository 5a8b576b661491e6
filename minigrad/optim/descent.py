"""Gradient descent as a function: θ ← θ − α dJ/dθ, until there is a reason to stop.

``minimize`` takes the formulas of the optimisers and runs them on plain numbers and
arrays, nested as one likes.  All parameters are updated at once: every gradient is that
at the old values.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from minigrad.autodiff import value_and_grad
from minigrad.autodiff.call import array_of
from minigrad.data import locked
from minigrad.errors import label
from minigrad.optim.formulas import SGD
from minigrad.optim.history import History, Row
from minigrad.optim.optimisers import Optimiser, State, finite
from minigrad.optim.schedules import Schedule, rate_at
from minigrad.optim.stopping import Epochs, Progress, Rule
from minigrad.tensor import own
from minigrad.tree import flatten, tree_map
from minigrad.typing import Array, Function, Keywords, Random, Tree

SMALL = 100
"""Up to so many numbers, a history keeps the parameters of every step."""


def silently() -> Any:
    """Without NumPy's warnings: what is NaN or infinite is looked at, and told with its step."""
    return np.errstate(over="ignore", divide="ignore", invalid="ignore")


def start(x0: Array, who: str) -> Tree:
    """A private copy of ``x0``, in plain floating-point numbers and locked arrays.

    Raises
    ------
    TypeError, ValueError
        For parameters that are no floating-point numbers, or none at all.
    """
    if not flatten(x0)[0]:
        raise ValueError(f"{who}: x0 holds no parameters")
    return tree_map(lambda x: own(array_of(x), True), x0)


def keeps(x: Array, keep: bool | None) -> bool:
    """Whether a history shall keep the parameters."""
    return sum(np.size(v) for v in flatten(x)[0]) <= SMALL if keep is None else keep


def minimize(
    f: Function,
    x0: Array,
    lr: float | Schedule = 0.1,
    steps: int | None = None,
    momentum: float = 0.0,
    *,
    method: type[Optimiser] = SGD,
    stop: Rule | Iterable[Rule] = (),
    batches: Any = None,
    callback: Callable[[Progress], object] | None = None,
    progress: bool = True,
    keep: bool | None = None,
    client: Any = None,
    **options: Any,
) -> tuple[Tree, History]:
    """Minimise ``f`` by gradient descent, starting from ``x0``.

    Parameters
    ----------
    f : callable
        ``f(x)``, or ``f(x, *batch)`` with ``batches``, returns the loss: one number.
    x0 : number, array or Tensor, or nested dicts, lists and tuples of them
        Floating-point; copied.
    lr : float or schedule
        The learning rate α, or a function of the step (from 0).
    steps : int, optional
        At most so many updates: 1000 by default, without limit if ``stop`` has `Epochs`.
    momentum : float
        μ of `SGD`.
    method : class of optimiser
        Whose formula to use; ``options`` are its options (``nesterov=True``, say).
    stop : stopping rule, or several
        `Epochs`, `LossBelow`, `Patience`, `GradientNorm`, `Divergence`, or functions of
        a `Progress` that return a reason or None.  They are asked before every step, and
        what they stop at is what is returned; with batches, after every epoch.
    batches : iterable, optional
        Of tuples (or lists) of arguments for ``f``, or of single ones; iterated anew
        for every epoch (see `Batches`).  A function is called for one every epoch.
    callback : callable, optional
        Called with a `Progress` before every update.
    progress : bool
        Show a bar, if standard error is a terminal and tqdm is installed.
    keep : bool, optional
        Whether the history keeps parameters and updates: by default for at most 100
        numbers.
    client : distributed.Client, int or mg.parallel.value_and_grad, optional
        Where to compute loss and gradient: see `minigrad.parallel`.  Each of ``batches`` is then
        data in parts, ``[(X, y)]`` with Dask arrays, say; the loss is the mean over examples.

    Returns
    -------
    x : Any
        The parameters in the structure of ``x0``, in plain numbers and arrays.
    history : History
        With the reason for the end in ``history.reason``.

    Raises
    ------
    TypeError, ValueError
        For parameters, rates, options or batches that make no sense.

    Warns
    -----
    RuntimeWarning
        When the loss, or what a step makes of the parameters, is NaN or infinite.  The
        descent stops there, and returns the last parameters at which it was not.

    Examples
    --------
    >>> import minigrad as mg
    >>> x, history = mg.optim.minimize(
    ...     lambda p: (p["a"] - 1) ** 2 + (p["b"] + 2) ** 2,
    ...     {"a": 0.0, "b": 0.0},
    ...     stop=[mg.optim.LossBelow(1e-6)],
    ... )
    >>> print(f"{x['a']:.3f} {x['b']:.3f}")
    1.000 -1.999
    >>> history.reason
    'the loss 8.22752e-07 is below 1e-06 at step 36'
    """
    if not callable(f):
        raise TypeError(f"minimize: f must be a function, not {label(f)}")
    if not (isinstance(method, type) and issubclass(method, Optimiser)):
        raise TypeError(f"minimize: method must be a class of optimiser, not {label(method)}")
    rules: list[Rule] = [stop] if callable(stop) else list(stop)
    for rule in rules:
        if not callable(rule):
            raise TypeError(f"minimize: {label(rule)} is no stopping rule, which is a function")
    if steps is None:
        steps = sys.maxsize if any(isinstance(rule, Epochs) for rule in rules) else 1000
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"minimize: steps must be a whole number of at least 1, not {steps!r}")
    if momentum:
        options["momentum"] = momentum
    options = method.checked(lr=lr, **options)
    others = {k: v for k, v in options.items() if k != "lr"}
    x = start(x0, "minimize")
    evaluate = value_and_grad(f) if client is None else distributed(f, client, batches)
    descent = _Descent(
        evaluate, method, options, steps, rules, batches, callback, Progress(x),
        History(plain=method is SGD and not any(others.values())), keeps(x, keep),
        _bar(steps) if progress else None, client is not None,
    )  # fmt: skip
    try:
        descent.history.reason = descent.run()
    finally:
        if descent.bar is not None:
            descent.bar.close()
    return descent.now.x, descent.history


def distributed(f: Function, client: Any, batches: Any) -> Function:
    """``value_and_grad(f)`` over data in parts."""
    from minigrad import parallel

    if batches is None:
        raise TypeError(
            "minimize: with client=, the data are batches in parts: batches=[(X, y)] with Dask "
            "arrays, or batches=[[part, part, ...]]"
        )
    if isinstance(client, parallel.Parallel):
        return client
    return parallel.value_and_grad(f, client)


@dataclass
class _Descent:
    """One run of ``minimize``."""

    evaluate: Callable[..., tuple[Any, Any]]
    method: type[Optimiser]
    options: Keywords
    steps: int
    rules: list[Rule]
    batches: Any
    callback: Callable[[Progress], object] | None
    now: Progress
    history: History
    keep: bool
    bar: Any
    parts: bool

    def run(self) -> str:
        """Descend; returns the reason for the end."""
        now, full = self.now, self.batches is None
        leaves, rebuild = flatten(now.x)
        states: list[State] = [{} for _ in leaves]
        good = now.x
        while True:
            now.epoch += 1
            total, count = 0.0, 0
            for batch in self.epoch():
                now.step += 1
                now.lr = rate_at(self.options["lr"], now.step - 1)
                count += 1
                self.look(batch, count)
                if not math.isfinite(now.loss):
                    now.x = good
                    return self.failed(f"the loss is {now.loss:g}", count)
                good = now.x
                total += now.loss
                if full and (reason := self.verdict(now.loss)):
                    self.record(None)
                    return reason
                gradients = flatten(now.gradient)[0]
                options = {**self.options, "lr": now.lr}
                with silently():
                    updates = [
                        self.method.delta(v, g, s, **options)
                        for v, g, s in zip(leaves, gradients, states)
                    ]
                    leaves = [locked(v - u) for v, u in zip(leaves, updates)]
                if not all(map(finite, leaves)):
                    which = "update" if all(map(finite, gradients)) else "gradient"
                    return self.failed(f"the {which} is not finite", count)
                self.record(rebuild(updates))
                if self.callback is not None:
                    self.callback(replace(now))
                now.x = rebuild(leaves)
                if now.step == self.steps:
                    return f"{now.step} steps are done"
            if not count:
                raise ValueError(
                    f"minimize: the batches gave none in epoch {now.epoch}: a generator can be "
                    "used once; pass a list, mg.optim.Batches, or a function that makes one"
                )
            if full:
                reason = next((r(now) for r in self.rules if isinstance(r, Epochs)), None)
            else:
                reason = self.verdict(total / count)
            if reason:
                return reason
            if not full and isinstance(self.batches, Iterator):
                return f"the batches ran out after {now.step} steps"

    def epoch(self) -> Iterable[Any]:
        """The batches of one epoch; a single one, of nothing, without batches."""
        if self.batches is None:
            return [()]
        found = self.batches() if callable(self.batches) else self.batches
        if not isinstance(found, Iterable):
            raise TypeError(f"minimize: batches={label(found)} cannot be iterated")
        return found

    def look(self, batch: object, count: int) -> None:
        """Loss and gradient where we are."""
        now = self.now
        parts = isinstance(batch, list) and self.parts
        arguments = (batch,) if parts or not isinstance(batch, tuple | list) else batch
        try:
            with silently():
                loss, now.gradient = self.evaluate(now.x, *arguments)
        except Exception as error:
            if self.batches is not None and not self.parts:
                shapes = ", ".join(str(np.shape(a)) for a in arguments)
                error.add_note(f"in batch {count} of epoch {now.epoch}, of shapes {shapes}")
            raise
        now.loss = float(np.ravel(loss)[0])

    def verdict(self, loss: float) -> str | None:
        """The first reason that a rule has to stop, ``loss`` being that of the epoch."""
        now = self.now
        now.losses.append(loss)
        now.lowest.append(min(loss, now.lowest[-1]) if now.lowest else loss)
        # Every rule is asked, also behind one that has a reason: some only watch.
        reasons = [(rule, rule(replace(now, loss=loss))) for rule in self.each_epoch]
        for rule, found in reasons:
            if found:
                return found if isinstance(found, str) else f"{label(rule)} says so"
        return None

    @property
    def each_epoch(self) -> list[Rule]:
        """The rules; without batches Epochs is asked after the step, not before it."""
        full = self.batches is None
        return [rule for rule in self.rules if not (full and isinstance(rule, Epochs))]

    def failed(self, what: str, count: int) -> str:
        """Warn that there is no way on; returns the reason."""
        now = self.now
        where = "" if self.batches is None else f" (batch {count} of epoch {now.epoch})"
        reason = (
            f"{what} at step {now.step}{where}, with the learning rate {now.lr:g}; "
            "the parameters are the last good ones (mg.debug() finds where a NaN comes from)"
        )
        self.record(None)
        warnings.warn(f"minimize: {reason}", RuntimeWarning, stacklevel=4)
        return reason

    def record(self, update: Tree) -> None:
        """Append the row of this step."""
        now = self.now
        theta = now.x if self.keep else None
        kept = update if self.keep else None
        self.history.rows.append(Row(now.step, now.epoch, theta, kept, now.loss))
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {now.loss:.6g}", refresh=False)
            self.bar.update()


def _bar(steps: int) -> Any:
    """A bar of tqdm's, where someone would see it."""
    if not sys.stderr.isatty():
        return None
    try:
        tqdm = import_module("tqdm").tqdm
    except ImportError:
        return None
    return tqdm(total=steps if steps < sys.maxsize else None, leave=False)


class Batches:
    """Arrays in batches: iterated once per epoch, in a new order if ``rng`` is given.

    Parameters
    ----------
    *arrays : arrays
        Examples along the first axis, as many in each.
    size : int
        Examples per batch; the last batch of an epoch may have fewer.
    rng : numpy Generator or seed, optional
        Shuffles the examples anew for every epoch.

    Raises
    ------
    ValueError
        For arrays of different lengths, empty ones, none, or a size below 1.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> for x, y in mg.optim.Batches(np.arange(5.0), np.arange(5) % 2, size=2):
    ...     print(x, y)
    [0. 1.] [0 1]
    [2. 3.] [0 1]
    [4.] [0]
    """

    def __init__(self, *arrays: Any, size: int = 32, rng: Random = None) -> None:
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"Batches: size must be a whole number of at least 1, not {size!r}")
        lengths = {len(a) if np.ndim(a) else 0 for a in arrays}
        if len(lengths) != 1 or lengths == {0}:
            given = " and ".join(f"{label(a)} {np.shape(a)}" for a in arrays) or "nothing"
            raise ValueError(
                f"Batches: arrays must have as many examples along the first axis; got {given}"
            )
        self.arrays: list[Any] = [np.asarray(a) for a in arrays]
        self.size = size
        self.rng: np.random.Generator | None = None if rng is None else np.random.default_rng(rng)

    def __len__(self) -> int:
        return -(-len(self.arrays[0]) // self.size)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        m = len(self.arrays[0])
        order = np.arange(m) if self.rng is None else self.rng.permutation(m)
        for i in range(0, m, self.size):
            chosen = order[i : i + self.size] if self.rng is not None else slice(i, i + self.size)
            yield tuple(a[chosen] for a in self.arrays)
