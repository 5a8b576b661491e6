"""What is returned or kept is graded, whatever it is called; what cannot be is refused or said."""

from __future__ import annotations

import linecache
import threading
from typing import Any

import numpy as np
import pytest

import minigrad as mg

HEAD = """import numpy as np
def forward(x, w, b):
    h = np.tanh(x @ w + b)
    return h, (x, w, b, h)
"""
BODY = """def backward(dout, cache):
    x, w, b, h = cache
    dz = dout * (1 - h**2)
    dx = dz @ w.T
    dw = x.T @ dz
    db = dz.sum(0)
"""
ENDED = HEAD + BODY + "    return "
G = np.random.default_rng(0)
ARGS = (G.normal(size=(3, 3)), G.normal(size=(3, 3)), G.normal(size=3))


def scope_of(source: str) -> dict[str, Any]:
    name = f"<verdict {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope: dict[str, Any] = {"__name__": "student"}
    exec(compile(source, name, "exec"), scope)
    return scope


def graded(source: str, *args: Any, **options: Any) -> Any:
    scope = scope_of(source)
    return mg.check_backward(scope["forward"], scope.get("backward"), *(args or ARGS), **options)


@pytest.mark.parametrize(
    ("ending", "remark"),
    [
        ("dx, dx, db", "dx is returned where the gradient of w belongs"),
        ("dw, dw, db", "dw is returned where the gradient of x belongs"),
        ("{'x': dw, 'w': dx, 'b': db}", "dw and dx are exchanged"),
        ("{'dx': dx, 'dw': dx, 'db': db}", "dx stands where dw belongs"),
        ("None", "its gradients end with its variables: write return dx, dw, db"),
    ],
)
def test_what_is_returned_for_another_input_is_wrong(ending: str, remark: str) -> None:
    report = graded(ENDED + ending + "\n")
    assert report.first_error is not None, report
    assert remark in report.first_error.remark
    assert report.first_error.code.strip() == f"return {ending}"


@pytest.mark.parametrize(
    ("ending", "note"),
    [
        ("dx, dw", "computed and not returned: db"),
        ("dw, dx, db", "returned in another order than the inputs: dw, dx, db"),
        ("dz @ w.T, None, db", "not graded: the gradient of w, in whose place None is returned"),
    ],
)
def test_what_is_right_and_incomplete_is_noted(ending: str, note: str) -> None:
    report = graded(ENDED.replace("    dw = x.T @ dz\n", "") + ending + "\n" if "@" in ending
                    else ENDED + ending + "\n")  # fmt: skip
    assert report.ok, report
    assert note in report.note


JUNK = ("[x[:2, 0], x[0, :1]]", "[]", "{}", "'dw'", "print", "1j", "np.array(['w'])", "2.5", "3")


@pytest.mark.parametrize("junk", ["None", *JUNK])
@pytest.mark.parametrize(
    "ending",
    [
        "dx, {}, db",
        "(dx, {}, db), dout",
        "dx, {}, db, None",
        "db, {}, dx",
        "{{'x': dx, 'w': {}, 'b': db}}",
        "{{'dx': dx, 'dw': {}, 'db': db}}",
        "{{'dx': dx, 'dweight': {}, 'db': db}}",
        "{{'all': [dx, {}, db], 'h': h}}",
        "__import__('types').SimpleNamespace(dx=dx, dw={}, db=db)",
    ],
)
def test_what_stands_in_the_place_of_a_gradient_is_not_called_right(ending: str, junk: str) -> None:
    report = graded(ENDED + ending.format(junk) + "\n")
    assert not report.ok and "is right" not in report.headline, report


@pytest.mark.parametrize("ending", ["()", "{}", "[None] * 3", "[[]]", "'done'"])
def test_gradients_that_all_end_with_the_call_are_not_called_right(ending: str) -> None:
    assert not graded(ENDED + ending + "\n").ok


