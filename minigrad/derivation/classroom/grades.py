"""The grades of a class: a table, a page for each student, files for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path

from minigrad.derivation.feedback import row_style
from minigrad.reading.files import replace_file

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
        return self.html or f"<pre>{escape(self.text)}</pre>"

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
        widths = [max(len(line[i]) for line in cells) for i in range(len(HEADINGS))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()
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
        def line(cells: tuple[str, ...], tag: str, style: str = "") -> str:
            inner = "".join(f'<{tag} style="text-align:left">{escape(c)}</{tag}>' for c in cells)
            return f"<tr{style}>{inner}</tr>"

        styles = {"right": "correct", "wrong": "wrong"}
        body = [line(g.cells, "td", row_style(styles.get(g.status, "missing")))
                for g in self.grades]  # fmt: skip
        bars = [line((kind, f"{'█' * n} {n}"), "td") for kind, n in self.histogram.items()]
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
        return replace_file(path, text.getvalue().encode())

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Everything but the pages."""
        rows = [{k: v for k, v in asdict(g).items() if k != "html"} for g in self.grades]
        content = {"grades": rows, "histogram": self.histogram}
        return replace_file(path, json.dumps(content, indent=1, ensure_ascii=False).encode())

    def to_html(self, folder: str | os.PathLike[str]) -> Path:
        """``index.html`` with the table, and a page for each student."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        links = []
        for k, g in enumerate(self.grades):
            name = f"{k + 1:03d}_{re.sub(r'[^A-Za-z0-9-]+', '_', g.student)[:40]}.html"
            inner = g.html or f"<pre>{escape(g.text)}</pre>"
            title = f"{escape(g.student)}: {g.points:g} of {g.out_of:g}"
            replace_file(folder / name, page(title, inner).encode())
            links.append(f'<li><a href="{name}">{escape(g.student)}</a></li>')
        index = f"{self._repr_html_()}<ul>{''.join(links)}</ul>"
        return replace_file(folder / "index.html", page("Grades", index).encode())


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<body style="font-family:sans-serif;max-width:70em;margin:2em auto">'
        f"<h1>{title}</h1>{body}</body></html>"
    )


def safe(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula."""
    text = text.replace("\r", " ").replace("\0", "")
    risky = text.lstrip()[:1] in ("=", "+", "-", "@", "\t", "|", "%")
    return f"'{text}" if risky or text[:1] in ("\t", "\n") else text


def crop(text: str, width: int = 60) -> str:
    """One line of at most ``width`` visible characters."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"
