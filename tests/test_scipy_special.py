"""SciPy's special functions: values are SciPy's, derivatives are what finite differences say."""

from __future__ import annotations

import pickle
import pydoc
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from directions import check
from minigrad.ops.record import public

sp = pytest.importorskip("scipy.special")

ANY, POSITIVE, UNIT = [-1.7, -0.4, 0.3, 1.2, 2.6], [0.2, 0.7, 1.3, 2.9, 5.1], [0.1, 0.35, 0.6, 0.9]
TABLE: dict[str, list[tuple[Any, ...]]] = {
    **{
        name: [(ANY,)]
        for name in (
            "erf erfc erfcx erfi dawsn ndtr log_ndtr expit log_expit exp10 exprel cosm1 expm1 exp2 "
            "cbrt sindg cosdg j0 j1 i0 i1 i0e i1e wrightomega rgamma gamma psi"
        ).split()
    },
    **{
        name: [(POSITIVE,)]
        for name in (
            "gammaln loggamma y0 y1 k0 k1 k0e k1e entr spence expi exp1 log1p tandg cotdg"
        ).split()
    },
    **{
        name: [(UNIT,)]
        for name in "erfinv erfcinv ndtri logit ellipk ellipe ellipkm1 ellipk".split()
    },
    "ndtri_exp": [([-3.0, -1.1, -0.2],)],
    "sici": [(POSITIVE,)],
    "shichi": [(POSITIVE,)],
    "fresnel": [(ANY,)],
    "airy": [(ANY,)],
    "xlogy": [(ANY, [0.4, 1.7, 2.2, 0.9, 3.0])],
    "xlog1py": [(ANY, [0.4, -0.7, 2.2, 0.9, 3.0])],
    "rel_entr": [(POSITIVE, 1.7)],
    "kl_div": [(POSITIVE, 1.7)],
    "powm1": [(POSITIVE, 1.7)],
    "boxcox": [(POSITIVE, 0.6), (POSITIVE, -1.2)],
    "boxcox1p": [(POSITIVE, 0.6)],
    "inv_boxcox": [(POSITIVE, 0.6)],
    "inv_boxcox1p": [(POSITIVE, 0.6)],
    "huber": [(1.0, ANY)],
    "pseudo_huber": [(1.3, ANY)],
    "owens_t": [(ANY, 0.7)],
    "poch": [(POSITIVE, 1.4)],
    "binom": [([5.5, 7.2], 2.3)],
    "beta": [(POSITIVE, 1.4)],
    "betaln": [(POSITIVE, 1.4)],
    "ellipkinc": [([0.3, 0.9, 1.4], 0.4)],
    "ellipeinc": [([0.3, 0.9, 1.4], 0.4)],
    **{
        name: [(POSITIVE,)]
        for name in (
            "ber bei ker kei berp beip kerp keip itstruve0 it2struve0 itmodstruve0"
        ).split()
    },
    "nrdtrimn": [(UNIT, 1.3, 0.4)],
    "nrdtrisd": [(0.2, [0.7, 0.9], 1.4)],
    "radian": [(ANY, 3.0, 4.0)],
    "voigt_profile": [(ANY, 0.8, 0.5)],
    "agm": [(POSITIVE, 1.4)],
    "elliprc": [(POSITIVE, 1.4), (POSITIVE, -1.4)],
    **{name: [(POSITIVE, 1.3, 0.4), (1.3, 1.3, 1.3)] for name in "elliprf elliprd elliprg".split()},
    "elliprj": [(POSITIVE, 1.3, 0.4, 0.7), (1.3, 1.3, 1.3, 1.3), (POSITIVE, 1.3, 2.4, -0.7)],
    "ellipj": [(ANY, 0.4), (ANY, 1e-3), (0.7, 0.999)],
    "itairy": [([0.2, 0.7, 1.3],)],
    **{name: [(POSITIVE,)] for name in "iti0k0 itj0y0 it2i0k0 it2j0y0 airye kolmogorov".split()},
    "kolmogi": [(UNIT,)],
}
BY_THE_LAST: dict[str, tuple[tuple[Any, ...], Any]] = {
    "zeta": ((2.5,), POSITIVE),
    **dict.fromkeys("gammainc gammaincc".split(), ((1.7,), POSITIVE)),
    **dict.fromkeys("gammaincinv gammainccinv".split(), ((1.7,), UNIT)),
    **dict.fromkeys("betainc betaincc betaincinv betainccinv".split(), ((1.7, 2.4), UNIT)),
    **dict.fromkeys("jv yv iv kv ive kve struve modstruve".split(), ((1.3,), POSITIVE)),
    **dict.fromkeys("yn kn expn".split(), ((2,), POSITIVE)),
    "stdtr": ((3.5,), ANY),
    "stdtrit": ((3.5,), UNIT),
    **dict.fromkeys("chdtr chdtrc".split(), ((3.5,), POSITIVE)),
    "chdtri": ((3.5,), UNIT),
    **dict.fromkeys("fdtr fdtrc".split(), ((3.5, 2.5), POSITIVE)),
    "fdtri": ((3.5, 2.5), UNIT),
    **dict.fromkeys("gdtr gdtrc".split(), ((1.2, 2.5), POSITIVE)),
    **dict.fromkeys("pdtr pdtrc".split(), ((3.0,), POSITIVE)),
    **dict.fromkeys("bdtr bdtrc".split(), ((2.0, 6), UNIT)),
    "hyp0f1": ((1.4,), ANY),
    "hyp1f1": ((0.7, 1.4), ANY),
    "hyperu": ((0.7, 1.4), POSITIVE),
    "hyp2f1": ((0.7, 1.2, 1.9), UNIT),
    **{
        name: ((n,), UNIT)
        for name in (
            "eval_legendre eval_chebyt eval_chebyu eval_hermite eval_hermitenorm eval_laguerre"
        ).split()
        for n in (3,)
    },
    "eval_genlaguerre": ((3, 0.5), UNIT),
    "eval_gegenbauer": ((3, 0.5), UNIT),
    "eval_jacobi": ((3, 0.5, 0.7), UNIT),
    **dict.fromkeys("nbdtr nbdtrc nbdtri".split(), ((3, 4), UNIT)),
    "bdtri": ((2, 6), UNIT),
    "pdtri": ((3.0,), UNIT),
    "gdtrix": ((1.2, 2.5), UNIT),
    "gdtria": ((0.4, 2.5), POSITIVE),
    "chndtr": ((1.7, 3.5), POSITIVE),
    **dict.fromkeys("jve yve".split(), ((1.3,), POSITIVE)),
    **dict.fromkeys(
        "eval_chebyc eval_chebys eval_sh_chebyt eval_sh_chebyu eval_sh_legendre".split(),
        ((3,), UNIT),
    ),
    "eval_sh_jacobi": ((3, 1.9, 1.2), UNIT),
    "lpmv": ((1, 3), UNIT),
    "nctdtr": ((3.5, 0.7), ANY),
    "nctdtrit": ((3.5, 0.7), UNIT),
    "nctdtrinc": ((3.5, 0.4), ANY),
    **dict.fromkeys("smirnov smirnovi".split(), ((7,), UNIT)),
    "ncfdtr": ((3.0, 5.0, 1.2), POSITIVE),
    "ncfdtri": ((3.0, 5.0, 1.2), UNIT),
    "wright_bessel": ((0.5, 1.2), POSITIVE),
    "log_wright_bessel": ((0.5, 1.2), POSITIVE),
    **dict.fromkeys("pbdv pbvv pbwa".split(), ((0.5,), ANY)),
    **dict.fromkeys("mathieu_cem mathieu_sem".split(), ((2, 0.5), [10.0, 75.0])),
    **{f"mathieu_mod{kind}": ((2, 0.5), UNIT) for kind in "cem1 cem2 sem1 sem2".split()},
    **dict.fromkeys("pro_ang1 obl_ang1 obl_rad1".split(), ((1, 2, 0.7), UNIT)),
    "pro_rad1": ((1, 2, 0.7), [1.4, 2.6]),
    "pro_ang1_cv": ((1, 2, 0.7, sp.pro_cv(1, 2, 0.7)), UNIT),
    "pro_rad1_cv": ((1, 2, 0.7, sp.pro_cv(1, 2, 0.7)), [1.4, 2.6]),
    **dict.fromkeys("obl_ang1_cv obl_rad1_cv".split(), ((1, 2, 0.7, sp.obl_cv(1, 2, 0.7)), UNIT)),
}
ROUGH = {
    "nctdtrinc",
    "nbdtr",
    "nbdtrc",
    "nbdtri",
    "bdtri",
    "pdtri",
    "expn",
    "chdtri",
    "fdtri",
    "bdtr",
    "bdtrc",
    "pdtr",
    "pdtrc",
    "gammasgn",
}
"""Whose second derivatives lead to functions that have none by the argument in question."""