@pytest.mark.parametrize(
    ("ending", "args", "told"),
    [
        ("dout @ w.T, x.T @ dout, {}", "w, b", "b"),
        ("dout @ w.T, [x.T @ dout, {}]", "p", "p[1]"),
        ("{{'dx': dout @ w.T, 'dp': [x.T @ dout, {}]}}", "p", "p[1]"),
    ],
)
@pytest.mark.parametrize("how", ["", ".tolist()"], ids=["recorded", "not recorded"])
def test_what_stands_last_is_told(ending: str, args: str, told: str, how: str) -> None:
    source = f"""import numpy as np
def forward(x, {args}):
    w, b = {args}
    return np.array((x @ w + b){how}), (x, w)
def backward(dout, cache):
    x, w = cache
    return """
    args_ = (ARGS[0], [*ARGS[1:]]) if args == "p" else ARGS
    assert graded(source + ending.format("dout.sum(0)") + "\n", *args_).ok
    for junk in JUNK[:4]:
        report = graded(source + ending.format(junk) + "\n", *args_)
        assert not report.ok and f"the gradient of {told}, in whose place" in report.note, report


def test_lists_of_gradients_that_are_lost_or_stand_in_another_order() -> None:
    source = """import numpy as np
def forward(x, weights, shifts, scale):
    return scale * (x @ weights[0] @ weights[1] + shifts[0] + shifts[1]), (x, weights, scale)
def backward(dout, cache):
    x, (v, w), scale = cache
    dout = scale * dout
    ws = [x.T @ dout @ w.T, (x @ v).T @ dout]
    bs = [dout.sum(0), dout.sum(0)]
    return """
    args = ARGS[0], [ARGS[1], ARGS[1].T], [ARGS[2], 2 * ARGS[2]], 1.5
    report = graded(source + "ws, 1.0\n", *args)
    assert not report.ok and "computed and not returned: bs" in report.note, report
    report = graded(
        HEAD.replace("w, b):", "w, b, rate):") + BODY + "    return db, dx\n", *ARGS, 0.1
    )
    assert report.ok and "in another order than the inputs: db, dx" in report.note, report


@pytest.mark.parametrize("sign", ["> 0", "< 0"])
@pytest.mark.parametrize("other", ["-dout", "0 * dout", "dout.clip(-1, 1)", "abs(dout)"])
def test_what_is_right_for_one_gradient_from_above_is_held_at_another(
    sign: str, other: str
) -> None:
    wrong = f"(dout if dout.sum() {sign} else {other})"
    source = ENDED.replace("dz = dout", f"dz = {wrong}") + "dx, dw, db\n"
    report = graded(source)
    assert report.first_error is not None and "dz" in report.first_error.code, report
    layer = LAYER.format(init="self.W, self.b = W, b", W="self.W", b="self.b", dW="self.dW",
                         db="self.db", how="sum", axis=0)  # fmt: skip
    at = layer.index("def backward")
    layer = layer[:at] + layer[at:].replace("g @ ", f"{wrong.replace('dout', 'g')} @ ")
    assert not mg.check_backward(scope_of(layer)["Layer"](*ARGS[1:]), None, ARGS[0]).ok


@pytest.mark.parametrize("ending", ["dx, dw, db, {}", "{}, (dx, dw, db)", "(dx, dw, db), {}"])
@pytest.mark.parametrize("extra", ["None", "[h[0], x]", "[]", "{'h': [h], 'name': 'net'}", "x[0]"])
def test_what_is_returned_beside_the_gradients_is_no_error(ending: str, extra: str) -> None:
    assert graded(ENDED + ending.format(extra) + "\n").ok


@pytest.mark.parametrize("name", ["dV", "grad_right", "v"])
def test_a_loss_with_one_gradient_twice(name: str) -> None:
    source = """import numpy as np
def forward(U, V, y):
    e = U @ V - y
    loss = 0.5 * np.sum(e * e)
    dU = e @ V.T
    dV = U.T @ e
    return loss, dV, dV
"""
    first = graded(source.replace("dV", name), ARGS[0], ARGS[1], np.ones((3, 3), int)).first_error
    assert first is not None and first.code.strip().startswith("return")
    assert first.remark == f"{name} is returned where the gradient of U belongs"


