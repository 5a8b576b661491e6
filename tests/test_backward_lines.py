"""Slips that the numbers do not tell, found in the line itself."""

from __future__ import annotations

import ast
import linecache
import re
import types
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation.backward.interpreter import Unknown, computed, value_of
from minigrad.derivation.backward.mistakes import slips
from minigrad.derivation.formulas.grammar import written

SOURCE = """
import numpy as np
def forward(x, g, w, y, lam):
    n, C = x.shape
    eps = 0.1
    mean = x.mean(-1, keepdims=True)
    std = np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    norm = (x - mean) / std
    z = norm * g + lam * w
    target = np.full((n, C), eps / C)
    target[np.arange(n), y] += 1 - eps
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    loss = -(target * logp).sum() / n
    return loss, (norm, std, g, logp, y, lam)

def backward(cache):
    norm, std, g, logp, y, lam = cache
    n, C = logp.shape
    eps = 0.1
    dz = np.exp(logp)
    dz[np.arange(n), y] -= 1 - eps
    dz -= eps / C
    dz /= n
    dg = (dz * norm).sum(0)
    dw = lam * dz.sum(0)
    dn = dz * g
    dx = (dn - dn.mean(-1, keepdims=True) - norm * (dn * norm).mean(-1, keepdims=True)) / std
    return dx, dg, dw
"""


def module(text: str) -> Any:
    name = f"<lines {hash(text)}>"
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    made = types.ModuleType("lines")
    exec(compile(text, name, "exec"), vars(made))
    return made


def checked(text: str) -> Any:
    m, rng = module(text), np.random.default_rng(0)
    x, g, w = rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=5)
    return mg.check_backward(m.forward, m.backward, x, g, w, np.array([1, 0, 4, 2]), 0.3)


def test_it_is_right() -> None:
    assert checked(SOURCE).ok


@pytest.mark.parametrize(
    ("old", "new", "cause", "instead"),
    [
        ("    dz -= eps / C\n", "", r"the term - eps / C is missing", "eps / C"),
        ("-= 1 - eps", "-= 1", r"the term - eps is missing", "-= 1 - eps"),
        ("dn.mean(-1,", "dn.mean(0,", r"axis 0 stands where axis 1 belongs", "dn.mean(1, "),
        ("norm * (dn * norm)", "norm * (dz * norm)", "in the part through std the local",
         "dn * norm"),
        ("lam * dz.sum(0)", "lam * dz.sum(0) + g", "without the term g", "dw = lam * dz.sum(0)"),
        ("(dz * norm).sum(0)", "(dz * norm).mean(0)", "mean over 4", "(dz * norm).sum(0)"),
        ("dn * norm).mean(-1", "dn * norm).sum(-1", "part through std", ""),
    ],
)  # fmt: skip
def test_the_line_tells_the_slip(old: str, new: str, cause: str, instead: str) -> None:
    assert SOURCE.count(old) == 1
    report = checked(SOURCE.replace(old, new))
    first = report.first_error
    assert first is not None and re.search(cause, first.remark), report
    assert instead in first.instead, report


EXPRESSIONS = [
    ("d.sum(axis=0)", "d.sum(axis=1)"),
    ("np.sum(d)", "np.trace(d)"),
    ("h[t]", "h[t - 1]"),
    ("h[t + 1]", "h[t]"),
    ("d[:, n:]", "d[:, :n]"),
    ("d * (z > 0)", "d * (z < 0)"),
    ("np.where(z > 0, d, d)", "np.where(z > 0, d, -d)"),
    ("np.where(z > 0, a, d)", "np.where(z > 0, d, a)"),
    ("d @ h[0]", "d @ h[0].T"),
    ("d / len(d)", "d / d.size"),
    ("np.exp(s)", "np.exp(-s)"),
    ("self.a * d", "self.b * d"),
    ("d * a", "(d + z) * a"),
    ("d", "d + 2 * s * a"),
]


@pytest.mark.parametrize(("wrong", "right"), EXPRESSIONS)
def test_what_is_one_slip_away_is_found(wrong: str, right: str) -> None:
    names = {"d": (2, 2), "z": (2, 2), "a": (2, 2), "s": (), "self.a": (3,), "self.b": (3,)}
    tree = ast.parse(wrong, mode="eval").body
    found = {written(r[1]): r[2] for r in slips(tree, list(names), names)}
    assert found[written(ast.parse(right, mode="eval").body)]


class Odd:
    """An object that tells when anything is asked of it."""

    asked = False

    def __mul__(self, other: Any) -> Any:
        type(self).asked = True
        return other

    __rmul__ = __add__ = __getitem__ = __mul__
    __array__ = __mul__


@pytest.mark.parametrize(
    "text",
    [
        "odd * 2", "2 * odd", "odd[0]", "f(2)", "np.save('x', a)", "__import__('os')", "odd.f()",
        "np.lib.format", "open('x')", "len(odd)", "[x for x in a]", "lambda: 1", "a.tofile('x')",
        "np.zeros(3)", "a.dump('x')", "max(odd, 2)", "a.__class__", "odd.__init__",
    ],
)  # fmt: skip
def test_only_numbers_are_computed(text: str) -> None:
    scope = {"odd": Odd(), "a": np.ones(3), "f": lambda x: pytest.fail("it was called")}
    with pytest.raises(Unknown):
        value_of(ast.parse(text, mode="eval").body, scope)
    assert not Odd.asked
    assert computed(ast.parse(text, mode="eval").body, scope) is None


def test_computed_as_numpy_does() -> None:
    rng = np.random.default_rng(1)
    scope: dict[str, Any] = {"np": np, "a": rng.normal(size=(3, 4)), "b": rng.normal(size=(4, 2)),
                             "i": 1, "h": [np.ones(2), np.zeros(2)], "c": {"k": 2.0}}  # fmt: skip
    for text in ["(a @ b).T[:, i:] ** 2 - 1", "a.sum(axis=0, keepdims=True) / len(a)", "h[i - 1]",
                 "np.where(a > 0, a, -a)[..., None]", "c['k'] * a.shape[0]", "~(a > 0) * 1.0",
                 "np.einsum('ij,jk->ik', a, b)", "a[np.arange(3), [0, 1, 2]]",
                 "a if i else b"]:  # fmt: skip
        tree = ast.parse(text, mode="eval").body
        without = {k: v for k, v in scope.items() if k != "np"}
        np.testing.assert_array_equal(value_of(tree, without), eval(text, scope))
