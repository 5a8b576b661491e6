"""Backward functions of attention, recurrences, norms, losses: right ones pass, slips are named."""

from __future__ import annotations

import re
from typing import Any

import pytest

import minigrad as mg
from backward_courses import COURSES
from backward_models import MODELS
from backward_students import Student
from test_check_backward import built

ALL = [*COURSES, *MODELS]
SLIPS = [(s, k) for s in ALL for k in range(len(s.slips))]


@pytest.mark.parametrize("s", ALL, ids=lambda s: s.name)
def test_right_backward_functions_are_right(s: Student) -> None:
    report = mg.check_backward(*built(s, s.source, "right"), *s.inputs())
    assert report.recorded, report.note
    assert report.ok, report
    assert not [line.name for line in report.lines if line.verdict == "unread"], report


@pytest.mark.sampled(16)
@pytest.mark.parametrize(("s", "k"), SLIPS, ids=lambda x: x.name if isinstance(x, Student) else x)
def test_the_wrong_line_is_marked_and_its_cause_named(s: Student, k: int) -> None:
    old, new, line, cause = s.slips[k]
    assert s.source.count(old) == 1, "a slip is planted in one place"
    report = mg.check_backward(*built(s, s.source.replace(old, new), str(k)), *s.inputs())
    first: Any = report.first_error
    assert first is not None, "a wrong derivation was accepted"
    assert line in first.code, f"{first!r} is named, {line!r} is wrong\n{report}"
    assert re.search(cause, first.remark), f"{first.remark!r}: not {cause!r}"
    assert "no known slip" not in first.remark, first.remark
