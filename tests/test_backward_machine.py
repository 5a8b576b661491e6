"""The closed interpreter computes what Python computes, or says that it does not know."""

from __future__ import annotations

import contextlib
import copy
import itertools
import textwrap
import warnings
from typing import Any

import numpy as np
import pytest

from minigrad.derivation.backward.expressions import Compiler
from minigrad.derivation.backward.machine import Machine, Start
from minigrad.derivation.backward.natives import MORE_METHODS, NUMPY, SIZES, attribute, called
from minigrad.derivation.backward.numbers import Native
from minigrad.derivation.backward.room import ROOM, broadcast_size
from minigrad.derivation.backward.tables import FFT, Unknown
from test_backward_lines import module

BODIES = """
d = {k: v * 2 for k, v in c.items() if k != "n"}; return d

d = {i: x for x in h}; return len(d), d[1]

return {**c, "more": 1}

x: float = 2.5; y: int; return x * i

x, (y, *z), w = 1, (2, 3), 4; return x

for k in range(9):
    if k == 3: break
    i += k
return i

for k in range(5):
    if k % 2: continue
    i += 10 ** k
return i

k = 5
while k:
    k -= 1
    if k == 1: break
    if k == 3: continue
    i = 2 * i + k
return i, k

k = 0
while k < 4: k += 1
return k

for k in range(3):
    for l in range(3):
        if l == k: break
        i += 10 * k + l
    else: i += 1000
return i

for k in range(3):
    i += k
else: i = -i
return i

match i:
    case 0: return "none"
    case 1 | 2: return "few"
    case _: return "many"

match c["n"]:
    case 1: return 1
    case n if n > 5: return n + 1
    case n: return n

x = y = np.zeros(2); x += 1; return y

x = a; x = x + 1; return a

a[0] += 1; a[1:, 1] -= 2; a[a > 2] = 0; return a

h[0] += 1; h[0] = h[0] * 3; return h

c["n"] += 1; c["m"] = c["n"]; return c

x = h; x += [np.ones(1)]; return len(h)

x = h; x = x + [np.ones(1)]; return len(h)

x = "a"; x += "b"; return x * 2

x = (1, 2); x += (3,); return x

x = [0] * 3; x[-1] = 5; return x, x[::-1], x[1:]

x = [[0] * 2] * 2; x[0][0] = 1; return x

x = [*range(3), *h]; return len(x)

return [x + y for x in range(3) if x for y in range(x) if y < 1]

k = 7; [k for k in range(3)]; return k

return sum(x * x for x in range(4))

return [(lambda s: s + k)(1) for k in range(3)]

fs = [lambda: k for k in range(3)]; return [f() for f in fs]

fs = [lambda k=k: k for k in range(3)]; return [f() for f in fs]

def f(x, y=2, *more, z=3, **rest): return x, y, more, z, rest
return f(1), f(1, 3, 4, 5, z=6, w=7), f(*[1, 2], **{"z": 0})

def f(x, /, y, *, z): return x - y * z
return f(5, y=2, z=3)

def f(n): return 1 if n < 2 else n * f(n - 1)
return f(5)

def f():
    nonlocal i
    i += 1
    return i
return f(), f(), i

def f(x):
    x = x + 1
    return x
k = 1; return f(k), k

def f():
    for k in range(3): yield k * i
return list(f())

def f(x): x[0] = 9
f(a); return a

if i > 5: return 1
elif i > 0: x = 2
else: x = 3
return x

return 1 if not i else 2, i and a[0, 0], i or 5, 0 or None, 0 and 1, not h, not []

return 0 < i < 2 < 3, 3 > i >= 1 != 2, 1 < 0 < a

return i is None, i is not None, None is None, 1 in [1, 2], "n" in c, 3 not in (1, 2)

return 7 // 2, -7 // 2, 7 % 3, -7 % 3, 7.5 % 2, 2 ** -1, 5 & 3, 5 | 2, -i, +i, ~i

return a // 1, a % 2, a ** 2, -a, a > 0, (a > 0) & (a < 1), (a > 0) | (a < -1), ~(a > 0)

return a @ b, a[0] @ b, b.T @ a.T

return f"{i} and {c['n']}", "%d" % i

print(i, "x"); assert i; pass; return i

x = set(); x.add(1); x.add(1); return len(x), 1 in x

x = [3, 1, 2]; x.append(0); x.extend((7, 8)); x.insert(1, 5); y = x.pop(), x.pop(0)
x.reverse(); return x, y

x = [1]; y = x.copy(); y.append(2); z = x; z.clear(); return x, y

x = dict(a=1); x.update(b=2); x.setdefault("a", 5); x.setdefault("z", 6); return x, x.pop("a")

x = c.copy(); x["n"] = 0; return c["n"], x.get("no"), x.get("no", 3), list(x), [*x.values()]

return [*zip([1, 2, 3], (4, 5))], [*enumerate("ab", 2)], [*reversed([1, 2])], [*map(str, [1])]

return [*range(5)][1:4:2], (1, 2, 3)[-2:], "abc"[1], a[..., 0], a[:, None, 1], a[-1][::-1]

with np.errstate(all="ignore"): return np.log(a * 0)
return (x := i + 1) * x

x = [k for k in range(3)][-1]; return {k for k in [1, 2]}

return {"n": 1}["n"], max([1, 5, 2]), min(3, 2), abs(-3), round(2.567, 1), int(2.9)

x = np.zeros(3); x[[0, 0]] += 1; np.add.at(x, [1, 1], 2); return x

x = a.copy(); x.fill(2); y = a.T; y += 1; return x, a

x, y = a[0], a[0].copy(); x *= 2; return a, y

x, y = 1, 2; x, y = y, x; return x, y

x = np.ones(2); y = x; y = y * 2; y *= 2; return x, y

x = 1; y = x; y += 1; return x

h[0], h[1] = h[1], h[0]; return h

a[0], a[1] = a[1].copy(), a[0].copy(); return a

i, c["n"] = 5, i; return i, c

return bool(a.any()), a.all(), np.any(a > 9), a.mean().item(), a.size, a.ndim, len(a)

x = [1, 2, 3]
for y in x:
    if y == 1: x.append(4)
    i += y
return i

x = {}
for y in "ab": x[y] = x.get(y, 0) + 1
return x

x = lambda *s, **o: (s, o); return x(1, *[2], k=3, **{"l": 4})

x = 2
def f(): return x
x = 3; return f()

x = np.arange(4); x[1] = 2.9; return x

return a.sum(0).shape[0], a.shape[-1], a.T.shape, np.shape(a), np.size(a, 0)

return sorted([3, 1]), sorted({"b": 1, "a": 2}), sum([[1], [2]], []), any(x > 1 for x in [1, 2])

return isinstance(i, int), isinstance(a, np.ndarray), isinstance(True, int), isinstance(c, dict)

return id(h) == id(h), h[0] is h[0], a is a

return "f8", a.astype("f4"), a.astype("<f8"), a.astype("float32")

return i * [0], 2 * "ab", i * (1, 2), a[0] + [1, 2, 3, 4]

x = [1]; y = x; y *= 2; return x

x, *y, z = range(5); (p, *q), r = (1, 2, 3), 4; return x, y, z, p, q, r
""".strip("\n").split("\n\n")
UNKNOWN = """
del h[0]; return h

global G; G = 3; return G

try: return 1 / 0
except ZeroDivisionError: return 5

x = iter([1, 2]); return next(x)

return type(i)

return [] == h

return repr(1)

return float("2")

return np.float64(2) * [1, 2]

return 10 ** 100

return 9 ** 9 ** 9

x = 9; x **= 9 ** 9; return x

return int("7" * 99)

return isinstance(i, object)

return np.load("x")

return open("x")

with open("x") as f: return f

match c:
    case {"n": n}: return n

class C: pass
return C()

@np.vectorize
def f(x): return x
return f(1)

def f(x): return x
return f()

def f(x): return x
return f(1, 2)

def f(x): return x
return f(1, y=2)

def f(x, *, y): return x
return f(1)

x, y = 1, 2, 3; return x

x, *y, z = [1]; return x

return f"{a[0, 0]:.2f}"

return h.sort()

return {[1]: 2}
""".strip("\n").split("\n\n")


