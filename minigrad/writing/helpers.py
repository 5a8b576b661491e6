"""The source of what NumPy lacks, for printed programs that run by themselves.

A few functions are written down here as one would write them in a script.  Of all others
the function that minigrad itself computes with is copied, without what is for type
checkers only, together with what it calls.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import keyword
import sys
import textwrap
from collections.abc import Hashable
from types import FunctionType
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import is_user
from minigrad.ops.record import Op
from minigrad.ops.rows import extreme, summed
from minigrad.reading.purity import bound
from minigrad.reading.statements import names_in
from minigrad.typing import Function
from minigrad.writing import literals
from minigrad.writing.names import identifier, quoted

Definition = ast.FunctionDef | ast.Lambda
Located = ast.expr | ast.stmt | ast.arg
Place = tuple[int, int]
"""Line and column."""
Edit = tuple[Place, Place, str]
"""From where to where, and what stands there instead."""

WRITTEN: dict[Hashable, str] = {
    ops.softmax: '''
def softmax(x, axis=-1):
    """Shares that add up to 1."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
''',
    ops.log_softmax: '''
def log_softmax(x, axis=-1):
    """The logarithm of softmax, without overflow."""
    z = x - x.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
''',
    ops.logsumexp: '''
def logsumexp(x, axis=None, keepdims=False):
    """The logarithm of a sum of exponentials, without overflow."""
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore", over="ignore"):  # log 0 is the right -inf
        ans = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return ans if keepdims else ans.squeeze(axis=axis)[()]
