"""A kernel: a lowered program as Python that calls NumPy's loops on memory of its own.

The source differs from the printed one in what a person would not bother to write:
results go into buffers that are reused as soon as what they hold is no longer needed,
constants are arrays already, small sums are products with ones, and stretches of
elementwise work over large arrays run tile by tile, in cache and on all cores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.ops.indexing import elements, is_basic, selects_once
from minigrad.ops.reduction import axes_of
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.tiles import NARROW, Region, regions

OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
REDUCERS = {"sum": np.add, "max": np.maximum, "min": np.minimum, "prod": np.multiply}


def ufunc_of(e: Equation) -> np.ufunc | None:
    """The ufunc that computes an elementwise equation."""
    f = e.op.ufunc
    return f if f is not None and not e.kwargs and f.nin == len(e.args) and f.nout == 1 else None


def is_view(e: Equation) -> bool:
    """Whether NumPy answers with a view of its argument."""
    if not (e.op.view and isinstance(e.args[0], Var) and isinstance(e.out, Var)):
        return False
    return e.op is not elements or is_basic(e.kwargs["index"])


ALONE = 2**13
"""Elements up to which BLAS uses one thread; in tiles, threads of its own would be in the way."""


def may_be_view(e: Equation) -> bool:
    """Whether the answer may look into the memory of an argument."""
    return is_view(e) if e.op is elements else not e.op.fresh


@dataclass
class Memory:
    """Buffers that a run of a kernel writes to, handed out and taken back while planning.

    Attributes
    ----------
    narrow : int
        Matrices of at most this many columns, and many more rows, lie in memory column by
        column, so that loops run over the rows.
    sizes : list of int
        Bytes of each buffer.
    views : dict
        Name -> (buffer, shape, dtype): the arrays that live in them.
    """

    narrow: int = 16
    sizes: list[int] = field(default_factory=list)
    views: dict[str, tuple[int, tuple[int, ...], Any]] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)

    def take(self, nbytes: int) -> int:
        """A buffer of at least ``nbytes``: the free one that fits best, or another."""
        fitting = [b for b in self.free if self.sizes[b] >= nbytes]
        if fitting:
            best = min(fitting, key=lambda b: self.sizes[b])
            if self.sizes[best] <= 4 * nbytes + 4096:
                self.free.remove(best)
                return best
        elif self.free and nbytes > 65536:
            best = max(self.free, key=lambda b: self.sizes[b])
            self.free.remove(best)
            self.sizes[best] = nbytes
            return best
        self.sizes.append(nbytes)
        return len(self.sizes) - 1

    def view(self, buffer: int, shape: tuple[int, ...], dtype: Any) -> str:
        """The name of the array of this shape and dtype in ``buffer``."""
        for name, known in self.views.items():
            if known == (buffer, shape, dtype):
                return name
        name = f"b{len(self.views)}"
        self.views[name] = (buffer, shape, dtype)
        return name

    def turned(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape lies column by column."""
        return len(shape) == 2 and 1 < shape[1] <= self.narrow and shape[0] >= 4 * shape[1]

    def allocate(self) -> tuple[Any, ...]:
        """The arrays themselves, in the order of ``views``."""
        raw = [np.empty(max(n, 1), np.uint8) for n in self.sizes]
        arrays = []
        for b, shape, dtype in self.views.values():
            flat = raw[b][: math.prod(shape) * dtype.itemsize].view(dtype)
            turned = self.turned(shape)
            arrays.append(flat.reshape(shape[::-1]).T if turned else flat.reshape(shape))
        return tuple(arrays)


