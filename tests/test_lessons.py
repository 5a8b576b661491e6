"""The learning modes of the page: predicting the next number, and descending."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.draw.explorer import page
from minigrad.draw.picture import Picture


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    errors: list[str] = []
    tabs = []

    def opened(picture: Picture, mode: str) -> Any:
        path = tmp_path / "page.html"
        path.write_text(page(picture), encoding="utf-8")
        tab = browser.new_page()
        tabs.append(tab)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text))
        tab.goto(path.as_uri())
        tab.click(f"#modes button[value={mode}]")
        return tab

    yield opened
    for tab in tabs:
        tab.close()
    assert not errors


def neuron() -> Picture:
    x, y = 0.5, 1.5
    w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    return Picture(L)


def products() -> Picture:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, 3))
    W = mg.Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    Z = X @ W
    L = (Z * Z).sum()
    return Picture(L)


# --- predict -----------------------------------------------------------------------------


def question(tab: Any, wanted: str) -> None:
    """Goes on, showing every answer, to the question ``wanted``."""
    for _ in range(60):
        lesson = tab.locator("#lesson")
        if wanted in lesson.inner_text():
            return
        lesson.get_by_role("button", name=re.compile("Show|Go on")).click()
    raise AssertionError(f"{wanted} is never asked")


def verdict(tab: Any, answer: str) -> str:
    tab.fill("#answer", answer)
    tab.press("#answer", "Enter")
    return str(tab.locator("#lesson .verdict").last.inner_text())


FORWARD = [
    ("What is a?", "0.25", "That is z; sigmoid is still to be applied."),
    ("What is a?", "-0.5622", "The sign is wrong."),
    ("What is a?", "2 * sigmoid(z)", "It is twice what it should be."),
    ("What is a?", "0.7", "That is not it; no single slip explains it."),
    ("What is a?", "sigmoid(q)", "That cannot be read: q is no name that is known here."),
    ("What is a?", "(z", "That cannot be read: a bracket is not closed."),
    ("What is a?", "", "That cannot be read: write a number or a formula."),
    ("What is a?", "1/0", "That is not it; no single slip explains it."),
    ("What is a?", "-1e999", "That is not it; no single slip explains it."),
    ("What is a?", "😀", "That cannot be read: 😀 is not understood."),
    ("What is a?", "(" * 20_000, "That cannot be read: it is nested too deeply."),
    ("What is a?", "0.5622", "Right: 0.562177"),
    ("What is a?", "1/(1 + exp(-z))", "Right: 0.562177"),
    ("What is ∂L/∂z?", "0.2308", "The sign is wrong."),
    ("What is ∂L/∂z?", "a(1-a)", "The factor ∂L/∂a from upstream is missing."),
    ("What is ∂L/∂z?", "dL/da", "The local factor ∂a/∂z is missing."),
    ("What is ∂L/∂z?", "dL/da * z*(1-z)", "∂a/∂z is taken at z where a belongs."),
    ("What is ∂L/∂z?", "∂L/∂a · a · (1 − a)", "Right: −0.230834"),
    ("What is ∂L/∂w?", "dL/dz*x", "Right: −0.115417"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answer", "expected"), FORWARD)
def test_answers_are_graded_with_their_cause(
    show: Any, asked: str, answer: str, expected: str
) -> None:
    tab = show(neuron(), "predict")
    question(tab, asked)
    found = verdict(tab, answer)
    if expected.startswith("Right"):
        assert found[:14] == expected[:14]
        assert asked not in tab.locator("#lesson").inner_text()
    else:
        assert found == expected


def test_an_answer_is_judged_alone(show: Any) -> None:
    """What was said of the last one does not stand beside it."""
    tab = show(neuron(), "predict")
    question(tab, "What is z?")
    assert verdict(tab, "0.25").startswith("Right")
    assert verdict(tab, "z") == "That is z; sigmoid is still to be applied."
    assert "Right" not in tab.locator("#lesson").inner_text()


def test_nothing_is_given_away_before_it_is_asked(show: Any) -> None:
    tab = show(neuron(), "predict")
    question(tab, "What is a?")
    assert tab.locator(".node[data-name=a]").get_attribute("data-value") is None
    tab.locator(".node[data-name=w]").focus()
    assert "0.11" not in tab.locator("aside").inner_text()
    for panel in ("#edit", "#ledger", "#controls"):
        assert not tab.locator(panel).is_visible()


def test_arrays_are_answered_by_an_entry_or_a_formula(show: Any) -> None:
    tab = show(products(), "predict")
    question(tab, "What is Z?")
    assert "An array, 2×2: give its entry [" in tab.locator("#lesson").inner_text()
    assert verdict(tab, "X").startswith("Your answer has the shape (2, 3), Z has (2, 2)")
    assert verdict(tab, "W @ W").startswith("That cannot be read: shapes do not align")
    assert verdict(tab, "2 * (X @ W)") == "It is twice what it should be."
    assert verdict(tab, "X @ W").startswith("Right")
    question(tab, "What is ∂L/∂W?")
    assert verdict(tab, "-X.T @ dL/dZ") == "The sign is wrong."
    assert verdict(tab, "X.T @ (2*Z)").startswith("Right")


def test_paths_that_meet_are_asked_one_by_one(show: Any) -> None:
    x = mg.Tensor(2.0, requires_grad=True)
    y = x * x
    L = y + mg.sin(x)
    tab = show(Picture(L), "predict")
    question(tab, "add to ∂L/∂x?")
    found = verdict(tab, str(float(4 + np.cos(2.0))))
    assert found.startswith("That is all that arrives at x")


# --- descend -----------------------------------------------------------------------------


def press(tab: Any, name: str, times: int = 1) -> str:
    for _ in range(times):
        tab.locator("#lesson").get_by_role("button", name=name, exact=True).click()
    return str(tab.locator("#lesson .verdict").inner_text())


@pytest.mark.parametrize("graph", [neuron, products])
def test_a_click_is_a_step_of_gradient_descent(show: Any, graph: Any) -> None:
    picture = graph()
    tab = show(picture, "descend")
    tab.fill("#rate", "-2")
    press(tab, "Step", 2)
    press(tab, "10 steps")
    leaves = {v.name: np.array(v.value) for v in picture.vertices if v.kind == "leaf"}
    losses = []

    def loss(p: Any) -> Any:
        if graph is neuron:
            return 0.5 * (1.5 - mg.sigmoid(p["w"] * 0.5 + p["b"])) ** 2
        X = next(v.value for v in picture.vertices if v.name == "X")
        return ((X @ p["W"]) ** 2).sum()

    for _ in range(13):
        value, gradients = mg.value_and_grad(loss)(leaves)
        losses.append(float(value))
        leaves = {name: p - 0.01 * gradients[name] for name, p in leaves.items()}
    np.testing.assert_allclose(tab.evaluate("explorer.losses"), losses, rtol=1e-12)
    points = tab.locator("#lesson .loss").get_attribute("points").split()
    assert len(points) == 13
    heights = [float(p.split(",")[1]) for p in points]
    assert heights == sorted(heights)  # downwards on the screen
    press(tab, "Start again")
    assert tab.evaluate("explorer.losses") == losses[:1]


def test_divergence_is_seen(show: Any) -> None:
    tab = show(products(), "descend")
    tab.fill("#rate", "1")
    assert "The loss has grown" in press(tab, "Step") or "diverges" in press(tab, "Step")
    assert "It diverges" in press(tab, "10 steps", 20)
    assert tab.locator(".chart .away").count() == 1
    assert tab.locator("#rate").get_attribute("aria-valuetext") == "10"


def test_what_cannot_descend_says_why(show: Any) -> None:
    p = mg.softmax(mg.Tensor([1.0, 2.0], requires_grad=True))
    tab = show(Picture(p), "descend")
    assert "a loss is one number" in tab.locator("#lesson").inner_text()