@pytest.mark.parametrize("ending", ["{}, dw, db", "{{'x': {}, 'w': dw, 'b': db}}", "{}, db"])
def test_an_array_may_be_returned_as_a_list_of_rows(ending: str) -> None:
    assert graded(ENDED + ending.format("list(dx)") + "\n").ok
    assert not graded(ENDED + ending.format("[2 * row for row in dx]") + "\n").ok


NET = """import numpy as np
from collections import deque, namedtuple
from dataclasses import make_dataclass
from types import MappingProxyType, SimpleNamespace
Slots = make_dataclass("Slots", "wb", slots=True)
P = namedtuple("P", "w b")
def forward(x, t, {given}):
    {taken}
    h = np.tanh(x @ w + b)
    return np.sum((h - t) ** 2), (x, t, w, h)
def backward(cache):
    x, t, w, h = cache
    dh = 2 * (h - t)
    e = dh * (1 - h ** 2)
    u, v = x.T @ e, e.sum()
    {ending}
"""
WAYS = [
    ("w, b", "", "return u, v"),
    ("w, b", "", "return x.T @ e, e.sum()"),
    ("w, b", "", "dw, grad_bias = u, v; return dw, grad_bias"),
    ("w, b", "", "return {'weight': u, 'bias': v}"),
    ("w, b", "", "return SimpleNamespace(db=v, dw=u)"),
    ("p", "[w, b]", "return {'x': e @ w.T, 'p': [u, v]}"),
    ("p", "[w, b]", "return e @ w.T, (u, v)"),
    ("p", "[(w, b)]", "return e @ w.T, [[u, v]]"),
    ("p", "P(w, b)", "return P(u, v)"),
    ("p", "P(w, b)", "return P(b=v, w=u)._asdict()"),
    ("p", "{'l': {'w': w}, 'b': b}", "return {'l': {'dw': u}, 'b': v}"),
    ("w, b", "", "return u.tolist(), v"),
    ("w, b", "", "return {'w': u.tolist(), 'b': v}"),
    ("w, b", "", "return u + 0j, np.array(v, object)"),
    ("w, b", "", "return np.ma.array(u), np.ma.array(v)"),
    ("w, b", "", "return deque([u, v])"),
    ("w, b", "", "return MappingProxyType({'w': u, 'b': v})"),
    ("w, b", "", "return Slots(u, v)"),
    ("w, b", "", "o = np.empty((2, 1), object); o[:, 0] = u, v; return o"),
    ("w, b", "", "dw, db = u, v; return dw, dw, dw, db, db"),
    ("w, b", "", "return map(np.array, (u, v))"),
    ("w, b", "", "yield u; yield v"),
    ("w, b", "", "yield from (g for g in (u, v))"),
    ("w, b", "", "return u, v, ((((((([1.0, [u]],),),),),),),)"),
]


@pytest.mark.parametrize(("given", "held", "ending"), WAYS)
def test_gradients_are_graded_whatever_holds_them(given: str, held: str, ending: str) -> None:
    takes = {"P(w, b)": "w, b = p.w, p.b", "[(w, b)]": "(w, b), = p", "[w, b]": "w, b = p"}
    taken = takes.get(held, "w, b = p['l']['w'], p['b']") if held else "pass"
    source = NET.format(given=given, taken=taken, ending=ending)
    slips = ("e.sum()", "e.mean()"), ("x.T @ e", "2 * x.T @ e")
    for text, right in ((source, True), *((source.replace(*slip), False) for slip in slips)):
        scope = scope_of(text)
        p = eval(held or "w, b", scope | {"w": G.normal(size=(3, 2)), "b": 0.3})
        given_ = (p,) if held else p
        x, t = G.normal(size=(4, 3)), G.normal(size=(4, 2))
        report = mg.check_backward(scope["forward"], scope["backward"], x, t, *given_)
        assert report.ok is right, report
        assert right or "is right" not in report.headline


