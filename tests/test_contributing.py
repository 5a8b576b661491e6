"""What CONTRIBUTING.md walks through, done to the letter in a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"```(?:python|html|js)\n(?:#|//|<!--) (\S+?)(?:, below \"([^\"\n]+)\")?(?: -->)?\n(.*?)```",
    re.S,
)
TRIED = r"""
import numpy as np
import minigrad as mg

x = mg.Tensor(0.5, name="x", requires_grad=True)
y = mg.gudermannian(x)
assert mg.gradcheck(mg.gudermannian, np.array([-1.0, 0.0, 0.5]), order=2).verdict == "correct"
assert mg.compile(mg.gudermannian)(0.5) == y.data
np.testing.assert_array_equal(mg.nn.Gudermannian()(np.zeros(2)), np.zeros(2))
assert mg.trace(lambda v: np.sinh(np.arcsinh(v)), 0.5).source.endswith("return v\n")
report = mg.check_derivation(y, {"dy/dx": 1 / np.cosh(0.5) ** 2})
assert "1/cosh²(x) stands where 1/cosh(x) belongs" in str(report), report
z = mg.exp(y)
assert "gd(" in str(mg.explain(z * mg.gudermannian(z), z)), mg.explain(z * mg.gudermannian(z), z)
assert "Print what is in sight" in mg.explore(y).html and 'find("paper")' in mg.explore(y).html
"""


def test_each_addition_works_as_written(tmp_path: Path) -> None:
    for part in ("minigrad", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    blocks = BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(blocks) == 10
    for name, line, code in blocks:
        path = tmp_path / name
        text = path.read_text(encoding="utf-8")
        if line:
            assert text.count(line) == 1, (name, line)
            end = text.index("\n", text.index(line)) + 1
            path.write_text(text[:end] + code + text[end:], encoding="utf-8")
        else:
            path.write_text(f"{text}\n\n{code}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TRIED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
