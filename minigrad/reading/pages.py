"""Pieces of HTML and whole pages, which are dark where the reader's screen is.

A piece stands in a page that is not ours: it keeps the ink that it finds there, and its
colours are tints, which let light and dark paper show through.
"""

from __future__ import annotations

from html import escape

from minigrad.reading.wording import printed

STYLE = (
    ":root{color-scheme:light dark}"
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{display:block;max-width:100%;overflow-x:auto}td,th{padding:.15em .5em}"
    "pre{white-space:pre-wrap}p,h1,pre{overflow-wrap:anywhere}"
    "td:nth-child(n+4):last-child{min-width:14em}"
)
"""Wide tables move within the page, on a telephone, too."""

TINTS = {
    "green": "#2da44e2b",
    "lime": "#7fae1e26",
    "amber": "#d9a4062e",
    "red": "#e5484d33",
    "grey": "#8c8c8c2e",
    "pale": "#8c8c8c17",
}
"""Colours behind text, on white paper and on black."""


def quoted(text: str) -> str:
    r"""Text of whoever wrote it, in HTML.

    Examples
    --------
    >>> print(quoted("<b>\u202e"))
    &lt;b&gt;\u202e
    """
    return escape(printed(text))


def narrow(scope: str = "") -> str:
    """Style for a telephone: a row of five cells and more takes two lines, and so does its head.

    Examples
    --------
    >>> narrow(".minigrad-report ")[:60]
    '@media(max-width:520px){.minigrad-report table:has(td:nth-ch'
    """
    table = f"{scope}table:has(td:nth-child(5))"
    return (
        f"@media(max-width:520px){{{table},{table} :is(thead,tbody){{display:block}}"
        f"{table} tr{{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));"
        f"margin-bottom:3px;font-size:85%;overflow-wrap:anywhere}}"
        f"{table} tr>:last-child{{min-width:0;grid-column:3/-1}}"
        f"{table} tr>:nth-child(5):last-child{{grid-column:1/-1}}}}"
    )


def piece(kind: str, body: str, style: str = "") -> str:
    """A fragment for a page of somebody else's; saved by itself, it is dark at night, too.

    Examples
    --------
    >>> made = piece("why", "<p>no path</p>")
    >>> made.startswith('<div class="minigrad-why"><style>'), made.endswith("</p></div>")
    (True, True)
    """
    alone = f":root:has(>body>.minigrad-{kind}:first-child){{color-scheme:light dark}}"
    fits = (
        f".minigrad-{kind}{{overflow:auto hidden}}"
        f".minigrad-{kind} pre{{white-space:pre-wrap;overflow-wrap:anywhere}}"
        f".minigrad-{kind} td:nth-child(n+4):last-child{{min-width:14em}}"
    )
    return f'<div class="minigrad-{kind}"><style>{alone}{fits}{style}</style>{body}</div>'


def page(title: str, body: str, style: str = "") -> str:
    """A whole page; ``title`` and ``body`` are HTML."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}{style}</style>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