@pytest.mark.parametrize("b", [3, np.int64(3), np.array(3), np.float32(0.3)], ids=repr)
def test_numbers_of_any_kind_are_graded_where_their_gradient_is_named(b: Any) -> None:
    source = NET.format(given="w, b", taken="pass", ending="dw, db = u, FACTORv; return dw, db")
    for factor, right in (("", True), ("2 * ", False)):
        scope = scope_of(source.replace("FACTOR", factor))
        args = G.normal(size=(4, 3)), G.normal(size=(4, 2)), 0.1 * G.normal(size=(3, 2)), b
        assert mg.check_backward(scope["forward"], scope["backward"], *args).ok is right


def test_what_nobody_can_tell_is_not_called_right() -> None:
    source = NET.format(given="w, v, b", taken="h = x @ v", ending="return x.T @ h, e.sum()")
    scope = scope_of(source.replace("x @ w + b", "x @ w + b + h"))
    w = G.normal(size=(3, 2))
    args = G.normal(size=(4, 3)), G.normal(size=(4, 2)), w, 2 * w, 0.3
    report = mg.check_backward(scope["forward"], scope["backward"], *args)
    assert not report.ok and report.first_error is None
    assert report.headline == "backward: 2 gradients checked and right; not graded: [0]"
    assert "not graded: [0], as no variable" in report.note
    assert report.marks()[report.source[-1]] == "?"
    assert f"<td>?</td><td style='text-align:right'>{report.source[-1][0]}</td>" in (
        report._repr_html_()
    )
    assert report.note.endswith(
        "it may be the gradient of w or v: return gradients by name, or "
        "say names={'[0]': None} of what is none"
    )


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        ("n = 2 * e.sum(); return u, n", "n"),
        ("n = 2 * e.sum(); return n, u", "n"),
        ("return {'w': u, 'n': 2 * e.sum()}", "n"),
        ("return u, ([[2 * e.sum()]], 'n')", "[1][0][0][0]"),
        ("yield u; yield 2 * e.sum()", "[1]"),
    ],
)
def test_what_is_said_to_be_no_gradient_is_not_graded(ending: str, name: str) -> None:
    scope = scope_of(NET.format(given="w, b", taken="pass", ending=ending))
    args = G.normal(size=(4, 3)), G.normal(size=(4, 2)), G.normal(size=(3, 2)), 0.3
    check = lambda names: mg.check_backward(scope["forward"], scope["backward"], *args, names=names)
    assert not check(None).ok
    assert check({name: None}).ok


def test_slips_in_what_is_yielded_are_found_in_its_line() -> None:
    source = NET.format(given="w, b", taken="pass", ending="yield np.cos(u)\n    yield v")
    scope = scope_of(source)
    args = G.normal(size=(4, 3)), G.normal(size=(4, 2)), G.normal(size=(3, 2)), 0.3
    report = mg.check_backward(scope["forward"], scope["backward"], *args)
    assert report.first_error.code.strip() == "yield np.cos(u)"


LAYER = """import numpy as np
class Outer:
    def __init__(self, inner):
        self.inner = inner
    def forward(self, x):
        return self.inner.forward(x)
    def backward(self, g):
        return self.inner.backward(g)
class Held:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)
class Layer:
    def __init__(self, W, b):
        {init}
    def forward(self, x):
        self.x = x
        return x @ {W} + {b}
    def backward(self, g):
        {dW} = self.x.T @ g
        {db} = g.{how}({axis})
        return g @ {W}.T
"""
KEPT = [
    ("self.W, self.b = Held(W), Held(b)", "self.W.value", "self.b.value", "self.W.grad",
     "self.b.grad"),
    ("self.params = [W, b]; self.grads = [W * 0, b * 0]", "self.params[0]", "self.params[1]",
     "self.grads[0][...]", "self.grads[1][...]"),
    ("self.weight, self.bias = W, b", "self.weight", "self.bias", "self.dW", "self.db"),
    ("self._W, self._b = W, b", "self._W", "self._b", "self._dW", "self._db"),
    ("self.params, self.grads = [W, b], [None, None]", "self.params[0]", "self.params[1]",
     "self.grads[0]", "self.grads[1]"),
    ("self.W, self.b, self.grads = W, b, {}", "self.W", "self.b", "self.grads['dW']",
     "self.grads['db']"),
    ("self.g, self.b = W, b", "self.g", "self.b", "self.dg", "self.db"),
    ("self.params = {'in': W, 'out': b}", "self.params['in']", "self.params['out']",
     "self.dW_in", "self.db_out"),
    ("self.W, self.b = W, b", "self.W", "self.b", "dW", "db"),
]  # fmt: skip


