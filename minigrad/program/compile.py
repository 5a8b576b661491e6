"""mg.compile: a function that is traced once for each kind of arguments and then runs as a kernel.

What is called is generated: it asks whether the arguments are of the kind that it was
made for and, if so, goes straight to the work; otherwise the slower path below looks
for another kernel, or traces anew.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.errors import label
from minigrad.graph import modes, tracing
from minigrad.program import scalar
from minigrad.program.equations import Program, Var, evaluate, forward
from minigrad.program.kernel import Kernel, nested
from minigrad.program.lower import lower
from minigrad.program.proof import fault, told
from minigrad.program.simplify import simplified
from minigrad.program.trace import arguments, is_input, record
from minigrad.tensor import Tensor
from minigrad.tree import flatten

MISSING = object()


def compile(f: Callable[..., Any], *, static: Sequence[str | int] = ()) -> Compiled:
    """``f``, traced at its first call and run as generated NumPy from then on.

    Parameters
    ----------
    f : callable
        Of numbers, arrays and nested dicts, lists and tuples of them.  Its value, and
        gradients if it asks for them, must not depend on values that it looks at in
        Python (``if``, ``float()``): those are errors.
    static : sequence of str or int
        Names or positions of arguments that are fixed; it is traced again for each value.
        Python integers, booleans, strings and functions always are.

    Returns
    -------
    callable
        With ``.source``, ``.program``, ``.constants`` and ``.retraces``.  It may be
        called from several threads.  Single numbers come back as Python floats where
        all of the computation is in single numbers.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> step = mg.compile(mg.value_and_grad(lambda w, x: (mg.sigmoid(x * w) ** 2).sum()))
    >>> value, gradient = step(np.ones(3), np.zeros(3))
    >>> float(value), gradient
    (0.75, array([0., 0., 0.]))
    >>> step.retraces
    0
    """
    if not callable(f):
        raise TypeError(f"mg.compile takes a function, not {label(f)}: step = mg.compile(f)")
    kind = type("compiled", (Compiled,), {"__module__": __name__})
    return kind(f, static)  # type: ignore[no-any-return]


class Compiled:
    """A compiled function.

    Attributes
    ----------
    source : str
        The latest program as NumPy source.
    program : Program
        The latest program.
    constants : dict
        Name -> array that the function did not get as an argument.
    retraces : int
        How often it was traced again, for arguments of another kind.
    """

    def __init__(self, f: Callable[..., Any], static: Sequence[str | int]) -> None:
        functools.update_wrapper(self, f, updated=())
        self.f = f
        self.static = tuple(static)
        self.known: dict[Any, Run] = {}
        self.latest: Run | None = None
        self._lock = threading.RLock()
        self._missed: Run | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._dispatch(args, kwargs)

    def __repr__(self) -> str:
        name = getattr(self.f, "__name__", repr(self.f))
        return f"<compiled {name}, traced {len(self.known)} times>"

    @property
    def retraces(self) -> int:
        return max(len(self.known) - 1, 0)

    @property
    def program(self) -> Program:
        if self.latest is None:
            name = getattr(self.f, "__name__", "the function")
            raise RuntimeError(
                f"{name} has not been traced yet: call it once with arguments, or use "
                "mg.trace(f, *args)"
            )
        return self.latest.program

    @property
    def source(self) -> str:
        return self.program.source

    @property
    def constants(self) -> dict[str, Any]:
        return {v.name: c for v, c in self.program.constants.items()}

    def _dispatch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The slower path: find or make the kernel for these arguments."""
        named = arguments(self.f, args, kwargs)
        key, leaves = self._signature(named, len(args))
        run = self.known.get(key)
        if run is None:
            with self._lock:
                run = self.known.get(key)
                if run is None:
                    run = self._trace(args, kwargs, named, leaves)
                    self.known[key] = run
                    self.latest = run
                    if len(self.known) == 1:
                        run.install(type(self))
        elif self._missed is run:
            run.install(type(self))  # it was asked for twice in a row
        self._missed = run
        return run(leaves)

    def _trace(self, args: Any, kwargs: Any, named: dict[str, Any], leaves: list[Any]) -> Run:
        with modes.set(tracing, None):
            recorded = record(self.f, args, kwargs, self.static)
            run = Run(simplified(recorded), self, named, len(args))
            run.prove(recorded, leaves)
        return run

    def _signature(self, named: dict[str, Any], positional: int) -> tuple[Any, list[Any]]:
        """What the arguments have in common with others that the same kernel is for."""
        key: list[Any] = [positional]
        leaves: list[Any] = []
        for i, (name, value) in enumerate(named.items()):
            fixed = name in self.static or i in self.static
            key.append(name)
            _describe(value, fixed, key, leaves)
        return tuple(key), leaves


