"""Interrupted anywhere, closed by whomever: no counter and no mode is left behind."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.graph import contexts, nodes

V = np.array([0.3, 0.7])


def state() -> tuple[Any, ...]:
    """What a thread may leave behind."""
    return (
        bool(contexts.modes.special),
        contexts.recording.get(),
        contexts.inspector.get(),
        contexts.tracing.get(),
        contexts.pushing.get(),
        contexts.writing.get(),
        len(nodes.running),
        nodes.living and mg.Tensor(1.0, requires_grad=True).requires_grad,
    )


def f(x: Any) -> Any:
    return (np.sin(x) * x).sum()


def unrecorded(x: Any) -> Any:
    with mg.no_grad():
        return mg.Tensor(x, requires_grad=True) * 3


def debugged(x: Any) -> Any:
    with mg.debug():
        return mg.grad(f)(x)


WORK: dict[str, Callable[[Any], Any]] = {
    "no_grad": unrecorded,
    "decorator": mg.no_grad()(f),
    "debug": debugged,
    "grad": mg.grad(f),
    "vjp": lambda x: mg.vjp(f, x)[1](1.0),
    "jvp": lambda x: mg.jvp(f, (x,), (x,)),
    "hessian": mg.hessian(f),
    "linearize": lambda x: mg.linearize(f, x)[1](x),
    "vmap": lambda x: mg.vmap(f)(np.stack([x, x])),
    "checkpoint": mg.grad(mg.checkpoint(f)),
    "trace": lambda x: mg.trace(f, x),
}


class Interrupt:
    """Raises KeyboardInterrupt at the n-th step, where CPython looks for signals.

    That is where a function of the library begins, and at every line of one.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        file = frame.f_code.co_filename
        if frame.f_code.co_name == "__del__":  # nothing can be raised from there
            return None
        if "minigrad" not in file and "contextlib" not in file:
            return None
        self.steps += 1
        if self.steps == self.at:
            raise KeyboardInterrupt
        return self


def interrupted(work: Callable[[Any], Any], at: int) -> int:
    """Run ``work``, interrupted at step ``at``; how many steps there were."""
    interrupt = Interrupt(at)
    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        work(V)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupt.steps


@pytest.mark.filterwarnings("ignore:Exception ignored")  # in generators that are thrown away
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_an_interrupt_leaves_nothing_behind(work: Callable[[Any], Any]) -> None:
    work(V)
    clean = state()
    steps = interrupted(work, 0)
    for at in np.unique(np.linspace(1, steps, min(steps, 25)).astype(int)):
        interrupted(work, int(at))
        assert state() == clean, at
    np.testing.assert_array_equal(mg.grad(f)(V), np.cos(V) * V + np.sin(V))


def quietly() -> Iterator[bool]:
    with mg.no_grad():
        yield True


def records() -> bool:
    return (mg.Tensor(2.0, requires_grad=True) * 3).requires_grad


@pytest.mark.parametrize("where", ["here", "another context", "another thread", "nowhere"])
def test_no_grad_in_a_generator_ends_with_it(where: str) -> None:
    clean = state()
    generator: Any = quietly()
    assert next(generator)
    assert not records()
    if where == "here":
        generator.close()
    elif where == "another context":
        contextvars.Context().run(generator.close)
    elif where == "another thread":
        thread = threading.Thread(target=generator.close)
        thread.start()
        thread.join()
    else:
        del generator
    assert records() and state() == clean


def test_contexts_that_end_out_of_order() -> None:
    first, second = mg.no_grad(), mg.no_grad()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not records()
    second.__exit__(None, None, None)
    assert records()


def test_a_context_may_be_entered_again() -> None:
    context = mg.no_grad()
    with context:
        with context:
            assert not records()
        assert not records()
    assert records()
    with context:
        assert not records()
    assert records() and not contexts.modes.special


def test_no_grad_as_a_decorator_may_call_itself() -> None:
    @mg.no_grad()
    def count(n: int) -> bool:
        return records() or (n > 0 and count(n - 1))

    assert not count(3)
    assert records()
