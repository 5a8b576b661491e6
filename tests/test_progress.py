"""What is said while something long is compiled: on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.program import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def slow(x: Any) -> Any:
    time.sleep(0.1)
    return np.sin(x) * 2


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.02)
    monkeypatch.setattr(progress, "EVERY", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_line_on_a_terminal_which_is_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    step = mg.compile(slow)
    assert step(0.5) == 2 * np.sin(0.5)
    said = terminal.getvalue()
    assert "mg.compile(slow): tracing, 0 s" in said
    assert said.endswith("\r\033[K")
    assert "\n" not in said
    before = len(said)
    step(0.7)
    assert len(terminal.getvalue()) == before  # nothing is compiled
    assert not any(t.name == "minigrad progress" for t in threading.enumerate())


@pytest.mark.usefixtures("impatient")
def test_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        mg.compile(slow)(0.5)
        assert stream is None or not stream.getvalue()


def test_nothing_of_what_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    mg.compile(slow)(0.5)
    assert not terminal.getvalue()


@pytest.mark.usefixtures("impatient")
def test_stages_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress.progress_line("\033[31mred") as say:
        say("simplifying 3 equations")
        time.sleep(0.1)
    assert "mg.compile(\\x1b[31mred): simplifying 3 equations" in terminal.getvalue()


@pytest.mark.usefixtures("impatient")
def test_errors_take_it_away_and_no_thread_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with pytest.raises(ZeroDivisionError), progress.progress_line("f"):
        time.sleep(0.1)
        raise ZeroDivisionError
    assert terminal.getvalue().endswith("\r\033[K")

    def start(self: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert mg.compile(slow)(0.5) == 2 * np.sin(0.5)
