"""The grades of a class: a table, a page for each student, files for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from minigrad.derivation.feedback import row_style
from minigrad.reading.files import replace_file
from minigrad.reading.pages import narrow, page, piece, quoted
from minigrad.reading.wording import columns, padded

HEADINGS = ("student", "points", "status", "first wrong step", "cause")
BAR = 30


@dataclass(frozen=True)
class Grade:
    """One student's result.

    Attributes
    ----------
    student : str
    points, out_of : float
    status : {"right", "wrong", "failed", "late"}
        ``failed``: the hand-in could not be run or graded; ``late``: it took too long.
    first : str
        The first wrong step.
    kind, cause : str
        The kind of slip, and the slip in words.
    rows : list of dict
        Each quantity with its verdict and remark.
    text, html : str
        The whole report.
    """

    student: str
    points: float
    out_of: float
    status: str
    first: str = ""
    kind: str = ""
    cause: str = ""
    rows: list[dict[str, str]] = field(default_factory=list)
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html or piece("grade", f"<pre>{quoted(self.text)}</pre>")

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.student, f"{self.points:g}/{self.out_of:g}", self.status, self.first,
                self.cause.split("\n")[0])  # fmt: skip


@dataclass(frozen=True)
class Grades:
    """The results of a class; `minigrad.grade` makes them.

    Attributes
    ----------
    grades : list of Grade
        In the order of the students' names.
    """

    grades: list[Grade]

    def __iter__(self) -> Iterator[Grade]:
        return iter(self.grades)

    def __len__(self) -> int:
        return len(self.grades)

    def __getitem__(self, student: str) -> Grade:
        for grade in self.grades:
            if grade.student == student:
                return grade
        raise KeyError(f"{student!r} handed nothing in; students are "
                       f"{', '.join(g.student for g in self.grades)}")  # fmt: skip

    @property
    def histogram(self) -> dict[str, int]:
        """Kind of slip -> how many students made it first, the most frequent first."""
        return dict(Counter(g.kind or g.status for g in self.grades if g.status != "right")
                    .most_common())  # fmt: skip

    def __str__(self) -> str:
        cells = [HEADINGS, *(tuple(crop(c) for c in g.cells) for g in self.grades)]
        widths = [max(columns(line[i]) for line in cells) for i in range(len(HEADINGS))]
        lines = ["  ".join(padded(c, w) for c, w in zip(line, widths, strict=True)).rstrip()
                 for line in cells]  # fmt: skip
        lines.insert(1, "  ".join("-" * w for w in widths))
        slips = self.histogram
        if slips:
            most = max(slips.values())
            lines.append("")
            width = max(map(len, slips))
            lines += [f"{kind:{width}}  {'█' * max(1, BAR * n // most)} {n}"
                      for kind, n in slips.items()]  # fmt: skip
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return piece("grades", self.table([""] * len(self)), narrow(".minigrad-grades "))

    def table(self, pages: Sequence[str]) -> str:
        """The table and the histogram in HTML; students are links to their ``pages``."""

        def line(cells: tuple[str, ...], tag: str, style: str = "", page: str = "") -> str:
            parts = [quoted(c) for c in cells]
            if page:
                parts[0] = f'<a href="{page}">{parts[0]}</a>'
            inner = "".join(f'<{tag} style="text-align:left">{c}</{tag}>' for c in parts)
            return f"<tr{style}>{inner}</tr>"

        styles = {"right": "correct", "wrong": "wrong"}
        body = [line(g.cells, "td", row_style(styles.get(g.status, "missing")), page)
                for g, page in zip(self.grades, pages, strict=True)]  # fmt: skip
        most = max(self.histogram.values(), default=1)
        bars = [line((kind, f"{'█' * max(1, BAR * n // max(most, BAR))} {n}"), "td")
                for kind, n in self.histogram.items()]  # fmt: skip
        return f"<table>{line(HEADINGS, 'th')}{''.join(body)}</table><table>{''.join(bars)}</table>"

    # --- files -------------------------------------------------------------------------

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """A table for spreadsheets; nothing in it is taken for a formula by one."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["student", "points", "out of", "status", "first wrong step", "kind",
                         "cause"])  # fmt: skip
        for g in self.grades:
            words = [safe(x) for x in (g.status, g.first, g.kind, g.cause)]
            writer.writerow([safe(g.student), f"{g.points:g}", f"{g.out_of:g}", *words])
        return replace_file(path, encoded(text.getvalue()))

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Everything but the pages."""
        rows = [{k: v for k, v in asdict(g).items() if k != "html"} for g in self.grades]
        content = {"grades": rows, "histogram": self.histogram}
        return replace_file(path, encoded(json.dumps(content, indent=1, ensure_ascii=False)))

    def to_html(self, folder: str | os.PathLike[str]) -> Path:
        """``index.html`` with the table, and a page for each student."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        pages = []
        for k, g in enumerate(self.grades):
            name = f"{k + 1:03d}_{re.sub(r'[^A-Za-z0-9-]+', '_', g.student)[:40]}.html"
            inner = g._repr_html_()
            title = f"{quoted(g.student)}: {g.points:g} of {g.out_of:g}"
            replace_file(folder / name, encoded(page(title, inner)))
            pages.append(name)
        index = page("Grades", self.table(pages), narrow())
        return replace_file(folder / "index.html", encoded(index))


def encoded(text: str) -> bytes:
    """``text`` in UTF-8; what cannot be, in file names that are not Unicode, by its number."""
    return text.encode(errors="backslashreplace")


def safe(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula, wide ＝ is a sign for one, too."""
    text = text.replace("\r", " ").replace("\0", "")
    risky = unicodedata.normalize("NFKC", text.lstrip()[:1]) in ("=", "+", "-", "@", "\t", "|", "%")
    return f"'{text}" if risky or text[:1] in ("\t", "\n") else text


def crop(text: str, width: int = 60) -> str:
    """One line of at most ``width`` visible characters."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"
