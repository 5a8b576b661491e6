"""What is tried in the place of a wrong line or formula: every kind of slip, said in words.

``proposals.txt`` has for each kind code, and all that is tried in its place.  It was read by
people; ``python tests/test_proposals.py`` writes it anew from the headings.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from minigrad.derivation.backward import confusions, indexing, lines, mistakes
from minigrad.derivation.formulas import repairs

FILE = Path(__file__).with_name("proposals.txt")
SHAPES: dict[str, Any] = {
    "x": (4, 3), "y": (4, 3), "0.5": (), "d": (4, 3),
    "W": (3, 2), "Wz": (3, 2), "dz": (4, 2), "b": (2,), "m": (4, 3),
    "n": (), "k": (), "S": (5, 3, 3), "G": (3, 3), "u": (2, 3, 4), "self.a": (4, 3), "t": (4,),
    "labels": (4,), "c[0]": (4, 3), "h1": (4, 3), "h2": (4, 3),
}  # fmt: skip
INDICES = {"labels": (4,), "t": (4,)}
KINDS = {
    name: kind
    for part in (mistakes, confusions, indexing, lines, repairs)
    for name, kind in vars(part).items()
    if callable(kind) and getattr(kind, "__module__", "") == part.__name__
}  # fmt: skip


def sections() -> list[tuple[str, str, str, list[str]]]:
    """Kind, code, the names that it may use, and what is tried."""
    found = []
    for block in FILE.read_text(encoding="utf-8").strip().split("\n\n"):
        head, *rows = block.split("\n")
        kind, code, names = (part.strip() for part in f"{head} ".split(" | "))
        found.append((kind, code, names, [row.strip() for row in rows]))
    return found


def tried(kind: str, code: str, names: str) -> list[str]:
    """What a kind proposes, each as what it writes and what it says."""
    part: Any = ast.parse(code).body[0]
    statement = KINDS[kind].__module__.endswith("lines")
    given: list[Any] = [part if statement else part.value]
    used = names.split()
    shapes = {n: SHAPES[n] for n in used}
    wanted = KINDS[kind].__code__.co_varnames[1 : KINDS[kind].__code__.co_argcount]
    others = {
        "names": used,
        "shapes": SHAPES | shapes,
        "unread": used,
        "functions": ["np.tanh", "f"],
        "exponents": (2, -1),
        "alike": "x" in used,
        "indices": INDICES,
        "slices": [ast.Slice(ast.Name("n"), None), ast.Slice(None, None)],
    }
    rows = []
    for slip, new, words in KINDS[kind](*given, *(others[w] for w in wanted)):
        text = "(nothing)" if new is None else ast.unparse(ast.fix_missing_locations(new))
        rows.append(f"{slip}: {re.sub(chr(10) + ' +', ' ', text)}    [{words}]")
    return rows


@pytest.mark.parametrize(
    ("kind", "code", "names", "rows"), sections(), ids=[f"{s[0]} {s[1]}" for s in sections()]
)
def test_what_is_tried(kind: str, code: str, names: str, rows: list[str]) -> None:
    assert tried(kind, code, names) == rows


def test_every_kind_is_there() -> None:
    own = {n for n, kind in KINDS.items() if "Iterator" in str(kind.__annotations__.get("return"))}
    combined = {"slips", "kinds_of_code", "likely_kinds", "other_kinds", "other_axes", "steps",
                "change_kinds", "clear_kinds", "places", "parts_of",
                "at_the_other_end", "repairs", "by_kind", "common_kinds", "operations",
                "calls"}  # fmt: skip
    assert {s[0] for s in sections()} == own - combined


if __name__ == "__main__":
    blocks = []
    for kind, code, names, _ in sections():
        rows = [f"    {row}" for row in tried(kind, code, names)]
        blocks.append("\n".join([f"{kind} | {code} | {names}".rstrip(), *rows]))
    FILE.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
