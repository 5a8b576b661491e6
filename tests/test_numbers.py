"""Who may ask a Tensor that requires a gradient for its number."""

import array
import builtins
import cmath
import logging
import math
import re
import statistics

import numpy as np
import pytest

import minigrad as mg

a = mg.Tensor([0.5, 2.0], requires_grad=True)
t = (a * 2).sum()
ts = [t, t * 2]


def filled():
    b = np.zeros(3)
    b[0] = a[0] * 5


def filled_slice():
    b = np.zeros(3)
    b[:2] = [t, t]


def filled_2d():
    np.zeros((2, 2))[1, 1] = t


def filled_in_a_comprehension():
    b = np.zeros(2)
    [b.__setitem__(i, v) for i, v in enumerate(ts)]


def filled_in_place():
    b = np.zeros(2)
    b[0] += t


def kept_in_an_array():
    array.array("d", [0.0])[0] = t


LOSING = [
    filled,
    filled_slice,
    filled_2d,
    filled_in_a_comprehension,
    filled_in_place,
    kept_in_an_array,
    lambda: math.exp(t),
    lambda: math.pow(t, 2),
    lambda: math.fsum([float(t), t]),
    lambda: math.floor(t),
    lambda: cmath.exp(t),
    lambda: array.array("d", [t, t]),
    lambda: np.fromiter((v for v in ts), dtype=float),
    lambda: np.zeros(2).fill(t),
    lambda: list(map(math.exp, ts)),
    lambda: statistics.fmean(ts),
    lambda: np.asarray(ts),
    lambda: np.array([t, 1.0], dtype=float),
]


@pytest.mark.parametrize("f", LOSING, ids=range(len(LOSING)))
def test_somebody_elses_code_is_refused(f):
    for _ in range(12):  # bytecode changes as it warms up
        with pytest.raises((TypeError, ValueError)) as caught:
            f()
    text = str(caught.value) + str(caught.value.__cause__)
    assert "requires a gradient" in text
    assert any(word in text for word in ("mg.buffer", "np.exp", "mg.array"))


def test_the_error_has_the_line_and_the_remedy():
    with pytest.raises(ValueError) as caught:  # NumPy's error, of ours
        filled()
    text = str(caught.value.__cause__)
    assert re.search(r"filling an array.*test_numbers.*b\[0\] = a.*mg\.buffer", text)
    with pytest.raises(TypeError, match=r"^t requires.*math\.exp\(\.\.\.\).*np\.exp"):
        math.exp(t)


def test_quad_is_refused():
    integrate = pytest.importorskip("scipy.integrate")
    with pytest.raises(TypeError, match="requires a gradient"):
        integrate.quad(lambda x: x * t, 0, 1)


FORMS = {
    "5.0": [
        lambda: float(t),
        lambda: t.item(),
        lambda: complex(t).real,
        lambda: float(f"{t:.3f}"),
        lambda: float("%.3f" % t),  # noqa: UP031
        lambda: float(f"{t:.2f}"),
        lambda: float(format(t, ".3f")),
        lambda: builtins.float(t),
        lambda: [float(v) for v in ts][0],  # noqa: RUF015
        lambda: list(map(float, ts))[0],  # noqa: RUF015
        lambda: next(float(v) for v in ts),
        lambda: {"loss": float(t)}["loss"],
        lambda: float((a * 2).sum() if ts else 0.0),
        lambda: round(float(t), 3),
        lambda: math.sqrt(float(t) ** 2),
        lambda: float(t) + 0 * int(t),
    ],
}


@pytest.mark.parametrize("f", FORMS["5.0"], ids=range(len(FORMS["5.0"])))
def test_what_is_plainly_written_goes_on(f):
    for _ in range(12):
        assert f() == 5.0


def test_looking_and_logging_go_on(caplog):
    assert math.isfinite(t) and not math.isnan(t)
    assert "%d|%s" % (t, "x") == "5|x"  # noqa: UP031
    with caplog.at_level(logging.INFO):
        logging.info("loss %.2f", t)
    assert "loss 5.00" in caplog.text
    number = float
    assert number(t) == 5.0


def test_a_tensor_without_gradient_is_a_number():
    b = np.zeros(3)
    b[0] = mg.Tensor(2.0)
    b[1] = t.detach()
    assert math.exp(mg.Tensor(0.0)) == 1.0
    np.testing.assert_array_equal(b, [2, 5, 0])


def test_inside_grad_float_is_refused():
    with pytest.raises(TypeError, match="cut it out"):
        mg.grad(lambda x: float(x) * x)(2.0)


def test_whole_numbers_made_in_words_pass_no_gradient():
    x = np.array([[1.5, 2.0], [0.25, 3.0]])

    def f(W):
        rows = np.int64(W[:, 0])
        assert rows.dtype == np.int64
        return (W[rows] ** 2).sum()

    np.testing.assert_array_equal(mg.grad(f)(x), 2 * np.array([[1, 1], [1, 1]]) * x)
    W, whole = mg.Tensor(x, requires_grad=True), np.zeros((2, 2), int)
    np.testing.assert_array_equal(np.array(W, dtype=bool), x != 0)
    with pytest.raises(TypeError, match="as an array it would lose it"):
        whole[:] = W
