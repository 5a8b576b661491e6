"""Pictures of a descent: the data in them are those of the published examples."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import minigrad as mg

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
from matplotlib.figure import Figure

from minigrad import plots


@pytest.fixture
def ax() -> Any:
    return Figure().subplots()


def bowl(theta: Any) -> Any:
    return theta[0] ** 2 + theta[1] ** 2


# --- the loss --------------------------------------------------------------------------


def test_loss_of_a_history(ax: Any) -> None:
    _, history = mg.optim.minimize(lambda t: t**2, 3.0, lr=0.1, steps=10)
    assert plots.loss(history, ax) is ax
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, len(history) + 1))
    np.testing.assert_allclose(line.get_ydata()[:10], 9 * 0.64 ** np.arange(10), rtol=1e-12)
    assert ax.get_xlabel() == "iteration" and ax.get_ylabel() == "loss"


def test_loss_of_several_runs(ax: Any) -> None:
    plots.loss({"α = 0.1": [3.0, 2.0], "α = 2": [3.0, 27.0]}, ax)
    plots.loss([3.0, 2.5, 2.0], ax, label="momentum")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["α = 0.1", "α = 2", "momentum"]
    assert len({line.get_color() for line in ax.lines}) == 3
    assert ax.get_yscale() == "linear"


@pytest.mark.parametrize(
    ("losses", "log", "scale"),
    [
        ([194.3, 9.3, 0.45], None, "log"),
        ([194.3, 9.3, 0.45], False, "linear"),
        ([2.0, 1.0], None, "linear"),
        ([2.0, 1.0], True, "log"),
        ([194.3, 0.0], None, "linear"),
        ([1.0, np.inf, 500.0], None, "log"),
    ],
)
def test_scale_of_the_loss(ax: Any, losses: Any, log: Any, scale: str) -> None:
    assert plots.loss(losses, ax, log=log).get_yscale() == scale


def test_loss_of_tensors(ax: Any) -> None:
    w = mg.Tensor(2.0, requires_grad=True)
    assert list(plots.loss([w * 2, w], ax).lines[0].get_ydata()) == [4.0, 2.0]


@pytest.mark.parametrize(("losses", "shape"), [([], r"\(0,\)"), ([[1.0, 2.0]], r"\(1, 2\)")])
def test_what_is_no_loss(losses: Any, shape: str) -> None:
    with pytest.raises(ValueError, match=f"plots.loss: losses has shape {shape}; give one loss"):
        plots.loss(losses)


# --- the path --------------------------------------------------------------------------

PRINTED = [3, 2.4, 1.92, 1.536, 1.229, 0.983, 0.786, 0.629, 0.503, 0.403]


def test_the_published_path_in_one_dimension(ax: Any) -> None:
    _, history = mg.optim.minimize(lambda t: t**2, 3.0, lr=0.1, steps=10)
    assert plots.descent(lambda t: t**2, history, ax, label="α = 0.1") is ax
    curve, path = ax.lines
    np.testing.assert_allclose(curve.get_ydata(), curve.get_xdata() ** 2, rtol=1e-12)
    np.testing.assert_allclose(path.get_xdata()[:10], PRINTED, atol=5e-4)
    np.testing.assert_allclose(path.get_ydata(), path.get_xdata() ** 2)
    assert curve.get_xdata()[0] < 0 and curve.get_xdata()[-1] > 3


def test_a_diverging_path_extends_the_curve(ax: Any) -> None:
    plots.descent(lambda t: t**2, [3.0, 2.4], ax, label="α = 0.1")
    plots.descent(lambda t: t**2, [3.0, -9.0, 27.0, np.inf], ax, label="α = 2")
    curves = [line for line in ax.lines if line.get_gid() == "function"]
    assert len(curves) == 1 and curves[0].get_xdata()[-1] > 27
    paths = [line for line in ax.lines if line.get_gid() == "path"]
    assert [list(line.get_xdata()) for line in paths] == [[3.0, 2.4], [3.0, -9.0, 27.0]]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["α = 0.1", "α = 2"]


@pytest.mark.parametrize(
    ("f", "start"),
    [
        (bowl, np.array([3.0, -2.0])),
        (bowl, [3.0, -2.0]),
        (lambda p: p["w"] ** 2 + p["b"] ** 2, {"w": 3.0, "b": -2.0}),
    ],
    ids=["array", "list", "dict"],
)
def test_the_published_path_in_two_dimensions(ax: Any, f: Any, start: Any) -> None:
    _, history = mg.optim.minimize(f, start, lr=0.1, steps=5)
    plots.descent(f, history, ax)
    expected = np.array([3.0, -2.0]) * 0.8 ** np.arange(len(history))[:, None]
    np.testing.assert_allclose(ax.lines[0].get_xydata(), expected, rtol=1e-12)
    contours = ax.collections[0]
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        if len(path.vertices) and level > 0:
            np.testing.assert_allclose((path.vertices**2).sum(axis=1), level, atol=0.1)
    assert ax.get_aspect() == 1


def test_contours_grow_with_a_second_path(ax: Any) -> None:
    plots.descent(bowl, [[1.0, 1.0], [0.8, 0.8]], ax)
    plots.descent(bowl, [[1.0, 1.0], [-3.0, -3.0]], ax)
    assert len(ax.collections) == 1
    assert max(abs(v) for path in ax.collections[0].get_paths() for v in path.vertices.flat) > 3
    plots.descent(bowl, [[0.5, 0.5]], ax)
    assert len(ax.lines) == 3 and len(ax.collections) == 1


def test_bounds_of_a_path(ax: Any) -> None:
    plots.descent(lambda t: t**2, [3.0, 2.4], ax, bounds=(-4, 4))
    assert ax.lines[0].get_xdata()[[0, -1]].tolist() == [-4, 4]


def test_the_function_is_not_recorded(ax: Any) -> None:
    w = mg.Tensor(2.0, requires_grad=True)
    plots.descent(lambda t: w * t**2, [1.0], ax)
    assert ax.lines[1].get_ydata() == [2.0] and w.grad is None


@pytest.mark.parametrize(
    ("f", "path", "message"),
    [
        (bowl, [], "the path is empty; give one set of parameters per step, or a History"),
        (bowl, [np.ones(3)], "the parameters are 3 numbers; a path can be drawn over one or two"),
        (bowl, [[np.nan, 1.0]], "no point of the path is finite"),
        (lambda t: np.ones(2) * t, [1.0], r"returned shape \(2,\) for one set of parameters"),
    ],
)
def test_what_is_no_path(f: Any, path: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"plots.descent: .*{message}"):
        plots.descent(f, path, Figure().subplots())


# --- the boundary ----------------------------------------------------------------------


def boundaries(ax: Any) -> list[Any]:
    """Vertices of the lines between regions."""
    lines = [c for c in ax.collections if getattr(c, "levels", None) is not None and not c.filled]
    return [path.vertices for c in lines for path in c.get_paths()]


def test_the_boundary_is_the_published_line(ax: Any) -> None:
    """Of ``σ(w₀ + w₁x + w₂y)`` it is y = -(w₀ + w₁x)/w₂."""
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(60, 2)), mg.Tensor([0.3, 1.5, -0.8], requires_grad=True)
    y = (X @ W.data[1:] + 0.3 > 0).astype(int)
    given = plots.decision_boundary(
        lambda X: mg.sigmoid(np.c_[np.ones(len(X)), X] @ W), X, y, ax, resolution=300
    )
    assert given is ax
    vertices = boundaries(ax)[0]
    assert len(vertices) > 100
    np.testing.assert_allclose(vertices[:, 1], -(0.3 + 1.5 * vertices[:, 0]) / -0.8, atol=1e-2)
    classes = ax.collections[-2:]
    assert [c.get_label() for c in classes] == ["class 0", "class 1"]
    for k, points in enumerate(classes):
        np.testing.assert_array_equal(points.get_offsets(), X[y == k])


def test_boundaries_between_several_classes(ax: Any) -> None:
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    plots.decision_boundary(lambda X: X @ centres.T - (centres**2).sum(1) / 2, centres, ax=ax)
    for line in boundaries(ax):
        distances = np.sort(((line[:, None] - centres) ** 2).sum(axis=-1), axis=1)
        np.testing.assert_allclose(distances[:, 0], distances[:, 1], atol=0.05)
    assert len(boundaries(ax)) == 3
    assert ax.collections[-1].get_offsets().tolist() == centres.tolist()


def test_a_classifier_without_a_boundary(ax: Any) -> None:
    plots.decision_boundary(lambda X: np.full((len(X), 1), 0.9), [[0.0, 0.0], [1.0, 1.0]], ax=ax)
    assert not boundaries(ax)


@pytest.mark.parametrize(
    ("X", "y", "predict", "message"),
    [
        (np.ones((4, 3)), None, None, r"X has shape \(4, 3\); it must be \(n, 2\). A column of"),
        (np.ones((4, 2)), [1], None, "X has 4 rows, but y 1 classes"),
        (np.ones((4, 2)), None, np.sum, r"the prediction for \(40000, 2\) has shape \(\)"),
    ],
)
def test_what_has_no_boundary(X: Any, y: Any, predict: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"plots.decision_boundary: {message}"):
        plots.decision_boundary(predict, X, y, Figure().subplots())


# --- the activation --------------------------------------------------------------------


def test_sigma_and_its_derivative_as_published(ax: Any) -> None:
    assert plots.activation(mg.sigmoid, ax) is ax
    value, slope = ax.lines
    x = value.get_xdata()
    sigma = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(value.get_ydata(), sigma, rtol=1e-12)
    np.testing.assert_allclose(slope.get_ydata(), sigma * (1 - sigma), rtol=1e-12)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["σ(x)", "σ′(x)"]


@pytest.mark.parametrize(
    ("f", "name"), [(mg.tanh, "tanh"), (lambda x: x**2, "f"), (mg.gelu, "gelu")]
)
def test_names_of_activations(ax: Any, f: Any, name: str) -> None:
    plots.activation(f, ax, bounds=(-1, 1))
    assert ax.lines[0].get_label() == f"{name}(x)"
    assert ax.lines[0].get_xdata()[0] == -1


def test_what_is_no_activation() -> None:
    message = r"plots.activation: sum returned shape \(\) for \(601,\); it must work element by"
    with pytest.raises(ValueError, match=message):
        plots.activation(mg.sum)


# --- Axes of its own, and matplotlib missing -------------------------------------------


def test_a_new_figure_without_axes() -> None:
    code = (
        "import matplotlib; matplotlib.use('Agg')\n"
        "import minigrad as mg; from matplotlib import pyplot\n"
        "ax = mg.plots.loss([2.0, 1.0])\n"
        "assert pyplot.gcf() is ax.figure, 'a notebook would not show it'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = (
        r"plots.activation draws with matplotlib, .* not installed: pip install 'minigrad\[viz\]'"
    )
    with pytest.raises(ImportError, match=message):
        plots.activation(mg.sigmoid)


def test_importing_plots_imports_no_matplotlib() -> None:
    code = "import sys, minigrad.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
