"""The backward pass as a film: GIF by Pillow, MP4 by ffmpeg.

First the values, then one frame for every line along which a gradient goes back; a gradient
appears when all that adds up to it has arrived.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from minigrad.draw import painter
from minigrad.draw.boxes import Arrow, Item, View
from minigrad.draw.layout import LayoutError
from minigrad.draw.scene import Rect, Scene, Shape, Stroke, Tip, Words
from minigrad.errors import needed

PACE = 0.9
"""Seconds that a step is seen."""
REST = 2.5
"""Seconds that the first and the last one are."""
LONGEST = 400
"""Most steps of a film."""
SLIDE = 960.0
"""Points across, where nothing else is asked for."""
NOW = "#d55e00"


@dataclass(frozen=True)
class Moment:
    """A frame: the arrow of the step, those before it, and the items with their gradients."""

    now: Arrow | None
    passed: frozenset[Arrow]
    known: frozenset[Item]
    seconds: float = PACE


def moments(view: View) -> list[Moment]:
    """The frames of the backward pass of ``view``.

    Raises
    ------
    ValueError
        When there are too many.
    """
    flowing = [a for a in view.arrows if a.differentiable]
    if len(flowing) > LONGEST:
        raise ValueError(
            f"draw: a film of {len(flowing):,} steps nobody would watch: use collapse='auto', or "
            f"collapse=n for at most n nodes (of at most {LONGEST} steps)"
        )
    left: dict[Item, int] = {}
    for arrow in flowing:
        left[arrow.source] = left.get(arrow.source, 0) + 1
    into: dict[Item, list[Arrow]] = {}
    for arrow in flowing:
        into.setdefault(arrow.target, []).append(arrow)
    output = view.home[view.picture.output.id]
    passed: list[Arrow] = []
    known = [output]
    found = [Moment(None, frozenset(), frozenset(), REST)]
    found.append(Moment(None, frozenset(), frozenset(known)))
    for item in reversed(view.items):
        for arrow in into.get(item, []):
            passed.append(arrow)
            left[arrow.source] -= 1
            if not left[arrow.source]:
                known.append(arrow.source)
            found.append(Moment(arrow, frozenset(passed), frozenset(known)))
    return [*found, Moment(None, frozenset(passed), frozenset(known), REST)]


def _changed(moment: Moment, owner: Arrow | Item | None, painted: list[tuple[Shape, Any]]) -> None:
    """What was painted of ``owner``, as it is at ``moment``."""
    now = owner is not None and owner is moment.now
    target = moment.now is not None and owner is moment.now.source
    for shape, artist in painted:
        match shape:
            case Words(role="label"):
                artist.set_visible(owner in moment.passed)
            case Words(role="gradient"):
                artist.set_visible(owner in moment.known)
            case Stroke():
                went = owner in moment.passed
                artist.set_edgecolor(NOW if went else shape.colour)
                artist.set_linewidth(3.5 if now else max(shape.strength, 1.6) if went else 1.0)
            case Tip():
                artist.set_facecolor(NOW if owner in moment.passed else shape.colour)
            case Rect(fill=str()):
                artist.set_edgecolor(NOW if target else shape.stroke)
                artist.set_linewidth(3.5 if target else shape.strength)
            case _:
                pass


def film(scene: Scene, view: View, kind: str) -> bytes:
    """The backward pass of ``view``, laid out as ``scene``; ``kind`` is ``gif`` or ``mp4``.

    Raises
    ------
    LayoutError
        When Matplotlib, Pillow or ffmpeg is missing; says how to get it.
    ValueError
        When it would be too long.
    """
    steps = moments(view)
    make = _gif if kind == "gif" else _mp4
    found: bytes = make(painter.frames(scene, iter(steps), _changed), [m.seconds for m in steps])
    return found


def _gif(images: Iterator[Any], seconds: list[float]) -> bytes:
    how = "draw: a .gif is written by Pillow, which is not installed: pip install 'minigrad[viz]'"
    image = needed("PIL.Image", how, LayoutError)
    first, *others = (image.fromarray(i).convert("P", palette=1, colors=128) for i in images)
    file = io.BytesIO()
    times = [round(1000 * s) for s in seconds]
    first.save(
        file, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=False
    )
    return file.getvalue()


def ffmpeg() -> str:
    """Where ffmpeg is: on the system, or in the package imageio-ffmpeg.

    Raises
    ------
    LayoutError
        When there is none.
    """
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        place: str = import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise LayoutError(
            "draw: an .mp4 is written by ffmpeg, which is not installed: apt install ffmpeg, "
            "brew install ffmpeg, or pip install imageio-ffmpeg; a .gif needs none"
        ) from error
    return place


def _mp4(images: Iterator[Any], seconds: list[float]) -> bytes:
    program = ffmpeg()
    with tempfile.TemporaryDirectory(prefix="minigrad-") as folder:
        path = Path(folder) / "film.mp4"
        errors = Path(folder) / "errors"
        process, rate = None, 10
        with errors.open("wb") as log:
            for image, time in zip(images, seconds, strict=True):
                image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
                if process is None:
                    size = f"{image.shape[1]}x{image.shape[0]}"
                    command = [
                        program, "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
                        "-s", size, "-r", str(rate), "-i", "-", "-pix_fmt", "yuv420p", str(path),
                    ]  # fmt: skip
                    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
                assert process.stdin is not None
                for _ in range(round(rate * time)):
                    process.stdin.write(image.tobytes())
            assert process is not None
            process.communicate()
        if process.returncode:
            words = errors.read_text(errors="replace").strip()
            raise LayoutError(f"draw: ffmpeg could not write the film: {words}")
        return path.read_bytes()
