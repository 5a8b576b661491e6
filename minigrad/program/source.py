"""A program as the NumPy that a careful person would have written.

Every op knows how NumPy spells it: as an operator, as a method, or by name.  What NumPy
has no name for is printed as a function of its own above, the one that minigrad itself
computes with.  Variables that the user did not name and that are used once become part
of the expression that uses them.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import os
import pathlib
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np

from minigrad.ops.indexing import selects_once
from minigrad.ops.record import Op, implementations
from minigrad.program.equations import Equation, Program, Var

ATOM, POWER, UNARY, PRODUCT, SUM, AND, OR, COMPARISON = 9, 8, 7, 6, 5, 4, 3, 2
WIDTH = 92
LONG = 56
"""An expression of more characters gets a name instead of a place in another one."""

SYMBOLS = {
    "add": (" + ", SUM),
    "subtract": (" - ", SUM),
    "multiply": (" * ", PRODUCT),
    "divide": (" / ", PRODUCT),
    "floor_divide": (" // ", PRODUCT),
    "remainder": (" % ", PRODUCT),
    "matmul": (" @ ", PRODUCT),
    "bitwise_and": (" & ", AND),
    "bitwise_or": (" | ", OR),
    "greater": (" > ", COMPARISON),
    "greater_equal": (" >= ", COMPARISON),
    "less": (" < ", COMPARISON),
    "less_equal": (" <= ", COMPARISON),
    "equal": (" == ", COMPARISON),
    "not_equal": (" != ", COMPARISON),
}
METHODS = frozenset("sum mean max min prod var std any all argmax argmin cumsum cumprod".split())
"""Functions that read well as methods of their array."""

RENAMED = {"absolute": "np.abs", "clip": "np.clip", "where": "np.where"}
"""Ops whose NumPy function is composed here."""


@dataclass
class Text:
    """Source of an expression, and how tightly it binds."""

    code: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The source, in parentheses unless it binds at least as tightly as ``level``."""
        return self.code if self.level >= level else f"({self.code})"


@functools.cache
def numpy_name(op: Op) -> str | None:
    """What NumPy calls ``op``, if one of its functions takes the same arguments."""
    if op.name in RENAMED:
        return RENAMED[op.name]
    for function, stands in implementations.items():
        if stands is op and hasattr(function, "__name__"):
            module = getattr(function, "__module__", None) or "numpy"
            if isinstance(function, np.ufunc):
                return f"np.{function.__name__}"
            place = {"numpy": "np", "numpy.linalg": "np.linalg"}.get(module)
            if place and _takes(function, op):
                return f"{place}.{function.__name__}"
    return None


def _takes(function: Any, op: Op) -> bool:
    """Whether NumPy's function has the parameters of the op."""
    try:
        theirs = inspect.signature(function).parameters
    except ValueError:
        return True
    return set(op.metadata) <= set(theirs)


