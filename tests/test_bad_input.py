# ruff: noqa: E501 (a table reads best with one row to a line)
"""The catalogue of wrong calls: each has one clear error, in the user's words.

A row is what a person did, the type of the error, and what its message must contain: the
op, the user's names, shapes or dtypes, and what to do.
"""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from minigrad.errors import label
from tables import each

AxisError = np.exceptions.AxisError
LinAlgError = np.linalg.LinAlgError


def leaf(data: Any, **options: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **options)


X = leaf(np.arange(6.0).reshape(2, 3))
W = leaf(np.ones((4, 3)))
vec = leaf(np.array([1.0, 2.0, 3.0]))
rate = leaf(2.0)
other = leaf(np.array([1.0, 2.0, 3.0, 4.0]))
flat = np.ones(4)
counts = Tensor([1, 2, 3])
singular = leaf(np.zeros((2, 2)))
square = leaf(np.array([[2.0, 1.0], [1.0, 3.0]]))
a3 = np.ones(3)


def norm2(x: Any) -> Any:
    return (x**2).sum()


def run(f: Any, *args: Any, **kwargs: Any) -> Any:
    return f(*args, **kwargs)


def op(rule: Any, forward: Any = lambda x: x**3) -> Any:
    """Gradient through an op that somebody defined badly."""
    cube = mg.defop("cube", forward, [rule])
    return mg.grad(lambda x: cube(x).sum())(a3)


ALIGN: list[Any] = [
    ("matmul, transposed", lambda: X @ W, ValueError, r"X @ W: X \(2, 3\) and W \(4, 3\) do not align: 3 != 4; did you mean W\.T\?"),
    ("matmul, batch transposed", lambda: X @ np.ones((5, 2, 3)), ValueError, r"do not align: 3 != 2; did you mean .*\.mT\?"),
    ("matmul, first transposed", lambda: W @ W, ValueError, r"W @ W.*3 != 4; did you mean W\.T"),
    ("matmul, hopeless", lambda: X @ flat, ValueError, r"X @ flat: X \(2, 3\) and flat \(4,\).*3 != 4"),
    ("matmul, array first", lambda: flat @ X, ValueError, r"flat @ X: flat \(4,\) and X \(2, 3\).*4 != 2"),
    ("matmul, of the first", lambda: X @ np.ones((2, 5)), ValueError, r"do not align: 3 != 2; did you mean X\.T\?"),
    ("np.matmul", lambda: np.matmul(X, W), ValueError, r"X @ W.*did you mean W\.T"),
    ("matmul with a number", lambda: X @ 2.0, ValueError, r"X @ 2.*single number; write \* instead of @"),
    ("matmul of a scalar", lambda: rate @ X, ValueError, r"rate @ X.*rate is a single number; write \*"),
    ("dot", lambda: np.dot(X, flat), ValueError, r"\(2, 3\).*\(4,\).*3 != 4"),
    ("inner", lambda: np.inner(X, flat), ValueError, r"\(2, 3\) and.*\(4,\)"),
    ("tensordot", lambda: np.tensordot(X, X, 1), ValueError, r"tensordot.*\(2, 3\) and.*\(2, 3\)"),
    ("vdot", lambda: np.vdot(X, flat), ValueError, r"\(6,\)|\(2, 3\)"),
    ("add", lambda: X + flat, ValueError, r"X \+ flat: X \(2, 3\) and flat \(4,\) do not broadcast"),
    ("subtract, array first", lambda: flat - X, ValueError, r"flat - X: flat \(4,\) and X \(2, 3\)"),
    ("multiply, of nothing alike", lambda: X * np.ones((4, 5)), ValueError, r"do not broadcast: aligned from the right"),
    ("multiply, missing axis", lambda: X * Tensor([1.0, 2.0], name="row"), ValueError, r"X \* row.*did you mean row\[:, None\]\?"),
    ("divide, transposed", lambda: X / X.data.T, ValueError, r"X / .*\(2, 3\).*\(3, 2\).*\.T\?"),
    ("maximum", lambda: np.maximum(vec, flat), ValueError, r"maximum\(vec, flat\): vec \(3,\) and flat \(4,\)"),
    ("power", lambda: vec**flat, ValueError, r"vec \*\* flat.*do not broadcast"),
    ("comparison", lambda: vec < flat, ValueError, r"less\(vec, flat\)|vec < flat"),
    ("where", lambda: np.where(flat > 0, vec, 0.0), ValueError, r"where.*\(4,\).*vec \(3,\)"),
    ("clip", lambda: np.clip(vec, flat, 9.0), ValueError, r"clip.*vec \(3,\).*flat \(4,\)"),
    ("concatenate, ranks", lambda: np.concatenate([X, vec]), ValueError, r"concatenate\(.*X \(2, 3\).*vec \(3,\)"),
    ("concatenate, lengths", lambda: np.concatenate([X, W], axis=1), ValueError, r"X \(2, 3\).*W \(4, 3\)"),
    ("stack", lambda: np.stack([vec, flat]), ValueError, r"stack\(.*vec \(3,\).*flat \(4,\)"),
    ("vstack", lambda: np.vstack([X, flat]), ValueError, r"X \(2, 3\)"),
    ("solve", lambda: np.linalg.solve(square, vec), ValueError, r"solve\(square, vec\): square \(2, 2\) and vec \(3,\)"),
    ("einsum, lengths", lambda: np.einsum("ij,jk->ik", X, W), ValueError, r"einsum.*X \(2, 3\).*W \(4, 3\)"),
    ("einsum, operands", lambda: np.einsum("ij,jk->ik", X), ValueError, r"einsum.*2 operands.*1"),
    ("einsum, output", lambda: np.einsum("ij->ijk", X), ValueError, r"einsum.*'k'"),
    ("cross", lambda: np.cross(vec, flat), ValueError, r"cross.*3.*4"),
    ("convolve, rank", lambda: np.convolve(X, vec), ValueError, r"convolve"),
    ("broadcast_to", lambda: np.broadcast_to(X, (4, 4)), ValueError, r"broadcast_to\(X.*X \(2, 3\).*\(4, ?4\)"),
    ("reshape", lambda: X.reshape(4, 2), ValueError, r"reshape\(X.*X \(2, 3\).*size 6 into shape \(4, ?2\)"),
    ("reshape, two unknown", lambda: X.reshape(-1, -1), ValueError, r"reshape\(X.*one unknown"),
    ("split", lambda: np.split(X, 2, axis=1), ValueError, r"split.*3.*2"),
    ("repeat", lambda: np.repeat(X, [1, 2, 3], axis=0), ValueError, r"repeat"),
]  # fmt: skip

