"""The tracer: what the door does with every call while a function is being traced.

Everything is recorded, also what no gradient flows through; values must not be looked at
in Python meanwhile, for what was decided by them would be the same at every later call.
"""

from __future__ import annotations

import datetime
import gc
import operator
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, NoReturn

import numpy as np

from minigrad.data import locked
from minigrad.errors import Site, caller_site, is_user, label, user_frames, variable_name
from minigrad.graph import (
    NOTHING,
    AnyNode,
    Leaf,
    Passive,
    Variable,
    modes,
    next_seq,
    tracing,
    variable,
)
from minigrad.ops.record import Op
from minigrad.program.live import Captured, Draw
from minigrad.program.promotion import Promotion
from minigrad.reading.names import is_a, named_values
from minigrad.tensor import Tensor, plainly, wrap
from minigrad.tensor.recorder import Firm
from minigrad.typing import Array, Keywords, Shape, Variables

LARGEST = 2**31
"""Whole numbers below which may be inputs."""

WHOLE_TYPES = (int, np.int64)
"""Whose whole numbers may be inputs: doubles hold all of them, and what is computed of them."""


CLOCKS = frozenset(
    {
        time.time, time.time_ns, time.perf_counter, time.perf_counter_ns, time.monotonic,
        time.monotonic_ns, time.process_time, time.process_time_ns, os.urandom,
        datetime.datetime.now, datetime.datetime.utcnow, datetime.datetime.today,
        datetime.date.today,
    }
)  # fmt: skip
"""Functions that answer differently at each call."""