@pytest.mark.parametrize("how", ["sum", "mean"])
@pytest.mark.parametrize("b", [ARGS[2], 0.3], ids=["array", "number"])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("kept", KEPT, ids=lambda k: k[4])
def test_gradients_are_graded_wherever_a_layer_keeps_them(
    kept: Any, deep: bool, b: Any, how: str
) -> None:
    places = dict(zip(("init", "W", "b", "dW", "db"), kept, strict=True))
    axis = 0 if isinstance(b, np.ndarray) else ""
    scope = scope_of(LAYER.format(**places, how=how, axis=axis))
    if (deep and kept[4] == "db") or (axis == "" and "..." in kept[4]):
        return  # they end with the call; a number cannot be filled
    layer = scope["Layer"](ARGS[1], b)
    report = mg.check_backward(scope["Outer"](layer) if deep else layer, None, ARGS[0])
    assert report.ok is (how == "sum"), report
    if how == "mean":
        assert f"g.mean({axis})" in report.first_error.code


def test_gradients_that_a_layer_does_not_keep_are_noted() -> None:
    source = LAYER.format(init="self.W, self.b = W, b", W="self.W", b="self.b",
                          dW="self.step_W", db="self.step_b", how="mean", axis=0)  # fmt: skip
    scope = scope_of(source)
    layer = scope["Layer"](ARGS[1], ARGS[2])
    report = mg.check_backward(layer, None, ARGS[0])
    assert "not graded: the gradients of self.W, self.b" in report.note
    assert not report.ok and report.headline.endswith(
        "1 gradient checked and right; not graded: self.step_W, self.step_b"
    )
    for r in (report, mg.check_backward(scope["Outer"](layer), None, ARGS[0])):
        assert [t.strip() for n, t in r.source if r.marks().get((n, t)) == "?"] == [
            "self.step_W = self.x.T @ g",
            "self.step_b = g.mean(0)",
        ]


@pytest.mark.parametrize(
    ("more", "slip", "error"),
    [
        ("    def __getattr__(self, name): return self.more[name]\n", "2 *", None),
        ("    lock = property(lambda self: 1 / 0)\n", "2 *", None),
        ("    __slots__ = 'W', 'x', 'dW'\n", "", "Layer has __slots__, .* leave __slots__ out"),
        ("    def backward(s, g): s.dW = 2 * s.x.T @ g; return g @ s.W.T\n", "",
         "first parameter of Layer.backward is called s, .* call it self"),
    ],
)  # fmt: skip
def test_layers_that_are_written_otherwise(more: str, slip: str, error: str | None) -> None:
    source = f"""
class Layer:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, g):
        self.dW = {slip} self.x.T @ g
        return g @ self.W.T
{more}"""
    layer = scope_of(source)["Layer"](ARGS[1])
    if error is not None:
        with pytest.raises(TypeError, match=error):
            mg.check_backward(layer, None, ARGS[0])
        return
    layer.opened = threading.Lock()  # cannot be copied
    assert mg.check_backward(layer, None, ARGS[0]).first_error.name == "self.dW"