RANK: list[Any] = [
    ("sum", lambda: X.sum(axis=2), AxisError, r"sum\(X, axis=2\): X \(2, 3\): axis 2 is out of bounds"),
    ("mean", lambda: np.mean(X, axis=-3), AxisError, r"mean\(X, axis=-3\).*out of bounds"),
    ("max", lambda: X.max(axis=5), AxisError, r"max\(X, axis=5\).*out of bounds"),
    ("prod", lambda: np.prod(X, axis=2), AxisError, r"prod\(X"),
    ("var", lambda: np.var(X, axis=2), AxisError, r"axis.*2"),
    ("cumsum", lambda: np.cumsum(X, axis=2), AxisError, r"cumsum\(X"),
    ("softmax", lambda: mg.softmax(X, axis=2), AxisError, r"softmax\(X, axis=2\)"),
    ("logsumexp", lambda: mg.logsumexp(X, axis=2), AxisError, r"logsumexp\(X, axis=2\)"),
    ("sort", lambda: np.sort(X, axis=2), AxisError, r"axis 2|axis=2"),
    ("concatenate", lambda: np.concatenate([X, X], axis=2), AxisError, r"concatenate\(.*axis"),
    ("stack", lambda: np.stack([X, X], axis=4), AxisError, r"stack\(.*axis"),
    ("transpose", lambda: X.transpose(0, 2), AxisError, r"transpose\(X.*axis 2"),
    ("transpose, too few", lambda: X.transpose(0), ValueError, r"transpose\(X"),
    ("swapaxes", lambda: np.swapaxes(X, 0, 2), AxisError, r"swapaxes\(X"),
    ("moveaxis", lambda: np.moveaxis(X, 0, 4), AxisError, r"moveaxis\(X"),
    ("expand_dims", lambda: np.expand_dims(X, 5), AxisError, r"expand_dims\(X"),
    ("squeeze", lambda: np.squeeze(X, axis=0), ValueError, r"squeeze\(X"),
    ("roll", lambda: np.roll(X, 1, axis=3), AxisError, r"roll\(X"),
    ("twice the same axis", lambda: X.sum(axis=(0, 0)), ValueError, r"sum\(X.*duplicate"),
    ("axis is no integer", lambda: X.sum(axis=1.0), TypeError, r"sum\(X, axis=1\.0\).*integer"),
    ("axis is a string", lambda: X.sum(axis="rows"), TypeError, r"sum\(X, axis='rows'\)"),
    ("mT of a vector", lambda: vec.mT, ValueError, r"vec\.mT needs at least two axes.*\(3,\)"),
    ("len of a scalar", lambda: len(rate), TypeError, r"rate is a single number: it has no len"),
    ("iteration of a scalar", lambda: list(rate), TypeError, r"rate is a single number: it cannot be iterated"),
    ("unpacking of a scalar", lambda: run(lambda a, b: 0, *rate), TypeError, r"rate is a single number|must be an iterable"),
    ("index of a scalar", lambda: rate[0], IndexError, r"rate"),
    ("index too large", lambda: vec[7], IndexError, r"vec.*7 is out of bounds.*3"),
    ("too many indices", lambda: X[0, 1, 2], IndexError, r"X \(2, 3\).*too many indices"),
    ("float index", lambda: vec[1.0], IndexError, r"vec.*only integers"),
    ("string index", lambda: vec["a"], IndexError, r"vec.*only integers"),
    ("mask too short", lambda: vec[np.array([True, False])], IndexError, r"vec \(3,\).*boolean index"),
    ("take", lambda: np.take(vec, [9]), IndexError, r"9 is out of bounds"),
    ("trace of a vector", lambda: np.trace(vec), ValueError, r"trace|diag"),
    ("det of a rectangle", lambda: np.linalg.det(X), LinAlgError, r"det\(X\): X \(2, 3\).*square"),
    ("inv of a rectangle", lambda: np.linalg.inv(X), LinAlgError, r"inv\(X\): X \(2, 3\).*square"),
    ("singular inverse", lambda: np.linalg.inv(singular), LinAlgError, r"inv\(singular\).*[Ss]ingular"),
    ("singular system", lambda: np.linalg.solve(singular, np.ones(2)), LinAlgError, r"solve\(singular.*[Ss]ingular"),
    ("cholesky", lambda: np.linalg.cholesky(singular), LinAlgError, r"cholesky\(singular\).*not positive definite"),
    ("max of nothing", lambda: np.max(leaf(np.ones(0), name="empty")), ValueError, r"max\(empty\): empty \(0,\)"),
    ("min of nothing", lambda: leaf(np.ones((0, 3)), name="empty").min(axis=0), ValueError, r"min\(empty, axis=0\)"),
    ("argmax of nothing", lambda: np.argmax(leaf(np.ones(0), name="empty")), ValueError, r"argmax\(empty\)"),
]  # fmt: skip

