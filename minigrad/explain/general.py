"""The gradient of a function, whatever the sizes: ``mg.explain(mg.grad(f))``.

The function is run on arrays whose lengths are primes that nobody writes, and in what is
printed each of them is a letter again.  Shapes are those of the examples given; without any
they are looked for: matrices have capitals, as on paper.
"""

from __future__ import annotations

import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from minigrad.autodiff.derived import Derived
from minigrad.autodiff.functions import grad, value_and_grad
from minigrad.explain.ledger import Chart
from minigrad.explain.markup import Document, aligned, code_span
from minigrad.explain.report import LAST, ROWS, Explanation
from minigrad.reading.names import Scope, elsewhere, is_tensor, names
from minigrad.reading.purity import bound
from minigrad.reading.wording import columns, padded, visible
from minigrad.tensor import Tensor
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Keywords, Shape
from minigrad.writing.names import latex_name

PRIMES = (101, 103, 107, 109, 113)
LETTERS = "mnkdpqrs"
MOST = 5
"""Shapes of more parameters are not guessed."""
NUMBERS = frozenset("b c d eps gamma lam lr mu reg sigma s tau beta alpha".split())
"""Small letters that are rather numbers than vectors."""


class GeneralRow(NamedTuple):
    """One step, in letters."""

    quantity: str
    formula: str
    shapes: str


@dataclass(eq=False, repr=False)
class General(Document):
    """The formulas of a gradient with letters in place of sizes.

    Attributes
    ----------
    explanation : Explanation
        Of one run, on arrays whose lengths are primes.
    lengths : dict
        Length -> its letter.
    shapes : dict
        Parameter -> its shape, in letters.
    """

    explanation: Explanation
    lengths: dict[int, str]
    shapes: dict[str, str]

    def lettered(self, text: str, name: Callable[[str], str] = str) -> str:
        """``text`` with letters in place of lengths, and of their products."""
        if not self.lengths:
            return text
        known = {n: name(letter) for n, letter in self.lengths.items()}
        pairs = itertools.combinations_with_replacement(self.lengths, 2)
        known |= {a * b: f"({name(self.lengths[a])}·{name(self.lengths[b])})" for a, b in pairs}
        numbers = "|".join(map(str, sorted(known, reverse=True)))
        return re.sub(rf"(?<![\w.])({numbers})(?![\w.])", lambda m: known[int(m[0])], text)

    @property
    def rows(self) -> list[GeneralRow]:
        """Quantity, formula and shapes of each step."""
        return [
            GeneralRow(*(self.lettered(text) for text in (r.quantity, r.formula, r.shapes)))
            for r in self.explanation.rows
        ]

    @property
    def closed(self) -> dict[str, list[tuple[str, str]]]:
        """Name -> formula and reason of each step to one formula of the gradient."""
        return {
            name: [(self.lettered(step.text), step.reason) for step in steps]
            for name, steps in self.explanation.closed.items()
        }

    def to_text(self) -> str:
        """Aligned text, without values."""
        shapes = ", ".join(f"{visible(p)} {s}" for p, s in self.shapes.items())
        rows = self.rows
        left, mid = (max(columns(row[i]) for row in rows) for i in (0, 1))
        lines = [
            f"  {padded(quantity, left)} = {padded(formula, mid)}   "
            f"{shape if shape != '()' else ''}".rstrip()
            for quantity, formula, shape in rows
        ]
        if len(lines) > ROWS:
            more = f"  ⋯ ({len(lines) - ROWS:,} more, in .rows)"
            lines = [*lines[: ROWS - LAST], more, *lines[-LAST:]]
        chart = self.explanation.chart
        for v in chart.wrt:
            ratio = visible(chart.ratio(chart.output, v, True))
            for k, (text, reason) in enumerate(self.closed[chart.called(v)]):
                lines.append(f"{' ' * len(ratio) if k else ratio} = {text}    ({reason})")
        notes = [self.lettered(note) for note in self.explanation.footnotes]
        return "\n".join([f"for {shapes}", *lines, *notes])

    def to_latex(self) -> str:
        """LaTeX, for ``amsmath``; the last step of each closed formula."""
        chart, lines = self.explanation.chart, []
        for v in chart.wrt:
            name, of = (latex_name(chart.called(n)) for n in (v, chart.output))
            for step in self.explanation.closed[chart.called(v)][-1:]:
                code = self.lettered(step.formula.latex, latex_name)
                lines.append(rf"\frac{{\partial {of}}}{{\partial {name}}} &= {code}")
        return aligned(lines)

    def to_markdown(self) -> str:
        """A table with a row for each step."""
        lines = ["| quantity | formula | shapes |", "|---|---|--:|"]
        lines += [f"| {' | '.join(map(code_span, row))} |" for row in self.rows]
        return "\n".join(lines) + "\n"


