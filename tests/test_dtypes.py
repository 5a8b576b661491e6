"""Dtypes are NumPy's, also where it makes arrays of Python's numbers first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

x = np.float32([1.5, 0.25, 3.0])
CALLS: dict[str, Callable[[Any], Any]] = {
    "dot": lambda v: np.dot(v, 2.0),
    "dot of a number": lambda v: np.dot(v[0], 2),
    "dot, reflected": lambda v: np.dot(2.0, v),
    "inner": lambda v: np.inner(v, 2.0),
    "multiply": lambda v: np.multiply(v, 2.0),
    "gradient": lambda v: np.gradient(v, [0.0, 1.0, 3.0]),
    "ediff1d": lambda v: np.ediff1d(v, to_end=2.0, to_begin=[1.0]),
    "intersect1d": lambda v: np.intersect1d(v, [3.0, 1.5]),
}


@pytest.mark.parametrize("name", CALLS)
def test_dtypes_are_numpys(name: str) -> None:
    f = CALLS[name]
    expected = f(x)
    t = mg.Tensor(x, requires_grad=True)
    found = f(t)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, 1e-6)
    assert mg.gradients(found.sum(), t).dtype == np.float32
    if name != "intersect1d":  # its shape depends on values
        compiled = mg.compile(f)
        for _ in range(2):
            assert np.asarray(compiled(x)).dtype == expected.dtype


@pytest.mark.parametrize("mode", ["constant", "edge", "median", "maximum", "linear_ramp", "wrap"])
@pytest.mark.parametrize("x", [np.array(3), np.array(True), np.array(2.5)])
def test_a_single_number_has_no_ends_to_pad(mode, x):
    expected = np.pad(x, 1, mode=mode)
    for got in (
        mg.pad(mg.Tensor(x), 1, mode=mode),
        mg.compile(lambda x: mg.pad(x, 1, mode=mode))(x),
    ):
        assert np.asarray(got) == expected
        assert np.asarray(got).dtype == expected.dtype
