"""Terms: pieces of formulas and of source that know how tightly they bind.

Every style fills the same kind of patterns: ``{0:product}`` stands for the first argument,
in parentheses unless that binds at least as tightly as a product.  So precedence is part of
the pattern, and nothing that is written loses its parentheses.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = {
    level: i
    for i, level in enumerate(
        "open compare or and sum minus matmul product side unary power atom".split()
    )
}
"""The one table of precedences, from what binds least to what binds most.

``minus`` is the sign of formulas, ``-a·b``, and ``unary`` that of source, ``-a * b``, which
belongs to the factor; ``side`` are matrices side by side, ``X w``."""

Pattern = tuple[str, str]
"""How tightly the result binds, and the pattern."""


@dataclass(frozen=True)
class Term:
    """Part of a formula or of source, and how tightly it binds.

    Examples
    --------
    >>> f"{Term('x + 1', 'sum'):product}·{Term('y'):product}"
    '(x + 1)·y'
    """

    code: str
    level: str = "atom"
    brackets: str = "({})"

    def at(self, least: str) -> str:
        """The code, in parentheses unless it binds at least as tightly as ``least``.

        Behind a sign of source, a power has parentheses although it needs none (``signed``),
        and what has a sign itself loses it where its opposite is meant (``negated``).
        """
        if least == "signed":
            return self.at("open" if self.level == "unary" else "atom")
        if least == "negated":
            opposite = self.level == "unary" and self.code.startswith("-")
            return self.code[1:] if opposite else f"-{self:signed}"
        if least and LEVELS[self.level] < LEVELS[least]:
            return self.brackets.format(self.code)
        return self.code

    def __format__(self, least: str) -> str:
        return self.at(least)


def fill(pattern: Pattern, *args: Term, brackets: str = "({})", **words: object) -> Term:
    """A pattern with its arguments."""
    return Term(pattern[1].format(*args, **words), pattern[0], brackets)
