"""Every op as it is written, and its gradients: the text, read back, is worth the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
import test_rules
from all_samples import SAMPLES, Sample
from formulas import value_of
from minigrad.program import passes
from minigrad.writing import script
from minigrad.writing.formulas import Formula
from minigrad.writing.styles import LATEX, MATHML, Symbol
from test_compile import BY_VALUE, weighted

FIRST: dict[str, Sample] = {}
for _sample in SAMPLES:
    if _sample.op not in FIRST or np.size(FIRST[_sample.op].args[0]) < 2 < np.size(_sample.args[0]):
        FIRST[_sample.op] = _sample

UNREAD = {"frexp", "ldexp", "nanmedian", "nanquantile", "nanpercentile", "nanprod"}
"""Whose texts leave out that numbers are made whole, or lay out flat what they take from."""

Case = tuple[str, Callable[..., Any], list[Any]]


def formula(f: Callable[..., Any], args: list[Any], simplified: bool) -> Formula | None:
    """What a function computes; None where its shapes depend on values."""
    try:
        program = passes.recorded(f, *args)
    except TypeError as error:
        if any(words in str(error) for words in (*BY_VALUE, "would fix its value")):
            return None
        raise
    program = passes.simplified(program) if simplified else program
    symbols = {v: Symbol("vwxyz"[i]) for i, v in enumerate(program.inputs)}
    return Formula(program, symbols, dict(zip(program.inputs, args, strict=True)))


def check(cases: Iterable[Case], simplified: bool) -> int:
    read = 0
    for name, f, args in cases:
        with np.errstate(all="ignore"):
            expected = f(*args)
            found = formula(f, args, simplified)
            if found is None:
                continue
            size = 1 + np.max(np.abs(expected), initial=0)
            try:
                got = np.broadcast_to(value_of(found), np.shape(expected))
                np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9 * size)
            except (AssertionError, TypeError, ValueError, IndexError, NameError) as e:
                raise AssertionError(f"{name}: {found.text}: {e}") from None
            latex = found.write(LATEX).code
            for opened, closed in (("{", "}"), (r"\left", r"\right")):
                assert latex.count(opened) == latex.count(closed), latex
            ElementTree.fromstring(f"<math>{found.write(MATHML).code}</math>")
        read += 1
    return read


def values() -> Iterable[Case]:
    for s in FIRST.values():
        if s.op not in UNREAD and not isinstance(s.f(*s.args), tuple | list):
            yield s.id, s.f, s.args


def gradients() -> Iterable[Case]:
    for s in FIRST.values():
        for i in range(len(s.args)) if s.op not in UNREAD else ():
            yield f"{s.id} by {i}", mg.grad(weighted(s), i), s.args


X = np.array([[0.7, 1.3, 2.1], [1.9, 0.4, 1.1]])
Y = np.array([[1.2, 0.3, 0.8], [0.6, 2.2, 1.7]])
POWERS: list[Callable[..., Any]] = [
    lambda x, y, c, d: [x**p for p in (0.5, 1.5, -0.5, 7, -1, -3)],
    lambda x, y, c, d: [np.float_power(x, p) for p in (0.5, 2.0, -1.0)],
    lambda x, y, c, d: [x**y, x ** (y + 1), (x + 1) ** y, 2.0**x, (-x) ** 2, (x * y) ** 3],
    lambda x, y, c, d: [x / (y / x), (x / y) / x, x - (y - x), 1 - -x, (x + y) * (x - y), x * -y],
    lambda x, y, c, d: [np.sum(x, where=False), np.max(x, initial=c), np.sum(x, 0, keepdims=True)],
]


def forms() -> Iterable[Case]:
    """What the rewrite rules are for, and powers of every kind."""
    groups = (test_rules.ELEMENTWISE, test_rules.REDUCTIONS, test_rules.SHAPES, test_rules.MATRICES)
    for f in [f for group in (*groups, POWERS) for f in group]:
        answer = f(X, Y, 3.0, -2.0)
        for j in range(len(answer)) if isinstance(answer, list) else (None,):
            part = lambda x, y, f=f, j=j: f(x, y, 3.0, -2.0) if j is None else f(x, y, 3.0, -2.0)[j]
            yield f"{f.__code__.co_firstlineno}, {j}", part, [X, Y]


@pytest.mark.parametrize(
    ("cases", "least", "simplified"),
    [(values, 215, False), (gradients, 290, True), (forms, 130, False), (forms, 130, True)],
)
def test_what_is_written_is_worth_the_same(cases: Any, least: int, simplified: bool) -> None:
    assert check(cases(), simplified) >= least


def test_places_and_sums_of_places_in_scripts() -> None:
    """Runs of places are start, count and step."""

    def written(f: Callable[[Any], Any]) -> str:
        (e,) = passes.recorded(f, np.ones(3)).equations
        return script.moved(e, [script.Term("a")]).code

    assert written(lambda x: x[::-1]) == "nd.take([3], [2,3,-1], a)"
    for index, runs in (([2, 2, 2], "[2,3,0]"), ([0, 1, 2], None), ([2, 2, 0], "[2,2,0,0,1,0]")):
        code = written(lambda g, i=index: mg.ops.scatter(g, (3,), np.array(i)))
        assert code == (f"nd.scatter([3], {runs}, a)" if runs else "nd.take([3], [0,3,1], a)")
