"""Run the benchmarks: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import harness
from benchmarks.workloads import WORKLOADS


def main() -> None:
    """Read the command line, run, print the tables as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=WORKLOADS, metavar="NAME", help="repeatable"
    )
    parser.add_argument("--rounds", type=int, help="instead of each workload's own number")
    parser.add_argument("--list", action="store_true", help="list workloads and contestants")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the tables there too")
    options = parser.parse_args()

    chosen = [WORKLOADS[name] for name in options.only or WORKLOADS]
    if options.list:
        for w in chosen:
            print(f"{w.name:10} {w.title}: {', '.join(w.contestants)}")
        return

    parts = [harness.environment() + "\n"]
    print(parts[0])

    def show(part: str) -> None:
        print(part, flush=True)
        parts.append(part)

    results = []
    for w in chosen:
        results.append(harness.measure(w, options.rounds))
        show(harness.times_table(results[-1]))
    show(harness.targets_table(results))
    if options.markdown:
        options.markdown.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
