"""Four pictures that explain a descent: the loss, the path, the boundary, the activation.

Every function draws into the Axes that it is given, or into one of a new figure, and
returns it: titles, limits and files are matplotlib's business.  Values come from calling
the user's own functions on plain arrays, slopes from differentiating them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad.autodiff import grad
from minigrad.errors import label as called
from minigrad.errors import needed
from minigrad.graph import no_grad
from minigrad.tree import flatten
from minigrad.typing import Array, Function

__all__ = ["activation", "decision_boundary", "descent", "loss"]


def __dir__() -> list[str]:
    return __all__


CURVES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
"""Okabe and Ito's colours, told apart by the colour-blind and on grey paper."""
DASHES = ["-", "--", "-.", ":"]
MARKERS = "osD^vP"
GRID: dict[str, object] = {"color": "#888888", "alpha": 0.25, "linewidth": 0.8}


def _axes(ax: Any, name: str) -> Any:
    if ax is not None:
        return ax
    how = f"plots.{name} draws with matplotlib, which is not installed: pip install 'minigrad[viz]'"
    pyplot = needed("matplotlib.pyplot", how)
    return pyplot.subplots(figsize=(5.6, 4.0), layout="constrained")[1]


def _finish(ax: Any, xlabel: str, ylabel: str) -> Any:
    """What a picture has once, however many curves are drawn into it."""
    ax.set_axisbelow(True)
    ax.grid(True, **GRID)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(framealpha=0.85, edgecolor="none")
    return ax


def _plain(value: Array) -> Array:
    """A NumPy array of what the user's function returned."""
    return np.asarray(value.data if hasattr(value, "requires_grad") else value)


# --- the loss --------------------------------------------------------------------------