def general(made: object, examples: object = None) -> General:
    """The gradient that ``made`` returns, explained for any sizes.

    Parameters
    ----------
    made : callable
        ``mg.grad(f)`` or ``mg.value_and_grad(f)``.
    examples : sequence of array_like, optional
        Arguments of ``f``, of which shapes and kinds of numbers count.

    Raises
    ------
    TypeError, ValueError
        When it is another function; when no shapes are found that it runs with.
    """
    if not isinstance(made, Derived) or made.make not in (grad, value_and_grad):
        raise TypeError(
            f"explain: {made!r} is a function: explain mg.grad of it, or the Tensor that it returns"
        )
    f, argnums = made.f, made.options[0]
    wanted = argnums if isinstance(argnums, list | tuple) else (argnums,)
    parameters = inspect.signature(f).parameters.values()
    called = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    free = [p.name for p in parameters if p.default is p.empty and p.name in called]
    alone = examples is not None and not isinstance(examples, list | tuple)
    given = [examples] if alone else examples  # of a function of one argument
    tried = enlarged(given, f) if given is not None else guesses(free, f)
    for arrays in tried:
        run = attempted(f, called, arrays, wanted)
        if run is not None:
            output, leaves, scope = run
            return explained(output, leaves, scope, dict(zip(called, arrays, strict=False)))
    raise ValueError(
        f"explain: no shapes were found with which {visible(getattr(f, '__name__', f))} returns a "
        "number: give examples of its arguments, mg.explain(mg.grad(f), (w, X, y))"
    )


def explained(output: Tensor, leaves: list[Tensor], scope: Scope, given: Keywords) -> General:
    output.name = next(x for x in ("L", "y", "out", "result") if x not in scope.variables)
    scope.variables = {**scope.variables, "return": output}
    token = elsewhere.set([scope])
    try:
        chart = Chart(output, leaves, names([output.node]))
    finally:
        elsewhere.reset(token)
    used = sorted({n for a in given.values() for n in np.shape(a)} & {*PRIMES})
    letters = (x for x in LETTERS if x not in scope.variables)
    lengths = dict(zip(used, letters, strict=False))
    shapes = {p: "".join(str(np.shape(a)).split("'")) for p, a in given.items()}
    answer = General(Explanation(chart, simplify=True), lengths, {})
    answer.shapes = {p: answer.lettered(s) for p, s in shapes.items()}
    return answer


