"""What a formula is: the tree of a string, and what its names are at a point.

Of the ways to read a formula, the one that is right is taken, or one that fits at least.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, product
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import readings
from minigrad.derivation.formulas.functions import FUNCTIONS, SPELLINGS, Misfit, NoFormula, TooLarge
from minigrad.derivation.formulas.given import Answer, is_formula, parts_of
from minigrad.derivation.formulas.grammar import (
    FAILURES,
    LONGEST,
    check,
    conditions,
    dotted,
    juxtaposed,
    names_in,
    parsed,
    syntax,
    written,
)
from minigrad.derivation.formulas.indices import has_indices, ways
from minigrad.derivation.formulas.latex import DELTAS, as_python, is_latex
from minigrad.derivation.formulas.notation import (
    UNITS,
    fractions,
    lowered,
    parted,
    piecewise,
    raised,
    sides,
    sized,
)
from minigrad.derivation.formulas.own import CALL, read_own, renamed
from minigrad.derivation.formulas.points import Point, alike, fit
from minigrad.derivation.formulas.symbolic import is_symbolic, spelled
from minigrad.derivation.formulas.tokens import TOKEN, WORDS
from minigrad.derivation.formulas.variables import NUMBERS, Variables
from minigrad.derivation.spelling import unlatex
from minigrad.derivation.walk import shape_of
from minigrad.graph import AnyNode
from minigrad.tensor import Tensor
from minigrad.typing import Array, Index, Shape

PRIMED = re.compile(
    r"(?:(?<![^\W\d])(?<!\\)(\\?[^\W\d]\w*)|\))(?:['′]|\^(?:'|\{?\\prime\}?))(?!\s*\(\w+\)|\])"
)
"""A transpose, as econometricians write it."""


EULER = re.compile(r"(?<![\w.\\])e\s*(?:\^|\*\*)\s*(\((?:[^()]|\([^()]*\))*\)|[-−+]?\w[\w.]*)")
"""``e^(-z)``: a power of Euler's number in plain text."""


