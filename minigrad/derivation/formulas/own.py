"""Functions of the user's own in formulas: ``f'(z)`` where ``def f(t): return t / (1 + exp(-t))``.

Their bodies are read as formulas, and they are not called: only what is one expression of the
grammar is known.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from minigrad.derivation.formulas.functions import FUNCTIONS, OWN, SPELLINGS, NoFormula
from minigrad.derivation.formulas.grammar import check, prime, value_of
from minigrad.errors import is_user
from minigrad.typing import Array, Function, Keywords

CALL = r"(?<![\w.\\])([^\W\d]\w*+)(['′]?)\s*\("
"""A function called by its name; linear in the text, however long a word is."""


def read_own(scopes: Iterable[Keywords], texts: Iterable[str]) -> None:
    """Know the functions of the caller's that are called in some formulas."""
    called = {name for text in texts for name, _ in re.findall(CALL, text)}
    found: dict[str, Function] = {}
    for scope in scopes:
        for name in called & scope.keys():
            one = formula_of(scope[name]) if SPELLINGS.get(name, name) not in FUNCTIONS else None
            if one is not None and spelled(name) not in found:
                found[spelled(name)], found[f"{spelled(name)}prime"] = one, prime(one)
    OWN.set(found)


def spelled(name: str) -> str:
    return f"own{name.replace('_', '')}"


def renamed(text: str) -> str:
    """``f'(z)`` as ``ownfprime(z)``."""

    def one(call: re.Match[str]) -> str:
        known = spelled(call[1]) in OWN.get()
        return f"{spelled(call[1])}{'prime' if call[2] else ''}(" if known else call[0]

    return re.sub(CALL, one, text) if OWN.get() else text


def formula_of(f: object) -> Function | None:
    """A function that is one formula; None for others."""
    if not isinstance(f, FunctionType) or not is_user(f.__code__.co_filename):
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
    except (OSError, TypeError, SyntaxError):
        return None
    made = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    if len(made) != 1 or f.__closure__:
        return None
    body: Any = made[0].body
    if isinstance(made[0], ast.FunctionDef):
        body = [s for s in body if not isinstance(getattr(s, "value", None), ast.Constant)]
        body = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    names = [a.arg for a in made[0].args.args]
    try:
        check(body)
    except (NoFormula, AttributeError, TypeError):
        return None
    return lambda *args: value_of(body, looked_up(dict(zip(names, args, strict=True))))


def looked_up(held: dict[str, Array]) -> Callable[[str], Array]:
    def lookup(name: str) -> Array:
        if name not in held:
            raise NoFormula(f"{name} is no parameter of the function")
        return held[name]

    return lookup