COMPLEX = {
    **dict.fromkeys("hankel1 hankel1e hankel2 hankel2e".split(), (1.3,)),
    **dict.fromkeys("kelvin modfresnelp modfresnelm".split(), ()),
}
"""Whose results are complex for real arguments: those before the last."""
BESIDE = {
    *"gammasgn round tklmbda wofz besselpoly chndtrix chndtrinc".split(),
    *COMPLEX,
}


def as_arrays(args: tuple[Any, ...]) -> list[Any]:
    return [np.array(a) if isinstance(a, list) else a for a in args]


def total(name: str, *args: Any) -> Any:
    """A number that depends on every result."""
    y = getattr(sp, name)(*args)
    parts = y if isinstance(y, tuple) else (y,)
    return sum(np.sum(p * w) for p, w in zip(parts, (1.0, 0.7, -0.4, 1.3)))


@pytest.mark.sampled(6)
@pytest.mark.parametrize(
    ("name", "args"),
    [pytest.param(name, args, id=name) for name, rows in TABLE.items() for args in rows],
)
def test_by_every_argument(name: str, args: tuple[Any, ...]) -> None:
    xs = as_arrays(args)
    expected = total(name, *xs)
    ts = [mg.Tensor(x, requires_grad=True) for x in xs]
    assert total(name, *ts).item() == pytest.approx(expected, rel=1e-14)
    report = mg.gradcheck(lambda *a: total(name, *a), *xs, order=2)
    assert report, report


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", BY_THE_LAST)
def test_by_the_last_argument(name: str) -> None:
    fixed, x = BY_THE_LAST[name]
    x = np.array(x)
    t = mg.Tensor(x, requires_grad=True)
    expected = total(name, *fixed, x)
    np.testing.assert_array_equal(total(name, *fixed, t).data, expected)
    order = 1 if name in ROUGH else 2
    report = mg.gradcheck(lambda x: total(name, *fixed, x), x, order=order)
    assert report, report