DATA: list[Any] = [
    ("ragged", lambda: Tensor([[1.0], [1.0, 2.0]]), ValueError, r"Tensor: .*ragged"),
    ("string", lambda: Tensor("abc"), TypeError, r"Tensor: the data are .*, no numbers"),
    ("strings", lambda: Tensor(["a", "b"]), TypeError, r"Tensor: .*numbers"),
    ("None", lambda: Tensor(None), TypeError, r"Tensor: the data are .*, no numbers"),
    ("dict", lambda: Tensor({"a": 1.0}), TypeError, r"Tensor: the data are .*, no numbers"),
    ("object array", lambda: Tensor(np.array([object()])), TypeError, r"Tensor: .*object"),
    ("dates", lambda: Tensor(np.array(["2020-01-01"], "M8[D]")), TypeError, r"Tensor: .*datetime64"),
    ("integer leaf", lambda: leaf([1, 2, 3]), TypeError, r"int64 cannot require a gradient: write floats \(1\.0 instead of 1\)"),
    ("integer array as leaf", lambda: leaf(np.arange(3)), TypeError, r"int64.*\.astype\(float\)"),
    ("boolean leaf", lambda: leaf([True, False]), TypeError, r"bool cannot require a gradient"),
    ("integer dtype", lambda: leaf([1.5], dtype=int), TypeError, r"int64 cannot require a gradient"),
    ("unknown dtype", lambda: Tensor(1.0, dtype="foo"), TypeError, r"foo"),
    ("requires_grad of integers", lambda: setattr(counts, "requires_grad", True), TypeError, r"counts has dtype int64 and cannot require a gradient.*\.astype\(float\)"),
    ("Tensor of a Tensor", lambda: Tensor(vec), TypeError, r"vec requires a gradient.*\.detach\(\)"),
    ("Tensor of Tensors", lambda: Tensor([rate, rate]), TypeError, r"mg\.array\(\[\.\.\.\]\)"),
    ("cast from complex", lambda: (vec * 1j).astype(float), TypeError, r"astype.*would drop the imaginary part: take .real"),
    ("cast to strings", lambda: vec.astype("U3"), TypeError, r"astype.*U3"),
    ("string operand", lambda: vec + "a", TypeError, r"'a' \(str\) is not a number"),
    ("string first", lambda: "a" + vec, TypeError, r"'a' \(str\) is not a number"),
    ("None operand", lambda: vec * None, TypeError, r"None.*is not a number"),
    ("set operand", lambda: np.add(vec, {1}), TypeError, r"\{1\} \(set\) is not a number"),
    ("ragged operand", lambda: np.add(vec, [[1.0], [1.0, 2.0]]), ValueError, r"vec|add"),
]  # fmt: skip

BACKWARD: list[Any] = [
    ("non-scalar leaf", lambda: vec.backward(), ValueError, r"vec has shape \(3,\).*\.sum\(\) or \.mean\(\)"),
    ("non-scalar result", lambda: (X * 2).backward(), ValueError, r"\(2, 3\).*\.sum\(\) or \.mean\(\)"),
    ("no graph", lambda: Tensor(1.0, name="total").backward(), RuntimeError, r"total was not computed from anything that requires a gradient.*requires_grad=True"),
    ("detached", lambda: vec.detach().sum().backward(), RuntimeError, r"requires_grad=True"),
    ("gradient of wrong shape", lambda: vec.backward(np.ones(2)), ValueError, r"gradient of vec must have its shape \(3,\), not \(2,\)"),
    ("gradient for a scalar", lambda: rate.backward([1.0, 2.0]), ValueError, r"gradient of rate.*\(\), not \(2,\)"),
    ("gradient that is a string", lambda: rate.backward("a"), (TypeError, ValueError), r"not numbers|number"),
    ("complex gradient", lambda: vec.backward(np.ones(3) * 1j), TypeError, r"complex"),
    ("float of many", lambda: float(vec), (TypeError, ValueError), r"vec.*single value.*\(3,\)"),
    ("int of many", lambda: int(vec), (TypeError, ValueError), r"vec.*single value.*\(3,\)"),
    ("math.exp of many", lambda: math.exp(vec), (TypeError, ValueError), r"vec.*single value.*\(3,\)"),
    ("item of many", lambda: vec.item(), ValueError, r"vec\.item\(\) needs a single value.*\(3,\)"),
    ("format of many", lambda: f"{vec:.2f}", (TypeError, ValueError), r"vec.*single value"),
    ("bool of many", lambda: bool(vec), ValueError, r"vec has shape \(3,\).*\.any\(\) or \.all\(\)"),
    ("if", lambda: 1 if vec else 0, ValueError, r"vec has shape \(3,\).*ambiguous"),
    ("bool of none", lambda: bool(Tensor(np.ones(0), name="empty")), ValueError, r"empty has shape \(0,\)"),
    ("asarray", lambda: np.asarray(vec), TypeError, r"vec requires a gradient.*\.data.*\.detach\(\)"),
    ("np.array", lambda: np.array([vec, vec]), TypeError, r"vec requires a gradient.*mg\.array or mg\.stack"),
    ("np.full", lambda: np.full(3, rate), TypeError, r"rate requires a gradient"),
    ("np.r_", lambda: np.r_[vec, vec], TypeError, r"vec requires a gradient"),
    ("assignment into an array", lambda: np.empty(3).__setitem__(slice(None), vec), TypeError, r"vec requires a gradient.*\.detach\(\)"),
    ("pickle of a result", lambda: pickle.dumps(vec * 2), TypeError, r"result of multiply.*\.detach\(\)"),
    ("deepcopy of a result", lambda: copy.deepcopy(vec * 2), TypeError, r"^<3> is the result of multiply.*\.detach\(\)"),
]  # fmt: skip