@dataclass
class Writer:
    """Writes one program.

    Attributes
    ----------
    helpers : dict
        Name -> source, of functions that NumPy lacks.
    """

    program: Program
    helpers: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    text: dict[Var, Text] = field(default_factory=dict)
    comments: bool = True

    def __post_init__(self) -> None:
        self.uses = self.program.uses()
        self.names = {v.name for v in self.program.inputs}
        self.names |= {v.name for e in self.program.equations for v in e.outs if v.given}
        self.names |= {v.name for v in self.program.constants} | {"np", "math"}

    # --- statements ---------------------------------------------------------------------

    def function(self) -> str:
        """The whole function."""
        p = self.program
        body: list[str] = []
        self.lines = body
        self.unpack()
        for v in (*p.inputs, *p.constants):
            self.text[v] = Text(v.name)
        for equation in p.equations:
            self.statement(equation)
        result = self.tree(p.result)
        several = type(p.result) is tuple and len(p.result) > 1
        body.append(f"return {result[1:-1] if several else result}")
        head = f"def {p.name}({', '.join(self.parameter(k, v) for k, v in p.parameters.items())}):"
        doc = textwrap.indent(self.docstring(), "    ") if self.comments else ""
        return "\n".join([head, *([doc] if doc else []), *(f"    {line}" for line in body)]) + "\n"

    def parameter(self, name: str, tree: Any) -> str:
        if any(isinstance(x, Var) for x in _leaves(tree)):
            return name
        return f"{name}={tree!r}" if isinstance(tree, int | str | None) else f"{name}=None"

    def docstring(self) -> str:
        """Shapes and dtypes of everything that goes in."""
        p = self.program
        rows = [f"{v.name} : {v.kind}" for v in p.inputs]
        rows += [f"{v.name} : {v.kind}, a constant" for v in p.constants]
        width = max((row.index(" : ") for row in rows), default=0)
        rows = [f"{r.split(' : ')[0]:<{width}} : {r.split(' : ')[1]}" for r in rows]
        return "\n".join(['"""' + f"{p.name}, for arguments like these.", "", *rows, '"""'])

    def unpack(self) -> None:
        """Names for the parts of nested arguments."""
        for name, tree in self.program.parameters.items():
            for place, v in _places(name, tree):
                if isinstance(v, Var) and place != v.name:
                    self.lines.append(f"{v.name} = {place}")

    def statement(self, equation: Equation) -> None:
        """An assignment, unless the expression becomes part of another."""
        if isinstance(equation.out, tuple):
            for v in equation.outs:
                self.name(v)
            outs = ", ".join(v.name for v in equation.outs)
            self.lines.append(f"{outs} = {self.expression(equation).code}")
            return
        v = equation.out
        if equation.op.name == "scatter":
            self.scatter(equation)
            return
        text = self.expression(equation)
        once = self.uses.get(v, 0) == 1 and not v.given
        if once and len(text.code) <= LONG:
            self.text[v] = text
            return
        self.name(v)
        self.lines.append(f"{v.name} = {text.code}")

    def name(self, v: Var) -> None:
        """Give ``v`` a name of its own."""
        if not v.given:
            i = 1
            while f"t{i}" in self.names:
                i += 1
            v.name, v.given = f"t{i}", True
            self.names.add(v.name)
        self.text[v] = Text(v.name)

    def scatter(self, equation: Equation) -> None:
        """Zeros with values put at an index."""
        v, index = equation.out, equation.kwargs["index"]
        self.name(v)
        shape = self.constant(tuple(equation.kwargs["shape"])).code
        kind = "" if v.dtype == np.float64 else f", np.{v.dtype}"
        self.lines.append(f"{v.name} = np.zeros({shape}{kind})")
        value = self.argument(equation.args[0], scalar=True).code
        place = self.index(index)
        if _once(index):
            self.lines.append(f"{v.name}[{place}] = {value}")
        else:
            where = f"({place})" if isinstance(index, tuple) else place
            self.lines.append(f"np.add.at({v.name}, {where}, {value})")

    # --- expressions --------------------------------------------------------------------

    def expression(self, equation: Equation) -> Text:
        """The right-hand side of an equation."""
        op, kwargs = equation.op, equation.kwargs
        special = SPELLED.get(op.name)
        scalar = op.elementwise and not kwargs
        args = [self.argument(a, scalar) for a in equation.args]
        if special is not None:
            return special(self, equation, args)
        if op.name in SYMBOLS and len(args) == 2:
            symbol, level = SYMBOLS[op.name]
            if symbol in (" + ", " * ") and args[1].level == level:
                return Text(f"{args[0].at(level)}{symbol}{args[1].at(level + 1)}", level)
            tight = level + 1 if level != COMPARISON else SUM
            left = args[0].at(level if level != COMPARISON else SUM)
            return Text(f"{left}{symbol}{args[1].at(tight)}", level)
        keywords = [f"{k}={self.constant(v).code}" for k, v in kwargs.items()]
        if op.name in METHODS and isinstance(equation.args[0], Var):
            return Text(f"{args[0].at(ATOM)}.{op.name}({', '.join(keywords)})")
        name = numpy_name(op) or self.helper(op)
        return Text(f"{name}({', '.join([a.code for a in args] + keywords)})")

    def argument(self, x: Any, scalar: bool = False) -> Text:
        """A variable, or a constant; an array of one value as that value, if that does."""
        if isinstance(x, Var):
            return self.text[x]
        if isinstance(x, np.ndarray) and x.size and not any(x.strides):
            if scalar:
                return self.constant(x.flat[0])
            return Text(f"np.full({x.shape}, {self.constant(x.flat[0]).code})")
        return self.constant(x)

    def constant(self, x: Any) -> Text:
        """A number, or metadata."""
        if isinstance(x, Var):
            return self.text[x]
        if isinstance(x, np.bool_):
            return Text(str(bool(x)))
        if isinstance(x, np.generic) and x.dtype != np.float64 and x.dtype.kind == "f":
            return Text(f"np.{x.dtype}({x.item()!r})")
        if isinstance(x, np.generic):
            x = x.item()
        if isinstance(x, float) and not isinstance(x, bool):
            if not math.isfinite(x):
                word = "np.nan" if math.isnan(x) else "np.inf"
                return Text(word) if not x < 0 else Text(f"-{word}", UNARY)
            code = str(int(x)) if x == int(x) and abs(x) < 1e6 else repr(x)
            return Text(code, UNARY if x < 0 else ATOM)
        if isinstance(x, int) and not isinstance(x, bool):
            return Text(repr(x), UNARY if x < 0 else ATOM)
        if isinstance(x, tuple):
            inner = ", ".join(self.constant(part).code for part in x)
            return Text(f"({inner}{',' if len(x) == 1 else ''})")
        if isinstance(x, slice):
            return Text(f"slice({x.start}, {x.stop}, {x.step})")
        if x is Ellipsis:
            return Text("...")
        if isinstance(x, np.ndarray):
            return Text(array_code(x))
        if isinstance(x, np.dtype | type):
            return Text(f"np.{np.dtype(x)}")
        return Text(repr(x))

    def index(self, index: Any) -> str:
        """What stands between the brackets."""
        if isinstance(index, tuple) and index:
            return ", ".join(self.index(part) for part in index)
        if isinstance(index, slice):
            start, stop, step = ("" if p is None else str(p) for p in _parts(index))
            return f"{start}:{stop}" + (f":{step}" if step else "")
        return self.constant(index).code

    def tree(self, tree: Any) -> str:
        """Nested results."""
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{k!r}: {self.tree(v)}" for k, v in tree.items()) + "}"
        if isinstance(tree, list):
            return "[" + ", ".join(map(self.tree, tree)) + "]"
        if isinstance(tree, tuple):
            return f"({', '.join(map(self.tree, tree))}{',' * (len(tree) == 1)})"
        return self.argument(tree).code

    def helper(self, op: Op) -> str:
        """The name of a function for what NumPy lacks, its source kept."""
        name = op.name.replace(".", "_")
        if name not in self.helpers:
            self.helpers[name] = ""
            self.helpers[name] = self.source_of(op.forward, name)
        return name

    def source_of(self, function: Any, name: str) -> str:
        """Source of ``function`` under ``name``; what it calls of ours is kept too."""
        function = inspect.unwrap(function)
        tree = parsed(function, name)
        if tree is None:
            raise ValueError(
                f"{name}: the source of its forward function cannot be read, so that it cannot be "
                "printed; define it with def in a file"
            )
        for word in sorted(_globals_of(function.__code__)):
            value = function.__globals__.get(word)
            if word in self.helpers or word == "np":
                continue
            if isinstance(value, Op):
                value = value.forward
            if isinstance(value, FunctionType) and value.__module__.startswith("minigrad"):
                self.helpers[word] = ""
                self.helpers[word] = self.source_of(value, word)
            elif word == "NoValue":
                self.helpers[word] = "NoValue = np._NoValue\n"
            elif isinstance(value, np.ufunc) or (inspect.isbuiltin(value) and word in ("total",)):
                self.helpers[word] = f"{word} = np.add.reduce\n"
            elif isinstance(value, int | float | str | tuple | frozenset):
                self.helpers[word] = f"{word} = {value!r}\n"
            elif inspect.ismodule(value):
                self.helpers[word] = f"import {value.__name__} as {word}\n"
            elif isinstance(value, type) and issubclass(value, tuple):
                fields = list(value._fields)  # type: ignore[attr-defined]
                self.helpers["namedtuple"] = "from collections import namedtuple\n"
                self.helpers[word] = f"{word} = namedtuple({word!r}, {fields})\n"
            elif isinstance(value, FunctionType | type) and word not in __builtins__:  # type: ignore[operator]
                self.helpers[word] = f"from {value.__module__} import {value.__name__} as {word}\n"
        return ast.unparse(tree) + "\n"


