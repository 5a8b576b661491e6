"""Trace: run a function once on stand-ins and read the program off the graph it leaves.

The arguments become inputs that everything is recorded from, also what no gradient flows
through; the graph that the function leaves, backward passes included, is the program.
Values must not be looked at in Python meanwhile: what was decided by them would be the
same at every later call.
"""

from __future__ import annotations

import functools
import gc
import inspect
import keyword
import re
from collections.abc import Collection, Iterator, Sequence
from enum import Enum
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.autodiff.call import unhidden
from minigrad.data import locked
from minigrad.errors import label
from minigrad.graph import AnyNode, inspector, modes, pick, tracing, variable
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.live import Draw
from minigrad.program.promotion import VARYING, Unwritable
from minigrad.program.tracer import Tracer, identical, watched
from minigrad.reading.names import Scope, callers, is_a, named_values
from minigrad.reading.wording import unused
from minigrad.tensor import Tensor
from minigrad.tensor.recorder import Truth, tensors_in
from minigrad.tree import attributes_beside, children, flatten, tree_map
from minigrad.typing import Array, Function, Keywords, Operand, Tree


def identifier(name: str) -> str:
    """What the user wrote as a name that Python takes: ``params['W']`` is ``W``."""
    words = re.findall(r"[\w\u0300-\u036f]+", name)
    last = words[-1] if words else "c"
    if last.isdigit():
        last = "_".join(words)
    if not last.isidentifier() or keyword.iskeyword(last) or last in ("np", "math"):
        last = f"{re.sub(r'[^0-9a-zA-Z_]', '_', last)}_"
    return last if last.isidentifier() else f"v{last}"


# --- reading the graph -----------------------------------------------------------------


def trace(
    f: Function, *args: Tree, static: str | int | Sequence[str | int] = (), **kwargs: Any
) -> Program:
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


def record(
    f: Function, args: Sequence[Any], kwargs: Keywords, static: str | int | Sequence[str | int] = ()
) -> Program:
    """The program of ``f`` as it was recorded, step by step."""
    named = arguments(f, args, kwargs)
    tracer = Tracer()
    program, _ = recorded(f, named, len(args), fixed_names(f, named, static), (), tracer)
    changed = [t for t, _ in tracer.updates.values()]
    if changed or any(type(c) is Draw for c in tracer.captured.values()):
        what = f"sets {label(changed[0])}.data" if changed else "draws numbers"
        raise TypeError(
            f"{function_name(f)} {what} at each call, and a program only returns values: "
            "use mg.compile, or call eval() on the module first"
        )
    return program


def recorded(
    f: Function,
    named: Keywords,
    positional: int,
    fixed: Collection[str],
    vary: Collection[str],
    tracer: Tracer,
) -> tuple[Program, Tree]:
    """The program of ``f`` as ``tracer`` records it, and what ``f`` returned.

    Parameters
    ----------
    named : dict
        As `arguments` gives them; the first ``positional`` have no keyword.
    fixed : collection of str
        Arguments that are constants.
    vary : collection of str
        Places of whole numbers, and of what is beside the parts of containers, that are none,
        such as ``sizes[0]``.
    """
    stand_ins = {
        name: value if name in fixed else stand_in(tracer, value, name, vary)
        for name, value in named.items()
    }
    given = list(stand_ins.items())
    parameters = {name: tree_map(lambda x: x, value, True) for name, value in given}
    before = {name: held_in(name, value) for name, value in given}
    args = [value for _, value in given[:positional]]
    kwargs = dict(given[positional:])
    with modes.set(tracing, tracer), modes.set(inspector, tracer), watched(tracer):
        result = f(*args, **kwargs)
    for name, leaves in before.items():
        now = held_in(name, stand_ins[name])
        if now.keys() != leaves.keys() or any(now[key] is not x for key, x in leaves.items()):
            raise TypeError(
                f"{function_name(f)} changes what {name} holds as it runs, which a program cannot: "
                "return the new values instead"
            )
    if tracer.refused is not None:
        raise tracer.refused
    if tracer.clock is not None:
        name, site = tracer.clock
        raise TypeError(
            f"{name}() in {function_name(f)}{f', at {site}' if site else ''}, would be fixed in "
            "the program for every later call: pass what it gives as an argument"
        )
    for x in unhidden(flatten(result, whole=True)[0]):
        if holds_traced_value(tracer, x):
            raise made_anew(function_name(f), x)
        size = tracer.weak.get(x.node) if isinstance(x, Tensor) else None
        if size is not None and type(size) is not Truth:
            raise Unwritable(f"{function_name(f)} returns {VARYING}")
    new = tuple(value for _, value in tracer.updates.values())
    program = Reader(tracer).program(
        function_name(f), parameters, (result, *new) if new else result
    )
    return program, result