WRITING: list[Any] = [
    ("t[0] = 1", lambda: vec.__setitem__(0, 1.0), TypeError, r"vec\[\.\.\.\] = value: Tensors are never written into; write vec = vec\.at.*np\.where.*mg\.buffer"),
    ("del t[0]", lambda: vec.__delitem__(0), TypeError, r"del vec\[\.\.\.\]: Tensors are never written into"),
    ("array += t", lambda: flat.copy().__iadd__(other), TypeError, r"add: out= is not supported.*never written"),
    ("np.add.at", lambda: np.add.at(vec, [0], 1.0), TypeError, r"add\.at is not covered"),
    ("np.copyto", lambda: np.copyto(np.ones(3), vec), TypeError, r"copyto writes into.*\.at\[index\]"),
    ("np.put", lambda: np.put(vec, [0], 1.0), TypeError, r"put writes into an array"),
    ("np.fill_diagonal", lambda: np.fill_diagonal(square, 0.0), TypeError, r"fill_diagonal writes into.*mg\.buffer"),
    ("t.sort()", lambda: vec.sort(), TypeError, r"vec\.sort\(\) would write into it.*np\.sort"),
    ("t.fill()", lambda: vec.fill(0.0), TypeError, r"vec\.fill\(\) would write.*np\.full_like"),
    ("masked constant", lambda: vec * np.ma.array(a3, mask=[0, 1, 0]), TypeError, r"masked"),
    ("gradient through metadata", lambda: np.sum(vec, initial=rate), TypeError, r"initial=rate requires a gradient.*rate\.detach"),
    ("name is no string", lambda: mg.Tensor(1.0, name=3), TypeError, r"name must be a string"),
    ("a name given later is none", lambda: setattr(counts, "name", 5), TypeError, r"name must be a string, not 5"),
    ("masked data", lambda: mg.grad(np.sum)(np.ma.array([1.0, 2.0], mask=[0, 1])), TypeError, r"masked array, shape \(2,\), and some of it .*np\.where"),
    ("masked examples", lambda: mg.vmap(np.sin)(np.ma.array([1.0, 2.0], mask=[1, 0])[None]), TypeError, r"some of it is masked"),
    ("view of a shape", lambda: vec.view(3, 1), TypeError, r"write t\.reshape"),
    ("an axis that no result has", lambda: mg.vmap(np.sin, out_axes=3)(np.ones(3)), ValueError, r"out_axes=3, and the result has 1 axes"),
    ("no folder to save in", lambda: mg.save("/no/such/folder/x.npz", {"a": 1.0}), FileNotFoundError, r"x\.npz: there is no folder /no/such/folder"),
    ("data of wrong shape", lambda: setattr(vec, "data", flat), ValueError, r"vec\.data has shape \(3,\), the new data \(4,\)"),
    ("data of a result", lambda: setattr(vec * 2, "data", a3), TypeError, r"result of multiply.*\.detach\(\)"),
    ("data that require a gradient", lambda: setattr(vec, "data", vec * 2), TypeError, r"requires a gradient.*\.detach\(\)"),
    ("data that are text", lambda: setattr(vec, "data", "abc"), (TypeError, ValueError), r"not numbers|number"),
    ("complex data", lambda: setattr(vec, "data", a3 * 1j), TypeError, r"complex"),
    ("grad of wrong shape", lambda: setattr(vec, "grad", flat), ValueError, r"gradient of vec must have its shape \(3,\), not \(4,\)"),
    ("grad of a result", lambda: setattr(vec * 2, "grad", a3), TypeError, r"keeps no gradient: only leaves"),
    ("grad of a constant", lambda: setattr(counts, "grad", a3), TypeError, r"counts keeps no gradient"),
    ("requires_grad of a result", lambda: setattr(vec * 2, "requires_grad", False), TypeError, r"result of multiply.*\.detach\(\)"),
    ("shape", lambda: setattr(vec, "shape", (3, 1)), AttributeError, r"shape"),
    ("unknown attribute", lambda: vec.colour, AttributeError, r"colour"),
]  # fmt: skip

UNSUPPORTED: list[Any] = [
    ("where= by position", lambda: mg.mean(vec, None, None, None, False, True), TypeError, r"mean takes a, axis, dtype, out, keepdims: 5 arguments at most, got 6; write where= by name"),
    ("axis= by position", lambda: mg.unstack(X, 0), TypeError, r"unstack takes x: 1 arguments at most, got 2; write axis= by name"),
    ("weights of quantile", lambda: np.percentile(vec, 5, weights=a3), (TypeError, ValueError), r"weights"),
    ("reduction over all axes", lambda: np.subtract.reduce(X, axis=None), TypeError, r"subtract\.reduce: axis=None is not supported \(it takes one integer\)"),
    ("reduction of nothing", lambda: np.subtract.reduce(vec[:0]), ValueError, r"subtract\.reduce needs at least one element along axis 0"),
    ("where= of a fold", lambda: np.fmax.reduce(vec, where=a3 > 0, initial=0), TypeError, r"fmax\.reduce: where= is not supported"),
    ("dtype= of a fold", lambda: np.fmax.accumulate(vec, dtype="f4"), TypeError, r"fmax\.accumulate: dtype= is not supported"),
    ("spacing of gradient", lambda: np.gradient(vec, X), ValueError, r"gradient: the coordinates \(2, 3\) must be one for each of the 3 elements along axis 0"),
    ("indices of reduceat", lambda: np.add.reduceat(vec, [0, 9]), IndexError, r"add\.reduceat: indices \[0, 9\] must lie in 0\.\.2"),
    ("out= of a ufunc", lambda: np.exp(vec, out=np.ones(3)), TypeError, r"exp: out= is not supported.*never written"),
    ("out= of a reduction", lambda: np.sum(vec, out=np.ones(())), TypeError, r"sum: out= is not supported"),
    ("out= of a composed function", lambda: np.clip(vec, 0, 1, out=np.ones(3)), TypeError, r"clip: out= is not supported"),
    ("out= a Tensor", lambda: np.add(a3, a3, out=vec), TypeError, r"add: out= is not supported"),
    ("where= of no booleans", lambda: np.exp(vec, where=[1, 0, 1]), TypeError, r"exp: where= wants booleans, not int64"),
    ("order= of reshape", lambda: np.reshape(vec, (3, 1), order="K"), TypeError, r"reshape: order='K' is not supported"),
    ("order= of the method", lambda: vec.reshape((3, 1), order="K"), TypeError, r"reshape: order='K' is not supported"),
    ("method of quantile", lambda: np.quantile(vec, 0.5, method="no"), ValueError, r"quantile: method must be one of .*, not 'no'"),
    ("dtype= of a ufunc", lambda: np.exp(vec, dtype="f4"), TypeError, r"exp: dtype= is not supported \(use \.astype"),
    ("order= of a ufunc", lambda: np.exp(vec, order="F"), TypeError, r"exp: order= is not supported"),
    ("casting=", lambda: np.exp(vec, casting="unsafe"), TypeError, r"exp: casting= is not supported"),
    ("unknown keyword", lambda: mg.exp(vec, base=2), TypeError, r"exp: base= is not supported \(it takes x"),
    ("unknown keyword of a method", lambda: vec.sum(dim=0), TypeError, r"sum: dim= is not supported \(NumPy calls it axis="),
    ("missing argument", lambda: mg.add(vec), TypeError, r"add needs its argument x2"),
    ("too many arguments", lambda: mg.exp(vec, 1, 2), TypeError, r"exp takes x"),
    ("argument given twice", lambda: mg.sum(vec, a=1), TypeError, r"sum: a= is given twice"),
    ("where with one branch", lambda: np.where(vec > 0, vec), (TypeError, ValueError), r"where|both"),
    ("unknown kind of gelu", lambda: mg.gelu(vec, approximate="foo"), ValueError, r"gelu: approximate.*'foo'"),
    ("unknown mode of pad", lambda: np.pad(vec, 1, mode="foo"), (TypeError, ValueError), r"pad.*foo"),
    ("unknown mode of convolve", lambda: np.convolve(vec, vec, mode="foo"), ValueError, r"convolve.*foo|mode"),
    ("decimals", lambda: np.round(vec, "a"), TypeError, r"round\(vec, decimals='a'\)"),
]  # fmt: skip

