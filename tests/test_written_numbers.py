"""Numbers as a person writes them: by the numbers that they were made of."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from minigrad.ops.record import Op
from minigrad.writing.literals import KNOWN
from minigrad.writing.notation import NOTATION
from minigrad.writing.numbers import Surd, decimal, fraction, python_number, surd, tidy, worth
from minigrad.writing.styles import LATEX, TEXT
from tables import each


def test_quotients_are_found_again() -> None:
    """Those that look like none in decimals: everything whose digits do not end."""
    for bottom in (*range(2, 40), *range(40, 990, 37), *range(990, 1002)):
        for top in (1, -1, 2, 3, 7, bottom - 1, bottom + 1):
            x = top / bottom
            exact = Fraction(top, bottom)
            ends = 10**10 % exact.denominator == 0
            if ends and exact.denominator not in (2, 4):
                continue
            expected = (exact.numerator, exact.denominator)
            if exact.denominator == 1 or exact.denominator > 1000:
                expected = None
            elif exact.denominator in (2, 4) and expected not in ((1, 2), (1, 4), (3, 4)):
                continue
            assert fraction(x) == expected, (top, bottom)


@pytest.mark.parametrize(
    ("x", "sizes", "expected"),
    [
        (0.5, (), (1, 2)),
        (0.25, (8,), (1, 4)),
        (0.75, (), (3, 4)),
        (0.2, (5,), None),  # as short as 1/5
        (0.12, (25,), None),
        (0.125, (8,), (1, 8)),
        (0.125, (), None),
        (0.016, (250,), (4, 250)),
        (0.016, (500,), None),  # 8/500: nobody would know
        (0.016, (500, 125), (2, 125)),
        (-0.016, (125,), (-2, 125)),
        (0.016, (125, 250), (2, 125)),  # the smaller one above
        (2.0, (), None),
        (math.inf, (), None),
        (math.nan, (3,), None),
        (0.001953125, (), None),
        (-0.001953125, (), None),
    ],
)
def test_lengths_of_arrays_say_what_is_divided_by(
    x: float, sizes: tuple[int, ...], expected: tuple[int, int] | None
) -> None:
    assert fraction(x, sizes) == expected


def test_the_last_digit_is_tidied() -> None:
    for k in range(1, 60):
        for step in (0.1, 0.7, 1 / 3, 1 / 7):
            wanted = float(Fraction(step).limit_denominator(100) * k)
            off = math.nextafter(wanted, math.inf)
            if len(repr(off)) > 16:  # others are what somebody wrote
                assert tidy(off) == wanted, (k, step)
    far = 0.3 * (1 + 1e-14)
    assert tidy(far) == far and tidy(0.1234567890123456) == 0.1234567890123456
    assert tidy(7) == 7 and math.isnan(tidy(math.nan)) and tidy("x") == "x"
    assert tidy(0.1 + 0.2) == 0.3 and tidy(-0.1 - 0.2) == -0.3
    small = 5e-300 / 3
    assert tidy(small) == small  # near 0, but not it


def test_roots_multiples_and_logarithms_are_found_again() -> None:
    squares = {n * n for n in range(9)}
    for top in range(1, 65):
        root = surd(math.sqrt(top))
        assert root == (None if top in squares else Surd("root", top, 1, 0))
        assert surd(math.pi * top) == Surd("ratio", top, 1, 1)
        assert surd(math.sqrt(top * math.pi)) == Surd("root", top, 1, 1)
        assert surd(top / math.pi) == Surd("ratio", top, 1, -1)
        if top not in squares:
            assert surd(1 / math.sqrt(top)) == Surd("root", 1, top, 0)
    assert surd(math.sqrt(67)) is None and surd(67 * math.pi) is None
    assert surd(math.log(2)) == Surd("log", 2, 1) and surd(math.log(10)) == Surd("log", 10, 1)
    assert surd(math.log(3) / math.log(2)) == Surd("log", 3, 2)
    assert surd(math.log(5) / math.log(10)) == Surd("log", 5, 10)
    assert surd(1 / math.log(2)) == Surd("log", 1, 2)
    assert surd(3.0) is None and surd(-math.pi) is None and surd(math.pi * 1e-7) is None
    assert surd(1.4142135624) is None  # what somebody typed


def test_what_is_written_is_worth_the_number() -> None:
    assert worth(Surd("root", 2, 3, 1)) == math.sqrt(2 * math.pi / 3)
    assert worth(Surd("ratio", 2, 3, -1)) == pytest.approx(2 / 3 / math.pi, rel=1e-15)
    assert worth(Surd("log", 1, 2)) == 1 / math.log(2)
    assert worth(Surd("log", 10, 2)) == math.log(10) / math.log(2)


ROOTS = [Surd("root", n, m, pi) for n in (1, 2, 3) for m in (1, 2, 3) for pi in (-1, 0, 1)]
RATIOS = [Surd("ratio", n, m, pi) for n in (1, 2, 3) for m in (1, 2, 3) for pi in (-1, 1)]
LOGARITHMS = [Surd("log", n, m) for n, m in ((2, 1), (10, 1), (1, 3), (3, 2), (2, 10))]


@each("x", [*ROOTS, *RATIOS, *LOGARITHMS])
def test_every_root_ratio_and_logarithm_is_written_as_what_it_is(x: Surd) -> None:
    latex = re.sub(
        r"\\(frac|sqrt|ln|pi|left|right)", lambda m: WORDS.get(m[1], ""), LATEX.surd(x).code
    )
    for text in (TEXT.surd(x).code, latex.translate(str.maketrans("{}", "()"))):
        text = re.sub(r"(\d) ?π", r"(\1*π)", text.replace(")(", ")/("))
        text = re.sub(r"√(\d+|π)", r"√(\1)", text).replace("√", "sqrt")
        assert eval(text, {"sqrt": math.sqrt, "log": math.log, "π": math.pi}) == pytest.approx(
            worth(x)
        )


WORDS = {"sqrt": "√", "ln": "log", "pi": "π"}


def test_one_root_is_enough() -> None:
    written = {
        Surd("root", 2, 3): "√(2/3)",
        Surd("root", 1, 2): "1/√2",
        Surd("root", 1, 2, 1): "√(π/2)",
    }
    assert {x: TEXT.surd(x).code for x in written} == written


def test_numbers_with_names_are_worth_them() -> None:
    assert all(eval(text, {"np": np}) == x for x, text in KNOWN.items())


@each("op, row", NOTATION.items())
def test_what_is_written_in_javascript_has_all_arguments(op: Op, row: Any) -> None:
    places = {int(i) for i in re.findall(r"\{(\d+)", row.get("js", ("", ""))[1])}
    assert not places or op.arity < 0 or places == {*range(op.arity)}


def test_decimals() -> None:
    assert [decimal(x) for x in (2.0, -3.0, 0.1, True, 7)] == ["2", "-3", "0.1", "True", "7"]
    assert decimal(1e15) == "1000000000000000.0" and decimal(1e14) == "100000000000000"
    assert decimal(math.inf) == "inf" and decimal(1e300) == "1e+300"
    assert python_number(True) is True and type(python_number(2.5)) is float
