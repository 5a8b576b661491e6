"""Forward mode over the table of samples, against reverse mode: its truth is differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
import samples_elementwise
import samples_indexing
import samples_linalg
import samples_reduction
import samples_shape
import samples_statistics
from samples import SAMPLES, Sample, values

by_op: dict[str, list[Sample]] = {}
for s in SAMPLES:
    by_op.setdefault(s.op, []).append(s)
each_op = pytest.mark.parametrize("op", by_op)


def listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple | list) else [x]


def close(got: Any, expected: Any, what: str, rtol: float = 1e-9) -> None:
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale, err_msg=what)


@each_op
def test_jacobian_forward_is_that_of_reverse_mode(op: str) -> None:
    for s in by_op[op]:
        argnums = tuple(range(len(s.args)))
        f = lambda *args, s=s: tuple(listed(s.f(*args)))
        backward = mg.jacobian(f, argnums, mode="reverse")(*s.args)
        forward = mg.jacobian(f, argnums, mode="forward")(*s.args)
        for ours, theirs in zip(forward, backward, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype
                close(a, b, s.id)


@each_op
def test_jvp_is_the_jacobian_times_the_tangent(op: str) -> None:
    for s in by_op[op]:
        f = lambda *args, s=s: tuple(listed(s.f(*args)))
        argnums = tuple(range(len(s.args)))
        tangents = tuple(values(np.shape(a), 7 + i) for i, a in enumerate(s.args))
        outputs, pushed = mg.jvp(f, s.args, tangents)
        whole = mg.jacobian(f, argnums, mode="reverse")(*s.args)
        value, pushforward = mg.linearize(f, *s.args)
        again = pushforward(*tangents)
        for k, (y, t) in enumerate(zip(outputs, pushed, strict=True)):
            expected = sum(
                np.tensordot(block, v, np.ndim(v))
                for block, v in zip(whole[k], tangents, strict=True)
            )
            assert np.shape(t) == np.shape(y)
            close(t, expected, s.id)
            close(again[k], expected, f"{s.id}, linearized")
            np.testing.assert_array_equal(value[k], y)


@each_op
def test_forward_over_reverse_and_over_forward(op: str) -> None:
    """Second derivatives along two directions, whichever way."""
    for s in by_op[op]:
        if not s.smooth or sum(np.size(a) for a in s.args) == 0:
            continue
        args = tuple(s.args)
        v, w = (tuple(values(np.shape(a), k + i) for i, a in enumerate(args)) for k in (3, 11))

        def f(*args: Any, s: Sample = s) -> Any:
            outputs = [y for y in listed(s.f(*args)) if np.result_type(y).kind == "f"]
            return sum((np.cos(np.arange(y.size)).reshape(y.shape) * y).sum() for y in outputs)

        gradient = mg.grad(f, tuple(range(len(args))))
        over_reverse = mg.jvp(gradient, args, w)[1]
        got = sum(np.sum(a * b) for a, b in zip(over_reverse, v, strict=True))
        slope = lambda *a, v=v: mg.jvp(f, a, v)[1]
        twice = mg.jvp(slope, args, w)[1]
        reverse = mg.grad(slope, tuple(range(len(args))))(*args)
        expected = sum(np.sum(a * b) for a, b in zip(reverse, w, strict=True))
        close(got, expected, f"{s.id}, forward over reverse", 1e-7)
        close(twice, expected, f"{s.id}, forward over forward", 1e-7)
