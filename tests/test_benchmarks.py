"""Contestants are only worth timing if they compute the same: here they do, on small data."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import calls, harness, native
from benchmarks.__main__ import main
from benchmarks.contest import Contestant, Target, Unavailable, Workload, disagreement
from benchmarks.duals import Dual
from benchmarks.worker import Absent, plainly
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.forward import diffused

PAIRS = [
    pytest.param(w, name, id=f"{w.name}-{name}")
    for w in WORKLOADS.values()
    if w.small is not None
    for name in w.contestants
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("workload", "name"), PAIRS)
def test_everybody_agrees(workload: Workload, name: str) -> None:
    theirs = plainly(workload.build(next(iter(workload.contestants)), workload.small)())
    with warnings.catch_warnings():
        if not name.startswith(("minigrad", "hand-written")):
            warnings.simplefilter("ignore")  # a peer's deprecations are its own affair
        try:
            step = workload.build(name, workload.small)
            step()  # must leave the data alone
            mine = plainly(step())
        except (ModuleNotFoundError, Unavailable) as error:
            pytest.skip(str(error))
    assert disagreement(workload, mine, theirs) is None


# --- the harness -----------------------------------------------------------------------


def result(**times: list[float]) -> harness.Result:
    workload = Workload("toy", "Toy", data=tuple, parameters=1)
    alike = dict.fromkeys(times, 1.0)
    return harness.Result(workload, times, first=alike, peak=alike, added=dict(alike))


def test_disagreement_says_what_is_off() -> None:
    workload = Workload("toy", "Toy", data=tuple, parameters=1, tolerance=1e-3)
    one, pair = np.array(1.0), np.array([1.0, 2.0])
    assert disagreement(workload, [one, pair], [one, pair * (1 + 1e-4)]) is None
    assert disagreement(workload, [one, pair], [one, -pair]) == "gradient 1 is off by 2.0e+00"
    assert disagreement(workload, [one + 1], [one]) == "the loss is off by 1.0e+00"
    assert disagreement(workload, [one * np.nan], [one]) == "the loss is off by nan"
    assert disagreement(workload, [one, one], [one, pair]) == "gradient 1 has shape (), not (2,)"
    assert disagreement(workload, [one], [one, pair]) == "it has 0 gradients, not 1"


def test_a_ratio_is_taken_within_rounds_and_to_the_best() -> None:
    # The machine is ten times slower in the last round: for everybody.
    r = result(me=[2.0, 2.0, 20.0], you=[4.0, 1.0, 10.0], they=[1.0, 4.0, 40.0])
    assert r.ratio("me", "you") == 2.0
    assert r.ratio("me", "you", "they") == 2.0
    assert r.ratio("me", "they") == 0.5
    assert r.ratio("me", "they", "nobody") == 0.5
    assert r.ratio("nobody", "me") is None
    assert r.ratio("me", "nobody") is None


@pytest.mark.parametrize(
    ("target", "limit", "measured", "reached"),
    [
        (Target("me", 2.0, ("you",)), "2.00", "2.000", "yes"),
        (Target("me", 1.9, ("you",)), "1.90", "2.000", "no"),
        (Target("me", 1.9, ("nobody",)), "1.90", "", "not run"),
        (Target("me", 1.0), "1000.00 ms", "4000.000 ms", "no"),
        (Target("nobody", 1.0), "1000.00 ms", "", "not run"),
        (Target("me", 1.0, of="first call"), "1000.00 ms", "1000.000 ms", "yes"),
        (Target("me", 0.5, ("you",), of="memory"), "0.50", "3.000", "no"),
    ],
)
def test_targets_are_judged(target: Target, limit: str, measured: str, reached: str) -> None:
    r = result(me=[4.0], you=[2.0])
    r.added["me"] = 3.0
    r.workload.targets = (target,)
    row = harness.targets_table([r]).splitlines()[-1]
    assert [cell.strip() for cell in row.split("|")][2:5] == [limit, measured, reached]


def test_who_is_absent_is_named_below_the_table() -> None:
    r = result(me=[4e-6])
    r.absent["you"] = Absent("torch is not installed")
    text = harness.times_table(r)
    assert "| me |           4 |" in text
    assert text.rstrip().endswith("you: torch is not installed.")


def test_every_target_names_contestants_and_workloads_hold_them() -> None:
    for w in WORKLOADS.values():
        assert all(isinstance(c, Contestant) for c in w.contestants.values())
        for target in w.targets:
            assert {target.contestant, *target.references} <= set(w.contestants), w.name
            assert target.of in {"time", "memory", "first call"}


@pytest.mark.full
def test_the_command_line_measures_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    report, picture = tmp_path / "report.md", tmp_path / "picture.svg"
    arguments = ["--only", "neuron", "--rounds", "1", "--who", "hand-written"]
    arguments += ["--who", "minigrad backward", "--markdown", str(report), "--plot", str(picture)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    assert main() == 0
    printed = capsys.readouterr().out
    assert report.read_text(encoding="utf-8").strip() == printed.strip()
    assert "One neuron, scalars: minigrad backward / PyTorch" in printed
    assert "2 threads for everybody" in printed
    assert picture.read_text(encoding="utf-8").count("<svg") == 1


def test_the_command_line_lists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--list"])
    assert main() == 0
    assert len(capsys.readouterr().out.splitlines()) == len(WORKLOADS)


@pytest.mark.parametrize("name", native.STEPS)
def test_the_experiment_in_machine_code_computes_the_same(name: str) -> None:
    """As plain Python, which takes no compiler."""
    plain = SimpleNamespace(njit=lambda **_: lambda f: f, prange=range)
    w = WORKLOADS[name]
    data = w.data(**w.small)
    hand, step = w.contestants["hand-written"].build(*data), native.STEPS[name](plain)
    assert native.checked(name, lambda: step(*data), hand) > 0
    with pytest.raises(ValueError, match=f"{name}: .* in place of"):
        native.checked(name, lambda: step(*[1.01 * x for x in data]), hand)


def test_what_a_call_costs_is_told_of_functions_that_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CALLS", 3)
    monkeypatch.setattr(calls, "ROUNDS", 1)
    data = WORKLOADS["neuron"].data()
    assert calls.neuron(*data) == calls.by_name(*data) == calls.tested(*data)
    with pytest.raises(TypeError, match="another kernel"):
        calls.tested(1, *data[1:])
    assert [row.split(" | ")[0] for row in calls.table().splitlines()[2:]] == [
        "| hand-written", "| as an object", "| and by name", "| and after a look at types",
        "| minigrad compiled",
    ]  # fmt: skip


def test_dual_numbers_have_the_tangent_of_jvp() -> None:
    u, along = np.linspace(-1, 1, 7), np.linspace(1, 2, 7)
    end, tangent = mg.jvp(lambda u: diffused(u, 3), (u,), (along,))
    dual = diffused(Dual(u, along), 3)
    np.testing.assert_allclose(dual.x, end, rtol=1e-14)
    np.testing.assert_allclose(dual.t, tangent, rtol=1e-14)
