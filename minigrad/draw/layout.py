"""Layout is Graphviz's work, wherever it is to be found.

First the system's ``dot`` through the ``graphviz`` package; else ``pygraphviz``, whose wheels
bring Graphviz along.  Where there is neither, ``scene`` lays the picture out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import import_module
from types import ModuleType

PROGRAM = """
import sys
import pygraphviz

graph, kind = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode()), sys.argv[1]
svg = graph.draw(format="svg", prog="dot")
sys.stdout.buffer.write(b"%d\\n" % len(svg) + svg)
if kind != "svg":
    sys.stdout.buffer.write(graph.draw(format=kind, prog="dot"))
"""
"""Lays out what it reads: the length of the SVG, that, and what else is asked for."""


class LayoutError(RuntimeError):
    """There is no layout program, or it refused the picture."""


def available() -> bool:
    """Whether pictures can be laid out on this machine."""
    return shutil.which("dot") is not None or _pygraphviz() is not None


def render(dot: str, kind: str) -> bytes:
    """``dot`` laid out, as ``svg``, ``png`` or ``pdf``.

    Raises
    ------
    LayoutError
        When there is no Graphviz (with both remedies), or when it failed.
    """
    if shutil.which("dot") is not None:
        return _by_program(dot, kind)
    if _pygraphviz() is not None:
        return _by_package(dot, kind)
    raise LayoutError(
        "draw: there is no Graphviz to lay the picture out: install it on the system "
        "(apt install graphviz, brew install graphviz, https://graphviz.org/download/), "
        "or pip install 'minigrad[viz]', which brings one along"
    )


def _by_program(dot: str, kind: str) -> bytes:
    graphviz = import_module("graphviz")  # not needed to differentiate

    try:
        made: bytes = graphviz.pipe("dot", kind, dot.encode(), quiet=True)
    except graphviz.CalledProcessError as error:
        words = (error.stderr or b"").decode(errors="replace").strip()
        raise LayoutError(f"draw: dot could not lay the picture out: {words}") from error
    return made


def _pygraphviz() -> ModuleType | None:
    try:
        return import_module("pygraphviz")
    except (ImportError, OSError):  # absent, or a library that its wheel needs is
        return None


def _by_package(dot: str, kind: str) -> bytes:
    """In a process of its own: what its libraries say on stderr stays there."""
    command = [sys.executable, "-c", PROGRAM, kind]
    done = subprocess.run(command, input=dot.encode(), capture_output=True, check=False)
    length, _, blobs = done.stdout.partition(b"\n")
    if done.returncode or not length.isdigit():
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise LayoutError(f"draw: pygraphviz could not lay the picture out: {''.join(words)}")
    svg, made = blobs[: int(length)], blobs[int(length) :]
    # A label that it cannot read it leaves out, with a word on stderr and no error.
    labelled = sum(b"<text" in part for part in svg.split(b'<g id="'))
    if labelled != dot.count("label=<"):
        raise LayoutError(
            "draw: pygraphviz could not lay the picture out: it left out a label that it could "
            "not read"
        )
    return made or svg