def test_every_rule_along_one_direction() -> None:
    """First derivatives of the whole tables: what the default tests see of most of their rows."""
    rows = [(name, (), args) for name, found in TABLE.items() for args in found]
    rows += [(name, fixed, (x,)) for name, (fixed, x) in BY_THE_LAST.items()]
    polynomials = [name for name in BY_THE_LAST if name.startswith("eval_")]
    for name in polynomials:  # which have a constant, and a line, too
        fixed, x = BY_THE_LAST[name]
        rows += [(name, (n, *fixed[1:]), (x,)) for n in (0, 1)]
    for name, fixed, args in rows:
        try:
            check(lambda *xs, n=name, c=fixed: total(n, *c, *xs), as_arrays(args), 1e-5, 1e-4)
        except AssertionError as e:
            raise AssertionError(f"{name}{args}: {e}") from None


@pytest.mark.parametrize(
    ("name", "place", "args"),
    [
        ("gdtrix", 0, (np.array([0.7, 1.2]), 2.5, 0.4)),
        ("gdtria", 0, (np.array([0.3, 0.6]), 2.5, 1.4)),
        ("chndtr", 0, (np.array([0.7, 2.2]), 3.5, 1.4)),
        ("tklmbda", 0, (np.array([-0.7, 0.2, 1.1]), 0.3)),
        ("besselpoly", 0, (np.array([0.7, 2.2]), 1.2, 0.5)),
        ("chndtrix", 0, (np.array([0.3, 0.6]), 3.5, 1.4)),
        ("chndtrix", 2, (0.4, 3.5, np.array([0.7, 2.2]))),
        ("chndtrinc", 0, (np.array([3.0, 4.5]), 2.5, 0.3)),
        ("chndtrinc", 2, (3.0, 2.5, np.array([0.2, 0.4]))),
        ("ncfdtr", 2, (3.0, 5.0, np.array([0.7, 2.2]), 0.9)),
        ("ncfdtri", 2, (3.0, 5.0, np.array([0.7, 2.2]), 0.4)),
    ],
)
def test_by_one_argument(name: str, place: int, args: tuple[Any, ...]) -> None:
    def f(x: Any) -> Any:
        return total(name, *args[:place], x, *args[place + 1 :])

    report = mg.gradcheck(f, args[place], order=2)
    assert report, report


