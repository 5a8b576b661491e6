"""All samples, whichever file of the tests is run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from samples import SAMPLES as SAMPLES
from samples import Sample as Sample

for file in sorted(Path(__file__).parent.glob("samples_*.py")):
    importlib.import_module(file.stem)


def of_each_op(check: Callable[[Sample], None]) -> Callable[[str], None]:
    """A test for each op, which holds all of its samples to ``check``."""

    @pytest.mark.parametrize("op", sorted({s.op for s in SAMPLES}))
    def test(op: str) -> None:
        for s in SAMPLES:
            if s.op == op:
                try:
                    check(s)
                except BaseException as error:
                    error.add_note(f"of the sample {s.id}")
                    raise

    return test
