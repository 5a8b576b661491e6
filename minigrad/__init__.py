"""minigrad: reverse-mode automatic differentiation on NumPy that shows its work."""

import sys as _sys
from importlib import import_module as _import_module
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from minigrad import fft as fft
from minigrad import linalg as linalg
from minigrad.autodiff import checkpoint as checkpoint
from minigrad.autodiff import defop as defop
from minigrad.autodiff import grad as grad
from minigrad.autodiff import gradients as gradients
from minigrad.autodiff import hessian as hessian
from minigrad.autodiff import hvp as hvp
from minigrad.autodiff import jacobian as jacobian
from minigrad.autodiff import jvp as jvp
from minigrad.autodiff import linearize as linearize
from minigrad.autodiff import value_and_grad as value_and_grad
from minigrad.autodiff import vjp as vjp
from minigrad.autodiff import vmap as vmap
from minigrad.debug import debug as debug
from minigrad.gradcheck import gradcheck as gradcheck
from minigrad.graph import no_grad as no_grad
from minigrad.ops import *
from minigrad.ops import record as _record
from minigrad.tensor import Tensor as Tensor
from minigrad.tensor import buffer as buffer

del trace  # noqa: F821  # of a matrix: the program's, found below, takes matrices as well

globals().pop("tensor", None)  # the package; who looks for PyTorch's mg.tensor gets a hint instead


def _described(op: _Any) -> str:
    return str(_import_module("minigrad.reference").described(op))


_record.describe = _described

if _TYPE_CHECKING:
    from minigrad import losses as losses
    from minigrad import nn as nn
    from minigrad import onnx as onnx
    from minigrad import optim as optim
    from minigrad import parallel as parallel
    from minigrad import plots as plots
    from minigrad.derivation import assert_derivation as assert_derivation
    from minigrad.derivation import check_backward as check_backward
    from minigrad.derivation import check_derivation as check_derivation
    from minigrad.derivation import cmp as cmp
    from minigrad.derivation import exercise as exercise
    from minigrad.derivation import grade as grade
    from minigrad.draw import draw as draw
    from minigrad.draw import explore as explore
    from minigrad.explain import explain as explain
    from minigrad.explain import paths as paths
    from minigrad.explain import why as why
    from minigrad.program import Program as Program
    from minigrad.program import compile as compile
    from minigrad.program import trace as trace
    from minigrad.storage import load as load
    from minigrad.storage import save as save

__version__ = "0.2.0"

_LATER = {
    "Program": "program",
    "assert_derivation": "derivation",
    "check_backward": "derivation",
    "check_derivation": "derivation",
    "cmp": "derivation",
    "compile": "program",
    "draw": "draw",
    "exercise": "derivation",
    "explain": "explain",
    "explore": "draw",
    "grade": "derivation",
    "load": "storage",
    "losses": "losses",
    "nn": "nn",
    "onnx": "onnx",
    "optim": "optim",
    "parallel": "parallel",
    "paths": "explain",
    "plots": "plots",
    "save": "storage",
    "trace": "program",
    "why": "explain",
}
"""Name -> the module it lives in (or is), imported at first use: who only differentiates
does not wait for the others."""


def __getattr__(name: str) -> _Any:
    if name not in _LATER:
        hint = _import_module("minigrad.ops.hints").hint(name, "minigrad")
        raise AttributeError(f"module 'minigrad' has no attribute {name!r}{hint}")
    module = _import_module(f"minigrad.{_LATER[name]}")
    return getattr(module, name, module)


class _Package(_ModuleType):
    """Functions keep their names where a package is called alike: ``import minigrad.draw``."""

    def __setattr__(self, name: str, value: _Any) -> None:
        own = getattr(value, name, None) if isinstance(value, _ModuleType) else None
        super().__setattr__(name, own or value)

    def __reduce__(self) -> tuple[_Any, ...]:
        return _import_module, (self.__name__,)  # functions that name it travel to other processes


_sys.modules[__name__].__class__ = _Package


def load_ipython_extension(shell: _Any) -> None:
    """What ``%load_ext minigrad`` calls: %explain, %draw and %%grade.

    Parameters
    ----------
    shell : IPython's shell

    Examples
    --------
    >>> class Shell:  # IPython passes its own
    ...     def register_magic_function(self, function, kind, name):
    ...         print(kind, name)
    >>> load_ipython_extension(Shell())
    line explain
    line draw
    cell grade
    """
    _import_module("minigrad.notebook").load(shell)


def __dir__() -> list[str]:
    inner = {n for n, x in globals().items() if isinstance(x, _ModuleType)} - {"fft", "linalg"}
    return sorted({*globals(), *_LATER} - (inner - _LATER.keys()))