@pytest.mark.parametrize("part", [np.real, np.imag])
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_results(name: str, part: Callable[..., Any]) -> None:
    f = lambda x: part(total(name, *COMPLEX[name], x))
    report = mg.gradcheck(f, np.array([0.4, 1.7]), order=2)
    assert report, report


@pytest.mark.parametrize(("n", "k"), [(2.0, 4.0), (0.0, 2.0), (3.0, -1.0), (200.0, 3.0), (1.0, 30)])
def test_binomials_beside_their_zeros(n: float, k: float) -> None:
    report = mg.gradcheck(sp.binom, n, k, order=2)
    assert report, report
    exact = (sp.binom(n + 1e-5, k) - sp.binom(n - 1e-5, k)) / 2e-5
    assert mg.grad(sp.binom)(n, k) == pytest.approx(exact, rel=1e-6, abs=1e-12)


def test_integrals_at_the_edge_of_their_domain() -> None:
    with np.errstate(divide="ignore"):
        assert mg.grad(sp.elliprf)(0.0, 1.0, 2.0) == -np.inf
        assert mg.grad(sp.elliprd)(0.0, 1.0, 2.0) == -np.inf
    assert mg.grad(sp.elliprg)(0.0, 1.0, 2.0) == pytest.approx(sp.elliprf(0.0, 1.0, 2.0) / 4)
    assert mg.grad(lambda m: sp.ellipj(1.0, m)[0])(1.0) == pytest.approx(
        (sp.ellipj(1.0, 1.0)[0] - sp.ellipj(1.0, 1 - 1e-6)[0]) / 1e-6, rel=1e-4
    )
    x = mg.Tensor(np.float32([0.5, 1.5]), requires_grad=True)
    sp.elliprd(x, x, np.float32(2)).sum().backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "args", "slope"),
    [
        ("rgamma", (np.array([0.0, -1.0, -2.0]),), [1.0, -1.0, 2.0]),
        ("spence", (np.array([1.0]),), [-1.0]),
        ("exprel", (np.array([0.0]),), [0.5]),
        ("ellipk", (np.array([0.0]),), [np.pi / 8]),
        ("ellipe", (np.array([0.0]),), [-np.pi / 8]),
        ("gammasgn", (np.array([-0.5, 2.0]),), [0.0, 0.0]),
    ],
)
def test_at_points_that_the_formula_divides_by(name: str, args: Any, slope: Any) -> None:
    f = lambda x: np.sum(getattr(sp, name)(x))
    np.testing.assert_allclose(mg.grad(f)(*args), slope, rtol=1e-12)


def test_zeros_of_logarithms() -> None:
    assert mg.grad(lambda y: sp.xlogy(0.0, y))(0.0) == 0
    assert mg.grad(lambda p: sp.boxcox(2.0, p))(0.0) == pytest.approx(np.log(2) ** 2 / 2)
    assert mg.grad(lambda p: sp.inv_boxcox(0.5, p))(0.0) == pytest.approx(-np.exp(0.5) / 8)
    assert mg.grad(lambda x: sp.eval_legendre(0, x))(0.5) == 0
    assert mg.grad(lambda x: sp.eval_legendre(3, x))(1.0) == pytest.approx(6.0)
    assert mg.grad(lambda x: sp.expn(0, x))(2.0) == pytest.approx(-np.exp(-2) * 0.75)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda v: sp.jv(v, 1.0), "special.jv"),
        (lambda a: sp.gammainc(a, 1.0), "special.gammainc"),
        (lambda s: sp.zeta(s, 1.0), "special.zeta"),
    ],
)
def test_no_closed_form(call: Callable[..., Any], name: str) -> None:
    with pytest.raises(
        TypeError, match=f"{name}.*no derivative in closed form is known with respect to x1"
    ):
        call(mg.Tensor(1.5, requires_grad=True))