FUNCTIONS: list[Any] = [
    ("argnums too large", lambda: mg.grad(norm2, 1)(a3), ValueError, r"argnums=1: .*1 positional argument"),
    ("argnums too small", lambda: mg.grad(norm2, -2)(a3), ValueError, r"argnums=-2"),
    ("argnums in a tuple", lambda: mg.grad(norm2, (0, 2))(a3), ValueError, r"argnums=\(0, 2\)"),
    ("argnums is a name", lambda: mg.grad(norm2, "x")(a3), TypeError, r"argnums='x'.*position"),
    ("argnums is a float", lambda: mg.grad(norm2, 1.0)(a3), TypeError, r"argnums=1\.0.*position"),
    ("argnums twice", lambda: mg.grad(norm2, (0, -1))(a3), ValueError, r"argnums=\(0, -1\).*twice"),
    ("no arguments", lambda: mg.grad(norm2)(), ValueError, r"0 positional arguments.*by position"),
    ("argument by keyword", lambda: mg.grad(norm2)(x=a3), ValueError, r"by position"),
    ("no function", lambda: mg.grad(3.0), TypeError, r"mg\.grad takes a function, not 3\.0"),
    ("gradient in place of the function", lambda: mg.value_and_grad(vec), TypeError, r"takes a function, not vec"),
    ("several numbers", lambda: mg.grad(lambda x: x * 2)(a3), ValueError, r"returned shape \(3,\).*\.sum\(\) or \.mean\(\), or use mg\.jacobian"),
    ("named function", lambda: mg.grad(np.sin)(a3), ValueError, r"sin returned shape \(3,\)"),
    ("nothing in it", lambda: mg.grad(lambda x: x)(np.ones(0)), ValueError, r"returned shape \(0,\)"),
    ("integer", lambda: mg.grad(lambda x: 3)(1.0), TypeError, r"returned an integer, which has no derivative"),
    ("argmax", lambda: mg.grad(np.argmax)(a3), TypeError, r"argmax returned an integer"),
    ("boolean", lambda: mg.grad(lambda x: x > 0)(1.0), TypeError, r"returned a boolean"),
    ("Python boolean", lambda: mg.grad(lambda x: True)(1.0), TypeError, r"returned a boolean"),
    ("string", lambda: mg.grad(lambda x: "a")(1.0), TypeError, r"returned 'a'; grad needs a single number"),
    ("None", lambda: mg.grad(lambda x: None)(1.0), TypeError, r"returned None; grad needs a single number"),
    ("tuple", lambda: mg.grad(lambda x: (x, x))(1.0), TypeError, r"returned a tuple.*has_aux=True"),
    ("dict", lambda: mg.grad(lambda x: {"a": x})(1.0), TypeError, r"returned a dict"),
    ("complex result", lambda: mg.grad(lambda x: 1j)(1.0), TypeError, r"returned a complex number"),
    ("no aux", lambda: mg.value_and_grad(norm2, has_aux=True)(a3), TypeError, r"has_aux=True.*pair"),
    ("integer array", lambda: mg.grad(norm2)(np.arange(3)), TypeError, r"argument 0 holds integers \(dtype int64\).*\.astype\(float\)"),
    ("integer Tensor", lambda: mg.grad(norm2)(counts), TypeError, r"argument 0 holds integers"),
    ("integers in a structure", lambda: mg.grad(lambda p: norm2(p["w"]))({"w": a3, "i": np.arange(3)}), TypeError, r"holds integers"),
    ("complex argument", lambda: mg.grad(norm2)(np.array([1j])), TypeError, r"returned a complex number"),
    ("string argument", lambda: mg.grad(norm2)("abc"), TypeError, r"argument 0 \('abc'\) holds no floating-point number.*argnums="),
    ("boolean argument", lambda: mg.grad(norm2)(True), TypeError, r"argument 0 \(True\) holds no floating-point"),
    ("empty structure", lambda: mg.grad(norm2)({}), TypeError, r"argument 0 \(\{\}\) holds no"),
    ("jacobian of integers", lambda: mg.jacobian(norm2)(np.arange(3)), TypeError, r"holds integers"),
    ("jacobian of text", lambda: mg.jacobian(lambda x: "a")(a3), TypeError, r"returned 'a'; jacobian needs arrays"),
    ("hessian of a vector", lambda: mg.hessian(lambda x: x * 2)(a3), ValueError, r"returned shape \(3,\)"),
    ("cotangent, shape", lambda: mg.vjp(np.sin, a3)[1](np.ones(2)), ValueError, r"cotangent has shape \(2,\), the value of the function \(3,\)"),
    ("cotangent, number", lambda: mg.vjp(lambda x: (x, x), a3)[1](a3), ValueError, r"cotangent must be a tuple of length 2, not an array of shape \(3,\)"),
    ("cotangent, too many", lambda: mg.vjp(lambda x: (x, x), a3)[1]((a3, a3, a3)), ValueError, r"length 2, not a tuple of length 3"),
    ("cotangent, keys", lambda: mg.vjp(lambda x: {"a": x}, a3)[1]({"b": a3}), ValueError, r"keys \['a'\], not one with \['b'\]"),
    ("cotangent, nested", lambda: mg.vjp(lambda x: {"a": [x, x]}, a3)[1]({"a": [a3]}), ValueError, r"cotangent\['a'\] must be a list of length 2"),
    ("cotangent, complex", lambda: mg.vjp(np.sin, a3)[1](a3 * 1j), TypeError, r"complex"),
    ("cotangent, None", lambda: mg.vjp(np.sin, a3)[1](None), (TypeError, ValueError), r"cotangent"),
    ("tangent, shape", lambda: mg.jvp(np.sin, (a3,), (np.ones(2),)), ValueError, r"jvp: an argument of shape \(3,\) has a tangent of shape \(2,\)"),
    ("tangent, number", lambda: mg.jvp(np.sin, (a3,), (a3, a3)), ValueError, r"jvp: 1 arguments, but 2 tangents"),
    ("tangent, structure", lambda: mg.jvp(lambda p: p["w"], ({"w": a3},), ([a3],)), ValueError, r"tangents\[0\] must be a dict with the keys \['w'\]"),
    ("jvp of a bare array", lambda: mg.jvp(np.sin, a3, a3), TypeError, r"jvp: the arguments must be a tuple or list"),
    ("hvp, shape", lambda: mg.hvp(norm2, a3, np.ones(2)), ValueError, r"hvp: v has shape \(2,\), x \(3,\)"),
    ("hvp, keys", lambda: mg.hvp(lambda p: norm2(p["w"]), {"w": a3}, {"v": a3}), ValueError, r"hvp: v must be a dict with the keys \['w'\]"),
    ("gradients by an array", lambda: mg.gradients(norm2(vec), a3), ValueError, r"a3 does not require a gradient.*requires_grad=True"),
    ("gradients by a constant", lambda: mg.gradients(norm2(vec), counts), ValueError, r"counts does not require a gradient"),
    ("gradients of a number", lambda: mg.gradients(3.0, vec), TypeError, r"output 3\.0 is not a Tensor"),
    ("gradients of a constant", lambda: mg.gradients(counts, vec), RuntimeError, r"counts was not computed from anything"),
    ("gradients of a vector", lambda: mg.gradients(vec * 2, vec), ValueError, r"shape \(3,\).*\.sum\(\)"),
    ("gradients, weights", lambda: mg.gradients(vec * 2, vec, np.ones(2)), ValueError, r"must have its shape \(3,\), not \(2,\)"),
    ("gradients, too few weights", lambda: mg.gradients([rate * 1, rate * 2], rate, [1.0]), ValueError, r"2 outputs, but 1 gradients"),
    ("gradients, one weight", lambda: mg.gradients([rate * 1, rate * 2], rate, 1.0), TypeError, r"list of gradients"),
    ("gradcheck of integers", lambda: mg.gradcheck(norm2, np.arange(3)), TypeError, r"gradcheck: no floating-point argument"),
    ("gradcheck of text", lambda: mg.gradcheck(lambda x: "a", a3), TypeError, r"gradcheck: .* returns no floating-point number"),
    ("gradcheck, order", lambda: mg.gradcheck(norm2, a3, order=3), ValueError, r"gradcheck: order must be 1 or 2, not 3"),
]  # fmt: skip

