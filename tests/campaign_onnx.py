"""A campaign: random programs, exported, in onnxruntime and loaded again, against NumPy.

    python tests/campaign_onnx.py --seconds 60 --seed 0

Each seed is one program of `campaign_plans`, or the gradient of one.  What it gives in
onnxruntime must equal NumPy's answer, and so must what the loaded model gives.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import minigrad as mg
from campaign_arguments import SHAPES, moved
from campaign_plans import composed, derivative
from minigrad.tree import flatten
from samples import SAMPLES

DTYPES = ["f8", "f8", "f8", "f4", "i8", "?"]
CANNOT = (
    "cannot be written", "for other dtypes only", "would fix its value", "depends on values",
    "whole numbers", "must depend", "not supported", "no derivative", "is refused", "is no number",
    "complex", "cannot require a gradient", "returns nothing", "in the program",
    "returned an integer",
)  # fmt: skip
LACKS = ("NOT_IMPLEMENTED", "Could not find an implementation", "Integer modulo by zero")
"""What onnxruntime says of operators that it has for other dtypes, and numbers, only."""


def arrays(tree: Any) -> list[Any]:
    return [np.asarray(getattr(x, "data", x)) for x in flatten(tree)[0] if x is not None]


def given(rng: Any) -> tuple[list[Any], Any]:
    """Arguments, and the sample that the program begins with, if it does."""
    if rng.random() < 0.4:
        start = SAMPLES[rng.integers(len(SAMPLES))]
        return [np.asarray(moved(rng, x)) for x in start.args], start
    args = []
    for _ in range(int(rng.integers(1, 3))):
        shape, kind = SHAPES[rng.integers(len(SHAPES))], DTYPES[rng.integers(len(DTYPES))]
        args.append(np.asarray(2 * rng.normal(size=shape)).astype(kind))
    return args, None


def different(got: list[Any], expected: list[Any], single: bool) -> str | None:
    """How answers differ, or None."""
    if len(got) != len(expected):
        return f"{len(got)} answers for {len(expected)}"
    for a, b in zip(got, expected, strict=True):
        if (a.dtype.kind, a.shape) != (b.dtype.kind, b.shape):
            return f"{a.dtype} {a.shape} for {b.dtype} {b.shape}"
        near = 1e-3 if min(a.itemsize, b.itemsize) < 8 or single else 1e-8
        size = np.max(np.abs(b[np.isfinite(b)]), initial=1.0) if b.dtype.kind == "f" else 1
        if not np.allclose(a, b, rtol=near, atol=near * size, equal_nan=True):
            return f"{a} for {b}"
    return None


def element_types(model: Any) -> set[int]:
    """The dtypes that a model casts to, has constants of, or takes and returns."""
    attributes = [a for n in model.graph.node for a in n.attribute]
    types = {a.i for a in attributes if a.name == "to"} | {a.t.data_type for a in attributes}
    ends = (*model.graph.input, *model.graph.output)
    return types | {x.type.tensor_type.elem_type for x in ends}


def run(seed: int) -> str | None:
    """Export the program of ``seed`` and run it; what is wrong, "" if it cannot be written."""
    rng = np.random.default_rng(seed)
    args, start = given(rng)
    plan = composed(rng, args, start)
    if plan is None or plan.random:
        return ""
    what, f = ("value", plan.function) if rng.random() < 0.6 else derivative(rng, plan, args)
    try:
        with np.errstate(divide="raise", invalid="raise"):  # NaN has no order in ONNX
            expected = arrays(f(*args))
        if any(x.dtype == np.float16 for x in expected):
            return ""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.onnx")
            model = mg.onnx.export(f, path, *args)
            again = mg.onnx.load(path)
        if 10 in element_types(model):  # half precision, of which runtimes keep more digits
            return ""
    except FloatingPointError:
        return ""
    except Exception as error:
        return "" if any(c in str(error) for c in CANNOT) else f"{what}: {error!r}\n{plan}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        named = dict(zip([i.name for i in model.graph.input], args, strict=True))
        names = {i.name for i in session.get_inputs()}
        theirs = session.run(None, {k: v for k, v in named.items() if k in names})
    except Exception as error:
        if any(c in str(error) for c in LACKS):
            return ""
        return f"{what}: {str(error)[:300]}\n{plan}"
    single = any(x.dtype == np.float32 for x in args)
    for who, got in (("onnxruntime", theirs), ("loaded", arrays(again(*args)))):
        wrong = different(list(map(np.asarray, got)), expected, single)
        if wrong:
            return f"{what}: {who} gives {wrong}\n{plan}"
    return None


def campaign(seconds: float, seed: int, stop: int = 10) -> tuple[int, int, list[str]]:
    """How many programs were run, how many of them written, and what was found."""
    found: list[str] = []
    begin, n, written = time.monotonic(), 0, 0
    while time.monotonic() - begin < seconds and len(found) < stop:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wrong = run(seed + n)
            except Exception:
                wrong = traceback.format_exc()
        n, written = n + 1, written + (wrong is None)
        if wrong:
            found.append(f"seed {seed + n - 1}, {wrong}")
            print(found[-1], flush=True)
    return n, written, found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stop", type=int, default=10, help="stop at so many faults")
    options = parser.parse_args()
    n, written, found = campaign(options.seconds, options.seed, options.stop)
    print(f"{n} programs, {written} written, {len(found)} faults")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
