"""Progress: what a long compilation is at, in a line on the terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PATIENCE = 2.0
"""Seconds after which something is said."""
EVERY = 0.5
"""Seconds between one line and the next, which overwrites it."""


@contextmanager
def progress_line(name: str) -> Iterator[Callable[[str], None]]:
    """Say what goes on with the function ``name``, if it takes long, on a terminal.

    Yields
    ------
    callable
        To be told what is begun now.
    """
    stream = sys.stderr
    if stream is None or not stream.isatty():
        yield lambda stage: None
        return
    stages = ["tracing"]
    over = threading.Event()
    start = time.monotonic()

    def tell() -> None:
        wait = PATIENCE
        while not over.wait(wait):
            wait = EVERY
            seconds = time.monotonic() - start
            stream.write(f"\r\033[Kmg.compile({ascii(name)[1:-1]}): {stages[-1]}, {seconds:.0f} s")
            stream.flush()
        if wait == EVERY:
            stream.write("\r\033[K")
            stream.flush()

    teller = threading.Thread(target=tell, name="minigrad progress", daemon=True)
    with suppress(RuntimeError):  # where no thread can be started, nothing is said
        teller.start()
    try:
        yield stages.append
    finally:
        over.set()
        if teller.ident is not None:
            teller.join()
