"""The functions, methods and operations that the closed interpreter computes with."""

from __future__ import annotations

import ast
import operator

import numpy as np

from minigrad.typing import Array, Function

FUNCTIONS: dict[str, Function] = {
    name: getattr(np, name) for name in (
        "abs absolute add append arange argmax argmin array asarray broadcast_to ceil clip "
        "concatenate column_stack cos cosh cumsum diag divide dot einsum exp expand_dims expm1 "
        "eye flip floor full_like hstack identity inner insert log log1p matmul max maximum "
        "mean min minimum multiply negative newaxis ones_like outer power prod reciprocal "
        "repeat reshape roll sign sin sinh sort sqrt square squeeze stack std subtract sum "
        "swapaxes tan tanh tensordot tile trace transpose var vstack where zeros_like float64 "
        "float32"
    ).split()
}  # fmt: skip
BUILTINS: dict[str, Function] = {
    "float": float, "int": int, "abs": abs, "min": min, "max": max,
}  # fmt: skip
METHODS = {"astype", "clip", "copy", "cumsum", "dot", "flatten", "max", "mean", "min", "prod",
           "ravel", "repeat", "reshape", "squeeze", "std", "sum", "swapaxes", "transpose",
           "var"}  # fmt: skip
MORE = ("any all argsort atleast_2d diff isnan logaddexp nan_to_num nonzero rint searchsorted "
        "sinc triu tril unique zeros ones full empty full copy pad moveaxis rollaxis ravel "
        "cross power flipud fliplr logical_and logical_or logical_not linspace count_nonzero "
        "empty_like asfarray ascontiguousarray take triu_indices vdot kron hypot arctan arctan2 "
        "arcsin arccos float_power mod remainder fmod fabs average median nansum cumprod "
        "amax amin take_along_axis put_along_axis array_equal isclose allclose split "
        "array_split hsplit vsplit dsplit dstack greater less equal not_equal diagflat flatnonzero "
        "fill_diagonal ix_ amin argwhere sign isfinite real imag conj conjugate angle convolve "
        "correlate shape size ndim").split()  # fmt: skip
FFT = ("fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn fftfreq rfftfreq "
       "fftshift ifftshift").split()  # fmt: skip
LINALG = "cholesky det inv norm pinv slogdet solve trace eigh".split()
TYPES = {"float": np.dtype(float), "int": np.dtype(int), "bool": np.dtype(bool)}
CONSTANTS = {"newaxis": None, "pi": np.pi, "e": np.e, "float64": np.dtype("f8"),
             "float32": np.dtype("f4")}  # fmt: skip
OPERATIONS: dict[type, Function] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.MatMult: operator.matmul, ast.Pow: lambda a, b: power(a, b),
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt,
    ast.LtE: operator.le, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
SIGNS: dict[type, Function] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert,
    ast.Not: operator.not_,
}  # fmt: skip
LARGEST = 10_000_000
"""Arrays with more entries are not made."""
KINDS = (np.number, np.bool_)
NUMBERS: list[type] = [
    int,
    float,
    bool,
    complex,
    *(k for k in np.sctypeDict.values() if issubclass(k, KINDS)),
]
NUMERIC = "fiubc"
"""The kinds of arrays that are computed with."""
WIDEST = 64
"""Integers of more bits are not computed with."""
KEYWORDS = {"axis", "axes", "dtype", "optimize", "keepdims"}
"""Those of functions whose answers have other shapes than their arguments."""


class Unknown(Exception):
    """A part of an expression that is not computed here."""


def exactly(value: object, *kinds: type) -> bool:
    """Whether it is of one of these types, and of no class of the user's."""
    return any(type(value) is kind for kind in kinds)


def power(a: Array, b: Array) -> Array:
    if exactly(a, int) and exactly(b, int) and abs(b) > WIDEST:
        raise Unknown("9**9**9")
    return a**b
