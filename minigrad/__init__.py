"""minigrad: reverse-mode automatic differentiation on NumPy that shows its work."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from minigrad import linalg
from minigrad.autodiff import (
    defop,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from minigrad.debug import debug
from minigrad.gradcheck import gradcheck
from minigrad.graph import no_grad
from minigrad.ops import *
from minigrad.tensor import Tensor

del globals()["trace"]  # of a matrix or of a function: the one below tells them apart

if _TYPE_CHECKING:
    from minigrad import losses, nn, optim, plots
    from minigrad.derivation import assert_derivation, check_derivation
    from minigrad.draw import draw
    from minigrad.explain import explain, paths
    from minigrad.program import Program, compile, trace
    from minigrad.storage import load, save

__version__ = "0.1.0"

_LATER = {
    "Program": "program",
    "assert_derivation": "derivation",
    "check_derivation": "derivation",
    "compile": "program",
    "draw": "draw",
    "explain": "explain",
    "load": "storage",
    "losses": "losses",
    "nn": "nn",
    "optim": "optim",
    "paths": "explain",
    "plots": "plots",
    "save": "storage",
    "trace": "program",
}
"""Name -> the module it lives in (or is), imported at first use: who only differentiates
does not wait for the others."""


def __getattr__(name: str) -> _Any:
    if name not in _LATER:
        raise AttributeError(f"module 'minigrad' has no attribute {name!r}")
    module = _import_module(f"minigrad.{_LATER[name]}")
    return module if name == _LATER[name] else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