def run(body: str, python: bool = False) -> Any:
    """What a function with this body returns, on arguments of its own."""
    source = f"import numpy as np\ndef go(a, b, i, h, c):\n{textwrap.indent(body, '    ')}"
    rng = np.random.default_rng(1)
    args = [rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), 1, [np.ones(2), np.zeros(2)],
            {"n": 7, "m": 2.0}]  # fmt: skip
    function, given = module(source).go, copy.deepcopy(args)
    with np.errstate(all="ignore"):
        if python:
            return function(*given)
        return Machine(Compiler(), 10_000).run(Start.of(function, args))  # type: ignore[arg-type]


def assert_same(found: Any, expected: Any) -> None:
    """The same numbers in the same things."""
    assert type(found) is type(expected) or isinstance(expected, np.generic)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for x, y in zip(found, expected, strict=True):
            assert_same(x, y)
    else:
        np.testing.assert_array_equal(found, expected, strict=isinstance(expected, np.ndarray))


@pytest.mark.parametrize("body", BODIES)
def test_statements_do_what_python_does(body: str, capsys: Any) -> None:
    assert_same(run(body), run(body, python=True))


@pytest.mark.parametrize("body", ["x = np.arange(4); x /= 2; return x", "return h[5]", "1 / 0"])
def test_what_raises_raises(body: str) -> None:
    with pytest.raises(Exception) as expected:
        run(body, python=True)
    with pytest.raises(expected.type):
        run(body)


