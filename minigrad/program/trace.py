"""Trace: run a function once on stand-ins and read the program off the graph it leaves.

The arguments become inputs that everything is recorded from, also what no gradient flows
through; the graph that the function leaves, backward passes included, is the program.
Values must not be looked at in Python meanwhile: what was decided by them would be the
same at every later call.
"""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from minigrad import ops
from minigrad.data import settle
from minigrad.errors import caller_site, failure, is_user, label, user_frames, variable_name
from minigrad.graph import (
    NOTHING,
    AnyNode,
    Leaf,
    Node,
    Passive,
    inspector,
    modes,
    next_seq,
    pick,
    recording,
    tracing,
    variable,
)
from minigrad.ops.indexing import elements, settle_index, settled
from minigrad.ops.record import Op
from minigrad.program.builder import equal_entries
from minigrad.program.equations import Equation, Program, Var
from minigrad.reading.names import Scope, callers, held
from minigrad.tensor import Tensor, no_derivative, operand, plainly, wrap
from minigrad.tree import flatten


class Tracer:
    """What the door does with every call while a function is being traced.

    Attributes
    ----------
    inputs : dict
        node -> name, of the arguments.
    captured : dict
        node -> Tensor, of Tensors that the function did not get as arguments.
    names : dict
        node -> what the traced function calls it.
    constants : dict
        id of an array -> what the traced function calls it.
    gradient_of : dict
        node -> the nodes that it is the gradient of: where ``z = w x + b``, that of z is
        that of b.
    """

    def __init__(self) -> None:
        self.start = next_seq()
        self.inputs: dict[AnyNode, str] = {}
        self.captured: dict[AnyNode, Tensor] = {}
        self.names: dict[AnyNode, str] = {}
        self.constants: dict[int, str] = {}
        self.closure: dict[str, Any] = {}
        self.gradient_of: dict[AnyNode, list[AnyNode]] = {}
        self._outside: dict[int, tuple[Tensor, AnyNode]] = {}

    def learn(self, variables: Mapping[str, Any]) -> None:
        """Note what a function of the user calls its Tensors and arrays."""
        self.closure.update(variables)
        for name, value in held(variables, deep=True):
            if isinstance(value, Tensor):
                if value.node is not None and value.node.op is not variable:
                    self.names.setdefault(value.node, value.name or name)
            elif isinstance(value, np.ndarray):
                self.constants.setdefault(id(value), name)

    # --- recording ----------------------------------------------------------------------

    def input(self, x: Any, name: str) -> Tensor:
        """A stand-in for the argument ``x``."""
        value = settle(np.asarray(x) if isinstance(x, int | float) else x)
        node = Passive(None, (), (), NOTHING, value, next_seq())
        self.inputs[node] = name
        return wrap(value, node)

    def node_of(self, t: Tensor) -> AnyNode:
        """The node of a Tensor in this trace; one from outside is captured."""
        node = t.node
        if node is None:
            known = self._outside.get(id(t))
            if known is None:
                node = Passive(None, (), (), NOTHING, t._value, next_seq())
                self.captured[node] = t
                self._outside[id(t)] = t, node
                return node
            return known[1]
        if node.op is None:
            if type(node) is Leaf and node not in self.captured:
                self.captured[node] = t
        elif node.seq < self.start:
            raise ValueError(
                f"{label(t)} was computed outside of the function that is traced, from something "
                "that requires a gradient: pass it as an argument, or "
                f"{variable_name(t) or 'it'}.detach() it first"
            )
        return node  # type: ignore[no-any-return]

    def passive(self, t: Tensor) -> Tensor:
        """The same value, and no gradient flows through."""
        node = self.node_of(t)
        return wrap(
            t._value, Passive(variable, (t._value,), (node,), NOTHING, t._value, next_seq())
        )

    def refuse(self, t: Tensor, what: str) -> NoReturn:
        """Raise: the value of ``t`` must not be looked at."""
        site, name = caller_site(), self.called(t)
        raise TypeError(
            f"{what} of {name} would fix its value in the program for every later call"
            f"{f', at {site}' if site else ''}: choose between values with np.where, keep it out "
            "of Python's if, while, float() and int(), or make it a static argument"
        )

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
                if isinstance(v, Tensor)
            }
            words = [
                self.inputs.get(p) or known.get(p) or "..." if p is not None else label(a)
                for a, p in zip(t.node.args, t.node.parents, strict=True)
            ]
        symbol = t.node.op.symbol
        if symbol is not None and len(words) == 2:
            return f" {symbol} ".join(words)
        return f"{t.node.op.name}({', '.join(words)})"

    def apply(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``tensor.apply`` that records everything."""
        if op is settled:  # an index keeps its Tensors
            return self.index(args[0])
        if len(args) != op.arity or (kwargs and not kwargs.keys() <= op.metadata):
            args, kwargs = op.bind(args, kwargs)
        values: list[Any] = []
        parents: list[AnyNode | None] = []
        for x in args:
            if isinstance(x, list | tuple) and ops.holds_tensor(x):
                x = ops.array(x)
            value, _, is_tensor = operand(x) if op.vjps is not None else (plainly(x), None, False)
            values.append(value)
            parents.append(self.node_of(x) if is_tensor or isinstance(x, Tensor) else None)
        kept = {key: self.kept(v) for key, v in kwargs.items()}
        if op.dynamic or (op is elements and any(map(is_mask, flatten(kept)[0]))):
            found = [x for x in (*args, *flatten(kept)[0]) if isinstance(x, Tensor)]
            if found:
                self.refuse(found[-1], f"the shape of {op.name}() depends on values:")
        try:
            ans = op.forward(*values, **{key: read(v) for key, v in kept.items()})
        except Exception as error:
            raise failure(op, args, kwargs, error) from error
        recorded = any(p is not None for p in parents) or ops.holds_tensor(flatten(kept)[0])
        if op.by_shape or (op.vjps is None and not recorded):
            return ans
        several = isinstance(ans, tuple | list)
        ans = tuple(settle(np.asarray(y)) for y in ans) if several else settle(np.asarray(ans))
        node = self.node(op, args, values, parents, kept, ans) if recorded else None
        if not several:
            return wrap(ans, node)
        return tuple(wrap(y, self.picked(node, i)) for i, y in enumerate(ans))

    def index(self, index: Any) -> Any:
        """An index with arrays of its own; Tensors stay."""
        if isinstance(index, tuple):
            return tuple(self.index(part) for part in index)
        if isinstance(index, list) and ops.holds_tensor(index):
            return ops.array(index)
        return settle_index(index)

    def kept(self, v: Any) -> Any:
        """Metadata that nobody can change later; Tensors stay, as part of this trace."""
        if isinstance(v, Tensor):
            return wrap(v._value, self.node_of(v))
        if isinstance(v, list | tuple):
            return tuple(self.kept(part) for part in v)
        if type(v) is np.ndarray and v.flags.writeable:
            return settle(v.copy())
        return v

    def node(
        self, op: Op, args: Any, values: list[Any], parents: list[Any], kwargs: Any, ans: Any
    ) -> Node:
        """What the call leaves behind; passive unless a gradient flows through."""
        active = [p is not None and type(p) is not Passive for p in parents]
        floating = type(ans) is tuple or ans.dtype.kind == "f"
        kind = (
            Node
            if op.vjps is not None and any(active) and floating and recording.get()
            else Passive
        )
        if kind is Node and type(op.vjps) is tuple:
            for i, (rule, flows) in enumerate(zip(op.vjps, active, strict=True)):
                if rule is None and flows:
                    raise no_derivative(op, args, kwargs, i)
        return kind(op, tuple(values), tuple(parents), kwargs, ans, next_seq())

    def picked(self, node: AnyNode | None, index: int) -> AnyNode | None:
        """The node of one of several outputs."""
        if node is None:
            return None
        y = node.ans[index]
        kind = Node if type(node) is Node and y.dtype.kind == "f" else Passive
        return kind(pick, (node.ans,), (node,), {"index": index}, y, next_seq())

    # --- what the engine tells -------------------------------------------------------------

    def before_rules(self, node: AnyNode, g: Any) -> None:
        """Note that ``g`` is the gradient of ``node``: it will be named after it."""
        if isinstance(g, Tensor) and g.node is not None:
            self.gradient_of.setdefault(g.node, []).append(node)

    def after_rule(self, node: AnyNode, argnum: int, g: Any, c: Any) -> None:
        """Nothing: the rule has recorded itself."""


def read(v: Any) -> Any:
    """Metadata with the values of its Tensors."""
    if isinstance(v, tuple):
        return tuple(read(part) for part in v)
    return v._value if isinstance(v, Tensor) else v


def is_mask(v: Any) -> bool:
    return isinstance(v, Tensor) and v.dtype.kind == "b"


def tensors_in(v: Any) -> Iterator[Tensor]:
    """The Tensors among metadata."""
    if isinstance(v, Tensor):
        yield v
    elif isinstance(v, tuple | dict):
        for part in v.values() if isinstance(v, dict) else v:
            yield from tensors_in(part)


def identifier(name: str) -> str:
    """What the user wrote as a name that Python takes: ``params['W']`` is ``W``."""
    words = re.findall(r"\w+", name)
    last = words[-1] if words else "c"
    if last.isdigit():
        last = "_".join(words)
    if not last.isidentifier() or keyword.iskeyword(last) or last in ("np", "math"):
        last = f"{re.sub(r'[^0-9a-zA-Z_]', '_', last)}_"
    return last if last.isidentifier() else f"v{last}"


# --- reading the graph -----------------------------------------------------------------


def trace(f: Callable[..., Any], *args: Any, static: Any = (), **kwargs: Any) -> Program:
    r"""The program that ``f`` is for arguments like these; of a matrix, its trace.

    NumPy's ``trace`` has the same name: given an array, this is the sum of its diagonal.

    Parameters
    ----------
    f : callable
        Of numbers, arrays and nested dicts, lists and tuples of them; it returns such.
    *args, **kwargs
        Arguments of the shapes and dtypes that the program is for.  Python floats and
        arrays become inputs; Python integers, booleans, strings, None and functions are
        fixed in the program.
    static : sequence of str or int
        Names or positions of further arguments to fix.

    Returns
    -------
    Program

    Raises
    ------
    TypeError
        Where ``f`` looks at a value in Python (``if``, ``float()``, ``.item()``).

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> def loss(w, X, y):
    ...     e = X @ w - y
    ...     return (e**2).sum()
    >>> w, X, y = np.ones(3), np.ones((5, 3)), np.ones(5)
    >>> program = mg.trace(mg.value_and_grad(loss), w, X, y)
    >>> print(program.source.split("\n\n\n")[1].splitlines()[-4])
        e = X @ w - y
    """
    from minigrad.program.simplify import simplified

    if not callable(f):
        return ops.trace(f, *args, **kwargs)
    return simplified(record(f, args, kwargs, static))


def record(f: Callable[..., Any], args: Any, kwargs: Any, static: Any = ()) -> Program:
    """The program of ``f`` as it was recorded, step by step."""
    named = arguments(f, args, kwargs)
    fixed = {name for i, name in enumerate(named) if name in static or i in static}
    tracer = Tracer()
    stand_ins = {
        name: value if name in fixed else stand_in(tracer, value, name)
        for name, value in named.items()
    }
    args = [stand_ins[name] for name in list(named)[: len(args)]]
    kwargs = {name: stand_ins[name] for name in list(named)[len(args) :]}
    with modes.set(tracing, tracer), modes.set(inspector, tracer), watched(tracer):
        result = f(*args, **kwargs)
    return Reader(tracer).program(getattr(f, "__name__", "f"), stand_ins, result)


def stand_in(tracer: Tracer, tree: Any, name: str) -> Any:
    """The argument with inputs in place of its numbers and arrays."""
    leaves, rebuild = flatten(tree)
    names = [path for path, _ in paths(name, tree)]
    return rebuild(
        [tracer.input(x, n) if is_input(x) else x for x, n in zip(leaves, names, strict=True)]
    )


def is_input(x: Any) -> bool:
    """Whether an argument varies between calls: floats and arrays do."""
    if isinstance(x, Tensor | np.ndarray | np.number):
        return True
    return isinstance(x, float) or (hasattr(x, "__array_function__") and hasattr(x, "dtype"))


def paths(name: str, tree: Any) -> Iterator[tuple[str, Any]]:
    """Leaves of an argument with what the user would write to get them."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from paths(f"{name}[{key!r}]", value)
    elif isinstance(tree, list | tuple):
        fields = getattr(tree, "_fields", None)
        for i, value in enumerate(tree):
            yield from paths(f"{name}.{fields[i]}" if fields else f"{name}[{i}]", value)
    else:
        yield name, tree


def arguments(f: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """Arguments by the names of their parameters, positional ones first."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}{i}" for i in range(len(args) - len(names))]
        elif p.kind is not p.KEYWORD_ONLY and p.kind is not p.VAR_KEYWORD:
            names.append(p.name)
    names += [f"x{i}" for i in range(len(names), len(args))]
    return {**dict(zip(names, args, strict=False)), **kwargs}


@contextmanager
def watched(tracer: Tracer) -> Iterator[None]:
    """Learn the names of the user's local variables as his functions return."""
    before = sys.getprofile()

    def on_return(frame: FrameType, event: str, arg: Any) -> None:
        if event == "return" and is_user(frame.f_code.co_filename):
            tracer.learn(frame.f_locals)
            globals_ = frame.f_globals
            tracer.learn({n: globals_[n] for n in frame.f_code.co_names if n in globals_})

    sys.setprofile(on_return)
    try:
        yield
    finally:
        sys.setprofile(before)


class Reader:
    """Reads a program off the graph that a traced function left."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.vars: dict[AnyNode, Any] = {}
        self.taken: set[str] = set()
        self.constants: dict[Var, Any] = {}
        self.shared: dict[int, tuple[Any, Var]] = {}

    def program(self, name: str, arguments: dict[str, Any], result: Any) -> Program:
        for node, path in self.tracer.inputs.items():
            self.vars[node] = self.var(identifier(path), node.ans, True)
        places = self.places() if self.tracer.captured else {}
        for node, t in self.tracer.captured.items():
            v = self.vars[node] = self.var(identifier(places.get(id(t), "c")), t._value, True)
            self.constants[v] = t
        leaves, _rebuild = flatten(result)
        roots = [x.node for x in leaves if isinstance(x, Tensor) and x.node is not None]
        equations = []
        for node in sorted(self.reached(roots), key=lambda n: n.seq):
            if node not in self.vars:
                equation = self.equation(node)
                if equation is not None:
                    equations.append(equation)
        parameters = {key: self.swapped(value, inputs=True) for key, value in arguments.items()}
        return Program(name, parameters, self.constants, equations, self.swapped(result))

    def places(self) -> dict[int, str]:
        """What the user calls the Tensors that his function did not get as arguments."""
        found: dict[int, str] = {}
        for deep in (False, True):
            for scope in (*callers(), Scope(self.tracer.closure)):
                for name, value in held(scope.variables, deep):
                    if isinstance(value, Tensor):
                        path = value.name or name
                        inside = "[" not in path and "." in path
                        found.setdefault(id(value), path.replace(".", "_") if inside else path)
        return found

    def swapped(self, tree: Any, inputs: bool = False) -> Any:
        """A tree of Tensors as one of variables."""
        leaves, rebuild = flatten(tree)
        return rebuild([self.atom(x) if not inputs or isinstance(x, Tensor) else x for x in leaves])

    def reached(self, roots: list[AnyNode]) -> set[AnyNode]:
        """All nodes that the results need, those of computed indices included."""
        seen, stack = set(roots), list(roots)
        while stack:
            node = stack.pop()
            for parent in (*node.parents, *(t.node for t in tensors_in(node.kwargs))):
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return seen

    def equation(self, node: AnyNode) -> Equation | None:
        """The equation of one node; None for what only renames."""
        op = node.op
        if op is None:  # a variable made of a constant
            self.vars[node] = self.constant(node.ans)
            return None
        if op is variable or op is pick:
            of = self.vars[node.parents[0]]  # type: ignore[index]
            self.vars[node] = of if op is variable else of[node.kwargs["index"]]
            if isinstance(self.vars[node], Var):
                self.rename(self.vars[node], node)
            return None
        args = tuple(
            self.constant(a) if p is None else self.vars[p]
            for a, p in zip(node.args, node.parents, strict=True)
        )
        kwargs = {key: self.metadata(v) for key, v in node.kwargs.items()}
        if type(node.ans) is tuple:
            out: Any = tuple(self.var("t", y) for y in node.ans)
        else:
            out = self.var("t", node.ans)
            self.rename(out, node)
        self.vars[node] = out
        return Equation(out, op, args, kwargs)

    def rename(self, v: Var, node: AnyNode) -> None:
        """Call ``v`` what the user calls it, or after what it is the gradient of."""
        if v.given:
            return
        nodes = [n for n in self.tracer.gradient_of.get(node, ()) if n in self.vars]
        found = {n: self.vars[n] for n in nodes}
        primal = {n: of.name for n, of in found.items() if isinstance(of, Var) and of.given}
        names = [self.tracer.names[node]] if node in self.tracer.names else []
        names += [f"d{name}" for name in primal.values()]
        if names:
            v.name, v.given = self.unique(identifier(names[0])), True
            inputs = [self.vars[n] for n in self.tracer.inputs]
            also = [f"d{of.name}" for of in found.values() if of in inputs]
            also = [name for name in also if name != v.name]
            v.also = tuple(self.unique(identifier(name)) for name in also)

    def unique(self, name: str) -> str:
        """``name``, or with a number behind it if it is taken."""
        i, candidate = 1, name
        while candidate in self.taken:
            i += 1
            candidate = f"{name}_{i}"
        self.taken.add(candidate)
        return candidate

    def var(self, name: str, value: Any, given: bool = False) -> Var:
        return Var(self.unique(name) if given else name, np.shape(value), value.dtype, given)

    def metadata(self, v: Any) -> Any:
        if isinstance(v, Tensor):
            return self.vars[v.node]
        return tuple(self.metadata(part) for part in v) if isinstance(v, tuple) else v

    def atom(self, x: Any) -> Any:
        """A result: a variable or a constant."""
        if isinstance(x, Tensor):
            return self.constant(x._value) if x.node is None else self.vars[x.node]
        return self.constant(x) if isinstance(x, np.ndarray) else x

    def constant(self, x: Any) -> Any:
        """Numbers as they are, arrays of one value as such, other arrays by name."""
        if not isinstance(x, np.ndarray):
            return x
        if x.ndim == 0:
            return x[()]
        if x.size and not any(x.strides):
            return x
        if 1 < x.size < 2**20 and equal_entries(x):
            return np.broadcast_to(x.flat[0], x.shape)
        if id(x) not in self.shared:
            name = self.tracer.constants.get(id(x), "c")
            v = self.var(identifier(name), x, True)
            self.shared[id(x)] = x, v
            self.constants[v] = settle(x.copy())
        return self.shared[id(x)][1]