def _globals_of(code: Any) -> set[str]:
    """Names that a function, and the functions in it, look up."""
    found = set(code.co_names)
    for inner in code.co_consts:
        if inspect.iscode(inner):
            found |= _globals_of(inner)
    return found


def parsed(function: Any, name: str) -> Any:
    """The definition of ``function``, as a syntax tree, without what is only for people."""
    try:
        lines, _ = inspect.findsource(function)
    except (OSError, TypeError):
        return None
    module = ast.parse("".join(lines))
    code = function.__code__
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == code.co_firstlineno:
                node.name, node.decorator_list, node.returns = name, [], None
                for arg in (
                    *node.args.args,
                    *node.args.kwonlyargs,
                    node.args.kwarg,
                    node.args.vararg,
                ):
                    if arg is not None:
                        arg.annotation = None
                if ast.get_docstring(node) is not None:
                    node.body[0].value.value = ast.get_docstring(node).split("\n")[0]  # type: ignore
                return node
        if isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            place = next(iter(code.co_positions()), None)
            starts = {(p[0], p[2]) for p in code.co_positions() if p[0] is not None}
            if place and (node.body.lineno, node.body.col_offset) in starts:
                body = ast.Return(node.body)
                made = ast.FunctionDef(name, node.args, [body], [], type_params=[])
                return ast.fix_missing_locations(made)
    return None