def made_anew(name: str, x: object) -> Unwritable:
    return Unwritable(
        f"{name} returns something made anew at each call (of type {type(x).__name__}), and a "
        "program returns numbers, arrays, and lists, tuples, dicts and dataclasses of them"
    )


def holds_traced_value(tracer: Tracer, x: object) -> bool:
    """Whether what is no number and no array holds something computed in this trace.

    So do closures, generators, sets and objects of the user's; what goes on when it is looked at,
    such as an iterator, can be returned once only.
    """
    stack, seen = [x], {id(x): x}
    while stack and len(seen) < MANY:
        y = stack.pop()
        if isinstance(y, Iterator) or (isinstance(y, Tensor) and y is not x and tracer.made(y)):
            return True
        if isinstance(y, Tensor | type | ModuleType | CodeType) or is_input(y):
            continue
        if isinstance(y, FunctionType):
            found = [y.__closure__, y.__defaults__, y.__kwdefaults__]
        else:
            found = gc.get_referents(y)
        stack += [z for z in found if id(z) not in seen]
        seen.update((id(z), z) for z in found)
    return False


MANY = 2**14
"""Objects within a result that are looked at."""


def function_name(f: Function) -> str:
    """The name of a function."""
    while not hasattr(f, "__name__") and hasattr(f, "func"):
        f = f.func
    return str(getattr(f, "__name__", "f"))


def stand_in(tracer: Tracer, tree: Tree, name: str, vary: Collection[str] = ()) -> Tree:
    """The argument with inputs in place of its numbers and arrays."""
    leaves, rebuild = flatten(tree, whole=True)
    places = list(leaf_paths(name, tree))
    if len(places) != len(leaves):
        raise ValueError(f"{name} contains itself")
    return rebuild(
        [
            tracer.input(x, path)
            if path in vary or (is_input(x) and (not aside or type(x) is Tensor))
            else x
            for path, x, aside in places
        ]
    )


def held_in(name: str, tree: Tree) -> dict[str, Array]:
    """All that an argument holds, by place, but what is computed once and then kept."""
    return {path: x for path, x, aside in leaf_paths(name, tree, cached=False)}