def test_a_layer_whose_forward_pass_returns_nothing() -> None:
    source = """import numpy as np
class Dense:
    def __init__(self, weights):
        self.weights = weights
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.tanh(inputs @ self.weights)
    def backward(self, dvalues):
        dz = dvalues * (1 - self.output ** 2)
        self.dweights = self.inputs.T @ dz
        self.dinputs = dz @ self.weights
"""
    report = mg.check_backward(scope_of(source)["Dense"](ARGS[1]), None, ARGS[0])
    assert report.first_error is not None
    assert report.first_error.name == "self.dinputs"


@pytest.mark.parametrize("seed", range(4))
def test_rounding_of_coarser_types_is_no_error(seed: int) -> None:
    r = np.random.default_rng(seed)
    data = [r.normal(size=s).astype(np.float32) for s in ((4, 3), (3, 2), 2)]
    assert graded(ENDED + "dx, dw, db\n", *data)
    assert not graded(ENDED.replace("h**2", "h") + "dx, dw, db\n", *data)


@pytest.mark.parametrize(
    ("source", "options", "error"),
    [
        (ENDED + "dx, dw, db\n", {"upstream": np.full((3, 3), np.nan)},
         "entries that are not finite"),
        (ENDED.replace("np.tanh(", "np.random.default_rng().random() * np.tanh(") + "dx, dw, db\n",
         {}, "run twice on the same inputs, forward gives different values"),
        (ENDED + "dx, dw, db\n", {"names": {"dz": 3}}, "names is a dict such as .*, not {'dz': 3}"),
    ],
)  # fmt: skip
def test_what_cannot_be_graded_is_refused_by_its_reason(
    source: str, options: Any, error: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        graded(source, **options)


@pytest.mark.parametrize(
    "wrapper",
    [
        "def logged(f):\n    def inner(*a, **k):\n        return f(*a, **k)\n    return inner\n",
        "class logged:\n    def __init__(self, f): self.f = f\n"
        "    def __call__(self, *a): return self.f(*a)\n",
    ],
)
def test_wrappers_are_looked_through(wrapper: str) -> None:
    source = HEAD + wrapper + "@logged\n" + BODY + "    return dx, dw, db\n"
    assert graded(source).ok
    assert graded(source.replace("h**2", "h")).first_error.name == "dz"


def test_complex_intermediates_are_differenced() -> None:
    source = """import numpy as np
def forward(x):
    f = np.fft.fft(x)
    return (np.abs(f) ** 2).sum(), (x, f)
def backward(cache):
    x, f = cache
    dx = 2 * len(x) * np.real(np.fft.ifft(f))
    return dx
"""
    report = graded(source, ARGS[0][0])
    assert report.ok, report
    assert "complex numbers" in report.note


def test_the_part_of_a_tuple_that_is_called_like_the_parameter() -> None:
    source = """import numpy as np
def forward(x, w):
    caches = [(x, w)]
    out = x @ w
    return np.sum(out ** 2), (out, caches)
def backward(out, caches):
    (x, w), = caches
    dout = 2 * out
    return dout @ w.T, x.T @ dout
"""
    assert graded(source, *ARGS[:2])


@pytest.mark.parametrize(
    ("old", "new"),
    [("dv[t] = dS.T @ k[t]", "dv[t] = dS @ k[t]"), ("dk[t] = dS @ v[t]", "dk[t] = v[t] @ dS")],
)
def test_a_line_that_raises_in_a_loop_is_the_first_wrong_one(old: str, new: str) -> None:
    source = """import numpy as np
def forward(q, k, v):
    S, out, states = np.zeros((q.shape[1], v.shape[1])), np.zeros_like(v), []
    for t in range(len(q)):
        S = S + np.outer(k[t], v[t])
        out[t] = S.T @ q[t]
        states.append(S)
    return out, (q, k, v, states)
def backward(dout, cache):
    q, k, v, states = cache
    dq, dk, dv = (np.zeros_like(a) for a in (q, k, v))
    dS = np.zeros_like(states[0])
    for t in range(len(q) - 1, -1, -1):
        dq[t] = states[t] @ dout[t]
        dS = dS + np.outer(q[t], dout[t])
        dk[t] = dS @ v[t]
        dv[t] = dS.T @ k[t]
    return dq, dk, dv
"""
    data = [G.normal(size=s) for s in ((4, 3), (4, 3), (4, 2))]
    report = graded(source.replace(old, new), *data)
    assert report.first_error.code.strip() == new
    assert "do not fit" in report.first_error.remark
    assert [x.line for x in report.lines if x.verdict == "wrong"] == [report.first_error.line]


def test_a_file_that_was_edited_after_it_was_imported(tmp_path: Any) -> None:
    path = tmp_path / "student.py"
    source = ENDED.replace("h**2", "h") + "dx, dw, db\n"
    path.write_text(source)
    scope: dict[str, Any] = {"__name__": "student"}
    exec(compile(source, str(path), "exec"), scope)
    path.write_text("# mended\n" + ENDED + "dx, dw, db\n")
    report = mg.check_backward(scope["forward"], scope["backward"], *ARGS)
    assert not report.ok
    assert report.first_error.code == ""
    assert "was edited after it was imported" in report.note


def test_each_pass_of_a_loop_over_layers_of_other_shapes() -> None:
    source = """import numpy as np
def linear(A, W):
    return A @ W, (A, W)
def forward(x, parameters):
    A, caches = x, []
    for n in (1, 2, 3):
        A, cache = linear(A, parameters["W" + str(n)])
        caches.append(cache)
    return np.sum(A**2), (A, caches)
def back(dA, cache):
    A_prev, W = cache
    return dA @ W.T, A_prev.T @ dA
def backward(A, caches):
    grads, dA_prev = {}, 2 * A
    for n in (3, 2, 1):
        dA_prev, dW_temp = back(dA_prev, caches[n - 1])
        grads["dW" + str(n)] = dW_temp
    return grads
"""
    weights = {f"W{k + 1}": G.normal(size=s) for k, s in enumerate(((3, 2), (2, 3), (3, 1)))}
    assert graded(source, ARGS[0], weights, passes="all").ok


def test_one_gradient_again_in_the_place_of_others() -> None:
    source = """import numpy as np
def forward(x, params):
    z = x @ params["W"] + params["b"]
    return np.tanh(z), (x, z, params)
def backward(dout, cache):
    x, z, params = cache
    dz = dout * (1 - np.tanh(z) ** 2)
    grads = {"W": x.T @ dz, "b": dz.sum(0)}
    dx = dz @ params["W"].T
    return dx, grads
"""
    inputs = ARGS[0], {"W": G.normal(size=(3, 2)), "b": G.normal(size=2)}
    assert graded(source, *inputs).ok
    report = graded(source.replace("return dx, grads", "return dx, dx"), *inputs)
    assert not report.ok and report.first_error is None
    assert "in whose place [1] is returned" in report.note


@pytest.mark.parametrize("fill", ["np.inf", "-np.inf", "np.nan", "1e308"])
def test_entries_that_are_not_set_are_not_finite_and_warn_of_nothing(fill: str) -> None:
    source = f"""import numpy as np
def forward(x, k):
    out = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = np.mean(x[i*k:(i+1)*k, j*k:(j+1)*k])
    return out, (x.shape, k)
def backward(dout, cache):
    shape, k = cache
    dx = np.full(shape, {fill})
    for a in range(k):
        for b in range(k):
            dx[a::k, b::k] = dout / k**2
    return dx
"""
    assert graded(source, G.normal(size=(4, 4)), 2).ok
    report = graded(source.replace("dx[a::k, b::k]", "dx[a::k, a::k]"), G.normal(size=(4, 4)), 2)
    assert report.first_error.code.strip() == "dx[a::k, a::k] = dout / k**2"


def test_gradients_that_are_gathered_from_call_to_call() -> None:
    source = """import numpy as np
grads = {"W": np.zeros((3, 2))}
def forward(x, W):
    return x @ W, (x, W)
def backward(dout, cache):
    x, W = cache
    grads["W"] += x.T @ dout
    return dout @ W.T, grads["W"]
"""
    assert graded(source, ARGS[0], G.normal(size=(3, 2))).ok