OPS: list[Any] = [
    ("no rules", lambda: mg.defop("cube", lambda x: x, None), TypeError, r"defop 'cube': the rules are missing"),
    ("rules are a number", lambda: mg.defop("cube", lambda x: x, 3), TypeError, r"cube"),
    ("too few rules", lambda: mg.defop("cube", lambda x, y: x, [lambda g, ans, x, y: g]), ValueError, r"'cube': forward takes 2 positional arguments, but there are 1 rules.*None where"),
    ("too many rules", lambda: mg.defop("cube", lambda x: x, [None, None]), ValueError, r"'cube'.*takes 1 .*2 rules"),
    ("no rule at all", lambda: mg.defop("cube", lambda x: x, []), ValueError, r"'cube'.*0 rules"),
    ("rule is no function", lambda: mg.defop("cube", lambda x: x, [3]), TypeError, r"'cube': the rule of argument 0 is not a function: 3"),
    ("forward is no function", lambda: mg.defop("cube", 3, []), TypeError, r"'cube': forward must be a function, not 3"),
    ("rule of wrong shape", lambda: op(lambda g, ans, x: g.sum()), ValueError, r"cube: the rule of argument 0 returned shape \(\) for an argument of shape \(3,\)"),
    ("rule returns None", lambda: op(lambda g, ans, x: None), TypeError, r"cube: the rule of argument 0 returned NoneType"),
    ("rule returns text", lambda: op(lambda g, ans, x: "a"), TypeError, r"cube: the rule of argument 0 returned str"),
    ("rule returns a list", lambda: op(lambda g, ans, x: [g]), TypeError, r"cube: the rule of argument 0 returned list"),
    ("rule returns a tuple", lambda: op(lambda g, ans, x: (g,)), TypeError, r"cube: the rule of argument 0 returned tuple"),
    ("rule returns complex", lambda: op(lambda g, ans, x: g * 1j), TypeError, r"cube: the rule of argument 0 returned .*complex"),
    ("rule takes too little", lambda: op(lambda g, x: g), TypeError, r"positional arguments"),
    ("forward fails", lambda: mg.defop("cube", lambda x: x @ np.ones((9, 9)), [None])(vec), ValueError, r"cube\(vec\): vec \(3,\)"),
    ("forward returns text", lambda: mg.defop("cube", lambda x: "a", [None])(vec.detach()), TypeError, r"cube"),
    ("forward returns None", lambda: mg.defop("cube", lambda x: None, [None])(vec.detach()), TypeError, r"cube"),
    ("no derivative exists", lambda: mg.defop("pick", lambda x, n: x, [lambda g, ans, x, n: g, None])(vec, rate), TypeError, r"pick\(vec, rate\): no derivative exists with respect to n; pass rate\.detach\(\)"),
    ("nobody wrote it", lambda: np.histogram2d(vec, vec), TypeError, r"histogram2d is not covered.*mg\.defop\(name, forward, vjps\)"),
    ("argument missing", lambda: mg.defop("pick", lambda x, n: x, [None, None])(vec), TypeError, r"pick needs its argument n: pick\(x, n\)"),
    ("unknown metadata", lambda: mg.defop("pick", lambda x, *, k=1: x, [None])(vec, q=1), TypeError, r"pick: q= is not supported \(it takes x, k\)"),
]  # fmt: skip

