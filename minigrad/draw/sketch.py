"""The picture as SVG without Graphviz."""

from __future__ import annotations

from html import escape

from minigrad.draw import dot
from minigrad.draw.boxes import Arrow
from minigrad.draw.scene import SIZE, Point, Rect, Scene, Shape, Stroke, Tip, Words


def svg(scene: Scene, width: float | None = None) -> str:
    """``scene`` as SVG text, no wider than ``width`` on the page."""
    small = min(1.0, width / scene.width) if width else 1.0
    groups = []
    for owner, shapes in scene.parts:
        drawn = "".join(map(_shape, shapes))
        kind = "edge" if isinstance(owner, Arrow) else "node"
        groups.append(drawn if owner is None else f'<g class="{kind}">{drawn}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{scene.width * small:.0f}pt" '
        f'height="{scene.height * small:.0f}pt" '
        f'viewBox="0 0 {scene.width:.1f} {scene.height:.1f}" font-family="{dot.FONT}" '
        f'font-size="{SIZE:g}" text-anchor="middle">\n'
        f'<rect width="100%" height="100%" fill="{scene.paper}"/>\n'
        + "\n".join(groups)
        + "\n</svg>\n"
    )


def _shape(shape: Shape) -> str:
    match shape:
        case Rect():
            dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
            rx = f' rx="{shape.radius:g}"' if shape.radius else ""
            return (
                f'<rect x="{shape.left:.1f}" y="{shape.top:.1f}" width="{shape.width:.1f}" '
                f'height="{shape.height:.1f}"{rx} fill="{shape.fill or "none"}" '
                f'stroke="{shape.stroke}" stroke-width="{shape.strength:g}"{dash}/>'
            )
        case Stroke():
            dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
            d = "M" + _at(shape.start)
            d += "".join(("C" if len(s) == 3 else "L") + " ".join(map(_at, s)) for s in shape.steps)
            return (
                f'<path d="{d}" fill="none" stroke="{shape.colour}" '
                f'stroke-width="{shape.strength:g}" stroke-linejoin="round"{dash}/>'
            )
        case Tip():
            points = " ".join(_at(p).replace(" ", ",") for p in shape.corners)
            return f'<polygon points="{points}" fill="{shape.colour}"/>'
        case Words():
            return _words(shape)


def _words(words: Words) -> str:
    # Browsers draw several spaces as one.
    shown = escape(words.text).replace("  ", "\u00a0\u00a0")
    look = f'fill="{words.colour}"'
    look += ' font-weight="bold"' if words.bold else ""
    look += f' font-size="{words.size:g}"' if words.size != SIZE else ""
    look += "" if words.middle else ' text-anchor="start"'
    return f'<text x="{words.x:.1f}" y="{words.y:.1f}" {look}>{shown}</text>'


def _at(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
