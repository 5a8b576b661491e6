r"""The part of LaTeX in which derivatives are written, as Python.

``\frac{a - y}{m} x`` is ``((a - y)/(m))*x``: fractions, powers, roots, products without a
sign, functions, Greek letters, hats and subscripts, a transpose.  Subscripts that are no part of
a name become ``AT_(X, n, i)``, and sums over them ``SUM_(..., n)``; see `indices`.
"""

from __future__ import annotations

import itertools
import re
from itertools import takewhile

from minigrad.derivation.formulas.functions import FUNCTIONS as CALLED
from minigrad.derivation.formulas.functions import SPELLINGS, NoFormula
from minigrad.derivation.formulas.indices import ALONG, AT, DELTA, SUM
from minigrad.derivation.formulas.notation import grouped
from minigrad.derivation.formulas.products import Known, Shape, Sums
from minigrad.derivation.formulas.tokens import (
    ACCENTS,
    BARE,
    BRACKETS,
    ENDS,
    FUNCTIONS,
    INDICATORS,
    LAMBDAS,
    LONGEST_NAME,
    NORM,
    NORMS,
    NOTHING,
    ONES,
    SAME,
    TIMES,
    TOKEN,
    TRANSPOSE,
    UPRIGHT,
    WORDS,
)
from minigrad.writing.names import letter_with

DELTAS = ("delta", "δ")


def is_latex(text: str) -> bool:
    return "\\" in text or bool(re.search(r"[_^]\s*\{", text))


def as_python(
    text: str,
    known: Known,
    shape: Shape = lambda text: None,
    tokens: re.Pattern[str] = TOKEN,
    axes: Shape | None = None,
    calls: bool = False,
    kronecker: bool = True,
) -> str:
    """A formula in LaTeX as Python.

    Parameters
    ----------
    text : str
    known : callable
        Whether a variable has this name: letters that stand together are one name where it
        is known, a product otherwise.
    shape : callable
        The shape of a part: of matrices and vectors, a product without a sign is ``@``.
    tokens : re.Pattern
        ``WORDS`` for plain text, in which names are words.
    axes : callable, optional
        The shape of a variable, and so how many subscripts it has; ``shape`` by default.
    calls : bool
        Whether ``σ(z)`` is a function, though a variable is called so.
    kronecker : bool
        Whether δ with two subscripts is Kronecker's, though a variable is called so.

    Raises
    ------
    NoFormula
        For what is not understood.
    """
    plain = UPRIGHT.sub(r"\1T", grouped(text)).translate(SAME)
    found = [t for t in tokens.findall(plain) if t not in NOTHING]
    return Reader(
        text, known, shape, axes or shape, found, tokens is WORDS, calls, kronecker
    ).read()


