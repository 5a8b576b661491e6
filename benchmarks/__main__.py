"""Run the benchmarks: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks import forms, harness
from benchmarks.workloads import WORKLOADS


def main() -> int:
    """Read the command line, run, print the tables as Markdown; 1 if somebody failed."""
    everybody = {name: None for w in WORKLOADS.values() for name in w.contestants}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=WORKLOADS, metavar="NAME", help="repeatable"
    )
    parser.add_argument(
        "--who", action="append", choices=everybody, metavar="CONTESTANT", help="repeatable"
    )
    parser.add_argument("--rounds", type=int, help="instead of each workload's own number")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="on a machine that others use: time of the processor, one thread for everybody",
    )
    parser.add_argument("--forms", action="store_true", help="only what forms of a call cost")
    parser.add_argument("--list", action="store_true", help="list workloads and contestants")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the tables there too")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="a picture (.png, .svg, .pdf)")
    options = parser.parse_args()
    if options.processor:
        os.environ["BENCHMARK_THREADS"] = "1"  # read by the contestants' processes

    chosen = [WORKLOADS[name] for name in options.only or WORKLOADS]
    if options.list:
        for w in chosen:
            print(f"{w.name:11} {w.title}: {', '.join(w.contestants)}")
        return 0
    if options.plot:
        from benchmarks.plot import plot  # now, rather than after an hour of measuring

    parts = [harness.environment() + "\n"]
    print(parts[0])

    def show(part: str) -> None:
        print(part, flush=True)
        parts.append(part)
        if options.markdown:
            options.markdown.write_text("\n".join(parts), encoding="utf-8")

    if options.forms:
        show(forms.table())
        return 0
    results = []
    for w in chosen:
        results.append(harness.measure(w, options.rounds, options.who, options.processor))
        show(harness.times_table(results[-1]))
    show(harness.targets_table(results))
    if not options.only:
        show(forms.table())
    if options.plot:
        plot(results, options.plot)
    return int(any(why.failed for result in results for why in result.absent.values()))


if __name__ == "__main__":
    raise SystemExit(main())
