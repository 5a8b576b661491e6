"""One picture: everybody's time in every workload, in units of the first contestant's."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # files only; no window system is needed

from matplotlib import pyplot as plt

from benchmarks.harness import Result

MARKS = "o^DsvP*Xd<>"


def plot(results: list[Result], path: Path) -> None:
    """Write the picture; its format is that of the ending of ``path``.

    Left of the line is faster than the first contestant, who is the hand-written one where
    there is one.  Contestants are told apart by shape as well as by colour.
    """
    results = [result for result in results if result.times]
    names = list(dict.fromkeys(name for result in results for name in result.times))
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.42 * len(results)), layout="constrained")
    for i, name in enumerate(names):
        points = [
            (result.ratio(name, next(iter(result.times))), row)
            for row, result in enumerate(results)
            if name in result.times
        ]
        axes.plot(*zip(*points, strict=True), MARKS[i % len(MARKS)], label=name, alpha=0.85)
    axes.axvline(1, color="0.5", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set_xlabel("time of a step / time of the first contestant (hand-written)")
    axes.set_yticks(range(len(results)), [result.workload.name for result in results])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
