"""The graded backward function: its source, each line with its verdict, and the first wrong one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minigrad.derivation import feedback
from minigrad.reading.pages import piece, quoted
from minigrad.reading.wording import printed

MARKS = {"correct": "✓", "rounded": "✓", "wrong": "✗", "carried": "~", "missing": "✗"}
VERDICTS = {mark: v for v, mark in reversed(MARKS.items()) if v != "missing"}

LISTING = (
    ".minigrad-report code{white-space:pre}"
    "@media(max-width:520px){.minigrad-report :is(table,tbody){display:block}"
    ".minigrad-report tr{display:grid;grid-template-columns:1em 3em minmax(0,1fr)}"
    ".minigrad-report tr>:last-child{min-width:0;grid-column:3}"
    ".minigrad-report code{white-space:pre-wrap;overflow-wrap:anywhere}}"
)
"""Style of the source: on a telephone, remarks stand below their lines."""

ENDED = {"raises": "it stops there", "unreturned": "nothing is returned"}
"""How a function ends without its gradients, by the kind of slip."""


@dataclass(frozen=True, repr=False)
class Line:
    """One gradient that a line of the backward function computes.

    Attributes
    ----------
    line : int
        Its number in the student's file or cell.
    code : str
        The line itself; empty where the source cannot be read.
    name : str
        What the student calls the gradient.
    quantity : str
        What it is: ``dL/dW1``.
    verdict : {"correct", "rounded", "wrong", "carried", "unread"}
        ``unread``: no gradient of the variable that it is called after, and nothing is
        wrong for it.
    remark : str
        The cause, and what else is to be said.
    instead : str
        What should stand there.
    row : Row
        The quantity as it was graded, with its values and its diagnosis.
    """

    line: int
    code: str
    name: str
    quantity: str
    verdict: str
    remark: str = ""
    instead: str = ""
    row: Any = None

    def __repr__(self) -> str:
        code = f": {self.code.strip()}" if self.code else ""
        return f"<line {self.line}{code} · {self.name} {self.verdict}>"

    @property
    def diagnosis(self) -> Any:
        """The cause; None where nothing is wrong."""
        return self.row.diagnosis if self.row is not None else None


@dataclass(frozen=True)
class BackwardReport:
    """A graded backward function; truthy when all that it returns is right.

    Attributes
    ----------
    name : str
        Of the function.
    lines : list of Line
        In the order in which they were executed.
    source : list of (int, str)
        Numbered lines of the function.
    recorded : bool
        Whether the forward function was recorded; if not, gradients were judged by finite
        differences, those of the inputs only.
    note : str
    ungraded : list of str
        What is returned, is no input's gradient by name, key, place or value, and is of the size
        or in the place of one that has none.
    doubtful : set of (int, str)
        Numbered lines that hand out what is ungraded.
    aliases : dict
        Other spellings of the gradients' names: ``dL/dW`` of ``dW``.
    """

    name: str
    lines: list[Line] = field(default_factory=list)
    source: list[tuple[int, str]] = field(default_factory=list)
    recorded: bool = True
    note: str = ""
    ungraded: list[str] = field(default_factory=list)
    doubtful: set[tuple[int, str]] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no line is wrong, and nothing is left ungraded."""
        right = ("correct", "rounded", "unread")
        return not self.ungraded and all(x.verdict in right for x in self.lines)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def first_error(self) -> Line | None:
        """The first line, in the order of execution, that is wrong by itself."""
        return next((x for x in self.lines if x.verdict == "wrong"), None)

    @property
    def rows(self) -> list[Line]:
        """The lines, by the name that other reports have for them."""
        return self.lines

    def score(self, points: Any = None) -> float:
        """Points for the gradients that are right, or right given an earlier slip.

        ``points`` are in all, or by the names of the gradients: ``{"dW": 2, "db": 1}``.
        """
        verdicts = {x.name or x.quantity: x.verdict for x in self.lines}
        return feedback.score(verdicts, points, self.aliases)

    def hint(self, level: int = 1) -> str:
        """The first wrong line in stages: 1 where, 2 what kind of slip, 3 why and the remedy."""
        return feedback.hint(self, level)

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        first = self.first_error
        if first is None:
            count = sum(x.verdict != "unread" for x in self.lines)
            checked = f"{count} gradient{'s' * (count != 1)} checked"
            if self.ungraded:
                return f"{self.name}: {checked} and right; not graded: {', '.join(self.ungraded)}"
            return f"{self.name} is right: {checked}"
        head = f"{self.name}: line {first.line} is the first wrong one"
        kind = first.row.diagnosis.kind if first.row.diagnosis is not None else ""
        if kind in ENDED:
            return f"{head}: {ENDED[kind]}"
        cells = first.row.cells
        if cells[1] == cells[2]:  # it is no number, or the same one
            return f"{head}: {first.name}"
        return f"{head}: {first.name} is {cells[1]}, and {cells[2]} belongs"

    @property
    def explanation(self) -> list[str]:
        """Below the headline: the line, the cause, what should stand there."""
        first = self.first_error
        if first is None:
            return []
        found = [f"    {first.line} | {first.code.strip()}"] if first.code else []
        found.append(first.remark)
        return [*found, f"there should stand: {first.instead}"] if first.instead else found

    def marks(self) -> dict[tuple[int, str], str]:
        """Line -> ✓, ✗, ~ (right, given what was wrong before) or ? (not all of it is graded).

        By number and text: a helper in another file has the same numbers.
        """
        found: dict[tuple[int, str], str] = {}
        for x in self.lines:
            mark = MARKS.get(x.verdict, "")
            if mark == "✗" or (mark and (x.line, x.code) not in found):
                found[x.line, x.code] = mark
        unsure = {line: "?" for line in self.doubtful if found.get(line) != "✗"}
        return found | unsure

    def __str__(self) -> str:
        marks = self.marks()
        width = max((len(str(n)) for n, _ in self.source), default=1)
        listing = [f"{marks.get((n, text), ' ')} {n:>{width}} | {text}" for n, text in self.source]
        if not listing:
            listing = [f"{MARKS.get(x.verdict, ' ')} line {x.line}: {x.name}" for x in self.lines]
        first = self.first_error
        also = [f"line {x.line}, {x.name}: {x.remark}" for x in self.lines
                if x is not first and x.remark]  # fmt: skip
        parts = [
            [self.headline, *self.explanation],
            listing,
            also,
            [self.note] if self.note else [],
        ]
        return printed("\n\n".join("\n".join(part) for part in parts if part))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        marks = self.marks()
        rows = []
        remarks = {(x.line, x.code): x.remark for x in reversed(self.lines) if x.remark}
        for n, text in self.source:
            mark = marks.get((n, text), "")
            style = feedback.row_style(VERDICTS.get(mark, ""))
            rows.append(
                f"<tr{style}><td>{mark}</td><td style='text-align:right'>{n}</td>"
                f"<td style='text-align:left'><code>{quoted(text)}</code>"
                f"</td><td style='text-align:left'>{quoted(remarks.get((n, text), ''))}</td></tr>"
            )
        head = "<br>".join(quoted(t) for t in [self.headline, *self.explanation])
        note = f"<p>{quoted(self.note)}</p>" if self.note else ""
        return piece("report", f"<p>{head}</p><table>{''.join(rows)}</table>{note}", LISTING)