def test_what_has_no_row_is_refused_by_name() -> None:
    x = mg.Tensor(0.5, requires_grad=True)
    with pytest.raises(TypeError, match="zetac is not covered"):
        sp.zetac(x)


def test_float32_stays_float32() -> None:
    x = mg.Tensor(np.array([0.3, 0.6], np.float32), requires_grad=True)
    y = sp.gammaln(x) + sp.ndtr(x)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_traced_compiled_and_explained() -> None:
    f = lambda x: np.sum(sp.gammaln(x) * sp.ndtr(x))
    x = np.array([0.5, 1.5])
    expected = mg.grad(f)(x)
    compiled = mg.compile(mg.grad(f))
    for _ in range(2):
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-13)


def test_the_source_imports_what_it_uses() -> None:
    f = lambda x: np.sum(sp.jv(2, x) * sp.gammaln(x)) + sp.sici(x)[0].sum() + sp.psi(x).sum()
    x = np.array([0.5, 1.5])
    program = mg.trace(mg.grad(f), x)
    assert "from scipy.special import gammaln as gammaln\n" in program.source
    scope: dict[str, Any] = {}
    exec(program.source, scope)
    np.testing.assert_allclose(scope[program.name](x), mg.grad(f)(x), rtol=1e-13)


def test_scipy_stays_where_it_was_not_asked_for() -> None:
    code = """
import sys, numpy as np, minigrad as mg
mg.grad(np.exp)(1.0)
assert not any(m.startswith("scipy") for m in sys.modules)
import scipy.special as sp
assert "minigrad.ops.scipy_special" not in sys.modules
print(mg.grad(sp.gammaln)(1.0))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(run.stdout) == pytest.approx(-0.5772156649, rel=1e-9)


def test_every_row_is_in_the_tables() -> None:
    sp.gamma(mg.Tensor(1.0))  # which loads the rows
    rows = {name.removeprefix("special.") for name in public if name.startswith("special.")}
    missing = rows - TABLE.keys() - BY_THE_LAST.keys() - BESIDE
    assert not missing


def test_rows_that_fit_no_table() -> None:
    x = np.array([-0.7, 0.2, 1.1])
    h = 1e-6
    slope = mg.grad(lambda v: sp.tklmbda(v, 0.4).sum())(x)
    np.testing.assert_allclose(
        slope, (sp.tklmbda(x + h, 0.4) - sp.tklmbda(x - h, 0.4)) / 2 / h, 1e-6
    )
    np.testing.assert_array_equal(mg.grad(lambda v: (sp.round(v) + v).sum())(x), np.ones(3))
    slope = mg.grad(lambda v: np.real(sp.wofz(v + 0.5j)).sum())(x)
    np.testing.assert_allclose(
        slope, (sp.wofz(x + h + 0.5j) - sp.wofz(x - h + 0.5j)).real / 2 / h, 1e-6, 1e-8
    )


def test_the_mirror_has_ufuncs_whose_help_has_the_derivatives() -> None:
    from minigrad.scipy import special

    assert "∂/∂x gamma(x) = gamma(x)·ψ(x)" in pydoc.render_doc(
        special.gamma, renderer=pydoc.plaintext
    )
    assert special.erf.__doc__ == mg.erf.__doc__
    assert special.gamma is special.gamma
    assert pickle.loads(pickle.dumps(special.gamma)) is special.gamma
    assert special.gamma.nin == 1 and special.loggamma(1j) == sp.loggamma(1j)
    np.testing.assert_array_equal(special.xlogy.outer([1.0, 2.0], 2.0), sp.xlogy([1.0, 2.0], 2.0))
    np.testing.assert_array_equal(special.gamma([0.5], out=np.zeros(1)), sp.gamma([0.5]))
    np.testing.assert_allclose(mg.grad(special.gamma)(0.7), sp.gamma(0.7) * sp.psi(0.7))
    np.testing.assert_allclose(mg.compile(mg.grad(special.gamma))(0.7), mg.grad(sp.gamma)(0.7))
    assert special.mathieu_a is sp.mathieu_a  # SciPy's own, which has no rule
    x = np.array([0.5, 2.0])
    np.testing.assert_array_equal(special.gamma(x), sp.gamma(x))
    assert isinstance(special.gamma(0.5), float)


def test_newton_has_the_derivatives_of_the_zeros() -> None:
    from minigrad.scipy.optimize import newton

    c = np.array([1.0, 8.0, 27.0])
    roots = lambda c: newton(lambda x, c: x**3 - c, np.ones(3), args=(c,)).sum()
    np.testing.assert_allclose(mg.grad(roots)(c), c ** (-2 / 3) / 3)
    np.testing.assert_allclose(np.diag(mg.hessian(roots)(c)), -2 / 9 * c ** (-5 / 3))
    closed = mg.grad(lambda c: newton(lambda x: x**2 - c, 1.0, lambda x: 2 * x))
    np.testing.assert_allclose(closed(2.0), 1 / np.sqrt(8))
    with pytest.raises(RuntimeError):
        newton(lambda x: x**2 + 1, 0.3, maxiter=5)


NEARLY_ZERO_BY_ZERO = [
    *((f, (p,), 0) for f in "ellipk ellipe".split() for p in (0.0, 1e-9, 1e-4, 0.5, -0.5)),
    *(("ellipkm1", (p,), 0) for p in (1.0, 1 + 1e-9, 0.5, 1.5)),
    *((f, (phi, m), 1) for f in ("ellipkinc", "ellipeinc") for phi in (0.3, 1.3, 4.0)
      for m in (0.0, 1e-9, -1e-4, 0.09, 0.11)),
    *((f, (x, p), 1) for f in ("boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p")
      for x in (0.6, 1.3) for p in (0.0, 1e-9, 1e-4, -0.2)),
    *(("rgamma", (x,), 0) for x in (0.0, -1.0, -4.0, 1e-9, -1 + 1e-9, 0.5)),
    *(("spence", (x,), 0) for x in (1.0, 1 + 1e-9, 0.5, 1.5)),
    *((f, (x,), 0) for f in "ber bei berp beip it2struve0".split() for x in (0.0, 1e-9, 0.5, 1.0)),
    *(("voigt_profile", (1.3, s, c), 1) for s in (1e-5, 0.05, 0.11) for c in (0.0, 0.4)),
    *(("voigt_profile", (x, 0.03, 0.4), i) for x in (0.0, 0.3, 2.0) for i in (0, 2)),
    *((f, (0, x), 1) for f in "eval_chebyc eval_chebys eval_sh_chebyt eval_sh_chebyu".split()
      for x in (0.0, 0.7)),
    ("eval_sh_legendre", (0, 0.0), 1), ("tklmbda", (1.4, 0.9), 0), ("tklmbda", (-0.7, 2.0), 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "i"), NEARLY_ZERO_BY_ZERO)
def test_where_the_textbook_formula_divides_by_zero(
    name: str, args: tuple[float, ...], i: int
) -> None:
    function = getattr(sp, name)
    f = lambda x: function(*args[:i], x, *args[i + 1 :])
    x, h = args[i], 4e-3 if args[i] != 1e-5 else 1e-6
    a, b, c, d, e = (float(f(x + k * h)) for k in (-2, -1, 0, 1, 2))
    first, second = (8 * (d - b) - (e - a)) / 12 / h, (16 * (b + d) - a - e - 30 * c) / 12 / h**2
    slope = mg.grad(f)
    assert slope(x) == pytest.approx(first, rel=1e-6, abs=1e-8)
    if args[i] != 1e-5:
        assert mg.grad(slope)(x) == pytest.approx(second, rel=1e-5, abs=1e-6)


def test_orders_that_scipy_cuts_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for name, args in (("kn", (1.7, 0.9)), ("yn", (1.7, 0.9)), ("expn", (2.7, 0.9))):
            f = lambda x, f=getattr(sp, name), n=args[0]: f(n, x)
            whole = lambda x, f=getattr(sp, name), n=int(args[0]): f(n, x)
            assert mg.grad(f)(args[1]) == mg.grad(whole)(args[1])


@pytest.mark.parametrize("name", ["nbdtr", "nbdtrc", "nbdtri", "bdtri"])
@pytest.mark.filterwarnings("ignore:floating point number truncated:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:non-integer arg:DeprecationWarning")
def test_counts_are_cut_to_whole_numbers_as_scipy_does(name: str) -> None:
    f = getattr(sp, name)
    for k, n, p in ((1.4, 3.7, 0.6), (2.0, 6.9, 0.3), (0.9, 2.0, 0.45)):
        h = 1e-5
        slope = (f(k, n, p + h) - f(k, n, p - h)) / (2 * h)
        assert np.isclose(mg.grad(lambda p, k=k, n=n: f(k, n, p))(p), slope, rtol=1e-6)


@pytest.mark.parametrize("name", ["sici", "shichi", "itj0y0", "iti0k0"])
def test_an_infinite_slope_of_a_result_not_asked_for_stays_out(name: str) -> None:
    f = getattr(sp, name)
    assert mg.grad(lambda x: f(x)[0])(0.0) == 1
    assert np.array_equal(mg.grad(lambda x: np.sum(f(x)[0]))(np.zeros(2)), [1, 1])
    assert mg.grad(lambda x: f(x)[1] * 0.0 + f(x)[0] * 0.0)(0.7) == 0


LIMITS = [
    ("boxcox", (0.0, 2.0), (0.0, 0.25)),
    ("boxcox", (0.0, -1.0), (np.inf, np.inf)),
    ("boxcox1p", (-1.0, 0.5), (np.inf, 4.0)),
    ("powm1", (0.0, 2.0), (0.0, 0.0)),
    ("powm1", (0.0, 0.0), (0.0, -np.inf)),
    ("agm", (0.0, 2.0), (np.inf, 0.0)),
    ("agm", (2.0, 0.0), (0.0, np.inf)),
    ("gdtr", (2.0, 0.5, 0.0), (0.0, None, np.inf)),
    ("gdtr", (2.0, 1.0, 0.0), (0.0, None, 2.0)),
    ("elliprg", (0.0, 0.0, 1.0), (np.inf, np.inf, 0.25)),
    ("elliprj", (0.0, 1.0, 2.0, 3.0), (-np.inf, -0.255081, -0.145526, -0.206399)),
    ("inv_boxcox", (-0.5, 2.0), (np.inf, -np.inf)),
    ("inv_boxcox", (-1.0, 1.0), (1.0, -1.0)),
    ("inv_boxcox", (-2.0, 0.5), (0.0, 0.0)),
    ("pseudo_huber", (0.0, -1.0), (1.0, 0.0)),
    ("pseudo_huber", (0.0, 0.0), (0.0, 0.0)),
    ("chndtrinc", (3.0, 2.0, 0.99), (np.nan, None, np.nan)),  # no centre has that share
]


@pytest.mark.parametrize(("name", "at", "slopes"), LIMITS)
def test_slopes_at_the_ends(name: str, at: Any, slopes: Any) -> None:
    from minigrad.scipy import special

    function = getattr(special, name)
    for i, slope in enumerate(slopes):
        if slope is not None:
            with np.errstate(all="ignore"):
                got = mg.grad(function, i)(*at)
            np.testing.assert_allclose(got, slope, rtol=1e-5, atol=1e-12)


def test_the_sine_of_degree_zero_is_zero() -> None:
    from minigrad.scipy import special

    for i in (0, 1):
        assert mg.grad(lambda x, i=i: special.mathieu_sem(0, 1.0, x)[i])(30.0) == 0


@pytest.mark.parametrize("n", [0.6, 1.0, 3.5])
def test_noncentral_student_by_its_centre(n: float) -> None:
    from minigrad.scipy import special

    for d, t in ((0.7, 1.2), (-1.1, 0.4), (2.0, -0.3)):
        h = 1e-5
        slope = (sp.nctdtr(n, d + h, t) - sp.nctdtr(n, d - h, t)) / (2 * h)
        assert mg.grad(special.nctdtr, 1)(n, d, t) == pytest.approx(slope, rel=1e-5)
        share = sp.nctdtr(n, d, t)
        by_share = mg.grad(special.nctdtrinc, 1)(n, share, t)
        assert by_share == pytest.approx(1 / slope, rel=1e-4)
