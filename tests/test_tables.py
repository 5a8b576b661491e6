"""A table in one test tells every case that fails, and which it is."""

from __future__ import annotations

import pytest

from tables import each


def test_every_case_that_fails_is_told() -> None:
    @each("x", [1, 2])
    @each("y, z", [(0, 1), (3, 4)])
    def odd(x: int, y: int, z: int) -> None:
        if x == 1:
            assert y == 3, "an assertion"
        elif y == 3:
            pytest.fail("a remark")

    assert odd.__name__ == "odd"
    with pytest.raises(BaseExceptionGroup, match="2 of 4 cases") as caught:
        odd()
    first, second = caught.value.exceptions
    assert "an assertion" in str(first) and first.__notes__ == ["x = 1, y = 0, z = 1"]
    assert str(second) == "a remark" and second.__notes__ == ["x = 2, y = 3, z = 4"]


def test_a_row_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="longer"):
        each("x, y", [(1, 2, 3)])(lambda x, y: None)