INSIDE: list[Any] = [
    ("tile", lambda: np.tile(X, -1), ValueError, r"^tile\(X, -1\): X \(2, 3\): .*non-negative"),
    ("take", lambda: np.take(vec, [9]), IndexError, r"^take\(vec, \[9\]\): vec \(3,\): index 9 is out of bounds"),
    ("take, axis", lambda: np.take(X, 0, axis=3), AxisError, r"^take\(X, 0, axis=3\): X \(2, 3\): axis 3 is out of bounds"),
    ("take_along_axis", lambda: np.take_along_axis(X, np.array([[7]]), 1), IndexError, r"^take_along_axis\(X, <1x1>, 1\)"),
    ("take by what has a gradient", lambda: np.take(vec, rate), TypeError, r"^take\(vec, rate\): .*requires a gradient is no index"),
    ("vstack", lambda: np.vstack([X, flat]), ValueError, r"^vstack\(\[X, flat\]\): X \(2, 3\) and flat \(4,\)"),
    ("dot", lambda: np.dot(X, flat), ValueError, r"^dot\(X, flat\): X \(2, 3\) and flat \(4,\) do not align: 3 != 4"),
    ("inner", lambda: np.inner(X, flat), ValueError, r"^inner\(X, flat\): X \(2, 3\) and flat \(4,\)"),
    ("cond", lambda: np.linalg.cond(X, 1), LinAlgError, r"^linalg\.cond\(X, 1\): X \(2, 3\): .*square"),
    ("var", lambda: np.var(X, axis=4), AxisError, r"^var\(X, axis=4\): X \(2, 3\): axis 4 is out of bounds"),
    ("cross", lambda: np.cross(X, X, axis=7), AxisError, r"^cross\(X, X, axis=7\)"),
    ("silu of text", lambda: mg.silu("a"), TypeError, r"^silu\('a'\)"),
    ("interp", lambda: np.interp(1.0, vec, flat), ValueError, r"^interp needs as many values as points: xp has shape \(3,\), fp \(4,\)"),
    ("interp with both", lambda: np.interp(1.0, vec, vec, left=0.0, period=2.0), ValueError, r"^interp: with a period there is no left"),
    ("gradient of too little", lambda: np.gradient(vec[:1]), ValueError, r"^gradient: 1 elements along axis 0 are too few, it takes 2"),
    ("gradient, spacings", lambda: np.gradient(X, 1.0, 1.0, 1.0), TypeError, r"^gradient: 3 spacings for 2 axes; give one for each"),
    ("gradient, coordinates", lambda: np.gradient(vec, flat), ValueError, r"^gradient: the coordinates \(4,\) must be one for each of the 3"),
    ("gradient, order", lambda: np.gradient(vec, edge_order=3), ValueError, r"^gradient: edge_order must be 1 or 2, not 3"),
    ("quantile beyond", lambda: np.quantile(vec, 1.5), ValueError, r"^quantile: every q must lie in the range"),
    ("quantile of nothing", lambda: np.quantile(vec[:0], 0.5), ValueError, r"^quantile needs at least one element, the shape is \(0,\)"),
    ("cov", lambda: np.cov(X[None]), ValueError, r"^cov takes at most two axes, the shape is \(1, 2, 3\)"),
    ("cov, below 0", lambda: np.cov(X, aweights=[1, -1, 2]), ValueError, r"^cov: aweights must be positive or 0"),
    ("cov, in parts", lambda: np.cov(X, fweights=[1.0, 0.5, 2.0]), TypeError, r"^cov: fweights must be whole numbers"),
    ("cov, too few", lambda: np.cov(X, fweights=[1, 2]), RuntimeError, r"^cov: fweights \(2,\) must have the shape \(3,\)"),
    ("average of nothing", lambda: np.average(vec, weights=[1, -1, 0]), ZeroDivisionError, r"^average: the weights sum to zero"),
    ("vander", lambda: np.vander(X), ValueError, r"^vander takes a vector, the shape is \(2, 3\)"),
    ("linspace", lambda: np.linspace(rate, 1.0, -2), ValueError, r"^linspace: the number of samples must not be negative, got -2"),
    ("piecewise", lambda: np.piecewise(vec, [vec > 0], [np.exp] * 3), ValueError, r"^piecewise: 1 conditions need as many functions, or one more: got 3"),
    ("apply_along_axis", lambda: np.apply_along_axis(np.sum, 1, X[:0]), ValueError, r"^apply_along_axis: there is no vector"),
    ("cumulative_sum", lambda: mg.cumulative_sum(X), ValueError, r"^cumulative_sum: for shape \(2, 3\), choose with axis="),
]  # fmt: skip