def array_code(x: np.ndarray[Any, Any]) -> str:
    """An array as source."""
    kind = "" if x.dtype in (np.float64, np.int64, np.bool_) else f", np.{x.dtype}"
    if not x.size:
        return f"np.zeros({x.shape}{kind or f', np.{x.dtype}' if x.dtype != np.float64 else ''})"
    if x.dtype.kind == "i" and x.ndim == 1 and x.size > 2 and (x == np.arange(x.size)).all():
        return f"np.arange({x.size})"
    words = np.array2string(
        x, separator=", ", threshold=10**9, floatmode="unique", max_line_width=10**9
    )
    words = " ".join(words.split()).replace("nan", "np.nan").replace("inf", "np.inf")
    return f"np.array({words}{kind})"


def _parts(index: slice) -> tuple[Any, Any, Any]:
    return index.start, index.stop, index.step


def _once(index: Any) -> bool:
    """Whether no element is selected twice."""
    if isinstance(index, tuple) and any(_counts(part) for part in index):
        return True
    return bool(selects_once(index))


def _counts(part: Any) -> bool:
    """Whether part of an index is 0, 1, 2, ...: then no place comes twice."""
    if not isinstance(part, np.ndarray) or part.dtype.kind not in "iu" or part.ndim != 1:
        return False
    return bool(np.unique(part).size == part.size)


def _leaves(tree: Any) -> list[Any]:
    from minigrad.tree import flatten

    return flatten(tree)[0]


def _places(place: str, tree: Any) -> list[tuple[str, Any]]:
    """Leaves of an argument with the source that gets them."""
    if isinstance(tree, dict):
        return [x for k, v in tree.items() for x in _places(f"{place}[{k!r}]", v)]
    if isinstance(tree, list | tuple):
        return [x for i, v in enumerate(tree) for x in _places(f"{place}[{i}]", v)]
    return [(place, tree)]


