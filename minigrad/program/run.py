"""A run: one kernel as a function of its inputs, proved, with the entries that lead to it.

Its source is Python's numbers where all are single, and calls of NumPy on memory of its
own otherwise.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.data import locked
from minigrad.graph import Leaf, Passive, recording
from minigrad.program import scalar
from minigrad.program.dispatch import Bind, Form, covers, entry_of
from minigrad.program.equations import Program, Var, call_forward, evaluate
from minigrad.program.kernel import Kernel
from minigrad.program.live import Draw, frozen_draws
from minigrad.program.lower import lower
from minigrad.program.places import Place
from minigrad.program.proof import fault, warn_of_fault
from minigrad.program.structure import structure_source
from minigrad.program.tracer import Tracer
from minigrad.tensor import Tensor, wrap
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Keywords, Tree, Variables

SHORT = 60
"""Lines of kernels that are written into each entry."""


class Run:
    """One kernel: for arguments of one structure, of these shapes and dtypes.

    Attributes
    ----------
    program : Program
    key : tuple
        The form of calls that it is for.
    weak : bool
        Whether a double in place of one of Python's floats would give something else.
    places : list of Place
        What it has captured, as it must be.
    entries : dict
        Pattern of a call -> scope of the generated function for it.
    updates : list of Tensor
        Whose data the function sets.
    recorded : bool
        Whether captured Tensors may get gradients through the results: while gradients
        are recorded, the function itself is called.
    """

    key: tuple[Any, ...]
    weak: bool
    updates: list[Tensor]
    pending: list[Array]
    draws: list[Draw]
    inputs: list[Var]
    names: list[str]
    unwritten: str
    lines: list[str]
    scope: Variables
    code: str
    run: Function

    def __init__(
        self, program: Program, form: Form, tracer: Tracer, places: list[Place], result: Tree
    ) -> None:
        self.program = program
        self.key = form.key
        self.weak = tracer.cast
        self.places = places
        self.updates = [t for t, _ in tracer.updates.values()]
        self.pending = [new._value for _, new in tracer.updates.values()]
        self.draws = [c for c in tracer.captured.values() if isinstance(c, Draw)]
        self.recorded: bool = is_recorded(flatten(result, whole=True)[0])
        self.entries: dict[Hashable, Variables] = {}
        self.inputs = program.inputs
        self.numeric: bool = scalar.is_scalar(program)
        self.single: bool = not self.numeric and scalar.is_single_numbers(program)
        self.names = [f"x{i}" for i in range(len(self.inputs))]
        self.unwritten = ""
        self.ready: list[Tree] = []  # the answer, if the proof has computed it already
        try:
            self.written(*self._write())
        except Exception as error:  # the ops can do it all the same
            self.unwritten = f"it cannot be written ({type(error).__name__}: {error})"

    def written(self, lines: list[str], scope: Variables) -> None:
        """Make a function of the body of one."""
        self.lines, self.scope = lines, scope
        head = f"def run({', '.join(self.names)}):"
        self.code = "\n".join([head, *(f"    {line}" for line in lines)]) + "\n"
        exec(builtins.compile(self.code, f"{__file__}: {self.program.name}", "exec"), scope)
        self.run = scope["run"]

    def prove(self, recorded: Program, form: Form, result: Tree) -> None:
        """Compare the kernel with the ops; if they differ, use those."""
        given = [np.float64(x) if type(x) is float else x for x in form.ordered(form.named)]
        if len(given) != len(self.inputs):
            raise ValueError("the program has other inputs than calls of this form give")
        ops = functools.partial(by_ops, recorded)
        with frozen_draws(self.program.constants.values()):
            if self.updates or self.draws:
                with np.errstate(all="ignore"):
                    result = ops(*given)
            expected = [getattr(x, "_value", x) for x in flatten(result, whole=True)[0]]
            answers: list[Tree] = []

            def run(*leaves: Array) -> Tree:
                answers.append(self.run(*self.taken(leaves)))
                return answers[-1]

            wrong = self.unwritten or fault(recorded, run, given, expected, self.spoilt)
        if wrong is not None:
            warn_of_fault(recorded, wrong)
            self.numeric = False
            self.written([f"return in_ops({', '.join(self.names)})"], {"in_ops": ops})
        elif not self.updates and not self.draws:
            self.ready = answers[:1]

    @contextmanager
    def spoilt(self) -> Iterator[list[Array]]:
        """Memory of the kernel's own that holds nothing sensible, and constants kept from it."""
        kept = [x for x in self.scope.values() if isinstance(x, np.ndarray)]
        open_ = [x for x in kept if x.flags.writeable]
        pool = self.scope.get("pool", [])
        pool[:] = [self.scope["allocate"]()] if "allocate" in self.scope else []
        work = [x for arrays in pool for x in arrays]
        for x in work:
            number = x.dtype.kind in "fc"
            x.fill(np.nan if number else np.iinfo(x.dtype).max if x.dtype.kind in "iu" else True)
        for x in open_:
            x.setflags(write=False)
        try:
            yield work + kept
        finally:
            for x in open_:
                x.setflags(write=True)

    def taken(self, leaves: Sequence[Array]) -> list[Array]:
        """Inputs as the kernel takes them."""
        if self.numeric:
            return [bool(x) if isinstance(x, np.bool_) else float(x) for x in leaves]
        return [np.float64(x) if type(x) is float else x for x in leaves]

    def serves(self, form: Form) -> bool:
        """Whether it is for calls of this form."""
        return self.key == form.key or (not self.weak and covers(self.key, form.key))

    def holds(self) -> bool:
        """Whether all that it captured is what it was."""
        return all(p.holds() for p in self.places)

    def answer(self, form: Form, args: Sequence[object], kwargs: Keywords) -> Tree:
        """The result of a call of this form."""
        if self.recorded and recording.get():
            return form.f(*args, **kwargs)
        return self.finished(self.run(*self.taken(form.ordered(self.program.parameters))))

    def first(self, result: Tree) -> Tree:
        """What the trace returned, recorded, as the result of the call that it was made for."""
        leaves, rebuild = flatten(result, whole=True)
        for draw in self.draws:
            draw.waiting = None
        for t, new in zip(self.updates, self.pending, strict=True):
            t._value = new
        return rebuild(
            [
                wrap(x._value, None) if isinstance(x, Tensor) and type(x.node) is Passive else x
                for x in leaves
            ]
        )

    def finished(self, ans: Array) -> Tree:
        """The result, after the data of Tensors are set to what comes with it."""
        if not self.updates:
            return ans
        ans, *new = ans
        for t, value in zip(self.updates, new, strict=True):
            t._value = locked(np.array(value, t.dtype))
        return ans

    def enter(self, form: Form, f: Function) -> None:
        """Write the entry for calls of this form, with what is captured as it is now."""
        for p in self.places:
            if p.kind == "items":
                p.value = p.read()
        scope = {name: x for name, x in self.scope.items() if name != "__builtins__"}
        if len(self.lines) > SHORT or self.updates or any(n.startswith("_") for n in scope):
            scope = {"_finished": self.finished, "_run": self.run}
            body = [f"return _finished(_run({', '.join(self.names)}))"]
        else:
            body = list(self.lines)
        if self.recorded:
            given = "".join(f"_p{i}, " for i in range(form.positional))
            scope.update(_f=f, _recording=recording)
            body = [
                "if not _modes.special or _recording.get():",
                f"    return _f({given}**_named)",
                *body,
            ]
        entry_of(form, list(self.program.parameters), self.numeric, self.places, body, scope)
        self.entries[form.pattern] = scope

    def in_numpy(self, *leaves: Array) -> Tree:
        """A scalar program where ``math`` gave up: NumPy has an infinity or NaN for it."""
        given = [v.dtype.type(x) for v, x in zip(self.inputs, leaves, strict=True)]
        values = dict(zip(self.inputs, given, strict=True))
        ans = evaluate(self.program, values, call_forward)
        found, rebuild = flatten(ans, whole=True)
        return rebuild([number_or_copy(x, self.numeric) for x in found])

    # --- what is generated ----------------------------------------------------------------

    def _write(self) -> tuple[list[str], dict[str, Any]]:
        """The body of the function, and what it refers to."""
        scope: Variables = {"np": np, "ndarray": np.ndarray, "float64": np.float64}
        numbers = self.numeric or self.single
        lines = self._numbers(scope) if numbers else self._arrays(scope)
        return lines, scope

    def _numbers(self, scope: Variables) -> list[str]:
        """The body in Python's numbers, or in NumPy's where not all are doubles."""
        lowered = self.program
        bind = Bind(scope, "s")
        body, text = scalar.body(lowered, self.names, None if self.numeric else bind)
        scope.update(scalar.NAMESPACE)
        scope["in_numpy"] = self.in_numpy
        read = []
        for v, c in lowered.constants.items():
            scope[f"k_{v.name}"] = c
            value = "._value" if hasattr(type(c), "_value") else ""
            now = f"k_{v.name}{value}"
            read.append(f"{text[v]} = " + (f"float({now})" if self.numeric else f"{now}[()]"))
        words = [
            text[x]
            if isinstance(x, Var)
            else scalar.literal(x)
            if isinstance(x, float) and self.numeric
            else f"{bind(np.array(x))}.copy()"
            if isinstance(x, np.ndarray)
            else bind(x)
            for x in lowered.outputs
        ]
        made: list[str] = []
        result = structure_source(lowered.result, iter(words), bind, made)
        return [
            "try:",
            *(f"    {line}" for line in (*read, *body, *made)),
            f"    return {result}",
            "except (ArithmeticError, ValueError):",
            f"    return in_numpy({', '.join(self.names)})",
        ]

    def _arrays(self, scope: Variables) -> list[str]:
        """The body in NumPy, on memory of its own."""
        lowered = lower(self.program)
        kernel = Kernel(lowered)
        scope.update(kernel.namespace)
        pool: list[object] = []
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
        if all(e.op is not ops.log for e in lowered.equations):  # it is log 0 that may be -inf
            silenced.discard("divide")
        if silenced:
            scope["errstate"] = np.errstate
            states = ", ".join(f"{kind}='ignore'" for kind in sorted(silenced))
            lines = [f"with errstate({states}):", *(f"    {line}" for line in lines)]
        return [*lines, "return result"]


