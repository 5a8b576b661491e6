"""Sums and products of formulas: with signs, without signs, of matrices and of rows."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from minigrad.derivation.formulas.functions import NoFormula
from minigrad.derivation.formulas.grammar import syntax
from minigrad.derivation.formulas.indices import ALONG, BESIDE
from minigrad.derivation.formulas.tokens import COMPARED, DOTS, ENDS, JOINED, OVER

Known = Callable[[str], bool]
Shape = Callable[[str], "tuple[int, ...] | None"]


@dataclass(eq=False)
class Sums:
    """The upper half of a reader by recursive descent."""

    text: str
    known: Known
    shape: Shape
    lengths: Shape
    tokens: list[str]
    words: bool = False
    calls: bool = False
    kronecker: bool = True
    i: int = 0
    bar: str = ""
    """What closes the bars that are open."""

    @property
    def here(self) -> str:
        return self.tokens[self.i] if self.i < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.here
        if not token or (expected and token != expected):
            wanted = f"{expected!r} is missing" if expected else "it ends too early"
            raise NoFormula(f"{self.text!r}: {wanted}")
        self.i += 1
        return token

    def rank(self, part: str) -> int:
        return len(self.shape(part) or ())

    def axes(self, name: str) -> int:
        return len(self.lengths(name) or ())

    def sum(self) -> str:
        found = ""
        if self.here in ("+", "-"):
            found = "-" if self.take() != "+" else ""
        found += self.product()
        while self.here in ("+", "-"):
            found += f" {self.take()} {self.product()}"
        if self.here == r"\over":
            self.take()
            return f"({found})/({self.sum()})"
        return found

    def compared(self) -> str:
        """A sum, or sums with signs such as ``<`` between them."""
        found = self.sum()
        while self.here in COMPARED:
            found += f" {COMPARED[self.take()]} {self.sum()}"
        return found

    def product(self) -> str:
        found = self.run(self.power())
        while self.here in JOINED:
            sign = self.take()
            if sign in OVER:
                found = self.run(f"{found}/{self.signed()}")
                continue
            first = self.signed()
            right = self.run(first)
            if sign in DOTS and min(self.rank(found), self.rank(right)) > 0:
                found = self.beside(found, f"({right})" if "@" in right else right)
                continue
            bound = sign != "@" and "@" in right[len(first) :] and self.shape(found) != ()
            found += f"{'@' if sign == '@' else '*'}{f'({right})' if bound else right}"
        return found

    def run(self, found: str) -> str:
        """Parts without a sign between them, which bind more tightly than signs do."""
        while self.here and self.here not in {*ENDS, *JOINED, self.bar}:
            found = self.beside(found, self.power())
        return found

    def beside(self, left: str, right: str) -> str:
        """A product without a sign: of matrices and vectors ``@``, of ``p p^T`` all products."""
        if ALONG in left or ALONG in right:
            return f"{left}{BESIDE}{right}"
        a, b = self.shape(left) or (), self.shape(right) or ()
        if len(a) == len(b) == 1:
            if right.endswith(".T") and not is_row(left, self.rank):
                return f"outer({left}, {right[:-2]})"
            return f"{left}{'@' if is_row(left, self.rank) else '*'}{right}"
        if not (a and b):
            return f"{left}{'@' if left.endswith('.T') else '*'}{right}"
        entries = a == b and len(set(a)) > 1
        return f"{left}{'*' if entries else '@'}{right}"

    def signed(self) -> str:
        if self.here == "-":
            self.take()
            return f"(-{self.power()})"
        return self.power()

    def power(self) -> str:
        raise NotImplementedError


def is_row(text: str, rank: Callable[[str], int]) -> bool:
    """Whether a vector is one that lies: ``w^T``, and ``w^T A``."""
    part: ast.expr = syntax(text)
    while isinstance(part, ast.BinOp | ast.UnaryOp):
        if isinstance(part, ast.UnaryOp):
            part = part.operand
        else:
            scaled = isinstance(part.op, ast.Mult) and rank(ast.unparse(part.right))
            part = part.right if scaled else part.left
    return isinstance(part, ast.Attribute) and part.attr == "T" and rank(ast.unparse(part)) == 1
