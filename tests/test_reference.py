"""What help says: every op has a docstring, its formulas are right, its examples run."""

import doctest
import inspect
import pickle
import pydoc
import re
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops.glossary import GLOSSARY, completed, explained
from minigrad.ops.record import Op, registry
from minigrad.reference import described, summary
from tables import each

ELEMENTWISE = [
    name for name, op in registry.items()
    if op.elementwise and op.vjps is not None and not op.doc and "." not in name
]  # fmt: skip
NONE = ("ldexp", "nextafter")
"""They have no derivative by whole numbers, or none at all."""
TEXTBOOK = {
    "exp": ["exp(x)"],
    "tanh": ["1 - tanh(x)²"],
    "log": ["1/x"],
    "divide": ["1/x2", "-(x1 / x2)/x2"],
    "hypot": ["x1/hypot(x1, x2)", "x2/hypot(x1, x2)"],
    "logaddexp": ["σ(x1 - x2)", "σ(x2 - x1)"],
    "floor": ["0"],
    "maximum": ["1[x1 > x2]", "1[x2 > x1]"],
    "special.zeta": ["-x1·ζ(x1 + 1, x2)"],
    "special.jv": ["(special.jv(x1 - 1, x2) - special.jv(x1 + 1, x2))/2"],
    "special.expn": ["-special.expn(x1 - 1, x2)"],
    "special.wofz": ["√(4/π)i - 2·x·wofz(x)"],
}


def formulas(op):
    return re.findall(r"^    ∂/∂\w+ .* = (.*)$", op.__doc__, re.M)


@each("name", sorted(n for n in registry if n[0] != "_"))
def test_every_op_says_what_it_is(name):
    doc = inspect.getdoc(registry[name])
    assert doc.splitlines()[0].endswith(".") or "\n" in doc
    assert "Parameters\n----------" in doc


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivatives_are_listed_and_examples_run(name):
    op = registry[name]
    if name not in NONE:
        assert len(formulas(op)) == sum(op.rule(i) is not None for i in range(op.arity))
        assert not re.search(r"where\(|\bt\d|\bc\d", op.__doc__)
    test = doctest.DocTestParser().get_doctest(op.__doc__, {}, name, None, None)
    assert test.examples or name in NONE
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", TEXTBOOK)
def test_formulas_are_the_textbooks(name):
    assert formulas(registry[name]) == TEXTBOOK[name]


def test_kinks_are_told():
    assert "At the kink, x = 0, the derivative is 0 by convention." in mg.absolute.__doc__
    assert "At the kink, x1 = x2, the derivative is 0.5 by convention." in mg.maximum.__doc__


def test_rules_are_not_listed_where_the_derivative_is_told():
    for doc in (described(registry[name]) for name in ("gelu", "leaky_relu", "elu")):
        assert "Derivative:" in doc and "from its rules" not in doc
    assert "from its rules" in mg.tanh.__doc__


def test_what_is_refused_is_not_listed():
    assert "out :" not in mg.clip.__doc__


def test_help_shows_the_docstring():
    assert "∂/∂x exp(x) = exp(x)" in pydoc.render_doc(mg.exp, renderer=pydoc.plaintext)
    assert "Sum over" in mg.sum.__doc__
    assert Op.__doc__.startswith("One differentiable")


def test_docstrings_cost_nothing_until_they_are_read():
    op = Op("mine", lambda x: x, (lambda g, ans, x: g,), doc=None, elementwise=True)
    mg.grad(op)
    assert "__doc__" not in vars(op)


def test_parameters_are_added_before_the_examples():
    def f(a, axis=None, out=None):
        """Do something.

        Examples
        --------
        >>> 1
        1
        """

    listed = {"Parameters": explained(inspect.signature(f), {"out"})}
    doc = completed(f.__doc__, listed)
    assert doc.splitlines()[:8] == [
        "Do something.", "", "Parameters", "----------", "a : array_like",
        f"axis : {GLOSSARY['axis'][0]}", f"    {GLOSSARY['axis'][1]}", "",
    ]  # fmt: skip
    assert completed(doc, listed) == doc
    assert completed(None, listed) is None


def test_the_package_travels_by_name():
    """Functions of a script are pickled with the modules that they name."""
    assert pickle.loads(pickle.dumps(mg)) is mg


def test_the_package_can_be_reloaded():
    code = (
        "import importlib, minigrad as mg; importlib.reload(mg); assert mg.grad(mg.tanh)(0.0) == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


MODULES = (
    "nn", "nn.functional", "losses", "optim", "plots", "parallel", "onnx", "linalg", "fft",
    "scipy.stats", "scipy.special", "scipy.linalg", "scipy.optimize", "scipy.integrate",
    "scipy.interpolate", "scipy.signal", "scipy.ndimage", "scipy.sparse",
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules_list_what_they_offer(name):
    """No typing, no NumPy, no helper: what stands there is documented."""
    module = pytest.importorskip(f"minigrad.{name}")
    offered = [n for n in dir(module) if n[0] != "_"]
    for n in offered:
        thing = getattr(module, n)
        assert not inspect.ismodule(thing)
        home = str(getattr(thing, "__module__", type(thing).__module__))
        assert not home.startswith(("typing", "collections", "numpy.typing")), n
        assert inspect.getdoc(thing), n


@each("name", sorted(n for n, op in registry.items() if n in dir(mg)))
def test_examples_of_ops_run(name):
    test = doctest.DocTestParser().get_doctest(registry[name].__doc__, {}, name, None, None)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.DocTestRunner(optionflags=flags).run(test).failed == 0


def test_programs_have_a_signature_and_so_has_their_class():
    assert "equations" in inspect.signature(mg.Program).parameters
    assert list(inspect.signature(mg.trace(lambda a, b: a * b, 1.0, 2.0)).parameters) == ["a", "b"]


def test_what_numpy_has_is_told() -> None:
    told = [summary(registry[name]) for name in ("add", "sigmoid", "einsum")]
    assert [text.partition(", as ")[2] for text in told] == ["`numpy.add`.", "", "`numpy.einsum`."]
