"""The source of what NumPy lacks, for printed programs that run by themselves.

A few functions are written down here as one would write them in a script.  Of all others
the function that minigrad itself computes with is copied, without what is for type
checkers only, together with what it calls.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from types import FunctionType
from typing import Any

import numpy as np

from minigrad.ops.record import Op

WRITTEN = {
    "softmax": '''
def softmax(x, axis=-1):
    """Shares that add up to 1."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
''',
    "log_softmax": '''
def log_softmax(x, axis=-1):
    """The logarithm of softmax, without overflow."""
    z = x - x.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
''',
    "logsumexp": '''
def logsumexp(x, axis=None, keepdims=False):
    """The logarithm of a sum of exponentials, without overflow."""
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore", over="ignore"):  # log 0 is the right -inf
        ans = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return ans if keepdims else ans.squeeze(axis=axis)[()]
''',
}
"""For arrays of at least one dimension and element."""


class Helpers:
    """Functions above a printed program.

    Attributes
    ----------
    source : dict
        Name -> source, in the order in which they were asked for.
    imports : dict
        Name -> import statement.
    """

    def __init__(self, taken: set[str]) -> None:
        self.source: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        self.taken = taken
        self._name: dict[str, str] = {}

    def called(self, word: str) -> str:
        """What ``word`` is called here: by its name, unless that is taken."""
        if word not in self._name:
            name = word
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self._name[word] = name
        return self._name[word]

    def of(self, op: Op, written: bool) -> str:
        """The name of a function for ``op``, its source kept; a ``written`` one if that does."""
        word = op.name.replace(".", "_")
        name = self.called(word)
        if name not in self.source:
            self.source[name] = ""
            if written and word in WRITTEN:
                self.source[name] = WRITTEN[word].lstrip().replace(f"def {word}(", f"def {name}(")
            else:
                self.source[name] = self.copied(op.forward, word)
        return name

    def namedtuple(self, kind: Any) -> str:
        """The name of a named tuple like ``kind``."""
        name = self.called(kind.__name__)
        self.imports["namedtuple"] = "from collections import namedtuple\n"
        fields = ", ".join(f'"{f}"' for f in kind._fields)
        self.source[name] = f'{name} = namedtuple("{name}", [{fields}])\n'
        return name

    def copied(self, function: Any, word: str) -> str:
        """Source of ``function``; what it calls of ours is kept too.

        Raises
        ------
        ValueError
            When Python does not know the source, as of what was typed at its prompt.
        """
        function = inspect.unwrap(function)
        found = definition(function)
        if found is None:
            raise ValueError(
                f"{word}: the source of its forward function cannot be read, so that it cannot be "
                "printed; define it with def in a file"
            )
        node, lines = found
        scope = function.__globals__
        words = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        words &= looked_up(function.__code__)
        names = {w: self._enter(w, scope[w]) for w in sorted(words) if w in scope and w != "np"}
        return written_out(node, lines, self.called(word), names)

    def _enter(self, word: str, value: Any) -> str:
        """Keep what ``word`` stands for in a copied function."""
        name = self.called(word)
        value = value.forward if isinstance(value, Op) else value
        if name in self.source or name in self.imports:
            return name
        if value is np._NoValue:
            self.source[name] = f"{name} = np._NoValue\n"
        elif isinstance(value, FunctionType) and value.__module__.startswith("minigrad"):
            self.source[name] = ""
            self.source[name] = self.copied(value, word)
        elif isinstance(value, int | float | str | tuple | frozenset) or value is None:
            self.source[name] = f"{name} = {value!r}\n"
        elif inspect.ismodule(value):
            same = value.__name__ == name
            self.imports[name] = f"import {value.__name__}{'' if same else f' as {name}'}\n"
        elif isinstance(value, type) and hasattr(value, "_fields"):
            return self.namedtuple(value)
        elif isinstance(value, np.ufunc):
            self.source[name] = f"{name} = np.{value.__name__}\n"
        elif isinstance(getattr(value, "__self__", None), np.ufunc):
            self.source[name] = f"{name} = np.{value.__self__.__name__}.{value.__name__}\n"
        else:
            self.imports[name] = f"from {value.__module__} import {value.__name__} as {name}\n"
        return name


def looked_up(code: Any) -> set[str]:
    """Names that a function, and the functions in it, take from elsewhere."""
    found = set(code.co_names)
    for inner in code.co_consts:
        if inspect.iscode(inner):
            found |= looked_up(inner)
    return found - {w for w in dir(builtins) if w not in ("sum", "abs", "pow", "round")}


def definition(function: Any) -> tuple[Any, list[str]] | None:
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


def written_out(node: Any, lines: list[str], name: str, names: dict[str, str]) -> str:
    """A definition as source under ``name``: no annotations, one line of docstring.

    The text is edited rather than printed anew, so that its comments and layout stay.
    """
    edits = [
        (start(n), end(n), names[n.id])
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and names.get(n.id, n.id) != n.id
    ]
    if isinstance(node, ast.Lambda):
        head = ast.unparse(node.args)
        body = " ".join(cut(lines, start(node.body), end(node.body), edits).split())
        return f"def {name}({head}):\n    return {body}\n"
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
        quoted = '"' * 3 + words.split("\n")[0] + '"' * 3
        edits.append((start(node.body[0]), end(node.body[0]), quoted))
    text = cut(lines, start(node), end(node), edits)
    return textwrap.dedent(" " * node.col_offset + text) + "\n"


def after(node: Any, skipped: int, size: int = 0) -> Any:
    """The place of ``size`` bytes that come ``skipped`` bytes after the start of ``node``."""
    line, column = start(node)
    return (line, column + skipped), (line, column + skipped + size)


def before(node: Any, text: str, whole: bool = True) -> Any:
    """The place of ``text`` and, if ``whole``, of ``node`` behind it."""
    line, column = start(node)
    return (line, column - len(text)), end(node) if whole else start(node)


def spaced(default: Any, lines: list[str]) -> bool:
    """Whether ``axis: int = 0`` is written with spaces: it has an annotation."""
    line = lines[default.lineno - 1].encode()
    return bool(line[: default.col_offset].endswith(b" = "))


def start(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


def end(node: Any) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


def cut(lines: list[str], first: Any, last: Any, edits: list[Any]) -> str:
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