def loss(
    losses: Array, ax: Any = None, *, label: str | None = None, log: bool | None = None
) -> Any:
    """The loss over the iterations.

    Parameters
    ----------
    losses : sequence of numbers, History, or dict of them
        What ``mg.optim.minimize`` left behind, or the losses themselves, from iteration 1.
        A dict draws a curve of each and calls it by its key.
    ax : matplotlib Axes, optional
    label : str, optional
        What the legend calls a single curve.
    log : bool, optional
        Whether the loss axis is logarithmic; by default it is when all losses are positive
        and range over more than two orders of magnitude.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When there are no losses, or they are no sequence of single numbers.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import minigrad as mg
    >>> theta, history = mg.optim.minimize(lambda t: t**2, 3.0, lr=0.1, steps=3)
    >>> ax = mg.plots.loss(history, Figure().subplots())
    >>> ax.lines[0].get_ydata()
    array([9.    , 5.76  , 3.6864])
    """
    curves = losses if isinstance(losses, Mapping) else {label: losses}
    data = {name: _losses(curve) for name, curve in curves.items()}
    ax = _axes(ax, "loss")
    for name, values in data.items():
        i = len(ax.lines)
        ax.plot(
            np.arange(1, len(values) + 1),
            values,
            DASHES[i // len(CURVES) % len(DASHES)],
            color=CURVES[i % len(CURVES)],
            linewidth=1.8,
            marker="o" if len(values) <= 30 else None,
            markersize=4,
            label=None if name is None else str(name),
        )
    every = np.concatenate([line.get_ydata() for line in ax.lines])
    every = every[np.isfinite(every)]
    if log is None:
        log = bool(every.size and every.min() > 0 and every.max() > 100 * every.min())
    if log:
        ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return _finish(ax, "iteration", "loss")


def _losses(given: Any) -> Array:
    values = np.asarray([_plain(v) for v in getattr(given, "losses", given)], dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"plots.loss: {called(given)} has shape {values.shape}; give one loss per iteration, "
            "a History, or a dict of them"
        )
    return values


# --- the path --------------------------------------------------------------------------


def descent(
    f: Callable[[Array], Array],
    path: Any,
    ax: Any = None,
    *,
    label: str | None = None,
    bounds: Any = None,
    levels: int = 14,
) -> Any:
    """The path of a descent: along the curve of a 1-D function, or over a 2-D contour.

    Parameters
    ----------
    f : callable
        What was minimised, a function of one thing: the parameters.
    path : sequence of points, or History
        One per step, in the structure that ``f`` takes (a number, an array, a dict, ...),
        of one number or two.  Points that are not finite are left out.
    ax : matplotlib Axes, optional
        Draw several paths into the same Axes to compare them; ``f`` is drawn anew for the
        first one and wherever a later path leaves what is drawn.
    label : str, optional
        What the legend calls the path, for example its learning rate.
    bounds : tuple, optional
        ``(low, high)`` of every parameter to draw ``f`` between; by default what the path
        covers, widened, and 0 in the middle when the path crosses it.
    levels : int
        Number of contour lines.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When the parameters are more than two numbers, or no point of the path is finite.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import minigrad as mg
    >>> ax = mg.plots.descent(lambda t: t**2, [3.0, 2.4, 1.92], Figure().subplots())
    >>> ax.lines[-1].get_xydata()
    array([[3.    , 9.    ],
           [2.4   , 5.76  ],
           [1.92  , 3.6864]])
    """
    steps = [row.theta for row in path] if hasattr(path, "losses") else list(path)
    if not steps or steps[0] is None:
        raise ValueError(
            "plots.descent: the path is empty; give one set of parameters per step, or a "
            "History that kept them"
        )
    pattern, rebuild = flatten(steps[0])
    shapes = [np.shape(_plain(x)) for x in pattern]
    points = np.array([_coordinates(theta) for theta in steps])
    if points.shape[1] not in (1, 2):
        raise ValueError(
            f"plots.descent: the parameters are {points.shape[1]} numbers; a path can be drawn "
            "over one or two"
        )
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise ValueError("plots.descent: no point of the path is finite")

    def value(point: Array) -> float:
        pieces = np.split(point, np.cumsum(list(map(math.prod, shapes)))[:-1])
        parts = [np.reshape(x, shape)[()] for x, shape in zip(pieces, shapes, strict=True)]
        with no_grad(), np.errstate(all="ignore"):
            answer = _plain(f(rebuild(parts)))
        if answer.size != 1:
            raise ValueError(
                f"plots.descent: {called(f)} returned shape {answer.shape} for one set of "
                "parameters; it must return one number"
            )
        return float(answer.reshape(()))

    ax = _axes(ax, "descent")
    ranges = _ranges(points, bounds)
    if points.shape[1] == 1:
        _over_curve(ax, value, points, ranges, label)
        return _finish(ax, "θ", "J(θ)")
    _over_contour(ax, value, points, ranges, label, levels)
    return _finish(ax, "θ₁", "θ₂")


def _coordinates(theta: Array) -> list[float]:
    return [v for leaf in flatten(theta)[0] for v in np.ravel(_plain(leaf)).astype(float).tolist()]


def _ranges(points: Array, bounds: Any) -> list[tuple[float, float]]:
    """Low and high of every parameter: around the path, and on both sides of a crossed 0."""
    if bounds is not None:
        given = np.broadcast_to(np.asarray(bounds, float), (points.shape[1], 2))
        return [(float(low), float(high)) for low, high in given]
    found = []
    for column in points.T:
        low, high = float(column.min()), float(column.max())
        reach = max(abs(low), abs(high))
        if low < 0 < high or min(abs(low), abs(high)) < 0.5 * reach:
            low, high = -reach, reach
        margin = 0.12 * (high - low) or max(1.0, reach)
        found.append((low - margin, high + margin))
    reach = max(high - low for low, high in found) / 2  # circles are to be round, and whole
    return [((low + high) / 2 - reach, (low + high) / 2 + reach) for low, high in found]


def _path_style(i: int, label: str | None) -> dict[str, Any]:
    return {
        "color": CURVES[(i + 1) % len(CURVES)],
        "marker": MARKERS[i % len(MARKERS)],
        "markersize": 5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
        "linewidth": 1.2,
        "label": label,
        "zorder": 3,
        "gid": "path",
    }


def _drawn(ax: Any, gid: str) -> list[Any]:
    return [line for line in ax.lines if line.get_gid() == gid]


def _over_curve(
    ax: Any, value: Function, points: Array, ranges: list[tuple[float, float]], label: str | None
) -> None:
    low, high = ranges[0]
    for old in _drawn(ax, "function"):
        low, high = min(low, old.get_xdata()[0]), max(high, old.get_xdata()[-1])
        old.remove()
    x = np.linspace(low, high, 201)
    ax.plot(x, [value([v]) for v in x], color="#888888", linewidth=1.8, gid="function", zorder=1)
    heights = [value(p) for p in points]
    ax.plot(points[:, 0], heights, **_path_style(len(_drawn(ax, "path")), label))


def _over_contour(
    ax: Any,
    value: Function,
    points: Array,
    ranges: list[tuple[float, float]],
    label: str | None,
    levels: int,
) -> None:
    drawn = _drawn(ax, "path")
    (left, right), (bottom, top) = ranges
    if drawn:
        (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
        inside = x0 <= left and right <= x1 and y0 <= bottom and top <= y1
        left, right, bottom, top = min(left, x0), max(right, x1), min(bottom, y0), max(top, y1)
    if not drawn or not inside:
        for old in list(ax.collections):
            old.remove()
        x, y = np.linspace(left, right, 61), np.linspace(bottom, top, 61)
        heights = np.array([[value([u, v]) for u in x] for v in y])
        ax.contour(x, y, heights, levels, cmap="Greys_r", linewidths=0.9, alpha=0.8)
        ax.set_xlim(left, right)
        ax.set_ylim(bottom, top)
    ax.plot(*points.T, **_path_style(len(drawn), label))
    ax.set_aspect("equal", adjustable="box")


# --- the boundary ----------------------------------------------------------------------


def decision_boundary(
    predict: Callable[[Array], Array],
    X: Array,
    y: Array = None,
    ax: Any = None,
    *,
    level: float = 0.5,
    resolution: int = 200,
) -> Any:
    """Where a classifier of two features changes its mind, under its data.

    Parameters
    ----------
    predict : callable
        Of an array of shape (n, 2); returns one score per row, (n,) or (n, 1), or one per
        class, (n, classes), of which the largest wins.
    X : array_like of shape (n, 2)
        The data.
    y : array_like of shape (n,), optional
        Their classes; each gets a colour and a marker.
    ax : matplotlib Axes, optional
    level : float
        The score at which the class changes: 0.5 for probabilities, 0 for margins.  Not
        used with one score per class.
    resolution : int
        The prediction is asked at ``resolution**2`` points.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When ``X`` has not two columns, ``y`` another length, or the prediction another shape.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> import minigrad as mg
    >>> w, b = np.array([1.0, -1.0]), 0.5
    >>> X = np.array([[0.0, 0.0], [1.0, 2.0]])
    >>> ax = mg.plots.decision_boundary(lambda X: mg.sigmoid(X @ w + b), X, [1, 0],
    ...                                 ax=Figure().subplots())
    >>> ax.get_title()
    'boundary at 0.5'
    """
    X = np.asarray(_plain(X), dtype=float)
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(
            f"plots.decision_boundary: X has shape {X.shape}; it must be (n, 2). A column of "
            "ones belongs into the prediction: lambda X: model(np.c_[X, np.ones(len(X))])"
        )
    classes = None if y is None else np.ravel(_plain(y))
    if classes is not None and len(classes) != len(X):
        raise ValueError(
            f"plots.decision_boundary: X has {len(X)} rows, but y {len(classes)} classes"
        )
    margin = 0.08 * np.maximum(np.ptp(X, axis=0), 1e-9)
    (left, bottom), (right, top) = X.min(axis=0) - margin, X.max(axis=0) + margin
    u, v = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    with no_grad():
        scores = _plain(predict(grid))
    if scores.ndim not in (1, 2) or len(scores) != len(grid):
        raise ValueError(
            f"plots.decision_boundary: the prediction for {grid.shape} has shape {scores.shape}; "
            f"it must be ({len(grid)},) or ({len(grid)}, classes)"
        )
    ax = _axes(ax, "decision_boundary")
    several = scores.ndim == 2 and scores.shape[1] > 1
    for i, ahead in enumerate(_margins(scores.reshape(resolution, resolution, -1), level)):
        inside = [0, max(ahead.max(), 0) + 1]
        ax.contourf(u, v, ahead, inside, colors=[CURVES[i % len(CURVES)]], alpha=0.13)
        if ahead.min() < 0 < ahead.max():
            ax.contour(u, v, ahead, [0], colors="#444444", linewidths=1.6, linestyles="-")
    if classes is None:
        ax.scatter(*X.T, s=16, color="#444444", linewidths=0)
    else:
        for i, name in enumerate(np.unique(classes)):
            ax.scatter(
                *X[classes == name].T,
                s=20,
                color=CURVES[i % len(CURVES)],
                marker=MARKERS[i % len(MARKERS)],
                edgecolors="white",
                linewidths=0.5,
                label=f"class {name}",
            )
    ax.set_title("" if several else f"boundary at {level:g}")
    return _finish(ax, "x₁", "x₂")


def _margins(scores: Array, level: float) -> list[Array]:
    """By how much every class is ahead of the others, at every point."""
    if scores.shape[-1] == 1:
        return [level - scores[..., 0], scores[..., 0] - level]
    return [
        scores[..., k] - np.delete(scores, k, axis=-1).max(axis=-1) for k in range(scores.shape[-1])
    ]


# --- the activation --------------------------------------------------------------------


def activation(
    f: Callable[[Array], Array],
    ax: Any = None,
    *,
    bounds: tuple[float, float] = (-6.0, 6.0),
    label: str | None = None,
) -> Any:
    """An activation and its derivative.

    Parameters
    ----------
    f : callable
        An elementwise function of an array, such as ``mg.sigmoid``.
    ax : matplotlib Axes, optional
    bounds : (float, float)
        Between which arguments.
    label : str, optional
        What to call it; by default σ for ``mg.sigmoid``, and else the function's own name.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When ``f`` does not return one number for each.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import minigrad as mg
    >>> ax = mg.plots.activation(mg.sigmoid, Figure().subplots())
    >>> [line.get_label() for line in ax.lines]
    ['σ(x)', 'σ′(x)']
    >>> ax.lines[1].get_ydata().max().round(4)
    np.float64(0.25)
    """
    name = label or {"sigmoid": "σ"}.get(_name(f), _name(f))
    x = np.linspace(*bounds, 601)
    with no_grad():
        values = _plain(f(x))
    if values.shape != x.shape:
        raise ValueError(
            f"plots.activation: {name} returned shape {values.shape} for {x.shape}; it must "
            "work element by element"
        )
    slopes = grad(lambda x: np.sum(f(x)))(x)
    ax = _axes(ax, "activation")
    i = len(ax.lines)
    for k, (curve, title) in enumerate(((values, f"{name}(x)"), (slopes, f"{name}′(x)"))):
        ax.plot(x, curve, DASHES[k], color=CURVES[(i + k) % len(CURVES)], linewidth=2, label=title)
    return _finish(ax, "x", "")


def _name(f: Function) -> str:
    name = str(getattr(f, "name", None) or getattr(f, "__name__", "f"))
    return "f" if name == "<lambda>" else name
