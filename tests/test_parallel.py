"""Gradients over parts of the data, on Dask and joblib, against those of one machine."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import parallel

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(103, 4)), rng.normal(size=(103, 2))
P = {"W": rng.normal(size=(4, 5)), "V": [rng.normal(size=(5, 2)), rng.normal(size=2)], "s": 1.5}


def loss(p: Any, x: Any, y: Any) -> Any:
    out = p["s"] * np.tanh(x @ p["W"]) @ p["V"][0] + p["V"][1]
    return ((out - y) ** 2).mean()


def total(p: Any, x: Any, y: Any) -> Any:
    return ((x @ p["W"]).sum(axis=1) ** 2).sum() + (y**2).sum() * p["s"]


def same(a: Any, b: Any) -> None:
    (va, ga), (vb, gb) = a, b
    np.testing.assert_allclose(va, vb, rtol=1e-12)
    from minigrad.tree import flatten

    for x, y in zip(flatten(ga)[0], flatten(gb)[0], strict=True):
        assert np.shape(x) == np.shape(y)
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        dask.config.set({"distributed.admin.tick.limit": "1h"}),
        distributed.Client(
            processes=False,
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            memory_limit=0,  # of the process, in which other tests have run
        ) as c,
    ):
        yield c


BACKENDS = ["threads", "client", "joblib"]


def made(f: Any, backend: str, client: Any, **options: Any) -> Any:
    if backend == "joblib":
        pytest.importorskip("joblib")
        return parallel.value_and_grad(f, 1, **options)
    return parallel.value_and_grad(f, client if backend == "client" else None, **options)


@pytest.mark.sampled(5)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [1, 10, 50, 1000])
def test_parts_give_what_one_machine_gives(backend: str, size: int, client: Any) -> None:
    parts = parallel.partitions(X, Y, size=size)
    same(made(loss, backend, client)(P, parts), mg.value_and_grad(loss)(P, X, Y))
    step = made(total, backend, client, reduce="sum", split_every=2)
    same(step(P, parts), mg.value_and_grad(total)(P, X, Y))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", BACKENDS[:2])
def test_dask_arrays_however_they_are_chunked(backend: str, client: Any) -> None:
    step = made(loss, backend, client)
    expected = mg.value_and_grad(loss)(P, X, Y)
    for cx, cy in [((20, 4), (20, 2)), ((103, 2), (7, 1)), (((50, 3, 50), 4), (103, 2))]:
        same(step(P, da.from_array(X, chunks=cx), da.from_array(Y, chunks=cy)), expected)
    keep = X[:, 0] > 0
    x, y = (da.from_array(a, chunks=(20, -1))[da.from_array(keep, chunks=20)] for a in (X, Y))
    same(step(P, x, y), mg.value_and_grad(loss)(P, X[keep], Y[keep]))


@pytest.mark.filterwarnings("ignore")
def test_delayed_parts_bags_futures_and_empty_parts(client: Any) -> None:
    parts = parallel.partitions(X, Y, size=25)
    expected = mg.value_and_grad(loss)(P, X, Y)
    step = parallel.value_and_grad(loss, client)
    same(step(P, [dask.delayed(lambda p=p: p)() for p in parts]), expected)
    same(step(P, [client.submit(lambda p=p: p) for p in parts]), expected)
    same(step(P, [(X[:0], Y[:0]), *parts, (X[:0], Y[:0])]), expected)
    with pytest.raises(ValueError, match="the data has no examples"):
        step(P, [(X[:0], Y[:0])])


@pytest.mark.filterwarnings("ignore")
def test_compiled_functions_travel_and_are_traced_once(client: Any) -> None:
    step = parallel.value_and_grad(mg.compile(loss), client)
    parts = parallel.partitions(X[:100], Y[:100], size=10)
    same(step(P, parts), mg.value_and_grad(loss)(P, X[:100], Y[:100]))
    travelled = pickle.loads(pickle.dumps(step.part))
    travelled(P, parts[0], 0)
    travelled(P, parts[1], 0)
    assert travelled.evaluate.retraces == 0
    assert travelled.evaluate.traces == 1


def test_weights_of_ones_own() -> None:
    w = rng.uniform(0.5, 2, 103)

    def weighted(p: Any, x: Any, w: Any) -> Any:
        return (w * (x @ p) ** 2).sum() / w.sum()

    p = rng.normal(size=4)
    step = parallel.value_and_grad(weighted, weight=lambda x, w: w.sum())
    same(step(p, parallel.partitions(X, w, size=10)), mg.value_and_grad(weighted)(p, X, w))


def test_single_precision_stays_single() -> None:
    p, x = np.ones(4, np.float32), X.astype(np.float32)
    step = parallel.value_and_grad(lambda p, x: ((x @ p) ** 2).mean())
    value, gradient = step(mg.Tensor(p), parallel.partitions(x, size=9))
    assert (value.dtype, gradient.dtype) == (np.float32, np.float32)


@pytest.mark.filterwarnings("ignore")
def test_minimize_on_a_cluster(client: Any) -> None:
    x, y = da.from_array(X, chunks=(30, 4)), da.from_array(Y, chunks=(30, 2))
    options: dict[str, Any] = {"steps": 5, "lr": 0.05, "progress": False}
    there, h = mg.optim.minimize(loss, P, batches=[(x, y)], client=client, **options)
    here, g = mg.optim.minimize(loss, P, batches=[(X, Y)], **options)
    same((h.rows[-1].loss, there), (g.rows[-1].loss, here))
    parts = parallel.partitions(X, Y, size=30)
    there, _ = mg.optim.minimize(loss, P, batches=[parts], client=1, **options)
    same((0, there), (0, here))
    step = parallel.value_and_grad(loss)
    there, _ = mg.optim.minimize(loss, P, batches=[parts], client=step, **options)
    same((0, there), (0, here))
    with pytest.raises(TypeError, match=r"with client=, the data are batches in parts"):
        mg.optim.minimize(loss, P, client=client)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", BACKENDS)
def test_errors_name_the_part(backend: str, client: Any) -> None:
    def odd(p: Any, x: Any) -> Any:
        if len(x) == 3:
            raise RuntimeError("an odd part")
        return (p * x).sum()

    with pytest.raises(RuntimeError, match="an odd part") as caught:
        made(odd, backend, client)(1.0, parallel.partitions(np.ones(13), size=5))
    assert any("in part 2 of the data, of shapes (3,)" in n for n in caught.value.__notes__)


def test_wrong_calls() -> None:
    make = parallel.value_and_grad
    for match, kind, call in [
        ("takes a function, not 3", TypeError, lambda: make(3)),
        ('"mean" or "sum"', ValueError, lambda: make(loss, reduce="max")),
        ('"dask" or "joblib"', ValueError, lambda: make(loss, backend="spark")),
        ("from 2 on", ValueError, lambda: make(loss, split_every=1)),
        ("weight must be a function", TypeError, lambda: make(loss, weight=3)),
        ("got ndarray, ndarray", TypeError, lambda: make(loss)(P, X, Y)),
        ("got nothing", TypeError, lambda: make(loss)(P)),
        ("has no parts", ValueError, lambda: make(loss)(P, [])),
        ("as many examples: 103 and 3", ValueError,
         lambda: make(loss)(P, da.from_array(X), da.from_array(Y[:3]))),
        ("without axes", ValueError, lambda: make(loss)(P, da.from_array(np.array(1.0)))),
        ("one length", ValueError, lambda: parallel.partitions(X, Y[:3], size=2)),
        ("at least 1", ValueError, lambda: parallel.partitions(X, size=0)),
        ("give weight=", ValueError, lambda: make(lambda p, x: p * x)(1.0, [2.0])),
        ("negative or NaN", ValueError,
         lambda: make(lambda p, x: p * x, weight=lambda x: -1)(1.0, [2.0])),
    ]:  # fmt: skip
        with pytest.raises(kind, match=match):
            call()


def test_importing_minigrad_imports_neither() -> None:
    late = {"dask", "joblib", "onnx", "numpy.random"}
    code = "import numpy, sys; had = {*sys.modules}; import minigrad; "
    code += f"print({late} & {{*sys.modules}} - had)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_costs_time_only() -> None:
    """One worker of two processes is killed while a step runs, and then the only one."""

    def slow(p: Any, x: Any) -> Any:
        time.sleep(0.2)
        return ((x @ p) ** 2).mean()

    p = rng.normal(size=4)
    expected = mg.value_and_grad(lambda p: ((X @ p) ** 2).mean())(p)
    for workers in (2, 1):
        with distributed.Client(n_workers=workers, threads_per_worker=1,
                                dashboard_address=None) as c:  # fmt: skip
            step = parallel.value_and_grad(slow, c)
            same(step(p, parallel.partitions(X, size=60)), expected)
            pid = next(iter(c.run(os.getpid).values()))
            from threading import Timer

            Timer(0.7, lambda pid=pid: os.kill(pid, signal.SIGKILL)).start()
            same(step(p, parallel.partitions(X, size=10)), expected)