def is_input(x: object) -> bool:
    """Whether an argument varies between calls: floats and arrays do."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "fiubc"
    if isinstance(x, float | Tensor | np.floating | np.bool_ | np.complexfloating):
        return not isinstance(x, Enum)
    return (
        hasattr(x, "__array_function__") and hasattr(x, "dtype") and not isinstance(x, np.generic)
    )


def leaf_paths(
    name: str, tree: Tree, aside: bool = False, cached: bool = True
) -> Iterator[tuple[str, Array, bool]]:
    """Leaves of an argument with what the user would write to get them, and how they are held.

    ``aside`` are those beside the parts of a container; without ``cached`` none that a
    `functools.cached_property` has left there.
    """
    parts = children(tree)
    if parts is None:
        yield name, tree, aside
        return
    for key, value in parts:
        yield from leaf_paths(part_path(name, tree, key), value, aside, cached)
    for key, value in attributes_beside(tree).items():
        if cached or not isinstance(getattr(type(tree), key, None), functools.cached_property):
            yield from leaf_paths(f"{name}.{key}", value, True, cached)


def part_path(name: str, tree: Tree, key: object) -> str:
    """What the user would write for the part ``key`` of a container."""
    if isinstance(tree, dict):
        return f"{name}[{key!r}]"
    if isinstance(tree, list | tuple):
        fields = getattr(tree, "_fields", None)
        return f"{name}.{fields[key]}" if fields else f"{name}[{key}]"
    return f"{name}.{key}"


def signature_of(f: Function) -> list[inspect.Parameter]:
    """The parameters of ``f``; none if they are not known."""
    try:
        return list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return []


def arguments(f: Function, args: Sequence[Any], kwargs: Keywords) -> dict[str, Any]:
    """Arguments by the names of their parameters, positional ones first, no two alike."""
    parameters = signature_of(f)
    taken = {*kwargs, *(p.name for p in parameters)}
    names: list[str] = []
    starred = "x"
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            starred = p.name
        elif p.kind is not p.KEYWORD_ONLY and p.kind is not p.VAR_KEYWORD:
            name = p.name
            while name in kwargs:  # positional only, and a keyword of that name besides
                name += "_"
            names.append(name)
    for i in range(len(args) - len(names)):
        name = f"{starred}{i}"
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return {**dict(zip(names, args, strict=False)), **kwargs}


def fixed_names(f: Function, named: Keywords, static: Any) -> set[str]:
    """Which arguments ``static`` names, or counts."""
    parameters = signature_of(f)
    order = list(named)
    for i, p in enumerate(parameters):  # whatever the order of keywords
        if p.kind is p.VAR_POSITIONAL or p.kind is p.VAR_KEYWORD:
            break
        order[i : i + 1] = [p.name]
    fixed = {name for i, name in enumerate(order) if name in static or i in static}
    fixed.update(name for name in named if name in static)
    for i, p in enumerate(parameters):
        if p.kind is p.VAR_POSITIONAL and p.name in static:
            fixed.update(list(named)[i:])
        if p.kind is p.VAR_KEYWORD and p.name in static:
            fixed.update(named.keys() - {q.name for q in parameters})
    return fixed


class Reader:
    """Reads a program off the graph that a traced function left."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.vars: dict[AnyNode, Any] = {}
        self.taken: set[str] = set()
        self.constants: dict[Var, Array] = {}
        self.shared: dict[int, tuple[Any, Var]] = {}

    def program(self, name: str, arguments: dict[str, Any], result: Tree) -> Program:
        for node, path in self.tracer.inputs.items():
            self.vars[node] = self.var(identifier(path), node.ans, True)
        tensors = any(isinstance(t, Tensor) for t in self.tracer.captured.values())
        places = self.places() if tensors else {}
        for node, t in self.tracer.captured.items():
            place = places.get(id(t), "c") if isinstance(t, Tensor) else t.name
            value = t._value if isinstance(t, Tensor) else node.ans
            v = self.vars[node] = self.var(identifier(place), value, True)
            self.constants[v] = t
        leaves, _rebuild = flatten(result, whole=True)
        roots = [x.node for x in leaves if isinstance(x, Tensor) and x.node is not None]
        nodes = (n for n in sorted(self.reached(roots), key=lambda n: n.seq) if n not in self.vars)
        equations = [e for node in nodes if (e := self.equation(node)) is not None]
        parameters = {key: self.swapped(value, True) for key, value in arguments.items()}
        return Program(name, parameters, self.constants, equations, self.swapped(result, False))

    def places(self) -> dict[int, str]:
        """What the user calls the Tensors that his function did not get as arguments."""
        found: dict[int, str] = {}
        for deep in (False, True):
            for scope in (*callers(), Scope(self.tracer.closure)):
                for name, value in named_values(scope.variables, deep):
                    if is_a(value, Tensor):
                        path = value.name or name
                        inside = "[" not in path and "." in path
                        found.setdefault(id(value), path.replace(".", "_") if inside else path)
        return found

    def swapped(self, tree: Tree, inputs: bool) -> Tree:
        """A tree of Tensors as one of variables."""
        leaves, rebuild = flatten(tree, whole=True)
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
        name = unused(name, self.taken)
        self.taken.add(name)
        return name

    def var(self, name: str, value: Array, given: bool = False) -> Var:
        dtype = getattr(value, "dtype", None) or np.result_type(value)
        return Var(self.unique(name) if given else name, np.shape(value), dtype, given)

    def metadata(self, v: Any) -> Any:
        if isinstance(v, Tensor):
            return self.vars[v.node]
        return tuple(self.metadata(part) for part in v) if isinstance(v, tuple) else v

    def atom(self, x: object) -> Operand:
        """A result: a variable or a constant."""
        if isinstance(x, Tensor):
            return self.constant(x._value) if x.node is None else self.vars[x.node]
        return self.constant(x) if isinstance(x, np.ndarray) else x

    def constant(self, x: object) -> Operand:
        """Numbers as they are, arrays of one value as such, other arrays by name."""
        if not isinstance(x, np.ndarray):
            return x
        if x.ndim == 0:
            return x[()]
        if x.size and not any(x.strides):
            return x
        if 1 < x.size < 2**20 and identical(x, np.full_like(x, x.flat[0])):
            return np.broadcast_to(x.flat[0], x.shape)
        if id(x) not in self.shared:
            known, copy = self.tracer.copies.get(id(x), (x, None))
            name = self.tracer.constants.get(id(known), "c")
            v = self.var(identifier(name), x, True)
            self.shared[id(x)] = x, v
            self.constants[v] = locked(x.copy()) if copy is None else copy
        return self.shared[id(x)][1]
