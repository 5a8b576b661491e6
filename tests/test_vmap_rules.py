"""vmap of functions whose ops have rules of their own: no loop over examples, and right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import batch

RNG = np.random.default_rng(0)
IMAGES, ROWS = RNG.normal(size=(5, 2, 6, 6)), RNG.normal(size=(5, 7))
KERNEL, ADJOINT = RNG.normal(size=(3, 2, 3, 3)), RNG.normal(size=(2, 3, 3, 3))
GRID = np.array([-1.0, 0.0, 1.0])

CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "convolution": (lambda x: F.conv2d(x, KERNEL, padding=1, stride=2), IMAGES),
    "its adjoint": (lambda x: F.conv_transpose2d(x, ADJOINT, stride=2), IMAGES),
    "largest of windows": (lambda x: F.max_pool2d(x, 2), IMAGES),
    "mean of windows": (lambda x: F.avg_pool2d(x, 2, stride=1), IMAGES),
    "fold of unfold": (lambda x: F.fold(F.unfold(x, 3), (6, 6), 3), IMAGES),
    "argmax": (lambda x: x * (np.arange(7) == np.argmax(x)), ROWS),
    "argmin along": (lambda x: x * np.argmin(x, axis=1, keepdims=True), ROWS.reshape(5, 1, 7)),
    "nanargmax": (lambda x: x[0] * np.nanargmax(x, axis=0), ROWS.reshape(5, 7, 1)),
    "running maximum": (lambda x: np.maximum.accumulate(x), ROWS),
    "searchsorted": (lambda x: x * np.searchsorted(GRID, x), ROWS),
    "digitize": (lambda x: x * np.digitize(x, GRID), ROWS),
    "isin": (lambda x: x * np.isin(np.round(x), GRID), ROWS),
    "isclose": (lambda x: x * np.isclose(x, ROWS[0], rtol=1e-3), ROWS),
    "shapes": (lambda x: x + np.ones_like(x) * np.shape(x)[0], ROWS),
    "order of a function": (lambda x: mg.grad(lambda t: mg.i0(t).sum())(x), ROWS),
}


@pytest.mark.parametrize("name", CASES)
def test_no_loop_over_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f, x = CASES[name]
    total = lambda t: (f(t) ** 2).sum()
    with monkeypatch.context() as patch:
        patch.setattr(batch, "one_by_one", lambda op, *rest: pytest.fail(f"a loop over {op.name}"))
        got, slopes = mg.vmap(f)(x), mg.vmap(mg.grad(total))(x)
    np.testing.assert_allclose(got, [mg.Tensor(f(mg.Tensor(e))).data for e in x], rtol=1e-12)
    np.testing.assert_allclose(slopes, [mg.grad(total)(e) for e in x], rtol=1e-10, atol=1e-12)


def test_several_results_of_scipy() -> None:
    special = pytest.importorskip("scipy.special")
    f = lambda x: special.fresnel(x)[0] * special.airy(x)[1]
    np.testing.assert_allclose(mg.vmap(f)(ROWS), [f(e) for e in ROWS], rtol=1e-12)


def test_windows_move_tangents_as_they_move_values() -> None:
    dx = RNG.normal(size=IMAGES.shape)
    for f in (CASES["convolution"][0], CASES["its adjoint"][0], CASES["fold of unfold"][0]):
        value, tangent = mg.jvp(f, (IMAGES,), (dx,))
        np.testing.assert_allclose(tangent, f(dx), rtol=1e-12)  # they are linear
        np.testing.assert_array_equal(value, f(IMAGES))