FAMILIES = {
    "inside": INSIDE,
    "align": ALIGN,
    "rank": RANK,
    "data": DATA,
    "backward": BACKWARD,
    "writing": WRITING,
    "unsupported": UNSUPPORTED,
    "functions": FUNCTIONS,
    "ops": OPS,
}
CALLS = [(f"{family}: {row[0]}", *row[1:]) for family, rows in FAMILIES.items() for row in rows]


@each("what, call, kind, message", CALLS)
def test_wrong_call(what: str, call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=f"(?s){message}") as caught:
        call()
    text = str(caught.value)
    assert "object at 0x" not in text
    assert "minigrad.tensor" not in text
    assert len(text) < 400


def test_the_catalogue_is_large_and_without_twins() -> None:
    assert len(CALLS) >= 80
    assert len({c[0] for c in CALLS}) == len(CALLS)


def test_the_same_mistake_in_a_function_of_the_user_has_the_users_names() -> None:
    def layer(inputs: Any, weights: Any) -> Any:
        return np.tanh(inputs @ weights)

    with pytest.raises(ValueError, match=r"inputs @ weights: .*did you mean weights\.T\?"):
        layer(leaf(np.ones((5, 3))), leaf(np.ones((4, 3))))
    with pytest.raises(ValueError, match=r"inputs @ weights: "):
        mg.grad(lambda w: layer(np.ones((5, 3)), w).sum())(np.ones((4, 3)))


def test_original_errors_are_kept_as_the_cause() -> None:
    with pytest.raises(ValueError) as caught:
        X @ flat
    assert isinstance(caught.value.__cause__, ValueError)


def test_in_place_operators_are_no_error_and_never_write() -> None:
    t = leaf(a3)
    y = (t**2).sum()
    first = t
    t += 1
    np.testing.assert_array_equal(first.data, a3)
    y.backward()
    np.testing.assert_array_equal(first.grad, 2 * a3)
    np.testing.assert_array_equal(t.data, a3 + 1)


def test_float_of_a_single_number_is_one_and_functions_of_math_are_refused() -> None:
    assert float(rate) == float(leaf([2.0])) == 2.0
    for function in (math.exp, math.sqrt):
        with pytest.raises(TypeError, match=r"^rate requires a gradient.*np\.exp"):
            function(rate)


def test_nothing_was_changed_by_the_wrong_calls() -> None:
    for _, call, kind, _ in CALLS:
        with pytest.raises(kind):
            call()
    np.testing.assert_array_equal(vec.data, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(X.data, np.arange(6.0).reshape(2, 3))
    assert all(t.grad is None for t in (X, W, vec, rate, square, singular))
    assert all(t.requires_grad for t in (X, W, vec, rate))
    assert (vec * 2).requires_grad
    np.testing.assert_array_equal(flat, np.ones(4))


@pytest.mark.parametrize("derivative", [mg.grad, mg.value_and_grad])
@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda x: x.sum() > 0, "a boolean, which has no derivative"),
        (lambda x: True, "a boolean, which has no derivative"),
        (lambda x: np.bool_(True), "a boolean, which has no derivative"),
        (lambda x: 3, "an integer, which has no derivative"),
        (lambda x: np.int64(3), "an integer, which has no derivative"),
        (lambda x: np.uint8(3), "an integer, which has no derivative"),
        (lambda x: np.arange(3), "an integer, which has no derivative"),
        (lambda x: x.sum() * 1j, "returned a complex number; grad needs a real one"),
        (lambda x: 2j, "returned a complex number; grad needs a real one"),
        (lambda x: [x.sum()], "returned a list; grad needs a single number"),
        (lambda x: {"a": x.sum()}, "returned a dict; grad needs a single number"),
        (lambda x: (x.sum(), x), "returned a tuple; grad needs a single number"),
        (lambda x: "text", "grad needs a single number"),
        (lambda x: x * 2, r"returned shape \(3,\); grad needs a single number: reduce it"),
        (lambda x: x[:0], r"returned shape \(0,\); grad needs a single number: reduce it"),
    ],
)
def test_what_a_gradient_is_asked_of(result: Any, words: str, derivative: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        derivative(result)(np.ones(3))


def test_what_a_holomorphic_gradient_is_asked_of() -> None:
    z = np.ones(2) * 1j
    for real in (lambda z: np.abs(z).sum(), lambda z: 1.0, lambda z: np.float32(1)):
        with pytest.raises(TypeError, match="returned a real number, and no real function is"):
            mg.grad(real, holomorphic=True)(z)
    assert mg.grad(lambda z: (z * z).sum(), holomorphic=True)(z)[0] == 2j


class Shown:
    """Something whose picture is as long as is asked for."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __repr__(self) -> str:
        return "<" + "." * (self.length - 2) + ">"


def test_what_messages_call_a_value() -> None:
    assert label(Shown(40)) == repr(Shown(40))
    assert label(Shown(41)) == repr(Shown(41))[:37] + "..."
    assert label(np.zeros((2, 0, 3))) == "<2x0x3>" and label(np.float64(0.1234567)) == "0.123457"
    assert label([np.ones(2)] * 4) == "[<2>, <2>, <2>, <2>]"
    assert label((np.ones(2),)) == "(<2>,)" and label((1, "a")) == "(1, 'a')"
    assert label([]) == "[]" and label([1, 2, 3, 4, 5]) == "[1, 2, 3, 4, 5]"
    assert label(mg.Tensor(1.0, name="rate")) == "rate"


@pytest.mark.parametrize("asked", [{"steps": True}, {"simplify": True}])
def test_forward_mode_is_not_explained_in_steps(asked: Any) -> None:
    x = mg.Tensor(2.0, requires_grad=True, name="x")
    with pytest.raises(ValueError, match="explain: steps= and simplify= belong to reverse mode"):
        mg.explain(np.sin(x * x), x, mode="forward", **asked)
    mg.explain(np.sin(x * x), x, mode="forward", **dict.fromkeys(asked, False))
    with pytest.raises(ValueError, match="explain: mode is 'reverse' or 'forward', not 'back'"):
        mg.explain(np.sin(x * x), x, mode="back", **asked)
