"""Sizes that vary: what they are in the numbers and shapes of a program.

A program is traced for arrays of given shapes, and sizes stand in it as plain numbers.  It is
traced again for other sizes of the axes that may vary; where two traces differ, the number
depends on them, and a few traces say how: a size is a sum of products of the axes' lengths
(``2·batch·time + 1``), a number such a sum, or one over a product (``1/batch``).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.program.equations import Equation, Program, Var
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Shape


class Size:
    """A whole number that depends on lengths: factors by the lengths that they multiply."""

    def __init__(self, terms: dict[tuple[str, ...], int]) -> None:
        self.terms = terms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(tuple(self.terms.items()))

    def __repr__(self) -> str:
        words = ["·".join([str(c)] * (c != 1 or not s) + list(s)) for s, c in self.terms.items()]
        return " + ".join(words)

    @property
    def symbol(self) -> str | None:
        """The one length that it is, if it is one."""
        ((symbols, factor),) = self.terms.items() if len(self.terms) == 1 else [((), 0)]
        return symbols[0] if len(symbols) == 1 and factor == 1 else None


@dataclass(frozen=True)
class Ratio:
    """A number that depends on lengths: a sum of products over a product of some."""

    above: dict[tuple[str, ...], float]
    below: tuple[str, ...]
    dtype: np.dtype[np.generic]


@dataclass(frozen=True)
class Line:
    """An array whose length varies: ``start + i · step`` at place i along ``axis``."""

    shape: tuple[Any, ...]
    axis: int
    start: Array
    step: Array


@dataclass(frozen=True)
class Full:
    """An array of one number, where its length varies, or the number does."""

    shape: tuple[Any, ...]
    value: Array
    dtype: np.dtype[np.generic]


@dataclass(frozen=True)
class Triangle:
    """An array of two numbers: ``inside`` up to the ``k``-th diagonal, ``outside`` above."""

    shape: tuple[Any, ...]
    k: int
    inside: Array
    outside: Array
    dtype: np.dtype[np.generic]


Varying = Size | Ratio | Line | Full | Triangle
"""What depends on sizes."""

Points = list[dict[str, int]]
"""The lengths at each trace."""


def points(lengths: dict[str, int]) -> Points:
    """Lengths to trace at: as many as there are products of them, and two to check by.

    They are not above those that are given, which a table of places, say, may not have.
    """
    symbols = sorted(lengths)
    corners = list(itertools.product((0, 1), repeat=len(symbols)))
    found = [dict(zip(symbols, ups, strict=True)) for ups in [*corners, [2] * len(symbols)]]
    found.append({s: 3 - i % 2 for i, s in enumerate(symbols)})
    top = {s: min(n, 9) if n > 4 else 5 for s, n in lengths.items()}
    return [{s: top[s] - down for s, down in at.items()} for at in found] if symbols else [{}]


def products(at: Points) -> tuple[list[tuple[str, ...]], Array]:
    """All products of the lengths, and their values at the points."""
    symbols = list(at[0])
    of = [c for k in range(len(symbols) + 1) for c in itertools.combinations(symbols, k)]
    return of, np.array([[math.prod(p[s] for s in c) for c in of] for p in at], float)


def fitted(values: Array, at: Points) -> dict[tuple[str, ...], float] | None:
    """Factors of the sum of products that ``values`` are at the points, if they are one."""
    of, table = products(at)
    n = len(of)
    y = np.asarray(values, float)
    factors = np.linalg.solve(table[:n], y[:n])
    scale = np.max(np.abs(y)) + 1e-300
    near = np.round(factors)
    factors = np.where(np.abs(factors - near) <= 1e-9 * np.maximum(1, np.abs(near)), near, factors)
    if not np.all(np.abs(table @ factors - y) <= 1e-9 * scale):
        return None
    return {s: float(c) for s, c in zip(of, factors, strict=True) if c}


class Unclear(ValueError):
    """Traces of different lengths differ in a way that is no formula of the lengths."""


def merged(values: list[Any], at: Points, same: Function, what: str) -> Any:
    """What ``values``, one from each trace, are as one thing; ``same(vars)`` merges variables."""
    first = values[0]
    if isinstance(first, Var):
        return same(values)
    if isinstance(first, tuple | list):
        if len({len(v) for v in values}) != 1:
            raise Unclear(what)
        return tuple(merged(list(parts), at, same, what) for parts in zip(*values, strict=True))
    if isinstance(first, slice):
        ends = [merged([getattr(v, k) for v in values], at, same, what) for k in SLICE]
        return slice(*ends)
    if isinstance(first, np.ndarray) and first.ndim:
        return merged_arrays(values, at, what)
    if isinstance(first, np.ndarray | np.generic | int | float) and not isinstance(first, bool):
        return merged_numbers(values, at, what)
    if any(v is not first and v != first for v in values):
        raise Unclear(what)
    return first


SLICE = ("start", "stop", "step")


def merged_numbers(values: list[Array], at: Points, what: str) -> Array:
    first = values[0]
    if any(v is None or isinstance(v, Var) for v in values):
        raise Unclear(what)
    if all(v == first or (v != v and first != first) for v in values):
        return first
    kind = np.result_type(first)
    if kind.kind in "iu":
        terms = fitted(values, at)
        if terms is None or any(c != int(c) for c in terms.values()):
            raise Unclear(what)
        return Size({s: int(c) for s, c in terms.items()})
    if kind.kind != "f":
        raise Unclear(what)
    symbols = list(at[0])
    for below in (c for k in range(len(symbols) + 1) for c in itertools.combinations(symbols, k)):
        above = [v * math.prod(p[s] for s in below) for v, p in zip(values, at, strict=True)]
        terms = fitted(above, at)
        if terms is not None:
            return Ratio(terms, below, kind)
    raise Unclear(what)


def along(shape: Shape, axis: int, start: Array, step: Any) -> Any:
    """``start + i · step`` at place i along ``axis``."""
    if not np.any(step):
        return np.broadcast_to(start, shape)
    places = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return np.broadcast_to(start + places * step, shape)


def triangle(values: list[Any], shape: tuple[Any, ...]) -> Triangle | None:
    """Arrays of one value in a lower triangle and one outside, as causal masks; None for others."""
    first = values[0]
    inside, outside = first[-1, 0], first[0, -1]
    if inside == outside:
        return None
    k = int(np.sum(first[0] == inside)) - 1
    same = [
        np.array_equal(v, np.where(np.tri(v.shape[0], v.shape[1], k) > 0, inside, outside))
        for v in values
    ]
    return Triangle(shape, k, inside, outside, first.dtype) if all(same) else None


def merged_arrays(values: list[Array], at: Points, what: str) -> Array:
    first = values[0]
    if any(np.ndim(v) != first.ndim or v.dtype != first.dtype for v in values):
        raise Unclear(what)
    shape = tuple(merged_numbers([v.shape[i] for v in values], at, what) for i in range(first.ndim))
    if all(v.size and np.all(v == v.flat[0]) for v in values):
        value = merged_numbers([v.flat[0] for v in values], at, what)
        if isinstance(value, Ratio) or any(isinstance(n, Size) for n in shape):
            return Full(shape, value, first.dtype)
    varying = [i for i, n in enumerate(shape) if isinstance(n, Size)]
    if not varying:
        if not all(np.array_equal(v, first, equal_nan=first.dtype.kind == "f") for v in values):
            raise Unclear(what)
        return first
    if first.ndim == 2 and len(varying) == 2 and (found := triangle(values, shape)):
        return found
    heads = [
        v[tuple(slice(1) if i in varying else slice(None) for i in range(v.ndim))] for v in values
    ]
    start = heads[0]
    for axis in varying:
        second = tuple(
            slice(1, 2) if i == axis else slice(1) if i in varying else slice(None)
            for i in range(first.ndim)
        )
        step = first[second] - start if first.dtype.kind in "iuf" else np.zeros_like(start)
        if all(np.array_equal(v, along(v.shape, axis, start, step)) for v in values):
            return Line(shape, axis, start, step)
    raise Unclear(what)


@dataclass
class Merging:
    """Several traces of one function as one program."""

    at: Points
    known: dict[Var, tuple[Var, ...]] = field(default_factory=dict)
    merged: dict[Var, Var] = field(default_factory=dict)

    def define(self, variables: list[Var], what: str) -> Var:
        """One variable for what is the same variable in each trace."""
        first = variables[0]
        if any(v.dtype != first.dtype or len(v.shape) != len(first.shape) for v in variables):
            raise Unclear(what)
        shape = tuple(
            merged_numbers([v.shape[i] for v in variables], self.at, what)
            for i in range(len(first.shape))
        )
        new = Var(first.name, shape, first.dtype, first.given, first.also)
        self.known[first], self.merged[first] = tuple(variables), new
        return new

    def same(self, variables: list[Var]) -> Var:
        first = variables[0]
        known = self.known.get(first)
        if known is None or any(a is not b for a, b in zip(known, variables, strict=True)):
            raise Unclear(first.name)
        return self.merged[first]

    def equation(self, equations: list[Equation]) -> Equation:
        first = equations[0]
        what = repr(first)
        keys = first.kwargs.keys()
        if any(e.op is not first.op or e.kwargs.keys() != keys for e in equations):
            raise Unclear(what)
        args = merged([e.args for e in equations], self.at, self.same, what)
        kwargs = {
            k: merged([e.kwargs[k] for e in equations], self.at, self.same, what) for k in keys
        }
        out: Any = tuple(
            self.define(list(vs), what) for vs in zip(*(e.outs for e in equations), strict=True)
        )
        return Equation(out if isinstance(first.out, tuple) else out[0], first.op, args, kwargs)

    def program(self, programs: list[Program]) -> Program:
        """The program that all of them are, with sizes where they differ."""
        first = programs[0]
        for inputs in zip(*(p.inputs for p in programs), strict=True):
            self.define(list(inputs), inputs[0].name)
        counts = {(len(p.equations), len(p.constants)) for p in programs}
        if len(counts) != 1:
            raise Unclear("the number of steps")
        constants = {}
        for items in zip(*(p.constants.items() for p in programs), strict=True):
            (v, c), values = items[0], [value for _, value in items]
            what = f"the constant {v.name}"
            new = self.define([key for key, _ in items], what)
            if any(x is not c for x in values):
                c = merged([getattr(x, "_value", x) for x in values], self.at, self.same, what)
            constants[new] = c
        equations = [self.equation(list(es)) for es in zip(*(p.equations for p in programs))]
        leaves = [flatten(p.result)[0] for p in programs]
        result = [merged(list(xs), self.at, self.same, "the result") for xs in zip(*leaves)]
        parameters = [flatten(list(p.parameters.values()))[0] for p in programs]
        given = [self.merged[x] for x in parameters[0] if isinstance(x, Var)]
        rebuild = flatten(first.result)[1]
        return Program(first.name, {"inputs": given}, constants, equations, rebuild(result))
