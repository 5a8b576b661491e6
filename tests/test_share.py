"""The share of the tests that the gate runs beside `make test`."""

from __future__ import annotations

from conftest import drawn

NAMES = [f"tests/test_some.py::test_it[{i}]" for i in range(6000)]


def test_shares_are_of_the_size_that_was_asked_for() -> None:
    assert all(drawn(name, "1") for name in NAMES)
    assert 400 < sum(drawn(name, "12:abc") for name in NAMES) < 600


def test_each_word_has_another_share_and_always_the_same() -> None:
    shares = [{n for n in NAMES if drawn(n, f"12:{word}")} for word in ("abc", "abd", "abc")]
    assert shares[0] == shares[2]
    assert len(shares[0] & shares[1]) < 100


def test_many_words_reach_every_test() -> None:
    seen = {name for word in range(150) for name in NAMES if drawn(name, f"12:{word}")}
    assert len(seen) == len(NAMES)