@pytest.mark.parametrize("body", UNKNOWN)
def test_what_it_does_not_know_it_says(body: str) -> None:
    with pytest.raises(Unknown):
        run(body)


RNG = np.random.default_rng(0)
A, B, V = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2)), RNG.normal(size=4)
P = A @ A.T
ARGUMENTS: list[tuple[Any, ...]] = [
    (A,), (V,), (P,), (2.5,), (3,), (5,), (A, A), (V, V), (A, V), (A, B), (P, V[:3]), (A, 0),
    (A, 1), (A, 2), (A, (2, 6)), (A, (2, 1)), (A, (5, 3, 4)), (V, (5, 4)), ((2, 3),), ((2, 3), 1.5),
    ([A, A],), ([V, V],), ((A, A), 1), (A, 1, 0), (A, 0, 1), (V, 2), (V, [0, 2, 1]), (V, [1, 3]),
    (A, [0, 1], 0), (A, 1, 7.0, 0), (A, [0, 1, 2], 9.0), (0, 1), (0, 1, 7), (1, 9, 2), (V, V, 7),
    (A > 0, A, -A), (A, -1, 1), (A, A > 0), ("ij,jk->ik", A, B), ("ij->j", A), ("i,j", V, V),
    (A, [0, 1], V, [1]), (A, ((1, 0), (0, 2))), (A, (0, 1)), ([0, 1], [0, 1, 2]), (3, 4), (V, 10),
    (A, np.argsort(A), 1), (A, np.argsort(A), -A, 1), (P, 5.0), (V, 3), (A[None], 2), (A[None],),
    (np.arange(5), 3), (np.array([1.0, 2.0, 3.0]), V), (V[:3], V[1:]), (V, 9, 0), (-3, 5, 1),
]  # fmt: skip
OPTIONS: list[dict[str, Any]] = [{}, {"axis": 0}, {"keepdims": True}, {"axes": 1}]
FUNCTIONS = {
    f"{where}{name}": native
    for where, space in {"": NUMPY, "linalg.": NUMPY["linalg"], "fft.": NUMPY["fft"]}.items()
    for name, native in space.items()
    if type(native) is Native
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_numpy_answer_alike_and_need_no_more_room_than_is_known(name: str) -> None:
    native, computed = FUNCTIONS[name], 0
    sizes = SIZES.get(native.name) or ROOM.get(native.name) or broadcast_size
    for args, options in itertools.product(ARGUMENTS, OPTIONS):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given, changed = copy.deepcopy(args), copy.deepcopy(args)
            try:
                expected = native.function(*given, **options)
            except (TypeError, ValueError, IndexError, ArithmeticError, AttributeError):
                continue
            with contextlib.suppress(Unknown):
                found = called(native, list(changed), options)
                computed += 1
                several = isinstance(expected, tuple | list)
                for x, y in zip(found, expected, strict=True) if several else [(found, expected)]:
                    if not name.startswith("empty"):
                        np.testing.assert_array_equal(x, y)
                    bound = sizes(*args, *options.values()) if native.name in FFT else sizes(*args)
                    assert np.size(y) <= max(2 * bound, 1)
                for x, y in zip(changed, given, strict=True):
                    np.testing.assert_array_equal(x, y)
    assert computed


@pytest.mark.parametrize("name", sorted(MORE_METHODS))
def test_methods_of_arrays_answer_alike(name: str) -> None:
    computed = 0
    for args in [(), (0,), (1,), (0, 1), (2, 0), ((2, 6),), (-1, 1), (V,), ("f4",), ((1, 0),)]:
        for own in (A, V, P, A[:1]):
            held, expected = own.copy(), own.copy()
            try:
                answer = getattr(expected, name)(*args)
            except (TypeError, ValueError, IndexError):
                continue
            found = called(attribute(held, name, None), list(args), {})
            np.testing.assert_array_equal(held, expected)
            np.testing.assert_array_equal(found, answer)
            computed += 1
    assert computed


def test_it_computes_as_python_does_and_on_copies() -> None:
    m = module(
        """
import numpy as np
class Cell:
    rate = 0.5
    def __init__(self, w): self.w, self.seen = w, []
    def __call__(self, x, *, twice=False):
        self.seen.append(x.sum())
        return (2 if twice else 1) * self.rate * (x @ self.w)
def helper(x, k=2): return x ** k if k > 1 else x
def go(a, cache):
    cell, out = Cell(a.T), dict(total=0.0)
    for i, (name, x) in enumerate(cache.items()):
        if name == "skip" or i > 3: continue
        a[:, 0] += 1
        b = a
        b *= 2
        out[f"{name}{i}"] = cell(helper(x), twice=i % 2 == 0)
        out["total"] += float(np.max(out[f"{name}{i}"]))
    pairs = [(x, y) for x, y in zip(cell.seen, reversed(cell.seen)) if x is not None]
    (first, *_), last = tuple(pairs)[:2] if len(pairs) == 2 else (pairs, None)
    return a, out, (lambda s: s - 1)(pairs[0][1]), -1 < out["total"] != 0
""".replace("(first, *_), last = tuple(pairs)[:2] if len(pairs) == 2 else (pairs, None)", "pass")
    )
    a = np.arange(6.0).reshape(2, 3)
    cache = {"one": np.ones((1, 3)), "skip": 3, "two": np.full((2, 3), 1.5)}
    start = Start.of(m.go, [a, cache])
    found = Machine(Compiler(), 10_000).run(start)
    np.testing.assert_array_equal(a, np.arange(6.0).reshape(2, 3))
    again = Machine(Compiler(), 10_000).run(start)
    for one, other in zip((found, again), [m.go(a.copy(), cache)] * 2, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1].keys() == other[1].keys() and one[2:] == other[2:]
        for key in one[1]:
            np.testing.assert_array_equal(one[1][key], other[1][key])


def test_computed_as_numpy_does() -> None:
    rng = np.random.default_rng(1)
    head = "import math\nfrom itertools import product\nimport numpy as np\n"
    scope: dict[str, Any] = {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=(4, 2)), "i": 1,
                             "h": [np.ones(2), np.zeros(2)], "c": {"k": 2.0}}  # fmt: skip
    exec(head, scope)
    for text in ["(a @ b).T[:, i:] ** 2 - 1", "a.sum(axis=0, keepdims=True) / len(a)", "h[i - 1]",
                 "np.where(a > 0, a, -a)[..., None]", "c['k'] * a.shape[0]", "~(a > 0) * 1.0",
                 "np.einsum('ij,jk->ik', a, b)", "a[np.arange(3), [0, 1, 2]]",
                 "a if i else b", "(a > 0).astype(float)", "np.eye(3, dtype=float)[:, i]",
                 "np.dot(a, b)", "np.dot(a[0], a[1])", "np.outer(a[0], b[:, 0])",
                 "np.repeat(a, 2, axis=0)", "b.dot(b.T)",
                 "np.diag(a[:, :3])", "np.diag(a[0])", "np.tensordot(a, b, axes=1)",
                 "a[0].astype('f4')",
                 "np.concatenate([a, b.T[:, :]], axis=0)", "np.full_like(a, i)", "max(h[0][0], i)",
                 "np.tile(a[0], (2, 1))", "np.broadcast_to(a[0], (2, 4))", "np.arange(1, 4) ** 2",
                 "np.einsum('ij,jk', a, b)", "np.einsum('...j->j...', a)",
                 "float(a[0, 0])", "[*range(4, 0, -2)]", "sum([1, 2], 3)", "sorted([3, 1, 2])",
                 "list(zip([1, 2], 'ab', strict=True))", "list(enumerate([4, 5], 1))",
                 "list(product([1, 2], [3, 4]))", "[*product([0, 1], repeat=2)]",
                 "dict([(1, 2)], k=3)", "list(map(len, ['a', 'bc']))", "any([0, 1])",
                 "all([0, 1])", "[5, 6, 7][slice(1, None)]", "len(set([1, 2, 1]))",
                 "isinstance(1.5, (int, float))",
                 "'{} and {1}'.format(1, 2) if i > 1 else '{}'.format(i)", "str(2.5)",
                 "np.kron(a, b)", "np.vdot(a[0], a[1])", "np.pad(a, ((1, 0), (0, 2)))",
                 "np.linspace(0, 1, 3)", "np.triu_indices(3)[0]", "np.diff(a)",
                 "np.dstack([a, a])", "np.take(a, [1, 0], axis=1)", "np.diagflat(a[0])",
                 "np.take_along_axis(a, np.argsort(a), 1)", "a[np.ix_([0, 2], [1])]",
                 "np.lib.stride_tricks.sliding_window_view(a, (2, 2))", "math.sqrt(2) + math.pi",
                 "math.erf(0.3) * math.log1p(2)", "np.linalg.inv(a[:, :3])", "a.argmax()",
                 "a.trace()", "a.tolist()", "a[0].item(2)", "a.cumprod(axis=0)",
                 "a.round(1)"]:  # fmt: skip
        made = module(f"{head}def go(a, b, i, h, c): return {text}").go
        start = Start.of(made, [scope[n] for n in "abihc"])
        found, expected = Machine(Compiler(), 10_000).run(start), eval(text, scope)
        np.testing.assert_array_equal(found, expected)
        assert np.shape(found) == np.shape(expected), text


@pytest.mark.parametrize(
    ("name", "args", "at_most"),
    [
        ("zeros", ((2, 3),), 6), ("pad", (np.ones((2, 3)), ((1, 0), (0, 2))), 42),
        ("kron", (np.ones((2, 3)), np.ones((4, 5))), 120), ("vdot", (np.ones(3), np.ones(3)), 1),
        ("linspace", (0, 1, 7), 7), ("linspace", (0, 1), 50), ("triu_indices", (5,), 25),
        ("diff", (np.ones((3, 4)),), 12), ("dstack", ([np.ones(3), np.ones(3)],), 6),
        ("take", (np.ones((3, 4)), [0, 1]), 24), ("diagflat", (np.ones(4),), 16),
        ("take_along_axis", (np.ones((3, 4)), np.zeros((3, 1), int), 1), 36),
        ("ix_", ([0, 1], [0, 1, 2]), 5),
    ],
)  # fmt: skip
def test_how_large_it_becomes_is_known_before(name: str, args: Any, at_most: int) -> None:
    made = getattr(np, name)(*args)
    size = max(map(np.size, made)) if isinstance(made, tuple) else np.size(made)
    assert size <= SIZES[name](*args) == at_most
