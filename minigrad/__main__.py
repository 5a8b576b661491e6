"""``python -m minigrad``: explain, draw, check a script's last scalar, grade a class, time.

Exit codes: 0 where all is right, 1 where something is wrong, 2 where nothing could be told.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from minigrad.typing import Variables

RIGHT, WRONG, FAILED = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    import minigrad

    main = argparse.ArgumentParser("python -m minigrad", description=minigrad.__doc__)
    main.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="command")
    for name, what in (
        ("explain", "explain the gradient of a script's last scalar Tensor, step by step"),
        ("draw", "draw its graph"),
        ("check", "grade the gradients in a script's variables (dW, grad_W, hand), or hold "
                  "autodiff against finite differences"),
    ):  # fmt: skip
        one = commands.add_parser(name, help=what, description=what)
        one.add_argument("file", type=Path, help="a Python file or a notebook")
        if name != "check":
            one.add_argument("--wrt", help="names of variables, with commas; by default all")
        if name == "draw":
            one.add_argument("-o", "--out", type=Path, help="a file .svg, .png or .dot")
    what = "grade the hand-ins of a class"
    grade = commands.add_parser("grade", help=what, description=what)
    grade.add_argument("reference", type=Path, help="the teacher's file")
    grade.add_argument("submissions", type=Path, nargs="+", help="a folder, or files")
    grade.add_argument("--points", default="1", help="a number, or a JSON file: quantity -> points")
    grade.add_argument("--timeout", type=float, default=60.0, help="seconds for each hand-in")
    grade.add_argument("--csv", type=Path, help="write a table for spreadsheets")
    grade.add_argument("--json", type=Path, help="write everything")
    grade.add_argument("--html", type=Path, help="write a page for each student into this folder")
    what = "time minigrad next to NumPy by hand and the peers that are installed"
    commands.add_parser("bench", help=what, description=what, add_help=False)
    return main


def bench(args: argparse.Namespace) -> int:
    sys.path.insert(0, "")
    try:
        timed = import_module("benchmarks.__main__").main
    except ModuleNotFoundError:
        raise ValueError(
            "the benchmarks are in the source tree, not in the package: run this there"
        ) from None
    sys.argv = ["python -m minigrad bench", *args.options]
    return int(timed())


def variables(args: argparse.Namespace) -> tuple[Variables, Any]:
    """What the script leaves, and its last scalar Tensor."""
    from minigrad.derivation.classroom.code import output_of, run

    scope = run(args.file.resolve())
    return scope, output_of(scope)


def wanted(args: argparse.Namespace, scope: Variables, output: Any) -> list[Any]:
    """The Tensors to differentiate by: those asked for, else all leaves with names."""
    from minigrad import Tensor
    from minigrad.graph import leaves

    tensors = {n: t for n, t in scope.items() if isinstance(t, Tensor) and t.node is not None}
    if args.wrt:
        asked = [n.strip() for n in args.wrt.split(",")]
        for name in asked:
            if name not in tensors:
                known = ", ".join(tensors)
                raise ValueError(f"no recorded Tensor is called {name!r}; there are {known}")
        return [tensors[n] for n in asked]
    reached = leaves(output.node)
    found = {t.node: t for t in tensors.values() if t.node in reached}
    if not found:
        raise ValueError("no leaf of the graph has a name: say --wrt")
    return list(found.values())


def explain(args: argparse.Namespace) -> int:
    import minigrad as mg

    scope, output = variables(args)
    with looking_in(scope, args.file):
        print(mg.explain(output, wanted(args, scope, output)))
    return RIGHT


def draw(args: argparse.Namespace) -> int:
    import minigrad as mg

    scope, output = variables(args)
    with looking_in(scope, args.file):
        picture = mg.draw(output, wanted(args, scope, output) if args.wrt else None)
        if args.out is None:
            print(picture)
        else:
            picture.save(args.out)
            print(args.out)
    return RIGHT


def check(args: argparse.Namespace) -> int:
    import numpy as np

    import minigrad as mg
    from minigrad.derivation.classroom.code import hand_in

    scope, output = variables(args)
    if not np.all(np.isfinite(output.data)):
        raise ValueError(
            f"the output is {output.data}, and nothing can be compared: with mg.debug() around it "
            "the script says where that comes from"
        )
    with looking_in(scope, args.file):
        try:
            report = mg.check_derivation(output, hand_in(scope, scope))
        except ValueError as error:
            if "no answers were found" not in str(error):
                raise
            args.wrt = None
            tensors = wanted(args, scope, output)
            grads = mg.gradients(output, tensors)
            report = mg.check_derivation(output, dict(zip(tensors, grads, strict=True)))
            print("no hand gradients were found: autodiff is held against finite differences\n")
    print(report)
    return RIGHT if report.ok and all(r.agrees for r in report.rows) else WRONG


def grade(args: argparse.Namespace) -> int:
    import minigrad as mg

    points: Any = args.points
    points = json.loads(Path(points).read_text()) if Path(points).is_file() else float(points)
    many = args.submissions if len(args.submissions) > 1 else args.submissions[0]
    grades = mg.grade(args.reference, many, points, timeout=args.timeout)
    print(grades)
    for path, write in (
        (args.csv, grades.to_csv), (args.json, grades.to_json), (args.html, grades.to_html),
    ):  # fmt: skip
        if path is not None:
            write(path)
    if any(g.status in ("failed", "late") for g in grades):
        return FAILED
    return RIGHT if all(g.status == "right" for g in grades) else WRONG


def looking_in(scope: Variables, path: Path) -> Any:
    """Let readings look names up among the script's variables."""
    from minigrad.derivation.backward.telling import looked_up_in
    from minigrad.reading.names import Scope

    return looked_up_in([Scope(scope, filename=str(path.resolve()), line=10**9)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    args, options = parser().parse_known_args(arguments)
    args.options = options
    if args.options and args.command != "bench":
        parser().error(f"unrecognized arguments: {' '.join(args.options)}")
    commands = {
        "explain": explain, "draw": draw, "check": check, "grade": grade, "bench": bench,
    }  # fmt: skip
    try:
        return commands[args.command](args)
    except Exception as error:  # the user's script may raise anything
        where = place(error, getattr(args, "file", None))
        print(f"minigrad {args.command}: {where}{told(error)}", file=sys.stderr)
        return FAILED


def told(error: Exception) -> str:
    """The error in a line that a terminal can be given: its text may be anybody's."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror.lower()}"
    text = f"{type(error).__name__}: {error}"
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def place(error: Exception, path: Path | None) -> str:
    """The line of the user's script that an error comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if path is not None and f.filename == str(path.resolve())]
    return f"{path}, line {lines[-1]}: " if lines else ""


if __name__ == "__main__":
    sys.exit(main())