class Reading(Variables):
    """The formulas among the answers of one derivation, read."""

    def __init__(self, output: Tensor, hand: Mapping[object, object]) -> None:
        super().__init__(output, hand)
        texts = [str(v) for v in hand.values() if is_formula(v)]
        read_own([scope.variables for scope in self.names.scopes], texts)
        self.answers: dict[Hashable, Answer] = {
            key: self.answer(key, value) for key, value in hand.items() if is_formula(value)
        }

    # --- reading -----------------------------------------------------------------------

    def answer(self, key: object, given: object) -> Answer:
        found = Answer(key, given)
        try:
            for part in parts_of(given):
                for tree in self.lines(part, key):
                    found.lines.append(tree)
            with np.errstate(all="ignore"):
                found.value = np.asarray(self.value(found.last, self.points.data), float)
            for truth in map(np.asarray, self.truths(key)):
                if found.value.ndim == truth.ndim and alike(found.value, truth):
                    found.value = np.broadcast_to(found.value, truth.shape)
        except NoFormula as error:
            found.error = str(error)
            understood = found.lines or isinstance(error, Misfit)
            found.unread = isinstance(error, TooLarge) or not understood
        except FAILURES as error:
            found.error = f"{given!r} cannot be computed: {error}"
            found.error = (found.lines and self.failure(found.last)) or found.error
        return found

    def failure(self, tree: ast.expr) -> str:
        """Why a formula cannot be computed at the data; empty where it can."""
        try:
            with np.errstate(all="ignore"):
                np.asarray(self.value(tree, self.points.data), float)
        except NoFormula as error:
            return str(error)
        except FAILURES as error:
            return f"{written(tree)} cannot be computed: {error}"
        return ""

    def lines(self, part: Any, key: Any) -> Iterator[ast.expr]:
        """A formula, or the formulas between its equality signs."""
        if is_symbolic(part):
            yield parsed(spelled(part))
            return
        pieces = [p for side in sides(piecewise(part)) if (p := side.strip(" &$"))]
        if not pieces:
            raise NoFormula(f"{part!r} is not a formula")
        if len(pieces) > 1 and self.is_quantity(pieces[0]):  # dL/dz = ...
            del pieces[0]
        for text in pieces:
            yield self.spelled(self.tree(text, key), text)

    def is_quantity(self, text: str) -> bool:
        """Whether a text is only the name of a derivative: the left side of an equation."""
        with suppress(ValueError, TypeError):
            if self.reader.read(text).kind != "value":
                return True
        with suppress(NoFormula):
            tree = self.tree(text, "")
            return isinstance(tree, ast.Name) and bool(readings(tree.id))
        return False

    def tree(self, text: str, key: object) -> ast.expr:
        """One formula: of the ways to read it, the one that is right, or fits at least.

        ``A x`` is ``A @ x``, or ``A * x``; the letters of ``x_i y_j`` may stand in any order.
        """
        if len(text) > LONGEST:
            raise NoFormula(f"a formula has at most {LONGEST} characters")
        text = lowered(text)
        if self.has_euler:
            text = EULER.sub(r"exp(\1)", text)
        text = self.divided(fractions(PRIMED.sub(self.transposed, renamed(text))))
        if "^T " in text and "**" not in text:  # the product of matrices, however it is written
            text = text.replace("*", " ")
        latex = is_latex(text)
        ways = (juxtaposed, dotted, self.with_subscripts, self.multiplied, self.run_together)
        plain = not (latex or any(way(text) for way in ways))
        units = list(self.units(text))
        if plain and not units:
            return parsed(text)
        truths = self.truths(key)
        found: list[tuple[bool, bool, bool, ast.expr]] = []
        failed: NoFormula | None = None
        texts = sized(raised(parted(text, self.known)), units, self.sizes(), latex)
        if self.known("π"):  # which is the number in √(2π) all the same
            whole = [raised(re.sub(r"(?<=2)\s*·?\s*π", " pi", text))]
            texts = chain(texts, whole if whole != [raised(text)] else ())
        read = chain.from_iterable(self.readings_of(t, key, latex, plain) for t in texts)
        for tree in read:
            if isinstance(tree, NoFormula):
                failed = failed or tree
                continue
            try:
                with np.errstate(all="ignore"):
                    value = np.asarray(self.value(tree, self.points.data), float)
            except FAILURES:
                found.append((False, False, False, tree))
                continue
            right = any(alike(value, np.asarray(t, float)) for t in truths)
            found.append((right, any(fit(value.shape, np.shape(t)) for t in truths), True, tree))
            if right:
                break
        if found:
            return max(found, key=lambda f: f[:3])[3]
        if latex and failed is not None:
            raise failed
        try:
            tree = parsed(text)
        except NoFormula as error:
            raise failed or error from None
        if failed is not None and not all(n in NUMBERS or self.known(n) for n in names_in(tree)):
            raise failed
        return tree

    def units(self, text: str) -> Iterator[str]:
        """Which of ``I`` and ``1ᵀ``, of no size that is written, a formula has."""
        for name, pattern in UNITS.items():
            if re.search(pattern, parted(text, self.known)) and not (
                name == "eye" and self.known("I")
            ):
                yield name

    def sizes(self) -> list[int]:
        """How long the axes are that there are."""
        shapes = {shape_of(v) for v in self.points.data.values.values() if type(v) is not tuple}
        return sorted({n for shape in shapes for n in shape})

    def multiplied(self, text: str) -> bool:
        """Whether a variable that is called like a function is multiplied: ``Σ(x - μ)``."""
        return any(
            SPELLINGS.get(name, name) in FUNCTIONS and self.known(name)
            for name, _ in re.findall(CALL, text)
        )

    def run_together(self, text: str) -> bool:
        """Whether a word is a product of variables: ``Wg``."""
        words = re.findall(r"(?<![\w.])[^\W\d_]{2,4}(?![\w.(])", text)
        return any(all(map(self.known, word)) and not self.known(word) for word in words)

    def transposed(self, primed: re.Match[str]) -> str:
        """``X'X`` as ``X^T X``, where ``X`` is an array; ``f'(z)`` is a derivative."""
        name = primed[1].lstrip("\\")
        of = name and self.rank(name) and SPELLINGS.get(name, name) not in FUNCTIONS
        return f"{primed[1] or ')'}^T " if of or not name else primed[0]

    def readings_of(
        self, text: str, key: object, latex: bool, plain: bool
    ) -> Iterator[ast.expr | NoFormula]:
        """The ways to read a formula, and why others fail."""
        if plain:
            yield parsed(text)
            return
        words = text if latex else conditions(re.sub(r"⊤|\.T\b", "^T ", text))
        tokens, calls = TOKEN if latex else WORDS, (False, True)[: 1 + self.multiplied(text)]
        signal = "δ" in text or ("delta" in text and (self.known("delta") or self.known("δ")))
        kroneckers = (True, False)[: 1 + signal]
        shapes = (self.shape, lambda part: None)
        for called, kronecker, shape in product(calls, kroneckers, shapes):
            try:
                python = as_python(words, self.known, shape, tokens, self.shape, called, kronecker)
                tree = syntax(self.divided(python))
                found = ways(tree, self.shape, self.letters(key), self.whole)
                for way in found if has_indices(tree) else [tree]:
                    if not isinstance(way, NoFormula):
                        check(way)
                    yield way
            except NoFormula as error:
                yield error
            except RecursionError:
                yield NoFormula(f"{text[:40]!r}... is nested too deeply")

    def letters(self, key: object) -> dict[str, int | None]:
        """The subscripts of the quantity itself, and how far they run: ``ij`` of ``dL/dW_{ij}``."""
        text = unlatex(key) if isinstance(key, str) else ""
        match = re.search(r"([^\W_]+)_\{?([a-z]{1,3})\}?$", text)
        if match is None:
            return {}
        ends = self.ends(key) if not self.known(match[0].lstrip("d∂")) else []
        lengths: Shape = np.shape(self.points.data.values.get(ends[0][1], 0.0)) if ends else ()
        known = len(lengths) == len(match[2])
        return {c: lengths[k] if known else None for k, c in enumerate(match[2])}

    def whole(self, name: str) -> int | None:
        """The whole number that the caller's variable holds."""
        held = self.held(name)
        return int(held) if isinstance(held, int | np.integer) and held >= 0 else None

    def with_subscripts(self, text: str) -> bool:
        """Whether names have subscripts that are no part of them: ``h_i``."""
        found = re.findall(r"(?<!\w)(([^\W\d]\w*?)_[a-z]{1,3})(?!\w)", text)
        return any(
            not self.known(whole) and (self.known(base) or base in ("Σ", *DELTAS))
            for whole, base in found
        )

    def truth_at_data(self, u: AnyNode | None, v: AnyNode | None, index: Index) -> Array | None:
        if u is None or v is None:
            return None
        try:
            found = self.points.data.derivative(u, v)
        except (ValueError, TypeError, KeyError):
            return None
        return found if index is None else found[index]

    def truths(self, key: object) -> list[Array]:
        """What is asked for, at the data."""
        if (updated := self.updated(key)) is not None:
            return [updated(self.points.data)]
        return [t for ends in self.ends(key) if (t := self.truth_at_data(*ends)) is not None]

    def updated(self, key: object) -> Callable[[Point], Array] | None:
        """What a parameter is after a step, at a point; None for other keys."""
        try:
            found = self.reader.read(key)
        except (ValueError, TypeError):
            return None
        if found.kind != "update" or found.v not in self.points.data.nodes:
            return None
        return lambda point: point.values[found.v] + found.rate * point.derivative(found.u, found.v)

    def ends(self, key: object) -> list[tuple[AnyNode, AnyNode, Index]]:
        """Of what by what a key is the derivative, and which entries of it."""
        try:
            found = self.reader.read(key)
        except (ValueError, TypeError):
            return []
        out: AnyNode = self.output.node
        if found.kind == "update":
            return []
        return [(out if found.kind == "value" else found.u, found.v, found.index)]

    def spelled(self, tree: ast.expr, text: str) -> ast.expr:
        r"""A formula in its words, or those of the variables: ``yhat`` for ``\hat{y}``."""
        foreign = {n: self.alike(n) for n in names_in(tree) if n not in text}
        for x in ast.walk(tree):
            if isinstance(x, ast.Name) and not self.names.find(x.id):
                x.id = foreign.get(x.id) or x.id
        return tree
