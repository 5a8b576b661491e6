"""A program is a flat list of equations over named variables.

It is what is left of a computation when the numbers are taken out: which op, of which
variables.  Two small dataclasses hold it, and a third lists them.  Gradients are in it
like everything else, because the backward pass is recorded like everything else.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import keyword
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from minigrad.graph import recording
from minigrad.ops.record import Op
from minigrad.program.live import Draw, frozen_draws
from minigrad.tree import flatten, leaves_like, tree_map
from minigrad.typing import Array, Function, Keywords, Operand, Shape, Tree


@dataclass(eq=False)
class Var:
    """A variable: what it is called, and what kind of array it holds.

    ``given`` says that the user named it, so that a printed program keeps the name;
    ``also`` are further names of the same value: ``db`` is ``dz``.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    given: bool = False
    also: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """Its type in a few words: ``float64 (3, 4)``."""
        return f"{self.dtype} {self.shape}" if self.shape else str(self.dtype)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(eq=False)
class Equation:
    """``out = op(*args, **kwargs)``.

    Arguments are variables, or constants that are as small as numbers; metadata may hold
    variables too (an index that is computed).  An op of several outputs has a tuple of
    variables.
    """

    out: Any
    op: Op
    args: tuple[Operand, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def outs(self) -> tuple[Var, ...]:
        """All variables that it defines."""
        return self.out if isinstance(self.out, tuple) else (self.out,)

    def reads(self) -> Iterator[Var]:
        """The variables that it needs, once for each use."""
        for x in (*self.args, *self.kwargs.values()):
            if type(x) is Var:
                yield x
            elif isinstance(x, tuple | list):
                yield from variables_in(x)

    def filled(self, value: Callable[[Var], Operand]) -> tuple[list[Operand], dict[str, Any]]:
        """Arguments and metadata, with ``value(v)`` for each variable."""
        args = [value(a) if type(a) is Var else substitute(a, value) for a in self.args]
        return args, {k: substitute(v, value) for k, v in self.kwargs.items()}

    def __repr__(self) -> str:
        words = [atom_text(a) for a in self.args] + [
            f"{k}={atom_text(v)}" for k, v in self.kwargs.items()
        ]
        outs = ", ".join(v.name for v in self.outs)
        return f"{outs} = {self.op.name}({', '.join(words)})"


def atom_text(x: object) -> str:
    """A constant or a variable in an equation."""
    if isinstance(x, np.ndarray):
        return f"<{x.dtype} {x.shape}>"
    return str(x.item()) if isinstance(x, np.generic) else repr(x)


def variables_in(x: object) -> Iterator[Var]:
    """The variables among an argument or metadata, which may be nested."""
    if isinstance(x, Var):
        yield x
    elif isinstance(x, tuple | list):
        for part in x:
            yield from variables_in(part)


def substitute(x: object, value: Callable[[Var], Operand]) -> Any:
    """An argument or metadata with ``value(v)`` for each of its variables."""
    if isinstance(x, Var):
        return value(x)
    if isinstance(x, tuple) and any(True for _ in variables_in(x)):
        return tuple(substitute(part, value) for part in x)
    return x


writers: dict[str, Function] = {}
"""How a program is printed: ``source`` and ``save``, which `minigrad.writing` hangs in here."""


class Called:
    """What `inspect.signature` says of a program; nothing of the class, which has its own."""

    def __get__(self, program: Program | None, owner: type) -> inspect.Signature:
        if program is None:
            raise AttributeError("__signature__")
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([inspect.Parameter(p, kind) for p in program.parameters])


@dataclass(eq=False)
class Program:
    """A function as equations; call it like the function that it was traced from.

    Parameters
    ----------
    name : str
    parameters, constants, equations, result
        What stands below; `trace` and `compile` make programs, and so does whoever rewrites one.

    Attributes
    ----------
    name : str
    parameters : dict
        Parameter -> its argument: nested dicts, lists and tuples of variables (what was
        fixed when the program was traced stands there as it is).
    constants : dict
        Variable -> the array that it stands for (a Tensor is read at each call).
    equations : list of Equation
    result : Any
        Nested variables and constants.

    Raises
    ------
    TypeError
        By a call, for arguments that are missing, unknown or given twice.
    ValueError
        By a call, for other shapes and dtypes than those traced, and other values of what is fixed.

    Examples
    --------
    >>> import minigrad as mg
    >>> program = mg.trace(mg.grad(lambda x: x * mg.sin(x)), 2.0)
    >>> program(0.0)
    np.float64(0.0)
    """

    name: str
    parameters: dict[str, Tree]
    constants: dict[Var, Array]
    equations: list[Equation]
    result: Tree
    __signature__: ClassVar[Called] = Called()

    def __post_init__(self) -> None:
        self.name = unicodedata.normalize("NFKC", self.name)  # as Python itself reads it
        if not self.name.isidentifier() or keyword.iskeyword(self.name) or self.name == "np":
            self.name = "f"  # a lambda, say

    @property
    def inputs(self) -> list[Var]:
        """The variables among the arguments, in order."""
        leaves, _ = flatten(list(self.parameters.values()), whole=True)
        return [x for x in leaves if isinstance(x, Var)]

    @property
    def outputs(self) -> list[Operand]:
        """What is returned, in order: variables and constants."""
        return flatten(self.result, whole=True)[0]

    @property
    def source(self) -> str:
        """The program as NumPy that a careful person would have written."""
        with frozen_draws(self.constants.values()):
            return str(writers["source"](self))

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<program {self.name}: {len(self.equations)} equations>"

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def listing(self) -> str:
        """The equations one by one, as passes see them; what has no name gets a number.

        Examples
        --------
        >>> import minigrad as mg
        >>> print(mg.trace(mg.grad(lambda x: x * mg.sin(x)), 2.0).listing)
        t1 = sin(x)
        t2 = cos(x)
        t3 = multiply(x, t2)
        dx = add(t1, t3)
        return dx
        """
        taken = {v.name for v in (*self.inputs, *self.constants)}
        numbers = (f"t{i}" for i in itertools.count(1))
        names: dict[Var, Var] = {}
        lines = []
        for e in self.equations:
            for v in e.outs:
                name = v.name if v.given else next(n for n in numbers if n not in taken)
                names[v] = Var(name, v.shape, v.dtype)
                taken.add(name)
            now = lambda v: names.get(v, v)
            args, kwargs = e.filled(now)
            lines.append(repr(Equation(substitute(e.out, now), e.op, tuple(args), kwargs)))
        result = tree_map(lambda x: names.get(x, x) if isinstance(x, Var) else x, self.result, True)
        return "\n".join([*lines, f"return {result!r}"])

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file that runs by itself: it imports NumPy alone.

        Large constants go into ``NAME.constants.npz`` beside it.  Each file is written aside
        and then put in its place, so that no reader ever sees half of one.

        Raises
        ------
        FileNotFoundError
            When the folder does not exist.
        ValueError
            For results that no source can write down.
        """
        writers["save"](self, path)

    def __call__(self, *args: object, **kwargs: Any) -> Tree:
        """What the traced function returns; recorded, if Tensors that need it go in.

        Raises
        ------
        TypeError, ValueError
            For arguments of another structure, shape or dtype than the program is for.
        """
        try:
            given = inspect.signature(self).bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            names = ", ".join(self.parameters)
            raise TypeError(f"{self.name}({names}): {error}") from None
        for name in self.parameters:
            if name not in given:
                raise TypeError(f"{self.name}: the argument {name} is missing")
        values: dict[Var, Array] = {}
        for name, tree in self.parameters.items():
            found = leaves_like(given[name], tree, name, whole=True)
            for v, x in zip(flatten(tree, whole=True)[0], found, strict=True):
                if isinstance(v, Var):
                    values[v] = self._checked(v, x)
                elif v is not x and not np.array_equal(v, x):
                    raise ValueError(
                        f"{self.name} was traced with {name}={v!r}, which is fixed in it, and "
                        f"called with {x!r}: trace it again"
                    )
        captured = self.constants.values() if recording.get() else ()
        recorded = any(hasattr(x, "_value") for x in values.values()) or any(
            getattr(c, "node", None) is not None for c in captured
        )
        return evaluate(self, values, call_recorded if recorded else call_forward)

    def _checked(self, v: Var, x: Array) -> Array:
        if isinstance(x, int | float) and not v.shape:
            return v.dtype.type(x)
        shape, dtype = np.shape(x), getattr(x, "dtype", None)
        if shape != v.shape or dtype != v.dtype:
            raise ValueError(
                f"{self.name} was traced for {v.name}: {v.kind}, and called with {dtype} "
                f"{shape}: trace it again, or use mg.compile, which does so by itself"
            )
        return x

    def replace(self, **changes: Any) -> Program:
        """The same program with some parts exchanged."""
        return dataclasses.replace(self, **changes)

    def rewritten(self, equations: list[Equation], value: Mapping[Var, Operand]) -> Program:
        """What ``equations`` compute; ``value`` tells what became of the variables before them."""
        result = tree_map(lambda x: value.get(x, x) if isinstance(x, Var) else x, self.result, True)
        return without_dead_code(self.replace(equations=equations, result=result))

    @functools.cached_property
    def dying(self) -> list[tuple[Var, ...]]:
        """For each equation, the variables that nothing needs after it."""
        seen = {x for x in self.outputs if isinstance(x, Var)}
        found = []
        for equation in reversed(self.equations):
            last = {*equation.reads(), *equation.outs} - seen
            seen |= last
            found.append(tuple(last))
        return found[::-1]

    def uses(self) -> dict[Var, int]:
        """How often each variable is read, results included."""
        read = (v for equation in self.equations for v in equation.reads())
        return Counter(chain(read, (v for v in self.outputs if isinstance(v, Var))))


def is_library_op(op: Op) -> bool:
    """Whether it is known that an op only computes: it is not the user's."""
    module = getattr(op.forward, "__module__", None) or "numpy"
    return module.partition(".")[0] in ("minigrad", "numpy", "scipy", "_operator")


def evaluate(program: Program, values: Mapping[Var, Array], call: Function) -> Tree:
    """The result of ``program``, with ``call(op, args, kwargs)`` for each equation."""
    env: dict[Var, Array] = dict(values)
    for v, constant in program.constants.items():  # a captured Tensor may want its gradient
        env[v] = constant if call is call_recorded else getattr(constant, "_value", constant)
    for equation, dying in zip(program.equations, program.dying, strict=True):
        ans = call(equation.op, *equation.filled(env.__getitem__))
        if isinstance(equation.out, tuple):
            env.update(zip(equation.out, ans, strict=True))
        else:
            env[equation.out] = ans
        for v in dying:
            del env[v]
    leaves, rebuild = flatten(program.result, whole=True)
    return rebuild([env[x] if isinstance(x, Var) else x for x in leaves])


def call_recorded(op: Op, args: Sequence[Array], kwargs: Keywords) -> Array:
    """``op`` on Tensors."""
    return op(*args, **kwargs)


def call_forward(op: Op, args: Sequence[Array], kwargs: Keywords) -> Array:
    """``op`` on plain arrays."""
    return op.forward(*args, **kwargs)


def without_dead_code(program: Program) -> Program:
    """Equations and constants that the result does not need, left out."""
    needed = {v for v in program.outputs if isinstance(v, Var)}
    kept = []
    for equation in reversed(program.equations):
        if needed.intersection(equation.outs):
            kept.append(equation)
            needed.update(equation.reads())
    constants = {
        v: c for v, c in program.constants.items() if v in needed or isinstance(c, Draw)
    }  # what is drawn is drawn by the function too, even in vain
    return program.replace(equations=kept[::-1], constants=constants)