def number_or_copy(x: object, python: bool) -> Array:
    """A result as Python's number or NumPy's; an array, a constant, with memory of its own."""
    if isinstance(x, np.ndarray) and x.ndim:
        return x.copy()
    if not isinstance(x, np.ndarray | np.floating):
        return x
    return x.item() if python else np.asarray(x)[()]


def is_recorded(outputs: Sequence[Array]) -> bool:
    """Whether a captured Tensor that requires a gradient could get one through the results."""
    stack = [x.node for x in outputs if isinstance(x, Tensor) and x.node is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if type(node) is Leaf:
            return True
        if type(node) is Passive:
            continue
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return False


def by_ops(program: Program, *leaves: Array) -> Tree:
    """The result of a program, op by op; nothing of it lies in memory of others."""
    result = evaluate(program, dict(zip(program.inputs, leaves, strict=True)), call_forward)
    parts, rebuild = flatten(result, whole=True)
    constants = (getattr(c, "_value", c) for c in program.constants.values())
    held = [x for x in (*leaves, *constants) if isinstance(x, np.ndarray)]

    def own(x: Array) -> Array:
        shared = isinstance(x, np.ndarray) and any(np.may_share_memory(x, y) for y in held)
        return x.copy() if shared else x

    return rebuild(list(map(own, parts)))
