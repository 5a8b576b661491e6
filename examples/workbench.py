"""What the larger examples share: their command line, progress, and checkpoints.

A training is a `Run`: the parts that change (modules, optimisers, a random generator), how
far it is, and what it has noted down.  Its state fits into one file, and a run that is
resumed from there goes on as if it had never stopped, to the last bit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gradient_descent_classifier import number

import minigrad as mg


def parser_of(doc: str, **numbers: tuple[type, float, float]) -> argparse.ArgumentParser:
    """A command line of ``--name`` for every ``name=(kind, lowest, default)``, and the usual rest.

    Whole numbers include their lowest value, others lie above it.
    """
    parser = argparse.ArgumentParser(
        description=doc.split("\n\n")[0], epilog="Defaults are in parentheses."
    )
    for name, (kind, low, value) in numbers.items():
        read = number(low, kind=kind, open_=kind is float)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=read, default=value, metavar="N", help=f"({value:g})")
    parser.add_argument("--seed", type=number(0, kind=int), default=0, metavar="N", help="(0)")
    parser.add_argument("--plot", metavar="PATH", help="draw to this file")
    parser.add_argument("--save", metavar="PATH", help="keep the run in this .npz file")
    every = {"type": number(1, kind=int), "default": 500, "metavar": "N"}
    parser.add_argument("--every", **every, help="steps between two savings (500)")
    parser.add_argument("--resume", metavar="PATH", help="go on from a file that --save wrote")
    return parser


def how_far(title: str, step: int, total: int, first: int, start: float) -> str:
    """How far a loop is that began at the step ``first`` and the time ``start``."""
    seconds = time.perf_counter() - start
    left = seconds / (step - first) * (total - step)
    return f"{title}: step {step} of {total}, {seconds:.0f} s, {left:.0f} s left"


def told(title: str, total: int, first: int = 0) -> Iterator[int]:
    """The numbers from ``first`` to ``total``; on a terminal a line tells how far it is."""
    start, shown = time.perf_counter(), 0.0
    try:
        for i in range(first, total):
            yield i
            now = time.perf_counter()
            if sys.stderr.isatty() and (i + 1 == total or now - shown > 0.2):
                line = how_far(title, i + 1, total, first, start)
                print(f"\r{line}   ", end="", file=sys.stderr, flush=True)
                shown = now
    finally:  # at the end, and where the loop is left
        if shown:
            print(file=sys.stderr)


class Run:
    """A training that may be interrupted.

    Attributes
    ----------
    parts : dict
        Name -> module, optimiser or generator: whatever changes.
    step : int
        Steps done.
    notes : list
        Whatever is worth a row in a table or a picture.
    """

    def __init__(self, title: str, **parts: Any) -> None:
        self.title, self.parts = title, parts
        self.step, self.notes = 0, []

    def state(self) -> dict[str, Any]:
        """All of it, as nested dicts of arrays and numbers."""
        parts = {
            name: part.bit_generator.state
            if isinstance(part, np.random.Generator)
            else part.state_dict()
            for name, part in self.parts.items()
        }
        return {"title": self.title, "step": self.step, "notes": self.notes, "parts": parts}

    def save(self, path: str | Path) -> None:
        """Write the state to a file, whole or not at all."""
        mg.save(path, self.state())

    def resume(self, path: str | Path) -> None:
        """Take over the state in a file."""
        saved = mg.load(path)
        if not isinstance(saved, dict) or saved.get("title") != self.title:
            raise ValueError(f"{path} holds no run of {self.title}")
        for name, part in self.parts.items():
            if isinstance(part, np.random.Generator):
                part.bit_generator.state = saved["parts"][name]
            else:
                part.load_state_dict(saved["parts"][name])
        self.step, self.notes = saved["step"], saved["notes"]

    def steps(self, total: int, options: argparse.Namespace | None = None) -> Iterator[int]:
        """The steps that are still to be done, from 1; told on standard error, and saved."""
        start, first = time.perf_counter(), self.step
        save = options.save if options else None
        while self.step < total:
            yield self.step + 1
            self.step += 1
            last = self.step == total
            line = how_far(self.title, self.step, total, first, start)
            if sys.stderr.isatty():
                print(f"\r{line}   ", end="\n" if last else "", file=sys.stderr, flush=True)
            elif last or self.step % max(1, total // 10) == 0:
                print(line, file=sys.stderr, flush=True)
            if options and save and (last or self.step % options.every == 0):
                self.save(save)


def begin(run: Run, options: argparse.Namespace) -> Run:
    """Resume the run if the command line says so; a file that does not fit ends the program."""
    if options.resume:
        try:
            run.resume(options.resume)
        except (OSError, ValueError, TypeError, KeyError) as error:
            sys.exit(f"--resume {options.resume}: {error}")
        print(f"resumed {run.title} at step {run.step}", file=sys.stderr)
    return run


# --- a file that a program goes on from by itself ---------------------------------------


def settings(options: argparse.Namespace, names: str, title: str) -> dict[str, Any]:
    """What a checkpoint depends on: the options of these names, and whose it is."""
    return {"of": title, **{name: getattr(options, name) for name in names.split()}}


def keep_state(path: str | None, own: dict[str, Any], state: Any) -> None:
    """Write the state to the checkpoint, if there is to be one."""
    if path:
        mg.save(path, {"settings": own, "state": state})


def restored(path: str | Path | None, own: dict[str, Any]) -> Any:
    """The state in a checkpoint; None where there is no file.

    A file that is no checkpoint, or of a run with other settings, ends the program.
    """
    if not path or not Path(path).exists():
        return None
    try:
        saved = mg.load(path)
        theirs, state = saved["settings"], saved["state"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.exit(f"--checkpoint {path} is no checkpoint ({error}): name another file")
    for name, value in own.items():
        if theirs.get(name) != value:
            sys.exit(
                f"--checkpoint {path} is of a run with {name} {theirs.get(name)!r}, not {value!r}: "
                "name another file, or delete it"
            )
    return state
