r"""The picture as TikZ, for papers: a document of its own, and one that can be included.

The class ``standalone`` makes a page of the size of the picture; with the package of that name
``\input`` takes only the picture.  Text is written in ASCII that every TeX sets: letters with
accents, Greek, signs and powers by their commands; what a font has no letter for by its number.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

from minigrad.draw.scene import Point, Rect, Scene, Shape, Stroke, Tip, Words
from minigrad.writing.names import GREEK, greek_letter

HEAD = r"""\documentclass[tikz,border=2pt]{standalone}
% A letter that the fonts at hand do not have, by its number: U+1F600.
\providecommand\glyph[1]{\texttt{\small U+#1}}
\begin{document}
"""
_MATH = {letter: f"\\{word} " for word in GREEK if (letter := greek_letter(word))}
_MATH |= {
    "∂": r"\partial ", "−": "-", "·": r"\cdot ", "×": r"\times ", "→": r"\to ", "←": r"\gets ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∞": r"\infty ", "√": r"\surd ", "∈": r"\in ",
    "⊙": r"\odot ", "∇": r"\nabla ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ",
    "‖": r"\|", "½": r"\frac12 ", "<": "<", ">": ">",
    "|": "|", "±": r"\pm ", "≈": r"\approx ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "⌈": r"\lceil ", "⌉": r"\rceil ", "⊗": r"\otimes ", "ℓ": r"\ell ", "ϵ": r"\epsilon ",
}  # fmt: skip
_RAISED = {c: str(i) for i, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_RAISED |= {"⁻": "-", "ⁿ": "n", "ᵀ": r"\mathsf T", "′": r"\prime "}
_LOWERED = {c: str(i) for i, c in enumerate("₀₁₂₃₄₅₆₇₈₉")}
_TEXT = {
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "…": r"\dots{}", "\u00a0": "~", "–": "--", "—": "---", "ß": r"\ss{}", "ø": r"\o{}",
    "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ł": r"\l{}", "Ł": r"\L{}", "'": "'", '"': "''",
    "‘": "`", "’": "'", "“": "``", "”": "''", "ı": r"\i{}",
    "`": r"\`{}", "-": "{-}",
}  # fmt: skip
_TEXT |= {c: "\\" + c for c in "{}$&%#_"}
_PARTS = {"text": "{}", "math": "${}$", "^": "$^{{{}}}$", "_": "$_{{{}}}$"}
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
    "\u0331": "b",
}  # fmt: skip


def tex(scene: Scene) -> str:
    """``scene`` as the text of a LaTeX file."""
    colours: dict[str, str] = {}
    lines = [line for _, shapes in scene.parts for s in shapes for line in _shape(s, colours)]
    named = [f"\\definecolor{{{name}}}{{HTML}}{{{_hex(c)}}}" for c, name in colours.items()]
    paper = []
    if scene.paper != "#ffffff":
        named.append(f"\\definecolor{{mgpaper}}{{HTML}}{{{_hex(scene.paper)}}}")
        corner = _at((scene.width, scene.height))
        paper = [f"\\fill[mgpaper] (0,0) rectangle {corner};"]
    picture = [
        r"\begin{tikzpicture}[x=1pt,y=-1pt,line join=round,",
        r"  every node/.style={inner sep=0pt,outer sep=0pt,font=\sffamily}]",
        *paper,
        *lines,
        r"\end{tikzpicture}",
    ]
    return HEAD + "\n".join([*named, *picture, r"\end{document}"]) + "\n"


def _shape(shape: Shape, colours: dict[str, str]) -> list[str]:
    def colour(code: str) -> str:
        return colours.setdefault(code, f"mg{len(colours) + 1}")

    match shape:
        case Rect():
            look = [f"draw={colour(shape.stroke)}", f"line width={shape.strength * 0.8:g}pt"]
            look += [f"fill={colour(shape.fill)}"] if shape.fill else []
            look += ["dashed"] if shape.dashed else []
            look += [f"rounded corners={shape.radius:g}pt"] if shape.radius else []
            far = (shape.left + shape.width, shape.top + shape.height)
            corner = (shape.left, shape.top)
            return [f"\\draw[{','.join(look)}] {_at(corner)} rectangle {_at(far)};"]
        case Stroke():
            look = [f"draw={colour(shape.colour)}", f"line width={shape.strength * 0.8:g}pt"]
            look += ["dashed"] if shape.dashed else []
            way = _at(shape.start)
            for step in shape.steps:
                if len(step) == 3:
                    way += f" .. controls {_at(step[0])} and {_at(step[1])} .. {_at(step[2])}"
                else:
                    way += f" -- {_at(step[0])}"
            return [f"\\draw[{','.join(look)}] {way};"]
        case Tip():
            corners = " -- ".join(map(_at, shape.corners))
            return [f"\\fill[{colour(shape.colour)}] {corners} -- cycle;"]
        case Words():
            return [_words(shape, colour(shape.colour))]


def _words(words: Words, colour: str) -> str:
    anchor = "base" if words.middle else "base west"
    size = words.size * 0.88
    font = f"\\fontsize{{{size:.1f}}}{{{size * 1.2:.1f}}}\\selectfont"
    font += r"\bfseries" if words.bold else ""
    inside = latex_text(words.text)
    return (
        f"\\node[anchor={anchor},text={colour}] at {_at((words.x, words.y))} {{{font} {inside}}};"
    )


def latex_text(text: str) -> str:
    r"""``text`` for LaTeX in ASCII, whatever is in it.

    Examples
    --------
    >>> print(latex_text("∂L/∂w² = −0.5 100% ŷ"))
    $\partial $L/$\partial $w$^{2}$ = $-$0.5 100\% \^{y}
    """
    found: list[tuple[str, str]] = []  # (what it is, its code)
    for c in unicodedata.normalize("NFD", text):
        if unicodedata.combining(c) and c in _ACCENTS and found:
            kind, code = found[-1]
            found[-1] = ("text", f"\\{_ACCENTS[c]}{{{_PARTS[kind].format(code)}}}")
        elif c in _RAISED:
            found.append(("^", _RAISED[c]))
        elif c in _LOWERED:
            found.append(("_", _LOWERED[c]))
        elif c in _MATH:
            found.append(("math", _MATH[c]))
        elif c in _TEXT:
            found.append(("text", _TEXT[c]))
        elif c.isascii() and c.isprintable():
            found.append(("text", c))
        elif unicodedata.category(c) not in ("Cf", "Mn", "Cc"):
            found.append(("text", f"\\glyph{{{ord(c):04X}}}"))
    runs = groupby(found, key=lambda part: part[0])
    return "".join(_PARTS[kind].format("".join(code for _, code in run)) for kind, run in runs)


def _hex(colour: str) -> str:
    return colour.removeprefix("#").upper()


def _at(point: Point) -> str:
    return f"({point[0]:.1f},{point[1]:.1f})"