def attempted(
    f: Function, called: list[str], arrays: Sequence[Array], wanted: Sequence[int]
) -> tuple[Tensor, list[Tensor], Scope] | None:
    """What ``f`` makes of the arrays, and the variables it had; None where it makes no number."""
    args = [
        Tensor(a, requires_grad=True, name=called[i]) if i in wanted else a
        for i, a in enumerate(arrays)
    ]
    found: dict[str, Scope] = {}
    code = getattr(inspect.unwrap(f), "__code__", None)

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code is code:
            place = (code.co_filename, code.co_name, code.co_firstlineno, frame.f_lineno, code)
            found["f"] = Scope(dict(frame.f_locals), *place, frame.f_globals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with np.errstate(all="ignore"):
            output = f(*args)
    except Exception:  # whatever the user's code raises when shapes do not fit
        return None
    finally:
        sys.setprofile(before)
    if not is_tensor(output) or np.size(output._value) != 1 or output.node is None:
        return None
    leaves = [t for t in flatten(args)[0] if is_tensor(t)]
    reached = names([output.node], []).nodes
    if not all(t.node in reached for t in leaves) or not np.isfinite(output._value).all():
        return None
    scope = found.get("f", Scope({}))
    return output, leaves, scope


def lengths_for(f: Function) -> list[int]:
    """Lengths that do not occur in the source of ``f``."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    spelt = set(flatten(getattr(code, "co_consts", ()))[0])
    return [n for n in PRIMES if n not in spelt]


def guesses(called: list[str], f: Function) -> Iterator[list[Array]]:
    """Arrays of likely shapes, the likeliest first."""
    if len(called) > MOST:
        return
    m, n, k, *_ = lengths_for(f)
    shapes: list[Shape] = [(), (m,), (n,), (m, n), (n, k), (m, k), (k,), (n, n)]
    shapes += [s for s in captured_shapes(f) if len(called) < 3 and s not in shapes]
    rng = np.random.default_rng(0)
    mixed = {
        s: rng.normal(size=s) / 10 if len(s) > 1 else rng.uniform(0.2, 0.9, size=s) for s in shapes
    }
    positive = {s: rng.uniform(0.2, 0.9, size=s) / max(sum(s), 1) for s in shapes}

    def strangeness(choice: tuple[Shape, ...]) -> float:
        total = 0.0
        for name, shape in zip(called, choice, strict=True):
            usual = 2 if name[0].isupper() else 0 if name in NUMBERS else 1
            total += abs(len(shape) - usual) + shapes.index(shape) / 100
        return total

    for choice in sorted(itertools.product(shapes, repeat=len(called)), key=strangeness):
        for known in (mixed, positive):
            arrays = [known[s] if s else float(known[s]) for s in choice]
            yield arrays
            if len(called) > 1 and choice[-1] == (m,):  # labels come last
                yield [*arrays[:-1], rng.integers(0, 2, m)]


def captured_shapes(f: Function) -> list[Shape]:
    """Shapes that fit arrays which ``f`` reads and is not given."""
    f = inspect.unwrap(f)
    if not isinstance(f, FunctionType):
        return []
    held, code = bound(f), f.__code__
    read = [held[name] for name in (*code.co_names, *code.co_freevars) if name in held]
    arrays = [x for x in read if isinstance(x, np.ndarray) or is_tensor(x)]
    sides = sorted({n for x in arrays for n in np.shape(getattr(x, "_value", x))})[:4]
    return [*((n,) for n in sides), *itertools.product(sides, repeat=2)]


def enlarged(examples: Any, f: Function) -> Iterator[list[Array]]:
    """The examples with lengths that can be told apart; as they are, if that does not work."""
    given = [getattr(a, "_value", a) for a in examples]
    free = iter(lengths_for(f))
    instead: dict[int, int] = {}
    for a in given:
        for n in np.shape(a):
            if n > 1 and n not in instead:
                instead[n] = next(free, n)
    with suppress(ValueError, TypeError):
        yield [enlarge(a, instead) for a in given]
    yield given


def enlarge(a: Array, instead: dict[int, int]) -> Array:
    """``a`` with other lengths: its entries again and again, rows that sum to 1 filled with 0."""
    shares = np.ndim(a) == 2 and np.allclose(np.sum(a, axis=1), 1)
    for axis, n in enumerate(np.shape(a)):
        more = instead.get(n, n)
        if axis and shares:
            a = np.pad(a, ((0, 0), (0, more - n)))
        elif more != n:
            a = np.take(a, np.arange(more) % n, axis=axis)
    return a
