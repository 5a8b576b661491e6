"""Light and dark: the colours of a picture that is finished, exchanged.

Only attributes are touched.  Text of the user's cannot look like one, because its quotation
marks are escaped wherever it stands.
"""

from __future__ import annotations

import re

THEMES = ("light", "dark")

DARK = {
    "#dbeaf5": "#17324a",
    "#0072b2": "#62b0ee",
    "#f4f4f4": "#23282f",
    "#666666": "#9aa4b1",
    "#fdf6dc": "#1f2630",
    "#8a6d00": "#c9a94a",
    "#d9f0e8": "#153a2a",
    "#007a5a": "#58c795",
    "#f7e6f0": "#2b2440",
    "#8f4a75": "#cf9bc4",
    "#c24e00": "#f5a25d",
    "#a33b00": "#f5a25d",
    "#555555": "#9fabba",
}
"""Colour on white paper -> on dark."""
PAPER, INK = "#14181e", "#e8ebf0"

_DOT = re.compile(r'\b(color|fillcolor|fontcolor|COLOR)="(#\w{6})"')


def dark_dot(source: str) -> str:
    """DOT source in dark colours.

    Examples
    --------
    >>> print(dark_dot('n1 [color="#0072b2" fillcolor="#dbeaf5"]'))
    n1 [color="#62b0ee" fillcolor="#17324a"]
    """
    changed = _DOT.sub(lambda m: f'{m[1]}="{DARK.get(m[2], m[2])}"', source)
    changed = changed.replace("bgcolor=white", f'bgcolor="{PAPER}" fontcolor="{INK}"', 1)
    for kind in ("node", "edge"):
        changed = changed.replace(f"\n  {kind} [", f'\n  {kind} [fontcolor="{INK}" ', 1)
    return changed
