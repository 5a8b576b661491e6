"""Magics for IPython and Jupyter: ``%load_ext minigrad``.

``%explain L w`` and ``%draw L w`` take names of your variables; ``%%grade forward X W y``
grades the backward pass that is written in the cell.
"""

from __future__ import annotations

import ast
from importlib import import_module
from typing import TYPE_CHECKING, Any

import minigrad as mg
from minigrad.typing import Function

if TYPE_CHECKING:
    from minigrad.derivation.backward import BackwardReport
    from minigrad.draw.drawing import Drawing


def misspelt(text: str) -> Exception:
    """An error of a magic's line: IPython shows one line of it, and none of this file."""
    usage: type[Exception] = import_module("IPython.core.error").UsageError
    return usage(text)


def names_in(line: str, shell: Any, magic: str) -> list[Any]:
    """What the user's expressions on the line stand for.

    Raises
    ------
    IPython.core.error.UsageError
        Where there is none, saying how the magic is written, and for what does not exist.
    """
    if not line.strip():
        raise misspelt(f"{magic} wants names of variables, as in {magic} L w")
    try:  # with commas, as the arguments of a function
        expressions = [ast.unparse(e) for e in ast.parse(f"[{line}]").body[0].value.elts]  # type: ignore[attr-defined]
    except SyntaxError:
        expressions = line.split()
    try:
        return [shell.ev(expression) for expression in expressions]
    except (NameError, SyntaxError) as error:
        told = f"{magic} {line}: {getattr(error, 'msg', None) or error}"
        raise misspelt(told) from None


def explain(line: str, shell: Any) -> Any:
    """``%explain L w b``: how the gradients of L come about."""
    output, *wrt = names_in(line, shell, "%explain")
    if not wrt:
        raise misspelt("%explain wants the output and what it is differentiated by: %explain L w")
    return mg.explain(output, wrt)


def draw(line: str, shell: object) -> Drawing:
    """``%draw L``, or ``%draw L w`` with the path from w."""
    output, *wrt = names_in(line, shell, "%draw")
    return mg.draw(output, wrt or None)


def grade(line: str, cell: str, shell: Any) -> BackwardReport | None:
    """``%%grade forward X W y``: the cell defines the backward pass, the last of its functions."""
    if len(line.split()) < 2:
        raise misspelt(
            "%%grade wants the forward function and its arguments: %%grade forward X W y"
        )
    if not shell.run_cell(cell).success:
        return None  # whose error stands there already
    defined = [n.name for n in ast.parse(cell).body if isinstance(n, ast.FunctionDef)]
    if not defined:
        raise misspelt("%%grade: the cell defines no function")
    forward, *inputs = names_in(line, shell, "%%grade")
    return mg.check_backward(forward, shell.user_ns[defined[-1]], *inputs)


def load(shell: Any) -> None:
    """Register the magics with a shell of IPython's."""
    for function, kind in ((explain, "line"), (draw, "line"), (grade, "cell")):

        def magic(*given: str, function: Function = function) -> Any:
            return function(*given, shell)

        magic.__doc__ = function.__doc__
        shell.register_magic_function(magic, kind, function.__name__)