class Reader(Sums):
    """A reader by recursive descent: powers and atoms, below sums and products."""

    def read(self) -> str:
        found = self.sum()
        if self.here:
            raise NoFormula(f"{self.text!r}: {self.here!r} is not understood")
        return found

    def power(self) -> str:
        base = self.postfix(self.atom())
        while self.here in ("^", "**"):
            if self.take() == "**":
                base = f"{base}**{self.signed()}"
                continue
            example = self.example()
            raised = "" if example else self.group()
            if self.known(f"{base}{example or raised}") and not self.known(base):
                base = f"{base}{example or raised}"  # δ^{(2)}
                continue
            if raised in ("-1", "-T") and self.rank(base) == 2:
                base = f"inv({base}){'.T' if raised == '-T' else ''}"
            elif example:  # of a matrix, a row
                base = self.row(base, example)
            elif raised in TRANSPOSE or raised == "T":
                base = f"{base}.T"
            elif raised in ("'", r"\prime"):
                base = f"{base}'"
            elif base == "e" and not self.known("e"):
                base = f"exp({raised})"
            else:
                base = f"{base}**({raised})"
        return base

    def group(self) -> str:
        """``{...}`` or one token."""
        if self.here == "{":
            self.take()
            sign = "-" if self.here == "-" else ""
            following = self.tokens[self.i + len(sign) : self.i + len(sign) + 2]
            if following[1:] == ["}"] and following[0] in TRANSPOSE:
                self.i += len(sign) + 2
                return f"{sign}T"
            found = self.sum()
            self.take("}")
            return found
        if self.here in TRANSPOSE:
            return self.take()
        return self.atom()

    def atom(self) -> str:
        token = self.take()
        condition = self.condition(token)
        if condition:
            return condition
        if token in BRACKETS:
            found = self.compared()
            self.take(BRACKETS[token])
            return f"({found})"
        if token in NORMS:
            return self.norm(token)
        if token == r"\frac":
            return self.fraction()
        if token == r"\sqrt":
            return f"sqrt({self.group()})"
        if token == "√":
            return f"sqrt({self.atom()})"
        if quotient := self.quotient(token):
            return quotient
        if token in ACCENTS or token.startswith("\\") or token.isidentifier():
            return self.name(token)
        if token[0].isdigit() or token[0] == ".":
            return token
        raise NoFormula(f"{self.text!r}: {token!r} is not understood")

    def condition(self, token: str) -> str:
        r"""``\mathbb{1}[z > 0]``, ``1_{z > 0}``, ``[z > 0]`` as ``(z > 0)``; else empty."""
        start = self.i
        if token in INDICATORS:
            one = "".join(self.braced()) in ONES
        else:
            one = token in ONES and not self.known(token)
            if not one and token != "[":
                return ""
            self.i -= token == "["
        if self.here == "_":
            self.take()
        if one or token == "[":
            closing = BRACKETS.get(self.here)
            if closing is not None:
                self.take()
                found = self.compared()
                if self.here == closing and re.search(" ([<>]=?|[=!]=) ", found):
                    self.take()
                    return f"({found})"
        self.i = start
        return ""

    def norm(self, token: str) -> str:
        """The absolute value of what stands between bars, or the norm between double bars."""
        start, double, around = self.i, token == "|" and self.here == "|", self.bar
        self.bar = NORMS[token]
        self.i += double
        found = self.sum()
        if double and self.tokens[self.i : self.i + 2] != ["|", "|"]:  # ||a| - b|
            self.i, double = start, False
            found = self.sum()
        self.i += double
        self.take(NORMS[token])
        self.bar = around
        if token in ("|", r"\lvert") and not double:
            return f"abs({found})"
        kind = "2"
        if self.here.startswith("_"):
            kind = self.take()[1:] or "".join(self.braced())
        if kind not in NORM:
            raise NoFormula(f"{self.text!r}: of norms, those of 1, 2 and F are understood")
        return NORM[kind].format(found)

    def example(self) -> str:
        """The letter of ``x^{(i)}``, the number of an example; else empty."""
        following = self.tokens[self.i : self.i + 5]
        wanted = following[:2] == ["{", "("] and following[3:] == [")", "}"]
        if not wanted or not is_place(following[2]):
            return ""
        self.i += 5
        return str(following[2])

    def example_after(self) -> str:
        """The same of ``x_j^{(i)}``, where a power may follow as well."""
        start = self.i
        if self.here == "^":
            self.take()
            if found := self.example():
                return found
        self.i = start
        return ""

    def fraction(self) -> str:
        start = self.i
        top = "".join(self.braced())
        bottom = "".join(self.braced())
        parts = [re.fullmatch(r"(?:d|\\partial)(.+)", part) for part in (top, bottom)]
        if parts[0] and parts[1]:
            inner = [as_python(m[1], self.known) for m in parts if m]
            if all(part.isidentifier() for part in inner):
                return f"D_({inner[0]}, {inner[1]})"
        self.i = start
        return f"(({self.group()})/({self.group()}))"

    def quotient(self, token: str) -> str:
        """``∂L/∂z`` and ``dL/dz_i`` as ``D_(L, z)``; else empty."""
        start = self.i
        upper = self.take() if token == "∂" and self.here else token.removeprefix("d")
        slash, *lower = self.tokens[self.i : self.i + (3 if token == "∂" else 2)] or [""]
        by = lower[-1] if token == "∂" and lower else "".join(lower).removeprefix("d")
        marked = lower[:1] == ["∂"] if token == "∂" else "".join(lower[:1]).startswith("d")
        name, letters = by, ""
        if by and not self.known(by):
            name, _, letters = by.rpartition("_")
        told = token == "∂" or (token != upper and self.known(upper))
        if not told or slash != "/" or not marked or not self.known(name):
            self.i = start
            return ""
        self.i += 1 + len(lower)
        places = [*self.example_after(), *letters]
        whole = f"D_({upper}, {name})"
        if len(places) == 1:
            return self.row(whole, places[0])
        return f"{AT}({whole}, {', '.join(places)})" if places else whole

    def row(self, name: str, place: str) -> str:
        """``x_n`` of a matrix ``X``: one of its rows."""
        return f"{AT}({name}, {place}{f', {ALONG}' * (self.axes(name) - 1)})"

    def braced(self) -> list[str]:
        """The tokens of ``{...}``, passed over."""
        if self.here != "{":
            return [self.take()]
        depth = 0
        found: list[str] = []
        while True:
            token = self.take()
            depth += (token == "{") - (token == "}")
            if not depth:
                return found[1:]
            found.append(token)

    def name(self, token: str) -> str:
        """A variable with its accents and subscripts, or a function with its argument."""
        if token in ACCENTS:
            marks = [token, *self.braced()]
            accent = "".join(ACCENTS.get(t, "") for t in marks)
            marks = [t for t in marks if t not in ACCENTS and t not in ("{", "}")]
            inside = "".join(marks).replace("\\", "")
            if SPELLINGS.get(inside, inside) in CALLED and not self.known(inside):
                return self.called(inside)
            spelt = [f"{inside}_{accent}" if accent else inside, letter_with(inside, accent)]
            return self.subscripted(next(filter(self.known, spelt), f"{inside}{accent}"))
        letter = self.tokens[self.i : self.i + 3]
        runs = (
            FUNCTIONS.get(token) == "Σ" and letter[:1] == ["_"] and "".join(letter[1:2]).islower()
        )
        if token in FUNCTIONS and (runs or not self.known(token.lstrip("\\"))):
            return self.called(FUNCTIONS[token])
        if token == "sum" and self.here == "_":
            return self.called("Σ")
        if token == r"\lambda":  # which Python keeps for itself
            return self.subscripted(next(filter(self.known, LAMBDAS), LAMBDAS[0]))
        bare = token.removeprefix("\\")
        bracketed = self.here in ("(", "'")
        bracketed |= bare in BARE and self.here not in {"", self.bar, *ENDS, *TIMES}
        free = self.here == "(" and self.calls
        if bracketed and SPELLINGS.get(bare, bare) in CALLED and (free or not self.known(bare)):
            return self.called(bare)
        if bare != token:
            spelt = [bare, letter_with(bare, "")]
            return self.subscripted(next(filter(self.known, spelt), bare))
        base, _, last = token.rpartition("_")
        if (
            base
            and last
            and not self.known(token)
            and (self.known(base) or base in ("Σ", "∑", "sum", *DELTAS))
        ):
            self.tokens[self.i : self.i] = ["_", last]  # a word of plain text: h_i
            return self.name(base)
        following = [] if self.words else self.tokens[self.i : self.i + LONGEST_NAME]
        after = takewhile(str.isalnum, following)
        words = list(itertools.accumulate([token, *takewhile(str.isidentifier, after)]))
        name = next(filter(self.known, reversed(words)), token)
        if name == token and self.tokens[self.i + len(words) - 1 :][:1] == ["("]:
            name = words[-1] if SPELLINGS.get(words[-1], words[-1]) in CALLED else token
        self.i += words.index(name)
        if name != token and not self.known(name):
            return self.called(name)
        letters = re.findall(r"\d+|.", name)
        product = len(letters) > 1 and all(c.isdigit() or self.known(c) for c in letters)
        if product and not self.known(name):
            self.tokens[self.i : self.i] = letters[1:]  # Xw is X w
            return self.name(letters[0])
        return self.subscripted(name)

    def subscripted(self, name: str) -> str:
        if self.here != "_":
            return name
        self.take()
        inside = "".join(self.braced()).replace("\\", "")
        for candidate in (f"{name}{inside}", f"{name}_{inside}", f"{name}[{inside}]"):
            if self.known(candidate):
                return candidate
        places = [*self.example_after(), *inside.replace(",", "")]
        if name in DELTAS and self.kronecker and len(places) == 2 and all(map(is_place, places)):
            return f"{DELTA}({', '.join(places)})"
        if self.known(name) and len(places) == self.axes(name) and all(map(is_place, places)):
            return f"{AT}({name}, {', '.join(places)})"
        if self.known(name) and self.axes(name) == 2 and is_place(inside) and not inside.isdigit():
            return self.row(name, inside)
        if self.known(name) and self.known(inside) and not is_place(inside):
            return self.applied(name)  # h_\theta(x) is h
        return f"{name}{inside}" if inside.isalnum() else f"{name}[{inside}]"

    def applied(self, name: str) -> str:
        """``h(x^{(i)})`` as the entry of ``h``, and ``h(x)`` as ``h``."""
        if self.here != "(":
            return name
        self.take("(")
        inner = self.sum()
        self.take(")")
        place = re.fullmatch(rf"{AT}\(\w+, ([a-z]).*\)", inner)
        return f"{AT}({name}, {place[1]})" if place else name

    def called(self, function: str) -> str:
        letters: list[str] = []
        if self.here == "_":  # \sum_i x_i, \sum_{i=1}^{m} x_i
            self.take()
            inside = "".join(self.braced()).partition("=")[0]
            letters = [c for c in inside if is_place(c)]
            if self.here == "^":
                self.take()
                self.braced()
        if self.here == "^":
            self.take()
            raised = self.group()
            if raised not in ("'", r"\prime", "prime"):
                return f"{self.called(function)}**({raised})"
            function += "'"
        if self.here == "'":
            self.take()
            function += "'"
        if function == "Σ":
            inner = f"{self.take() if self.here == '-' else ''}{self.product()}"
            return f"{SUM}({', '.join([inner, *letters])})" if letters else f"sum({inner})"
        if self.here == "(":
            return f"{function}{self.arguments()}"
        if self.here in ("{", "["):
            return f"{function}{self.atom()}"
        found = self.power()
        while re.fullmatch(r"[\d.*π]+", found) and self.here.isidentifier():  # cos 2x
            found += f"*{self.power()}"
        return f"{function}({found})"

    def arguments(self) -> str:
        """``(x, axis=0)``."""
        found: list[str] = []
        self.take("(")
        while self.here != ")":
            keyword = self.tokens[self.i + 1 : self.i + 2] == ["="]
            name = f"{self.take()}{self.take()}" if keyword else ""
            found.append(f"{name}{self.compared()}")
            if self.here != ")":
                self.take(",")
        self.take(")")
        return f"({', '.join(found)})"

    def postfix(self, base: str) -> str:
        """What follows a part of plain text: ``[:, 0]``, ``.sum(axis=0)``."""
        while self.words and (self.here == "[" or (self.here == "." and base.isidentifier())):
            if self.take() == ".":
                name = self.take()
                base = f"{base}.{name}{self.arguments() if self.here == '(' else ''}"
                continue
            depth, inside = 1, ""
            while depth:
                token = self.take()
                depth += (token == "[") - (token == "]")
                inside += f"{token} " if token == "," else token
            base = f"{base}[{inside}"
        return base


def is_place(c: str) -> bool:
    """Whether a subscript may say which entry."""
    return len(c) == 1 and c.isascii() and (c.islower() or c.isdigit())
