"""What the campaign's programs are called with: arguments of every kind, in every form of call."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg
from samples import SAMPLES, Sample

SHAPES: list[tuple[int, ...]] = [
    (), (), (3,), (3,), (2, 3), (2, 3), (3, 1), (1, 3), (1,), (0,), (0, 3), (2, 1, 3), (3, 3),
    (2, 3, 4), (5, 2),
]  # fmt: skip
LARGE: list[tuple[int, ...]] = [(200, 300), (60000,), (300, 3), (1000,), (2000, 1), (40, 50, 30)]
DTYPES = ["f8"] * 12 + ["f4"] * 4 + ["f2", "i8", "i8", "i4", "u1", "?"]
WILD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e300, -1e300, 1e-5, 0.5]


def value(rng: Any, shape: tuple[int, ...], dtype: str, wild: bool) -> Any:
    """An array, or a number, in memory of some kind."""
    kind = np.dtype(dtype).kind
    x = rng.choice(WILD, shape) if wild and kind == "f" else rng.normal(size=shape) * 1.5
    if kind in "iu":
        x = rng.integers(0, 5, shape) - (2 if kind == "i" else 0)
    if kind == "b":
        x = rng.random(shape) < 0.5
    with np.errstate(all="ignore"):
        x = np.asarray(x, dtype)
    return laid_out(rng, x) if shape else x[()]


def laid_out(rng: Any, x: Any) -> Any:
    """The same numbers in memory of another order."""
    layout = rng.integers(7)
    if layout == 1:
        return np.asfortranarray(x)
    if layout == 2:
        return x[::-1].copy()[::-1]
    if layout == 3:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if layout == 4:
        x.setflags(write=False)
    if layout == 5 and x.ndim > 1:
        return np.broadcast_to(x[:1], x.shape)
    if layout == 6 and x.ndim == 1 and x.size:
        return np.lib.stride_tricks.sliding_window_view(np.concatenate([x, x]), x.size)[0]
    return x


@dataclass
class Call:
    """What a program is given: of each argument shape and dtype, or the one it is again.

    ``start`` is a sample of the table of ops that the program begins with; its arguments
    are those of the sample, moved a little.
    """

    specs: list[tuple[tuple[int, ...], str]]
    same: bool
    python: bool
    wild: bool
    start: Sample | None = None

    def args(self, rng: Any, grown: int = 0) -> list[Any]:
        if self.start is not None:
            return [moved(rng, x) for x in self.start.args]
        found = []
        for shape, dtype in self.specs:
            shape = tuple(n + grown if n == 3 else n for n in shape)
            x = value(rng, shape, dtype, self.wild)
            if shape == () and self.python and dtype == "f8":
                x = float(x)
            found.append(x)
        return [found[0]] * len(found) if self.same else found


def moved(rng: Any, x: Any) -> Any:
    """An argument of a sample, with other numbers nearby."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return x[()]
    x = (x * (1 + 0.01 * rng.normal(size=x.shape))).astype(x.dtype)
    return laid_out(rng, x) if x.ndim and rng.random() < 0.5 else x[()]


def retyped(rng: Any, x: Any) -> Any:
    """The same numbers, rounded, as another type or in another dtype."""
    if isinstance(x, np.ndarray) and x.ndim:
        return x.astype(("f8", "f4", ">f8", "i8", "f2")[rng.integers(5)])
    if not np.isfinite(x):
        return np.float64(x)
    kinds = (float, int, np.float64, np.float32, np.int64, np.int32, np.asarray, mg.Tensor)
    return kinds[rng.integers(len(kinds))](np.clip(x, -1e4, 1e4))


def call(rng: Any) -> Call:
    large = rng.random() < 0.03
    shapes = LARGE if large else SHAPES
    n = int(rng.integers(1, 4))
    dtype = str(rng.choice(DTYPES))
    specs = [
        (
            shapes[rng.integers(len(shapes))],
            dtype if rng.random() < 0.7 else str(rng.choice(DTYPES)),
        )
        for _ in range(n)
    ]
    if rng.random() < 0.12:
        specs = [((), "f8")] * n
    if rng.random() < 0.2:
        return Call([], False, False, False, SAMPLES[rng.integers(len(SAMPLES))])
    return Call(specs, rng.random() < 0.1, rng.random() < 0.5, rng.random() < 0.15)


# --- forms of call ---------------------------------------------------------------------

Given = namedtuple("Given", "first rest")


@dataclass
class Form:
    """How arguments are passed on: by position, by name, or in a tree.

    With ``n`` there is a whole number besides, which changes.
    """

    kind: str
    names: list[str]
    n: int | None = None

    def packed(self, args: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional arguments, and those by name."""
        whole = {} if self.n is None else {"n": self.n}
        if self.kind in ("plain", "stars"):
            return tuple(args), whole
        if self.kind in ("named", "keywords"):
            return (), dict(zip(self.names, args, strict=True)) | whole
        if self.kind == "dict":
            return ({"first": args[0], "rest": list(args[1:])},), whole
        if self.kind == "tuple":
            return (Given(args[0], tuple(args[1:])),), whole
        return (args,), whole

    def source(self) -> str:
        """The function that takes them so, and calls ``f``."""
        names = ", ".join(self.names)
        head = {
            "plain": names,
            "named": names,
            "keywords": f"*, {names}",
            "stars": "*x",
            "dict": "tree",
            "tuple": "tree",
            "list": "tree",
        }[self.kind]
        words = {
            "stars": "*x",
            "dict": "tree['first'], *tree['rest']",
            "tuple": "tree.first, *tree.rest",
            "list": "*tree",
        }.get(self.kind, names)
        if self.n is None:
            return f"def program({head}):\n    return f({words})\n"
        more = head if head.startswith("*") else f"{head}, *"
        return f"def program({more}, n):\n    return weighted(f({words}), n)\n"

    def change(self) -> None:
        """Another whole number."""
        if self.n is not None:
            self.n += 1

    def plain(self) -> Form:
        return Form("plain", self.names, None)

    def __str__(self) -> str:
        return self.kind if self.n is None else f"{self.kind} with n={self.n}"


KINDS = ["plain"] * 8 + ["named", "keywords", "stars", "dict", "tuple", "list"]


def form_of(rng: Any, n: int) -> Form:
    kind = KINDS[rng.integers(len(KINDS))]
    whole = int(rng.integers(1, 4)) if rng.random() < 0.07 else None
    return Form(kind, [f"a{i}" for i in range(n)], whole)


def weighted(tree: Any, n: int) -> Any:
    """What a whole number enters."""
    if isinstance(tree, dict):
        return {k: weighted(v, n) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        made = [weighted(v, n) for v in tree]
        return type(tree)(*made) if hasattr(tree, "_fields") else type(tree)(made)
    return tree * n + 1 / n


def called_with(f: Any, form: Form, n: int) -> Any:
    """``f`` as a function that takes its arguments in that form."""
    scope = {"f": f, "weighted": weighted}
    exec(form.source(), scope)
    return scope["program"]