class Tracer(Promotion):
    """What the door does with every call while a function is being traced.

    Attributes
    ----------
    inputs : dict
        node -> name, of the arguments.
    names : dict
        node -> what the traced function calls it.
    constants : dict
        id of an array -> what the traced function calls it.
    gradient_of : dict
        node -> the nodes that it is the gradient of: where ``z = w x + b``, that of z is
        that of b.
    copies : dict
        id of the copy of an array -> the array, and its copy.
    updates : dict
        id of a Tensor -> the Tensor, and what the function has set its data to.
    codes : set
        What has run.
    refused : TypeError or None
        What was said of a value that was looked at; whoever caught it went on without.
    clock : tuple or None
        A function that answers differently each time, and where it was called.
    hook : callable or None
        What listens to the calls of this thread, unless somebody else listens as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[AnyNode, str] = {}
        self.names: dict[AnyNode, str] = {}
        self.constants: dict[int, str] = {}
        self.closure: Variables = {}
        self.gradient_of: dict[AnyNode, list[AnyNode]] = {}
        self.updates: dict[int, tuple[Tensor, Tensor]] = {}
        self.codes: set[CodeType] = set()
        self.clock: tuple[str, Site | None] | None = None
        self.refused: TypeError | None = None
        self.copies: dict[int, tuple[Any, Any]] = {}
        self.hook: Any = None
        self._frozen: dict[int, tuple[Any, Any]] = {}

    def apply(self, op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
        """`Recorder.apply`; its own calls, a hundred for each op, are nothing to listen to."""
        hook = self.hook
        if hook is None or sys.getprofile() is not hook:
            return super().apply(op, args, kwargs)
        sys.setprofile(None)
        try:
            return super().apply(op, args, kwargs)
        finally:
            sys.setprofile(hook)

    def learn(self, variables: Keywords) -> None:
        """Note what a function of the user calls its Tensors and arrays."""
        self.closure.update(variables)
        for name, value in named_values(variables, deep=True):
            if is_a(value, Tensor):
                if value.node is not None and value.node.op is not variable:
                    self.names.setdefault(value.node, value.name or name)
            elif is_a(value, np.ndarray):
                self.constants.setdefault(id(value), name)

    # --- recording ----------------------------------------------------------------------

    def input(self, x: object, name: str) -> Tensor:
        """A stand-in for the argument ``x``."""
        t = self.entered(x)
        assert t.node is not None
        self.inputs[t.node] = name
        return t

    def capture(self, x: Captured) -> Tensor:
        """A stand-in for a variable that the function captured."""
        t = self.entered(x.read())
        self.captured[t.node] = x
        return t

    def draw(self, rng: np.random.Generator, shape: Shape) -> Tensor:
        """A stand-in for numbers that are drawn anew at each call."""
        draw = Draw(rng, shape)
        t = self.entered(draw.waiting)
        self.captured[t.node] = draw
        return t

    def entered(self, x: Array) -> Tensor:
        """A stand-in for what varies between calls."""
        given = x._value if isinstance(x, Tensor) else x
        number = isinstance(given, float) and not isinstance(given, np.generic)
        weak = number or type(given) in WHOLE_TYPES
        value = np.float64(given) if weak else given
        t = self.stand_in(locked(value.view() if type(value) is np.ndarray else value))
        if weak:
            kind = Firm if type(given) is np.int64 else float
            self.weak[t.node] = None if number else kind(LARGEST)
            if number and type(given) is not float:
                self.doubles.add(t.node)
        return t

    def node_of(self, t: Tensor) -> AnyNode:
        """The node of a Tensor in this trace; one from outside is captured."""
        if id(t) in self.updates:
            t = self.updates[id(t)][1]
        if t.node is not None and type(t.node) is not Leaf and t.node.seq < self.start:
            raise ValueError(
                f"{label(t)} was computed outside of the function that is traced, from something "
                "that requires a gradient or is being traced itself: pass it as an argument, or "
                f"{variable_name(t) or 'it'}.detach() it first"
            )
        node = super().node_of(t)
        if type(node) is Variable and node.op is None:  # of a constant
            node.ans = t._value
        return node

    def data(self, t: Tensor) -> Tensor:
        """``t.data``, of what the function captured: it is read at each call."""
        if t.node is not None and (type(t.node) is not Leaf or t.node in self.inputs):
            self.refuse(t, ".data")
        node = self.node_of(t)
        value = self.value_of(t)
        return wrap(value, Passive(variable, (value,), (node,), NOTHING, value, next_seq()))

    def update(self, t: Tensor, value: object) -> None:
        """``t.data = value``, done at each call."""
        value = plainly(value) if not isinstance(value, Tensor) else value
        new = value if isinstance(value, Tensor) else wrap(locked(np.array(value, t.dtype)), None)
        if new.shape != t.shape:
            raise ValueError(
                f"{label(t)}.data has shape {t.shape}, the new data {new.shape}; "
                "make a new Tensor for another shape"
            )
        if new.dtype != t.dtype:
            new = new.astype(t.dtype)
        self.node_of(t)
        new = self.passive(new) if new.node is not None else new
        self.updates[id(t)] = t, new

    def value_of(self, t: Tensor) -> Array:
        return self.updates[id(t)][1]._value if id(t) in self.updates else t._value

    def refuse(self, t: Tensor, what: str) -> NoReturn:
        """Raise: the value of ``t`` must not be looked at.

        What asks in vain may ask for something else, to say so: the first is what matters.
        """
        if self.refused is not None:
            raise self.refused
        site, name = caller_site(), self.called(t)
        self.refused = TypeError(
            f"{what} of {name} would fix its value in the program for every later call"
            f"{f', at {site}' if site else ''}: choose between values with np.where, keep it out "
            "of Python's if, while, float() and int(), or make it a static argument"
        )
        raise self.refused

    def called(self, t: Tensor) -> str:
        """What the user calls ``t``, or how it was computed from what has a name."""
        with modes.set(tracing, None):
            name = variable_name(t)
            if name or t.node is None or t.node.op is None:
                return name or self.inputs.get(t.node) or label(t)
            known = {
                v.node: key
                for frame in user_frames()
                for key, v in frame.f_locals.items()
                if is_a(v, Tensor)
            }
            words = [
                self.inputs.get(p) or known.get(p) or "..." if p is not None else label(a)
                for a, p in zip(t.node.args, t.node.parents, strict=True)
            ]
        symbol = t.node.op.symbol
        if symbol is not None and len(words) == 2:
            return f" {symbol} ".join(words)
        return f"{t.node.op.name}({', '.join(words)})"

    def operands(self, op: Op, args: Sequence[Array]) -> tuple[list[Any], list[AnyNode | None]]:
        """Values as they are now, whatever the function does to its arrays later."""
        if self.updates:
            args = tuple(self.updates.get(id(x), (x, x))[1] for x in args)
        values, parents = super().operands(op, args)
        return [self.frozen(x) if type(x) is np.ndarray else x for x in values], parents

    def frozen(self, x: Any) -> Any:
        """The array ``x`` as it is now, however the function changes it later."""
        if not x.flags.writeable or not x.shape:
            return x
        known = self._frozen.get(id(x))
        if known is None or not identical(known[1], x):
            known = self._frozen[id(x)] = x, locked(x.copy("K"))
            self.copies[id(known[1])] = x, known[1]
        return known[1]

    def let_go(self) -> Iterator[Any]:
        """The arrays that were constants, as all that the tracer holds of them is let go.

        It holds the variables of the function as well, for their names.
        """
        self.closure.clear()
        self._frozen.clear()
        while self.copies:
            yield self.copies.popitem()[1][0]

    # --- what the engine tells -------------------------------------------------------------

    def before_rules(self, node: AnyNode, g: Array) -> None:
        """Note that ``g`` is the gradient of ``node``: it will be named after it."""
        if isinstance(g, Tensor) and g.node is not None:
            self.gradient_of.setdefault(g.node, []).append(node)

    def after_rule(self, node: AnyNode, argnum: int, g: Array, c: Array) -> None:
        """Nothing: the rule has recorded itself."""


def identical(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same bits."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "iub":
        return bool((a == b).all())
    if a.nbytes <= 65536 or a.dtype.kind != "f" or a.dtype.itemsize > 8:
        return bool(a.tobytes() == b.tobytes())
    bits = f"u{a.dtype.itemsize}"
    parts = ((a, b),) if a.ndim == 1 and a.size < 2**16 else zip(chunks(a), chunks(b), strict=True)
    return all((p.view(bits) == q.view(bits)).all() for p, q in parts)


def chunks(a: Array) -> Iterator[Array]:
    """An array in pieces of some thousand elements, so that what is made of one is small."""
    if a.ndim == 1 or a.size // a.shape[0] < 2**16:
        step = max(1, 2**16 // (a.size // a.shape[0]))
        yield from (a[i : i + step] for i in range(0, a.shape[0], step))
    else:
        for part in a:
            yield from chunks(part)


RESUME = operator.methodcaller("enable")
"""Go on profiling, without the profiler noticing that call."""


@contextmanager
def watched(tracer: Tracer) -> Iterator[None]:
    """Learn the names of the user's local variables as his functions return.

    A profiler that is at work goes on: one in Python hears of all that happens, one in C
    (cProfile) takes what is traced for work of the function that traces.
    """
    before = sys.getprofile()
    heard: Any = before if callable(before) else None

    users: dict[CodeType, bool] = {}  # code seen before, and whether it is the user's

    def hook(frame: FrameType, event: Any, arg: Any) -> None:
        if event == "return":
            code = frame.f_code
            known = users.get(code)
            if known is False:
                return
            if known is None:
                tracer.codes.add(code)
                known = users[code] = is_user(code.co_filename)
                globals_ = frame.f_globals if known else {}
                tracer.learn({n: globals_[n] for n in code.co_names if n in globals_})
            if known:
                tracer.learn(frame.f_locals)
        elif event == "c_call" and arg in CLOCKS and tracer.clock is None and read_for_user(frame):
            tracer.clock = (
                f"{arg.__module__ or arg.__self__.__name__}.{arg.__name__}",
                site_of(frame),
            )

    def both(frame: FrameType, event: object, arg: object) -> None:
        heard(frame, event, arg)
        hook(frame, event, arg)

    tracer.hook = hook if heard is None else None
    sys.setprofile(hook if heard is None else both)
    try:
        yield
    finally:
        tracer.hook = None  # a cycle: the hook holds the tracer
        if before is None or heard is not None:
            sys.setprofile(heard)
        else:
            RESUME(before)


def read_for_user(frame: FrameType) -> bool:
    """Whether a clock (or the system's noise) is read for the user: not for a log entry, say."""
    name = frame.f_code.co_filename
    if any(getattr(c, "__code__", None) is frame.f_code for c in gc.callbacks):
        return False
    if importing(frame):
        return False
    return is_user(name) or os.path.basename(name) in ("random.py", "uuid.py", "secrets.py")


def importing(frame: FrameType | None) -> bool:
    """Whether what is traced imports a module just now, whose code runs once for all calls."""
    while frame is not None and frame.f_globals.get("__name__") != "minigrad.program.trace":
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def site_of(frame: FrameType | None) -> Site | None:
    """The line of the user's code that ``frame`` is, or was called from."""
    while frame is not None and not is_user(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return None
    return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