# --- spellings -------------------------------------------------------------------------

Spelling = Callable[[Writer, Equation, list[Text]], Text]
SPELLED: dict[str, Spelling] = {}


def spelled(*names: str) -> Callable[[Spelling], Spelling]:
    """Decorator: how these ops are written."""

    def enter(function: Spelling) -> Spelling:
        for name in names:
            SPELLED[name] = function
        return function

    return enter


@spelled("negative")
def _negative(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"-{args[0].at(UNARY)}", UNARY)


@spelled("invert")
def _invert(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"~{args[0].at(UNARY)}", UNARY)


@spelled("power")
def _power(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"{args[0].at(ATOM)} ** {args[1].at(UNARY)}", POWER)


@spelled("sigmoid")
def _sigmoid(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"1 / (1 + np.exp(-{args[0].at(UNARY)}))", PRODUCT)


@spelled("relu")
def _relu(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"np.maximum({args[0].code}, 0)")


@spelled("softplus")
def _softplus(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"np.logaddexp({args[0].code}, 0)")


@spelled("transpose")
def _transpose(w: Writer, e: Equation, args: list[Text]) -> Text:
    axes = e.kwargs.get("axes")
    axes = None if axes is None else tuple(int(a) for a in np.atleast_1d(axes))
    if axes is None or axes == tuple(range(len(e.out.shape)))[::-1]:
        return Text(f"{args[0].at(ATOM)}.T")
    return Text(f"{args[0].at(ATOM)}.transpose({w.constant(axes).code})")


@spelled("swapaxes")
def _swapaxes(w: Writer, e: Equation, args: list[Text]) -> Text:
    axes = ", ".join(str(v) for v in e.kwargs.values())
    return Text(f"{args[0].at(ATOM)}.swapaxes({axes})")


@spelled("reshape", "squeeze", "expand_dims")
def _reshape(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"{args[0].at(ATOM)}.reshape({w.constant(e.out.shape).code})")


@spelled("broadcast_to")
def _broadcast_to(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"np.broadcast_to({args[0].code}, {w.constant(e.out.shape).code})")


@spelled("getitem")
def _getitem(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"{args[0].at(ATOM)}[{w.index(e.kwargs['index'])}]")


@spelled("astype")
def _astype(w: Writer, e: Equation, args: list[Text]) -> Text:
    return Text(f"{args[0].at(ATOM)}.astype(np.{e.out.dtype})")


def source(program: Program) -> str:
    """``program`` as a file that imports NumPy alone."""
    writer = Writer(program)
    function = writer.function()
    parts = ["import numpy as np\n"]
    imports = [h for h in writer.helpers.values() if h.startswith(("import", "from"))]
    parts[0] += "".join(imports)
    parts += [h for h in writer.helpers.values() if h not in imports]
    parts += [f"{v.name} = {array_code(np.asarray(c))}\n" for v, c in _values(program)]
    return "\n".join([*parts, "", function])


def save(program: Program, path: Any) -> None:
    """Write the source of ``program``, with constants of many elements in a file beside it."""
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {path.parent}: make it first")
    large = {v: c for v, c in _values(program) if np.size(c) > 1000}
    text = source(
        program.replace(constants={v: c for v, c in program.constants.items() if v not in large})
    )
    if large:
        archive = path.with_suffix(".npz")
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez(file, **{v.name: np.asarray(c) for v, c in large.items()})
        os.replace(file.name, archive)
        loads = [f'{v.name} = _constants["{v.name}"]' for v in large]
        first = '_constants = np.load(pathlib.Path(__file__).with_suffix(".npz"))'
        text = text.replace(
            "import numpy as np\n",
            "\n".join(["import pathlib", "", "import numpy as np", "", first, *loads, ""]),
            1,
        )
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)


def _values(program: Program) -> list[tuple[Var, Any]]:
    return [(v, getattr(c, "_value", c)) for v, c in program.constants.items()]
