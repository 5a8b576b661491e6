"""What is said below formulas: names that are not the user's, conventions of the notation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.explain.ledger import Chart
from minigrad.explain.rows import middle
from minigrad.program.equations import Var
from minigrad.reading.wording import visible
from minigrad.writing.formulas import FOOTNOTES, Formula
from minigrad.writing.notation import above, below

EARLIER = "in the passes of the loop before the last"


def legend(chart: Chart, formulas: Sequence[Formula]) -> list[str]:
    """What names stand for that are not the user's, and are used."""
    used: set[str] = set()
    for f in formulas:
        read = {v for e in f.program.equations for v in e.reads()}
        read.update(v for v in f.program.outputs if isinstance(v, Var))
        used.update(symbol.name for v, symbol in f.symbols.items() if v in read)
    layers = [
        f"with {name}: what {visible(layer)} gives, {np.shape(chart.value(node))}"
        for node, (name, layer) in chart.layers.items()
    ]
    arrays = [
        f"with {name}: an array without a name, {np.shape(array)}"
        for name, array in chart.nameless.values()
        if name in used
    ]
    earlier: dict[str, list[str]] = {}
    often: set[str] = set()  # assigned several times in a pass
    for before in chart.passes.values():
        earlier.setdefault(before.variable, []).append(before.name)
        if before.name != f"{before.variable}_{before.number}" or not before.ago:
            often.add(before.variable)
    loops = [
        f"with {', '.join(middle(names, 4))}: "
        + (
            f"what {name} was before{', in turn' * (len(names) > 1)}"
            if name in often
            else f"{name} {EARLIER}"
        )
        for name, names in earlier.items()
    ]
    return layers + loops + arrays


def conventions(formulas: Sequence[Formula]) -> list[str]:
    """What signs mean, and what holds at a tie, each once."""
    found = {e.op for f in formulas for e in f.program.equations}
    ties = [
        f"where 1[u {sign} v] meets a tie, u = v, it is ½"
        for op, sign in ((above, ">"), (below, "<"))
        if op in found
    ]
    return ties + [text for op, text in FOOTNOTES.items() if op in found]
