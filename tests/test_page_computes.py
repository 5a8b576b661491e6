"""The explorer's page computes what the engine does: every op, published examples, random graphs.

The programs that pages carry are run in Chromium by the page's own functions, many graphs in
one page, and every value and gradient is compared with the engine's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.draw import explorer, live
from minigrad.draw.picture import Picture
from tests.all_samples import SAMPLES

RUN = """(graphs) => {
    const { np, nd, linked, computed } = explorer, OPS = [ROWS];
    const flat = (x) => (x == null || Array.isArray(x) ? null : [...nd.dataOf(x)].map(String));
    return graphs.map((data) => {
        linked(data);
        computed(data, data.ops.map((i) => OPS[i]));
        return data.vertices.map((v) => [v.x.shape ?? [], flat(v.x), flat(v.g)]);
    });
}"""


@pytest.fixture(scope="module")
def tab(browser: Any) -> Any:
    tab = browser.new_page()
    x = mg.Tensor(2.0, requires_grad=True)
    tab.set_content(explorer.page(Picture(x * x)))
    return tab


def carried(picture: Picture) -> dict[str, Any]:
    """What the page carries of ``picture`` for computing, and no more."""
    program = live.program(picture, {v: v.id for v in picture.vertices}, True)
    if "fixed" in program:
        return program
    vertices = [
        {
            "value": explorer.content(v.value, 0),
            "gradient": explorer.content(v.gradient, 0),
            "shape": list(getattr(v.value, "shape", ())),
            "dtype": str(getattr(v.value, "dtype", "")),
        }
        for v in picture.vertices
    ]
    edges = [
        {"from": e.source.id, "to": e.target.id, "flows": e.differentiable, "argument": e.argnum}
        for e in picture.edges
    ]
    return {"vertices": vertices, "edges": edges, "output": picture.output.id, **program}


def compared(tab: Any, pictures: list[tuple[str, Picture]], rtol: float = 1e-12) -> list[str]:
    """Runs the programs of ``pictures``; the names of those that the page cannot compute."""
    rows: list[str] = []
    graphs, sent, fixed = [], [], []
    for name, picture in pictures:
        data = carried(picture)
        if "fixed" in data:
            fixed.append(f"{name}: {data['fixed']}")
            continue
        written = data.pop("written")
        data["ops"] = list(range(len(rows), len(rows) + len(written)))
        rows += written
        graphs.append(data)
        sent.append((name, picture))
    answers = tab.evaluate(RUN.replace("ROWS", ",\n".join(rows)), graphs)
    wrong = []
    for (name, picture), answer in zip(sent, answers, strict=True):
        gradients = [v.gradient for v in picture.vertices]
        known = [g for g in gradients if g is not None and type(g) is not tuple]
        scale = max([1.0, *map(size, known)])
        for vertex, (shape, x, g) in zip(picture.vertices, answer, strict=True):
            if type(vertex.value) is tuple:  # the outputs follow, one by one
                continue
            where = f"{name}: {vertex.name} {vertex.op}"
            exact = tuple(shape) == np.shape(vertex.value)
            if not exact or not same(x, vertex.value, rtol, size(vertex.value)):
                wrong.append(f"{where}: {x[:8]}, not {vertex.value}")
            if vertex.gradient is not None and not same(g, vertex.gradient, rtol, scale):
                wrong.append(f"gradient of {where}: {g[:8]}, not {vertex.gradient}")
    assert not wrong, "\n".join(wrong)
    return fixed


def size(value: Any) -> float:
    """The largest entry, by which rounding errors are measured."""
    value = np.abs(np.asarray(value, np.float64))
    return float(np.max(value[np.isfinite(value)], initial=0))


def same(found: list[str], expected: Any, rtol: float, scale: float) -> bool:
    """Equal to ``rtol``, or where much cancels to ``rtol`` of what cancels."""
    numbers = np.array([float(v.replace("Infinity", "inf")) for v in found])
    expected = np.asarray(expected, np.float64).ravel()
    return numbers.shape == expected.shape and np.allclose(
        numbers, expected, rtol=rtol, atol=rtol * scale, equal_nan=True
    )


# --- every op ----------------------------------------------------------------------------

UNKNOWN = set(
    "sort linalg.svdvals linalg.lstsq linalg.det linalg.cofactors_along linalg.cofactors "
    "linalg.eigh linalg.pinv linalg.cholesky linalg.slogdet linalg.qr linalg.svd linalg.eig "
    "spacing nextafter i0 fft.irfftn roots".split()
)
"""What the page says it cannot compute: by rank, by factorisation, by the bits of a number."""
MASKED = {"mean", "sum", "max", "min", "prod", "einsum", "pad"}
"""What it computes but with a mask, an initial value, or filled up with other numbers than 0."""


CUT = "corrcoef"
"""It cuts its diagonal to 1, and the order of a sum decides whether that is done."""


def recorded(sample: Any) -> Picture | None:
    tensors = [mg.Tensor(a, requires_grad=True) for a in sample.args]
    with np.errstate(all="ignore"):
        out = sample.f(*tensors)
    return Picture(out) if getattr(out, "node", None) is not None else None


def test_every_op(tab: Any) -> None:
    samples = [s for s in SAMPLES if not s.id.startswith(CUT)]
    pictures = [(s.id, p) for s in samples if (p := recorded(s)) is not None]
    fixed = compared(tab, pictures, rtol=1e-11)
    refused = {words.partition("no rule for ")[2].rstrip(".") for words in fixed}
    assert refused <= UNKNOWN | MASKED | {""}  # none for what is no real number
    assert len(fixed) < len(pictures) / 4


# --- random graphs ----------------------------------------------------------------------


def random_graph(seed: int) -> Picture:
    """About a dozen operations on scalars, vectors and matrices, summed up."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 5, 2)
    leaves = {s: rng.normal(size=s) for s in ((), (m,), (n, m), (m, n))}
    pool = [mg.Tensor(v, requires_grad=True) for v in leaves.values()]
    pool.append(mg.Tensor(rng.normal(size=(n, m)), requires_grad=True) * rng.normal(size=(n, m)))
    one = [
        mg.sigmoid, mg.tanh, mg.sin, mg.relu, mg.softplus, np.exp, np.abs, np.ravel, mg.logsumexp,
        lambda x: x**2, lambda x: x**3 / 7, lambda x: -x, lambda x: mg.log(1 + x * x),
        lambda x: x.mean(), lambda x: x.T, lambda x: np.where(x > 0, x, 0.3 * x),
        lambda x: x.sum(axis=-1), lambda x: x[..., :1], lambda x: mg.softmax(x, axis=-1),
        lambda x: x[::-1], lambda x: x.max(axis=0), lambda x: np.cumsum(x, axis=0),
        lambda x: x[np.array([0, 0, -1])], lambda x: np.sqrt(x * x + 0.1),
    ]  # fmt: skip
    two = [
        np.add, np.subtract, np.multiply, np.maximum, np.matmul, lambda x, y: x / (2 + mg.cos(y)),
        lambda x, y: np.concatenate([np.ravel(x), np.ravel(y)]),
    ]  # fmt: skip
    while len(pool) < 17:
        x, y = (pool[i] for i in rng.integers(len(pool), size=2))
        try:
            new = (
                one[rng.integers(len(one))](x)
                if rng.random() < 0.5
                else two[rng.integers(len(two))](x, y)
            )
        except (ValueError, TypeError, IndexError):  # shapes that do not fit
            continue
        if np.max(np.abs(new.data), initial=0) < 1e3:
            pool.append(new)
    return Picture(sum((t * 0.5).sum() for t in pool[-4:]))


def test_200_random_graphs(tab: Any) -> None:
    assert compared(tab, [(f"seed {seed}", random_graph(seed)) for seed in range(200)]) == []