''',
    summed: """
def summed(x, axis=None, keepdims=False):
    return np.sum(x, axis=axis, keepdims=keepdims)
""",
    extreme: """
def extreme(ufunc, x, axis, keepdims=False):
    return ufunc.reduce(x, axis=axis, keepdims=keepdims)
""",
}
"""Ops, for arrays of at least one dimension and element, and functions that they are made of."""


SHADOWED = {w for w in dir(builtins) if w not in ("sum", "abs", "pow", "round")}
"""Names that no function takes from elsewhere, but where an op of ours is called so."""


def written_as(function: Function, called: str, name: str) -> str:
    """What is written down for ``function``, which is ``called`` so there, under ``name``."""
    return WRITTEN[function].lstrip().replace(f"def {called}(", f"def {name}(")


class Helpers:
    """Functions above a printed program.

    Attributes
    ----------
    source : dict
        Name -> source, in the order in which they were asked for.
    imports : dict
        Name -> import statement.
    taken : set
        Names that stand for something else.
    program : str
        What the printed program is called, perhaps as a function of Python's.
    """

    def __init__(self, taken: set[str], program: str) -> None:
        self.source: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        self.taken = taken
        self.program = program
        self._called: dict[Hashable, tuple[str, Any]] = {}

    def called(self, word: str, value: object) -> str:
        """What ``value`` is called here: as ``word``, unless that is another's name."""
        key = (word, id(value))
        if key not in self._called:
            name = identifier(word)
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self._called[key] = name, value  # held, so that nothing else gets its id
        return self._called[key][0]

    def of(self, op: Op, written: bool) -> str:
        """The name of a function for ``op``, its source kept; a ``written`` one if that does."""
        name = self.called(op.name.replace(".", "_"), op.forward)
        if isinstance(op.forward, np.ufunc):
            return self._enter(op.forward.__name__, op.forward, op.name)
        if name not in self.source:
            self.source[name] = ""
            if written and op in WRITTEN:
                self.source[name] = written_as(op, op.name, name)
            else:
                self.source[name] = self.copied(op.forward, name, op.name)
        return name

    def namedtuple(self, kind: Any) -> str:
        """The name of a named tuple like ``kind``."""
        name = self.called(kind.__name__, kind)
        if name not in self.source:
            self.imports["namedtuple"] = "from collections import namedtuple\n"
            fields = ", ".join(map(quoted, kind._fields))
            self.source[name] = f'{name} = namedtuple("{name}", [{fields}])\n'
        return name

    def copied(self, function: Any, name: str, shown: str) -> str:
        """Source of ``function`` under ``name``; what it calls of ours is kept too.

        Raises
        ------
        ValueError
            When Python does not know the source, as of what was typed at its prompt, or
            it uses something that no source can write down.
        """
        function = inspect.unwrap(function)
        found = definition(function)
        if found is None:
            raise ValueError(
                f"{shown}: the source of its forward function cannot be read, so that it cannot "
                "be printed; define it with def in a file"
            )
        node, lines = found
        scope = bound(function)
        words = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        hidden = {self.program} & SHADOWED & words & names_in(function.__code__)
        words &= names_in(function.__code__) - SHADOWED | set(function.__code__.co_freevars)
        names = {
            w: self._enter(w, scope[w], shown)
            for w in sorted(words)
            if w in scope and not (w == "np" and scope[w] is np)
        }
        names |= {w: self._enter(w, getattr(builtins, w), shown) for w in hidden}
        defaults = [
            (place, self._enter("default", value, shown))
            for place, value in zip(defaults_of(node), values_of_defaults(function), strict=True)
            if any(isinstance(n, ast.Name) and n.id != "np" for n in ast.walk(place))
        ]
        return written_out(node, lines, name, names, defaults)

    def _enter(self, word: str, value: object, shown: str) -> str:
        """Keep what ``word`` stands for in a copied function."""
        value = value.forward if isinstance(value, Op) else value
        name = self.called(word, value)
        method: Any = value
        if name in self.source or name in self.imports:
            return name
        if value is np._NoValue:
            self.source[name] = f"{name} = np._NoValue\n"
        elif isinstance(value, FunctionType) and is_own(value):
            self.source[name] = ""
            known = value in WRITTEN
            self.source[name] = (
                written_as(value, word, name) if known else self.copied(value, name, shown)
            )
        elif inspect.ismodule(value):
            if sys.modules.get(value.__name__) is not value or not dotted(value.__name__):
                raise ValueError(f"{shown}: the module {word} cannot be imported by name")
            module = value.__name__
            self.imports[name] = f"import {module}{'' if module == name else f' as {name}'}\n"
        elif isinstance(value, type) and hasattr(value, "_fields"):
            return self.namedtuple(value)
        elif isinstance(value, np.ufunc) and vars(np).get(method.__name__) is value:
            self.source[name] = f"{name} = np.{method.__name__}\n"
        elif isinstance(getattr(value, "__self__", None), np.ufunc):
            self.source[name] = f"{name} = np.{method.__self__.__name__}.{method.__name__}\n"
        elif (place := importable(value)) is not None:
            self.imports[name] = f"from {place[0]} import {place[1]} as {name}\n"
        else:
            try:
                self.source[name] = f"{name} = {literals.code(value)}\n"
            except ValueError as error:
                raise ValueError(
                    f"{shown}: its forward function uses {word}, {error}: pass it as an argument"
                ) from None
        return name


def is_own(function: Function) -> bool:
    """Whether a function is minigrad's or the user's, rather than a library's."""
    module = str(function.__module__)
    return module.split(".")[0] == "minigrad" or is_user(function.__code__.co_filename)


def dotted(name: str) -> bool:
    """Whether ``name`` is what can stand behind ``import``."""
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))


def importable(value: object) -> tuple[str, str] | None:
    """The module to import ``value`` from, and its name there; None if there is none."""
    module, name = (str(getattr(value, key, "")) for key in ("__module__", "__name__"))
    if isinstance(value, np.ufunc):  # which does not know where it lives
        homes = ("numpy", "scipy.special", "scipy.special._ufuncs")
        found = (m for m in homes if getattr(sys.modules.get(m), name, None) is value)
        module = next(found, "")
    if not dotted(module) or not dotted(name) or module.split(".")[0] == "minigrad":
        return None
    here = getattr(sys.modules.get(module), name, None)
    return (module, name) if here is value and module != "__main__" else None


def defaults_of(node: Definition) -> list[ast.expr]:
    """The expressions of the defaults of a definition."""
    return [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]


def values_of_defaults(function: Function) -> list[Any]:
    """Their values, in the same order."""
    named = function.__kwdefaults__ or {}
    code = function.__code__
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return [*(function.__defaults__ or ()), *(named[k] for k in keywords if k in named)]


def definition(function: Function) -> tuple[Definition, list[str]] | None:
    """The syntax tree of ``function`` and the lines of its file."""
    try:
        lines, _ = inspect.findsource(function)
    except (OSError, TypeError):
        return None
    code = function.__code__
    for node in ast.walk(ast.parse("".join(lines))):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if code.co_firstlineno == min([node.lineno, *(d.lineno for d in node.decorator_list)]):
                return node, lines
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            starts = {(p[0], p[2]) for p in code.co_positions()}
            if (node.body.lineno, node.body.col_offset) in starts:
                return node, lines
    return None


def written_out(
    node: Definition, lines: list[str], name: str, names: dict[str, str],
    defaults: list[tuple[ast.expr, str]],
) -> str:  # fmt: skip
    """A definition as source under ``name``: no annotations, one line of docstring.

    The text is edited rather than printed anew, so that its comments and layout stay.
    """
    parts: list[ast.AST | None] = [place for place, _ in defaults]
    parts += [getattr(n, key, None) for n in ast.walk(node) for key in ("returns", "annotation")]
    replaced = {id(n) for part in parts if part is not None for n in ast.walk(part)}
    edits: list[Edit] = [
        (start(n), end(n), names[n.id])
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and names.get(n.id, n.id) != n.id and id(n) not in replaced
    ]
    if isinstance(node, ast.Lambda):
        head = ast.unparse(with_defaults(node.args, dict(defaults)))
        body = " ".join(cut(lines, start(node.body), end(node.body), edits).split())
        return f"def {name}({head}):\n    return {body}\n"
    edits += [(start(place), end(place), code) for place, code in defaults]
    edits.append((*after(node, 4, len(node.name.encode())), name))
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef) and part.returns is not None:
            edits.append((*before(part.returns, " -> "), ""))
        elif isinstance(part, ast.arg) and part.annotation is not None:
            edits.append((after(part, len(part.arg.encode()))[0], end(part.annotation), ""))
        elif isinstance(part, ast.AnnAssign):
            edits.append((end(part.target), end(part.annotation), ""))
        elif isinstance(part, ast.arguments):
            edits += [
                (*before(default, " = ", whole=False), "=")
                for default in (*part.defaults, *part.kw_defaults)
                if default is not None and spaced(default, lines)
            ]
    words = ast.get_docstring(node)
    if words is not None and len(node.body) > 1:
        line = '"' * 3 + literals.docstring(words.split("\n")[0]) + '"' * 3
        edits.append((start(node.body[0]), end(node.body[0]), line))
    text = cut(lines, start(node), end(node), edits)
    return textwrap.dedent(" " * node.col_offset + text) + "\n"


def with_defaults(args: ast.arguments, codes: dict[ast.expr, str]) -> ast.arguments:
    """The parameters of a lambda, some defaults written otherwise."""

    def name(default: object) -> Any:
        return ast.Name(codes[default]) if default in codes else default

    new = copy.copy(args)
    new.kw_defaults = [name(d) for d in args.kw_defaults]
    new.defaults = [name(d) for d in args.defaults]
    return new


def after(node: Located, skipped: int, size: int = 0) -> tuple[Place, Place]:
    """The place of ``size`` bytes that come ``skipped`` bytes after the start of ``node``."""
    line, column = start(node)
    return (line, column + skipped), (line, column + skipped + size)


def before(node: Located, text: str, whole: bool = True) -> tuple[Place, Place]:
    """The place of ``text`` and, if ``whole``, of ``node`` behind it."""
    line, column = start(node)
    return (line, column - len(text)), end(node) if whole else start(node)


def spaced(default: ast.expr, lines: list[str]) -> bool:
    """Whether ``axis: int = 0`` is written with spaces: it has an annotation."""
    line = lines[default.lineno - 1].encode()
    return bool(line[: default.col_offset].endswith(b" = "))


def start(node: Located) -> Place:
    return node.lineno, node.col_offset


def end(node: Any) -> Place:
    return node.end_lineno, node.end_col_offset


def cut(lines: list[str], first: Place, last: Place, edits: list[Edit]) -> str:
    """The text from ``first`` to ``last``, places of it replaced; columns count bytes."""
    text = [line.encode() for line in lines]
    parts, place = [], first
    for begin, stop, new in [*sorted(edits), (last, last, "")]:
        (i, a), (j, b) = place, begin
        rows = (
            [text[i - 1][a:b]] if i == j else [text[i - 1][a:], *text[i : j - 1], text[j - 1][:b]]
        )
        parts += [*rows, new.encode()]
        place = stop
    return b"".join(parts).decode()
