"""Finite differences that choose their own step, and a verdict on a gradient.

Along every direction the central difference is taken at a ladder of steps and extrapolated
(Ridders, 1982); the table of extrapolations carries its own error estimate, and rounding adds
another.  So the check knows how much it knows: it calls a gradient wrong only where the difference
exceeds the error of the differences, and says when it cannot tell.  One-sided slopes that stay
apart however small the step are a kink.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np

from minigrad.autodiff import gradients
from minigrad.data import CONTINUOUS
from minigrad.differences import Ladder, extrapolate, one_sided
from minigrad.errors import label
from minigrad.graph import ancestors, no_grad
from minigrad.tensor import Tensor, plainly
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Shape, Tree

FEW = 200
"""Arguments of up to so many elements are checked one by one, larger ones at random."""
ROUNDED = 32
"""Units of rounding by which two runs may differ: recorded rules round otherwise than NumPy."""


# --- the verdict -----------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """The worst entry of the gradient of one array.

    Attributes
    ----------
    name : str
        Which array.
    index : tuple of int
        Where in it.
    autodiff, numeric : float
        The two values of the derivative there; for a function of several outputs, of
        their sum with random weights.
    uncertainty : float
        Error estimate of ``numeric``.
    verdict : str
        Of this array alone.
    note : str
        What the differences showed, for kinks and where nothing can be said.
    """

    name: str
    index: Shape
    autodiff: float
    numeric: float
    uncertainty: float
    verdict: str
    note: str = ""

    def __str__(self) -> str:
        place = f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name
        text = (
            f"{self.verdict}: {place}: autodiff {self.autodiff:.10g}, "
            f"finite differences {self.numeric:.10g} ± {self.uncertainty:.1g}"
        )
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True)
class GradCheck:
    """What `gradcheck` found; truthy when the gradient is correct.

    Attributes
    ----------
    verdict : {"correct", "wrong", "kink", "inconclusive"}
        Of the whole: the worst of the rows.
    rows : list of Entry
        One per array, with its worst entry.
    order : int
        The highest order of derivative that was checked.
    """

    verdict: str
    rows: list[Entry] = field(default_factory=list)
    order: int = 1

    @property
    def ok(self) -> bool:
        """Whether the gradient is correct."""
        return self.verdict == "correct"

    def __bool__(self) -> bool:
        return self.ok

    @property
    def worst(self) -> Entry | None:
        """The row that decided the verdict."""
        return min(self.rows, key=lambda row: _RANK.index(row.verdict), default=None)

    def __str__(self) -> str:
        head = f"gradcheck (order {self.order}): {self.verdict}"
        return "\n".join([head, *(f"  {row}" for row in self.rows)])

    __repr__ = __str__


_RANK = ["wrong", "kink", "inconclusive", "correct"]


def gradcheck(
    f: Function,
    *args: Tree,
    order: int = 1,
    rtol: float | None = None,
    atol: float = 0.0,
    seed: int = 0,
) -> GradCheck:
    """Hold the gradient of ``f`` at ``args`` against finite differences.

    Parameters
    ----------
    f : callable
        Of arrays or nested structures of them, with an output of any shape.
    *args
        Where; every floating-point array and number in them is checked, of complex ones
        the real and the imaginary parts (a last index 0 and 1).
    order : {1, 2}
        2 also holds the second derivatives against differences of the first.
    rtol, atol : float
        Differences up to ``rtol`` relative, ``atol`` absolute are taken for rounding,
        beyond the error that the finite differences estimate for themselves.  By
        default ``rtol`` is 1e-7 for float64 and 1e-3 for float32.  A derivative too
        small to be seen beside the largest one, or beside the rounding of the function,
        is taken for right.
    seed : int
        Of the weights of the outputs, and of the directions in large arrays.

    Returns
    -------
    GradCheck
        Truthy when correct.  ``kink``: the function has no derivative here (and the gradient, if
        between the one-sided slopes, is fair).  ``inconclusive``: noisy or infinite differences.

    Raises
    ------
    ValueError
        For another order than 1 and 2.
    TypeError
        For what is no function, and for one without a number to differentiate.

    Examples
    --------
    >>> import minigrad as mg
    >>> print(mg.gradcheck(lambda x: x**3, 2.0))
    gradcheck (order 1): correct
      correct: x: autodiff 12, finite differences 12 ± ...
    >>> mg.gradcheck(mg.relu, 0.0).verdict
    'kink'
    """
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, not {order}")
    if not callable(f):
        raise TypeError(f"gradcheck takes a function, not {label(f)}: mg.gradcheck(f, x)")
    problem = _Problem(f, args, seed)
    with np.errstate(all="ignore"):
        rows = problem.check(problem.outputs, rtol, atol)
        if order == 2:
            rows += [
                replace(row, name=f"second derivative, {row.name}")
                for row in problem.check(problem.slopes, rtol, atol)
            ]
    verdict = min((row.verdict for row in rows), key=_RANK.index, default="correct")
    return GradCheck(verdict, rows, order)


# --- what is checked -------------------------------------------------------------------


class _Problem:
    """``f`` at its arguments, as functions of a flat list of arrays."""

    def __init__(self, f: Function, args: tuple[Array, ...], seed: int) -> None:
        self.f = f
        found, self.rebuild = flatten(list(args))
        self.found = [
            float(x) if isinstance(x, int) and not isinstance(x, bool) else plainly(x)
            for x in found
        ]
        self.free = [
            i
            for i, x in enumerate(self.found)
            if isinstance(x, float | complex)
            or getattr(getattr(x, "dtype", None), "kind", "?") in CONTINUOUS
        ]
        self.kinds = [np.asarray(self.found[i]) for i in self.free]
        self.point = [as_real(x) for x in self.kinds]
        self.seed = seed
        self.names = _names(f, args)
        if not self.free:
            raise TypeError("gradcheck: no floating-point argument to differentiate by")

    def call(self, xs: list[Tensor]) -> list[Array]:
        values = list(self.found)
        for i, x, kind in zip(self.free, xs, self.kinds, strict=True):
            values[i] = x if kind.dtype.kind != "c" else x[..., 0] + 1j * x[..., 1]
        return flatten(self.f(*self.rebuild(values)))[0]

    def outputs(self, xs: list[Tensor]) -> list[Array]:
        """What ``f`` returns that has a derivative."""
        found = [np.asarray(y) if type(y) in (float, complex) else y for y in self.call(xs)]
        found = [y for y in found if getattr(getattr(y, "dtype", None), "kind", "?") in CONTINUOUS]
        found = [part for y in found for part in real_parts(y)]
        if not found:
            name = getattr(self.f, "__name__", "the function")
            raise TypeError(f"gradcheck: {name} returns no floating-point number to differentiate")
        return found

    def slopes(self, xs: list[Tensor]) -> list[Tensor]:
        """The gradient of the weighted outputs, as Tensors."""
        total, _ = self.weighted(self.outputs, xs)
        if not isinstance(total, Tensor) or total.node is None:
            return [x * 0 for x in xs]
        return list(gradients(total, xs, create_graph=True))

    def weighted(
        self, g: Callable[[list[Array]], list[Array]], xs: list[Array]
    ) -> tuple[Tensor, float]:
        """One number of all outputs of ``g``, and the size of its summands."""
        rng = np.random.default_rng(self.seed)
        total: Array = 0.0
        size = 0.0
        found = g(xs)
        if len(found) == 1 and np.size(plainly(found[0])) == 1:
            return found[0].sum(), float(np.sum(np.abs(plainly(found[0]))))
        for y in found:
            w = rng.uniform(0.5, 1.5, np.shape(y)) * rng.choice([-1.0, 1.0], np.shape(y))
            total = total + (y * np.asarray(w, y.dtype)).sum()
            size += float(np.sum(np.abs(plainly(y) * w)))
        return total, size

    def check(
        self, g: Callable[[list[Array]], list[Array]], rtol: float | None, atol: float
    ) -> list[Entry]:
        xs = [Tensor(x, requires_grad=True) for x in self.point]
        total, size = self.weighted(g, xs)
        if isinstance(total, Tensor) and total.node is not None:
            exact = [np.asarray(d, float) for d in gradients(total, xs)]
        else:
            exact = [np.zeros(x.shape) for x in self.point]
        eps = float(np.finfo(total.dtype if hasattr(total, "dtype") else float).eps)
        eps = max([eps, *(float(np.finfo(x.dtype).eps) for x in self.point)])
        if rtol is None:
            rtol = 1e-7 if eps < 1e-10 else 1e-3
        share = 5e-5 if eps < 1e-10 else 5e-2
        eps = max(eps, coarsest(total))
        second = g == self.slopes

        def value(points: list[Array]) -> float:
            """The weighted outputs, without recording more than their computation needs."""
            ts = [Tensor(p, requires_grad=second) for p in points]
            with nullcontext() if second else no_grad():
                return float(plainly(self.weighted(g, ts)[0]))

        again, once = value(self.point), float(plainly(total))
        same = again == once or abs(again - once) <= ROUNDED * eps * size or math.isnan(again)
        peak = max(
            (float(np.max(np.abs(d[np.isfinite(d)]), initial=0.0)) for d in exact), default=0.0
        )
        rows = []
        for i, x in enumerate(self.point):
            line = _Line(value, self.point, i, eps, size, peak, share)
            if not same:
                rows.append(
                    Entry(self.names[i], (), math.nan, math.nan, math.inf, "inconclusive",
                        "the function returns different values for the same arguments")
                )  # fmt: skip
                continue
            if x.size:
                rows.append(self.worst(line, exact[i], x, rtol, atol, i))
        return rows

    def worst(self, line: _Line, exact: Array, x: Array, rtol: float, atol: float, i: int) -> Entry:
        """The row of one array: its elements one by one, or directions narrowed down."""
        rows = []
        if x.size <= FEW:
            chosen = [*range(x.size)]
        else:
            rng = np.random.default_rng(self.seed + 1)
            chosen = [int(k) for k in rng.choice(x.size, 16, replace=False)]
            for _ in range(8):
                signs = rng.choice([-1.0, 1.0], x.size)
                part = np.arange(x.size)
                if line.judge(exact, part, signs, rtol, atol)[0] in ("correct", "inconclusive"):
                    continue
                while part.size > 1:  # halve towards the element that is most wrong
                    halves = np.array_split(part, 2)
                    gaps = [line.judge(exact, half, signs, rtol, atol)[4] for half in halves]
                    part = halves[int(np.argmax(gaps))]
                chosen.append(int(part[0]))
        for k in chosen:
            verdict, a, d, err, gap, note = line.judge(
                exact, np.array([k]), np.ones(x.size), rtol, atol
            )
            index = tuple(int(j) for j in np.unravel_index(k, x.shape))
            entry = Entry(self.names[i], index, a, d, err, verdict, note)
            rows.append((_RANK.index(verdict), -gap, entry))
        return min(rows, key=lambda r: r[:2])[2]


def coarsest(total: Array) -> float:
    """Relative precision of the coarsest numbers that ``total`` was computed through."""
    if not isinstance(total, Tensor) or total.node is None:
        return 0.0
    dtypes = {getattr(node.ans, "dtype", np.dtype(float)) for node in ancestors(total.node)}
    return max((float(np.finfo(d).eps) for d in dtypes if d.kind in CONTINUOUS), default=0.0)


def as_real(x: Array) -> Array:
    """Complex numbers as pairs of real ones, along a new last axis."""
    return x if x.dtype.kind != "c" else np.stack([x.real, x.imag], -1)


def real_parts(y: Array) -> list[Tensor]:
    """What is real of an output: its real and its imaginary part."""
    return [np.real(y), np.imag(y)] if y.dtype.kind == "c" else [y]


def _names(f: Function, args: tuple[Array, ...]) -> list[str]:
    """What to call each floating-point leaf of the arguments."""
    try:
        found = inspect.signature(f).parameters.values()
        parameters = [p.name for p in found if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        parameters = []
    parameters = list(getattr(f, "parameters", parameters))
    names = []
    for k, arg in enumerate(args):
        base = parameters[k] if k < len(parameters) else f"argument {k}"
        leaves = flatten(arg)[0]
        for j, x in enumerate(leaves):
            number = isinstance(x, int | float | complex) and not isinstance(x, bool)
            if number or getattr(getattr(x, "dtype", None), "kind", "?") in CONTINUOUS:
                names.append(base if len(leaves) == 1 else f"{base}, leaf {j}")
    return names


# --- one direction ---------------------------------------------------------------------


@dataclass
class _Line:
    """The function along lines through the point, one array moving."""

    value: Callable[[list[Array]], float]
    point: list[Array]
    i: int
    eps: float
    size: float
    peak: float
    share: float

    def __post_init__(self) -> None:
        reach = max(1.0, float(np.max(np.abs(self.point[self.i]), initial=0.0)))
        self.floor = 4 * self.eps * self.size / reach

    def judge(
        self, exact: Array, part: Array, signs: Array, rtol: float, atol: float
    ) -> tuple[str, float, float, float, float, str]:
        """Verdict, both derivatives, their uncertainty and gap, and a note."""
        x = self.point[self.i]
        direction = np.zeros(x.size)
        direction[part] = signs[part]
        a = float(np.dot(exact.ravel(), direction))
        ladder = self.ladder(direction, part)
        d, err = extrapolate(ladder, self.eps, self.size)
        gap = abs(a - d) if math.isfinite(a) and math.isfinite(d) else math.inf
        # A jump or a kink first: a central difference is blind to both.
        broken = one_sided(ladder, self.eps, self.size)
        if broken is not None:
            left, right, note = broken
            low, high = sorted((left, right))
            slack = 1e-3 * max(abs(low), abs(high)) + atol
            if math.isfinite(a) and low - slack <= a <= high + slack:
                return "kink", a, d, abs(high - low), gap, note
            if "jumps" in note:
                return "kink", a, d, math.inf, gap, note
            return "wrong", a, d, err, gap, f"{note}, and the gradient is not between them"
        if not math.isfinite(d):
            return "inconclusive", a, d, math.inf, 0.0, "the function is not finite around here"
        if not math.isfinite(a):
            return "wrong", a, d, err, math.inf, "the gradient is not finite, the differences are"
        scale = max(abs(a), abs(d))
        if gap <= rtol * scale + atol or scale <= self.floor:
            return "correct", a, d, err, gap, ""
        if gap > 10 * err + rtol * scale + atol:
            return "wrong", a, d, err, gap, ""
        # An entry too small to be seen beside the largest does not spoil the verdict.
        if 10 * err <= self.share * max(scale, self.peak):
            return "correct", a, d, err, gap, ""
        return "inconclusive", a, d, err, gap, "the differences are too noisy to decide"

    def ladder(self, direction: Array, part: Array) -> Ladder:
        """Steps, large to small, with the function at minus the step, here, and at plus."""
        x = self.point[self.i]
        near = np.abs(x.ravel()[part]).astype(float)
        low, high = float(near.min()), float(near.max())
        top = 0.02 * max(high, 1.0)
        bottom = 2e-7 * (min(low, 1.0) if low > 1e-30 else 1.0)
        finest = 64 * float(np.finfo(x.dtype).eps) * high
        here = self.value(self.point)
        rungs: Ladder = []
        finite = 0
        for k in range(60):
            h = top / 4.0**k
            # Beside the edge of the domain only the finest steps stay inside.
            if k >= 6 and (h < finest or (h < bottom and finite >= 6) or h < 1e-3 * finest):
                break
            plus, minus = self.moved(direction, h), self.moved(direction, -h)
            j = int(part[0])
            ahead = abs(float(plus.ravel()[j]) - float(x.ravel()[j]))
            behind = abs(float(minus.ravel()[j]) - float(x.ravel()[j]))
            if ahead == 0 or behind == 0:
                break
            up = self.value([*self.point[: self.i], plus, *self.point[self.i + 1 :]])
            down = self.value([*self.point[: self.i], minus, *self.point[self.i + 1 :]])
            finite += math.isfinite(up) and math.isfinite(down)
            # The steps that floating-point numbers allow are not exactly those asked for.
            slope = (up - here) / ahead, (here - down) / behind
            h = (ahead + behind) / 2
            rungs.append((h, here - slope[1] * h, here, here + slope[0] * h))
        return rungs

    def moved(self, direction: Array, h: float) -> Array:
        x = self.point[self.i]
        return (x + (h * direction).reshape(x.shape)).astype(x.dtype)