def _describe(x: Any, fixed: bool, key: list[Any], leaves: list[Any]) -> None:
    """Append what is characteristic of an argument to ``key``, and its inputs to ``leaves``."""
    if isinstance(x, dict):
        key.append((type(x), *x))
        for v in x.values():
            _describe(v, fixed, key, leaves)
    elif isinstance(x, list | tuple):
        key.append((type(x), len(x)))
        for v in x:
            _describe(v, fixed, key, leaves)
    elif not fixed and is_input(x):
        leaves.append(x)
        key.append((np.shape(x), x.dtype if hasattr(x, "dtype") else np.dtype(float)))
    else:
        try:
            hash(x)
            key.append((type(x), x))
        except TypeError:
            what = f"an array of shape {x.shape}" if hasattr(x, "shape") else type(x).__name__
            if isinstance(x, np.ndarray):
                key.append((x.shape, str(x.dtype), x.tobytes()))
                return
            raise TypeError(
                f"{label(x)} ({what}) is a static argument and cannot be compared: "
                "pass something hashable, or an array"
            ) from None


class Run:
    """One kernel: for arguments of one structure, of these shapes and dtypes."""

    def __init__(
        self, program: Program, owner: Compiled, named: dict[str, Any], positional: int
    ) -> None:
        self.program = program
        self.owner = owner
        self.inputs = program.inputs
        self.numeric = scalar.is_scalar(program)
        code, scope = self._write(named, positional)
        self.code = code
        exec(builtins.compile(code, f"<compiled {program.name}>", "exec"), scope)
        self.run = scope["run"]
        self.entry = scope.get("entry")

    def prove(self, recorded: Program, leaves: list[Any]) -> None:
        """Compare the kernel with the ops; if they differ, use those."""
        given = [getattr(x, "_value", x) for x in leaves]
        given = [np.float64(x) if type(x) is float else x[()] for x in given]
        if not all(isinstance(x, np.ndarray | np.generic) for x in given):
            return
        with np.errstate(all="ignore"):
            expected = evaluate(recorded, dict(zip(recorded.inputs, given, strict=True)), forward)
        run = (lambda *xs: self.run(*map(float, xs))) if self.numeric else self.run
        wrong = fault(recorded, run, given, flatten(expected)[0])
        if wrong is not None:
            told(recorded, wrong)
            self.entry, self.numeric = None, False
            self.run = lambda *xs: evaluate(
                recorded, dict(zip(recorded.inputs, xs, strict=True)), forward
            )

    def install(self, kind: type) -> None:
        """Make this what calling the compiled function does."""
        if self.entry is not None:
            kind.__call__ = staticmethod(self.entry)  # type: ignore[method-assign]

    def __call__(self, leaves: list[Any]) -> Any:
        if any(isinstance(x, Tensor) for x in leaves):
            tensors = [x for x in leaves if isinstance(x, Tensor)]
            if any(x.node is not None for x in tensors) or tracing.get() is not None:
                values = dict(zip(self.inputs, leaves, strict=True))
                return evaluate(self.program, values, lambda op, args, kw: op(*args, **kw))
            leaves = [x._value if isinstance(x, Tensor) else x for x in leaves]
        if not all(isinstance(x, float | np.ndarray | np.generic) for x in leaves):
            values = dict(zip(self.inputs, leaves, strict=True))
            return evaluate(self.program, values, forward)
        if self.numeric:
            return self.run(*map(float, leaves))
        return self.run(
            *[np.float64(x) if type(x) is float else x[()] if not x.shape else x for x in leaves]
        )

    def in_numpy(self, *leaves: Any) -> Any:
        """A scalar program where ``math`` gave up: NumPy has an infinity or NaN for it."""
        values = dict(zip(self.inputs, map(np.float64, leaves), strict=True))
        ans = evaluate(self.program, values, forward)
        found, rebuild = flatten(ans)
        return rebuild([float(x) if isinstance(x, np.floating) else x for x in found])

    # --- what is generated ----------------------------------------------------------------

    def _write(self, named: dict[str, Any], positional: int) -> tuple[str, dict[str, Any]]:
        names = [f"x{i}" for i in range(len(self.inputs))]
        scope: dict[str, Any] = {"np": np, "ndarray": np.ndarray, "float64": np.float64}
        lines = self._numbers(names, scope) if self.numeric else self._arrays(scope)
        run = [f"def run({', '.join(names)}):", *(f"    {line}" for line in lines)]
        head = self._head(named, positional, scope)
        if head is None:
            return "\n".join(run), scope
        guard = self._guard(scope)
        entry = [
            f"def entry({head[0]}):",
            f"    if {guard}:",
            *(f"        {line}" for line in lines),
            f"    return dispatch({head[1]})",
        ]
        scope["dispatch"] = self._again
        return "\n".join([*run, "", *entry]) + "\n", scope

    def _again(self, *args: Any, **kwargs: Any) -> Any:
        kwargs = {k: v for k, v in kwargs.items() if v is not MISSING}
        return self.owner._dispatch(tuple(a for a in args if a is not MISSING), kwargs)

    def _numbers(self, names: list[str], scope: dict[str, Any]) -> list[str]:
        """The body in Python's numbers."""
        lowered = self.program
        body, text = scalar.body(lowered, names)
        scope.update(scalar.NAMESPACE)
        scope["in_numpy"] = self.in_numpy
        read = []
        for v, c in lowered.constants.items():
            scope[f"k_{v.name}"] = c
            value = "._value" if isinstance(c, Tensor) else ""
            read.append(f"{text[v]} = float(k_{v.name}{value})")
        words = [
            text[x] if isinstance(x, Var) else scalar.literal(x) if np.ndim(x) == 0 else repr(x)
            for x in lowered.outputs
        ]
        result = nested(lowered.result, iter(words))
        return [
            "try:",
            *(f"    {line}" for line in (*read, *body)),
            f"    return {result}",
            "except (ArithmeticError, ValueError):",
            f"    return in_numpy({', '.join(names)})",
        ]

    def _arrays(self, scope: dict[str, Any]) -> list[str]:
        """The body in NumPy, on memory of its own."""
        kernel = Kernel(lower(self.program))
        scope.update(kernel.namespace)
        pool: list[Any] = []
        scope.update(pool=pool, allocate=kernel.memory.allocate)
        lines = list(kernel.lines)
        if kernel.memory.views:
            lines = [
                "try:",
                "    work = pool.pop()",
                "except IndexError:",
                "    work = allocate()",
                f"{kernel.memory.names} = work",
                *lines,
                "pool.append(work)",
            ]
        silenced = {kind for e in self.program.equations for kind in e.op.warns}
        if silenced:
            scope["errstate"] = np.errstate
            states = ", ".join(f"{kind}='ignore'" for kind in sorted(silenced))
            lines = [f"with errstate({states}):", *(f"    {line}" for line in lines)]
        return [*lines, "return result"]

    def _head(
        self, named: dict[str, Any], positional: int, scope: dict[str, Any]
    ) -> tuple[str, str] | None:
        """Parameters of the generated function, and how to pass them on; None: too unusual."""
        try:
            parameters = inspect.signature(self.owner.f).parameters.values()
        except (TypeError, ValueError):
            return None
        scope["MISSING"] = MISSING
        words, passed = [], []
        for i, p in enumerate(parameters):
            if p.kind is not p.POSITIONAL_OR_KEYWORD:
                return None
            words.append(f"{p.name}=MISSING")
            passed.append(p.name if i < positional else f"{p.name}={p.name}")
        self._parameters = [p.name for p in parameters]
        reserved = {*scope, *(f"x{i}" for i in range(len(self.inputs))), "work", "result"}
        if reserved.intersection(self._parameters):
            return None
        return ", ".join(words), ", ".join(passed)

    def _guard(self, scope: dict[str, Any]) -> str:
        """The condition under which the arguments are of the kind that the kernel is for."""
        tests: list[str] = []
        numbers = {v: f"x{i}" for i, v in enumerate(self.inputs)}
        for name in self._parameters:
            if name in self.program.parameters:
                self._test(self.program.parameters[name], name, tests, scope, numbers)
            else:
                tests.append(f"{name} is MISSING")
        return " and ".join(tests) or "True"

    def _test(
        self, tree: Any, place: str, tests: list[str], scope: dict[str, Any], names: dict[Var, str]
    ) -> None:
        if isinstance(tree, dict | list | tuple):
            kind = f"kind_{len(scope)}"
            scope[kind] = type(tree)
            tests.append(f"{place}.__class__ is {kind} and len({place}) == {len(tree)}")
            if isinstance(tree, dict):
                for key, v in tree.items():
                    bound = f"key_{len(scope)}"
                    scope[bound] = key
                    word = repr(key) if type(key) in (str, int) else bound
                    tests.append(f"{word} in {place}")
                    self._test(v, f"{place}[{word}]", tests, scope, names)
            else:
                for i, v in enumerate(tree):
                    self._test(v, f"{place}[{i}]", tests, scope, names)
        elif isinstance(tree, Var):
            x = names[tree]
            got = f"({x} := {place})"
            if self.numeric:
                tests.append(f"{got}.__class__ is float")
            elif tree.shape == () and tree.dtype == np.float64:
                tests.append(f"({got}.__class__ is float or {x}.__class__ is float64)")
            elif tree.shape == ():
                kind = f"kind_{len(scope)}"
                scope[kind] = tree.dtype.type
                tests.append(f"{got}.__class__ is {kind}")
            else:
                dtype = f"dtype_{tree.dtype.char}"
                scope[dtype] = tree.dtype
                tests.append(
                    f"{got}.__class__ is ndarray and {x}.shape == {tree.shape!r} "
                    f"and {x}.dtype is {dtype}"
                )
        else:
            bound = f"fixed_{len(scope)}"
            scope[bound] = tree
            same = "is" if tree is None or isinstance(tree, bool) else "=="
            kind = f"{bound}.__class__"
            tests.append(f"{place}.__class__ is {kind} and {place} {same} {bound}")