class Kernel:
    """Plans and writes the run of one lowered program.

    Attributes
    ----------
    lines : list of str
        The body of the function.
    namespace : dict
        What it refers to.
    memory : Memory
    """

    def __init__(
        self,
        program: Program,
        destinations: dict[Var, str] | None = None,
        tile: bool = False,
    ) -> None:
        self.program = program
        self.tile = tile
        self.alone = ALONE if tile else 2**16
        self.destinations = destinations or {}
        self.namespace: dict[str, Any] = {"np": np, "dot": np.dot, "matmul": np.matmul}
        self.lines: list[str] = []
        self.memory = Memory(NARROW if tile else NARROW // 4)
        self.text: dict[Var, str] = {}
        self.roots: dict[Var, set[Var]] = {}
        self.buffer: dict[Var, int] = {}
        self._count = 0
        self._constants: dict[Any, str] = {}
        self.inputs = [f"x{i}" for i, _ in enumerate(program.inputs)]
        self.text.update(zip(program.inputs, self.inputs, strict=True))
        for v, c in program.constants.items():
            self.text[v] = self.bound(self.name("k"), c)
            if hasattr(c, "_value"):  # a Tensor, whose data may be replaced between calls
                self.text[v] = self.name("v")
                self.lines.append(f"{self.text[v]} = k{self._count - 1}._value")
        self.uses = program.uses()
        self.scattered: dict[Var, Equation] = {}
        self.escaping = self.escapes()
        self.program = program.replace(equations=self.delayed(program.equations))
        self.write()

    # --- planning -----------------------------------------------------------------------

    def escapes(self) -> set[Var]:
        """Variables whose memory the caller gets: they are made anew in every run."""
        for e in self.program.equations:
            within = [a for a in e.args if isinstance(a, Var)] if may_be_view(e) else []
            for v in e.outs:
                own = set() if is_view(e) else {v}
                self.roots[v] = own.union(*(self.memory_of(a) for a in within))
        return set().union(*(self.memory_of(v) for v in self.program.outputs if isinstance(v, Var)))

    def memory_of(self, v: Var) -> set[Var]:
        """The variables whose memory ``v`` may look into, itself unless it is a view."""
        return self.roots.get(v, {v})

    def write(self) -> None:
        """All lines."""
        plan = list(self.program.equations) if self.tile else regions(self.program)
        last = self.last_uses(plan)
        for i, step in enumerate(plan):
            dying = last.get(i, set())
            if isinstance(step, Region):
                self.region(step)
                self.release(dying)
            else:
                self.equation(step, dying)
        self.lines.append(f"result = {self.result()}")

    def last_uses(self, plan: list[Any]) -> dict[int, set[Var]]:
        """Step -> the variables whose memory is not needed after it."""
        seen: dict[Var, int] = {}
        for i, step in enumerate(plan):
            for e in step.equations if isinstance(step, Region) else [step]:
                for v in (*e.reads(), *e.outs):
                    for root in self.memory_of(v):
                        seen[root] = i
        dying: dict[int, set[Var]] = {}
        for v, i in seen.items():
            if v not in self.escaping:
                dying.setdefault(i, set()).add(v)
        return dying

    def release(self, dying: set[Var]) -> None:
        for v in dying:
            if v in self.buffer:
                self.memory.free.append(self.buffer.pop(v))

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def bound(self, name: str, value: Any) -> str:
        """A name under which the kernel finds ``value``."""
        if name in self.namespace and self.namespace[name] is not value:
            name = self.name(f"{name}_")
        self.namespace[name] = value
        return name

    # --- statements ---------------------------------------------------------------------

    def equation(self, e: Equation, dying: set[Var]) -> None:
        """One step on whole arrays."""
        if isinstance(e.out, tuple):
            names = [self.name("v") for _ in e.outs]
            self.text.update(zip(e.outs, names, strict=True))
            self.lines.append(f"{', '.join(names)}, = {self.call(e)}")
            self.release(dying)
            return
        v = e.out
        if is_view(e) and v in self.destinations:
            self.text[v] = self.destinations[v]
            self.lines.append(f"{self.text[v]}[...] = {self.view(e)}")
            self.release(dying)
            return
        if is_view(e):
            self.text[v] = self.name("v")
            self.lines.append(f"{self.text[v]} = {self.view(e)}")
            self.release(dying)
            return
        if not v.shape and (code := self.on_numbers(e)):
            self.text[v] = self.name("v")
            self.lines.append(f"{self.text[v]} = {code}")
            self.release(dying)
            return
        if self.waits(e):
            self.scattered[v] = e
            return
        if e.op.name in ("add", "subtract") and self.accumulated(e, dying):
            return
        target = self.target(e, dying)
        code = self.into(e, target)
        if code is None and v in self.destinations:
            self.text[v] = self.destinations[v]
            self.lines.append(f"{self.text[v]}[...] = {self.call(e)}")
        elif code is None:
            if target is not None:
                self.memory.free.append(self.buffer.pop(v))
            self.text[v] = self.name("v")
            self.lines.append(f"{self.text[v]} = {self.call(e)}")
        elif target is None:
            self.text[v] = self.name("v")
            self.lines.append(f"{self.text[v]} = {code}")
        else:
            self.text[v] = target
            self.lines.append(code)
        self.release(dying)

    def target(self, e: Equation, dying: set[Var]) -> str | None:
        """Where the result goes: an argument that is done with, a buffer, or memory anew."""
        v = e.out
        if v in self.destinations:
            return self.destinations[v]
        if v in self.escaping or not v.shape or 0 in v.shape or v.dtype.kind not in "fb":
            return None
        if ufunc_of(e) is not None:
            for a in e.args:
                done = isinstance(a, Var) and a in dying and a in self.buffer and not self.viewed(a)
                if done and a.shape == v.shape and a.dtype == v.dtype:
                    self.buffer[v] = self.buffer.pop(a)
                    return self.memory.view(self.buffer[v], v.shape, v.dtype)
        self.buffer[v] = self.memory.take(math.prod(v.shape) * v.dtype.itemsize)
        return self.memory.view(self.buffer[v], v.shape, v.dtype)

    def viewed(self, v: Var) -> bool:
        """Whether something else looks into the memory of ``v``."""
        return any(v in roots and u is not v for u, roots in self.roots.items())

    def into(self, e: Equation, out: str | None) -> str | None:
        """The call that computes ``e``, into ``out`` if there is one; None: no such call."""
        tail = f", {out}" if out else ""
        f = ufunc_of(e)
        if f is not None:
            args = ", ".join(self.operand(a, e) for a in e.args)
            if out and e.op.name in ("maximum", "minimum"):  # NumPy wants it by name there
                tail = f", out={out}"
            return f"{self.bound(e.op.name, f)}({args}{tail})"
        if e.op.name == "matmul":
            return self.product(e, out)
        if e.op.name in ("concatenate", "stack"):
            parts = "".join(f"{self.argument(a)}, " for a in e.args)
            axis = e.kwargs.get("axis", 0)
            return f"{self.bound(f'{e.op.name}d', getattr(np, e.op.name))}(({parts}), {axis}{tail})"
        if e.op.name in REDUCERS and plain_reduction(e):
            return self.reduction(e, out)
        return None

    def operand(self, a: Any, e: Equation) -> str:
        """An argument of a ufunc: constants as arrays of the dtype in which it computes."""
        if isinstance(a, Var):
            return self.text[a]
        kinds = [x.dtype if isinstance(x, Var) else x for x in e.args]
        dtype = np.result_type(*kinds) if not isinstance(a, bool | np.bool_) else np.dtype(bool)
        return self.constant(a, dtype)

    def constant(self, a: Any, dtype: Any) -> str:
        if isinstance(a, np.ndarray) and a.size and not any(a.strides):
            key = (a.flat[0].item(), str(dtype), a.shape)
        elif np.ndim(a) == 0:
            key = (np.asarray(a).item(), str(dtype), ())
        else:
            return self.bound(self.name("c"), a)
        if key not in self._constants or key[0] != key[0]:
            self._constants[key] = self.bound(self.name("c"), np.full((), key[0], dtype))
        return self._constants[key]

    def product(self, e: Equation, out: str | None) -> str:
        """A matrix product: ``dot`` where it is the same thing, which has less overhead."""
        a, b = e.args
        tail = f", {out}" if out else ""
        names = [
            self.text[x] if isinstance(x, Var) else self.bound(self.name("c"), x) for x in (a, b)
        ]
        small = len(np.shape(a) if not isinstance(a, Var) else a.shape) <= 2
        small = small and len(np.shape(b) if not isinstance(b, Var) else b.shape) <= 2
        same = a.dtype == b.dtype == e.out.dtype and e.out.dtype.kind == "f"
        if small and same and len(a.shape) == len(b.shape) == 1 and a.shape[0] > self.alone:
            cuts = range(0, a.shape[0], self.alone)
            pairs = [
                f"{names[0]}[{i}:{i + self.alone}], {names[1]}[{i}:{i + self.alone}]" for i in cuts
            ]
            return " + ".join(f"dot({pair})" for pair in pairs)
        turned = out and lies_turned(self.memory, e.out, self.destinations)
        if small and same and turned:
            return f"dot({names[1]}.T, {names[0]}.T, {out}.T)"
        if turned:
            return f"matmul({names[0]}, {names[1]}{tail})"
        if small and same:
            return f"dot({names[0]}, {names[1]}{tail})"
        return f"matmul({names[0]}, {names[1]}{tail})"

    def reduction(self, e: Equation, out: str | None) -> str | None:
        """A reduction; sums of small matrices as products with ones."""
        x, axis = e.args[0], e.kwargs.get("axis")
        keepdims = bool(e.kwargs.get("keepdims"))
        axes = axes_of(sampled(x), axis)
        same = x.dtype == e.out.dtype and x.dtype.kind == "f"
        if e.op.name == "sum" and same and len(x.shape) == 2 and x.dtype.itemsize >= 4:
            n, m = x.shape
            if axes == (0,) and (out is None or not keepdims) and n > 1 and 0 < n * m <= self.alone:
                code = f"dot({self.ones((n,), x.dtype)}, {self.text[x]}"
                return (
                    f"{code}).reshape((1, {m}))"
                    if keepdims
                    else f"{code}{', ' + out if out else ''})"
                )
            if axes == (1,) and m > 1 and 0 < n * m <= self.alone:
                ones = self.ones((m, 1) if keepdims else (m,), x.dtype)
                return f"dot({self.text[x]}, {ones}{', ' + out if out else ''})"
        f = self.bound(f"{e.op.name}_reduce", REDUCERS[e.op.name].reduce)
        over = "None" if len(axes) == len(x.shape) else axes[0] if len(axes) == 1 else axes
        return f"{f}({self.text[x]}, {over}, None, {out}, {keepdims})"

    def ones(self, shape: tuple[int, ...], dtype: Any) -> str:
        key = ("ones", shape, str(dtype))
        if key not in self._constants:
            self._constants[key] = self.bound(self.name("c"), np.ones(shape, dtype))
        return self._constants[key]

    def accumulated(self, e: Equation, dying: set[Var]) -> bool:
        """A sum with scattered values: they are added in place, without the zeros."""
        first, second = e.args
        scatter = self.scattered.pop(second, None) if isinstance(second, Var) else None
        other = first
        if scatter is None and e.op.name == "add" and isinstance(first, Var):
            scatter, other = self.scattered.pop(first, None), second
        if scatter is None:
            return False
        v = e.out
        inside = other in dying and other in self.buffer and not self.viewed(other)
        if inside and v not in self.escaping and v not in self.destinations:
            self.buffer[v] = self.buffer.pop(other)
            self.text[v] = self.text[other]
        else:
            self.text[v] = self.name("v")
            self.lines.append(f"{self.text[v]} = {self.text[other]}.copy()")
        index = scatter.kwargs["index"]
        place, value = self.argument(index), self.argument(scatter.args[0])
        if selected_once(index):
            sign = "+=" if e.op.name == "add" else "-="
            self.lines.append(f"{self.text[v]}[{place}] {sign} {value}")
        else:
            at = self.bound(f"{e.op.name}_at", getattr(np, e.op.name).at)
            self.lines.append(f"{at}({self.text[v]}, {place}, {value})")
        self.release(dying)
        return True

    def delayed(self, equations: list[Equation]) -> list[Equation]:
        """Scattered values that wait, right before the sums that they wait for."""
        waiting = {e.out: e for e in equations if self.waits(e)}
        ordered: list[Equation] = []
        for e in equations:
            ordered += [waiting[v] for v in e.reads() if v in waiting]
            if e.out not in waiting:
                ordered.append(e)
        return ordered

    def waits(self, e: Equation) -> bool:
        """Whether scattered values can wait for the sum that they are part of."""
        v = e.out
        if e.op.name != "scatter" or self.uses.get(v) != 1 or v in self.escaping:
            return False
        for user in self.program.equations:
            if any(a is v for a in user.args) and user.op.name in ("add", "subtract"):
                other = user.args[1] if user.args[0] is v else user.args[0]
                if any(e.out is other and e.op.name == "scatter" for e in self.program.equations):
                    return False
                fits = isinstance(other, Var) and other.shape == v.shape == user.out.shape
                turned = user.op.name == "subtract" and user.args[0] is v
                return fits and not turned and other.dtype == v.dtype == user.out.dtype
        return False

    def on_numbers(self, e: Equation) -> str | None:
        """An equation of NumPy scalars: Python's operators are faster than ufuncs."""
        if e.op.name not in OPERATORS and e.op.name != "negative":
            return None
        if any(not isinstance(a, Var | int | float | np.number) for a in e.args):
            return None
        if any(isinstance(a, Var) and a.shape for a in e.args):
            return None
        words = [
            self.text[a] if isinstance(a, Var) else self.bound(self.name("c"), a) for a in e.args
        ]
        return (
            f"-{words[0]}" if len(words) == 1 else f"{words[0]} {OPERATORS[e.op.name]} {words[1]}"
        )

    def view(self, e: Equation) -> str:
        """A view of an argument."""
        x, v = self.text[e.args[0]], e.out
        if e.op.name in ("reshape", "squeeze", "expand_dims"):
            return f"{x}.reshape({v.shape})"
        if e.op.name == "transpose":
            axes = e.kwargs.get("axes")
            return f"{x}.T" if axes is None else f"{x}.transpose({whole(axes)})"
        if e.op.name == "swapaxes":
            return f"{x}.swapaxes({e.kwargs['axis1']}, {e.kwargs['axis2']})"
        if e.op.name == "getitem":
            return f"{x}[{self.bound(self.name('i'), e.kwargs['index'])}]"
        if e.op.name == "broadcast_to":
            return f"np.broadcast_to({x}, {v.shape})"
        return self.call(e)

    def call(self, e: Equation) -> str:
        """The forward function of the op, as it is."""
        f = self.bound(e.op.name.replace(".", "_") + "_", e.op.forward)
        args = [self.argument(a) for a in e.args]
        args += [f"{k}={self.argument(v)}" for k, v in e.kwargs.items()]
        return f"{f}({', '.join(args)})"

    def argument(self, a: Any) -> str:
        """An argument or metadata of a call."""
        if isinstance(a, Var):
            return self.text[a]
        if isinstance(a, tuple):
            return f"({''.join(self.argument(x) + ', ' for x in a)})"
        if type(a) in (int, bool, type(None), str):
            return repr(a)
        return self.bound(self.name("c"), a)

    def region(self, region: Region) -> None:
        """A stretch of tiled work."""
        region.write(self)

    def function(self, name: str, parameters: str, first: list[str]) -> Any:
        """The kernel as a function; ``work`` among its parameters is its memory."""
        names = ", ".join(self.memory.views)
        unpack = [f"{names}, = work"] if names else []
        lines = [*first, *unpack, *self.lines, "return result"]
        code = f"def {name}({parameters}):\n" + "\n".join(f"    {line}" for line in lines)
        scope = dict(self.namespace)
        exec(compile(code, f"<{name} of minigrad>", "exec"), scope)
        scope[name].source = code
        return scope[name]

    # --- results ------------------------------------------------------------------------

    def result(self) -> str:
        """The results in their structure, no two sharing memory, none that of an argument."""
        given: set[Var] = set()
        outside = {*self.program.inputs, *self.program.constants}
        words = []
        for x in self.program.outputs:
            if isinstance(x, Var):
                roots = self.memory_of(x)
                fresh = len(roots) == 1 and not roots & given and not roots & outside
                given |= roots
                words.append(self.text[x] if fresh or not x.shape else f"{self.text[x]}.copy()")
            elif isinstance(x, np.ndarray):
                words.append(f"{self.bound(self.name('c'), np.array(x))}.copy()")
            else:
                words.append(self.bound(self.name("c"), x))
        return nested(self.program.result, iter(words))


def nested(tree: Any, words: Any) -> str:
    """Source that builds the structure of ``tree``."""
    if isinstance(tree, dict):
        return "{" + "".join(f"{k!r}: {nested(v, words)}, " for k, v in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + "".join(f"{nested(v, words)}, " for v in tree) + "]"
    if isinstance(tree, tuple):
        return "(" + "".join(f"{nested(v, words)}, " for v in tree) + ")"
    return str(next(words))


def lies_turned(memory: Memory, v: Var, destinations: dict[Var, str]) -> bool:
    """Whether the buffer of ``v`` lies column by column."""
    return v not in destinations and memory.turned(v.shape)


def whole(axes: Any) -> tuple[int, ...]:
    """Axes as a tuple of Python's integers."""
    return tuple(int(a) for a in np.atleast_1d(axes))


def sampled(v: Var) -> Any:
    return np.broadcast_to(np.zeros((), v.dtype), v.shape)


def selected_once(index: Any) -> bool:
    """Whether an index selects no element twice: where one part counts, none does."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(p, Var) for p in parts):
        return any(
            isinstance(p, np.ndarray) and p.ndim == 1 and np.unique(p).size == p.size for p in parts
        )
    return bool(selects_once(index))


def plain_reduction(e: Equation) -> bool:
    """Whether a reduction has no ``where``, ``initial`` or ``dtype``."""
    known = {"axis", "keepdims"}
    others = [v for k, v in e.kwargs.items() if k not in known]
    return (
        isinstance(e.args[0], Var)
        and bool(e.args[0].shape)
        and all(v is None or v is True or v is np._NoValue for v in others)
        and 0 not in e.args[0].shape
    )
